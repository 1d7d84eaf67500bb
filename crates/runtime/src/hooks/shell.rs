//! Hooks that are programs: a line for the shell, JSON in, JSON out.
//!
//! The process gets [`HookContext`] as one JSON object on its stdin; what it does not need it need not
//! read:
//!
//! ```json
//! {"version": 1, "phase": "pre_tool_use", "thread": "…", "turn": "…", "cwd": "/work", "model": "…",
//!  "prompt": "…", "metadata": {}, "tool": "command", "reason": "the agent's words",
//!  "command": {"text": "ls | wc", "programs": ["ls", "wc"], "complete": true, "cwd": "/work"},
//!  "files": [{"path": "/work/a", "kind": "add", "moved_to": null, "diff": "…"}],
//!  "permissions": {"network": true, "read": ["/etc"], "write": ["/srv"], "other": ["…"]},
//!  "call": {"server": "notes", "tool": "write", "arguments": {"text": "milk"}},
//!  "decisions": ["allow", "allow_for_session", "deny", "deny_and_stop"],
//!  "result": {"status": "completed", "exit_code": 0, "output": "…", "error": null},
//!  "ended": {"text": "…", "error": null}}
//! ```
//!
//! Members that a phase does not have are left out. Later versions add members and never change what
//! one means. The phases are those of [`Phase`](super::Phase) in snake case.
//!
//! It answers with its exit code: 0, and a JSON object on stdout or nothing; 2 blocks, with what stands
//! on stderr as the reason; everything else is a failure. The object is one of
//!
//! ```json
//! {"verdict": "pass"}
//! {"verdict": "block", "reason": "…"}
//! {"verdict": "mutate", "prompt": "…", "model": "…", "attachments": ["path"], "metadata": {}}
//! {"verdict": "allow"}
//! {"verdict": "allow_for_session"}
//! {"verdict": "deny"}
//! {"verdict": "deny_and_stop"}
//! {"verdict": "ask"}
//! ```
//!
//! of which the last five are for `pre_tool_use` and `ask` leaves it to the person. An object with a member
//! that is not listed here is a failure: a misspelt one must not pass for a shorter one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::{Hook, HookContext, HookError, HookFuture, Patch, Phase, Verdict};
use crate::approval::{Decision, Elicitation, Subject};
use crate::item::{FileUpdateKind, ItemDetail, WorkStatus};
use crate::process::Group;
use crate::profile::Attachment;

/// How long a hook may take when nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most that is read of an answer. A longer one is a failure.
const MAX_ANSWER: usize = 1 << 20;
/// The most that is kept of stderr.
const MAX_REASON: usize = 4 << 10;
/// The exit code that blocks.
const BLOCKS: i32 = 2;

/// A line for the shell as a hook. The module's text says what it reads and writes.
///
/// It runs as `sh -c LINE` (`cmd /C LINE` on Windows) in a process group of its own, in the run's
/// working folder when that exists. It is over when it and what it started have closed their output:
/// what is to go on in the background must be given another one. When it takes too long, or its question
/// was settled in the meantime, the whole group is killed.
#[derive(Debug, Clone)]
pub struct ShellHook {
    name: String,
    line: OsString,
    phases: Vec<Phase>,
    timeout: Duration,
    env: BTreeMap<OsString, OsString>,
}

impl ShellHook {
    /// A hook that runs `line` in these phases.
    pub fn new(
        name: impl Into<String>,
        line: impl Into<OsString>,
        phases: impl IntoIterator<Item = Phase>,
    ) -> Self {
        Self {
            name: name.into(),
            line: line.into(),
            phases: phases.into_iter().collect(),
            timeout: TIMEOUT,
            env: BTreeMap::new(),
        }
    }

