//! Films that are too short, too long, or say nothing of their length.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::{Desk, entry, errors, ffprobe};
use serde_json::Value;

/// Two seconds that get brighter from frame to frame, so that every jump shows.
const BRIGHTER: &str = "nullsrc=s=320x240:r=25:d=2,geq=lum='20+4*N':cb=128:cr=128";

fn profile(desk: &Desk, rules: &str) {
    desk.write("house.toml", format!("id = \"house\"\nextends = \"youtube\"\n{rules}"));
}

fn fix(desk: &Desk, options: &[&str], code: i32) -> Value {
    let args = ["fix", "in", "--profile", "house.toml", "--out", "out", "--format", "json"];
    desk.greenlit(&[&args, options].concat()).expect(code).json()
}

/// How bright each frame of the picture is.
fn brightness(desk: &Desk, name: &str) -> Vec<u8> {
    let args = ["-v", "error", "-i", name, "-vf", "scale=1:1", "-pix_fmt", "gray", "-f", "rawvideo", "-"];
    Command::new("ffmpeg").args(args).current_dir(desk.root()).output().unwrap().stdout
}

#[test]
fn a_video_is_played_again_from_its_first_picture_whatever_holds_it() {
    let desk = Desk::new();
    profile(&desk, "[rule.duration]\nseverity = \"error\"\nmin_s = 5\n");
    let made = [
        // Its only key frame is the first packet.
        ("stream.ts", "-c:v libx264 -preset ultrafast -g 50"),
        ("flash.flv", "-c:v flv1 -b:v 2M"),
        ("bare.h264", "-c:v libx264 -preset ultrafast -g 50 -bf 2"),
        ("elementary.m1v", "-c:v mpeg1video -b:v 4M -g 50"),
        ("film.mp4", "-c:v libx264 -preset ultrafast -bf 2 -g 50"),
        ("recorded.webm", "-c:v libvpx -b:v 1M -deadline realtime -live 1"),
        ("picture.apng", "-plays 0"),
    ];
    for (name, codec) in made {
        let mut args = vec!["-f", "lavfi", "-i", BRIGHTER];
        args.extend(codec.split(' '));
        desk.write(&format!("in/{name}"), "");
        let path = format!("in/{name}");
        args.push(&path);
        desk.ffmpeg(&args);
    }
    let refused = fix(&desk, &[], 1);
    let looped = fix(&desk, &["--extend", "loop"], 0);
    for (name, _) in made {
        let reason = entry(&refused, name)["fix"]["reason"].as_str().unwrap();
        assert!(reason.contains("--extend"), "{name}: {reason}");
        assert_eq!(entry(&looped, name)["fix"]["verified"]["verdict"], "compliant", "{name}");
        let output = format!("out/{}.mp4", name.split('.').next().unwrap());
        let frames = brightness(&desk, &output);
        assert!((125..=130).contains(&frames.len()), "{name}: {}", frames.len());
        let restarts = frames.windows(2).filter(|pair| pair[1] < pair[0].saturating_sub(100)).count();
        assert_eq!(restarts, 2, "{name}: {frames:?}");
        let still = frames.windows(8).filter(|run| run[0] == run[7] && run[0] > 20).count();
        assert_eq!(still, 0, "{name} stands still: {frames:?}");
    }
}

