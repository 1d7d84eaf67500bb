//! What stands outside the window: a pure machine, events in, effects out, no clock and no I/O.

use countersign_contract::{ApprovalId, Millis, ShowWhen};

use crate::dialogs::shows;

/// Questions that come within this time after another make one burst, which sounds once. In milliseconds.
const BURST: Millis = 10_000;
/// Questions that a notification names.
const NAMED: usize = 4;

/// An open question, as far as it matters outside.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The question.
    pub id: ApprovalId,
    /// Its session's title.
    pub session: String,
    /// What is asked, in a few words.
    pub name: String,
    /// The session's folder.
    pub folder: String,
    /// When a notification shows it.
    pub when: ShowWhen,
    /// It may sound.
    pub sound: bool,
}

/// A notification in words. Plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its title.
    pub title: String,
    /// More, a line for each.
    pub body: String,
    /// It comes with a sound.
    pub sound: bool,
}

/// What is to be done outside, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Show this notification, in place of the one that stands there.
    Notify(Note),
    /// Take the notification away.
    Withdraw,
    /// So many questions wait now.
    Count(usize),
}

/// The open questions and what of them stands outside.
#[derive(Debug, Default)]
pub struct Attention {
    /// Oldest first; each with whether nobody can have seen it yet.
    open: Vec<(Waiting, bool)>,
    focused: bool,
    quiet: bool,
    /// Title and body of the notification that stands there.
    shown: Option<(String, String)>,
    last_opened: Option<Millis>,
    counted: usize,
}

impl Attention {
    /// The oldest question that the notification stands for; without one, the oldest that is open.
    pub fn oldest(&self) -> Option<ApprovalId> {
        let wanted = self.wanted().map(|waiting| waiting.id.clone()).next();
        wanted.or_else(|| Some(self.open.first()?.0.id.clone()))
    }

    /// A question was opened at a time. One that is known already keeps its place.
    pub fn opened(&mut self, waiting: Waiting, now: Millis) -> Vec<Effect> {
        if let Some((known, _)) = self.open.iter_mut().find(|(open, _)| open.id == waiting.id) {
            *known = waiting;
            return self.settle(false);
        }
        let burst = self
            .last_opened
            .replace(now)
            .is_some_and(|last| (0..BURST).contains(&(now - last)));
        // Whoever looks at the window sees it there.
        let unseen = !(self.focused && waiting.when == ShowWhen::WhenUnfocused);
        let sound = waiting.sound && !burst;
        self.open.push((waiting, unseen));
        self.settle(sound)
    }

    /// A question was settled, from wherever.
    pub fn settled(&mut self, id: &str) -> Vec<Effect> {
        self.open.retain(|(open, _)| open.id != id);
        self.settle(false)
    }

    /// The notification was clicked or closed: it does not come back for the same questions.
    pub fn dismissed(&mut self) -> Vec<Effect> {
        for (_, unseen) in &mut self.open {
            *unseen = false;
        }
        self.shown = None;
        self.settle(false)
    }

    /// The main window got or lost the keyboard focus.
    pub fn window_focused(&mut self, focused: bool) -> Vec<Effect> {
        self.focused = focused;
        if focused {
            for (waiting, unseen) in &mut self.open {
                *unseen &= waiting.when != ShowWhen::WhenUnfocused;
            }
        }
        self.settle(false)
    }

    /// Quiet hours began or ended. What came in them is shown afterwards, if it is still open.
    pub fn quiet(&mut self, quiet: bool) -> Vec<Effect> {
        self.quiet = quiet;
        self.settle(false)
    }

    fn wanted(&self) -> impl Iterator<Item = &Waiting> {
        let wanted = self.open.iter().filter(|(waiting, unseen)| {
            *unseen && !self.quiet && shows(waiting.when, self.focused)
        });
        wanted.map(|(waiting, _)| waiting)
    }

    fn settle(&mut self, sound: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        let words = words(&self.wanted().collect::<Vec<_>>());
        if words != self.shown {
            effects.push(match &words {
                Some((title, body)) => Effect::Notify(Note {
                    title: title.clone(),
                    body: body.clone(),
                    sound,
                }),
                None => Effect::Withdraw,
            });
            self.shown = words;
        }
        if self.counted != self.open.len() {
            self.counted = self.open.len();
            effects.push(Effect::Count(self.counted));
        }
        effects
    }
}

