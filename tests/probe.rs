//! Compares the facts from the real worker with those of ffprobe.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use greenlit::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner};
use greenlit::model::{Codec, HdrKind, MediaFacts, Rational};
use greenlit::worker::WorkerPool;

fn pool() -> WorkerPool {
    WorkerPool::with_program(1, env!("CARGO_BIN_EXE_greenlit-worker").into())
}

fn probe(pool: &WorkerPool, input: File, name: &str) -> Result<MediaFacts, JobError> {
    probe_to(pool, input, name, ProbeDepth::Auto)
}

fn probe_to(pool: &WorkerPool, input: File, name: &str, depth: ProbeDepth) -> Result<MediaFacts, JobError> {
    let job = Job::Probe { depth };
    let files = JobFiles { input, outputs: Vec::new() };
    let request =
        JobRequest { job, files, name: name.into(), cancel: Default::default(), time: Default::default() };
    match pool.run(request, &mut |_| {})? {
        JobOutput::Probed(facts) => Ok(*facts),
        other => panic!("{other:?}"),
    }
}

#[test]
fn facts_of_fixtures_agree_with_ffprobe() {
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
            assert_eq!(video.codec.as_ref().map(Codec::name), theirs["codec_name"].as_str(), "{at}");
            assert_eq!(video.pixel_format, text("pix_fmt"), "{at}");
            assert_eq!(video.width.map(u64::from), theirs["width"].as_u64(), "{at}");
            assert_eq!(video.height.map(u64::from), theirs["height"].as_u64(), "{at}");
            assert_eq!(video.frame_rate, text("avg_frame_rate").and_then(|r| r.parse().ok()), "{at}");
            assert_eq!(video.color.transfer, text("color_transfer"), "{at}");
            let angle = theirs["side_data_list"][0]["rotation"].as_i64().unwrap_or(0);
            assert_eq!(i64::from(video.rotation.degrees()), (-angle).rem_euclid(360), "{at}");
        }
        let duration: Option<f64> = json["format"]["duration"].as_str().and_then(|d| d.parse().ok());
        // From version 7 on, FFmpeg computes the duration of an ISO file, and the facts have the declared one.
        let tolerance_s = if cfg!(ffmpeg_7_0) { 0.05 } else { 0.0 };
        let differs = |(ours, theirs): (f64, f64)| (ours - theirs).abs() > tolerance_s;
        assert_eq!(facts.duration_s.is_some(), duration.is_some(), "{at}");
        assert!(
            !facts.duration_s.zip(duration).is_some_and(differs),
            "{at}: {:?} {duration:?}",
            facts.duration_s
        );
    }
}

#[test]
fn detects_a_truncated_video_and_refuses_a_playlist() {
    let pool = pool();
    let complete = std::fs::read("fixtures/npm-vide-ocean.mp4").unwrap();
    let mut truncated = tempfile::tempfile().unwrap();
    truncated.write_all(&complete[..complete.len() * 6 / 10]).unwrap();
    let error = probe(&pool, truncated, "truncated.mp4").unwrap_err();
    assert!(
        matches!(&error, JobError::Truncated(why) if why.contains("the index (`moov`) is missing")),
        "{error}"
    );
    let mut list = tempfile::tempfile().unwrap();
    writeln!(list, "ffconcat version 1.0\nfile fixtures/npm-vide-ocean.mp4").unwrap();
    assert!(matches!(probe(&pool, list, "list.mp4"), Err(JobError::Unreadable(_))));
}

/// Creates a short video with FFmpeg.
fn create_video(name: &str, arguments: &[&str]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let source = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=128x128:r=25:d=0.4"];
    let status = Command::new("ffmpeg").args(source).args(arguments).arg(&path).status().unwrap();
    assert!(status.success(), "{name}");
    (folder, path)
}

#[test]
fn light_levels_in_the_stream_make_a_pq_video_hdr10() {
    let pool = pool();
    let pq = "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc";
    let light = "master-display=G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(40000000,50)";
    for (name, parameters, kind) in [
        ("dark.mp4", pq.to_owned(), HdrKind::Pq),
        ("light.mp4", format!("{pq}:{light}:max-cll=1000,400"), HdrKind::Hdr10),
        ("light.mkv", format!("{pq}:{light}:max-cll=1000,400"), HdrKind::Hdr10),
    ] {
        let arguments = ["-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-x265-params", &parameters];
        let (_folder, path) = create_video(name, &arguments);
        let facts = probe(&pool, File::open(&path).unwrap(), name).unwrap();
        assert_eq!(facts.video[0].hdr.as_ref().map(|hdr| hdr.kind), Some(kind), "{name}");
    }
}

#[test]
fn reads_stream_durations_from_matroska_tags() {
    let pool = pool();
    let (_folder, path) = create_video("tags.mkv", &["-c:v", "mpeg4"]);
    let facts = probe(&pool, File::open(&path).unwrap(), "tags.mkv").unwrap();
    assert_eq!(facts.video[0].duration_s, Some(0.4));
}

#[test]
fn measures_the_frame_rate_of_a_transport_stream_without_a_declared_one() {
    let pool = pool();
    let (_folder, path) = create_video("rate.ts", &["-c:v", "mpeg4"]);
    let facts = probe(&pool, File::open(&path).unwrap(), "rate.ts").unwrap();
    assert_eq!(facts.video[0].frame_rate, Rational::new(25, 1));
}

/// Concatenates two videos of different sizes in `folder` to the file `name`.
fn concatenate(folder: &Path, encoder: &str, tag: &[&str], name: &str) {
    let ffmpeg = |args: &[&str]| {
        let run = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(args).current_dir(folder).output();
        let run = run.unwrap();
        assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
    };
    for (part, size) in [("one.ts", "320x240"), ("two.ts", "160x120")] {
        let source = format!("testsrc=s={size}:d=1:r=10");
        ffmpeg(&["-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p", "-c:v", encoder, "-g", "5", part]);
    }
    ffmpeg(&[&["-i", "concat:one.ts|two.ts", "-c", "copy"], tag, &[name]].concat());
}

#[test]
fn detects_a_frame_size_change_without_a_header_that_declares_it() {
    let pool = pool();
    let folder = tempfile::tempdir().unwrap();
    let changes = |name: &str| {
        let facts = probe(&pool, File::open(folder.path().join(name)).unwrap(), name).unwrap();
        facts.video[0].parameter_changes
    };
    let cases: [(&str, &[&str], &str); 5] = [
        ("libx264", &[], "both.ts"),
        ("libx264", &[], "both.mkv"),
        ("libx264", &["-bsf:v", "h264_mp4toannexb"], "both.h264"),
        ("libx265", &[], "five.ts"),
        ("libx265", &["-tag:v", "hev1"], "five.mp4"),
    ];
    for (encoder, tag, name) in cases {
        concatenate(folder.path(), encoder, tag, name);
        assert_eq!(changes(name), Some(1), "{name}");
        assert_eq!(changes("one.ts"), Some(0), "{name}");
    }
}
