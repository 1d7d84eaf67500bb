//! Every step of the grammar through the real `codex app-server`: what the client sees, and what
//! the model is told. `Codex::close` checks the histories of all requests.
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

use serde_json::{Value, json};
use support::{Codex, no_retries};

/// For turns in which nothing is asked.
fn nothing_asked(request: &Value) -> Value {
    panic!("nothing should be asked: {request}")
}

/// Answers command and file approvals.
fn decide(decision: &str) -> impl FnMut(&Value) -> Value {
    move |_| json!({ "decision": decision })
}

#[tokio::test]
async fn words_are_streamed_and_add_up() {
    let mut codex = Codex::start(&no_retries()).await;
    std::fs::write(codex.cwd.join("AGENTS.md"), "say not this").unwrap();
    // The file is read when a thread starts.
    codex.open_thread().await;
    let turn = codex
        .turn(
            "# words\nthink One two\nsay Hello there,\\nfriend.\nstream 3",
            nothing_asked,
        )
        .await;
    assert_eq!(turn.status, "completed");
    assert_eq!(turn.messages(), ["Hello there,\nfriend.", "1 2 3 "]);
    assert_eq!(
        turn.streamed("item/agentMessage/delta"),
        "Hello there,\nfriend.1 2 3 "
    );
    assert_eq!(turn.notified("item/agentMessage/delta").count(), 3 + 3);
    assert_eq!(
        turn.of("reasoning").next().unwrap()["summary"],
        json!(["One two"])
    );
    assert_eq!(turn.streamed("item/reasoning/summaryTextDelta"), "One two");
    let usage = turn.notified("thread/tokenUsage/updated").last().unwrap();
    let usage = &usage["tokenUsage"]["last"];
    assert!(usage["inputTokens"].as_u64().unwrap() > 100);
    assert!(
        usage["outputTokens"].as_u64().unwrap() > usage["reasoningOutputTokens"].as_u64().unwrap()
    );

    let turn = codex.turn("markdown", nothing_asked).await;
    let text = turn.messages()[0];
    assert!(text.contains("```rust") && text.contains("|:-----|"));
    assert_eq!(turn.streamed("item/agentMessage/delta"), text);

    let request = codex.model.wait_for_request(2).await.unwrap();
    assert_eq!(request.last_user_text().as_deref(), Some("markdown"));
    assert_eq!(request.thread_id.as_deref(), Some(codex.thread.as_str()));
    assert_eq!(request.model(), Some("scripted-model"));
    // Codex sends AGENTS.md in the user's role; it was not taken for the scene.
    assert!(request.body.to_string().contains("say not this"));
    for tool in [
        "exec_command",
        "apply_patch",
        "update_plan",
        "request_permissions",
        "request_user_input",
    ] {
        assert!(
            request.tool_names().iter().any(|name| name == tool),
            "{tool}"
        );
    }
    codex.close().await;
}

#[tokio::test]
async fn a_flood_arrives_whole() {
    let mut codex = Codex::start(&no_retries()).await;
    let turn = codex.turn("stream 20000", nothing_asked).await;
    let expected: String = (1..=20000).map(|n| format!("{n} ")).collect();
    assert_eq!(turn.messages(), [expected.as_str()]);
    assert_eq!(turn.notified("item/agentMessage/delta").count(), 20000);
    codex.close().await;
}

#[tokio::test]
async fn other_words_are_answered_plainly() {
    let mut codex = Codex::start(&no_retries()).await;
    let turn = codex.turn("What is the weather?", nothing_asked).await;
    let answer = turn.messages()[0];
    for part in [
        "What is the weather?",
        "offline demo",
        "scripted",
        "`help`",
        "run: echo hello",
    ] {
        assert!(answer.contains(part), "{part:?} is not in {answer}");
    }
    let turn = codex.turn("help", nothing_asked).await;
    assert_eq!(turn.messages(), [countersign_scripted_model::HELP]);
    let turn = codex.turn("say one\nfail often", nothing_asked).await;
    assert_eq!(turn.messages().len(), 1);
    assert!(
        turn.messages()[0].contains("line 2"),
        "{:?}",
        turn.messages()
    );
    codex.close().await;
}

