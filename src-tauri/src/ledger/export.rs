//! Entries into a file for other programs, one at a time, so that a large ledger takes no memory.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use countersign_contract::{
    AnsweredFrom, ApprovalOutcome, ExportFormat, LedgerEntry, LedgerQuery, Millis,
};
use rusqlite::Connection;
use tempfile::NamedTempFile;

use super::LedgerError;
use super::database::Place;
use super::entry::{end_of, word};
use super::rows;
use super::search::Found;

const COLUMNS: [&str; 20] = [
    "id",
    "asked at",
    "session",
    "session id",
    "profile",
    "profile id",
    "folder",
    "kind",
    "risk",
    "name",
    "detail",
    "agent's reason",
    "end",
    "settled by",
    "settled at",
    "waited (s)",
    "reason for the denial",
    "result",
    "exit code",
    "files changed",
];

pub(super) fn export(
    place: &Place,
    query: &LedgerQuery,
    format: ExportFormat,
    path: &Path,
) -> Result<u64, LedgerError> {
    let failed = place.database();
    let refused = |source| LedgerError::Export {
        path: path.to_owned(),
        source,
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder).map_err(refused)?;
    let mut connection = place.reader()?;
    let snapshot = connection.transaction().map_err(&failed)?;
    let mut sheet = Sheet::new(format, BufWriter::new(file.as_file_mut())).map_err(refused)?;
    let mut count = 0;
    if let Some(found) = Found::new(&snapshot, query, None).map_err(&failed)? {
        let mut statement = found.statement(&snapshot).map_err(&failed)?;
        for id in found.rows(&mut statement).map_err(&failed)? {
            let entry = id
                .and_then(|id| rows::entry(&snapshot, id))
                .map_err(&failed)?;
            match &mut sheet {
                Sheet::JsonLines(out) => json_line(out, &entry).map_err(refused)?,
                Sheet::Csv(out) => {
                    let cells = cells(&snapshot, entry).map_err(&failed)?;
                    out.write_record(&cells).map_err(csv_io).map_err(refused)?;
                }
            }
            count += 1;
        }
    }
    sheet.finish().map_err(refused)?;
    file.as_file().sync_all().map_err(refused)?;
    file.persist(path).map_err(|error| refused(error.error))?;
    Ok(count)
}

enum Sheet<W: Write> {
    JsonLines(W),
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> Sheet<W> {
    fn new(format: ExportFormat, out: W) -> io::Result<Self> {
        Ok(match format {
            ExportFormat::JsonLines => Self::JsonLines(out),
            ExportFormat::Csv => {
                let mut out = csv::Writer::from_writer(out);
                out.write_record(COLUMNS).map_err(csv_io)?;
                Self::Csv(Box::new(out))
            }
        })
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::JsonLines(mut out) => out.flush(),
            Self::Csv(mut out) => out.flush(),
        }
    }
}

fn json_line(out: &mut impl Write, entry: &LedgerEntry) -> io::Result<()> {
    serde_json::to_writer(&mut *out, entry)?;
    out.write_all(b"\n")
}

fn csv_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

fn cells(connection: &Connection, entry: LedgerEntry) -> rusqlite::Result<[String; 20]> {
    let asked_at = entry.asked_at;
    let (end, by, at, waited, reason) = match entry.settled {
        Some(settled) => (
            word(&end_of(&settled.outcome)),
            by(&settled.outcome),
            moment(connection, settled.at)?,
            format!("{:.3}", (settled.at - asked_at) as f64 / 1_000.0),
            settled.reason.unwrap_or_default(),
        ),
        None => (
            "open".to_owned(),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
        ),
    };
    let number = |number: Option<i64>| number.map(|n| n.to_string()).unwrap_or_default();
    let (status, exit_code, files) = match entry.result {
        Some(result) => (
            result.status,
            number(result.exit_code.map(i64::from)),
            number(result.files_changed.map(i64::from)),
        ),
        None => Default::default(),
    };
    // Numbers are ours and stay numbers; words may be anybody's.
    Ok([
        entry.id.to_string(),
        moment(connection, asked_at)?,
        harmless(entry.session_title),
        harmless(entry.session),
        harmless(entry.profile_name),
        harmless(entry.profile),
        harmless(entry.folder),
        word(&entry.subject),
        word(&entry.risk),
        harmless(entry.name),
        harmless(entry.detail),
        harmless(entry.reason.unwrap_or_default()),
        end,
        harmless(by),
        at,
        waited,
        harmless(reason),
        harmless(status),
        exit_code,
        files,
    ])
}

fn by(outcome: &ApprovalOutcome) -> String {
    match outcome {
        ApprovalOutcome::Answered { choice, by } => format!(
            "{} ({})",
            match by {
                AnsweredFrom::Desk => "person, in the window",
                AnsweredFrom::Dialog => "person, in the dialog",
            },
            word(choice)
        ),
        ApprovalOutcome::Hook { name, .. } => format!("hook {name}"),
        ApprovalOutcome::Rule { rule, name, .. } => format!("rule {rule}: {name}"),
        ApprovalOutcome::Elsewhere => "settled elsewhere".to_owned(),
        ApprovalOutcome::TurnEnded => "its turn ended".to_owned(),
        ApprovalOutcome::SessionClosed => "its session was closed".to_owned(),
        ApprovalOutcome::ServerDied => "Codex stopped".to_owned(),
    }
}

/// A time as people and spreadsheets read it, in UTC.
fn moment(connection: &Connection, at: Millis) -> rusqlite::Result<String> {
    connection
        .prepare_cached("SELECT strftime('%Y-%m-%d %H:%M:%fZ', ?1 / 1000.0, 'unixepoch')")?
        .query_row([at], |row| row.get::<_, Option<String>>(0))
        .map(Option::unwrap_or_default)
}

/// A spreadsheet runs a cell that begins with one of these, also behind blanks, as a formula. An apostrophe in front
/// makes it text.
fn harmless(mut cell: String) -> String {
    let formula = cell
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || cell.starts_with(['\t', '\r', '\n']);
    if formula {
        cell.insert(0, '\'');
    }
    cell
}
