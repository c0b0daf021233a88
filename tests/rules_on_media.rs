//! Every rule for files on real media: one video that passes all rules, and for each rule a video that
//! violates it. A rule without such a video or without documentation fails a test.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::process::Command;

use common::TestDir;
use greenlit::rules::{RuleId, Scope, registry};

/// A profile in which every rule applies, with limits for small videos.
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

/// Video and audio sources of the compliant video.
const VIDEO: &str = "testsrc2=s=144x256:r=25:d=2";
const AUDIO: &str = "sine=f=440:r=48000:d=2,volume=0dB,aformat=channel_layouts=stereo";
const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -bf 0 -threads 1 \
     -x264-params cabac=1:8x8dct=1 \
     -color_range tv -color_primaries bt709 -color_trc bt709 -colorspace bt709 \
     -vf setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709";
/// FFmpeg up to 6 takes the colours from the options, from 7 on from the frames; so both are set.
const UNTAGGED: &str = "-color_primaries unknown -color_trc unknown -colorspace unknown \
     -vf setparams=color_primaries=unknown:color_trc=unknown:colorspace=unknown";
const HLG: &str = "-color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc \
     -vf setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc";
const AAC: &str = "-c:a aac -b:a 96k";
const FAST: &str = "-movflags +faststart";

/// A test video: its sources, and options that replace those of the compliant video.
struct VideoSpec {
    video: &'static str,
    audio: &'static str,
    /// Additional options; FFmpeg's later options replace earlier ones.
    options: &'static str,
    movflags: &'static str,
}

const GOOD: VideoSpec = VideoSpec { video: VIDEO, audio: AUDIO, options: "", movflags: FAST };

const fn with_options(options: &'static str) -> VideoSpec {
    VideoSpec { options, ..GOOD }
}

const fn with_video(video: &'static str) -> VideoSpec {
    VideoSpec { video, ..GOOD }
}

const fn with_audio(audio: &'static str) -> VideoSpec {
    VideoSpec { audio, ..GOOD }
}

