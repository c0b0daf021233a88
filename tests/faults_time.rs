//! Time stamps: frames that are held, edits of a track, rates of rounded times.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::house::{check, fix, test_dir};
use common::{TestDir, ffprobe, words};

const AAC: &str = "-c:a aac";

/// Encodes 60 frames, each brighter than the last.
fn ramp(dir: &TestDir, name: &str, codecs: &str) {
    let source = "color=gray:s=180x320:r=30:d=2,geq=lum='16+3*N':cb=128:cr=128";
    let mut args = vec!["-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=d=2:r=48000"];
    args.extend(words(codecs));
    args.push(name);
    dir.ffmpeg(&args);
}

/// Returns the numbers of the frames of a [`ramp`] that a video shows.
fn shown(dir: &TestDir, name: &str) -> Vec<i64> {
    let filter = "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-";
    let args = ["-v", "error", "-nostdin", "-i", name, "-vf", filter, "-f", "null", "-"];
    let run = Command::new("ffmpeg").args(args).current_dir(dir.root()).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    let brightness = text.lines().filter_map(|line| line.split("YAVG=").nth(1)?.parse::<f64>().ok());
    brightness.map(|brightness| ((brightness - 16.0) / 3.0).round() as i64).collect()
}

const BFRAMES: &str = "-c:v libx264 -preset ultrafast -x264-params bframes=3:b-adapt=0:b-pyramid=normal -g 30 -qp 12 \
    -pix_fmt yuv420p";
const HEVC: &str = "-c:v libx265 -preset ultrafast -x265-params \
    log-level=none:keyint=30:min-keyint=30:bframes=3:open-gop=1:qp=12 -tag:v hvc1 -pix_fmt yuv420p";

/// Joins the B-frames of an AVI to the packets before them, as DivX does.
fn pack_b_frames(file: &[u8]) -> Vec<u8> {
    let at = file.windows(4).position(|word| word == b"movi").unwrap() + 4;
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let end = at - 8 + word(at - 8);
    let (mut chunks, mut next) = (Vec::new(), at);
    while next + 8 <= end {
        let length = word(next + 4);
        chunks.push(file[next + 8..next + 8 + length].to_vec());
        next += 8 + length + length % 2;
    }
    let kind = |chunk: &[u8]| {
        let vop = chunk.windows(4).position(|word| word == [0, 0, 1, 0xb6]).unwrap();
        (vop, chunk[vop + 4] >> 6)
    };
    let (vop, _) = kind(&chunks[0]);
    chunks[0].splice(vop..vop, *b"\0\0\x01\xb2DivX503b1393p");
    for number in 0..chunks.len() - 1 {
        let (this, after) = (kind(&chunks[number]).1, kind(&chunks[number + 1]).1);
        if this == 1 && after == 2 {
            let packed = std::mem::replace(&mut chunks[number + 1], vec![0, 0, 1, 0xb6, 0x7f]);
            chunks[number].extend(packed);
        }
    }
    let (mut movie, mut index) = (b"movi".to_vec(), Vec::new());
    for chunk in chunks {
        let length = (chunk.len() as u32).to_le_bytes();
        index.extend(
            [&b"00dc"[..], &16_u32.to_le_bytes(), &(movie.len() as u32).to_le_bytes(), &length].concat(),
        );
        movie.extend([&b"00dc"[..], &length, &chunk].concat());
        movie.extend(vec![0; chunk.len() % 2]);
    }
    let list = |kind: &[u8], body: &[u8]| [kind, &(body.len() as u32).to_le_bytes(), body].concat();
    let body = [&file[8..at - 12], &list(b"LIST", &movie), &list(b"idx1", &index)].concat();
    list(b"RIFF", &body)
}

