use std::{fs, path::Path};

use countersign_contract::{
    CommandError, ErrorCode, ProfileColor, ProfileOrigin, ProfileSettings, SandboxMode, ShowWhen,
};
use tauri::{App, test::MockRuntime};
use tempfile::{TempDir, tempdir};

use super::app;
use crate::{
    codex::{Found, Origin},
    storage::{DEMO_PROFILE_ID, Profiles, profiles::first_profiles_in},
};

struct Desk {
    profiles: Profiles,
    folder: TempDir,
    _app: App<MockRuntime>,
}

fn desk() -> Desk {
    let folder = tempdir().unwrap();
    let app = app();
    let (profiles, problems) = Profiles::open(app.handle(), folder.path(), || {
        first_profiles_in(None, None, false)
    });
    assert_eq!(problems, []);
    Desk {
        profiles,
        folder,
        _app: app,
    }
}

impl Desk {
    /// The settings of a new profile.
    fn settings(&self, name: &str) -> ProfileSettings {
        ProfileSettings {
            name: name.to_owned(),
            ..self.profiles.get(DEMO_PROFILE_ID).unwrap().settings
        }
    }

    /// The field that a change of such settings is refused for.
    fn refused(&self, change: impl FnOnce(&mut ProfileSettings)) -> String {
        let mut settings = self.settings("New");
        change(&mut settings);
        field(self.profiles.create(settings).unwrap_err())
    }
}

fn field(error: CommandError) -> String {
    assert_eq!(error.code, ErrorCode::Invalid, "{error:?}");
    for part in [
        &error.problem.what,
        &error.problem.meaning,
        &error.problem.remedy,
    ] {
        assert!(part.ends_with('.'), "{part}");
    }
    error.field.unwrap()
}

/// A file as version 1 writes it. If this fails, the format changed: raise the version, give what
/// is new a default, and keep this file readable.
#[test]
fn version_1_files_stay_readable() {
    let folder = tempdir().unwrap();
    let app = app();
    fs::write(
        folder.path().join("profiles.json"),
        r#"{"version":1,"profiles":[
          {"id":"demo","origin":"demo","name":"Demo (offline)","color":"gray","codexBinary":null,"codexHome":null,
           "environment":{},"modelProvider":null,"model":null,"effort":null,"sandbox":"workspaceWrite",
           "approval":"untrusted","developerInstructions":"","dialogs":"always"},
          {"id":"w","origin":"user","name":"Work","color":"violet","codexBinary":"/usr/bin/codex","codexHome":"/home/w",
           "environment":{"A":"b"},"modelProvider":"p","model":"m","effort":"high","sandbox":"readOnly",
           "approval":"onRequest","developerInstructions":"be brief","dialogs":"whenUnfocused"}]}"#,
    )
    .unwrap();
    let (profiles, problems) =
        Profiles::open(app.handle(), folder.path(), || panic!("not a first start"));
    assert_eq!(problems, []);
    let work = profiles.get("w").unwrap();
    assert_eq!(work.settings.sandbox, SandboxMode::ReadOnly);
    assert_eq!(work.settings.dialogs, ShowWhen::WhenUnfocused);
    assert_eq!(work.settings.environment["A"], "b");
}

#[test]
fn the_demo_comes_back_when_a_file_lacks_it() {
    let folder = tempdir().unwrap();
    let app = app();
    fs::write(
        folder.path().join("profiles.json"),
        r#"{"version":1,"profiles":[]}"#,
    )
    .unwrap();
    let (profiles, problems) = Profiles::open(app.handle(), folder.path(), Vec::new);
    assert_eq!(problems, []);
    let demo = profiles.get(DEMO_PROFILE_ID).unwrap();
    assert_eq!(demo.origin, ProfileOrigin::Demo);
    assert_eq!(demo.settings.name, "Demo (offline)");
}

