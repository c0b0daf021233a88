//! Copies streams: packets keep their bytes, timestamps start at zero.

use std::collections::VecDeque;
use std::ffi::{CStr, c_int};
use std::ptr;

use ffmpeg_next::ffi;

use super::mux::Muxer;
use crate::job::JobError;
use crate::libav::error::{check, failed, is_eagain, is_eof};
use crate::libav::ffi_enums;
use crate::libav::input::Input;
use crate::libav::packet::Packet;
use crate::libav::time::{NOPTS, seconds, units};
use crate::plan::VideoTags;
use crate::transcode::trim::PacketTrimmer;

/// Maximum number of packets at the start of a stream without a decode time. Frames are reordered by at most
/// 16.
const MAX_WITHOUT_DTS: usize = 32;

/// The options of FFmpeg's metadata filters that declare BT.709, limited range.
const BT709_SETTINGS: [(&CStr, &CStr); 4] = [
    (c"colour_primaries", c"1"),
    (c"transfer_characteristics", c"1"),
    (c"matrix_coefficients", c"1"),
    (c"video_full_range_flag", c"0"),
];

/// An owned bitstream filter.
struct BitstreamFilter(*mut ffi::AVBSFContext);

// SAFETY: used by one thread at a time.
unsafe impl Send for BitstreamFilter {}

impl Drop for BitstreamFilter {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { ffi::av_bsf_free(&mut self.0) }
    }
}

/// Copies one stream.
pub(crate) struct Copier {
    source: *mut ffi::AVStream,
    base: ffi::AVRational,
    shift: i64,
    /// Trims the stream at its limit, with the packets waiting to be released.
    trimmer: Option<(PacketTrimmer, VecDeque<Packet>)>,
    filter: Option<BitstreamFilter>,
    last_dts: Option<i64>,
    /// The first packets, until a packet has a decode time.
    without_dts: Vec<Packet>,
    /// The end of the stream in seconds of the video.
    pub(crate) end_s: f64,
    /// The end of the source's stream in seconds of the video, trimmed packets included.
    pub(crate) source_end_s: f64,
    /// Packets emitted.
    pub(crate) packets: u64,
}

// SAFETY: the stream pointer is only used while the input is open, by the thread that owns both.
unsafe impl Send for Copier {}

/// How a stream is copied.
pub(crate) struct CopyPlan<'a> {
    pub(crate) stream: u32,
    pub(crate) tags: Option<&'a VideoTags>,
    pub(crate) start_s: f64,
    pub(crate) limit_s: Option<f64>,
}

impl Copier {
    pub(crate) fn open(input: &mut Input, plan: &CopyPlan<'_>) -> Result<Copier, JobError> {
        let source = input.stream(plan.stream)?;
        // SAFETY: the stream belongs to the open input.
        let base = unsafe { (*source).time_base };
        let filter = match plan.tags {
            // SAFETY: as above.
            Some(tags) if tags.declare_bt709 => unsafe { open_filter(source)? },
            _ => None,
        };
        Ok(Copier {
            source,
            base,
            shift: units(plan.start_s, base),
            trimmer: plan.limit_s.map(|limit| (PacketTrimmer::new(units(limit, base)), VecDeque::new())),
            filter,
            last_dts: None,
            without_dts: Vec::new(),
            end_s: 0.0,
            source_end_s: 0.0,
            packets: 0,
        })
    }

    /// Adds the stream to an output. Returns its index there.
    pub(crate) fn add_to(
        &self,
        muxer: &mut Muxer,
        tag: Option<&str>,
        keep_language: bool,
    ) -> Result<usize, JobError> {
        // SAFETY: the stream belongs to the open input that the transcoder holds beside this copier; the parameters are
        // those of the stream or of the filter.
        unsafe { muxer.add_copied(self.source, self.parameters(), tag, keep_language) }
    }

    /// Returns the source stream.
    pub(crate) fn source(&self) -> *mut ffi::AVStream {
        self.source
    }

    /// Returns the codec parameters of the output packets.
    pub(crate) fn parameters(&self) -> *const ffi::AVCodecParameters {
        // SAFETY: valid as long as the input and the filter are.
        unsafe {
            match &self.filter {
                Some(filter) => (*filter.0).par_out,
                None => (*self.source).codecpar,
            }
        }
    }

    /// Returns the time base of the output packets.
    pub(crate) fn base(&self) -> ffi::AVRational {
        self.base
    }

    /// Processes a packet, or the end of the stream for `None`, and passes the output packets to `sink`.
    pub(crate) fn push(
        &mut self,
        packet: Option<&mut Packet>,
        sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let Some(filter) = &self.filter else {
            return match packet {
                Some(packet) => self.assign_dts(packet, sink),
                None => self.flush(sink),
            };
        };
        let context = filter.0;
        let last = packet.is_none();
        let raw = packet.map_or(ptr::null_mut(), |packet| packet.as_mut_ptr());
        // SAFETY: the filter is open; it takes the packet's reference, or null for the end.
        check(unsafe { ffi::av_bsf_send_packet(context, raw) }, "a bitstream filter failed")?;
        loop {
            let mut out = Packet::new()?;
            // SAFETY: as above; the packet is empty.
            let code = unsafe { ffi::av_bsf_receive_packet(context, out.as_mut_ptr()) };
            if is_eagain(code) || is_eof(code) {
                return if last { self.flush(sink) } else { Ok(()) };
            }
            check(code, "a bitstream filter failed")?;
            self.assign_dts(&mut out, sink)?;
        }
    }

