//! Copied streams: packets keep their bytes, their clock starts at zero.

use std::collections::VecDeque;
use std::ptr;

use ffmpeg_next::ffi;

use super::av::{NOPTS, Packet, again, check, eof, failed, rational, seconds, units};
use super::input::Input;
use crate::job::JobError;
use crate::model::Rational;
use crate::plan::VideoTags;
use crate::transcode::trim::Cut;

/// Packets at the start of a stream whose decode times may be unknown: pictures are shown out of order by 16 at
/// most.
const MAX_UNDATED: usize = 32;

/// A chain of bitstream filters.
struct Filter(*mut ffi::AVBSFContext);

// SAFETY: used by one thread at a time.
unsafe impl Send for Filter {}

impl Drop for Filter {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { ffi::av_bsf_free(&mut self.0) }
    }
}

/// One copied stream.
pub(crate) struct Copier {
    source: *mut ffi::AVStream,
    base: ffi::AVRational,
    shift: i64,
    /// Drop what ends before the video starts.
    drop_priming: bool,
    /// Where the stream is cut, with the packets that wait for it.
    cut: Option<(Cut, VecDeque<Packet>)>,
    filter: Option<Filter>,
    retime: Option<Retime>,
    last_dts: Option<i64>,
    /// The first packets, as long as no decode time is known.
    undated: Vec<Packet>,
    /// The end of the stream in seconds of the video.
    pub(crate) end_s: f64,
    /// How far the source went, in seconds of the video, kept or not.
    pub(crate) reached_s: f64,
    /// Packets handed on.
    pub(crate) packets: u64,
}

// SAFETY: the stream pointer is only used while the input is open, by the thread that owns both.
unsafe impl Send for Copier {}

/// Presentation times replaced by an even clock.
struct Retime {
    /// All presentation times of the source, sorted.
    order: Vec<i64>,
    base: ffi::AVRational,
    delay: i64,
    next: i64,
}

/// How a stream is copied.
pub(crate) struct CopyPlan<'a> {
    pub(crate) stream: u32,
    pub(crate) tags: Option<&'a VideoTags>,
    pub(crate) start_s: f64,
    pub(crate) limit_s: Option<f64>,
    pub(crate) drop_priming: bool,
}

impl Copier {
    pub(crate) fn open(input: &mut Input, plan: &CopyPlan<'_>) -> Result<Copier, JobError> {
        let source = input.stream(plan.stream)?;
        // SAFETY: the stream belongs to the open input.
        let base = unsafe { (*source).time_base };
        let filter = match plan.tags {
            Some(tags) => open_filter(source, tags)?,
            None => None,
        };
        let retime = match plan.tags.and_then(|tags| tags.retime_to) {
            Some(rate) => Some(Retime::measure(input.again()?, plan.stream, rate)?),
            None => None,
        };
        let counted = retime.as_ref().map_or(base, |retime| retime.base);
        Ok(Copier {
            source,
            base,
            shift: units(plan.start_s, base),
            drop_priming: plan.drop_priming,
            cut: plan.limit_s.map(|limit| (Cut::new(units(limit, counted)), VecDeque::new())),
            filter,
            retime,
            last_dts: None,
            undated: Vec::new(),
            end_s: 0.0,
            reached_s: 0.0,
            packets: 0,
        })
    }

    /// The stream copied from.
    pub(crate) fn source(&self) -> *mut ffi::AVStream {
        self.source
    }

    /// What describes the packets that come out.
    pub(crate) fn parameters(&self) -> *const ffi::AVCodecParameters {
        // SAFETY: valid as long as the input and the filter are.
        unsafe {
            match &self.filter {
                Some(filter) => (*filter.0).par_out,
                None => (*self.source).codecpar,
            }
        }
    }

    /// The time base of the packets that come out.
    pub(crate) fn base(&self) -> ffi::AVRational {
        self.retime.as_ref().map_or(self.base, |retime| retime.base)
    }

