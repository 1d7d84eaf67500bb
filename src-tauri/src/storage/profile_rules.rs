//! What a profile may say: the rules behind its form, each with words for the person.

use std::path::Path;

use countersign_contract::{CommandError, Profile, ProfileOrigin, ProfileSettings};

use crate::{codex::is_executable, error::invalid};

const NAME_LIMIT: usize = 60;

/// Brings settings into their kept form: names trimmed, empty optional fields absent.
pub(super) fn tidy(mut settings: ProfileSettings) -> ProfileSettings {
    settings.name = settings.name.trim().to_owned();
    for field in [
        &mut settings.codex_binary,
        &mut settings.codex_home,
        &mut settings.model_provider,
        &mut settings.model,
        &mut settings.effort,
    ] {
        *field = field
            .take()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty());
    }
    settings
}

/// Checks tidy settings. `others` are the profiles that must stay distinct from it, `before` is the
/// profile that it changes.
pub(super) fn check(
    settings: &ProfileSettings,
    before: Option<&Profile>,
    others: &[&Profile],
) -> Result<(), CommandError> {
    check_name(&settings.name, others)?;
    match before {
        Some(profile) if profile.origin == ProfileOrigin::Demo => {
            check_demo(settings, &profile.settings)
        }
        _ => {
            check_binary(settings.codex_binary.as_deref())?;
            check_home(settings.codex_home.as_deref())?;
            check_environment(settings)?;
            for (field, text) in [
                ("modelProvider", &settings.model_provider),
                ("model", &settings.model),
                ("effort", &settings.effort),
            ] {
                check_word(field, text.as_deref())?;
            }
            Ok(())
        }
    }
}

fn check_name(name: &str, others: &[&Profile]) -> Result<(), CommandError> {
    if name.is_empty() {
        return Err(invalid("name", "The profile has no name.", "Give it one."));
    }
    if name.chars().count() > NAME_LIMIT {
        return Err(invalid(
            "name",
            format!("The name is longer than {NAME_LIMIT} characters."),
            "Choose a shorter one.",
        ));
    }
    if name != countersign_markup::visible_line(name) {
        return Err(invalid(
            "name",
            "The name holds characters that cannot be seen.",
            "Type it without them.",
        ));
    }
    let folded = name.to_lowercase();
    if others
        .iter()
        .any(|other| other.settings.name.to_lowercase() == folded)
    {
        return Err(invalid(
            "name",
            format!("There is a profile named {name} already."),
            "Choose another name.",
        ));
    }
    Ok(())
}

fn check_demo(settings: &ProfileSettings, before: &ProfileSettings) -> Result<(), CommandError> {
    let fixed = [
        ("codexBinary", settings.codex_binary == before.codex_binary),
        ("codexHome", settings.codex_home == before.codex_home),
        ("environment", settings.environment == before.environment),
        (
            "modelProvider",
            settings.model_provider == before.model_provider,
        ),
        ("model", settings.model == before.model),
    ];
    match fixed.iter().find(|(_, same)| !same) {
        None => check_word("effort", settings.effort.as_deref()),
        Some((field, _)) => Err(invalid(
            field,
            "The demo has its own Codex home, provider and model.",
            "To use others, make a new profile.",
        )),
    }
}

fn check_binary(path: Option<&str>) -> Result<(), CommandError> {
    let Some(text) = path else { return Ok(()) };
    let path = Path::new(text);
    let field = "codexBinary";
    if !path.is_absolute() {
        return Err(invalid(
            field,
            "The path of the Codex program does not start at the root.",
            "Give the whole path, or leave it empty to have it found.",
        ));
    }
    if !path.exists() {
        return Err(invalid(
            field,
            format!("There is no file {text}."),
            "Correct the path, or leave it empty to have it found.",
        ));
    }
    if !is_executable(path) {
        return Err(invalid(
            field,
            format!("{text} is not a program that can be run."),
            "Choose the codex program itself, or leave it empty to have it found.",
        ));
    }
    Ok(())
}

fn check_home(path: Option<&str>) -> Result<(), CommandError> {
    let Some(text) = path else { return Ok(()) };
    let path = Path::new(text);
    if !path.is_absolute() || text.contains('\0') {
        return Err(invalid(
            "codexHome",
            "The path of the Codex home does not start at the root.",
            "Give the whole path, or leave it empty for Codex's own default.",
        ));
    }
    if path.exists() && !path.is_dir() {
        return Err(invalid(
            "codexHome",
            format!("{text} is not a folder."),
            "Choose a folder, or leave it empty for Codex's own default.",
        ));
    }
    Ok(())
}

fn check_environment(settings: &ProfileSettings) -> Result<(), CommandError> {
    let field = "environment";
    for (name, value) in &settings.environment {
        let mut chars = name.chars();
        let first = chars.next();
        if !first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            return Err(invalid(
                field,
                format!(
                    "\"{}\" cannot be the name of a variable.",
                    countersign_markup::visible_line(name)
                ),
                "Use letters, digits and underscores, with no digit in front.",
            ));
        }
        if name.eq_ignore_ascii_case("CODEX_HOME") {
            return Err(invalid(
                field,
                "CODEX_HOME has a field of its own.",
                "Set it in the field for the Codex home.",
            ));
        }
        if names_a_secret(name) {
            return Err(invalid(
                field,
                format!("{name} looks like a secret, and profiles are saved as plain text."),
                "Log in with codex login, or set it in the environment of your shell.",
            ));
        }
        if value.contains('\0') {
            return Err(invalid(
                field,
                format!("The value of {name} holds a character that no variable can hold."),
                "Type it without that character.",
            ));
        }
    }
    Ok(())
}

/// Whether a variable of this name usually holds a secret (I9).
fn names_a_secret(name: &str) -> bool {
    const LAST_WORDS: [&str; 10] = [
        "KEY",
        "APIKEY",
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "CREDENTIAL",
        "CREDENTIALS",
        "PAT",
    ];
    let last = name.rsplit('_').next().unwrap_or(name).to_ascii_uppercase();
    LAST_WORDS.contains(&last.as_str())
}

fn check_word(field: &str, text: Option<&str>) -> Result<(), CommandError> {
    match text {
        Some(text) if text.chars().any(|c| c.is_control() || c.is_whitespace()) => Err(invalid(
            field,
            "It holds a space or a character that cannot be seen.",
            "Type the name exactly as Codex knows it.",
        )),
        _ => Ok(()),
    }
}
