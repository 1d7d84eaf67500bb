use std::fs;

use countersign_contract::{ErrorCode, Settings, Theme};
use proptest::prelude::*;
use tempfile::tempdir;

use super::{app, cases};
use crate::storage::{Preferences, Stored as _, Tab, TabList, Tabs};

fn tab(id: &str) -> Tab {
    Tab {
        id: id.to_owned(),
        title: None,
        profile: "demo".to_owned(),
        folder: "/src".to_owned(),
        thread: None,
        draft: String::new(),
    }
}

fn ids(list: &TabList) -> Vec<&str> {
    list.tabs.iter().map(|tab| tab.id.as_str()).collect()
}

/// A file as version 1 writes it. If this fails, the format changed: raise the version, give what
/// is new a default, and keep this file readable.
#[test]
fn version_1_files_stay_readable() {
    let folder = tempdir().unwrap();
    let app = app();
    fs::write(
        folder.path().join("tabs.json"),
        r#"{"version":1,"active":"a","tabs":[{"id":"a","title":"T","profile":"demo","folder":"/src","thread":"t","draft":"d"},
           {"id":"b","title":null,"profile":"demo","folder":"/src","thread":null,"draft":""}]}"#,
    )
    .unwrap();
    fs::write(
        folder.path().join("settings.json"),
        r#"{"version":1,"theme":"dark"}"#,
    )
    .unwrap();
    let (tabs, problems) = Tabs::open(app.handle(), folder.path());
    assert_eq!(problems, []);
    assert_eq!(ids(&tabs.read()), ["a", "b"]);
    let (settings, problems) = Preferences::open(app.handle(), folder.path());
    assert_eq!(problems, []);
    assert_eq!(
        settings.read(),
        Settings {
            theme: Theme::Dark,
            ..Settings::default()
        }
    );
}

#[test]
fn closing_the_tab_in_front_brings_its_neighbour_there() {
    let folder = tempdir().unwrap();
    let app = app();
    let (tabs, _) = Tabs::open(app.handle(), folder.path());
    for id in ["a", "b", "c"] {
        tabs.add(tab(id)).unwrap();
    }
    assert_eq!(tabs.read().active.as_deref(), Some("c"));
    tabs.activate("b").unwrap();
    tabs.remove("b").unwrap();
    assert_eq!(tabs.read().active.as_deref(), Some("c"));
    tabs.remove("c").unwrap();
    assert_eq!(tabs.read().active.as_deref(), Some("a"));
    tabs.remove("a").unwrap();
    assert_eq!(tabs.read(), TabList::default());
}

#[test]
fn what_is_known_of_a_tab_survives_a_start() {
    let folder = tempdir().unwrap();
    let (tabs, _) = Tabs::open(app().handle(), folder.path());
    tabs.add(tab("a")).unwrap();
    tabs.add(tab("b")).unwrap();
    tabs.reorder("b", 0).unwrap();
    tabs.update("a", |tab| {
        tab.thread = Some("thread".to_owned());
        tab.draft = "not sent".to_owned();
        tab.id = "ignored".to_owned();
    })
    .unwrap();
    let before = tabs.read();
    assert_eq!(ids(&before), ["b", "a"]);
    drop(tabs);
    let (tabs, problems) = Tabs::open(app().handle(), folder.path());
    assert_eq!((tabs.read(), problems), (before, vec![]));
}

#[test]
fn a_tab_that_is_gone_is_not_found() {
    let folder = tempdir().unwrap();
    let app = app();
    let (tabs, _) = Tabs::open(app.handle(), folder.path());
    for result in [
        tabs.activate("x"),
        tabs.remove("x"),
        tabs.reorder("x", 1),
        tabs.update("x", |_| {}),
    ] {
        assert_eq!(result.unwrap_err().code, ErrorCode::NotFound);
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn the_list_always_makes_sense(ops in prop::collection::vec((0u8..4, 0usize..5, 0usize..7), 1..20)) {
        let folder = tempdir().unwrap();
        let app = app();
        let (tabs, _) = Tabs::open(app.handle(), folder.path());
        for (op, which, to) in ops {
            let id = ["a", "b", "c", "d", "e"][which];
            let _ = match op {
                0 => tabs.add(tab(id)),
                1 => tabs.remove(id),
                2 => tabs.reorder(id, to),
                _ => tabs.activate(id),
            };
            prop_assert_eq!(tabs.read().check(), Ok(()));
        }
    }
}
