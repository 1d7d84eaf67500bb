//! A session: one thread of an app-server, and what can be asked of it.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::Instrument;

use crate::approval::Registration;
use crate::client::Client;
use crate::error::{AskError, RpcError};
use crate::event::{ThreadId, TurnId};
use crate::hooks::{After, Draft, HookContext, HookRecord, Phase, Runner};
use crate::mailbox::Subscription;
use crate::policy::{ApprovalPolicy, EffectivePolicy, PolicyWarning, SandboxMode};
use crate::profile::{self, Prompt, RunProfile, SessionConfig};
use crate::thread::{Starting, Thread};
use crate::turn::{TurnResult, TurnStream};

/// How long the detached interrupt of a turn that nobody waits for any more may take.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(5);

/// One conversation. Clones are the same session and share whether it is closed. Dropping it does
/// nothing at the server.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    thread: Arc<Thread>,
    /// Keeps the session's hooks registered for as long as the session lives.
    registration: std::sync::Mutex<Option<Registration>>,
    /// What hooks did when it was started.
    start_report: Vec<HookRecord>,
    close_result: tokio::sync::Mutex<Option<Result<(), RpcError>>>,
}

impl Session {
    pub(crate) fn new(
        client: Client,
        thread: Arc<Thread>,
        registration: Option<Registration>,
        start_report: Vec<HookRecord>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                thread,
                registration: std::sync::Mutex::new(registration),
                start_report,
                close_result: tokio::sync::Mutex::new(None),
            }),
        }
    }

    /// The thread's id now. It changes only when the server is restarted before the thread's first
    /// turn.
    pub fn thread_id(&self) -> ThreadId {
        self.inner.thread.id()
    }

    /// What the session was started with.
    pub fn config(&self) -> &SessionConfig {
        &self.inner.thread.config
    }

    /// A copy of the session's default profile.
    pub fn profile(&self) -> RunProfile {
        self.config().profile.clone()
    }

    /// What each hook did that was asked when the session was started.
    pub fn start_report(&self) -> &[HookRecord] {
        &self.inner.start_report
    }

    /// What the server says is in force.
    pub fn policy(&self) -> EffectivePolicy {
        self.inner.thread.policy()
    }

    /// The client that the session belongs to.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// Everything that happens on the thread from now on, whoever started it.
    pub fn subscribe(&self) -> Subscription {
        self.inner.thread.subscribe()
    }

    /// This session was closed here. Says nothing of the server's view.
    pub fn is_closed(&self) -> bool {
        self.inner.thread.is_closed()
    }

    /// Asks with the session's profile and waits for the answer. Dropping the future stops the turn, at
    /// whatever point: also one whose start is on its way.
    ///
    /// While a turn runs, the prompt joins it (FACTS section 3): both callers get that turn's result,
    /// and either stops it by going away.
    pub async fn ask(&self, text: impl Into<String>) -> Result<TurnResult, AskError> {
        self.ask_stream(text).await?.finish().await
    }

    /// Asks with everything as `prompt` has it; of the session only its hooks are used.
    pub async fn ask_with(&self, prompt: Prompt) -> Result<TurnResult, AskError> {
        self.stream(prompt).await?.finish().await
    }

    /// Asks with another profile; the working folder stays the session's.
    pub async fn ask_with_profile(
        &self,
        text: impl Into<String>,
        profile: RunProfile,
    ) -> Result<TurnResult, AskError> {
        self.stream(self.prompt(text, profile))
            .await?
            .finish()
            .await
    }

    /// Asks with the session's profile; the answer comes as it is made. Dropping the stream stops
    /// the turn.
    pub async fn ask_stream(&self, text: impl Into<String>) -> Result<TurnStream, AskError> {
        self.stream(self.prompt(text, self.profile())).await
    }

    /// [`Session::ask_with`] as a stream. Dropping it stops the turn.
    pub async fn ask_stream_with(&self, prompt: Prompt) -> Result<TurnStream, AskError> {
        self.stream(prompt).await
    }

    /// The same as [`Session::ask`], by way of a stream.
    pub async fn ask_wait(&self, text: impl Into<String>) -> Result<TurnResult, AskError> {
        self.ask(text).await
    }

    fn prompt(&self, text: impl Into<String>, profile: RunProfile) -> Prompt {
        Prompt {
            profile,
            ..Prompt::new(text, self.config().cwd.clone())
        }
    }

    async fn stream(&self, prompt: Prompt) -> Result<TurnStream, AskError> {
        self.ensure_open()?;
        let session_hooks = self
            .config()
            .profile
            .hooks
            .over(&self.inner.client.approvals().client_hooks());
        let mut runner = Runner::new(prompt.profile.hooks.over(&session_hooks));
        let context = self.context(&prompt);
        let mut draft = Draft {
            prompt: prompt.text.clone(),
            model: prompt.profile.model.clone(),
            attachments: prompt.profile.attachments.clone(),
        };
        before(&mut runner, Phase::PreRun, &context, &mut draft).await?;
        // From here on the run has begun, and its end is told however it comes.
        let mut after = After::new(runner, context);
        match self.begin(&mut after, draft, prompt).await {
            Ok((turn, events, registration, prompt)) => Ok(TurnStream::new(
                self.clone(),
                turn,
                events,
                after,
                registration,
                prompt,
            )),
            Err(error) => {
                after.over(Some(Err(error.clone())));
                after.take_report().await;
                Err(error)
            }
        }
    }

    async fn begin(
        &self,
        after: &mut After,
        mut draft: Draft,
        prompt: Prompt,
    ) -> Result<(TurnId, Subscription, Option<Registration>, Prompt), AskError> {
        let mut metadata = Value::Null;
        let context = after.context.clone();
        if let Some(runner) = after.runner() {
            before(runner, Phase::PreTurn, &context, &mut draft).await?;
            metadata = runner.metadata.clone();
        }
        let registration = self.inner.client.approvals().add_thread_hooks(
            &self.thread_id(),
            &prompt.profile.hooks,
            metadata,
        );
        let events = self.subscribe();
        let prompt = Prompt {
            text: draft.prompt,
            profile: RunProfile {
                model: draft.model,
                attachments: draft.attachments,
                ..prompt.profile
            },
            ..prompt
        };
        after.context.prompt = Some(prompt.text.clone());
        after.context.model.clone_from(&prompt.profile.model);
        let turn = self.start_turn_guarded(&prompt).await?;
        after.turn_started(&turn);
        Ok((turn, events, registration, prompt))
    }

    fn context(&self, prompt: &Prompt) -> HookContext {
        let thread = self.thread_id();
        HookContext {
            session: Some(Arc::clone(&thread)),
            thread: Some(thread),
            cwd: Some(prompt.cwd.clone()),
            model: prompt.profile.model.clone(),
            prompt: Some(prompt.text.clone()),
            ..HookContext::new(Phase::PreRun)
        }
    }

    /// [`Session::start_turn`] in a task of its own: a turn that starts after this future was dropped is
    /// stopped.
    async fn start_turn_guarded(&self, prompt: &Prompt) -> Result<TurnId, AskError> {
        struct Started {
            session: Session,
            turn: Option<TurnId>,
        }
        impl Drop for Started {
            fn drop(&mut self) {
                if let Some(turn) = self.turn.take() {
                    self.session.interrupt_detached(&turn);
                }
            }
        }
        let (session, prompt) = (self.clone(), prompt.clone());
        let (tx, rx) = tokio::sync::oneshot::channel();
        let start = async move {
            let started = session.start_turn(&prompt).await.map(|turn| Started {
                session,
                turn: Some(turn),
            });
            // Unread, it is dropped: here, or with the channel.
            let _ = tx.send(started);
        };
        tokio::spawn(start.instrument(self.inner.thread.span()));
        match rx.await {
            Ok(Ok(mut started)) => match started.turn.take() {
                Some(turn) => Ok(turn),
                None => Err(RpcError::Closed("the turn was lost".into()).into()),
            },
            Ok(Err(error)) => Err(error),
            Err(_) => Err(RpcError::Closed("the runtime is shutting down".into()).into()),
        }
    }

    /// Stops a turn that nobody waits for any more.
    pub(crate) fn interrupt_detached(&self, turn: &TurnId) {
        let (session, turn) = (self.clone(), Arc::clone(turn));
        // Without an executor there is nobody left to interrupt for.
        if let Ok(executor) = tokio::runtime::Handle::try_current() {
            let span = self.inner.thread.span();
            let interrupt = async move {
                let interrupted =
                    tokio::time::timeout(INTERRUPT_LIMIT, session.interrupt_turn(&turn)).await;
                if let Ok(Err(error)) = interrupted {
                    tracing::debug!(%turn, %error, "a turn that nobody waits for could not be stopped");
                }
            };
            executor.spawn(interrupt.instrument(span));
        }
    }

    /// Where the policy in force is not what `profile` asks for.
    pub(crate) fn policy_warnings(&self, profile: &RunProfile) -> Vec<PolicyWarning> {
        let mut out = self.policy().warnings(profile.approval, profile.sandbox);
        let has_tool_hooks = [&profile.hooks, &self.config().profile.hooks]
            .iter()
            .any(|hooks| hooks.has(Phase::PreToolUse));
        if profile.approval == ApprovalPolicy::Never && has_tool_hooks {
            out.push(PolicyWarning::ToolHooksIdle);
        }
        out
    }

    /// Starts a turn and returns its id; what happens comes through [`Session::subscribe`]. No hooks
    /// of a run are asked and no timeout applies. While a turn runs, the prompt joins it and the id
    /// is that turn's (FACTS section 3).
    ///
    /// Dropping the future before it is done leaves open whether the turn started.
    pub async fn start_turn(&self, prompt: &Prompt) -> Result<TurnId, AskError> {
        self.ensure_open()?;
        let profile = &prompt.profile;
        ensure_privileged_on_purpose(profile)?;
        if let Some(path) = profile
            .attachments
            .iter()
            .find_map(|a| a.missing(&prompt.cwd))
        {
            return Err(AskError::AttachmentMissing(path));
        }
        #[derive(Deserialize)]
        struct Answer {
            turn: Of,
        }
        #[derive(Deserialize)]
        struct Of {
            id: String,
        }
        let starting = self.inner.thread.starting();
        let params = self.turn_params(prompt);
        let answer: Answer = self
            .call_with("turn/start", |thread| params(thread))
            .await?;
        let turn: TurnId = answer.turn.id.into();
        starting.accepted(&turn);
        Ok(turn)
    }

    /// The policy goes with every turn: what a thread was resumed with, or what another client set
    /// on it, must not decide what this turn may do.
    fn turn_params(&self, prompt: &Prompt) -> impl Fn(&str) -> Value + use<> {
        let profile = &prompt.profile;
        let mut params = json!({
            "input": profile::input(&prompt.text, &profile.attachments, &prompt.cwd),
            "cwd": prompt.cwd,
            "approvalPolicy": profile.approval.as_str(),
            "sandboxPolicy": self.policy().sandbox_for(profile.sandbox),
        });
        let optional = [
            ("model", profile.model.clone().map(Value::from)),
            ("effort", profile.effort.clone().map(Value::from)),
            ("outputSchema", profile.output_schema.clone()),
            (
                "clientUserMessageId",
                prompt.client_id.clone().map(Value::from),
            ),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                params[key] = value;
            }
        }
        move |thread| {
            let mut params = params.clone();
            params["threadId"] = thread.into();
            params
        }
    }

    /// Stops a turn. One that the server has promised and not begun cannot be stopped yet: this waits
    /// for its beginning (FACTS section 2, "Race").
    pub async fn interrupt_turn(&self, turn: &str) -> Result<(), RpcError> {
        self.ensure_open()?;
        self.begun(turn).await;
        let _: Value = self
            .call_with(
                "turn/interrupt",
                |thread| json!({"threadId": thread, "turnId": turn}),
            )
            .await?;
        Ok(())
    }

    /// Waits until a turn that the server promised has begun, within reason: a death ends the waiting, and
    /// what comes after it fails by itself when it did not begin.
    pub(crate) async fn begun(&self, turn: &str) {
        let mut turns = self.inner.thread.turns();
        let wait = turns.wait_for(|turns| turns.expected.as_deref() != Some(turn));
        let _ = tokio::time::timeout(Duration::from_secs(10), wait).await;
    }

    /// Counts a turn whose start is on its way.
    pub(crate) fn starting(&self) -> Starting {
        self.inner.thread.starting()
    }

    /// Stops whatever runs, also a turn whose start is still on its way. True when there was one.
    pub async fn stop(&self) -> Result<bool, RpcError> {
        self.ensure_open()?;
        let mut turns = self.inner.thread.turns();
        let wait = turns.wait_for(|turns| !turns.is_coming());
        let running = match tokio::time::timeout(Duration::from_secs(30), wait).await {
            Ok(Ok(turns)) => turns.running.clone(),
            // Nobody knows what the server is doing: an empty id stops whatever it is.
            _ => Some("".into()),
        };
        let Some(turn) = running else {
            return Ok(false);
        };
        match self.interrupt_turn(&turn).await {
            Ok(()) => Ok(true),
            // It ended by itself in the meantime.
            Err(RpcError::Server { .. })
                if self.inner.thread.turns().borrow().running.as_ref() != Some(&turn) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// A turn runs, or is on its way.
    pub fn is_busy(&self) -> bool {
        let turns = self.inner.thread.turns();
        let turns = turns.borrow();
        turns.running.is_some() || turns.is_coming()
    }

    /// Archives the thread. The session counts as closed before the call goes out. Concurrent callers
    /// share one call and its result, and so do later ones, unless it failed for a reason of the
    /// connection: then the next caller tries again.
    pub async fn close(&self) -> Result<(), RpcError> {
        let mut result = self.inner.close_result.lock().await;
        if let Some(result) = &*result {
            return result.clone();
        }
        self.mark_closed();
        let archived = self.archive().await;
        self.inner.client.forget(&self.inner.thread);
        if !matches!(&archived, Err(error) if error.is_transport()) {
            *result = Some(archived.clone());
        }
        archived
    }

    async fn archive(&self) -> Result<(), RpcError> {
        let connection = self.inner.client.connection().await?;
        // After an attempt that failed with its connection no generation loads it, and none has to.
        if !self.inner.thread.is_let_go() {
            self.inner.thread.loaded(connection.generation()).await?;
        }
        let params = json!({ "threadId": &*self.thread_id() });
        connection
            .call::<_, Value>("thread/archive", &params)
            .await
            .map(drop)
    }

    /// Lets go of the thread without archiving it: it stays in the history and can be resumed. A turn
    /// that runs is stopped first. While another session of this client holds the same thread open,
    /// nothing happens at the server.
    pub async fn leave(&self) -> Result<(), RpcError> {
        if self.inner.client.is_shared(&self.inner.thread) {
            self.mark_closed();
            self.inner.client.forget(&self.inner.thread);
            return Ok(());
        }
        if self.is_busy() {
            self.stop().await?;
        }
        if !self.mark_closed() {
            return Ok(());
        }
        let left = self
            .call_with::<Value>("thread/unsubscribe", |thread| json!({ "threadId": thread }))
            .await
            .map(drop);
        self.inner.client.forget(&self.inner.thread);
        left
    }

    fn mark_closed(&self) -> bool {
        let first = self.inner.thread.close();
        if let Ok(mut registration) = self.inner.registration.lock() {
            registration.take();
        }
        first
    }

    pub(crate) fn ensure_open(&self) -> Result<(), RpcError> {
        match self.is_closed() {
            true => Err(RpcError::session_closed()),
            false => Ok(()),
        }
    }

    pub(crate) async fn call<R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &Value,
    ) -> Result<R, RpcError> {
        self.call_with(method, |_| params.clone()).await
    }

    /// Calls a method about the thread once it is loaded under the live generation, with its id as
    /// it is then.
    pub(crate) async fn call_with<R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Fn(&str) -> Value,
    ) -> Result<R, RpcError> {
        let connection = self.inner.client.connection().await?;
        self.inner.thread.loaded(connection.generation()).await?;
        connection.call(method, &params(&self.thread_id())).await
    }
}

async fn before(
    runner: &mut Runner,
    phase: Phase,
    context: &HookContext,
    draft: &mut Draft,
) -> Result<(), AskError> {
    let context = HookContext {
        phase,
        ..context.clone()
    };
    let cwd = context.cwd.clone().unwrap_or_default();
    runner
        .before(&context, draft, &cwd)
        .await
        .map_err(|(hook, reason)| AskError::Blocked {
            hook,
            phase,
            reason,
        })
}

fn ensure_privileged_on_purpose(profile: &RunProfile) -> Result<(), AskError> {
    if profile.sandbox == SandboxMode::ReadOnly || profile.privileged {
        return Ok(());
    }
    Err(AskError::Privileged(
        format!(
            "the sandbox {} lets commands change things; set `privileged` to say that this is meant",
            profile.sandbox.as_str()
        )
        .into(),
    ))
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("thread", &self.thread_id())
            .field("cwd", &self.config().cwd)
            .finish_non_exhaustive()
    }
}
