//! Many questions at once, answered from everywhere, also while the server dies.

use serde_json::{Value, json};

use crate::support::{App, Desktop, Key, wait_until};
use crate::{DEMO, INVOKE, demo, open_session, ready};

const SESSIONS: usize = 10;
const EACH: usize = 3;

fn state(app: &App<'_>) -> Value {
    app.eval(INVOKE, vec![json!("app_read"), json!({})])
}

fn open(app: &App<'_>) -> Vec<Value> {
    state(app)["approvals"].as_array().unwrap().clone()
}

/// Sessions with `EACH` open questions, each of which makes a file when it is allowed.
fn asking<'a>(desktop: &'a Desktop) -> App<'a> {
    let app = demo(desktop, "s0");
    for n in 1..SESSIONS {
        open_session(&app, desktop, &format!("s{n}"));
    }
    let sessions = state(&app)["sessions"]["sessions"].clone();
    for (n, session) in sessions.as_array().unwrap().iter().enumerate() {
        let runs: Vec<_> = (0..EACH)
            .map(|q| format!("run: echo {n}-{q} > {q}.txt"))
            .collect();
        let message = json!({"session": session["id"], "text": runs.join(" & ")});
        app.eval(INVOKE, vec![json!("session_send"), message]);
    }
    wait_until("thirty questions", || open(&app).len() == SESSIONS * EACH);
    app
}

#[test]
fn thirty_questions_of_ten_sessions_are_answered_from_three_places() {
    let desktop = Desktop::start("thirty");
    let app = asking(&desktop);
    let region = app.role("region", "Approvals");
    let mut allowed = Vec::new();
    let mut round = 0;
    while !open(&app).is_empty() {
        let now = open(&app);
        let left = now.len();
        match round % 3 {
            // The dialog's is the oldest of those that it may show.
            0 => {
                let title = desktop
                    .titles()
                    .into_iter()
                    .find(|title| title.starts_with("Countersign: "));
                let Some(title) = title else { continue };
                let dialog = desktop.dialog(&title);
                let name = file_of(&dialog.text());
                dialog.click("Allow once");
                allowed.extend(name.map(|name| format!("{}/{name}", &title[13..])));
            }
            // The desk's, by its card.
            1 => {
                let last = &now[left - 1];
                let card = region.role("group", last["name"].as_str().unwrap());
                card.role("button", "Deny").click();
            }
            // A page's script stands for any other view: the middle one.
            _ => {
                let middle = &now[left / 2];
                let answer = json!({"choice": "deny"});
                let arguments = json!({"approval": middle["id"], "answer": answer});
                // Somebody else may have been first.
                app.eval(
                    "return window.__TAURI_INTERNALS__.invoke(arguments[0], arguments[1]).catch(() => null)",
                    vec![json!("approval_answer"), arguments],
                );
            }
        }
        round += 1;
        wait_until("an answer to be taken", || open(&app).len() < left);
    }
    for n in 0..SESSIONS {
        app.role("tab", &format!("s{n}")).click();
        ready(&app, &format!("s{n}"));
    }
    for n in 0..SESSIONS {
        for q in 0..EACH {
            let file = desktop.folder(&format!("s{n}")).join(format!("{q}.txt"));
            let was_allowed = allowed.contains(&format!("s{n}/{q}.txt"));
            assert_eq!(file.exists(), was_allowed, "{}", file.display());
        }
    }
    assert!(!allowed.is_empty());
    assert!(!desktop.titles().iter().any(|title| title.starts_with('(')));
}

/// The file that a question's command makes.
fn file_of(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(" > ")?;
    Some(rest.split_whitespace().next()?.to_owned())
}

#[test]
fn thirty_questions_are_void_when_their_server_dies() {
    let desktop = Desktop::start("thirty-void");
    let app = asking(&desktop);
    for server in desktop.app_servers() {
        server.kill();
    }
    wait_until("no question to be open", || open(&app).is_empty());
    wait_until("no dialog to stand there", || {
        !desktop
            .titles()
            .iter()
            .any(|title| title.starts_with("Countersign: "))
    });
    for n in 0..SESSIONS {
        for q in 0..EACH {
            let file = desktop.folder(&format!("s{n}")).join(format!("{q}.txt"));
            assert!(!file.exists(), "{}", file.display());
        }
    }
    app.role("tab", "s3").click();
    app.type_message("say still alive", Key::Enter);
    crate::transcript(&app, "still alive");
}

/// What a screen reader is told of a dialog and of a card.
#[test]
fn a_dialog_and_its_card_say_what_they_are() {
    let desktop = Desktop::start("names");
    let app = demo(&desktop, "proj");
    app.type_message("run: rm -rf ../else", Key::Enter);
    let dialog = desktop.dialog("Countersign: proj");
    let said = dialog.text();
    for part in [
        "Run this command?",
        DEMO,
        "rm -rf ../else",
        "Dangerous",
        "outside",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let labels: Vec<_> = dialog.buttons().into_iter().map(|b| b.label).collect();
    assert_eq!(labels, ["Deny", "Allow for this session", "Allow once"]);
    let card = app
        .role("region", "Approvals")
        .role("group", "Run rm -rf ../else");
    card.role("list", "Parts of the command").wait();
    card.wait_text("Dangerous");
    for button in ["Deny", "Deny and stop", "Allow once", "Make a rule…"] {
        card.role("button", button).wait();
    }
    dialog.click("Deny");
    crate::transcript(&app, "was declined");
}
