//! Scripts of sed and awk: whether they only print, or also write files and run programs. No full
//! reading of either language: what is not plainly harmless is not called so.

use super::word::Word;

/// What a sed script does besides printing.
pub(super) enum Sed {
    Plain,
    Unclear,
    /// Writes files, reads others, or runs programs.
    Acts,
}

/// The words that are scripts: behind `-e`, else the first that is no flag.
pub(super) fn sed_scripts(arguments: &[Word]) -> Vec<&Word> {
    let marked: Vec<&Word> = arguments
        .windows(2)
        .filter_map(|pair| match pair {
            [flag, script]
                if flag.raw.starts_with('-')
                    && !flag.raw.starts_with("--")
                    && flag.raw.ends_with('e') =>
            {
                Some(script)
            }
            _ => None,
        })
        .chain(
            arguments
                .iter()
                .filter(|word| word.raw.starts_with("--expression")),
        )
        .collect();
    if marked.is_empty() {
        let is_length = |at: usize| {
            at.checked_sub(1)
                .and_then(|before| arguments.get(before))
                .is_some_and(|word| matches!(word.raw.as_str(), "-l" | "--line-length"))
        };
        arguments
            .iter()
            .enumerate()
            .find(|(at, word)| !word.raw.starts_with('-') && !is_length(*at))
            .map(|(_, word)| word)
            .into_iter()
            .collect()
    } else {
        marked
    }
}

/// Reads a sed script.
pub(super) fn read_sed(script: &str) -> Sed {
    let mut worst = Sed::Plain;
    for part in script.split([';', '\n']) {
        let part = part.trim_matches(|c: char| c.is_whitespace() || matches!(c, '{' | '}'));
        let Some(command) = behind_addresses(part) else {
            worst = Sed::Unclear;
            continue;
        };
        if let Some(rest) = command.strip_prefix('s') {
            let mark = rest.chars().next().unwrap_or('/');
            let pieces: Vec<&str> = rest.split(mark).collect();
            let flags = pieces.last().copied().unwrap_or_default();
            if flags.contains(['w', 'e']) {
                return Sed::Acts;
            }
            if pieces.len() != 4
                || flags.contains(|c: char| {
                    !c.is_ascii_digit() && !matches!(c, 'g' | 'p' | 'i' | 'I' | 'm' | 'M')
                })
            {
                worst = Sed::Unclear;
            }
        } else if command.starts_with(['w', 'W', 'e', 'r', 'R']) {
            return Sed::Acts;
        } else if !matches!(
            command,
            "" | "p" | "P" | "d" | "D" | "q" | "=" | "n" | "N" | "g" | "G" | "h" | "H" | "x" | "l"
        ) {
            worst = Sed::Unclear;
        }
    }
    worst
}

/// The command behind its addresses: lines, the last line, patterns.
fn behind_addresses(part: &str) -> Option<&str> {
    let mut rest = part;
    loop {
        rest = rest.trim_start_matches(|c: char| {
            c.is_ascii_digit() || matches!(c, '$' | ',' | ' ' | '~' | '+' | '!' | '{')
        });
        let Some(pattern) = rest.strip_prefix('/') else {
            return Some(rest);
        };
        let mut escaped = false;
        let end = pattern.char_indices().find(|(_, c)| {
            let found = *c == '/' && !escaped;
            escaped = *c == '\\' && !escaped;
            found
        });
        rest = pattern.get(end?.0 + 1..)?;
        rest = rest.strip_prefix('I').unwrap_or(rest);
    }
}

/// Whether an awk script only computes and prints.
pub(super) fn is_plain_awk(script: &str) -> bool {
    !script.contains("system")
        && !script.contains("getline")
        && !script.contains('@')
        && !script.contains("close")
        && !script.contains("\"|")
        && !has_awk_output(script)
}

/// `print > "file"`, `print | "command"`; a `>` or `|` elsewhere compares.
fn has_awk_output(script: &str) -> bool {
    script.replace("||", "").contains('|')
        || script
            .split([';', '{', '}', '\n'])
            .any(|part| part.trim_start().starts_with("print") && part.contains('>'))
}
