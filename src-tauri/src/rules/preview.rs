//! What a rule would have done, by the judge that will use it on questions read the way it will read them.

use countersign_contract::{LedgerEntry, Millis, RulePreview, RuleSettings};
use jiff::Zoned;

use super::asked::Asked;
use super::judge::{Ground, matches};
use super::settings::{Names, says, tidy, validate};

/// How many past questions are looked at.
pub const LOOKED_AT: usize = 200;

/// Which of the past questions, newest first, a rule would have matched; at most [`LOOKED_AT`] are looked at. The rule
/// is taken as if it were on and had no end, and by itself: another rule may beat it.
pub fn preview(
    settings: &RuleSettings,
    entries: impl IntoIterator<Item = LedgerEntry>,
    names: &dyn Names,
    now: &Zoned,
    ground: Ground<'_>,
) -> RulePreview {
    let settings = tidy(settings.clone());
    let problem = validate(&settings).err().map(|error| error.problem);
    let mut preview = RulePreview {
        says: says(&settings, names, now),
        problem,
        matched: 0,
        of: 0,
        entries: Vec::new(),
    };
    let holds = RuleSettings {
        enabled: true,
        expires_at: None,
        ..settings
    };
    for entry in entries.into_iter().take(LOOKED_AT) {
        preview.of += 1;
        if preview.problem.is_none() && would_match(&holds, &entry, ground) {
            preview.matched += 1;
            preview.entries.push(entry);
        }
    }
    preview
}

fn would_match(settings: &RuleSettings, entry: &LedgerEntry, ground: Ground<'_>) -> bool {
    const ANY: Millis = 0;
    matches(settings, ANY, &Asked::of_entry(entry), ground)
}
