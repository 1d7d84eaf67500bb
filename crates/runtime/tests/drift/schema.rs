//! The JSON schema that a codex writes of its app-server's protocol.
//!
//! Only what such a schema has is understood: references, unions, `enum`, and the five kinds. `allOf` stands in it
//! only around a single reference, to give it a default or a description.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub(crate) struct Schema {
    root: Value,
}

/// What may stand in a place.
#[derive(Clone)]
pub(crate) enum Alternative<'s> {
    Any,
    Null,
    Plain(&'s str),
    Literal(&'s str),
    List(&'s Value),
    Object(Members<'s>),
}

#[derive(Clone, Default)]
pub(crate) struct Members<'s> {
    pub(crate) of: BTreeMap<&'s str, &'s Value>,
    pub(crate) required: BTreeSet<&'s str>,
    /// What members have that are not named.
    pub(crate) others: Option<&'s Value>,
}

static ANYTHING: Value = Value::Bool(true);

impl Schema {
    /// From `codex_app_server_protocol.schemas.json`.
    pub(crate) fn new(root: Value) -> Self {
        Self { root }
    }

    pub(crate) fn root_mut(&mut self) -> &mut Value {
        &mut self.root
    }

    /// A type by its name; the second version of the protocol has a place of its own.
    pub(crate) fn named(&self, name: &str) -> Option<&Value> {
        let definitions = &self.root["definitions"];
        definitions
            .get(name)
            .or_else(|| definitions["v2"].get(name))
    }

    /// The methods of a union of messages, with the schema of their params.
    pub(crate) fn methods(&self, union: &str) -> BTreeMap<&str, &Value> {
        let messages = self
            .named(union)
            .and_then(|union| union["oneOf"].as_array());
        let messages = messages.unwrap_or_else(|| panic!("the schema has no union {union}"));
        messages
            .iter()
            .map(|message| {
                let method = message["properties"]["method"]["enum"][0].as_str();
                let method =
                    method.unwrap_or_else(|| panic!("{union} has a message without a method"));
                (
                    method,
                    message["properties"].get("params").unwrap_or(&ANYTHING),
                )
            })
            .collect()
    }

    pub(crate) fn alternatives<'s>(&'s self, schema: &'s Value) -> Vec<Alternative<'s>> {
        let Some(object) = schema.as_object() else {
            return vec![Alternative::Any];
        };
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            let target = self.root.pointer(pointer);
            return self
                .alternatives(target.unwrap_or_else(|| panic!("{reference} leads nowhere")));
        }
        if let Some([only]) = schema["allOf"].as_array().map(Vec::as_slice) {
            return self.alternatives(only);
        }
        assert!(
            !object.contains_key("allOf"),
            "an allOf of several is not understood: {schema}"
        );
        let own = members(schema);
        let union = ["oneOf", "anyOf"]
            .into_iter()
            .find_map(|key| schema[key].as_array());
        if let Some(union) = union {
            let mut out: Vec<_> = union
                .iter()
                .flat_map(|schema| self.alternatives(schema))
                .collect();
            // Members beside a union belong to each of its objects.
            for alternative in &mut out {
                if let Alternative::Object(members) = alternative {
                    members.of.extend(&own.of);
                    members.required.extend(&own.required);
                }
            }
            return out;
        }
        if let Some(literals) = schema["enum"].as_array() {
            return literals
                .iter()
                .filter_map(Value::as_str)
                .map(Alternative::Literal)
                .collect();
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return vec![Alternative::Any],
        };
        kinds
            .into_iter()
            .map(|kind| match kind {
                "null" => Alternative::Null,
                "array" => Alternative::List(schema.get("items").unwrap_or(&ANYTHING)),
                "object" => Alternative::Object(own.clone()),
                plain => Alternative::Plain(plain),
            })
            .collect()
    }

    /// In a few words, for the report.
    pub(crate) fn describe(&self, schema: &Value) -> String {
        let alternatives = self.alternatives(schema);
        let words: Vec<_> = alternatives
            .iter()
            .map(|alternative| self.word(alternative))
            .collect();
        words.join("|")
    }

    pub(crate) fn word(&self, alternative: &Alternative<'_>) -> String {
        match alternative {
            Alternative::Any => "any".to_owned(),
            Alternative::Null => "null".to_owned(),
            Alternative::Plain(kind) => (*kind).to_owned(),
            Alternative::Literal(text) => format!("'{text}'"),
            Alternative::List(items) => format!("[{}]", self.describe(items)),
            Alternative::Object(members) => match members.tag(self) {
                Some((name, value)) => format!("{{{name}: '{value}', ...}}"),
                None => format!(
                    "{{{}}}",
                    members.of.keys().copied().collect::<Vec<_>>().join(", ")
                ),
            },
        }
    }
}

impl<'s> Members<'s> {
    /// The member that tells this object from the others of its union.
    pub(crate) fn tag(&self, schema: &'s Schema) -> Option<(&'s str, &'s str)> {
        self.of
            .iter()
            .find_map(|(name, of)| match schema.alternatives(of).as_slice() {
                [Alternative::Literal(value)] if self.required.contains(name) => {
                    Some((*name, *value))
                }
                _ => None,
            })
    }
}

fn members(schema: &Value) -> Members<'_> {
    let of = schema["properties"].as_object().into_iter().flatten();
    Members {
        of: of.map(|(name, of)| (name.as_str(), of)).collect(),
        required: schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
        others: schema
            .get("additionalProperties")
            .filter(|others| **others != Value::Bool(false)),
    }
}
