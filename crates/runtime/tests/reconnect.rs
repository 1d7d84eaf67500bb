//! A server that goes on while the connection to it is gone, a thread that another app-server or another
//! client has open, and a provider that cannot be reached.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod reach;
#[path = "support/spawning.rs"]
mod spawning;
mod support;

use std::sync::Arc;

use countersign_runtime::approval::Decision;
use countersign_runtime::event::{FailureKind, TurnOutcome};
use countersign_runtime::history::HistoryPage;
use countersign_runtime::hooks::{AskPerson, HookSet};
use countersign_runtime::item::{ItemDetail, WorkStatus};
use countersign_runtime::transcript::{Limits, RowKind, RowStatus, Transcript, Trouble, TurnState};
use countersign_runtime::transport::{Transport, WebSocketSpec};
use countersign_runtime::{
    Event, Prompt, RpcError, RunProfile, Session, SessionConfig, Subscription,
};
use countersign_scripted_model::{CodexHome, HomeOptions};
use reach::{Cuttable, Host, Kind};
use support::{Person, Place, connect, event, profile, start, within};
use tokio::net::TcpListener;

/// A session whose connection can be cut, and everything that it was told.
struct Far {
    host: Host,
    proxy: Cuttable,
    session: Session,
    events: Subscription,
    transcript: Transcript,
}

impl Far {
    async fn new() -> Self {
        Self::to(Host::start(Kind::WebSocket).await, HookSet::default()).await
    }

    async fn to(host: Host, hooks: HookSet) -> Self {
        let proxy = Cuttable::before(host.port()).await;
        let mut config = host.config();
        config.hooks = hooks;
        let Transport::WebSocket(spec) = &mut config.transport else {
            unreachable!("it is one")
        };
        spec.address = WebSocketSpec::url(format!("ws://127.0.0.1:{}", proxy.port)).address;
        let client = connect(config).await;
        let session = start(&client, host.place.session()).await;
        Self {
            proxy,
            events: session.subscribe(),
            session,
            transcript: Transcript::new(Limits::default()),
            host,
        }
    }

    async fn turn(&mut self, scene: &str) -> Arc<str> {
        let prompt = Prompt {
            profile: profile(),
            ..Prompt::new(scene, &self.host.place.cwd)
        };
        self.session.start_turn(&prompt).await.unwrap()
    }

    async fn event<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let transcript = &mut self.transcript;
        event(&mut self.events, what, |event| {
            transcript.apply(&event);
            pick(&event)
        })
        .await
    }

    async fn caught_up(&mut self) -> Arc<HistoryPage> {
        self.event("what was missed", |event| match event {
            Event::CaughtUp { page } => Some(Arc::clone(page)),
            _ => None,
        })
        .await
    }

    async fn outcome(&mut self) -> TurnOutcome {
        self.event("the end of the turn", |event| match event {
            Event::TurnCompleted { outcome, .. } => Some(outcome.clone()),
            _ => None,
        })
        .await
    }

    /// Cuts the connection and waits until that is known.
    async fn cut(&mut self) {
        self.proxy.refuse(true);
        self.proxy.cut();
        self.event("the loss", |event| {
            matches!(event, Event::Disconnected(_)).then_some(())
        })
        .await;
        assert!(!self.session.is_busy());
    }

    /// The server has asked the model that often.
    async fn requests(&self, count: usize) {
        let asked = self.host.place.model.wait_for_request(count);
        within("a request to the model", asked).await.unwrap();
    }
}

#[tokio::test]
async fn i4_a_turn_that_ran_on_is_known_again_with_what_was_missed_and_can_be_stopped() {
    let mut far = Far::new().await;
    let turn = far
        .turn("hold one\nsandboxed: echo made > made.txt\nhold two\nsay over")
        .await;
    far.event("the turn", |event| {
        matches!(event, Event::TurnStarted { .. }).then_some(())
    })
    .await;
    far.requests(1).await;
    far.cut().await;
    assert_eq!(far.transcript.running().map(|turn| turn.id.clone()), None);
    // The command runs while nobody listens, and the turn goes on.
    far.host.place.model.release("one");
    far.requests(2).await;
    assert!(far.host.place.file("made.txt").exists());
    far.proxy.refuse(false);

    let page = far.caught_up().await;
    assert_eq!(page.turns.last().map(|turn| &turn.id), Some(&turn));
    assert_eq!(page.turns.last().unwrap().outcome, None);
    let again = far
        .event("the turn", |event| match event {
            Event::TurnStarted { turn, at_ms } => Some((Arc::clone(turn), at_ms.is_some())),
            _ => None,
        })
        .await;
    assert_eq!(again, (Arc::clone(&turn), true));
    assert!(far.session.is_busy());
    let rows: Vec<_> = far
        .transcript
        .rows()
        .filter_map(|row| match &row.kind {
            RowKind::Command { status, .. } => Some(*status),
            _ => None,
        })
        .collect();
    assert_eq!(rows, [RowStatus::Done]);
    assert!(
        far.transcript
            .running()
            .is_some_and(|running| running.id == turn)
    );

    assert!(within("the stop", far.session.stop()).await.unwrap());
    assert_eq!(far.outcome().await, TurnOutcome::Interrupted);
    assert!(!far.session.is_busy());
    assert_eq!(
        far.transcript.turns().last().map(|turn| turn.state),
        Some(TurnState::Interrupted)
    );
    assert_eq!(
        within("the answer", far.session.ask("say on"))
            .await
            .unwrap()
            .text,
        "on"
    );
}

