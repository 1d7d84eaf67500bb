//! The ledger on real disks: whole, full, closed, damaged and killed.

mod damage;
mod disk;
mod export;
mod kill;
mod record;
mod retention;
mod search;

use std::path::Path;
use std::time::Duration;

use countersign_contract::{
    AnsweredFrom, ApprovalOutcome, ChoiceId, LedgerEntry, LedgerQuery, RiskLevel, Settled,
    SubjectKind,
};
use proptest::prelude::ProptestConfig;
use serde_json::value::RawValue;

use super::{ItemRef, Ledger, NewEntry};

/// Long enough for any disk: a wait that ends by it has failed.
const LONG: Duration = Duration::from_secs(60);

fn open(folder: &Path) -> Ledger {
    let (ledger, problems) = Ledger::open(folder);
    assert_eq!(problems, []);
    ledger
}

fn entry(approval: &str, detail: &str) -> NewEntry {
    NewEntry {
        approval: approval.to_owned(),
        asked_at: 1_700_000_000_000,
        session: "session-1".to_owned(),
        session_title: "Tidy up".to_owned(),
        profile: "profile-1".to_owned(),
        profile_name: "Careful".to_owned(),
        folder: "/srv/work".to_owned(),
        subject: SubjectKind::Command,
        name: format!("Run {detail}"),
        detail: detail.to_owned(),
        reason: None,
        risk: RiskLevel::Low,
        item: Some(ItemRef {
            thread: "thread-1".to_owned(),
            turn: "turn-1".to_owned(),
            item: format!("item-{approval}"),
        }),
        raw: RawValue::from_string(format!("{{\"n\": [1,2.50], \"of\":\"{approval}\"}}")).unwrap(),
    }
}

fn answered(choice: ChoiceId) -> Settled {
    Settled {
        outcome: ApprovalOutcome::Answered {
            choice,
            by: AnsweredFrom::Dialog,
        },
        at: 1_700_000_001_500,
        reason: None,
    }
}

fn all(ledger: &Ledger) -> Vec<LedgerEntry> {
    ledger.recent(100_000, &LedgerQuery::default()).unwrap()
}

fn details(ledger: &Ledger) -> Vec<String> {
    let mut details: Vec<_> = all(ledger).into_iter().map(|entry| entry.detail).collect();
    details.reverse();
    details
}

/// So many cases of a property, or as many as `PROPTEST_CASES` says.
fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked.and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(cases.unwrap_or(usual))
}
