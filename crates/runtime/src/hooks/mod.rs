//! Hooks: code that is asked at fixed points and can change, block or decide.
//!
//! **Precedence**, the one rule: hooks of a run go before those of its session, and those before the
//! client's; of several with the same name only the first is run. The first that blocks or decides
//! ends the phase.
//!
//! **Failing**: a hook that fails, panics included, is reported and counts as having passed; it can
//! never allow anything (invariant I2). A question that no hook decides and no hook asks a person about is denied.
//!
//! **Phases of a run**: [`Phase::PreRun`] and [`Phase::PreTurn`] are asked before anything is sent.
//! Once no hook blocked the run, [`Phase::PostRun`] follows whatever comes of it, once; and once its
//! turn started, [`Phase::PostTurn`] goes before it, once. That holds for streams too: they follow when the
//! stream gives out the turn's end, and when it is dropped before. What comes after is asked in order in a
//! task of its own, so a slow hook delays no event; only [`TurnStream::finish`](crate::TurnStream::finish)
//! waits for it.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;

use crate::approval::{Decision, Request};
use crate::error::AskError;
use crate::event::{ThreadId, TurnId};
use crate::item::Item;

mod after;
mod matcher;
mod programs;
mod run;
mod shell;

pub(crate) use after::After;
pub use matcher::{Matcher, When};
pub use programs::{Programs, programs};
pub(crate) use run::{Draft, Runner, ToolVerdict};
pub use shell::ShellHook;
#[cfg(feature = "fuzzing")]
pub(crate) use shell::verdict as read_answer;

/// A boxed future, as hooks return it.
pub type HookFuture<'a> = Pin<Box<dyn Future<Output = Result<Verdict, HookError>> + Send + 'a>>;

/// When a hook is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before anything of an `ask`.
    PreRun,
    /// After all of an `ask`, whatever its result.
    PostRun,
    /// Before a thread is started, resumed or forked.
    PreSessionStart,
    /// After it was.
    PostSessionStart,
    /// Before `turn/start`.
    PreTurn,
    /// After the turn ended.
    PostTurn,
    /// When the server asks whether a tool may be used.
    PreToolUse,
    /// When a tool was used, or was to be: its item is final.
    PostToolUse,
}

impl Phase {
    /// All of them.
    pub const ALL: [Phase; 8] = [
        Phase::PreRun,
        Phase::PostRun,
        Phase::PreSessionStart,
        Phase::PostSessionStart,
        Phase::PreTurn,
        Phase::PostTurn,
        Phase::PreToolUse,
        Phase::PostToolUse,
    ];
}

/// What a hook wants.
#[derive(Debug, Clone, Default)]
pub enum Verdict {
    /// Nothing: the next one is asked.
    #[default]
    Pass,
    /// To change what is about to happen. Only before a run, a session start or a turn.
    Mutate(Patch),
    /// That it does not happen. Before a tool use: a denial.
    Block {
        /// Why.
        reason: String,
    },
    /// To answer the question. Only before a tool use.
    Decide(Decision),
    /// To answer the question in the name of something that the hook speaks for. Only before a tool use.
    DecideAs {
        /// The answer.
        decision: Decision,
        /// Who is said to have given it, in the place of the hook's name.
        name: String,
    },
    /// That a person decides. Only before a tool use.
    AskPerson,
}

/// A change to what is about to happen. Later hooks see it.
#[derive(Debug, Clone, Default)]
pub struct Patch {
    /// Replaces the prompt. Not before a session start.
    pub prompt: Option<String>,
    /// Replaces the model.
    pub model: Option<String>,
    /// Adds attachments. Not before a session start. One that does not exist is left out and reported.
    pub attachments: Vec<crate::profile::Attachment>,
    /// Merged key by key into the metadata that later phases of the same run see. Null or an object.
    pub metadata: serde_json::Value,
}

