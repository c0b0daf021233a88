//! The proof: what is lost or wrong is told, and what only looks like it is not.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use greenlit::job::{VerifyLevel, VerifyReport};
use greenlit::plan::sample::audio_encode;
use greenlit::plan::*;
use greenlit::verify::libav::verify;

use super::bench::{Out, copied, encode, encoded, media};
use super::common::fixture;

fn proven(input: &Path, output: &Path, spec: &OutputSpec) -> VerifyReport {
    let cancel = Arc::new(AtomicBool::new(false));
    let (input, output) = (File::open(input).unwrap(), File::open(output).unwrap());
    verify(input, output, "in", spec, VerifyLevel::Full, cancel, &mut |_| {}).unwrap()
}

#[test]
fn mutants_do_not_pass() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "m.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac",
    );
    let good = encoded(encode(320, 240, 25), Some(audio_encode(1)));
    let expect = |output: &Path, spec: &OutputSpec, words: &str| {
        let report = proven(&input, output, spec);
        assert!(report.failures.iter().any(|f| f.contains(words)), "{words}: {:?}", report.failures);
    };
    let out = Out::new();
    out.good(&input, &good);
    let made = out.path();
    let made = made.to_str().unwrap();
    let upside_down =
        media(dir.path(), "u.mp4", &format!("-i {made} -vf hflip,vflip -c:v libx264 -c:a copy"));
    expect(&upside_down, &good, "differs from the source");
    let silent = media(dir.path(), "q.mp4", &format!("-i {made} -af volume=0 -c:v copy -c:a aac"));
    expect(&silent, &good, "silent");
    let short = media(dir.path(), "k.mp4", &format!("-i {made} -t 1.2 -c copy"));
    expect(&short, &good, "instead of");
    let mute = media(dir.path(), "n.mp4", &format!("-i {made} -an -c copy"));
    expect(&mute, &good, "no audio");
    let shifted = media(
        dir.path(),
        "x.mp4",
        &format!("-i {made} -vf tpad=start=12,trim=end_frame=50 -c:v libx264 -c:a copy"),
    );
    expect(&shifted, &good, "differs from the source");
    let holes = media(
        dir.path(),
        "h.mp4",
        &format!("-i {} -map 0 -c copy -bsf:v noise=drop=eq(mod(n\\,7)\\,3)", input.display()),
    );
    let copy = copied(Some(AudioPlan::Copy { stream: 1 }));
    expect(&holes, &copy, "packets instead of");
    let other = media(dir.path(), "o.mp4", &format!("-i {} -c:v libx264 -crf 40 -c:a copy", input.display()));
    expect(&other, &copy, "not the same");

    // A damaged source: the output is smooth, the proof still fails.
    let mut bytes = std::fs::read(&input).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle..middle + 3000].fill(0x5a);
    let damaged = dir.path().join("d.mp4");
    std::fs::write(&damaged, bytes).unwrap();
    let report = out.fix(&damaged, &good).unwrap().verify;
    assert!(report.failures.iter().any(|f| f.contains("source")), "{:?}", report.failures);
    let front = media(dir.path(), "f.mp4", &format!("-i {} -c copy -movflags +faststart", input.display()));
    let bytes = std::fs::read(&front).unwrap();
    let cut = dir.path().join("cut.mp4");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    for spec in [&good, &copy] {
        let report = out.fix(&cut, spec).unwrap().verify;
        assert!(report.failures.iter().any(|f| f.contains("promises")), "{:?}", report.failures);
    }
    let report = out.fix(&holes, &good).unwrap().verify;
    assert!(report.failures.iter().any(|f| f.contains("source")), "{:?}", report.failures);

    // The longest distance between two frames is a picture that stands; what is lost lies elsewhere.
    let still = "-f lavfi -i testsrc2=s=320x240:r=25:d=12,select='not(between(n\\,200\\,230))' -vsync vfr -c:v libx264";
    let still = media(dir.path(), "s.mp4", still);
    let plan = encoded(encode(320, 240, 25), None);
    let report = out.fix(&still, &plan).unwrap().verify;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    let lossy = format!("-i {} -c copy -bsf:v noise=drop=lt(n\\,60)*eq(mod(n\\,7)\\,3)", still.display());
    let report = out.fix(&media(dir.path(), "l.mp4", &lossy), &plan).unwrap().verify;
    assert!(report.failures.iter().any(|f| f.contains("source")), "{:?}", report.failures);
}

