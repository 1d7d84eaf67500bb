//! Why a transport could not be opened.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// An app-server that could not be started or reached. What it says after that is a
/// [`Death`](crate::supervisor::Death).
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no such executable.
    #[error("{program} does not exist", program = .0.display())]
    Missing(PathBuf),
    /// It is there, and the system will not run it.
    #[error("{program} cannot be executed: {source}", program = program.display())]
    NotExecutable {
        /// The executable.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The working folder is not there.
    #[error("the working folder {folder} does not exist", folder = .0.display())]
    FolderMissing(PathBuf),
    /// Anything else that the system refused.
    #[error("{program} could not be started: {source}", program = program.display())]
    Failed {
        /// The executable.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The address or the host's name cannot be one. Nothing was started and nothing was sent.
    #[error("{address:?} cannot be used: {reason}")]
    Address {
        /// As it was given, without anything secret.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody listens there, or the network does not lead there.
    #[error("{address} cannot be reached: {source}")]
    Unreachable {
        /// Where.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It was reached and took too long to answer.
    #[error("{address} did not answer within {limit:?}")]
    Unanswered {
        /// Where.
        address: String,
        /// The limit.
        limit: Duration,
    },
    /// Its certificate was not accepted, or it does not speak TLS.
    #[error("no secure connection to {address}: {source}")]
    Insecure {
        /// Where.
        address: String,
        /// What is wrong.
        source: io::Error,
    },
    /// It wants a bearer token, another one, or does not let this client in (HTTP 401 and 403; FACTS
    /// section 12).
    #[error("{address} refused this client (HTTP {status}): {said}")]
    Unauthorized {
        /// Where.
        address: String,
        /// The HTTP status.
        status: u16,
        /// The server's words.
        said: String,
    },
    /// It answered, but not as the WebSocket of an app-server does.
    #[error("{address} is no app-server: {reason}")]
    NotAppServer {
        /// Where.
        address: String,
        /// What it did instead.
        reason: String,
    },
    /// A custom transport failed.
    #[error("the transport could not be opened: {0}")]
    Custom(io::Error),
}
