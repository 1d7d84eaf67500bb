//! Which rule answers a question. Pure: what it needs of the computer it is given.
//!
//! Of the rules that match, deny beats ask beats allow; of several that say the same the most specific is named. What
//! allows has to match all of what is asked, beyond doubt; what asks or denies any part of it. So a rule about part of
//! a question can stop it, and never let it through.
//!
//! Deliberately not here: questions to the person, forms and pages. No rule answers those.

use std::path::{Path, PathBuf};

use countersign_contract::{Millis, Rule, RuleAbout, RuleScope, RuleSettings, Verdict};
use countersign_runtime::command::{Access, Place, RiskLevel, Understood, touch, understand};

use super::asked::{Asked, CommandWish, Whence, Wish};
use super::commands;
use super::paths::{Resolve, perhaps_in, plain, reaches, real, surely_in};

/// What a judgement has to know of the computer.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The person's home.
    pub home: Option<&'a Path>,
    /// Where paths lead. [`super::real`], except in tests.
    pub resolve: Resolve<'a>,
}

impl<'a> Ground<'a> {
    /// This computer, where `home` is the person's.
    pub fn here(home: Option<&'a Path>) -> Self {
        Self {
            home,
            resolve: &real,
        }
    }
}

/// The rule that answers; its verdict is the answer. `None`: no rule matches, and the question goes on.
pub fn judge<'r>(
    rules: impl IntoIterator<Item = &'r Rule>,
    now: Millis,
    asked: &Asked,
    ground: Ground<'_>,
) -> Option<&'r Rule> {
    let question = Question::new(asked, ground);
    let mut found: Option<&Rule> = None;
    for rule in rules {
        if question.is_matched_by(&rule.settings, now)
            && found.is_none_or(|found| weight(&rule.settings) > weight(&found.settings))
        {
            found = Some(rule);
        }
    }
    found
}

/// Whether a rule by itself matches a question, at a time when it holds.
pub fn matches(settings: &RuleSettings, now: Millis, asked: &Asked, ground: Ground<'_>) -> bool {
    Question::new(asked, ground).is_matched_by(settings, now)
}

/// Deny before ask before allow; then session, folder (a deeper one first), profile, everywhere.
fn weight(settings: &RuleSettings) -> (Verdict, u8, usize) {
    let (place, depth) = match &settings.scope {
        RuleScope::Session { .. } => (3, 0),
        RuleScope::Folder { folder } => (2, plain(Path::new(folder)).components().count()),
        RuleScope::Profile { .. } => (1, 0),
        RuleScope::Everywhere => (0, 0),
    };
    (settings.verdict, place, depth)
}

/// A question with all that is worked out of it once.
struct Question<'a> {
    whence: &'a Whence,
    wish: &'a Wish,
    understood: Option<Understood>,
    ground: Ground<'a>,
}

impl<'a> Question<'a> {
    fn new(asked: &'a Asked, ground: Ground<'a>) -> Self {
        let understood = match &asked.wish {
            Wish::Command(wish) => Some(understood(wish, &asked.whence, ground)),
            _ => None,
        };
        Self {
            whence: &asked.whence,
            wish: &asked.wish,
            understood,
            ground,
        }
    }

    fn is_matched_by(&self, settings: &RuleSettings, now: Millis) -> bool {
        settings.enabled
            && settings.expires_at.is_none_or(|end| now < end)
            && self.is_within(&settings.scope, settings.verdict)
            && match settings.verdict {
                Verdict::Allow => self.is_wholly(settings),
                Verdict::Ask | Verdict::Deny => self.is_partly(&settings.about),
            }
    }

    fn is_within(&self, scope: &RuleScope, verdict: Verdict) -> bool {
        match scope {
            RuleScope::Session { session } => *session == self.whence.session,
            RuleScope::Folder { folder } if verdict == Verdict::Allow => {
                surely_in(&self.whence.folder, Path::new(folder), self.ground.resolve)
            }
            RuleScope::Folder { folder } => {
                perhaps_in(&self.whence.folder, Path::new(folder), self.ground.resolve)
            }
            RuleScope::Profile { profile } => *profile == self.whence.profile,
            RuleScope::Everywhere => true,
        }
    }

    /// All of what is asked is what the rule is about.
    fn is_wholly(&self, settings: &RuleSettings) -> bool {
        match (&settings.about, self.wish, &self.understood) {
            (RuleAbout::Commands { prefixes }, Wish::Command(wish), Some(understood)) => {
                wish.runs_only()
                    && commands::covers(prefixes, understood)
                    && self.is_in_place(&settings.scope, understood, wish)
            }
            (
                RuleAbout::Files { paths },
                Wish::Files {
                    paths: Some(asked),
                    grant_root: None,
                },
                _,
            ) => asked.iter().all(|path| {
                paths.iter().map(Path::new).any(|folder| {
                    folder.parent().is_some()
                        && surely_in(path, folder, self.ground.resolve)
                        && reaches(folder, path, self.ground.resolve)
                        && (plain(path) == plain(folder) || !self.is_dangerous(path))
                })
            }),
            (RuleAbout::Host { host }, Wish::Command(wish), _) => {
                wish.reaches_only() && wish.host().is_some_and(|asked| is_host(host, asked))
            }
            (
                RuleAbout::Tool {
                    server,
                    tool: Some(tool),
                },
                Wish::Tool {
                    server: of,
                    tool: asked,
                },
                _,
            ) => server == of && tool == asked,
            _ => false,
        }
    }

