//! What command lines do: a corpus with what is expected of each line, and what holds for every line.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use countersign_runtime::command::{
    DoubtKind, Effect, Joint, LONGEST_LINE, Place, RiskLevel, Understood, prefix_matches,
    understand,
};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    class: String,
    level: String,
    programs: Vec<String>,
    effects: Vec<String>,
    line: String,
}

fn corpus() -> Vec<Expected> {
    include_str!("command/corpus.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn place() -> Place<'static> {
    Place {
        cwd: Some(Path::new("/work/app")),
        folder: Some(Path::new("/work/app")),
        home: Some(Path::new("/home/u")),
    }
}

fn read(line: &str) -> Understood {
    understand(line, &place())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn every_line_of_the_corpus_is_understood_as_expected() {
    let mut differences = Vec::new();
    for expected in corpus() {
        let found = read(&expected.line);
        let programs: Vec<&str> = found
            .segments
            .iter()
            .map(|segment| segment.program.as_deref().unwrap_or("?"))
            .collect();
        let mut effects: Vec<Effect> = found
            .segments
            .iter()
            .flat_map(|segment| segment.effects.iter())
            .collect();
        effects.sort();
        effects.dedup();
        let effects: Vec<String> = effects
            .iter()
            .map(|effect| format!("{effect:?}").to_lowercase())
            .collect();
        let level = format!("{:?}", found.risk.level).to_lowercase();
        if level != expected.level || programs != expected.programs || effects != expected.effects {
            differences.push(format!(
                "{}\n  expected {} {:?} {:?}\n  found    {level} {programs:?} {effects:?}\n  because  {:?}",
                expected.line,
                expected.level,
                expected.programs,
                expected.effects,
                found
                    .risk
                    .reasons
                    .iter()
                    .map(|reason| &*reason.sentence)
                    .collect::<Vec<_>>(),
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn nothing_nasty_is_low_and_the_corpus_is_large() {
    let corpus = corpus();
    let nasty: Vec<&Expected> = corpus
        .iter()
        .filter(|expected| expected.class == "nasty")
        .collect();
    assert!(corpus.len() >= 300 && nasty.len() >= 100);
    for expected in nasty {
        assert!(
            read(&expected.line).risk.level > RiskLevel::Low,
            "{}",
            expected.line
        );
    }
}

#[test]
fn what_is_more_than_low_says_why_and_where() {
    for expected in corpus() {
        let found = read(&expected.line);
        let worst = found.risk.reasons.iter().map(|reason| reason.level).max();
        assert_eq!(
            worst.unwrap_or_default(),
            found.risk.level,
            "{}",
            expected.line
        );
        for reason in &found.risk.reasons {
            assert!(reason.sentence.ends_with('.') && reason.level > RiskLevel::Low);
            assert!(
                expected.line.get(reason.span.clone()).is_some(),
                "{}: {reason:?}",
                expected.line
            );
        }
    }
}

#[test]
fn segments_tell_what_is_joined_read_and_reached() {
    let found =
        read("cd src && cat ../README.md | sudo tee /etc/x > out & curl -s https://u@x.io:8080/a");
    let joints: Vec<Joint> = found
        .segments
        .iter()
        .map(|segment| segment.joined_by)
        .collect();
    assert_eq!(
        joints,
        [
            Joint::First,
            Joint::And,
            Joint::Pipe,
            Joint::Wrapped,
            Joint::Background
        ]
    );
    let texts: Vec<&str> = found
        .segments
        .iter()
        .map(|segment| &*segment.text)
        .collect();
    assert_eq!(
        texts,
        [
            "cd src",
            "cat ../README.md",
            "sudo tee /etc/x > out",
            "tee /etc/x",
            "curl -s https://u@x.io:8080/a"
        ]
    );
    let tee = &found.segments[3];
    assert_eq!(tee.paths[0].path, Path::new("/etc/x"));
    assert!(tee.paths[0].outside && tee.effects.contains(Effect::Writes));
    assert_eq!(found.segments[4].hosts, ["x.io"]);

    let inner = read("echo \"a $(git log -1)\" é $(ls)");
    let texts: Vec<&str> = inner
        .segments
        .iter()
        .map(|segment| &*segment.text)
        .collect();
    assert_eq!(
        texts,
        ["echo \"a $(git log -1)\" é $(ls)", "git log -1", "ls"]
    );
    assert_eq!(inner.segments[0].words, None);
}

#[test]
fn words_are_those_that_the_program_gets() {
    let check = |line: &str, wanted: Option<&[&str]>| {
        assert_eq!(read(line).segments[0].words, wanted.map(words), "{line}");
    };
    check(r#"a 'b c' "d e" f\ g"#, Some(&["a", "b c", "d e", "f g"]));
    check(r#"a b"c"'d'\e"#, Some(&["a", "bcde"]));
    check(r#"a "\$x \"\\ \n""#, Some(&["a", "$x \"\\ \\n"]));
    check(r"a $'\x41\n'", Some(&["a", "A\n"]));
    check("a ''", Some(&["a", ""]));
    check("a [ '*' \\* {a}", Some(&["a", "[", "*", "*", "{a}"]));
    check("a $x", None);
    check("a \"$x\"", None);
    check("a *", None);
    check("a {b,c}", None);
    check("a ~", None);
    check("a $(b)", None);
    check("a <(b)", None);
}

#[test]
fn a_rule_matches_the_words_of_every_segment_and_no_more() {
    let status = words(&["git", "status"]);
    let check = |line: &str, wanted: bool| {
        assert_eq!(read(line).is_covered_by(&[&status[..]]), wanted, "{line}");
    };
    check("git status", true);
    check("git status -s", true);
    check("git 'status'", true);
    check("git status; git status", true);
    check("git status > /dev/null 2>&1", true);
    check("git stat", false);
    check("'git status'", false);
    check("git status; ls", false);
    check("git status\nls", false);
    check("git status & ls", false);
    check("git status $(ls)", false);
    check("git status > x", false);
    check("X=1 git status", false);
    check("PATH=. git status", false);
    check("sudo git status", false);
    check("git status $X", false);
    check("git status *", false);
    check("git() { rm x; }; git status", false);
    check("git status \u{202e}", false);
    check("git status '", false);
    check("", false);
    check("# git status", false);
    assert!(!prefix_matches(&[], &read("ls").segments[0]));
    assert!(!read("ls").is_covered_by::<Vec<String>>(&[]));
}

#[test]
fn what_is_too_much_is_turned_away() {
    let deep = |open: &str, close: &str, times: usize| {
        format!("{}ls{}", open.repeat(times), close.repeat(times))
    };
    for line in [
        "a".repeat(LONGEST_LINE + 1),
        "a ".repeat(1 << 19),
        "a;".repeat(1 << 19),
        "a && ".repeat(10_000) + "a",
        "(".repeat(10_000),
        deep("( ", " )", 10_000),
        deep("$(", ")", 10_000),
        deep("echo \"$(", ")\"", 60),
        deep("{ ", "; }", 10_000),
        deep("if ", "; then a; fi", 3_000),
        "{a,".repeat(40_000),
        "<<E$[\t\t".into(),
        "sudo ".repeat(20_000),
        "f() ".repeat(10_000),
    ] {
        let found = read(&line);
        assert_eq!(found.risk.level, RiskLevel::Dangerous, "{:.40}", line);
        assert!(
            found
                .doubts
                .iter()
                .any(|doubt| matches!(doubt.kind, DoubtKind::TooBig | DoubtKind::NotParsed)),
            "{:.40}",
            line
        );
    }
}

#[test]
fn where_nothing_is_known_of_the_place_what_climbs_is_outside() {
    let outside = |line: &str| {
        understand(line, &Place::default())
            .segments
            .iter()
            .flat_map(|segment| &segment.paths)
            .any(|path| path.outside)
    };
    assert!(!outside("cat a/b"));
    assert!(outside("cat ../b"));
    assert!(outside("cat /b"));
    assert!(outside("cat ~/b"));
}

/// Pieces that lines are made of, the treacherous ones among them.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "ls", "rm", "-rf", "/", "git", "status", "echo", "sh", "-c", "sudo", "xargs", "find", ".", "-exec", "cat", "~", "x",
            "a=b", "if", "then", "fi", "for", "do", "done", "while", "case", "in", "esac", "function", "{", "}", "[[", "]]", "((",
        ]).prop_map(str::to_owned),
        4 => prop::sample::select(vec![
            " ", " ", " ", "\n", ";", "&", "|", "&&", "||", "(", ")", "$(", "`", "'", "\"", "\\", "$", "${", "}", "<(", ">", ">>",
            "<", "<<E", "\nE\n", "<<<", "*", "{a,b}", "#", "!", "~", "$'", "$((", "))", "\t", "\u{202e}", "é", "2>&1", "=",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_line_is_too_much(line in prop_oneof![any::<String>(), pieces()]) {
        let found = read(&line);
        let mut last = 0;
        for segment in &found.segments {
            prop_assert_eq!(line.get(segment.span.clone()), Some(&*segment.text));
            prop_assert!(segment.span.start >= last);
            last = segment.span.start;
        }
        for span in found.doubts.iter().map(|doubt| &doubt.span).chain(found.risk.reasons.iter().map(|reason| &reason.span)) {
            prop_assert!(line.get(span.clone()).is_some());
        }
    }

    #[test]
    fn what_deletes_everything_is_dangerous_behind_any_line(line in pieces(), nth in 0usize..1000) {
        let before = read(&line).risk.level;
        // Behind what escapes it, it is text.
        prop_assume!(!line.ends_with('\\'));
        let after = read(&format!("{line}; rm -rf /"));
        prop_assert!(after.risk.level >= before, "{:?} {:?}", before, after.risk);
        let piped = read(&format!("{line} | sh"));
        prop_assert!(piped.risk.level >= before, "{:?} {:?}", before, piped.risk);
        // Behind a line that is whole, it is seen.
        let corpus = corpus();
        let whole = &corpus[nth % corpus.len()];
        if whole.class == "plain" && !whole.line.contains(['#', '\n']) {
            prop_assert_eq!(read(&format!("{}; rm -rf /", whole.line)).risk.level, RiskLevel::Dangerous);
            prop_assert_eq!(read(&format!("{}\nrm -rf /", whole.line)).risk.level, RiskLevel::Dangerous);
            prop_assert_eq!(read(&format!("{} | sh", whole.line)).risk.level, RiskLevel::Dangerous);
        }
    }

    #[test]
    fn quotes_do_not_change_words(given in prop::collection::vec(("[a-zA-Z0-9 ./*$~{}&|;<>#!=,-]{0,8}", 0u8..3), 1..6)) {
        let line = given.iter().map(|(word, how)| match how {
            0 => format!("'{word}'"),
            1 => format!("\"{}\"", word.replace('$', "\\$")),
            _ if word.is_empty() => "''".to_owned(),
            _ => word.chars().flat_map(|c| ['\\', c]).collect(),
        }).collect::<Vec<_>>().join(" ");
        let wanted: Vec<String> = given.into_iter().map(|(word, _)| word).collect();
        let found = read(&line);
        prop_assert_eq!(found.segments.first().and_then(|segment| segment.words.clone()), Some(wanted), "{}", line);
    }

    #[test]
    fn a_rule_never_covers_one_segment_more(rest in pieces(), joint in prop::sample::select(vec!["; ", " && ", " || ", " | ", " & ", "\n", " $(", " `", " <("])) {
        let rule = vec![words(&["git", "status"])];
        let line = format!("git status{joint}evil {rest}");
        prop_assert!(!read(&line).is_covered_by(&rule), "{}", line);
    }
}
