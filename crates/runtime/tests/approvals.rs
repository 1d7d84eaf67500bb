//! I2 and I3 of the whole approval loop, with real tasks: a server asks on many threads, and a hook, two
//! persons and another client race for the answers, while turns end, threads close, and the server dies and
//! comes back. Each case is a script and a seed; most run on one thread, where the same script always takes
//! the same course, some on two, where they truly race.
//!
//! `PROPTEST_CASES` says how many cases (500).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

#[path = "support/fake.rs"]
mod fake;
#[path = "approvals/server.rs"]
mod server;
mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_runtime::approval::{
    Approvals, By, Decision, Entry, Key, Notice, Outcome, Refused,
};
use countersign_runtime::hooks::{
    Hook, HookContext, HookError, HookFuture, HookSet, Phase, Verdict,
};
use countersign_runtime::jsonrpc::Id;
use countersign_runtime::supervisor::{ConnectionState, RestartPolicy};
use countersign_runtime::{Client, ClientConfig, Limits, Session, SessionConfig};
use fake::{Fake, generations};
use proptest::prelude::*;
use serde_json::{Value, json};
use server::{Asked, Log, Server, lock};
use support::within;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What the hook does with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thought {
    AskPerson,
    Allow,
    Deny,
    Pass,
    Fails,
    Never,
}

#[derive(Debug, Clone)]
enum Step {
    /// A question on a thread; the hook takes so many turns of the scheduler to think.
    Ask(usize, Thought, u8),
    Repeat(usize),
    Elsewhere(usize),
    EndTurn(usize),
    Close(usize),
    Die,
    /// The others get so many turns of the scheduler.
    Rest(u8),
}

#[derive(Debug, Clone)]
struct Case {
    threads: usize,
    steps: Vec<Step>,
    seed: u64,
    /// On two threads of the system.
    parallel: bool,
}

const MOST_THREADS: usize = 50;
const MOST_QUESTIONS: usize = 200;

fn any_step() -> impl Strategy<Value = Step> {
    let thread = 0..MOST_THREADS;
    let thought = prop::sample::select(vec![
        Thought::AskPerson,
        Thought::AskPerson,
        Thought::AskPerson,
        Thought::Allow,
        Thought::Deny,
        Thought::Pass,
        Thought::Fails,
        Thought::Never,
    ]);
    prop_oneof![
        60 => (thread.clone(), thought, 0..6u8).prop_map(|(thread, thought, turns)| Step::Ask(thread, thought, turns)),
        4 => any::<usize>().prop_map(Step::Repeat),
        8 => any::<usize>().prop_map(Step::Elsewhere),
        6 => thread.clone().prop_map(Step::EndTurn),
        1 => thread.prop_map(Step::Close),
        1 => Just(Step::Die),
        20 => (1..12u8).prop_map(Step::Rest),
    ]
}

fn any_case() -> impl Strategy<Value = Case> {
    (
        1..=MOST_THREADS,
        prop::collection::vec(any_step(), 0..300),
        any::<u64>(),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(threads, steps, seed, parallel)| Case {
            threads,
            steps,
            seed,
            parallel,
        })
}

/// A small generator of its own, so that a case's course depends on its seed alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }
}

async fn rest(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

/// Decides as the script says, and keeps a record of what it said.
struct Scripted {
    thoughts: Arc<Mutex<HashMap<String, (Thought, u8)>>>,
    said: Arc<Mutex<Vec<(String, Decision)>>>,
}

impl Hook for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn phases(&self) -> &[Phase] {
        &[Phase::PreToolUse]
    }

    fn call<'a>(&'a self, context: &'a HookContext) -> HookFuture<'a> {
        let question = context.request.as_ref().unwrap().item.clone().unwrap();
        let (thought, turns) = lock(&self.thoughts)[&*question];
        Box::pin(async move {
            rest(turns.into()).await;
            let decided = |decision: Decision| {
                lock(&self.said).push((question.to_string(), decision.clone()));
                Ok(Verdict::Decide(decision))
            };
            match thought {
                Thought::AskPerson => Ok(Verdict::AskPerson),
                Thought::Allow => decided(Decision::Allow),
                Thought::Deny => decided(Decision::Deny),
                Thought::Pass => Ok(Verdict::Pass),
                Thought::Fails => Err(HookError("on purpose".to_owned())),
                Thought::Never => std::future::pending().await,
            }
        })
    }
}

