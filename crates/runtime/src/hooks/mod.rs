//! Hooks: code that is asked at fixed points and can change, block or decide.
//!
//! **Precedence**, the one rule: hooks of a run go before those of its session, and those before the
//! client's; of several with the same name only the first is run. The first that blocks or decides
//! ends the phase.
//!
//! **Failing**: a hook that fails, panics included, is reported and counts as having passed; it can
//! never allow anything (invariant I2). A question that no hook decides and no hook asks a person about is denied.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use crate::approval::{Decision, Request};
use crate::event::{ThreadId, TurnId};
use crate::item::Item;

mod run;

pub(crate) use run::{Draft, Runner, ToolVerdict};

/// A boxed future, as hooks return it.
pub type HookFuture<'a> = Pin<Box<dyn Future<Output = Result<Verdict, HookError>> + Send + 'a>>;

/// When a hook is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Before anything of an `ask`.
    PreRun,
    /// After all of an `ask`, whatever its result.
    PostRun,
    /// Before a thread is started or resumed.
    PreSessionStart,
    /// After it was.
    PostSessionStart,
    /// Before `turn/start`.
    PreTurn,
    /// After the turn ended.
    PostTurn,
    /// When the server asks whether a tool may be used.
    PreToolUse,
    /// When a tool was used.
    PostToolUse,
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
    /// The thread, once there is one.
    pub thread: Option<ThreadId>,
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
    /// The item, after a tool use.
    pub item: Option<Arc<Item>>,
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
