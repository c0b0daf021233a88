//! Files with several streams: which are kept, what is named as left out or added, and what needs consent.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::{CliRun, TestDir, entry, ffprobe};
use serde_json::Value;

const VIDEO: &str = "testsrc2=s=540x960:r=30:d=2";
const H264: [&str; 6] = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];

/// Makes `name` from a video and one sine per frequency, each encoded as AAC, with further arguments.
fn make(dir: &TestDir, name: &str, frequencies: &[u32], more: &[&str]) {
    dir.write(name, "");
    let sines: Vec<String> = frequencies.iter().map(|hz| format!("sine={hz}:d=2:r=48000")).collect();
    let maps: Vec<String> = (1..=sines.len()).map(|index| index.to_string()).collect();
    let mut args = vec!["-f", "lavfi", "-i", VIDEO];
    sines.iter().for_each(|sine| args.extend(["-f", "lavfi", "-i", sine.as_str()]));
    args.extend(["-map", "0"]);
    maps.iter().for_each(|map| args.extend(["-map", map.as_str()]));
    args.extend(H264);
    args.extend(["-b:v", "900k", "-c:a", "aac", "-ac", "2", "-movflags", "+faststart"]);
    args.extend(more);
    args.push(name);
    dir.ffmpeg(&args);
}

fn fix(dir: &TestDir, options: &[&str], code: i32) -> Value {
    let args = ["fix", "in", "--profile", "tiktok-ads", "--out", "out", "--format", "json", "--no-progress"];
    dir.greenlit(&[&args, options].concat()).expect(code).json()
}

fn check(dir: &TestDir, format: &str) -> CliRun {
    dir.greenlit(&["check", "in", "--profile", "tiktok-ads", "--format", format, "--no-progress"])
}

/// Returns the mean level in dB of a channel (or of all, by `c0+c1`) around a frequency.
fn level(dir: &TestDir, name: &str, channel: &str, hz: u32) -> f64 {
    let filter = format!(
        "pan=mono|c0={channel},bandpass=f={hz}:width_type=h:w=60,bandpass=f={hz}:width_type=h:w=60,volumedetect"
    );
    let args = ["-nostdin", "-i", name, "-af", &filter, "-vn", "-f", "null", "-"];
    let run = Command::new("ffmpeg").args(args).current_dir(dir.root()).output().unwrap();
    let text = String::from_utf8_lossy(&run.stderr);
    let mean = text.split("mean_volume: ").nth(1).unwrap_or_else(|| panic!("{text}"));
    mean.split(' ').next().unwrap().parse().unwrap()
}

fn steps(entry: &Value) -> String {
    entry["fix"]["steps"].to_string()
}

#[test]
fn an_image_track_before_the_video_never_wins() {
    let dir = TestDir::new();
    make(&dir, "base.mp4", &[440], &[]);
    dir.ffmpeg(&["-f", "lavfi", "-i", "color=red:s=540x960", "-frames:v", "1", "red.jpg"]);
    dir.write("in/x", "");
    std::fs::remove_file(dir.path("in/x")).unwrap();
    let image_first = ["-i", "red.jpg", "-i", "base.mp4", "-map", "0", "-map", "1", "-c", "copy"];
    dir.ffmpeg(&[&image_first[..], &["in/plain.mp4"]].concat());
    dir.ffmpeg(
        &[&image_first[..], &["-disposition:v:0", "default", "-disposition:v:1", "0", "in/flag.mkv"]]
            .concat(),
    );
    dir.ffmpeg(&[&image_first[..], &["in/quick.mov"]].concat());
    let human = check(&dir, "human").stdout;
    assert!(!human.contains("mjpeg, 540x960"), "{human}");
    let report = fix(&dir, &[], 0);
    for name in ["plain.mp4", "flag.mkv", "quick.mov"] {
        let file = entry(&report, name);
        assert_eq!(file["fix"]["action"], "remux", "{file:#}");
        let dropped = &file["fix"]["dropped"];
        assert_eq!((&dropped[0]["stream"], &dropped[0]["kind"]), (&0.into(), &"video".into()), "{name}");
        assert!(dropped[0]["reason"].as_str().unwrap().contains("single image"), "{dropped}");
        assert!(steps(file).contains("video left out"), "{name}: {}", steps(file));
        let output = format!("out/{}.mp4", name.split('.').next().unwrap());
        let probed = ffprobe(&dir.path(&output));
        assert_eq!(probed["streams"][0]["nb_read_frames"], "60", "{name}");
        assert_eq!(probed["streams"].as_array().unwrap().len(), 2, "{name}");
    }
}