/// What a person tried, and what became of it.
type Tried = Vec<(Key, Decision, Result<(), Refused>)>;

/// Answers what is shown to it in an order of its own, sometimes twice.
async fn person(
    name: &'static str,
    approvals: Approvals,
    seed: u64,
    mut leave: oneshot::Receiver<()>,
) -> Tried {
    let mut dice = Dice(seed);
    let (open, mut notices) = approvals.present();
    let mut shown: Vec<Entry> = open;
    let mut tried = Tried::new();
    loop {
        while let Ok(notice) = notices.try_recv() {
            if let Notice::Requested(entry) = notice {
                shown.push(entry);
            }
        }
        if shown.is_empty() {
            tokio::select! {
                biased;
                _ = &mut leave => return tried,
                notice = notices.recv() => match notice {
                    Some(Notice::Requested(entry)) => shown.push(entry),
                    Some(_) => {}
                    None => return tried,
                },
            }
            continue;
        }
        let at = dice.roll(shown.len());
        // What is left in place is answered once more, later.
        let entry = match dice.roll(4) {
            0 => shown[at].clone(),
            _ => shown.swap_remove(at),
        };
        let offered = entry.request.decisions();
        let decision = offered[dice.roll(offered.len())].clone();
        let result = approvals.decide(&entry.key, decision.clone(), name);
        tried.push((entry.key, decision, result));
        rest(dice.roll(5)).await;
    }
}

struct Desk {
    client: Client,
    sessions: Vec<Session>,
    fakes: UnboundedReceiver<Fake>,
    server: Server,
    log: Arc<Mutex<Log>>,
    closing: Vec<JoinHandle<()>>,
}

impl Desk {
    async fn open(hook: Scripted, threads: usize) -> Self {
        let (transport, mut fakes) = generations(1 << 16);
        let config = ClientConfig {
            hooks: HookSet::default().with(hook),
            restart: RestartPolicy::OnExit {
                attempts: u32::MAX,
                first: Duration::ZERO,
                longest: Duration::ZERO,
            },
            // Both halves of a pipe in memory are one: the server sees its input end when ours is dropped.
            limits: Limits {
                end_grace: Duration::ZERO,
                ..Limits::default()
            },
            ..ClientConfig::over(transport)
        };
        let log = Arc::default();
        let (client, server) = tokio::join!(Client::connect(config), async {
            Server::start(within("a server", fakes.recv()).await.unwrap(), &log)
        });
        let client = client.unwrap();
        server.is(1).await;
        let mut sessions = Vec::new();
        for thread in 0..threads {
            let thread = format!("T{thread}");
            let opened = client.resume_session(&thread, SessionConfig::new("/w"));
            sessions.push(within("a session", opened).await.unwrap());
        }
        Self {
            client,
            sessions,
            fakes,
            server,
            log,
            closing: Vec::new(),
        }
    }

    async fn take(&mut self, step: &Step, question: usize) {
        let thread = |index: &usize| format!("T{}", index % self.sessions.len());
        match step {
            Step::Ask(index, ..) => self.server.ask(&thread(index), question).await,
            Step::Repeat(pick) => self.server.repeat(*pick).await,
            Step::Elsewhere(pick) => self.server.resolve(*pick).await,
            Step::EndTurn(index) => self.server.end_turn(&thread(index)).await,
            Step::Close(index) => {
                let session = self.sessions[index % self.sessions.len()].clone();
                // Nobody waits for it until the end: what comes meanwhile is the point. It fails with the server.
                let close = async move { drop(session.close().await) };
                self.closing.push(tokio::spawn(close));
            }
            Step::Die => self.die().await,
            Step::Rest(turns) => rest((*turns).into()).await,
        }
    }

