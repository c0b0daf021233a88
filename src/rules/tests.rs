//! Tests of the registry, and one passing and one failing case for each rule.
#![allow(clippy::unwrap_used)]

mod faults;

use faults::{Change, FAULTS};

use super::*;
use crate::model::example::{self, media as good};
use crate::model::*;
use crate::profile::Profile;

/// Returns a profile in which every rule has limits and with which `good` complies.
fn strict_profile() -> Profile {
    let text = "id = \"strict\"\nextends = \"tiktok-ads\"\n\
        [rule.video-profile]\nallow = [\"High\"]\nmax_level = 42\n\
        [rule.audio-bit-rate]\nmin = 96000\n\
        [rule.audio-stream]\nrequired = true\nmax_streams = 1\n\
        [rule.loudness]\ntarget_lufs = -16\ntolerance_lu = 2\n";
    Profile::parse(text, &Profile::builtin).unwrap()
}

fn assess_strictly(facts: &MediaFacts, name: &str, deep: Option<&DeepReport>) -> Assessment {
    assess(&Subject { facts, file_name: name, deep }, &strict_profile(), &Selection::default())
}

#[test]
fn every_rule_is_registered_once_in_the_order_of_its_ids() {
    let ids: Vec<_> = registry().iter().map(|rule| rule.id()).collect();
    assert_eq!(ids, RuleId::ALL);
    for id in ids {
        assert!(id.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{id}");
        assert_eq!(find(id.as_str()).unwrap().id(), id);
        assert_eq!(RuleId::from_name(id.as_str()), Some(id));
    }
}

#[test]
fn every_rule_has_documentation() {
    for rule in registry() {
        let info = rule.info();
        for part in [info.what, info.why, info.remedy, info.source] {
            assert!(part.len() > 9, "{}: `{part}`", rule.id());
        }
    }
}

#[test]
fn good_video_complies_with_the_strict_profile() {
    let assessment = assess_strictly(&good(), "video.mp4", None);
    assert_eq!(assessment.verdict(), Verdict::Compliant);
    assert_eq!(assessment.findings(), []);
}

#[test]
fn each_rule_fires_on_its_own_fault_only() {
    for (rule, change) in FAULTS {
        let mut facts = good();
        change(&mut facts);
        let assessment = assess_strictly(&facts, "video.mp4", None);
        let mut fired: Vec<_> = assessment.findings().iter().map(|finding| finding.rule.as_str()).collect();
        fired.dedup();
        let expected: &[&str] = if *rule == "container" { &["container", "extension"] } else { &[*rule] };
        assert_eq!(fired, expected, "{rule}");
        let finding = &assessment.findings()[0];
        assert!(!finding.actual.is_empty() && !finding.allowed.is_empty(), "{finding:?}");
    }
}

#[test]
fn size_and_pixel_shape_rules_fire() {
    let mut facts = good();
    facts.video[0].width = Some(1081);
    assert!(assess_strictly(&facts, "video.mp4", None).has(RuleId::EvenDimensions, Severity::Warning));
    let mut facts = good();
    facts.video[0].sample_aspect_ratio = Rational::new(4, 3);
    assert!(assess_strictly(&facts, "video.mp4", None).has(RuleId::SampleAspectRatio, Severity::Warning));
    let mut facts = good();
    facts.video.clear();
    assert!(assess_strictly(&facts, "video.mp4", None).has(RuleId::VideoStream, Severity::Error));
}

#[test]
fn frames_at_the_times_of_others_are_an_error() {
    let mut facts = good();
    facts.video[0].frames = Some(120);
    facts.video[0].timing.as_mut().unwrap().duplicates = 60;
    assert!(assess_strictly(&facts, "video.mp4", None).has(RuleId::Integrity, Severity::Error));
    facts.video[0].timing.as_mut().unwrap().duplicates = 2;
    assert!(!assess_strictly(&facts, "video.mp4", None).has(RuleId::Integrity, Severity::Error));
}

#[test]
fn file_name_rules_fire() {
    assert!(assess_strictly(&good(), "video.mkv", None).has(RuleId::Extension, Severity::Error));
    let contradiction = assess_strictly(&good(), "video.mov", None);
    assert!(
        contradiction.has(RuleId::Extension, Severity::Warning)
            && !contradiction.has(RuleId::Extension, Severity::Error)
    );
    assert!(
        assess_strictly(&good(), &format!("{}.mp4", "x".repeat(100)), None)
            .has(RuleId::FileName, Severity::Error)
    );
}

#[test]
fn content_rules_fire_on_the_full_decode() {
    let span = vec![TimeRange { from_s: 1.0, to_s: 9.0 }];
    let deep = DeepReport {
        black: span.clone(),
        freeze: span.clone(),
        silence: span.clone(),
        loudness: Some(LoudnessReport {
            integrated_lufs: -30.0,
            range_lu: 3.0,
            true_peak_dbtp: -2.0,
            momentary: LoudnessCurve::default(),
        }),
        active_area: Some([0, 420, 1080, 1080]),
        interlaced_frames: Some((40, 50)),
        decode: DecodeReport { error_count: 2, ..DecodeReport::default() },
        ..DeepReport::default()
    };
    let assessment = assess_strictly(&good(), "video.mp4", Some(&deep));
    use RuleId::{Black, Freeze, Integrity, Interlaced, Letterbox, Loudness, Silence};
    for rule in [Black, Freeze, Silence, Loudness, Letterbox, Interlaced, Integrity] {
        assert!(assessment.has(rule, Severity::Advice), "{rule}");
    }
    let black = assessment.findings().iter().find(|finding| finding.rule == RuleId::Black).unwrap();
    assert_eq!(black.ranges, span);
}

#[test]
fn unknown_fact_of_an_error_rule_is_indeterminate() {
    let unknowns: &[Change] = &[
        |facts| facts.video[0].codec = None,
        |facts| facts.video[0].width = None,
        |facts| facts.video[0].pixel_format = None,
        |facts| facts.container = None,
        |facts| {
            facts.duration_s = None;
            facts.video[0].duration_s = None;
            facts.audio[0].duration_s = None;
        },
    ];
    for change in unknowns {
        let mut facts = good();
        change(&mut facts);
        let assessment = assess_strictly(&facts, "video.mp4", None);
        assert_eq!(assessment.verdict(), Verdict::Indeterminate);
        assert!(!assessment.unknown().is_empty());
    }
    let mut facts = good();
    facts.completeness = Completeness::Unknown;
    assert_eq!(assess_strictly(&facts, "video.mp4", None).verdict(), Verdict::Compliant);
}

#[test]
fn validates_only_compliant_files_under_all_rules() {
    let hash = || ContentHash { blake3: "b".into(), md5: "m".into(), size_bytes: 1 };
    let profile = strict_profile();
    let facts = good();
    let subject = Subject { facts: &facts, file_name: "video.mp4", deep: None };
    let assessment = assess(&subject, &profile, &Selection::default());
    let validated = assessment.validate("video.mp4".into(), hash()).unwrap();
    assert_eq!(validated.display_size(), Some(Size::new(1080, 1920)));
    assert_eq!(validated.profile_hash(), profile.hash());
    let partial = Selection::new(&[], &["hdr".into()]).unwrap();
    assert!(assess(&subject, &profile, &partial).validate("video.mp4".into(), hash()).is_none());
    let mut facts = good();
    facts.video[0].codec = Some("vp8".into());
    assert!(assess_strictly(&facts, "video.mp4", None).validate("video.mp4".into(), hash()).is_none());
}

#[test]
fn misspelt_rule_id_gets_a_suggestion() {
    let error = Selection::new(&["video-codek".into()], &[]).unwrap_err();
    assert_eq!(error.to_string(), "unknown rule `video-codek`; did you mean `video-codec`?");
}

#[test]
fn ratio_tolerance_is_relative() {
    let is_refused = |width, height| {
        let mut facts = good();
        (facts.video[0].width, facts.video[0].height) = (Some(width), Some(height));
        assess_strictly(&facts, "video.mp4", None).has(RuleId::AspectRatio, Severity::Error)
    };
    assert!(!is_refused(1088, 1920));
    assert!(is_refused(1100, 1920));
    assert!(!is_refused(1920, 1080) && !is_refused(1080, 1080));
}

#[test]
fn preferred_ratio_is_only_advice() {
    let profile = Profile::builtin("instagram-reels").unwrap();
    let found = |width, height| {
        let mut facts = good();
        (facts.video[0].width, facts.video[0].height) = (Some(width), Some(height));
        let subject = Subject { facts: &facts, file_name: "video.mp4", deep: None };
        let assessment = assess(&subject, &profile, &Selection::default());
        let findings = assessment.findings().iter().filter(|finding| finding.rule == RuleId::AspectRatio);
        findings.map(|finding| (finding.severity, finding.allowed.clone())).collect::<Vec<_>>()
    };
    assert_eq!(found(1080, 1920), []);
    assert_eq!(found(1080, 1080), [(Severity::Advice, "9:16".to_owned())]);
    // Outside the allowed range, the advice would only repeat the error.
    assert_eq!(found(1100, 100), [(Severity::Error, "1:100 to 10:1".to_owned())]);
}

fn assess_under(profile: &str, change: impl FnOnce(&mut MediaFacts)) -> Assessment {
    let mut facts = good();
    change(&mut facts);
    let subject = Subject { facts: &facts, file_name: "video.mp4", deep: None };
    assess(&subject, &Profile::builtin(profile).unwrap(), &Selection::default())
}

/// If published limits conflict, a value between them is a warning and a value beyond both an error.
#[test]
fn value_between_conflicting_limits_is_a_warning() {
    fn bytes(count: u64) -> Box<dyn Fn(&mut MediaFacts)> {
        Box::new(move |facts| facts.size_bytes = count)
    }
    fn duration(seconds: f64) -> Box<dyn Fn(&mut MediaFacts)> {
        Box::new(move |facts| facts.duration_s = Some(seconds))
    }
    fn size(width: u32, height: u32) -> Box<dyn Fn(&mut MediaFacts)> {
        Box::new(move |facts| {
            (facts.video[0].width, facts.video[0].height) = (Some(width), Some(height));
        })
    }
    fn container(name: &'static str) -> Box<dyn Fn(&mut MediaFacts)> {
        Box::new(move |facts| facts.container = Some(name.into()))
    }
    let conflicts = [
        ("instagram-reels", "file-size", bytes(300_000_000), bytes(900_000_000), bytes(1_100_000_000)),
        ("x", "file-size", bytes(512_000_000), bytes(7_000_000_000), bytes(8_100_000_000)),
        ("x", "duration", duration(140.0), duration(1199.0), duration(1201.0)),
        ("x", "resolution", size(1280, 1024), size(1920, 1080), size(1922, 1080)),
        ("linkedin", "file-size", bytes(500_000_000), bytes(4_000_000_000), bytes(5_100_000_000)),
        ("pinterest", "file-size", bytes(1_000_000_000), bytes(1_900_000_000), bytes(2_100_000_000)),
        ("tiktok-ads", "container", container("avi"), container("3gp"), container("matroska")),
    ];
    for (profile, rule, below, between, beyond) in conflicts {
        let worst = |change: &dyn Fn(&mut MediaFacts)| {
            let assessment = assess_under(profile, change);
            let findings = assessment.findings().iter().filter(|finding| finding.rule.as_str() == rule);
            findings.map(|finding| finding.severity).max()
        };
        assert_eq!(worst(&below), None, "{profile} {rule}");
        assert_eq!(worst(&between), Some(Severity::Warning), "{profile} {rule}");
        assert_eq!(worst(&beyond), Some(Severity::Error), "{profile} {rule}");
    }
}

#[test]
fn hevc_tagged_hev1_is_a_warning_without_re_encoding() {
    let findings = |tag: &str| {
        let assessment = assess_under("tiktok-ads", |facts| {
            facts.video[0].codec = Some("hevc".into());
            facts.video[0].codec_tag = Some(tag.into());
        });
        assert_eq!(assessment.verdict(), Verdict::Compliant);
        assessment.findings().to_vec()
    };
    assert_eq!(findings("hvc1"), []);
    let [finding] = &findings("hev1")[..] else { panic!("{:?}", findings("hev1")) };
    assert_eq!((finding.rule.as_str(), finding.severity), ("video-codec", Severity::Warning));
    assert_eq!(finding.remedy, Remedy::BitstreamFilter);
}

fn assess_image(profile: &str, name: &str, change: impl FnOnce(&mut MediaFacts)) -> Assessment {
    let mut facts = example::image();
    change(&mut facts);
    let subject = Subject { facts: &facts, file_name: name, deep: None };
    assess(&subject, &Profile::builtin(profile).unwrap(), &Selection::default())
}

fn severities(assessment: &Assessment) -> Vec<(RuleId, Severity)> {
    assessment.findings().iter().map(|finding| (finding.rule, finding.severity)).collect()
}

#[test]
fn only_image_rules_apply_to_images() {
    let compliant = assess_image("tiktok-ads", "cover.png", |_| {});
    assert_eq!((compliant.verdict(), severities(&compliant)), (Verdict::Compliant, Vec::new()));
    assert!(compliant.is_image());
    type Case = (&'static str, &'static str, Severity, Change);
    let cases: &[Case] = &[
        ("image-format", "cover.gif", Severity::Error, |facts| facts.container = Some("gif".into())),
        ("image-format", "cover.jpg", Severity::Warning, |_| {}),
        ("image-size", "cover.png", Severity::Error, |facts| facts.size_bytes = 50_000_001),
        ("image-size", "cover.png", Severity::Error, |facts| {
            (facts.video[0].width, facts.video[0].height) = (Some(1620), Some(2880));
        }),
        ("image-size", "cover.png", Severity::Warning, |facts| {
            (facts.video[0].width, facts.video[0].height) = (Some(450), Some(800));
        }),
        ("image-size", "cover.png", Severity::Warning, |facts| {
            (facts.video[0].width, facts.video[0].height) = (Some(1290), Some(1290));
        }),
        ("image-aspect-ratio", "cover.png", Severity::Warning, |facts| facts.video[0].width = Some(960)),
    ];
    for (rule, name, severity, change) in cases {
        let found = severities(&assess_image("tiktok-ads", name, change));
        assert_eq!(found, [(RuleId::from_name(rule).unwrap(), *severity)], "{rule} {name}");
    }
    let unknown = assess_image("tiktok-ads", "cover.png", |facts| facts.video[0].width = None);
    assert_eq!(unknown.verdict(), Verdict::Indeterminate);
}

#[test]
fn image_rules_depend_on_the_profile() {
    let format = |profile, container: &str| {
        assess_image(profile, "p.png", |facts| facts.container = Some(container.into()))
    };
    assert!(format("tiktok-post", "png_pipe").has(RuleId::ImageFormat, Severity::Error));
    assert!(!format("tiktok-post", "webp_pipe").has(RuleId::ImageFormat, Severity::Error));
    assert!(format("tiktok-ads", "webp_pipe").has(RuleId::ImageFormat, Severity::Error));
    let wide = assess_image("tiktok-post", "p.webp", |facts| facts.video[0].width = Some(1100));
    assert!(wide.has(RuleId::ImageSize, Severity::Error));
    let heavy = assess_image("tiktok-ad-network", "p.png", |facts| facts.size_bytes = 60_000_000);
    assert_eq!(severities(&heavy), [(RuleId::ImageSize, Severity::Warning)]);
    // Without rules for images, an image is a video without motion.
    let without_rules = assess_image("youtube", "p.png", |_| {});
    assert!(without_rules.has(RuleId::VideoStream, Severity::Error) && !without_rules.is_image());
}

#[test]
fn images_are_never_validated_as_videos() {
    let hash = ContentHash { blake3: "b".into(), md5: "m".into(), size_bytes: 1 };
    let compliant = assess_image("tiktok-ads", "cover.png", |_| {});
    assert_eq!(compliant.verdict(), Verdict::Compliant);
    assert!(compliant.validate("cover.png".into(), hash).is_none());
}

#[test]
fn cover_must_have_the_aspect_ratio_of_its_video() {
    let profile = Profile::builtin("tiktok-ads").unwrap();
    let facts = example::image();
    let subject = Subject { facts: &facts, file_name: "cover.png", deep: None };
    let as_cover_of = |width, height| assess_cover(&subject, Size::new(width, height), &profile);
    assert_eq!(severities(&as_cover_of(1080, 1920)), []);
    // Encoders round sides, which changes the ratio by up to one per cent.
    assert_eq!(severities(&as_cover_of(1088, 1920)), []);
    let wide = as_cover_of(1920, 1080);
    assert_eq!(severities(&wide), [(RuleId::ImageAspectRatio, Severity::Error)]);
    assert_eq!((wide.findings()[0].actual.as_str(), wide.findings()[0].allowed.as_str()), ("9:16", "16:9"));
}
