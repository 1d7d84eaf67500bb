//! How bytes reach an app-server and come back.
//!
//! Every transport ends up as a [`Wire`]: a stream of bytes each way, and a [`Peer`] that can be
//! ended and asked how it ended. Frames are lines ([`lines`]); nothing here knows JSON.

mod child;
pub(crate) mod lines;
pub(crate) mod outbox;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

pub use child::{ChildSpec, SpawnError};

/// A connection's two directions and its other end.
pub struct Wire {
    /// What the app-server says.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What it is told. Closing it asks the server to end.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// The other end.
    pub peer: Peer,
}

/// The other end of a [`Wire`].
pub enum Peer {
    /// A process that this one started. Dropping it kills its process group (invariant I12).
    Child(child::Child),
    /// Somebody else's: the other half of an in-memory pair, or a remote server.
    Foreign,
}

impl Peer {
    /// The last lines of the process's stderr; empty for a foreign peer.
    pub fn stderr_tail(&self) -> Arc<child::StderrTail> {
        match self {
            Peer::Child(child) => child.stderr_tail(),
            Peer::Foreign => Arc::default(),
        }
    }

    /// Waits for the end of the process for `grace` after its input was closed, then kills its group.
    /// Says how it ended, in words, or nothing for a foreign peer.
    pub async fn end(self, grace: Duration) -> Option<String> {
        match self {
            Peer::Child(child) => Some(child.end(grace).await),
            Peer::Foreign => None,
        }
    }

    /// The process id, for diagnosis.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Peer::Child(child) => child.pid(),
            Peer::Foreign => None,
        }
    }
}

/// Where the app-server of a connection comes from. A new wire is opened for each generation.
#[derive(Clone)]
pub enum Transport {
    /// A child process that speaks over its stdin and stdout.
    Child(ChildSpec),
    /// Whatever the function makes: an in-memory pair in tests, any pair of streams elsewhere.
    Custom(Arc<dyn Fn() -> std::io::Result<Wire> + Send + Sync>),
}

impl Transport {
    pub(crate) fn open(&self) -> Result<Wire, SpawnError> {
        match self {
            Transport::Child(spec) => child::spawn(spec),
            Transport::Custom(open) => open().map_err(SpawnError::Custom),
        }
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Transport::Child(spec) => spec.fmt(f),
            Transport::Custom(_) => f.write_str("Custom"),
        }
    }
}