    async fn die(&mut self) {
        let mut state = self.client.state();
        let old = match *state.borrow() {
            ConnectionState::Ready { generation } => generation,
            _ => unreachable!("it was up when it was told to die"),
        };
        self.server.die().await;
        let fake = within("the next server", self.fakes.recv()).await.unwrap();
        self.server = Server::start(fake, &self.log);
        let mut generation = old;
        let up = state.wait_for(|state| match state {
            ConnectionState::Ready { generation: now } => {
                generation = *now;
                *now > old
            }
            _ => false,
        });
        within("the next generation", up).await.unwrap();
        self.server.is(generation).await;
    }

    /// Ends all turns, and waits until every thread that was to be closed is, and everything that was said on
    /// either side is heard.
    async fn settle(&mut self) {
        for closing in self.closing.drain(..) {
            within("the close", closing).await.unwrap();
        }
        self.server.end_turns().await;
        let params = json!({});
        let fence = self.client.call::<Value>("test/fence", &params);
        within("the fence", fence).await.unwrap();
    }
}

/// Everything that happened in a case.
struct Course {
    notices: Vec<Notice>,
    tried: Tried,
    /// What the hook decided, by question.
    hook_said: Vec<(String, Decision)>,
    asked: BTreeMap<Asked, usize>,
    answers: Vec<(Asked, Value)>,
    /// The generation that was up to the end.
    last: u32,
}

async fn play(case: &Case) -> Course {
    let thoughts = Arc::new(Mutex::new(HashMap::new()));
    let said = Arc::new(Mutex::new(Vec::new()));
    let hook = Scripted {
        thoughts: Arc::clone(&thoughts),
        said: Arc::clone(&said),
    };
    let mut desk = Desk::open(hook, case.threads).await;
    let approvals = desk.client.approvals().clone();
    let (_, mut notices) = approvals.present();
    let (mut leave, mut persons) = (Vec::new(), Vec::new());
    for (number, name) in ["dialog", "desk"].into_iter().enumerate() {
        let (tx, rx) = oneshot::channel();
        leave.push(tx);
        let seed = case.seed ^ number as u64;
        persons.push(tokio::spawn(person(name, approvals.clone(), seed, rx)));
    }
    let mut questions = 0;
    for step in &case.steps {
        if let Step::Ask(_, thought, turns) = step {
            if questions == MOST_QUESTIONS {
                continue;
            }
            questions += 1;
            lock(&thoughts).insert(questions.to_string(), (*thought, *turns));
        }
        desk.take(step, questions).await;
    }
    desk.settle().await;
    drop(leave);
    let mut tried = Tried::new();
    for person in persons {
        tried.extend(within("a person", person).await.unwrap());
    }
    // What the persons still said is heard, too.
    desk.settle().await;

    assert!(approvals.open().is_empty());
    let last = match *desk.client.state().borrow() {
        ConnectionState::Ready { generation } => generation,
        _ => unreachable!("it was not told to end"),
    };
    let (asked, answers) = {
        let mut log = lock(&desk.log);
        (log.asked.clone(), std::mem::take(&mut log.answers))
    };
    for (generation, id) in asked.keys() {
        let key = Key {
            generation: *generation,
            id: Id::Number(*id),
        };
        let late = approvals.decide(&key, Decision::Allow, "late");
        assert_eq!(late, Err(Refused::Stale), "{key} is open");
    }
    within("the shutdown", async {
        tokio::join!(desk.client.shutdown(), desk.server.end())
    })
    .await;
    drop(desk.client);
    let mut told = Vec::new();
    while let Ok(notice) = notices.try_recv() {
        told.push(notice);
    }
    Course {
        notices: told,
        tried,
        hook_said: std::mem::take(&mut lock(&said)),
        asked,
        answers,
        last,
    }
}

fn on_the_wire(decision: &Decision) -> Value {
    json!(match decision {
        Decision::Allow => "accept",
        Decision::AllowForSession => "acceptForSession",
        Decision::Deny => "decline",
        Decision::DenyAndStop => "cancel",
        other => panic!("not offered: {other:?}"),
    })
}

