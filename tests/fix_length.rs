//! Videos that are too short, too long, or declare no duration.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::{TestDir, entry, errors, ffprobe};
use serde_json::Value;

/// Two seconds of video that gets brighter with each frame, so that every jump is detectable.
const BRIGHTER: &str = "nullsrc=s=320x240:r=25:d=2,geq=lum='20+4*N':cb=128:cr=128";

fn profile(dir: &TestDir, rules: &str) {
    dir.write("house.toml", format!("id = \"house\"\nextends = \"youtube\"\n{rules}"));
}

fn fix(dir: &TestDir, options: &[&str], code: i32) -> Value {
    let args = ["fix", "in", "--profile", "house.toml", "--out", "out", "--format", "json"];
    dir.greenlit(&[&args, options].concat()).expect(code).json()
}

/// Returns the brightness of each frame.
fn brightness(dir: &TestDir, name: &str) -> Vec<u8> {
    let args = ["-v", "error", "-i", name, "-vf", "scale=1:1", "-pix_fmt", "gray", "-f", "rawvideo", "-"];
    Command::new("ffmpeg").args(args).current_dir(dir.root()).output().unwrap().stdout
}

#[test]
fn loops_from_the_first_frame_in_every_container() {
    let dir = TestDir::new();
    profile(&dir, "[rule.duration]\nseverity = \"error\"\nmin_s = 5\n");
    let sources = [
        // Its only key frame is the first packet.
        ("stream.ts", "-c:v libx264 -preset ultrafast -g 50"),
        ("flash.flv", "-c:v flv1 -b:v 2M"),
        ("bare.h264", "-c:v libx264 -preset ultrafast -g 50 -bf 2"),
        ("elementary.m1v", "-c:v mpeg1video -b:v 4M -g 50"),
        ("video.mp4", "-c:v libx264 -preset ultrafast -bf 2 -g 50"),
        ("recorded.webm", "-c:v libvpx -b:v 1M -deadline realtime -live 1"),
        ("picture.apng", "-plays 0"),
    ];
    for (name, codec) in sources {
        let mut args = vec!["-f", "lavfi", "-i", BRIGHTER];
        args.extend(codec.split(' '));
        dir.write(&format!("in/{name}"), "");
        let path = format!("in/{name}");
        args.push(&path);
        dir.ffmpeg(&args);
    }
    let refused = fix(&dir, &[], 1);
    let looped = fix(&dir, &["--extend", "loop"], 0);
    for (name, _) in sources {
        let reason = entry(&refused, name)["fix"]["reason"].as_str().unwrap();
        assert!(reason.contains("--extend"), "{name}: {reason}");
        assert_eq!(entry(&looped, name)["fix"]["verified"]["verdict"], "compliant", "{name}");
        let output = format!("out/{}.mp4", name.split('.').next().unwrap());
        let frames = brightness(&dir, &output);
        assert!((125..=130).contains(&frames.len()), "{name}: {}", frames.len());
        let restarts = frames.windows(2).filter(|pair| pair[1] < pair[0].saturating_sub(100)).count();
        assert_eq!(restarts, 2, "{name}: {frames:?}");
        let frozen = frames.windows(8).filter(|run| run[0] == run[7] && run[0] > 20).count();
        assert_eq!(frozen, 0, "{name} is frozen: {frames:?}");
    }
}

