//! Tests of the view: what a window ends up with, and how little is sent for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_contract as contract;
use countersign_markup::{Markdown, Output};
use countersign_runtime::event::{Delta, DeltaPart, Event, FailureKind, TurnFailure, TurnOutcome};
use countersign_runtime::item::{
    CommandItem, FileUpdate, FileUpdateKind, Item, ItemDetail, WorkStatus,
};
use countersign_runtime::supervisor::Death;
use countersign_runtime::transcript::{Limits, Transcript, item_key};

use super::TranscriptView;

/// A window: it does what the contract says.
#[derive(Default)]
struct Window {
    seq: u32,
    rows: BTreeMap<i32, (contract::RowKey, contract::RowHead, Vec<String>)>,
    turns: BTreeMap<String, contract::TurnState>,
}

impl Window {
    fn apply(&mut self, update: contract::TranscriptUpdate) {
        assert_eq!(update.seq, self.seq + 1);
        self.seq = update.seq;
        if update.reset {
            self.rows.clear();
            self.turns.clear();
        }
        for key in &update.removed {
            self.rows.retain(|_, (other, ..)| other != key);
        }
        for turn in update.turns {
            self.turns.insert(turn.key, turn.state);
        }
        for patch in update.rows {
            let keep = patch.keep as usize;
            let mut blocks = match self.rows.remove(&patch.ordinal) {
                Some((key, _, blocks)) => {
                    assert_eq!(key, patch.key);
                    blocks
                }
                None => Vec::new(),
            };
            assert!(
                keep <= blocks.len(),
                "{}: keeps {keep} of {}",
                patch.key,
                blocks.len()
            );
            blocks.truncate(keep);
            blocks.extend(patch.blocks_html);
            self.rows
                .insert(patch.ordinal, (patch.key, patch.head, blocks));
        }
    }

    fn blocks(&self, key: &str) -> &[String] {
        self.rows
            .values()
            .find(|(other, ..)| other == key)
            .map(|(.., blocks)| blocks.as_slice())
            .unwrap_or_default()
    }

    fn heads(&self) -> Vec<&contract::RowHead> {
        self.rows.values().map(|(_, head, _)| head).collect()
    }
}

fn delta(item: &str, part: DeltaPart, text: &str) -> Event {
    Event::Delta(Delta {
        turn: "T".into(),
        item: item.into(),
        part,
        text: text.to_owned(),
    })
}

fn done(id: &str, detail: ItemDetail) -> Event {
    Event::ItemCompleted {
        turn: "T".into(),
        item: Item {
            id: id.into(),
            started_at_ms: Some(1),
            completed_at_ms: Some(2),
            detail,
        },
    }
}

fn started() -> Event {
    Event::TurnStarted {
        turn: "T".into(),
        at_ms: Some(1),
    }
}

fn command(output: Option<&str>, status: WorkStatus) -> ItemDetail {
    ItemDetail::Command(CommandItem {
        command: "make \u{202e}all".to_owned(),
        cwd: "/w".to_owned(),
        status,
        output: output.map(str::to_owned),
        exit_code: Some(0),
        duration_ms: Some(3),
        by_user: false,
    })
}

fn key(item: &str) -> String {
    item_key("T", item).to_string()
}

#[test]
fn the_first_update_has_everything_and_nothing_new_is_no_update() {
    let mut transcript = Transcript::new(Limits::default());
    let mut view = TranscriptView::new();
    let mut window = Window::default();
    transcript.apply(&started());
    transcript.apply(&done(
        "a",
        ItemDetail::AgentMessage {
            text: "# Hi\n\n<b>x</b>".to_owned(),
        },
    ));
    let update = view.update(&transcript).expect("the first");
    assert!(update.reset);
    window.apply(update);
    assert_eq!(window.blocks(&key("a")).len(), 2);
    assert!(!window.blocks(&key("a")).concat().contains("<b>"));
    assert_eq!(window.turns.get("T"), Some(&contract::TurnState::Running));
    assert_eq!(view.update(&transcript), None);
}

