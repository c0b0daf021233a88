//! Frames that are lost within a video are found, with their times, by check, by fix and by its verification alike.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestDir, entry};
use serde_json::Value;

const X264: &str = "-c:v libx264 -preset ultrafast -g 30 -keyint_min 30 -sc_threshold 0";
const X265: &str = "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=0:keyint=30";

/// Makes a video of three seconds with a frame rate of 30 and audio.
fn encode(dir: &TestDir, name: &str, video: &str) {
    let input =
        "-f lavfi -i testsrc2=s=540x960:r=30:d=3 -f lavfi -i sine=d=3 -ac 2 -ar 48000 -pix_fmt yuv420p";
    let command = format!("{input} -b:v 900k {video} -c:a aac -movflags +faststart {name}");
    dir.ffmpeg(&command.split(' ').collect::<Vec<_>>());
}

/// Copies a video without the frames from number `from` to number `to` in decode order.
fn drop_frames(dir: &TestDir, source: &str, name: &str, from: u32, to: u32) {
    let filter = format!("noise=amount=0:drop='between(n,{from},{to})'");
    dir.ffmpeg(&["-i", source, "-c", "copy", "-bsf:v", &filter, "-movflags", "+faststart", name]);
}

fn check(dir: &TestDir, name: &str, options: &[&str]) -> Value {
    let run = dir.greenlit(&[&["check", name, "--format", "json", "--no-cache"], options].concat());
    entry(&run.json(), name).clone()
}

fn fix(dir: &TestDir, name: &str, options: &[&str]) -> Value {
    let args = ["fix", name, "--out", "out", "--format", "json", "--no-cache", "--no-progress"];
    entry(&dir.greenlit(&[&args, options].concat()).json(), name)["fix"].clone()
}

fn findings<'a>(entry: &'a Value, rule: &str, severity: &str) -> Vec<&'a str> {
    let findings = entry["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["rule"] == rule && finding["severity"] == severity)
        .map(|finding| finding["message"].as_str().unwrap())
        .collect()
}

#[test]
fn one_lost_reference_frame_is_found_and_needs_consent() {
    let dir = TestDir::new();
    encode(&dir, "plain.mp4", X264);
    encode(&dir, "pyramid.mp4", &format!("{X264} -bf 3 -x264-params b-pyramid=normal"));
    encode(&dir, "slices.mp4", &format!("{X264} -x264-params slices=4"));
    encode(&dir, "hevc.mp4", X265);
    encode(&dir, "mpeg2.mp4", "-c:v mpeg2video -g 30 -bf 0");
    for source in ["plain", "pyramid", "slices", "hevc", "mpeg2"] {
        for container in ["mp4", "mkv", "ts"] {
            let name = format!("{source}-lost.{container}");
            drop_frames(&dir, &format!("{source}.mp4"), &name, 40, 40);
            let deep = check(&dir, &name, &["--deep"]);
            let found = findings(&deep, "integrity", "error");
            assert!(
                found.iter().any(|text| text.starts_with("1 frame is missing that others refer to (at ")),
                "{name}: {found:?}"
            );
            let refused = fix(&dir, &name, &[]);
            assert_eq!(refused["refusal"], "needs-conceal", "{name}: {refused:#}");
            assert!(
                refused["reason"].as_str().unwrap().contains("1 frame is missing that others refer to (at "),
                "{name}"
            );
        }
        // Where packets are read anyway, no decode is needed.
        let plain = check(&dir, &format!("{source}-lost.mkv"), &[]);
        assert_eq!(findings(&plain, "integrity", "error").len(), 1, "{plain:#}");
        let loss = &plain["media"]["video"][0]["lost_frames"][0];
        assert_eq!((&loss["kind"], &loss["count"]), (&"missing-reference".into(), &1.into()));
    }
}

