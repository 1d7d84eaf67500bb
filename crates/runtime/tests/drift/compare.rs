//! Holds the table of what is used against a schema.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::schema::{Alternative, Members, Schema};
use super::shape::{Kind, Member, Shape};
use super::used::{CALLS, NAMED, NOTIFICATIONS, SAID, SERVER_REQUESTS};

/// Something that is used and is not there, or not as it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The method, `params` or `result`, and the members down to the place.
    pub(crate) place: String,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\n    expected: {}\n    there is: {}",
            self.place, self.expected, self.found
        )
    }
}

#[derive(Default)]
pub(crate) struct Report {
    pub(crate) problems: Vec<Problem>,
    /// What the protocol has and we do not use.
    pub(crate) news: Vec<String>,
}

/// Everything of the table against a schema.
pub(crate) fn compare(schema: &Schema) -> Report {
    let mut report = Report::default();
    let mut check = Check {
        schema,
        report: &mut report,
    };

    let methods = schema.methods("ClientRequest");
    for call in CALLS {
        let Some(params) = methods.get(call.method) else {
            check.absent(call.method, "a request that we send");
            continue;
        };
        check.sends(
            &Shape::read(call.sends, NAMED),
            params,
            &format!("{} params", call.method),
        );
        check.reads_named(call.reads, call.answer, &format!("{} result", call.method));
    }
    check.list("request that we do not send", &methods, |method| {
        CALLS.iter().any(|call| call.method == method)
    });

    let methods = schema.methods("ClientNotification");
    for method in SAID {
        if !methods.contains_key(method) {
            check.absent(method, "a notification that we send");
        }
    }
    check.list("notification that we do not send", &methods, |method| {
        SAID.contains(&method)
    });

    let methods = schema.methods("ServerNotification");
    for notification in NOTIFICATIONS {
        for method in notification.methods {
            match methods.get(method) {
                Some(params) => check.reads(
                    &Shape::read(notification.reads, NAMED),
                    params,
                    &format!("{method} params"),
                ),
                None => check.absent(method, "a notification that we read"),
            }
        }
    }
    check.list("notification that we do not read", &methods, |method| {
        NOTIFICATIONS
            .iter()
            .any(|notification| notification.methods.contains(&method))
    });

    let methods = schema.methods("ServerRequest");
    for request in SERVER_REQUESTS {
        let Some(params) = methods.get(request.method) else {
            check.absent(request.method, "a request that we answer");
            continue;
        };
        check.reads(
            &Shape::read(request.reads, NAMED),
            params,
            &format!("{} params", request.method),
        );
        let place = format!("{} result", request.method);
        match schema.named(request.answer) {
            Some(answer) => check.sends(&Shape::read(request.sends, NAMED), answer, &place),
            None => check.absent(&place, request.answer),
        }
    }
    check.list(
        "request of the server that gets an error",
        &methods,
        |method| {
            SERVER_REQUESTS
                .iter()
                .any(|request| request.method == method)
        },
    );
    report
}

struct Check<'a> {
    schema: &'a Schema,
    report: &'a mut Report,
}

impl<'a> Check<'a> {
    fn absent(&mut self, place: &str, expected: &str) {
        self.problem(place, expected, "nothing");
    }

    fn problem(&mut self, place: &str, expected: impl fmt::Display, found: impl fmt::Display) {
        let problem = Problem {
            place: place.to_owned(),
            expected: expected.to_string(),
            found: found.to_string(),
        };
        // The same type is read in many places.
        if !self.report.problems.contains(&problem) {
            self.report.problems.push(problem);
        }
    }

    fn news(&mut self, what: String) {
        if !self.report.news.contains(&what) {
            self.report.news.push(what);
        }
    }

    fn list(&mut self, what: &str, methods: &BTreeMap<&str, &Value>, known: impl Fn(&str) -> bool) {
        for method in methods.keys().filter(|method| !known(method)) {
            self.news(format!("{method}: a {what}"));
        }
    }

    fn reads_named(&mut self, reads: &str, answer: &str, place: &str) {
        match self.schema.named(answer) {
            Some(schema) => self.reads(&Shape::read(reads, NAMED), schema, place),
            None => self.absent(place, answer),
        }
    }

    /// Whatever the schema lets come can be read, and what is read can come.
    fn reads(&mut self, shape: &Shape, schema: &'a Value, place: &str) {
        let there = self.schema.alternatives(schema);
        if shape.any_of.iter().any(|kind| matches!(kind, Kind::Any)) {
            return;
        }
        for alternative in &there {
            match shape
                .any_of
                .iter()
                .find(|kind| self.fits(kind, alternative))
            {
                Some(kind) => self.inside(kind, alternative, place),
                None if self.is_one_more(shape, alternative) && !shape.closed => {
                    self.news(format!(
                        "{place}: {} is read as unknown",
                        self.schema.word(alternative)
                    ));
                }
                None => self.problem(place, shape, self.schema.describe(schema)),
            }
        }
        for kind in &shape.any_of {
            let comes = there.iter().any(|alternative| self.fits(kind, alternative) || matches!(kind, Kind::Null))
                // A literal may have become one of any strings, and still come.
                || matches!(kind, Kind::Literal(_)) && there.iter().any(|a| matches!(a, Alternative::Plain("string")));
            if !comes {
                self.problem(place, kind, self.schema.describe(schema));
            }
        }
    }

