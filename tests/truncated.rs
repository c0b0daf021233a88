//! Truncated files: detected without decoding if the container declares the missing data, otherwise of unknown
//! completeness, never complete.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use common::{TestDir, corpus, entry, errors};
use serde_json::Value;

const PERCENTAGES: [u64; 3] = [60, 90, 99];
/// The allowed difference between the reported first missing second and the index of the complete file, in
/// seconds: files are interleaved in chunks of up to a second.
const TOLERANCE_S: f64 = 1.0;

/// Writes the first `percent` of a file to the folder. Returns the length in bytes.
fn truncate(dir: &TestDir, from: &Path, percent: u64, name: &str) -> u64 {
    let bytes = std::fs::read(from).unwrap();
    let length = bytes.len() as u64 * percent / 100;
    dir.write(name, &bytes[..length as usize]);
    length
}

fn truncated_name(from: &Path, percent: u64) -> String {
    let name = from.file_name().unwrap().to_str().unwrap();
    let (stem, extension) = name.rsplit_once('.').unwrap();
    format!("{stem}.{percent}.{extension}")
}

/// Returns the first second whose bytes are beyond `length`, from ffprobe's packet list of the complete file.
fn first_missing_s(complete: &Path, length: u64) -> Option<f64> {
    let run = Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0", "-show_entries", "packet=pts_time,dts_time,size,pos"])
        .arg(complete)
        .output()
        .expect("ffprobe is installed by `make setup`");
    let list = String::from_utf8(run.stdout).unwrap();
    let beyond = list.lines().filter_map(|line| {
        let [pts, dts, size, pos, ..] = line.split(',').collect::<Vec<_>>()[..] else { return None };
        let end = pos.parse::<u64>().ok()? + size.parse::<u64>().ok()?;
        (end > length).then(|| dts.parse::<f64>().or(pts.parse()).ok()).flatten()
    });
    beyond.reduce(f64::min)
}

