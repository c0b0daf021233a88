//! Decoders that count what they complain about.

use std::ffi::c_int;
use std::ptr;

use ffmpeg_next::ffi;

use super::av::{Codec, Frame, NOPTS, Packet, again, check, eof, failed, message, no_memory, seconds};
use crate::job::JobError;
use crate::model::Damage;

/// Complaints kept in full; the others are only counted.
pub(super) const MAX_DAMAGE: usize = 20;
/// Decoders refuse pictures above this: three times 8K.
const MAX_PIXELS: i64 = 100_000_000;

/// A decoder that counts what it complains about.
pub(crate) struct Decoder {
    codec: Codec,
    stream: u32,
    base: ffi::AVRational,
    /// The first complaints.
    pub(crate) damage: Vec<Damage>,
    /// All complaints.
    pub(crate) damage_count: u64,
    /// Frames that came out.
    pub(crate) frames: u64,
}

impl Decoder {
    /// Opens a decoder for a stream. A strict one treats every deviation as an error.
    pub(crate) fn open(stream: *mut ffi::AVStream, threads: u32, strict: bool) -> Result<Decoder, JobError> {
        // SAFETY: the stream belongs to a format context that the caller holds; fields are only read.
        let (parameters, base, index) =
            unsafe { ((*stream).codecpar, (*stream).time_base, (*stream).index as u32) };
        Decoder::with(parameters, base, index, threads, strict)
    }

    /// Opens a strict decoder whose pictures nobody will look at: only its complaints count.
    pub(crate) fn of_complaints(stream: *mut ffi::AVStream, threads: u32) -> Result<Decoder, JobError> {
        let mut decoder = Decoder::open(stream, threads, true)?;
        // What smooths pictures finds nothing wrong with them.
        decoder.codec.get_mut().skip_loop_filter = ffi::AVDiscard::AVDISCARD_ALL;
        Ok(decoder)
    }

    /// Opens a strict decoder for what an open encoder makes.
    pub(crate) fn of_encoder(encoder: &Codec, stream: u32) -> Result<Decoder, JobError> {
        let base = encoder.get().time_base;
        // SAFETY: plain allocation, freed below.
        let mut parameters = unsafe { ffi::avcodec_parameters_alloc() };
        if parameters.is_null() {
            return Err(no_memory());
        }
        // SAFETY: both are valid; the fields of the encoder are copied.
        let code = unsafe { ffi::avcodec_parameters_from_context(parameters, encoder.get()) };
        let decoder = check(code, "cannot describe the encoder")
            .and_then(|_| Decoder::with(parameters, base, stream, 1, true));
        // SAFETY: ours, and the decoder has copied what it needs.
        unsafe { ffi::avcodec_parameters_free(&mut parameters) };
        decoder
    }

    fn with(
        parameters: *const ffi::AVCodecParameters,
        base: ffi::AVRational,
        index: u32,
        threads: u32,
        strict: bool,
    ) -> Result<Decoder, JobError> {
        // SAFETY: valid parameters from either caller. Codec ids come from the library the bindings were made for.
        let found = unsafe { ffi::avcodec_find_decoder((*parameters).codec_id) };
        if found.is_null() {
            return Err(failed(format!("there is no decoder for stream {index}")));
        }
        let mut codec = Codec::for_codec(found)?;
        // SAFETY: both are valid; parameters are copied.
        let code = unsafe { ffi::avcodec_parameters_to_context(codec.as_mut_ptr(), parameters) };
        check(code, "cannot set up a decoder")?;
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
        Ok(Decoder { codec, stream: index, base, damage: Vec::new(), damage_count: 0, frames: 0 })
    }

    /// The time base of the frames.
    pub(crate) fn base(&self) -> ffi::AVRational {
        self.base
    }

    /// Forgets everything, for a jump.
    pub(crate) fn flush(&mut self) {
        // SAFETY: an open decoder.
        unsafe { ffi::avcodec_flush_buffers(self.codec.as_mut_ptr()) }
    }

    /// Feeds a packet, or the end, and hands out what comes.
    pub(crate) fn feed(
        &mut self,
        packet: Option<&Packet>,
        sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let raw = packet.map_or(ptr::null(), Packet::as_ptr);
        let at = packet.map(|p| p.get().pts).filter(|pts| *pts != NOPTS).map(|pts| seconds(pts, self.base));
        let mut pending = true;
        // A decoder that is full takes the packet after one round of output.
        for _ in 0..2 {
            if !pending {
                break;
            }
            // SAFETY: the context is open; the packet is valid or null for the end.
            let code = unsafe { ffi::avcodec_send_packet(self.codec.as_mut_ptr(), raw) };
            pending = again(code);
            if code < 0 && !again(code) && !eof(code) {
                self.complain(code, at);
            }
            self.drain(at, sink)?;
        }
        Ok(())
    }

    fn drain(
        &mut self,
        at: Option<f64>,
        sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        // A decoder that fails without end at its end must not hold us.
        for _ in 0..100_000 {
            let mut frame = Frame::new()?;
            // SAFETY: context and frame are valid.
            let code = unsafe { ffi::avcodec_receive_frame(self.codec.as_mut_ptr(), frame.as_mut_ptr()) };
            if again(code) || eof(code) {
                return Ok(());
            }
            if code < 0 {
                self.complain(code, at);
                continue;
            }
            let raw = frame.get();
            if raw.decode_error_flags != 0 || raw.flags & ffi::AV_FRAME_FLAG_CORRUPT != 0 {
                self.complain(ffi::AVERROR_INVALIDDATA, at);
            }
            self.frames += 1;
            sink(frame)?;
        }
        Ok(())
    }

    fn complain(&mut self, code: c_int, at_s: Option<f64>) {
        self.damage_count += 1;
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(Damage { stream: self.stream, at_s, message: message(code) });
        }
    }
}
