//! A model whose agents start agents, for the real app-server: no scene of the scripted one does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Serves the model for as long as the runtime lives, and returns its address. To `agent: TEXT` it starts an
/// agent that is told TEXT; to `run: COMMAND` it asks to run one outside the sandbox; everything else, and
/// what comes of these, it answers with `done`.
pub(crate) async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer(stream));
        }
    });
    url
}

async fn answer(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            return;
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let mut events = String::new();
    for event in events_for(body["input"].as_array().unwrap()) {
        let name = event["type"].as_str().unwrap();
        events.push_str(&format!("event: {name}\ndata: {event}\n\n"));
    }
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{events}",
        events.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

fn events_for(input: &[Value]) -> Vec<Value> {
    let said = |item: &Value| {
        let parts = item["content"].as_array().cloned().unwrap_or_default();
        parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect::<String>()
    };
    let prompt = input
        .iter()
        .rev()
        .find(|item| item["type"] == "message" && item["role"] == "user")
        .map(said)
        .unwrap_or_default();
    let is_done = input
        .iter()
        .any(|item| item["type"] == "function_call_output");
    let call = |name: &str, arguments: Value| json!({"type": "function_call", "call_id": format!("call-{name}"), "name": name, "arguments": arguments.to_string()});
    let item = if let Some(told) = prompt.strip_prefix("agent: ")
        && !is_done
    {
        let mut item = call("spawn_agent", json!({ "message": told }));
        item["namespace"] = "multi_agent_v1".into();
        vec![item]
    } else if let Some(command) = prompt.strip_prefix("run: ")
        && !is_done
    {
        let arguments = json!({"cmd": command, "sandbox_permissions": "require_escalated", "justification": "May I?"});
        vec![call("exec_command", arguments)]
    } else {
        vec![
            json!({"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]}),
        ]
    };
    let mut events = vec![json!({"type": "response.created", "response": {"id": "r"}})];
    for item in item {
        if item["type"] == "message" {
            events.push(json!({"type": "response.output_item.added", "item": {"type": "message", "id": "m", "role": "assistant", "content": []}}));
            events.push(
                json!({"type": "response.output_text.delta", "item_id": "m", "delta": "done"}),
            );
        }
        events.push(json!({"type": "response.output_item.done", "item": item}));
    }
    events.push(json!({"type": "response.completed", "response": {"id": "r",
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}}));
    events
}
