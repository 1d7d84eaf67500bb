//! Every kind of question, in the dialog where a choice is enough for it, else on the desk.

use std::fs;

use serde_json::Value;

use crate::support::{App, Desktop, Key, Locator, wait_until};
use crate::{demo, transcript};

/// The card of the one question that is open.
fn card<'a>(app: &'a App<'_>, name: &str) -> Locator<'a> {
    let card = app.role("region", "Approvals").role("group", name);
    card.wait();
    card
}

fn settled(app: &App<'_>) {
    app.role("textbox", "Message").click();
    app.role("region", "Approvals").wait_gone();
    app.role("status", "Connection").wait_text("ready");
}

#[test]
fn permissions_are_given_for_the_turn_in_the_dialog() {
    let desktop = Desktop::start("permissions");
    let app = demo(&desktop, "proj");
    let outside = desktop.folder("elsewhere");
    let file = outside.join("made.txt");
    app.type_message(
        &format!(
            "permissions: {}\nsandboxed: echo made > {}",
            outside.display(),
            file.display()
        ),
        Key::Enter,
    );
    let dialog = desktop.dialog("Countersign: proj");
    let said = dialog.text();
    assert!(said.contains(outside.to_str().unwrap()), "{said}");
    assert!(said.contains("without asking"), "{said}");
    assert!(!file.exists());
    dialog.click("Allow for this turn");
    wait_until("the file", || file.exists());
    settled(&app);

    // The next turn has to ask again; denied, nothing is written.
    fs::remove_file(&file).unwrap();
    app.type_message(
        &format!(
            "permissions: {}\nsandboxed: echo made > {}",
            outside.display(),
            file.display()
        ),
        Key::Enter,
    );
    desktop.dialog("Countersign: proj").click("Deny");
    settled(&app);
    assert!(!file.exists());
}

#[test]
fn a_question_with_few_answers_is_answered_in_the_dialog() {
    let desktop = Desktop::start("ask");
    let app = demo(&desktop, "proj");
    app.type_message("ask: Which colour? | Red | Blue", Key::Enter);
    let dialog = desktop.dialog("Countersign: proj");
    assert!(dialog.text().contains("Which colour?"), "{}", dialog.text());
    let labels: Vec<_> = dialog.buttons().into_iter().map(|b| b.label).collect();
    assert_eq!(
        labels,
        ["Don't answer", "Answer in Countersign", "Red", "Blue"]
    );
    dialog.click("Blue");
    transcript(&app, "Blue");
    settled(&app);
}

#[test]
fn several_questions_and_a_secret_are_answered_on_the_desk_and_the_secret_is_nowhere_kept() {
    const SECRET: &str = "canary-5f2b9c";
    let desktop = Desktop::start("secret");
    let app = demo(&desktop, "proj");
    app.type_message(
        "ask: Which colour? | Red | Blue & secret: What is the token?",
        Key::Enter,
    );
    let dialog = desktop.dialog("Countersign: proj");
    assert!(
        dialog.text().contains("under Approvals"),
        "{}",
        dialog.text()
    );
    dialog.click("Answer in Countersign");
    dialog.wait_gone();
    let card = card(&app, "Answer 2 questions");
    card.role("radio", "Red").click();
    let token = card.role("radiogroup", "What is the token?");
    token.role("radio", "Something else").click();
    // It has the keyboard, and no role: what is hidden is nobody's to read.
    app.press_keys(SECRET);
    assert!(
        !app.outline().contains(SECRET),
        "what is typed is not to be seen"
    );
    card.role("button", "Send").click();
    settled(&app);
    transcript(&app, "Red");
    app.role("log", "Transcript").wait();
    desktop.main_window().close();
    app.wait_ended();
    let kept = files_with(
        &desktop.home().join(".local/share/dev.countersign.desktop"),
        SECRET,
    );
    // What codex keeps of a conversation is codex's; everything else here is ours.
    let ours: Vec<_> = kept
        .iter()
        .filter(|file| !file.contains("/demo/"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}

fn files_with(folder: &std::path::Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if fs::read(&path).is_ok_and(|bytes| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        }) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_form_is_filled_in_on_the_desk_and_what_is_wrong_is_said_at_its_field() {
    let desktop = Desktop::start("form");
    let app = demo(&desktop, "proj");
    app.type_message("mcp: ask_form", Key::Enter);
    let dialog = desktop.dialog("Countersign: proj");
    dialog.click("Answer in Countersign");
    let card = app
        .role("region", "Approvals")
        .role_with("group", "Fill in a form");
    card.wait();
    card.role("textbox", "Lines").fill("1000");
    card.role("textbox", "Send it to").type_text("nobody");
    card.role("button", "Send").click();
    card.wait_text("100");
    assert!(
        app.outline().contains("Fill in a form"),
        "the question is still open"
    );
    card.role("textbox", "Lines").fill("12");
    card.role("textbox", "Send it to").fill("ann@example.org");
    card.role("checkbox", "Pinned").click();
    card.role("button", "Send").click();
    transcript(&app, "\"lines\":12");
    transcript(&app, "ann@example.org");
    settled(&app);
}

#[test]
fn a_page_is_agreed_to_in_the_dialog_and_not_opened() {
    let desktop = Desktop::start("page");
    let app = demo(&desktop, "proj");
    app.type_message("mcp: ask_page https://example.org/agree", Key::Enter);
    let dialog = desktop.dialog("Countersign: proj");
    let said = dialog.text();
    assert!(said.contains("https://example.org/agree"), "{said}");
    dialog.click("Agree");
    settled(&app);
}

#[test]
fn a_tool_that_is_allowed_for_the_session_is_not_asked_again() {
    let desktop = Desktop::start("tool");
    let app = demo(&desktop, "proj");
    let message = "mcp: write_note {\"text\": \"Remember the milk\"}";
    app.type_message(message, Key::Enter);
    let dialog = desktop.dialog("Countersign: proj");
    let said = dialog.text();
    assert!(said.contains("write_note"), "{said}");
    assert!(said.contains("Remember the milk"), "{said}");
    dialog.click("Allow for this session");
    settled(&app);
    app.type_message(message, Key::Enter);
    settled(&app);
    assert!(!desktop.has_window("Countersign: proj"));
    let state: Value = app.eval(
        crate::INVOKE,
        vec!["app_read".into(), serde_json::json!({})],
    );
    assert_eq!(state["approvals"], serde_json::json!([]));
}

#[test]
fn why_something_was_denied_reaches_the_agent() {
    let desktop = Desktop::start("reason");
    let app = demo(&desktop, "proj");
    app.type_message("run: echo made > made.txt", Key::Enter);
    desktop.dialog("Countersign: proj").press("Escape");
    let card = card(&app, "Run echo made > made.txt");
    card.role("button", "Deny with a reason…").click();
    card.role("textbox", "Tell the agent why")
        .type_text("say use the other folder");
    card.role("button", "Deny").click();
    settled(&app);
    assert!(!desktop.folder("proj").join("made.txt").exists());
    transcript(&app, "use the other folder");
}
