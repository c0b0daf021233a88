//! Videos out of bytes that the platform has already or fetches by itself, and their names.

use serde_json::{Value, json};

use super::TikTokAds;
use super::client::{Endpoint, FileForm, Payload, mutation, read};
use super::upload::{VIDEO, media_type};
use crate::platform::{CallError, Class};
use crate::rules::ValidatedAsset;

/// What is not made a video of expires by itself.
const TEMPORARY: Endpoint = read("file/temporarily/upload/");
const RENAME: Endpoint = mutation("file/video/ad/update/");
/// The most bytes of a temporary file. Source: page temporary-upload.
pub const TEMPORARY_MOST: u64 = 100_000_000;

impl TikTokAds {
    /// Has the platform fetch a video and gives its id. The address must answer without a login and with a
    /// content type other than text; the platform recommends it for small files.
    ///
    /// An error of class [`Class::Unknown`] leaves open whether there is a video of that name.
    ///
    /// # Errors
    /// When the address or the name cannot be one, or the call fails.
    pub async fn upload_by_url(&self, url: &str, name: &str) -> Result<String, CallError> {
        let fit = url::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        // As the reader writes it: what must be percent-encoded is.
        let url = fit.ok_or_else(|| self.fault(VIDEO.path, Class::Permanent, "not a web address"))?;
        self.make_video("UPLOAD_BY_URL", ("video_url", url.as_str()), name).await
    }

    /// Makes a video of a temporary or chunked upload, which lives 24 hours, and gives its id.
    ///
    /// # Errors
    /// When the name cannot be one, or the call fails; [`Class::Unknown`] as with a fetched video.
    pub async fn upload_by_file_id(&self, file_id: &str, name: &str) -> Result<String, CallError> {
        self.make_video("UPLOAD_BY_FILE_ID", ("file_id", file_id), name).await
    }

    /// Leaves a file with the platform for 24 hours and gives its id, for [`TikTokAds::upload_by_file_id`].
    ///
    /// # Errors
    /// When the file has more than [`TEMPORARY_MOST`] bytes or changed since it was checked, or the call
    /// fails. It may be sent again: what is left behind expires.
    pub async fn upload_temporarily(&self, asset: &ValidatedAsset, name: &str) -> Result<String, CallError> {
        self.check_name(TEMPORARY, name)?;
        let (mut file, hashed) = self.open_checked(TEMPORARY, asset).await?;
        if hashed.size > TEMPORARY_MOST {
            let text = format!("a temporary file has at most {TEMPORARY_MOST} bytes, not {}", hashed.size);
            return Err(self.fault(TEMPORARY.path, Class::Permanent, &text));
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

    /// Gives a video another name. Where that is taken, the platform appends the time instead of refusing.
    ///
    /// # Errors
    /// When the name cannot be one, or the call fails.
    pub async fn rename_video(&self, video_id: &str, name: &str) -> Result<(), CallError> {
        self.check_name(RENAME, name)?;
        let advertiser = &self.options.advertiser_id;
        let body = json!({"advertiser_id": advertiser, "video_id": video_id, "file_name": name});
        self.call(RENAME, &Payload::Json(body)).await.map(drop)
    }

    pub(super) async fn make_video(
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
