//! Reads packets from a demuxer on one clock, where the container's own may start over.

use std::collections::VecDeque;
use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::ffi_enums::number;
use super::packet::Packet;
use super::time::NOPTS;
use crate::probe::clock_jumps::{ClockCorrector, PacketTimes, Placement, TICKS_PER_S};

/// Clocks with at least this many bits do not wrap.
const ENDLESS_BITS: c_int = 60;

/// Reads the packets of one demuxer. Packets wait in it while a jump of the clock is examined.
#[derive(Default)]
pub(crate) struct PacketReader {
    /// Created with the first packet; unused for containers whose clock cannot start over.
    corrector: Option<ClockCorrector>,
    waiting: VecDeque<Packet>,
    placements: VecDeque<Placement>,
    /// Whether the last packet read is the first of its stream after a jump.
    begins_part: bool,
}

impl PacketReader {
    /// Reads the next packet, with times on the common clock. Returns libav's code.
    ///
    /// # Safety
    /// `context` is an open demuxer, always the same between two calls of [`PacketReader::restart`], and `packet` is
    /// an empty packet.
    pub(crate) unsafe fn read(
        &mut self,
        context: *mut ffi::AVFormatContext,
        packet: *mut ffi::AVPacket,
    ) -> c_int {
        // SAFETY: by the contract; a plain field of a static object.
        let starts_over = unsafe { (*(*context).iformat).flags & ffi::AVFMT_TS_DISCONT != 0 };
        self.begins_part = false;
        if !starts_over {
            // SAFETY: by the contract.
            return unsafe { ffi::av_read_frame(context, packet) };
        }
        loop {
            if let Some(placement) = self.placements.pop_front() {
                let Some(mut first) = self.waiting.pop_front() else { continue };
                // SAFETY: `packet` is empty and takes the data; the stream is one of the context's.
                unsafe {
                    ffi::av_packet_move_ref(packet, first.as_mut_ptr());
                    place(packet, base_of(context, packet), placement);
                }
                self.begins_part = placement.begins_part;
                return 0;
            }
            let Ok(mut next) = Packet::new() else { return ffi::AVERROR(ffi::ENOMEM) };
            // SAFETY: by the contract; the packet is new.
            let code = unsafe { ffi::av_read_frame(context, next.as_mut_ptr()) };
            if code == ffi::AVERROR_EOF {
                self.corrector.iter_mut().for_each(|corrector| corrector.finish(&mut self.placements));
            }
            if code < 0 {
                if self.placements.is_empty() {
                    return code;
                }
                continue;
            }
            // SAFETY: the packet was just read from the context.
            let (times, wrap) = unsafe { (times(context, next.as_ptr()), wrap_of(context, next.as_ptr())) };
            let corrector = self.corrector.get_or_insert_with(|| ClockCorrector::new(wrap));
            corrector.add(&times, &mut self.placements);
            self.waiting.push_back(next);
        }
    }

    /// Returns whether the last packet read is the first of its stream after a jump of the clock.
    pub(crate) fn begins_part(&self) -> bool {
        self.begins_part
    }

    /// Returns where the parts after the first begin, in seconds.
    pub(crate) fn joints_s(&self) -> Vec<f64> {
        let joints = self.corrector.as_ref().map_or(&[][..], ClockCorrector::joints);
        joints.iter().map(|ticks| *ticks as f64 / TICKS_PER_S as f64).collect()
    }

    /// Begins again, after the position of the demuxer changed.
    pub(crate) fn restart(&mut self) {
        *self = PacketReader::default();
    }
}

/// # Safety
/// `packet` was read from the open demuxer `context`.
unsafe fn base_of(context: *const ffi::AVFormatContext, packet: *const ffi::AVPacket) -> ffi::AVRational {
    // SAFETY: by the contract, the index is that of one of the streams.
    unsafe { (**(*context).streams.add((*packet).stream_index as usize)).time_base }
}

/// Returns the number of ticks after which the clock of a packet's stream starts again at zero.
///
/// # Safety
/// As [`base_of`].
unsafe fn wrap_of(context: *const ffi::AVFormatContext, packet: *const ffi::AVPacket) -> Option<i64> {
    // SAFETY: by the contract.
    let (bits, base) = unsafe {
        ((**(*context).streams.add((*packet).stream_index as usize)).pts_wrap_bits, base_of(context, packet))
    };
    (0..ENDLESS_BITS).contains(&bits).then(|| to_ticks(1 << bits, base)).filter(|wrap| *wrap > 1)
}

/// Returns the times of a packet; none for streams that are neither video nor audio, whose times do not show a jump.
///
/// # Safety
/// As [`base_of`].
unsafe fn times(context: *const ffi::AVFormatContext, packet: *const ffi::AVPacket) -> PacketTimes {
    // SAFETY: by the contract; codec parameters are always there.
    let (raw, base, kind) = unsafe {
        let stream = *(*context).streams.add((*packet).stream_index as usize);
        (&*packet, (*stream).time_base, number(&raw const (*(*stream).codecpar).codec_type))
    };
    let counts = kind == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO as c_int
        || kind == ffi::AVMediaType::AVMEDIA_TYPE_AUDIO as c_int;
    let ticks = |time: i64| (time != NOPTS && counts).then(|| to_ticks(time, base));
    PacketTimes {
        stream: raw.stream_index,
        dts: ticks(raw.dts),
        pts: ticks(raw.pts),
        duration: to_ticks(raw.duration.max(0), base),
        key: raw.flags & ffi::AV_PKT_FLAG_KEY != 0,
    }
}

/// Moves a packet to the common clock.
///
/// # Safety
/// `packet` is valid and not used elsewhere.
unsafe fn place(packet: *mut ffi::AVPacket, base: ffi::AVRational, placement: Placement) {
    // SAFETY: by the contract.
    let raw = unsafe { &mut *packet };
    for (time, shift) in [(&mut raw.dts, placement.dts_shift), (&mut raw.pts, placement.pts_shift)] {
        if *time != NOPTS && shift != 0 {
            *time = time.saturating_add(from_ticks(shift, base));
        }
    }
}

fn to_ticks(time: i64, base: ffi::AVRational) -> i64 {
    rescale(time, i64::from(base.num) * TICKS_PER_S, i64::from(base.den))
}

fn from_ticks(ticks: i64, base: ffi::AVRational) -> i64 {
    rescale(ticks, i64::from(base.den), i64::from(base.num) * TICKS_PER_S)
}

/// Returns `value * num / den`, rounded to the nearest.
fn rescale(value: i64, num: i64, den: i64) -> i64 {
    let den = i128::from(den.max(1));
    let scaled = (2 * i128::from(value) * i128::from(num) + den).div_euclid(2 * den);
    i64::try_from(scaled).unwrap_or(if scaled < 0 { i64::MIN / 4 } else { i64::MAX / 4 })
}
