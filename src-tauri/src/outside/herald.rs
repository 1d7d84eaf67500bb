//! The herald of a real desktop: the system's notifications, a tray icon, the number in the window's title and
//! on its icon.
//!
//! On Linux a notification can be changed, taken away and clicked (freedesktop's notification protocol). On
//! macOS and Windows it can only be shown: what is settled stays there until the system removes it, and a click
//! brings the app to the front as the system does it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use notify_rust::Notification;
use tauri::menu::{Menu, MenuItem};
use tauri::tray::{TrayIcon, TrayIconBuilder};
use tauri::{AppHandle, Manager, Runtime};
use tokio::sync::watch;

use super::{Herald, Note, ReactedFn, Reaction};
use crate::WINDOW;

const SHOW: &str = "show";
const QUIT: &str = "quit";

/// Puts things on the desktop of an app.
pub struct DesktopHerald<R: Runtime> {
    app: AppHandle<R>,
    wanted: watch::Sender<Option<Note>>,
    tray: OnceLock<Arc<Tray<R>>>,
}

struct Tray<R: Runtime> {
    icon: TrayIcon<R>,
    show: MenuItem<R>,
}

impl<R: Runtime> DesktopHerald<R> {
    /// For the desktop of this app. Called on the main thread.
    pub fn new(app: AppHandle<R>) -> Self {
        Self {
            app,
            wanted: watch::Sender::default(),
            tray: OnceLock::new(),
        }
    }
}

impl<R: Runtime> Herald for DesktopHerald<R> {
    fn listen(&self, reacted: ReactedFn) {
        let reacted = Arc::new(reacted);
        let from_tray = Arc::clone(&reacted);
        if let Some(tray) = tray(&self.app, move || from_tray(Reaction::Clicked)) {
            let _ = self.tray.set(Arc::new(tray));
        }
        let wanted = self.wanted.subscribe();
        tauri::async_runtime::spawn(keep_notified(wanted, move |reaction| reacted(reaction)));
    }

    fn notify(&self, note: Note) {
        self.wanted.send_replace(Some(note));
    }

    fn withdraw(&self) {
        self.wanted.send_replace(None);
    }

    fn count(&self, waiting: usize) {
        let (app, tray) = (self.app.clone(), self.tray.get().cloned());
        // Elsewhere each of these would wait for the main thread.
        let posted = self.app.run_on_main_thread(move || {
            let number = (waiting > 0).then(|| waiting.to_string());
            if let Some(window) = app.get_webview_window(WINDOW) {
                let title = match &number {
                    Some(number) => format!("({number}) Countersign"),
                    None => "Countersign".to_owned(),
                };
                // A window that is closing has no title to set; where there are no badges the title says it.
                let _ = window.set_title(&title);
                let badge = i64::try_from(waiting).ok().filter(|count| *count > 0);
                let _ = window.set_badge_count(badge);
            }
            if let Some(tray) = tray {
                let words = menu_words(waiting);
                let _ = tray.show.set_text(&words);
                let _ = tray.icon.set_title(number.as_deref());
                let _ = tray.icon.set_tooltip(Some(&words));
            }
        });
        if let Err(error) = posted {
            tracing::debug!(%error, "the number of questions is not shown");
        }
    }
}

fn menu_words(waiting: usize) -> String {
    match waiting {
        0 => "Show Countersign".to_owned(),
        1 => "Show the question that waits".to_owned(),
        n => format!("Show the oldest of {n} questions"),
    }
}

