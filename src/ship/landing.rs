//! Checks that a landing page answers as an ad requires.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LOCATION};
use rustls::{CertificateError, OtherError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use url::{Host, Url};

use super::public_address::is_public;
use crate::platform::{Platform, Row};

/// What to do about a landing page that does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum LandingMode {
    /// The ad is not created.
    Require,
    /// The ad is created; its delivery reports the error.
    #[default]
    Warn,
    /// Landing pages are not checked.
    Off,
}

/// Why a landing page is unsuitable for an ad.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LandingError {
    /// Not a web address.
    #[error("landing page {url}: not a web address; write https://…")]
    Syntax {
        /// As given.
        url: String,
    },
    /// Not https.
    #[error("landing page {url}: must be https")]
    Insecure {
        /// The address, perhaps after a redirect.
        url: String,
    },
    /// An address that is not on the public internet: loopback, a private network, reserved.
    #[error("landing page {url}: the address is not on the public internet; set allow_private to allow it")]
    Private {
        /// The address, perhaps after a redirect.
        url: String,
    },
    /// Too many redirects.
    #[error("landing page {url}: redirected more than {MAX_REDIRECTS} times")]
    Redirects {
        /// The address given.
        url: String,
    },
    /// A status other than 200.
    #[error("landing page {url}: answered {status}, expected 200")]
    Status {
        /// The address, perhaps after a redirect.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// Not a web page.
    #[error("landing page {url}: content type is {found}, expected text/html")]
    NotHtml {
        /// The address, perhaps after a redirect.
        url: String,
        /// The content type, or `unknown`.
        found: String,
    },
    /// A certificate that browsers reject.
    #[error("landing page {url}: certificate not accepted: {why}")]
    Certificate {
        /// The address, perhaps after a redirect.
        url: String,
        /// Why it is not accepted.
        why: String,
    },
    /// No answer.
    #[error("landing page {url}: no answer: {why}")]
    Unreachable {
        /// The address, perhaps after a redirect.
        url: String,
        /// The error of the transport.
        why: String,
    },
}

const MAX_REDIRECTS: u32 = 5;
/// The limit for one address.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The limit for a visit with all its redirects.
const VISIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Visits landing pages.
pub trait PageVisitor: Send + Sync {
    /// Checks that the page answers. A network failure is a result like any other.
    fn visit<'a>(
        &'a self,
        url: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<(), LandingError>> + Send + 'a>>;
}

/// Visits landing pages over HTTP.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpPageVisitor {
    /// Whether http and private addresses are allowed.
    pub allow_private: bool,
}

impl PageVisitor for HttpPageVisitor {
    fn visit<'a>(
        &'a self,
        url: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<(), LandingError>> + Send + 'a>> {
        Box::pin(check_landing(url, self.allow_private))
    }
}

/// Checks one page within [`VISIT_TIMEOUT`]: https and a public address (http, loopback and private networks only with `allow_private`), at most five redirects with the same
/// checks for each, then status 200 and an HTML content type.
pub async fn check_landing(url: &str, allow_private: bool) -> Result<(), LandingError> {
    check_within(url, allow_private, VISIT_TIMEOUT).await
}

/// Like [`check_landing`], with another limit.
pub async fn check_within(url: &str, allow_private: bool, limit: Duration) -> Result<(), LandingError> {
    let visit = tokio::time::timeout(limit, follow(url, allow_private));
    visit.await.unwrap_or_else(|_| {
        let why = format!("no complete answer within {} s", limit.as_secs_f64());
        Err(LandingError::Unreachable { url: url.to_owned(), why })
    })
}

