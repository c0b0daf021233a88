//! The outputs to produce: one for each file and profile, grouped into batches that one job produces.

use std::path::{Path, PathBuf};

use crate::job::{MAX_OUTPUTS, VerifyLevel};
use crate::plan::{Action, FixPlan, Refusal, ResourceEstimate, VideoPlan, plan};
use crate::profile::Profile;

use super::checked_file::CheckedFile;
use super::discover::SourceFile;
use super::events::{Event, Observer};
use super::fix_settings::{FixSettings, OutputLayout};
use super::name_folding::is_decomposable;
use super::output_names::{find_collisions, output_name};
use super::resource_budget::Resources;
use super::work_order::{BatchEstimate, work_order};

/// One output to produce: a file under one profile.
pub(super) struct Task<'a> {
    pub(super) checked: &'a CheckedFile,
    pub(super) profile_index: usize,
    pub(super) plan: FixPlan,
    pub(super) estimate: ResourceEstimate,
    /// The final path; `None` if nothing is written.
    pub(super) target: Option<PathBuf>,
}

pub(super) fn plan_all<'a>(
    checked: &'a [CheckedFile],
    profiles: &[Profile],
    settings: &FixSettings,
) -> Vec<Task<'a>> {
    let mut tasks = Vec::new();
    for file in checked {
        let Ok(facts) = &file.result else { continue };
        for (profile_index, profile) in profiles.iter().enumerate() {
            let Some(assessment) = file.assessments.get(profile_index) else { continue };
            let plan = plan(facts, assessment, profile, &settings.options, &settings.machine);
            let target = target_of(file, profile, profiles.len(), &plan, settings);
            let verified = settings.verify == VerifyLevel::Full;
            let estimate = plan
                .spec
                .as_ref()
                .map_or(ResourceEstimate::NONE, |spec| ResourceEstimate::of(spec, facts, verified));
            let estimate = match plan.action {
                Action::Copy | Action::Remux if verified && settings.out.is_some() => {
                    estimate.with_decode(facts, settings.machine.cores)
                }
                _ => estimate,
            };
            tasks.push(Task { checked: file, profile_index, plan, estimate, target });
        }
    }
    tasks
}

/// Returns the final path of an output; `None` if nothing is written.
pub(super) fn target_of(
    file: &CheckedFile,
    profile: &Profile,
    profiles: usize,
    plan: &FixPlan,
    settings: &FixSettings,
) -> Option<PathBuf> {
    let out = settings.out.as_ref()?;
    if plan.action == Action::Refused {
        return None;
    }
    let name = output_name(&file.source.relative, plan.output_extension.as_deref(), plan.max_name_chars);
    match settings.layout {
        OutputLayout::Mirror if profiles > 1 => Some(out.join(profile.id()).join(name)),
        OutputLayout::Mirror => Some(out.join(name)),
        OutputLayout::BySource if plan.spec.is_none() => None,
        OutputLayout::BySource => {
            let path = file.source.path.as_os_str().as_encoded_bytes();
            let folder =
                format!("{}-r{}", &blake3::hash(path).to_hex()[..16], settings.options.encode_mode.number());
            Some(out.join(folder).join(name.file_name().unwrap_or(name.as_os_str())))
        }
    }
}

pub(super) fn refuse_collisions(tasks: &mut [Task<'_>], sources: &[SourceFile], profiles: usize) {
    let claims = tasks.iter().enumerate().filter_map(|(index, task)| Some((index, task.target.as_deref()?)));
    for collision in find_collisions(claims) {
        let names: Vec<String> =
            collision.sources.iter().map(|&index| distinct_name(&tasks[index].checked.source.path)).collect();
        let reason = format!(
            "the outputs of {} would have the same path {}: \
             rename the sources, or fix them into different folders",
            names.join(" and "),
            collision.target.display()
        );
        for index in collision.sources {
            tasks[index].plan.refuse(Refusal::SameName, reason.clone());
            tasks[index].target = None;
        }
    }
    debug_assert!(tasks.len() <= sources.len() * profiles);
}

/// Returns the path for a message about two sources that may look the same: letters beyond ASCII are shown by their
/// codes where they could be composed in different ways.
fn distinct_name(path: &Path) -> String {
    let text = path.display().to_string();
    if is_decomposable(&text) { text.escape_default().to_string() } else { text }
}

pub(super) fn announce<'a>(tasks: impl Iterator<Item = &'a Task<'a>>, observer: &dyn Observer) {
    let writing = tasks.filter(|task| task.target.is_some());
    let (outputs, media_s, core_s) = writing.fold((0, 0.0, 0.0), |(count, media_s, core_s), task| {
        (count + 1, media_s + task.estimate.media_s, core_s + task.estimate.core_s)
    });
    observer.notice(Event::Planned { outputs, media_s, core_s });
}

/// Returns the tasks of all videos in batches that one job produces, in the order in which `width` threads start them.
pub(super) fn in_work_order<'t, 'a>(
    videos: &[Vec<&'t Task<'a>>],
    width: usize,
    total: Resources,
) -> Vec<Vec<&'t Task<'a>>> {
    let all: Vec<_> = videos.iter().flat_map(|video| batches(video, total.bytes)).collect();
    let estimates: Vec<_> = all.iter().map(|batch| estimate_of(batch)).collect();
    work_order(&estimates, width, total).into_iter().map(|index| all[index].clone()).collect()
}

fn estimate_of(batch: &[&Task<'_>]) -> BatchEstimate {
    let encodes = |task: &&Task<'_>| {
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
fn batches<'t, 'a>(video: &[&'t Task<'a>], memory_bytes: u64) -> Vec<Vec<&'t Task<'a>>> {
    let mut batches: Vec<Vec<&Task<'_>>> = Vec::new();
    for &task in video {
        match batches.iter_mut().find(|batch| fits(task, batch, memory_bytes)) {
            Some(batch) => batch.push(task),
            None => batches.push(vec![task]),
        }
    }
    batches
}

/// Returns whether one job can produce the task and the batch.
fn fits(task: &Task<'_>, batch: &[&Task<'_>], memory_bytes: u64) -> bool {
    let spec = |task: &&Task<'_>| task.target.as_ref().and(task.plan.spec.clone());
    let (Some(wanted), Some(first)) = (spec(&task), batch.first().and_then(spec)) else { return false };
    if batch.iter().filter_map(spec).any(|other| other == wanted) {
        return true;
    }
    let memory = batch.iter().map(|task| task.estimate.memory_bytes).sum::<u64>();
    batch.len() < MAX_OUTPUTS
        && wanted.can_share_decode(&first)
        && memory + task.estimate.memory_bytes <= memory_bytes
}
