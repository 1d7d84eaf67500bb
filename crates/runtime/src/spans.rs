//! What a line of the log belongs to: a connection, a thread on it, a turn of that, a question.
//!
//! A session's thread and turn have their spans for as long as they last ([`crate::thread`]); work in a task of
//! its own gets one from its ids. Up to the level of info there are ids, names, numbers and kinds, and nobody's
//! words: what a person, a model, a tool, a server or a hook said is for debug, and secrets are for no level.
//!
//! Deliberately not here: where logs go.

use tracing::{Span, info_span};

use crate::hooks::HookContext;

/// A connection to one generation of a server.
pub(crate) fn connection(generation: u32, transport: &'static str) -> Span {
    info_span!(parent: None, "connection", generation, transport)
}

/// A thread, loaded over a connection.
pub(crate) fn thread(connection: &Span, id: &str) -> Span {
    info_span!(parent: connection, "thread", id)
}

/// A turn of a thread.
pub(crate) fn turn(thread: &Span, id: &str) -> Span {
    info_span!(parent: thread, "turn", id)
}

/// What hooks are asked about.
pub(crate) fn hooks(context: &HookContext) -> Span {
    let (thread, turn) = (context.thread.as_deref(), context.turn.as_deref());
    info_span!("hooks", phase = ?context.phase, thread, turn)
}
