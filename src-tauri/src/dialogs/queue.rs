//! Which dialog is on the screen: at most one, the oldest question first.
//!
//! A pure machine: events in, effects out, no clock and no I/O.

use countersign_contract::{ApprovalId, ShowWhen};

/// What is to be done on the screen, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Put the dialog of this question on the screen. It is the first of `of` that want to be shown.
    Show {
        /// The question.
        id: ApprovalId,
        /// How many want to be shown, this one included.
        of: usize,
    },
    /// The number that the dialog on the screen shows has changed.
    Recount {
        /// The question on the screen.
        id: ApprovalId,
        /// How many want to be shown, this one included.
        of: usize,
    },
    /// Take the dialog of this question off the screen. It gives no answer.
    Close {
        /// The question.
        id: ApprovalId,
    },
}

/// The open questions, oldest first, and which of them is on the screen.
#[derive(Debug, Default)]
pub struct Queue {
    open: Vec<Entry>,
    /// The question on the screen and the number that stands there.
    shown: Option<(ApprovalId, usize)>,
    window_focused: bool,
    quiet: bool,
}

#[derive(Debug)]
struct Entry {
    id: ApprovalId,
    mode: ShowWhen,
    /// Its dialog was answered or put off: it does not come back by itself.
    dismissed: bool,
}

impl Entry {
    fn wants(&self, window_focused: bool) -> bool {
        !self.dismissed && shows(self.mode, window_focused)
    }
}

/// Whether something outside the window shows a question now, quiet hours aside.
pub(crate) fn shows(when: ShowWhen, window_focused: bool) -> bool {
    match when {
        ShowWhen::Always => true,
        ShowWhen::WhenUnfocused => !window_focused,
        ShowWhen::Never => false,
    }
}

impl Queue {
    /// A question was opened. One that is known already keeps its place and takes the mode.
    pub fn opened(&mut self, id: &str, mode: ShowWhen) -> Vec<Effect> {
        match self.open.iter_mut().find(|entry| entry.id == id) {
            Some(entry) => entry.mode = mode,
            None => self.open.push(Entry {
                id: id.to_owned(),
                mode,
                dismissed: false,
            }),
        }
        self.settle()
    }

    /// A question was settled, from wherever.
    pub fn settled(&mut self, id: &str) -> Vec<Effect> {
        self.open.retain(|entry| entry.id != id);
        self.settle()
    }

    /// The dialog of a question went off the screen by itself: answered, or put off. The question
    /// stays open until it is [`settled`](Self::settled).
    pub fn dismissed(&mut self, id: &str) -> Vec<Effect> {
        if let Some(entry) = self.open.iter_mut().find(|entry| entry.id == id) {
            entry.dismissed = true;
        }
        self.shown.take_if(|(shown, _)| shown == id);
        self.settle()
    }

    /// The main window got or lost the keyboard focus. A dialog does not count as a window here:
    /// clicking one must not take it away.
    pub fn window_focused(&mut self, focused: bool) -> Vec<Effect> {
        self.window_focused = focused;
        self.settle()
    }

    /// Quiet hours began or ended. What came in them is shown afterwards, if it is still open.
    pub fn quiet(&mut self, quiet: bool) -> Vec<Effect> {
        self.quiet = quiet;
        self.settle()
    }

