//! A transcript as a window shows it: rows with words for people and blocks of safe HTML, as patches.
//!
//! A [`TranscriptView`] belongs to one watch of one window. It asks the transcript what changed since its
//! last update and renders only that; of a row that grew, only what was added. It is here because this is
//! where the runtime, the markup and the contract meet. Deliberately not here: when to send an update,
//! and waiting for its acknowledgement.

mod files;
mod head;
mod problem;
mod render;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::collections::HashMap;

use countersign_contract as contract;
use countersign_markup::visible_line;
use countersign_runtime::transcript::{Earlier, Row, RowKey, Transcript, Turn, TurnState};

pub use files::files_of;
pub(crate) use problem::failed;
use render::Rendered;

/// What one watch of a transcript has been sent so far.
#[derive(Default)]
pub struct TranscriptView {
    seq: u32,
    /// The revision that the last update showed; 0 before the first.
    revision: u64,
    rows: HashMap<RowKey, Rendered>,
}

impl TranscriptView {
    /// One that has been sent nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Something happened since the last update. It may come to nothing.
    pub fn is_behind(&self, transcript: &Transcript) -> bool {
        self.revision != transcript.revision()
    }

    /// The update that brings the window up to date, or `None` when it is. The first carries everything
    /// and has `reset` set; so does a later one when too much happened to say what changed.
    ///
    /// The window must apply an update before the next one: each builds on those before.
    pub fn update(&mut self, transcript: &Transcript) -> Option<contract::TranscriptUpdate> {
        let changes = transcript.changes_since(self.revision);
        self.revision = transcript.revision();
        if changes.is_empty() {
            return None;
        }
        self.seq = self.seq.wrapping_add(1);
        if changes.reset {
            self.rows.clear();
        }
        for key in &changes.removed {
            self.rows.remove(key);
        }
        Some(contract::TranscriptUpdate {
            seq: self.seq,
            reset: changes.reset,
            turns: changes.turns.into_iter().map(turn).collect(),
            rows: changes
                .rows
                .into_iter()
                .map(|row| self.patch(row))
                .collect(),
            removed: changes.removed.iter().map(|key| label(key)).collect(),
            earlier: match transcript.earlier() {
                Earlier::Nothing => contract::Earlier::Nothing,
                Earlier::More => contract::Earlier::More,
                Earlier::Loading => contract::Earlier::Loading,
            },
        })
    }

    fn patch(&mut self, row: &Row) -> contract::RowPatch {
        let (keep, blocks_html) = self.rows.entry(row.key.clone()).or_default().render(row);
        contract::RowPatch {
            key: label(&row.key),
            ordinal: row.ordinal,
            turn: label(&row.turn),
            at: row.at_ms,
            head: head::of(row),
            keep: to_u32(keep),
            blocks_html,
        }
    }
}

fn turn(turn: &Turn) -> contract::Turn {
    contract::Turn {
        key: label(&turn.id),
        state: match turn.state {
            TurnState::Running => contract::TurnState::Running,
            TurnState::Completed => contract::TurnState::Completed,
            TurnState::Interrupted => contract::TurnState::Interrupted,
            TurnState::Failed => contract::TurnState::Failed,
        },
        started_at: turn.started_at_ms,
        duration_ms: turn.duration_ms,
    }
}

/// Text for a place of one line, safe to show.
fn label(text: &str) -> String {
    visible_line(text).into_owned()
}

/// Text of several lines, safe to show.
fn shown(text: &str) -> String {
    countersign_markup::visible(text).into_owned()
}

/// Text of several lines, safe to show, from lines.
fn lines(lines: &[impl Borrow<str>]) -> Option<String> {
    (!lines.is_empty()).then(|| shown(&lines.join("\n")))
}

fn to_u32(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

/// An amount of bytes in words, e.g. "3.1 MB".
fn bytes(amount: u64) -> String {
    match amount {
        0..1_000 => format!("{amount} bytes"),
        1_000..1_000_000 => format!("{} KB", amount / 1_000),
        _ => format!("{}.{} MB", amount / 1_000_000, amount / 100_000 % 10),
    }
}
