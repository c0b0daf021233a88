//! Tests of each escalation step, and properties that hold for every file.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::model::example::{self, media};
use crate::model::*;
use crate::profile::Profile;
use crate::rules::{Selection, Subject, Verdict, assess};

const MACHINE: Machine = Machine { cores: 2 };

fn plan_for(facts: &MediaFacts, name: &str, options: &FixOptions) -> FixPlan {
    plan_under("tiktok-ads", facts, name, options)
}

fn plan_under(profile: &str, facts: &MediaFacts, name: &str, options: &FixOptions) -> FixPlan {
    let profile = Profile::builtin(profile).unwrap();
    let assessment = assess(&Subject { facts, file_name: name, deep: None }, &profile, &Selection::default());
    plan(facts, &assessment, &profile, options, &MACHINE)
}

fn action(change: impl FnOnce(&mut MediaFacts)) -> Action {
    let mut facts = media();
    change(&mut facts);
    plan_for(&facts, "video.mp4", &FixOptions::default()).action
}

#[test]
fn chooses_the_cheapest_action_that_clears_an_error() {
    assert_eq!(action(|_| {}), Action::Copy);
    assert_eq!(action(|facts| facts.fast_start = Some(false)), Action::Remux);
    assert_eq!(action(|facts| facts.container = Some("matroska".into())), Action::Remux);
    assert_eq!(action(|facts| facts.audio[0].codec = Some("pcm_s16le".into())), Action::ReencodeAudio);
    assert_eq!(action(|facts| facts.video[0].codec = Some("vp8".into())), Action::ReencodeVideo);
    assert_eq!(
        action(|facts| {
            facts.video[0].codec = Some("vp8".into());
            facts.audio[0].codec = Some("vorbis".into());
        }),
        Action::Reencode
    );
}

#[test]
fn a_new_container_is_one_step_with_all_its_reasons() {
    let mut facts = media();
    facts.container = Some("matroska".into());
    let steps = plan_for(&facts, "video.mkv", &FixOptions::default()).steps;
    let about: Vec<&str> = steps
        .iter()
        .map(|step| step.text.as_str())
        .filter(|text| text.starts_with("new container"))
        .collect();
    assert!(matches!(about[..], [one] if one.contains("; ")), "{about:?}");
}

#[test]
fn a_warning_alone_causes_no_re_encode() {
    assert_eq!(action(|facts| facts.video[0].variable_frame_rate = Some(true)), Action::Copy);
    assert_eq!(action(|facts| facts.audio[0].channels = Some(6)), Action::Copy);
    assert_eq!(action(|facts| facts.video[0].field_order = Some("tt".into())), Action::Copy);
}

#[test]
fn holds_the_last_frame_longest_if_the_container_stores_no_frame_durations_and_is_complete() {
    let hold = |container: &str, completeness| {
        let mut facts = media();
        facts.container = Some(container.into());
        facts.completeness = completeness;
        facts.video[0].codec = Some("vp8".into());
        let spec = plan_for(&facts, "video.mp4", &FixOptions::default()).spec.unwrap();
        (spec.max_hold_s, spec.expected_duration_s)
    };
    let (complete, declared) = hold("webm", Completeness::Whole);
    assert_eq!(declared, Some(15.0));
    assert!(hold("mpegts", Completeness::Unknown).0 < complete);
    assert_eq!(hold("mp4", Completeness::Whole).0, 0.0);
    assert_eq!(hold("h264", Completeness::Unknown).1, None, "a guessed duration is not planned");
}

#[test]
fn duration_follows_the_frames_if_the_container_guesses_or_declares_more() {
    let duration_step = |change: &dyn Fn(&mut MediaFacts)| {
        let mut facts = media();
        change(&mut facts);
        let options = FixOptions { extend: Some(Extend::Freeze), ..FixOptions::default() };
        let plan = plan_under("instagram-reels", &facts, "video.mp4", &options);
        let steps: Vec<String> = plan.steps.into_iter().map(|step| step.text).collect();
        steps.into_iter().find(|text| text.contains("with your consent"))
    };
    assert_eq!(duration_step(&|_| {}), None);
    let guessed = duration_step(&|facts| {
        facts.container = Some("mpegvideo".into());
        facts.duration_s = Some(0.003);
        facts.video[0].duration_s = Some(0.003);
        facts.video[0].frames = Some(50);
        facts.video[0].frame_rate = Rational::new(25, 1);
        facts.audio.clear();
    });
    assert!(guessed.as_ref().is_some_and(|text| text.ends_with("the video lasts 2.0 s")), "{guessed:?}");
    let within = duration_step(&|facts| {
        facts.video[0].duration_s = Some(1.0);
        facts.audio.clear();
    });
    assert!(within.as_ref().is_some_and(|text| text.ends_with("the video lasts 1.0 s")), "{within:?}");
}

