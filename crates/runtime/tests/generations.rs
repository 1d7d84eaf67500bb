//! From one generation of the server to the next, in memory: what comes at the worst moment.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

#[path = "support/fake.rs"]
mod fake;
mod support;

use std::time::Duration;

use countersign_runtime::supervisor::RestartPolicy;
use countersign_runtime::{
    AskError, Client, ClientConfig, Event, RpcError, Session, SessionConfig, Subscription,
};
use fake::{Fake, generations, thread};
use serde_json::{Value, json};
use support::{event, within};
use tokio::sync::mpsc::UnboundedReceiver;

const PIPE: usize = 1 << 20;

/// A client that starts its server again, with a session, and the servers.
async fn with() -> (Client, Session, Fake, UnboundedReceiver<Fake>) {
    let (transport, mut fakes) = generations(PIPE);
    let config = ClientConfig {
        restart: RestartPolicy::OnExit {
            attempts: 8,
            first: Duration::from_millis(1),
            longest: Duration::from_millis(1),
        },
        ..ClientConfig::over(transport)
    };
    let (client, mut fake) = tokio::join!(Client::connect(config), async {
        let mut fake = next(&mut fakes).await;
        fake.greet().await;
        fake
    });
    let client = client.unwrap();
    let (session, ()) = tokio::join!(
        client.start_session(SessionConfig::new("/w")),
        fake.start_thread()
    );
    (client, session.unwrap(), fake, fakes)
}

async fn next(fakes: &mut UnboundedReceiver<Fake>) -> Fake {
    within("a generation", fakes.recv()).await.unwrap()
}

/// Lets a turn run, so that the thread is on disk.
async fn one_turn(session: &Session, fake: &mut Fake) {
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    fake.said("U", "done").await;
    fake.end_turn().await;
    within("the end", stream.unwrap().finish()).await.unwrap();
}

/// Loads thread `T` again. Behind a transport that is no process of ours it may have gone on meanwhile, so what was
/// missed is read: nothing.
async fn resume(fake: &mut Fake) {
    fake.answer("thread/resume", thread("T")).await;
    nothing_missed(fake).await;
}

async fn nothing_missed(fake: &mut Fake) {
    fake.answer("thread/turns/list", json!({"data": []})).await;
}

async fn said(events: &mut Subscription) -> Event {
    within("an event", events.recv()).await.unwrap()
}

/// I2. The answer to the handshake and a request come in one read, before the client knows that it is
/// connected.
#[tokio::test]
async fn a_request_on_the_heels_of_the_handshake_is_answered() {
    let (transport, mut fakes) = generations(PIPE);
    let (client, mut fake) = tokio::join!(Client::connect(ClientConfig::over(transport)), async {
        let mut fake = next(&mut fakes).await;
        let hello = fake.next().await;
        fake.say_at_once(&[
            json!({"id": hello["id"], "result": {"userAgent": "countersign/0.169.0 (x)"}}),
            json!({"id": 0, "method": "account/unheard/of", "params": {}}),
            // A repetition is no second question.
            json!({"id": 0, "method": "account/unheard/of", "params": {}}),
        ])
        .await;
        let mut said = [fake.next().await, fake.next().await];
        said.sort_by_key(|frame| frame["method"].is_string());
        assert_eq!(said[0]["error"]["code"], -32601, "{said:?}");
        assert_eq!(said[1]["method"], "initialized", "{said:?}");
        fake
    });
    fake.is_told_nothing(&client.unwrap()).await;
}

/// I4. The server promises a turn and dies, and both are read before the caller learns of the promise.
#[tokio::test]
async fn a_turn_that_was_promised_by_a_dead_server_is_not_waited_for() {
    let (_client, session, mut fake, mut fakes) = with().await;
    one_turn(&session, &mut fake).await;
    let mut events = session.subscribe();
    let (started, ()) = tokio::join!(session.ask_stream("x"), async move {
        fake.answer(
            "turn/start",
            json!({"turn": {"id": "U2", "items": [], "status": "inProgress"}}),
        )
        .await;
        drop(fake);
    });
    let ended = within("the end", started.unwrap().finish()).await;
    assert!(
        matches!(&ended, Err(AskError::Rpc(RpcError::Died { .. }))),
        "{ended:?}"
    );
    let mut fake = next(&mut fakes).await;
    fake.greet().await;
    resume(&mut fake).await;
    event(&mut events, "the resume", |event| {
        matches!(event, Event::Resumed { .. }).then_some(())
    })
    .await;
    assert!(!session.is_busy());
    assert!(!within("the stop", session.stop()).await.unwrap());
}