#[test]
fn profiles_survive_a_start() {
    let desk = desk();
    let made = desk.profiles.create(desk.settings("  Work  ")).unwrap();
    assert_eq!(made.settings.name, "Work");
    assert_eq!(made.origin, ProfileOrigin::User);
    let copy = desk.profiles.duplicate(&made.id).unwrap();
    assert_eq!(copy.settings.name, "Work copy");
    assert_eq!(
        desk.profiles.duplicate(&made.id).unwrap().settings.name,
        "Work copy 2"
    );
    let mut settings = copy.settings.clone();
    settings.color = ProfileColor::Teal;
    desk.profiles.update(&copy.id, settings).unwrap();
    desk.profiles.delete(&made.id, &[]).unwrap();
    let before = desk.profiles.list();
    assert_eq!(before.len(), 3);
    let (again, problems) = Profiles::open(app().handle(), desk.folder.path(), Vec::new);
    assert_eq!((again.list(), problems), (before, vec![]));
}

#[test]
fn names_are_unique_short_and_readable() {
    let desk = desk();
    desk.profiles.create(desk.settings("Work")).unwrap();
    for name in [
        "",
        "  ",
        "work",
        "WORK ",
        "a\u{202e}b",
        "a\nb",
        &"x".repeat(61),
    ] {
        assert_eq!(
            field(desk.profiles.create(desk.settings(name)).unwrap_err()),
            "name"
        );
    }
    desk.profiles
        .create(desk.settings(&"ä".repeat(60)))
        .unwrap();
    let made = desk.profiles.list().pop().unwrap();
    let copy = desk.profiles.duplicate(&made.id).unwrap();
    desk.profiles
        .update(&copy.id, copy.settings.clone())
        .unwrap();
    let mut settings = copy.settings;
    settings.name = "wOrk".to_owned();
    assert_eq!(
        field(desk.profiles.update(&copy.id, settings).unwrap_err()),
        "name"
    );
}

#[cfg(unix)]
#[test]
fn the_codex_program_must_be_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = desk();
    let program = desk.folder.path().join("codex");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    let set = |path: &Path| {
        let path = path.to_str().unwrap().to_owned();
        move |settings: &mut ProfileSettings| settings.codex_binary = Some(path)
    };
    for path in [
        Path::new("codex"),
        Path::new("/no/such/codex"),
        &program,
        desk.folder.path(),
    ] {
        assert_eq!(desk.refused(set(path)), "codexBinary");
    }
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut settings = desk.settings("New");
    set(&program)(&mut settings);
    settings.model = Some("  ".to_owned());
    let made = desk.profiles.create(settings).unwrap();
    assert_eq!(made.settings.model, None);
}

#[test]
fn homes_models_and_variables_are_checked() {
    let desk = desk();
    assert_eq!(
        desk.refused(|s| s.codex_home = Some("home".into())),
        "codexHome"
    );
    let file = desk.folder.path().join("profiles.json");
    assert_eq!(
        desk.refused(|s| s.codex_home = Some(file.to_str().unwrap().into())),
        "codexHome"
    );
    assert_eq!(desk.refused(|s| s.model = Some("a b".into())), "model");
    assert_eq!(
        desk.refused(|s| s.effort = Some("hi\u{7}gh".into())),
        "effort"
    );
    for (name, value) in [
        ("", "x"),
        ("1A", "x"),
        ("A=B", "x"),
        ("A B", "x"),
        ("A\u{0}", "x"),
        ("A", "x\u{0}"),
        ("CODEX_HOME", "/x"),
        ("codex_home", "/x"),
    ] {
        let (name, value) = (name.to_owned(), value.to_owned());
        assert_eq!(
            desk.refused(|s| drop(s.environment.insert(name, value))),
            "environment"
        );
    }
}

#[test]
fn i9_secrets_do_not_get_into_a_profile() {
    let desk = desk();
    let secrets = [
        "OPENAI_API_KEY",
        "GITHUB_TOKEN",
        "Client_Secret",
        "DB_PASSWORD",
        "TOKEN",
        "APIKEY",
    ];
    for name in secrets {
        let insert = |s: &mut ProfileSettings| {
            s.environment
                .insert(name.to_owned(), "hush-hush".to_owned());
        };
        assert_eq!(desk.refused(insert), "environment", "{name}");
    }
    let mut settings = desk.settings("New");
    for name in ["MONKEY", "TOKENIZERS_PARALLELISM", "RUST_LOG", "PATH"] {
        settings.environment.insert(name.to_owned(), "x".to_owned());
    }
    desk.profiles.create(settings).unwrap();
    let text = fs::read_to_string(desk.folder.path().join("profiles.json")).unwrap();
    assert!(text.contains("MONKEY") && !text.contains("hush-hush"));
}

