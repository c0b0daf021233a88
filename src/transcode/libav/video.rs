//! Packets of one video stream in, paced pictures out.

use std::ffi::{CStr, c_char};

use ffmpeg_next::ffi;

use super::av::{Frame, NOPTS, Packet, failed, frame_duration, rational, seconds};
use super::filter_stage::FilterStage;
use super::input::Input;
use super::shared_decode::{Pictures, Place};
use crate::job::JobError;
use crate::model::Damage;
use crate::plan::VideoEncode;
use crate::transcode::frame_pacing::Pace;
use crate::transcode::gaps::{Gap, Gaps};
use crate::transcode::graph::Source;

/// Takes a decoded picture and the number of ticks it is shown.
pub(crate) type VideoSink<'a> = dyn FnMut(Frame, u64) -> Result<(), JobError> + 'a;

/// Decoder and pacing of the picture. What comes out still has to be developed.
pub(crate) struct VideoChain {
    decoder: Pictures,
    plan: VideoEncode,
    pace: Pace,
    aspect: ffi::AVRational,
    /// Start of the video in units of the stream.
    start: i64,
    /// Where a repeated video starts, in the same units.
    offset: i64,
    usual: i64,
    /// Pictures follow each other without times of their own.
    counted: bool,
    last: Option<(i64, i64)>,
    held: Option<Frame>,
    /// How far decoded frames lie apart.
    pub(crate) gaps: Gaps,
}

impl VideoChain {
    pub(crate) fn open(
        input: &mut Input,
        plan: &VideoEncode,
        start_s: f64,
        limit_s: Option<f64>,
        threads: u32,
        place: Option<Place>,
    ) -> Result<VideoChain, JobError> {
        let stream = input.stream(plan.stream)?;
        let decoder = Pictures::open(stream, threads.clamp(1, 2), place)?;
        // SAFETY: the stream belongs to the open input; plain fields, and a look-up over them.
        let (aspect, rate) = unsafe {
            let aspect = ffi::av_guess_sample_aspect_ratio(input.as_mut_ptr(), stream, std::ptr::null_mut());
            (aspect, (*stream).avg_frame_rate)
        };
        let base = decoder.base();
        let frame_s = if rate.num > 0 && rate.den > 0 {
            f64::from(rate.den) / f64::from(rate.num)
        } else {
            1.0 / plan.frame_rate.as_f64()
        };
        Ok(VideoChain {
            decoder,
            plan: plan.clone(),
            pace: Pace::new(plan.frame_rate, limit_s),
            aspect,
            start: super::av::units(start_s, base),
            offset: 0,
            usual: super::av::units(frame_s, base).max(1),
            counted: input.is_without_times(),
            last: None,
            held: None,
            gaps: Gaps::default(),
        })
    }

    /// Feeds a packet of the stream.
    pub(crate) fn push(&mut self, packet: &Packet, sink: &mut VideoSink<'_>) -> Result<(), JobError> {
        let raw = packet.get();
        if raw.flags & ffi::AV_PKT_FLAG_KEY != 0 {
            self.gaps.key((raw.pts != NOPTS && !self.counted).then_some(raw.pts));
        }
        self.decode(Some(packet), sink)?;
        if self.is_full() {
            self.decoder.leave();
        }
        Ok(())
    }

    /// Gets what the decoder still holds. [`VideoChain::again`] or [`VideoChain::finish`] follows.
    pub(crate) fn end_of_stream(&mut self, sink: &mut VideoSink<'_>) -> Result<(), JobError> {
        self.decode(None, sink)
    }

    /// From now on packets come from the start once more, `length_s` later than before.
    pub(crate) fn again(&mut self, length_s: f64) -> Result<(), JobError> {
        self.decoder.flush()?;
        self.offset += super::av::units(length_s, self.decoder.base());
        self.last = None;
        self.gaps.lose_place();
        Ok(())
    }

    /// Shows the last picture until `end_s`.
    pub(crate) fn finish(&mut self, end_s: f64, sink: &mut VideoSink<'_>) -> Result<(), JobError> {
        self.decoder.leave();
        let count = self.pace.finish(end_s).map_err(|e| failed(e.to_string()))?;
        match self.held.take() {
            Some(frame) => self.hand_on(frame, count, sink),
            None => Ok(()),
        }
    }

    fn decode(&mut self, packet: Option<&Packet>, sink: &mut VideoSink<'_>) -> Result<(), JobError> {
        let mut frames = Vec::new();
        self.decoder.feed(packet, &mut |frame| {
            frames.push(frame);
            Ok(())
        })?;
        for frame in frames {
            self.arrive(frame, sink)?;
        }
        Ok(())
    }

