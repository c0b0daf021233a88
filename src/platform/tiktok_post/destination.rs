//! TikTok posts, connected: an upload is opened, its id is stored, and only then its bytes are sent. The status of the id
//! says what became of it.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::endpoints::UPLOAD;
use super::{Creator, NewPost, PostMode, PostStatus, TikTokPost, columns, fail_reasons};
use crate::platform::{
    Awaited, Call, CallError, Class, Destination, Failure, FailureMeaning, Mutation, OpenedUpload, Platform,
    Progress, Row, SentEffect, Sighting, UploadObserver,
};
use crate::rules::ValidatedAsset;

/// The platform accepts only five pending drafts in 24 hours.
const SENDS_PER_RUN: u32 = 3;

/// A creator's account.
pub(super) struct CreatorAccount {
    platform: &'static dyn Platform,
    client: TikTokPost,
    mode: PostMode,
    /// The account in the keys of effects.
    key: String,
    /// What the account allows, as the last check of the access read it.
    creator: Mutex<Creator>,
}

impl CreatorAccount {
    pub(super) fn new(platform: &'static dyn Platform, client: TikTokPost, mode: PostMode) -> CreatorAccount {
        let key = platform.account_in_keys(&client.options.account, Some(mode.name()));
        CreatorAccount { platform, client, mode, key, creator: Mutex::default() }
    }

    async fn read_access(&self) -> Result<(), CallError> {
        let creator = match self.client.creator().await {
            Ok(creator) => creator,
            // A draft does not need the permission to read what the creator allows.
            Err(error) if self.mode == PostMode::Inbox && error.class == Class::Permanent => {
                Creator::default()
            }
            Err(error) => return Err(error),
        };
        *self.creator.lock().unwrap_or_else(PoisonError::into_inner) = creator;
        Ok(())
    }

    async fn open_upload(&self, mutation: &Mutation<'_>) -> Result<Option<OpenedUpload>, CallError> {
        let Mutation::Upload { asset, row } = mutation else { return Ok(None) };
        let post =
            post_of(row, self.mode).map_err(|text| self.client.error(UPLOAD, Class::Permanent, &text))?;
        self.client.open_upload(&post, asset).await.map(Some)
    }

    async fn send_bytes(
        &self,
        mutation: &Mutation<'_>,
        opened: Option<&OpenedUpload>,
        observer: &dyn UploadObserver,
    ) -> Result<String, CallError> {
        let (Mutation::Upload { asset, .. }, Some(opened)) = (mutation, opened) else {
            return Err(self.client.error(UPLOAD, Class::Permanent, "no upload was opened"));
        };
        self.client.upload_bytes(opened, asset, &|bytes| observer.sent(bytes)).await?;
        Ok(opened.token.clone())
    }

    async fn look_once(&self, sent: &SentEffect) -> Result<Sighting, CallError> {
        let Some(publish_id) = sent.token.as_ref() else {
            // The id is stored before the first byte is sent, so nothing was sent.
            return Ok(Sighting::NotDone("no upload was opened".to_owned()));
        };
        Ok(match self.client.status(publish_id).await {
            // An upload that was cancelled before it was complete may be opened again.
            Ok(PostStatus::Failed { reason }) if fail_reasons::is_cancelled(&reason) => {
                Sighting::NotDone(reason)
            }
            Ok(PostStatus::Failed { reason }) => Sighting::Failed(failure(reason)),
            Ok(PostStatus::Uploading { received }) if received.is_none() || received != sent.size_bytes => {
                Sighting::Incomplete { received }
            }
            Ok(_) => Sighting::Done(publish_id.clone()),
            Err(error) if error.class == Class::Permanent && error.code.is_some() => {
                Sighting::CannotAsk(error.to_string())
            }
            Err(error) => return Err(error),
        })
    }

    async fn read_progress(&self, awaited: &[Awaited]) -> Result<Vec<Progress>, CallError> {
        let mut progress = Vec::with_capacity(awaited.len());
        for video in awaited {
            progress.push(progress_of(self.client.status(&video.id).await?));
        }
        Ok(progress)
    }
}

impl Destination for CreatorAccount {
    fn platform(&self) -> &'static dyn Platform {
        self.platform
    }

    fn origin(&self) -> &str {
        &self.client.origin
    }

    fn account(&self) -> &str {
        &self.key
    }

    fn time(&self) -> Option<SystemTime> {
        self.client.server_clock.now()
    }

    fn check_access(&self) -> Call<'_, ()> {
        Box::pin(self.read_access())
    }

    fn allows(&self, asset: &ValidatedAsset, row: &Row) -> Result<(), String> {
        let creator = self.creator.lock().unwrap_or_else(PoisonError::into_inner);
        check_allowed(&creator, self.mode, row, asset.duration_s())
    }

    fn open<'a>(&'a self, mutation: &'a Mutation<'a>) -> Call<'a, Option<OpenedUpload>> {
        Box::pin(self.open_upload(mutation))
    }

    fn send<'a>(
        &'a self,
        mutation: &'a Mutation<'a>,
        _name: &'a str,
        opened: Option<&'a OpenedUpload>,
        observer: &'a dyn UploadObserver,
    ) -> Call<'a, String> {
        Box::pin(self.send_bytes(mutation, opened, observer))
    }

    fn look<'a>(&'a self, sent: &'a SentEffect) -> Call<'a, Sighting> {
        Box::pin(self.look_once(sent))
    }

    fn cancel<'a>(&'a self, token: &'a str) -> Call<'a, ()> {
        Box::pin(self.client.cancel(token))
    }

    fn progress<'a>(&'a self, videos: &'a [Awaited]) -> Call<'a, Vec<Progress>> {
        Box::pin(self.read_progress(videos))
    }

    fn sends_per_run(&self) -> u32 {
        SENDS_PER_RUN
    }
}

