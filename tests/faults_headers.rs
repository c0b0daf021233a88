//! Encrypted samples, empty tracks, headers that contradict the index, and clocks that wrap.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestDir, entry, errors, ffprobe};
use serde_json::Value;

/// Six seconds of compliant video and audio.
const SOURCE: &str = "-f lavfi -i testsrc2=s=540x960:r=30:d=2 -f lavfi -i sine=d=2";
const CODECS: &str = "-c:v libx264 -preset ultrafast -b:v 2M -pix_fmt yuv420p -g 30 -c:a aac -ac 2 -ar 48000";

fn make(dir: &TestDir, options: &str, name: &str) {
    dir.write(name, "");
    let args = format!("{SOURCE} {CODECS} {options} {name}");
    dir.ffmpeg(&args.split_whitespace().collect::<Vec<_>>());
}

fn remake(dir: &TestDir, from: &str, options: &str, name: &str) {
    dir.write(name, "");
    let args = format!("-i {from} {options} {name}");
    dir.ffmpeg(&args.split_whitespace().collect::<Vec<_>>());
}

fn run(dir: &TestDir, command: &str, code: i32) -> Value {
    let args: &[&str] = if command == "check" {
        &["check", "in", "--format", "json"]
    } else {
        &["fix", "in", "--out", "out", "--format", "json"]
    };
    dir.greenlit(args).expect(code).json()
}

/// Changes the bytes of a file.
fn patch(dir: &TestDir, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(dir.path(name)).unwrap();
    change(&mut bytes);
    dir.write(name, bytes);
}

/// Returns the offsets behind a pattern.
fn behind(bytes: &[u8], pattern: &[u8]) -> Vec<usize> {
    let found = bytes.windows(pattern.len()).enumerate().filter(|(_, window)| *window == pattern);
    found.map(|(at, _)| at + pattern.len()).collect()
}

