//! A thread that this client holds open: who listens, what runs, under which generation it is loaded.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tracing::Span;

use crate::approval::{Request, Setting};
use crate::connection::Connection;
use crate::error::RpcError;
use crate::event::{Event, ThreadId, TurnId, TurnOutcome};
use crate::item::{Item, ItemDetail};
use crate::mailbox::{self, Mailbox, Subscription};
use crate::metrics::Counters;
use crate::policy::EffectivePolicy;
use crate::profile::SessionConfig;
use crate::spans;

pub(crate) struct Thread {
    pub(crate) config: SessionConfig,
    state: Mutex<State>,
    loaded: watch::Sender<Loaded>,
    turns: watch::Sender<Turns>,
    closed: AtomicBool,
    counters: Arc<Counters>,
}

struct State {
    id: ThreadId,
    policy: EffectivePolicy,
    /// It has had a turn, so it is on disk and can be resumed (FACTS section 9).
    on_disk: bool,
    subscribers: Vec<Mailbox>,
    /// What its log lines, and those of the turn that runs, belong to.
    span: Span,
    turn_span: Span,
    /// The generation that the thread is loaded under, or is being, and the last one that died.
    generation: u32,
    died: u32,
    /// Something was told since that death.
    heard: bool,
    /// What is not to be told before the thread is loaded again.
    held: Option<Held>,
    /// Changes of files that are under way, here and on the threads of agents: a question about one does not
    /// say which files (FACTS section 4).
    changes: Vec<(Option<ThreadId>, Arc<Item>)>,
    /// Threads of agents on which a turn runs.
    agents: BTreeSet<ThreadId>,
}

/// What is kept back while a generation loads the thread.
struct Held {
    generation: u32,
    into: Mailbox,
    events: Subscription,
}

/// Under which generation of the server the thread is loaded.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) generation: u32,
    /// Resuming it under that generation failed.
    pub(crate) failure: Option<RpcError>,
    /// It was let go of here: no later generation loads it.
    let_go: bool,
}

/// What runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns {
    /// `turn/start` calls that were sent and not answered yet.
    pub(crate) starting: u32,
    /// A turn that the server promised in its answer and that was not seen yet: it cannot be
    /// interrupted before it was (FACTS section 2, "Race").
    pub(crate) expected: Option<TurnId>,
    /// The turn that runs.
    pub(crate) running: Option<TurnId>,
    /// The last turn that ended, or was lost with its connection.
    pub(crate) ended: Option<TurnId>,
    /// Counts how often what runs changed.
    pub(crate) changes: u64,
    /// How often the server died.
    deaths: u64,
}

impl Turns {
    /// A turn is on its way that does not run yet.
    pub(crate) fn is_coming(&self) -> bool {
        self.running.is_none() && (self.starting > 0 || self.expected.is_some())
    }

    /// The newest turn that is known.
    pub(crate) fn last(&self) -> Option<&TurnId> {
        self.running.as_ref().or(self.ended.as_ref())
    }
}

impl Thread {
    pub(crate) fn new(
        id: ThreadId,
        config: SessionConfig,
        generation: u32,
        on_disk: bool,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        Arc::new(Self {
            config,
            state: Mutex::new(State {
                id,
                policy: EffectivePolicy::default(),
                on_disk,
                subscribers: Vec::new(),
                span: Span::none(),
                turn_span: Span::none(),
                generation,
                died: 0,
                heard: true,
                held: None,
                changes: Vec::new(),
                agents: BTreeSet::new(),
            }),
            loaded: watch::Sender::new(Loaded {
                generation,
                failure: None,
                let_go: false,
            }),
            turns: watch::Sender::default(),
            closed: AtomicBool::new(false),
            counters,
        })
    }

    pub(crate) fn id(&self) -> ThreadId {
        Arc::clone(&self.lock().id)
    }

    pub(crate) fn policy(&self) -> EffectivePolicy {
        self.lock().policy.clone()
    }

    pub(crate) fn is_on_disk(&self) -> bool {
        self.lock().on_disk
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Marks it closed; true for the first to do so.
    pub(crate) fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        let (mailbox, subscription) = mailbox::mailbox(Arc::clone(&self.counters));
        self.lock().subscribers.push(mailbox);
        subscription
    }

