//! What a server may say of a thread, as lines of the wire, with lines between them that say what else is
//! done to the transcript. It holds its limits, closes what ended, keeps its watchers right (I5, I7); and of
//! what a server in its senses would have said, the history and the rest make the same rows as all (I6).
#![no_main]

use std::collections::{BTreeMap, HashSet};
use std::mem::discriminant;
use std::sync::Arc;

use countersign_runtime::event::{DeltaPart, Event, TurnId, TurnOutcome};
use countersign_runtime::fuzzing;
use countersign_runtime::item::{Item, ItemDetail, ItemId, WorkStatus};
use countersign_runtime::jsonrpc::Frame;
use countersign_runtime::supervisor::Death;
use countersign_runtime::transcript::{
    HistoryPage, HistoryTurn, Limits, Row, RowKind, Transcript, item_key,
};
use libfuzzer_sys::fuzz_target;

/// One line of the input.
enum Step {
    Event(Event),
    Send(String),
    Unsend(String),
    Wait(String, bool),
    Snapshot,
    Page,
    Forget,
}

fuzz_target!(|bytes: &[u8]| {
    let steps: Vec<Step> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(step)
        .collect();
    // The length of the input makes the limits, so that they are small and large.
    let limits = Limits {
        rows: 1 + bytes.len() % 40,
        bytes: 600 + bytes.len() * 7 % 30_000,
    };
    any_sequence(&steps, limits);
    let events: Vec<Event> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Event(event) => Some(event.clone()),
            _ => None,
        })
        .collect();
    snapshot_and_tail(&in_its_senses(&events), bytes.len());
});

fn step(line: &[u8]) -> Option<Step> {
    if let Some(words) = line.strip_prefix(b"!") {
        let words = std::str::from_utf8(words).ok()?;
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        return Some(match verb {
            "send" => Step::Send(rest.to_owned()),
            "unsend" => Step::Unsend(rest.to_owned()),
            "wait" => Step::Wait(rest.to_owned(), true),
            "go" => Step::Wait(rest.to_owned(), false),
            "snapshot" => Step::Snapshot,
            "page" => Step::Page,
            "forget" => Step::Forget,
            "gap" => Step::Event(Event::Gap { missed: 1 }),
            "died" => Step::Event(Event::Disconnected(Arc::new(Death {
                generation: 1,
                status: None,
                reason: None,
                stderr: Vec::new(),
                asked_for: false,
            }))),
            "resumed" => Step::Event(Event::Resumed {
                generation: 2,
                thread: rest.into(),
            }),
            _ => return None,
        });
    }
    match Frame::parse(line).ok()? {
        Frame::Notification { method, params } => fuzzing::event(&method, params).map(Step::Event),
        _ => None,
    }
}

fn any_sequence(steps: &[Step], limits: Limits) {
    let mut transcript = Transcript::new(limits);
    let mut watcher = BTreeMap::new();
    let (mut paged, mut seen) = (false, Vec::new());
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Event(event) => {
                transcript.apply(event);
                seen.push(event.clone());
                closed(&transcript, event);
            }
            Step::Send(id) => transcript.add_pending_user(id, "sent", 1),
            Step::Unsend(id) => drop(transcript.fail_pending(id)),
            Step::Wait(id, waiting) => transcript.set_waiting(&id.as_str().into(), *waiting),
            Step::Snapshot => {
                transcript.load_snapshot(&history(&seen));
                paged = false;
            }
            Step::Page => {
                transcript.prepend_page(&history(&seen));
                paged = true;
            }
            Step::Forget => {
                transcript.forget_paged();
                paged = false;
            }
        }
        bounded(&transcript, limits, if paged { 10 } else { 1 });
        if number % 3 == 0 {
            catch_up(&mut watcher, &transcript);
        }
    }
    catch_up(&mut watcher, &transcript);
}

fn bounded(transcript: &Transcript, limits: Limits, times: usize) {
    let settled = transcript
        .rows()
        .filter(|row| !matches!(row.kind, RowKind::User { pending: true, .. }))
        .count();
    assert!(settled <= limits.rows * times, "{settled} rows");
    assert!(settled <= 1 || transcript.bytes() <= limits.bytes * times);
}

fn closed(transcript: &Transcript, event: &Event) {
    match event {
        Event::TurnCompleted { turn, .. } => {
            assert!(
                transcript
                    .rows()
                    .all(|row| row.turn != *turn || !row.is_open())
            );
        }
        Event::Disconnected(_) => {
            assert!(transcript.rows().all(|row| !row.is_open()));
            assert!(transcript.running().is_none());
        }
        _ => {}
    }
}

/// A watcher's copy, kept by applying changes, has the rows.
fn catch_up(watcher: &mut BTreeMap<i32, Row>, transcript: &Transcript) {
    let known = watcher.values().map(|row| row.changed_at).max();
    let changes = transcript.changes_since(known.unwrap_or(0));
    if changes.reset {
        watcher.clear();
    }
    for key in &changes.removed {
        watcher.retain(|_, row| row.key != *key);
    }
    for row in changes.rows {
        watcher.insert(row.ordinal, row.clone());
    }
    assert!(watcher.values().eq(transcript.rows()));
}

