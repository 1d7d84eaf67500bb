//! The search for the codex executable (DESIGN section 5).

use std::{
    collections::HashSet,
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use countersign_contract::Problem;

use super::{Surroundings, login_shell, npm};

/// Why a place was searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// COUNTERSIGN_CODEX names it; nothing else is searched.
    Override,
    /// The profile names it.
    Setting,
    /// The PATH of this process.
    Path,
    /// The PATH of the person's login shell.
    LoginShell,
    /// Where npm, Homebrew, nvm, volta, asdf and their kin put it.
    UsualPlace,
    /// The copy that Countersign's own installation brought.
    Bundled,
}

impl Origin {
    /// For people, e.g. "PATH of your login shell".
    pub fn words(self) -> &'static str {
        match self {
            Self::Override => "COUNTERSIGN_CODEX",
            Self::Setting => "path in the profile",
            Self::Path => "PATH of Countersign",
            Self::LoginShell => "PATH of your login shell",
            Self::UsualPlace => "usual places",
            Self::Bundled => "copy that came with Countersign",
        }
    }
}

/// A place where no usable codex was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Why it was searched.
    pub origin: Origin,
    /// The file that was found wanting. `None`: this origin had no file named codex at all.
    pub file: Option<PathBuf>,
    /// What was wrong, in words that follow a colon.
    pub why: String,
}

/// A usable codex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The executable to start, absolute.
    pub path: PathBuf,
    /// The file that led to it: npm's launcher or a link, else the same as `path`.
    pub via: PathBuf,
    /// Where it was found.
    pub origin: Origin,
    /// What was tried before it.
    pub tried: Vec<Attempt>,
}

impl Found {
    /// What to tell a person whose profile names a codex that cannot be used, so that another one is.
    pub fn problem(&self) -> Option<Problem> {
        let setting = self
            .tried
            .iter()
            .find(|attempt| attempt.origin == Origin::Setting)?;
        Some(Problem {
            what: format!(
                "The Codex that the profile names cannot be used: {}.",
                setting.why
            ),
            meaning: format!("{} is used instead.", self.path.display()),
            remedy: "Correct the path in the profile, or clear it to have Codex found.".to_owned(),
            details: Some(list(&self.tried)),
        })
    }
}

/// No usable codex anywhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no usable codex executable was found")]
pub struct NotFound {
    /// Everything that was tried.
    pub tried: Vec<Attempt>,
}

impl NotFound {
    /// What to tell people.
    pub fn problem(&self) -> Problem {
        let overridden = self
            .tried
            .iter()
            .any(|attempt| attempt.origin == Origin::Override);
        Problem {
            what: "Codex was not found on this computer.".to_owned(),
            meaning: "No session can start without it.".to_owned(),
            remedy: if overridden {
                "Correct COUNTERSIGN_CODEX, or start Countersign without it."
            } else {
                "Install it with npm install -g @openai/codex, or give its path in the profile."
            }
            .to_owned(),
            details: Some(list(&self.tried)),
        }
    }
}

fn list(tried: &[Attempt]) -> String {
    let lines: Vec<String> = tried
        .iter()
        .map(|attempt| match &attempt.file {
            Some(file) => {
                let origin = attempt.origin.words();
                format!("{} ({origin}): {}", file.display(), attempt.why)
            }
            None => format!("{}: {}", attempt.origin.words(), attempt.why),
        })
        .collect();
    lines.join("\n")
}

/// Finds codex in its surroundings. Asks the login shell at most once, and only when needed.
#[derive(Debug)]
pub struct Locator {
    surroundings: Surroundings,
    login_path: OnceLock<Option<OsString>>,
}

impl Locator {
    /// Searches these surroundings.
    pub fn new(surroundings: Surroundings) -> Self {
        Self {
            surroundings,
            login_path: OnceLock::new(),
        }
    }

    /// Finds codex for a profile that names this one, or none.
    ///
    /// Blocks on the disk, and up to two seconds on the login shell: not for a thread that draws
    /// or polls.
    ///
    /// # Errors
    /// What was tried.
    pub fn locate(&self, setting: Option<&Path>) -> Result<Found, NotFound> {
        let here = &self.surroundings;
        let mut search = Search {
            locator: self,
            seen: HashSet::new(),
            tried: Vec::new(),
        };
        if let Some(only) = &here.only {
            return search.one(Origin::Override, only).ok_or(NotFound {
                tried: search.tried,
            });
        }
        let found = setting
            .and_then(|file| search.one(Origin::Setting, file))
            .or_else(|| search.folders(Origin::Path, folders(here.path.as_deref())))
            .or_else(|| search.folders(Origin::LoginShell, folders(self.login_path())))
            .or_else(|| search.folders(Origin::UsualPlace, here.usual_folders()))
            .or_else(|| search.bundled());
        found.ok_or(NotFound {
            tried: search.tried,
        })
    }

