//! Answers: which are on offer for a request, and how each reads on the wire (FACTS section 4).

use std::fmt;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::elicitation::Elicitation;
use super::ledger::Refused;
use super::permissions;
use super::question::Answers;
use super::request::{HostRule, Request, Subject};
use crate::jsonrpc::{ErrorObject, METHOD_NOT_FOUND};

/// An answer to a request. Debug output leaves out what a person wrote.
#[derive(Clone, PartialEq, Eq)]
pub enum Decision {
    /// This one time. Permissions: for this turn. A page: the person agreed to visit it.
    Allow,
    /// This, and the same again in this thread without asking. For a command: the same exact
    /// command. For a file change: later patches to the same files. For a tool of an MCP server: the
    /// same tool.
    AllowForSession,
    /// This tool of an MCP server, in all threads, for ever.
    AllowAlways,
    /// This, and every command that begins with these words, in all threads, for ever, outside the
    /// sandbox: the server writes it into Codex's rules.
    AllowByRule(Vec<String>),
    /// Writes a rule about a host into Codex's rules.
    ApplyHostRule(HostRule),
    /// Answers to the agent's questions.
    Answer(Answers),
    /// The content of an MCP server's form.
    Submit(Map<String, Value>),
    /// Not this. The agent is told and the turn goes on. Questions: the agent gets empty answers. An MCP
    /// server: the person declined.
    Deny,
    /// Neither yes nor no to an MCP server's form or page: it is told that the person closed it.
    Dismiss,
    /// Not this, and the turn ends as interrupted.
    DenyAndStop,
}

impl Decision {
    /// It lets something happen, or gives something away.
    pub fn allows(&self) -> bool {
        match self {
            Decision::Allow
            | Decision::AllowForSession
            | Decision::AllowAlways
            | Decision::AllowByRule(_)
            | Decision::Answer(_)
            | Decision::Submit(_) => true,
            Decision::ApplyHostRule(rule) => rule.allow,
            Decision::Deny | Decision::Dismiss | Decision::DenyAndStop => false,
        }
    }

    /// It outlives the thread.
    pub fn is_lasting(&self) -> bool {
        matches!(
            self,
            Decision::AllowAlways | Decision::AllowByRule(_) | Decision::ApplyHostRule(_)
        )
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decision::Allow => f.write_str("Allow"),
            Decision::AllowForSession => f.write_str("AllowForSession"),
            Decision::AllowAlways => f.write_str("AllowAlways"),
            Decision::AllowByRule(rule) => f.debug_tuple("AllowByRule").field(rule).finish(),
            Decision::ApplyHostRule(rule) => f.debug_tuple("ApplyHostRule").field(rule).finish(),
            Decision::Answer(answers) => f.debug_tuple("Answer").field(answers).finish(),
            Decision::Submit(content) => {
                let names: Vec<_> = content.keys().collect();
                f.debug_tuple("Submit").field(&names).finish()
            }
            Decision::Deny => f.write_str("Deny"),
            Decision::Dismiss => f.write_str("Dismiss"),
            Decision::DenyAndStop => f.write_str("DenyAndStop"),
        }
    }
}

