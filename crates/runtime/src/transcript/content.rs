//! From an item to what its row shows, each part held to a size.

use super::row::{FileRow, Note, RowKind, RowStatus};
use super::text::capped;
use crate::event::TurnFailure;
use crate::item::{FileUpdate, FileUpdateKind, Item, ItemDetail, PlanStep, WorkStatus};

/// Bytes of prose that a row keeps.
pub(super) const PROSE: usize = 1 << 20;
/// Bytes of output that a row keeps.
pub(super) const OUTPUT: usize = 256 << 10;
/// Bytes of all diffs that a row keeps.
const DIFFS: usize = 1 << 20;
/// Files of a change that a row keeps.
const FILES: usize = 1000;
/// Bytes of a command or of arguments that a row keeps.
const COMMAND: usize = 64 << 10;
/// Bytes of a message that a row keeps.
pub(super) const MESSAGE: usize = 16 << 10;
/// Steps of a plan that a row keeps.
const STEPS: usize = 200;

/// What an item's row shows.
pub(super) struct Content {
    pub(super) kind: RowKind,
    /// The long text. `None`: nothing is known of it, so what was streamed stays.
    pub(super) text: Option<String>,
    /// How many bytes of text the row keeps.
    pub(super) cap: usize,
}

/// What the row of `item` shows. `done`: the item is final.
pub(super) fn of(item: &Item, done: bool) -> Content {
    let prose = |kind, text: &str| Content {
        kind,
        text: Some(text.to_owned()),
        cap: PROSE,
    };
    let bare = |kind| Content {
        kind,
        text: None,
        cap: OUTPUT,
    };
    match &item.detail {
        ItemDetail::UserMessage { client_id, text } => prose(
            RowKind::User {
                pending: false,
                client_id: client_id.clone(),
            },
            text,
        ),
        ItemDetail::AgentMessage { text } | ItemDetail::Plan { text } => {
            prose(RowKind::Agent { streaming: !done }, text)
        }
        ItemDetail::Reasoning { summary, content } => {
            let parts: Vec<&str> = summary
                .iter()
                .chain(content)
                .map(String::as_str)
                .filter(|part| !part.is_empty())
                .collect();
            prose(
                RowKind::Reasoning { streaming: !done },
                &parts.join(PART_BREAK),
            )
        }
        ItemDetail::Command(command) => Content {
            kind: RowKind::Command {
                command: capped(&command.command, COMMAND),
                cwd: command.cwd.clone(),
                status: status(command.status, done),
                exit_code: command.exit_code,
                duration_ms: command.duration_ms,
                by_user: command.by_user,
            },
            text: command.output.clone(),
            cap: OUTPUT,
        },
        ItemDetail::FileChange {
            changes,
            status: work,
        } => bare(RowKind::Files {
            files: files(changes),
            more: to_u32(changes.len().saturating_sub(FILES)),
            status: status(*work, done),
        }),
        ItemDetail::Tool(tool) => Content {
            kind: RowKind::Tool {
                server: tool.server.clone(),
                tool: tool.tool.clone(),
                arguments: capped(&tool.arguments, COMMAND),
                status: status(tool.status, done),
                duration_ms: tool.duration_ms,
            },
            text: match (&tool.result, &tool.error) {
                (Some(result), Some(error)) => Some(format!("{result}\n{error}")),
                (Some(text), None) | (None, Some(text)) => Some(text.clone()),
                (None, None) => None,
            },
            cap: OUTPUT,
        },
        ItemDetail::WebSearch { query } => bare(RowKind::WebSearch {
            query: capped(query, MESSAGE),
            status: ending(done),
        }),
        ItemDetail::ContextCompaction => bare(RowKind::Compaction {
            status: ending(done),
        }),
        ItemDetail::ImageView { path } => {
            bare(RowKind::Note(Note::ImageView { path: path.clone() }))
        }
        ItemDetail::Review { left: true, .. } => bare(RowKind::Note(Note::ReviewEnded)),
        ItemDetail::Review {
            left: false,
            review,
        } => bare(RowKind::Note(Note::ReviewBegan {
            review: capped(review, MESSAGE),
        })),
        ItemDetail::Unknown { kind, .. } => bare(RowKind::Note(Note::Unknown {
            kind: capped(kind, 100),
        })),
    }
}

/// What stands between two parts of a reasoning.
pub(super) const PART_BREAK: &str = "\n\n";

fn status(status: WorkStatus, done: bool) -> RowStatus {
    match status {
        WorkStatus::InProgress if done => RowStatus::Stopped,
        WorkStatus::InProgress => RowStatus::Running,
        WorkStatus::Completed => RowStatus::Done,
        WorkStatus::Failed => RowStatus::Failed,
        WorkStatus::Declined => RowStatus::Declined,
    }
}

fn ending(done: bool) -> RowStatus {
    if done {
        RowStatus::Done
    } else {
        RowStatus::Running
    }
}

fn files(changes: &[FileUpdate]) -> Vec<FileRow> {
    let mut room = DIFFS;
    changes
        .iter()
        .take(FILES)
        .map(|change| {
            let diff = if change.diff.len() <= room {
                change.diff.clone()
            } else {
                capped(&change.diff, room)
            };
            room = room.saturating_sub(diff.len());
            let lines = |sign: char| {
                to_u32(
                    change
                        .diff
                        .lines()
                        .filter(|line| line.starts_with(sign))
                        .count(),
                )
            };
            let (added, removed) = match change.kind {
                FileUpdateKind::Add => (to_u32(change.diff.lines().count()), 0),
                FileUpdateKind::Delete => (0, to_u32(change.diff.lines().count())),
                FileUpdateKind::Update { .. } => (lines('+'), lines('-')),
            };
            FileRow {
                path: change.path.clone(),
                kind: change.kind.clone(),
                omitted: change.diff.len().saturating_sub(diff.len()) as u64,
                diff,
                added,
                removed,
            }
        })
        .collect()
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A plan, held to a size.
pub(super) fn plan(explanation: Option<&str>, steps: &[PlanStep]) -> RowKind {
    RowKind::Plan {
        explanation: explanation.map(|text| capped(text, MESSAGE)),
        steps: steps
            .iter()
            .take(STEPS)
            .map(|step| PlanStep {
                text: capped(&step.text, 2048),
                status: step.status,
            })
            .collect(),
    }
}

/// A failure, held to a size: a provider's answer can be in its words whole (FACTS section 8).
pub(super) fn failure(failure: &TurnFailure) -> TurnFailure {
    TurnFailure {
        message: capped(&failure.message, MESSAGE),
        details: failure.details.as_deref().map(|text| capped(text, MESSAGE)),
        kind: failure.kind.clone(),
    }
}
