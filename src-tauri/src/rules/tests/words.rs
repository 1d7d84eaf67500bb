//! What can be a rule, what it says, and which ones are suggested.

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::super::{name, says as sentence, suggest, validate};
use super::*;

#[track_caller]
fn refused(verdict: Verdict, about: RuleAbout, scope: RuleScope, field: &str) {
    let settings = settings(verdict, about, scope);
    let error = validate(&settings).expect_err(&format!("{settings:?}"));
    assert_eq!(error.field.as_deref(), Some(field), "{settings:?}");
}

#[test]
fn a_rule_that_makes_no_sense_is_refused_with_its_field() {
    use RuleScope::Everywhere;
    use Verdict::{Allow, Ask, Deny};
    refused(Allow, commands(&[]), Everywhere, "prefixes");
    refused(
        Allow,
        RuleAbout::Commands {
            prefixes: vec![Vec::new()],
        },
        Everywhere,
        "prefixes",
    );
    refused(
        Deny,
        RuleAbout::Commands {
            prefixes: vec![Vec::new()],
        },
        Everywhere,
        "prefixes",
    );
    refused(Deny, commands(&["git  status"]), Everywhere, "prefixes");
    refused(Deny, commands(&["a\0b"]), Everywhere, "prefixes");
    refused(Deny, commands(&["a"; 201]), Everywhere, "prefixes");
    refused(Allow, files(&[]), Everywhere, "paths");
    refused(Allow, files(&["/"]), Everywhere, "paths");
    refused(Deny, files(&["src"]), Everywhere, "paths");
    refused(Deny, files(&["/src/../etc"]), Everywhere, "paths");
    for bad in [
        "",
        "*",
        "*.org",
        "a b",
        "https://example.org",
        "a/b",
        "a..b",
        "*.*.org",
        "a:80",
        "*.127.0.0.1/8",
    ] {
        refused(Deny, host(bad), Everywhere, "host");
    }
    refused(Allow, tool("notes", None), Everywhere, "tool");
    refused(Deny, tool(" ", None), Everywhere, "server");
    refused(Allow, RuleAbout::Permissions, Everywhere, "verdict");
    refused(Deny, commands(&[]), session(""), "session");
    refused(Deny, commands(&[]), folder("src"), "folder");
    refused(Deny, commands(&[]), folder(""), "folder");
    refused(Deny, commands(&[]), profile(""), "profile");
    let never = RuleSettings {
        expires_at: Some(i64::MAX),
        ..settings(Deny, commands(&[]), Everywhere)
    };
    assert_eq!(
        validate(&never).unwrap_err().field.as_deref(),
        Some("expiresAt")
    );
    for good in [
        settings(Deny, commands(&[]), Everywhere),
        settings(Ask, files(&[]), folder("/src")),
        settings(Allow, commands(&["git status"]), session("s1")),
        settings(Allow, host("*.example.org"), profile("p1")),
        settings(Allow, host("127.0.0.1"), Everywhere),
        settings(Allow, host("localhost"), Everywhere),
        settings(Deny, tool("notes", None), Everywhere),
        settings(Ask, RuleAbout::Permissions, Everywhere),
    ] {
        assert_eq!(validate(&good), Ok(()));
    }
}

#[test]
fn a_rule_says_what_it_does() {
    let now: Zoned = "2026-11-22T15:30:00[+01:00]".parse().unwrap();
    let at = |text: &str| text.parse::<Zoned>().unwrap().timestamp().as_millisecond();
    let check = |settings: RuleSettings, wanted: &str| {
        assert_eq!(sentence(&settings, &Known, &now), wanted);
    };
    let git = settings(
        Verdict::Allow,
        commands(&["git status"]),
        folder("/src/api"),
    );
    let until = |end: &str| RuleSettings {
        expires_at: Some(at(end)),
        ..git.clone()
    };
    check(
        git.clone(),
        "Allows `git status …` in sessions in /src/api.",
    );
    check(
        until("2026-11-23T18:00:00[+01:00]"),
        "Allows `git status …` in sessions in /src/api until tomorrow 18:00.",
    );
    check(
        until("2026-11-22T18:05:00[+01:00]"),
        "Allows `git status …` in sessions in /src/api until today 18:05.",
    );
    check(
        until("2026-12-01T09:00:00[+01:00]"),
        "Allows `git status …` in sessions in /src/api until 1 December 2026 09:00.",
    );
    check(
        until("2026-11-22T15:30:00[+01:00]"),
        "Allows `git status …` in sessions in /src/api until today 15:30, which is over.",
    );
    check(
        RuleSettings {
            enabled: false,
            ..git.clone()
        },
        "Allows `git status …` in sessions in /src/api, but is off.",
    );
    let of = |verdict, about, scope| settings(verdict, about, scope);
    check(
        of(Verdict::Allow, commands(&["ls", "wc"]), session("s1")),
        "Allows `ls …` and `wc …`, alone or together, in the session “API”.",
    );
    check(
        of(
            Verdict::Deny,
            commands(&["rm", "sudo", "dd"]),
            profile("p1"),
        ),
        "Denies `rm …`, `sudo …` or `dd …` in sessions of the profile “Work”.",
    );
    check(
        of(Verdict::Ask, commands(&[]), session("gone")),
        "Asks about every command in a session that is gone.",
    );
    check(
        of(
            Verdict::Allow,
            files(&["/src/a", "/src/b"]),
            RuleScope::Everywhere,
        ),
        "Allows changes of files in /src/a and /src/b in all sessions.",
    );
    check(
        of(Verdict::Deny, host("*.example.org"), RuleScope::Everywhere),
        "Denies reaching hosts below example.org in all sessions.",
    );
    check(
        of(
            Verdict::Allow,
            tool("notes", Some("write")),
            RuleScope::Everywhere,
        ),
        "Allows the tool “write” of “notes” in all sessions.",
    );
    check(
        of(Verdict::Deny, RuleAbout::Permissions, RuleScope::Everywhere),
        "Denies every wish for more permissions in all sessions.",
    );
    let tricky = RuleAbout::Commands {
        prefixes: vec![vec!["rm".into(), "a b".into(), "\u{202e}x".into()]],
    };
    let shown = name(&of(Verdict::Deny, tricky, RuleScope::Everywhere));
    assert!(
        shown.starts_with("Deny `rm 'a b' '") && !shown.contains('\u{202e}'),
        "{shown}"
    );
    let utc = now.with_time_zone(TimeZone::UTC);
    assert!(
        sentence(&until("2026-11-23T00:30:00[+01:00]"), &Known, &utc)
            .ends_with("until today 23:30.")
    );
}

