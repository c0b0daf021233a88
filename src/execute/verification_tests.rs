//! Tests the verification of an output with errors before and after the encoder.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use crate::job::{JobError, Progress, SimilarityMetric, VerifyLevel, VerifyReport};
use crate::libav::frame::Frame;
use crate::libav::packet::Packet;
use crate::libav::sample::Sample;
use crate::libav::stream_kind::StreamKind;
use crate::libav::verify_tap::{OutputStart, Unverified, Verifier, VerifyTap, WrittenOutput};
use crate::model::{Flip, Rotation};
use crate::plan::{AudioPlan, CropMargins, OutputSpec, VideoEncode, VideoPlan, VideoTags, example};
use crate::transcode::libav::{FixSource, fix_together};
use crate::verify::libav::Verification;

fn video() -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/npm-vide-ocean.mp4");
    File::open(path).unwrap()
}

fn plan(change: impl FnOnce(&mut VideoEncode)) -> OutputSpec {
    let mut video = example::video_encode(320, 180, 24);
    change(&mut video);
    let audio = Some(example::audio_encode(1));
    OutputSpec {
        trim_to_s: Some(3.0),
        expected_duration_s: Some(3.0),
        ..example::output(VideoPlan::Encode(Box::new(video)), audio)
    }
}

fn copies() -> OutputSpec {
    let video = VideoPlan::Copy { stream: 0, tags: VideoTags::default() };
    example::output(video, Some(AudioPlan::Copy { stream: 1 }))
}

/// Writes an output by a plan.
fn write(output: &File, spec: &OutputSpec, verifier: &dyn Verifier) -> VerifyReport {
    let source = FixSource { input: &video(), name: "in", verifier, cancel: &Arc::default() };
    let output = output.try_clone().unwrap();
    let results = fix_together(source, vec![output], std::slice::from_ref(spec), &mut |_| {}).unwrap();
    results.into_iter().next().unwrap().unwrap().verify
}

/// Replaces an output by one that another plan makes.
fn write_into(output: &File, spec: &OutputSpec) {
    output.set_len(0).unwrap();
    write(output, spec, &Unverified);
}

/// Verifies an output against another plan than its own, after the file was changed.
struct WithErrors {
    expected: OutputSpec,
    change: Arc<dyn Fn(&File) + Send + Sync>,
}

struct TapWithErrors {
    tap: Box<dyn VerifyTap>,
    expected: OutputSpec,
    change: Arc<dyn Fn(&File) + Send + Sync>,
}

impl Verifier for WithErrors {
    fn tap(&self, start: OutputStart<'_>) -> Result<Box<dyn VerifyTap>, JobError> {
        let start = OutputStart { spec: &self.expected, ..start };
        let tap = Verification { level: VerifyLevel::Full }.tap(start)?;
        let (expected, change) = (self.expected.clone(), Arc::clone(&self.change));
        Ok(Box::new(TapWithErrors { tap, expected, change }))
    }
}

impl VerifyTap for TapWithErrors {
    fn samples_every(&self) -> Option<u64> {
        self.tap.samples_every()
    }

    fn sample(&mut self, sample: Sample) {
        self.tap.sample(sample);
    }

    fn frame(&mut self, frame: &Frame, ticks: u64) -> Result<(), JobError> {
        self.tap.frame(frame, ticks)
    }

    fn audio(&mut self, frame: &Frame) -> Result<(), JobError> {
        self.tap.audio(frame)
    }

    fn encoded(&mut self, kind: StreamKind, packet: &Packet) -> Result<(), JobError> {
        self.tap.encoded(kind, packet)
    }

    fn copied(&mut self, kind: StreamKind, packet: &Packet) {
        self.tap.copied(kind, packet);
    }

