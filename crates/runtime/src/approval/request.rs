//! What the server asks, read once (FACTS section 4).

use std::sync::Arc;

use codex_codes::protocol as wire;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::{ThreadId, TurnId};
use crate::item::ItemId;
use crate::protocol::unwrap_shell;

/// A request of the server.
#[derive(Debug, Clone)]
pub struct Request {
    /// The thread that asks. Empty for a request that names none.
    pub thread: ThreadId,
    /// The turn that asks.
    pub turn: Option<TurnId>,
    /// The item that it is about. A command's or file change's was started before the request.
    pub item: Option<ItemId>,
    /// What is asked.
    pub subject: Subject,
    /// The agent's reason, in its own words.
    pub reason: Option<String>,
    /// The method.
    pub method: String,
    /// The params as they came.
    pub raw: Box<RawValue>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// To run a command.
    Command(CommandRequest),
    /// To change files. The diff is in the item, which was started before (FACTS section 4).
    FileChange {
        /// A folder that allowing would make writable for the rest of the session.
        grant_root: Option<String>,
    },
    /// To be given permissions.
    Permissions,
    /// To answer questions.
    UserInput,
    /// To fill in an MCP server's form, visit its page, or let it use a tool.
    Elicitation,
    /// To carry out a tool of the client.
    DynamicTool,
    /// Something that this build does not know.
    Unknown,
}

/// A command that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandRequest {
    /// As the agent wrote it, without the shell that wraps it. Empty when the request is about the
    /// network alone.
    pub command: String,
    /// Where it would run.
    pub cwd: String,
    /// It is input to a terminal that runs already, not a new command.
    pub to_terminal: bool,
    /// A host that it wants to reach, as `protocol://host`.
    pub network: Option<String>,
    /// Permissions that it wants besides the sandbox's, one phrase each.
    pub extra_permissions: Vec<String>,
    /// The rule that the server proposes: commands that begin with these words are allowed for ever,
    /// in all threads, outside the sandbox.
    pub proposed_rule: Option<Vec<String>>,
    /// The network rules that the server proposes.
    pub proposed_hosts: Vec<HostRule>,
    /// What the server takes the command for, in parts. For people: it leaves out what it thinks
    /// unimportant, so [`crate::hooks::programs`] is what to decide by.
    pub actions: Vec<CommandAction>,
}

/// A part of a command, as the server understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandAction {
    /// The part.
    pub command: String,
    /// What it does.
    pub kind: ActionKind,
    /// What it is about, where the server names it.
    pub path: Option<String>,
}

/// What a part of a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// Reads a file.
    Read,
    /// Lists files.
    List,
    /// Searches.
    Search,
    /// Anything else.
    Other,
}

/// A rule about a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRule {
    /// The host.
    pub host: String,
    /// Reaching it is allowed.
    pub allow: bool,
}

impl Request {
    /// Reads a request. Never fails: one that cannot be read is [`Subject::Unknown`], which nobody
    /// can allow.
    pub(crate) fn read(method: &str, params: &RawValue) -> Self {
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default)]
        struct Place {
            thread_id: String,
            turn_id: Option<String>,
            item_id: Option<String>,
            reason: Option<String>,
        }
        let place: Place = serde_json::from_str(params.get()).unwrap_or_default();
        let subject = match method {
            "item/commandExecution/requestApproval" => command(params),
            "item/fileChange/requestApproval" => {
                serde_json::from_str::<wire::FileChangeRequestApprovalParams>(params.get())
                    .ok()
                    .map(|params| Subject::FileChange {
                        grant_root: params.grant_root,
                    })
            }
            "item/permissions/requestApproval" => Some(Subject::Permissions),
            "item/tool/requestUserInput" => Some(Subject::UserInput),
            "mcpServer/elicitation/request" => Some(Subject::Elicitation),
            "item/tool/call" => Some(Subject::DynamicTool),
            _ => None,
        };
        Self {
            thread: place.thread_id.into(),
            turn: place.turn_id.map(Arc::from),
            item: place.item_id.map(Arc::from),
            subject: subject.unwrap_or(Subject::Unknown),
            reason: place.reason.filter(|reason| !reason.trim().is_empty()),
            method: method.to_owned(),
            raw: params.to_owned(),
        }
    }
}

