//! The ledger: every question that was asked, who answered it, and what came of it, kept in a database.
//!
//! Asking and answering never wait for it: they put rows into a queue, and one thread of the ledger's own appends
//! them. Rows are only ever appended; retention takes out whole questions, and the database refuses anything else.
//! A disk that fails costs nothing but memory until it works again.
//!
//! Reading opens the database for each call and may take some tenths of a second on a large one: not for a thread
//! that draws or polls. What was recorded a moment ago is found once [`Happened::Changed`] was said.
//!
//! Deliberately not here: what a person fills in. [`NewEntry`] has no place for it.

mod database;
mod entry;
mod error;
mod export;
mod queue;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_contract::{
    ApprovalId, AskedBefore, ExportFormat, LedgerEntry, LedgerId, LedgerPage, LedgerQuery,
    LedgerResult, Problem, SessionId, Settled, SubjectKind,
};
use rusqlite::{OptionalExtension as _, params};

pub use entry::{ItemRef, NewEntry, end_of};
pub use error::LedgerError;
pub use search::SHORT_WORDS;
pub use writer::Happened;

use crate::clock::now_ms;
use database::{Opened, Place};
use entry::Same;
use queue::Queue;
use search::Found;
use writer::{Damage, Listener, Writer};

/// Matches are counted up to this number.
const COUNTED: u32 = 10_000;

/// Entries of a page at most.
const PAGE: u32 = 500;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// How the ledger behaves when the disk does not.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// How long to wait after a failure before the next try.
    retry: Duration,
    /// Bytes of memory for what cannot be written.
    memory: usize,
}

const LIMITS: Limits = Limits {
    retry: Duration::from_secs(5),
    memory: 64 << 20,
};

