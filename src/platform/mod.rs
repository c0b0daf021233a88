//! A destination's API as a port: what shipping asks of a platform, and how answers are classed.

mod explain;
pub mod fail_reasons;
mod posts;
pub mod tiktok_ads;
pub mod tiktok_post;
mod upload_body;

pub use explain::explain;
pub use posts::{Creator, NewPost, Opened, PostMode, PostPlatform, PostStatus};
pub use upload_body::Timeouts;

use std::future::Future;
use std::pin::Pin;

use crate::rules::ValidatedAsset;

/// A call under way; boxed so that the port can be a trait object.
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send + 'a>>;

/// What an answer means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Done.
    Ok,
    /// Not ready yet: ask again later.
    Wait,
    /// Too many calls: everybody pauses.
    Throttle,
    /// Nothing happened: the same call may be sent again.
    Retry,
    /// Whether anything happened is not known: ask before sending again.
    Unknown,
    /// What we believed is stale: read again.
    ReRead,
    /// The media is at fault.
    ReEncode,
    /// The token is at fault: the whole batch stops.
    ReAuthenticate,
    /// The set-up is at fault.
    Configuration,
    /// Sending again will not help.
    Permanent,
}

/// A class of that name does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no class `{0}`: use ok, wait, throttle, retry, unknown, re-read, re-encode, re-authenticate, \
     configuration or permanent"
)]
pub struct UnknownClass(String);

impl Class {
    /// Every class by the name that configurations give it.
    pub const NAMES: [&str; 10] = [
        "ok",
        "wait",
        "throttle",
        "retry",
        "unknown",
        "re-read",
        "re-encode",
        "re-authenticate",
        "configuration",
        "permanent",
    ];
}

impl std::str::FromStr for Class {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Class, UnknownClass> {
        Ok(match text {
            "ok" => Class::Ok,
            "wait" => Class::Wait,
            "throttle" => Class::Throttle,
            "retry" => Class::Retry,
            "unknown" => Class::Unknown,
            "re-read" => Class::ReRead,
            "re-encode" => Class::ReEncode,
            "re-authenticate" => Class::ReAuthenticate,
            "configuration" => Class::Configuration,
            "permanent" => Class::Permanent,
            _ => return Err(UnknownClass(text.to_owned())),
        })
    }
}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{endpoint}: {message}")]
pub struct CallError {
    /// The path of the call, without the base.
    pub endpoint: &'static str,
    /// The class of the answer.
    pub class: Class,
    /// The platform's code; `None` when no envelope came back.
    pub code: Option<i64>,
    /// What the platform or the transport said, without secrets.
    pub message: String,
    /// The platform's id of the request, for its support.
    pub request_id: Option<String>,
}

/// What the platform knows of a video. A fact that it did not give is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RemoteVideo {
    /// The id.
    pub video_id: String,
    /// The name it was uploaded under.
    pub file_name: Option<String>,
    /// MD5 in lower-case hex.
    pub md5: Option<String>,
    /// Bytes.
    pub size_bytes: Option<u64>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Whether it can be shown.
    pub displayable: Option<bool>,
    /// Where its cover lies; expires.
    pub cover_url: Option<String>,
}

impl RemoteVideo {
    /// Whether an ad may use the video, inferred from facts alone, since the API has no status field.
    pub fn is_ready(&self, md5: &str) -> bool {
        self.displayable == Some(true)
            && self.cover_url.as_deref().is_some_and(|url| !url.is_empty())
            && self.width.is_some_and(|side| side > 0)
            && self.height.is_some_and(|side| side > 0)
            && self.md5.as_deref().is_some_and(|sent| sent.eq_ignore_ascii_case(md5))
    }
}

/// A picture that the platform offers as the cover of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuggestedCover {
    /// Its id, where one is given.
    pub image_id: Option<String>,
    /// Where it lies; expires within the hour.
    pub url: String,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
}

