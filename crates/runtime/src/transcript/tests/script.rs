//! A small notation: events in, rows out.
//!
//! One event a line: `VERB TURN ITEM REST`; in the rest `\n` is a line break. Rows come out one a line.

use std::sync::Arc;

use crate::event::{Delta, DeltaPart, Event, FailureKind, TurnFailure, TurnOutcome};
use crate::item::{
    CommandItem, FileUpdate, FileUpdateKind, Item, ItemDetail, PlanStep, StepStatus, ToolItem,
    WorkStatus,
};
use crate::supervisor::Death;
use crate::transcript::{
    HistoryPage, HistoryTurn, Note, Row, RowKind, RowStatus, Transcript, Trouble,
};

pub(super) fn failure(message: &str) -> TurnFailure {
    TurnFailure {
        message: message.to_owned(),
        details: None,
        kind: FailureKind::Other("other".to_owned()),
    }
}

pub(super) fn death() -> Arc<Death> {
    Arc::new(Death {
        generation: 1,
        status: Some("exit status: 1".to_owned()),
        reason: None,
        stderr: Vec::new(),
        asked_for: false,
    })
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}

/// `user`, `agent`, `think`, `cmd`, `files`, `tool`, `search`, `compact`, `odd`: an item that is as far as
/// `state` says.
pub(super) fn item(kind: &str, id: &str, text: &str, state: WorkStatus) -> Item {
    let text = unescape(text);
    let done = state != WorkStatus::InProgress;
    let detail = match kind {
        "user" => match text.split_once('|') {
            Some((client, text)) => ItemDetail::UserMessage {
                client_id: Some(client.to_owned()),
                text: text.to_owned(),
            },
            None => ItemDetail::UserMessage {
                client_id: None,
                text,
            },
        },
        "agent" => ItemDetail::AgentMessage { text },
        "think" => ItemDetail::Reasoning {
            summary: text
                .split('|')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
            content: Vec::new(),
        },
        "cmd" => ItemDetail::Command(CommandItem {
            command: "make".to_owned(),
            cwd: "/w".to_owned(),
            status: state,
            output: (done && !text.is_empty()).then_some(text),
            exit_code: done.then_some(0),
            duration_ms: None,
            by_user: false,
        }),
        "files" => ItemDetail::FileChange {
            changes: vec![FileUpdate {
                path: "/w/a".to_owned(),
                kind: FileUpdateKind::Add,
                diff: text,
            }],
            status: state,
        },
        "tool" => ItemDetail::Tool(ToolItem {
            server: "tiny".to_owned(),
            tool: "echo".to_owned(),
            arguments: "{}".to_owned(),
            status: state,
            result: done.then_some(text),
            error: None,
            duration_ms: None,
            child_threads: Vec::new(),
        }),
        "search" => ItemDetail::WebSearch { query: text },
        "compact" => ItemDetail::ContextCompaction,
        "odd" => ItemDetail::Unknown {
            kind: text,
            raw: serde_json::value::RawValue::NULL.to_owned(),
        },
        other => panic!("no item {other}"),
    };
    Item {
        id: id.into(),
        started_at_ms: None,
        completed_at_ms: None,
        detail,
    }
}

pub(super) fn event(line: &str) -> Event {
    let mut words = line.splitn(4, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (verb, turn, id) = (word(), word(), word());
    let rest = word();
    let delta = |part| {
        Event::Delta(Delta {
            turn: turn.into(),
            item: id.into(),
            part,
            text: unescape(rest),
        })
    };
    if let Some(kind) = verb.strip_suffix('+') {
        return Event::ItemStarted {
            turn: turn.into(),
            item: item(kind, id, rest, WorkStatus::InProgress),
        };
    }
    if let Some(kind) = verb.strip_suffix('!') {
        return Event::ItemCompleted {
            turn: turn.into(),
            item: item(kind, id, rest, WorkStatus::Completed),
        };
    }
    match verb {
        "turn" => Event::TurnStarted {
            turn: turn.into(),
            at_ms: Some(1),
        },
        "end" => Event::TurnCompleted {
            turn: turn.into(),
            outcome: match id {
                "ok" => TurnOutcome::Completed,
                "stopped" => TurnOutcome::Interrupted,
                "failed" => TurnOutcome::Failed(failure(rest)),
                other => panic!("no outcome {other}"),
            },
            duration_ms: Some(5),
        },
        "says" => delta(DeltaPart::AgentMessage),
        "thinks" => delta(DeltaPart::ReasoningSummary(0)),
        "thinks2" => delta(DeltaPart::ReasoningSummary(1)),
        "raw" => delta(DeltaPart::ReasoningText(0)),
        "prints" => delta(DeltaPart::CommandOutput),
        "plan" => Event::PlanUpdated {
            turn: turn.into(),
            explanation: None,
            steps: vec![PlanStep {
                text: id.to_owned(),
                status: StepStatus::Pending,
            }],
        },
        "retry" => Event::Error {
            turn: turn.into(),
            failure: failure(rest),
            will_retry: true,
        },
        "error" => Event::Error {
            turn: turn.into(),
            failure: failure(rest),
            will_retry: false,
        },
        "warning" => Event::Warning {
            message: turn.to_owned(),
        },
        "gap" => Event::Gap { missed: 3 },
        "died" => Event::Disconnected(death()),
        "resumed" => Event::Resumed {
            generation: 2,
            thread: "t".into(),
        },
        "reverted" => Event::Reverted,
        other => panic!("no event {other}"),
    }
}

pub(super) fn apply(transcript: &mut Transcript, script: &str) {
    for line in script
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.is_empty())
    {
        transcript.apply(&event(line));
    }
}

