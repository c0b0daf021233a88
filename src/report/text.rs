//! Phrases shared by the human-readable formats. The text is not escaped.

use std::collections::BTreeMap;

use super::outcome::{Outcome, is_reused};
use super::{
    AudioOutcome, FileEntry, Fix, FixAction, Media, OldLimit, Report, Tool, Verified, escape, units,
};
use crate::job::SimilarityMetric;
use crate::model::{AudioStream, Completeness, HdrKind, TimeRange, VideoStream};
use crate::rules::{Confidence, Finding};

/// At most this many time ranges are listed; the rest is only counted.
const MAX_LISTED_RANGES: usize = 4;

/// Returns the main facts of a file: `h264`, `1080x1920`, `9:16`, `30 fps`, …
pub(super) fn facts(media: &Media) -> Vec<String> {
    let Media(media) = media;
    let is_still = media.still_image().is_some();
    let mut facts = Vec::new();
    match media.main_video() {
        Some(video) => add_video_facts(video, is_still, &mut facts),
        None => facts.push("no video".to_owned()),
    }
    if is_still {
        facts.push("image".to_owned());
        facts.push(units::bytes(media.size_bytes));
        return facts;
    }
    facts.extend(media.measured_duration_s.or(media.duration_s).map(units::seconds));
    facts.extend(media.effective_bit_rate().map(units::bit_rate));
    match media.main_audio() {
        Some(audio) => facts.push(audio_text(audio)),
        None => facts.push("no audio".to_owned()),
    }
    facts.push(units::bytes(media.size_bytes));
    if media.completeness == Completeness::Unknown {
        facts.push("completeness unknown".to_owned());
    }
    facts
}

fn add_video_facts(video: &VideoStream, still: bool, facts: &mut Vec<String>) {
    facts.push(video.codec_or_tag().unwrap_or("unknown codec").to_owned());
    facts.extend(video.display_size().map(|size| size.to_string()));
    facts.extend(video.display_aspect_ratio().map(units::aspect_ratio));
    // libav makes up a frame rate for an image, which it reads as a video of one frame.
    if let Some(rate) = video.frame_rate.filter(|_| !still) {
        let kind = if video.variable_frame_rate == Some(true) { " variable" } else { "" };
        facts.push(format!("{}{kind}", units::frame_rate(rate)));
    }
    facts.extend(video.hdr.map(|hdr| {
        let name = match hdr.kind {
            HdrKind::Hlg => "HLG",
            HdrKind::Pq => "PQ",
            HdrKind::Hdr10 => "HDR10",
            HdrKind::DolbyVision => "Dolby Vision",
        };
        name.to_owned()
    }));
}

fn audio_text(audio: &AudioStream) -> String {
    let codec = audio.codec_or_tag().unwrap_or("unknown codec");
    match (&audio.channel_layout, audio.channels) {
        (Some(layout), _) => format!("{codec} {layout}"),
        (None, Some(channels)) => {
            format!("{codec} {}", units::count(u64::from(channels), "channel", "channels"))
        }
        (None, None) => codec.to_owned(),
    }
}

/// Returns the severity of a finding; `fixed` if the output no longer has it, `ignored` or `baseline` if it is accepted.
pub(super) fn severity(finding: &Finding, fixed: bool) -> &'static str {
    let name = finding.accepted.as_ref().map_or(finding.severity.name(), |acceptance| acceptance.name());
    if fixed { "fixed" } else { name }
}

/// Returns why a finding does not count, for the end of its message: ` (ignored: the reason)`. Not escaped.
pub(super) fn acceptance(finding: &Finding) -> String {
    finding.accepted.as_ref().map_or(String::new(), |acceptance| format!(" ({acceptance})"))
}

