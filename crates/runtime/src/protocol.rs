//! The one place where the wire becomes the runtime's own types.
//!
//! Payloads are decoded with `codex-codes`' generated types where a whole payload matters, and with
//! small borrowed structs where only a part does or where speed counts. Nothing here fails: what
//! cannot be decoded becomes [`Event::Unknown`] or [`ItemDetail::Unknown`], so a newer server never
//! breaks a session. Sources: FACTS sections 3 to 8.
//!
//! Deliberately not here: server requests (see [`crate::approval::request`]).

use std::borrow::Cow;
use std::sync::Arc;

use codex_codes::protocol as wire;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::{
    Delta, DeltaPart, Event, FailureKind, ThreadStatus, TokenUsage, TurnFailure, TurnId,
    TurnOutcome,
};
use crate::item::{
    CommandItem, FileUpdate, FileUpdateKind, Item, ItemDetail, ItemId, PlanStep, StepStatus,
    ToolItem, WorkStatus,
};
use crate::policy::WirePolicy;

/// The thread that a notification is about, without decoding the rest.
pub(crate) fn thread_of(params: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Of<'a> {
        #[serde(borrow)]
        thread_id: Option<Cow<'a, str>>,
    }
    serde_json::from_str::<Of<'_>>(params.get()).ok()?.thread_id
}

/// The parts of a delta, borrowed from the line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireDelta<'a> {
    #[serde(borrow)]
    pub(crate) thread_id: Cow<'a, str>,
    #[serde(borrow)]
    turn_id: Cow<'a, str>,
    #[serde(borrow)]
    item_id: Cow<'a, str>,
    #[serde(borrow)]
    delta: Cow<'a, str>,
    #[serde(default)]
    summary_index: u32,
    #[serde(default)]
    content_index: u32,
}

/// Which part of an item the deltas of a method belong to.
pub(crate) fn delta_method(method: &str) -> Option<fn(&WireDelta<'_>) -> DeltaPart> {
    Some(match method {
        "item/agentMessage/delta" => |_| DeltaPart::AgentMessage,
        "item/reasoning/summaryTextDelta" => {
            |delta| DeltaPart::ReasoningSummary(delta.summary_index)
        }
        "item/reasoning/textDelta" => |delta| DeltaPart::ReasoningText(delta.content_index),
        "item/plan/delta" => |_| DeltaPart::Plan,
        "item/commandExecution/outputDelta" => |_| DeltaPart::CommandOutput,
        "item/fileChange/outputDelta" => |_| DeltaPart::FileOutput,
        _ => return None,
    })
}

/// Remembers the ids of the last delta, so that a stream of them shares two allocations.
#[derive(Default)]
pub(crate) struct Interner {
    turn: Option<TurnId>,
    item: Option<ItemId>,
}

impl Interner {
    pub(crate) fn delta(&mut self, wire: &WireDelta<'_>, part: DeltaPart) -> Delta {
        Delta {
            turn: intern(&mut self.turn, &wire.turn_id),
            item: intern(&mut self.item, &wire.item_id),
            part,
            text: wire.delta.clone().into_owned(),
        }
    }
}

