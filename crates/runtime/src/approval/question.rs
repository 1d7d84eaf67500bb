//! Questions of the agent and the answers to them (FACTS section 4, `item/tool/requestUserInput`).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{FieldProblem, Problem};

/// Goes before free text that stands in place of the options.
const NONE_OF_THEM: &str = "None of the above";
/// Goes before free text.
const NOTE: &str = "user_note: ";

/// Questions that an agent asks at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserInputRequest {
    /// The questions, in order. No two have the same id.
    pub questions: Vec<Question>,
    /// The agent waits for the answers.
    pub blocking: bool,
    /// After this long the server goes on without an answer.
    pub auto_resolution: Option<Duration>,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What its answers are given under.
    pub id: String,
    /// A word or two above it.
    pub header: String,
    /// The question.
    pub text: String,
    /// Answers to choose from. Without any, the answer is free text.
    pub options: Vec<QuestionOption>,
    /// Free text is an answer too.
    pub other: bool,
    /// The answer must not be shown as it is typed, nor be written down.
    pub secret: bool,
}

/// An answer to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionOption {
    /// The answer.
    pub label: String,
    /// What choosing it means.
    pub description: String,
}

impl Question {
    /// Free text is taken.
    pub fn takes_text(&self) -> bool {
        self.other || self.options.is_empty()
    }

    fn has_option(&self, label: &str) -> bool {
        self.options.iter().any(|option| option.label == label)
    }

    /// The answers as the server passes them on to the agent, word for word. Free text where there are
    /// options is marked as codex's own terminal client marks it (0.169, seen): agents know that form.
    fn texts(&self, given: &[String]) -> Vec<String> {
        if self.options.is_empty() {
            return given.to_vec();
        }
        let (chosen, written): (Vec<_>, Vec<_>) =
            given.iter().partition(|text| self.has_option(text));
        let none = (chosen.is_empty() && !written.is_empty()).then(|| NONE_OF_THEM.to_owned());
        let notes = written.into_iter().map(|text| format!("{NOTE}{text}"));
        none.into_iter()
            .chain(chosen.into_iter().cloned())
            .chain(notes)
            .collect()
    }
}

impl UserInputRequest {
    /// Reads the params. `None` when there is a question in them that cannot be told from another.
    pub(super) fn read(params: &Value) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Params {
            questions: Vec<Asked>,
            #[serde(default)]
            is_blocking: bool,
            auto_resolution_ms: Option<u64>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Asked {
            id: String,
            #[serde(default)]
            header: String,
            question: String,
            #[serde(default)]
            is_other: bool,
            #[serde(default)]
            is_secret: bool,
            options: Option<Vec<Choice>>,
        }
        #[derive(Deserialize)]
        struct Choice {
            label: String,
            #[serde(default)]
            description: String,
        }
        let params = Params::deserialize(params).ok()?;
        let mut ids = std::collections::HashSet::new();
        if !params.questions.iter().all(|asked| ids.insert(&asked.id)) {
            return None;
        }
        let question = |asked: Asked| Question {
            id: asked.id,
            header: asked.header,
            text: asked.question,
            options: asked
                .options
                .unwrap_or_default()
                .into_iter()
                .map(|choice| QuestionOption {
                    label: choice.label,
                    description: choice.description,
                })
                .collect(),
            other: asked.is_other,
            secret: asked.is_secret,
        };
        Some(Self {
            questions: params.questions.into_iter().map(question).collect(),
            blocking: params.is_blocking,
            auto_resolution: params.auto_resolution_ms.map(Duration::from_millis),
        })
    }

    /// Whether these can be answers to the questions.
    pub fn validate(&self, answers: &Answers) -> Result<(), Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let mut report = |field: &str, problem| {
            let field = field.to_owned();
            problems.push(FieldProblem { field, problem });
        };
        for id in answers.given.keys() {
            if !self.questions.iter().any(|question| question.id == *id) {
                report(id, Problem::Unknown);
            }
        }
        for question in &self.questions {
            let Some(given) = answers.given.get(&question.id) else {
                report(&question.id, Problem::Missing);
                continue;
            };
            for (index, text) in given.iter().enumerate() {
                let is_option = question.has_option(text);
                if given[..index].contains(text) {
                    report(&question.id, Problem::Repeated);
                } else if !is_option && !question.takes_text() {
                    report(&question.id, Problem::NotAnOption);
                } else if !is_option && text.trim().is_empty() {
                    report(&question.id, Problem::Blank);
                }
            }
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(problems),
        }
    }

    /// The result for answers that are valid. A question that was left out is left out here too.
    pub(super) fn answer(&self, answers: &Answers) -> Value {
        let given = self.questions.iter().filter_map(|question| {
            let given = answers.given.get(&question.id)?;
            let texts = question.texts(given);
            (!texts.is_empty()).then(|| (question.id.clone(), json!({ "answers": texts })))
        });
        json!({"answers": given.collect::<serde_json::Map<_, _>>()})
    }
}

