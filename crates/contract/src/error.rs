//! What went wrong, as a person is told it.

use serde::{Deserialize, Serialize};

/// A trouble in the three parts in which the UI shows it: what happened, what it means for the
/// person's work, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What happened, one sentence.
    pub what: String,
    /// What it means for the person's work. Empty when `what` says it all.
    pub meaning: String,
    /// What to do next. Empty only when nothing needs doing.
    pub remedy: String,
    /// Technical lines for whoever wants them: an error chain, the last lines of stderr.
    pub details: Option<String>,
}

/// The error of every command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct CommandError {
    /// For decisions in code. Never match on the words.
    pub code: ErrorCode,
    /// For people.
    pub problem: Problem,
    /// The form field at fault, for [`ErrorCode::Invalid`]: the contract's field name.
    pub field: Option<String>,
}

/// The closed set of codes. One exists only where a caller acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// The input cannot be used as it is; `field` says which.
    Invalid,
    /// The session, profile, notice or approval does not exist any more.
    NotFound,
    /// The approval was settled before this answer came.
    Stale,
    /// The app-server cannot be reached now: missing, starting, or restarting.
    Unavailable,
    /// The app-server refused.
    Refused,
    /// Something could not be read from or written to disk.
    Storage,
    /// A defect of Countersign.
    Internal,
}
