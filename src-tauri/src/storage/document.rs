//! One JSON file, never torn.
//!
//! The bytes are written by tauri-plugin-store, which by itself writes in place, ignores a file
//! that it cannot read, and saves once more when the app exits. So the plugin gets a staging file
//! of its own, no auto-save and nothing to load; each change is saved there, flushed, and renamed
//! over the real file, with the previous one kept as last good. The real file is read and judged
//! here, before anything can be written. Once made, the store is taken off the plugin's list: it
//! then neither saves at exit nor can be reached from the web view.
//!
//! Deliberately not here: a lock against other processes. Countersign is a single-instance app.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use countersign_contract::Problem;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tauri::{AppHandle, Runtime};
use tauri_plugin_store::{Store, StoreBuilder};

use super::{
    ReadOnlyReason, StorageError,
    files::{Content, Paths, VERSION_KEY, examine, step},
};
use crate::error;

/// What can be kept in a [`Document`]: something that serialises to a JSON object without a
/// `version` of its own.
pub trait Stored: Serialize + DeserializeOwned + Clone + Send + 'static {
    /// The file's name without `.json`.
    const NAME: &'static str;
    /// What it holds, in words that follow "your", e.g. "profiles".
    const WHAT: &'static str;
    /// The format's version, from 1. Goes up with every change of the format, additions included;
    /// what an older file lacks must have a default.
    const VERSION: u64;

    /// Whether a file that decodes makes sense. One that does not is set aside.
    ///
    /// # Errors
    /// Says what is wrong with it.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A value and its file. What [`read`](Self::read) returns is what the file holds, except while it
/// is open read-only.
#[derive(Debug)]
pub struct Document<T> {
    paths: Paths,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    value: T,
    access: Access,
}

#[derive(Debug)]
enum Access {
    ReadWrite(Box<dyn Staging>),
    ReadOnly(ReadOnlyReason),
}

/// Where a value came from when it is not what the real file holds.
enum Fallback {
    LastGood,
    Initial,
}

impl<T: Stored> Document<T> {
    /// Opens the file `NAME.json` in `folder`; makes it from `initial` if there is none.
    ///
    /// It always opens. A torn or foreign file is renamed to `NAME.set-aside-1.json` (or the next
    /// free number) and the state before the last change is used, else `initial`. A file from a
    /// newer version, and one that cannot be read, stays as it is and opens read-only. The problems
    /// say so, and what to do.
    pub fn open<R: Runtime>(
        app: &AppHandle<R>,
        folder: &Path,
        initial: impl FnOnce() -> T,
    ) -> (Self, Vec<Problem>) {
        let paths = Paths::new(folder, T::NAME);
        let mut problems = Vec::new();
        if let Err(source) = fs::create_dir_all(folder) {
            let path = folder.to_owned();
            problems.push(error::not_kept(
                T::WHAT,
                &StorageError::Write { path, source },
            ));
        }
        let (value, written, read_only) = load(&paths, initial, &mut problems);
        let access = match read_only {
            Some(reason) => Access::ReadOnly(reason),
            None => match PluginStore::new(app, &paths) {
                Ok(store) => Access::ReadWrite(Box::new(store)),
                Err(source) => {
                    let reason = ReadOnlyReason::NoStore;
                    problems.push(error::read_only(T::WHAT, &paths.real, &reason, &source));
                    Access::ReadOnly(reason)
                }
            },
        };
        if let (false, Access::ReadWrite(staging)) = (written, &access)
            && let Err(reason) = commit(&paths, staging.as_ref(), &value)
        {
            problems.push(error::not_kept(T::WHAT, &reason));
        }
        let state = Mutex::new(State { value, access });
        (Self { paths, state }, problems)
    }

    /// The value as it is now.
    pub fn read(&self) -> T {
        self.state().value.clone()
    }

    /// Changes the value. When it returns `Ok` the change is on disk and flushed; when it returns
    /// `Err`, from `change` or from the disk, nothing changed in memory or on disk.
    ///
    /// It blocks for the time of a flush, some milliseconds: not for a thread that draws or polls.
    ///
    /// # Errors
    /// The error of `change`, else a [`StorageError`].
    pub fn update<A, E: From<StorageError>>(
        &self,
        change: impl FnOnce(&mut T) -> Result<A, E>,
    ) -> Result<A, E> {
        let mut state = self.state();
        let mut value = state.value.clone();
        let result = change(&mut value)?;
        match &state.access {
            Access::ReadWrite(staging) => commit(&self.paths, staging.as_ref(), &value)?,
            Access::ReadOnly(reason) => {
                let path = self.paths.real.clone();
                let reason = reason.clone();
                return Err(StorageError::ReadOnly { path, reason }.into());
            }
        }
        state.value = value;
        Ok(result)
    }

