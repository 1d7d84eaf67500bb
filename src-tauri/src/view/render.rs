//! The blocks of a row, and how much of them the window has already.

use countersign_contract as contract;
use countersign_markup::{ChangeKind, Markdown, Output, diff, plain};
use countersign_runtime::item::FileUpdateKind;
use countersign_runtime::transcript::{FileRow, Row, RowKind, Text};

use super::bytes;

/// What the window has of a row.
#[derive(Default)]
pub(super) struct Rendered {
    /// The epoch and the length of the text that it shows.
    shown: Option<(u32, usize)>,
    /// How many blocks it has.
    blocks: usize,
    growing: Growing,
}

/// The machine of a row that grows. A row that is closed has none: it would hold the source once more.
#[derive(Default)]
enum Growing {
    #[default]
    No,
    Markdown(Box<Markdown>),
    Output(Box<Output>),
}

impl Rendered {
    /// The blocks that the window has to replace: how many stay, and what follows those.
    pub(super) fn render(&mut self, row: &Row) -> (usize, Vec<String>) {
        let now = (row.text.epoch(), row.text.len());
        let before = self.shown.replace(now);
        let growing = std::mem::take(&mut self.growing);
        if before == Some(now) && matches!(growing, Growing::No) {
            return (self.blocks, Vec::new());
        }
        let (keep, changed) = match &row.kind {
            RowKind::Agent { .. } | RowKind::Reasoning { .. } => {
                self.markdown(row, growing, before)
            }
            RowKind::Command { .. } | RowKind::Tool { .. } => self.output(row, growing, before),
            RowKind::User { .. } => (0, plain(&whole(&row.text, "\n"))),
            RowKind::Files { files, more, .. } => (0, file_blocks(files, *more)),
            _ => (0, Vec::new()),
        };
        self.blocks = keep + changed.len();
        (keep, changed)
    }

    fn markdown(
        &mut self,
        row: &Row,
        growing: Growing,
        before: Option<(u32, usize)>,
    ) -> (usize, Vec<String>) {
        let (mut markdown, mut keep) = match growing {
            Growing::Markdown(mut markdown) => {
                let keep = match added(&row.text, before) {
                    Some(added) => markdown.append(added),
                    None => markdown.replace(&whole(&row.text, "\n\n")),
                };
                (markdown, keep)
            }
            _ => {
                let mut markdown = Box::<Markdown>::default();
                markdown.append(&whole(&row.text, "\n\n"));
                (markdown, 0)
            }
        };
        if !row.is_open() {
            keep = keep.min(markdown.finish());
        }
        let changed = markdown.blocks().iter().skip(keep).cloned().collect();
        if row.is_open() {
            self.growing = Growing::Markdown(markdown);
        }
        (keep, changed)
    }

    fn output(
        &mut self,
        row: &Row,
        growing: Growing,
        before: Option<(u32, usize)>,
    ) -> (usize, Vec<String>) {
        // The part before may have set colours.
        const BREAK: &str = "\u{1b}[0m\n";
        let (output, keep) = match growing {
            Growing::Output(mut output) => {
                let keep = match added(&row.text, before) {
                    Some(added) => output.append(added),
                    None => output.replace(&whole(&row.text, BREAK)),
                };
                (output, keep)
            }
            _ => {
                let mut output = Box::<Output>::default();
                output.append(&whole(&row.text, BREAK));
                (output, 0)
            }
        };
        let changed = output.blocks().iter().skip(keep).cloned().collect();
        if row.is_open() {
            self.growing = Growing::Output(output);
        }
        (keep, changed)
    }
}

/// What was added to a text that otherwise is as it was.
fn added(text: &Text, before: Option<(u32, usize)>) -> Option<&str> {
    let (epoch, len) = before?;
    if epoch != text.epoch() {
        return None;
    }
    text.as_str().get(len..)
}

/// The text with a line that says what is missing where it is missing, set off by `around`.
fn whole(text: &Text, around: &str) -> String {
    match text.cut() {
        None => text.as_str().to_owned(),
        Some(cut) => {
            let (head, tail) = text.as_str().split_at(cut.at);
            format!(
                "{head}{around}⋯ {} left out ⋯{around}{tail}",
                bytes(cut.omitted)
            )
        }
    }
}

pub(super) fn file_blocks(files: &[FileRow], more: u32) -> Vec<String> {
    let mut blocks: Vec<String> = files
        .iter()
        .map(|file| {
            let mut html = diff(&file.path, change(&file.kind), &file.diff).html;
            if file.omitted > 0 {
                html.push_str(&format!(
                    "<p class=\"omitted\">{} of this change left out</p>",
                    bytes(file.omitted)
                ));
            }
            html
        })
        .collect();
    if more > 0
        && let Some(last) = blocks.last_mut()
    {
        last.push_str(&format!(
            "<p class=\"omitted\">{more} more files left out</p>"
        ));
    }
    blocks
}

fn change(kind: &FileUpdateKind) -> ChangeKind {
    match kind {
        FileUpdateKind::Add => ChangeKind::Add,
        FileUpdateKind::Delete => ChangeKind::Delete,
        FileUpdateKind::Update { .. } => ChangeKind::Update,
    }
}

/// The kind of change in the contract's words.
pub(super) fn contract_change(kind: &FileUpdateKind) -> contract::ChangeKind {
    match kind {
        FileUpdateKind::Add => contract::ChangeKind::Add,
        FileUpdateKind::Delete => contract::ChangeKind::Delete,
        FileUpdateKind::Update { .. } => contract::ChangeKind::Update,
    }
}
