//! Markdown that streams in.
//!
//! Only the last top-level block of a text can change when more text comes, so the others are
//! rendered once. Which they are depends on complete lines alone, never on how the text was cut
//! into deltas. Three things keep a delta cheap whatever the text is:
//! - a code fence is read line by line and split into several blocks, continuing the highlighting;
//! - a last block that has grown long (a paragraph or list of many kilobytes) is rendered again only
//!   after it grew by a fixed share, and what came since is shown as it is;
//! - a big delta is looked at in windows, so that each parse is about as long as what it settles.
//!
//! Reference links are the exception to "rendered once": a definition may follow its use. A text that
//! has definitions is rendered again, once, by [`Markdown::finish`].

use crate::code::{CODE_END, Highlighter, LONGEST_LINE, code_start};
use crate::first_difference;
use crate::render::{self, Block, Definitions, NestedCode};
use crate::text::{Spaces, push_escaped};

/// A last block up to this size, in bytes, is rendered on every delta.
const ALWAYS: usize = 8 * 1024;
/// A longer one when it grew by one part in so many.
const SHARE: usize = 16;
/// How much more source a parse takes in at least.
const WINDOW: usize = 4 * 1024;
/// Lines of code in one block.
const PIECE_LINES: usize = 64;
/// Bytes of HTML after which a block of code ends early.
const PIECE_BYTES: usize = 32 * 1024;
/// Bytes of text in a block that is shown as it is.
const PENDING_BYTES: usize = 4 * 1024;

/// Markdown as blocks of safe HTML, incrementally.
///
/// `append`, `replace` and `finish` return the index of the first block that changed: a reader keeps
/// the blocks before it and takes the rest of [`blocks`](Self::blocks) again.
#[derive(Debug, Default)]
pub struct Markdown {
    /// The source with `\n` as its only line break.
    text: String,
    /// The source as it came, if it has other line breaks.
    raw: Option<String>,
    /// The source ends in a carriage return, which counted as a line break already.
    after_return: bool,
    blocks: Vec<String>,
    /// Blocks that never change again (definitions aside).
    settled: usize,
    /// Where in `text` the first unsettled block begins.
    tail: usize,
    /// Up to here `text` has been looked at for settled blocks.
    looked: usize,
    /// Where the last complete line ends.
    lines: usize,
    /// Up to here `text` is shown rendered; the rest as it is.
    rendered: usize,
    fence: Option<Fence>,
    definitions: Definitions,
    code: NestedCode,
    changed: usize,
}

/// A top-level code fence that is open.
#[derive(Debug)]
struct Fence {
    marker: u8,
    width: usize,
    indent: usize,
    language: String,
    highlighter: Highlighter,
    /// Where the next line begins in the text.
    next: usize,
    /// Complete lines in the last block, and where they end in its HTML.
    lines: usize,
    end: usize,
    /// The last block was opened for an incomplete line.
    borrowed: bool,
    /// Up to here an incomplete line is shown.
    shown: usize,
}

impl Markdown {
    /// No text, no blocks.
    pub fn new() -> Self {
        Self::default()
    }

    /// The blocks as they stand.
    pub fn blocks(&self) -> &[String] {
        &self.blocks
    }

    /// The source.
    pub fn text(&self) -> &str {
        self.raw.as_deref().unwrap_or(&self.text)
    }

    /// Appends source text. Returns the index of the first block that changed.
    pub fn append(&mut self, delta: &str) -> usize {
        self.changed = self.blocks.len();
        let end = self.text.len();
        self.push(delta);
        let grown = self.text.len() - self.tail;
        if self.fence.is_none() && grown > ALWAYS && self.text.len() - self.rendered < grown / SHARE
        {
            self.show_pending(end);
        } else {
            self.advance();
            self.show(false);
        }
        self.changed
    }

    /// Makes `text` the whole source. Returns the index of the first block that changed.
    pub fn replace(&mut self, text: &str) -> usize {
        if let Some(rest) = text.strip_prefix(self.text()) {
            return self.append(rest);
        }
        let old = std::mem::take(&mut self.blocks);
        *self = Self::new();
        self.append(text);
        first_difference(&old, &self.blocks)
    }

    /// Renders what is still shown as it is and resolves links to definitions that came after them.
    /// Returns the index of the first block that changed. More may be appended afterwards.
    pub fn finish(&mut self) -> usize {
        self.changed = self.blocks.len();
        let definitions = render::definitions(&self.text);
        if definitions.is_empty() && self.definitions.is_empty() {
            self.advance();
            self.show(true);
            return self.changed;
        }
        let old = std::mem::take(&mut self.blocks);
        let text = std::mem::take(&mut self.text);
        *self = Self {
            raw: self.raw.take(),
            after_return: self.after_return,
            ..Self::new()
        };
        for definition in definitions {
            self.definitions.insert(definition);
        }
        self.lines = text.rfind('\n').map_or(0, |at| at + 1);
        self.text = text;
        self.advance();
        self.show(true);
        first_difference(&old, &self.blocks)
    }

