//! One request to one reply: which part of the scene is due.
//!
//! Pure: the reply is data ([`Beat`]s); the server sends it and keeps the time. A reply runs from
//! the step that is due to the next step that calls tools, or to the end of the scene. What is due
//! follows from the number of calls since the newest user message.

use std::time::Duration;

use crate::closing;
use crate::request::Request;
use crate::scene::{Scene, Step};
use crate::script::{Beat, Script};
use crate::tools;

/// What to answer to one request.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Wait that the scene asks for before the first event, or before the failure.
    pub(crate) delay: Duration,
    /// The failure that the scene asks for, in place of the stream.
    pub(crate) failure: Option<Failure>,
    /// The stream.
    pub(crate) beats: Vec<Beat>,
}

/// An HTTP error in place of a stream.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    /// For `fail once`: what names this point of this turn, so that the retry can pass.
    pub(crate) once: Option<(usize, usize)>,
}

/// Plans the reply. `id` must be new with every request: item and call ids are made from it.
pub(crate) fn reply(request: &Request, id: &str) -> Reply {
    let (at, text) = request.last_user_message().unwrap_or_default();
    let mut script = Script::new(request, id);
    let mut failure = None;
    let mut delay = Duration::ZERO;
    if let Some(goal) = request.goal_turn(at) {
        // Codex starts such turns again and again while the goal is active.
        let calls = request.tool_calls_after(goal);
        match closing::message(&calls) {
            Some(text) => script.say(&text),
            None => script.calls(vec![tools::give_up_goal(format!("call_{id}_0"))]),
        }
        return Reply {
            delay,
            failure,
            beats: script.end(),
        };
    }
    match Scene::parse(&text) {
        Scene::Steps(steps) => {
            let calls = request.tool_calls_after(at);
            let due = due(&steps, calls.len());
            for step in &steps[due..] {
                if let Step::Fail { status, once } = step {
                    // It stands in place of the whole response: nothing can precede a status.
                    failure.get_or_insert(Failure {
                        status: *status,
                        once: once.then_some((at, due)),
                    });
                }
                if let Step::Slow(pause) = step {
                    delay += *pause;
                }
                script.play(step);
                if step.calls() > 0 {
                    break;
                }
            }
            let ended = !steps[due..].iter().any(|step| step.calls() > 0);
            let spoke = steps.last().is_some_and(Step::speaks);
            if ended
                && !spoke
                && let Some(text) = closing::message(&calls)
            {
                script.say(&text);
            }
        }
        Scene::Problem { line, text, reason } => {
            script.say(&closing::problem(line, &text, &reason))
        }
        Scene::Chat(text) => script.say(&closing::chat(&text)),
    }
    Reply {
        delay,
        failure,
        beats: script.end(),
    }
}

