use countersign_contract::{
    AnsweredFrom, ApprovalOutcome, ChoiceId, LedgerEnd, LedgerEntry, LedgerQuery, Settled,
    SubjectKind,
};
use proptest::prelude::*;
use tempfile::tempdir;

use super::{LONG, all, answered, cases, entry, open};
use crate::ledger::{Ledger, NewEntry, SHORT_WORDS, end_of};

/// What texts and words are put together from: letters with and without another case, quotes and marks that mean
/// something to databases, letters that need more than one byte, and the characters of the index's own tokens.
const PIECES: [&str; 22] = [
    "git",
    "Push",
    "a",
    "B",
    "é",
    "É",
    "Ü",
    "\"",
    "'",
    "--",
    "%",
    "_",
    "*",
    "猫犬鳥",
    "/",
    ".rs",
    " ",
    " ",
    "\n",
    "AND",
    "\u{e000}\u{e100}\u{e201}",
    ":",
];

fn text(pieces: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), pieces).prop_map(|all| all.concat())
}

const SUBJECTS: [SubjectKind; 3] = [SubjectKind::Command, SubjectKind::Files, SubjectKind::Other];

const ENDS: [LedgerEnd; 4] = [
    LedgerEnd::Open,
    LedgerEnd::Allowed,
    LedgerEnd::Denied,
    LedgerEnd::Unanswered,
];

fn settled() -> impl Strategy<Value = Option<Settled>> {
    let outcomes = [
        ApprovalOutcome::Answered {
            choice: ChoiceId::AllowForSession,
            by: AnsweredFrom::Desk,
        },
        ApprovalOutcome::Hook {
            name: "h".to_owned(),
            allowed: false,
        },
        ApprovalOutcome::TurnEnded,
    ];
    prop::option::of(
        prop::sample::select(outcomes.to_vec()).prop_map(|outcome| Settled {
            outcome,
            at: 9_000,
            reason: None,
        }),
    )
}

fn question() -> impl Strategy<Value = (NewEntry, Option<Settled>)> {
    (
        (text(0..4), text(0..9), prop::option::of(text(0..4))),
        (text(0..3), text(0..3)),
        (
            0..3u8,
            0..2u8,
            prop::sample::select(&SUBJECTS[..]),
            0..100i64,
        ),
        settled(),
    )
        .prop_map(|((name, detail, reason), (title, folder), of, settled)| {
            let (session, profile, subject, at) = of;
            let entry = NewEntry {
                name,
                detail,
                reason,
                session_title: title,
                folder,
                session: format!("s{session}"),
                profile: format!("p{profile}"),
                subject,
                asked_at: at,
                ..entry("", "")
            };
            (entry, settled)
        })
}

fn query() -> impl Strategy<Value = LedgerQuery> {
    (
        prop_oneof![2 => Just(String::new()), 5 => text(1..4)],
        prop::collection::vec(prop::sample::select(&SUBJECTS[..]), 0..3),
        prop::collection::vec(prop::sample::select(&ENDS[..]), 0..3),
        prop::option::weighted(0.3, (0..4u8).prop_map(|s| format!("s{s}"))),
        prop::option::weighted(0.3, (0..3u8).prop_map(|p| format!("p{p}"))),
        prop::option::weighted(0.3, 0..100i64),
        prop::option::weighted(0.3, 0..100i64),
    )
        .prop_map(
            |(text, subjects, ends, session, profile, from, to)| LedgerQuery {
                text,
                subjects,
                ends,
                session,
                profile,
                from,
                to,
            },
        )
}

/// What a query means, said plainly.
fn matches(entry: &LedgerEntry, query: &LedgerQuery) -> bool {
    let lower = |text: &str| text.to_lowercase();
    let texts = [
        Some(&entry.name),
        Some(&entry.detail),
        entry.reason.as_ref(),
        Some(&entry.session_title),
        Some(&entry.folder),
    ];
    let end = match &entry.settled {
        Some(settled) => end_of(&settled.outcome),
        None => LedgerEnd::Open,
    };
    query.text.split_whitespace().all(|word| {
        texts
            .iter()
            .flatten()
            .any(|text| lower(text).contains(&lower(word)))
    }) && (query.subjects.is_empty() || query.subjects.contains(&entry.subject))
        && (query.ends.is_empty() || query.ends.contains(&end))
        && query.session.as_ref().is_none_or(|id| *id == entry.session)
        && query.profile.as_ref().is_none_or(|id| *id == entry.profile)
        && query.from.is_none_or(|from| entry.asked_at >= from)
        && query.to.is_none_or(|to| entry.asked_at < to)
}

