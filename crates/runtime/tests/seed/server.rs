//! Rows E: the client, and what a server is asked for.

use std::path::Path;

use countersign_runtime::catalog::{Account, ThreadQuery};
use countersign_runtime::event::TurnOutcome;
use countersign_runtime::item::ItemDetail;
use countersign_runtime::supervisor::ConnectionState;
use countersign_runtime::{Event, ReviewTarget, RpcError, Session};
use serde_json::{Value, json};

use super::does::plain;
use super::support::{Place, connect, event, start, within};

#[tokio::test]
async fn e3_a_client_goes_through_its_states() {
    let (client, _session, fake) = plain().await;
    let mut state = client.state();
    assert!(matches!(
        *state.borrow_and_update(),
        ConnectionState::Ready { generation: 1 }
    ));
    drop(fake);
    let closed = within(
        "the end",
        state.wait_for(|state| matches!(state, ConnectionState::Closed { .. })),
    )
    .await;
    assert!(
        matches!(&*closed.unwrap(), ConnectionState::Closed { death: Some(death), .. } if !death.asked_for)
    );
}

#[tokio::test]
async fn e8_a_call_is_typed_and_an_answer_of_another_shape_says_so() {
    let (client, _session, mut fake) = plain().await;
    let params = json!({});
    let call = client.call::<Vec<String>>("model/list", &params);
    let (answer, _) = tokio::join!(call, fake.answer("model/list", json!({"secret": "value"})));
    let error = answer.unwrap_err();
    assert!(matches!(error, RpcError::Shape { .. }));
    assert!(!error.to_string().contains("value"), "{error}");
}

#[tokio::test]
async fn e10_a_client_counts() {
    let (client, _session, mut fake) = plain().await;
    let before = client.metrics();
    assert_eq!(
        (before.pending_calls, before.open_questions, before.restarts),
        (0, 0, 0)
    );
    fake.line("garbage").await;
    let params = json!({});
    let call = client.call::<Value>("model/list", &params);
    let serve = async {
        let request = fake.next().await;
        assert_eq!(client.metrics().pending_calls, 1);
        fake.say(json!({"id": request["id"], "result": null})).await;
    };
    let (answer, ()) = tokio::join!(call, serve);
    answer.unwrap();
    let after = client.metrics();
    assert_eq!(
        (after.malformed, after.lines),
        (before.malformed + 1, before.lines + 2)
    );
}

#[tokio::test]
async fn e11_threads_are_forked_reverted_renamed_and_searched() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let mut turns = Vec::new();
    for i in 0..3 {
        turns.push(
            within("the answer", session.ask(format!("say answer {i}")))
                .await
                .unwrap()
                .turn,
        );
    }
    let mut events = session.subscribe();
    within("the name", session.rename("Three answers"))
        .await
        .unwrap();
    let name = event(&mut events, "the name", |event| match event {
        Event::Renamed { name } => Some(name),
        _ => None,
    })
    .await;
    assert_eq!(name.as_deref(), Some("Three answers"));

    let fork = within("the fork", session.fork(Some(&turns[1])))
        .await
        .unwrap();
    assert_ne!(fork.thread_id(), session.thread_id());
    let turns_of = async |session: &Session| session.history(None, 50).await.unwrap().0.turns.len();
    assert_eq!((turns_of(&session).await, turns_of(&fork).await), (3, 2));
    assert_eq!(
        within("the answer", fork.ask("say apart"))
            .await
            .unwrap()
            .text,
        "apart"
    );
    assert_eq!(turns_of(&session).await, 3);

    within("the revert", session.revert(&turns[1]))
        .await
        .unwrap();
    event(&mut events, "the revert", |event| {
        matches!(event, Event::Reverted).then_some(())
    })
    .await;
    assert_eq!(turns_of(&session).await, 1);
    assert_eq!(
        within("the answer", session.ask("say on"))
            .await
            .unwrap()
            .text,
        "on"
    );

    let thread = session.thread_id();
    let read = client.read_thread(&thread).await.unwrap();
    assert_eq!(
        (read.id.as_str(), read.name.as_deref()),
        (&*thread, Some("Three answers"))
    );
    let of_fork = client.read_thread(&fork.thread_id()).await.unwrap();
    assert_eq!(of_fork.forked_from_id.as_deref(), Some(&*thread));
    assert!(
        client
            .loaded_threads()
            .await
            .unwrap()
            .contains(&thread.to_string())
    );
    let query = ThreadQuery {
        limit: Some(1),
        ..ThreadQuery::default()
    };
    let first = client.list_threads(&query).await.unwrap();
    let rest = client
        .list_threads(&ThreadQuery {
            cursor: first.next.clone(),
            ..query
        })
        .await
        .unwrap();
    let mut ids = [first.data[0].id.clone(), rest.data[0].id.clone()];
    let mut wanted = [thread.to_string(), fork.thread_id().to_string()];
    ids.sort();
    wanted.sort();
    assert_eq!(ids, wanted);
    let named = ThreadQuery {
        search: Some("Three answers".into()),
        ..ThreadQuery::default()
    };
    // The fork took the name with it.
    assert_eq!(client.list_threads(&named).await.unwrap().data.len(), 2);
    let unnamed = ThreadQuery {
        search: Some("Four answers".into()),
        ..ThreadQuery::default()
    };
    assert!(client.list_threads(&unnamed).await.unwrap().data.is_empty());
    let hits = client
        .search_threads(&ThreadQuery {
            search: Some("apart".into()),
            ..named
        })
        .await
        .unwrap();
    assert!(
        hits.data
            .iter()
            .any(|hit| *hit.thread.id == *fork.thread_id()),
        "{hits:?}"
    );

    let archived = fork.thread_id();
    fork.close().await.unwrap();
    let query = ThreadQuery {
        archived: true,
        ..ThreadQuery::default()
    };
    assert_eq!(
        client.list_threads(&query).await.unwrap().data[0].id,
        *archived
    );
    client.unarchive_thread(&archived).await.unwrap();
    assert!(client.list_threads(&query).await.unwrap().data.is_empty());
    client.archive_thread(&archived).await.unwrap();
    client.delete_thread(&archived).await.unwrap();
    assert!(client.read_thread(&archived).await.is_err());
}

