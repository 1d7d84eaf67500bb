//! A question, as rules see it.
//!
//! Real use and preview must never differ, so there is one way to read a question: from the raw request as the
//! ledger keeps it. [`raw`] is what is kept, and what a question that is open now is read from too.

use std::path::PathBuf;

use countersign_contract::{Approval, LedgerEntry, ProfileId, SessionId, SubjectKind};
use countersign_runtime::approval::{CommandRequest, Elicitation, Request, Subject};
use countersign_runtime::item::{FileUpdateKind, Item, ItemDetail};
use serde_json::{Value, json};

/// Where a question comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whence {
    /// The session that asks.
    pub session: SessionId,
    /// Its profile.
    pub profile: ProfileId,
    /// Its folder, absolute.
    pub folder: PathBuf,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Where it comes from.
    pub whence: Whence,
    /// What is asked.
    pub wish: Wish,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// To run a command, to type into one, or to let one reach a host.
    Command(CommandWish),
    /// To change files.
    Files {
        /// The files, absolute, as the server wrote them. `None`: it is not known which.
        paths: Option<Vec<PathBuf>>,
        /// A folder that would be writable from then on.
        grant_root: Option<PathBuf>,
    },
    /// To be given permissions.
    Permissions,
    /// To use a tool of a tool server.
    Tool {
        /// The server.
        server: String,
        /// The tool.
        tool: String,
    },
    /// Something that no rule answers: a question to the person, a form, a page, or what this build does not know.
    Other,
}

/// What is asked about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandWish {
    /// The request.
    pub request: CommandRequest,
    /// Nothing wraps the command, or a shell that lies where programs are installed. An agent may name any
    /// program to be its shell, one that it wrote included.
    pub shell_is_known: bool,
}

impl CommandWish {
    /// To run the command is all that is asked.
    pub(super) fn runs_only(&self) -> bool {
        let request = &self.request;
        !request.command.is_empty()
            && self.shell_is_known
            && !request.to_terminal
            && request.network.is_none()
            && request.extra_permissions.is_empty()
    }

    /// To reach a host is all that is asked.
    pub(super) fn reaches_only(&self) -> bool {
        let request = &self.request;
        request.command.is_empty() && !request.to_terminal && request.extra_permissions.is_empty()
    }

    /// The host that it wants to reach.
    pub(super) fn host(&self) -> Option<&str> {
        let network = self.request.network.as_deref()?;
        Some(network.split_once("://").map_or(network, |(_, host)| host))
    }
}

impl Asked {
    /// Reads a question from its kind and what [`raw`] made of it. What cannot be read is [`Wish::Other`].
    pub fn read(whence: Whence, kind: SubjectKind, raw: &Value) -> Self {
        let wish =
            match kind {
                SubjectKind::Command => request("item/commandExecution/requestApproval", raw)
                    .and_then(|request| match request.subject {
                        Subject::Command(request) => Some(Wish::Command(CommandWish {
                            shell_is_known: shell_is_known(
                                raw["command"].as_str().unwrap_or_default(),
                            ),
                            request,
                        })),
                        _ => None,
                    }),
                SubjectKind::Files => request("item/fileChange/requestApproval", raw).and_then(
                    |request| match request.subject {
                        Subject::FileChange { grant_root } => Some(Wish::Files {
                            paths: paths(&raw["changes"], &whence.folder),
                            grant_root: grant_root.map(|root| whence.folder.join(root)),
                        }),
                        _ => None,
                    },
                ),
                SubjectKind::Permissions => Some(Wish::Permissions),
                SubjectKind::Tool => {
                    request("mcpServer/elicitation/request", raw).and_then(|request| match request
                        .subject
                    {
                        Subject::Elicitation(Elicitation::Tool(tool)) => Some(Wish::Tool {
                            server: tool.server,
                            tool: tool.tool,
                        }),
                        _ => None,
                    })
                }
                SubjectKind::Questions
                | SubjectKind::Form
                | SubjectKind::Link
                | SubjectKind::Other => None,
            };
        Self {
            whence,
            wish: wish.unwrap_or(Wish::Other),
        }
    }

