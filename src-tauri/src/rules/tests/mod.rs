mod answers;
mod codex;
mod commands;
mod kept;
mod properties;
mod words;

use std::path::{Path, PathBuf};

use countersign_contract::{
    Millis, Rule, RuleAbout, RuleOrigin, RuleScope, RuleSettings, SubjectKind, Verdict,
};
use serde_json::{Value, json};

use super::paths::plain;
use super::{Asked, Ground, Names, Whence, judge};

const NOW: Millis = 1_000_000;

/// No links anywhere.
fn straight(path: &Path) -> Option<PathBuf> {
    Some(plain(path))
}

fn ground() -> Ground<'static> {
    Ground {
        home: Some(Path::new("/home/me")),
        resolve: &straight,
    }
}

fn whence() -> Whence {
    Whence {
        session: "s1".to_owned(),
        profile: "p1".to_owned(),
        folder: "/src/api".into(),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn commands(prefixes: &[&str]) -> RuleAbout {
    RuleAbout::Commands {
        prefixes: prefixes.iter().map(|prefix| words(prefix)).collect(),
    }
}

fn files(paths: &[&str]) -> RuleAbout {
    RuleAbout::Files {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    }
}

fn host(host: &str) -> RuleAbout {
    RuleAbout::Host {
        host: host.to_owned(),
    }
}

fn tool(server: &str, tool: Option<&str>) -> RuleAbout {
    RuleAbout::Tool {
        server: server.to_owned(),
        tool: tool.map(str::to_owned),
    }
}

fn session(id: &str) -> RuleScope {
    RuleScope::Session {
        session: id.to_owned(),
    }
}

fn folder(folder: &str) -> RuleScope {
    RuleScope::Folder {
        folder: folder.to_owned(),
    }
}

fn profile(id: &str) -> RuleScope {
    RuleScope::Profile {
        profile: id.to_owned(),
    }
}

fn settings(verdict: Verdict, about: RuleAbout, scope: RuleScope) -> RuleSettings {
    RuleSettings {
        verdict,
        about,
        scope,
        expires_at: None,
        enabled: true,
        note: String::new(),
    }
}

fn rule(id: &str, settings: RuleSettings) -> Rule {
    Rule {
        id: id.to_owned(),
        origin: RuleOrigin::Editor,
        created_at: 1,
        last_used: None,
        uses: 0,
        settings,
    }
}

/// A command that runs in the session's folder, as the server asks about it.
fn command(line: &str) -> Value {
    json!({"kind": "command", "threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1, "cwd": "/src/api",
        "command": format!("/bin/bash -lc '{}'", line.replace('\'', r"'\''"))})
}

fn change(paths: &[&str]) -> Value {
    let changes: Vec<_> = paths
        .iter()
        .map(|path| json!({"path": path, "kind": "update", "movePath": null}))
        .collect();
    json!({"threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1, "changes": changes})
}

fn network(host: &str) -> Value {
    json!({"kind": "command", "threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1,
        "networkApprovalContext": {"host": host, "protocol": "https"}})
}

fn use_of(server: &str, tool: &str) -> Value {
    json!({"threadId": "T", "turnId": "U", "serverName": server, "mode": "form", "message": "May it?",
        "requestedSchema": {"type": "object", "properties": {}},
        "_meta": {"codex_approval_kind": "mcp_tool_call", "tool_name": tool}})
}

fn with(mut value: Value, more: Value) -> Value {
    let more = more.as_object().unwrap().clone();
    value.as_object_mut().unwrap().extend(more);
    value
}

fn asked(kind: SubjectKind, raw: &Value) -> Asked {
    Asked::read(whence(), kind, raw)
}

fn runs(line: &str) -> Asked {
    asked(SubjectKind::Command, &command(line))
}

/// What one rule that holds everywhere says.
fn says(verdict: Verdict, about: RuleAbout, asked: &Asked) -> Option<Verdict> {
    let rule = rule("r", settings(verdict, about, RuleScope::Everywhere));
    judge([&rule], NOW, asked, ground()).map(|rule| rule.settings.verdict)
}

fn allows(about: RuleAbout, asked: &Asked) -> bool {
    says(Verdict::Allow, about, asked).is_some()
}

/// Whether a rule that denies matches; one that asks has to match alike.
#[track_caller]
fn denies(about: RuleAbout, asked: &Asked) -> bool {
    let denies = says(Verdict::Deny, about.clone(), asked).is_some();
    assert_eq!(denies, says(Verdict::Ask, about, asked).is_some());
    denies
}

/// The session s1 and the profile p1 exist.
struct Known;

impl Names for Known {
    fn session(&self, id: &str) -> Option<String> {
        (id == "s1").then(|| "API".to_owned())
    }

    fn profile(&self, id: &str) -> Option<String> {
        (id == "p1").then(|| "Work".to_owned())
    }
}
