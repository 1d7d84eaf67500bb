//! What holds whatever is asked and whatever the rules are.

use countersign_contract::{LedgerEntry, RiskLevel};
use countersign_runtime::approval::Request;
use countersign_runtime::command::{Place, RiskLevel as Level, understand};
use jiff::Zoned;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::{kind, matches, preview, raw, suggest};
use super::*;

const PROGRAMS: [&str; 16] = [
    "git status",
    "git push",
    "git",
    "ls",
    "rm",
    "rm -rf /",
    "cat",
    "sudo rm x",
    "xargs ls",
    "sh -c 'ls; rm x'",
    "./run",
    "/bin/ls",
    "'git' status",
    "X=1 ls",
    "env ls",
    "curl http://a.org",
];
const ENDS: [&str; 10] = [
    "", " -a", " $X", " *", " $(id)", " > out", " < in", " 2>&1", " 'a b'", " `id`",
];
const JOINTS: [&str; 8] = [" && ", " || ", "; ", " | ", "\n", " & ", " |& ", " ;; "];
const FRAMES: [(&str, &str); 6] = [
    ("", ""),
    ("", ""),
    ("(", ")"),
    ("{ ", "; }"),
    ("if true; then ", "; fi"),
    ("echo $(", ")"),
];

fn line() -> impl Strategy<Value = String> {
    let part = (select(&PROGRAMS[..]), select(&ENDS[..]))
        .prop_map(|(program, end)| format!("{program}{end}"));
    let parts = prop::collection::vec((part, select(&JOINTS[..])), 1..5);
    let made = (parts, select(&FRAMES[..])).prop_map(|(parts, (open, close))| {
        let mut line = String::new();
        for (index, (part, joint)) in parts.iter().enumerate() {
            if index > 0 {
                line.push_str(joint);
            }
            line.push_str(part);
        }
        format!("{open}{line}{close}")
    });
    prop_oneof![8 => made, 1 => "[ -~\n]{0,40}"]
}

fn about() -> impl Strategy<Value = RuleAbout> {
    let prefix = select(vec![
        "git status",
        "git",
        "ls",
        "rm",
        "rm -rf /",
        "cat",
        "xargs",
        "xargs ls",
        "sh",
        "./run",
        "echo",
        "sudo rm x",
    ]);
    prop_oneof![
        6 => prop::collection::vec(prefix, 0..5).prop_map(|prefixes| commands(&prefixes)),
        2 => prop::collection::vec(select(vec!["/src/api", "/src/api/a", "/src", "/etc", "/"]), 0..3).prop_map(|paths| files(&paths)),
        1 => select(vec!["a.org", "*.a.org"]).prop_map(host),
        1 => select(vec![Some("write"), Some("read"), None]).prop_map(|name| tool("notes", name)),
        1 => Just(RuleAbout::Permissions),
    ]
}

fn rule_settings() -> impl Strategy<Value = RuleSettings> {
    let verdict = select(vec![Verdict::Allow, Verdict::Ask, Verdict::Deny]);
    let scope = select(vec![
        session("s1"),
        session("s2"),
        folder("/src"),
        folder("/src/api"),
        folder("/web"),
        profile("p1"),
        profile("p2"),
        RuleScope::Everywhere,
    ]);
    (verdict, about(), scope).prop_map(|(verdict, about, scope)| settings(verdict, about, scope))
}

