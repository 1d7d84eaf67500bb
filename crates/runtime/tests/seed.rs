//! The seed's rows that no other test file holds, and that docs/SEED.md has every row.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

#[path = "support/does.rs"]
mod does;
#[path = "support/fake.rs"]
mod fake;
#[path = "seed/layers.rs"]
mod layers;
#[path = "seed/runs.rs"]
mod runs;
#[path = "seed/server.rs"]
mod server;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use countersign_runtime::hooks::{AskPerson, HookSet, Phase};
use countersign_runtime::policy::{ApprovalPolicy, PolicyWarning, SandboxMode};
use countersign_runtime::profile::Attachment;
use countersign_runtime::{
    AskError, ClientConfig, Event, Prompt, ReviewTarget, RpcError, RunProfile, Session,
    SessionConfig, TurnResult,
};
use does::{client, does, plain, session};
use fake::Fake;
use serde_json::{Value, json};
use support::{Place, connect, profile, start, within};

/// One turn of the fake: the request that started it.
async fn turn(fake: &mut Fake, text: &str) -> Value {
    let request = fake.next().await;
    assert_eq!(request["method"], "turn/start", "{request}");
    fake.say(json!({"id": request["id"], "result": {"turn": {"id": "U", "items": [], "status": "inProgress"}}})).await;
    fake.notify(
        "turn/started",
        json!({"threadId": "T", "turn": {"id": "U", "status": "inProgress"}}),
    )
    .await;
    fake.said("U", text).await;
    fake.end_turn().await;
    request
}

fn is_closed_error(error: &RpcError) -> bool {
    matches!(error, RpcError::InvalidRequest(why) if &**why == "session is closed")
}

#[tokio::test]
async fn a1_clones_share_closing_and_another_handle_does_not() {
    let (client, session, mut fake) = plain().await;
    let resumed = json!({"thread": {"id": "T"}, "model": "m"});
    let (other, _) = tokio::join!(
        client.resume_session("T", SessionConfig::new("/w")),
        fake.answer("thread/resume", resumed)
    );
    let other = other.unwrap();
    let clone = session.clone();
    // Both handles hear what happens.
    let (mut first, mut second) = (session.subscribe(), other.subscribe());
    fake.notify("warning", json!({"threadId": "T", "message": "hello"}))
        .await;
    for events in [&mut first, &mut second] {
        assert!(matches!(
            within("the event", events.recv()).await,
            Some(Event::Warning { .. })
        ));
    }
    let (closed, _) = tokio::join!(session.close(), fake.answer("thread/archive", json!({})));
    closed.unwrap();
    assert!(clone.is_closed());
    assert!(!other.is_closed());
    let (answer, _) = tokio::join!(other.ask("x"), turn(&mut fake, "still here"));
    assert_eq!(answer.unwrap().text, "still here");
}

#[tokio::test]
async fn a3_ask_is_one_turn_start_with_the_sessions_profile() {
    let (client, mut fake) = client(HookSet::default()).await;
    let profile = RunProfile {
        model: Some("m1".into()),
        effort: Some("high".into()),
        approval: ApprovalPolicy::OnRequest,
        output_schema: Some(json!({"type": "object"})),
        ..RunProfile::default()
    };
    let session = session(
        &client,
        &mut fake,
        SessionConfig::new("/w").with_profile(profile),
    )
    .await;
    for _ in 0..2 {
        let (answer, request) = tokio::join!(session.ask("x"), turn(&mut fake, " hello \n"));
        let answer = answer.unwrap();
        assert_eq!(
            (answer.text.as_str(), &*answer.thread, &*answer.turn),
            ("hello", "T", "U")
        );
        assert_eq!(
            request["params"],
            json!({"threadId": "T", "cwd": "/w", "model": "m1", "effort": "high", "approvalPolicy": "on-request",
                "sandboxPolicy": {"type": "readOnly"}, "outputSchema": {"type": "object"},
                "input": [{"type": "text", "text": "x", "text_elements": []}]})
        );
    }
}

#[tokio::test]
async fn a4_ask_with_takes_the_callers_parameters_as_they_are() {
    let (client, mut fake) = client(HookSet::default()).await;
    let of_session = RunProfile {
        model: Some("m1".into()),
        effort: Some("high".into()),
        ..RunProfile::default()
    };
    let session = session(
        &client,
        &mut fake,
        SessionConfig::new("/w").with_profile(of_session),
    )
    .await;
    let prompt = Prompt {
        client_id: Some("bubble-1".into()),
        profile: RunProfile {
            effort: None,
            ..RunProfile::default()
        },
        ..Prompt::new("x", "/other")
    };
    let (_, request) = tokio::join!(session.ask_with(prompt), turn(&mut fake, "hello"));
    let params = &request["params"];
    assert_eq!(
        (&params["cwd"], &params["clientUserMessageId"]),
        (&json!("/other"), &json!("bubble-1"))
    );
    assert!(
        params.get("model").is_none() && params.get("effort").is_none(),
        "{params}"
    );
}

