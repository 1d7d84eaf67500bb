//! What command rules match: a table of lines.

use super::*;

/// Lines that each of these rules allows, and lines that it must not.
const ALLOWED: &[(&[&str], &str)] = &[
    (&["git status"], "git status"),
    (&["git status"], "git status -s"),
    (&["git status"], "git  status   --short"),
    (&["git status"], "'git' \"status\""),
    (&["git status"], "git status && git status -s"),
    (&["git status"], "git status; git status"),
    (&["git status"], "git status\ngit status -s"),
    (&["git status", "git diff"], "git status && git diff --stat"),
    (&["git log", "head"], "git log --oneline | head -5"),
    (&["git status"], "git status 2>&1"),
    (&["git status"], "git status > /dev/null"),
    (&["ls"], "ls -la src"),
    (&["cargo test"], "cargo test -p api"),
    (&["git status -s"], "git status -s"),
];

const NOT_ALLOWED: &[(&[&str], &str)] = &[
    // Another command beside it, joined in every way there is.
    (&["git status"], "git status; rm -rf /"),
    (&["git status"], "git status && rm -rf /"),
    (&["git status"], "git status || rm -rf /"),
    (&["git status"], "git status | sh"),
    (&["git status"], "git status & rm -rf /"),
    (&["git status"], "git status\nrm -rf /"),
    (&["git status"], "rm -rf /; git status"),
    (&["git status"], "(rm -rf /); git status"),
    (&["git status"], "{ rm -rf /; git status; }"),
    (&["git status"], "if true; then rm x; fi; git status"),
    (&["git status"], "git status; f() { rm x; }; f"),
    // Substitutions.
    (&["git status"], "git status && $(curl x)"),
    (&["git status"], "git status $(curl x)"),
    (&["git status"], "git status `curl x`"),
    (&["git status"], "git status \"$(curl x)\""),
    (&["git status"], "git status <(curl x)"),
    (&["git status"], "git $(echo status)"),
    // Words that are not known.
    (&["git status"], "git $X"),
    (&["git status"], "$GIT status"),
    (&["git status"], "git status $X"),
    (&["git status"], "git status ${X:-y}"),
    (&["git status"], "git status $((1+1))"),
    (&["ls"], "l? -la"),
    // Not these words.
    (&["git status"], "git stash"),
    (&["git status"], "git statusx"),
    (&["git status"], "'git status'"),
    (&["git status"], "git"),
    (&["git status"], "./git status"),
    (&["git status"], "/tmp/git status"),
    (&["git status"], "git -c alias.status='!rm' status"),
    (&["git status"], "git --git-dir=/tmp/x status"),
    (&["git status"], "git -C /tmp status"),
    // The environment.
    (&["git status"], "X=1 git status"),
    (&["git status"], "env X=1 git status"),
    (&["git status"], "PATH=/tmp:$PATH git status"),
    (&["git status"], "GIT_SSH_COMMAND=evil git status"),
    (&["git status"], "export PATH=/tmp; git status"),
    // Wrapped.
    (&["git status"], "sh -c 'git status; rm x'"),
    (&["git status"], "bash -c 'git status'"),
    (&["git status"], "sudo git status"),
    (&["git status"], "eval git status"),
    (&["git status"], "xargs git status"),
    (&["git status"], "time git status; rm x"),
    (&["xargs"], "xargs rm"),
    (&["sh"], "sh -c 'rm x'"),
    (&["sudo"], "sudo rm x"),
    (&["find"], "find . -exec rm {} +"),
    // Written to or read from elsewhere.
    (&["git status"], "git status > /etc/passwd"),
    (&["git status"], "git status >> ~/.bashrc"),
    (&["git status"], "git status >| x"),
    (&["git status"], "> x git status"),
    (&["cat"], "cat <<EOF > x\nhi\nEOF"),
    // Nothing that can be read.
    (&["git status"], "git status 'open"),
    (&["git status"], "git status &&"),
    (&["git status"], ""),
    (&["git status"], "# git status"),
    // Looks like it and is not.
    (&["git status"], "gіt status"),
    (&["git status"], "git\u{a0}status"),
    (&["git status"], "git status \u{202e}x"),
    (&["git status"], "git\u{200b} status"),
];

#[test]
fn a_rule_allows_a_line_only_when_every_command_of_it_begins_with_its_words() {
    for (prefixes, line) in ALLOWED {
        assert!(
            allows(commands(prefixes), &runs(line)),
            "{prefixes:?} has to allow {line:?}"
        );
    }
    for (prefixes, line) in NOT_ALLOWED {
        assert!(
            !allows(commands(prefixes), &runs(line)),
            "{prefixes:?} must not allow {line:?}"
        );
    }
}

#[test]
fn a_rule_denies_when_one_command_begins_with_its_words() {
    for line in [
        "rm x",
        "rm -rf /",
        "git status; rm x",
        "git status && rm x",
        "echo x | rm y",
        "(cd /tmp && rm x)",
        "sh -c 'rm x'",
        "bash -lc \"rm x\"",
        "sudo rm x",
        "sudo -u root rm x",
        "xargs rm",
        "find . -exec rm {} +",
        "env X=1 rm x",
        "X=1 rm x",
        "nohup rm x",
        "rm *",
        "rm $X",
        "rm x > log",
        "/bin/rm x",
        "\\rm x",
        "'rm' x",
        "r''m x",
        "echo $(rm x)",
        "echo \"`rm x`\"",
        "if true; then rm x; fi",
        "for f in a b; do rm \"$f\"; done",
        "f() { rm x; }; f",
        "git status\nrm x",
    ] {
        assert!(denies(commands(&["rm"]), &runs(line)), "{line}");
    }
    for line in [
        "git status",
        "echo rm",
        "rmdir x",
        "git rm x",
        "cat rm",
        "echo 'rm x'",
    ] {
        assert!(!denies(commands(&["rm"]), &runs(line)), "{line}");
    }
    assert!(denies(
        commands(&["git push"]),
        &runs("git push origin $BRANCH")
    ));
    assert!(denies(commands(&["git push"]), &runs("X=1 git push $Y")));
    assert!(!denies(
        commands(&["git push"]),
        &runs("git log $BRANCH push")
    ));
    assert!(denies(commands(&["/opt/x"]), &runs("/opt/x a")));
    assert!(!denies(commands(&["/opt/x"]), &runs("x a")));
}

