//! What is outside the window: the notification, the tray, the title, quiet hours.

use serde_json::json;

use crate::support::{Desktop, Key, Tray, wait_until};
use crate::{INVOKE, demo, transcript};

#[test]
fn a_notification_names_its_session_and_leads_to_its_question() {
    let mut desktop = Desktop::start("notification");
    desktop.start_notifications();
    let app = demo(&desktop, "api-server");
    app.type_message("slow 500\nrun: echo <made> & echo", Key::Enter);
    desktop.main_window().minimise();
    let told = desktop.wait_for_notification("api-server waits for you");
    assert!(told.body.contains("Run echo"), "{told:?}");
    desktop.click_notification();
    let window = desktop.main_window();
    wait_until("the window to come back", || window.is_mapped());
    let region = app.role("region", "Approvals");
    region.any("group").wait_count(1);
    wait_until("the notification to go", || !desktop.shows_notification());
    desktop.dialog("Countersign: api-server").click("Deny");
    transcript(&app, "was declined");
    assert!(!desktop.shows_notification());
}

#[test]
fn a_notification_goes_when_its_question_is_answered_elsewhere() {
    let mut desktop = Desktop::start("notification-gone");
    desktop.start_notifications();
    let app = demo(&desktop, "proj");
    app.type_message("slow 500\nrun: echo one & run: echo two", Key::Enter);
    desktop.main_window().minimise();
    desktop.wait_for_notification("2 questions wait for you");
    desktop.dialog("Countersign: proj").click("Deny");
    desktop.wait_for_notification("proj waits for you");
    wait_until("the second dialog", || {
        desktop.has_window("Countersign: proj")
    });
    desktop.dialog("Countersign: proj").click("Deny");
    wait_until("the notification to go", || !desktop.shows_notification());
    let state = app.eval(INVOKE, vec![json!("app_read"), json!({})]);
    assert_eq!(state["approvals"], json!([]));
}

#[test]
fn a_dialog_stays_when_the_window_is_minimised() {
    let desktop = Desktop::start("minimised");
    let app = demo(&desktop, "proj");
    app.type_message("run: echo made > made.txt", Key::Enter);
    let dialog = desktop.dialog("Countersign: proj");
    desktop.main_window().minimise();
    wait_until("the dialog to stay", || dialog.is_mapped());
    dialog.click("Allow once");
    let made = desktop.folder("proj").join("made.txt");
    wait_until("the file", || made.exists());
}

#[test]
fn the_tray_and_the_title_count_and_lead_to_the_oldest() {
    let desktop = Desktop::start("tray");
    let tray = Tray::start(&desktop);
    let app = demo(&desktop, "proj");
    wait_until("the tray's menu", || {
        tray.menu() == ["Show Countersign", "Quit"]
    });
    app.type_message("run: echo one & run: echo two", Key::Enter);
    wait_until("the number", || tray.label() == "2");
    wait_until("the title", || {
        desktop
            .titles()
            .iter()
            .any(|title| title == "(2) Countersign")
    });
    desktop.main_window().minimise();
    tray.click("Show the oldest of 2 questions");
    let window = desktop.main_window();
    wait_until("the window to come back", || window.is_mapped());
    tray.click("Quit");
    app.wait_ended();
    desktop.wait_for_no_processes();
}

#[test]
fn in_quiet_hours_only_the_window_shows_a_question() {
    let mut desktop = Desktop::start("quiet");
    desktop.start_notifications();
    let app = demo(&desktop, "proj");
    let set = |hours| {
        let settings = json!({"theme": "system", "quietHours": hours, "ledgerDays": null});
        app.eval(
            INVOKE,
            vec![json!("settings_update"), json!({ "settings": settings })],
        );
    };
    set(json!({"from": 0, "to": 0}));
    app.type_message("run: echo made", Key::Enter);
    let region = app.role("region", "Approvals");
    region.role("group", "Run echo made").wait();
    wait_until("the title", || {
        desktop
            .titles()
            .iter()
            .any(|title| title == "(1) Countersign")
    });
    assert!(!desktop.has_window("Countersign: proj"));
    assert_eq!(desktop.notifications(), []);
    // What is still open when they end is shown then.
    set(json!(null));
    desktop.dialog("Countersign: proj").click("Deny");
    transcript(&app, "was declined");
}
