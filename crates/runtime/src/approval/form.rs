//! The form of an MCP server: its fields, and whether something fills them in.
//!
//! The schema is the flat object of MCP's elicitation, revision 2025-11-25: texts, numbers, booleans,
//! one or several of a list. A general JSON schema validator would take more than that and could not
//! say what to show; a field of any other shape stays in the form, visible, as
//! [`FieldKind::Unsupported`].

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::problem::{FieldProblem, Problem};

/// The fields of a form, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormSchema {
    /// The fields.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name in the content.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// It must be there.
    pub required: bool,
    /// What goes into it.
    pub kind: FieldKind,
    /// What to begin with. One that the field itself would not take is left out.
    pub default: Option<Value>,
}

/// What goes into a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// A text. Lengths are in characters.
    Text {
        /// The shortest.
        min_length: Option<u64>,
        /// The longest.
        max_length: Option<u64>,
        /// What it must be.
        format: Option<TextFormat>,
    },
    /// A number.
    Number {
        /// The least.
        min: Option<Number>,
        /// The greatest.
        max: Option<Number>,
    },
    /// A whole number.
    Integer {
        /// The least.
        min: Option<Number>,
        /// The greatest.
        max: Option<Number>,
    },
    /// Yes or no.
    Boolean,
    /// One of these, as its value.
    One(Vec<FieldOption>),
    /// Some of these, as a list of values.
    Several {
        /// What to choose from.
        options: Vec<FieldOption>,
        /// The fewest.
        min: Option<u64>,
        /// The most.
        max: Option<u64>,
    },
    /// Something that cannot be filled in here. The schema as it came.
    Unsupported(String),
}

/// What a text must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// A mail address.
    Email,
    /// An absolute URI.
    Uri,
    /// A date, as in `2025-01-31`.
    Date,
    /// A date and time of RFC 3339.
    DateTime,
}

/// Something to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldOption {
    /// What the content has.
    pub value: String,
    /// What people read.
    pub title: String,
}

impl FormSchema {
    /// Reads a `requestedSchema`. `None` when it is no object with properties, or requires one that it
    /// does not have: nothing could fill it in.
    pub(super) fn read(schema: &Value) -> Option<Self> {
        let properties = schema["properties"].as_object()?;
        let required: Vec<&str> = match &schema["required"] {
            Value::Null => Vec::new(),
            Value::Array(names) => names.iter().map(Value::as_str).collect::<Option<_>>()?,
            _ => return None,
        };
        if schema["type"] != "object" || !required.iter().all(|name| properties.contains_key(*name))
        {
            return None;
        }
        let fields = properties
            .iter()
            .map(|(name, property)| Field::read(name, property, required.contains(&name.as_str())))
            .collect();
        Some(Self { fields })
    }

    /// Whether this content fills in the form. A form with a required field that is
    /// [`FieldKind::Unsupported`] takes none.
    pub fn validate(&self, content: &Map<String, Value>) -> Result<(), Vec<FieldProblem>> {
        let unknown = content
            .keys()
            .filter(|name| !self.fields.iter().any(|field| field.name == **name))
            .map(|name| (name, Problem::Unknown));
        let wrong = self.fields.iter().filter_map(|field| {
            let problem = match content.get(&field.name) {
                Some(value) => field.kind.check(value).err()?,
                None if !field.required => return None,
                None if matches!(field.kind, FieldKind::Unsupported(_)) => Problem::Unsupported,
                None => Problem::Missing,
            };
            Some((&field.name, problem))
        });
        let problems: Vec<_> = unknown
            .chain(wrong)
            .map(|(field, problem)| FieldProblem {
                field: field.clone(),
                problem,
            })
            .collect();
        match problems.is_empty() {
            true => Ok(()),
            false => Err(problems),
        }
    }
}

impl Field {
    fn read(name: &str, property: &Value, required: bool) -> Self {
        let text = |member: &str| property[member].as_str().map(str::to_owned);
        let kind = FieldKind::read(property)
            .unwrap_or_else(|| FieldKind::Unsupported(property.to_string()));
        let default = property.get("default").cloned();
        Self {
            name: name.to_owned(),
            title: text("title"),
            description: text("description"),
            required,
            default: default.filter(|value| kind.check(value).is_ok()),
            kind,
        }
    }
}

