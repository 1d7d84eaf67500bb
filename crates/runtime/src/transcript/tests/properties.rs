//! What holds for every sequence of events.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::script::{all, apply, event, failure, item, shown};
use crate::event::{Event, TurnOutcome};
use crate::item::{Item, WorkStatus};
use crate::transcript::{
    HistoryPage, HistoryTurn, Limits, Note, Row, RowKind, Transcript, Trouble, TurnState, item_key,
};

impl Transcript {
    /// The bookkeeping agrees with the rows.
    pub(super) fn check(&self) {
        assert_eq!(
            self.bytes,
            self.rows.values().map(Row::weight).sum::<usize>(),
            "bytes"
        );
        let open: Vec<i32> = self
            .rows
            .values()
            .filter(|row| row.is_open())
            .map(|row| row.ordinal)
            .collect();
        assert_eq!(self.open.iter().copied().collect::<Vec<_>>(), open, "open");
        assert_eq!(self.index.len(), self.rows.len(), "index");
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for (ordinal, row) in &self.rows {
            assert_eq!(row.ordinal, *ordinal);
            assert!(row.changed_at <= self.revision);
            *counts.entry(&row.turn).or_default() += 1;
            if !row.turn.is_empty() {
                assert!(
                    self.turns.iter().any(|turn| turn.id == row.turn),
                    "a row of no turn: {row:?}"
                );
            }
        }
        for turn in &self.turns {
            assert_eq!(
                turn.rows,
                counts.get(&*turn.id).copied().unwrap_or(0),
                "rows of {}",
                turn.id
            );
        }
        assert_eq!(
            self.pending,
            self.rows.range(super::super::PENDING..).count(),
            "pending"
        );
        if let Some(retry) = self.retry {
            assert!(self.rows.contains_key(&retry), "retry");
        }
    }
}

/// Any event, of few turns and items, in any order.
fn any_event() -> impl Strategy<Value = Event> {
    let kind = prop::sample::select(vec![
        "user", "agent", "think", "cmd", "files", "tool", "search", "compact", "odd",
    ]);
    let turn = 0..4u8;
    let id = 0..6u8;
    let text = "[a-zü\\\\n|]{0,20}";
    prop_oneof![
        4 => (kind.clone(), turn.clone(), id.clone(), text)
            .prop_map(|(kind, turn, id, text)| event(&format!("{kind}+ T{turn} i{id} {text}"))),
        4 => (kind, turn.clone(), id.clone(), text)
            .prop_map(|(kind, turn, id, text)| event(&format!("{kind}! T{turn} i{id} {text}"))),
        8 => (prop::sample::select(vec!["says", "thinks", "thinks2", "raw", "prints"]), turn.clone(), id, text)
            .prop_map(|(verb, turn, id, text)| event(&format!("{verb} T{turn} i{id} {text}"))),
        2 => turn.clone().prop_map(|turn| event(&format!("turn T{turn}"))),
        2 => (turn.clone(), prop::sample::select(vec!["ok", "stopped", "failed x"]))
            .prop_map(|(turn, how)| event(&format!("end T{turn} {how}"))),
        2 => (prop::sample::select(vec!["plan", "retry", "error"]), turn)
            .prop_map(|(verb, turn)| event(&format!("{verb} T{turn} - x"))),
        1 => prop::sample::select(vec!["gap", "died", "resumed", "reverted", "warning w", "warning v"]).prop_map(event),
    ]
}

/// What else can be done to a transcript.
#[derive(Debug, Clone)]
enum Step {
    Event(Box<Event>),
    Send(u8),
    Unsend(u8),
    Wait(u8, bool),
    Snapshot(Vec<(u8, Event)>),
    Page(Vec<(u8, Event)>),
    ForgetPaged,
}

