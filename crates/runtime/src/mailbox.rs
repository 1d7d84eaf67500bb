//! A subscriber's queue of events: ordered, bounded, and never in the reader's way.
//!
//! The reader puts events in without waiting (invariant I1). A subscriber that keeps up gets each
//! as it came. One that falls behind gets deltas of the same part of the same item joined, which
//! loses nothing (invariant I5). One that falls behind by more than the bound gets an
//! [`Event::Gap`] in place of what does not fit; the ends of turns, deaths and resumes are kept even then, so
//! nobody waits for something that already happened.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::event::{Delta, Event, ThreadId};
use crate::metrics::{self, Counters};

/// Events in the queue from which on deltas are joined.
const JOIN_FROM: usize = 256;
/// Content in the queue, in bytes, at which events are left out.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Events in the queue at which events are left out.
const MAX_EVENTS: usize = 65_536;

/// Receives a thread's events from the moment it was made. Dropping it ends the subscription.
pub struct Subscription {
    shared: Arc<Shared>,
    /// Taken out of the queue and not given out yet.
    taken: VecDeque<Event>,
}

/// The sending end. Events sent after the subscription was dropped go nowhere.
#[derive(Clone)]
pub(crate) struct Mailbox {
    shared: Weak<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    bytes: usize,
    closed: bool,
    counters: Arc<Counters>,
}

pub(crate) fn mailbox(counters: Arc<Counters>) -> (Mailbox, Subscription) {
    let shared = Arc::new(Shared {
        queue: Mutex::new(Queue {
            counters,
            ..Queue::default()
        }),
        arrived: Notify::new(),
    });
    let mailbox = Mailbox {
        shared: Arc::downgrade(&shared),
    };
    (
        mailbox,
        Subscription {
            shared,
            taken: VecDeque::new(),
        },
    )
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    /// Puts an event in. False when nobody will ever take it out.
    pub(crate) fn push(&self, event: Event) -> bool {
        let Some(shared) = self.shared.upgrade() else {
            return false;
        };
        let was_empty = {
            let mut queue = shared.lock();
            let was_empty = queue.events.is_empty();
            queue.push(event);
            was_empty
        };
        if was_empty {
            shared.arrived.notify_one();
        }
        true
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.shared.strong_count() == 0
    }

    /// No more events will come; what is queued is still given out.
    pub(crate) fn close(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.lock().closed = true;
            shared.arrived.notify_one();
        }
    }
}

impl Queue {
    fn push(&mut self, event: Event) {
        self.bytes += event.weight();
        if let Some((thread, delta)) = delta_of(&event)
            && self.events.len() >= JOIN_FROM
            && let Some((last_thread, last)) = self.events.back_mut().and_then(delta_of_mut)
            && last_thread == thread
            && (&last.item, last.part, &last.turn) == (&delta.item, delta.part, &delta.turn)
        {
            last.text.push_str(&delta.text);
            if self.bytes > MAX_BYTES {
                self.leave_out();
            }
            return;
        }
        self.events.push_back(event);
        if self.bytes > MAX_BYTES || self.events.len() > MAX_EVENTS {
            self.leave_out();
        }
    }

    fn leave_out(&mut self) {
        let before = self.events.len();
        let mut missed = 0;
        let mut gaps = 0;
        let mut kept = VecDeque::new();
        for event in self.events.drain(..) {
            match event {
                Event::Gap { missed: earlier } => {
                    missed += earlier;
                    gaps += 1;
                }
                event if is_kept(&event) => kept.push_back(event),
                _ => {}
            }
        }
        let now = (before - kept.len() - gaps) as u64;
        metrics::add(&self.counters.missed, now);
        missed += now;
        kept.push_front(Event::Gap { missed });
        self.events = kept;
        self.bytes = 0;
        tracing::warn!(missed, "a subscriber is too slow: events were left out");
    }
}

/// A delta, and whose it is when it is an agent's.
fn delta_of(event: &Event) -> Option<(Option<&ThreadId>, &Delta)> {
    match event {
        Event::Delta(delta) => Some((None, delta)),
        Event::OfAgent { thread, event } => match &**event {
            Event::Delta(delta) => Some((Some(thread), delta)),
            _ => None,
        },
        _ => None,
    }
}

fn delta_of_mut(event: &mut Event) -> Option<(Option<&ThreadId>, &mut Delta)> {
    match event {
        Event::Delta(delta) => Some((None, delta)),
        Event::OfAgent { thread, event } => match &mut **event {
            Event::Delta(delta) => Some((Some(thread), delta)),
            _ => None,
        },
        _ => None,
    }
}

/// Somebody may wait for it.
fn is_kept(event: &Event) -> bool {
    match event {
        Event::TurnStarted { .. }
        | Event::TurnCompleted { .. }
        | Event::Disconnected(_)
        | Event::Resumed { .. }
        | Event::CaughtUp { .. }
        | Event::ResumeFailed { .. }
        | Event::Closed { .. } => true,
        Event::OfAgent { event, .. } => is_kept(event),
        _ => false,
    }
}

