//! Text of agents and tools as safe HTML: markdown, terminal output, diffs and plain text.
//!
//! Everything here is a pure function or a machine that text is appended to; there is no I/O and
//! no clock. It lives apart so that the one place where foreign text becomes HTML can be tested
//! and fuzzed whole. No HTML ever comes from the text: every tag and attribute is written by this
//! crate, and every character passes [`visible`] on its way out.
//!
//! Long content is a list of blocks, each a self-contained piece of HTML. While text streams in,
//! only blocks near the end change: [`Markdown::append`] and [`Output::append`] return the index of the
//! first block that did. A reader drops its copy from that index on and takes the rest again.
//!
//! Not here: which links may be opened (the UI intercepts clicks), how classes look beyond token
//! and terminal colours (`highlight.css`), and cutting of texts that are too long to keep.

mod ansi;
mod code;
mod diff;
mod markdown;
mod output;
mod plain;
mod render;
mod text;

pub use code::load_syntaxes;
pub use diff::{ChangeKind, Diff, diff};
pub use markdown::Markdown;
pub use output::Output;
pub use plain::{plain, summary};
pub use text::{escape, visible, visible_line};

/// The first index at which two lists of blocks differ.
fn first_difference(old: &[String], new: &[String]) -> usize {
    old.iter().zip(new).take_while(|(a, b)| a == b).count()
}
