//! What each event does to a transcript.

use std::sync::Arc;

use super::content;
use super::items::is_empty_prose;
use super::row::{Note, RowKind, Slot, Trouble, Turn, TurnState};
use super::text::{Text, capped};
use super::{PENDING, Transcript};
use crate::event::{Event, TurnFailure, TurnId, TurnOutcome};
use crate::supervisor::Death;

impl Transcript {
    /// Takes in what happened on the thread. The order is that of the server; repeated events do nothing.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::TurnStarted { turn, at_ms } => self.turn_started(turn, *at_ms),
            Event::TurnCompleted {
                turn,
                outcome,
                duration_ms,
            } => {
                self.turn_ended(turn, outcome, *duration_ms);
            }
            Event::ItemStarted { turn, item } => self.take_item(turn, item, false),
            Event::ItemCompleted { turn, item } => self.take_item(turn, item, true),
            Event::Delta(delta) => self.delta(delta),
            Event::PlanUpdated {
                turn,
                explanation,
                steps,
            } => {
                self.goes_on(turn);
                self.set(
                    turn,
                    Slot::Plan,
                    content::plan(explanation.as_deref(), steps),
                );
            }
            Event::Error {
                turn,
                failure,
                will_retry,
            } => self.failed(turn, failure, *will_retry),
            Event::Warning { message } => self.warned(message),
            Event::Reverted => self.note(Note::Reverted),
            Event::Closed { how } => self.note(Note::Closed { how }),
            Event::Gap { missed } => self.gap(*missed),
            Event::Disconnected(death) => self.disconnected(death),
            Event::Resumed { .. } => self.resumed(),
            Event::CaughtUp { page } => self.catch_up(page),
            Event::ResumeFailed { error } => {
                self.once(RowKind::Trouble(Trouble::ResumeFailed {
                    reason: capped(&error.to_string(), content::MESSAGE),
                }));
            }
            // What these say is not part of what was said and done on this thread.
            Event::DiffUpdated { .. }
            | Event::TokenUsage(_)
            | Event::Status(_)
            | Event::Renamed { .. }
            | Event::PolicyChanged(_)
            | Event::OfAgent { .. }
            | Event::Unknown { .. } => {}
        }
        self.trim();
    }

    fn turn_started(&mut self, turn: &TurnId, at_ms: Option<i64>) {
        if self.gone.contains(turn) {
            return;
        }
        // A thread runs one turn at a time: the end of any other was missed.
        let missed: Vec<TurnId> = self
            .turns
            .iter()
            .filter(|other| other.state == TurnState::Running && other.id != *turn)
            .map(|other| other.id.clone())
            .collect();
        for other in missed {
            self.turn_ended(&other, &TurnOutcome::Completed, None);
        }
        self.ensure_turn(turn);
        let revision = self.revision + 1;
        if let Some(found) = self.turn_mut(turn)
            && found.started_at_ms.is_none()
            && at_ms.is_some()
        {
            found.started_at_ms = at_ms;
            found.changed_at = revision;
            self.revision = revision;
        }
    }

    /// Makes sure that there is such a turn, unless it left. A lost one turns out to run on.
    pub(super) fn ensure_turn(&mut self, id: &TurnId) {
        if id.is_empty() {
            return;
        }
        let revision = self.revision + 1;
        if let Some(turn) = self.turn_mut(id) {
            if turn.lost {
                turn.lost = false;
                turn.state = TurnState::Running;
                turn.changed_at = revision;
                self.revision = revision;
            }
            return;
        }
        self.turns.push_back(Turn {
            id: id.clone(),
            state: TurnState::Running,
            started_at_ms: None,
            duration_ms: None,
            changed_at: revision,
            lost: false,
            rows: 0,
        });
        self.revision = revision;
    }

    pub(super) fn turn_ended(
        &mut self,
        id: &TurnId,
        outcome: &TurnOutcome,
        duration_ms: Option<i64>,
    ) {
        if self.gone.contains(id) {
            return;
        }
        self.ensure_turn(id);
        self.drop_retry(id);
        self.close(Some(id));
        let state = match outcome {
            TurnOutcome::Completed => TurnState::Completed,
            TurnOutcome::Interrupted => TurnState::Interrupted,
            TurnOutcome::Failed(failure) => {
                self.set_failure(id, failure);
                TurnState::Failed
            }
        };
        let revision = self.revision + 1;
        if let Some(turn) = self.turn_mut(id)
            && (turn.state != state || turn.duration_ms != duration_ms)
        {
            turn.state = state;
            turn.duration_ms = duration_ms.or(turn.duration_ms);
            turn.lost = false;
            turn.changed_at = revision;
            self.revision = revision;
        }
    }

    /// Closes the open rows of a turn, or of all.
    fn close(&mut self, turn: Option<&TurnId>) {
        let open: Vec<i32> = self
            .open
            .iter()
            .copied()
            .filter(|ordinal| {
                turn.is_none_or(|id| self.rows.get(ordinal).is_some_and(|row| row.turn == *id))
            })
            .collect();
        for ordinal in open {
            self.close_row(ordinal);
        }
    }

    pub(super) fn close_row(&mut self, ordinal: i32) {
        let Some(row) = self.rows.get(&ordinal) else {
            return;
        };
        if let Slot::Item(item) = &row.slot {
            self.waiting.remove(item);
        }
        if is_empty_prose(&row.kind, &row.text) {
            self.remove(ordinal);
        } else {
            self.edit(ordinal, |row| row.kind.close());
        }
    }

    /// Closes the words of a turn that were cut off: nothing more will come of them (FACTS section 7).
    pub(super) fn close_words(&mut self, turn: &TurnId) {
        let open: Vec<i32> = self
            .open
            .iter()
            .copied()
            .filter(|ordinal| {
                self.rows.get(ordinal).is_some_and(|row| {
                    row.turn == *turn
                        && matches!(row.kind, RowKind::Agent { .. } | RowKind::Reasoning { .. })
                })
            })
            .collect();
        for ordinal in open {
            self.close_row(ordinal);
        }
    }

    /// The turn does something: an attempt that was tried again succeeded.
    pub(super) fn goes_on(&mut self, turn: &TurnId) {
        if self.retry.is_some() {
            self.drop_retry(turn);
        }
    }

    pub(super) fn drop_retry(&mut self, turn: &TurnId) {
        if let Some(ordinal) = self.retry
            && self.rows.get(&ordinal).is_some_and(|row| row.turn == *turn)
        {
            self.remove(ordinal);
        }
    }

    fn failed(&mut self, turn: &TurnId, failure: &TurnFailure, retrying: bool) {
        if self.gone.contains(turn) {
            return;
        }
        self.ensure_turn(turn);
        self.close_words(turn);
        if !retrying {
            self.drop_retry(turn);
            self.set_failure(turn, failure);
            return;
        }
        if self
            .turn_mut(turn)
            .is_none_or(|turn| turn.state != TurnState::Running)
        {
            return;
        }
        let kind = RowKind::Trouble(Trouble::Failed {
            failure: content::failure(failure),
            retrying,
        });
        match self.retry {
            Some(ordinal) if self.rows.get(&ordinal).is_some_and(|row| row.turn == *turn) => {
                self.edit(ordinal, |row| row.kind = kind);
            }
            _ => {
                let slot = self.next_once();
                self.retry = Some(self.append(turn, slot, None, kind, Text::new(0)));
            }
        }
    }

    fn set_failure(&mut self, turn: &TurnId, failure: &TurnFailure) {
        let failure = content::failure(failure);
        self.set(
            turn,
            Slot::Failure,
            RowKind::Trouble(Trouble::Failed {
                failure,
                retrying: false,
            }),
        );
    }

    /// Puts up a row of which a turn has one, or changes it.
    fn set(&mut self, turn: &TurnId, slot: Slot, kind: RowKind) {
        match self.index.get(&(turn.clone(), slot.clone())).copied() {
            Some(ordinal) if self.rows.get(&ordinal).is_some_and(|row| row.kind == kind) => {}
            Some(ordinal) => self.edit(ordinal, |row| row.kind = kind),
            None if self.gone.contains(turn) => {}
            None => {
                self.ensure_turn(turn);
                self.append(turn, slot, None, kind, Text::new(0));
            }
        }
    }

    /// Warnings come again with every turn: one is said once.
    fn warned(&mut self, message: &str) {
        let note = Note::Warning {
            message: capped(message, content::MESSAGE),
        };
        if !self
            .rows
            .values()
            .any(|row| matches!(&row.kind, RowKind::Note(other) if *other == note))
        {
            self.note(note);
        }
    }

    fn gap(&mut self, missed: u64) {
        if let Some((&ordinal, row)) = self.rows.range(..PENDING).next_back()
            && let RowKind::Note(Note::Gap { missed: before }) = row.kind
        {
            let missed = missed.saturating_add(before);
            self.edit(ordinal, |row| {
                row.kind = RowKind::Note(Note::Gap { missed })
            });
        } else {
            self.note(Note::Gap { missed });
        }
    }

    fn disconnected(&mut self, death: &Arc<Death>) {
        let running: Vec<TurnId> = self
            .turns
            .iter()
            .filter(|turn| turn.state == TurnState::Running)
            .map(|turn| turn.id.clone())
            .collect();
        if let Some(ordinal) = self.retry {
            self.remove(ordinal);
        }
        self.close(None);
        self.waiting.clear();
        let turn: TurnId = running.last().cloned().unwrap_or_else(|| "".into());
        for id in &running {
            let revision = self.tick();
            if let Some(turn) = self.turn_mut(id) {
                turn.state = TurnState::Interrupted;
                turn.lost = true;
                turn.changed_at = revision;
            }
        }
        let cut_short = !running.is_empty();
        let kind = |cut_short| {
            RowKind::Trouble(Trouble::Disconnected {
                death: death.clone(),
                cut_short,
                resumed: false,
            })
        };
        // One that dies again and again is one trouble.
        if let Some((&ordinal, row)) = self.rows.range(..PENDING).next_back()
            && let RowKind::Trouble(Trouble::Disconnected {
                cut_short: before, ..
            }) = row.kind
        {
            let kind = kind(cut_short || before);
            self.edit(ordinal, |row| row.kind = kind);
        } else {
            let slot = self.next_once();
            self.append(&turn, slot, None, kind(cut_short), Text::new(0));
        }
    }

    fn resumed(&mut self) {
        let lost: Vec<i32> = self
            .rows
            .values()
            .filter(|row| {
                matches!(
                    row.kind,
                    RowKind::Trouble(Trouble::Disconnected { resumed: false, .. })
                )
            })
            .map(|row| row.ordinal)
            .collect();
        for ordinal in lost {
            self.edit(ordinal, |row| {
                if let RowKind::Trouble(Trouble::Disconnected { resumed, .. }) = &mut row.kind {
                    *resumed = true;
                }
            });
        }
    }

    fn note(&mut self, note: Note) {
        self.once(RowKind::Note(note));
    }

    /// Puts up a row for something that happens once, in the running turn if there is one.
    fn once(&mut self, kind: RowKind) {
        let turn = self
            .running()
            .map_or_else(|| "".into(), |turn| turn.id.clone());
        let slot = self.next_once();
        self.append(&turn, slot, None, kind, Text::new(0));
    }

    fn next_once(&mut self) -> Slot {
        self.once += 1;
        Slot::Once(self.once)
    }
}