/// For each rule the file name and the spec of a video that violates it.
const VIOLATIONS: &[(&str, &str, VideoSpec)] = &[
    ("container", "container.mkv", GOOD),
    ("extension", "extension.m4v", GOOD),
    (
        "file-size",
        "file-size.mp4",
        VideoSpec {
            video: "nullsrc=s=180x320:r=50:d=2,geq=random(1)*255:128:128",
            options: "-crf 1",
            ..GOOD
        },
    ),
    ("file-name", "file-name-that-is-longer-than-thirty.mp4", GOOD),
    (
        "duration",
        "duration.mp4",
        VideoSpec {
            video: "testsrc2=s=144x256:r=25:d=4",
            audio: "sine=f=440:r=48000:d=4,aformat=channel_layouts=stereo",
            ..GOOD
        },
    ),
    ("video-stream", "video-stream.mp4", with_options("-vn")),
    ("video-codec", "video-codec.mp4", with_options("-c:v mpeg4 -q:v 3")),
    ("video-profile", "video-profile.mp4", with_options("-profile:v baseline -x264-params cabac=0:8x8dct=0")),
    ("pixel-format", "pixel-format.mp4", with_options("-pix_fmt yuv422p -profile:v high422")),
    ("resolution", "resolution.mp4", with_video("testsrc2=s=90x160:r=25:d=2")),
    (
        "even-dimensions",
        "even-dimensions.mp4",
        VideoSpec {
            video: "testsrc2=s=146x258:r=25:d=2,format=yuv444p,crop=145:257:exact=1",
            options: "-pix_fmt yuv444p -profile:v high444",
            ..GOOD
        },
    ),
    (
        "open-gop",
        "open-gop.mp4",
        with_options("-preset medium -bf 2 -x264-params open-gop=1:keyint=10:bframes=2:scenecut=0"),
    ),
    ("gop-length", "gop-length.mp4", with_options("-g 250 -x264-params scenecut=0:keyint=250")),
    ("letterbox", "letterbox.mp4", with_video("testsrc2=s=144x128:r=25:d=2,pad=144:256:0:64")),
    ("aspect-ratio", "aspect-ratio.mp4", with_video("testsrc2=s=256x144:r=25:d=2")),
    ("sample-aspect-ratio", "sample-aspect-ratio.mp4", with_video("testsrc2=s=144x256:r=25:d=2,setsar=4/3")),
    ("frame-rate", "frame-rate.mp4", with_video("testsrc2=s=144x256:r=10:d=2")),
    (
        "variable-frame-rate",
        "variable-frame-rate.mp4",
        VideoSpec {
            video: "testsrc2=s=144x256:r=50:d=2,select='lt(n,40)+not(mod(n,3))'",
            options: "-vsync vfr",
            ..GOOD
        },
    ),
    ("interlaced", "interlaced.mp4", with_options("-flags +ilme+ildct -x264-params tff=1")),
    ("video-bit-rate", "video-bit-rate.mp4", with_video("color=c=gray:s=144x256:r=25:d=2")),
    ("color", "color.mp4", with_options(UNTAGGED)),
    ("hdr", "hdr.mp4", with_options(HLG)),
    ("audio-stream", "audio-stream.mp4", with_options("-an")),
    ("audio-codec", "audio-codec.mp4", with_options("-c:a libmp3lame")),
    ("audio-channels", "audio-channels.mp4", with_options("-ac 6 -b:a 300k")),
    ("audio-sample-rate", "audio-sample-rate.mp4", with_options("-ar 22050")),
    ("audio-bit-rate", "audio-bit-rate.mp4", with_options("-ac 1 -b:a 16k")),
    (
        "loudness",
        "loudness.mp4",
        with_audio("sine=f=440:r=48000:d=2,volume=-30dB,aformat=channel_layouts=stereo"),
    ),
    ("fast-start", "fast-start.mp4", VideoSpec { movflags: "", ..GOOD }),
    ("fragmented", "fragmented.mp4", VideoSpec { movflags: "-movflags frag_keyframe+empty_moov", ..GOOD }),
    ("start-time", "start-time.ts", with_options("-muxdelay 2")),
    (
        "extra-streams",
        "extra-streams.mp4",
        with_options("-f lavfi -i testsrc2=s=144x256:r=25:d=2 -map 0:v -map 1:a -map 2:v"),
    ),
    ("stream-order", "stream-order.mp4", with_options("-map 1:a -map 0:v")),
    ("av-duration", "av-duration.mp4", with_audio("sine=f=440:r=48000:d=3.5,aformat=channel_layouts=stereo")),
    ("black", "black.mp4", with_video("color=c=black:s=144x256:r=25:d=2")),
    ("freeze", "freeze.mp4", with_video("color=c=red:s=144x256:r=25:d=3")),
    ("silence", "silence.mp4", with_audio("anullsrc=r=48000:cl=stereo:d=2")),
    ("metadata-privacy", "metadata-privacy.mov", with_options("-metadata location=+48.1374+011.5755/")),
    ("image-format", "image-format.jpg", with_video("testsrc2=s=144x256")),
    ("image-size", "image-size.png", with_video("testsrc2=s=360x640")),
    ("image-aspect-ratio", "image-aspect-ratio.png", with_video("testsrc2=s=256x144")),
];

/// Rules whose videos need more than one FFmpeg command; see [`make_special_videos`].
const SPECIAL_VIDEOS: &[(&str, &str)] = &[
    ("rotation", "rotation.mp4"),
    ("parameter-change", "parameter-change.flv"),
    ("edit-list", "edit-list.mp4"),
    ("timestamps", "timestamps.mp4"),
    ("integrity", "integrity.mp4"),
];

fn make(dir: &TestDir, name: &str, spec: &VideoSpec) {
    let VideoSpec { video, audio, options, movflags } = spec;
    let split = |text: &'static str| text.split_whitespace();
    let mut args = vec!["-f", "lavfi", "-i", video];
    if name.ends_with("png") || name.ends_with("jpg") {
        args.extend(["-frames:v", "1", "-update", "1"]);
    } else {
        args.extend(["-f", "lavfi", "-i", audio]);
        // FFmpeg expects all inputs before the options of the output.
        let (inputs, output_options): (Vec<&str>, Vec<&str>) = match options.split_once(" -map ") {
            Some((inputs, _)) if inputs.contains("-i ") => {
                (split(inputs).collect(), split(&options[inputs.len()..]).collect())
            }
            _ => (Vec::new(), split(options).collect()),
        };
        args.extend(inputs);
        args.extend([H264, AAC, movflags].into_iter().flat_map(split));
        args.extend(output_options);
    }
    args.push(name);
    dir.ffmpeg(&args);
}