/// All pages, one after the other.
fn paged(ledger: &Ledger, query: &LedgerQuery, limit: u32) -> (Vec<LedgerEntry>, u32) {
    let mut entries: Vec<LedgerEntry> = Vec::new();
    loop {
        let before = entries.last().map(|entry| entry.id);
        let page = ledger.search(query, before, limit).unwrap();
        assert!(page.entries.len() <= limit as usize);
        assert!(!page.more || page.entries.len() == limit as usize);
        entries.extend(page.entries);
        if !page.more {
            return (entries, page.total);
        }
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn a_query_finds_what_it_means_in_any_ledger(
        questions in prop::collection::vec(question(), 0..40),
        queries in prop::collection::vec(query(), 20),
        limit in 1..9u32,
    ) {
        let folder = tempdir().unwrap();
        let ledger = open(folder.path());
        for (n, (entry, settled)) in questions.into_iter().enumerate() {
            let approval = n.to_string();
            ledger.record(NewEntry { approval: approval.clone(), ..entry });
            if let Some(settled) = settled {
                ledger.settled(&approval, settled);
            }
        }
        ledger.flush(LONG);
        let everything = all(&ledger);
        for query in queries {
            let (found, total) = paged(&ledger, &query, limit);
            let meant: Vec<_> = everything.iter().filter(|e| matches(e, &query)).cloned().collect();
            prop_assert_eq!(total as usize, meant.len(), "{:?}", query);
            prop_assert_eq!(&ledger.recent(1_000, &query).unwrap(), &meant, "{:?}", query);
            prop_assert_eq!(found, meant, "{:?}", query);
        }
    }
}

fn found(ledger: &Ledger, text: &str) -> usize {
    let query = LedgerQuery {
        text: text.to_owned(),
        ..LedgerQuery::default()
    };
    ledger.search(&query, None, 10).unwrap().total as usize
}

#[test]
fn the_beginning_of_a_long_detail_is_searched() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    let detail = format!(
        "{}needle-in{}zz{}needle-out",
        "é".repeat(4_000),
        "-".repeat(60),
        "=".repeat(60)
    );
    ledger.record(NewEntry {
        name: "Change".to_owned(),
        ..entry("1", &detail)
    });
    ledger.flush(LONG);
    assert_eq!(all(&ledger)[0].detail, detail);
    for (word, times) in [
        ("needle-in", 1),
        ("NEEDLE-IN", 1),
        ("zz", 1),
        ("needle-out", 0),
        ("tt", 0),
    ] {
        assert_eq!(found(&ledger, word), times, "{word}");
    }
}

#[test]
fn short_words_are_looked_for_in_the_newest_of_what_else_matches() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    let old = |approval: &str, title: &str| NewEntry {
        session_title: title.to_owned(),
        ..entry(approval, "xy")
    };
    ledger.record(old("a", "old"));
    ledger.record(old("b", "rare"));
    for n in 0..SHORT_WORDS {
        ledger.record(entry(&n.to_string(), "echo"));
    }
    ledger.flush(LONG);
    assert_eq!(found(&ledger, "xy"), 0);
    assert_eq!(found(&ledger, "xy rare"), 1);
    assert_eq!(found(&ledger, "ec"), SHORT_WORDS as usize);
}

#[test]
fn a_wrong_clock_hides_nothing() {
    let folder = tempdir().unwrap();
    let ledger = open(folder.path());
    for n in 0..3_000i64 {
        // Once far in the future and once far in the past.
        let asked_at = match n {
            700 => 90_000_000,
            2_500 => -5,
            n => n * 1_000,
        };
        ledger.record(NewEntry {
            asked_at,
            ..entry(&n.to_string(), "ls")
        });
        ledger.settled(&n.to_string(), answered(ChoiceId::Deny));
    }
    ledger.flush(LONG);
    let count = |from, to| {
        let query = LedgerQuery {
            from,
            to,
            ..LedgerQuery::default()
        };
        ledger.search(&query, None, 1).unwrap().total
    };
    assert_eq!(count(None, None), 3_000);
    assert_eq!(count(Some(80_000_000), None), 1);
    assert_eq!(count(None, Some(0)), 1);
    assert_eq!(count(Some(699_000), Some(702_000)), 2);
    assert_eq!(count(Some(5_000), Some(5_000)), 0);
    assert_eq!(count(None, Some(i64::MIN)), 0);
}
