//! Which questions are open, as a pure state machine: inputs in, effects out.
//!
//! It is the one owner of the right to answer: an entry leaves it exactly once, and only the input
//! that takes it out yields an answer (invariants I2 and I3). Deliberately not here: I/O, time, hooks
//! and people.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::decision::Decision;
use super::problem::FieldProblem;
use super::request::Request;
use crate::event::ThreadId;
use crate::jsonrpc::Id;

/// Identifies a question: a request id is only unique within one process of the server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The server's generation.
    pub generation: u32,
    /// The id of its request.
    pub id: Id,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.generation, self.id)
    }
}

/// An open question.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Which.
    pub key: Key,
    /// What is asked.
    pub request: Arc<Request>,
    /// The thread of the session that it belongs to: the one that asks, or the one whose agent asks.
    pub session: ThreadId,
    /// When it arrived, in Unix milliseconds.
    pub opened_at_ms: i64,
    /// Counts up over all entries: the order of arrival.
    pub ordinal: u64,
    /// A person is being asked; before that, hooks decide.
    pub asked: bool,
}

/// How a question was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered here.
    Answered {
        /// With what.
        decision: Decision,
        /// By whom.
        by: By,
    },
    /// The server says that it is resolved: another client answered, or it became moot.
    Elsewhere,
    /// Its turn ended.
    TurnEnded,
    /// Its thread was closed.
    ThreadClosed,
    /// The server died.
    ServerDied,
}

impl Outcome {
    /// Which, for logs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Outcome::Answered { by, .. } => match by {
                By::Person(_) => "answered by a person",
                By::Hook(_) => "answered by a hook",
                By::Nobody => "denied for want of an answer",
            },
            Outcome::Elsewhere => "resolved elsewhere",
            Outcome::TurnEnded => "its turn ended",
            Outcome::ThreadClosed => "its thread was closed",
            Outcome::ServerDied => "the server died",
        }
    }
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// A person, at this presenter, e.g. "dialog".
    Person(String),
    /// A hook, by name.
    Hook(String),
    /// Nobody: no hook decided and there was nobody to ask.
    Nobody,
}

/// What is to be done after an input.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Write this answer.
    Answer(Entry, Decision),
    /// Show it to people.
    Requested(Entry),
    /// It is settled: whoever shows it closes it, whoever decides on it stops.
    Resolved(Entry, Outcome),
}

/// An answer that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The question was settled before, or never existed.
    #[error("the question is settled already")]
    Stale,
    /// The question does not offer this answer. It is still open.
    #[error("the question does not offer this answer")]
    NotOffered,
    /// What was written does not answer the question. It is still open.
    #[error("{}", problems(.0))]
    Invalid(Vec<FieldProblem>),
}

