//! An app-server that says prepared lines as fast as they are taken. Its shapes are those of FACTS sections 2, 4
//! and 6. Who reads also writes, which no client here minds; only questions are asked on a thread of their own,
//! since a server does not ask where it reads.
//!
//! Its methods `bench/...` are for measuring: `bench/echo`, `bench/approvals {n}`, and `bench/stream`, which says
//! the answers of all turns that were started while `BENCH_HELD` is set, taking a line of each in turn.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::sync::mpsc;
use std::time::Instant;

use serde_json::{Value, json};

use crate::gauge::{setting, stay_on};

/// The length of a delta's text, in bytes.
pub(crate) const DELTA: usize = 40;
/// The length of an item's text when a turn is made of many items, in bytes.
pub(crate) const ITEM: usize = 400;

#[derive(Default)]
struct Server {
    /// Lines of turns that wait for `bench/stream`.
    held: Vec<Vec<u8>>,
    threads: u64,
    turns: u64,
    /// To whoever asks: when an answer was read, and the answer.
    answers: Option<mpsc::Sender<(Instant, Value)>>,
}

pub(crate) fn serve() {
    stay_on("BENCH_SERVER");
    let mut input = BufReader::with_capacity(1 << 16, std::io::stdin().lock());
    let mut server = Server::default();
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let read = Instant::now();
        let Ok(frame) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        // A client that is gone is the end.
        let done = match (frame["method"].as_str(), frame.get("id")) {
            (Some(method), Some(id)) => server.answer(method, id, &frame["params"]),
            (None, _) => server.answers.as_ref().map_or(Ok(()), |answers| {
                answers.send((read, frame)).map_err(std::io::Error::other)
            }),
            _ => Ok(()),
        };
        if done.is_err() {
            return;
        }
    }
}

impl Server {
    fn answer(&mut self, method: &str, id: &Value, params: &Value) -> std::io::Result<()> {
        let result = match method {
            "initialize" => json!({"userAgent": "bench/0.169.0 (x)", "codexHome": "/nowhere",
                "platformFamily": "unix", "platformOs": "linux"}),
            "thread/start" => {
                self.threads += 1;
                json!({"thread": {"id": format!("thread_{:04}", self.threads)}, "model": "m", "modelProvider": "p",
                    "cwd": "/", "approvalPolicy": "never", "sandbox": {"type": "readOnly", "networkAccess": false}})
            }
            "turn/start" => {
                self.turns += 1;
                let turn = format!("turn_{:06}", self.turns);
                let lines = render(params["threadId"].as_str().unwrap_or_default(), &turn);
                let started = json!({"turn": {"id": turn, "items": [], "status": "inProgress"}});
                say(&json!({"id": id, "result": started}))?;
                if setting("BENCH_HELD", 0) == 1 {
                    self.held.push(lines);
                    return Ok(());
                }
                return write(&lines);
            }
            "bench/stream" => {
                let lines = in_turn(&std::mem::take(&mut self.held));
                say(&json!({"id": id, "result": {}}))?;
                return write(&lines);
            }
            "bench/approvals" => {
                let (answers, answered) = mpsc::channel();
                self.answers = Some(answers);
                let (id, count) = (id.clone(), params["n"].as_u64().unwrap_or(0));
                std::thread::spawn(move || {
                    // Without a client there is nobody to tell.
                    if let Ok(result) = approvals(count, &answered) {
                        let _ = say(&json!({"id": id, "result": result}));
                    }
                });
                return Ok(());
            }
            _ => json!({"ok": true}),
        };
        say(&json!({"id": id, "result": result}))
    }
}

fn say(frame: &Value) -> std::io::Result<()> {
    write(format!("{frame}\n").as_bytes())
}

fn write(lines: &[u8]) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(lines)?;
    output.flush()
}

