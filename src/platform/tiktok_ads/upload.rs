//! Uploads of videos, whole or in chunks, and of covers.

use std::path::Path;

use serde_json::json;

use super::TikTokAds;
use super::calls::{Endpoint, FileForm, FormPart, Payload, mutation, read};
use super::wire::Envelope;
use crate::platform::upload_body::{ChecksummedReader, FileDigests, md5_of, open_and_hash};
use crate::platform::{CallError, Class, UploadObserver};
use crate::rules::{ValidatedAsset, ValidatedCover};

pub(super) const VIDEO: Endpoint = mutation("file/video/ad/upload/");
const IMAGE: Endpoint = mutation("file/image/ad/upload/");
// A file that does not become a video expires, so these calls may be repeated.
const START: Endpoint = read("file/start/upload/");
const TRANSFER: Endpoint = read("file/transfer/upload/");
const FINISH: Endpoint = read("file/finish/upload/");
/// The longest chunk that the client accepts to send; the platform asks for 20 MiB.
const MAX_CHUNK: u64 = 64 << 20;
/// The maximum length of a name, in characters.
pub(super) const MAX_NAME_CHARS: usize = 100;
const UNEXPECTED_RANGE: &str = "the platform asks for a byte range that does not follow the last one";

impl TikTokAds {
    /// Uploads a video under a name and returns its id.
    ///
    /// # Errors
    /// When the call fails; [`Class::Unknown`]: the video may exist.
    pub async fn upload_video(
        &self,
        asset: &ValidatedAsset,
        name: &str,
        observer: &dyn UploadObserver,
    ) -> Result<String, CallError> {
        self.check_name(VIDEO, name)?;
        let (mut file, hashed) = self.open_checked(VIDEO, asset).await?;
        if hashed.size > self.options.chunk_above {
            return self.send_in_chunks(&mut file, &hashed, name, observer).await;
        }
        let fields = self.fields(name, ("video_signature", &hashed.md5));
        let part = ("video_file", name, media_type(asset.path()));
        let sent = |bytes| observer.sent(bytes);
        let form = FileForm { fields, part, file: &mut file, expected: &hashed, sent: &sent };
        let reply = self.send_file(VIDEO, form).await?;
        self.new_id(VIDEO, &reply, "video_id")
    }

    /// Uploads a cover and returns its id. Sends the bytes that were assessed; the file they came from is not read again.
    ///
    /// # Errors
    /// When the call fails; [`Class::Unknown`]: the image may exist.
    pub async fn upload_image(&self, cover: &ValidatedCover, name: &str) -> Result<String, CallError> {
        self.check_name(IMAGE, name)?;
        let image = cover.image();
        let fields = self.fields(name, ("image_signature", &image.content().md5));
        let part = FormPart {
            name: "image_file",
            file_name: name.to_owned(),
            media_type: media_type(image.path()),
            bytes: image.bytes().to_vec(),
        };
        self.bandwidth.wait(part.bytes.len()).await;
        let reply = self.call(IMAGE, &Payload::Form(fields, part)).await?;
        self.new_id(IMAGE, &reply, "image_id")
    }

    /// Uploads a file in chunks (start, transfer, finish) and creates a video from it. Only the last call has an
    /// effect that must not be repeated.
    async fn send_in_chunks(
        &self,
        file: &mut tokio::fs::File,
        hashed: &FileDigests,
        name: &str,
        observer: &dyn UploadObserver,
    ) -> Result<String, CallError> {
        let mut reader = ChecksummedReader::new(file, hashed);
        let start = reader.position();
        let resumed = match observer.resume_token().as_deref().and_then(ChunkProgress::from_token) {
            Some(progress) => Some(self.transfer(&mut reader, hashed, progress, observer).await),
            None => None,
        };
        let file_id = match resumed {
            Some(Ok(file_id)) => file_id,
            Some(Err(error)) if !is_stale(&error) => return Err(error),
            // There is nothing to resume, or the platform no longer knows the upload: start over.
            _ => {
                reader.seek_to(&start).await.map_err(|error| self.send_error(VIDEO, error))?;
                observer.save_resume_token(None);
                let progress = self.start(hashed, name).await?;
                self.transfer(&mut reader, hashed, progress, observer).await?
            }
        };
        let body = json!({
            "advertiser_id": self.options.advertiser_id,
            "upload_type": "UPLOAD_BY_FILE_ID",
            "file_name": name,
            "file_id": file_id,
        });
        let reply = self.call(VIDEO, &Payload::Json(body)).await?;
        self.new_id(VIDEO, &reply, "video_id")
    }

