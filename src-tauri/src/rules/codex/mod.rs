//! Codex's own rules: `CODEX_HOME/rules/*.rules`, shown and taken out.
//!
//! Codex writes there what "allow always" allows: every command that begins with the words, in all threads, for ever,
//! outside the sandbox (FACTS section 4). It reads the files when an app-server starts; what is taken out here goes on
//! holding in an app-server that runs already, until all sessions that share it were closed.
//!
//! A file that Codex appends to while it is replaced here can lose what was appended: Codex then asks again, which is
//! the safe way round.

mod syntax;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use countersign_contract::{
    CodexRule, CodexRules, CommandError, ErrorCode, Problem, Profile, ProfileId, ProfileOrigin,
};

use crate::error;

/// The file that Codex itself writes.
const DEFAULT: &str = "default.rules";
/// A longer file is not read.
const LONGEST: u64 = 4 * 1024 * 1024;

/// The `CODEX_HOME` of a profile. `demo` is the demo's. `None`: nobody knows where it is.
pub fn home_of(profile: &Profile, demo: &Path) -> Option<PathBuf> {
    let set =
        |home: Option<std::ffi::OsString>| home.filter(|home| !home.is_empty()).map(PathBuf::from);
    let settings = &profile.settings;
    let own = settings.environment.get("CODEX_HOME").map(Into::into);
    match profile.origin {
        ProfileOrigin::Demo => set(own).or_else(|| Some(demo.to_owned())),
        ProfileOrigin::User => set(own)
            .or_else(|| set(settings.codex_home.as_ref().map(Into::into)))
            .or_else(|| set(std::env::var_os("CODEX_HOME")))
            .or_else(|| Some(crate::home::home()?.join(".codex"))),
    }
}

/// The rules of all profiles, each file once: by `CODEX_HOME`, then by name.
pub fn of_profiles(profiles: &[Profile], demo: &Path) -> Vec<CodexRules> {
    let mut homes: BTreeMap<PathBuf, Vec<ProfileId>> = BTreeMap::new();
    for profile in profiles {
        if let Some(home) = home_of(profile, demo) {
            let home = fs::canonicalize(&home).unwrap_or(home);
            homes.entry(home).or_default().push(profile.id.clone());
        }
    }
    homes
        .into_iter()
        .flat_map(|(home, profiles)| read(&home, &profiles))
        .collect()
}

/// The rules in a `CODEX_HOME`, one list a file. Without a file there is none.
pub fn read(home: &Path, profiles: &[ProfileId]) -> Vec<CodexRules> {
    let list = |path: &Path, rules: io::Result<Vec<CodexRule>>| {
        let (rules, problem) = match rules {
            Ok(rules) => (rules, None),
            Err(error) => (Vec::new(), Some(unreadable(path, &error))),
        };
        CodexRules {
            profiles: profiles.to_vec(),
            path: path.to_string_lossy().into_owned(),
            rules,
            problem,
        }
    };
    match files(home) {
        Ok(files) => files.iter().map(|path| list(path, rules(path))).collect(),
        Err(error) => vec![list(&home.join("rules"), Err(error))],
    }
}

/// Takes a rule out of the files of a `CODEX_HOME`. No other byte of them changes. Blocks for the disk.
///
/// # Errors
/// The rule does not stand there any more as it was shown (`notFound`), or the file could not be written (`storage`);
/// nothing was changed.
pub fn remove(home: &Path, rule: &CodexRule) -> Result<(), CommandError> {
    for path in files(home).map_err(|error| not_written(home, &error))? {
        let written = change(&path, |text| {
            let found = syntax::statements(text)
                .into_iter()
                .find(|found| found.line == rule.line && found.text == rule.text)?;
            Some(format!(
                "{}{}",
                &text[..found.span.start],
                &text[found.span.end..]
            ))
        });
        if written.map_err(|error| not_written(&path, &error))? {
            return Ok(());
        }
    }
    Err(CommandError {
        code: ErrorCode::NotFound,
        problem: Problem {
            what: "The rule does not stand in Codex's rules any more as it was shown.".to_owned(),
            meaning: "Nothing was changed.".to_owned(),
            remedy: "Look at the list again, which is new.".to_owned(),
            details: None,
        },
        field: None,
    })
}