#[test]
fn frames_are_missing_where_numbers_and_times_have_the_same_hole() {
    let dir = TestDir::new();
    let x264 = "-c:v libx264 -preset veryfast -bf 3 -g 30";
    encode(&dir, "avc.mp4", x264);
    encode(&dir, "hevc.mp4", &format!("{X265}:bframes=4"));
    encode(&dir, "mpeg2.mp4", "-c:v mpeg2video -bf 2 -g 15");
    encode(&dir, "av1.mp4", "-c:v libaom-av1 -cpu-used 8 -row-mt 1 -s 160x284 -g 30");
    // The numbers of the reference frames continue by chance.
    drop_frames(&dir, "avc.mp4", "many.mkv", 30, 40);
    let many = check(&dir, "many.mkv", &[]);
    let found = findings(&many, "integrity", "error");
    assert!(found[0].starts_with("11 frames are missing within the video (at "), "{found:?}");
    drop_frames(&dir, "avc.mp4", "many.mp4", 30, 40);
    assert_eq!(fix(&dir, "many.mp4", &[])["action"], "refused");
    // No other frame refers to these.
    for (source, number) in [("avc", 45), ("hevc", 45), ("mpeg2", 45)] {
        for container in ["mp4", "mkv", "ts"] {
            let name = format!("{source}-one.{container}");
            drop_frames(&dir, &format!("{source}.mp4"), &name, number, number);
            let deep = check(&dir, &name, &["--deep"]);
            let found = findings(&deep, "integrity", "error");
            assert_eq!(found.len(), 1, "{name}: {found:?}");
            assert!(found[0].starts_with("1 frame is missing within the video (at "), "{name}: {found:?}");
        }
    }
    // In display order; a packet that also holds hidden frames may leave no hole there.
    drop_frames(&dir, "av1.mp4", "av1-one.mkv", 43, 43);
    let plain = check(&dir, "av1-one.mkv", &[]);
    let found = findings(&plain, "integrity", "error");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("1 frame is missing within the video (at 1."), "{found:?}");
    assert_eq!(fix(&dir, "avc-one.mp4", &[])["refusal"], "needs-conceal");
    let fixed = fix(&dir, "avc-one.mp4", &["--conceal"]);
    assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
    assert_eq!(fixed["verified"]["concealed"]["errors"][0]["kind"], "missing-frame", "{fixed:#}");
}

#[test]
fn frames_that_the_encoder_never_got_are_not_missing() {
    let dir = TestDir::new();
    let input = "-f lavfi -i testsrc2=s=540x960:r=30:d=3 -vf select='not(between(n,40,48))' -fps_mode vfr";
    for (name, video) in [
        ("avc", "-c:v libx264 -preset veryfast -bf 3 -g 30"),
        ("fields", "-c:v libx264 -preset veryfast -bf 3 -flags +ildct+ilme -x264-params bff=1"),
        ("plain", "-c:v libx264 -preset veryfast -bf 0"),
        ("hevc", "-c:v libx265 -preset ultrafast -x265-params log-level=0:bframes=4"),
        ("mpeg2", "-c:v mpeg2video -bf 2 -g 15"),
        ("av1", "-c:v libaom-av1 -cpu-used 8 -row-mt 1 -s 160x284"),
    ] {
        let command = format!("{input} -pix_fmt yuv420p -b:v 900k {video} {name}.mkv");
        dir.ffmpeg(&command.split(' ').collect::<Vec<_>>());
        // A cut without an encode ends within the decode order.
        dir.ffmpeg(&["-i", &format!("{name}.mkv"), "-t", "1.04", "-c", "copy", &format!("{name}-cut.mkv")]);
        for file in [format!("{name}.mkv"), format!("{name}-cut.mkv")] {
            let found = check(&dir, &file, &["--deep"]);
            assert_eq!(findings(&found, "integrity", "error"), [""; 0], "{file}");
        }
    }
}

#[test]
fn lost_references_are_concealed_counted_and_timed_with_consent() {
    let dir = TestDir::new();
    encode(&dir, "plain.mp4", X264);
    drop_frames(&dir, "plain.mp4", "lost.mp4", 40, 41);
    let fixed = fix(&dir, "lost.mp4", &["--conceal"]);
    let verified = &fixed["verified"];
    assert_eq!(verified["verdict"], "compliant", "{fixed:#}");
    let concealed = &verified["concealed"];
    assert_eq!(concealed["error_count"], 2);
    let error = &concealed["errors"][0];
    assert_eq!(error["kind"], "missing-reference");
    assert!((error["at_s"].as_f64().unwrap() - 1.4).abs() < 0.05, "{error:#}");
}

