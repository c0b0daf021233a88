//! The options of the client and their validation.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::platform::{Timeouts, is_loopback};

/// The hosts of the platform that may receive an access token, in lower case.
pub(super) const HOSTS: &[&str] = &["open.tiktokapis.com"];

/// Called with the duration when a pause of all calls begins.
type OnPause = Arc<dyn Fn(Duration) + Send + Sync>;

/// The options of a client.
#[derive(Clone)]
pub struct PostOptions {
    /// Scheme and host, such as `https://open.tiktokapis.com`. `http` is accepted for loopback
    /// addresses only.
    pub base_url: String,
    /// Replaces the address in the keys of effects, for a sandbox that keeps its state while its port changes
    /// from run to run.
    pub origin: Option<String>,
    /// A permanent name of the creator's account, such as the `open_id`; part of the key of every effect.
    pub account: String,
    /// The creator's access token. It never appears in output, logs or errors.
    pub token: SecretString,
    /// The timeouts.
    pub timeouts: Timeouts,
    /// Bytes per second that all uploads together may use; `None` for no limit.
    pub bandwidth: Option<u64>,
    /// The wait before the first retry of a chunk or a read; doubles with each retry.
    pub retry_wait: Duration,
    /// How much faster the platform's clock runs than ours: 1 except for a sandbox.
    pub speed: f64,
    /// Called with the duration when a pause of all calls begins.
    pub on_pause: Option<OnPause>,
}

impl PostOptions {
    /// Returns the defaults for one creator.
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

/// Why a client cannot be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostOptionsError {
    /// The URL cannot be used.
    #[error("the URL of the API cannot be used: {0}; use for example https://open.tiktokapis.com")]
    Address(&'static str),
    /// The account is empty.
    #[error(
        "the account is empty: set a permanent name of the creator's account, for example its open_id; the \
         journal distinguishes accounts by this name"
    )]
    Account,
    /// The token is empty or not a valid HTTP header value.
    #[error("the access token is empty or not plain ASCII text: copy it exactly as the platform issued it")]
    Token,
    /// TLS or the HTTP client did not start.
    #[error("the HTTP client cannot start")]
    Client(#[source] Box<dyn Error + Send + Sync>),
}

/// Returns scheme, host and port of a URL, which are part of the key of every effect.
///
/// # Errors
/// [`PostOptionsError`] for a URL that cannot be used.
pub(super) fn origin_of(base_url: &str) -> Result<String, PostOptionsError> {
    Ok(base(base_url)?.origin().ascii_serialization())
}

/// Returns the URL that endpoints are joined to.
pub(super) fn base(given: &str) -> Result<Url, PostOptionsError> {
    let url = Url::parse(given).map_err(|_| PostOptionsError::Address("it is malformed"))?;
    let refuse = |reason| Err(PostOptionsError::Address(reason));
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it contains a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() || url.path() != "/" {
        return refuse("it has a path, query or fragment");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => refuse("only https is supported, and http on loopback addresses"),
    }
}

/// Returns whether bytes may be sent to a URL from the platform: to its own upload hosts, or to the loopback
/// if the API is on the loopback. Source: portal page media-transfer-guide.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn uploads_only_to_the_platforms_own_hosts() {
        let api = base("https://open.tiktokapis.com").unwrap();
        let may = |text: &str| may_upload_to(&Url::parse(text).unwrap(), &api);
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
        let local = base("http://127.0.0.1:9").unwrap();
        assert!(may_upload_to(&Url::parse("http://127.0.0.1:9/upload/1").unwrap(), &local));
        assert!(!may_upload_to(&Url::parse("https://open-upload.tiktokapis.com/").unwrap(), &local));
    }

    #[test]
    fn rejects_urls_that_would_expose_the_token() {
        for bad in ["http://open.tiktokapis.com", "https://me:pw@h", "https://h/v2", "h", "ftp://127.0.0.1"] {
            assert!(base(bad).is_err(), "{bad}");
        }
    }
}
