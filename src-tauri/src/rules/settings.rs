//! What a person sets in a rule: whether it can be, and what it does in words.

use std::path::{Component, Path};

use countersign_contract::{CommandError, RuleAbout, RuleScope, RuleSettings, Verdict};
use countersign_markup::visible_line;
use jiff::{Timestamp, Zoned};

use crate::error::invalid;

/// Prefixes or paths in one rule, and words in one prefix.
const MANY: usize = 200;
/// Bytes of a word, a path or a note.
const LONG: usize = 4_000;

/// The names that people gave to sessions and profiles.
pub trait Names {
    /// A session's title. `None`: there is no such session now.
    fn session(&self, id: &str) -> Option<String>;
    /// A profile's name. `None`: there is no such profile.
    fn profile(&self, id: &str) -> Option<String>;
}

/// The settings as they are kept: what does not matter taken off.
pub(super) fn tidy(mut settings: RuleSettings) -> RuleSettings {
    let trim = |text: &mut String| *text = text.trim().to_owned();
    trim(&mut settings.note);
    match &mut settings.about {
        RuleAbout::Files { paths } => paths.iter_mut().for_each(tidy_path),
        RuleAbout::Host { host } => {
            *host = host.trim().trim_end_matches('.').to_ascii_lowercase();
        }
        RuleAbout::Tool { server, tool } => {
            trim(server);
            tool.iter_mut().for_each(trim);
            tool.take_if(|tool| tool.is_empty());
        }
        RuleAbout::Commands { .. } | RuleAbout::Permissions => {}
    }
    if let RuleScope::Folder { folder } = &mut settings.scope {
        tidy_path(folder);
    }
    settings
}

fn tidy_path(path: &mut String) {
    let trimmed = path.trim();
    let short = trimmed.trim_end_matches('/');
    *path = if short.is_empty() { trimmed } else { short }.to_owned();
}

/// Whether such a rule can be made.
///
/// # Errors
/// It cannot: `invalid`, with the field of [`RuleSettings`] or of what is in it.
pub fn validate(settings: &RuleSettings) -> Result<(), CommandError> {
    let allows = settings.verdict == Verdict::Allow;
    match &settings.about {
        RuleAbout::Commands { prefixes } => {
            if prefixes.is_empty() && allows {
                return Err(invalid(
                    "prefixes",
                    "A rule that allows every command cannot be made.",
                    "Name the words that the commands begin with.",
                ));
            }
            for words in prefixes {
                check_words(words)?;
            }
            check_count("prefixes", prefixes.len())?;
        }
        RuleAbout::Files { paths } => {
            if paths.is_empty() && allows {
                return Err(invalid(
                    "paths",
                    "A rule that allows every change of files cannot be made.",
                    "Name the folders or files.",
                ));
            }
            for path in paths {
                check_path("paths", path)?;
                if allows && Path::new(path).parent().is_none() {
                    return Err(invalid(
                        "paths",
                        "A rule that allows changes in the whole computer cannot be made.",
                        "Name a folder in it.",
                    ));
                }
            }
            check_count("paths", paths.len())?;
        }
        RuleAbout::Host { host } => check_host(host)?,
        RuleAbout::Tool { server, tool } => {
            check_text("server", "The server's name", server)?;
            match tool {
                Some(tool) => check_text("tool", "The tool's name", tool)?,
                None if allows => {
                    return Err(invalid(
                        "tool",
                        "A rule that allows every tool of a server cannot be made.",
                        "Name the tool.",
                    ));
                }
                None => {}
            }
        }
        RuleAbout::Permissions if allows => {
            return Err(invalid(
                "verdict",
                "A rule that gives more permissions cannot be made.",
                "Let it ask or deny, or give the permissions when you are asked for them.",
            ));
        }
        RuleAbout::Permissions => {}
    }
    match &settings.scope {
        RuleScope::Session { session } => check_text("session", "The session", session)?,
        RuleScope::Folder { folder } => check_path("folder", folder)?,
        RuleScope::Profile { profile } => check_text("profile", "The profile", profile)?,
        RuleScope::Everywhere => {}
    }
    if let Some(end) = settings.expires_at
        && Timestamp::from_millisecond(end).is_err()
    {
        return Err(invalid(
            "expiresAt",
            "The end is no time that there is.",
            "Choose another one.",
        ));
    }
    if settings.note.len() > LONG {
        return Err(invalid("note", "The note is too long.", "Shorten it."));
    }
    Ok(())
}

fn check_words(words: &[String]) -> Result<(), CommandError> {
    if words.is_empty() || words.iter().any(|word| word.trim().is_empty()) {
        return Err(invalid(
            "prefixes",
            "A word is empty.",
            "Type a word into it, or take it away.",
        ));
    }
    check_count("prefixes", words.len())?;
    words
        .iter()
        .try_for_each(|word| check_text("prefixes", "A word", word))
}

fn check_path(field: &str, path: &str) -> Result<(), CommandError> {
    check_text(field, "The path", path)?;
    if !Path::new(path).is_absolute() {
        return Err(invalid(
            field,
            format!("The path {} is not absolute.", visible_line(path)),
            "Begin it with /.",
        ));
    }
    let steps_out = |part: Component<'_>| part == Component::ParentDir;
    if Path::new(path).components().any(steps_out) {
        return Err(invalid(
            field,
            format!("The path {} has .. in it.", visible_line(path)),
            "Write it out.",
        ));
    }
    Ok(())
}

