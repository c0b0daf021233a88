//! Videos whose first frames cannot be decoded, and edit lists that begin between key frames.
#![allow(clippy::unwrap_used)]

mod common;

use common::house::{check, fix, test_dir};
use common::{TestDir, errors, ffprobe};
use serde_json::Value;

/// Frames dropped at the start, and the frames before the next key frame that need them.
const DROPPED: u64 = 12;
const LOST: u64 = 18;

/// Encodes four seconds with a key frame every 30 frames.
fn encode(dir: &TestDir, name: &str, video: &str) {
    let command =
        format!("-f lavfi -i testsrc2=s=360x640:r=25:d=4 -f lavfi -i sine=d=4:r=48000 {video} -g 30 {name}");
    dir.ffmpeg(&command.split(' ').collect::<Vec<_>>());
}

const X264: &str = "-c:v libx264 -preset ultrafast -bf 2 -keyint_min 30 -sc_threshold 0 -c:a aac";

/// Copies a video without the packets that the expression selects.
fn drop_packets(dir: &TestDir, from: &str, to: &str, which: &str) {
    let filter = format!("noise=amount=0:drop={which}");
    dir.write(to, "");
    dir.ffmpeg(&["-i", from, "-c", "copy", "-bsf:v", &filter, to]);
}

fn integrity(entry: &Value) -> Option<&Value> {
    entry["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "integrity")
}

fn frames_of(dir: &TestDir, name: &str) -> (String, f64, f64) {
    let probed = ffprobe(&dir.path(name));
    let stream = |kind: &str| {
        let streams = probed["streams"].as_array().unwrap();
        streams.iter().find(|stream| stream["codec_type"] == kind).unwrap().clone()
    };
    let seconds = |stream: Value| stream["duration"].as_str().unwrap().parse::<f64>().unwrap();
    let frames = stream("video")["nb_read_frames"].as_str().unwrap().to_owned();
    (frames, seconds(stream("video")), seconds(stream("audio")))
}

#[test]
fn a_missing_first_key_frame_is_an_error_in_every_container() {
    let dir = test_dir();
    encode(&dir, "h264.mp4", X264);
    encode(
        &dir,
        "hevc.mp4",
        "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=30:min-keyint=30",
    );
    encode(&dir, "mpeg4.mp4", "-c:v mpeg4 -bf 2 -b:v 800k -c:a aac");
    encode(&dir, "mpeg2.ts", "-c:v mpeg2video -bf 2 -b:v 1500k -c:a mp2");
    encode(&dir, "vp8.webm", "-c:v libvpx -deadline realtime -b:v 800k -c:a libvorbis");
    encode(&dir, "vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 800k -c:a libopus");
    let made = [
        ("h264.mp4", "a.mp4"),
        ("h264.mp4", "a.mkv"),
        ("h264.mp4", "a.ts"),
        ("h264.mp4", "a.flv"),
        ("hevc.mp4", "b.mp4"),
        ("hevc.mp4", "b.ts"),
        ("mpeg4.mp4", "c.mkv"),
        ("mpeg2.ts", "d.ts"),
        ("mpeg2.ts", "d.mpg"),
        ("vp8.webm", "e.webm"),
        ("vp9.webm", "f.webm"),
    ];
    for (whole, lost) in made {
        assert!(integrity(&check(&dir, whole, &[])).is_none(), "{whole} is complete");
        drop_packets(&dir, whole, lost, &format!(r"lt(n\,{DROPPED})"));
        let checked = check(&dir, lost, &[]);
        let finding = integrity(&checked).unwrap_or_else(|| panic!("{lost}: {checked:#}"));
        assert_eq!((&finding["severity"], &finding["remedy"]), (&"error".into(), &"from-key-frame".into()));
        assert!(finding["message"].as_str().unwrap().contains("first 18 frames"), "{lost}: {finding:#}");
        let video = &checked["media"]["video"][0];
        assert_eq!(video["undecodable_frames"], LOST, "{lost}");
        let begins = video["first_decodable_s"].as_f64().unwrap() - video["start_s"].as_f64().unwrap();
        assert!((0.6..1.3).contains(&begins), "{lost}: {video:#}");
    }
}

#[test]
fn starts_at_the_first_key_frame_only_with_consent() {
    let dir = test_dir();
    encode(&dir, "whole.mp4", X264);
    for name in ["lost.mp4", "lost.ts", "lost.mkv"] {
        drop_packets(&dir, "whole.mp4", name, &format!(r"lt(n\,{DROPPED})"));
        assert!(errors(&check(&dir, name, &["--deep"])).contains(&"integrity"), "{name}");
        let refused = fix(&dir, name, &[]);
        assert_eq!(refused["refusal"], "needs-from-key-frame", "{refused:#}");
        assert!(!dir.path("out/lost.mp4").exists());
        let fixed = fix(&dir, name, &["--from-key-frame"]);
        assert_eq!(fixed["verified"]["verdict"], "compliant", "{name}: {fixed:#}");
        let told =
            fixed["steps"].as_array().unwrap().iter().any(|step| step.to_string().contains("18 frames"));
        assert!(told, "{fixed:#}");
        // 100 frames, 30 of them before the second key frame.
        let (frames, video_s, audio_s) = frames_of(&dir, "out/lost.mp4");
        assert_eq!((frames.as_str(), video_s), ("70", 2.8), "{name}");
        assert!((audio_s - video_s).abs() < 0.03, "{name}: {audio_s}");
        std::fs::remove_dir_all(dir.path("out")).unwrap();
    }
}

#[test]
fn a_video_without_any_key_frame_is_refused_even_with_consent() {
    let dir = test_dir();
    encode(&dir, "whole.mp4", X264);
    drop_packets(&dir, "whole.mp4", "lost.mp4", "key");
    assert!(errors(&check(&dir, "lost.mp4", &[])).contains(&"integrity"));
    assert_eq!(fix(&dir, "lost.mp4", &["--from-key-frame"])["refusal"], "missing-data");
}

#[test]
fn key_frame_flags_that_lie_do_not_hide_it() {
    let dir = test_dir();
    encode(&dir, "whole.mp4", X264);
    drop_packets(&dir, "whole.mp4", "lost.mp4", &format!(r"lt(n\,{DROPPED})"));
    // Without `stss`, every sample counts as a sync sample.
    let mut bytes = std::fs::read(dir.path("lost.mp4")).unwrap();
    let at = bytes.windows(4).position(|word| word == b"stss").unwrap();
    bytes[at..at + 4].copy_from_slice(b"free");
    dir.write("lost.mp4", bytes);
    let checked = check(&dir, "lost.mp4", &[]);
    assert_eq!(checked["media"]["video"][0]["undecodable_frames"], LOST);
    assert!(errors(&checked).contains(&"integrity"), "{checked:#}");
}

#[test]
fn open_groups_and_gradual_refresh_are_no_fault() {
    let dir = test_dir();
    encode(&dir, "open.ts", "-c:v libx264 -preset ultrafast -x264-params open-gop=1:bframes=3 -c:a aac");
    encode(&dir, "refresh.mp4", "-c:v libx264 -preset ultrafast -x264-params intra-refresh=1 -c:a aac");
    encode(&dir, "mpeg2.ts", "-c:v mpeg2video -bf 2 -c:a mp2");
    for (from, to) in [("open.ts", "open-cut.ts"), ("mpeg2.ts", "mpeg2-cut.ts")] {
        dir.ffmpeg(&["-ss", "1.5", "-i", from, "-c", "copy", to]);
    }
    for name in ["refresh.mp4", "open-cut.ts", "mpeg2-cut.ts"] {
        let checked = check(&dir, name, &[]);
        assert!(integrity(&checked).is_none(), "{name}: {checked:#}");
    }
}

/// Replaces the edit list of the only track by `edits`: duration and media time in seconds, of a movie time scale
/// of 1000.
fn set_edits(file: &mut [u8], edits: &[(f64, f64)]) {
    let at = |file: &[u8], kind: &[u8; 4]| file.windows(4).position(|word| word == kind).unwrap();
    let word = |file: &[u8], at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    let total: f64 = edits.iter().map(|(duration, _)| duration * 1000.0).sum();
    for length in [at(file, b"mvhd") + 20, at(file, b"tkhd") + 24] {
        file[length..length + 4].copy_from_slice(&(total as u32).to_be_bytes());
    }
    let mdhd = at(file, b"mdhd");
    let scale = f64::from(word(file, mdhd + 16));
    // The list takes the place of the metadata box behind the track, so that no offset changes.
    let (edts, udta) = (at(file, b"edts"), at(file, b"udta"));
    let trak = at(file, b"trak");
    let room = word(file, udta - 4);
    file.copy_within(edts + 32..udta - 4, edts + 32 + 12 * (edits.len() - 1));
    let grown = 12 * (edits.len() as u32 - 1);
    let elst: Vec<u8> = edits
        .iter()
        .flat_map(|(duration, media)| {
            let fields = [(duration * 1000.0) as u32, (media * scale).round() as u32, 1 << 16];
            fields.into_iter().flat_map(u32::to_be_bytes)
        })
        .collect();
    file[edts + 20 - 4..edts + 20].copy_from_slice(&(edits.len() as u32).to_be_bytes());
    file[edts + 20..edts + 20 + elst.len()].copy_from_slice(&elst);
    for (kind, by) in [(edts - 4, grown), (edts + 4, grown), (trak - 4, grown)] {
        let size = word(file, kind) + by;
        file[kind..kind + 4].copy_from_slice(&size.to_be_bytes());
    }
    let free = udta - 4 + grown as usize;
    file[free..free + 4].copy_from_slice(&(room - grown).to_be_bytes());
    file[free + 4..free + 8].copy_from_slice(b"free");
}

#[test]
fn edits_between_key_frames_are_shown_as_long_as_planned() {
    let dir = test_dir();
    let hevc = "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=30:min-keyint=30:open-gop=1:bframes=3";
    for (name, codec) in [("h264", X264), ("hevc", hevc)] {
        let command = format!(
            "-f lavfi -i testsrc2=s=360x640:r=25:d=4 {codec} -an -g 30 -tag:v {} {name}.mp4",
            if name == "hevc" { "hvc1" } else { "avc1" }
        );
        let command: Vec<_> = command.split(' ').filter(|word| *word != "-c:a" && *word != "aac").collect();
        dir.ffmpeg(&command);
        for (number, edits) in [&[(2.0, 1.8)][..], &[(0.8, 0.6), (1.2, 2.0)]].into_iter().enumerate() {
            let mut bytes = std::fs::read(dir.path(&format!("{name}.mp4"))).unwrap();
            set_edits(&mut bytes, edits);
            let path = format!("{name}-{number}.mp4");
            dir.write(&path, bytes);
            let fixed = fix(&dir, &path, &["--recipe", "2"]);
            assert_eq!(fixed["verified"]["verdict"], "compliant", "{path}: {fixed:#}");
            let probed = ffprobe(&dir.path(&format!("out/{path}")));
            let frames: u64 = probed["streams"][0]["nb_read_frames"].as_str().unwrap().parse().unwrap();
            // An edit that ends within a frame shows all of it.
            assert!((50..=52).contains(&frames), "{path}: {frames}");
        }
    }
}