impl FieldKind {
    fn read(property: &Value) -> Option<Self> {
        const COMMON: [&str; 4] = ["type", "title", "description", "default"];
        let members = property.as_object()?;
        // A member that is not understood may forbid what would be sent.
        let has_only = |known: &[&str]| {
            members
                .keys()
                .all(|name| COMMON.contains(&name.as_str()) || known.contains(&name.as_str()))
        };
        match property["type"].as_str()? {
            "string" if has_only(&["minLength", "maxLength", "format"]) => Some(FieldKind::Text {
                min_length: count(property, "minLength")?,
                max_length: count(property, "maxLength")?,
                format: match &property["format"] {
                    Value::Null => None,
                    format => Some(TextFormat::read(format.as_str()?)?),
                },
            }),
            "string" if has_only(&["enum", "enumNames"]) => {
                let values = strings(&property["enum"])?;
                let titles = match &property["enumNames"] {
                    Value::Null => values.clone(),
                    titles => strings(titles).filter(|titles| titles.len() == values.len())?,
                };
                let options = values.into_iter().zip(titles);
                Some(FieldKind::One(
                    options
                        .map(|(value, title)| FieldOption { value, title })
                        .collect(),
                ))
            }
            "string" if has_only(&["oneOf"]) => Some(FieldKind::One(titled(&property["oneOf"])?)),
            "number" if has_only(&["minimum", "maximum"]) => Some(FieldKind::Number {
                min: bound(property, "minimum")?,
                max: bound(property, "maximum")?,
            }),
            "integer" if has_only(&["minimum", "maximum"]) => Some(FieldKind::Integer {
                min: bound(property, "minimum")?,
                max: bound(property, "maximum")?,
            }),
            "boolean" if has_only(&[]) => Some(FieldKind::Boolean),
            "array" if has_only(&["items", "minItems", "maxItems"]) => {
                let items = property["items"].as_object()?;
                let options = match items.get("enum") {
                    Some(values) => strings(values)?
                        .into_iter()
                        .map(|value| FieldOption {
                            title: value.clone(),
                            value,
                        })
                        .collect(),
                    None => titled(items.get("anyOf").or(items.get("oneOf"))?)?,
                };
                Some(FieldKind::Several {
                    options,
                    min: count(property, "minItems")?,
                    max: count(property, "maxItems")?,
                })
            }
            _ => None,
        }
    }

    fn check(&self, value: &Value) -> Result<(), Problem> {
        match self {
            FieldKind::Text {
                min_length,
                max_length,
                format,
            } => {
                let text = value.as_str().ok_or(Problem::NotText)?;
                let length = text.chars().count() as u64;
                within(
                    length,
                    *min_length,
                    *max_length,
                    Problem::TooShort,
                    Problem::TooLong,
                )?;
                format.map_or(Ok(()), |format| format.check(text))
            }
            FieldKind::Number { min, max } => {
                let number = value.as_number().ok_or(Problem::NotNumber)?;
                in_bounds(number, min.as_ref(), max.as_ref())
            }
            FieldKind::Integer { min, max } => {
                let number = value.as_number().ok_or(Problem::NotNumber)?;
                if number.is_f64() && number.as_f64().is_none_or(|n| n.fract() != 0.0) {
                    return Err(Problem::NotInteger);
                }
                in_bounds(number, min.as_ref(), max.as_ref())
            }
            FieldKind::Boolean if value.is_boolean() => Ok(()),
            FieldKind::Boolean => Err(Problem::NotBoolean),
            FieldKind::One(options) => is_option(options, value),
            FieldKind::Several { options, min, max } => {
                let chosen = value.as_array().ok_or(Problem::NotList)?;
                for (index, value) in chosen.iter().enumerate() {
                    is_option(options, value)?;
                    if chosen[..index].contains(value) {
                        return Err(Problem::Repeated);
                    }
                }
                let count = chosen.len() as u64;
                within(count, *min, *max, Problem::TooFew, Problem::TooMany)
            }
            FieldKind::Unsupported(_) => Err(Problem::Unsupported),
        }
    }
}

impl TextFormat {
    fn read(name: &str) -> Option<Self> {
        match name {
            "email" => Some(TextFormat::Email),
            "uri" => Some(TextFormat::Uri),
            "date" => Some(TextFormat::Date),
            "date-time" => Some(TextFormat::DateTime),
            _ => None,
        }
    }

    fn check(self, text: &str) -> Result<(), Problem> {
        use time::OffsetDateTime;
        use time::format_description::well_known::Rfc3339;
        let is_date_time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).is_ok();
        let (fits, problem) = match self {
            TextFormat::Email => (
                email_address::EmailAddress::is_valid(text),
                Problem::NotEmail,
            ),
            TextFormat::Uri => (url::Url::parse(text).is_ok(), Problem::NotUri),
            // JSON schema's date is the first half of RFC 3339's date and time.
            TextFormat::Date => (is_date_time(&format!("{text}T00:00:00Z")), Problem::NotDate),
            TextFormat::DateTime => (is_date_time(text), Problem::NotDateTime),
        };
        if fits { Ok(()) } else { Err(problem) }
    }
}

fn is_option(options: &[FieldOption], value: &Value) -> Result<(), Problem> {
    match options.iter().any(|option| *value == *option.value) {
        true => Ok(()),
        false => Err(Problem::NotAnOption),
    }
}

