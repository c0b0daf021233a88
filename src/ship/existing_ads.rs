//! Existing ads on the platform: read before an ad is created, and to reconcile a creation of unknown outcome.

use super::DeliveryState;
use super::crash_points::crash_point;
use super::engine::{Abort, Context, once_cell};
use super::journal::{EffectRecord, Resolution};
use super::manifest::AdRow;
use super::name_match;
use super::publish::AdCreation;
use super::reconcile_schedule::ReconcileSchedule;
use super::upload::Reconciled;
use crate::platform::RemoteAd;

impl Context {
    /// Returns the result for an existing ad of that name, for example from a run whose journal was lost. The ads
    /// of a group are read once per run.
    pub(super) async fn existing_ad(&self, row: &AdRow, video_id: &str) -> Result<Option<AdCreation>, Abort> {
        let cell = once_cell(&self.ads_by_group, &row.adgroup_id);
        let listed = cell.get_or_try_init(async || {
            let settings = &self.settings;
            let read = || self.platform.ads_of(&row.adgroup_id);
            self.read_until_answered(settings.poll_deadline, settings.first_poll, read).await
        });
        match listed.await? {
            Err(error) => {
                let reason = format!("the ads of group {} cannot be read: {error}", row.adgroup_id);
                Ok(Some(AdCreation::NotCreated(DeliveryState::Unconfirmed, reason)))
            }
            Ok(ads) => Ok(match match_ad(ads, &row.ad_name, video_id) {
                Some(Reconciled::Done(id)) => Some(AdCreation::before(id)),
                Some(Reconciled::Ambiguous(readings)) => {
                    let reason =
                        format!("the name is taken: {}; give the row another ad_name", readings.join("; "));
                    Some(AdCreation::NotCreated(DeliveryState::Failed, reason))
                }
                _ => None,
            }),
        }
    }

    /// Determines whether an ad of unknown outcome was created and records the answer. Returns `None` if it was
    /// not. `sent_now`: this run sent it.
    pub(super) async fn reconcile_ad(
        &self,
        record: &EffectRecord,
        adgroup: &str,
        video_id: &str,
        sent_now: bool,
    ) -> Result<Option<AdCreation>, Abort> {
        crash_point!(self.crash, "ad.reconcile");
        match self.find_ad(record, adgroup, video_id).await? {
            Reconciled::Done(id) => {
                self.journal.record_resolution(
                    &record.key,
                    &Resolution::Done { receipt: id.clone() },
                    None,
                )?;
                Ok(Some(AdCreation::Done { id, now: sent_now }))
            }
            // The platform does not reserve the names of ads, so the other two do not occur.
            Reconciled::Absent | Reconciled::Unlisted(_) | Reconciled::NameWasTaken => {
                let reason = "the platform does not list it: it did not happen".to_owned();
                self.journal.record_resolution(&record.key, &Resolution::NotDone { reason }, None)?;
                Ok(None)
            }
            Reconciled::Ambiguous(readings) => {
                self.journal.record_question(&record.key, &readings)?;
                let reason = format!("needs your decision, see `greenlit resolve`: {}", readings.join("; "));
                Ok(Some(AdCreation::NotCreated(DeliveryState::Unconfirmed, reason)))
            }
            Reconciled::NoAnswer(error) => {
                let reason = format!("unknown whether it was created: {error}");
                Ok(Some(AdCreation::NotCreated(DeliveryState::Unconfirmed, reason)))
            }
        }
    }

    async fn find_ad(
        &self,
        record: &EffectRecord,
        adgroup: &str,
        video_id: &str,
    ) -> Result<Reconciled, Abort> {
        let mut schedule = ReconcileSchedule::new(self, record);
        loop {
            self.check_running()?;
            let asked = schedule.asks();
            match self.read(schedule.latest_answer(), self.platform.ads_of(adgroup)).await? {
                Ok(ads) => {
                    if let Some(reconciled) = match_ad(&ads, &record.name, video_id) {
                        return Ok(reconciled);
                    }
                    schedule.found_nothing(asked);
                    if schedule.proves_absence() {
                        return Ok(Reconciled::Absent);
                    }
                }
                Err(error) => {
                    if let Some(error) = schedule.silence_after(error) {
                        return Ok(Reconciled::NoAnswer(error));
                    }
                }
            }
            self.wait(schedule.next_wait()).await?;
        }
    }
}

/// Returns what a list says about an ad; `None` if no ad has its name.
fn match_ad(ads: &[RemoteAd], name: &str, video_id: &str) -> Option<Reconciled> {
    let has_our_video = |ad: &RemoteAd| ad.video_id.as_deref().is_none_or(|video| video == video_id);
    let reading = |ad: &RemoteAd| {
        let video = if has_our_video(ad) { "this video" } else { "another video" };
        format!("ad {} has that name and {video}", ad.ad_id)
    };
    let named = ads.iter().filter(|ad| ad.ad_name == name);
    name_match::reconcile(named, |ad| &ad.ad_id, has_our_video, reading)
}