    /// What comes as `alternative` is read as `kind`.
    fn fits(&self, kind: &Kind, alternative: &Alternative<'_>) -> bool {
        match (kind, alternative) {
            (Kind::Any, _) | (Kind::Null, Alternative::Null) => true,
            (Kind::Literal(ours), Alternative::Literal(theirs)) => ours == theirs,
            (Kind::Plain("string"), Alternative::Literal(_)) => true,
            (Kind::Plain("number"), Alternative::Plain("integer")) => true,
            (Kind::Plain(ours), Alternative::Plain(theirs)) => ours == theirs,
            (Kind::Plain("object") | Kind::Map(_), Alternative::Object(_))
            | (Kind::List(_), Alternative::List(_)) => true,
            (Kind::Object(ours), Alternative::Object(theirs)) => {
                match (tag(ours), theirs.tag(self.schema)) {
                    (Some(ours), Some(theirs)) => ours == theirs,
                    // Told apart by the only member that it must have.
                    (None, None) => match ours.as_slice() {
                        [only] if !only.optional && theirs.of.len() <= 1 => {
                            theirs.of.contains_key(only.name.as_str())
                        }
                        _ => true,
                    },
                    (None, Some(_)) => true,
                    (Some(_), None) => false,
                }
            }
            _ => false,
        }
    }

    /// A variant that joined others of its sort.
    fn is_one_more(&self, shape: &Shape, alternative: &Alternative<'_>) -> bool {
        shape.any_of.iter().any(|kind| match (kind, alternative) {
            (Kind::Literal(_), Alternative::Literal(_)) => true,
            (Kind::Object(ours), Alternative::Object(theirs)) => {
                tag(ours).map(|(name, _)| name) == theirs.tag(self.schema).map(|(name, _)| name)
            }
            _ => false,
        })
    }

    fn inside(&mut self, kind: &Kind, alternative: &Alternative<'a>, place: &str) {
        match (kind, alternative) {
            (Kind::List(ours), Alternative::List(theirs)) => {
                self.reads(ours, theirs, &format!("{place}[]"))
            }
            (Kind::Map(ours), Alternative::Object(theirs)) => {
                if let Some(others) = theirs.others {
                    self.reads(ours, others, &format!("{place}.*"));
                }
            }
            (Kind::Object(ours), Alternative::Object(theirs)) => {
                let place = match tag(ours) {
                    Some((_, tag)) => format!("{place}<{tag}>"),
                    None => place.to_owned(),
                };
                for member in ours {
                    self.reads_member(member, theirs, &format!("{place}.{}", member.name));
                }
            }
            _ => {}
        }
    }

    fn reads_member(&mut self, member: &Member, theirs: &Members<'a>, place: &str) {
        let Some(schema) = theirs.of.get(member.name.as_str()) else {
            return self.problem(place, &member.shape, "nothing");
        };
        if !member.optional && !theirs.required.contains(member.name.as_str()) {
            self.problem(
                place,
                format_args!("{}, always", member.shape),
                format_args!("{}, perhaps", self.schema.describe(schema)),
            );
        }
        self.reads(&member.shape, schema, place);
    }

    /// Whatever we send is taken.
    fn sends(&mut self, shape: &Shape, schema: &'a Value, place: &str) {
        let there = self.schema.alternatives(schema);
        for kind in &shape.any_of {
            // The reasons of the alternative that comes nearest.
            let mut nearest: Option<Report> = None;
            for alternative in &there {
                let mut report = Report::default();
                let mut check = Check {
                    schema: self.schema,
                    report: &mut report,
                };
                if check.takes(kind, alternative, place)
                    && nearest
                        .as_ref()
                        .is_none_or(|best| report.problems.len() < best.problems.len())
                {
                    nearest = Some(report);
                }
            }
            match nearest {
                Some(report) => report
                    .problems
                    .into_iter()
                    .for_each(|p| self.problem(&p.place, p.expected, p.found)),
                None => self.problem(place, kind, self.schema.describe(schema)),
            }
        }
    }

    /// False when it is another kind of thing altogether; problems inside it are reported.
    fn takes(&mut self, kind: &Kind, alternative: &Alternative<'a>, place: &str) -> bool {
        match (kind, alternative) {
            (_, Alternative::Any) | (Kind::Null, Alternative::Null) => true,
            (Kind::Literal(_), Alternative::Plain("string"))
            | (Kind::Plain("integer"), Alternative::Plain("number")) => true,
            (Kind::Literal(ours), Alternative::Literal(theirs)) => ours == theirs,
            (Kind::Plain("object") | Kind::Map(_), Alternative::Object(_)) => true,
            (Kind::Plain(ours), Alternative::Plain(theirs)) => ours == theirs,
            (Kind::List(ours), Alternative::List(theirs)) => {
                self.sends(ours, theirs, &format!("{place}[]"));
                true
            }
            (Kind::Object(ours), Alternative::Object(theirs)) => {
                if let (Some(ours), Some(theirs)) = (tag(ours), theirs.tag(self.schema))
                    && ours != theirs
                {
                    return false;
                }
                for member in ours {
                    let place = format!("{place}.{}", member.name);
                    match theirs.of.get(member.name.as_str()) {
                        Some(schema) => self.sends(&member.shape, schema, &place),
                        None => self.problem(&place, &member.shape, "nothing"),
                    }
                }
                for name in &theirs.required {
                    if !ours
                        .iter()
                        .any(|member| member.name == *name && !member.optional)
                    {
                        let wanted = theirs
                            .of
                            .get(name)
                            .map_or_else(String::new, |of| self.schema.describe(of));
                        self.problem(
                            &format!("{place}.{name}"),
                            "not asked for",
                            format_args!("{wanted}, required"),
                        );
                    }
                }
                true
            }
            _ => false,
        }
    }
}

/// The member that tells an object from the others of its union.
fn tag(members: &[Member]) -> Option<(&str, &str)> {
    members
        .iter()
        .find_map(|member| match member.shape.any_of.as_slice() {
            [Kind::Literal(value)] if !member.optional && member.name == "type" => {
                Some((member.name.as_str(), value.as_str()))
            }
            _ => None,
        })
}
