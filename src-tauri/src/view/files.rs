//! A change of files as a question about it shows it.

use countersign_contract as contract;
use countersign_runtime::item::FileUpdateKind;
use countersign_runtime::transcript::{Row, RowKind};

use super::label;
use super::render::{contract_change, file_blocks};

/// The files of a row, each with its diff; none when the row is no change of files.
pub fn files_of(row: &Row) -> Vec<contract::FileChange> {
    let RowKind::Files { files, more, .. } = &row.kind else {
        return Vec::new();
    };
    let blocks = file_blocks(files, *more);
    let changes = files
        .iter()
        .zip(blocks)
        .map(|(file, diff_html)| contract::FileChange {
            path: label(&file.path),
            moved_to: match &file.kind {
                FileUpdateKind::Update {
                    move_path: Some(to),
                } => Some(label(to)),
                _ => None,
            },
            change: contract_change(&file.kind),
            added: file.added,
            removed: file.removed,
            diff_html,
        });
    changes.collect()
}