    fn push(&mut self, delta: &str) {
        let from = self.text.len();
        if self.raw.is_some() || delta.contains('\r') {
            let text = &self.text;
            self.raw.get_or_insert_with(|| text.clone()).push_str(delta);
            for c in delta.chars() {
                match c {
                    '\n' if self.after_return => {}
                    '\r' => self.text.push('\n'),
                    c => self.text.push(c),
                }
                self.after_return = c == '\r';
            }
        } else {
            self.text.push_str(delta);
        }
        if let Some(at) = self.text[from..].rfind('\n') {
            self.lines = from + at + 1;
        }
    }

    fn touch(&mut self, block: usize) {
        self.changed = self.changed.min(block);
    }

    /// Settles the next block.
    fn settle(&mut self, html: String) {
        match self.blocks.get_mut(self.settled) {
            Some(block) if *block == html => {}
            Some(block) => {
                *block = html;
                self.touch(self.settled);
            }
            None => {
                self.touch(self.settled);
                self.blocks.push(html);
            }
        }
        self.settled += 1;
    }

    fn truncate(&mut self, len: usize) {
        if self.blocks.len() > len {
            self.touch(len);
            self.blocks.truncate(len);
        }
    }

    /// Settles what complete lines settle.
    fn advance(&mut self) {
        loop {
            if let Some(fence) = self.fence.take() {
                match self.read_fence(fence) {
                    Some(open) => {
                        self.fence = Some(open);
                        return;
                    }
                    None => continue,
                }
            }
            if self.looked >= self.lines {
                return;
            }
            let window = WINDOW.max(self.looked - self.tail);
            let from = (self.looked + window).min(self.lines);
            let end = self.text.as_bytes()[from..self.lines]
                .iter()
                .position(|&byte| byte == b'\n')
                .map_or(self.lines, |at| from + at + 1);
            self.look(end);
        }
    }

    /// Parses the tail up to `end` and settles every block but the last; a fence is opened.
    fn look(&mut self, end: usize) {
        let begin = self.tail;
        let mut last: Option<Block> = None;
        let mut settled = Vec::new();
        let definitions = render::blocks(
            &self.text[begin..end],
            begin,
            &self.definitions,
            &mut self.code,
            |block| {
                let fence = block.fence.is_some();
                if let Some(before) = last.replace(block) {
                    settled.push(before.html);
                }
                !fence
            },
        );
        for html in settled {
            self.settle(html);
        }
        self.looked = end;
        let Some(last) = last else {
            return;
        };
        self.tail = begin + last.begin;
        for definition in definitions {
            if definition.span.end <= last.begin {
                self.definitions.insert(definition);
            }
        }
        self.code.forget_before(self.tail);
        if let Some(language) = last.fence {
            self.open_fence(language);
        }
    }

    fn open_fence(&mut self, language: String) {
        let end = line_end(&self.text, self.tail).unwrap_or(self.text.len());
        let line = &self.text[self.tail..end];
        let indent = line.len() - line.trim_start_matches(' ').len();
        let marker = line.as_bytes().get(indent).copied().unwrap_or(b'`');
        let width = line.as_bytes()[indent..]
            .iter()
            .take_while(|&&byte| byte == marker)
            .count();
        let mut html = code_start(&language, false);
        let piece_end = html.len();
        html.push_str(CODE_END);
        self.settle(html);
        self.truncate(self.settled);
        self.fence = Some(Fence {
            marker,
            width,
            indent,
            highlighter: Highlighter::for_language(&language),
            language,
            next: end,
            lines: 0,
            end: piece_end,
            borrowed: false,
            shown: 0,
        });
    }

    /// Reads the complete lines of a fence. Gives it back while it is open.
    fn read_fence(&mut self, mut fence: Fence) -> Option<Fence> {
        while fence.next < self.lines {
            let Some(end) = line_end(&self.text, fence.next) else {
                break;
            };
            let begin = fence.next;
            fence.next = end;
            if fence.borrowed {
                fence.borrowed = false;
                self.truncate(self.blocks.len() - 1);
            }
            let line = self.text[begin..end].trim_end_matches('\n');
            if fence.closes(line) {
                // What was shown of an incomplete line goes.
                self.end_piece(&fence, "");
                self.settled = self.blocks.len();
                (self.tail, self.looked) = (end, end);
                return None;
            }
            let mut html = String::new();
            fence
                .highlighter
                .line(fence.content(line), Spaces::Kept, &mut html);
            html.push('\n');
            if fence.is_full() {
                self.end_piece(&fence, "");
                self.next_piece(&mut fence);
            }
            self.end_piece(&fence, &html);
            fence.end += html.len();
            fence.lines += 1;
            fence.shown = 0;
        }
        self.settled = self.blocks.len() - 1;
        Some(fence)
    }

    /// Opens another block for the rest of a fence.
    fn next_piece(&mut self, fence: &mut Fence) {
        let mut html = code_start(&fence.language, true);
        fence.end = html.len();
        fence.lines = 0;
        html.push_str(CODE_END);
        self.touch(self.blocks.len());
        self.blocks.push(html);
    }

