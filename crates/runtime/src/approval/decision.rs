//! Answers: which are on offer for a request, and how each reads on the wire (FACTS section 4).

use serde_json::json;
use serde_json::value::RawValue;

use super::request::{HostRule, Request, Subject};
use crate::jsonrpc::{ErrorObject, METHOD_NOT_FOUND};

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This one time.
    Allow,
    /// This, and the same again in this thread without asking. For a command: the same exact
    /// command. For a file change: later patches to the same files.
    AllowForSession,
    /// This, and every command that begins with these words, in all threads, for ever, outside the
    /// sandbox: the server writes it into Codex's rules.
    AllowByRule(Vec<String>),
    /// Writes a rule about a host into Codex's rules.
    ApplyHostRule(HostRule),
    /// Not this. The agent is told and the turn goes on.
    Deny,
    /// Not this, and the turn ends as interrupted.
    DenyAndStop,
}

impl Decision {
    /// It lets something happen.
    pub fn allows(&self) -> bool {
        match self {
            Decision::Allow | Decision::AllowForSession | Decision::AllowByRule(_) => true,
            Decision::ApplyHostRule(rule) => rule.allow,
            Decision::Deny | Decision::DenyAndStop => false,
        }
    }

    /// It outlives the thread.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Decision::AllowByRule(_) | Decision::ApplyHostRule(_))
    }
}

impl Request {
    /// The answers on offer. Empty for what no person is asked yet: it is denied in its own shape
    /// and noticed.
    pub fn decisions(&self) -> Vec<Decision> {
        match &self.subject {
            Subject::Command(command) => {
                let mut out = vec![Decision::Allow];
                // Extra permissions are granted for the one command that named them.
                if command.extra_permissions.is_empty() && !command.to_terminal {
                    out.push(Decision::AllowForSession);
                }
                out.extend(command.proposed_rule.clone().map(Decision::AllowByRule));
                out.extend(
                    command
                        .proposed_hosts
                        .iter()
                        .cloned()
                        .map(Decision::ApplyHostRule),
                );
                out.extend([Decision::Deny, Decision::DenyAndStop]);
                out
            }
            Subject::FileChange { .. } => vec![
                Decision::Allow,
                Decision::AllowForSession,
                Decision::Deny,
                Decision::DenyAndStop,
            ],
            _ => Vec::new(),
        }
    }

    /// The JSON-RPC answer for a decision that is on offer.
    pub(crate) fn answer(&self, decision: &Decision) -> Result<Box<RawValue>, ErrorObject> {
        if !self.decisions().contains(decision) {
            return self.denial();
        }
        let decision = match decision {
            Decision::Allow => json!("accept"),
            Decision::AllowForSession => json!("acceptForSession"),
            Decision::AllowByRule(rule) => {
                json!({"acceptWithExecpolicyAmendment": {"execpolicy_amendment": rule}})
            }
            Decision::ApplyHostRule(rule) => {
                json!({"applyNetworkPolicyAmendment": {"network_policy_amendment": {
                    "host": rule.host,
                    "action": if rule.allow { "allow" } else { "deny" },
                }}})
            }
            Decision::Deny => json!("decline"),
            Decision::DenyAndStop => json!("cancel"),
        };
        raw(&json!({ "decision": decision }))
    }

    /// "No" in the shape that the request's kind has for it; an error where it has none.
    pub(crate) fn denial(&self) -> Result<Box<RawValue>, ErrorObject> {
        raw(&match &self.subject {
            Subject::Command(_) | Subject::FileChange { .. } => json!({"decision": "decline"}),
            Subject::Permissions => json!({"permissions": {}, "scope": "turn"}),
            Subject::UserInput => json!({"answers": {}}),
            Subject::Elicitation => json!({"action": "decline", "content": null, "_meta": null}),
            Subject::DynamicTool => json!({
                "contentItems": [{"type": "inputText", "text": "This client has no such tool."}],
                "success": false,
            }),
            Subject::Unknown => {
                return Err(ErrorObject {
                    code: METHOD_NOT_FOUND,
                    message: format!("this client does not know {}", self.method),
                    data: None,
                });
            }
        })
    }
}

