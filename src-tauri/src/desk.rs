//! The desk: every open question of every session, and the answers to them.
//!
//! The approval loops of the engines say what is open; the desk words it once, as a
//! [`contract::Approval`](Approval), and that one value is what the window and the native dialog show. Answers
//! come back here from both and go to the loop, where the first one wins. Deliberately not here: the
//! ledger itself ([`countersign_runtime::approval`]) and drawing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_contract::{
    AnsweredFrom, Approval, ApprovalId, ApprovalOutcome, ChoiceId, CommandError, ErrorCode,
    Problem, wire::LateAnswer,
};
use countersign_runtime::approval::{
    Approvals, By, Decision, Entry, Key, Outcome, Refused, Request,
};

use crate::wording;

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
}

/// Why an answer was not taken.
#[derive(Debug)]
pub enum NotTaken {
    /// The question is settled. What to tell the person.
    Late(LateAnswer),
    /// There is no such answer. The question is still open.
    NotOffered,
}

impl Desk {
    /// The open questions, oldest first.
    pub fn open(&self) -> Vec<Approval> {
        let state = self.lock();
        let mut open: Vec<_> = state.open.values().collect();
        open.sort_by_key(|open| (open.approval.asked_at, open.ordinal));
        open.into_iter().map(|open| open.approval.clone()).collect()
    }

    /// A question was opened.
    pub fn add(&self, approval: Approval, entry: &Entry, approvals: &Approvals) {
        let open = Open {
            key: entry.key.clone(),
            request: std::sync::Arc::clone(&entry.request),
            approvals: approvals.clone(),
            ordinal: entry.ordinal,
            approval,
        };
        self.lock().open.insert(open.approval.id.clone(), open);
    }

    /// A question was settled; it, if it was on the desk.
    pub fn remove(&self, id: &ApprovalId) -> Option<Approval> {
        let mut state = self.lock();
        let open = state.open.remove(id)?;
        if state.settled.len() == REMEMBERED {
            state.settled.pop_front();
        }
        state
            .settled
            .push_back((id.clone(), open.approval.name.clone()));
        Some(open.approval)
    }

    /// Answers a question.
    pub fn answer(
        &self,
        id: &ApprovalId,
        choice: ChoiceId,
        by: AnsweredFrom,
    ) -> Result<(), NotTaken> {
        let (request, approvals, key, name) = {
            let state = self.lock();
            let Some(open) = state.open.get(id) else {
                let name = state.settled.iter().find(|(settled, _)| settled == id);
                let name = name.map(|(_, name)| name.clone()).unwrap_or_default();
                return Err(NotTaken::Late(LateAnswer { name, choice, by }));
            };
            (
                std::sync::Arc::clone(&open.request),
                open.approvals.clone(),
                open.key.clone(),
                open.approval.name.clone(),
            )
        };
        let decision = request
            .decisions()
            .into_iter()
            .find(|decision| choice_of(decision) == choice)
            .ok_or(NotTaken::NotOffered)?;
        let presenter = match by {
            AnsweredFrom::Desk => DESK,
            AnsweredFrom::Dialog => DIALOG,
        };
        approvals
            .decide(&key, decision, presenter)
            .map_err(|refused| match refused {
                Refused::Stale => NotTaken::Late(LateAnswer { name, choice, by }),
                Refused::NotOffered => NotTaken::NotOffered,
            })
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

/// The choice that a decision is.
pub(crate) fn choice_of(decision: &Decision) -> ChoiceId {
    match decision {
        Decision::Allow => ChoiceId::AllowOnce,
        Decision::AllowForSession => ChoiceId::AllowForSession,
        Decision::AllowByRule(_) => ChoiceId::AllowByRule,
        Decision::ApplyHostRule(rule) if rule.allow => ChoiceId::AllowHost,
        Decision::ApplyHostRule(_) => ChoiceId::DenyHost,
        Decision::Deny => ChoiceId::Deny,
        Decision::DenyAndStop => ChoiceId::DenyAndStop,
    }
}

/// How a question was settled, in the contract's terms.
pub(crate) fn outcome_of(outcome: &Outcome) -> ApprovalOutcome {
    match outcome {
        Outcome::Answered {
            decision,
            by: By::Person(presenter),
        } => ApprovalOutcome::Answered {
            choice: choice_of(decision),
            by: if presenter == DIALOG {
                AnsweredFrom::Dialog
            } else {
                AnsweredFrom::Desk
            },
        },
        Outcome::Answered {
            decision,
            by: By::Hook(name),
        } => ApprovalOutcome::Hook {
            name: name.clone(),
            allowed: decision.allows(),
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