    /// With another limit than five seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With a variable besides those of this process.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(key.into(), value.into());
        self
    }

    async fn run(&self, context: &HookContext) -> Result<Verdict, HookError> {
        let told =
            serde_json::to_vec(&Told::of(context)).map_err(|error| HookError(error.to_string()))?;
        let limit = self.timeout;
        let Ok(output) = tokio::time::timeout(limit, self.exchange(context, told)).await else {
            return Err(HookError(format!(
                "it took longer than {limit:?} and was killed"
            )));
        };
        let output = output.map_err(|error| HookError(format!("it could not be run: {error}")))?;
        match output.code {
            Some(0) if output.is_cut => {
                Err(HookError(format!("it wrote more than {MAX_ANSWER} bytes")))
            }
            Some(0) => verdict(&output.stdout),
            Some(BLOCKS) => Ok(Verdict::Block {
                reason: match output.stderr.trim() {
                    "" => "no reason given".to_owned(),
                    reason => reason.to_owned(),
                },
            }),
            _ => {
                let mut problem = format!("it ended with {}", output.status);
                if let Some(line) = output.stderr.trim().lines().last() {
                    problem.push_str(": ");
                    problem.push_str(line);
                }
                Err(HookError(problem))
            }
        }
    }

    /// Writes and reads at the same time: neither side can wait for the other for ever.
    async fn exchange(&self, context: &HookContext, told: Vec<u8>) -> std::io::Result<Output> {
        let mut group = Group::spawn(self.command(context))?;
        let (stdin, stdout, stderr) = group.pipes();
        let write = async {
            if let Some(mut stdin) = stdin {
                // A hook that does not care what it is told closes the pipe.
                let _ = stdin.write_all(&told).await;
                let _ = stdin.shutdown().await;
            }
        };
        let ((), stdout, stderr) =
            tokio::join!(write, read(stdout, MAX_ANSWER), read(stderr, MAX_REASON));
        let (stdout, stderr) = (stdout?, stderr?);
        let status = group.wait().await?;
        Ok(Output {
            code: status.code(),
            status: status.to_string(),
            is_cut: stdout.1,
            stdout: stdout.0,
            stderr: String::from_utf8_lossy(&stderr.0).into_owned(),
        })
    }

    fn command(&self, context: &HookContext) -> Command {
        #[cfg(windows)]
        let mut command = {
            let mut command = Command::new("cmd");
            // As it is: cmd has quoting of its own.
            command.arg("/C").raw_arg(&self.line);
            command
        };
        #[cfg(not(windows))]
        let mut command = {
            let mut command = Command::new("sh");
            command.arg("-c").arg(&self.line);
            command
        };
        command
            .envs(&self.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(cwd) = context.cwd.as_deref().filter(|cwd| cwd.is_dir()) {
            command.current_dir(cwd);
        }
        command
    }
}

impl Hook for ShellHook {
    fn name(&self) -> &str {
        &self.name
    }

    fn phases(&self) -> &[Phase] {
        &self.phases
    }

    fn call<'a>(&'a self, context: &'a HookContext) -> HookFuture<'a> {
        Box::pin(self.run(context))
    }
}

struct Output {
    code: Option<i32>,
    status: String,
    stdout: Vec<u8>,
    is_cut: bool,
    stderr: String,
}

/// Reads to the end and keeps the first `limit` bytes; true when there were more.
async fn read(
    pipe: Option<impl AsyncRead + Unpin>,
    limit: usize,
) -> std::io::Result<(Vec<u8>, bool)> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else {
        return Ok((kept, false));
    };
    (&mut pipe)
        .take(limit as u64)
        .read_to_end(&mut kept)
        .await?;
    let rest = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    Ok((kept, rest > 0))
}

