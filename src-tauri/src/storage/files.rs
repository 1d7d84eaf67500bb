//! The files of one document: which there are, what is in them, and how one replaces another.
//!
//! Everything that touches the disk goes through [`step`], so that the tests can fail or end the
//! process's life at every single one.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::Stored;

/// The key of the format's version in every file.
pub(super) const VERSION_KEY: &str = "version";

/// The paths of one document.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    pub(super) folder: PathBuf,
    pub(super) name: &'static str,
    /// What counts.
    pub(super) real: PathBuf,
    /// What counted before the last change.
    pub(super) last_good: PathBuf,
    /// Where the plugin writes. Never read.
    pub(super) staging: PathBuf,
}

impl Paths {
    pub(super) fn new(folder: &Path, name: &'static str) -> Self {
        Self {
            folder: folder.to_owned(),
            name,
            real: folder.join(format!("{name}.json")),
            last_good: folder.join(format!("{name}.last-good.json")),
            staging: folder.join(format!("{name}.staging.json")),
        }
    }

    /// Renames a file out of the way, to a name that no file has. Returns the new name.
    pub(super) fn set_aside(&self, path: &Path) -> io::Result<String> {
        for number in 1..1_000 {
            let name = format!("{}.set-aside-{number}.json", self.name);
            let target = self.folder.join(&name);
            match fs::symlink_metadata(&target) {
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            step()?;
            fs::rename(path, target)?;
            return Ok(name);
        }
        Err(io::Error::other("too many files were set aside here"))
    }

    /// Puts the staged file in the place of the real one, which becomes the last good one.
    ///
    /// Killed anywhere in it, the real file is there and whole: it is the old one up to the last
    /// rename and the new one after it.
    pub(super) fn replace(&self) -> io::Result<()> {
        step()?;
        private(&self.staging)?;
        flush(&self.staging)?;
        self.keep_last_good()?;
        step()?;
        fs::rename(&self.staging, &self.real)?;
        // The change counts from here on. A file system that cannot flush a folder does not undo it.
        if let Err(error) = sync_folder(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "the folder was not flushed");
        }
        Ok(())
    }

    /// A copy, not a link: damage to one of them must not reach the other.
    fn keep_last_good(&self) -> io::Result<()> {
        let fresh = self
            .folder
            .join(format!("{}.last-good.json.new", self.name));
        step()?;
        match fs::copy(&self.real, &fresh) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            copied => copied?,
        };
        step()?;
        flush(&fresh)?;
        step()?;
        fs::rename(&fresh, &self.last_good)
    }
}

/// What was found in a file.
pub(super) enum Content<T> {
    Missing,
    Good(T),
    /// Torn, or not this document. Says why.
    Foreign(String),
    /// From a newer version; the value if it can be understood all the same.
    Newer(u64, Option<T>),
    Unreadable(io::Error),
}

/// Reads and judges a file.
pub(super) fn examine<T: Stored>(path: &Path) -> Content<T> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Content::Missing,
        Err(error) => return Content::Unreadable(error),
    };
    let mut map: Map<String, Value> = match serde_json::from_slice(&bytes) {
        Ok(map) => map,
        Err(error) => return Content::Foreign(error.to_string()),
    };
    let version = match map.remove(VERSION_KEY).as_ref().and_then(Value::as_u64) {
        None | Some(0) => return Content::Foreign("it has no version".to_owned()),
        Some(version) => version,
    };
    let value = serde_json::from_value::<T>(Value::Object(map))
        .map_err(|error| error.to_string())
        .and_then(|value| value.check().map(|()| value));
    match value {
        value if version > T::VERSION => Content::Newer(version, value.ok()),
        Ok(value) => Content::Good(value),
        Err(why) => Content::Foreign(why),
    }
}

/// Opens it for writing, because Windows flushes no other handle.
fn flush(path: &Path) -> io::Result<()> {
    File::options().write(true).open(path)?.sync_all()
}

/// Only the person may read it: drafts and environments are nobody else's business.
#[cfg(unix)]
fn private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn private(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Stands before every change of the disk.
#[cfg(not(test))]
pub(super) fn step() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(super) use fault::step;

/// Faults that a test puts in the way of its own thread.
#[cfg(test)]
pub(super) mod fault {
    use std::{cell::Cell, io};

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in super::super) enum Fault {
        None,
        /// The step after so many fails; the process lives on.
        Fail(usize),
        /// Nothing more happens from the step after so many: the process was killed.
        Kill(usize),
    }

    thread_local! {
        static FAULT: Cell<Fault> = const { Cell::new(Fault::None) };
    }

    pub(in super::super) fn set(fault: Fault) {
        FAULT.set(fault);
    }

    /// The fault came to bear since it was set.
    pub(in super::super) fn struck() -> bool {
        matches!(FAULT.get(), Fault::None | Fault::Kill(0))
    }

    pub(in super::super) fn step() -> io::Result<()> {
        match FAULT.get() {
            Fault::None => Ok(()),
            Fault::Kill(0) => Err(io::Error::other("killed")),
            Fault::Fail(0) => {
                FAULT.set(Fault::None);
                Err(io::Error::other("refused"))
            }
            Fault::Fail(n) => {
                FAULT.set(Fault::Fail(n - 1));
                Ok(())
            }
            Fault::Kill(n) => {
                FAULT.set(Fault::Kill(n - 1));
                Ok(())
            }
        }
    }
}
