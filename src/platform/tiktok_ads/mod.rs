//! TikTok's Marketing API v1.3.
//!
//! [`TikTokAds`] is the client. Every call goes through `client`, which waits for the rate limit (`call_limiter`,
//! [`limiter`]), sends the request, parses the reply (`wire`) and classifies failures ([`codes`]). `upload`
//! sends files, `read_endpoints` reads and creates ads. Reads are repeated within a budget, mutations never.

pub(crate) mod call_limiter;
mod client;
mod code_overrides;
mod code_table;
pub mod codes;
mod columns;
mod destination;
mod explain;
mod forecast;
pub mod limiter;
mod objects;
mod options;
mod platform;
mod read_endpoints;
mod retry_budget;
mod tier;
mod upload;
mod wire;
mod wordings;

use std::fmt;

use secrecy::ExposeSecret;
use url::Url;

use self::call_limiter::CallLimiter;
pub use self::call_limiter::OnPause;
pub use self::code_overrides::{CodeTable, CodeTableError};
pub use self::explain::explain;
pub use self::limiter::Pauses;
pub use self::objects::{NewAd, RemoteAd, RemoteVideo};
pub use self::options::{CHUNK_ABOVE, ClientOptions, ConfigurationError, HOSTS};
pub use self::platform::{ADS, Ads};
pub use self::tier::{Tier, UnknownTier};
pub use super::Timeouts;
use super::http_client::http_client;
use super::server_clock::ServerClock;
use super::upload_body::BandwidthLimiter;

/// Returns scheme, host and port of a URL, which are part of the key of every effect.
///
/// # Errors
/// [`ConfigurationError`] for a URL that cannot be used.
pub fn origin_of(base_url: &str) -> Result<String, ConfigurationError> {
    Ok(options::base(base_url)?.origin().ascii_serialization())
}

/// A kind of file in an advertiser's library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A video.
    Video,
    /// An image.
    Image,
}

impl MediaKind {
    /// Returns the name in requests.
    fn file_type(self) -> &'static str {
        match self {
            MediaKind::Video => "VIDEO",
            MediaKind::Image => "IMAGE",
        }
    }
}

/// A client for one advertiser. Its calls must be awaited in a Tokio runtime with time and I/O.
///
/// All calls share one rate limiter, so a process should have one client per app.
pub struct TikTokAds {
    options: ClientOptions,
    base: Url,
    origin: String,
    http: reqwest::Client,
    call_limiter: CallLimiter,
    bandwidth: BandwidthLimiter,
    server_clock: ServerClock,
}

impl TikTokAds {
    /// Creates a client without sending anything; see [`TikTokAds::check_access`].
    ///
    /// # Errors
    /// [`ConfigurationError`] for a URL that would expose the token or cannot work, a malformed advertiser id or
    /// token, a zero where a number must be positive, or when TLS does not start.
    pub fn new(options: ClientOptions) -> Result<TikTokAds, ConfigurationError> {
        let base = options::base(&options.base_url)?;
        let id = &options.advertiser_id;
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ConfigurationError::Advertiser(id.clone()));
        }
        let token = options.token.expose_secret();
        if token.is_empty() {
            return Err(ConfigurationError::Token("empty"));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigurationError::Token("not plain ASCII text without spaces"));
        }
        if options.bandwidth == Some(0) {
            return Err(ConfigurationError::Zero("the bandwidth"));
        }
        if options.timeouts.min_upload_rate == 0 {
            return Err(ConfigurationError::Zero("the minimum upload rate"));
        }
        let http = http_client(&options.timeouts, &base).map_err(ConfigurationError::Client)?;
        Ok(TikTokAds {
            origin: options.origin.clone().unwrap_or_else(|| base.origin().ascii_serialization()),
            call_limiter: CallLimiter::new(options.tier, options.pauses, options.on_pause.clone()),
            bandwidth: BandwidthLimiter::new(options.bandwidth),
            server_clock: ServerClock::default(),
            base,
            http,
            options,
        })
    }
}

impl fmt::Debug for TikTokAds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TikTokAds").field("options", &self.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
