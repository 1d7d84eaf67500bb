//! Threads and turns that this client did not start: those of agents that an agent started, and what comes
//! late, early, or by somebody else's doing (FACTS section 7).
#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

#[path = "support/does.rs"]
mod does;
#[path = "support/fake.rs"]
mod fake;
#[path = "support/spawning.rs"]
mod spawning;
mod support;

use countersign_runtime::approval::{By, Decision, Notice, Outcome};
use countersign_runtime::event::{DeltaPart, ThreadId, TurnOutcome};
use countersign_runtime::hooks::{AskPerson, HookSet, Phase, Verdict};
use countersign_runtime::item::{ItemDetail, WorkStatus};
use countersign_runtime::supervisor::RestartPolicy;
use countersign_runtime::transcript::{Limits, RowKind, Transcript, TurnState};
use countersign_runtime::{
    Client, ClientConfig, Event, RunProfile, Session, SessionConfig, Subscription,
};
use countersign_scripted_model::{CodexHome, HomeOptions};
use does::Told;
use fake::{Fake, pair};
use serde_json::{Value, json};
use support::{Person, Place, connect, event, profile, start, within};

/// A session whose own hooks ask the person; the client has none.
fn asking(cwd: impl Into<std::path::PathBuf>) -> SessionConfig {
    SessionConfig::new(cwd).with_profile(RunProfile {
        hooks: HookSet::default().with(AskPerson),
        ..profile()
    })
}

#[tokio::test]
async fn what_an_agent_of_an_agent_asks_and_does_reaches_the_session() {
    let place = Place::new().await;
    let options = HomeOptions {
        request_max_retries: Some(0),
        stream_max_retries: Some(0),
        ..HomeOptions::default()
    };
    let home = place.cwd.parent().unwrap().join("home");
    CodexHome::write(&home, &spawning::serve().await, &options).unwrap();
    let client = connect(place.config()).await;
    let mut person = Person::at(&client);
    let session = start(&client, asking(&place.cwd)).await;
    let mut events = session.subscribe();
    let answer = within(
        "the answer",
        session.ask("agent: run: echo made > made.txt"),
    )
    .await
    .unwrap();
    assert_eq!(answer.text, "done");

    let entry = person.asked().await;
    let child = ThreadId::clone(&entry.request.thread);
    assert_ne!(child, session.thread_id());
    assert_eq!(entry.session, session.thread_id());
    assert!(!place.file("made.txt").exists());
    person.answer(&entry, Decision::Allow);
    assert!(matches!(
        person.resolved().await.1,
        Outcome::Answered {
            by: By::Person(_),
            ..
        }
    ));
    let (mut streamed, mut completed, mut begun) = (String::new(), Vec::new(), 0);
    event(&mut events, "the end of the agent's turn", |event| {
        let Event::OfAgent { thread, event } = event else {
            return None;
        };
        assert_eq!(thread, child);
        match *event {
            Event::TurnStarted { .. } => begun += 1,
            Event::Delta(delta) => streamed.push_str(&delta.text),
            Event::ItemCompleted { item, .. } => completed.push(item.detail),
            Event::TurnCompleted { outcome, .. } => return Some(outcome),
            _ => {}
        }
        None
    })
    .await;
    assert_eq!((begun, streamed.as_str()), (1, "done"));
    assert!(
        completed
            .iter()
            .any(|item| matches!(item, ItemDetail::Command(command)
            if command.status == WorkStatus::Completed)),
        "{completed:?}"
    );
    assert_eq!(
        std::fs::read_to_string(place.file("made.txt")).unwrap(),
        "made\n"
    );
    assert!(!session.is_busy());
}

async fn with(config: SessionConfig) -> (Client, Session, Subscription, Fake) {
    let (transport, mut fake) = pair();
    let config_of_client = ClientConfig {
        restart: RestartPolicy::Never,
        ..ClientConfig::over(transport)
    };
    let (client, ()) = tokio::join!(Client::connect(config_of_client), fake.greet());
    let client = client.unwrap();
    let (session, ()) = tokio::join!(client.start_session(config), fake.start_thread());
    let session = session.unwrap();
    let events = session.subscribe();
    (client, session, events, fake)
}

async fn begins(fake: &mut Fake, thread: &str, turn: &str) {
    let turn = json!({"id": turn, "items": [], "status": "inProgress"});
    fake.notify("turn/started", json!({"threadId": thread, "turn": turn}))
        .await;
}

