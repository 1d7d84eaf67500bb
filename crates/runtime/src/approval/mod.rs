//! The approval loop: every request of the server that wants an answer gets exactly one.
//!
//! A request becomes an entry of the [`ledger`]. The loop asks the [hooks](crate::hooks), one task a request, never
//! in the reader (invariant I1). A hook may decide, or say that a person is to be asked: then
//! [`Notice::Requested`] goes out, every presenter shows the same entry, and the first
//! [`Approvals::decide`] wins. Whatever settles an entry, [`Notice::Resolved`] follows it and every
//! view closes.
//!
//! The loop starts with the first pre-tool-use hook, once a client. Without one there is nobody to ask and every
//! request is denied at once, in its own shape, with a notice. So are, always, tools that the client is to carry
//! out, and what this build does not know ([`Subject::DynamicTool`], [`Subject::Unknown`], [`Elicitation::Other`]).
//!
//! What can be answered, and with what:
//!
//! | asked | fixed answers | written answer |
//! |---|---|---|
//! | a command, a change of files | allow (once, for the session, by rule), deny, deny and stop | |
//! | permissions | allow (for the turn, for the session), deny | |
//! | questions | deny: the agent gets empty answers | [`Decision::Answer`] |
//! | an MCP server's form | deny, dismiss | [`Decision::Submit`] |
//! | an MCP server's page | allow, deny, dismiss | |
//! | an MCP server's tool | allow (once; for the session and always where offered), deny | |

mod decision;
mod elicitation;
mod form;
pub mod ledger;
mod permissions;
mod problem;
mod question;
mod reason;
pub mod request;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;

pub use decision::Decision;
pub use elicitation::{Elicitation, ToolRequest};
pub use form::{Field, FieldKind, FieldOption, FormSchema, TextFormat};
pub use ledger::{By, Entry, Key, Outcome, Refused};
pub use permissions::PermissionsRequest;
pub use problem::{FieldProblem, Problem};
pub use question::{Answers, Question, QuestionOption, UserInputRequest};
pub use reason::{Reason, Untold};
pub use request::{ActionKind, CommandAction, CommandRequest, HostRule, Request, Subject};

use crate::connection::Connection;
use crate::event::ThreadId;
use crate::hooks::{HookContext, HookIssue, HookSet, Phase, Runner, ToolVerdict};
use crate::item::Item;
use ledger::{Effect, Ledger};

/// What presenters are told. In order; nothing is left out.
#[derive(Debug, Clone)]
pub enum Notice {
    /// A person is to be asked.
    Requested(Entry),
    /// A question is settled. Also said of questions that hooks decided before any person was asked.
    Resolved(Entry, Outcome),
    /// A request that nobody can answer, or that there was nobody to ask about, was denied in its own
    /// shape.
    Denied(Arc<Request>),
    /// A hook failed while it was asked about a tool use.
    HookFailed(HookIssue),
}

/// The approval loop of a client. Clones are the same loop.
#[derive(Clone, Default)]
pub struct Approvals {
    inner: Arc<Inner>,
}

/// An [`Approvals`] that keeps nothing alive.
#[derive(Clone)]
pub struct WeakApprovals {
    inner: Weak<Inner>,
}

impl WeakApprovals {
    /// The loop, while its client lives.
    pub fn upgrade(&self) -> Option<Approvals> {
        Some(Approvals {
            inner: self.inner.upgrade()?,
        })
    }
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    jobs: OnceLock<mpsc::UnboundedSender<Job>>,
}

#[derive(Default)]
struct State {
    ledger: Ledger,
    /// Dropping one tells the task that decides on the entry to stop.
    deciding: HashMap<Key, oneshot::Sender<()>>,
    connection: Weak<Connection>,
    client_hooks: HookSet,
    /// Hooks of sessions and runs, the most specific last.
    thread_hooks: HashMap<ThreadId, Vec<ThreadHooks>>,
    registrations: u64,
    /// Unbounded in type only: at most a few notices for each open request.
    presenters: Vec<mpsc::UnboundedSender<Notice>>,
}

struct ThreadHooks {
    id: u64,
    hooks: HookSet,
    /// What the run's earlier phases put there.
    metadata: serde_json::Value,
}

/// What a thread knows of a request besides what the request says.
#[derive(Default)]
pub(crate) struct Setting {
    /// The thread of the session that it belongs to, whose hooks are asked.
    pub(crate) session: ThreadId,
    pub(crate) cwd: Option<std::path::PathBuf>,
    pub(crate) model: Option<String>,
    /// The item that the request is about.
    pub(crate) item: Option<Arc<Item>>,
}

struct Job {
    key: Key,
    context: HookContext,
    hooks: HookSet,
    settled: oneshot::Receiver<()>,
}

