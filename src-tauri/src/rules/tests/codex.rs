//! Codex's own rules on disk.

use std::fs;

use countersign_contract::{CodexRule, ErrorCode};
use proptest::prelude::*;
use tempfile::{TempDir, tempdir};

use super::super::codex::{read, remove, restore};

/// As Codex and people write them.
const FILE: &str = r#"# mine
prefix_rule(pattern=["git", "status"], decision="allow")

prefix_rule(
    pattern = ["git", ["push", 'fetch']],  # both )
    decision = "prompt",
    justification = "writes (a lot",
    match = [["git", "push"]],
)
  # between
prefix_rule(["rm"], "forbidden")
prefix_rule(pattern=["ls"])
prefix_rule(pattern=["a\"b", r"x\y"], decision="allow",)
WORDS = ["a", "b"]
prefix_rule(pattern=WORDS + ["c"])
network_rule(host="example.org", protocol="https", decision="allow")
def more():
    """One (
    """

    prefix_rule(pattern=["x"])
more()
prefix_rule(pattern=["é", "\u00e9"], decision="allow")
prefix_rule(pattern=["z"], decision="allow"); prefix_rule(pattern=["y"], decision="allow")
prefix_rule(pattern=["last"], decision="sometimes")
"#;

fn home(text: &str) -> TempDir {
    let home = tempdir().unwrap();
    fs::create_dir(home.path().join("rules")).unwrap();
    fs::write(home.path().join("rules/default.rules"), text).unwrap();
    home
}

fn rules(home: &TempDir) -> Vec<CodexRule> {
    let mut lists = read(home.path(), &[]);
    assert_eq!(lists.len(), 1);
    assert_eq!(lists[0].problem, None);
    lists.remove(0).rules
}

fn text(home: &TempDir) -> String {
    fs::read_to_string(home.path().join("rules/default.rules")).unwrap()
}