/// Returns the location of a finding, such as `stream 0, 3 s to 5.2 s`; `None` for the whole file.
pub(super) fn place(finding: &Finding) -> Option<String> {
    let mut parts: Vec<String> = finding.stream.iter().map(|stream| format!("stream {stream}")).collect();
    parts.extend(ranges(&finding.ranges));
    parts.extend(finding.first_missing_s.map(|at| format!("data missing from {}", units::at(at))));
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Formats time ranges, such as `0 s to 1.5 s, 3 s`.
pub(super) fn ranges(ranges: &[TimeRange]) -> Option<String> {
    let span = |TimeRange { from_s, to_s }: &TimeRange| match from_s == to_s {
        true => units::at(*from_s),
        false => format!("{} to {}", units::at(*from_s), units::at(*to_s)),
    };
    let mut listed: Vec<String> = ranges.iter().take(MAX_LISTED_RANGES).map(span).collect();
    if ranges.len() > MAX_LISTED_RANGES {
        listed.push(format!("{} more", ranges.len() - MAX_LISTED_RANGES));
    }
    (!listed.is_empty()).then(|| listed.join(", "))
}

/// Returns the confidence of a limit and the day it was checked: `published by the platform, checked
/// 2026-06-30`.
pub(super) fn authority(finding: &Finding) -> String {
    let confidence = match finding.confidence {
        Confidence::Official => "published by the platform",
        Confidence::ThirdParty => "published by third parties",
        Confidence::Practice => "from practice, not published",
    };
    match &finding.checked_on {
        Some(day) => format!("{confidence}, checked {day}"),
        None => confidence.to_owned(),
    }
}

/// Returns the action of a fix or, without an output, of the plan.
pub(super) fn action(fix: &Fix) -> &'static str {
    let planned = fix.output.is_none();
    match fix.action {
        FixAction::None => "nothing to do",
        FixAction::Copy if planned => "would copy unchanged",
        FixAction::Copy => "copied unchanged",
        FixAction::Remux if fix.audio == AudioOutcome::StillImage => match planned {
            true => "would remove the metadata",
            false => "metadata removed",
        },
        FixAction::Remux if planned => "would remux (streams copied)",
        FixAction::Remux => "remuxed (streams copied)",
        FixAction::ReencodeAudio if planned => match fix.audio {
            AudioOutcome::Added => "would add silent audio and copy the video stream",
            _ => "would re-encode the audio and copy the video stream",
        },
        FixAction::ReencodeAudio => match fix.audio {
            AudioOutcome::Added => "silent audio added, video stream copied",
            _ => "audio re-encoded, video stream copied",
        },
        FixAction::ReencodeVideo if planned => match fix.audio {
            AudioOutcome::None => "would re-encode the video",
            AudioOutcome::StillImage => "would convert the image",
            _ => "would re-encode the video and copy the audio stream",
        },
        FixAction::ReencodeVideo => match fix.audio {
            AudioOutcome::None => "video re-encoded",
            AudioOutcome::StillImage => "image converted",
            _ => "video re-encoded, audio stream copied",
        },
        FixAction::Reencode if planned => match fix.audio {
            AudioOutcome::Added => "would re-encode the video and add silent audio",
            _ => "would re-encode video and audio",
        },
        FixAction::Reencode => match fix.audio {
            AudioOutcome::Added => "video re-encoded, silent audio added",
            _ => "video and audio re-encoded",
        },
        FixAction::Refused => "refused",
        FixAction::Failed => "failed",
    }
}

/// Returns the results of the verification in one line; `None` if there is no output.
pub(super) fn verification(fix: &Fix) -> Option<String> {
    if fix.output.is_none() || matches!(fix.action, FixAction::None) {
        return None;
    }
    let Some(verified) = &fix.verified else {
        return Some("no".to_owned());
    };
    let Verified {
        verdict,
        identical_streams,
        decoded_frames,
        decode_errors,
        duration_delta_s,
        similarity,
        remaining: _,
        concealed,
    } = verified;
    let mut parts = vec![match verdict {
        crate::rules::Verdict::Compliant => "output compliant".to_owned(),
        _ => "output not compliant".to_owned(),
    }];
    if *identical_streams > 0 {
        let streams = units::count(*identical_streams as u64, "stream", "streams");
        parts.push(format!("{streams} bit-identical to the source"));
    }
    if let Some(frames) = decoded_frames {
        let frames = units::count(*frames, "frame", "frames");
        parts.push(match decode_errors {
            Some(0) => format!("{frames} decoded without errors"),
            Some(errors) => format!("{frames} decoded with {}", units::count(*errors, "error", "errors")),
            None => format!("{frames} decoded"),
        });
    }
    parts.extend(concealed.iter().map(|damage| format!("concealed: {} in the source", damage.describe())));
    parts.extend(duration_delta_s.map(duration_delta));
    if let Some(similarity) = similarity {
        let (name, digits) = match similarity.metric {
            SimilarityMetric::Ssim => ("SSIM", 4),
            SimilarityMetric::Ssimulacra2 => ("SSIMULACRA2", 1),
        };
        let (mean, min) = (similarity.mean, similarity.min);
        let at = similarity.worst_at_s.map_or(String::new(), |at| format!(" at {}", units::at(at)));
        parts.push(format!("{name} {mean:.digits$}, worst frame {min:.digits$}{at}"));
    }
    Some(parts.join("; "))
}