#[tokio::test]
async fn a_command_is_asked_about() {
    let mut codex = Codex::start(&no_retries()).await;
    let turn = codex
        .turn("run: echo made > made.txt && echo hi", decide("accept"))
        .await;
    assert_eq!(turn.requests.len(), 1);
    let asked = &turn.requests[0];
    assert_eq!(asked["method"], "item/commandExecution/requestApproval");
    assert!(
        asked["params"]["reason"]
            .as_str()
            .unwrap()
            .contains("outside the sandbox")
    );
    let command = turn.of("commandExecution").next().unwrap();
    assert_eq!(command["status"], "completed");
    assert_eq!(command["aggregatedOutput"], "hi\n");
    assert_eq!(
        std::fs::read_to_string(codex.cwd.join("made.txt")).unwrap(),
        "made\n"
    );
    assert_eq!(
        turn.messages(),
        ["The command `echo made > made.txt && echo hi` exited with 0."]
    );

    let turn = codex.turn("run: touch never", decide("decline")).await;
    assert_eq!(
        turn.of("commandExecution").next().unwrap()["status"],
        "declined"
    );
    assert_eq!(
        turn.messages(),
        ["The command `touch never` was declined; it did not run."]
    );
    assert!(!codex.cwd.join("never").exists());

    let turn = codex
        .turn("sandboxed: echo in; exit 3", nothing_asked)
        .await;
    assert_eq!(turn.of("commandExecution").next().unwrap()["exitCode"], 3);
    assert_eq!(
        turn.messages(),
        ["The command `echo in; exit 3` exited with 3."]
    );

    let outputs: Vec<String> = codex
        .model
        .requests()
        .last()
        .unwrap()
        .tool_outputs()
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(outputs.len(), 3);
    assert!(outputs[0].ends_with("Output:\nhi\n"));
    assert!(outputs[1].contains("rejected by user"));
    assert!(outputs[2].contains("exited with code 3"));
    codex.close().await;
}

#[tokio::test]
async fn two_commands_in_one_response_are_two_questions() {
    let mut codex = Codex::start(&no_retries()).await;
    let turn = codex
        .turn(
            "run: echo one & run: echo two\nrun: echo three",
            |request| {
                let command = request["params"]["command"].as_str().unwrap();
                json!({"decision": if command.contains("two") { "decline" } else { "accept" }})
            },
        )
        .await;
    assert_eq!(turn.requests.len(), 3);
    // The pair is one response: three requests in all, the second one with both outputs.
    let requests = codex.model.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[1].tool_outputs().len(), 2);
    let message = turn.messages()[0];
    for line in [
        "The command `echo one` exited with 0.",
        "The command `echo two` was declined; it did not run.",
        "The command `echo three` exited with 0.",
    ] {
        assert!(message.contains(line), "{message}");
    }
    codex.close().await;
}