fn problems(problems: &[FieldProblem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join(" ")
}

/// The open questions.
#[derive(Debug, Default)]
pub struct Ledger {
    open: BTreeMap<Key, Entry>,
    opened: u64,
}

impl Ledger {
    /// The open questions, oldest first.
    pub fn open(&self) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.open.values().collect();
        entries.sort_by_key(|entry| entry.ordinal);
        entries
    }

    /// The question with this key, if it is open.
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.open.get(key)
    }

    /// A request arrived. False when it is open already: the server repeats its open requests to a
    /// client that resumes a thread (FACTS section 4, "Pending request when").
    pub fn arrive(
        &mut self,
        key: Key,
        request: Arc<Request>,
        session: ThreadId,
        now_ms: i64,
    ) -> bool {
        if self.open.contains_key(&key) {
            return false;
        }
        self.opened += 1;
        let entry = Entry {
            key: key.clone(),
            request,
            session,
            opened_at_ms: now_ms,
            ordinal: self.opened,
            asked: false,
        };
        self.open.insert(key, entry);
        true
    }

    /// No hook decided: a person is to be asked.
    pub fn ask(&mut self, key: &Key) -> Option<Effect> {
        let entry = self.open.get_mut(key)?;
        if entry.asked {
            return None;
        }
        entry.asked = true;
        Some(Effect::Requested(entry.clone()))
    }

    /// Somebody decided. The first decision wins.
    pub fn decide(
        &mut self,
        key: &Key,
        decision: Decision,
        by: By,
    ) -> Result<[Effect; 2], Refused> {
        let entry = self.open.get(key).ok_or(Refused::Stale)?;
        entry.request.accepts(&decision)?;
        let entry = self.open.remove(key).ok_or(Refused::Stale)?;
        Ok([
            Effect::Answer(entry.clone(), decision.clone()),
            Effect::Resolved(entry, Outcome::Answered { decision, by }),
        ])
    }

    /// Questions that `which` picks are settled without an answer of ours.
    pub fn settle(&mut self, outcome: &Outcome, which: impl Fn(&Entry) -> bool) -> Vec<Effect> {
        let keys: Vec<Key> = self
            .open()
            .into_iter()
            .filter(|e| which(e))
            .map(|e| e.key.clone())
            .collect();
        keys.iter()
            .filter_map(|key| self.open.remove(key))
            .map(|entry| Effect::Resolved(entry, outcome.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn request(thread: u8, turn: u8) -> Arc<Request> {
        let params = json!({"threadId": format!("t{thread}"), "turnId": format!("u{turn}"), "itemId": "i", "command": "true"});
        let raw = serde_json::value::to_raw_value(&params).unwrap();
        Arc::new(Request::read("item/commandExecution/requestApproval", &raw))
    }

    fn key(generation: u32, id: i64) -> Key {
        Key {
            generation,
            id: Id::Number(id),
        }
    }

    fn person() -> By {
        By::Person("desk".into())
    }

    #[test]
    fn the_first_decision_wins_and_later_ones_are_stale() {
        let mut ledger = Ledger::default();
        assert!(ledger.arrive(key(1, 0), request(0, 0), "t0".into(), 5));
        assert!(
            !ledger.arrive(key(1, 0), request(0, 0), "t0".into(), 6),
            "a replayed request is the same question"
        );
        assert!(matches!(ledger.ask(&key(1, 0)), Some(Effect::Requested(_))));
        assert!(ledger.ask(&key(1, 0)).is_none(), "nobody is asked twice");
        assert!(ledger.decide(&key(1, 0), Decision::Deny, person()).is_ok());
        let late = ledger.decide(&key(1, 0), Decision::Allow, person());
        assert_eq!(late.unwrap_err(), Refused::Stale);
    }

    #[test]
    fn an_answer_that_is_not_offered_leaves_the_question_open() {
        let mut ledger = Ledger::default();
        ledger.arrive(key(1, 0), request(0, 0), "t0".into(), 5);
        let rule = Decision::AllowByRule(vec!["rm".into()]);
        assert_eq!(
            ledger.decide(&key(1, 0), rule, person()).unwrap_err(),
            Refused::NotOffered
        );
        assert_eq!(ledger.open().len(), 1);
    }

    #[derive(Debug, Clone)]
    enum Input {
        Arrive {
            generation: u32,
            id: i64,
            thread: u8,
            turn: u8,
        },
        Ask {
            generation: u32,
            id: i64,
        },
        Decide {
            generation: u32,
            id: i64,
            allow: bool,
        },
        Resolved {
            generation: u32,
            id: i64,
        },
        TurnEnded {
            turn: u8,
        },
        ThreadClosed {
            thread: u8,
        },
        Died {
            generation: u32,
        },
    }

    fn input() -> impl Strategy<Value = Input> {
        let (generation, id) = (1u32..3, 0i64..6);
        prop_oneof![
            4 => (generation.clone(), id.clone(), 0u8..3, 0u8..3)
                .prop_map(|(generation, id, thread, turn)| Input::Arrive { generation, id, thread, turn }),
            2 => (generation.clone(), id.clone()).prop_map(|(generation, id)| Input::Ask { generation, id }),
            4 => (generation.clone(), id.clone(), any::<bool>())
                .prop_map(|(generation, id, allow)| Input::Decide { generation, id, allow }),
            2 => (generation.clone(), id).prop_map(|(generation, id)| Input::Resolved { generation, id }),
            1 => (0u8..3).prop_map(|turn| Input::TurnEnded { turn }),
            1 => (0u8..3).prop_map(|thread| Input::ThreadClosed { thread }),
            1 => generation.prop_map(|generation| Input::Died { generation }),
        ]
    }

    proptest! {
        /// I2 and I3 for any order of inputs: a question that arrived is resolved at most once, is
        /// answered only by a decision that somebody made, and is open exactly until then.
        #[test]
        fn every_question_is_settled_once(inputs in prop::collection::vec(input(), 0..200)) {
            let mut ledger = Ledger::default();
            let mut open: HashSet<Key> = HashSet::new();
            let mut answers: HashMap<u64, u32> = HashMap::new();
            for input in inputs {
                let effects: Vec<Effect> = match input.clone() {
                    Input::Arrive { generation, id, thread, turn } => {
                        let key = key(generation, id);
                        prop_assert_eq!(ledger.arrive(key.clone(), request(thread, turn), format!("t{thread}").into(), 0), open.insert(key));
                        vec![]
                    }
                    Input::Ask { generation, id } => ledger.ask(&key(generation, id)).into_iter().collect(),
                    Input::Decide { generation, id, allow } => {
                        let key = key(generation, id);
                        let decision = if allow { Decision::Allow } else { Decision::Deny };
                        match ledger.decide(&key, decision.clone(), person()) {
                            Ok(effects) => {
                                prop_assert!(
                                    matches!(&effects[0], Effect::Answer(entry, given) if entry.key == key && *given == decision)
                                );
                                effects.into()
                            }
                            Err(refused) => {
                                prop_assert_eq!(refused, Refused::Stale);
                                prop_assert!(!open.contains(&key));
                                vec![]
                            }
                        }
                    }
                    Input::Resolved { generation, id } => {
                        let key = key(generation, id);
                        ledger.settle(&Outcome::Elsewhere, |entry| entry.key == key)
                    }
                    Input::TurnEnded { turn } => {
                        let turn = format!("u{turn}");
                        ledger.settle(&Outcome::TurnEnded, |entry| entry.request.turn.as_deref() == Some(&turn))
                    }
                    Input::ThreadClosed { thread } => {
                        let thread = format!("t{thread}");
                        ledger.settle(&Outcome::ThreadClosed, |entry| *entry.session == *thread)
                    }
                    Input::Died { generation } => {
                        ledger.settle(&Outcome::ServerDied, |entry| entry.key.generation == generation)
                    }
                };
                for effect in effects {
                    match effect {
                        Effect::Answer(entry, _) => *answers.entry(entry.ordinal).or_default() += 1,
                        Effect::Requested(entry) => prop_assert!(open.contains(&entry.key)),
                        Effect::Resolved(entry, _) => prop_assert!(open.remove(&entry.key), "resolved twice: {:?}", entry.key),
                    }
                }
                let found: HashSet<Key> = ledger.open().into_iter().map(|entry| entry.key.clone()).collect();
                prop_assert_eq!(&found, &open);
            }
            prop_assert!(answers.values().all(|count| *count == 1));
        }
    }
}
