//! The scripted model as a program, for trying codex by hand and for tests that need a separate
//! process: `serve [--home DIR]` and `mcp`.

use std::future;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use countersign_scripted_model::{CodexHome, HomeOptions, Options, ScriptedModel, run_mcp_stdio};

const USAGE: &str = "\
usage: countersign-scripted-model serve [--home DIR]
       countersign-scripted-model mcp

serve  prints the base URL of an offline Responses API and serves it until it is ended;
       with --home it first writes a CODEX_HOME that uses it
mcp    is the MCP server of that CODEX_HOME, on stdin and stdout
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["serve"] => serve(None),
        ["serve", "--home", home] => serve(Some(Path::new(home))),
        ["mcp"] => run_mcp_stdio(),
        ["-h" | "--help" | "help"] => io::stdout().write_all(USAGE.as_bytes()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when stderr is closed too.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(home: Option<&Path>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let model = ScriptedModel::start_with(Options::demo()).await?;
        if let Some(home) = home {
            let program = std::env::current_exe()?;
            let options = HomeOptions {
                mcp_command: program
                    .to_str()
                    .map(|program| (program.to_owned(), vec!["mcp".to_owned()])),
                ..HomeOptions::default()
            };
            CodexHome::write(home, &model.base_url(), &options)?;
        }
        writeln!(io::stdout(), "{}", model.base_url())?;
        future::pending().await
    })
}
