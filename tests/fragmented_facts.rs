//! The facts of fragmented files, which versions of FFmpeg state differently.
#![allow(clippy::unwrap_used)]

mod common;

use common::TestDir;
use serde_json::Value;

const SOURCE: &[&str] = &[
    "-f",
    "lavfi",
    "-i",
    "testsrc2=s=64x48:r=25:d=2",
    "-f",
    "lavfi",
    "-i",
    "sine=r=44100:d=2",
    "-c:v",
    "libx264",
    "-bf",
    "2",
    "-g",
    "15",
    "-c:a",
    "aac",
    "-b:a",
    "32k",
    "-movflags",
];

/// Returns what is found in a file when the facts are read from its headers, and when FFmpeg reads them.
fn read_both_ways(dir: &TestDir, name: &str) -> [Value; 2] {
    ["headers", "ffmpeg"].map(|how| {
        let run = dir.greenlit(&["check", name, "--no-cache", "--probe", how, "--format", "json"]);
        common::entry(&run.json(), name)["media"].clone()
    })
}

#[test]
fn the_bit_rates_of_an_indexed_file_are_those_of_all_its_fragments() {
    let dir = TestDir::new();
    let write = |flags: &str, name: &str| {
        dir.ffmpeg(&[SOURCE, &[flags, "-frag_duration", "500000", name]].concat());
    };
    write("dash+global_sidx", "indexed.mp4");
    dir.ffmpeg(&["-i", "indexed.mp4", "-c", "copy", "plain.mp4"]);
    let [plain, _] = read_both_ways(&dir, "plain.mp4");
    for media in read_both_ways(&dir, "indexed.mp4") {
        for kind in ["video", "audio"] {
            let rate = |media: &Value| media[kind][0]["bit_rate"].as_f64().unwrap();
            let ratio = rate(&media) / rate(&plain);
            assert!((0.95..1.05).contains(&ratio), "{kind}: {} and {}", rate(&media), rate(&plain));
        }
    }
}

#[test]
fn audio_in_fragments_starts_after_its_priming() {
    let dir = TestDir::new();
    dir.ffmpeg(&[SOURCE, &["frag_keyframe+empty_moov+delay_moov", "delayed.mp4"]].concat());
    for media in read_both_ways(&dir, "delayed.mp4") {
        assert_eq!(media["audio"][0]["start_s"], 0.0, "{}", media["probed_by"]);
    }
}

#[test]
fn timed_text_is_a_subtitle() {
    let dir = TestDir::new();
    dir.write("text.srt", "1\n00:00:00,000 --> 00:00:01,000\nHello\n");
    dir.ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=64x48:d=2",
        "-i",
        "text.srt",
        "-c:v",
        "libx264",
        "-c:s",
        "ttml",
        "v.mp4",
    ]);
    for media in read_both_ways(&dir, "v.mp4") {
        let text = &media["other"][0];
        assert_eq!(
            (&text["kind"], &text["codec"]),
            (&"subtitle".into(), &"ttml".into()),
            "{}",
            media["probed_by"]
        );
    }
}
