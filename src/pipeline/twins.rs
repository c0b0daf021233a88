//! Sources with the same bytes, whose outputs one job produces.

use std::collections::HashMap;
use std::path::PathBuf;

use super::plan_text::plan_text;
use super::planned_output::PlannedOutput;
use super::ready_output::ReadyOutput;
use super::store::Store;
use crate::cache::Contents;
use crate::job::VerifyLevel;

/// Returns the outputs grouped by the content of their sources, the groups in the order of their first source. A group
/// has several sources only if all have the same size, the same plans and the same bytes, and if there is something to
/// encode or remux: only such sources are hashed.
pub(super) fn by_content<'t, 'a>(
    outputs: &'t [PlannedOutput<'a>],
    store: &dyn Store,
    contents: &Contents,
) -> Vec<Vec<&'t PlannedOutput<'a>>> {
    let videos: Vec<&[PlannedOutput<'_>]> =
        outputs.chunk_by(|one, other| std::ptr::eq(one.checked, other.checked)).collect();
    let mut alike: HashMap<(u64, String), Vec<usize>> = HashMap::new();
    for (index, video) in videos.iter().enumerate() {
        if let Some(key) = size_and_plans(video) {
            alike.entry(key).or_default().push(index);
        }
    }
    let mut firsts: HashMap<String, usize> = HashMap::new();
    let mut first_of: Vec<usize> = (0..videos.len()).collect();
    let mut candidates: Vec<usize> = alike.into_values().filter(|same| same.len() > 1).flatten().collect();
    candidates.sort_unstable();
    for index in candidates {
        let Some(planned) = videos[index].first() else { continue };
        // A source that cannot be read fails where it is fixed.
        let input = store.open(&planned.checked.source.path).ok();
        let Some(content) = input.and_then(|input| contents.blake3(&input).ok()) else { continue };
        first_of[index] = *firsts.entry(content).or_insert(index);
    }
    let mut groups: Vec<Vec<&PlannedOutput<'_>>> = vec![Vec::new(); videos.len()];
    for (video, first) in videos.into_iter().zip(first_of) {
        groups[first].extend(video);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// Returns the source whose output a shared job copied for this one, because both have the same bytes.
pub(super) fn same_source(batch: &[ReadyOutput<'_>], one: &ReadyOutput<'_>) -> Option<PathBuf> {
    let first = batch.iter().find(|other| other.plan.spec == one.plan.spec)?;
    let other = !std::ptr::eq(first.planned.checked, one.planned.checked);
    other.then(|| first.planned.checked.source.path.clone())
}

/// Returns the size of a source and its plans as a text; `None` if nothing is encoded or remuxed.
fn size_and_plans(video: &[PlannedOutput<'_>]) -> Option<(u64, String)> {
    let size = video.first()?.checked.result.as_ref().ok()?.size_bytes;
    let made = |planned: &&PlannedOutput<'_>| planned.target.is_some() && planned.plan.spec.is_some();
    let plans: Vec<String> = video
        .iter()
        .filter(made)
        .map(|planned| format!("{} {}", planned.profile_index, plan_text(&planned.plan, VerifyLevel::Full)))
        .collect();
    (!plans.is_empty()).then(|| (size, plans.join("\n")))
}
