use std::sync::mpsc;

use countersign_contract::{
    ApprovalOutcome, AskedBefore, ChoiceId, LedgerEnd, LedgerEntry, LedgerQuery, LedgerResult,
    RiskLevel, Settled, SubjectKind,
};
use rusqlite::Connection;
use tempfile::tempdir;

use super::{LONG, all, answered, details, entry, open};
use crate::ledger::{Happened, ItemRef, Ledger, end_of};

fn result(status: &str) -> LedgerResult {
    LedgerResult {
        exit_code: Some(-2),
        files_changed: Some(3),
        status: status.to_owned(),
    }
}

#[test]
fn a_question_its_end_and_its_result_come_back_as_they_were() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    let mut asked = entry("1-7", "rm -r \u{2028} “x”\0y\n\n  ");
    asked.reason = Some("to tidy".to_owned());
    asked.risk = RiskLevel::Dangerous;
    asked.subject = SubjectKind::Tool;
    let item = asked.item.clone().unwrap();
    let id = ledger.record(asked.clone());
    let settled = Settled {
        outcome: ApprovalOutcome::Rule {
            rule: "r1".to_owned(),
            name: "no rm".to_owned(),
            allowed: false,
        },
        at: 1_700_000_009_000,
        reason: Some("not here".to_owned()),
    };
    assert!(ledger.settled(&asked.approval, settled.clone()));
    ledger.result(&asked.session, &item, &result("declined"));
    assert_eq!(ledger.flush(LONG), 0);
    let expected = LedgerEntry {
        id,
        asked_at: asked.asked_at,
        session: asked.session,
        session_title: asked.session_title,
        profile: asked.profile,
        profile_name: asked.profile_name,
        folder: asked.folder,
        subject: asked.subject,
        name: asked.name,
        detail: asked.detail,
        reason: asked.reason,
        risk: asked.risk,
        settled: Some(settled),
        result: Some(result("declined")),
        raw: serde_json::json!({"n": [1, 2.5], "of": "1-7"}),
    };
    assert_eq!(all(&ledger), std::slice::from_ref(&expected));
    drop(ledger);
    assert_eq!(all(&open(folder.path())), [expected]);
    // The text of the request is kept to the letter.
    let raw: String = database(folder.path())
        .query_row("SELECT raw FROM asked", [], |row| row.get(0))
        .unwrap();
    assert_eq!(raw, "{\"n\": [1,2.50], \"of\":\"1-7\"}");
}

#[test]
fn only_the_first_end_and_the_first_result_count() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    let asked = entry("1", "ls");
    let item = asked.item.clone().unwrap();
    ledger.record(asked);
    assert!(ledger.settled(&"1".to_owned(), answered(ChoiceId::Deny)));
    assert!(!ledger.settled(&"1".to_owned(), answered(ChoiceId::AllowOnce)));
    assert!(!ledger.settled(&"2".to_owned(), answered(ChoiceId::AllowOnce)));
    let session = "session-1".to_owned();
    ledger.result(&session, &item, &result("completed"));
    ledger.result(&session, &item, &result("failed"));
    ledger.flush(LONG);
    let entry = all(&ledger).remove(0);
    assert_eq!(end_of(&entry.settled.unwrap().outcome), LedgerEnd::Denied);
    assert_eq!(entry.result.unwrap().status, "completed");
}

#[test]
fn a_result_is_for_every_question_about_its_item_and_no_other() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    let item = |item: &str| {
        Some(ItemRef {
            thread: "t".to_owned(),
            turn: "u".to_owned(),
            item: item.to_owned(),
        })
    };
    for (approval, of) in [("1", "a"), ("2", "a"), ("3", "b")] {
        let mut asked = entry(approval, approval);
        asked.item = item(of);
        ledger.record(asked);
    }
    ledger.result(
        &"another".to_owned(),
        &item("a").unwrap(),
        &result("failed"),
    );
    ledger.result(
        &"session-1".to_owned(),
        &item("a").unwrap(),
        &result("completed"),
    );
    ledger.flush(LONG);
    let results: Vec<_> = all(&ledger).iter().map(|e| e.result.is_some()).collect();
    assert_eq!(results, [false, true, true]);
}

#[test]
fn ids_grow_also_over_a_restart_and_may_repeat_on_the_desk() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    let first = ledger.record(entry("1-1", "a"));
    let second = ledger.record(entry("1-2", "b"));
    drop(ledger);
    let ledger = open(folder.path());
    let third = ledger.record(entry("1-1", "c"));
    assert!(first < second && second < third);
    ledger.settled(&"1-1".to_owned(), answered(ChoiceId::Deny));
    ledger.flush(LONG);
    let open: Vec<_> = all(&ledger).iter().map(|e| e.settled.is_none()).collect();
    assert_eq!(
        open,
        [false, true, true],
        "what a past run left open is open"
    );
}