#[test]
fn a_row_that_grows_sends_its_tail_and_no_other_row() {
    let mut transcript = Transcript::new(Limits::default());
    let mut view = TranscriptView::new();
    let mut window = Window::default();
    transcript.apply(&started());
    for number in 0..50 {
        transcript.apply(&done(
            &format!("i{number}"),
            ItemDetail::AgentMessage {
                text: "x".to_owned(),
            },
        ));
    }
    let mut whole = String::new();
    for number in 0..40 {
        let text = format!("Paragraph {number} with *words*.\n\n");
        whole.push_str(&text);
        transcript.apply(&delta("a", DeltaPart::AgentMessage, &text));
        transcript.apply(&delta("c", DeltaPart::CommandOutput, "out\n"));
        let update = view.update(&transcript).expect("it grew");
        if number > 0 {
            assert_eq!(update.rows.len(), 2);
            assert!(!update.reset && update.turns.is_empty() && update.removed.is_empty());
            assert!(update.rows.iter().all(|patch| patch.blocks_html.len() <= 2));
        }
        window.apply(update);
    }
    transcript.apply(&done(
        "a",
        ItemDetail::AgentMessage {
            text: whole.clone(),
        },
    ));
    transcript.apply(&done(
        "c",
        command(Some("first\nout\n"), WorkStatus::Completed),
    ));
    let update = view.update(&transcript).expect("they ended");
    assert!(
        update
            .rows
            .iter()
            .any(|patch| patch.key == key("a") && patch.keep >= 39)
    );
    window.apply(update);
    let mut markdown = Markdown::new();
    markdown.append(&whole);
    markdown.finish();
    assert_eq!(window.blocks(&key("a")), markdown.blocks());
    let mut output = Output::new();
    output.append("first\nout\n");
    assert_eq!(window.blocks(&key("c")), output.blocks());
    // A change of the head alone sends no block.
    transcript.apply(&done(
        "c",
        command(Some("first\nout\n"), WorkStatus::Failed),
    ));
    let update = view.update(&transcript).expect("its state changed");
    assert!(update.rows.iter().all(|patch| patch.blocks_html.is_empty()));
    window.apply(update);
    assert_eq!(window.blocks(&key("c")), output.blocks());
    // What goes on after its end is rendered anew.
    transcript.apply(&delta("a", DeltaPart::AgentMessage, "More."));
    window.apply(view.update(&transcript).expect("it went on"));
    assert!(window.blocks(&key("a")).concat().contains("More."));
    assert!(window.blocks(&key("a")).concat().contains("Paragraph 0"));
}

#[test]
fn long_output_says_what_is_left_out_where_it_is() {
    let mut transcript = Transcript::new(Limits::default());
    let mut view = TranscriptView::new();
    let mut window = Window::default();
    let line = "0123456789012345678901234567890123456789012345678901234567890123\n";
    for _ in 0..100 {
        for _ in 0..100 {
            transcript.apply(&delta("c", DeltaPart::CommandOutput, line));
        }
        window.apply(view.update(&transcript).expect("it grew"));
    }
    assert!(window.blocks(&key("c")).concat().contains("left out ⋯"));
    let Some(contract::RowHead::Command { omitted, .. }) = window.heads().first() else {
        panic!("no command");
    };
    assert!(*omitted > 300_000);
    // The same from nothing.
    let mut again = Window::default();
    again.apply(
        TranscriptView::new()
            .update(&transcript)
            .expect("everything"),
    );
    assert_eq!(
        again.blocks(&key("c")).concat(),
        window.blocks(&key("c")).concat()
    );
}

#[test]
fn what_crosses_is_safe_to_show() {
    let mut transcript = Transcript::new(Limits::default());
    transcript.apply(&done("c", command(None, WorkStatus::Completed)));
    let path = "/w/\u{200b}a.rs".to_owned();
    let kind = FileUpdateKind::Update {
        move_path: Some("/w/\u{202e}b".to_owned()),
    };
    let changes = vec![FileUpdate {
        path,
        kind,
        diff: "@@ -1 +1 @@\n-<i>\n+\u{202e}x\n".to_owned(),
    }];
    transcript.apply(&done(
        "f",
        ItemDetail::FileChange {
            changes,
            status: WorkStatus::Declined,
        },
    ));
    transcript.apply(&Event::Warning {
        message: "a\u{0007}b".to_owned(),
    });
    transcript.add_pending_user("c1", "<script>\u{202e}", 1);
    let update = TranscriptView::new()
        .update(&transcript)
        .expect("everything");
    let json = serde_json::to_string(&update).expect("it is JSON");
    for bad in [
        "\u{202e}", "\u{200b}", "\u{0007}", "\\u0007", "<script>", "<i>",
    ] {
        assert!(!json.contains(bad), "{bad:?} in {json}");
    }
    assert!(json.contains("⟨U+202E⟩"));
    let mut window = Window::default();
    window.apply(update);
    assert_eq!(window.blocks(&key("f")).len(), 1);
    assert!(matches!(
        window.heads()[1],
        contract::RowHead::Files { files, status: contract::WorkStatus::Declined }
            if files.len() == 1 && (files[0].added, files[0].removed) == (1, 1)
    ));
}

