//! What a tab shows of its session, derived from what is known of it.

use countersign_contract::{ContextUse, Millis, Problem, SessionState};
use countersign_runtime::policy::{ApprovalPolicy, EffectivePolicy, SandboxMode};

/// What a tab shows of its session besides its name and place.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    /// What it is doing.
    pub state: SessionState,
    /// Something arrived since the tab was last in front.
    pub unread: bool,
    /// How many of its questions are open.
    pub waiting: u32,
    /// The model in force.
    pub model: Option<String>,
    /// The policy in force, in words.
    pub policy: Option<String>,
    /// How that differs from the profile's.
    pub policy_warning: Option<String>,
    /// Why it failed or waits.
    pub problem: Option<Problem>,
    /// When the running turn began.
    pub running_since: Option<Millis>,
    /// How full the model's context is.
    pub context: Option<ContextUse>,
}

impl Default for Face {
    fn default() -> Self {
        Self {
            state: SessionState::Starting,
            unread: false,
            waiting: 0,
            model: None,
            policy: None,
            policy_warning: None,
            problem: None,
            running_since: None,
            context: None,
        }
    }
}

impl Face {
    /// Takes over what the server says is in force.
    pub fn set_policy(
        &mut self,
        policy: &EffectivePolicy,
        approval: ApprovalPolicy,
        sandbox: SandboxMode,
    ) {
        self.model = Some(policy.model.clone()).filter(|model| !model.is_empty());
        self.policy = Some(policy_words(policy));
        let differences = policy.differences(approval, sandbox);
        self.policy_warning = (!differences.is_empty()).then(|| {
            format!(
                "Codex does not run as the profile says: {}.",
                differences.join(", and ")
            )
        });
    }
}

/// "Workspace write · asks on request".
fn policy_words(policy: &EffectivePolicy) -> String {
    let sandbox = match &policy.sandbox {
        Some(Ok(SandboxMode::ReadOnly)) => "Read only",
        Some(Ok(SandboxMode::WorkspaceWrite)) => "Workspace write",
        Some(Ok(SandboxMode::DangerFullAccess)) => "Full access, no sandbox",
        Some(Err(other)) => other,
        None => "Sandbox unknown",
    };
    let approval = match &policy.approval {
        Some(Ok(ApprovalPolicy::Untrusted)) => "asks before every command",
        Some(Ok(ApprovalPolicy::OnRequest)) => "asks on request",
        Some(Ok(ApprovalPolicy::Never)) => "never asks",
        Some(Err(_)) => "asks by rules of its own",
        None => "approvals unknown",
    };
    format!("{sandbox} · {approval}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::field_reassign_with_default, reason = "it has a private field")]
    fn the_policy_reads_as_words_and_differences_are_said() {
        let mut policy = EffectivePolicy::default();
        policy.model = "m".into();
        policy.sandbox = Some(Ok(SandboxMode::ReadOnly));
        policy.approval = Some(Ok(ApprovalPolicy::OnRequest));
        let mut face = Face::default();
        face.set_policy(&policy, ApprovalPolicy::OnRequest, SandboxMode::ReadOnly);
        assert_eq!(face.policy.as_deref(), Some("Read only · asks on request"));
        assert_eq!(face.policy_warning, None);
        face.set_policy(
            &policy,
            ApprovalPolicy::OnRequest,
            SandboxMode::WorkspaceWrite,
        );
        assert_eq!(
            face.policy_warning.as_deref(),
            Some(
                "Codex does not run as the profile says: the sandbox is read-only, not workspace-write."
            )
        );
    }
}