fn any_step() -> impl Strategy<Value = Step> {
    let listed = || prop::collection::vec((0..3u8, any_event()), 0..8);
    prop_oneof![
        30 => any_event().prop_map(|event| Step::Event(Box::new(event))),
        1 => (0..3u8).prop_map(Step::Send),
        1 => (0..3u8).prop_map(Step::Unsend),
        1 => (0..6u8, any::<bool>()).prop_map(|(id, waiting)| Step::Wait(id, waiting)),
        1 => listed().prop_map(Step::Snapshot),
        1 => listed().prop_map(Step::Page),
        1 => Just(Step::ForgetPaged),
    ]
}

/// Some page: what of the events are items, in turns that ended in some way or run.
fn some_page(listed: &[(u8, Event)]) -> HistoryPage {
    let mut page = HistoryPage {
        has_earlier: listed.len().is_multiple_of(2),
        ..HistoryPage::default()
    };
    for (how, event) in listed {
        if let Event::ItemCompleted { turn, item } = event {
            page.items.push((turn.clone(), item.clone()));
            if !page.turns.iter().any(|other| other.id == *turn) {
                page.turns.push(HistoryTurn {
                    id: turn.clone(),
                    outcome: match how {
                        0 => None,
                        1 => Some(TurnOutcome::Completed),
                        _ => Some(TurnOutcome::Failed(failure("x"))),
                    },
                    started_at_ms: None,
                    duration_ms: None,
                });
            }
        }
    }
    page
}

fn take(transcript: &mut Transcript, step: &Step) {
    match step {
        Step::Event(event) => transcript.apply(event),
        Step::Send(id) => transcript.add_pending_user(&format!("c{id}"), "sent", 1),
        Step::Unsend(id) => {
            transcript.fail_pending(&format!("c{id}"));
        }
        Step::Wait(id, waiting) => transcript.set_waiting(&format!("i{id}").into(), *waiting),
        Step::Snapshot(listed) => transcript.load_snapshot(&some_page(listed)),
        Step::Page(listed) => {
            transcript.prepend_page(&some_page(listed));
        }
        Step::ForgetPaged => transcript.forget_paged(),
    }
}

/// A watcher's copy, kept by applying changes.
#[derive(Default)]
struct Mirror {
    revision: u64,
    rows: BTreeMap<i32, Row>,
    turns: HashMap<String, TurnState>,
}

impl Mirror {
    fn catch_up(&mut self, transcript: &Transcript) {
        let changes = transcript.changes_since(self.revision);
        if changes.reset {
            self.rows.clear();
            self.turns.clear();
        }
        for key in &changes.removed {
            self.rows.retain(|_, row| row.key != *key);
        }
        for row in changes.rows {
            assert!(
                self.rows
                    .values()
                    .all(|other| (other.key == row.key) == (other.ordinal == row.ordinal))
            );
            self.rows.insert(row.ordinal, row.clone());
        }
        self.turns.extend(
            changes
                .turns
                .iter()
                .map(|turn| (turn.id.to_string(), turn.state)),
        );
        self.revision = transcript.revision();
        assert!(transcript.changes_since(self.revision).is_empty());
    }

