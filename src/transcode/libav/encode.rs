//! The encoders: x264 or a hardware encoder, and FFmpeg's AAC.

use std::ffi::c_int;
use std::ptr;

use ffmpeg_next::ffi;

use super::device::FrameUploader;
use crate::job::JobError;
use crate::libav::codec_context::CodecContext;
use crate::libav::error::{check, failed, is_eagain, is_eof};
use crate::libav::ffi_enums;
use crate::libav::frame::Frame;
use crate::libav::options::{Options, c_string};
use crate::libav::packet::Packet;
use crate::libav::time::rational;
use crate::plan::VideoEncode;
use crate::transcode::settings::encoder_settings;

/// Margin over the minimum bit rate, because other tools round and measure the duration differently.
const FLOOR_MARGIN: f64 = 1.01;

/// Receives an encoded packet in the encoder's time base.
pub(crate) type PacketSink<'a> = dyn FnMut(&mut Packet) -> Result<(), JobError> + 'a;

/// An open encoder.
pub(crate) struct Encoder {
    codec: CodecContext,
    packet: Packet,
    sent: i64,
    packets: u64,
    /// Bytes so far, and the minimum bits per second.
    floor: Option<(u64, u64)>,
    /// Converts frames to the pixel layout of the encoder.
    uploader: Option<FrameUploader>,
}

impl Encoder {
    /// Opens the planned H.264 encoder.
    pub(crate) fn video(plan: &VideoEncode, threads: u32) -> Result<Encoder, JobError> {
        let encoder = find_encoder(plan.encoder.library_name())?;
        let settings = encoder_settings(plan);
        // SAFETY: the encoder was found in the library.
        let mut codec = unsafe { CodecContext::for_codec(encoder)? };
        let size = plan.canvas.as_ref().map_or(plan.scale, |canvas| canvas.size);
        let (num, den) = (plan.frame_rate.num() as c_int, plan.frame_rate.den() as c_int);
        let context = codec.get_mut();
        context.width = size.width as c_int;
        context.height = size.height as c_int;
        context.time_base = rational(den, num);
        context.framerate = rational(num, den);
        context.sample_aspect_ratio = rational(1, 1);
        context.color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
        context.color_primaries = ffi::AVColorPrimaries::AVCOL_PRI_BT709;
        context.color_trc = ffi::AVColorTransferCharacteristic::AVCOL_TRC_BT709;
        context.colorspace = ffi::AVColorSpace::AVCOL_SPC_BT709;
        context.chroma_sample_location = ffi::AVChromaLocation::AVCHROMA_LOC_LEFT;
        context.thread_count = threads.max(1) as c_int;
        context.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as c_int | ffi::AV_CODEC_FLAG_CLOSED_GOP as c_int;
        context.gop_size = plan.gop_frames.max(1) as c_int;
        context.max_b_frames = plan.b_frames.min(16) as c_int;
        if let Some(max) = plan.rate.max_bit_rate {
            context.rc_max_rate = max as i64;
            let buffer = plan.rate.buffer_bits.unwrap_or(max.saturating_mul(2));
            context.rc_buffer_size = buffer.min(i32::MAX as u64) as c_int;
        }
        if plan.encoder.is_hardware() {
            // Zero for constant quality: the library's default bit rate would take precedence.
            context.bit_rate = settings.bit_rate.unwrap_or(0) as i64;
        }
        if let Some(quality) = settings.global_quality {
            context.global_quality = quality;
        }
        if settings.fixed_quality {
            context.flags |= ffi::AV_CODEC_FLAG_QSCALE as c_int;
        }
        let uploader = FrameUploader::attach(&mut codec, settings.layout)?;
        let pairs: Vec<_> = settings.pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let floor = plan.rate.min_bit_rate.map(|floor| (0, floor));
        Encoder::open(codec, &pairs, floor, Some(uploader))
    }

    /// Opens an AAC-LC encoder.
    pub(crate) fn audio(rate: u32, channels: u32, bit_rate: u64) -> Result<Encoder, JobError> {
        let encoder = find_encoder("aac")?;
        // SAFETY: the encoder was found in the library.
        let mut codec = unsafe { CodecContext::for_codec(encoder)? };
        let context = codec.get_mut();
        context.sample_fmt = ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP;
        context.sample_rate = rate as c_int;
        // SAFETY: a fresh context has a zeroed layout.
        unsafe { ffi::av_channel_layout_default(&mut context.ch_layout, channels as c_int) };
        context.bit_rate = bit_rate as i64;
        context.time_base = rational(1, rate as c_int);
        context.thread_count = 1;
        context.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as c_int | ffi::AV_CODEC_FLAG_BITEXACT as c_int;
        Encoder::open(codec, &[("profile", "aac_low")], None, None)
    }

