//! What a shell hook may write. Nothing but one of the objects that the module's text lists is an answer, and
//! nothing but the word for it allows.
#![no_main]

use countersign_runtime::fuzzing;
use countersign_runtime::hooks::Verdict;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|stdout: &[u8]| {
    let Ok(verdict) = fuzzing::hook_answer(stdout) else {
        return;
    };
    let said = match serde_json::from_slice::<Value>(stdout) {
        Ok(said) => said,
        Err(_) => {
            assert!(stdout.trim_ascii().is_empty() && matches!(verdict, Verdict::Pass));
            return;
        }
    };
    let word = said["verdict"].as_str().expect("an object with a verdict");
    let members = said.as_object().expect("an object").len();
    match verdict {
        Verdict::Pass => assert_eq!((word, members), ("pass", 1)),
        Verdict::AskPerson => assert_eq!((word, members), ("ask", 1)),
        Verdict::Block { reason } => {
            assert_eq!((word, members), ("block", 2));
            assert_eq!(said["reason"], reason);
        }
        Verdict::Mutate(patch) => {
            assert_eq!(word, "mutate");
            assert_eq!(said["prompt"].as_str(), patch.prompt.as_deref());
            assert_eq!(said["metadata"], patch.metadata);
        }
        Verdict::Decide(decision) => {
            assert_eq!(members, 1);
            let allows = ["allow", "allow_for_session"].contains(&word);
            assert_eq!(decision.allows(), allows);
            assert!(!decision.is_lasting());
            assert!(allows || ["deny", "deny_and_stop"].contains(&word));
        }
    }
});
