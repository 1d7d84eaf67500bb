//! Sessions and approvals against the real app-server.

mod support;

use countersign_runtime::approval::{By, Decision, Notice, Outcome, Subject};
use countersign_runtime::catalog::ThreadQuery;
use countersign_runtime::event::{DeltaPart, TurnOutcome};
use countersign_runtime::item::{ItemDetail, WorkStatus};
use countersign_runtime::{AskError, Event, Prompt, RpcError, RunProfile};
use support::{Person, Place, connect, event, profile, start, within};

#[tokio::test]
async fn a_question_gets_its_answer() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    assert!(client.server_info().version >= countersign_runtime::client::MINIMUM_VERSION);
    let session = start(&client, place.session()).await;
    let result = within("the answer", session.ask("say hello there"))
        .await
        .unwrap();
    assert_eq!(result.text, "hello there");
    assert_eq!(place.model.violations(), Vec::<String>::new());
    client.shutdown().await;
}

#[tokio::test]
async fn a_stream_gives_the_deltas_and_the_same_text() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let mut stream = session.ask_stream("stream 500").await.unwrap();
    let mut streamed = String::new();
    while let Some(event) = within("an event", stream.recv()).await.unwrap() {
        if let Event::Delta(delta) = event
            && delta.part == DeltaPart::AgentMessage
        {
            streamed.push_str(&delta.text);
        }
    }
    let result = stream.finish().await.unwrap();
    assert_eq!(streamed.trim(), result.text);
    assert!(result.text.len() > 500);
}

