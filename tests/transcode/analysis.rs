//! Jobs that analyse a video: cover images and the full decode (`--deep`).

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use greenlit::model::{MediaFacts, Rotation, Size, TimeRange};
use greenlit::transcode::libav::{ImageRequest, cover};
use greenlit::verify::libav::deep;

use super::bench::{TestOutput, media};
use super::common::fixture;

#[test]
fn a_cover_is_a_png_of_the_requested_size() {
    let out = TestOutput::new();
    let input = File::open(fixture("firefox-media-bunny_hd_5s.mp4")).unwrap();
    let cancel = Arc::new(AtomicBool::new(false));
    let size = Size::new(360, 640);
    let request = ImageRequest { stream: 0, size, rotation: Rotation::None, flip: None };
    let report = cover(input, out.create(), "in", request, cancel, &mut |_| {}).unwrap();
    assert!(report.at_s >= 0.0);
    let image = image::ImageReader::new(std::io::BufReader::new(File::open(out.path()).unwrap()))
        .with_guessed_format()
        .unwrap();
    assert_eq!(image.format(), Some(image::ImageFormat::Png));
    assert_eq!(image.into_dimensions().unwrap(), (360, 640));
}

#[test]
fn the_full_decode_detects_black_freezes_silence_and_borders() {
    let dir = tempfile::tempdir().unwrap();
    // One second of black, two of motion with borders, three of a freeze; audio from 1 s to 3 s.
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
    let [x, y, w, h] = found.active_area.unwrap();
    assert!(x == 0 && y.abs_diff(40) <= 2 && w == 320 && h.abs_diff(160) <= 4, "{:?}", found.active_area);
    // A sine of 1/8 amplitude peaks at -18 dB; on one channel ITU-R BS.1770 gives about -21 LUFS.
    let loudness = found.loudness.as_ref().unwrap();
    assert!((loudness.true_peak_dbtp + 18.0).abs() < 1.0, "{loudness:?}");
    assert!((loudness.integrated_lufs + 21.5).abs() < 1.5, "{loudness:?}");
    let curve = &loudness.momentary;
    let at = |time_s: f64| curve.lufs[(time_s / curve.step_s) as usize];
    assert!((at(2.0) + 21.5).abs() < 1.5 && at(0.5) == -70.0 && at(5.0) == -70.0, "{curve:?}");
    assert!(found.interlaced_frames.is_none_or(|(combed, determined)| combed * 2 < determined), "{found:?}");
}

#[test]
fn interlacing_is_distinguished_from_fine_lines_by_field_order() {
    let dir = tempfile::tempdir().unwrap();
    let is_interlaced = |name: &str, video: &str| {
        // The file is tagged progressive, so only the frames show interlacing.
        let input = media(dir.path(), name, &format!("-f lavfi -i {video},setfield=prog {PLAIN}"));
        let cancel = Arc::new(AtomicBool::new(false));
        let file = File::open(&input).unwrap();
        let found = deep(file, name, MediaFacts::default(), cancel, &mut |_| {}).unwrap();
        let counted = found.interlaced_frames;
        (counted.is_some_and(|(combed, determined)| determined >= 10 && combed * 2 > determined), counted)
    };
    const PLAIN: &str = "-c:v libx264 -preset ultrafast -crf 20 -pix_fmt yuv420p -threads 1";
    let fine = "testsrc2=s=320x240:r=50:d=10";
    for (name, video, expected) in [
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
        let (interlaced, counted) = is_interlaced(name, &video);
        assert_eq!(interlaced, expected, "{name}: {counted:?}");
    }
}