fn words(wanted: &[&Waiting]) -> Option<(String, String)> {
    Some(match wanted {
        [] => return None,
        [one] => (
            format!("{} waits for you", one.session),
            format!("{}\n{}", one.name, one.folder),
        ),
        many => {
            let mut lines: Vec<String> = many
                .iter()
                .take(NAMED)
                .map(|waiting| format!("{}: {}", waiting.session, waiting.name))
                .collect();
            if many.len() > NAMED {
                lines.push(format!("and {} more", many.len() - NAMED));
            }
            (
                format!("{} questions wait for you", many.len()),
                lines.join("\n"),
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(id: &str, when: ShowWhen) -> Waiting {
        Waiting {
            id: id.into(),
            session: format!("session {id}"),
            name: format!("Run {id}"),
            folder: "/w".into(),
            when,
            sound: true,
        }
    }

    /// Title and sound of the notifications among effects.
    fn notes(effects: &[Effect]) -> Vec<(&str, bool)> {
        let notes = effects.iter().filter_map(|effect| match effect {
            Effect::Notify(note) => Some((note.title.as_str(), note.sound)),
            _ => None,
        });
        notes.collect()
    }

    #[test]
    fn one_notification_stands_for_all_and_a_burst_sounds_once() {
        let mut attention = Attention::default();
        let effects = attention.opened(waiting("a", ShowWhen::Always), 0);
        assert_eq!(notes(&effects), [("session a waits for you", true)]);
        assert!(effects.contains(&Effect::Count(1)));
        let effects = attention.opened(waiting("b", ShowWhen::Always), 9_000);
        assert_eq!(notes(&effects), [("2 questions wait for you", false)]);
        let effects = attention.opened(waiting("c", ShowWhen::Always), 19_000);
        assert_eq!(notes(&effects), [("3 questions wait for you", true)]);
        assert_eq!(attention.oldest().as_deref(), Some("a"));
        let effects = attention.settled("a");
        assert_eq!(notes(&effects), [("2 questions wait for you", false)]);
        assert_eq!(attention.oldest().as_deref(), Some("b"));
        attention.settled("b");
        assert_eq!(attention.settled("c"), [Effect::Withdraw, Effect::Count(0)]);
    }

    #[test]
    fn thirty_are_named_by_their_first_few() {
        let mut attention = Attention::default();
        let mut last = Vec::new();
        for n in 0..30 {
            last = attention.opened(waiting(&format!("{n}"), ShowWhen::Always), n);
        }
        let Effect::Notify(note) = &last[0] else {
            panic!("{last:?}")
        };
        assert_eq!(note.title, "30 questions wait for you");
        assert_eq!(note.body.lines().count(), NAMED + 1);
        assert!(note.body.ends_with("and 26 more"));
    }

    #[test]
    fn who_looks_at_the_window_is_not_told_again() {
        let mut attention = Attention::default();
        attention.window_focused(true);
        let effects = attention.opened(waiting("a", ShowWhen::WhenUnfocused), 0);
        assert_eq!(effects, [Effect::Count(1)]);
        assert_eq!(attention.window_focused(false), []);
        let effects = attention.opened(waiting("b", ShowWhen::WhenUnfocused), 1);
        assert_eq!(notes(&effects), [("session b waits for you", false)]);
        assert_eq!(attention.window_focused(true), [Effect::Withdraw]);
        assert_eq!(attention.window_focused(false), []);
        assert_eq!(
            attention.opened(waiting("c", ShowWhen::Never), 2),
            [Effect::Count(3)]
        );
    }

    #[test]
    fn what_was_dismissed_comes_back_only_with_something_new() {
        let mut attention = Attention::default();
        attention.opened(waiting("a", ShowWhen::Always), 0);
        assert_eq!(attention.dismissed(), []);
        assert_eq!(attention.quiet(true), []);
        assert_eq!(attention.quiet(false), []);
        let effects = attention.opened(waiting("b", ShowWhen::Always), 1);
        assert_eq!(notes(&effects), [("session b waits for you", false)]);
    }

    #[test]
    fn quiet_hours_hold_back_what_is_outside_and_count_all_the_same() {
        let mut attention = Attention::default();
        attention.opened(waiting("a", ShowWhen::Always), 0);
        assert_eq!(attention.quiet(true), [Effect::Withdraw]);
        assert_eq!(
            attention.opened(waiting("b", ShowWhen::Always), 1),
            [Effect::Count(2)]
        );
        let effects = attention.quiet(false);
        assert_eq!(notes(&effects), [("2 questions wait for you", false)]);
    }
}
