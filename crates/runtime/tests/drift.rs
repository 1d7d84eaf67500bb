//! What this crate uses of the protocol, held against the schema of the codex that is installed.
//!
//! `drift/used.rs` is the table: each method with the members that are sent and read. What the protocol has besides
//! is no failure: it is printed, and listed in `drift.txt` in the target folder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

#[path = "drift/compare.rs"]
mod compare;
#[path = "support/fake.rs"]
mod fake;
#[path = "drift/schema.rs"]
mod schema;
#[path = "drift/sent.rs"]
mod sent;
#[path = "drift/shape.rs"]
mod shape;
#[path = "drift/source.rs"]
mod source;
mod support;
#[path = "drift/used.rs"]
mod used;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use compare::{Report, compare};
use schema::Schema;
use serde_json::Value;
use used::{CALLS, NOTIFICATIONS, SAID, SERVER_REQUESTS};

/// The schema of the installed codex, experimental parts included: the runtime asks for them.
fn installed() -> Schema {
    static TEXT: OnceLock<Value> = OnceLock::new();
    let root = TEXT.get_or_init(|| {
        let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (home, out) = (scratch.path().join("home"), scratch.path().join("schema"));
        std::fs::create_dir(&home).unwrap();
        let done = Command::new(support::codex())
            .args([
                "app-server",
                "generate-json-schema",
                "--experimental",
                "--out",
            ])
            .arg(&out)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("CODEX_HOME", &home)
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "no schema: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        let text = std::fs::read(out.join("codex_app_server_protocol.schemas.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    });
    Schema::new(root.clone())
}

fn list(report: &Report) -> String {
    let mut out = String::new();
    let problems: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    writeln!(
        out,
        "Used, and not there or not as it is used: {}",
        problems.len()
    )
    .unwrap();
    writeln!(out, "{}", problems.join("\n")).unwrap();
    writeln!(out, "\nThere, and not used: {}", report.news.len()).unwrap();
    writeln!(out, "{}", report.news.join("\n")).unwrap();
    out
}

#[test]
fn the_installed_codex_has_everything_that_is_used() {
    let report = compare(&installed());
    let text = list(&report);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("drift.txt");
    std::fs::write(&file, &text).unwrap();
    println!("{text}\nThis is also in {}.", file.display());
    assert!(
        report.problems.is_empty(),
        "the protocol drifted away from its use:\n{text}"
    );
}

#[test]
fn the_table_has_every_method_that_the_sources_name() {
    let schema = installed();
    let unions = [
        "ClientRequest",
        "ClientNotification",
        "ServerNotification",
        "ServerRequest",
    ];
    let known: BTreeSet<&str> = unions
        .iter()
        .flat_map(|union| schema.methods(union).into_keys())
        .collect();
    let named = source::methods(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), |text| {
        known.contains(text)
    });
    let table: BTreeSet<String> = CALLS
        .iter()
        .map(|call| call.method)
        .chain(SAID.iter().copied())
        .chain(
            NOTIFICATIONS
                .iter()
                .flat_map(|notification| notification.methods.iter().copied()),
        )
        .chain(SERVER_REQUESTS.iter().map(|request| request.method))
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = named.difference(&table).collect();
    let left_over: Vec<_> = table.difference(&named).collect();
    assert!(
        missing.is_empty(),
        "the sources name these and tests/drift/used.rs does not: {missing:?}"
    );
    assert!(
        left_over.is_empty(),
        "tests/drift/used.rs has these and the sources do not: {left_over:?}"
    );
}

/// What is found when the schema is not what it was.
#[track_caller]
fn doctored(change: impl FnOnce(&mut Value), wanted: &[(&str, &str, &str)]) {
    let before = compare(&installed()).problems;
    let mut schema = installed();
    change(schema.root_mut());
    let mut problems = compare(&schema).problems;
    // A codex that has drifted by itself is another test's to find.
    problems.retain(|problem| !before.contains(problem));
    let found: Vec<_> = problems
        .iter()
        .map(|p| (p.place.as_str(), p.expected.as_str(), p.found.as_str()))
        .collect();
    assert_eq!(found, wanted);
}

fn of<'a>(root: &'a mut Value, pointer: &str) -> &'a mut Value {
    let place = root.pointer_mut(&format!("/definitions{pointer}"));
    place.unwrap_or_else(|| panic!("the schema has no {pointer}"))
}

fn remove(root: &mut Value, pointer: &str, member: &str) {
    of(root, pointer)
        .as_object_mut()
        .unwrap()
        .remove(member)
        .unwrap();
}

fn retain(root: &mut Value, pointer: &str, keep: impl Fn(&Value) -> bool) {
    let list = of(root, pointer).as_array_mut().unwrap();
    let before = list.len();
    list.retain(keep);
    assert_eq!(list.len() + 1, before, "exactly one was to go");
}

#[test]
fn a_method_that_is_gone_is_found() {
    for (union, method, expected) in [
        ("ClientRequest", "thread/fork", "a request that we send"),
        (
            "ClientNotification",
            "initialized",
            "a notification that we send",
        ),
        (
            "ServerNotification",
            "turn/completed",
            "a notification that we read",
        ),
        (
            "ServerRequest",
            "item/tool/call",
            "a request that we answer",
        ),
    ] {
        doctored(
            |root| {
                retain(root, &format!("/{union}/oneOf"), |m| {
                    m["properties"]["method"]["enum"][0] != method
                })
            },
            &[(method, expected, "nothing")],
        );
    }
}

