//! The settings of the app that belong to no profile: `settings.json`.

use std::path::Path;

use countersign_contract::{Problem, Settings};
use tauri::{AppHandle, Runtime};

use super::{Document, StorageError, Stored};

impl Stored for Settings {
    const NAME: &'static str = "settings";
    const WHAT: &'static str = "settings";
    const VERSION: u64 = 2;
}

/// The app's settings, kept.
#[derive(Debug)]
pub struct Preferences {
    document: Document<Settings>,
}

impl Preferences {
    /// Opens `settings.json` in the app's data folder. See [`Document::open`] for the problems.
    pub fn open<R: Runtime>(app: &AppHandle<R>, folder: &Path) -> (Self, Vec<Problem>) {
        let (document, problems) = Document::open(app, folder, Settings::default);
        (Self { document }, problems)
    }

    /// The settings as they are now.
    pub fn read(&self) -> Settings {
        self.document.read()
    }

    /// Replaces the settings. See [`Document::update`].
    ///
    /// # Errors
    /// They could not be kept; the old ones stay.
    pub fn replace(&self, settings: Settings) -> Result<(), StorageError> {
        self.document.update(|kept| {
            *kept = settings;
            Ok(())
        })
    }
}