async fn ends(fake: &mut Fake, thread: &str, turn: &str) {
    let turn = json!({"id": turn, "items": [], "status": "completed"});
    fake.notify("turn/completed", json!({"threadId": thread, "turn": turn}))
        .await;
}

async fn says(fake: &mut Fake, thread: &str, turn: &str, text: &str) {
    fake.notify(
        "item/agentMessage/delta",
        json!({"threadId": thread, "turnId": turn, "itemId": "I", "delta": text}),
    )
    .await;
}

async fn asks(fake: &mut Fake, thread: &str, turn: &str, id: i64) {
    fake.say(
        json!({"id": id, "method": "item/fileChange/requestApproval",
        "params": {"threadId": thread, "turnId": turn, "itemId": "F", "startedAtMs": 1}}),
    )
    .await;
}

/// Answers who started a thread.
async fn is_started_by(fake: &mut Fake, thread: &str, parent: Option<&str>) {
    let result = json!({"thread": {"id": thread, "parentThreadId": parent}});
    let request = fake.answer("thread/read", result).await;
    assert_eq!(request["params"]["threadId"], thread);
}

fn told(event: Event) -> String {
    match event {
        Event::TurnStarted { turn, .. } => format!("{turn} begins"),
        Event::TurnCompleted { turn, .. } => format!("{turn} ends"),
        Event::ItemStarted { turn, item } => format!("{turn} {} begins", item.id),
        Event::Delta(delta) => format!("{} says {}", delta.turn, delta.text),
        Event::OfAgent { thread, event } => format!("{thread}: {}", told(*event)),
        other => format!("{other:?}"),
    }
}

async fn next(events: &mut Subscription, count: usize) -> Vec<String> {
    let mut out = Vec::new();
    while out.len() < count {
        out.push(told(within("an event", events.recv()).await.unwrap()));
    }
    out
}

/// Whose it is takes a question to the server: what comes meanwhile waits, in order, and so does what the agent
/// asks. Its diff is there as for the session's own.
#[tokio::test]
async fn i5_what_an_unknown_thread_says_is_held_until_it_is_known_whose_it_is() {
    let (client, session, mut events, mut fake) = with(asking("/w")).await;
    let mut person = Person::at(&client);
    begins(&mut fake, "C", "V").await;
    says(&mut fake, "C", "V", "a").await;
    let change = json!({"type": "fileChange", "id": "F", "status": "inProgress",
        "changes": [{"path": "/w/x", "kind": {"type": "add"}, "diff": "x"}]});
    fake.notify(
        "item/started",
        json!({"threadId": "C", "turnId": "V", "item": change}),
    )
    .await;
    asks(&mut fake, "C", "V", 7).await;
    says(&mut fake, "T", "U", "own").await;
    says(&mut fake, "C", "V", "b").await;
    assert_eq!(next(&mut events, 1).await, ["U says own"]);
    assert!(client.approvals().open().is_empty());

    is_started_by(&mut fake, "C", Some("T")).await;
    says(&mut fake, "C", "V", "c").await;
    assert_eq!(
        next(&mut events, 5).await,
        [
            "C: V begins",
            "C: V says a",
            "C: V F begins",
            "C: V says b",
            "C: V says c"
        ]
    );
    let entry = person.asked().await;
    assert_eq!((&*entry.request.thread, &*entry.session), ("C", "T"));
    assert!(!session.is_busy(), "it is no turn of the session");
    person.answer(&entry, Decision::Allow);
    assert_eq!(
        fake.next().await,
        json!({"id": 7, "result": {"decision": "accept"}})
    );
}

