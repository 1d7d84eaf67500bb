//! What the server asks, read once (FACTS section 4).

use std::sync::Arc;

use codex_codes::protocol as wire;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::elicitation::Elicitation;
use super::permissions::PermissionsRequest;
use super::question::UserInputRequest;
use crate::event::{ThreadId, TurnId};
use crate::item::{Item, ItemId};
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
    /// That item, as it was known when the request came. A change of files has its diff nowhere else. Missing when
    /// it was proposed before this client attached (FACTS section 4).
    pub about: Option<Arc<Item>>,
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
    Permissions(PermissionsRequest),
    /// To answer questions.
    UserInput(UserInputRequest),
    /// To fill in an MCP server's form, visit its page, or let one of its tools be used.
    Elicitation(Elicitation),
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
    /// A person wrote it, not the agent.
    pub by_person: bool,
    /// Tells several questions about one item apart, where the server asks several.
    pub approval_id: Option<String>,
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
    /// can allow. For requests that were kept too.
    pub fn read(method: &str, params: &RawValue) -> Self {
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default)]
        struct Place {
            thread_id: String,
            turn_id: Option<String>,
            item_id: Option<String>,
            reason: Option<String>,
        }
        // Read once: an agent waits for the answer, and everything below looks at this.
        let value: Value = serde_json::from_str(params.get()).unwrap_or_default();
        let place = Place::deserialize(&value).unwrap_or_default();
        let subject = match method {
            "item/commandExecution/requestApproval" => command(&value),
            "item/fileChange/requestApproval" => {
                wire::FileChangeRequestApprovalParams::deserialize(&value)
                    .ok()
                    .map(|params| Subject::FileChange {
                        grant_root: params.grant_root,
                    })
            }
            "item/permissions/requestApproval" => {
                let cwd = value["cwd"].as_str().map(str::to_owned);
                PermissionsRequest::read(&value["permissions"], cwd).map(Subject::Permissions)
            }
            "item/tool/requestUserInput" => UserInputRequest::read(&value).map(Subject::UserInput),
            "mcpServer/elicitation/request" => Elicitation::read(&value).map(Subject::Elicitation),
            "item/tool/call" => Some(Subject::DynamicTool),
            _ => None,
        };
        Self {
            thread: place.thread_id.into(),
            turn: place.turn_id.map(Arc::from),
            item: place.item_id.map(Arc::from),
            about: None,
            subject: subject.unwrap_or(Subject::Unknown),
            reason: place.reason.filter(|reason| !reason.trim().is_empty()),
            method: method.to_owned(),
            raw: params.to_owned(),
        }
    }
}

fn command(raw: &Value) -> Option<Subject> {
    let (to_terminal, by_person) = match raw["kind"].as_str() {
        // An older server names no kind.
        None | Some("command") => (false, false),
        Some("humanCommand") => (false, true),
        Some("writeStdin") => (true, false),
        // Nobody can tell what allowing this would do.
        Some(_) => return None,
    };
    // The experimental members are not in the generated type, and must not go unseen.
    let params = wire::CommandExecutionRequestApprovalParams::deserialize(raw).ok()?;
    let command = CommandRequest {
        command: params
            .command
            .as_deref()
            .map(|c| unwrap_shell(c).into_owned())
            .unwrap_or_default(),
        cwd: params.cwd.map(|cwd| cwd.0).unwrap_or_default(),
        to_terminal,
        by_person,
        approval_id: raw["approvalId"].as_str().map(str::to_owned),
        network: match &raw["networkApprovalContext"] {
            Value::Object(context) => Some(format!(
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
        extra_permissions: match &raw["additionalPermissions"] {
            Value::Null => Vec::new(),
            permissions => PermissionsRequest::read(permissions, None)?.phrases(),
        },
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
    };
    // What says nothing of what it wants cannot be allowed by anybody who knows what they do.
    let says_something = !command.command.trim().is_empty()
        || command.network.is_some()
        || !command.extra_permissions.is_empty();
    says_something.then_some(Subject::Command(command))
}

fn actions(value: &Value) -> Vec<CommandAction> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
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