    /// Brings the screen in line with the entries.
    fn settle(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let focused = self.window_focused;
        let wanted: Vec<&Entry> = self
            .open
            .iter()
            .filter(|entry| !self.quiet && entry.wants(focused))
            .collect();
        if let Some((id, _)) = self
            .shown
            .take_if(|(shown, _)| !wanted.iter().any(|entry| entry.id == *shown))
        {
            effects.push(Effect::Close { id });
        }
        let of = wanted.len();
        match (&mut self.shown, wanted.first()) {
            (Some((id, count)), _) if *count != of => {
                *count = of;
                effects.push(Effect::Recount { id: id.clone(), of });
            }
            (None, Some(entry)) => {
                self.shown = Some((entry.id.clone(), of));
                effects.push(Effect::Show {
                    id: entry.id.clone(),
                    of,
                });
            }
            _ => {}
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(id: &str, of: usize) -> Effect {
        Effect::Show { id: id.into(), of }
    }
    fn recount(id: &str, of: usize) -> Effect {
        Effect::Recount { id: id.into(), of }
    }
    fn close(id: &str) -> Effect {
        Effect::Close { id: id.into() }
    }

    #[test]
    fn oldest_first_one_at_a_time() {
        let mut queue = Queue::default();
        assert_eq!(queue.opened("a", ShowWhen::Always), [show("a", 1)]);
        assert_eq!(queue.opened("b", ShowWhen::Always), [recount("a", 2)]);
        assert_eq!(queue.opened("c", ShowWhen::Always), [recount("a", 3)]);
        assert_eq!(queue.dismissed("a"), [show("b", 2)]);
        assert_eq!(queue.settled("a"), []);
        assert_eq!(queue.settled("b"), [close("b"), show("c", 1)]);
        assert_eq!(queue.settled("c"), [close("c")]);
    }

    #[test]
    fn what_was_put_off_does_not_come_back() {
        let mut queue = Queue::default();
        queue.opened("a", ShowWhen::Always);
        assert_eq!(queue.dismissed("a"), []);
        assert_eq!(queue.window_focused(true), []);
        assert_eq!(queue.window_focused(false), []);
        assert_eq!(queue.opened("a", ShowWhen::Always), []);
    }

    #[test]
    fn the_mode_decides() {
        let mut queue = Queue::default();
        queue.window_focused(true);
        assert_eq!(queue.opened("never", ShowWhen::Never), []);
        assert_eq!(queue.opened("away", ShowWhen::WhenUnfocused), []);
        assert_eq!(queue.window_focused(false), [show("away", 1)]);
        assert_eq!(queue.window_focused(true), [close("away")]);
        assert_eq!(queue.opened("never", ShowWhen::Always), [show("never", 1)]);
        assert_eq!(queue.opened("never", ShowWhen::Never), [close("never")]);
    }

    #[derive(Debug, Clone)]
    enum Event {
        Opened(usize, ShowWhen),
        Settled(usize),
        Dismissed(usize),
        Focus(bool),
        Quiet(bool),
    }

    fn event() -> impl Strategy<Value = Event> {
        let mode = prop_oneof![
            Just(ShowWhen::Always),
            Just(ShowWhen::WhenUnfocused),
            Just(ShowWhen::Never)
        ];
        prop_oneof![
            (0usize..6, mode).prop_map(|(n, mode)| Event::Opened(n, mode)),
            (0usize..6).prop_map(Event::Settled),
            (0usize..6).prop_map(Event::Dismissed),
            any::<bool>().prop_map(Event::Focus),
            any::<bool>().prop_map(Event::Quiet),
        ]
    }

    proptest! {
        /// Against a screen that does what it is told and a plain list of what is true.
        #[test]
        fn the_screen_always_shows_what_it_should(events in prop::collection::vec(event(), 0..60)) {
            let ids = ["a", "b", "c", "d", "e", "f"];
            let mut queue = Queue::default();
            let mut screen: Option<(String, usize)> = None;
            let mut open: Vec<(String, ShowWhen, bool)> = Vec::new();
            let (mut focused, mut quiet) = (false, false);
            for event in events {
                let effects = match event {
                    Event::Opened(n, mode) => {
                        match open.iter_mut().find(|(id, _, _)| id == ids[n]) {
                            Some(entry) => entry.1 = mode,
                            None => open.push((ids[n].into(), mode, false)),
                        }
                        queue.opened(ids[n], mode)
                    }
                    Event::Settled(n) => {
                        open.retain(|(id, _, _)| id != ids[n]);
                        queue.settled(ids[n])
                    }
                    // Only what is on the screen can be clicked.
                    Event::Dismissed(n) => {
                        if screen.as_ref().is_none_or(|(id, _)| id != ids[n]) {
                            continue;
                        }
                        screen = None;
                        open.iter_mut().filter(|(id, _, _)| id == ids[n]).for_each(|entry| entry.2 = true);
                        queue.dismissed(ids[n])
                    }
                    Event::Focus(now) => {
                        focused = now;
                        queue.window_focused(now)
                    }
                    Event::Quiet(now) => {
                        quiet = now;
                        queue.quiet(now)
                    }
                };
                let wants = |entry: &&(String, ShowWhen, bool)| !quiet && !entry.2 && match entry.1 {
                    ShowWhen::Always => true,
                    ShowWhen::WhenUnfocused => !focused,
                    ShowWhen::Never => false,
                };
                let wanted: Vec<&String> = open.iter().filter(wants).map(|entry| &entry.0).collect();
                for effect in effects {
                    match effect {
                        Effect::Show { id, of } => {
                            prop_assert!(screen.is_none(), "two dialogs");
                            prop_assert_eq!(Some(&&id), wanted.first());
                            screen = Some((id, of));
                        }
                        Effect::Recount { id, of } => {
                            let shown = screen.as_mut().filter(|(shown, _)| *shown == id);
                            prop_assert!(shown.is_some());
                            shown.unwrap().1 = of;
                        }
                        Effect::Close { id } => {
                            prop_assert_eq!(screen.take().map(|(id, _)| id), Some(id));
                        }
                    }
                }
                match &screen {
                    Some((id, of)) => {
                        prop_assert!(wanted.contains(&id));
                        prop_assert_eq!(*of, wanted.len());
                    }
                    None => prop_assert!(wanted.is_empty(), "{:?} should be shown", wanted),
                }
            }
        }
    }
}
