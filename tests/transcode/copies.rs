//! Copied streams: every byte as it was, under the tags, clock and index that were asked for.

use std::path::Path;

use greenlit::model::Rational;
use greenlit::plan::sample;
use greenlit::plan::*;

use super::bench::{Out, copied, media, show, tool};
use super::common::fixture;

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
fn a_new_clock_is_even() {
    let dir = tempfile::tempdir().unwrap();
    let input = media(dir.path(), "j.mkv", "-f lavfi -i testsrc=s=128x96:r=29.97:d=2 -c:v libx264 -bf 2");
    let tags = VideoTags { retime_to: Rational::new(30, 1), ..VideoTags::default() };
    let out = Out::new();
    out.good(&input, &sample::output(VideoPlan::Copy { stream: 0, tags }, None));
    assert_eq!(show(&out.path(), "stream=r_frame_rate,avg_frame_rate", "v"), "30/1,30/1");
}
