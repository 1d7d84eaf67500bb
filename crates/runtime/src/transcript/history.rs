//! Pages of a thread's history: what the server kept of it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::mem;

use super::row::{Row, Slot, Trouble, Turn, TurnState};
use super::{Earlier, Limits, PENDING, RowKind, Transcript, is_pending};
use crate::event::{TurnId, TurnOutcome};
use crate::item::{Item, ItemDetail, WorkStatus};

/// A stretch of a thread's history, from `thread/turns/list` and `thread/items/list` (FACTS section 3).
#[derive(Debug, Clone, Default)]
pub struct HistoryPage {
    /// The turns that the items belong to, and the running one; in any order.
    pub turns: Vec<HistoryTurn>,
    /// The items with their turns, oldest first.
    pub items: Vec<(TurnId, Item)>,
    /// There is more before the first item.
    pub has_earlier: bool,
}

/// A turn in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryTurn {
    /// Its id.
    pub id: TurnId,
    /// How it ended. `None`: it runs.
    pub outcome: Option<TurnOutcome>,
    /// When it began, in Unix milliseconds, if recorded.
    pub started_at_ms: Option<i64>,
    /// How long it took, if recorded.
    pub duration_ms: Option<i64>,
}

type RowId = (TurnId, Slot);

impl Transcript {
    /// Starts over from the newest page of the history. Call it at the place in the stream of events at
    /// which the page arrived.
    ///
    /// What the server keeps no record of stays where it was, as long as its turn is still there: plans,
    /// words cut short, lost connections, messages on their way. Turns that the page does not have are
    /// gone, but for one that runs. Every watcher starts over.
    pub fn load_snapshot(&mut self, page: &HistoryPage) {
        self.load(page, VecDeque::new());
    }

    /// [`load_snapshot`](Self::load_snapshot) of what was missed: what lies before the page stays. When the page
    /// does not reach back to what is here, that leaves: it is to be paged in again, so that nothing is missing
    /// between.
    pub(super) fn catch_up(&mut self, page: &HistoryPage) {
        let is_in_page = |turn: &Turn| page.turns.iter().any(|other| other.id == turn.id);
        let older: VecDeque<Turn> = match self.turns.iter().position(is_in_page) {
            Some(first) if page.has_earlier => self.turns.range(..first).cloned().collect(),
            _ => VecDeque::new(),
        };
        if older.is_empty() && page.has_earlier {
            self.dropped += self.rows.len() as u64;
        }
        self.load(page, older);
        let lost: Vec<i32> = self
            .rows
            .values()
            .filter(|row| {
                matches!(
                    row.kind,
                    RowKind::Trouble(Trouble::Disconnected {
                        cut_short: true,
                        ..
                    })
                ) && self.turns.iter().any(|turn| {
                    turn.id == row.turn
                        && matches!(turn.state, TurnState::Running | TurnState::Completed)
                })
            })
            .map(|row| row.ordinal)
            .collect();
        for ordinal in lost {
            self.edit(ordinal, |row| {
                if let RowKind::Trouble(Trouble::Disconnected { cut_short, .. }) = &mut row.kind {
                    *cut_short = false;
                }
            });
        }
    }

    /// Starts over from a page and the turns before it that stay.
    fn load(&mut self, page: &HistoryPage, older: VecDeque<Turn>) {
        let mut fresh = self.of_page(page);
        let mut old = mem::take(&mut self.rows);
        let pending = old.split_off(&PENDING);
        self.keep_turns(&mut fresh);
        let stays = !older.is_empty();
        let before: HashSet<TurnId> = older.iter().map(|turn| turn.id.clone()).collect();
        for turn in older.into_iter().rev() {
            fresh.turns.retain(|other| other.id != turn.id);
            fresh.turns.push_front(turn);
        }
        let (gone, paged) = (mem::take(&mut self.gone), self.paged);

        let known: HashMap<TurnId, bool> = fresh
            .turns
            .iter()
            .map(|turn| (turn.id.clone(), turn.rows > 0))
            .collect();
        let (mut rows, mut late) = (Vec::new(), Vec::new());
        let mut after: HashMap<RowId, Vec<Row>> = HashMap::new();
        let mut anchor: Option<RowId> = None;
        for row in old.into_values() {
            let id = (row.turn.clone(), row.slot.clone());
            if fresh.index.contains_key(&id) {
                anchor = Some(id);
                continue;
            }
            if before.contains(&row.turn) {
                rows.push(row);
                continue;
            }
            match (known.get(&row.turn), &anchor) {
                // The page has nothing of the turn yet: it is the newest.
                (Some(false), _) => late.push(row),
                (None, _) if !row.turn.is_empty() => {}
                (_, Some(anchor)) => after.entry(anchor.clone()).or_default().push(row),
                (None, None) if page.has_earlier && !stays => {}
                (_, None) => rows.push(row),
            }
        }
        for row in mem::take(&mut fresh.rows).into_values() {
            let id = (row.turn.clone(), row.slot.clone());
            rows.push(row);
            rows.append(&mut after.remove(&id).unwrap_or_default());
        }
        rows.append(&mut late);

        self.start_over(fresh);
        if stays {
            (self.gone, self.paged) = (gone, paged);
        }
        for mut row in rows {
            row.ordinal = self.next;
            self.next += 1;
            if matches!(
                row.kind,
                RowKind::Trouble(Trouble::Failed { retrying: true, .. })
            ) {
                self.retry = Some(row.ordinal);
            }
            self.put(row);
        }
        let arrived: HashSet<String> = self
            .rows
            .values()
            .filter_map(client_id)
            .map(str::to_owned)
            .collect();
        for mut row in pending.into_values() {
            if self.turn_mut(&row.turn).is_none() {
                row.turn = "".into();
            }
            if !arrived.iter().any(|id| is_pending(&row, id)) {
                self.put(row);
            }
        }
        self.close_ended();
        if !stays {
            self.earlier = if page.has_earlier {
                Earlier::More
            } else {
                Earlier::Nothing
            };
        }
        self.horizon = self.tick();
        self.trim();
    }