pub(crate) fn verdict(stdout: &[u8]) -> Result<Verdict, HookError> {
    #[derive(Deserialize)]
    #[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
    enum Said {
        Pass {},
        Block {
            reason: String,
        },
        Mutate {
            prompt: Option<String>,
            model: Option<String>,
            #[serde(default)]
            attachments: Vec<PathBuf>,
            #[serde(default)]
            metadata: serde_json::Value,
        },
        Allow {},
        AllowForSession {},
        Deny {},
        DenyAndStop {},
        Ask {},
    }
    match stdout.trim_ascii_start().first() {
        None => return Ok(Verdict::Pass),
        Some(b'{') => {}
        // The decoder takes an array of an object's values for the object.
        Some(_) => {
            return Err(HookError(
                "its answer cannot be read: it is no JSON object".to_owned(),
            ));
        }
    }
    let said: Said = serde_json::from_slice(stdout)
        .map_err(|error| HookError(format!("its answer cannot be read: {error}")))?;
    Ok(match said {
        Said::Pass {} => Verdict::Pass,
        Said::Block { reason } => Verdict::Block { reason },
        Said::Mutate {
            prompt,
            model,
            attachments,
            metadata,
        } => Verdict::Mutate(Patch {
            prompt,
            model,
            attachments: attachments.into_iter().map(Attachment::Path).collect(),
            metadata,
        }),
        Said::Allow {} => Verdict::Decide(Decision::Allow),
        Said::AllowForSession {} => Verdict::Decide(Decision::AllowForSession),
        Said::Deny {} => Verdict::Decide(Decision::Deny),
        Said::DenyAndStop {} => Verdict::Decide(Decision::DenyAndStop),
        Said::Ask {} => Verdict::AskPerson,
    })
}

/// What a hook is told, as it stands on its stdin.
#[derive(Serialize)]
struct Told<'a> {
    version: u32,
    phase: Phase,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    metadata: &'a serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<ToldCommand<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<ToldFile<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<ToldPermissions<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<ToldCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ToldResult<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<ToldEnd<'a>>,
}

#[derive(Serialize)]
struct ToldCommand<'a> {
    text: &'a str,
    programs: Vec<String>,
    complete: bool,
    cwd: Option<String>,
}

#[derive(Serialize)]
struct ToldFile<'a> {
    path: &'a str,
    kind: &'static str,
    moved_to: Option<&'a str>,
    diff: &'a str,
}

#[derive(Serialize)]
struct ToldPermissions<'a> {
    network: bool,
    read: &'a [String],
    write: &'a [String],
    other: &'a [String],
}

#[derive(Serialize)]
struct ToldCall<'a> {
    server: &'a str,
    tool: &'a str,
    arguments: serde_json::Value,
}

#[derive(Serialize)]
struct ToldResult<'a> {
    status: &'static str,
    exit_code: Option<i32>,
    output: Option<&'a str>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct ToldEnd<'a> {
    text: Option<&'a str>,
    error: Option<String>,
}

impl<'a> Told<'a> {
    fn of(context: &'a HookContext) -> Self {
        let cwd = || {
            context
                .cwd
                .as_ref()
                .map(|cwd| cwd.to_string_lossy().into_owned())
        };
        let detail = context.item.as_ref().map(|item| &item.detail);
        let subject = context.request.as_ref().map(|request| &request.subject);
        Self {
            version: 1,
            phase: context.phase,
            thread: context.thread.as_deref(),
            turn: context.turn.as_deref(),
            cwd: cwd(),
            model: context.model.as_deref(),
            prompt: context.prompt.as_deref(),
            metadata: &context.metadata,
            tool: context.tool().map(|tool| tool.into_owned()),
            reason: context
                .request
                .as_ref()
                .and_then(|request| request.reason.as_deref()),
            command: context
                .command()
                .zip(context.programs())
                .map(|(text, found)| ToldCommand {
                    text,
                    programs: found.names,
                    complete: found.complete,
                    cwd: cwd(),
                }),
            files: match detail {
                Some(ItemDetail::FileChange { changes, .. }) => {
                    Some(changes.iter().map(ToldFile::of).collect())
                }
                _ => None,
            },
            permissions: match subject {
                Some(Subject::Permissions(asked)) => Some(ToldPermissions {
                    network: asked.network,
                    read: &asked.read,
                    write: &asked.write,
                    other: &asked.other,
                }),
                _ => None,
            },
            call: match subject {
                Some(Subject::Elicitation(Elicitation::Tool(tool))) => Some(ToldCall {
                    server: &tool.server,
                    tool: &tool.tool,
                    arguments: serde_json::from_str(&tool.arguments).unwrap_or_default(),
                }),
                _ => None,
            },
            decisions: context
                .request
                .as_ref()
                .map(|request| request.decisions().iter().filter_map(word).collect()),
            result: match context.phase {
                Phase::PostToolUse => detail.and_then(ToldResult::of),
                _ => None,
            },
            ended: context.ended.as_ref().map(|ended| ToldEnd {
                text: ended.as_deref().ok(),
                error: ended.as_ref().err().map(ToString::to_string),
            }),
        }
    }
}

