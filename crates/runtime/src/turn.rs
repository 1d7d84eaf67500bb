//! One turn from its start to its end, as a stream of events and as a result.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::approval::Registration;
use crate::error::{AskError, RpcError};
use crate::event::{DeltaPart, Event, ThreadId, TurnId, TurnOutcome};
use crate::hooks::{HookContext, HookIssue, Phase, Runner};
use crate::item::{Item, ItemDetail, ItemId};
use crate::mailbox::Subscription;
use crate::profile::Prompt;
use crate::session::Session;

/// How long the detached interrupt of a turn that timed out or was dropped may take.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(5);

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnResult {
    /// Its thread.
    pub thread: ThreadId,
    /// Its id.
    pub turn: TurnId,
    /// What the agent said last, trimmed.
    pub text: String,
    /// What its hooks did wrong.
    pub hook_issues: Vec<HookIssue>,
}

/// A turn's events as they come. Dropping it before the end stops the turn.
pub struct TurnStream {
    session: Session,
    turn: TurnId,
    events: Subscription,
    runner: Runner,
    context: HookContext,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    answer: Answer,
    end: Option<Result<(), AskError>>,
    /// Keeps the run's hooks registered.
    _registration: Option<Registration>,
}

/// The agent's last message: what was streamed, replaced by the whole once it is complete.
#[derive(Default)]
struct Answer {
    item: Option<ItemId>,
    text: String,
}

impl TurnStream {
    pub(crate) fn new(
        session: Session,
        turn: TurnId,
        events: Subscription,
        runner: Runner,
        registration: Option<Registration>,
        prompt: Prompt,
    ) -> Self {
        let mut context = session.context(Phase::PostTurn, &prompt);
        context.turn = Some(Arc::clone(&turn));
        Self {
            session,
            turn,
            events,
            runner,
            context,
            timeout: prompt.profile.timeout,
            deadline: prompt
                .profile
                .timeout
                .map(|timeout| Instant::now() + timeout),
            answer: Answer::default(),
            end: None,
            _registration: registration,
        }
    }

    /// The turn's id.
    pub fn turn(&self) -> &TurnId {
        &self.turn
    }

    /// The next event of the turn; `None` after the one that ended it. An error is how it ended and
    /// comes again from [`TurnStream::finish`]. Cancel safe.
    pub async fn recv(&mut self) -> Result<Option<Event>, AskError> {
        loop {
            match &self.end {
                Some(Ok(())) => return Ok(None),
                Some(Err(error)) => return Err(error.clone()),
                None => {}
            }
            let event = match self.deadline {
                None => self.events.recv().await,
                Some(deadline) => match tokio::time::timeout_at(deadline, self.events.recv()).await
                {
                    Ok(event) => event,
                    Err(_) => {
                        self.end_with(Err(AskError::Timeout {
                            turn: self.turn.to_string(),
                            limit: self.timeout.unwrap_or_default(),
                        }));
                        self.interrupt_detached();
                        continue;
                    }
                },
            };
            let Some(event) = event else {
                self.end_with(Err(
                    RpcError::Closed("the client was shut down".into()).into()
                ));
                continue;
            };
            if self.take(&event) {
                if let Event::ItemCompleted { item, .. } = &event {
                    self.tool_used(item).await;
                }
                return Ok(Some(event));
            }
        }
    }

    /// Waits for the end of the turn.
    pub async fn finish(mut self) -> Result<TurnResult, AskError> {
        let ended = loop {
            match self.recv().await {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        for phase in [Phase::PostTurn, Phase::PostRun] {
            self.context.phase = phase;
            self.runner.after(&self.context).await;
        }
        ended?;
        let text = self.answer.text.trim();
        if text.is_empty() {
            return Err(AskError::NoText {
                turn: self.turn.to_string(),
            });
        }
        Ok(TurnResult {
            thread: self.session.thread_id(),
            turn: Arc::clone(&self.turn),
            text: text.to_owned(),
            hook_issues: std::mem::take(&mut self.runner.issues),
        })
    }

    /// Takes from an event what the result needs; true when it is of this turn.
    fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::Delta(delta) if delta.turn == self.turn => {
                if delta.part == DeltaPart::AgentMessage {
                    self.answer.streamed(&delta.item, &delta.text);
                }
                true
            }
            Event::ItemCompleted { turn, item } if *turn == self.turn => {
                if let ItemDetail::AgentMessage { text } = &item.detail {
                    self.answer.completed(&item.id, text);
                }
                true
            }
            Event::TurnCompleted { turn, outcome, .. } if *turn == self.turn => {
                let turn = self.turn.to_string();
                self.end_with(match outcome {
                    TurnOutcome::Completed => Ok(()),
                    TurnOutcome::Interrupted => Err(AskError::Interrupted { turn }),
                    TurnOutcome::Failed(failure) => Err(AskError::TurnFailed {
                        turn,
                        failure: failure.clone(),
                    }),
                });
                true
            }
            Event::Disconnected(death) => {
                self.end_with(Err(AskError::Rpc(RpcError::Died {
                    method: "turn/start",
                    death: Arc::clone(death),
                })));
                true
            }
            Event::TurnStarted { turn, .. }
            | Event::ItemStarted { turn, .. }
            | Event::PlanUpdated { turn, .. }
            | Event::DiffUpdated { turn, .. }
            | Event::Error { turn, .. } => *turn == self.turn,
            Event::TokenUsage(_) | Event::Warning { .. } | Event::Gap { .. } => true,
            _ => false,
        }
    }

    async fn tool_used(&mut self, item: &Item) {
        let is_tool = matches!(
            item.detail,
            ItemDetail::Command(_) | ItemDetail::FileChange { .. } | ItemDetail::Tool(_)
        );
        if is_tool && self.runner.hooks.has(Phase::PostToolUse) {
            let mut context = self.context.clone();
            context.phase = Phase::PostToolUse;
            context.item = Some(Arc::new(item.clone()));
            self.runner.after(&context).await;
        }
    }

    fn end_with(&mut self, end: Result<(), AskError>) {
        self.end.get_or_insert(end);
    }

    fn interrupt_detached(&self) {
        let (session, turn) = (self.session.clone(), Arc::clone(&self.turn));
        // Without a runtime there is nobody left to interrupt for.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let interrupted = tokio::time::timeout(INTERRUPT_LIMIT, session.interrupt_turn(&turn)).await;
                if let Ok(Err(error)) = interrupted {
                    tracing::debug!(%turn, %error, "a turn that nobody waits for could not be stopped");
                }
            });
        }
    }
}

impl Drop for TurnStream {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.interrupt_detached();
        }
    }
}

impl Answer {
    fn streamed(&mut self, item: &ItemId, text: &str) {
        if self.item.as_ref() != Some(item) {
            self.item = Some(Arc::clone(item));
            self.text.clear();
        }
        self.text.push_str(text);
    }

    fn completed(&mut self, item: &ItemId, text: &str) {
        self.item = Some(Arc::clone(item));
        text.clone_into(&mut self.text);
    }
}
