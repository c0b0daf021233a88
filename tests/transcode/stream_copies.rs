//! Copied streams: unchanged bytes with the requested tags, timestamps and index.

use std::path::Path;

use greenlit::plan::example;
use greenlit::plan::*;

use super::bench::{TestOutput, copied, ffprobe_entries, media, run_tool};
use super::common::fixture;

#[test]
fn copied_streams_keep_every_byte_and_the_display_matrix() {
    let out = TestOutput::new();
    let input = fixture("pypi-gradio-world.mp4");
    let audio =
        (!ffprobe_entries(&input, "stream=index", "a").is_empty()).then_some(AudioPlan::Copy { stream: 1 });
    let report = out.fix_and_verify(&input, &copied(audio));
    assert!(report.equal_streams.contains(&0));
    let hash = |path: &Path| {
        run_tool(
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

    let rotated = fixture("npm-js-ffmpeg-iphone_rotated.mov");
    let streams = ffprobe_entries(&rotated, "stream=index,codec_type", "");
    let video: u32 = streams.lines().find(|l| l.contains("video")).unwrap()[..1].parse().unwrap();
    let mut plan = copied(None);
    plan.video = Some(VideoPlan::Copy { stream: video, tags: VideoTags::default() });
    out.fix_and_verify(&rotated, &plan);
    let rotation = |path: &Path| ffprobe_entries(path, "stream_side_data=rotation", "v:0");
    assert!(!rotation(&rotated).is_empty());
    assert_eq!(rotation(&out.path()), rotation(&rotated));
}

/// Returns the types and sizes of the top-level boxes of a file.
fn top_level_boxes(path: &Path) -> Vec<(String, u64)> {
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
fn the_reserved_space_for_moov_suffices_for_copies() {
    let dir = tempfile::tempdir().unwrap();
    let size = |found: &[(String, u64)], kind: &str| -> u64 {
        found.iter().filter(|(name, _)| name == kind).map(|(_, size)| size).sum()
    };
    for (name, args) in [
        ("reordered.mov", "-c:v libx264 -bf 2 -g 30 -c:a aac"),
        ("even.mp4", "-c:v libx264 -bf 0 -c:a aac -b:a 64k"),
        ("uneven.mov", "-vf setpts='PTS+if(mod(N,7),0,0.01/TB)' -vsync vfr -c:v libx264 -c:a pcm_s16le"),
        ("metadata.mov", "-metadata comment=some_words_of_the_maker -metadata title=x -c:v mpeg4 -c:a aac"),
    ] {
        let source = "-f lavfi -i testsrc2=s=128x96:r=30:d=20 -f lavfi -i sine=d=20";
        let input = media(dir.path(), name, &format!("{source} {args}"));
        let out = TestOutput::new();
        let mut plan = copied(Some(AudioPlan::Copy { stream: 1 }));
        plan.strip_metadata = false;
        if name == "uneven.mov" {
            plan.audio = None;
        }
        out.fix_and_verify(&input, &plan);
        let found = top_level_boxes(&out.path());
        // With too little reserved space, the media data would have been moved: the same order, but with a
        // `free` box of the reserved size.
        assert_eq!([&found[0].0, &found[1].0], ["ftyp", "moov"], "{name}: {found:?}");
        let (index, free) = (size(&found, "moov"), size(&found, "free"));
        assert!(free >= 8 && free < index / 2 + 4096, "{name}: {found:?}");
    }
}

#[test]
fn changing_tags_keeps_the_frames() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(
        dir.path(),
        "t.mp4",
        "-f lavfi -i testsrc=s=128x96:r=25:d=1,setsar=2 -c:v libx264 -pix_fmt yuv420p",
    );
    let tags = VideoTags { declare_bt709: true, ..VideoTags::default() };
    let out = TestOutput::new();
    out.fix_and_verify(&input, &example::output(VideoPlan::Copy { stream: 0, tags }, None));
    assert_eq!(
        ffprobe_entries(&out.path(), "stream=sample_aspect_ratio,color_range,color_space", "v"),
        "2:1,tv,bt709"
    );
    let frame_hashes = |path: &Path| {
        run_tool("ffmpeg", &["-v", "error", "-i", path.to_str().unwrap(), "-f", "framemd5", "-"])
            .lines()
            .filter(|l| !l.starts_with('#'))
            .map(|l| l.rsplit(',').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(frame_hashes(&input), frame_hashes(&out.path()));
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
    let out = TestOutput::new();
    out.fix_and_verify(&input, &example::output(VideoPlan::Copy { stream: 0, tags }, None));
    assert_eq!(ffprobe_entries(&out.path(), "stream=codec_tag_string", "v"), "hvc1");
}
