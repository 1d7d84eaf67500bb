//! Carries messages between a WebSocket and two pipes of lines, until either side ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::Stream;
use crate::jsonrpc::{self, ErrorObject, Prefix};
use crate::transport::lines::{Line, Lines};

/// How often the server is pinged, and how many pings may go by without a sign of it. A connection
/// that a sleeping laptop or a dead router cut says nothing by itself.
const PING_EVERY: Duration = Duration::from_secs(15);
const SILENT_PINGS: u32 = 3;
/// How long the server may take to agree that the connection is closed.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// What fits into a connection, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// A message, either way.
    pub(super) message: usize,
    /// A frame to the server; a longer message goes in several (FACTS section 12).
    pub(super) frame: usize,
}

pub(super) const SIZES: Sizes = Sizes {
    message: 64 * 1024 * 1024,
    frame: 16 * 1024 * 1024,
};

type Sink<S> = Mutex<SplitSink<WebSocketStream<S>, Message>>;

/// Runs until the connection is over, and leaves in `end` why, unless it was closed from here.
pub(super) async fn run<S: Stream>(
    socket: WebSocketStream<S>,
    incoming: DuplexStream,
    outgoing: DuplexStream,
    sizes: Sizes,
    address: String,
    end: Arc<OnceLock<String>>,
) {
    let (sink, stream) = socket.split();
    let sink = Mutex::new(sink);
    let incoming = Mutex::new(incoming);
    let heard = AtomicBool::new(true);
    let closing = AtomicBool::new(false);
    let reason = tokio::select! {
        reason = receive(stream, &incoming, sizes, &heard) => reason,
        reason = send(&sink, outgoing, &incoming, sizes, &closing) => reason,
        reason = ping(&sink, &incoming, &heard) => reason,
    };
    if !closing.load(Ordering::Acquire) {
        let _ = end.set(format!("{address}: {reason}"));
    }
}

