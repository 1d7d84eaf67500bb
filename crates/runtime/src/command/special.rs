//! What no table says: programs whose arguments are little languages.

use std::ops::Range;

use super::RiskLevel::{self, Dangerous, Elevated};
use super::Segment;
use super::git;
use super::read::Command;
use super::scripts::{Sed, is_plain_awk, read_sed, sed_scripts};

/// Variables that decide which program runs, or what one runs.
const POWERFUL: &[&str] = &[
    "PATH",
    "IFS",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "PROMPT_COMMAND",
    "CDPATH",
    "HOME",
    "SHELL",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "BROWSER",
    "LESSOPEN",
    "LESSCLOSE",
    "FIGNORE",
    "GLOBIGNORE",
    "HISTFILE",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONWARNINGS",
    "PYTHONBREAKPOINT",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_REPL_EXTERNAL_MODULE",
    "PERL5LIB",
    "PERL5OPT",
    "PERL5DB",
    "PERLLIB",
    "RUBYLIB",
    "RUBYOPT",
    "GEM_PATH",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "CLASSPATH",
    "MAVEN_OPTS",
    "GRADLE_OPTS",
    "LUA_PATH",
    "LUA_INIT",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "CC",
    "CXX",
    "LD",
    "AR",
    "MAKEFLAGS",
    "MAKEFILES",
    "GOFLAGS",
    "GNUPGHOME",
    "SSH_ASKPASS",
    "SSH_AUTH_SOCK",
    "SUDO_ASKPASS",
    "CODEX_HOME",
    "XDG_CONFIG_HOME",
    "KUBECONFIG",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "AWS_CONFIG_FILE",
    "CURL_HOME",
    "WGETRC",
    "NETRC",
    "RIPGREP_CONFIG_PATH",
    "TAR_OPTIONS",
    "GREP_OPTIONS",
    "POSIXLY_CORRECT",
    "TMUX_TMPDIR",
    "BASH_XTRACEFD",
    "FPATH",
    "ZDOTDIR",
];
/// Beginnings of such names.
const POWERFUL_PREFIXES: &[&str] = &[
    "LD_",
    "DYLD_",
    "GIT_",
    "BASH_FUNC_",
    "GCONV_",
    "npm_config_",
    "NPM_CONFIG_",
    "CARGO_",
    "UV_",
    "PIP_",
];

/// Whether setting this variable changes which program runs, or what one does.
pub(super) fn changes_programs(name: &str) -> bool {
    let harmless = matches!(
        name,
        "CARGO_TARGET_DIR"
            | "CARGO_TERM_COLOR"
            | "CARGO_INCREMENTAL"
            | "CARGO_BUILD_JOBS"
            | "GIT_PAGER_IN_USE"
            | "GIT_TERMINAL_PROMPT"
            | "GIT_OPTIONAL_LOCKS"
            | "GIT_AUTHOR_DATE"
            | "GIT_COMMITTER_DATE"
    );
    !harmless
        && (POWERFUL.contains(&name)
            || POWERFUL_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix)))
}

/// Builtins that read their arguments as arithmetic or names, and so run substitutions in them.
pub(super) fn computes(name: &str) -> bool {
    matches!(
        name,
        "let"
            | "test"
            | "["
            | "declare"
            | "typeset"
            | "local"
            | "read"
            | "unset"
            | "export"
            | "readonly"
            | "mapfile"
            | "readarray"
            | "wait"
    )
}

/// Whether a variable of this name may hold a key.
pub(super) fn is_secret_variable(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    [
        "KEY",
        "TOKEN",
        "SECRET",
        "PASS",
        "CREDENTIAL",
        "AUTH",
        "COOKIE",
        "DATABASE_URL",
    ]
    .iter()
    .any(|part| name.contains(part))
}

/// Whether a program with a folder in its name is the one that its name says.
pub(super) fn is_system_program(program: &str) -> bool {
    program.rsplit_once('/').is_some_and(|(folder, _)| {
        matches!(
            folder,
            "/bin" | "/usr/bin" | "/sbin" | "/usr/sbin" | "/usr/local/bin" | "/opt/homebrew/bin"
        )
    })
}