impl Request {
    /// The fixed answers on offer, the ones that allow first. Empty for what nobody can answer here: it
    /// is denied at once and noticed. [`Request::needs_content`] says whether there is another.
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
            // The protocol has no answer to the rest that ends the turn.
            Subject::Permissions(_) => {
                vec![Decision::Allow, Decision::AllowForSession, Decision::Deny]
            }
            Subject::UserInput(_) => vec![Decision::Deny],
            Subject::Elicitation(Elicitation::Form { .. }) => {
                vec![Decision::Deny, Decision::Dismiss]
            }
            Subject::Elicitation(Elicitation::Url { .. }) => {
                vec![Decision::Allow, Decision::Deny, Decision::Dismiss]
            }
            Subject::Elicitation(Elicitation::Tool(tool)) => {
                let mut out = vec![Decision::Allow];
                out.extend(tool.for_session.then_some(Decision::AllowForSession));
                out.extend(tool.always.then_some(Decision::AllowAlways));
                out.push(Decision::Deny);
                out
            }
            Subject::Elicitation(Elicitation::Other { .. })
            | Subject::DynamicTool
            | Subject::Unknown => Vec::new(),
        }
    }

    /// The answer that is no denial has to be written: [`Decision::Answer`] for questions,
    /// [`Decision::Submit`] for a form.
    pub fn needs_content(&self) -> bool {
        matches!(
            self.subject,
            Subject::UserInput(_) | Subject::Elicitation(Elicitation::Form { .. })
        )
    }

    /// Whether this is an answer to the request; if not, [`Refused::NotOffered`] or
    /// [`Refused::Invalid`]. A plain denial always is.
    pub fn accepts(&self, decision: &Decision) -> Result<(), Refused> {
        match (decision, &self.subject) {
            (Decision::Deny, _) => Ok(()),
            (Decision::Answer(answers), Subject::UserInput(asked)) => {
                asked.validate(answers).map_err(Refused::Invalid)
            }
            (Decision::Submit(content), Subject::Elicitation(Elicitation::Form { schema, .. })) => {
                schema.validate(content).map_err(Refused::Invalid)
            }
            (decision, _) if self.decisions().contains(decision) => Ok(()),
            _ => Err(Refused::NotOffered),
        }
    }

    /// The JSON-RPC answer for a decision that the request accepts; for any other, the denial.
    pub(crate) fn answer(&self, decision: &Decision) -> Result<Box<RawValue>, ErrorObject> {
        if self.accepts(decision).is_err() {
            return self.denial();
        }
        let result = match &self.subject {
            Subject::Command(_) | Subject::FileChange { .. } => tool_use(decision),
            Subject::Permissions(_) => self.permissions(decision),
            Subject::UserInput(asked) => match decision {
                Decision::Answer(answers) => Some(asked.answer(answers)),
                _ => None,
            },
            Subject::Elicitation(_) => elicitation(decision),
            Subject::DynamicTool | Subject::Unknown => None,
        };
        match result {
            Some(result) => raw(&result),
            None => self.denial(),
        }
    }

    fn permissions(&self, decision: &Decision) -> Option<Value> {
        let scope = match decision {
            Decision::Allow => "turn",
            Decision::AllowForSession => "session",
            _ => return None,
        };
        let params: Value = serde_json::from_str(self.raw.get()).ok()?;
        let granted = permissions::grant(&params["permissions"]);
        Some(json!({"permissions": granted, "scope": scope}))
    }

    /// "No" in the shape that the request's method has for it; an error where it has none.
    pub(crate) fn denial(&self) -> Result<Box<RawValue>, ErrorObject> {
        // By the method: a request that could not be read is denied like one that could.
        raw(&match self.method.as_str() {
            "item/commandExecution/requestApproval" | "item/fileChange/requestApproval" => {
                json!({"decision": "decline"})
            }
            "item/permissions/requestApproval" => json!({"permissions": {}, "scope": "turn"}),
            "item/tool/requestUserInput" => json!({"answers": {}}),
            "mcpServer/elicitation/request" => {
                json!({"action": "decline", "content": null, "_meta": null})
            }
            "item/tool/call" => json!({
                "contentItems": [{"type": "inputText", "text": "This client has no such tool."}],
                "success": false,
            }),
            _ => {
                return Err(ErrorObject {
                    code: METHOD_NOT_FOUND,
                    message: format!("this client does not know {}", self.method),
                    data: None,
                });
            }
        })
    }
}

fn tool_use(decision: &Decision) -> Option<Value> {
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
        _ => return None,
    };
    Some(json!({ "decision": decision }))
}

