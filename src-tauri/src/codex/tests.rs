//! With home folders made for the purpose, and real small programs in them.
#![cfg(unix)]

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use tempfile::{TempDir, tempdir};

use super::{
    Locator, Origin, Surroundings, login_shell,
    npm::{self, Kind},
};

struct Machine {
    root: TempDir,
    surroundings: Surroundings,
}

fn machine() -> Machine {
    let root = tempdir().unwrap();
    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    let surroundings = Surroundings {
        path: Some(root.path().join("bin").into()),
        home: Some(home),
        ..Surroundings::default()
    };
    Machine { root, surroundings }
}

impl Machine {
    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// A program at a path below the root.
    fn program(&self, path: &str) -> PathBuf {
        self.script(path, "exit 0")
    }

    fn script(&self, path: &str, body: &str) -> PathBuf {
        let file = self.at(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    /// npm's launcher in a prefix, linked from its bin folder.
    fn npm(&self, prefix: &str) -> PathBuf {
        let script = self.program(&format!(
            "{prefix}/lib/node_modules/@openai/codex/bin/codex.js"
        ));
        let link = self.at(&format!("{prefix}/bin/codex"));
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(script, &link).unwrap();
        link
    }

    fn locator(&self) -> Locator {
        Locator::new(self.surroundings.clone())
    }

    /// Where codex is found, and why there.
    fn found(&self) -> (PathBuf, Origin) {
        let found = self.locator().locate(None).unwrap();
        (found.path, found.origin)
    }

    fn shell(&mut self, body: &str) {
        self.surroundings.shell = Some(self.script("shell", body));
    }
}

/// This machine's platform package and target.
fn platform() -> (&'static str, &'static str) {
    match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => ("codex-linux-x64", "x86_64-unknown-linux-musl"),
        ("linux", "aarch64") => ("codex-linux-arm64", "aarch64-unknown-linux-musl"),
        ("macos", "x86_64") => ("codex-darwin-x64", "x86_64-apple-darwin"),
        ("macos", "aarch64") => ("codex-darwin-arm64", "aarch64-apple-darwin"),
        other => panic!("Codex has no package for {other:?}"),
    }
}

fn native(modules: &str) -> String {
    let (package, target) = platform();
    format!("{modules}/@openai/{package}/vendor/{target}/bin/codex")
}

#[test]
fn the_order_is_setting_path_login_shell_usual_places_bundled() {
    let mut machine = machine();
    let bundled = machine.program("bundled/codex");
    machine.surroundings.bundled = Some(bundled.clone());
    assert_eq!(machine.found(), (bundled, Origin::Bundled));

    let usual = machine.program("home/.local/bin/codex");
    assert_eq!(machine.found(), (usual, Origin::UsualPlace));

    let login = machine.program("login/codex");
    let path = machine.at("login");
    machine.shell(&format!("PATH={}; eval \"$2\"", path.display()));
    assert_eq!(machine.found(), (login, Origin::LoginShell));

    let path = machine.program("bin/codex");
    assert_eq!(machine.found(), (path, Origin::Path));

    let setting = machine.program("mine/codex");
    let found = machine.locator().locate(Some(&setting)).unwrap();
    assert_eq!((found.path, found.origin), (setting, Origin::Setting));
    assert_eq!(found.tried, []);

    let only = machine.program("only/codex");
    machine.surroundings.only = Some(only.clone());
    let found = machine
        .locator()
        .locate(Some(&machine.at("mine/codex")))
        .unwrap();
    assert_eq!((found.path, found.origin), (only, Origin::Override));
}

#[test]
fn a_setting_that_cannot_be_used_falls_back_and_is_said() {
    let machine = machine();
    let path = machine.program("bin/codex");
    let gone = machine.at("gone/codex");
    let found = machine.locator().locate(Some(&gone)).unwrap();
    assert_eq!(found.path, path);
    let problem = found.problem().unwrap();
    assert!(problem.what.contains("no such file"), "{problem:?}");
    assert!(problem.details.unwrap().contains(gone.to_str().unwrap()));
    assert_eq!(machine.locator().locate(None).unwrap().problem(), None);
}

#[test]
fn an_override_that_cannot_be_used_is_no_reason_to_take_another() {
    let mut machine = machine();
    machine.program("bin/codex");
    machine.surroundings.only = Some(machine.at("gone/codex"));
    let error = machine.locator().locate(None).unwrap_err();
    assert_eq!(error.tried.len(), 1);
    assert!(error.problem().remedy.contains("COUNTERSIGN_CODEX"));
}

#[test]
fn what_is_not_a_program_is_passed_over_and_named() {
    let mut machine = machine();
    fs::create_dir_all(machine.at("bin/codex")).unwrap();
    machine.program("next/codex");
    let plain = machine.program("plain/codex");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir_all(machine.at("dangling")).unwrap();
    symlink(machine.at("nowhere"), machine.at("dangling/codex")).unwrap();
    let folders = ["bin", "plain", "dangling", "next"].map(|name| machine.at(name));
    machine.surroundings.path = Some(env::join_paths(folders).unwrap());
    let found = machine.locator().locate(None).unwrap();
    assert_eq!(found.path, machine.at("next/codex"));
    let files: Vec<_> = found
        .tried
        .into_iter()
        .map(|attempt| attempt.file.unwrap())
        .collect();
    let expected = ["bin/codex", "plain/codex", "dangling/codex"].map(|name| machine.at(name));
    assert_eq!(files, expected);
}

#[test]
fn nothing_found_says_everything_that_was_tried() {
    let machine = machine();
    let error = machine.locator().locate(None).unwrap_err();
    let origins: Vec<_> = error.tried.iter().map(|attempt| attempt.origin).collect();
    let expected = [
        Origin::Path,
        Origin::LoginShell,
        Origin::UsualPlace,
        Origin::Bundled,
    ];
    assert_eq!(origins, expected);
    let problem = error.problem();
    assert!(problem.remedy.contains("npm install -g @openai/codex"));
    assert_eq!(problem.details.unwrap().lines().count(), 4);
}

#[test]
fn relative_and_empty_path_entries_count_for_nothing() {
    let mut machine = machine();
    let bin = machine.at("bin");
    machine.surroundings.path = Some(format!(":.:tools:{}::", bin.display()).into());
    let login = machine.at("login");
    machine.shell(&format!(
        "PATH=.:{}:{}:; eval \"$2\"",
        login.display(),
        bin.display()
    ));
    let expected = env::join_paths([bin, login]).unwrap();
    assert_eq!(machine.locator().path_for_children(), expected);
}

#[test]
fn installers_own_folders_are_searched_and_newest_node_wins() {
    for (place, expected) in [
        (
            ".nvm/versions/node/v9.11.2/bin/codex",
            ".nvm/versions/node/v22.3.0/bin/codex",
        ),
        (
            ".asdf/installs/nodejs/18.1.0/bin/codex",
            ".asdf/installs/nodejs/20.0.0/bin/codex",
        ),
        (
            ".local/share/mise/installs/node/9.0.0/bin/codex",
            ".local/share/mise/installs/node/24.1.0/bin/codex",
        ),
        (
            ".local/share/fnm/node-versions/v8.0.0/installation/bin/codex",
            ".local/share/fnm/node-versions/v21.0.0/installation/bin/codex",
        ),
        (
            ".volta/bin/codex",
            ".volta/tools/image/packages/@openai/codex/bin/codex",
        ),
        (".bun/bin/codex", ".bun/bin/codex"),
        (".npm-global/bin/codex", ".npm-global/bin/codex"),
    ] {
        let machine = machine();
        machine.program(&format!("home/{place}"));
        let expected = machine.program(&format!("home/{expected}"));
        assert_eq!(machine.found(), (expected, Origin::UsualPlace));
    }
    let mut machine = machine();
    let moved = machine.program("elsewhere/versions/node/v1.2.3/bin/codex");
    machine.surroundings.named = vec![("NVM_DIR", machine.at("elsewhere"))];
    assert_eq!(machine.found(), (moved, Origin::UsualPlace));
}

#[test]
fn of_an_npm_copy_the_native_executable_is_taken() {
    // Nested in the package, or beside it.
    for modules in [
        "npm/lib/node_modules/@openai/codex/node_modules",
        "npm/lib/node_modules",
    ] {
        let mut machine = machine();
        let link = machine.npm("npm");
        let native = machine.program(&native(modules));
        machine.surroundings.path = Some(link.parent().unwrap().into());
        let found = machine.locator().locate(None).unwrap();
        let native = fs::canonicalize(native).unwrap();
        assert_eq!((found.path, found.via), (native, link));
    }
}

#[test]
fn a_launcher_alone_needs_node() {
    let mut machine = machine();
    let link = machine.npm("npm");
    assert_eq!(npm::look_behind(&link), Kind::NpmWithoutNative);
    machine.surroundings.path = Some(link.parent().unwrap().into());
    let error = machine.locator().locate(None).unwrap_err();
    assert!(error.tried[0].why.contains("Node.js"), "{error:?}");

    machine.program("npm/bin/node");
    assert_eq!(machine.found(), (link, Origin::Path));
}

#[test]
fn the_bundled_copy_can_be_a_folder_of_modules() {
    let mut machine = machine();
    machine.program("tools/node_modules/@openai/codex/bin/codex.js");
    let native = machine.program(&native("tools/node_modules"));
    machine.surroundings.bundled = Some(machine.at("tools/node_modules"));
    let native = fs::canonicalize(native).unwrap();
    assert_eq!(machine.found(), (native, Origin::Bundled));
}

fn asked(shell: impl AsRef<Path>, home: &Path) -> Option<String> {
    let path = login_shell::path_of(shell.as_ref(), Some(home))?;
    Some(path.into_string().unwrap())
}

#[test]
fn a_real_login_shell_reads_its_start_files() {
    let machine = machine();
    let home = machine.at("home");
    fs::write(
        home.join(".profile"),
        "echo hello\nPATH=/from/profile:/usr/bin\n",
    )
    .unwrap();
    assert_eq!(
        asked("/bin/bash", &home).as_deref(),
        Some("/from/profile:/usr/bin")
    );
    assert_eq!(
        asked("/bin/sh", &home).as_deref(),
        Some("/from/profile:/usr/bin")
    );
}

#[test]
fn a_shell_of_another_kind_gives_nothing() {
    let machine = machine();
    let home = machine.at("home");
    let nushell = machine.script("nu", "echo 'printf: not found' >&2; exit 1");
    let empty = machine.script("empty", "PATH=; eval \"$2\"");
    let chatty = machine.script("chatty", "exec yes 2>/dev/null");
    for shell in [nushell, empty, chatty, machine.at("nowhere")] {
        assert_eq!(asked(&shell, &home), None, "{}", shell.display());
    }
}

#[test]
fn what_start_files_leave_running_does_not_hold_it_up() {
    let machine = machine();
    let home = machine.at("home");
    let shell = machine.script("shell", "sleep 1000 &\nPATH=/a; eval \"$2\"");
    assert_eq!(asked(shell, &home).as_deref(), Some("/a"));
}

/// A pipe that every process of the group holds reads as ended only when all of them are gone.
#[test]
fn a_shell_that_hangs_is_killed_with_what_it_started() {
    let machine = machine();
    let home = machine.at("home");
    let pipe = machine.at("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let shell = machine.script(
        "shell",
        &format!("exec 9>{}\nsleep 1000 &\nsleep 1000\n", pipe.display()),
    );
    let reader = std::thread::spawn(move || fs::read(pipe).unwrap());
    assert_eq!(asked(shell, &home), None);
    assert_eq!(reader.join().unwrap(), b"");
}

#[test]
fn the_login_shell_is_asked_once_and_only_when_needed() {
    let mut machine = machine();
    let count = machine.at("count");
    machine.shell(&format!(
        "echo x >> {}; PATH=/a; eval \"$2\"",
        count.display()
    ));
    let bin = machine.program("bin/codex");
    let locator = machine.locator();
    locator.locate(None).unwrap();
    assert!(!count.exists());
    fs::remove_file(bin).unwrap();
    locator.locate(None).unwrap_err();
    locator.locate(None).unwrap_err();
    let entries: Vec<PathBuf> = env::split_paths(&locator.path_for_children()).collect();
    assert_eq!(entries.last().unwrap(), Path::new("/a"));
    assert_eq!(fs::read_to_string(count).unwrap(), "x\n");
}

/// The copy that `make` installs, when it is there, is what a debug build falls back to.
#[test]
fn this_process_has_surroundings() {
    let here = Surroundings::of_process();
    assert!(here.path.is_some_and(|path| path != OsStr::new("")));
    assert!(here.bundled.is_some());
}
