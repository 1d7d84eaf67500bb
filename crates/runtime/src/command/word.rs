//! One word of a line: what it will be, as far as that is known before running.

use std::ops::Range;

use rable::{Node, NodeKind};

/// Stands in [`Word::shape`] for a piece that is not known. No word of a shell can hold it.
pub(super) const UNKNOWN: char = '\0';

/// A word.
#[derive(Debug, Clone, Default)]
pub(super) struct Word {
    /// Bytes of the line.
    pub(super) span: Range<usize>,
    /// As written.
    pub(super) raw: String,
    /// What the program gets; `None` when that is decided while it runs.
    pub(super) value: Option<String>,
    /// As much of it as is known: expansions are [`UNKNOWN`], `~` and `$HOME` a leading `~`, patterns
    /// as written.
    pub(super) shape: String,
    /// It has a pattern (`*`, `?`, `[`) that the shell replaces by the names of files.
    pub(super) has_pattern: bool,
    /// It has a brace expansion, so it becomes several words.
    pub(super) has_braces: bool,
    /// It has a variable or a substitution.
    pub(super) has_expansion: bool,
    /// The names of its variables.
    pub(super) variables: Vec<String>,
    /// Quotes or escapes stand where they serve nothing but to break it up.
    pub(super) in_pieces: bool,
    /// Letters are written as numbers (`$'\x72'`).
    pub(super) is_encoded: bool,
}

impl Word {
    /// It is this, for sure.
    pub(super) fn is(&self, text: &str) -> bool {
        self.value.as_deref() == Some(text)
    }

    /// Text that the program gets as it is.
    pub(super) fn plain(value: impl Into<String>, span: Range<usize>) -> Self {
        let value = value.into();
        Self {
            span,
            raw: value.clone(),
            shape: value.clone(),
            value: Some(value),
            ..Self::default()
        }
    }
}

/// A command inside a word, or text that may hold one.
pub(super) enum Inner<'n> {
    /// A substitution.
    Command {
        node: &'n Node,
        /// Where its text begins in the raw word, in characters, when that is known.
        base: Option<usize>,
        /// Something is written into it: `>(...)`.
        is_fed: bool,
    },
    /// Text that the grammar left alone.
    Text(&'n str),
}

/// Reads a word. What stands inside it is handed to `inner`.
pub(super) fn decode<'n>(
    node: &'n Node,
    span: Range<usize>,
    inner: &mut dyn FnMut(Inner<'n>),
) -> Word {
    let NodeKind::Word { value, parts, .. } = &node.kind else {
        return Word {
            span,
            shape: UNKNOWN.to_string(),
            has_expansion: true,
            ..Word::default()
        };
    };
    let mut decoder = Decoder {
        word: Word {
            span,
            raw: value.clone(),
            ..Word::default()
        },
        out: Some(String::new()),
        in_double: false,
        was_quoted: false,
        was_bare: false,
        bracket: false,
        braces: Braces::None,
    };
    let raw: Vec<char> = value.chars().collect();
    let mut at = Some(0);
    for part in parts {
        match &part.kind {
            NodeKind::WordLiteral { value: text } => {
                if decoder.literal(text) {
                    inner(Inner::Text(value));
                }
                let length = text.chars().count();
                at = at
                    .filter(|&at| {
                        raw.get(at..at + length)
                            .is_some_and(|found| found.iter().copied().eq(text.chars()))
                    })
                    .map(|at| at + length);
            }
            NodeKind::CommandSubstitution { command, .. }
            | NodeKind::ProcessSubstitution { command, .. } => {
                let base = at.and_then(|at| opening(&raw, at));
                let is_fed = matches!(&part.kind, NodeKind::ProcessSubstitution { direction, .. } if direction == ">");
                inner(Inner::Command {
                    node: command,
                    base,
                    is_fed,
                });
                at = base.and_then(|base| closing(&raw, base + command.span.end));
                decoder.unknown();
            }
            NodeKind::AnsiCQuote { content, decoded } => {
                decoder.was_quoted = true;
                let spelled = content.split('\\').skip(1).any(|escape| {
                    escape.starts_with(['x', 'u', 'U'])
                        || escape.starts_with(|c: char| c.is_ascii_digit())
                });
                decoder.word.is_encoded |= spelled && decoded.chars().any(|c| c.is_ascii_graphic());
                if decoded.contains(UNKNOWN) || decoded.contains(char::REPLACEMENT_CHARACTER) {
                    decoder.unknown();
                } else {
                    decoder.push_str(decoded);
                }
                let length = content.chars().count() + 3;
                at = at.map(|at| at + length).filter(|&at| at <= raw.len());
            }
            NodeKind::ParamExpansion { param, op, arg } => {
                let is_plain = op.is_none() && arg.is_none();
                for text in [Some(param), arg.as_ref()].into_iter().flatten() {
                    inner(Inner::Text(text));
                }
                // Expands the value as if it were a prompt, commands in it included.
                if op.as_deref() == Some("@") && arg.as_deref() == Some("P") {
                    inner(Inner::Text("`"));
                }
                if is_plain && param == "HOME" && decoder.word.shape.is_empty() {
                    decoder.out = None;
                    decoder.word.shape.push('~');
                } else {
                    decoder.unknown();
                }
                decoder.word.variables.push(param.clone());
                at = at.and_then(|at| after_parameter(&raw, at));
            }
            NodeKind::ArithmeticExpansion { .. } => {
                let found = at.and_then(|at| arithmetic(&raw, at));
                let text = found.and_then(|(start, end, _)| {
                    let byte = |at| value.char_indices().nth(at).map(|(byte, _)| byte);
                    value.get(byte(start)?..byte(end)?)
                });
                inner(Inner::Text(text.unwrap_or(value)));
                decoder.unknown();
                at = found.map(|(_, _, behind)| behind);
            }
            NodeKind::LocaleString { inner: text, .. } => {
                decoder.was_quoted = true;
                if text.contains(['$', '`', '\\']) {
                    inner(Inner::Text(text));
                    decoder.unknown();
                } else {
                    decoder.push_str(text);
                }
                at = None;
            }
            _ => {
                inner(Inner::Text(value));
                decoder.unknown();
                at = None;
            }
        }
    }
    if parts.is_empty() && !value.is_empty() && decoder.literal(value) {
        inner(Inner::Text(value));
    }
    decoder.end()
}