/// Puts a rule that was taken out back: to its line, or to the end when another statement stands across it. A rule that
/// came from another file than `default.rules` comes back in that one, which Codex reads alike.
///
/// # Errors
/// It is no rule (`invalid`), or the file could not be written (`storage`); nothing was changed.
pub fn restore(home: &Path, rule: &CodexRule) -> Result<(), CommandError> {
    let is_one = matches!(&syntax::statements(&rule.text)[..], [one] if one.text == rule.text);
    if !is_one {
        return Err(error::not_possible(
            "That is no rule of Codex.",
            "Make a rule of Countersign instead.",
        ));
    }
    let path = home.join("rules").join(DEFAULT);
    let made = fs::create_dir_all(home.join("rules")).and_then(|()| {
        File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map(drop)
    });
    made.and_then(|()| change(&path, |text| Some(with(text, rule))).map(drop))
        .map_err(|error| not_written(&path, &error))
}

fn with(text: &str, rule: &CodexRule) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let statements = syntax::statements(text);
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    let at = starts
        .zip(1u32..)
        .find(|(_, line)| *line == rule.line)
        .map(|(at, _)| at)
        .filter(|at| {
            !statements
                .iter()
                .any(|other| other.span.start < *at && *at < other.span.end)
        })
        .unwrap_or(text.len());
    let (before, after) = text.split_at(at);
    let gap = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        end
    };
    format!("{before}{gap}{}{end}{after}", rule.text)
}

/// `default.rules` first, then the others by name.
fn files(home: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = home.join("rules");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "rules") && path.is_file() {
            files.push(path);
        }
    }
    files.sort_by_key(|path| (path.file_name() != Some(DEFAULT.as_ref()), path.clone()));
    Ok(files)
}

fn rules(path: &Path) -> io::Result<Vec<CodexRule>> {
    let text = text(&mut File::open(path)?)?;
    let read = syntax::statements(&text).into_iter().map(|statement| {
        let rule = syntax::prefix_rule(statement.text);
        let (prefix, decision) = rule
            .map(|rule| (rule.prefix, rule.decision))
            .unwrap_or_default();
        CodexRule {
            line: statement.line,
            text: statement.text.to_owned(),
            prefix,
            decision,
        }
    });
    Ok(read.collect())
}

fn text(file: &mut File) -> io::Result<String> {
    if file.metadata()?.len() > LONGEST {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it is too long"));
    }
    io::read_to_string(file)
}

/// Replaces a file by what `edit` makes of it, in one step; whether it made anything.
fn change(path: &Path, edit: impl FnOnce(&str) -> Option<String>) -> io::Result<bool> {
    // People link their settings to where they keep them; the link stays.
    let path = fs::canonicalize(path)?;
    let mut file = File::options().read(true).append(true).open(&path)?;
    // Codex holds it while it appends.
    file.lock()?;
    let Some(edited) = edit(&text(&mut file)?) else {
        return Ok(false);
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    fresh.write_all(edited.as_bytes())?;
    fs::set_permissions(fresh.path(), file.metadata()?.permissions())?;
    fresh.as_file().sync_all()?;
    fresh.persist(&path).map_err(|error| error.error)?;
    // The change counts from here on. A file system that cannot flush a folder does not undo it.
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        tracing::warn!(folder = %folder.display(), %error, "the folder was not flushed");
    }
    Ok(true)
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem {
        what: format!("Codex's rules in {} cannot be read.", path.display()),
        meaning: "They hold all the same, as far as Codex can read them.".to_owned(),
        remedy: "Make the file readable, or look at it in an editor.".to_owned(),
        details: Some(error.to_string()),
    }
}

fn not_written(path: &Path, error: &io::Error) -> CommandError {
    CommandError {
        code: ErrorCode::Storage,
        problem: Problem {
            what: format!("Codex's rules in {} could not be changed.", path.display()),
            meaning: "Nothing was changed; the rules hold as before.".to_owned(),
            remedy: "Check that the file and its folder can be written, then try again.".to_owned(),
            details: Some(error.to_string()),
        },
        field: None,
    }
}