fn integrity(entry: &Value) -> Option<&Value> {
    entry["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "integrity")
}

/// Truncates each file at three lengths and checks the reported completeness.
fn check_truncations(complete: &[(&Path, Expect)]) {
    let dir = TestDir::new();
    let mut lengths = BTreeMap::new();
    for (path, _) in complete {
        for percent in PERCENTAGES {
            let name = truncated_name(path, percent);
            lengths.insert(name.clone(), truncate(&dir, path, percent, &name));
        }
    }
    let report = dir.greenlit(&["check", ".", "--format", "json"]).expect(1).json();
    assert_eq!(report["files"].as_array().unwrap().len(), complete.len() * PERCENTAGES.len());
    for (path, expect) in complete {
        for percent in PERCENTAGES {
            let name = truncated_name(path, percent);
            let entry = entry(&report, &name);
            assert_ne!(entry["verdict"], "compliant", "{entry:#}");
            match expect {
                Expect::Unknown => {
                    assert_eq!(entry["media"]["completeness"]["state"], "unknown", "{entry:#}");
                    assert!(integrity(entry).is_none(), "{entry:#}");
                }
                Expect::Missing => assert_detected(path, entry, lengths[&name]),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Expect {
    Missing,
    Unknown,
}

fn assert_detected(complete: &Path, entry: &Value, length: u64) {
    assert!(errors(entry).contains(&"integrity"), "{entry:#}");
    let reported = integrity(entry).unwrap()["first_missing_s"].as_f64();
    if entry["verdict"] == "unreadable" {
        // The positions of the frames were in the missing part.
        let reason = entry["reason"].as_str().unwrap();
        assert!(reason.contains("the index (`moov`) is missing") || reason.contains("truncated"), "{reason}");
        return;
    }
    let state = &entry["media"]["completeness"];
    assert_eq!(state["state"], "missing", "{entry:#}");
    if state["reason"].as_str().unwrap().starts_with("box `moov`") {
        return;
    }
    let reported = reported.unwrap_or_else(|| panic!("no first missing second: {entry:#}"));
    // Possibly only an index after the frames is truncated.
    if let Some(truth) = first_missing_s(complete, length) {
        assert!((reported - truth).abs() <= TOLERANCE_S, "{reported} instead of {truth}: {entry:#}");
    }
}

#[test]
fn detects_every_truncated_fixture() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let videos: Vec<_> =
        names.filter(|path| !path.extension().is_some_and(|e| e == "tsv" || e == "md")).collect();
    assert!(videos.len() >= 15, "only {} fixtures", videos.len());
    check_truncations(&videos.iter().map(|path| (path.as_path(), Expect::Missing)).collect::<Vec<_>>());
}

#[test]
fn detects_truncation_in_every_container_that_declares_its_size() {
    let dir = TestDir::new();
    let ocean = common::fixture("npm-vide-ocean.mp4");
    let webm = common::fixture("npm-vide-ocean.webm");
    let (ocean, webm) = (ocean.to_str().unwrap(), webm.to_str().unwrap());
    let fragments = "frag_keyframe+empty_moov+default_base_moof";
    let indexed = "frag_keyframe+empty_moov+default_base_moof+global_sidx";
    let copies: [(&str, &str, &[&str], Expect); 10] = [
        ("first.mp4", ocean, &["-movflags", "+faststart"], Expect::Missing),
        // Its last box is an index; without it, only the truncated fragment reveals the truncation.
        ("fragments.mp4", ocean, &["-frag_duration", "500000", "-movflags", fragments], Expect::Missing),
        ("segments.mp4", ocean, &["-frag_duration", "500000", "-movflags", indexed], Expect::Missing),
        ("video.mkv", ocean, &[], Expect::Missing),
        ("video.flv", ocean, &[], Expect::Missing),
        ("video.avi", ocean, &["-bsf:v", "h264_mp4toannexb"], Expect::Missing),
        ("video.ogg", webm, &["-map", "0:a", "-page_duration", "100000"], Expect::Missing),
        ("video.wav", ocean, &["-c:a", "pcm_s16le", "-vn"], Expect::Missing),
        ("video.ts", ocean, &[], Expect::Unknown),
        ("video.mpg", ocean, &["-map", "0:v", "-f", "vob"], Expect::Unknown),
    ];
    for (name, from, how, _) in copies {
        dir.ffmpeg(&[&["-i", from, "-c", "copy"], how, &[name]].concat());
    }
    let paths: Vec<_> = copies.iter().map(|(name, .., expect)| (dir.path(name), *expect)).collect();
    let report = dir.greenlit(&["check", ".", "--format", "json"]).json();
    for (path, expect) in &paths {
        let media = &entry(&report, path.file_name().unwrap().to_str().unwrap())["media"];
        let state = if *expect == Expect::Missing { "whole" } else { "unknown" };
        assert_eq!(media["completeness"]["state"], state, "{}: {media:#}", path.display());
    }
    check_truncations(&paths.iter().map(|(path, expect)| (path.as_path(), *expect)).collect::<Vec<_>>());
}

/// Returns a WebM whose segment has an unknown size, and the position of its first cluster.
fn unsized_webm() -> (Vec<u8>, usize) {
    let mut bytes = std::fs::read(common::fixture("npm-vide-ocean.webm")).unwrap();
    let find = |id: &[u8]| bytes.windows(4).position(|window| window == id).unwrap();
    let (segment, clusters) = (find(&[0x18, 0x53, 0x80, 0x67]) + 4, find(&[0x1f, 0x43, 0xb6, 0x75]));
    let size_bytes = bytes[segment].leading_zeros() as usize + 1;
    // The value for "unknown" with the same number of bytes.
    bytes[segment] = 0xff >> (size_bytes - 1);
    bytes[segment + 1..segment + size_bytes].fill(0xff);
    (bytes, clusters)
}

#[track_caller]
fn assert_ends_before_its_duration(dir: &TestDir) {
    let report = dir.greenlit(&["check", ".", "--format", "json"]).expect(1).json();
    assert_eq!(entry(&report, "whole.webm")["media"]["completeness"]["state"], "whole", "{report:#}");
    let finding = integrity(entry(&report, "truncated.webm")).unwrap();
    let reported = finding["first_missing_s"].as_f64().unwrap();
    assert!((5.0..7.0).contains(&reported), "{finding:#}");
}

#[test]
fn packets_that_end_before_the_duration_mean_missing_data() {
    let dir = TestDir::new();
    let (bytes, _) = unsized_webm();
    dir.write("whole.webm", &bytes);
    dir.write("truncated.webm", &bytes[..bytes.len() * 60 / 100]);
    assert_ends_before_its_duration(&dir);
}

/// As above, for a file too large to read every packet: the last packets are read.
#[test]
fn reads_only_the_end_of_a_large_video() {
    use std::os::unix::fs::FileExt;
    const PADDING: u64 = 96 << 20;
    let dir = TestDir::new();
    let (bytes, clusters) = unsized_webm();
    let void = [&[0xec][..], &(PADDING | 1 << 56).to_be_bytes()].concat();
    for (name, length) in [("whole.webm", bytes.len()), ("truncated.webm", bytes.len() * 60 / 100)] {
        let path = dir.write(name, [&bytes[..clusters], &void].concat());
        let file = std::fs::File::options().write(true).open(path).unwrap();
        let position = (clusters + void.len()) as u64 + PADDING;
        file.write_all_at(&bytes[clusters..length], position).unwrap();
    }
    assert_ends_before_its_duration(&dir);
}

#[test]
fn the_text_report_mentions_unknown_completeness() {
    let dir = TestDir::new();
    let ocean = common::fixture("npm-vide-ocean.mp4");
    dir.ffmpeg(&["-i", ocean.to_str().unwrap(), "-c", "copy", "video.ts"]);
    let text = dir.greenlit(&["check", "video.ts"]).stdout;
    assert!(text.contains("completeness unknown"), "{text}");
    dir.put("npm-vide-ocean.mp4", "video.mp4");
    let text = dir.greenlit(&["check", "video.mp4"]).stdout;
    assert!(!text.contains("completeness unknown"), "{text}");
}

/// Returns a few small files of each kind.
fn small_files_of_each_kind(corpus: &Path) -> Vec<std::path::PathBuf> {
    const EACH: usize = 3;
    const MAX_BYTES: u64 = 2 << 20;
    let report = TestDir::new().greenlit(&["check", corpus.to_str().unwrap(), "--format", "json"]).json();
    let mut kinds = BTreeMap::<String, usize>::new();
    let mut chosen = Vec::new();
    for file in report["files"].as_array().unwrap() {
        let media = &file["media"];
        let path = Path::new(file["path"].as_str().unwrap());
        let whole = media["completeness"]["state"] == "whole";
        let video = media["video"].as_array().is_some_and(|video| !video.is_empty());
        if !(whole && video && media["size_bytes"].as_u64().is_some_and(|size| size <= MAX_BYTES)) {
            continue;
        }
        let kind = format!("{} {} {}", media["container"], media["fragmented"], media["fast_start"]);
        let count = kinds.entry(kind).or_default();
        *count += 1;
        if *count <= EACH {
            chosen.push(path.to_owned());
        }
    }
    assert!(kinds.len() >= 6, "too few kinds: {kinds:?}");
    chosen
}

#[test]
#[ignore = "needs GREENLIT_CORPUS; `make test` runs it where that is set"]
fn with_corpus_no_truncated_file_of_the_corpus_is_reported_as_complete() {
    let corpus = corpus();
    let dir = TestDir::new();
    let chosen = small_files_of_each_kind(&corpus);
    for (number, path) in chosen.iter().enumerate() {
        for percent in PERCENTAGES {
            truncate(&dir, path, percent, &format!("{number}/{}", truncated_name(path, percent)));
        }
    }
    let report = dir.greenlit(&["check", ".", "--format", "json"]).expect(1).json();
    for file in report["files"].as_array().unwrap() {
        assert_ne!(file["verdict"], "compliant", "{file:#}");
        assert_ne!(file["media"]["completeness"]["state"], "whole", "{file:#}");
        let missing = integrity(file).is_some();
        assert!(
            missing || file["verdict"] == "unreadable" || file["media"]["completeness"]["state"] == "unknown"
        );
    }
}

#[test]
fn detects_a_truncated_image_without_a_missing_second() {
    let dir = TestDir::new();
    let mut names = Vec::new();
    for kind in ["png", "jpg"] {
        let complete = dir.path(&format!("complete.{kind}"));
        let source = ["-f", "lavfi", "-i", "testsrc2=s=720x1280", "-frames:v", "1", "-update", "1"];
        dir.ffmpeg(&[&source[..], &[complete.to_str().unwrap()]].concat());
        for percent in PERCENTAGES {
            let name = truncated_name(&complete, percent);
            truncate(&dir, &complete, percent, &name);
            names.push(name);
        }
    }
    let complete = ["complete.png", "complete.jpg"];
    let mut args = vec!["check", "--format", "json"];
    args.extend(complete.iter().copied().chain(names.iter().map(String::as_str)));
    let report = dir.greenlit(&args).expect(1).json();
    for name in complete {
        let entry = entry(&report, name);
        assert_eq!(entry["verdict"], "compliant", "{entry:#}");
        assert_eq!(entry["media"]["completeness"]["state"], "whole", "{entry:#}");
    }
    for name in &names {
        let entry = entry(&report, name);
        assert!(errors(entry).contains(&"integrity"), "{entry:#}");
        assert!(integrity(entry).unwrap()["first_missing_s"].is_null(), "{entry:#}");
    }
}
