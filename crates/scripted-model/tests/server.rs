//! The server and the program without codex: plain HTTP on a socket, processes, their ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers around tests, too"
)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use countersign_scripted_model::{Options, ScriptedModel};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends one request and reads until the server closes.
async fn http(model: &ScriptedModel, method: &str, path: &str, body: &str) -> String {
    let mut socket = connect(model).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nthread-id: t\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A cut stream may end in a reset; what came before it counts.
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn connect(model: &ScriptedModel) -> std::io::Result<TcpStream> {
    let url = model.base_url();
    let address = url
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/v1")
        .unwrap();
    TcpStream::connect(address).await
}

fn scene(text: &str) -> String {
    let content = json!([{"type": "input_text", "text": text}]);
    json!({"input": [{"type": "message", "role": "user", "content": content}]}).to_string()
}

#[tokio::test]
async fn a_response_is_a_stream_of_events() {
    let model = ScriptedModel::start().await.unwrap();
    let answer = http(&model, "POST", "/v1/responses", &scene("say hi")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: text/event-stream"));
    let mut kinds = Vec::new();
    for line in answer.lines() {
        if let Some(kind) = line.strip_prefix("event: ") {
            kinds.push(kind.to_owned());
        } else if let Some(data) = line.strip_prefix("data: ") {
            let data: Value = serde_json::from_str(data).unwrap();
            assert_eq!(data["type"], kinds.last().unwrap().as_str());
        }
    }
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.output_item.added",
            "response.output_text.delta",
            "response.output_item.done",
            "response.completed",
        ]
    );
    // The last chunk is there: the stream was ended, not cut.
    assert!(answer.ends_with("0\r\n\r\n"));
    let cut = http(&model, "POST", "/v1/responses", &scene("drop")).await;
    assert!(
        cut.contains("response.output_text.delta") && !cut.ends_with("0\r\n\r\n"),
        "{cut}"
    );
    assert_eq!(model.requests().len(), 2);
    assert_eq!(model.requests()[0].thread_id.as_deref(), Some("t"));
}

#[tokio::test]
async fn other_requests_are_refused() {
    let model = ScriptedModel::start().await.unwrap();
    for (method, path, body, status) in [
        ("GET", "/v1/models", "", "404"),
        ("GET", "/v1/responses", "", "404"),
        ("POST", "/v1/responses", "{", "400"),
    ] {
        let answer = http(&model, method, path, body).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    // Odd but well-formed bodies get an answer, not a panic.
    for body in [
        "null",
        "[]",
        "{}",
        r#"{"input":[1,{"type":"message","role":"user"}]}"#,
    ] {
        let answer = http(&model, "POST", "/v1/responses", body).await;
        assert!(answer.contains("offline demo"), "{answer}");
    }
}

#[tokio::test]
async fn violations_are_told_with_their_request() {
    let model = ScriptedModel::start().await.unwrap();
    http(&model, "POST", "/v1/responses", &scene("say hi")).await;
    let body = json!({"input": [{"type": "function_call_output", "call_id": "c", "output": ""}]});
    http(&model, "POST", "/v1/responses", &body.to_string()).await;
    assert_eq!(
        model.violations(),
        ["request 2: output c has no earlier call"]
    );
}

#[tokio::test]
async fn the_demo_keeps_no_record() {
    let model = ScriptedModel::start_with(Options::demo()).await.unwrap();
    http(&model, "POST", "/v1/responses", &scene("say hi")).await;
    assert!(model.wait_for_request(1).await.is_none());
    assert!(model.requests().is_empty());
}

#[tokio::test]
async fn dropping_it_stops_the_server_and_its_streams() {
    let model = ScriptedModel::start().await.unwrap();
    let mut socket = connect(&model).await.unwrap();
    let body = scene("hold for ever");
    let request = format!(
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    model.wait_for_request(1).await.unwrap();
    let url = model.base_url();
    drop(model);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    assert!(!answer.ends_with(b"0\r\n\r\n"));
    // The streams end with the listener, so by now it is gone.
    let address = url
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/v1")
        .unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[test]
fn the_program_serves_and_writes_a_home() {
    let program = env!("CARGO_BIN_EXE_countersign-scripted-model");
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let home = scratch.path().join("home");
    let mut child = Command::new(program)
        .args(["serve", "--home"])
        .arg(&home)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let read = stdout.read_line(&mut url);
    let config = std::fs::read_to_string(home.join("config.toml"));
    child.kill().unwrap();
    child.wait().unwrap();
    read.unwrap();
    let config = config.unwrap();
    assert!(
        config.contains(&format!("base_url = {:?}", url.trim())),
        "{config}"
    );
    assert!(
        config.contains("[mcp_servers.tiny]") && config.contains(program),
        "{config}"
    );

    let wrong = Command::new(program).arg("srve").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        String::from_utf8(wrong.stderr)
            .unwrap()
            .starts_with("usage:")
    );
}
