//! The contract's commands, each a few lines over [`App`].

use countersign_contract::{
    Answer, AppState, ApprovalId, BatchResult, ChoiceId, CodexRule, CommandError, ErrorCode,
    ExportFormat, LedgerId, LedgerPage, LedgerQuery, NoticeId, Profile, ProfileId, ProfileSettings,
    Rule, RuleBook, RuleId, RuleOrigin, RulePreview, RuleSettings, RulesImported, SessionId,
    Settings, TranscriptUpdate,
};
use std::path::{Path, PathBuf};

use tauri::ipc::Channel;
use tauri::{AppHandle, Runtime, State};
use tauri_plugin_dialog::{DialogExt, FilePath};
use tauri_plugin_opener::OpenerExt;

use crate::app::App;
use crate::{error, problems};

type Result<T> = std::result::Result<T, CommandError>;

#[tauri::command]
pub(crate) fn app_read(app: State<'_, App>) -> AppState {
    app.read()
}

#[tauri::command(async)]
pub(crate) fn session_open(
    app: State<'_, App>,
    profile: ProfileId,
    folder: String,
) -> Result<SessionId> {
    app.open_session(&profile, &folder)
}

#[tauri::command(async)]
pub(crate) fn session_activate(app: State<'_, App>, session: SessionId) -> Result<()> {
    app.activate(&session)
}

#[tauri::command(async)]
pub(crate) fn session_rename(app: State<'_, App>, session: SessionId, title: String) -> Result<()> {
    app.rename(&session, &title)
}

#[tauri::command(async)]
pub(crate) fn session_move(app: State<'_, App>, session: SessionId, to: usize) -> Result<()> {
    app.move_session(&session, to)
}

#[tauri::command]
pub(crate) async fn session_close(app: State<'_, App>, session: SessionId) -> Result<()> {
    app.close_session(&session).await
}

#[tauri::command]
pub(crate) async fn session_send(
    app: State<'_, App>,
    session: SessionId,
    text: String,
) -> Result<()> {
    app.session(&session)?.send(text).await
}

#[tauri::command]
pub(crate) async fn session_stop(app: State<'_, App>, session: SessionId) -> Result<()> {
    app.session(&session)?.stop().await
}

#[tauri::command]
pub(crate) fn session_retry(app: State<'_, App>, session: SessionId) -> Result<()> {
    app.session(&session)?.retry();
    Ok(())
}

#[tauri::command(async)]
pub(crate) fn session_draft(app: State<'_, App>, session: SessionId, text: String) -> Result<()> {
    app.draft(&session, text)
}

#[tauri::command]
pub(crate) fn session_watch(
    app: State<'_, App>,
    session: SessionId,
    updates: Channel<TranscriptUpdate>,
) -> Result<()> {
    app.watch(
        &session,
        Box::new(move |update| updates.send(update).is_ok()),
    )
}

#[tauri::command]
pub(crate) fn session_ack(app: State<'_, App>, session: SessionId, seq: u32) -> Result<()> {
    app.session(&session)?.ack(seq);
    Ok(())
}

#[tauri::command]
pub(crate) async fn session_earlier(app: State<'_, App>, session: SessionId) -> Result<()> {
    app.session(&session)?.earlier().await
}

#[tauri::command]
pub(crate) async fn approval_answer(
    app: State<'_, App>,
    approval: ApprovalId,
    answer: Answer,
) -> Result<()> {
    app.answer(&approval, &answer).await
}

#[tauri::command]
pub(crate) async fn approval_answer_many(
    app: State<'_, App>,
    approvals: Vec<ApprovalId>,
    choice: ChoiceId,
) -> Result<BatchResult> {
    Ok(app.answer_many(approvals, choice).await)
}

#[tauri::command(async)]
pub(crate) fn rules_read(app: State<'_, App>) -> RuleBook {
    app.rule_book()
}

#[tauri::command(async)]
pub(crate) fn rules_suggest(
    app: State<'_, App>,
    approval: ApprovalId,
) -> Result<Vec<RuleSettings>> {
    app.suggest_rules(&approval)
}

#[tauri::command(async)]
pub(crate) fn rule_preview(app: State<'_, App>, settings: RuleSettings) -> Result<RulePreview> {
    app.preview_rule(&settings)
}

#[tauri::command(async)]
pub(crate) fn rule_create(
    app: State<'_, App>,
    settings: RuleSettings,
    origin: RuleOrigin,
) -> Result<Rule> {
    app.create_rule(settings, origin)
}

#[tauri::command(async)]
pub(crate) fn rule_update(
    app: State<'_, App>,
    rule: RuleId,
    settings: RuleSettings,
) -> Result<Rule> {
    app.update_rule(&rule, settings)
}

#[tauri::command(async)]
pub(crate) fn rule_delete(app: State<'_, App>, rule: RuleId) -> Result<()> {
    app.delete_rule(&rule)
}

#[tauri::command(async)]
pub(crate) fn rule_restore(app: State<'_, App>, rule: Rule) -> Result<()> {
    app.restore_rule(rule)
}

#[tauri::command]
pub(crate) async fn rules_import<R: Runtime>(
    handle: AppHandle<R>,
    app: State<'_, App>,
) -> Result<Option<RulesImported>> {
    let (picked, pick) = tokio::sync::oneshot::channel();
    let dialog = handle.dialog().file().add_filter("Rules", &["json"]);
    dialog.pick_file(move |file| {
        let _ = picked.send(file);
    });
    let Some(file) = path_of(pick.await) else {
        return Ok(None);
    };
    let app = app.inner().clone();
    behind(move || app.import_rules(&file)).await.map(Some)
}

