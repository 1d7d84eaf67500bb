//! How bytes reach an app-server and come back.
//!
//! Every transport ends up as a [`Wire`]: a stream of bytes each way, and a [`Peer`] that can be
//! ended and asked how it ended. Frames are lines, whatever carries them, so nothing above
//! this module knows which transport it is.

mod child;
mod error;
pub(crate) mod lines;
pub(crate) mod outbox;
mod preamble;
mod ssh;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

pub use child::ChildSpec;
pub use error::SpawnError;
pub use ssh::SshSpec;
pub use websocket::{BearerToken, WebSocketAddress, WebSocketSpec};

/// A connection's two directions and its other end.
pub struct Wire {
    /// What the app-server says. An error is why the connection broke, in words for people.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What it is told. Closing it asks the server to end, or to let this client go.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// The other end.
    pub peer: Peer,
}

/// The other end of a [`Wire`].
pub enum Peer {
    /// A process that this one started. Dropping it kills its process group (invariant I12).
    Child(child::Child),
    /// An `ssh` that this process started, and the app-server behind it. Dropping it kills the one,
    /// and the other ends when its input does.
    Ssh(ssh::Remote),
    /// A WebSocket to a server that was there before and stays. Dropping it cuts the connection.
    WebSocket(websocket::Socket),
    /// Somebody else's: the other half of an in-memory pair.
    Foreign,
}

impl Peer {
    /// The last lines of the process's stderr; empty where there is no process.
    pub fn stderr_tail(&self) -> Arc<child::StderrTail> {
        match self {
            Peer::Child(child) => child.stderr_tail(),
            Peer::Ssh(remote) => remote.stderr_tail(),
            Peer::WebSocket(_) | Peer::Foreign => Arc::default(),
        }
    }

    /// Waits for the end of the process or of the connection for `grace` after its input was closed,
    /// then kills the process's group or cuts the connection. Says how a process ended, in words.
    pub async fn end(self, grace: Duration) -> Option<String> {
        match self {
            Peer::Child(child) => Some(match child.end(grace).await {
                Ok(status) => status.to_string(),
                Err(error) => format!("unknown end: {error}"),
            }),
            Peer::Ssh(remote) => Some(remote.end(grace).await),
            Peer::WebSocket(socket) => {
                socket.end(grace).await;
                None
            }
            Peer::Foreign => None,
        }
    }

    /// The process id of the app-server, or of the `ssh` that leads to it, for diagnosis.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Peer::Child(child) => child.pid(),
            Peer::Ssh(remote) => remote.pid(),
            Peer::WebSocket(_) | Peer::Foreign => None,
        }
    }
}

/// Where the app-server of a connection comes from. A new wire is opened for each generation.
#[derive(Clone)]
pub enum Transport {
    /// A child process that speaks over its stdin and stdout.
    Child(ChildSpec),
    /// The same on another machine, through the system's OpenSSH client.
    Ssh(SshSpec),
    /// A server that listens, over TCP or a unix socket.
    WebSocket(WebSocketSpec),
    /// Whatever the function makes: an in-memory pair in tests, any pair of streams elsewhere.
    Custom(Arc<dyn Fn() -> std::io::Result<Wire> + Send + Sync>),
}

impl Transport {
    /// Its kind, for logs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Transport::Child(_) => "child",
            Transport::Ssh(_) => "ssh",
            Transport::WebSocket(_) => "websocket",
            Transport::Custom(_) => "custom",
        }
    }

    /// Dropping the future leaves nothing behind.
    pub(crate) async fn open(&self) -> Result<Wire, SpawnError> {
        match self {
            Transport::Child(spec) => child::open(spec),
            Transport::Ssh(spec) => ssh::open(spec),
            Transport::WebSocket(spec) => websocket::open(spec).await,
            Transport::Custom(open) => open().map_err(SpawnError::Custom),
        }
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Transport::Child(spec) => spec.fmt(f),
            Transport::Ssh(spec) => spec.fmt(f),
            Transport::WebSocket(spec) => spec.fmt(f),
            Transport::Custom(_) => f.write_str("Custom"),
        }
    }
}
