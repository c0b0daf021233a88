//! Cover uploads: one per content; an upload of unknown outcome is repeated, since a second copy is harmless.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::asset::Shipment;
use super::crash_points::crash_point;
use super::engine::{Abort, Context};
use super::journal::{Effect, EffectKind, EffectState, Resolution};
use super::manifest::AdRow;
use super::publish::StepResult;
use super::upload::{MAX_SENDS, MutationOutcome, mutation_outcome};
use super::{DeliveryState, PrepareError};
use crate::cache::FileState;
use crate::plan::EncodeMode;
use crate::rules::{CoverImage, ValidatedCover};

/// The largest cover image the platform accepts, in bytes.
const MAX_COVER_BYTES: u64 = 50_000_000;

/// Why a cover cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CoverError {
    /// It changed while it was read.
    #[error("changed while it was checked: run again")]
    Changed,
    /// It is larger than the platform accepts.
    #[error("larger than the {MAX_COVER_BYTES} bytes that the platform accepts")]
    TooLarge,
    /// It is a folder, a device or a pipe.
    #[error("not a regular file")]
    NotAFile,
    /// It cannot be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The cover that a row names, as it was read; `None` if it names none.
pub(super) type CoverRead = Option<Result<CoverImage, CoverError>>;

/// Reads a cover, once: what is assessed, hashed and sent are these bytes.
///
/// # Errors
/// [`CoverError`]
pub fn read_cover(path: &Path) -> Result<CoverImage, CoverError> {
    read_cover_with(path, &|| {})
}

/// Like [`read_cover`]; `after_read` is called after the last byte and before the state of the file is compared.
fn read_cover_with(path: &Path, after_read: &dyn Fn()) -> Result<CoverImage, CoverError> {
    // Opening a named pipe without this flag would wait for the program at its other end.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = File::options().read(true).custom_flags(flags).open(path)?;
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(CoverError::NotAFile);
    }
    let mut bytes = Vec::new();
    (&mut file).take(MAX_COVER_BYTES + 1).read_to_end(&mut bytes)?;
    after_read();
    if bytes.len() as u64 > MAX_COVER_BYTES {
        return Err(CoverError::TooLarge);
    }
    // A file that is written meanwhile may have been read as a mixture of two images.
    if FileState::from(&file.metadata()?) != FileState::from(&before) || bytes.len() as u64 != before.len() {
        return Err(CoverError::Changed);
    }
    Ok(CoverImage::new(path, bytes))
}

impl Context {
    /// Uploads a cover. An upload of unknown outcome is repeated: a second copy is harmless, and the platform has
    /// no search for images.
    pub(super) async fn upload_cover(&self, cover: &ValidatedCover) -> Result<StepResult<String>, Abort> {
        let (path, hash) = (cover.image().path(), cover.image().content().blake3.clone());
        let effect = Effect {
            kind: EffectKind::Image,
            origin: self.platform.origin().to_owned(),
            advertiser: self.platform.advertiser_id().to_owned(),
            scope: String::new(),
            name: format!("cover-{}", hash.chars().take(12).collect::<String>()),
            content: hash,
            md5: None,
            size_bytes: None,
            encode_mode: EncodeMode::Planned,
        };
        let key = effect.key();
        let lock = self.lock_for(&key);
        let _one_at_a_time = lock.lock().await;
        let extension =
            path.extension().and_then(|extension| extension.to_str()).unwrap_or("jpg").to_ascii_lowercase();
        for sends in 0..MAX_SENDS {
            let record = self.journal.record_intent(&effect)?;
            crash_point!(self.crash, "image.after_intent");
            if let (EffectState::Done, Some(id)) = (record.state, &record.receipt) {
                return Ok(StepResult::Continue(id.clone()));
            }
            if matches!(record.state, EffectState::Sent | EffectState::Unknown) {
                let reason = "outcome unknown; repeated, since a second copy is harmless".to_owned();
                self.journal.record_resolution(&key, &Resolution::NotDone { reason }, None)?;
            }
            self.wait_before_send(sends).await?;
            self.journal.mark_sent(&key, self.platform.platform_time())?;
            // A copy of an earlier send may have the name.
            let suffix = if record.sends > 0 { format!("-{}", record.sends + 1) } else { String::new() };
            let name = format!("{}{suffix}.{extension}", effect.name);
            let answer = self.call(self.platform.upload_image(cover, &name)).await?;
            crash_point!(self.crash, "image.after_send_before_receipt");
            match answer {
                Ok(id) => {
                    self.journal.record_resolution(&key, &Resolution::Done { receipt: id.clone() }, None)?;
                    crash_point!(self.crash, "image.after_receipt");
                    return Ok(StepResult::Continue(id));
                }
                Err(error) => {
                    let reason = error.to_string();
                    let resolution = Resolution::NotDone { reason: reason.clone() };
                    self.journal.record_resolution(&key, &resolution, error.request_id.as_deref())?;
                    if matches!(
                        mutation_outcome(&error),
                        MutationOutcome::BadMedia | MutationOutcome::Refused | MutationOutcome::Stale
                    ) {
                        return Ok(StepResult::EndRow(
                            DeliveryState::Failed,
                            format!("cover refused: {reason}"),
                        ));
                    }
                }
            }
        }
        let reason = format!("upload of the cover failed {MAX_SENDS} times");
        Ok(StepResult::EndRow(DeliveryState::Unconfirmed, reason))
    }
}

