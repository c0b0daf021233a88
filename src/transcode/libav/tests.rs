//! Tests the buffering of writes and the sharing of decoders.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::encode_sink::EncodeSink;
use super::mux::Muxer;
use super::shared_decode::{DecoderHandle, decoder_handles};
use super::transcoder::Transcoder;
use super::write::{SourceFile, write};
use super::writer::Store;
use crate::job::JobError;
use crate::libav::input::Input;
use crate::libav::verify_tap::Unverified;
use crate::plan::{AudioPlan, OutputSpec, VideoPlan, VideoTags, example};

fn video() -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/npm-vide-ocean.mp4");
    File::open(path).unwrap()
}

fn plan() -> OutputSpec {
    let video = example::video_encode(320, 180, 24);
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
    let mut sink = EncodeSink::new(muxer, &mut transcoder, &spec, &Unverified, &mut ignored).unwrap();
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
    write(source, &output, spec, &Unverified, &flush, Arc::default(), &mut |_| {})?;
    let mut bytes = vec![0; output.metadata().unwrap().len() as usize];
    output.read_exact_at(&mut bytes, 0).unwrap();
    Ok(bytes)
}

#[test]
fn outputs_with_a_shared_decoder_equal_separate_ones() {
    let full = OutputSpec { trim_to_s: None, expected_duration_s: None, ..plan() };
    let mut small = full.clone();
    small.video = Some(VideoPlan::Encode(Box::new(example::video_encode(160, 90, 12))));
    // One output ends long before the others; one fails in the middle.
    let short = OutputSpec { trim_to_s: Some(1.0), expected_duration_s: Some(1.0), ..full.clone() };
    let failing = OutputSpec { max_size_bytes: Some(20_000), expected_duration_s: Some(6.0), ..full.clone() };
    let specs = [full, small, short, failing];
    let alone: Vec<_> = specs.iter().map(|spec| write_output(spec, None)).collect();
    assert!(alone[..3].iter().all(Result::is_ok) && alone[3].is_err(), "{:?}", alone[3].as_ref().err());
    let decoders = decoder_handles(specs.len());
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
