//! Where the codex executable is, and what PATH it should see.
//!
//! An app started from a desktop gets a poorer PATH than a shell does, so finding Codex is a search
//! with a record of every place tried. Deliberately not here: starting it, and its version (which
//! the app-server says itself).

mod locate;
mod login_shell;
mod npm;
mod places;
#[cfg(test)]
mod tests;

pub use locate::{Attempt, Found, Locator, NotFound, Origin, is_executable};
pub use places::Surroundings;
