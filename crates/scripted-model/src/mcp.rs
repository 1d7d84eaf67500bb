//! The MCP server `tiny` over stdio: a tool that only reads, one that writes, two that ask people.
//!
//! Written by hand because the whole of it is five methods of JSON-RPC, one object a line; the
//! official SDK brings an async service stack and schema derivation for the same. Deliberately not
//! here: resources, prompts, progress, cancellation.

use std::fs::OpenOptions;
use std::io::{self, BufRead, Write};
use std::path::Path;

use serde_json::{Value, json};

/// Where `write_note` writes, in the working directory of the server.
const NOTES: &str = "notes.txt";

/// Serves MCP on this process's stdin and stdout until stdin ends. Blocks; nothing else may write to
/// stdout meanwhile. Its tools:
///
/// - `echo` is read-only: codex calls it without a question.
/// - `write_note` is destructive: codex asks. It appends a line to `notes.txt` in the working directory.
/// - `ask_form` has the person fill in a form with every kind of field and gives back what came of it.
/// - `ask_page` sends the person to the page in `text` and gives back what came of it.
///
/// # Errors
/// When stdin cannot be read or stdout cannot be written.
pub fn run_mcp_stdio() -> io::Result<()> {
    serve(io::stdin().lock(), io::stdout().lock(), Path::new(NOTES))
}

fn serve(input: impl BufRead, output: impl Write, notes: &Path) -> io::Result<()> {
    let mut peer = Peer {
        lines: input.lines(),
        output,
        asked: 0,
    };
    while let Some(line) = peer.lines.next() {
        let line = line?;
        peer.answer(&line, notes)?;
    }
    Ok(())
}

/// Codex, at the other end.
struct Peer<L, W> {
    lines: L,
    output: W,
    /// How much was asked of it.
    asked: u64,
}

impl<L: Iterator<Item = io::Result<String>>, W: Write> Peer<L, W> {
    fn write(&mut self, message: &Value) -> io::Result<()> {
        writeln!(self.output, "{message}")?;
        self.output.flush()
    }

    /// Answers one message; notifications and late answers to us have no answer.
    fn answer(&mut self, line: &str, notes: &Path) -> io::Result<()> {
        let message: Value = match serde_json::from_str(line) {
            Ok(message) => message,
            Err(_) => return self.write(&failure(Value::Null, -32700, "this line is no JSON")),
        };
        let (Some(id), Some(method)) = (message.get("id"), message["method"].as_str()) else {
            return Ok(());
        };
        let params = &message["params"];
        let result = match method {
            "initialize" => json!({
                // The answer names the client's version: nothing here differs between them.
                "protocolVersion": params["protocolVersion"].as_str().unwrap_or("2025-06-18"),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "tiny", "version": env!("CARGO_PKG_VERSION")},
            }),
            "ping" => json!({}),
            "tools/list" => json!({ "tools": tools() }),
            "tools/call" => {
                let (text, is_error) = match self.call(params, notes)? {
                    Ok(text) => (text, false),
                    Err(text) => (text, true),
                };
                json!({"content": [{"type": "text", "text": text}], "isError": is_error})
            }
            _ => {
                return self.write(&failure(
                    id.clone(),
                    -32601,
                    "this method is not served here",
                ));
            }
        };
        self.write(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
    }

    fn call(&mut self, params: &Value, notes: &Path) -> io::Result<Result<String, String>> {
        let text = params["arguments"]["text"].as_str();
        let needed = || text.ok_or("the argument `text` is missing".to_owned());
        Ok(match params["name"].as_str() {
            Some("echo") => needed().map(str::to_owned),
            Some("write_note") => needed().and_then(|text| write_note(text, notes)),
            Some("ask_form") => self.elicit(
                &json!({
                    "mode": "form",
                    "message": text.unwrap_or("What should the note look like?"),
                    "requestedSchema": form(),
                }),
                notes,
            )?,
            Some("ask_page") => match needed() {
                Ok(url) => {
                    let id = format!("page-{}", self.asked);
                    self.elicit(
                        &json!({
                            "mode": "url",
                            "message": "Please look at this page.",
                            "url": url,
                            "elicitationId": id,
                        }),
                        notes,
                    )?
                }
                Err(problem) => Err(problem),
            },
            _ => Err(
                "there is no such tool: only `echo`, `write_note`, `ask_form` and `ask_page`"
                    .to_owned(),
            ),
        })
    }

