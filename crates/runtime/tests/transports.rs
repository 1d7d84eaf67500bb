//! One contract for every way to an app-server: a child process, `ssh` through a real sshd on
//! loopback, a WebSocket over TCP with a token, and one over a unix socket; then what only one of
//! them can do. Which processes there are is read from `/proc`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what a test cannot do without fails it, and one process tells another that it is there"
)]

mod reach;
mod support;

use countersign_runtime::approval::{Decision, Notice, Outcome, Subject};
use countersign_runtime::event::TurnOutcome;
use countersign_runtime::supervisor::{ConnectionState, RestartPolicy};
use countersign_runtime::transport::{SpawnError, SshSpec, Transport, WebSocketSpec};
use countersign_runtime::{AskError, Client, ClientConfig, ConnectError, Event, Prompt, RpcError};
use reach::{Cuttable, Host, Kind, config, holding, holding_if_asked};
use serde_json::{Value, json};
use support::{Person, connect, event, profile, start, within};

macro_rules! contract {
    ($($behaviour:ident),* $(,)?) => {
        contract!(@over child Kind::Child; $($behaviour),*);
        contract!(@over ssh Kind::Ssh; $($behaviour),*);
        contract!(@over websocket Kind::WebSocket; $($behaviour),*);
        contract!(@over unix_socket Kind::Unix; $($behaviour),*);
    };
    (@over $transport:ident $kind:expr_2021; $($behaviour:ident),*) => {
        mod $transport {
            use super::*;
            $(
                #[tokio::test]
                async fn $behaviour() {
                    // The other process of `no_process_outlives_ours` is this program, too.
                    holding_if_asked().await;
                    super::$behaviour(Host::start($kind).await).await;
                }
            )*
        }
    };
}

contract! {
    a_question_gets_its_answer,
    an_approval_reaches_the_person_and_the_answer_the_server,
    a_turn_can_be_stopped,
    what_is_too_long_is_refused_and_the_connection_lives,
    a_killed_server_is_said_and_the_session_goes_on,
    shutting_down_leaves_no_process,
    no_process_outlives_ours,
}

async fn a_question_gets_its_answer(host: Host) {
    let client = connect(host.config()).await;
    assert!(client.server_info().version >= countersign_runtime::client::MINIMUM_VERSION);
    let session = start(&client, host.place.session()).await;
    let result = within("the answer", session.ask("stream 3000"))
        .await
        .unwrap();
    assert!(result.text.len() > 3000);
    assert_eq!(host.place.model.violations(), Vec::<String>::new());
    within("the shutdown", client.shutdown()).await;
}

async fn an_approval_reaches_the_person_and_the_answer_the_server(host: Host) {
    let client = connect(host.asking()).await;
    let mut person = Person::at(&client);
    let session = start(&client, host.place.session()).await;
    let turns = [("allowed", Decision::Allow), ("denied", Decision::Deny)];
    for (name, decision) in turns.clone() {
        let asking = tokio::spawn({
            let session = session.clone();
            async move {
                session
                    .ask(format!("run: echo made >> {name}.txt\nsay over"))
                    .await
            }
        });
        let entry = person.asked().await;
        assert!(
            matches!(&entry.request.subject, Subject::Command(_)),
            "{entry:?}"
        );
        person.answer(&entry, decision.clone());
        assert!(
            matches!(person.resolved().await.1, Outcome::Answered { decision: given, .. } if given == decision)
        );
        within("the answer", asking).await.unwrap().unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(host.place.file("allowed.txt")).unwrap(),
        "made\n"
    );
    assert!(!host.place.file("denied.txt").exists());
    assert_eq!(host.place.model.violations(), Vec::<String>::new());
    within("the shutdown", client.shutdown()).await;
}

async fn a_turn_can_be_stopped(host: Host) {
    let client = connect(host.config()).await;
    let session = start(&client, host.place.session()).await;
    let mut events = session.subscribe();
    let prompt = Prompt {
        profile: profile(),
        ..Prompt::new("hold for-ever", &host.place.cwd)
    };
    session.start_turn(&prompt).await.unwrap();
    assert!(within("the stop", session.stop()).await.unwrap());
    let outcome = event(&mut events, "the end of the turn", |event| match event {
        Event::TurnCompleted { outcome, .. } => Some(outcome),
        _ => None,
    })
    .await;
    assert_eq!(outcome, TurnOutcome::Interrupted);
    within("the shutdown", client.shutdown()).await;
}

/// FACTS sections 1 and 12: the server's own limit of a prompt, and a message longer than a frame of a
/// WebSocket may be.
async fn what_is_too_long_is_refused_and_the_connection_lives(host: Host) {
    let client = connect(host.config()).await;
    let session = start(&client, host.place.session()).await;
    let refused = within("the refusal", session.ask("x".repeat(1_200_000))).await;
    assert!(
        matches!(&refused, Err(AskError::Rpc(RpcError::Server { error, .. })) if error.code == -32602),
        "{refused:?}"
    );
    let long = json!({"threadId": "none", "padding": "x".repeat(17 << 20)});
    let refused = within("the refusal", client.call::<Value>("thread/read", &long)).await;
    assert!(
        matches!(&refused, Err(RpcError::Server { .. })),
        "{refused:?}"
    );
    assert_eq!(
        within("the answer", session.ask("say on"))
            .await
            .unwrap()
            .text,
        "on"
    );
    assert!(matches!(
        *client.state().borrow(),
        ConnectionState::Ready { generation: 1 }
    ));
    within("the shutdown", client.shutdown()).await;
}

