//! What a server may write: any bytes, in any pieces. Lines are the same however they are cut, frames read
//! back as they were written, and every request can be denied.
#![no_main]

use countersign_runtime::fuzzing::{self, KEPT_OF_OVERSIZED, MIN_LINE_BYTES};
use countersign_runtime::hooks::{HookContext, Phase};
use countersign_runtime::jsonrpc::{self, Frame, Prefix};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    // The last byte says how it is cut, so that a file of plain lines is a seed.
    let piece = usize::from(bytes.last().copied().unwrap_or(1)) + 1;
    let found = fuzzing::lines(bytes, piece, MIN_LINE_BYTES);
    assert_eq!(found, cut(bytes), "in pieces of {piece}");
    for (whole, line) in &found {
        // However much of it is there.
        let _ = jsonrpc::prefix(line);
        if *whole {
            read(line);
        }
    }
});

/// The same, in the plainest way.
fn cut(bytes: &[u8]) -> Vec<(bool, Vec<u8>)> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    // What no line end follows is no line.
    lines.pop();
    lines
        .into_iter()
        .map(|line| match line.len() > MIN_LINE_BYTES {
            true => (false, line[..KEPT_OF_OVERSIZED].to_vec()),
            false => (true, line.strip_suffix(b"\r").unwrap_or(line).to_vec()),
        })
        .collect()
}

fn read(line: &[u8]) {
    match Frame::parse(line) {
        Ok(Frame::Notification { method, params }) => {
            let _ = fuzzing::event(&method, params);
        }
        Ok(Frame::Request { id, method, params }) => {
            let (request, answers) = fuzzing::request(&method, params);
            for answer in &answers {
                serde_json::from_str::<serde_json::Value>(answer).expect("an answer is JSON");
            }
            let context = HookContext {
                request: Some(Arc::new(request)),
                ..HookContext::new(Phase::PreToolUse)
            };
            let _ = (context.tool(), context.command(), context.programs());
            let said = jsonrpc::response(&id, Ok(params)).expect("an answer can be written");
            let said = said.strip_suffix(b"\n").expect("a line");
            assert!(!said.contains(&b'\n') || line.contains(&b'\n'));
            match Frame::parse(said) {
                Ok(Frame::Response { id: again, result }) => {
                    assert_eq!(again, id);
                    assert_eq!(result.expect("a result").get(), params.get());
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(jsonrpc::prefix(said), Prefix::Response(id));
        }
        Ok(Frame::Response { .. }) | Err(_) => {}
    }
}
