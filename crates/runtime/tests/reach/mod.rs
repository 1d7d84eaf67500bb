//! The real app-server within reach of each transport.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::print_stdout,
    reason = "one process tells another that it is there"
)]

mod ssh;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign_runtime::ClientConfig;
use countersign_runtime::hooks::{AskPerson, HookSet};
use countersign_runtime::supervisor::RestartPolicy;
use countersign_runtime::transport::{ChildSpec, SshSpec, Transport, WebSocketSpec};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Notify;

use super::support::{Place, codex, connect, within};
pub(crate) use ssh::Sshd;

/// Which transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Child,
    Ssh,
    WebSocket,
    Unix,
}

/// A place with an app-server that can be reached.
pub(crate) struct Host {
    pub(crate) kind: Kind,
    way: Way,
    /// Of the kinds whose server is not started by the transport.
    server: Option<Server>,
    _sshd: Option<Sshd>,
    /// The last, so that the folders go when nobody writes there any more.
    pub(crate) place: Place,
}

/// How to get there; another process can, too.
#[derive(Clone, Serialize, Deserialize)]
struct Way {
    kind: Kind,
    program: PathBuf,
    env: BTreeMap<String, String>,
    scratch: PathBuf,
    port: u16,
    token: String,
}

impl Way {
    fn transport(&self) -> Transport {
        match self.kind {
            Kind::Child => Transport::Child(ChildSpec {
                env: self
                    .env
                    .iter()
                    .map(|(key, value)| (key.into(), value.into()))
                    .collect(),
                clear_env: true,
                ..ChildSpec::app_server(&self.program)
            }),
            Kind::Ssh => Transport::Ssh(SshSpec {
                port: Some(self.port),
                identity: Some(self.scratch.join("user-key")),
                options: ssh::options(&self.scratch),
                program: self.program.to_str().unwrap().to_owned(),
                env: self.env.clone(),
                ..SshSpec::app_server("127.0.0.1")
            }),
            Kind::WebSocket => Transport::WebSocket(
                WebSocketSpec::url(format!("ws://127.0.0.1:{}", self.port)).with_token(&self.token),
            ),
            Kind::Unix => Transport::WebSocket(WebSocketSpec::unix(self.scratch.join("s"))),
        }
    }
}

/// A server that is there before and stays.
struct Server(Child);

impl Server {
    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Everything at its default, but quick to come back.
pub(crate) fn config(transport: Transport) -> ClientConfig {
    ClientConfig {
        restart: RestartPolicy::OnExit {
            attempts: 400,
            first: Duration::from_millis(20),
            longest: Duration::from_millis(100),
        },
        ..ClientConfig::over(transport)
    }
}

impl Host {
    pub(crate) async fn start(kind: Kind) -> Self {
        let place = Place::new().await;
        let Transport::Child(child) = place.config().transport else {
            unreachable!("the place's server is a child")
        };
        let text = |text: &std::ffi::OsString| text.clone().into_string().unwrap();
        let scratch = place.cwd.parent().unwrap().to_owned();
        let mut host = Self {
            kind,
            way: Way {
                kind,
                program: codex(),
                env: child
                    .env
                    .iter()
                    .map(|(key, value)| (text(key), text(value)))
                    .collect(),
                scratch,
                port: 0,
                token: "correct horse".to_owned(),
            },
            place,
            server: None,
            _sshd: None,
        };
        if kind == Kind::Ssh {
            let sshd = Sshd::start(&host.way.scratch).await;
            host.way.port = sshd.port;
            host._sshd = Some(sshd);
        }
        host.start_server().await;
        host
    }

    pub(crate) fn transport(&self) -> Transport {
        self.way.transport()
    }

    pub(crate) fn config(&self) -> ClientConfig {
        config(self.transport())
    }

    pub(crate) fn asking(&self) -> ClientConfig {
        ClientConfig {
            hooks: HookSet::default().with(AskPerson),
            ..self.config()
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.way.port
    }

    pub(crate) fn token(&self) -> &str {
        &self.way.token
    }

    pub(crate) fn module(&self) -> &'static str {
        match self.kind {
            Kind::Child => "child",
            Kind::Ssh => "ssh",
            Kind::WebSocket => "websocket",
            Kind::Unix => "unix_socket",
        }
    }

    /// A new key that opens nothing.
    pub(crate) fn new_key(&self, name: &str) -> PathBuf {
        ssh::new_key(&self.way.scratch, name)
    }

    /// Starts the server where the transport does not, at the address that it had before.
    pub(crate) async fn start_server(&mut self) {
        let scratch = self.way.scratch.clone();
        match self.kind {
            Kind::Child | Kind::Ssh => {}
            Kind::Unix => {
                let listen = format!("unix://{}", scratch.join("s").display());
                self.server = Some(self.listen(&listen, &[]).await.unwrap());
            }
            Kind::WebSocket => {
                let file = scratch.join("token");
                std::fs::write(&file, format!("{}\n", self.way.token)).unwrap();
                let auth = [
                    "--ws-auth",
                    "capability-token",
                    "--ws-token-file",
                    file.to_str().unwrap(),
                ];
                // A port that was free a moment ago may be another test's now.
                while self.server.is_none() {
                    if self.way.port == 0 {
                        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
                        self.way.port = free.local_addr().unwrap().port();
                    }
                    self.server = self
                        .listen(&format!("ws://127.0.0.1:{}", self.way.port), &auth)
                        .await;
                    if self.server.is_none() {
                        self.way.port = 0;
                    }
                }
            }
        }
    }

