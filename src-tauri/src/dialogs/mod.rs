//! Native dialogs: open questions put in front of the person, one at a time (DESIGN section 6).
//!
//! [`Queue`] decides, as a pure machine, what is shown when; [`text`] says it in words; a
//! [`Prompter`] puts it on the screen; [`Dialogs`] ties them together. Deliberately not here: the
//! questions themselves and their answers. A dialog is a view: it reports what was clicked, and
//! goes when its question is settled.

mod desk;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;
mod prompter;
mod queue;
#[cfg(test)]
mod tests;
pub mod text;

pub use desk::Dialogs;
#[cfg(target_os = "linux")]
pub use linux::GtkPrompter as SystemPrompter;
#[cfg(not(target_os = "linux"))]
pub use other::PluginPrompter as SystemPrompter;
pub use prompter::{AnswerFn, DialogAnswer, DialogRequest, Prompter};
pub(crate) use queue::shows;
pub use queue::{Effect, Queue};