impl Approvals {
    /// The same loop, without keeping its presenters' streams open.
    pub fn downgrade(&self) -> WeakApprovals {
        WeakApprovals {
            inner: Arc::downgrade(&self.inner),
        }
    }

    /// The questions that people are asked now, oldest first, and everything that happens from now on.
    pub fn present(&self) -> (Vec<Entry>, mpsc::UnboundedReceiver<Notice>) {
        let (tx, rx) = mpsc::unbounded_channel();
        let mut state = self.lock();
        state.presenters.push(tx);
        (state.asked(), rx)
    }

    /// The questions that people are asked now, oldest first.
    pub fn open(&self) -> Vec<Entry> {
        self.lock().asked()
    }

    /// Answers a question for a person at `presenter`. The first answer wins. One that the question does
    /// not accept ([`Request::accepts`]) leaves it open.
    pub fn decide(&self, key: &Key, decision: Decision, presenter: &str) -> Result<(), Refused> {
        self.lock()
            .decide(key, decision, By::Person(presenter.to_owned()))
    }

    /// Hooks for every thread of the client.
    pub(crate) fn add_client_hooks(&self, hooks: &HookSet) {
        let mut state = self.lock();
        state.client_hooks = state.client_hooks.over(hooks);
        drop(state);
        self.start_if_needed(hooks);
    }

    pub(crate) fn client_hooks(&self) -> HookSet {
        self.lock().client_hooks.clone()
    }

    /// Hooks for one thread, for as long as the registration lives. Of several the latest goes first.
    /// `metadata` is what all hooks of the thread are told meanwhile.
    pub(crate) fn add_thread_hooks(
        &self,
        thread: &ThreadId,
        hooks: &HookSet,
        metadata: serde_json::Value,
    ) -> Option<Registration> {
        if !hooks.has(Phase::PreToolUse) && metadata.is_null() {
            return None;
        }
        let mut state = self.lock();
        state.registrations += 1;
        let id = state.registrations;
        state
            .thread_hooks
            .entry(Arc::clone(thread))
            .or_default()
            .push(ThreadHooks {
                id,
                hooks: hooks.clone(),
                metadata,
            });
        drop(state);
        self.start_if_needed(hooks);
        Some(Registration {
            approvals: self.clone(),
            id,
        })
    }

    /// A thread has another id now: it was started anew.
    pub(crate) fn move_thread_hooks(&self, old: &ThreadId, new: &ThreadId) {
        let mut state = self.lock();
        if old != new
            && let Some(hooks) = state.thread_hooks.remove(old)
        {
            state
                .thread_hooks
                .entry(Arc::clone(new))
                .or_default()
                .extend(hooks);
        }
    }

    /// A new generation's connection: answers go there from now on.
    pub(crate) fn connected(&self, connection: &Arc<Connection>) {
        self.lock().connection = Arc::downgrade(connection);
    }

    /// A request arrived. Called by the reader: does not wait.
    pub(crate) fn arrive(&self, key: Key, mut request: Request, setting: Setting) {
        request.about = setting.item;
        let request = Arc::new(request);
        let mut state = self.lock();
        if request.decisions().is_empty() {
            if state.ledger.refuse(key.clone()) {
                state.answer(&key, request.denial());
                state.tell(Notice::Denied(request));
            }
            return;
        }
        if !state.ledger.arrive(
            key.clone(),
            Arc::clone(&request),
            Arc::clone(&setting.session),
            now_ms(),
        ) {
            return;
        }
        let turn = request.turn.as_deref();
        tracing::info!(%key, thread = %request.thread, turn, method = request.method, "a question arrived");
        let hooks = state.hooks_of(&setting.session);
        let jobs = self
            .inner
            .jobs
            .get()
            .filter(|_| hooks.has(Phase::PreToolUse));
        let Some(jobs) = jobs else {
            let _ = state.decide(&key, Decision::Deny, By::Nobody);
            state.tell(Notice::Denied(request));
            return;
        };
        let (gone, settled) = oneshot::channel();
        state.deciding.insert(key.clone(), gone);
        let context = HookContext {
            thread: Some(Arc::clone(&request.thread)),
            metadata: state.metadata_of(&setting.session),
            session: Some(setting.session),
            turn: request.turn.clone(),
            cwd: match &request.subject {
                Subject::Command(command) if !command.cwd.is_empty() => {
                    Some(command.cwd.clone().into())
                }
                Subject::Permissions(PermissionsRequest { cwd: Some(cwd), .. }) => Some(cwd.into()),
                _ => setting.cwd,
            },
            model: setting.model,
            item: request.about.clone(),
            request: Some(request),
            ..HookContext::new(Phase::PreToolUse)
        };
        // The loop ends only with the client, and then nobody is left to answer.
        let _ = jobs.send(Job {
            key,
            context,
            hooks,
            settled,
        });
    }

