//! Outputs in batches that one job produces, and the order of the batches.

use crate::job::MAX_OUTPUTS;
use crate::plan::VideoPlan;

use super::events::{Event, Observer};
use super::planned_output::PlannedOutput;
use super::resource_budget::Resources;
use super::work_order::{BatchEstimate, work_order};

/// Tells the observer what will be produced.
pub(super) fn announce<'a>(outputs: impl Iterator<Item = &'a PlannedOutput<'a>>, observer: &dyn Observer) {
    let writing = outputs.filter(|planned| planned.target.is_some());
    let (outputs, media_s, core_s) = writing.fold((0, 0.0, 0.0), |(count, media_s, core_s), planned| {
        (count + 1, media_s + planned.estimate.media_s, core_s + planned.estimate.core_s)
    });
    observer.notice(Event::Planned { outputs, media_s, core_s });
}

/// Returns the outputs of all videos in batches that one job produces, in the order in which `width` threads start them.
pub(super) fn in_work_order<'t, 'a>(
    videos: &[Vec<&'t PlannedOutput<'a>>],
    width: usize,
    total: Resources,
) -> Vec<Vec<&'t PlannedOutput<'a>>> {
    let all: Vec<_> = videos.iter().flat_map(|video| batches(video, total.bytes)).collect();
    let estimates: Vec<_> = all.iter().map(|batch| estimate_of(batch)).collect();
    work_order(&estimates, width, total).into_iter().map(|index| all[index].clone()).collect()
}

fn estimate_of(batch: &[&PlannedOutput<'_>]) -> BatchEstimate {
    let encodes = |planned: &&PlannedOutput<'_>| {
        let spec = planned.target.as_ref().and(planned.plan.spec.as_deref());
        spec.is_some_and(|spec| matches!(spec.video, Some(VideoPlan::Encode(_))))
    };
    BatchEstimate {
        encodes: batch.iter().any(encodes),
        core_s: batch.iter().map(|planned| planned.estimate.core_s).sum(),
        resources: Resources {
            cores: batch.iter().map(|planned| planned.estimate.threads).sum(),
            bytes: batch.iter().map(|planned| planned.estimate.memory_bytes).sum(),
        },
    }
}

/// Returns the outputs of one video in batches that one job produces: those with the same plan, which are
/// produced once, and encodes that can share a decoder, as far as memory allows.
pub(super) fn batches<'t, 'a>(
    video: &[&'t PlannedOutput<'a>],
    memory_bytes: u64,
) -> Vec<Vec<&'t PlannedOutput<'a>>> {
    let mut batches: Vec<Vec<&PlannedOutput<'_>>> = Vec::new();
    for &planned in video {
        match batches.iter_mut().find(|batch| fits(planned, batch, memory_bytes)) {
            Some(batch) => batch.push(planned),
            None => batches.push(vec![planned]),
        }
    }
    batches
}

/// Returns whether one job can produce the output and the batch.
fn fits(planned: &PlannedOutput<'_>, batch: &[&PlannedOutput<'_>], memory_bytes: u64) -> bool {
    let spec = |planned: &&PlannedOutput<'_>| planned.target.as_ref().and(planned.plan.spec.clone());
    let (Some(wanted), Some(first)) = (spec(&planned), batch.first().and_then(spec)) else { return false };
    if batch.iter().filter_map(spec).any(|other| other == wanted) {
        return true;
    }
    let memory = batch.iter().map(|planned| planned.estimate.memory_bytes).sum::<u64>();
    batch.len() < MAX_OUTPUTS
        && wanted.can_share_decode(&first)
        && memory + planned.estimate.memory_bytes <= memory_bytes
}