    /// Gives an event to every subscriber, after taking from it what this thread keeps.
    pub(crate) fn deliver(&self, event: Event) {
        let is_news = {
            let mut state = self.lock();
            match &event {
                Event::Disconnected(death) => {
                    // A generation that was given up in its handshake may take its time to end.
                    if death.generation < state.generation {
                        return;
                    }
                    state.died = death.generation;
                    // A death is no news when nothing was heard since the one before.
                    std::mem::replace(&mut state.heard, false)
                }
                _ => {
                    state.heard = true;
                    true
                }
            }
        };
        self.note(&event);
        if !is_news {
            return;
        }
        let mut state = self.lock();
        match &state.held {
            Some(held) => {
                held.into.push(event);
            }
            None => state.tell(event),
        }
    }

    /// Keeps back what is delivered until this generation [releases](Self::release) it. What an earlier one said,
    /// its death included, is told now: it comes before all that this one has to tell.
    pub(crate) fn hold(&self, generation: u32) {
        let mut state = self.lock();
        if generation < state.generation {
            return;
        }
        state.generation = generation;
        if let Some(held) = state.held.take() {
            state.tell_all(held);
        }
        let (into, events) = mailbox::mailbox(Arc::clone(&self.counters));
        state.held = Some(Held {
            generation,
            into,
            events,
        });
    }

    /// Tells subscribers `first`, and then what was kept back. Nothing of it when a later generation loads the thread
    /// by now: what there is to tell is that one's.
    pub(crate) fn release(&self, generation: u32, first: Vec<Event>) {
        let mut state = self.lock();
        let Some(held) = state.held.take_if(|held| held.generation == generation) else {
            return;
        };
        for event in first {
            state.heard = true;
            state.tell(event);
        }
        state.tell_all(held);
    }

    fn note(&self, event: &Event) {
        match event {
            Event::TurnStarted { turn, .. } => {
                self.begins(turn);
                self.turns.send_modify(|turns| {
                    turns.running = Some(Arc::clone(turn));
                    turns.expected = None;
                    turns.changes += 1;
                });
            }
            Event::TurnCompleted { turn, outcome, .. } => {
                self.ends(match outcome {
                    TurnOutcome::Completed => "completed",
                    TurnOutcome::Interrupted => "interrupted",
                    TurnOutcome::Failed(_) => "failed",
                });
                self.turns.send_modify(|turns| {
                    turns.running = None;
                    turns.expected = None;
                    turns.ended = Some(Arc::clone(turn));
                    turns.changes += 1;
                });
            }
            Event::Disconnected(_) => {
                self.ends("lost");
                self.turns.send_modify(|turns| {
                    turns.ended = turns.running.take().or(turns.ended.take());
                    turns.expected = None;
                    turns.changes += 1;
                    turns.deaths += 1;
                });
            }
            Event::PolicyChanged(policy) => self.lock().policy = policy.clone(),
            _ => {}
        }
        match event {
            Event::Disconnected(_) => self.lock().changes.clear(),
            Event::OfAgent { thread, event } => {
                match &**event {
                    Event::TurnStarted { .. } => self.agent_runs(thread),
                    Event::TurnCompleted { .. } => {
                        self.lock().agents.remove(thread);
                    }
                    _ => {}
                }
                self.note_changes(Some(thread), event);
            }
            event => self.note_changes(None, event),
        }
    }

    fn begins(&self, turn: &TurnId) {
        let span = {
            let mut state = self.lock();
            state.on_disk = true;
            state.turn_span = spans::turn(&state.span, turn);
            state.turn_span.clone()
        };
        span.in_scope(|| tracing::info!("a turn runs"));
    }

    fn ends(&self, how: &'static str) {
        let span = std::mem::replace(&mut self.lock().turn_span, Span::none());
        if !span.is_none() {
            span.in_scope(|| tracing::info!(how, "the turn is over"));
        }
    }

    /// What log lines about it belong to: the turn that runs, or the thread.
    pub(crate) fn span(&self) -> Span {
        let state = self.lock();
        match state.turn_span.is_none() {
            true => state.span.clone(),
            false => state.turn_span.clone(),
        }
    }

    /// Log lines about it belong to this connection from now on.
    pub(crate) fn belongs_to(&self, connection: &Connection) {
        let mut state = self.lock();
        state.span = spans::thread(connection.span(), &state.id);
    }

    pub(crate) fn agent_runs(&self, agent: &ThreadId) {
        self.lock().agents.insert(Arc::clone(agent));
    }

