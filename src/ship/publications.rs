//! Publications: landing page and cover are checked, then each is created once; if the outcome is unknown, it is
//! reconciled with the platform first.

use super::context::Context;
use super::cover::StepResult;
use super::cover_file::CoverRead;
use super::effect::{EffectOutcome, Sending, Subject};
use super::journal::{Effect, EffectState, PublicationKey, PublicationRecord};
use super::landing::LandingMode;
use super::poller::Readiness;
use super::request::Until;
use super::row_digest::digest_with;
use super::row_problem::{RowProblem, changed_row, replaced_video};
use super::shipment::Shipment;
use super::stop::Abort;
use super::{DeliveryState, RowDelivery};
use crate::platform::{EffectKind, Mutation, NewPublication, Platform, Row, SentEffect, Sighting};

/// The outcome of a row.
pub(super) enum PublishOutcome {
    /// The publication with its state.
    Row(RowDelivery),
    /// The platform rejects the video; the next encode mode may succeed.
    BadVideo(String),
}

/// The outcome of creating a publication.
enum Creation {
    /// It is on the platform; `now`: this run created it.
    Done { id: String, now: bool },
    /// It was not created, or that is unknown; the row ends in this state.
    NotCreated(DeliveryState, String),
    /// The platform rejects the video; the next encode mode may succeed.
    BadVideo(String),
}