#[test]
fn videos_with_decode_times_only_show_every_frame_once() {
    let dir = test_dir();
    ramp(&dir, "b.mp4", &format!("{BFRAMES} -an"));
    ramp(&dir, "h.mp4", &format!("{HEVC} -an"));
    dir.ffmpeg(&words("-i b.mp4 -c copy -bsf:v h264_mp4toannexb b.avi"));
    dir.ffmpeg(&words("-i h.mp4 -c copy -bsf:v hevc_mp4toannexb h.avi"));
    dir.ffmpeg(&words("-i b.mp4 -c copy raw264.h264"));
    dir.ffmpeg(&words("-i h.mp4 -c copy raw265.hevc"));
    ramp(&dir, "m.avi", "-c:v mpeg4 -bf 2 -q:v 2 -an");
    ramp(&dir, "x.avi", "-c:v mpeg4 -vtag XVID -bf 1 -q:v 2 -an");
    dir.write("packed.avi", pack_b_frames(&std::fs::read(dir.path("x.avi")).unwrap()));
    let all: Vec<i64> = (0..60).collect();
    for name in ["b.avi", "h.avi", "raw264.h264", "raw265.hevc", "m.avi", "packed.avi"] {
        let fixed = fix(&dir, name, &["--recipe", "2"]);
        assert_eq!(fixed["verified"]["verdict"], "compliant", "{name}: {fixed:#}");
        let output = format!("out/{}.mp4", name.split('.').next().unwrap());
        assert_eq!(shown(&dir, &output), all, "{name}");
        std::fs::remove_dir_all(dir.path("out")).unwrap();
    }
}

#[test]
fn frames_held_at_the_start_and_the_end_are_named() {
    let dir = test_dir();
    ramp(&dir, "v.webm", "-c:v libvpx -deadline realtime -b:v 1M -g 15 -an");
    ramp(&dir, "av.mp4", &format!("{BFRAMES} {AAC}"));
    ramp(&dir, "av.webm", "-c:v libvpx -deadline realtime -b:v 1M -c:a libvorbis");
    dir.ffmpeg(&["-i", "v.webm", "-c", "copy", "-bsf:v", r"noise=amount=0:drop=lt(n\,9)", "lost.webm"]);
    let fixed = fix(&dir, "lost.webm", &["--from-key-frame"]);
    assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
    assert!(fixed["steps"].to_string().contains("the first 0.2 s, with 6 frames"), "{fixed:#}");
    assert_eq!(shown(&dir, "out/lost.mp4").len(), 45, "the frames from the key frame on, and none held");
    // The container does not tell that the video ends before the audio.
    dir.ffmpeg(&words("-i v.webm -f lavfi -i sine=d=2.6:r=48000 -c:v copy -c:a libvorbis short.webm"));
    let fixed = fix(&dir, "short.webm", &["--recipe", "2"]);
    let held = fixed["added"].as_array().unwrap().iter().find(|added| added["kind"] == "held-frame").unwrap();
    assert!((held["duration_s"].as_f64().unwrap() - 0.6).abs() < 0.1, "{fixed:#}");
    assert!(fixed["steps"].to_string().contains("0.6 s of the last frame added"), "{fixed:#}");
    for (name, input) in [("late.mp4", "av.mp4"), ("late.mkv", "av.mp4"), ("late.webm", "av.webm")] {
        let args = format!("-itsoffset 0.6 -i {input} -i {input} -map 0:v -map 1:a -c copy {name}");
        dir.ffmpeg(&words(&args));
        let fixed = fix(&dir, name, &["--recipe", "2"]);
        assert_eq!(fixed["verified"]["verdict"], "compliant", "{name}: {fixed:#}");
        let added = fixed["added"].as_array().unwrap();
        let seconds = |kind: &str| {
            let of_kind = added.iter().filter(|added| added["kind"] == kind);
            of_kind.map(|added| added["duration_s"].as_f64().unwrap()).sum::<f64>()
        };
        assert!((seconds("held-frame") - 0.6).abs() < 0.1, "{name}: {fixed:#}");
        assert!((seconds("silence") - 0.6).abs() < 0.1, "{name}: {fixed:#}");
        assert!(fixed["steps"].to_string().contains("0.6 s of the first frame added"), "{name}: {fixed:#}");
        std::fs::remove_dir_all(dir.path("out")).unwrap();
    }
}

