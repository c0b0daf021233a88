//! The facts in the report are those that ffprobe of the same library gives.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use common::{Desk, corpus, entry};
use serde_json::Value;

/// Facts that are compared, with their column in the list that comes with the corpus.
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

/// The list was made with this version; another reads some files differently.
const LISTED_WITH: &str = "FFmpeg 5.1";

/// The same facts out of the `media` object of a report, in the words of the list.
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
        text(&video["rotation"]).filter(|turn| turn != "0"),
        text(&video["sample_aspect_ratio"]),
        text(&video["frame_rate"]),
        media["duration_s"].as_f64().map(|seconds| format!("{seconds:.6}")),
        text(&audio["codec"]),
        text(&audio["channels"]),
        text(&audio["sample_rate"]),
        text(&video["color"]["transfer"]),
    ]
}

/// FFmpeg's name for the demuxer of what we call `container`.
fn demuxer(container: &str) -> String {
    match container {
        "mp4" | "mov" | "3gp" => "mov,mp4,m4a,3gp,3g2,mj2",
        "webm" | "matroska" => "matroska,webm",
        "mpegps" => "mpeg",
        other => other,
    }
    .to_owned()
}

/// A listed value; ffprobe writes what it does not know in many ways, and turns the other way.
fn listed(name: &str, value: &str) -> Option<String> {
    match (name, value) {
        (_, "-" | "0" | "0/0" | "N/A" | "unknown") => None,
        ("rotation", turn) => match turn.parse::<i32>() {
            Ok(turn) => Some((-turn).rem_euclid(360)).filter(|turn| *turn != 0).map(|turn| turn.to_string()),
            Err(_) => Some(turn.to_owned()),
        },
        (_, other) => Some(other.to_owned()),
    }
}

#[test]
fn the_report_says_what_ffprobe_says() {
    let Some(corpus) = corpus() else {
        println!("skipped: GREENLIT_CORPUS names no corpus");
        return;
    };
    let desk = Desk::new();
    let folder = corpus.to_str().unwrap();
    let report = desk
        .greenlit(&["check", folder, "--format", "json", "--no-cache", "--profile", "tiktok-ads"])
        .expect(1)
        .json();
    let library = report["tool"]["ffmpeg"].as_str().unwrap();
    if !library.starts_with(LISTED_WITH) {
        println!("skipped: the corpus was listed with {LISTED_WITH}, this is {library}");
        return;
    }
    let list = std::fs::read_to_string(corpus.join("manifest.tsv")).unwrap();
    let (mut compared, mut unlike) = (0_u32, 0_u32);
    for row in list.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let path = corpus.join(columns[1]);
        if !path.is_file() {
            continue;
        }
        let file = entry(&report, path.to_str().unwrap());
        if columns[5] == "unreadable" {
            // Stricter is allowed, silent is not: what ffprobe cannot read is never called compliant.
            assert_ne!(file["verdict"], "compliant", "{file:#}");
            continue;
        }
        for ((name, place), ours) in COLUMNS.iter().zip(reported(&file["media"])) {
            compared += 1;
            let theirs = listed(name, columns[*place]);
            if ours != theirs {
                unlike += 1;
                println!("{}: {name} is {ours:?}, listed {theirs:?}", columns[1]);
            }
        }
    }
    let share = 100.0 * (1.0 - f64::from(unlike) / f64::from(compared.max(1)));
    println!("{compared} values compared, {share:.2} % equal");
    assert!(compared > 3000 && share >= 99.5, "only {share:.2} % of {compared} facts are ffprobe's");
}