    /// Starts a server that listens; `None` when it cannot have the address.
    async fn listen(&self, listen: &str, auth: &[&str]) -> Option<Server> {
        let mut server = Command::new(&self.way.program)
            .args(["app-server", "--listen", listen])
            .args(auth)
            .env_clear()
            .envs(&self.way.env)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = server.stderr.take().unwrap();
        let mut server = Server(server);
        if let Some(path) = listen.strip_prefix("unix://") {
            drop(stderr);
            // It does not say when it listens.
            within("the server's socket", async {
                while UnixStream::connect(path).await.is_err() {
                    assert_eq!(server.0.try_wait().unwrap(), None);
                    tokio::task::yield_now().await;
                }
            })
            .await;
            return Some(server);
        }
        // It says where it listens, and then it does. The rest is read so that it never blocks.
        let (said, hears) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut said = Some(said);
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if line.contains("listening on")
                    && let Some(said) = said.take()
                {
                    let _ = said.send(());
                }
            }
        });
        within("the server's address", hears)
            .await
            .is_ok()
            .then_some(server)
    }

    /// Kills the app-server, wherever it runs.
    pub(crate) fn kill_server(&mut self) {
        match self.server.take() {
            Some(mut server) => server.end(),
            None => self.kill_app_server(),
        }
    }

    pub(crate) fn kill_app_server(&self) {
        let program = self.way.program.to_str().unwrap();
        let servers: Vec<_> = self
            .processes()
            .into_iter()
            .filter(|(_, line)| line.starts_with(program))
            .collect();
        assert_eq!(servers.len(), 1, "{servers:?}");
        let killed = Command::new("kill")
            .args(["-9", &servers[0].0])
            .status()
            .unwrap();
        assert!(killed.success());
    }

    /// Ends a server that is not the transport's; it must have been left alive.
    pub(crate) fn stop_server(&mut self) {
        if let Some(mut server) = self.server.take() {
            assert_eq!(
                server.0.try_wait().unwrap(),
                None,
                "a server of somebody else's was ended"
            );
            server.end();
        }
    }

    /// The processes that belong to this place by command line or environment: servers, their
    /// commands, `ssh`, sshd.
    pub(crate) fn processes(&self) -> Vec<(String, String)> {
        processes(&self.way.scratch)
    }

    /// Waits until none of the transport's processes is left.
    pub(crate) async fn is_left_alone(&self) {
        within("the end of every process", async {
            while !self.processes().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

fn processes(scratch: &Path) -> Vec<(String, String)> {
    let scratch = scratch.to_str().unwrap();
    let ours = std::process::id().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let pid = entry
                .file_name()
                .into_string()
                .ok()
                .filter(|name| name.bytes().all(|b| b.is_ascii_digit()))?;
            let read = |file| {
                std::fs::read(entry.path().join(file))
                    .map(|text| String::from_utf8_lossy(&text).replace('\0', " "))
            };
            let line = read("cmdline").ok()?;
            let env = read("environ").unwrap_or_default();
            (pid != ours && (line.contains(scratch) || env.contains(scratch)))
                .then_some((pid, line))
        })
        .collect()
}

const HOLD: &str = "COUNTERSIGN_TEST_HOLD";
const HOLDING: &str = "the connection is held";

/// This test program again, in a process of its own that connects and never ends by itself.
pub(crate) async fn holding(host: &Host, test: &str) -> tokio::process::Child {
    let mut holder = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(HOLD, serde_json::to_string(&host.way).unwrap())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::BufReader::new(holder.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains(HOLDING) {
            return holder;
        }
    }
    panic!("the other process did not connect");
}

/// In that process: connects, says so, and stays.
pub(crate) async fn holding_if_asked() {
    let Ok(way) = std::env::var(HOLD) else { return };
    let way: Way = serde_json::from_str(&way).unwrap();
    let _client = connect(config(way.transport())).await;
    println!("{HOLDING}");
    std::future::pending::<()>().await;
}

/// A TCP proxy whose connections can be cut.
pub(crate) struct Cuttable {
    pub(crate) port: u16,
    cut: Arc<Notify>,
    refusing: Arc<AtomicBool>,
}

impl Cuttable {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            cut: Arc::default(),
            refusing: Arc::default(),
        };
        let cut = Arc::clone(&proxy.cut);
        let refusing = Arc::clone(&proxy.refusing);
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                if refusing.load(Ordering::Acquire) {
                    continue;
                }
                let cut = Arc::clone(&cut);
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        () = cut.notified() => {}
                    }
                    let _ = far.shutdown().await;
                });
            }
        });
        proxy
    }

    /// Lets nobody connect any more, or everybody again.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.refusing.store(refusing, Ordering::Release);
    }

    /// Cuts every connection that there is.
    pub(crate) fn cut(&self) {
        self.cut.notify_waiters();
    }
}
