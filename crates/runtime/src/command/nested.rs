//! Commands that run other commands: `sudo X`, `xargs X`, `find -exec X`, `sh -c 'X'`.

use super::read::Command;
use super::word::Word;

/// What a command runs besides itself.
#[derive(Debug)]
pub(super) enum Nested {
    /// These words, as a command.
    Words(Vec<Word>),
    /// This text, as a line of a shell.
    Line(Word),
    /// Something that is decided while it runs.
    Undecided,
    /// Lines of a shell that come in by a pipe or a file.
    Input,
    /// Code in another language that comes in by a here-document.
    ForeignInput,
}

/// How to find the command among the words of a program that runs one.
struct Wrapper {
    programs: &'static str,
    /// Flags whose value is a word of its own.
    valued: &'static str,
    /// Words before the command that are no flags.
    skipped: usize,
    /// `NAME=value` may stand before the command.
    assigns: bool,
}

const fn wrapper(
    programs: &'static str,
    valued: &'static str,
    skipped: usize,
    assigns: bool,
) -> Wrapper {
    Wrapper {
        programs,
        valued,
        skipped,
        assigns,
    }
}

#[rustfmt::skip]
const WRAPPERS: &[Wrapper] = &[
    wrapper("sudo", "-u --user -g --group -h --host -p --prompt -C --close-from -r --role -t --type -T --command-timeout -U --other-user -D --chdir -R --chroot", 0, true),
    wrapper("doas", "-u -C", 0, false),
    wrapper("run0 pkexec", "-u --user", 0, false),
    wrapper("env", "-u --unset -C --chdir -a --argv0", 0, true),
    wrapper("nohup setsid unbuffer caffeinate dbus-run-session xvfb-run busybox toybox ccache sccache bear exec", "-a -n -s -e", 0, false),
    wrapper("nice", "-n --adjustment", 0, false),
    wrapper("ionice", "-c --class -n --classdata -p", 0, false),
    wrapper("stdbuf", "-i -o -e --input --output --error", 0, false),
    wrapper("time", "-f --format -o --output", 0, false),
    wrapper("timeout", "-s --signal -k --kill-after", 1, false),
    wrapper("chrt taskset", "-T -P -D", 1, false),
    wrapper("command builtin", "", 0, false),
    wrapper("xargs", "-I -n -P -L -d -a -s -E --max-args --max-procs --max-lines --delimiter --arg-file --replace --max-chars", 0, false),
    wrapper("parallel", "-j --jobs -a --arg-file --colsep -N --delay --timeout", 0, false),
    wrapper("entr rlwrap faketime", "-s -f", 0, false),
    wrapper("strace ltrace valgrind perf", "-o -e -p -s -u -P -O -S", 0, false),
    wrapper("chroot", "--userspec --groups", 1, false),
    wrapper("unshare nsenter firejail bwrap setpriv capsh gosu systemd-run", "-t -S -G --bind --ro-bind -p --unit --slice", 0, false),
    wrapper("flock", "-w --timeout -E", 1, false),
    wrapper("runuser", "-u -g -G", 0, false),
];

/// Programs that run the rest of their words behind these.
const RUNNERS: &[&[&str]] = &[
    &["uv", "run"],
    &["poetry", "run"],
    &["pipenv", "run"],
    &["pdm", "run"],
    &["bundle", "exec"],
    &["npm", "exec", "--"],
    &["pnpm", "exec"],
    &["yarn", "exec"],
    &["direnv", "exec", "."],
    &["nix", "run", "--"],
    &["git", "bisect", "run"],
];

const SHELLS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "ksh", "ash", "mksh", "fish", "csh", "tcsh", "rbash",
];

const INTERPRETERS: &[&str] = &[
    "python",
    "python2",
    "python3",
    "pypy",
    "pypy3",
    "node",
    "nodejs",
    "ruby",
    "perl",
    "php",
    "lua",
    "luajit",
    "Rscript",
    "R",
    "julia",
    "ghci",
    "tclsh",
    "wish",
    "expect",
    "guile",
    "psql",
    "mysql",
    "sqlite3",
    "ipython",
    "irb",
    "deno",
    "bun",
    "osascript",
    "pwsh",
    "powershell",
    "nu",
    "elvish",
    "xonsh",
    "bc",
    "ed",
    "ex",
    "at",
    "batch",
    "gdb",
    "ftp",
    "sftp",
];

/// Whether it is a shell.
pub(super) fn is_shell(name: &str) -> bool {
    SHELLS.contains(&name)
}

