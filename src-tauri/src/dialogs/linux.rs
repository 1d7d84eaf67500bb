//! Native dialogs with GTK, made on the main thread.
//!
//! Not the dialog plugin's: those are modal to the whole app, answer Enter with their first button
//! and cannot be closed from code. These are non-modal, appear without taking the keyboard focus,
//! and their allow buttons do nothing until a person has had time to see them.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::Duration,
};

use countersign_contract::ApprovalId;
use gtk::{
    Align, MessageDialog, PolicyType, ResponseType, ScrolledWindow, WindowPosition,
    glib::{self, ObjectExt},
    pango,
    prelude::{
        AtkObjectExt, BoxExt, Cast, ContainerExt, DialogExt, GtkWindowExt, LabelExt,
        MessageDialogExt, ScrolledWindowExt, StyleContextExt, WidgetExt,
    },
};
use tauri::{AppHandle, Manager as _, Runtime};

use super::{
    AnswerFn, DialogAnswer, DialogRequest, Prompter,
    text::{self, Button, DialogText, REASON_LABEL},
};

/// How long the allow buttons do nothing after a dialog appeared.
const ARMING: Duration = Duration::from_millis(600);
/// Width of the exact words, in characters and in pixels.
const COLUMNS: i32 = 64;
const WIDTH: i32 = 560;
const LINE_HEIGHT: i32 = 18;

thread_local! {
    /// The dialogs on the screen. Lives on the main thread.
    static SHOWN: RefCell<HashMap<ApprovalId, Shown>> = RefCell::default();
}

struct Shown {
    dialog: MessageDialog,
    counter: gtk::Label,
    answer: Answer,
}

/// An answer that is owed: dropped for whatever reason, it is "decide later", never an allow (I2).
struct Answer(Option<AnswerFn>);

impl Answer {
    fn give(mut self, answer: DialogAnswer) {
        if let Some(give) = self.0.take() {
            give(answer);
        }
    }

    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(give) = self.0.take() {
            give(DialogAnswer::DecideLater);
        }
    }
}

/// Shows dialogs beside the window "main".
pub struct GtkPrompter<R: Runtime> {
    app: AppHandle<R>,
}

impl<R: Runtime> GtkPrompter<R> {
    /// For the dialogs of this app.
    pub fn new(app: AppHandle<R>) -> Self {
        Self { app }
    }
}

impl<R: Runtime> Prompter for GtkPrompter<R> {
    fn show(&self, request: DialogRequest, answer: AnswerFn) {
        let answer = Answer(Some(answer));
        let app = self.app.clone();
        let shown = self.app.run_on_main_thread(move || {
            let parent = app
                .get_webview_window("main")
                .and_then(|window| window.gtk_window().ok());
            match parent {
                Some(parent) => present(&parent, &request, answer),
                None => answer.give(DialogAnswer::DecideLater),
            }
        });
        if let Err(error) = shown {
            tracing::warn!(%error, "a dialog could not be shown");
        }
    }

    fn close(&self, id: &ApprovalId) {
        let id = id.clone();
        let closed = self.app.run_on_main_thread(move || {
            if let Some(shown) = take(&id) {
                shown.answer.forget();
                destroy(&shown.dialog);
            }
        });
        if let Err(error) = closed {
            tracing::warn!(%error, "a dialog could not be closed");
        }
    }

    fn recount(&self, id: &ApprovalId, of: usize) {
        let id = id.clone();
        // A number that cannot be updated any more is on no screen.
        let _ = self.app.run_on_main_thread(move || {
            let label = SHOWN.with_borrow(|shown| Some(shown.get(&id)?.counter.clone()));
            if let Some(label) = label {
                count(&label, of);
            }
        });
    }
}

fn take(id: &ApprovalId) -> Option<Shown> {
    SHOWN.with_borrow_mut(|shown| shown.remove(id))
}