fn raw(value: &serde_json::Value) -> Result<Box<RawValue>, ErrorObject> {
    serde_json::value::to_raw_value(value).map_err(|error| ErrorObject {
        code: -32603,
        message: error.to_string(),
        data: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, params: serde_json::Value) -> Request {
        Request::read(method, &serde_json::value::to_raw_value(&params).unwrap())
    }

    fn command(extra: serde_json::Value) -> Request {
        let mut params = json!({"kind": "command", "threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1,
            "command": "/bin/bash -lc 'touch a && echo b'", "cwd": "/w", "reason": " ",
            "commandActions": [{"type": "unknown", "command": "touch a"}]});
        params
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        read("item/commandExecution/requestApproval", params)
    }

    #[track_caller]
    fn answers(request: &Request, decision: Decision, wanted: serde_json::Value) {
        let found = request.answer(&decision).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(found.get()).unwrap(),
            wanted
        );
    }

    #[test]
    fn a_command_offers_every_decision_of_the_protocol() {
        let request = command(json!({
            "proposedExecpolicyAmendment": ["touch", "a"],
            "networkApprovalContext": {"host": "example.org", "protocol": "https"},
            "proposedNetworkPolicyAmendments": [{"host": "example.org", "action": "deny"}],
        }));
        let Subject::Command(subject) = &request.subject else {
            panic!("{request:?}")
        };
        assert_eq!(subject.command, "touch a && echo b");
        assert_eq!(subject.network.as_deref(), Some("https://example.org"));
        assert_eq!(request.reason, None, "a blank reason is none");
        let rule = HostRule {
            host: "example.org".into(),
            allow: false,
        };
        assert_eq!(
            request.decisions(),
            [
                Decision::Allow,
                Decision::AllowForSession,
                Decision::AllowByRule(vec!["touch".into(), "a".into()]),
                Decision::ApplyHostRule(rule.clone()),
                Decision::Deny,
                Decision::DenyAndStop
            ]
        );
        answers(&request, Decision::Allow, json!({"decision": "accept"}));
        answers(
            &request,
            Decision::AllowForSession,
            json!({"decision": "acceptForSession"}),
        );
        answers(
            &request,
            Decision::AllowByRule(vec!["touch".into(), "a".into()]),
            json!({"decision": {"acceptWithExecpolicyAmendment": {"execpolicy_amendment": ["touch", "a"]}}}),
        );
        answers(
            &request,
            Decision::ApplyHostRule(rule),
            json!({"decision": {"applyNetworkPolicyAmendment": {"network_policy_amendment": {"host": "example.org", "action": "deny"}}}}),
        );
        answers(&request, Decision::Deny, json!({"decision": "decline"}));
        answers(
            &request,
            Decision::DenyAndStop,
            json!({"decision": "cancel"}),
        );
    }

    #[test]
    fn a_rule_that_was_not_proposed_is_a_denial() {
        answers(
            &command(json!({})),
            Decision::AllowByRule(vec!["rm".into()]),
            json!({"decision": "decline"}),
        );
    }

    #[test]
    fn extra_permissions_are_all_shown_and_not_granted_for_the_session() {
        let request = command(json!({"additionalPermissions": {
            "network": {"enabled": true},
            "fileSystem": {"read": ["/etc"], "write": ["/srv"], "entries": [{"path": {"type": "path", "path": "/etc"}, "access": "read"}]},
        }}));
        let Subject::Command(subject) = &request.subject else {
            panic!()
        };
        let mut extras = subject.extra_permissions.clone();
        extras.sort();
        assert_eq!(extras, ["reading /etc", "the network", "writing /srv"]);
        assert!(!request.decisions().contains(&Decision::AllowForSession));
    }

    #[test]
    fn everything_else_is_denied_in_its_own_shape() {
        let check = |method: &str, wanted: serde_json::Value| {
            let request = read(method, json!({"threadId": "T", "turnId": "U"}));
            assert!(request.decisions().is_empty());
            answers(&request, Decision::Allow, wanted);
        };
        check(
            "item/permissions/requestApproval",
            json!({"permissions": {}, "scope": "turn"}),
        );
        check("item/tool/requestUserInput", json!({"answers": {}}));
        check(
            "mcpServer/elicitation/request",
            json!({"action": "decline", "content": null, "_meta": null}),
        );
        check(
            "item/tool/call",
            json!({"contentItems": [{"type": "inputText", "text": "This client has no such tool."}], "success": false}),
        );
        let unknown = read("item/teleport", json!([1]));
        assert_eq!(unknown.denial().unwrap_err().code, METHOD_NOT_FOUND);
        let unreadable = read(
            "item/commandExecution/requestApproval",
            json!({"command": 7}),
        );
        assert_eq!(unreadable.subject, Subject::Unknown);
    }
}