    /// To change this file could do harm that is hard to take back: then a rule has to name it.
    fn is_dangerous(&self, path: &Path) -> bool {
        let folder = Some(self.whence.folder.as_path());
        let place = Place {
            cwd: folder,
            folder,
            home: self.ground.home,
        };
        let leads_to = (self.ground.resolve)(path);
        std::iter::once(plain(path))
            .chain(leads_to)
            .any(|path| touch(&path, Access::Write, &place).level == RiskLevel::Dangerous)
    }

    /// Some of what is asked is what the rule is about.
    fn is_partly(&self, about: &RuleAbout) -> bool {
        match (about, self.wish) {
            (RuleAbout::Commands { prefixes }, Wish::Command(_)) => {
                let segments = self.understood.iter().flat_map(|line| &line.segments);
                prefixes.is_empty()
                    || segments.clone().any(|segment| {
                        prefixes
                            .iter()
                            .any(|prefix| commands::begins(prefix, segment))
                    })
            }
            (RuleAbout::Files { paths: wanted }, Wish::Files { paths, grant_root }) => {
                let lies_in = |path: &PathBuf| {
                    wanted
                        .iter()
                        .any(|folder| perhaps_in(path, Path::new(folder), self.ground.resolve))
                };
                // What is granted reaches everything below it.
                let is_granted = |root: &PathBuf| {
                    wanted
                        .iter()
                        .any(|path| perhaps_in(Path::new(path), root, self.ground.resolve))
                };
                wanted.is_empty()
                    || paths.iter().flatten().any(lies_in)
                    || grant_root
                        .iter()
                        .any(|root| lies_in(root) || is_granted(root))
            }
            (RuleAbout::Host { host }, Wish::Command(wish)) => {
                let named = self.understood.iter().flat_map(|line| &line.segments);
                wish.host().is_some_and(|asked| is_host(host, asked))
                    || named
                        .flat_map(|segment| &segment.hosts)
                        .any(|named| is_host(host, named))
            }
            (
                RuleAbout::Tool { server, tool },
                Wish::Tool {
                    server: of,
                    tool: asked,
                },
            ) => server == of && tool.as_ref().is_none_or(|tool| tool == asked),
            (RuleAbout::Permissions, Wish::Permissions) => true,
            (RuleAbout::Permissions, Wish::Command(wish)) => {
                !wish.request.extra_permissions.is_empty()
            }
            (RuleAbout::Permissions, Wish::Files { grant_root, .. }) => grant_root.is_some(),
            _ => false,
        }
    }

    /// The command would run where the rule means it to: the same words are another command in another folder.
    fn is_in_place(&self, scope: &RuleScope, line: &Understood, wish: &CommandWish) -> bool {
        let cwd = Path::new(&wish.request.cwd);
        let folder = &self.whence.folder;
        if !cwd.is_absolute() {
            return false;
        }
        let is_inside = match scope {
            RuleScope::Session { .. } => surely_in(cwd, folder, self.ground.resolve),
            RuleScope::Folder { folder } => surely_in(cwd, Path::new(folder), self.ground.resolve),
            RuleScope::Profile { .. } | RuleScope::Everywhere => {
                !commands::runs_what_lies_here(line) || surely_in(cwd, folder, self.ground.resolve)
            }
        };
        is_inside
            && (!commands::is_dangerous(line)
                || surely_in(cwd, folder, self.ground.resolve)
                    && surely_in(folder, cwd, self.ground.resolve))
    }
}

/// What is understood of a command.
pub(super) fn understood(wish: &CommandWish, whence: &Whence, ground: Ground<'_>) -> Understood {
    let cwd = Path::new(&wish.request.cwd);
    understand(
        &wish.request.command,
        &Place {
            cwd: cwd.is_absolute().then_some(cwd),
            folder: Some(&whence.folder),
            home: ground.home,
        },
    )
}

/// Whether a host is the one that a rule names, or below it.
fn is_host(rule: &str, host: &str) -> bool {
    let tidy = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
    let (rule, host) = (tidy(rule), tidy(host));
    match rule.strip_prefix("*.") {
        Some(above) => host
            .strip_suffix(above)
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => !rule.is_empty() && rule == host,
    }
}