#[tokio::test]
async fn a5_a_profile_replaces_everything_but_the_folder() {
    let (client, mut fake) = client(HookSet::default()).await;
    let of_session = RunProfile {
        model: Some("m1".into()),
        attachments: vec![Attachment::ImageUrl("data:,".into())],
        ..RunProfile::default()
    };
    let session = session(
        &client,
        &mut fake,
        SessionConfig::new("/w").with_profile(of_session),
    )
    .await;
    let profile = RunProfile {
        approval: ApprovalPolicy::Untrusted,
        ..RunProfile::default()
    };
    let (_, request) = tokio::join!(
        session.ask_with_profile("x", profile),
        turn(&mut fake, "hello")
    );
    let params = &request["params"];
    assert_eq!(
        (&params["cwd"], &params["approvalPolicy"]),
        (&json!("/w"), &json!("untrusted"))
    );
    assert_eq!(params["input"].as_array().unwrap().len(), 1);
    assert!(params.get("model").is_none());
}

#[tokio::test]
async fn a6_the_profile_is_a_copy() {
    let (_client, session, mut fake) = plain().await;
    let mut copy = session.profile();
    copy.effort = Some("changed".into());
    assert_eq!(session.profile().effort.as_deref(), Some("medium"));
    let (_, request) = tokio::join!(session.ask("x"), turn(&mut fake, "hello"));
    assert_eq!(request["params"]["effort"], "medium");
}

#[tokio::test]
async fn a7_what_the_server_says_to_an_interrupt_comes_back() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let refused = within("the answer", session.interrupt_turn("no-such-turn")).await;
    assert!(
        matches!(&refused, Err(RpcError::Server { error, .. }) if error.code == -32600),
        "{refused:?}"
    );
    let stream = session.ask_stream("hold for-ever").await.unwrap();
    within("the interrupt", session.interrupt_turn(stream.turn()))
        .await
        .unwrap();
    assert!(matches!(
        within("the end", stream.finish()).await,
        Err(AskError::Interrupted { .. })
    ));
}

/// A2 as well: it is true as soon as closing began.
#[tokio::test]
async fn a8_close_marks_closed_before_the_call() {
    let (_client, session, mut fake) = plain().await;
    let closing = tokio::spawn({
        let session = session.clone();
        async move { session.close().await }
    });
    let request = fake.next().await;
    assert_eq!(
        (&request["method"], &request["params"]),
        (&json!("thread/archive"), &json!({"threadId": "T"}))
    );
    assert!(session.is_closed());
    let refused = session.ask("x").await;
    assert!(
        matches!(&refused, Err(AskError::Rpc(error)) if is_closed_error(error)),
        "{refused:?}"
    );
    fake.say(json!({"id": request["id"], "result": {}})).await;
    within("the end", closing).await.unwrap().unwrap();
}

#[tokio::test]
async fn a9_ten_closers_share_one_call_and_its_refusal() {
    let (_client, session, mut fake) = plain().await;
    let closers: Vec<_> = (0..10)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move { session.close().await })
        })
        .collect();
    let request = fake.next().await;
    fake.say(json!({"id": request["id"], "error": {"code": -32600, "message": "not today"}}))
        .await;
    for closer in closers {
        let refused = within("the result", closer).await.unwrap();
        assert_eq!(refused.unwrap_err().server_message(), Some("not today"));
    }
    assert_eq!(
        session.close().await.unwrap_err().server_message(),
        Some("not today")
    );
    fake.is_told_nothing(&_client).await;
}

/// Ours: what failed for a reason of the connection may be tried again.
#[tokio::test(start_paused = true)]
async fn a9_a_close_that_got_no_answer_is_tried_again() {
    let (_client, session, mut fake) = plain().await;
    let late = session.close().await;
    assert!(matches!(late, Err(RpcError::Timeout { .. })), "{late:?}");
    assert_eq!(fake.next().await["method"], "thread/archive");
    let (closed, _) = tokio::join!(session.close(), fake.answer("thread/archive", json!({})));
    closed.unwrap();
}

