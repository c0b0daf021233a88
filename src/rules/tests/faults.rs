//! One fault for each rule that has one of its own.

use crate::model::*;

pub(super) type Change = fn(&mut MediaFacts);

/// Each rule that has one fault of its own, with a change that brings it about.
pub(super) const FAULTS: &[(&str, Change)] = &[
    ("container", |facts| facts.container = Some("matroska".into())),
    ("file-size", |facts| facts.size_bytes = 600_000_000),
    ("duration", |facts| facts.duration_s = Some(601.0)),
    ("video-codec", |facts| facts.video[0].codec = Some("mpeg4".into())),
    ("video-profile", |facts| facts.video[0].profile = Some("High 10".into())),
    ("pixel-format", |facts| facts.video[0].bit_depth = Some(10)),
    ("resolution", |facts| (facts.video[0].width, facts.video[0].height) = (Some(270), Some(480))),
    ("aspect-ratio", |facts| facts.video[0].width = Some(1440)),
    ("parameter-change", |facts| facts.video[0].parameter_changes = Some(2)),
    ("open-gop", |facts| facts.video[0].closed_gop = Some(false)),
    ("gop-length", |facts| facts.video[0].max_gop_frames = Some(600)),
    ("rotation", |facts| facts.video[0].flip = Some(Flip::Horizontal)),
    ("frame-rate", |facts| facts.video[0].frame_rate = Rational::new(60_001, 1000)),
    ("variable-frame-rate", |facts| facts.video[0].variable_frame_rate = Some(true)),
    ("interlaced", |facts| facts.video[0].field_order = Some("tt".into())),
    ("video-bit-rate", |facts| facts.video[0].bit_rate = Some(400_000)),
    ("color", |facts| facts.video[0].color.matrix = None),
    ("hdr", |facts| facts.video[0].hdr = Some(Hdr { kind: HdrKind::Hlg, dolby_vision: None })),
    ("audio-stream", |facts| facts.audio.clear()),
    ("audio-codec", |facts| facts.audio[0].codec = Some("pcm_s16le".into())),
    ("audio-channels", |facts| facts.audio[0].channels = Some(6)),
    ("audio-sample-rate", |facts| facts.audio[0].sample_rate = Some(22_050)),
    ("audio-bit-rate", |facts| facts.audio[0].bit_rate = Some(32_000)),
    ("fast-start", |facts| facts.fast_start = Some(false)),
    ("fragmented", |facts| facts.fragmented = Some(true)),
    ("edit-list", |facts| {
        facts.video[0].edit_list = Some(EditList {
            kind: EditListKind::Editing,
            entries: 2,
            delay_only: false,
            changes_speed: false,
            reason: "two edits".into(),
        });
    }),
    ("start-time", |facts| {
        facts.video[0].start_s = Some(0.5);
        facts.audio[0].start_s = Some(0.5);
    }),
    ("timestamps", |facts| facts.video[0].timing.as_mut().unwrap().duplicates = 1),
    ("extra-streams", |facts| {
        facts.other.push(OtherStream {
            index: 2,
            kind: OtherKind::Data,
            codec: Some("tmcd".into()),
            language: None,
            duration_s: None,
        });
    }),
    ("stream-order", |facts| (facts.video[0].index, facts.audio[0].index) = (1, 0)),
    ("av-duration", |facts| facts.audio[0].duration_s = Some(12.0)),
    ("integrity", |facts| {
        facts.completeness = Completeness::Missing { first_missing_s: Some(3.0), reason: "cut".into() };
    }),
    ("metadata-privacy", |facts| facts.privacy.location.push("location".into())),
];