#[test]
fn a_poor_encode_is_told_from_a_wrong_one() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "n.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=1,noise=alls=60:allf=t -c:v libx264 -qp 12",
    );
    let mut plan = encode(320, 240, 25);
    plan.rate.crf = 45.0;
    let out = Out::new();
    let report = out.fix(&input, &encoded(plan, None)).unwrap().verify;
    assert!(report.quality_only, "{report:?}");
}

#[test]
fn a_loss_between_key_frames_is_told_from_a_picture_that_stands() {
    let dir = tempfile::tempdir().unwrap();
    let plan = encoded(encode(320, 240, 25), None);
    let out = Out::new();
    let still = "-f lavfi -i testsrc2=s=320x240:r=25:d=12,select='not(between(n\\,200\\,230))' -vsync vfr";
    // Open groups: pictures after a key frame may lean on those before it.
    for gop in ["", "-x264-params open-gop=1:bframes=3"] {
        let still = media(dir.path(), "s.mp4", format!("{still} -c:v libx264 -g 25 {gop}").trim_end());
        out.good(&still, &plan);
        let lossy = format!("-i {} -c copy -bsf:v noise=drop=between(n\\,55\\,57)", still.display());
        let report = out.fix(&media(dir.path(), "l.mp4", &lossy), &plan).unwrap().verify;
        let told =
            report.failures.iter().any(|f| f.contains("misses frames") || f.contains("gave no picture"));
        assert!(told && report.damaged_source, "{gop}: {:?}", report.failures);
    }
}

/// In open groups a decoder may miss a picture only in the group after the one that lost it.
#[test]
fn whatever_a_strict_decoder_misses_is_found_around_the_hole() {
    let dir = tempfile::tempdir().unwrap();
    let args = "-f lavfi -i testsrc2=s=320x180:r=25:d=8 -c:v libx264 -g 25 -x264-params open-gop=1:bframes=3";
    let whole = media(dir.path(), "o.mp4", args);
    let (plan, out) = (encoded(encode(160, 90, 25), None), Out::new());
    let mut found = 0;
    for lost in (60..110).step_by(2) {
        let args = format!("-i {} -c copy -bsf:v noise=drop=eq(n\\,{lost})", whole.display());
        let lossy = media(dir.path(), "l.mp4", &args);
        let strictly = ["-v", "quiet", "-xerror", "-err_detect", "explode", "-i"];
        let mut decoder = Command::new("ffmpeg");
        if decoder.args(strictly).arg(&lossy).args(["-f", "null", "-"]).status().unwrap().success() {
            continue;
        }
        let report = out.fix(&lossy, &plan).unwrap().verify;
        assert!(report.damaged_source, "{lost}: {:?}", report.failures);
        found += 1;
    }
    assert!(found > 3, "only {found} losses matter");
}

#[test]
fn a_look_at_the_structure_needs_no_decoding_and_still_sees_holes() {
    let input = fixture("firefox-media-bunny_hd_5s.mp4");
    let mut plan = encoded(encode(320, 180, 24), Some(AudioPlan::Copy { stream: 1 }));
    plan.expected_frames = Some(122);
    let out = Out::new();
    let whole = out.fix(&input, &plan).unwrap().verify;
    plan.expected_frames = Some(whole.decode.video_frames);
    let structure = |plan: &OutputSpec| {
        let (input, output) = (File::open(&input).unwrap(), File::open(out.path()).unwrap());
        verify(input, output, "in", plan, VerifyLevel::Structure, Arc::default(), &mut |_| {}).unwrap()
    };
    let report = structure(&plan);
    assert!(report.failures.is_empty() && report.equal_streams == [1], "{report:?}");
    assert_eq!(report.decode.video_frames, 0);
    plan.expected_frames = Some(7);
    assert!(structure(&plan).failures.iter().any(|f| f.contains("instead of 7")));
}
