//! What a client counted. Cheap enough to be always on.
//!
//! Numbers to read and nothing to subscribe to: what happens, and how long it takes, is in the `tracing`
//! events and in [`Event`](crate::Event)s.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of a client since it was connected, over all generations of its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Lines read from the server.
    pub lines: u64,
    /// Lines that were no frame and were dropped.
    pub malformed: u64,
    /// Lines over the limit of a line.
    pub oversized: u64,
    /// Events that were left out for subscribers that were too slow.
    pub missed: u64,
    /// Restarts of the server that succeeded.
    pub restarts: u64,
    /// Calls that wait for their answer now.
    pub pending_calls: usize,
    /// Questions that people are asked now.
    pub open_questions: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) lines: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) oversized: AtomicU64,
    pub(crate) missed: AtomicU64,
    pub(crate) restarts: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Metrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Metrics {
            lines: read(&self.lines),
            malformed: read(&self.malformed),
            oversized: read(&self.oversized),
            missed: read(&self.missed),
            restarts: read(&self.restarts),
            pending_calls: 0,
            open_questions: 0,
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