#[test]
fn the_demo_stays_what_it_is() {
    let desk = desk();
    let demo = desk.settings("My demo");
    let updated = desk.profiles.update(
        DEMO_PROFILE_ID,
        ProfileSettings {
            dialogs: ShowWhen::Never,
            sandbox: SandboxMode::ReadOnly,
            developer_instructions: "short".to_owned(),
            ..demo.clone()
        },
    );
    assert_eq!(updated.unwrap().origin, ProfileOrigin::Demo);
    type Change = fn(&mut ProfileSettings);
    let changes: [(&str, Change); 5] = [
        ("codexBinary", |s| s.codex_binary = Some("/bin/sh".into())),
        ("codexHome", |s| s.codex_home = Some("/tmp".into())),
        ("environment", |s| {
            drop(s.environment.insert("A".into(), "b".into()))
        }),
        ("modelProvider", |s| {
            s.model_provider = Some("openai".into())
        }),
        ("model", |s| s.model = Some("other".into())),
    ];
    let copy = desk.profiles.duplicate(DEMO_PROFILE_ID).unwrap();
    for (name, change) in changes {
        let mut settings = demo.clone();
        change(&mut settings);
        for (id, name_of_its_own) in [(DEMO_PROFILE_ID, "A"), (&copy.id, "B")] {
            settings.name = name_of_its_own.to_owned();
            let refused = desk.profiles.update(id, settings.clone());
            assert_eq!(field(refused.unwrap_err()), name);
        }
    }
    assert!(desk.profiles.delete(DEMO_PROFILE_ID, &[]).is_err());
    desk.profiles.delete(&copy.id, &[]).unwrap();
}

#[test]
fn a_profile_in_use_stays() {
    let desk = desk();
    let made = desk.profiles.create(desk.settings("Work")).unwrap();
    let error = desk
        .profiles
        .delete(&made.id, &["api-server".to_owned()])
        .unwrap_err();
    assert!(error.problem.what.contains("api-server"));
    assert!(desk.profiles.get(&made.id).is_some());
    let gone = desk.profiles.delete("nobody", &[]).unwrap_err();
    assert_eq!(gone.code, ErrorCode::NotFound);
}

#[test]
fn a_first_start_offers_the_own_codex_only_if_it_can_reach_a_model() {
    let home = tempdir().unwrap();
    let found = Found {
        path: "/usr/bin/codex".into(),
        via: "/usr/bin/codex".into(),
        origin: Origin::Path,
        tried: Vec::new(),
    };
    let names = |found: Option<&Found>, key: bool| -> Vec<String> {
        first_profiles_in(found, Some(home.path()), key)
            .into_iter()
            .map(|profile| profile.settings.name)
            .collect()
    };
    let (alone, both) = (["Demo (offline)"], ["Demo (offline)", "Default"]);
    assert_eq!(names(Some(&found), false), alone);
    assert_eq!(names(Some(&found), true), both);
    assert_eq!(names(None, true), alone);

    let config = home.path().join("config.toml");
    for (text, expected) in [
        (
            "model = \"m\"\n[model_providers.x]\nname = \"model_provider\"",
            &alone[..],
        ),
        ("model_provider = \"x\"", &both[..]),
        (
            "profile = \"p\"\n[profiles.p]\nmodel_provider = \"x\"",
            &both[..],
        ),
        (
            "profile = \"q\"\n[profiles.p]\nmodel_provider = \"x\"",
            &alone[..],
        ),
        ("model_provider = ", &alone[..]),
    ] {
        fs::write(&config, text).unwrap();
        assert_eq!(names(Some(&found), false), expected, "{text}");
    }
    fs::write(home.path().join("auth.json"), "{}").unwrap();
    assert_eq!(names(Some(&found), false), both);
    assert_eq!(names(None, false), alone);
}
