//! Colours and weights of terminal text (SGR, ECMA-48 8.3.117 and what terminals made of it).
//!
//! The sixteen named colours become classes, so that a theme decides; the others are written out.
//! "Concealed" is deliberately ignored: output does not get to hide text.

use std::fmt::Write as _;

use vte::Params;

/// How a character looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Style {
    foreground: Option<Colour>,
    background: Option<Colour>,
    /// One bit for each of [`WEIGHTS`].
    weights: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colour {
    /// 0 to 15.
    Named(u8),
    Rgb(u8, u8, u8),
}

const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

const WEIGHTS: [&str; 6] = ["bold", "dim", "italic", "underline", "strike", "inverse"];
const BOLD: u8 = 1;
const DIM: u8 = 1 << 1;
const ITALIC: u8 = 1 << 2;
const UNDERLINE: u8 = 1 << 3;
const STRIKE: u8 = 1 << 4;
const INVERSE: u8 = 1 << 5;

impl Style {
    /// Applies the parameters of an SGR sequence.
    pub(crate) fn apply(&mut self, params: &Params) {
        let mut params = params.iter();
        while let Some(param) = params.next() {
            match param.first().copied().unwrap_or(0) {
                0 => *self = Self::default(),
                1 => self.weights |= BOLD,
                2 => self.weights |= DIM,
                3 => self.weights |= ITALIC,
                4 if param.get(1) == Some(&0) => self.weights &= !UNDERLINE,
                4 | 21 => self.weights |= UNDERLINE,
                7 => self.weights |= INVERSE,
                9 => self.weights |= STRIKE,
                22 => self.weights &= !(BOLD | DIM),
                23 => self.weights &= !ITALIC,
                24 => self.weights &= !UNDERLINE,
                27 => self.weights &= !INVERSE,
                29 => self.weights &= !STRIKE,
                code @ 30..=37 => self.foreground = named(code - 30),
                code @ 90..=97 => self.foreground = named(code - 90 + 8),
                39 => self.foreground = None,
                code @ 40..=47 => self.background = named(code - 40),
                code @ 100..=107 => self.background = named(code - 100 + 8),
                49 => self.background = None,
                code @ (38 | 48) => {
                    let colour = if param.len() > 1 {
                        with_subparameters(&param[1..])
                    } else {
                        with_parameters(|| params.next()?.first().copied())
                    };
                    match (code, colour) {
                        (_, None) => {}
                        (38, colour) => self.foreground = colour,
                        (_, colour) => self.background = colour,
                    }
                }
                _ => {}
            }
        }
    }

    /// Writes the start of a span; `false`, and nothing written, for text as usual.
    pub(crate) fn open(self, out: &mut String) -> bool {
        if self == Self::default() {
            return false;
        }
        let mut classes = String::new();
        let mut css = String::new();
        for (at, weight) in WEIGHTS.iter().enumerate() {
            if self.weights & (1 << at) != 0 {
                class(&mut classes, "a-", weight);
            }
        }
        let (front, back) = if self.weights & INVERSE == 0 {
            (self.foreground, self.background)
        } else {
            (self.background, self.foreground)
        };
        match front {
            Some(Colour::Named(at)) => class(&mut classes, "a-", name(at)),
            Some(colour) => colour.css(&mut css, "color"),
            None => {}
        }
        match back {
            // Text in the colour of its own background could not be read.
            colour if colour == front => {}
            Some(Colour::Named(at)) => class(&mut classes, "a-on-", name(at)),
            Some(colour) => colour.css(&mut css, "background-color"),
            None => {}
        }
        out.push_str("<span");
        if !classes.is_empty() {
            out.push_str(" class=\"");
            out.push_str(&classes);
            out.push('"');
        }
        if !css.is_empty() {
            out.push_str(" style=\"");
            out.push_str(&css);
            out.push('"');
        }
        out.push('>');
        true
    }
}

impl Colour {
    fn css(self, out: &mut String, property: &str) {
        if let Self::Rgb(red, green, blue) = self {
            if !out.is_empty() {
                out.push(';');
            }
            // Writing to a String cannot fail.
            let _ = write!(out, "{property}:#{red:02x}{green:02x}{blue:02x}");
        }
    }
}

fn name(at: u8) -> &'static str {
    NAMES.get(usize::from(at)).copied().unwrap_or("white")
}

fn class(out: &mut String, prefix: &str, name: &str) {
    if !out.is_empty() {
        out.push(' ');
    }
    out.push_str(prefix);
    out.push_str(name);
}

fn named(at: u16) -> Option<Colour> {
    u8::try_from(at).ok().map(Colour::Named)
}

/// `38;5;n` and `38;2;r;g;b`.
fn with_parameters(mut next: impl FnMut() -> Option<u16>) -> Option<Colour> {
    match next()? {
        5 => indexed(next()?),
        2 => rgb(next()?, next()?, next()?),
        _ => None,
    }
}

/// `38:5:n`, `38:2:r:g:b` and `38:2:colour space:r:g:b`.
fn with_subparameters(params: &[u16]) -> Option<Colour> {
    match *params {
        [5, at, ..] => indexed(at),
        [2, red, green, blue] => rgb(red, green, blue),
        [2, _, red, green, blue, ..] => rgb(red, green, blue),
        _ => None,
    }
}

fn rgb(red: u16, green: u16, blue: u16) -> Option<Colour> {
    let byte = |value| u8::try_from(value).ok();
    Some(Colour::Rgb(byte(red)?, byte(green)?, byte(blue)?))
}

/// xterm's 256 colours: sixteen named, a cube of six steps a side, 24 greys.
fn indexed(at: u16) -> Option<Colour> {
    let at = u8::try_from(at).ok()?;
    Some(match at {
        0..=15 => Colour::Named(at),
        16..=231 => {
            let step = |value: u8| if value == 0 { 0 } else { 55 + value * 40 };
            let at = at - 16;
            Colour::Rgb(step(at / 36), step(at / 6 % 6), step(at % 6))
        }
        232..=255 => {
            let grey = 8 + (at - 232) * 10;
            Colour::Rgb(grey, grey, grey)
        }
    })
}