#[tokio::test]
async fn files_are_added_changed_and_deleted() {
    let mut codex = Codex::start(&no_retries()).await;
    let file = codex.cwd.join("a b.txt");
    let turn = codex
        .turn(
            "edit: a b.txt <- one\\ntwo\nedit: c.txt <- x\\ny\nedit: c.txt y -> z\nsay done",
            nothing_asked,
        )
        .await;
    assert_eq!(turn.of("fileChange").count(), 3);
    assert!(
        turn.of("fileChange")
            .all(|item| item["status"] == "completed")
    );
    assert_eq!(turn.messages(), ["done"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\ntwo\n");
    assert_eq!(
        std::fs::read_to_string(codex.cwd.join("c.txt")).unwrap(),
        "x\nz\n"
    );
    assert!(turn.notified("turn/diff/updated").count() >= 3);

    let turn = codex.turn("delete: c.txt", nothing_asked).await;
    assert_eq!(turn.messages(), ["The patch is in: deleted `c.txt`."]);
    assert!(!codex.cwd.join("c.txt").exists());

    let turn = codex.turn("edit: c.txt no -> yes", nothing_asked).await;
    assert!(
        turn.messages()[0].starts_with("The patch was not made"),
        "{:?}",
        turn.messages()
    );

    let outside = codex.home.join("outside.txt");
    let scene = format!("edit: {} <- hi", outside.display());
    let turn = codex.turn(&scene, decide("decline")).await;
    assert_eq!(
        turn.requests[0]["method"],
        "item/fileChange/requestApproval"
    );
    assert_eq!(
        turn.messages(),
        ["The patch was declined; no file was changed."]
    );
    assert!(!outside.exists());
    let turn = codex.turn(&scene, decide("accept")).await;
    assert_eq!(
        turn.messages(),
        [format!("The patch is in: added `{}`.", outside.display())]
    );
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "hi\n");
    codex.close().await;
}

#[tokio::test]
async fn a_plan_a_permission_and_a_question() {
    let mut codex = Codex::start(&no_retries()).await;
    let turn = codex
        .turn("plan [x] Look; [>] Change; Test", nothing_asked)
        .await;
    let plan = turn.notified("turn/plan/updated").next().unwrap();
    assert_eq!(
        plan["plan"],
        json!([
            {"step": "Look", "status": "completed"},
            {"step": "Change", "status": "inProgress"},
            {"step": "Test", "status": "pending"},
        ])
    );
    assert_eq!(turn.messages(), ["The plan is up to date."]);

    for grant in [true, false] {
        let turn = codex
            .turn("permissions: /srv", |request| {
                let asked = &request["params"]["permissions"];
                json!({"permissions": if grant { asked.clone() } else { json!({}) }, "scope": "turn"})
            })
            .await;
        let asked = &turn.requests[0];
        assert_eq!(asked["method"], "item/permissions/requestApproval");
        assert_eq!(
            asked["params"]["permissions"]["fileSystem"]["write"],
            json!(["/srv"])
        );
        let said = if grant {
            "The permission was granted."
        } else {
            "The permission was not granted."
        };
        assert_eq!(turn.messages(), [said]);
    }

    for (answers, said) in [
        (
            json!({"answer": {"answers": ["Blue"]}}),
            "The answer was: Blue.",
        ),
        (json!({}), "The question was left unanswered."),
    ] {
        let turn = codex
            .turn(
                "ask: Which? | Red | Blue",
                |_| json!({ "answers": answers }),
            )
            .await;
        let asked = &turn.requests[0];
        assert_eq!(asked["method"], "item/tool/requestUserInput");
        let question = &asked["params"]["questions"][0];
        assert_eq!(question["question"], "Which?");
        assert_eq!(question["options"][1]["label"], "Blue");
        assert_eq!(turn.messages(), [said]);
    }
    codex.close().await;
}

#[tokio::test]
async fn mcp_tools_are_called() {
    let mut codex = Codex::start(&no_retries()).await;
    let turn = codex
        .turn("mcp: echo {\"text\": \"hi\"}", nothing_asked)
        .await;
    let call = turn.of("mcpToolCall").next().unwrap();
    assert_eq!(
        (&call["server"], &call["tool"]),
        (&json!("tiny"), &json!("echo"))
    );
    assert_eq!(call["status"], "completed");
    assert_eq!(turn.messages(), ["The tool `echo` answered: hi"]);

    let notes = codex.home.join("notes.txt");
    let answer = |action| move |_: &Value| json!({"action": action, "content": {}, "_meta": null});
    let turn = codex.turn("mcp: write_note milk", answer("decline")).await;
    let asked = &turn.requests[0];
    assert_eq!(asked["method"], "mcpServer/elicitation/request");
    assert_eq!(
        asked["params"]["_meta"]["codex_approval_kind"],
        "mcp_tool_call"
    );
    assert_eq!(
        turn.messages(),
        ["The tool `write_note` was declined; it did not run."]
    );
    assert!(!notes.exists());
    let turn = codex.turn("mcp: write_note milk", answer("accept")).await;
    assert_eq!(
        turn.messages(),
        ["The tool `write_note` answered: The note is in notes.txt."]
    );
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "milk\n");
    codex.close().await;
}
