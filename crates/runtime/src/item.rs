//! Items: the pieces that a turn is made of (FACTS section 6).
//!
//! Decoding is tolerant: an item of a type that this build does not know, or with a field that
//! changed, is an [`ItemDetail::Unknown`], never an error.

use std::sync::Arc;

use serde_json::value::RawValue;

/// An item's id. A command's or file change's is also the `item` of its approval request.
pub type ItemId = Arc<str>;

/// One item.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// When it began, in Unix milliseconds, if recorded.
    pub started_at_ms: Option<i64>,
    /// When it ended, in Unix milliseconds, if recorded.
    pub completed_at_ms: Option<i64>,
    /// What it is.
    pub detail: ItemDetail,
}

impl Item {
    /// About the bytes of content that it holds.
    pub(crate) fn weight(&self) -> usize {
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match &self.detail {
            ItemDetail::UserMessage { text, .. }
            | ItemDetail::AgentMessage { text }
            | ItemDetail::Plan { text }
            | ItemDetail::Review { review: text, .. }
            | ItemDetail::WebSearch { query: text }
            | ItemDetail::ImageView { path: text } => text.len(),
            ItemDetail::Reasoning { summary, content } => {
                summary.iter().chain(content).map(String::len).sum()
            }
            ItemDetail::Command(command) => command.command.len() + of(&command.output),
            ItemDetail::FileChange { changes, .. } => changes
                .iter()
                .map(|change| change.path.len() + change.diff.len())
                .sum(),
            ItemDetail::Tool(tool) => tool.arguments.len() + of(&tool.result) + of(&tool.error),
            ItemDetail::ContextCompaction => 0,
            ItemDetail::Unknown { raw, .. } => raw.get().len(),
        }
    }
}

/// What an item is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ItemDetail {
    /// A message of the person.
    UserMessage {
        /// The id that the client gave it with `turn/start` or `turn/steer`.
        client_id: Option<String>,
        /// Its text; images and mentions stand in it as `[image]`, `[skill NAME]` and so on.
        text: String,
    },
    /// Text of the agent.
    AgentMessage {
        /// Markdown.
        text: String,
    },
    /// Reasoning.
    Reasoning {
        /// The parts of its summary, markdown.
        summary: Vec<String>,
        /// The parts of the raw reasoning, when the server shows it.
        content: Vec<String>,
    },
    /// A plan that the agent proposes, in plan mode.
    Plan {
        /// Markdown.
        text: String,
    },
    /// A command.
    Command(CommandItem),
    /// A change of files.
    FileChange {
        /// The files.
        changes: Vec<FileUpdate>,
        /// How it stands.
        status: WorkStatus,
    },
    /// A call of an MCP tool, a client's dynamic tool, or a sub-agent.
    Tool(ToolItem),
    /// A web search.
    WebSearch {
        /// What for.
        query: String,
    },
    /// The agent looked at an image.
    ImageView {
        /// Which.
        path: String,
    },
    /// Review mode began or ended; `Left` has the review.
    Review {
        /// It ended.
        left: bool,
        /// The text.
        review: String,
    },
    /// The context was compacted.
    ContextCompaction,
    /// Anything else.
    Unknown {
        /// The `type` member, or empty.
        kind: String,
        /// The item as it came.
        raw: Box<RawValue>,
    },
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandItem {
    /// The command as the agent wrote it: the shell that wraps it is taken off.
    pub command: String,
    /// Where it ran.
    pub cwd: String,
    /// How it stands.
    pub status: WorkStatus,
    /// Its output, whole, once it completed. `None` when there was none.
    pub output: Option<String>,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// The person ran it (`thread/shellCommand`).
    pub by_user: bool,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolItem {
    /// The MCP server, the namespace, or what stands in its place.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// Its arguments as JSON text.
    pub arguments: String,
    /// How it stands.
    pub status: WorkStatus,
    /// Its result as text, once there is one.
    pub result: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// Threads that it started: sub-agents, whose events arrive under these ids.
    pub child_threads: Vec<String>,
}

/// How a piece of work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkStatus {
    /// Under way, or waiting for an approval.
    InProgress,
    /// Done.
    Completed,
    /// Failed; for a command also: exit code other than 0.
    Failed,
    /// Rejected by a person or a policy.
    Declined,
}

/// A changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUpdate {
    /// Its path, absolute.
    pub path: String,
    /// What happens to it.
    pub kind: FileUpdateKind,
    /// For add and delete the whole content without signs; for update hunks without file headers.
    pub diff: String,
}

/// What happens to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileUpdateKind {
    /// It is made.
    Add,
    /// It is removed.
    Delete,
    /// It changes.
    Update {
        /// Where it moves to.
        move_path: Option<String>,
    },
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanStep {
    /// What is to be done.
    pub text: String,
    /// How it stands.
    pub status: StepStatus,
}

/// How a step of a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// Not begun.
    Pending,
    /// Being done.
    InProgress,
    /// Done.
    Completed,
}
