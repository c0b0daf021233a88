//! Test helpers: sources from FFmpeg's generators, outputs, and their inspection with FFmpeg's tools.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use greenlit::job::{FixReport, JobError, VerifyLevel, VerifyReport};
use greenlit::model::MediaFacts;
use greenlit::plan::example;
use greenlit::plan::*;
use greenlit::transcode::libav::{FixSource, fix};

/// Runs a tool of FFmpeg and returns what it printed.
pub(crate) fn run_tool(program: &str, args: &[&str]) -> String {
    let out = Command::new(program).args(args).output().unwrap();
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Generates a small media file.
pub(crate) fn media(dir: &Path, name: &str, args: &str) -> PathBuf {
    let path = dir.join(name);
    let mut all = vec!["-v", "error", "-y"];
    all.extend(args.split(' '));
    all.push(path.to_str().unwrap());
    run_tool("ffmpeg", &all);
    path
}

/// Returns entries that ffprobe prints for the streams selected by `stream`.
pub(crate) fn ffprobe_entries(path: &Path, entries: &str, stream: &str) -> String {
    let path = path.to_str().unwrap();
    run_tool(
        "ffprobe",
        &["-v", "error", "-select_streams", stream, "-show_entries", entries, "-of", "csv=p=0", path],
    )
    .trim()
    .trim_end_matches(',')
    .to_owned()
}

/// Decodes a file and returns the error messages.
pub(crate) fn decode_errors(path: &Path) -> String {
    let args = ["-v", "error", "-xerror", "-i", path.to_str().unwrap(), "-f", "null", "-"];
    let out = Command::new("ffmpeg").args(args).output().unwrap();
    String::from_utf8_lossy(&out.stderr).into_owned()
}

pub(crate) fn encode(width: u32, height: u32, rate: u32) -> VideoEncode {
    let rates =
        RateControl { crf: 18.0, max_bit_rate: Some(8_000_000), buffer_bits: None, min_bit_rate: None };
    VideoEncode { rate: rates, ..example::video_encode(width, height, rate) }
}

pub(crate) fn encoded(plan: VideoEncode, audio: Option<AudioPlan>) -> OutputSpec {
    example::output(VideoPlan::Encode(Box::new(plan)), audio)
}

pub(crate) fn copied(audio: Option<AudioPlan>) -> OutputSpec {
    example::output(VideoPlan::Copy { stream: 0, tags: VideoTags::default() }, audio)
}

/// An output in a temporary directory.
pub(crate) struct TestOutput {
    pub(crate) dir: tempfile::TempDir,
}

impl TestOutput {
    pub(crate) fn new() -> TestOutput {
        TestOutput { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("out.mp4")
    }

    pub(crate) fn create(&self) -> File {
        File::options().read(true).write(true).create(true).truncate(true).open(self.path()).unwrap()
    }

    pub(crate) fn fix(&self, input: &Path, spec: &OutputSpec) -> Result<FixReport, JobError> {
        let probe = |_: File, _: &str| Ok(MediaFacts::default());
        let cancel = Arc::new(AtomicBool::new(false));
        let input = File::open(input).unwrap();
        let source = FixSource {
            input: &input,
            name: "in",
            verify: VerifyLevel::Full,
            cancel: &cancel,
            probe: &probe,
        };
        fix(source, self.create(), spec, &mut |_| {})
    }

    /// Writes the output and fails unless verification and a full decode succeed.
    pub(crate) fn fix_and_verify(&self, input: &Path, spec: &OutputSpec) -> VerifyReport {
        let report = self.fix(input, spec).unwrap().verify;
        assert!(report.failures.is_empty(), "{:?}", report);
        assert_eq!(decode_errors(&self.path()), "");
        report
    }
}
