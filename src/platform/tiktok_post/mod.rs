//! TikTok's Content Posting API: drafts into a creator's inbox, and direct posts.
//!
//! [`TikTokPost`] is the client. Calls go through `client`, within the rate limit of each endpoint (`throttle`),
//! and are classified by [`codes`]; `put` sends the bytes in [`chunks`].

mod call_limiter;
pub mod chunks;
mod client;
pub mod codes;
mod columns;
mod destination;
pub mod fail_reasons;
mod objects;
mod options;
mod platform;
mod put;
mod wire;

use std::fmt;

use secrecy::ExposeSecret;
use url::Url;

use self::call_limiter::PostRateLimiter;
pub use self::objects::{Creator, NewPost, PostMode, PostStatus};
pub use self::options::{HOSTS, PostOptions, PostOptionsError, origin_of};
pub use self::platform::{POSTS, Posts};
use super::http_client::http_client;
use super::server_clock::ServerClock;
use super::upload_body::BandwidthLimiter;

const CREATOR: &str = "v2/post/publish/creator_info/query/";
const DIRECT: &str = "v2/post/publish/video/init/";
const INBOX: &str = "v2/post/publish/inbox/video/init/";
const STATUS: &str = "v2/post/publish/status/fetch/";
const CANCEL: &str = "v2/post/publish/cancel/";
const UPLOAD: &str = "upload";

/// The most posts per minute.
pub const POSTS_PER_MINUTE: u64 = 6;
/// The most calls per minute of one token: opening uploads, reading statuses and reading the creator. Uploads of
/// bytes do not count.
pub const CALLS_PER_MINUTE: u64 = 6 + 30 + 20;

/// Returns the calls of one post of `bytes` bytes by endpoint, including status reads.
pub fn calls(mode: PostMode, bytes: u64) -> Vec<(&'static str, u64)> {
    let chunks = chunks::ChunkLayout::of(bytes).map_or(1, |layout| layout.count);
    let open = if mode == PostMode::Direct { DIRECT } else { INBOX };
    vec![(open, 1), (UPLOAD, chunks), (STATUS, 5)]
}

/// A client for one creator. Its calls must be awaited in a Tokio runtime with time and I/O.
pub struct TikTokPost {
    options: PostOptions,
    base: Url,
    origin: String,
    http: reqwest::Client,
    rate_limiter: PostRateLimiter,
    bandwidth: BandwidthLimiter,
    server_clock: ServerClock,
}

impl TikTokPost {
    /// Creates a client without sending anything; see [`TikTokPost::creator`].
    ///
    /// # Errors
    /// [`PostOptionsError`] for a URL that would expose the token, an invalid account or token, or when TLS does
    /// not start.
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
            http: http_client(&options.timeouts, &base).map_err(PostOptionsError::Client)?,
            rate_limiter: PostRateLimiter::new(options.speed),
            bandwidth: BandwidthLimiter::new(options.bandwidth.filter(|rate| *rate > 0)),
            server_clock: ServerClock::default(),
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
