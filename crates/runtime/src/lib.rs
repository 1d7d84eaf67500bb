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
//!
//! # What grows
//! Types that grow with the protocol are `#[non_exhaustive]`: events, items, errors of calls, and what the
//! [`catalog`] returns. What each needs its own words or its own answer is not, so that the compiler names every place
//! that a new one concerns: [`approval::Subject`], [`approval::Decision`], [`approval::Outcome`],
//! [`event::FailureKind`], [`ConnectError`], and the rows of the [`transcript`]. Nor is what callers build
//! themselves, such as [`ClientConfig`] and [`RunProfile`]: fill those up from their `default()` or `new`.
//!
//! # Types of other crates
//! These are part of the API, and a new major version of theirs is one of this crate's:
//! - `serde_json`: `RawValue` for what came and is kept as it came (fields named `raw`, the payloads of
//!   [`jsonrpc::Frame`]); `Value` and `Map` for JSON that is the caller's or Codex's own (params of [`Client::call`],
//!   Codex's config, output schemas, the metadata of hooks); `Error` as a cause in [`jsonrpc`].
//! - `serde`: its traits on plain data, and as bounds of [`Client::call`] and of what [`jsonrpc`] writes.
//! - `tokio`: `watch` and `mpsc` receivers for states and notices, `AsyncRead` and `AsyncWrite` in
//!   [`transport::Wire`]. The runtime needs tokio to run, so wrapping them would hide nothing.
//!
//! The crate that the protocol is decoded with is not among them.

#![deny(missing_docs)]

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