/// Whether a command turns codes into text.
pub(super) fn decodes(segment: &Segment) -> bool {
    let Some(words) = &segment.words else {
        return false;
    };
    let mut words = words.iter().map(String::as_str);
    let name = words.next().unwrap_or_default();
    let mut has = |wanted: &[&str]| {
        words
            .by_ref()
            .any(|word| wanted.iter().any(|part| word.starts_with(part)))
    };
    match name.rsplit('/').next().unwrap_or(name) {
        "base64" | "base32" | "basenc" => has(&["-d", "-D", "--d"]),
        "xxd" => has(&["-r", "-p"]),
        "openssl" | "uudecode" | "rev" | "tr" => true,
        "printf" | "echo" => {
            words.any(|word| word.contains("\\x") || word.contains("\\0") || word.contains("\\u"))
        }
        "gzip" | "gunzip" | "zcat" | "xz" | "bzip2" => true,
        _ => false,
    }
}

/// The hosts that the arguments name.
pub(super) fn hosts(name: &str, arguments: &[Option<&str>]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |host: &str| {
        let host = host.rsplit('@').next().unwrap_or(host);
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or(rest),
            None => host.split(':').next().unwrap_or(host),
        };
        if !host.is_empty() && !found.iter().any(|other| other == host) && found.len() < 64 {
            found.push(host.to_ascii_lowercase());
        }
    };
    let bare = matches!(
        name,
        "curl"
            | "wget"
            | "http"
            | "https"
            | "ssh"
            | "ping"
            | "dig"
            | "host"
            | "nslookup"
            | "nc"
            | "ncat"
            | "telnet"
            | "traceroute"
            | "whois"
            | "mosh"
            | "sftp"
            | "ftp"
    );
    let remote = matches!(name, "git" | "scp" | "rsync" | "sftp");
    let mut has_bare = false;
    for word in arguments.iter().copied().flatten() {
        if let Some((scheme, rest)) = word.split_once("://")
            && !scheme.is_empty()
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            && scheme != "file"
        {
            add(rest.split(['/', '?', '#']).next().unwrap_or(rest));
            has_bare = true;
        } else if remote
            && !word.starts_with(['-', '/', '.'])
            && let Some((host, _)) = word.split_once(':')
            && !host.contains('/')
            && (host.contains('@') || host.contains('.') || name != "git")
        {
            add(host);
        } else if bare
            && !has_bare
            && !word.starts_with('-')
            && (word.contains('.') || word == "localhost" || name == "ssh")
            && !word.contains(['=', ' ', '{'])
        {
            add(word.split('/').next().unwrap_or(word));
            has_bare = true;
        }
    }
    found
}

