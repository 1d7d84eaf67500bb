//! Makes characters visible that a person would not see, and escapes text for HTML.
//!
//! Two strengths: [`Spaces::Shown`] for what a person decides on (commands, paths, patches), where a
//! space that is no space matters, and [`Spaces::Kept`] for prose and terminal output, where such
//! spaces are common and harmless. Look-alike letters are deliberately not treated: which letters
//! look alike depends on the font and the reader's language.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_properties::{GeneralCategory, UnicodeEmoji, UnicodeGeneralCategory};

/// What becomes of spaces other than U+0020.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spaces {
    /// They are written as their code, such as `⟨U+00A0⟩`.
    Shown,
    /// They stay.
    Kept,
}

/// Makes characters visible that would be invisible or would reorder the text around them, so that
/// a command cannot read as another one.
///
/// Controls except newline and tab, bidirectional controls, zero-width and other ignorable
/// characters, tags, private-use characters, line separators and every space that is not U+0020 become
/// their code, such as `⟨U+202E⟩`. The joiners and selectors inside emoji stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|b| plain_ascii(b) || matches!(b, b'&' | b'<' | b'>' | b'"' | b'\''))
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    push(&mut out, text, Spaces::Shown, false);
    if out == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(out)
    }
}

/// Like [`visible`], for labels of one line: a line break becomes ` ⏎ ` and a tab one space. Breaks at
/// the end are left out.
pub fn visible_line(text: &str) -> Cow<'_, str> {
    let text = text.trim_end_matches(['\n', '\r']);
    if !text.contains(['\n', '\t']) {
        return visible(text);
    }
    let joined = text
        .replace("\r\n", "\n")
        .replace('\n', " ⏎ ")
        .replace('\t', " ");
    Cow::Owned(visible(&joined).into_owned())
}

/// Escapes text for HTML content and quoted attributes, after [`visible`].
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    push(&mut out, text, Spaces::Shown, true);
    out
}

/// Appends `text` to HTML.
pub(crate) fn push_escaped(out: &mut String, text: &str, spaces: Spaces) {
    push(out, text, spaces, true);
}

fn push(out: &mut String, text: &str, spaces: Spaces, html: bool) {
    let bytes = text.as_bytes();
    let mut kept = 0;
    let mut at = 0;
    // The last character that an emoji selector or joiner may follow.
    let mut before = None;
    while let Some(&byte) = bytes.get(at) {
        if plain_ascii(byte) {
            before = None;
            at += 1;
            continue;
        }
        let Some(c) = text[at..].chars().next() else {
            break;
        };
        let next = at + c.len_utf8();
        let replacement = match c {
            '&' if html => Some("&amp;"),
            '<' if html => Some("&lt;"),
            '>' if html => Some("&gt;"),
            '"' if html => Some("&quot;"),
            '\'' if html => Some("&#39;"),
            _ => None,
        };
        if let Some(entity) = replacement {
            out.push_str(&text[kept..at]);
            out.push_str(entity);
            kept = next;
        } else if !within_emoji(c, before, &text[next..])
            && (hidden(c) || (spaces == Spaces::Shown && odd_space(c)))
        {
            out.push_str(&text[kept..at]);
            // Writing to a String cannot fail.
            let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
            kept = next;
        }
        before = Some(c);
        at = next;
    }
    out.push_str(&text[kept..]);
}

/// Printable ASCII, newline and tab, without what HTML escapes.
fn plain_ascii(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\t' | b' '..=b'~')
        && !matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')
}

/// An emoji that is not an ASCII digit or sign.
fn emoji(c: char) -> bool {
    !c.is_ascii() && c.is_emoji_char()
}

/// A selector behind an emoji, or a joiner between two.
fn within_emoji(c: char, before: Option<char>, rest: &str) -> bool {
    match c {
        '\u{FE0E}' | '\u{FE0F}' => before.is_some_and(emoji),
        '\u{200D}' => {
            before.is_some_and(|b| b == '\u{FE0F}' || emoji(b))
                && rest.chars().next().is_some_and(emoji)
        }
        _ => false,
    }
}

