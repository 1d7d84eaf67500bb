//! The real app-server behind a scripted model, each test in folders of its own.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_runtime::approval::{Approvals, Decision, Entry, Notice, Outcome};
use countersign_runtime::hooks::{AskPerson, HookSet};
use countersign_runtime::policy::{ApprovalPolicy, SandboxMode};
use countersign_runtime::transport::ChildSpec;
use countersign_runtime::{
    Client, ClientConfig, Event, RunProfile, Session, SessionConfig, Subscription,
};
use countersign_scripted_model::{CodexHome, HomeOptions, ScriptedModel};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

/// Only so that a broken test ends.
const WATCHDOG: Duration = Duration::from_secs(60);

/// The pinned codex: `COUNTERSIGN_CODEX`, else what `make setup` installed.
pub(crate) fn codex() -> PathBuf {
    if let Some(path) = std::env::var_os("COUNTERSIGN_CODEX") {
        return path.into();
    }
    let vendor =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/codex/node_modules/@openai");
    let found = std::fs::read_dir(&vendor)
        .into_iter()
        .flatten()
        .flatten()
        .find_map(|package| {
            let triples = std::fs::read_dir(package.path().join("vendor")).ok()?;
            triples
                .flatten()
                .map(|triple| triple.path().join("bin/codex"))
                .find(|path| path.is_file())
        });
    match found {
        Some(path) => path,
        None => panic!("no codex below {}: run `make setup`", vendor.display()),
    }
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(WATCHDOG, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {WATCHDOG:?}"),
    }
}

/// A model, a home and a working folder.
pub(crate) struct Place {
    pub(crate) model: ScriptedModel,
    pub(crate) cwd: PathBuf,
    scratch: TempDir,
}

/// The MCP server `tiny`: the example `ask` is it. Cargo builds examples with the tests of a package.
fn tiny() -> (String, Vec<String>) {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile
        .join("examples/ask")
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        program.is_file(),
        "no {}: run `cargo build -p countersign-runtime --example ask`",
        program.display()
    );
    let program = program.to_str().unwrap().to_owned();
    (program, vec!["mcp".to_owned()])
}

impl Place {
    pub(crate) async fn new() -> Self {
        Self::with(None).await
    }

    /// With the MCP server `tiny`.
    pub(crate) async fn with_tiny() -> Self {
        Self::with(Some(tiny())).await
    }

    async fn with(mcp_command: Option<(String, Vec<String>)>) -> Self {
        let scratch = tempfile::Builder::new()
            .prefix("runtime-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .unwrap();
        let model = ScriptedModel::start().await.unwrap();
        let options = HomeOptions {
            request_max_retries: Some(0),
            stream_max_retries: Some(0),
            mcp_command,
            ..HomeOptions::default()
        };
        CodexHome::write(&scratch.path().join("home"), &model.base_url(), &options).unwrap();
        let cwd = scratch.path().join("work");
        std::fs::create_dir(&cwd).unwrap();
        std::fs::create_dir(scratch.path().join("tmp")).unwrap();
        Self {
            model,
            cwd,
            scratch,
        }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.scratch.path().join("home")
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let home = self.home();
        let mut server = ChildSpec::app_server(codex())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("CODEX_HOME", &home)
            .env("HOME", &home)
            .env("TMPDIR", self.scratch.path().join("tmp"));
        server.clear_env = true;
        ClientConfig::new(server)
    }

    pub(crate) fn asking(&self) -> ClientConfig {
        ClientConfig {
            hooks: HookSet::default().with(AskPerson),
            ..self.config()
        }
    }

    /// Workspace write, asks on request.
    pub(crate) fn session(&self) -> SessionConfig {
        SessionConfig::new(&self.cwd).with_profile(profile())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.cwd.join(name)
    }
}

pub(crate) fn profile() -> RunProfile {
    RunProfile {
        sandbox: SandboxMode::WorkspaceWrite,
        approval: ApprovalPolicy::OnRequest,
        privileged: true,
        ..RunProfile::default()
    }
}

pub(crate) async fn connect(config: ClientConfig) -> Client {
    within("the handshake", Client::connect(config))
        .await
        .unwrap()
}

pub(crate) async fn start(client: &Client, config: SessionConfig) -> Session {
    within("the start of a thread", client.start_session(config))
        .await
        .unwrap()
}

/// A person at the approvals.
pub(crate) struct Person {
    approvals: Approvals,
    notices: UnboundedReceiver<Notice>,
}

impl Person {
    pub(crate) fn at(client: &Client) -> Self {
        let (open, notices) = client.approvals().present();
        assert!(open.is_empty());
        Self {
            approvals: client.approvals().clone(),
            notices,
        }
    }

    pub(crate) fn approvals(&self) -> &Approvals {
        &self.approvals
    }

    pub(crate) async fn notice(&mut self) -> Notice {
        within("a notice", self.notices.recv()).await.unwrap()
    }

    pub(crate) async fn asked(&mut self) -> Entry {
        match self.notice().await {
            Notice::Requested(entry) => entry,
            other => panic!("asked for nothing, but {other:?}"),
        }
    }

    pub(crate) async fn resolved(&mut self) -> (Entry, Outcome) {
        match self.notice().await {
            Notice::Resolved(entry, outcome) => (entry, outcome),
            other => panic!("resolved nothing, but {other:?}"),
        }
    }

    pub(crate) fn answer(&self, entry: &Entry, decision: Decision) {
        self.approvals.decide(&entry.key, decision, "test").unwrap();
    }
}

/// The next event that `pick` wants.
pub(crate) async fn event<T>(
    events: &mut Subscription,
    what: &str,
    mut pick: impl FnMut(Event) -> Option<T>,
) -> T {
    within(what, async {
        loop {
            let event = events
                .recv()
                .await
                .unwrap_or_else(|| panic!("no more events, and no {what}"));
            if let Some(found) = pick(event) {
                return found;
            }
        }
    })
    .await
}