#[test]
fn a_video_is_cut_before_the_limit_copied_or_encoded() {
    let desk = Desk::new();
    profile(&desk, "[rule.duration]\nseverity = \"error\"\nmax_s = 3\n");
    // At 30 frames a second the limit lies between two frames.
    let source = "-f lavfi -i testsrc2=s=320x240:r=30:d=5 -f lavfi -i sine=d=5 -ac 2";
    let made = [
        ("copied.mp4", "-c:v libx264 -preset veryfast -bf 3 -c:a aac", "remux"),
        ("stream.ts", "-c:v libx264 -preset veryfast -bf 3 -c:a aac", "remux"),
        ("audio.mov", "-c:v libx264 -preset veryfast -bf 3 -c:a pcm_s16le", "reencode-audio"),
        ("recorded.webm", "-c:v libvpx -deadline realtime -b:v 1M -c:a libopus -live 1", "reencode"),
    ];
    std::fs::create_dir(desk.path("in")).unwrap();
    for (name, codecs, _) in made {
        let path = format!("in/{name}");
        desk.ffmpeg(&source.split(' ').chain(codecs.split(' ')).chain([&*path]).collect::<Vec<_>>());
    }
    profile(
        &desk,
        "[rule.duration]\nseverity = \"error\"\nmax_s = 3\n[rule.container]\nallow = [\"mp4\", \"mov\"]\n\
         [rule.audio-codec]\nseverity = \"error\"\nallow = [\"aac\"]\n[rule.video-codec]\nallow = [\"h264\"]\n",
    );
    let refused = fix(&desk, &[], 1);
    let cut = fix(&desk, &["--trim"], 0);
    for (name, _, action) in made {
        let reason = entry(&refused, name)["fix"]["reason"].as_str().unwrap();
        assert!(reason.contains("--trim"), "{name}: {reason}");
        let fix = &entry(&cut, name)["fix"];
        assert_eq!(
            (&fix["action"], &fix["verified"]["verdict"]),
            (&action.into(), &"compliant".into()),
            "{name}"
        );
        let output = format!("out/{}.mp4", name.split('.').next().unwrap());
        let found = ffprobe(&desk.path(&output));
        for stream in found["streams"].as_array().unwrap() {
            let seconds: f64 = stream["duration"].as_str().unwrap().parse().unwrap();
            assert!((2.5..=3.001).contains(&seconds), "{name}: {seconds} {}", stream["codec_type"]);
        }
        desk.ffmpeg(&["-xerror", "-i", &output, "-f", "null", "-"]);
    }
}

#[test]
fn a_recording_that_declares_no_length_is_measured() {
    let desk = Desk::new();
    let source = "-f lavfi -i testsrc2=s=320x240:r=30:d=4 -f lavfi -i sine=d=4";
    let codecs = "-c:v libvpx -deadline realtime -c:a libopus -live 1 recorded.webm";
    desk.ffmpeg(&source.split(' ').chain(codecs.split(' ')).collect::<Vec<_>>());
    profile(&desk, "[rule.duration]\nseverity = \"error\"\nmax_s = 3\n");
    let report = desk
        .greenlit(&["check", "recorded.webm", "--profile", "house.toml", "--format", "json"])
        .expect(1)
        .json();
    let video = entry(&report, "recorded.webm");
    assert!(video["media"]["duration_s"].is_null(), "the container still says nothing");
    let measured = video["media"]["measured_duration_s"].as_f64().unwrap();
    assert!((measured - 4.0).abs() < 0.05, "{measured}");
    assert!(errors(video).contains(&"duration"), "{video:#}");
}

