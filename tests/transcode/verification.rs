//! Verification: it reports lost and wrong content, and accepts correct outputs of unusual sources.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use greenlit::job::{VerifyLevel, VerifyReport};
use greenlit::plan::example::audio_encode;
use greenlit::plan::*;

use super::bench::{TestOutput, copied, encode, encoded, media};
use super::common::fixture;

fn video_with_audio(dir: &Path) -> PathBuf {
    let args = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac";
    media(dir, "m.mp4", args)
}

/// Returns a copy of a video that lacks every seventh packet.
fn with_holes(dir: &Path, input: &Path) -> PathBuf {
    let args = format!("-i {} -map 0 -c copy -bsf:v noise=drop=eq(mod(n\\,7)\\,3)", input.display());
    media(dir, "h.mp4", &args)
}

#[track_caller]
fn assert_source_damage(report: &VerifyReport) {
    assert!(report.is_source_damaged() && !report.failures.is_empty(), "{:?}", report.failures);
}

#[test]
fn rejects_outputs_of_damaged_sources_that_decode_without_errors() {
    let dir = tempfile::tempdir().unwrap();
    let input = video_with_audio(dir.path());
    let encode_spec = encoded(encode(320, 240, 25), Some(audio_encode(1)));
    let copy = copied(Some(AudioPlan::Copy { stream: 1 }));
    let out = TestOutput::new();
    let mut bytes = std::fs::read(&input).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle..middle + 3000].fill(0x5a);
    let damaged = dir.path().join("d.mp4");
    std::fs::write(&damaged, bytes).unwrap();
    assert_source_damage(&out.fix(&damaged, &encode_spec).unwrap().verify);
    let front = media(dir.path(), "f.mp4", &format!("-i {} -c copy -movflags +faststart", input.display()));
    let bytes = std::fs::read(&front).unwrap();
    let cut = dir.path().join("cut.mp4");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    for spec in [&encode_spec, &copy] {
        let report = out.fix(&cut, spec).unwrap().verify;
        assert!(
            report.failures.iter().any(|f| f.message.contains("its container declares")),
            "{:?}",
            report.failures
        );
    }
    let holes = with_holes(dir.path(), &input);
    assert_source_damage(&out.fix(&holes, &encode_spec).unwrap().verify);
}

#[test]
fn finds_lost_frames_elsewhere_than_at_the_longest_gap() {
    let dir = tempfile::tempdir().unwrap();
    let out = TestOutput::new();
    // The longest gap between two frames is a freeze.
    let still = "-f lavfi -i testsrc2=s=320x240:r=25:d=12,select='not(between(n\\,200\\,230))' -vsync vfr -c:v libx264";
    let still = media(dir.path(), "s.mp4", still);
    let plan = encoded(encode(320, 240, 25), None);
    let report = out.fix(&still, &plan).unwrap().verify;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    let lossy = format!("-i {} -c copy -bsf:v noise=drop=lt(n\\,60)*eq(mod(n\\,7)\\,3)", still.display());
    assert_source_damage(&out.fix(&media(dir.path(), "l.mp4", &lossy), &plan).unwrap().verify);
}

#[test]
fn a_poor_encode_is_reported_as_quality_only() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "n.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=1,noise=alls=60:allf=t -c:v libx264 -qp 12",
    );
    let mut plan = encode(320, 240, 25);
    plan.rate.crf = 45.0;
    let out = TestOutput::new();
    let report = out.fix(&input, &encoded(plan, None)).unwrap().verify;
    assert!(report.needs_quality(), "{report:?}");
}

#[test]
fn lost_frames_between_key_frames_are_distinguished_from_a_freeze() {
    let dir = tempfile::tempdir().unwrap();
    let plan = encoded(encode(320, 240, 25), None);
    let out = TestOutput::new();
    let still = "-f lavfi -i testsrc2=s=320x240:r=25:d=12,select='not(between(n\\,200\\,230))' -vsync vfr";
    // Open groups: frames after a key frame may reference frames before it.
    for gop in ["", "-x264-params open-gop=1:bframes=3"] {
        let still = media(dir.path(), "s.mp4", format!("{still} -c:v libx264 -g 25 {gop}").trim_end());
        out.fix_and_verify(&still, &plan);
        let lossy = format!("-i {} -c copy -bsf:v noise=drop=between(n\\,55\\,57)", still.display());
        let report = out.fix(&media(dir.path(), "l.mp4", &lossy), &plan).unwrap().verify;
        let detected = report
            .failures
            .iter()
            .any(|f| f.message.contains("frames are missing") || f.message.contains("gave no frame"));
        assert!(detected && report.is_source_damaged(), "{gop}: {:?}", report.failures);
    }
}

/// In open groups, a decoder may report an error only in the group after the lost frame.
#[test]
fn errors_of_a_strict_decoder_are_found_around_the_gap() {
    let dir = tempfile::tempdir().unwrap();
    let args = "-f lavfi -i testsrc2=s=320x180:r=25:d=8 -c:v libx264 -g 25 -x264-params open-gop=1:bframes=3";
    let complete = media(dir.path(), "o.mp4", args);
    let (plan, out) = (encoded(encode(160, 90, 25), None), TestOutput::new());
    let mut found = 0;
    for lost in (60..110).step_by(2) {
        let args = format!("-i {} -c copy -bsf:v noise=drop=eq(n\\,{lost})", complete.display());
        let lossy = media(dir.path(), "l.mp4", &args);
        let strict_args = ["-v", "quiet", "-xerror", "-err_detect", "explode", "-i"];
        let mut decoder = Command::new("ffmpeg");
        if decoder.args(strict_args).arg(&lossy).args(["-f", "null", "-"]).status().unwrap().success() {
            continue;
        }
        let report = out.fix(&lossy, &plan).unwrap().verify;
        assert!(report.is_source_damaged(), "{lost}: {:?}", report.failures);
        found += 1;
    }
    assert!(found > 3, "only {found} losses matter");
}

#[test]
fn structure_verification_detects_a_missing_end_without_decoding() {
    let input = fixture("firefox-media-bunny_hd_5s.mp4");
    let mut plan = encoded(encode(320, 180, 24), Some(AudioPlan::Copy { stream: 1 }));
    let structure = |plan: &OutputSpec| {
        TestOutput::new().fix_at(VerifyLevel::Structure, &input, plan, Arc::default()).unwrap().verify
    };
    let report = structure(&plan);
    assert!(report.failures.is_empty() && report.equal_streams == [1], "{report:?}");
    assert_eq!(report.decode.video_frames, 0);
    plan.expected_duration_s = Some(9.0);
    assert!(structure(&plan).failures.iter().any(|f| f.message.contains("the plan expects 9.000 s")));
}