#[test]
fn trims_copied_and_encoded_videos_below_the_limit() {
    let dir = TestDir::new();
    profile(&dir, "[rule.duration]\nseverity = \"error\"\nmax_s = 3\n");
    // At 30 frames per second the limit is between two frames.
    let source = "-f lavfi -i testsrc2=s=320x240:r=30:d=5 -f lavfi -i sine=d=5 -ac 2";
    let sources = [
        ("copied.mp4", "-c:v libx264 -preset veryfast -bf 3 -c:a aac", "remux"),
        ("stream.ts", "-c:v libx264 -preset veryfast -bf 3 -c:a aac", "remux"),
        ("audio.mov", "-c:v libx264 -preset veryfast -bf 3 -c:a pcm_s16le", "reencode-audio"),
        ("recorded.webm", "-c:v libvpx -deadline realtime -b:v 1M -c:a libopus -live 1", "reencode"),
    ];
    std::fs::create_dir(dir.path("in")).unwrap();
    for (name, codecs, _) in sources {
        let path = format!("in/{name}");
        dir.ffmpeg(&source.split(' ').chain(codecs.split(' ')).chain([&*path]).collect::<Vec<_>>());
    }
    profile(
        &dir,
        "[rule.duration]\nseverity = \"error\"\nmax_s = 3\n[rule.container]\nallow = [\"mp4\", \"mov\"]\n\
         [rule.audio-codec]\nseverity = \"error\"\nallow = [\"aac\"]\n[rule.video-codec]\nallow = [\"h264\"]\n",
    );
    let refused = fix(&dir, &[], 1);
    let trimmed = fix(&dir, &["--trim"], 0);
    for (name, _, action) in sources {
        let reason = entry(&refused, name)["fix"]["reason"].as_str().unwrap();
        assert!(reason.contains("--trim"), "{name}: {reason}");
        let fix = &entry(&trimmed, name)["fix"];
        assert_eq!(
            (&fix["action"], &fix["verified"]["verdict"]),
            (&action.into(), &"compliant".into()),
            "{name}"
        );
        let output = format!("out/{}.mp4", name.split('.').next().unwrap());
        let probe = ffprobe(&dir.path(&output));
        for stream in probe["streams"].as_array().unwrap() {
            let seconds: f64 = stream["duration"].as_str().unwrap().parse().unwrap();
            assert!((2.5..=3.001).contains(&seconds), "{name}: {seconds} {}", stream["codec_type"]);
        }
        dir.ffmpeg(&["-xerror", "-i", &output, "-f", "null", "-"]);
    }
}

#[test]
fn measures_the_duration_of_a_recording_that_declares_none() {
    let dir = TestDir::new();
    let source = "-f lavfi -i testsrc2=s=320x240:r=30:d=4 -f lavfi -i sine=d=4";
    let codecs = "-c:v libvpx -deadline realtime -c:a libopus -live 1 recorded.webm";
    dir.ffmpeg(&source.split(' ').chain(codecs.split(' ')).collect::<Vec<_>>());
    profile(&dir, "[rule.duration]\nseverity = \"error\"\nmax_s = 3\n");
    let report = dir
        .greenlit(&["check", "recorded.webm", "--profile", "house.toml", "--format", "json"])
        .expect(1)
        .json();
    let video = entry(&report, "recorded.webm");
    assert!(video["media"]["duration_s"].is_null(), "the container still declares no duration");
    let measured = video["media"]["measured_duration_s"].as_f64().unwrap();
    assert!((measured - 4.0).abs() < 0.05, "{measured}");
    assert!(errors(video).contains(&"duration"), "{video:#}");
}

