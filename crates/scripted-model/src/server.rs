//! The server: HTTP on loopback, the pace of the stream, and the record of what was asked.
//!
//! What to answer is planned in `play`; here it is only sent. A response is made as it is read
//! (backpressure reaches the beats), and ends with its client.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::play;
use crate::request::Request;
use crate::script::Beat;

/// How long a word takes at [`Pace::Human`].
const WORD: Duration = Duration::from_millis(15);
/// More than codex sends with a full context window and a few images.
const MAX_BODY: usize = 64 << 20;

/// How fast words come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// All at once, for tests. Pauses that a scene asks for are kept.
    #[default]
    Instant,
    /// A word every 15 milliseconds, as a person sees a model write.
    Human,
}

/// How the server behaves. The default is for tests: instant, and everything is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How fast words come.
    pub pace: Pace,
    /// Keep every request for [`ScriptedModel::requests`]. Each holds the whole history of its
    /// thread, so a demo that runs for days should not.
    pub record: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            pace: Pace::Instant,
            record: true,
        }
    }
}

impl Options {
    /// For people: [`Pace::Human`], nothing recorded.
    #[must_use]
    pub fn demo() -> Self {
        Options {
            pace: Pace::Human,
            record: false,
        }
    }
}

/// A running model. Dropping it stops the server and cuts every stream.
#[derive(Debug)]
pub struct ScriptedModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    options: Options,
    recorded: Mutex<Vec<Request>>,
    received: watch::Sender<usize>,
    released: watch::Sender<HashSet<String>>,
    /// Points of turns at which a `fail once` has failed: thread, user message, step.
    failed: Mutex<HashSet<(Option<String>, usize, usize)>>,
    /// Makes ids that differ from those of an earlier server: threads outlive servers.
    epoch: u128,
    replies: AtomicU64,
}

impl ScriptedModel {
    /// Starts with the default [`Options`] on a free port of 127.0.0.1.
    ///
    /// Must be called inside a tokio runtime with I/O and time enabled; the server lives on it.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// As [`start`](Self::start), with options.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start_with(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            options,
            recorded: Mutex::default(),
            received: watch::Sender::new(0),
            released: watch::Sender::default(),
            failed: Mutex::default(),
            epoch: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |now| now.as_micros()),
            replies: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(ScriptedModel {
            address,
            shared,
            accepting,
        })
    }

    /// The `base_url` for codex: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Every request so far, in order of arrival; empty unless [`Options::record`] is set.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.recorded).clone()
    }

    /// What is wrong with the histories of the recorded requests ([`Request::violations`]), each
    /// with the number of its request, from 1.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let recorded = lock(&self.shared.recorded);
        recorded
            .iter()
            .enumerate()
            .flat_map(|(index, request)| {
                let name = move |violation| format!("request {}: {violation}", index + 1);
                request.violations().into_iter().map(name)
            })
            .collect()
    }

    /// Waits until `n` requests have come in all, and returns the `n`-th, counted from 1; `None`
    /// for 0 or when nothing is recorded. Waits for ever when they never come; cancel-safe.
    pub async fn wait_for_request(&self, n: usize) -> Option<Request> {
        let mut received = self.shared.received.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = received.wait_for(|received| *received >= n).await;
        lock(&self.shared.recorded).get(n.checked_sub(1)?).cloned()
    }

    /// Lets every `hold NAME` go on: those that wait, and those still to come. For tests.
    pub fn release(&self, name: &str) {
        self.shared.released.send_modify(|released| {
            released.insert(name.to_owned());
        });
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        // The connections are in a JoinSet of this task and go with it.
        self.accepting.abort();
    }
}

/// A poisoned lock guards nothing that could be half-written here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An accept fails for want of descriptors; the client then tries again.
                let Ok((socket, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                // Small writes are the whole traffic: Nagle would hold deltas back.
                let _ = socket.set_nodelay(true);
                let shared = shared.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| respond(request, shared.clone()));
                    // It ends with an error when the client leaves or a scene cuts it: both are meant.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn respond(
    request: hyper::Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Body>, Infallible> {
    if request.method() != Method::POST || !request.uri().path().ends_with("/responses") {
        return Ok(error(
            StatusCode::NOT_FOUND,
            "only POST /v1/responses is served here",
        ));
    }
    let thread_id = request
        .headers()
        .get("thread-id")
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    let Ok(body) = Limited::new(request.into_body(), MAX_BODY).collect().await else {
        return Ok(error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large or was cut",
        ));
    };
    let body = match serde_json::from_slice(&body.to_bytes()) {
        Ok(body) => body,
        Err(reason) => {
            let message = format!("the body is no JSON: {reason}");
            return Ok(error(StatusCode::BAD_REQUEST, &message));
        }
    };
    Ok(shared.answer(Request { thread_id, body }).await)
}

