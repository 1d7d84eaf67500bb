//! Rows D: parameters, results, errors.

use std::time::Duration;

use countersign_runtime::hooks::HookSet;
use countersign_runtime::policy::{ApprovalPolicy, SandboxMode};
use countersign_runtime::profile::Attachment;
use countersign_runtime::{AskError, RpcError, RunProfile, SessionConfig};
use serde_json::{Value, json};

use super::does::{client, plain, session};
use super::support::within;
use super::turn;

#[test]
fn d1_the_defaults() {
    let profile = RunProfile::default();
    assert_eq!(profile.effort.as_deref(), Some("medium"));
    assert_eq!(profile.approval, ApprovalPolicy::Never);
    assert_eq!(profile.sandbox, SandboxMode::ReadOnly);
    assert!(!profile.privileged);
    assert_eq!(profile.timeout, Some(Duration::from_secs(120)));
    assert!(
        profile.model.is_none()
            && profile.output_schema.is_none()
            && profile.attachments.is_empty()
    );
    assert!(profile.hooks.is_empty());
}

#[tokio::test]
async fn d2_attachments_of_every_kind_and_one_that_is_missing() {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for name in ["a.txt", "b.png", "SKILL.md"] {
        std::fs::write(scratch.path().join(name), "x").unwrap();
    }
    let (client, mut fake) = client(HookSet::default()).await;
    let session = session(&client, &mut fake, SessionConfig::new(scratch.path())).await;
    let with = |attachments| RunProfile {
        attachments,
        ..RunProfile::default()
    };
    let missing = session
        .ask_with_profile("x", with(vec![Attachment::Path("gone.txt".into())]))
        .await;
    let gone = scratch.path().join("gone.txt");
    assert!(
        matches!(&missing, Err(AskError::AttachmentMissing(path)) if *path == gone),
        "{missing:?}"
    );
    let all = vec![
        Attachment::Path("a.txt".into()),
        Attachment::ImageUrl("data:,x".into()),
        Attachment::LocalImage("b.png".into()),
        Attachment::Skill {
            name: "s".into(),
            path: "SKILL.md".into(),
        },
    ];
    let (_, request) = tokio::join!(
        session.ask_with_profile("é x", with(all)),
        turn(&mut fake, "hello")
    );
    let at = |name: &str| scratch.path().join(name);
    assert_eq!(
        request["params"]["input"],
        json!([
            {"type": "text", "text": "é x\n@a.txt", "text_elements": [{"byteRange": {"start": 5, "end": 11}}]},
            {"type": "image", "url": "data:,x"},
            {"type": "localImage", "path": at("b.png")},
            {"type": "skill", "name": "s", "path": at("SKILL.md")},
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn d4_a_turn_over_its_time_is_an_error_and_one_interrupt() {
    let (client, session, mut fake) = plain().await;
    let profile = RunProfile {
        timeout: Some(Duration::from_secs(3)),
        ..RunProfile::default()
    };
    let (late, ()) = tokio::join!(session.ask_with_profile("x", profile), fake.start_turn());
    assert!(
        matches!(late, Err(AskError::Timeout { limit, .. }) if limit == Duration::from_secs(3)),
        "{late:?}"
    );
    let request = fake.answer("turn/interrupt", json!({})).await;
    assert_eq!(request["params"], json!({"threadId": "T", "turnId": "U"}));
    fake.is_told_nothing(&client).await;
}

/// Ours: dropping an ask stops its turn, also one that the server has not answered for yet.
#[tokio::test]
async fn d5_an_ask_that_is_dropped_at_any_point_stops_its_turn() {
    let (client, session, mut fake) = plain().await;
    let asking = tokio::spawn({
        let session = session.clone();
        async move { session.ask("x").await }
    });
    let request = fake.next().await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    fake.say(json!({"id": request["id"], "result": {"turn": {"id": "U", "status": "inProgress"}}}))
        .await;
    fake.notify(
        "turn/started",
        json!({"threadId": "T", "turn": {"id": "U", "status": "inProgress"}}),
    )
    .await;
    let request = fake.answer("turn/interrupt", json!({})).await;
    assert_eq!(request["params"]["turnId"], "U");
    fake.is_told_nothing(&client).await;
}

#[tokio::test]
async fn d6_the_text_is_that_of_the_last_message_whole_or_streamed() {
    let (_client, session, mut fake) = plain().await;
    let delta = |item: &str, text: &str| json!({"threadId": "T", "turnId": "U", "itemId": item, "delta": text});
    // Streamed and never completed: the server does that when a stream breaks off (FACTS section 7).
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    fake.notify("item/agentMessage/delta", delta("A", "first"))
        .await;
    fake.notify("item/agentMessage/delta", delta("B", "sec"))
        .await;
    fake.notify("item/agentMessage/delta", delta("B", "ond"))
        .await;
    fake.end_turn().await;
    assert_eq!(
        within("the end", stream.unwrap().finish())
            .await
            .unwrap()
            .text,
        "second"
    );
    // Completed without a delta.
    let (answer, _) = tokio::join!(session.ask("x"), turn(&mut fake, "whole"));
    assert_eq!(answer.unwrap().text, "whole");
}

/// Ours: a reader that fell behind too far reads the answer from the history.
#[tokio::test]
async fn d7_an_answer_with_a_gap_in_it_is_read_again() {
    let (client, session, mut fake) = plain().await;
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    let message = "x".repeat(1 << 20);
    for _ in 0..80 {
        fake.notify(
            "item/agentMessage/delta",
            json!({"threadId": "T", "turnId": "U", "itemId": "I", "delta": message}),
        )
        .await;
    }
    fake.said("U", "the end").await;
    fake.end_turn().await;
    // The fake's last line was read before it gets a call's answer.
    fake.is_told_nothing(&client).await;
    let page = json!({"data": [{"id": "U", "status": "completed", "items": [
        {"type": "agentMessage", "id": "I", "text": "all of it"}]}], "nextCursor": null});
    let (result, _) = tokio::join!(
        stream.unwrap().finish(),
        fake.answer("thread/turns/list", page)
    );
    assert_eq!(result.unwrap().text, "all of it");
    assert!(client.metrics().missed > 0);
}

#[tokio::test]
async fn d8_what_the_server_refuses_comes_with_its_code() {
    let (client, _session, mut fake) = plain().await;
    for (code, overloaded) in [
        (-32001, true),
        (-32600, false),
        (-32601, false),
        (-32603, false),
    ] {
        let params = json!({});
        let call = client.call::<Value>("model/list", &params);
        let (answer, ()) = tokio::join!(call, async {
            let request = fake.next().await;
            fake.say(json!({"id": request["id"], "error": {"code": code, "message": "no", "data": {"a": 1}}})).await;
        });
        let error = answer.unwrap_err();
        assert_eq!(error.is_overloaded(), overloaded);
        assert!(!error.is_transport());
        assert!(
            matches!(&error, RpcError::Server { error, .. } if error.code == code && error.data.is_some()),
            "{error:?}"
        );
    }
}