    async fn start(&self, hashed: &FileDigests, name: &str) -> Result<ChunkProgress, CallError> {
        let advertiser = &self.options.advertiser_id;
        let body = json!({
            "advertiser_id": advertiser, "size": hashed.size, "content_type": "video", "name": name,
        });
        let reply = self.call(START, &Payload::Json(body)).await?;
        let malformed = |message| self.error(START.path, Class::Retry, message);
        let id = reply.field("upload_id").ok_or_else(|| malformed("the started upload has no id"))?;
        let message = "the reply does not say which bytes the platform expects next";
        ChunkProgress::from_reply(id, &reply).ok_or_else(|| malformed(message))
    }

    /// Sends the missing chunks and returns the id of the uploaded file.
    async fn transfer(
        &self,
        reader: &mut ChecksummedReader<'_>,
        hashed: &FileDigests,
        mut progress: ChunkProgress,
        observer: &dyn UploadObserver,
    ) -> Result<String, CallError> {
        let advertiser = &self.options.advertiser_id;
        let malformed = |message| {
            // The platform's state is inconsistent, so the next attempt starts over.
            observer.save_resume_token(None);
            self.error(TRANSFER.path, Class::Retry, message)
        };
        loop {
            let ChunkProgress { id, start, end } = &progress;
            // Bytes that have arrived already, in an earlier run or before a lost reply, are not sent again.
            if *start < reader.at() || *start > hashed.size {
                return Err(malformed(UNEXPECTED_RANGE));
            }
            reader.skip_to(*start).await.map_err(|error| self.send_error(VIDEO, error))?;
            observer.save_resume_token(Some(&progress.to_token()));
            observer.sent(*start);
            if *start == hashed.size {
                break;
            }
            let length = end.checked_sub(*start).filter(|length| (1..=MAX_CHUNK).contains(length));
            let length =
                length.filter(|_| *end <= hashed.size).and_then(|length| usize::try_from(length).ok());
            let length = length.ok_or_else(|| malformed(UNEXPECTED_RANGE))?;
            let chunk = reader.next(length).await.map_err(|error| self.send_error(VIDEO, error))?;
            self.bandwidth.wait(chunk.len()).await;
            let fields = vec![
                ("advertiser_id", advertiser.clone()),
                ("upload_id", id.clone()),
                ("signature", md5_of(&chunk)),
                ("start_offset", start.to_string()),
            ];
            let reply = self.call(TRANSFER, &Payload::Form(fields, FormPart::chunk(chunk))).await?;
            let next = ChunkProgress::from_reply(id.clone(), &reply);
            progress = match next {
                Some(next) => next,
                // Some replies to the last chunk name no next range.
                None if *end == hashed.size => ChunkProgress { id: id.clone(), start: *end, end: *end },
                None => {
                    return Err(malformed("the reply does not say which bytes the platform expects next"));
                }
            };
        }
        let body = json!({"advertiser_id": advertiser, "upload_id": progress.id});
        let file_id = self.call(FINISH, &Payload::Json(body)).await?.field("file_id");
        file_id.ok_or_else(|| malformed("the reply to the end of the upload has no file id"))
    }

