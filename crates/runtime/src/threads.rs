//! Which threads are open here, and to which of them the others belong.
//!
//! A thread that was never opened here and speaks is one of an agent that an open thread started: nothing
//! announces it, and who started it is only known from the server (FACTS section 7). Until that is
//! asked, what it says is held, in order.
//!
//! Deliberately not here: what is said ([`crate::routing`]), and asking the server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::value::RawValue;

use crate::event::ThreadId;
use crate::jsonrpc::Id;
use crate::thread::Thread;

/// Notifications that are held of one thread, at most.
const MAX_HELD: usize = 4_096;
/// Threads of nobody that are remembered, at most.
const MAX_STRANGERS: usize = 1_024;

/// The open threads by id, and those of the agents that they started.
#[derive(Default)]
pub(crate) struct Threads {
    inner: Mutex<Inner>,
    /// Counts changes, for those who remember what they found.
    version: AtomicU64,
}

#[derive(Default)]
struct Inner {
    /// Usually one each; more when a thread is resumed while it is open.
    open: HashMap<ThreadId, Vec<Weak<Thread>>>,
    others: HashMap<ThreadId, Whose>,
}

/// Whose a thread is that is not open here.
enum Whose {
    /// It is not known yet.
    Unknown { generation: u32, held: Vec<Held> },
    /// An agent's, which a session with this thread started, or one of its agents did.
    Agent(ThreadId),
    /// Nobody's here.
    Strangers,
}

/// What a thread said before it was known whose it is.
pub(crate) enum Held {
    Notification {
        method: String,
        params: Box<RawValue>,
    },
    Request {
        id: Id,
        method: String,
        params: Box<RawValue>,
    },
    /// As many notifications as this did not fit.
    Missed(u64),
}

/// Where what a thread says goes.
pub(crate) enum Found {
    /// To these, which have it open.
    Open(Vec<Arc<Thread>>),
    /// It is of an agent of these.
    Agent {
        session: ThreadId,
        threads: Vec<Arc<Thread>>,
    },
    /// To nobody.
    Strangers,
    /// It is not known yet.
    Unknown,
}

impl Threads {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn find(&self, id: &str) -> Found {
        self.lock().find(id)
    }

    pub(crate) fn insert(&self, thread: &Arc<Thread>) {
        let id = thread.id();
        let mut inner = self.lock();
        inner.open.retain(|_, threads| {
            threads.retain(|thread| thread.strong_count() > 0);
            !threads.is_empty()
        });
        // Who was a stranger may be an agent's of this one.
        inner
            .others
            .retain(|other, whose| *other != id && !matches!(whose, Whose::Strangers));
        inner
            .open
            .entry(id)
            .or_default()
            .push(Arc::downgrade(thread));
        self.changed();
    }

    /// A thread has another id now.
    pub(crate) fn rename(&self, old: &str, thread: &Arc<Thread>) {
        if *old != *thread.id() {
            self.lock().remove(old, thread);
            self.insert(thread);
        }
    }

    /// Lets go of a thread. What it and its agents say from now on is for nobody.
    pub(crate) fn remove(&self, thread: &Arc<Thread>) {
        let id = thread.id();
        let mut inner = self.lock();
        inner.remove(&id, thread);
        if inner.of(&id).is_empty() {
            for whose in inner.others.values_mut() {
                if matches!(whose, Whose::Agent(session) if *session == id) {
                    *whose = Whose::Strangers;
                }
            }
            inner.estrange(id);
        }
        self.changed();
    }

    /// Somebody else holds it open too.
    pub(crate) fn is_shared(&self, thread: &Arc<Thread>) -> bool {
        let others = self.lock().of(&thread.id());
        others
            .iter()
            .any(|other| !Arc::ptr_eq(other, thread) && !other.is_closed())
    }

