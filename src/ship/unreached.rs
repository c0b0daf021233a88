//! Reports files that were not prepared, and ads that a run did not reach.

use std::path::{Path, PathBuf};

use super::engine::Context;
use super::journal::{AdKey, ItemKey, ItemRecord, JournalError};
use super::manifest::AdRow;
use super::preflight::is_ad;
use super::request::Until;
use super::run::StopReason;
use super::{AdDelivery, Delivery, DeliveryState, PrepareError};

impl Context {
    /// Returns the identity of the ad of a row.
    pub(super) fn ad_key(&self, row: &AdRow, source_blake3: &str) -> AdKey {
        AdKey {
            origin: self.platform.origin().to_owned(),
            advertiser: self.platform.advertiser_id().to_owned(),
            adgroup: row.adgroup_id.clone(),
            ad_name: row.ad_name.clone(),
            content: source_blake3.to_owned(),
        }
    }

    /// Reports a file for which nothing is sent in this run, because it was not prepared.
    pub(super) fn unprepared(
        &self,
        source: PathBuf,
        key: &ItemKey,
        error: PrepareError,
    ) -> Result<Delivery, JournalError> {
        let item = self.journal.item(key)?;
        let stopped = error == PrepareError::Cancelled;
        let (state, reason) = not_prepared(error, item.as_ref());
        if state == DeliveryState::Refused {
            self.journal.record_refusal(key, &source, &reason)?;
            self.plan_ads(&source, key)?;
        }
        let ads = match self.settings.until {
            Until::Published => self.known_ads(&self.rows_of(&source), &key.source_blake3, &state, None)?,
            _ => Vec::new(),
        };
        Ok(nothing_sent(source, item, (state, reason), ads, stopped))
    }

    /// Records the ads that are asked for from an asset.
    pub(super) fn plan_ads(&self, source: &Path, key: &ItemKey) -> Result<(), JournalError> {
        if self.settings.until < Until::Published || key.source_blake3.is_empty() {
            return Ok(());
        }
        let rows = self.rows_of(source);
        let ads = rows.iter().filter(|row| is_ad(row));
        let ads = ads.map(|row| (self.ad_key(row, &key.source_blake3), super::publish::digest(row)));
        let is_asked = |group: &str, name: &str| {
            self.all_rows().any(|row| (row.adgroup_id.as_str(), row.ad_name.as_str()) == (group, name))
        };
        self.journal.plan_ads(&ads.collect::<Vec<_>>(), &is_asked)
    }

    /// Returns the ads of an asset whose ads were not reached in this run: those in the journal as published, and
    /// the others with the state of the video.
    pub(super) fn known_ads(
        &self,
        rows: &[AdRow],
        source_blake3: &str,
        video: &DeliveryState,
        reason: Option<&str>,
    ) -> Result<Vec<AdDelivery>, JournalError> {
        let (state, reason) = unreached(video, reason);
        let ads = rows.iter().filter(|row| is_ad(row)).map(|row| {
            let record = self.journal.ad(&self.ad_key(row, source_blake3))?;
            Ok(match record.filter(|record| record.state == DeliveryState::Published) {
                Some(record) => AdDelivery::new(row.row, record.state, record.ad_id, None),
                None => waiting_ad(row, &state, &reason),
            })
        });
        ads.collect()
    }
}

/// Returns the state of a file that was not prepared, and the reason.
pub(super) fn not_prepared(error: PrepareError, item: Option<&ItemRecord>) -> (DeliveryState, String) {
    match error {
        PrepareError::Refused(reason) => (DeliveryState::Refused, reason),
        PrepareError::Failed(reason) | PrepareError::Changed(reason) => (DeliveryState::Failed, reason),
        PrepareError::Cancelled => {
            let state = item.map_or(DeliveryState::Validated, |item| item.state.clone());
            (state, StopReason::Cancelled.message())
        }
    }
}

/// Returns the report of a file for which nothing was sent in this run, with what the journal knows of it.
pub(super) fn nothing_sent(
    source: PathBuf,
    item: Option<ItemRecord>,
    (state, reason): (DeliveryState, String),
    ads: Vec<AdDelivery>,
    stopped: bool,
) -> Delivery {
    let (video_id, attempts) = item.map(|item| (item.video_id, item.attempts)).unwrap_or_default();
    let reason = Some(reason);
    Delivery {
        source,
        state,
        video_id,
        attempts,
        reason,
        ads,
        stopped,
        uploaded_now: false,
        posted_now: false,
    }
}

/// Returns the ad or post of a row that waits for its video.
pub(super) fn waiting_ad(row: &AdRow, state: &DeliveryState, reason: &str) -> AdDelivery {
    let ad = AdDelivery::new(row.row, state.clone(), None, Some(reason.to_owned()));
    AdDelivery { awaits_video: true, ..ad }
}

/// Returns state and reason of an ad that was not reached when its video ended so.
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
