//! Facts through the real worker are those of ffprobe.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use greenlit::job::worker::WorkerPool;
use greenlit::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner};
use greenlit::model::MediaFacts;

fn pool() -> WorkerPool {
    WorkerPool::with_program(1, env!("CARGO_BIN_EXE_greenlit-worker").into())
}

fn probe(pool: &WorkerPool, input: File, name: &str) -> Result<MediaFacts, JobError> {
    probe_to(pool, input, name, ProbeDepth::Auto)
}

fn probe_to(pool: &WorkerPool, input: File, name: &str, depth: ProbeDepth) -> Result<MediaFacts, JobError> {
    let job = Job::Probe { depth };
    let files = JobFiles { input, output: None };
    let request = JobRequest { job, files, name: name.into(), cancel: Default::default() };
    match pool.run(request, &mut |_| {})? {
        JobOutput::Probed(facts) => Ok(*facts),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fixtures_read_as_ffprobe_reads_them() {
    let pool = pool();
    for entry in std::fs::read_dir("fixtures").unwrap() {
        let path = entry.unwrap().path();
        let at = path.display();
        if path.extension().is_some_and(|e| e == "tsv" || e == "md") {
            continue;
        }
        let facts = probe(&pool, File::open(&path).unwrap(), &path.to_string_lossy()).unwrap();
        let args = ["-v", "quiet", "-of", "json", "-show_streams", "-show_format"];
        let output = Command::new("ffprobe").args(args).arg(&path).output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for video in &facts.video {
            let theirs = &json["streams"][video.index as usize];
            let text = |key: &str| theirs[key].as_str().map(str::to_owned);
            assert_eq!(video.codec, text("codec_name"), "{at}");
            assert_eq!(video.pixel_format, text("pix_fmt"), "{at}");
            assert_eq!(video.width.map(u64::from), theirs["width"].as_u64(), "{at}");
            assert_eq!(video.height.map(u64::from), theirs["height"].as_u64(), "{at}");
            assert_eq!(video.frame_rate, text("avg_frame_rate").and_then(|r| r.parse().ok()), "{at}");
            assert_eq!(video.color.transfer, text("color_transfer"), "{at}");
            let angle = theirs["side_data_list"][0]["rotation"].as_i64().unwrap_or(0);
            assert_eq!(i64::from(video.rotation.degrees()), (-angle).rem_euclid(360), "{at}");
        }
        let duration: Option<f64> = json["format"]["duration"].as_str().and_then(|d| d.parse().ok());
        assert_eq!(facts.duration_s, duration, "{at}");
    }
}

#[test]
fn a_cut_film_lacks_data_and_a_playlist_opens_nothing() {
    let pool = pool();
    let whole = std::fs::read("fixtures/npm-vide-ocean.mp4").unwrap();
    let mut cut = tempfile::tempfile().unwrap();
    cut.write_all(&whole[..whole.len() * 6 / 10]).unwrap();
    let error = probe(&pool, cut, "cut.mp4").unwrap_err();
    assert!(matches!(&error, JobError::Cut(why) if why.contains("the index (`moov`) is missing")), "{error}");
    let mut list = tempfile::tempfile().unwrap();
    writeln!(list, "ffconcat version 1.0\nfile fixtures/npm-vide-ocean.mp4").unwrap();
    assert!(matches!(probe(&pool, list, "list.mp4"), Err(JobError::Unreadable(_))));
}

/// Names of the compared columns of the corpus list, and their places.
const COLUMNS: [(&str, usize); 12] = [
    ("codec", 6),
    ("pixel format", 7),
    ("width", 8),
    ("height", 9),
    ("rotation", 10),
    ("sample aspect ratio", 11),
    ("frame rate", 12),
    ("duration", 13),
    ("sound codec", 14),
    ("channels", 15),
    ("sample rate", 16),
    ("transfer", 17),
];

/// The same columns from facts.
fn columns(facts: &MediaFacts) -> [Option<String>; 12] {
    fn show<T: ToString>(value: Option<T>) -> Option<String> {
        value.map(|value| value.to_string())
    }
    let (video, audio) = (facts.main_video(), facts.audio.first());
    [
        video.and_then(|v| v.codec.clone()),
        video.and_then(|v| v.pixel_format.clone()),
        show(video.and_then(|v| v.width)),
        show(video.and_then(|v| v.height)),
        show(video.map(|v| v.rotation.degrees()).filter(|turn| *turn != 0)),
        show(video.and_then(|v| v.sample_aspect_ratio).map(|r| format!("{}:{}", r.num(), r.den()))),
        show(video.and_then(|v| v.frame_rate).map(|r| format!("{}/{}", r.num(), r.den()))),
        show(facts.duration_s.map(|s| format!("{s:.6}"))),
        audio.and_then(|a| a.codec.clone()),
        show(audio.and_then(|a| a.channels)),
        show(audio.and_then(|a| a.sample_rate)),
        video.and_then(|v| v.color.transfer.clone()),
    ]
}

/// A listed value in the form of [`columns`]; ffprobe writes what it does not know in many ways.
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
fn corpus_reads_as_listed() {
    let Some(root) = std::env::var_os("GREENLIT_CORPUS") else {
        println!("skipped: GREENLIT_CORPUS is not set");
        return;
    };
    let pool = pool();
    let list = std::fs::read_to_string(Path::new(&root).join("manifest.tsv")).unwrap();
    let (mut compared, mut unlike, mut lost) = (0_u32, 0_u32, 0);
    for row in list.lines().skip(1) {
        let c: Vec<&str> = row.split('\t').collect();
        let Ok(file) = File::open(Path::new(&root).join(c[1])) else { continue };
        let result = probe(&pool, file, c[1]);
        lost += usize::from(matches!(result, Err(JobError::WorkerLost(_))));
        if c[5] == "unreadable" {
            continue;
        }
        compared += COLUMNS.len() as u32;
        let Ok(facts) = result.inspect_err(|error| println!("{}: {error}", c[1])) else {
            unlike += COLUMNS.len() as u32;
            continue;
        };
        for ((name, place), ours) in COLUMNS.iter().zip(columns(&facts)) {
            let theirs = listed(name, c[*place]);
            if ours != theirs {
                unlike += 1;
                println!("{}: {name} is {ours:?}, listed {theirs:?}", c[1]);
            }
        }
    }
    let share = 100.0 * (1.0 - f64::from(unlike) / f64::from(compared.max(1)));
    println!("{compared} values compared, {share:.2} % equal, {lost} workers lost");
    assert_eq!(lost, 0);
    assert!(share >= 99.5, "only {share:.2} % of the facts are ffprobe's");
}

/// Facts that only a walk over all packets gives, and that the quick way may leave open.
fn without_what_only_packets_tell(mut quick: MediaFacts, mut full: MediaFacts) -> (MediaFacts, MediaFacts) {
    for (quick, full) in quick.video.iter_mut().zip(&mut full.video) {
        if quick.closed_gop.is_none() {
            full.closed_gop = None;
        }
    }
    (quick, full)
}

/// Every file that tests may read.
fn all_files() -> Vec<std::path::PathBuf> {
    let mut folders = vec![std::path::PathBuf::from("fixtures")];
    folders.extend(std::env::var_os("GREENLIT_CORPUS").map(Into::into));
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

#[test]
fn the_quick_way_finds_what_the_thorough_one_finds() {
    let pool = pool();
    let (mut compared, mut shortened) = (0, 0);
    let mut unlike = Vec::new();
    for path in all_files() {
        let name = path.to_string_lossy();
        // Two broken pictures of which FFmpeg 5.1 says something else every time, thorough or not.
        if name.ends_with("-missing-essential.avif") {
            continue;
        }
        let read = |depth| probe_to(&pool, File::open(&path).unwrap(), &name, depth);
        let (quick, full) = (read(ProbeDepth::Auto), read(ProbeDepth::Packets));
        let (Ok(quick), Ok(full)) = (&quick, &full) else {
            assert_eq!(quick.is_ok(), full.is_ok(), "{name}");
            continue;
        };
        compared += 1;
        let open_ends = |facts: &MediaFacts| facts.video.iter().filter(|v| v.closed_gop.is_none()).count();
        shortened += usize::from(open_ends(quick) > open_ends(full));
        let (quick, full) = without_what_only_packets_tell(quick.clone(), full.clone());
        let lines = |facts| serde_json::to_string_pretty::<MediaFacts>(facts).unwrap();
        let (quick, full) = (lines(&quick), lines(&full));
        if quick != full {
            let pairs = quick.lines().zip(full.lines()).filter(|(quick, full)| quick != full);
            unlike.push(format!("{name}: {:?}", pairs.collect::<Vec<_>>()));
        }
    }
    println!("{compared} files compared, {shortened} of them read the short way");
    assert!(compared > 10 && shortened > 0);
    assert!(unlike.is_empty(), "{} of {compared}:\n{}", unlike.len(), unlike.join("\n"));
}