#[tokio::test]
async fn an_allowed_command_runs_and_only_then() {
    let place = Place::new().await;
    let client = connect(place.asking()).await;
    let mut person = Person::at(&client);
    let session = start(&client, place.session()).await;
    let asking = tokio::spawn({
        let session = session.clone();
        async move { session.ask("run: echo made > made.txt").await }
    });
    let entry = person.asked().await;
    let Subject::Command(command) = &entry.request.subject else {
        panic!("{entry:?}")
    };
    assert_eq!(command.command, "echo made > made.txt");
    assert!(!place.file("made.txt").exists());
    person.answer(&entry, Decision::Allow);
    within("the answer", asking).await.unwrap().unwrap();
    assert_eq!(
        std::fs::read_to_string(place.file("made.txt")).unwrap(),
        "made\n"
    );
    let (_, outcome) = person.resolved().await;
    assert_eq!(
        outcome,
        Outcome::Answered {
            decision: Decision::Allow,
            by: By::Person("test".into())
        }
    );
    assert_eq!(place.model.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_denied_command_does_not_run_and_the_turn_goes_on() {
    let place = Place::new().await;
    let client = connect(place.asking()).await;
    let mut person = Person::at(&client);
    let session = start(&client, place.session()).await;
    let mut stream = session
        .ask_stream("run: echo made > made.txt\nsay over")
        .await
        .unwrap();
    let entry = person.asked().await;
    person.answer(&entry, Decision::Deny);
    let late = client
        .approvals()
        .decide(&entry.key, Decision::Allow, "test");
    assert!(late.is_err(), "the second answer is stale");
    let mut declined = false;
    while let Some(event) = within("an event", stream.recv()).await.unwrap() {
        if let Event::ItemCompleted { item, .. } = event
            && let ItemDetail::Command(command) = item.detail
        {
            declined = command.status == WorkStatus::Declined;
        }
    }
    assert!(declined);
    assert_eq!(stream.finish().await.unwrap().text, "over");
    assert!(!place.file("made.txt").exists());
    let told = place.model.requests().last().unwrap().tool_outputs();
    assert!(told[0].1.contains("reject"), "the model was told: {told:?}");
}

#[tokio::test]
async fn deny_and_stop_ends_the_turn() {
    let place = Place::new().await;
    let client = connect(place.asking()).await;
    let mut person = Person::at(&client);
    let session = start(&client, place.session()).await;
    let stream = session
        .ask_stream("edit: ../outside.txt <- hello")
        .await
        .unwrap();
    let entry = person.asked().await;
    assert!(matches!(entry.request.subject, Subject::FileChange { .. }));
    person.answer(&entry, Decision::DenyAndStop);
    let ended = within("the end", stream.finish()).await;
    assert!(
        matches!(ended, Err(AskError::Interrupted { .. })),
        "{ended:?}"
    );
}

#[tokio::test]
async fn two_questions_at_once_are_answered_in_any_order() {
    let place = Place::new().await;
    let client = connect(place.asking()).await;
    let mut person = Person::at(&client);
    let session = start(&client, place.session()).await;
    let stream = session
        .ask_stream("run: echo a > a.txt & run: echo b > b.txt")
        .await
        .unwrap();
    let (first, second) = (person.asked().await, person.asked().await);
    person.answer(&second, Decision::Allow);
    person.answer(&first, Decision::Deny);
    within("the end", stream.finish()).await.unwrap();
    let Subject::Command(command) = &first.request.subject else {
        panic!()
    };
    let (denied, allowed) = if command.command.contains("a.txt") {
        ("a.txt", "b.txt")
    } else {
        ("b.txt", "a.txt")
    };
    assert!(!place.file(denied).exists());
    assert!(place.file(allowed).exists());
}

#[tokio::test]
async fn with_nobody_to_ask_everything_is_denied_and_noticed() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let mut person = Person::at(&client);
    let session = start(&client, place.session()).await;
    within(
        "the answer",
        session.ask("run: echo made > made.txt\npermissions: /etc\nask: Which? | A | B\nsay over"),
    )
    .await
    .unwrap();
    assert!(!place.file("made.txt").exists());
    let mut denied = Vec::new();
    while denied.len() < 3 {
        if let Notice::Denied(request) = person.notice().await {
            denied.push(request.method.clone());
        }
    }
    assert_eq!(
        denied,
        [
            "item/commandExecution/requestApproval",
            "item/permissions/requestApproval",
            "item/tool/requestUserInput"
        ]
    );
    assert_eq!(place.model.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn stopping_right_after_the_start_stops() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    for _ in 0..10 {
        let mut events = session.subscribe();
        let prompt = Prompt {
            profile: profile(),
            ..Prompt::new("hold for-ever", &place.cwd)
        };
        session.start_turn(&prompt).await.unwrap();
        assert!(within("the stop", session.stop()).await.unwrap());
        let outcome = event(&mut events, "the turn's end", |event| match event {
            Event::TurnCompleted { outcome, .. } => Some(outcome),
            _ => None,
        })
        .await;
        assert_eq!(outcome, TurnOutcome::Interrupted);
    }
    assert!(!session.is_busy());
    assert!(!session.stop().await.unwrap(), "nothing runs any more");
}

#[tokio::test]
async fn a_question_of_a_stopped_turn_is_void() {
    let place = Place::new().await;
    let client = connect(place.asking()).await;
    let mut person = Person::at(&client);
    let session = start(&client, place.session()).await;
    let stream = session
        .ask_stream("run: echo made > made.txt")
        .await
        .unwrap();
    let entry = person.asked().await;
    session.stop().await.unwrap();
    assert_eq!(person.resolved().await.1, Outcome::TurnEnded);
    assert!(
        client
            .approvals()
            .decide(&entry.key, Decision::Allow, "test")
            .is_err()
    );
    assert!(matches!(
        stream.finish().await,
        Err(AskError::Interrupted { .. })
    ));
    assert!(!place.file("made.txt").exists());
}

#[tokio::test]
async fn dropping_an_ask_stops_its_turn() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let mut events = session.subscribe();
    drop(session.ask_stream("hold for-ever").await.unwrap());
    let outcome = event(&mut events, "the turn's end", |event| match event {
        Event::TurnCompleted { outcome, .. } => Some(outcome),
        _ => None,
    })
    .await;
    assert_eq!(outcome, TurnOutcome::Interrupted);
}

#[tokio::test]
async fn a_turn_that_takes_too_long_is_stopped() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let mut events = session.subscribe();
    let profile = RunProfile {
        timeout: Some(std::time::Duration::from_millis(300)),
        ..profile()
    };
    let result = session.ask_with_profile("hold for-ever", profile).await;
    assert!(
        matches!(result, Err(AskError::Timeout { .. })),
        "{result:?}"
    );
    event(&mut events, "the interrupt", |event| match event {
        Event::TurnCompleted {
            outcome: TurnOutcome::Interrupted,
            ..
        } => Some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn a_failed_turn_is_an_error() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let result = within("the end", session.ask("fail 500")).await;
    assert!(
        matches!(result, Err(AskError::TurnFailed { .. })),
        "{result:?}"
    );
    // The session goes on.
    assert_eq!(
        within("the answer", session.ask("say on"))
            .await
            .unwrap()
            .text,
        "on"
    );
}

#[tokio::test]
async fn closing_is_shared_and_final() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    within("the answer", session.ask("say on")).await.unwrap();
    let closers: Vec<_> = (0..10)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move { session.close().await.map_err(|error| error.to_string()) })
        })
        .collect();
    for closer in closers {
        assert_eq!(closer.await.unwrap(), Ok(()));
    }
    assert!(session.is_closed());
    let refused = session.ask("say more").await;
    assert!(
        matches!(&refused, Err(AskError::Rpc(RpcError::InvalidRequest(why))) if &**why == "session is closed"),
        "{refused:?}"
    );
    assert!(matches!(
        session.interrupt_turn("x").await,
        Err(RpcError::InvalidRequest(_))
    ));
}

