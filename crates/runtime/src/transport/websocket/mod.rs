//! An app-server that listens on a WebSocket, over TCP or a unix socket (FACTS section 12).
//!
//! One message is one line: a small task carries them between the socket and two bounded pipes, so
//! that whoever is slow holds up the other side and nothing piles up. The server is not ours: it was
//! there before, and what runs on it goes on when the connection ends. Deliberately not here: HTTP
//! proxies, and TLS of our own making ([`tls`]).

mod bridge;
mod tls;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri, header};
use tokio_tungstenite::tungstenite::{self, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{Peer, SpawnError, Wire};
use bridge::Sizes;

/// How long reaching the server may take, the handshake included.
const OPEN_LIMIT: Duration = Duration::from_secs(15);
/// Bytes that wait on each side.
const PIPE: usize = 256 * 1024;
/// Characters of a refusal that are repeated.
const SAID_CHARS: usize = 300;

/// Which server, and what lets this client in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketSpec {
    /// Where it listens.
    pub address: WebSocketAddress,
    /// What `--ws-auth capability-token` or `signed-bearer-token` asks for.
    pub token: Option<BearerToken>,
}

/// Where an app-server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebSocketAddress {
    /// `ws://HOST:PORT` or, through something that ends TLS, `wss://HOST`. Certificates are checked
    /// against the system's store.
    Url(String),
    /// The path of a unix socket (`--listen unix://PATH`). Not on Windows.
    Unix(PathBuf),
}

impl WebSocketSpec {
    /// A server at a URL.
    pub fn url(url: impl Into<String>) -> Self {
        Self {
            address: WebSocketAddress::Url(url.into()),
            token: None,
        }
    }

    /// A server on this machine.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self {
            address: WebSocketAddress::Unix(path.into()),
            token: None,
        }
    }

    /// Lets this client in with a token.
    #[must_use]
    pub fn with_token(self, token: impl Into<String>) -> Self {
        Self {
            token: Some(BearerToken::new(token)),
            ..self
        }
    }
}

impl fmt::Display for WebSocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WebSocketAddress::Url(url) => f.write_str(url),
            WebSocketAddress::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A secret that goes into the `Authorization` header and nowhere else (invariant I9): it is neither
/// shown nor serialised. The WebSocket library writes its whole request to the `log` crate at level
/// trace; do not collect that.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(String);

impl BearerToken {
    /// White space around it is taken off: tokens come from files that end in a line end.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into().trim().to_owned())
    }

    fn header(&self) -> Result<HeaderValue, &'static str> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0))
            .map_err(|_| "its token contains characters that no token can")?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

/// A byte stream below a WebSocket.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Reaches the server.
pub(super) async fn open(spec: &WebSocketSpec) -> Result<Wire, SpawnError> {
    match tokio::time::timeout(OPEN_LIMIT, connect(spec)).await {
        Ok(socket) => Ok(wire(socket?, spec.address.to_string())),
        Err(_) => Err(SpawnError::Unanswered {
            address: spec.address.to_string(),
            limit: OPEN_LIMIT,
        }),
    }
}

async fn connect(spec: &WebSocketSpec) -> Result<WebSocketStream<Box<dyn Stream>>, SpawnError> {
    let (request, stream) = match &spec.address {
        WebSocketAddress::Url(url) => {
            let target = Target::parse(url)?;
            let request = request(spec, target.uri.clone())?;
            (request, dial(&target, url).await?)
        }
        WebSocketAddress::Unix(path) => {
            let request = request(spec, Uri::from_static("ws://localhost/"))?;
            (request, dial_unix(path).await?)
        }
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(bridge::SIZES.message))
        .max_frame_size(Some(bridge::SIZES.message));
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(refusal(spec.address.to_string(), error)),
    }
}

/// A URL, taken apart.
#[derive(Debug)]
struct Target {
    uri: Uri,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    secure: bool,
}

impl Target {
    fn parse(url: &str) -> Result<Self, SpawnError> {
        // The URL may hold a secret by mistake, so what is wrong with it is told without it.
        let bad = |address: &str, reason: &str| SpawnError::Address {
            address: address.to_owned(),
            reason: reason.to_owned(),
        };
        if url.contains('@') || url.contains('?') {
            let shown = url.split(['@', '?']).next().unwrap_or_default();
            let shown = shown.split_once("://").map_or("", |(scheme, _)| scheme);
            return Err(bad(
                &format!("{shown}://…"),
                "a name, a password or a query in the address is not read by the server; give a token",
            ));
        }
        let uri: Uri = url.parse().map_err(|_| bad(url, "it is no address"))?;
        let secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            _ => return Err(bad(url, "it begins neither with ws:// nor with wss://")),
        };
        let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
            return Err(bad(url, "the name of the host is missing"));
        };
        Ok(Self {
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            secure,
            uri,
        })
    }
}