fn present(parent: &gtk::ApplicationWindow, request: &DialogRequest, answer: Answer) {
    let approval = &request.approval;
    let words = text::dialog_text(approval, &request.profile_name);
    let buttons = text::buttons(approval);

    let dialog = MessageDialog::new(
        Some(parent),
        gtk::DialogFlags::DESTROY_WITH_PARENT,
        gtk::MessageType::Question,
        gtk::ButtonsType::None,
        &words.question,
    );
    dialog.set_title(&words.title);
    dialog.set_position(WindowPosition::CenterOnParent);
    dialog.set_focus_on_map(false);
    dialog.set_urgency_hint(true);
    stay_when_minimised(parent, &dialog);
    let counter = fill(&dialog, &words);
    count(&counter, request.of);
    add_buttons(&dialog, &buttons);
    if let Some(accessible) = dialog.accessible() {
        accessible.set_name(&words.title);
    }

    let id = approval.id.clone();
    dialog.connect_response(move |dialog, response| {
        let Some(shown) = take(&id) else { return };
        tracing::debug!("the dialog was answered or put off");
        let clicked = match response {
            ResponseType::Other(index) => buttons.get(usize::from(index)),
            _ => None,
        };
        destroy(dialog);
        shown
            .answer
            .give(clicked.map_or(DialogAnswer::DecideLater, |button| button.answer.clone()));
    });
    let id = approval.id.clone();
    // It went with its parent.
    dialog.connect_destroy(move |_| drop(take(&id)));

    let shown = Shown {
        dialog: dialog.clone(),
        counter,
        answer,
    };
    let before = SHOWN.with_borrow_mut(|all| all.insert(approval.id.clone(), shown));
    if let Some(before) = before {
        before.answer.forget();
        destroy(&before.dialog);
    }
    dialog.show_all();
}

/// Window managers minimise a dialog with its parent; this one is to be seen all the same.
fn stay_when_minimised(parent: &gtk::ApplicationWindow, dialog: &MessageDialog) {
    let weak = dialog.downgrade();
    let handler = parent.connect_window_state_event(move |_, event| {
        let minimised = gtk::gdk::WindowState::ICONIFIED;
        if event.changed_mask().contains(minimised)
            && event.new_window_state().contains(minimised)
            && let Some(dialog) = weak.upgrade()
        {
            dialog.set_transient_for(None::<&gtk::Window>);
            dialog.deiconify();
        }
        glib::Propagation::Proceed
    });
    let (parent, handler) = (parent.downgrade(), Cell::new(Some(handler)));
    dialog.connect_destroy(move |_| {
        if let (Some(parent), Some(handler)) = (parent.upgrade(), handler.take()) {
            parent.disconnect(handler);
        }
    });
}

/// Puts the words into a dialog. Returns the label of the counter.
fn fill(dialog: &MessageDialog, words: &DialogText) -> gtk::Label {
    let area = dialog
        .message_area()
        .downcast::<gtk::Box>()
        .unwrap_or_else(|_| dialog.content_area());
    area.set_spacing(10);
    for child in area.children() {
        child.set_halign(Align::Start);
        if let Some(question) = child.downcast_ref::<gtk::Label>() {
            let attributes = pango::AttrList::new();
            attributes.insert(pango::AttrInt::new_weight(pango::Weight::Bold));
            attributes.insert(pango::AttrFloat::new_scale(1.15));
            question.set_attributes(Some(&attributes));
        }
    }
    area.pack_start(&label(&words.who.join("\n")), false, false, 0);
    area.pack_start(
        &scrolled(&words.exact, words.exact_name, true),
        false,
        false,
        0,
    );
    if !words.besides.is_empty() {
        area.pack_start(&label(&words.besides.join("\n")), false, false, 0);
    }
    if let Some(risk) = &words.risk {
        let risk = label(risk);
        risk.style_context().add_class("warning");
        area.pack_start(&risk, false, false, 0);
    }
    if let Some(reason) = &words.reason {
        let heading = label(REASON_LABEL);
        heading.style_context().add_class("dim-label");
        area.pack_start(&heading, false, false, 0);
        area.pack_start(
            &scrolled(reason, "The agent's reason", false),
            false,
            false,
            0,
        );
    }
    if !words.consequences.is_empty() {
        area.pack_start(&label(&words.consequences.join("\n")), false, false, 0);
    }
    let counter = label("");
    counter.set_no_show_all(true);
    counter.style_context().add_class("dim-label");
    area.pack_start(&counter, false, false, 0);
    counter
}

/// Text as it is, wrapped anywhere.
fn label(text: &str) -> gtk::Label {
    let label = gtk::Label::new(None);
    set_text(&label, text);
    label.set_xalign(0.0);
    label.set_halign(Align::Start);
    label.set_line_wrap(true);
    label.set_line_wrap_mode(pango::WrapMode::WordChar);
    label.set_max_width_chars(COLUMNS);
    label.set_selectable(true);
    label.set_can_focus(false);
    label
}

