//! Decoders that count their errors.

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::ptr;

use ffmpeg_next::ffi;

use super::alpha_decoder::alpha_decoder;
use super::codec_context::CodecContext;
use super::display_times::DisplayTimes;
use super::error::{check, error_text, failed, is_eagain, is_eof, no_memory};
use super::ffi_enums;
use super::frame::{Frame, set_frame_duration};
use super::input::{Input, MAX_DAMAGE};
use super::media_input::MAX_PIXELS;
use super::packet::Packet;
use super::side_data::packet_side_data;
use super::time::{NOPTS, seconds};
use crate::job::JobError;
use crate::model::{Codec, DecodeError, DecodeErrorKind};
use crate::probe::bitstream::references::{References, SampleInfo};

/// Maximum number of packets whose frames are awaited; decoders hold back far fewer.
const MAX_AWAITED: usize = 4096;
const NEW_EXTRADATA: c_int = ffi::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA as c_int;

/// Codecs whose decoders hide errors unless they are strict. The strict decoders of other codecs also reject
/// harmless deviations from the standard, so their errors count only if the ordinary decoder reports some too.
const HIDES_ERRORS: &[Codec] = &[Codec::Hevc, Codec::Ac3, Codec::Eac3, Codec::Flac];

/// Returns whether only a strict decoder reports the errors of this codec.
pub(crate) fn hides_errors(codec: Option<&Codec>) -> bool {
    codec.is_some_and(|codec| HIDES_ERRORS.contains(codec))
}

/// A decoder that counts its errors, and the missing frames that others refer to, which the library replaces without
/// an error.
pub(crate) struct Decoder {
    codec: CodecContext,
    stream: u32,
    base: ffi::AVRational,
    is_video: bool,
    /// Whether the container states only decode times, as its first packet shows.
    only_dts: Option<bool>,
    /// The decode times of such a container.
    times: DisplayTimes,
    /// Decode time of the previous packet, and whether an edit list hides its frame.
    previous: Option<(i64, bool)>,
    /// Follows the references between frames, for codecs that name them.
    references: Option<References>,
    /// The presentation times of packets that have not given a frame yet.
    awaited: BTreeSet<i64>,
    /// The first errors, at most [`MAX_DAMAGE`].
    pub(crate) damage: Vec<DecodeError>,
    /// Number of errors.
    pub(crate) damage_count: u64,
    /// Number of decoded frames.
    pub(crate) frames: u64,
}

impl Decoder {
    /// Opens a decoder for a stream. A strict decoder treats every deviation from the standard as an error.
    pub(crate) fn open(
        input: &mut Input,
        stream: u32,
        threads: u32,
        strict: bool,
    ) -> Result<Decoder, JobError> {
        let raw = input.stream(stream)?;
        // SAFETY: the stream belongs to the open input; fields are only read.
        let (parameters, base) = unsafe { ((*raw).codecpar, (*raw).time_base) };
        // SAFETY: as above; codec parameters are always there, and decoders are static or null.
        unsafe {
            let found = alpha_decoder(raw).or_else(|| ffi_enums::decoder(ffi_enums::codec_id(parameters)));
            Decoder::with(found.unwrap_or(ptr::null()), parameters, base, stream, threads, strict)
        }
    }

    /// Opens a strict decoder whose errors are counted and whose frames are not used.
    pub(crate) fn for_error_check(input: &mut Input, stream: u32, threads: u32) -> Result<Decoder, JobError> {
        let mut decoder = Decoder::open(input, stream, threads, true)?;
        // The loop filter costs time and detects no errors.
        decoder.codec.get_mut().skip_loop_filter = ffi::AVDiscard::AVDISCARD_ALL;
        Ok(decoder)
    }

    /// Opens a strict decoder for the packets of an open encoder.
    pub(crate) fn for_encoder(encoder: &CodecContext, stream: u32) -> Result<Decoder, JobError> {
        let base = encoder.get().time_base;
        // SAFETY: plain allocation, freed below.
        let mut parameters = unsafe { ffi::avcodec_parameters_alloc() };
        if parameters.is_null() {
            return Err(no_memory());
        }
        // SAFETY: both are valid; the fields of the encoder are copied.
        let code = unsafe { ffi::avcodec_parameters_from_context(parameters, encoder.get()) };
        let decoder = check(code, "cannot read the parameters of the encoder").and_then(|_| {
            // SAFETY: valid parameters, see above; decoders are static or null.
            unsafe {
                let found = ffi_enums::decoder(ffi_enums::codec_id(parameters));
                Decoder::with(found.unwrap_or(ptr::null()), parameters, base, stream, 1, true)
            }
        });
        // SAFETY: ours, and the decoder has copied what it needs.
        unsafe { ffi::avcodec_parameters_free(&mut parameters) };
        decoder
    }

