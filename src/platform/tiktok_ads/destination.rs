//! TikTok ads, connected: what is sent for each mutation, and what the lists say about it afterwards.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::OnceCell;

use super::objects::ListedFile;
use super::read_endpoints::MAX_IDS;
use super::{MediaKind, NewAd, RemoteAd, RemoteVideo, TikTokAds, columns};
use crate::platform::call::not_offered;
use crate::platform::name_match::sighting;
use crate::platform::{
    Awaited, Call, CallError, Class, Destination, EffectKind, Mutation, NewPublication, OpenedUpload,
    Platform, Progress, SentEffect, Sighting, UploadObserver,
};

/// An advertiser's account.
pub(super) struct Advertiser {
    platform: &'static dyn Platform,
    client: TikTokAds,
    /// The ads of each group as this run first read them.
    ads_by_group: Mutex<HashMap<String, Arc<OnceCell<Vec<RemoteAd>>>>>,
}

impl Advertiser {
    pub(super) fn new(platform: &'static dyn Platform, client: TikTokAds) -> Advertiser {
        Advertiser { platform, client, ads_by_group: Mutex::default() }
    }

    async fn send_mutation(
        &self,
        mutation: &Mutation<'_>,
        name: &str,
        observer: &dyn UploadObserver,
    ) -> Result<String, CallError> {
        match mutation {
            Mutation::Upload { asset, .. } => self.client.upload_video(asset, name, observer).await,
            Mutation::Cover(cover) => self.client.upload_image(cover, name).await,
            Mutation::Creative(_) => not_offered("creative").await,
            Mutation::Publication(publication) => self.client.create_ad(&new_ad(publication)).await,
        }
    }

    async fn look_once(&self, sent: &SentEffect) -> Result<Sighting, CallError> {
        match sent.kind {
            EffectKind::Upload | EffectKind::Post => self.look_for_video(sent).await,
            EffectKind::Cover => self.look_for_image(sent).await,
            EffectKind::Creative | EffectKind::Publication => {
                Ok(sighting_of_ad(&self.client.ads_of(&sent.scope).await?, sent))
            }
        }
    }

    /// Both the list and the name must be read.
    async fn look_for_video(&self, sent: &SentEffect) -> Result<Sighting, CallError> {
        let videos = self.client.search_videos(&sent.name).await?;
        let videos: Vec<ListedFile> = videos.into_iter().map(ListedFile::from).collect();
        if let Some(found) = sighting_of_file(&videos, MediaKind::Video, sent) {
            return Ok(found);
        }
        self.client.require_names(&videos)?;
        let name_is_taken = self.client.name_taken(&sent.name, MediaKind::Video).await?;
        Ok(Sighting::Absent { name_is_taken })
    }

    /// Like [`Advertiser::look_for_video`]. Where the list cannot be read to its end, the name alone decides: one that
    /// is taken is given up, since a second copy of a cover under another name is harmless.
    async fn look_for_image(&self, sent: &SentEffect) -> Result<Sighting, CallError> {
        let (images, is_complete) = match self.client.find_images(&sent.name).await {
            Ok(found) => found,
            // The account or the app may not search images.
            Err(error) if matches!(error.class, Class::Configuration | Class::Permanent) => {
                (Vec::new(), false)
            }
            Err(error) => return Err(error),
        };
        if let Some(found) = sighting_of_file(&images, MediaKind::Image, sent) {
            return Ok(found);
        }
        self.client.require_names(&images)?;
        let name_is_taken = self.client.name_taken(&sent.name, MediaKind::Image).await?;
        Ok(match name_is_taken && !is_complete {
            true => Sighting::NameOfOther,
            false => Sighting::Absent { name_is_taken },
        })
    }

    async fn look_earlier(&self, unsent: &SentEffect) -> Result<Sighting, CallError> {
        let media = match unsent.kind {
            EffectKind::Upload | EffectKind::Post => MediaKind::Video,
            EffectKind::Cover => MediaKind::Image,
            EffectKind::Creative | EffectKind::Publication => {
                let cell = {
                    let mut groups = self.ads_by_group.lock().unwrap_or_else(PoisonError::into_inner);
                    groups.entry(unsent.scope.clone()).or_default().clone()
                };
                let ads = cell.get_or_try_init(|| self.client.ads_of(&unsent.scope)).await?;
                return Ok(sighting_of_ad(ads, unsent));
            }
        };
        let name_is_taken = self.client.name_taken(&unsent.name, media).await?;
        Ok(Sighting::Absent { name_is_taken })
    }

