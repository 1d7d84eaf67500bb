//! What can be done to a session's thread besides asking it something.
//!
//! None of these runs a hook of a run: they ask nothing of the model that a hook could change, or, as
//! a review does, ask it in words of their own. What comes of them arrives as events
//! ([`Session::subscribe`]).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::RpcError;
use crate::event::TurnId;
use crate::profile;
use crate::session::Session;

/// What a review looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewTarget {
    /// What is changed and not committed.
    UncommittedChanges,
    /// The difference to a branch.
    BaseBranch(String),
    /// One commit.
    Commit {
        /// Its hash.
        sha: String,
        /// Its title, for people.
        title: Option<String>,
    },
    /// What these words say.
    Custom(String),
}

impl Session {
    /// Adds words to the turn that runs. The answer that is being streamed is cut off and not kept, then
    /// the agent goes on with both (FACTS section 3). While a question is open the words wait for its
    /// answer. Fails when another turn runs, or none.
    ///
    /// Waits for a turn that the server has promised and not begun.
    pub async fn steer(&self, turn: &str, text: &str) -> Result<(), RpcError> {
        self.ensure_open()?;
        self.begun(turn).await;
        let input = profile::input(text, &[], &self.config().cwd);
        let _: Value = self
            .call_with(
                "turn/steer",
                |thread| json!({"threadId": thread, "expectedTurnId": turn, "input": input}),
            )
            .await?;
        Ok(())
    }

    /// Makes a session of its own with this one's history, up to and with `last_turn`, or all of it.
    /// This one goes on as it is. It has this session's config.
    pub async fn fork(&self, last_turn: Option<&str>) -> Result<Session, RpcError> {
        self.ensure_open()?;
        self.client()
            .fork_session(&self.thread_id(), last_turn, self.config().clone())
            .await
    }

    /// Drops a turn and all later ones from the history. Files stay as they are.
    /// [`Event::Reverted`](crate::Event::Reverted) follows.
    pub async fn revert(&self, before_turn: &str) -> Result<(), RpcError> {
        self.act("thread/revert", json!({"beforeTurnId": before_turn}))
            .await
    }

    /// Has the conversation summed up, to make room in the context. Returns at once; a turn with one
    /// [`ContextCompaction`](crate::item::ItemDetail::ContextCompaction) item follows.
    pub async fn compact(&self) -> Result<(), RpcError> {
        self.act("thread/compact/start", json!({})).await
    }

    /// Names the thread. [`Event::Renamed`](crate::Event::Renamed) follows.
    pub async fn rename(&self, name: &str) -> Result<(), RpcError> {
        self.act("thread/name/set", json!({"name": name})).await
    }

    /// Starts a review as a turn and returns its id. Its
    /// [`Review`](crate::item::ItemDetail::Review) item comes before the turn's start is told; the
    /// review's text is in the one that ends it (FACTS section 3).
    pub async fn review(&self, target: &ReviewTarget) -> Result<TurnId, RpcError> {
        #[derive(Deserialize)]
        struct Answer {
            turn: Of,
        }
        #[derive(Deserialize)]
        struct Of {
            id: String,
        }
        self.ensure_open()?;
        let target = match target {
            ReviewTarget::UncommittedChanges => json!({"type": "uncommittedChanges"}),
            ReviewTarget::BaseBranch(branch) => json!({"type": "baseBranch", "branch": branch}),
            ReviewTarget::Commit { sha, title } => {
                json!({"type": "commit", "sha": sha, "title": title})
            }
            ReviewTarget::Custom(words) => json!({"type": "custom", "instructions": words}),
        };
        let starting = self.starting();
        let answer: Answer = self
            .call_with(
                "review/start",
                |thread| json!({"threadId": thread, "target": target, "delivery": "inline"}),
            )
            .await?;
        let turn: TurnId = answer.turn.id.into();
        starting.accepted(&turn);
        Ok(turn)
    }

    /// Runs a command of the person's own in the thread: **outside the sandbox and without a question**,
    /// whatever the profile says. Its output becomes part of the conversation. It makes a turn of its own,
    /// or joins the one that runs (FACTS section 3).
    pub async fn shell_command(&self, command: &str) -> Result<(), RpcError> {
        self.act("thread/shellCommand", json!({"command": command}))
            .await
    }

    async fn act(&self, method: &'static str, params: Value) -> Result<(), RpcError> {
        self.ensure_open()?;
        let _: Value = self
            .call_with(method, |thread| {
                let mut params = params.clone();
                params["threadId"] = thread.into();
                params
            })
            .await?;
        Ok(())
    }
}
