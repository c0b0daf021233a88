//! Outputs made and proven through the library, judged by FFmpeg's own tools.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use greenlit::job::{FixReport, JobError, VerifyLevel, VerifyReport};
use greenlit::model::{Flip, HdrKind, MediaFacts, Rational, Rotation, Size, TimeRange};
use greenlit::plan::sample::{self, sound};
use greenlit::plan::*;
use greenlit::transcode::libav::{cover, fix, make};
use greenlit::verify::libav::{deep, verify};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Runs a tool of FFmpeg and returns what it printed.
fn tool(program: &str, args: &[&str]) -> String {
    let out = Command::new(program).args(args).output().unwrap();
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// A small medium made on the fly.
fn media(dir: &Path, name: &str, args: &str) -> PathBuf {
    let path = dir.join(name);
    let mut all = vec!["-v", "error", "-y"];
    all.extend(args.split(' '));
    all.push(path.to_str().unwrap());
    tool("ffmpeg", &all);
    path
}

fn show(path: &Path, entries: &str, stream: &str) -> String {
    let path = path.to_str().unwrap();
    tool(
        "ffprobe",
        &["-v", "error", "-select_streams", stream, "-show_entries", entries, "-of", "csv=p=0", path],
    )
    .trim()
    .trim_end_matches(',')
    .to_owned()
}

/// Decodes everything and returns the complaints.
fn complaints(path: &Path) -> String {
    let args = ["-v", "error", "-xerror", "-i", path.to_str().unwrap(), "-f", "null", "-"];
    let out = Command::new("ffmpeg").args(args).output().unwrap();
    String::from_utf8_lossy(&out.stderr).into_owned()
}

fn encode(width: u32, height: u32, rate: u32) -> VideoEncode {
    let rates =
        RateControl { crf: 18.0, max_bit_rate: Some(8_000_000), buffer_bits: None, min_bit_rate: None };
    VideoEncode { rate: rates, ..sample::picture(width, height, rate) }
}

fn encoded(plan: VideoEncode, audio: Option<AudioPlan>) -> OutputSpec {
    sample::output(VideoPlan::Encode(Box::new(plan)), audio)
}

fn copied(audio: Option<AudioPlan>) -> OutputSpec {
    sample::output(VideoPlan::Copy { stream: 0, tags: VideoTags::default() }, audio)
}

struct Out {
    dir: tempfile::TempDir,
}

impl Out {
    fn new() -> Out {
        Out { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("out.mp4")
    }

    fn create(&self) -> File {
        File::options().read(true).write(true).create(true).truncate(true).open(self.path()).unwrap()
    }

    fn fix(&self, input: &Path, spec: &OutputSpec) -> Result<FixReport, JobError> {
        let probe = |_: File, _: &str| Ok(MediaFacts::default());
        let cancel = Arc::new(AtomicBool::new(false));
        let input = File::open(input).unwrap();
        fix(input, self.create(), "in", spec, VerifyLevel::Full, cancel, &mut |_| {}, &probe)
    }

    /// Fixes, and fails unless everything holds.
    fn good(&self, input: &Path, spec: &OutputSpec) -> VerifyReport {
        let report = self.fix(input, spec).unwrap().verify;
        assert!(report.failures.is_empty(), "{:?}", report);
        assert_eq!(complaints(&self.path()), "");
        report
    }
}

fn proven(input: &Path, output: &Path, spec: &OutputSpec) -> VerifyReport {
    let cancel = Arc::new(AtomicBool::new(false));
    let (input, output) = (File::open(input).unwrap(), File::open(output).unwrap());
    verify(input, output, "in", spec, VerifyLevel::Full, cancel, &mut |_| {}).unwrap()
}

/// The mean colour of a part of the first frame, as red, green, blue.
fn color_at(path: &Path, crop: &str) -> [u8; 3] {
    let filter = format!("crop={crop},scale=1:1:flags=area:in_color_matrix=bt709,format=rgb24");
    let args = [
        "-v",
        "error",
        "-i",
        path.to_str().unwrap(),
        "-frames:v",
        "1",
        "-vf",
        &filter,
        "-f",
        "rawvideo",
        "-",
    ];
    let out = Command::new("ffmpeg").args(args).output().unwrap();
    out.stdout[..3].try_into().unwrap()
}

/// Four corners: red, green; blue, white.
const CORNERS: &str = "-f lavfi -i color=red:s=64x48:r=10:d=1 -f lavfi -i color=lime:s=64x48:r=10:d=1 \
    -f lavfi -i color=blue:s=64x48:r=10:d=1 -f lavfi -i color=white:s=64x48:r=10:d=1 \
    -filter_complex [0][1]hstack[t];[2][3]hstack[b];[t][b]vstack,scale=out_color_matrix=bt709,format=yuv444p \
    -c:v libx264 -qp 4 -colorspace bt709 -color_primaries bt709 -color_trc bt709";

fn near(found: [u8; 3], wanted: [u8; 3]) -> bool {
    found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 24)
}

#[test]
fn a_rotated_phone_clip_comes_out_upright_and_in_step() {
    let out = Out::new();
    let input = fixture("npm-js-ffmpeg-iphone_rotated.mov");
    let streams = show(&input, "stream=index,codec_type", "");
    let audio = streams.lines().find(|l| l.contains("audio")).map(|l| l[..1].parse().unwrap());
    let video: u32 = streams.lines().find(|l| l.contains("video")).unwrap()[..1].parse().unwrap();
    let mut plan = encode(540, 960, 30);
    plan.stream = video;
    plan.rotate = Rotation::Quarter;
    let report = out.good(&input, &encoded(plan, audio.map(sound)));
    let similarity = report.similarity.unwrap();
    assert!(similarity.metric == "ssimulacra2" && similarity.mean > 60.0, "{similarity:?}");
    assert_eq!(
        show(&out.path(), "stream=width,height,sample_aspect_ratio,pix_fmt", "v"),
        "540,960,1:1,yuv420p"
    );
    assert_eq!(
        show(&out.path(), "stream=color_range,color_space,color_transfer,color_primaries", "v"),
        "tv,bt709,bt709,bt709"
    );
    assert!(
        !tool("ffprobe", &["-v", "error", "-show_streams", out.path().to_str().unwrap()])
            .contains("rotation=")
    );
    let bytes = std::fs::read(out.path()).unwrap();
    let at = |name: &[u8]| bytes.windows(4).position(|w| w == name).unwrap();
    assert!(at(b"moov") < at(b"mdat"));
}

#[test]
fn turns_and_mirrors_put_every_corner_where_it_belongs() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(dir.path(), "c.mp4", CORNERS);
    let (red, lime, blue, white) = ([255, 0, 0], [0, 255, 0], [0, 0, 255], [255; 3]);
    // Top left, top right, bottom left, bottom right.
    let cases = [
        (Rotation::None, None, [red, lime, blue, white]),
        (Rotation::Quarter, None, [blue, red, white, lime]),
        (Rotation::Half, None, [white, blue, lime, red]),
        (Rotation::ThreeQuarters, None, [lime, white, red, blue]),
        (Rotation::None, Some(Flip::Horizontal), [lime, red, white, blue]),
        (Rotation::Quarter, Some(Flip::Vertical), [red, blue, lime, white]),
    ];
    for (rotate, flip, wanted) in cases {
        let (w, h) = if rotate.swaps_sides() { (96, 128) } else { (128, 96) };
        let mut plan = encode(w, h, 10);
        (plan.rotate, plan.flip) = (rotate, flip);
        let out = Out::new();
        out.good(&input, &encoded(plan, None));
        let (x, y) = (w - 32, h - 32);
        let corners = [
            "16:16:8:8".to_owned(),
            format!("16:16:{x}:8"),
            format!("16:16:8:{y}"),
            format!("16:16:{x}:{y}"),
        ];
        for (corner, wanted) in corners.iter().zip(wanted) {
            let found = color_at(&out.path(), corner);
            assert!(near(found, wanted), "{rotate:?} {flip:?} {corner}: {found:?} instead of {wanted:?}");
        }
    }
}

