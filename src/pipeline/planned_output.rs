//! The outputs to produce: one for each file and profile, with its plan, its cost and its path.

use std::path::{Path, PathBuf};

use crate::job::VerifyLevel;
use crate::plan::{Action, FixPlan, Refusal, ResourceEstimate, plan};
use crate::profile::Profile;

use super::checked_file::CheckedFile;
use super::fix_record_lines::name_below;
use super::fix_settings::{FixSettings, OutputLayout};
use super::name_folding::is_decomposable;
use super::output_names::{find_collisions, output_name};

/// One output to produce: a file under one profile.
pub(super) struct PlannedOutput<'a> {
    pub(super) checked: &'a CheckedFile,
    pub(super) profile_index: usize,
    /// The position of its outcome in the run.
    pub(super) position: usize,
    pub(super) plan: FixPlan,
    pub(super) estimate: ResourceEstimate,
    /// The final path; `None` if nothing is written.
    pub(super) target: Option<PathBuf>,
}

impl<'a> PlannedOutput<'a> {
    /// Adds cost and path to a plan.
    pub(super) fn new(
        profiles: &[Profile],
        checked: &'a CheckedFile,
        profile_index: usize,
        plan: FixPlan,
        settings: &FixSettings,
    ) -> PlannedOutput<'a> {
        let target = target_of(profiles, checked, profile_index, &plan, settings);
        let estimate = estimate(checked, &plan, settings);
        PlannedOutput { checked, profile_index, position: profile_index, plan, estimate, target }
    }
}

/// Plans the outputs of one file under each profile; none if it has no facts.
pub(super) fn plan_outputs<'a>(
    profiles: &[Profile],
    checked: &'a CheckedFile,
    settings: &FixSettings,
) -> Vec<PlannedOutput<'a>> {
    let Ok(facts) = &checked.result else { return Vec::new() };
    let assessed = profiles.iter().zip(&checked.assessments).enumerate();
    assessed
        .map(|(index, (profile, assessment))| {
            let plan = plan(facts, assessment, profile, &settings.options, &settings.machine);
            PlannedOutput::new(profiles, checked, index, plan, settings)
        })
        .collect()
}

/// Plans the outputs of all files.
pub(super) fn plan_all<'a>(
    profiles: &[Profile],
    checked: &'a [CheckedFile],
    settings: &FixSettings,
) -> Vec<PlannedOutput<'a>> {
    let of_file = |(index, file)| {
        let first = index * profiles.len();
        let outputs = plan_outputs(profiles, file, settings).into_iter();
        outputs.map(move |output| PlannedOutput { position: first + output.profile_index, ..output })
    };
    checked.iter().enumerate().flat_map(of_file).collect()
}

fn estimate(checked: &CheckedFile, plan: &FixPlan, settings: &FixSettings) -> ResourceEstimate {
    let Ok(facts) = &checked.result else { return ResourceEstimate::NONE };
    let verified = settings.verify == VerifyLevel::Full;
    let spec = plan.spec.as_ref();
    let estimate = spec.map_or(ResourceEstimate::NONE, |spec| ResourceEstimate::of(spec, facts, verified));
    match plan.action {
        Action::Copy | Action::Remux if verified && settings.out.is_some() => {
            estimate.with_decode(facts, settings.machine.cores)
        }
        _ => estimate,
    }
}

/// Returns the final path of an output; `None` if nothing is written.
pub(super) fn target_of(
    profiles: &[Profile],
    file: &CheckedFile,
    profile_index: usize,
    plan: &FixPlan,
    settings: &FixSettings,
) -> Option<PathBuf> {
    let profile = profiles.get(profile_index)?;
    let out = settings.out.as_ref()?;
    if plan.action == Action::Refused {
        return None;
    }
    let name = output_name(&file.source.relative, plan.output_extension.as_deref(), plan.max_name_chars);
    match &settings.layout {
        OutputLayout::Mirror if profiles.len() > 1 => Some(out.join(profile.id()).join(name)),
        OutputLayout::Mirror => Some(out.join(name)),
        OutputLayout::BySource { .. } if plan.spec.is_none() => None,
        OutputLayout::BySource { base } => {
            let path = name_below(base, &file.source.path);
            let hash = blake3::hash(path.as_os_str().as_encoded_bytes());
            let folder = format!("{}-r{}", &hash.to_hex()[..16], settings.options.encode_mode.number());
            Some(out.join(folder).join(name.file_name().unwrap_or(name.as_os_str())))
        }
    }
}

/// Refuses outputs that would get the same path.
pub(super) fn refuse_collisions(outputs: &mut [PlannedOutput<'_>]) {
    let claims =
        outputs.iter().enumerate().filter_map(|(index, planned)| Some((index, planned.target.as_deref()?)));
    for collision in find_collisions(claims) {
        let names: Vec<String> = collision
            .sources
            .iter()
            .map(|&index| distinct_name(&outputs[index].checked.source.path))
            .collect();
        let reason = format!(
            "the outputs of {} would have the same path {}: \
             rename the sources, or fix them into different folders",
            names.join(" and "),
            collision.target.display()
        );
        for index in collision.sources {
            outputs[index].plan.refuse(Refusal::SameName, reason.clone());
            outputs[index].target = None;
        }
    }
}

/// Returns the path for a message about two sources that may look the same: letters beyond ASCII are shown by their
/// codes where they could be composed in different ways.
fn distinct_name(path: &Path) -> String {
    let text = path.display().to_string();
    if is_decomposable(&text) { text.escape_default().to_string() } else { text }
}
