//! Gives longer names to outputs that would share one with another source.
//!
//! The source that has the output's extension already keeps the name, else the one whose output an earlier run wrote
//! under it; the others keep their own extension inside: `clip.webm.mp4`.

use std::path::{Path, PathBuf};

use super::fix_record::FixRecord;
use super::output_names::{find_collisions, longer_output_name};
use super::planned_output::PlannedOutput;

/// Resolves shared names where one of the sources has to give way. What still collides is left as it is.
pub(super) fn give_longer_names(outputs: &mut [PlannedOutput<'_>], fix_record: Option<&FixRecord>) {
    let earlier = |target: &Path| fix_record?.source_of(target);
    let was_made_before = |planned: &PlannedOutput<'_>| {
        planned.target.as_deref().and_then(earlier).is_some_and(|source| is_source(planned, &source))
    };
    let claims =
        outputs.iter().enumerate().filter_map(|(index, planned)| Some((index, planned.target.as_deref()?)));
    let collisions = find_collisions(claims);
    let shared: Vec<usize> = collisions.iter().flat_map(|collision| collision.sources.clone()).collect();
    for collision in &collisions {
        let keeps = |index: usize| has_its_extension(&outputs[index]);
        let keeper = match collision.sources.iter().find(|index| keeps(**index)) {
            Some(keeper) => Some(*keeper),
            None => collision.sources.iter().copied().find(|&index| was_made_before(&outputs[index])),
        };
        let keeper_path = keeper.map(|index| outputs[index].checked.source.path.clone());
        let others: Vec<usize> = collision
            .sources
            .iter()
            .copied()
            .filter(|&index| Some(index) != keeper && !keeps(index))
            .collect();
        for index in others {
            let made_before = was_made_before(&outputs[index]);
            rename(&mut outputs[index], keeper_path.as_deref(), made_before);
        }
    }
    for index in (0..outputs.len()).filter(|index| !shared.contains(index)) {
        let planned = &mut outputs[index];
        let Some(owner) = planned.target.as_deref().and_then(earlier) else { continue };
        let is_copy = || fix_record.is_some_and(|record| is_copy(planned, &owner, record));
        // An output of a source that is gone may be replaced: the source was renamed or exported anew.
        if is_source(planned, &owner) || !owner.exists() || is_copy() {
            continue;
        }
        if has_its_extension(planned) {
            let text = format!(
                "replaces the output of {}, which gets a longer name when it is fixed again",
                owner.display()
            );
            planned.plan.note(text);
        } else {
            rename(planned, Some(&owner), false);
        }
    }
}

/// Returns whether the output has the extension of its source.
fn has_its_extension(planned: &PlannedOutput<'_>) -> bool {
    let own = planned.checked.source.relative.extension();
    let extension = planned.plan.output_extension.as_deref();
    match (own, extension) {
        (Some(own), Some(extension)) => own.eq_ignore_ascii_case(extension),
        (_, None) => true,
        (None, Some(_)) => false,
    }
}

/// Returns whether the source of the output is at the absolute path.
fn is_source(planned: &PlannedOutput<'_>, path: &Path) -> bool {
    let same_file = || Some(path.canonicalize().ok()? == planned.checked.source.path.canonicalize().ok()?);
    std::path::absolute(&planned.checked.source.path).is_ok_and(|own| own == path)
        || same_file() == Some(true)
}

/// Returns whether the source of the output has the bytes of the file at `path`, so that their outputs are the same.
fn is_copy(planned: &PlannedOutput<'_>, path: &Path, record: &FixRecord) -> bool {
    let content = |path: &Path| record.contents().blake3_of(path).ok();
    content(&planned.checked.source.path).is_some_and(|own| content(path) == Some(own))
}

/// Gives an output its longer name, and says why.
fn rename(planned: &mut PlannedOutput<'_>, keeper: Option<&Path>, made_before: bool) {
    let (Some(target), Some(extension)) = (&planned.target, &planned.plan.output_extension) else { return };
    let source = &planned.checked.source.relative;
    let name = longer_output_name(source, extension, planned.plan.max_name_chars);
    let Some(name) = name.file_name().map(PathBuf::from) else { return };
    let longer = target.with_file_name(&name);
    if longer == *target {
        return;
    }
    let short = target.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let owner = keeper.map_or_else(
        || "several sources would get that name".to_owned(),
        |keeper| format!("that name belongs to the output of {}", keeper.display()),
    );
    let anew = if made_before { "made anew under the longer name" } else { "named" };
    planned.plan.note(format!("{anew} {}, not {short}: {owner}", name.display()));
    planned.target = Some(longer);
}
