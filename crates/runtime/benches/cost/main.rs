//! What this runtime costs, against what reading the same bytes costs anyway.
//!
//! Every measurement runs in a process of its own, with an app-server of its own that writes prepared lines as fast
//! as they are taken. All of them run once in each round, so what disturbs the machine disturbs both sides of a
//! ratio; a ratio is made within a round, and the table has the median and the spread over the rounds. Absolute
//! figures mean little.
//!
//! `make bench`, or `cargo bench -p countersign-runtime --bench cost`. `BENCH_QUICK=1` runs a small part of it, to
//! see that it works; `BENCH_ROUNDS=9` sets the rounds. The numbers are also in `bench/summary.json` in the target
//! folder. Over a budget is no failure, since a busy machine is none; a lost event is.
//!
//! Linux only: it places processes on processors and reads `/proc`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring program reports by ending"
)]

#[cfg(target_os = "linux")]
mod baseline;
#[cfg(target_os = "linux")]
mod cases;
#[cfg(target_os = "linux")]
mod gauge;
#[cfg(target_os = "linux")]
mod rounds;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod summary;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        // What a client starts.
        ["app-server"] => server::serve(),
        ["case", name] => println!("{}", serde_json::Value::Object(cases::run(name))),
        // `cargo test` builds and starts benches too; measuring is asked for.
        arguments if !arguments.contains(&"--bench") => println!("cargo bench measures"),
        _ => return summary::report(&rounds::run()),
    }
    std::process::ExitCode::SUCCESS
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("this is measured on Linux only");
}
