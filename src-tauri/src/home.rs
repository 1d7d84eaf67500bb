//! The person's home.

use std::path::PathBuf;

/// The home of whoever runs the app. `None` where the system names none.
pub(crate) fn home() -> Option<PathBuf> {
    Some(directories::BaseDirs::new()?.home_dir().to_owned())
}
