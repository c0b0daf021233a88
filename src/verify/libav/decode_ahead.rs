//! Streams of the output, decoded in threads of their own while the source is.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use ffmpeg_next::ffi;

use super::audio::Envelope;
use crate::job::JobError;
use crate::model::{Damage, DecodeReport};
use crate::transcode::libav::av::{Frame, Packet, failed};
use crate::transcode::libav::decode::Decoder;
use crate::transcode::libav::input::Input;

/// Pictures that wait to be compared; these may be large.
const WAITING_PICTURES: usize = 4;

/// A thread that is waited for whatever happens: none stays behind with the file.
pub(super) struct Thread<T>(Option<JoinHandle<Result<T, JobError>>>);

impl<T: Send + 'static> Thread<T> {
    pub(super) fn start(
        name: &str,
        work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
    ) -> Result<Thread<T>, JobError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        let thread = thread.map_err(|error| failed(format!("cannot start a thread: {error}")))?;
        Ok(Thread(Some(thread)))
    }
}

impl<T> Thread<T> {
    /// The result; a panic goes on in this thread.
    pub(super) fn finish(mut self) -> Result<T, JobError> {
        let thread = self.0.take().ok_or_else(|| failed("a thread was waited for twice"))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl<T> Drop for Thread<T> {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
}

/// What a decoder has to say at its end.
pub(super) struct Complaints {
    /// Frames that were decoded.
    pub(super) frames: u64,
    count: u64,
    first: Vec<Damage>,
}

impl Complaints {
    pub(super) fn of(decoder: Decoder) -> Complaints {
        Complaints { frames: decoder.frames, count: decoder.damage_count, first: decoder.damage }
    }

    /// Adds them to the report.
    pub(super) fn note(mut self, report: &mut DecodeReport) {
        report.error_count += self.count;
        report.errors.append(&mut self.first);
    }
}

/// The pictures of the output, a few of them decoded ahead.
pub(super) struct Pictures {
    // Dropped first, so that the thread finds nobody to decode for and ends.
    frames: Receiver<Frame>,
    decoding: Thread<Complaints>,
}

impl Pictures {
    /// Starts to decode the first picture stream with a decoder that lets nothing pass.
    pub(super) fn open(output: File, cancel: Arc<AtomicBool>) -> Result<Pictures, JobError> {
        let mut input = Input::open(output, "output.mp4", cancel)?;
        let stream = input
            .first(ffi::AVMediaType::AVMEDIA_TYPE_VIDEO)
            .ok_or_else(|| failed("the output has no picture that can be decoded"))?;
        let decoder = Decoder::open(input.stream(stream)?, 1, true)?;
        let (sender, frames) = sync_channel(WAITING_PICTURES);
        let decoding = Thread::start("decode output", move || {
            // Nobody takes the frame: the comparison was given up, and its reason counts.
            decode(input, stream, decoder, &mut |frame| {
                sender.send(frame).map_err(|_| failed("the comparison has stopped"))
            })
        })?;
        Ok(Pictures { frames, decoding })
    }

    /// The next picture; `None` at the end, and where decoding failed, as [`Pictures::finish`] tells.
    pub(super) fn next(&mut self) -> Option<Frame> {
        self.frames.recv().ok()
    }

    /// Ends the decoding.
    pub(super) fn finish(self) -> Result<Complaints, JobError> {
        let Pictures { frames, decoding } = self;
        drop(frames);
        decoding.finish()
    }
}

/// The audio of the output, listened to from start to end.
pub(super) struct Listener(Thread<Option<(Envelope, Complaints)>>);

impl Listener {
    /// Starts to listen to the first audio stream with a decoder that lets nothing pass.
    pub(super) fn start(output: File, rate: u32, cancel: Arc<AtomicBool>) -> Result<Listener, JobError> {
        let work = move || {
            let mut input = Input::open(output, "output.mp4", cancel)?;
            let Some(stream) = input.first(ffi::AVMediaType::AVMEDIA_TYPE_AUDIO) else { return Ok(None) };
            let decoder = Decoder::open(input.stream(stream)?, 1, true)?;
            let mut heard = Envelope::new(rate);
            let complaints = decode(input, stream, decoder, &mut |frame| {
                heard.add(&frame);
                Ok(())
            })?;
            Ok(Some((heard, complaints)))
        };
        Thread::start("decode audio", work).map(Listener)
    }

    /// What was heard; `None` without a audio stream.
    pub(super) fn finish(self) -> Result<Option<(Envelope, Complaints)>, JobError> {
        self.0.finish()
    }
}

/// Decodes a stream to its end.
fn decode(
    mut input: Input,
    stream: u32,
    mut decoder: Decoder,
    sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
) -> Result<Complaints, JobError> {
    let mut packet = Packet::new()?;
    while input.read(&mut packet)? {
        if packet.get().stream_index == stream as i32 {
            decoder.feed(Some(&packet), sink)?;
        }
    }
    decoder.feed(None, sink)?;
    Ok(Complaints::of(decoder))
}
