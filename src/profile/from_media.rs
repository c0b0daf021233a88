//! Derives a profile from a file that is known to be good.
//!
//! The container, codecs, size and rates of the file become error-level limits. Good practice of the
//! file, such as `moov` first, becomes a warning. Bit rates get a margin, because no two videos have
//! the same; all other limits are the measured values.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use toml::Value as Toml;

use super::RuleId;
use crate::model::{Codec, MediaFacts, Rational};

/// The lowest and highest allowed bit rates, as shares of the measured one.
const MIN_BIT_RATE_SHARE: f64 = 0.5;
const MAX_BIT_RATE_SHARE: f64 = 1.5;
/// Share by which an aspect ratio may differ, as in the built-in profiles.
const RATIO_TOLERANCE: f64 = 0.01;

/// Rules without limits that the profile includes if the file passes them.
const RULES_WITHOUT_LIMITS: &[RuleId] = &[
    RuleId::EvenDimensions,
    RuleId::ParameterChange,
    RuleId::OpenGop,
    RuleId::SampleAspectRatio,
    RuleId::Rotation,
    RuleId::VariableFrameRate,
    RuleId::Interlaced,
    RuleId::Color,
    RuleId::Hdr,
    RuleId::FastStart,
    RuleId::Fragmented,
    RuleId::EditList,
    RuleId::StartTime,
    RuleId::Timestamps,
    RuleId::ExtraStreams,
    RuleId::StreamOrder,
    RuleId::AvDuration,
];

/// The origin and the name of a derived profile.
#[derive(Clone, Debug)]
pub struct Origin<'a> {
    /// The profile's id.
    pub id: &'a str,
    /// The built-in profile that it extends.
    pub extends: Option<&'a str>,
    /// The name of the file, without folders.
    pub file_name: &'a str,
    /// The current date, `YYYY-MM-DD`.
    pub date: &'a str,
}

/// The derived limits of one rule.
#[derive(Clone, Debug)]
struct DerivedRule {
    rule: RuleId,
    severity: &'static str,
    keys: Vec<(&'static str, Toml)>,
}

/// A profile derived from a file.
#[derive(Clone, Debug)]
pub struct DerivedProfile<'a> {
    origin: Origin<'a>,
    rules: Vec<DerivedRule>,
    excluded: BTreeSet<RuleId>,
}

