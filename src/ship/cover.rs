//! Covers: checked, and uploaded once per content.

use super::context::Context;
use super::cover_file::{CoverError, CoverRead, read_cover};
use super::effect::{EffectOutcome, Sending};
use super::journal::Effect;
use super::shipment::Shipment;
use super::stop::Abort;
use super::{DeliveryState, PrepareError};
use crate::plan::EncodeMode;
use crate::platform::{EffectKind, Mutation, Row};
use crate::rules::ValidatedCover;

/// The outcome of a step before the creation.
pub(super) enum StepResult<T> {
    Continue(T),
    /// The row ends in this state, for this reason.
    EndRow(DeliveryState, String),
    /// The row ends, because its cover is not the one that was checked any more.
    CoverChanged(String),
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
