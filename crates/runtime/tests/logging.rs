//! What is logged: ids in spans, and up to the level of info nobody's words and no secret.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

#[path = "support/does.rs"]
mod does;
#[path = "support/fake.rs"]
mod fake;
mod reach;
mod support;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use countersign_runtime::approval::Decision;
use countersign_runtime::hooks::{AskPerson, HookError, HookSet, Phase, Verdict};
use countersign_runtime::supervisor::RestartPolicy;
use countersign_runtime::transport::{ChildSpec, Transport, WebSocketSpec};
use countersign_runtime::{Client, ClientConfig, Event};
use reach::{Host, Kind};
use serde_json::json;
use support::{Person, Place, connect, event, start, within};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn line(&self, of: &str) -> String {
        let text = self.text();
        match text.lines().find(|line| line.contains(of)) {
            Some(line) => line.to_owned(),
            None => panic!("no line with {of:?} in\n{text}"),
        }
    }
}

/// What this test's one thread logs: up to info, and all of it.
struct Log {
    info: Lines,
    all: Lines,
    _guard: DefaultGuard,
}

impl Log {
    fn new() -> Self {
        let (info, all) = (Lines::default(), Lines::default());
        let layer = |lines: &Lines, level: LevelFilter| {
            let lines = lines.clone();
            tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
                .with_writer(move || lines.clone())
                .with_filter(level)
                .boxed()
        };
        let layers = vec![
            layer(&info, LevelFilter::INFO),
            layer(&all, LevelFilter::TRACE),
        ];
        let guard = tracing_subscriber::registry().with(layers).set_default();
        Self {
            info,
            all,
            _guard: guard,
        }
    }

    /// Nothing up to info has any of these; all of it together has what is `said`.
    #[track_caller]
    fn assert_kept_out(&self, secrets: &[&str], said: &[&str]) {
        let (info, all) = (self.info.text(), self.all.text());
        for canary in secrets.iter().chain(said) {
            assert!(!info.contains(canary), "{canary:?} is in\n{info}");
        }
        for canary in secrets {
            assert!(!all.contains(canary), "{canary:?} is in the log");
        }
        for canary in said {
            assert!(all.contains(canary), "{canary:?} was never logged at all");
        }
    }
}