impl<'a> DerivedProfile<'a> {
    /// Derives limits from `facts`. Unknown facts get no limits.
    pub fn new(facts: &MediaFacts, origin: Origin<'a>) -> DerivedProfile<'a> {
        let mut rules = Vec::new();
        derive_file_rules(facts, origin.file_name, &mut rules);
        derive_video_rules(facts, &mut rules);
        derive_audio_rules(facts, &mut rules);
        rules.extend(RULES_WITHOUT_LIMITS.iter().map(|&rule| DerivedRule {
            rule,
            severity: "warning",
            keys: Vec::new(),
        }));
        rules.push(DerivedRule { rule: RuleId::VideoStream, severity: "error", keys: Vec::new() });
        DerivedProfile { origin, rules, excluded: BTreeSet::new() }
    }

    /// Excludes a rule that the file itself does not pass. Returns whether the profile contained it.
    pub fn exclude_rule(&mut self, rule: RuleId) -> bool {
        let before = self.rules.len();
        for derived in self.rules.extract_if(.., |derived| derived.rule == rule) {
            self.excluded.insert(derived.rule);
        }
        self.rules.len() < before
    }

    /// Returns the profile as TOML for [`super::Profile::parse`].
    pub fn to_toml(&self) -> String {
        let Origin { id, extends, file_name, date } = self.origin;
        let quoted = |text: &str| Toml::from(text).to_string();
        let mut out = String::new();
        let _ = writeln!(
            out,
            "# Limits derived from one file. Widen those that other files need not meet exactly.\n"
        );
        let _ = writeln!(out, "id = {}", quoted(id));
        let _ = writeln!(out, "title = {}", quoted(&format!("Like {file_name}")));
        let _ = writeln!(out, "platform = {}", quoted(id));
        if let Some(base) = extends {
            let _ = writeln!(out, "extends = {}", quoted(base));
        }
        for DerivedRule { rule, severity, keys } in &self.rules {
            let _ = writeln!(out, "\n[rule.{rule}]\nseverity = \"{severity}\"");
            for (key, value) in keys {
                let _ = writeln!(out, "{key} = {value}");
            }
            let source = quoted(&format!("measured on {file_name}, {date}"));
            let _ = writeln!(out, "source = {source}\nchecked_on = \"{date}\"\nconfidence = \"practice\"");
        }
        for rule in &self.excluded {
            let _ = writeln!(out, "\n# The file itself does not pass: {rule}");
            if extends.is_some() {
                let _ = writeln!(out, "[rule.{rule}]\noff = true");
            }
        }
        out
    }
}

fn strings<T: ToString>(values: &[T]) -> Toml {
    Toml::Array(values.iter().map(|value| Toml::from(value.to_string())).collect())
}

fn integer(number: impl Into<u64>) -> Toml {
    Toml::Integer(i64::try_from(number.into()).unwrap_or(i64::MAX))
}

/// Returns limits around a bit rate, in multiples of 1000.
fn bit_rate_range(rate: u64) -> Vec<(&'static str, Toml)> {
    let thousands = |share: f64| (rate as f64 * share / 1e3) as i64 * 1000;
    let max = thousands(MAX_BIT_RATE_SHARE) + 1000;
    vec![("min", Toml::Integer(thousands(MIN_BIT_RATE_SHARE))), ("max", Toml::Integer(max))]
}

fn derive_file_rules(facts: &MediaFacts, name: &str, rules: &mut Vec<DerivedRule>) {
    let mut add = |rule, severity, keys| rules.push(DerivedRule { rule, severity, keys });
    if let Some(container) = &facts.container {
        add(RuleId::Container, "error", vec![("allow", strings(&[container]))]);
    }
    let extension =
        name.rsplit_once('.').filter(|(stem, extension)| !stem.is_empty() && !extension.is_empty());
    if let Some((_, extension)) = extension {
        add(RuleId::Extension, "error", vec![("allow", strings(&[extension.to_lowercase()]))]);
    }
    if let Some(duration) = facts.effective_duration_s() {
        add(RuleId::Duration, "warning", vec![("max_s", Toml::Float(duration.ceil()))]);
    }
}

fn derive_video_rules(facts: &MediaFacts, rules: &mut Vec<DerivedRule>) {
    let mut add = |rule, severity, keys| rules.push(DerivedRule { rule, severity, keys });
    let Some(video) = facts.main_video() else { return };
    if let Some(codec) = &video.codec {
        add(RuleId::VideoCodec, "error", vec![("allow", strings(&[codec]))]);
    }
    if let Some(profile) = &video.profile {
        let mut keys = vec![("allow", strings(&[profile]))];
        // FFmpeg writes an unknown level as a negative number.
        let level = video.level.and_then(|level| u32::try_from(level).ok()).filter(|level| *level > 0);
        keys.extend(level.map(|level| ("max_level", integer(level))));
        add(RuleId::VideoProfile, "error", keys);
    }
    if let (Some(chroma), Some(depth)) = (&video.chroma, video.bit_depth) {
        add(
            RuleId::PixelFormat,
            "error",
            vec![("chroma", strings(&[chroma])), ("max_bit_depth", integer(depth))],
        );
    }
    if let Some(size) = video.display_size() {
        let (width, height) = (integer(size.width), integer(size.height));
        let keys = vec![
            ("min_width", width.clone()),
            ("max_width", width),
            ("min_height", height.clone()),
            ("max_height", height),
        ];
        add(RuleId::Resolution, "error", keys);
    }
    if let Some(ratio) = video.display_aspect_ratio() {
        let keys =
            vec![("allow", strings(&[ratio.with_colon()])), ("tolerance", Toml::Float(RATIO_TOLERANCE))];
        add(RuleId::AspectRatio, "error", keys);
    }
    if let Some(rate) = video.frame_rate.map(Rational::as_f64) {
        add(RuleId::FrameRate, "error", vec![("min", Toml::Float(rate)), ("max", Toml::Float(rate))]);
    }
    if let Some(rate) = video.bit_rate {
        add(RuleId::VideoBitRate, "error", bit_rate_range(rate));
    }
    if let Some(frames) = video.max_gop_frames {
        add(RuleId::GopLength, "warning", vec![("max_frames", integer(frames))]);
    }
}

fn derive_audio_rules(facts: &MediaFacts, rules: &mut Vec<DerivedRule>) {
    let mut add = |rule, severity, keys| rules.push(DerivedRule { rule, severity, keys });
    let tracks = ("max_streams", integer(facts.audio.len() as u64));
    let Some(audio) = facts.main_audio() else {
        add(RuleId::AudioStream, "error", vec![tracks]);
        return;
    };
    add(RuleId::AudioStream, "error", vec![("required", Toml::Boolean(true)), tracks]);
    if let Some(codec) = &audio.codec {
        let mut keys = vec![("allow", strings(&[codec]))];
        let profile = audio.profile.as_ref().filter(|_| *codec == Codec::Aac);
        keys.extend(profile.map(|profile| ("profiles", strings(&[profile]))));
        add(RuleId::AudioCodec, "error", keys);
    }
    if let Some(channels) = audio.channels {
        add(RuleId::AudioChannels, "error", vec![("min", integer(channels)), ("max", integer(channels))]);
    }
    if let Some(rate) = audio.sample_rate {
        add(RuleId::AudioSampleRate, "error", vec![("allow", strings(&[rate]))]);
    }
    if let Some(rate) = audio.bit_rate {
        add(RuleId::AudioBitRate, "warning", bit_rate_range(rate));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{AudioStream, Container, VideoStream};
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

    fn parsed(derived: &DerivedProfile<'_>) -> Profile {
        let text = derived.to_toml();
        Profile::parse(&text, &Profile::builtin).unwrap_or_else(|error| panic!("{error}:\n{text}"))
    }

    #[test]
    fn limits_are_the_measured_values_with_a_source() {
        let profile = parsed(&DerivedProfile::new(&facts(), origin("good.MP4")));
        let rules = profile.rules();
        assert_eq!(rules.container.as_ref().unwrap().values.allow, [Container::Mp4]);
        assert_eq!(rules.extension.as_ref().unwrap().values.allow, ["mp4"]);
        assert_eq!(rules.video_profile.as_ref().unwrap().values.max_level, Some(40.0));
        assert_eq!(rules.resolution.as_ref().unwrap().values.min_width, Some(720.0));
        assert_eq!(rules.resolution.as_ref().unwrap().values.max_height, Some(1280.0));
        assert_eq!(rules.aspect_ratio.as_ref().unwrap().values.allow, [Rational::new(9, 16).unwrap()]);
        let exact = Some(30000.0 / 1001.0);
        assert_eq!(rules.frame_rate.as_ref().unwrap().values.max, exact, "to the last bit");
        let rate = &rules.video_bit_rate.as_ref().unwrap().values;
        assert_eq!((rate.min, rate.max), (Some(1_000_000.0), Some(3_001_000.0)));
        assert_eq!(rules.audio_sample_rate.as_ref().unwrap().values.allow, [48_000]);
        assert!(rules.audio_stream.as_ref().unwrap().values.required);
        assert_eq!(rules.fast_start.as_ref().unwrap().terms.severity, Severity::Warning);
        for (rule, limits) in rules.all().filter(|(rule, _)| *rule != RuleId::Integrity) {
            let terms = limits.terms();
            assert_eq!(terms.source.as_deref(), Some("measured on good.MP4, 2026-11-23"), "{rule}");
            assert_eq!(terms.confidence, Confidence::Practice, "{rule}");
        }
    }

    #[test]
    fn unknown_facts_get_no_limits() {
        use RuleId::{AudioCodec, Container, Extension, FrameRate, Resolution, VideoCodec};
        let profile = parsed(&DerivedProfile::new(&MediaFacts::default(), origin("x")));
        for rule in [Container, Extension, VideoCodec, Resolution, FrameRate, AudioCodec] {
            assert!(profile.rules().get(rule).is_none(), "{rule}");
        }
        assert_eq!(profile.rules().audio_stream.as_ref().unwrap().values.max_streams, Some(0.0));
    }

    #[test]
    fn excluded_rule_is_not_inherited() {
        let base = Origin { extends: Some("tiktok-ads"), ..origin("good.mp4") };
        let mut derived = DerivedProfile::new(&facts(), base);
        assert!(parsed(&derived).rules().fast_start.is_some());
        assert!(derived.exclude_rule(RuleId::FastStart));
        assert!(!derived.exclude_rule(RuleId::FastStart), "twice");
        let profile = parsed(&derived);
        assert!(profile.rules().fast_start.is_none());
        assert!(profile.rules().file_size.is_some(), "inherited");
    }

    #[test]
    fn escapes_quotes_and_line_breaks_in_file_names() {
        let profile = parsed(&DerivedProfile::new(&facts(), origin("a \"b\"\nid = \"x\".mp4")));
        assert_eq!(profile.id(), "like-it");
        assert!(profile.title().contains("\"b\"\nid"));
    }
}
