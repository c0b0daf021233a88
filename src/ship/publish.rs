//! Ads: landing page and cover are checked, then each ad is created once; if the outcome is unknown, it is
//! reconciled with the platform first.

use super::asset::Shipment;
use super::cover::{CoverRead, read_cover};
use super::crash_points::crash_point;
use super::engine::{Abort, Context, once_cell};
use super::journal::{AdKey, AdRecord, Effect, EffectKind, EffectState, Resolution};
use super::landing::LandingMode;
use super::manifest::AdRow;
use super::polling::Readiness;
use super::request::Until;
use super::row_problems::{self, RowProblem};
use super::upload::{MAX_SENDS, MutationOutcome, abandon_reason, mutation_outcome};
use super::{AdDelivery, DeliveryState};
use crate::platform::{CallError, NewAd};

/// The outcome of a row.
pub(super) enum PublishOutcome {
    /// The ad with its state.
    Ad(AdDelivery),
    /// The platform rejects the video; the next encode mode may succeed.
    BadVideo(String),
}

/// The outcome of a step before the creation of an ad.
pub(super) enum StepResult<T> {
    Continue(T),
    /// The row ends in this state, for this reason.
    EndRow(DeliveryState, String),
    /// The row ends, because its cover is not the one that was checked any more.
    CoverChanged(String),
}