    /// Hands on a packet, or the end, changed as planned.
    pub(crate) fn push(
        &mut self,
        packet: Option<&mut Packet>,
        sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let Some(filter) = &self.filter else {
            return match packet {
                Some(packet) => self.date(packet, sink),
                None => self.empty(sink),
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
            if again(code) || eof(code) {
                return if last { self.empty(sink) } else { Ok(()) };
            }
            check(code, "a bitstream filter failed")?;
            self.date(&mut out, sink)?;
        }
    }

    /// Keeps the first packets until one has a decode time, from which theirs follow: a demuxer that finds out by
    /// reading on, such as Matroska's, does not know those of pictures that are shown out of order.
    fn date(
        &mut self,
        packet: &mut Packet,
        sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let (pts, dts) = (packet.get().pts, packet.get().dts);
        if self.last_dts.is_none() && dts == NOPTS && pts != NOPTS && self.undated.len() < MAX_UNDATED {
            self.undated.push(std::mem::replace(packet, Packet::new()?));
            return Ok(());
        }
        if dts != NOPTS {
            let mut next = dts;
            for early in self.undated.iter_mut().rev() {
                let raw = early.get_mut();
                next = next.saturating_sub(raw.duration.max(1)).min(raw.pts);
                raw.dts = next;
            }
        }
        self.hand_on_undated(sink)?;
        self.hand_on(packet, sink)
    }

    fn hand_on_undated(
        &mut self,
        sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        for mut early in std::mem::take(&mut self.undated) {
            self.hand_on(&mut early, sink)?;
        }
        Ok(())
    }

    fn hand_on(
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
                return Err(failed("a stream without presentation times cannot be copied"));
            }
            raw.pts = raw.dts;
        }
        if let Some(retime) = &mut self.retime {
            retime.stamp(raw)?;
        } else {
            raw.pts -= shift;
            raw.dts -= shift;
            if self.drop_priming && raw.pts + raw.duration <= 0 {
                return Ok(());
            }
        }
        // Muxers refuse decode times that stand still.
        if let Some(last) = self.last_dts.filter(|last| raw.dts <= *last) {
            raw.dts = last + 1;
        }
        raw.pts = raw.pts.max(raw.dts);
        self.last_dts = Some(raw.dts);
        let (pts, duration, dts) = (raw.pts, raw.duration, raw.dts);
        self.reached_s = self.reached_s.max(seconds(pts + duration, self.base()));
        let Some((cut, waiting)) = &mut self.cut else { return self.give(packet, sink) };
        if cut.is_over() {
            return Ok(());
        }
        waiting.push_back(std::mem::replace(packet, Packet::new()?));
        let count = cut.arrive(pts, duration, dts);
        self.let_pass(count, sink)
    }

    /// Hands on what waits for the end.
    fn empty(&mut self, sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>) -> Result<(), JobError> {
        self.hand_on_undated(sink)?;
        let count = self.cut.as_mut().map_or(0, |(cut, _)| cut.finish());
        self.let_pass(count, sink)
    }

    fn let_pass(
        &mut self,
        count: usize,
        sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        for _ in 0..count {
            if let Some(mut packet) = self.cut.as_mut().and_then(|(_, waiting)| waiting.pop_front()) {
                self.give(&mut packet, sink)?;
            }
        }
        Ok(())
    }

    fn give(
        &mut self,
        packet: &mut Packet,
        sink: &mut dyn FnMut(&mut Packet) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let raw = packet.get();
        self.end_s = self.end_s.max(seconds(raw.pts + raw.duration, self.base()));
        self.packets += 1;
        sink(packet)
    }

    /// Whether nothing more is wanted.
    pub(crate) fn is_full(&self) -> bool {
        self.cut.as_ref().is_some_and(|(cut, _)| cut.is_over())
    }
}

