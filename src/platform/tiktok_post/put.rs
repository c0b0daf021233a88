//! Uploads the bytes of a post, chunk by chunk. A chunk whose reply was lost is sent again from the position
//! that the platform reports. This is harmless: an upload stores each byte once and makes one post.

use std::path::Path;
use std::pin::pin;

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use reqwest::{Body, Response};
use secrecy::ExposeSecret;
use tokio_util::io::ReaderStream;
use url::Url;

use super::chunks::ChunkLayout;
use super::endpoints::UPLOAD;
use super::{TikTokPost, options};
use crate::platform::server_clock::ServerTime;
use crate::platform::upload_body::{ChecksummedReader, SendError, open_and_hash, stream_range};
use crate::platform::{CallError, Class, OpenedUpload};
use crate::rules::ValidatedAsset;

/// The maximum number of attempts of one chunk.
const MAX_ATTEMPTS: u32 = 5;
/// The buffer between the file and the connection, in bytes.
const BUFFER: usize = 256 << 10;

/// What the reply to a chunk says.
#[derive(Debug, PartialEq, Eq)]
enum ChunkReply {
    /// The platform has this many bytes.
    Received(u64),
    /// The platform has all bytes.
    Complete,
}

impl TikTokPost {
    /// Sends the bytes of an opened upload and reports the number sent so far to `sent`.
    ///
    /// # Errors
    /// When the bytes cannot be sent. After [`Class::Unknown`] the last byte may have arrived: ask
    /// [`TikTokPost::status`].
    pub async fn upload_bytes(
        &self,
        upload: &OpenedUpload,
        asset: &ValidatedAsset,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), CallError> {
        let error = |class, message: &str| self.error(UPLOAD, class, message);
        let url = Url::parse(upload.address.expose_secret()).ok();
        let url = url.filter(|url| options::may_upload_to(url, &self.base)).ok_or_else(|| {
            error(Class::Permanent, "the upload URL is not on one of the platform's hosts; nothing was sent")
        })?;
        let (mut file, hashed) = open_and_hash(asset.path()).await.map_err(|source| {
            error(Class::Permanent, &format!("cannot read {}: {source}", asset.path().display()))
        })?;
        let checked = asset.content();
        if hashed.size != checked.size_bytes || !hashed.blake3.eq_ignore_ascii_case(&checked.blake3) {
            return Err(self.file_changed());
        }
        let layout = ChunkLayout::of(hashed.size)
            .ok_or_else(|| error(Class::Permanent, "the file is empty or too large"))?;
        let mut reader = ChecksummedReader::new(&mut file, &hashed);
        let (mut index, mut attempts) = (0, 0);
        while index < layout.count {
            let position = reader.position();
            match self.put(&url, &mut reader, layout, index, media_type(asset.path()), sent).await {
                Ok(ChunkReply::Complete) => return Ok(()),
                Ok(ChunkReply::Received(at)) => {
                    // Never backwards: the platform keeps what has arrived.
                    let next = layout.starting_at(at).filter(|next| *next >= index).ok_or_else(|| {
                        let message = format!("the platform has {at} bytes, where no chunk ends");
                        error(Class::Unknown, &message)
                    })?;
                    attempts = if next > index { 0 } else { attempts + 1 };
                    if reader.at() != at {
                        reader.seek_to(&position).await.map_err(|source| self.send_error(source))?;
                        reader.skip_to(at).await.map_err(|source| self.send_error(source))?;
                    }
                    index = next;
                    if attempts == MAX_ATTEMPTS {
                        return Err(error(
                            Class::Unknown,
                            "the platform refused a part of the upload several times; run the same command again",
                        ));
                    }
                }
                Err(failure) => {
                    attempts += 1;
                    if failure.class != Class::Retry || attempts == MAX_ATTEMPTS {
                        let class = match failure.class {
                            Class::Retry => Class::Unknown,
                            class => class,
                        };
                        return Err(CallError { class, ..failure });
                    }
                    reader.seek_to(&position).await.map_err(|source| self.send_error(source))?;
                    tokio::time::sleep(self.retry_wait(attempts)).await;
                }
            }
        }
        Err(error(Class::Unknown, "the platform accepted every chunk but did not confirm the whole file"))
    }

