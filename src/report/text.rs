//! The phrases that the renderers for people share. Nothing here is escaped yet.

use std::collections::BTreeMap;

use super::document::{Audio, Media, OldLimit, Video};
use super::outcome::Outcome;
use super::{Fix, FixAction, Report, Verified, units};
use crate::model::{Completeness, HdrKind, TimeRange};
use crate::rules::{Confidence, Finding, Severity};

/// How many spans are listed before the rest is only counted.
const LISTED_RANGES: usize = 4;

/// The facts that tell videos apart at a glance: `h264`, `1080x1920`, `9:16`, `30 fps`, …
pub(super) fn facts(media: &Media) -> Vec<String> {
    let mut words = Vec::new();
    match media.video.first() {
        Some(video) => video_text(video, media.still, &mut words),
        None => words.push("no picture".to_owned()),
    }
    if media.still {
        words.push("still picture".to_owned());
        words.push(units::bytes(media.size_bytes));
        return words;
    }
    words.extend(media.measured_duration_s.or(media.duration_s).map(units::seconds));
    // A rate over a length that is unknown is none.
    let measured = media.measured_duration_s.map(|seconds| (media.size_bytes as f64 * 8.0 / seconds) as u64);
    words.extend(measured.or(media.bit_rate).map(units::bit_rate));
    match media.audio.iter().find(|audio| audio.decodable).or(media.audio.first()) {
        Some(audio) => words.push(audio_text(audio)),
        None => words.push("no audio".to_owned()),
    }
    words.push(units::bytes(media.size_bytes));
    if media.completeness == Completeness::Unknown {
        words.push("of unknown completeness".to_owned());
    }
    words
}

fn video_text(video: &Video, still: bool, words: &mut Vec<String>) {
    words.push(video.codec.clone().or(video.codec_tag.clone()).unwrap_or("unknown codec".to_owned()));
    if let (Some(width), Some(height)) = (video.display_width, video.display_height) {
        words.push(format!("{width}x{height}"));
    }
    words.extend(video.display_aspect_ratio.as_deref().map(units::aspect_ratio));
    // The library makes up a rate for a picture that is read as a video of one frame.
    if let Some(rate) = video.frame_rate.filter(|_| !still) {
        let kind = if video.variable_frame_rate == Some(true) { " variable" } else { "" };
        words.push(format!("{}{kind}", units::frame_rate(rate)));
    }
    words.extend(video.hdr.map(|hdr| {
        let name = match hdr.kind {
            HdrKind::Hlg => "HLG",
            HdrKind::Pq => "PQ",
            HdrKind::Hdr10 => "HDR10",
            HdrKind::DolbyVision => "Dolby Vision",
        };
        name.to_owned()
    }));
}

fn audio_text(audio: &Audio) -> String {
    let codec = audio.codec.as_deref().or(audio.codec_tag.as_deref()).unwrap_or("unknown audio");
    match (&audio.channel_layout, audio.channels) {
        (Some(layout), _) => format!("{codec} {layout}"),
        (None, Some(channels)) => {
            format!("{codec} {}", units::count(u64::from(channels), "channel", "channels"))
        }
        (None, None) => codec.to_owned(),
    }
}

/// The name of a severity, with an error of the source told apart once an output has settled it.
pub(super) fn severity(severity: Severity, fixed: bool) -> &'static str {
    match severity {
        Severity::Error if fixed => "fixed",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "advice",
    }
}

