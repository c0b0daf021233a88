//! Sample reports for the tests of the renderers.

#![allow(clippy::unwrap_used)]

pub(super) mod xml;

use super::{
    AdDelivery, Added, AudioOutcome, Delivery, DeliveryState, Dropped, FileEntry, Fix, FixAction, Format,
    HumanOptions, Media, Outdated, Report, Tool, Verified, render,
};
use crate::ending::{Ending, FailureKind, RefusalClass};
use crate::job::Similarity;
use crate::model::{
    ColorTags, Completeness, DecodeError, DecodeErrorKind, DolbyVision, EditList, EditListKind, Flip, Hdr,
    HdrKind, MediaFacts, OtherKind, OtherStream, PrivacyTags, Rational, Rotation, SourceDamage, TimeRange,
    Timing,
};
use crate::plan::Refusal;
use crate::rules::{Acceptance, Confidence, Finding, Remedy, RuleId, Severity, Verdict};

pub(super) fn rendered(report: &Report, format: Format) -> String {
    rendered_with(report, format, &HumanOptions::default())
}

pub(super) fn rendered_with(report: &Report, format: Format, options: &HumanOptions) -> String {
    let mut out = Vec::new();
    render(report, format, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Returns the facts of a sample video with realistic values.
pub(super) fn portrait_facts() -> MediaFacts {
    let mut facts = crate::model::example::media();
    facts.size_bytes = 12_345_678;
    (facts.duration_s, facts.bit_rate) = (Some(12.012), Some(8_222_229));
    facts.video[0].frame_rate = Rational::new(30000, 1001);
    facts
}

pub(super) fn portrait() -> Media {
    Media::from(portrait_facts())
}

/// Returns media facts with every field and every nested object set.
fn media_with_every_field() -> Media {
    let mut facts = portrait_facts();
    facts.container = Some("mov".into());
    facts.completeness =
        Completeness::Missing { first_missing_s: Some(8.5), reason: "box `mdat` is cut short".into() };
    facts.privacy = PrivacyTags { location: vec!["location".into()], device: vec!["make".into()] };
    facts.chapters = 2;
    let video = &mut facts.video[0];
    video.codec = Some("hevc".into());
    video.rotation = Rotation::Quarter;
    video.flip = Some(Flip::Horizontal);
    (video.width, video.height) = (Some(1920), Some(1080));
    video.variable_frame_rate = Some(true);
    video.hdr = Some(Hdr {
        kind: HdrKind::DolbyVision,
        dolby_vision: Some(DolbyVision { profile: 8, compatibility: 4 }),
    });
    video.color = ColorTags {
        range: Some("tv".into()),
        primaries: Some("bt2020".into()),
        transfer: Some("arib-std-b67".into()),
        matrix: Some("bt2020nc".into()),
    };
    video.chroma = Some("4:2:0".into());
    video.alpha = Some(false);
    video.modal_frame_rate = Rational::new(30, 1);
    video.bitstream_sample_aspect_ratio = Rational::new(64, 45);
    video.field_order = Some("progressive".into());
    (video.bit_rate, video.duration_s, video.start_s) = (Some(8_000_000), Some(12.0), Some(0.0));
    (video.frames, video.closed_gop, video.max_gop_frames) = (Some(360), Some(true), Some(60));
    video.parameter_changes = Some(0);
    let edit_list = EditList {
        kind: EditListKind::Benign,
        entries: 1,
        delay_only: false,
        changes_speed: false,
        reason: "reorder delay".into(),
    };
    video.edit_list = Some(edit_list.clone());
    video.timing =
        Some(Timing { min_interval_s: Some(0.03), negative_dts_s: Some(-0.1), ..Timing::default() });
    facts.audio[0].edit_list = Some(edit_list);
    facts.audio[0].start_s = Some(-0.021);
    facts.other = [OtherKind::Data, OtherKind::Subtitle, OtherKind::Attachment, OtherKind::CoverArt]
        .into_iter()
        .zip(2..)
        .map(|(kind, index)| OtherStream {
            index,
            kind,
            codec: Some("bin_data".into()),
            language: None,
            duration_s: None,
        })
        .collect();
    Media::from(facts)
}

pub(super) fn finding(rule: RuleId, severity: Severity, remedy: Remedy) -> Finding {
    Finding {
        rule,
        severity,
        stream: Some(0),
        actual: "mpeg4".into(),
        allowed: "h264, hevc".into(),
        message: "the video codec is mpeg4".into(),
        ranges: Vec::new(),
        first_missing_s: None,
        checked_on: Some("2026-06-30".into()),
        confidence: Confidence::Practice,
        remedy,
        source: Some("https://ads.tiktok.com/help/article/video-ads-specifications".into()),
        accepted: None,
        stated: false,
    }
}

/// Returns the findings of a truncated video: two errors, a warning and an advice.
fn many_findings() -> Vec<Finding> {
    vec![
        finding(RuleId::VideoCodec, Severity::Error, Remedy::ReencodeVideo),
        Finding {
            stream: None,
            actual: "3.5 s missing".into(),
            allowed: "all declared data".into(),
            message: "the file ends before its video does".into(),
            first_missing_s: Some(8.5),
            checked_on: None,
            source: None,
            confidence: Confidence::ThirdParty,
            ..finding(RuleId::Integrity, Severity::Error, Remedy::Refuse)
        },
        Finding {
            actual: "2 spans".into(),
            allowed: "none longer than 1 s".into(),
            message: "the video is black for a while".into(),
            ranges: vec![TimeRange { from_s: 0.0, to_s: 1.5 }, TimeRange { from_s: 62.5, to_s: 65.0 }],
            confidence: Confidence::Official,
            ..finding(RuleId::Black, Severity::Warning, Remedy::None)
        },
        Finding {
            stream: None,
            actual: "moov last".into(),
            allowed: "moov first".into(),
            message: "the index (moov) is at the end of the file".into(),
            ..finding(RuleId::FastStart, Severity::Advice, Remedy::Remux)
        },
    ]
}

pub(super) fn reencoded() -> Fix {
    Fix {
        action: FixAction::ReencodeVideo,
        output: Some("out/b.fixed.mp4".into()),
        steps: vec![
            "re-encode the video as H.264, because mpeg4 is not allowed".into(),
            "copy the audio stream".into(),
        ],
        dropped: vec![Dropped {
            stream: 2,
            kind: "audio",
            codec: Some("ac3".into()),
            language: Some("deu".into()),
            duration_s: Some(12.0),
            reason: "one audio track is kept".into(),
        }],
        added: vec![Added { kind: "borders", duration_s: None, reason: "the aspect ratio is 4:3".into() }],
        audio: AudioOutcome::Copied,
        reason: Some("a copied video stream would still be mpeg4".into()),
        refusal: None,
        encoder: Some("x264"),
        verified: Some(Verified {
            verdict: Verdict::Compliant,
            identical_streams: 1,
            decoded_frames: Some(360),
            decode_errors: Some(0),
            duration_delta_s: Some(0.012),
            similarity: Some(Similarity {
                metric: crate::job::SimilarityMetric::Ssim,
                mean: 0.996_12,
                min: 0.987_3,
                worst_at_s: Some(3.2),
            }),
            remaining: Vec::new(),
            concealed: Some(SourceDamage {
                packets: 360,
                error_count: 1,
                errors: vec![DecodeError {
                    stream: 1,
                    at_s: Some(1.2),
                    message: "invalid data".into(),
                    kind: DecodeErrorKind::Undecodable,
                }],
                at_least: false,
                heavy: false,
            }),
        }),
        reused: false,
        same_as: None,
    }
}

fn without_output(action: FixAction, reason: &str) -> Fix {
    let refusal = Some(if action == FixAction::Refused { "needs-trim" } else { "not-proven" });
    let reason = Some(reason.into());
    Fix {
        action,
        output: None,
        steps: Vec::new(),
        dropped: Vec::new(),
        added: Vec::new(),
        audio: AudioOutcome::None,
        reason,
        refusal,
        encoder: None,
        verified: None,
        reused: false,
        same_as: None,
    }
}

/// Returns a report of a run on a system that refused a barrier.
pub(super) fn weak_isolation() -> Report {
    let Report { mut tool, profiles, files, .. } = report(vec![entry("a.mp4", Verdict::Compliant)]);
    tool.isolation_refused = Some(vec!["landlock: not <supported>".into()]);
    Report::new(tool, profiles, files, 1.0, false)
}

pub(super) fn entry(path: &str, verdict: Verdict) -> FileEntry {
    FileEntry {
        path: path.into(),
        path_raw: None,
        profile: "tiktok-ads".into(),
        ending: match verdict {
            Verdict::Compliant => Ending::Compliant,
            Verdict::Noncompliant => Ending::Noncompliant,
            Verdict::Indeterminate => Ending::Undecided,
            Verdict::Unreadable => Ending::Unreadable(FailureKind::Input),
            Verdict::Skipped => Ending::Skipped,
        },
        verdict,
        forecast: None,
        reason: None,
        media: Some(portrait()),
        findings: Vec::new(),
        undecided: Vec::new(),
        not_decoded: None,
        loudness: None,
        fix: None,
        delivery: None,
        isolation_refused: Vec::new(),
        outdated: None,
        only_counted: false,
    }
}

fn delivered(state: DeliveryState, reason: Option<&str>) -> Delivery {
    let reason = reason.map(str::to_owned);
    Delivery {
        state,
        video_id: Some("v10033g50000".into()),
        attempts: 1,
        reason,
        ads: Vec::new(),
        publication: super::Publication::Ad,
        stopped: false,
    }
}

pub(super) fn report(files: Vec<FileEntry>) -> Report {
    let tool = Tool {
        name: "greenlit",
        version: "0.1.0",
        ffmpeg: Some("8.0".into()),
        isolation: Some(vec!["seccomp".into(), "landlock".into()]),
        isolation_refused: Some(Vec::new()),
        landlock_abi: Some(6),
    };
    Report::new(tool, vec!["tiktok-ads".into()], files, 3.417_201_77, false)
}

fn with_delivery(path: &str, delivery: Delivery) -> FileEntry {
    FileEntry { delivery: Some(delivery), ..entry(path, Verdict::Compliant) }
}

fn with_fix(path: &str, ending: Ending, fix: Fix) -> FileEntry {
    FileEntry {
        ending,
        findings: vec![finding(RuleId::VideoCodec, Severity::Error, Remedy::ReencodeVideo)],
        fix: Some(fix),
        ..entry(path, Verdict::Noncompliant)
    }
}

/// Returns an entry whose errors do not count.
pub(super) fn accepted(path: &str) -> FileEntry {
    let mut findings = many_findings();
    let ignored = |until: Option<&str>| Acceptance::Ignored {
        reason: "delivered before the limit existed".into(),
        until: until.map(Into::into),
    };
    findings[0].accepted = Some(ignored(None));
    findings[1].accepted = Some(Acceptance::Baseline);
    findings[2].accepted = Some(ignored(Some("2026-12-31")));
    FileEntry { ending: Ending::Accepted, findings, ..entry(path, Verdict::Noncompliant) }
}

fn without_media(path: &str, verdict: Verdict, reason: &str) -> FileEntry {
    FileEntry { media: None, reason: Some(reason.into()), ..entry(path, verdict) }
}

fn published() -> AdDelivery {
    AdDelivery {
        row: 1,
        state: DeliveryState::Published,
        ad_id: Some("1800".into()),
        ..AdDelivery::default()
    }
}

fn changed() -> AdDelivery {
    AdDelivery {
        problem: Some(super::RowProblem::RowChanged),
        reason: Some("its row changed since, and the change is not sent".into()),
        ..published()
    }
}

fn rejected() -> AdDelivery {
    AdDelivery {
        row: 2,
        state: DeliveryState::Failed,
        reason: Some("the landing page answers 404".into()),
        ..AdDelivery::default()
    }
}

/// Returns a report with an entry for every outcome; its name is between the first and second `.` of the path.
pub(super) fn everything() -> Report {
    use Verdict::{Indeterminate, Noncompliant, Skipped, Unreadable};
    let with_ads = |state, ads| Delivery { ads, ..delivered(state, None) };
    report(vec![
        with_delivery("a.compliant.mp4", delivered(DeliveryState::Processing, None)),
        FileEntry {
            delivery: Some(with_ads(DeliveryState::Published, vec![published()])),
            ..with_fix("b.fixed.avi", Ending::Fixed, reencoded())
        },
        with_fix("b2.fixable.avi", Ending::Fixable, Fix { output: None, verified: None, ..reencoded() }),
        FileEntry {
            media: Some(media_with_every_field()),
            findings: many_findings(),
            ..entry("c.not-compliant.mov", Noncompliant)
        },
        accepted("c2.accepted.mov"),
        FileEntry { undecided: vec![RuleId::Duration], ..entry("d.undecided.gif", Indeterminate) },
        FileEntry {
            outdated: Some(Outdated::SourceChanged),
            ..without_media("d2.outdated.mov", Indeterminate, "the source changed")
        },
        without_media("e.unreadable.mp4", Unreadable, "moov box not found: the file has only 48 bytes"),
        with_fix(
            "f.refused.mp4",
            Ending::Refused(RefusalClass::Plan(Refusal::NeedsTrim)),
            without_output(FixAction::Refused, "900 s is longer than 600 s: allow it with --trim"),
        ),
        with_delivery("g.not-delivered.mp4", with_ads(DeliveryState::Ready, vec![published(), rejected()])),
        FileEntry {
            delivery: Some(delivered(DeliveryState::GivenUp, Some("processing failed three times"))),
            ..with_fix("g2.not-delivered.mp4", Ending::Fixed, reencoded())
        },
        with_delivery("g3.change-not-sent.mp4", with_ads(DeliveryState::Published, vec![changed()])),
        with_fix(
            "h.failed.mp4",
            Ending::Failed(FailureKind::Operation),
            without_output(FixAction::Failed, "no space left in out/"),
        ),
        FileEntry {
            ending: Ending::Failed(FailureKind::Operation),
            path_raw: Some("h2.failed.%FF.mp4".into()),
            ..without_media("h2.failed.\u{fffd}.mp4", Indeterminate, "permission denied")
        },
        FileEntry {
            ending: Ending::Interrupted,
            ..without_media(
                "h3.cancelled.mp4",
                Indeterminate,
                "cancelled; run the same command again to resume",
            )
        },
        without_media("i.skipped.txt", Skipped, "not a media file"),
    ])
}
