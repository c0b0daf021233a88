//! Uploads by URL: the sandbox fetches from the loopback only, so that trials stay on the machine.

use std::time::Duration;

use md5::{Digest, Md5};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use tokio::io::AsyncWriteExt;

use super::app::App;
use super::call::{ReceivedFile, hex};
use super::reply::{FETCH_FAILED, FILE_TOO_LARGE, Refusal, SIGNATURE};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Downloads a URL to a temporary file.
pub(super) async fn fetch(
    app: &App,
    address: &str,
    limit: u64,
    ordinal: u64,
) -> Result<ReceivedFile, Refusal> {
    let failed = |why: &str| Refusal::new(FETCH_FAILED, format!("Cannot fetch the URL: {why}."));
    let url = url::Url::parse(address).map_err(|_| failed("it is not a valid URL"))?;
    let local = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "http" || !local {
        return Err(failed("the sandbox fetches from http:// on the loopback only"));
    }
    // The client needs a provider even without TLS; installing a second one fails harmlessly.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .build()
        .map_err(|_| failed("the HTTP client does not start"))?;
    let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or("").to_owned();
    let mut response = client.get(url).send().await.map_err(|_| failed("there is no reply"))?;
    if !response.status().is_success() {
        return Err(failed("the HTTP status is not a success"));
    }
    if header(response.headers(), CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("text/")) {
        return Err(failed("the content type is text"));
    }
    let expected = header(response.headers(), "content-md5").map(str::to_owned);
    let path = app.tmp().join(format!("{ordinal}.part"));
    let mut received = ReceivedFile { path, md5: String::new(), size: 0, name: Some(name) };
    let mut out = tokio::fs::File::create(&received.path).await.map_err(|e| Refusal::system(&e))?;
    let mut hash = Md5::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| failed("the connection broke off"))? {
        received.size += chunk.len() as u64;
        if received.size > limit {
            return Err(Refusal::new(FILE_TOO_LARGE, format!("File is larger than {limit} bytes.")));
        }
        hash.update(&chunk);
        out.write_all(&chunk).await.map_err(|e| Refusal::system(&e))?;
    }
    out.flush().await.map_err(|e| Refusal::system(&e))?;
    out.sync_all().await.map_err(|e| Refusal::system(&e))?;
    received.md5 = hex(&hash.finalize());
    if expected.is_some_and(|expected| !expected.eq_ignore_ascii_case(&received.md5)) {
        return Err(Refusal::new(SIGNATURE, "Content-MD5 does not match the file."));
    }
    Ok(received)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
