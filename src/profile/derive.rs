//! A profile out of a file that is known to be good: "like this one".
//!
//! What the file is becomes a limit of the level of an error: container, codecs, size, rates. What
//! it merely does well, such as `moov` first, becomes a warning. Rates get head-room, because no
//! two videos have the same; everything else is what was measured.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use toml::Value as Toml;

use crate::model::{MediaFacts, Rational};

/// Bit rates may be this much lower or higher.
const RATE_FLOOR: f64 = 0.5;
const RATE_CEILING: f64 = 1.5;
/// Share by which an aspect ratio may differ, as in the built-in profiles.
const RATIO_TOLERANCE: f64 = 0.01;

/// Rules that have no limits of their own and are worth counting when the good file passes them.
const HABITS: &[&str] = &[
    "even-dimensions",
    "parameter-change",
    "open-gop",
    "sample-aspect-ratio",
    "rotation",
    "variable-frame-rate",
    "interlaced",
    "color",
    "hdr",
    "fast-start",
    "fragmented",
    "edit-list",
    "start-time",
    "timestamps",
    "extra-streams",
    "stream-order",
    "av-duration",
];

/// Where a derived profile comes from and what it is called.
#[derive(Clone, Debug)]
pub struct Origin<'a> {
    /// The profile's id.
    pub id: &'a str,
    /// The built-in profile whose other limits count too.
    pub extends: Option<&'a str>,
    /// The name of the file, without folders.
    pub file_name: &'a str,
    /// The day, `YYYY-MM-DD`.
    pub date: &'a str,
}

/// The limits of one rule, about to be written.
#[derive(Clone, Debug)]
struct Draft {
    rule: &'static str,
    severity: &'static str,
    keys: Vec<(&'static str, Toml)>,
}

/// Limits that were read off a file.
#[derive(Clone, Debug)]
pub struct Derived<'a> {
    origin: Origin<'a>,
    drafts: Vec<Draft>,
    left_out: BTreeSet<&'static str>,
}

