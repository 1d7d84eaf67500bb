//! What the search looks at: the process's surroundings, and the folders where installers put codex.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// The surroundings of a search, taken once so that it is the same for all of it.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// PATH.
    pub path: Option<OsString>,
    /// The person's home folder.
    pub home: Option<PathBuf>,
    /// The person's shell, absolute.
    pub shell: Option<PathBuf>,
    /// COUNTERSIGN_CODEX: this executable and no other.
    pub only: Option<PathBuf>,
    /// COUNTERSIGN_BUNDLED_CODEX: an executable, or a `node_modules` folder with `@openai/codex`.
    pub bundled: Option<PathBuf>,
    /// Folders that the installers' own variables name, e.g. `$NVM_DIR`.
    pub named: Vec<(&'static str, PathBuf)>,
    /// System-wide folders that are not under the home folder.
    pub system: Vec<PathBuf>,
}

/// Variables with which installers move their folder.
const NAMED: [&str; 10] = [
    "NVM_DIR",
    "VOLTA_HOME",
    "ASDF_DATA_DIR",
    "FNM_DIR",
    "MISE_DATA_DIR",
    "PNPM_HOME",
    "BUN_INSTALL",
    "HOMEBREW_PREFIX",
    "NPM_CONFIG_PREFIX",
    "APPDATA",
];

#[cfg(not(windows))]
const SYSTEM: [&str; 6] = [
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/usr/bin",
    "/snap/bin",
    "/Applications/Codex.app/Contents/Resources",
];
#[cfg(windows)]
const SYSTEM: [&str; 0] = [];

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let folder = |name: &str| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let bundled = folder("COUNTERSIGN_BUNDLED_CODEX").or_else(|| {
            cfg!(debug_assertions)
                .then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/codex/node_modules"))
        });
        Self {
            path: env::var_os("PATH"),
            home: crate::home::home(),
            shell: folder("SHELL").filter(|shell| shell.is_absolute()),
            only: folder("COUNTERSIGN_CODEX"),
            bundled,
            named: NAMED
                .into_iter()
                .filter_map(|name| Some((name, folder(name)?)))
                .collect(),
            system: SYSTEM.into_iter().map(PathBuf::from).collect(),
        }
    }

    /// The folders where npm, Homebrew, nvm, volta, asdf and their kin put executables, likeliest
    /// first. They need not exist.
    pub(super) fn usual_folders(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        if let Some(home) = &self.home {
            folders.extend([home.join(".local/bin"), home.join(".npm-global/bin")]);
        }
        folders.extend(self.named("NPM_CONFIG_PREFIX").map(|dir| dir.join("bin")));
        folders.extend(self.named("HOMEBREW_PREFIX").map(|dir| dir.join("bin")));
        folders.extend(self.system.iter().cloned());

        let dir = |variable, usual: &str| {
            self.named(variable)
                .or_else(|| Some(self.home.as_ref()?.join(usual)))
        };
        if let Some(nvm) = dir("NVM_DIR", ".nvm") {
            let versions = versions_in(&nvm.join("versions/node"));
            folders.extend(versions.into_iter().map(|version| version.join("bin")));
        }
        if let Some(volta) = dir("VOLTA_HOME", ".volta") {
            folders.push(volta.join("tools/image/packages/@openai/codex/bin"));
            folders.push(volta.join("bin"));
        }
        if let Some(asdf) = dir("ASDF_DATA_DIR", ".asdf") {
            let versions = versions_in(&asdf.join("installs/nodejs"));
            folders.extend(versions.into_iter().map(|version| version.join("bin")));
            folders.push(asdf.join("shims"));
        }
        if let Some(fnm) = dir("FNM_DIR", ".local/share/fnm") {
            let versions = versions_in(&fnm.join("node-versions"));
            folders.extend(
                versions
                    .into_iter()
                    .map(|version| version.join("installation/bin")),
            );
        }
        if let Some(mise) = dir("MISE_DATA_DIR", ".local/share/mise") {
            let versions = versions_in(&mise.join("installs/node"));
            folders.extend(versions.into_iter().map(|version| version.join("bin")));
            folders.push(mise.join("shims"));
        }
        folders.extend(dir("PNPM_HOME", ".local/share/pnpm"));
        folders.extend(dir("BUN_INSTALL", ".bun").map(|bun| bun.join("bin")));
        if let Some(home) = &self.home {
            folders.extend([
                home.join(".yarn/bin"),
                home.join("Library/pnpm"),
                home.join("Applications/Codex.app/Contents/Resources"),
            ]);
        }
        folders.extend(self.named("APPDATA").map(|dir| dir.join("npm")));
        folders
    }

    fn named(&self, name: &str) -> Option<PathBuf> {
        let (_, folder) = self.named.iter().find(|(named, _)| *named == name)?;
        Some(folder.clone())
    }
}

/// The folders in one whose names are versions, e.g. "v22.3.0", newest first.
fn versions_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut versions: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let numbers: Result<Vec<u32>, _> = name
                .strip_prefix('v')
                .unwrap_or(&name)
                .split('.')
                .map(str::parse)
                .collect();
            Some((numbers.ok()?, entry.path()))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}
