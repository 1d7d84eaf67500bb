//! The native executable inside an npm copy of Codex.
//!
//! `@openai/codex` installs a Node script that only starts the native executable of its platform
//! package. Taking that one directly needs no Node.js on PATH and leaves no second process between
//! the app and the app-server.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::is_executable;

/// This platform's package and target, as the launcher script of `@openai/codex` 0.169 names them.
const PLATFORM: Option<(&str, &str)> = platform();

const fn platform() -> Option<(&'static str, &'static str)> {
    let arm = if cfg!(target_arch = "aarch64") {
        true
    } else if cfg!(target_arch = "x86_64") {
        false
    } else {
        return None;
    };
    if cfg!(target_os = "linux") {
        Some(if arm {
            ("codex-linux-arm64", "aarch64-unknown-linux-musl")
        } else {
            ("codex-linux-x64", "x86_64-unknown-linux-musl")
        })
    } else if cfg!(target_os = "macos") {
        Some(if arm {
            ("codex-darwin-arm64", "aarch64-apple-darwin")
        } else {
            ("codex-darwin-x64", "x86_64-apple-darwin")
        })
    } else if cfg!(windows) {
        Some(if arm {
            ("codex-win32-arm64", "aarch64-pc-windows-msvc")
        } else {
            ("codex-win32-x64", "x86_64-pc-windows-msvc")
        })
    } else {
        None
    }
}

/// What a file named codex is, seen from npm.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Not npm's: take it as it is.
    Plain,
    /// npm's launcher, with the native executable that it would start.
    Npm(PathBuf),
    /// npm's launcher without its platform package.
    NpmWithoutNative,
}

/// Looks behind a file named codex.
pub(super) fn look_behind(file: &Path) -> Kind {
    let package = package_of(file).or_else(|| {
        // On Windows npm writes a shim beside its node_modules instead of a link.
        let beside = file.parent()?.join("node_modules/@openai/codex");
        (cfg!(windows) && beside.is_dir()).then_some(beside)
    });
    match package {
        None => Kind::Plain,
        Some(package) => native_in(&package).map_or(Kind::NpmWithoutNative, Kind::Npm),
    }
}

/// The native executable of the `@openai/codex` in a `node_modules` folder.
pub(super) fn native_in_modules(modules: &Path) -> Option<PathBuf> {
    native_in(&modules.join("@openai/codex"))
}

/// The package folder that a launcher script belongs to, behind all links.
fn package_of(file: &Path) -> Option<PathBuf> {
    let script = fs::canonicalize(file).ok()?;
    if script.file_name()? != "codex.js" {
        return None;
    }
    let package = script.parent()?.parent()?;
    package
        .ends_with("@openai/codex")
        .then(|| package.to_owned())
}

/// Looks where Node would: beside the package and in every `node_modules` above it.
fn native_in(package: &Path) -> Option<PathBuf> {
    let (name, target) = PLATFORM?;
    let package = fs::canonicalize(package).ok()?;
    let file = format!("codex{}", std::env::consts::EXE_SUFFIX);
    package
        .ancestors()
        .map(|folder| folder.join("node_modules/@openai").join(name))
        .chain([package.clone()])
        .map(|root| root.join("vendor").join(target))
        .flat_map(|vendor| {
            [
                vendor.join("bin").join(&file),
                vendor.join("codex").join(&file),
            ]
        })
        .find(|native| is_executable(native))
}