/// How far an unquoted brace has come to be a brace expansion.
#[derive(PartialEq)]
enum Braces {
    None,
    Open,
    Several,
}

struct Decoder {
    word: Word,
    out: Option<String>,
    in_double: bool,
    was_quoted: bool,
    was_bare: bool,
    /// An unquoted `[` stands before.
    bracket: bool,
    braces: Braces,
}

impl Decoder {
    fn push(&mut self, c: char) {
        self.word.shape.push(c);
        if let Some(out) = &mut self.out {
            out.push(c);
        }
    }

    fn push_str(&mut self, text: &str) {
        self.word.shape.push_str(text);
        if let Some(out) = &mut self.out {
            out.push_str(text);
        }
    }

    fn unknown(&mut self) {
        self.out = None;
        self.word.shape.push(UNKNOWN);
        self.word.has_expansion = true;
    }

    /// Reads literal text. True when it holds an expansion that the grammar should have found.
    fn literal(&mut self, text: &str) -> bool {
        let mut missed = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' => {
                    self.in_double = !self.in_double;
                    self.was_quoted = true;
                }
                '\\' if self.in_double => match chars.peek() {
                    Some(&next @ ('$' | '`' | '"' | '\\')) => {
                        chars.next();
                        self.push(next);
                    }
                    Some('\n') => {
                        chars.next();
                    }
                    _ => self.push(c),
                },
                '\\' => {
                    self.was_quoted = true;
                    if let Some(next) = chars.next()
                        && next != '\n'
                    {
                        self.push(next);
                    }
                }
                '$' | '`' => {
                    if c == '`' || matches!(chars.peek(), Some('(' | '{' | '[')) {
                        missed = true;
                        self.unknown();
                    } else {
                        self.push(c);
                    }
                }
                c if self.in_double => self.push(c),
                '\'' => {
                    self.was_quoted = true;
                    for c in chars.by_ref().take_while(|&c| c != '\'') {
                        self.push(c);
                    }
                }
                c => {
                    self.was_bare = true;
                    match c {
                        '*' | '?' => self.word.has_pattern = true,
                        '[' => self.bracket = true,
                        ']' if self.bracket => self.word.has_pattern = true,
                        '{' => self.braces = Braces::Open,
                        ',' if self.braces == Braces::Open => self.braces = Braces::Several,
                        '.' if self.braces == Braces::Open && chars.peek() == Some(&'.') => {
                            self.braces = Braces::Several;
                        }
                        '}' if self.braces == Braces::Several => self.word.has_braces = true,
                        '~' if self.word.shape.is_empty() => self.out = None,
                        _ => {}
                    }
                    self.push(c);
                }
            }
        }
        missed
    }

    fn end(self) -> Word {
        let mut word = self.word;
        word.in_pieces = self.was_quoted && self.was_bare;
        if !word.has_pattern && !word.has_braces {
            word.value = self.out.filter(|_| !word.has_expansion);
        }
        word
    }
}

/// Where the text of a substitution that stands at `at` begins.
fn opening(raw: &[char], at: usize) -> Option<usize> {
    match (raw.get(at)?, raw.get(at + 1)) {
        ('$' | '<' | '>', Some('(')) => Some(at + 2),
        ('`', _) => Some(at + 1),
        _ => None,
    }
}

/// The place behind the bracket that closes a substitution whose last command ends at `at`.
fn closing(raw: &[char], at: usize) -> Option<usize> {
    let rest = raw.get(at..)?;
    let found = rest.iter().position(|c| matches!(c, ')' | '`'))?;
    Some(at + found + 1)
}

/// The place behind a parameter that stands at `at`.
fn after_parameter(raw: &[char], at: usize) -> Option<usize> {
    if raw.get(at) != Some(&'$') {
        return None;
    }
    let rest = raw.get(at + 1..)?;
    match rest.first()? {
        '{' => {
            let mut depth = 0usize;
            for (index, c) in rest.iter().enumerate() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    return Some(at + index + 2);
                }
            }
            None
        }
        c if c.is_ascii_alphabetic() || *c == '_' => {
            let length = rest
                .iter()
                .take_while(|c| c.is_ascii_alphanumeric() || **c == '_')
                .count();
            Some(at + 1 + length)
        }
        _ => Some(at + 2),
    }
}

/// The text of an arithmetic expansion that stands at `at`: its begin, its end, and the place behind it.
fn arithmetic(raw: &[char], at: usize) -> Option<(usize, usize, usize)> {
    let rest = raw.get(at..)?;
    if !rest.starts_with(&['$', '(', '(']) {
        return None;
    }
    let mut depth = 0usize;
    for (index, c) in rest.iter().enumerate() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return Some((at + 3, at + index - 1, at + index + 1));
        }
    }
    None
}