#[test]
fn every_statement_is_listed_and_what_can_be_read_is() {
    let found = rules(&home(FILE));
    let short: Vec<_> = found
        .iter()
        .map(|rule| (rule.line, rule.prefix.join(" "), rule.decision.as_str()))
        .collect();
    let of = |line, prefix: &str, decision| (line, prefix.to_owned(), decision);
    assert_eq!(
        short,
        [
            of(2, "git status", "allow"),
            of(4, "git push|fetch", "prompt"),
            of(11, "rm", "forbidden"),
            of(12, "ls", "allow"),
            of(13, r#"a"b x\y"#, "allow"),
            of(14, "", ""),
            of(15, "", ""),
            of(16, "", ""),
            of(17, "", ""),
            of(22, "", ""),
            of(23, "", ""),
            of(24, "", ""),
            of(25, "", ""),
        ]
    );
    assert!(found[1].text.starts_with("prefix_rule(\n") && found[1].text.ends_with("\n)"));
    assert!(
        found[8].text.ends_with(r#"prefix_rule(pattern=["x"])"#),
        "{}",
        found[8].text
    );
    for rule in &found {
        assert!(FILE.contains(&rule.text));
    }
}

#[test]
fn taking_a_rule_out_and_putting_it_back_changes_no_other_byte() {
    for file in [
        FILE.to_owned(),
        FILE.replace('\n', "\r\n"),
        FILE.trim_end().to_owned(),
    ] {
        let home = home(&file);
        for rule in rules(&home) {
            remove(home.path(), &rule).unwrap();
            let cut = text(&home);
            assert_eq!(
                rules(&home)
                    .iter()
                    .filter(|other| other.text == rule.text)
                    .count(),
                0
            );
            let before = file.split_inclusive('\n').take(rule.line as usize - 1);
            let at: usize = before.map(str::len).sum();
            assert!(
                file.starts_with(&cut[..at]) && file.ends_with(&cut[at..]),
                "{cut}"
            );
            assert_eq!(
                remove(home.path(), &rule).unwrap_err().code,
                ErrorCode::NotFound
            );
            assert_eq!(text(&home), cut);
            restore(home.path(), &rule).unwrap();
            // A last line that had no end has one then.
            assert_eq!(text(&home).trim_end(), file.trim_end());
        }
    }
}

#[test]
fn a_rule_that_changed_meanwhile_is_left_alone() {
    let home = home(FILE);
    let rule = rules(&home).remove(0);
    for other in [
        CodexRule {
            line: rule.line + 1,
            ..rule.clone()
        },
        CodexRule {
            text: "prefix_rule(pattern=[\"git\"])".to_owned(),
            ..rule.clone()
        },
        CodexRule {
            text: String::new(),
            ..rule.clone()
        },
    ] {
        assert_eq!(
            remove(home.path(), &other).unwrap_err().code,
            ErrorCode::NotFound
        );
        assert_eq!(text(&home), FILE);
    }
    fs::write(home.path().join("rules/default.rules"), format!("\n{FILE}")).unwrap();
    assert_eq!(
        remove(home.path(), &rule).unwrap_err().code,
        ErrorCode::NotFound
    );
}

#[test]
fn a_rule_comes_back_where_there_is_room_for_it() {
    let rule = CodexRule {
        line: 3,
        text: "prefix_rule(pattern=[\"ls\"])".to_owned(),
        prefix: vec!["ls".to_owned()],
        decision: "allow".to_owned(),
    };
    let check = |before: &str, after: &str| {
        let home = home(before);
        restore(home.path(), &rule).unwrap();
        assert_eq!(text(&home), after);
    };
    let ours = &rule.text;
    check("", &format!("{ours}\n"));
    check("a()", &format!("a()\n{ours}\n"));
    check("a()\nb()\nc()\n", &format!("a()\nb()\n{ours}\nc()\n"));
    check("a()\nb(\n1)\n", &format!("a()\nb(\n1)\n{ours}\n"));
    let nothing = tempdir().unwrap();
    restore(nothing.path(), &rule).unwrap();
    assert_eq!(rules(&nothing).len(), 1);
    for bad in ["", "# comment", "a()\nb()", "a(", "\na()"] {
        let bad = CodexRule {
            text: bad.to_owned(),
            ..rule.clone()
        };
        let refused = restore(nothing.path(), &bad);
        // A call that is not closed is one statement all the same, and was one where it came from.
        assert_eq!(refused.is_err(), bad.text != "a(", "{:?}", bad.text);
    }
}

#[test]
fn every_file_is_listed_and_a_link_stays_one() {
    let home = home("a()\n");
    let folder = home.path().join("rules");
    fs::write(folder.join("z.rules"), "z()\n").unwrap();
    fs::write(folder.join("a.rules"), "prefix_rule(pattern=[\"b\"])\n").unwrap();
    fs::write(folder.join("notes.txt"), "n()\n").unwrap();
    fs::write(
        home.path().join("kept"),
        "k()\nprefix_rule(pattern=[\"k\"])\n",
    )
    .unwrap();
    std::os::unix::fs::symlink(home.path().join("kept"), folder.join("link.rules")).unwrap();
    let lists = read(home.path(), &["p".to_owned()]);
    let names: Vec<_> = lists
        .iter()
        .map(|list| list.path.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(names, ["default.rules", "a.rules", "link.rules", "z.rules"]);
    remove(home.path(), &lists[2].rules[1]).unwrap();
    assert_eq!(
        fs::read_to_string(home.path().join("kept")).unwrap(),
        "k()\n"
    );
    assert!(folder.join("link.rules").is_symlink());

    fs::write(folder.join("z.rules"), b"\xff\xfe").unwrap();
    let lists = read(home.path(), &[]);
    assert!(lists[3].problem.is_some() && lists[3].rules.is_empty());
    assert_eq!(lists[1].rules.len(), 1, "the others are there");
    assert!(read(tempdir().unwrap().path(), &[]).is_empty());
}

#[test]
fn a_file_keeps_its_rights() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = home("a()\nb()\n");
    let path = home.path().join("rules/default.rules");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let rule = rules(&home).remove(0);
    remove(home.path(), &rule).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
    let left: Vec<_> = fs::read_dir(home.path().join("rules")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

proptest! {
    #[test]
    fn any_file_is_read_and_only_what_is_taken_out_is_gone(
        file in r#"([a-z(){}\[\]"'#\\\\\r\n ,=]|prefix_rule\(pattern=\["a"\]\)\n){0,60}"#,
        which in any::<prop::sample::Index>(),
    ) {
        let home = home(&file);
        let all = rules(&home);
        if !all.is_empty() {
            let rule = which.get(&all);
            remove(home.path(), rule).unwrap();
            let cut = text(&home);
            prop_assert!(cut.len() < file.len());
            let kept = file.len() - cut.len();
            prop_assert!((0..=cut.len()).any(|at| file.is_char_boundary(at)
                && cut[..at] == file[..at] && cut[at..] == file[at + kept..]));
        }
    }
}
