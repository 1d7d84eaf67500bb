//! Characters and lengths that deceive the eye.

use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::{is_potential_mixed_script_confusable_char, skeleton};

use super::doubt::{Doubt, DoubtKind};

/// More blanks in a row than this push what follows out of sight.
const MOST_BLANKS: usize = 64;
/// More empty lines in a row than this do too.
const MOST_EMPTY_LINES: usize = 8;

/// More of them are not listed.
const MOST_LOOK_ALIKES: usize = 16;

/// Whether a character is not seen, or turns the direction of writing. Tabs and line feeds are seen.
pub(super) fn is_invisible(c: char) -> bool {
    match c {
        '\t' | '\n' => false,
        c if c.is_control() => true,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => {
            true
        }
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => true,
        '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        // Blanks that the shell does not take for blanks.
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            true
        }
        _ => false,
    }
}

/// Looks at the characters of a line.
pub(super) fn look(line: &str, doubts: &mut Vec<Doubt>) {
    let mut invisible = line
        .char_indices()
        .filter(|(_, c)| is_invisible(*c))
        .map(|(at, c)| at..at + c.len_utf8());
    if let Some(first) = invisible.next() {
        let end = invisible.next_back().map_or(first.end, |last| last.end);
        doubts.push(Doubt::new(DoubtKind::InvisibleCharacters, first.start..end));
    }
    far_away(line, doubts);
    broken_words(line, doubts);
    if !line.is_ascii() {
        look_alikes(line, doubts);
    }
}

fn far_away(line: &str, doubts: &mut Vec<Doubt>) {
    let (mut blanks, mut lines, mut start) = (0, 0, 0);
    for (at, c) in line.char_indices() {
        match c {
            ' ' | '\t' | '\n' => {
                if blanks == 0 && lines == 0 {
                    start = at;
                }
                if c == '\n' {
                    lines += 1;
                    blanks = 0;
                } else {
                    blanks += 1;
                }
            }
            _ => {
                if blanks > MOST_BLANKS || lines > MOST_EMPTY_LINES {
                    doubts.push(Doubt::new(DoubtKind::FarAway, start..at));
                }
                (blanks, lines) = (0, 0);
            }
        }
    }
}

/// A backslash at the end of a line, with letters at both sides: `r\`, `m`.
fn broken_words(line: &str, doubts: &mut Vec<Doubt>) {
    for (at, _) in line.match_indices("\\\n") {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + 2..).and_then(|text| text.chars().next());
        let is_blank = |c: Option<char>| c.is_none_or(char::is_whitespace);
        if !is_blank(before) && !is_blank(after) {
            doubts.push(Doubt::new(DoubtKind::BrokenWord, at..at + 2));
        }
    }
}

fn look_alikes(line: &str, doubts: &mut Vec<Doubt>) {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut start = 0;
    let most = doubts.len() + MOST_LOOK_ALIKES;
    for run in line.split_inclusive(|c| !is_part(c)) {
        let word = run.trim_end_matches(|c| !is_part(c));
        let behind = run.get(word.len()..).unwrap_or_default();
        // Several scripts in one word, or a word that passes for an ASCII one.
        if !word.is_ascii() {
            let mut scripts = AugmentedScriptSet::default();
            for c in word.chars() {
                scripts.intersect_with(AugmentedScriptSet::for_char(c));
            }
            let mixes = scripts.is_empty()
                && word.chars().any(|c| {
                    !c.is_ascii()
                        && (c.is_lowercase() || c.is_uppercase())
                        && is_potential_mixed_script_confusable_char(c)
                });
            if mixes || skeleton(word).all(|c| c.is_ascii()) {
                doubts.push(Doubt::new(DoubtKind::LookAlikes, start..start + word.len()));
            }
        }
        // Signs that pass for what the shell reads as its own.
        // Dots and quotes of good typography mean nothing to a shell.
        let is_type = |c| {
            matches!(
                c,
                '\u{2018}'..='\u{201d}' | '\u{2013}' | '\u{2014}' | '\u{2026}'
            )
        };
        let signs: String = behind.chars().filter(|c| !is_type(*c)).collect();
        if !signs.is_ascii() && skeleton(&signs).all(|c| c.is_ascii()) {
            let from = start + word.len();
            doubts.push(Doubt::new(DoubtKind::LookAlikes, from..from + behind.len()));
        }
        start += run.len();
        if doubts.len() >= most {
            return;
        }
    }
}