impl<'a> ToldFile<'a> {
    fn of(change: &'a crate::item::FileUpdate) -> Self {
        let (kind, moved_to) = match &change.kind {
            FileUpdateKind::Add => ("add", None),
            FileUpdateKind::Delete => ("delete", None),
            FileUpdateKind::Update { move_path } => ("update", move_path.as_deref()),
        };
        Self {
            path: &change.path,
            kind,
            moved_to,
            diff: &change.diff,
        }
    }
}

impl<'a> ToldResult<'a> {
    fn of(detail: &'a ItemDetail) -> Option<Self> {
        let (status, exit_code, output, error) = match detail {
            ItemDetail::Command(command) => (
                command.status,
                command.exit_code,
                command.output.as_deref(),
                None,
            ),
            ItemDetail::FileChange { status, .. } => (*status, None, None, None),
            ItemDetail::Tool(tool) => (
                tool.status,
                None,
                tool.result.as_deref(),
                tool.error.as_deref(),
            ),
            _ => return None,
        };
        let status = match status {
            WorkStatus::InProgress => "in_progress",
            WorkStatus::Completed => "completed",
            WorkStatus::Failed => "failed",
            WorkStatus::Declined => "declined",
        };
        Some(Self {
            status,
            exit_code,
            output,
            error,
        })
    }
}

/// The word for a decision, for those that a program can give. What lasts and what is written is for
/// people.
fn word(decision: &Decision) -> Option<&'static str> {
    match decision {
        Decision::Allow => Some("allow"),
        Decision::AllowForSession => Some("allow_for_session"),
        Decision::Deny => Some("deny"),
        Decision::DenyAndStop => Some("deny_and_stop"),
        Decision::AllowAlways
        | Decision::AllowByRule(_)
        | Decision::ApplyHostRule(_)
        | Decision::Answer(_)
        | Decision::Submit(_)
        | Decision::Dismiss => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        assert!(matches!(verdict(b" \n"), Ok(Verdict::Pass)));
        assert!(matches!(
            verdict(br#"{"verdict":"pass"}"#),
            Ok(Verdict::Pass)
        ));
        assert!(matches!(
            verdict(br#"{"verdict":"allow"}"#),
            Ok(Verdict::Decide(Decision::Allow))
        ));
        assert!(matches!(
            verdict(br#"{"verdict":"ask"}"#),
            Ok(Verdict::AskPerson)
        ));
        assert!(matches!(
            verdict(br#"{"verdict":"mutate","prompt":"p","attachments":["a"]}"#),
            Ok(Verdict::Mutate(Patch { prompt: Some(p), attachments, .. })) if p == "p" && attachments.len() == 1
        ));
        for broken in [
            "allow",
            "{}",
            "[]",
            r#"["allow"]"#,
            r#"{"verdict":"Allow"}"#,
            r#"{"verdict":"allow","only_if":"x"}"#,
            r#"{"verdict":"mutate","promt":"p"}"#,
            r#"{"verdict":"block"}"#,
            r#"{"verdict":"allow"} {"verdict":"deny"}"#,
            "done\n{\"verdict\":\"allow\"}",
        ] {
            assert!(verdict(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
