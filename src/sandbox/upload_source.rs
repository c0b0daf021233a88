//! The bytes of an upload: received, fetched or uploaded before.

use std::fs::File;

use super::app::App;
use super::call::{Call, ReceivedFile};
use super::fetch::fetch;
use super::reply::{self, Refusal};
use super::store::Store;

/// The bytes of an upload.
pub(super) enum UploadSource {
    /// Received with this request or fetched for it.
    Received(ReceivedFile),
    /// A temporary file, which is kept.
    Temporary { id: String, md5: String, size: u64, name: String },
}

impl UploadSource {
    pub(super) fn md5(&self) -> &str {
        match self {
            Self::Received(received) => &received.md5,
            Self::Temporary { md5, .. } => md5,
        }
    }

    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Received(received) => received.size,
            Self::Temporary { size, .. } => *size,
        }
    }

    /// Returns the default name of the file.
    pub(super) fn name(&self) -> String {
        let name = match self {
            Self::Received(received) => received.name.as_deref().unwrap_or("upload"),
            Self::Temporary { name, .. } => name,
        };
        name.chars().take(100).collect()
    }

    pub(super) fn open(&self, store: &Store) -> std::io::Result<File> {
        match self {
            Self::Received(received) => File::open(&received.path),
            Self::Temporary { id, .. } => File::open(store.file_path(id)),
        }
    }

    /// Stores the bytes under an id.
    pub(super) fn move_in(&self, store: &Store, id: &str) -> std::io::Result<()> {
        match self {
            Self::Received(received) => store.move_in(&received.path, id),
            Self::Temporary { id: from, .. } => store.link(from, id),
        }
    }
}

/// Returns the bytes of an upload after the checks common to all files. `signature` and `url` are the names of
/// the parameters; `prefix` is the prefix of the upload types.
pub(super) async fn upload_source(
    app: &App,
    call: &mut Call,
    advertiser: &str,
    prefix: &str,
    (signature, url): (&str, &str),
    limit: u64,
) -> Result<UploadSource, Refusal> {
    let kind = call.text("upload_type").unwrap_or("").trim_start_matches(prefix).to_owned();
    let source = match kind.as_str() {
        "" | "FILE" => {
            let received =
                call.file.take().ok_or_else(|| Refusal::new(reply::FILE_MISSING, "File is missing."))?;
            if received.size == 0 {
                return Err(Refusal::new(reply::FILE_EMPTY, "File is empty."));
            }
            let expected = call.need(signature)?;
            if received.size <= limit && !expected.eq_ignore_ascii_case(&received.md5) {
                return Err(Refusal::new(reply::SIGNATURE, "MD5 signature does not match the file."));
            }
            UploadSource::Received(received)
        }
        "URL" => UploadSource::Received(fetch(app, call.need(url)?, limit, call.ordinal).await?),
        "FILE_ID" => {
            let id = call.need("file_id")?;
            let store = app.store();
            let file = store
                .state
                .temporary
                .get(id)
                .filter(|file| file.advertiser_id == advertiser)
                .ok_or_else(|| Refusal::new(reply::NOT_FOUND, format!("File {id} does not exist.")))?;
            if app.clock.now() > file.created + 86_400_000 {
                return Err(Refusal::new(reply::FILE_EXPIRED, format!("File {id} is expired.")));
            }
            UploadSource::Temporary {
                id: file.id.clone(),
                md5: file.md5.clone(),
                size: file.size,
                name: file.name.clone(),
            }
        }
        other => return Err(Refusal::parameter(format!("upload_type: {other} is not a valid value."))),
    };
    if source.size() == 0 {
        return Err(Refusal::new(reply::FILE_EMPTY, "File is empty."));
    }
    if source.size() > limit {
        return Err(Refusal::new(reply::FILE_TOO_LARGE, format!("File is larger than {limit} bytes.")));
    }
    call.entry.md5 = Some(source.md5().to_owned());
    Ok(source)
}
