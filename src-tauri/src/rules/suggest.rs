//! Rules that would answer a question, made from it.
//!
//! A suggestion is never broader than a program with its subcommand, and what runs other programs (interpreters,
//! wrappers, `npm exec`) is only ever suggested word by word: a person who clicks the first or the last of a list must
//! not have given away more than they read. Each suggestion is judged before it is given, by the judge that will use it.

use std::path::{Path, PathBuf};

use countersign_contract::{RuleAbout, RuleScope, RuleSettings, Verdict};
use countersign_runtime::command::{Segment, Understood};

use super::asked::{Asked, CommandWish, Wish};
use super::commands;
use super::judge::{Ground, matches, understood};
use super::paths::plain;

/// Programs whose first argument says what they do.
const WITH_SUBCOMMANDS: [&str; 20] = [
    "apt",
    "brew",
    "cargo",
    "dotnet",
    "gh",
    "git",
    "go",
    "gradle",
    "hg",
    "jj",
    "just",
    "kubectl",
    "make",
    "npm",
    "pip",
    "pnpm",
    "poetry",
    "systemctl",
    "uv",
    "yarn",
];
/// Subcommands that run what else is on the line, or whatever some file says.
const RUNNERS: [&str; 13] = [
    "bisect",
    "config",
    "create",
    "debug",
    "dlx",
    "eval",
    "exec",
    "init",
    "plugin",
    "run-script",
    "shell",
    "submodule",
    "x",
];
/// Programs that only name or count things, whatever they are called with.
const HARMLESS: [&str; 14] = [
    "basename", "date", "df", "dirname", "du", "ls", "pwd", "readlink", "realpath", "stat", "true",
    "uname", "which", "whoami",
];

/// Rules that would have answered this question, from the narrowest to the broadest. They allow; where no rule may
/// allow it they deny. None for what no rule answers.
pub fn suggest(asked: &Asked, ground: Ground<'_>) -> Vec<RuleSettings> {
    let candidates = match &asked.wish {
        Wish::Command(wish) => command(wish, &understood(wish, &asked.whence, ground)),
        Wish::Files { paths, .. } => {
            files(paths.as_deref().unwrap_or_default(), &asked.whence.folder)
        }
        Wish::Permissions => vec![
            (RuleAbout::Permissions, Reach::Session),
            (RuleAbout::Permissions, Reach::Profile),
        ],
        Wish::Tool { server, tool } => {
            let about = RuleAbout::Tool {
                server: server.clone(),
                tool: Some(tool.clone()),
            };
            vec![
                (about.clone(), Reach::Session),
                (about.clone(), Reach::Folder),
                (about, Reach::Profile),
            ]
        }
        Wish::Other => Vec::new(),
    };
    let answer = |verdict: Verdict| {
        let mut out: Vec<RuleSettings> = Vec::new();
        for (about, reach) in &candidates {
            let settings = RuleSettings {
                verdict,
                about: about.clone(),
                scope: reach.scope(asked),
                expires_at: None,
                enabled: true,
                note: String::new(),
            };
            if super::validate(&settings).is_ok()
                && matches(&settings, 0, asked, ground)
                && !out.contains(&settings)
            {
                out.push(settings);
            }
        }
        out
    };
    let allowing = answer(Verdict::Allow);
    if allowing.is_empty() {
        answer(Verdict::Deny)
    } else {
        allowing
    }
}

/// How far a suggestion reaches.
#[derive(Clone, Copy)]
enum Reach {
    Session,
    Folder,
    Profile,
}

impl Reach {
    fn scope(self, asked: &Asked) -> RuleScope {
        let whence = &asked.whence;
        match self {
            Reach::Session => RuleScope::Session {
                session: whence.session.clone(),
            },
            Reach::Folder => RuleScope::Folder {
                folder: whence.folder.to_string_lossy().into_owned(),
            },
            Reach::Profile => RuleScope::Profile {
                profile: whence.profile.clone(),
            },
        }
    }
}

fn command(wish: &CommandWish, line: &Understood) -> Vec<(RuleAbout, Reach)> {
    if let Some(host) = wish.host() {
        let about = RuleAbout::Host {
            host: host.to_owned(),
        };
        return vec![
            (about.clone(), Reach::Session),
            (about.clone(), Reach::Folder),
            (about, Reach::Profile),
        ];
    }
    let of = |prefixes: Vec<Vec<String>>| RuleAbout::Commands { prefixes };
    if commands::is_dangerous(line) {
        let words = commands::outer(line).filter_map(|segment| segment.words.clone());
        return vec![(of(words.collect()), Reach::Session)];
    }
    let exact = of(each(line, |words| words.to_vec()));
    let broad = of(each(line, |words| words[..subcommand(words)].to_vec()));
    vec![
        (exact.clone(), Reach::Session),
        (exact, Reach::Folder),
        (broad.clone(), Reach::Session),
        (broad.clone(), Reach::Folder),
        (broad, Reach::Profile),
    ]
}

/// What a rule has to say for each command of a line, once each. Those that are not known are left out; then no rule
/// that allows will match.
fn each(line: &Understood, what: impl Fn(&[String]) -> Vec<String>) -> Vec<Vec<String>> {
    let mut out: Vec<Vec<String>> = Vec::new();
    let known = |segment: &Segment| segment.words.clone().filter(|words| !words.is_empty());
    for prefix in line
        .segments
        .iter()
        .filter_map(known)
        .map(|words| what(&words))
    {
        if !out.contains(&prefix) {
            out.push(prefix);
        }
    }
    out
}

/// How many words are program and subcommand. All of them where less would be more than that.
fn subcommand(words: &[String]) -> usize {
    let Some((program, rest)) = words.split_first() else {
        return 0;
    };
    if HARMLESS.contains(&program.as_str()) {
        return 1;
    }
    let is_name = |word: &String| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == ':')
    };
    match rest {
        // The script's name says what it runs.
        [run, script, ..]
            if run == "run" && matches!(&**program, "npm" | "pnpm" | "yarn") && is_name(script) =>
        {
            3
        }
        [run, ..] if run == "run" || RUNNERS.contains(&run.as_str()) => words.len(),
        [sub, ..] if WITH_SUBCOMMANDS.contains(&program.as_str()) && is_name(sub) => 2,
        _ => words.len(),
    }
}

fn files(paths: &[PathBuf], folder: &Path) -> Vec<(RuleAbout, Reach)> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut each: Vec<String> = Vec::new();
    for path in paths.iter().map(|path| text(&plain(path))) {
        if !each.contains(&path) {
            each.push(path);
        }
    }
    let these = RuleAbout::Files { paths: each };
    let mut out = vec![(these.clone(), Reach::Session), (these, Reach::Folder)];
    let parents = paths
        .iter()
        .map(|path| plain(path.parent().unwrap_or(path)));
    let common = parents.reduce(|one, other| {
        one.ancestors()
            .find(|ancestor| other.starts_with(ancestor))
            .map(Path::to_owned)
            .unwrap_or_default()
    });
    let whole = plain(folder);
    // Beyond the session's folder nothing is suggested but the files themselves.
    if let Some(common) = common.filter(|common| common.starts_with(&whole)) {
        for folder in [common, whole] {
            out.push((
                RuleAbout::Files {
                    paths: vec![text(&folder)],
                },
                Reach::Session,
            ));
        }
    }
    out
}
