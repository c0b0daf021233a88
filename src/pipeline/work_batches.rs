//! Outputs in batches that one job produces, and the order of the batches.

use crate::job::MAX_OUTPUTS;
use crate::plan::VideoPlan;

use super::events::{Event, Observer};
use super::planned_output::PlannedOutput;
use super::resource_budget::Resources;
use super::work_order::{BatchEstimate, work_order};

/// Tells the observer what will be produced.
pub(super) fn announce<'a>(tasks: impl Iterator<Item = &'a PlannedOutput<'a>>, observer: &dyn Observer) {
    let writing = tasks.filter(|task| task.target.is_some());
    let (outputs, media_s, core_s) = writing.fold((0, 0.0, 0.0), |(count, media_s, core_s), task| {
        (count + 1, media_s + task.estimate.media_s, core_s + task.estimate.core_s)
    });
    observer.notice(Event::Planned { outputs, media_s, core_s });
}

/// Returns the tasks of all videos in batches that one job produces, in the order in which `width` threads start them.
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
    let encodes = |task: &&PlannedOutput<'_>| {
        let spec = task.target.as_ref().and(task.plan.spec.as_deref());
        spec.is_some_and(|spec| matches!(spec.video, Some(VideoPlan::Encode(_))))
    };
    BatchEstimate {
        encodes: batch.iter().any(encodes),
        core_s: batch.iter().map(|task| task.estimate.core_s).sum(),
        resources: Resources {
            cores: batch.iter().map(|task| task.estimate.threads).sum(),
            bytes: batch.iter().map(|task| task.estimate.memory_bytes).sum(),
        },
    }
}

/// Returns the tasks of one video in batches that one job produces: outputs with the same plan, which are
/// produced once, and encodes that can share a decoder, as far as memory allows.
pub(super) fn batches<'t, 'a>(
    video: &[&'t PlannedOutput<'a>],
    memory_bytes: u64,
) -> Vec<Vec<&'t PlannedOutput<'a>>> {
    let mut batches: Vec<Vec<&PlannedOutput<'_>>> = Vec::new();
    for &task in video {
        match batches.iter_mut().find(|batch| fits(task, batch, memory_bytes)) {
            Some(batch) => batch.push(task),
            None => batches.push(vec![task]),
        }
    }
    batches
}

/// Returns whether one job can produce the task and the batch.
fn fits(task: &PlannedOutput<'_>, batch: &[&PlannedOutput<'_>], memory_bytes: u64) -> bool {
    let spec = |task: &&PlannedOutput<'_>| task.target.as_ref().and(task.plan.spec.clone());
    let (Some(wanted), Some(first)) = (spec(&task), batch.first().and_then(spec)) else { return false };
    if batch.iter().filter_map(spec).any(|other| other == wanted) {
        return true;
    }
    let memory = batch.iter().map(|task| task.estimate.memory_bytes).sum::<u64>();
    batch.len() < MAX_OUTPUTS
        && wanted.can_share_decode(&first)
        && memory + task.estimate.memory_bytes <= memory_bytes
}
