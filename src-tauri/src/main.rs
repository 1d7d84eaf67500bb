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
            eprintln!("countersign: the window could not be opened: {error}");
            ExitCode::FAILURE
        }
    }
}
