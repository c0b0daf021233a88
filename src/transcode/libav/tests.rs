//! The proof of an encode that is watched: what went wrong on the way to the encoder, or after it.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::FileExt;
use std::path::Path;

use super::*;
use crate::job::VerifyReport;
use crate::model::{Flip, Rotation};
use crate::plan::{CropMargins, VideoEncode, VideoPlan, sample};

fn video() -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/npm-vide-ocean.mp4");
    File::open(path).unwrap()
}

fn plan(change: impl FnOnce(&mut VideoEncode)) -> OutputSpec {
    let mut video = sample::video_encode(320, 180, 24);
    change(&mut video);
    let audio = Some(sample::audio_encode(1));
    OutputSpec {
        trim_to_s: Some(3.0),
        expected_duration_s: Some(3.0),
        ..sample::output(VideoPlan::Encode(Box::new(video)), audio)
    }
}

/// Makes an output by one plan before the eyes of who knows another, changes it, and has it proven.
fn proven(made: &OutputSpec, known: &OutputSpec, change: impl FnOnce(&File)) -> VerifyReport {
    let output = tempfile::tempfile().unwrap();
    let (flush, _) = sync_channel(1);
    let cancel = Arc::default();
    let source = Source { file: video(), name: "in", place: None };
    let made = write(source, &output, made, Some(known), &flush, Arc::clone(&cancel), &mut |_| {});
    let Ok(Made::TapReport(watched)) = made else { panic!("nobody watched") };
    change(&output);
    verify_watched(*watched, &video(), &output, "in", known, &cancel, &mut |_| {}).unwrap()
}

fn assert_says(report: &VerifyReport, words: &str) {
    assert!(report.failures.iter().any(|text| text.contains(words)), "{words}: {:?}", report.failures);
}

#[test]
fn a_wrong_turn_mirror_or_crop_is_seen() {
    let right = plan(|_| {});
    let report = proven(&right, &right, |_| {});
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert!(report.similarity.is_some_and(|found| found.metric == "ssimulacra2" && found.mean > 50.0));
    let zoomed = CropMargins { left: 240, top: 136, right: 240, bottom: 136 };
    let wrong: [fn(&mut VideoEncode); 4] = [
        |plan| plan.rotate = Rotation::Half,
        |plan| plan.flip = Some(Flip::Horizontal),
        |plan| plan.flip = Some(Flip::Vertical),
        |plan| plan.rotate = Rotation::Quarter,
    ];
    for change in wrong {
        assert_says(&proven(&plan(change), &right, |_| {}), "not what the plan makes");
    }
    assert_says(&proven(&plan(|plan| plan.crop = Some(zoomed)), &right, |_| {}), "not what the plan makes");
}

#[test]
fn a_file_that_does_not_hold_what_was_encoded_is_seen() {
    let right = plan(|_| {});
    let middle = |file: &File| file.metadata().unwrap().len() / 2;
    let flipped = |file: &File| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, middle(file)).unwrap();
        file.write_all_at(&[byte[0] ^ 1], middle(file)).unwrap();
    };
    assert_says(&proven(&right, &right, flipped), "is not what the encoder made");
    let cut = |file: &File| file.set_len(middle(file)).unwrap();
    assert_says(&proven(&right, &right, cut), "packets instead of");
    let foreign = |file: &File| {
        let (flush, _) = sync_channel(1);
        let other = plan(|plan| plan.rate.crf = 30.0);
        file.set_len(0).unwrap();
        let source = Source { file: video(), name: "in", place: None };
        let made = write(source, file, &other, None, &flush, Arc::default(), &mut |_| {});
        assert!(matches!(made, Ok(Made::Unseen)));
    };
    assert_says(&proven(&right, &right, foreign), "is not what the encoder made");
}

/// Counts how often something is written.
struct Counting(Arc<std::sync::atomic::AtomicU64>);

impl Store for Counting {
    fn store(&mut self, bytes: &[u8], _: u64) -> std::io::Result<usize> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(bytes.len())
    }
}

#[test]
fn packets_are_written_together() {
    let spec = sample::output(
        VideoPlan::Copy { stream: 0, tags: crate::plan::VideoTags::default() },
        Some(AudioPlan::Copy { stream: 1 }),
    );
    let mut transcoder =
        Transcoder::open(Input::open(video(), "in", Arc::default()).unwrap(), &spec).unwrap();
    let writes = Arc::default();
    let muxer = Muxer::new(Box::new(Counting(Arc::clone(&writes))), spec.container, None).unwrap();
    let mut ignored = |_| {};
    let mut maker =
        EncodeSink::new(muxer, &mut transcoder, &spec, VerifyMode::Packets, &mut ignored).unwrap();
    transcoder.run(&mut maker).unwrap();
    maker.finish().unwrap();
    let (writes, packets) = (writes.load(std::sync::atomic::Ordering::Relaxed), transcoder.video_packets);
    assert!(packets > 200 && writes < packets / 10, "{writes} writes for {packets} packets");
}

/// Makes an output and says what its file holds, or why there is none.
fn made(spec: &OutputSpec, place: Option<Place>) -> Result<Vec<u8>, JobError> {
    let output = tempfile::tempfile().unwrap();
    let (flush, _) = sync_channel(1);
    let source = Source { file: video(), name: "in", place };
    write(source, &output, spec, Some(spec), &flush, Arc::default(), &mut |_| {})?;
    let mut bytes = vec![0; output.metadata().unwrap().len() as usize];
    output.read_exact_at(&mut bytes, 0).unwrap();
    Ok(bytes)
}

#[test]
fn videos_that_share_a_decoder_come_out_as_if_they_had_one_each() {
    let whole = OutputSpec { trim_to_s: None, expected_duration_s: None, ..plan(|_| {}) };
    let mut small = whole.clone();
    small.video = Some(VideoPlan::Encode(Box::new(sample::video_encode(160, 90, 12))));
    // Ends long before the others do; fails in the middle.
    let short = OutputSpec { trim_to_s: Some(1.0), expected_duration_s: Some(1.0), ..whole.clone() };
    let failing =
        OutputSpec { max_size_bytes: Some(20_000), expected_duration_s: Some(6.0), ..whole.clone() };
    let specs = [whole, small, short, failing];
    let alone: Vec<_> = specs.iter().map(|spec| made(spec, None)).collect();
    assert!(alone[..3].iter().all(Result::is_ok) && alone[3].is_err(), "{:?}", alone[3].as_ref().err());
    let places = shared_decode::places(specs.len());
    let decoded = places[0].decoded();
    let together: Vec<_> = thread::scope(|scope| {
        let making: Vec<_> =
            specs.iter().zip(places).map(|(spec, place)| scope.spawn(|| made(spec, Some(place)))).collect();
        making.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(together == alone);
    let frames = {
        let mut input = Input::open(video(), "in", Arc::default()).unwrap();
        let stream = input.stream(0).unwrap();
        // SAFETY: the stream belongs to the open input; a plain field.
        unsafe { (*stream).nb_frames as u64 }
    };
    assert_eq!(decoded(), frames, "each picture once");
}