    /// Reads a question that a hook is asked about. `item` is the change of files that it is about.
    pub fn of_request(whence: Whence, request: &Request, item: Option<&Item>) -> Self {
        Self::read(whence, kind(request), &raw(request, item))
    }

    /// Reads an open question again.
    pub fn of_approval(approval: &Approval) -> Self {
        let whence = Whence {
            session: approval.session.clone(),
            profile: approval.profile.clone(),
            folder: approval.folder.clone().into(),
        };
        Self::read(whence, approval.subject.kind(), &approval.raw)
    }

    /// Reads a past question again.
    pub fn of_entry(entry: &LedgerEntry) -> Self {
        let whence = Whence {
            session: entry.session.clone(),
            profile: entry.profile.clone(),
            folder: entry.folder.clone().into(),
        };
        Self::read(whence, entry.subject, &entry.raw)
    }
}

/// Of which kind a request is.
pub fn kind(request: &Request) -> SubjectKind {
    match &request.subject {
        Subject::Command(_) => SubjectKind::Command,
        Subject::FileChange { .. } => SubjectKind::Files,
        Subject::Permissions(_) => SubjectKind::Permissions,
        Subject::UserInput(_) => SubjectKind::Questions,
        Subject::Elicitation(Elicitation::Tool(_)) => SubjectKind::Tool,
        Subject::Elicitation(Elicitation::Form { .. }) => SubjectKind::Form,
        Subject::Elicitation(Elicitation::Url { .. }) => SubjectKind::Link,
        Subject::Elicitation(Elicitation::Other { .. }) => SubjectKind::Other,
        Subject::DynamicTool | Subject::Unknown => SubjectKind::Other,
    }
}

/// A request as it is kept: its params as they came, and for a change of files, whose request does not say which
/// (FACTS section 4), the item's `changes` beside them: `[{"path", "kind", "movePath"}]`, without the diffs.
pub fn raw(request: &Request, item: Option<&Item>) -> Value {
    let mut raw: Value = serde_json::from_str(request.raw.get()).unwrap_or_default();
    if let (Value::Object(members), Subject::FileChange { .. }) = (&mut raw, &request.subject) {
        members.remove("changes");
        if let Some(ItemDetail::FileChange { changes, .. }) = item.map(|item| &item.detail) {
            let changes = changes.iter().map(|change| {
                let (kind, moved) = match &change.kind {
                    FileUpdateKind::Add => ("add", None),
                    FileUpdateKind::Delete => ("delete", None),
                    FileUpdateKind::Update { move_path } => ("update", move_path.as_ref()),
                };
                json!({"path": change.path, "kind": kind, "movePath": moved})
            });
            members.insert("changes".to_owned(), changes.collect());
        }
    }
    raw
}

/// Where programs are installed.
const PROGRAMS: [&str; 5] = [
    "/bin",
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/run/current-system/sw/bin",
];

fn shell_is_known(line: &str) -> bool {
    let unwrapped = countersign_runtime::unwrap_shell(line);
    let program = line.split_whitespace().next().unwrap_or_default();
    unwrapped == line
        || PROGRAMS
            .iter()
            .any(|folder| std::path::Path::new(program).parent() == Some(folder.as_ref()))
}

fn request(method: &str, raw: &Value) -> Option<Request> {
    let raw = serde_json::value::to_raw_value(raw).ok()?;
    Some(Request::read(method, &raw))
}

/// The paths of a change. `None` when they are not known, one of them included.
fn paths(changes: &Value, folder: &std::path::Path) -> Option<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for change in changes.as_array()? {
        paths.push(folder.join(change["path"].as_str()?));
        match &change["movePath"] {
            Value::Null => {}
            moved => paths.push(folder.join(moved.as_str()?)),
        }
    }
    (!paths.is_empty()).then_some(paths)
}