    /// Opens a decoder with parameters, which it copies.
    ///
    /// # Safety
    /// `found` is null or a decoder of the library, and `parameters` are valid.
    unsafe fn with(
        found: *const ffi::AVCodec,
        parameters: *const ffi::AVCodecParameters,
        base: ffi::AVRational,
        index: u32,
        threads: u32,
        strict: bool,
    ) -> Result<Decoder, JobError> {
        if found.is_null() {
            return Err(failed(format!("FFmpeg has no decoder for the codec of stream {index}")));
        }
        // SAFETY: by the contract.
        let mut codec = unsafe { CodecContext::for_codec(found)? };
        // SAFETY: both are valid; parameters are copied.
        let code = unsafe { ffi::avcodec_parameters_to_context(codec.as_mut_ptr(), parameters) };
        check(code, &format!("cannot set up the decoder of stream {index}"))?;
        let context = codec.get_mut();
        context.pkt_timebase = base;
        context.thread_count = threads.max(1) as c_int;
        context.max_pixels = MAX_PIXELS;
        if strict {
            context.err_recognition =
                ffi::AV_EF_CRCCHECK | ffi::AV_EF_BITSTREAM | ffi::AV_EF_BUFFER | ffi::AV_EF_EXPLODE;
        }
        // SAFETY: context and codec match; no options.
        let code = unsafe { ffi::avcodec_open2(codec.as_mut_ptr(), found, ptr::null_mut()) };
        check(code, &format!("cannot open the decoder of stream {index}"))?;
        // SAFETY: as above; the library states the size of the configuration beside it.
        let references = unsafe {
            let size = usize::try_from((*parameters).extradata_size).unwrap_or(0);
            let config = match (*parameters).extradata {
                data if data.is_null() => &[][..],
                data => std::slice::from_raw_parts(data, size),
            };
            // The names of decoders vary.
            ffi_enums::codec_of(found).and_then(|codec| References::of(&codec, config))
        };
        // SAFETY: valid parameters from either caller.
        let kind = unsafe { ffi_enums::media_type(parameters) };
        let is_video = kind == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO as c_int;
        Ok(Decoder {
            codec,
            stream: index,
            base,
            is_video,
            only_dts: None,
            times: DisplayTimes::default(),
            previous: None,
            references,
            awaited: BTreeSet::new(),
            damage: Vec::new(),
            damage_count: 0,
            frames: 0,
        })
    }

    /// Returns the time base of the frames.
    pub(crate) fn base(&self) -> ffi::AVRational {
        self.base
    }

    /// Discards all buffered data, for a seek.
    pub(crate) fn flush(&mut self) {
        self.previous = None;
        self.references.iter_mut().for_each(References::restart);
        self.times.clear();
        // SAFETY: an open decoder.
        unsafe { ffi::avcodec_flush_buffers(self.codec.as_mut_ptr()) }
    }

    /// Decodes a packet, or ends the stream for `None`, and passes the frames to `sink`.
    pub(crate) fn feed(
        &mut self,
        packet: Option<&Packet>,
        sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        if packet.is_some_and(|packet| {
            self.begins_edit(packet) || (self.is_video && (packet.after_jump || packet.begins_edit))
        }) {
            self.feed_one(None, sink)?;
            self.times.clear();
            // SAFETY: an open decoder.
            unsafe { ffi::avcodec_flush_buffers(self.codec.as_mut_ptr()) }
            self.references.iter_mut().for_each(References::restart);
        }
        match packet {
            Some(packet) => self.examine(packet),
            None => self.record_holes(),
        }
        self.feed_one(packet, sink)
    }

    /// Forgets the frames that were missing so far in the display order.
    pub(crate) fn forget_holes(&mut self) {
        self.references.iter_mut().for_each(|references| _ = references.take_holes());
    }

    /// Counts the frames that are missing in the display order of the stream, which has ended.
    fn record_holes(&mut self) {
        for hole in self.references.iter_mut().flat_map(References::take_holes).collect::<Vec<_>>() {
            let message = match hole.count {
                1 => "a frame after it is missing".to_owned(),
                count => format!("{count} frames after it are missing"),
            };
            let at_s = Some(seconds(hole.after, self.base));
            self.record(hole.count, DecodeErrorKind::MissingFrame, at_s, message);
        }
    }

    /// Counts the missing frames that a packet refers to, and awaits its frame.
    fn examine(&mut self, packet: &Packet) {
        let raw = packet.get();
        let time = (raw.pts != NOPTS).then_some(raw.pts);
        let hidden = raw.flags & ffi::AV_PKT_FLAG_DISCARD != 0;
        let awaits = self.is_video && !hidden && self.awaited.len() < MAX_AWAITED;
        self.awaited.extend(time.filter(|_| awaits));
        let Some(references) = &mut self.references else { return };
        // SAFETY: the packet is valid, and the slice is used before it changes.
        if let Some(config) = unsafe { packet_side_data(raw, NEW_EXTRADATA) } {
            references.configure(config);
        }
        let key = raw.flags & ffi::AV_PKT_FLAG_KEY != 0;
        let missing = references.add(packet.data(), SampleInfo { time, key, hidden });
        if missing > 0 {
            let message = match missing {
                1 => "a frame before it is missing".to_owned(),
                count => format!("{count} frames before it are missing"),
            };
            let at_s = time.map(|time| seconds(time, self.base));
            self.record(missing, DecodeErrorKind::MissingReference, at_s, message);
        }
    }