/// A rule that is given for a session holds for its agents too.
#[tokio::test]
async fn a_hook_is_told_whose_agent_asks() {
    let told = Told::default();
    let hooks = HookSet::default().with(told.hook("sees", Phase::ALL, |context| {
        Ok(match context.phase {
            Phase::PreToolUse => Verdict::AskPerson,
            _ => Verdict::Pass,
        })
    }));
    let (client, mut fake) = does::client(hooks).await;
    let session = does::session(&client, &mut fake, SessionConfig::new("/w")).await;
    let mut person = Person::at(&client);
    asks(&mut fake, "C", "V", 1).await;
    is_started_by(&mut fake, "C", Some("T")).await;
    person.asked().await;
    asks(&mut fake, "T", "U", 2).await;
    person.asked().await;
    asks(&mut fake, "X", "W", 3).await;
    is_started_by(&mut fake, "X", None).await;
    person.asked().await;
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    let contexts = told.contexts();
    let seen: Vec<_> = contexts
        .iter()
        .map(|context| {
            (
                context.phase,
                context.thread.as_deref(),
                context.session.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Phase::PreSessionStart, None, None),
            (Phase::PostSessionStart, Some("T"), Some("T")),
            (Phase::PreToolUse, Some("C"), Some("T")),
            (Phase::PreToolUse, Some("T"), Some("T")),
            (Phase::PreToolUse, Some("X"), Some("X")),
            (Phase::PreRun, Some("T"), Some("T")),
            (Phase::PreTurn, Some("T"), Some("T")),
        ]
    );
    drop(stream.unwrap());
}

#[tokio::test]
async fn an_agent_of_an_agent_is_found_through_the_one_between() {
    let (_client, _session, mut events, mut fake) = with(asking("/w")).await;
    begins(&mut fake, "D", "W").await;
    is_started_by(&mut fake, "D", Some("C")).await;
    is_started_by(&mut fake, "C", Some("T")).await;
    assert_eq!(next(&mut events, 1).await, ["D: W begins"]);
    // Who is known is not asked for again.
    says(&mut fake, "D", "W", "x").await;
    assert_eq!(next(&mut events, 1).await, ["D: W says x"]);
}

#[tokio::test]
async fn i2_a_question_of_nobodys_thread_is_answered_all_the_same() {
    let (client, _session, mut events, mut fake) = with(asking("/w")).await;
    let mut person = Person::at(&client);
    asks(&mut fake, "X", "V", 3).await;
    is_started_by(&mut fake, "X", None).await;
    assert_eq!(
        fake.next().await,
        json!({"id": 3, "result": {"decision": "decline"}}),
        "the client has no hooks, so there is nobody to ask"
    );
    while !matches!(person.notice().await, Notice::Denied(_)) {}
    begins(&mut fake, "X", "V").await;
    fake.is_told_nothing(&client).await;
    assert!(events.try_recv().is_none());
}

#[tokio::test]
async fn i3_a_question_of_an_agent_ends_with_its_turn_with_the_session_and_with_the_server() {
    let (client, session, mut events, mut fake) = with(asking("/w")).await;
    let mut person = Person::at(&client);
    // Its turn is over before it is known whose it was.
    asks(&mut fake, "C", "V", 1).await;
    ends(&mut fake, "C", "V").await;
    is_started_by(&mut fake, "C", Some("T")).await;
    assert_eq!(next(&mut events, 1).await, ["C: V ends"]);
    assert_eq!(person.resolved_at_last().await, Outcome::TurnEnded);

    asks(&mut fake, "C", "V", 2).await;
    person.asked().await;
    let (closed, _) = tokio::join!(session.close(), fake.answer("thread/archive", json!({})));
    closed.unwrap();
    assert_eq!(person.resolved().await.1, Outcome::ThreadClosed);

    // What nobody knows yet when the server dies is gone with it.
    asks(&mut fake, "E", "V", 3).await;
    let _lookup = fake.next().await;
    drop(fake);
    let mut state = client.state();
    let closed = state.wait_for(|state| {
        matches!(
            state,
            countersign_runtime::supervisor::ConnectionState::Closed { .. }
        )
    });
    within("the end", closed).await.unwrap();
    assert!(client.approvals().open().is_empty());
}

impl Person {
    /// How the next question that is settled was, asked about or not.
    async fn resolved_at_last(&mut self) -> Outcome {
        loop {
            if let Notice::Resolved(_, outcome) = self.notice().await {
                return outcome;
            }
        }
    }
}

/// By another client, a queue, a goal.
#[tokio::test]
async fn a_turn_that_this_client_did_not_start_runs_and_can_be_stopped() {
    let (_client, session, mut events, mut fake) = with(asking("/w")).await;
    begins(&mut fake, "T", "G").await;
    assert_eq!(next(&mut events, 1).await, ["G begins"]);
    assert!(session.is_busy());
    let stop = async {
        let request = fake.answer("turn/interrupt", json!({})).await;
        assert_eq!(request["params"], json!({"threadId": "T", "turnId": "G"}));
    };
    let (stopped, ()) = tokio::join!(session.stop(), stop);
    assert!(stopped.unwrap());
    ends(&mut fake, "T", "G").await;
    assert_eq!(next(&mut events, 1).await, ["G ends"]);
    assert!(!session.is_busy());
}

