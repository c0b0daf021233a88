//! The ladder, rung by rung, and what holds for every file.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::model::sample::{self, media};
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
    plan_for(&facts, "film.mp4", &FixOptions::default()).action
}

#[test]
fn each_fault_gets_the_cheapest_rung_that_clears_it() {
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
fn a_warning_alone_never_costs_a_generation() {
    assert_eq!(action(|facts| facts.video[0].variable_frame_rate = Some(true)), Action::Copy);
    assert_eq!(action(|facts| facts.audio[0].channels = Some(6)), Action::Copy);
    assert_eq!(action(|facts| facts.video[0].field_order = Some("tt".into())), Action::Copy);
}

#[test]
fn a_last_picture_may_stand_where_the_container_does_not_time_it_and_is_whole() {
    let hold = |container: &str, completeness| {
        let mut facts = media();
        facts.container = Some(container.into());
        facts.completeness = completeness;
        facts.video[0].codec = Some("vp8".into());
        let spec = plan_for(&facts, "film.mp4", &FixOptions::default()).spec.unwrap();
        (spec.max_hold_s, spec.expected_duration_s)
    };
    let (whole, declared) = hold("webm", Completeness::Whole);
    assert_eq!(declared, Some(15.0));
    assert!(hold("mpegts", Completeness::Unknown).0 < whole);
    assert_eq!(hold("mp4", Completeness::Whole).0, 0.0);
    assert_eq!(hold("h264", Completeness::Unknown).1, None, "a guess is no plan");
}

#[test]
fn a_length_is_that_of_the_frames_where_a_container_guesses_or_holds_more() {
    let shown = |change: &dyn Fn(&mut MediaFacts)| {
        let mut facts = media();
        change(&mut facts);
        let options = FixOptions { extend: Some(Extend::Freeze), ..FixOptions::default() };
        let plan = plan_under("instagram-reels", &facts, "film.mp4", &options);
        let steps: Vec<String> = plan.steps.into_iter().map(|step| step.text).collect();
        steps.into_iter().find(|text| text.contains("as agreed"))
    };
    assert_eq!(shown(&|_| {}), None);
    let guessed = shown(&|facts| {
        facts.container = Some("mpegvideo".into());
        facts.duration_s = Some(0.003);
        facts.video[0].duration_s = Some(0.003);
        facts.video[0].frames = Some(50);
        facts.video[0].frame_rate = Rational::new(25, 1);
        facts.audio.clear();
    });
    assert!(guessed.as_ref().is_some_and(|text| text.ends_with("it lasts 2.0 s")), "{guessed:?}");
    let within = shown(&|facts| {
        facts.video[0].duration_s = Some(1.0);
        facts.audio.clear();
    });
    assert!(within.as_ref().is_some_and(|text| text.ends_with("it lasts 1.0 s")), "{within:?}");
}

#[test]
fn every_refusal_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> = Refusal::ALL.iter().map(|refusal| refusal.name()).collect();
    assert_eq!(names.len(), Refusal::ALL.len());
    let mut facts = media();
    facts.video[0].decodable = false;
    facts.video[0].codec = Some("none".into());
    let plan = plan_for(&facts, "film.mp4", &FixOptions::default());
    assert_eq!((plan.action, plan.refusal), (Action::Refused, Some(Refusal::NoDecoder)));
}

#[test]
fn a_wrong_name_costs_a_name() {
    let plan = plan_for(&media(), "film.mov", &FixOptions::default());
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
fn without_consent_the_reason_names_the_option() {
    let refusal = |change: fn(&mut MediaFacts), profile: &str| {
        let mut facts = media();
        change(&mut facts);
        let plan = plan_under(profile, &facts, "film.mp4", &FixOptions::default());
        assert_eq!(plan.action, Action::Refused);
        plan.reason.unwrap()
    };
    let small: fn(&mut MediaFacts) =
        |facts| (facts.video[0].width, facts.video[0].height) = (Some(480), Some(270));
    assert!(refusal(small, "tiktok-ads").contains("--upscale"));
    assert!(refusal(|facts| facts.duration_s = Some(700.0), "tiktok-ads").contains("--trim"));
    assert!(refusal(|facts| facts.duration_s = Some(2.0), "tiktok-ads-reservation").contains("--extend"));
    let cut: fn(&mut MediaFacts) = |facts| {
        facts.completeness = Completeness::Missing { first_missing_s: Some(3.0), reason: "cut".into() }
    };
    assert!(refusal(cut, "tiktok-ads").contains("again"));
    let deaf: fn(&mut MediaFacts) = |facts| facts.audio[0].decodable = false;
    assert!(refusal(deaf, "tiktok-ads").contains("--add-silence"));
}

#[test]
fn a_later_recipe_encodes_everything_more_carefully() {
    let options = FixOptions { recipe: 3, ..FixOptions::default() };
    let plan = plan_for(&media(), "film.mp4", &options);
    assert_eq!(plan.action, Action::Reencode);
    let Some(VideoPlan::Encode(encode)) = plan.spec.unwrap().video else { panic!("not encoded") };
    assert_eq!((encode.b_frames, encode.profile), (0, X264Profile::Main));
    assert!(encode.scale.width.max(encode.scale.height) <= 1280);
}

#[test]
fn high_dynamic_range_is_mapped_and_an_unreadable_base_refused() {
    let hdr = |compatibility| Hdr {
        kind: HdrKind::DolbyVision,
        dolby_vision: Some(DolbyVision { profile: 8, compatibility }),
    };
    let mut facts = media();
    facts.video[0].bit_depth = Some(10);
    facts.video[0].hdr = Some(hdr(4));
    let Some(VideoPlan::Encode(encode)) =
        plan_for(&facts, "film.mp4", &FixOptions::default()).spec.unwrap().video
    else {
        panic!("not encoded")
    };
    assert_eq!(encode.tone_map, Some(ToneMap { from: HdrKind::Hlg }));
    facts.video[0].hdr = Some(hdr(0));
    assert_eq!(plan_for(&facts, "film.mp4", &FixOptions::default()).action, Action::Refused);
}

#[test]
fn an_edit_that_matters_is_played_out_and_never_dropped() {
    let mut facts = media();
    facts.video[0].edit_list =
        Some(EditList { kind: EditListKind::Editing, entries: 2, reason: "starts at 0.5 s".into() });
    assert_eq!(plan_for(&facts, "film.mp4", &FixOptions::default()).action, Action::Copy);
    facts.fast_start = Some(false);
    assert_eq!(plan_for(&facts, "film.mp4", &FixOptions::default()).action, Action::Copy);
    facts.container = Some("matroska".into());
    assert_eq!(plan_for(&facts, "film.mkv", &FixOptions::default()).action, Action::Reencode);
}

/// What the output of a plan will be, as far as the plan says.
fn predicted(facts: &MediaFacts, spec: &OutputSpec) -> MediaFacts {
    let mut out = media();
    out.container = Some(spec.container.extension().to_owned());
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
        Some(AudioPlan::Copy { stream }) => {
            let track = facts.audio.iter().find(|track| track.index == *stream).unwrap();
            out.audio = vec![AudioStream { index: 1, ..track.clone() }];
        }
        Some(_) => {}
        None => out.audio.clear(),
    }
    out
}

