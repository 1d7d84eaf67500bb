//! Windows as the display and the accessibility bus show them, native dialogs above
//! all, and a mouse and a keyboard to use them with.

use std::process::Command;

use super::{
    a11y::Node,
    desktop::Desktop,
    wait::{wait_for, wait_until},
};

/// A window that was mapped when it was found.
pub struct Window<'d> {
    desktop: &'d Desktop,
    id: String,
    title: String,
}

/// A button of a native dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    pub label: String,
    /// Whether a click would do anything now.
    pub sensitive: bool,
    /// Where its middle is on the display, in pixels.
    pub middle: (i32, i32),
}

impl<'d> Window<'d> {
    pub(super) fn find(desktop: &'d Desktop, title: &str) -> Option<Self> {
        visible(desktop)
            .into_iter()
            .find(|(_, candidate)| candidate == title)
            .map(|(id, title)| Self { desktop, id, title })
    }

    pub(super) fn titles(desktop: &Desktop) -> Vec<String> {
        visible(desktop)
            .into_iter()
            .map(|(_, title)| title)
            .collect()
    }

    /// Whether it is on the display now, hidden behind others or not.
    pub fn is_mapped(&self) -> bool {
        visible(self.desktop).iter().any(|(id, _)| *id == self.id)
    }

    /// Waits until it has left the display.
    pub fn wait_gone(&self) {
        wait_until(&format!("{:?} to close", self.title), || !self.is_mapped());
    }

    /// Whether it has the keyboard.
    pub fn has_focus(&self) -> bool {
        xdotool(self.desktop.display(), &["getactivewindow"]).is_some_and(|id| id == self.id)
    }

    /// Gives it the keyboard, as a click on its title would.
    pub fn activate(&self) {
        self.desktop.xdotool(&["windowactivate", &self.id]);
        wait_until(&format!("{:?} to get the keyboard", self.title), || {
            self.has_focus()
        });
    }

    /// Gives it the keyboard and presses a key, as xdotool names it.
    pub fn press(&self, key: &str) {
        self.activate();
        self.desktop.press(key);
    }

    /// Closes it through the window manager, as the button in its title would. A key that is pressed
    /// while the keyboard is still on its way to the window goes astray, so it is pressed until the
    /// window is gone.
    pub fn close(&self) {
        self.activate();
        wait_until(&format!("{:?} to close", self.title), || {
            if self.has_focus() {
                self.desktop.press("alt+F4");
            }
            !self.is_mapped()
        });
    }

    /// Minimises it.
    pub fn minimise(&self) {
        self.desktop.xdotool(&["windowminimize", &self.id]);
        wait_until(&format!("{:?} to be minimised", self.title), || {
            !self.is_mapped()
        });
    }

    /// Everything it says, in order, one line for each label. The page of a web view
    /// is not part of it.
    pub fn text(&self) -> String {
        let labels = self.nodes().into_iter().filter(|node| node.role == "label");
        labels.map(|node| node.name).collect::<Vec<_>>().join("\n")
    }

    /// Its buttons, in the order they were added.
    pub fn buttons(&self) -> Vec<Button> {
        self.nodes()
            .into_iter()
            .filter(|node| node.role == "push button")
            .map(|node| Button {
                middle: node.middle(),
                sensitive: node.sensitive,
                label: node.name,
            })
            .collect()
    }

    /// The button labelled exactly `label`, sensitive or not.
    pub fn button(&self, label: &str) -> Button {
        let what = format!("a button {label:?} in {:?}", self.title);
        wait_for(&what, || {
            self.buttons()
                .into_iter()
                .find(|button| button.label == label)
        })
    }

    /// Waits until the button labelled `label` is sensitive, then clicks it with the mouse.
    pub fn click(&self, label: &str) {
        let what = format!("the button {label:?} in {:?} to be sensitive", self.title);
        let button = wait_for(&what, || {
            Some(self.button(label)).filter(|button| button.sensitive)
        });
        self.click_at(button.middle);
    }

    /// Clicks the button labelled `label` unless the window has gone or the button is insensitive.
    pub fn click_if_there(&self, label: &str) {
        let mut buttons = self.buttons().into_iter();
        if let Some(button) = buttons.find(|button| button.label == label && button.sensitive) {
            self.click_at(button.middle);
        }
    }

    /// Clicks a place of the display, whatever is there.
    pub fn click_at(&self, (x, y): (i32, i32)) {
        let (x, y) = (x.to_string(), y.to_string());
        self.desktop.xdotool(&["mousemove", &x, &y, "click", "1"]);
    }

    fn nodes(&self) -> Vec<Node> {
        if !self.is_mapped() {
            return Vec::new();
        }
        self.desktop
            .with_accessibility(|bus| bus.window(&self.title))
    }
}

/// Id and title of every mapped window that has a title.
fn visible(desktop: &Desktop) -> Vec<(String, String)> {
    let display = desktop.display();
    xdotool(display, &["search", "--onlyvisible", "--name", "."])
        .unwrap_or_default()
        .lines()
        .filter_map(|id| Some((id.to_owned(), xdotool(display, &["getwindowname", id])?)))
        .collect()
}

/// Runs xdotool; what it printed, or `None` when it failed.
pub(super) fn xdotool(display: &str, args: &[&str]) -> Option<String> {
    let output = Command::new("xdotool")
        .env("DISPLAY", display)
        .args(args)
        .output();
    let output = output.unwrap_or_else(|error| panic!("cannot start xdotool: {error}"));
    let text = String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned();
    output.status.success().then_some(text)
}
