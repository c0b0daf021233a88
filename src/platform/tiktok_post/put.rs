//! The bytes: one chunk after the other, each repeated where its answer was lost, from where the platform
//! says it stands. Repeating does no harm: an upload has one place for each byte and makes one post.

use std::path::Path;
use std::pin::pin;

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use reqwest::{Body, Response};
use secrecy::ExposeSecret;
use tokio_util::io::ReaderStream;
use url::Url;

use super::chunks::Chunks;
use super::{TikTokPost, UPLOAD, options};
use crate::platform::upload_body::{Source, Stopped, open, pump_part};
use crate::platform::{CallError, Class, Opened};
use crate::rules::ValidatedAsset;

/// Tries of one chunk.
const TRIES: u32 = 5;
/// What lies between the file and the connection.
const BUFFER: usize = 256 << 10;

/// What an answer to a chunk says.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// So many bytes are there.
    UpTo(u64),
    /// All of them.
    Whole,
}

impl TikTokPost {
    pub(super) async fn put_all(
        &self,
        upload: &Opened,
        asset: &ValidatedAsset,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), CallError> {
        let fault = |class, text: &str| self.fault(UPLOAD, class, text);
        let url = Url::parse(upload.upload_url.expose_secret()).ok();
        let url = url.filter(|url| options::may_upload_to(url, &self.base)).ok_or_else(|| {
            fault(
                Class::Permanent,
                "the address for the bytes is not one of the platform's: nothing was sent",
            )
        })?;
        let (mut file, hashed) = open(asset.path()).await.map_err(|error| {
            fault(Class::Permanent, &format!("{} cannot be read: {error}", asset.path().display()))
        })?;
        let checked = asset.content();
        if hashed.size != checked.size_bytes || !hashed.blake3.eq_ignore_ascii_case(&checked.blake3) {
            return Err(self.file_changed());
        }
        let cut = Chunks::of(hashed.size)
            .ok_or_else(|| fault(Class::Permanent, "the file is empty or too large"))?;
        let mut source = Source::new(&mut file, &hashed);
        let (mut index, mut tried) = (0, 0);
        while index < cut.count {
            let mark = source.mark();
            match self.put(&url, &mut source, cut, index, media_type(asset.path()), sent).await {
                Ok(Taken::Whole) => return Ok(()),
                Ok(Taken::UpTo(at)) => {
                    // Never back: what has arrived stays, and what we passed has arrived.
                    let next = cut.starting_at(at).filter(|next| *next >= index).ok_or_else(|| {
                        fault(
                            Class::Unknown,
                            &format!("the platform says it has {at} bytes, where no chunk ends"),
                        )
                    })?;
                    tried = if next > index { 0 } else { tried + 1 };
                    if source.at() != at {
                        source.back_to(&mark).await.map_err(|stopped| self.broken(stopped))?;
                        source.skip_to(at).await.map_err(|stopped| self.broken(stopped))?;
                    }
                    index = next;
                    if tried == TRIES {
                        return Err(fault(Class::Unknown, "a chunk was not taken"));
                    }
                }
                Err(error) => {
                    tried += 1;
                    if error.class != Class::Retry || tried == TRIES {
                        let class = if error.class == Class::Retry { Class::Unknown } else { error.class };
                        return Err(CallError { class, ..error });
                    }
                    source.back_to(&mark).await.map_err(|stopped| self.broken(stopped))?;
                    tokio::time::sleep(self.retry_wait(tried)).await;
                }
            }
        }
        Err(fault(Class::Unknown, "every chunk was taken, but the platform did not say that it has all"))
    }

