//! Runs every case once a round.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Map, Value};

use crate::gauge::{processors, setting};

/// What each case said, round by round.
pub(crate) struct Rounds {
    pub(crate) of: BTreeMap<&'static str, Vec<Map<String, Value>>>,
    pub(crate) is_quick: bool,
    pub(crate) count: u64,
}

/// Where a case and its server run. A wake-up across processors costs more than what is measured, so
/// nothing with a ratio is left to the scheduler.
enum Place {
    /// Each on its own processor: how much one can take.
    Apart,
    /// On one: how long it takes.
    Together,
    /// Anywhere.
    Free,
}

struct Case {
    name: &'static str,
    place: Place,
    environment: &'static [(&'static str, u64)],
}

const fn case(
    name: &'static str,
    place: Place,
    environment: &'static [(&'static str, u64)],
) -> Case {
    Case {
        name,
        place,
        environment,
    }
}

const DELTAS: &[(&str, u64)] = &[("BENCH_EVENTS", 200_000)];

const CASES: &[Case] = &[
    case("split", Place::Apart, DELTAS),
    case("serde", Place::Apart, DELTAS),
    case("deltas", Place::Apart, DELTAS),
    case("answer", Place::Apart, DELTAS),
    case("deltas threads", Place::Free, DELTAS),
    case("answer threads", Place::Free, DELTAS),
    case(
        "asks 5k",
        Place::Apart,
        &[("BENCH_EVENTS", 5_000), ("BENCH_TURNS", 16)],
    ),
    case(
        "asks 20k",
        Place::Apart,
        &[("BENCH_EVENTS", 20_000), ("BENCH_TURNS", 4)],
    ),
    case(
        "asks 80k",
        Place::Apart,
        &[("BENCH_EVENTS", 80_000), ("BENCH_TURNS", 1)],
    ),
    case(
        "sessions 1",
        Place::Apart,
        &[
            ("BENCH_HELD", 1),
            ("BENCH_SESSIONS", 1),
            ("BENCH_EVENTS", 200_000),
        ],
    ),
    case(
        "sessions 10",
        Place::Apart,
        &[
            ("BENCH_HELD", 1),
            ("BENCH_SESSIONS", 10),
            ("BENCH_EVENTS", 20_000),
        ],
    ),
    case(
        "sessions 50",
        Place::Apart,
        &[
            ("BENCH_HELD", 1),
            ("BENCH_SESSIONS", 50),
            ("BENCH_EVENTS", 4_000),
        ],
    ),
    case("calls blocking", Place::Together, &[]),
    case("calls", Place::Together, &[]),
    case("calls threads", Place::Together, &[]),
    case("approvals blocking", Place::Together, &[]),
    case("approvals", Place::Together, &[]),
    case("approvals threads", Place::Together, &[]),
    case(
        "memory",
        Place::Free,
        &[("BENCH_SESSIONS", 50), ("BENCH_ITEMS", 2_000)],
    ),
];

pub(crate) fn run() -> Rounds {
    let is_quick = setting("BENCH_QUICK", 0) == 1;
    let count = setting("BENCH_ROUNDS", if is_quick { 1 } else { 7 }).max(1);
    let mut of: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let (client, other) = processors();
    for round in 1..=count {
        eprintln!("round {round} of {count}");
        for case in CASES {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["case", case.name]);
            let server = match case.place {
                Place::Apart => Some(other),
                Place::Together => Some(client),
                Place::Free => None,
            };
            if let Some(server) = server {
                command
                    .env("BENCH_CLIENT", client.to_string())
                    .env("BENCH_SERVER", server.to_string());
            }
            for (name, value) in case.environment {
                let share = if is_quick && matches!(*name, "BENCH_EVENTS" | "BENCH_ITEMS") {
                    10
                } else {
                    1
                };
                command.env(name, (value / share).to_string());
            }
            let done = command.output().unwrap();
            let said = String::from_utf8_lossy(&done.stdout);
            let read = said
                .lines()
                .last()
                .and_then(|line| serde_json::from_str(line).ok());
            match read {
                Some(line) if done.status.success() => of.entry(case.name).or_default().push(line),
                _ => panic!(
                    "{}: {}\n{}",
                    case.name,
                    done.status,
                    String::from_utf8_lossy(&done.stderr)
                ),
            }
        }
    }
    Rounds {
        of,
        is_quick,
        count,
    }
}
