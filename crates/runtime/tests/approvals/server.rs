//! A server that asks, keeps what is open and hears the answers, as the real one does (FACTS section 4).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::fake::{Fake, FrameLines, FrameWriter, thread};

/// A request that was asked: its generation and id. Both, because ids begin again with each server.
pub(crate) type Asked = (u32, i64);

/// What all generations together were told and said.
#[derive(Default)]
pub(crate) struct Log {
    /// The question of each request.
    pub(crate) asked: BTreeMap<Asked, usize>,
    /// Every answer that came over the wire.
    pub(crate) answers: Vec<(Asked, Value)>,
}

/// One generation of the server.
pub(crate) struct Server {
    /// Held while something is decided and said: nothing comes between the two.
    state: Arc<tokio::sync::Mutex<State>>,
    hears: JoinHandle<()>,
}

struct State {
    generation: u32,
    writer: FrameWriter,
    next_id: i64,
    /// Open requests: their thread.
    open: BTreeMap<i64, String>,
    /// The threads that the client has loaded, and the number of their turn.
    loaded: HashMap<String, usize>,
    archived: HashSet<String>,
    log: Arc<Mutex<Log>>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Serves. What the client calls this generation is told by [`Server::is`], before it asks.
    pub(crate) fn start(fake: Fake, log: &Arc<Mutex<Log>>) -> Self {
        let (lines, writer) = fake.into_halves();
        let state = Arc::new(tokio::sync::Mutex::new(State {
            generation: 0,
            writer,
            next_id: 0,
            open: BTreeMap::new(),
            loaded: HashMap::new(),
            archived: HashSet::new(),
            log: Arc::clone(log),
        }));
        let hears = tokio::spawn(hear(lines, Arc::clone(&state)));
        Self { state, hears }
    }

    pub(crate) async fn is(&self, generation: u32) {
        self.state.lock().await.generation = generation;
    }

    /// Asks a question on a thread, when the client has it loaded.
    pub(crate) async fn ask(&self, thread: &str, question: usize) {
        let mut state = self.state.lock().await;
        if !state.loaded.contains_key(thread) {
            return;
        }
        let id = state.next_id;
        state.next_id += 1;
        state.open.insert(id, thread.to_owned());
        let generation = state.generation;
        lock(&state.log).asked.insert((generation, id), question);
        state.request(id).await;
    }

    /// Says one of the open requests once more, as after a second resume of its thread.
    pub(crate) async fn repeat(&self, pick: usize) {
        let mut state = self.state.lock().await;
        if let Some(id) = state.pick(pick) {
            state.request(id).await;
        }
    }

    /// Another client answered one of them.
    pub(crate) async fn resolve(&self, pick: usize) {
        let mut state = self.state.lock().await;
        if let Some(id) = state.pick(pick) {
            state.resolved(id).await;
        }
    }

    /// Ends the thread's turn and begins the next.
    pub(crate) async fn end_turn(&self, thread: &str) {
        let mut state = self.state.lock().await;
        let Some(turn) = state.loaded.get_mut(thread) else {
            return;
        };
        let ended = *turn;
        *turn += 1;
        state
            .say(json!({"method": "turn/completed", "params": {"threadId": thread,
                "turn": {"id": format!("{thread}-{ended}"), "items": [], "status": "interrupted"}}}))
            .await;
        let moot: Vec<i64> = state
            .open
            .iter()
            .filter(|(_, of)| *of == thread)
            .map(|(id, _)| *id)
            .collect();
        for id in moot {
            // The end of the turn says it already.
            match id % 2 {
                0 => state.resolved(id).await,
                _ => drop(state.open.remove(&id)),
            }
        }
    }

    /// Ends every turn.
    pub(crate) async fn end_turns(&self) {
        let threads: Vec<String> = self.state.lock().await.loaded.keys().cloned().collect();
        for thread in threads {
            self.end_turn(&thread).await;
        }
    }

    /// Breaks off in the middle of whatever it does.
    pub(crate) async fn die(&mut self) {
        self.hears.abort();
        // It is gone, and its half of the connection with it.
        let _ = (&mut self.hears).await;
        self.state.lock().await.gone().await;
    }

    /// Ends when its input does.
    pub(crate) async fn end(&mut self) {
        let _ = (&mut self.hears).await;
        self.state.lock().await.gone().await;
    }
}

impl State {
    fn pick(&self, pick: usize) -> Option<i64> {
        let ids: Vec<i64> = self.open.keys().copied().collect();
        ids.get(pick.checked_rem(ids.len())?).copied()
    }

    async fn request(&mut self, id: i64) {
        let thread = self.open[&id].clone();
        let turn = self.loaded[&thread];
        let question = lock(&self.log).asked[&(self.generation, id)];
        self.say(json!({"id": id, "method": "item/commandExecution/requestApproval", "params": {
            "threadId": thread, "turnId": format!("{thread}-{turn}"), "itemId": question.to_string(),
            "startedAtMs": 1, "command": "true", "cwd": "/w"}}))
            .await;
    }

    async fn resolved(&mut self, id: i64) {
        if let Some(thread) = self.open.remove(&id) {
            let params = json!({"threadId": thread, "requestId": id});
            self.say(json!({"method": "serverRequest/resolved", "params": params}))
                .await;
        }
    }

    async fn gone(&mut self) {
        let _ = self.writer.shutdown().await;
    }

    async fn say(&mut self, frame: Value) {
        // A client that is gone hears nothing.
        let _ = self.writer.write_all(format!("{frame}\n").as_bytes()).await;
    }

    async fn heard(&mut self, frame: &Value) {
        let id = &frame["id"];
        let of = frame["params"]["threadId"].as_str().unwrap_or_default();
        let result = match frame["method"].as_str() {
            None => {
                let id = id.as_i64().expect("an answer to a request of ours");
                lock(&self.log)
                    .answers
                    .push(((self.generation, id), frame["result"]["decision"].clone()));
                return self.resolved(id).await;
            }
            Some("initialize") => json!({"userAgent": "countersign/0.169.0 (x)"}),
            Some("thread/resume") if self.archived.contains(of) => panic!("{of} is archived"),
            Some("thread/resume") => {
                self.loaded.insert(of.to_owned(), 0);
                thread(of)
            }
            Some("thread/archive") => {
                self.loaded.remove(of);
                self.open.retain(|_, thread| thread != of);
                self.archived.insert(of.to_owned());
                json!({})
            }
            Some(_) if id.is_null() => return,
            Some(_) => json!(null),
        };
        self.say(json!({"id": id, "result": result})).await;
    }
}

async fn hear(mut lines: FrameLines, state: Arc<tokio::sync::Mutex<State>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        let frame: Value = serde_json::from_str(&line).expect("a frame");
        state.lock().await.heard(&frame).await;
    }
}
