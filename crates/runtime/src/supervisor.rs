//! Keeps an app-server running: how it died, whether and when it is started again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::ConnectError;

/// How an app-server ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Which one.
    pub generation: u32,
    /// The process's exit status in words; `None` when it is not a process of ours.
    pub status: Option<String>,
    /// Why reading from it failed, when it was not simply the end.
    pub reason: Option<String>,
    /// The last lines of its stderr.
    pub stderr: Vec<String>,
    /// It was asked to end.
    pub asked_for: bool,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.status, &self.reason) {
            (Some(status), None) => write!(f, "{status}"),
            (Some(status), Some(reason)) => write!(f, "{status}; {reason}"),
            (None, Some(reason)) => write!(f, "{reason}"),
            (None, None) => write!(f, "the stream ended"),
        }?;
        match self.stderr.last() {
            Some(line) => write!(f, " ({line})"),
            None => Ok(()),
        }
    }
}

/// Whether an app-server that ended without being asked to is started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestartPolicy {
    /// No: the client closes.
    Never,
    /// Yes, up to `attempts` times in a row; one that stays up for 30 s starts the count anew. Waits
    /// `first`, then twice as long each time up to `longest`, each with up to a tenth of jitter.
    OnExit {
        /// How often in a row.
        attempts: u32,
        /// The first wait.
        first: Duration,
        /// The longest wait.
        longest: Duration,
    },
}

impl Default for RestartPolicy {
    fn default() -> Self {
        RestartPolicy::OnExit {
            attempts: 8,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(30),
        }
    }
}

/// How long a server must stay up for its restarts to count as successful.
pub(crate) const STABLE_AFTER: Duration = Duration::from_secs(30);

impl RestartPolicy {
    /// How long to wait before the `attempt`th start in a row, from 1; `None`: not at all.
    pub(crate) fn delay(&self, attempt: u32, jitter: f64) -> Option<Duration> {
        match self {
            RestartPolicy::Never => None,
            RestartPolicy::OnExit { attempts, .. } if attempt > *attempts => None,
            RestartPolicy::OnExit { first, longest, .. } => {
                let doubled = first.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1)));
                Some(doubled.min(*longest).mul_f64(1.0 + jitter * 0.1))
            }
        }
    }
}

/// How a client's connection stands.
#[derive(Debug, Clone)]
pub enum ConnectionState {
    /// The server answers.
    Ready {
        /// Its generation, from 1.
        generation: u32,
    },
    /// It ended and is being started again.
    Restarting {
        /// Which start in a row, from 1.
        attempt: u32,
        /// How it died.
        death: Arc<Death>,
        /// Why the start before this one failed.
        failure: Option<ConnectError>,
    },
    /// It will not be started again.
    Closed {
        /// How it died; `None` when it never came up.
        death: Option<Arc<Death>>,
        /// Why the last start failed.
        failure: Option<ConnectError>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let policy = RestartPolicy::OnExit {
            attempts: 4,
            first: Duration::from_millis(100),
            longest: Duration::from_millis(350),
        };
        let waits: Vec<_> = (1..=5)
            .map(|attempt| policy.delay(attempt, 0.0).map(|d| d.as_millis()))
            .collect();
        assert_eq!(waits, [Some(100), Some(200), Some(350), Some(350), None]);
        assert_eq!(policy.delay(1, 1.0).map(|d| d.as_millis()), Some(110));
        assert_eq!(RestartPolicy::Never.delay(1, 0.0), None);
    }

    #[test]
    fn a_huge_attempt_does_not_overflow() {
        let policy = RestartPolicy::OnExit {
            attempts: u32::MAX,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(30),
        };
        assert_eq!(policy.delay(u32::MAX, 0.0), Some(Duration::from_secs(30)));
    }
}
