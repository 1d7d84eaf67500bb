//! Requests as the app-server sends them (FACTS section 4), in words and back.

use countersign_contract::{
    Answer, ChangeKind, ChoiceId, FieldAnswer, FieldInput, FileChange, RiskLevel, Subject,
};
use countersign_runtime::approval::{Decision, Request};
use serde_json::{Value, json};

use super::{choices, consequences, decision, name, subject};

fn request(method: &str, params: Value) -> Request {
    let raw = serde_json::value::to_raw_value(&params).unwrap();
    Request::read(method, &raw)
}

fn command(line: &str) -> Request {
    request(
        "item/commandExecution/requestApproval",
        json!({"kind": "command", "threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1,
            "command": format!("/bin/bash -lc '{line}'"), "cwd": "/w", "commandActions": []}),
    )
}

fn questions() -> Request {
    let option = |label: &str| json!({"label": label, "description": ""});
    request(
        "item/tool/requestUserInput",
        json!({"threadId": "T", "turnId": "U", "itemId": "I", "isBlocking": true, "questions": [
            {"id": "colour", "header": "Question", "question": "Which colour?", "isOther": true, "isSecret": false,
                "options": [option("Red"), option("Blue")]},
            {"id": "token", "header": "Question", "question": "Which token?", "isOther": true, "isSecret": true,
                "options": [option("Skip")]},
        ]}),
    )
}

fn form() -> Request {
    request(
        "mcpServer/elicitation/request",
        json!({"threadId": "T", "turnId": "U", "serverName": "notes", "mode": "form", "_meta": null, "message": "Fill in",
        "requestedSchema": {"type": "object", "required": ["lines"], "properties": {
            "lines": {"type": "integer", "minimum": 1},
            "title": {"type": "string"},
            "pinned": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        }}}),
    )
}

fn filled(fields: &[(&str, &[&str])]) -> Answer {
    Answer {
        fields: fields
            .iter()
            .map(|(id, values)| FieldAnswer {
                id: (*id).to_owned(),
                values: values.iter().map(|value| (*value).to_owned()).collect(),
            })
            .collect(),
        ..Answer::from(ChoiceId::Submit)
    }
}

#[test]
fn a_command_comes_apart_and_says_its_risk() {
    let (found, risk) = subject(&command("cat a | grep b && rm -rf /srv/x"), vec![], "/w");
    let Subject::Command { parts, .. } = found else {
        panic!("{found:?}")
    };
    let programs: Vec<_> = parts.iter().map(|part| part.program.as_deref()).collect();
    assert_eq!(programs, [Some("cat"), Some("grep"), Some("rm")]);
    assert_eq!(parts[2].outside, ["/srv/x"]);
    assert_eq!(risk.level, RiskLevel::Dangerous);
    assert!(!risk.reasons.is_empty());
    assert_eq!(
        subject(&command("ls"), vec![], "/w").1.level,
        RiskLevel::Low
    );
}

#[test]
fn changed_files_are_as_risky_as_what_they_decide() {
    let risk = |path: &str, change| {
        let request = request(
            "item/fileChange/requestApproval",
            json!({"threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1, "reason": null, "grantRoot": null}),
        );
        let file = FileChange {
            path: path.to_owned(),
            moved_to: None,
            change,
            added: 1,
            removed: 0,
            diff_html: String::new(),
        };
        subject(&request, vec![file], "/w").1.level
    };
    assert_eq!(risk("/w/src/a.rs", ChangeKind::Update), RiskLevel::Low);
    assert_eq!(risk("/w/src/a.rs", ChangeKind::Delete), RiskLevel::Elevated);
    assert_eq!(
        risk("/w/.git/hooks/pre-commit", ChangeKind::Add),
        RiskLevel::Dangerous
    );
    assert!(risk("/elsewhere/a", ChangeKind::Add) > RiskLevel::Low);
}

#[test]
fn questions_are_told_apart_and_secrets_stay_secret() {
    let request = questions();
    let (Subject::Questions { fields }, _) = subject(&request, vec![], "/w") else {
        panic!()
    };
    let titles: Vec<_> = fields.iter().map(|field| field.title.as_str()).collect();
    assert_eq!(titles, ["Which colour?", "Which token?"]);
    assert!(matches!(
        fields[1].input,
        FieldInput::One { secret: true, .. }
    ));
    assert_eq!(name(&request, &[]), "Answer 2 questions");
    assert!(consequences(&request, None)[1].contains("no copy"));
    let ids: Vec<_> = choices(&request).iter().map(|choice| choice.id).collect();
    assert_eq!(ids, [ChoiceId::Deny, ChoiceId::Submit]);

    let answer = filled(&[("colour", &["Red"]), ("token", &["hunter2"])]);
    let answers = decision(&request, &answer).unwrap();
    request.accepts(&answers).unwrap();
    assert!(!format!("{answers:?}").contains("hunter2"));
    let partly = decision(
        &request,
        &filled(&[("colour", &["Red"]), ("token", &[" "])]),
    )
    .unwrap();
    request.accepts(&partly).unwrap();
}

#[test]
fn a_form_is_sent_in_its_own_types() {
    let request = form();
    let sent = |answer: &Answer| match decision(&request, answer) {
        Some(Decision::Submit(content)) => Value::from(content),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        sent(&filled(&[
            ("lines", &["12"]),
            ("title", &[""]),
            ("pinned", &["true"]),
            ("tags", &["a", "b"]),
        ])),
        json!({"lines": 12, "pinned": true, "tags": ["a", "b"]})
    );
    let wrong = decision(&request, &filled(&[("lines", &["many"])])).unwrap();
    assert!(request.accepts(&wrong).is_err());
    let ids: Vec<_> = choices(&request).iter().map(|choice| choice.id).collect();
    assert_eq!(ids, [ChoiceId::Deny, ChoiceId::Dismiss, ChoiceId::Submit]);
}

#[test]
fn every_answer_that_allows_says_how_far_it_reaches() {
    let tool = request(
        "mcpServer/elicitation/request",
        json!({"threadId": "T", "turnId": "U", "serverName": "notes", "mode": "form", "message": "Allow?",
            "requestedSchema": {"type": "object", "properties": {}},
            "_meta": {"codex_approval_kind": "mcp_tool_call", "tool_name": "write_note", "tool_params": {"text": "x"},
                "tool_annotations": {"destructiveHint": true}, "persist": ["session", "always"]}}),
    );
    let permissions = request(
        "item/permissions/requestApproval",
        json!({"threadId": "T", "turnId": "U", "itemId": "I", "environmentId": "local", "startedAtMs": 1, "cwd": "/w",
            "permissions": {"network": {"enabled": true}, "fileSystem": {"write": ["/srv"]}}}),
    );
    for request in [tool, permissions, command("ls"), questions(), form()] {
        let choices = choices(&request);
        assert!(!choices[0].allows, "{choices:?}");
        for choice in choices {
            assert!(!choice.effect.is_empty(), "{choice:?}");
            assert_eq!(choice.lasting, choice.label.ends_with('…'), "{choice:?}");
            let answer = Answer::from(choice.id);
            assert!(decision(&request, &answer).is_some(), "{choice:?}");
        }
    }
}
