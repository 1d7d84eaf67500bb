//! What waits to be written: between those who may never wait and the thread that does.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign_contract::{
    ApprovalId, ApprovalOutcome, LedgerId, LedgerResult, Millis, SessionId, Settled,
};

use super::database::first_id;
use super::entry::{ItemRef, NewEntry, Row, Rows, Same};

/// Rows in one transaction.
const BATCH: usize = 256;

/// Questions whose item's end is waited for. Beyond it the oldest are given up: their items never ended.
const AWAITED: usize = 10_000;

/// Rows on their way to the database, in order.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is something to do.
    wake: Condvar,
    /// The writer did something.
    tried: Condvar,
    /// Bytes of rows that are kept while the database cannot be written.
    bound: usize,
}

#[derive(Debug, Default)]
struct State {
    rows: VecDeque<Arc<Row>>,
    bytes: usize,
    next: LedgerId,
    /// Nothing is recorded: the ledger is a newer version's.
    read_only: bool,
    open: HashMap<ApprovalId, LedgerId>,
    awaited: HashMap<(SessionId, ItemRef), Vec<LedgerId>>,
    awaited_order: VecDeque<(SessionId, ItemRef)>,
    /// Questions that found no room.
    lost: u64,
    /// Take out what was settled before.
    retention: Option<Millis>,
    /// Write now, also when that failed a moment ago.
    pressed: bool,
    /// How many rows came, and how many of them are in the database.
    came: u64,
    written: u64,
    /// The writer is at it.
    trying: bool,
    /// How often it failed.
    failures: u64,
    closing: bool,
}

/// What is not in the database yet.
#[derive(Debug, Default)]
pub(super) struct Queued {
    /// The questions that look the same, oldest first.
    pub(super) asked: Vec<(LedgerId, Millis)>,
    /// How questions ended, these and others.
    pub(super) settled: HashMap<LedgerId, ApprovalOutcome>,
}

/// What the writer is to do next.
pub(super) enum Work {
    /// Append these; they stay in the queue until [`Queue::written`].
    Write(Rows),
    /// Take out some of what was settled before then.
    Retain(Millis),
    /// Nobody is left who could ask for more.
    End,
}

impl Queue {
    pub(super) fn new(bound: usize) -> Self {
        let state = State {
            next: first_id(),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
            tried: Condvar::new(),
            bound,
        }
    }

    /// The database says which ids are taken.
    pub(super) fn start_at(&self, next: LedgerId) {
        self.lock().next = next;
    }

    pub(super) fn set_read_only(&self) {
        self.lock().read_only = true;
    }

    pub(super) fn record(&self, entry: NewEntry) -> LedgerId {
        let same = Same::of(&entry.session, entry.subject, &entry.detail);
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        if state.read_only {
            return id;
        }
        let approval = entry.approval.clone();
        let item = entry.item.clone().map(|item| (entry.session.clone(), item));
        let row = Row::Asked {
            id,
            same,
            entry: Box::new(entry),
        };
        if state.bytes.saturating_add(row.size()) > self.bound {
            state.lost += 1;
            drop(state);
            self.wake.notify_one();
            return id;
        }
        state.open.insert(approval, id);
        if let Some(item) = item {
            state.await_result(item, id);
        }
        state.push(row);
        drop(state);
        self.wake.notify_one();
        id
    }

    pub(super) fn settled(&self, approval: &ApprovalId, settled: Settled) -> bool {
        let mut state = self.lock();
        let Some(id) = state.open.remove(approval) else {
            return false;
        };
        state.push(Row::Settled { id, settled });
        drop(state);
        self.wake.notify_one();
        true
    }