/// The tray icon. `None` where the desktop has none to offer: the app goes without.
fn tray<R: Runtime>(
    app: &AppHandle<R>,
    clicked: impl Fn() + Send + Sync + 'static,
) -> Option<Tray<R>> {
    let made = || -> tauri::Result<Tray<R>> {
        let show = MenuItem::with_id(app, SHOW, menu_words(0), true, None::<&str>)?;
        let quit = MenuItem::with_id(app, QUIT, "Quit", true, None::<&str>)?;
        let menu = Menu::with_items(app, &[&show, &quit])?;
        let mut icon = TrayIconBuilder::with_id("countersign");
        if let Some(image) = app.default_window_icon() {
            icon = icon.icon(image.clone());
        }
        let icon = icon
            .tooltip("Countersign")
            .menu(&menu)
            .on_menu_event(move |app, event| match event.id().as_ref() {
                SHOW => clicked(),
                QUIT => app.exit(0),
                _ => {}
            })
            .build(app)?;
        Ok(Tray { icon, show })
    };
    // On Linux the tray's library is loaded when it is first used, and its absence is a panic of its bindings.
    match catch_unwind(AssertUnwindSafe(made)) {
        Ok(Ok(tray)) => Some(tray),
        Ok(Err(error)) => {
            tracing::warn!(%error, "there is no tray icon");
            None
        }
        Err(_) => {
            tracing::warn!("there is no tray icon: libayatana-appindicator3 is missing");
            None
        }
    }
}

fn notification(note: &Note, markup: bool) -> Notification {
    let mut notification = Notification::new();
    let body = if markup {
        countersign_markup::escape(&note.body)
    } else {
        note.body.clone()
    };
    notification
        .appname("Countersign")
        .summary(&note.title)
        .body(&body)
        .timeout(notify_rust::Timeout::Never);
    if note.sound {
        notification.sound_name(SOUND);
    }
    #[cfg(target_os = "linux")]
    notification
        .icon("countersign")
        .action("default", "Show")
        .hint(notify_rust::Hint::Category("im.received".to_owned()))
        .hint(notify_rust::Hint::SuppressSound(!note.sound));
    notification
}

#[cfg(target_os = "linux")]
const SOUND: &str = "message-new-instant";
#[cfg(target_os = "macos")]
const SOUND: &str = "Ping";
#[cfg(target_os = "windows")]
const SOUND: &str = "Default";

/// Shows what is wanted until the app ends. Of several wishes that come at once only the last is carried out.
#[cfg(target_os = "linux")]
async fn keep_notified(mut wanted: watch::Receiver<Option<Note>>, reacted: impl Fn(Reaction)) {
    use notify_rust::{NotificationHandle, NotificationResponse};

    let mut standing: Option<NotificationHandle> = None;
    let mut markup = None;
    loop {
        let reaction = async {
            let Some(handle) = &standing else {
                return std::future::pending().await;
            };
            let mut reaction = Reaction::Dismissed;
            handle
                .wait_for_action_async(|response: &NotificationResponse| {
                    if !matches!(response, NotificationResponse::Closed(_)) {
                        reaction = Reaction::Clicked;
                    }
                })
                .await;
            reaction
        };
        tokio::select! {
            reaction = reaction => {
                standing = None;
                reacted(reaction);
            }
            changed = wanted.changed() => {
                if changed.is_err() {
                    break;
                }
                let Some(note) = wanted.borrow_and_update().clone() else {
                    if let Some(handle) = standing.take() {
                        handle.close_async().await;
                    }
                    continue;
                };
                let markup = match markup {
                    Some(markup) => markup,
                    None => *markup.insert(understands_markup().await),
                };
                let mut notification = notification(&note, markup);
                if let Some(handle) = &standing {
                    notification.id(handle.id());
                }
                match notification.show_async().await {
                    Ok(handle) => standing = Some(handle),
                    Err(error) => tracing::warn!(%error, "a notification could not be shown"),
                }
            }
        }
    }
    if let Some(handle) = standing {
        handle.close_async().await;
    }
}

#[cfg(target_os = "linux")]
async fn understands_markup() -> bool {
    let asked = tokio::task::spawn_blocking(notify_rust::get_capabilities).await;
    matches!(asked, Ok(Ok(capabilities)) if capabilities.iter().any(|name| name == "body-markup"))
}

#[cfg(not(target_os = "linux"))]
async fn keep_notified(mut wanted: watch::Receiver<Option<Note>>, _reacted: impl Fn(Reaction)) {
    while wanted.changed().await.is_ok() {
        let Some(note) = wanted.borrow_and_update().clone() else {
            continue;
        };
        let shown =
            tokio::task::spawn_blocking(move || notification(&note, false).show().map(drop)).await;
        match shown {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a notification could not be shown"),
            Err(error) => tracing::warn!(%error, "a notification could not be shown"),
        }
    }
}