    /// Puts the page before the first row; rows that are here already stay as they are. Returns how many
    /// rows were put in.
    ///
    /// The transcript may then hold ten times its [`Limits`], until [`forget_paged`](Self::forget_paged) or
    /// [`load_snapshot`](Self::load_snapshot). A page that does not fit into that is not kept.
    pub fn prepend_page(&mut self, page: &HistoryPage) -> usize {
        let mut fresh = self.of_page(page);
        let mut added = 0;
        self.paged = true;
        for turn in mem::take(&mut fresh.turns).into_iter().rev() {
            self.gone.retain(|id| *id != turn.id);
            if turn.rows > 0 && self.turn_mut(&turn.id).is_none() {
                let revision = self.tick();
                let mut turn = turn;
                turn.changed_at = revision;
                turn.rows = 0;
                self.turns.push_front(turn);
            }
        }
        for (_, mut row) in mem::take(&mut fresh.rows).into_iter().rev() {
            if !self
                .index
                .contains_key(&(row.turn.clone(), row.slot.clone()))
            {
                row.ordinal = self.first;
                self.first -= 1;
                added += 1;
                self.put(row);
            }
        }
        self.close_ended();
        self.set_earlier(if page.has_earlier {
            Earlier::More
        } else {
            Earlier::Nothing
        });
        self.trim();
        added
    }

    /// The page as a transcript of its own.
    fn of_page(&self, page: &HistoryPage) -> Transcript {
        let mut fresh = Transcript::new(Limits {
            rows: usize::MAX,
            bytes: usize::MAX,
        });
        fresh.waiting.clone_from(&self.waiting);
        let turns: HashMap<&TurnId, &HistoryTurn> =
            page.turns.iter().map(|turn| (&turn.id, turn)).collect();
        let finish = |fresh: &mut Transcript, id: &TurnId| {
            let turn = turns.get(id);
            if let Some(found) = fresh.turn_mut(id) {
                found.started_at_ms = turn.and_then(|turn| turn.started_at_ms);
            }
            match turn.map(|turn| (&turn.outcome, turn.duration_ms)) {
                Some((None, _)) => {}
                Some((Some(outcome), duration_ms)) => fresh.turn_ended(id, outcome, duration_ms),
                None => fresh.turn_ended(id, &TurnOutcome::Completed, None),
            }
        };
        for (index, (turn, item)) in page.items.iter().enumerate() {
            fresh.ensure_turn(turn);
            fresh.take_item(turn, item, is_final(item));
            if page
                .items
                .get(index + 1)
                .is_none_or(|(next, _)| next != turn)
            {
                finish(&mut fresh, turn);
            }
        }
        for turn in page.turns.iter().filter(|turn| turn.outcome.is_none()) {
            fresh.ensure_turn(&turn.id);
            finish(&mut fresh, &turn.id);
        }
        fresh
    }

    /// Carries over what is known better here of the turns: an end that the page has not seen, and a
    /// turn that runs and that the page does not have.
    fn keep_turns(&self, fresh: &mut Transcript) {
        for old in &self.turns {
            match fresh.turn_mut(&old.id) {
                Some(turn)
                    if turn.state == TurnState::Running
                        && old.state != TurnState::Running
                        && !old.lost =>
                {
                    (turn.state, turn.duration_ms) = (old.state, old.duration_ms);
                }
                Some(_) => {}
                None if old.state == TurnState::Running => fresh.turns.push_back(Turn {
                    rows: 0,
                    ..old.clone()
                }),
                None => {}
            }
        }
    }

    /// Empties it, but for the turns of `fresh` and what goes on counting.
    fn start_over(&mut self, fresh: Transcript) {
        let revision = self.tick();
        self.turns = fresh.turns;
        for turn in &mut self.turns {
            turn.rows = 0;
            turn.changed_at = revision;
        }
        self.index.clear();
        self.open.clear();
        self.gone.clear();
        self.removed.clear();
        self.retry = None;
        (self.pending, self.bytes, self.paged) = (0, 0, false);
        (self.next, self.first) = (0, -1);
    }

    /// Closes rows that are open though their turn is over.
    fn close_ended(&mut self) {
        let ended: Vec<i32> = self
            .open
            .iter()
            .copied()
            .filter(|ordinal| {
                let turn = self.rows.get(ordinal).map(|row| &row.turn);
                !self
                    .turns
                    .iter()
                    .any(|other| Some(&other.id) == turn && other.state == TurnState::Running)
            })
            .collect();
        for ordinal in ended {
            self.close_row(ordinal);
        }
        if let Some(turn) = self
            .retry
            .and_then(|ordinal| self.rows.get(&ordinal))
            .map(|row| row.turn.clone())
            && self
                .turns
                .iter()
                .any(|other| other.id == turn && other.state != TurnState::Running)
        {
            self.drop_retry(&turn);
        }
    }
}

/// Listed items are final but for work under way (FACTS section 7).
fn is_final(item: &Item) -> bool {
    let status = match &item.detail {
        ItemDetail::Command(command) => command.status,
        ItemDetail::Tool(tool) => tool.status,
        ItemDetail::FileChange { status, .. } => *status,
        _ => WorkStatus::Completed,
    };
    status != WorkStatus::InProgress
}

fn client_id(row: &Row) -> Option<&str> {
    match &row.kind {
        RowKind::User { client_id, .. } => client_id.as_deref(),
        _ => None,
    }
}
