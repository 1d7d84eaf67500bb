//! Rules: answers that a person gives beforehand.
//!
//! A question is read once ([`Asked`]), whether it is open now or long settled, and [`judge`] says which rule answers
//! it. [`RulesHook`] asks it of what is open, [`preview`] of the ledger: the same reading and the same judge, so what a
//! person is shown is what will happen. [`RuleStore`] keeps the rules, and [`codex`] reads Codex's own, which are not
//! ours to interpret, only to show and to take out.

mod asked;
pub mod codex;
mod commands;
mod exchange;
mod hook;
mod judge;
mod paths;
mod preview;
mod settings;
mod store;
mod suggest;
#[cfg(test)]
mod tests;

pub use asked::{Asked, CommandWish, Whence, Wish, kind, raw};
pub use hook::{RulesHook, rule_of};
pub use judge::{Ground, judge, matches};
pub use paths::{Resolve, real};
pub use preview::{LOOKED_AT, preview};
pub use settings::{Names, name, says, validate};
pub use store::{RuleList, RuleStore};
pub use suggest::suggest;
