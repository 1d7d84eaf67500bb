//! Where paths lie, and which of them are delicate.

use std::path::{Component, Path, PathBuf};

use super::word::UNKNOWN;
use super::{Access, PathUse, Place, RiskLevel};

/// A path as a word shows it.
pub(super) struct Named {
    pub(super) used: PathUse,
    /// What is special about it: how bad, and why.
    pub(super) notes: Vec<(RiskLevel, &'static str)>,
}

/// Folders that everybody may read, and programs come from.
const PUBLIC: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/opt",
    "/nix/store",
    "/snap",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/version",
    "/etc/os-release",
    "/etc/debian_version",
    "/etc/alternatives",
    "/etc/lsb-release",
];
/// Devices that are no more than sinks and springs.
const HARMLESS_DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/stdin",
    "/dev/stdout",
    "/dev/stderr",
    "/dev/zero",
    "/dev/tty",
    "/dev/urandom",
    "/dev/random",
    "/dev/full",
];
/// Names, anywhere in a path, of what holds keys.
const SECRET: &[&str] = &[
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".netrc",
    "_netrc",
    ".git-credentials",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".vault-token",
    ".password-store",
    ".docker",
    "keyrings",
    ".mozilla",
    "google-chrome",
    "chromium",
    "id_rsa",
    "id_ed25519",
    "id_ecdsa",
    "id_dsa",
    "shadow",
    "gshadow",
    "sudoers",
    ".htpasswd",
    ".terraformrc",
    "gcloud",
    "auth.json",
    "credentials",
    "credentials.json",
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".psql_history",
    ".mysql_history",
    "environ",
    ".cargo/credentials.toml",
    ".local/share/keyrings",
];
/// Names, anywhere in a path, of what runs later without being asked.
const LATER: &[&str] = &[
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".bash_aliases",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".kshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    "config.fish",
    ".xprofile",
    ".xinitrc",
    ".xsession",
    ".xsessionrc",
    ".pam_environment",
    ".inputrc",
    ".gitconfig",
    ".vimrc",
    ".exrc",
    ".nvimrc",
    ".emacs",
    ".emacs.d",
    ".tmux.conf",
    ".screenrc",
    ".envrc",
    ".ssh",
    ".gnupg",
    "autostart",
    "LaunchAgents",
    "LaunchDaemons",
    "systemd",
    "cron",
    "crontab",
    "crontabs",
    "cron.d",
    "cron.daily",
    "cron.hourly",
    "cron.weekly",
    "cron.monthly",
    ".curlrc",
    ".wgetrc",
    ".npmrc",
    ".pypirc",
    ".gdbinit",
    ".lldbinit",
    ".pythonrc",
    "sitecustomize.py",
    "usercustomize.py",
    ".pdbrc",
    ".irbrc",
    ".perldb",
    ".bazelrc",
    ".codex",
    ".claude",
];
/// Names of files that other machines or programs run, with the keys that they have.
const AUTOMATION: &[&str] = &[
    ".github",
    ".gitlab-ci.yml",
    ".gitlab",
    ".circleci",
    ".travis.yml",
    "Jenkinsfile",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    ".buildkite",
    ".drone.yml",
    ".woodpecker",
    ".woodpecker.yml",
    "appveyor.yml",
    ".pre-commit-config.yaml",
    ".husky",
    "lefthook.yml",
    ".vscode",
    ".idea",
    ".devcontainer",
    "AGENTS.md",
    "CLAUDE.md",
];