/// A request as it comes over the wire: its method and params.
fn request() -> impl Strategy<Value = (&'static str, Value)> {
    let more = select(vec![
        json!({}),
        json!({}),
        json!({}),
        json!({"kind": "writeStdin"}),
        json!({"cwd": "/tmp"}),
        json!({"additionalPermissions": {"network": {"enabled": true}}}),
    ]);
    let of_command = (line(), more).prop_map(|(line, more)| {
        (
            "item/commandExecution/requestApproval",
            with(command(&line), more),
        )
    });
    let params = || json!({"threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1});
    prop_oneof![
        6 => of_command,
        1 => select(vec!["a.org", "b.a.org"]).prop_map(|host| ("item/commandExecution/requestApproval", network(host))),
        2 => select(vec![json!({}), json!({"grantRoot": "/src"})]).prop_map(move |more| ("item/fileChange/requestApproval", with(params(), more))),
        1 => select(vec!["write", "read"]).prop_map(|name| ("mcpServer/elicitation/request", use_of("notes", name))),
        1 => Just(("item/permissions/requestApproval", with(params(), json!({"permissions": {"network": {"enabled": true}}, "cwd": "/src/api"})))),
        1 => Just(("item/tool/requestUserInput", with(params(), json!({"questions": []})))),
        1 => Just(("item/teleport", params())),
    ]
}

fn item(paths: &[&str]) -> countersign_runtime::item::Item {
    use countersign_runtime::item::{FileUpdate, FileUpdateKind, Item, ItemDetail, WorkStatus};
    let change = |path: &&str| FileUpdate {
        path: (*path).to_owned(),
        kind: FileUpdateKind::Add,
        diff: String::new(),
    };
    Item {
        id: "I".into(),
        started_at_ms: None,
        completed_at_ms: None,
        detail: ItemDetail::FileChange {
            changes: paths.iter().map(change).collect(),
            status: WorkStatus::InProgress,
        },
    }
}

fn entry(
    asked: &Whence,
    request: &Request,
    item: Option<&countersign_runtime::item::Item>,
) -> LedgerEntry {
    LedgerEntry {
        id: 1,
        asked_at: NOW,
        session: asked.session.clone(),
        session_title: "API".to_owned(),
        profile: asked.profile.clone(),
        profile_name: "Work".to_owned(),
        folder: asked.folder.to_string_lossy().into_owned(),
        subject: kind(request),
        name: String::new(),
        detail: String::new(),
        reason: None,
        risk: RiskLevel::Low,
        settled: None,
        result: None,
        // To the disk and back.
        raw: serde_json::from_str(&raw(request, item).to_string()).unwrap(),
    }
}

proptest! {
    #[test]
    fn preview_and_real_use_never_differ(
        settings in rule_settings(),
        (method, params) in request(),
        paths in prop::collection::vec(select(vec!["/src/api/a", "/src/api/b/c", "b", "/etc/x", "../x", "/src/api/.git/x"]), 0..3),
        known in any::<bool>(),
    ) {
        let request = Request::read(method, &serde_json::value::to_raw_value(&params).unwrap());
        let item = known.then(|| item(&paths));
        let asked = Asked::of_request(whence(), &request, item.as_ref());
        let rule = rule("r", settings.clone());
        let used = judge([&rule], NOW, &asked, ground()).is_some();
        let past = entry(&whence(), &request, item.as_ref());
        let shown = preview(&settings, [past], &Known, &Zoned::now(), ground());
        if shown.problem.is_none() {
            prop_assert_eq!(shown.matched == 1, used);
            prop_assert_eq!(shown.entries.len(), shown.matched as usize);
        } else {
            prop_assert!(!(used && settings.verdict == Verdict::Allow), "a rule that cannot be made allows");
            prop_assert_eq!(shown.matched, 0);
        }
        prop_assert_eq!(shown.of, 1);
    }

    #[test]
    fn no_command_with_an_unmatched_segment_is_ever_allowed(
        line in line(),
        prefixes in prop::collection::vec(select(vec!["git status", "git", "ls", "rm", "cat", "xargs", "sh", "echo", "sudo"]), 0..6),
    ) {
        let allowed = allows(commands(&prefixes), &runs(&line));
        let wanted: Vec<_> = prefixes.iter().map(|prefix| words(prefix)).collect();
        let place = Place { cwd: Some(Path::new("/src/api")), folder: Some(Path::new("/src/api")), home: Some(Path::new("/home/me")) };
        let understood = understand(&line, &place);
        let all_match = understood.segments.iter().all(|segment| {
            segment.words.as_ref().is_some_and(|words| wanted.iter().any(|prefix| words.starts_with(prefix)))
        });
        prop_assert!(!allowed || all_match && !understood.segments.is_empty(), "{}", line);
        prop_assert!(!allowed || understood.doubts.is_empty());
        let named = understood.segments.iter().all(|segment| segment.words.as_ref().is_some_and(|words| wanted.contains(words)));
        prop_assert!(!allowed || understood.risk.level < Level::Dangerous || named, "{}", line);
    }

    #[test]
    fn more_words_never_allow_more_and_a_second_command_never_helps(line in line(), more in select(&PROGRAMS[..]), joint in select(&JOINTS[..])) {
        let git = || commands(&["git status", "ls"]);
        let longer = format!("{line}{joint}{more}");
        let more_alone = allows(git(), &runs(more));
        prop_assert!(!allows(git(), &runs(&longer)) || more_alone, "{}", longer);
    }

    #[test]
    fn of_many_rules_the_strictest_that_matches_answers(
        many in prop::collection::vec(rule_settings(), 0..12),
        (method, params) in request(),
    ) {
        let request = Request::read(method, &serde_json::value::to_raw_value(&params).unwrap());
        let asked = Asked::of_request(whence(), &request, None);
        let rules: Vec<_> = many.iter().enumerate().map(|(index, settings)| rule(&index.to_string(), settings.clone())).collect();
        let strictest = many.iter().filter(|settings| matches(settings, NOW, &asked, ground())).map(|settings| settings.verdict).max();
        let found = judge(&rules, NOW, &asked, ground()).map(|rule| rule.settings.verdict);
        prop_assert_eq!(found, strictest);
        let reversed = judge(rules.iter().rev(), NOW, &asked, ground()).map(|rule| rule.settings.verdict);
        prop_assert_eq!(reversed, strictest);
    }

    #[test]
    fn a_suggestion_answers_its_question((method, params) in request(), which in any::<Index>()) {
        let request = Request::read(method, &serde_json::value::to_raw_value(&params).unwrap());
        let asked = Asked::of_request(whence(), &request, Some(&item(&["/src/api/a"])));
        let all = suggest(&asked, ground());
        if !all.is_empty() {
            let one = which.get(&all);
            prop_assert!(super::super::validate(one).is_ok());
            prop_assert!(matches(one, NOW, &asked, ground()));
        }
    }
}