/// I4. A generation that never got through its handshake was nobody's, so its end interrupts nobody.
#[tokio::test(start_paused = true)]
async fn the_late_end_of_a_failed_start_disturbs_no_turn() {
    let (_client, session, mut fake, mut fakes) = with().await;
    one_turn(&session, &mut fake).await;
    let mut events = session.subscribe();
    drop(fake);
    let mut refuses = next(&mut fakes).await;
    let hello = refuses.next().await;
    refuses
        .say(json!({"id": hello["id"], "error": {"code": -32600, "message": "not today"}}))
        .await;
    // It is told to end, takes its time, and the third is up before.
    let mut fake = next(&mut fakes).await;
    fake.greet().await;
    resume(&mut fake).await;
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    drop(refuses);
    tokio::time::sleep(Duration::from_secs(60)).await;
    fake.said("U", "on").await;
    fake.end_turn().await;
    let answer = within("the end", stream.unwrap().finish()).await.unwrap();
    assert_eq!(answer.text, "on");
    assert!(matches!(said(&mut events).await, Event::Disconnected(death) if death.generation == 1));
    assert!(matches!(
        said(&mut events).await,
        Event::Resumed { generation: 3, .. }
    ));
    assert!(matches!(said(&mut events).await, Event::CaughtUp { .. }));
    assert!(matches!(said(&mut events).await, Event::TurnStarted { .. }));
}

/// I5. What a server says of a thread that it has just loaded comes after the resume, whole: here a turn
/// that lived on, as one does behind a WebSocket.
#[tokio::test]
async fn what_follows_the_resume_on_the_wire_follows_it_in_the_stream() {
    let (client, session, mut fake, mut fakes) = with().await;
    one_turn(&session, &mut fake).await;
    let mut events = session.subscribe();
    drop(fake);
    let mut fake = next(&mut fakes).await;
    fake.greet().await;
    let idle = json!({"method": "thread/status/changed", "params": {"threadId": "T", "status": {"type": "idle"}}});
    let delta = |text: &str| {
        json!({"method": "item/agentMessage/delta",
            "params": {"threadId": "T", "turnId": "U9", "itemId": "I", "delta": text}})
    };
    let resume = fake.next().await;
    assert_eq!(resume["method"], "thread/resume");
    fake.say_at_once(&[
        idle,
        json!({"id": resume["id"], "result": thread("T")}),
        delta("on"),
        delta("ward"),
    ])
    .await;
    nothing_missed(&mut fake).await;
    fake.is_told_nothing(&client).await;
    assert!(matches!(said(&mut events).await, Event::Disconnected(_)));
    assert!(matches!(said(&mut events).await, Event::Resumed { .. }));
    assert!(matches!(said(&mut events).await, Event::CaughtUp { .. }));
    assert!(matches!(said(&mut events).await, Event::Status(_)));
    for wanted in ["on", "ward"] {
        assert!(matches!(said(&mut events).await, Event::Delta(delta) if delta.text == wanted));
    }
}

/// A resume that fails is told, and what was said meanwhile with it.
#[tokio::test]
async fn a_resume_that_fails_withholds_nothing() {
    let (client, session, mut fake, mut fakes) = with().await;
    one_turn(&session, &mut fake).await;
    let mut events = session.subscribe();
    drop(fake);
    let mut fake = next(&mut fakes).await;
    fake.greet().await;
    let resume = fake.next().await;
    fake.say_at_once(&[
        json!({"method": "warning", "params": {"threadId": "T", "message": "careful"}}),
        json!({"id": resume["id"], "error": {"code": -32600, "message": "thread ID already has an active writer"}}),
    ])
    .await;
    fake.is_told_nothing(&client).await;
    assert!(matches!(said(&mut events).await, Event::Disconnected(_)));
    assert!(matches!(
        said(&mut events).await,
        Event::ResumeFailed { .. }
    ));
    assert!(matches!(said(&mut events).await, Event::Warning { .. }));
    let refused = session.stop().await;
    assert!(matches!(refused, Ok(false)), "{refused:?}");
    let refused = within("the refusal", session.ask("x")).await;
    assert!(
        matches!(&refused, Err(AskError::Rpc(RpcError::ThreadInUse { thread, .. })) if &**thread == "T"),
        "{refused:?}"
    );
    let _: Value = {
        let params = json!({});
        let (answer, _) = tokio::join!(
            client.call("model/list", &params),
            fake.answer("model/list", json!(1))
        );
        answer.unwrap()
    };
}

/// A close that failed with its connection can be tried again, though no generation loads the thread any more.
#[tokio::test]
async fn a_close_that_its_server_died_of_can_be_tried_again() {
    let (client, session, mut fake, mut fakes) = with().await;
    one_turn(&session, &mut fake).await;
    let (closed, ()) = tokio::join!(session.close(), async move {
        assert_eq!(fake.next().await["method"], "thread/archive");
        drop(fake);
    });
    assert!(matches!(closed, Err(RpcError::Died { .. })), "{closed:?}");
    let mut fake = next(&mut fakes).await;
    fake.greet().await;
    fake.is_told_nothing(&client).await;
    let (closed, request) = tokio::join!(
        within("the close", session.close()),
        fake.answer("thread/archive", json!({}))
    );
    closed.unwrap();
    assert_eq!(request["params"]["threadId"], "T");
}