fn duration_delta(delta: f64) -> String {
    // Half a millisecond is shorter than any frame and than the time base of most containers.
    if delta.abs() < 0.0005 {
        return "duration as planned".to_owned();
    }
    let direction = if delta > 0.0 { "longer" } else { "shorter" };
    format!("{} s {direction} than planned", units::trimmed(delta.abs(), 3))
}

/// Returns a note for each profile whose limits were not compared with their source recently.
pub(super) fn old_limits(report: &Report) -> Vec<String> {
    let mut by_profile: BTreeMap<&str, Vec<&OldLimit>> = BTreeMap::new();
    for limit in &report.old_limits {
        by_profile.entry(&limit.profile).or_default().push(limit);
    }
    let note = |(profile, limits): (&str, Vec<&OldLimit>)| {
        let rules: Vec<&str> = limits.iter().map(|limit| limit.rule.as_str()).collect();
        let oldest = limits.iter().max_by_key(|limit| limit.age_days)?;
        Some(format!(
            "{} of {profile} {} not been compared with the source recently ({}; the oldest on {}, {} days \
             ago). `greenlit profiles {profile}` shows the sources; set changed limits under `[override]` in \
             greenlit.toml.",
            units::count(rules.len() as u64, "limit", "limits"),
            if rules.len() == 1 { "has" } else { "have" },
            rules.join(", "),
            oldest.checked_on,
            oldest.age_days,
        ))
    };
    by_profile.into_iter().filter_map(note).collect()
}

/// Returns the entries of each file: one for each profile.
pub(super) fn by_file(report: &Report) -> impl Iterator<Item = &[FileEntry]> {
    // The entries are sorted by path. With one profile, each entry is a file.
    let is_same = |one: &FileEntry, other: &FileEntry| {
        report.profiles.len() > 1
            && one.profile != other.profile
            && (&one.path, &one.path_raw) == (&other.path, &other.path_raw)
    };
    report.files.chunk_by(is_same)
}

/// Returns the worst outcome of a file under all profiles.
fn worst_outcome(entries: &[FileEntry]) -> Option<Outcome> {
    entries.iter().map(Outcome::of).max()
}

/// Returns the number of files; a file that was checked under several profiles counts once.
pub(super) fn file_count(report: &Report) -> u64 {
    by_file(report).count() as u64
}

/// Returns the number of files that need attention under at least one profile.
pub(super) fn attention_count(report: &Report) -> u64 {
    let needs_attention =
        |entries: &&[FileEntry]| entries.iter().any(|entry| Outcome::of(entry).needs_attention());
    by_file(report).filter(needs_attention).count() as u64
}

/// Counts the files by their worst outcome; outcomes that do not occur are left out.
pub(super) fn tally(report: &Report) -> Vec<(Outcome, u64)> {
    tally_of(by_file(report).filter_map(worst_outcome).collect())
}

/// Returns what made an output, unless this run made it for the file alone: ` by an earlier run`.
pub(super) fn origin(fix: &Fix) -> String {
    match &fix.same_as {
        _ if fix.output.is_none() => String::new(),
        _ if fix.reused => " by an earlier run".to_owned(),
        Some(source) => format!(", the same as for {} (its bytes are the same)", escape(source)),
        None => String::new(),
    }
}

/// Counts the entries by their outcome; outcomes that do not occur are left out.
pub(super) fn entry_tally(report: &Report) -> Vec<(Outcome, u64)> {
    tally_of(report.files.iter().map(Outcome::of).collect())
}

fn tally_of(outcomes: Vec<Outcome>) -> Vec<(Outcome, u64)> {
    let count = |outcome: Outcome| outcomes.iter().filter(|other| **other == outcome).count() as u64;
    Outcome::ALL.into_iter().map(|outcome| (outcome, count(outcome))).filter(|(_, n)| *n > 0).collect()
}

/// Returns a count of an outcome, such as `16 fixed (12 by an earlier run)`.
pub(super) fn counted(report: &Report, outcome: Outcome, number: u64) -> String {
    let is_kept = |entries: &&[FileEntry]| {
        let mut fixed = entries.iter().filter(|entry| Outcome::of(entry) == Outcome::Fixed);
        worst_outcome(entries) == Some(Outcome::Fixed) && fixed.all(is_reused)
    };
    let kept = if outcome == Outcome::Fixed { by_file(report).filter(is_kept).count() as u64 } else { 0 };
    let earlier = match kept {
        0 => String::new(),
        kept if kept == number => " by an earlier run".to_owned(),
        kept => format!(" ({kept} by an earlier run)"),
    };
    format!("{number} {}{earlier}", outcome.counted_label(number))
}

