//! The contract's commands, each a few lines over [`App`].

use countersign_contract::{
    Answer, AppState, ApprovalId, BatchResult, ChoiceId, CommandError, NoticeId, Profile,
    ProfileId, ProfileSettings, SessionId, Settings, TranscriptUpdate,
};
use tauri::ipc::Channel;
use tauri::{AppHandle, Runtime, State};
use tauri_plugin_dialog::DialogExt;
use tauri_plugin_opener::OpenerExt;

use crate::app::App;
use crate::error;

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
    let folder = pick
        .await
        .ok()
        .flatten()
        .and_then(|folder| folder.into_path().ok());
    Ok(folder.map(|folder| folder.to_string_lossy().into_owned()))
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
