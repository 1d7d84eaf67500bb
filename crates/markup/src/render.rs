//! Markdown as HTML, one top-level block at a time.
//!
//! pulldown-cmark says what the text means; every tag and attribute is written here, so what cannot
//! be written here cannot come out. Raw HTML is text, images are links, links go to http, https and
//! mailto only and show where they lead.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;

use linkify::{LinkFinder, LinkKind};
use pulldown_cmark::{
    Alignment, BrokenLink, CodeBlockKind, CowStr, Event, HeadingLevel, LinkType, Options, Parser,
    Tag, TextMergeWithOffset,
};

use crate::code::{CODE_END, Highlighter, code_start, language};
use crate::text::{Spaces, push_escaped, visible};

/// Elements nested deeper than this are left out; their text stays. Web engines have such a limit too.
const DEEPEST: usize = 64;

/// Targets of reference links (`[label]: target`), by label.
#[derive(Debug, Clone, Default)]
pub(crate) struct Definitions(HashMap<String, String>);

/// A target and where in the source it stands.
pub(crate) struct Definition {
    pub(crate) label: String,
    pub(crate) target: String,
    pub(crate) span: Range<usize>,
}

impl Definitions {
    /// Keeps the first of equal labels.
    pub(crate) fn insert(&mut self, definition: Definition) {
        self.0.entry(definition.label).or_insert(definition.target);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn label(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

/// The definitions in a source, in its order.
pub(crate) fn definitions(source: &str) -> Vec<Definition> {
    if !source.contains("]:") {
        return Vec::new();
    }
    found(Parser::new_ext(source, options()).reference_definitions())
}

fn found(definitions: &pulldown_cmark::RefDefs<'_>) -> Vec<Definition> {
    let mut found: Vec<Definition> = definitions
        .iter()
        .map(|(name, definition)| Definition {
            label: label(name),
            target: definition.dest.to_string(),
            span: definition.span.clone(),
        })
        .collect();
    found.sort_by_key(|definition| definition.span.start);
    found
}

/// Code blocks inside other blocks, by where they begin in the whole text: what is highlighted already,
/// so that a list that grows does not highlight its code again and again.
#[derive(Debug, Default)]
pub(crate) struct NestedCode(HashMap<usize, Highlighted>);

#[derive(Debug)]
struct Highlighted {
    language: String,
    /// The complete lines in `html`.
    text: String,
    html: String,
    highlighter: Highlighter,
}

impl NestedCode {
    /// Forgets what begins before `at`.
    pub(crate) fn forget_before(&mut self, at: usize) {
        self.0.retain(|&begin, _| begin >= at);
    }

    fn html(&mut self, at: usize, language: &str, text: &str) -> String {
        let known = self
            .0
            .remove(&at)
            .filter(|known| known.language == language && text.starts_with(known.text.as_str()));
        let mut code = known.unwrap_or_else(|| Highlighted {
            language: language.to_owned(),
            text: String::new(),
            html: String::new(),
            highlighter: Highlighter::for_language(language),
        });
        let rest = &text[code.text.len()..];
        let complete = rest.rfind('\n').map_or(0, |at| at + 1);
        for line in rest[..complete].lines() {
            code.highlighter.line(line, Spaces::Kept, &mut code.html);
            code.html.push('\n');
        }
        code.text.push_str(&rest[..complete]);
        let mut html = code_start(language, false);
        html.push_str(&code.html);
        if complete < rest.len() {
            code.highlighter
                .clone()
                .line(&rest[complete..], Spaces::Kept, &mut html);
        }
        html.push_str(CODE_END);
        self.0.insert(at, code);
        html
    }
}

/// A top-level block.
pub(crate) struct Block {
    /// The line that it begins on, as an offset into the source.
    pub(crate) begin: usize,
    /// Its language, if it is a code fence.
    pub(crate) fence: Option<String>,
    pub(crate) html: String,
}

/// Renders the top-level blocks of a source that begins at `offset` of the whole text, until `each`
/// returns false. Returns the definitions in the source.
pub(crate) fn blocks(
    source: &str,
    offset: usize,
    known: &Definitions,
    code: &mut NestedCode,
    mut each: impl FnMut(Block) -> bool,
) -> Vec<Definition> {
    let resolve = |link: BrokenLink<'_>| {
        let target = known.0.get(&label(&link.reference))?;
        Some((CowStr::from(target.clone()), CowStr::Borrowed("")))
    };
    let parser = Parser::new_with_broken_link_callback(source, options(), Some(resolve));
    let definitions = found(parser.reference_definitions());
    let mut renderer = Renderer::new(source, offset, code);
    for (event, range) in TextMergeWithOffset::new(parser.into_offset_iter()) {
        if renderer.closers.is_empty() {
            renderer.begin = range.start;
            renderer.fence = match &event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => Some(language(info)),
                _ => None,
            };
        }
        renderer.event(event, range);
        if renderer.closers.is_empty() {
            let block = Block {
                begin: source[..renderer.begin].rfind('\n').map_or(0, |at| at + 1),
                fence: renderer.fence.take(),
                html: std::mem::take(&mut renderer.out),
            };
            if !each(block) {
                break;
            }
        }
    }
    definitions
}

/// What is due at the end of an element.
enum Closer {
    Tag(&'static str),
    Code {
        at: usize,
        language: String,
        text: String,
    },
    Link(Link),
}

/// The one link that is open: links do not nest.
struct Link {
    target: String,
    close: &'static str,
    /// Where its text begins in the HTML.
    begin: usize,
}

struct Renderer<'s> {
    source: &'s str,
    offset: usize,
    code: &'s mut NestedCode,
    out: String,
    closers: Vec<Closer>,
    begin: usize,
    fence: Option<String>,
    /// The text of the open link, to compare with its target.
    link_text: Option<String>,
    alignments: Vec<Alignment>,
    column: usize,
    in_head: bool,
    finder: LinkFinder,
}

impl<'s> Renderer<'s> {
    fn new(source: &'s str, offset: usize, code: &'s mut NestedCode) -> Self {
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url]);
        Self {
            source,
            offset,
            code,
            out: String::new(),
            closers: Vec::new(),
            begin: 0,
            fence: None,
            link_text: None,
            alignments: Vec::new(),
            column: 0,
            in_head: false,
            finder,
        }
    }

    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => {
                let closer = self.start(tag, range);
                self.closers.push(closer);
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text),
            Event::Code(text) => {
                self.out.push_str("<code>");
                self.literal(&text);
                self.out.push_str("</code>");
            }
            Event::Html(text) | Event::InlineHtml(text) => self.literal(&text),
            Event::SoftBreak => self.literal("\n"),
            Event::HardBreak => self.out.push_str("<br>"),
            Event::Rule => self.out.push_str("<hr>"),
            Event::TaskListMarker(done) => self.out.push_str(if done {
                "<span class=\"task\" role=\"img\" aria-label=\"Done\">☑</span> "
            } else {
                "<span class=\"task\" role=\"img\" aria-label=\"Not done\">☐</span> "
            }),
            // Not among the options; as text, should they ever come.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.literal(&text);
            }
        }
    }

    fn open(&mut self, open: &str, close: &'static str) -> Closer {
        if self.closers.len() >= DEEPEST {
            return Closer::Tag("");
        }
        self.out.push_str(open);
        Closer::Tag(close)
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) -> Closer {
        match tag {
            Tag::Paragraph => self.open("<p>", "</p>"),
            // A turn's heading is an h2, so headings within begin at h3.
            Tag::Heading { level, .. } => match level {
                HeadingLevel::H1 => self.open("<h3>", "</h3>"),
                HeadingLevel::H2 => self.open("<h4>", "</h4>"),
                HeadingLevel::H3 => self.open("<h5>", "</h5>"),
                _ => self.open("<h6>", "</h6>"),
            },
            Tag::BlockQuote(_) => self.open("<blockquote>", "</blockquote>"),
            Tag::CodeBlock(kind) => Closer::Code {
                at: self.offset + range.start,
                language: match kind {
                    CodeBlockKind::Fenced(info) => language(&info),
                    CodeBlockKind::Indented => String::new(),
                },
                text: String::new(),
            },
            Tag::HtmlBlock => self.open("<p class=\"raw\">", "</p>"),
            Tag::List(None) => self.open("<ul>", "</ul>"),
            Tag::List(Some(1)) => self.open("<ol>", "</ol>"),
            Tag::List(Some(first)) => self.open(&format!("<ol start=\"{first}\">"), "</ol>"),
            Tag::Item => self.open("<li>", "</li>"),
            Tag::Table(alignments) => {
                self.alignments = alignments;
                self.open("<div class=\"table\"><table>", "</tbody></table></div>")
            }
            Tag::TableHead => {
                (self.column, self.in_head) = (0, true);
                // The body is closed with the table.
                self.open("<thead><tr>", "</tr></thead><tbody>")
            }
            Tag::TableRow => {
                self.column = 0;
                self.open("<tr>", "</tr>")
            }
            Tag::TableCell => self.cell(),
            Tag::Emphasis => self.open("<em>", "</em>"),
            Tag::Strong => self.open("<strong>", "</strong>"),
            Tag::Strikethrough if self.source[range.start..].starts_with("~~") => {
                self.open("<del>", "</del>")
            }
            // One tilde is a home directory or an approximation more often than a deletion.
            Tag::Strikethrough => {
                self.literal("~");
                Closer::Tag("~")
            }
            Tag::Link {
                link_type,
                dest_url,
                ..
            } => {
                let mail = link_type == LinkType::Email && !dest_url.starts_with("mailto:");
                let target = if mail {
                    format!("mailto:{dest_url}")
                } else {
                    dest_url.to_string()
                };
                self.link(target, "")
            }
            Tag::Image { dest_url, .. } => self.link(dest_url.to_string(), " class=\"image\""),
            // Not among the options.
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => Closer::Tag(""),
        }
    }

    fn cell(&mut self) -> Closer {
        let class = match self.alignments.get(self.column) {
            Some(Alignment::Right) => " class=\"right\"",
            Some(Alignment::Center) => " class=\"center\"",
            Some(Alignment::Left | Alignment::None) | None => "",
        };
        self.column += 1;
        if self.in_head {
            self.open(&format!("<th{class}>"), "</th>")
        } else {
            self.open(&format!("<td{class}>"), "</td>")
        }
    }

    fn link(&mut self, target: String, class: &str) -> Closer {
        if self.link_text.is_some() || self.closers.len() >= DEEPEST {
            return Closer::Tag("");
        }
        let close = if may_open(&target) {
            self.anchor(&target, class);
            "</a>"
        } else {
            // A path, or a scheme that is not for opening: text that says where it points.
            self.out.push_str("<span class=\"target\" title=\"");
            push_escaped(&mut self.out, &target, Spaces::Shown);
            self.out.push_str("\">");
            "</span>"
        };
        self.link_text = Some(String::new());
        Closer::Link(Link {
            target,
            close,
            begin: self.out.len(),
        })
    }

    fn anchor(&mut self, target: &str, class: &str) {
        self.out.push_str("<a");
        self.out.push_str(class);
        self.out.push_str(" href=\"");
        push_address(&mut self.out, target);
        self.out
            .push_str("\" target=\"_blank\" rel=\"noreferrer noopener\" title=\"");
        push_escaped(&mut self.out, target, Spaces::Shown);
        self.out.push_str("\">");
    }

    fn end(&mut self) {
        match self.closers.pop() {
            None => {}
            Some(Closer::Tag(close)) => {
                if close.starts_with("</tr></thead>") {
                    self.in_head = false;
                }
                self.out.push_str(close);
            }
            Some(Closer::Code { at, language, text }) => {
                self.out.push_str(&self.code.html(at, &language, &text));
            }
            Some(Closer::Link(link)) => {
                let text = self.link_text.take().unwrap_or_default();
                if self.out.len() == link.begin {
                    push_escaped(&mut self.out, &link.target, Spaces::Shown);
                }
                self.out.push_str(link.close);
                if self.misleads(&text, &link.target) {
                    self.out.push_str(" <span class=\"target\">(");
                    push_escaped(&mut self.out, &link.target, Spaces::Shown);
                    self.out.push_str(")</span>");
                }
            }
        }
    }

    /// Whether the text of a link names another host than its target.
    fn misleads(&self, text: &str, target: &str) -> bool {
        let named = self.finder.links(text).next();
        let address = match &named {
            Some(link) => link.as_str(),
            None if names_host(text.trim()) => text.trim(),
            None => return false,
        };
        host(address) != host(target)
    }

    /// Text without meaning of its own.
    fn literal(&mut self, text: &str) {
        if let Some(Closer::Code { text: code, .. }) = self.closers.last_mut() {
            code.push_str(text);
            return;
        }
        if let Some(link) = &mut self.link_text {
            link.push_str(text);
        }
        push_escaped(&mut self.out, text, Spaces::Kept);
    }

    /// Text in which addresses become links.
    fn text(&mut self, text: &str) {
        let code = matches!(self.closers.last(), Some(Closer::Code { .. }));
        if code || self.link_text.is_some() || !text.contains("://") {
            return self.literal(text);
        }
        let mut from = 0;
        let links: Vec<(usize, usize)> = self
            .finder
            .links(text)
            .map(|link| (link.start(), link.end()))
            .collect();
        for (begin, end) in links {
            let target = &text[begin..end];
            if !may_open(target) {
                continue;
            }
            self.literal(&text[from..begin]);
            self.anchor(target, "");
            push_escaped(&mut self.out, target, Spaces::Shown);
            self.out.push_str("</a>");
            from = end;
        }
        self.literal(&text[from..]);
    }
}

/// The schemes that may be opened outside.
fn may_open(target: &str) -> bool {
    ["http://", "https://", "mailto:"].iter().any(|scheme| {
        target
            .get(..scheme.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    })
}

/// Writes an address for a quoted attribute; what has no place in an address is percent-encoded.
fn push_address(out: &mut String, address: &str) {
    for byte in address.bytes() {
        match byte {
            b'&' => out.push_str("&amp;"),
            b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b'^' | b'{' | b'|' | b'}' => {
                let _ = write!(out, "%{byte:02X}");
            }
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// Whether a text is the name of a host and nothing else, as far as names without a scheme can be
/// told from file names.
fn names_host(text: &str) -> bool {
    let name = text.split(['/', '?', '#']).next().unwrap_or_default();
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    name.starts_with("www.")
        || (!text.contains(char::is_whitespace)
            && ending.is_some_and(|ending| {
                matches!(
                    ending.as_str(),
                    "com" | "org" | "net" | "io" | "dev" | "app" | "edu" | "gov"
                )
            }))
}

/// The host that an address leads to.
fn host(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    visible(host.trim_start_matches("www.")).to_lowercase()
}
