//! The MCP server `tiny` over stdio: one tool that only reads, one that writes.
//!
//! Written by hand because the whole of it is four methods of JSON-RPC, one object a line; the
//! official SDK brings an async service stack and schema derivation for the same. Deliberately not
//! here: resources, prompts, progress, cancellation.

use std::fs::OpenOptions;
use std::io::{self, BufRead, Write};
use std::path::Path;

use serde_json::{Value, json};

/// Where `write_note` writes, in the working directory of the server.
const NOTES: &str = "notes.txt";

/// Serves MCP on this process's stdin and stdout until stdin ends: tools `echo` (read-only: codex
/// calls it without a question) and `write_note` (destructive: codex asks; it appends a line to
/// `notes.txt` in the working directory). Blocks; nothing else may write to stdout meanwhile.
///
/// # Errors
/// When stdin cannot be read or stdout cannot be written.
pub fn run_mcp_stdio() -> io::Result<()> {
    serve(io::stdin().lock(), io::stdout().lock(), Path::new(NOTES))
}

fn serve(input: impl BufRead, mut output: impl Write, notes: &Path) -> io::Result<()> {
    for line in input.lines() {
        if let Some(answer) = answer(&line?, notes) {
            writeln!(output, "{answer}")?;
            output.flush()?;
        }
    }
    Ok(())
}

/// The answer to one message; `None` for notifications and for answers to us.
fn answer(line: &str, notes: &Path) -> Option<Value> {
    let message: Value = match serde_json::from_str(line) {
        Ok(message) => message,
        Err(_) => return Some(failure(Value::Null, -32700, "this line is no JSON")),
    };
    let id = message.get("id")?.clone();
    let method = message.get("method")?.as_str()?;
    let params = &message["params"];
    let result = match method {
        "initialize" => json!({
            // The answer names the client's version: nothing here differs between them.
            "protocolVersion": params["protocolVersion"].as_str().unwrap_or("2025-06-18"),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "tiny", "version": env!("CARGO_PKG_VERSION")},
        }),
        "ping" => json!({}),
        "tools/list" => json!({"tools": [
            tool("echo", "Gives back the text.", json!({"readOnlyHint": true})),
            tool(
                "write_note",
                "Appends the text as a line to notes.txt.",
                json!({"readOnlyHint": false, "destructiveHint": true}),
            ),
        ]}),
        "tools/call" => match call(params, notes) {
            Ok(text) => json!({"content": [{"type": "text", "text": text}], "isError": false}),
            Err(text) => json!({"content": [{"type": "text", "text": text}], "isError": true}),
        },
        _ => return Some(failure(id, -32601, "this method is not served here")),
    };
    Some(json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

fn tool(name: &str, description: &str, annotations: Value) -> Value {
    json!({
        "name": name,
        "description": description,
        "inputSchema": {
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "required": ["text"],
        },
        "annotations": annotations,
    })
}

fn call(params: &Value, notes: &Path) -> Result<String, String> {
    let text = params["arguments"]["text"]
        .as_str()
        .ok_or("the argument `text` is missing")?;
    match params["name"].as_str() {
        Some("echo") => Ok(text.to_owned()),
        Some("write_note") => OpenOptions::new()
            .create(true)
            .append(true)
            .open(notes)
            .and_then(|mut file| writeln!(file, "{text}"))
            .map(|()| format!("The note is in {}.", notes.display()))
            .map_err(|error| format!("{} cannot be written: {error}", notes.display())),
        _ => Err("there is no such tool: only `echo` and `write_note`".to_owned()),
    }
}

fn failure(id: Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation() {
        let dir = tempfile::tempdir().unwrap();
        let notes = dir.path().join("notes.txt");
        let input = [
            json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26"}})
                .to_string(),
            json!({"jsonrpc":"2.0","method":"notifications/initialized"}).to_string(),
            json!({"jsonrpc":"2.0","id":1,"method":"tools/list"}).to_string(),
            json!({"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}})
                .to_string(),
            json!({"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"write_note","arguments":{"text":"milk"}}})
                .to_string(),
            json!({"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"echo"}}).to_string(),
            json!({"jsonrpc":"2.0","id":"x","method":"resources/list"}).to_string(),
            "{".to_owned(),
        ]
        .join("\n");
        let mut output = Vec::new();
        serve(input.as_bytes(), &mut output, &notes).unwrap();
        let answers: Vec<Value> = String::from_utf8(output)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(answers.len(), 7);
        assert_eq!(answers[0]["result"]["protocolVersion"], "2025-03-26");
        assert_eq!(
            answers[1]["result"]["tools"][0]["annotations"]["readOnlyHint"],
            true
        );
        assert_eq!(answers[2]["result"]["content"][0]["text"], "hi");
        assert_eq!(answers[3]["result"]["isError"], false);
        assert_eq!(std::fs::read_to_string(&notes).unwrap(), "milk\n");
        assert_eq!(answers[4]["result"]["isError"], true);
        assert_eq!(answers[5]["error"]["code"], -32601);
        assert_eq!(answers[5]["id"], "x");
        assert_eq!(answers[6]["error"]["code"], -32700);
    }
}
