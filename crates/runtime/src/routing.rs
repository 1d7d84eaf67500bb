//! Takes what the server says to the threads that it is about.
//!
//! Called by the reader of a connection, so nothing here waits (invariant I1). Whose a thread is that
//! nobody opened here is asked by a task of its own ([`find_out`]).
//!
//! Deliberately not here: what the methods mean ([`crate::protocol`]), and which threads there are
//! ([`crate::threads`]).

use std::sync::{Arc, Weak};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::approval::{Approvals, Key, Outcome, Request, Setting};
use crate::connection::{Connection, Router};
use crate::event::{Event, ThreadId, TurnId};
use crate::jsonrpc::Id;
use crate::protocol::{self, Interner, WireDelta};
use crate::supervisor::Death;
use crate::thread::Thread;
use crate::threads::{Found, Held, Threads};

/// How many agents deep a thread is looked for.
const MAX_DEPTH: usize = 32;

/// Takes what the server says to the threads that it is about.
pub(crate) struct ThreadRouter {
    at: Around,
    deaths: mpsc::UnboundedSender<Arc<Death>>,
    /// Threads that nobody knows.
    lost: mpsc::UnboundedSender<ThreadId>,
    interner: Interner,
    /// Where the last event went, when it was to one thread, and the version of the threads that it was found in:
    /// a stream of deltas looks it up once.
    last: Option<Last>,
}

/// What routing is done with, under one generation of the server.
#[derive(Clone)]
struct Around {
    generation: u32,
    threads: Arc<Threads>,
    approvals: Approvals,
}

struct Last {
    id: ThreadId,
    version: u64,
    thread: Weak<Thread>,
    /// The id is that of an agent's thread.
    is_agent: bool,
}

impl ThreadRouter {
    /// A router, and the task that finds out whose the threads are that it does not know.
    pub(crate) fn new(
        generation: u32,
        threads: Arc<Threads>,
        approvals: Approvals,
        deaths: mpsc::UnboundedSender<Arc<Death>>,
    ) -> (Self, FindOut) {
        let at = Around {
            generation,
            threads,
            approvals,
        };
        let (lost, ids) = mpsc::unbounded_channel();
        let find_out = FindOut {
            at: at.clone(),
            ids,
        };
        let router = Self {
            at,
            deaths,
            lost,
            interner: Interner::default(),
            last: None,
        };
        (router, find_out)
    }

    /// Makes the event only when somebody is there for it. False when it is not known who.
    fn deliver(&mut self, id: &str, event: impl FnOnce(&mut Interner) -> Event) -> bool {
        let version = self.at.threads.version();
        if let Some(last) = &self.last
            && *last.id == *id
            && last.version == version
            && let Some(thread) = last.thread.upgrade()
        {
            let event = event(&mut self.interner);
            match last.is_agent {
                true => thread.deliver(of_agent(&last.id, event)),
                false => thread.deliver(event),
            }
            return true;
        }
        let found = self.at.threads.find(id);
        let one = match &found {
            Found::Open(threads) => Some((threads, false)),
            Found::Agent { threads, .. } => Some((threads, true)),
            Found::Strangers | Found::Unknown => None,
        };
        if let Some(([thread], is_agent)) = one.map(|(threads, agent)| (&**threads, agent)) {
            self.last = Some(Last {
                id: Arc::from(id),
                version,
                thread: Arc::downgrade(thread),
                is_agent,
            });
        }
        let interner = &mut self.interner;
        give(&found, id, || event(interner));
        !matches!(found, Found::Unknown)
    }

    fn hold(&mut self, id: &str, what: Held) {
        match self.at.threads.hold(id, self.at.generation, what) {
            Ok(true) => drop(self.lost.send(Arc::from(id))),
            Ok(false) => {}
            // It was found out just now.
            Err(what) => {
                let found = self.at.threads.find(id);
                self.at.take(&found, id, what);
            }
        }
    }
}

