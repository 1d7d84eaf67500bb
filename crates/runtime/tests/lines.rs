//! What can be wrong with the lines themselves, through a whole connection: how they are cut, how they end,
//! who does not read them, and who reads them too slowly.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

#[path = "support/fake.rs"]
mod fake;
mod support;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use countersign_runtime::approval::Decision;
use countersign_runtime::hooks::{AskPerson, HookSet};
use countersign_runtime::supervisor::RestartPolicy;
use countersign_runtime::transport::{Peer, Transport, Wire};
use countersign_runtime::{
    AskError, Client, ClientConfig, Event, Limits, RpcError, Session, SessionConfig,
};
use fake::{Fake, generations, thread};
use serde_json::{Value, json};
use support::{Person, within};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;

/// Gives each piece to a read of its own, however much the reader would take.
struct Pieces(mpsc::UnboundedReceiver<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.0.poll_recv(cx).map(|piece| {
            buffer.put_slice(&piece.unwrap_or_default());
            Ok(())
        })
    }
}

/// A session on a server that is played piece by piece. Ids count from 0.
async fn in_pieces() -> (Client, Session, mpsc::UnboundedSender<Vec<u8>>) {
    let (tx, rx) = mpsc::unbounded_channel();
    let rx = Mutex::new(Some(rx));
    let transport = Transport::Custom(Arc::new(move || {
        let pieces = rx.lock().unwrap().take();
        Ok(Wire {
            reader: Box::new(Pieces(pieces.ok_or(std::io::ErrorKind::NotConnected)?)),
            writer: Box::new(tokio::io::sink()),
            peer: Peer::Foreign,
        })
    }));
    let config = ClientConfig {
        restart: RestartPolicy::Never,
        ..ClientConfig::over(transport)
    };
    let answer = |id: i64, result: Value| {
        let line = format!("{}\n", json!({"id": id, "result": result}));
        tx.send(line.into_bytes()).unwrap();
    };
    let (client, ()) = tokio::join!(Client::connect(config), async {
        answer(0, json!({"userAgent": "countersign/0.169.0 (x)"}));
    });
    let client = client.unwrap();
    let (session, ()) = tokio::join!(client.start_session(SessionConfig::new("/w")), async {
        answer(1, thread("T"));
    });
    (client, session.unwrap(), tx)
}

fn warning(message: &str) -> String {
    json!({"method": "warning", "params": {"threadId": "T", "message": message}}).to_string()
}

