//! The invariants of a connection, against a server in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

#[path = "support/fake.rs"]
mod fake;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign_runtime::approval::{By, Decision, Notice, Outcome};
use countersign_runtime::hooks::{
    AskPerson, Hook, HookContext, HookError, HookFuture, HookSet, Phase, Verdict,
};
use countersign_runtime::supervisor::RestartPolicy;
use countersign_runtime::{
    AskError, Client, ClientConfig, Event, Limits, RpcError, Session, SessionConfig,
};
use fake::{Fake, pair};
use serde_json::{Value, json};
use support::{Person, within};

async fn with(hooks: HookSet, limits: Limits) -> (Client, Session, Fake) {
    let (transport, mut fake) = pair();
    let config = ClientConfig {
        hooks,
        limits,
        restart: RestartPolicy::Never,
        ..ClientConfig::over(transport)
    };
    let (client, ()) = tokio::join!(Client::connect(config), fake.greet());
    let client = client.unwrap();
    let (session, ()) = tokio::join!(
        client.start_session(SessionConfig::new("/w")),
        fake.start_thread()
    );
    (client, session.unwrap(), fake)
}

async fn asking() -> (Client, Session, Fake) {
    with(HookSet::default().with(AskPerson), Limits::default()).await
}

/// A pre-tool-use hook made of a function.
struct Says<F>(&'static str, F);

impl<F: Fn() -> HookFuture<'static> + Send + Sync + 'static> Hook for Says<F> {
    fn name(&self) -> &str {
        self.0
    }
    fn phases(&self) -> &[Phase] {
        &[Phase::PreToolUse]
    }
    fn call<'a>(&'a self, _context: &'a HookContext) -> HookFuture<'a> {
        (self.1)()
    }
}

fn ready(verdict: Result<Verdict, HookError>) -> HookFuture<'static> {
    Box::pin(std::future::ready(verdict))
}

#[tokio::test]
async fn i1_an_open_question_and_a_sleeping_hook_delay_nothing() {
    let sleeps = Says("sleeps", || -> HookFuture<'static> {
        Box::pin(std::future::pending())
    });
    let (client, session, mut fake) =
        with(HookSet::default().with(sleeps), Limits::default()).await;
    let mut events = session.subscribe();
    for id in 0..100 {
        fake.ask(id).await;
    }
    let params = json!({});
    let call = client.call::<Value>("model/list", &params);
    let (answer, _) = tokio::join!(call, fake.answer("model/list", json!({"data": []})));
    answer.unwrap();
    fake.notify("warning", json!({"threadId": "T", "message": "hello"}))
        .await;
    assert!(
        matches!(within("the event", events.recv()).await, Some(Event::Warning { message }) if message == "hello")
    );
}