#[tokio::test]
async fn a10_a_close_that_was_dropped_stays_closed_and_is_sent_again() {
    let (_client, session, mut fake) = plain().await;
    let closing = tokio::spawn({
        let session = session.clone();
        async move { session.close().await }
    });
    assert_eq!(fake.next().await["method"], "thread/archive");
    closing.abort();
    assert!(closing.await.unwrap_err().is_cancelled());
    assert!(session.is_closed());
    let (closed, _) = tokio::join!(session.close(), fake.answer("thread/archive", json!({})));
    closed.unwrap();
}

#[tokio::test]
async fn a11_after_close_everything_is_refused_and_nothing_is_sent() {
    let (client, session, mut fake) = plain().await;
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    let (closed, _) = tokio::join!(session.close(), fake.answer("thread/archive", json!({})));
    closed.unwrap();
    let refused = [
        session.ask("x").await.map(drop),
        session.ask_with(Prompt::new("x", "/w")).await.map(drop),
        session
            .ask_with_profile("x", RunProfile::default())
            .await
            .map(drop),
        session.ask_stream("x").await.map(drop),
        session.ask_wait("x").await.map(drop),
        session.start_turn(&Prompt::new("x", "/w")).await.map(drop),
        session.interrupt_turn("U").await.map_err(AskError::from),
        session.steer("U", "x").await.map_err(AskError::from),
        session.fork(None).await.map(drop).map_err(AskError::from),
        session.revert("U").await.map_err(AskError::from),
        session.compact().await.map_err(AskError::from),
        session.rename("x").await.map_err(AskError::from),
        session
            .review(&ReviewTarget::UncommittedChanges)
            .await
            .map(drop)
            .map_err(AskError::from),
        session.shell_command("true").await.map_err(AskError::from),
    ];
    for (at, refused) in refused.iter().enumerate() {
        assert!(
            matches!(refused, Err(AskError::Rpc(error)) if is_closed_error(error)),
            "{at}: {refused:?}"
        );
    }
    // The turn that ran ends for its reader with the session.
    assert!(within("the end", stream.unwrap().finish()).await.is_err());
    fake.is_told_nothing(&client).await;
}

#[tokio::test]
async fn a12_dropping_a_session_does_nothing_at_the_server() {
    let (client, session, mut fake) = plain().await;
    drop(session);
    fake.is_told_nothing(&client).await;
}

#[tokio::test]
async fn a13_a_wait_is_a_stream_that_is_finished() {
    let (_client, session, mut fake) = plain().await;
    let (waited, _) = tokio::join!(session.ask_wait("x"), turn(&mut fake, "hello"));
    let (streamed, _) = tokio::join!(
        async { session.ask_stream("x").await.unwrap().finish().await },
        turn(&mut fake, "hello")
    );
    assert_eq!(waited.unwrap(), streamed.unwrap());
}

#[tokio::test]
async fn b8_the_policy_is_asserted_on_each_turn_and_a_difference_is_a_warning() {
    let told = does::Told::default();
    let (client, mut fake) = client(HookSet::default()).await;
    let hooks = HookSet::default().with(told.passing("tools", [Phase::PreToolUse]));
    let session = session(
        &client,
        &mut fake,
        SessionConfig::new("/w").with_hooks(hooks),
    )
    .await;
    // The fake said on-request at the start and says nothing new.
    let (answer, request) = tokio::join!(session.ask("x"), turn(&mut fake, "hello"));
    assert_eq!(request["params"]["approvalPolicy"], "never");
    assert_eq!(
        answer.unwrap().policy_warnings,
        [
            PolicyWarning::Approval {
                asked: ApprovalPolicy::Never,
                found: "on-request".into()
            },
            // No silent escalation: what was asked for is sent, and what that means is said.
            PolicyWarning::ToolHooksIdle,
        ]
    );
    let settings = |approval: &str| json!({"threadId": "T", "threadSettings": {"approvalPolicy": approval, "sandboxPolicy": {"type": "readOnly"}}});
    let profile = RunProfile {
        approval: ApprovalPolicy::Untrusted,
        ..RunProfile::default()
    };
    let serve = async {
        fake.notify("thread/settings/updated", settings("untrusted"))
            .await;
        turn(&mut fake, "hello").await
    };
    let (answer, _) = tokio::join!(session.ask_with_profile("x", profile), serve);
    assert_eq!(answer.unwrap().policy_warnings, []);
}