/// What the platform knows of an image. A fact that it did not give is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteImage {
    /// The id.
    pub image_id: String,
    /// The name it was uploaded under.
    pub file_name: Option<String>,
    /// MD5 in lower-case hex.
    pub md5: Option<String>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Whether it can be shown.
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
    /// The business centre that the identity was authorised to, for `BC_AUTH_TT`.
    pub identity_authorized_bc_id: Option<String>,
    /// The text.
    pub ad_text: String,
    /// The call to action.
    pub call_to_action: Option<String>,
    /// The landing page.
    pub landing_page_url: Option<String>,
    /// The name shown.
    pub display_name: Option<String>,
    /// The video.
    pub video_id: String,
    /// The cover.
    pub image_id: String,
    /// Whether it runs at once; otherwise it is created disabled.
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

/// Hears how an upload goes, and keeps for the next run how it can be taken up again.
///
/// A function of bytes hears, and keeps nothing.
pub trait UploadLog: Send + Sync {
    /// So many bytes have left this machine.
    fn sent(&self, bytes: u64);
    /// What was kept last, in this run or an earlier one, of an upload of the same bytes.
    fn kept(&self) -> Option<String> {
        None
    }
    /// Keeps how the upload can be taken up again, in words of the platform's own; `None` when it cannot.
    fn keep(&self, _mark: Option<&str>) {}
}

impl<F: Fn(u64) + Send + Sync> UploadLog for F {
    fn sent(&self, bytes: u64) {
        self(bytes);
    }
}

/// A destination. Mutations that end in [`Class::Unknown`] must be reconciled before another try.
pub trait AdsPlatform: Send + Sync {
    /// Scheme, host and port: part of the key of every effect.
    fn origin(&self) -> &str;
    /// The advertiser: part of the key of every effect.
    fn advertiser_id(&self) -> &str;
    /// Proves token and advertiser by a harmless read.
    fn check_access(&self) -> Call<'_, ()>;
    /// Uploads a video under a name and returns its id.
    fn upload_video<'a>(
        &'a self,
        asset: &'a ValidatedAsset,
        name: &'a str,
        log: &'a dyn UploadLog,
    ) -> Call<'a, String>;
    /// Reads up to 60 videos; unusable ids are left out.
    fn videos<'a>(&'a self, ids: &'a [String]) -> Call<'a, Vec<RemoteVideo>>;
    /// Searches videos by name; the match may be fuzzy.
    fn search_videos<'a>(&'a self, name: &'a str) -> Call<'a, Vec<RemoteVideo>>;
    /// Whether a video of that name exists.
    fn name_taken<'a>(&'a self, name: &'a str) -> Call<'a, bool>;
    /// Uploads a cover and returns its id.
    fn upload_image<'a>(&'a self, path: &'a std::path::Path, name: &'a str) -> Call<'a, String>;
    /// Creates an ad and returns its id.
    fn create_ad<'a>(&'a self, ad: &'a NewAd) -> Call<'a, String>;
    /// Lists the ads of an ad group, every one of them: what is not in the list is not listed.
    fn ads_of<'a>(&'a self, adgroup_id: &'a str) -> Call<'a, Vec<RemoteAd>>;
    /// Asks for covers made from a video. [`Class::Wait`] while the video is still in process.
    fn suggest_cover<'a>(&'a self, _video_id: &'a str) -> Call<'a, Vec<SuggestedCover>> {
        not_offered("file/video/suggestcover/")
    }
    /// Reads images; unusable ids are left out.
    fn images<'a>(&'a self, _ids: &'a [String]) -> Call<'a, Vec<RemoteImage>> {
        not_offered("file/image/ad/info/")
    }
}

fn not_offered<'a, T: Send + 'a>(endpoint: &'static str) -> Call<'a, T> {
    let message = "this platform does not offer the call".to_owned();
    let error = CallError { endpoint, class: Class::Configuration, code: None, message, request_id: None };
    Box::pin(std::future::ready(Err(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_read_by_name() {
        assert_eq!("re-read".parse(), Ok(Class::ReRead));
        assert!(Class::NAMES.iter().all(|name| name.parse::<Class>().is_ok()));
        assert!("reread".parse::<Class>().is_err_and(|error| error.to_string().contains("re-read")));
    }

    #[test]
    fn a_video_without_every_fact_is_not_ready() {
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