fn has(entry: &Value, rule: &str, text: &str) -> bool {
    entry["findings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|finding| finding["rule"] == rule && finding["message"].as_str().unwrap().contains(text))
}

fn output_s(dir: &TestDir, name: &str) -> f64 {
    ffprobe(&dir.path(name))["format"]["duration"].as_str().unwrap().parse().unwrap()
}

#[test]
fn refuses_encrypted_samples_in_every_container() {
    let dir = TestDir::new();
    let key = "-c copy -encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb \
               -encryption_kid a7e61c373e219033c21091fa607bf3b8";
    make(&dir, "", "clear.mp4");
    remake(&dir, "clear.mp4", key, "in/whole.mp4");
    // Only the sample entry of the audio says that its samples are protected.
    remake(&dir, "in/whole.mp4", "-c copy", "in/audio.mp4");
    patch(&dir, "in/audio.mp4", |bytes| {
        let clear = std::fs::read(dir.path("in/whole.mp4")).unwrap();
        *bytes = clear;
        for at in behind(bytes, b"encv") {
            bytes[at - 4..at].copy_from_slice(b"avc1");
        }
        let video_sinf = behind(bytes, b"sinf")[0];
        bytes[video_sinf - 4..video_sinf].copy_from_slice(b"free");
        for (kind, hidden) in [(b"senc", b"free"), (b"saiz", b"free")] {
            let at = behind(bytes, kind)[0];
            bytes[at - 4..at].copy_from_slice(hidden);
        }
    });
    remake(&dir, "clear.mp4", "-c copy", "in/scrambled.ts");
    patch(&dir, "in/scrambled.ts", |bytes| {
        let count = bytes.len() / 188;
        for packet in bytes.chunks_exact_mut(188).skip(count / 2) {
            if packet[1] & 0x1f == 1 && packet[2] == 0 {
                packet[3] |= 0x80;
            }
        }
    });
    remake(&dir, "clear.mp4", "-c:v wmv2 -b:v 2M -c:a wmav2", "in/drm.wmv");
    patch(&dir, "in/drm.wmv", |bytes| {
        let stream_properties = [0x91, 0x07, 0xdc, 0xb7, 0xb7, 0xa9, 0xcf, 0x11];
        for at in behind(bytes, &stream_properties) {
            bytes[at - 8 + 73] |= 0x80;
        }
    });
    let checked = run(&dir, "check", 1);
    let fixed = run(&dir, "fix", 1);
    let expected = [
        ("whole.mp4", "video", "cenc"),
        ("audio.mp4", "audio", "cenc"),
        ("scrambled.ts", "video", "scrambled"),
        ("drm.wmv", "video", "wmdrm"),
    ];
    for (name, kind, scheme) in expected {
        let message = format!("the {kind} stream is encrypted ({scheme}): export it without protection");
        let video = entry(&checked, name);
        assert_eq!(video["verdict"], "noncompliant", "{name}");
        assert!(has(video, "integrity", &message), "{name}: {:#}", video["findings"]);
        assert_eq!(video["media"][kind][0]["encryption"], scheme, "{name}");
        assert_eq!(entry(&fixed, name)["fix"]["refusal"], "encrypted", "{name}");
    }
    assert!(
        !dir.path("out").exists()
            || std::fs::read_dir(dir.path("out"))
                .unwrap()
                .all(|file| { !file.unwrap().file_name().to_string_lossy().ends_with(".mp4") })
    );
}

#[test]
fn the_index_decides_where_a_header_contradicts_it() {
    let dir = TestDir::new();
    make(&dir, "-use_editlist 0 -movflags +faststart", "source.mp4");
    /// The type of a box and the offset of its duration behind the type, in version 0.
    type DurationField = (&'static [u8], usize);
    let headers: [(&str, &[DurationField], u32); 5] = [
        ("movie.mp4", &[(b"mvhd", 16)], 90_000),
        ("track.mp4", &[(b"tkhd", 20)], 90_000),
        ("media.mp4", &[(b"mdhd", 16)], 900),
        ("long.mp4", &[(b"mvhd", 16), (b"tkhd", 20), (b"mdhd", 16)], 900_000_000),
        ("zero.mp4", &[(b"mvhd", 16), (b"tkhd", 20), (b"mdhd", 16)], 0),
    ];
    for (name, boxes, duration) in headers {
        let name = format!("in/{name}");
        dir.write(&name, std::fs::read(dir.path("source.mp4")).unwrap());
        patch(&dir, &name, |bytes| {
            for (kind, at) in boxes {
                for start in behind(bytes, kind) {
                    bytes[start + at..start + at + 4].copy_from_slice(&duration.to_be_bytes());
                }
            }
        });
    }
    for name in ["in/short.mkv", "in/empty.mkv"] {
        remake(&dir, "source.mp4", "-c copy", name);
        patch(&dir, name, |bytes| {
            let at = behind(bytes, &[0x44, 0x89, 0x88])[0];
            let declared: f64 = if name.contains("short") { 700.0 } else { 0.0 };
            bytes[at..at + 8].copy_from_slice(&declared.to_be_bytes());
        });
    }
    remake(&dir, "source.mp4", "-c copy", "in/script.flv");
    patch(&dir, "in/script.flv", |bytes| {
        let at = behind(bytes, b"\0\x08duration\0")[0];
        bytes[at..at + 8].copy_from_slice(&0.5_f64.to_be_bytes());
    });
    remake(&dir, "source.mp4", "-c:v mpeg4 -b:v 2M -c:a libmp3lame", "in/list.avi");
    patch(&dir, "in/list.avi", |bytes| {
        let at = behind(bytes, b"strh")[0] + 4;
        bytes[at + 32..at + 36].copy_from_slice(&9_u32.to_le_bytes());
    });
    let report = run(&dir, "fix", 0);
    for file in report["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let measured = file["media"]["measured_duration_s"].as_f64().unwrap_or_default();
        assert!((measured - 2.0).abs() < 0.1, "{path}: {measured}");
        assert!(has(file, "timestamps", "the index holds 2"), "{path}: {:#}", file["findings"]);
        assert!(!errors(file).contains(&"duration"), "{path}");
        assert_eq!(file["fix"]["verified"]["verdict"], "compliant", "{path}");
        let output = path.replace("in/", "out/");
        let stem = output.rsplit_once('.').unwrap().0.rsplit('/').next().unwrap();
        let output = format!("out/{stem}.mp4");
        assert!((output_s(&dir, &output) - 2.0).abs() < 0.1, "{path}");
    }
    assert_eq!(report["files"].as_array().unwrap().len(), 9);
    assert_eq!(entry(&report, "long.mp4")["fix"]["action"], "remux");
}

#[test]
fn headers_that_lie_beside_an_edit_list_or_fragments_are_corrected_by_a_remux() {
    let dir = TestDir::new();
    // Reordered frames give the track an edit list.
    make(&dir, "-bf 2 -movflags -faststart", "edited.mp4");
    make(&dir, "-movflags +frag_keyframe+empty_moov+default_base_moof", "fragments.mp4");
    let lie = |source: &str, name: &str, kinds: &[(&[u8], usize)], seconds: u32| {
        let name = format!("in/{name}");
        dir.write(&name, std::fs::read(dir.path(source)).unwrap());
        patch(&dir, &name, |bytes| {
            for (kind, at) in kinds {
                for start in behind(bytes, kind) {
                    // The media header states its own scale before its duration; the others count milliseconds.
                    let scale = match *kind == &b"mdhd"[..] {
                        true => u32::from_be_bytes(bytes[start + 12..start + 16].try_into().unwrap()),
                        false => 1000,
                    };
                    let declared = (seconds * scale).to_be_bytes();
                    bytes[start + at..start + at + 4].copy_from_slice(&declared);
                }
            }
        });
    };
    let (movie, track, media): ((&[u8], usize), _, _) =
        ((b"mvhd", 16), (&b"tkhd"[..], 20), (&b"mdhd"[..], 16));
    lie("edited.mp4", "media.mp4", &[media], 900);
    lie("edited.mp4", "short.mp4", &[media], 1);
    lie("edited.mp4", "all.mp4", &[movie, track, media], 100);
    lie("fragments.mp4", "movie.mp4", &[movie], 900);
    lie("fragments.mp4", "fragments.mp4", &[media], 900);
    let report = run(&dir, "fix", 0);
    for name in ["media.mp4", "short.mp4", "all.mp4", "movie.mp4", "fragments.mp4"] {
        let file = entry(&report, &format!("in/{name}"));
        assert!(!has(file, "edit-list", ""), "{name}: {:#}", file["findings"]);
        assert!(has(file, "timestamps", "the index holds 2"), "{name}: {:#}", file["findings"]);
        let fix = &file["fix"];
        assert_eq!(
            (&fix["action"], &fix["verified"]["verdict"]),
            (&"remux".into(), &"compliant".into()),
            "{name}: {fix:#}"
        );
        let output = format!("out/{name}");
        assert!((output_s(&dir, &output) - 2.0).abs() < 0.1, "{name}");
        let again = dir.greenlit(&["check", &output, "--format", "json"]).json();
        assert!(!has(entry(&again, name), "timestamps", "the index holds"), "{name}");
    }
}

#[test]
fn an_audio_track_without_samples_is_dropped_without_encoding() {
    let dir = TestDir::new();
    make(&dir, "-movflags +faststart", "in/empty.mp4");
    patch(&dir, "in/empty.mp4", |bytes| {
        // The tables of the second track: no sample sizes, times, chunks or groups.
        for (kind, at) in [(b"stsz", 4), (b"stts", 4), (b"stsc", 4), (b"stco", 4)] {
            let start = behind(bytes, kind)[1];
            let fields = if kind == b"stsz" { 8 } else { 4 };
            bytes[start + at..start + at + fields].fill(0);
        }
        for kind in [b"sgpd", b"sbgp", b"edts"] {
            if let Some(&start) = behind(bytes, kind).last() {
                bytes[start - 4..start].copy_from_slice(b"free");
            }
        }
    });
    let report = run(&dir, "fix", 0);
    let video = entry(&report, "empty.mp4");
    assert_eq!(video["media"]["audio"][0]["empty"], true);
    assert!(has(video, "audio-stream", "an audio track has no samples"), "{:#}", video["findings"]);
    assert_eq!(video["fix"]["action"], "remux");
    assert_eq!(ffprobe(&dir.path("out/empty.mp4"))["streams"].as_array().unwrap().len(), 1);
}

#[test]
fn keeps_every_packet_of_a_clock_that_wraps() {
    let dir = TestDir::new();
    make(&dir, "", "source.mp4");
    remake(&dir, "source.mp4", "-c copy -output_ts_offset 95442.7176 -muxdelay 0", "in/middle.ts");
    remake(&dir, "source.mp4", "-c copy -output_ts_offset 95443.7176 -muxdelay 0", "in/start.ts");
    let report = run(&dir, "fix", 0);
    for name in ["middle.ts", "start.ts"] {
        let video = entry(&report, name);
        assert_eq!(video["fix"]["verified"]["verdict"], "compliant", "{name}: {:#}", video["fix"]);
        let output = format!("out/{}", name.replace(".ts", ".mp4"));
        assert_eq!(ffprobe(&dir.path(&output))["streams"][0]["nb_frames"], "60", "{name}");
        assert!((output_s(&dir, &output) - 2.0).abs() < 0.1, "{name}");
    }
}

#[test]
fn counts_frames_of_h264_in_avi_and_keeps_the_last_audio_packet() {
    let dir = TestDir::new();
    make(&dir, "", "source.mp4");
    // 65 frames of 1024 samples and 32 more, less than a millisecond, behind the priming.
    for (name, frames) in [("a", 41), ("b", 44), ("c", 53)] {
        let options = format!("-c:v copy -c:a libmp3lame -bsf:v h264_mp4toannexb -frames:v {frames}");
        remake(&dir, "source.mp4", &options, &format!("in/{name}.avi"));
    }
    let report = run(&dir, "fix", 0);
    for name in ["a.avi", "b.avi", "c.avi"] {
        let video = entry(&report, name);
        let media = &video["media"];
        assert_eq!(media["video"][0]["frame_rate"], "30/1", "{name}: {media:#}");
        assert_eq!(video["fix"]["verified"]["verdict"], "compliant", "{name}");
    }
}

#[test]
fn reports_container_and_stream_that_disagree_about_pixels() {
    let dir = TestDir::new();
    make(&dir, "-vf setsar=4/3", "source.mp4");
    remake(&dir, "source.mp4", "-c copy -aspect 9:16", "in/pixels.mp4");
    let report = run(&dir, "check", 0);
    let video = entry(&report, "pixels.mp4");
    assert!(has(video, "sample-aspect-ratio", "disagree"), "{:#}", video["findings"]);
    assert!(has(video, "sample-aspect-ratio", "1:1 and 4:3"), "{:#}", video["findings"]);
}

#[test]
fn an_edit_list_that_shows_nothing_is_an_error() {
    let dir = TestDir::new();
    make(&dir, "-movflags +faststart", "source.mp4");
    // Offsets behind the type: one entry of version 0 has its duration at 8 and its media time at 12.
    let edits: [(&str, usize, usize, u32); 3] =
        [("no_time.mp4", 0, 8, 0), ("behind_the_end.mp4", 0, 12, 900_000), ("audio.mp4", 1, 8, 0)];
    for (name, track, field, value) in edits {
        let name = format!("in/{name}");
        dir.write(&name, std::fs::read(dir.path("source.mp4")).unwrap());
        patch(&dir, &name, |bytes| {
            let at = behind(bytes, b"elst")[track] + field;
            bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        });
    }
    let checked = run(&dir, "check", 1);
    let fixed = run(&dir, "fix", 1);
    for (name, ..) in edits {
        assert!(has(entry(&checked, name), "integrity", "shows nothing"), "{name}: {checked:#}");
        assert_eq!(entry(&fixed, name)["fix"]["refusal"], "missing-data", "{name}");
    }
}

#[test]
fn recordings_that_were_joined_at_the_same_times_play_one_after_the_other() {
    let dir = TestDir::new();
    make(&dir, "", "source.mp4");
    remake(&dir, "source.mp4", "-c copy -output_ts_offset 100 -muxdelay 0", "one.ts");
    let one = std::fs::read(dir.path("one.ts")).unwrap();
    dir.write("in/joined.ts", [&one[..], &one[..]].concat());
    let report = run(&dir, "fix", 0);
    let file = entry(&report, "joined.ts");
    assert!(!has(file, "integrity", "frames"), "{file:#}");
    assert_eq!(file["fix"]["verified"]["verdict"], "compliant", "{file:#}");
    let probed = common::ffprobe(&dir.path("out/joined.mp4"));
    let streams = probed["streams"].as_array().unwrap();
    let video = streams.iter().find(|stream| stream["codec_type"] == "video").unwrap();
    assert_eq!(video["nb_read_frames"], "120", "{video:#}");
}