    /// Replaces what follows the complete lines of the last block.
    fn end_piece(&mut self, fence: &Fence, html: &str) {
        let last = self.blocks.len().saturating_sub(1);
        let Some(block) = self.blocks.last_mut() else {
            return;
        };
        let shown = &block[fence.end..block.len() - CODE_END.len()];
        if shown != html {
            block.truncate(fence.end);
            block.push_str(html);
            block.push_str(CODE_END);
            self.touch(last);
        }
    }

    /// Shows what is not settled.
    fn show(&mut self, finish: bool) {
        self.rendered = self.text.len();
        if let Some(mut fence) = self.fence.take() {
            self.show_incomplete_line(&mut fence, finish);
            self.fence = Some(fence);
            return;
        }
        let mut tail = Vec::new();
        render::blocks(
            &self.text[self.tail..],
            self.tail,
            &self.definitions,
            &mut self.code,
            |block| {
                tail.push(block.html);
                true
            },
        );
        let equal = first_difference(&self.blocks[self.settled..], &tail);
        if equal < tail.len() || self.settled + equal < self.blocks.len() {
            self.touch(self.settled + equal);
            self.blocks.truncate(self.settled + equal);
            self.blocks.extend(tail.into_iter().skip(equal));
        }
    }

    /// Shows the last line of a fence before its line break has come.
    fn show_incomplete_line(&mut self, fence: &mut Fence, finish: bool) {
        let line = &self.text[fence.next..];
        let hide = line.is_empty()
            || if finish {
                fence.closes(line)
            } else {
                fence.may_close(line)
            };
        if hide {
            if fence.borrowed {
                fence.borrowed = false;
                self.truncate(self.blocks.len() - 1);
            } else {
                self.end_piece(fence, "");
            }
            fence.shown = 0;
            return;
        }
        let long = line.len() > LONGEST_LINE && !finish;
        let end = fence.next + line.len();
        let mut html = String::new();
        if long && fence.shown > fence.next {
            push_escaped(&mut html, &self.text[fence.shown..end], Spaces::Kept);
            let last = self.blocks.len().saturating_sub(1);
            if let Some(block) = self.blocks.last_mut() {
                block.truncate(block.len() - CODE_END.len());
                block.push_str(&html);
                block.push_str(CODE_END);
            }
            self.touch(last);
            fence.shown = end;
            return;
        }
        fence.shown = if long { end } else { 0 };
        fence
            .highlighter
            .clone()
            .line(fence.content(line), Spaces::Kept, &mut html);
        if fence.borrowed {
            let end = code_start(&fence.language, true).len();
            let full = std::mem::replace(&mut fence.end, end);
            self.end_piece(fence, &html);
            fence.end = full;
        } else if fence.is_full() {
            let (end, lines) = (fence.end, fence.lines);
            self.end_piece(fence, "");
            self.next_piece(fence);
            self.end_piece(fence, &html);
            (fence.end, fence.lines, fence.borrowed) = (end, lines, true);
        } else {
            self.end_piece(fence, &html);
        }
    }

    /// Shows the text from `from` on as it is.
    fn show_pending(&mut self, from: usize) {
        const START: &str = "<p class=\"pending\">";
        const END: &str = "</p>";
        let last = self.blocks.len().saturating_sub(1);
        match self.blocks.last_mut() {
            Some(block) if block.starts_with(START) && block.len() < PENDING_BYTES => {
                block.truncate(block.len() - END.len());
                push_escaped(block, &self.text[from..], Spaces::Kept);
                block.push_str(END);
                self.touch(last);
            }
            _ => {
                let mut block = String::from(START);
                push_escaped(&mut block, &self.text[from..], Spaces::Kept);
                block.push_str(END);
                self.touch(self.blocks.len());
                self.blocks.push(block);
            }
        }
    }
}

impl Fence {
    fn is_full(&self) -> bool {
        self.lines >= PIECE_LINES || self.end >= PIECE_BYTES
    }

    /// A line without the indentation that the fence itself has.
    fn content<'l>(&self, line: &'l str) -> &'l str {
        let indent = line
            .bytes()
            .take(self.indent)
            .take_while(|&byte| byte == b' ')
            .count();
        &line[indent..]
    }

    fn closes(&self, line: &str) -> bool {
        let rest = line.trim_start_matches(' ');
        let markers = rest.bytes().take_while(|&byte| byte == self.marker).count();
        line.len() - rest.len() < 4
            && markers >= self.width
            && rest[markers..]
                .bytes()
                .all(|byte| byte == b' ' || byte == b'\t')
    }

    /// Whether an incomplete line may still become the one that closes the fence.
    fn may_close(&self, line: &str) -> bool {
        let rest = line.trim_start_matches(' ');
        let markers = rest.bytes().take_while(|&byte| byte == self.marker).count();
        line.len() - rest.len() < 4 && (markers == rest.len() || self.closes(line))
    }
}

/// Where the line that begins at `from` ends, its line break included.
fn line_end(text: &str, from: usize) -> Option<usize> {
    text[from..].find('\n').map(|at| from + at + 1)
}