#[test]
fn copied_streams_keep_every_byte_and_the_display_matrix() {
    let out = Out::new();
    let input = fixture("pypi-gradio-world.mp4");
    let audio = (!show(&input, "stream=index", "a").is_empty()).then_some(AudioPlan::Copy { stream: 1 });
    let report = out.good(&input, &copied(audio));
    assert!(report.equal_streams.contains(&0));
    let hash = |path: &Path| {
        tool(
            "ffmpeg",
            &[
                "-v",
                "error",
                "-i",
                path.to_str().unwrap(),
                "-map",
                "0:v:0",
                "-c",
                "copy",
                "-f",
                "streamhash",
                "-",
            ],
        )
    };
    assert_eq!(hash(&input), hash(&out.path()));

    let turned = fixture("npm-js-ffmpeg-iphone_rotated.mov");
    let streams = show(&turned, "stream=index,codec_type", "");
    let video: u32 = streams.lines().find(|l| l.contains("video")).unwrap()[..1].parse().unwrap();
    let mut plan = copied(None);
    plan.video = Some(VideoPlan::Copy { stream: video, tags: VideoTags::default() });
    out.good(&turned, &plan);
    let rotation = |path: &Path| show(path, "stream_side_data=rotation", "v:0");
    assert!(!rotation(&turned).is_empty());
    assert_eq!(rotation(&out.path()), rotation(&turned));
}