#[test]
fn what_is_dangerous_is_allowed_only_by_a_rule_that_is_it() {
    let line = "rm -rf /srv/data";
    assert!(allows(commands(&[line]), &runs(line)));
    for broader in ["rm", "rm -rf"] {
        assert!(!allows(commands(&[broader]), &runs(line)), "{broader}");
    }
    assert!(
        !allows(commands(&[line, "ls"]), &runs(line)),
        "a rule that allows more than it"
    );
    assert!(!allows(
        commands(&[line]),
        &runs("rm -rf /srv/data /srv/other")
    ));
    let both = &["ls /srv", line];
    assert!(allows(commands(both), &runs("ls /srv && rm -rf /srv/data")));
    for other in [
        "ls /srv; rm -rf /srv/data",
        "ls /srv || rm -rf /srv/data",
        "ls /srv & rm -rf /srv/data",
        "ls /srv | rm -rf /srv/data",
        "rm -rf /srv/data && ls /srv",
        "ls /srv && rm -rf /srv/data && rm -rf /srv/data",
        "ls /srv && X=1 rm -rf /srv/data",
        "ls /srv && rm -rf /srv/data > x",
    ] {
        assert!(!allows(commands(both), &runs(other)), "{other}");
    }
    let elsewhere = with(command(line), json!({"cwd": "/src/api/old"}));
    assert!(
        !allows(commands(&[line]), &asked(SubjectKind::Command, &elsewhere)),
        "the same words in another folder"
    );
    assert!(allows(commands(&["sudo ls /root"]), &runs("sudo ls /root")));
}

#[test]
fn what_asks_for_more_than_to_run_is_not_allowed_by_its_words() {
    let ls = || command("ls");
    let of = |more: Value| asked(SubjectKind::Command, &with(ls(), more));
    assert!(allows(commands(&["ls"]), &of(json!({}))));
    for more in [
        json!({"kind": "writeStdin"}),
        json!({"kind": "teleport"}),
        json!({"additionalPermissions": {"network": {"enabled": true}}}),
        json!({"additionalPermissions": {"fileSystem": {"write": ["/etc"]}}}),
        json!({"additionalPermissions": {"camera": true}}),
        json!({"networkApprovalContext": {"host": "example.org", "protocol": "https"}}),
        json!({"cwd": null}),
        json!({"cwd": "relative"}),
        json!({"command": "/tmp/bash -lc ls"}),
        json!({"command": "./bash -lc ls"}),
        json!({"command": "'/src/api/my bash' -lc ls"}),
        json!({"command": null}),
        json!({"command": ""}),
        json!({"command": 7}),
    ] {
        assert!(!allows(commands(&["ls"]), &of(more.clone())), "{more}");
    }
    for more in [
        json!({"kind": "writeStdin"}),
        json!({"additionalPermissions": {"network": {"enabled": true}}}),
        json!({"command": "/tmp/bash -lc ls"}),
        json!({"cwd": null}),
    ] {
        assert!(denies(commands(&["ls"]), &of(more.clone())), "{more}");
        assert!(denies(commands(&[]), &of(more.clone())), "{more}");
    }
    assert!(!allows(commands(&[]), &runs("ls")), "no words at all");
    let empty = RuleAbout::Commands {
        prefixes: vec![Vec::new()],
    };
    assert!(!allows(empty.clone(), &runs("ls")) && !denies(empty, &runs("ls")));
}

#[test]
fn a_command_is_allowed_where_the_rule_means_it() {
    let ran_in = |line: &str, cwd: &str| {
        asked(
            SubjectKind::Command,
            &with(command(line), json!({"cwd": cwd})),
        )
    };
    let check = |scope: RuleScope, line: &str, cwd: &str, wanted: bool| {
        let prefix = line.split(' ').next().unwrap();
        let rule = rule(
            "r",
            settings(Verdict::Allow, commands(&[prefix]), scope.clone()),
        );
        let found = judge([&rule], NOW, &ran_in(line, cwd), ground()).is_some();
        assert_eq!(found, wanted, "{scope:?} {line} in {cwd}");
    };
    for scope in [session("s1"), folder("/src/api")] {
        check(scope.clone(), "ls", "/src/api", true);
        check(scope.clone(), "ls", "/src/api/deep", true);
        check(scope.clone(), "ls", "/src/api/../web", false);
        check(scope.clone(), "ls", "/src/apis", false);
        check(scope, "./ls", "/tmp", false);
    }
    check(folder("/src"), "ls", "/src/web", true);
    for scope in [profile("p1"), RuleScope::Everywhere] {
        check(scope.clone(), "ls", "/tmp", true);
        check(scope.clone(), "./ls", "/tmp", false);
        check(scope.clone(), "./ls", "/src/api", true);
    }
}
