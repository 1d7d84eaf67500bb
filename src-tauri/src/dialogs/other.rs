//! Native dialogs where only the dialog plugin's exist (macOS, Windows).
//!
//! There Enter gives the first button and Escape or the close button the third, and nothing can be
//! closed from code. So Deny stands first, the third button decides nothing, and a dialog whose
//! question was settled stays until the person clicks; the next one waits for that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_contract::{ApprovalId, ChoiceId};
use tauri::{AppHandle, Runtime};
use tauri_plugin_dialog::{DialogExt as _, MessageDialogButtons, MessageDialogResult};

use super::{AnswerFn, DialogAnswer, DialogRequest, Prompter, text};

const LATER: &str = "Decide in Countersign";

/// Shows dialogs through tauri-plugin-dialog.
pub struct PluginPrompter<R: Runtime> {
    app: AppHandle<R>,
    screen: Arc<Mutex<Screen>>,
}

#[derive(Default)]
struct Screen {
    busy: bool,
    /// The next one, for when the one on the screen is gone.
    waiting: Option<(DialogRequest, AnswerFn)>,
}

impl<R: Runtime> PluginPrompter<R> {
    /// For the dialogs of this app.
    pub fn new(app: AppHandle<R>) -> Self {
        Self {
            app,
            screen: Arc::default(),
        }
    }
}

impl<R: Runtime> Prompter for PluginPrompter<R> {
    fn show(&self, request: DialogRequest, answer: AnswerFn) {
        let mut screen = lock(&self.screen);
        if screen.busy {
            screen.waiting = Some((request, answer));
            return;
        }
        screen.busy = true;
        drop(screen);
        present(self.app.clone(), Arc::clone(&self.screen), &request, answer);
    }

    fn close(&self, id: &ApprovalId) {
        let mut screen = lock(&self.screen);
        let dropped = screen
            .waiting
            .take_if(|(request, _)| request.approval.id == *id);
        drop(screen);
        drop(dropped);
    }
}

fn present<R: Runtime>(
    app: AppHandle<R>,
    screen: Arc<Mutex<Screen>>,
    request: &DialogRequest,
    answer: AnswerFn,
) {
    let words = text::dialog_text(&request.approval, &request.profile_name);
    let buttons = text::buttons(&request.approval);
    let body = format!("{}\n\n{}", words.question, words.body(request.of));
    let dialog = app.dialog().message(body).title(&words.title);
    // Enter gives the first, and it never allows; Escape gives the last.
    let once = DialogAnswer::Answer(ChoiceId::AllowOnce.into());
    let deny = buttons
        .first()
        .map_or(LATER.to_owned(), |button| button.label.clone());
    let allow = buttons.iter().find(|button| button.answer == once);
    let dialog = dialog.buttons(match allow {
        Some(allow) => {
            MessageDialogButtons::YesNoCancelCustom(deny, allow.label.clone(), LATER.to_owned())
        }
        None => MessageDialogButtons::OkCancelCustom(deny, LATER.to_owned()),
    });
    dialog.show_with_result(move |result| {
        let clicked = match &result {
            MessageDialogResult::Custom(label) => {
                buttons.into_iter().find(|button| button.label == *label)
            }
            _ => None,
        };
        answer(clicked.map_or(DialogAnswer::DecideLater, |button| button.answer));
        let mut held = lock(&screen);
        let next = held.waiting.take();
        held.busy = next.is_some();
        drop(held);
        if let Some((request, answer)) = next {
            present(app, screen, &request, answer);
        }
    });
}

fn lock(screen: &Mutex<Screen>) -> MutexGuard<'_, Screen> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}