fn check_host(host: &str) -> Result<(), CommandError> {
    let (name, labels) = match host.strip_prefix("*.") {
        // All of a top-level domain is no place that anybody knows.
        Some(name) => (name, 2),
        None => (host, 1),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    let is_name = name.split('.').all(is_label) && name.split('.').count() >= labels;
    let is_address = name.parse::<std::net::IpAddr>().is_ok() && labels == 1;
    if !(is_name || is_address) {
        return Err(invalid(
            "host",
            format!("{:?} is not the name of a host.", visible_line(host)),
            "Type a name like example.org, or *.example.org for all below it.",
        ));
    }
    Ok(())
}

fn check_text(field: &str, what: &str, text: &str) -> Result<(), CommandError> {
    if text.trim().is_empty() {
        return Err(invalid(field, format!("{what} is empty."), "Fill it in."));
    }
    if text.len() > LONG || text.contains('\0') {
        return Err(invalid(
            field,
            format!("{what} cannot be used: it is too long, or has a zero byte in it."),
            "Shorten it.",
        ));
    }
    Ok(())
}

fn check_count(field: &str, count: usize) -> Result<(), CommandError> {
    if count > MANY {
        return Err(invalid(
            field,
            format!("There are {count} of them; a rule takes {MANY}."),
            "Make several rules of it.",
        ));
    }
    Ok(())
}

/// A rule in a few words: its verdict and what it is about.
pub fn name(settings: &RuleSettings) -> String {
    let verb = match settings.verdict {
        Verdict::Allow => "Allow",
        Verdict::Ask => "Ask about",
        Verdict::Deny => "Deny",
    };
    format!("{verb} {}", about(settings))
}

/// What a rule does, in one sentence.
pub fn says(settings: &RuleSettings, names: &dyn Names, now: &Zoned) -> String {
    let verb = match settings.verdict {
        Verdict::Allow => "Allows",
        Verdict::Ask => "Asks about",
        Verdict::Deny => "Denies",
    };
    let named = |kind: &str, name: Option<String>| match name {
        Some(name) => format!("the {kind} “{}”", visible_line(&name)),
        None => format!("a {kind} that is gone"),
    };
    let scope = match &settings.scope {
        RuleScope::Session { session } => {
            format!("in {}", named("session", names.session(session)))
        }
        RuleScope::Folder { folder } => format!("in sessions in {}", visible_line(folder)),
        RuleScope::Profile { profile } => {
            format!(
                "in sessions of {}",
                named("profile", names.profile(profile))
            )
        }
        RuleScope::Everywhere => "in all sessions".to_owned(),
    };
    let end = settings
        .expires_at
        .map(|end| until(end, now))
        .unwrap_or_default();
    let off = if settings.enabled { "" } else { ", but is off" };
    format!("{verb} {} {scope}{end}{off}.", about(settings))
}

fn until(end: i64, now: &Zoned) -> String {
    let Ok(end) = Timestamp::from_millisecond(end) else {
        return String::new();
    };
    let end = end.to_zoned(now.time_zone().clone());
    let tomorrow = now.date().tomorrow().ok();
    let day = if end.date() == now.date() {
        "today".to_owned()
    } else if Some(end.date()) == tomorrow {
        "tomorrow".to_owned()
    } else {
        end.strftime("%-d %B %Y").to_string()
    };
    let time = end.strftime("%H:%M");
    if end.timestamp() <= now.timestamp() {
        format!(" until {day} {time}, which is over")
    } else {
        format!(" until {day} {time}")
    }
}

fn about(settings: &RuleSettings) -> String {
    let allows = settings.verdict == Verdict::Allow;
    match &settings.about {
        RuleAbout::Commands { prefixes } if prefixes.is_empty() => "every command".to_owned(),
        RuleAbout::Commands { prefixes } => {
            let shown: Vec<_> = prefixes
                .iter()
                .map(|words| format!("`{} …`", visible_line(&shown_words(words))))
                .collect();
            match &shown[..] {
                [one] => one.clone(),
                many if allows => format!("{}, alone or together,", listed(many, "and")),
                many => listed(many, "or"),
            }
        }
        RuleAbout::Files { paths } if paths.is_empty() => "every change of files".to_owned(),
        RuleAbout::Files { paths } => {
            let shown: Vec<_> = paths
                .iter()
                .map(|path| visible_line(path).into_owned())
                .collect();
            let joint = if allows { "and" } else { "or" };
            format!("changes of files in {}", listed(&shown, joint))
        }
        RuleAbout::Host { host } => match host.strip_prefix("*.") {
            Some(above) => format!("reaching hosts below {}", visible_line(above)),
            None => format!("reaching {}", visible_line(host)),
        },
        RuleAbout::Tool {
            server,
            tool: Some(tool),
        } => {
            format!(
                "the tool “{}” of “{}”",
                visible_line(tool),
                visible_line(server)
            )
        }
        RuleAbout::Tool { server, tool: None } => {
            format!("every tool of “{}”", visible_line(server))
        }
        RuleAbout::Permissions => "every wish for more permissions".to_owned(),
    }
}

fn listed(items: &[String], joint: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} {joint} {last}", rest.join(", ")),
    }
}

/// Words as one would type them, so that `rm "a b"` does not read as `rm a b`.
fn shown_words(words: &[String]) -> String {
    let quoted = words.iter().map(|word| {
        let is_plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}