/// I4.
async fn a_killed_server_is_said_and_the_session_goes_on(mut host: Host) {
    let client = connect(host.asking()).await;
    let mut person = Person::at(&client);
    let session = start(&client, host.place.session()).await;
    within("the answer", session.ask("say first"))
        .await
        .unwrap();
    let mut events = session.subscribe();
    let asking = tokio::spawn({
        let session = session.clone();
        async move { session.ask("run: echo made > made.txt").await }
    });
    let entry = person.asked().await;
    host.kill_server();

    assert_eq!(person.resolved().await.1, Outcome::ServerDied);
    assert!(
        client
            .approvals()
            .decide(&entry.key, Decision::Allow, "test")
            .is_err()
    );
    let failed = within("the end", asking).await.unwrap();
    assert!(
        matches!(&failed, Err(AskError::Rpc(RpcError::Died { .. }))),
        "{failed:?}"
    );
    let death = event(&mut events, "the death", |event| match event {
        Event::Disconnected(death) => Some(death.to_string()),
        _ => None,
    })
    .await;
    let wanted = match host.kind {
        Kind::Child => "signal: 9",
        Kind::Ssh => "the app-server there was killed",
        Kind::WebSocket | Kind::Unix => "the connection",
    };
    assert!(death.contains(wanted), "{death}");
    host.start_server().await;
    event(&mut events, "the resume", |event| {
        matches!(event, Event::Resumed { .. }).then_some(())
    })
    .await;
    assert_eq!(
        within("the answer", session.ask("say second"))
            .await
            .unwrap()
            .text,
        "second"
    );
    assert!(!host.place.file("made.txt").exists());
    within("the shutdown", client.shutdown()).await;
}

/// I12.
async fn shutting_down_leaves_no_process(mut host: Host) {
    let client = connect(host.config()).await;
    start(&client, host.place.session()).await;
    assert!(!host.processes().is_empty());
    within("the shutdown", client.shutdown()).await;
    host.stop_server();
    host.is_left_alone().await;
    assert!(matches!(
        client.start_session(host.place.session()).await,
        Err(RpcError::Closed(_))
    ));
}

/// I12: our process is killed and cannot clean up. A server that is not ours stays.
async fn no_process_outlives_ours(mut host: Host) {
    let test = format!("{}::no_process_outlives_ours", host.module());
    let mut holder = within("the other process's connection", holding(&host, &test)).await;
    assert!(!host.processes().is_empty());
    holder.kill().await.unwrap();
    host.stop_server();
    host.is_left_alone().await;
}

/// FACTS section 4: the turn and its question live on in a server that a connection was cut from. The
/// question is void here, comes back under the next generation, and is asked and answered once.
#[tokio::test]
async fn a_question_survives_a_cut_connection_and_is_asked_again_once() {
    let host = Host::start(Kind::WebSocket).await;
    let proxy = Cuttable::before(host.port()).await;
    let mut config = host.asking();
    let Transport::WebSocket(spec) = &mut config.transport else {
        unreachable!()
    };
    spec.address = WebSocketSpec::url(format!("ws://127.0.0.1:{}", proxy.port)).address;
    let client = connect(config).await;
    let mut person = Person::at(&client);
    let (_, mut notices) = client.approvals().present();
    let session = start(&client, host.place.session()).await;
    let mut events = session.subscribe();
    let prompt = Prompt {
        profile: profile(),
        ..Prompt::new("run: echo made >> made.txt\nsay over", &host.place.cwd)
    };
    session.start_turn(&prompt).await.unwrap();
    let first = person.asked().await;

    proxy.cut();
    let (voided, outcome) = person.resolved().await;
    assert_eq!((&voided.key, outcome), (&first.key, Outcome::ServerDied));
    let again = person.asked().await;
    assert_eq!(again.key.id, first.key.id);
    assert_eq!(again.key.generation, first.key.generation + 1);
    assert_eq!(again.request.item, first.request.item);
    assert_eq!(client.approvals().open().len(), 1);
    assert!(
        client
            .approvals()
            .decide(&first.key, Decision::Allow, "test")
            .is_err()
    );
    assert!(!host.place.file("made.txt").exists());

    person.answer(&again, Decision::Allow);
    assert!(matches!(
        person.resolved().await.1,
        Outcome::Answered { .. }
    ));
    let outcome = event(&mut events, "the end of the turn", |event| match event {
        Event::TurnCompleted { outcome, .. } => Some(outcome),
        _ => None,
    })
    .await;
    assert_eq!(outcome, TurnOutcome::Completed);
    assert_eq!(
        std::fs::read_to_string(host.place.file("made.txt")).unwrap(),
        "made\n"
    );
    let mut told = Vec::new();
    while let Ok(notice) = notices.try_recv() {
        told.push(match notice {
            Notice::Requested(entry) => format!("requested {}", entry.key),
            Notice::Resolved(entry, _) => format!("resolved {}", entry.key),
            other => panic!("{other:?}"),
        });
    }
    let (first, again) = (first.key, again.key);
    let wanted = [
        ("requested", &first),
        ("resolved", &first),
        ("requested", &again),
        ("resolved", &again),
    ];
    assert_eq!(told, wanted.map(|(what, key)| format!("{what} {key}")));
    assert_eq!(host.place.model.violations(), Vec::<String>::new());
    within("the shutdown", client.shutdown()).await;
}

