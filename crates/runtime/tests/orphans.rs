//! I12: what is left when a process that uses the runtime is killed and cannot clean up.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what a test cannot do without fails it, and one process tells another that it is there"
)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use countersign_runtime::hooks::{AskPerson, HookSet};
use countersign_runtime::transport::ChildSpec;
use countersign_runtime::{ClientConfig, Prompt, SessionConfig};
use serde::{Deserialize, Serialize};
use support::{Person, Place, connect, profile, start, within};
use tokio::io::{AsyncBufReadExt, BufReader};

const HOST: &str = "COUNTERSIGN_TEST_HOST";
const THERE: &str = "the host is there";

/// What the other process connects to.
#[derive(Serialize, Deserialize)]
struct Host {
    program: PathBuf,
    env: Vec<(String, String)>,
    /// What it says there, when it is a real app-server.
    scene: Option<(PathBuf, String)>,
}

impl Host {
    /// This program again, as a process of its own that connects, starts a turn, and stays.
    async fn start(&self, test: &str) -> tokio::process::Child {
        let mut host = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(HOST, serde_json::to_string(self).unwrap())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
        let there = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains(THERE) {
                    return;
                }
            }
            panic!("the other process did not connect");
        };
        within("the other process's connection", there).await;
        host
    }
}

/// In that process.
async fn be_the_host_if_asked() {
    let Ok(host) = std::env::var(HOST) else {
        return;
    };
    let host: Host = serde_json::from_str(&host).unwrap();
    let mut server = ChildSpec::app_server(host.program);
    for (key, value) in host.env {
        server = server.env(key, value);
    }
    let client = connect(ClientConfig {
        hooks: HookSet::default().with(AskPerson),
        ..ClientConfig::new(server)
    })
    .await;
    let mut person = Person::at(&client);
    if let Some((cwd, scene)) = host.scene {
        let config = SessionConfig::new(&cwd).with_profile(profile());
        let session = start(&client, config).await;
        let prompt = Prompt {
            profile: profile(),
            ..Prompt::new(scene, cwd)
        };
        session.start_turn(&prompt).await.unwrap();
        let entry = person.asked().await;
        person.answer(&entry, countersign_runtime::approval::Decision::Allow);
    }
    println!("{THERE}");
    std::future::pending::<()>().await;
}

/// Processes whose command line has `text`; zombies have none.
fn processes(text: &str) -> Vec<String> {
    let ours = std::process::id().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name() != *ours)
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

async fn runs(text: &str, wanted: bool) {
    within("the change of the processes", async {
        while processes(text).is_empty() == wanted {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Neither the end of its input nor a signal that it can ignore moves this one.
#[tokio::test]
async fn i12_a_killed_host_leaves_no_stubborn_server_and_nothing_that_it_started() {
    be_the_host_if_asked().await;
    let place = Place::new().await;
    let program = place.file("program");
    let answer = r#"{"id":0,"result":{"userAgent":"countersign/0.169.0 (x)"}}"#;
    let number = std::process::id();
    let (server, child) = (
        format!("sleep 98766.{number}"),
        format!("sleep 98767.{number}"),
    );
    let script = format!(
        "#!/bin/sh\ntrap '' HUP INT TERM\n{child} &\nread line\necho '{answer}'\nexec {server}\n"
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let host = Host {
        program,
        env: Vec::new(),
        scene: None,
    };
    let test = "i12_a_killed_host_leaves_no_stubborn_server_and_nothing_that_it_started";
    let mut host = host.start(test).await;
    runs(&server, true).await;
    runs(&child, true).await;
    host.kill().await.unwrap();
    runs(&server, false).await;
    runs(&child, false).await;
}

/// The real app-server's commands run in sessions of their own: it ends them itself.
#[tokio::test]
async fn i12_a_killed_host_leaves_no_app_server_and_no_command() {
    be_the_host_if_asked().await;
    let place = Place::new().await;
    let countersign_runtime::transport::Transport::Child(spec) = place.config().transport else {
        unreachable!("the place's server is a child")
    };
    let text = |text: &std::ffi::OsString| text.clone().into_string().unwrap();
    let command = format!("sleep 98768.{}", std::process::id());
    let host = Host {
        program: spec.program,
        env: spec
            .env
            .iter()
            .map(|(key, value)| (text(key), text(value)))
            .collect(),
        scene: Some((place.cwd.clone(), format!("run: {command}"))),
    };
    let home = place.cwd.parent().unwrap().join("home");
    let test = "i12_a_killed_host_leaves_no_app_server_and_no_command";
    let mut host = host.start(test).await;
    runs(&command, true).await;
    let server = || {
        let home = home.to_str().unwrap();
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| {
                let env = std::fs::read(entry.path().join("environ")).ok()?;
                let line = std::fs::read(entry.path().join("cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                let env = String::from_utf8_lossy(&env).contains(home);
                (env && line.contains("app-server")).then_some(line)
            })
            .collect::<Vec<_>>()
    };
    assert!(!server().is_empty());
    host.kill().await.unwrap();
    runs(&command, false).await;
    within("the end of the app-server", async {
        while !server().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