    /// Returns errors for the first `count` packets that gave no frame, with their times.
    pub(crate) fn without_frame(&self, count: u64) -> Vec<DecodeError> {
        let error = |time: &i64| DecodeError {
            stream: self.stream,
            at_s: Some(seconds(*time, self.base)),
            message: "the decoder gives no frame for this packet".to_owned(),
            kind: DecodeErrorKind::NoFrame,
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.awaited.iter().take(count.min(MAX_DAMAGE)).map(error).collect()
    }

    /// Returns whether a packet is the key frame at which the demuxer begins the next edit of an edit list. The
    /// frames before it are of another part of the video, so neither references nor the display order continue.
    fn begins_edit(&mut self, packet: &Packet) -> bool {
        let raw = packet.get();
        if !self.is_video || raw.dts == NOPTS {
            return false;
        }
        let hidden = raw.flags & ffi::AV_PKT_FLAG_DISCARD != 0;
        let key = raw.flags & ffi::AV_PKT_FLAG_KEY != 0;
        let previous = self.previous.replace((raw.dts, hidden));
        previous.is_some_and(|(dts, was_hidden)| key && (hidden || was_hidden) && raw.dts <= dts)
    }

    fn feed_one(
        &mut self,
        packet: Option<&Packet>,
        sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        if self.is_video && packet.is_some_and(Packet::is_empty) {
            // An empty packet repeats the previous frame; a decoder would take it for the end of the stream.
            return Ok(());
        }
        if let Some(packet) = packet.map(Packet::get).filter(|_| self.is_video) {
            // The library derives presentation times of some frames, which do not fit those of the others.
            let only_dts = *self.only_dts.get_or_insert(packet.pts == NOPTS && packet.dts != NOPTS);
            if only_dts && packet.dts != NOPTS {
                self.times.push(packet.dts);
            }
        }
        let raw = packet.map_or(ptr::null(), Packet::as_ptr);
        let at = packet.map(|p| p.get().pts).filter(|pts| *pts != NOPTS).map(|pts| seconds(pts, self.base));
        let mut pending = true;
        // A decoder with full buffers accepts the packet after its output has been read.
        for _ in 0..2 {
            if !pending {
                break;
            }
            // SAFETY: the context is open; the packet is valid or null for the end.
            let code = unsafe { ffi::avcodec_send_packet(self.codec.as_mut_ptr(), raw) };
            pending = is_eagain(code);
            if code < 0 && !is_eagain(code) && !is_eof(code) {
                self.record_error(code, at);
            }
            self.drain(at, sink)?;
        }
        if packet.is_some() {
            self.times.keep(self.delay());
        }
        Ok(())
    }

    /// Returns how many packets the decoder holds at most before it returns the first frame.
    fn delay(&self) -> usize {
        let context = self.codec.get();
        let threads =
            if context.active_thread_type & ffi::FF_THREAD_FRAME != 0 { context.thread_count - 1 } else { 0 };
        usize::try_from(context.has_b_frames.max(0) + threads.max(0)).unwrap_or(0)
    }

    fn drain(
        &mut self,
        at: Option<f64>,
        sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        // Bounded, because a decoder might return errors forever at the end of the stream.
        for _ in 0..100_000 {
            let mut frame = Frame::new()?;
            // SAFETY: context and frame are valid.
            let code = unsafe { ffi::avcodec_receive_frame(self.codec.as_mut_ptr(), frame.as_mut_ptr()) };
            if is_eagain(code) || is_eof(code) {
                return Ok(());
            }
            if code < 0 {
                self.record_error(code, at);
                continue;
            }
            let raw = frame.get();
            if raw.decode_error_flags != 0 || raw.flags & ffi::AV_FRAME_FLAG_CORRUPT != 0 {
                self.record_error(ffi::AVERROR_INVALIDDATA, at);
            }
            self.frames += 1;
            self.awaited.remove(&raw.pts);
            if self.only_dts == Some(true) {
                self.set_time(&mut frame);
            }
            sink(frame)?;
        }
        Ok(())
    }

    /// Sets the time of a frame of a container that states only decode times.
    fn set_time(&mut self, frame: &mut Frame) {
        if let Some((at, step)) = self.times.take() {
            frame.get_mut().best_effort_timestamp = at;
            if let Some(step) = step {
                set_frame_duration(frame.get_mut(), step);
            }
        }
    }

    fn record_error(&mut self, code: c_int, at_s: Option<f64>) {
        self.record(1, DecodeErrorKind::Undecodable, at_s, error_text(code));
    }

    fn record(&mut self, count: u64, kind: DecodeErrorKind, at_s: Option<f64>, message: String) {
        self.damage_count += count;
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(DecodeError { stream: self.stream, at_s, message, kind });
        }
    }
}
