//! What any client must do at least, with blocking reads on one thread.

use std::borrow::Cow;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::gauge::{Watch, round_trips, stream};

struct Server {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: String,
}

impl Server {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg("app-server")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::with_capacity(1 << 16, process.stdout.take().unwrap());
        let mut server = Self {
            process,
            input,
            output,
            line: String::new(),
        };
        server.call(
            r#"{"id":1,"method":"initialize","params":{"clientInfo":{"name":"b","version":"0"}}}"#,
        );
        server.call(r#"{"id":2,"method":"thread/start","params":{}}"#);
        server
    }

    fn say(&mut self, frame: &str) {
        // In one write: a second one would wake the server twice.
        self.input
            .write_all(format!("{frame}\n").as_bytes())
            .unwrap();
    }

    fn hear(&mut self) -> &str {
        self.line.clear();
        self.output.read_line(&mut self.line).unwrap();
        &self.line
    }

    fn call(&mut self, frame: &str) -> &str {
        self.say(frame);
        self.hear()
    }

    fn end(self) {
        drop(self.input);
        drop(self.output);
        let mut process = self.process;
        process.wait().unwrap();
    }
}

/// A frame with all of it borrowed, and its params left as they are.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// Reads the deltas of a turn: splits lines, and parses them if that is asked for.
pub(crate) fn deltas(events: u64, parse: bool) -> Map<String, Value> {
    let mut server = Server::start();
    let watch = Watch::start();
    server.say(r#"{"id":3,"method":"turn/start","params":{"threadId":"thread_0001","input":[]}}"#);
    let mut buffer = vec![0; 1 << 16];
    let (mut filled, mut got, mut done) = (0, 0, false);
    while !done {
        let read = server.output.get_mut().read(&mut buffer[filled..]).unwrap();
        assert!(read > 0, "the server ended in the middle of a turn");
        let scanned = filled;
        filled += read;
        let mut start = 0;
        for at in memchr::memchr_iter(b'\n', &buffer[scanned..filled]) {
            let line = &buffer[start..scanned + at];
            start = scanned + at + 1;
            let is = if parse {
                let frame: Frame<'_> = serde_json::from_slice(line).unwrap();
                black_box((frame.id, frame.params));
                match frame.method.as_deref() {
                    Some("item/agentMessage/delta") => (true, false),
                    Some("turn/completed") => (false, true),
                    _ => (false, false),
                }
            } else {
                (
                    line.starts_with(br#"{"method":"item/agentMessage/delta""#),
                    line.starts_with(br#"{"method":"turn/completed""#),
                )
            };
            got += u64::from(is.0);
            done |= is.1;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
        if filled == buffer.len() {
            buffer.resize(filled * 2, 0);
        }
    }
    let out = stream(events, got, &watch);
    server.end();
    out
}

/// Calls, one after the other.
pub(crate) fn calls(warm_up: u64, count: u64) -> Map<String, Value> {
    let mut server = Server::start();
    let mut ns = Vec::with_capacity(count as usize);
    for n in 0..warm_up + count {
        let asked = Instant::now();
        let frame = format!(r#"{{"id":{n},"method":"bench/echo","params":{{"n":{n}}}}}"#);
        black_box(server.call(&frame));
        ns.push(asked.elapsed().as_nanos() as u64);
    }
    server.end();
    round_trips(ns.split_off(warm_up as usize))
}

/// Answers approvals without a thought.
pub(crate) fn approvals(count: u64) -> Map<String, Value> {
    let mut server = Server::start();
    server.say(&format!(
        r#"{{"id":9,"method":"bench/approvals","params":{{"n":{count}}}}}"#
    ));
    let answer: Value = loop {
        let frame: Frame<'_> = serde_json::from_str(server.hear()).unwrap();
        if frame.method.is_none() {
            break serde_json::from_str(&server.line).unwrap();
        }
        let id = frame.id.unwrap().get().to_owned();
        server.say(&format!(
            r#"{{"id":{id},"result":{{"decision":"accept"}}}}"#
        ));
    };
    server.end();
    crate::cases::approval_line(&answer["result"], count)
}