fn elicitation(decision: &Decision) -> Option<Value> {
    let accept = |content: Value, meta: Value| {
        Some(json!({"action": "accept", "content": content, "_meta": meta}))
    };
    match decision {
        Decision::Allow => accept(json!({}), Value::Null),
        Decision::AllowForSession => accept(json!({}), json!({"persist": "session"})),
        Decision::AllowAlways => accept(json!({}), json!({"persist": "always"})),
        Decision::Submit(content) => accept(content.clone().into(), Value::Null),
        Decision::Dismiss => Some(json!({"action": "cancel", "content": null, "_meta": null})),
        _ => None,
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
    use proptest::prelude::*;

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
        assert_eq!(
            subject.extra_permissions,
            ["the network", "reading /etc", "writing /srv"]
        );
        assert!(!request.decisions().contains(&Decision::AllowForSession));
    }

    #[test]
    fn the_kinds_of_command_are_told_apart() {
        let kind = |kind: &str| command(json!({"kind": kind, "approvalId": "a1"})).subject;
        let Subject::Command(human) = kind("humanCommand") else {
            panic!()
        };
        assert!(human.by_person && !human.to_terminal);
        assert_eq!(human.approval_id.as_deref(), Some("a1"));
        let Subject::Command(input) = kind("writeStdin") else {
            panic!()
        };
        assert!(input.to_terminal && !input.by_person);
        assert_eq!(kind("teleport"), Subject::Unknown);
    }

    #[test]
    fn permissions_are_granted_as_they_were_asked_for() {
        let permissions = json!({"network": {"enabled": true}, "fileSystem": {"read": ["/etc"], "write": null, "x": 1}});
        let request = read(
            "item/permissions/requestApproval",
            json!({"threadId": "T", "turnId": "U", "cwd": "/w", "reason": "please", "permissions": permissions}),
        );
        let Subject::Permissions(asked) = &request.subject else {
            panic!("{request:?}")
        };
        assert_eq!(asked.cwd.as_deref(), Some("/w"));
        assert_eq!(asked.other, ["x: 1"]);
        assert_eq!(
            request.decisions(),
            [Decision::Allow, Decision::AllowForSession, Decision::Deny]
        );
        for (decision, scope) in [
            (Decision::Allow, "turn"),
            (Decision::AllowForSession, "session"),
        ] {
            answers(
                &request,
                decision,
                json!({"permissions": permissions, "scope": scope}),
            );
        }
        let denied = json!({"permissions": {}, "scope": "turn"});
        answers(&request, Decision::Deny, denied.clone());
        answers(&request, Decision::DenyAndStop, denied);
    }

    fn questions() -> Request {
        read(
            "item/tool/requestUserInput",
            json!({"threadId": "T", "turnId": "U", "isBlocking": false, "autoResolutionMs": null, "questions": [
                {"id": "q", "header": "h", "question": "Token?", "isOther": true, "isSecret": true, "options": null}]}),
        )
    }

    #[test]
    fn questions_are_answered_in_writing_and_secrets_stay_out_of_logs() {
        let request = questions();
        assert!(request.needs_content());
        assert_eq!(request.decisions(), [Decision::Deny]);
        let answer = Decision::Answer(Answers::default().with("q", ["hunter2"]));
        assert!(!format!("{answer:?}").contains("hunter2"));
        answers(
            &request,
            answer,
            json!({"answers": {"q": {"answers": ["hunter2"]}}}),
        );
        let empty = json!({"answers": {}});
        answers(&request, Decision::Deny, empty.clone());
        answers(&request, Decision::Allow, empty.clone());
        let wrong = Decision::Answer(Answers::default().with("z", ["a"]));
        assert!(
            matches!(request.accepts(&wrong), Err(Refused::Invalid(problems)) if problems.len() == 2)
        );
        answers(&request, wrong, empty);
    }

    fn elicited(more: serde_json::Value) -> Request {
        let mut params = json!({"threadId": "T", "turnId": null, "serverName": "tiny", "_meta": null, "message": "Please"});
        params
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        read("mcpServer/elicitation/request", params)
    }

    fn form() -> Request {
        elicited(
            json!({"mode": "form", "requestedSchema": {"type": "object", "required": ["age"],
            "properties": {"age": {"type": "integer", "minimum": 1}, "name": {"type": "string"}}}}),
        )
    }

    fn tool(persist: serde_json::Value) -> Request {
        elicited(
            json!({"mode": "form", "requestedSchema": {"type": "object", "properties": {}}, "_meta": {
            "codex_approval_kind": "mcp_tool_call", "tool_name": "write_note", "tool_params": {"text": "milk"},
            "tool_description": "Writes", "tool_annotations": {"readOnlyHint": false, "destructiveHint": true},
            "persist": persist}}),
        )
    }

    fn declined() -> serde_json::Value {
        json!({"action": "decline", "content": null, "_meta": null})
    }

    #[test]
    fn a_form_is_submitted_declined_or_dismissed() {
        let request = form();
        assert_eq!(request.turn, None);
        assert!(request.needs_content());
        assert_eq!(request.decisions(), [Decision::Deny, Decision::Dismiss]);
        let content = |value: serde_json::Value| match value {
            serde_json::Value::Object(content) => Decision::Submit(content),
            other => panic!("{other}"),
        };
        let good = content(json!({"age": 7, "name": "Ann"}));
        assert!(!format!("{good:?}").contains("Ann"));
        answers(
            &request,
            good,
            json!({"action": "accept", "content": {"age": 7, "name": "Ann"}, "_meta": null}),
        );
        answers(&request, content(json!({"age": 0})), declined());
        answers(&request, Decision::Allow, declined());
        answers(&request, Decision::Deny, declined());
        answers(
            &request,
            Decision::Dismiss,
            json!({"action": "cancel", "content": null, "_meta": null}),
        );
    }

    #[test]
    fn a_page_is_allowed_only_when_it_is_one_of_the_web() {
        let page = |url: &str| elicited(json!({"mode": "url", "url": url, "elicitationId": "e1"}));
        let request = page("https://example.org/login");
        assert_eq!(
            request.decisions(),
            [Decision::Allow, Decision::Deny, Decision::Dismiss]
        );
        answers(
            &request,
            Decision::Allow,
            json!({"action": "accept", "content": {}, "_meta": null}),
        );
        for url in ["file:///etc/passwd", "javascript:alert(1)", "example.org"] {
            assert_eq!(page(url).decisions(), [], "{url}");
        }
    }

    #[test]
    fn a_tool_is_remembered_only_as_offered() {
        let request = tool(json!(["session", "always"]));
        let Subject::Elicitation(Elicitation::Tool(asked)) = &request.subject else {
            panic!("{request:?}")
        };
        assert_eq!(
            (asked.server.as_str(), asked.tool.as_str()),
            ("tiny", "write_note")
        );
        assert_eq!(
            (asked.read_only, asked.destructive, asked.open_world),
            (Some(false), Some(true), None)
        );
        assert!(asked.arguments.contains("milk"));
        assert!(Decision::AllowAlways.is_lasting());
        for (decision, meta) in [
            (Decision::Allow, json!(null)),
            (Decision::AllowForSession, json!({"persist": "session"})),
            (Decision::AllowAlways, json!({"persist": "always"})),
        ] {
            answers(
                &request,
                decision,
                json!({"action": "accept", "content": {}, "_meta": meta}),
            );
        }
        answers(&request, Decision::Deny, declined());
        let once = tool(json!(null));
        assert_eq!(once.decisions(), [Decision::Allow, Decision::Deny]);
        answers(&once, Decision::AllowAlways, declined());
    }

    #[test]
    fn what_nobody_can_answer_is_denied_in_its_own_shape() {
        let check = |method: &str, wanted: serde_json::Value| {
            let request = read(method, json!({"threadId": "T", "turnId": "U"}));
            assert!(request.decisions().is_empty(), "{request:?}");
            answers(&request, Decision::Allow, wanted);
        };
        check(
            "item/commandExecution/requestApproval",
            json!({"decision": "decline"}),
        );
        check(
            "item/permissions/requestApproval",
            json!({"permissions": {}, "scope": "turn"}),
        );
        check("item/tool/requestUserInput", json!({"answers": {}}));
        check("mcpServer/elicitation/request", declined());
        check(
            "item/tool/call",
            json!({"contentItems": [{"type": "inputText", "text": "This client has no such tool."}], "success": false}),
        );
        for other in [
            json!({"mode": "openai/userVerification", "title": "t", "description": "d", "challenge": "c"}),
            json!({"mode": "openai/form", "requestedSchema": {"type": "object", "properties": {}}}),
            json!({"mode": "form", "requestedSchema": {}}),
            json!({"mode": "form", "requestedSchema": {"type": "object", "properties": {}}, "_meta": {"codex_approval_kind": "new"}}),
        ] {
            let request = elicited(other);
            assert!(matches!(
                request.subject,
                Subject::Elicitation(Elicitation::Other { .. })
            ));
            assert!(request.decisions().is_empty());
            answers(&request, Decision::Allow, declined());
        }
        let unknown = read("item/teleport", json!([1]));
        assert_eq!(unknown.denial().unwrap_err().code, METHOD_NOT_FOUND);
    }

    fn every_request() -> Vec<Request> {
        vec![
            command(json!({"proposedExecpolicyAmendment": ["touch", "a"],
                "proposedNetworkPolicyAmendments": [{"host": "example.org", "action": "allow"}]})),
            command(json!({"kind": "writeStdin"})),
            read(
                "item/fileChange/requestApproval",
                json!({"threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1}),
            ),
            read(
                "item/permissions/requestApproval",
                json!({"threadId": "T", "turnId": "U", "permissions": {"network": {"enabled": true}}}),
            ),
            questions(),
            form(),
            elicited(json!({"mode": "url", "url": "https://example.org", "elicitationId": "e"})),
            tool(json!(["session"])),
            tool(json!([])),
            elicited(json!({"mode": "openai/form"})),
            read("item/tool/call", json!({"threadId": "T"})),
            read("item/teleport", json!({"threadId": "T"})),
        ]
    }

    fn decision() -> impl Strategy<Value = Decision> {
        let word = "[a-z]{0,3}|touch|q|age|name|example.org";
        prop_oneof![
            Just(Decision::Allow),
            Just(Decision::AllowForSession),
            Just(Decision::AllowAlways),
            Just(Decision::Deny),
            Just(Decision::Dismiss),
            Just(Decision::DenyAndStop),
            prop::collection::vec(word, 0..3).prop_map(Decision::AllowByRule),
            (word, any::<bool>())
                .prop_map(|(host, allow)| Decision::ApplyHostRule(HostRule { host, allow })),
            prop::collection::btree_map(word, prop::collection::vec(word, 0..3), 0..3)
                .prop_map(|given| Decision::Answer(given.into())),
            prop::collection::btree_map(
                word,
                prop_oneof![
                    (-3i64..9).prop_map(serde_json::Value::from),
                    word.prop_map(serde_json::Value::from)
                ],
                0..3
            )
            .prop_map(|content| Decision::Submit(content.into_iter().collect())),
        ]
    }

    proptest! {
        /// I2: whatever a request does not accept is, on the wire, its denial and nothing else.
        #[test]
        fn what_is_not_accepted_never_allows(decision in decision()) {
            for request in every_request() {
                let text = |answer: Result<Box<RawValue>, ErrorObject>| answer.map(|raw| raw.get().to_owned()).map_err(|e| e.code);
                let answer = text(request.answer(&decision));
                let is_denial = answer == text(request.denial());
                match request.accepts(&decision) {
                    Err(_) => prop_assert!(is_denial, "{decision:?} {answer:?} {request:?}"),
                    Ok(()) if decision == Decision::Deny => prop_assert!(is_denial),
                    // Answers that leave all questions out are what a denial is.
                    Ok(()) => prop_assert!(!is_denial || matches!(&decision, Decision::Answer(_)), "{decision:?} {request:?}"),
                }
            }
        }
    }
}