/// Gives every text message on as a line; waits when nobody takes them.
async fn receive<S: Stream>(
    mut stream: SplitStream<WebSocketStream<S>>,
    incoming: &Mutex<DuplexStream>,
    sizes: Sizes,
    heard: &AtomicBool,
) -> String {
    let mut farewell = None;
    loop {
        let message = match stream.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return farewell.unwrap_or_else(|| broken(&error, sizes)),
            None => return farewell.unwrap_or_else(cut),
        };
        heard.store(true, Ordering::Release);
        match message {
            Message::Text(text) => {
                let text = text.as_str();
                // A line end between the tokens of a message is no more than white space.
                let flat = text.contains('\n').then(|| text.replace('\n', " "));
                let line = flat.as_deref().unwrap_or(text).as_bytes();
                let mut incoming = incoming.lock().await;
                if incoming.write_all(line).await.is_err()
                    || incoming.write_all(b"\n").await.is_err()
                {
                    return "nobody reads any more".to_owned();
                }
            }
            // The stream ends after the answer to it is out.
            Message::Close(frame) => farewell = Some(closed(frame.as_ref())),
            Message::Binary(_) => {
                tracing::debug!("a binary message from the app-server was dropped")
            }
            // Pings are answered by the library; raw frames are never received.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// Sends every line as a message. Closes the connection when there will be no more.
async fn send<S: Stream>(
    sink: &Sink<S>,
    outgoing: DuplexStream,
    incoming: &Mutex<DuplexStream>,
    sizes: Sizes,
    closing: &AtomicBool,
) -> String {
    let mut lines = Lines::new(outgoing, sizes.message);
    loop {
        let line = match lines.next().await {
            Ok(Line::Whole(line)) => line,
            Ok(Line::Oversized(beginning)) => {
                if let Some(answer) = too_large(beginning, sizes) {
                    // An error here is one of the reader, who is told of it.
                    let _ = incoming.lock().await.write_all(&answer).await;
                }
                continue;
            }
            Ok(Line::End) | Err(_) => break,
        };
        let mut sink = sink.lock().await;
        for message in messages(line, sizes.frame) {
            if let Err(error) = sink.feed(message).await {
                return lost(sink, broken(&error, sizes)).await;
            }
        }
        if let Err(error) = sink.flush().await {
            return lost(sink, broken(&error, sizes)).await;
        }
    }
    closing.store(true, Ordering::Release);
    let goodbye = async {
        if sink.lock().await.send(Message::Close(None)).await.is_ok() {
            // The other half sees the server's answer and ends this one.
            std::future::pending::<()>().await;
        }
    };
    let _ = tokio::time::timeout(CLOSE_LIMIT, goodbye).await;
    "closed".to_owned()
}

/// The server may have said why before it stopped listening: the other half has a moment to hear it.
async fn lost<G>(sink: G, reason: String) -> String {
    drop(sink);
    tokio::time::sleep(CLOSE_LIMIT).await;
    reason
}

/// Ends when the server gave no sign of life for a while.
async fn ping<S: Stream>(
    sink: &Sink<S>,
    incoming: &Mutex<DuplexStream>,
    heard: &AtomicBool,
) -> String {
    let mut ticks = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent = 0;
    loop {
        ticks.tick().await;
        // While this side does not take what was said, the server cannot be blamed.
        let held_up = incoming.try_lock().is_err();
        silent = if heard.swap(false, Ordering::AcqRel) || held_up {
            0
        } else {
            silent + 1
        };
        if silent == SILENT_PINGS {
            return format!("no sign of the server for {:?}", PING_EVERY * SILENT_PINGS);
        }
        // When it does not take what is being sent, a ping would not get through either.
        if let Ok(mut sink) = sink.try_lock() {
            let _ = tokio::time::timeout(PING_EVERY, sink.send(Message::Ping(Bytes::new()))).await;
        }
    }
}

/// One message in frames that the server takes.
fn messages(line: &[u8], frame: usize) -> impl Iterator<Item = Message> {
    let line = Bytes::copy_from_slice(line);
    let frames = line.len().div_ceil(frame).max(1);
    (0..frames).map(move |i| {
        let part = line.slice(i * frame..line.len().min((i + 1) * frame));
        let data = if i == 0 { Data::Text } else { Data::Continue };
        Message::Frame(Frame::message(part, OpCode::Data(data), i + 1 == frames))
    })
}

/// The answer to a request that is too long to be sent; nothing for what nobody waits for.
fn too_large(beginning: &[u8], sizes: Sizes) -> Option<Vec<u8>> {
    tracing::warn!(
        limit = sizes.message,
        "a message to the app-server was longer than the limit and was not sent"
    );
    let Prefix::Request(id) = jsonrpc::prefix(beginning) else {
        return None;
    };
    let error = ErrorObject {
        code: -32600,
        message: format!("what was to be sent is longer than {} bytes", sizes.message),
        data: None,
    };
    jsonrpc::response::<()>(&id, Err(&error)).ok()
}

fn closed(frame: Option<&CloseFrame>) -> String {
    match frame {
        Some(frame) if frame.reason.is_empty() => {
            format!("the server closed the connection ({})", frame.code)
        }
        Some(frame) => format!(
            "the server closed the connection ({}: {})",
            frame.code, frame.reason
        ),
        None => "the server closed the connection".to_owned(),
    }
}

fn cut() -> String {
    "the connection was cut".to_owned()
}

fn broken(error: &Error, sizes: Sizes) -> String {
    match error {
        Error::Capacity(_) => format!(
            "a message of the server was longer than {} bytes",
            sizes.message
        ),
        Error::Io(error) => format!("the connection broke: {error}"),
        Error::ConnectionClosed | Error::AlreadyClosed => cut(),
        // It went away without a word.
        Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => cut(),
        error => error.to_string(),
    }
}