#[test]
fn every_refusal_has_a_unique_name() {
    let names: std::collections::BTreeSet<_> = Refusal::ALL.iter().map(|refusal| refusal.name()).collect();
    assert_eq!(names.len(), Refusal::ALL.len());
    let mut facts = media();
    facts.video[0].decodable = false;
    facts.video[0].codec = Some("none".into());
    let plan = plan_for(&facts, "video.mp4", &FixOptions::default());
    assert_eq!((plan.action, plan.refusal), (Action::Refused, Some(Refusal::NoDecoder)));
}

#[test]
fn a_wrong_file_name_is_changed_without_encoding() {
    let plan = plan_for(&media(), "video.mov", &FixOptions::default());
    assert_eq!((plan.action, plan.output_extension.as_deref()), (Action::Copy, Some("mp4")));
    let plan = plan_for(&media(), &format!("{}.mp4", "x".repeat(120)), &FixOptions::default());
    assert_eq!(plan.action, Action::Copy);
    assert_eq!(plan.max_name_chars, Some(100));
    let mut other = media();
    other.container = Some("mpegts".into());
    assert_eq!(
        plan_for(&other, &format!("{}.ts", "x".repeat(97)), &FixOptions::default()).max_name_chars,
        Some(100)
    );
}

#[test]
fn a_refusal_without_consent_names_the_option() {
    let refusal = |change: fn(&mut MediaFacts), profile: &str| {
        let mut facts = media();
        change(&mut facts);
        let plan = plan_under(profile, &facts, "video.mp4", &FixOptions::default());
        assert_eq!(plan.action, Action::Refused);
        plan.reason.unwrap()
    };
    let small: fn(&mut MediaFacts) =
        |facts| (facts.video[0].width, facts.video[0].height) = (Some(480), Some(270));
    assert!(refusal(small, "tiktok-ads").contains("--upscale"));
    assert!(refusal(|facts| facts.duration_s = Some(700.0), "tiktok-ads").contains("--trim"));
    assert!(refusal(|facts| facts.duration_s = Some(2.0), "tiktok-ads-reservation").contains("--extend"));
    let truncated: fn(&mut MediaFacts) = |facts| {
        facts.completeness = Completeness::Missing { first_missing_s: Some(3.0), reason: "cut".into() }
    };
    assert!(refusal(truncated, "tiktok-ads").contains("again"));
    let undecodable_audio: fn(&mut MediaFacts) = |facts| facts.audio[0].decodable = false;
    assert!(refusal(undecodable_audio, "tiktok-ads").contains("--add-silence"));
}

#[test]
fn a_later_encode_mode_re_encodes_everything_conservatively() {
    let options = FixOptions { encode_mode: EncodeMode::Conservative, ..FixOptions::default() };
    let plan = plan_for(&media(), "video.mp4", &options);
    assert_eq!(plan.action, Action::Reencode);
    let Some(VideoPlan::Encode(encode)) = plan.spec.unwrap().video else { panic!("not encoded") };
    assert_eq!((encode.b_frames, encode.profile), (0, X264Profile::Main));
    assert!(encode.scale.width.max(encode.scale.height) <= 1280);
}

#[test]
fn tone_maps_hdr_and_refuses_dolby_vision_without_a_base_layer() {
    let hdr = |compatibility| Hdr {
        kind: HdrKind::DolbyVision,
        dolby_vision: Some(DolbyVision { profile: 8, compatibility }),
    };
    let mut facts = media();
    facts.video[0].bit_depth = Some(10);
    facts.video[0].hdr = Some(hdr(4));
    let Some(VideoPlan::Encode(encode)) =
        plan_for(&facts, "video.mp4", &FixOptions::default()).spec.unwrap().video
    else {
        panic!("not encoded")
    };
    assert_eq!(encode.tone_map, Some(ToneMap { from: HdrKind::Hlg }));
    facts.video[0].hdr = Some(hdr(0));
    assert_eq!(plan_for(&facts, "video.mp4", &FixOptions::default()).action, Action::Refused);
}

#[test]
fn re_encoding_applies_an_editing_edit_list_that_is_never_dropped() {
    let mut facts = media();
    facts.video[0].edit_list = Some(EditList {
        kind: EditListKind::Editing,
        entries: 2,
        delay_only: false,
        changes_speed: false,
        reason: "starts at 0.5 s".into(),
    });
    assert_eq!(plan_for(&facts, "video.mp4", &FixOptions::default()).action, Action::Copy);
    facts.fast_start = Some(false);
    assert_eq!(plan_for(&facts, "video.mp4", &FixOptions::default()).action, Action::Copy);
    facts.container = Some("matroska".into());
    assert_eq!(plan_for(&facts, "video.mkv", &FixOptions::default()).action, Action::Reencode);
}

/// Returns the facts of a plan's output, as far as the plan determines them.
pub(super) fn predicted(facts: &MediaFacts, spec: &OutputSpec) -> MediaFacts {
    let mut out = media();
    out.container = Some(spec.container.extension().into());
    out.size_bytes = 1_000_000;
    out.duration_s = spec.expected_duration_s.or(facts.effective_duration_s());
    match &spec.video {
        Some(VideoPlan::Encode(encode)) => {
            let size = encode.canvas.as_ref().map_or(encode.scale, |canvas| canvas.size);
            (out.video[0].width, out.video[0].height) = (Some(size.width), Some(size.height));
            out.video[0].frame_rate = Some(encode.frame_rate);
        }
        _ => out.video = vec![VideoStream { index: 0, ..facts.video[0].clone() }],
    }
    match &spec.audio {
        Some(AudioPlan::Copy { stream: index }) => {
            let stream = facts.audio.iter().find(|audio| audio.index == *index).unwrap();
            out.audio = vec![AudioStream { index: 1, ..stream.clone() }];
        }
        Some(_) => {}
        None => out.audio.clear(),
    }
    out
}