impl<'a> Derived<'a> {
    /// The limits that `facts` hold. What is not known of the file is not limited.
    pub fn new(facts: &MediaFacts, origin: Origin<'a>) -> Derived<'a> {
        let mut drafts = Vec::new();
        of_file(facts, origin.file_name, &mut drafts);
        of_picture(facts, &mut drafts);
        of_audio(facts, &mut drafts);
        drafts.extend(HABITS.iter().map(|rule| Draft { rule, severity: "warning", keys: Vec::new() }));
        drafts.push(Draft { rule: "video-stream", severity: "error", keys: Vec::new() });
        Derived { origin, drafts, left_out: BTreeSet::new() }
    }

    /// Leaves a rule out that the good file itself does not pass. Returns whether it was there.
    pub fn leave_out(&mut self, rule: &str) -> bool {
        let before = self.drafts.len();
        for draft in self.drafts.extract_if(.., |draft| draft.rule == rule) {
            self.left_out.insert(draft.rule);
        }
        self.drafts.len() < before
    }

    /// The profile as a file for [`super::Profile::parse`].
    pub fn to_toml(&self) -> String {
        let Origin { id, extends, file_name, date } = self.origin;
        let text = |text: &str| Toml::from(text).to_string();
        let mut out = String::new();
        let _ = writeln!(
            out,
            "# What this one file is, as limits for others. Widen what need not be the same.\n"
        );
        let _ = writeln!(out, "id = {}", text(id));
        let _ = writeln!(out, "title = {}", text(&format!("Like {file_name}")));
        let _ = writeln!(out, "platform = {}", text(id));
        if let Some(base) = extends {
            let _ = writeln!(out, "extends = {}", text(base));
        }
        for Draft { rule, severity, keys } in &self.drafts {
            let _ = writeln!(out, "\n[rule.{rule}]\nseverity = \"{severity}\"");
            for (key, value) in keys {
                let _ = writeln!(out, "{key} = {value}");
            }
            let source = text(&format!("measured on {file_name}, {date}"));
            let _ = writeln!(out, "source = {source}\nchecked_on = \"{date}\"\nconfidence = \"practice\"");
        }
        for rule in &self.left_out {
            let _ = writeln!(out, "\n# The file itself does not pass: {rule}");
            if extends.is_some() {
                let _ = writeln!(out, "[rule.{rule}]\noff = true");
            }
        }
        out
    }
}

fn words<T: ToString>(words: &[T]) -> Toml {
    Toml::Array(words.iter().map(|word| Toml::from(word.to_string())).collect())
}

fn whole(number: impl Into<u64>) -> Toml {
    Toml::Integer(i64::try_from(number.into()).unwrap_or(i64::MAX))
}

/// Floor and ceiling around a rate, in whole thousands.
fn around(rate: u64) -> Vec<(&'static str, Toml)> {
    let thousands = |share: f64| (rate as f64 * share / 1e3) as i64 * 1000;
    let ceiling = thousands(RATE_CEILING) + 1000;
    vec![("min", Toml::Integer(thousands(RATE_FLOOR))), ("max", Toml::Integer(ceiling))]
}

fn of_file(facts: &MediaFacts, name: &str, drafts: &mut Vec<Draft>) {
    let mut add = |rule, severity, keys| drafts.push(Draft { rule, severity, keys });
    if let Some(container) = &facts.container {
        add("container", "error", vec![("allow", words(&[container]))]);
    }
    let ending = name.rsplit_once('.').filter(|(stem, ending)| !stem.is_empty() && !ending.is_empty());
    if let Some((_, ending)) = ending {
        add("extension", "error", vec![("allow", words(&[ending.to_lowercase()]))]);
    }
    if let Some(duration) = facts.effective_duration_s() {
        add("duration", "warning", vec![("max_s", Toml::Float(duration.ceil()))]);
    }
}

fn of_picture(facts: &MediaFacts, drafts: &mut Vec<Draft>) {
    let mut add = |rule, severity, keys| drafts.push(Draft { rule, severity, keys });
    let Some(video) = facts.main_video() else { return };
    if let Some(codec) = &video.codec {
        add("video-codec", "error", vec![("allow", words(&[codec]))]);
    }
    if let Some(profile) = &video.profile {
        let mut keys = vec![("allow", words(&[profile]))];
        // FFmpeg writes an unknown level as a negative number.
        let level = video.level.and_then(|level| u32::try_from(level).ok()).filter(|level| *level > 0);
        keys.extend(level.map(|level| ("max_level", whole(level))));
        add("video-profile", "error", keys);
    }
    if let (Some(chroma), Some(depth)) = (&video.chroma, video.bit_depth) {
        add("pixel-format", "error", vec![("chroma", words(&[chroma])), ("max_bit_depth", whole(depth))]);
    }
    if let Some(size) = video.display_size() {
        let (width, height) = (whole(size.width), whole(size.height));
        let keys = vec![
            ("min_width", width.clone()),
            ("max_width", width),
            ("min_height", height.clone()),
            ("max_height", height),
        ];
        add("resolution", "error", keys);
    }
    if let Some(ratio) = video.display_aspect_ratio() {
        let keys = vec![("allow", words(&[ratio.with_colon()])), ("tolerance", Toml::Float(RATIO_TOLERANCE))];
        add("aspect-ratio", "error", keys);
    }
    if let Some(rate) = video.frame_rate.map(Rational::as_f64) {
        add("frame-rate", "error", vec![("min", Toml::Float(rate)), ("max", Toml::Float(rate))]);
    }
    if let Some(rate) = video.bit_rate {
        add("video-bit-rate", "error", around(rate));
    }
    if let Some(frames) = video.max_gop_frames {
        add("gop-length", "warning", vec![("max_frames", whole(frames))]);
    }
}

fn of_audio(facts: &MediaFacts, drafts: &mut Vec<Draft>) {
    let mut add = |rule, severity, keys| drafts.push(Draft { rule, severity, keys });
    let tracks = ("max_streams", whole(facts.audio.len() as u64));
    let Some(audio) = facts.main_audio() else {
        add("audio-stream", "error", vec![tracks]);
        return;
    };
    add("audio-stream", "error", vec![("required", Toml::Boolean(true)), tracks]);
    if let Some(codec) = &audio.codec {
        let mut keys = vec![("allow", words(&[codec]))];
        let profile = audio.profile.as_ref().filter(|_| codec == "aac");
        keys.extend(profile.map(|profile| ("profiles", words(&[profile]))));
        add("audio-codec", "error", keys);
    }
    if let Some(channels) = audio.channels {
        add("audio-channels", "error", vec![("min", whole(channels)), ("max", whole(channels))]);
    }
    if let Some(rate) = audio.sample_rate {
        add("audio-sample-rate", "error", vec![("allow", words(&[rate]))]);
    }
    if let Some(rate) = audio.bit_rate {
        add("audio-bit-rate", "warning", around(rate));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{AudioStream, VideoStream};
    use crate::profile::{Confidence, Profile, Severity};

    fn origin(name: &'static str) -> Origin<'static> {
        Origin { id: "like-it", extends: None, file_name: name, date: "2026-11-23" }
    }

    fn facts() -> MediaFacts {
        let video = VideoStream {
            codec: Some("h264".into()),
            profile: Some("High".into()),
            level: Some(40),
            chroma: Some("4:2:0".into()),
            bit_depth: Some(8),
            width: Some(720),
            height: Some(1280),
            frame_rate: Rational::new(30000, 1001),
            bit_rate: Some(2_000_400),
            ..VideoStream::default()
        };
        let audio = AudioStream {
            codec: Some("aac".into()),
            profile: Some("LC".into()),
            channels: Some(2),
            sample_rate: Some(48_000),
            ..AudioStream::default()
        };
        MediaFacts {
            container: Some("mp4".into()),
            video: vec![video],
            audio: vec![audio],
            ..MediaFacts::default()
        }
    }

    fn parsed(derived: &Derived<'_>) -> Profile {
        let text = derived.to_toml();
        Profile::parse(&text, &Profile::builtin).unwrap_or_else(|error| panic!("{error}:\n{text}"))
    }

    #[test]
    fn every_limit_is_what_was_measured_and_says_where() {
        let profile = parsed(&Derived::new(&facts(), origin("good.MP4")));
        let limits = |rule| profile.limits(rule).unwrap();
        assert_eq!(limits("container").words("allow"), ["mp4"]);
        assert_eq!(limits("extension").words("allow"), ["mp4"]);
        assert_eq!(limits("video-profile").number("max_level"), Some(40.0));
        assert_eq!(limits("resolution").number("min_width"), Some(720.0));
        assert_eq!(limits("resolution").number("max_height"), Some(1280.0));
        assert_eq!(limits("aspect-ratio").ratios("allow"), [Rational::new(9, 16).unwrap()]);
        assert_eq!(limits("frame-rate").number("max"), Some(30000.0 / 1001.0), "to the last bit");
        assert_eq!(limits("video-bit-rate").number("min"), Some(1_000_000.0));
        assert_eq!(limits("video-bit-rate").number("max"), Some(3_001_000.0));
        assert_eq!(limits("audio-sample-rate").words("allow"), ["48000"]);
        assert!(limits("audio-stream").flag("required"));
        assert_eq!(limits("fast-start").severity, Severity::Warning);
        for (rule, limits) in profile.all().filter(|(rule, _)| *rule != "integrity") {
            assert_eq!(limits.source.as_deref(), Some("measured on good.MP4, 2026-11-23"), "{rule}");
            assert_eq!(limits.confidence, Confidence::Practice, "{rule}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_limited() {
        let profile = parsed(&Derived::new(&MediaFacts::default(), origin("x")));
        for rule in ["container", "extension", "video-codec", "resolution", "frame-rate", "audio-codec"] {
            assert!(profile.limits(rule).is_none(), "{rule}");
        }
        assert_eq!(profile.limits("audio-stream").unwrap().number("max_streams"), Some(0.0));
    }

    #[test]
    fn a_rule_left_out_does_not_count_not_even_by_inheritance() {
        let base = Origin { extends: Some("tiktok-ads"), ..origin("good.mp4") };
        let mut derived = Derived::new(&facts(), base);
        assert!(parsed(&derived).limits("fast-start").is_some());
        assert!(derived.leave_out("fast-start"));
        assert!(!derived.leave_out("fast-start"), "twice");
        let profile = parsed(&derived);
        assert!(profile.limits("fast-start").is_none());
        assert!(profile.limits("file-size").is_some(), "inherited");
    }

    #[test]
    fn a_name_with_quotes_and_line_breaks_stays_a_name() {
        let profile = parsed(&Derived::new(&facts(), origin("a \"b\"\nid = \"x\".mp4")));
        assert_eq!(profile.id(), "like-it");
        assert!(profile.title().contains("\"b\"\nid"));
    }
}
