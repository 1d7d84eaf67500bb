//! What a command printed, as it would stand in a terminal that only scrolls.
//!
//! Colours are kept, carriage returns and backspaces move within the line, as do the few sequences
//! that progress bars use (erase in line, cursor left, right and to a column). Everything else that
//! would move, ask or name something is dropped: there is no screen here, and vertical moves
//! would rewrite lines that were shown already.

use vte::{Params, Parser, Perform};

use crate::ansi::Style;
use crate::first_difference;
use crate::text::{Spaces, push_escaped};

/// Lines in one block.
const BLOCK_LINES: usize = 64;
/// Bytes of HTML after which a block ends early.
const BLOCK_BYTES: usize = 64 * 1024;
/// A longer line is wrapped here, so that the cost of a line is bounded.
const WIDEST: usize = 4096;

const START: &str = "<pre class=\"output\"><samp>";
const END: &str = "</samp></pre>";

/// Terminal output as blocks of safe HTML, incrementally.
///
/// `append` and `replace` return the index of the first block that changed. Escape sequences may be
/// split across appends.
#[derive(Default)]
pub struct Output {
    parser: Parser,
    screen: Screen,
    blocks: Vec<String>,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("blocks", &self.blocks.len())
            .finish_non_exhaustive()
    }
}

/// The block that is being filled.
#[derive(Default)]
struct Screen {
    /// Blocks that are full.
    full: Vec<String>,
    /// The complete lines of the block, as HTML.
    done: String,
    lines: usize,
    line: Vec<(char, Style)>,
    column: usize,
    style: Style,
    /// The last block shown is this one, not a full one.
    open: bool,
}

impl Output {
    /// No text, no blocks.
    pub fn new() -> Self {
        Self::default()
    }

    /// The blocks as they stand.
    pub fn blocks(&self) -> &[String] {
        &self.blocks
    }

    /// Appends what was printed. Returns the index of the first block that changed.
    pub fn append(&mut self, text: &str) -> usize {
        let settled = self
            .blocks
            .len()
            .saturating_sub(usize::from(self.screen.open));
        self.parser.advance(&mut self.screen, text.as_bytes());
        let mut new = std::mem::take(&mut self.screen.full);
        let tail = self.screen.block();
        self.screen.open = tail.is_some();
        new.extend(tail);
        let equal = first_difference(&self.blocks[settled..], &new);
        self.blocks.truncate(settled + equal);
        self.blocks.extend(new.into_iter().skip(equal));
        settled + equal
    }

    /// Makes `text` all that was printed. Returns the index of the first block that changed.
    pub fn replace(&mut self, text: &str) -> usize {
        let old = std::mem::take(&mut self.blocks);
        *self = Self::new();
        self.append(text);
        first_difference(&old, &self.blocks)
    }
}

impl Screen {
    /// What is in the block that is being filled.
    fn block(&self) -> Option<String> {
        if self.lines == 0 && self.line.is_empty() {
            return None;
        }
        let mut html = String::with_capacity(START.len() + self.done.len() + END.len() + 64);
        html.push_str(START);
        html.push_str(&self.done);
        push_line(&mut html, &self.line);
        html.push_str(END);
        Some(html)
    }

    fn end_line(&mut self) {
        push_line(&mut self.done, &self.line);
        self.done.push('\n');
        self.line.clear();
        self.column = 0;
        self.lines += 1;
    }

    /// Text comes for a new line: the block may have to end first.
    fn make_room(&mut self) {
        if self.line.is_empty() && (self.lines >= BLOCK_LINES || self.done.len() >= BLOCK_BYTES) {
            self.full.push(format!("{START}{}{END}", self.done));
            self.done.clear();
            self.lines = 0;
        }
    }
}

fn push_line(out: &mut String, line: &[(char, Style)]) {
    let mut text = String::new();
    for run in line.chunk_by(|(_, a), (_, b)| a == b) {
        text.clear();
        text.extend(run.iter().map(|(c, _)| *c));
        let styled = run.first().is_some_and(|(_, style)| style.open(out));
        push_escaped(out, &text, Spaces::Kept);
        if styled {
            out.push_str("</span>");
        }
    }
}

impl Perform for Screen {
    fn print(&mut self, c: char) {
        if self.column >= WIDEST {
            self.end_line();
        }
        self.make_room();
        let cell = (c, self.style);
        if let Some(old) = self.line.get_mut(self.column) {
            *old = cell;
        } else {
            self.line.resize(self.column, (' ', Style::default()));
            self.line.push(cell);
        }
        self.column += 1;
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            // Form feed and vertical tab go to the next line, too.
            b'\n' | 0x0B | 0x0C => {
                self.make_room();
                self.end_line();
            }
            b'\r' => self.column = 0,
            b'\t' => self.print('\t'),
            0x08 => self.column = self.column.saturating_sub(1),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        let first = params
            .iter()
            .next()
            .and_then(|param| param.first().copied());
        let count = usize::from(first.unwrap_or(0).max(1));
        match action {
            'm' => self.style.apply(params),
            'C' => self.column = (self.column + count).min(WIDEST),
            'D' => self.column = self.column.saturating_sub(count),
            'G' => self.column = (count - 1).min(WIDEST),
            'K' => match first.unwrap_or(0) {
                0 => self.line.truncate(self.column),
                1 => {
                    let end = (self.column + 1).min(self.line.len());
                    self.line[..end].fill((' ', Style::default()));
                }
                2 => self.line.clear(),
                _ => {}
            },
            _ => {}
        }
    }
}
