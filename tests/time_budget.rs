//! Small files that declare much cost little: time limits, budgets of processor time, and files that are not decoded
//! because their headers already refuse them.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::{TestDir, entry, errors};
use greenlit::job::{
    FileClock, Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner, TimeBudget,
};
use greenlit::worker::{WorkerPool, WorkerTimeouts};

const WORKER: &str = env!("CARGO_BIN_EXE_greenlit-worker");
const CLIP: &str = "npm-vide-ocean.mp4";

/// Returns a GIF whose frames change nothing: 23 bytes each, whatever their size.
fn still_gif(side: u16, frames: usize) -> Vec<u8> {
    let mut gif = b"GIF89a".to_vec();
    gif.extend(side.to_le_bytes());
    gif.extend(side.to_le_bytes());
    gif.extend([0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
    for _ in 0..frames {
        gif.extend([0x21, 0xf9, 4, 4, 10, 0, 0, 0]);
        gif.extend([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]);
    }
    gif.push(0x3b);
    gif
}

fn request(job: Job, input: &Path, time: TimeBudget) -> JobRequest {
    let files = JobFiles { input: File::open(input).unwrap(), outputs: Vec::new() };
    JobRequest { job, files, name: input.display().to_string(), cancel: Arc::default(), time }
}

fn clock(limit: Duration) -> TimeBudget {
    TimeBudget { processor: None, clock: Some(Arc::new(FileClock::new(limit))) }
}

#[test]
fn a_job_that_uses_up_its_processor_time_ends_as_that_and_the_pool_goes_on() {
    let dir = TestDir::new();
    let gif = dir.write("much.gif", still_gif(3000, 400));
    let pool = WorkerPool::with_timeouts(1, WORKER.into(), WorkerTimeouts::default());
    let time = TimeBudget { processor: Some(Duration::from_secs(1)), clock: None };
    match pool.run(request(Job::Deep, &gif, time), &mut |_| {}) {
        Err(JobError::ProcessorTime(text)) => {
            assert!(text.contains("1 s") && text.contains("--time-limit"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    let probe = Job::Probe { depth: ProbeDepth::Auto };
    let probed = pool.run(request(probe, &gif, TimeBudget::default()), &mut |_| {});
    assert!(matches!(probed, Ok(JobOutput::Probed(_))), "{probed:?}");
}

#[test]
fn a_time_limit_ends_a_job_and_every_later_one_of_its_file() {
    let dir = TestDir::new();
    let gif = dir.write("much.gif", still_gif(3000, 400));
    let clip = dir.put(CLIP, "clip.mp4");
    let pool = WorkerPool::with_timeouts(1, WORKER.into(), WorkerTimeouts::default());
    let time = clock(Duration::from_millis(200));
    let deep = pool.run(request(Job::Deep, &gif, time.clone()), &mut |_| {});
    assert!(matches!(&deep, Err(JobError::TimeLimit(text)) if text.contains("0.2 s")), "{deep:?}");
    assert!(time.used_up().is_some());
    let decode = pool.run(request(Job::Decode, &clip, time), &mut |_| {});
    assert!(matches!(decode, Err(JobError::TimeLimit(_))), "{decode:?}");
    let probe = Job::Probe { depth: ProbeDepth::Auto };
    let probed = pool.run(request(probe, &clip, clock(Duration::from_secs(600))), &mut |_| {});
    assert!(matches!(probed, Ok(JobOutput::Probed(_))), "each file has its own time: {probed:?}");
}

#[test]
fn files_that_do_not_end_within_the_time_limit_fail_and_nothing_is_published() {
    let dir = TestDir::new();
    dir.put(CLIP, "in/a.mp4");
    dir.put(CLIP, "in/b.mov");
    let check = |args: &[&str]| {
        dir.greenlit(
            &[&["check", "in", "--deep", "--no-cache", "--format", "json", "--no-progress"], args].concat(),
        )
    };
    let plain = check(&[]).json();
    let limited = check(&["--time-limit", "1h30m"]).json();
    assert_eq!(entry(&limited, "a.mp4")["findings"], entry(&plain, "a.mp4")["findings"]);
    let ended = check(&["--time-limit", "1us"]).expect(2).json();
    for name in ["a.mp4", "b.mov"] {
        let file = entry(&ended, name);
        assert_eq!(file["verdict"], "indeterminate", "{file:#}");
        assert!(file["reason"].as_str().unwrap().contains("--time-limit"), "{file:#}");
    }
    // The probes come from the cache, so that the fix itself runs out of time.
    dir.greenlit(&["check", "in", "--no-progress"]);
    let fixed = dir.greenlit(&[
        "fix",
        "in",
        "--out",
        "out",
        "--upscale",
        "--time-limit",
        "1us",
        "--format",
        "json",
        "--no-progress",
    ]);
    let report = fixed.expect(2).json();
    for name in ["a.mp4", "b.mov"] {
        assert_eq!(entry(&report, name)["fix"]["refusal"], "time-limit", "{report:#}");
    }
    let published = std::fs::read_dir(dir.path("out")).into_iter().flatten().flatten();
    let media = published.filter(|entry| {
        entry.path().extension().is_some_and(|extension| extension == "mp4" || extension == "mov")
    });
    assert_eq!(media.count(), 0);
}

#[test]
fn the_time_limit_is_a_key_of_the_configuration_and_must_be_a_time() {
    let dir = TestDir::new();
    dir.put(CLIP, "a.mp4");
    dir.write("greenlit.toml", "[check]\ntime_limit = \"1us\"\n");
    let run = dir.greenlit(&["check", "--probe", "ffmpeg", "a.mp4", "--no-cache", "--no-progress"]).expect(2);
    assert!(run.stdout.contains("--time-limit"), "{}", run.stdout);
    dir.greenlit(&[
        "check",
        "a.mp4",
        "--no-cache",
        "--no-progress",
        "--time-limit",
        "1h",
        "--format",
        "json",
    ]);
    dir.write("greenlit.toml", "[check]\ntime_limit = \"soon\"\n");
    let run = dir.greenlit(&["check", "a.mp4"]).expect(2);
    assert!(run.stderr.contains("check.time_limit") && run.stderr.contains("soon"), "{}", run.stderr);
    std::fs::remove_file(dir.path("greenlit.toml")).unwrap();
    for given in ["0s", "-5m", "soon"] {
        let run = dir.greenlit(&["check", "a.mp4", &format!("--time-limit={given}")]).expect(2);
        assert!(run.stderr.contains("--time-limit") && run.stderr.contains(given), "{}", run.stderr);
    }
}

/// 480 bytes took half a minute of processor time.
#[test]
fn a_full_decode_leaves_out_enormous_frames_of_a_file_that_its_header_refuses() {
    let dir = TestDir::new();
    dir.write("huge.gif", still_gif(8000, 20));
    dir.write("small.gif", still_gif(64, 20));
    let check = |name: &str, args: &[&str]| {
        let run = dir
            .greenlit(&[&["check", name, "--no-cache", "--format", "json", "--no-progress"], args].concat());
        entry(&run.expect(1).json(), name).clone()
    };
    let (header, deep) = (check("huge.gif", &[]), check("huge.gif", &["--deep"]));
    let reason = deep["not_decoded"].as_str().unwrap_or_else(|| panic!("{deep:#}"));
    assert!(reason.contains("8000x8000") && reason.contains("--time-limit"), "{reason}");
    assert_eq!((&deep["verdict"], errors(&deep)), (&header["verdict"], errors(&header)));
    assert_eq!(header.get("not_decoded"), None);
    let small = check("small.gif", &["--deep"]);
    assert_eq!(small.get("not_decoded"), None, "{small:#}");
    let text = dir.greenlit(&["check", "huge.gif", "--deep", "--no-cache", "--no-progress", "--verbose"]);
    assert!(text.stdout.contains("not decoded"), "{}", text.stdout);
}

/// The enumerations of the bindings have no such values; a decoder passes on what a sequence header says.
#[test]
fn a_video_with_colours_of_no_standard_goes_through_check_and_fix() {
    let dir = TestDir::new();
    dir.ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=540x960:r=30:d=1",
        "-c:v",
        "libaom-av1",
        "-usage",
        "realtime",
        "-cpu-used",
        "8",
        "-bsf:v",
        "av1_metadata=color_primaries=200:transfer_characteristics=222:matrix_coefficients=199",
        "-movflags",
        "+faststart",
        "odd.mp4",
    ]);
    let run =
        dir.greenlit(&["check", "odd.mp4", "--deep", "--no-cache", "--format", "json", "--no-progress"]);
    let report = run.expect(1).json();
    let file = entry(&report, "odd.mp4");
    assert_eq!(file["verdict"], "noncompliant", "{file:#}");
    assert!(errors(file).contains(&"video-codec") && !errors(file).contains(&"integrity"), "{file:#}");
    assert_eq!(file["media"]["video"][0]["color"]["primaries"], serde_json::Value::Null, "{file:#}");
    let fixed = dir.greenlit(&["fix", "odd.mp4", "--out", "out", "--format", "json", "--no-progress"]);
    let report = fixed.json();
    let fix = &entry(&report, "odd.mp4")["fix"];
    assert!(fix["refusal"].is_null() && fix["verified"]["verdict"] == "compliant", "{fix:#}");
}
