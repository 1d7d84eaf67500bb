//! A person's words that go with a decision: the protocol's answers have no room for them, so they are
//! steered into the turn that goes on (FACTS section 3, `turn/steer`).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::decision::Decision;
use super::ledger::{By, Effect, Entry, Key, Refused};
use super::{Approvals, State};
use crate::connection::Connection;
use crate::error::RpcError;
use crate::profile;

/// How long the answer to a question may wait for its reason.
const STEER_LIMIT: Duration = Duration::from_secs(5);

/// What became of the reason for a decision. The decision itself stands in each case.
#[derive(Debug, Clone)]
#[must_use = "words that did not reach the agent are the caller's to keep"]
pub enum Reason {
    /// There was none.
    NotGiven,
    /// The agent reads it together with the decision.
    Told,
    /// The agent was not told.
    Untold {
        /// The words.
        text: String,
        /// Why.
        why: Untold,
    },
}

/// Why an agent was not told a reason.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Untold {
    /// The decision ends the turn: the words can begin the next one.
    #[error("the turn ends with this decision")]
    TurnEnds,
    /// The request belongs to no turn.
    #[error("the question belongs to no turn")]
    NoTurn,
    /// The server did not take them; after a timeout it may do so yet.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

impl Approvals {
    /// [`Approvals::decide`], and tells the agent why. The words become a message of the person in the
    /// turn that asks; blank ones count as none.
    ///
    /// The question is this caller's from the first moment: nobody else can answer it any more, and
    /// views close. The words go first and the answer follows, within five seconds even when they
    /// cannot be delivered: so the agent reads both at once, and no answer of its own is cut off.
    /// Dropping the future takes nothing back.
    pub async fn decide_with(
        &self,
        key: &Key,
        decision: Decision,
        presenter: &str,
        reason: Option<&str>,
    ) -> Result<Reason, Refused> {
        let Some(text) = reason.map(str::trim).filter(|text| !text.is_empty()) else {
            self.decide(key, decision, presenter)?;
            return Ok(Reason::NotGiven);
        };
        let by = By::Person(presenter.to_owned());
        let (answer, steer) = {
            let mut state = self.lock();
            let [answer, resolved] = state.ledger.decide(key, decision.clone(), by)?;
            let steer = match &answer {
                _ if decision == Decision::DenyAndStop => Err(Untold::TurnEnds),
                Effect::Answer(entry, _) => state.steer(entry, text),
                Effect::Requested(_) | Effect::Resolved(..) => Err(Untold::NoTurn),
            };
            if steer.is_err() {
                state.perform([answer, resolved]);
                (None, steer)
            } else {
                state.perform([resolved]);
                (Some(answer), steer)
            }
        };
        let approvals = self.clone();
        // In a task of its own: the answer must follow when nobody waits for this future any more.
        let told = tokio::spawn(async move {
            let told = match steer {
                Ok(steer) => steer.send().await.map_err(Untold::from),
                Err(why) => Err(why),
            };
            approvals.lock().perform(answer);
            told
        });
        let told = told.await.unwrap_or_else(|_| {
            Err(RpcError::Closed("the runtime is shutting down".into()).into())
        });
        Ok(match told {
            Ok(()) => Reason::Told,
            Err(why) => Reason::Untold {
                text: text.to_owned(),
                why,
            },
        })
    }
}

struct Steer {
    connection: Arc<Connection>,
    params: Value,
}

impl Steer {
    async fn send(self) -> Result<(), RpcError> {
        let method = "turn/steer";
        let call = self.connection.call::<_, Value>(method, &self.params);
        match tokio::time::timeout(STEER_LIMIT, call).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(RpcError::Timeout {
                method,
                limit: STEER_LIMIT,
            }),
        }
    }
}

impl State {
    fn steer(&self, entry: &Entry, text: &str) -> Result<Steer, Untold> {
        let turn = entry.request.turn.as_ref().ok_or(Untold::NoTurn)?;
        let connection = self.connection.upgrade();
        let connection = connection
            .filter(|connection| connection.generation() == entry.key.generation)
            .ok_or_else(|| RpcError::Closed("the server that asked is gone".into()))?;
        let params = json!({
            "threadId": &*entry.request.thread,
            "expectedTurnId": &**turn,
            "input": profile::input(text, &[], ".".as_ref()),
        });
        Ok(Steer { connection, params })
    }
}
