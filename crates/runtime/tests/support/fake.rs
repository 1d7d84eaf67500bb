//! An app-server in memory, for what the real one cannot be made to do.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

use std::sync::{Arc, Mutex};

use countersign_runtime::Client;
use countersign_runtime::transport::{Peer, Transport, Wire};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::sync::mpsc;

use super::support::within;

/// What the client says.
pub(crate) type FrameLines = Lines<BufReader<ReadHalf<DuplexStream>>>;
/// What it is told.
pub(crate) type FrameWriter = WriteHalf<DuplexStream>;

/// The server's end of a connection.
pub(crate) struct Fake {
    lines: FrameLines,
    writer: FrameWriter,
}

/// What opening a thread is answered with.
pub(crate) fn thread(id: &str) -> Value {
    json!({"thread": {"id": id}, "model": "m", "modelProvider": "p", "cwd": "/w",
        "approvalPolicy": "on-request", "sandbox": {"type": "readOnly"}})
}

/// A transport to one fake, and the fake.
pub(crate) fn pair() -> (Transport, Fake) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let ours = Arc::new(Mutex::new(Some(ours)));
    let transport = Transport::Custom(Arc::new(move || {
        let stream = ours
            .lock()
            .unwrap()
            .take()
            .ok_or_else(|| std::io::Error::other("the fake is used up"))?;
        Ok(wire(stream))
    }));
    (transport, Fake::on(theirs))
}

/// A transport to a new fake in each generation, and the fakes. `pipe` is how many bytes are taken from
/// either side before they are read.
pub(crate) fn generations(pipe: usize) -> (Transport, mpsc::UnboundedReceiver<Fake>) {
    let (tx, rx) = mpsc::unbounded_channel();
    let transport = Transport::Custom(Arc::new(move || {
        let (ours, theirs) = tokio::io::duplex(pipe);
        tx.send(Fake::on(theirs)).map_err(std::io::Error::other)?;
        Ok(wire(ours))
    }));
    (transport, rx)
}

fn wire(stream: DuplexStream) -> Wire {
    let (reader, writer) = tokio::io::split(stream);
    Wire {
        reader: Box::new(reader),
        writer: Box::new(writer),
        peer: Peer::Foreign,
    }
}

impl Fake {
    fn on(stream: DuplexStream) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            lines: BufReader::new(reader).lines(),
            writer,
        }
    }

    /// Its two halves, for a server of another kind.
    pub(crate) fn into_halves(self) -> (FrameLines, FrameWriter) {
        (self.lines, self.writer)
    }

    /// The next frame of the client.
    pub(crate) async fn next(&mut self) -> Value {
        let line = within("a frame of the client", self.lines.next_line())
            .await
            .unwrap();
        serde_json::from_str(&line.expect("the client closed the connection")).unwrap()
    }

    /// The next request of this method; answered with `result`.
    pub(crate) async fn answer(&mut self, method: &str, result: Value) -> Value {
        let request = self.next().await;
        assert_eq!(request["method"], method, "{request}");
        self.say(json!({"id": request["id"], "result": result}))
            .await;
        request
    }

    /// Nothing else was sent before this call, and everything that was said so far was read.
    pub(crate) async fn is_told_nothing(&mut self, client: &Client) {
        let params = json!({});
        let (answer, _) = tokio::join!(
            client.call::<Value>("test/nothing", &params),
            self.answer("test/nothing", json!(1))
        );
        answer.unwrap();
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.line(&frame.to_string()).await;
    }

    pub(crate) async fn line(&mut self, line: &str) {
        self.bytes(format!("{line}\n").as_bytes()).await;
    }

    /// Bytes as they are.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.unwrap();
    }

    /// Several frames in one write: what reads them takes them all before anybody else is told of one.
    pub(crate) async fn say_at_once(&mut self, frames: &[Value]) {
        let lines: String = frames.iter().map(|frame| format!("{frame}\n")).collect();
        self.bytes(lines.as_bytes()).await;
    }

    pub(crate) async fn notify(&mut self, method: &str, params: Value) {
        self.say(json!({"method": method, "params": params})).await;
    }

    /// Shakes hands.
    pub(crate) async fn greet(&mut self) {
        self.answer(
            "initialize",
            json!({"userAgent": "countersign/0.169.0 (x)", "codexHome": "/h"}),
        )
        .await;
        assert_eq!(self.next().await["method"], "initialized");
    }

    /// Starts thread `T`.
    pub(crate) async fn start_thread(&mut self) {
        self.answer("thread/start", thread("T")).await;
    }

    /// Starts turn `U`.
    pub(crate) async fn start_turn(&mut self) {
        self.answer(
            "turn/start",
            json!({"turn": {"id": "U", "items": [], "status": "inProgress"}}),
        )
        .await;
        self.notify(
            "turn/started",
            json!({"threadId": "T", "turn": {"id": "U", "items": [], "status": "inProgress"}}),
        )
        .await;
    }

    /// Asks for leave to run a command.
    pub(crate) async fn ask(&mut self, id: i64) {
        self.ask_command(id, "true").await;
    }

    pub(crate) async fn ask_command(&mut self, id: i64, command: &str) {
        self.say(json!({"id": id, "method": "item/commandExecution/requestApproval",
            "params": {"threadId": "T", "turnId": "U", "itemId": format!("i{id}"), "startedAtMs": 1, "command": command, "cwd": "/w"}}))
            .await;
    }

    /// A whole message of the agent.
    pub(crate) async fn said(&mut self, turn: &str, text: &str) {
        self.notify(
            "item/completed",
            json!({"threadId": "T", "turnId": turn, "startedAtMs": 1, "completedAtMs": 1,
            "item": {"type": "agentMessage", "id": "I", "text": text}}),
        )
        .await;
    }

    pub(crate) async fn end_turn(&mut self) {
        self.notify(
            "turn/completed",
            json!({"threadId": "T", "turn": {"id": "U", "items": [], "status": "completed"}}),
        )
        .await;
    }
}
