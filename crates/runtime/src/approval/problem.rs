//! What is wrong with an answer that has content, field by field.

use std::fmt;

use serde_json::Number;

/// What is wrong with one field of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's name, or the question's id.
    pub field: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong. Its text says what to do instead, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing was asked under this name.
    Unknown,
    /// There must be an answer.
    Missing,
    /// An answer of white space alone.
    Blank,
    /// The same answer twice.
    Repeated,
    /// None of the options.
    NotAnOption,
    /// A text is wanted.
    NotText,
    /// A number is wanted.
    NotNumber,
    /// A number without a fraction is wanted.
    NotInteger,
    /// Yes or no is wanted.
    NotBoolean,
    /// A list of options is wanted.
    NotList,
    /// The least number of characters.
    TooShort(u64),
    /// The greatest number of characters.
    TooLong(u64),
    /// The least value.
    TooSmall(Number),
    /// The greatest value.
    TooLarge(Number),
    /// The least number of options.
    TooFew(u64),
    /// The greatest number of options.
    TooMany(u64),
    /// No mail address.
    NotEmail,
    /// No absolute URI.
    NotUri,
    /// No date as in 2025-01-31.
    NotDate,
    /// No date and time as in RFC 3339.
    NotDateTime,
    /// A field of a kind that this build cannot fill in.
    Unsupported,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Unknown => f.write_str("Nothing was asked under this name."),
            Problem::Missing => f.write_str("Fill this in."),
            Problem::Blank => f.write_str("Write something, or leave the question out."),
            Problem::Repeated => f.write_str("Give each answer once."),
            Problem::NotAnOption => f.write_str("Choose one of the options."),
            Problem::NotText => f.write_str("Enter a text."),
            Problem::NotNumber => f.write_str("Enter a number."),
            Problem::NotInteger => f.write_str("Enter a whole number."),
            Problem::NotBoolean => f.write_str("Choose yes or no."),
            Problem::NotList => f.write_str("Choose from the list."),
            Problem::TooShort(1) => f.write_str("Enter at least one character."),
            Problem::TooShort(least) => write!(f, "Enter at least {least} characters."),
            Problem::TooLong(most) => write!(f, "Enter at most {most} characters."),
            Problem::TooSmall(least) => write!(f, "Enter {least} or more."),
            Problem::TooLarge(most) => write!(f, "Enter {most} or less."),
            Problem::TooFew(least) => write!(f, "Choose at least {least}."),
            Problem::TooMany(most) => write!(f, "Choose at most {most}."),
            Problem::NotEmail => f.write_str("Enter an email address, as in ann@example.org."),
            Problem::NotUri => f.write_str("Enter an address, as in https://example.org."),
            Problem::NotDate => f.write_str("Enter a date, as in 2025-01-31."),
            Problem::NotDateTime => {
                f.write_str("Enter a date and time, as in 2025-01-31T12:00:00Z.")
            }
            Problem::Unsupported => f.write_str("This kind of field cannot be filled in here."),
        }
    }
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}
