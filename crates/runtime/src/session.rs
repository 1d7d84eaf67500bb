//! A session: one thread of an app-server, and what can be asked of it.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::approval::Registration;
use crate::client::Client;
use crate::error::{AskError, RpcError};
use crate::event::{ThreadId, TurnId};
use crate::hooks::{Draft, HookContext, Phase, Runner};
use crate::mailbox::Subscription;
use crate::policy::{EffectivePolicy, SandboxMode};
use crate::profile::{self, Prompt, RunProfile, SessionConfig};
use crate::thread::Thread;
use crate::turn::{TurnResult, TurnStream};

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
    close_result: tokio::sync::Mutex<Option<Result<(), RpcError>>>,
}

impl Session {
    pub(crate) fn new(client: Client, thread: Arc<Thread>) -> Self {
        let registration = client
            .approvals()
            .add_thread_hooks(&thread.id(), &thread.config.profile.hooks);
        Self {
            inner: Arc::new(Inner {
                client,
                thread,
                registration: std::sync::Mutex::new(registration),
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

    /// Asks with the session's profile and waits for the answer. Dropping the future stops the turn.
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
        let mut draft = Draft {
            prompt: prompt.text.clone(),
            model: prompt.profile.model.clone(),
            attachments: prompt.profile.attachments.clone(),
        };
        for phase in [Phase::PreRun, Phase::PreTurn] {
            let context = self.context(phase, &prompt);
            let blocked = runner.before(&context, &mut draft, &prompt.cwd).await;
            if let Err((hook, reason)) = blocked {
                return Err(AskError::Blocked {
                    hook,
                    phase,
                    reason,
                });
            }
        }
        let registration = self
            .inner
            .client
            .approvals()
            .add_thread_hooks(&self.thread_id(), &prompt.profile.hooks);
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
        let turn = self.start_turn(&prompt).await?;
        Ok(TurnStream::new(
            self.clone(),
            turn,
            events,
            runner,
            registration,
            prompt,
        ))
    }

    pub(crate) fn context(&self, phase: Phase, prompt: &Prompt) -> HookContext {
        HookContext {
            phase,
            thread: Some(self.thread_id()),
            turn: None,
            cwd: Some(prompt.cwd.clone()),
            model: prompt.profile.model.clone(),
            prompt: Some(prompt.text.clone()),
            metadata: Value::Null,
            request: None,
            item: None,
        }
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
        let mut turns = self.inner.thread.turns();
        // Bounded by the call's own limit below: an answer or a death ends the waiting.
        let wait = turns.wait_for(|turns| turns.expected.as_deref() != Some(turn));
        let _ = tokio::time::timeout(Duration::from_secs(10), wait).await;
        let _: Value = self
            .call_with(
                "turn/interrupt",
                |thread| json!({"threadId": thread, "turnId": turn}),
            )
            .await?;
        Ok(())
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
        let archived = self
            .call_with::<Value>("thread/archive", |thread| json!({ "threadId": thread }))
            .await
            .map(drop);
        self.inner.client.forget(&self.inner.thread);
        if !matches!(&archived, Err(error) if error.is_transport()) {
            *result = Some(archived.clone());
        }
        archived
    }

    /// Lets go of the thread without archiving it: it stays in the history and can be resumed. A turn
    /// that runs is stopped first.
    pub async fn leave(&self) -> Result<(), RpcError> {
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

    fn ensure_open(&self) -> Result<(), RpcError> {
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
    async fn call_with<R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Fn(&str) -> Value,
    ) -> Result<R, RpcError> {
        let connection = self.inner.client.connection().await?;
        self.inner.thread.loaded(connection.generation()).await?;
        connection.call(method, &params(&self.thread_id())).await
    }
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
