//! Ads: gated, created once, and asked after when nobody knows whether they were.

use std::path::PathBuf;

use super::asset::Shipment;
use super::cover::hash_cover;
use super::crash::crash_point;
use super::engine::{Abort, Context, once};
use super::journal::{AdKey, AdRecord, Effect, EffectState, Resolution};
use super::landing::LandingMode;
use super::manifest::AdRow;
use super::polling::Verdict;
use super::preflight::is_ad;
use super::upload::{MAX_SENDS, MutationOutcome, fate, given_up};
use super::{AdDelivery, DeliveryState, PrepareError};
use crate::platform::{CallError, NewAd};

/// What came of a row.
pub(super) enum Published {
    /// The ad, wherever it stands.
    Ad(AdDelivery),
    /// The video is at fault: the next recipe may do better.
    BadVideo(String),
}

/// What came of a step that an ad needs.
pub(super) enum StepResult<T> {
    Open(T),
    /// The row ends here.
    Shut(DeliveryState, String),
}

/// The ads of rows that were not come to.
pub(super) fn unshipped(rows: &[AdRow], state: &DeliveryState, reason: Option<&str>) -> Vec<AdDelivery> {
    let ads = rows.iter().filter(|row| is_ad(row));
    ads.map(|row| AdDelivery {
        row: row.row,
        state: state.clone(),
        ad_id: None,
        reason: reason.map(str::to_owned),
    })
    .collect()
}