/// What must be, from what was done and seen alone.
fn check(course: &Course) {
    let key = |(generation, id): &Asked| Key {
        generation: *generation,
        id: Id::Number(*id),
    };
    let mut shown = BTreeSet::new();
    let mut outcomes: BTreeMap<Key, Outcome> = BTreeMap::new();
    for notice in &course.notices {
        match notice {
            // A question whose thread was closed here is open at the server still: it may say it again.
            Notice::Requested(entry) => {
                let earlier = outcomes.remove(&entry.key);
                assert!(
                    matches!(earlier, None | Some(Outcome::ThreadClosed)),
                    "{} is settled",
                    entry.key
                );
                let is_new = shown.insert(entry.key.clone());
                assert!(is_new || earlier.is_some(), "{} is asked twice", entry.key);
            }
            Notice::Resolved(entry, outcome) => {
                let earlier = outcomes.insert(entry.key.clone(), outcome.clone());
                assert!(
                    matches!(earlier, None | Some(Outcome::ThreadClosed)),
                    "{} is settled twice",
                    entry.key
                );
            }
            Notice::HookFailed(issue) => assert_eq!(issue.problem, "on purpose"),
            Notice::Denied(request) => panic!("there is a hook: {request:?}"),
        }
    }
    let asked: BTreeSet<Key> = course.asked.keys().map(key).collect();
    let settled: BTreeSet<Key> = outcomes.keys().cloned().collect();
    assert_eq!(
        asked, settled,
        "every question is settled, and nothing else"
    );

    let mut answers: BTreeMap<Key, Value> = BTreeMap::new();
    for (asked, answer) in &course.answers {
        let earlier = answers.insert(key(asked), answer.clone());
        assert_eq!(earlier, None, "{} is answered twice", key(asked));
    }
    for (asked, question) in &course.asked {
        let key = key(asked);
        let taken: Vec<_> = course
            .tried
            .iter()
            .filter(|(of, _, result)| *of == key && result.is_ok())
            .map(|(_, decision, _)| decision)
            .collect();
        let answer = answers.get(&key);
        match &outcomes[&key] {
            Outcome::Answered { decision, by } => {
                match by {
                    By::Person(_) => {
                        assert!(shown.contains(&key), "{key} was answered and never asked");
                        assert_eq!(taken, [decision], "{key}");
                    }
                    By::Hook(_) => {
                        let said = (question.to_string(), decision.clone());
                        assert!(course.hook_said.contains(&said), "nobody said {said:?}");
                        assert!(taken.is_empty());
                    }
                    By::Nobody => {
                        assert!(!decision.allows(), "nobody allowed {key}");
                        assert!(taken.is_empty());
                    }
                }
                // A server that died may not have heard it.
                if key.generation == course.last || answer.is_some() {
                    assert_eq!(answer, Some(&on_the_wire(decision)), "{key}");
                }
            }
            outcome => {
                assert!(taken.is_empty(), "{key} was answered, and {outcome:?}");
                assert_eq!(answer, None, "{key} was answered, and {outcome:?}");
                if *outcome == Outcome::ServerDied {
                    assert_ne!(key.generation, course.last);
                }
            }
        }
    }
    for (key, decision, result) in &course.tried {
        assert!(
            matches!(result, Ok(()) | Err(Refused::Stale)),
            "{key}: {decision:?} gave {result:?}"
        );
    }
}

fn cases() -> u32 {
    match std::env::var("PROPTEST_CASES") {
        Ok(cases) => cases.parse().expect("PROPTEST_CASES is a number"),
        Err(_) => 500,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn i2_i3_each_question_is_settled_once_whoever_races(case in any_case()) {
        let runtime = if case.parallel {
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
        } else {
            // Without work the clock jumps: a case that hangs fails at once.
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()
        };
        let course = runtime.unwrap().block_on(play(&case));
        check(&course);
    }
}