/// What a hook is told.
#[derive(Debug, Clone)]
pub struct HookContext {
    /// When.
    pub phase: Phase,
    /// The thread, once there is one. Before a session start: the one that is resumed or forked.
    pub thread: Option<ThreadId>,
    /// The thread of the session that it belongs to: `thread` itself, or the one whose agents `thread` is among.
    /// Missing before a session start, unless a thread is resumed.
    pub session: Option<ThreadId>,
    /// The turn, once there is one.
    pub turn: Option<TurnId>,
    /// The working folder.
    pub cwd: Option<PathBuf>,
    /// The model asked for.
    pub model: Option<String>,
    /// The prompt, as earlier hooks left it.
    pub prompt: Option<String>,
    /// What earlier phases of the same run put there.
    pub metadata: serde_json::Value,
    /// The question, before a tool use.
    pub request: Option<Arc<Request>>,
    /// The item: after a tool use, and before a change of files, whose diff it has. Before one it is
    /// missing when the change was proposed before this client attached (FACTS section 4).
    pub item: Option<Arc<Item>>,
    /// In [`Phase::PostTurn`] and [`Phase::PostRun`]: what the agent said, or why there is no answer.
    /// `None` when nobody waited for it.
    pub ended: Option<Result<String, AskError>>,
}

impl HookContext {
    /// A context of a phase with nothing in it.
    pub fn new(phase: Phase) -> Self {
        Self {
            phase,
            thread: None,
            session: None,
            turn: None,
            cwd: None,
            model: None,
            prompt: None,
            metadata: serde_json::Value::Null,
            request: None,
            item: None,
            ended: None,
        }
    }
}

/// Why a hook failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HookError(pub String);

/// A hook.
pub trait Hook: Send + Sync + 'static {
    /// Its name: for reports, and to take the place of another of the same name.
    fn name(&self) -> &str;
    /// When it is asked. Other phases never reach it.
    fn phases(&self) -> &[Phase];
    /// What of that concerns it.
    fn matches(&self, _context: &HookContext) -> bool {
        true
    }
    /// Asks it. Dropping the future takes the question back.
    fn call<'a>(&'a self, context: &'a HookContext) -> HookFuture<'a>;
    /// The same hook, asked only about what the matcher picks.
    fn when(self, matcher: Matcher) -> When<Self>
    where
        Self: Sized,
    {
        When {
            hook: self,
            matcher,
        }
    }
}

/// Hooks in the order in which they are asked, no two of the same name.
#[derive(Clone, Default)]
pub struct HookSet {
    hooks: Vec<Arc<dyn Hook>>,
}

impl HookSet {
    /// Adds a hook at the end. One of the same name that is there already stays in its place.
    #[must_use]
    pub fn with(mut self, hook: impl Hook) -> Self {
        self.push(Arc::new(hook));
        self
    }

    /// These hooks, then those of `general` whose name is not taken.
    #[must_use]
    pub fn over(&self, general: &HookSet) -> HookSet {
        let mut merged = self.clone();
        for hook in &general.hooks {
            merged.push(Arc::clone(hook));
        }
        merged
    }

    /// Some hook is asked in this phase.
    pub fn has(&self, phase: Phase) -> bool {
        self.hooks.iter().any(|hook| hook.phases().contains(&phase))
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    fn push(&mut self, hook: Arc<dyn Hook>) {
        if self.hooks.iter().all(|other| other.name() != hook.name()) {
            self.hooks.push(hook);
        }
    }

    fn of(&self, phase: Phase) -> impl Iterator<Item = &Arc<dyn Hook>> {
        self.hooks
            .iter()
            .filter(move |hook| hook.phases().contains(&phase))
    }
}

impl fmt::Debug for HookSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.hooks.iter().map(|hook| hook.name()))
            .finish()
    }
}

/// What one asking of a hook came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRecord {
    /// The hook.
    pub hook: String,
    /// When.
    pub phase: Phase,
    /// What it did.
    pub deed: Deed,
}

/// What a hook did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Passed,
    /// It changed what was about to happen.
    Changed,
    /// It blocked.
    Blocked {
        /// Why.
        reason: String,
    },
    /// It answered the question.
    Decided(Decision),
    /// It left the question to a person.
    AskedPerson,
    /// It failed, or wanted what cannot be; the run went on without it.
    Failed {
        /// What went wrong.
        problem: String,
    },
}

/// Something that a hook did wrong. The run went on without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookIssue {
    /// The hook.
    pub hook: String,
    /// When.
    pub phase: Phase,
    /// What.
    pub problem: String,
}

/// The person, as a hook: asks them about every tool use that gets to it. Put it last.
#[derive(Debug, Clone, Copy, Default)]
pub struct AskPerson;

impl Hook for AskPerson {
    fn name(&self) -> &str {
        "person"
    }

    fn phases(&self) -> &[Phase] {
        &[Phase::PreToolUse]
    }

    fn call<'a>(&'a self, _context: &'a HookContext) -> HookFuture<'a> {
        Box::pin(std::future::ready(Ok(Verdict::AskPerson)))
    }
}
