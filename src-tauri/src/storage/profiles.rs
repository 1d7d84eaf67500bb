//! The profiles: `profiles.json`.
//!
//! The demo profile always exists: it is put back when a file lacks it. Deliberately not here: what
//! a profile means to an app-server.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use countersign_contract::{
    ApprovalPolicy, CommandError, Problem, Profile, ProfileColor, ProfileId, ProfileOrigin,
    ProfileSettings, SandboxMode, ShowWhen,
};
use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Runtime};

use super::{Document, StorageError, Stored, profile_rules};
use crate::{codex, error};

/// The id of the demo profile.
pub const DEMO_PROFILE_ID: &str = "demo";

/// What `profiles.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileList {
    /// In the person's order.
    pub profiles: Vec<Profile>,
}

impl Stored for ProfileList {
    const NAME: &'static str = "profiles";
    const WHAT: &'static str = "profiles";
    const VERSION: u64 = 2;

    fn check(&self) -> Result<(), String> {
        let ids: BTreeSet<_> = self.profiles.iter().map(|profile| &profile.id).collect();
        if ids.len() != self.profiles.len() {
            return Err("two profiles have the same id".to_owned());
        }
        Ok(())
    }
}

/// The profiles, kept. Every change is on disk when it returns; see [`Document::update`].
#[derive(Debug)]
pub struct Profiles {
    document: Document<ProfileList>,
}

impl Profiles {
    /// Opens `profiles.json` in the app's data folder. `first` gives the profiles of a first start
    /// (see [`first_profiles`]); it is not called otherwise. See [`Document::open`] for the
    /// problems.
    pub fn open<R: Runtime>(
        app: &AppHandle<R>,
        folder: &Path,
        first: impl FnOnce() -> Vec<Profile>,
    ) -> (Self, Vec<Problem>) {
        let (document, mut problems) =
            Document::open(app, folder, || ProfileList { profiles: first() });
        let profiles = Self { document };
        if profiles.get(DEMO_PROFILE_ID).is_none() {
            let added: Result<(), StorageError> = profiles.document.update(|list| {
                list.profiles.insert(0, demo_profile());
                Ok(())
            });
            if let Err(reason) = added {
                problems.push(error::not_kept(ProfileList::WHAT, &reason));
            }
        }
        (profiles, problems)
    }

    /// All of them, in the person's order.
    pub fn list(&self) -> Vec<Profile> {
        self.document.read().profiles
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Option<Profile> {
        self.list().into_iter().find(|profile| profile.id == id)
    }

    /// Makes a profile.
    ///
    /// # Errors
    /// A field cannot be used (`invalid`, with the field), or it could not be kept.
    pub fn create(&self, settings: ProfileSettings) -> Result<Profile, CommandError> {
        let settings = profile_rules::tidy(settings);
        self.document.update(|list| {
            profile_rules::check(&settings, None, &list.profiles.iter().collect::<Vec<_>>())?;
            let profile = Profile {
                id: new_id(),
                origin: ProfileOrigin::User,
                settings,
            };
            list.profiles.push(profile.clone());
            Ok(profile)
        })
    }

    /// Makes a copy right after the original, under a name of its own. A copy of the demo is a demo.
    ///
    /// # Errors
    /// There is no such profile, or the copy could not be kept.
    pub fn duplicate(&self, id: &str) -> Result<Profile, CommandError> {
        self.document.update(|list| {
            let index = list.index(id)?;
            let mut profile = list.profiles[index].clone();
            profile.id = new_id();
            profile.settings.name = list.free_name(&profile.settings.name);
            list.profiles.insert(index + 1, profile.clone());
            Ok(profile)
        })
    }

    /// Changes a profile.
    ///
    /// # Errors
    /// There is no such profile, a field cannot be used, or the change could not be kept.
    pub fn update(&self, id: &str, settings: ProfileSettings) -> Result<Profile, CommandError> {
        let settings = profile_rules::tidy(settings);
        self.document.update(|list| {
            let index = list.index(id)?;
            let others: Vec<_> = list
                .profiles
                .iter()
                .filter(|other| other.id != id)
                .collect();
            profile_rules::check(&settings, list.profiles.get(index), &others)?;
            let profile = &mut list.profiles[index];
            profile.settings = settings;
            Ok(profile.clone())
        })
    }

    /// Deletes a profile. `used_by` are the titles of the open sessions that run under it.
    ///
    /// # Errors
    /// There is no such profile, it is in use, it is the demo, or the change could not be kept.
    pub fn delete(&self, id: &str, used_by: &[String]) -> Result<(), CommandError> {
        if id == DEMO_PROFILE_ID {
            return Err(error::not_possible(
                "The demo cannot be deleted.",
                "It costs nothing while no session uses it.",
            ));
        }
        if !used_by.is_empty() {
            return Err(error::not_possible(
                format!("Open sessions use this profile: {}.", used_by.join(", ")),
                "Close them, then delete the profile.",
            ));
        }
        self.document.update(|list| {
            let index = list.index(id)?;
            list.profiles.remove(index);
            Ok(())
        })
    }
}

impl ProfileList {
    fn index(&self, id: &str) -> Result<usize, CommandError> {
        self.profiles
            .iter()
            .position(|profile| profile.id == id)
            .ok_or_else(|| error::not_found("The profile"))
    }