    pub(super) fn result(&self, session: &SessionId, item: &ItemRef, result: &LedgerResult) {
        let mut state = self.lock();
        let Some(ids) = state.awaited.remove(&(session.clone(), item.clone())) else {
            return;
        };
        for id in ids {
            let result = result.clone();
            state.push(Row::Result { id, result });
        }
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn retain(&self, settled_before: Millis) {
        let mut state = self.lock();
        if state.read_only {
            return;
        }
        state.retention = Some(settled_before);
        drop(state);
        self.wake.notify_one();
    }

    /// Waits until everything is written or cannot be; how many questions are not.
    pub(super) fn flush(&self, at_most: Duration) -> usize {
        let until = Instant::now() + at_most;
        let mut state = self.lock();
        let all = state.came;
        // A try that is under way began before this and says nothing about it.
        let failed = state.failures + u64::from(state.trying);
        state.pressed = true;
        self.wake.notify_one();
        while state.written < all && state.failures <= failed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .tried
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let asked = |row: &&Arc<Row>| matches!(***row, Row::Asked { .. });
        state.rows.iter().filter(asked).count()
    }

    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.wake.notify_one();
    }

    /// What the queue knows about questions that look the same. To be asked before the database is: what is in
    /// neither then, was in neither.
    pub(super) fn same(&self, same: Same) -> Queued {
        let mut queued = Queued::default();
        for row in &self.lock().rows {
            match &**row {
                Row::Asked {
                    id,
                    same: at,
                    entry,
                } if *at == same => {
                    queued.asked.push((*id, entry.asked_at));
                }
                Row::Settled { id, settled } => {
                    queued.settled.insert(*id, settled.outcome.clone());
                }
                _ => {}
            }
        }
        queued
    }

    /// Waits for something to do. After a failure (`again`: when to try next) rows wait until then, unless somebody
    /// flushes. The second part: how many questions were lost since this was last asked.
    pub(super) fn next(&self, again: Option<Instant>) -> (Work, u64) {
        let mut state = self.lock();
        loop {
            let lost = std::mem::take(&mut state.lost);
            let now = Instant::now();
            let left = again.map_or(Duration::ZERO, |again| again.saturating_duration_since(now));
            let may = left.is_zero() || state.pressed || state.closing;
            if !state.rows.is_empty() && may {
                state.pressed = false;
                state.trying = true;
                let rows = state.rows.iter().take(BATCH).cloned().collect();
                return (Work::Write(rows), lost);
            }
            if state.rows.is_empty() {
                state.pressed = false;
            }
            if let Some(before) = state.retention
                && may
                && !state.closing
            {
                return (Work::Retain(before), lost);
            }
            if state.closing {
                return (Work::End, lost);
            }
            if lost > 0 {
                return (Work::Write(Vec::new()), lost);
            }
            let waiting = !state.rows.is_empty() || state.retention.is_some();
            state = if waiting {
                self.wake
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            } else {
                self.wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    /// So many rows from the front are in the database.
    pub(super) fn written(&self, count: usize) {
        let mut state = self.lock();
        for row in state.rows.drain(..count).collect::<Vec<_>>() {
            state.bytes -= row.size();
        }
        state.written += count as u64;
        state.trying = false;
        self.tried.notify_all();
    }

    /// A try failed. Whether it was the last one.
    pub(super) fn not_written(&self) -> bool {
        let mut state = self.lock();
        state.failures += 1;
        state.trying = false;
        self.tried.notify_all();
        state.closing
    }

    /// All that was settled before then is gone.
    pub(super) fn retained(&self, settled_before: Millis) {
        let mut state = self.lock();
        if state.retention == Some(settled_before) {
            state.retention = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, row: Row) {
        self.bytes += row.size();
        self.came += 1;
        self.rows.push_back(Arc::new(row));
    }

    fn await_result(&mut self, item: (SessionId, ItemRef), id: LedgerId) {
        self.awaited.entry(item.clone()).or_default().push(id);
        self.awaited_order.push_back(item);
        while self.awaited_order.len() > AWAITED {
            if let Some(oldest) = self.awaited_order.pop_front() {
                self.awaited.remove(&oldest);
            }
        }
    }
}
