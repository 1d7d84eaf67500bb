//! The real `codex app-server` behind a scripted model, driven by JSON lines.
//!
//! Only what the tests of this crate need; the runtime has the real client.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use countersign_scripted_model::{CodexHome, HomeOptions, ScriptedModel};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Only so that a broken test ends: nothing is expected to take near as long.
const WATCHDOG: Duration = Duration::from_secs(90);

/// A codex with its own home and folders, one thread in it, and the model that it asks.
pub(crate) struct Codex {
    pub(crate) model: ScriptedModel,
    /// The folder that the thread works in.
    pub(crate) cwd: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) thread: String,
    scratch: TempDir,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    next_id: u64,
}

/// What the client saw of one turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// `completed`, `interrupted` or `failed`.
    pub(crate) status: String,
    /// `turn.error`.
    pub(crate) error: Value,
    /// Items of `item/completed`, in order, without the user's message.
    pub(crate) items: Vec<Value>,
    /// All notifications of the turn, in order.
    pub(crate) notifications: Vec<Value>,
    /// The server's requests, in order.
    pub(crate) requests: Vec<Value>,
}

impl Turn {
    /// Texts of the finished agent messages.
    pub(crate) fn messages(&self) -> Vec<&str> {
        self.of("agentMessage")
            .map(|item| item["text"].as_str().unwrap())
            .collect()
    }

    /// The finished items of a type.
    pub(crate) fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.items.iter().filter(move |item| item["type"] == kind)
    }

    /// Params of the notifications of a method.
    pub(crate) fn notified(&self, method: &str) -> impl Iterator<Item = &Value> {
        self.notifications
            .iter()
            .filter(move |message| message["method"] == method)
            .map(|message| &message["params"])
    }

    /// The deltas of a method, joined.
    pub(crate) fn streamed(&self, method: &str) -> String {
        self.notified(method)
            .map(|params| params["delta"].as_str().unwrap())
            .collect()
    }
}

/// Options for tests: no retries, and the MCP server of this crate's own program.
pub(crate) fn no_retries() -> HomeOptions {
    HomeOptions {
        request_max_retries: Some(0),
        stream_max_retries: Some(0),
        mcp_command: Some((
            env!("CARGO_BIN_EXE_countersign-scripted-model").to_owned(),
            vec!["mcp".to_owned()],
        )),
        ..HomeOptions::default()
    }
}

/// The pinned codex: `$COUNTERSIGN_CODEX`, else the copy below `tools/codex`.
fn codex_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("COUNTERSIGN_CODEX") {
        let path = PathBuf::from(path);
        assert!(
            path.is_file(),
            "COUNTERSIGN_CODEX names no file ({}): correct it, or unset it and run `make setup`",
            path.display()
        );
        return path;
    }
    let packages =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/codex/node_modules/@openai");
    // PACKAGE-OS-ARCH/vendor/TARGET/bin/codex
    let found = std::fs::read_dir(&packages)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|package| std::fs::read_dir(package.path().join("vendor")).ok())
        .flatten()
        .flatten()
        .map(|target| {
            target
                .path()
                .join("bin")
                .join(format!("codex{}", std::env::consts::EXE_SUFFIX))
        })
        .find(|binary| binary.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "there is no codex below {}: run `make setup`, or set COUNTERSIGN_CODEX to its path",
            packages.display()
        )
    })
}

impl Codex {
    pub(crate) async fn start(options: &HomeOptions) -> Codex {
        let scratch = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = scratch.path().canonicalize().unwrap();
        // The home must not lie below TMPDIR, or codex refuses to sandbox commands.
        let [home, cwd, tmp] = ["home", "work", "tmp"].map(|name| root.join(name));
        std::fs::create_dir(&cwd).unwrap();
        std::fs::create_dir(&tmp).unwrap();
        let model = ScriptedModel::start().await.unwrap();
        CodexHome::write(&home, &model.base_url(), options).unwrap();
        let (child, stdin, lines) = spawn(&home, &tmp);
        let mut codex = Codex {
            model,
            cwd,
            home,
            thread: String::new(),
            scratch,
            child,
            stdin: Some(stdin),
            lines,
            next_id: 0,
        };
        codex.initialize().await;
        codex.open_thread().await;
        codex
    }

    /// Starts a thread in the working folder; the turns that follow are its.
    pub(crate) async fn open_thread(&mut self) {
        let params = json!({"cwd": self.cwd});
        let started = self.call("thread/start", params).await.unwrap();
        self.thread = started["thread"]["id"].as_str().unwrap().to_owned();
    }