    /// Questions that `which` picks are settled without an answer of ours.
    pub(crate) fn settle(&self, outcome: &Outcome, which: impl Fn(&Entry) -> bool) {
        let mut state = self.lock();
        let effects = state.ledger.settle(outcome, which);
        state.perform(effects);
    }

    fn start_if_needed(&self, hooks: &HookSet) {
        if !hooks.has(Phase::PreToolUse) {
            return;
        }
        self.inner.jobs.get_or_init(|| {
            let (tx, rx) = mpsc::unbounded_channel();
            tokio::spawn(approval_loop(Arc::downgrade(&self.inner), rx));
            tx
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn asked(&self) -> Vec<Entry> {
        self.ledger
            .open()
            .into_iter()
            .filter(|entry| entry.asked)
            .cloned()
            .collect()
    }

    fn hooks_of(&self, thread: &ThreadId) -> HookSet {
        let mut hooks = HookSet::default();
        for more in self.thread_hooks.get(thread).into_iter().flatten().rev() {
            hooks = hooks.over(&more.hooks);
        }
        hooks.over(&self.client_hooks)
    }

    fn metadata_of(&self, thread: &ThreadId) -> serde_json::Value {
        let of_thread = self.thread_hooks.get(thread).into_iter().flatten();
        of_thread
            .rev()
            .map(|more| &more.metadata)
            .find(|metadata| !metadata.is_null())
            .cloned()
            .unwrap_or_default()
    }

    fn decide(&mut self, key: &Key, decision: Decision, by: By) -> Result<(), Refused> {
        let effects = self.ledger.decide(key, decision, by)?;
        self.perform(effects);
        Ok(())
    }

    /// Carries out effects while the ledger is locked, so that everybody is told in one order.
    fn perform(&mut self, effects: impl IntoIterator<Item = Effect>) {
        for effect in effects {
            match effect {
                Effect::Answer(entry, decision) => {
                    self.answer(&entry.key, entry.request.answer(&decision))
                }
                Effect::Requested(entry) => self.tell(Notice::Requested(entry)),
                Effect::Resolved(entry, outcome) => {
                    let (key, thread) = (&entry.key, &entry.request.thread);
                    let turn = entry.request.turn.as_deref();
                    tracing::info!(%key, %thread, turn, outcome = outcome.kind(), "a question is settled");
                    self.deciding.remove(&entry.key);
                    self.tell(Notice::Resolved(entry, outcome));
                }
            }
        }
    }

    fn answer(
        &self,
        key: &Key,
        answer: Result<Box<serde_json::value::RawValue>, crate::jsonrpc::ErrorObject>,
    ) {
        match self.connection.upgrade() {
            Some(connection) if connection.generation() == key.generation => {
                connection.answer(&key.id, answer.as_deref());
            }
            _ => tracing::debug!(%key, "the server that asked is gone"),
        }
    }

    fn tell(&mut self, notice: Notice) {
        self.presenters
            .retain(|presenter| presenter.send(notice.clone()).is_ok());
    }
}

/// Hooks of a thread; dropping it takes them away.
pub(crate) struct Registration {
    approvals: Approvals,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = self.approvals.lock();
        state.thread_hooks.retain(|_, hooks| {
            hooks.retain(|hooks| hooks.id != self.id);
            !hooks.is_empty()
        });
    }
}

/// Takes requests as they come and lets hooks decide on each in a task of its own.
async fn approval_loop(approvals: Weak<Inner>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = jobs.recv().await {
        let span = tracing::info_span!(
            "question",
            key = %job.key,
            thread = job.context.thread.as_deref(),
            turn = job.context.turn.as_deref(),
        );
        tokio::spawn(decide_by_hooks(approvals.clone(), job).instrument(span));
    }
}

async fn decide_by_hooks(approvals: Weak<Inner>, job: Job) {
    let mut runner = Runner::new(job.hooks);
    let verdict = tokio::select! {
        verdict = runner.tool(&job.context) => verdict,
        _ = job.settled => return,
    };
    let Some(inner) = approvals.upgrade() else {
        return;
    };
    let approvals = Approvals { inner };
    let mut state = approvals.lock();
    for issue in runner.issues() {
        state.tell(Notice::HookFailed(issue));
    }
    // A refusal means that it was settled while the hooks thought.
    let _ = match verdict {
        ToolVerdict::Decided { decision, hook } => state.decide(&job.key, decision, By::Hook(hook)),
        ToolVerdict::Nobody => state.decide(&job.key, Decision::Deny, By::Nobody),
        ToolVerdict::AskPerson => {
            let effect = state.ledger.ask(&job.key);
            state.perform(effect);
            Ok(())
        }
    };
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