impl Router for ThreadRouter {
    fn notification(&mut self, method: &str, params: &RawValue) {
        let id;
        let is_known = if let Some(part) = protocol::delta_method(method) {
            let wire = match serde_json::from_str::<WireDelta<'_>>(params.get()) {
                Ok(wire) => wire,
                Err(error) => return unreadable(method, &error),
            };
            let part = part(&wire);
            let is_known = self.deliver(&wire.thread_id, |interner| {
                Event::Delta(interner.delta(&wire, part))
            });
            id = wire.thread_id;
            is_known
        } else {
            let Some(of) = protocol::thread_of(params) else {
                tracing::debug!(method, "a notification that is about no thread");
                return;
            };
            id = of;
            self.at.settle_questions(&id, method, params);
            self.deliver(&id, |_| protocol::event(method, params))
        };
        // What everybody is told says nothing of whether it concerns anybody here (FACTS section 2).
        if !is_known && is_for_subscribers(method) {
            let what = Held::Notification {
                method: method.to_owned(),
                params: params.to_owned(),
            };
            self.hold(&id, what);
        }
    }

    fn request(&mut self, id: Id, method: &str, params: &RawValue) {
        let thread = protocol::thread_of(params).unwrap_or_default();
        let what = Held::Request {
            id,
            method: method.to_owned(),
            params: params.to_owned(),
        };
        match self.at.threads.find(&thread) {
            Found::Unknown if !thread.is_empty() => self.hold(&thread, what),
            found => self.at.take(&found, &thread, what),
        }
    }

    fn oversized(&mut self) {
        for thread in self.at.threads.all() {
            thread.deliver(Event::Gap { missed: 1 });
        }
    }

    fn closed(&mut self, death: Arc<Death>) {
        let generation = self.at.generation;
        self.at.threads.forget_unknown(generation);
        self.at.approvals.settle(&Outcome::ServerDied, |entry| {
            entry.key.generation == generation
        });
        for thread in self.at.threads.all() {
            thread.deliver(Event::Disconnected(Arc::clone(&death)));
        }
        let _ = self.deaths.send(death);
    }
}

impl Around {
    /// Takes in what was said by a thread whose place is known.
    fn take(&self, found: &Found, id: &str, what: Held) {
        match what {
            Held::Notification { method, params } => {
                self.settle_questions(id, &method, &params);
                give(found, id, || match protocol::delta_method(&method) {
                    Some(part) => match serde_json::from_str::<WireDelta<'_>>(params.get()) {
                        Ok(wire) => {
                            let part = part(&wire);
                            Event::Delta(Interner::default().delta(&wire, part))
                        }
                        Err(_) => protocol::event(&method, &params),
                    },
                    None => protocol::event(&method, &params),
                });
            }
            Held::Request { id, method, params } => {
                let key = Key {
                    generation: self.generation,
                    id,
                };
                let request = Request::read(&method, &params);
                let (session, threads) = match found {
                    Found::Open(threads) => (None, &threads[..]),
                    Found::Agent { session, threads } => (Some(session), &threads[..]),
                    Found::Strangers | Found::Unknown => (None, &[][..]),
                };
                let setting = Setting {
                    session: session.unwrap_or(&request.thread).clone(),
                    ..threads
                        .first()
                        .map(|thread| thread.setting(&request))
                        .unwrap_or_default()
                };
                self.approvals.arrive(key, request, setting);
            }
            Held::Missed(missed) => give(found, id, || Event::Gap { missed }),
        }
    }

    /// Questions that a notification settles.
    fn settle_questions(&self, thread: &str, method: &str, params: &RawValue) {
        match method {
            "serverRequest/resolved" => self.resolved(params),
            "turn/completed" => self.turn_ended(thread, params),
            _ => {}
        }
    }

    fn resolved(&self, params: &RawValue) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Resolved {
            request_id: Id,
        }
        let Ok(Resolved { request_id }) = serde_json::from_str(params.get()) else {
            return;
        };
        let key = Key {
            generation: self.generation,
            id: request_id,
        };
        self.approvals
            .settle(&Outcome::Elsewhere, |entry| entry.key == key);
    }

    fn turn_ended(&self, thread: &str, params: &RawValue) {
        #[derive(Deserialize)]
        struct Ended<'a> {
            #[serde(borrow)]
            turn: &'a RawValue,
        }
        let Some(turn) = serde_json::from_str::<Ended<'_>>(params.get())
            .ok()
            .and_then(|ended| protocol::turn(ended.turn))
        else {
            return;
        };
        let turn: TurnId = turn.id;
        self.approvals.settle(&Outcome::TurnEnded, |entry| {
            *entry.request.thread == *thread && entry.request.turn.as_ref() == Some(&turn)
        });
    }
}

