//! A desktop of its own for every journey through the real window.
//!
//! [`Desktop::start`] brings up a display (Xvfb), a session bus, a window manager
//! and a home that no other test shares; [`Desktop::launch`] starts the built app
//! on it. The two halves of what a person sees are reached in two ways:
//!
//! - the window's page by **role and accessible name**, through WebKit's own
//!   WebDriver ([`App::role`]); those names are the contract that people, screen
//!   readers and tests share;
//! - native dialogs by title and button label, through the accessibility bus and
//!   **real mouse clicks and keys** ([`Desktop::dialog`]), because WebDriver
//!   neither sees them nor is stopped by them.
//!
//! Everything waits for a condition with a deadline, never for time to pass. On
//! drop all processes are ended by id. A test that fails leaves a picture of its
//! display, an outline of its page and its logs in `target/journeys/NAME/`.
//!
//! Not here: the journeys themselves, and anything that knows the app from inside.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "every test file includes this module, uses its own part of it, and reports by panicking"
)]

mod a11y;
mod app;
mod desktop;
mod notifications;
mod process;
mod tray;
mod wait;
mod window;

#[allow(unused_imports, reason = "as above")]
pub use {
    app::{App, Locator},
    desktop::Desktop,
    fantoccini::key::Key,
    notifications::Notification,
    process::Process,
    tray::Tray,
    wait::{wait_for, wait_until},
    window::{Button, Window},
};