/// Asks so many times, one after the other, and says how long each answer took.
fn approvals(count: u64, answered: &mpsc::Receiver<(Instant, Value)>) -> std::io::Result<Value> {
    let mut ns = Vec::with_capacity(count as usize);
    let mut accepted = 0;
    for n in 0..count {
        let question = json!({"id": n, "method": "item/commandExecution/requestApproval", "params": {
            "threadId": "thread_0001", "turnId": "turn_000001", "itemId": format!("command_{n}"), "startedAtMs": 1,
            "command": "/bin/bash -lc 'cargo test --lib'", "cwd": "/"}});
        let question = format!("{question}\n");
        let asked = Instant::now();
        write(question.as_bytes())?;
        let (read, answer) = answered.recv().map_err(std::io::Error::other)?;
        ns.push((read - asked).as_nanos() as u64);
        accepted += u64::from(answer["id"] == n && answer["result"]["decision"] == "accept");
    }
    Ok(json!({"ns": ns, "accepted": accepted}))
}

/// All that is said of a turn: `BENCH_EVENTS` deltas of one message, or `BENCH_ITEMS` items.
fn render(thread: &str, turn: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut line = |method: &str, params: &dyn Display| {
        writeln!(
            out,
            r#"{{"method":"{method}","params":{params},"emittedAtMs":1795349080093}}"#
        )
        .unwrap();
    };
    let state = |status: &str| json!({"id": turn, "items": [], "status": status, "error": null, "startedAt": 1});
    line(
        "turn/started",
        &json!({"threadId": thread, "turn": state("inProgress")}),
    );
    let items = setting("BENCH_ITEMS", 0);
    if items > 0 {
        (0..items).for_each(|n| render_item(thread, turn, n, &mut line));
    } else {
        let item = |text: &str| json!({"id": "message_1", "type": "agentMessage", "text": text});
        line(
            "item/started",
            &json!({"threadId": thread, "turnId": turn, "startedAtMs": 1, "item": item("")}),
        );
        let mut whole = String::new();
        for n in 0..setting("BENCH_EVENTS", 0) {
            let text = format!(
                "{n:08} {:<width$}",
                "lorem ipsum dolor sit amet cons",
                width = DELTA - 9
            );
            whole.push_str(&text);
            line(
                "item/agentMessage/delta",
                &delta(thread, turn, "message_1", &text),
            );
        }
        line(
            "item/completed",
            &json!({"threadId": thread, "turnId": turn, "completedAtMs": 2, "item": item(&whole)}),
        );
    }
    line(
        "turn/completed",
        &json!({"threadId": thread, "turn": state("completed")}),
    );
    out
}

/// The params of a delta, in the server's order.
fn delta(thread: &str, turn: &str, item: &str, text: &str) -> String {
    format!(r#"{{"threadId":"{thread}","turnId":"{turn}","itemId":"{item}","delta":"{text}"}}"#)
}

/// By turns a message of the agent and a command, each with its deltas.
fn render_item(thread: &str, turn: &str, n: u64, line: &mut impl FnMut(&str, &dyn Display)) {
    let id = format!("{turn}_item_{n:05}");
    let text = format!("{n:08} ").repeat(ITEM / 9 + 1)[..ITEM].to_owned();
    let (method, begun, done) = if n.is_multiple_of(2) {
        let item = |text: &str| json!({"id": id, "type": "agentMessage", "text": text});
        ("item/agentMessage/delta", item(""), item(&text))
    } else {
        let item = |status: &str, output: Option<&str>| {
            json!({"id": id, "type": "commandExecution", "command": "/bin/bash -lc 'cargo test'", "cwd": "/",
                "commandActions": [], "status": status, "source": "agent", "aggregatedOutput": output, "exitCode": 0})
        };
        (
            "item/commandExecution/outputDelta",
            item("inProgress", None),
            item("completed", Some(&text)),
        )
    };
    line(
        "item/started",
        &json!({"threadId": thread, "turnId": turn, "startedAtMs": 1, "item": begun}),
    );
    for part in text.as_bytes().chunks(DELTA) {
        let part = String::from_utf8_lossy(part);
        line(method, &delta(thread, turn, &id, &part));
    }
    line(
        "item/completed",
        &json!({"threadId": thread, "turnId": turn, "completedAtMs": 2, "item": done}),
    );
}

/// A line of each, again and again.
fn in_turn(all: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(all.iter().map(Vec::len).sum());
    let mut lines: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    loop {
        let before = out.len();
        for lines in &mut lines {
            let _ = lines.read_until(b'\n', &mut out);
        }
        if out.len() == before {
            return out;
        }
    }
}