#[tauri::command]
pub(crate) async fn rules_export<R: Runtime>(
    handle: AppHandle<R>,
    app: State<'_, App>,
) -> Result<Option<String>> {
    let app = app.inner().clone();
    save(&handle, "countersign-rules.json", move |file| {
        app.export_rules(file)
    })
    .await
}

#[tauri::command(async)]
pub(crate) fn codex_rule_delete(
    app: State<'_, App>,
    profile: ProfileId,
    rule: CodexRule,
) -> Result<()> {
    app.delete_codex_rule(&profile, &rule)
}

#[tauri::command(async)]
pub(crate) fn codex_rule_restore(
    app: State<'_, App>,
    profile: ProfileId,
    rule: CodexRule,
) -> Result<()> {
    app.restore_codex_rule(&profile, &rule)
}

#[tauri::command]
pub(crate) async fn ledger_search(
    app: State<'_, App>,
    query: LedgerQuery,
    before: Option<LedgerId>,
    limit: u32,
) -> Result<LedgerPage> {
    let app = app.inner().clone();
    behind(move || app.search_ledger(&query, before, limit)).await
}

#[tauri::command]
pub(crate) async fn ledger_export<R: Runtime>(
    handle: AppHandle<R>,
    app: State<'_, App>,
    query: LedgerQuery,
    format: ExportFormat,
) -> Result<Option<String>> {
    let name = match format {
        ExportFormat::JsonLines => "countersign-ledger.jsonl",
        ExportFormat::Csv => "countersign-ledger.csv",
    };
    let app = app.inner().clone();
    save(&handle, name, move |file| {
        app.export_ledger(&query, format, file)
    })
    .await
}

#[tauri::command(async)]
pub(crate) fn profile_create(app: State<'_, App>, settings: ProfileSettings) -> Result<Profile> {
    app.create_profile(settings)
}

#[tauri::command(async)]
pub(crate) fn profile_duplicate(app: State<'_, App>, profile: ProfileId) -> Result<Profile> {
    app.duplicate_profile(&profile)
}

#[tauri::command(async)]
pub(crate) fn profile_update(
    app: State<'_, App>,
    profile: ProfileId,
    settings: ProfileSettings,
) -> Result<Profile> {
    app.update_profile(&profile, settings)
}

#[tauri::command(async)]
pub(crate) fn profile_delete(app: State<'_, App>, profile: ProfileId) -> Result<()> {
    app.delete_profile(&profile)
}

#[tauri::command(async)]
pub(crate) fn settings_update(app: State<'_, App>, settings: Settings) -> Result<()> {
    app.update_settings(settings)
}

#[tauri::command]
pub(crate) fn notice_dismiss(app: State<'_, App>, notice: NoticeId) -> Result<()> {
    app.dismiss(&notice)
}

#[tauri::command]
pub(crate) async fn folder_pick<R: Runtime>(handle: AppHandle<R>) -> Result<Option<String>> {
    let (picked, pick) = tokio::sync::oneshot::channel();
    handle.dialog().file().pick_folder(move |folder| {
        let _ = picked.send(folder);
    });
    Ok(path_of(pick.await).map(|folder| folder.to_string_lossy().into_owned()))
}

/// Lets the person pick a file to save in, under this name at first, and writes it. Its path; `None`: they did not.
async fn save<R: Runtime>(
    handle: &AppHandle<R>,
    name: &str,
    write: impl FnOnce(&Path) -> Result<()> + Send + 'static,
) -> Result<Option<String>> {
    let (picked, pick) = tokio::sync::oneshot::channel();
    handle
        .dialog()
        .file()
        .set_file_name(name)
        .save_file(move |file| {
            let _ = picked.send(file);
        });
    let Some(file) = path_of(pick.await) else {
        return Ok(None);
    };
    let shown = file.to_string_lossy().into_owned();
    behind(move || write(&file)).await?;
    Ok(Some(shown))
}

type Picked = std::result::Result<Option<FilePath>, tokio::sync::oneshot::error::RecvError>;

fn path_of(picked: Picked) -> Option<PathBuf> {
    picked.ok().flatten()?.into_path().ok()
}

/// Does what takes the disk away from the threads that answer commands.
async fn behind<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(why) => Err(CommandError {
            code: ErrorCode::Internal,
            problem: problems::internal(&why),
            field: None,
        }),
    }
}

#[tauri::command]
pub(crate) async fn link_open<R: Runtime>(handle: AppHandle<R>, url: String) -> Result<()> {
    let is_allowed = tauri::Url::parse(&url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "mailto"));
    if !is_allowed {
        return Err(error::invalid(
            "url",
            "This link is not opened: only web and mail links are.",
            "Copy it if you trust it.",
        ));
    }
    handle.opener().open_url(url, None::<&str>).map_err(|why| {
        error::not_possible(
            "No program could be found to open the link with.",
            format!("Copy the link instead. The system says: {why}"),
        )
    })
}

/// The handler of all commands.
pub fn handler<R: Runtime>() -> impl Fn(tauri::ipc::Invoke<R>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        app_read,
        session_open,
        session_activate,
        session_rename,
        session_move,
        session_close,
        session_send,
        session_stop,
        session_retry,
        session_draft,
        session_watch,
        session_ack,
        session_earlier,
        approval_answer,
        approval_answer_many,
        rules_read,
        rules_suggest,
        rule_preview,
        rule_create,
        rule_update,
        rule_delete,
        rule_restore,
        rules_import,
        rules_export,
        codex_rule_delete,
        codex_rule_restore,
        ledger_search,
        ledger_export,
        profile_create,
        profile_duplicate,
        profile_update,
        profile_delete,
        settings_update,
        notice_dismiss,
        folder_pick,
        link_open,
    ]
}