/// Returns the post of a row, or what is wrong with the row.
fn post_of(row: &Row, mode: PostMode) -> Result<NewPost, String> {
    if row.row == 0 && mode == PostMode::Direct {
        return Err("a direct post needs a manifest row with a privacy_level".to_owned());
    }
    columns::new_post(row, mode).map_err(|problems| {
        let messages: Vec<String> =
            problems.into_iter().map(|(field, message)| format!("{field}: {message}")).collect();
        messages.join("; ")
    })
}

/// Refuses what the creator's account does not allow.
fn check_allowed(
    creator: &Creator,
    mode: PostMode,
    row: &Row,
    duration_s: Option<f64>,
) -> Result<(), String> {
    let limit = creator.max_duration_s.zip(duration_s).filter(|(max, seconds)| *seconds > *max as f64);
    if let Some((max, seconds)) = limit {
        return Err(format!("the video lasts {seconds:.1} s; this account may post at most {max} s"));
    }
    let post = post_of(row, mode)?;
    let offered = &creator.privacy_levels;
    if mode == PostMode::Direct && !offered.is_empty() && !offered.contains(&post.privacy_level) {
        let (level, levels) = (&post.privacy_level, offered.join(", "));
        return Err(format!("privacy_level {level} is not available for this account; available: {levels}"));
    }
    Ok(())
}

fn progress_of(status: PostStatus) -> Progress {
    match status {
        PostStatus::Uploading { .. } | PostStatus::Processing => Progress::Processing(""),
        PostStatus::InInbox => {
            Progress::Published { id: None, note: Some("the draft is in the creator's inbox") }
        }
        PostStatus::Posted { post_ids } => {
            Progress::Published { id: post_ids.into_iter().next(), note: None }
        }
        PostStatus::Failed { reason } => Progress::Failed(failure(reason)),
    }
}

/// Returns what a fail reason means for the upload and the account.
fn failure(reason: String) -> Failure {
    let meaning = match fail_reasons::class_of(&reason) {
        Class::ReEncode => FailureMeaning::BadMedia,
        Class::Retry => FailureMeaning::MayRepeat,
        Class::ReAuthenticate => FailureMeaning::NoAccess,
        _ => FailureMeaning::Final,
    };
    let advice = fail_reasons::page(&reason).map_or("", |page| page.action);
    Failure { reason, meaning, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fail_reason_says_whether_another_upload_helps() {
        let meaning = |reason: &str| failure(reason.to_owned()).meaning;
        assert_eq!(meaning("frame_rate_check_failed"), FailureMeaning::BadMedia);
        assert_eq!(meaning("internal"), FailureMeaning::MayRepeat);
        // Its creator cancelled it.
        assert_eq!(meaning("publish_cancelled"), FailureMeaning::Final);
        assert_eq!(meaning("auth_removed"), FailureMeaning::NoAccess);
        assert_eq!(meaning("spam_risk"), FailureMeaning::Final);
        assert_eq!(
            failure("news".into()),
            Failure { reason: "news".into(), meaning: FailureMeaning::Final, advice: "" }
        );
    }

    #[test]
    fn the_account_decides_what_may_be_posted() {
        let creator = Creator { max_duration_s: Some(60), privacy_levels: vec!["SELF_ONLY".into()] };
        let row = |level: &str| Row::new(1, "a.mp4").with(columns::PRIVACY_LEVEL, level);
        let refused = |mode, row: &Row, seconds| {
            check_allowed(&creator, mode, row, Some(seconds)).err().unwrap_or_default()
        };
        assert_eq!(refused(PostMode::Direct, &row("SELF_ONLY"), 60.0), "");
        assert!(refused(PostMode::Inbox, &row(""), 61.0).contains("at most 60 s"));
        assert!(refused(PostMode::Direct, &row("PUBLIC"), 9.0).contains("available: SELF_ONLY"));
        assert!(refused(PostMode::Direct, &row(""), 9.0).contains("privacy_level: required"));
        let bare = Row::new(0, "a.mp4");
        assert_eq!(refused(PostMode::Inbox, &bare, 9.0), "");
        assert!(refused(PostMode::Direct, &bare, 9.0).contains("needs a manifest row"));
    }

    #[test]
    fn a_private_post_is_published_without_an_id_of_its_own() {
        let posted = |post_ids: &[&str]| {
            progress_of(PostStatus::Posted { post_ids: post_ids.iter().map(|id| (*id).to_owned()).collect() })
        };
        assert_eq!(posted(&[]), Progress::Published { id: None, note: None });
        assert_eq!(posted(&["75"]), Progress::Published { id: Some("75".into()), note: None });
        let draft = progress_of(PostStatus::InInbox);
        assert!(
            matches!(draft, Progress::Published { id: None, note: Some(text) } if text.contains("inbox"))
        );
    }
}
