//! Rules as a file that travels: JSON, made to be read by people too.
//!
//! ```json
//! {"format": "countersign-rules", "version": 1,
//!  "rules": [{"verdict": "allow", "about": {"kind": "commands", "prefixes": [["git", "status"]]},
//!             "scope": {"kind": "everywhere"}, "expiresAt": null, "enabled": true, "note": ""}]}
//! ```
//! A rule is its settings, as the contract has them; ids, origins and counts stay at home. A rule that this build does
//! not understand whole is refused whole: half a rule could allow more than it was meant to.

use countersign_contract::{CommandError, RuleScope, RuleSettings, RulesImported};
use countersign_markup::visible_line;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::settings::{Names, name, tidy, validate};
use super::store::RuleStore;
use crate::error::not_possible;

const FORMAT: &str = "countersign-rules";
const VERSION: u64 = 1;
/// The longest file and the most rules that are read.
const LONGEST: usize = 4 * 1024 * 1024;
const MOST: usize = 10_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    format: String,
    version: u64,
    rules: Vec<Value>,
}

impl RuleStore {
    /// All rules as the text of a file, oldest first.
    pub fn export(&self) -> String {
        let mut rules: Vec<_> = self
            .list()
            .iter()
            .map(|rule| json!(rule.settings))
            .collect();
        rules.reverse();
        let text = format!(
            "{:#}",
            json!({"format": FORMAT, "version": VERSION, "rules": rules})
        );
        text + "\n"
    }

    /// Makes the rules of a file. What cannot be used is left out, with a line that says why; the rest is made in one
    /// change. `file` is the file's name.
    ///
    /// # Errors
    /// It is no file of rules, or the rules could not be kept. Then none was made.
    pub fn import(
        &self,
        text: &str,
        file: &str,
        names: &dyn Names,
    ) -> Result<RulesImported, CommandError> {
        let exchange = read(text)?;
        let mut known: Vec<_> = self.list().into_iter().map(|rule| rule.settings).collect();
        let mut done = RulesImported {
            added: 0,
            known: 0,
            refused: Vec::new(),
        };
        let mut added = Vec::new();
        for (index, value) in exchange.rules.into_iter().enumerate() {
            match usable(&value, names) {
                Ok(settings) if known.contains(&settings) => done.known += 1,
                Ok(settings) => {
                    known.push(settings.clone());
                    added.insert(0, settings);
                    done.added += 1;
                }
                Err(why) => done.refused.push(format!("Rule {}: {why}", index + 1)),
            }
        }
        self.add(added, file)?;
        Ok(done)
    }
}

fn read(text: &str) -> Result<Exchange, CommandError> {
    let refused = |what: &str| Err(not_possible(what, "Choose a file that Countersign wrote."));
    if text.len() > LONGEST {
        return refused("The file is too long to be a file of rules.");
    }
    match serde_json::from_str::<Exchange>(text.trim_start_matches('\u{feff}')) {
        Ok(exchange) if exchange.format != FORMAT => refused("The file is no file of rules."),
        Ok(exchange) if exchange.version != VERSION => Err(not_possible(
            format!(
                "The file is of version {}, which this build cannot read.",
                exchange.version
            ),
            "Use a newer version of Countersign to read it.",
        )),
        Ok(exchange) if exchange.rules.len() > MOST => {
            refused("The file has too many rules in it.")
        }
        Ok(exchange) => Ok(exchange),
        Err(_) => refused("The file is no file of rules."),
    }
}

/// The rule, or a line that says why it cannot be used.
fn usable(value: &Value, names: &dyn Names) -> Result<RuleSettings, String> {
    let settings: RuleSettings = serde_json::from_value(value.clone()).map_err(|error| {
        format!(
            "this build does not understand it ({}).",
            visible_line(&error.to_string())
        )
    })?;
    // Whatever is not understood would be lost on the way back.
    if json!(settings) != *value {
        return Err("it says more than this build understands.".to_owned());
    }
    let settings = tidy(settings);
    let refused = |why: &str| Err(format!("{}: {why}", name(&settings)));
    if let Err(error) = validate(&settings) {
        return refused(&error.problem.what);
    }
    match &settings.scope {
        RuleScope::Session { session } if names.session(session).is_none() => {
            refused("its session does not exist here.")
        }
        RuleScope::Profile { profile } if names.profile(profile).is_none() => {
            refused("its profile does not exist here.")
        }
        _ => Ok(settings),
    }
}