    fn assert_equals(&self, transcript: &Transcript) {
        assert!(self.rows.values().eq(transcript.rows()));
        for turn in transcript.turns() {
            assert_eq!(self.turns.get(&*turn.id), Some(&turn.state));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn i7_any_sequence_holds_the_limits_and_the_books(
        steps in prop::collection::vec(any_step(), 0..120),
        rows in 1..30usize,
        bytes in 600..30_000usize,
    ) {
        let mut transcript = Transcript::new(Limits { rows, bytes });
        let mut paged = false;
        for step in &steps {
            take(&mut transcript, step);
            transcript.check();
            match step {
                Step::Page(_) => paged = true,
                Step::Snapshot(_) | Step::ForgetPaged => paged = false,
                _ => {}
            }
            let times = if paged { 10 } else { 1 };
            let settled = transcript.rows.len() - transcript.pending;
            prop_assert!(settled <= rows * times);
            prop_assert!(settled <= 1 || transcript.bytes() <= bytes * times);
        }
    }

    #[test]
    fn i5_after_a_turns_end_nothing_of_it_is_open(steps in prop::collection::vec(any_step(), 0..120)) {
        let mut transcript = Transcript::new(Limits::default());
        for step in &steps {
            take(&mut transcript, step);
            let Step::Event(event) = step else { continue };
            if let Event::TurnCompleted { turn, .. } = &**event {
                prop_assert!(transcript.rows().all(|row| row.turn != *turn || !row.is_open()));
                prop_assert!(transcript.turns().all(|other| other.id != *turn || other.state != TurnState::Running));
            }
            if let Event::Disconnected(_) = &**event {
                prop_assert!(transcript.rows().all(|row| !row.is_open()));
                prop_assert!(transcript.running().is_none());
            }
        }
    }

    #[test]
    fn i5_no_delta_is_lost(pieces in prop::collection::vec((0..3u8, "[a-zäö \\n]{0,12}"), 0..200)) {
        let mut transcript = Transcript::new(Limits::default());
        let mut said: BTreeMap<u8, String> = BTreeMap::new();
        for (id, piece) in &pieces {
            let verb = ["says", "prints", "says"][usize::from(*id)];
            transcript.apply(&event(&format!("{verb} T1 i{id} {piece}")));
            said.entry(*id).or_default().push_str(piece);
        }
        apply(&mut transcript, "end T1 stopped");
        said.retain(|_, text| !text.is_empty());
        let kept: BTreeMap<u8, String> = said.keys().map(|id| {
            let row = transcript.item(&"T1".into(), &format!("i{id}").as_str().into());
            (*id, row.map(|row| row.text.as_str().to_owned()).unwrap_or_default())
        }).collect();
        prop_assert_eq!(kept, said);
    }

    #[test]
    fn watchers_that_catch_up_at_any_time_see_the_same(
        steps in prop::collection::vec((any_step(), any::<bool>(), prop::bool::weighted(0.1)), 0..150),
        rows in 3..40usize,
    ) {
        let mut transcript = Transcript::new(Limits { rows, bytes: 1 << 20 });
        let (mut often, mut seldom) = (Mirror::default(), Mirror::default());
        for (step, one, other) in &steps {
            take(&mut transcript, step);
            if *one {
                often.catch_up(&transcript);
                often.assert_equals(&transcript);
            }
            if *other {
                seldom.catch_up(&transcript);
                seldom.assert_equals(&transcript);
            }
        }
        seldom.catch_up(&transcript);
        seldom.assert_equals(&transcript);
    }

    #[test]
    fn i6_snapshot_and_tail_equal_all_events(
        turns in prop::collection::vec(any_turn(), 1..5),
        cut in any::<prop::sample::Index>(),
        page_size in 1..12usize,
    ) {
        let events: Vec<Event> = turns.iter().enumerate().flat_map(|(number, turn)| turn.events(number)).collect();
        let cut = cut.index(events.len() + 1);
        let mut whole = Transcript::new(Limits::default());
        events.iter().for_each(|event| whole.apply(event));

        // The newest page is the snapshot; the others are put before it at the end.
        let mut past = history(&events[..cut]);
        let newest = past.items.split_off(past.items.len().saturating_sub(page_size));
        let mut rebuilt = Transcript::new(Limits::default());
        rebuilt.load_snapshot(&HistoryPage {
            turns: past.turns.clone(),
            items: newest,
            has_earlier: !past.items.is_empty(),
        });
        events[cut..].iter().for_each(|event| rebuilt.apply(event));
        while !past.items.is_empty() {
            let items = past.items.split_off(past.items.len().saturating_sub(page_size));
            let has_earlier = !past.items.is_empty();
            rebuilt.prepend_page(&HistoryPage { turns: past.turns.clone(), items, has_earlier });
        }
        rebuilt.check();
        prop_assert_eq!(recorded(&rebuilt, &events), recorded(&whole, &events));

        // A snapshot loaded into the one that saw everything changes nothing at all.
        let before = all(&whole);
        whole.load_snapshot(&history(&events));
        prop_assert_eq!(all(&whole), before);
    }
}

/// A turn such as the server makes: items one after the other, some cut short.
#[derive(Debug, Clone)]
struct AnyTurn {
    items: Vec<(&'static str, Vec<String>, bool)>,
    extra: Vec<(usize, &'static str)>,
    outcome: &'static str,
    ends: bool,
}

fn any_turn() -> impl Strategy<Value = AnyTurn> {
    let kind = prop::sample::select(vec![
        "agent", "think", "cmd", "files", "tool", "search", "compact", "odd",
    ]);
    let item = (
        kind,
        prop::collection::vec("[a-z]{1,5}", 1..4),
        prop::bool::weighted(0.8),
    );
    (
        prop::collection::vec(item, 0..6),
        prop::collection::vec(
            (
                0..6usize,
                prop::sample::select(vec!["plan", "retry", "warning"]),
            ),
            0..3,
        ),
        prop::sample::select(vec!["ok", "stopped", "failed no"]),
        Just(true),
    )
        .prop_map(|(items, extra, outcome, ends)| AnyTurn {
            items,
            extra,
            outcome,
            ends,
        })
}

impl AnyTurn {
    fn events(&self, number: usize) -> Vec<Event> {
        let turn = format!("T{number}");
        let mut lines = vec![format!("turn {turn}"), format!("user! {turn} u hello")];
        for (index, (kind, pieces, completes)) in self.items.iter().enumerate() {
            for (_, extra) in self.extra.iter().filter(|(place, _)| *place == index) {
                lines.push(format!("{extra} {turn} - x"));
            }
            let whole = pieces.concat();
            lines.push(format!(
                "{kind}+ {turn} i{index} {}",
                if *kind == "files" { &whole } else { "" }
            ));
            let verb = match *kind {
                "agent" => Some("says"),
                "think" => Some("thinks"),
                "cmd" => Some("prints"),
                _ => None,
            };
            for piece in verb
                .iter()
                .flat_map(|verb| pieces.iter().map(move |piece| (verb, piece)))
            {
                lines.push(format!("{} {turn} i{index} {}", piece.0, piece.1));
            }
            if *completes {
                lines.push(format!("{kind}! {turn} i{index} {whole}"));
            }
        }
        if self.outcome.starts_with("failed") {
            lines.push(format!("error {turn} - no"));
        }
        if self.ends {
            lines.push(format!("end {turn} {}", self.outcome));
        }
        lines.iter().map(|line| event(line)).collect()
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

/// The rows that the server keeps a record of.
fn recorded(transcript: &Transcript, events: &[Event]) -> Vec<String> {
    let completed: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::ItemCompleted {
                turn,
                item: Item { id, .. },
            } => Some(item_key(turn, id)),
            _ => None,
        })
        .collect();
    transcript
        .rows()
        .filter(|row| match &row.kind {
            RowKind::Plan { .. } | RowKind::Note(Note::Warning { .. }) => false,
            RowKind::Trouble(Trouble::Failed { retrying, .. }) => !retrying,
            _ => completed.contains(&row.key),
        })
        .map(|row| format!("{} {:?}", shown(row), row.at_ms))
        .collect()
}

#[test]
fn an_item_under_way_in_the_history_stays_open() {
    let mut transcript = Transcript::new(Limits::default());
    let page = HistoryPage {
        turns: vec![HistoryTurn {
            id: "T1".into(),
            outcome: None,
            started_at_ms: None,
            duration_ms: None,
        }],
        items: vec![("T1".into(), item("files", "f", "a", WorkStatus::InProgress))],
        has_earlier: false,
    };
    transcript.load_snapshot(&page);
    assert_eq!(all(&transcript), ["T1 files [running] /w/a +1"]);
    apply(&mut transcript, "end T1 stopped");
    assert_eq!(all(&transcript), ["T1 files [stopped] /w/a +1"]);
}
