//! A question whole, as text: what the ledger keeps and finds it by.

use countersign_contract::{Approval, Field, FieldInput, Subject};
use countersign_markup::visible;
use countersign_runtime::approval::Request;
use countersign_runtime::item::{FileUpdateKind, ItemDetail};

/// More than this of a change of files is not kept, in bytes.
const MOST: usize = 256 * 1024;

/// The command, the files with their diffs, the questions: never an answer.
pub(crate) fn detail(request: &Request, approval: &Approval) -> String {
    let lines: Vec<String> = match &approval.subject {
        Subject::Command {
            command,
            cwd,
            extras,
            ..
        } => [command.clone(), format!("in {cwd}")]
            .into_iter()
            .chain(extras.iter().cloned())
            .collect(),
        Subject::Files { .. } => return files(request),
        Subject::Permissions { wants } => wants.clone(),
        Subject::Questions { fields } => fields.iter().map(field).collect(),
        Subject::Form {
            server,
            message,
            fields,
        } => [format!("{server}: {message}")]
            .into_iter()
            .chain(fields.iter().map(field))
            .collect(),
        Subject::Link {
            server,
            message,
            url,
        } => vec![url.clone(), format!("{server}: {message}")],
        Subject::Tool {
            server,
            tool,
            arguments,
            ..
        } => vec![format!("{tool} of {server}"), arguments.clone()],
    };
    lines.join("\n")
}

fn files(request: &Request) -> String {
    let item = request.about.as_deref().map(|item| &item.detail);
    let Some(ItemDetail::FileChange { changes, .. }) = item else {
        return "Which files is not known.".to_owned();
    };
    let mut out = String::new();
    for change in changes {
        let (verb, moved) = match &change.kind {
            FileUpdateKind::Add => ("Add", None),
            FileUpdateKind::Delete => ("Delete", None),
            FileUpdateKind::Update { move_path } => ("Change", move_path.as_deref()),
        };
        out.push_str(&format!("{verb} {}", change.path));
        if let Some(moved) = moved {
            out.push_str(&format!(" -> {moved}"));
        }
        out.push('\n');
        out.push_str(&change.diff);
        out.push('\n');
        if out.len() > MOST {
            let mut end = MOST;
            while !out.is_char_boundary(end) {
                end -= 1;
            }
            out.truncate(end);
            out.push_str("\n[The rest was too long to keep.]");
            break;
        }
    }
    visible(out.trim_end()).into_owned()
}

fn field(field: &Field) -> String {
    let mut line = field.title.clone();
    if !field.text.is_empty() {
        line.push_str(": ");
        line.push_str(&field.text);
    }
    let options = match &field.input {
        FieldInput::One { options, .. } | FieldInput::Some { options, .. } => options.as_slice(),
        _ => &[],
    };
    if !options.is_empty() {
        let labels: Vec<_> = options.iter().map(|option| option.label.as_str()).collect();
        line.push_str(&format!(" ({})", labels.join(" | ")));
    }
    line
}
