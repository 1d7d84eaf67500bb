//! What people do, in the real window, with real clicks, against the real app-server with the scripted
//! model behind it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

mod kinds;
mod many;
mod outside;
mod rules;
#[path = "../support/mod.rs"]
mod support;

use std::fs;

use serde_json::{Value, json};
use support::{App, Desktop, Key, wait_for, wait_until};

const DEMO: &str = "Demo (offline)";
/// Calls a command from the page: its name, its arguments.
const INVOKE: &str = "return window.__TAURI_INTERNALS__.invoke(arguments[0], arguments[1])";

/// A session of the demo in the folder `name`.
fn demo<'a>(desktop: &'a Desktop, name: &str) -> App<'a> {
    let folder = desktop.folder(name);
    let app = desktop.launch(&["--profile", DEMO, folder.to_str().unwrap()]);
    ready(&app, name);
    app
}

fn ready(app: &App<'_>, tab: &str) {
    app.role("tab", tab).wait();
    app.role("status", "Connection").wait_text("ready");
}

/// One more session of the demo, through the dialog "New session".
fn open_session(app: &App<'_>, desktop: &Desktop, name: &str) {
    let folder = desktop.folder(name);
    app.role("button", "New session").click();
    let dialog = app.role("dialog", "New session");
    dialog
        .role("textbox", "Folder")
        .fill(folder.to_str().unwrap());
    dialog.role("button", "Open session").click();
    dialog.wait_gone();
    ready(app, name);
}

fn transcript(app: &App<'_>, part: &str) {
    app.role("log", "Transcript").wait_text(part);
}

#[test]
fn allowing_once_in_the_dialog_runs_the_command() {
    let desktop = Desktop::start("allow-once");
    let app = demo(&desktop, "proj");
    let made = desktop.folder("proj").join("made.txt");
    app.type_message("run: echo made > made.txt; echo done", Key::Enter);

    let dialog = desktop.dialog("Countersign: proj");
    let said = dialog.text();
    assert!(said.contains("echo made > made.txt; echo done"), "{said}");
    assert!(
        said.contains(DEMO) && said.contains("outside the sandbox"),
        "{said}"
    );
    assert!(!made.exists(), "nothing runs before the answer");
    app.role("tab", "proj").wait();
    app.role("region", "Approvals").wait();
    dialog.click("Allow once");

    dialog.wait_gone();
    transcript(&app, "exited with 0");
    assert_eq!(fs::read_to_string(&made).unwrap(), "made\n");
    transcript(&app, "done");
    transcript(&app, "exit 0");
    app.role("region", "Approvals").wait_gone();
}

#[test]
fn denying_in_the_dialog_runs_nothing_and_the_turn_goes_on() {
    let desktop = Desktop::start("deny");
    let app = demo(&desktop, "proj");
    app.type_message("run: echo made > made.txt", Key::Enter);
    desktop.dialog("Countersign: proj").click("Deny");
    transcript(&app, "was declined");
    assert!(!desktop.folder("proj").join("made.txt").exists());
    app.role("status", "Connection").wait_text("ready");
}

#[test]
fn what_is_put_off_is_answered_on_the_desk() {
    let desktop = Desktop::start("decide-later");
    let app = demo(&desktop, "proj");
    app.type_message("run: echo made > made.txt", Key::Enter);
    let dialog = desktop.dialog("Countersign: proj");
    dialog.press("Escape");
    dialog.wait_gone();
    let entry = app
        .role("region", "Approvals")
        .role("group", "Run echo made > made.txt");
    entry.role("button", "Allow once").click();
    transcript(&app, "exited with 0");
    // A settled entry stays under the pointer until that leaves.
    app.role("textbox", "Message").click();
    entry.wait_gone();

    app.type_message("run: echo more > more.txt", Key::Enter);
    let dialog = desktop.dialog("Countersign: proj");
    let entry = app
        .role("region", "Approvals")
        .role("group", "Run echo more > more.txt");
    entry.role("button", "Deny").click();
    dialog.wait_gone();
    transcript(&app, "was declined");
    assert!(!desktop.folder("proj").join("more.txt").exists());
}

#[test]
fn two_tabs_that_wait_are_two_questions() {
    let desktop = Desktop::start("two-tabs");
    let app = demo(&desktop, "one");
    app.type_message("run: echo 1 > first.txt", Key::Enter);
    let first = desktop.dialog("Countersign: one");
    assert!(first.is_mapped());
    open_session(&app, &desktop, "two");
    app.type_message("run: echo 2 > second.txt", Key::Enter);
    let approvals = app.role("region", "Approvals");
    approvals.any("group").wait_count(2);
    assert!(
        !desktop.has_window("Countersign: two"),
        "one dialog at a time"
    );

    // The second from the desk first; then the first in its dialog.
    approvals
        .role("group", "Run echo 2 > second.txt")
        .role("button", "Allow once")
        .click();
    wait_until("the second file", || {
        desktop.folder("two").join("second.txt").exists()
    });
    assert!(!desktop.folder("one").join("first.txt").exists());
    first.click("Deny");
    app.role("tab", "one").click();
    app.role("region", "Approvals").wait_gone();
    transcript(&app, "was declined");
    assert!(!desktop.folder("one").join("first.txt").exists());
}