    /// The PATH that an app-server should run with: that of this process, then what the login
    /// shell's has besides. Empty and relative entries are left out: they would mean whatever
    /// folder an agent works in.
    ///
    /// Blocks like [`locate`](Self::locate).
    pub fn path_for_children(&self) -> OsString {
        let mut seen = HashSet::new();
        let entries = folders(self.surroundings.path.as_deref())
            .into_iter()
            .chain(folders(self.login_path()))
            .filter(|folder| seen.insert(folder.clone()));
        // Entries that came out of a PATH hold no separator.
        env::join_paths(entries).unwrap_or_default()
    }

    fn login_path(&self) -> Option<&OsStr> {
        self.login_path
            .get_or_init(|| {
                let shell = self.surroundings.shell.as_deref()?;
                login_shell::path_of(shell, self.surroundings.home.as_deref())
            })
            .as_deref()
    }
}

fn folders(path: Option<&OsStr>) -> Vec<PathBuf> {
    path.map(|path| env::split_paths(path).collect::<Vec<_>>())
        .unwrap_or_default()
        .into_iter()
        .filter(|folder| folder.is_absolute())
        .collect()
}

struct Search<'a> {
    locator: &'a Locator,
    seen: HashSet<PathBuf>,
    tried: Vec<Attempt>,
}

impl Search<'_> {
    /// Looks into folders, in their order.
    fn folders(&mut self, origin: Origin, folders: Vec<PathBuf>) -> Option<Found> {
        let before = self.tried.len();
        let names: &[&str] = if cfg!(windows) {
            &["codex.exe", "codex.cmd"]
        } else {
            &["codex"]
        };
        for file in folders
            .iter()
            .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        {
            if fs::symlink_metadata(&file).is_ok()
                && self.seen.insert(file.clone())
                && let Some(found) = self.one(origin, &file)
            {
                return Some(found);
            }
        }
        if self.tried.len() == before {
            self.tried.push(Attempt {
                origin,
                file: None,
                why: "no codex there".to_owned(),
            });
        }
        None
    }

    /// Judges one file, which need not exist.
    fn one(&mut self, origin: Origin, file: &Path) -> Option<Found> {
        let judged = if file.is_absolute() {
            self.judge(file)
        } else {
            Err("it is not an absolute path".to_owned())
        };
        match judged {
            Ok(path) => Some(Found {
                path,
                via: file.to_owned(),
                origin,
                tried: std::mem::take(&mut self.tried),
            }),
            Err(why) => {
                self.tried.push(Attempt {
                    origin,
                    file: Some(file.to_owned()),
                    why,
                });
                None
            }
        }
    }

    fn judge(&self, file: &Path) -> Result<PathBuf, String> {
        if !file.exists() {
            return Err("there is no such file".to_owned());
        }
        match npm::look_behind(file) {
            npm::Kind::Npm(native) => return Ok(native),
            npm::Kind::NpmWithoutNative if !self.has_node() => {
                return Err(
                    "its package for this platform is missing, and so is Node.js".to_owned(),
                );
            }
            _ => {}
        }
        if is_executable(file) {
            Ok(file.to_owned())
        } else {
            Err("it is not a program that can be run".to_owned())
        }
    }

    fn bundled(&mut self) -> Option<Found> {
        let origin = Origin::Bundled;
        let place = self.locator.surroundings.bundled.as_deref();
        let Some(place) = place.filter(|place| place.exists()) else {
            self.tried.push(Attempt {
                origin,
                file: None,
                why: "there is none".to_owned(),
            });
            return None;
        };
        match npm::native_in_modules(place) {
            Some(native) => self.one(origin, &native),
            None => self.one(origin, place),
        }
    }

    /// npm's launcher alone needs Node.js on the PATH that it will run with.
    fn has_node(&self) -> bool {
        let node = format!("node{}", env::consts::EXE_SUFFIX);
        env::split_paths(&self.locator.path_for_children())
            .any(|folder| is_executable(&folder.join(&node)))
    }
}

/// Whether a file can be started as a program.
#[cfg(unix)]
pub fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether a file can be started as a program.
#[cfg(not(unix))]
pub fn is_executable(file: &Path) -> bool {
    let startable = ["exe", "cmd", "bat", "com"];
    file.is_file()
        && file
            .extension()
            .and_then(OsStr::to_str)
            .is_some_and(|extension| startable.contains(&extension.to_ascii_lowercase().as_str()))
}
