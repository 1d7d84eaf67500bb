//! An offline model: a server of the OpenAI *Responses* API on loopback that plays scenes.
//!
//! Countersign's demo profile and the tests of the whole workspace put it behind the real
//! `codex app-server`: what a person types is the scene (`run: ls`, `edit: a.txt <- hi`,
//! `fail 500`; [`HELP`] explains all of it), and codex does with the answer what it does with any
//! model's answer. Nothing here thinks, and nothing here leaves the machine.
//!
//! - [`ScriptedModel`] is the server; [`Request`] is what codex sent to it.
//! - [`CodexHome`] makes a `CODEX_HOME` whose provider is this server.
//! - [`run_mcp_stdio`] is the small MCP server that the `mcp:` step calls.
//!
//! Where a scene stands is read from each request's own `input`, never from the server's memory
//! (only `fail once` remembers), so a scene survives a restart of the app-server, of this server,
//! and a fork of the thread.
//!
//! Deliberately not here: starting codex, the app-server protocol, WebSocket transport, code mode
//! (the `exec` tool of models that write JavaScript).

mod closing;
mod home;
mod mcp;
mod play;
mod request;
mod scene;
mod script;
mod server;
mod tools;

pub use home::{CodexHome, HomeOptions};
pub use mcp::run_mcp_stdio;
pub use request::{Request, ToolCall};
pub use server::{Options, Pace, ScriptedModel};

/// The grammar of scenes for people, in markdown: what the `help` step answers.
pub const HELP: &str = include_str!("texts/help.md");
