//! The commands over Tauri's mock runtime: the real app, its real storage, no window and no webview.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use std::sync::{Arc, Mutex};

use countersign_app::dialogs::{AnswerFn, DialogRequest, Prompter};
use countersign_app::outside::{Herald, Note, ReactedFn};
use countersign_contract::wire::COMMANDS;
use serde_json::{Value, json};
use tauri::ipc::{CallbackFn, InvokeBody};
use tauri::test::{
    INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder, mock_context, noop_assets,
};
use tauri::webview::InvokeRequest;
use tauri::{App, Listener, Manager, WebviewWindow, WebviewWindowBuilder};

/// No screen: every dialog is put off.
struct NoScreen;

impl Prompter for NoScreen {
    fn show(&self, _request: DialogRequest, answer: AnswerFn) {
        answer(countersign_app::dialogs::DialogAnswer::DecideLater);
    }
    fn close(&self, _id: &String) {}
}

impl Herald for NoScreen {
    fn listen(&self, _reacted: ReactedFn) {}
    fn notify(&self, _note: Note) {}
    fn withdraw(&self) {}
    fn count(&self, _waiting: usize) {}
}

struct Desk {
    app: App<MockRuntime>,
    window: WebviewWindow<MockRuntime>,
    data: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let data = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let app = mock_builder()
            .plugin(tauri_plugin_store::Builder::new().build())
            .invoke_handler(countersign_app::handler())
            .build(mock_context(noop_assets()))
            .unwrap();
        let state = countersign_app::build(app.handle(), data.path(), NoScreen, NoScreen);
        app.manage(state);
        let window = WebviewWindowBuilder::new(&app, "main", Default::default())
            .build()
            .unwrap();
        Self { app, window, data }
    }

    fn call(&self, command: &str, arguments: Value) -> Result<Value, Value> {
        let request = InvokeRequest {
            cmd: command.into(),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: "tauri://localhost".parse().unwrap(),
            body: InvokeBody::Json(arguments),
            headers: Default::default(),
            invoke_key: INVOKE_KEY.to_owned(),
        };
        get_ipc_response(&self.window, request).map(|body| body.deserialize().unwrap())
    }

    fn heard(&self, event: &'static str) -> Arc<Mutex<Vec<Value>>> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&heard);
        self.app.listen_any(event, move |event| {
            into.lock()
                .unwrap()
                .push(serde_json::from_str(event.payload()).unwrap());
        });
        heard
    }
}

fn settings(name: &str) -> Value {
    json!({
        "name": name, "color": "blue", "codexBinary": null, "codexHome": null, "environment": {},
        "modelProvider": null, "model": null, "effort": null, "sandbox": "readOnly", "approval": "onRequest",
        "developerInstructions": "", "dialogs": "always",
    })
}

#[test]
fn every_command_of_the_contract_is_there() {
    let desk = Desk::new();
    // The pickers of files would open on a real screen.
    const PICKERS: [&str; 4] = [
        "folder_pick",
        "rules_import",
        "rules_export",
        "ledger_export",
    ];
    for command in COMMANDS.iter().filter(|command| !PICKERS.contains(command)) {
        // Without arguments most refuse, but an unknown command says so.
        if let Err(error) = desk.call(command, json!({})) {
            assert!(
                !error.to_string().contains("not found"),
                "{command}: {error}"
            );
        }
    }
    let unknown = desk.call("session_levitate", json!({})).unwrap_err();
    assert!(unknown.to_string().contains("not found"), "{unknown}");
}

#[test]
fn a_first_start_has_the_demo_and_no_tabs() {
    let desk = Desk::new();
    let state = desk.call("app_read", json!({})).unwrap();
    assert_eq!(state["profiles"][0]["name"], "Demo (offline)");
    assert_eq!(state["profiles"][0]["approval"], "onRequest");
    assert_eq!(state["profiles"][0]["sandbox"], "workspaceWrite");
    assert_eq!(state["sessions"], json!({"sessions": [], "active": null}));
    assert_eq!(state["notices"], json!([]));
}

