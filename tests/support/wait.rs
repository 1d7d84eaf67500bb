//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// How long a condition may take. Generous: a loaded machine is not a failure,
/// and a test that passes never waits this long.
pub const DEADLINE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(20);

/// Asks `condition` until it gives a value; panics with `what` at the deadline.
#[track_caller]
pub fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    match poll(condition) {
        Some(value) => value,
        None => panic!("waited {} s in vain for {what}", DEADLINE.as_secs()),
    }
}

/// Asks `condition` until it holds; panics with `what` at the deadline.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}

/// Asks `condition` until it gives a value, or gives `None` at the deadline.
pub fn poll<T>(mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if start.elapsed() > DEADLINE {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}
