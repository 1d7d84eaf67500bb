//! The desk: every open question of every session, and the answers to them.
//!
//! The approval loops of the engines say what is open; the desk words it once, as a
//! [`contract::Approval`](Approval), and that one value is what the window and the native dialog show. Answers
//! come back here from both and go to the loop, where the first one wins. Deliberately not here: the
//! ledger itself ([`countersign_runtime::approval`]) and drawing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_contract::{
    Answer, AnsweredFrom, Approval, ApprovalId, ApprovalOutcome, CommandError, ErrorCode, Problem,
    RuleId, SessionId, wire::LateAnswer,
};
use countersign_runtime::approval::{
    Approvals, By, Entry, FieldProblem, Key, Outcome, Reason, Refused, Request,
};

use crate::{rules, wording};

/// Settled questions that are remembered, to say which one an answer came too late for.
const REMEMBERED: usize = 200;

/// The open questions.
#[derive(Default)]
pub struct Desk {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<ApprovalId, Open>,
    settled: VecDeque<(ApprovalId, String)>,
}

struct Open {
    approval: Approval,
    key: Key,
    request: std::sync::Arc<Request>,
    approvals: Approvals,
    ordinal: u64,
    /// What the person told the agent with the answer that is on its way.
    reason: Option<String>,
}

/// Why an answer was not taken.
#[derive(Debug)]
pub enum NotTaken {
    /// The question is settled. What to tell the person.
    Late(LateAnswer),
    /// There is no such answer. The question is still open.
    NotOffered,
    /// What was filled in cannot be sent. The question is still open.
    Invalid(Vec<FieldProblem>),
}

/// An answer that was taken.
#[derive(Debug)]
pub struct Answered {
    /// The session that asked.
    pub session: SessionId,
    /// What became of the words to the agent.
    pub reason: Reason,
}

impl Desk {
    /// The open questions, oldest first.
    pub fn open(&self) -> Vec<Approval> {
        let state = self.lock();
        let mut open: Vec<_> = state.open.values().collect();
        open.sort_by_key(|open| (open.approval.asked_at, open.ordinal));
        open.into_iter().map(|open| open.approval.clone()).collect()
    }

    /// A question, while it is open.
    pub fn get(&self, id: &ApprovalId) -> Option<Approval> {
        Some(self.lock().open.get(id)?.approval.clone())
    }

    /// A question was opened.
    pub fn add(&self, approval: Approval, entry: &Entry, approvals: &Approvals) {
        let open = Open {
            key: entry.key.clone(),
            request: std::sync::Arc::clone(&entry.request),
            approvals: approvals.clone(),
            ordinal: entry.ordinal,
            reason: None,
            approval,
        };
        self.lock().open.insert(open.approval.id.clone(), open);
    }

    /// A question was settled; it, if it was on the desk, and what the person told the agent with the answer.
    pub fn remove(&self, id: &ApprovalId) -> Option<(Approval, Option<String>)> {
        let mut state = self.lock();
        let open = state.open.remove(id)?;
        if state.settled.len() == REMEMBERED {
            state.settled.pop_front();
        }
        state
            .settled
            .push_back((id.clone(), open.approval.name.clone()));
        Some((open.approval, open.reason))
    }

    /// Answers a question. What a person told the agent about a denial and what it was not told is given back, with
    /// the session that it belongs to.
    pub async fn answer(
        &self,
        id: &ApprovalId,
        answer: &Answer,
        by: AnsweredFrom,
    ) -> Result<Answered, NotTaken> {
        let choice = answer.choice;
        let late = |name| NotTaken::Late(LateAnswer { name, choice, by });
        let (request, approvals, key, name, session) = {
            let mut state = self.lock();
            let Some(open) = state.open.get_mut(id) else {
                let name = state.settled.iter().find(|(settled, _)| settled == id);
                return Err(late(name.map(|(_, name)| name.clone()).unwrap_or_default()));
            };
            open.reason = answer.reason.clone();
            (
                std::sync::Arc::clone(&open.request),
                open.approvals.clone(),
                open.key.clone(),
                open.approval.name.clone(),
                open.approval.session.clone(),
            )
        };
        let decision = wording::decision(&request, answer).ok_or(NotTaken::NotOffered)?;
        let presenter = match by {
            AnsweredFrom::Desk => DESK,
            AnsweredFrom::Dialog => DIALOG,
        };
        let reason = answer.reason.as_deref().filter(|_| !decision.allows());
        match approvals
            .decide_with(&key, decision, presenter, reason)
            .await
        {
            Ok(reason) => Ok(Answered { session, reason }),
            Err(Refused::Stale) => Err(late(name)),
            Err(Refused::NotOffered) => Err(NotTaken::NotOffered),
            Err(Refused::Invalid(problems)) => Err(NotTaken::Invalid(problems)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const DESK: &str = "desk";
const DIALOG: &str = "dialog";

impl From<NotTaken> for CommandError {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::Late(late) => CommandError {
                code: ErrorCode::Stale,
                problem: wording::late(&late),
                field: None,
            },
            NotTaken::Invalid(problems) => {
                let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
                CommandError {
                    code: ErrorCode::Invalid,
                    problem: Problem {
                        what: problems
                            .first()
                            .map(|problem| problem.problem.to_string())
                            .unwrap_or_default(),
                        meaning: "Nothing was sent; the question is still open.".to_owned(),
                        remedy: "Change what is marked, then send it again.".to_owned(),
                        details: Some(lines.join("\n")),
                    },
                    field: problems.into_iter().next().map(|problem| problem.field),
                }
            }
            NotTaken::NotOffered => CommandError {
                code: ErrorCode::Invalid,
                problem: Problem {
                    what: "This question does not offer that answer.".to_owned(),
                    meaning: "Nothing was answered; the question is still open.".to_owned(),
                    remedy: "Choose one of the answers that it shows.".to_owned(),
                    details: None,
                },
                field: None,
            },
        }
    }
}

/// How a question was settled, in the contract's terms.
pub(crate) fn outcome_of(
    outcome: &Outcome,
    rule_name: impl Fn(&RuleId) -> String,
) -> ApprovalOutcome {
    match outcome {
        Outcome::Answered {
            decision,
            by: By::Person(presenter),
        } => ApprovalOutcome::Answered {
            choice: wording::choice_of(decision),
            by: if presenter == DIALOG {
                AnsweredFrom::Dialog
            } else {
                AnsweredFrom::Desk
            },
        },
        Outcome::Answered {
            decision,
            by: By::Hook(name),
        } => match rules::rule_of(name) {
            Some(rule) => ApprovalOutcome::Rule {
                name: rule_name(&rule),
                rule,
                allowed: decision.allows(),
            },
            None => ApprovalOutcome::Hook {
                name: name.clone(),
                allowed: decision.allows(),
            },
        },
        Outcome::Answered {
            decision,
            by: By::Nobody,
        } => ApprovalOutcome::Hook {
            name: String::new(),
            allowed: decision.allows(),
        },
        Outcome::Elsewhere => ApprovalOutcome::Elsewhere,
        Outcome::TurnEnded => ApprovalOutcome::TurnEnded,
        Outcome::ThreadClosed => ApprovalOutcome::SessionClosed,
        Outcome::ServerDied => ApprovalOutcome::ServerDied,
    }
}
