//! What the ledger costs with a million questions in it: writing them, and finding some.
//!
//! `cargo bench --bench ledger [-- --entries 1000000 --rounds 40]`. The database is built once under
//! `target/bench/ledger-ENTRIES`; a line for each query says how long a page of 50 takes, and
//! `target/bench/ledger.json` has the same figures for programs. The budget is 100 ms for the 95th percentile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use countersign_app::ledger::{ItemRef, Ledger, NewEntry};
use countersign_contract::{
    AnsweredFrom, ApprovalOutcome, ChoiceId, LedgerEnd, LedgerId, LedgerQuery, LedgerResult,
    RiskLevel, Settled, SubjectKind,
};
use serde_json::{json, value::RawValue};

/// The first question's time, and how far apart they are: a million take two years.
const FIRST: i64 = 1_730_000_000_000;
const APART: i64 = 63_000;

const SESSIONS: u64 = 4_000;

fn main() {
    let argument = |name: &str, default: u64| {
        let mut arguments = std::env::args().skip_while(|argument| argument != name);
        let value = arguments
            .nth(1)
            .map(|value| value.parse().expect("a number"));
        value.unwrap_or(default)
    };
    let (entries, rounds) = (argument("--entries", 1_000_000), argument("--rounds", 40));
    let target = target();
    let folder = target.join(format!("ledger-{entries}"));
    let built = build(&folder, entries);
    let bytes = std::fs::metadata(folder.join("ledger.db")).unwrap().len();
    let rate = built.map(|took| (entries as f64 / took.as_secs_f64()).round());
    match rate {
        Some(rate) => println!("{entries} questions written, {rate} a second"),
        None => println!("{entries} questions, built before"),
    }
    println!(
        "{:.2} GB, {} bytes a question",
        bytes as f64 / 1e9,
        bytes / entries
    );

    let opening = Instant::now();
    let (ledger, problems) = Ledger::open(&folder);
    assert!(problems.is_empty(), "{problems:?}");
    println!("opened in {:.1} ms", millis(opening.elapsed()));

    let mut report = Vec::new();
    let mut every = Vec::new();
    for (name, query) in queries(entries) {
        let page = ledger.search(&query, None, 50).unwrap();
        let mut took: Vec<f64> = (0..rounds)
            .map(|_| {
                let start = Instant::now();
                ledger.search(&query, None, 50).unwrap();
                millis(start.elapsed())
            })
            .collect();
        every.extend(&took);
        report.push(line(name, &mut took, page.total));
    }
    let middle = middle(&ledger);
    let mut took: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            ledger
                .search(&LedgerQuery::default(), Some(middle), 50)
                .unwrap();
            millis(start.elapsed())
        })
        .collect();
    report.push(line("a page in the middle", &mut took, 0));
    let mut took: Vec<f64> = (0..rounds)
        .map(|n| {
            let (entry, _) = question(n * 7_919 % entries);
            let start = Instant::now();
            ledger
                .same_before(&entry.session, entry.subject, &entry.detail)
                .unwrap();
            millis(start.elapsed())
        })
        .collect();
    report.push(line("asked before", &mut took, 0));
    let all = line("all searches", &mut every, 0);
    let json = json!({
        "entries": entries, "bytes": bytes, "insertedPerSecond": rate, "queries": report, "all": all,
    });
    let file = target.join("ledger.json");
    std::fs::write(&file, format!("{json:#}\n")).unwrap();
    println!("{}", file.display());
}

/// Builds the database unless it is there. How long that took.
fn build(folder: &Path, entries: u64) -> Option<Duration> {
    let whole = folder.join("whole");
    if whole.exists() {
        return None;
    }
    let _ = std::fs::remove_dir_all(folder);
    let (ledger, problems) = Ledger::open(folder);
    assert!(problems.is_empty(), "{problems:?}");
    let start = Instant::now();
    for n in 0..entries {
        let (entry, outcome) = question(n);
        let (approval, session, item) = (
            entry.approval.clone(),
            entry.session.clone(),
            entry.item.clone().unwrap(),
        );
        let at = entry.asked_at + 4_000;
        ledger.record(entry);
        if let Some(outcome) = outcome {
            ledger.settled(
                &approval,
                Settled {
                    outcome,
                    at,
                    reason: None,
                },
            );
            let result = LedgerResult {
                exit_code: Some(0),
                files_changed: None,
                status: "completed".to_owned(),
            };
            ledger.result(&session, &item, &result);
        }
        // The queue is bounded by its bytes.
        if n % 2_000 == 0 {
            assert_eq!(ledger.flush(Duration::from_secs(600)), 0);
        }
    }
    assert_eq!(ledger.flush(Duration::from_secs(600)), 0);
    let took = start.elapsed();
    drop(ledger);
    std::fs::write(whole, "").unwrap();
    Some(took)
}

