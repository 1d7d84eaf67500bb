//! The table, its budgets, and the file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::rounds::Rounds;

/// What a row should be.
enum Budget {
    AtMost(f64),
    AtLeast(f64),
    /// Anything else is a defect.
    Exactly(f64),
    None,
}

struct Row {
    what: &'static str,
    /// A number of each round.
    values: Vec<f64>,
    budget: Budget,
}

impl Row {
    fn median(&self) -> f64 {
        let (low, high) = self.middle();
        f64::midpoint(low, high)
    }

    fn middle(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    fn limit(&self) -> String {
        match self.budget {
            Budget::AtMost(limit) => format!("<= {limit}"),
            Budget::AtLeast(limit) => format!(">= {limit}"),
            Budget::Exactly(limit) => format!("{limit}"),
            Budget::None => String::new(),
        }
    }

    fn verdict(&self) -> &'static str {
        let is_kept = match self.budget {
            Budget::AtMost(limit) => self.median() <= limit,
            Budget::AtLeast(limit) => self.median() >= limit,
            Budget::Exactly(limit) => self.values.iter().all(|value| *value == limit),
            Budget::None => return "",
        };
        if is_kept { "ok" } else { "OVER" }
    }

    /// Something is wrong that no busy machine explains.
    fn is_defect(&self) -> bool {
        matches!(self.budget, Budget::Exactly(_)) && self.verdict() != "ok"
    }
}

impl Rounds {
    fn values(&self, case: &str, key: &str) -> Vec<f64> {
        let value = |line: &serde_json::Map<String, Value>| line[key].as_f64().unwrap();
        self.of[case].iter().map(value).collect()
    }

    fn row(&self, what: &'static str, case: &str, key: &str, budget: Budget) -> Row {
        Row {
            what,
            values: self.values(case, key),
            budget,
        }
    }

    /// One case by another of the same round.
    fn ratio(
        &self,
        what: &'static str,
        (case, by): (&str, &str),
        key: &str,
        budget: Budget,
    ) -> Row {
        let values = self.values(case, key).into_iter().zip(self.values(by, key));
        Row {
            what,
            values: values.map(|(case, by)| case / by).collect(),
            budget,
        }
    }
}