    /// Opens the file of an asset; fails if it changed since it was checked.
    pub(super) async fn open_checked(
        &self,
        endpoint: Endpoint,
        asset: &ValidatedAsset,
    ) -> Result<(tokio::fs::File, FileDigests), CallError> {
        let (file, hashed) = self.open(endpoint, asset.path()).await?;
        let checked = asset.content();
        let same = hashed.md5.eq_ignore_ascii_case(&checked.md5)
            && hashed.blake3.eq_ignore_ascii_case(&checked.blake3)
            && hashed.size == checked.size_bytes;
        if same { Ok((file, hashed)) } else { Err(self.file_changed(endpoint.path)) }
    }

    async fn open(
        &self,
        endpoint: Endpoint,
        path: &Path,
    ) -> Result<(tokio::fs::File, FileDigests), CallError> {
        open_and_hash(path).await.map_err(|error| {
            let message = format!("cannot read {}: {error}", path.display());
            self.error(endpoint.path, Class::Permanent, &message)
        })
    }

    pub(super) fn check_name(&self, endpoint: Endpoint, name: &str) -> Result<(), CallError> {
        if (1..=MAX_NAME_CHARS).contains(&name.chars().count()) {
            return Ok(());
        }
        let message = format!("the name of an upload must have 1 to {MAX_NAME_CHARS} characters");
        Err(self.error(endpoint.path, Class::Permanent, &message))
    }

    fn fields(&self, name: &str, signature: (&'static str, &str)) -> Vec<(&'static str, String)> {
        vec![
            ("advertiser_id", self.options.advertiser_id.clone()),
            ("file_name", name.to_owned()),
            ("upload_type", "UPLOAD_BY_FILE".to_owned()),
            (signature.0, signature.1.to_owned()),
        ]
    }

    /// Returns the id of the created object. If the reply has none, the object may exist nevertheless.
    pub(super) fn new_id(
        &self,
        endpoint: Endpoint,
        reply: &Envelope,
        field: &str,
    ) -> Result<String, CallError> {
        reply.field(field).ok_or_else(|| {
            let mut error =
                self.lost_reply(endpoint, &format!("the reply reports success but has no {field}"));
            error.request_id = reply.request_id.clone();
            error
        })
    }
}

/// The state of a chunked upload: its id and the byte range that the platform expects next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ChunkProgress {
    id: String,
    start: u64,
    end: u64,
}

impl ChunkProgress {
    fn from_reply(id: String, reply: &Envelope) -> Option<ChunkProgress> {
        Some(ChunkProgress { id, start: reply.number("start_offset")?, end: reply.number("end_offset")? })
    }

    /// Returns the resume token: start, end and id.
    fn to_token(&self) -> String {
        format!("{} {} {}", self.start, self.end, self.id)
    }

    fn from_token(token: &str) -> Option<ChunkProgress> {
        let mut fields = token.splitn(3, ' ');
        let (start, end) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let id = fields.next().filter(|id| !id.is_empty())?.to_owned();
        (start <= end).then_some(ChunkProgress { id, start, end })
    }
}

/// Returns whether the platform refuses to resume an upload of an earlier run, which it keeps for a day.
fn is_stale(error: &CallError) -> bool {
    error.code.is_some() && matches!(error.class, Class::Permanent | Class::ReRead | Class::ReEncode)
}

/// Returns the media type for the extension; the platform inspects the file itself.
pub(super) fn media_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|text| text.to_str()).unwrap_or("").to_ascii_lowercase();
    match extension.as_str() {
        "mp4" | "m4v" => "video/mp4",
        "mov" => "video/quicktime",
        "mpeg" | "mpg" => "video/mpeg",
        "avi" => "video/x-msvideo",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_its_resume_token_and_rejects_malformed_ones() {
        let progress = ChunkProgress { id: "up 1".into(), start: 5, end: 9 };
        assert_eq!(ChunkProgress::from_token(&progress.to_token()), Some(progress));
        for malformed in ["", "5", "5 9", "5 9 ", "9 5 id", "a 9 id"] {
            assert_eq!(ChunkProgress::from_token(malformed), None, "{malformed}");
        }
    }
}