/// B8 on the real server: what a turn asks for is what is in force, and no warning.
#[tokio::test]
async fn b8_the_real_server_takes_the_policy_over() {
    let place = Place::new().await;
    let client = connect(place.asking()).await;
    let session = start(&client, place.session()).await;
    for (approval, sandbox) in [
        (ApprovalPolicy::Untrusted, SandboxMode::ReadOnly),
        (ApprovalPolicy::Never, SandboxMode::WorkspaceWrite),
        (ApprovalPolicy::OnRequest, SandboxMode::ReadOnly),
    ] {
        let profile = RunProfile {
            approval,
            sandbox,
            ..profile()
        };
        let answer = within("the answer", session.ask_with_profile("say a", profile))
            .await
            .unwrap();
        assert_eq!(answer.policy_warnings, []);
    }
}

#[tokio::test]
async fn c7_every_result_has_the_report_of_its_own_run() {
    let (_client, session, mut fake) = plain().await;
    let of = |name: &'static str| RunProfile {
        hooks: HookSet::default().with(does(name, [Phase::PreRun], |_| Ok(Default::default()))),
        ..RunProfile::default()
    };
    let names = |result: Result<TurnResult, AskError>| -> Vec<String> {
        result
            .unwrap()
            .hooks
            .into_iter()
            .map(|record| record.hook)
            .collect()
    };
    let (first, _) = tokio::join!(
        session.ask_with_profile("x", of("first")),
        turn(&mut fake, "hello")
    );
    let (second, _) = tokio::join!(
        session.ask_with_profile("x", of("second")),
        turn(&mut fake, "hello")
    );
    let (third, _) = tokio::join!(session.ask("x"), turn(&mut fake, "hello"));
    assert_eq!(
        (names(first), names(second), names(third)),
        (vec!["first".into()], vec!["second".into()], vec![])
    );
}

/// Every row that must be there.
fn rows() -> Vec<String> {
    let of = |letter: char, numbers: &mut dyn Iterator<Item = u32>| {
        numbers
            .map(|number| format!("{letter}{number}"))
            .collect::<Vec<_>>()
    };
    [
        of('A', &mut (1..=13)),
        of('B', &mut (1..=8)),
        of('C', &mut (1..=10)),
        of('D', &mut (1..=9)),
        of('E', &mut (1..=8).chain(10..=11)),
        of('F', &mut (1..=2)),
    ]
    .concat()
}

/// The text of all source files, and the name of each that must be some file's module.
fn sources(folder: &Path, modules: &mut Vec<String>, out: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, modules, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let is_root = name == "lib" || name == "mod" || folder.ends_with("tests");
            modules.extend((!is_root).then(|| name.to_owned()));
            out.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_table_has_every_row_and_every_test_in_it_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("../../docs/SEED.md")).unwrap();
    let (mut code, mut modules) = (String::new(), Vec::new());
    sources(&root.join("src"), &mut modules, &mut code);
    sources(&root.join("tests"), &mut modules, &mut code);
    for module in modules {
        assert!(
            code.contains(&format!("mod {module};")),
            "{module}.rs is nobody's module: its tests do not run"
        );
    }
    let mut found = BTreeMap::new();
    for line in table.lines() {
        let cells: Vec<_> = line
            .trim()
            .trim_matches('|')
            .split('|')
            .map(str::trim)
            .collect();
        let [row, ours, tests] = cells[..] else {
            continue;
        };
        let is_row = row
            .strip_prefix(|c: char| c.is_ascii_uppercase())
            .is_some_and(|number| number.parse::<u32>().is_ok());
        if is_row {
            assert!(
                found.insert(row.to_owned(), (ours, tests)).is_none(),
                "row {row} is there twice"
            );
        }
    }
    for row in rows() {
        let (ours, tests) = found
            .get(&row)
            .unwrap_or_else(|| panic!("row {row} is missing"));
        assert!(ours.len() > 10, "row {row} does not say what ours does");
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        // A row without a test says why there is none.
        assert!(
            !names.is_empty() || tests.len() > 20,
            "row {row} has neither a test nor a reason"
        );
        for name in names {
            let marks = ["#[test]", "#[tokio::test", "proptest!"];
            let heading = format!("fn {name}(");
            let is_test = code.match_indices(&heading).any(|(place, _)| {
                // Its attributes and words, up to the line that ends what stands before it.
                let before = code[..place]
                    .lines()
                    .rev()
                    .take_while(|line| line.trim() != "}");
                before
                    .into_iter()
                    .any(|line| marks.iter().any(|mark| line.trim().starts_with(mark)))
            });
            assert!(is_test, "row {row}: there is no test {name}");
        }
    }
}

#[test]
fn clients_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Arc<ClientConfig>>();
    shared::<Session>();
    shared::<countersign_runtime::Client>();
    shared::<AskPerson>();
}
