//! What is met in a folder: links, pipes, files of operating systems, images, and media without a name.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{TestDir, entry, fixture};

fn reason(report: &serde_json::Value, name: &str) -> String {
    let entry = entry(report, name);
    assert_eq!(entry["verdict"], "skipped", "{entry}");
    entry["reason"].as_str().unwrap().to_owned()
}

fn check(dir: &TestDir, input: &str, code: i32) -> serde_json::Value {
    dir.greenlit(&["check", input, "--format", "json", "--no-progress"]).expect(code).json()
}

fn video(dir: &TestDir, name: &str, options: &str) {
    dir.write(name, "");
    let mut args = vec!["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=2"];
    args.extend(options.split(' '));
    args.push(name);
    dir.ffmpeg(&args);
}

#[test]
fn links_and_special_files_are_listed_and_never_opened() {
    let dir = TestDir::new();
    let real = dir.put("npm-vide-ocean.mp4", "real.mp4");
    std::fs::create_dir(dir.path("in")).unwrap();
    std::os::unix::fs::symlink(&real, dir.path("in/link.mp4")).unwrap();
    std::os::unix::fs::symlink("missing.mp4", dir.path("in/dangling.mp4")).unwrap();
    std::os::unix::fs::symlink(dir.root(), dir.path("in/folder")).unwrap();
    assert!(Command::new("mkfifo").arg(dir.path("in/pipe.mp4")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(dir.path("in/socket.mp4")).unwrap();
    // A writer waits until the pipe is opened for reading; it must still wait afterwards.
    let mut writer =
        Command::new("sh").args(["-c", "echo x > pipe.mp4"]).current_dir(dir.path("in")).spawn().unwrap();
    let report = check(&dir, "in", 3);
    assert_eq!(report["files"].as_array().unwrap().len(), 5);
    assert!(reason(&report, "in/link.mp4").contains("name it"));
    assert!(reason(&report, "dangling.mp4").contains("does not exist"));
    assert!(reason(&report, "in/folder").contains("link"));
    assert!(reason(&report, "pipe.mp4").contains("FIFO"));
    assert!(reason(&report, "socket.mp4").contains("socket"));
    dir.greenlit(&["check", "in/pipe.mp4"]).expect(2);
    std::thread::sleep(Duration::from_millis(200));
    assert!(writer.try_wait().unwrap().is_none(), "the pipe was opened");
    writer.kill().unwrap();
    writer.wait().unwrap();
    // A link that is named is followed, also by a pattern.
    for named in ["in/link.mp4", "in/l*.mp4"] {
        let report = check(&dir, named, 0);
        assert_eq!(entry(&report, "in/link.mp4")["verdict"], "compliant", "{named}");
    }
}

#[test]
fn files_of_operating_systems_are_skipped_and_images_say_so() {
    let dir = TestDir::new();
    let attributes = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        \0\x02";
    for name in ["in/._clip.mp4", "in/__MACOSX/clip.mov", "in/__MACOSX/._a.mov", "in/renamed.mp4"] {
        dir.write(name, attributes);
    }
    dir.write("in/.DS_Store", b"\0\0\0\x01Bud1\0\0");
    dir.write("in/Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    dir.ffmpeg(&["-f", "lavfi", "-i", "testsrc2=s=320x240", "-frames:v", "1", "in/photo.jpg"]);
    dir.ffmpeg(&["-f", "lavfi", "-i", "testsrc2=s=320x240", "-frames:v", "1", "in/cover.png"]);
    let report = check(&dir, "in", 3);
    for name in ["in/._clip.mp4", "__MACOSX/clip.mov", "._a.mov", "renamed.mp4", ".DS_Store", "Thumbs.db"] {
        assert!(reason(&report, name).contains("operating system"), "{name}");
    }
    for name in ["photo.jpg", "cover.png"] {
        assert_eq!(reason(&report, name), "still image; name it to check it");
    }
    assert_ne!(entry(&check(&dir, "in/cover.png", 0), "cover.png")["verdict"], "skipped");
    // A video with such a name is a video.
    dir.put("npm-vide-ocean.mp4", "in/._real.mp4");
    assert_eq!(entry(&check(&dir, "in", 0), "._real.mp4")["verdict"], "compliant");
}

#[test]
fn media_is_recognized_whatever_its_name() {
    let dir = TestDir::new();
    let kinds = [
        ("hevc", "-c:v libx265 -preset ultrafast -x265-params log-level=none -f hevc"),
        ("h264", "-c:v libx264 -preset ultrafast -f h264"),
        ("mpeg4", "-c:v mpeg4 -f m4v"),
        ("transport", "-c:v libx264 -preset ultrafast -f mpegts"),
        ("jpeg2000", "-c:v jpeg2000 -f mov"),
        ("program", "-c:v mpeg2video -f vob"),
    ];
    for (name, options) in kinds {
        video(&dir, &format!("in/{name}.bin"), options);
        video(&dir, &format!("in/{name}"), options);
    }
    dir.ffmpeg(&["-f", "lavfi", "-i", "sine=d=2", "-c:a", "eac3", "-f", "eac3", "in/surround.dat"]);
    let report = check(&dir, "in", 1);
    for (name, _) in kinds {
        for name in [format!("in/{name}.bin"), format!("in/{name}")] {
            let entry = entry(&report, &name);
            assert!(entry["media"].is_object(), "{entry}");
        }
    }
    assert_eq!(entry(&report, "surround.dat")["media"]["audio"][0]["codec"], "eac3");
    let deep = dir.greenlit(&["check", "--deep", "in/hevc.bin", "--format", "json"]).expect(1).json();
    assert_eq!(entry(&deep, "hevc.bin")["media"]["video"][0]["codec"], "hevc");
}

#[test]
fn files_that_are_not_media_stay_skipped() {
    let dir = TestDir::new();
    let video = std::fs::read(fixture("npm-vide-ocean.mp4")).unwrap();
    dir.write("in/notes.txt", "A text about RIFF and ftyp.\n".repeat(200));
    dir.write("in/subtitles", "1\n00:00:01,000 --> 00:00:02,000\nHello\n".repeat(50));
    dir.write("in/playlist", "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\nseg.ts\n");
    dir.write("in/source.rs", std::fs::read(file!()).unwrap());
    dir.write("in/utf16.txt", b"\xff\xfeH\0e\0l\0l\0o\0");
    dir.write("in/document", [&b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"[..], &video].concat());
    // A stored video in an archive is not at its start.
    dir.write("in/archive", [&b"PK\x03\x04\x0a\0\0\0\0\0"[..], &video].concat());
    dir.write("in/empty", "");
    dir.write("in/zeros", vec![0; 300_000]);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for number in 0..20 {
        let mut bytes = Vec::new();
        for _ in 0..20_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend(state.to_le_bytes());
        }
        dir.write(&format!("in/random{number}"), bytes);
    }
    let mut tar = Command::new("tar");
    tar.args(["cf", "in/tape", "in/notes.txt", "in/zeros"]).current_dir(dir.root());
    assert!(tar.status().unwrap().success());
    let report = check(&dir, "in", 3);
    for file in report["files"].as_array().unwrap() {
        assert_eq!(file["verdict"], "skipped", "{file}");
    }
    assert_eq!(report["files"].as_array().unwrap().len(), 30);
}

#[test]
fn a_missing_path_of_a_list_does_not_stop_the_others() {
    let dir = TestDir::new();
    dir.put("npm-vide-ocean.mp4", "a.mp4");
    let mut command = dir.command(&["check", "-", "--format", "json"]);
    let mut run =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    run.stdin.take().unwrap().write_all(b"gone.mp4\na.mp4\n").unwrap();
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(entry(&report, "a.mp4")["verdict"], "compliant");
    assert!(String::from_utf8_lossy(&output.stderr).contains("gone.mp4"));
    dir.greenlit(&["check", "gone.mp4", "a.mp4"]).expect(2);
}

#[test]
fn text_wraps_to_the_columns_of_the_terminal() {
    let dir = TestDir::new();
    dir.put("npm-vide-ocean.mp4", "a.mp4");
    for args in
        [&["check", "a.mp4"][..], &["explain", "duration", "video-codec"], &["profiles", "tiktok-ads"]]
    {
        let run = dir.command(args).env("COLUMNS", "80").output().unwrap();
        let text = String::from_utf8(run.stdout).unwrap();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for line in text.lines() {
            let has_long_word = line.split_whitespace().any(|word| word.chars().count() > 45);
            assert!(line.chars().count() <= 80 || has_long_word, "{args:?}: {line}");
        }
        let wide = dir.command(args).env("COLUMNS", "10000").output().unwrap();
        if args[0] != "check" {
            assert_eq!(words(&text), words(&String::from_utf8(wide.stdout).unwrap()), "no word is broken");
        }
    }
}