    /// Holds the first packets until one has a decode time, and derives theirs from it. Demuxers of containers
    /// without decode times, such as Matroska, do not know those of the first reordered frames.
    fn assign_dts(
        &mut self,
        packet: &mut Packet,
        sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let (pts, dts) = (packet.get().pts, packet.get().dts);
        if self.last_dts.is_none() && dts == NOPTS && pts != NOPTS && self.without_dts.len() < MAX_WITHOUT_DTS
        {
            self.without_dts.push(std::mem::replace(packet, Packet::new()?));
            return Ok(());
        }
        if dts != NOPTS {
            let mut next = dts;
            for earlier in self.without_dts.iter_mut().rev() {
                let raw = earlier.get_mut();
                next = next.saturating_sub(raw.duration.max(1)).min(raw.pts);
                raw.dts = next;
            }
        }
        self.flush_without_dts(sink)?;
        self.rescale_and_trim(packet, sink)
    }

    fn flush_without_dts(
        &mut self,
        sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        for mut earlier in std::mem::take(&mut self.without_dts) {
            self.rescale_and_trim(&mut earlier, sink)?;
        }
        Ok(())
    }

    fn rescale_and_trim(
        &mut self,
        packet: &mut Packet,
        sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let shift = self.shift;
        let raw = packet.get_mut();
        if raw.dts == NOPTS {
            raw.dts = self.last_dts.map_or(raw.pts, |last| last + shift + 1);
        }
        if raw.pts == NOPTS {
            // SAFETY: codec parameters of the open input.
            let reordered = unsafe { (*(*self.source).codecpar).video_delay > 0 };
            if reordered || raw.dts == NOPTS {
                return Err(failed(
                    "a stream without presentation timestamps must be re-encoded, not copied",
                ));
            }
            raw.pts = raw.dts;
        }
        raw.pts -= shift;
        raw.dts -= shift;
        // Muxers require strictly increasing decode times.
        if let Some(last) = self.last_dts.filter(|last| raw.dts <= *last) {
            raw.dts = last + 1;
        }
        raw.pts = raw.pts.max(raw.dts);
        self.last_dts = Some(raw.dts);
        let (pts, duration, dts) = (raw.pts, raw.duration, raw.dts);
        self.source_end_s = self.source_end_s.max(seconds(pts + duration, self.base()));
        let Some((trimmer, waiting)) = &mut self.trimmer else { return self.emit(packet, sink) };
        if trimmer.is_finished() {
            return Ok(());
        }
        waiting.push_back(std::mem::replace(packet, Packet::new()?));
        let count = trimmer.push(pts, duration, dts);
        self.emit_waiting(count, sink)
    }

    /// Emits the packets held until the end of the stream.
    fn flush(&mut self, sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>) -> Result<(), JobError> {
        self.flush_without_dts(sink)?;
        let count = self.trimmer.as_mut().map_or(0, |(trimmer, _)| trimmer.finish());
        self.emit_waiting(count, sink)
    }

    fn emit_waiting(
        &mut self,
        count: usize,
        sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        for _ in 0..count {
            if let Some(mut packet) = self.trimmer.as_mut().and_then(|(_, waiting)| waiting.pop_front()) {
                self.emit(&mut packet, sink)?;
            }
        }
        Ok(())
    }

    fn emit(
        &mut self,
        packet: &mut Packet,
        sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let raw = packet.get();
        self.end_s = self.end_s.max(seconds(raw.pts + raw.duration, self.base()));
        self.packets += 1;
        sink(packet)
    }

    /// Returns whether the limit is reached and no further packet is needed.
    pub(crate) fn reached_limit(&self) -> bool {
        self.trimmer.as_ref().is_some_and(|(trimmer, _)| trimmer.is_finished())
    }
}

/// Opens the filter that declares BT.709 in the bitstream; `None` for a codec that has none.
///
/// # Safety
/// `source` belongs to an open input.
unsafe fn open_filter(source: *mut ffi::AVStream) -> Result<Option<BitstreamFilter>, JobError> {
    // SAFETY: the stream belongs to the open input.
    let parameters = unsafe { (*source).codecpar };
    // SAFETY: as above.
    let name = unsafe {
        match ffi_enums::codec_id(parameters) {
            id if id == ffi::AVCodecID::AV_CODEC_ID_H264 as c_int => c"h264_metadata",
            id if id == ffi::AVCodecID::AV_CODEC_ID_HEVC as c_int => c"hevc_metadata",
            _ => return Ok(None),
        }
    };
    let mut filter = BitstreamFilter(ptr::null_mut());
    // SAFETY: the filter is a static object; context and parameters are valid; strings are copied.
    unsafe {
        let found = ffi::av_bsf_get_by_name(name.as_ptr());
        if found.is_null() {
            return Err(failed(format!(
                "this FFmpeg lacks the bitstream filter `{}` that the fix needs; install a full build of FFmpeg",
                name.to_string_lossy()
            )));
        }
        check(ffi::av_bsf_alloc(found, &mut filter.0), "cannot set up a bitstream filter")?;
        check(
            ffi::avcodec_parameters_copy((*filter.0).par_in, parameters),
            "cannot set up a bitstream filter",
        )?;
        (*filter.0).time_base_in = (*source).time_base;
        for (key, value) in BT709_SETTINGS {
            let code = ffi::av_opt_set((*filter.0).priv_data, key.as_ptr(), value.as_ptr(), 0);
            check(code, "a bitstream filter rejected an option")?;
        }
        check(ffi::av_bsf_init(filter.0), "cannot set up a bitstream filter")?;
        let out = (*filter.0).par_out;
        (*out).color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
        (*out).color_primaries = ffi::AVColorPrimaries::AVCOL_PRI_BT709;
        (*out).color_trc = ffi::AVColorTransferCharacteristic::AVCOL_TRC_BT709;
        (*out).color_space = ffi::AVColorSpace::AVCOL_SPC_BT709;
    }
    Ok(Some(filter))
}
