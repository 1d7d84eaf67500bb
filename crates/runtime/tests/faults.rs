//! The app-server dies, cannot be started, or is the wrong one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

mod support;

use std::os::unix::fs::PermissionsExt;

use countersign_runtime::approval::{Decision, Outcome};
use countersign_runtime::item::ItemDetail;
use countersign_runtime::supervisor::{ConnectionState, RestartPolicy};
use countersign_runtime::transport::{ChildSpec, SpawnError};
use countersign_runtime::{
    AskError, Client, ClientConfig, ConnectError, Event, Prompt, RpcError, Session,
};
use support::{Person, Place, connect, event, profile, start, within};

fn kill(pid: u32) {
    let status = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn a_death_in_mid_turn_is_said_and_the_session_goes_on() {
    let place = Place::new().await;
    let client = connect(place.asking()).await;
    let mut person = Person::at(&client);
    let session = start(&client, place.session()).await;
    within("the answer", session.ask("say first"))
        .await
        .unwrap();
    let mut events = session.subscribe();
    let asking = tokio::spawn({
        let session = session.clone();
        async move { session.ask("run: echo made > made.txt").await }
    });
    let entry = person.asked().await;
    let thread = session.thread_id();
    kill(client.server_pid().unwrap());

    assert_eq!(person.resolved().await.1, Outcome::ServerDied);
    assert!(
        client
            .approvals()
            .decide(&entry.key, Decision::Allow, "test")
            .is_err()
    );
    let failed = within("the end", asking).await.unwrap();
    assert!(
        matches!(&failed, Err(AskError::Rpc(RpcError::Died { death, .. })) if death.status.is_some()),
        "{failed:?}"
    );
    let death = event(&mut events, "the death", |event| match event {
        Event::Disconnected(death) => Some(death.to_string()),
        _ => None,
    })
    .await;
    assert!(death.contains('9'), "{death}");
    let generation = event(&mut events, "the resume", |event| match event {
        Event::Resumed { generation, .. } => Some(generation),
        _ => None,
    })
    .await;
    assert!(generation > 1);
    assert_eq!(session.thread_id(), thread);
    assert_eq!(
        within("the answer", session.ask("say second"))
            .await
            .unwrap()
            .text,
        "second"
    );
    assert!(!place.file("made.txt").exists());
    assert_eq!(place.model.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_thread_without_a_turn_is_started_anew_after_a_death() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let mut events = session.subscribe();
    kill(client.server_pid().unwrap());
    event(&mut events, "the resume", |event| {
        matches!(event, Event::Resumed { .. }).then_some(())
    })
    .await;
    assert_eq!(
        within("the answer", session.ask("say on"))
            .await
            .unwrap()
            .text,
        "on"
    );
}

#[tokio::test]
async fn a_call_made_while_the_server_restarts_waits_for_it() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let mut state = client.state();
    kill(client.server_pid().unwrap());
    within(
        "the restart",
        state.wait_for(|state| matches!(state, ConnectionState::Restarting { .. })),
    )
    .await
    .unwrap();
    assert_eq!(
        within("the answer", session.ask("say on"))
            .await
            .unwrap()
            .text,
        "on"
    );
}

#[tokio::test]
async fn without_restarts_the_client_closes() {
    let place = Place::new().await;
    let client = connect(ClientConfig {
        restart: RestartPolicy::Never,
        ..place.config()
    })
    .await;
    let session = start(&client, place.session()).await;
    kill(client.server_pid().unwrap());
    let refused = within("the end", async {
        loop {
            let prompt = Prompt {
                profile: profile(),
                ..Prompt::new("say no", &place.cwd)
            };
            match session.start_turn(&prompt).await {
                Err(AskError::Rpc(error @ RpcError::Closed(_))) => return error,
                Err(AskError::Rpc(RpcError::Died { .. })) => tokio::task::yield_now().await,
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    assert!(refused.to_string().contains('9'), "{refused}");
}

#[tokio::test]
async fn shutting_down_leaves_no_process() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let pid = client.server_pid().unwrap();
    within("the shutdown", client.shutdown()).await;
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert!(matches!(
        client.start_session(place.session()).await,
        Err(RpcError::Closed(_))
    ));
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_server() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let pid = client.server_pid().unwrap();
    let path = format!("/proc/{pid}");
    drop(client);
    assert!(
        std::path::Path::new(&path).exists(),
        "the session is a handle too"
    );
    drop(session);
    within("the end of the process", async {
        while std::path::Path::new(&path).exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A program that says `output` and ends.
fn program(place: &Place, script: &str) -> ClientConfig {
    let path = place.file("program");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    ClientConfig::new(ChildSpec::app_server(path))
}

#[tokio::test]
async fn a_server_that_is_none_is_explained() {
    let place = Place::new().await;
    let missing = ClientConfig::new(ChildSpec::app_server(place.file("nothing")));
    let connected = Client::connect(missing).await.err().unwrap();
    assert!(
        matches!(&connected, ConnectError::Spawn(why) if matches!(**why, SpawnError::Missing(_))),
        "{connected:?}"
    );

    let ends = Client::connect(program(&place, "echo broken pipe dream >&2; exit 3"))
        .await
        .err()
        .unwrap();
    assert!(matches!(&ends, ConnectError::Died(_)), "{ends:?}");
    let said = ends.to_string();
    assert!(
        said.contains('3') && said.contains("broken pipe dream"),
        "{said}"
    );

    let garbage = Client::connect(program(&place, "echo hello; echo '{'; echo; exit 0"))
        .await
        .err()
        .unwrap();
    assert!(matches!(&garbage, ConnectError::Died(_)), "{garbage:?}");

    let answer = |user_agent: &str| {
        format!(
            "read line; echo '{{\"id\":0,\"result\":{{\"userAgent\":\"{user_agent}\"}}}}'; read line"
        )
    };
    let old = Client::connect(program(&place, &answer("countersign/0.50.1 (x)")))
        .await
        .err()
        .unwrap();
    assert!(old.to_string().contains("0.50.1 is too old"), "{old}");
    let nameless = Client::connect(program(&place, &answer("something else")))
        .await
        .err()
        .unwrap();
    assert!(matches!(nameless, ConnectError::NoVersion { .. }));
}

/// Processes whose command line contains `text`.
fn processes(text: &str) -> Vec<String> {
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let pid = entry
                .file_name()
                .into_string()
                .ok()
                .filter(|name| name.bytes().all(|b| b.is_ascii_digit()))?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(text).then(|| format!("{pid}: {line}"))
        })
        .collect()
}

/// A session in which `COMMAND` runs, outside the sandbox when it is a `run:`.
async fn running(place: &Place, scene: &str) -> (Client, Session) {
    let client = connect(ClientConfig {
        restart: RestartPolicy::Never,
        ..place.asking()
    })
    .await;
    let mut person = Person::at(&client);
    let session = start(&client, place.session()).await;
    let mut events = session.subscribe();
    let prompt = Prompt {
        profile: profile(),
        ..Prompt::new(scene, &place.cwd)
    };
    session.start_turn(&prompt).await.unwrap();
    event(&mut events, "the command", |event| match event {
        Event::ItemStarted { item, .. } => {
            matches!(item.detail, ItemDetail::Command(_)).then_some(())
        }
        _ => None,
    })
    .await;
    if scene.starts_with("run:") {
        let entry = person.asked().await;
        person.answer(&entry, Decision::Allow);
    }
    let command = scene.split_once(": ").unwrap().1.to_owned();
    within("the command's process", async {
        while processes(&command).is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    (client, session)
}

/// The scene with a time to sleep that no other run of the tests has.
fn own(scene: &str) -> String {
    format!("{scene}.{}", std::process::id())
}

async fn ended(command: &str) {
    within("the end of the command", async {
        while !processes(command).is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// I12.
#[tokio::test]
async fn no_command_outlives_an_orderly_end() {
    let place = Place::new().await;
    for scene in ["sandboxed: sleep 98761", "run: sleep 98762"] {
        let scene = &own(scene);
        let (client, _session) = running(&place, scene).await;
        within("the shutdown", client.shutdown()).await;
        ended(scene.split_once(": ").unwrap().1).await;
    }
}

/// I12.
#[tokio::test]
async fn no_command_outlives_a_killed_server() {
    let place = Place::new().await;
    for scene in ["sandboxed: sleep 98763", "run: sleep 98764"] {
        let scene = &own(scene);
        let (client, _session) = running(&place, scene).await;
        kill(client.server_pid().unwrap());
        ended(scene.split_once(": ").unwrap().1).await;
    }
}

/// I12: closing its input does not move this one.
#[tokio::test]
async fn a_server_that_does_not_end_is_killed() {
    let place = Place::new().await;
    let answer = r#"{"id":0,"result":{"userAgent":"countersign/0.169.0 (x)"}}"#;
    let config = program(
        &place,
        &format!("read line; echo '{answer}'; exec sleep 98765"),
    );
    let client = within("the handshake", Client::connect(config))
        .await
        .unwrap();
    let pid = client.server_pid().unwrap();
    within("the shutdown", client.shutdown()).await;
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}