    async fn read_progress(&self, awaited: &[Awaited]) -> Result<Vec<Progress>, CallError> {
        let ids: Vec<String> = awaited.iter().map(|video| video.id.clone()).collect();
        let videos = self.client.videos(&ids).await?;
        let listed = |id: &str| videos.iter().find(|video| video.video_id == id);
        Ok(awaited.iter().map(|video| progress_of(listed(&video.id), &video.md5)).collect())
    }
}

impl Destination for Advertiser {
    fn platform(&self) -> &'static dyn Platform {
        self.platform
    }

    fn origin(&self) -> &str {
        &self.client.origin
    }

    fn account(&self) -> &str {
        &self.client.options.advertiser_id
    }

    fn time(&self) -> Option<SystemTime> {
        self.client.server_clock.now()
    }

    fn check_access(&self) -> Call<'_, ()> {
        Box::pin(self.client.check_access())
    }

    fn send<'a>(
        &'a self,
        mutation: &'a Mutation<'a>,
        name: &'a str,
        _opened: Option<&'a OpenedUpload>,
        observer: &'a dyn UploadObserver,
    ) -> Call<'a, String> {
        Box::pin(self.send_mutation(mutation, name, observer))
    }

    fn look<'a>(&'a self, sent: &'a SentEffect) -> Call<'a, Sighting> {
        Box::pin(self.look_once(sent))
    }

    fn look_for_earlier<'a>(&'a self, unsent: &'a SentEffect) -> Call<'a, Sighting> {
        Box::pin(self.look_earlier(unsent))
    }

    fn progress<'a>(&'a self, videos: &'a [Awaited]) -> Call<'a, Vec<Progress>> {
        Box::pin(self.read_progress(videos))
    }

    fn videos_per_call(&self) -> usize {
        MAX_IDS
    }
}

fn new_ad(publication: &NewPublication<'_>) -> NewAd {
    let NewPublication { row, video_id, cover_id, creative_id: _, enable } = *publication;
    let text = |column: &str| row.text(column).to_owned();
    let optional = |column: &str| Some(text(column)).filter(|text| !text.is_empty());
    NewAd {
        adgroup_id: text(columns::ADGROUP_ID),
        ad_name: text(columns::AD_NAME),
        identity_type: text(columns::IDENTITY_TYPE),
        identity_id: text(columns::IDENTITY_ID),
        identity_authorized_bc_id: optional(columns::IDENTITY_AUTHORIZED_BC_ID),
        ad_text: text(columns::AD_TEXT),
        call_to_action: optional(columns::CALL_TO_ACTION),
        landing_page_url: optional(columns::LANDING_PAGE_URL),
        display_name: optional(columns::DISPLAY_NAME),
        video_id: video_id.to_owned(),
        image_id: cover_id.unwrap_or_default().to_owned(),
        enable,
    }
}

/// Returns what a list says about a file; `None` if it has none of that name. Searches are fuzzy, so names are compared
/// here.
fn sighting_of_file(files: &[ListedFile], media: MediaKind, sent: &SentEffect) -> Option<Sighting> {
    let noun = match media {
        MediaKind::Video => "video",
        MediaKind::Image => "image",
    };
    let reading = |file: &ListedFile| {
        let bytes = if is_ours(file, sent) { "these bytes" } else { "other bytes" };
        format!("{noun} {} has that name and {bytes}", file.id)
    };
    let named = files.iter().filter(|file| file.name.as_ref() == Some(&sent.name));
    sighting(named, |file| &file.id, |file| is_ours(file, sent), reading, sent.was_refused)
}

/// Returns whether nothing that is listed about a file contradicts the bytes that were sent.
fn is_ours(file: &ListedFile, sent: &SentEffect) -> bool {
    let md5 = file.md5.as_deref().zip(sent.md5.as_deref());
    let size = file.size_bytes.zip(sent.size_bytes);
    md5.is_none_or(|(a, b)| a.eq_ignore_ascii_case(b)) && size.is_none_or(|(a, b)| a == b)
}