fn within(
    count: u64,
    least: Option<u64>,
    most: Option<u64>,
    below: fn(u64) -> Problem,
    above: fn(u64) -> Problem,
) -> Result<(), Problem> {
    match (least, most) {
        (Some(least), _) if count < least => Err(below(least)),
        (_, Some(most)) if count > most => Err(above(most)),
        _ => Ok(()),
    }
}

fn in_bounds(number: &Number, min: Option<&Number>, max: Option<&Number>) -> Result<(), Problem> {
    match (min, max) {
        (Some(min), _) if order(number, min) == Some(Ordering::Less) => {
            Err(Problem::TooSmall(min.clone()))
        }
        (_, Some(max)) if order(number, max) == Some(Ordering::Greater) => {
            Err(Problem::TooLarge(max.clone()))
        }
        _ => Ok(()),
    }
}

fn order(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// A member that is a count, or is not there; `None` when it is something else.
#[expect(clippy::option_option, reason = "absent is not the same as unreadable")]
fn count(property: &Value, member: &str) -> Option<Option<u64>> {
    match &property[member] {
        Value::Null => Some(None),
        value => value.as_u64().map(Some),
    }
}

#[expect(clippy::option_option, reason = "absent is not the same as unreadable")]
fn bound(property: &Value, member: &str) -> Option<Option<Number>> {
    match &property[member] {
        Value::Null => Some(None),
        value => value.as_number().cloned().map(Some),
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    let strings = value.as_array()?.iter();
    strings.map(|s| s.as_str().map(str::to_owned)).collect()
}

fn titled(value: &Value) -> Option<Vec<FieldOption>> {
    let options = value.as_array()?.iter();
    options
        .map(|option| {
            let value = option["const"].as_str()?.to_owned();
            let title = option["title"].as_str().unwrap_or(&value).to_owned();
            Some(FieldOption { value, title })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn form(properties: Value, required: Value) -> FormSchema {
        let schema = json!({"type": "object", "properties": properties, "required": required});
        FormSchema::read(&schema).unwrap()
    }

    #[track_caller]
    fn check(property: Value, value: Value, wanted: Option<Problem>) {
        let form = form(json!({"x": property}), json!(["x"]));
        let content = Map::from_iter([("x".to_owned(), value)]);
        let found = form.validate(&content).err().map(|mut problems| {
            assert_eq!(problems.len(), 1);
            problems.remove(0).problem
        });
        assert_eq!(found, wanted, "{form:?} {content:?}");
    }

    #[test]
    fn texts() {
        let short = json!({"type": "string", "minLength": 2, "maxLength": 3});
        check(short.clone(), json!("äöü"), None);
        check(short.clone(), json!("a"), Some(Problem::TooShort(2)));
        check(short.clone(), json!("abcd"), Some(Problem::TooLong(3)));
        check(short, json!(7), Some(Problem::NotText));
        let format = |name: &str| json!({"type": "string", "format": name});
        check(format("email"), json!("ann@example.org"), None);
        check(format("email"), json!("ann"), Some(Problem::NotEmail));
        check(format("uri"), json!("https://example.org/x"), None);
        check(format("uri"), json!("example"), Some(Problem::NotUri));
        check(format("date"), json!("2024-02-29"), None);
        check(format("date"), json!("2025-02-29"), Some(Problem::NotDate));
        check(
            format("date-time"),
            json!("2025-01-31T12:00:00+01:00"),
            None,
        );
        check(
            format("date-time"),
            json!("2025-01-31"),
            Some(Problem::NotDateTime),
        );
    }

    #[test]
    fn numbers_and_booleans() {
        let number = json!({"type": "number", "minimum": 0.5, "maximum": 2});
        check(number.clone(), json!(1), None);
        check(
            number.clone(),
            json!(0.25),
            Some(Problem::TooSmall(Number::from_f64(0.5).unwrap())),
        );
        check(number.clone(), json!(3), Some(Problem::TooLarge(2.into())));
        check(number, json!("1"), Some(Problem::NotNumber));
        check(json!({"type": "integer"}), json!(2.0), None);
        check(
            json!({"type": "integer"}),
            json!(2.5),
            Some(Problem::NotInteger),
        );
        let large = json!({"type": "integer", "maximum": 9_007_199_254_740_992_i64});
        check(
            large,
            json!(9_007_199_254_740_993_i64),
            Some(Problem::TooLarge(9_007_199_254_740_992_i64.into())),
        );
        check(json!({"type": "boolean"}), json!(false), None);
        check(
            json!({"type": "boolean"}),
            json!("no"),
            Some(Problem::NotBoolean),
        );
    }

    #[test]
    fn choices() {
        let one = json!({"type": "string", "enum": ["r", "b"], "enumNames": ["Red", "Blue"]});
        check(one.clone(), json!("r"), None);
        check(one, json!("Red"), Some(Problem::NotAnOption));
        let titled = json!({"type": "string", "oneOf": [{"const": "r", "title": "Red"}]});
        check(titled.clone(), json!("r"), None);
        let field = form(json!({"x": titled}), json!([])).fields.remove(0);
        assert_eq!(
            field.kind,
            FieldKind::One(vec![FieldOption {
                value: "r".into(),
                title: "Red".into()
            }])
        );
        for items in [
            json!({"type": "string", "enum": ["a", "b", "c"]}),
            json!({"anyOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "B"}, {"const": "c", "title": "C"}]}),
        ] {
            let several = json!({"type": "array", "items": items, "minItems": 1, "maxItems": 2});
            check(several.clone(), json!(["b", "a"]), None);
            check(several.clone(), json!([]), Some(Problem::TooFew(1)));
            check(
                several.clone(),
                json!(["a", "b", "c"]),
                Some(Problem::TooMany(2)),
            );
            check(several.clone(), json!(["a", "a"]), Some(Problem::Repeated));
            check(several.clone(), json!(["z"]), Some(Problem::NotAnOption));
            check(several, json!("a"), Some(Problem::NotList));
        }
    }

    #[test]
    fn what_is_not_understood_stays_visible_and_cannot_be_filled_in() {
        for strange in [
            json!({"type": "object", "properties": {}}),
            json!({"type": "string", "pattern": "^a"}),
            json!({"type": "string", "format": "ipv4"}),
            json!({"type": "number", "minimum": "1"}),
            json!({"type": "array", "items": {"type": "number"}}),
            json!({"type": ["string", "null"]}),
            json!(true),
        ] {
            let fields = json!({"x": strange, "y": {"type": "boolean", "default": "yes"}});
            let optional = form(fields.clone(), json!([]));
            let text = strange.to_string();
            assert_eq!(optional.fields[0].kind, FieldKind::Unsupported(text));
            assert_eq!(optional.fields[1].default, None, "it would not be taken");
            assert_eq!(optional.validate(&Map::new()), Ok(()));
            let content = Map::from_iter([("x".to_owned(), json!("a"))]);
            assert!(optional.validate(&content).is_err());
            let required = form(fields, json!(["x"]));
            let problems = required.validate(&Map::new()).unwrap_err();
            assert_eq!(problems[0].problem, Problem::Unsupported);
            assert!(required.validate(&content).is_err());
        }
        for broken in [
            json!({"type": "object"}),
            json!({"type": "object", "properties": {}, "required": ["x"]}),
            json!({"type": "array", "properties": {}}),
            json!(null),
        ] {
            assert_eq!(FormSchema::read(&broken), None, "{broken}");
        }
    }

    #[test]
    fn a_form_names_all_its_problems() {
        let form = form(
            json!({"a": {"type": "string"}, "b": {"type": "boolean"}}),
            json!(["a"]),
        );
        let content = Map::from_iter([("b".to_owned(), json!(1)), ("c".to_owned(), json!(1))]);
        let problems = form.validate(&content).unwrap_err();
        let found: Vec<_> = problems
            .iter()
            .map(|p| (p.field.as_str(), &p.problem))
            .collect();
        assert_eq!(
            found,
            [
                ("c", &Problem::Unknown),
                ("a", &Problem::Missing),
                ("b", &Problem::NotBoolean)
            ]
        );
        assert_eq!(problems[1].to_string(), "a: Fill this in.");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            prop::sample::select(vec![
                "string",
                "number",
                "array",
                "object",
                "date",
                "type",
                "enum",
                "properties"
            ])
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let name = prop::sample::select(vec![
                "type",
                "properties",
                "required",
                "enum",
                "items",
                "format",
                "minLength",
                "minimum",
                "oneOf",
                "const",
                "x",
            ]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name, inner), 0..4).prop_map(|members| {
                    members
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect::<Map<_, _>>()
                        .into()
                }),
            ]
        })
    }

    proptest! {
        /// Any schema is read without a panic and loses no property, and what fills it in has all that is
        /// required and nothing else.
        #[test]
        fn any_schema_and_any_content(properties in value(), required in value(), content in value()) {
            let schema = json!({"type": "object", "properties": properties, "required": required});
            if let Some(form) = FormSchema::read(&schema) {
                prop_assert_eq!(Some(form.fields.len()), properties.as_object().map(Map::len));
                if let Value::Object(content) = content
                    && form.validate(&content).is_ok()
                {
                    for field in &form.fields {
                        prop_assert!(!field.required || content.contains_key(&field.name));
                    }
                    prop_assert!(content.keys().all(|name| properties.get(name).is_some()));
                }
            }
        }
    }
}