impl Shipment<'_> {
    fn ad_key(&self, row: &AdRow) -> AdKey {
        self.context.ad_key(row, &self.item.key.source_blake3)
    }

    /// Creates the ad of a row unless the journal or the platform already has it.
    pub(super) async fn publish(&mut self, row: &AdRow) -> Result<PublishOutcome, Abort> {
        let key = self.ad_key(row);
        let lock = self.context.lock_for(&format!("ad|{}|{}", key.adgroup, key.ad_name));
        let _one_at_a_time = lock.lock().await;
        let cover = self.read_cover_of(row).await?;
        let digest = digest_with(row, &cover);
        let known = self.context.journal.ad(&key)?;
        if let Some(ad) = known.as_ref().filter(|ad| ad.state == DeliveryState::Published) {
            let mut delivery = AdDelivery::new(row.row, DeliveryState::Published, ad.ad_id.clone(), None);
            if ad.field_digest != digest {
                delivery = delivery.with_problem(RowProblem::RowChanged, row_problems::CHANGED_AD.to_owned());
            }
            return Ok(PublishOutcome::Ad(delivery));
        }
        if let Some(other) = self.context.journal.published_with_other_content(&key)? {
            return Ok(PublishOutcome::Ad(replaced_video(row, &other)));
        }
        let new_record = AdRecord {
            field_digest: digest.clone(),
            state: DeliveryState::Validated,
            ad_id: None,
            image_id: None,
            effect_key: None,
            reason: None,
        };
        let mut ad = known.unwrap_or(new_record);
        ad.field_digest = digest;
        self.publish_row(row, cover, &key, &mut ad).await
    }

    async fn publish_row(
        &mut self,
        row: &AdRow,
        cover: CoverRead,
        key: &AdKey,
        ad: &mut AdRecord,
    ) -> Result<PublishOutcome, Abort> {
        let warning = match self.context.check_landing_page(row).await? {
            Ok(warning) => warning,
            Err(reason) => {
                self.end_row(row, key, ad, DeliveryState::Failed, reason.clone())?;
                return Ok(PublishOutcome::Ad(unreachable_page(row, reason)));
            }
        };
        let image = match self.prepare_cover(row, cover).await? {
            StepResult::Continue(image) => image,
            StepResult::EndRow(state, reason) => return self.end_row(row, key, ad, state, reason),
            StepResult::CoverChanged(reason) => {
                self.end_row(row, key, ad, DeliveryState::Failed, reason.clone())?;
                return Ok(PublishOutcome::Ad(row_with_problem(row, RowProblem::CoverChanged, reason)));
            }
        };
        ad.image_id = Some(image.clone());
        match self.create(row, key, ad, image).await? {
            AdCreation::Done { id, now } => {
                ad.state = DeliveryState::Published;
                ad.ad_id = Some(id.clone());
                ad.reason = None;
                self.context.journal.put_ad(key, ad)?;
                let delivery = AdDelivery::new(row.row, ad.state.clone(), Some(id), warning);
                Ok(PublishOutcome::Ad(AdDelivery { created_now: now, ..delivery }))
            }
            AdCreation::NotCreated(state, reason) => self.end_row(row, key, ad, state, reason),
            AdCreation::BadVideo(reason) => Ok(PublishOutcome::BadVideo(reason)),
        }
    }

    fn end_row(
        &self,
        row: &AdRow,
        key: &AdKey,
        ad: &mut AdRecord,
        state: DeliveryState,
        reason: String,
    ) -> Result<PublishOutcome, Abort> {
        ad.state = state.clone();
        ad.reason = Some(reason.clone());
        self.context.journal.put_ad(key, ad)?;
        Ok(unpublished_ad(row, state, reason))
    }

    async fn create(
        &mut self,
        row: &AdRow,
        key: &AdKey,
        ad: &mut AdRecord,
        image_id: String,
    ) -> Result<AdCreation, Abort> {
        let video_id = self.item.record.video_id.clone().unwrap_or_default();
        // A creation of unknown outcome is reconciled before anything else is sent.
        if let Some(record) =
            ad.effect_key.as_deref().map(|key| self.context.journal.effect(key)).transpose()?.flatten()
        {
            if record.abandoned && record.state != EffectState::Done {
                return Ok(AdCreation::NotCreated(DeliveryState::Failed, abandon_reason(&record)));
            }
            if record.state == EffectState::Done {
                return Ok(AdCreation::before(record.receipt.unwrap_or_default()));
            }
            if matches!(record.state, EffectState::Sent | EffectState::Unknown)
                && let Some(created) =
                    self.context.reconcile_ad(&record, &row.adgroup_id, &video_id, false).await?
            {
                return Ok(created);
            }
        }
        if let Some(created) = self.context.existing_ad(row, &video_id).await? {
            return Ok(created);
        }
        let effect = Effect {
            kind: EffectKind::Ad,
            origin: key.origin.clone(),
            advertiser: key.advertiser.clone(),
            scope: key.adgroup.clone(),
            name: key.ad_name.clone(),
            content: key.content.clone(),
            md5: None,
            size_bytes: None,
            encode_mode: self.item.record.encode_mode,
        };
        ad.effect_key = Some(effect.key());
        ad.state = DeliveryState::Publishing;
        self.context.journal.put_ad(key, ad)?;
        let new = new_ad(row, video_id, image_id, self.context.settings.enable);
        self.send_ad(&effect, &new).await
    }

    async fn send_ad(&mut self, effect: &Effect, new: &NewAd) -> Result<AdCreation, Abort> {
        crash_point!(self.context.crash, "ad.before_intent");
        let mut record = self.context.journal.record_intent(effect)?;
        crash_point!(self.context.crash, "ad.after_intent");
        let mut sends = 0;
        loop {
            let creation = match record.state {
                EffectState::Done => Some(AdCreation::before(record.receipt.clone().unwrap_or_default())),
                EffectState::Sent | EffectState::Unknown => {
                    self.context.reconcile_ad(&record, &new.adgroup_id, &new.video_id, sends > 0).await?
                }
                EffectState::Intent | EffectState::NotDone if sends == MAX_SENDS => {
                    let error = record.reason.as_deref().unwrap_or("no answer");
                    let reason = format!("creation failed {MAX_SENDS} times: {error}");
                    Some(AdCreation::NotCreated(DeliveryState::Unconfirmed, reason))
                }
                EffectState::Intent | EffectState::NotDone => {
                    self.context.wait_before_send(sends).await?;
                    sends += 1;
                    self.send_ad_once(&record.key, new).await?
                }
            };
            if let Some(creation) = creation {
                return Ok(creation);
            }
            record = self.context.journal.record_intent(effect)?;
        }
    }

    async fn send_ad_once(&mut self, key: &str, new: &NewAd) -> Result<Option<AdCreation>, Abort> {
        let context = self.context;
        context.journal.mark_sent(key, context.platform.platform_time())?;
        crash_point!(context.crash, "ad.after_sent_mark");
        let answer = context.call(context.platform.create_ad(new)).await?;
        crash_point!(context.crash, "ad.after_send_before_receipt");
        let error = match answer {
            Ok(id) => {
                context.journal.record_resolution(key, &Resolution::Done { receipt: id.clone() }, None)?;
                crash_point!(context.crash, "ad.after_receipt");
                return Ok(Some(AdCreation::Done { id, now: true }));
            }
            Err(error) => error,
        };
        let reason = error.to_string();
        let outcome = mutation_outcome(&error);
        let resolution = match outcome {
            MutationOutcome::Unknown { .. } => {
                Resolution::Unknown { reason: reason.clone(), name_held: false }
            }
            _ => Resolution::NotDone { reason: reason.clone() },
        };
        context.journal.record_resolution(key, &resolution, error.request_id.as_deref())?;
        match outcome {
            MutationOutcome::BadMedia => Ok(Some(AdCreation::BadVideo(reason))),
            MutationOutcome::Refused => Ok(Some(AdCreation::NotCreated(DeliveryState::Failed, reason))),
            MutationOutcome::Stale => self.recheck_video(new, &error).await,
            MutationOutcome::Retry if error.code == Some(TRANSCODING) => {
                self.recheck_video(new, &error).await
            }
            MutationOutcome::Retry | MutationOutcome::Stop | MutationOutcome::Unknown { .. } => Ok(None),
        }
    }

    /// Waits for the video again: the platform does not regard it as ready, so our state is out of date.
    async fn recheck_video(&self, new: &NewAd, error: &CallError) -> Result<Option<AdCreation>, Abort> {
        let limit = self.context.settings.poll_deadline;
        let reason = match self.context.await_ready(&new.video_id, &self.md5(), limit, false).await? {
            Readiness::Ready => return Ok(None),
            Readiness::TimedOut(reason) if self.context.settings.retry_slow => {
                return Ok(Some(AdCreation::BadVideo(format!("{error}; {reason}"))));
            }
            Readiness::TimedOut(reason) | Readiness::NoAnswer(reason) => format!("{error}; {reason}"),
        };
        Ok(Some(AdCreation::NotCreated(DeliveryState::Unconfirmed, reason)))
    }
}

