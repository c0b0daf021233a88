//! Encoded video: upright, with the right size and colours.

use std::path::Path;
use std::process::Command;

use greenlit::model::{Flip, HdrKind, Rotation, Size};
use greenlit::plan::example::audio_encode;
use greenlit::plan::*;

use super::bench::{TestOutput, encode, encoded, ffprobe_entries, media, run_tool};
use super::common::fixture;

/// Returns the mean RGB colour of a part of the first frame.
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
fn a_rotated_phone_video_becomes_upright_and_stays_in_sync() {
    let out = TestOutput::new();
    let input = fixture("npm-js-ffmpeg-iphone_rotated.mov");
    let streams = ffprobe_entries(&input, "stream=index,codec_type", "");
    let audio_index = streams.lines().find(|l| l.contains("audio")).map(|l| l[..1].parse().unwrap());
    let video: u32 = streams.lines().find(|l| l.contains("video")).unwrap()[..1].parse().unwrap();
    let mut plan = encode(540, 960, 30);
    plan.stream = video;
    plan.rotate = Rotation::Quarter;
    let report = out.fix_and_verify(&input, &encoded(plan, audio_index.map(audio_encode)));
    let similarity = report.similarity.unwrap();
    assert!(
        similarity.metric == greenlit::job::SimilarityMetric::Ssimulacra2 && similarity.mean > 60.0,
        "{similarity:?}"
    );
    assert_eq!(
        ffprobe_entries(&out.path(), "stream=width,height,sample_aspect_ratio,pix_fmt", "v"),
        "540,960,1:1,yuv420p"
    );
    assert_eq!(
        ffprobe_entries(&out.path(), "stream=color_range,color_space,color_transfer,color_primaries", "v"),
        "tv,bt709,bt709,bt709"
    );
    assert!(
        !run_tool("ffprobe", &["-v", "error", "-show_streams", out.path().to_str().unwrap()])
            .contains("rotation=")
    );
    let bytes = std::fs::read(out.path()).unwrap();
    let at = |name: &[u8]| bytes.windows(4).position(|w| w == name).unwrap();
    assert!(at(b"moov") < at(b"mdat"));
}

