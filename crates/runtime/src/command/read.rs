//! From a line to its commands: the grammar's tree, laid flat.
//!
//! The grammar is bash's, by the crate `rable`; none of its types leave this module and
//! [`super::word`]. It recurses, and reads nested substitutions again at each level, so what could
//! take it long is turned away before, and it runs on a stack of its own.

use std::ops::Range;

use rable::{ListOperator, Node, NodeKind};

use super::doubt::{Doubt, DoubtKind};
use super::word::{Inner, Word, decode};
use super::{Joint, LONGEST_LINE};

/// Enough for the thousand levels that the grammar allows itself, unoptimised.
const STACK: usize = 64 << 20;
/// The most that a line's length times the square of its substitutions may be: the time that the
/// grammar takes grows like this.
const MOST_WORK: usize = 1 << 23;
/// The most substitutions, for the same reason.
const MOST_SUBSTITUTIONS: usize = 48;
/// The most opening braces in one unbroken run: the time that it takes is their square.
const MOST_BRACES: usize = 1000;
/// The most separators: the grammar goes one level deeper with each.
const MOST_SEPARATORS: usize = 4096;
/// How often text that the grammar left alone is tried as commands.
const MOST_TRIES: usize = 16;

/// The commands of a line.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) commands: Vec<Command>,
    pub(super) doubts: Vec<Doubt>,
    /// Functions that are defined.
    pub(super) functions: Vec<String>,
}

/// One command.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) span: Range<usize>,
    pub(super) joint: Joint,
    /// Its input is a pipe, a file or a here-document, by itself or by what it stands in.
    pub(super) is_fed: bool,
    /// Variables that are set before it: name and value.
    pub(super) assigned: Vec<(String, Word)>,
    pub(super) words: Vec<Word>,
    pub(super) redirects: Vec<Redirect>,
}

/// Where input or output goes.
#[derive(Debug, Clone)]
pub(super) struct Redirect {
    pub(super) kind: RedirectKind,
    pub(super) target: Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RedirectKind {
    Read,
    Write,
    /// A here-document or a here-string; the target is its text.
    Text,
    /// Between streams.
    Stream,
}

/// Reads a line on a stack of its own.
pub(super) fn read(line: &str) -> Found {
    if is_too_big(line) {
        return unread(line, DoubtKind::TooBig);
    }
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("command-line".into())
            .stack_size(STACK)
            .spawn_scoped(scope, || read_here(line))
            .ok()
            .and_then(|thread| thread.join().ok())
    })
    .unwrap_or_else(|| unread(line, DoubtKind::NotParsed))
}

fn is_too_big(line: &str) -> bool {
    if line.len() > LONGEST_LINE {
        return true;
    }
    let bytes = line.as_bytes();
    let substitutions = bytes
        .iter()
        .zip(bytes.iter().skip(1))
        .filter(|pair| matches!(pair, (b'$' | b'<' | b'>', b'(')))
        .count();
    let braces = line
        .split_ascii_whitespace()
        .map(|run| run.bytes().filter(|&b| b == b'{').count())
        .max();
    let separators = bytes.iter().filter(|b| matches!(b, b';' | b'&')).count();
    substitutions > MOST_SUBSTITUTIONS
        || line.len() * (substitutions + 1).pow(2) > MOST_WORK
        || braces > Some(MOST_BRACES)
        || separators > MOST_SEPARATORS
}

fn unread(line: &str, kind: DoubtKind) -> Found {
    Found {
        doubts: vec![Doubt::new(kind, 0..line.len())],
        ..Found::default()
    }
}

fn read_here(line: &str) -> Found {
    let Ok(nodes) = rable::parse(line, false) else {
        return unread(line, DoubtKind::NotParsed);
    };
    let mut bytes: Vec<usize> = line.char_indices().map(|(index, _)| index).collect();
    bytes.push(line.len());
    let mut walk = Walk {
        line,
        bytes,
        found: Found::default(),
        tries: MOST_TRIES,
    };
    let origin = Origin {
        base: Some(0),
        whole: 0..line.len(),
    };
    walk.sequence(&nodes, Joint::First, false, &origin);
    walk.found
}