/// A page: `TURN OUTCOME` lines and `TURN ITEM-LINE` lines, the latter as `kind! turn id text`.
pub(super) fn page(
    turns: &[(&str, Option<TurnOutcome>)],
    items: &[&str],
    has_earlier: bool,
) -> HistoryPage {
    HistoryPage {
        turns: turns
            .iter()
            .map(|(id, outcome)| HistoryTurn {
                id: (*id).into(),
                outcome: outcome.clone(),
                started_at_ms: Some(1),
                duration_ms: outcome.as_ref().map(|_| 5),
            })
            .collect(),
        items: items
            .iter()
            .map(|line| match event(line) {
                Event::ItemCompleted { turn, item } | Event::ItemStarted { turn, item } => {
                    (turn, item)
                }
                other => panic!("no item: {other:?}"),
            })
            .collect(),
        has_earlier,
    }
}

fn status(status: RowStatus) -> String {
    format!("{status:?}").to_lowercase()
}

fn more(open: bool) -> &'static str {
    if open { "…" } else { "" }
}

/// A row in one line.
pub(super) fn shown(row: &Row) -> String {
    let text = row.text.as_str().replace('\n', "\\n");
    let what = match &row.kind {
        RowKind::User { pending: true, .. } => format!("you (sending): {text}"),
        RowKind::User { .. } => format!("you: {text}"),
        RowKind::Agent { streaming } => format!("agent: {text}{}", more(*streaming)),
        RowKind::Reasoning { streaming } => format!("thought: {text}{}", more(*streaming)),
        RowKind::Plan { steps, .. } => {
            format!(
                "plan: {}",
                steps
                    .iter()
                    .map(|step| step.text.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        RowKind::Command {
            command,
            status: how,
            ..
        } => format!("$ {command} [{}] {text}", status(*how)),
        RowKind::Files {
            files, status: how, ..
        } => {
            let files: Vec<_> = files
                .iter()
                .map(|file| format!("{} +{}", file.path, file.added))
                .collect();
            format!("files [{}] {}", status(*how), files.join(", "))
        }
        RowKind::Tool {
            server,
            tool,
            status: how,
            ..
        } => format!("{server}.{tool} [{}] {text}", status(*how)),
        RowKind::WebSearch { query, status: how } => format!("search [{}] {query}", status(*how)),
        RowKind::Compaction { status: how } => format!("compaction [{}]", status(*how)),
        RowKind::Note(Note::Warning { message }) => format!("warning {message}"),
        RowKind::Note(Note::Gap { missed }) => format!("gap {missed}"),
        RowKind::Note(note) => format!("{note:?}"),
        RowKind::Trouble(Trouble::Failed { failure, retrying }) => {
            format!(
                "{} {}",
                if *retrying { "retrying" } else { "failed" },
                failure.message
            )
        }
        RowKind::Trouble(Trouble::Disconnected {
            cut_short, resumed, ..
        }) => {
            format!(
                "died{}{}",
                if *cut_short { " cut" } else { "" },
                if *resumed { " resumed" } else { "" }
            )
        }
        RowKind::Trouble(Trouble::ResumeFailed { reason }) => format!("not resumed {reason}"),
    };
    format!(
        "{} {what}",
        if row.turn.is_empty() { "-" } else { &*row.turn }
    )
    .trim_end()
    .to_owned()
}

pub(super) fn all(transcript: &Transcript) -> Vec<String> {
    transcript.rows().map(shown).collect()
}

/// The rows are these, and the bookkeeping agrees with them.
#[track_caller]
pub(super) fn assert_rows(transcript: &Transcript, expected: &str) {
    let expected: Vec<&str> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(all(transcript), expected);
    transcript.check();
}