/// Sets a label's text. Pango puts a hyphen where it breaks a word, which would be one more
/// character in a command or a path; only markup can tell it not to.
fn set_text(label: &gtk::Label, text: &str) {
    let escaped = glib::markup_escape_text(text);
    label.set_markup(&format!("<span insert_hyphens=\"false\">{escaped}</span>"));
    if label.text() != text {
        label.set_text(text);
    }
}

/// Text that may be long: nothing of it is hidden to the right, the rest scrolls.
fn scrolled(text: &str, name: &str, monospace: bool) -> ScrolledWindow {
    let label = label(text);
    label.set_can_focus(true);
    label.set_yalign(0.0);
    label.set_max_width_chars(-1);
    label.set_halign(Align::Fill);
    label.set_margin(6);
    if monospace {
        label.style_context().add_class("monospace");
        label.set_line_wrap_mode(pango::WrapMode::Char);
    }
    let columns = usize::try_from(COLUMNS).unwrap_or(1);
    let lines: usize = text
        .lines()
        .map(|line| line.chars().count() / columns + 1)
        .sum();
    let most = if monospace { 10 } else { 4 };
    let window = ScrolledWindow::new(gtk::Adjustment::NONE, gtk::Adjustment::NONE);
    window.set_policy(PolicyType::Never, PolicyType::Automatic);
    window.set_shadow_type(gtk::ShadowType::In);
    window.set_overlay_scrolling(false);
    window.set_min_content_width(WIDTH);
    let lines = i32::try_from(lines).unwrap_or(i32::MAX).clamp(1, most);
    window.set_min_content_height(lines * LINE_HEIGHT + 12);
    window.add(&label);
    if let Some(accessible) = window.accessible() {
        accessible.set_name(name);
    }
    window
}

/// The buttons. The allowing ones do nothing until [`ARMING`] after the dialog appeared.
fn add_buttons(dialog: &MessageDialog, buttons: &[Button]) {
    let response = |index: usize| ResponseType::Other(u16::try_from(index).unwrap_or(u16::MAX));
    for (index, words) in buttons.iter().enumerate() {
        // An underscore would mark a key.
        let label = words.label.replace('_', "__");
        let button = dialog.add_button(&label, response(index));
        button.set_tooltip_text(
            Some(&words.effect)
                .filter(|effect| !effect.is_empty())
                .map(String::as_str),
        );
        if index == 0 {
            dialog.set_default_response(response(index));
            button.grab_focus();
        }
    }
    let allowing: Vec<ResponseType> = buttons
        .iter()
        .enumerate()
        .filter(|(_, button)| button.allows)
        .map(|(index, _)| response(index))
        .collect();
    arm_when_seen(dialog, allowing);
}

/// Makes the responses work [`ARMING`] after the dialog was first painted. At the priority of idle
/// work: a click that was made before, and waited while the app was busy, still meets a dead button.
fn arm_when_seen(dialog: &MessageDialog, allowing: Vec<ResponseType>) {
    let arm = move |dialog: &MessageDialog, armed: bool| {
        for response in &allowing {
            dialog.set_response_sensitive(*response, armed);
        }
    };
    arm(dialog, false);
    let arm = Rc::new(arm);
    let painted = Cell::new(false);
    dialog.connect_draw(move |dialog, _| {
        if !painted.replace(true) {
            tracing::debug!("the dialog was painted");
            let (weak, arm) = (dialog.downgrade(), Rc::clone(&arm));
            let idle = glib::Priority::DEFAULT_IDLE;
            glib::timeout_add_local_full(ARMING, idle, move || {
                if let Some(dialog) = weak.upgrade() {
                    arm(&dialog, true);
                }
                glib::ControlFlow::Break
            });
        }
        glib::Propagation::Proceed
    });
}

fn count(label: &gtk::Label, of: usize) {
    let words = text::counter(of);
    set_text(label, words.as_deref().unwrap_or_default());
    label.set_visible(words.is_some());
}

fn destroy(dialog: &MessageDialog) {
    // SAFETY: a top-level window goes away only by this call. It is out of the map by now, and
    // GTK's own references keep the object valid while a handler of it runs.
    unsafe { gtk::prelude::WidgetExtManual::destroy(dialog) };
}