impl Shipment<'_> {
    /// Creates the publication of a row unless the journal or the platform already has it. Returns `None` for a row
    /// that names only a video.
    pub(super) async fn publish(&mut self, row: &Row) -> Result<Option<PublishOutcome>, Abort> {
        let Some(key) = self.context.publication_key(row, &self.item.key.source_blake3) else {
            return Ok(None);
        };
        let lock = self.context.lock_for(&format!("ad|{}|{}", key.scope, key.name));
        let _one_at_a_time = lock.lock().await;
        let cover = self.read_cover_of(row).await?;
        let digest = digest_with(self.context.platform(), row, &cover);
        let known = self.context.journal.publication(&key)?;
        if let Some(known) = known.as_ref().filter(|known| known.state == DeliveryState::Published) {
            let mut delivery = RowDelivery::new(row.row, DeliveryState::Published, known.id.clone(), None);
            if known.field_digest != digest {
                delivery =
                    delivery.with_problem(RowProblem::RowChanged, changed_row(self.context.platform()));
            }
            return Ok(Some(PublishOutcome::Row(delivery)));
        }
        if let Some(other) = self.context.journal.published_with_other_content(&key)? {
            return Ok(Some(PublishOutcome::Row(row_with_other_video(self.context.platform(), row, &other))));
        }
        let mut record = known.unwrap_or_else(|| PublicationRecord::new(String::new()));
        record.field_digest = digest;
        self.publish_row(row, cover, &key, &mut record).await.map(Some)
    }

    async fn publish_row(
        &mut self,
        row: &Row,
        cover: CoverRead,
        key: &PublicationKey,
        record: &mut PublicationRecord,
    ) -> Result<PublishOutcome, Abort> {
        let warning = match self.context.check_landing_page(row).await? {
            Ok(warning) => warning,
            Err(reason) => {
                self.end_row(row, key, record, DeliveryState::Failed, reason.clone())?;
                return Ok(PublishOutcome::Row(row_with_problem(row, RowProblem::LandingPage, reason)));
            }
        };
        record.cover_id = match self.prepare_cover(row, cover).await? {
            StepResult::Continue(cover) => cover,
            StepResult::EndRow(state, reason) => return self.end_row(row, key, record, state, reason),
            StepResult::CoverChanged(reason) => {
                self.end_row(row, key, record, DeliveryState::Failed, reason.clone())?;
                return Ok(PublishOutcome::Row(row_with_problem(row, RowProblem::CoverChanged, reason)));
            }
        };
        match self.create(row, key, record).await? {
            Creation::Done { id, now } => {
                record.state = DeliveryState::Published;
                record.id = Some(id.clone());
                record.reason = None;
                self.context.journal.put_publication(key, record)?;
                let delivery = RowDelivery::new(row.row, record.state.clone(), Some(id), warning);
                Ok(PublishOutcome::Row(RowDelivery { created_now: now, ..delivery }))
            }
            Creation::NotCreated(state, reason) => self.end_row(row, key, record, state, reason),
            Creation::BadVideo(reason) => Ok(PublishOutcome::BadVideo(reason)),
        }
    }

    fn end_row(
        &self,
        row: &Row,
        key: &PublicationKey,
        record: &mut PublicationRecord,
        state: DeliveryState,
        reason: String,
    ) -> Result<PublishOutcome, Abort> {
        record.state = state.clone();
        record.reason = Some(reason.clone());
        self.context.journal.put_publication(key, record)?;
        Ok(PublishOutcome::Row(RowDelivery::new(row.row, state, None, Some(reason))))
    }

    async fn create(
        &mut self,
        row: &Row,
        key: &PublicationKey,
        record: &mut PublicationRecord,
    ) -> Result<Creation, Abort> {
        let context = self.context;
        let video_id = self.item.record.video_id.clone().unwrap_or_default();
        let subject = Subject { kind: EffectKind::Publication, scope: &key.scope, video_id: Some(&video_id) };
        // A creation of unknown outcome is reconciled before anything else is sent.
        if let Some(created) = self.earlier_creation(record, subject).await? {
            return Ok(created);
        }
        if let Some(created) = context.existing_publication(subject, key).await? {
            return Ok(created);
        }
        let effect = Effect {
            kind: EffectKind::Publication,
            origin: key.origin.clone(),
            account: key.account.clone(),
            scope: key.scope.clone(),
            name: key.name.clone(),
            content: key.content.clone(),
            md5: None,
            size_bytes: None,
            encode_mode: self.item.record.encode_mode,
        };
        record.effect_key = Some(effect.key());
        record.state = DeliveryState::Publishing;
        context.journal.put_publication(key, record)?;
        let mut new = NewPublication {
            row,
            video_id: &video_id,
            cover_id: record.cover_id.as_deref(),
            creative_id: None,
            enable: context.settings.enable,
        };
        let mut creative_id = None;
        if context.destination.has_creative() {
            let creative = Effect { kind: EffectKind::Creative, ..effect.clone() };
            match self.send(&creative, &Mutation::Creative(new), &video_id).await? {
                Creation::Done { id, .. } => creative_id = Some(id),
                end => return Ok(end),
            }
        }
        new.creative_id = creative_id.as_deref();
        self.send(&effect, &Mutation::Publication(new), &video_id).await
    }

    /// Sends an effect; while the platform does not regard the video as ready, it is waited for again.
    async fn send(
        &self,
        effect: &Effect,
        mutation: &Mutation<'_>,
        video_id: &str,
    ) -> Result<Creation, Abort> {
        let sending = Sending { source: &self.item.source, anew: false };
        let most = self.context.destination.sends_per_run();
        for _ in 0..most {
            match self.context.execute(effect, mutation, sending).await? {
                EffectOutcome::NotReady(reason) => {
                    if let Some(end) = self.recheck_video(video_id, &reason).await? {
                        return Ok(end);
                    }
                }
                outcome => return Ok(Creation::of(outcome)),
            }
        }
        let reason = format!("creation failed {most} times: the video is not ready");
        Ok(Creation::NotCreated(DeliveryState::Unconfirmed, reason))
    }

    async fn earlier_creation(
        &self,
        record: &PublicationRecord,
        subject: Subject<'_>,
    ) -> Result<Option<Creation>, Abort> {
        let key = record.effect_key.as_deref();
        let Some(effect) = key.map(|key| self.context.journal.effect(key)).transpose()?.flatten() else {
            return Ok(None);
        };
        if effect.abandoned && effect.state != EffectState::Done {
            return Ok(Some(Creation::NotCreated(DeliveryState::Failed, effect.abandon_reason())));
        }
        match effect.state {
            EffectState::Done => {
                Ok(Some(Creation::Done { id: effect.receipt.unwrap_or_default(), now: false }))
            }
            EffectState::Sent | EffectState::Unknown => {
                Ok(self.context.reconcile(subject, &effect, false).await?.map(Creation::of))
            }
            EffectState::Intent | EffectState::NotDone => Ok(None),
        }
    }

    /// Waits for the video again: the platform does not regard it as ready, so our state is out of date.
    async fn recheck_video(&self, video_id: &str, error: &str) -> Result<Option<Creation>, Abort> {
        let limit = self.context.settings.poll_deadline;
        let reason = match self.context.await_ready(video_id, &self.md5(), limit, false).await? {
            Readiness::Ready | Readiness::Published { .. } => return Ok(None),
            Readiness::Failed(failure) => {
                return Ok(Some(Creation::BadVideo(format!("{error}; {}", failure.reason))));
            }
            Readiness::TimedOut(reason) if self.context.settings.retry_slow => {
                return Ok(Some(Creation::BadVideo(format!("{error}; {reason}"))));
            }
            Readiness::TimedOut(reason) | Readiness::NoAnswer(reason) => format!("{error}; {reason}"),
        };
        Ok(Some(Creation::NotCreated(DeliveryState::Unconfirmed, reason)))
    }

    /// Returns the end of a row that cannot use an upload; `None` if it can.
    pub(super) async fn row_without_use(&self, row: &Row) -> Result<Option<RowDelivery>, Abort> {
        let Some(key) = self.context.publication_key(row, &self.item.key.source_blake3) else {
            return Ok(None);
        };
        if let Some(other) = self.context.journal.published_with_other_content(&key)? {
            let known = self.context.journal.publication(&key)?;
            let is_published = known.is_some_and(|known| known.state == DeliveryState::Published);
            return Ok((!is_published).then(|| row_with_other_video(self.context.platform(), row, &other)));
        }
        if self.context.settings.until < Until::Published {
            return Ok(None);
        }
        let failed = self.context.check_landing_page(row).await?.err();
        Ok(failed.map(|reason| row_with_problem(row, RowProblem::LandingPage, reason)))
    }
}

