//! Which programs a command line runs.
//!
//! Codex sums a command up (FACTS section 4, `commandActions`), and leaves out of the sum what it
//! takes for unimportant. A hook that allows must see everything, so the whole line is read here, and
//! whatever this reading is not sure of is said: substitutions, redirections, shell keywords,
//! variables in a program's place. Deliberately not here: a shell parser.

/// The programs of a command line, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Programs {
    /// As they are written: `ls`, `/bin/ls`, `./run.sh`.
    pub names: Vec<String>,
    /// These are all, and nothing else than running them happens. False whenever there is doubt.
    pub complete: bool,
}

/// Words that change what the next ones mean.
const KEYWORDS: [&str; 22] = [
    "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac",
    "in", "function", "select", "time", "coproc", "!", "[[", "]]", "{", "}",
];

/// Reads a command line of a POSIX shell.
pub fn programs(command: &str) -> Programs {
    let mut reader = Reader {
        out: Programs {
            names: Vec::new(),
            complete: true,
        },
        word: None,
        is_plain: true,
        at_program: true,
        is_target: false,
    };
    reader.read(command);
    reader.end_command();
    reader.out
}

struct Reader {
    out: Programs,
    word: Option<String>,
    /// The word has no quotes and no expansions.
    is_plain: bool,
    /// The next word is a program.
    at_program: bool,
    /// The next word is the target of a redirection.
    is_target: bool,
}

impl Reader {
    fn read(&mut self, command: &str) {
        let mut chars = command.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\n' | ';' | '|' => self.end_command(),
                '&' => self.end_command(),
                '(' | ')' => {
                    self.out.complete = false;
                    self.end_command();
                }
                c if c.is_whitespace() => self.end_word(),
                '#' if self.word.is_none() => while chars.next_if(|&c| c != '\n').is_some() {},
                '<' | '>' => {
                    self.out.complete = false;
                    // The number of what is redirected.
                    self.word
                        .take_if(|word| word.bytes().all(|b| b.is_ascii_digit()));
                    self.end_word();
                    while chars
                        .next_if(|c| matches!(c, '<' | '>' | '&' | '|'))
                        .is_some()
                    {}
                    self.is_target = true;
                }
                '\'' => {
                    self.is_plain = false;
                    let word = self.word.get_or_insert_default();
                    loop {
                        match chars.next() {
                            Some('\'') => break,
                            Some(c) => word.push(c),
                            None => return self.out.complete = false,
                        }
                    }
                }
                '"' => {
                    self.is_plain = false;
                    self.word.get_or_insert_default();
                    loop {
                        match chars.next() {
                            Some('"') => break,
                            Some('\\') => {
                                if let Some(c) = chars.next() {
                                    self.push(c);
                                }
                            }
                            Some('`') => self.out.complete = false,
                            Some('$') => {
                                if matches!(chars.peek(), Some('(' | '{')) {
                                    self.out.complete = false;
                                }
                                self.push('$');
                            }
                            Some(c) => self.push(c),
                            None => return self.out.complete = false,
                        }
                    }
                }
                '\\' => match chars.next() {
                    Some('\n') | None => {}
                    Some(c) => {
                        self.is_plain = false;
                        self.push(c);
                    }
                },
                '`' => self.out.complete = false,
                '$' => {
                    if matches!(chars.peek(), Some('(' | '{' | '\'' | '"')) {
                        self.out.complete = false;
                    }
                    self.push('$');
                }
                c => self.push(c),
            }
        }
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        let is_plain = std::mem::replace(&mut self.is_plain, true);
        let Some(word) = self.word.take() else {
            return;
        };
        if std::mem::take(&mut self.is_target) || !self.at_program {
            return;
        }
        if is_plain && (KEYWORDS.contains(&&*word) || is_assignment(&word)) {
            // What follows may still be a program; what it does is no longer plain.
            self.out.complete = false;
            return;
        }
        // A variable or a pattern where the program stands.
        if word.contains(['$', '*', '?', '[', '~']) {
            self.out.complete = false;
        }
        self.at_program = false;
        self.out.names.push(word);
    }

    fn end_command(&mut self) {
        self.end_word();
        self.at_program = true;
        self.is_target = false;
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
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
        check("", &[], true);
    }

    #[test]
    fn doubt_is_said() {
        check("echo $(rm x)", &["echo", "rm"], false);
        check("echo `rm x`", &["echo"], false);
        check("echo \"$(rm x)\"", &["echo"], false);
        check("echo a > /etc/passwd", &["echo"], false);
        check("cat <<EOF\nEOF", &["cat", "EOF"], false);
        check("2>/dev/null rm", &["rm"], false);
        check(">out rm x", &["rm"], false);
        check("PATH=/tmp ls", &["ls"], false);
        check("$SHELL -c x", &["$SHELL"], false);
        check("if true; then rm x; fi", &["true", "rm"], false);
        check("(cd x)", &["cd"], false);
        check("echo 'open", &["echo"], false);
        check("{ rm x; }", &["rm"], false);
        check("echo ${x:-y}", &["echo"], false);
    }
}
