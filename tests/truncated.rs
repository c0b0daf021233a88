//! Files that were cut: found without decoding wherever the container declares what is missing, and
//! of unknown completeness, never whole, where it does not.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use common::{Desk, corpus, entry, errors};
use serde_json::Value;

const CUTS: [u64; 3] = [60, 90, 99];
/// How far the stated second may be from what an index of the whole file says: videos are interleaved
/// in pieces of up to a second.
const TOLERANCE_S: f64 = 1.0;

/// Writes the first `percent` of a file to the desk.
fn cut(desk: &Desk, from: &Path, percent: u64, name: &str) -> u64 {
    let bytes = std::fs::read(from).unwrap();
    let length = bytes.len() as u64 * percent / 100;
    desk.write(name, &bytes[..length as usize]);
    length
}

fn cut_name(from: &Path, percent: u64) -> String {
    let name = from.file_name().unwrap().to_str().unwrap();
    let (stem, extension) = name.rsplit_once('.').unwrap();
    format!("{stem}.{percent}.{extension}")
}

/// The first second whose bytes lie beyond `length`, by a stranger's list of the whole file's packets.
fn first_beyond(whole: &Path, length: u64) -> Option<f64> {
    let run = Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0", "-show_entries", "packet=pts_time,dts_time,size,pos"])
        .arg(whole)
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

/// Cuts `whole` three times and holds each entry against what must be said.
fn check_cuts(whole: &[(&Path, Expect)]) {
    let desk = Desk::new();
    let mut lengths = BTreeMap::new();
    for (path, _) in whole {
        for percent in CUTS {
            let name = cut_name(path, percent);
            lengths.insert(name.clone(), cut(&desk, path, percent, &name));
        }
    }
    let report = desk.greenlit(&["check", ".", "--format", "json"]).expect(1).json();
    assert_eq!(report["files"].as_array().unwrap().len(), whole.len() * CUTS.len());
    for (path, expect) in whole {
        for percent in CUTS {
            let name = cut_name(path, percent);
            let entry = entry(&report, &name);
            assert_ne!(entry["verdict"], "compliant", "{entry:#}");
            match expect {
                Expect::Unknown => {
                    assert_eq!(entry["media"]["completeness"]["state"], "unknown", "{entry:#}");
                    assert!(integrity(entry).is_none(), "{entry:#}");
                }
                Expect::Missing => found(path, entry, lengths[&name]),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Expect {
    Missing,
    Unknown,
}

fn found(whole: &Path, entry: &Value, length: u64) {
    assert!(errors(entry).contains(&"integrity"), "{entry:#}");
    let stated = integrity(entry).unwrap()["first_missing_s"].as_f64();
    if entry["verdict"] == "unreadable" {
        // Where each frame lies was in the part that is gone.
        let reason = entry["reason"].as_str().unwrap();
        assert!(reason.contains("the index (`moov`) is missing") || reason.contains("cut short"), "{reason}");
        return;
    }
    let state = &entry["media"]["completeness"];
    assert_eq!(state["state"], "missing", "{entry:#}");
    if state["reason"].as_str().unwrap().starts_with("box `moov`") {
        return;
    }
    let stated = stated.unwrap_or_else(|| panic!("no first missing second: {entry:#}"));
    // The frames may all be there, and only an index behind them cut.
    if let Some(truth) = first_beyond(whole, length) {
        assert!((stated - truth).abs() <= TOLERANCE_S, "{stated} instead of {truth}: {entry:#}");
    }
}

#[test]
fn every_cut_fixture_is_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let videos: Vec<_> =
        names.filter(|path| !path.extension().is_some_and(|e| e == "tsv" || e == "md")).collect();
    assert!(videos.len() >= 15, "only {} fixtures", videos.len());
    check_cuts(&videos.iter().map(|path| (path.as_path(), Expect::Missing)).collect::<Vec<_>>());
}

#[test]
fn every_container_that_declares_something_is_found_cut() {
    let desk = Desk::new();
    let ocean = common::fixture("npm-vide-ocean.mp4");
    let webm = common::fixture("npm-vide-ocean.webm");
    let (ocean, webm) = (ocean.to_str().unwrap(), webm.to_str().unwrap());
    let fragments = "frag_keyframe+empty_moov+default_base_moof";
    let indexed = "frag_keyframe+empty_moov+default_base_moof+global_sidx";
    let copies: [(&str, &str, &[&str], Expect); 10] = [
        ("first.mp4", ocean, &["-movflags", "+faststart"], Expect::Missing),
        // Its last box is an index; before that one, only the fragment that is cut tells.
        ("fragments.mp4", ocean, &["-frag_duration", "500000", "-movflags", fragments], Expect::Missing),
        ("segments.mp4", ocean, &["-frag_duration", "500000", "-movflags", indexed], Expect::Missing),
        ("film.mkv", ocean, &[], Expect::Missing),
        ("film.flv", ocean, &[], Expect::Missing),
        ("film.avi", ocean, &["-bsf:v", "h264_mp4toannexb"], Expect::Missing),
        ("film.ogg", webm, &["-map", "0:a", "-page_duration", "100000"], Expect::Missing),
        ("film.wav", ocean, &["-c:a", "pcm_s16le", "-vn"], Expect::Missing),
        ("film.ts", ocean, &[], Expect::Unknown),
        ("film.mpg", ocean, &["-map", "0:v", "-f", "vob"], Expect::Unknown),
    ];
    for (name, from, how, _) in copies {
        desk.ffmpeg(&[&["-i", from, "-c", "copy"], how, &[name]].concat());
    }
    let paths: Vec<_> = copies.iter().map(|(name, .., expect)| (desk.path(name), *expect)).collect();
    let report = desk.greenlit(&["check", ".", "--format", "json"]).json();
    for (path, expect) in &paths {
        let media = &entry(&report, path.file_name().unwrap().to_str().unwrap())["media"];
        let state = if *expect == Expect::Missing { "whole" } else { "unknown" };
        assert_eq!(media["completeness"]["state"], state, "{}: {media:#}", path.display());
    }
    check_cuts(&paths.iter().map(|(path, expect)| (path.as_path(), *expect)).collect::<Vec<_>>());
}

/// A clip whose segment does not say how long it is, and where its clusters begin.
fn unsized_webm() -> (Vec<u8>, usize) {
    let mut bytes = std::fs::read(common::fixture("npm-vide-ocean.webm")).unwrap();
    let find = |id: &[u8]| bytes.windows(4).position(|window| window == id).unwrap();
    let (segment, clusters) = (find(&[0x18, 0x53, 0x80, 0x67]) + 4, find(&[0x1f, 0x43, 0xb6, 0x75]));
    let size_bytes = bytes[segment].leading_zeros() as usize + 1;
    // "Unknown", in as many bytes.
    bytes[segment] = 0xff >> (size_bytes - 1);
    bytes[segment + 1..segment + size_bytes].fill(0xff);
    (bytes, clusters)
}

#[track_caller]
fn ends_before_its_duration(desk: &Desk) {
    let report = desk.greenlit(&["check", ".", "--format", "json"]).expect(1).json();
    assert_eq!(entry(&report, "whole.webm")["media"]["completeness"]["state"], "whole", "{report:#}");
    let cut = integrity(entry(&report, "cut.webm")).unwrap();
    let stated = cut["first_missing_s"].as_f64().unwrap();
    assert!((5.0..7.0).contains(&stated), "{cut:#}");
}

#[test]
fn a_duration_that_the_packets_do_not_reach_is_missing_data() {
    let desk = Desk::new();
    let (bytes, _) = unsized_webm();
    desk.write("whole.webm", &bytes);
    desk.write("cut.webm", &bytes[..bytes.len() * 60 / 100]);
    ends_before_its_duration(&desk);
}

/// As above, too large for a look at every packet: the last ones tell.
#[test]
fn of_a_large_video_only_the_end_is_looked_at() {
    use std::os::unix::fs::FileExt;
    const PADDING: u64 = 96 << 20;
    let desk = Desk::new();
    let (bytes, clusters) = unsized_webm();
    let void = [&[0xec][..], &(PADDING | 1 << 56).to_be_bytes()].concat();
    for (name, length) in [("whole.webm", bytes.len()), ("cut.webm", bytes.len() * 60 / 100)] {
        let path = desk.write(name, [&bytes[..clusters], &void].concat());
        let file = std::fs::File::options().write(true).open(path).unwrap();
        let place = (clusters + void.len()) as u64 + PADDING;
        file.write_all_at(&bytes[clusters..length], place).unwrap();
    }
    ends_before_its_duration(&desk);
}

#[test]
fn unknown_completeness_is_said_to_people_too() {
    let desk = Desk::new();
    let ocean = common::fixture("npm-vide-ocean.mp4");
    desk.ffmpeg(&["-i", ocean.to_str().unwrap(), "-c", "copy", "film.ts"]);
    let text = desk.greenlit(&["check", "film.ts"]).stdout;
    assert!(text.contains("of unknown completeness"), "{text}");
    desk.put("npm-vide-ocean.mp4", "film.mp4");
    let text = desk.greenlit(&["check", "film.mp4"]).stdout;
    assert!(!text.contains("unknown completeness"), "{text}");
}

/// A few of each kind, none of them large.
fn varied(corpus: &Path) -> Vec<std::path::PathBuf> {
    const EACH: usize = 3;
    const MAX_BYTES: u64 = 2 << 20;
    let report = Desk::new().greenlit(&["check", corpus.to_str().unwrap(), "--format", "json"]).json();
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
    assert!(kinds.len() >= 6, "not varied: {kinds:?}");
    chosen
}

#[test]
fn no_cut_file_of_the_corpus_is_taken_for_whole() {
    let Some(corpus) = corpus() else {
        eprintln!("skipped: GREENLIT_CORPUS names no corpus");
        return;
    };
    let desk = Desk::new();
    let chosen = varied(&corpus);
    for (number, path) in chosen.iter().enumerate() {
        for percent in CUTS {
            cut(&desk, path, percent, &format!("{number}/{}", cut_name(path, percent)));
        }
    }
    let report = desk.greenlit(&["check", ".", "--format", "json"]).expect(1).json();
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
fn a_cut_picture_is_found_and_lacks_no_second() {
    let desk = Desk::new();
    let mut names = Vec::new();
    for kind in ["png", "jpg"] {
        let whole = desk.path(&format!("whole.{kind}"));
        let source = ["-f", "lavfi", "-i", "testsrc2=s=720x1280", "-frames:v", "1", "-update", "1"];
        desk.ffmpeg(&[&source[..], &[whole.to_str().unwrap()]].concat());
        for percent in CUTS {
            let name = cut_name(&whole, percent);
            cut(&desk, &whole, percent, &name);
            names.push(name);
        }
    }
    let whole = ["whole.png", "whole.jpg"];
    let mut args = vec!["check", "--format", "json"];
    args.extend(whole.iter().copied().chain(names.iter().map(String::as_str)));
    let report = desk.greenlit(&args).expect(1).json();
    for name in whole {
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