#[tokio::test]
async fn i4_a_turn_that_ran_on_ends_by_itself_and_that_is_told() {
    let mut far = Far::new().await;
    far.turn("hold one\nsay over").await;
    far.requests(1).await;
    far.cut().await;
    far.proxy.refuse(false);
    far.caught_up().await;
    assert!(far.session.is_busy());
    far.host.place.model.release("one");
    assert_eq!(far.outcome().await, TurnOutcome::Completed);
    assert!(!far.session.is_busy());
    assert!(!within("the stop", far.session.stop()).await.unwrap());
}

/// Another client sees its end; this one learns of it when it is back.
#[tokio::test]
async fn i4_a_turn_that_ended_meanwhile_is_told_with_its_answer() {
    let mut far = Far::new().await;
    far.turn("hold one\nsay all of it").await;
    far.requests(1).await;
    let other = connect(far.host.config()).await;
    let theirs = other
        .resume_session(&far.session.thread_id(), far.host.place.session())
        .await
        .unwrap();
    let mut their_events = theirs.subscribe();
    far.cut().await;
    far.host.place.model.release("one");
    event(&mut their_events, "the end of the turn", |event| {
        matches!(event, Event::TurnCompleted { .. }).then_some(())
    })
    .await;
    far.proxy.refuse(false);
    let page = far.caught_up().await;
    assert_eq!(
        page.turns.last().unwrap().outcome,
        Some(TurnOutcome::Completed)
    );
    assert!(!far.session.is_busy());
    let said: Vec<_> = far
        .transcript
        .rows()
        .filter(|row| matches!(row.kind, RowKind::Agent { .. }))
        .map(|row| row.text.as_str().to_owned())
        .collect();
    assert_eq!(said, ["all of it"]);
    let cut: Vec<_> = far
        .transcript
        .rows()
        .filter_map(|row| match &row.kind {
            RowKind::Trouble(Trouble::Disconnected {
                cut_short, resumed, ..
            }) => Some((*cut_short, *resumed)),
            _ => None,
        })
        .collect();
    assert_eq!(cut, [(false, true)], "nothing was cut short");
}

/// FACTS section 4: an open question comes right after the answer to `thread/resume`. The hooks of the session that
/// is being opened are asked about it, though the client has none.
#[tokio::test]
async fn i2_a_question_open_on_a_thread_that_is_resumed_is_asked_of_its_hooks_once() {
    let host = Host::start(Kind::WebSocket).await;
    let asking = || {
        SessionConfig::new(&host.place.cwd).with_profile(RunProfile {
            hooks: HookSet::default().with(AskPerson),
            ..profile()
        })
    };
    let first = connect(host.config()).await;
    let mut person = Person::at(&first);
    let session = start(&first, asking()).await;
    let prompt = Prompt {
        profile: profile(),
        ..Prompt::new("run: echo made >> made.txt\nhold on", &host.place.cwd)
    };
    let turn = session.start_turn(&prompt).await.unwrap();
    let theirs = person.asked().await;

    let second = connect(host.config()).await;
    let mut other = Person::at(&second);
    let resumed = second
        .resume_session(&session.thread_id(), asking())
        .await
        .unwrap();
    assert!(resumed.is_busy(), "the turn that runs is known");
    let entry = other.asked().await;
    assert_eq!(entry.request.item, theirs.request.item);
    assert_eq!(entry.session, session.thread_id());
    other.answer(&entry, Decision::Allow);
    other.resolved().await;
    // The other client's view of it closes.
    person.resolved().await;
    let ran = within("the next request", host.place.model.wait_for_request(2)).await;
    ran.unwrap();
    assert!(second.approvals().open().is_empty());
    assert_eq!(
        std::fs::read_to_string(host.place.file("made.txt")).unwrap(),
        "made\n"
    );

    let mut events = resumed.subscribe();
    assert!(within("the stop", resumed.stop()).await.unwrap());
    let ended = event(&mut events, "the end of the turn", |event| match event {
        Event::TurnCompleted { turn, outcome, .. } => Some((turn, outcome)),
        _ => None,
    })
    .await;
    assert_eq!(ended, (turn, TurnOutcome::Interrupted));
    assert!(!resumed.is_busy());
}

