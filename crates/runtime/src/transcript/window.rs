//! The rows of a transcript and the books about them: every change of a row goes through here.

use super::row::{Row, RowKey, Slot, Turn, TurnState};
use super::text::Text;
use super::{Earlier, GONE, PAGED, PENDING, REMOVED, RowKind, Transcript};
use crate::event::TurnId;

impl Transcript {
    pub(super) fn tick(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    pub(super) fn set_earlier(&mut self, earlier: Earlier) {
        if self.earlier != earlier {
            self.earlier = earlier;
            self.earlier_at = self.tick();
        }
    }

    /// Puts in a row at its ordinal, which is free.
    pub(super) fn put(&mut self, mut row: Row) {
        row.key = row.slot.key(&row.turn);
        row.changed_at = self.tick();
        self.bytes += row.weight();
        self.pending += usize::from(row.ordinal >= PENDING);
        if row.is_open() {
            self.open.insert(row.ordinal);
        }
        self.index
            .insert((row.turn.clone(), row.slot.clone()), row.ordinal);
        if let Some(turn) = self.turn_mut(&row.turn) {
            turn.rows += 1;
        }
        self.rows.insert(row.ordinal, row);
    }

    /// Appends a row, and returns its ordinal.
    pub(super) fn append(
        &mut self,
        turn: &TurnId,
        slot: Slot,
        at_ms: Option<i64>,
        kind: RowKind,
        text: Text,
    ) -> i32 {
        let ordinal = self.next;
        self.next += 1;
        let (key, parts) = (RowKey::from(""), Vec::new());
        self.put(Row {
            key,
            ordinal,
            turn: turn.clone(),
            at_ms,
            kind,
            text,
            changed_at: 0,
            slot,
            parts,
        });
        ordinal
    }

    /// Changes a row.
    pub(super) fn edit(&mut self, ordinal: i32, change: impl FnOnce(&mut Row)) {
        let Some(row) = self.rows.get_mut(&ordinal) else {
            return;
        };
        let (weight, open) = (row.weight(), row.is_open());
        change(row);
        self.revision += 1;
        row.changed_at = self.revision;
        self.bytes = self.bytes - weight + row.weight();
        match (open, row.is_open()) {
            (false, true) => self.open.insert(ordinal),
            (true, false) => self.open.remove(&ordinal),
            _ => false,
        };
    }

    /// Takes away a row.
    pub(super) fn remove(&mut self, ordinal: i32) -> Option<Row> {
        let row = self.rows.remove(&ordinal)?;
        self.bytes -= row.weight();
        self.pending -= usize::from(ordinal >= PENDING);
        self.open.remove(&ordinal);
        self.index.remove(&(row.turn.clone(), row.slot.clone()));
        if self.retry == Some(ordinal) {
            self.retry = None;
        }
        if let Some(turn) = self.turn_mut(&row.turn) {
            turn.rows -= 1;
        }
        let at = self.tick();
        self.removed.push_back((at, row.key.clone()));
        while self.removed.len() > REMOVED {
            if let Some((at, _)) = self.removed.pop_front() {
                self.horizon = self.horizon.max(at);
            }
        }
        Some(row)
    }

    /// Holds the limits: the oldest turns leave.
    pub(super) fn trim(&mut self) {
        let times = if self.paged { PAGED } else { 1 };
        let (rows, bytes) = (
            self.limits.rows.saturating_mul(times),
            self.limits.bytes.saturating_mul(times),
        );
        while self.rows.len() - self.pending > 1
            && (self.rows.len() - self.pending > rows || self.bytes > bytes)
        {
            let settled = self.rows.range(..PENDING);
            let (Some((&ordinal, first)), Some((_, last))) =
                (settled.clone().next(), settled.clone().next_back())
            else {
                break;
            };
            let turn = first.turn.clone();
            if turn == last.turn {
                self.remove(ordinal);
                self.dropped += 1;
            } else {
                let run: Vec<i32> = settled
                    .take_while(|(_, row)| row.turn == turn)
                    .map(|(&ordinal, _)| ordinal)
                    .collect();
                for ordinal in run {
                    self.remove(ordinal);
                    self.dropped += 1;
                }
            }
            if self.earlier == Earlier::Nothing {
                self.set_earlier(Earlier::More);
            }
        }
        self.let_turns_go();
    }

    /// Forgets turns at the front that have no rows left.
    pub(super) fn let_turns_go(&mut self) {
        while self.turns.len() > 1
            && let Some(turn) = self.turns.front()
            && turn.rows == 0
            && turn.state != TurnState::Running
            && let Some(turn) = self.turns.pop_front()
        {
            self.gone.push_back(turn.id);
            if self.gone.len() > GONE {
                self.gone.pop_front();
            }
        }
    }

    pub(super) fn turn_mut(&mut self, id: &TurnId) -> Option<&mut Turn> {
        let newest = self.turns.len().checked_sub(1)?;
        if self.turns[newest].id == *id {
            return self.turns.get_mut(newest);
        }
        self.turns.iter_mut().find(|turn| turn.id == *id)
    }
}