async fn refused(transport: Transport) -> ConnectError {
    within("the refusal", Client::connect(config(transport)))
        .await
        .err()
        .unwrap()
}

#[tokio::test]
async fn a_wrong_token_is_said_in_the_servers_words() {
    let host = Host::start(Kind::WebSocket).await;
    let url = format!("ws://127.0.0.1:{}", host.port());
    let specs = [
        (WebSocketSpec::url(&url), "missing websocket bearer token"),
        (
            WebSocketSpec::url(&url).with_token("hush"),
            "invalid websocket bearer token",
        ),
    ];
    for (spec, wanted) in specs {
        let error = refused(Transport::WebSocket(spec)).await;
        assert!(
            matches!(&error, ConnectError::Spawn(why)
                if matches!(&**why, SpawnError::Unauthorized { status: 401, said, .. } if said == wanted)),
            "{error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
}

/// How `connect` to a host failed, in words.
async fn ssh_refused(host: &Host, change: impl FnOnce(&mut SshSpec)) -> String {
    let Transport::Ssh(mut spec) = host.transport() else {
        unreachable!()
    };
    change(&mut spec);
    match refused(Transport::Ssh(spec)).await {
        ConnectError::Died(death) => death.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_ssh_does_not_reach_is_explained() {
    let host = Host::start(Kind::Ssh).await;
    let check = |said: String, wanted: [&str; 2]| {
        assert!(wanted.iter().all(|wanted| said.contains(wanted)), "{said}");
    };
    let stranger = host.new_key("stranger");
    let (key, nobody, program, noisy) = tokio::join!(
        ssh_refused(&host, |spec| spec.identity = Some(stranger)),
        ssh_refused(&host, |spec| spec
            .options
            .insert(0, "UserKnownHostsFile=/dev/null".to_owned())),
        ssh_refused(&host, |spec| spec.program = "no-such-codex".to_owned()),
        ssh_refused(&host, |spec| {
            spec.program = "echo".to_owned();
            spec.args = vec!["This account is not available".to_owned()];
        }),
    );
    check(key, ["there is no SSH connection to", "Permission denied"]);
    check(
        nobody,
        [
            "there is no SSH connection to",
            "Host key verification failed",
        ],
    );
    check(program, ["127.0.0.1 has no no-such-codex", "No such file"]);
    check(
        noisy,
        [
            "127.0.0.1 said: This account is not available, but no app-server answered",
            "exit status: 0",
        ],
    );
}

/// What a shell start file says comes before the first frame, and on its line.
#[tokio::test]
async fn noise_before_the_server_is_skipped_and_told() {
    let host = Host::start(Kind::Ssh).await;
    let Transport::Ssh(mut spec) = host.transport() else {
        unreachable!()
    };
    let script = format!(
        "echo Welcome; printf 'no line end '; exec {} app-server",
        spec.program
    );
    spec.program = "sh".to_owned();
    spec.args = vec!["-c".to_owned(), script];
    let client = connect(ClientConfig {
        restart: RestartPolicy::Never,
        ..config(Transport::Ssh(spec))
    })
    .await;
    let session = start(&client, host.place.session()).await;
    let mut events = session.subscribe();
    assert_eq!(
        within("the answer", session.ask("say on"))
            .await
            .unwrap()
            .text,
        "on"
    );
    host.kill_app_server();
    let death = event(&mut events, "the death", |event| match event {
        Event::Disconnected(death) => Some(death),
        _ => None,
    })
    .await;
    let told: Vec<_> = death
        .stderr
        .iter()
        .filter(|line| line.contains(" said: "))
        .collect();
    assert_eq!(
        told,
        ["127.0.0.1 said: Welcome", "127.0.0.1 said: no line end"]
    );
    within("the shutdown", client.shutdown()).await;
}

/// A person's own options go before ours, except the one that keeps `ssh` from asking.
#[tokio::test]
async fn ssh_never_asks() {
    let host = Host::start(Kind::Ssh).await;
    let said = ssh_refused(&host, |spec| {
        spec.options.insert(0, "BatchMode=no".to_owned());
        spec.options
            .insert(0, "StrictHostKeyChecking=ask".to_owned());
        spec.options
            .insert(0, "UserKnownHostsFile=/dev/null".to_owned());
    })
    .await;
    assert!(said.contains("Host key verification failed"), "{said}");
}