/// The question of that number, and how it ended. Numbers spread like dice, the same each time.
fn question(n: u64) -> (NewEntry, Option<ApprovalOutcome>) {
    let dice = |salt: u64, sides: u64| {
        let mut x = n
            .wrapping_add(salt << 40)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % sides
    };
    let pick = |salt, of: &[&'static str]| of[dice(salt, of.len() as u64) as usize];
    let session = dice(1, SESSIONS);
    let project = pick(
        2,
        &[
            "billing",
            "website",
            "compiler",
            "handbook",
            "infrastructure",
        ],
    );
    let file = format!(
        "src/{}/{}_{}.rs",
        pick(3, AREAS),
        pick(4, AREAS),
        dice(5, 400)
    );
    let (subject, detail) = match dice(6, 100) {
        0..70 => {
            let command = match dice(7, 12) {
                0 => format!("cargo test -p {project} {}", pick(8, AREAS)),
                1 => format!(
                    "git commit -m 'Move {} out of {}'",
                    pick(8, AREAS),
                    pick(9, AREAS)
                ),
                2 => "git status --short".to_owned(),
                3 => format!(
                    "git push origin feature/{}-{}",
                    pick(8, AREAS),
                    dice(9, 9_000)
                ),
                4 => format!("rg -n '{}' {file} | head -{}", pick(8, AREAS), dice(9, 90)),
                5 => format!("sed -n {},{}p {file}", dice(8, 900), dice(9, 900)),
                6 => format!("npm install {}-{}", pick(8, AREAS), pick(9, AREAS)),
                7 => format!("rm -rf target/{}/{}", pick(8, AREAS), dice(9, 5_000)),
                8 => format!(
                    "curl -fsS https://{}.example.org/v{}",
                    pick(8, AREAS),
                    dice(9, 9)
                ),
                9 => format!(
                    "python3 scripts/{}.py --seed {}",
                    pick(8, AREAS),
                    dice(9, 1 << 30)
                ),
                10 => format!("make {} && ./{project} --check {file}", pick(8, AREAS)),
                _ => format!("cat {file}"),
            };
            (SubjectKind::Command, command)
        }
        70..92 => {
            let mut diff = format!("--- a/{file}\n+++ b/{file}\n");
            for line in 0..4 + dice(8, 60) {
                let sign = [' ', '+', '-'][(dice(10 + line, 3)) as usize];
                let (a, b) = (pick(80 + line, AREAS), pick(160 + line, AREAS));
                diff.push_str(&format!(
                    "{sign}    let {a}_{line} = {b}({});\n",
                    dice(line, 99)
                ));
            }
            (SubjectKind::Files, diff)
        }
        92..97 => (
            SubjectKind::Tool,
            format!("{{\"query\": \"{} {}\"}}", pick(8, AREAS), n),
        ),
        97 => (
            SubjectKind::Permissions,
            format!("to write in /srv/{}", pick(8, AREAS)),
        ),
        _ => (
            SubjectKind::Questions,
            format!("Which {} shall it be?", pick(8, AREAS)),
        ),
    };
    let outcome = match dice(11, 1_000) {
        0 => None,
        1..150 => Some((ChoiceId::Deny, AnsweredFrom::Desk)),
        _ => Some((ChoiceId::AllowOnce, AnsweredFrom::Dialog)),
    };
    let outcome = outcome.map(|(choice, by)| match dice(12, 20) {
        0 => ApprovalOutcome::TurnEnded,
        _ => ApprovalOutcome::Answered { choice, by },
    });
    let raw = json!({
        "threadId": format!("0199-{session:04}"), "turnId": format!("turn-{n}"), "itemId": format!("call_{n}"),
        "command": ["/bin/bash", "-lc", detail], "cwd": format!("/home/somebody/src/{project}"),
        "reason": null, "availableDecisions": ["accept", "acceptForSession", "decline", "cancel"],
    });
    let first = detail.lines().next().unwrap_or_default();
    let name = match subject {
        SubjectKind::Files => format!("Change {file}"),
        SubjectKind::Command => format!("Run {first}"),
        _ => format!("Answer {first}"),
    };
    let rare = n == 123_456 || n == 876;
    let entry = NewEntry {
        approval: format!("1-{n}"),
        asked_at: FIRST + n as i64 * APART,
        session: format!("5f0c1f5e-0000-4000-8000-{session:012}"),
        session_title: format!("{} {}", pick(2, AREAS), session),
        profile: format!("profile-{}", dice(13, 6)),
        profile_name: pick(13, &["Careful", "Fast", "Work", "Home", "Review", "Night"]).to_owned(),
        folder: format!("/home/somebody/src/{project}"),
        subject,
        name,
        detail,
        reason: (rare || dice(14, 3) == 0).then(|| match rare {
            true => "because of the quagga".to_owned(),
            false => format!(
                "to see whether {} still works with {}",
                pick(15, AREAS),
                pick(16, AREAS)
            ),
        }),
        risk: RiskLevel::Elevated,
        item: Some(ItemRef {
            thread: format!("0199-{session:04}"),
            turn: format!("turn-{n}"),
            item: format!("call_{n}"),
        }),
        raw: RawValue::from_string(raw.to_string()).unwrap(),
    };
    (entry, outcome)
}

const AREAS: &[&str] = &[
    "ledger", "session", "parser", "socket", "window", "profile", "invoice", "customer", "render",
    "theme", "search", "upload", "backup", "release", "queue", "worker", "schema", "report",
    "export", "login", "token", "cache", "layout", "editor", "keyboard", "printer", "license",
    "calendar", "payment", "metric",
];

/// What people look for: rare and frequent words, filters, and both.
fn queries(entries: u64) -> Vec<(&'static str, LedgerQuery)> {
    let text = |text: &str| LedgerQuery {
        text: text.to_owned(),
        ..LedgerQuery::default()
    };
    let session = Some(format!("5f0c1f5e-0000-4000-8000-{:012}", 1_234));
    let profile = Some("profile-2".to_owned());
    let late = FIRST + entries as i64 * APART * 9 / 10;
    vec![
        ("rarest word: quagga", text("quagga")),
        ("everything", text("")),
        ("frequent word: git", text("git")),
        ("frequent words: cargo test", text("cargo test")),
        ("word of most: src", text("src")),
        ("word of folders: infrastructure", text("infrastructure")),
        (
            "one branch that was pushed",
            text(last_word(&one(entries, "git push"))),
        ),
        (
            "one of a tool's queries",
            text(last_word(&one(entries, "{\"query\""))),
        ),
        ("two words: target invoice", text("target invoice")),
        ("no such word: quokka", text("quokka")),
        (
            "frequent parts, rare whole: sessionsocket",
            text("sessionsocket"),
        ),
        ("three words: rm target invoice", text("rm target invoice")),
        ("short word: rm", text("rm")),
        (
            "session",
            LedgerQuery {
                session: session.clone(),
                ..text("")
            },
        ),
        (
            "session and frequent word",
            LedgerQuery {
                session: session.clone(),
                ..text("git")
            },
        ),
        (
            "profile",
            LedgerQuery {
                profile: profile.clone(),
                ..text("")
            },
        ),
        (
            "profile and word",
            LedgerQuery {
                profile: profile.clone(),
                ..text("npm install")
            },
        ),
        (
            "kind: permissions",
            LedgerQuery {
                subjects: vec![SubjectKind::Permissions],
                ..text("")
            },
        ),
        (
            "kinds and word",
            LedgerQuery {
                subjects: vec![SubjectKind::Tool, SubjectKind::Questions],
                ..text("ledger")
            },
        ),
        (
            "denied",
            LedgerQuery {
                ends: vec![LedgerEnd::Denied],
                ..text("")
            },
        ),
        (
            "denied and frequent word",
            LedgerQuery {
                ends: vec![LedgerEnd::Denied],
                ..text("git")
            },
        ),
        (
            "denied or unanswered in a session",
            LedgerQuery {
                ends: vec![LedgerEnd::Denied, LedgerEnd::Unanswered],
                session,
                ..text("")
            },
        ),
        (
            "open",
            LedgerQuery {
                ends: vec![LedgerEnd::Open],
                ..text("")
            },
        ),
        (
            "open and frequent word",
            LedgerQuery {
                ends: vec![LedgerEnd::Open],
                ..text("git")
            },
        ),
        (
            "the last tenth",
            LedgerQuery {
                from: Some(late),
                ..text("")
            },
        ),
        (
            "a week long ago",
            LedgerQuery {
                from: Some(FIRST + 9_600 * APART),
                to: Some(FIRST + 19_200 * APART),
                ..text("")
            },
        ),
        (
            "a week long ago and frequent word",
            LedgerQuery {
                from: Some(FIRST + 9_600 * APART),
                to: Some(FIRST + 19_200 * APART),
                ..text("git")
            },
        ),
        (
            "all filters and a word",
            LedgerQuery {
                profile,
                subjects: vec![SubjectKind::Command],
                ends: vec![LedgerEnd::Allowed],
                from: Some(late),
                ..text("curl")
            },
        ),
    ]
}

/// The detail of a question near the middle that begins so.
fn one(entries: u64, begin: &str) -> String {
    (entries / 2..)
        .map(|n| question(n).0.detail)
        .find(|detail| detail.starts_with(begin))
        .expect("there are many")
}

fn last_word(detail: &str) -> &str {
    let word = detail.split_whitespace().next_back().unwrap_or_default();
    word.trim_end_matches(['"', '}'])
}

fn middle(ledger: &Ledger) -> LedgerId {
    let newest = ledger.recent(1, &LedgerQuery::default()).unwrap()[0].id;
    let oldest = LedgerQuery {
        to: Some(FIRST + 1),
        ..LedgerQuery::default()
    };
    (newest + ledger.recent(1, &oldest).unwrap()[0].id) / 2
}

fn line(name: &str, took: &mut [f64], total: u32) -> serde_json::Value {
    took.sort_by(f64::total_cmp);
    let at = |part: f64| took[((took.len() - 1) as f64 * part).round() as usize];
    println!(
        "{:>9.2} ms p50 {:>9.2} ms p95  {name} ({total})",
        at(0.5),
        at(0.95)
    );
    json!({"name": name, "p50": at(0.5), "p95": at(0.95), "total": total})
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn target() -> PathBuf {
    // target/release/deps/ledger-HASH
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().join("bench")
}