/// No `Origin` header: the server turns such requests away (FACTS section 12).
fn request(spec: &WebSocketSpec, uri: Uri) -> Result<Request, SpawnError> {
    let bad = |reason: String| SpawnError::Address {
        address: spec.address.to_string(),
        reason,
    };
    let mut request = uri
        .into_client_request()
        .map_err(|error| bad(error.to_string()))?;
    if let Some(token) = &spec.token {
        let value = token.header().map_err(|reason| bad(reason.to_owned()))?;
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}

async fn dial(target: &Target, url: &str) -> Result<Box<dyn Stream>, SpawnError> {
    let unreachable = |source| SpawnError::Unreachable {
        address: url.to_owned(),
        source,
    };
    let stream = TcpStream::connect((target.host.as_str(), target.port))
        .await
        .map_err(unreachable)?;
    // Frames are small and each one matters now.
    stream.set_nodelay(true).map_err(unreachable)?;
    if !target.secure {
        return Ok(Box::new(stream));
    }
    let insecure = |source| SpawnError::Insecure {
        address: url.to_owned(),
        source,
    };
    let roots = tls::system_roots().map_err(insecure)?;
    let stream = tls::connect(stream, &target.host, roots)
        .await
        .map_err(insecure)?;
    Ok(Box::new(stream))
}

#[cfg(unix)]
async fn dial_unix(path: &std::path::Path) -> Result<Box<dyn Stream>, SpawnError> {
    match tokio::net::UnixStream::connect(path).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(source) => Err(SpawnError::Unreachable {
            address: path.display().to_string(),
            source,
        }),
    }
}

#[cfg(not(unix))]
async fn dial_unix(path: &std::path::Path) -> Result<Box<dyn Stream>, SpawnError> {
    Err(SpawnError::Address {
        address: path.display().to_string(),
        reason: "Windows does not have unix sockets that this runtime can use".to_owned(),
    })
}

/// Why the server did not become a WebSocket, as far as possible in its own words.
fn refusal(address: String, error: tungstenite::Error) -> SpawnError {
    match error {
        tungstenite::Error::Http(response) => {
            let status = response.status();
            let body = response.body().as_deref().unwrap_or_default();
            let said: String = String::from_utf8_lossy(body)
                .chars()
                .filter(|c| !c.is_control())
                .take(SAID_CHARS)
                .collect();
            let said = match said.trim() {
                "" => status
                    .canonical_reason()
                    .unwrap_or("no reason given")
                    .to_owned(),
                said => said.to_owned(),
            };
            match status.as_u16() {
                status @ (401 | 403) => SpawnError::Unauthorized {
                    address,
                    status,
                    said,
                },
                status => SpawnError::NotAppServer {
                    address,
                    reason: format!("HTTP {status}: {said}"),
                },
            }
        }
        tungstenite::Error::Io(source) => SpawnError::Unreachable { address, source },
        error => SpawnError::NotAppServer {
            address,
            reason: error.to_string(),
        },
    }
}

fn wire<S: Stream + 'static>(socket: WebSocketStream<S>, address: String) -> Wire {
    wire_with(socket, address, bridge::SIZES)
}

fn wire_with<S: Stream + 'static>(
    socket: WebSocketStream<S>,
    address: String,
    sizes: Sizes,
) -> Wire {
    let (incoming, reader) = tokio::io::duplex(PIPE);
    let (writer, outgoing) = tokio::io::duplex(PIPE);
    let end = Arc::new(OnceLock::new());
    let task = tokio::spawn(bridge::run(
        socket,
        incoming,
        outgoing,
        sizes,
        address,
        Arc::clone(&end),
    ));
    Wire {
        reader: Box::new(Received { inner: reader, end }),
        writer: Box::new(writer),
        peer: Peer::WebSocket(Socket { task }),
    }
}

/// What the server says, and at its end why it is one.
struct Received {
    inner: DuplexStream,
    /// Set before `inner` ends when the end was not asked for here.
    end: Arc<OnceLock<String>>,
}

impl AsyncRead for Received {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, out))?;
        match self.end.get() {
            Some(reason) if out.filled().len() == before => {
                Poll::Ready(Err(io::Error::other(reason.clone())))
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

/// A live connection.
pub struct Socket {
    task: JoinHandle<()>,
}

impl Socket {
    /// Waits for the closing handshake.
    pub(super) async fn end(mut self, grace: Duration) {
        let _ = tokio::time::timeout(grace, &mut self.task).await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