/// The kinds and sizes of the boxes of a file.
fn boxes(path: &Path) -> Vec<(String, u64)> {
    let bytes = std::fs::read(path).unwrap();
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert!(size >= 8, "{found:?}");
        found.push((String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned(), u64::from(size)));
        at += size as usize;
    }
    found
}

#[test]
fn the_index_of_a_source_tells_how_much_room_its_copy_needs() {
    let dir = tempfile::tempdir().unwrap();
    let size = |found: &[(String, u64)], kind: &str| -> u64 {
        found.iter().filter(|(name, _)| name == kind).map(|(_, size)| size).sum()
    };
    for (name, args) in [
        ("reordered.mov", "-c:v libx264 -bf 2 -g 30 -c:a aac"),
        ("even.mp4", "-c:v libx264 -bf 0 -c:a aac -b:a 64k"),
        ("uneven.mov", "-vf setpts='PTS+if(mod(N,7),0,0.01/TB)' -vsync vfr -c:v libx264 -c:a pcm_s16le"),
        ("words.mov", "-metadata comment=some_words_of_the_maker -metadata title=x -c:v mpeg4 -c:a aac"),
    ] {
        let source = "-f lavfi -i testsrc2=s=128x96:r=30:d=20 -f lavfi -i sine=d=20";
        let input = media(dir.path(), name, &format!("{source} {args}"));
        let out = Out::new();
        let mut plan = copied(Some(AudioPlan::Copy { stream: 1 }));
        plan.strip_metadata = false;
        if name == "uneven.mov" {
            plan.audio = None;
        }
        out.good(&input, &plan);
        let found = boxes(&out.path());
        // Had there been too little room, the media data would have been moved: the same order, no sign left
        // but `free` of the size of the room.
        assert_eq!([&found[0].0, &found[1].0], ["ftyp", "moov"], "{name}: {found:?}");
        let (index, free) = (size(&found, "moov"), size(&found, "free"));
        assert!(free >= 8 && free < index / 2 + 4096, "{name}: {found:?}");
    }
}

#[test]
fn tags_change_without_touching_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "t.mp4",
        "-f lavfi -i testsrc=s=128x96:r=25:d=1,setsar=2 -c:v libx264 -pix_fmt yuv420p",
    );
    let tags =
        VideoTags { declare_bt709: true, sample_aspect_ratio: Some(Rational::ONE), ..VideoTags::default() };
    let out = Out::new();
    out.good(&input, &sample::output(VideoPlan::Copy { stream: 0, tags }, None));
    assert_eq!(show(&out.path(), "stream=sample_aspect_ratio,color_range,color_space", "v"), "1:1,tv,bt709");
    let pictures = |path: &Path| {
        tool("ffmpeg", &["-v", "error", "-i", path.to_str().unwrap(), "-f", "framemd5", "-"])
            .lines()
            .filter(|l| !l.starts_with('#'))
            .map(|l| l.rsplit(',').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(pictures(&input), pictures(&out.path()));
}

#[test]
fn a_new_clock_is_even() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(dir.path(), "j.mkv", "-f lavfi -i testsrc=s=128x96:r=29.97:d=2 -c:v libx264 -bf 2");
    let tags = VideoTags { retime_to: Rational::new(30, 1), ..VideoTags::default() };
    let out = Out::new();
    out.good(&input, &sample::output(VideoPlan::Copy { stream: 0, tags }, None));
    assert_eq!(show(&out.path(), "stream=r_frame_rate,avg_frame_rate", "v"), "30/1,30/1");
}

