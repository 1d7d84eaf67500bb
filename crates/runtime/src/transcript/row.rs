//! Rows and turns: what a transcript consists of.

use std::sync::Arc;

use super::text::Text;
use crate::event::{DeltaPart, TurnFailure, TurnId};
use crate::item::{FileUpdateKind, ItemId, PlanStep};
use crate::supervisor::Death;

/// Identifies a row within its transcript; see [`item_key`].
pub type RowKey = Arc<str>;

/// The key of the row that shows an item. It exists once the item was seen.
pub fn item_key(turn: &str, item: &str) -> RowKey {
    format!("{turn}/{item}").into()
}

/// A turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its id.
    pub id: TurnId,
    /// How it stands.
    pub state: TurnState,
    /// When it began, in Unix milliseconds, if known.
    pub started_at_ms: Option<i64>,
    /// How long it took, once it ended, if known.
    pub duration_ms: Option<i64>,
    /// The revision of its last change.
    pub changed_at: u64,
    /// It counts as interrupted only because the connection was lost; it may turn out to run on.
    pub(super) lost: bool,
    /// How many rows it has.
    pub(super) rows: usize,
}

/// How a turn stands. A failed one has a row that says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnState {
    /// It runs.
    Running,
    /// It came to its end.
    Completed,
    /// It was stopped, or its server died.
    Interrupted,
    /// It failed.
    Failed,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key, unique in the transcript.
    pub key: RowKey,
    /// Rows are shown by ascending ordinal. Never changes.
    pub ordinal: i32,
    /// The turn that it belongs to; empty for what belongs to none. Rows of one turn need not stand
    /// next to each other: an item can arrive after the next turn began.
    pub turn: TurnId,
    /// When it began, in Unix milliseconds, if known.
    pub at_ms: Option<i64>,
    /// What it is.
    pub kind: RowKind,
    /// Its long text: a message, reasoning, a command's output, a tool's result. Empty otherwise.
    pub text: Text,
    /// The revision of its last change.
    pub changed_at: u64,
    /// What it shows, within its turn.
    pub(super) slot: Slot,
    /// Where the parts of a reasoning end in its text.
    pub(super) parts: Vec<(DeltaPart, usize)>,
}

/// What a row shows, within its turn.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Item(ItemId),
    Plan,
    Failure,
    /// A message on its way, by the client's id.
    Pending(ItemId),
    /// Something that happened once.
    Once(u64),
}

impl Slot {
    pub(super) fn key(&self, turn: &str) -> RowKey {
        match self {
            Slot::Item(item) => item_key(turn, item),
            Slot::Plan => format!("plan:{turn}").into(),
            Slot::Failure => format!("failure:{turn}").into(),
            Slot::Pending(client_id) => format!("pending:{client_id}").into(),
            Slot::Once(number) => format!("note:{number}").into(),
        }
    }
}

/// What a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowKind {
    /// A message of the person, in the text.
    User {
        /// The server has not confirmed it yet. Such rows stand after all others.
        pending: bool,
        /// The id that the client gave it.
        client_id: Option<String>,
    },
    /// Words of the agent, a proposed plan included: markdown, in the text.
    Agent {
        /// More may come.
        streaming: bool,
    },
    /// Reasoning: its summary, then the raw one if the server shows it; markdown, in the text.
    Reasoning {
        /// More may come.
        streaming: bool,
    },
    /// The plan of the turn.
    Plan {
        /// Why it is as it is.
        explanation: Option<String>,
        /// The steps.
        steps: Vec<PlanStep>,
    },
    /// A command, its output in the text.
    Command {
        /// As the agent wrote it. Empty while only its output is known.
        command: String,
        /// Where it ran.
        cwd: String,
        /// How it stands.
        status: RowStatus,
        /// Its exit code.
        exit_code: Option<i32>,
        /// How long it took.
        duration_ms: Option<i64>,
        /// The person ran it.
        by_user: bool,
    },
    /// A change of files.
    Files {
        /// The files.
        files: Vec<FileRow>,
        /// How many more files it changes.
        more: u32,
        /// How it stands.
        status: RowStatus,
    },
    /// A call of a tool, its result or error in the text.
    Tool {
        /// The MCP server, the namespace, or what stands in its place.
        server: String,
        /// The tool.
        tool: String,
        /// Its arguments as JSON text.
        arguments: String,
        /// How it stands.
        status: RowStatus,
        /// How long it took.
        duration_ms: Option<i64>,
    },
    /// A web search.
    WebSearch {
        /// What for. Empty until it is known.
        query: String,
        /// How it stands.
        status: RowStatus,
    },
    /// The context is made smaller.
    Compaction {
        /// How it stands.
        status: RowStatus,
    },
    /// Something that happened.
    Note(Note),
    /// Something that went wrong.
    Trouble(Trouble),
}

/// A file of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Its path, absolute.
    pub path: String,
    /// What happens to it.
    pub kind: FileUpdateKind,
    /// See [`FileUpdate::diff`](crate::item::FileUpdate::diff). Only its beginning when it is long.
    pub diff: String,
    /// Bytes that were left out of the diff.
    pub omitted: u64,
    /// Lines added, by the whole diff.
    pub added: u32,
    /// Lines removed, by the whole diff.
    pub removed: u32,
}