async fn follow(url: &str, allow_private: bool) -> Result<(), LandingError> {
    let mut at = Url::parse(url).map_err(|_| LandingError::Syntax { url: url.to_owned() })?;
    for _ in 0..=MAX_REDIRECTS {
        let response = get(&at, allow_private).await?;
        let status = response.status();
        if !status.is_redirection() {
            return check_response(&at, status.as_u16(), header(&response, CONTENT_TYPE));
        }
        let next = header(&response, LOCATION).and_then(|to| at.join(to).ok());
        at = next.ok_or_else(|| LandingError::Status { url: at.to_string(), status: status.as_u16() })?;
    }
    Err(LandingError::Redirects { url: url.to_owned() })
}

fn header(response: &reqwest::Response, name: reqwest::header::HeaderName) -> Option<&str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

fn check_response(at: &Url, status: u16, content_type: Option<&str>) -> Result<(), LandingError> {
    let kind = content_type.unwrap_or("unknown").split(';').next().unwrap_or_default().trim();
    if status != 200 {
        return Err(LandingError::Status { url: at.to_string(), status });
    }
    match kind.to_ascii_lowercase().as_str() {
        "text/html" | "application/xhtml+xml" => Ok(()),
        found => Err(LandingError::NotHtml { url: at.to_string(), found: found.to_owned() }),
    }
}

/// Requests one address. Its host is resolved and checked here and then pinned, so that the client does not
/// resolve it to another address.
async fn get(at: &Url, allow_private: bool) -> Result<reqwest::Response, LandingError> {
    let url = at.to_string();
    let host = at.host().ok_or_else(|| LandingError::Syntax { url: url.clone() })?;
    let port = at.port_or_known_default().ok_or_else(|| LandingError::Syntax { url: url.clone() })?;
    let unreachable = |why: String| LandingError::Unreachable { url: url.clone(), why };
    let addresses: Vec<SocketAddr> = match &host {
        Host::Ipv4(ip) => vec![(*ip, port).into()],
        Host::Ipv6(ip) => vec![(*ip, port).into()],
        Host::Domain(name) => tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((*name, port)))
            .await
            .map_err(|_| unreachable("the host name was not resolved in time".into()))?
            .map_err(|error| unreachable(error.to_string()))?
            .take(16)
            .collect(),
    };
    if at.scheme() != "https" && !(at.scheme() == "http" && allow_private) {
        return Err(LandingError::Insecure { url });
    }
    if !allow_private && addresses.iter().any(|address| !is_public(address.ip())) {
        return Err(LandingError::Private { url });
    }
    // Fails if a provider is already installed, which is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .user_agent(concat!("greenlit/", env!("CARGO_PKG_VERSION")));
    if let Host::Domain(name) = &host {
        client = client.resolve_to_addrs(name, &addresses);
    }
    let client = client.build().map_err(|error| unreachable(error.to_string()))?;
    client.get(at.clone()).send().await.map_err(|error| match certificate_error(&error) {
        Some(error) => LandingError::Certificate { url: url.clone(), why: certificate_message(error) },
        None => unreachable(root_cause(&error)),
    })
}

/// Returns an error and its causes, outermost first. `source()` of an I/O error skips the error that it wraps.
fn error_chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn certificate_error(error: &reqwest::Error) -> Option<&CertificateError> {
    error_chain(error).find_map(|cause| match cause.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(error)) => Some(error),
        _ => None,
    })
}

fn certificate_message(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another host".to_owned()
        }
        CertificateError::Revoked => "it is revoked".to_owned(),
        CertificateError::UnknownIssuer => {
            "issuer not trusted: self-signed, or the server does not send an intermediate certificate"
                .to_owned()
        }
        // The default of `openssl req -x509`.
        CertificateError::Other(OtherError(error)) if is_authority(error.as_ref()) => {
            "it is self-signed and marked as a certificate authority".to_owned()
        }
        other => other.to_string(),
    }
}

/// Returns whether the certificate of a server is that of an authority. rustls has no error for it and wraps the one of
/// its verifier, whose type it does not export: only the name of the variant tells.
fn is_authority(error: &(dyn Error + Send + Sync)) -> bool {
    format!("{error:?}") == "CaUsedAsEndEntity"
}