#[test]
fn many_kinds_of_sources_come_out_as_planned() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [
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
    for (name, args, with_sound) in cases {
        let input = media(dir.path(), name, args);
        let mut plan = encode(480, 640, 30);
        plan.canvas = Some(Canvas { size: Size::new(540, 960), fill: Fill::Color("102030".to_owned()) });
        plan.deinterlace = name.starts_with("inter");
        let out = Out::new();
        let mut spec = encoded(plan, with_sound.then(|| sound(1)));
        spec.start_s = show(&input, "format=start_time", "v").parse().unwrap();
        out.good(&input, &spec);
        assert_eq!(
            show(&out.path(), "stream=codec_name,width,height,avg_frame_rate", "v"),
            "h264,540,960,30/1",
            "{name}"
        );
        if with_sound {
            assert_eq!(
                show(&out.path(), "stream=codec_name,profile,sample_rate,channels", "a"),
                "aac,LC,48000,2",
                "{name}"
            );
        }
        let seconds = |stream| show(&out.path(), "stream=duration", stream).parse::<f64>().unwrap();
        let wanted = if name.starts_with("late") { 2.0 } else { 1.0 };
        assert!((seconds("v") - wanted).abs() < 0.045, "{name}: {}", seconds("v"));
        if with_sound {
            assert!((seconds("a") - seconds("v")).abs() < 0.034, "{name}");
        }
    }
}

#[test]
fn colours_are_those_of_the_ffmpeg_tool() {
    let dir = tempfile::tempdir().unwrap();
    let out = Out::new();
    let input = fixture("pypi-gradio-b.mp4");
    let size = show(&input, "stream=width,height", "v:0");
    let (w, h) = size.split_once(',').unwrap();
    let (w, h): (u32, u32) = (w.parse::<u32>().unwrap() & !1, h.parse::<u32>().unwrap() & !1);
    let rate: u32 = 25;
    out.good(&input, &encoded(encode(w, h, rate), None));
    let filter = format!(
        "scale={w}:{h}:in_color_matrix={}:out_color_matrix=bt709:out_range=tv,fps={rate},format=yuv420p",
        if w.min(h) <= 576 { "bt601" } else { "bt709" }
    );
    let theirs =
        media(dir.path(), "r.mp4", &format!("-i {} -an -vf {filter} -c:v libx264 -crf 12", input.display()));
    let args = [
        "-hide_banner",
        "-i",
        out.path().to_str().unwrap(),
        "-i",
        theirs.to_str().unwrap(),
        "-lavfi",
        "ssim",
        "-f",
        "null",
        "-",
    ]
    .map(str::to_owned);
    let run = Command::new("ffmpeg").args(args).output().unwrap();
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    let value: f64 = text.rsplit("All:").next().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(value > 0.97, "{text}");
}

#[test]
fn hdr_is_tone_mapped_to_tagged_sdr_even_where_its_gamut_is_untagged() {
    for (name, primaries) in [("tagged.mp4", "bt2020"), ("untagged.mp4", "unknown")] {
        let dir = tempfile::tempdir().unwrap();
        // Said twice: FFmpeg 5 listens to the encoder's options, FFmpeg 7 to the frames.
        let made = format!(
            "-f lavfi -i testsrc2=s=320x240:r=10:d=1,format=yuv420p10le,\
             setparams=color_primaries={primaries}:color_trc=smpte2084:colorspace=bt2020nc \
             -c:v libx265 -x265-params log-level=error \
             -color_primaries {primaries} -color_trc smpte2084 -colorspace bt2020nc"
        );
        let input = media(dir.path(), name, &made);
        assert_eq!(
            show(&input, "stream=color_transfer,color_primaries", "v"),
            format!("smpte2084,{primaries}")
        );
        let mut plan = encode(320, 240, 10);
        plan.tone_map = Some(ToneMap { from: HdrKind::Hdr10 });
        let out = Out::new();
        out.good(&input, &encoded(plan, None));
        assert_eq!(
            show(&out.path(), "stream=pix_fmt,color_space,color_transfer", "v"),
            "yuv420p,bt709,bt709"
        );
    }
}