/// What a command runs besides itself. The name is without its folder.
pub(super) fn nested(name: &str, command: &Command) -> Vec<Nested> {
    let arguments = command.words.get(1..).unwrap_or_default();
    if is_shell(name) {
        return shell(command, arguments);
    }
    if let Some(wrapper) = WRAPPERS
        .iter()
        .find(|wrapper| wrapper.programs.split(' ').any(|program| program == name))
    {
        return wrapped(name, wrapper, arguments);
    }
    if let Some(runner) = RUNNERS.iter().find(|runner| {
        runner.len() <= command.words.len()
            && runner[1..]
                .iter()
                .zip(arguments)
                .all(|(wanted, word)| word.is(wanted))
            && runner[0] == name
    }) {
        return words(arguments.get(runner.len() - 1..).unwrap_or_default());
    }
    match name {
        "find" | "fd" | "fdfind" => found(name, arguments),
        "eval" => joined(arguments),
        "trap" => match arguments
            .iter()
            .find(|word| !word.raw.starts_with('-') || word.raw == "-")
        {
            Some(word) if !matches!(word.raw.as_str(), "-" | "''" | "\"\"") => vec![line(word)],
            _ => Vec::new(),
        },
        "su" | "script" | "watch" => match after(arguments, &["-c", "--command"]) {
            Some(word) => vec![line(word)],
            None if name == "watch" => joined(
                arguments
                    .iter()
                    .position(|word| !word.raw.starts_with('-') && word.raw.parse::<f64>().is_err())
                    .and_then(|at| arguments.get(at..))
                    .unwrap_or_default(),
            ),
            None => Vec::new(),
        },
        "source" | "." => match arguments.first() {
            Some(word) if word.value.is_none() || word.raw.starts_with("/dev/") => {
                vec![Nested::Input]
            }
            _ => Vec::new(),
        },
        "git" => git(arguments),
        "tar" | "bsdtar" => arguments
            .iter()
            .filter_map(|word| {
                let text = word.value.as_deref()?;
                let inner = text
                    .strip_prefix("--checkpoint-action=exec=")
                    .or_else(|| text.strip_prefix("--to-command="))?;
                Some(Nested::Line(Word::plain(inner, word.span.clone())))
            })
            .collect(),
        _ if INTERPRETERS.contains(&name) && undecided_code(arguments) => vec![Nested::Undecided],
        _ if INTERPRETERS.contains(&name) && command.is_fed => {
            let has_script = arguments.iter().any(|word| {
                !word.raw.starts_with('-') || matches!(word.raw.as_str(), "-c" | "-e" | "-m")
            });
            let is_text = command
                .redirects
                .iter()
                .any(|redirect| redirect.kind == super::read::RedirectKind::Text);
            match (is_text, has_script) {
                (true, _) => vec![Nested::ForeignInput],
                (false, false) => vec![Nested::Input],
                (false, true) => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// Code on the line, put together while it runs.
fn undecided_code(arguments: &[Word]) -> bool {
    after(arguments, &["-c", "-e", "-E", "-r", "-pe", "-ne", "--eval"])
        .is_some_and(|word| word.has_expansion)
}

fn line(word: &Word) -> Nested {
    match word.value {
        Some(_) => Nested::Line(word.clone()),
        None => Nested::Undecided,
    }
}

fn words(words: &[Word]) -> Vec<Nested> {
    if words.is_empty() {
        Vec::new()
    } else {
        vec![Nested::Words(words.to_vec())]
    }
}

/// Words that are put together with blanks and read as a line.
fn joined(words: &[Word]) -> Vec<Nested> {
    let (Some(first), Some(last)) = (words.first(), words.last()) else {
        return Vec::new();
    };
    let texts: Option<Vec<&str>> = words.iter().map(|word| word.value.as_deref()).collect();
    match texts {
        Some(texts) => vec![Nested::Line(Word::plain(
            texts.join(" "),
            first.span.start..last.span.end.max(first.span.end),
        ))],
        None => vec![Nested::Undecided],
    }
}

fn after<'w>(words: &'w [Word], flags: &[&str]) -> Option<&'w Word> {
    let at = words
        .iter()
        .position(|word| flags.iter().any(|flag| word.is(flag)))?;
    words.get(at + 1)
}

fn shell(command: &Command, arguments: &[Word]) -> Vec<Nested> {
    let mut rest = arguments.iter();
    let mut wants_line = false;
    while let Some(word) = rest.next() {
        let Some(text) = word.value.as_deref() else {
            return vec![if wants_line || !word.raw.starts_with("<(") {
                Nested::Undecided
            } else {
                Nested::Input
            }];
        };
        if text == "--" || text == "-" {
            continue;
        }
        if let Some(flags) = text.strip_prefix(['-', '+']) {
            if matches!(text, "-o" | "+o" | "-O" | "+O" | "--rcfile" | "--init-file") {
                rest.next();
            } else if !flags.starts_with('-') && flags.contains('c') || text == "--command" {
                wants_line = true;
            } else if !flags.starts_with('-') && flags.contains('s') {
                return vec![Nested::Input];
            }
            continue;
        }
        return if wants_line {
            vec![line(word)]
        } else if text.starts_with("/dev/") || text.starts_with("/proc/self/fd") {
            vec![Nested::Input]
        } else {
            Vec::new()
        };
    }
    if wants_line {
        return vec![Nested::Undecided];
    }
    if !command.is_fed {
        return Vec::new();
    }
    // A here-document that is all on the line can be read, though what is fed is easily overlooked.
    let mut nested = vec![Nested::Input];
    nested.extend(
        command
            .redirects
            .iter()
            .filter(|redirect| {
                redirect.kind == super::read::RedirectKind::Text && redirect.target.value.is_some()
            })
            .map(|redirect| Nested::Line(redirect.target.clone())),
    );
    nested
}

fn wrapped(name: &str, wrapper: &Wrapper, arguments: &[Word]) -> Vec<Nested> {
    let is_valued = |text: &str| wrapper.valued.split(' ').any(|flag| flag == text);
    let mut skipped = 0;
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        let Some(text) = word.value.as_deref() else {
            if word.raw.starts_with('-') || skipped < wrapper.skipped {
                skipped += usize::from(!word.raw.starts_with('-'));
                at += 1;
                continue;
            }
            break;
        };
        if text == "--" {
            at += 1;
            break;
        }
        if text.starts_with('-') && text.len() > 1 {
            // Only says where a program is.
            if matches!(name, "command") && matches!(text, "-v" | "-V") {
                return Vec::new();
            }
            if name == "env"
                && let Some(attached) = text
                    .strip_prefix("--split-string=")
                    .or_else(|| text.strip_prefix("-S"))
            {
                return match (attached.is_empty(), arguments.get(at + 1)) {
                    (true, Some(word)) => vec![line(word)],
                    (true, None) => Vec::new(),
                    (false, _) => vec![Nested::Line(Word::plain(attached, word.span.clone()))],
                };
            }
            if matches!(name, "flock" | "runuser") && text == "-c" {
                return arguments.get(at + 1).map(line).into_iter().collect();
            }
            at += if is_valued(text) { 2 } else { 1 };
            continue;
        }
        if wrapper.assigns && text.contains('=') && !text.starts_with('=') {
            at += 1;
            continue;
        }
        if skipped < wrapper.skipped {
            skipped += 1;
            at += 1;
            continue;
        }
        break;
    }
    let rest = arguments.get(at..).unwrap_or_default();
    match name {
        // What is put in the place of `{}` or behind is not known.
        "xargs" | "parallel" if !rest.is_empty() => {
            let mut rest = rest.to_vec();
            let span = rest
                .last()
                .map(|word| word.span.clone())
                .unwrap_or_default();
            rest.push(Word {
                span,
                shape: super::word::UNKNOWN.to_string(),
                has_expansion: true,
                ..Word::default()
            });
            vec![Nested::Words(rest)]
        }
        "parallel" => vec![Nested::Input],
        "flock" if rest.first().is_some_and(|word| word.is("-c")) => {
            rest.get(1).map(line).into_iter().collect()
        }
        _ => words(rest),
    }
}

/// The commands of `find -exec ... ;` and `fd -x ...`.
fn found(name: &str, arguments: &[Word]) -> Vec<Nested> {
    let flags: &[&str] = if name == "find" {
        &["-exec", "-execdir", "-ok", "-okdir"]
    } else {
        &["-x", "-X", "--exec", "--exec-batch"]
    };
    if name == "find"
        && arguments
            .iter()
            .any(|word| word.has_expansion && !word.raw.starts_with(['"', '\'', '/', '.', '~']))
    {
        // An unquoted variable may hold flags.
        return vec![Nested::Undecided];
    }
    let root = arguments
        .iter()
        .find(|word| {
            word.shape
                .starts_with(['/', '~', '.', super::word::UNKNOWN])
        })
        .map_or(".", |word| word.shape.trim_end_matches('/'));
    let mut nested = Vec::new();
    let mut rest = arguments;
    while let Some(at) = rest
        .iter()
        .position(|word| flags.iter().any(|flag| word.is(flag)))
    {
        let behind = rest.get(at + 1..).unwrap_or_default();
        let end = behind
            .iter()
            .position(|word| word.is(";") || (name == "find" && word.is("+")))
            .unwrap_or(behind.len());
        let mut command = behind.get(..end).unwrap_or_default().to_vec();
        for word in &mut command {
            // The files that are found lie where it looks.
            if word.raw.contains("{}") {
                word.value = None;
                word.has_pattern = true;
                word.has_braces = false;
                word.shape = word.shape.replace("{}", &format!("{root}/\u{2026}"));
            }
        }
        nested.extend(words(&command));
        rest = behind.get(end..).unwrap_or_default();
    }
    nested
}

/// Aliases and commands that git runs.
fn git(arguments: &[Word]) -> Vec<Nested> {
    let mut nested = Vec::new();
    for pair in arguments.windows(2) {
        let [flag, word] = pair else { continue };
        if flag.is("-x") || flag.is("--exec") {
            nested.push(line(word));
        }
        if flag.is("-c")
            && let Some((_, text)) = word
                .value
                .as_deref()
                .and_then(|value| value.split_once("=!"))
        {
            nested.push(Nested::Line(Word::plain(text, word.span.clone())));
        }
    }
    let operands: Vec<&Word> = arguments
        .iter()
        .filter(|word| !word.raw.starts_with('-'))
        .collect();
    if let [submodule, foreach, command, ..] = operands.as_slice()
        && submodule.is("submodule")
        && foreach.is("foreach")
    {
        nested.push(line(command));
    }
    nested
}
