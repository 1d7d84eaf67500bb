//! Which rule answers, and rules about everything besides commands.

use std::os::unix::fs::symlink;

use super::super::{kind, raw, real, suggest};
use super::*;

#[test]
fn deny_beats_ask_beats_allow_and_the_most_specific_is_named() {
    let scopes = [
        RuleScope::Everywhere,
        profile("p1"),
        folder("/"),
        folder("/src"),
        folder("/src/api"),
        session("s1"),
    ];
    let mut rules: Vec<Rule> = Vec::new();
    for verdict in [Verdict::Allow, Verdict::Ask, Verdict::Deny] {
        for scope in &scopes {
            let id = format!("{}", rules.len());
            rules.push(rule(
                &id,
                settings(verdict, commands(&["ls"]), scope.clone()),
            ));
            let by = |rules: &mut dyn Iterator<Item = &Rule>| {
                let rules: Vec<_> = rules.collect();
                judge(rules, NOW, &runs("ls"), ground()).map(|rule| rule.id.clone())
            };
            assert_eq!(by(&mut rules.iter()).as_ref(), Some(&id));
            assert_eq!(
                by(&mut rules.iter().rev()).as_ref(),
                Some(&id),
                "whatever the order"
            );
        }
    }
    let twice = [
        rules[0].clone(),
        Rule {
            id: "later".into(),
            ..rules[0].clone()
        },
    ];
    let found = judge(&twice, NOW, &runs("ls"), ground()).unwrap();
    assert_eq!(found.id, "0", "of two alike the first");
}

#[test]
fn a_rule_holds_where_and_as_long_as_it_says() {
    let check = |scope: RuleScope, wanted: bool| {
        for verdict in [Verdict::Allow, Verdict::Ask, Verdict::Deny] {
            let rule = rule("r", settings(verdict, commands(&["ls"]), scope.clone()));
            let found = judge([&rule], NOW, &runs("ls"), ground()).is_some();
            assert_eq!(found, wanted, "{verdict:?} {scope:?}");
        }
    };
    for scope in [
        session("s1"),
        folder("/src/api"),
        folder("/src/api/"),
        folder("/src"),
        profile("p1"),
    ] {
        check(scope, true);
    }
    for scope in [
        session("s2"),
        session(""),
        folder("/src/ap"),
        folder("/src/api/x"),
        folder("src/api"),
        profile("p2"),
    ] {
        check(scope, false);
    }
    let allow = settings(Verdict::Allow, commands(&["ls"]), RuleScope::Everywhere);
    let holds = |settings: RuleSettings| {
        judge([&rule("r", settings)], NOW, &runs("ls"), ground()).is_some()
    };
    assert!(holds(RuleSettings {
        expires_at: Some(NOW + 1),
        ..allow.clone()
    }));
    assert!(!holds(RuleSettings {
        expires_at: Some(NOW),
        ..allow.clone()
    }));
    assert!(!holds(RuleSettings {
        enabled: false,
        ..allow
    }));
}

#[test]
fn files_are_compared_by_their_parts() {
    let of = |paths: &[&str]| asked(SubjectKind::Files, &change(paths));
    let api = || files(&["/src/api"]);
    assert!(allows(api(), &of(&["/src/api/a", "/src/api/b/c"])));
    assert!(
        allows(api(), &of(&["a", "./b/../c"])),
        "relative to the session's folder"
    );
    assert!(allows(files(&["/src/api/a"]), &of(&["/src/api/a"])));
    assert!(allows(
        files(&["/src/api/a", "/src/api/b"]),
        &of(&["/src/api/a", "/src/api/b"])
    ));
    for outside in [
        "/src/apis",
        "/etc/passwd",
        "/src/api/../web/x",
        "../web",
        "/src/api/../../etc",
    ] {
        assert!(!allows(api(), &of(&["/src/api/a", outside])), "{outside}");
    }
    assert!(!allows(files(&[]), &of(&["/src/api/a"])));
    assert!(!allows(files(&["/"]), &of(&["/src/api/a"])));
    assert!(
        !allows(files(&["src"]), &of(&["src/a"])),
        "a rule's path is absolute"
    );

    assert!(denies(api(), &of(&["/etc/x", "/src/api/a"])));
    assert!(denies(files(&[]), &of(&["/etc/x"])));
    assert!(!denies(api(), &of(&["/etc/x"])));
}

#[test]
fn a_folder_does_not_allow_what_the_sandbox_keeps() {
    let of = |path: &str| asked(SubjectKind::Files, &change(&[path]));
    for path in [
        "/src/api/.git/hooks/pre-commit",
        "/src/api/vendor/.git/config",
        "/src/api/.codex/config.toml",
        "/src/api/.GIT/config",
        "/src/api/.aws",
    ] {
        assert!(!allows(files(&["/src/api"]), &of(path)), "{path}");
        assert!(denies(files(&["/src/api"]), &of(path)), "{path}");
        assert!(allows(files(&[path]), &of(path)), "{path} is named");
    }
    assert!(allows(files(&["/src/api"]), &of("/src/api/README.md")));
    let profile = "/home/me/.bashrc";
    assert!(!allows(files(&["/home/me"]), &of(profile)), "it runs later");
    assert!(allows(files(&[profile]), &of(profile)));
    assert!(allows(files(&["/home/me/notes"]), &of("/home/me/notes/a")));
}

