use std::sync::mpsc;

use countersign_contract::{ChoiceId, LedgerQuery, Settled};
use tempfile::tempdir;

use super::{LONG, all, answered, entry, open};
use crate::clock::now_ms;
use crate::ledger::{DAY, Happened, Ledger};

/// So many more than fit into one batch, in three of four cases settled, so many days ago.
fn fill(ledger: &Ledger) {
    for n in 0..1_600i64 {
        let approval = n.to_string();
        let mut asked = entry(&approval, &format!("word{n}word"));
        asked.asked_at = now_ms() - 50 * DAY;
        ledger.record(asked);
        if n % 4 != 0 {
            ledger.settled(
                &approval,
                Settled {
                    at: now_ms() - if n % 4 == 1 { 2 } else { 40 } * DAY,
                    ..answered(ChoiceId::AllowOnce)
                },
            );
        }
    }
    assert_eq!(ledger.flush(LONG), 0);
}

#[test]
fn what_was_settled_long_ago_goes_and_the_rest_stays() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    let (told, changes) = mpsc::channel();
    ledger.listen(move |happened| told.send(happened).unwrap());
    ledger.retain(None);
    ledger.retain(Some(60));
    ledger.retain(Some(30));
    while all(&ledger).len() > 800 {
        assert_eq!(changes.recv_timeout(LONG).unwrap(), Happened::Changed);
    }
    // What comes meanwhile is written, and nothing more goes.
    ledger.record(entry("new", "new"));
    assert_eq!(ledger.flush(LONG), 0);
    let left = all(&ledger);
    assert_eq!(left.len(), 801);
    assert_eq!(
        left.iter().filter(|entry| entry.settled.is_none()).count(),
        401
    );
    // The index forgot them too.
    for (n, times) in [(0, 1), (1, 1), (2, 0), (3, 0), (1_597, 1), (1_599, 0)] {
        let query = LedgerQuery {
            text: format!("word{n}word"),
            ..LedgerQuery::default()
        };
        assert_eq!(ledger.search(&query, None, 5).unwrap().total, times, "{n}");
    }
    drop(ledger);
    let database = rusqlite::Connection::open(folder.path().join("ledger.db")).unwrap();
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        database.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(
        (count("asked"), count("settled"), count("open")),
        (801, 400, 401)
    );
    database
        .execute("INSERT INTO found (found) VALUES ('integrity-check')", [])
        .unwrap();
}