#[tokio::test]
async fn more_than_reading_must_be_meant() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let profile = RunProfile {
        privileged: false,
        ..profile()
    };
    let refused = session.ask_with_profile("say no", profile).await;
    assert!(matches!(refused, Err(AskError::Privileged(_))));
    assert_eq!(place.model.requests().len(), 0);
}

#[tokio::test]
async fn the_policy_goes_with_every_turn_and_is_reported() {
    use countersign_runtime::policy::{ApprovalPolicy, SandboxMode};
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let policy = session.policy();
    assert!(
        policy
            .differences(ApprovalPolicy::OnRequest, SandboxMode::WorkspaceWrite)
            .is_empty(),
        "{policy:?}"
    );
    assert_eq!(policy.model, "scripted-model");
    let profile = RunProfile {
        sandbox: SandboxMode::ReadOnly,
        approval: ApprovalPolicy::Never,
        ..profile()
    };
    within("the answer", session.ask_with_profile("say a", profile))
        .await
        .unwrap();
    let policy = session.policy();
    assert!(
        policy
            .differences(ApprovalPolicy::Never, SandboxMode::ReadOnly)
            .is_empty(),
        "{policy:?}"
    );
}

#[tokio::test]
async fn a_thread_is_resumed_with_its_history() {
    let place = Place::new().await;
    let thread = {
        let client = connect(place.config()).await;
        let session = start(&client, place.session()).await;
        for i in 0..5 {
            within("the answer", session.ask(format!("say answer {i}")))
                .await
                .unwrap();
        }
        let thread = session.thread_id();
        client.shutdown().await;
        thread
    };
    let client = connect(place.config()).await;
    let threads = client.list_threads(&ThreadQuery::default()).await.unwrap();
    assert_eq!(threads.data[0].id, *thread);
    let session = client
        .resume_session(&thread, place.session())
        .await
        .unwrap();
    let (page, cursor) = session.history(None, 2).await.unwrap();
    assert_eq!(page.turns.len(), 2);
    let text = |page: &countersign_runtime::history::HistoryPage| {
        page.items
            .iter()
            .filter_map(|(_, item)| match &item.detail {
                ItemDetail::UserMessage { text, .. } | ItemDetail::AgentMessage { text } => {
                    Some(text.clone())
                }
                _ => None,
            })
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(
        text(&page),
        "say answer 3, answer 3, say answer 4, answer 4"
    );
    assert!(page.has_earlier);
    let (page, cursor) = session.history(cursor.as_deref(), 50).await.unwrap();
    assert_eq!(page.turns.len(), 3);
    assert_eq!(cursor, None);
    assert_eq!(
        within("the answer", session.ask("say on"))
            .await
            .unwrap()
            .text,
        "on"
    );
}