    /// Ends the app-server and the model; starts new ones on the same home, with the thread.
    pub(crate) async fn restart(&mut self, options: &HomeOptions) {
        self.end().await;
        self.model = ScriptedModel::start().await.unwrap();
        CodexHome::write(&self.home, &self.model.base_url(), options).unwrap();
        let (child, stdin, lines) = spawn(&self.home, &self.scratch.path().join("tmp"));
        (self.child, self.stdin, self.lines) = (child, Some(stdin), lines);
        self.initialize().await;
        let resume = json!({"threadId": self.thread, "cwd": self.cwd});
        self.call("thread/resume", resume).await.unwrap();
    }

    async fn initialize(&mut self) {
        let client = json!({"name": "scripted-model-tests", "version": "0"});
        let params = json!({"clientInfo": client, "capabilities": {"experimentalApi": true}});
        self.call("initialize", params).await.unwrap();
        self.send(json!({"method": "initialized"})).await;
    }

    /// Calls a method; notifications that come before the answer are dropped.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.next_id += 1;
        let id = self.next_id;
        self.send(json!({"id": id, "method": method, "params": params}))
            .await;
        loop {
            let message = self.next().await;
            if message["id"] == id && message.get("method").is_none() {
                return match message.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(message["result"].clone()),
                };
            }
        }
    }

    /// Plays a turn to its end; `answer` answers the server's requests.
    pub(crate) async fn turn(&mut self, text: &str, answer: impl FnMut(&Value) -> Value) -> Turn {
        self.begin(text).await;
        self.finish(answer).await
    }

    /// Starts a turn.
    pub(crate) async fn begin(&mut self, text: &str) {
        let input = json!([{"type": "text", "text": text, "text_elements": []}]);
        self.call(
            "turn/start",
            json!({"threadId": self.thread, "input": input}),
        )
        .await
        .unwrap();
    }

    /// Reads the turn that runs to its end.
    pub(crate) async fn finish(&mut self, mut answer: impl FnMut(&Value) -> Value) -> Turn {
        let mut turn = Turn::default();
        loop {
            let message = self.next().await;
            if message.get("id").is_some() {
                if message.get("method").is_some() {
                    let result = answer(&message);
                    self.send(json!({"id": message["id"], "result": result}))
                        .await;
                    turn.requests.push(message);
                }
                continue;
            }
            match message["method"].as_str().unwrap() {
                "item/completed" if message["params"]["item"]["type"] != "userMessage" => {
                    turn.items.push(message["params"]["item"].clone());
                }
                "turn/completed" => {
                    let end = &message["params"]["turn"];
                    turn.status = end["status"].as_str().unwrap().to_owned();
                    turn.error = end["error"].clone();
                    return turn;
                }
                _ => {}
            }
            turn.notifications.push(message);
        }
    }

    /// Interrupts the running turn of these params; the answer is read by [`finish`](Self::finish),
    /// because the end of the turn may come before it.
    pub(crate) async fn interrupt(&mut self, params: Value) {
        self.next_id += 1;
        let request = json!({"id": self.next_id, "method": "turn/interrupt", "params": params});
        self.send(request).await;
    }

    /// Reads up to a notification of this method and returns its params.
    pub(crate) async fn until(&mut self, method: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["method"] == method {
                return message["params"].clone();
            }
        }
    }

    async fn send(&mut self, message: Value) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
        stdin.flush().await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(WATCHDOG, self.lines.next_line())
            .await
            .unwrap_or_else(|_| panic!("codex said nothing for {WATCHDOG:?}"))
            .unwrap()
            .expect("codex has ended");
        serde_json::from_str(&line).unwrap()
    }

    /// Closes stdin, which ends codex and with it its MCP servers, and waits for that.
    pub(crate) async fn end(&mut self) {
        self.stdin = None;
        let status = tokio::time::timeout(WATCHDOG, self.child.wait()).await;
        assert!(status.expect("codex does not end").unwrap().success());
    }

    /// Ends codex, and checks that every history that the model was sent hangs together.
    pub(crate) async fn close(mut self) {
        self.end().await;
        assert_eq!(self.model.violations(), [""; 0]);
    }
}

fn spawn(home: &Path, tmp: &Path) -> (Child, ChildStdin, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(codex_binary())
        .arg("app-server")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", home)
        .env("CODEX_HOME", home)
        .env("TMPDIR", tmp)
        .current_dir(tmp)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, stdin, lines)
}
