//! Every rule that a file alone can decide, on media: one video that passes them all, and for each
//! rule one made to break it. A rule without its breach here, or without its page, fails a test.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::process::Command;

use common::Desk;
use greenlit::rules::{Scope, registry};

/// A profile in which every rule counts, with limits that small videos can keep and break.
const PROFILE: &str = r#"
id = "everything"
extends = "common"
[rule]
container = { allow = ["mp4", "mov"] }
extension = { allow = ["mp4", "mov"] }
file-size = { max_bytes = 1000000, min_bytes = 1 }
file-name = { max_chars = 30 }
duration = { min_s = 1, max_s = 3 }
video-codec = { allow = ["h264", "hevc"] }
video-profile = { allow = ["High"], max_level = 42 }
resolution = { min_side = 100 }
aspect-ratio = { allow = ["9:16"], tolerance = 0.01 }
frame-rate = { min = 23, max = 60 }
video-bit-rate = { min = 20000 }
gop-length = { max_frames = 30 }
audio-stream = { required = true, max_streams = 1 }
audio-codec = { allow = ["aac"] }
audio-bit-rate = { min = 48000 }
loudness = { target_lufs = -20, tolerance_lu = 4 }
freeze = { max_s = 1 }
silence = { max_s = 1 }
image-format = { allow = ["png"] }
image-size = { max_bytes = 1000000, max_pixels = 100000 }
image-aspect-ratio = { allow = ["9:16"], tolerance = 0.01 }
"#;

/// Picture and audio of the video that nothing is wrong with.
const PICTURE: &str = "testsrc2=s=144x256:r=25:d=2";
const AUDIO: &str = "sine=f=440:r=48000:d=2,volume=0dB,aformat=channel_layouts=stereo";
const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -bf 0 -threads 1 \
     -x264-params cabac=1:8x8dct=1 \
     -color_range tv -color_primaries bt709 -color_trc bt709 -colorspace bt709 \
     -vf setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709";
/// Colours are said twice: up to FFmpeg 6 the options count, from 7 on what the frames say.
const UNTAGGED: &str = "-color_primaries unknown -color_trc unknown -colorspace unknown \
     -vf setparams=color_primaries=unknown:color_trc=unknown:colorspace=unknown";
const HLG: &str = "-color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc \
     -vf setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc";
const AAC: &str = "-c:a aac -b:a 96k";
const FAST: &str = "-movflags +faststart";

/// A video to make: of which picture and audio, with what in place of the good options.
struct Video {
    picture: &'static str,
    audio: &'static str,
    /// Later options of FFmpeg win over earlier ones.
    more: &'static str,
    movflags: &'static str,
}

const GOOD: Video = Video { picture: PICTURE, audio: AUDIO, more: "", movflags: FAST };

const fn but(more: &'static str) -> Video {
    Video { more, ..GOOD }
}

const fn showing(picture: &'static str) -> Video {
    Video { picture, ..GOOD }
}

const fn sounding(audio: &'static str) -> Video {
    Video { audio, ..GOOD }
}