fn any_facts() -> impl Strategy<Value = MediaFacts> {
    let geometry = (1_u32..5000, 1_u32..5000, 0_u32..4, 1_u32..200, 1_u32..3, prop::bool::ANY);
    let codecs = (
        prop::sample::select(vec!["h264", "hevc", "vp8", "vp9", "mpeg4", "prores", "gif"]),
        prop::sample::select(vec!["aac", "mp3", "pcm_s16le", "vorbis", "opus"]),
        prop::sample::select(vec!["mp4", "mov", "matroska", "webm", "avi", "gif", "mpegts"]),
    );
    let rest = (0.1_f64..900.0, 8_u8..11, 0_usize..3, prop::bool::ANY, 1_u64..40_000_000);
    (geometry, codecs, rest).prop_map(
        |(geometry, (video, audio, container), (duration, depth, tracks, vfr, rate))| {
            let (width, height, turns, fps, sar, first) = geometry;
            let mut facts = media();
            facts.container = Some(container.into());
            facts.duration_s = Some(duration);
            facts.fast_start = Some(first);
            let stream = &mut facts.video[0];
            stream.codec = Some(video.into());
            (stream.width, stream.height) = (Some(width), Some(height));
            stream.rotation = Rotation::from_degrees(f64::from(turns) * 90.0);
            stream.frame_rate = Rational::new(fps, 1);
            stream.variable_frame_rate = Some(vfr);
            stream.sample_aspect_ratio = Rational::new(sar, 1);
            stream.bit_depth = Some(depth);
            stream.bit_rate = Some(rate);
            facts.audio[0].codec = Some(audio.into());
            let track = facts.audio[0].clone();
            facts.audio = (0..tracks).map(|n| AudioStream { index: 1 + n as u32, ..track.clone() }).collect();
            facts
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// With every consent, the planned output of any decodable video complies.
    #[test]
    fn planned_outputs_comply(facts in any_facts(), id in prop::sample::select(Profile::builtin_ids())) {
        let profile = Profile::builtin(id).unwrap();
        let options = FixOptions {
            trim: true, upscale: true, add_silence: true, extend: Some(Extend::Loop),
            audio_track: AudioTrackChoice::First, ..FixOptions::default()
        };
        let assessment = assess(&Subject { facts: &facts, file_name: "video.mp4", deep: None }, &profile, &Selection::default());
        let plan = plan(&facts, &assessment, &profile, &options, &MACHINE);
        if let Some(spec) = &plan.spec {
            let out = predicted(&facts, spec);
            let again = assess(&Subject { facts: &out, file_name: "video.mp4", deep: None }, &profile, &Selection::default());
            prop_assert_eq!(again.verdict(), Verdict::Compliant, "{:?}\n{:?}", again.findings(), spec);
        } else if plan.action == Action::Copy {
            prop_assert_eq!(assessment.verdict() == Verdict::Compliant || plan.output_extension.is_some(), true);
        }
    }

    /// A compliant video is copied or remuxed, but not re-encoded.
    #[test]
    fn a_compliant_video_is_not_re_encoded(facts in any_facts()) {
        let profile = Profile::builtin("tiktok-ads").unwrap();
        let assessment = assess(&Subject { facts: &facts, file_name: "video.mp4", deep: None }, &profile, &Selection::default());
        if assessment.verdict() == Verdict::Compliant {
            // A second track is not dropped without consent.
            let options = FixOptions { audio_track: AudioTrackChoice::First, ..FixOptions::default() };
            let plan = plan(&facts, &assessment, &profile, &options, &MACHINE);
            prop_assert!(matches!(plan.action, Action::Copy | Action::Remux), "{:?}", plan);
        }
    }
}

#[test]
fn a_still_image_is_refused_under_a_profile_for_videos() {
    let refused = plan_under("youtube", &example::image(), "cover.png", &FixOptions::default());
    assert_eq!(refused.action, Action::Refused);
    assert!(refused.reason.unwrap().contains("still image"));
}

#[test]
fn hev1_becomes_hvc1_by_remuxing() {
    let mut facts = media();
    facts.video[0].codec = Some("hevc".into());
    facts.video[0].codec_tag = Some("hev1".into());
    let plan = plan_for(&facts, "video.mp4", &FixOptions::default());
    assert_eq!(plan.action, Action::Remux);
    assert!(plan.reason.unwrap().contains("hev1"));
    let Some(VideoPlan::Copy { tags, .. }) = plan.spec.unwrap().video else { panic!("encoded") };
    assert_eq!(tags.codec_tag.as_deref(), Some("hvc1"));
}