fn intern(last: &mut Option<Arc<str>>, id: &str) -> Arc<str> {
    match last {
        Some(last) if **last == *id => Arc::clone(last),
        _ => Arc::clone(last.insert(Arc::from(id))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTurn<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    status: Option<String>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    started_at: Option<i64>,
    duration_ms: Option<i64>,
}

/// A turn, as far as it is used here.
pub(crate) struct TurnHead {
    pub(crate) id: TurnId,
    /// `None` while it runs.
    pub(crate) outcome: Option<TurnOutcome>,
    pub(crate) started_at_ms: Option<i64>,
    pub(crate) duration_ms: Option<i64>,
}

/// Reads a `turn` object.
pub(crate) fn turn(raw: &RawValue) -> Option<TurnHead> {
    let turn: WireTurn<'_> = serde_json::from_str(raw.get()).ok()?;
    let outcome = match turn.status.as_deref() {
        Some("completed") => Some(TurnOutcome::Completed),
        Some("interrupted") => Some(TurnOutcome::Interrupted),
        Some("inProgress") | None => None,
        Some(other) => Some(TurnOutcome::Failed(match turn.error.and_then(failure) {
            Some(failure) => failure,
            None => TurnFailure {
                message: format!("the turn ended as {other:?} without a reason"),
                details: None,
                kind: FailureKind::Other(other.to_owned()),
            },
        })),
    };
    Some(TurnHead {
        id: Arc::from(&*turn.id),
        outcome,
        // The wire has seconds here and milliseconds elsewhere.
        started_at_ms: turn.started_at.map(|seconds| seconds.saturating_mul(1000)),
        duration_ms: turn.duration_ms,
    })
}

fn failure(raw: &RawValue) -> Option<TurnFailure> {
    let error: wire::TurnError = serde_json::from_str(raw.get()).ok()?;
    use wire::CodexErrorInfo as Info;
    let status = |code: Option<i64>| code.and_then(|code| u16::try_from(code).ok());
    let kind = match error.codex_error_info {
        None => FailureKind::Other(String::new()),
        Some(Info::ContextWindowExceeded) => FailureKind::ContextWindowExceeded,
        Some(Info::UsageLimitExceeded) => FailureKind::UsageLimitExceeded,
        Some(Info::RateLimitExceeded) => FailureKind::TooManyRequests,
        Some(Info::ServerOverloaded) => FailureKind::ServerOverloaded,
        Some(Info::InternalServerError) => FailureKind::ProviderFailed,
        Some(Info::Unauthorized) => FailureKind::Unauthorized,
        Some(Info::ResponseTooManyFailedAttempts {
            http_status_code: Some(429),
        }) => FailureKind::TooManyRequests,
        Some(Info::HttpConnectionFailed { http_status_code })
        | Some(Info::ResponseTooManyFailedAttempts { http_status_code }) => FailureKind::Http {
            status: status(http_status_code),
        },
        Some(Info::ResponseStreamConnectionFailed { http_status_code })
        | Some(Info::ResponseStreamDisconnected { http_status_code }) => {
            FailureKind::Disconnected {
                status: status(http_status_code),
            }
        }
        Some(other) => FailureKind::Other(match serde_json::to_value(&other) {
            Ok(serde_json::Value::String(name)) => name,
            Ok(value) => value.to_string(),
            Err(_) => String::new(),
        }),
    };
    Some(TurnFailure {
        message: error.message,
        details: error.additional_details,
        kind,
    })
}

/// Reads a notification about a thread.
pub(crate) fn event(method: &str, params: &RawValue) -> Event {
    known(method, params).unwrap_or_else(|| Event::Unknown {
        method: method.to_owned(),
        raw: params.to_owned(),
    })
}

fn known(method: &str, params: &RawValue) -> Option<Event> {
    #[derive(Deserialize)]
    struct OfTurn<'a> {
        #[serde(borrow)]
        turn: &'a RawValue,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct OfItem<'a> {
        #[serde(borrow)]
        turn_id: Cow<'a, str>,
        #[serde(borrow)]
        item: &'a RawValue,
        started_at_ms: Option<i64>,
        completed_at_ms: Option<i64>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct OfError<'a> {
        #[serde(borrow)]
        turn_id: Cow<'a, str>,
        #[serde(borrow)]
        error: &'a RawValue,
        will_retry: bool,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct OfSettings {
        thread_settings: WirePolicy,
    }
    let json = params.get();
    Some(match method {
        "turn/started" => {
            let turn = turn(serde_json::from_str::<OfTurn<'_>>(json).ok()?.turn)?;
            Event::TurnStarted {
                turn: turn.id,
                at_ms: turn.started_at_ms,
            }
        }
        "turn/completed" => {
            let turn = turn(serde_json::from_str::<OfTurn<'_>>(json).ok()?.turn)?;
            Event::TurnCompleted {
                turn: turn.id,
                outcome: turn.outcome.unwrap_or(TurnOutcome::Completed),
                duration_ms: turn.duration_ms,
            }
        }
        "item/started" | "item/completed" => {
            let of: OfItem<'_> = serde_json::from_str(json).ok()?;
            let mut item = item(of.item);
            item.started_at_ms = item.started_at_ms.or(of.started_at_ms);
            item.completed_at_ms = item.completed_at_ms.or(of.completed_at_ms);
            let turn = Arc::from(&*of.turn_id);
            if method == "item/started" {
                Event::ItemStarted { turn, item }
            } else {
                Event::ItemCompleted { turn, item }
            }
        }
        "turn/plan/updated" => {
            let plan: wire::TurnPlanUpdatedNotification = serde_json::from_str(json).ok()?;
            Event::PlanUpdated {
                turn: plan.turn_id.into(),
                explanation: plan.explanation,
                steps: plan
                    .plan
                    .into_iter()
                    .map(|step| PlanStep {
                        text: step.step,
                        status: match step.status {
                            wire::TurnPlanStepStatus::Pending => StepStatus::Pending,
                            wire::TurnPlanStepStatus::InProgress => StepStatus::InProgress,
                            wire::TurnPlanStepStatus::Completed => StepStatus::Completed,
                        },
                    })
                    .collect(),
            }
        }
        "turn/diff/updated" => {
            let diff: wire::TurnDiffUpdatedNotification = serde_json::from_str(json).ok()?;
            Event::DiffUpdated {
                turn: diff.turn_id.into(),
                diff: diff.diff,
            }
        }
        "thread/tokenUsage/updated" => {
            let usage: wire::ThreadTokenUsageUpdatedNotification =
                serde_json::from_str(json).ok()?;
            Event::TokenUsage(TokenUsage {
                last_total: usage.token_usage.last.total_tokens,
                total: usage.token_usage.total.total_tokens,
                context_window: usage.token_usage.model_context_window,
            })
        }
        "thread/status/changed" => Event::Status(status(params)?),
        "error" => {
            let of: OfError<'_> = serde_json::from_str(json).ok()?;
            Event::Error {
                turn: Arc::from(&*of.turn_id),
                failure: failure(of.error)?,
                will_retry: of.will_retry,
            }
        }
        "warning" | "guardianWarning" => {
            let warning: wire::WarningNotification = serde_json::from_str(json).ok()?;
            Event::Warning {
                message: warning.message,
            }
        }
        "thread/name/updated" => {
            let name: wire::ThreadNameUpdatedNotification = serde_json::from_str(json).ok()?;
            Event::Renamed {
                name: name.thread_name,
            }
        }
        "thread/settings/updated" => {
            let of: OfSettings = serde_json::from_str(json).ok()?;
            Event::PolicyChanged(of.thread_settings.into())
        }
        "thread/reverted" => Event::Reverted,
        "thread/archived" => Event::Closed {
            how: "thread/archived",
        },
        "thread/deleted" => Event::Closed {
            how: "thread/deleted",
        },
        "thread/closed" => Event::Closed {
            how: "thread/closed",
        },
        _ => return None,
    })
}

fn status(params: &RawValue) -> Option<ThreadStatus> {
    #[derive(Deserialize)]
    struct Changed {
        status: WireStatus,
    }
    serde_json::from_str::<Changed>(params.get())
        .ok()?
        .status
        .read()
}

/// A thread's status on the wire.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireStatus {
    r#type: String,
    #[serde(default)]
    active_flags: Vec<String>,
}

impl WireStatus {
    /// `None` when this build does not know it.
    pub(crate) fn read(self) -> Option<ThreadStatus> {
        let flag = |name: &str| self.active_flags.iter().any(|flag| flag == name);
        Some(match self.r#type.as_str() {
            "notLoaded" => ThreadStatus::NotLoaded,
            "idle" => ThreadStatus::Idle,
            "systemError" => ThreadStatus::SystemError,
            "active" => ThreadStatus::Active {
                waiting_on_approval: flag("waitingOnApproval"),
                waiting_on_user_input: flag("waitingOnUserInput"),
            },
            _ => return None,
        })
    }
}

/// Reads an item. Never fails.
pub(crate) fn item(raw: &RawValue) -> Item {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        #[serde(default)]
        id: String,
        #[serde(default)]
        r#type: String,
        started_at_ms: Option<i64>,
        completed_at_ms: Option<i64>,
    }
    let head: Head = serde_json::from_str(raw.get()).unwrap_or(Head {
        id: String::new(),
        r#type: String::new(),
        started_at_ms: None,
        completed_at_ms: None,
    });
    let detail = serde_json::from_str::<wire::ThreadItemPayload>(raw.get())
        .ok()
        .and_then(detail)
        .unwrap_or_else(|| ItemDetail::Unknown {
            kind: head.r#type,
            raw: raw.to_owned(),
        });
    Item {
        id: head.id.into(),
        started_at_ms: head.started_at_ms,
        completed_at_ms: head.completed_at_ms,
        detail,
    }
}

fn detail(payload: wire::ThreadItemPayload) -> Option<ItemDetail> {
    use wire::ThreadItemPayload as Payload;
    Some(match payload {
        Payload::UserMessage {
            client_id, content, ..
        } => ItemDetail::UserMessage {
            client_id,
            text: content
                .iter()
                .map(input_text)
                .collect::<Vec<_>>()
                .join("\n"),
        },
        Payload::AgentMessage { text, .. } => ItemDetail::AgentMessage { text },
        Payload::Plan { text, .. } => ItemDetail::Plan { text },
        Payload::Reasoning {
            summary, content, ..
        } => ItemDetail::Reasoning {
            summary: summary.unwrap_or_default(),
            content: content.unwrap_or_default(),
        },
        Payload::CommandExecution {
            aggregated_output,
            command,
            cwd,
            duration_ms,
            exit_code,
            source,
            status,
            ..
        } => ItemDetail::Command(CommandItem {
            command: unwrap_shell(&command).into_owned(),
            cwd: cwd.as_str().unwrap_or_default().to_owned(),
            status: match status {
                wire::CommandExecutionStatus::InProgress => WorkStatus::InProgress,
                wire::CommandExecutionStatus::Completed => WorkStatus::Completed,
                wire::CommandExecutionStatus::Failed => WorkStatus::Failed,
                wire::CommandExecutionStatus::Declined => WorkStatus::Declined,
            },
            output: aggregated_output,
            exit_code: exit_code.and_then(|code| i32::try_from(code).ok()),
            duration_ms,
            by_user: source.as_ref().and_then(|s| s.as_str()) == Some("userShell"),
        }),
        Payload::FileChange {
            changes, status, ..
        } => ItemDetail::FileChange {
            changes: changes.into_iter().map(file_update).collect(),
            status: match status {
                wire::PatchApplyStatus::InProgress => WorkStatus::InProgress,
                wire::PatchApplyStatus::Completed => WorkStatus::Completed,
                wire::PatchApplyStatus::Failed => WorkStatus::Failed,
                wire::PatchApplyStatus::Declined => WorkStatus::Declined,
            },
        },
        Payload::McpToolCall {
            arguments,
            duration_ms,
            error,
            result,
            server,
            status,
            tool,
            ..
        } => ItemDetail::Tool(ToolItem {
            server,
            tool,
            arguments: arguments.to_string(),
            status: match status {
                wire::McpToolCallStatus::InProgress => WorkStatus::InProgress,
                wire::McpToolCallStatus::Completed => WorkStatus::Completed,
                wire::McpToolCallStatus::Failed => WorkStatus::Failed,
            },
            result: result.map(|result| content_text(&result.content)),
            error: error.map(|error| error.message),
            duration_ms,
            child_threads: Vec::new(),
        }),
        Payload::DynamicToolCall {
            arguments,
            duration_ms,
            namespace,
            status,
            success,
            tool,
            ..
        } => ItemDetail::Tool(ToolItem {
            server: namespace.unwrap_or_default(),
            tool,
            arguments: arguments.to_string(),
            status: match status {
                wire::DynamicToolCallStatus::InProgress => WorkStatus::InProgress,
                wire::DynamicToolCallStatus::Completed if success != Some(false) => {
                    WorkStatus::Completed
                }
                wire::DynamicToolCallStatus::Completed | wire::DynamicToolCallStatus::Failed => {
                    WorkStatus::Failed
                }
            },
            result: None,
            error: None,
            duration_ms,
            child_threads: Vec::new(),
        }),
        Payload::CollabAgentToolCall {
            prompt,
            receiver_thread_ids,
            status,
            tool,
            ..
        } => ItemDetail::Tool(ToolItem {
            server: "agents".to_owned(),
            tool: tool.as_str().unwrap_or_default().to_owned(),
            arguments: prompt.unwrap_or_default(),
            status: match status.as_str() {
                Some("inProgress") => WorkStatus::InProgress,
                Some("completed") => WorkStatus::Completed,
                _ => WorkStatus::Failed,
            },
            result: None,
            error: None,
            duration_ms: None,
            child_threads: receiver_thread_ids,
        }),
        Payload::WebSearch { query, .. } => ItemDetail::WebSearch { query },
        Payload::ImageView { path, .. } => ItemDetail::ImageView { path: path.0 },
        Payload::EnteredReviewMode { review, .. } => ItemDetail::Review {
            left: false,
            review,
        },
        Payload::ExitedReviewMode { review, .. } => ItemDetail::Review { left: true, review },
        Payload::ContextCompaction { .. } => ItemDetail::ContextCompaction,
        _ => return None,
    })
}

fn input_text(input: &wire::UserInput) -> Cow<'_, str> {
    match input {
        wire::UserInput::Text { text, .. } => Cow::Borrowed(text),
        wire::UserInput::Image { .. } => Cow::Borrowed("[image]"),
        wire::UserInput::LocalImage { path, .. } => format!("[image {path}]").into(),
        wire::UserInput::Audio { .. } => Cow::Borrowed("[audio]"),
        wire::UserInput::LocalAudio { path } => format!("[audio {path}]").into(),
        wire::UserInput::Skill { name, .. } => format!("[skill {name}]").into(),
        wire::UserInput::Mention { name, .. } => format!("[mention {name}]").into(),
    }
}

fn content_text(content: &[serde_json::Value]) -> String {
    let parts = content.iter().map(|part| match part["text"].as_str() {
        Some(text) => text.to_owned(),
        None => format!("[{}]", part["type"].as_str().unwrap_or("content")),
    });
    parts.collect::<Vec<_>>().join("\n")
}

pub(crate) fn file_update(change: wire::FileUpdateChange) -> FileUpdate {
    FileUpdate {
        path: change.path,
        kind: match change.kind {
            wire::PatchChangeKind::Add => FileUpdateKind::Add,
            wire::PatchChangeKind::Delete => FileUpdateKind::Delete,
            wire::PatchChangeKind::Update { move_path } => FileUpdateKind::Update { move_path },
        },
        diff: change.diff,
    }
}

/// Takes off the shell that codex wraps around what the agent wrote: `/bin/bash -lc 'ls | wc'` is
/// `ls | wc`. Anything of another form is left as it is, so nothing is ever hidden.
pub fn unwrap_shell(command: &str) -> Cow<'_, str> {
    let Some(words) = shlex::split(command) else {
        return Cow::Borrowed(command);
    };
    match <[String; 3]>::try_from(words) {
        Ok([shell, flag, script])
            if matches!(flag.as_str(), "-lc" | "-c")
                && matches!(
                    shell.rsplit('/').next(),
                    Some("bash" | "sh" | "zsh" | "dash")
                ) =>
        {
            Cow::Owned(script)
        }
        _ => Cow::Borrowed(command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn only_a_plain_shell_is_unwrapped() {
        let check = |command: &str, wanted: &str| {
            assert_eq!(unwrap_shell(command), wanted, "for {command}")
        };
        check(
            "/bin/bash -lc 'touch a.txt && echo made'",
            "touch a.txt && echo made",
        );
        check(r#"bash -c "echo \"a b\"""#, "echo \"a b\"");
        check("/bin/bash -lc ls extra", "/bin/bash -lc ls extra");
        check("env X=1 bash -lc ls", "env X=1 bash -lc ls");
        check("python3 -c 'print(1)'", "python3 -c 'print(1)'");
        check("echo 'unfinished", "echo 'unfinished");
    }

    #[test]
    fn an_item_of_an_unknown_kind_or_shape_is_kept_whole() {
        for json in [
            r#"{"type":"hologram","id":"h1","startedAtMs":5}"#,
            r#"{"type":"commandExecution","id":"h1","startedAtMs":5,"status":"dreaming"}"#,
        ] {
            let item = item(&raw(json));
            assert_eq!((&*item.id, item.started_at_ms), ("h1", Some(5)));
            assert!(matches!(item.detail, ItemDetail::Unknown { raw, .. } if raw.get() == json));
        }
    }

    #[test]
    fn a_command_as_the_server_sends_it() {
        let item = item(&raw(
            r#"{"type":"commandExecution","id":"c1","command":"/bin/bash -lc 'false'","cwd":"/w","processId":null,"source":"unifiedExecStartup","status":"failed","commandActions":[],"aggregatedOutput":"no\n","exitCode":1,"durationMs":12,"startedAtMs":1,"completedAtMs":2}"#,
        ));
        let ItemDetail::Command(command) = item.detail else {
            panic!("{item:?}")
        };
        assert_eq!(
            command,
            CommandItem {
                command: "false".into(),
                cwd: "/w".into(),
                status: WorkStatus::Failed,
                output: Some("no\n".into()),
                exit_code: Some(1),
                duration_ms: Some(12),
                by_user: false,
            }
        );
    }

    #[test]
    fn turns_fail_with_a_kind() {
        let check = |info: &str, wanted: FailureKind| {
            let json = format!(
                r#"{{"threadId":"t","turn":{{"id":"u","items":[],"status":"failed","error":{{"message":"m","codexErrorInfo":{info}}}}}}}"#
            );
            let Event::TurnCompleted {
                outcome: TurnOutcome::Failed(failure),
                ..
            } = event("turn/completed", &raw(&json))
            else {
                panic!("for {info}");
            };
            assert_eq!(failure.kind, wanted, "for {info}");
        };
        check(r#""usageLimitExceeded""#, FailureKind::UsageLimitExceeded);
        check(
            r#"{"httpConnectionFailed":{"httpStatusCode":401}}"#,
            FailureKind::Http { status: Some(401) },
        );
        check(
            r#"{"responseTooManyFailedAttempts":{"httpStatusCode":429}}"#,
            FailureKind::TooManyRequests,
        );
        check(
            r#"{"responseStreamDisconnected":{"httpStatusCode":null}}"#,
            FailureKind::Disconnected { status: None },
        );
        check(r#""somethingNew""#, FailureKind::Other("other".into()));
        check("null", FailureKind::Other(String::new()));
    }

    #[test]
    fn what_is_not_known_keeps_its_params() {
        let Event::Unknown { method, raw } =
            event("thread/levitated", &raw(r#"{"threadId":"t","up":1}"#))
        else {
            panic!();
        };
        assert_eq!(
            (method.as_str(), raw.get()),
            ("thread/levitated", r#"{"threadId":"t","up":1}"#)
        );
    }
}