#[test]
fn transparency_shows_the_background_and_borders_can_be_blurred() {
    let out = Out::new();
    let mut plan = encode(320, 180, 10);
    plan.alpha_background = Some("00ff00".to_owned());
    plan.canvas = Some(Canvas { size: Size::new(320, 320), fill: Fill::Blur });
    let dir = tempfile::tempdir().unwrap();
    let input =
        media(dir.path(), "a.mov", "-f lavfi -i color=red@0:s=160x90:r=10:d=1,format=rgba -c:v qtrle");
    out.good(&input, &encoded(plan, None));
    for crop in ["32:32:144:144", "32:32:144:8"] {
        let found = color_at(&out.path(), crop);
        assert!(near(found, [0, 255, 0]), "{crop}: {found:?}");
    }
}

#[test]
fn silence_loops_and_limits_end_with_the_picture() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "s.mp4",
        "-f lavfi -i testsrc2=s=160x120:r=10:d=1 -f lavfi -i sine=d=1 -c:v libx264 -c:a aac",
    );
    let silent = AudioPlan::Silence { sample_rate: 44_100, channels: 2, bit_rate: 64_000 };
    let length = |out: &Out, stream| show(&out.path(), "stream=duration", stream).parse::<f64>().unwrap();
    let cases = [
        (None, Some(Extension { to_s: 2.5, kind: ExtendKind::Loop }), 2.5),
        (None, Some(Extension { to_s: 1.7, kind: ExtendKind::Freeze }), 1.7),
        (Some(0.5), None, 0.5),
        (None, None, 1.0),
    ];
    for (trim, extend, wanted) in cases {
        for audio in [silent.clone(), sound(1)] {
            let out = Out::new();
            let mut spec = encoded(encode(160, 120, 10), Some(audio));
            (spec.trim_to_s, spec.extend) = (trim, extend);
            out.good(&input, &spec);
            assert!((length(&out, "v") - wanted).abs() < 0.01, "{extend:?} {}", length(&out, "v"));
            assert!((length(&out, "a") - wanted).abs() < 0.03, "{extend:?} {}", length(&out, "a"));
        }
    }
    let out = Out::new();
    let mut spec = copied(Some(silent));
    spec.drop_edit_list = true;
    out.good(&input, &spec);
    assert!(!std::fs::read(out.path()).unwrap().windows(4).any(|w| w == b"elst"));
}

#[test]
fn sound_keeps_its_place() {
    // A beep from 1.0 s to 1.5 s and a flash at the same time.
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "sync.mkv",
        "-f lavfi -i color=black:s=160x120:r=25:d=3,drawbox=c=white:t=fill:enable='between(t,1,1.5)' \
         -f lavfi -i sine=f=1000:d=3:r=44100,volume='between(t,1,1.5)':eval=frame -c:v libx264 -c:a libvorbis",
    );
    let out = Out::new();
    out.good(&input, &encoded(encode(160, 120, 25), Some(sound(1))));
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
fn the_floor_is_reached_and_the_ceiling_stops() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(dir.path(), "b.mp4", "-f lavfi -i color=gray:s=160x120:r=25:d=4 -c:v libx264");
    let mut plan = encode(160, 120, 25);
    plan.rate.min_bit_rate = Some(600_000);
    let out = Out::new();
    out.good(&input, &encoded(plan, None));
    let rate: u64 = show(&out.path(), "stream=bit_rate", "v").parse().unwrap();
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
fn a_size_that_changes_mid_stream_is_one_size_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    media(dir.path(), "1.ts", "-f lavfi -i testsrc2=s=320x240:r=25:d=1 -c:v libx264");
    media(dir.path(), "2.ts", "-f lavfi -i testsrc2=s=640x480:r=25:d=1 -c:v libx264");
    let mut both = std::fs::read(dir.path().join("1.ts")).unwrap();
    both.extend(std::fs::read(dir.path().join("2.ts")).unwrap());
    let input = dir.path().join("both.ts");
    std::fs::write(&input, both).unwrap();
    let out = Out::new();
    let mut spec = encoded(encode(320, 240, 25), None);
    spec.start_s = 1.4;
    let report = out.fix(&input, &spec).unwrap().verify;
    assert!(report.failures.iter().all(|f| !f.contains("differs")), "{:?}", report.failures);
    assert_eq!(show(&out.path(), "stream=width,height", "v"), "320,240");
}