#[test]
fn rotations_and_flips_move_the_corners() {
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
        let out = TestOutput::new();
        out.fix_and_verify(&input, &encoded(plan, None));
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

/// Asserts that two videos show the same by the structural similarity of their frames.
fn assert_alike(output: &Path, reference: &Path) {
    let args = [
        "-hide_banner",
        "-i",
        output.to_str().unwrap(),
        "-i",
        reference.to_str().unwrap(),
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
fn colours_match_the_ffmpeg_tool() {
    let dir = tempfile::tempdir().unwrap();
    let out = TestOutput::new();
    let input = fixture("pypi-gradio-b.mp4");
    let size = ffprobe_entries(&input, "stream=width,height", "v:0");
    let (w, h) = size.split_once(',').unwrap();
    let (w, h): (u32, u32) = (w.parse::<u32>().unwrap() & !1, h.parse::<u32>().unwrap() & !1);
    let rate: u32 = 25;
    out.fix_and_verify(&input, &encoded(encode(w, h, rate), None));
    let filter = format!(
        "scale={w}:{h}:in_color_matrix={}:out_color_matrix=bt709:out_range=tv,fps={rate},format=yuv420p",
        if w.min(h) <= 576 { "bt601" } else { "bt709" }
    );
    let reference =
        media(dir.path(), "r.mp4", &format!("-i {} -an -vf {filter} -c:v libx264 -crf 12", input.display()));
    assert_alike(&out.path(), &reference);
}

#[test]
fn hdr_is_tone_mapped_to_tagged_sdr_even_without_a_gamut_tag() {
    for (name, primaries) in [("tagged.mp4", "bt2020"), ("untagged.mp4", "unknown")] {
        let dir = tempfile::tempdir().unwrap();
        // Tagged twice: FFmpeg 5 uses the encoder's options, FFmpeg 7 the tags of the frames.
        let args = format!(
            "-f lavfi -i testsrc2=s=320x240:r=10:d=1,format=yuv420p10le,\
             setparams=color_primaries={primaries}:color_trc=smpte2084:colorspace=bt2020nc \
             -c:v libx265 -x265-params log-level=error \
             -color_primaries {primaries} -color_trc smpte2084 -colorspace bt2020nc"
        );
        let input = media(dir.path(), name, &args);
        assert_eq!(
            ffprobe_entries(&input, "stream=color_transfer,color_primaries", "v"),
            format!("smpte2084,{primaries}")
        );
        let mut plan = encode(320, 240, 10);
        plan.tone_map = Some(ToneMap { from: HdrKind::Hdr10 });
        let out = TestOutput::new();
        out.fix_and_verify(&input, &encoded(plan, None));
        assert_eq!(
            ffprobe_entries(&out.path(), "stream=pix_fmt,color_space,color_transfer", "v"),
            "yuv420p,bt709,bt709"
        );
    }
}

#[test]
fn an_hdr_clip_looks_as_when_each_pixel_is_mapped() {
    let dir = tempfile::tempdir().unwrap();
    let clip = fixture("firefox-media-TestPatternHDR.mp4");
    for (from, name) in [(HdrKind::Hlg, "arib-std-b67"), (HdrKind::Pq, "smpte2084")] {
        let tags = format!("-color_primaries bt2020 -color_trc {name} -colorspace bt2020nc");
        let hdr = format!(
            "-ss 8 -i {} -map 0:v:0 -t 1 -vf zscale=w=640:h=360:p=bt2020:t={name}:m=bt2020nc:r=tv,format=yuv420p10le \
             -c:v libx265 -x265-params log-level=error -crf 12 {tags}",
            clip.display()
        );
        let input = media(dir.path(), &format!("{name}.mp4"), &hdr);
        let mut plan = encode(640, 360, 30);
        plan.tone_map = Some(ToneMap { from });
        let out = TestOutput::new();
        out.fix_and_verify(&input, &encoded(plan, None));
        let each_pixel = "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0:peak=10,\
                          zscale=t=bt709:m=gbr:r=pc,format=gbrp12le,zscale=m=bt709:r=tv,format=yuv420p";
        let mapped = format!("-i {} -an -vf {each_pixel} -c:v libx264 -crf 12", input.display());
        assert_alike(&out.path(), &media(dir.path(), &format!("{name}-mapped.mp4"), &mapped));
    }
}

#[test]
fn values_above_white_keep_their_hue() {
    let dir = tempfile::tempdir().unwrap();
    for (name, expected) in [("red", [255, 0, 0]), ("lime", [0, 255, 0]), ("cyan", [0, 255, 255])] {
        let input = media(
            dir.path(),
            &format!("{name}.mp4"),
            &format!(
                "-f lavfi -i color={name}:s=320x240:r=10:d=1,\
                 scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10le,\
                 setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc \
                 -c:v libx265 -x265-params log-level=error \
                 -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc"
            ),
        );
        let mut plan = encode(320, 240, 10);
        plan.tone_map = Some(ToneMap { from: HdrKind::Hdr10 });
        let out = TestOutput::new();
        out.fix_and_verify(&input, &encoded(plan, None));
        let found = color_at(&out.path(), "32:32:144:104");
        assert!(near(found, expected), "{name}: {found:?}");
    }
}

#[test]
fn transparency_shows_the_background_and_borders_are_blurred() {
    let out = TestOutput::new();
    let mut plan = encode(320, 180, 10);
    plan.alpha_background = Some("00ff00".to_owned());
    plan.canvas = Some(Canvas { size: Size::new(320, 320), fill: Fill::Blur });
    let dir = tempfile::tempdir().unwrap();
    let input =
        media(dir.path(), "a.mov", "-f lavfi -i color=red@0:s=160x90:r=10:d=1,format=rgba -c:v qtrle");
    out.fix_and_verify(&input, &encoded(plan, None));
    for crop in ["32:32:144:144", "32:32:144:8"] {
        let found = color_at(&out.path(), crop);
        assert!(near(found, [0, 255, 0]), "{crop}: {found:?}");
    }
}

#[test]
fn a_size_change_mid_stream_gives_one_output_size() {
    let dir = tempfile::tempdir().unwrap();
    media(dir.path(), "1.ts", "-f lavfi -i testsrc2=s=320x240:r=25:d=1 -c:v libx264");
    media(dir.path(), "2.ts", "-f lavfi -i testsrc2=s=640x480:r=25:d=1 -c:v libx264");
    let mut both = std::fs::read(dir.path().join("1.ts")).unwrap();
    both.extend(std::fs::read(dir.path().join("2.ts")).unwrap());
    let input = dir.path().join("both.ts");
    std::fs::write(&input, both).unwrap();
    let out = TestOutput::new();
    let mut spec = encoded(encode(320, 240, 25), None);
    spec.start_s = 1.4;
    let report = out.fix(&input, &spec).unwrap().verify;
    assert!(report.failures.iter().all(|f| !f.message.contains("differs")), "{:?}", report.failures);
    assert_eq!(ffprobe_entries(&out.path(), "stream=width,height", "v"), "320,240");
}
