//! A person's answer as a decision of the runtime, and a decision as a choice of the contract.

use countersign_contract::{Answer, ChoiceId, FieldAnswer};
use countersign_runtime::approval::{
    Answers, Decision, Elicitation, FieldKind, FormSchema, Request, Subject,
};
use serde_json::{Map, Number, Value};

/// The choice that a decision is.
pub(crate) fn choice_of(decision: &Decision) -> ChoiceId {
    match decision {
        Decision::Allow => ChoiceId::AllowOnce,
        Decision::AllowForSession => ChoiceId::AllowForSession,
        Decision::AllowAlways => ChoiceId::AllowAlways,
        Decision::AllowByRule(_) => ChoiceId::AllowByRule,
        Decision::ApplyHostRule(rule) if rule.allow => ChoiceId::AllowHost,
        Decision::ApplyHostRule(_) => ChoiceId::DenyHost,
        Decision::Answer(_) | Decision::Submit(_) => ChoiceId::Submit,
        Decision::Deny => ChoiceId::Deny,
        Decision::Dismiss => ChoiceId::Dismiss,
        Decision::DenyAndStop => ChoiceId::DenyAndStop,
    }
}

/// The decision that an answer is. `None`: the request does not offer it. Whether what was filled in can be sent is
/// for the runtime to say.
pub(crate) fn decision(request: &Request, answer: &Answer) -> Option<Decision> {
    match (answer.choice, &request.subject) {
        (ChoiceId::Submit, Subject::UserInput(asked)) => {
            let answers = asked
                .questions
                .iter()
                .fold(Answers::default(), |all, question| {
                    let given: Vec<&str> = filled(&answer.fields, &question.id).collect();
                    match given.is_empty() {
                        true => all.without(&question.id),
                        false => all.with(&question.id, given),
                    }
                });
            Some(Decision::Answer(answers))
        }
        (ChoiceId::Submit, Subject::Elicitation(Elicitation::Form { schema, .. })) => {
            Some(Decision::Submit(content(schema, &answer.fields)))
        }
        (choice, _) => request
            .decisions()
            .into_iter()
            .find(|decision| choice_of(decision) == choice),
    }
}

/// What was filled into a field, without blank values.
fn filled<'a>(fields: &'a [FieldAnswer], id: &str) -> impl Iterator<Item = &'a str> {
    let field = fields.iter().find(|field| field.id == id);
    field
        .into_iter()
        .flat_map(|field| &field.values)
        .map(String::as_str)
        .filter(|value| !value.trim().is_empty())
}

fn content(schema: &FormSchema, fields: &[FieldAnswer]) -> Map<String, Value> {
    let values = schema.fields.iter().filter_map(|field| {
        let given: Vec<&str> = filled(fields, &field.name).collect();
        let value = match (&field.kind, given.as_slice()) {
            (FieldKind::Several { .. }, []) if !field.required => return None,
            (FieldKind::Several { .. }, given) => given.iter().copied().collect(),
            (_, []) => return None,
            (FieldKind::Number { .. } | FieldKind::Integer { .. }, [text, ..]) => number(text),
            (FieldKind::Boolean, ["true", ..]) => Value::Bool(true),
            (FieldKind::Boolean, ["false", ..]) => Value::Bool(false),
            (_, [text, ..]) => Value::from(*text),
        };
        Some((field.name.clone(), value))
    });
    values.collect()
}

/// A text as a number; as it is when it is none, for the runtime to say so.
fn number(text: &str) -> Value {
    let text = text.trim();
    let number = text
        .parse::<i64>()
        .map(Number::from)
        .ok()
        .or_else(|| Number::from_f64(text.parse().ok()?));
    number.map_or_else(|| Value::from(text), Value::Number)
}
