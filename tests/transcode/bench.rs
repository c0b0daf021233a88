//! Test helpers: sources from FFmpeg's generators, outputs, and their inspection with FFmpeg's tools.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use greenlit::execute;
use greenlit::job::{DecodeScope, FixReport, Job, JobError, JobFiles, JobOutput, VerifyLevel, VerifyReport};
use greenlit::plan::example;
use greenlit::plan::*;

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
        self.fix_at(VerifyLevel::Full, input, spec, Arc::default())
    }

    /// Writes the output and verifies it with the jobs of a fix.
    pub(crate) fn fix_at(
        &self,
        verify: VerifyLevel,
        input: &Path,
        spec: &OutputSpec,
        cancel: Arc<AtomicBool>,
    ) -> Result<FixReport, JobError> {
        let run = |job: Job, input: &Path, outputs| {
            let files = JobFiles { input: File::open(input).unwrap(), outputs };
            execute::execute(&job, files, "in", Arc::clone(&cancel), &mut |_| {})
        };
        let fix = Job::Fix { specs: vec![spec.clone()], verify };
        let JobOutput::Fixed { mut results } = run(fix, input, vec![self.create()])? else { unreachable!() };
        let mut report = results.remove(0)?;
        if verify != VerifyLevel::Full {
            return Ok(report);
        }
        let proof = run(Job::Proof { decode: DecodeScope::of(spec) }, &self.path(), Vec::new())?;
        let JobOutput::Proved(proof) = proof else { unreachable!() };
        report.verify.add_failures_at_start(proof.failures);
        let source = run(Job::DecodeStreams { streams: spec.copied_streams() }, input, Vec::new())?;
        let JobOutput::Decoded(source) = source else { unreachable!() };
        report.verify.add_decoded_copies(proof.decoded, Some(source.damage));
        Ok(report)
    }

    /// Writes the output and fails unless verification and a full decode succeed.
    pub(crate) fn fix_and_verify(&self, input: &Path, spec: &OutputSpec) -> VerifyReport {
        let report = self.fix(input, spec).unwrap().verify;
        assert!(report.failures.is_empty(), "{:?}", report);
        assert_eq!(decode_errors(&self.path()), "");
        report
    }
}