fn rows(rounds: &Rounds) -> Vec<Row> {
    use Budget::{AtLeast, AtMost, Exactly, None};
    let row = |what, case, key, budget| rounds.row(what, case, key, budget);
    let ratio = |what, case, by, key, budget| rounds.ratio(what, (case, by), key, budget);
    vec![
        row(
            "split into lines, us of processor per delta",
            "split",
            "us",
            None,
        ),
        row("and parsed with borrowing serde, us", "serde", "us", None),
        row("this runtime to a subscriber, us", "deltas", "us", None),
        row(
            "this runtime to a subscriber, deltas per second",
            "deltas",
            "per_second",
            None,
        ),
        ratio(
            "subscriber by splitting lines",
            "deltas",
            "split",
            "us",
            None,
        ),
        ratio(
            "subscriber by borrowing serde",
            "deltas",
            "serde",
            "us",
            AtMost(3.0),
        ),
        ratio(
            "streamed answer by borrowing serde",
            "answer",
            "serde",
            "us",
            None,
        ),
        row(
            "deltas lost, subscriber, one thread",
            "deltas",
            "lost",
            Exactly(0.0),
        ),
        row(
            "deltas lost, subscriber, several threads",
            "deltas threads",
            "lost",
            Exactly(0.0),
        ),
        row(
            "deltas lost, streamed answer, one thread",
            "answer",
            "lost",
            Exactly(0.0),
        ),
        row(
            "deltas lost, streamed answer, several threads",
            "answer threads",
            "lost",
            Exactly(0.0),
        ),
        row("ask, 5,000 events, us per event", "asks 5k", "us", None),
        ratio(
            "ask, 20,000 events by 5,000, per event",
            "asks 20k",
            "asks 5k",
            "us",
            AtMost(1.3),
        ),
        ratio(
            "ask, 80,000 events by 5,000, per event",
            "asks 80k",
            "asks 5k",
            "us",
            AtMost(1.3),
        ),
        row(
            "50 sessions at once, deltas per second",
            "sessions 50",
            "per_second",
            None,
        ),
        ratio(
            "10 sessions by 1, us per delta",
            "sessions 10",
            "sessions 1",
            "us",
            AtMost(1.5),
        ),
        ratio(
            "50 sessions by 1, us per delta",
            "sessions 50",
            "sessions 1",
            "us",
            AtMost(2.0),
        ),
        row(
            "deltas lost, 50 sessions",
            "sessions 50",
            "lost",
            Exactly(0.0),
        ),
        row(
            "what the last of 10 has when the first is done",
            "sessions 10",
            "slowest",
            AtLeast(0.9),
        ),
        row(
            "what the last of 50 has when the first is done",
            "sessions 50",
            "slowest",
            AtLeast(0.9),
        ),
        row("call, blocking, p50 us", "calls blocking", "p50", None),
        row("call, p50 us", "calls", "p50", None),
        row("call, p99 us", "calls", "p99", None),
        ratio(
            "call by blocking, p50, one thread",
            "calls",
            "calls blocking",
            "p50",
            AtMost(1.7),
        ),
        ratio(
            "call by blocking, p50, several threads",
            "calls threads",
            "calls blocking",
            "p50",
            AtMost(3.0),
        ),
        row(
            "approval, blocking, p50 us",
            "approvals blocking",
            "p50",
            None,
        ),
        row("approval through a hook, p50 us", "approvals", "p50", None),
        row("approval through a hook, p99 us", "approvals", "p99", None),
        ratio(
            "approval by blocking, p50, one thread",
            "approvals",
            "approvals blocking",
            "p50",
            AtMost(1.5),
        ),
        ratio(
            "approval by blocking, p50, several threads",
            "approvals threads",
            "approvals blocking",
            "p50",
            None,
        ),
        row(
            "memory of a session of 2,000 items, MiB",
            "memory",
            "mib",
            AtMost(4.0),
        ),
        row(
            "memory of a session by the text in it",
            "memory",
            "of_text",
            None,
        ),
        row(
            "items lost, 50 sessions of 2,000",
            "memory",
            "lost",
            Exactly(0.0),
        ),
    ]
}

/// Prints the table and writes the file.
pub(crate) fn report(rounds: &Rounds) -> ExitCode {
    let rows = rows(rounds);
    println!(
        "{:<52} {:>10}  {:<22} {:<8} ",
        "", "median", "least..most", "budget"
    );
    for row in &rows {
        let sorted = row.sorted();
        let spread = format!(
            "{}..{}",
            figure(sorted[0]),
            figure(sorted[sorted.len() - 1])
        );
        println!(
            "{:<52} {:>10}  {spread:<22} {:<8} {}",
            row.what,
            figure(row.median()),
            row.limit(),
            row.verdict()
        );
    }
    let over = rows.iter().filter(|row| row.verdict() == "OVER").count();
    println!("\n{} rounds, {over} over budget", rounds.count);
    if rounds.is_quick {
        println!("A quick run is too small to judge by.");
    }
    let file = summary_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, format!("{:#}\n", json(rounds, &rows))).unwrap();
    println!("The numbers of each round: {}", file.display());
    match rows.iter().any(Row::is_defect) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

fn json(rounds: &Rounds, rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        json!({
            "what": row.what, "median": row.median(), "rounds": row.values, "budget": row.limit(), "verdict": row.verdict(),
        })
    });
    json!({ "rounds": rounds.count, "quick": rounds.is_quick, "rows": rows.collect::<Vec<_>>(), "cases": rounds.of })
}

/// `bench/summary.json` in the target folder, which is two above the program's own.
fn summary_file() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().nth(3).unwrap_or(Path::new("target"));
    target.join("bench/summary.json")
}

fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        1_000.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
