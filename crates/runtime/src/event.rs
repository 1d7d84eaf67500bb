//! What happens on a thread, in the order in which the app-server said it.
//!
//! These are the runtime's own types, so that callers neither depend on a protocol crate nor meet a
//! variant that an older build does not know: whatever cannot be read as one of these arrives as
//! [`Event::Unknown`] with its raw payload. Sources: FACTS sections 2, 5, 6 and 7.
//!
//! Deliberately not here: requests that wait for an answer (see [`crate::approval`]).

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::item::{Item, ItemId, PlanStep};
use crate::policy::EffectivePolicy;
use crate::transcript::HistoryPage;

/// A thread's id.
pub type ThreadId = Arc<str>;
/// A turn's id.
pub type TurnId = Arc<str>;

/// One thing that happened on a thread.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A turn began, by whoever's doing: this client, another one, a queue, a goal. Told again after
    /// [`Event::CaughtUp`] of one that goes on.
    TurnStarted {
        /// The turn.
        turn: TurnId,
        /// When, in Unix milliseconds.
        at_ms: Option<i64>,
    },
    /// A turn ended. Items of it that are still open get no further events as a rule; a command
    /// that runs on may still complete (FACTS section 7).
    TurnCompleted {
        /// The turn.
        turn: TurnId,
        /// How.
        outcome: TurnOutcome,
        /// How long it took.
        duration_ms: Option<i64>,
    },
    /// An item began.
    ItemStarted {
        /// Its turn.
        turn: TurnId,
        /// What is known of it so far.
        item: Item,
    },
    /// An item is final. Replaces all that was said of it before. It may never have been started
    /// here, and its turn may be over.
    ItemCompleted {
        /// Its turn.
        turn: TurnId,
        /// The whole of it.
        item: Item,
    },
    /// More of an item. May be for an item that was never started here.
    Delta(Delta),
    /// The turn's plan, whole.
    PlanUpdated {
        /// The turn.
        turn: TurnId,
        /// Why it is as it is.
        explanation: Option<String>,
        /// The steps.
        steps: Vec<PlanStep>,
    },
    /// What the turn changed so far through patches, as one unified diff.
    DiffUpdated {
        /// The turn.
        turn: TurnId,
        /// The diff.
        diff: String,
    },
    /// Tokens used.
    TokenUsage(TokenUsage),
    /// The thread's status.
    Status(ThreadStatus),
    /// Something failed. With `will_retry` the turn goes on; without, `TurnCompleted` follows.
    Error {
        /// The turn.
        turn: TurnId,
        /// What.
        failure: TurnFailure,
        /// It is tried again.
        will_retry: bool,
    },
    /// The server has something to say.
    Warning {
        /// What.
        message: String,
    },
    /// The thread's name changed.
    Renamed {
        /// The new one.
        name: Option<String>,
    },
    /// The policy in force changed.
    PolicyChanged(EffectivePolicy),
    /// Turns were dropped from the thread's history.
    Reverted,
    /// The thread was archived, deleted or closed at the server.
    Closed {
        /// The method that said so.
        how: &'static str,
    },
    /// The connection to the server is gone; every open item and turn of it is void (invariant I4).
    Disconnected(Arc<crate::supervisor::Death>),
    /// The thread is loaded again under a new generation of the server. Its id may have changed: a
    /// thread that had no turn yet is not on disk, so it was started anew.
    Resumed {
        /// The generation.
        generation: u32,
        /// The thread's id now.
        thread: ThreadId,
    },
    /// What the server has of the thread's newest turns, after the connection was gone and the server
    /// went on without it. Comes right after [`Event::Resumed`]; what follows may say again what is in it.
    /// Turns before it stay as they were. Whether one runs is in it.
    CaughtUp {
        /// The turns, oldest first.
        page: Arc<HistoryPage>,
    },
    /// Resuming the thread failed; it stays closed until it is resumed by hand.
    ResumeFailed {
        /// Why.
        error: crate::error::RpcError,
    },
    /// Events were left out because the subscriber was too slow. Read a page to heal.
    Gap {
        /// How many.
        missed: u64,
    },
    /// Something happened on the thread of an agent that this thread's started, or that one of those did
    /// (FACTS section 7). It is no part of this thread's own turns.
    OfAgent {
        /// The agent's thread.
        thread: ThreadId,
        /// What happened there.
        event: Box<Event>,
    },
    /// Something that this version does not know.
    Unknown {
        /// The method.
        method: String,
        /// The params as they came.
        raw: Box<RawValue>,
    },
}

impl Event {
    /// About the bytes of content that it holds.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Event::Delta(delta) => delta.text.len(),
            Event::ItemStarted { item, .. } | Event::ItemCompleted { item, .. } => item.weight(),
            Event::DiffUpdated { diff, .. } => diff.len(),
            Event::PlanUpdated { steps, .. } => steps.iter().map(|step| step.text.len()).sum(),
            Event::Warning { message } => message.len(),
            Event::Error { failure, .. } => {
                failure.message.len() + failure.details.as_ref().map_or(0, String::len)
            }
            Event::Unknown { raw, .. } => raw.get().len(),
            Event::OfAgent { event, .. } => event.weight(),
            _ => 0,
        }
    }
}

/// More of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// Its turn.
    pub turn: TurnId,
    /// The item.
    pub item: ItemId,
    /// Which part of it.
    pub part: DeltaPart,
    /// The text to append. May be several deltas of the wire, joined.
    pub text: String,
}

/// Which part of an item grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeltaPart {
    /// The text of an agent message.
    AgentMessage,
    /// A part of a reasoning summary.
    ReasoningSummary(u32),
    /// A part of raw reasoning.
    ReasoningText(u32),
    /// The text of a proposed plan.
    Plan,
    /// A command's output. Incomplete: the item's completion has the whole (FACTS section 7).
    CommandOutput,
    /// A file change's output.
    FileOutput,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnOutcome {
    /// At its own end.
    Completed,
    /// It was stopped.
    Interrupted,
    /// It failed.
    Failed(TurnFailure),
}

/// Why a turn failed (FACTS section 8).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TurnFailure {
    /// The server's words.
    pub message: String,
    /// More of them.
    pub details: Option<String>,
    /// The kind, as far as it is known.
    pub kind: FailureKind,
}

/// The kinds of failure that call for different advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureKind {
    /// The conversation no longer fits the model's context.
    ContextWindowExceeded,
    /// The account's quota is used up.
    UsageLimitExceeded,
    /// Too many attempts were refused.
    TooManyRequests,
    /// The provider is overloaded.
    ServerOverloaded,
    /// The provider failed.
    ProviderFailed,
    /// The provider refused or could not be reached over HTTP.
    Http {
        /// The status, when there was one.
        status: Option<u16>,
    },
    /// The answer broke off.
    Disconnected {
        /// The HTTP status, when there was one.
        status: Option<u16>,
    },
    /// Not logged in.
    Unauthorized,
    /// Any other, by the name that the server gave it.
    Other(String),
}

/// A thread's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadStatus {
    /// Not in the server's memory.
    NotLoaded,
    /// Waiting for a message.
    Idle,
    /// Its last turn failed.
    SystemError,
    /// A turn runs.
    Active {
        /// It waits for an approval.
        waiting_on_approval: bool,
        /// It waits for an answer to a question.
        waiting_on_user_input: bool,
    },
}

/// Tokens used by a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TokenUsage {
    /// Tokens of the last model request: about what is in the context now.
    pub last_total: i64,
    /// Tokens of the thread so far.
    pub total: i64,
    /// The size of the model's context window.
    pub context_window: Option<i64>,
}
