//! Prints what streaming costs, in microseconds: `cargo run --release --example cost`.
#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::time::Instant;

use countersign_markup::{ChangeKind, Markdown, Output, diff, load_syntaxes};

fn measure(name: &str, appends: usize, run: impl FnOnce() -> usize) {
    let begin = Instant::now();
    let bytes = run();
    let took = begin.elapsed().as_micros();
    let each = took as f64 / appends.max(1) as f64;
    println!("{name:<58} {took:>9} µs {each:>8.1} µs each {bytes:>9} bytes of HTML");
}

/// Cuts a text into `count` deltas of about equal length.
fn deltas(text: &str, count: usize) -> Vec<&str> {
    let mut cuts: Vec<usize> = (0..=count)
        .map(|at| {
            let mut cut = text.len() * at / count;
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            cut
        })
        .collect();
    cuts.dedup();
    cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect()
}

fn stream(name: &str, text: &str, count: usize) {
    let deltas = deltas(text, count);
    measure(name, deltas.len(), || {
        let mut markdown = Markdown::new();
        for delta in &deltas {
            markdown.append(delta);
        }
        markdown.finish();
        markdown.blocks().iter().map(String::len).sum()
    });
}

fn main() {
    measure("loading the syntaxes", 1, || {
        load_syntaxes();
        0
    });
    let first = "```rust\nfn a() { let x = \"b\"; }\n```\n";
    stream("the first code block of a language", first, 1);

    let section = "## What changed\n\nThe parser now keeps **one** state per connection, see `src/parser.rs` and \
        https://example.com/docs for why. It was quadratic before.\n\n- First, *measure* the cost\n- Then change \
        [the loop](https://example.com/loop)\n\n| case | before | after |\n|---|--:|--:|\n| small | 12 | 3 |\n\n\
        ```rust\n/// Reads a frame.\nfn read(input: &str) -> Option<Frame> {\n    let (head, rest) = \
        input.split_once('\\n')?;\n    Some(Frame { size: head.parse().ok()?, body: rest.to_owned() }) // 64 KB\n}\n\
        ```\n\n";
    let answer: String = section.repeat(18_000 / section.len() + 1);
    stream(
        "18,000 characters of markdown in 1,500 deltas",
        &answer[..18_000],
        1_500,
    );
    stream("the same at once", &answer[..18_000], 1);

    let line = "    let value = compute(\"a string\", 42) + other.method(); // why\n";
    let fence = format!("```rust\n{}", line.repeat(5_000));
    stream(
        "an open code fence of 5,000 lines in 5,000 deltas",
        &fence,
        5_000,
    );
    let sentence = "A paragraph that *never* ends, with `code` and words. ";
    let paragraph = sentence.repeat(200_000 / sentence.len());
    stream(
        "one paragraph of 200 KB in 16,000 deltas",
        &paragraph,
        16_000,
    );
    let list = "- an item with **bold** text and `code` in it\n".repeat(4_000);
    stream("one list of 4,000 items in 12,000 deltas", &list, 12_000);
    let one_line = format!("```json\n{}", "{\"a\":[1,2,3]},".repeat(14_000));
    stream("a code line of 200 KB in 16,000 deltas", &one_line, 16_000);

    let mut printed = String::new();
    for number in 0.. {
        if printed.len() >= 1 << 20 {
            break;
        }
        printed += &format!(
            "\u{1b}[32m   Compiling\u{1b}[0m some-crate v1.2.{number} (/work/some/path)\n"
        );
    }
    let parts = deltas(&printed, printed.len() / 4096);
    measure("1 MB of output in 4 KB appends", parts.len(), || {
        let mut output = Output::new();
        for part in &parts {
            output.append(part);
        }
        output.blocks().iter().map(String::len).sum()
    });
    let update = format!(
        "@@ -1,1000 +1,1000 @@\n{}",
        "-    let a = \"b\"; // c\n+    let a = 2;\n".repeat(999)
    );
    measure("a diff of 1,998 highlighted lines", 1, || {
        diff("a.rs", ChangeKind::Update, &update).html.len()
    });
}
