//! Sessions, run profiles, hooks and a tool-use approval loop over `codex app-server`.
//!
//! A [`Client`] holds one app-server: it starts it, restarts it when it dies, and routes what it
//! says. A [`Session`] is one conversation on it. What an agent wants to do and may not do alone
//! goes through the [`approval`] loop: [`hooks`] first, then whoever is asked, and every question
//! gets one answer.
//!
//! What happens is logged with `tracing`, in spans that name the connection, the thread and the turn. Up to the
//! level of info nothing that anybody said is in it; at debug it is. Secrets are not logged.
//!
//! No UI and no Tauri here: any Rust program can use this crate.

pub mod approval;
pub mod automation;
pub mod catalog;
pub mod client;
pub mod command;
mod connection;
pub mod error;
pub mod event;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod history;
pub mod hooks;
pub mod item;
pub mod jsonrpc;
mod loading;
mod mailbox;
pub mod metrics;
pub mod policy;
mod process;
pub mod profile;
mod protocol;
mod routing;
pub mod session;
mod spans;
pub mod supervisor;
mod thread;
mod thread_actions;
mod threads;
pub mod transcript;
pub mod transport;
mod turn;
mod workflow;

pub use client::{Client, ClientConfig};
pub use connection::Limits;
pub use error::{AskError, ConnectError, RpcError, Version};
pub use event::Event;
pub use mailbox::Subscription;
pub use profile::{Prompt, RunProfile, SessionConfig};
pub use protocol::unwrap_shell;
pub use session::Session;
pub use thread_actions::ReviewTarget;
pub use turn::{TurnResult, TurnStream};
pub use workflow::{RunError, Workflow, quick_run};

/// The programs of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
