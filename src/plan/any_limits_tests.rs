//! For any limits and any facts, what the plan makes is what the rules accept, at every edge.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::tests::predicted;
use super::*;
use crate::model::example::media;
use crate::model::*;
use crate::profile::Profile;
use crate::rules::{Selection, Subject, Verdict, assess};

/// A number on, beside, or anywhere around a limit.
fn around(limit: f64) -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(limit),
        prop::sample::select(vec![0.001, 0.049, 0.05, 0.051, 0.1, 1.0, 2.0, 3.0])
            .prop_flat_map(move |step| prop::sample::select(vec![limit - step, limit + step])),
        prop::sample::select(vec![0.5, 0.997, 0.998, 0.999, 1.001, 1.01, 1.5, 2.0])
            .prop_map(move |factor| limit * factor),
    ]
}

/// A lower and an upper limit, either of which may be missing or both the same.
fn bounds(least: f64, most: f64) -> impl Strategy<Value = (Option<f64>, Option<f64>)> {
    (least..most, 0.0..1.0_f64, 0_u8..5).prop_map(move |(low, share, kind)| {
        let high = low + (most - low) * share;
        match kind {
            0 => (None, Some(high)),
            1 => (Some(low), None),
            2 => (Some(low), Some(low)),
            _ => (Some(low), Some(high)),
        }
    })
}

/// One of the limits, or the middle where there is none.
fn edge((low, high): (Option<f64>, Option<f64>), middle: f64) -> impl Strategy<Value = f64> {
    let edges: Vec<f64> = [low, high].into_iter().flatten().collect();
    prop::sample::select(if edges.is_empty() { vec![middle] } else { edges })
}

fn table(rule: &str, keys: &[(&str, Option<f64>)]) -> String {
    let lines = keys.iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", (*value)?)));
    format!("[rule.{rule}]\n{}", lines.collect::<String>())
}

/// A profile of limits with values that lie on their edges.
fn cases() -> impl Strategy<Value = (String, MediaFacts)> {
    let limits = (
        bounds(1.0, 600.0),
        bounds(6.0, 90.0),
        bounds(100.0, 2200.0),
        bounds(100.0, 2200.0),
        (1_u32..22, 1_u32..22, prop::bool::ANY, 0.0..0.03_f64),
        bounds(100_000.0, 20_000_000.0),
        bounds(32_000.0, 320_000.0),
    );
    limits.prop_flat_map(|(duration, rate, width, height, ratio, video, audio)| {
        let whole = |side: (Option<f64>, Option<f64>)| (side.0.map(f64::floor), side.1.map(f64::floor));
        let (width, height) = (whole(width), whole(height));
        let (video, audio) = (whole(video), whole(audio));
        let (num, den, listed, tolerance) = ratio;
        let mut text = "id = \"x\"\n".to_owned();
        text += &table("duration", &[("min_s", duration.0), ("max_s", duration.1)]);
        text += &table("frame-rate", &[("min", rate.0), ("max", rate.1)]);
        text += &table(
            "resolution",
            &[
                ("min_width", width.0),
                ("max_width", width.1),
                ("min_height", height.0),
                ("max_height", height.1),
            ],
        );
        text += &match listed {
            true => format!("[rule.aspect-ratio]\nallow = [\"{num}:{den}\"]\ntolerance = {tolerance}\n"),
            false => {
                let (low, high) = (num.min(den), num.max(den));
                let range = format!("min = \"{low}:{high}\"\nmax = \"{high}:{low}\"\n");
                format!("[rule.aspect-ratio]\n{range}tolerance = {tolerance}\n")
            }
        };
        text += &table("video-bit-rate", &[("min", video.0), ("max", video.1)]);
        text += &table("audio-bit-rate", &[("min", audio.0), ("max", audio.1)]);
        text += "[rule.even-dimensions]\n[rule.video-codec]\nallow = [\"h264\"]\n";
        let facts = (
            edge(duration, 20.0).prop_flat_map(around),
            edge(rate, 30.0).prop_flat_map(around),
            edge(width, 700.0).prop_flat_map(around),
            edge(height, 700.0).prop_flat_map(around),
            edge(video, 1e6).prop_flat_map(around),
            prop::sample::select(vec!["h264", "vp9"]),
        );
        (Just(text), facts).prop_map(|(text, (seconds, fps, width, height, bits, codec))| {
            let mut facts = media();
            let seconds = seconds.max(0.05);
            facts.duration_s = Some(seconds);
            facts.audio[0].duration_s = Some(seconds);
            let video = &mut facts.video[0];
            video.duration_s = Some(seconds);
            video.codec = Some(codec.into());
            video.frame_rate = Rational::new((fps.max(1.0) * 1000.0) as u32, 1000);
            (video.width, video.height) = (Some(width.max(2.0) as u32), Some(height.max(2.0) as u32));
            video.bit_rate = Some(bits.max(1.0) as u64);
            (text, facts)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_a_plan_makes_complies_with_any_limits((text, facts) in cases()) {
        let Ok(profile) = Profile::parse(&text, &|_| None) else { return Ok(()) };
        let options = FixOptions {
            trim: true, upscale: true, add_silence: true, extend: Some(Extend::Loop), ..FixOptions::default()
        };
        let judge = |facts: &MediaFacts| {
            assess(&Subject { facts, file_name: "video.mp4", deep: None }, &profile, &Selection::default())
        };
        let assessment = judge(&facts);
        let plan = plan(&facts, &assessment, &profile, &options, &Machine { cores: 2 });
        match &plan.spec {
            Some(spec) => {
                let mut made = predicted(&facts, spec);
                if let Some(VideoPlan::Encode(encode)) = &spec.video {
                    // An encode lies anywhere between the rates that it is held to.
                    let limits = profile.rules().video_bit_rate.as_ref().unwrap().values.clone();
                    for rate in [encode.rate.min_bit_rate, encode.rate.max_bit_rate].into_iter().flatten() {
                        prop_assert!(!limits.max.is_some_and(|max| rate as f64 > max), "{:?} {}", limits, rate);
                    }
                    prop_assert!(limits.min.is_none() || encode.rate.min_bit_rate.is_some(), "{:?}", limits);
                    made.video[0].bit_rate = encode.rate.min_bit_rate.or(encode.rate.max_bit_rate);
                    if let Some(at_least) = encode.rate.min_bit_rate {
                        prop_assert!(!limits.min.is_some_and(|min| (at_least as f64) < min), "{:?}", limits);
                    }
                }
                if let Some(AudioPlan::Encode(encode)) = &spec.audio {
                    made.audio[0].bit_rate = Some(encode.bit_rate);
                }
                let again = judge(&made);
                prop_assert_eq!(again.verdict(), Verdict::Compliant, "{:?}\n{}\n{:?}", again.findings(), text, spec);
            }
            None if plan.action == Action::Copy => {
                prop_assert_eq!(assessment.verdict(), Verdict::Compliant, "{:?}", assessment.findings());
            }
            None => {}
        }
    }
}