/// Answers to questions. Debug output shows how many there are and never what they say: some are
/// secrets.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Answers {
    given: BTreeMap<String, Vec<String>>,
}

impl Answers {
    /// Answers a question: with labels of its options, free text, or both. A second call for the same
    /// question takes the place of the first.
    #[must_use]
    pub fn with<S: Into<String>>(
        mut self,
        question: impl Into<String>,
        answers: impl IntoIterator<Item = S>,
    ) -> Self {
        let answers = answers.into_iter().map(Into::into).collect();
        self.given.insert(question.into(), answers);
        self
    }

    /// Leaves a question out: the agent gets no answer to it. One that is neither answered nor left out
    /// is a problem.
    #[must_use]
    pub fn without(mut self, question: impl Into<String>) -> Self {
        self.given.insert(question.into(), Vec::new());
        self
    }

    /// The answers by question id; an empty list is a question left out.
    pub fn given(&self) -> &BTreeMap<String, Vec<String>> {
        &self.given
    }
}

impl From<BTreeMap<String, Vec<String>>> for Answers {
    fn from(given: BTreeMap<String, Vec<String>>) -> Self {
        Self { given }
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.given.iter().map(|(id, given)| (id, given.len())))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> UserInputRequest {
        UserInputRequest::read(&json!({"isBlocking": true, "autoResolutionMs": 1500, "questions": [
            {"id": "lang", "header": "Language", "question": "Which?", "isOther": false, "isSecret": false,
             "options": [{"label": "Rust", "description": "fast"}, {"label": "Go", "description": ""}]},
            {"id": "db", "header": "", "question": "Which?", "isOther": true, "isSecret": false,
             "options": [{"label": "SQLite", "description": ""}]},
            {"id": "token", "header": "", "question": "Token?", "isOther": false, "isSecret": true, "options": null},
        ]}))
        .unwrap()
    }

    #[test]
    fn questions_are_read_whole() {
        let asked = asked();
        assert!(asked.blocking);
        assert_eq!(asked.auto_resolution, Some(Duration::from_millis(1500)));
        assert_eq!(asked.questions[0].options[0].description, "fast");
        assert!(asked.questions[1].takes_text() && asked.questions[2].takes_text());
        assert!(!asked.questions[0].takes_text());
        assert!(asked.questions[2].secret);
        let twice =
            json!({"questions": [{"id": "a", "question": "1"}, {"id": "a", "question": "2"}]});
        assert_eq!(UserInputRequest::read(&twice), None);
    }

    #[test]
    fn answers_take_the_shape_of_the_protocol() {
        let answers = Answers::default()
            .with("lang", ["Rust"])
            .with("db", ["SQLite", "Postgres"])
            .with("token", ["abc"]);
        assert_eq!(asked().validate(&answers), Ok(()));
        assert_eq!(
            asked().answer(&answers),
            json!({"answers": {"lang": {"answers": ["Rust"]},
                "db": {"answers": ["SQLite", "user_note: Postgres"]}, "token": {"answers": ["abc"]}}})
        );
        assert!(!format!("{answers:?}").contains("abc"));
        let other = asked().answer(&Answers::default().with("db", ["Postgres"]));
        assert_eq!(
            other["answers"]["db"]["answers"],
            json!(["None of the above", "user_note: Postgres"])
        );
        let one = Answers::default()
            .with("lang", ["Go"])
            .without("db")
            .without("token");
        assert_eq!(asked().validate(&one), Ok(()));
        assert_eq!(
            asked().answer(&one),
            json!({"answers": {"lang": {"answers": ["Go"]}}})
        );
    }

    #[test]
    fn every_problem_is_named() {
        let answers = Answers::default()
            .with("lang", ["Postgres", "Rust", "Rust"])
            .with("db", [" "])
            .with("colour", ["red"]);
        let found: Vec<_> = asked().validate(&answers).unwrap_err();
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.field.as_str(), &found.problem))
            .collect();
        assert_eq!(
            found,
            [
                ("colour", &Problem::Unknown),
                ("lang", &Problem::NotAnOption),
                ("lang", &Problem::Repeated),
                ("db", &Problem::Blank),
                ("token", &Problem::Missing),
            ]
        );
    }
}