/// A fork that has had no turn of its own outlives its server.
#[tokio::test]
async fn e11_a_fork_is_resumed_with_its_history() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    within("the answer", session.ask("say one")).await.unwrap();
    let fork = within("the fork", session.fork(None)).await.unwrap();
    let mut events = fork.subscribe();
    let status = std::process::Command::new("kill")
        .args(["-9", &client.server_pid().unwrap().to_string()])
        .status();
    assert!(status.unwrap().success());
    event(&mut events, "the resume", |event| match event {
        Event::Resumed { .. } => Some(()),
        Event::ResumeFailed { error } => panic!("{error}"),
        _ => None,
    })
    .await;
    assert_eq!(
        within("the page", fork.history(None, 10))
            .await
            .unwrap()
            .0
            .turns
            .len(),
        1
    );
}

#[tokio::test]
async fn e11_a_turn_is_steered() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let stream = session.ask_stream("hold for-ever").await.unwrap();
    within("the steering", session.steer(stream.turn(), "say steered"))
        .await
        .unwrap();
    assert_eq!(
        within("the end", stream.finish()).await.unwrap().text,
        "steered"
    );
    let refused = within("the answer", session.steer("no-such-turn", "x")).await;
    assert!(
        matches!(refused, Err(RpcError::Server { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn e11_a_thread_is_compacted_reviewed_and_given_a_command() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    within("the answer", session.ask("say one")).await.unwrap();
    let mut events = session.subscribe();
    let mut item = async |what: &str, pick: &dyn Fn(&ItemDetail) -> bool| {
        event(&mut events, what, |event| match event {
            Event::ItemCompleted { item, .. } => pick(&item.detail).then_some(()),
            _ => None,
        })
        .await;
        event(&mut events, "the end", |event| match event {
            Event::TurnCompleted { turn, outcome, .. } => Some((turn, outcome)),
            _ => None,
        })
        .await
    };
    within("the compaction", session.compact()).await.unwrap();
    item("the compaction", &|item| {
        matches!(item, ItemDetail::ContextCompaction)
    })
    .await;
    within(
        "the command",
        session.shell_command("echo by hand > hand.txt"),
    )
    .await
    .unwrap();
    item(
        "the command",
        &|item| matches!(item, ItemDetail::Command(command) if command.by_user),
    )
    .await;
    assert_eq!(
        std::fs::read_to_string(place.file("hand.txt")).unwrap(),
        "by hand\n"
    );
    let turn = within(
        "the review",
        session.review(&ReviewTarget::Custom("say fine".into())),
    )
    .await
    .unwrap();
    let ended = item("the review", &|item| {
        matches!(item, ItemDetail::Review { left: true, .. })
    })
    .await;
    assert_eq!(ended, (turn, TurnOutcome::Completed));
}

#[tokio::test]
async fn e11_what_a_server_has_and_knows() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let models = client.models().await.unwrap();
    assert!(
        models
            .iter()
            .any(|model| model.model == "scripted-model" && !model.efforts.is_empty()),
        "{models:?}"
    );
    let account = client.account().await.unwrap();
    assert_eq!(
        (account.account, account.is_required),
        (None::<Account>, false)
    );
    let skills = client.skills(&place.cwd).await.unwrap();
    assert!(
        skills
            .iter()
            .all(|skill| !skill.name.is_empty() && skill.path.is_absolute())
    );
    assert!(client.mcp_servers(None).await.unwrap().is_empty());

    let config = client.read_config(None).await.unwrap();
    assert_eq!(config["model"], "scripted-model");
    let written = client
        .write_config("model_verbosity", &json!("low"), None)
        .await
        .unwrap();
    assert!(written.file.ends_with("config.toml") && !written.is_overridden);
    assert_eq!(
        client.read_config(None).await.unwrap()["model_verbosity"],
        "low"
    );
    let stale = client
        .write_config("model_verbosity", &json!("high"), Some("sha256:0"))
        .await;
    assert!(matches!(stale, Err(RpcError::Server { .. })), "{stale:?}");
    client
        .write_config("model_verbosity", &Value::Null, Some(&written.version))
        .await
        .unwrap();
    assert!(client.read_config(None).await.unwrap()["model_verbosity"].is_null());

    std::fs::create_dir(place.file("deep")).unwrap();
    std::fs::write(place.file("deep/needle.txt"), "x").unwrap();
    let found = client
        .find_files("needle", std::slice::from_ref(&place.cwd))
        .await
        .unwrap();
    assert_eq!(found[0].path, Path::new("deep/needle.txt"));
    assert!(!found[0].is_folder);
    let ran = client
        .exec(&["sh", "-c", "echo out; echo err >&2; exit 3"], &place.cwd)
        .await
        .unwrap();
    assert_eq!(
        (ran.exit_code, ran.stdout.as_str(), ran.stderr.as_str()),
        (3, "out\n", "err\n")
    );
}