#[test]
fn a_change_that_is_not_known_or_asks_for_more_is_not_allowed() {
    let api = || files(&["/src/api"]);
    let of = |raw: Value| asked(SubjectKind::Files, &raw);
    let ours = || change(&["/src/api/a"]);
    assert!(allows(api(), &of(ours())));
    for more in [
        json!({"grantRoot": "/src/api"}),
        json!({"changes": null}),
        json!({"changes": []}),
        json!({"changes": [{"path": 7}]}),
        json!({"changes": [{"path": "/src/api/a"}, {}]}),
        json!({"changes": [{"path": "/src/api/a", "movePath": "/etc/a"}]}),
        json!({"changes": [{"path": "/src/api/a", "movePath": 1}]}),
    ] {
        assert!(!allows(api(), &of(with(ours(), more.clone()))), "{more}");
    }
    let moved = json!({"changes": [{"path": "/src/api/a", "movePath": "/etc/a"}]});
    assert!(denies(files(&["/etc"]), &of(with(ours(), moved))));
    for (root, path, wanted) in [
        ("/src", "/src/api/secret", true),
        ("/src/api/secret/x", "/src/api/secret", true),
        ("/srv", "/src/api/secret", false),
    ] {
        let asked = of(with(ours(), json!({"grantRoot": root})));
        assert_eq!(denies(files(&[path]), &asked), wanted, "{root} for {path}");
        assert!(denies(RuleAbout::Permissions, &asked));
    }
}

