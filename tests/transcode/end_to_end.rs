//! Complete runs: kinds of sources, limits of bit rate and size, determinism and cancellation.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use greenlit::job::{JobError, VerifyLevel};
use greenlit::model::Size;
use greenlit::plan::example::audio_encode;
use greenlit::plan::*;

use super::bench::{TestOutput, encode, encoded, ffprobe_entries, media};
use super::common::fixture;

/// Sources by name: the arguments that make them, and whether the output has their audio.
const SOURCES: [(&str, &str, bool); 7] = [
    (
        "prores.mov",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=1 -f lavfi -i sine=d=1 -c:v prores_ks -c:a pcm_s16le",
        true,
    ),
    (
        "surround.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=30:d=1 -f lavfi -i sine=d=1,aformat=channel_layouts=5.1 -c:v libx264 -c:a aac",
        true,
    ),
    (
        "odd.mkv",
        "-f lavfi -i testsrc2=s=321x241:r=24:d=1 -f lavfi -i sine=d=1:r=44100 -c:v libx264 -pix_fmt yuv444p -c:a libopus",
        true,
    ),
    (
        "interlaced.mpg",
        "-f lavfi -i testsrc2=s=352x288:r=50:d=1,interlace -c:v mpeg2video -flags +ilme+ildct -q:v 3",
        false,
    ),
    (
        "full.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=30:d=1,scale=out_range=pc,format=yuvj420p -c:v libx264 -color_range pc",
        false,
    ),
    ("vp9.webm", "-f lavfi -i testsrc2=s=320x240:r=30:d=1 -c:v libvpx -b:v 500k", false),
    (
        "late.mkv",
        "-itsoffset 0.5 -f lavfi -i sine=d=1 -f lavfi -i testsrc2=s=320x240:r=30:d=2 -map 1 -map 0 -c:v libx264 -c:a aac",
        true,
    ),
];

#[test]
fn many_kinds_of_sources_give_the_planned_output() {
    let dir = tempfile::tempdir().unwrap();
    for (name, args, with_audio) in SOURCES {
        let input = media(dir.path(), name, args);
        let mut plan = encode(480, 640, 30);
        plan.canvas = Some(Canvas { size: Size::new(540, 960), fill: Fill::Color("102030".to_owned()) });
        plan.deinterlace = name.starts_with("inter");
        let out = TestOutput::new();
        let mut spec = encoded(plan, with_audio.then(|| audio_encode(1)));
        spec.start_s = ffprobe_entries(&input, "format=start_time", "v").parse().unwrap();
        out.fix_and_verify(&input, &spec);
        assert_eq!(
            ffprobe_entries(&out.path(), "stream=codec_name,width,height,avg_frame_rate", "v"),
            "h264,540,960,30/1",
            "{name}"
        );
        if with_audio {
            assert_eq!(
                ffprobe_entries(&out.path(), "stream=codec_name,profile,sample_rate,channels", "a"),
                "aac,LC,48000,2",
                "{name}"
            );
        }
        let seconds =
            |stream| ffprobe_entries(&out.path(), "stream=duration", stream).parse::<f64>().unwrap();
        let expected = if name.starts_with("late") { 2.0 } else { 1.0 };
        assert!((seconds("v") - expected).abs() < 0.045, "{name}: {}", seconds("v"));
        if with_audio {
            assert!((seconds("a") - seconds("v")).abs() < 0.034, "{name}");
        }
    }
}

#[test]
fn the_minimum_bit_rate_is_reached_and_the_maximum_size_aborts() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(dir.path(), "b.mp4", "-f lavfi -i color=gray:s=160x120:r=25:d=4 -c:v libx264");
    let mut plan = encode(160, 120, 25);
    plan.rate.min_bit_rate = Some(600_000);
    let out = TestOutput::new();
    out.fix_and_verify(&input, &encoded(plan, None));
    let rate: u64 = ffprobe_entries(&out.path(), "stream=bit_rate", "v").parse().unwrap();
    assert!((590_000..660_000).contains(&rate), "{rate}");

    let noisy = media(
        dir.path(),
        "n.mp4",
        "-f lavfi -i nullsrc=s=320x240:r=25:d=2,geq=random(1)*255:128:128 -c:v libx264 -qp 10",
    );
    let mut spec = encoded(encode(320, 240, 25), None);
    spec.max_size_bytes = Some(50_000);
    match out.fix(&noisy, &spec) {
        Err(JobError::Failed(text)) => assert!(text.contains("50000"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn cancellation_and_unreadable_files_are_distinguished() {
    let out = TestOutput::new();
    let dir = tempfile::tempdir().unwrap();
    let not_media = dir.path().join("r.mp4");
    std::fs::write(&not_media, b"this is not media at all").unwrap();
    let plan = encoded(encode(160, 120, 25), None);
    assert!(matches!(out.fix(&not_media, &plan), Err(JobError::Unreadable(_))));
    let cancel = Arc::new(AtomicBool::new(true));
    let result = out.fix_at(VerifyLevel::Off, &fixture("pypi-gradio-a.mp4"), &plan, cancel);
    assert_eq!(result.unwrap_err(), JobError::Cancelled);
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    let input = fixture("pypi-gradio-b.avi");
    let mut spec = encoded(encode(240, 136, 30), Some(audio_encode(1)));
    (spec.threads, spec.trim_to_s) = (2, Some(2.0));
    let bytes = || {
        let out = TestOutput::new();
        out.fix_and_verify(&input, &spec);
        std::fs::read(out.path()).unwrap()
    };
    assert!(bytes() == bytes());
}