/// Where in the video a finding is: `stream 0, 3 s to 5.2 s`; `None` for the whole file.
pub(super) fn place(finding: &Finding) -> Option<String> {
    let mut parts: Vec<String> = finding.stream.iter().map(|stream| format!("stream {stream}")).collect();
    parts.extend(ranges(&finding.ranges));
    parts.extend(finding.first_missing_s.map(|at| format!("data missing from {}", units::at(at))));
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Spans as a person reads them.
pub(super) fn ranges(ranges: &[TimeRange]) -> Option<String> {
    let span = |range: &TimeRange| format!("{} to {}", units::at(range.from_s), units::at(range.to_s));
    let mut listed: Vec<String> = ranges.iter().take(LISTED_RANGES).map(span).collect();
    if ranges.len() > LISTED_RANGES {
        listed.push(format!("{} more", ranges.len() - LISTED_RANGES));
    }
    (!listed.is_empty()).then(|| listed.join(", "))
}

/// How sure a limit is and when it was looked up: `practice, checked 2026-06-30`.
pub(super) fn authority(finding: &Finding) -> String {
    let sure = match finding.confidence {
        Confidence::Official => "published by the platform",
        Confidence::ThirdParty => "published by others",
        Confidence::Practice => "known from practice, not published",
    };
    match &finding.checked_on {
        Some(day) => format!("{sure}, checked {day}"),
        None => sure.to_owned(),
    }
}

/// What was done, or would be.
pub(super) fn action(fix: &Fix) -> &'static str {
    let planned = fix.output.is_none();
    match fix.action {
        FixAction::None => "nothing to do",
        FixAction::Copy if planned => "would copy as it is",
        FixAction::Copy => "copied as it is",
        FixAction::Remux if planned => "would repackage without loss",
        FixAction::Remux => "repackaged without loss",
        FixAction::ReencodeAudio if planned => "would encode the audio again, copy the picture",
        FixAction::ReencodeAudio => "audio encoded again, picture copied",
        FixAction::ReencodeVideo if planned => "would encode the picture again, copy the audio",
        FixAction::ReencodeVideo => "picture encoded again, audio copied",
        FixAction::Reencode if planned => "would encode picture and audio again",
        FixAction::Reencode => "picture and audio encoded again",
        FixAction::Refused => "refused",
        FixAction::Failed => "failed",
    }
}

/// The proof in one line; `None` where there is no output.
pub(super) fn proof(fix: &Fix) -> Option<String> {
    if fix.output.is_none() || matches!(fix.action, FixAction::None) {
        return None;
    }
    let Some(verified) = &fix.verified else {
        return Some("not verified".to_owned());
    };
    let Verified { verdict, identical_streams, decoded_frames, decode_errors, duration_delta_s, similarity } =
        verified;
    let mut parts = vec![match verdict {
        crate::rules::Verdict::Compliant => "checked again: compliant".to_owned(),
        _ => "checked again: not compliant".to_owned(),
    }];
    if *identical_streams > 0 {
        let streams = units::count(*identical_streams as u64, "stream", "streams");
        parts.push(format!("{streams} bit for bit the source's"));
    }
    if let Some(frames) = decoded_frames {
        let frames = units::count(*frames, "frame", "frames");
        parts.push(match decode_errors {
            Some(0) => format!("{frames} decoded without error"),
            Some(errors) => format!("{frames} decoded with {}", units::count(*errors, "error", "errors")),
            None => format!("{frames} decoded"),
        });
    }
    parts.extend(duration_delta_s.map(duration_delta));
    if let Some(similarity) = similarity {
        let (name, digits) = match similarity.metric.as_str() {
            "ssim" => ("SSIM", 4),
            "ssimulacra2" => ("SSIMULACRA2", 1),
            other => (other, 4),
        };
        let (mean, min) = (similarity.mean, similarity.min);
        let at = similarity.worst_at_s.map_or(String::new(), |at| format!(" at {}", units::at(at)));
        parts.push(format!("{name} {mean:.digits$}, worst frame {min:.digits$}{at}"));
    }
    Some(parts.join("; "))
}

fn duration_delta(delta: f64) -> String {
    // Half a millisecond is less than any frame and than the clock of most containers.
    if delta.abs() < 0.0005 {
        return "duration as planned".to_owned();
    }
    let direction = if delta > 0.0 { "longer" } else { "shorter" };
    format!("{} s {direction} than planned", units::trimmed(delta.abs(), 3))
}

/// A state of the journal as words.
pub(super) fn state(state: &str) -> String {
    state.replace(['_', '-'], " ")
}