    /// Asks the person something and waits for what comes of it; what else comes meanwhile is answered.
    fn elicit(&mut self, params: &Value, notes: &Path) -> io::Result<Result<String, String>> {
        self.asked += 1;
        let id = json!(format!("elicitation-{}", self.asked));
        self.write(
            &json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params}),
        )?;
        while let Some(line) = self.lines.next() {
            let line = line?;
            match serde_json::from_str::<Value>(&line) {
                Ok(message) if message["id"] == id && message.get("method").is_none() => {
                    return Ok(match message.get("result") {
                        Some(result) => Ok(result.to_string()),
                        None => Err(message["error"].to_string()),
                    });
                }
                _ => self.answer(&line, notes)?,
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn write_note(text: &str, notes: &Path) -> Result<String, String> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(notes)
        .and_then(|mut file| writeln!(file, "{text}"))
        .map(|()| format!("The note is in {}.", notes.display()))
        .map_err(|error| format!("{} cannot be written: {error}", notes.display()))
}

fn tools() -> Value {
    let tool = |name: &str, description: &str, required: &[&str], annotations: Value| {
        json!({
            "name": name,
            "description": description,
            "inputSchema": {
                "type": "object",
                "properties": {"text": {"type": "string"}},
                "required": required,
            },
            "annotations": annotations,
        })
    };
    let reads = json!({"readOnlyHint": true});
    json!([
        tool("echo", "Gives back the text.", &["text"], reads.clone()),
        tool(
            "write_note",
            "Appends the text as a line to notes.txt.",
            &["text"],
            json!({"readOnlyHint": false, "destructiveHint": true}),
        ),
        tool(
            "ask_form",
            "Asks how a note should look.",
            &[],
            reads.clone()
        ),
        tool("ask_page", "Sends the person to a page.", &["text"], reads),
    ])
}

/// Every kind of field that MCP has (revision 2025-11-25).
fn form() -> Value {
    json!({
        "type": "object",
        "required": ["title", "lines"],
        "properties": {
            "title": {"type": "string", "title": "Title", "description": "Stands above the note.",
                "minLength": 2, "maxLength": 40, "default": "Groceries"},
            "email": {"type": "string", "title": "Send it to", "format": "email"},
            "link": {"type": "string", "title": "Link", "format": "uri"},
            "due": {"type": "string", "title": "Due on", "format": "date"},
            "remind": {"type": "string", "title": "Remind at", "format": "date-time"},
            "lines": {"type": "integer", "title": "Lines", "minimum": 1, "maximum": 100, "default": 3},
            "width": {"type": "number", "title": "Width in cm", "minimum": 0.5},
            "pinned": {"type": "boolean", "title": "Pinned", "default": false},
            "paper": {"type": "string", "title": "Paper", "enum": ["plain", "ruled"]},
            "ink": {"type": "string", "title": "Ink", "enum": ["k", "b"], "enumNames": ["Black", "Blue"]},
            "colour": {"type": "string", "title": "Colour", "oneOf": [
                {"const": "#fff", "title": "White"}, {"const": "#ff0", "title": "Yellow"}]},
            "tags": {"type": "array", "title": "Tags", "minItems": 1, "maxItems": 2,
                "items": {"type": "string", "enum": ["home", "work", "later"]}},
            "readers": {"type": "array", "title": "Readers", "items": {"anyOf": [
                {"const": "a", "title": "Ann"}, {"const": "b", "title": "Bob"}]}},
        },
    })
}

fn failure(id: Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_asks_waits_for_its_answer() {
        let input = [
            json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask_page","arguments":{"text":"https://example.org"}}}),
            json!({"jsonrpc":"2.0","id":2,"method":"ping"}),
            json!({"jsonrpc":"2.0","id":"elicitation-1","result":{"action":"decline"}}),
            json!({"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"ask_form","arguments":{}}}),
            json!({"jsonrpc":"2.0","id":"elicitation-2","error":{"code":-1,"message":"no"}}),
        ]
        .map(|line| line.to_string())
        .join("\n");
        let mut output = Vec::new();
        serve(input.as_bytes(), &mut output, Path::new("unused")).unwrap();
        let sent: Vec<Value> = String::from_utf8(output)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(sent[0]["params"]["url"], "https://example.org");
        assert_eq!(sent[1]["id"], 2);
        assert_eq!(sent[2]["id"], 1);
        assert_eq!(
            sent[2]["result"]["content"][0]["text"],
            r#"{"action":"decline"}"#
        );
        assert_eq!(sent[3]["params"]["mode"], "form");
        assert_eq!(sent[4]["result"]["isError"], true);
    }

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