/// Looks at what the arguments of some programs say.
pub(super) fn look(
    name: &str,
    command: &Command,
    span: &Range<usize>,
    say: &mut dyn FnMut(RiskLevel, &'static str, &Range<usize>),
) {
    let arguments = command.words.get(1..).unwrap_or_default();
    let values = || {
        arguments
            .iter()
            .filter_map(|word| Some((word.value.as_deref()?, &word.span)))
    };
    let has_unknown = arguments.iter().any(|word| word.has_expansion);
    match name {
        "sed" => {
            for word in sed_scripts(arguments) {
                match word.value.as_deref().map_or(Sed::Unclear, read_sed) {
                    Sed::Plain => {}
                    Sed::Unclear => say(Elevated, "The script is not read here.", &word.span),
                    Sed::Acts => say(
                        Dangerous,
                        "The script writes files or runs programs.",
                        &word.span,
                    ),
                }
            }
        }
        "awk" | "gawk" | "mawk" | "nawk" => {
            // Any of them may be the script; a separator of fields is not.
            let is_plain = arguments
                .iter()
                .filter(|word| word.raw.chars().count() > 3)
                .all(|word| word.value.as_deref().is_none_or(is_plain_awk))
                && arguments
                    .iter()
                    .find(|word| !word.raw.starts_with('-'))
                    .is_some_and(|word| word.value.is_some());
            if !is_plain {
                say(
                    Dangerous,
                    "The script may write files or run programs.",
                    span,
                );
            }
        }
        "dd" => {
            if let Some((_, at)) = values().find(|(text, _)| text.starts_with("of=")) {
                say(Dangerous, "Overwrites what it is told by a flag.", at);
            }
        }
        "git" => git::look(arguments, say),
        "chmod" => {
            for (text, at) in values() {
                let is_wide = matches!(
                    text,
                    "777" | "0777" | "666" | "a+rwx" | "o+w" | "a+w" | "+w"
                ) || text.contains("+s")
                    || text.len() == 4
                        && text.starts_with(['2', '4', '6'])
                        && text.bytes().all(|b| b.is_ascii_digit());
                if is_wide {
                    say(
                        Dangerous,
                        "Lets everybody change it, or run it with its owner's rights.",
                        at,
                    );
                }
            }
        }
        "kill" if values().any(|(text, _)| matches!(text, "-1" | "0" | "1")) || has_unknown => {
            say(Dangerous, "Ends processes that are not named.", span);
        }
        "docker" | "podman" | "nerdctl" => {
            for (text, at) in values() {
                if text.starts_with("/:")
                    || text.contains("docker.sock")
                    || text.contains("=/:")
                    || text == "--net=host"
                    || text == "--network=host"
                {
                    say(Dangerous, "Gives the container the whole machine.", at);
                }
            }
        }
        "python" | "python2" | "python3" | "pypy" | "pypy3" | "node" | "nodejs" | "ruby"
        | "perl" | "php" | "lua" | "deno" | "bun" | "osascript" => {
            let texts = command.redirects.iter().map(|redirect| &redirect.target);
            if values().any(|(text, _)| text.starts_with("http://") || text.starts_with("https://"))
            {
                say(Dangerous, "Runs code from another machine.", span);
            }
            for word in arguments.iter().chain(texts) {
                if reaches_out(&word.shape) {
                    say(
                        Dangerous,
                        "The code starts programs, deletes files, or reaches other machines.",
                        &word.span,
                    );
                }
            }
        }
        "curl" => {
            for (text, at) in values() {
                if text.starts_with('@')
                    || text.contains("=@")
                    || text.starts_with("-d@")
                    || text.starts_with("-F@")
                {
                    say(Dangerous, "Sends a file to another machine.", at);
                }
            }
        }
        "vi" | "vim" | "nvim" | "ex" | "ed" if values().any(|(text, _)| text.contains('!')) => {
            say(Dangerous, "Runs a program from the editor.", span);
        }
        "make" | "gmake"
            if values()
                .any(|(text, _)| text.starts_with("SHELL=") || text.starts_with("--eval")) =>
        {
            say(Dangerous, "Runs a program that it is told by a flag.", span);
        }
        "ssh" | "scp" | "sftp"
            if values().any(|(text, _)| {
                text.contains("ProxyCommand") || text.contains("LocalCommand")
            }) =>
        {
            say(Dangerous, "Runs a program that it is told by a flag.", span);
        }
        "npm" | "pnpm" | "yarn" | "pip" | "pip3"
            if values().any(|(text, _)| text.contains("://") || text.starts_with("git+")) =>
        {
            say(Dangerous, "Takes a package from a place of its own.", span);
        }
        _ => {}
    }
}

/// Calls, in the usual languages, that leave the program.
fn reaches_out(code: &str) -> bool {
    [
        "os.system",
        "subprocess",
        "os.popen",
        "os.exec",
        "os.spawn",
        "pty.spawn",
        "rmtree",
        "os.remove",
        "os.unlink",
        "unlink(",
        "rmSync",
        "rmdirSync",
        "unlinkSync",
        "child_process",
        "execSync",
        "spawnSync",
        "socket",
        "urllib",
        "requests.",
        "http.client",
        "httpx",
        "fetch(",
        "net.connect",
        "LWP",
        "Net::",
        "open-uri",
        "eval(",
        "exec(",
        "system(",
        "system ",
        "popen",
        "shell_exec",
        "passthru",
        "base64",
        "__import__",
        "importlib",
        "ctypes",
        "Deno.run",
        "Deno.Command",
        "Bun.spawn",
        "do shell script",
        "`",
        "%x",
        "qx",
    ]
    .iter()
    .any(|call| code.contains(call))
}