impl Shared {
    async fn answer(self: Arc<Self>, request: Request) -> Response<Body> {
        let number = self.replies.fetch_add(1, Ordering::Relaxed);
        let reply = play::reply(&request, &format!("{:x}_{number}", self.epoch));
        let thread_id = request.thread_id.clone();
        if self.options.record {
            lock(&self.recorded).push(request);
        }
        self.received.send_modify(|received| *received += 1);

        if let Some(failure) = reply.failure {
            let fails = match failure.once {
                Some((message, step)) => lock(&self.failed).insert((thread_id, message, step)),
                None => true,
            };
            if fails {
                tokio::time::sleep(reply.delay).await;
                let status = StatusCode::from_u16(failure.status)
                    .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let message = format!("the scene asked for this failure ({status})");
                return error(status, &message);
            }
        }

        let beats = std::iter::once(Beat::Pause(reply.delay)).chain(reply.beats);
        let frames = stream::unfold((self, beats), |(shared, mut beats)| async move {
            let frame = shared.next(&mut beats).await?;
            Some((frame, (shared, beats)))
        });
        let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }

    /// Plays beats up to the next one that sends something; `None` at the end.
    async fn next(
        &self,
        beats: &mut impl Iterator<Item = Beat>,
    ) -> Option<io::Result<Frame<Bytes>>> {
        loop {
            match beats.next()? {
                Beat::Event(event) => return Some(Ok(frame(&event))),
                Beat::Delta(item, piece) => return Some(Ok(frame(&item.delta(&piece)))),
                Beat::Rest => {
                    if self.options.pace == Pace::Human {
                        tokio::time::sleep(WORD).await;
                    }
                }
                Beat::Pause(pause) => {
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
                Beat::Hold(name) => {
                    let mut released = self.released.subscribe();
                    // The sender lives in `self`, so the wait cannot fail.
                    let _ = released.wait_for(|released| released.contains(&name)).await;
                }
                Beat::Cut => {
                    // hyper flushes what it has only when the body makes it wait.
                    tokio::task::yield_now().await;
                    // An error in the body closes the connection without the last chunk.
                    return Some(Err(io::Error::other("the scene cuts the stream")));
                }
            }
        }
    }
}

/// One server-sent event, named by its `type`.
fn frame(event: &Value) -> Frame<Bytes> {
    let name = event["type"].as_str().unwrap_or_default();
    Frame::data(Bytes::from(format!("event: {name}\ndata: {event}\n\n")))
}

/// An error in the form of the API.
fn error(status: StatusCode, message: &str) -> Response<Body> {
    let body = json!({"error": {"message": message, "type": "scripted_model", "code": null}});
    let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {});
    let mut response = Response::new(BodyExt::boxed_unsync(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time on the paused clock that a scene takes.
    async fn time(pace: Pace, text: &str) -> Duration {
        let model = ScriptedModel::start_with(Options {
            pace,
            record: false,
        })
        .await
        .unwrap();
        let content = json!([{"type": "input_text", "text": text}]);
        let request = Request {
            thread_id: None,
            body: json!({"input": [{"type": "message", "role": "user", "content": content}]}),
        };
        let start = tokio::time::Instant::now();
        let response = model.shared.clone().answer(request).await;
        response.into_body().collect().await.unwrap();
        start.elapsed()
    }

    #[tokio::test]
    async fn a_held_stream_ends_with_its_client() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let model = ScriptedModel::start().await.unwrap();
        let content = json!([{"type": "input_text", "text": "say before\nhold for ever"}]);
        let body =
            json!({"input": [{"type": "message", "role": "user", "content": content}]}).to_string();
        let mut socket = tokio::net::TcpStream::connect(model.address).await.unwrap();
        let head = format!(
            "POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all((head + &body).as_bytes()).await.unwrap();
        let mut seen = String::new();
        while !seen.contains("before") {
            let mut buffer = [0; 4096];
            let read = socket.read(&mut buffer).await.unwrap();
            seen.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
        // What was read had been flushed, which happens when the stream waits: it is held now.
        assert_eq!(model.shared.released.receiver_count(), 1);
        drop(socket);
        model.shared.released.closed().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_word_takes_its_time_only_at_a_human_pace() {
        let scene = "say one two three\nstream 4";
        assert_eq!(time(Pace::Instant, scene).await, Duration::ZERO);
        assert!(time(Pace::Human, scene).await >= 2 * WORD);
        let paused = Duration::from_millis(100 + 4 * 50);
        let scene = "slow 100\nstream 4 50";
        assert!(time(Pace::Instant, scene).await >= paused);
    }
}
