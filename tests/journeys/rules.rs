//! Rules that a person makes from a question, and the ledger that has every question.

use std::fs;

use serde_json::json;

use crate::support::{Desktop, Key, wait_until};
use crate::{INVOKE, demo, transcript};

#[test]
fn a_rule_from_a_question_answers_the_next_one_until_it_is_taken_away() {
    let desktop = Desktop::start("rule");
    let app = demo(&desktop, "proj");
    let message = "run: ls -l /usr/share/doc";
    app.type_message(message, Key::Enter);
    desktop.dialog("Countersign: proj").press("Escape");
    let card = app
        .role("region", "Approvals")
        .role("group", "Run ls -l /usr/share/doc");
    card.role("button", "Make a rule…").click();
    let rules = app.role("dialog", "Rules");
    rules.role("button", "Make the rule").click();
    rules.role("list", "Your rules").wait();
    app.press_keys("\u{e00c}");
    rules.wait_gone();
    card.role("button", "Allow once").click();
    transcript(&app, "exited with 0");
    app.role("textbox", "Message").click();
    app.role("region", "Approvals").wait_gone();

    // The same again: nobody is asked.
    app.type_message(message, Key::Enter);
    let call = |command: &str, arguments| app.eval(INVOKE, vec![json!(command), arguments]);
    let query = json!({"text": "", "subjects": [], "ends": [], "session": null, "profile": null, "from": null, "to": null});
    let page = || {
        call(
            "ledger_search",
            json!({"query": query, "before": null, "limit": 10}),
        )
    };
    wait_until("both in the ledger", || {
        let page = page();
        page["total"] == 2 && page["entries"][0]["result"]["exitCode"] == 0
    });
    assert!(!desktop.has_window("Countersign: proj"));
    let entries = page()["entries"].clone();
    assert_eq!(
        entries[0]["settled"]["outcome"]["kind"], "rule",
        "{entries}"
    );
    assert_eq!(entries[1]["settled"]["outcome"]["kind"], "answered");
    assert_eq!(entries[1]["settled"]["outcome"]["by"], "desk");
    let book = call("rules_read", json!({}));
    assert_eq!(book["rules"][0]["uses"], 1, "{book}");

    call("rule_delete", json!({"rule": book["rules"][0]["id"]}));
    app.type_message(message, Key::Enter);
    desktop.dialog("Countersign: proj").click("Deny");
    transcript(&app, "was declined");
}

#[test]
fn the_ledger_finds_what_was_asked_after_a_restart() {
    let desktop = Desktop::start("ledger");
    let app = demo(&desktop, "proj");
    app.type_message("run: echo needle > made.txt", Key::Enter);
    desktop.dialog("Countersign: proj").click("Allow once");
    transcript(&app, "exited with 0");
    app.type_message("run: echo haystack", Key::Enter);
    desktop.dialog("Countersign: proj").click("Deny");
    transcript(&app, "was declined");
    desktop.main_window().close();
    app.wait_ended();

    let app = desktop.launch(&[]);
    app.role("tab", "proj").wait();
    app.role("button", "Settings").click();
    app.role("dialog", "Settings")
        .role("button", "Open the ledger")
        .click();
    let ledger = app.role("dialog", "Ledger");
    ledger.role("list", "Entries").any("listitem").wait_count(2);
    ledger.role("searchbox", "Search").type_text("needle");
    ledger.role("list", "Entries").any("listitem").wait_count(1);
    ledger.wait_text("echo needle > made.txt");
    assert!(fs::exists(desktop.folder("proj").join("made.txt")).unwrap());
}
