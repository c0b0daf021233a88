//! Encoded audio: in sync, as long as the video, with the requested loudness.

use std::fs::File;
use std::process::Command;
use std::sync::Arc;

use greenlit::model::MediaFacts;
use greenlit::plan::example::audio_encode;
use greenlit::plan::*;
use greenlit::verify::libav::deep;

use super::bench::{TestOutput, encode, encoded, ffprobe_entries, media};

#[test]
fn silence_loops_and_limits_end_with_the_video() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "s.mp4",
        "-f lavfi -i testsrc2=s=160x120:r=10:d=1 -f lavfi -i sine=d=1 -c:v libx264 -c:a aac",
    );
    let silent = AudioPlan::Silence { sample_rate: 44_100, channels: 2, bit_rate: 64_000 };
    let length = |out: &TestOutput, stream| {
        ffprobe_entries(&out.path(), "stream=duration", stream).parse::<f64>().unwrap()
    };
    let cases = [
        (None, Some(Lengthening { to_s: 2.5, kind: LengtheningKind::Loop }), 2.5),
        (None, Some(Lengthening { to_s: 1.7, kind: LengtheningKind::Freeze }), 1.7),
        (Some(0.5), None, 0.5),
        (None, None, 1.0),
    ];
    for (trim, extend, wanted) in cases {
        for audio in [silent.clone(), audio_encode(1)] {
            let out = TestOutput::new();
            let mut spec = encoded(encode(160, 120, 10), Some(audio));
            (spec.trim_to_s, spec.extend) = (trim, extend);
            out.fix_and_verify(&input, &spec);
            assert!((length(&out, "v") - wanted).abs() < 0.01, "{extend:?} {}", length(&out, "v"));
            assert!((length(&out, "a") - wanted).abs() < 0.03, "{extend:?} {}", length(&out, "a"));
        }
    }
}

#[test]
fn audio_stays_in_sync() {
    // A beep from 1.0 s to 1.5 s and a flash at the same time.
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "sync.mkv",
        "-f lavfi -i color=black:s=160x120:r=25:d=3,drawbox=c=white:t=fill:enable='between(t,1,1.5)' \
         -f lavfi -i sine=f=1000:d=3:r=44100,volume='between(t,1,1.5)':eval=frame -c:v libx264 -c:a libvorbis",
    );
    let out = TestOutput::new();
    out.fix_and_verify(&input, &encoded(encode(160, 120, 25), Some(audio_encode(1))));
    let args = [
        "-hide_banner",
        "-i",
        out.path().to_str().unwrap(),
        "-af",
        "silencedetect=n=-30dB:d=0.2",
        "-f",
        "null",
        "-",
    ]
    .map(str::to_owned);
    let text =
        String::from_utf8_lossy(&Command::new("ffmpeg").args(args).output().unwrap().stderr).into_owned();
    let end: f64 = text.split("silence_end: ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((end - 1.0).abs() < 0.04, "{text}");
}

#[test]
fn loudness_reaches_its_target() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "l.mp4",
        "-f lavfi -i testsrc2=s=160x120:r=10:d=4 -f lavfi -i sine=d=4,volume=0.3 -c:v libx264 -c:a aac",
    );
    let AudioPlan::Encode(mut plan) = audio_encode(1) else { panic!() };
    plan.loudness_lufs = Some(-16.0);
    let out = TestOutput::new();
    out.fix_and_verify(&input, &encoded(encode(160, 120, 10), Some(AudioPlan::Encode(plan))));
    let file = File::open(out.path()).unwrap();
    let found = deep(file, "l.mp4", MediaFacts::default(), Arc::default(), &mut |_| {}).unwrap();
    assert!((found.loudness.as_ref().unwrap().integrated_lufs + 16.0).abs() < 0.7, "{:?}", found.loudness);
}
