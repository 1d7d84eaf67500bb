//! Killed at any moment, what was said to be on disk is there.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use countersign_contract::{ChoiceId, LedgerQuery};
use rusqlite::Connection;
use tempfile::tempdir;

use super::{LONG, all, answered, entry, open};

const FOLDER: &str = "COUNTERSIGN_TEST_LEDGER";
/// The test that, with a folder in its environment, is the process that is killed.
const WRITER: &str = "ledger::tests::kill::killed_at_any_write_it_has_all_that_it_acknowledged";

/// Killed and reaped, however the test ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path) -> (Process, impl Iterator<Item = String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", WRITER, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (Process(child), lines.map_while(Result::ok))
}

/// Wastes a little time, less than a write takes, another amount each round.
fn dawdle(round: u64) {
    for n in 0..round.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 400_000 {
        std::hint::black_box(n);
    }
}

#[test]
fn killed_at_any_write_it_has_all_that_it_acknowledged() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        record_until_killed(Path::new(&folder));
    }
    let folder = tempdir().unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..30 {
        let (process, mut lines) = start(folder.path());
        for _ in 0..round * 7 % 11 + 1 {
            let line = lines.find(|line| line.starts_with("kept ")).unwrap();
            acknowledged.push(line["kept ".len()..].to_owned());
        }
        dawdle(round);
        drop(process);
        // What it said before it died counts too.
        let said = lines.filter_map(|line| Some(line.strip_prefix("kept ")?.to_owned()));
        acknowledged.extend(said);

        let ledger = open(folder.path());
        let entries = all(&ledger);
        let kept: std::collections::HashSet<_> = entries
            .iter()
            .filter(|entry| entry.settled.is_some())
            .map(|entry| entry.name.as_str())
            .collect();
        for name in &acknowledged {
            assert!(
                kept.contains(name.as_str()),
                "round {round}: {name} is missing"
            );
        }
        let query = LedgerQuery {
            text: "question".to_owned(),
            ..LedgerQuery::default()
        };
        let total = ledger.search(&query, None, 1).unwrap().total;
        assert_eq!(total as usize, entries.len(), "the index has them all");
        drop(ledger);
        let database = Connection::open(folder.path().join("ledger.db")).unwrap();
        let said: String = database
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(said, "ok", "round {round}");
    }
    assert!(acknowledged.len() >= 30);
}

#[test]
fn killed_while_it_is_made_it_opens_the_next_time() {
    for round in 0..12 {
        let folder = tempdir().unwrap();
        let (process, mut lines) = start(folder.path());
        lines.find(|line| line.ends_with("opening")).unwrap();
        dawdle(round * 31);
        drop(process);
        assert_eq!(open(folder.path()).flush(LONG), 0);
    }
}

fn record_until_killed(folder: &Path) -> ! {
    println!("\nopening");
    let ledger = open(folder);
    let mut n = 0;
    loop {
        let approval = format!("question-{}-{n}", std::process::id());
        let mut asked = entry(&approval, &"do this and that; ".repeat(n % 97));
        asked.name = approval.clone();
        ledger.record(asked);
        ledger.settled(&approval, answered(ChoiceId::AllowOnce));
        if n % 5 == 4 {
            ledger.retain(Some(1_000_000));
        }
        assert_eq!(ledger.flush(LONG), 0);
        println!("kept {approval}");
        n += 1;
    }
}
