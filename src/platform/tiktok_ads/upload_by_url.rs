//! Creates videos from files that the platform has or fetches, and renames videos.

use serde_json::{Value, json};

use super::TikTokAds;
use super::client::{Endpoint, FileForm, Payload, mutation, read};
use super::upload::{VIDEO, media_type};
use crate::platform::{CallError, Class};
use crate::rules::ValidatedAsset;

/// A temporary file that does not become a video expires.
const TEMPORARY: Endpoint = read("file/temporarily/upload/");
const RENAME: Endpoint = mutation("file/video/ad/update/");
/// The maximum size of a temporary file in bytes. Source: page temporary-upload.
pub const MAX_TEMPORARY_FILE_BYTES: u64 = 100_000_000;

impl TikTokAds {
    /// Asks the platform to fetch a video from a URL and returns the video's id. The URL must be reachable without
    /// a login and have a content type other than text; the platform recommends this for small files.
    ///
    /// After an error of class [`Class::Unknown`] a video with that name may exist.
    ///
    /// # Errors
    /// Fails for an invalid URL or name, or when the call fails.
    pub async fn upload_by_url(&self, url: &str, name: &str) -> Result<String, CallError> {
        let web_url = url::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let message = "the URL is not a web address (http or https)";
        // The parsed URL is percent-encoded where necessary.
        let url = web_url.ok_or_else(|| self.error(VIDEO.path, Class::Permanent, message))?;
        self.create_video("UPLOAD_BY_URL", ("video_url", url.as_str()), name).await
    }

    /// Creates a video from a temporary or chunked upload, which expires after 24 hours, and returns its id.
    ///
    /// # Errors
    /// Fails for an invalid name, or when the call fails; [`Class::Unknown`] as for a fetched video.
    pub async fn upload_by_file_id(&self, file_id: &str, name: &str) -> Result<String, CallError> {
        self.create_video("UPLOAD_BY_FILE_ID", ("file_id", file_id), name).await
    }

    /// Uploads a file for 24 hours and returns its id for [`TikTokAds::upload_by_file_id`]. May be repeated, since
    /// unused files expire.
    ///
    /// # Errors
    /// Fails when the file has more than [`MAX_TEMPORARY_FILE_BYTES`] bytes or changed since it was checked, or
    /// when the call fails.
    pub async fn upload_temporarily(&self, asset: &ValidatedAsset, name: &str) -> Result<String, CallError> {
        self.check_name(TEMPORARY, name)?;
        let (mut file, hashed) = self.open_checked(TEMPORARY, asset).await?;
        if hashed.size > MAX_TEMPORARY_FILE_BYTES {
            let size = hashed.size;
            let message =
                format!("{size} bytes; a temporary file has at most {MAX_TEMPORARY_FILE_BYTES} bytes");
            return Err(self.error(TEMPORARY.path, Class::Permanent, &message));
        }
        let fields = vec![
            ("advertiser_id", self.options.advertiser_id.clone()),
            ("upload_type", "UPLOAD_BY_FILE".to_owned()),
            ("content_type", "video".to_owned()),
            ("name", name.to_owned()),
            ("signature", hashed.md5.clone()),
        ];
        let part = ("file", name, media_type(asset.path()));
        let form = FileForm { fields, part, file: &mut file, expected: &hashed, sent: &|_| {} };
        let reply = self.send_file(TEMPORARY, form).await?;
        self.new_id(TEMPORARY, &reply, "file_id")
    }

    /// Renames a video. If the name is taken, the platform appends the time instead of refusing.
    ///
    /// # Errors
    /// Fails for an invalid name, or when the call fails.
    pub async fn rename_video(&self, video_id: &str, name: &str) -> Result<(), CallError> {
        self.check_name(RENAME, name)?;
        let advertiser = &self.options.advertiser_id;
        let body = json!({"advertiser_id": advertiser, "video_id": video_id, "file_name": name});
        self.call(RENAME, &Payload::Json(body)).await.map(drop)
    }

    pub(super) async fn create_video(
        &self,
        kind: &str,
        (field, value): (&str, &str),
        name: &str,
    ) -> Result<String, CallError> {
        self.check_name(VIDEO, name)?;
        let advertiser = &self.options.advertiser_id;
        let mut body = json!({"advertiser_id": advertiser, "upload_type": kind, "file_name": name});
        body[field] = Value::from(value);
        let reply = self.call(VIDEO, &Payload::Json(body)).await?;
        self.new_id(VIDEO, &reply, "video_id")
    }
}
