//! The options of the client and their validation.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::call_limiter::OnPause;
use super::code_overrides::CodeTable;
use super::limiter::Pauses;
use super::tier::Tier;
use crate::platform::{Timeouts, is_loopback};

/// The hosts of the platform that may receive an access token, in lower case.
pub(super) const HOSTS: &[&str] = &["business-api.tiktok.com", SANDBOX_HOST];

/// The path of the API.
const API: &str = "/open_api/v1.3/";
/// The host of the platform's own sandbox.
const SANDBOX_HOST: &str = "sandbox-ads.tiktok.com";

/// The default of [`ClientOptions::chunk_above`], in bytes.
pub(super) const CHUNK_ABOVE: u64 = 100_000_000;

/// The options of a client.
#[derive(Clone)]
pub struct ClientOptions {
    /// Scheme and host, such as `https://business-api.tiktok.com`; the API's path may follow.
    /// `http` is accepted for loopback addresses only.
    pub base_url: String,
    /// Replaces the address in the keys of effects, for a sandbox that keeps its state while its port changes
    /// from run to run.
    pub origin: Option<String>,
    /// The advertiser.
    pub advertiser_id: String,
    /// The access token. It never appears in output, logs or errors.
    pub token: SecretString,
    /// The app's access level.
    pub tier: Tier,
    /// The timeouts.
    pub timeouts: Timeouts,
    /// Bytes per second that all uploads together may use; `None` for no limit.
    pub bandwidth: Option<u64>,
    /// Larger files, in bytes, are uploaded in chunks.
    pub chunk_above: u64,
    /// The table of return codes with the user's overrides.
    pub codes: CodeTable,
    /// How long all calls pause after a throttle reply.
    pub pauses: Pauses,
    /// The maximum wait before the first retry of a read; doubles with each retry.
    pub retry_wait: Duration,
    /// Called with the duration when a pause of all calls begins.
    pub on_pause: Option<OnPause>,
}

impl ClientOptions {
    /// Returns the defaults for one advertiser.
    pub fn new(base_url: &str, advertiser_id: &str, token: SecretString) -> ClientOptions {
        ClientOptions {
            base_url: base_url.to_owned(),
            origin: None,
            advertiser_id: advertiser_id.to_owned(),
            token,
            tier: Tier::default(),
            timeouts: Timeouts::default(),
            bandwidth: None,
            chunk_above: CHUNK_ABOVE,
            codes: CodeTable::default(),
            pauses: Pauses::default(),
            retry_wait: Duration::from_millis(500),
            on_pause: None,
        }
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ClientOptions")
            .field("base_url", &self.base_url)
            .field("origin", &self.origin)
            .field("advertiser_id", &self.advertiser_id)
            .field("token", &self.token)
            .field("tier", &self.tier)
            .field("timeouts", &self.timeouts)
            .field("bandwidth", &self.bandwidth)
            .field("chunk_above", &self.chunk_above)
            .field("codes", &self.codes)
            .finish_non_exhaustive()
    }
}

/// Why a client cannot be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// The URL is malformed.
    #[error("`{url}` is not a valid URL for the API; use for example https://business-api.tiktok.com")]
    Address {
        /// The given URL.
        url: String,
        /// The parser's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The URL is well-formed but not acceptable.
    #[error("`{url}` cannot be used for the API: {reason}")]
    Refused {
        /// The given URL, without parts that may be secret.
        url: String,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// The advertiser id is malformed.
    #[error("`{0}` is not an advertiser id: an id has only digits; find it in the URL of TikTok Ads Manager")]
    Advertiser(String),
    /// The token is empty or not a valid HTTP header value.
    #[error(
        "the access token is {0}: copy the token exactly as the platform issued it, without quotes or spaces"
    )]
    Token(&'static str),
    /// A number is zero.
    #[error("{0} must be greater than zero")]
    Zero(&'static str),
    /// TLS or the HTTP client did not start.
    #[error("the HTTP client cannot start")]
    Client(#[source] Box<dyn Error + Send + Sync>),
}

/// Returns the URL that endpoints are joined to; it ends in a slash.
pub(super) fn base(given: &str) -> Result<Url, ConfigurationError> {
    let mut url = Url::parse(given).map_err(|source| ConfigurationError::Address {
        url: without_userinfo(given),
        source: Box::new(source),
    })?;
    let refuse = |reason| Err(ConfigurationError::Refused { url: without_userinfo(given), reason });
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it contains a user name or password; remove them, and set the token separately");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("it contains a query or fragment; remove it");
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return refuse("plain http would expose the access token; use https"),
        _ => return refuse("only https is supported, and http on loopback addresses"),
    }
    if url.host_str().is_some_and(|host| host.trim_end_matches('.').eq_ignore_ascii_case(SANDBOX_HOST)) {
        return refuse(
            "the platform's own sandbox cannot read videos back, so no video would ever count as ready; \
             use `greenlit sandbox` for trials",
        );
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&if path.is_empty() || path == "/open_api" { API.to_owned() } else { format!("{path}/") });
    Ok(url)
}

/// Returns the part after the last `@`, so that an error never contains a password.
fn without_userinfo(given: &str) -> String {
    match given.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => given.to_owned(),
    }
}

/// Returns scheme, host and port of a URL, which are part of the key of every effect.
///
/// # Errors
/// [`ConfigurationError`] for a URL that cannot be used.
pub(super) fn origin_of(base_url: &str) -> Result<String, ConfigurationError> {
    Ok(base(base_url)?.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn accepts_only_urls_that_do_not_expose_the_token() {
        let live = "https://business-api.tiktok.com/open_api/v1.3/";
        assert_eq!(base("https://business-api.tiktok.com").unwrap().as_str(), live);
        assert_eq!(base("https://business-api.tiktok.com/open_api").unwrap().as_str(), live);
        assert_eq!(base("https://business-api.tiktok.com/open_api/v1.3").unwrap().as_str(), live);
        assert!(base("http://127.0.0.1:8080").is_ok() && base("http://[::1]:1/").is_ok());
        for bad in ["http://business-api.tiktok.com", "ftp://127.0.0.1", "https://h/?a=1", "nonsense"] {
            assert!(base(bad).is_err(), "{bad}");
        }
        let sandbox = base("https://sandbox-ads.tiktok.com/open_api").unwrap_err().to_string();
        assert!(sandbox.contains("cannot read videos back"), "{sandbox}");
        let secret = base("https://me:hunter2@host/").unwrap_err();
        assert!(!format!("{secret} {secret:?}").contains("hunter2"));
    }

    #[test]
    fn debug_output_hides_the_token() {
        let options = ClientOptions::new("https://h", "7", SecretString::from("very-secret"));
        assert!(!format!("{options:?}").contains("very-secret"));
    }
}
