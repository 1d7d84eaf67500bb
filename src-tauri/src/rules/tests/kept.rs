//! The rules on disk, and as a file that travels.

use std::fs;

use countersign_contract::ErrorCode;
use tauri::App;
use tauri::test::{MockRuntime, mock_builder, mock_context, noop_assets};
use tempfile::tempdir;

use super::super::RuleStore;
use super::*;

fn app() -> App<MockRuntime> {
    mock_builder()
        .plugin(tauri_plugin_store::Builder::default().build())
        .build(mock_context(noop_assets()))
        .expect("the mock app builds")
}

fn open(app: &App<MockRuntime>, folder: &Path) -> RuleStore {
    let (rules, problems) = RuleStore::open(app.handle(), folder);
    assert_eq!(problems, []);
    rules
}

fn git() -> RuleSettings {
    settings(Verdict::Allow, commands(&["git status"]), session("s1"))
}

fn deny() -> RuleSettings {
    settings(Verdict::Deny, commands(&["rm"]), RuleScope::Everywhere)
}

/// A file as version 1 writes it. If this fails, the format changed: raise the version, give what is new a default,
/// and keep this file readable.
#[test]
fn version_1_files_stay_readable() {
    let folder = tempdir().unwrap();
    fs::write(
        folder.path().join("rules.json"),
        r#"{"version":1,"rules":[
            {"id":"a","origin":{"kind":"approval","name":"Run git status","entry":7},"createdAt":2,"lastUsed":5,"uses":3,
             "verdict":"allow","about":{"kind":"commands","prefixes":[["git","status"]]},
             "scope":{"kind":"session","session":"s1"},"expiresAt":9,"enabled":true,"note":"n"},
            {"id":"b","origin":{"kind":"editor"},"createdAt":1,"lastUsed":null,"uses":0,
             "verdict":"deny","about":{"kind":"permissions"},"scope":{"kind":"everywhere"},"expiresAt":null,"enabled":false,"note":""}]}"#,
    )
    .unwrap();
    let rules = open(&app(), folder.path()).list();
    assert_eq!(rules.len(), 2);
    let wanted = RuleSettings {
        expires_at: Some(9),
        note: "n".to_owned(),
        ..git()
    };
    assert_eq!((rules[0].uses, &rules[0].settings), (3, &wanted));
    assert_eq!(rules[1].settings.about, RuleAbout::Permissions);
}

#[test]
fn two_rules_of_one_id_are_no_rules() {
    let folder = tempdir().unwrap();
    let app = app();
    let one = json!(rule("a", git()));
    fs::write(
        folder.path().join("rules.json"),
        json!({"version": 1, "rules": [one, one]}).to_string(),
    )
    .unwrap();
    let (rules, problems) = RuleStore::open(app.handle(), folder.path());
    assert_eq!((rules.list().len(), problems.len()), (0, 1));
}