#[test]
fn a_lost_key_frame_in_mid_stream_is_not_compliant() {
    let dir = TestDir::new();
    encode(&dir, "plain.mp4", X264);
    encode(&dir, "open.mp4", &format!("{X264} -bf 3 -x264-params open-gop=1"));
    encode(&dir, "hevc.mp4", X265);
    for source in ["plain", "open", "hevc"] {
        for container in ["mp4", "mkv"] {
            let name = format!("{source}-lost.{container}");
            drop_frames(&dir, &format!("{source}.mp4"), &name, 30, 40);
            let deep = check(&dir, &name, &["--deep"]);
            assert_eq!(deep["verdict"], "noncompliant", "{name}");
            assert!(!findings(&deep, "integrity", "error").is_empty(), "{name}: {deep:#}");
            assert_eq!(fix(&dir, &name, &[])["action"], "refused", "{name}");
        }
    }
}

#[test]
fn frames_that_are_missing_in_a_constant_rate_are_named_with_their_time() {
    let dir = TestDir::new();
    encode(&dir, "other.mkv", "-c:v mpeg4 -g 30 -bf 0");
    drop_frames(&dir, "other.mkv", "lost.mkv", 35, 37);
    let found = check(&dir, "lost.mkv", &[]);
    let warnings = findings(&found, "integrity", "warning");
    assert!(warnings[0].starts_with("3 frames seem to be missing (at 1.1"), "{warnings:?}");
}

#[test]
fn healthy_structures_of_references_raise_no_alarm() {
    let dir = TestDir::new();
    let variants = [
        ("open", format!("{X264} -bf 3 -x264-params open-gop=1:b-pyramid=strict")),
        ("refresh", format!("{X264} -x264-params intra-refresh=1:keyint=20")),
        ("fields", format!("{X264} -flags +ildct+ilme -x264-params tff=1:weightp=2")),
        ("refs", format!("{X264} -refs 8 -bf 8 -x264-params b-pyramid=normal:weightb=1:weightp=2")),
        ("hevc", format!("{X265}:open-gop=1:bframes=6:rc-lookahead=20:b-pyramid=1:ref=5")),
        ("layers", format!("{X265}:temporal-layers=1:bframes=4:rc-lookahead=20:b-pyramid=1")),
    ];
    for (name, options) in &variants {
        let (mp4, mkv, ts) = (format!("{name}.mp4"), format!("{name}.mkv"), format!("{name}.ts"));
        encode(&dir, &mp4, options);
        dir.ffmpeg(&["-i", &mp4, "-c", "copy", &mkv]);
        dir.ffmpeg(&["-i", &mp4, "-c", "copy", &ts]);
        // A cut at a key frame in the middle leaves leading frames without their references, hidden or not.
        let cut = format!("{name}-cut.mp4");
        dir.ffmpeg(&["-ss", "1.4", "-i", &mp4, "-c", "copy", &cut]);
        for file in [&mp4, &mkv, &ts, &cut] {
            // Other containers have the same packets; they are read without a decode.
            let options: &[&str] = if file.ends_with("mp4") { &["--deep"] } else { &[] };
            let deep = check(&dir, file, options);
            // A cut within a gradual refresh has a start of its own, which is a fault.
            if file == "refresh-cut.mp4" {
                let [start] = findings(&deep, "integrity", "error")[..] else { panic!("{deep:#}") };
                assert!(start.contains("the video can be shown from"), "{start}");
                continue;
            }
            let found: Vec<_> =
                ["error", "warning"].iter().flat_map(|s| findings(&deep, "integrity", s)).collect();
            assert!(found.is_empty(), "{file}: {found:?}");
        }
    }
}

/// Returns the position behind the name of the box at the end of a path, searched in order from the start.
fn inside(bytes: &[u8], path: &[&[u8; 4]]) -> usize {
    path.iter()
        .fold(0, |from, name| from + bytes[from..].windows(4).position(|four| four == *name).unwrap() + 4)
}