    /// Sends one chunk.
    async fn put(
        &self,
        url: &Url,
        reader: &mut ChecksummedReader<'_>,
        layout: ChunkLayout,
        index: u64,
        kind: &'static str,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<ChunkReply, CallError> {
        let (start, end) = layout.range(index);
        let (mut near, far) = tokio::io::duplex(BUFFER);
        let request = self
            .http
            .put(url.clone())
            .header(CONTENT_TYPE, kind)
            .header(CONTENT_LENGTH, end - start)
            .header(CONTENT_RANGE, format!("bytes {start}-{}/{}", end - 1, layout.total))
            .body(Body::wrap_stream(ReaderStream::with_capacity(far, BUFFER)));
        let mut sending = pin!(request.send());
        let timeouts = &self.options.timeouts;
        let streamed = {
            let limits = (timeouts, &self.bandwidth);
            let mut streaming = pin!(stream_range(reader, end - start, &mut near, limits, sent));
            tokio::select! {
                streamed = &mut streaming => streamed,
                // The platform may refuse the request before it has read the whole chunk.
                reply = &mut sending => return self.chunk_reply(reply, layout),
            }
        };
        match streamed {
            Ok(()) | Err(SendError::ConnectionClosed) => {}
            Err(error) => return Err(self.send_error(error)),
        }
        match tokio::time::timeout(timeouts.upload_reply, sending).await {
            Ok(reply) => self.chunk_reply(reply, layout),
            Err(_) => Err(self.error(UPLOAD, Class::Retry, "no reply in time")),
        }
    }

    /// Reads the reply to a chunk.
    fn chunk_reply(
        &self,
        reply: Result<Response, reqwest::Error>,
        layout: ChunkLayout,
    ) -> Result<ChunkReply, CallError> {
        let response = match reply {
            Ok(response) => response,
            Err(error) => return Err(self.error(UPLOAD, Class::Retry, &error.without_url().to_string())),
        };
        let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let received = range.and_then(|range| received_bytes(range, layout.total));
        if response.status().is_success() {
            self.server_clock.learn(ServerTime::of(response.headers()));
        }
        let fail = |class, message: &str| Err(self.error(UPLOAD, class, message));
        match (response.status().as_u16(), received) {
            (201, _) => Ok(ChunkReply::Complete),
            (206 | 416, Some(at)) if at >= layout.total => Ok(ChunkReply::Complete),
            (206 | 416, Some(at)) => Ok(ChunkReply::Received(at)),
            (206 | 416, None) => {
                fail(Class::Unknown, "the reply does not say how many bytes the platform has")
            }
            (400, _) => fail(Class::Permanent, "HTTP 400: the platform rejects the headers of a chunk"),
            (403, _) => fail(Class::Unknown, "HTTP 403: the upload URL has expired"),
            (404, _) => fail(Class::Unknown, "HTTP 404: the platform no longer knows the upload"),
            (500..=599, _) => fail(Class::Retry, "an error on the platform's side"),
            (status, _) => fail(Class::Unknown, &format!("HTTP {status} in reply to a chunk")),
        }
    }

    fn file_changed(&self) -> CallError {
        let message = "the file changed since it was checked; check it again";
        self.error(UPLOAD, Class::Permanent, message)
    }

    /// Returns the error for a file that was not sent completely. Without its last bytes the platform cannot have
    /// created anything.
    fn send_error(&self, error: SendError) -> CallError {
        match error {
            SendError::Changed => self.file_changed(),
            SendError::Unreadable(error) => {
                self.error(UPLOAD, Class::Permanent, &format!("cannot read the file: {error}"))
            }
            SendError::Stalled(why) => self.error(UPLOAD, Class::Retry, why),
            SendError::ConnectionClosed => self.error(UPLOAD, Class::Retry, "the connection was closed"),
        }
    }
}

/// Parses the number of received bytes from `bytes 0-9999999/50000123`; `bytes */50000123` means none.
fn received_bytes(range: &str, total: u64) -> Option<u64> {
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

/// Returns the media type for the extension.
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
    fn parses_the_received_bytes_and_rejects_malformed_ranges() {
        assert_eq!(received_bytes("bytes 0-9999999/50000123", 50_000_123), Some(10_000_000));
        assert_eq!(received_bytes("bytes */7", 7), Some(0));
        for malformed in ["bytes 0-9/8", "bytes 0-7/7", "0-1/7", "bytes 5-1/7", "bytes a-b/7", ""] {
            assert_eq!(received_bytes(malformed, 7), None, "{malformed}");
        }
    }
}