    /// "Work copy", "Work copy 2" ..., cut so that it stays a valid name.
    fn free_name(&self, name: &str) -> String {
        let short: String = name.chars().take(48).collect();
        let taken: BTreeSet<String> = self
            .profiles
            .iter()
            .map(|profile| profile.settings.name.to_lowercase())
            .collect();
        let mut candidate = format!("{} copy", short.trim_end());
        let mut number = 2;
        while taken.contains(&candidate.to_lowercase()) {
            candidate = format!("{} copy {number}", short.trim_end());
            number += 1;
        }
        candidate
    }
}

fn new_id() -> ProfileId {
    uuid::Uuid::new_v4().to_string()
}

/// The profiles of a first start: the demo, and "Default" on the person's own Codex if there is one
/// that can reach a model, that is: a codex executable was found, and it has a login (`auth.json`)
/// or a provider (in `config.toml`, or OPENAI_API_KEY in the environment).
pub fn first_profiles(found: Option<&codex::Found>) -> Vec<Profile> {
    let home = env::var_os("CODEX_HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(crate::home::home()?.join(".codex")));
    let key = env::var_os("OPENAI_API_KEY").is_some_and(|key| !key.is_empty());
    first_profiles_in(found, home.as_deref(), key)
}

pub(super) fn first_profiles_in(
    found: Option<&codex::Found>,
    codex_home: Option<&Path>,
    has_api_key: bool,
) -> Vec<Profile> {
    let mut profiles = vec![demo_profile()];
    let reaches_a_model = has_api_key
        || codex_home
            .is_some_and(|home| home.join("auth.json").is_file() || configures_a_provider(home));
    if found.is_some() && reaches_a_model {
        profiles.push(Profile {
            id: new_id(),
            origin: ProfileOrigin::User,
            settings: plain_settings("Default", ProfileColor::Violet),
        });
    }
    profiles
}

/// `model_provider` in config.toml, or in the profile that it selects.
fn configures_a_provider(home: &Path) -> bool {
    let Ok(text) = fs::read_to_string(home.join("config.toml")) else {
        return false;
    };
    let Ok(config) = text.parse::<toml::Table>() else {
        return false;
    };
    let selected = config
        .get("profile")
        .and_then(toml::Value::as_str)
        .and_then(|name| config.get("profiles")?.get(name)?.get("model_provider"));
    config.contains_key("model_provider") || selected.is_some()
}

fn demo_profile() -> Profile {
    Profile {
        id: DEMO_PROFILE_ID.to_owned(),
        origin: ProfileOrigin::Demo,
        settings: plain_settings("Demo (offline)", ProfileColor::Gray),
    }
}

fn plain_settings(name: &str, color: ProfileColor) -> ProfileSettings {
    ProfileSettings {
        name: name.to_owned(),
        color,
        codex_binary: None,
        codex_home: None,
        environment: BTreeMap::new(),
        model_provider: None,
        model: None,
        effort: None,
        sandbox: SandboxMode::WorkspaceWrite,
        approval: ApprovalPolicy::OnRequest,
        developer_instructions: String::new(),
        dialogs: ShowWhen::Always,
        notifications: ShowWhen::WhenUnfocused,
        sound: false,
    }
}
