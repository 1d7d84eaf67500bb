//! The task of one session.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_contract::{
    CommandError, ContextUse, ErrorCode, Problem, Profile, SessionId, SessionState,
};
use countersign_runtime::event::{ThreadId, TurnId, TurnOutcome};
use countersign_runtime::history::HistoryPage;
use countersign_runtime::item::{Item, ItemDetail};
use countersign_runtime::supervisor::ConnectionState;
use countersign_runtime::transcript::{Limits, Transcript, item_key};
use countersign_runtime::{AskError, Event, Prompt, RpcError, Session};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::live::{self, FirstPage, Live, PAGE};
use super::{Command, Described, Face, Handle, Reply, Updates};
use crate::clock::now_ms;
use crate::engines::Engine;
use crate::problems;
use crate::view::{TranscriptView, failed, files_of};

/// The shortest time between two updates: a frame at 60 Hz.
const FRAME: Duration = Duration::from_millis(16);

/// How a session gets an engine.
pub type EngineFuture = Pin<Box<dyn Future<Output = Result<Arc<Engine>, Problem>> + Send>>;

/// What a session needs of the app around it. Nothing here waits, but for [`Around::engine`].
pub trait Around: Send + Sync + 'static {
    /// The session's id.
    fn id(&self) -> &SessionId;
    /// The folder that the agent works in.
    fn folder(&self) -> &str;
    /// Its profile, as it is now.
    fn profile(&self) -> Option<Profile>;
    /// Codex's id of its thread, as far as it is known.
    fn thread(&self) -> Option<String>;
    /// The app-server of a profile.
    fn engine(&self, profile: Profile) -> EngineFuture;
    /// Its tab is in front.
    fn is_in_front(&self) -> bool;
    /// Its face changed.
    fn changed(&self);
    /// An item of it, or of an agent that it started, is final.
    fn item_ended(&self, thread: &ThreadId, turn: &TurnId, item: &Item);
    /// This thread is its own from now on, or that of an agent which it started. `to_resume` says
    /// that it is the session's own and on disk.
    fn owns(&self, thread: &ThreadId, to_resume: bool);
}

/// Starts the task of a session. It begins by bringing the session up.
pub fn open(around: impl Around) -> Handle {
    let (commands, inbox) = mpsc::unbounded_channel();
    let face = Arc::new(Mutex::new(Face::default()));
    let handle = Handle {
        id: around.id().clone(),
        commands,
        face: Arc::clone(&face),
    };
    let (done, results) = mpsc::unbounded_channel();
    let actor = Actor {
        at: Arc::new(around),
        face,
        phase: Phase::Down,
        queued: Vec::new(),
        next: Vec::new(),
        transcript: Transcript::new(Limits::default()),
        watch: None,
        cursor: None,
        connection: None,
        failure: None,
        done,
    };
    tauri::async_runtime::spawn(actor.run(inbox, results));
    handle
}

enum Phase {
    /// Being brought up.
    Starting,
    Up(Box<Live>),
    /// `failure` says why.
    Down,
}

/// What a task of the actor came to.
enum Done {
    Up(Result<Box<(Live, FirstPage)>, Problem>),
    Sent {
        client_id: String,
        result: Result<(), AskError>,
        reply: Reply,
    },
    Earlier {
        result: Result<(HistoryPage, Option<String>), RpcError>,
        reply: Reply,
    },
}

struct Watch {
    updates: Updates,
    view: TranscriptView,
    /// The update that the window has not acknowledged.
    sent: Option<u32>,
    not_before: Instant,
}

struct Actor {
    at: Arc<dyn Around>,
    face: Arc<Mutex<Face>>,
    phase: Phase,
    /// Messages that wait for the session to come up.
    queued: Vec<(String, Reply)>,
    /// What is to begin the next turn.
    next: Vec<(String, Reply)>,
    transcript: Transcript,
    watch: Option<Watch>,
    /// Where the page before the first row begins, and how many rows had left when that was so.
    cursor: Option<(Option<String>, u64)>,
    connection: Option<watch::Receiver<ConnectionState>>,
    /// Why it is down, or why its last turn failed.
    failure: Option<Problem>,
    done: mpsc::UnboundedSender<Done>,
}

