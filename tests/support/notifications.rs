//! The desktop's notifications: dunst, a real notification daemon, whose pop-ups are clicked with the mouse.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use super::{
    desktop::Desktop,
    wait::{wait_for, wait_until},
};

/// A notification as it was handed to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    pub title: String,
    pub body: String,
}

impl Desktop {
    /// Brings up a notification daemon. Before the app: it looks for one once.
    pub fn start_notifications(&mut self) {
        let folder = self.home().join(".config/dunst");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(self.notification_folder()).unwrap();
        let script = folder.join("told");
        // One file for each, under its number.
        fs::write(
            &script,
            "#!/bin/sh\nf=$(mktemp \"$TOLD/.XXXXXX\")\nprintf '%s\\n%s' \"$DUNST_SUMMARY\" \"$DUNST_BODY\" >\"$f\"\nmv \"$f\" \"$TOLD/$(date +%s%N)\"\n",
        )
        .unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let config = folder.join("dunstrc");
        fs::write(
            &config,
            format!(
                "[global]\n\
                 origin = top-right\n\
                 font = DejaVu Sans 10\n\
                 markup = full\n\
                 sort = yes\n\
                 mouse_left_click = do_action, close_current\n\
                 always_run_script = true\n\
                 [told]\n\
                 summary = *\n\
                 script = {}\n",
                script.display()
            ),
        )
        .unwrap();
        let mut command = self.desk_command("dunst");
        command
            .arg("-conf")
            .arg(&config)
            .env("TOLD", self.notification_folder());
        self.own(command);
        wait_until("the notification daemon", || {
            self.owns_name("org.freedesktop.Notifications")
        });
    }

    /// All notifications that appeared or changed, oldest first.
    pub fn notifications(&self) -> Vec<Notification> {
        let entries = fs::read_dir(self.notification_folder()).unwrap();
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            !name.starts_with('.')
        });
        files.sort();
        files
            .iter()
            .map(|file| {
                let text = fs::read_to_string(file).unwrap();
                let (title, body) = text.split_once('\n').unwrap_or((&text, ""));
                Notification {
                    title: title.to_owned(),
                    body: body.to_owned(),
                }
            })
            .collect()
    }

    /// Waits until the last notification has this title.
    pub fn wait_for_notification(&self, title: &str) -> Notification {
        wait_for(&format!("the notification {title:?}"), || {
            self.notifications()
                .pop()
                .filter(|last| last.title == title)
        })
    }

    /// Whether a notification stands on the display.
    pub fn shows_notification(&self) -> bool {
        self.notification_window().is_some()
    }

    /// Clicks the notification that stands on the display.
    pub fn click_notification(&self) {
        let window = wait_for("a notification", || self.notification_window());
        self.xdotool(&["mousemove", "--window", &window, "30", "12", "click", "1"]);
    }

    fn notification_window(&self) -> Option<String> {
        let found = super::window::xdotool(
            self.display(),
            &["search", "--onlyvisible", "--class", "Dunst"],
        )?;
        found.lines().next().map(str::to_owned)
    }

    fn notification_folder(&self) -> PathBuf {
        self.home().join("notified")
    }
}
