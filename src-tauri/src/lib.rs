//! Countersign: the desktop app around the runtime.
//!
//! What is where: [`app`] is the state and what can be done with it, [`session`] the task of each tab,
//! [`engines`] the app-servers, [`desk`], [`dialogs`] and [`outside`] the open questions, [`storage`] what is kept, [`view`]
//! how a transcript becomes what a window shows, `commands` the thin bridge. This file puts them
//! into a Tauri app.

pub mod app;
pub mod cli;
mod clock;
pub mod codex;
mod commands;
mod demo;
pub mod desk;
pub mod dialogs;
pub mod engines;
pub mod error;
mod home;
pub mod ledger;
pub mod notices;
pub mod outside;
mod problems;
pub mod rules;
pub mod session;
pub mod storage;
pub mod tell;
pub mod view;
mod wording;

pub use commands::handler;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tauri::{
    AppHandle, Emitter, Manager, RunEvent, Runtime, WebviewUrl, WebviewWindowBuilder, WindowEvent,
};

use crate::app::{App, Kept};
use crate::cli::Arguments;
use crate::codex::{Locator, Surroundings};
use crate::dialogs::SystemPrompter;
use crate::ledger::Ledger;
use crate::outside::DesktopHerald;
use crate::rules::RuleStore;
use crate::storage::{Preferences, Profiles, Tabs, first_profiles};
use crate::tell::{Said, Tell};

/// The label of the one window.
pub const WINDOW: &str = "main";

/// Runs the app until it quits.
///
/// # Errors
/// Tauri could not start: no display, or no webview.
pub fn run(arguments: Arguments, cwd: PathBuf) -> tauri::Result<()> {
    tauri::Builder::default()
        // Must come first: a second call hands its arguments over and ends here.
        .plugin(tauri_plugin_single_instance::init(
            |handle, arguments, cwd| {
                second_call(handle, arguments, Path::new(&cwd));
            },
        ))
        .plugin(tauri_plugin_store::Builder::new().build())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_opener::init())
        .invoke_handler(commands::handler())
        .setup(move |tauri_app| {
            let handle = tauri_app.handle();
            let data = handle.path().app_data_dir()?;
            std::fs::create_dir_all(&data)?;
            let app = build(
                handle,
                &data,
                SystemPrompter::new(handle.clone()),
                DesktopHerald::new(handle.clone()),
            );
            handle.manage(app.clone());
            open_window(handle)?;
            if let Some(wish) = arguments.wish(&cwd) {
                app.grant(&wish);
            }
            Ok(())
        })
        .build(tauri::generate_context!("tauri.conf.json"))?
        .run(|handle, event| match event {
            RunEvent::WindowEvent {
                label,
                event: WindowEvent::Focused(focused),
                ..
            } if label == WINDOW => handle.state::<App>().window_focused(focused),
            RunEvent::Exit => tauri::async_runtime::block_on(handle.state::<App>().quit()),
            _ => {}
        });
    Ok(())
}

/// Opens what is kept and puts the app together.
pub fn build<R: Runtime>(
    handle: &AppHandle<R>,
    data: &Path,
    prompter: impl dialogs::Prompter + 'static,
    herald: impl outside::Herald + 'static,
) -> App {
    let locator = Arc::new(Locator::new(Surroundings::of_process()));
    let (profiles, mut problems) = Profiles::open(handle, data, || {
        first_profiles(locator.locate(None).ok().as_ref())
    });
    let (tabs, more) = Tabs::open(handle, data);
    problems.extend(more);
    let (preferences, more) = Preferences::open(handle, data);
    problems.extend(more);
    let (rules, more) = RuleStore::open(handle, data);
    problems.extend(more);
    let (ledger, more) = Ledger::open(data);
    problems.extend(more);
    let kept = Kept {
        profiles,
        tabs,
        preferences,
        rules,
        ledger,
        problems,
    };
    let handle = handle.clone();
    let tell: Tell = Box::new(move |said| {
        if matches!(said, Said::Show(_)) {
            bring_to_front(&handle);
        }
        if let Err(error) = handle.emit(said.event(), &said) {
            tracing::error!(event = said.event(), %error, "a window could not be told");
        }
    });
    App::new(kept, locator, data, prompter, herald, tell)
}

fn open_window<R: Runtime>(handle: &AppHandle<R>) -> tauri::Result<()> {
    WebviewWindowBuilder::new(handle, WINDOW, WebviewUrl::default())
        .title("Countersign")
        .inner_size(1280.0, 800.0)
        .min_inner_size(900.0, 600.0)
        .build()?;
    Ok(())
}

fn bring_to_front<R: Runtime>(handle: &AppHandle<R>) {
    if let Some(window) = handle.get_webview_window(WINDOW) {
        let _ = window.unminimize();
        let _ = window.set_focus();
    }
}

fn second_call<R: Runtime>(handle: &AppHandle<R>, arguments: Vec<String>, cwd: &Path) {
    bring_to_front(handle);
    // What cannot be read was said in the terminal that it was typed in.
    if let Some(app) = handle.try_state::<App>()
        && let Ok(arguments) = Arguments::read(arguments)
        && let Some(wish) = arguments.wish(cwd)
    {
        app.grant(&wish);
    }
}
