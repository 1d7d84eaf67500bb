//! The queue and the prompter together, with a screen that records.

use std::sync::{Arc, Mutex};

use countersign_contract::{Approval, ApprovalId, ChoiceId, ShowWhen, Subject};

use super::{AnswerFn, DialogAnswer, DialogRequest, Dialogs, Prompter, text};

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    log: Vec<String>,
    shown: Option<(ApprovalId, AnswerFn)>,
    /// There is no window to ask from.
    gone: bool,
}

impl Prompter for Screen {
    fn show(&self, request: DialogRequest, answer: AnswerFn) {
        let mut record = self.0.lock().unwrap();
        let id = request.approval.id;
        record.log.push(format!(
            "show {id} of {} for {}",
            request.of, request.profile_name
        ));
        if record.gone {
            drop(record);
            answer(DialogAnswer::DecideLater);
        } else {
            assert!(record.shown.is_none(), "two dialogs");
            record.shown = Some((id, answer));
        }
    }

    fn close(&self, id: &ApprovalId) {
        let mut record = self.0.lock().unwrap();
        record.log.push(format!("close {id}"));
        record.shown.take_if(|(shown, _)| shown == id);
    }

    fn recount(&self, id: &ApprovalId, of: usize) {
        self.0
            .lock()
            .unwrap()
            .log
            .push(format!("recount {id} of {of}"));
    }
}

impl Screen {
    fn click(&self, answer: DialogAnswer) {
        let (_, give) = self
            .0
            .lock()
            .unwrap()
            .shown
            .take()
            .expect("a dialog is shown");
        give(answer);
    }

    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().log)
    }
}

fn approval(id: &str) -> Approval {
    Approval {
        id: id.to_owned(),
        ..text::tests::approval(Subject::Files { files: vec![] })
    }
}

type Chosen = Arc<Mutex<Vec<(ApprovalId, DialogAnswer)>>>;

fn desk() -> (Dialogs, Screen, Chosen) {
    let (screen, chosen) = (Screen::default(), Chosen::default());
    let record = Arc::clone(&chosen);
    let dialogs = Dialogs::new(screen.clone(), move |id, choice| {
        record.lock().unwrap().push((id.clone(), choice));
    });
    (dialogs, screen, chosen)
}

#[test]
fn one_after_the_other_and_each_choice_is_reported_once() {
    let (dialogs, screen, chosen) = desk();
    for id in ["a", "b", "c"] {
        dialogs.opened(&approval(id), "Work", ShowWhen::Always);
    }
    screen.click(DialogAnswer::Answer(ChoiceId::AllowOnce.into()));
    screen.click(DialogAnswer::DecideLater);
    dialogs.settled(&"c".to_owned());
    assert_eq!(
        screen.log(),
        [
            "show a of 1 for Work",
            "recount a of 2",
            "recount a of 3",
            "show b of 2 for Work",
            "show c of 1 for Work",
            "close c"
        ]
    );
    assert_eq!(
        *chosen.lock().unwrap(),
        [
            (
                "a".to_owned(),
                DialogAnswer::Answer(ChoiceId::AllowOnce.into())
            ),
            ("b".to_owned(), DialogAnswer::DecideLater)
        ]
    );
}

#[test]
fn without_a_window_every_question_is_put_off() {
    let (dialogs, screen, chosen) = desk();
    screen.0.lock().unwrap().gone = true;
    dialogs.opened(&approval("a"), "Work", ShowWhen::Always);
    dialogs.opened(&approval("b"), "Work", ShowWhen::Always);
    assert_eq!(
        screen.log(),
        ["show a of 1 for Work", "show b of 1 for Work"]
    );
    let put_off = |(_, answer): &(ApprovalId, DialogAnswer)| *answer == DialogAnswer::DecideLater;
    assert!(chosen.lock().unwrap().iter().all(put_off));
}

#[test]
fn settling_a_question_from_within_its_choice_closes_nothing() {
    let screen = Screen::default();
    let desk: Arc<Mutex<Option<Dialogs>>> = Arc::default();
    let inner = Arc::clone(&desk);
    let dialogs = Dialogs::new(screen.clone(), move |id, _| {
        let dialogs = inner.lock().unwrap().clone().unwrap();
        dialogs.settled(id);
    });
    *desk.lock().unwrap() = Some(dialogs.clone());
    dialogs.opened(&approval("a"), "Work", ShowWhen::Always);
    screen.click(DialogAnswer::Answer(ChoiceId::Deny.into()));
    assert_eq!(screen.log(), ["show a of 1 for Work"]);
}

/// From many threads at once the screen still gets a sequence that makes sense.
#[test]
fn threads_do_not_mix_up_the_screen() {
    let (dialogs, screen, _) = desk();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let dialogs = dialogs.clone();
            scope.spawn(move || {
                for n in 0..50 {
                    let id = format!("{thread}-{n}");
                    dialogs.opened(&approval(&id), "Work", ShowWhen::Always);
                    dialogs.window_focused(n % 2 == 0);
                    dialogs.settled(&id);
                }
            });
        }
    });
    assert!(screen.0.lock().unwrap().shown.is_none());
    let mut shown: Option<String> = None;
    for line in screen.log() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "show" => assert_eq!(shown.replace(words[1].to_owned()), None, "{line}"),
            // Of a question that was settled before its dialog came up, only the close arrives.
            "close" => drop(shown.take_if(|id| id == words[1])),
            _ => {}
        }
    }
    assert_eq!(shown, None);
}