/// Gives an event to everybody who is there for it.
fn give(found: &Found, id: &str, event: impl FnOnce() -> Event) {
    let (threads, is_agent) = match found {
        Found::Open(threads) => (threads, false),
        Found::Agent { threads, .. } => (threads, true),
        Found::Strangers | Found::Unknown => return,
    };
    let Some((last, others)) = threads.split_last() else {
        return;
    };
    let event = match is_agent {
        true => of_agent(&Arc::from(id), event()),
        false => event(),
    };
    for thread in others {
        thread.deliver(event.clone());
    }
    last.deliver(event);
}

fn of_agent(thread: &ThreadId, event: Event) -> Event {
    Event::OfAgent {
        thread: Arc::clone(thread),
        event: Box::new(event),
    }
}

/// Only those who have the thread, or the one that started it, are told (FACTS section 2).
fn is_for_subscribers(method: &str) -> bool {
    ["turn/", "item/"].iter().any(|of| method.starts_with(of))
        || matches!(
            method,
            "error" | "serverRequest/resolved" | "thread/tokenUsage/updated"
        )
}

/// Where in a line it went wrong, and not what stands there: that is somebody's words.
fn unreadable(method: &str, error: &serde_json::Error) {
    tracing::warn!(method, kind = ?error.classify(), column = error.column(), "a notification could not be read");
}

/// Finds out whose the threads are that nobody opened here.
pub(crate) struct FindOut {
    at: Around,
    ids: mpsc::UnboundedReceiver<ThreadId>,
}

impl FindOut {
    /// Goes on until the connection ends.
    pub(crate) async fn run(mut self, connection: Weak<Connection>) {
        while let Some(id) = self.ids.recv().await {
            let session = self.session_of(&id, &connection).await;
            tracing::debug!(thread = %id, ?session, "a thread that was not opened here");
            self.at
                .threads
                .settle(&id, self.at.generation, session, |found, what| {
                    self.at.take(found, &id, what);
                });
        }
    }

    /// The open thread whose agent has this one, however deep. `None` when there is none, or the server does
    /// not say.
    async fn session_of(&self, id: &ThreadId, connection: &Weak<Connection>) -> Option<ThreadId> {
        #[derive(Deserialize)]
        struct Answer {
            thread: Of,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Of {
            parent_thread_id: Option<String>,
        }
        let mut at = Arc::clone(id);
        for _ in 0..MAX_DEPTH {
            let connection = connection.upgrade()?;
            let answer = connection
                .call::<_, Answer>("thread/read", &json!({ "threadId": &*at }))
                .await;
            let parent: ThreadId = match answer {
                Ok(answer) => answer.thread.parent_thread_id?.into(),
                Err(error) => {
                    tracing::debug!(thread = %at, %error, "it is not known who started a thread");
                    return None;
                }
            };
            match self.at.threads.find(&parent) {
                Found::Open(_) => return Some(parent),
                Found::Agent { session, .. } => return Some(session),
                Found::Strangers => return None,
                Found::Unknown => at = parent,
            }
        }
        None
    }
}