#[test]
fn two_questions_in_one_turn_come_one_after_the_other() {
    let desktop = Desktop::start("two-at-once");
    let app = demo(&desktop, "proj");
    app.type_message("run: echo A > a.txt & run: echo B > b.txt", Key::Enter);
    app.role("region", "Approvals").any("group").wait_count(2);
    let first = desktop.dialog("Countersign: proj");
    let is_a = first.text().contains("echo A");
    first.click("Allow once");
    let second = wait_for("the second dialog", || {
        let dialog = desktop
            .has_window("Countersign: proj")
            .then(|| desktop.dialog("Countersign: proj"))?;
        dialog
            .text()
            .contains(if is_a { "echo B" } else { "echo A" })
            .then_some(dialog)
    });
    second.click("Deny");
    transcript(&app, "exited with 0");
    transcript(&app, "was declined");
    assert_eq!(desktop.folder("proj").join("a.txt").exists(), is_a);
    assert_eq!(desktop.folder("proj").join("b.txt").exists(), !is_a);
}

#[test]
fn typing_while_a_dialog_appears_answers_nothing_and_loses_nothing() {
    let desktop = Desktop::start("typing");
    let app = demo(&desktop, "proj");
    app.type_message("run: echo made > made.txt", Key::Enter);
    // Real keys, Enter among them, from before the dialog is there until after it is armed.
    let text = "the quick brown fox jumps over the lazy dog and keeps on typing";
    let window = desktop.main_window();
    window.activate();
    desktop.type_text(text);
    let dialog = desktop.dialog("Countersign: proj");
    wait_until("the dialog to be armed", || {
        dialog.button("Allow once").sensitive
    });
    desktop.type_text(" on");
    desktop.press("shift+Return");
    desktop.type_text("and on");
    assert!(dialog.is_mapped(), "typing answered the dialog");
    // The page takes the keys when it gets to it; none of them may be missing then.
    let typed = format!("{text} on\nand on");
    wait_until("all that was typed", || {
        app.role("textbox", "Message").value() == typed
    });
    desktop.press("Return");
    wait_until("the message to be sent", || {
        app.role("textbox", "Message").value().is_empty()
    });
    assert!(dialog.is_mapped(), "Enter answered the dialog");
    assert!(!desktop.folder("proj").join("made.txt").exists());
    app.role("region", "Approvals").any("group").wait_count(1);
}

#[test]
fn an_early_click_on_allow_does_nothing() {
    let desktop = Desktop::start("arming");
    let app = demo(&desktop, "proj");
    // Where the button is takes a while to find out, so the first dialog tells it for those that follow. On a busy
    // machine a click may still come too late to be early; then a new dialog is tried.
    let mut middle = None;
    let was_early = (0..8).any(|n| {
        let file = desktop.folder("proj").join(format!("early-{n}.txt"));
        app.type_message(&format!("run: echo {n} > early-{n}.txt"), Key::Enter);
        let dialog = desktop.dialog("Countersign: proj");
        let clicked = middle.is_some();
        match middle {
            Some(at) => dialog.click_at(at),
            None => middle = Some(dialog.button("Allow once").middle),
        }
        wait_until("the dialog to be armed, or gone", || {
            let buttons = dialog.buttons();
            !dialog.is_mapped()
                || buttons
                    .iter()
                    .any(|b| b.label == "Allow once" && b.sensitive)
        });
        let stayed = dialog.is_mapped();
        assert!(!stayed || !file.exists());
        wait_until("the turn to end", || {
            dialog.click_if_there("Deny");
            app.role("status", "Connection").says("ready")
        });
        assert!(!stayed || !file.exists(), "a dead button allowed");
        clicked && stayed
    });
    assert!(
        was_early,
        "no dialog could be clicked within its first 600 ms"
    );
}

#[test]
fn stop_ends_a_stream_and_a_question() {
    let desktop = Desktop::start("stop");
    let app = demo(&desktop, "proj");
    app.type_message("stream 5000 20", Key::Enter);
    app.role("button", "Stop").click();
    app.role("status", "Connection").wait_text("ready");

    app.type_message("run: echo made > made.txt", Key::Enter);
    let dialog = desktop.dialog("Countersign: proj");
    app.role("button", "Stop").click();
    dialog.wait_gone();
    app.role("region", "Approvals").wait_gone();
    app.role("status", "Connection").wait_text("ready");
    assert!(!desktop.folder("proj").join("made.txt").exists());
    app.type_message("say all is well", Key::Enter);
    transcript(&app, "all is well");
}