#[test]
fn languages_titles_and_flags_of_tracks_are_reported() {
    let dir = TestDir::new();
    let tags = [
        "-metadata:s:a:0",
        "language=eng",
        "-metadata:s:a:1",
        "language=und",
        "-metadata:s:a:1",
        "title=Mic",
        "-disposition:a:0",
        "0",
        "-disposition:a:1",
        "default",
    ];
    make(&dir, "in/two.mkv", &[440, 880], &tags);
    make(&dir, "in/two.mp4", &[440, 880], &tags);
    let report = check(&dir, "json").json();
    for name in ["two.mkv", "two.mp4"] {
        let audio = &entry(&report, name)["media"]["audio"];
        assert_eq!((&audio[0]["language"], &audio[1]["language"]), (&"eng".into(), &Value::Null), "{name}");
        assert_eq!((&audio[0]["default"], &audio[1]["default"]), (&false.into(), &true.into()), "{name}");
    }
    let two = |name| entry(&report, name)["media"]["audio"].clone();
    assert_eq!(two("two.mkv")[1]["title"], "Mic");
    assert_eq!((&two("two.mp4")[0]["enabled"], &two("two.mp4")[1]["enabled"]), (&false.into(), &true.into()));
}

#[test]
fn a_second_audio_track_needs_a_choice() {
    let dir = TestDir::new();
    let tags = ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"];
    make(&dir, "in/clip.mkv", &[400, 3000], &tags);
    let refused = fix(&dir, &[], 1);
    let file = entry(&refused, "clip.mkv");
    assert_eq!(file["fix"]["refusal"], "needs-audio-track");
    let reason = file["fix"]["reason"].as_str().unwrap();
    for named in ["track 1: eng", "track 2: deu", "2.0 s", "--audio-track"] {
        assert!(reason.contains(named), "{named}: {reason}");
    }
    // Which of the two frequencies is heard.
    for (choice, low, high) in [("first", true, false), ("2", false, true), ("mix", true, true)] {
        let out = format!("out-{choice}");
        let args = ["fix", "in", "--out", &out, "--format", "json", "--audio-track", choice, "--no-progress"];
        let report = dir.greenlit(&args).expect(0).json();
        let file = entry(&report, "clip.mkv");
        let output = format!("{out}/clip.mp4");
        let heard = |hz| level(&dir, &output, "0.5*c0+0.5*c1", hz) > -40.0;
        assert_eq!((heard(400), heard(3000)), (low, high), "{choice}");
        let dropped = file["fix"]["dropped"].as_array().unwrap();
        assert_eq!(dropped.len(), usize::from(choice != "mix"), "{choice}: {dropped:?}");
        if let Some(track) = dropped.first() {
            assert_eq!(track["language"], if choice == "2" { "eng" } else { "deu" });
            assert!(steps(file).contains("audio track left out"), "{}", steps(file));
        }
    }
}

#[test]
fn the_configuration_gives_the_same_consent() {
    let dir = TestDir::new();
    make(&dir, "in/clip.mkv", &[400, 3000], &["-metadata:s:a:1", "title=Mic"]);
    dir.write("greenlit.toml", "[fix]\naudio_track = \"2\"\n");
    fix(&dir, &[], 0);
    assert!(level(&dir, "out/clip.mp4", "c0", 3000) > -40.0);
    assert!(level(&dir, "out/clip.mp4", "c0", 400) < -60.0);
}