    async fn put(
        &self,
        url: &Url,
        source: &mut Source<'_>,
        cut: Chunks,
        index: u64,
        kind: &'static str,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Taken, CallError> {
        let (start, end) = cut.range(index);
        let (mut near, far) = tokio::io::duplex(BUFFER);
        let request = self
            .http
            .put(url.clone())
            .header(CONTENT_TYPE, kind)
            .header(CONTENT_LENGTH, end - start)
            .header(CONTENT_RANGE, format!("bytes {start}-{}/{}", end - 1, cut.total))
            .body(Body::wrap_stream(ReaderStream::with_capacity(far, BUFFER)));
        let mut sending = pin!(request.send());
        let timeouts = &self.options.timeouts;
        let pumped = {
            let with = (timeouts, &self.pacer);
            let mut pumping = pin!(pump_part(source, end - start, &mut near, with, sent));
            tokio::select! {
                pumped = &mut pumping => pumped,
                // The platform may refuse before it has read the chunk.
                reply = &mut sending => return self.taken(reply, cut),
            }
        };
        match pumped {
            Ok(()) | Err(Stopped::NotTaken) => {}
            Err(stopped) => return Err(self.broken(stopped)),
        }
        match tokio::time::timeout(timeouts.upload_reply, sending).await {
            Ok(reply) => self.taken(reply, cut),
            Err(_) => Err(self.fault(UPLOAD, Class::Retry, "no reply came in time")),
        }
    }

    /// What the answer to a chunk says.
    fn taken(&self, reply: Result<Response, reqwest::Error>, cut: Chunks) -> Result<Taken, CallError> {
        let response = match reply {
            Ok(response) => response,
            Err(error) => return Err(self.fault(UPLOAD, Class::Retry, &error.without_url().to_string())),
        };
        let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let stands = range.and_then(|range| arrived(range, cut.total));
        let fault = |class, text: &str| Err(self.fault(UPLOAD, class, text));
        match (response.status().as_u16(), stands) {
            (201, _) => Ok(Taken::Whole),
            (206 | 416, Some(at)) if at >= cut.total => Ok(Taken::Whole),
            (206 | 416, Some(at)) => Ok(Taken::UpTo(at)),
            (206 | 416, None) => fault(Class::Unknown, "the platform does not say how many bytes it has"),
            (400, _) => {
                fault(Class::Permanent, "HTTP 400: the platform does not take the headers of a chunk")
            }
            (403, _) => fault(Class::Unknown, "HTTP 403: the address for the bytes has expired"),
            (404, _) => fault(Class::Unknown, "HTTP 404: the platform does not know the upload any more"),
            (500..=599, _) => fault(Class::Retry, "an error on the platform's side"),
            (status, _) => fault(Class::Unknown, &format!("HTTP {status} to a chunk")),
        }
    }

    fn file_changed(&self) -> CallError {
        let text = "the file is not the one that was checked: it changed since; check it again";
        self.fault(UPLOAD, Class::Permanent, text)
    }

    /// The error for a file that stopped being sent. Without its last piece nothing can have come of it.
    fn broken(&self, stopped: Stopped) -> CallError {
        match stopped {
            Stopped::Changed => self.file_changed(),
            Stopped::Unreadable(error) => {
                self.fault(UPLOAD, Class::Permanent, &format!("the file cannot be read: {error}"))
            }
            Stopped::Stalled(why) => self.fault(UPLOAD, Class::Retry, why),
            Stopped::NotTaken => self.fault(UPLOAD, Class::Retry, "the connection was closed"),
        }
    }
}

/// How many bytes have arrived, by `bytes 0-9999999/50000123`; `bytes */50000123` says that none have.
fn arrived(range: &str, total: u64) -> Option<u64> {
    let (span, of) = range.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    if of.parse() != Ok(total) {
        return None;
    }
    if span == "*" {
        return Some(0);
    }
    let (start, end) = span.split_once('-')?;
    let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
    (start <= end && end < total).then_some(end + 1)
}

/// The media type by the extension.
fn media_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|text| text.to_str()).unwrap_or("").to_ascii_lowercase();
    match extension.as_str() {
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        _ => "video/mp4",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_the_range_and_never_guessed() {
        assert_eq!(arrived("bytes 0-9999999/50000123", 50_000_123), Some(10_000_000));
        assert_eq!(arrived("bytes */7", 7), Some(0));
        for odd in ["bytes 0-9/8", "bytes 0-7/7", "0-1/7", "bytes 5-1/7", "bytes a-b/7", ""] {
            assert_eq!(arrived(odd, 7), None, "{odd}");
        }
    }
}