#[test]
fn profiles_are_made_changed_and_deleted_and_every_window_is_told() {
    let desk = Desk::new();
    let heard = desk.heard("profiles://changed");
    let made = desk
        .call("profile_create", json!({"settings": settings("Work")}))
        .unwrap();
    let refused = desk
        .call("profile_create", json!({"settings": settings(" work ")}))
        .unwrap_err();
    assert_eq!(
        (&refused["code"], &refused["field"]),
        (&json!("invalid"), &json!("name"))
    );
    let copy = desk
        .call("profile_duplicate", json!({"profile": made["id"]}))
        .unwrap();
    assert_ne!(copy["name"], made["name"]);
    let changed = desk
        .call("profile_update", json!({"profile": made["id"], "settings": {"name": "Play", "color": "pink", "codexBinary": null,
            "codexHome": null, "environment": {"A": "b"}, "modelProvider": null, "model": "m", "effort": "low",
            "sandbox": "fullAccess", "approval": "never", "developerInstructions": "be kind", "dialogs": "never"}}))
        .unwrap();
    assert_eq!(changed["sandbox"], "fullAccess");
    desk.call("profile_delete", json!({"profile": copy["id"]}))
        .unwrap();
    let gone = desk
        .call("profile_delete", json!({"profile": copy["id"]}))
        .unwrap_err();
    assert_eq!(gone["code"], "notFound");
    assert!(
        desk.call("profile_delete", json!({"profile": "demo"}))
            .is_err()
    );

    let heard = heard.lock().unwrap();
    assert_eq!(
        heard.len(),
        4,
        "one event for each change, none for a refusal"
    );
    let names: Vec<_> = heard[3]
        .as_array()
        .unwrap()
        .iter()
        .map(|profile| &profile["name"])
        .collect();
    assert_eq!(names, ["Demo (offline)", "Play"]);
    // On disk before the command returned.
    let kept = std::fs::read_to_string(desk.data.path().join("profiles.json")).unwrap();
    assert!(kept.contains("be kind"));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_field() {
    let desk = Desk::new();
    let check = |profile: &str, folder: &str, field: &str| {
        let refused = desk
            .call(
                "session_open",
                json!({"profile": profile, "folder": folder}),
            )
            .unwrap_err();
        assert_eq!(
            (&refused["code"], &refused["field"]),
            (&json!("invalid"), &json!(field)),
            "{refused}"
        );
        assert!(!refused["problem"]["remedy"].as_str().unwrap().is_empty());
    };
    check("nobody", "/", "profile");
    check("demo", "", "folder");
    check("demo", "relative/path", "folder");
    check("demo", "/no/such/folder", "folder");
    for (command, arguments) in [
        ("session_stop", json!({"session": "none"})),
        ("session_send", json!({"session": "none", "text": "x"})),
        ("session_close", json!({"session": "none"})),
        ("notice_dismiss", json!({"notice": "none"})),
    ] {
        assert_eq!(
            desk.call(command, arguments).unwrap_err()["code"],
            "notFound",
            "{command}"
        );
    }
    let stale = desk
        .call(
            "approval_answer",
            json!({"approval": "1-1-0", "answer": {"choice": "allowOnce"}}),
        )
        .unwrap_err();
    assert_eq!(stale["code"], "stale");
    for url in [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "not a url",
        "vscode://x",
    ] {
        assert_eq!(
            desk.call("link_open", json!({"url": url})).unwrap_err()["code"],
            "invalid",
            "{url}"
        );
    }
}

#[test]
fn settings_are_kept_and_told() {
    let desk = Desk::new();
    let heard = desk.heard("settings://changed");
    desk.call("settings_update", json!({"settings": {"theme": "dark"}}))
        .unwrap();
    let told = heard.lock().unwrap().clone();
    assert_eq!(
        told,
        [json!({"theme": "dark", "quietHours": null, "ledgerDays": null})]
    );
    assert_eq!(
        desk.call("app_read", json!({})).unwrap()["settings"]["theme"],
        "dark"
    );
}
