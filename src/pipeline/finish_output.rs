//! Gives one output its final name: made, verified and recorded, or copied.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::thread;

use crate::job::{FixReport, VerifyLevel};
use crate::model::MediaFacts;
use crate::plan::Action;
use crate::rules::Assessment;

use super::existing_target::{keep, open_same};
use super::failure::{Failure, NoFacts};
use super::fix_executor::FixExecutor;
use super::fix_record::{FixRecord, FixRecordKey};
use super::outcome::Proof;
use super::output_proof;
use super::planned_output::PlannedOutput;
use super::produce_context::{ProduceContext, RecordOutput, check_unchanged};
use super::produce_output::{Attempt, OutputRequest, copy, produce_output};
use super::ready_output::ReadyOutput;
use super::store::{Existing, Publication};

impl FixExecutor<'_> {
    /// Returns the request for the output; `None` for a plain copy.
    pub(super) fn output_request<'t>(&'t self, ready: &'t ReadyOutput<'_>) -> Option<OutputRequest<'t>> {
        let ReadyOutput { planned, plan, target, .. } = ready;
        let (spec, profile) = (plan.spec.as_deref()?, self.pipeline.profiles.get(planned.profile_index)?);
        Some(OutputRequest { spec, profile, target })
    }

    /// Produces one output, unless `attempt` already did, and gives it its final name.
    pub(super) fn finish(
        &self,
        context: &ProduceContext<'_>,
        ready: &ReadyOutput<'_>,
        attempt: Option<Attempt>,
    ) -> Result<(Option<FixReport>, Publication), Failure> {
        let source = &ready.planned.checked.source.path;
        let made = self.make(context, ready, attempt);
        // Whatever else went wrong, a source that changes explains it.
        made.or_else(|failure| check_unchanged(source, &ready.input, &ready.before).and(Err(failure)))
    }

    fn make(
        &self,
        context: &ProduceContext<'_>,
        ready: &ReadyOutput<'_>,
        attempt: Option<Attempt>,
    ) -> Result<(Option<FixReport>, Publication), Failure> {
        let ReadyOutput { planned, input, key, existing, .. } = ready;
        let source = &planned.checked.source.path;
        let Some(request) = self.output_request(ready) else {
            let record = |output: &File, report: Option<&FixReport>| self.record(key, input, output, report);
            return self.make_copy(context, ready, &record);
        };
        // A source that is known to decode is not decoded again: its packets are compared by hash.
        let full = context.verify == VerifyLevel::Full;
        let remuxed = full && ready.plan.action == Action::Remux && attempt.is_none();
        let decode_key = if remuxed { self.decoder.key(input) } else { None };
        let decoded = self.decoder.is_decoded(decode_key.as_ref());
        let verify = if decoded { VerifyLevel::Structure } else { context.verify };
        let context = ProduceContext { verify, ..*context };
        let (report, publication) = thread::scope(|scope| {
            // The record needs the hash of the source, which is read while the worker makes the output.
            let hashing = Cell::new(Some(scope.spawn(|| self.hash_ahead(input))));
            let record = |output: &File, report: Option<&FixReport>| {
                // A failure is found again, and reported, when the record asks for the hash.
                drop(hashing.take().map(thread::ScopedJoinHandle::join));
                self.record(key, input, output, report)
            };
            produce_output(&context, source, input, &request, attempt, *existing, &record)
        })?;
        if remuxed && copies_all(&planned.checked.result) {
            self.decoder.remember(decode_key.as_ref());
        }
        Ok((Some(report), publication))
    }

    /// Lets the record read and hash the source, which it then remembers.
    fn hash_ahead(&self, input: &File) {
        if self.fixing.record.is_some() {
            let _ = self.contents.blake3(input);
        }
    }

    /// Decodes a source and copies it.
    fn make_copy(
        &self,
        context: &ProduceContext<'_>,
        ready: &ReadyOutput<'_>,
        record: RecordOutput<'_>,
    ) -> Result<(Option<FixReport>, Publication), Failure> {
        let ReadyOutput { planned, target, input, existing, .. } = ready;
        let source = &planned.checked.source.path;
        let same = match existing {
            Existing::Unknown => Some(open_same(target, input)?),
            Existing::Nothing | Existing::Ours => None,
        };
        let decodes = context.verify == VerifyLevel::Full && is_decoded(&planned.checked.result);
        let (facts, verify) = self.confirm_and_decode(context.work, planned, input, decodes)?;
        let report = verify.map(|verify| FixReport { facts, verify, encoder: None });
        let publication = match same {
            Some(same) => keep(context, source, input, target, &same, report.as_ref(), record)?,
            None => copy(context, source, input, target, *existing, report.as_ref(), record)?,
        };
        Ok((report, publication))
    }

    /// Returns the proof of an output.
    pub(super) fn proof(&self, ready: &ReadyOutput<'_>, report: Option<FixReport>) -> Proof {
        let PlannedOutput { checked, profile_index, .. } = ready.planned;
        let profile = self.pipeline.profiles.get(*profile_index);
        let source_findings =
            checked.assessments.get(*profile_index).map(Assessment::findings).unwrap_or_default();
        output_proof::proof(
            ready.plan,
            ready.target,
            checked.result.as_ref().ok(),
            profile,
            source_findings,
            report,
        )
    }

    /// Records an output before it gets its final name. A failure discards the output, because later runs could
    /// not replace an unrecorded one.
    fn record(
        &self,
        key: &FixRecordKey,
        input: &File,
        output: &File,
        report: Option<&FixReport>,
    ) -> io::Result<()> {
        let record = |fix_record: &FixRecord| fix_record.record_content(key.clone(), input, output, report);
        self.fixing.record.map_or(Ok(()), record)
    }
}

/// Returns whether a source is decoded before it is copied: a video, or an image of a format that greenlit converts.
fn is_decoded(facts: &Result<MediaFacts, NoFacts>) -> bool {
    let image = facts.as_ref().ok().and_then(MediaFacts::still_image);
    image.is_none_or(|image| image.format.is_convertible())
}

/// Returns whether a remux keeps all video and audio of the source, so that decoding the output decodes all of it.
fn copies_all(facts: &Result<MediaFacts, NoFacts>) -> bool {
    facts.as_ref().is_ok_and(|facts| facts.video.len() == 1 && facts.audio.len() <= 1)
}
