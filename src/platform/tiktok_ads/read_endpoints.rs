//! Reads, and the call that creates an ad.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::calls::{Endpoint, Payload, mutation, read};
use super::objects::ListedFile;
use super::wire::{self, Envelope};
use super::{MediaKind, NewAd, RemoteAd, RemoteVideo, TikTokAds};
use crate::platform::{CallError, Class};

const INFO: Endpoint = read("file/video/ad/info/");
const SEARCH: Endpoint = read("file/video/ad/search/");
const NAME: Endpoint = read("file/name/check/");
const IMAGE_SEARCH: Endpoint = read("file/image/ad/search/");
const ADS: Endpoint = read("ad/get/");
const CREATE: Endpoint = mutation("ad/create/");
/// The most ids in one call of the info endpoint.
pub(super) const MAX_IDS: usize = 60;
/// Videos per page; newer versions of the documentation allow more, older ones do not.
const VIDEOS_PER_PAGE: u64 = 100;
/// Images per page.
const IMAGES_PER_PAGE: u64 = 100;
/// A cover that was just sent is among the newest images.
const MAX_IMAGE_PAGES: u64 = 20;
/// Ads per page.
const ADS_PER_PAGE: u64 = 1000;
/// The search returns at most the 10 000 videos modified last; an ad group has far fewer ads.
const MAX_PAGES: u64 = 100;

impl TikTokAds {
    /// Checks token and advertiser with a search, whose scope a token for uploads has; `advertiser/info/` needs another.
    pub async fn check_access(&self) -> Result<(), CallError> {
        let query = vec![("page", "1".to_owned()), ("page_size", "1".to_owned())];
        self.call(SEARCH, &Payload::Query(query)).await.map(|_| ())
    }

    /// Reads videos; unusable ids are omitted.
    pub async fn videos(&self, ids: &[String]) -> Result<Vec<RemoteVideo>, CallError> {
        let mut found = Vec::with_capacity(ids.len());
        for batch in ids.chunks(MAX_IDS) {
            let query = vec![("video_ids", json!(batch).to_string())];
            let reply = self.call(INFO, &Payload::Query(query)).await?;
            found.extend(self.entries(INFO, &reply, wire::video)?);
        }
        Ok(found)
    }

    /// Searches videos by name; the match may be fuzzy.
    pub async fn search_videos(&self, name: &str) -> Result<Vec<RemoteVideo>, CallError> {
        let filtering = json!({"video_name": name}).to_string();
        let found = self.paged(SEARCH, &filtering, VIDEOS_PER_PAGE, wire::video).await?;
        Ok(deduplicated(found, |video| &video.video_id))
    }

    /// Reads the list of images, newest first, until one has the name or [`MAX_IMAGE_PAGES`] pages are read. Returns
    /// also whether the list was read to its end. The search has no filter for names.
    pub(super) async fn find_images(&self, name: &str) -> Result<(Vec<ListedFile>, bool), CallError> {
        let mut found = Vec::new();
        for page in 1..=MAX_IMAGE_PAGES {
            let (entries, is_last) =
                self.page(IMAGE_SEARCH, Vec::new(), (page, IMAGES_PER_PAGE), wire::listed_image).await?;
            found.extend(entries);
            if is_last || found.iter().any(|image: &ListedFile| image.name.as_deref() == Some(name)) {
                return Ok((found, is_last));
            }
        }
        Ok((found, false))
    }

    /// Fails if a file has no name: then it may have the one that was looked for.
    pub(super) fn require_names(&self, files: &[ListedFile]) -> Result<(), CallError> {
        match files.iter().all(|file| file.name.is_some()) {
            true => Ok(()),
            false => Err(self.error(SEARCH.path, Class::Retry, "the list has a file without a name")),
        }
    }

    /// Lists all ads of an ad group.
    pub async fn ads_of(&self, adgroup_id: &str) -> Result<Vec<RemoteAd>, CallError> {
        let filtering = json!({"adgroup_ids": [adgroup_id]}).to_string();
        let found = self.paged(ADS, &filtering, ADS_PER_PAGE, wire::ad).await?;
        Ok(deduplicated(found, |ad| &ad.ad_id))
    }

    /// Returns whether a file of this kind has the name.
    pub async fn name_taken(&self, name: &str, media: MediaKind) -> Result<bool, CallError> {
        let query = vec![("file_name", name.to_owned()), ("file_type", media.file_type().to_owned())];
        let reply = self.call(NAME, &Payload::Query(query)).await?;
        wire::flag(&reply.data, "duplicate").ok_or_else(|| self.unreadable(NAME, &reply))
    }

