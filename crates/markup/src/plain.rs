//! Text that is shown as written, and the one line that stands for a longer text.

use pulldown_cmark::{Event, Options, Parser, TagEnd};

use crate::text::{Spaces, push_escaped, visible_line};

/// Lines in one block.
const BLOCK_LINES: usize = 200;
/// How far into a text its first line is looked for, in bytes.
const SUMMARY_BYTES: usize = 4 * 1024;

/// A person's own message as blocks of safe HTML. Line breaks stay (the style is
/// `white-space: pre-wrap`); one block unless the text is very long.
pub fn plain(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n");
    let lines: Vec<&str> = text.trim_end_matches('\n').split('\n').collect();
    if lines == [""] {
        return Vec::new();
    }
    lines
        .chunks(BLOCK_LINES)
        .map(|lines| {
            let mut html = String::from("<p class=\"plain\">");
            for (at, line) in lines.iter().enumerate() {
                if at > 0 {
                    html.push('\n');
                }
                push_escaped(&mut html, line, Spaces::Kept);
            }
            html.push_str("</p>");
            html
        })
        .collect()
}

/// The first line of markdown that says something, as plain text (not HTML) of at most `max_chars`
/// characters; a longer one ends in `…`. Empty if there is none.
pub fn summary(text: &str, max_chars: usize) -> String {
    let mut end = text.len().min(SUMMARY_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut line = String::new();
    for event in Parser::new_ext(&text[..end], Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                let mut parts = text.split(['\n', '\r']);
                line.push_str(parts.next().unwrap_or_default());
                while line.trim().is_empty()
                    && let Some(part) = parts.next()
                {
                    line = part.to_owned();
                }
                if parts.next().is_some() {
                    break;
                }
            }
            Event::SoftBreak
            | Event::HardBreak
            | Event::End(
                TagEnd::Paragraph | TagEnd::Item | TagEnd::Heading(_) | TagEnd::CodeBlock,
            ) if !line.trim().is_empty() => {
                break;
            }
            _ => {}
        }
    }
    // While a text streams in, its first emphasis may not be closed yet.
    let line = line.trim().trim_start_matches(['*', '_', '#', '`']).trim();
    let words: Vec<&str> = line.split_whitespace().collect();
    let line = words.join(" ");
    let line = visible_line(&line);
    if line.chars().count() <= max_chars {
        return line.into_owned();
    }
    let cut: String = line.chars().take(max_chars.saturating_sub(1)).collect();
    let mut cut = cut.trim_end().to_owned();
    if max_chars > 0 {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_shown_as_written() {
        assert_eq!(
            plain("a <b>\r\n\n  *c*\n"),
            ["<p class=\"plain\">a &lt;b&gt;\n\n  *c*</p>"]
        );
        assert_eq!(plain("\n"), Vec::<String>::new());
        assert_eq!(plain(&"x\n".repeat(500)).len(), 3);
    }

    #[test]
    fn the_first_line_stands_for_the_text() {
        for (text, line) in [
            (
                "**Inspecting the tests**\n\nI will look",
                "Inspecting the tests",
            ),
            ("**Inspecting the te", "Inspecting the te"),
            ("\n\n# Title *one*\nmore", "Title one"),
            ("first line\nsecond", "first line"),
            ("- `cargo` item\n- two", "cargo item"),
            ("```rust\nlet x = 1;\nlet y;\n```", "let x = 1;"),
            ("---\n\nafter", "after"),
            ("<b>x</b>", "<b>x</b>"),
            ("a\u{202E}b", "a⟨U+202E⟩b"),
            ("", ""),
            ("0123456789abc", "012345678…"),
        ] {
            assert_eq!(
                summary(text, if line.ends_with('…') { 10 } else { 60 }),
                line,
                "{text:?}"
            );
        }
        assert_eq!(summary("abc", 0), "");
    }
}
