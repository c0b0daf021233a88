//! The interfaces between delivery and the platforms' APIs, and the classes of replies.

mod class;
mod destination;
pub mod folder;
mod http_client;
mod loopback;
mod mutation;
mod name_match;
mod posts;
pub mod registry;
mod row;
mod server_clock;
pub mod tiktok_ads;
pub mod tiktok_post;
mod upload_body;

pub use class::{Class, UnknownClass};
pub use destination::{
    Awaited, CallCounts, ConnectError, Connection, Defaults, Destination, Platform, Progress,
    PublicationKind, PublicationName, PublicationTime, Quota,
};
pub use loopback::is_loopback;
pub use mutation::{
    EffectKind, Failure, FailureMeaning, Mutation, MutationOutcome, NewPublication, OpenedUpload, SentEffect,
    Sighting,
};
pub use posts::{Creator, NewPost, PostMode, PostPlatform, PostStatus};
pub use row::{COVER, Problem, Row, RowProblems, VIDEO, digest};
pub use tiktok_post::fail_reasons as post_fail_reasons;
pub use upload_body::Timeouts;

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use crate::rules::{ValidatedAsset, ValidatedCover};

/// A pending call; boxed so that the platform traits can be trait objects.
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send + 'a>>;

/// Returns the page of a return code, as `table` describes it, or of a fail reason; `None` for an unknown one.
pub fn explain(code: &str, table: &tiktok_ads::CodeTable) -> Option<String> {
    tiktok_ads::explain(code, table).or_else(|| post_fail_reasons::explain(code))
}

/// The error of a failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{endpoint}: {message}")]
pub struct CallError {
    /// The path of the call, without the base URL.
    pub endpoint: &'static str,
    /// The class of the reply.
    pub class: Class,
    /// The platform's return code; `None` when there was no valid reply.
    pub code: Option<i64>,
    /// The message of the platform or the transport, without secrets.
    pub message: String,
    /// The platform's request id, for its support.
    pub request_id: Option<String>,
}

/// A video as the platform describes it. A fact that it does not state is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RemoteVideo {
    /// The id.
    pub video_id: String,
    /// The name it was uploaded under.
    pub file_name: Option<String>,
    /// The MD5 in lower-case hex.
    pub md5: Option<String>,
    /// The size in bytes.
    pub size_bytes: Option<u64>,
    /// The width in pixels.
    pub width: Option<u32>,
    /// The height in pixels.
    pub height: Option<u32>,
    /// Whether the platform can display it.
    pub displayable: Option<bool>,
    /// The URL of its cover, which expires.
    pub cover_url: Option<String>,
}

impl RemoteVideo {
    /// Returns whether an ad may use the video. Inferred from its facts, since the API has no status field.
    pub fn is_ready(&self, md5: &str) -> bool {
        self.displayable == Some(true)
            && self.cover_url.as_deref().is_some_and(|url| !url.is_empty())
            && self.width.is_some_and(|side| side > 0)
            && self.height.is_some_and(|side| side > 0)
            && self.md5.as_deref().is_some_and(|remote| remote.eq_ignore_ascii_case(md5))
    }
}

/// An image that the platform suggests as the cover of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuggestedCover {
    /// Its id, if the platform gives one.
    pub image_id: Option<String>,
    /// Its URL, which expires within an hour.
    pub url: String,
    /// The width in pixels.
    pub width: Option<u32>,
    /// The height in pixels.
    pub height: Option<u32>,
}

/// An image as the platform describes it. A fact that it does not state is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteImage {
    /// The id.
    pub image_id: String,
    /// The name it was uploaded under.
    pub file_name: Option<String>,
    /// The MD5 in lower-case hex.
    pub md5: Option<String>,
    /// The width in pixels.
    pub width: Option<u32>,
    /// The height in pixels.
    pub height: Option<u32>,
    /// Whether the platform can display it.
    pub displayable: Option<bool>,
}

/// An ad to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAd {
    /// The ad group.
    pub adgroup_id: String,
    /// The name, unique in its ad group.
    pub ad_name: String,
    /// `CUSTOMIZED_USER`, `TT_USER`, `BC_AUTH_TT` or `AUTH_CODE`.
    pub identity_type: String,
    /// The identity.
    pub identity_id: String,
    /// The business centre that may use the identity, for `BC_AUTH_TT`.
    pub identity_authorized_bc_id: Option<String>,
    /// The text.
    pub ad_text: String,
    /// The call to action.
    pub call_to_action: Option<String>,
    /// The landing page.
    pub landing_page_url: Option<String>,
    /// The display name.
    pub display_name: Option<String>,
    /// The video.
    pub video_id: String,
    /// The cover.
    pub image_id: String,
    /// Whether the ad runs at once; otherwise it is created disabled.
    pub enable: bool,
}

