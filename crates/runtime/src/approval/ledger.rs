//! Which questions are open, as a pure state machine: inputs in, effects out.
//!
//! It is the one owner of the right to answer: an entry leaves it exactly once, and only the input
//! that takes it out yields an answer (invariants I2 and I3). Deliberately not here: I/O, time, hooks
//! and people.

use std::collections::{BTreeMap, BTreeSet};
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
    /// What was answered in the newest generation. The server may repeat a request while the answer to it
    /// is under way, and uses an id once (FACTS section 1).
    answered: BTreeSet<Key>,
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

    /// A request arrived. False when it is open or answered already: the server repeats its open requests
    /// to a client that resumes a thread (FACTS section 4, "Pending request when").
    pub fn arrive(
        &mut self,
        key: Key,
        request: Arc<Request>,
        session: ThreadId,
        now_ms: i64,
    ) -> bool {
        if self.open.contains_key(&key) || self.answered.contains(&key) {
            return false;
        }
        self.forget_before(key.generation);
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

    /// A request arrived that is answered at once, whatever anybody says. False when it was already.
    pub fn refuse(&mut self, key: Key) -> bool {
        self.forget_before(key.generation);
        self.answered.insert(key)
    }

    /// What a server that is gone asked does not come again.
    fn forget_before(&mut self, generation: u32) {
        while self
            .answered
            .first()
            .is_some_and(|first| first.generation < generation)
        {
            self.answered.pop_first();
        }
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
        self.answered.insert(key.clone());
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
    use std::sync::LazyLock;

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
    fn what_is_refused_is_refused_once_in_each_generation() {
        let mut ledger = Ledger::default();
        assert!(ledger.refuse(key(1, 0)));
        assert!(!ledger.refuse(key(1, 0)));
        assert!(ledger.refuse(key(2, 0)));
        assert!(ledger.open().is_empty());
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
        Arrive { key: Key, thread: u8, turn: u8 },
        Ask(Key),
        Decide(Key, Decision),
        Resolved(Key),
        TurnEnded { thread: u8, turn: u8 },
        ThreadClosed(u8),
        Died(u32),
    }

    fn input() -> impl Strategy<Value = Input> {
        // Most of the time about few questions, or nothing would happen to one twice.
        let id = prop_oneof![3 => 0i64..8, 1 => 0i64..200];
        let thread = || prop_oneof![3 => 0u8..3, 1 => 0u8..50];
        let key = || (1u32..3, id.clone()).prop_map(|(generation, id)| key(generation, id));
        let decision = prop::sample::select(vec![
            Decision::Allow,
            Decision::AllowForSession,
            Decision::Deny,
            Decision::DenyAndStop,
            Decision::AllowByRule(vec!["rm".into()]),
        ]);
        prop_oneof![
            6 => (key(), thread(), 0u8..2).prop_map(|(key, thread, turn)| Input::Arrive { key, thread, turn }),
            3 => key().prop_map(Input::Ask),
            4 => (key(), decision).prop_map(|(key, decision)| Input::Decide(key, decision)),
            2 => key().prop_map(Input::Resolved),
            1 => (thread(), 0u8..2).prop_map(|(thread, turn)| Input::TurnEnded { thread, turn }),
            1 => thread().prop_map(Input::ThreadClosed),
            1 => (1u32..3).prop_map(Input::Died),
        ]
    }

    /// Whose a thread is: every other one is that of an agent of the one before.
    fn session(thread: u8) -> u8 {
        thread & !1
    }

    /// A question as the model knows it.
    #[derive(Debug, Clone, PartialEq)]
    struct Question {
        thread: u8,
        turn: u8,
        asked: bool,
    }

    /// What the ledger should do, in the plainest way: a list, and a list of what was answered.
    #[derive(Default)]
    struct Model {
        open: Vec<(Key, Question)>,
        answered: Vec<Key>,
    }

    impl Model {
        fn get(&mut self, key: &Key) -> Option<&mut Question> {
            self.open
                .iter_mut()
                .find(|(of, _)| of == key)
                .map(|(_, question)| question)
        }

        fn take(&mut self, which: impl Fn(&Key, &Question) -> bool) -> Vec<Key> {
            let taken = |(key, question): &(Key, Question)| which(key, question);
            let keys = self
                .open
                .iter()
                .filter(|open| taken(open))
                .map(|(key, _)| key.clone());
            let keys = keys.collect();
            self.open.retain(|open| !taken(open));
            keys
        }

        /// The effects of an input, or why there are none.
        fn take_in(&mut self, input: &Input) -> Result<Vec<String>, Refused> {
            let settled = |keys: Vec<Key>, outcome: Outcome| {
                Ok(keys
                    .iter()
                    .map(|key| format!("{key} resolved {outcome:?}"))
                    .collect())
            };
            match input.clone() {
                Input::Arrive { key, thread, turn } => {
                    if self.get(&key).is_some() || self.answered.contains(&key) {
                        return Ok(vec![]);
                    }
                    self.answered
                        .retain(|answered| answered.generation >= key.generation);
                    self.open.push((
                        key.clone(),
                        Question {
                            thread,
                            turn,
                            asked: false,
                        },
                    ));
                    Ok(vec![format!("{key} arrived")])
                }
                Input::Ask(key) => match self.get(&key) {
                    Some(question) if !question.asked => {
                        question.asked = true;
                        Ok(vec![format!("{key} requested")])
                    }
                    _ => Ok(vec![]),
                },
                Input::Decide(key, decision) => {
                    self.get(&key).ok_or(Refused::Stale)?;
                    if decision.is_lasting() {
                        return Err(Refused::NotOffered);
                    }
                    self.take(|of, _| *of == key);
                    self.answered.push(key.clone());
                    let outcome = Outcome::Answered {
                        decision: decision.clone(),
                        by: person(),
                    };
                    Ok(vec![
                        format!("{key} answer {decision:?}"),
                        format!("{key} resolved {outcome:?}"),
                    ])
                }
                Input::Resolved(key) => settled(self.take(|of, _| *of == key), Outcome::Elsewhere),
                Input::TurnEnded { thread, turn } => settled(
                    self.take(|_, question| (question.thread, question.turn) == (thread, turn)),
                    Outcome::TurnEnded,
                ),
                Input::ThreadClosed(thread) => settled(
                    self.take(|_, question| session(question.thread) == thread),
                    Outcome::ThreadClosed,
                ),
                Input::Died(generation) => settled(
                    self.take(|key, _| key.generation == generation),
                    Outcome::ServerDied,
                ),
            }
        }
    }

    /// The same of the ledger, with what the loop around it asks of it.
    fn take_in(ledger: &mut Ledger, input: &Input) -> Result<Vec<String>, Refused> {
        let thread_is = |entry: &Entry, thread: u8| *entry.request.thread == *format!("t{thread}");
        let effects: Vec<Effect> = match input.clone() {
            Input::Arrive { key, thread, turn } => {
                static REQUESTS: LazyLock<Vec<Arc<Request>>> =
                    LazyLock::new(|| (0..100).map(|of| request(of / 2, of % 2)).collect());
                let request = Arc::clone(&REQUESTS[usize::from(thread * 2 + turn)]);
                let session = format!("t{}", session(thread)).into();
                let is_new = ledger.arrive(key.clone(), request, session, 0);
                return Ok(is_new
                    .then(|| format!("{key} arrived"))
                    .into_iter()
                    .collect());
            }
            Input::Ask(key) => ledger.ask(&key).into_iter().collect(),
            Input::Decide(key, decision) => ledger.decide(&key, decision, person())?.into(),
            Input::Resolved(key) => ledger.settle(&Outcome::Elsewhere, |entry| entry.key == key),
            Input::TurnEnded { thread, turn } => ledger.settle(&Outcome::TurnEnded, |entry| {
                thread_is(entry, thread)
                    && entry.request.turn.as_deref() == Some(&*format!("u{turn}"))
            }),
            Input::ThreadClosed(thread) => ledger.settle(&Outcome::ThreadClosed, |entry| {
                *entry.session == *format!("t{thread}")
            }),
            Input::Died(generation) => ledger.settle(&Outcome::ServerDied, |entry| {
                entry.key.generation == generation
            }),
        };
        let told = |effect: &Effect| match effect {
            Effect::Answer(entry, decision) => format!("{} answer {decision:?}", entry.key),
            Effect::Requested(entry) => format!("{} requested", entry.key),
            Effect::Resolved(entry, outcome) => format!("{} resolved {outcome:?}", entry.key),
        };
        Ok(effects.iter().map(told).collect())
    }

    /// `PROPTEST_CASES` says how many (500).
    fn cases() -> u32 {
        std::env::var("PROPTEST_CASES").map_or(500, |cases| cases.parse().unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

        /// I2 and I3 for any order of inputs: the ledger does what the model does, effect by effect, so a
        /// question is answered once, by a decision that somebody made, and is open exactly until then.
        #[test]
        fn every_question_is_settled_once(inputs in prop::collection::vec(input(), 0..600)) {
            let (mut ledger, mut model) = (Ledger::default(), Model::default());
            for input in &inputs {
                prop_assert_eq!(take_in(&mut ledger, input), model.take_in(input), "{:?}", input);
                prop_assert_eq!(ledger.open.len(), model.open.len());
            }
            let open: Vec<_> = ledger.open().into_iter().map(|entry| (entry.key.clone(), entry.asked)).collect();
            let wanted: Vec<_> = model.open.iter().map(|(key, question)| (key.clone(), question.asked)).collect();
            prop_assert_eq!(open, wanted);
            for generation in 1..3 {
                take_in(&mut ledger, &Input::Died(generation)).unwrap();
            }
            prop_assert!(ledger.open().is_empty());
        }
    }
}
