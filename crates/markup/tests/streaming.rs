//! However a text is cut into deltas, it ends as the same blocks, and what an append says has changed
//! is enough to keep a copy right.

// Functions that tests share are no tests to clippy.
#![allow(clippy::unwrap_used)]

mod common;

use common::{check, cut, nasty};
use countersign_markup::{Markdown, Output};
use proptest::prelude::*;

/// A copy kept by the rule of the contract: keep the first blocks, take the rest again.
#[derive(Default)]
struct Copy(Vec<String>);

impl Copy {
    fn update(&mut self, changed: usize, blocks: &[String]) {
        assert!(changed <= self.0.len() && changed <= blocks.len());
        self.0.truncate(changed);
        self.0.extend_from_slice(&blocks[changed..]);
        assert_eq!(self.0, blocks);
    }
}

fn whole(text: &str) -> Markdown {
    let mut markdown = Markdown::new();
    markdown.append(text);
    markdown.finish();
    markdown
}

fn streams(text: &str, sizes: &[usize]) {
    let (mut markdown, mut copy) = (Markdown::new(), Copy::default());
    let (mut output, mut output_copy) = (Output::new(), Copy::default());
    for part in cut(text, sizes) {
        let changed = markdown.append(part);
        copy.update(changed, markdown.blocks());
        let changed = output.append(part);
        output_copy.update(changed, output.blocks());
    }
    let changed = markdown.finish();
    copy.update(changed, markdown.blocks());
    assert_eq!(markdown.text(), text);
    assert_eq!(
        markdown.blocks(),
        whole(text).blocks(),
        "{text:?} in {sizes:?}"
    );
    assert_eq!(
        markdown.finish(),
        markdown.blocks().len(),
        "a second finish changes nothing"
    );
    let mut at_once = Output::new();
    at_once.append(text);
    assert_eq!(output.blocks(), at_once.blocks(), "{text:?} in {sizes:?}");
}

/// After every append, not only at the end, what is shown is what the text so far means; so no
/// block is settled too early. Texts with definitions are rendered again at the end by design.
fn is_right_on_the_way(text: &str, sizes: &[usize]) {
    let mut markdown = Markdown::new();
    let mut so_far = String::new();
    for part in cut(text, sizes) {
        so_far.push_str(part);
        markdown.append(part);
        let expected = whole(&so_far);
        let text = |blocks: &[String]| blocks.iter().map(|block| check(block)).collect::<Vec<_>>();
        // A line that may yet close a fence is held back while streaming. A lone carriage return ends
        // a line, too.
        let lines = so_far.replace("\r\n", "\n").replace('\r', "\n");
        let last = lines.lines().last().unwrap_or_default().trim();
        if !last.is_empty() && !last.starts_with(['`', '~']) {
            assert_eq!(
                text(markdown.blocks()),
                text(expected.blocks()),
                "{so_far:?}"
            );
        }
    }
}

#[test]
fn nasty_inputs_stream() {
    for text in nasty() {
        streams(&text, &[1 + text.len() / 100, 2]);
    }
}

#[test]
fn replacing_keeps_what_is_equal() {
    let mut markdown = whole("one\n\ntwo\n\nthree");
    let mut copy = Copy(markdown.blocks().to_vec());
    for (text, changed) in [
        ("one\n\ntwo\n\nthree and more", 2),
        ("one\n\nzwei\n\nthree", 1),
        ("one\n\nzwei\n\nthree", 3),
        ("one", 1),
        ("", 0),
    ] {
        let first = markdown.replace(text);
        assert_eq!(first, changed, "{text:?}");
        copy.update(first, markdown.blocks());
        assert_eq!(markdown.blocks(), whole(text).blocks());
    }
    let mut output = Output::new();
    let mut copy = Copy::default();
    for (text, changed) in [("a\n", 0), ("a\n", 1), ("b", 0), ("", 0)] {
        let first = output.replace(text);
        assert_eq!(first, changed, "{text:?}");
        copy.update(first, output.blocks());
    }
}

