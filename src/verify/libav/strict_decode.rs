//! Decodes whole streams only to find errors.

use std::ffi::c_int;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use super::decode_progress::decode_progress;
use crate::job::{JobError, Progress, SourceDecode};
use crate::libav::decoder::{Decoder, hides_errors};
use crate::libav::ffi_enums;
use crate::libav::file::share;
use crate::libav::frame::Frame;
use crate::libav::input::{Input, stream_codec};
use crate::libav::packet::Packet;
use crate::model::{Size, SourceDamage};
use crate::verify::thresholds::LOST_FRAMES;

/// Different frame sizes that are kept of one stream.
const MAX_SIZES: usize = 64;

/// The streams to decode.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StreamChoice<'a> {
    /// All video and audio streams that have a decoder, except cover images.
    All,
    /// These streams.
    These(&'a [u32]),
}

/// Decodes the streams of a file once, and those with errors a second time with one thread, which gives exact
/// times.
///
/// # Errors
///
/// [`JobError::Unreadable`] when the file or a decoder cannot be opened, [`JobError::Io`],
/// [`JobError::Cancelled`]. Decode errors are in the result.
pub(crate) fn decode_streams(
    file: &File,
    name: &str,
    choice: StreamChoice<'_>,
    cancel: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<SourceDecode, JobError> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(16) as u32);
    let mut input = Input::open(share(file)?, name, Arc::clone(cancel))?;
    let streams = match choice {
        StreamChoice::All => input.decodable_streams(),
        StreamChoice::These(streams) => streams.to_vec(),
    };
    let open = |input: &mut Input, stream: u32| StreamDecode::open(input, stream, threads, true);
    let first = decode(&mut input, &streams, open, u64::MAX, progress)?;
    let suspects: Vec<u32> =
        first.iter().filter(|stream| stream.is_suspect()).map(|one| one.stream).collect();
    let mut result = SourceDecode::default();
    result.damage.error_count = input.read_errors;
    result.damage.errors = std::mem::take(&mut input.unread);
    let mut add = |stream: StreamDecode, counts: bool| {
        if stream.sizes.len() > 1 {
            result.frame_sizes = stream.sizes.clone();
        }
        match stream.is_video {
            true => result.decode.video_frames += stream.decoder.frames,
            false => result.decode.audio_samples += stream.samples,
        }
        result.damage.add(if counts {
            stream.damage()
        } else {
            SourceDamage { packets: stream.packets, ..SourceDamage::default() }
        });
    };
    // What the second pass does not decode when it stops.
    let known: Vec<KnownStream> = first.iter().map(KnownStream::of).collect();
    let packets = known.iter().map(|known| known.packets).sum();
    for stream in first {
        if !stream.is_suspect() {
            add(stream, false);
        }
    }
    if !suspects.is_empty() {
        let mut input = Input::open(share(file)?, name, Arc::clone(cancel))?;
        let open = |input: &mut Input, stream: u32| {
            let strict = hides_errors(stream_codec(input, stream).as_ref());
            StreamDecode::open(input, stream, 1, strict)
        };
        for mut stream in decode(&mut input, &suspects, open, packets, progress)? {
            if let Some(known) = known.iter().find(|known| known.stream == stream.stream) {
                stream.complete(known);
            }
            let counts = stream.is_suspect();
            add(stream, counts);
        }
    }
    result.decode.error_count = result.damage.error_count;
    Ok(result)
}

/// What one decode of a stream has shown.
struct KnownStream {
    stream: u32,
    packets: u64,
    frames: u64,
    samples: u64,
    sizes: Vec<Size>,
}

impl KnownStream {
    fn of(decoded: &StreamDecode) -> KnownStream {
        let StreamDecode { stream, packets, samples, sizes, decoder, .. } = decoded;
        KnownStream {
            stream: *stream,
            packets: *packets,
            frames: decoder.frames,
            samples: *samples,
            sizes: sizes.clone(),
        }
    }
}

/// A stream that is decoded to find its errors.
pub(super) struct StreamDecode {
    stream: u32,
    is_video: bool,
    pub(super) decoder: Decoder,
    /// Number of packets without those that an edit list discards.
    packets: u64,
    samples: u64,
    frame_per_packet: bool,
    /// The sizes of its frames in the order of their first appearance.
    sizes: Vec<Size>,
    /// Whether a packet may hold only one of the two fields of a frame.
    fields: bool,
    /// Whether decoding stopped before the end.
    stopped: bool,
}

impl StreamDecode {
    fn open(input: &mut Input, stream: u32, threads: u32, strict: bool) -> Result<StreamDecode, JobError> {
        let decoder = match strict {
            true => Decoder::for_error_check(input, stream, threads),
            false => Decoder::open(input, stream, threads, false),
        };
        let decoder = decoder.map_err(|error| match error {
            JobError::Failed(reason) => JobError::Unreadable(reason),
            other => other,
        })?;
        StreamDecode::with(input, stream, decoder)
    }

