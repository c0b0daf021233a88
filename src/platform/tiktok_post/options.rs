//! What the client is made of, and why it may not be made.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

use crate::platform::Timeouts;

/// Told how long everybody pauses, when a pause begins.
type OnPause = Arc<dyn Fn(Duration) + Send + Sync>;

/// Everything a client is made with.
#[derive(Clone)]
pub struct PostOptions {
    /// Scheme and host, such as `https://open.tiktokapis.com`. `http` is taken for the loopback only.
    pub base_url: String,
    /// What effects are keyed by in place of the address, for a stand-in that remembers what it made while
    /// its port changes from run to run.
    pub origin: Option<String>,
    /// The creator's account, by any lasting name such as the `open_id`: what effects are keyed by.
    pub account: String,
    /// The creator's access token. It is never shown, logged or put into an error.
    pub token: SecretString,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Bytes a second that all uploads together may use; `None` for as fast as it goes.
    pub bandwidth: Option<u64>,
    /// The wait before a chunk or a read is sent again; doubles with each.
    pub retry_wait: Duration,
    /// How much faster the destination's clock runs than ours: 1 but for a stand-in.
    pub speed: f64,
    /// Told when everybody pauses, and for how long.
    pub on_pause: Option<OnPause>,
}

impl PostOptions {
    /// The defaults, for one creator.
    pub fn new(base_url: &str, account: &str, token: SecretString) -> PostOptions {
        PostOptions {
            base_url: base_url.to_owned(),
            origin: None,
            account: account.to_owned(),
            token,
            timeouts: Timeouts::default(),
            bandwidth: None,
            retry_wait: Duration::from_millis(500),
            speed: 1.0,
            on_pause: None,
        }
    }
}

impl fmt::Debug for PostOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PostOptions")
            .field("base_url", &self.base_url)
            .field("account", &self.account)
            .field("token", &self.token)
            .field("bandwidth", &self.bandwidth)
            .finish_non_exhaustive()
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PostOptionsError {
    /// The address cannot be used.
    #[error("the address of the API cannot be used: {0}; write for example https://open.tiktokapis.com")]
    Address(&'static str),
    /// No account.
    #[error(
        "the account is empty: name the creator's account, for example by its open_id; the journal keeps its \
         posts apart by it"
    )]
    Account,
    /// The token is empty or holds what a header cannot.
    #[error("the access token is empty or not plain text: put it in place as the platform gave it")]
    Token,
    /// TLS or the HTTP client did not start.
    #[error("the HTTP client cannot start")]
    Client(#[source] reqwest::Error),
}

/// What effects at an address are keyed by: scheme, host and port.
///
/// # Errors
/// [`PostOptionsError`] for an address that cannot be used.
pub fn origin_of(base_url: &str) -> Result<String, PostOptionsError> {
    Ok(base(base_url)?.origin().ascii_serialization())
}

/// The address that the endpoints are joined to.
pub(super) fn base(given: &str) -> Result<Url, PostOptionsError> {
    let url = Url::parse(given).map_err(|_| PostOptionsError::Address("it does not read as one"))?;
    let refuse = |reason| Err(PostOptionsError::Address(reason));
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it holds a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() || url.path() != "/" {
        return refuse("it has a path, query or fragment");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => refuse("only https is spoken, and http on this machine's loopback"),
    }
}

/// Whether bytes may go to an address that the platform gave: its own upload hosts, or, when the API
/// itself lies on the loopback, the loopback. Sources: portal page media-transfer-guide.
pub(super) fn may_upload_to(url: &Url, base: &Url) -> bool {
    if is_loopback(base) {
        return is_loopback(url) && matches!(url.scheme(), "http" | "https");
    }
    let host = url.host_str().unwrap_or_default();
    let regional = host.strip_prefix("upload.").and_then(|rest| rest.strip_suffix(".tiktokapis.com"));
    let region = regional.is_some_and(|name| !name.is_empty() && !name.contains('.'));
    url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && (host == "open-upload.tiktokapis.com" || region)
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

pub(super) fn http_client(options: &PostOptions, base: &Url) -> Result<reqwest::Client, PostOptionsError> {
    // Fails when a provider is in place already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("greenlit/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.timeouts.connect)
        .pool_idle_timeout(Duration::from_secs(20))
        // Neither a token nor a video must follow a redirect to another host.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false);
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(PostOptionsError::Client)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bytes_go_to_the_platforms_own_hosts_only() {
        let base = base("https://open.tiktokapis.com").unwrap();
        let may = |text: &str| may_upload_to(&Url::parse(text).unwrap(), &base);
        assert!(may("https://open-upload.tiktokapis.com/video/?upload_id=1"));
        assert!(may("https://upload.us.tiktokapis.com/video/"));
        for bad in [
            "http://open-upload.tiktokapis.com/",
            "https://open-upload.tiktokapis.com.evil.example/",
            "https://upload.evil.example/",
            "https://upload.a.b.tiktokapis.com/",
            "https://open-upload.tiktokapis.com:8443/",
            "http://127.0.0.1:1/",
        ] {
            assert!(!may(bad), "{bad}");
        }
        let local = super::base("http://127.0.0.1:9").unwrap();
        assert!(may_upload_to(&Url::parse("http://127.0.0.1:9/upload/1").unwrap(), &local));
        assert!(!may_upload_to(&Url::parse("https://open-upload.tiktokapis.com/").unwrap(), &local));
    }

    #[test]
    fn addresses_that_show_the_token_are_refused() {
        for bad in ["http://open.tiktokapis.com", "https://me:pw@h", "https://h/v2", "h", "ftp://127.0.0.1"] {
            assert!(super::base(bad).is_err(), "{bad}");
        }
    }
}
