//! Reports files that were not prepared, and publications that a run did not reach.

use std::path::PathBuf;

use super::context::Context;
use super::journal::{ItemKey, ItemRecord, JournalError};
use super::request::Until;
use super::row_digest::digest;
use super::stop::StopReason;
use super::{Delivery, DeliveryState, PrepareError, RowDelivery};
use crate::platform::Row;

impl Context {
    /// Reports a file for which nothing is sent in this run, because it was not prepared.
    pub(super) fn unprepared(
        &self,
        source: PathBuf,
        rows: &[Row],
        key: &ItemKey,
        error: PrepareError,
    ) -> Result<Delivery, JournalError> {
        let item = self.journal.item(key)?;
        let stopped = error == PrepareError::Cancelled;
        let (state, reason) = not_prepared(error, item.as_ref());
        if state == DeliveryState::Refused {
            self.journal.record_refusal(key, &source, &reason)?;
            self.plan_publications(rows, key)?;
        }
        let mut deliveries = match self.settings.until {
            _ if self.publishes_with_upload() => {
                rows.iter().map(|row| waiting_row(row, &state, &reason)).collect()
            }
            Until::Published => self.known_rows(rows, &key.source_blake3, &state, None)?,
            _ => Vec::new(),
        };
        deliveries.retain(|row| row.row > 0);
        let (video_id, attempts) = item.map(|item| (item.video_id, item.attempts)).unwrap_or_default();
        let delivery = Delivery::nothing_sent(source, state, reason);
        Ok(Delivery { video_id, attempts, rows: deliveries, stopped, ..delivery })
    }

    /// Records the publications that are asked for from an asset.
    pub(super) fn plan_publications(&self, rows: &[Row], key: &ItemKey) -> Result<(), JournalError> {
        let with_upload = self.publishes_with_upload();
        if self.settings.until < Until::Published || key.source_blake3.is_empty() || with_upload {
            return Ok(());
        }
        let planned = rows.iter().filter_map(|row| {
            let publication = self.publication_key(row, &key.source_blake3)?;
            Some((publication, digest(self.platform(), row)))
        });
        let is_asked = |scope: &str, name: &str| {
            let mut asked = self.all_rows().filter_map(|row| self.platform().publication(row));
            asked.any(|publication| publication.scope == scope && publication.name == name)
        };
        self.journal.plan_publications(&planned.collect::<Vec<_>>(), &is_asked)
    }

    /// Returns the rows of an asset whose publications were not reached in this run: those in the journal as
    /// published, and the others with the state of the video.
    pub(super) fn known_rows(
        &self,
        rows: &[Row],
        source_blake3: &str,
        video: &DeliveryState,
        reason: Option<&str>,
    ) -> Result<Vec<RowDelivery>, JournalError> {
        let (state, reason) = unreached(video, reason);
        let keys = rows.iter().filter_map(|row| Some((row, self.publication_key(row, source_blake3)?)));
        let deliveries = keys.map(|(row, key)| {
            let record = self.journal.publication(&key)?;
            Ok(match record.filter(|record| record.state == DeliveryState::Published) {
                Some(record) => RowDelivery::new(row.row, record.state, record.id, None),
                None => waiting_row(row, &state, &reason),
            })
        });
        deliveries.collect()
    }
}

/// Returns the state of a file that was not prepared, and the reason.
fn not_prepared(error: PrepareError, item: Option<&ItemRecord>) -> (DeliveryState, String) {
    match error {
        PrepareError::Refused(reason) => (DeliveryState::Refused, reason),
        PrepareError::Failed(reason) | PrepareError::Changed(reason) => (DeliveryState::Failed, reason),
        PrepareError::Cancelled => {
            let state = item.map_or(DeliveryState::Validated, |item| item.state.clone());
            (state, StopReason::Cancelled.message())
        }
    }
}

/// Returns the publication of a row that waits for its video.
pub(super) fn waiting_row(row: &Row, state: &DeliveryState, reason: &str) -> RowDelivery {
    let delivery = RowDelivery::new(row.row, state.clone(), None, Some(reason.to_owned()));
    RowDelivery { awaits_video: true, ..delivery }
}

/// Returns state and reason of a publication that was not reached when its video ended so.
fn unreached(video: &DeliveryState, reason: Option<&str>) -> (DeliveryState, String) {
    match video {
        DeliveryState::GivenUp => (video.clone(), "its video is given up".to_owned()),
        DeliveryState::Failed => (video.clone(), "its video failed".to_owned()),
        DeliveryState::Unconfirmed => (video.clone(), "its video is not confirmed as ready".to_owned()),
        DeliveryState::Refused => (DeliveryState::Validated, "not created: its file is refused".to_owned()),
        _ => {
            let reason = reason.unwrap_or("the run ended before it");
            (DeliveryState::Validated, format!("not created: {reason}"))
        }
    }
}