    /// Creates an ad and returns its id.
    ///
    /// # Errors
    /// When the call fails; [`Class::Unknown`]: the ad may exist.
    pub async fn create_ad(&self, ad: &NewAd) -> Result<String, CallError> {
        let body = json!({
            "advertiser_id": self.options.advertiser_id,
            "adgroup_id": ad.adgroup_id,
            "creatives": [creative(ad)],
        });
        let reply = self.call(CREATE, &Payload::Json(body)).await?;
        let first = reply.data.get("ad_ids").and_then(|ids| ids.get(0));
        match first {
            Some(Value::String(id)) if !id.is_empty() => Ok(id.clone()),
            Some(Value::Number(id)) => Ok(id.to_string()),
            _ => self.new_id(CREATE, &reply, "ad_id"),
        }
    }

    /// Reads every page: a missing page would make existing entries look absent.
    async fn paged<T>(
        &self,
        endpoint: Endpoint,
        filtering: &str,
        page_size: u64,
        entry: fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, CallError> {
        let mut found = Vec::new();
        for page in 1..=MAX_PAGES {
            let query = vec![("filtering", filtering.to_owned())];
            let (entries, is_last) = self.page(endpoint, query, (page, page_size), entry).await?;
            found.extend(entries);
            if is_last {
                return Ok(found);
            }
        }
        let message =
            format!("the list has more than {MAX_PAGES} pages of {page_size} entries, too many to read");
        Err(self.error(endpoint.path, Class::Permanent, &message))
    }

    /// Reads one page of a list; returns also whether it is the last.
    async fn page<T>(
        &self,
        endpoint: Endpoint,
        mut query: Vec<(&'static str, String)>,
        (page, page_size): (u64, u64),
        entry: fn(&Value) -> Option<T>,
    ) -> Result<(Vec<T>, bool), CallError> {
        query.extend([("page", page.to_string()), ("page_size", page_size.to_string())]);
        let reply = self.call(endpoint, &Payload::Query(query)).await?;
        let entries = self.entries(endpoint, &reply, entry)?;
        // Without a page count, a page that is not full is the last.
        let is_last = reply.pages().map_or((entries.len() as u64) < page_size, |pages| page >= pages);
        Ok((entries, is_last))
    }

    /// Parses the entries of a list. One that cannot be parsed makes the reply a failure: left out, it would look
    /// absent.
    fn entries<T>(
        &self,
        endpoint: Endpoint,
        reply: &Envelope,
        entry: fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, CallError> {
        let parsed = reply.list().and_then(|list| list.iter().map(entry).collect());
        parsed.ok_or_else(|| self.unreadable(endpoint, reply))
    }

    fn unreadable(&self, endpoint: Endpoint, reply: &Envelope) -> CallError {
        let mut error = self.lost_reply(endpoint, "the reply reports success but has no result");
        error.request_id = reply.request_id.clone();
        error
    }
}

/// Returns the creative of a single-video ad; unset fields are omitted.
fn creative(ad: &NewAd) -> Value {
    let mut creative = json!({
        "ad_format": "SINGLE_VIDEO",
        "ad_name": ad.ad_name,
        "identity_type": ad.identity_type,
        "identity_id": ad.identity_id,
        "ad_text": ad.ad_text,
        "video_id": ad.video_id,
        "image_ids": [ad.image_id],
        "operation_status": if ad.enable { "ENABLE" } else { "DISABLE" },
    });
    let optional = [
        ("identity_authorized_bc_id", &ad.identity_authorized_bc_id),
        ("call_to_action", &ad.call_to_action),
        ("landing_page_url", &ad.landing_page_url),
        ("display_name", &ad.display_name),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            creative[name] = Value::String(value.clone());
        }
    }
    creative
}

/// Removes duplicates: a list that grows while it is read moves entries to the next page.
fn deduplicated<T>(mut entries: Vec<T>, id: fn(&T) -> &String) -> Vec<T> {
    let mut seen = BTreeSet::new();
    entries.retain(|entry| seen.insert(id(entry).clone()));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ad_is_created_disabled_by_default() {
        let ad = NewAd { ad_name: "one".into(), display_name: Some("us".into()), ..NewAd::default() };
        let body = creative(&ad);
        assert_eq!(body["operation_status"], "DISABLE");
        assert_eq!((&body["display_name"], body.get("call_to_action")), (&json!("us"), None));
        assert_eq!(creative(&NewAd { enable: true, ..ad })["operation_status"], "ENABLE");
    }

    #[test]
    fn removes_an_entry_that_moved_to_the_next_page() {
        let ids = ["1", "2", "2", "3"].map(str::to_owned).to_vec();
        assert_eq!(deduplicated(ids, |id| id), ["1", "2", "3"]);
    }
}
