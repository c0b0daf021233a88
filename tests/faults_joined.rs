//! Files that were joined as bytes: what follows the first recording is played, or it is said that it is not.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestDir, entry};
use serde_json::Value;

/// Makes two recordings of different lengths.
fn recordings(dir: &TestDir, extension: &str, codecs: &str) -> [String; 2] {
    [("a", "testsrc2", 2), ("b", "testsrc", 3)].map(|(stem, source, seconds)| {
        let name = format!("{stem}.{extension}");
        let command = format!(
            "-f lavfi -i {source}=s=540x960:r=30:d={seconds} -f lavfi -i sine=d={seconds} -ac 2 -ar 48000 \
             -pix_fmt yuv420p -b:v 900k {codecs} {name}"
        );
        dir.ffmpeg(&command.split_whitespace().collect::<Vec<_>>());
        name
    })
}

fn join(dir: &TestDir, parts: &[&str], name: &str) {
    let bytes: Vec<Vec<u8>> = parts.iter().map(|part| std::fs::read(dir.path(part)).unwrap()).collect();
    dir.write(name, bytes.concat());
}

fn check(dir: &TestDir, name: &str) -> Value {
    entry(&dir.greenlit(&["check", name, "--format", "json", "--no-cache"]).json(), name).clone()
}

fn fix(dir: &TestDir, name: &str) -> Value {
    let args = ["fix", name, "--out", "out", "--format", "json", "--no-cache", "--no-progress"];
    entry(&dir.greenlit(&args).json(), name)["fix"].clone()
}

fn errors(entry: &Value) -> Vec<&str> {
    let findings = entry["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["rule"] == "integrity" && finding["severity"] == "error")
        .map(|finding| finding["message"].as_str().unwrap())
        .collect()
}

const H264: &str = "-c:v libx264 -preset ultrafast -c:a aac";

#[test]
fn a_second_recording_that_is_not_played_is_an_error() {
    let dir = TestDir::new();
    let fragmented = format!("{H264} -movflags +frag_keyframe+empty_moov");
    for (extension, codecs) in [
        ("flv", H264),
        ("mp4", H264),
        ("mov", H264),
        ("frag.mp4", &fragmented),
        ("mkv", H264),
        ("webm", "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libvorbis"),
        ("wmv", "-c:v wmv2 -c:a wmav2"),
        ("gif", "-an -r 5 -s 90x160"),
    ] {
        let [a, b] = recordings(&dir, extension, codecs);
        let (joined, twice) = (format!("joined.{extension}"), format!("twice.{extension}"));
        join(&dir, &[&a, &b], &joined);
        // The second is shorter than a fifth of the first, or the same.
        join(&dir, &[&b, &b], &twice);
        for (name, first) in [(&joined, &a), (&twice, &b)] {
            let found = check(&dir, name);
            let at = std::fs::metadata(dir.path(first)).unwrap().len();
            assert_eq!(found["media"]["second_recording_byte"], at, "{name}");
            let [error] = errors(&found)[..] else { panic!("{name}: {:?}", errors(&found)) };
            assert!(error.starts_with("another recording of "), "{name}: {error}");
            let fixed = fix(&dir, name);
            assert_eq!(
                (&fixed["action"], &fixed["refusal"]),
                (&"refused".into(), &"no-remedy".into()),
                "{name}"
            );
        }
    }
}

#[test]
fn joined_recordings_that_are_played_in_full_are_kept_in_full() {
    let dir = TestDir::new();
    let [a, b] = recordings(&dir, "avi", H264);
    join(&dir, &[&a, &b], "joined.avi");
    let fixed = fix(&dir, "joined.avi");
    assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
    assert_eq!(fixed["verified"]["decoded_frames"], 150, "{fixed:#}");
}

#[test]
fn what_follows_a_recording_and_is_not_another_is_no_fault() {
    let dir = TestDir::new();
    for extension in ["mp4", "mkv", "flv", "avi", "gif"] {
        let codecs = if extension == "gif" { "-an -r 5 -s 90x160" } else { H264 };
        let [a, _] = recordings(&dir, extension, codecs);
        let mut bytes = std::fs::read(dir.path(&a)).unwrap();
        bytes.extend(vec![0; 5000]);
        dir.write(&format!("padded.{extension}"), &bytes);
        let found = check(&dir, &format!("padded.{extension}"));
        assert_eq!(errors(&found), [""; 0], "{extension}");
        assert_eq!(found["media"]["second_recording_byte"], Value::Null, "{extension}");
    }
    // A packager repeats the header, and the clock continues.
    let [a, _] =
        recordings(&dir, "mp4", &format!("{H264} -g 30 -movflags +frag_keyframe+empty_moov+skip_trailer"));
    let bytes = std::fs::read(dir.path(&a)).unwrap();
    let moofs: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, four)| four == b"moof").map(|(at, _)| at - 4).collect();
    let (head, second) = (&bytes[..moofs[0]], moofs[1]);
    dir.write("repeated.mp4", [&bytes[..second], head, &bytes[second..]].concat());
    let found = check(&dir, "repeated.mp4");
    assert_eq!(found["media"]["second_recording_byte"], Value::Null);
    assert_eq!(errors(&found), [""; 0]);
}