fn any_facts() -> impl Strategy<Value = MediaFacts> {
    let picture = (1_u32..5000, 1_u32..5000, 0_u32..4, 1_u32..200, 1_u32..3, prop::bool::ANY);
    let codecs = (
        prop::sample::select(vec!["h264", "hevc", "vp8", "vp9", "mpeg4", "prores", "gif"]),
        prop::sample::select(vec!["aac", "mp3", "pcm_s16le", "vorbis", "opus"]),
        prop::sample::select(vec!["mp4", "mov", "matroska", "webm", "avi", "gif", "mpegts"]),
    );
    let rest = (0.1_f64..900.0, 8_u8..11, 0_usize..3, prop::bool::ANY, 1_u64..40_000_000);
    (picture, codecs, rest).prop_map(
        |(picture, (video, audio, container), (duration, depth, tracks, vfr, rate))| {
            let (width, height, turns, fps, sar, first) = picture;
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

    /// With every consent given, a plan for any decodable video is one whose output complies.
    #[test]
    fn what_a_plan_makes_complies(facts in any_facts(), id in prop::sample::select(Profile::builtin_ids())) {
        let profile = Profile::builtin(id).unwrap();
        let options = FixOptions {
            trim: true, upscale: true, add_silence: true, extend: Some(Extend::Loop), ..FixOptions::default()
        };
        let assessment = assess(&Subject { facts: &facts, file_name: "film.mp4", deep: None }, &profile, &Selection::default());
        let plan = plan(&facts, &assessment, &profile, &options, &MACHINE);
        if let Some(spec) = &plan.spec {
            let out = predicted(&facts, spec);
            let again = assess(&Subject { facts: &out, file_name: "film.mp4", deep: None }, &profile, &Selection::default());
            prop_assert_eq!(again.verdict(), Verdict::Compliant, "{:?}\n{:?}", again.findings(), spec);
        } else if plan.action == Action::Copy {
            prop_assert_eq!(assessment.verdict() == Verdict::Compliant || plan.output_extension.is_some(), true);
        }
    }

    /// A compliant video without lossless complaints is left alone: the fix point.
    #[test]
    fn a_compliant_video_is_left_alone(facts in any_facts()) {
        let profile = Profile::builtin("tiktok-ads").unwrap();
        let assessment = assess(&Subject { facts: &facts, file_name: "film.mp4", deep: None }, &profile, &Selection::default());
        if assessment.verdict() == Verdict::Compliant {
            let plan = plan(&facts, &assessment, &profile, &FixOptions::default(), &MACHINE);
            prop_assert!(matches!(plan.action, Action::Copy | Action::Remux), "{:?}", plan);
        }
    }
}

#[test]
fn pictures_are_copied_or_refused_and_never_made_into_videos() {
    let planned = |profile, name, change: fn(&mut MediaFacts)| {
        let mut facts = sample::image();
        change(&mut facts);
        plan_under(profile, &facts, name, &FixOptions::default())
    };
    assert_eq!(planned("tiktok-ads", "cover.png", |_| {}).action, Action::Copy);
    let refused = planned("tiktok-ads", "cover.webp", |facts| facts.container = Some("webp_pipe".into()));
    assert_eq!(refused.action, Action::Refused);
    assert!(refused.reason.unwrap().contains("the picture is a webp file"));
    let refused = planned("youtube", "cover.png", |_| {});
    assert_eq!(refused.action, Action::Refused);
    assert!(refused.reason.unwrap().contains("still picture"));
}

#[test]
fn hev1_becomes_hvc1_without_encoding() {
    let mut facts = media();
    facts.video[0].codec = Some("hevc".into());
    facts.video[0].codec_tag = Some("hev1".into());
    let plan = plan_for(&facts, "film.mp4", &FixOptions::default());
    assert_eq!(plan.action, Action::Remux);
    assert!(plan.reason.unwrap().contains("hev1"));
    let Some(VideoPlan::Copy { tags, .. }) = plan.spec.unwrap().video else { panic!("encoded") };
    assert_eq!(tags.codec_tag.as_deref(), Some("hvc1"));
}
