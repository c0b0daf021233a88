//! What the client is made of, and why it may not be made.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

use super::code_overrides::CodeTable;
use super::limiter::{Pauses, Tier};
use super::throttle::OnPause;
use crate::platform::Timeouts;

/// Where the API lies below a host.
const API: &str = "/open_api/v1.3/";
/// The platform's own sandbox.
const TRIAL_HOST: &str = "sandbox-ads.tiktok.com";

/// Files of more bytes go up in pieces, unless told otherwise.
pub const CHUNK_ABOVE: u64 = 100_000_000;

/// Everything a client is made with.
#[derive(Clone)]
pub struct ClientOptions {
    /// Scheme and host, such as `https://business-api.tiktok.com`; the API's path may follow.
    /// `http` is taken for the loopback only.
    pub base_url: String,
    /// What effects are keyed by in place of the address, for a stand-in that remembers what it made while
    /// its port changes from run to run.
    pub origin: Option<String>,
    /// The advertiser.
    pub advertiser_id: String,
    /// The access token. It is never shown, logged or put into an error.
    pub token: SecretString,
    /// The app's access level.
    pub tier: Tier,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Bytes a second that all uploads together may use; `None` for as fast as it goes.
    pub bandwidth: Option<u64>,
    /// Files of more bytes go up in pieces.
    pub chunk_above: u64,
    /// The table of codes, with the user's own entries.
    pub codes: CodeTable,
    /// How long a throttle answer pauses everybody.
    pub pauses: Pauses,
    /// The bound of the wait before a read is sent again; doubles with each.
    pub retry_wait: Duration,
    /// Told when everybody pauses, and for how long.
    pub on_pause: Option<OnPause>,
}

impl ClientOptions {
    /// The defaults, for one advertiser.
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

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The address does not read as one.
    #[error("`{url}` is no address for the API: write for example https://business-api.tiktok.com")]
    Address {
        /// As given.
        url: String,
        /// What the reader said.
        #[source]
        source: url::ParseError,
    },
    /// The address reads, but may not be used.
    #[error("`{url}` cannot be used for the API: {reason}")]
    Refused {
        /// As given, without what might be secret.
        url: String,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// The advertiser id is not one.
    #[error("`{0}` is no advertiser id: it has digits only and stands in the ads manager's address")]
    Advertiser(String),
    /// The token is empty or holds what a header cannot.
    #[error(
        "the access token is {0}: put the token in place as the platform gave it, without quotes or blanks"
    )]
    Token(&'static str),
    /// A number makes no sense.
    #[error("{0} must be greater than zero")]
    Zero(&'static str),
    /// TLS or the HTTP client did not start.
    #[error("the HTTP client cannot start")]
    Client(#[source] reqwest::Error),
}

/// The address that the endpoints are joined to; ends in a slash.
pub(super) fn base(given: &str) -> Result<Url, ConfigurationError> {
    let mut url = Url::parse(given)
        .map_err(|source| ConfigurationError::Address { url: without_userinfo(given), source })?;
    let refuse = |reason| Err(ConfigurationError::Refused { url: without_userinfo(given), reason });
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it holds a user name or password; the token goes into its own setting");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("it holds a query or fragment; leave it out");
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return refuse("plain http would show the access token to others; use https"),
        _ => return refuse("only https is spoken, and http on this machine's loopback"),
    }
    if url.host_str().is_some_and(|host| host.trim_end_matches('.').eq_ignore_ascii_case(TRIAL_HOST)) {
        return refuse(
            "the platform's own sandbox cannot read videos back, so nothing would ever be seen to be ready; \
             use `greenlit sandbox` for trials",
        );
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&if path.is_empty() || path == "/open_api" { API.to_owned() } else { format!("{path}/") });
    Ok(url)
}

/// The part behind the last `@`, so that an error never shows a password.
fn without_userinfo(given: &str) -> String {
    match given.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => given.to_owned(),
    }
}

/// Whether the address is this machine's own.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_addresses_that_keep_the_token_safe_are_taken() {
        let live = "https://business-api.tiktok.com/open_api/v1.3/";
        assert_eq!(base("https://business-api.tiktok.com").unwrap().as_str(), live);
        assert_eq!(base("https://business-api.tiktok.com/open_api").unwrap().as_str(), live);
        assert_eq!(base("https://business-api.tiktok.com/open_api/v1.3").unwrap().as_str(), live);
        assert!(base("http://127.0.0.1:8080").is_ok() && base("http://[::1]:1/").is_ok());
        for bad in ["http://business-api.tiktok.com", "ftp://127.0.0.1", "https://h/?a=1", "nonsense"] {
            assert!(base(bad).is_err(), "{bad}");
        }
        let trial = base("https://sandbox-ads.tiktok.com/open_api").unwrap_err().to_string();
        assert!(trial.contains("cannot read videos back"), "{trial}");
        let secret = base("https://me:hunter2@host/").unwrap_err();
        assert!(!format!("{secret} {secret:?}").contains("hunter2"));
    }

    #[test]
    fn the_token_does_not_show() {
        let options = ClientOptions::new("https://h", "7", SecretString::from("very-secret"));
        assert!(!format!("{options:?}").contains("very-secret"));
    }
}
