//! A response as it is written: steps to the events of the Responses API (FACTS sections 10, 11).
//!
//! Pure. Which steps are played is decided in `play`, how fast they are sent in `server`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::request::Request;
use crate::scene::Step;
use crate::tools;

const SAMPLE: &str = include_str!("texts/sample.md");

/// One thing to do with the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Beat {
    /// Send an event of the Responses API.
    Event(Value),
    /// Send a piece of the text of an item.
    Delta(Arc<Open>, String),
    /// Rest as long as a word takes, when the pace is human.
    Rest,
    /// Wait, at any pace.
    Pause(Duration),
    /// Wait until the test releases the name.
    Hold(String),
    /// Cut the connection.
    Cut,
}

/// The item that text is being streamed into.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Open {
    pub(crate) id: String,
    pub(crate) index: usize,
    pub(crate) reasoning: bool,
}

/// A response being written.
pub(crate) struct Script<'a> {
    request: &'a Request,
    id: &'a str,
    beats: Vec<Beat>,
    items: usize,
    open: Option<(Arc<Open>, String)>,
    reasoned: usize,
    written: usize,
}

impl<'a> Script<'a> {
    /// Starts a response; `id` is new with every response.
    pub(crate) fn new(request: &'a Request, id: &'a str) -> Self {
        let created = json!({
            "type": "response.created",
            "response": {"id": format!("resp_{id}"), "status": "in_progress"},
        });
        Script {
            request,
            id,
            beats: vec![Beat::Event(created)],
            items: 0,
            open: None,
            reasoned: 0,
            written: 0,
        }
    }

    /// Adds what a step sends.
    pub(crate) fn play(&mut self, step: &Step) {
        match step {
            Step::Say(text) => self.say(text),
            Step::Markdown => self.say(SAMPLE),
            Step::Help => self.say(crate::HELP),
            Step::Think(text) => {
                self.open(true);
                self.words(text);
            }
            Step::Stream { deltas, pause } => {
                self.open(false);
                for n in 1..=*deltas {
                    if !pause.is_zero() {
                        self.beats.push(Beat::Pause(*pause));
                    }
                    self.delta(format!("{n} "));
                }
            }
            // Both act inside the text that stands before them: mid-stream is what they are for.
            Step::Hold(name) => self.beats.push(Beat::Hold(name.clone())),
            Step::Drop => {
                if self.open.is_none() {
                    self.open(false);
                    self.words("The connection is lost in the middle of this");
                }
                self.beats.push(Beat::Cut);
            }
            Step::Slow(_) | Step::Fail { .. } => {}
            Step::Plan(_)
            | Step::Run(_)
            | Step::Sandboxed(_)
            | Step::Add { .. }
            | Step::Update { .. }
            | Step::Delete(_)
            | Step::Permissions { .. }
            | Step::Ask(_)
            | Step::Mcp { .. } => {
                let id = self.id;
                self.calls(tools::calls(step, |n| format!("call_{id}_{n}")));
            }
        }
    }

    /// Adds tool calls, which end the response.
    pub(crate) fn calls(&mut self, calls: Vec<Value>) {
        self.close();
        for call in calls {
            self.written += call.to_string().len();
            self.event(json!({
                "type": "response.output_item.done",
                "output_index": self.items,
                "item": call,
            }));
            self.items += 1;
        }
    }

    /// A message of its own, left open for a `hold` or `drop` behind it.
    pub(crate) fn say(&mut self, text: &str) {
        self.open(false);
        self.words(text);
    }

    fn open(&mut self, reasoning: bool) {
        self.close();
        let open = Open {
            id: format!("item_{}_{}", self.id, self.items),
            index: self.items,
            reasoning,
        };
        self.items += 1;
        self.event(json!({
            "type": "response.output_item.added",
            "output_index": open.index,
            "item": open.item(None),
        }));
        if reasoning {
            self.event(json!({
                "type": "response.reasoning_summary_part.added",
                "item_id": open.id,
                "output_index": open.index,
                "summary_index": 0,
                "part": {"type": "summary_text", "text": ""},
            }));
        }
        self.open = Some((Arc::new(open), String::new()));
    }

    /// Streams the text a word at a time; the pieces together are the text to the byte.
    fn words(&mut self, text: &str) {
        for (index, word) in text.split_inclusive([' ', '\n']).enumerate() {
            if index > 0 {
                self.beats.push(Beat::Rest);
            }
            self.delta(word.to_owned());
        }
    }

    fn delta(&mut self, piece: String) {
        if let Some((open, text)) = &mut self.open {
            text.push_str(&piece);
            self.beats.push(Beat::Delta(open.clone(), piece));
        }
    }

    fn close(&mut self) {
        if let Some((open, text)) = self.open.take() {
            self.written += text.len();
            if open.reasoning {
                self.reasoned += text.len();
            }
            self.beats.push(Beat::Event(json!({
                "type": "response.output_item.done",
                "output_index": open.index,
                "item": open.item(Some(&text)),
            })));
        }
    }

    fn event(&mut self, event: Value) {
        self.beats.push(Beat::Event(event));
    }

    /// Closes what is open and ends the response.
    pub(crate) fn end(mut self) -> Vec<Beat> {
        self.close();
        // Four bytes a token is the usual rule of thumb; there is no tokenizer to ask.
        let input = self.request.body.to_string().len() / 4;
        let output = self.written.div_ceil(4);
        self.event(json!({
            "type": "response.completed",
            "response": {
                "id": format!("resp_{}", self.id),
                "status": "completed",
                "usage": {
                    "input_tokens": input,
                    "input_tokens_details": {"cached_tokens": 0},
                    "output_tokens": output,
                    "output_tokens_details": {"reasoning_tokens": self.reasoned.div_ceil(4)},
                    "total_tokens": input + output,
                },
            },
        }));
        self.beats
    }
}

impl Open {
    fn item(&self, text: Option<&str>) -> Value {
        if self.reasoning {
            let summary = text.map(|text| json!({"type": "summary_text", "text": text}));
            return json!({
                "type": "reasoning",
                "id": self.id,
                "summary": Vec::from_iter(summary),
            });
        }
        let content =
            text.map(|text| json!({"type": "output_text", "text": text, "annotations": []}));
        json!({
            "type": "message",
            "id": self.id,
            "role": "assistant",
            "status": if content.is_some() { "completed" } else { "in_progress" },
            "content": Vec::from_iter(content),
        })
    }

    /// The event that carries a piece of text of this item.
    pub(crate) fn delta(&self, piece: &str) -> Value {
        if self.reasoning {
            json!({
                "type": "response.reasoning_summary_text.delta",
                "item_id": self.id,
                "output_index": self.index,
                "summary_index": 0,
                "delta": piece,
            })
        } else {
            json!({
                "type": "response.output_text.delta",
                "item_id": self.id,
                "output_index": self.index,
                "content_index": 0,
                "delta": piece,
            })
        }
    }
}