#[test]
fn measures_a_duration_declared_as_unknown() {
    let dir = TestDir::new();
    profile(&dir, "[rule.duration]\nseverity = \"error\"\nmax_s = 10\n");
    let source = "-f lavfi -i testsrc2=s=320x240:r=30:d=4 -f lavfi -i sine=d=4 -shortest";
    let codecs = "-c:v libx264 -bf 0 -c:a aac -movflags empty_moov+frag_keyframe in/live.mp4";
    dir.write("in/live.mp4", "");
    dir.ffmpeg(&source.split(' ').chain(codecs.split(' ')).collect::<Vec<_>>());
    let mut bytes = std::fs::read(dir.root().join("in/live.mp4")).unwrap();
    let headers: Vec<usize> = (0..bytes.len() - 4).filter(|&at| &bytes[at..at + 4] == b"mdhd").collect();
    assert_eq!(headers.len(), 2);
    for at in headers {
        // After the type: version and flags, two dates, the time scale, then the duration.
        assert_eq!(bytes[at + 20..at + 24], [0; 4]);
        bytes[at + 20..at + 24].fill(0xff);
    }
    dir.write("in/live.mp4", bytes);
    let report = fix(&dir, &[], 0);
    let video = entry(&report, "live.mp4");
    let measured = video["media"]["measured_duration_s"].as_f64().unwrap();
    assert!((measured - 4.0).abs() < 0.05, "{measured}");
    assert!(
        video["media"]["video"][0]["duration_s"].is_null(),
        "the value that means unknown is not reported"
    );
    assert!(!errors(video).contains(&"duration"), "{video:#}");
    // The re-encoded output has the measured duration.
    let encoded =
        dir.greenlit(&["fix", "in", "--recipe", "2", "--out", "reencoded", "--profile", "house.toml"]);
    encoded.expect(0);
    let probe = ffprobe(&dir.path("reencoded/live.mp4"));
    let duration: f64 = probe["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((duration - 4.0).abs() < 0.1, "{duration}");
}

#[test]
fn re_encodes_if_a_remux_would_violate_the_frame_rate_limit() {
    let dir = TestDir::new();
    profile(&dir, "[rule.frame-rate]\nseverity = \"error\"\nmin = 23\n[rule.container]\nallow = [\"mp4\"]\n");
    std::fs::create_dir(dir.path("in")).unwrap();
    // Matroska declares 30 fps, but half the frames are missing.
    let source = "-f lavfi -i testsrc2=s=320x240:r=30:d=4 -vf select='not(mod(n\\,7))+lt(mod(n\\,5)\\,2)'";
    let codec = "-fps_mode vfr -c:v libx264 -preset ultrafast in/sparse.mkv";
    dir.ffmpeg(&source.split(' ').chain(codec.split(' ')).collect::<Vec<_>>());
    let report = fix(&dir, &[], 0);
    let fix = &entry(&report, "sparse.mkv")["fix"];
    assert_eq!(fix["action"], "reencode-video");
    assert!(fix["reason"].as_str().unwrap().contains("fps on average"), "{}", fix["reason"]);
}

#[test]
fn re_encodes_frames_without_timestamps_that_a_copy_cannot_preserve() {
    let dir = TestDir::new();
    profile(&dir, "[rule.container]\nseverity = \"error\"\nallow = [\"mp4\"]\n");
    std::fs::create_dir(dir.path("in")).unwrap();
    // AVI stores frames in decoding order without timestamps.
    let command = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -c:v mpeg4 -bf 2 in/reordered.avi";
    dir.ffmpeg(&command.split(' ').collect::<Vec<_>>());
    let report = fix(&dir, &[], 0);
    let fix = &entry(&report, "reordered.avi")["fix"];
    assert_eq!(
        (&fix["action"], &fix["verified"]["verdict"]),
        (&"reencode-video".into(), &"compliant".into())
    );
    assert!(
        fix["reason"].as_str().unwrap().contains("the stream copy failed verification"),
        "{}",
        fix["reason"]
    );
}

#[test]
fn a_remux_from_matroska_keeps_the_duration_of_the_frames() {
    let dir = TestDir::new();
    profile(&dir, "[rule.container]\nseverity = \"error\"\nallow = [\"mp4\"]\n");
    std::fs::create_dir(dir.path("in")).unwrap();
    let command = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -c:v libx264 -bf 3 -preset fast in/reordered.mkv";
    dir.ffmpeg(&command.split(' ').collect::<Vec<_>>());
    let report = fix(&dir, &[], 0);
    assert_eq!(entry(&report, "reordered.mkv")["fix"]["action"], "remux");
    let probe = ffprobe(&dir.path("out/reordered.mp4"));
    let seconds: f64 = probe["streams"][0]["duration"].as_str().unwrap().parse().unwrap();
    assert!((seconds - 2.0).abs() < 0.01, "{seconds}: the decoding delay must not count");
}
