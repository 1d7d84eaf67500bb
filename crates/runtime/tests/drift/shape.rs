//! The notation of the table: what a value on the wire looks like.
//!
//! ```text
//! string  integer  number  boolean  null  any  object      the kinds of JSON; `object` is one of any members
//! 'accept'                                                this very string
//! [string]  []  {*: string}                               a list, an empty one, a map
//! {id: string, name?: string|null}                        an object with these members, and perhaps others
//! 'a'|'b'                                                 one of these; what else comes is put up with
//! 'a'|'b'!                                                one of these; anything else cannot be read at all
//! @item                                                   a shape that has a name; among members: its members
//! ```
//! `?` after a member: when it is sent, it may be left out; when it is read, it may be missing.

use std::fmt;

/// What stands in a place: one of these.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) any_of: Vec<Kind>,
    /// Nothing else can be read.
    pub(crate) closed: bool,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Any,
    Null,
    Plain(&'static str),
    Literal(String),
    List(Shape),
    Map(Shape),
    Object(Vec<Member>),
}

#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) optional: bool,
    pub(crate) shape: Shape,
}

const PLAIN: [&str; 5] = ["string", "integer", "number", "boolean", "object"];

impl Shape {
    /// Reads the notation; panics where the table is wrong.
    pub(crate) fn read(text: &str, named: &[(&str, &str)]) -> Self {
        let mut reader = Reader { rest: text, named };
        let shape = reader.shape();
        assert!(
            reader.peek().is_none(),
            "{:?} is left over in {text:?}",
            reader.rest
        );
        shape
    }
}

struct Reader<'a> {
    rest: &'a str,
    named: &'a [(&'a str, &'a str)],
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(sign);
        if found {
            self.rest = &self.rest[sign.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, sign: char) {
        assert!(
            self.take(sign),
            "{sign:?} is missing before {:?}",
            self.rest
        );
    }

    fn word(&mut self) -> String {
        self.peek();
        let end = self
            .rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        assert!(!word.is_empty(), "a word is missing before {:?}", self.rest);
        self.rest = rest;
        word.to_owned()
    }

    fn shape(&mut self) -> Shape {
        let mut any_of = Vec::new();
        loop {
            self.kind(&mut any_of);
            if !self.take('|') {
                break;
            }
        }
        let closed = self.take('!');
        Shape { any_of, closed }
    }

    fn kind(&mut self, out: &mut Vec<Kind>) {
        if self.take('\'') {
            let (literal, rest) = self.rest.split_once('\'').expect("a closing quote");
            out.push(Kind::Literal(literal.to_owned()));
            self.rest = rest;
        } else if self.take('[') {
            if self.take(']') {
                let nothing = Shape {
                    any_of: Vec::new(),
                    closed: false,
                };
                return out.push(Kind::List(nothing));
            }
            out.push(Kind::List(self.shape()));
            self.expect(']');
        } else if self.take('{') {
            out.push(self.members());
        } else if self.take('@') {
            out.extend(self.named().any_of);
        } else {
            let word = self.word();
            out.push(match word.as_str() {
                "any" => Kind::Any,
                "null" => Kind::Null,
                other => Kind::Plain(
                    PLAIN
                        .into_iter()
                        .find(|plain| *plain == other)
                        .unwrap_or_else(|| panic!("{other:?} is no kind")),
                ),
            });
        }
    }

    fn named(&mut self) -> Shape {
        let name = self.word();
        let text = self.named.iter().find(|(found, _)| *found == name);
        let (_, text) = text.unwrap_or_else(|| panic!("no shape has the name {name:?}"));
        Shape::read(text, self.named)
    }

    fn members(&mut self) -> Kind {
        if self.take('*') {
            self.expect(':');
            let values = self.shape();
            self.expect('}');
            return Kind::Map(values);
        }
        let mut members = Vec::new();
        while !self.take('}') {
            if self.take('@') {
                match self.named().any_of.as_slice() {
                    [Kind::Object(more)] => members.extend_from_slice(more),
                    _ => panic!(
                        "only an object can stand among members, before {:?}",
                        self.rest
                    ),
                }
                if !self.take(',') {
                    self.expect('}');
                    break;
                }
                continue;
            }
            let name = self.word();
            let optional = self.take('?');
            self.expect(':');
            members.push(Member {
                name,
                optional,
                shape: self.shape(),
            });
            if !self.take(',') {
                self.expect('}');
                break;
            }
        }
        Kind::Object(members)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, kind) in self.any_of.iter().enumerate() {
            if n > 0 {
                f.write_str("|")?;
            }
            kind.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Any => f.write_str("any"),
            Kind::Null => f.write_str("null"),
            Kind::Plain(name) => f.write_str(name),
            Kind::Literal(text) => write!(f, "'{text}'"),
            Kind::List(of) => write!(f, "[{of}]"),
            Kind::Map(of) => write!(f, "{{*: {of}}}"),
            Kind::Object(members) => {
                let names = members
                    .iter()
                    .map(|member| match member.shape.any_of.as_slice() {
                        [Kind::Literal(tag)] => format!("{}: '{tag}'", member.name),
                        _ => member.name.clone(),
                    });
                write!(f, "{{{}}}", names.collect::<Vec<_>>().join(", "))
            }
        }
    }
}