fn make_special_videos(dir: &TestDir) {
    let read = |name: &str| std::fs::read(dir.path(name)).unwrap();
    // Concatenates the tags of two FLV files after one header; the second has other parameters.
    make(dir, "a.flv", &with_options("-ar 44100"));
    make(dir, "b.flv", &VideoSpec { video: "testsrc2=s=180x320:r=25:d=2", options: "-ar 44100", ..GOOD });
    let (first, second) = (read("a.flv"), read("b.flv"));
    dir.write("parameter-change.flv", [&first[..], &second[13..]].concat());
    dir.write("rotation.mp4", rotated(read("good.mp4")));
    // A stream copy can cut only at key frames; the edit list hides the frames before the cut.
    dir.ffmpeg(&["-ss", "0.5", "-i", "good.mp4", "-c", "copy", "edit-list.mp4"]);
    let duplicate_pts = "setts=pts=if(eq(N\\,9)\\,PTS+0.04/TB\\,PTS):dts=DTS";
    dir.ffmpeg(&["-i", "good.mp4", "-c", "copy", "-bsf:v", duplicate_pts, "timestamps.mp4"]);
    let complete = read("good.mp4");
    dir.write("integrity.mp4", &complete[..complete.len() * 6 / 10]);
}

/// Sets a rotation by 90 degrees in the header of the first track (ISO/IEC 14496-12, 8.3.2). FFmpeg's
/// option for it differs between versions.
fn rotated(mut video: Vec<u8>) -> Vec<u8> {
    let header = video.windows(4).position(|bytes| bytes == b"tkhd").unwrap();
    let matrix: [u32; 9] = [0, 0x1_0000, 0, 0xffff_0000, 0, 0, 0, 0, 0x4000_0000];
    let bytes = matrix.iter().flat_map(|value| value.to_be_bytes());
    video[header + 44..][..36].iter_mut().zip(bytes).for_each(|(old, new)| *old = new);
    video
}

#[test]
fn each_rule_fires_on_its_video_and_none_on_the_compliant_one() {
    let dir = TestDir::new();
    dir.write("profile.toml", PROFILE);
    make(&dir, "good.mp4", &GOOD);
    make(&dir, "good.png", &with_video("testsrc2=s=144x256"));
    for (_, name, spec) in VIOLATIONS {
        make(&dir, name, spec);
    }
    make_special_videos(&dir);
    let expected: Vec<(&str, &str)> = VIOLATIONS
        .iter()
        .map(|(rule, name, _)| (*rule, *name))
        .chain(SPECIAL_VIDEOS.iter().copied())
        .collect();
    let mut args =
        vec!["check", "--deep", "--profile", "profile.toml", "--format", "json", "good.mp4", "good.png"];
    args.extend(expected.iter().map(|(_, name)| *name));
    let report = dir.greenlit(&args).expect(1).json();
    let found = |name: &str| -> Vec<&str> {
        let findings = common::entry(&report, name)["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
    };
    let good = ["good.mp4", "good.png"].map(|name| (name, found(name)));
    assert_eq!(good, [("good.mp4", vec![]), ("good.png", vec![])]);
    let missed: Vec<_> = expected
        .iter()
        .filter(|(rule, name)| !found(name).contains(rule))
        .map(|(rule, name)| format!("{rule} did not fire on {name}, which has {:?}", found(name)))
        .collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_rule_for_files_has_a_video() {
    let made: BTreeSet<&str> = VIOLATIONS
        .iter()
        .map(|(rule, ..)| *rule)
        .chain(SPECIAL_VIDEOS.iter().map(|(rule, _)| *rule))
        .collect();
    let rules: BTreeSet<&str> =
        registry().iter().filter(|rule| rule.scope() != Scope::Ad).map(|rule| rule.id().as_str()).collect();
    assert_eq!(made, rules);
}

#[test]
fn explain_documents_every_rule() {
    let ids: Vec<&str> = registry().iter().map(|rule| rule.id().as_str()).collect();
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

/// A key that no code reads would be a limit that fails open.
#[test]
fn every_key_of_every_rule_is_read() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let elsewhere = [read("profile/bounds.rs"), read("platform/tiktok_ads/columns.rs")].concat();
    for rule in RuleId::ALL {
        let own = read(&format!("rules/all/{}.rs", rule.as_str().replace('-', "_")));
        for key in rule.keys() {
            let used = format!(".{}", key.name);
            assert!(own.contains(&used) || elsewhere.contains(&used), "{rule} {}", key.name);
        }
        assert_eq!(serde_json::to_string(rule).unwrap(), format!("\"{rule}\""));
    }
}
