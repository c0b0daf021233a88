//! Tells which warnings a plan leaves, and why: warnings alone never cost a generation of quality.

use crate::profile::{RuleId, Severity};
use crate::rules::{Finding, Remedy};

use super::escalation;
use super::input::{PlanInput, is_about_the_name};

/// What a plan does with the streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// The streams are written into a new container.
    pub(super) remuxes: bool,
    /// The video is re-encoded.
    pub(super) encodes_video: bool,
    /// The audio is re-encoded.
    pub(super) encodes_audio: bool,
}

/// Returns each warning that the plan leaves, with the reason.
pub(super) fn remaining(input: &PlanInput<'_>, changes: Changes) -> Vec<String> {
    let told = |finding: &&Finding| finding.severity >= Severity::Warning || finding.rule == RuleId::EditList;
    let findings = input.findings(Severity::Advice).filter(told);
    findings
        .filter_map(|finding| Some(format!("{}: {}", finding.message, reason(input, finding, changes)?)))
        .collect()
}

/// Returns whether the edit list that a finding is about changes the speed of its track.
fn changes_speed(input: &PlanInput<'_>, finding: &Finding) -> bool {
    let video = input.facts.video.iter().map(|stream| (stream.index, &stream.edit_list));
    let audio = input.facts.audio.iter().map(|stream| (stream.index, &stream.edit_list));
    let mut lists = video.chain(audio).filter(|(index, _)| finding.stream == Some(*index));
    lists.any(|(_, list)| list.as_ref().is_some_and(|list| list.changes_speed))
}

/// Returns why the plan leaves the finding; `None` if it clears it, or nothing can.
fn reason(input: &PlanInput<'_>, finding: &Finding, changes: Changes) -> Option<String> {
    let cost = "which costs quality, and the platform accepts it";
    match finding.remedy {
        _ if is_about_the_name(finding) => None,
        _ if finding.rule == RuleId::EditList && changes_speed(input, finding) => Some(
            "unchanged, because greenlit cannot apply a change of speed, and many players ignore it: export the video \
             again with the speed it should have"
                .to_owned(),
        ),
        _ if finding.rule == RuleId::Duration => Some(
            "unchanged, because the platform accepts it; another length would change the content".to_owned(),
        ),
        Remedy::Remux if escalation::keeps_offset(input, finding) => (!changes.encodes_video).then(|| {
            format!("unchanged, because a copy keeps the offset of the streams; re-encoding fills it, {cost}")
        }),
        Remedy::ReencodeVideo if !changes.encodes_video => {
            Some(format!("unchanged, because only re-encoding the video would clear it, {cost}"))
        }
        Remedy::ReencodeAudio if !changes.encodes_audio && !input.facts.audio.is_empty() => {
            Some(format!("unchanged, because only re-encoding the audio would clear it, {cost}"))
        }
        Remedy::Remux | Remedy::BitstreamFilter if !changes.remuxes => {
            let obstacle = escalation::obstacle_to_copying(input)?;
            Some(format!("unchanged, because {obstacle}; clearing it would mean re-encoding, {cost}"))
        }
        _ => None,
    }
}
