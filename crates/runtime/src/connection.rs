//! One live connection: calls out, calls in, and the table of what waits for an answer.
//!
//! A connection belongs to one generation of the app-server and ends with it: every pending call
//! fails with how the server died (invariant I4), and nothing of an old generation can be mistaken
//! for the new one's, because each has a table of its own. Deliberately not here: what the methods
//! mean, and starting a new generation ([`crate::supervisor`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::io::AsyncRead;
use tokio::sync::{Notify, Semaphore, oneshot};
use tracing::{Instrument, Span};

use crate::error::RpcError;
use crate::jsonrpc::{self, ErrorObject, Frame, Id, Prefix};
use crate::metrics::{self, Counters};
use crate::supervisor::Death;
use crate::transport::lines::{Line, Lines};
use crate::transport::outbox::Outbox;
use crate::transport::{Peer, Wire};

/// Requests in flight. Beyond some hundreds at once the server stops answering at all (FACTS
/// section 1, "Overload").
const MAX_IN_FLIGHT: usize = 32;

/// Enough to tell from the beginning of a longer line who waits for it.
pub(crate) const MIN_LINE_BYTES: usize = 4_096;

/// Where a connection's incoming traffic goes. Called by the reader, so nothing here may wait.
pub(crate) trait Router: Send + 'static {
    fn notification(&mut self, method: &str, params: &RawValue);
    fn request(&mut self, id: Id, method: &str, params: &RawValue);
    /// A notification was longer than the limit of a line: something was missed.
    fn oversized(&mut self);
    /// The stream ended. Comes last, after everything that the server said.
    fn closed(&mut self, death: Arc<Death>);
}

/// The limits of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest line that is read, in bytes, at least 4,096. A longer answer fails its call with
    /// [`RpcError::TooLarge`].
    pub line_bytes: usize,
    /// How long a call waits for its answer.
    pub call_timeout: Duration,
    /// How long the server may take to end after its input was closed, before it is killed.
    pub end_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes: 64 * 1024 * 1024,
            call_timeout: Duration::from_secs(30),
            end_grace: Duration::from_millis(1_500),
        }
    }
}

type Answer = Result<Box<RawValue>, RpcError>;

/// One live connection.
pub(crate) struct Connection {
    generation: u32,
    outbox: Arc<Outbox>,
    pending: Mutex<Pending>,
    in_flight: Semaphore,
    limits: Limits,
    /// Ending was asked for: the death that follows is no crash.
    ending: AtomicBool,
    told_to_end: Notify,
    pid: Option<u32>,
    span: Span,
}

#[derive(Default)]
struct Pending {
    next_id: i64,
    waiting: HashMap<i64, (&'static str, oneshot::Sender<Answer>)>,
    /// Set when the stream ended: later calls fail at once.
    death: Option<Arc<Death>>,
}

impl Connection {
    /// Starts reading, in the span that it is opened in.
    pub(crate) fn open(
        wire: Wire,
        generation: u32,
        limits: Limits,
        counters: Arc<Counters>,
        router: impl Router,
    ) -> Arc<Self> {
        let connection = Arc::new(Self {
            generation,
            outbox: Outbox::open(wire.writer),
            pending: Mutex::default(),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            limits,
            ending: AtomicBool::new(false),
            told_to_end: Notify::new(),
            pid: wire.peer.pid(),
            span: Span::current(),
        });
        let reader = Reader {
            connection: Arc::clone(&connection),
            counters,
            router,
        };
        tokio::spawn(reader.run(wire.reader, wire.peer).in_current_span());
        connection
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Calls a method and decodes the answer.
    pub(crate) async fn call<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &P,
    ) -> Result<R, RpcError> {
        let answer = self.call_raw(method, params).await?;
        serde_json::from_str(answer.get()).map_err(|error| RpcError::Shape {
            method,
            reason: error.to_string().into(),
        })
    }

    /// Calls a method. Dropping the future forgets the call; the server may still carry it out.
    pub(crate) async fn call_raw<P: Serialize>(&self, method: &'static str, params: &P) -> Answer {
        let limit = self.limits.call_timeout;
        match tokio::time::timeout(limit, self.exchange(method, params)).await {
            Ok(answer) => answer,
            Err(_) => Err(RpcError::Timeout { method, limit }),
        }
    }

    async fn exchange<P: Serialize>(&self, method: &'static str, params: &P) -> Answer {
        // The semaphore is never closed, so an error here cannot be.
        let _permit = self.in_flight.acquire().await;
        self.outbox.room().await;
        let (tx, rx) = oneshot::channel();
        let id = {
            let mut pending = self.lock();
            if let Some(death) = &pending.death {
                return Err(RpcError::Died {
                    method,
                    death: Arc::clone(death),
                });
            }
            let id = pending.next_id;
            pending.next_id += 1;
            pending.waiting.insert(id, (method, tx));
            id
        };
        let _entry = Entry {
            connection: self,
            id,
        };
        let frame = jsonrpc::request(id, method, params).map_err(|error| RpcError::Shape {
            method,
            reason: error.to_string().into(),
        })?;
        // A broken pipe is followed by the end of the stream, which says how the server died.
        if self.outbox.send(&frame).is_err() {
            tracing::debug!(method, "the pipe is broken");
        }
        match rx.await {
            Ok(answer) => answer,
            Err(_) => Err(RpcError::Closed("the connection was dropped".into())),
        }
    }