fn command(status: &str, output: Option<&str>) -> Value {
    json!({"type": "commandExecution", "id": "K", "command": "make", "cwd": "/w", "commandActions": [],
        "status": status, "aggregatedOutput": output, "exitCode": output.map(|_| 0)})
}

/// A command that outlives its turn says the rest of what it says, and its end, under the old turn.
#[tokio::test]
async fn an_item_that_is_done_after_its_turn_is_told_and_is_no_part_of_the_next() {
    let (_client, session, mut events, mut fake) = with(asking("/w")).await;
    let mut transcript = Transcript::new(Limits::default());
    let of = |turn: &str, item: Value| json!({"threadId": "T", "turnId": turn, "item": item});
    begins(&mut fake, "T", "A").await;
    fake.notify("item/started", of("A", command("inProgress", None)))
        .await;
    ends(&mut fake, "T", "A").await;
    let (stream, ()) = tokio::join!(session.ask_stream("next"), fake.start_turn());
    fake.notify(
        "item/completed",
        of("A", command("completed", Some("late\n"))),
    )
    .await;
    fake.said("U", "the answer").await;
    fake.end_turn().await;
    let answer = within("the answer", stream.unwrap().finish())
        .await
        .unwrap();
    assert_eq!(answer.text, "the answer");
    assert!(!session.is_busy());
    let late = event(&mut events, "the late item", |event| {
        transcript.apply(&event);
        match event {
            Event::ItemCompleted { turn, item } if &*item.id == "K" => Some(turn),
            _ => None,
        }
    })
    .await;
    assert_eq!(&*late, "A");
    let row = transcript.item(&"A".into(), &"K".into()).unwrap();
    assert_eq!(row.text.as_str(), "late\n");
    let states: Vec<_> = transcript.turns().map(|turn| turn.state).collect();
    assert_eq!(states, [TurnState::Completed, TurnState::Running]);
}

/// Attached in mid-stream: the beginning of the item was never said here.
#[tokio::test]
async fn deltas_of_an_item_that_was_never_started_here_are_told_and_replaced_by_the_whole() {
    let (_client, session, mut events, mut fake) = with(asking("/w")).await;
    let mut transcript = Transcript::new(Limits::default());
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    let mut stream = stream.unwrap();
    says(&mut fake, "T", "U", "the end").await;
    let heard = within("a delta", async {
        loop {
            if let Some(Event::Delta(delta)) = stream.recv().await.unwrap() {
                return delta;
            }
        }
    })
    .await;
    assert_eq!(
        (heard.part, &*heard.text),
        (DeltaPart::AgentMessage, "the end")
    );
    let shown = |transcript: &mut Transcript, events: &mut Subscription| {
        while let Some(event) = events.try_recv() {
            transcript.apply(&event);
        }
        transcript
            .rows()
            .filter(|row| matches!(row.kind, RowKind::Agent { .. }))
            .map(|row| row.text.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&mut transcript, &mut events), ["the end"]);
    fake.said("U", "from the beginning to the end").await;
    fake.end_turn().await;
    let answer = within("the answer", stream.finish()).await.unwrap();
    assert_eq!(answer.text, "from the beginning to the end");
    assert_eq!(shown(&mut transcript, &mut events), [answer.text]);
}

/// The outcome of an agent's turn is its own.
#[tokio::test]
async fn the_end_of_an_agents_turn_does_not_end_the_sessions() {
    let (_client, session, mut events, mut fake) = with(asking("/w")).await;
    begins(&mut fake, "C", "V").await;
    is_started_by(&mut fake, "C", Some("T")).await;
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    ends(&mut fake, "C", "V").await;
    let ended = event(
        &mut events,
        "the end of the agent's turn",
        |event| match event {
            Event::OfAgent { event, .. } => match *event {
                Event::TurnCompleted { outcome, .. } => Some(outcome),
                _ => None,
            },
            _ => None,
        },
    )
    .await;
    assert_eq!(ended, TurnOutcome::Completed);
    assert!(session.is_busy());
    fake.said("U", "over").await;
    fake.end_turn().await;
    let answer = within("the answer", stream.unwrap().finish())
        .await
        .unwrap();
    assert_eq!(answer.text, "over");
}
