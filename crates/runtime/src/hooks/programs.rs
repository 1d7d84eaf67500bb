//! Which programs a command line runs, for matchers and for hooks that are programs.
//!
//! Codex sums a command up (FACTS section 4, `commandActions`), and leaves out of the sum what it
//! takes for unimportant. A hook that allows must see everything, so the whole line is read here, by
//! [`crate::command`], and whatever that reading is not sure of is said.

use crate::command::{Joint, Place, Redirects, understand};

/// The programs of a command line, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Programs {
    /// As they are written once quotes are resolved: `ls`, `/bin/ls`, `./run.sh`. One that is decided
    /// only while it runs is as it is written: `$SHELL`.
    pub names: Vec<String>,
    /// These are all, and nothing else than running them happens: no redirections, substitutions,
    /// keywords, variables, patterns or programs that run others. False whenever there is doubt.
    pub complete: bool,
}

/// Reads a command line of a shell.
pub fn programs(command: &str) -> Programs {
    let understood = understand(command, &Place::default());
    let mut found = Programs {
        names: Vec::new(),
        complete: understood.doubts.is_empty(),
    };
    for segment in &understood.segments {
        let is_plain = segment
            .words
            .as_ref()
            .is_some_and(|words| !words.is_empty())
            && segment.variables.is_empty()
            && segment.redirects == Redirects::None
            && matches!(
                segment.joined_by,
                Joint::First
                    | Joint::Then
                    | Joint::And
                    | Joint::Or
                    | Joint::Pipe
                    | Joint::Background
            );
        found.complete &= is_plain;
        match &segment.program {
            Some(program) => found.names.push(program.clone()),
            None if segment.words.is_none() => {
                found
                    .names
                    .extend(segment.text.split_whitespace().next().map(str::to_owned));
            }
            None => {}
        }
    }
    if understood.segments.is_empty() && !found.complete {
        found.names = guessed(command);
    }
    found
}

/// The first words of what could be commands of a line that is not understood: rather too many, for
/// those who want to block one.
fn guessed(command: &str) -> Vec<String> {
    command
        .split([';', '|', '&', '(', ')', '{', '}', '`', '\n'])
        .filter_map(|part| {
            let word = part.split_whitespace().find(|word| !word.contains('='))?;
            Some(word.replace(['\'', '"', '\\'], ""))
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &str, names: &[&str], complete: bool) {
        let found = programs(command);
        assert_eq!(
            (
                found.names.iter().map(String::as_str).collect::<Vec<_>>(),
                found.complete
            ),
            (names.to_vec(), complete),
            "for {command}"
        );
    }

    #[test]
    fn every_program_of_a_line_is_seen() {
        check("ls", &["ls"], true);
        check(
            "ls -la | head -n 5 && rm -rf x; echo 'a;b'",
            &["ls", "head", "rm", "echo"],
            true,
        );
        check(
            "sleep 5 & git status\nmake",
            &["sleep", "git", "make"],
            true,
        );
        check("'r'm x", &["rm"], true);
        check(r"r\m x", &["rm"], true);
        check("echo \"a; b | c\" # rm", &["echo"], true);
        check("/usr/bin/rm -r", &["/usr/bin/rm"], true);
        check("ls 2>&1 | head", &["ls", "head"], true);
        check("", &[], true);
    }

    #[test]
    fn doubt_is_said() {
        check("echo $(rm x)", &["echo", "rm"], false);
        check("echo `rm x`", &["echo", "rm"], false);
        check("echo \"$(rm x)\"", &["echo", "rm"], false);
        check("echo a > /etc/passwd", &["echo"], false);
        check("cat <<EOF\nEOF", &["cat"], false);
        check("2>/dev/null rm", &["rm"], true);
        check(">out rm x", &["rm"], false);
        check("PATH=/tmp ls", &["ls"], false);
        check("$SHELL -c x", &["$SHELL"], false);
        check("if true; then rm x; fi", &["true", "rm"], false);
        check("(cd x)", &["cd"], false);
        check("echo 'open", &["echo"], false);
        check("{ rm x; }", &["rm"], false);
        check("echo ${x:-y}", &["echo"], false);
        check("ls *", &["ls"], false);
        check("sudo rm x", &["sudo", "rm"], false);
        check("sh -c 'ls; rm x'", &["sh", "ls", "rm"], false);
        check("find . -exec rm {} +", &["find", "rm"], false);
        check("ls; rm -rf x '", &["ls", "rm"], false);
    }
}