#[test]
fn a_member_that_is_gone_is_found() {
    doctored(
        |root| remove(root, "/v2/TurnInterruptParams/properties", "turnId"),
        &[("turn/interrupt params.turnId", "string", "nothing")],
    );
    doctored(
        |root| {
            remove(
                root,
                "/v2/AgentMessageDeltaNotification/properties",
                "delta",
            )
        },
        &[("item/agentMessage/delta params.delta", "string", "nothing")],
    );
    doctored(
        |root| {
            remove(
                root,
                "/FileChangeRequestApprovalParams/properties",
                "grantRoot",
            )
        },
        &[(
            "item/fileChange/requestApproval params.grantRoot",
            "string|null",
            "nothing",
        )],
    );
}

#[test]
fn a_member_of_another_type_is_found() {
    let number = serde_json::json!({"type": "integer"});
    doctored(
        |root| *of(root, "/v2/TurnSteerParams/properties/expectedTurnId") = number.clone(),
        &[("turn/steer params.expectedTurnId", "string", "integer")],
    );
    doctored(
        |root| {
            *of(root, "/v2/TurnDiffUpdatedNotification/properties/diff") =
                serde_json::json!({"type": ["string", "null"]})
        },
        &[("turn/diff/updated params.diff", "string", "string|null")],
    );
    doctored(
        |root| {
            *of(root, "/v2/CommandExecResponse/properties/exitCode") =
                serde_json::json!({"type": "string"})
        },
        &[("command/exec result.exitCode", "integer", "string")],
    );
    // An id in a list in a list.
    doctored(
        |root| {
            *of(root, "/v2/FileUpdateChange/properties/path") =
                serde_json::json!({"$ref": "#/definitions/v2/PatchChangeKind"})
        },
        &[
            (
                "thread/turns/list result.data[].items[]<fileChange>.changes[].path",
                "string",
                "{type: 'add', ...}|{type: 'delete', ...}|{type: 'update', ...}",
            ),
            (
                "item/started params.item<fileChange>.changes[].path",
                "string",
                "{type: 'add', ...}|{type: 'delete', ...}|{type: 'update', ...}",
            ),
            (
                "item/completed params.item<fileChange>.changes[].path",
                "string",
                "{type: 'add', ...}|{type: 'delete', ...}|{type: 'update', ...}",
            ),
        ],
    );
}

#[test]
fn a_variant_that_is_gone_is_found() {
    // Sent.
    doctored(
        |root| {
            retain(root, "/v2/AskForApproval/oneOf/0/enum", |policy| {
                policy != "untrusted"
            })
        },
        &[
            (
                "thread/start params.approvalPolicy",
                "'untrusted'",
                "'on-request'|'never'|{granular}|null",
            ),
            (
                "thread/start result.approvalPolicy",
                "'untrusted'",
                "'on-request'|'never'|{granular}",
            ),
            (
                "thread/resume params.approvalPolicy",
                "'untrusted'",
                "'on-request'|'never'|{granular}|null",
            ),
            (
                "thread/resume result.approvalPolicy",
                "'untrusted'",
                "'on-request'|'never'|{granular}",
            ),
            (
                "thread/fork params.approvalPolicy",
                "'untrusted'",
                "'on-request'|'never'|{granular}|null",
            ),
            (
                "thread/fork result.approvalPolicy",
                "'untrusted'",
                "'on-request'|'never'|{granular}",
            ),
            (
                "turn/start params.approvalPolicy",
                "'untrusted'",
                "'on-request'|'never'|{granular}|null",
            ),
            (
                "thread/settings/updated params.threadSettings.approvalPolicy",
                "'untrusted'",
                "'on-request'|'never'|{granular}",
            ),
        ],
    );
    // Answered.
    doctored(
        |root| {
            retain(root, "/FileChangeApprovalDecision/oneOf", |decision| {
                decision["enum"][0] != "cancel"
            })
        },
        &[(
            "item/fileChange/requestApproval result.decision",
            "'cancel'",
            "'accept'|'acceptForSession'|'decline'",
        )],
    );
    // Read.
    doctored(
        |root| {
            retain(root, "/v2/ThreadActiveFlag/enum", |flag| {
                flag != "waitingOnApproval"
            })
        },
        &[(
            "thread/status/changed params.status<active>.activeFlags[]",
            "'waitingOnApproval'",
            "'waitingOnUserInput'",
        )],
    );
}

#[test]
fn a_member_that_is_newly_required_is_found() {
    doctored(
        |root| {
            of(root, "/v2/ThreadArchiveParams/required")
                .as_array_mut()
                .unwrap()
                .push("reason".into())
        },
        &[(
            "thread/archive params.reason",
            "not asked for",
            ", required",
        )],
    );
    doctored(
        |root| {
            retain(root, "/v2/TurnStartedNotification/required", |name| {
                name != "turn"
            })
        },
        &[(
            "turn/started params.turn",
            "{id, status, error, startedAt, durationMs}, always",
            "{completedAt, durationMs, error, id, items, itemsView, rootTurnId, startedAt, status}, perhaps",
        )],
    );
}

#[test]
fn a_value_that_could_not_be_read_is_found_and_any_other_new_one_is_told() {
    let add = |pointer: &'static str| {
        move |root: &mut Value| {
            of(root, pointer)
                .as_array_mut()
                .unwrap()
                .push("dreaming".into())
        }
    };
    doctored(
        add("/v2/TurnPlanStepStatus/enum"),
        &[(
            "turn/plan/updated params.plan[].status",
            "'pending'|'inProgress'|'completed'",
            "'pending'|'inProgress'|'completed'|'dreaming'",
        )],
    );
    let mut schema = installed();
    add("/v2/ThreadActiveFlag/enum")(schema.root_mut());
    let news = compare(&schema).news;
    let wanted =
        "thread/status/changed params.status<active>.activeFlags[]: 'dreaming' is read as unknown";
    assert!(news.iter().any(|news| news == wanted), "{news:#?}");
}