    fn verify(
        self: Box<Self>,
        output: WrittenOutput<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<VerifyReport, JobError> {
        (self.change)(output.output);
        self.tap.verify(WrittenOutput { spec: &self.expected, ..output }, progress)
    }
}

/// Writes an output by one plan, changes the file, and verifies it against another plan.
fn write_and_verify(
    written: &OutputSpec,
    expected: &OutputSpec,
    change: impl Fn(&File) + Send + Sync + 'static,
) -> VerifyReport {
    let verifier = WithErrors { expected: expected.clone(), change: Arc::new(change) };
    write(&tempfile::tempfile().unwrap(), written, &verifier)
}

fn assert_failure_contains(report: &VerifyReport, message: &str) {
    assert!(
        report.failures.iter().any(|failure| failure.message.contains(message)),
        "{message}: {:?}",
        report.failures
    );
}

#[test]
fn detects_a_wrong_rotation_flip_or_crop() {
    let correct = plan(|_| {});
    let report = write_and_verify(&correct, &correct, |_| {});
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert!(
        report
            .similarity
            .is_some_and(|found| found.metric == SimilarityMetric::Ssimulacra2 && found.mean > 50.0)
    );
    let zoomed = CropMargins { left: 240, top: 136, right: 240, bottom: 136 };
    let wrong: [fn(&mut VideoEncode); 4] = [
        |plan| plan.rotate = Rotation::Half,
        |plan| plan.flip = Some(Flip::Horizontal),
        |plan| plan.flip = Some(Flip::Vertical),
        |plan| plan.rotate = Rotation::Quarter,
    ];
    for change in wrong {
        assert_failure_contains(
            &write_and_verify(&plan(change), &correct, |_| {}),
            "does not match an independent render of the plan",
        );
    }
    assert_failure_contains(
        &write_and_verify(&plan(|plan| plan.crop = Some(zoomed)), &correct, |_| {}),
        "does not match an independent render of the plan",
    );
}

#[test]
fn detects_a_file_that_differs_from_the_encoded_packets() {
    let correct = plan(|_| {});
    let middle = |file: &File| file.metadata().unwrap().len() / 2;
    let flip_bit = move |file: &File| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, middle(file)).unwrap();
        file.write_all_at(&[byte[0] ^ 1], middle(file)).unwrap();
    };
    assert_failure_contains(
        &write_and_verify(&correct, &correct, flip_bit),
        "is not identical to the encoder's packets",
    );
    let truncate = move |file: &File| file.set_len(middle(file)).unwrap();
    assert_failure_contains(&write_and_verify(&correct, &correct, truncate), "packets, expected");
    let replace = |file: &File| write_into(file, &plan(|plan| plan.rate.crf = 30.0));
    assert_failure_contains(
        &write_and_verify(&correct, &correct, replace),
        "is not identical to the encoder's packets",
    );
    let short = OutputSpec { trim_to_s: Some(1.2), ..correct.clone() };
    let shorten = move |file: &File| write_into(file, &short);
    assert_failure_contains(&write_and_verify(&correct, &correct, shorten), "the output lasts");
    let mute = OutputSpec { audio: None, ..correct.clone() };
    let silence = move |file: &File| write_into(file, &mute);
    assert_failure_contains(&write_and_verify(&correct, &correct, silence), "no audio");
}

#[test]
fn detects_a_copy_that_differs_from_the_packets_of_the_source() {
    let copy = copies();
    let report = write_and_verify(&copy, &copy, |_| {});
    assert!(report.failures.is_empty() && report.equal_streams == [0, 1], "{report:?}");
    let shorten = |file: &File| write_into(file, &OutputSpec { trim_to_s: Some(3.0), ..copies() });
    assert_failure_contains(&write_and_verify(&copy, &copy, shorten), "packets, expected");
    let frames = |file: &File| {
        let encode = VideoPlan::Encode(Box::new(example::video_encode(320, 180, 24)));
        write_into(file, &OutputSpec { video: Some(encode), ..copies() });
    };
    assert_failure_contains(&write_and_verify(&copy, &copy, frames), "of the output");
}