/// The ledger. Clones are the same one; the last one to go waits for what is being written.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    queue: Arc<Queue>,
    listener: Arc<Listener>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Ledger {
    /// Opens the ledger in `folder`; makes it if there is none.
    ///
    /// It always opens. A damaged database, or one that is not a ledger, is renamed to `ledger.set-aside-1.db` (or
    /// the next free number) and a new one made. One of a newer version stays as it is: it can be read, and nothing
    /// is recorded. One that cannot be written is tried again every few seconds. The problems say so, and what to do.
    ///
    /// It blocks for some milliseconds.
    pub fn open(folder: &Path) -> (Self, Vec<Problem>) {
        Self::open_with(folder, LIMITS)
    }

    fn open_with(folder: &Path, limits: Limits) -> (Self, Vec<Problem>) {
        let place = Place::new(folder);
        let queue = Arc::new(Queue::new(limits.memory));
        let listener = Arc::new(Listener::default());
        let mut problems = Vec::new();
        let mut connection = None;
        let mut failing = false;
        match place.open() {
            Ok((opened, problem)) => {
                problems.extend(problem);
                match opened {
                    Opened::Ready {
                        connection: ready,
                        next,
                    } => {
                        queue.start_at(next);
                        connection = Some(ready);
                    }
                    Opened::Newer(version) => {
                        queue.set_read_only();
                        problems.push(error::newer(&place.file, version));
                    }
                }
            }
            Err(error) => {
                failing = true;
                problems.push(error.not_written());
            }
        }
        let writer = Writer {
            place: place.clone(),
            queue: Arc::clone(&queue),
            listener: Arc::clone(&listener),
            retry: limits.retry,
            connection,
            failing,
            damage: Damage::None,
        };
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer.run());
        let thread = match thread {
            Ok(thread) => Some(thread),
            Err(source) => {
                queue.set_read_only();
                let path = place.file.clone();
                problems.push(LedgerError::File { path, source }.not_written());
                None
            }
        };
        let inner = Inner {
            place,
            queue,
            listener,
            writer: Mutex::new(thread),
        };
        let inner = Arc::new(inner);
        (Self { inner }, problems)
    }

    /// Tells what happens to the ledger from now on, and what happened before and nobody heard. It is called on the
    /// ledger's thread, one call after the other, and holds up the writing meanwhile; so it must neither flush nor
    /// listen. A second listener replaces the first.
    pub fn listen(&self, listener: impl Fn(Happened) + Send + 'static) {
        self.inner.listener.set(Box::new(listener));
    }

    /// Records a question. Never waits. The entry has the id that is returned, also when it is written later, or
    /// never, because the disk fails for so long that memory runs out (then that is said).
    pub fn record(&self, entry: NewEntry) -> LedgerId {
        self.inner.queue.record(entry)
    }

    /// Records how a question was settled: the newest of that id that was recorded since the start. Never waits. Only
    /// the first call for a question counts; `false`: it is settled, or was not recorded.
    pub fn settled(&self, approval: &ApprovalId, settled: Settled) -> bool {
        self.inner.queue.settled(approval, settled)
    }

    /// Records what came of an item: for every question that was recorded about it since the start and has no
    /// result. Never waits.
    pub fn result(&self, session: &SessionId, item: &ItemRef, result: &LedgerResult) {
        self.inner.queue.result(session, item, result);
    }

    /// Takes out what was settled more than `days` ago, in the background; `None`: nothing, ever. Open questions
    /// stay. To be called at the start, once a day, and when the setting changes.
    pub fn retain(&self, days: Option<u32>) {
        if let Some(days) = days {
            self.inner.queue.retain(now_ms() - i64::from(days) * DAY);
        }
    }

    /// Waits until everything that was recorded before is on disk, at most for `at_most`, and at once when it cannot
    /// be written. How many questions are not on disk: to be called when the app quits.
    pub fn flush(&self, at_most: Duration) -> usize {
        self.inner.queue.flush(at_most)
    }

    /// A page of what matches, newest first, from before an entry on. At most 500 entries.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn search(
        &self,
        query: &LedgerQuery,
        before: Option<LedgerId>,
        limit: u32,
    ) -> Result<LedgerPage, LedgerError> {
        let limit = limit.clamp(1, PAGE);
        let failed = self.inner.place.database();
        let mut connection = self.inner.place.reader()?;
        let snapshot = connection.transaction().map_err(&failed)?;
        let ids = |before, limit| match Found::new(&snapshot, query, before)? {
            Some(found) => found.ids(&snapshot, limit),
            None => Ok(Vec::new()),
        };
        let counted: Vec<_> = ids(None, COUNTED).map_err(&failed)?;
        let total = counted.len() as u32;
        let page = match before {
            None => counted,
            Some(_) => ids(before, limit + 1).map_err(&failed)?,
        };
        let more = page.len() > limit as usize;
        let entries = page
            .into_iter()
            .take(limit as usize)
            .map(|id| rows::entry(&snapshot, id))
            .collect::<Result<_, _>>()
            .map_err(&failed)?;
        Ok(LedgerPage {
            entries,
            more,
            total,
        })
    }

    /// The newest `limit` entries that match, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn recent(&self, limit: u32, query: &LedgerQuery) -> Result<Vec<LedgerEntry>, LedgerError> {
        let failed = self.inner.place.database();
        let mut connection = self.inner.place.reader()?;
        let snapshot = connection.transaction().map_err(&failed)?;
        let Some(found) = Found::new(&snapshot, query, None).map_err(&failed)? else {
            return Ok(Vec::new());
        };
        found
            .ids(&snapshot, limit)
            .map_err(&failed)?
            .into_iter()
            .map(|id| rows::entry(&snapshot, id).map_err(&failed))
            .collect()
    }

    /// What was asked before in this session and looks the same: is of the same kind and has exactly the same
    /// detail. To be called before the question itself is recorded. It reads the disk, for less than a millisecond
    /// unless that is slow; when the database cannot be read, only what waits to be written is known.
    pub fn same_before(
        &self,
        session: &SessionId,
        subject: SubjectKind,
        detail: &str,
    ) -> Option<AskedBefore> {
        let same = Same::of(session, subject, detail);
        let queued = self.inner.queue.same(same);
        let (mut times, mut last) = match self.kept(same, &queued.asked) {
            Ok(kept) => kept,
            Err(error) => {
                tracing::debug!(error = crate::error::chain(&error), "the ledger failed");
                (0, None)
            }
        };
        times += queued.asked.len() as u32;
        if let Some((id, asked_at)) = queued.asked.last() {
            last = Some((*id, *asked_at, None));
        }
        let (id, last_at, outcome) = last?;
        Some(AskedBefore {
            times,
            last_at,
            last: outcome.or_else(|| queued.settled.get(&id).cloned()),
        })
    }

    /// How many of the same are in the database besides those that are in the queue, and the newest of them.
    fn kept(
        &self,
        same: Same,
        queued: &[(LedgerId, i64)],
    ) -> Result<(u32, Option<Kept>), LedgerError> {
        let failed = self.inner.place.database();
        let mut connection = self.inner.place.reader()?;
        let snapshot = connection.transaction().map_err(&failed)?;
        // What is in the queue is newer than all that was written when it was looked at.
        let below = queued.first().map_or(LedgerId::MAX, |(id, _)| *id);
        let times = snapshot
            .query_row(
                "SELECT count(*) FROM asked WHERE same = ?1 AND id < ?2",
                params![same.0, below],
                |row| row.get(0),
            )
            .map_err(&failed)?;
        let last = snapshot
            .query_row(
                "SELECT id, asked_at, outcome FROM asked LEFT JOIN settled USING (id)
                 WHERE same = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1",
                params![same.0, below],
                |row| {
                    let outcome: Option<String> = row.get(2)?;
                    let outcome = outcome.map(|text| rows::outcome_of(2, &text)).transpose()?;
                    Ok((row.get(0)?, row.get(1)?, outcome))
                },
            )
            .optional()
            .map_err(&failed)?;
        Ok((times, last))
    }

    /// Writes all that matches to a file, newest first. The file appears whole or not at all; one that was there is
    /// replaced. It is readable only by the person. How many entries it has.
    ///
    /// In a table for spreadsheets, a cell that one would run as a formula begins with an apostrophe.
    ///
    /// # Errors
    /// The database cannot be read, or the file cannot be written.
    pub fn export(
        &self,
        query: &LedgerQuery,
        format: ExportFormat,
        path: &Path,
    ) -> Result<u64, LedgerError> {
        export::export(&self.inner.place, query, format, path)
    }
}

type Kept = (LedgerId, i64, Option<countersign_contract::ApprovalOutcome>);

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
        let writer = self
            .writer
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The listener may have held the last one: then this is the writer's own thread.
        if let Some(writer) = writer
            && writer.thread().id() != std::thread::current().id()
        {
            let _ = writer.join();
        }
    }
}
