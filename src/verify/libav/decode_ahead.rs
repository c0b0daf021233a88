//! Decodes the streams of an output in separate threads, while the source is decoded.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use ffmpeg_next::ffi;

use super::audio::LoudnessEnvelope;
use crate::job::JobError;
use crate::model::{DecodeError, DecodeReport};
use crate::transcode::libav::decode::Decoder;
use crate::transcode::libav::ffi_wrappers::{Frame, Packet, failed};
use crate::transcode::libav::input::Input;

/// Capacity of the frame channel; frames may be large.
const MAX_FRAMES_AHEAD: usize = 4;

/// A thread that is joined on drop, so that it never outlives its owner.
pub(super) struct JoinedThread<T>(Option<JoinHandle<Result<T, JobError>>>);

impl<T: Send + 'static> JoinedThread<T> {
    pub(super) fn start(
        name: &str,
        work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
    ) -> Result<JoinedThread<T>, JobError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        let thread = thread.map_err(|error| failed(format!("cannot start a thread: {error}")))?;
        Ok(JoinedThread(Some(thread)))
    }
}

impl<T> JoinedThread<T> {
    /// Returns the result of the thread; resumes its panic in this thread.
    pub(super) fn finish(mut self) -> Result<T, JobError> {
        let thread = self.0.take().ok_or_else(|| failed("internal error: a thread was joined twice"))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl<T> Drop for JoinedThread<T> {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
}

/// The frame and error counts of a finished decoder.
pub(super) struct DecodeErrors {
    /// Frames that were decoded.
    pub(super) frames: u64,
    count: u64,
    first: Vec<DecodeError>,
}

impl DecodeErrors {
    pub(super) fn of(decoder: Decoder) -> DecodeErrors {
        DecodeErrors { frames: decoder.frames, count: decoder.damage_count, first: decoder.damage }
    }

    /// Adds the errors to the report.
    pub(super) fn add_to(mut self, report: &mut DecodeReport) {
        report.error_count += self.count;
        report.errors.append(&mut self.first);
    }
}

/// Decodes the video of the output ahead of the comparison.
pub(super) struct VideoDecodeThread {
    // Dropped before the thread is joined, so that the thread ends.
    frames: Receiver<Frame>,
    thread: JoinedThread<DecodeErrors>,
}

impl VideoDecodeThread {
    /// Starts to decode the first video stream with a strict decoder.
    pub(super) fn open(output: File, cancel: Arc<AtomicBool>) -> Result<VideoDecodeThread, JobError> {
        let mut input = Input::open(output, "output.mp4", cancel)?;
        let stream = input
            .first(ffi::AVMediaType::AVMEDIA_TYPE_VIDEO)
            .ok_or_else(|| failed("the output has no video stream that can be decoded"))?;
        let decoder = Decoder::open(&mut input, stream, 1, true)?;
        let (sender, frames) = sync_channel(MAX_FRAMES_AHEAD);
        let thread = JoinedThread::start("decode output", move || {
            // The receiver is gone because the comparison failed; its error is reported.
            decode(input, stream, decoder, &mut |frame| {
                sender.send(frame).map_err(|_| failed("the comparison has stopped"))
            })
        })?;
        Ok(VideoDecodeThread { frames, thread })
    }

    /// Returns the next frame; `None` at the end or after an error, which [`VideoDecodeThread::finish`] returns.
    pub(super) fn next(&mut self) -> Option<Frame> {
        self.frames.recv().ok()
    }

    /// Ends decoding and returns the errors.
    pub(super) fn finish(self) -> Result<DecodeErrors, JobError> {
        let VideoDecodeThread { frames, thread } = self;
        drop(frames);
        thread.finish()
    }
}

/// Decodes the audio of the output and measures its loudness.
pub(super) struct AudioDecodeThread(JoinedThread<Option<(LoudnessEnvelope, DecodeErrors)>>);

impl AudioDecodeThread {
    /// Starts to decode the first audio stream with a strict decoder.
    pub(super) fn start(
        output: File,
        rate: u32,
        cancel: Arc<AtomicBool>,
    ) -> Result<AudioDecodeThread, JobError> {
        let work = move || {
            let mut input = Input::open(output, "output.mp4", cancel)?;
            let Some(stream) = input.first(ffi::AVMediaType::AVMEDIA_TYPE_AUDIO) else { return Ok(None) };
            let decoder = Decoder::open(&mut input, stream, 1, true)?;
            let mut envelope = LoudnessEnvelope::new(rate);
            let errors = decode(input, stream, decoder, &mut |frame| {
                envelope.add(&frame);
                Ok(())
            })?;
            Ok(Some((envelope, errors)))
        };
        JoinedThread::start("decode audio", work).map(AudioDecodeThread)
    }

    /// Returns the loudness and the errors; `None` if there is no audio stream.
    pub(super) fn finish(self) -> Result<Option<(LoudnessEnvelope, DecodeErrors)>, JobError> {
        self.0.finish()
    }
}

/// Decodes a stream to its end.
fn decode(
    mut input: Input,
    stream: u32,
    mut decoder: Decoder,
    sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
) -> Result<DecodeErrors, JobError> {
    let mut packet = Packet::new()?;
    while input.read(&mut packet)? {
        if packet.get().stream_index == stream as i32 {
            decoder.feed(Some(&packet), sink)?;
        }
    }
    decoder.feed(None, sink)?;
    Ok(DecodeErrors::of(decoder))
}
