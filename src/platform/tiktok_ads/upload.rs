//! Files up: videos in one piece or in chunks, and covers.

use std::path::Path;

use serde_json::json;

use super::TikTokAds;
use super::client::{Endpoint, FileForm, Payload, mutation, read};
use super::wire::Envelope;
use crate::platform::upload_body::{Hashed, Source, md5_of, open};
use crate::platform::{CallError, Class, UploadLog};
use crate::rules::ValidatedAsset;

pub(super) const VIDEO: Endpoint = mutation("file/video/ad/upload/");
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
        log: &dyn UploadLog,
    ) -> Result<String, CallError> {
        self.check_name(VIDEO, name)?;
        let (mut file, hashed) = self.open_checked(VIDEO, asset).await?;
        if hashed.size > self.options.chunk_above {
            return self.send_in_chunks(&mut file, &hashed, name, log).await;
        }
        let fields = self.fields(name, ("video_signature", &hashed.md5));
        let part = ("video_file", name, media_type(asset.path()));
        let sent = |bytes| log.sent(bytes);
        let form = FileForm { fields, part, file: &mut file, expected: &hashed, sent: &sent };
        let reply = self.send_file(VIDEO, form).await?;
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
        log: &dyn UploadLog,
    ) -> Result<String, CallError> {
        let mut source = Source::new(file, hashed);
        let begin = source.mark();
        let resumed = match log.kept().as_deref().and_then(Progress::read) {
            Some(progress) => Some(self.transfer(&mut source, hashed, progress, log).await),
            None => None,
        };
        let file_id = match resumed {
            Some(Ok(file_id)) => file_id,
            Some(Err(error)) if !is_stale(&error) => return Err(error),
            // Nothing to take up, or the platform does not know it any more: from the start.
            _ => {
                source.back_to(&begin).await.map_err(|stopped| self.stopped(VIDEO, stopped))?;
                log.keep(None);
                let progress = self.start(hashed, name).await?;
                self.transfer(&mut source, hashed, progress, log).await?
            }
        };
        self.make_video("UPLOAD_BY_FILE_ID", ("file_id", &file_id), name).await
    }

    async fn start(&self, hashed: &Hashed, name: &str) -> Result<Progress, CallError> {
        let advertiser = &self.options.advertiser_id;
        let body = json!({
            "advertiser_id": advertiser, "size": hashed.size, "content_type": "video", "name": name,
        });
        let reply = self.call(START, &Payload::Json(body)).await?;
        let odd = |what| self.fault(START.path, Class::Retry, what);
        let id = reply.field("upload_id").ok_or_else(|| odd("the upload that was started has no id"))?;
        Progress::next(id, &reply).ok_or_else(|| odd("the platform does not say which bytes it wants"))
    }

    /// Sends what is still missing and gives the id of the file that came of it.
    async fn transfer(
        &self,
        source: &mut Source<'_>,
        hashed: &Hashed,
        mut progress: Progress,
        log: &dyn UploadLog,
    ) -> Result<String, CallError> {
        let advertiser = &self.options.advertiser_id;
        let odd = |what| {
            // What the platform says makes no sense, so the next try starts over.
            log.keep(None);
            self.fault(TRANSFER.path, Class::Retry, what)
        };
        loop {
            let Progress { id, start, end } = &progress;
            // Bytes that arrived in an earlier run, or whose answer was lost, are not sent again.
            if *start < source.at() || *start > hashed.size {
                return Err(odd("the platform asks for bytes out of turn"));
            }
            source.skip_to(*start).await.map_err(|stopped| self.stopped(VIDEO, stopped))?;
            log.keep(Some(&progress.text()));
            log.sent(*start);
            if *start == hashed.size {
                break;
            }
            let length = end.checked_sub(*start).filter(|length| (1..=MAX_CHUNK).contains(length));
            let length =
                length.filter(|_| *end <= hashed.size).and_then(|length| usize::try_from(length).ok());
            let length = length.ok_or_else(|| odd("the platform asks for bytes out of turn"))?;
            let chunk = source.next(length).await.map_err(|stopped| self.stopped(VIDEO, stopped))?;
            self.pacer.wait(chunk.len()).await;
            let fields = vec![
                ("upload_id", id.clone()),
                ("signature", md5_of(&chunk)),
                ("start_offset", start.to_string()),
            ];
            let reply = self.call(TRANSFER, &Payload::Bytes(fields, chunk)).await?;
            let next = Progress::next(id.clone(), &reply);
            progress = match next {
                Some(next) => next,
                // Some answers to the last chunk name none to come.
                None if *end == hashed.size => Progress { id: id.clone(), start: *end, end: *end },
                None => return Err(odd("the platform does not say which bytes it wants")),
            };
        }
        let body = json!({"advertiser_id": advertiser, "upload_id": progress.id});
        let file_id = self.call(FINISH, &Payload::Json(body)).await?.field("file_id");
        file_id.ok_or_else(|| odd("the upload that was finished has no file id"))
    }

    /// The file of an asset, as it was when it was checked.
    pub(super) async fn open_checked(
        &self,
        endpoint: Endpoint,
        asset: &ValidatedAsset,
    ) -> Result<(tokio::fs::File, Hashed), CallError> {
        let (file, hashed) = self.open(endpoint, asset.path()).await?;
        let checked = asset.content();
        let same = hashed.md5.eq_ignore_ascii_case(&checked.md5)
            && hashed.blake3.eq_ignore_ascii_case(&checked.blake3)
            && hashed.size == checked.size_bytes;
        if same { Ok((file, hashed)) } else { Err(self.changed(endpoint.path)) }
    }

    async fn open(&self, endpoint: Endpoint, path: &Path) -> Result<(tokio::fs::File, Hashed), CallError> {
        open(path).await.map_err(|error| {
            let text = format!("{} cannot be read: {error}", path.display());
            self.fault(endpoint.path, Class::Permanent, &text)
        })
    }

    pub(super) fn check_name(&self, endpoint: Endpoint, name: &str) -> Result<(), CallError> {
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

/// How far a chunked upload has come: its id, and the bytes that the platform wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Progress {
    id: String,
    start: u64,
    end: u64,
}

impl Progress {
    fn next(id: String, reply: &Envelope) -> Option<Progress> {
        Some(Progress { id, start: reply.number("start_offset")?, end: reply.number("end_offset")? })
    }

    /// As it is kept between runs.
    fn text(&self) -> String {
        format!("{} {} {}", self.start, self.end, self.id)
    }

    fn read(text: &str) -> Option<Progress> {
        let mut words = text.splitn(3, ' ');
        let (start, end) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let id = words.next().filter(|id| !id.is_empty())?.to_owned();
        (start <= end).then_some(Progress { id, start, end })
    }
}

/// Whether an answer says that an upload of an earlier run cannot be taken up: it lives a day.
fn is_stale(error: &CallError) -> bool {
    error.code.is_some() && matches!(error.class, Class::Permanent | Class::ReRead | Class::ReEncode)
}

/// The media type by the extension; the platform looks into the file itself.
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
    fn progress_is_kept_as_one_line_and_odd_lines_are_none() {
        let progress = Progress { id: "up 1".into(), start: 5, end: 9 };
        assert_eq!(Progress::read(&progress.text()), Some(progress));
        for odd in ["", "5", "5 9", "5 9 ", "9 5 id", "a 9 id"] {
            assert_eq!(Progress::read(odd), None, "{odd}");
        }
    }
}
