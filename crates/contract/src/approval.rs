//! Open questions: what an agent wants to do and cannot without a person.

use serde::{Deserialize, Serialize};

use crate::{ApprovalId, Millis, ProfileId, RowKey, SessionId};

/// One open question. The native dialog, the card in its session and the entry in the region
/// "Approvals" are views of this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The session that asks.
    pub session: SessionId,
    /// Its title when it asked.
    pub session_title: String,
    /// Its profile.
    pub profile: ProfileId,
    /// The folder it works in.
    pub folder: String,
    /// When the question arrived.
    pub asked_at: Millis,
    /// What is asked, in a few words: the accessible name of its card, e.g. "Run echo made > made.txt".
    pub name: String,
    /// What exactly is asked.
    pub subject: Subject,
    /// The agent's reason, in its own words.
    pub reason: Option<String>,
    /// What allowing means here, one short sentence each, e.g. "Runs outside the sandbox."
    pub consequences: Vec<String>,
    /// The answers on offer, in the order to show them. The first denial is the default.
    pub choices: Vec<Choice>,
    /// The transcript row that it belongs to, once known.
    pub row: Option<RowKey>,
    /// The request as it came, for whoever wants to see it.
    #[cfg_attr(test, ts(type = "unknown"))]
    pub raw: serde_json::Value,
}

/// What exactly is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Subject {
    /// To run a command.
    Command {
        /// The command as the agent wrote it, without the shell that wraps it.
        command: String,
        /// Where it would run.
        cwd: String,
        /// Hosts and extra permissions that it asks for besides, one phrase each.
        extras: Vec<String>,
    },
    /// To change files.
    Files {
        /// The changes. Empty while the diff is not known yet.
        files: Vec<FileChange>,
    },
}

/// One file of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct FileChange {
    /// Its path, absolute as the app-server gave it.
    pub path: String,
    /// Where it moves to.
    pub moved_to: Option<String>,
    /// What happens to it.
    pub change: ChangeKind,
    /// Lines added.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
    /// The diff as safe HTML.
    pub diff_html: String,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    /// It is made.
    Add,
    /// It is removed.
    Delete,
    /// Its content changes, perhaps its path too.
    Update,
}

/// One answer on offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// Which one.
    pub id: ChoiceId,
    /// The words on its button.
    pub label: String,
    /// What it will do, exactly and in full; shown with the button.
    pub effect: String,
    /// It allows something.
    pub allows: bool,
    /// Its effect outlives the session: it takes a second click, and is never a default.
    pub lasting: bool,
}

/// Which answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ChoiceId {
    /// This one time.
    AllowOnce,
    /// The same again in this session without asking.
    AllowForSession,
    /// Writes the rule that the app-server proposed into Codex's own rules.
    AllowByRule,
    /// Writes the network rule that the app-server proposed: allow the host.
    AllowHost,
    /// Writes the network rule that the app-server proposed: deny the host.
    DenyHost,
    /// Not this; the turn goes on.
    Deny,
    /// Not this, and the turn ends.
    DenyAndStop,
}

/// An open question is settled: every view of it closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ApprovalResolved {
    /// Which one.
    pub id: ApprovalId,
    /// Its session.
    pub session: SessionId,
    /// How it was settled.
    pub outcome: ApprovalOutcome,
}

/// How a question was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum ApprovalOutcome {
    /// Somebody answered.
    Answered {
        /// With what.
        choice: ChoiceId,
        /// From where.
        by: AnsweredFrom,
    },
    /// A hook answered before a person did.
    Hook {
        /// Its name.
        name: String,
        /// It allowed.
        allowed: bool,
    },
    /// Settled at the server: another client answered, or the question became moot.
    Elsewhere,
    /// Its turn ended.
    TurnEnded,
    /// Its session was closed.
    SessionClosed,
    /// The app-server died.
    ServerDied,
}

/// Where a person answered from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum AnsweredFrom {
    /// The card in its session or in the region "Approvals".
    Desk,
    /// The native dialog.
    Dialog,
}