impl Shipment<'_> {
    pub(super) fn ad_key(&self, row: &AdRow) -> AdKey {
        AdKey {
            origin: self.context.platform.origin().to_owned(),
            advertiser: self.context.platform.advertiser_id().to_owned(),
            adgroup: row.adgroup_id.clone(),
            ad_name: row.ad_name.clone(),
            content: self.key.source_blake3.clone(),
        }
    }

    /// Creates the ad of a row unless that happened already.
    pub(super) async fn publish(&mut self, row: &AdRow) -> Result<Published, Abort> {
        let key = self.ad_key(row);
        let lock = self.context.lock_of(&format!("ad|{}|{}", key.adgroup, key.ad_name));
        let _one_at_a_time = lock.lock().await;
        let digest = digest(row);
        let known = self.context.journal.ad(&key)?;
        if let Some(ad) = known.as_ref().filter(|ad| ad.state == DeliveryState::Published) {
            let reason = (ad.field_digest != digest).then(|| {
                "row changed since it was published; the ad was left as it is, change it on the platform \
                 or give the row another ad_name"
                    .to_owned()
            });
            let (state, ad_id) = (DeliveryState::Published, ad.ad_id.clone());
            return Ok(Published::Ad(AdDelivery { row: row.row, state, ad_id, reason }));
        }
        if let Some(other) = self.context.journal.published_with_other_content(&key)? {
            let reason =
                format!("published before with another video, as ad {other}; give the row another ad_name");
            return Ok(shut(row, DeliveryState::Failed, reason));
        }
        let fresh = AdRecord {
            field_digest: digest.clone(),
            state: DeliveryState::Validated,
            ad_id: None,
            image_id: None,
            effect_key: None,
            reason: None,
        };
        let mut ad = known.unwrap_or(fresh);
        ad.field_digest = digest;
        self.advance(row, &key, &mut ad).await
    }

    async fn advance(&mut self, row: &AdRow, key: &AdKey, ad: &mut AdRecord) -> Result<Published, Abort> {
        let note = match self.context.landing_gate(row).await? {
            StepResult::Open(note) => note,
            StepResult::Shut(state, reason) => return self.close(row, key, ad, state, reason),
        };
        let image = match self.cover_gate(row).await? {
            StepResult::Open(image) => image,
            StepResult::Shut(state, reason) => return self.close(row, key, ad, state, reason),
        };
        ad.image_id = Some(image.clone());
        match self.create(row, key, ad, image).await? {
            Created::Done(id) => {
                ad.state = DeliveryState::Published;
                ad.ad_id = Some(id.clone());
                ad.reason = None;
                self.context.journal.put_ad(key, ad)?;
                let state = DeliveryState::Published;
                Ok(Published::Ad(AdDelivery { row: row.row, state, ad_id: Some(id), reason: note }))
            }
            Created::Shut(state, reason) => self.close(row, key, ad, state, reason),
            Created::BadVideo(reason) => Ok(Published::BadVideo(reason)),
        }
    }

    fn close(
        &self,
        row: &AdRow,
        key: &AdKey,
        ad: &mut AdRecord,
        state: DeliveryState,
        reason: String,
    ) -> Result<Published, Abort> {
        ad.state = state.clone();
        ad.reason = Some(reason.clone());
        self.context.journal.put_ad(key, ad)?;
        Ok(shut(row, state, reason))
    }

    async fn cover_gate(&self, row: &AdRow) -> Result<StepResult<String>, Abort> {
        let (given, maker, asset) = (row.cover.clone(), self.context.maker.clone(), self.first.clone());
        let cover = self.context.blocking(move || {
            let path = match given {
                Some(path) => maker.judge_cover(&path, &asset).map(|()| path)?,
                None => maker.cover(&asset)?,
            };
            let hash = hash_cover(&path)
                .map_err(|error| PrepareError::Failed(format!("{}: {error}", path.display())))?;
            Ok::<(PathBuf, String), PrepareError>((path, hash))
        });
        match cover.await? {
            Ok((path, hash)) => self.context.upload_cover(&path, hash).await,
            Err(error) => Ok(StepResult::Shut(DeliveryState::Failed, format!("no cover: {error}"))),
        }
    }

    async fn create(
        &mut self,
        row: &AdRow,
        key: &AdKey,
        ad: &mut AdRecord,
        image_id: String,
    ) -> Result<Created, Abort> {
        let video_id = self.item.video_id.clone().unwrap_or_default();
        // A creation in doubt comes before any other.
        if let Some(record) =
            ad.effect_key.as_deref().map(|key| self.context.journal.effect(key)).transpose()?.flatten()
        {
            if record.abandoned && record.state != EffectState::Done {
                return Ok(Created::Shut(DeliveryState::Failed, given_up(&record)));
            }
            if record.state == EffectState::Done {
                return Ok(Created::Done(record.receipt.unwrap_or_default()));
            }
            if matches!(record.state, EffectState::Sent | EffectState::Unknown)
                && let Some(created) = self.context.settle_ad(&record, &row.adgroup_id, &video_id).await?
            {
                return Ok(created);
            }
        }
        if let Some(created) = self.context.standing_ad(row, &video_id).await? {
            return Ok(created);
        }
        let effect = Effect {
            kind: "ad",
            origin: key.origin.clone(),
            advertiser: key.advertiser.clone(),
            scope: key.adgroup.clone(),
            name: key.ad_name.clone(),
            content: key.content.clone(),
            md5: None,
            size_bytes: None,
            recipe: self.item.recipe,
        };
        ad.effect_key = Some(effect.key());
        ad.state = DeliveryState::Publishing;
        self.context.journal.put_ad(key, ad)?;
        let new = new_ad(row, video_id, image_id, self.context.settings.enable);
        self.send_ad(&effect, &new).await
    }

    async fn send_ad(&mut self, effect: &Effect, new: &NewAd) -> Result<Created, Abort> {
        crash_point!(self.context.crash, "ad.before_intent");
        let mut record = self.context.journal.intend(effect)?;
        crash_point!(self.context.crash, "ad.after_intent");
        let mut sends = 0;
        loop {
            let ended = match record.state {
                EffectState::Done => Some(Created::Done(record.receipt.clone().unwrap_or_default())),
                EffectState::Sent | EffectState::Unknown => {
                    self.context.settle_ad(&record, &new.adgroup_id, &new.video_id).await?
                }
                EffectState::Intent | EffectState::NotDone if sends == MAX_SENDS => {
                    let said = record.reason.as_deref().unwrap_or("no answer");
                    let reason = format!("not taken in {MAX_SENDS} tries: {said}");
                    Some(Created::Shut(DeliveryState::Unconfirmed, reason))
                }
                EffectState::Intent | EffectState::NotDone => {
                    self.context.rest(sends).await?;
                    sends += 1;
                    self.send_ad_once(&record.key, new).await?
                }
            };
            if let Some(ended) = ended {
                return Ok(ended);
            }
            record = self.context.journal.intend(effect)?;
        }
    }

    async fn send_ad_once(&mut self, key: &str, new: &NewAd) -> Result<Option<Created>, Abort> {
        let context = self.context;
        context.journal.mark_sent(key)?;
        crash_point!(context.crash, "ad.after_sent_mark");
        let answer = context.call(context.platform.create_ad(new)).await?;
        crash_point!(context.crash, "ad.after_send_before_receipt");
        let error = match answer {
            Ok(id) => {
                context.journal.settle(key, &Resolution::Done { receipt: id.clone() }, None)?;
                crash_point!(context.crash, "ad.after_receipt");
                return Ok(Some(Created::Done(id)));
            }
            Err(error) => error,
        };
        let reason = error.to_string();
        let fate = fate(&error);
        let settled = match fate {
            MutationOutcome::Unknown { .. } => {
                Resolution::Unknown { reason: reason.clone(), name_held: false }
            }
            _ => Resolution::NotDone { reason: reason.clone() },
        };
        context.journal.settle(key, &settled, error.request_id.as_deref())?;
        match fate {
            MutationOutcome::BadMedia => Ok(Some(Created::BadVideo(reason))),
            MutationOutcome::Refused => Ok(Some(Created::Shut(DeliveryState::Failed, reason))),
            MutationOutcome::Stale => self.look_again(new, &error).await,
            MutationOutcome::Again if error.code == Some(TRANSCODING) => self.look_again(new, &error).await,
            MutationOutcome::Again | MutationOutcome::Stop | MutationOutcome::Unknown { .. } => Ok(None),
        }
    }

    /// The platform does not take the video for ready: what we believed is stale, so it is read again.
    async fn look_again(&self, new: &NewAd, error: &CallError) -> Result<Option<Created>, Abort> {
        let limit = self.context.settings.attempt_deadline;
        match self.context.await_ready(&new.video_id, &self.md5(), limit, false).await? {
            Verdict::Ready => Ok(None),
            Verdict::Late(seen) => Ok(Some(Created::BadVideo(format!("{error}; {seen}")))),
        }
    }
}