    /// Opens the context for the encoder that it was made for.
    fn open(
        mut codec: CodecContext,
        pairs: &[(&str, &str)],
        floor: Option<(u64, u64)>,
        uploader: Option<FrameUploader>,
    ) -> Result<Encoder, JobError> {
        let mut options = Options::new(pairs)?;
        // SAFETY: the context knows its codec; the dictionary is ours and keeps the unused options.
        let code = unsafe { ffi::avcodec_open2(codec.as_mut_ptr(), ptr::null(), options.as_mut_ptr()) };
        check(code, "cannot open the encoder")?;
        if let Some(name) = options.unused_option() {
            return Err(failed(format!("the encoder does not support the option `{name}`")));
        }
        Ok(Encoder { codec, packet: Packet::new()?, sent: 0, packets: 0, floor, uploader })
    }

    pub(crate) fn codec(&self) -> &CodecContext {
        &self.codec
    }

    pub(crate) fn base(&self) -> ffi::AVRational {
        self.codec.get().time_base
    }

    /// Encodes a frame for a number of ticks.
    pub(crate) fn encode_frame(
        &mut self,
        frame: &mut Frame,
        ticks: u64,
        sink: &mut PacketSink<'_>,
    ) -> Result<(), JobError> {
        let mut loaded = self.uploader.as_ref().map_or(Ok(None), |uploader| uploader.convert(frame))?;
        let frame = loaded.as_mut().unwrap_or(frame);
        for _ in 0..ticks {
            let raw = frame.get_mut();
            raw.pts = self.sent;
            // The encoder chooses the frame types.
            raw.pict_type = ffi::AVPictureType::AV_PICTURE_TYPE_NONE;
            raw.interlaced_frame = 0;
            self.sent += 1;
            self.send(Some(frame), sink)?;
        }
        Ok(())
    }

    /// Encodes a frame of audio.
    pub(crate) fn encode_samples(
        &mut self,
        frame: &mut Frame,
        sink: &mut PacketSink<'_>,
    ) -> Result<(), JobError> {
        frame.get_mut().pts = self.sent;
        self.sent += i64::from(frame.get().nb_samples);
        self.send(Some(frame), sink)
    }

    /// Flushes the encoder.
    pub(crate) fn finish(&mut self, sink: &mut PacketSink<'_>) -> Result<(), JobError> {
        self.send(None, sink)
    }

    fn send(&mut self, frame: Option<&Frame>, sink: &mut PacketSink<'_>) -> Result<(), JobError> {
        let raw = frame.map_or(ptr::null(), Frame::as_ptr);
        // SAFETY: context is open, the frame valid or null for the end.
        check(unsafe { ffi::avcodec_send_frame(self.codec.as_mut_ptr(), raw) }, "the encoder failed")?;
        loop {
            // SAFETY: as above; the packet is ours.
            let code =
                unsafe { ffi::avcodec_receive_packet(self.codec.as_mut_ptr(), self.packet.as_mut_ptr()) };
            if is_eagain(code) || is_eof(code) {
                return Ok(());
            }
            check(code, "the encoder failed")?;
            if ffi_enums::is_video(self.codec.get()) {
                self.packet.get_mut().duration = 1;
                self.fill_to_floor()?;
            }
            sink(&mut self.packet)?;
        }
    }

    /// Appends filler data (H.264, 7.3.2.7) so that the stream reaches its minimum bit rate.
    fn fill_to_floor(&mut self) -> Result<(), JobError> {
        let Some((bytes, floor)) = &mut self.floor else { return Ok(()) };
        *bytes += self.packet.get().size as u64;
        let base = self.codec.get().time_base;
        self.packets += 1;
        let seconds = self.packets as f64 * f64::from(base.num) / f64::from(base.den);
        let wanted = (*floor as f64 / 8.0 * FLOOR_MARGIN * seconds).ceil() as u64;
        let missing = wanted.saturating_sub(*bytes);
        if missing < 16 {
            return Ok(());
        }
        let old = self.packet.get().size as usize;
        // SAFETY: grows the packet, keeping its padding; the new bytes are written before use.
        let code = unsafe { ffi::av_grow_packet(self.packet.as_mut_ptr(), missing as c_int) };
        check(code, "cannot add filler data")?;
        let raw = self.packet.get_mut();
        // SAFETY: the packet now owns `old + missing` writable bytes.
        let tail = unsafe { std::slice::from_raw_parts_mut(raw.data.add(old), missing as usize) };
        tail.fill(0xff);
        tail[..5].copy_from_slice(&[0, 0, 0, 1, 12]);
        if let Some(last) = tail.last_mut() {
            *last = 0x80;
        }
        *bytes += missing;
        Ok(())
    }
}

fn find_encoder(name: &str) -> Result<*const ffi::AVCodec, JobError> {
    let c_name = c_string(name)?;
    // SAFETY: a look-up by name.
    let encoder = unsafe { ffi::avcodec_find_encoder_by_name(c_name.as_ptr()) };
    if encoder.is_null() {
        return Err(failed(format!("FFmpeg has no `{name}` encoder; install an FFmpeg built with it")));
    }
    Ok(encoder)
}