#[test]
fn the_database_refuses_to_forget_or_to_change() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    let asked = entry("1", "ls");
    let item = asked.item.clone().unwrap();
    ledger.record(asked);
    ledger.settled(&"1".to_owned(), answered(ChoiceId::Deny));
    ledger.result(&"session-1".to_owned(), &item, &result("declined"));
    ledger.retain(Some(36_500));
    ledger.flush(LONG);
    let database = database(folder.path());
    for statement in [
        "UPDATE asked SET detail = 'true'",
        "UPDATE settled SET ended = 'allowed'",
        "UPDATE result SET exit_code = 0",
        "DELETE FROM asked",
        "DELETE FROM settled",
        "DELETE FROM result",
    ] {
        let refused = database.execute(statement, []).unwrap_err().to_string();
        assert_eq!(refused, "the ledger is append-only", "{statement}");
    }
    assert_eq!(details(&ledger), ["ls"]);
}

#[test]
fn what_looks_the_same_is_known_before_and_after_it_is_written_and_after_a_restart() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    let before = |ledger: &Ledger, detail: &str| {
        ledger.same_before(&"session-1".to_owned(), SubjectKind::Command, detail)
    };
    assert_eq!(before(&ledger, "ls"), None);
    let mut asked = entry("1", "ls");
    ledger.record(asked.clone());
    let once = |last| {
        Some(AskedBefore {
            times: 1,
            last_at: 1_700_000_000_000,
            last,
        })
    };
    // Whichever of queue and database has it by now.
    assert_eq!(before(&ledger, "ls"), once(None));
    ledger.flush(LONG);
    assert_eq!(before(&ledger, "ls"), once(None));
    let settled = answered(ChoiceId::Deny);
    ledger.settled(&"1".to_owned(), settled.clone());
    assert_eq!(before(&ledger, "ls"), once(Some(settled.outcome.clone())));
    drop(ledger);
    let ledger = open(folder.path());
    assert_eq!(before(&ledger, "ls"), once(Some(settled.outcome)));
    asked.asked_at += 5;
    asked.approval = "2".to_owned();
    ledger.record(asked);
    let twice = Some(AskedBefore {
        times: 2,
        last_at: 1_700_000_000_005,
        last: None,
    });
    assert_eq!(before(&ledger, "ls"), twice);
    assert_eq!(before(&ledger, "ls "), None);
    let elsewhere = ledger.same_before(&"session-2".to_owned(), SubjectKind::Command, "ls");
    assert_eq!(elsewhere, None);
    let other = ledger.same_before(&"session-1".to_owned(), SubjectKind::Tool, "ls");
    assert_eq!(other, None);
}

#[test]
fn clones_are_the_same_ledger_and_changes_are_told() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    let (told, changes) = mpsc::channel();
    ledger.listen(move |happened| told.send(happened).unwrap());
    let clone = ledger.clone();
    clone.record(entry("1", "one"));
    drop(clone);
    assert_eq!(changes.recv_timeout(LONG).unwrap(), Happened::Changed);
    assert_eq!(details(&ledger), ["one"]);
}

#[test]
fn many_write_and_many_read_at_once() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let ledger = &ledger;
            scope.spawn(move || {
                for n in 0..100 {
                    let approval = format!("{writer}-{n}");
                    ledger.record(entry(&approval, &format!("echo {approval}.")));
                    if n % 2 == 0 {
                        ledger.settled(&approval, answered(ChoiceId::AllowOnce));
                    }
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                let mut seen = 0;
                while seen < 400 {
                    let page = ledger.search(&LedgerQuery::default(), None, 500).unwrap();
                    assert_eq!(page.total as usize, page.entries.len());
                    assert!(page.entries.len() >= seen, "what was there is gone");
                    assert!(page.entries.is_sorted_by(|a, b| a.id > b.id));
                    seen = page.entries.len();
                    if seen < 400 {
                        ledger.flush(LONG);
                    }
                }
            });
        }
    });
    let mut details = details(&ledger);
    details.sort();
    details.dedup();
    assert_eq!(details.len(), 400);
    let settled = all(&ledger).iter().filter(|e| e.settled.is_some()).count();
    ledger.flush(LONG);
    assert!(settled <= 200);
    assert_eq!(
        all(&ledger).iter().filter(|e| e.settled.is_some()).count(),
        200
    );
}

fn database(folder: &std::path::Path) -> Connection {
    Connection::open(folder.join("ledger.db")).unwrap()
}