/// For each rule a video that breaks it, under the name it gets.
const BREACHES: &[(&str, &str, Video)] = &[
    ("container", "container.mkv", GOOD),
    ("extension", "extension.m4v", GOOD),
    (
        "file-size",
        "file-size.mp4",
        Video { picture: "nullsrc=s=180x320:r=50:d=2,geq=random(1)*255:128:128", more: "-crf 1", ..GOOD },
    ),
    ("file-name", "file-name-that-is-longer-than-thirty.mp4", GOOD),
    (
        "duration",
        "duration.mp4",
        Video {
            picture: "testsrc2=s=144x256:r=25:d=4",
            audio: "sine=f=440:r=48000:d=4,aformat=channel_layouts=stereo",
            ..GOOD
        },
    ),
    ("video-stream", "video-stream.mp4", but("-vn")),
    ("video-codec", "video-codec.mp4", but("-c:v mpeg4 -q:v 3")),
    ("video-profile", "video-profile.mp4", but("-profile:v baseline -x264-params cabac=0:8x8dct=0")),
    ("pixel-format", "pixel-format.mp4", but("-pix_fmt yuv422p -profile:v high422")),
    ("resolution", "resolution.mp4", showing("testsrc2=s=90x160:r=25:d=2")),
    (
        "even-dimensions",
        "even-dimensions.mp4",
        Video {
            picture: "testsrc2=s=146x258:r=25:d=2,format=yuv444p,crop=145:257:exact=1",
            more: "-pix_fmt yuv444p -profile:v high444",
            ..GOOD
        },
    ),
    (
        "open-gop",
        "open-gop.mp4",
        but("-preset medium -bf 2 -x264-params open-gop=1:keyint=10:bframes=2:scenecut=0"),
    ),
    ("gop-length", "gop-length.mp4", but("-g 250 -x264-params scenecut=0:keyint=250")),
    ("letterbox", "letterbox.mp4", showing("testsrc2=s=144x128:r=25:d=2,pad=144:256:0:64")),
    ("aspect-ratio", "aspect-ratio.mp4", showing("testsrc2=s=256x144:r=25:d=2")),
    ("sample-aspect-ratio", "sample-aspect-ratio.mp4", showing("testsrc2=s=144x256:r=25:d=2,setsar=4/3")),
    ("frame-rate", "frame-rate.mp4", showing("testsrc2=s=144x256:r=10:d=2")),
    (
        "variable-frame-rate",
        "variable-frame-rate.mp4",
        Video {
            picture: "testsrc2=s=144x256:r=50:d=2,select='lt(n,40)+not(mod(n,3))'",
            more: "-vsync vfr",
            ..GOOD
        },
    ),
    ("interlaced", "interlaced.mp4", but("-flags +ilme+ildct -x264-params tff=1")),
    ("video-bit-rate", "video-bit-rate.mp4", showing("color=c=gray:s=144x256:r=25:d=2")),
    ("color", "color.mp4", but(UNTAGGED)),
    ("hdr", "hdr.mp4", but(HLG)),
    ("audio-stream", "audio-stream.mp4", but("-an")),
    ("audio-codec", "audio-codec.mp4", but("-c:a libmp3lame")),
    ("audio-channels", "audio-channels.mp4", but("-ac 6 -b:a 300k")),
    ("audio-sample-rate", "audio-sample-rate.mp4", but("-ar 22050")),
    ("audio-bit-rate", "audio-bit-rate.mp4", but("-ac 1 -b:a 16k")),
    (
        "loudness",
        "loudness.mp4",
        sounding("sine=f=440:r=48000:d=2,volume=-30dB,aformat=channel_layouts=stereo"),
    ),
    ("fast-start", "fast-start.mp4", Video { movflags: "", ..GOOD }),
    ("fragmented", "fragmented.mp4", Video { movflags: "-movflags frag_keyframe+empty_moov", ..GOOD }),
    ("start-time", "start-time.ts", but("-muxdelay 2")),
    (
        "extra-streams",
        "extra-streams.mp4",
        but("-f lavfi -i testsrc2=s=144x256:r=25:d=2 -map 0:v -map 1:a -map 2:v"),
    ),
    ("stream-order", "stream-order.mp4", but("-map 1:a -map 0:v")),
    ("av-duration", "av-duration.mp4", sounding("sine=f=440:r=48000:d=3.5,aformat=channel_layouts=stereo")),
    ("black", "black.mp4", showing("color=c=black:s=144x256:r=25:d=2")),
    ("freeze", "freeze.mp4", showing("color=c=red:s=144x256:r=25:d=3")),
    ("silence", "silence.mp4", sounding("anullsrc=r=48000:cl=stereo:d=2")),
    ("metadata-privacy", "metadata-privacy.mov", but("-metadata location=+48.1374+011.5755/")),
    ("image-format", "image-format.jpg", showing("testsrc2=s=144x256")),
    ("image-size", "image-size.png", showing("testsrc2=s=360x640")),
    ("image-aspect-ratio", "image-aspect-ratio.png", showing("testsrc2=s=256x144")),
];

/// Rules whose videos FFmpeg does not make in one go: see [`by_hand`].
const BY_HAND: &[(&str, &str)] = &[
    ("rotation", "rotation.mp4"),
    ("parameter-change", "parameter-change.flv"),
    ("edit-list", "edit-list.mp4"),
    ("timestamps", "timestamps.mp4"),
    ("integrity", "integrity.mp4"),
];

fn make(desk: &Desk, name: &str, video: &Video) {
    let Video { picture, audio, more, movflags } = video;
    let words = |text: &'static str| text.split_whitespace();
    let mut args = vec!["-f", "lavfi", "-i", picture];
    if name.ends_with("png") || name.ends_with("jpg") {
        args.extend(["-frames:v", "1", "-update", "1"]);
    } else {
        args.extend(["-f", "lavfi", "-i", audio]);
        // Inputs stand before what is said of the output.
        let (inputs, options): (Vec<&str>, Vec<&str>) = match more.split_once(" -map ") {
            Some((inputs, _)) if inputs.contains("-i ") => {
                (words(inputs).collect(), words(&more[inputs.len()..]).collect())
            }
            _ => (Vec::new(), words(more).collect()),
        };
        args.extend(inputs);
        args.extend([H264, AAC, movflags].into_iter().flat_map(words));
        args.extend(options);
    }
    args.push(name);
    desk.ffmpeg(&args);
}

