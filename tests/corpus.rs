//! Tests with the corpus of real files, if it is available: every file gets a verdict, and ffprobe and ffmpeg
//! accept every output reported as fixed.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{TestDir, corpus, decode_errors, ffprobe};

#[test]
#[ignore = "needs GREENLIT_CORPUS; `make test` runs it where that is set"]
fn with_corpus_every_file_of_the_corpus_gets_a_verdict() {
    let corpus = corpus();
    let dir = TestDir::new();
    let run = dir.greenlit(&["check", corpus.to_str().unwrap(), "--format", "json"]).expect(1);
    let report = run.json();
    let files = report["files"].as_array().unwrap();
    assert!(files.len() >= 400, "only {} files", files.len());
    for file in files {
        let verdict = file["verdict"].as_str().unwrap();
        let reason = file["reason"].as_str().unwrap_or_default();
        assert!(file["media"].is_object() || !reason.is_empty(), "{file:#}");
        assert!(!reason.contains("media worker"), "{file:#}");
        assert_ne!(verdict, "", "{file:#}");
    }
}

/// Copies the normal, error-free videos of the manifest and returns their number. Each video gets its own
/// folder, so that no two outputs have the same name.
fn normal_videos(corpus: &Path, into: &Path) -> usize {
    let manifest = std::fs::read_to_string(corpus.join("manifest.tsv")).unwrap();
    let mut lines = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let column = |name| names.iter().position(|other| *other == name).unwrap();
    let (path, class, codec, decode) = (column("path"), column("class"), column("vcodec"), column("decode"));
    let videos = lines.filter(|row| row[class] == "normal" && row[codec] != "-" && row[decode] == "ok");
    let mut count = 0;
    for row in videos {
        let folder = into.join(format!("{count:03}"));
        std::fs::create_dir_all(&folder).unwrap();
        let name = Path::new(row[path]).file_name().unwrap();
        std::fs::copy(corpus.join(row[path]), folder.join(name)).unwrap();
        count += 1;
    }
    count
}

#[test]
#[ignore = "slow: encodes every normal video of the corpus, which GREENLIT_CORPUS names"]
fn fixes_nearly_every_video_and_reports_outputs_correctly() {
    let corpus = corpus();
    let dir = TestDir::new();
    let videos = normal_videos(&corpus, &dir.path("in"));
    assert!(videos >= 150, "only {videos} videos");
    let consents = ["--upscale", "--trim", "--add-silence", "--extend", "freeze"];
    let mut args = vec!["fix", "in", "--out", "out", "--format", "json", "--preset", "veryfast"];
    args.extend(consents);
    let report = dir.greenlit(&args).json();
    let (mut fixed, mut refusals) = (0, BTreeMap::<String, Vec<String>>::new());
    for file in report["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let Some(output) = file["fix"]["output"].as_str() else {
            // Skipped and unreadable files have no fix.
            let class = file["fix"]["refusal"].as_str().or(file["verdict"].as_str()).unwrap();
            assert!(!file["fix"]["reason"].is_null() || !file["reason"].is_null(), "{file:#}");
            refusals.entry(class.to_owned()).or_default().push(path.to_owned());
            continue;
        };
        fixed += 1;
        let verified = &file["fix"]["verified"];
        assert_eq!(verified["verdict"], "compliant", "{file:#}");
        let output = dir.path(output);
        let probe = ffprobe(&output);
        let streams = probe["streams"].as_array().unwrap();
        let video = streams.iter().find(|stream| stream["codec_type"] == "video").unwrap();
        if let Some(frames) = verified["decoded_frames"].as_u64() {
            assert_eq!(video["nb_read_frames"], frames.to_string(), "{file:#}");
            assert_eq!(decode_errors(&output), "", "{file:#}");
        }
    }
    let images = refusals.get("still-picture").map_or(0, Vec::len);
    for (class, paths) in &refusals {
        eprintln!("{class:20} {:4}  {}", paths.len(), paths.join(" "));
    }
    eprintln!("{fixed} of {} videos are fixed, not counting {images} still images", videos - images);
    assert!(fixed * 100 >= (videos - images) * 95, "{refusals:#?}");
    let again = dir.greenlit(&["check", "out", "--format", "json"]).expect(0).json();
    assert_eq!(again["summary"]["noncompliant"], 0);
}
