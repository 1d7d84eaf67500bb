use std::fs;
use std::path::Path;

use countersign_contract::{ChoiceId, LedgerQuery};
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::tempdir;

use super::{LONG, all, answered, cases, details, entry, open};
use crate::ledger::Ledger;

fn filled(folder: &Path) -> Vec<u8> {
    let ledger = open(folder);
    for n in 0..150 {
        ledger.record(entry(&n.to_string(), &format!("echo {n}")));
        ledger.settled(&n.to_string(), answered(ChoiceId::Deny));
    }
    ledger.flush(LONG);
    drop(ledger);
    fs::read(folder.join("ledger.db")).unwrap()
}

#[test]
fn a_foreign_file_is_set_aside_and_named() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    for number in 1..4 {
        let aside = folder.path().join(format!("ledger.set-aside-{number}.db"));
        if number == 3 {
            // Somebody else's database.
            let _ = fs::remove_file(&file);
            let other = Connection::open(&file).unwrap();
            other.execute("CREATE TABLE theirs (x)", []).unwrap();
        } else {
            fs::write(
                &file,
                "not a database, and longer than its header ".repeat(40),
            )
            .unwrap();
        }
        let before = fs::read(&file).unwrap();
        let (ledger, problems) = Ledger::open(folder.path());
        assert_eq!(problems.len(), 1);
        let name = aside.file_name().unwrap().to_str().unwrap();
        assert!(problems[0].what.contains(name), "{problems:?}");
        assert_eq!(fs::read(&aside).unwrap(), before);
        ledger.record(entry("1", "ls"));
        assert_eq!(ledger.flush(LONG), 0);
        assert_eq!(details(&ledger), ["ls"]);
    }
}

#[test]
fn one_of_a_newer_version_is_read_and_left_as_it_is() {
    let folder = tempdir().unwrap();
    filled(folder.path());
    let file = folder.path().join("ledger.db");
    Connection::open(&file)
        .unwrap()
        .execute_batch("PRAGMA user_version = 9; PRAGMA wal_checkpoint(TRUNCATE);")
        .unwrap();
    let before = fs::read(&file).unwrap();
    let (ledger, problems) = Ledger::open(folder.path());
    assert_eq!(problems.len(), 1);
    assert!(problems[0].what.contains("newer version"), "{problems:?}");
    ledger.record(entry("1", "ls"));
    assert!(!ledger.settled(&"1".to_owned(), answered(ChoiceId::Deny)));
    ledger.retain(Some(0));
    assert_eq!(ledger.flush(LONG), 0);
    assert_eq!(all(&ledger).len(), 150);
    drop(ledger);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_torn_one_is_set_aside_unless_nothing_is_missing() {
    let folder = tempdir().unwrap();
    let whole = filled(folder.path());
    let mut aside = 0;
    for cut in (1..whole.len()).step_by(whole.len() / 23) {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("ledger.db"), &whole[..cut]).unwrap();
        let (ledger, problems) = Ledger::open(folder.path());
        if problems.is_empty() {
            assert_eq!(all(&ledger).len(), 150, "{cut}");
            continue;
        }
        aside += 1;
        let kept = fs::read(folder.path().join("ledger.set-aside-1.db")).unwrap();
        assert!(kept.starts_with(&whole[..cut.min(16)]), "{cut}");
        ledger.record(entry("1", "ls"));
        assert_eq!(ledger.flush(LONG), 0, "{cut}");
        assert_eq!(details(&ledger), ["ls"], "{cut}");
    }
    assert!(aside > 15, "{aside}");
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn with_bytes_turned_over_it_still_records(at in prop::collection::vec((0.0..1.0f64, any::<u8>()), 1..40)) {
        let folder = tempdir().unwrap();
        let mut bytes = filled(folder.path());
        for (at, byte) in at {
            let at = (bytes.len() as f64 * at) as usize;
            bytes[at] = byte;
        }
        fs::write(folder.path().join("ledger.db"), bytes).unwrap();
        let (ledger, _) = Ledger::open(folder.path());
        let (told, heard) = std::sync::mpsc::channel();
        ledger.listen(move |happened| drop(told.send(happened)));
        let id = ledger.record(entry("1", "needle"));
        prop_assert_eq!(ledger.flush(LONG), 0, "{:?}", heard.try_iter().collect::<Vec<_>>());
        // What is damaged may be unreadable, which is an error and never a panic.
        let _ = ledger.search(&LedgerQuery { text: "echo".to_owned(), ..LedgerQuery::default() }, None, 500);
        let _ = ledger.same_before(&"session-1".to_owned(), countersign_contract::SubjectKind::Command, "echo 3");
        let newest = ledger.recent(1, &LedgerQuery::default());
        if let Ok(newest) = newest {
            prop_assert_eq!(newest[0].id, id);
        }
    }
}