    /// Threads of agents on which a turn ran when they were last heard of. From now on none does.
    pub(crate) fn take_agents(&self) -> BTreeSet<ThreadId> {
        std::mem::take(&mut self.lock().agents)
    }

    /// Keeps what changes of files there are on this thread, or on an agent's.
    fn note_changes(&self, thread: Option<&ThreadId>, event: &Event) {
        match event {
            Event::ItemStarted { item, .. }
                if matches!(item.detail, ItemDetail::FileChange { .. }) =>
            {
                let change = (thread.cloned(), Arc::new(item.clone()));
                self.lock().changes.push(change);
            }
            Event::ItemCompleted { item, .. }
                if matches!(item.detail, ItemDetail::FileChange { .. }) =>
            {
                self.lock()
                    .changes
                    .retain(|(of, change)| (of.as_ref(), &change.id) != (thread, &item.id));
            }
            Event::TurnCompleted { .. } => {
                self.lock().changes.retain(|(of, _)| of.as_ref() != thread)
            }
            _ => {}
        }
    }

    /// What this thread knows of a request besides what it says itself.
    pub(crate) fn setting(&self, request: &Request) -> Setting {
        let state = self.lock();
        let item = request.item.as_ref();
        let asks = Some(&request.thread).filter(|thread| **thread != state.id);
        Setting {
            session: Arc::clone(&state.id),
            cwd: Some(match &*state.policy.cwd {
                "" => self.config.cwd.clone(),
                cwd => cwd.into(),
            }),
            model: Some(state.policy.model.clone()).filter(|model| !model.is_empty()),
            item: item.and_then(|item| {
                state
                    .changes
                    .iter()
                    .find(|(of, change)| of.as_ref() == asks && change.id == *item)
                    .map(|(_, change)| Arc::clone(change))
            }),
        }
    }

    /// What the server of this generation said to be running, unless it is dead by now or more was heard of that
    /// since there were so many changes; true when it is news. To be called before [`resumed`](Self::resumed), after
    /// which callers rely on it.
    pub(crate) fn found(&self, generation: u32, running: Option<TurnId>, changes: u64) -> bool {
        let begun = running.clone();
        let is_news = {
            // Locked, so that a death either comes before or ends the turn that is found.
            let state = self.lock();
            state.died < generation
                && self.turns.send_if_modified(|turns| {
                    let is_news = turns.changes == changes && running.is_some();
                    if is_news {
                        turns.running = running;
                    }
                    is_news
                })
        };
        if let Some(turn) = begun.filter(|_| is_news) {
            self.begins(&turn);
        }
        is_news
    }

    /// Loaded again, perhaps under another id. False when that server is dead by now: the next generation tries
    /// again.
    pub(crate) fn resumed(
        &self,
        id: ThreadId,
        policy: EffectivePolicy,
        connection: &Connection,
    ) -> bool {
        let span = {
            let mut state = self.lock();
            if state.died >= connection.generation() {
                return false;
            }
            state.generation = connection.generation();
            if state.span.is_none() || state.id != id {
                state.span = spans::thread(connection.span(), &id);
            }
            state.id = id;
            state.policy = policy;
            state.span.clone()
        };
        span.in_scope(|| tracing::info!("a thread is loaded"));
        self.loaded.send_modify(|loaded| {
            loaded.generation = connection.generation();
            loaded.failure = None;
        });
        true
    }

    /// The server could not load it. False, and nothing happens, when that server is dead by now.
    pub(crate) fn resume_failed(&self, generation: u32, error: RpcError) -> bool {
        if self.lock().died >= generation {
            return false;
        }
        self.loaded.send_modify(|loaded| {
            loaded.generation = generation;
            loaded.failure = Some(error);
        });
        true
    }

    /// Whoever waits for it to be loaded again waits in vain from now on, and is told.
    pub(crate) fn let_go(&self) {
        self.loaded.send_modify(|loaded| loaded.let_go = true);
    }

    pub(crate) fn is_let_go(&self) -> bool {
        self.loaded.borrow().let_go
    }

