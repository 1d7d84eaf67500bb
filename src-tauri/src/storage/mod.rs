//! What Countersign keeps between starts: profiles, open tabs, settings.
//!
//! Each is one JSON file in the app's data folder, held by a [`Document`]: the one wrapper around
//! tauri-plugin-store, there so that a kill, a full disk or a damaged file never costs more than
//! the change that was being made. On top of it stand [`Profiles`], [`Tabs`] and [`Preferences`],
//! which know what may be in their file.
//!
//! Deliberately not here: secrets (Codex keeps its own logins), the record of approvals (a
//! database), and what was said in a thread (Codex's history).

mod document;
mod error;
mod files;
mod preferences;
mod profile_rules;
mod profiles;
mod tabs;
#[cfg(test)]
mod tests;

pub use document::{Document, Stored};
pub use error::{ReadOnlyReason, StorageError};
pub use preferences::Preferences;
pub use profiles::{DEMO_PROFILE_ID, ProfileList, Profiles, first_profiles};
pub use tabs::{Tab, TabList, Tabs};