    /// The value is only replaced whole, so a panic in a change leaves it sound.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the files say: the value, whether the real file holds it, and why it must not be written.
fn load<T: Stored>(
    paths: &Paths,
    initial: impl FnOnce() -> T,
    problems: &mut Vec<Problem>,
) -> (T, bool, Option<ReadOnlyReason>) {
    let what = T::WHAT;
    match examine::<T>(&paths.real) {
        Content::Good(value) => (value, true, None),
        Content::Missing => {
            let (value, from, read_only) = fall_back(paths, initial, problems);
            if let Fallback::LastGood = from {
                problems.push(error::missing(what, &paths.real));
            }
            (value, false, read_only)
        }
        Content::Foreign(why) => {
            let aside = paths.set_aside(&paths.real);
            let (value, from, mut read_only) = fall_back(paths, initial, problems);
            match aside {
                Ok(name) => problems.push(error::set_aside(
                    what,
                    &paths.folder,
                    &name,
                    matches!(from, Fallback::LastGood),
                    why,
                )),
                Err(source) => {
                    let reason = ReadOnlyReason::NotSetAside;
                    problems.push(error::read_only(what, &paths.real, &reason, &source));
                    read_only = Some(reason);
                }
            }
            (value, false, read_only)
        }
        Content::Newer(version, value) => {
            let reason = ReadOnlyReason::Newer(version);
            let details = io::Error::other(reason.to_string());
            problems.push(error::read_only(what, &paths.real, &reason, &details));
            let value = value.unwrap_or_else(|| last_good_or(paths, initial));
            (value, true, Some(reason))
        }
        Content::Unreadable(source) => {
            let reason = ReadOnlyReason::Unreadable;
            problems.push(error::read_only(what, &paths.real, &reason, &source));
            (last_good_or(paths, initial), true, Some(reason))
        }
    }
}

/// The value when the real file gives none and is out of the way.
fn fall_back<T: Stored>(
    paths: &Paths,
    initial: impl FnOnce() -> T,
    problems: &mut Vec<Problem>,
) -> (T, Fallback, Option<ReadOnlyReason>) {
    match examine::<T>(&paths.last_good) {
        Content::Good(value) => (value, Fallback::LastGood, None),
        Content::Missing => (initial(), Fallback::Initial, None),
        Content::Newer(version, value) => {
            let reason = ReadOnlyReason::Newer(version);
            let details = io::Error::other(reason.to_string());
            problems.push(error::read_only(
                T::WHAT,
                &paths.last_good,
                &reason,
                &details,
            ));
            (
                value.unwrap_or_else(initial),
                Fallback::LastGood,
                Some(reason),
            )
        }
        Content::Foreign(_) | Content::Unreadable(_) => match paths.set_aside(&paths.last_good) {
            Ok(_) => (initial(), Fallback::Initial, None),
            Err(source) => {
                let reason = ReadOnlyReason::NotSetAside;
                problems.push(error::read_only(
                    T::WHAT,
                    &paths.last_good,
                    &reason,
                    &source,
                ));
                (initial(), Fallback::Initial, Some(reason))
            }
        },
    }
}

/// Something to show while the real file must not be touched.
fn last_good_or<T: Stored>(paths: &Paths, initial: impl FnOnce() -> T) -> T {
    match examine::<T>(&paths.last_good) {
        Content::Good(value) | Content::Newer(_, Some(value)) => value,
        _ => initial(),
    }
}

fn commit<T: Stored>(paths: &Paths, staging: &dyn Staging, value: &T) -> Result<(), StorageError> {
    let path = || paths.real.clone();
    let mut entries: Map<String, Value> = serde_json::to_value(value)
        .and_then(serde_json::from_value)
        .map_err(|source| StorageError::Encode {
            path: path(),
            source,
        })?;
    entries.insert(VERSION_KEY.to_owned(), T::VERSION.into());
    staging
        .save(&entries)
        .and_then(|()| paths.replace())
        .map_err(|source| StorageError::Write {
            path: path(),
            source,
        })
}

/// The plugin's store without its app's type.
trait Staging: Send + Sync + std::fmt::Debug {
    /// Writes exactly these entries to the staging file.
    fn save(&self, entries: &Map<String, Value>) -> io::Result<()>;
}

struct PluginStore<R: Runtime>(Arc<Store<R>>);

impl<R: Runtime> std::fmt::Debug for PluginStore<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PluginStore")
    }
}

impl<R: Runtime> PluginStore<R> {
    fn new(app: &AppHandle<R>, paths: &Paths) -> io::Result<Self> {
        let staging = std::path::absolute(&paths.staging)?;
        let store = StoreBuilder::new(app, staging)
            .disable_auto_save()
            .create_new()
            .serialize(serialize)
            .build()
            .map_err(into_io)?;
        store.close_resource();
        Ok(Self(store))
    }
}

impl<R: Runtime> Staging for PluginStore<R> {
    fn save(&self, entries: &Map<String, Value>) -> io::Result<()> {
        for key in self.0.keys() {
            if !entries.contains_key(&key) {
                self.0.delete(key);
            }
        }
        for (key, value) in entries {
            if self.0.get(key).as_ref() != Some(value) {
                self.0.set(key, value.clone());
            }
        }
        step()?;
        self.0.save().map_err(into_io)
    }
}

/// Sorted, so that the same value is the same bytes.
fn serialize(
    cache: &HashMap<String, Value>,
) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let sorted: BTreeMap<_, _> = cache.iter().collect();
    let mut bytes = serde_json::to_vec_pretty(&sorted)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn into_io(error: tauri_plugin_store::Error) -> io::Error {
    match error {
        tauri_plugin_store::Error::Io(error) => error,
        error => io::Error::other(error),
    }
}
