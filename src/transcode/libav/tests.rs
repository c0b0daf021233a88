//! Tests the inline verifier with errors before and after the encoder, and the sharing of decoders.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::FileExt;
use std::path::Path;

use super::*;
use crate::job::VerifyReport;
use crate::model::{Flip, Rotation};
use crate::plan::{CropMargins, VideoEncode, VideoPlan, example};

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
    let video = VideoPlan::Copy { stream: 0, tags: crate::plan::VideoTags::default() };
    example::output(video, Some(AudioPlan::Copy { stream: 1 }))
}

/// Writes an output by one plan without verifying it.
fn write_into(output: &File, spec: &OutputSpec) {
    let (flush, _) = sync_channel(1);
    let source = SourceFile { file: video(), name: "in", decoder: None };
    output.set_len(0).unwrap();
    write(source, output, spec, None, &flush, Arc::default(), &mut |_| {}).unwrap();
}

/// Writes an output by one plan, changes the file, and verifies it against another plan.
fn write_and_verify(written: &OutputSpec, expected: &OutputSpec, change: impl FnOnce(&File)) -> VerifyReport {
    let output = tempfile::tempfile().unwrap();
    let (flush, _) = sync_channel(1);
    let cancel = Arc::default();
    let source = SourceFile { file: video(), name: "in", decoder: None };
    let outcome = write(source, &output, written, Some(expected), &flush, Arc::clone(&cancel), &mut |_| {});
    change(&output);
    match outcome.unwrap() {
        WriteOutcome::Verified(report) => {
            verify_tapped(*report, &video(), &output, "in", expected, &cancel, &mut |_| {})
        }
        WriteOutcome::Copied(report) => {
            verify_copies(&report, &output, expected, VerifyLevel::Full, &cancel, &mut |_| {})
        }
    }
    .unwrap()
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
        report.similarity.is_some_and(
            |found| found.metric == crate::job::SimilarityMetric::Ssimulacra2 && found.mean > 50.0
        )
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
    let flip_bit = |file: &File| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, middle(file)).unwrap();
        file.write_all_at(&[byte[0] ^ 1], middle(file)).unwrap();
    };
    assert_failure_contains(
        &write_and_verify(&correct, &correct, flip_bit),
        "is not identical to the encoder's packets",
    );
    let truncate = |file: &File| file.set_len(middle(file)).unwrap();
    assert_failure_contains(&write_and_verify(&correct, &correct, truncate), "packets, expected");
    let replace = |file: &File| write_into(file, &plan(|plan| plan.rate.crf = 30.0));
    assert_failure_contains(
        &write_and_verify(&correct, &correct, replace),
        "is not identical to the encoder's packets",
    );
    let short = OutputSpec { trim_to_s: Some(1.2), ..correct.clone() };
    let shorten = |file: &File| write_into(file, &short);
    assert_failure_contains(&write_and_verify(&correct, &correct, shorten), "the output lasts");
    let mute = OutputSpec { audio: None, ..correct.clone() };
    let silence = |file: &File| write_into(file, &mute);
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

/// Counts the writes.
struct CountingStore(Arc<std::sync::atomic::AtomicU64>);

impl Store for CountingStore {
    fn store(&mut self, bytes: &[u8], _: u64) -> std::io::Result<usize> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(bytes.len())
    }
}

#[test]
fn packets_are_buffered_before_writing() {
    let spec = copies();
    let mut transcoder =
        Transcoder::open(Input::open(video(), "in", Arc::default()).unwrap(), &spec).unwrap();
    let writes = Arc::default();
    let muxer = Muxer::new(Box::new(CountingStore(Arc::clone(&writes))), spec.container, None).unwrap();
    let mut ignored = |_| {};
    let mut sink = EncodeSink::new(muxer, &mut transcoder, &spec, None, &mut ignored).unwrap();
    transcoder.run(&mut sink).unwrap();
    sink.finish().unwrap();
    let (writes, packets) = (writes.load(std::sync::atomic::Ordering::Relaxed), transcoder.video_packets);
    assert!(packets > 200 && writes < packets / 10, "{writes} writes for {packets} packets");
}

/// Writes an output and returns the bytes of its file.
fn write_output(spec: &OutputSpec, decoder: Option<DecoderHandle>) -> Result<Vec<u8>, JobError> {
    let output = tempfile::tempfile().unwrap();
    let (flush, _) = sync_channel(1);
    let source = SourceFile { file: video(), name: "in", decoder };
    write(source, &output, spec, Some(spec), &flush, Arc::default(), &mut |_| {})?;
    let mut bytes = vec![0; output.metadata().unwrap().len() as usize];
    output.read_exact_at(&mut bytes, 0).unwrap();
    Ok(bytes)
}

#[test]
fn outputs_with_a_shared_decoder_equal_separate_ones() {
    let full = OutputSpec { trim_to_s: None, expected_duration_s: None, ..plan(|_| {}) };
    let mut small = full.clone();
    small.video = Some(VideoPlan::Encode(Box::new(example::video_encode(160, 90, 12))));
    // One output ends long before the others; one fails in the middle.
    let short = OutputSpec { trim_to_s: Some(1.0), expected_duration_s: Some(1.0), ..full.clone() };
    let failing = OutputSpec { max_size_bytes: Some(20_000), expected_duration_s: Some(6.0), ..full.clone() };
    let specs = [full, small, short, failing];
    let alone: Vec<_> = specs.iter().map(|spec| write_output(spec, None)).collect();
    assert!(alone[..3].iter().all(Result::is_ok) && alone[3].is_err(), "{:?}", alone[3].as_ref().err());
    let decoders = shared_decode::decoder_handles(specs.len());
    let decoded_frames = decoders[0].decoded_frames();
    let together: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = specs
            .iter()
            .zip(decoders)
            .map(|(spec, decoder)| scope.spawn(|| write_output(spec, Some(decoder))))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(together == alone);
    let frames = {
        let mut input = Input::open(video(), "in", Arc::default()).unwrap();
        let stream = input.stream(0).unwrap();
        // SAFETY: the stream belongs to the open input; a plain field.
        unsafe { (*stream).nb_frames as u64 }
    };
    assert_eq!(decoded_frames(), frames, "each frame is decoded once");
}
