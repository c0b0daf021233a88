//! Recordings that were joined although the clock of each starts anew: all are played, one after the other.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::house::{check, fix, test_dir};
use common::{TestDir, ffprobe, words};

const X264: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 15 -pix_fmt yuv420p";
const AAC: &str = "-c:a aac";

/// Makes a recording that changes after a second from black and silent to white and loud.
fn recording(dir: &TestDir, name: &str, seconds: f64, start_s: f64, codecs: &str) {
    let video =
        format!("color=black:s=180x320:r=30:d={seconds},drawbox=color=white:t=fill:enable='gte(t,1)'");
    let audio = format!("sine=d={seconds}:r=48000,volume='gte(t,1)':eval=frame");
    let start = start_s.to_string();
    let mut args = vec!["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio];
    args.extend(words(codecs));
    args.extend(["-muxdelay", "0", "-output_ts_offset", &start, name]);
    dir.ffmpeg(&args);
}

fn append(dir: &TestDir, names: &[&str], to: &str) {
    let bytes: Vec<u8> = names.iter().flat_map(|name| std::fs::read(dir.path(name)).unwrap()).collect();
    dir.write(to, bytes);
}

/// Returns when black and when silence ends, in seconds, and the number of frames.
fn changes(dir: &TestDir, name: &str) -> (Vec<f64>, Vec<f64>, u64) {
    let filters = ["-vf", "blackdetect=d=0.1", "-af", "silencedetect=d=0.1"];
    let args = [&["-nostdin", "-i", name][..], &filters, &["-f", "null", "-"]].concat();
    let run = Command::new("ffmpeg").args(args).current_dir(dir.root()).output();
    let text = String::from_utf8_lossy(&run.unwrap().stderr).into_owned();
    let after = |key: &str| {
        let found = text.split(key).skip(1);
        found.filter_map(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).collect::<Vec<_>>()
    };
    let probed = ffprobe(&dir.path(name));
    let streams = probed["streams"].as_array().unwrap();
    let video = streams.iter().find(|stream| stream["codec_type"] == "video").unwrap();
    (after("black_end:"), after("silence_end: "), video["nb_read_frames"].as_str().unwrap().parse().unwrap())
}

/// Asserts that an output shows its parts one after the other, with sound and image in step.
#[track_caller]
fn assert_joined(dir: &TestDir, name: &str, parts: &[f64], frames: u64) {
    let (black, silence, found) = changes(dir, name);
    assert!((frames..=frames + parts.len() as u64).contains(&found), "{name}: {found} frames");
    assert_eq!((black.len(), silence.len()), (parts.len(), parts.len()), "{name}: {black:?} {silence:?}");
    let mut begin = 0.0;
    for ((black, silence), seconds) in black.iter().zip(&silence).zip(parts) {
        assert!((black - silence).abs() < 0.06, "{name}: {black} {silence}");
        assert!((black - begin - 1.0).abs() < 0.2, "{name}: {black} after {begin}");
        begin += seconds;
    }
}

#[test]
fn joined_transport_streams_play_one_after_the_other() {
    let dir = test_dir();
    let codecs = format!("{X264} {AAC}");
    recording(&dir, "a.ts", 2.0, 0.0, &codecs);
    for (name, start_s) in [
        ("same", 0.0),
        ("overlap", 1.5),
        ("edge", 1.9),
        ("later", 100.0),
        ("wrap", 95_442.5),
        ("far", 50_000.0),
    ] {
        recording(&dir, "b.ts", 1.5, start_s, &codecs);
        for (order, parts) in [(["a.ts", "b.ts"], [2.0, 1.5]), (["b.ts", "a.ts"], [1.5, 2.0])] {
            append(&dir, &order, "joined.ts");
            let checked = check(&dir, "joined.ts", &[]);
            let media = &checked["media"];
            let duration_s = media["duration_s"].as_f64().unwrap();
            assert!((duration_s - 3.5).abs() < 0.2, "{name}: {media:#}");
            assert_eq!(media["video"][0]["frames"], 105, "{name}");
            for recipe in ["1", "2"] {
                let fixed = fix(&dir, "joined.ts", &["--recipe", recipe]);
                assert_eq!(fixed["verified"]["verdict"], "compliant", "{name} {recipe}: {fixed:#}");
                assert_joined(&dir, "out/joined.mp4", &parts, 105);
                std::fs::remove_dir_all(dir.path("out")).unwrap();
            }
        }
    }
}

#[test]
fn joined_parts_may_lack_audio_or_be_three() {
    let dir = test_dir();
    recording(&dir, "a.ts", 1.5, 0.0, &format!("{X264} {AAC}"));
    recording(&dir, "silent.ts", 1.5, 0.0, &format!("{X264} -an"));
    recording(&dir, "a.mpg", 1.5, 0.0, "-c:v mpeg2video -g 15 -c:a mp2 -f vob");
    append(&dir, &["a.ts", "a.ts", "a.ts"], "three.ts");
    append(&dir, &["a.ts", "silent.ts", "a.ts"], "middle.ts");
    append(&dir, &["silent.ts", "a.ts"], "late.ts");
    append(&dir, &["silent.ts", "silent.ts"], "silents.ts");
    append(&dir, &["a.mpg", "a.mpg"], "joined.mpg");
    for (name, parts, sounds) in [
        ("three.ts", 3, &[0, 1, 2][..]),
        ("middle.ts", 3, &[0, 2]),
        ("late.ts", 2, &[1]),
        ("silents.ts", 2, &[]),
        ("joined.mpg", 2, &[0, 1]),
    ] {
        let fixed = fix(&dir, name, &["--recipe", "2"]);
        assert_eq!(fixed["verified"]["verdict"], "compliant", "{name}: {fixed:#}");
        let steps = fixed["steps"].to_string();
        assert!(steps.contains(&format!("the {parts} parts follow one another")), "{name}: {steps}");
        let output = format!("out/{}.mp4", name.split('.').next().unwrap());
        let (black, silence, frames) = changes(&dir, &output);
        assert!((parts * 45..=parts * 46).contains(&frames), "{name}: {frames}");
        assert_eq!((black.len() as u64, silence.len()), (parts, sounds.len()), "{name}");
        for (silence, part) in silence.iter().zip(sounds) {
            assert!((black[*part] - silence).abs() < 0.06, "{name}: {black:?} {silence}");
        }
    }
}

#[test]
fn a_gap_in_a_recording_is_kept_and_named() {
    let dir = test_dir();
    let codecs = format!("{X264} {AAC}");
    recording(&dir, "a.ts", 2.0, 0.0, &codecs);
    recording(&dir, "b.ts", 2.0, 4.0, &codecs);
    append(&dir, &["a.ts", "b.ts"], "gap.ts");
    assert_eq!(check(&dir, "gap.ts", &[])["media"]["clock_jumps_s"], serde_json::json!([]));
    let fixed = fix(&dir, "gap.ts", &["--recipe", "2"]);
    assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
    let held = fixed["added"].as_array().unwrap().iter().find(|added| added["kind"] == "held-frame").unwrap();
    assert!((held["duration_s"].as_f64().unwrap() - 2.0).abs() < 0.1, "{held}");
    let frames = changes(&dir, "out/gap.mp4").2;
    assert!((178..=183).contains(&frames), "{frames}");
}
