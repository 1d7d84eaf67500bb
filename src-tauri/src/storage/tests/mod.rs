//! Against real files, on Tauri's mock runtime.

mod crashes;
mod damage;
mod profiles;
mod tabs;

use std::{fs, path::Path};

use countersign_contract::Problem;
use proptest::test_runner::Config as ProptestConfig;
use serde::{Deserialize, Serialize};
use tauri::{
    App,
    test::{MockRuntime, mock_builder, mock_context, noop_assets},
};

use super::{Document, StorageError, Stored};

/// A small document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Notes {
    lines: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

impl Stored for Notes {
    const NAME: &'static str = "notes";
    const WHAT: &'static str = "notes";
    const VERSION: u64 = 3;
}

fn app() -> App<MockRuntime> {
    mock_builder()
        .plugin(tauri_plugin_store::Builder::default().build())
        .build(mock_context(noop_assets()))
        .expect("the mock app builds")
}

fn open(app: &App<MockRuntime>, folder: &Path) -> (Document<Notes>, Vec<Problem>) {
    Document::open(app.handle(), folder, Notes::default)
}

fn add(document: &Document<Notes>, line: &str) -> Result<(), StorageError> {
    document.update(|notes| {
        notes.lines.push(line.to_owned());
        Ok(())
    })
}

fn lines(document: &Document<Notes>) -> Vec<String> {
    document.read().lines
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| {
            let entry = entry.expect("an entry");
            entry.file_name().to_string_lossy().into_owned()
        })
        .collect();
    names.sort();
    names
}

/// Each case opens real files, so there are fewer of them than proptest's default unless
/// PROPTEST_CASES says how many.
fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked.and_then(|cases| cases.parse().ok()).unwrap_or(usual);
    ProptestConfig::with_cases(cases)
}
