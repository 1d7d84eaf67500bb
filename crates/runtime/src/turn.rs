//! One turn from its start to its end, as a stream of events and as a result.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::approval::Registration;
use crate::error::{AskError, RpcError};
use crate::event::{DeltaPart, Event, ThreadId, TurnId, TurnOutcome};
use crate::hooks::{After, HookRecord};
use crate::item::{ItemDetail, ItemId};
use crate::mailbox::Subscription;
use crate::policy::PolicyWarning;
use crate::profile::Prompt;
use crate::session::Session;

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnResult {
    /// Its thread.
    pub thread: ThreadId,
    /// Its id.
    pub turn: TurnId,
    /// What the agent said last, trimmed.
    pub text: String,
    /// What each hook did that the run asked, in order. Those before a tool use are told by
    /// [`Notice`](crate::approval::Notice)s: the question may be another's than the run's.
    pub hooks: Vec<HookRecord>,
    /// Where the policy in force at the turn's end was not the one asked for.
    pub policy_warnings: Vec<PolicyWarning>,
}

/// A turn's events as they come. Dropping it before the end stops the turn.
///
/// Hooks of the phases after are asked whatever becomes of the stream: see [`crate::hooks`].
pub struct TurnStream {
    session: Session,
    turn: TurnId,
    events: Subscription,
    after: After,
    prompt: Prompt,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    answer: Answer,
    /// Events were left out: what the agent said may be incomplete here.
    has_gap: bool,
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
        after: After,
        registration: Option<Registration>,
        prompt: Prompt,
    ) -> Self {
        Self {
            session,
            turn,
            events,
            after,
            timeout: prompt.profile.timeout,
            deadline: prompt
                .profile
                .timeout
                .map(|timeout| Instant::now() + timeout),
            prompt,
            answer: Answer::default(),
            has_gap: false,
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
                self.end_with(Err(RpcError::Closed(
                    "the session was closed or the client shut down".into(),
                )
                .into()));
                continue;
            };
            if self.take(&event) {
                return Ok(Some(event));
            }
        }
    }

    /// How the policy in force now is not the one that was asked for.
    pub fn policy_warnings(&self) -> Vec<PolicyWarning> {
        self.session.policy_warnings(&self.prompt.profile)
    }

    /// Waits for the end of the turn, and for the hooks after it.
    pub async fn finish(mut self) -> Result<TurnResult, AskError> {
        while matches!(self.recv().await, Ok(Some(_))) {}
        if self.has_gap && matches!(self.end, Some(Ok(()))) {
            self.read_answer().await?;
        }
        let text = self.text();
        let policy_warnings = self.policy_warnings();
        let hooks = self.after.take_report().await;
        Ok(TurnResult {
            thread: self.session.thread_id(),
            turn: Arc::clone(&self.turn),
            text: text?,
            hooks,
            policy_warnings,
        })
    }

    /// Takes the answer from the thread's history.
    async fn read_answer(&mut self) -> Result<(), RpcError> {
        let (page, _) = self.session.history(None, 10).await?;
        let said = page
            .items
            .into_iter()
            .rev()
            .find_map(|(turn, item)| match item.detail {
                ItemDetail::AgentMessage { text } if turn == self.turn => Some((item.id, text)),
                _ => None,
            });
        if let Some((item, text)) = said {
            self.answer.completed(&item, &text);
        }
        Ok(())
    }

    /// What came of the turn, once it ended.
    fn text(&self) -> Result<String, AskError> {
        if let Some(Err(error)) = &self.end {
            return Err(error.clone());
        }
        match self.answer.text.trim() {
            "" => Err(AskError::NoText {
                turn: self.turn.to_string(),
            }),
            text => Ok(text.to_owned()),
        }
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
                match &item.detail {
                    ItemDetail::AgentMessage { text } => self.answer.completed(&item.id, text),
                    ItemDetail::Command(_)
                    | ItemDetail::FileChange { .. }
                    | ItemDetail::Tool(_) => {
                        self.after.tool_used(item);
                    }
                    _ => {}
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
            Event::Gap { .. } => {
                self.has_gap = true;
                true
            }
            Event::TokenUsage(_) | Event::Warning { .. } => true,
            _ => false,
        }
    }

    fn end_with(&mut self, end: Result<(), AskError>) {
        if self.end.is_none() {
            self.end = Some(end);
            self.after.over(Some(self.text()));
        }
    }

    fn interrupt_detached(&self) {
        self.session.interrupt_detached(&self.turn);
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