/// Returns the text of the innermost cause: the outer errors only say that the request failed.
fn root_cause(error: &reqwest::Error) -> String {
    error_chain(error).last().map_or_else(String::new, ToString::to_string)
}

/// The most landing pages visited at the same time.
const MAX_VISITS: usize = 16;

/// The results of visits by address.
pub type LandingVisits = HashMap<String, Result<(), LandingError>>;

/// Visits each landing page of the rows once, several at a time.
pub async fn visit_landing_pages(
    platform: &dyn Platform,
    rows: &[Row],
    pages: Arc<dyn PageVisitor>,
) -> LandingVisits {
    let urls = rows.iter().map(|row| platform.landing_page(row)).filter(|url| !url.is_empty());
    let urls: BTreeSet<String> = urls.map(str::to_owned).collect();
    let slots = Arc::new(Semaphore::new(MAX_VISITS));
    let mut visits = JoinSet::new();
    for url in urls {
        let (pages, slots) = (Arc::clone(&pages), Arc::clone(&slots));
        visits.spawn(async move {
            let _slot = slots.acquire_owned().await;
            let visit = pages.visit(&url).await;
            (url, visit)
        });
    }
    let mut visited = LandingVisits::new();
    while let Some(done) = visits.join_next().await {
        visited.extend(done.ok());
    }
    visited
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn rejects_bad_syntax_http_and_private_networks_without_a_request() {
        assert!(matches!(check_landing("no address", false).await, Err(LandingError::Syntax { .. })));
        assert!(matches!(
            check_landing("http://93.184.216.34/", false).await,
            Err(LandingError::Insecure { .. })
        ));
        assert!(matches!(check_landing("https://10.0.0.1/", false).await, Err(LandingError::Private { .. })));
        assert!(matches!(
            check_landing("https://127.0.0.1/", false).await,
            Err(LandingError::Private { .. })
        ));
        assert!(matches!(
            check_landing("https://localhost/", false).await,
            Err(LandingError::Private { .. })
        ));
        assert!(matches!(
            check_landing("https://[64:ff9b::7f00:1]/", false).await,
            Err(LandingError::Private { .. })
        ));
        assert!(matches!(
            check_landing("http://127.0.0.1:1/", false).await,
            Err(LandingError::Insecure { .. })
        ));
        assert!(matches!(check_landing("ftp://10.0.0.1/", true).await, Err(LandingError::Insecure { .. })));
    }

    /// Serves one fixed answer per path.
    async fn site() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = vec![0; 2048];
                let length = socket.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                let path = head.split(' ').nth(1).unwrap();
                let (status, extra) = match path {
                    "/page" => ("200 OK", "content-type: text/html; charset=utf-8\r\n"),
                    "/data" => ("200 OK", "content-type: application/json\r\n"),
                    "/moved" => ("302 Found", "location: /page\r\n"),
                    "/loop" => ("302 Found", "location: /loop\r\n"),
                    "/inside" => ("302 Found", "location: ftp://10.0.0.1/\r\n"),
                    _ => ("404 Not Found", "content-type: text/html\r\n"),
                };
                let answer =
                    format!("HTTP/1.1 {status}\r\n{extra}content-length: 0\r\nconnection: close\r\n\r\n");
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        base
    }

    #[tokio::test]
    async fn the_answer_of_the_server_decides() {
        let base = site().await;
        let visit = async |path: &str| check_landing(&format!("{base}{path}"), true).await;
        assert_eq!(visit("/page").await, Ok(()));
        assert_eq!(visit("/moved").await, Ok(()));
        assert!(matches!(visit("/none").await, Err(LandingError::Status { status: 404, .. })));
        assert!(
            matches!(visit("/data").await, Err(LandingError::NotHtml { found, .. }) if found == "application/json")
        );
        assert!(matches!(visit("/loop").await, Err(LandingError::Redirects { .. })));
        assert!(matches!(visit("/inside").await, Err(LandingError::Insecure { .. })));
    }
}
