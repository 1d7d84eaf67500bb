//! What an agent may do, as it is asked for and as the server says it is in force.

use serde::{Deserialize, Serialize};

/// What commands may touch without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// Read everything, change nothing.
    #[default]
    ReadOnly,
    /// Change files in the working folder and in temporary folders.
    WorkspaceWrite,
    /// Everything: no sandbox.
    DangerFullAccess,
}

impl SandboxMode {
    /// The name of `sandbox` in `thread/start` and in Codex's config.
    pub fn as_str(self) -> &'static str {
        match self {
            SandboxMode::ReadOnly => "read-only",
            SandboxMode::WorkspaceWrite => "workspace-write",
            SandboxMode::DangerFullAccess => "danger-full-access",
        }
    }

    /// The tag of `sandboxPolicy` in `turn/start` (FACTS section 3).
    pub(crate) fn policy_tag(self) -> &'static str {
        match self {
            SandboxMode::ReadOnly => "readOnly",
            SandboxMode::WorkspaceWrite => "workspaceWrite",
            SandboxMode::DangerFullAccess => "dangerFullAccess",
        }
    }

    fn from_policy_tag(tag: &str) -> Option<Self> {
        [
            SandboxMode::ReadOnly,
            SandboxMode::WorkspaceWrite,
            SandboxMode::DangerFullAccess,
        ]
        .into_iter()
        .find(|mode| mode.policy_tag() == tag)
    }
}

/// When the agent asks before it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalPolicy {
    /// Before every command.
    Untrusted,
    /// When it wants to leave the sandbox.
    OnRequest,
    /// Never: what the sandbox forbids simply fails.
    #[default]
    Never,
}

impl ApprovalPolicy {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ApprovalPolicy::Untrusted => "untrusted",
            ApprovalPolicy::OnRequest => "on-request",
            ApprovalPolicy::Never => "never",
        }
    }
}

/// What the server says is in force on a thread. Names that this build does not know are kept as
/// they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EffectivePolicy {
    /// The model.
    pub model: String,
    /// Its provider.
    pub model_provider: String,
    /// The working folder.
    pub cwd: String,
    /// When the agent asks; `Err` holds a policy that this build has no name for.
    pub approval: Option<Result<ApprovalPolicy, String>>,
    /// What commands may touch; `Err` as above.
    pub sandbox: Option<Result<SandboxMode, String>>,
    /// The reasoning effort.
    pub effort: Option<String>,
    /// The sandbox as the server described it, with the roots and network access that Codex's config
    /// adds: what is asserted again on each turn.
    pub(crate) sandbox_object: Option<serde_json::Value>,
}

/// The members that `thread/start`, `thread/resume` and `thread/settings/updated` share.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WirePolicy {
    #[serde(default)]
    model: String,
    #[serde(default)]
    model_provider: String,
    #[serde(default)]
    cwd: String,
    approval_policy: Option<serde_json::Value>,
    #[serde(alias = "sandboxPolicy")]
    sandbox: Option<serde_json::Value>,
    #[serde(alias = "reasoningEffort")]
    effort: Option<String>,
}

impl From<WirePolicy> for EffectivePolicy {
    fn from(wire: WirePolicy) -> Self {
        let approval = wire.approval_policy.map(|value| {
            serde_json::from_value(value.clone()).map_err(|_| match value.as_str() {
                Some(name) => name.to_owned(),
                None => value.to_string(),
            })
        });
        let sandbox = wire.sandbox.as_ref().map(|value| {
            let tag = value["type"].as_str().unwrap_or_default();
            SandboxMode::from_policy_tag(tag).ok_or_else(|| tag.to_owned())
        });
        Self {
            model: wire.model,
            model_provider: wire.model_provider,
            cwd: wire.cwd,
            approval,
            sandbox,
            effort: wire.effort,
            sandbox_object: wire.sandbox,
        }
    }
}

