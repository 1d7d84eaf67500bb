//! What is measured, one process each. A case prints one line of JSON.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use countersign_runtime::approval::Decision;
use countersign_runtime::hooks::{Hook, HookContext, HookFuture, HookSet, Phase, Verdict};
use countersign_runtime::transcript::{Limits, Transcript};
use countersign_runtime::transport::ChildSpec;
use countersign_runtime::{Client, ClientConfig, Event, Prompt, Session, SessionConfig};
use serde_json::{Map, Value, json};

use crate::baseline;
use crate::gauge::{Watch, memory, round_trips, setting, stay_on, stream};
use crate::server::{DELTA, ITEM};

const CALLS: u64 = 10_000;
const WARM_UP: u64 = 500;
const APPROVALS: u64 = 5_000;

/// A case: its name is the first word, and what it is told follows.
pub(crate) fn run(name: &str) -> Map<String, Value> {
    stay_on("BENCH_CLIENT");
    let events = setting("BENCH_EVENTS", 0);
    let words: Vec<&str> = name.split(' ').collect();
    match words.as_slice() {
        ["split"] => baseline::deltas(events, false),
        ["serde"] => baseline::deltas(events, true),
        ["calls", "blocking"] => baseline::calls(WARM_UP, CALLS),
        ["approvals", "blocking"] => baseline::approvals(APPROVALS),
        [case, rest @ ..] => {
            let mut builder = match rest.contains(&"threads") {
                true => tokio::runtime::Builder::new_multi_thread(),
                false => tokio::runtime::Builder::new_current_thread(),
            };
            builder.enable_all().build().unwrap().block_on(async {
                match *case {
                    "deltas" => deltas(events).await,
                    "answer" => answer(events).await,
                    "asks" => asks(events).await,
                    "calls" => calls().await,
                    "approvals" => approvals().await,
                    "sessions" => sessions(events).await,
                    "memory" => kept().await,
                    other => panic!("there is no case {other:?}"),
                }
            })
        }
        [] => panic!("a case has a name"),
    }
}

async fn connect(hooks: HookSet) -> Client {
    let server = ChildSpec::app_server(std::env::current_exe().unwrap());
    let config = ClientConfig {
        hooks,
        ..ClientConfig::new(server)
    };
    Client::connect(config).await.unwrap()
}

async fn open(client: &Client) -> Session {
    client.start_session(SessionConfig::new("/")).await.unwrap()
}

/// Everything of a thread, as one who draws it takes it.
async fn deltas(events: u64) -> Map<String, Value> {
    let client = connect(HookSet::default()).await;
    let session = open(&client).await;
    let mut live = session.subscribe();
    let watch = Watch::start();
    session.start_turn(&Prompt::new("x", "/")).await.unwrap();
    let mut bytes = 0;
    loop {
        match live.recv().await.unwrap() {
            Event::Delta(delta) => bytes += delta.text.len(),
            Event::TurnCompleted { .. } => break,
            _ => {}
        }
    }
    let out = stream(events, (bytes / DELTA) as u64, &watch);
    client.shutdown().await;
    out
}

/// An answer as a stream.
async fn answer(events: u64) -> Map<String, Value> {
    let client = connect(HookSet::default()).await;
    let session = open(&client).await;
    let watch = Watch::start();
    let mut stream_of = session.ask_stream("x").await.unwrap();
    let mut bytes = 0;
    while let Some(event) = stream_of.recv().await.unwrap() {
        if let Event::Delta(delta) = event {
            bytes += delta.text.len();
        }
    }
    let text = stream_of.finish().await.unwrap().text;
    assert_eq!(
        text.len() as u64,
        events * DELTA as u64,
        "the answer is not whole"
    );
    let out = stream(events, (bytes / DELTA) as u64, &watch);
    client.shutdown().await;
    out
}

/// Answers as values, so many that each case has about the same number of events.
async fn asks(events: u64) -> Map<String, Value> {
    let client = connect(HookSet::default()).await;
    let session = open(&client).await;
    let turns = setting("BENCH_TURNS", 1);
    let watch = Watch::start();
    let mut got = 0;
    for _ in 0..turns {
        got += session.ask("x").await.unwrap().text.len() as u64 / DELTA as u64;
    }
    let out = stream(events * turns, got, &watch);
    client.shutdown().await;
    out
}