/// An ad as the platform lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAd {
    /// The id.
    pub ad_id: String,
    /// The name.
    pub ad_name: String,
    /// The video it shows.
    pub video_id: Option<String>,
}

/// Receives the progress of an upload and stores a token with which a later run can resume it.
///
/// A `Fn(u64)` receives the progress and stores no token.
pub trait UploadObserver: Send + Sync {
    /// Reports the number of bytes sent so far.
    fn sent(&self, bytes: u64);
    /// Returns the token stored last for an upload of the same bytes, in this run or an earlier one.
    fn resume_token(&self) -> Option<String> {
        None
    }
    /// Stores the platform's token for resuming the upload; `None` removes it.
    fn save_resume_token(&self, _token: Option<&str>) {}
}

impl<F: Fn(u64) + Send + Sync> UploadObserver for F {
    fn sent(&self, bytes: u64) {
        self(bytes);
    }
}

/// A platform for ads. Mutations that end in [`Class::Unknown`] must be reconciled before another attempt.
pub trait AdsPlatform: Send + Sync {
    /// Returns scheme, host and port; part of the key of every effect.
    fn origin(&self) -> &str;
    /// Returns the advertiser id; part of the key of every effect.
    fn advertiser_id(&self) -> &str;
    /// Returns the time by the platform's clock; `None` while it is unknown.
    fn platform_time(&self) -> Option<SystemTime> {
        None
    }
    /// Checks token and advertiser with a read.
    fn check_access(&self) -> Call<'_, ()>;
    /// Uploads a video under a name and returns its id.
    fn upload_video<'a>(
        &'a self,
        asset: &'a ValidatedAsset,
        name: &'a str,
        observer: &'a dyn UploadObserver,
    ) -> Call<'a, String>;
    /// Reads videos; unusable ids are omitted.
    fn videos<'a>(&'a self, ids: &'a [String]) -> Call<'a, Vec<RemoteVideo>>;
    /// Searches videos by name; the match may be fuzzy.
    fn search_videos<'a>(&'a self, name: &'a str) -> Call<'a, Vec<RemoteVideo>>;
    /// Returns whether a video with this name exists.
    fn name_taken<'a>(&'a self, name: &'a str) -> Call<'a, bool>;
    /// Uploads a cover and returns its id.
    fn upload_image<'a>(&'a self, cover: &'a ValidatedCover, name: &'a str) -> Call<'a, String>;
    /// Creates an ad and returns its id.
    fn create_ad<'a>(&'a self, ad: &'a NewAd) -> Call<'a, String>;
    /// Lists all ads of an ad group.
    fn ads_of<'a>(&'a self, adgroup_id: &'a str) -> Call<'a, Vec<RemoteAd>>;
    /// Reads the covers that the platform suggests for a video. Fails with [`Class::Wait`] while the platform
    /// is still processing the video.
    fn suggest_cover<'a>(&'a self, _video_id: &'a str) -> Call<'a, Vec<SuggestedCover>> {
        not_offered("file/video/suggestcover/")
    }
    /// Reads images; unusable ids are omitted.
    fn images<'a>(&'a self, _ids: &'a [String]) -> Call<'a, Vec<RemoteImage>> {
        not_offered("file/image/ad/info/")
    }
}

fn not_offered<'a, T: Send + 'a>(endpoint: &'static str) -> Call<'a, T> {
    let message = "this platform does not offer this call".to_owned();
    let error = CallError { endpoint, class: Class::Configuration, code: None, message, request_id: None };
    Box::pin(std::future::ready(Err(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_with_a_missing_fact_is_not_ready() {
        let ready = RemoteVideo {
            md5: Some("AB".into()),
            width: Some(540),
            height: Some(960),
            displayable: Some(true),
            cover_url: Some("https://cover".into()),
            ..RemoteVideo::default()
        };
        assert!(ready.is_ready("ab"));
        assert!(!ready.is_ready("cd"));
        assert!(!RemoteVideo { displayable: None, ..ready.clone() }.is_ready("ab"));
        assert!(!RemoteVideo { cover_url: Some(String::new()), ..ready }.is_ready("ab"));
    }
}
