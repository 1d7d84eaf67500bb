//! The program: reads its arguments, then runs the app.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]
#![allow(
    clippy::print_stderr,
    reason = "before there is a window the terminal is the only place to say something"
)]

use std::process::ExitCode;

use countersign_app::cli::Arguments;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    if arguments.demo_tools {
        return match countersign_scripted_model::run_mcp_stdio() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("countersign --demo-tools: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let filter =
        EnvFilter::try_from_env("COUNTERSIGN_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let cwd = std::env::current_dir().unwrap_or_default();
    match countersign_app::run(arguments, cwd) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            start_again(&error);
            eprintln!("countersign: the window could not be opened: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An instance that was killed a moment ago can still have its name on the session bus. This one then
/// tried to hand over to it and got no answer: it starts again from the beginning, a few times.
/// Returns only when that is not what happened.
#[cfg(target_os = "linux")]
fn start_again(error: &tauri::Error) {
    use std::os::unix::process::CommandExt;
    const ATTEMPT: &str = "COUNTERSIGN_START_ATTEMPT";
    let attempt: u32 = std::env::var(ATTEMPT)
        .ok()
        .and_then(|attempt| attempt.parse().ok())
        .unwrap_or(1);
    let handed_over = matches!(error, tauri::Error::PluginInitialization(plugin, _) if plugin == "single-instance");
    let (true, true, Ok(this)) = (handed_over, attempt < 10, std::env::current_exe()) else {
        return;
    };
    std::thread::sleep(std::time::Duration::from_millis(100));
    let failed = std::process::Command::new(this)
        .args(std::env::args_os().skip(1))
        .env(ATTEMPT, (attempt + 1).to_string())
        .exec();
    tracing::warn!(error = %failed, "Countersign could not start itself again");
}

#[cfg(not(target_os = "linux"))]
fn start_again(_error: &tauri::Error) {}
