//! Covers: read once, checked, and uploaded once per content.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::asset::Shipment;
use super::effect_executor::{EffectOutcome, Sending};
use super::engine::{Abort, Context};
use super::journal::Effect;
use super::publications::StepResult;
use super::{DeliveryState, PrepareError};
use crate::cache::FileState;
use crate::plan::EncodeMode;
use crate::platform::{EffectKind, Mutation, Row};
use crate::rules::{CoverImage, ValidatedCover};

/// Why a cover cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CoverError {
    /// It changed while it was read.
    #[error("changed while it was checked: run again")]
    Changed,
    /// It is larger than the platform accepts.
    #[error("larger than the {0} bytes that the platform accepts")]
    TooLarge(u64),
    /// It is a folder, a device or a pipe.
    #[error("not a regular file")]
    NotAFile,
    /// It cannot be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The cover that a row names, as it was read; `None` if it names none.
pub(super) type CoverRead = Option<Result<CoverImage, CoverError>>;

/// Reads a cover of at most `max_bytes`, once: what is assessed, hashed and sent are these bytes.
///
/// # Errors
/// [`CoverError`]
pub fn read_cover(path: &Path, max_bytes: u64) -> Result<CoverImage, CoverError> {
    read_cover_with(path, max_bytes, &|| {})
}

/// Like [`read_cover`]; `after_read` is called after the last byte and before the state of the file is compared.
fn read_cover_with(path: &Path, max_bytes: u64, after_read: &dyn Fn()) -> Result<CoverImage, CoverError> {
    // Opening a named pipe without this flag would wait for the program at its other end.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = File::options().read(true).custom_flags(flags).open(path)?;
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(CoverError::NotAFile);
    }
    let mut bytes = Vec::new();
    (&mut file).take(max_bytes + 1).read_to_end(&mut bytes)?;
    after_read();
    if bytes.len() as u64 > max_bytes {
        return Err(CoverError::TooLarge(max_bytes));
    }
    // A file that is written meanwhile may have been read as a mixture of two images.
    if FileState::from(&file.metadata()?) != FileState::from(&before) || bytes.len() as u64 != before.len() {
        return Err(CoverError::Changed);
    }
    Ok(CoverImage::new(path, bytes))
}

impl Context {
    /// Uploads a cover.
    async fn upload_cover(&self, cover: &ValidatedCover) -> Result<StepResult<Option<String>>, Abort> {
        let (path, content) = (cover.image().path(), cover.image().content());
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("jpg");
        let hash: String = content.blake3.chars().take(12).collect();
        let effect = Effect {
            kind: EffectKind::Cover,
            origin: self.destination.origin().to_owned(),
            account: self.destination.account().to_owned(),
            scope: String::new(),
            name: format!("cover-{hash}.{}", extension.to_ascii_lowercase()),
            content: content.blake3.clone(),
            md5: Some(content.md5.clone()),
            size_bytes: Some(content.size_bytes),
            encode_mode: EncodeMode::Planned,
        };
        let sending = Sending { source: path, anew: false };
        Ok(match self.execute(&effect, &Mutation::Cover(cover), sending).await? {
            EffectOutcome::Done { id, .. } => StepResult::Continue(Some(id)),
            EffectOutcome::BadMedia(reason)
            | EffectOutcome::Refused(reason)
            | EffectOutcome::NotReady(reason) => {
                StepResult::EndRow(DeliveryState::Failed, format!("cover refused: {reason}"))
            }
            EffectOutcome::Unresolved(reason) => StepResult::EndRow(DeliveryState::Unconfirmed, reason),
        })
    }
}

impl Shipment<'_> {
    /// Reads the cover that a row names. What is read here is what is assessed and sent.
    pub(super) async fn read_cover_of(&self, row: &Row) -> Result<CoverRead, Abort> {
        let platform = self.context.platform();
        let (Some(path), Some(limits)) = (row.cover.clone(), platform.cover()) else { return Ok(None) };
        let read = self.context.blocking(move || Ok(read_cover(&path, limits.bytes))).await?;
        Ok(Some(read.unwrap_or_else(|error| Err(CoverError::Io(std::io::Error::other(error))))))
    }

    /// Checks the cover that was read, or makes one, and uploads it. Continues without one where the platform takes
    /// none.
    pub(super) async fn prepare_cover(
        &self,
        row: &Row,
        cover: CoverRead,
    ) -> Result<StepResult<Option<String>>, Abort> {
        if self.context.platform().cover().is_none() {
            return Ok(StepResult::Continue(None));
        }
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
        let image = read_cover(&path, 3).unwrap();
        std::fs::write(&path, b"another image").unwrap();
        assert_eq!((image.bytes(), image.content().size_bytes), (&b"abc"[..], 3));
        assert_eq!(image.content().md5, "900150983cd24fb0d6963f7d28e17f72");
        assert!(matches!(read_cover(&path, 3), Err(CoverError::TooLarge(3))));
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
            assert!(matches!(read_cover_with(&path, 1000, change), Err(CoverError::Changed)));
        }
    }

    #[test]
    fn a_folder_a_device_or_a_pipe_is_no_cover_and_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        for path in [dir.path(), Path::new("/dev/zero"), &pipe] {
            assert!(matches!(read_cover(path, 1000), Err(CoverError::NotAFile)), "{path:?}");
        }
    }
}
