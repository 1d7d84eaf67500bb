//! What a person sees of a thread: bounded, paged, patched.
//!
//! A [`Transcript`] takes a thread's events in their order ([`Transcript::apply`]) and pages of its
//! history ([`Transcript::load_snapshot`], [`Transcript::prepend_page`]), and holds rows. Every change has a
//! revision, so any number of watchers can each remember one and ask for what changed since.
//!
//! It is a pure machine: no I/O, no clock; times come with events. It is here and not in the app,
//! because what FACTS sections 7 to 9 say about missing, late and repeated events has to be made good
//! once, next to the events. Deliberately not here: words for people, HTML, tokens, the thread's
//! status, and the threads of sub-agents, whose events must not be fed to it.
//!
//! # What it promises
//! - At a turn's end every row of it is closed with what it has (invariant I5). What completes later,
//!   such as a command that runs on, still updates its row.
//! - It holds at most [`Limits`] (invariant I7): the oldest turns leave first, whole. When the newest turn
//!   alone is over a limit, its oldest rows leave. Long texts keep their beginning and end.
//! - Made anew from the history and fed the events since, it holds the same rows as one that was fed all
//!   events (invariant I6), except for what the server keeps no record of: plans, words and work that
//!   never completed, attempts, warnings and other notes that are no items, lost connections. Those that
//!   a transcript has, it keeps when a snapshot is loaded into it. Work that overlapped in time stands in
//!   the order in which the server lists it.

mod apply;
mod content;
mod history;
mod items;
mod row;
#[cfg(test)]
mod tests;
mod text;
mod window;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

pub use history::{HistoryPage, HistoryTurn};
pub use row::{FileRow, Note, Row, RowKey, RowKind, RowStatus, Trouble, Turn, TurnState, item_key};
pub use text::{Cut, Text};

use crate::event::TurnId;
use crate::item::ItemId;
use row::Slot;

/// How much a transcript holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows.
    pub rows: usize,
    /// Bytes of content, with a flat amount for each row. A single row may be up to about 2 MiB and is
    /// held in any case.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rows: 2_000,
            bytes: 32 << 20,
        }
    }
}

/// How many times its limits a transcript may hold after earlier pages were put before it.
const PAGED: usize = 10;
/// How many removed rows are remembered for watchers.
const REMOVED: usize = 1024;
/// How many turns that left are remembered, so that late events do not bring them back in part.
const GONE: usize = 64;
/// Where the ordinals of messages on their way begin: after all others.
const PENDING: i32 = 1 << 30;

/// What lies before the first row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// Nothing.
    Nothing,
    /// More, on the server.
    More,
    /// More, and it is being fetched.
    Loading,
}

/// What a person sees of a thread.
#[derive(Debug, Clone)]
pub struct Transcript {
    limits: Limits,
    rows: BTreeMap<i32, Row>,
    index: HashMap<(TurnId, Slot), i32>,
    /// Ordinals of rows that are open.
    open: BTreeSet<i32>,
    /// How many rows are messages on their way.
    pending: usize,
    turns: VecDeque<Turn>,
    gone: VecDeque<TurnId>,
    /// Items that wait for the person.
    waiting: HashSet<ItemId>,
    /// The row of an attempt that is tried again.
    retry: Option<i32>,
    bytes: usize,
    /// The ordinals to give next: at the end, before the beginning, and to messages on their way.
    next: i32,
    first: i32,
    next_pending: i32,
    /// Numbers for [`Slot::Once`].
    once: u64,
    earlier: Earlier,
    earlier_at: u64,
    revision: u64,
    /// Watchers that know less than this revision have to start over.
    horizon: u64,
    removed: VecDeque<(u64, RowKey)>,
    /// Pages that were asked for are in it, so it may hold more.
    paged: bool,
    /// How many rows left at the front.
    dropped: u64,
}

/// What changed since a revision. To apply: first take away `removed`, then put in `rows`.
#[derive(Debug)]
pub struct Changes<'a> {
    /// Forget everything; the rest is all there is.
    pub reset: bool,
    /// Turns that are new or changed.
    pub turns: Vec<&'a Turn>,
    /// Rows that are new or changed, by ascending ordinal.
    pub rows: Vec<&'a Row>,
    /// Rows that are gone. May name some that the watcher never saw.
    pub removed: Vec<RowKey>,
    /// What lies before the first row, if that changed.
    pub earlier: Option<Earlier>,
}

impl Changes<'_> {
    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        !self.reset
            && self.turns.is_empty()
            && self.rows.is_empty()
            && self.removed.is_empty()
            && self.earlier.is_none()
    }
}