    /// Calls that wait for their answer.
    pub(crate) fn pending(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Says something to the server.
    pub(crate) fn notify<P: Serialize>(&self, method: &'static str, params: &P) {
        match jsonrpc::notification(method, params) {
            Ok(frame) => drop(self.outbox.send(&frame)),
            Err(error) => tracing::error!(method, %error, "a notification could not be written"),
        }
    }

    /// Answers a request of the server.
    pub(crate) fn answer(&self, id: &Id, result: Result<&RawValue, &ErrorObject>) {
        match jsonrpc::response(id, result) {
            Ok(frame) => drop(self.outbox.send(&frame)),
            Err(error) => tracing::error!(%id, %error, "an answer could not be written"),
        }
    }

    /// Asks the server to end, by closing its input. [`Router::closed`] follows.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.outbox.close();
        self.told_to_end.notify_one();
    }

    /// The server was told to end, and the time that it has for that is over.
    async fn overdue(&self) {
        self.told_to_end.notified().await;
        tokio::time::sleep(self.limits.end_grace).await;
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, id: &Id, answer: impl FnOnce(&'static str) -> Answer) {
        let Id::Number(number) = id else {
            tracing::warn!("an answer to a request that was never made");
            tracing::debug!(%id, "its id");
            return;
        };
        let waiting = self.lock().waiting.remove(number);
        match waiting {
            Some((method, tx)) => drop(tx.send(answer(method))),
            None => tracing::debug!(%id, "an answer that nobody waits for any more"),
        }
    }
}

/// Takes a call out of the table when its future is dropped.
struct Entry<'a> {
    connection: &'a Connection,
    id: i64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.connection.lock().waiting.remove(&self.id);
    }
}

struct Reader<R> {
    connection: Arc<Connection>,
    counters: Arc<Counters>,
    router: R,
}

impl<R: Router> Reader<R> {
    async fn run(mut self, reader: Box<dyn AsyncRead + Send + Unpin>, peer: Peer) {
        let connection = Arc::clone(&self.connection);
        let reason = tokio::select! {
            reason = self.read(reader) => reason,
            () = connection.overdue() => Some("it did not end when it was told to".to_owned()),
        };
        self.connection.outbox.close();
        let stderr = peer.stderr_tail();
        let status = peer.end(self.connection.limits.end_grace).await;
        let death = Arc::new(Death {
            generation: self.connection.generation,
            status,
            reason,
            stderr: stderr.lines(),
            asked_for: self.connection.ending.load(Ordering::Acquire),
        });
        let waiting = {
            let mut pending = self.connection.lock();
            pending.death = Some(Arc::clone(&death));
            std::mem::take(&mut pending.waiting)
        };
        for (method, tx) in waiting.into_values() {
            let _ = tx.send(Err(RpcError::Died {
                method,
                death: Arc::clone(&death),
            }));
        }
        self.router.closed(death);
    }

    /// Takes what comes until the stream ends; gives why, when it did not simply end.
    async fn read(&mut self, reader: Box<dyn AsyncRead + Send + Unpin>) -> Option<String> {
        let mut lines = Lines::new(
            reader,
            self.connection.limits.line_bytes.max(MIN_LINE_BYTES),
        );
        let mut since_yield = 0;
        loop {
            match lines.next().await {
                Ok(Line::Whole(line)) => self.line(line),
                Ok(Line::Oversized(beginning)) => self.oversized(beginning),
                Ok(Line::End) => return None,
                Err(error) => return Some(error.to_string()),
            }
            // Lines that are already in the buffer cost no await: a flood must not starve others.
            since_yield += 1;
            if since_yield == 256 {
                since_yield = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        metrics::add(&self.counters.lines, 1);
        match Frame::parse(line) {
            Ok(Frame::Notification { method, params }) => self.router.notification(&method, params),
            Ok(Frame::Request { id, method, params }) => self.router.request(id, &method, params),
            Ok(Frame::Response { id, result }) => {
                self.connection.settle(&id, |method| match result {
                    Ok(result) => Ok(result.to_owned()),
                    Err(error) => Err(RpcError::Server {
                        method,
                        error: Arc::new(error),
                    }),
                })
            }
            // Said and skipped, as the server itself does with ours (FACTS section 1).
            Err(error) => {
                metrics::add(&self.counters.malformed, 1);
                tracing::warn!(bytes = line.len(), "a line from the app-server was dropped");
                tracing::debug!(%error, "why it was dropped");
            }
        }
    }

    fn oversized(&mut self, beginning: &[u8]) {
        let limit = self.connection.limits.line_bytes.max(MIN_LINE_BYTES);
        metrics::add(&self.counters.lines, 1);
        metrics::add(&self.counters.oversized, 1);
        tracing::warn!(
            limit,
            "a line from the app-server was longer than the limit"
        );
        match jsonrpc::prefix(beginning) {
            Prefix::Response(id) => self
                .connection
                .settle(&id, |method| Err(RpcError::TooLarge { method, limit })),
            Prefix::Request(id) => {
                let error = ErrorObject {
                    code: -32600,
                    message: format!("the request is longer than {limit} bytes"),
                    data: None,
                };
                self.connection.answer(&id, Err(&error));
            }
            Prefix::Other => self.router.oversized(),
        }
    }
}