impl Creation {
    fn of(outcome: EffectOutcome) -> Creation {
        match outcome {
            EffectOutcome::Done { id, sent_now } => Creation::Done { id, now: sent_now },
            EffectOutcome::BadMedia(reason) => Creation::BadVideo(reason),
            EffectOutcome::Refused(reason) => Creation::NotCreated(DeliveryState::Failed, reason),
            EffectOutcome::NotReady(reason) | EffectOutcome::Unresolved(reason) => {
                Creation::NotCreated(DeliveryState::Unconfirmed, reason)
            }
        }
    }
}

fn row_with_other_video(platform: &dyn Platform, row: &Row, id: &str) -> RowDelivery {
    row_with_problem(row, RowProblem::VideoReplaced, replaced_video(platform, id))
}

fn row_with_problem(row: &Row, problem: RowProblem, reason: String) -> RowDelivery {
    RowDelivery::new(row.row, DeliveryState::Failed, None, None).with_problem(problem, reason)
}

impl Context {
    /// Returns the identity of the publication of a row; `None` for a row that names only a video.
    pub(super) fn publication_key(&self, row: &Row, source_blake3: &str) -> Option<PublicationKey> {
        let publication = self.platform().publication(row)?;
        Some(PublicationKey {
            origin: self.destination.origin().to_owned(),
            account: self.destination.account().to_owned(),
            scope: publication.scope,
            name: publication.name,
            content: source_blake3.to_owned(),
        })
    }

    /// Returns the result for an existing publication of that name, for example from a run whose journal was lost.
    async fn existing_publication(
        &self,
        subject: Subject<'_>,
        key: &PublicationKey,
    ) -> Result<Option<Creation>, Abort> {
        self.wait_for_earlier_run().await?;
        let unsent = SentEffect {
            kind: subject.kind,
            scope: key.scope.clone(),
            name: key.name.clone(),
            md5: None,
            size_bytes: None,
            token: None,
            video_id: subject.video_id.map(str::to_owned),
            was_refused: false,
        };
        let settings = &self.settings;
        let read = || match self.had_earlier_run() {
            // What was read before the earlier run's publications are visible does not count.
            true => self.destination.look(&unsent),
            false => self.destination.look_for_earlier(&unsent),
        };
        Ok(match self.read_until_answered(settings.poll_deadline, settings.first_poll, read).await? {
            Ok(Sighting::Done(id)) => Some(Creation::Done { id, now: false }),
            Ok(Sighting::Ambiguous(readings)) => {
                let (readings, column) = (readings.join("; "), self.platform().name_column());
                let reason = format!("the name is taken: {readings}; give the row another {column}");
                Some(Creation::NotCreated(DeliveryState::Failed, reason))
            }
            Ok(_) => None,
            Err(error) => {
                let reason = format!("the existing publications cannot be read: {error}");
                Some(Creation::NotCreated(DeliveryState::Unconfirmed, reason))
            }
        })
    }

    /// Returns a warning, or as an error the reason why the row is not published.
    async fn check_landing_page(&self, row: &Row) -> Result<Result<Option<String>, String>, Abort> {
        let url = self.platform().landing_page(row);
        if url.is_empty() || self.settings.landing == LandingMode::Off {
            return Ok(Ok(None));
        }
        let cell = self.landing_visit(url);
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