/// For each profile with limits that nobody has looked at for long: which they are, and what to do.
pub(super) fn old_limits(report: &Report) -> Vec<String> {
    let mut by_profile: BTreeMap<&str, Vec<&OldLimit>> = BTreeMap::new();
    for limit in &report.old_limits {
        by_profile.entry(&limit.profile).or_default().push(limit);
    }
    let note = |(profile, limits): (&str, Vec<&OldLimit>)| {
        let rules: Vec<&str> = limits.iter().map(|limit| limit.rule.as_str()).collect();
        let oldest = limits.iter().max_by_key(|limit| limit.age_days)?;
        Some(format!(
            "{} of {profile} {} not been compared with the source for long ({}; the oldest on {}, {} days ago). \
             `greenlit profiles {profile}` names the sources; `[override]` in greenlit.toml puts right what has \
             changed.",
            units::count(rules.len() as u64, "limit", "limits"),
            if rules.len() == 1 { "has" } else { "have" },
            rules.join(", "),
            oldest.checked_on,
            oldest.age_days,
        ))
    };
    by_profile.into_iter().filter_map(note).collect()
}

/// How many entries ended how: those that occur, in order.
pub(super) fn tally(report: &Report) -> Vec<(Outcome, u64)> {
    let ends: Vec<Outcome> = report.files.iter().map(Outcome::of).collect();
    let count = |outcome: Outcome| ends.iter().filter(|end| **end == outcome).count() as u64;
    Outcome::ALL.into_iter().map(|outcome| (outcome, count(outcome))).filter(|(_, n)| *n > 0).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::samples;
    use super::*;

    #[test]
    fn facts_read_like_a_slate() {
        let media = samples::portrait();
        assert_eq!(
            facts(&media).join(" "),
            "h264 1080x1920 9:16 29.97 fps 12.0 s 8.2 Mb/s aac stereo 12.3 MB"
        );
        let cover = Media::from(crate::model::sample::image());
        assert_eq!(facts(&cover).join(" "), "png 720x1280 9:16 still picture 800 kB");
        let unknown = Media::from(crate::model::MediaFacts::default());
        assert_eq!(facts(&unknown).join(" "), "no picture no audio 0 B of unknown completeness");
    }

    #[test]
    fn many_spans_are_counted_not_listed() {
        let spans: Vec<_> =
            (0..7).map(|n| TimeRange { from_s: f64::from(n), to_s: f64::from(n) + 0.5 }).collect();
        let text = ranges(&spans).unwrap();
        assert!(text.starts_with("0 s to 0.5 s, 1 s to 1.5 s"), "{text}");
        assert!(text.ends_with(", 3 more"), "{text}");
        assert_eq!(ranges(&[]), None);
    }

    #[test]
    fn old_limits_are_noted_once_a_profile() {
        let old = |profile: &str, rule: &str, checked_on: &str, age_days| OldLimit {
            profile: profile.into(),
            rule: rule.into(),
            checked_on: checked_on.into(),
            age_days,
        };
        let report = samples::report(Vec::new()).noting(vec![
            old("b", "duration", "2025-03-01", 400),
            old("a", "duration", "2025-07-31", 380),
            old("a", "file-size", "2025-07-01", 410),
        ]);
        let notes = old_limits(&report);
        assert_eq!(notes.len(), 2);
        let expected = "2 limits of a have not been compared with the source for long (duration, file-size; \
            the oldest on 2025-07-01, 410 days ago).";
        assert!(notes[0].starts_with(expected), "{}", notes[0]);
        assert!(notes[1].starts_with("1 limit of b has "), "{}", notes[1]);
        assert_eq!(old_limits(&samples::report(Vec::new())), Vec::<String>::new());
    }

    #[test]
    fn the_proof_names_what_was_looked_at() {
        let fix = samples::reencoded();
        assert_eq!(
            proof(&fix).unwrap(),
            "checked again: compliant; 1 stream bit for bit the source's; 360 frames decoded without error; 0.012 s longer than planned; \
             SSIM 0.9961, worst frame 0.9873 at 3.2 s"
        );
        assert_eq!(proof(&Fix { verified: None, ..fix.clone() }).unwrap(), "not verified");
        assert_eq!(proof(&Fix { output: None, ..fix }), None);
    }
}