fn sighting_of_ad(ads: &[RemoteAd], sent: &SentEffect) -> Sighting {
    let our_video = sent.video_id.as_deref().unwrap_or_default();
    let has_our_video = |ad: &RemoteAd| ad.video_id.as_deref().is_none_or(|video| video == our_video);
    let reading = |ad: &RemoteAd| {
        let video = if has_our_video(ad) { "this video" } else { "another video" };
        format!("ad {} has that name and {video}", ad.ad_id)
    };
    let named = ads.iter().filter(|ad| ad.ad_name == sent.name);
    // The platform does not reserve the names of ads.
    let found = sighting(named, |ad| &ad.ad_id, has_our_video, reading, false);
    found.unwrap_or(Sighting::Absent { name_is_taken: false })
}

fn progress_of(video: Option<&RemoteVideo>, md5: &str) -> Progress {
    let Some(video) = video else { return Progress::Unlisted };
    if video.is_ready(md5) {
        return Progress::Ready;
    }
    let differs = video.md5.as_deref().is_some_and(|listed| !listed.eq_ignore_ascii_case(md5));
    Progress::Processing(match video.displayable {
        Some(true) if differs => "listed and displayable, but its MD5 differs from that of the bytes sent",
        Some(true) => "listed and displayable, but the list lacks some of its properties",
        _ => "listed, not displayable",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> SentEffect {
        SentEffect {
            kind: EffectKind::Upload,
            scope: "18".into(),
            name: "a-0123.mp4".into(),
            md5: Some("ab".into()),
            size_bytes: Some(7),
            token: None,
            video_id: Some("v1".into()),
            was_refused: false,
        }
    }

    fn listed(name: &str, md5: Option<&str>) -> ListedFile {
        let (md5, size_bytes) = (md5.map(str::to_owned), None);
        ListedFile { id: "v9".into(), name: Some(name.into()), md5, size_bytes }
    }

    #[test]
    fn a_file_is_ours_unless_a_fact_contradicts_it() {
        let seen = |file: ListedFile| sighting_of_file(&[file], MediaKind::Video, &sent());
        assert_eq!(seen(listed("a-0123.mp4", None)), Some(Sighting::Done("v9".into())));
        assert_eq!(seen(listed("a-0123.mp4", Some("AB"))), Some(Sighting::Done("v9".into())));
        assert_eq!(seen(listed("A-0123.mp4", Some("ab"))), None);
        let readings = vec!["video v9 has that name and other bytes".to_owned()];
        assert_eq!(seen(listed("a-0123.mp4", Some("cd"))), Some(Sighting::Ambiguous(readings)));
        let refused = SentEffect { was_refused: true, ..sent() };
        let other = [listed("a-0123.mp4", Some("cd"))];
        assert_eq!(sighting_of_file(&other, MediaKind::Video, &refused), Some(Sighting::NameOfOther));
    }

    #[test]
    fn an_ad_is_ours_if_it_shows_our_video() {
        let ad = |video: &str| RemoteAd {
            ad_id: "a1".into(),
            ad_name: "one".into(),
            video_id: Some(video.into()),
        };
        let sent = SentEffect { kind: EffectKind::Publication, name: "one".into(), ..sent() };
        assert_eq!(sighting_of_ad(&[ad("v1")], &sent), Sighting::Done("a1".into()));
        let readings = vec!["ad a1 has that name and another video".to_owned()];
        assert_eq!(sighting_of_ad(&[ad("v2")], &sent), Sighting::Ambiguous(readings));
        assert_eq!(sighting_of_ad(&[], &sent), Sighting::Absent { name_is_taken: false });
    }

    #[test]
    fn a_video_that_is_not_ready_is_described() {
        let ready = RemoteVideo {
            md5: Some("ab".into()),
            width: Some(540),
            height: Some(960),
            displayable: Some(true),
            cover_url: Some("https://cover".into()),
            ..RemoteVideo::default()
        };
        let seen = |video: RemoteVideo| progress_of(Some(&video), "ab");
        assert_eq!(seen(ready.clone()), Progress::Ready);
        let hidden = seen(RemoteVideo { displayable: Some(false), ..ready.clone() });
        assert_eq!(hidden, Progress::Processing("listed, not displayable"));
        let other = seen(RemoteVideo { md5: Some("cd".into()), ..ready.clone() });
        assert!(matches!(other, Progress::Processing(text) if text.contains("its MD5 differs")));
        let early = seen(RemoteVideo { width: None, ..ready });
        assert!(matches!(early, Progress::Processing(text) if text.contains("lacks some")));
        assert_eq!(progress_of(None, "ab"), Progress::Unlisted);
    }
}
