//! Converts outcomes to entries of the report and to the status of the run.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::ending::{Ending, Fault};
use crate::job::{VerifyLevel, WorkerInfo};
use crate::pipeline::{FixOutcome, Outcome, Proof};
use crate::plan::{
    Action, AudioPlan, DroppedStream, FixOptions, FixPlan, Machine, Refusal, VideoEncoder, plan,
};
use crate::profile::Profile;
use crate::report::{
    AudioOutcome, Dropped, FileEntry, Fix, FixAction, FixForecast, Loudness, Media, Tool, Verified,
};
use crate::rules::{Assessment, Verdict};

use super::exit_code::RunStatus;

/// Returns the report's tool information, with the media library if the run used it.
pub fn tool(info: Option<&WorkerInfo>) -> Tool {
    Tool {
        name: "greenlit",
        version: env!("CARGO_PKG_VERSION"),
        ffmpeg: info.map(|info| info.library.clone()),
        isolation: info.map(|info| info.in_force.clone()),
        isolation_refused: info.map(|info| info.refused.clone()),
        landlock_abi: info.and_then(|info| info.landlock_abi),
    }
}

/// Converts an outcome to an entry of the report.
pub fn entry(outcome: Outcome) -> FileEntry {
    let Outcome {
        source,
        profile,
        ending,
        verdict,
        facts,
        assessment,
        failure,
        not_decoded,
        loudness,
        fix: fixed,
        state: _,
    } = outcome;
    let (path, path_raw) = display_path(&source.path);
    let undecided = assessment.as_ref().map(|assessment| assessment.unknown().to_vec()).unwrap_or_default();
    FileEntry {
        path,
        path_raw,
        profile,
        ending,
        verdict,
        // For files that are refused: their advice names the options that give consent.
        forecast: fixed.as_ref().map(|fixed| forecast_of(&fixed.plan)),
        reason: failure.map(|failure| failure.message),
        media: facts.map(Media::from),
        findings: assessment.map(Assessment::into_findings).unwrap_or_default(),
        undecided,
        not_decoded,
        loudness: loudness.map(Loudness::from),
        fix: fixed.as_ref().map(fix),
        delivery: None,
        isolation_refused: Vec::new(),
        outdated: None,
        only_counted: false,
    }
}

/// Returns what `greenlit fix` would do with a file that does not comply, by planning it; `None` for other files.
pub fn forecast(
    outcome: &Outcome,
    profile: &Profile,
    options: &FixOptions,
    machine: Machine,
) -> Option<FixForecast> {
    let (facts, assessment) = (outcome.facts.as_ref()?, outcome.assessment.as_ref()?);
    if outcome.verdict != Verdict::Noncompliant {
        return None;
    }
    Some(forecast_of(&plan(facts, assessment, profile, options, &machine)))
}

fn forecast_of(plan: &FixPlan) -> FixForecast {
    let reason = plan.reason.clone().unwrap_or_default();
    match (plan.action, plan.needs.as_slice()) {
        (Action::Refused, []) => FixForecast::Refused { reason },
        (Action::Refused, needs) => {
            let mut options: Vec<Refusal> = needs.to_vec();
            options.sort();
            FixForecast::NeedsConsent {
                options: options.into_iter().filter_map(Refusal::option).collect(),
                reason,
            }
        }
        _ => {
            let left_out = plan.dropped.iter().filter(|stream| !stream.repeats_kept).map(left_out);
            FixForecast::Fixable { left_out: left_out.collect() }
        }
    }
}

fn left_out(stream: &DroppedStream) -> String {
    let kind = Dropped::from(stream).kind;
    let index = stream.stream;
    match &stream.codec {
        Some(codec) => format!("{kind} stream {index} ({codec})"),
        None => format!("{kind} stream {index}"),
    }
}

/// Returns the path for display and, if it is not UTF-8, its percent-encoded bytes.
pub fn display_path(path: &Path) -> (String, Option<String>) {
    match path.to_str() {
        Some(text) => (text.to_owned(), None),
        None => {
            let bytes = path.as_os_str().as_bytes();
            let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'%';
            let raw = bytes.iter().fold(String::new(), |mut text, byte| {
                if plain(byte) {
                    text.push(char::from(*byte))
                } else {
                    text.push_str(&format!("%{byte:02X}"))
                }
                text
            });
            (path.to_string_lossy().into_owned(), Some(raw))
        }
    }
}