fn shown(asked: &Asked) -> Vec<(Verdict, RuleAbout, RuleScope)> {
    let all = suggest(asked, ground());
    for (index, settings) in all.iter().enumerate() {
        assert_eq!(validate(settings), Ok(()));
        assert!(
            super::super::matches(settings, NOW, asked, ground()),
            "{settings:?}"
        );
        assert!(!all[..index].contains(settings), "twice: {settings:?}");
    }
    all.into_iter()
        .map(|settings| (settings.verdict, settings.about, settings.scope))
        .collect()
}

#[test]
fn suggestions_go_from_the_very_same_to_the_subcommand() {
    let allow = |prefixes: &[&str], scope| (Verdict::Allow, commands(prefixes), scope);
    assert_eq!(
        shown(&runs("git log --oneline | head -5")),
        [
            allow(&["git log --oneline", "head -5"], session("s1")),
            allow(&["git log --oneline", "head -5"], folder("/src/api")),
            allow(&["git log", "head -5"], session("s1")),
            allow(&["git log", "head -5"], folder("/src/api")),
            allow(&["git log", "head -5"], profile("p1")),
        ]
    );
    assert_eq!(
        shown(&runs("npm run test")).last().unwrap(),
        &allow(&["npm run test"], profile("p1"))
    );
    assert_eq!(
        shown(&runs("ls -la src")).last().unwrap(),
        &allow(&["ls"], profile("p1"))
    );
}

#[test]
fn what_runs_other_programs_is_suggested_word_by_word() {
    for line in [
        "python3 setup.py build",
        "node x.js",
        "bash build.sh",
        "npm exec thing",
        "npx thing",
        "cargo run --release",
        "go run main.go",
        "git config core.pager x",
        "git -C x status",
        "make -f other all",
        "docker run alpine",
        "ssh host ls",
        "npm run -s test",
        "./x.sh a",
        "perl -e 1",
        "env ls",
    ] {
        for (verdict, about, _) in shown(&runs(line)) {
            let RuleAbout::Commands { prefixes } = about else {
                panic!()
            };
            assert!(
                verdict == Verdict::Deny || prefixes.contains(&words(line)),
                "{line}: {prefixes:?}"
            );
        }
    }
}

#[test]
fn of_what_is_dangerous_only_itself_is_suggested() {
    let line = "rm -rf /srv/data";
    assert_eq!(
        shown(&runs(line)),
        [(Verdict::Allow, commands(&[line]), session("s1"))]
    );
}

#[test]
fn what_no_rule_may_allow_can_be_denied() {
    let all = shown(&runs("git push origin $(cat x)"));
    assert!(!all.is_empty());
    assert!(
        all.iter().all(|(verdict, ..)| *verdict == Verdict::Deny),
        "{all:?}"
    );
    let permissions = asked(SubjectKind::Permissions, &json!({"permissions": {}}));
    assert_eq!(
        shown(&permissions)[0],
        (Verdict::Deny, RuleAbout::Permissions, session("s1"))
    );
}

#[test]
fn files_hosts_and_tools_are_suggested_as_narrow_as_they_are() {
    let allow = |about, scope| (Verdict::Allow, about, scope);
    let both = &["/src/api/a/x", "/src/api/a/b/y"];
    assert_eq!(
        shown(&asked(SubjectKind::Files, &change(both))),
        [
            allow(files(both), session("s1")),
            allow(files(both), folder("/src/api")),
            allow(files(&["/src/api/a"]), session("s1")),
            allow(files(&["/src/api"]), session("s1")),
        ]
    );
    let outside = shown(&asked(SubjectKind::Files, &change(&["/etc/x"])));
    assert_eq!(outside.len(), 2, "{outside:?}");
    let kept = shown(&asked(
        SubjectKind::Files,
        &change(&["/src/api/.git/config"]),
    ));
    assert!(
        kept.iter()
            .all(|(_, about, _)| *about != files(&["/src/api"])),
        "{kept:?}"
    );
    assert_eq!(
        shown(&asked(SubjectKind::Command, &network("example.org"))),
        [session("s1"), folder("/src/api"), profile("p1")]
            .map(|scope| allow(host("example.org"), scope))
    );
    assert_eq!(
        shown(&asked(SubjectKind::Tool, &use_of("notes", "write"))),
        [session("s1"), folder("/src/api"), profile("p1")]
            .map(|scope| allow(tool("notes", Some("write")), scope))
    );
}