/// "Video transcoding in process."
const TRANSCODING: i64 = 40_901;

pub(super) enum Created {
    Done(String),
    Shut(DeliveryState, String),
    BadVideo(String),
}

fn shut(row: &AdRow, state: DeliveryState, reason: String) -> Published {
    Published::Ad(AdDelivery { row: row.row, state, ad_id: None, reason: Some(reason) })
}

impl Context {
    async fn landing_gate(&self, row: &AdRow) -> Result<StepResult<Option<String>>, Abort> {
        let url = &row.landing_page_url;
        if url.is_empty() || self.settings.landing == LandingMode::Off {
            return Ok(StepResult::Open(None));
        }
        let cell = once(&self.visits, url);
        let seen = tokio::select! {
            biased;
            seen = cell.get_or_init(|| self.pages.visit(url)) => seen,
            () = self.stopped() => return Err(Abort::Stopped),
        };
        Ok(match seen {
            Ok(()) => StepResult::Open(None),
            Err(error) if self.settings.landing == LandingMode::Require => {
                StepResult::Shut(DeliveryState::Failed, error.to_string())
            }
            Err(error) => StepResult::Open(Some(error.to_string())),
        })
    }
}

fn new_ad(row: &AdRow, video_id: String, image_id: String, enable: bool) -> NewAd {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    NewAd {
        adgroup_id: row.adgroup_id.clone(),
        ad_name: row.ad_name.clone(),
        identity_type: row.identity_type.clone(),
        identity_id: row.identity_id.clone(),
        identity_authorized_bc_id: some(&row.identity_authorized_bc_id),
        ad_text: row.ad_text.clone(),
        call_to_action: some(&row.call_to_action),
        landing_page_url: some(&row.landing_page_url),
        display_name: some(&row.display_name),
        video_id,
        image_id,
        enable,
    }
}

/// A digest of the fields of a row that its ad shows; the cover by its bytes.
fn digest(row: &AdRow) -> String {
    let cover = match &row.cover {
        None => String::new(),
        Some(path) => hash_cover(path).unwrap_or_else(|_| path.to_string_lossy().into_owned()),
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
    // Left out where it is empty, so that rows without it keep the digest they had before there was one.
    let centre = Some(&row.identity_authorized_bc_id).filter(|centre| !centre.is_empty());
    for field in fields.into_iter().chain(centre) {
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
