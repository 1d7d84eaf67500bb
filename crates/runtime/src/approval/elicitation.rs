//! What MCP servers ask of people, and codex about their tools (FACTS section 4,
//! `mcpServer/elicitation/request`).

use serde_json::Value;

use super::form::FormSchema;

/// What an MCP server asks for, or codex because of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Elicitation {
    /// To fill in a form.
    Form {
        /// The server.
        server: String,
        /// Its words.
        message: String,
        /// The form.
        schema: FormSchema,
    },
    /// To visit a page. Allowing says that the person agreed to; opening it is the client's part.
    Url {
        /// The server.
        server: String,
        /// Its words.
        message: String,
        /// The page. `http` or `https`, always.
        url: String,
        /// The server's name for the matter.
        elicitation_id: String,
    },
    /// That a tool of a server may be used.
    Tool(ToolRequest),
    /// Something that this build does not know. It is declined.
    Other {
        /// The server.
        server: String,
        /// Its words.
        message: String,
    },
}

/// A tool of an MCP server that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolRequest {
    /// The server.
    pub server: String,
    /// The tool's name.
    pub tool: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it does, in the server's words.
    pub description: Option<String>,
    /// Codex's question.
    pub message: String,
    /// Everything that it is called with: JSON on several lines.
    pub arguments: String,
    /// The server says that it changes nothing.
    pub read_only: Option<bool>,
    /// The server says that it may destroy something.
    pub destructive: Option<bool>,
    /// The server says that it reaches beyond the server's own world.
    pub open_world: Option<bool>,
    /// Allowing it for the session is on offer.
    pub for_session: bool,
    /// Allowing it for ever is on offer.
    pub always: bool,
}

impl Elicitation {
    /// Reads the params. `None` when they name no server.
    pub(super) fn read(params: &Value) -> Option<Self> {
        let text = |member: &str| params[member].as_str().unwrap_or_default().to_owned();
        let server = params["serverName"].as_str()?.to_owned();
        let message = text("message");
        let meta = &params["_meta"];
        let read = match (params["mode"].as_str(), &meta["codex_approval_kind"]) {
            (Some("form"), Value::Null) => {
                FormSchema::read(&params["requestedSchema"]).map(|schema| Elicitation::Form {
                    server: server.clone(),
                    message: message.clone(),
                    schema,
                })
            }
            (Some("form"), kind) if kind == "mcp_tool_call" => {
                ToolRequest::read(&server, &message, params).map(Elicitation::Tool)
            }
            // A page that is not on the web would be opened by some program or other.
            (Some("url"), Value::Null) => url::Url::parse(&text("url"))
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https"))
                .map(|_| Elicitation::Url {
                    server: server.clone(),
                    message: message.clone(),
                    url: text("url"),
                    elicitation_id: text("elicitationId"),
                }),
            _ => None,
        };
        Some(read.unwrap_or(Elicitation::Other { server, message }))
    }

    /// The MCP server.
    pub fn server(&self) -> &str {
        match self {
            Elicitation::Form { server, .. }
            | Elicitation::Url { server, .. }
            | Elicitation::Other { server, .. } => server,
            Elicitation::Tool(tool) => &tool.server,
        }
    }
}

impl ToolRequest {
    /// `None` when it has no name, or when more is asked than a yes.
    fn read(server: &str, message: &str, params: &Value) -> Option<Self> {
        let meta = &params["_meta"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let form = FormSchema::read(&params["requestedSchema"])?;
        if !form.fields.is_empty() {
            return None;
        }
        let hints = &meta["tool_annotations"];
        let persist = |how: &str| match &meta["persist"] {
            Value::Array(all) => all.iter().any(|one| one == how),
            one => one == how,
        };
        Some(Self {
            server: server.to_owned(),
            tool: text(&meta["tool_name"])?,
            title: text(&meta["tool_title"]).or_else(|| text(&hints["title"])),
            description: text(&meta["tool_description"]),
            message: message.to_owned(),
            arguments: match &meta["tool_params"] {
                Value::Null => "{}".to_owned(),
                arguments => format!("{arguments:#}"),
            },
            read_only: hints["readOnlyHint"].as_bool(),
            destructive: hints["destructiveHint"].as_bool(),
            open_world: hints["openWorldHint"].as_bool(),
            for_session: persist("session"),
            always: persist("always"),
        })
    }
}