/// The platform's code for "Video transcoding in process."
const TRANSCODING: i64 = 40_901;

/// The outcome of creating an ad.
pub(super) enum AdCreation {
    /// The ad is on the platform.
    Done {
        /// The platform's id.
        id: String,
        /// Whether this run created it.
        now: bool,
    },
    /// No ad was created, or that is unknown; the row ends in this state.
    NotCreated(DeliveryState, String),
    /// The platform rejects the video; the next encode mode may succeed.
    BadVideo(String),
}

impl AdCreation {
    /// Returns the outcome for an ad that an earlier run created.
    pub(super) fn before(id: String) -> AdCreation {
        AdCreation::Done { id, now: false }
    }
}

fn unpublished_ad(row: &AdRow, state: DeliveryState, reason: String) -> PublishOutcome {
    PublishOutcome::Ad(AdDelivery::new(row.row, state, None, Some(reason)))
}

fn replaced_video(row: &AdRow, ad: &str) -> AdDelivery {
    row_with_problem(row, RowProblem::VideoReplaced, row_problems::replaced_video(ad))
}

fn unreachable_page(row: &AdRow, reason: String) -> AdDelivery {
    row_with_problem(row, RowProblem::LandingPage, reason)
}

fn row_with_problem(row: &AdRow, problem: RowProblem, reason: String) -> AdDelivery {
    AdDelivery::new(row.row, DeliveryState::Failed, None, None).with_problem(problem, reason)
}

impl Shipment<'_> {
    /// Returns the end of a row that cannot use an upload; `None` if it can.
    pub(super) async fn row_without_use(&self, row: &AdRow) -> Result<Option<AdDelivery>, Abort> {
        let key = self.ad_key(row);
        if let Some(other) = self.context.journal.published_with_other_content(&key)? {
            let known = self.context.journal.ad(&key)?;
            let is_published = known.is_some_and(|ad| ad.state == DeliveryState::Published);
            return Ok((!is_published).then(|| replaced_video(row, &other)));
        }
        if self.context.settings.until < Until::Published {
            return Ok(None);
        }
        Ok(self.context.check_landing_page(row).await?.err().map(|reason| unreachable_page(row, reason)))
    }
}

impl Context {
    /// Returns a warning, or as an error the reason why the row has no ad.
    async fn check_landing_page(&self, row: &AdRow) -> Result<Result<Option<String>, String>, Abort> {
        let url = &row.landing_page_url;
        if url.is_empty() || self.settings.landing == LandingMode::Off {
            return Ok(Ok(None));
        }
        let cell = once_cell(&self.landing_visits, url);
        let answer = tokio::select! {
            biased;
            answer = cell.get_or_init(|| self.pages.visit(url)) => answer,
            () = self.stopped() => return Err(Abort::Stopped),
        };
        Ok(match answer {
            Ok(()) => Ok(None),
            Err(error) if self.settings.landing == LandingMode::Require => Err(error.to_string()),
            Err(error) => Ok(Some(error.to_string())),
        })
    }
}

fn new_ad(row: &AdRow, video_id: String, image_id: String, enable: bool) -> NewAd {
    let non_empty = |text: &String| (!text.is_empty()).then(|| text.clone());
    NewAd {
        adgroup_id: row.adgroup_id.clone(),
        ad_name: row.ad_name.clone(),
        identity_type: row.identity_type.clone(),
        identity_id: row.identity_id.clone(),
        identity_authorized_bc_id: non_empty(&row.identity_authorized_bc_id),
        ad_text: row.ad_text.clone(),
        call_to_action: non_empty(&row.call_to_action),
        landing_page_url: non_empty(&row.landing_page_url),
        display_name: non_empty(&row.display_name),
        video_id,
        image_id,
        enable,
    }
}

/// Returns a digest of the fields of a row that its ad shows; a cover counts by its bytes.
pub(super) fn digest(row: &AdRow) -> String {
    digest_with(row, &row.cover.as_deref().map(read_cover))
}

fn digest_with(row: &AdRow, cover: &CoverRead) -> String {
    let path = || row.cover.as_ref().map_or(String::new(), |path| path.to_string_lossy().into_owned());
    let cover = match cover {
        None => String::new(),
        Some(Ok(image)) => image.content().blake3.clone(),
        Some(Err(_)) => path(),
    };
    let fields = [
        &row.identity_type,
        &row.identity_id,
        &row.ad_text,
        &row.call_to_action,
        &row.landing_page_url,
        &row.display_name,
        &cover,
    ];
    let mut hasher = blake3::Hasher::new();
    // An empty field is left out, so that rows keep the digest from before this field existed.
    let centre = Some(&row.identity_authorized_bc_id).filter(|centre| !centre.is_empty());
    for field in fields.into_iter().chain(centre) {
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