    fn arrive(&mut self, frame: Frame, sink: &mut VideoSink<'_>) -> Result<(), JobError> {
        let base = self.decoder.base();
        let raw = frame.get();
        let stamped = raw.best_effort_timestamp;
        let time = match (stamped, self.last) {
            (stamped, Some((last, duration))) if self.counted || stamped == NOPTS => last + duration,
            (stamped, None) if self.counted || stamped == NOPTS => self.offset,
            (stamped, _) => stamped - self.start + self.offset,
        };
        // Counted times have no gaps.
        if let Some((last, _)) = self.last.filter(|_| !self.counted) {
            let moved = self.start - self.offset;
            let between = (last + moved, time + moved);
            let (length_s, at_s) = (seconds(time - last, base), seconds(last, base));
            self.gaps.note(Gap { length_s, at_s, between });
        }
        let duration = match frame_duration(raw) {
            known if known > 0 => known,
            _ => self.usual,
        };
        self.last = Some((time, duration));
        let count = self.pace.arrive(time, (base.num, base.den)).map_err(|e| failed(e.to_string()))?;
        match self.held.replace(frame) {
            Some(previous) => self.hand_on(previous, count, sink),
            None => Ok(()),
        }
    }

    fn hand_on(&self, frame: Frame, count: u64, sink: &mut VideoSink<'_>) -> Result<(), JobError> {
        // A deinterlacer looks at the neighbours, so it gets even those nobody sees.
        if count == 0 && !self.plan.deinterlace { Ok(()) } else { sink(frame, count) }
    }

    /// What develops the pictures of this chain.
    pub(crate) fn darkroom(&self) -> FilterStage {
        FilterStage::new(self.plan.clone(), self.aspect)
    }

    /// Whether nothing more is wanted.
    pub(crate) fn is_full(&self) -> bool {
        self.pace.is_full()
    }

    /// Ticks given away so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.pace.total()
    }

    /// When the last decoded frame ends, in seconds of the video.
    pub(crate) fn end_s(&self) -> f64 {
        self.last.map_or(0.0, |(time, duration)| seconds(time + duration, self.decoder.base()))
    }

    /// The sample aspect ratio, where the container has a say.
    pub(crate) fn aspect(&self) -> ffi::AVRational {
        self.aspect
    }

    /// What the distance between two frames usually is, in seconds.
    pub(crate) fn usual_s(&self) -> f64 {
        seconds(self.usual, self.decoder.base())
    }

    /// Frames that came out of the decoder.
    pub(crate) fn decoded(&self) -> u64 {
        self.decoder.frames()
    }

    /// How often the decoder complained, with the first complaints.
    pub(crate) fn damage(&self) -> (u64, &[Damage]) {
        self.decoder.damage()
    }
}

fn name_of(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: libav's colour names are static, zero-ended strings.
    let name = unsafe { CStr::from_ptr(text) }.to_str().ok()?;
    // FFmpeg says "unknown" or "reserved" for what is no tag.
    (name != "unknown" && name != "reserved").then(|| name.to_owned())
}

/// The properties a graph is built for.
pub(crate) fn describe(frame: &Frame, aspect: ffi::AVRational) -> Source {
    let raw = frame.get();
    // SAFETY: formats and tags come from the library the bindings were made for, so they are values
    // of these enums; the returned strings are static.
    let (matrix, primaries, transfer, rgb, planar_yuv, full) = unsafe {
        let format = std::mem::transmute::<i32, ffi::AVPixelFormat>(raw.format);
        let descriptor = ffi::av_pix_fmt_desc_get(format);
        let flags = if descriptor.is_null() { 0 } else { (*descriptor).flags };
        let has = |flag: i32| flags & flag as u64 != 0;
        let rgb = has(ffi::AV_PIX_FMT_FLAG_RGB) || has(ffi::AV_PIX_FMT_FLAG_PAL);
        let components = if descriptor.is_null() { 0 } else { (*descriptor).nb_components };
        let yuv = !rgb
            && has(ffi::AV_PIX_FMT_FLAG_PLANAR)
            && components == 3
            && !has(ffi::AV_PIX_FMT_FLAG_BE)
            && !has(ffi::AV_PIX_FMT_FLAG_ALPHA);
        // Semi-planar formats hold two components in one plane, which zimg does not take.
        let planes = if descriptor.is_null() { 0 } else { ffi::av_pix_fmt_count_planes(format) };
        let j = matches!(
            format,
            ffi::AVPixelFormat::AV_PIX_FMT_YUVJ420P
                | ffi::AVPixelFormat::AV_PIX_FMT_YUVJ422P
                | ffi::AVPixelFormat::AV_PIX_FMT_YUVJ444P
        );
        (
            name_of(ffi::av_color_space_name(raw.colorspace)),
            name_of(ffi::av_color_primaries_name(raw.color_primaries)),
            name_of(ffi::av_color_transfer_name(raw.color_trc)),
            rgb,
            yuv && planes == 3 && !j,
            j || raw.color_range == ffi::AVColorRange::AVCOL_RANGE_JPEG,
        )
    };
    let aspect = if aspect.num > 0 && aspect.den > 0 { aspect } else { raw.sample_aspect_ratio };
    let aspect = if aspect.num > 0 && aspect.den > 0 { aspect } else { rational(1, 1) };
    Source {
        size: (raw.width.max(0) as u32, raw.height.max(0) as u32),
        pixel_format: raw.format,
        sample_aspect_ratio: (aspect.num as u32, aspect.den as u32),
        rgb,
        zimg: planar_yuv,
        full_range: full,
        matrix,
        primaries,
        transfer,
    }
}