#[tokio::test]
async fn i2_each_request_gets_one_answer_whoever_races() {
    let (client, _session, mut fake) = asking().await;
    let mut person = Person::at(&client);
    for id in 0..200 {
        fake.ask(id).await;
    }
    let mut entries = Vec::new();
    for _ in 0..200 {
        entries.push(person.asked().await);
    }
    let taken = Arc::new(AtomicUsize::new(0));
    let answerers: Vec<_> = (0..3)
        .map(|answerer| {
            let (approvals, mut entries, taken) = (
                client.approvals().clone(),
                entries.clone(),
                Arc::clone(&taken),
            );
            tokio::spawn(async move {
                if answerer == 1 {
                    entries.reverse();
                }
                for (at, entry) in entries.iter().enumerate() {
                    let decision = if answerer == 2 {
                        Decision::Deny
                    } else {
                        Decision::Allow
                    };
                    if approvals.decide(&entry.key, decision, "test").is_ok() {
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                    if at % 7 == answerer {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    for answerer in answerers {
        answerer.await.unwrap();
    }
    assert_eq!(taken.load(Ordering::Relaxed), 200);
    let mut answered: Vec<i64> = Vec::new();
    for _ in 0..200 {
        answered.push(fake.next().await["id"].as_i64().unwrap());
    }
    answered.sort_unstable();
    assert_eq!(answered, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn i2_hooks_that_fail_never_allow() {
    let fails = Says("fails", || ready(Err(HookError("broken".into()))));
    let panics = Says("panics", || panic!("a hook panics on purpose"));
    let panics_later = Says("panics later", || -> HookFuture<'static> {
        Box::pin(async { panic!("a hook panics on purpose") })
    });
    let meddles = Says("meddles", || ready(Ok(Verdict::Mutate(Default::default()))));
    let oversteps = Says("oversteps", || {
        ready(Ok(Verdict::Decide(Decision::AllowByRule(vec![
            "rm".into(),
        ]))))
    });
    let hooks = HookSet::default()
        .with(fails)
        .with(panics)
        .with(panics_later)
        .with(meddles)
        .with(oversteps);
    let (client, _session, mut fake) = with(hooks, Limits::default()).await;
    let mut person = Person::at(&client);
    fake.ask(0).await;
    assert_eq!(
        fake.next().await,
        json!({"id": 0, "result": {"decision": "decline"}})
    );
    let mut failed = Vec::new();
    loop {
        match person.notice().await {
            Notice::HookFailed(issue) => failed.push(issue.hook),
            Notice::Resolved(_, outcome) => {
                assert_eq!(
                    outcome,
                    Outcome::Answered {
                        decision: Decision::Deny,
                        by: By::Nobody
                    }
                );
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        failed,
        ["fails", "panics", "panics later", "meddles", "oversteps"]
    );
}

#[tokio::test]
async fn i2_what_is_not_known_gets_an_error_and_a_notice() {
    let (client, _session, mut fake) = asking().await;
    let mut person = Person::at(&client);
    fake.say(json!({"id": "x-1", "method": "item/teleport", "params": {"threadId": "T"}}))
        .await;
    let answer = fake.next().await;
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!("x-1"), &json!(-32601))
    );
    assert!(
        matches!(person.notice().await, Notice::Denied(request) if request.method == "item/teleport")
    );
}

#[tokio::test]
async fn i3_a_question_leaves_the_open_state_with_whatever_ends_it() {
    let (client, session, mut fake) = asking().await;
    let mut person = Person::at(&client);
    let outcome = async |person: &mut Person, fake: &mut Fake, id: i64, end: (&str, Value)| {
        fake.ask(id).await;
        let entry = person.asked().await;
        fake.notify(end.0, end.1).await;
        let (_, outcome) = person.resolved().await;
        assert!(client.approvals().open().is_empty());
        assert!(
            client
                .approvals()
                .decide(&entry.key, Decision::Allow, "test")
                .is_err()
        );
        outcome
    };
    let resolved = (
        "serverRequest/resolved",
        json!({"threadId": "T", "requestId": 0}),
    );
    assert_eq!(
        outcome(&mut person, &mut fake, 0, resolved).await,
        Outcome::Elsewhere
    );
    let ended = (
        "turn/completed",
        json!({"threadId": "T", "turn": {"id": "U", "items": [], "status": "interrupted"}}),
    );
    assert_eq!(
        outcome(&mut person, &mut fake, 1, ended).await,
        Outcome::TurnEnded
    );

    fake.ask(2).await;
    person.asked().await;
    let (closed, _) = tokio::join!(session.close(), fake.answer("thread/archive", json!({})));
    closed.unwrap();
    assert_eq!(person.resolved().await.1, Outcome::ThreadClosed);

    fake.ask(3).await;
    person.asked().await;
    drop(fake);
    assert_eq!(person.resolved().await.1, Outcome::ServerDied);
}

#[tokio::test]
async fn i3_a_replayed_request_is_the_same_question() {
    let (client, _session, mut fake) = asking().await;
    let mut person = Person::at(&client);
    fake.ask(0).await;
    let entry = person.asked().await;
    fake.ask(0).await;
    fake.ask(1).await;
    assert_ne!(
        person.asked().await.key,
        entry.key,
        "request 0 is not asked again"
    );
    assert_eq!(client.approvals().open().len(), 2);
}

#[tokio::test]
async fn i4_the_end_of_the_stream_fails_every_call_and_is_one_event() {
    let (client, session, fake) = asking().await;
    let mut events = session.subscribe();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.call::<Value>("model/list", &json!({})).await })
        })
        .collect();
    tokio::task::yield_now().await;
    drop(fake);
    for call in calls {
        let failed = within("the failure", call).await.unwrap().unwrap_err();
        assert!(
            matches!(failed, RpcError::Died { .. } | RpcError::Closed(_)),
            "{failed:?}"
        );
    }
    assert!(matches!(
        within("the event", events.recv()).await,
        Some(Event::Disconnected(_))
    ));
    assert!(within("the end", events.recv()).await.is_none());
}

#[tokio::test]
async fn i5_a_subscriber_that_does_not_read_loses_nothing_and_stops_nobody() {
    let (_client, session, mut fake) = asking().await;
    let mut slow = session.subscribe();
    let mut wanted = String::new();
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    let stream = stream.unwrap();
    for i in 0..50_000 {
        let delta = format!("{i} ");
        wanted.push_str(&delta);
        fake.notify(
            "item/agentMessage/delta",
            json!({"threadId": "T", "turnId": "U", "itemId": "I", "delta": delta}),
        )
        .await;
    }
    fake.end_turn().await;
    let result = within("the end", stream.finish()).await.unwrap();
    assert_eq!(result.text, wanted.trim());
    let mut found = String::new();
    loop {
        match within("an event", slow.recv()).await.unwrap() {
            Event::Delta(delta) => found.push_str(&delta.text),
            Event::TurnCompleted { .. } => break,
            Event::TurnStarted { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn lines_that_make_no_sense_hurt_nobody() {
    let (client, _session, mut fake) = asking().await;
    for line in [
        "",
        "garbage",
        "{",
        "[1,2]",
        "{}",
        r#"{"id":999,"result":{}}"#,
        r#"{"id":"a","result":{}}"#,
        r#"{"id":1.5,"method":"x"}"#,
    ] {
        fake.line(line).await;
    }
    let params = json!({});
    let call = client.call::<Value>("model/list", &params);
    let (answer, request) = tokio::join!(call, fake.answer("model/list", json!({"n": 1})));
    assert_eq!(answer.unwrap(), json!({"n": 1}));
    // The same answer once more.
    fake.say(json!({"id": request["id"], "result": {"n": 2}}))
        .await;
    let call = client.call::<Value>("model/list", &params);
    let (answer, _) = tokio::join!(call, fake.answer("model/list", json!({"n": 3})));
    assert_eq!(answer.unwrap(), json!({"n": 3}));
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_an_error_for_its_caller_alone() {
    let limits = Limits {
        line_bytes: 100_000,
        ..Limits::default()
    };
    let (client, session, mut fake) = with(HookSet::default().with(AskPerson), limits).await;
    let mut events = session.subscribe();
    let params = json!({});
    let call = client.call::<Value>("model/list", &params);
    let (answer, _) = tokio::join!(call, fake.answer("model/list", json!("x".repeat(200_000))));
    assert!(
        matches!(answer, Err(RpcError::TooLarge { limit: 100_000, .. })),
        "{answer:?}"
    );
    let call = client.call::<Value>("model/list", &params);
    let (answer, _) = tokio::join!(call, fake.answer("model/list", json!(1)));
    assert_eq!(answer.unwrap(), json!(1));
    // A notification that is too long is missed, and said to be.
    fake.notify(
        "warning",
        json!({"threadId": "T", "message": "x".repeat(200_000)}),
    )
    .await;
    assert!(matches!(
        within("the gap", events.recv()).await,
        Some(Event::Gap { missed: 1 })
    ));
    // A request that is too long gets an answer all the same.
    fake.say(json!({"id": 7, "method": "item/commandExecution/requestApproval", "params": {"command": "x".repeat(200_000)}})).await;
    let answer = fake.next().await;
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("100000"),
        "{answer}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_times_out_and_a_late_answer_is_dropped() {
    let limits = Limits {
        call_timeout: Duration::from_secs(5),
        ..Limits::default()
    };
    let (client, _session, mut fake) = with(HookSet::default(), limits).await;
    let params = json!({});
    let late = client.call::<Value>("model/list", &params).await;
    assert!(matches!(late, Err(RpcError::Timeout { .. })), "{late:?}");
    let request = fake.next().await;
    fake.say(json!({"id": request["id"], "result": "late"}))
        .await;
    let call = client.call::<Value>("model/list", &params);
    let (answer, _) = tokio::join!(call, fake.answer("model/list", json!("in time")));
    assert_eq!(answer.unwrap(), json!("in time"));
}

#[tokio::test]
async fn at_most_32_requests_are_in_flight() {
    let (client, _session, mut fake) = asking().await;
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                client
                    .call::<Value>("model/list", &json!({}))
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut held = Vec::new();
    for _ in 0..32 {
        held.push(fake.next().await);
    }
    let more = tokio::time::timeout(Duration::from_millis(50), fake.next());
    assert!(more.await.is_err(), "a 33rd request was sent");
    for request in held {
        fake.say(json!({"id": request["id"], "result": null})).await;
    }
    for _ in 0..8 {
        fake.answer("model/list", Value::Null).await;
    }
    for call in calls {
        within("the answer", call).await.unwrap();
    }
}

#[tokio::test]
async fn a_turn_that_says_nothing_and_a_message_that_is_replaced() {
    let (_client, session, mut fake) = asking().await;
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    fake.end_turn().await;
    assert!(matches!(
        within("the end", stream.unwrap().finish()).await,
        Err(AskError::NoText { .. })
    ));

    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    let at = |text: &str| json!({"threadId": "T", "turnId": "U", "startedAtMs": 1, "completedAtMs": 1, "item": {"type": "agentMessage", "id": "I", "text": text}});
    fake.notify(
        "item/agentMessage/delta",
        json!({"threadId": "T", "turnId": "U", "itemId": "I", "delta": "hel"}),
    )
    .await;
    fake.notify("item/completed", at("hello")).await;
    fake.end_turn().await;
    assert_eq!(
        within("the end", stream.unwrap().finish())
            .await
            .unwrap()
            .text,
        "hello"
    );
}