async fn calls() -> Map<String, Value> {
    let client = connect(HookSet::default()).await;
    let mut ns = Vec::with_capacity((WARM_UP + CALLS) as usize);
    for n in 0..WARM_UP + CALLS {
        let asked = Instant::now();
        let _: Value = client.call("bench/echo", &json!({ "n": n })).await.unwrap();
        ns.push(asked.elapsed().as_nanos() as u64);
    }
    client.shutdown().await;
    round_trips(ns.split_off(WARM_UP as usize))
}

struct Allow;

impl Hook for Allow {
    fn name(&self) -> &str {
        "allow"
    }
    fn phases(&self) -> &[Phase] {
        &[Phase::PreToolUse]
    }
    fn call<'a>(&'a self, _context: &'a HookContext) -> HookFuture<'a> {
        Box::pin(std::future::ready(Ok(Verdict::Decide(Decision::Allow))))
    }
}

/// The server asks, and a hook allows.
async fn approvals() -> Map<String, Value> {
    let client = connect(HookSet::default().with(Allow)).await;
    let params = json!({ "n": APPROVALS });
    let answer: Value = client.call("bench/approvals", &params).await.unwrap();
    client.shutdown().await;
    approval_line(&answer, APPROVALS)
}

pub(crate) fn approval_line(answer: &Value, count: u64) -> Map<String, Value> {
    assert_eq!(
        answer["accepted"], count,
        "not every question was answered with accept"
    );
    let ns = answer["ns"].as_array().unwrap().iter();
    round_trips(ns.map(|ns| ns.as_u64().unwrap()).collect())
}

/// Many sessions, each with its reader, whose answers come a line of each in turn.
async fn sessions(events: u64) -> Map<String, Value> {
    let client = connect(HookSet::default()).await;
    let count = setting("BENCH_SESSIONS", 1);
    let mut readers = Vec::new();
    let bytes: Arc<Vec<AtomicU64>> = Arc::new((0..count).map(|_| AtomicU64::new(0)).collect());
    let slowest = Arc::new(std::sync::OnceLock::new());
    for n in 0..count as usize {
        let session = open(&client).await;
        let mut live = session.subscribe();
        session.start_turn(&Prompt::new("x", "/")).await.unwrap();
        let (bytes, slowest) = (Arc::clone(&bytes), Arc::clone(&slowest));
        readers.push(tokio::spawn(async move {
            loop {
                match live.recv().await.unwrap() {
                    Event::Delta(delta) => {
                        bytes[n].fetch_add(delta.text.len() as u64, Ordering::Relaxed);
                    }
                    Event::TurnCompleted { .. } => break,
                    _ => {}
                }
            }
            // The first that is done looks how far the last one is.
            slowest.get_or_init(|| {
                bytes
                    .iter()
                    .map(|bytes| bytes.load(Ordering::Relaxed))
                    .min()
            });
            // A session that is dropped is heard no more.
            drop(session);
        }));
    }
    let watch = Watch::start();
    let _: Value = client.call("bench/stream", &json!({})).await.unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
    let got: u64 = bytes
        .iter()
        .map(|bytes| bytes.load(Ordering::Relaxed))
        .sum();
    let mut out = stream(events * count, got / DELTA as u64, &watch);
    let behind = slowest.get().copied().flatten().unwrap_or(0) as f64;
    out.insert(
        "slowest".into(),
        (behind / (events * DELTA as u64) as f64).into(),
    );
    client.shutdown().await;
    out
}

/// What sessions and their transcripts hold when all is said.
async fn kept() -> Map<String, Value> {
    let client = connect(HookSet::default()).await;
    let count = setting("BENCH_SESSIONS", 1);
    let before = memory();
    let mut held = Vec::new();
    for _ in 0..count {
        let session = open(&client).await;
        let mut live = session.subscribe();
        let mut transcript = Transcript::new(Limits::default());
        session.start_turn(&Prompt::new("x", "/")).await.unwrap();
        loop {
            let event = live.recv().await.unwrap();
            transcript.apply(&event);
            if let Event::TurnCompleted { .. } = event {
                break;
            }
        }
        held.push((session, live, transcript));
    }
    let items = setting("BENCH_ITEMS", 0);
    let rows: u64 = held
        .iter()
        .map(|(_, _, transcript)| transcript.len() as u64)
        .sum();
    let mut out = Map::new();
    let each = (memory() - before) / count as f64;
    out.insert("mib".into(), (each / f64::from(1 << 20)).into());
    out.insert(
        "of_text".into(),
        (each / (items * ITEM as u64) as f64).into(),
    );
    out.insert("lost".into(), ((items * count) as f64 - rows as f64).into());
    client.shutdown().await;
    out
}