/// Only what comes in an order that the server keeps (FACTS sections 2 and 7), one item after the other.
fn in_its_senses(events: &[Event]) -> Vec<Event> {
    let mut kept: Vec<Event> = Vec::new();
    let mut turns: HashSet<TurnId> = HashSet::new();
    let mut items: HashSet<ItemId> = HashSet::new();
    let mut running: Option<TurnId> = None;
    let mut open: Option<Item> = None;
    let mut streamed = false;
    for event in events {
        let is_running = |turn: &TurnId| running.as_ref() == Some(turn);
        let is_kept = match event {
            Event::TurnStarted { turn, .. } => {
                let new = running.is_none() && !turn.is_empty() && turns.insert(turn.clone());
                if new {
                    running = Some(turn.clone());
                }
                new
            }
            Event::TurnCompleted { turn, .. } if is_running(turn) => {
                running = None;
                open = None;
                true
            }
            Event::ItemStarted { turn, item } => {
                let new = is_running(turn) && is_begun(item) && items.insert(item.id.clone());
                if new {
                    open = Some(item.clone());
                    streamed = false;
                }
                new
            }
            Event::Delta(delta) => {
                let fits = is_running(&delta.turn)
                    && open
                        .as_ref()
                        .is_some_and(|item| item.id == delta.item && takes(item, delta.part));
                streamed |= fits;
                fits
            }
            Event::ItemCompleted { turn, item } if is_running(turn) && is_done(item) => match &open
            {
                Some(begun) if begun.id == item.id => {
                    let fits = discriminant(&begun.detail) == discriminant(&item.detail)
                        && (!streamed || has_content(item));
                    if fits {
                        open = None;
                    }
                    fits
                }
                _ => {
                    let new = items.insert(item.id.clone());
                    if new {
                        open = None;
                    }
                    new
                }
            },
            _ => false,
        };
        if is_kept {
            kept.push(event.clone());
        }
    }
    if let Some(turn) = running {
        kept.push(Event::TurnCompleted {
            turn,
            outcome: TurnOutcome::Completed,
            duration_ms: None,
        });
    }
    kept
}

fn status(item: &Item) -> Option<WorkStatus> {
    match &item.detail {
        ItemDetail::Command(command) => Some(command.status),
        ItemDetail::FileChange { status, .. } => Some(*status),
        ItemDetail::Tool(tool) => Some(tool.status),
        _ => None,
    }
}

fn is_begun(item: &Item) -> bool {
    status(item).is_none_or(|status| status == WorkStatus::InProgress)
}

fn is_done(item: &Item) -> bool {
    status(item).is_none_or(|status| status != WorkStatus::InProgress)
}

fn takes(item: &Item, part: DeltaPart) -> bool {
    matches!(
        (&item.detail, part),
        (ItemDetail::AgentMessage { .. }, DeltaPart::AgentMessage)
            | (ItemDetail::Reasoning { .. }, DeltaPart::ReasoningSummary(_))
            | (ItemDetail::Command(_), DeltaPart::CommandOutput)
    )
}

fn has_content(item: &Item) -> bool {
    match &item.detail {
        ItemDetail::AgentMessage { text } => !text.is_empty(),
        ItemDetail::Reasoning { summary, .. } => summary.iter().any(|part| !part.is_empty()),
        ItemDetail::Command(command) => command.output.as_ref().is_some_and(|o| !o.is_empty()),
        _ => true,
    }
}

/// What the server would list after these events: turns, and the items that completed.
fn history(events: &[Event]) -> HistoryPage {
    let mut page = HistoryPage::default();
    for event in events {
        match event {
            Event::TurnStarted { turn, at_ms } => page.turns.push(HistoryTurn {
                id: turn.clone(),
                outcome: None,
                started_at_ms: *at_ms,
                duration_ms: None,
            }),
            Event::TurnCompleted {
                turn,
                outcome,
                duration_ms,
            } => {
                for listed in page.turns.iter_mut().filter(|listed| listed.id == *turn) {
                    (listed.outcome, listed.duration_ms) = (Some(outcome.clone()), *duration_ms);
                }
            }
            Event::ItemCompleted { turn, item } => page.items.push((turn.clone(), item.clone())),
            _ => {}
        }
    }
    page
}

fn snapshot_and_tail(events: &[Event], seed: usize) {
    let cut = seed % (events.len() + 1);
    let page_size = 1 + seed % 5;
    let mut whole = Transcript::new(Limits::default());
    events.iter().for_each(|event| whole.apply(event));

    let mut past = history(&events[..cut]);
    let newest = past
        .items
        .split_off(past.items.len().saturating_sub(page_size));
    let mut rebuilt = Transcript::new(Limits::default());
    rebuilt.load_snapshot(&HistoryPage {
        turns: past.turns.clone(),
        items: newest,
        has_earlier: !past.items.is_empty(),
    });
    events[cut..].iter().for_each(|event| rebuilt.apply(event));
    while !past.items.is_empty() {
        let items = past
            .items
            .split_off(past.items.len().saturating_sub(page_size));
        let has_earlier = !past.items.is_empty();
        rebuilt.prepend_page(&HistoryPage {
            turns: past.turns.clone(),
            items,
            has_earlier,
        });
    }
    assert_eq!(recorded(&rebuilt, events), recorded(&whole, events));
}

/// The rows that the server keeps a record of, but for when they began: that stands in two places.
fn recorded(transcript: &Transcript, events: &[Event]) -> Vec<String> {
    let completed: HashSet<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::ItemCompleted { turn, item } => Some(item_key(turn, &item.id)),
            _ => None,
        })
        .collect();
    transcript
        .rows()
        .filter(|row| completed.contains(&row.key))
        .map(|row| format!("{:?} {:?} {}", row.key, row.kind, row.text.as_str()))
        .collect()
}
