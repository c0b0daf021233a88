//! Compares the facts in the report with those of ffprobe from the same FFmpeg version.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![cfg_attr(ffmpeg_6_0, allow(dead_code, unused_imports))]

mod common;

use common::{TestDir, corpus, entry};
use serde_json::Value;

/// The compared facts, with their columns in the manifest of the corpus.
const COLUMNS: [(&str, usize); 13] = [
    ("container", 5),
    ("codec", 6),
    ("pixel format", 7),
    ("width", 8),
    ("height", 9),
    ("rotation", 10),
    ("sample aspect ratio", 11),
    ("average frame rate", 12),
    ("duration", 13),
    ("audio codec", 14),
    ("channels", 15),
    ("sample rate", 16),
    ("transfer", 17),
];

/// Returns the facts of the `media` object of a report in the notation of the manifest.
fn reported(media: &Value) -> [Option<String>; 13] {
    let (video, audio) = (&media["video"][0], &media["audio"][0]);
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    [
        text(&media["container"]).map(|name| demuxer(&name)),
        text(&video["codec"]),
        text(&video["pixel_format"]),
        text(&video["width"]),
        text(&video["height"]),
        text(&video["rotation"]).filter(|degrees| degrees != "0"),
        text(&video["sample_aspect_ratio"]),
        text(&video["frame_rate"]),
        media["duration_s"].as_f64().map(|seconds| format!("{seconds:.6}")),
        text(&audio["codec"]),
        text(&audio["channels"]),
        text(&audio["sample_rate"]),
        text(&video["color"]["transfer"]),
    ]
}

/// Returns FFmpeg's demuxer name for our container name.
fn demuxer(container: &str) -> String {
    match container {
        "mp4" | "mov" | "3gp" => "mov,mp4,m4a,3gp,3g2,mj2",
        "webm" | "matroska" => "matroska,webm",
        "mpegps" => "mpeg",
        other => other,
    }
    .to_owned()
}

/// Returns a manifest value in our notation: ffprobe has several values for unknown, and the opposite rotation.
fn expected(name: &str, value: &str) -> Option<String> {
    match (name, value) {
        (_, "-" | "0" | "0/0" | "N/A" | "unknown") => None,
        ("rotation", degrees) => match degrees.parse::<i32>() {
            Ok(degrees) => {
                Some((-degrees).rem_euclid(360)).filter(|angle| *angle != 0).map(|angle| angle.to_string())
            }
            Err(_) => Some(degrees.to_owned()),
        },
        (_, other) => Some(other.to_owned()),
    }
}

#[test]
#[cfg(not(ffmpeg_6_0))] // The manifest of the corpus is by FFmpeg 5.1.
#[ignore = "needs GREENLIT_CORPUS; `make test` runs it where that is set"]
fn with_corpus_the_report_agrees_with_ffprobe() {
    let corpus = corpus();
    let dir = TestDir::new();
    let folder = corpus.to_str().unwrap();
    let report = dir
        .greenlit(&["check", folder, "--format", "json", "--no-cache", "--profile", "tiktok-ads"])
        .expect(1)
        .json();
    let manifest = std::fs::read_to_string(corpus.join("manifest.tsv")).unwrap();
    let (mut compared, mut different) = (0_u32, 0_u32);
    for row in manifest.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let path = corpus.join(columns[1]);
        if !path.is_file() {
            continue;
        }
        let file = entry(&report, path.to_str().unwrap());
        if columns[5] == "unreadable" {
            // A file that ffprobe cannot read must not be compliant.
            assert_ne!(file["verdict"], "compliant", "{file:#}");
            continue;
        }
        for ((name, column), ours) in COLUMNS.iter().zip(reported(&file["media"])) {
            compared += 1;
            let theirs = expected(name, columns[*column]);
            if ours != theirs {
                different += 1;
                println!("{}: {name} is {ours:?}, ffprobe says {theirs:?}", columns[1]);
            }
        }
    }
    let share = 100.0 * (1.0 - f64::from(different) / f64::from(compared.max(1)));
    println!("{compared} values compared, {share:.2} % equal");
    assert!(compared > 3000 && share >= 99.5, "only {share:.2} % of {compared} facts agree with ffprobe");
}
