//! Writes `ui/src/contract.ts` from the declarations, and fails when the committed file is stale.
//!
//! Set `UPDATE_CONTRACT=1` to write it instead (`make contract`).

use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};

use ts_rs::{Config, TS, TypeVisitor};

/// The declarations met so far, by name.
pub(crate) struct Types {
    config: Config,
    seen: HashSet<TypeId>,
    declarations: BTreeMap<String, String>,
}

impl TypeVisitor for Types {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
        if T::output_path().is_some() {
            let docs = T::docs().unwrap_or_default();
            let declaration = format!("{docs}export {}\n", T::decl(&self.config));
            self.declarations.insert(T::name(&self.config), declaration);
        }
    }
}

/// `clientId` for `client_id`, as Tauri names arguments.
pub(crate) fn camel(snake: &str) -> String {
    let mut parts = snake.split('_');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(part.len().min(1));
        out.push_str(&first.to_uppercase());
        out.push_str(rest);
    }
    out
}

fn generate() -> String {
    let config = || Config::new().with_large_int("number");
    let mut types = Types {
        config: config(),
        seen: HashSet::new(),
        declarations: BTreeMap::new(),
    };
    let commands = crate::wire::commands_ts(&config(), &mut types);
    let events = crate::wire::events_ts(&config(), &mut types);
    types.visit::<crate::CommandError>();
    types.visit::<crate::TranscriptUpdate>();

    let mut out = String::from(
        "// Generated from crates/contract by its test; `make contract` writes it anew. Do not edit.\n",
    );
    for declaration in types.declarations.values() {
        out.push('\n');
        out.push_str(declaration);
    }
    out.push('\n');
    out.push_str(&commands);
    out.push('\n');
    out.push_str(&events);
    out
}

#[test]
fn generated_typescript_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/contract.ts");
    let wanted = generate();
    if std::env::var_os("UPDATE_CONTRACT").is_some() {
        std::fs::write(path, &wanted).unwrap();
        return;
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == wanted,
        "ui/src/contract.ts is stale: run `make contract` and commit it"
    );
}
