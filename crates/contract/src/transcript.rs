//! What a person sees of a session: turns with rows, sent as patches.
//!
//! A window watches one session through a channel. The first update has `reset` set and carries
//! everything in the window of the transcript; each later one carries only the rows and turns that
//! changed. The window acknowledges every update (`session_ack`); while one is unacknowledged,
//! Rust merges what happens into the next, so a slow webview costs merged updates and no memory.
//!
//! Long content is a list of HTML blocks of which, while text streams in, only the tail changes: a
//! patch keeps the first `keep` blocks and replaces the rest.

use serde::{Deserialize, Serialize};

use crate::{ChangeKind, Millis, Problem, RowKey, TurnKey};

/// One step of a watched transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct TranscriptUpdate {
    /// Counts up by one within a watch; acknowledge with it.
    pub seq: u32,
    /// Forget all rows and turns before applying this.
    pub reset: bool,
    /// Turns that are new or changed.
    pub turns: Vec<Turn>,
    /// Rows that are new or changed.
    pub rows: Vec<RowPatch>,
    /// Rows that are gone.
    pub removed: Vec<RowKey>,
    /// What lies before the first row.
    pub earlier: Earlier,
}

/// What lies before the first row of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Earlier {
    /// Nothing: it is the beginning.
    Nothing,
    /// More, to be had with `session_earlier`.
    More,
    /// More, and it is being fetched.
    Loading,
}

/// A turn: what one message set off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// Its key.
    pub key: TurnKey,
    /// How it stands.
    pub state: TurnState,
    /// When it began, if known.
    pub started_at: Option<Millis>,
    /// How long it took, once it ended.
    pub duration_ms: Option<i64>,
}

/// How a turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum TurnState {
    /// It runs.
    Running,
    /// It came to its end.
    Completed,
    /// It was stopped.
    Interrupted,
    /// It failed; a row says why.
    Failed,
}

/// A row that is new or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RowPatch {
    /// Its key.
    pub key: RowKey,
    /// Rows are shown by ascending ordinal. Never changes for a key.
    pub ordinal: i32,
    /// The turn that it belongs to.
    pub turn: TurnKey,
    /// When it began, if known.
    pub at: Option<Millis>,
    /// What it is, whole.
    pub head: RowHead,
    /// How many of its blocks stay as they are.
    pub keep: u32,
    /// The blocks after those, as safe HTML.
    pub blocks_html: Vec<String>,
}

/// What a row is. Its long content is in its blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum RowHead {
    /// A message of the person. Blocks: its text.
    User {
        /// The app-server has not confirmed it yet.
        pending: bool,
    },
    /// Text of the agent. Blocks: markdown as HTML.
    Agent {
        /// More may come.
        streaming: bool,
    },
    /// The agent's reasoning, shown collapsed. Blocks: markdown as HTML.
    Reasoning {
        /// More may come.
        streaming: bool,
        /// Its first line, to show when collapsed.
        summary: String,
    },
    /// The plan of the turn. No blocks.
    Plan {
        /// Why it is as it is.
        explanation: Option<String>,
        /// The steps.
        steps: Vec<PlanStep>,
    },
    /// A command. Blocks: its output.
    Command {
        /// As the agent wrote it, without the shell that wraps it.
        command: String,
        /// Where it ran.
        cwd: String,
        /// How it stands.
        status: WorkStatus,
        /// Its exit code, once it has one.
        exit_code: Option<i32>,
        /// How long it took.
        duration_ms: Option<i64>,
        /// The person ran it, not the agent.
        by_user: bool,
        /// Bytes left out of the middle of its output.
        omitted: u32,
    },
    /// A change of files. Blocks: one diff a file, in the order of `files`.
    Files {
        /// The files.
        files: Vec<FileSummary>,
        /// How it stands.
        status: WorkStatus,
    },
    /// A call of another tool. Blocks: its result.
    Tool {
        /// What was called, e.g. "tiny › echo".
        name: String,
        /// With what, as text.
        arguments: String,
        /// How it stands.
        status: WorkStatus,
        /// How long it took.
        duration_ms: Option<i64>,
    },
    /// One line about something that happened, e.g. "Context was compacted".
    Note {
        /// What happened.
        text: String,
        /// It deserves attention.
        warning: bool,
    },
    /// Something went wrong.
    Trouble {
        /// What.
        problem: Problem,
        /// It is being tried again.
        retrying: bool,
    },
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct PlanStep {
    /// What is to be done.
    pub text: String,
    /// How it stands.
    pub status: StepStatus,
}

/// How a step of a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum StepStatus {
    /// Not begun.
    Pending,
    /// Being done.
    InProgress,
    /// Done.
    Completed,
}

/// How a piece of work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum WorkStatus {
    /// Under way.
    Running,
    /// It cannot go on without the person.
    WaitsForYou,
    /// Done.
    Done,
    /// It failed.
    Failed,
    /// The person or a hook said no.
    Declined,
    /// It was cut short: the turn was stopped or the app-server died.
    Stopped,
}

/// A changed file in a row; its diff is the block at the same index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct FileSummary {
    /// Its path.
    pub path: String,
    /// Where it moved to.
    pub moved_to: Option<String>,
    /// What happened to it.
    pub change: ChangeKind,
    /// Lines added.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
}