#[test]
fn appending_goes_on_after_finish() {
    let mut code: String = (0..64).map(|n| format!("line {n}\n")).collect();
    code.insert_str(0, "```rust\n");
    for text in [
        "a *b",
        "```rust\nlet x",
        "```\na\n`",
        "[x]\n\n[x]: https://a.test\n\nmore",
        &format!("{code}``"),
    ] {
        let mut markdown = whole(text);
        markdown.append("* c\n```\nend");
        markdown.finish();
        assert_eq!(
            markdown.blocks(),
            whole(&format!("{text}* c\n```\nend")).blocks()
        );
    }
}

#[test]
fn only_the_end_of_a_long_fence_changes() {
    let mut markdown = Markdown::new();
    markdown.append("text\n\n```rust\n");
    for line in 0..1_000 {
        let len = markdown.blocks().len();
        assert!(markdown.append(&format!("let x{line} = {line};\n")) + 1 >= len);
    }
    assert_eq!(markdown.blocks().len(), 1 + 1_000usize.div_ceil(64));
    for (at, block) in markdown.blocks().iter().enumerate().skip(1) {
        let class = if at == 1 { "code" } else { "code continued" };
        assert!(block.starts_with(&format!(
            "<div class=\"{class}\" data-language=\"rust\"><pre><code><span"
        )));
    }
    markdown.append("```\nafter");
    assert_eq!(markdown.blocks().last().unwrap(), "<p>after</p>");
}

#[test]
fn a_long_paragraph_shows_new_text_at_once() {
    let mut markdown = Markdown::new();
    for count in 1..=1_200 {
        markdown.append("many *words* ");
        if count % 50 == 0 {
            let shown: Vec<String> = markdown.blocks().iter().map(|block| check(block)).collect();
            assert_eq!(shown.join(" ").split_whitespace().count(), 2 * count);
        }
    }
    let pending = "<p class=\"pending\">";
    assert!(markdown.blocks().last().unwrap().starts_with(pending));
    markdown.finish();
    assert_eq!(markdown.blocks().len(), 1);
    assert!(!markdown.blocks()[0].starts_with(pending));
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-z ]{1,8}",
        3 => Just("\n".to_owned()),
        2 => Just("\n\n".to_owned()),
        5 => proptest::sample::select(vec![
            "```", "\n```rust\n", "~~~\n", "    ", "  ", " ", "\t", "- ", "\n- ", "1. ", "2) ", "> ", "# ", "---\n", "===\n",
            "|", "|-|-|\n", "a|b\n", "*", "**", "~~", "`", "[a]", "[a]: ", "[", "](", "<", "<!--", "-->", "<div>", "<pre>",
            "</pre>", "https://a.test", "\\", "\r", "\r\n", "\u{1b}[", "31m", "\u{8}", "⚠\u{FE0F}", "let x = 1;\n", "/*",
        ]).prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn pieces_stream(text in pieces(), sizes in proptest::collection::vec(1usize..30, 1..6)) {
        streams(&text, &sizes);
    }

    #[test]
    fn any_text_streams(text in any::<String>(), sizes in proptest::collection::vec(1usize..30, 1..6)) {
        streams(&text, &sizes);
    }

    #[test]
    fn pieces_are_right_on_the_way(text in pieces(), sizes in proptest::collection::vec(1usize..30, 1..6)) {
        prop_assume!(!text.contains("]:"));
        is_right_on_the_way(&text, &sizes);
    }
}

proptest! {
    // Long texts, so fewer of them.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

    #[test]
    fn long_texts_stream(
        parts in proptest::collection::vec((pieces(), 1usize..60), 1..6),
        sizes in proptest::collection::vec(1usize..900, 1..6),
    ) {
        let text: String = parts.iter().map(|(part, times)| part.repeat(*times)).collect();
        streams(&text, &sizes);
    }
}