#[test]
fn a_length_declared_to_be_unknown_is_measured() {
    let desk = Desk::new();
    profile(&desk, "[rule.duration]\nseverity = \"error\"\nmax_s = 10\n");
    let source = "-f lavfi -i testsrc2=s=320x240:r=30:d=4 -f lavfi -i sine=d=4 -shortest";
    let codecs = "-c:v libx264 -bf 0 -c:a aac -movflags empty_moov+frag_keyframe in/live.mp4";
    desk.write("in/live.mp4", "");
    desk.ffmpeg(&source.split(' ').chain(codecs.split(' ')).collect::<Vec<_>>());
    let mut bytes = std::fs::read(desk.root().join("in/live.mp4")).unwrap();
    let headers: Vec<usize> = (0..bytes.len() - 4).filter(|&at| &bytes[at..at + 4] == b"mdhd").collect();
    assert_eq!(headers.len(), 2);
    for at in headers {
        // Behind the type: version and flags, two dates, the time scale, then the duration.
        assert_eq!(bytes[at + 20..at + 24], [0; 4]);
        bytes[at + 20..at + 24].fill(0xff);
    }
    desk.write("in/live.mp4", bytes);
    let report = fix(&desk, &[], 0);
    let video = entry(&report, "live.mp4");
    let measured = video["media"]["measured_duration_s"].as_f64().unwrap();
    assert!((measured - 4.0).abs() < 0.05, "{measured}");
    assert!(video["media"]["video"][0]["duration_s"].is_null(), "a number that means none");
    assert!(!errors(video).contains(&"duration"), "{video:#}");
    // Everything goes where only whole videos go, and is as long as what is there.
    let encoded = desk.greenlit(&["fix", "in", "--recipe", "2", "--out", "anew", "--profile", "house.toml"]);
    encoded.expect(0);
    let found = ffprobe(&desk.path("anew/live.mp4"));
    let length: f64 = found["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((length - 4.0).abs() < 0.1, "{length}");
}

#[test]
fn a_copy_that_would_come_to_another_rate_is_encoded() {
    let desk = Desk::new();
    profile(
        &desk,
        "[rule.frame-rate]\nseverity = \"error\"\nmin = 23\n[rule.container]\nallow = [\"mp4\"]\n",
    );
    std::fs::create_dir(desk.path("in")).unwrap();
    // Matroska declares 30 fps, of which half the frames are there.
    let source = "-f lavfi -i testsrc2=s=320x240:r=30:d=4 -vf select='not(mod(n\\,7))+lt(mod(n\\,5)\\,2)'";
    let codec = "-fps_mode vfr -c:v libx264 -preset ultrafast in/sparse.mkv";
    desk.ffmpeg(&source.split(' ').chain(codec.split(' ')).collect::<Vec<_>>());
    let report = fix(&desk, &[], 0);
    let fix = &entry(&report, "sparse.mkv")["fix"];
    assert_eq!(fix["action"], "reencode-video");
    assert!(fix["reason"].as_str().unwrap().contains("fps on average"), "{}", fix["reason"]);
}

#[test]
fn pictures_without_times_are_encoded_where_no_copy_can_hold_them() {
    let desk = Desk::new();
    profile(&desk, "[rule.container]\nseverity = \"error\"\nallow = [\"mp4\"]\n");
    std::fs::create_dir(desk.path("in")).unwrap();
    // AVI counts frames in the order of decoding.
    let made = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -c:v mpeg4 -bf 2 in/reordered.avi";
    desk.ffmpeg(&made.split(' ').collect::<Vec<_>>());
    let report = fix(&desk, &[], 0);
    let fix = &entry(&report, "reordered.avi")["fix"];
    assert_eq!(
        (&fix["action"], &fix["verified"]["verdict"]),
        (&"reencode-video".into(), &"compliant".into())
    );
    assert!(fix["reason"].as_str().unwrap().contains("a copy does not pass"), "{}", fix["reason"]);
}

#[test]
fn a_copy_out_of_matroska_lasts_as_long_as_its_frames() {
    let desk = Desk::new();
    profile(&desk, "[rule.container]\nseverity = \"error\"\nallow = [\"mp4\"]\n");
    std::fs::create_dir(desk.path("in")).unwrap();
    let made = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -c:v libx264 -bf 3 -preset fast in/reordered.mkv";
    desk.ffmpeg(&made.split(' ').collect::<Vec<_>>());
    let report = fix(&desk, &[], 0);
    assert_eq!(entry(&report, "reordered.mkv")["fix"]["action"], "remux");
    let found = ffprobe(&desk.path("out/reordered.mp4"));
    let seconds: f64 = found["streams"][0]["duration"].as_str().unwrap().parse().unwrap();
    assert!((seconds - 2.0).abs() < 0.01, "{seconds}: the first frames are decoded before they are shown");
}