impl Subscription {
    /// The next event; `None` once the client is shut down. Cancel safe.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.taken.pop_front() {
                return Some(event);
            }
            {
                let mut queue = self.shared.lock();
                if !queue.events.is_empty() {
                    std::mem::swap(&mut queue.events, &mut self.taken);
                    queue.bytes = 0;
                    continue;
                }
                if queue.closed {
                    return None;
                }
            }
            self.shared.arrived.notified().await;
        }
    }

    /// An event that is there already, without waiting.
    pub fn try_recv(&mut self) -> Option<Event> {
        if self.taken.is_empty() {
            let mut queue = self.shared.lock();
            std::mem::swap(&mut queue.events, &mut self.taken);
            queue.bytes = 0;
        }
        self.taken.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::DeltaPart;

    fn delta(item: &str, text: &str) -> Event {
        Event::Delta(Delta {
            turn: "u".into(),
            item: item.into(),
            part: DeltaPart::AgentMessage,
            text: text.into(),
        })
    }

    #[tokio::test]
    async fn a_slow_subscriber_gets_joined_deltas_and_every_byte() {
        let (mailbox, mut subscription) = mailbox(Arc::default());
        let mut wanted = String::new();
        for i in 0..10_000 {
            let text = format!("{i} ");
            wanted.push_str(&text);
            assert!(mailbox.push(delta("a", &text)));
        }
        mailbox.push(delta("b", "other"));
        mailbox.close();
        let (mut found, mut events) = (String::new(), 0);
        while let Some(Event::Delta(delta)) = subscription.recv().await {
            if &*delta.item == "a" {
                found.push_str(&delta.text);
            }
            events += 1;
        }
        assert_eq!(found, wanted);
        assert!(events <= JOIN_FROM + 2, "{events} events for 10,001 deltas");
    }

    #[tokio::test]
    async fn deltas_of_an_agent_are_joined_with_those_of_the_same_thread_only() {
        let (mailbox, mut subscription) = mailbox(Arc::default());
        let of = |thread: &str, text: &str| Event::OfAgent {
            thread: thread.into(),
            event: Box::new(delta("a", text)),
        };
        for _ in 0..JOIN_FROM {
            mailbox.push(delta("before", "x"));
            mailbox.push(Event::Reverted);
        }
        for event in [of("c", "1"), of("c", "2"), of("d", "3"), delta("a", "4")] {
            mailbox.push(event);
        }
        mailbox.close();
        let mut found = Vec::new();
        while let Some(event) = subscription.recv().await {
            if let Some((thread, delta)) = delta_of(&event)
                && &*delta.item == "a"
            {
                found.push((thread.map(ToString::to_string), delta.text.clone()));
            }
        }
        let of = |thread: &str, text: &str| (Some(thread.to_owned()), text.to_owned());
        assert_eq!(found, [of("c", "12"), of("d", "3"), (None, "4".to_owned())]);
    }

    #[tokio::test]
    async fn what_does_not_fit_is_a_gap_that_keeps_the_end_of_the_turn() {
        let (mailbox, mut subscription) = mailbox(Arc::default());
        mailbox.push(Event::TurnCompleted {
            turn: "u".into(),
            outcome: crate::event::TurnOutcome::Completed,
            duration_ms: None,
        });
        for i in 0..=MAX_EVENTS {
            mailbox.push(delta(if i % 2 == 0 { "a" } else { "b" }, "x"));
        }
        assert!(
            matches!(subscription.recv().await, Some(Event::Gap { missed }) if missed > 60_000)
        );
        assert!(matches!(
            subscription.recv().await,
            Some(Event::TurnCompleted { .. })
        ));
    }

    #[tokio::test]
    async fn large_items_count_as_much_as_text() {
        let (mailbox, mut subscription) = mailbox(Arc::default());
        let item = |id: usize| Event::ItemCompleted {
            turn: "u".into(),
            item: crate::item::Item {
                id: id.to_string().into(),
                started_at_ms: None,
                completed_at_ms: None,
                detail: crate::item::ItemDetail::AgentMessage {
                    text: "x".repeat(1 << 20),
                },
            },
        };
        for id in 0..200 {
            mailbox.push(item(id));
            // The first may be the gap.
            let queued = mailbox.shared.upgrade().unwrap().lock().events.len() - 1;
            assert!(queued <= MAX_BYTES >> 20, "{queued} MiB are queued");
        }
        assert!(matches!(subscription.recv().await, Some(Event::Gap { missed }) if missed > 100));
        assert!(matches!(
            subscription.recv().await,
            Some(Event::ItemCompleted { .. })
        ));
    }

    #[tokio::test]
    async fn a_dropped_subscription_takes_nothing() {
        let (mailbox, subscription) = mailbox(Arc::default());
        drop(subscription);
        assert!(mailbox.is_dead());
        assert!(!mailbox.push(delta("a", "x")));
    }
}