/// Whether a character leaves no mark of its own, or moves others.
pub(crate) fn hidden(c: char) -> bool {
    match c {
        '\n' | '\t' | ' '..='~' => false,
        // Format characters that have a shape: Arabic, Syriac and Kaithi signs before numbers.
        '\u{600}'..='\u{605}'
        | '\u{6DD}'
        | '\u{70F}'
        | '\u{890}'
        | '\u{891}'
        | '\u{8E2}'
        | '\u{110BD}'
        | '\u{110CD}' => false,
        // Default ignorable code points (UAX 44) that are not of the categories below.
        '\u{34F}'
        | '\u{115F}'
        | '\u{1160}'
        | '\u{17B4}'
        | '\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{2065}'
        | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFF8}'
        | '\u{1D159}'
        | '\u{E0000}'..='\u{E0FFF}' => true,
        // Noncharacters.
        '\u{FDD0}'..='\u{FDEF}' => true,
        c if u32::from(c) & 0xFFFE == 0xFFFE => true,
        c => matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::PrivateUse
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        ),
    }
}

/// Blank, but not the space that separates words in a command.
fn odd_space(c: char) -> bool {
    c != ' ' && (c == '\u{2800}' || c.general_category() == GeneralCategory::SpaceSeparator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn characters_that_hide_are_shown() {
        for (text, shown) in [
            ("rm -rf /\ttmp\n", "rm -rf /\ttmp\n"),
            ("a\u{202E}b\u{202C}", "a⟨U+202E⟩b⟨U+202C⟩"),
            (
                "\u{2066}\u{2069}\u{200E}\u{200F}\u{61C}",
                "⟨U+2066⟩⟨U+2069⟩⟨U+200E⟩⟨U+200F⟩⟨U+061C⟩",
            ),
            (
                "\u{200B}\u{200C}\u{200D}\u{2060}\u{FEFF}",
                "⟨U+200B⟩⟨U+200C⟩⟨U+200D⟩⟨U+2060⟩⟨U+FEFF⟩",
            ),
            (
                "\0\r\u{1b}\u{7f}\u{9b}",
                "⟨U+0000⟩⟨U+000D⟩⟨U+001B⟩⟨U+007F⟩⟨U+009B⟩",
            ),
            ("\u{E0041}\u{E000}\u{F0000}", "⟨U+E0041⟩⟨U+E000⟩⟨U+F0000⟩"),
            (
                "\u{AD}\u{34F}\u{3164}\u{2028}",
                "⟨U+00AD⟩⟨U+034F⟩⟨U+3164⟩⟨U+2028⟩",
            ),
            (
                "rm\u{A0}-rf\u{3000}\u{2800}",
                "rm⟨U+00A0⟩-rf⟨U+3000⟩⟨U+2800⟩",
            ),
            ("größe 北京 дом عربي", "größe 北京 дом عربي"),
            (
                "⚠\u{FE0F} 👩\u{200D}💻 👩🏽\u{200D}💻 ❤\u{FE0F}\u{200D}🔥",
                "⚠\u{FE0F} 👩\u{200D}💻 👩🏽\u{200D}💻 ❤\u{FE0F}\u{200D}🔥",
            ),
            (
                "1\u{FE0F} a\u{FE0F} 👩\u{200D}a x\u{200D}👩",
                "1⟨U+FE0F⟩ a⟨U+FE0F⟩ 👩⟨U+200D⟩a x⟨U+200D⟩👩",
            ),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }

    #[test]
    fn labels_have_one_line() {
        assert_eq!(visible_line("a\nb\r\nc\td\n"), "a ⏎ b ⏎ c d");
        assert_eq!(visible_line("plain"), "plain");
        assert!(matches!(visible_line("plain\n"), Cow::Borrowed("plain")));
    }

    #[test]
    fn html_is_escaped() {
        assert_eq!(
            escape("<a href='x' b=\"&\">"),
            "&lt;a href=&#39;x&#39; b=&quot;&amp;&quot;&gt;"
        );
    }

    proptest! {
        #[test]
        fn nothing_hidden_stays(text in any::<String>()) {
            let shown = visible(&text);
            let mut before = None;
            for (at, c) in shown.char_indices() {
                prop_assert!(!hidden(c) || within_emoji(c, before, &shown[at + c.len_utf8()..]), "{c:?}");
                before = Some(c);
            }
            prop_assert_eq!(visible(&shown), shown.as_ref());
        }

        #[test]
        fn visible_text_is_untouched(text in "[a-z0-9 \\n\\t/.$'-]{0,40}") {
            prop_assert!(matches!(visible(&text), Cow::Borrowed(_)));
        }
    }
}