impl Shipment<'_> {
    /// Reads the cover that a row names. What is read here is what is assessed and sent.
    pub(super) async fn read_cover_of(&self, row: &AdRow) -> Result<CoverRead, Abort> {
        let Some(path) = row.cover.clone() else { return Ok(None) };
        let read = self.context.blocking(move || Ok(read_cover(&path))).await?;
        Ok(Some(read.unwrap_or_else(|error| Err(CoverError::Io(std::io::Error::other(error))))))
    }

    /// Checks the cover that was read, or makes one, and uploads it.
    pub(super) async fn prepare_cover(
        &self,
        row: &AdRow,
        cover: CoverRead,
    ) -> Result<StepResult<String>, Abort> {
        let (asset, preparer) = (self.item.first_asset.clone(), self.context.preparer.clone());
        let name = row.cover.as_ref().map_or(String::new(), |path| format!("{}: ", path.display()));
        let prepared = self.context.blocking(move || match cover {
            Some(Ok(image)) => preparer.check_cover(image, &asset),
            Some(Err(error @ CoverError::Changed)) => Err(PrepareError::Changed(format!("{name}{error}"))),
            // The preflight found it.
            Some(Err(error)) => {
                Err(PrepareError::Changed(format!("{name}cannot be read any more: {error}: run again")))
            }
            None => preparer.cover(&asset),
        });
        match prepared.await? {
            Ok(cover) => self.context.upload_cover(&cover).await,
            Err(PrepareError::Cancelled) => Err(self.context.cancelled()),
            Err(PrepareError::Changed(reason)) => Ok(StepResult::CoverChanged(format!("no cover: {reason}"))),
            Err(error) => Ok(StepResult::EndRow(DeliveryState::Failed, format!("no cover: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_a_cover_once_with_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cover.png");
        std::fs::write(&path, b"abc").unwrap();
        let image = read_cover(&path).unwrap();
        std::fs::write(&path, b"another image").unwrap();
        assert_eq!((image.bytes(), image.content().size_bytes), (&b"abc"[..], 3));
        assert_eq!(image.content().md5, "900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn a_cover_that_is_written_to_while_it_is_read_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cover.png");
        let changes: [&dyn Fn(); 3] = [
            &|| std::fs::write(&path, b"longer than it was").unwrap(),
            &|| std::fs::write(&path, b"").unwrap(),
            // The same length and the same time of modification.
            &|| {
                let meta = std::fs::metadata(&path).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(20));
                std::fs::write(&path, b"xyz").unwrap();
                let file = File::options().write(true).open(&path).unwrap();
                file.set_modified(meta.modified().unwrap()).unwrap();
            },
        ];
        for change in changes {
            std::fs::write(&path, b"abc").unwrap();
            assert!(matches!(read_cover_with(&path, change), Err(CoverError::Changed)));
        }
    }

    #[test]
    fn a_folder_a_device_or_a_pipe_is_no_cover_and_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        for path in [dir.path(), Path::new("/dev/zero"), &pipe] {
            assert!(matches!(read_cover(path), Err(CoverError::NotAFile)), "{path:?}");
        }
    }
}
