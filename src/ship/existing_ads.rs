//! Which ads stand on the platform: read before one is created, and after an answer was lost.

use super::DeliveryState;
use super::crash::crash_point;
use super::engine::{Abort, Context, once};
use super::journal::{EffectRecord, Resolution};
use super::manifest::AdRow;
use super::publish::Created;
use super::upload::{MAX_SENDS, MutationOutcome, ReconcileSchedule, Reconciled, fate};
use crate::platform::RemoteAd;

impl Context {
    /// An ad of that name which stands already, perhaps from a run whose journal was lost. The ads
    /// of a group are read once a run.
    pub(super) async fn standing_ad(&self, row: &AdRow, video_id: &str) -> Result<Option<Created>, Abort> {
        let cell = once(&self.groups, &row.adgroup_id);
        let listed = cell.get_or_try_init(async || {
            let mut said = String::new();
            for tries in 0..MAX_SENDS {
                self.rest(tries).await?;
                match self.call(self.platform.ads_of(&row.adgroup_id)).await? {
                    Ok(ads) => return Ok(Ok(ads)),
                    Err(error) if fate(&error) == MutationOutcome::Refused => {
                        return Ok(Err(error.to_string()));
                    }
                    Err(error) => said = error.to_string(),
                }
            }
            Ok::<_, Abort>(Err(said))
        });
        match listed.await? {
            Err(said) => {
                let reason = format!("the ads of group {} cannot be read: {said}", row.adgroup_id);
                Ok(Some(Created::Shut(DeliveryState::Unconfirmed, reason)))
            }
            Ok(ads) => Ok(match named(ads, &row.ad_name, video_id) {
                Some(Reconciled::Done(id)) => Some(Created::Done(id)),
                Some(Reconciled::Ambiguous(readings)) => {
                    let reason =
                        format!("the name is taken: {}; give the row another ad_name", readings.join("; "));
                    Some(Created::Shut(DeliveryState::Failed, reason))
                }
                _ => None,
            }),
        }
    }

    /// Finds out whether an ad in doubt was created, and writes it down. `None` when it was not.
    pub(super) async fn settle_ad(
        &self,
        record: &EffectRecord,
        adgroup: &str,
        video_id: &str,
    ) -> Result<Option<Created>, Abort> {
        crash_point!(self.crash, "ad.reconcile");
        match self.find_ad(record, adgroup, video_id).await? {
            Reconciled::Done(id) => {
                self.journal.settle(&record.key, &Resolution::Done { receipt: id.clone() }, None)?;
                Ok(Some(Created::Done(id)))
            }
            // An ad is found or not: nothing holds its name.
            Reconciled::Absent | Reconciled::Lost(_) => {
                let reason = "asked after: it did not happen".to_owned();
                self.journal.settle(&record.key, &Resolution::NotDone { reason }, None)?;
                Ok(None)
            }
            Reconciled::Ambiguous(readings) => {
                self.journal.ask(&record.key, &readings)?;
                let reason = format!("needs a decision, see `greenlit resolve`: {}", readings.join("; "));
                Ok(Some(Created::Shut(DeliveryState::Unconfirmed, reason)))
            }
            Reconciled::NoAnswer(said) => {
                let reason = format!("whether it was created is not known: {said}");
                Ok(Some(Created::Shut(DeliveryState::Unconfirmed, reason)))
            }
        }
    }

    async fn find_ad(
        &self,
        record: &EffectRecord,
        adgroup: &str,
        video_id: &str,
    ) -> Result<Reconciled, Abort> {
        let mut asking = ReconcileSchedule::new(self, record);
        loop {
            self.go_on()?;
            let settled = asking.is_over();
            match self.call(self.platform.ads_of(adgroup)).await? {
                Ok(ads) => {
                    if let Some(found) = named(&ads, &record.name, video_id) {
                        return Ok(found);
                    }
                    asking.looks += 1;
                    if settled && asking.looks >= 2 {
                        return Ok(Reconciled::Absent);
                    }
                }
                Err(error) if asking.is_out_of_time() => return Ok(Reconciled::NoAnswer(error.to_string())),
                Err(_) => {}
            }
            self.wait(asking.pause()).await?;
        }
    }
}

/// What a list says of an ad; `None` when it shows nothing of that name.
fn named(ads: &[RemoteAd], name: &str, video_id: &str) -> Option<Reconciled> {
    let mut hits: Vec<&RemoteAd> = ads.iter().filter(|ad| ad.ad_name == name).collect();
    hits.sort_by(|a, b| a.ad_id.cmp(&b.ad_id));
    hits.dedup_by(|a, b| a.ad_id == b.ad_id);
    let ours = |ad: &RemoteAd| ad.video_id.as_deref().is_none_or(|video| video == video_id);
    match hits.as_slice() {
        [] => None,
        [one] if ours(one) => Some(Reconciled::Done(one.ad_id.clone())),
        several => Some(Reconciled::Ambiguous(
            several
                .iter()
                .map(|ad| {
                    let what = if ours(ad) { "with this video" } else { "with another video" };
                    format!("ad {} of that name, {what}", ad.ad_id)
                })
                .collect(),
        )),
    }
}