fn command(params: &RawValue) -> Option<Subject> {
    // The experimental members are not in the generated type, and must not go unseen.
    let raw: serde_json::Value = serde_json::from_str(params.get()).ok()?;
    let params: wire::CommandExecutionRequestApprovalParams =
        serde_json::from_str(params.get()).ok()?;
    Some(Subject::Command(CommandRequest {
        command: params
            .command
            .as_deref()
            .map(|c| unwrap_shell(c).into_owned())
            .unwrap_or_default(),
        cwd: params.cwd.map(|cwd| cwd.0).unwrap_or_default(),
        to_terminal: raw["kind"] == "writeStdin",
        network: match &raw["networkApprovalContext"] {
            serde_json::Value::Object(context) => Some(format!(
                "{}://{}",
                context
                    .get("protocol")
                    .and_then(|p| p.as_str())
                    .unwrap_or("network"),
                context
                    .get("host")
                    .and_then(|h| h.as_str())
                    .unwrap_or("an unnamed host"),
            )),
            _ => None,
        },
        extra_permissions: extra_permissions(&raw["additionalPermissions"]),
        proposed_rule: params
            .proposed_execpolicy_amendment
            .filter(|rule| !rule.is_empty()),
        proposed_hosts: params
            .proposed_network_policy_amendments
            .unwrap_or_default()
            .into_iter()
            .map(|rule| HostRule {
                host: rule.host,
                allow: rule.action == wire::NetworkPolicyRuleAction::Allow,
            })
            .collect(),
        actions: actions(&raw["commandActions"]),
    }))
}

fn actions(value: &serde_json::Value) -> Vec<CommandAction> {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let actions = value.as_array().map(Vec::as_slice).unwrap_or_default();
    actions
        .iter()
        .map(|action| CommandAction {
            command: text(&action["command"]).unwrap_or_default(),
            kind: match action["type"].as_str() {
                Some("read") => ActionKind::Read,
                Some("listFiles") => ActionKind::List,
                Some("search") => ActionKind::Search,
                _ => ActionKind::Other,
            },
            path: text(&action["path"]),
        })
        .collect()
}

/// Phrases for `additionalPermissions`. What is not understood is shown as it came rather than left
/// out: a person must not allow more than they saw.
fn extra_permissions(value: &serde_json::Value) -> Vec<String> {
    let serde_json::Value::Object(permissions) = value else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (name, value) in permissions {
        match (name.as_str(), value) {
            (_, serde_json::Value::Null) => {}
            ("network", network) if network["enabled"] == true => {
                out.push("the network".to_owned())
            }
            ("network", network) if network["enabled"] == false => {}
            ("fileSystem", serde_json::Value::Object(folders)) => {
                for (access, paths) in folders {
                    let paths = paths.as_array().map(Vec::as_slice).unwrap_or_default();
                    match access.as_str() {
                        "read" | "write" => {
                            let verb = if access == "read" {
                                "reading"
                            } else {
                                "writing"
                            };
                            out.extend(
                                paths
                                    .iter()
                                    .filter_map(|p| p.as_str())
                                    .map(|path| format!("{verb} {path}")),
                            );
                        }
                        // The same again in a longer form, for entries that are plain paths.
                        "entries" => out.extend(
                            paths
                                .iter()
                                .filter(|entry| entry["path"]["type"] != "path")
                                .map(serde_json::Value::to_string),
                        ),
                        _ => out.push(format!(
                            "{access}: {}",
                            serde_json::Value::from(paths.to_vec())
                        )),
                    }
                }
            }
            (name, value) => out.push(format!("{name}: {value}")),
        }
    }
    out
}