/// Every boundary: also inside a character of four bytes, and between the two ends of a line.
#[tokio::test]
async fn lines_are_the_same_wherever_a_read_ends() {
    let (_client, session, pieces) = in_pieces().await;
    let mut events = session.subscribe();
    let text = format!(
        "{}\r\n\n{}\nno frame {{\n{}\n",
        warning("first 🦀 é"),
        warning("second"),
        warning("third 字")
    );
    for cut in 0..=text.len() {
        let (before, after) = text.as_bytes().split_at(cut);
        for piece in [before, after] {
            // A read of nothing would be the end.
            if !piece.is_empty() {
                pieces.send(piece.to_vec()).unwrap();
            }
        }
        for wanted in ["first 🦀 é", "second", "third 字"] {
            let event = within("the event", events.recv()).await;
            assert!(
                matches!(&event, Some(Event::Warning { message }) if message == wanted),
                "cut at {cut}: {event:?}"
            );
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_hurt_nobody() {
    let (client, session, pieces) = in_pieces().await;
    let mut events = session.subscribe();
    let bad: [&[u8]; 7] = [
        b"\xff\xfe\n",
        b"\xef\xbb\xbf{\"method\":\"x\"}\n",
        b"\0\0\0\n",
        b"   \t\n",
        b"{\"method\":\"warning\",\"params\":{\"threadId\":\"T\",\"message\":\"\xf0\x9f\xa6\"}}\n",
        b"{\"id\":1,\"id\":2,\"result\":{}}\n",
        b"{\"id\":99999999999999999999,\"result\":{}}\n",
    ];
    for line in bad {
        pieces.send(line.to_vec()).unwrap();
    }
    pieces
        .send(format!("{}\n", warning("fine")).into_bytes())
        .unwrap();
    assert!(
        matches!(within("the event", events.recv()).await, Some(Event::Warning { message }) if message == "fine")
    );
    assert_eq!(client.metrics().malformed, 7);
}

/// What the end cuts off is no line, be it half a character or a whole frame without its end.
#[tokio::test]
async fn the_end_of_the_stream_ends_no_line() {
    let whole = warning("cut 🦀");
    for length in [whole.len(), whole.find('🦀').unwrap() + 2, 1] {
        let (client, session, pieces) = in_pieces().await;
        let mut events = session.subscribe();
        pieces.send(whole.as_bytes()[..length].to_vec()).unwrap();
        let params = json!({});
        let (failed, ()) = tokio::join!(client.call::<Value>("model/list", &params), async move {
            drop(pieces);
        });
        assert!(matches!(failed, Err(RpcError::Died { .. })), "{failed:?}");
        let event = within("the death", events.recv()).await;
        assert!(matches!(event, Some(Event::Disconnected(_))), "{event:?}");
        assert!(within("the end", events.recv()).await.is_none());
    }
}

async fn on(pipe: usize, limits: Limits) -> (Client, Session, Fake) {
    let (transport, mut fakes) = generations(pipe);
    let config = ClientConfig {
        hooks: HookSet::default().with(AskPerson),
        restart: RestartPolicy::Never,
        limits,
        ..ClientConfig::over(transport)
    };
    let (client, mut fake) = tokio::join!(Client::connect(config), async {
        let mut fake = within("the fake", fakes.recv()).await.unwrap();
        fake.greet().await;
        fake
    });
    let client = client.unwrap();
    let (session, ()) = tokio::join!(
        client.start_session(SessionConfig::new("/w")),
        fake.start_thread()
    );
    (client, session.unwrap(), fake)
}

/// I1. The server reads nothing: what we say fills the pipe and more, and still everything that it says is
/// heard, questions are asked and answered, and every caller is told. When it reads again, all goes on.
#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_stops_nobody() {
    let limits = Limits {
        call_timeout: Duration::from_secs(5),
        ..Limits::default()
    };
    let (client, session, mut fake) = on(4_096, limits).await;
    let mut person = Person::at(&client);
    let mut events = session.subscribe();
    let large = json!({"padding": "x".repeat(1 << 20)});
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let (client, large) = (client.clone(), large.clone());
            tokio::spawn(async move { client.call::<Value>("model/list", &large).await })
        })
        .collect();
    for id in 0..20 {
        fake.ask(id).await;
        let entry = person.asked().await;
        person.answer(&entry, Decision::Deny);
        person.resolved().await;
        fake.notify("warning", json!({"threadId": "T", "message": "heard"}))
            .await;
        assert!(matches!(
            within("the event", events.recv()).await,
            Some(Event::Warning { .. })
        ));
    }
    for call in calls {
        let given_up = within("the time limit", call).await.unwrap();
        assert!(
            matches!(given_up, Err(RpcError::Timeout { limit, .. }) if limit.as_secs() == 5),
            "{given_up:?}"
        );
    }
    assert_eq!(client.metrics().pending_calls, 0);

    // What was said before the pile was too high is read late, and the rest was never said.
    let (mut requests, mut answers) = (0, Vec::new());
    while answers.len() < 20 {
        let frame = fake.next().await;
        match frame["id"].as_i64() {
            Some(id) if frame["method"].is_null() => answers.push(id),
            _ => requests += 1,
        }
    }
    assert_eq!(answers, (0..20).collect::<Vec<_>>());
    assert!(requests < 12, "{requests} requests of a MiB piled up");
    fake.is_told_nothing(&client).await;
}

/// I1 and I5. One thread floods and nobody reads it: nothing of it is lost, and another thread's turn goes on
/// in the midst of it.
#[tokio::test]
async fn a_flood_on_one_thread_delays_no_other() {
    const FLOOD: usize = 20_000;
    let (client, flooded, mut fake) = on(1 << 20, Limits::default()).await;
    let (other, _) = tokio::join!(
        client.start_session(SessionConfig::new("/w")),
        fake.answer("thread/start", thread("T2"))
    );
    let other = other.unwrap();
    let mut slow = flooded.subscribe();
    let delta = |number: usize| {
        // Two items in turns, so that nothing can be joined.
        json!({"threadId": "T", "turnId": "U", "itemId": format!("I{}", number % 2), "delta": format!("{number} ")})
    };
    let turn = json!({"id": "V", "items": [], "status": "inProgress"});
    let asking = tokio::spawn({
        let other = other.clone();
        async move { other.ask("x").await }
    });
    fake.answer("turn/start", json!({"turn": turn})).await;
    for number in 0..FLOOD / 2 {
        fake.notify("item/agentMessage/delta", delta(number)).await;
    }
    let said = json!({"type": "agentMessage", "id": "J", "text": "on"});
    let ended = json!({"id": "V", "items": [], "status": "completed"});
    for (method, params) in [
        ("turn/started", json!({"threadId": "T2", "turn": turn})),
        (
            "item/completed",
            json!({"threadId": "T2", "turnId": "V", "item": said}),
        ),
        ("turn/completed", json!({"threadId": "T2", "turn": ended})),
    ] {
        fake.notify(method, params).await;
    }
    let answer: Result<_, AskError> = within("the answer", asking).await.unwrap();
    assert_eq!(answer.unwrap().text, "on");
    for number in FLOOD / 2..FLOOD {
        fake.notify("item/agentMessage/delta", delta(number)).await;
    }
    fake.is_told_nothing(&client).await;
    for number in 0..FLOOD {
        match slow.try_recv() {
            Some(Event::Delta(delta)) => assert_eq!(delta.text, format!("{number} ")),
            other => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(client.metrics().missed, 0);
}