    /// Waits until the thread is loaded under `generation` or a later one. Fails when it was let go of before.
    pub(crate) async fn loaded(&self, generation: u32) -> Result<(), RpcError> {
        let mut loaded = self.loaded.subscribe();
        let closed = |_| RpcError::Closed("the client is gone".into());
        let now = loaded
            .wait_for(|now| now.generation >= generation || now.let_go)
            .await
            .map_err(closed)?;
        match &now.failure {
            _ if now.generation < generation => Err(RpcError::session_closed()),
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    pub(crate) fn turns(&self) -> watch::Receiver<Turns> {
        self.turns.subscribe()
    }

    /// Counts a `turn/start` until it is answered, or given up.
    pub(crate) fn starting(self: &Arc<Self>) -> Starting {
        self.turns.send_modify(|turns| turns.starting += 1);
        Starting {
            thread: Arc::clone(self),
            deaths: self.turns.borrow().deaths,
        }
    }

    pub(crate) fn end_subscriptions(&self) {
        for subscriber in self.lock().subscribers.drain(..) {
            subscriber.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell_all(&mut self, mut held: Held) {
        while let Some(event) = held.events.try_recv() {
            self.tell(event);
        }
    }

    fn tell(&mut self, event: Event) {
        let Some(last) = self.subscribers.len().checked_sub(1) else {
            return;
        };
        let mut dead = false;
        for subscriber in &self.subscribers[..last] {
            dead |= !subscriber.push(event.clone());
        }
        // The last one takes the event itself: with one subscriber nothing is copied.
        dead |= !self.subscribers[last].push(event);
        if dead {
            self.subscribers.retain(|subscriber| !subscriber.is_dead());
        }
    }
}

/// A `turn/start` under way.
pub(crate) struct Starting {
    thread: Arc<Thread>,
    /// How often the server had died before.
    deaths: u64,
}

impl Starting {
    /// The server took it. It may be a turn that runs already: then the prompt joins that one (FACTS
    /// section 3). Nothing comes of a promise whose server died before it was learnt of here.
    pub(crate) fn accepted(self, turn: &TurnId) {
        self.thread.turns.send_modify(|turns| {
            if turns.deaths == self.deaths
                && turns.running.as_ref() != Some(turn)
                && turns.ended.as_ref() != Some(turn)
            {
                turns.expected = Some(Arc::clone(turn));
            }
        });
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.thread
            .turns
            .send_modify(|turns| turns.starting = turns.starting.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::Death;

    fn death(generation: u32) -> Event {
        Event::Disconnected(Arc::new(Death {
            generation,
            status: None,
            reason: None,
            stderr: Vec::new(),
            asked_for: false,
        }))
    }

    fn thread() -> Arc<Thread> {
        let config = SessionConfig::new("/w");
        Thread::new("T".into(), config, 1, true, Arc::default())
    }

    #[test]
    fn a_turn_that_a_dead_generation_found_does_not_run() {
        let thread = thread();
        thread.deliver(death(1));
        thread.hold(2);
        let changes = thread.turns().borrow().changes;
        assert!(thread.found(2, Some("U".into()), changes));
        // Nothing was told since the last death, so this one is no news: but the turn is lost.
        thread.deliver(death(2));
        assert_eq!(thread.turns().borrow().running, None);
        let changes = thread.turns().borrow().changes;
        assert!(!thread.found(2, Some("U".into()), changes));
        assert_eq!(thread.turns().borrow().running, None);
    }

    #[test]
    fn what_a_generation_said_is_told_before_the_next_one_is_heard() {
        let thread = thread();
        let mut events = thread.subscribe();
        let resumed = |generation| Event::Resumed {
            generation,
            thread: "T".into(),
        };
        let said = |generation: u32| Event::Gap {
            missed: generation.into(),
        };
        thread.deliver(death(1));
        thread.hold(2);
        thread.deliver(said(2));
        thread.deliver(death(2));
        thread.hold(3);
        thread.deliver(said(3));
        // The task of the second learns of its death now, and that of one which was given up comes late.
        thread.hold(2);
        thread.deliver(death(2));
        thread.release(2, vec![resumed(2)]);
        thread.release(3, vec![resumed(3)]);
        let mut told = Vec::new();
        while let Some(event) = events.try_recv() {
            told.push(match event {
                Event::Disconnected(death) => format!("{} dies", death.generation),
                Event::Resumed { generation, .. } => format!("{generation} resumes"),
                Event::Gap { missed } => format!("{missed} speaks"),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(
            told,
            ["1 dies", "2 speaks", "2 dies", "3 resumes", "3 speaks"]
        );
    }
}
