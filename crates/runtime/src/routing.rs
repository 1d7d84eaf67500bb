//! Which threads are open, and which of them what the server says is about.
//!
//! Called by the reader of a connection, so nothing here waits (invariant I1). Deliberately not here:
//! what the methods mean ([`crate::protocol`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::approval::{Approvals, Key, Outcome, Request};
use crate::connection::Router;
use crate::event::{Event, ThreadId, TurnId};
use crate::jsonrpc::Id;
use crate::protocol::{self, Interner, WireDelta};
use crate::supervisor::Death;
use crate::thread::Thread;

/// The open threads by id. Usually one each; more when a thread is resumed while it is open.
#[derive(Default)]
pub(crate) struct Threads {
    open: Mutex<HashMap<ThreadId, Vec<Weak<Thread>>>>,
    /// Counts changes, for those who remember what they found.
    version: AtomicU64,
}

impl Threads {
    fn lock(&self) -> MutexGuard<'_, HashMap<ThreadId, Vec<Weak<Thread>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, id: &str) -> Vec<Arc<Thread>> {
        let open = self.lock();
        open.get(id)
            .into_iter()
            .flatten()
            .filter_map(Weak::upgrade)
            .collect()
    }

    pub(crate) fn insert(&self, thread: &Arc<Thread>) {
        let mut open = self.lock();
        open.retain(|_, threads| {
            threads.retain(|thread| thread.strong_count() > 0);
            !threads.is_empty()
        });
        open.entry(thread.id())
            .or_default()
            .push(Arc::downgrade(thread));
        self.version.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn remove(&self, id: &str, thread: &Arc<Thread>) {
        if let Some(threads) = self.lock().get_mut(id) {
            threads.retain(|other| other.as_ptr() != Arc::as_ptr(thread));
        }
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Somebody else holds it open too.
    pub(crate) fn is_shared(&self, thread: &Arc<Thread>) -> bool {
        let others = self.of(&thread.id());
        others
            .iter()
            .any(|other| !Arc::ptr_eq(other, thread) && !other.is_closed())
    }

    pub(crate) fn all(&self) -> Vec<Arc<Thread>> {
        self.lock()
            .values()
            .flatten()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

/// Takes what the server says to the threads that it is about.
pub(crate) struct ThreadRouter {
    generation: u32,
    threads: Arc<Threads>,
    approvals: Approvals,
    deaths: mpsc::UnboundedSender<Arc<Death>>,
    interner: Interner,
    /// The only one with the id of the last event, and the version of the threads that it was found in: a
    /// stream of deltas looks it up once.
    last: Option<(ThreadId, u64, Weak<Thread>)>,
}

impl ThreadRouter {
    pub(crate) fn new(
        generation: u32,
        threads: Arc<Threads>,
        approvals: Approvals,
        deaths: mpsc::UnboundedSender<Arc<Death>>,
    ) -> Self {
        Self {
            generation,
            threads,
            approvals,
            deaths,
            interner: Interner::default(),
            last: None,
        }
    }

    /// Makes the event only when somebody has the thread open.
    fn deliver(&mut self, id: &str, event: impl FnOnce() -> Event) {
        let version = self.threads.version.load(Ordering::Acquire);
        if let Some((last, found, thread)) = &self.last
            && **last == *id
            && *found == version
            && let Some(thread) = thread.upgrade()
        {
            return thread.deliver(event());
        }
        let threads = self.threads.of(id);
        let Some((last, others)) = threads.split_last() else {
            return;
        };
        if others.is_empty() {
            self.last = Some((Arc::from(id), version, Arc::downgrade(last)));
        }
        let event = event();
        for thread in others {
            thread.deliver(event.clone());
        }
        last.deliver(event);
    }
}

impl Router for ThreadRouter {
    fn notification(&mut self, method: &str, params: &RawValue) {
        if let Some(part) = protocol::delta_method(method) {
            match serde_json::from_str::<WireDelta<'_>>(params.get()) {
                Ok(wire) => {
                    let part = part(&wire);
                    let delta = self.interner.delta(&wire, part);
                    self.deliver(&wire.thread_id, || Event::Delta(delta));
                }
                Err(error) => tracing::warn!(method, %error, "a delta could not be read"),
            }
            return;
        }
        let Some(id) = protocol::thread_of(params) else {
            tracing::debug!(method, "a notification that is about no thread");
            return;
        };
        match method {
            "serverRequest/resolved" => return self.resolved(params),
            "turn/completed" => self.turn_ended(&id, params),
            _ => {}
        }
        self.deliver(&id, || protocol::event(method, params));
    }

    fn request(&mut self, id: Id, method: &str, params: &RawValue) {
        let key = Key {
            generation: self.generation,
            id,
        };
        let request = Request::read(method, params);
        let threads = self.threads.of(&request.thread);
        let setting = threads
            .first()
            .map(|thread| thread.setting(&request))
            .unwrap_or_default();
        self.approvals.arrive(key, request, setting);
    }

    fn oversized(&mut self) {
        for thread in self.threads.all() {
            thread.deliver(Event::Gap { missed: 1 });
        }
    }

    fn closed(&mut self, death: Arc<Death>) {
        let generation = self.generation;
        self.approvals.settle(&Outcome::ServerDied, |entry| {
            entry.key.generation == generation
        });
        for thread in self.threads.all() {
            thread.deliver(Event::Disconnected(Arc::clone(&death)));
        }
        let _ = self.deaths.send(death);
    }
}

impl ThreadRouter {
    fn resolved(&mut self, params: &RawValue) {
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

    fn turn_ended(&mut self, thread: &str, params: &RawValue) {
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