    pub(crate) fn all(&self) -> Vec<Arc<Thread>> {
        let inner = self.lock();
        inner
            .open
            .values()
            .flatten()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// Holds what a thread says. True when nobody asked yet whose it is. Gives it back when that was found out
    /// in the meantime.
    pub(crate) fn hold(&self, id: &str, generation: u32, what: Held) -> Result<bool, Held> {
        let mut inner = self.lock();
        if !inner.of(id).is_empty() {
            return Err(what);
        }
        match inner.others.get_mut(id) {
            Some(Whose::Unknown {
                generation: found,
                held,
            }) if *found == generation => {
                hold(held, what);
                Ok(false)
            }
            Some(Whose::Agent(_) | Whose::Strangers) => Err(what),
            _ => {
                let held = vec![what];
                let whose = Whose::Unknown { generation, held };
                inner.others.insert(Arc::from(id), whose);
                Ok(true)
            }
        }
    }

    /// It is known now whose a thread is: an agent's of the session with that thread, or nobody's. What was
    /// held is given to `take`, and nothing that comes later goes before it.
    pub(crate) fn settle(
        &self,
        id: &str,
        generation: u32,
        session: Option<ThreadId>,
        mut take: impl FnMut(&Found, Held),
    ) {
        let mut inner = self.lock();
        let held = match inner.others.get_mut(id) {
            Some(Whose::Unknown {
                generation: found,
                held,
            }) if *found == generation => std::mem::take(held),
            _ => return,
        };
        match session {
            Some(session) => {
                inner.others.insert(Arc::from(id), Whose::Agent(session));
            }
            None => inner.estrange(Arc::from(id)),
        }
        let found = inner.find(id);
        for what in held {
            take(&found, what);
        }
        self.changed();
    }

    /// A connection is gone, and what it left to be found out.
    pub(crate) fn forget_unknown(&self, generation: u32) {
        self.lock().others.retain(
            |_, whose| !matches!(whose, Whose::Unknown { generation: found, .. } if *found == generation),
        );
    }
}

impl Inner {
    fn of(&self, id: &str) -> Vec<Arc<Thread>> {
        self.open
            .get(id)
            .into_iter()
            .flatten()
            .filter_map(Weak::upgrade)
            .collect()
    }

    fn find(&self, id: &str) -> Found {
        let threads = self.of(id);
        if !threads.is_empty() {
            return Found::Open(threads);
        }
        match self.others.get(id) {
            Some(Whose::Agent(session)) => Found::Agent {
                session: Arc::clone(session),
                threads: self.of(session),
            },
            Some(Whose::Strangers) => Found::Strangers,
            Some(Whose::Unknown { .. }) | None => Found::Unknown,
        }
    }

    fn remove(&mut self, id: &str, thread: &Arc<Thread>) {
        if let Some(threads) = self.open.get_mut(id) {
            threads.retain(|other| other.as_ptr() != Arc::as_ptr(thread));
        }
    }

    fn estrange(&mut self, id: ThreadId) {
        if self.others.len() >= MAX_STRANGERS {
            // Whoever speaks again is asked for again.
            self.others
                .retain(|_, whose| !matches!(whose, Whose::Strangers));
        }
        self.others.insert(id, Whose::Strangers);
    }
}

/// Requests are kept all, and so is what settles them: each is to be answered or to end. They are as few as agents
/// that wait for one.
fn hold(held: &mut Vec<Held>, what: Held) {
    let is_full = held.len() >= MAX_HELD;
    match (held.last_mut(), &what) {
        (_, Held::Notification { method, .. }) if settles_questions(method) => held.push(what),
        (Some(Held::Missed(missed)), Held::Notification { .. }) => *missed += 1,
        (_, Held::Notification { .. }) if is_full => held.push(Held::Missed(1)),
        _ => held.push(what),
    }
}

/// See [`crate::routing`].
fn settles_questions(method: &str) -> bool {
    matches!(method, "serverRequest/resolved" | "turn/completed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_and_what_settles_it_is_held_when_nothing_else_fits() {
        let params = || serde_json::value::to_raw_value(&()).unwrap();
        let said = |method: &str| Held::Notification {
            method: method.to_owned(),
            params: params(),
        };
        let threads = Threads::default();
        let hold = |what| assert!(threads.hold("C", 1, what).is_ok());
        for _ in 0..MAX_HELD + 2 {
            hold(said("item/started"));
        }
        hold(Held::Request {
            id: Id::Number(1),
            method: "item/commandExecution/requestApproval".to_owned(),
            params: params(),
        });
        hold(said("item/started"));
        hold(said("serverRequest/resolved"));
        hold(said("turn/completed"));
        let mut held = Vec::new();
        threads.settle("C", 1, None, |_, what| held.push(what));
        let rest: Vec<_> = held[MAX_HELD..]
            .iter()
            .map(|what| match what {
                Held::Notification { method, .. } | Held::Request { method, .. } => method.clone(),
                Held::Missed(missed) => missed.to_string(),
            })
            .collect();
        assert_eq!(
            rest,
            [
                "2",
                "item/commandExecution/requestApproval",
                "1",
                "serverRequest/resolved",
                "turn/completed"
            ]
        );
    }
}
