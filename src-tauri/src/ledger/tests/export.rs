use std::fs;

use countersign_contract::{
    ChoiceId, ExportFormat, LedgerEntry, LedgerQuery, LedgerResult, Settled,
};
use tempfile::tempdir;

use super::{LONG, all, answered, entry, open};
use crate::ledger::{Ledger, NewEntry};

fn some(folder: &std::path::Path) -> Ledger {
    let ledger = open(folder);
    for (n, detail) in [
        "ls",
        "echo \"a,b\"\nsecond; line",
        "=cmd|' /C calc'!A0",
        "-5",
        "  @SUM(1)",
    ]
    .into_iter()
    .enumerate()
    {
        let asked = entry(&n.to_string(), detail);
        let item = asked.item.clone().unwrap();
        ledger.record(asked);
        ledger.settled(
            &n.to_string(),
            Settled {
                reason: Some("+1".to_owned()),
                ..answered(ChoiceId::Deny)
            },
        );
        let result = LedgerResult {
            exit_code: Some(-1),
            files_changed: Some(2),
            status: "declined".to_owned(),
        };
        ledger.result(&"session-1".to_owned(), &item, &result);
    }
    ledger.record(NewEntry {
        session: "session-2".to_owned(),
        ..entry("open", "true")
    });
    ledger.flush(LONG);
    ledger
}

#[test]
fn json_lines_hold_everything() {
    let folder = tempdir().unwrap();
    let ledger = some(folder.path());
    let path = folder.path().join("out.jsonl");
    fs::write(&path, "what was there").unwrap();
    let query = LedgerQuery::default();
    let count = ledger
        .export(&query, ExportFormat::JsonLines, &path)
        .unwrap();
    assert_eq!(count, 6);
    let entries: Vec<LedgerEntry> = fs::read_to_string(&path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries, all(&ledger));
}

#[test]
fn a_table_reads_back_and_runs_no_formula() {
    let folder = tempdir().unwrap();
    let ledger = some(folder.path());
    let path = folder.path().join("out.csv");
    let query = LedgerQuery {
        session: Some("session-1".to_owned()),
        ..LedgerQuery::default()
    };
    assert_eq!(ledger.export(&query, ExportFormat::Csv, &path).unwrap(), 5);
    let mut table = csv::Reader::from_path(&path).unwrap();
    let column = |name: &str| {
        let headers = csv::Reader::from_path(&path)
            .unwrap()
            .headers()
            .unwrap()
            .clone();
        headers.iter().position(|header| header == name).unwrap()
    };
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    let cells = |name: &str| -> Vec<&str> { rows.iter().map(|row| &row[column(name)]).collect() };
    assert_eq!(
        cells("detail"),
        [
            "'  @SUM(1)",
            "'-5",
            "'=cmd|' /C calc'!A0",
            "echo \"a,b\"\nsecond; line",
            "ls"
        ]
    );
    assert_eq!(cells("reason for the denial"), ["'+1"; 5]);
    assert_eq!(cells("exit code"), ["-1"; 5]);
    assert_eq!(cells("end"), ["denied"; 5]);
    assert_eq!(cells("settled by"), ["person, in the dialog (deny)"; 5]);
    assert_eq!(cells("asked at"), ["2023-11-14 22:13:20.000Z"; 5]);
    assert_eq!(cells("waited (s)"), ["1.500"; 5]);
}

#[test]
fn a_table_that_cannot_be_written_leaves_nothing_behind() {
    let folder = tempdir().unwrap();
    let ledger = some(folder.path());
    let out = tempdir().unwrap();
    let query = LedgerQuery::default();
    // A folder is in the way, and a folder is missing.
    let taken = out.path().join("taken");
    fs::create_dir(&taken).unwrap();
    for path in [taken, out.path().join("missing/out.csv")] {
        let error = ledger.export(&query, ExportFormat::Csv, &path).unwrap_err();
        let problem = error.problem();
        assert!(
            problem.what.ends_with("could not be written."),
            "{problem:?}"
        );
        assert!(problem.meaning.starts_with("Nothing was exported."));
    }
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
}