fn fix(outcome: &FixOutcome) -> Fix {
    let FixOutcome { plan, result: _ } = outcome;
    let (output, failure) = (outcome.output(), outcome.failure());
    let action = match (failure, plan.action) {
        (Some(failure), _) if failure.kind.is_fault_of_file() => FixAction::Refused,
        (Some(_), _) => FixAction::Failed,
        (None, Action::None) => FixAction::None,
        (None, Action::Copy) => FixAction::Copy,
        (None, Action::Remux) => FixAction::Remux,
        (None, Action::ReencodeAudio) => FixAction::ReencodeAudio,
        (None, Action::ReencodeVideo) => FixAction::ReencodeVideo,
        (None, Action::Reencode) => FixAction::Reencode,
        (None, Action::Refused) => FixAction::Refused,
    };
    let proof = output.map(|output| &output.proof);
    let verify = proof.and_then(|proof| proof.verify.as_ref());
    let (added, steps) = plan.with_held_last(verify.map_or(0.0, |verify| verify.held_last_s));
    Fix {
        action,
        output: output.map(|output| display_path(&output.path).0),
        steps,
        dropped: plan.dropped.iter().map(Into::into).collect(),
        added: added.iter().map(Into::into).collect(),
        audio: audio_outcome(plan),
        reason: failure.map(|failure| failure.message.clone()).or_else(|| plan.reason.clone()),
        refusal: match failure {
            Some(failure) => Some(failure.kind.name()),
            None => plan.refusal.map(Refusal::name),
        },
        encoder: proof.and_then(|proof| proof.encoder).map(VideoEncoder::name),
        verified: proof.map(verified),
        reused: output.is_some_and(|output| output.reused),
        same_as: output.and_then(|output| output.same_as.as_deref()).map(|path| display_path(path).0),
    }
}

fn verified(proof: &Proof) -> Verified {
    let verify = proof.verify.as_ref();
    let decoded = verify.filter(|verify| {
        let proven_by_packets = verify.decode.video_frames == 0 && !verify.equal_streams.is_empty();
        verify.level == VerifyLevel::Full && !proven_by_packets
    });
    Verified {
        verdict: proof.verdict,
        identical_streams: verify.map_or(0, |verify| verify.equal_streams.len()),
        decoded_frames: decoded.map(|verify| verify.decode.video_frames),
        decode_errors: decoded.map(|verify| verify.decode.error_count),
        duration_delta_s: verify.and_then(|verify| verify.duration_delta_s),
        similarity: verify.and_then(|verify| verify.similarity.clone()),
        remaining: proof.remaining.clone(),
        concealed: verify.map(|verify| &verify.source).filter(|damage| !damage.is_none()).cloned(),
    }
}

fn audio_outcome(plan: &FixPlan) -> AudioOutcome {
    if plan.spec.as_ref().is_some_and(|spec| spec.container.is_image()) {
        return AudioOutcome::StillImage;
    }
    match plan.spec.as_ref().map(|spec| &spec.audio) {
        Some(Some(AudioPlan::Copy { .. })) => AudioOutcome::Copied,
        Some(Some(AudioPlan::Encode(_))) => AudioOutcome::Encoded,
        Some(Some(AudioPlan::Silence { .. })) => AudioOutcome::Added,
        Some(None) | None => AudioOutcome::None,
    }
}

/// Returns the status of a run over one file that ended like this.
pub fn status_of(ending: Ending) -> RunStatus {
    match ending.fault() {
        Fault::None => RunStatus::Done,
        Fault::File => RunStatus::Refused,
        Fault::Operation => RunStatus::Failed,
        Fault::Interrupted => RunStatus::Interrupted,
    }
}

/// Combines the status of the files with: no media found, unreadable paths, interrupted.
pub fn overall_status(
    mut status: RunStatus,
    any_media: bool,
    any_problem: bool,
    interrupted: bool,
) -> RunStatus {
    if !any_media {
        status = status.and(RunStatus::NoMedia);
    }
    if any_problem {
        status = status.and(RunStatus::Failed);
    }
    if interrupted { RunStatus::Interrupted } else { status }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn a_path_that_is_not_utf8_keeps_its_bytes() {
        let (displayed, raw) = display_path(Path::new(OsStr::from_bytes(b"a\xff b%.mp4")));
        assert_eq!(displayed, "a\u{fffd} b%.mp4");
        assert_eq!(raw.as_deref(), Some("a%FF%20b%25.mp4"));
        assert_eq!(display_path(Path::new("ä.mp4")), ("ä.mp4".to_owned(), None));
    }
}