/// Looks at a path. `shape` is as in [`super::word::Word::shape`].
pub(super) fn look(shape: &str, access: Access, place: &Place<'_>) -> Named {
    let (path, is_known) = resolve(shape, place);
    let outside = !is_known
        || !place
            .folder
            .is_some_and(|folder| path.starts_with(plain(folder)));
    let mut notes = Vec::new();
    let changes = access != Access::Read;
    let is_under = |roots: &[&str]| roots.iter().any(|root| path.starts_with(root));
    let has = |names: &[&str]| {
        names.iter().any(|name| {
            if name.contains('/') {
                path.ends_with(name)
            } else {
                path.components().any(|part| part.as_os_str() == *name)
            }
        })
    };
    let is_relative =
        is_known && path.is_relative() && !path.starts_with("..") && !path.starts_with("~");
    // Without a folder to compare with, what is relative and does not climb is taken for inside.
    let outside = outside && !(is_relative && place.folder.is_none());

    let device = path.starts_with("/dev")
        && !HARMLESS_DEVICES
            .iter()
            .any(|device| path == Path::new(device));
    if path.starts_with("/dev/tcp") || path.starts_with("/dev/udp") {
        notes.push((
            RiskLevel::Dangerous,
            "Opens a raw connection to another machine.",
        ));
    } else if device && !path.starts_with("/dev/fd") && !path.starts_with("/dev/shm") {
        notes.push((RiskLevel::Dangerous, "Uses a device of the machine."));
    }
    if has(SECRET) || is_key_file(&path) {
        let level = if outside {
            RiskLevel::Dangerous
        } else {
            RiskLevel::Elevated
        };
        notes.push((level, "Is where keys, passwords or histories are kept."));
    }
    if path.starts_with("/proc") && !is_under(PUBLIC) && !is_public_process(&path) {
        notes.push((RiskLevel::Elevated, "Looks into other processes."));
    }
    if changes {
        let hooks = path.components().any(|part| part.as_os_str() == ".git");
        if has(LATER) || (hooks && !path.ends_with(".git/index.lock")) {
            notes.push((
                RiskLevel::Dangerous,
                "Changes what runs later without being asked.",
            ));
        }
        if has(AUTOMATION) {
            notes.push((
                RiskLevel::Elevated,
                "Changes what other machines or programs run by themselves.",
            ));
        }
        if outside && !device && !is_sink(&path) {
            let level = if access == Access::Delete || is_system(&path) || !is_known {
                RiskLevel::Dangerous
            } else {
                RiskLevel::Elevated
            };
            notes.push((level, outside_why(access, is_known)));
        }
        if access == Access::Delete && !outside && is_known && is_root_of(&path, place) {
            notes.push((RiskLevel::Dangerous, "Deletes the work folder itself."));
        }
    } else if outside && is_known && !is_sink(&path) && !is_under(PUBLIC) {
        notes.push((RiskLevel::Elevated, "Reads outside the work folder."));
    }
    Named {
        used: PathUse {
            path,
            access,
            outside,
        },
        notes,
    }
}

fn outside_why(access: Access, is_known: bool) -> &'static str {
    match (access, is_known) {
        (Access::Delete, true) => "Deletes outside the work folder.",
        (Access::Delete, false) => "May delete outside the work folder.",
        (_, true) => "Writes outside the work folder.",
        (_, false) => "May write outside the work folder.",
    }
}

fn is_sink(path: &Path) -> bool {
    HARMLESS_DEVICES
        .iter()
        .any(|device| path == Path::new(device))
}

fn is_public_process(path: &Path) -> bool {
    path.starts_with("/proc/self") && !path.ends_with("environ")
        || matches!(
            path.to_str(),
            Some("/proc" | "/proc/loadavg" | "/proc/uptime" | "/proc/mounts")
        )
}

fn is_system(path: &Path) -> bool {
    !path.starts_with("/tmp")
        && !path.starts_with("/var/tmp")
        && !path.starts_with("/dev/shm")
        && path.is_absolute()
        && [
            "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/boot", "/var", "/opt", "/sys",
            "/proc", "/root", "/srv", "/System", "/Library",
        ]
        .iter()
        .any(|root| path.starts_with(root))
        || path == Path::new("/")
}

/// The work folder, something above it, or everything in it.
fn is_root_of(path: &Path, place: &Place<'_>) -> bool {
    let everything = path
        .file_name()
        .is_some_and(|name| name == "*" || name == ".*");
    let path = if everything {
        path.parent().unwrap_or(path)
    } else {
        path
    };
    match (place.folder, place.cwd) {
        (Some(folder), _) => plain(folder).starts_with(path),
        (None, Some(cwd)) => plain(cwd).starts_with(path),
        (None, None) => path.as_os_str().is_empty() || path == Path::new("."),
    }
}

fn is_key_file(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    (name == ".env"
        || name.starts_with(".env.")
            && !matches!(name, ".env.example" | ".env.sample" | ".env.template"))
        || [
            ".pem",
            ".key",
            ".p12",
            ".pfx",
            ".keystore",
            ".jks",
            ".kdbx",
            ".ovpn",
        ]
        .iter()
        .any(|end| name.ends_with(end))
}

/// The path that a word means, and whether all of it is known.
fn resolve(shape: &str, place: &Place<'_>) -> (PathBuf, bool) {
    let known: String = shape.split(UNKNOWN).next().unwrap_or_default().to_owned();
    let is_known = known.len() == shape.len();
    // The name in which the unknown or the pattern begins is no part of where it lies.
    let shown = if is_known {
        shape.to_owned()
    } else {
        shape.replace(UNKNOWN, "\u{2026}")
    };
    let path = match (shown.strip_prefix('~'), place.home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            home.join(rest.trim_start_matches('/'))
        }
        (Some(_), _) => return (PathBuf::from(shown), false),
        (None, _) => PathBuf::from(&shown),
    };
    if shape.starts_with(UNKNOWN) {
        return (path, false);
    }
    let path = match place.cwd {
        Some(cwd) => plain(&cwd.join(path)),
        None => plain(&path),
    };
    // `dir/$x` lies in `dir`, unless the variable climbs: it may.
    (path, is_known)
}

/// A path without `.` and `..`, by its words alone.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if (out.as_os_str().is_empty() || out.ends_with("..")) && !out.has_root() {
                    out.push("..");
                } else {
                    out.pop();
                }
            }
            part => out.push(part),
        }
    }
    out
}