#[test]
fn mutants_do_not_pass() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "m.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac",
    );
    let good = encoded(encode(320, 240, 25), Some(sound(1)));
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
    expect(&mute, &good, "no sound");
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
fn cancelling_and_rubbish_are_told_apart() {
    let out = Out::new();
    let dir = tempfile::tempdir().unwrap();
    let rubbish = dir.path().join("r.mp4");
    std::fs::write(&rubbish, b"this is not media at all").unwrap();
    let plan = encoded(encode(160, 120, 25), None);
    assert!(matches!(out.fix(&rubbish, &plan), Err(JobError::Unreadable(_))));
    let input = File::open(fixture("pypi-gradio-a.mp4")).unwrap();
    let cancel = Arc::new(AtomicBool::new(true));
    let result = make(input, out.create(), "in", &plan, cancel, &mut |_| {});
    assert_eq!(result, Err(JobError::Cancelled));
}

#[test]
fn a_cover_is_a_png_of_the_size_asked_for() {
    let out = Out::new();
    let input = File::open(fixture("firefox-media-bunny_hd_5s.mp4")).unwrap();
    let cancel = Arc::new(AtomicBool::new(false));
    let size = Size::new(360, 640);
    let report = cover(input, out.create(), "in", size, Rotation::None, None, cancel, &mut |_| {}).unwrap();
    assert!(report.at_s >= 0.0);
    let picture = image::ImageReader::new(std::io::BufReader::new(File::open(out.path()).unwrap()))
        .with_guessed_format()
        .unwrap();
    assert_eq!(picture.format(), Some(image::ImageFormat::Png));
    assert_eq!(picture.into_dimensions().unwrap(), (360, 640));
}

#[test]
fn a_deep_look_finds_black_stills_silence_and_borders() {
    let dir = tempfile::tempdir().unwrap();
    // A second of black, two of a moving picture with bars, three of a still one; sound from 1 s to 3 s.
    let input = media(
        dir.path(),
        "deep.mp4",
        "-f lavfi -i color=black:s=320x240:r=25:d=1 -f lavfi -i testsrc2=s=320x160:r=25:d=2,pad=320:240:0:40 \
         -f lavfi -i smptebars=s=320x160:r=25:d=3,pad=320:240:0:40 \
         -f lavfi -i sine=d=6:f=440,volume='between(t,1,3)':eval=frame \
         -filter_complex [0][1][2]concat=n=3,format=yuv420p -c:v libx264 -c:a aac",
    );
    let cancel = Arc::new(AtomicBool::new(false));
    let file = File::open(&input).unwrap();
    let found = deep(file, "deep.mp4", MediaFacts::default(), cancel, &mut |_| {}).unwrap();
    assert_eq!((found.decode.video_frames, found.decode.error_count), (150, 0), "{found:?}");
    let near = |range: &TimeRange, from: f64, to: f64| {
        (range.from_s - from).abs() < 0.15 && (range.to_s - to).abs() < 0.15
    };
    assert!(found.black.len() == 1 && near(&found.black[0], 0.0, 1.0), "{:?}", found.black);
    assert!(found.freeze.iter().any(|range| near(range, 3.0, 6.0)), "{:?}", found.freeze);
    assert!(found.silence.len() == 2 && near(&found.silence[1], 3.0, 6.0), "{:?}", found.silence);
    let [x, y, w, h] = found.active_picture.unwrap();
    assert!(x == 0 && y.abs_diff(40) <= 2 && w == 320 && h.abs_diff(160) <= 4, "{:?}", found.active_picture);
    // A sine of 1/8 amplitude peaks at -18 dB; ITU-R BS.1770 then puts it near -21 LUFS on one channel.
    let loudness = found.loudness.unwrap();
    assert!((loudness.true_peak_dbtp + 18.0).abs() < 1.0, "{loudness:?}");
    assert!((loudness.integrated_lufs + 21.5).abs() < 1.5, "{loudness:?}");
    assert!(found.interlaced_frames.is_none_or(|(combed, looked)| combed * 2 < looked), "{found:?}");
}

