//! The language of Codex's rules, as far as its rules are written in it.
//!
//! The files are Starlark. Codex writes one call a line, `prefix_rule(pattern=["git", "status"], decision="allow")`,
//! and people write such calls too, over several lines, with alternatives and comments (FACTS section 4, and the
//! binary's own `execpolicy check`). Those are read. Deliberately not here: the rest of the language. A statement that
//! computes its words is found and shown as it stands.

use std::ops::Range;

/// A statement and the lines that it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// Its first line, from 1.
    pub(super) line: u32,
    /// Bytes of its lines, with the end of the last.
    pub(super) span: Range<usize>,
    /// The lines without the end of the last.
    pub(super) text: &'a str,
}

/// The statements of a file, in order. Lines that are blank or a comment alone belong to none.
pub(super) fn statements(file: &str) -> Vec<Statement<'_>> {
    let mut out: Vec<Statement<'_>> = Vec::new();
    let mut scanner = Scanner::default();
    let mut start = 0;
    for (number, line) in (1u32..).zip(file.split_inclusive('\n')) {
        let end = start + line.len();
        let continues = scanner.is_open();
        // What is indented belongs to the statement before, like a function's body.
        let is_body = line.starts_with([' ', '\t']) && !out.is_empty();
        let has_words = scanner.read(line);
        if continues || has_words && is_body {
            if let Some(last) = out.last_mut() {
                last.span.end = end;
            }
        } else if has_words {
            out.push(Statement {
                line: number,
                span: start..end,
                text: "",
            });
        }
        start = end;
    }
    for statement in &mut out {
        statement.text = file[statement.span.clone()].trim_end_matches(['\n', '\r']);
    }
    out
}

/// Keeps track of brackets, strings and comments over lines.
#[derive(Default)]
struct Scanner {
    depth: usize,
    /// The quote that ends a string over several lines, and whether backslashes mean nothing in it.
    long: Option<&'static str>,
    joined: bool,
}

impl Scanner {
    fn is_open(&self) -> bool {
        self.depth > 0 || self.long.is_some() || self.joined
    }

    /// Reads a line; whether there is more on it than a comment.
    fn read(&mut self, line: &str) -> bool {
        let mut rest = line.trim_end_matches(['\n', '\r']);
        let mut has_words = self.is_open();
        self.joined = false;
        while let Some(c) = rest.chars().next() {
            if let Some(end) = self.long {
                if let Some(after) = rest.strip_prefix(end) {
                    self.long = None;
                    rest = after;
                } else {
                    rest = skip(rest, if c == '\\' { 2 } else { 1 });
                }
                continue;
            }
            match c {
                '#' => return has_words,
                '\\' if rest.len() == 1 => self.joined = true,
                '(' | '[' | '{' => self.depth += 1,
                ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                '\'' | '"' => {
                    let long = if c == '"' { "\"\"\"" } else { "'''" };
                    has_words = true;
                    if let Some(after) = rest.strip_prefix(long) {
                        self.long = Some(long);
                        rest = after;
                    } else {
                        rest = after_string(rest, c);
                    }
                    continue;
                }
                _ => {}
            }
            has_words |= !c.is_whitespace();
            rest = skip(rest, 1);
        }
        has_words
    }
}

fn skip(text: &str, chars: usize) -> &str {
    let end = text
        .char_indices()
        .nth(chars)
        .map_or(text.len(), |(at, _)| at);
    &text[end..]
}

/// What follows a string that begins here. One that the line does not end ends with it.
fn after_string(text: &str, quote: char) -> &str {
    let mut rest = skip(text, 1);
    while let Some(c) = rest.chars().next() {
        rest = skip(rest, if c == '\\' { 2 } else { 1 });
        if c == quote {
            break;
        }
    }
    rest
}

/// A rule about commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PrefixRule {
    /// The words; alternatives are joined by `|`.
    pub(super) prefix: Vec<String>,
    /// `allow`, `prompt` or `forbidden`.
    pub(super) decision: String,
}

/// Reads a statement that is a `prefix_rule` of literals. `None` for any other.
pub(super) fn prefix_rule(text: &str) -> Option<PrefixRule> {
    let mut reader = Reader { rest: text };
    if reader.name()? != "prefix_rule" {
        return None;
    }
    reader.take('(')?;
    let (mut pattern, mut decision) = (None, None);
    let mut position = 0;
    while !reader.try_take(')') {
        let before = reader.rest;
        let argument = match reader.name() {
            Some(name) if reader.try_take('=') => name,
            _ => {
                reader.rest = before;
                position += 1;
                *["pattern", "decision"].get(position - 1)?
            }
        };
        let value = reader.value()?;
        match argument {
            "pattern" => pattern = Some(value),
            "decision" => decision = Some(value),
            "match" | "not_match" | "justification" => {}
            _ => return None,
        }
        if !reader.try_take(',') {
            reader.take(')')?;
            break;
        }
    }
    reader.space();
    let Value::List(words) = pattern? else {
        return None;
    };
    let prefix = words
        .into_iter()
        .map(Value::word)
        .collect::<Option<Vec<_>>>()?;
    let decision = match decision {
        None => "allow".to_owned(),
        Some(Value::Text(decision)) => decision,
        Some(Value::List(_)) => return None,
    };
    let is_known = matches!(&*decision, "allow" | "prompt" | "forbidden");
    (reader.rest.is_empty() && is_known && !prefix.is_empty())
        .then_some(PrefixRule { prefix, decision })
}

enum Value {
    Text(String),
    List(Vec<Value>),
}

impl Value {
    /// A word of a pattern, or its alternatives.
    fn word(self) -> Option<String> {
        match self {
            Value::Text(word) => Some(word),
            Value::List(words) => {
                let words = words.into_iter().map(|word| match word {
                    Value::Text(word) => Some(word),
                    Value::List(_) => None,
                });
                Some(words.collect::<Option<Vec<_>>>()?.join("|"))
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Passes blanks and comments.
    fn space(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                return;
            }
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    fn try_take(&mut self, wanted: char) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take(&mut self, wanted: char) -> Option<()> {
        self.try_take(wanted).then_some(())
    }

    fn name(&mut self) -> Option<&'a str> {
        self.space();
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        // `r"..."` is a string.
        if name.is_empty() || rest.starts_with(['"', '\'']) {
            return None;
        }
        self.rest = rest;
        Some(name)
    }

    fn value(&mut self) -> Option<Value> {
        if !self.try_take('[') {
            return self.text().map(Value::Text);
        }
        let mut values = Vec::new();
        while !self.try_take(']') {
            values.push(self.value()?);
            if !self.try_take(',') {
                self.take(']')?;
                break;
            }
        }
        Some(Value::List(values))
    }

    fn text(&mut self) -> Option<String> {
        self.space();
        let is_raw = self.rest.starts_with(['r', 'R']);
        let quoted = if is_raw { &self.rest[1..] } else { self.rest };
        let quote = quoted.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        if quoted.starts_with("\"\"\"") || quoted.starts_with("'''") {
            return None;
        }
        let mut chars = quoted[1..].chars();
        let mut out = String::new();
        loop {
            match chars.next()? {
                c if c == quote => break,
                '\n' => return None,
                '\\' if !is_raw => out.push(match chars.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    c @ ('\\' | '\'' | '"') => c,
                    // By number, or none that there is.
                    _ => return None,
                }),
                // In a raw string a backslash keeps the quote after it, and stays.
                '\\' => {
                    out.push('\\');
                    out.push(chars.next()?);
                }
                c => out.push(c),
            }
        }
        self.rest = chars.as_str();
        Some(out)
    }
}
