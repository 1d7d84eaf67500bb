//! What goes wrong on purpose, through the real `codex app-server`: HTTP errors, cut and held
//! streams, restarts. `Codex::close` checks the histories of all requests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers around tests, too"
)]

#[allow(
    dead_code,
    reason = "shared with the other test program, which uses the rest"
)]
mod support;

use countersign_scripted_model::HomeOptions;
use serde_json::{Value, json};
use support::{Codex, no_retries};

/// For turns in which nothing is asked.
fn nothing_asked(request: &Value) -> Value {
    panic!("nothing should be asked: {request}")
}

#[tokio::test]
async fn failures_fail_each_time() {
    let mut codex = Codex::start(&no_retries()).await;
    for (scene, expected) in [
        ("fail 500", json!("internalServerError")),
        ("fail 500", json!("internalServerError")),
        (
            "fail 401",
            json!({"httpConnectionFailed": {"httpStatusCode": 401}}),
        ),
        (
            "fail 429",
            json!({"responseTooManyFailedAttempts": {"httpStatusCode": 429}}),
        ),
        ("fail once 500", json!("internalServerError")),
        // A new message is a new failure.
        ("fail once 500", json!("internalServerError")),
        ("sandboxed: true\nslow 1\nfail 400", json!("other")),
    ] {
        let turn = codex.turn(scene, nothing_asked).await;
        assert_eq!(turn.status, "failed", "{scene}");
        assert_eq!(turn.error["codexErrorInfo"], expected, "{scene}");
    }
    let turn = codex.turn("say fine", nothing_asked).await;
    assert_eq!(turn.messages(), ["fine"]);
    codex.close().await;
}

#[tokio::test]
async fn a_retry_passes_what_fails_once() {
    let options = HomeOptions {
        request_max_retries: Some(2),
        ..no_retries()
    };
    let mut codex = Codex::start(&options).await;
    for seen in [2, 4] {
        let turn = codex.turn("fail once 500\nsay fine", nothing_asked).await;
        assert_eq!(turn.status, "completed");
        assert_eq!(turn.messages(), ["fine"]);
        assert_eq!(codex.model.requests().len(), seen);
    }
    codex.close().await;
}

#[tokio::test]
async fn a_dropped_stream_fails_the_turn_in_mid_answer() {
    let mut codex = Codex::start(&no_retries()).await;
    let turn = codex.turn("say half an answer\ndrop", nothing_asked).await;
    assert_eq!(turn.status, "failed");
    assert!(
        turn.error["message"]
            .as_str()
            .unwrap()
            .contains("stream disconnected")
    );
    assert_eq!(turn.streamed("item/agentMessage/delta"), "half an answer");
    assert_eq!(turn.messages(), [""; 0]);
    let turn = codex.turn("drop", nothing_asked).await;
    assert_eq!(turn.status, "failed");
    assert!(!turn.streamed("item/agentMessage/delta").is_empty());
    codex.close().await;
}

#[tokio::test]
async fn a_held_answer_goes_on_when_released() {
    let mut codex = Codex::start(&no_retries()).await;
    codex.begin("say before\nhold A\nsay after").await;
    assert_eq!(
        codex.until("item/agentMessage/delta").await["delta"],
        "before"
    );
    codex.model.release("A");
    let turn = codex.finish(nothing_asked).await;
    assert_eq!(turn.messages(), ["before", "after"]);

    codex.begin("say before\nhold B").await;
    let delta = codex.until("item/agentMessage/delta").await;
    let interrupt = json!({"threadId": codex.thread, "turnId": delta["turnId"]});
    codex.interrupt(interrupt).await;
    let turn = codex.finish(nothing_asked).await;
    assert_eq!(turn.status, "interrupted");
    // The marker of the aborted turn is in the user's role, and is not the person's message.
    let turn = codex.turn("say again", nothing_asked).await;
    assert_eq!(turn.messages(), ["again"]);
    let request = codex.model.requests().pop().unwrap();
    assert!(request.body.to_string().contains("<turn_aborted>"));
    codex.close().await;
}

#[tokio::test]
async fn a_goal_does_not_run_for_ever() {
    let mut codex = Codex::start(&no_retries()).await;
    codex.turn("say hello", nothing_asked).await;
    let goal = json!({"threadId": codex.thread, "objective": "win"});
    codex.call("thread/goal/set", goal).await.unwrap();
    let turn = codex.finish(nothing_asked).await;
    assert!(
        turn.messages()[0].contains("set to blocked"),
        "{:?}",
        turn.messages()
    );
    let goal = codex
        .call("thread/goal/get", json!({"threadId": codex.thread}))
        .await
        .unwrap();
    assert_eq!(goal["goal"]["status"], "blocked", "{goal}");
    let turn = codex.turn("say still here", nothing_asked).await;
    assert_eq!(turn.messages(), ["still here"]);
    codex.close().await;
}

#[tokio::test]
async fn a_steered_turn_plays_the_new_scene() {
    let mut codex = Codex::start(&no_retries()).await;
    codex.begin("say first\nhold X\nrun: ls").await;
    codex.until("item/agentMessage/delta").await;
    codex.begin("say steered").await;
    codex.model.release("X");
    let turn = codex.finish(nothing_asked).await;
    assert_eq!(turn.messages(), ["steered"]);
    codex
        .call("thread/compact/start", json!({"threadId": codex.thread}))
        .await
        .unwrap();
    codex.finish(nothing_asked).await;
    let turn = codex.turn("sandboxed: true", nothing_asked).await;
    assert_eq!(turn.messages(), ["The command `true` exited with 0."]);
    codex.close().await;
}

#[tokio::test]
async fn a_thread_goes_on_with_a_new_server_and_a_new_model() {
    let mut codex = Codex::start(&no_retries()).await;
    codex
        .turn("sandboxed: echo one\nsandboxed: echo two", nothing_asked)
        .await;
    // Ends in the middle of a question: the call stays without an answer of its own.
    codex.begin("run: echo three").await;
    codex.until("item/commandExecution/requestApproval").await;
    assert_eq!(codex.model.violations(), [""; 0]);
    codex.restart(&no_retries()).await;

    let turn = codex
        .turn("sandboxed: echo four\nsay done", nothing_asked)
        .await;
    assert_eq!(turn.messages(), ["done"]);
    let requests = codex.model.requests();
    assert_eq!(requests.len(), 2);
    let calls = requests[1].tool_calls();
    let told = |command| {
        let call = calls.iter().find(|call| call.input.contains(command));
        call.unwrap().output.clone().unwrap()
    };
    assert!(told("echo one").contains("exited with code 0"));
    assert!(told("echo three").contains("aborted"));

    let forked = codex
        .call(
            "thread/fork",
            json!({"threadId": codex.thread, "cwd": codex.cwd}),
        )
        .await;
    codex.thread = forked.unwrap()["thread"]["id"].as_str().unwrap().to_owned();
    let turn = codex.turn("sandboxed: echo five", nothing_asked).await;
    assert_eq!(turn.messages(), ["The command `echo five` exited with 0."]);
    let last = codex.model.requests().pop().unwrap();
    assert_eq!(last.thread_id.as_deref(), Some(codex.thread.as_str()));
    codex.close().await;
}