#[test]
fn fields_are_told_from_fine_lines_by_the_order_they_come_in() {
    let dir = tempfile::tempdir().unwrap();
    let says_interlaced = |name: &str, film: &str| {
        // The tag says nothing: only the picture does.
        let input = media(dir.path(), name, &format!("-f lavfi -i {film},setfield=prog {PLAIN}"));
        let cancel = Arc::new(AtomicBool::new(false));
        let file = File::open(&input).unwrap();
        let found = deep(file, name, MediaFacts::default(), cancel, &mut |_| {}).unwrap();
        let counted = found.interlaced_frames;
        (counted.is_some_and(|(combed, looked)| looked >= 10 && combed * 2 > looked), counted)
    };
    const PLAIN: &str = "-c:v libx264 -preset ultrafast -crf 20 -pix_fmt yuv420p -threads 1";
    let fine = "testsrc2=s=320x240:r=50:d=10";
    for (name, film, expected) in [
        ("fine.mp4", "testsrc2=s=320x240:r=30:d=10".to_owned(), false),
        ("large.mp4", "testsrc2=s=720x576:r=25:d=10".to_owned(), false),
        ("brief.mp4", "testsrc2=s=144x256:r=25:d=2".to_owned(), false),
        ("still.mp4", "smptebars=s=320x240:r=25:d=10".to_owned(), false),
        ("top.mp4", format!("{fine},tinterlace=interleave_top"), true),
        ("bottom.mp4", format!("{fine},tinterlace=interleave_bottom"), true),
        ("brief-fields.mp4", "testsrc2=s=144x256:r=50:d=2,tinterlace=interleave_top".to_owned(), true),
        ("pulldown.mp4", "testsrc2=s=320x240:r=24:d=5,telecine".to_owned(), true),
        ("soft.mp4", format!("{fine},interlace=lowpass=linear:scan=tff"), true),
    ] {
        let (interlaced, counted) = says_interlaced(name, &film);
        assert_eq!(interlaced, expected, "{name}: {counted:?}");
    }
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
fn the_same_plan_gives_the_same_bytes() {
    let input = fixture("pypi-gradio-b.avi");
    let mut spec = encoded(encode(240, 136, 30), Some(sound(1)));
    (spec.threads, spec.trim_to_s) = (2, Some(2.0));
    let bytes = || {
        let out = Out::new();
        out.good(&input, &spec);
        std::fs::read(out.path()).unwrap()
    };
    assert!(bytes() == bytes());
}

#[test]
fn loudness_comes_to_its_target() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "l.mp4",
        "-f lavfi -i testsrc2=s=160x120:r=10:d=4 -f lavfi -i sine=d=4,volume=0.3 -c:v libx264 -c:a aac",
    );
    let AudioPlan::Encode(mut plan) = sound(1) else { panic!() };
    plan.loudness_lufs = Some(-16.0);
    let out = Out::new();
    out.good(&input, &encoded(encode(160, 120, 10), Some(AudioPlan::Encode(plan))));
    let file = File::open(out.path()).unwrap();
    let found = deep(file, "l.mp4", MediaFacts::default(), Arc::default(), &mut |_| {}).unwrap();
    assert!((found.loudness.unwrap().integrated_lufs + 16.0).abs() < 0.7, "{:?}", found.loudness);
}

#[test]
fn hevc_is_tagged_for_apple_players() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "h.mp4",
        "-f lavfi -i testsrc2=s=160x120:r=10:d=1 -c:v libx265 -x265-params log-level=error -tag:v hev1",
    );
    let tags = VideoTags { codec_tag: Some("hvc1".to_owned()), ..VideoTags::default() };
    let out = Out::new();
    out.good(&input, &sample::output(VideoPlan::Copy { stream: 0, tags }, None));
    assert_eq!(show(&out.path(), "stream=codec_tag_string", "v"), "hvc1");
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
