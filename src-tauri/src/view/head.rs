//! A row's head: what it is, in the contract's terms and in words for people.

use countersign_contract as contract;
use countersign_markup::summary;
use countersign_runtime::item::{FileUpdateKind, StepStatus};
use countersign_runtime::transcript::{FileRow, Note, Row, RowKind, RowStatus};

use super::render::contract_change;
use super::{label, problem, shown, to_u32};

/// Characters of a reasoning's summary.
const SUMMARY: usize = 120;

pub(super) fn of(row: &Row) -> contract::RowHead {
    use contract::RowHead;
    match &row.kind {
        RowKind::User { pending, .. } => RowHead::User { pending: *pending },
        RowKind::Agent { streaming } => RowHead::Agent {
            streaming: *streaming,
        },
        RowKind::Reasoning { streaming } => RowHead::Reasoning {
            streaming: *streaming,
            summary: summary(row.text.as_str(), SUMMARY),
        },
        RowKind::Plan { explanation, steps } => RowHead::Plan {
            explanation: explanation.as_deref().map(shown),
            steps: steps
                .iter()
                .map(|step| contract::PlanStep {
                    text: shown(&step.text),
                    status: match step.status {
                        StepStatus::Pending => contract::StepStatus::Pending,
                        StepStatus::InProgress => contract::StepStatus::InProgress,
                        StepStatus::Completed => contract::StepStatus::Completed,
                    },
                })
                .collect(),
        },
        RowKind::Command {
            command,
            cwd,
            status: work,
            exit_code,
            duration_ms,
            by_user,
        } => RowHead::Command {
            command: shown(command),
            cwd: label(cwd),
            status: status(*work),
            exit_code: *exit_code,
            duration_ms: *duration_ms,
            by_user: *by_user,
            omitted: to_u32(row.text.cut().map_or(0, |cut| cut.omitted)),
        },
        RowKind::Files {
            files,
            status: work,
            ..
        } => RowHead::Files {
            files: files.iter().map(file).collect(),
            status: status(*work),
        },
        RowKind::Tool {
            server,
            tool,
            arguments,
            status: work,
            duration_ms,
        } => RowHead::Tool {
            name: match server.is_empty() {
                true => label(tool),
                false => format!("{} › {}", label(server), label(tool)),
            },
            arguments: shown(arguments),
            status: status(*work),
            duration_ms: *duration_ms,
        },
        RowKind::WebSearch {
            query,
            status: work,
        } => RowHead::Tool {
            name: "Web search".to_owned(),
            arguments: shown(query),
            status: status(*work),
            duration_ms: None,
        },
        RowKind::Compaction { status } => RowHead::Note {
            text: match status {
                RowStatus::Running | RowStatus::WaitsForYou => "Compacting the context",
                RowStatus::Done => "Context was compacted",
                RowStatus::Failed | RowStatus::Declined | RowStatus::Stopped => {
                    "Compacting the context was cut short"
                }
            }
            .to_owned(),
            warning: false,
        },
        RowKind::Note(note) => words(note),
        RowKind::Trouble(trouble) => problem::of(trouble),
    }
}

fn status(status: RowStatus) -> contract::WorkStatus {
    match status {
        RowStatus::Running => contract::WorkStatus::Running,
        RowStatus::WaitsForYou => contract::WorkStatus::WaitsForYou,
        RowStatus::Done => contract::WorkStatus::Done,
        RowStatus::Failed => contract::WorkStatus::Failed,
        RowStatus::Declined => contract::WorkStatus::Declined,
        RowStatus::Stopped => contract::WorkStatus::Stopped,
    }
}

fn file(file: &FileRow) -> contract::FileSummary {
    contract::FileSummary {
        path: label(&file.path),
        moved_to: match &file.kind {
            FileUpdateKind::Update { move_path } => move_path.as_deref().map(label),
            FileUpdateKind::Add | FileUpdateKind::Delete => None,
        },
        change: contract_change(&file.kind),
        added: file.added,
        removed: file.removed,
    }
}

fn words(note: &Note) -> contract::RowHead {
    let (text, warning) = match note {
        Note::ImageView { path } => (format!("Looked at the image {}", label(path)), false),
        Note::ReviewBegan { review } if review.is_empty() => ("Review began".to_owned(), false),
        Note::ReviewBegan { review } => (format!("Review began: {}", label(review)), false),
        Note::ReviewEnded => ("Review ended".to_owned(), false),
        Note::Warning { message } => (shown(message), true),
        Note::Reverted => (
            "Turns were taken back from this conversation. Their changes to files remain."
                .to_owned(),
            true,
        ),
        Note::Closed { how } => (
            match *how {
                "thread/archived" => "This conversation was archived",
                "thread/deleted" => "This conversation was deleted",
                _ => "This conversation was closed",
            }
            .to_owned(),
            true,
        ),
        Note::Gap { missed: 1 } => ("One update was missed here".to_owned(), true),
        Note::Gap { missed } => (format!("{missed} updates were missed here"), true),
        Note::Unknown { kind } if kind.is_empty() => (
            "Codex did something that this version of Countersign cannot show".to_owned(),
            false,
        ),
        Note::Unknown { kind } => (
            format!(
                "Codex did something that this version of Countersign cannot show: {}",
                label(kind)
            ),
            false,
        ),
    };
    contract::RowHead::Note { text, warning }
}
