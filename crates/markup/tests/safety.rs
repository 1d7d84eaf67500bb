//! Whatever comes in, what goes out is ours: known tags and attributes, balanced within each block,
//! and no hidden character.

// Functions that tests share are no tests to clippy.
#![allow(clippy::unwrap_used)]

mod common;

use common::{check, cut, nasty};
use countersign_markup::{
    ChangeKind, Markdown, Output, diff, escape, plain, summary, visible_line,
};
use proptest::prelude::*;

fn check_everything(text: &str, sizes: &[usize]) {
    let mut markdown = Markdown::new();
    let mut output = Output::new();
    for part in cut(text, sizes) {
        markdown.append(part);
        output.append(part);
        // Every state on the way is shown, too.
        for block in markdown.blocks().iter().chain(output.blocks()) {
            check(block);
        }
    }
    markdown.finish();
    markdown
        .blocks()
        .iter()
        .for_each(|block| drop(check(block)));
    for change in [ChangeKind::Add, ChangeKind::Delete, ChangeKind::Update] {
        check(&diff("a/b.rs", change, text).html);
    }
    plain(text).iter().for_each(|block| drop(check(block)));
    check(&escape(text));
    check(&escape(&summary(text, 80)));
    assert!(summary(text, 80).chars().count() <= 80);
    assert!(!visible_line(text).contains(['\n', '\r']));
}

#[test]
fn nasty_inputs_come_out_safe() {
    for text in nasty() {
        let size = text.chars().count() / 7 + 1;
        check_everything(&text, &[size]);
    }
}

/// Text made of the pieces that mean something to one of the parsers.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z ]{1,8}",
        2 => Just("\n".to_owned()),
        1 => Just("\n\n".to_owned()),
        4 => proptest::sample::select(vec![
            "```", "```rust\n", "~~~", "    ", "  ", "\t", "- ", "1. ", "> ", "# ", "---\n", "===\n", "|", "|-|-|\n",
            "*", "**", "_", "~", "~~", "`", "[", "]", "(", ")", "![", "](", "]: ", "<", ">", "<!--", "-->", "<script>",
            "</script>", "<div>", "javascript:", "https://a.test/", "http://", "mailto:", "www.", "&#x202E;", "&lt;", "\"",
            "'", "\\", "\r", "\r\n", "\u{1b}[", "\u{1b}]", "31m", "38;5;", "K", "\u{7}", "\u{8}", "\u{202E}", "\u{200D}",
            "\u{FE0F}", "⚠", "é", "\0", "@@ -1,2 +3 @@", "+", "-", "\\ No", "\n\nMoved to: x", "fn a() { \"", "/*",
        ]).prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn pieces_come_out_safe(text in pieces(), sizes in proptest::collection::vec(1usize..40, 1..5)) {
        check_everything(&text, &sizes);
    }

    #[test]
    fn any_text_comes_out_safe(text in any::<String>(), sizes in proptest::collection::vec(1usize..40, 1..5)) {
        check_everything(&text, &sizes);
    }
}