/// The step that is due after so many calls: the one behind the last step that made them.
fn due(steps: &[Step], calls: usize) -> usize {
    let mut made = 0;
    let mut due = 0;
    for (index, step) in steps.iter().enumerate() {
        if made >= calls {
            break;
        }
        made += step.calls();
        due = index + 1;
    }
    due
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A request whose newest user message is `text`, with so many answered calls after it.
    fn request(text: &str, calls: usize) -> Request {
        let mut input = vec![
            json!({"type":"function_call","call_id":"old","name":"exec_command","arguments":"{}"}),
            json!({"type":"function_call_output","call_id":"old","output":""}),
            json!({"type":"message","role":"user","content":[{"type":"input_text","text":text}]}),
        ];
        for n in 0..calls {
            input.push(
                json!({"type":"function_call","call_id":n.to_string(),"name":"exec_command",
                "arguments":"{\"cmd\":\"ls\"}"}),
            );
            input.push(
                json!({"type":"function_call_output","call_id":n.to_string(),
                "output":"Process exited with code 0\nOutput:\n"}),
            );
        }
        Request {
            thread_id: None,
            body: json!({ "input": input }),
        }
    }

    /// Types of the finished items, and the texts of messages.
    fn items(text: &str, calls: usize) -> Vec<String> {
        reply(&request(text, calls), "1")
            .beats
            .iter()
            .filter_map(|beat| match beat {
                Beat::Event(event) if event["type"] == "response.output_item.done" => {
                    let item = &event["item"];
                    Some(match item["content"][0]["text"].as_str() {
                        Some(text) => text.to_owned(),
                        None => item["name"].as_str().unwrap_or("reasoning").to_owned(),
                    })
                }
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_response_ends_at_a_call_and_goes_on_after_its_output() {
        let scene = "think first\nsay one\nrun: a & run: b\nsay two\nplan x\n# end\nsay three";
        assert_eq!(
            items(scene, 0),
            ["reasoning", "one", "exec_command", "exec_command"]
        );
        // One of two outputs can be there after a fork in mid-turn: the pair is not played again.
        assert_eq!(items(scene, 1), ["two", "update_plan"]);
        assert_eq!(items(scene, 2), ["two", "update_plan"]);
        assert_eq!(items(scene, 3), ["three"]);
        assert_eq!(items(scene, 9), [""; 0]);
    }

    #[test]
    fn a_scene_that_ends_in_a_call_gets_a_closing_message() {
        assert_eq!(items("run: ls", 0), ["exec_command"]);
        assert_eq!(items("run: ls", 1), ["The command `ls` exited with 0."]);
        assert_eq!(items("run: ls\nsay bye", 1), ["bye"]);
        assert_eq!(
            items("run: ls\nthink", 1)[0],
            closing::problem(2, "think", "this is no step that I know")
        );
    }

    #[test]
    fn hold_and_drop_act_in_the_open_answer() {
        for (scene, beat) in [
            ("say a b\nhold X", Beat::Hold("X".into())),
            ("say a b\ndrop", Beat::Cut),
        ] {
            let beats = reply(&request(scene, 0), "1").beats;
            let at = beats.iter().position(|b| *b == beat).unwrap();
            assert!(matches!(&beats[at - 1], Beat::Delta(_, piece) if piece == "b"));
            assert!(
                matches!(&beats[at + 1], Beat::Event(e) if e["type"] == "response.output_item.done")
            );
        }
        assert!(
            reply(&request("drop", 0), "1")
                .beats
                .iter()
                .any(|beat| matches!(beat, Beat::Delta(..)))
        );
    }

    #[test]
    fn slow_waits_before_the_first_event() {
        let delay = |scene| reply(&request(scene, 0), "1").delay;
        assert_eq!(delay("say a\nslow 5\nslow 2"), Duration::from_millis(7));
        assert_eq!(delay("run: a\nslow 5"), Duration::ZERO);
    }

    #[test]
    fn a_failure_names_its_point_of_the_turn() {
        let failure = |scene, calls| reply(&request(scene, calls), "1").failure;
        let always = Failure {
            status: 500,
            once: None,
        };
        assert_eq!(failure("run: a\nfail 500", 0), None);
        assert_eq!(failure("run: a\nfail 500", 1), Some(always));
        assert_eq!(
            failure("run: a\nfail once 429", 1),
            Some(Failure {
                status: 429,
                once: Some((2, 1)),
            })
        );
    }

    #[test]
    fn a_goal_is_given_up_and_a_new_message_is_played() {
        let goal = json!({"type":"message","role":"user","content":[{"type":"input_text",
            "text":"<codex_internal_context source=\"goal\">\nGo on.\n</codex_internal_context>"}]});
        let items_of = |request: &Request| {
            let beats = reply(request, "1").beats;
            beats.iter().find_map(|beat| match beat {
                Beat::Event(event) if event["type"] == "response.output_item.done" => {
                    Some(event["item"].clone())
                }
                _ => None,
            })
        };
        let mut request = request("say hi", 0);
        let input = request.body["input"].as_array_mut().unwrap();
        input.push(goal);
        assert_eq!(items_of(&request).unwrap()["name"], "update_goal");
        let input = request.body["input"].as_array_mut().unwrap();
        let newer = input[2].clone();
        input.push(newer);
        assert_eq!(items_of(&request).unwrap()["content"][0]["text"], "hi");
    }

    proptest! {
        /// What was streamed as deltas is what the finished item holds, and all that opens closes.
        #[test]
        fn deltas_add_up_to_the_item(scene in "(say|think|stream|run:|[a-z0-9é \n])*", calls in 0usize..3) {
            let mut open: std::collections::HashMap<String, String> = Default::default();
            let beats = reply(&request(&scene, calls), "1").beats;
            for beat in &beats {
                match beat {
                    Beat::Delta(item, piece) => open.entry(item.id.clone()).or_default().push_str(piece),
                    Beat::Event(event) if event["type"] == "response.output_item.added" => {
                        open.insert(event["item"]["id"].as_str().unwrap().into(), String::new());
                    }
                    Beat::Event(event) if event["type"] == "response.output_item.done" => {
                        let item = &event["item"];
                        if let Some(id) = item["id"].as_str() {
                            let text = item["content"][0]["text"].as_str()
                                .or(item["summary"][0]["text"].as_str()).unwrap();
                            let streamed = open.remove(id);
                            prop_assert_eq!(streamed.as_deref(), Some(text));
                        }
                    }
                    _ => {}
                }
            }
            prop_assert!(open.is_empty());
            prop_assert!(matches!(beats.last(), Some(Beat::Event(e)) if e["type"] == "response.completed"));
        }
    }
}
