//! Tests of the fix.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::job::in_process::InProcessRunner;
use crate::job::{Job, JobError, JobOutput, JobRequest, Progress, WorkerInfo};
use crate::pipeline::events::Silent;
use crate::plan::{VideoEncoder, example};

/// A runner whose verification fails every copied video stream.
struct FailingCopies(InProcessRunner);

impl Runner for FailingCopies {
    fn run(&self, request: JobRequest, on_progress: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError> {
        let copies = |spec: &crate::plan::OutputSpec| matches!(spec.video, Some(VideoPlan::Copy { .. }));
        let copied = matches!(&request.job, Job::Fix { specs, .. } if specs.iter().any(copies));
        let mut output = self.0.run(request, on_progress)?;
        if let (true, JobOutput::Fixed { results }) = (copied, &mut output) {
            results
                .iter_mut()
                .flatten()
                .for_each(|report| report.verify.failures.push("timestamps differ".into()));
        }
        Ok(output)
    }

    fn width(&self) -> usize {
        1
    }

    fn describe(&self) -> Result<WorkerInfo, JobError> {
        self.0.describe()
    }
}

#[test]
fn re_encodes_a_copy_that_fails_verification_and_reuses_the_output() {
    let dir = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    // Its index is at the end of the file.
    let path = dir.path().join("video.mov");
    std::fs::copy(fixtures.join("npm-vide-ocean.mp4"), &path).unwrap();
    let sources = [SourceFile { path, relative: "video.mov".into(), named: true }];
    let text = "id = \"house\"\nextends = \"tiktok-ads\"\n[rule.container]\nallow = [\"mp4\"]\n\
                [rule.extension]\nallow = [\"mp4\"]\n[rule.metadata-privacy]\nseverity = \"error\"\n";
    let profiles = [Profile::parse(text, &Profile::builtin).unwrap()];
    let settings = FixSettings {
        options: FixOptions { upscale: true, ..FixOptions::default() },
        machine: Machine { cores: 2 },
        memory_bytes: 1 << 32,
        verify: VerifyLevel::Structure,
        out: Some(dir.path().join("out")),
        layout: OutputLayout::Mirror,
    };
    let fix_record = FixRecord::open(&dir.path().join("fix.jsonl")).unwrap();
    let fixed = || {
        let (runner, cancel) = (FailingCopies(InProcessRunner::new(1)), Arc::default());
        let options = CheckOptions::default();
        let all = fix(
            &sources,
            &profiles,
            &options,
            &settings,
            Some(&fix_record),
            &runner,
            &Silent,
            &cancel,
            &|_| {},
        );
        all.into_iter().next().unwrap().fix.unwrap()
    };
    let first = fixed();
    assert!(first.failure.is_none(), "{:?}", first.failure);
    assert_eq!((first.plan.action, first.reused), (Action::Reencode, false));
    assert!(first.plan.reason.unwrap().contains("the stream copy failed verification: timestamps differ"));
    let again = fixed();
    assert_eq!((again.plan.action, again.reused), (Action::Reencode, true));
}

#[test]
fn the_plan_text_depends_on_the_encoder() {
    let text = |encoder| {
        let encode = crate::plan::VideoEncode { encoder, ..example::video_encode(640, 360, 30) };
        let spec = example::output(VideoPlan::Encode(Box::new(encode)), None);
        let plan = FixPlan {
            action: Action::Reencode,
            spec: Some(Box::new(spec)),
            steps: Vec::new(),
            dropped: Vec::new(),
            added: Vec::new(),
            reason: None,
            refusal: None,
            needs: Vec::new(),
            output_extension: None,
            max_name_chars: None,
        };
        plan_text(&plan, VerifyLevel::Full)
    };
    assert_ne!(text(VideoEncoder::X264), text(VideoEncoder::Nvenc));
    assert_eq!(text(VideoEncoder::Nvenc), text(VideoEncoder::Nvenc));
}
