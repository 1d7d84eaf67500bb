//! The contract between the Rust side and the web UI.
//!
//! Everything that crosses is declared here, once: the data ([`session`], [`transcript`],
//! [`approval`], [`rules`], [`ledger`], [`profile`]), the errors ([`error`]), and the names with their payloads
//! ([`wire`]). `ui/src/contract.ts` is generated from it by this crate's test and committed; a stale
//! file fails the test.
//!
//! Deliberately not here: any type of the Codex protocol, any behaviour, and any
//! `serde_json::Value` except in a field named `raw`, which the UI shows and never interprets.
//!
//! Conventions: field names are camelCase on the wire, unions carry a `kind` tag, times are Unix
//! milliseconds, and every string that is shown has already been made safe to show (control, bidi
//! and zero-width characters are visible). A field that holds HTML says so in its name.

pub mod approval;
pub mod error;
pub mod ledger;
pub mod profile;
pub mod rules;
pub mod session;
pub mod transcript;
#[cfg(test)]
mod typescript;
pub mod wire;

pub use approval::*;
pub use error::*;
pub use ledger::*;
pub use profile::*;
pub use rules::*;
pub use session::*;
pub use transcript::*;

/// Identifies a session of the app: one tab. It outlives restarts of the app and of the app-server.
pub type SessionId = String;
/// Identifies a profile.
pub type ProfileId = String;
/// Identifies one open question. Never reused, also not after a restart of the app-server.
pub type ApprovalId = String;
/// Identifies a rule.
pub type RuleId = String;
/// Identifies an entry of the ledger; greater is later.
pub type LedgerId = i64;
/// Identifies a row of a transcript within its session.
pub type RowKey = String;
/// Identifies a turn within its session.
pub type TurnKey = String;
/// Identifies a notice.
pub type NoticeId = String;
/// Unix milliseconds.
pub type Millis = i64;