fn put_word(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Sets the sizes of some samples to zero, and makes the sample before them as much longer, so that the others stay
/// where they are in their chunk.
fn empty_samples(
    dir: &TestDir,
    source: &str,
    name: &str,
    handler: &[u8; 4],
    numbers: std::ops::Range<usize>,
) {
    let mut bytes = std::fs::read(dir.path(source)).unwrap();
    let table = inside(&bytes, &[handler, b"stsz"]) + 12;
    let before = table + 4 * (numbers.start - 1);
    for at in numbers.map(|number| table + 4 * number) {
        let sum = word(&bytes, before) + word(&bytes, at);
        put_word(&mut bytes, before, sum);
        put_word(&mut bytes, at, 0);
    }
    dir.write(name, &bytes);
}

#[test]
fn samples_without_data_are_counted_and_need_consent() {
    let dir = TestDir::new();
    encode(&dir, "plain.mp4", X264);
    empty_samples(&dir, "plain.mp4", "few.mp4", b"vide", 85..88);
    empty_samples(&dir, "plain.mp4", "many.mp4", b"vide", 30..90);
    empty_samples(&dir, "plain.mp4", "audio.mp4", b"soun", 120..123);
    for (name, count, at_s) in [("few.mp4", 3, 2.83), ("many.mp4", 60, 1.0), ("audio.mp4", 3, 2.5)] {
        let found = check(&dir, name, &[]);
        let streams = if name == "audio.mp4" { "audio" } else { "video" };
        let loss = &found["media"][streams][0]["lost_frames"][0];
        assert_eq!((&loss["kind"], &loss["count"]), (&"empty".into(), &count.into()), "{name}: {loss:#}");
        let first = loss["at_s"][0].as_f64().unwrap();
        assert!((first - at_s).abs() < 0.1, "{name}: {first}");
        assert_eq!(findings(&found, "integrity", "error").len(), 1, "{name}");
    }
    assert_eq!(fix(&dir, "few.mp4", &[])["refusal"], "needs-conceal");
    let fixed = fix(&dir, "few.mp4", &["--conceal"]);
    assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
    let concealed = &fixed["verified"]["concealed"];
    assert!(concealed["error_count"].as_u64().unwrap() >= 3, "{concealed:#}");
    assert!((concealed["errors"][0]["at_s"].as_f64().unwrap() - 2.85).abs() < 0.15, "{concealed:#}");
    assert_eq!(fix(&dir, "many.mp4", &["--conceal"])["action"], "refused");
}

#[test]
fn the_advice_of_a_full_decode_names_every_consent_and_the_profile() {
    let dir = TestDir::new();
    encode(&dir, "plain.mp4", X264);
    // The key frame of the beginning is missing, and later a frame that others refer to.
    let filter = "noise=amount=0:drop='eq(n,0)+eq(n,40)'";
    dir.ffmpeg(&["-i", "plain.mp4", "-c", "copy", "-bsf:v", filter, "-movflags", "+faststart", "two.mp4"]);
    dir.write("my house.toml", "id = \"house\"\nextends = \"tiktok-ads\"\n");
    let report = dir.greenlit(&["check", "--deep", "two.mp4", "--profile", "my house.toml", "--no-cache"]);
    let text = report.expect(1).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let command = "`greenlit fix two.mp4 --out DIR --profile 'my house.toml' --from-key-frame --conceal`";
    assert!(text.contains(command), "{text}");
    let fixed = fix(&dir, "two.mp4", &["--profile", "my house.toml", "--from-key-frame", "--conceal"]);
    assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
    assert_eq!(fixed["verified"]["concealed"]["error_count"], 1);
}

#[test]
fn a_large_avi_whose_frame_size_changes_is_not_copied() {
    let dir = TestDir::new();
    for (name, size) in [("a.ts", "540x960"), ("b.ts", "360x640")] {
        let input = format!("testsrc2=s={size}:r=30:d=1");
        let sound = ["-f", "lavfi", "-i", "sine=d=1", "-ac", "2", "-ar", "48000", "-c:a", "aac"];
        let video = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "900k", name];
        dir.ffmpeg(&[&["-f", "lavfi", "-i", &input][..], &sound, &video].concat());
    }
    let both = ["a.ts", "b.ts"].map(|name| std::fs::read(dir.path(name)).unwrap()).concat();
    dir.write("both.ts", both);
    dir.ffmpeg(&["-i", "both.ts", "-c", "copy", "both.avi"]);
    // Beyond this size, a check does not read every packet.
    let padding = vec![0; 65 << 20];
    dir.write("large.avi", [std::fs::read(dir.path("both.avi")).unwrap(), padding].concat());
    dir.write("house.toml", "id = \"house\"\nextends = \"tiktok-ads\"\n[rule.duration]\nmin_s = 1\n");
    let fixed = fix(&dir, "large.avi", &["--profile", "house.toml"]);
    assert_eq!(
        (&fixed["action"], &fixed["verified"]["verdict"]),
        (&"reencode".into(), &"compliant".into()),
        "{fixed:#}"
    );
}