#[test]
fn links_do_not_lead_out() {
    let scratch = tempfile::tempdir().unwrap();
    let root = real(scratch.path()).unwrap();
    for folder in ["work/deep", "else"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    std::fs::write(root.join("else/there"), "").unwrap();
    symlink(root.join("else"), root.join("work/out")).unwrap();
    symlink(root.join("else/there"), root.join("work/file")).unwrap();
    symlink(root.join("else/new"), root.join("work/dangling")).unwrap();
    symlink("loop", root.join("work/loop")).unwrap();
    symlink(root.join("work"), root.join("alias")).unwrap();
    let work = root.join("work").to_string_lossy().into_owned();
    let ground = Ground {
        home: None,
        resolve: &real,
    };
    let matches = |verdict: Verdict, folder: &str, path: &str| {
        let whence = Whence {
            folder: root.join("work"),
            ..whence()
        };
        let asked = Asked::read(whence, SubjectKind::Files, &change(&[path]));
        let settings = settings(verdict, files(&[folder]), RuleScope::Everywhere);
        super::super::matches(&settings, NOW, &asked, ground)
    };
    for (path, wanted) in [
        ("a", true),
        ("deep/a", true),
        ("new/folder/a", true),
        ("out/../deep/a", false),
        ("out/a", false),
        ("file", false),
        ("dangling", false),
        ("loop", false),
        ("loop/a", false),
        ("new/../../else/a", false),
        ("file/a", false),
    ] {
        assert_eq!(matches(Verdict::Allow, &work, path), wanted, "{path}");
    }
    let elsewhere = root.join("else").to_string_lossy().into_owned();
    assert!(
        matches(Verdict::Deny, &elsewhere, "out/a"),
        "denied by where it leads"
    );
    assert!(
        matches(Verdict::Deny, &work, "out/a"),
        "denied by its words"
    );
    let alias = root.join("alias").to_string_lossy().into_owned();
    assert!(
        !matches(Verdict::Allow, &alias, "a"),
        "another word for the same place"
    );
    assert!(matches(Verdict::Deny, &alias, "a"));
}

#[test]
fn hosts_match_exactly_or_below() {
    let reach = |host: &str| asked(SubjectKind::Command, &network(host));
    assert!(allows(host("example.org"), &reach("example.org")));
    assert!(allows(host("example.org"), &reach("Example.ORG.")));
    assert!(allows(host("*.example.org"), &reach("a.b.example.org")));
    for (wanted, other) in [
        ("example.org", "www.example.org"),
        ("example.org", "example.org.evil.com"),
        ("example.org", "notexample.org"),
        ("*.example.org", "example.org"),
        ("*.example.org", ".example.org"),
        ("*.example.org", "notexample.org"),
        ("*", "example.org"),
        ("", ""),
    ] {
        assert!(!allows(host(wanted), &reach(other)), "{wanted} {other}");
    }
    for more in [
        json!({"command": "/bin/bash -lc ls", "cwd": "/src/api"}),
        json!({"additionalPermissions": {"network": {"enabled": true}}}),
        json!({"kind": "writeStdin"}),
    ] {
        let asked = asked(
            SubjectKind::Command,
            &with(network("example.org"), more.clone()),
        );
        assert!(!allows(host("example.org"), &asked), "{more}");
        assert!(denies(host("example.org"), &asked), "{more}");
    }
    assert!(denies(
        host("evil.com"),
        &runs("ls && curl https://evil.com/x")
    ));
    assert!(!allows(host("evil.com"), &runs("curl https://evil.com/x")));
    assert!(!allows(commands(&["curl"]), &reach("example.org")));
}

#[test]
fn tools_match_by_server_and_name() {
    let of = |raw: &Value| asked(SubjectKind::Tool, raw);
    let write = use_of("notes", "write");
    assert!(allows(tool("notes", Some("write")), &of(&write)));
    for other in [
        tool("notes", Some("read")),
        tool("mail", Some("write")),
        tool("notes", None),
    ] {
        assert!(!allows(other, &of(&write)));
    }
    assert!(denies(tool("notes", None), &of(&write)));
    assert!(denies(tool("notes", Some("write")), &of(&write)));
    assert!(!denies(tool("mail", None), &of(&write)));
    let form = json!({"requestedSchema": {"properties": {"amount": {"type": "number"}}}});
    let with_form = of(&with(write, form));
    assert!(
        !allows(tool("notes", Some("write")), &with_form),
        "a form to fill in is no yes or no"
    );
}

#[test]
fn no_rule_gives_permissions_or_answers_for_the_person() {
    let permissions = asked(SubjectKind::Permissions, &json!({"permissions": {}}));
    assert!(!allows(RuleAbout::Permissions, &permissions));
    assert!(denies(RuleAbout::Permissions, &permissions));
    let extra = json!({"additionalPermissions": {"network": {"enabled": true}}});
    let extra = asked(SubjectKind::Command, &with(command("ls"), extra));
    assert!(!allows(RuleAbout::Permissions, &extra) && denies(RuleAbout::Permissions, &extra));
    assert!(!denies(RuleAbout::Permissions, &runs("ls")));
    for kind in [
        SubjectKind::Questions,
        SubjectKind::Form,
        SubjectKind::Link,
        SubjectKind::Other,
    ] {
        for raw in [
            json!({"questions": []}),
            use_of("notes", "write"),
            command("ls"),
            json!(null),
        ] {
            let asked = asked(kind, &raw);
            for about in [
                commands(&[]),
                commands(&["ls"]),
                files(&[]),
                host("a"),
                tool("notes", None),
                RuleAbout::Permissions,
            ] {
                assert!(
                    !allows(about.clone(), &asked) && !denies(about, &asked),
                    "{kind:?}"
                );
            }
            assert!(suggest(&asked, ground()).is_empty());
        }
    }
}

#[test]
fn a_request_is_kept_with_the_files_that_it_does_not_name() {
    use countersign_runtime::approval::Request;
    use countersign_runtime::item::{FileUpdate, FileUpdateKind, Item, ItemDetail, WorkStatus};
    let read = |method: &str, params: Value| {
        Request::read(method, &serde_json::value::to_raw_value(&params).unwrap())
    };
    let update = |path: &str, moved: Option<&str>| FileUpdate {
        path: path.to_owned(),
        kind: FileUpdateKind::Update {
            move_path: moved.map(str::to_owned),
        },
        diff: "secret".to_owned(),
    };
    let item = Item {
        id: "I".into(),
        started_at_ms: None,
        completed_at_ms: None,
        detail: ItemDetail::FileChange {
            changes: vec![
                update("/src/api/a", Some("/src/api/b")),
                update("/src/api/c", None),
            ],
            status: WorkStatus::InProgress,
        },
    };
    let params = json!({"threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1, "changes": "made up"});
    let request = read("item/fileChange/requestApproval", params);
    let kept = raw(&request, Some(&item));
    assert!(!kept.to_string().contains("secret"));
    assert_eq!(
        asked(kind(&request), &kept).wish,
        super::super::Wish::Files {
            paths: Some(vec![
                "/src/api/a".into(),
                "/src/api/b".into(),
                "/src/api/c".into()
            ]),
            grant_root: None,
        }
    );
    let unknown = asked(kind(&request), &raw(&request, None));
    assert!(!allows(files(&["/src/api"]), &unknown));

    let kinds = [
        (
            "item/commandExecution/requestApproval",
            command("ls"),
            SubjectKind::Command,
        ),
        (
            "mcpServer/elicitation/request",
            use_of("notes", "write"),
            SubjectKind::Tool,
        ),
        ("item/teleport", json!({}), SubjectKind::Other),
    ];
    for (method, params, wanted) in kinds {
        let request = read(method, params.clone());
        assert_eq!(
            (kind(&request), raw(&request, Some(&item))),
            (wanted, params)
        );
    }
}