/// Reads text that another program runs as commands; it has the place of `span`.
pub(super) fn read_nested(text: &str, span: &Range<usize>) -> Found {
    let mut found = read(text);
    for command in &mut found.commands {
        command.span = span.clone();
        if command.joint == Joint::First {
            command.joint = Joint::Wrapped;
        }
        for word in &mut command.words {
            word.span = span.clone();
        }
    }
    for doubt in &mut found.doubts {
        doubt.span = span.clone();
    }
    found
}

/// Where the tree's places are in the line.
#[derive(Clone)]
struct Origin {
    /// What to add to them, in characters. `None` when it is not known.
    base: Option<usize>,
    /// The bytes that hold them all.
    whole: Range<usize>,
}

struct Walk<'l> {
    line: &'l str,
    /// The byte of each character, and the end.
    bytes: Vec<usize>,
    found: Found,
    tries: usize,
}

impl Walk<'_> {
    fn doubt(&mut self, kind: DoubtKind, span: Range<usize>) {
        self.found.doubts.push(Doubt::new(kind, span));
    }

    fn place(&self, node: &Node, origin: &Origin) -> Range<usize> {
        let at = |place: usize| self.bytes.get(origin.base? + place).copied();
        match (at(node.span.start), at(node.span.end)) {
            (Some(start), Some(end)) if start < end && start >= origin.whole.start => {
                start..end.min(origin.whole.end).max(start)
            }
            _ => origin.whole.clone(),
        }
    }

    fn sequence(&mut self, nodes: &[Node], first: Joint, is_fed: bool, origin: &Origin) {
        for (index, node) in nodes.iter().enumerate() {
            let joint = if index == 0 { first } else { Joint::Then };
            self.node(node, joint, is_fed, origin);
        }
    }

    fn node(&mut self, node: &Node, joint: Joint, is_fed: bool, origin: &Origin) {
        match &node.kind {
            NodeKind::List { items } => {
                let mut joint = joint;
                for item in items {
                    self.node(&item.command, joint, is_fed, origin);
                    joint = match item.operator {
                        Some(ListOperator::And) => Joint::And,
                        Some(ListOperator::Or) => Joint::Or,
                        Some(ListOperator::Background) => Joint::Background,
                        Some(ListOperator::Semi) | None => Joint::Then,
                    };
                }
            }
            NodeKind::Pipeline { commands, .. } => {
                for (index, command) in commands.iter().enumerate() {
                    let joint = if index == 0 { joint } else { Joint::Pipe };
                    self.node(command, joint, is_fed || index > 0, origin);
                }
            }
            NodeKind::Negation { pipeline } | NodeKind::Time { pipeline, .. } => {
                // `!` and `time` change nothing about what runs, but the line is not plain any more.
                let joint = if joint == Joint::First {
                    Joint::Body
                } else {
                    joint
                };
                self.node(pipeline, joint, is_fed, origin);
            }
            NodeKind::Command {
                assignments,
                words,
                redirects,
            } => self.command(node, assignments, words, redirects, joint, is_fed, origin),
            NodeKind::If {
                condition,
                then_body,
                else_body,
                redirects,
            } => {
                let is_fed = self.around(redirects, joint, is_fed, origin);
                self.node(condition, Joint::Body, is_fed, origin);
                self.node(then_body, Joint::Body, is_fed, origin);
                if let Some(body) = else_body {
                    self.node(body, Joint::Body, is_fed, origin);
                }
            }
            NodeKind::While {
                condition,
                body,
                redirects,
            }
            | NodeKind::Until {
                condition,
                body,
                redirects,
            } => {
                let is_fed = self.around(redirects, joint, is_fed, origin);
                self.node(condition, Joint::Body, is_fed, origin);
                self.node(body, Joint::Body, is_fed, origin);
            }
            NodeKind::For {
                words,
                body,
                redirects,
                ..
            }
            | NodeKind::Select {
                words,
                body,
                redirects,
                ..
            } => {
                let is_fed = self.around(redirects, joint, is_fed, origin);
                for word in words.iter().flatten() {
                    self.word(word, is_fed, origin);
                }
                self.node(body, Joint::Body, is_fed, origin);
            }
            NodeKind::ForArith {
                init,
                cond,
                incr,
                body,
                redirects,
            } => {
                let is_fed = self.around(redirects, joint, is_fed, origin);
                let place = self.place(node, origin);
                for text in [init, cond, incr] {
                    self.hidden(text, is_fed, &place);
                }
                self.node(body, Joint::Body, is_fed, origin);
            }
            NodeKind::Case {
                word,
                patterns,
                redirects,
            } => {
                let is_fed = self.around(redirects, joint, is_fed, origin);
                self.word(word, is_fed, origin);
                for clause in patterns {
                    for pattern in &clause.patterns {
                        self.word(pattern, is_fed, origin);
                    }
                    if let Some(body) = &clause.body {
                        self.node(body, Joint::Body, is_fed, origin);
                    }
                }
            }
            NodeKind::Function { name, body } => {
                let place = self.place(node, origin);
                self.doubt(DoubtKind::Redefinition, place);
                self.found.functions.push(name.clone());
                // It is called with any input.
                self.node(body, Joint::Body, true, origin);
            }
            NodeKind::Subshell { body, redirects } => {
                let is_fed = self.around(redirects, joint, is_fed, origin);
                self.node(body, Joint::Subshell, is_fed, origin);
            }
            NodeKind::BraceGroup { body, redirects } => {
                let is_fed = self.around(redirects, joint, is_fed, origin);
                self.node(body, Joint::Body, is_fed, origin);
            }
            NodeKind::Coproc { command, .. } => {
                let unplaced = Origin {
                    base: None,
                    whole: self.place(node, origin),
                };
                self.node(command, Joint::Background, true, &unplaced);
            }
            NodeKind::ConditionalExpr { body, redirects } => {
                self.builtin(node, "[[", joint, is_fed, origin);
                self.around(redirects, Joint::Body, is_fed, origin);
                let place = self.place(node, origin);
                self.condition(body, is_fed, &place);
            }
            NodeKind::ArithmeticCommand {
                redirects,
                raw_content,
                ..
            } => {
                self.builtin(node, "((", joint, is_fed, origin);
                self.around(redirects, Joint::Body, is_fed, origin);
                let place = self.place(node, origin);
                self.hidden(raw_content, is_fed, &place);
            }
            NodeKind::Empty | NodeKind::Comment { .. } => {}
            _ => {
                let place = self.place(node, origin);
                self.doubt(DoubtKind::NotParsed, place);
            }
        }
    }

    /// The redirections of a compound command, as a command without words. Returns whether what is
    /// inside is fed.
    fn around(&mut self, redirects: &[Node], joint: Joint, is_fed: bool, origin: &Origin) -> bool {
        let Some((first, rest)) = redirects.split_first() else {
            return is_fed;
        };
        let read: Vec<_> = redirects
            .iter()
            .filter_map(|redirect| self.redirect(redirect, is_fed, origin))
            .collect();
        let feeds = read
            .iter()
            .any(|redirect| matches!(redirect.kind, RedirectKind::Read | RedirectKind::Text));
        let start = self.place(first, origin);
        let end = rest
            .last()
            .map_or(start.end, |last| self.place(last, origin).end);
        self.found.commands.push(Command {
            span: start.start..end.max(start.end),
            joint: if joint == Joint::First {
                Joint::Body
            } else {
                joint
            },
            is_fed,
            assigned: Vec::new(),
            words: Vec::new(),
            redirects: read,
        });
        is_fed || feeds
    }

    /// A command that the grammar itself is: `[[ ... ]]`, `(( ... ))`.
    fn builtin(&mut self, node: &Node, name: &str, joint: Joint, is_fed: bool, origin: &Origin) {
        let span = self.place(node, origin);
        self.found.commands.push(Command {
            joint,
            is_fed,
            assigned: Vec::new(),
            words: vec![Word::plain(name, span.clone())],
            redirects: Vec::new(),
            span,
        });
    }

    fn condition(&mut self, node: &Node, is_fed: bool, place: &Range<usize>) {
        match &node.kind {
            NodeKind::CondTerm { value, .. } => {
                let origin = Origin {
                    base: None,
                    whole: place.clone(),
                };
                match rable::parse(&format!(": {value}"), false).as_deref() {
                    Ok(
                        [
                            Node {
                                kind: NodeKind::Command { words, .. },
                                ..
                            },
                        ],
                    ) => {
                        for word in words {
                            self.word(word, is_fed, &origin);
                        }
                    }
                    _ => self.hidden(value, is_fed, place),
                }
            }
            NodeKind::UnaryTest { operand, .. }
            | NodeKind::CondNot { operand }
            | NodeKind::CondParen { inner: operand } => self.condition(operand, is_fed, place),
            NodeKind::BinaryTest { left, right, .. }
            | NodeKind::CondAnd { left, right }
            | NodeKind::CondOr { left, right } => {
                self.condition(left, is_fed, place);
                self.condition(right, is_fed, place);
            }
            NodeKind::Word { value, .. } => self.hidden(value, is_fed, place),
            _ => self.doubt(DoubtKind::NotParsed, place.clone()),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn command(
        &mut self,
        node: &Node,
        assignments: &[Node],
        words: &[Node],
        redirects: &[Node],
        joint: Joint,
        is_fed: bool,
        origin: &Origin,
    ) {
        let index = self.found.commands.len();
        self.found.commands.push(Command {
            span: self.place(node, origin),
            joint,
            is_fed,
            assigned: Vec::new(),
            words: Vec::new(),
            redirects: Vec::new(),
        });
        let redirects: Vec<_> = redirects
            .iter()
            .filter_map(|redirect| self.redirect(redirect, is_fed, origin))
            .collect();
        let is_fed = is_fed
            || redirects
                .iter()
                .any(|redirect| matches!(redirect.kind, RedirectKind::Read | RedirectKind::Text));
        let assigned = assignments
            .iter()
            .map(|word| self.word(word, is_fed, origin))
            .map(|word| {
                let name = word.raw.split(['=', '[', '+']).next().unwrap_or_default();
                (name.to_owned(), word)
            })
            .collect();
        let words = words
            .iter()
            .map(|word| self.word(word, is_fed, origin))
            .collect();
        if let Some(command) = self.found.commands.get_mut(index) {
            command.is_fed = is_fed;
            command.redirects = redirects;
            command.assigned = assigned;
            command.words = words;
        }
    }

    fn redirect(&mut self, node: &Node, is_fed: bool, origin: &Origin) -> Option<Redirect> {
        let place = self.place(node, origin);
        match &node.kind {
            NodeKind::HereDoc {
                content,
                quoted,
                complete,
                ..
            } => {
                if !quoted {
                    self.hidden(content, is_fed, &place);
                }
                if !complete {
                    self.doubt(DoubtKind::OpenHereDocument, place.clone());
                }
                let mut target = Word::plain(content.clone(), place);
                if !quoted && content.contains(['$', '`', '\\']) {
                    target.value = None;
                    target.has_expansion = true;
                }
                Some(Redirect {
                    kind: RedirectKind::Text,
                    target,
                })
            }
            NodeKind::Redirect { op, target, .. } => {
                let unplaced = Origin {
                    base: None,
                    whole: place,
                };
                let target = self.word(target, is_fed, &unplaced);
                let is_stream = target.value.as_deref().is_some_and(|value| {
                    value
                        .trim_end_matches('-')
                        .bytes()
                        .all(|b| b.is_ascii_digit())
                });
                let kind = match op.trim_start_matches(|c: char| c.is_ascii_digit()) {
                    ">&" | "<&" if is_stream => RedirectKind::Stream,
                    "<<<" => RedirectKind::Text,
                    "<" | "<&" => RedirectKind::Read,
                    _ => RedirectKind::Write,
                };
                Some(Redirect { kind, target })
            }
            _ => {
                self.doubt(DoubtKind::NotParsed, place);
                None
            }
        }
    }

    fn word(&mut self, node: &Node, is_fed: bool, origin: &Origin) -> Word {
        let mut span = self.place(node, origin);
        let NodeKind::Word { value, .. } = &node.kind else {
            self.doubt(DoubtKind::NotParsed, span.clone());
            return Word::default();
        };
        let is_exact = self.line.get(span.clone()) == Some(value);
        if !is_exact {
            // A word that a line's end breaks is longer than its place says.
            span.end = span
                .end
                .max((span.start + value.len()).min(origin.whole.end));
            while !self.line.is_char_boundary(span.end) {
                span.end += 1;
            }
        }
        let start = origin
            .base
            .filter(|_| is_exact)
            .map(|base| base + node.span.start);
        if value.contains("\\`") && value.replace("\\`", "").contains('`') {
            self.doubt(DoubtKind::HiddenCommand, span.clone());
        }
        let mut inside = Vec::new();
        let word = decode(node, span.clone(), &mut |inner| inside.push(inner));
        for inner in inside {
            match inner {
                Inner::Command {
                    node,
                    base,
                    is_fed: is_written,
                } => {
                    if let Some(text) = base.and_then(|base| backticked(&word.raw, base)) {
                        self.doubt(DoubtKind::HiddenCommand, span.clone());
                        if let Ok(nodes) = rable::parse(&text, false) {
                            let origin = Origin {
                                base: None,
                                whole: span.clone(),
                            };
                            self.sequence(&nodes, Joint::Substitution, is_fed, &origin);
                            continue;
                        }
                    }
                    let origin = Origin {
                        base: start.zip(base).map(|(start, offset)| start + offset),
                        whole: span.clone(),
                    };
                    self.node(node, Joint::Substitution, is_fed || is_written, &origin);
                }
                Inner::Text(text) => self.hidden(text, is_fed, &span),
            }
        }
        word
    }

    /// Text in which the grammar does not look for commands, though the shell does: defaults of
    /// parameters, arithmetic, here-documents.
    fn hidden(&mut self, text: &str, is_fed: bool, place: &Range<usize>) {
        let openers = ["$(", "`", "<(", ">(", "${ ", "${|"];
        let unescaped = text
            .replace("\\\\", "")
            .replace("\\$", "")
            .replace("\\`", "");
        if !openers.iter().any(|opener| unescaped.contains(opener)) {
            return;
        }
        self.doubt(DoubtKind::HiddenCommand, place.clone());
        let origin = Origin {
            base: None,
            whole: place.clone(),
        };
        for opener in ["$(", "<(", ">(", "`"] {
            let close = if opener == "`" { '`' } else { ')' };
            let mut rest = text;
            while let Some((_, behind)) = rest.split_once(opener) {
                rest = behind;
                for (end, _) in behind.match_indices(close) {
                    if self.tries == 0 {
                        return;
                    }
                    self.tries -= 1;
                    if let Some(inside) = behind.get(..end)
                        && let Ok(nodes) = rable::parse(inside, false)
                    {
                        self.sequence(&nodes, Joint::Substitution, is_fed, &origin);
                        rest = behind.get(end + 1..).unwrap_or_default();
                        break;
                    }
                }
            }
        }
    }
}

/// The text of backticks that opens at `base` (in characters), if it has escapes: the shell takes them
/// away before it reads the text, which the grammar does not.
fn backticked(raw: &str, base: usize) -> Option<String> {
    let mut chars = raw.chars().skip(base.checked_sub(1)?);
    if chars.next() != Some('`') {
        return None;
    }
    let mut text = String::new();
    let mut has_escapes = false;
    while let Some(c) = chars.next() {
        match c {
            '`' => break,
            '\\' => match chars.next() {
                Some(next @ ('`' | '$' | '\\')) => {
                    has_escapes = true;
                    text.push(next);
                }
                next => {
                    text.push('\\');
                    text.extend(next);
                }
            },
            c => text.push(c),
        }
    }
    has_escapes.then_some(text)
}