/// Returns what isolates the media workers; `None` if none ran.
pub(super) fn isolation(tool: &Tool) -> Option<String> {
    let in_force = tool.isolation.as_ref().filter(|isolation| !isolation.is_empty())?;
    let landlock = tool.landlock_abi.map(|abi| format!(" (Landlock ABI {abi})")).unwrap_or_default();
    Some(format!("media workers isolated by {}{landlock}", in_force.join(", ")))
}

/// Returns what of their isolation is missing; `None` if nothing is.
pub(super) fn isolation_refused(tool: &Tool) -> Option<String> {
    let refused = tool.isolation_refused.as_ref().filter(|refused| !refused.is_empty())?;
    Some(format!("not in force: {}", refused.join("; ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::samples;
    use super::*;
    use crate::rules::RuleId;

    #[test]
    fn counts_a_file_once_under_its_worst_outcome() {
        let mut report = samples::everything();
        let of = |outcome| report.files.iter().find(|entry| Outcome::of(entry) == outcome).cloned().unwrap();
        let (mut fixed, mut refused) = (of(Outcome::Fixed), of(Outcome::Refused));
        fixed.fix.as_mut().unwrap().reused = true;
        refused.path = "z.mp4".to_owned();
        let under = |entry: &FileEntry, profile: &str| FileEntry { profile: profile.into(), ..entry.clone() };
        let partly = FileEntry { path: "z.mp4".to_owned(), ..under(&fixed, "two") };
        report.profiles = vec!["one".to_owned(), "two".to_owned()];
        report.files = vec![under(&fixed, "one"), under(&fixed, "two"), under(&refused, "one"), partly];
        assert_eq!((file_count(&report), attention_count(&report)), (2, 1));
        assert_eq!(tally(&report), [(Outcome::Fixed, 1), (Outcome::Refused, 1)]);
        assert_eq!(entry_tally(&report), [(Outcome::Fixed, 3), (Outcome::Refused, 1)]);
        assert_eq!(counted(&report, Outcome::Fixed, 1), "1 fixed by an earlier run");
    }

    #[test]
    fn lists_the_main_facts() {
        let media = samples::portrait();
        assert_eq!(
            facts(&media).join(" "),
            "h264 1080x1920 9:16 29.97 fps 12.0 s 8.2 Mb/s aac stereo 12.3 MB"
        );
        let cover = Media::from(crate::model::example::image());
        assert_eq!(facts(&cover).join(" "), "png 720x1280 9:16 image 800 kB");
        let unknown = Media::from(crate::model::MediaFacts::default());
        assert_eq!(facts(&unknown).join(" "), "no video no audio 0 B completeness unknown");
    }

    #[test]
    fn truncates_a_long_list_of_ranges() {
        let spans: Vec<_> =
            (0..7).map(|n| TimeRange { from_s: f64::from(n), to_s: f64::from(n) + 0.5 }).collect();
        let text = ranges(&spans).unwrap();
        assert!(text.starts_with("0 s to 0.5 s, 1 s to 1.5 s"), "{text}");
        assert!(text.ends_with(", 3 more"), "{text}");
        assert_eq!(ranges(&[]), None);
    }

    #[test]
    fn notes_old_limits_once_per_profile() {
        let old = |profile: &str, rule, checked_on: &str, age_days| OldLimit {
            profile: profile.into(),
            rule,
            checked_on: checked_on.into(),
            age_days,
        };
        let report = samples::report(Vec::new()).with_old_limits(vec![
            old("b", RuleId::Duration, "2025-03-01", 400),
            old("a", RuleId::Duration, "2025-07-31", 380),
            old("a", RuleId::FileSize, "2025-07-01", 410),
        ]);
        let notes = old_limits(&report);
        assert_eq!(notes.len(), 2);
        let expected = "2 limits of a have not been compared with the source recently (duration, file-size; \
            the oldest on 2025-07-01, 410 days ago).";
        assert!(notes[0].starts_with(expected), "{}", notes[0]);
        assert!(notes[1].starts_with("1 limit of b has "), "{}", notes[1]);
        assert_eq!(old_limits(&samples::report(Vec::new())), Vec::<String>::new());
    }

    #[test]
    fn verification_lists_every_check() {
        let fix = samples::reencoded();
        assert_eq!(
            verification(&fix).unwrap(),
            "output compliant; 1 stream bit-identical to the source; 360 frames decoded without errors; \
             concealed: 1 of 360 packets does not decode (at 1.20 s) in the source; 0.012 s longer than planned; SSIM 0.9961, worst frame 0.9873 at 3.2 s"
        );
        assert_eq!(verification(&Fix { verified: None, ..fix.clone() }).unwrap(), "no");
        assert_eq!(verification(&Fix { output: None, ..fix }), None);
    }
}
