//! Files up: videos in one piece or in chunks, and covers.

use std::path::Path;

use serde_json::json;

use super::TikTokAds;
use super::client::{Endpoint, FileForm, Payload, mutation, read};
use super::wire::Envelope;
use crate::platform::sending::{Hashed, Source, md5_of, open};
use crate::platform::{CallError, Class};
use crate::rules::ValidatedAsset;

const VIDEO: Endpoint = mutation("file/video/ad/upload/");
const IMAGE: Endpoint = mutation("file/image/ad/upload/");
// A file that is not bound to a video expires by itself, so these may be sent again.
const START: Endpoint = read("file/start/upload/");
const TRANSFER: Endpoint = read("file/transfer/upload/");
const FINISH: Endpoint = read("file/finish/upload/");
/// No chunk that the platform asks for may be longer; it asks for 20 MiB.
const MAX_CHUNK: u64 = 64 << 20;
/// The longest name, in characters.
const NAME_MAX: usize = 100;

impl TikTokAds {
    pub(super) async fn send_video(
        &self,
        asset: &ValidatedAsset,
        name: &str,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<String, CallError> {
        self.check_name(VIDEO, name)?;
        let (mut file, hashed) = self.open(VIDEO, asset.path()).await?;
        let checked = asset.content();
        let same = hashed.md5.eq_ignore_ascii_case(&checked.md5)
            && hashed.blake3.eq_ignore_ascii_case(&checked.blake3)
            && hashed.size == checked.size_bytes;
        if !same {
            return Err(self.changed(VIDEO.path));
        }
        let reply = if hashed.size > self.options.chunk_above {
            self.send_in_chunks(&mut file, &hashed, name, sent).await?
        } else {
            let fields = self.fields(name, ("video_signature", &hashed.md5));
            let part = ("video_file", name, media_type(asset.path()));
            let form = FileForm { fields, part, file: &mut file, expected: &hashed, sent };
            self.send_file(VIDEO, form).await?
        };
        self.new_id(VIDEO, &reply, "video_id")
    }

    pub(super) async fn send_image(&self, path: &Path, name: &str) -> Result<String, CallError> {
        self.check_name(IMAGE, name)?;
        let (mut file, hashed) = self.open(IMAGE, path).await?;
        let fields = self.fields(name, ("image_signature", &hashed.md5));
        let part = ("image_file", name, media_type(path));
        let form = FileForm { fields, part, file: &mut file, expected: &hashed, sent: &|_| {} };
        let reply = self.send_file(IMAGE, form).await?;
        self.new_id(IMAGE, &reply, "image_id")
    }

    /// Start, transfer, finish, and the call that makes a video of it, the only one with an effect.
    async fn send_in_chunks(
        &self,
        file: &mut tokio::fs::File,
        hashed: &Hashed,
        name: &str,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Envelope, CallError> {
        let advertiser = &self.options.advertiser_id;
        let body = json!({
            "advertiser_id": advertiser, "size": hashed.size, "content_type": "video", "name": name,
        });
        let mut reply = self.call(START, &Payload::Json(body)).await?;
        let odd = |what| self.fault(TRANSFER.path, Class::Retry, what);
        let id = reply.field("upload_id").ok_or_else(|| odd("the upload that was started has no id"))?;
        let mut source = Source::new(file, hashed);
        let mut at = 0;
        while at < hashed.size {
            let (start, end) = (reply.number("start_offset"), reply.number("end_offset"));
            let asked =
                start.zip(end).filter(|(start, end)| *start == at && *end > at && *end <= hashed.size);
            let length = asked.map(|(start, end)| end - start).filter(|length| *length <= MAX_CHUNK);
            let length = length.and_then(|length| usize::try_from(length).ok());
            let length = length.ok_or_else(|| odd("the platform asks for bytes out of turn"))?;
            let chunk = source.next(length).await.map_err(|stopped| self.stopped(VIDEO, stopped))?;
            self.pacer.wait(chunk.len()).await;
            let fields = vec![
                ("upload_id", id.clone()),
                ("signature", md5_of(&chunk)),
                ("start_offset", at.to_string()),
            ];
            reply = self.call(TRANSFER, &Payload::Bytes(fields, chunk)).await?;
            at += length as u64;
            sent(at);
        }
        let body = json!({"advertiser_id": advertiser, "upload_id": id});
        let file_id = self.call(FINISH, &Payload::Json(body)).await?.field("file_id");
        let file_id = file_id.ok_or_else(|| odd("the upload that was finished has no file id"))?;
        let body = json!({
            "advertiser_id": advertiser, "upload_type": "UPLOAD_BY_FILE_ID", "file_id": file_id, "file_name": name,
        });
        self.call(VIDEO, &Payload::Json(body)).await
    }

    async fn open(&self, endpoint: Endpoint, path: &Path) -> Result<(tokio::fs::File, Hashed), CallError> {
        open(path).await.map_err(|error| {
            let text = format!("{} cannot be read: {error}", path.display());
            self.fault(endpoint.path, Class::Permanent, &text)
        })
    }

    fn check_name(&self, endpoint: Endpoint, name: &str) -> Result<(), CallError> {
        if (1..=NAME_MAX).contains(&name.chars().count()) {
            return Ok(());
        }
        let text = format!("the name of an upload has 1 to {NAME_MAX} characters");
        Err(self.fault(endpoint.path, Class::Permanent, &text))
    }

    fn fields(&self, name: &str, signature: (&'static str, &str)) -> Vec<(&'static str, String)> {
        vec![
            ("advertiser_id", self.options.advertiser_id.clone()),
            ("file_name", name.to_owned()),
            ("upload_type", "UPLOAD_BY_FILE".to_owned()),
            (signature.0, signature.1.to_owned()),
        ]
    }

    /// The id of what was made. Without one, something may have been made all the same.
    pub(super) fn new_id(
        &self,
        endpoint: Endpoint,
        reply: &Envelope,
        field: &str,
    ) -> Result<String, CallError> {
        reply.field(field).ok_or_else(|| {
            let mut error = self.lost(endpoint, &format!("the reply says it is done but has no {field}"));
            error.request_id = reply.request_id.clone();
            error
        })
    }
}

/// The media type by the extension; the platform looks into the file itself.
fn media_type(path: &Path) -> &'static str {
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