#[test]
fn rows_that_leave_take_their_state_along() {
    let mut transcript = Transcript::new(Limits {
        rows: 3,
        bytes: 1 << 20,
    });
    let mut view = TranscriptView::new();
    let mut window = Window::default();
    for number in 0..20 {
        transcript.apply(&done(
            &format!("i{number}"),
            ItemDetail::AgentMessage {
                text: "x".to_owned(),
            },
        ));
        window.apply(view.update(&transcript).expect("more"));
    }
    assert_eq!((view.rows.len(), window.rows.len()), (3, 3));
}

#[test]
fn every_failure_says_what_it_means_and_what_to_do() {
    let kinds = [
        FailureKind::ContextWindowExceeded,
        FailureKind::UsageLimitExceeded,
        FailureKind::TooManyRequests,
        FailureKind::ServerOverloaded,
        FailureKind::ProviderFailed,
        FailureKind::Http { status: None },
        FailureKind::Http { status: Some(401) },
        FailureKind::Http { status: Some(404) },
        FailureKind::Http { status: Some(418) },
        FailureKind::Disconnected { status: Some(500) },
        FailureKind::Unauthorized,
        FailureKind::Other("other".to_owned()),
    ];
    let mut seen = Vec::new();
    for kind in kinds {
        let failure = TurnFailure {
            message: "server's words".to_owned(),
            details: Some("more".to_owned()),
            kind,
        };
        let problem = super::problem::failed(&failure);
        for part in [&problem.what, &problem.meaning, &problem.remedy] {
            assert!(part.ends_with('.') || part.ends_with("words"), "{part}");
            assert!(!part.contains('!') && !part.contains("  "));
        }
        assert_eq!(problem.details.as_deref(), Some("server's words\nmore"));
        assert!(
            !seen.contains(&problem.what),
            "said twice: {}",
            problem.what
        );
        seen.push(problem.what);
    }
}

#[test]
fn waiting_for_the_network_says_how_to_end_it_and_goes_when_it_is_over() {
    let mut transcript = Transcript::new(Limits::default());
    let mut view = TranscriptView::new();
    let mut window = Window::default();
    let failure = TurnFailure {
        message: "Reconnecting... waiting for network".to_owned(),
        details: None,
        kind: FailureKind::Http { status: None },
    };
    transcript.apply(&started());
    transcript.apply(&Event::Error {
        turn: "T".into(),
        failure,
        will_retry: true,
    });
    window.apply(view.update(&transcript).expect("trouble"));
    let heads = window.heads();
    let contract::RowHead::Trouble {
        problem,
        retrying: true,
    } = heads[0]
    else {
        panic!("{heads:?}");
    };
    assert_eq!(
        problem.what,
        "The model cannot be reached: waiting for network."
    );
    assert_eq!(problem.remedy, "Stop ends it.");
    transcript.apply(&Event::TurnCompleted {
        turn: "T".into(),
        outcome: TurnOutcome::Interrupted,
        duration_ms: None,
    });
    window.apply(view.update(&transcript).expect("over"));
    assert!(window.rows.is_empty());
}

#[test]
fn a_lost_server_is_told_with_its_last_lines() {
    let mut transcript = Transcript::new(Limits::default());
    let mut view = TranscriptView::new();
    let mut window = Window::default();
    transcript.apply(&started());
    transcript.apply(&Event::Disconnected(Arc::new(Death {
        generation: 1,
        status: Some("signal: 9 (SIGKILL)".to_owned()),
        reason: None,
        stderr: vec!["one".to_owned(), "two".to_owned()],
        asked_for: false,
    })));
    window.apply(view.update(&transcript).expect("trouble"));
    let check = |window: &Window, again: bool, wanted: &str| {
        let heads = window.heads();
        let contract::RowHead::Trouble { problem, retrying } = heads[0] else {
            panic!("{heads:?}");
        };
        assert_eq!((*retrying, problem.remedy.as_str()), (again, wanted));
        assert_eq!(
            problem.what,
            "Codex stopped unexpectedly (signal: 9 (SIGKILL))."
        );
        assert_eq!(problem.details.as_deref(), Some("one\ntwo"));
    };
    check(&window, true, "It is being started again.");
    transcript.apply(&Event::Resumed {
        generation: 2,
        thread: "t".into(),
    });
    window.apply(view.update(&transcript).expect("resumed"));
    check(&window, false, "It runs again. Send a message to go on.");
}