#[test]
fn rules_are_made_changed_taken_away_and_brought_back() {
    let folder = tempdir().unwrap();
    let app = app();
    let rules = open(&app, folder.path());
    let first = rules.create(git(), RuleOrigin::Editor).unwrap();
    let second = rules.create(deny(), RuleOrigin::Editor).unwrap();
    let ids = |rules: &RuleStore| {
        rules
            .list()
            .into_iter()
            .map(|rule| rule.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(&rules),
        [second.id.clone(), first.id.clone()],
        "newest first"
    );

    let changed = rules
        .update(
            &first.id,
            RuleSettings {
                note: " mine ".into(),
                ..git()
            },
        )
        .unwrap();
    assert_eq!(changed.settings.note, "mine");
    assert_eq!(changed.created_at, first.created_at);
    rules.restore(first.clone()).unwrap();
    assert_eq!(
        rules.get(&first.id),
        Some(first.clone()),
        "the change is undone"
    );

    let gone = rules.delete(&second.id).unwrap();
    assert_eq!(ids(&rules), std::slice::from_ref(&first.id));
    rules.restore(gone.clone()).unwrap();
    rules.restore(gone.clone()).unwrap();
    assert_eq!(ids(&rules).len(), 2);
    let (again, problems) = RuleStore::open(app.handle(), folder.path());
    assert_eq!((again.list(), problems), (rules.list(), vec![]));

    for error in [
        rules.update("x", git()).unwrap_err(),
        rules.delete("x").map(drop).unwrap_err(),
    ] {
        assert_eq!(error.code, ErrorCode::NotFound);
    }
    let bad = settings(Verdict::Allow, commands(&[]), RuleScope::Everywhere);
    for error in [
        rules.create(bad.clone(), RuleOrigin::Editor).unwrap_err(),
        rules.update(&first.id, bad.clone()).unwrap_err(),
        rules
            .restore(Rule {
                settings: bad,
                ..first
            })
            .unwrap_err(),
    ] {
        assert_eq!(
            (error.code, error.field.as_deref()),
            (ErrorCode::Invalid, Some("prefixes"))
        );
    }
    assert_eq!(rules.list(), again.list());
}

#[test]
fn a_restored_rule_goes_back_to_its_place() {
    let folder = tempdir().unwrap();
    let app = app();
    let rules = open(&app, folder.path());
    for (id, created_at) in [("a", 1), ("b", 2), ("c", 3)] {
        rules
            .restore(Rule {
                created_at,
                ..rule(id, git())
            })
            .unwrap();
    }
    let middle = rules.delete("b").unwrap();
    rules.restore(middle).unwrap();
    let ids: Vec<_> = rules.list().into_iter().map(|rule| rule.id).collect();
    assert_eq!(ids, ["c", "b", "a"]);
}

#[test]
fn uses_are_counted_at_once_and_written_later() {
    let folder = tempdir().unwrap();
    let app = app();
    let rules = open(&app, folder.path());
    let made = rules.create(git(), RuleOrigin::Editor).unwrap();
    let on_disk = || open(&app, folder.path()).get(&made.id).unwrap();
    for _ in 0..3 {
        rules.used(&made.id);
    }
    rules.used(&"gone".to_owned());
    let now = rules.get(&made.id).unwrap();
    assert_eq!(now.uses, 3);
    assert!(now.last_used >= Some(made.created_at));
    assert_eq!(on_disk().uses, 0, "no write for each");
    rules
        .update(
            &made.id,
            RuleSettings {
                note: "n".into(),
                ..git()
            },
        )
        .unwrap();
    assert_eq!(
        rules.get(&made.id).unwrap().uses,
        3,
        "a change forgets no count"
    );
    rules.flush().unwrap();
    rules.flush().unwrap();
    assert_eq!((on_disk().uses, rules.get(&made.id).unwrap().uses), (3, 3));
    rules.used(&made.id);
    let gone = rules.delete(&made.id).unwrap();
    assert_eq!(gone.uses, 4, "what is taken away knows all its uses");
}

#[tokio::test]
async fn counts_are_written_within_seconds_by_themselves() {
    let folder = tempdir().unwrap();
    let app = app();
    let rules = open(&app, folder.path());
    let made = rules.create(git(), RuleOrigin::Editor).unwrap();
    rules.used(&made.id);
    rules.used(&made.id);
    let file = folder.path().join("rules.json");
    let written = async {
        let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
        while !fs::read_to_string(&file).unwrap().contains("\"uses\": 2") {
            look.tick().await;
        }
    };
    let watchdog = std::time::Duration::from_secs(60);
    tokio::time::timeout(watchdog, written).await.unwrap();
}

#[test]
fn rules_travel_whole_or_not_at_all() {
    let (one, other) = (tempdir().unwrap(), tempdir().unwrap());
    let app = app();
    let from = open(&app, one.path());
    from.create(git(), RuleOrigin::Editor).unwrap();
    from.create(deny(), RuleOrigin::Editor).unwrap();
    from.create(
        settings(Verdict::Ask, host("*.example.org"), session("elsewhere")),
        RuleOrigin::Editor,
    )
    .unwrap();
    let text = from.export();

    let to = open(&app, other.path());
    let done = to.import(&text, "mine.json", &Known).unwrap();
    assert_eq!((done.added, done.known), (2, 0));
    assert_eq!(
        done.refused,
        ["Rule 3: Ask about reaching hosts below example.org: its session does not exist here."]
    );
    let kept = to.list();
    assert_eq!(
        kept.iter().map(|rule| &rule.settings).collect::<Vec<_>>(),
        [&deny(), &git()]
    );
    assert_eq!(
        kept[0].origin,
        RuleOrigin::Import {
            file: "mine.json".to_owned()
        }
    );
    let again = to.import(&text, "mine.json", &Known).unwrap();
    assert_eq!((again.added, again.known), (0, 2));
    assert_eq!(to.list(), kept);
}

#[test]
fn a_rule_that_is_not_understood_whole_is_refused_whole() {
    let folder = tempdir().unwrap();
    let app = app();
    let rules = open(&app, folder.path());
    let bad = [
        with(json!(git()), json!({"onlyOn": "mondays"})),
        with(
            json!(git()),
            json!({"about": {"kind": "commands", "prefixes": [["ls"]], "unless": "x"}}),
        ),
        with(json!(git()), json!({"about": {"kind": "dreams"}})),
        with(
            json!(git()),
            json!({"about": {"kind": "commands", "prefixes": []}}),
        ),
        with(json!(git()), json!({"verdict": "always"})),
        with(
            json!(git()),
            json!({"scope": {"kind": "folder", "folder": "src"}}),
        ),
        with(
            json!(git()),
            json!({"scope": {"kind": "profile", "profile": "p2"}}),
        ),
        json!("rule"),
        json!({"verdict": "allow"}),
    ];
    let mut all = bad.to_vec();
    all.push(json!(git()));
    let text = json!({"format": "countersign-rules", "version": 1, "rules": all}).to_string();
    let done = rules.import(&text, "x", &Known).unwrap();
    assert_eq!(
        (done.added, done.refused.len()),
        (1, bad.len()),
        "{:?}",
        done.refused
    );
    for (index, line) in done.refused.iter().enumerate() {
        assert!(
            line.starts_with(&format!("Rule {}: ", index + 1)) && !line.contains('\n'),
            "{line}"
        );
    }
    for text in [
        "",
        "[]",
        "not json",
        r#"{"format":"other","version":1,"rules":[]}"#,
        r#"{"format":"countersign-rules","version":2,"rules":[]}"#,
        r#"{"format":"countersign-rules","version":1,"rules":[],"more":1}"#,
    ] {
        assert_eq!(
            rules.import(text, "x", &Known).unwrap_err().code,
            ErrorCode::Invalid,
            "{text}"
        );
    }
    assert_eq!(rules.list().len(), 1);
}