fn by_hand(desk: &Desk) {
    let read = |name: &str| std::fs::read(desk.path(name)).unwrap();
    // Two streams of FLV tags behind one header: the second begins with parameters of its own.
    make(desk, "a.flv", &but("-ar 44100"));
    make(desk, "b.flv", &Video { picture: "testsrc2=s=180x320:r=25:d=2", more: "-ar 44100", ..GOOD });
    let (first, second) = (read("a.flv"), read("b.flv"));
    desk.write("parameter-change.flv", [&first[..], &second[13..]].concat());
    desk.write("rotation.mp4", turned(read("good.mp4")));
    // Packets can be cut only at key frames; the list hides what comes before the cut.
    desk.ffmpeg(&["-ss", "0.5", "-i", "good.mp4", "-c", "copy", "edit-list.mp4"]);
    let twice = "setts=pts=if(eq(N\\,9)\\,PTS+0.04/TB\\,PTS):dts=DTS";
    desk.ffmpeg(&["-i", "good.mp4", "-c", "copy", "-bsf:v", twice, "timestamps.mp4"]);
    let whole = read("good.mp4");
    desk.write("integrity.mp4", &whole[..whole.len() * 6 / 10]);
}

/// The video with a quarter turn in the header of its first track (ISO/IEC 14496-12, 8.3.2). FFmpeg has an
/// option for it, but another one in each version.
fn turned(mut video: Vec<u8>) -> Vec<u8> {
    let header = video.windows(4).position(|bytes| bytes == b"tkhd").unwrap();
    let matrix: [u32; 9] = [0, 0x1_0000, 0, 0xffff_0000, 0, 0, 0, 0, 0x4000_0000];
    let bytes = matrix.iter().flat_map(|value| value.to_be_bytes());
    video[header + 44..][..36].iter_mut().zip(bytes).for_each(|(old, new)| *old = new);
    video
}

#[test]
fn every_rule_is_broken_by_its_own_video_and_kept_by_the_good_one() {
    let desk = Desk::new();
    desk.write("profile.toml", PROFILE);
    make(&desk, "good.mp4", &GOOD);
    make(&desk, "good.png", &showing("testsrc2=s=144x256"));
    for (_, name, video) in BREACHES {
        make(&desk, name, video);
    }
    by_hand(&desk);
    let broken: Vec<(&str, &str)> =
        BREACHES.iter().map(|(rule, name, _)| (*rule, *name)).chain(BY_HAND.iter().copied()).collect();
    let mut args =
        vec!["check", "--deep", "--profile", "profile.toml", "--format", "json", "good.mp4", "good.png"];
    args.extend(broken.iter().map(|(_, name)| *name));
    let report = desk.greenlit(&args).expect(1).json();
    let found = |name: &str| -> Vec<&str> {
        let findings = common::entry(&report, name)["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
    };
    let good = ["good.mp4", "good.png"].map(|name| (name, found(name)));
    assert_eq!(good, [("good.mp4", vec![]), ("good.png", vec![])]);
    let missed: Vec<_> = broken
        .iter()
        .filter(|(rule, name)| !found(name).contains(rule))
        .map(|(rule, name)| format!("{rule} did not fire on {name}, which has {:?}", found(name)))
        .collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_rule_of_a_file_has_its_video() {
    let made: BTreeSet<&str> =
        BREACHES.iter().map(|(rule, ..)| *rule).chain(BY_HAND.iter().map(|(rule, _)| *rule)).collect();
    let judged: BTreeSet<&str> =
        registry().iter().filter(|rule| rule.judges() != Scope::Ad).map(|rule| rule.id()).collect();
    assert_eq!(made, judged);
}

#[test]
fn every_rule_has_a_page() {
    let ids: Vec<&str> = registry().iter().map(|rule| rule.id()).collect();
    let run = Command::new(env!("CARGO_BIN_EXE_greenlit")).arg("explain").args(&ids).output().unwrap();
    assert!(run.status.success());
    let text = String::from_utf8(run.stdout).unwrap();
    for id in ids {
        let start = text.find(&format!("{id}\n\n  What     ")).unwrap_or_else(|| panic!("no page for {id}"));
        let page = &text[start..];
        for part in ["  Why      ", "  Remedy   ", "  Source   ", "  Limits by profile\n"] {
            assert!(page.contains(part), "{id} has no {part:?}");
        }
    }
}
