//! TikTok's Content Posting API: drafts into a creator's inbox, and direct posts.
//!
//! [`TikTokPost`] is the client. Calls go through `client`, at the `pace` each endpoint allows, and get
//! their class by [`codes`]; `put` sends the bytes in [`chunks`].

pub mod chunks;
mod client;
pub mod codes;
mod options;
mod put;
mod throttle;
mod wire;

use std::fmt;

use secrecy::ExposeSecret;
use url::Url;

pub use self::options::{PostOptions, PostOptionsError, origin_of};
use self::throttle::Pace;
use super::upload_body::Pacer;
use super::{Call, Creator, NewPost, Opened, PostPlatform, PostStatus};
use crate::rules::ValidatedAsset;

const CREATOR: &str = "v2/post/publish/creator_info/query/";
const DIRECT: &str = "v2/post/publish/video/init/";
const INBOX: &str = "v2/post/publish/inbox/video/init/";
const STATUS: &str = "v2/post/publish/status/fetch/";
const CANCEL: &str = "v2/post/publish/cancel/";
const UPLOAD: &str = "upload";

/// Posts that may be begun in a minute.
pub const POSTS_A_MINUTE: u64 = 6;
/// Calls of one token a minute, those for bytes left out: opening, asking and reading what is allowed.
pub const CALLS_A_MINUTE: u64 = 6 + 30 + 20;

/// The calls of one post of this many bytes, by endpoint, asking after it included.
pub fn calls(bytes: u64) -> Vec<(&'static str, u64)> {
    let chunks = chunks::Chunks::of(bytes).map_or(1, |cut| cut.count);
    vec![(DIRECT, 1), (UPLOAD, chunks), (STATUS, 5)]
}

/// The client of one creator. Its calls must be awaited in a Tokio runtime with time and IO.
pub struct TikTokPost {
    options: PostOptions,
    base: Url,
    origin: String,
    http: reqwest::Client,
    pace: Pace,
    pacer: Pacer,
}

impl TikTokPost {
    /// A client; nothing is sent yet, see [`PostPlatform::creator`].
    ///
    /// # Errors
    /// [`PostOptionsError`] for an address that would expose the token, an account or token that cannot be
    /// one, or when TLS does not start.
    pub fn new(options: PostOptions) -> Result<TikTokPost, PostOptionsError> {
        let base = options::base(&options.base_url)?;
        if options.account.trim().is_empty() {
            return Err(PostOptionsError::Account);
        }
        let token = options.token.expose_secret();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(PostOptionsError::Token);
        }
        Ok(TikTokPost {
            origin: options.origin.clone().unwrap_or_else(|| base.origin().ascii_serialization()),
            http: options::http_client(&options, &base)?,
            pace: Pace::new(options.speed),
            pacer: Pacer::new(options.bandwidth.filter(|rate| *rate > 0)),
            base,
            options,
        })
    }
}

impl fmt::Debug for TikTokPost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TikTokPost").field("options", &self.options).finish_non_exhaustive()
    }
}

impl PostPlatform for TikTokPost {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn account(&self) -> &str {
        &self.options.account
    }

    fn creator(&self) -> Call<'_, Creator> {
        Box::pin(self.read_creator())
    }

    fn open<'a>(&'a self, post: &'a NewPost, asset: &'a ValidatedAsset) -> Call<'a, Opened> {
        Box::pin(self.init(post, asset))
    }

    fn fill<'a>(
        &'a self,
        upload: &'a Opened,
        asset: &'a ValidatedAsset,
        sent: &'a (dyn Fn(u64) + Send + Sync),
    ) -> Call<'a, ()> {
        Box::pin(self.put_all(upload, asset, sent))
    }

    fn status<'a>(&'a self, publish_id: &'a str) -> Call<'a, PostStatus> {
        Box::pin(self.read_status(publish_id))
    }

    fn cancel<'a>(&'a self, publish_id: &'a str) -> Call<'a, ()> {
        Box::pin(self.take_back(publish_id))
    }
}
