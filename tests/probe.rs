//! Facts through the real worker are those of ffprobe.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use greenlit::job::worker::WorkerPool;
use greenlit::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner};
use greenlit::model::{Completeness, MediaFacts};

fn pool() -> WorkerPool {
    WorkerPool::with_program(1, env!("CARGO_BIN_EXE_greenlit-worker").into())
}

fn probe(pool: &WorkerPool, input: File, name: &str) -> Result<MediaFacts, JobError> {
    let job = Job::Probe { depth: ProbeDepth::Auto };
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
        if path.extension().is_some_and(|e| e == "tsv") {
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
    match probe(&pool, cut, "cut.mp4") {
        Ok(facts) => assert!(matches!(facts.completeness, Completeness::Missing { .. })),
        Err(error) => assert!(matches!(error, JobError::Unreadable(_)), "{error}"),
    }
    let mut list = tempfile::tempfile().unwrap();
    writeln!(list, "ffconcat version 1.0\nfile fixtures/npm-vide-ocean.mp4").unwrap();
    assert!(matches!(probe(&pool, list, "list.mp4"), Err(JobError::Unreadable(_))));
}

#[test]
fn corpus_reads_as_listed() {
    let Some(root) = std::env::var_os("GREENLIT_CORPUS") else {
        println!("skipped: GREENLIT_CORPUS is not set");
        return;
    };
    let pool = pool();
    let list = std::fs::read_to_string(Path::new(&root).join("manifest.tsv")).unwrap();
    let (mut rows, mut wrong, mut lost) = (0, 0, 0);
    for row in list.lines().skip(1) {
        let c: Vec<&str> = row.split('\t').collect();
        let Ok(file) = File::open(Path::new(&root).join(c[1])) else { continue };
        rows += 1;
        let result = probe(&pool, file, c[1]);
        lost += usize::from(matches!(result, Err(JobError::WorkerLost(_))));
        let Some(facts) = result.as_ref().ok().filter(|_| c[5] != "unreadable") else {
            wrong += usize::from(c[5] != "unreadable");
            println!("{}: {:?} (listed {})", c[1], result.err(), c[5]);
            continue;
        };
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        let video = facts.main_video();
        let ours = [
            text(video.and_then(|v| v.codec.clone())),
            text(video.and_then(|v| v.pixel_format.clone())),
            text(video.and_then(|v| v.width).map(|n| n.to_string())),
            text(video.and_then(|v| v.height).map(|n| n.to_string())),
            text(facts.audio.first().and_then(|a| a.codec.clone())),
        ];
        if ours != [c[6], c[7], c[8], c[9], c[14]] {
            wrong += 1;
            println!("{}: {ours:?} listed {:?}", c[1], &c[6..15]);
        }
    }
    println!("{rows} files, {wrong} differ, {lost} workers lost");
    assert_eq!(lost, 0);
}
