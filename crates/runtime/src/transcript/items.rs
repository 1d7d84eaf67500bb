//! What an item's beginning, growing and completion do to a transcript.

use super::Transcript;
use super::content::{self, Content, PART_BREAK};
use super::row::{RowKind, RowStatus, Slot, TurnState};
use super::text::Text;
use crate::event::{Delta, DeltaPart, TurnId};
use crate::item::Item;

impl Transcript {
    pub(super) fn take_item(&mut self, turn: &TurnId, item: &Item, done: bool) {
        self.goes_on(turn);
        let mut content = content::of(item, done);
        if content.kind.status() == Some(RowStatus::Running) && self.waiting.contains(&item.id) {
            content.kind.set_status(RowStatus::WaitsForYou);
        }
        if done {
            self.waiting.remove(&item.id);
        }
        let slot = Slot::Item(item.id.clone());
        match self.index.get(&(turn.clone(), slot.clone())).copied() {
            Some(ordinal) => self.update_item(ordinal, item, content, done),
            None if done
                && content.text.as_deref().is_none_or(str::is_empty)
                && is_prose(&content.kind) => {}
            None => {
                if self.gone.contains(turn) {
                    return;
                }
                self.ensure_turn(turn);
                if let RowKind::User { client_id, .. } = &content.kind {
                    if let Some(client_id) = client_id {
                        self.fail_pending(client_id);
                    }
                    // A message to a running turn cuts off what is being said (FACTS section 3).
                    self.close_words(turn);
                }
                let mut text = Text::new(content.cap);
                text.push(content.text.as_deref().unwrap_or_default());
                self.append(turn, slot, item.started_at_ms, content.kind, text);
            }
        }
    }

    fn update_item(&mut self, ordinal: i32, item: &Item, content: Content, done: bool) {
        let Some(row) = self.rows.get_mut(&ordinal) else {
            return;
        };
        if !done && !row.is_open() {
            return;
        }
        if done && is_prose(&content.kind) && content.text.as_deref().is_none_or(str::is_empty) {
            self.remove(ordinal);
            return;
        }
        // What is known when an item begins never shortens what was streamed of it.
        let text = content
            .text
            .filter(|text| done || text.len() > row.text.len());
        let same = row.kind == content.kind
            && row.at_ms.is_some() >= item.started_at_ms.is_some()
            && text
                .as_deref()
                .is_none_or(|text| row.text.cut().is_none() && row.text.as_str() == text);
        if same {
            return;
        }
        self.edit(ordinal, |row| {
            let diffs_differ = matches!((&row.kind, &content.kind),
                (RowKind::Files { files: old, .. }, RowKind::Files { files: new, .. }) if old != new);
            row.kind = content.kind;
            row.at_ms = row.at_ms.or(item.started_at_ms);
            if let Some(text) = text {
                row.text.set(&text);
                row.parts.clear();
            }
            if diffs_differ {
                row.text.renew();
            }
        });
    }

    pub(super) fn delta(&mut self, delta: &Delta) {
        if delta.text.is_empty() {
            return;
        }
        if !matches!(delta.part, DeltaPart::CommandOutput | DeltaPart::FileOutput) {
            self.goes_on(&delta.turn);
        }
        let id = (delta.turn.clone(), Slot::Item(delta.item.clone()));
        let ordinal = match self.index.get(&id).copied() {
            Some(ordinal) => ordinal,
            None if self.gone.contains(&delta.turn) => return,
            None => self.begun_elsewhere(delta),
        };
        self.edit(ordinal, |row| match (&mut row.kind, delta.part) {
            (RowKind::Note(_) | RowKind::Compaction { .. } | RowKind::WebSearch { .. }, _) => {}
            (RowKind::Reasoning { .. }, part) => {
                grow_reasoning(&mut row.parts, &mut row.text, part, &delta.text)
            }
            (RowKind::Command { status, .. }, _) => {
                row.text.push(&delta.text);
                // Its turn is over and it runs on (FACTS section 7).
                if *status == RowStatus::Stopped {
                    *status = RowStatus::Running;
                }
            }
            _ => row.text.push(&delta.text),
        });
    }

    /// Makes a row for an item that began before this client listened.
    fn begun_elsewhere(&mut self, delta: &Delta) -> i32 {
        self.ensure_turn(&delta.turn);
        let running = self
            .turn_mut(&delta.turn)
            .is_some_and(|turn| turn.state == TurnState::Running);
        let work = match self.waiting.contains(&delta.item) {
            true => RowStatus::WaitsForYou,
            false => RowStatus::Running,
        };
        let (kind, cap) = match delta.part {
            DeltaPart::AgentMessage | DeltaPart::Plan => {
                (RowKind::Agent { streaming: running }, content::PROSE)
            }
            DeltaPart::ReasoningSummary(_) | DeltaPart::ReasoningText(_) => {
                (RowKind::Reasoning { streaming: running }, content::PROSE)
            }
            DeltaPart::CommandOutput => (
                RowKind::Command {
                    command: String::new(),
                    cwd: String::new(),
                    status: work,
                    exit_code: None,
                    duration_ms: None,
                    by_user: false,
                },
                content::OUTPUT,
            ),
            DeltaPart::FileOutput => (
                RowKind::Files {
                    files: Vec::new(),
                    more: 0,
                    status: work,
                },
                content::OUTPUT,
            ),
        };
        self.append(
            &delta.turn,
            Slot::Item(delta.item.clone()),
            None,
            kind,
            Text::new(cap),
        )
    }
}

fn is_prose(kind: &RowKind) -> bool {
    matches!(kind, RowKind::Agent { .. } | RowKind::Reasoning { .. })
}

/// Words that were never said: models reason in secret and leave such items.
pub(super) fn is_empty_prose(kind: &RowKind, text: &Text) -> bool {
    is_prose(kind) && text.is_empty()
}

/// Lets a part of a reasoning grow; the parts stand in their order, the summary first. `parts` has where
/// each ends in the text.
fn grow_reasoning(
    parts: &mut Vec<(DeltaPart, usize)>,
    text: &mut Text,
    part: DeltaPart,
    more: &str,
) {
    let rank = |part: DeltaPart| match part {
        DeltaPart::ReasoningSummary(index) => (0, index),
        DeltaPart::ReasoningText(index) => (1, index),
        _ => (2, 0),
    };
    if parts.is_empty() && !text.is_empty() {
        // Its text came whole: where its parts end is not known.
        text.push(more);
        return;
    }
    let place = parts.partition_point(|(other, _)| rank(*other) < rank(part));
    let before = place
        .checked_sub(1)
        .and_then(|before| parts.get(before))
        .map(|(_, end)| *end);
    let (at, lead, trail) = match (parts.get(place), before) {
        (Some((other, end)), _) if *other == part => (*end, "", ""),
        (_, Some(end)) => (end, PART_BREAK, ""),
        (Some(_), None) => (0, "", PART_BREAK),
        (None, None) => (0, "", ""),
    };
    if parts.get(place).is_none_or(|(other, _)| *other != part) {
        parts.insert(place, (part, at));
    }
    text.insert(at, &[lead, more, trail].concat());
    for (index, (_, end)) in parts.iter_mut().enumerate().skip(place) {
        *end += lead.len() + more.len() + if index > place { trail.len() } else { 0 };
    }
}
