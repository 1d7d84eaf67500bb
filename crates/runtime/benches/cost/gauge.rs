//! Clocks, memory and processors.

use std::time::Instant;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value};

/// A number from the environment.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Binds this process to the processor that a variable names, if it does.
pub(crate) fn stay_on(variable: &str) {
    if let Some(processor) = std::env::var(variable)
        .ok()
        .and_then(|value| value.parse().ok())
    {
        let mut only = CpuSet::new();
        only.set(processor);
        sched_setaffinity(None, &only).unwrap();
    }
}

/// The first and the last processor that this process may use.
pub(crate) fn processors() -> (usize, usize) {
    let allowed = sched_getaffinity(None).unwrap();
    let all: Vec<_> = (0..CpuSet::MAX_CPU)
        .filter(|n| allowed.is_set(*n))
        .collect();
    (all[0], all[all.len() - 1])
}

/// Seconds of processor time that this process has used.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

pub(crate) struct Watch {
    wall: Instant,
    processor: f64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self {
            processor: processor_time(),
            wall: Instant::now(),
        }
    }

    /// Seconds on the wall, and of the processor.
    pub(crate) fn stop(&self) -> (f64, f64) {
        (
            self.wall.elapsed().as_secs_f64(),
            processor_time() - self.processor,
        )
    }
}

/// The memory that is this process's share, in bytes.
pub(crate) fn memory() -> f64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup
        .lines()
        .find(|line| line.starts_with("Pss:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<f64>()
        .unwrap()
        * 1024.0
}

/// Deltas that were taken, and what they cost.
pub(crate) fn stream(sent: u64, got: u64, watch: &Watch) -> Map<String, Value> {
    let (wall, processor) = watch.stop();
    let mut out = Map::new();
    out.insert("us".into(), (processor * 1e6 / sent as f64).into());
    out.insert("per_second".into(), (sent as f64 / wall).into());
    out.insert("lost".into(), (sent as f64 - got as f64).into());
    out
}

/// Round trips, in nanoseconds each.
pub(crate) fn round_trips(mut ns: Vec<u64>) -> Map<String, Value> {
    ns.sort_unstable();
    let at = |share: f64| ns[((ns.len() - 1) as f64 * share).round() as usize] as f64 / 1e3;
    let mut out = Map::new();
    out.insert("p50".into(), at(0.5).into());
    out.insert("p99".into(), at(0.99).into());
    out
}