impl EffectivePolicy {
    /// The `sandboxPolicy` to assert on a turn: the server's own description when it is of the mode
    /// that is wanted, so that nothing that Codex's config adds is lost.
    pub(crate) fn sandbox_for(&self, wanted: SandboxMode) -> serde_json::Value {
        match (&self.sandbox, &self.sandbox_object) {
            (Some(Ok(found)), Some(object)) if *found == wanted => object.clone(),
            _ => serde_json::json!({ "type": wanted.policy_tag() }),
        }
    }

    /// Compares with what was asked for. None means that all is as asked, or not known.
    pub fn warnings(&self, approval: ApprovalPolicy, sandbox: SandboxMode) -> Vec<PolicyWarning> {
        let mut out = Vec::new();
        if let Some(found) = differing(&self.approval, approval, ApprovalPolicy::as_str) {
            out.push(PolicyWarning::Approval {
                asked: approval,
                found,
            });
        }
        if let Some(found) = differing(&self.sandbox, sandbox, SandboxMode::as_str) {
            out.push(PolicyWarning::Sandbox {
                asked: sandbox,
                found,
            });
        }
        out
    }

    /// [`EffectivePolicy::warnings`] as phrases for people.
    pub fn differences(&self, approval: ApprovalPolicy, sandbox: SandboxMode) -> Vec<String> {
        let warnings = self.warnings(approval, sandbox);
        warnings.iter().map(ToString::to_string).collect()
    }
}

/// What the server has instead of what is wanted, by its name.
fn differing<T: PartialEq + Copy>(
    found: &Option<Result<T, String>>,
    wanted: T,
    name: fn(T) -> &'static str,
) -> Option<String> {
    match found {
        Some(Ok(found)) if *found != wanted => Some(name(*found).to_owned()),
        Some(Err(found)) => Some(found.clone()),
        _ => None,
    }
}

/// A run is not under the policy that was asked for, or the policy defeats what was set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyWarning {
    /// The agent asks at other times.
    #[error("approvals are {found}, not {asked}", asked = asked.as_str())]
    Approval {
        /// What was asked for.
        asked: ApprovalPolicy,
        /// What the server says, by its name on the wire.
        found: String,
    },
    /// Commands may touch other things.
    #[error("the sandbox is {found}, not {asked}", asked = asked.as_str())]
    Sandbox {
        /// What was asked for.
        asked: SandboxMode,
        /// What the server says.
        found: String,
    },
    /// The run or its session has hooks that are asked before a tool use, and the agent never asks: they
    /// will not be asked either.
    #[error("approvals are never asked for, so hooks before a tool use are not asked")]
    ToolHooksIdle,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_in_force_is_read_and_compared() {
        let wire: WirePolicy = serde_json::from_str(
            r#"{"model":"m","modelProvider":"p","cwd":"/w","approvalPolicy":"on-request","sandbox":{"type":"readOnly"},"reasoningEffort":"low"}"#,
        )
        .unwrap();
        let policy = EffectivePolicy::from(wire);
        assert_eq!(policy.approval, Some(Ok(ApprovalPolicy::OnRequest)));
        assert_eq!(policy.sandbox, Some(Ok(SandboxMode::ReadOnly)));
        assert!(
            policy
                .differences(ApprovalPolicy::OnRequest, SandboxMode::ReadOnly)
                .is_empty()
        );
        assert_eq!(
            policy.differences(ApprovalPolicy::Never, SandboxMode::WorkspaceWrite),
            [
                "approvals are on-request, not never",
                "the sandbox is read-only, not workspace-write"
            ]
        );
    }

    #[test]
    fn an_unknown_policy_is_a_difference_and_no_error() {
        let wire: WirePolicy = serde_json::from_str(
            r#"{"approvalPolicy":{"granular":{}},"sandboxPolicy":{"type":"externalSandbox"}}"#,
        )
        .unwrap();
        let policy = EffectivePolicy::from(wire);
        assert_eq!(
            policy
                .differences(ApprovalPolicy::Never, SandboxMode::ReadOnly)
                .len(),
            2
        );
    }
}