/// How a piece of work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowStatus {
    /// Under way.
    Running,
    /// It cannot go on without the person.
    WaitsForYou,
    /// Done.
    Done,
    /// It failed.
    Failed,
    /// Rejected by a person or a policy.
    Declined,
    /// Nothing more is to be expected of it, and how it ended is not known: its turn ended or its
    /// server died before it did.
    Stopped,
}

impl RowStatus {
    /// It is not over.
    pub fn is_open(self) -> bool {
        matches!(self, RowStatus::Running | RowStatus::WaitsForYou)
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The agent looked at an image.
    ImageView {
        /// Its path.
        path: String,
    },
    /// Review mode began; of what, in the server's words.
    ReviewBegan {
        /// Of what.
        review: String,
    },
    /// Review mode ended. The review itself follows as an agent's message.
    ReviewEnded,
    /// The server has something to say.
    Warning {
        /// What.
        message: String,
    },
    /// Turns were dropped from the history.
    Reverted,
    /// The thread was archived, deleted or closed.
    Closed {
        /// The method that said so.
        how: &'static str,
    },
    /// Events were left out.
    Gap {
        /// How many.
        missed: u64,
    },
    /// An item that this version does not know.
    Unknown {
        /// Its type.
        kind: String,
    },
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The turn failed, or an attempt of it.
    Failed {
        /// Why.
        failure: TurnFailure,
        /// It is tried again. Such a row goes when the turn goes on.
        retrying: bool,
    },
    /// The server is gone.
    Disconnected {
        /// How.
        death: Arc<Death>,
        /// A turn was running.
        cut_short: bool,
        /// The thread is loaded again.
        resumed: bool,
    },
    /// The thread could not be loaded again.
    ResumeFailed {
        /// Why.
        reason: String,
    },
}

impl Row {
    /// More of it may come.
    pub fn is_open(&self) -> bool {
        match &self.kind {
            RowKind::Agent { streaming } | RowKind::Reasoning { streaming } => *streaming,
            RowKind::Command { status, .. }
            | RowKind::Files { status, .. }
            | RowKind::Tool { status, .. }
            | RowKind::WebSearch { status, .. }
            | RowKind::Compaction { status } => status.is_open(),
            _ => false,
        }
    }

    /// How it stands, if it is a piece of work.
    pub fn status(&self) -> Option<RowStatus> {
        self.kind.status()
    }

    /// About the bytes that it holds.
    pub(super) fn weight(&self) -> usize {
        self.text.len() + self.kind.weight() + OVERHEAD
    }
}

/// What a row costs besides its content, in bytes.
const OVERHEAD: usize = 512;

impl RowKind {
    pub(super) fn status(&self) -> Option<RowStatus> {
        match self {
            RowKind::Command { status, .. }
            | RowKind::Files { status, .. }
            | RowKind::Tool { status, .. }
            | RowKind::WebSearch { status, .. }
            | RowKind::Compaction { status } => Some(*status),
            _ => None,
        }
    }

    /// Sets how it stands, if it is a piece of work.
    pub(super) fn set_status(&mut self, to: RowStatus) {
        if let RowKind::Command { status, .. }
        | RowKind::Files { status, .. }
        | RowKind::Tool { status, .. }
        | RowKind::WebSearch { status, .. }
        | RowKind::Compaction { status } = self
        {
            *status = to;
        }
    }

    /// Closes what is open, with what it has.
    pub(super) fn close(&mut self) {
        if let RowKind::Agent { streaming } | RowKind::Reasoning { streaming } = self {
            *streaming = false;
        }
        if self.status().is_some_and(RowStatus::is_open) {
            self.set_status(RowStatus::Stopped);
        }
    }

    fn weight(&self) -> usize {
        match self {
            RowKind::Plan { explanation, steps } => {
                explanation.as_ref().map_or(0, String::len)
                    + steps.iter().map(|step| step.text.len() + 32).sum::<usize>()
            }
            RowKind::Command { command, cwd, .. } => command.len() + cwd.len(),
            RowKind::Files { files, .. } => files
                .iter()
                .map(|file| file.path.len() + file.diff.len() + 128)
                .sum(),
            RowKind::Tool {
                server,
                tool,
                arguments,
                ..
            } => server.len() + tool.len() + arguments.len(),
            RowKind::WebSearch { query, .. } => query.len(),
            RowKind::Note(Note::Warning { message: text } | Note::ReviewBegan { review: text }) => {
                text.len()
            }
            RowKind::Trouble(Trouble::Failed { failure, .. }) => {
                failure.message.len() + failure.details.as_ref().map_or(0, String::len)
            }
            RowKind::Trouble(Trouble::ResumeFailed { reason }) => reason.len(),
            RowKind::Trouble(Trouble::Disconnected { death, .. }) => {
                death.stderr.iter().map(String::len).sum()
            }
            _ => 0,
        }
    }
}