/// The agents that a session's agent started go on as well, and what they ask is asked again.
#[tokio::test]
async fn i4_an_agents_question_survives_a_cut_connection_and_is_asked_again_once() {
    let mut host = Host::start(Kind::WebSocket).await;
    let options = HomeOptions {
        request_max_retries: Some(0),
        stream_max_retries: Some(0),
        ..HomeOptions::default()
    };
    let home = host.place.cwd.parent().unwrap().join("home");
    CodexHome::write(&home, &spawning::serve().await, &options).unwrap();
    host.kill_server();
    host.start_server().await;
    let mut far = Far::to(host, HookSet::default().with(AskPerson)).await;
    let mut person = Person::at(far.session.client());
    far.turn("agent: run: echo made >> made.txt").await;
    let first = person.asked().await;
    assert_ne!(first.request.thread, far.session.thread_id());
    far.cut().await;
    person.resolved().await;
    far.proxy.refuse(false);
    let again = person.asked().await;
    assert_eq!(again.request.item, first.request.item);
    assert_eq!(again.request.thread, first.request.thread);
    assert_eq!(again.session, far.session.thread_id());
    person.answer(&again, Decision::Allow);
    far.event("the end of the agent's turn", |event| match event {
        Event::OfAgent { event, .. } => {
            matches!(**event, Event::TurnCompleted { .. }).then_some(())
        }
        _ => None,
    })
    .await;
    assert_eq!(
        std::fs::read_to_string(far.host.place.file("made.txt")).unwrap(),
        "made\n"
    );
}

#[tokio::test]
async fn a_thread_that_another_app_server_writes_to_is_said_to_be_in_use() {
    let place = Place::new().await;
    let (first, second) = tokio::join!(connect(place.config()), connect(place.config()));
    let session = start(&first, place.session()).await;
    within("the answer", session.ask("say on")).await.unwrap();
    let id = session.thread_id();
    let refused = within("the refusal", second.resume_session(&id, place.session())).await;
    let Err(RpcError::ThreadInUse { thread, error }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(thread, id);
    assert!(error.message.contains("active writer"), "{error:?}");
    let said = RpcError::ThreadInUse { thread, error }.to_string();
    assert!(
        said.contains("another Codex") && said.contains("close it there"),
        "{said}"
    );
    // Once it is let go of there, it opens here.
    within("the end", first.shutdown()).await;
    let resumed = within("the resume", second.resume_session(&id, place.session()))
        .await
        .unwrap();
    assert_eq!(
        within("the answer", resumed.ask("say here"))
            .await
            .unwrap()
            .text,
        "here"
    );
}

/// FACTS section 8: the server waits for the network for ever. That is said, and can be stopped.
#[tokio::test]
async fn a_provider_that_is_not_there_shows_as_waiting_and_can_be_stopped() {
    let place = Place::new().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", nobody.local_addr().unwrap());
    drop(nobody);
    let options = HomeOptions {
        request_max_retries: Some(0),
        stream_max_retries: Some(0),
        ..HomeOptions::default()
    };
    let home = place.cwd.parent().unwrap().join("home");
    CodexHome::write(&home, &url, &options).unwrap();
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let mut events = session.subscribe();
    let mut transcript = Transcript::new(Limits::default());
    let prompt = Prompt {
        profile: profile(),
        ..Prompt::new("say nothing", &place.cwd)
    };
    let turn = session.start_turn(&prompt).await.unwrap();
    let failure = event(&mut events, "the trouble", |event| {
        transcript.apply(&event);
        match event {
            Event::Error {
                turn: of,
                failure,
                will_retry,
            } => {
                assert!(will_retry && of == turn);
                Some(failure)
            }
            _ => None,
        }
    })
    .await;
    assert_eq!(failure.kind, FailureKind::Disconnected { status: None });
    assert!(session.is_busy());
    let waits = |transcript: &Transcript| {
        transcript.rows().any(|row| {
            matches!(
                row.kind,
                RowKind::Trouble(Trouble::Failed { retrying: true, .. })
            )
        })
    };
    assert!(waits(&transcript));

    assert!(within("the stop", session.stop()).await.unwrap());
    let outcome = event(&mut events, "the end of the turn", |event| {
        transcript.apply(&event);
        match event {
            Event::TurnCompleted { outcome, .. } => Some(outcome),
            _ => None,
        }
    })
    .await;
    assert_eq!(outcome, TurnOutcome::Interrupted);
    assert!(!session.is_busy());
    assert!(!waits(&transcript));
}

/// The provider breaks off in mid-answer until the server gives up: a typed failure, and the session goes on.
#[tokio::test]
async fn a_provider_that_breaks_off_fails_the_turn_with_a_reason() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let mut events = session.subscribe();
    within("the failure", session.ask("drop"))
        .await
        .unwrap_err();
    let failure = event(&mut events, "the end of the turn", |event| match event {
        Event::TurnCompleted {
            outcome: TurnOutcome::Failed(failure),
            ..
        } => Some(failure),
        _ => None,
    })
    .await;
    assert!(failure.message.contains("disconnected"), "{failure:?}");
    within("the answer", session.ask("sandboxed: true\nsay on"))
        .await
        .unwrap();
    let worked = event(&mut events, "the command", |event| match event {
        Event::ItemCompleted { item, .. } => match item.detail {
            ItemDetail::Command(command) => Some(command.status),
            _ => None,
        },
        _ => None,
    })
    .await;
    assert_eq!(worked, WorkStatus::Completed);
}