impl Transcript {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits: Limits {
                rows: limits.rows.max(1),
                bytes: limits.bytes,
            },
            rows: BTreeMap::new(),
            index: HashMap::new(),
            open: BTreeSet::new(),
            pending: 0,
            turns: VecDeque::new(),
            gone: VecDeque::new(),
            waiting: HashSet::new(),
            retry: None,
            bytes: 0,
            next: 0,
            first: -1,
            next_pending: PENDING,
            once: 0,
            earlier: Earlier::Nothing,
            earlier_at: 0,
            revision: 1,
            horizon: 1,
            removed: VecDeque::new(),
            paged: false,
            dropped: 0,
        }
    }

    /// The rows, first to last.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.rows.values()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// There is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// About how many bytes the rows hold.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The row of an item.
    pub fn item(&self, turn: &TurnId, item: &ItemId) -> Option<&Row> {
        self.rows
            .get(self.index.get(&(turn.clone(), Slot::Item(item.clone())))?)
    }

    /// The turns that have rows here, and the running one, first to last.
    pub fn turns(&self) -> impl DoubleEndedIterator<Item = &Turn> {
        self.turns.iter()
    }

    /// The running turn.
    pub fn running(&self) -> Option<&Turn> {
        self.turns
            .iter()
            .rev()
            .find(|turn| turn.state == TurnState::Running)
    }

    /// What lies before the first row.
    pub fn earlier(&self) -> Earlier {
        self.earlier
    }

    /// Says that the page before the first row is being fetched, or no longer is because that failed.
    /// Nothing happens when there is none.
    pub fn set_loading(&mut self, loading: bool) {
        match (self.earlier, loading) {
            (Earlier::More, true) => self.set_earlier(Earlier::Loading),
            (Earlier::Loading, false) => self.set_earlier(Earlier::More),
            _ => {}
        }
    }

    /// How many rows left at the front so far. When it is another than when a cursor into the history was
    /// taken, the rows before the first one now lie after that cursor: page from the end again.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Counts every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What changed since a revision that [`revision`](Self::revision) returned; 0 for a watcher that
    /// knows nothing yet. Looks at each row's number, and at no row's content.
    pub fn changes_since(&self, revision: u64) -> Changes<'_> {
        let removed = self.removed.partition_point(|(at, _)| *at <= revision);
        let removed: Vec<RowKey> = self
            .removed
            .range(removed..)
            .map(|(_, key)| key.clone())
            .collect();
        let came_back = !removed.is_empty() && {
            let removed: HashSet<&RowKey> = removed.iter().collect();
            self.rows.values().any(|row| removed.contains(&row.key))
        };
        if revision < self.horizon || revision > self.revision || came_back {
            return Changes {
                reset: true,
                turns: self.turns.iter().collect(),
                rows: self.rows.values().collect(),
                removed: Vec::new(),
                earlier: Some(self.earlier),
            };
        }
        Changes {
            reset: false,
            turns: self
                .turns
                .iter()
                .filter(|turn| turn.changed_at > revision)
                .collect(),
            rows: self
                .rows
                .values()
                .filter(|row| row.changed_at > revision)
                .collect(),
            removed,
            earlier: (self.earlier_at > revision).then_some(self.earlier),
        }
    }

    /// Puts up a message that is on its way to the server. Its row goes when the message arrives as an
    /// item, or on [`fail_pending`](Self::fail_pending).
    pub fn add_pending_user(&mut self, client_id: &str, text: &str, now_ms: i64) {
        let arrived = self.rows.values().rev().any(
            |row| matches!(&row.kind, RowKind::User { client_id: Some(id), .. } if id == client_id),
        );
        if arrived {
            return;
        }
        let turn = self
            .running()
            .map_or_else(|| "".into(), |turn| turn.id.clone());
        let ordinal = self.next_pending;
        self.next_pending = self.next_pending.saturating_add(1);
        self.put(Row {
            key: RowKey::from(""),
            ordinal,
            turn,
            at_ms: Some(now_ms),
            kind: RowKind::User {
                pending: true,
                client_id: Some(client_id.to_owned()),
            },
            text: prose(text),
            changed_at: 0,
            slot: Slot::Pending(client_id.into()),
            parts: Vec::new(),
        });
        self.trim();
    }

    /// Takes away a message that did not reach the server, and returns its text.
    pub fn fail_pending(&mut self, client_id: &str) -> Option<String> {
        let (&ordinal, row) = self
            .rows
            .range(PENDING..)
            .find(|(_, row)| is_pending(row, client_id))?;
        let text = row.text.as_str().to_owned();
        self.remove(ordinal);
        Some(text)
    }

    /// Says that an item waits for the person, or no longer does.
    pub fn set_waiting(&mut self, item: &ItemId, waiting: bool) {
        if waiting {
            self.waiting.insert(item.clone());
        } else {
            self.waiting.remove(item);
        }
        let (from, to) = match waiting {
            true => (RowStatus::Running, RowStatus::WaitsForYou),
            false => (RowStatus::WaitsForYou, RowStatus::Running),
        };
        let found = self.open.iter().rev().copied().find(|ordinal| {
            self.rows.get(ordinal).is_some_and(|row| {
                matches!(&row.slot, Slot::Item(id) if id == item) && row.status() == Some(from)
            })
        });
        if let Some(ordinal) = found {
            self.edit(ordinal, |row| row.kind.set_status(to));
        }
    }

    /// Lets go of the pages that were put before the window, down to the limits. For when nobody looks
    /// at them any more.
    pub fn forget_paged(&mut self) {
        self.paged = false;
        self.trim();
    }
}

fn prose(text: &str) -> Text {
    let mut out = Text::new(content::PROSE);
    out.push(text);
    out
}

fn is_pending(row: &Row, client_id: &str) -> bool {
    matches!(&row.slot, Slot::Pending(id) if **id == *client_id)
}