    /// Counts what an open decoder of a stream does not decode.
    pub(super) fn with(input: &mut Input, stream: u32, decoder: Decoder) -> Result<StreamDecode, JobError> {
        let raw = input.stream(stream)?;
        // SAFETY: the stream belongs to the open input; codec parameters are always there.
        let (kind, order) = unsafe {
            let parameters = (*raw).codecpar;
            (ffi_enums::media_type(parameters), ffi_enums::number(&raw const (*parameters).field_order))
        };
        let fields = order > ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE as c_int;
        let is_video = kind == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO as c_int;
        let frame_per_packet = is_video && has_frame_per_packet(input, stream);
        Ok(StreamDecode {
            stream,
            is_video,
            decoder,
            packets: 0,
            samples: 0,
            frame_per_packet,
            sizes: Vec::new(),
            fields,
            stopped: false,
        })
    }

    /// Decodes a packet, or ends the stream for `None`, and passes the frames to `sink`.
    pub(super) fn feed(
        &mut self,
        packet: Option<&Packet>,
        sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let discarded = |packet: &Packet| packet.get().flags & ffi::AV_PKT_FLAG_DISCARD != 0;
        let kept = packet.is_some_and(|packet| !discarded(packet) && !packet.is_empty());
        self.packets += u64::from(kept);
        let StreamDecode { samples, sizes, is_video, .. } = self;
        self.decoder.feed(packet, &mut |frame| {
            let raw = frame.get();
            *samples += raw.nb_samples.max(0) as u64;
            let size = Size::new(raw.width.max(0) as u32, raw.height.max(0) as u32);
            if *is_video && sizes.last() != Some(&size) && sizes.len() < MAX_SIZES && !sizes.contains(&size) {
                sizes.push(size);
            }
            sink(frame)
        })
    }

    /// Returns the number of packets without a frame, if that is a sign of damage.
    fn missing(&self) -> u64 {
        let expected = if self.fields { self.packets / 2 } else { self.packets };
        let missing = expected.saturating_sub(self.decoder.frames);
        if self.frame_per_packet && !self.stopped && missing > LOST_FRAMES { missing } else { 0 }
    }

    fn is_suspect(&self) -> bool {
        self.decoder.damage_count > 0 || self.missing() > 0
    }

    /// Forgets the packets fed so far and their errors.
    pub(super) fn forget_errors(&mut self) {
        self.packets = 0;
        self.decoder.damage_count = 0;
        self.decoder.damage.clear();
        self.decoder.forget_holes();
    }

    /// Takes the numbers of an earlier decode of the whole stream, if this one stopped.
    fn complete(&mut self, known: &KnownStream) {
        if self.stopped {
            self.packets = known.packets;
            self.decoder.frames = self.decoder.frames.max(known.frames);
            self.samples = self.samples.max(known.samples);
            self.sizes.clone_from(&known.sizes);
        }
    }

    /// Returns what does not decode.
    pub(super) fn damage(self) -> SourceDamage {
        let missing = self.missing();
        let mut unshown = self.decoder.without_frame(missing);
        let StreamDecode { packets, decoder, stopped, .. } = self;
        let (mut errors, mut error_count) = (decoder.damage, decoder.damage_count);
        if missing > error_count {
            errors.append(&mut unshown);
            error_count = missing;
        }
        SourceDamage { packets, error_count, errors, at_least: stopped, heavy: false }
    }
}

/// Returns whether each packet of a stream gives a frame; some codecs have packets with hidden frames.
fn has_frame_per_packet(input: &mut Input, stream: u32) -> bool {
    stream_codec(input, stream).is_none_or(|codec| codec.has_frame_per_packet())
}

/// Decodes `streams` from the start of the input to its end, or until so many errors of its `packets` are known that
/// the rest cannot make them small damage.
fn decode(
    input: &mut Input,
    streams: &[u32],
    open: impl Fn(&mut Input, u32) -> Result<StreamDecode, JobError>,
    packets: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<StreamDecode>, JobError> {
    let total_s = input.duration_s();
    let mut decodes = streams.iter().map(|stream| open(input, *stream)).collect::<Result<Vec<_>, _>>()?;
    input.discard_all_but(streams);
    let mut packet = Packet::new()?;
    while input.read(&mut packet)? {
        let index = packet.get().stream_index;
        let Some(decode) = decodes.iter_mut().find(|decode| decode.stream as i32 == index) else { continue };
        decode.feed(Some(&packet), &mut |_| Ok(()))?;
        progress(decode_progress(&decode.decoder, &packet, total_s));
        let errors = decodes.iter().map(|decode| decode.decoder.damage_count).sum();
        if SourceDamage::is_large(errors, packets) {
            decodes.iter_mut().for_each(|decode| decode.stopped = true);
            return Ok(decodes);
        }
    }
    for decode in &mut decodes {
        decode.feed(None, &mut |_| Ok(()))?;
    }
    Ok(decodes)
}