/// Replaces the edit list of a track by entries of duration, media time (both in seconds; a negative media time
/// pauses) and speed.
fn set_edits(file: &[u8], edits: &[(f64, f64, f64)]) -> Vec<u8> {
    let mut file = file.to_vec();
    let find = |file: &[u8], kind: &[u8; 4]| file.windows(4).position(|word| word == kind).unwrap();
    let word = |file: &[u8], at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    let total: f64 = edits.iter().map(|(duration, ..)| duration * 1000.0).sum();
    for length in [find(&file, b"mvhd") + 20, find(&file, b"tkhd") + 24] {
        file[length..length + 4].copy_from_slice(&(total as u32).to_be_bytes());
    }
    let scale = {
        let mdhd = find(&file, b"mdhd");
        f64::from(word(&file, mdhd + 16))
    };
    let mut list = vec![0; 4];
    list.extend((edits.len() as u32).to_be_bytes());
    for (duration, media, speed) in edits {
        let media = if *media < 0.0 { -1 } else { (media * scale).round() as i32 };
        list.extend(((duration * 1000.0).round() as u32).to_be_bytes());
        list.extend(media.to_be_bytes());
        list.extend(((speed * 65536.0) as i32).to_be_bytes());
    }
    let boxed = |kind: &[u8], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes(), kind, body].concat();
    let edts = find(&file, b"edts") - 4;
    let old = word(&file, edts) as usize;
    let new = boxed(b"edts", &boxed(b"elst", &list));
    let grown = new.len() as u32 - old as u32;
    for kind in [b"moov", b"trak"] {
        let at = find(&file, kind) - 4;
        let size = word(&file, at) + grown;
        file[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    // `moov` follows the media data, so no offset changes.
    file.splice(edts..edts + old, new);
    file
}

#[test]
fn edit_lists_show_exactly_the_frames_they_name() {
    let dir = test_dir();
    // Frames are shown two frames after they are decoded.
    let delay = 2.0 / 30.0;
    for (name, codecs) in [("avc", BFRAMES), ("hevc", HEVC)] {
        ramp(&dir, "whole.mp4", &format!("{codecs} -an"));
        let whole = std::fs::read(dir.path("whole.mp4")).unwrap();
        let cases: [&[(f64, f64)]; 6] = [
            &[(0.5, 0.0), (0.5, 1.0)],
            &[(0.5, 0.3), (0.5, 1.2)],
            &[(0.6, 1.4), (0.5, 0.2)],
            &[(0.5, 0.5), (0.5, 0.5)],
            &[(0.8, 0.3), (0.8, 0.7)],
            &[(0.5, 0.1), (0.3, -1.0), (0.5, 1.1)],
        ];
        for (number, parts) in cases.iter().enumerate() {
            let edits = parts
                .iter()
                .map(|(length, from)| (*length, if *from < 0.0 { -1.0 } else { from + delay }, 1.0));
            let path = format!("{name}-{number}.mp4");
            dir.write(&path, set_edits(&whole, &edits.collect::<Vec<_>>()));
            let fixed = fix(&dir, &path, &["--recipe", "2"]);
            assert_eq!(fixed["verified"]["verdict"], "compliant", "{path}: {fixed:#}");
            let mut expected: Vec<i64> = Vec::new();
            for (length, from) in parts.iter() {
                let frames = (length * 30.0_f64).round() as i64;
                let held = expected.last().copied();
                let first = (from * 30.0).round() as i64;
                let pause = *from < 0.0;
                expected.extend((0..frames).map(|n| if pause { held.unwrap() } else { first + n }));
            }
            assert_eq!(shown(&dir, &format!("out/{path}")), expected, "{path}");
        }
    }
}

#[test]
fn an_edit_list_that_changes_the_speed_is_told_and_not_removed() {
    let dir = test_dir();
    ramp(&dir, "whole.mp4", &format!("{BFRAMES} -an"));
    let whole = std::fs::read(dir.path("whole.mp4")).unwrap();
    let delay = 2.0 / 30.0;
    for (name, edits) in [
        ("fast.mp4", &[(1.0, delay, 2.0)][..]),
        ("slow.mp4", &[(4.0, delay, 0.5)]),
        ("still.mp4", &[(1.0, delay, 0.0), (2.0, delay, 1.0)]),
        ("back.mp4", &[(2.0, delay, -1.0)]),
    ] {
        dir.write(name, set_edits(&whole, edits));
        let checked = check(&dir, name, &[]);
        assert_eq!(checked["media"]["video"][0]["edit_list"]["changes_speed"], true, "{name}");
        assert!(checked["findings"].to_string().contains("edit list changes playback"), "{name}");
        let fixed = fix(&dir, name, &["--recipe", "2"]);
        assert_eq!(fixed["refusal"], "no-remedy", "{name}: {fixed:#}");
        assert!(fixed["reason"].as_str().unwrap().contains("speed"), "{name}: {fixed:#}");
        assert!(!dir.path(&format!("out/{name}")).exists());
    }
}

/// Sets the frame duration that a Matroska file declares, or removes it.
fn set_default_duration(dir: &TestDir, from: &str, to: &str, nanoseconds: Option<u32>) {
    let mut bytes = std::fs::read(dir.path(from)).unwrap();
    let at = bytes.windows(4).position(|four| four == [0x23, 0xe3, 0x83, 0x84]).unwrap();
    match nanoseconds {
        Some(value) => bytes[at + 4..at + 8].copy_from_slice(&value.to_be_bytes()),
        // An element that readers skip, of the same size.
        None => bytes[at..at + 8].copy_from_slice(&[0xec, 0x86, 0, 0, 0, 0, 0, 0]),
    }
    dir.write(to, &bytes);
}

fn rate_of(dir: &TestDir, name: &str) -> String {
    let probed = ffprobe(&dir.path(name));
    let video = probed["streams"].as_array().unwrap().iter().find(|stream| stream["codec_type"] == "video");
    video.unwrap()["r_frame_rate"].as_str().unwrap().to_owned()
}

#[test]
fn rates_of_rounded_timestamps_are_measured() {
    let dir = test_dir();
    let input = "-f lavfi -i testsrc2=s=540x960:r=30:d=4 -pix_fmt yuv420p -fps_mode vfr";
    let codec = "-c:v mpeg4 -b:v 900k -g 30";
    dir.ffmpeg(&words(&format!("{input} {codec} constant.mkv")));
    dir.ffmpeg(&words(&format!("{input} -vf select='not(between(mod(n,20),5,6))' {codec} variable.mkv")));
    for source in ["constant", "variable"] {
        for (name, duration) in [("ntsc", Some(33_366_667)), ("unset", None)] {
            let name = format!("{source}-{name}");
            set_default_duration(&dir, &format!("{source}.mkv"), &format!("{name}.mkv"), duration);
            let fixed = fix(&dir, &format!("{name}.mkv"), &["--add-silence", "--recipe", "2"]);
            assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
            assert_eq!(rate_of(&dir, &format!("out/{name}.mp4")), "30/1", "{name}");
        }
    }
}

#[test]
fn audio_that_begins_one_aac_frame_earlier_repeats_no_video_frame() {
    let dir = test_dir();
    for (rate, sample_rate) in [(30_u32, 48_000), (60, 48_000), (30, 44_100)] {
        // The delays of encoders differ between versions of FFmpeg, so the lead is set on copied packets.
        dir.ffmpeg(&words(&format!(
            "-f lavfi -i testsrc2=s=540x960:r={rate}:d=2 -pix_fmt yuv420p -c:v mpeg4 -b:v 900k video.mkv"
        )));
        dir.ffmpeg(&words(&format!("-f lavfi -i sine=d=2:r={sample_rate} -ac 2 audio.wav")));
        dir.ffmpeg(&words("-itsoffset 0.02 -i video.mkv -i audio.wav -map 0:v -map 1:a -c copy early.mkv"));
        let fixed = fix(&dir, "early.mkv", &["--recipe", "2"]);
        assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
        // The common core has at most 30 frames a second.
        assert_eq!(fixed["verified"]["decoded_frames"], rate.min(30) * 2, "{fixed:#}");
        let steps = fixed["steps"].to_string();
        assert!(steps.contains("ms of audio before it, at most one frame of AAC, are left out"), "{steps}");
        std::fs::remove_dir_all(dir.path("out")).unwrap();
    }
    // A longer lead is kept: the first frame is held, and that is named.
    dir.ffmpeg(&words("-itsoffset 0.15 -i video.mkv -i audio.wav -map 0:v -map 1:a -c copy earlier.mkv"));
    let fixed = fix(&dir, "earlier.mkv", &["--recipe", "2"]);
    assert!(!fixed["steps"].to_string().contains("of audio before it"), "{fixed:#}");
    assert_eq!(fixed["added"][0]["kind"], "held-frame", "{fixed:#}");
}
