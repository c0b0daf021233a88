//! The client, and the checks of its options.

use std::fmt;

use secrecy::ExposeSecret;
use url::Url;

use super::call_limiter::CallLimiter;
use super::options::{ClientOptions, ConfigurationError, base};
use crate::platform::http_client::http_client;
use crate::platform::server_clock::ServerClock;
use crate::platform::upload_body::BandwidthLimiter;

/// A client for one advertiser. Its calls must be awaited in a Tokio runtime with time and I/O.
///
/// All calls share one rate limiter, so a process should have one client per app.
pub struct TikTokAds {
    pub(super) options: ClientOptions,
    pub(super) base: Url,
    pub(super) origin: String,
    pub(super) http: reqwest::Client,
    pub(super) call_limiter: CallLimiter,
    pub(super) bandwidth: BandwidthLimiter,
    pub(super) server_clock: ServerClock,
}

impl TikTokAds {
    /// Creates a client without sending anything; see [`TikTokAds::check_access`].
    ///
    /// # Errors
    /// [`ConfigurationError`] for a URL that would expose the token or cannot work, a malformed advertiser id or
    /// token, a zero where a number must be positive, or when TLS does not start.
    pub fn new(options: ClientOptions) -> Result<TikTokAds, ConfigurationError> {
        let base = base(&options.base_url)?;
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
        let http = http_client(&options.timeouts, &base)
            .map_err(|error| ConfigurationError::Client(Box::new(error)))?;
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