#[test]
fn a_killed_app_server_is_said_and_comes_back() {
    let desktop = Desktop::start("killed-server");
    let app = demo(&desktop, "proj");
    app.type_message("say before the storm", Key::Enter);
    transcript(&app, "before the storm");
    app.type_message("stream 5000 20", Key::Enter);
    wait_until("the stream", || {
        app.role("log", "Transcript").text().len() > 200
    });
    let before = app.role("log", "Transcript").text().len();
    for server in desktop.app_servers() {
        server.kill();
    }
    transcript(&app, "Codex stopped unexpectedly");
    assert!(
        app.role("log", "Transcript").text().len() >= before,
        "what was there is kept"
    );
    app.type_message("say after the storm", Key::Enter);
    transcript(&app, "after the storm");
    app.role("status", "Connection").wait_text("ready");
}

#[test]
fn a_restart_brings_tabs_titles_and_history_back() {
    let desktop = Desktop::start("restart");
    let app = demo(&desktop, "one");
    app.type_message("say remember me", Key::Enter);
    transcript(&app, "remember me");
    open_session(&app, &desktop, "two");
    app.type_message("say me too", Key::Enter);
    transcript(&app, "me too");
    open_session(&app, &desktop, "three");
    let state = app.eval(INVOKE, vec![json!("app_read"), json!({})]);
    let second = state["sessions"]["sessions"][1]["id"].clone();
    app.eval(
        INVOKE,
        vec![
            json!("session_rename"),
            json!({"session": second, "title": "Second best"}),
        ],
    );
    app.eval(
        INVOKE,
        vec![json!("session_move"), json!({"session": second, "to": 0})],
    );
    app.role("tab", "Second best").click();
    app.role("textbox", "Message").type_text("not sent yet");
    wait_until("the draft to be kept", || {
        let state = app.eval(INVOKE, vec![json!("app_read"), json!({})]);
        state["sessions"]["sessions"][0]["draft"] == "not sent yet"
    });
    desktop.main_window().close();
    app.wait_ended();
    desktop.wait_for_no_processes();

    let app = desktop.launch(&[]);
    app.any("tab").wait_count(3);
    let state = app.eval(INVOKE, vec![json!("app_read"), json!({})]);
    let titles: Vec<&str> = state["sessions"]["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["Second best", "one", "three"]);
    assert_eq!(state["sessions"]["active"], second);
    transcript(&app, "me too");
    assert_eq!(app.role("textbox", "Message").value(), "not sent yet");
    app.role("tab", "one").click();
    transcript(&app, "remember me");
    app.type_message("say still here", Key::Enter);
    transcript(&app, "still here");
    app.role("tab", "three").click();
    app.role("status", "Connection").wait_text("ready");
}

#[test]
fn a_reload_of_the_page_shows_the_same() {
    let desktop = Desktop::start("reload");
    let app = demo(&desktop, "proj");
    app.type_message(
        "think hard\nplan A; B; C\nedit: hello.txt <- hello\nsay over",
        Key::Enter,
    );
    transcript(&app, "over");
    app.role("status", "Connection").wait_text("ready");
    let before = app.role("log", "Transcript").text();
    app.reload();
    transcript(&app, "over");
    assert_eq!(app.role("log", "Transcript").text(), before);
    app.type_message("run: true", Key::Enter);
    let dialog = desktop.dialog("Countersign: proj");
    app.reload();
    let entry = app.role("region", "Approvals").role("group", "Run true");
    entry.role("button", "Allow once").click();
    dialog.wait_gone();
    transcript(&app, "exited with 0");
}

#[test]
fn a_file_change_shows_its_diff_before_it_is_allowed() {
    let desktop = Desktop::start("file-change");
    let app = demo(&desktop, "proj");
    app.type_message("edit: ../outside.txt <- written outside", Key::Enter);
    let dialog = desktop.dialog("Countersign: proj");
    assert!(dialog.text().contains("outside.txt"), "{}", dialog.text());
    app.role("region", "Approvals").wait_text("written outside");
    let outside = desktop.folder("proj").join("../outside.txt");
    assert!(!outside.exists());
    dialog.click("Allow once");
    wait_until("the file", || outside.exists());
    app.role("status", "Connection").wait_text("ready");
}

#[test]
fn a_second_call_opens_its_session_in_the_running_app() {
    let desktop = Desktop::start("second-call");
    let app = demo(&desktop, "proj");
    let other = desktop.folder("other");
    let status = desktop
        .app_command(&["--profile", DEMO, other.to_str().unwrap()])
        .status()
        .unwrap();
    assert!(status.success());
    ready(&app, "other");
    app.any("tab").wait_count(2);
    let status = desktop
        .app_command(&["--profile", "No such", other.to_str().unwrap()])
        .status()
        .unwrap();
    assert!(status.success());
    wait_until("a notice about the profile", || {
        app.outline().contains("No such")
    });
}

#[test]
fn nothing_is_left_after_quit_or_a_killed_app() {
    let desktop = Desktop::start("no-orphans");
    let app = demo(&desktop, "proj");
    app.type_message("run: sleep 4321", Key::Enter);
    desktop.dialog("Countersign: proj").click("Allow once");
    let sleeps = || {
        desktop
            .processes()
            .iter()
            .any(|process| process.command.contains("sleep 4321"))
    };
    wait_until("the command", sleeps);
    desktop.main_window().close();
    app.wait_ended();
    desktop.wait_for_no_processes();

    let app = desktop.launch(&[]);
    ready(&app, "proj");
    app.type_message("run: sleep 4321", Key::Enter);
    desktop.dialog("Countersign: proj").click("Allow once");
    wait_until("the command", sleeps);
    app.kill();
    desktop.wait_for_no_processes();
}

/// Kills come at whatever point of a save the machine happens to be.
#[test]
fn profiles_load_after_fifty_kills_in_the_middle_of_saving() {
    let desktop = Desktop::start("kill-while-saving");
    let settings = json!({
        "name": "Kept", "color": "teal", "codexBinary": null, "codexHome": null, "environment": {"A": "b"},
        "modelProvider": null, "model": null, "effort": null, "sandbox": "readOnly", "approval": "untrusted",
        "developerInstructions": "", "dialogs": "never",
    });
    let app = desktop.launch(&[]);
    let profile = app.eval(
        INVOKE,
        vec![json!("profile_create"), json!({"settings": settings})],
    );
    let id = profile["id"].clone();
    app.kill();
    let mut last = 0;
    for round in 0..50 {
        let app = desktop.launch(&[]);
        let state = app.eval(INVOKE, vec![json!("app_read"), json!({})]);
        assert_eq!(state["notices"], json!([]), "in round {round}");
        let kept = state["profiles"]
            .as_array()
            .unwrap()
            .iter()
            .find(|profile| profile["id"] == id)
            .cloned();
        let kept = kept.unwrap_or_else(|| panic!("the profile is gone in round {round}: {state}"));
        assert_eq!(kept["environment"]["A"], "b");
        let said: u64 = kept["developerInstructions"].as_str().unwrap().len() as u64;
        assert!(
            said >= last,
            "an older state came back in round {round}: {said} after {last}"
        );
        // Saves one after the other; what was confirmed is counted in the page's title.
        app.eval(
            "const [id, settings, from] = arguments;
             let n = from;
             const save = async () => { for (;;) {
                 n += 1;
                 await window.__TAURI_INTERNALS__.invoke('profile_update',
                     {profile: id, settings: {...settings, developerInstructions: 'x'.repeat(n)}});
                 window.__saved = n;
             } };
             save();
             return null;",
            vec![id.clone(), settings.clone(), json!(said)],
        );
        let moment = 3 + (round * 7919) % 40;
        let confirmed = wait_for("some saves", || {
            let saved = app
                .eval("return window.__saved ?? 0", vec![])
                .as_u64()
                .unwrap();
            (saved >= said + moment).then_some(saved)
        });
        last = confirmed;
        app.kill();
    }
}

#[test]
fn twenty_tabs_and_an_unread_one() {
    let desktop = Desktop::start("twenty-tabs");
    let app = demo(&desktop, "tab-0");
    for n in 1..20 {
        let folder = desktop.folder(&format!("tab-{n}"));
        app.eval(
            INVOKE,
            vec![
                json!("session_open"),
                json!({"profile": "demo", "folder": folder}),
            ],
        );
    }
    app.any("tab").wait_count(20);
    ready(&app, "tab-19");
    assert_eq!(
        desktop.app_servers().len(),
        1,
        "one app-server serves them all"
    );
    app.type_message("slow 300\nsay surprise", Key::Enter);
    app.role("tab", "tab-18").click();
    let unread = || {
        let state: Value = app.eval(INVOKE, vec![json!("app_read"), json!({})]);
        state["sessions"]["sessions"][19]["unread"] == true
    };
    wait_until("the tab to be unread", unread);
    app.role("tab", "tab-19").click();
    transcript(&app, "surprise");
    wait_until("the tab to be read", || !unread());
}
