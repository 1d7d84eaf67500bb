//! Where a path leads, and what lies in what.
//!
//! A path is compared twice: by its words, and by where the file system says that it leads, so that neither `..` nor a
//! link leads out of a folder that a rule names. Between the judgement and the change somebody can still move a link;
//! Codex's sandbox is what stands against that, not this.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Says where a path leads: absolute and without links. `None` when nobody can tell.
pub type Resolve<'a> = &'a dyn Fn(&Path) -> Option<PathBuf>;

/// What the sandbox keeps from being written inside a folder that is writable (FACTS section 10). A rule about a
/// folder allows nothing in there, unless it names a path in there itself.
const KEPT: [&str; 3] = [".git", ".codex", ".aws"];

/// Where a path leads in this computer's file system. What does not exist yet leads to where it would be made.
pub fn real(path: &Path) -> Option<PathBuf> {
    let mut missing = Vec::new();
    let mut at = path;
    loop {
        match fs::canonicalize(at) {
            Ok(mut found) => {
                found.extend(missing.into_iter().rev());
                return Some(found);
            }
            // A link to what does not exist: a write would go through it.
            Err(_) if fs::symlink_metadata(at).is_ok() => return None,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // None for `..`: below something that does not exist it leads nowhere.
                missing.push(at.file_name()?.to_owned());
                at = at.parent()?;
            }
            Err(_) => return None,
        }
    }
}

/// A path without `.` and `..`, by its words alone.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() && !path.has_root() {
                    out.push("..");
                }
            }
            part => out.push(part),
        }
    }
    out
}

/// Whether a path lies in a folder, or is it, beyond doubt: by its words and in the file system.
pub(super) fn surely_in(path: &Path, folder: &Path, resolve: Resolve<'_>) -> bool {
    folder.is_absolute()
        && plain(path).starts_with(plain(folder))
        && resolve(path)
            .zip(resolve(folder))
            .is_some_and(|(path, folder)| path.starts_with(folder))
}

/// Whether a path may lie in a folder: by its words or in the file system.
pub(super) fn perhaps_in(path: &Path, folder: &Path, resolve: Resolve<'_>) -> bool {
    plain(path).starts_with(plain(folder))
        || resolve(path)
            .zip(resolve(folder))
            .is_some_and(|(path, folder)| path.starts_with(folder))
}

/// Whether a rule that allows changes in `folder` reaches `path`, which lies in it.
pub(super) fn reaches(folder: &Path, path: &Path, resolve: Resolve<'_>) -> bool {
    let below = |path: &Path, folder: &Path| {
        path.strip_prefix(folder).is_ok_and(|rest| {
            !rest.components().any(|part| {
                KEPT.iter()
                    .any(|kept| part.as_os_str().eq_ignore_ascii_case(kept))
            })
        })
    };
    below(&plain(path), &plain(folder))
        && resolve(path)
            .zip(resolve(folder))
            .is_some_and(|(path, folder)| below(&path, &folder))
}
