//! What can go wrong, by whose doing.

use std::sync::Arc;
use std::time::Duration;

use crate::event::TurnFailure;
use crate::jsonrpc::{ErrorObject, OVERLOADED};
use crate::supervisor::Death;
use crate::transport::SpawnError;

/// A call to the app-server that did not succeed.
///
/// Cheap to clone: concurrent closers of a session share one result.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The server refused. Nothing happened.
    #[error("{method}: {message}", message = error.message)]
    Server {
        /// The method called.
        method: &'static str,
        /// The server's answer.
        error: Arc<ErrorObject>,
    },
    /// Another app-server has the thread open and may write to it: one can at a time (FACTS section 9). It
    /// can be listed and read here meanwhile.
    #[error(
        "the conversation {thread} is open in another Codex, its active writer; close it there and try again"
    )]
    ThreadInUse {
        /// The thread.
        thread: Arc<str>,
        /// The server's answer.
        error: Arc<ErrorObject>,
    },
    /// The server died before it answered. What became of the call is not known.
    #[error("{method}: the app-server ended before it answered: {death}")]
    Died {
        /// The method called.
        method: &'static str,
        /// How it died.
        death: Arc<Death>,
    },
    /// No answer within the limit. A late answer is dropped.
    #[error("{method}: no answer within {limit:?}")]
    Timeout {
        /// The method called.
        method: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// The answer was longer than the limit of a line.
    #[error("{method}: the answer was longer than {limit} bytes")]
    TooLarge {
        /// The method called.
        method: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer, or what was to be sent, does not have the shape that it should.
    #[error("{method}: {reason}")]
    Shape {
        /// The method called.
        method: &'static str,
        /// What is wrong with it.
        reason: Arc<str>,
    },
    /// Refused here, before anything was sent.
    #[error("{0}")]
    InvalidRequest(Arc<str>),
    /// The client was shut down, or gave up restarting the server.
    #[error("the connection is closed: {0}")]
    Closed(Arc<str>),
}

impl RpcError {
    /// "session is closed", as the seed says it.
    pub(crate) fn session_closed() -> Self {
        RpcError::InvalidRequest("session is closed".into())
    }

    /// The call failed because of the connection, not because the server refused it.
    pub fn is_transport(&self) -> bool {
        matches!(
            self,
            RpcError::Died { .. }
                | RpcError::Timeout { .. }
                | RpcError::TooLarge { .. }
                | RpcError::Closed(_)
        )
    }

    /// The server's queue was full; nothing was done and the call may be tried again.
    pub fn is_overloaded(&self) -> bool {
        matches!(self, RpcError::Server { error, .. } if error.code == OVERLOADED)
    }

    /// What it is, for logs: nothing in it is anybody's words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            RpcError::Server { .. } => "the server refused",
            RpcError::ThreadInUse { .. } => "another Codex has it open",
            RpcError::Died { .. } => "the server ended",
            RpcError::Timeout { .. } => "no answer in time",
            RpcError::TooLarge { .. } => "the answer was too long",
            RpcError::Shape { .. } => "the answer could not be read",
            RpcError::InvalidRequest(_) => "refused here",
            RpcError::Closed(_) => "the connection is closed",
        }
    }

    /// The same, said of the thread that the call was to open.
    pub(crate) fn about_thread(self, thread: Option<&str>) -> Self {
        match (self, thread) {
            (RpcError::Server { error, .. }, Some(thread))
                if error.message.contains("already has an active writer") =>
            {
                RpcError::ThreadInUse {
                    thread: thread.into(),
                    error,
                }
            }
            (error, _) => error,
        }
    }

    /// The server's message, when it refused.
    pub fn server_message(&self) -> Option<&str> {
        match self {
            RpcError::Server { error, .. } | RpcError::ThreadInUse { error, .. } => {
                Some(&error.message)
            }
            _ => None,
        }
    }
}

/// A connection that did not come up.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// The process could not be started.
    #[error(transparent)]
    Spawn(#[from] Arc<SpawnError>),
    /// It started and ended, or said something else, before the handshake was through.
    #[error("the app-server ended during the handshake: {0}")]
    Died(Arc<Death>),
    /// It refused the handshake, or its answer could not be read.
    #[error("handshake failed: {0}")]
    Handshake(RpcError),
    /// It is older than this runtime can work with.
    #[error("codex {found} is too old; {minimum} or newer is needed")]
    TooOld {
        /// Its version.
        found: Version,
        /// The oldest that works.
        minimum: Version,
    },
    /// Its user agent names no version (FACTS section 2).
    #[error("the app-server does not say its version: {user_agent:?}")]
    NoVersion {
        /// What it said.
        user_agent: String,
    },
}

/// A version of codex, as far as it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Finds the version in a user agent such as `NAME/0.169.0 (Debian 12.0.0; x86_64) TERM (NAME; 1)`:
    /// what follows the client's name and a slash, as FACTS section 2 observed. A pre-release part is
    /// left out of account.
    pub fn from_user_agent(user_agent: &str) -> Option<Self> {
        let product = user_agent.split(" (").next()?;
        let (_, version) = product.rsplit_once('/')?;
        Self::parse(version.split_whitespace().next()?)
    }

    /// Reads `0.169.0`, `0.170.0-alpha.3`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split(['-', '+']).next()?;
        let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
        let version = Version(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(version)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A question to an agent that got no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The call failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The turn failed.
    #[error("the turn failed: {failure}")]
    TurnFailed {
        /// Its id.
        turn: String,
        /// Why.
        failure: TurnFailure,
    },
    /// The turn was stopped, by whoever's doing.
    #[error("the turn was interrupted")]
    Interrupted {
        /// Its id.
        turn: String,
    },
    /// The turn was not over in time. It has been told to stop.
    #[error("the turn was not over within {limit:?}")]
    Timeout {
        /// Its id.
        turn: String,
        /// The limit.
        limit: Duration,
    },
    /// The turn completed and the agent said nothing.
    #[error("the turn completed without an answer")]
    NoText {
        /// Its id.
        turn: String,
    },
    /// An attachment does not exist. Nothing was sent.
    #[error("attachment not found: {0}")]
    AttachmentMissing(std::path::PathBuf),
    /// A hook refused. Nothing was sent.
    #[error("blocked by hook {hook:?} in {phase:?}: {reason}")]
    Blocked {
        /// The hook.
        hook: String,
        /// Where.
        phase: crate::hooks::Phase,
        /// Why.
        reason: String,
    },
    /// More than a read-only sandbox was asked for without saying so.
    #[error("{0}")]
    Privileged(Arc<str>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_real_user_agents() {
        let check = |user_agent: &str, wanted: Option<Version>| {
            assert_eq!(
                Version::from_user_agent(user_agent),
                wanted,
                "for {user_agent}"
            );
        };
        check(
            "countersign/0.169.0 (Debian 12.0.0; x86_64) dumb (countersign; 0.1.0)",
            Some(Version(0, 169, 0)),
        );
        check(
            "Codex Fake/0.169.0 (Linux; x86_64)",
            Some(Version(0, 169, 0)),
        );
        check("a/b/1.2.3-alpha.1 (x)", Some(Version(1, 2, 3)));
        check("countersign", None);
        check("countersign/abc (x)", None);
        check("", None);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(Version(0, 99, 9) < Version(0, 104, 0));
        assert!(Version::parse("0.104.0") <= Version::parse("0.104.0-beta"));
        assert_eq!(Version::parse("1.2"), None);
        assert_eq!(Version::parse("1.2.3.4"), None);
    }
}