#[tokio::test]
async fn a_session_is_logged_with_its_ids_and_without_its_words() {
    let log = Log::new();
    let place = Place::new().await;
    let mut config = place.config();
    let Transport::Child(server) = &mut config.transport else {
        unreachable!("the place's server is a child")
    };
    *server = server
        .clone()
        .env("PROVIDER_KEY", "canary-of-the-environment");
    let shown = format!("{server:?}");
    assert!(shown.contains("PROVIDER_KEY") && !shown.contains("canary"));
    config.hooks = HookSet::default()
        .with(does::does("breaks", [Phase::PreToolUse], |_| {
            Err(HookError("canary-of-a-hook".to_owned()))
        }))
        .with(AskPerson);
    let client = connect(config).await;
    let mut person = Person::at(&client);
    let session = start(&client, place.session()).await;
    let mut events = session.subscribe();
    let asking = tokio::spawn({
        let session = session.clone();
        async move {
            session
                .ask("run: echo canary-of-a-command > made.txt\nsay canary-of-an-answer")
                .await
        }
    });
    while person.approvals().open().is_empty() {
        person.notice().await;
    }
    let entry = person.approvals().open().remove(0);
    person.answer(&entry, Decision::Allow);
    let answer = within("the answer", asking).await.unwrap().unwrap();
    assert!(answer.text.contains("canary"));
    let turn = answer.turn;
    event(&mut events, "the end of the turn", |event| {
        matches!(event, Event::TurnCompleted { .. }).then_some(())
    })
    .await;
    within("the shutdown", client.shutdown()).await;

    log.assert_kept_out(
        &[
            "canary-of-the-environment",
            "canary-of-a-command",
            "canary-of-an-answer",
        ],
        &["canary-of-a-hook"],
    );
    // The reader's lines belong to the connection, the thread and the turn.
    let thread = session.thread_id();
    let connection = r#"connection{generation=1 transport="child"}"#;
    let of_turn = format!(r#"{connection}:thread{{id="{thread}"}}:turn{{id="{turn}"}}"#);
    for of in ["a turn runs", "the turn is over"] {
        let line = log.info.line(of);
        assert!(line.contains(&of_turn), "{line}");
    }
    let arrived = log.info.line("a question arrived");
    assert!(
        arrived.contains(connection) && arrived.contains(&*thread) && arrived.contains(&*turn),
        "{arrived}"
    );
    // And so do those of the tasks that ask hooks.
    let failed = log.info.line("a hook failed");
    assert!(
        failed.contains("question{") && failed.contains(&*thread) && failed.contains(&*turn),
        "{failed}"
    );
    let settled = log.info.line("a question is settled");
    assert!(settled.contains("answered by a person"), "{settled}");
}

#[tokio::test]
async fn a_bearer_token_is_in_no_log() {
    let log = Log::new();
    let host = Host::start(Kind::WebSocket).await;
    let client = connect(host.config()).await;
    let session = start(&client, host.place.session()).await;
    within("the answer", session.ask("say canary-of-an-answer"))
        .await
        .unwrap();
    within("the shutdown", client.shutdown()).await;
    let url = format!("ws://127.0.0.1:{}", host.port());
    let refused = ClientConfig::over(Transport::WebSocket(
        WebSocketSpec::url(url).with_token("canary-of-a-wrong-token"),
    ));
    within("the refusal", Client::connect(refused))
        .await
        .err()
        .unwrap();
    assert!(log.info.text().contains(r#"transport="websocket""#));
    log.assert_kept_out(
        &[
            host.token(),
            "canary-of-a-wrong-token",
            "canary-of-an-answer",
        ],
        &[],
    );
}

/// What cannot be read is somebody's words too, and so is what a program says as it dies.
#[tokio::test]
async fn what_goes_wrong_is_logged_without_what_was_said() {
    let log = Log::new();
    let (client, mut fake) =
        does::client(
            HookSet::default().with(does::does("blocks", [Phase::PreToolUse], |_| {
                Ok(Verdict::Block {
                    reason: "canary-of-a-reason".to_owned(),
                })
            })),
        )
        .await;
    let _session = does::session(
        &client,
        &mut fake,
        countersign_runtime::SessionConfig::new("/w"),
    )
    .await;
    fake.line("canary-of-no-json").await;
    fake.line(r#"{"method": 1, "canary-of-a-frame": "canary-of-a-frame"}"#)
        .await;
    fake.notify(
        "item/agentMessage/delta",
        json!({"threadId": "T", "turnId": "canary-of-a-turn", "itemId": ["canary-of-an-item"], "delta": "x"}),
    )
    .await;
    fake.say(json!({"id": "canary-of-an-id", "result": {}}))
        .await;
    fake.ask_command(0, "canary-of-a-command").await;
    fake.next().await;
    log.assert_kept_out(
        &[
            "canary-of-no-json",
            "canary-of-a-frame",
            "canary-of-an-item",
            "canary-of-a-command",
        ],
        &["canary-of-a-reason", "canary-of-an-id"],
    );
    let text = log.info.text();
    for said in [
        "a line from the app-server was dropped",
        "a notification could not be read",
        "a tool use was blocked",
    ] {
        assert!(text.contains(said), "{said:?} is not in\n{text}");
    }

    let place = Place::new().await;
    let program = place.file("program");
    let answer = r#"{"id":0,"result":{"userAgent":"countersign/0.169.0 (x)"}}"#;
    let script = format!(
        "#!/bin/sh\nread line; echo '{answer}'; read line; echo canary-of-last-words >&2; exit 3\n"
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = ClientConfig {
        restart: RestartPolicy::OnExit {
            attempts: 1,
            first: std::time::Duration::ZERO,
            longest: std::time::Duration::ZERO,
        },
        ..ClientConfig::new(ChildSpec::app_server(program))
    };
    let dying = within("the handshake", Client::connect(config))
        .await
        .unwrap();
    let mut state = dying.state();
    let closed = state.wait_for(|state| {
        matches!(
            state,
            countersign_runtime::supervisor::ConnectionState::Closed { .. }
        )
    });
    within("the end", closed).await.unwrap();
    log.assert_kept_out(&[], &["canary-of-last-words"]);
    let line = log.info.line("is started again");
    assert!(line.contains("exit status: 3"), "{line}");
}
