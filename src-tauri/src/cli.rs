//! The command line: `countersign [--profile NAME] [FOLDER]`.
//!
//! A second call goes to the app that runs already, so parsing neither exits nor prints by itself.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;

/// Many Codex agents, one desk.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "countersign", version)]
pub struct Arguments {
    /// Open a new session in this folder.
    pub folder: Option<PathBuf>,
    /// The name of the profile to open it with; without it the one used last.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Speak MCP on stdin and stdout as the demo's tool server. Codex calls this, not people.
    #[arg(long, hide = true)]
    pub demo_tools: bool,
}

impl Arguments {
    /// Reads a command line, the program's name first. An error is what to print, and whether it
    /// was asked for (`--help`, `--version`).
    pub fn read(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        Self::try_parse_from(arguments)
    }

    /// The session that is asked for. `cwd` is where the command was called.
    pub fn wish(&self, cwd: &Path) -> Option<Wish> {
        if self.folder.is_none() && self.profile.is_none() {
            return None;
        }
        let folder = self.folder.as_deref().unwrap_or(Path::new("."));
        let folder = cwd.join(folder);
        Some(Wish {
            // Without the file system's help `..` stays: it is still the folder that was meant.
            folder: folder.canonicalize().unwrap_or(folder),
            profile: self.profile.clone(),
        })
    }
}

/// A session that somebody asked for from a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Where; absolute.
    pub folder: PathBuf,
    /// The name of a profile.
    pub profile: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_or_a_profile_is_a_wish() {
        let wish = |arguments: &[&str]| {
            Arguments::read(arguments.iter().copied())
                .unwrap()
                .wish(Path::new("/somewhere"))
        };
        assert_eq!(wish(&["countersign"]), None);
        assert_eq!(
            wish(&["countersign", "--profile", "Work", "sub"]),
            Some(Wish {
                folder: "/somewhere/sub".into(),
                profile: Some("Work".into()),
            })
        );
        assert_eq!(wish(&["countersign", "/"]).unwrap().folder, Path::new("/"));
        assert_eq!(
            wish(&["countersign", "--profile", "Work"]).unwrap().folder,
            Path::new("/somewhere/.")
        );
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let error = Arguments::read(["countersign", "--profle", "x"]).unwrap_err();
        assert!(error.to_string().contains("--profle"));
    }
}