impl Actor {
    async fn run(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<Command>,
        mut results: mpsc::UnboundedReceiver<Done>,
    ) {
        self.bring_up();
        loop {
            let flush_at = self.flush_at();
            tokio::select! {
                biased;
                command = inbox.recv() => match command {
                    Some(Command::Leave { reply }) => {
                        self.leave().await;
                        let _ = reply.send(());
                        return;
                    }
                    Some(command) => self.command(command),
                    None => return,
                },
                Some(done) = results.recv() => self.done(done),
                () = connection_changed(&mut self.connection) => self.refresh(),
                event = next_event(&mut self.phase) => match event {
                    Some(event) => {
                        self.event(&event);
                        self.take_pending_events();
                        self.refresh();
                    }
                    None => self.ended(),
                },
                () = sleep_until(flush_at) => {}
            }
            self.flush();
        }
    }

    fn bring_up(&mut self) {
        self.phase = Phase::Starting;
        self.failure = None;
        self.connection = None;
        self.refresh();
        let (at, done) = (Arc::clone(&self.at), self.done.clone());
        tokio::spawn(async move {
            let _ = done.send(Done::Up(live::bring_up(at).await.map(Box::new)));
        });
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Send { text, reply } => match &self.phase {
                Phase::Up(_) => self.send(text, reply),
                Phase::Starting => self.queued.push((text, reply)),
                Phase::Down => {
                    self.queued.push((text, reply));
                    self.bring_up();
                }
            },
            Command::SendNext { text, reply } => match &self.phase {
                Phase::Up(live) if live.session.is_busy() => self.next.push((text, reply)),
                _ => self.command(Command::Send { text, reply }),
            },
            Command::Stop { reply } => self.stop(reply),
            Command::Retry => {
                if matches!(self.phase, Phase::Down) {
                    self.bring_up();
                }
            }
            Command::Watch(updates) => {
                self.watch = Some(Watch {
                    updates,
                    view: TranscriptView::new(),
                    sent: None,
                    not_before: Instant::now(),
                });
            }
            Command::Unwatch => {
                self.watch = None;
                self.transcript.forget_paged();
            }
            Command::Ack(seq) => {
                if let Some(watch) = &mut self.watch
                    && watch.sent == Some(seq)
                {
                    watch.sent = None;
                }
            }
            Command::Earlier { reply } => self.earlier(reply),
            Command::Waiting { item, waiting } => {
                self.take_pending_events();
                if let Some(item) = item {
                    self.transcript.set_waiting(&item, waiting);
                }
                self.face(|face| {
                    face.waiting = if waiting {
                        face.waiting + 1
                    } else {
                        face.waiting.saturating_sub(1)
                    };
                });
                if waiting {
                    self.mark_unread();
                }
                self.refresh();
            }
            Command::Describe { turn, item, reply } => {
                // The item was said before the question about it, so it is in the queue at the latest.
                self.take_pending_events();
                let row = self.transcript.item(&turn, &item);
                let _ = reply.send(Described {
                    row: row.map(|_| item_key(&turn, &item).to_string()),
                    files: row.map(files_of).unwrap_or_default(),
                });
            }
            Command::Seen => {
                self.face(|face| face.unread = false);
            }
            Command::Leave { .. } => {}
        }
    }

    fn send(&mut self, text: String, reply: Reply) {
        let Phase::Up(live) = &self.phase else {
            self.queued.push((text, reply));
            return;
        };
        let client_id = uuid::Uuid::new_v4().to_string();
        self.transcript
            .add_pending_user(&client_id, &text, now_ms());
        let session = live.session.clone();
        let prompt = Prompt {
            profile: session.profile(),
            client_id: Some(client_id.clone()),
            ..Prompt::new(text, session.config().cwd.clone())
        };
        let done = self.done.clone();
        tokio::spawn(async move {
            let result = session.start_turn(&prompt).await.map(drop);
            let _ = done.send(Done::Sent {
                client_id,
                result,
                reply,
            });
        });
        self.refresh();
    }

    fn stop(&mut self, reply: Reply) {
        let Phase::Up(live) = &self.phase else {
            // What waits for the session to come up has not been sent: it goes back to the person.
            for (_, waiting) in self.queued.drain(..) {
                let _ = waiting.send(Err(not_sent()));
            }
            let _ = reply.send(Ok(()));
            return;
        };
        let session = live.session.clone();
        tokio::spawn(async move {
            let stopped = session.stop().await;
            let _ = reply.send(
                stopped
                    .map(drop)
                    .map_err(|error| problems::rpc("Stopping the turn", &error)),
            );
        });
    }

    fn earlier(&mut self, reply: Reply) {
        let (Phase::Up(live), Some((cursor, dropped))) = (&self.phase, &self.cursor) else {
            let _ = reply.send(Ok(()));
            return;
        };
        // Rows that left at the front lie after the cursor: begin at the end again.
        let cursor = cursor
            .clone()
            .filter(|_| *dropped == self.transcript.dropped());
        self.transcript.set_loading(true);
        let (session, done) = (live.session.clone(), self.done.clone());
        tokio::spawn(async move {
            let result = session.history(cursor.as_deref(), PAGE).await;
            let _ = done.send(Done::Earlier { result, reply });
        });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Up(Ok(up)) => {
                let (live, (page, cursor)) = *up;
                let on_disk = !page.turns.is_empty();
                self.transcript.load_snapshot(&page);
                self.cursor = Some((cursor, self.transcript.dropped()));
                self.connection = Some(live.session.client().state());
                self.at.owns(&live.session.thread_id(), on_disk);
                self.phase = Phase::Up(Box::new(live));
                for (text, reply) in std::mem::take(&mut self.queued) {
                    self.send(text, reply);
                }
            }
            Done::Up(Err(problem)) => {
                self.phase = Phase::Down;
                for (_, reply) in self.queued.drain(..) {
                    let _ = reply.send(Err(CommandError {
                        code: ErrorCode::Unavailable,
                        problem: problem.clone(),
                        field: None,
                    }));
                }
                self.failure = Some(problem);
            }
            Done::Sent {
                client_id,
                result,
                reply,
            } => {
                let result = result.map_err(|error| {
                    self.transcript.fail_pending(&client_id);
                    problems::send(&error)
                });
                let _ = reply.send(result);
            }
            Done::Earlier { result, reply } => {
                self.transcript.set_loading(false);
                let result = match result {
                    Ok((page, cursor)) => {
                        self.transcript.prepend_page(&page);
                        self.cursor = Some((cursor, self.transcript.dropped()));
                        Ok(())
                    }
                    Err(error) => Err(problems::rpc("Loading earlier messages", &error)),
                };
                let _ = reply.send(result);
            }
        }
        self.refresh();
    }

    fn take_pending_events(&mut self) {
        while let Phase::Up(live) = &mut self.phase
            && let Some(event) = live.events.try_recv()
        {
            self.event(&event);
        }
    }

    fn event(&mut self, event: &Event) {
        self.transcript.apply(event);
        match event {
            Event::TurnStarted { at_ms, .. } => {
                self.failure = None;
                self.face(|face| face.running_since = Some(at_ms.unwrap_or_else(now_ms)));
                if let Phase::Up(live) = &self.phase {
                    self.at.owns(&live.session.thread_id(), true);
                }
            }
            Event::TurnCompleted { outcome, .. } => {
                self.face(|face| face.running_since = None);
                if let TurnOutcome::Failed(failure) = outcome {
                    self.failure = Some(failed(failure));
                }
                self.mark_unread();
                for (text, reply) in std::mem::take(&mut self.next) {
                    self.send(text, reply);
                }
            }
            Event::Disconnected(_) => {
                for (_, waiting) in self.next.drain(..) {
                    let _ = waiting.send(Err(CommandError {
                        code: ErrorCode::Unavailable,
                        problem: problems::gave_up(None, None),
                        field: None,
                    }));
                }
                self.face(|face| face.running_since = None);
                self.mark_unread();
            }
            Event::Resumed { thread, .. } => self.at.owns(thread, false),
            Event::ResumeFailed { error } => {
                self.failure = Some(problems::open(error, true));
                self.phase = Phase::Down;
                self.mark_unread();
            }
            Event::ItemStarted { item, .. } | Event::ItemCompleted { item, .. } => {
                if let ItemDetail::Tool(tool) = &item.detail {
                    for child in &tool.child_threads {
                        self.at.owns(&child.as_str().into(), false);
                    }
                }
                if let (Event::ItemCompleted { turn, .. }, Phase::Up(live)) = (event, &self.phase) {
                    self.at.item_ended(&live.session.thread_id(), turn, item);
                    if matches!(item.detail, ItemDetail::AgentMessage { .. }) {
                        self.mark_unread();
                    }
                }
            }
            Event::OfAgent { thread, event } => {
                if let Event::ItemCompleted { turn, item } = &**event {
                    self.at.item_ended(thread, turn, item);
                }
            }
            Event::TokenUsage(usage) => {
                let used = usage.last_total;
                self.face(|face| {
                    face.context = usage
                        .context_window
                        .map(|window| ContextUse { used, window })
                });
            }
            _ => {}
        }
    }

    /// The client was shut down: the app-server was given up, or the app is quitting.
    fn ended(&mut self) {
        self.take_pending_events();
        self.failure = match self.connection.as_ref().map(|state| state.borrow().clone()) {
            Some(ConnectionState::Closed { death, failure }) => {
                Some(problems::gave_up(death.as_deref(), failure.as_ref()))
            }
            _ => Some(problems::gave_up(None, None)),
        };
        self.phase = Phase::Down;
        self.refresh();
    }

    /// Brings the face in line with everything that is known.
    fn refresh(&mut self) {
        let mut state = match &self.phase {
            Phase::Starting => SessionState::Starting,
            Phase::Down => SessionState::Failed,
            Phase::Up(live) if live.session.is_busy() => SessionState::Running,
            Phase::Up(_) if self.failure.is_some() => SessionState::Failed,
            Phase::Up(_) => SessionState::Idle,
        };
        // Why a turn failed stands in the transcript; the session itself can go on.
        let mut problem = match &self.phase {
            Phase::Down => self.failure.clone(),
            _ => None,
        };
        if let (Phase::Up(_), Some(connection)) = (&self.phase, &self.connection)
            && let ConnectionState::Restarting { death, .. } = &*connection.borrow()
        {
            state = SessionState::Restarting;
            problem = Some(problems::restarting(death));
        }
        let policy = match &self.phase {
            Phase::Up(live) => Some(policy_of(&live.session)),
            _ => None,
        };
        self.face(|face| {
            if let Some((policy, approval, sandbox)) = &policy {
                face.set_policy(policy, *approval, *sandbox);
            }
            face.problem = problem;
            face.state = match state {
                SessionState::Running if face.waiting > 0 => SessionState::WaitsForYou,
                state => state,
            };
        });
    }

    fn mark_unread(&self) {
        if !self.at.is_in_front() {
            self.face(|face| face.unread = true);
        }
    }

    fn face(&self, change: impl FnOnce(&mut Face)) {
        let changed = {
            let mut face = self.face.lock().unwrap_or_else(PoisonError::into_inner);
            let before = face.clone();
            change(&mut face);
            *face != before
        };
        if changed {
            self.at.changed();
        }
    }

    /// When there may be something to send.
    fn flush_at(&self) -> Option<Instant> {
        let watch = self.watch.as_ref()?;
        (watch.sent.is_none() && watch.view.is_behind(&self.transcript)).then_some(watch.not_before)
    }

    fn flush(&mut self) {
        let now = Instant::now();
        if self.flush_at().is_none_or(|at| at > now) {
            return;
        }
        if let Some(watch) = &mut self.watch
            && let Some(update) = watch.view.update(&self.transcript)
        {
            watch.sent = Some(update.seq);
            watch.not_before = now + FRAME;
            if !(watch.updates)(update) {
                self.watch = None;
            }
        }
    }

    async fn leave(&mut self) {
        for (_, reply) in self.queued.drain(..).chain(self.next.drain(..)) {
            let _ = reply.send(Err(super::closed()));
        }
        if let Phase::Up(live) = std::mem::replace(&mut self.phase, Phase::Down)
            && let Err(error) = live.session.leave().await
        {
            tracing::warn!(session = self.at.id(), %error, "a session could not be left in order");
        }
    }
}

fn policy_of(
    session: &Session,
) -> (
    countersign_runtime::policy::EffectivePolicy,
    countersign_runtime::policy::ApprovalPolicy,
    countersign_runtime::policy::SandboxMode,
) {
    let profile = &session.config().profile;
    (session.policy(), profile.approval, profile.sandbox)
}

fn not_sent() -> CommandError {
    CommandError {
        code: ErrorCode::Unavailable,
        problem: Problem {
            what: "The message was not sent.".to_owned(),
            meaning: "You stopped the session before it was ready. Your text is still there."
                .to_owned(),
            remedy: "Send it again when you want to.".to_owned(),
            details: None,
        },
        field: None,
    }
}

async fn next_event(phase: &mut Phase) -> Option<Event> {
    match phase {
        Phase::Up(live) => live.events.recv().await,
        _ => std::future::pending().await,
    }
}

async fn connection_changed(connection: &mut Option<watch::Receiver<ConnectionState>>) {
    match connection {
        Some(state) => {
            if state.changed().await.is_err() {
                std::future::pending().await
            }
        }
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