impl Retime {
    /// Walks over the stream for its presentation times.
    fn measure(mut input: Input, stream: u32, rate: Rational) -> Result<Retime, JobError> {
        let mut coded = Vec::new();
        let mut packet = Packet::new()?;
        while input.read(&mut packet)? {
            if packet.get().stream_index == stream as i32 {
                if packet.get().pts == NOPTS {
                    return Err(failed("a stream without presentation times cannot be given a new clock"));
                }
                coded.push(packet.get().pts);
            }
        }
        let mut order = coded.clone();
        order.sort_unstable();
        let delay = coded
            .iter()
            .enumerate()
            .map(|(i, pts)| i as i64 - order.partition_point(|other| other < pts) as i64)
            .max()
            .unwrap_or(0)
            .max(0);
        let (num, den) = (rate.num() as i32, rate.den() as i32);
        Ok(Retime { order, base: rational(den, num), delay, next: 0 })
    }

    fn stamp(&mut self, packet: &mut ffi::AVPacket) -> Result<(), JobError> {
        packet.pts = self
            .order
            .binary_search(&packet.pts)
            .map_err(|_| failed("the input changed while it was read"))? as i64;
        packet.dts = self.next - self.delay;
        packet.duration = 1;
        self.next += 1;
        Ok(())
    }
}

/// The filter that writes the tags into the bitstream; `None` where nothing is to be written.
fn open_filter(source: *mut ffi::AVStream, tags: &VideoTags) -> Result<Option<Filter>, JobError> {
    // SAFETY: the stream belongs to the open input.
    let parameters = unsafe { (*source).codecpar };
    // SAFETY: as above.
    let name = unsafe {
        match (*parameters).codec_id {
            ffi::AVCodecID::AV_CODEC_ID_H264 => c"h264_metadata",
            ffi::AVCodecID::AV_CODEC_ID_HEVC => c"hevc_metadata",
            _ => return Ok(None),
        }
    };
    let mut settings: Vec<(&std::ffi::CStr, String)> = Vec::new();
    if tags.declare_bt709 {
        for key in [c"colour_primaries", c"transfer_characteristics", c"matrix_coefficients"] {
            settings.push((key, "1".to_owned()));
        }
        settings.push((c"video_full_range_flag", "0".to_owned()));
    }
    if let Some(aspect) = tags.sample_aspect_ratio {
        settings.push((c"sample_aspect_ratio", format!("{}/{}", aspect.num(), aspect.den())));
    }
    if settings.is_empty() {
        return Ok(None);
    }
    let mut filter = Filter(ptr::null_mut());
    // SAFETY: the filter is a static object; context and parameters are valid; strings are copied.
    unsafe {
        let found = ffi::av_bsf_get_by_name(name.as_ptr());
        if found.is_null() {
            return Err(failed(format!("the media library has no `{}` filter", name.to_string_lossy())));
        }
        check(ffi::av_bsf_alloc(found, &mut filter.0), "cannot set up a bitstream filter")?;
        check(
            ffi::avcodec_parameters_copy((*filter.0).par_in, parameters),
            "cannot set up a bitstream filter",
        )?;
        (*filter.0).time_base_in = (*source).time_base;
        for (key, value) in &settings {
            let value = super::av::c_string(value)?;
            let code = ffi::av_opt_set((*filter.0).priv_data, key.as_ptr(), value.as_ptr(), 0);
            check(code, "a bitstream filter refuses a setting")?;
        }
        check(ffi::av_bsf_init(filter.0), "cannot set up a bitstream filter")?;
        let out = (*filter.0).par_out;
        if tags.declare_bt709 {
            (*out).color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
            (*out).color_primaries = ffi::AVColorPrimaries::AVCOL_PRI_BT709;
            (*out).color_trc = ffi::AVColorTransferCharacteristic::AVCOL_TRC_BT709;
            (*out).color_space = ffi::AVColorSpace::AVCOL_SPC_BT709;
        }
        if let Some(aspect) = tags.sample_aspect_ratio {
            (*out).sample_aspect_ratio = rational(aspect.num() as i32, aspect.den() as i32);
        }
    }
    Ok(Some(filter))
}
