//! What the arguments of git say: settings for one command, transports, forced refs.

use std::ops::Range;

use super::RiskLevel::{self, Dangerous, Elevated};
use super::word::Word;

/// Settings of git that run programs.
const GIT_SETTINGS: &[&str] = &[
    "core.hookspath",
    "core.sshcommand",
    "core.fsmonitor",
    "core.pager",
    "core.editor",
    "core.askpass",
    "core.gitproxy",
    "core.alternaterefscommand",
    "diff.external",
    "sequence.editor",
    "credential.",
    "alias.",
    "include.",
    "includeif.",
    "url.",
    "protocol.",
    "uploadpack.",
    "receivepack.",
    "gpg.",
    "filter.",
    "pager.",
    "interactive.difffilter",
    "init.templatedir",
    "browser.",
    "man.",
    "http.proxy",
    "http.sslverify",
    "remote.",
    "submodule.",
    "trailer.",
    "sendemail.",
];
/// Ends of such settings.
const GIT_SETTING_ENDS: &[&str] = &[
    ".cmd",
    ".command",
    ".textconv",
    ".driver",
    ".program",
    ".path",
    ".helper",
    ".clean",
    ".smudge",
    ".process",
    ".tool",
    ".pager",
];

/// Looks at the arguments of git.
pub(super) fn look(
    arguments: &[Word],
    say: &mut dyn FnMut(RiskLevel, &'static str, &Range<usize>),
) {
    let is_powerful = |text: &str| {
        let key = text
            .split(['=', ' '])
            .next()
            .unwrap_or(text)
            .to_ascii_lowercase();
        GIT_SETTINGS.iter().any(|setting| key.starts_with(setting))
            || GIT_SETTING_ENDS.iter().any(|end| key.ends_with(end))
    };
    let values: Vec<Option<&str>> = arguments.iter().map(|word| word.value.as_deref()).collect();
    let is_config = values.contains(&Some("config"));
    for (index, word) in arguments.iter().enumerate() {
        let Some(text) = word.value.as_deref() else {
            continue;
        };
        let is_setting = index > 0 && values.get(index - 1) == Some(&Some("-c"));
        if is_setting {
            let level = if is_powerful(text) || text.contains("=!") {
                Dangerous
            } else {
                Elevated
            };
            say(
                level,
                "Changes a setting of git for this command.",
                &word.span,
            );
        } else if is_config && is_powerful(text) && values.len() > index + 1 {
            say(
                Dangerous,
                "Changes a setting of git that runs programs.",
                &word.span,
            );
        }
        if text.starts_with("ext::") || text.starts_with("fd::") {
            say(
                Dangerous,
                "Runs a program in the place of a connection.",
                &word.span,
            );
        }
        if text.starts_with('+') && values.first() == Some(&Some("push")) {
            say(
                Dangerous,
                "Rewrites history that others may have.",
                &word.span,
            );
        }
    }
}
