//! What a shell command line does, before it is allowed.
//!
//! Approvals, hooks and rules all have to know which programs a line runs, what they touch and how
//! sure that is. [`understand`] answers without running anything: a real shell grammar (bash's, from
//! the crate `rable`) splits the line, a table of programs says what each part does, and whatever
//! cannot be known before running is named as a [`Doubt`]. It is pure, bounded in time and memory,
//! and errs to one side: what is not understood is never called low.
//!
//! What the levels mean:
//! - [`RiskLevel::Low`]: every part is known, and only reads inside the work folder or public system
//!   folders, computes, or makes empty files and folders (`mkdir`, `touch`) inside the work folder.
//! - [`RiskLevel::Elevated`]: changes files, reaches the network, runs code that is not on the line
//!   (builds, tests, scripts), reads elsewhere, or is not known.
//! - [`RiskLevel::Dangerous`]: hard to take back or to foresee: deletes outside the work folder or
//!   in bulk, gains rights, runs what comes over a pipe or the network, changes what runs later
//!   (shell profiles, hooks, Codex's own settings), hides what it does, or does not parse.
//!
//! Deliberately not here: running or looking up anything. Links are not followed, variables have no
//! values, aliases and settings of the machine are unknown, and a script's text is not read.

mod doubt;
mod effect;
mod git;
mod judge;
mod matching;
mod nested;
mod paths;
mod programs;
mod read;
mod scripts;
mod special;
mod text;
mod word;

use std::ops::Range;
use std::path::{Path, PathBuf};

pub use doubt::{Doubt, DoubtKind};
pub use effect::{Effect, Effects};
pub use matching::prefix_matches;
pub(crate) use paths::plain;

/// The longest line that is read, in bytes. A longer one is not understood.
pub const LONGEST_LINE: usize = 128 * 1024;

/// Where a line would run. What is `None` is unknown, and then counts as elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// The folder that it starts in. Relative paths are of it.
    pub cwd: Option<&'a Path>,
    /// The folder that the agent works on. Paths under it are inside, all others outside.
    pub folder: Option<&'a Path>,
    /// The home of the user, for `~` and `$HOME`.
    pub home: Option<&'a Path>,
}

/// What a line does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// Every command of the line, nested ones too, ordered by where they begin. A nested command comes
    /// after the one that runs it.
    pub segments: Vec<Segment>,
    /// What cannot be known before running, or may deceive a reader.
    pub doubts: Vec<Doubt>,
    /// How bad it could be.
    pub risk: Risk,
}

/// One command of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// As written.
    pub text: String,
    /// Where it is in the line, in bytes. A command inside another word's text (`sh -c '...'`) has the
    /// place of that word.
    pub span: Range<usize>,
    /// The program and its arguments, quotes and escapes resolved. `None` when a word cannot be known
    /// before running (variables, substitutions, patterns).
    pub words: Option<Vec<String>>,
    /// The program, as it is written once quotes are resolved: `ls`, `/bin/ls`. `None` when it is not
    /// known, or there is none (`X=1`, `> file`).
    pub program: Option<String>,
    /// What it does.
    pub effects: Effects,
    /// How it follows what comes before.
    pub joined_by: Joint,
    /// The files and folders that it names.
    pub paths: Vec<PathUse>,
    /// The hosts that it names.
    pub hosts: Vec<String>,
    /// The variables that are set for it alone: `PATH=/tmp ls`.
    pub variables: Vec<String>,
    /// Where its input and output go.
    pub redirects: Redirects,
    /// Some doubt is about this segment.
    pub doubted: bool,
}

/// How a segment follows what comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Joint {
    /// It is the first of the line.
    First,
    /// After the one before: `;` or a new line.
    Then,
    /// After the one before succeeds: `&&`.
    And,
    /// After the one before fails: `||`.
    Or,
    /// Reads what the one before writes: `|`.
    Pipe,
    /// While the one before runs: `&`.
    Background,
    /// The first of a condition, a loop, a group or a function.
    Body,
    /// The first in parentheses.
    Subshell,
    /// The first of a substitution: `$(...)`, backticks, `<(...)`.
    Substitution,
    /// Run by another program of the line: `sudo`, `xargs`, `find -exec`, `sh -c`.
    Wrapped,
}

/// Where a segment's input and output go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Redirects {
    /// Nowhere else, or only between its own streams and to nothing (`2>&1`, `> /dev/null`).
    #[default]
    None,
    /// Something is read: `< file`, a here-document.
    Read,
    /// Something is written: `> file`.
    Write,
}

/// A file or folder that a segment names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathUse {
    /// Absolute and without `.` and `..` where the working folder is known, else as written.
    pub path: PathBuf,
    /// What happens to it.
    pub access: Access,
    /// It lies outside the work folder, or that is not known.
    pub outside: bool,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// It is read, listed or run.
    Read,
    /// It is made or changed.
    Write,
    /// It is deleted.
    Delete,
}

/// How bad a line could be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Risk {
    /// The worst of the reasons; low without any.
    pub level: RiskLevel,
    /// Why it is more than low, the worst first. For people.
    pub reasons: Vec<Reason>,
}

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum RiskLevel {
    /// Reads or computes, nothing else.
    #[default]
    Low,
    /// Worth a look.
    Elevated,
    /// Hard to take back, or to foresee.
    Dangerous,
}

/// Why a line is more than low.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A short sentence.
    pub sentence: String,
    /// How bad this is.
    pub level: RiskLevel,
    /// What it is about: bytes of the line.
    pub span: Range<usize>,
}

/// Reads a line as bash would, and says what it does.
pub fn understand(line: &str, place: &Place<'_>) -> Understood {
    let mut found = read::read(line);
    text::look(line, &mut found.doubts);
    judge::judge(line, found, place)
}

impl Understood {
    /// Whether every command of the line begins with one of these patterns, and nothing is in doubt:
    /// what a rule that allows must ask for. A line without commands matches nothing.
    pub fn is_covered_by<P: AsRef<[String]>>(&self, patterns: &[P]) -> bool {
        self.doubts.is_empty()
            && !self.segments.is_empty()
            && self.segments.iter().all(|segment| {
                patterns
                    .iter()
                    .any(|pattern| prefix_matches(pattern.as_ref(), segment))
            })
    }
}

/// How bad it could be that this file is read, changed or deleted, by whatever does it.
pub fn touch(path: &Path, access: Access, place: &Place<'_>) -> Risk {
    let path = path.to_string_lossy();
    let notes = paths::look(&path, access, place).notes;
    let mut reasons: Vec<Reason> = notes
        .into_iter()
        .map(|(level, sentence)| Reason {
            sentence: sentence.to_owned(),
            level,
            span: 0..path.len(),
        })
        .collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.level));
    Risk {
        level: reasons
            .iter()
            .map(|reason| reason.level)
            .max()
            .unwrap_or_default(),
        reasons,
    }
}