#[test]
fn a_mix_does_not_clip() {
    let dir = TestDir::new();
    dir.write("in/loud.mkv", "");
    let loud = "aevalsrc=0.95*sin(2*PI*400*t)|0.95*sin(2*PI*400*t):d=2:s=48000";
    let inputs = ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", loud, "-f", "lavfi", "-i", loud];
    let maps =
        ["-map", "0", "-map", "1", "-map", "2", "-c:a:0", "pcm_s16le", "-c:a:1", "flac", "in/loud.mkv"];
    dir.ffmpeg(&[&inputs[..], &H264[..], &maps[..]].concat());
    fix(&dir, &["--audio-track", "mix"], 0);
    let args = ["-nostdin", "-i", "out/loud.mp4", "-af", "volumedetect", "-vn", "-f", "null", "-"];
    let run = Command::new("ffmpeg").args(args).current_dir(dir.root()).output().unwrap();
    let text = String::from_utf8_lossy(&run.stderr);
    let peak: f64 = text.split("max_volume: ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((-1.5..0.0).contains(&peak), "{peak}");
}

#[test]
fn an_identical_track_is_dropped_without_a_question_and_named() {
    let dir = TestDir::new();
    make(&dir, "one.mp4", &[440], &[]);
    dir.write("in/x", "");
    std::fs::remove_file(dir.path("in/x")).unwrap();
    for name in ["in/twice.mp4", "in/twice.mkv", "in/twice.ts"] {
        dir.ffmpeg(&["-i", "one.mp4", "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy", name]);
        let alone = dir.greenlit(&["fix", name, "--out", &format!("{name}.out"), "--format", "json"]);
        let report = alone.expect(0).json();
        let file = entry(&report, name);
        let dropped = &file["fix"]["dropped"];
        assert_eq!(dropped[0]["kind"], "audio", "{name}: {file:#}");
        assert!(dropped[0]["reason"].as_str().unwrap().contains("identical"), "{name}: {dropped}");
        assert!(steps(file).contains("identical to audio track 1"), "{name}");
    }
}

#[test]
fn two_mono_tracks_of_a_camcorder_become_left_and_right() {
    let dir = TestDir::new();
    dir.write("in/placed.mov", "");
    let sines = ["-f", "lavfi", "-i", "sine=400:d=2:r=48000", "-f", "lavfi", "-i", "sine=3000:d=2:r=48000"];
    let start = [&["-f", "lavfi", "-i", VIDEO], &sines[..]].concat();
    let pcm = ["-c:a", "pcm_s16be"];
    // The first track is placed right, the second left.
    let placed = [
        "-filter_complex",
        "[1:a]pan=FR|FR=c0[a];[2:a]pan=FL|FL=c0[b]",
        "-map",
        "0:v",
        "-map",
        "[a]",
        "-map",
        "[b]",
    ];
    dir.ffmpeg(&[&start[..], &placed[..], &H264[..], &pcm[..], &["in/placed.mov"]].concat());
    let plain = ["-map", "0:v", "-map", "1", "-map", "2", "-ac", "1"];
    dir.ffmpeg(&[&start[..], &plain[..], &H264[..], &pcm[..], &["in/plain.mov"]].concat());
    let report = fix(&dir, &[], 0);
    for (name, left, right) in [("placed.mov", 3000, 400), ("plain.mov", 400, 3000)] {
        let file = entry(&report, name);
        assert!(steps(file).contains("joined into one stereo track"), "{name}: {}", steps(file));
        assert_eq!(file["fix"]["dropped"], Value::Array(Vec::new()), "{name}");
        let output = format!("out/{}.mp4", name.split('.').next().unwrap());
        let heard = |channel, hz| level(&dir, &output, channel, hz) > -40.0;
        assert!(heard("c0", left) && heard("c1", right), "{name}");
        assert!(!heard("c0", right) && !heard("c1", left), "{name}");
        // The joined channels are as loud as the tracks: sine's amplitude is 1/8.
        for (channel, hz) in [("c0", left), ("c1", right)] {
            let level = level(&dir, &output, channel, hz);
            assert!((-22.6..-20.2).contains(&level), "{name} {channel}: {level} dB");
        }
    }
}

#[test]
fn mono_tracks_that_do_not_belong_together_need_a_choice() {
    let dir = TestDir::new();
    make(&dir, "in/short.mkv", &[400, 3000], &["-ac", "1", "-filter:a:1", "atrim=0:1"]);
    make(
        &dir,
        "in/titles.mkv",
        &[400, 3000],
        &["-ac", "1", "-metadata:s:a:0", "title=Game", "-metadata:s:a:1", "title=Mic"],
    );
    let report = fix(&dir, &[], 1);
    for name in ["short.mkv", "titles.mkv"] {
        assert_eq!(entry(&report, name)["fix"]["refusal"], "needs-audio-track", "{name}");
    }
}

#[test]
fn silence_that_fills_a_shorter_track_is_named() {
    let dir = TestDir::new();
    make(&dir, "in/short.mp4", &[400], &["-filter:a", "atrim=0:1", "-c:v", "mpeg4", "-c:a", "libmp3lame"]);
    let report = fix(&dir, &[], 0);
    let file = entry(&report, "short.mp4");
    let added = &file["fix"]["added"];
    if file["fix"]["action"] == "reencode" {
        assert_eq!(added[0]["kind"], "silence", "{file:#}");
        assert!((0.7..1.3).contains(&added[0]["duration_s"].as_f64().unwrap()), "{added}");
        assert!(steps(file).contains("of silence added"), "{}", steps(file));
    } else {
        assert_eq!(added, &Value::Array(Vec::new()), "{file:#}");
    }
}

#[test]
fn the_advice_of_a_check_names_the_consents_that_the_plan_needs() {
    let dir = TestDir::new();
    make(&dir, "in/small.mkv", &[400, 3000], &["-vf", "scale=270:480"]);
    make(&dir, "in/fixable.mkv", &[400], &[]);
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let human = squeezed(&check(&dir, "human").stdout);
    assert!(human.contains("1 file `greenlit fix in --out DIR`, without losing content"), "{human}");
    assert!(human.contains("DIR --upscale --audio-track first"), "{human}");
    let full = squeezed(&dir.greenlit(&["check", "in", "-v"]).expect(1).stdout);
    assert!(full.contains("1 file can be fixed without losing content"), "{full}");
    let html = squeezed(&check(&dir, "html").stdout);
    assert!(html.contains("--upscale --audio-track first"), "{html}");
    fix(&dir, &["--upscale", "--audio-track", "first"], 0);
    // One refusal names both.
    let refused = dir.greenlit(&["fix", "in/small.mkv", "--out", "o", "--format", "json"]).expect(1).json();
    let reason = entry(&refused, "small.mkv")["fix"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("--upscale") && reason.contains("--audio-track"), "{reason}");
}

#[test]
fn no_report_says_that_audio_is_copied_where_there_is_none() {
    let dir = TestDir::new();
    dir.write("in/silent.gif", "");
    dir.ffmpeg(&["-f", "lavfi", "-i", "testsrc2=s=540x960:r=10:d=2", "in/silent.gif"]);
    for format in ["human", "html", "junit", "github"] {
        for (more, code) in [(["--dry-run", "-v"], 0), (["--out", "out"], 0)] {
            let args = ["fix", "in", "--format", format, "--no-progress"];
            let text = dir.greenlit(&[&args[..], &more].concat()).expect(code).stdout;
            for claim in ["copy the audio", "audio stream copied", "audio copied", "and audio re-encoded"] {
                assert!(!text.contains(claim), "{format}: {text}");
            }
        }
    }
}
