//! The dependency arrows of the house (ARCHITECTURE): which part may know which.
//! One that turns round fails here, before it has grown roots.
#![allow(
    clippy::expect_used,
    reason = "these are tests, their functions included"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

/// The app's package, and the parts it is put together from.
const APP: &str = "countersign";
const PARTS: [&str; 4] = [
    "countersign-contract",
    "countersign-markup",
    "countersign-runtime",
    "countersign-scripted-model",
];

/// The only module of the UI that may import the app's side.
const TAURI_BACKEND: &str = "ui/src/backend/tauri.ts";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest(folder: &Path) -> Table {
    let file = folder.join("Cargo.toml");
    let text = fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    text.parse()
        .unwrap_or_else(|error| panic!("{} is no TOML: {error}", file.display()))
}

fn name(manifest: &Table) -> &str {
    manifest["package"]["name"].as_str().unwrap_or_default()
}

/// All that a package is built from, on any platform: normal and build dependencies.
fn dependencies(manifest: &Table) -> BTreeSet<String> {
    let platforms = manifest.get("target").and_then(Value::as_table);
    let platforms = platforms.into_iter().flat_map(Table::values);
    platforms
        .filter_map(Value::as_table)
        .chain([manifest])
        .flat_map(|table| [table.get("dependencies"), table.get("build-dependencies")])
        .flatten()
        .filter_map(Value::as_table)
        .flatten()
        .map(|(key, value)| {
            // A renamed dependency tells its real name.
            let renamed = value.get("package").and_then(Value::as_str);
            renamed.unwrap_or(key).to_owned()
        })
        .collect()
}

/// The manifests of all packages under `crates/`.
fn parts() -> Vec<Table> {
    let folders = fs::read_dir(root().join("crates")).expect("crates/ is readable");
    folders
        .map(|entry| manifest(&entry.expect("crates/ is readable").path()))
        .collect()
}

#[test]
fn the_house_has_the_parts_named_here() {
    let parts = parts();
    let found: BTreeSet<&str> = parts.iter().map(name).collect();
    assert_eq!(
        found,
        BTreeSet::from(PARTS),
        "a new part needs its arrows here"
    );
    assert_eq!(name(&manifest(root())), APP);
}

#[test]
fn the_app_is_put_together_from_the_parts() {
    let app = dependencies(&manifest(root()));
    let known: Vec<_> = app.iter().filter(|name| name.starts_with(APP)).collect();
    assert_eq!(known, PARTS.iter().collect::<Vec<_>>());
}

#[test]
fn no_part_knows_another_or_the_app() {
    for part in parts() {
        let known = dependencies(&part);
        let wrong: Vec<_> = known.iter().filter(|name| name.starts_with(APP)).collect();
        assert!(wrong.is_empty(), "{} depends on {wrong:?}", name(&part));
    }
}

#[test]
fn no_part_knows_a_window() {
    const WINDOWING: [&str; 10] = [
        "tauri",
        "wry",
        "tao",
        "gtk",
        "gdk",
        "glib",
        "gio",
        "webkit2gtk",
        "winit",
        "rfd",
    ];
    for part in parts() {
        for dependency in dependencies(&part) {
            let known =
                WINDOWING.contains(&dependency.as_str()) || dependency.starts_with("tauri-");
            assert!(!known, "{} depends on {dependency}", name(&part));
        }
    }
}

#[test]
fn one_module_of_the_ui_imports_tauri() {
    let mut importing = Vec::new();
    let mut read = 0;
    let mut folders = vec![root().join("ui/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("ui/src is readable") {
            let path = entry.expect("ui/src is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if is_source(&path) {
                read += 1;
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                if text.lines().any(imports_tauri) {
                    importing.push(path);
                }
            }
        }
    }
    assert!(read > 0, "no sources under ui/src");
    let allowed: PathBuf = root().join(TAURI_BACKEND);
    assert_eq!(
        importing,
        [allowed],
        "only {TAURI_BACKEND} imports @tauri-apps"
    );
}

fn is_source(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| ["ts", "js", "svelte"].contains(&extension))
}

/// `import ... from "@tauri-apps/..."`, `import("@tauri-apps/...")`, over lines or not:
/// the quoted package name is the mark, wherever it stands outside a comment.
fn imports_tauri(line: &str) -> bool {
    let line = line.trim_start();
    let comment = ["//", "*", "/*", "<!--"]
        .iter()
        .any(|mark| line.starts_with(mark));
    !comment
        && ["\"@tauri-apps", "'@tauri-apps", "`@tauri-apps"]
            .iter()
            .any(|quoted| line.contains(quoted))
}
