//! Decodes the packets of a video stream into paced frames.

use ffmpeg_next::ffi;

use super::filter_stage::FilterStage;
use super::shared_decode::{DecoderHandle, FrameSource};
use crate::job::JobError;
use crate::libav::error::failed;
use crate::libav::frame::{Frame, frame_duration};
use crate::libav::input::Input;
use crate::libav::packet::Packet;
use crate::libav::source_reading::VideoReading;
use crate::libav::start_cut::StartCut;
use crate::libav::time::{NOPTS, seconds, units};
use crate::libav::timestamp_gaps::{Gap, Gaps};
use crate::model::{Codec, DecodeError};
use crate::plan::VideoEncode;
use crate::transcode::frame_pacing::FramePacer;
use crate::transcode::shown_times::ShownTimes;

/// Receives a decoded frame and the number of ticks it is shown.
pub(crate) type VideoSink<'a> = dyn FnMut(Frame, u64) -> Result<(), JobError> + 'a;

/// Decodes and paces a video stream. Its frames are not filtered yet.
pub(crate) struct VideoChain {
    decoder: FrameSource,
    plan: VideoEncode,
    pacer: FramePacer,
    aspect: ffi::AVRational,
    /// Start of the video in the time base of the stream.
    start: i64,
    /// Start of the current pass of a looped video, in the same units.
    offset: i64,
    nominal_duration: i64,
    /// Whether the container has no timestamps, so that frames are evenly spaced.
    untimed: bool,
    /// Leaves out packets before the start, if set.
    start_cut: Option<StartCut>,
    last: Option<(i64, i64)>,
    held: Option<Frame>,
    /// The gaps between decoded frames.
    gaps: Gaps,
    shown: ShownTimes,
    /// Whether the container states only decode times, as its first packet shows.
    only_dts: Option<bool>,
}

impl VideoChain {
    pub(crate) fn open(
        input: &mut Input,
        plan: &VideoEncode,
        start_s: f64,
        limit_s: Option<f64>,
        (threads, strict, shared): (u32, bool, Option<DecoderHandle>),
    ) -> Result<VideoChain, JobError> {
        let stream = input.stream(plan.stream)?;
        let decoder = FrameSource::open(input, plan.stream, threads.clamp(1, 2), strict, shared)?;
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
            pacer: FramePacer::new(plan.frame_rate, limit_s),
            aspect,
            start: units(start_s, base),
            offset: 0,
            nominal_duration: units(frame_s, base).max(1),
            untimed: input.lacks_timestamps(),
            start_cut: None,
            last: None,
            held: None,
            gaps: Gaps::default(),
            shown: ShownTimes::default(),
            only_dts: None,
        })
    }

    /// Leaves out packets of frames before the start, which cannot be decoded.
    pub(crate) fn cut_at(&mut self, start_s: f64) {
        self.start_cut = Some(StartCut::new(start_s, self.decoder.base(), self.untimed));
    }

    /// Returns whether a packet is left out because its frame is before the start.
    pub(crate) fn cuts(&mut self, packet: &Packet) -> bool {
        self.start_cut.as_mut().is_some_and(|cut| cut.cuts(packet))
    }

    /// Feeds a packet of the stream.
    pub(crate) fn push(&mut self, packet: &Packet, sink: &mut VideoSink<'_>) -> Result<(), JobError> {
        let raw = packet.get();
        if raw.flags & ffi::AV_PKT_FLAG_KEY != 0 {
            self.gaps.add_key_frame((raw.pts != NOPTS && !self.untimed).then_some(raw.pts));
        }
        if raw.flags & ffi::AV_PKT_FLAG_DISCARD == 0 && !packet.is_empty() {
            let only_dts = *self.only_dts.get_or_insert(raw.pts == NOPTS);
            let time = Some(if only_dts { raw.dts } else { raw.pts }).filter(|time| *time != NOPTS);
            self.shown.add_packet(time.filter(|_| !self.untimed));
        }
        if packet.after_jump {
            self.gaps.add_joint((raw.pts != NOPTS).then_some(raw.pts));
        }
        self.decode(Some(packet), sink)?;
        if self.reached_limit() {
            self.decoder.leave();
        }
        Ok(())
    }

    /// Flushes the decoder. [`VideoChain::restart`] or [`VideoChain::finish`] follows.
    pub(crate) fn end_of_stream(&mut self, sink: &mut VideoSink<'_>) -> Result<(), JobError> {
        self.decode(None, sink)
    }

    /// Restarts the stream: the next packets are from its start again and play `length_s` later than before.
    pub(crate) fn restart(&mut self, length_s: f64) -> Result<(), JobError> {
        self.decoder.flush()?;
        self.offset += units(length_s, self.decoder.base());
        self.last = None;
        self.start_cut.iter_mut().for_each(StartCut::restart);
        self.gaps.invalidate_key_frames();
        self.shown.stop();
        Ok(())
    }

    /// Shows the last frame until `end_s`.
    pub(crate) fn finish(&mut self, end_s: f64, sink: &mut VideoSink<'_>) -> Result<(), JobError> {
        self.decoder.leave();
        let count = self.pacer.finish(end_s).map_err(|e| failed(e.to_string()))?;
        match self.held.take() {
            Some(frame) => self.emit(frame, count, sink),
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
            self.process_frame(frame, sink)?;
        }
        Ok(())
    }

    fn process_frame(&mut self, frame: Frame, sink: &mut VideoSink<'_>) -> Result<(), JobError> {
        let base = self.decoder.base();
        let raw = frame.get();
        let timestamp = raw.best_effort_timestamp;
        let time = match (timestamp, self.last) {
            (timestamp, Some((last, duration))) if self.untimed || timestamp == NOPTS => last + duration,
            (timestamp, None) if self.untimed || timestamp == NOPTS => self.offset,
            (timestamp, _) => timestamp - self.start + self.offset,
        };
        // Without timestamps there are no gaps.
        if let Some((last, _)) = self.last.filter(|_| !self.untimed) {
            let shift = self.start - self.offset;
            let between = (last + shift, time + shift);
            let (length_s, at_s) = (seconds(time - last, base), seconds(last, base));
            self.gaps.add(Gap { length_s, at_s, between });
        }
        self.shown.add_frame(time + self.start - self.offset);
        let duration = match frame_duration(raw) {
            known if known > 0 => known,
            _ => self.nominal_duration,
        };
        self.last = Some((time, duration));
        let count = self.pacer.push(time, (base.num, base.den)).map_err(|e| failed(e.to_string()))?;
        match self.held.replace(frame) {
            Some(previous) => self.emit(previous, count, sink),
            None => Ok(()),
        }
    }

    fn emit(&self, frame: Frame, count: u64, sink: &mut VideoSink<'_>) -> Result<(), JobError> {
        // A deinterlacer uses neighbouring frames, so it also gets the dropped ones.
        if count == 0 && !self.plan.deinterlace { Ok(()) } else { sink(frame, count) }
    }

    /// Creates the filter stage for the frames of this chain.
    pub(crate) fn filter_stage(&self) -> FilterStage {
        FilterStage::new(self.plan.clone(), self.aspect)
    }

    /// Returns whether the limit is reached.
    pub(crate) fn reached_limit(&self) -> bool {
        self.pacer.reached_limit()
    }

    /// Returns the number of ticks assigned so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.pacer.total()
    }

    /// Returns the end of the last decoded frame in seconds of the video.
    pub(crate) fn end_s(&self) -> f64 {
        self.last.map_or(0.0, |(time, duration)| seconds(time + duration, self.decoder.base()))
    }

    /// Returns the sample aspect ratio that the container declares, if any.
    pub(crate) fn aspect(&self) -> ffi::AVRational {
        self.aspect
    }

    /// Returns the number of decoded frames.
    pub(crate) fn decoded(&self) -> u64 {
        self.decoder.frames()
    }

    /// Returns what the video showed. `codec` is that of its stream, and `lost_packets` the number of packets that gave
    /// no frame, if it is known.
    pub(crate) fn into_reading(self, codec: Option<Codec>, lost_packets: Option<u64>) -> VideoReading {
        let base = self.decoder.base();
        let (misplaced, first) = self.shown.misplaced(self.nominal_duration * 3 / 4);
        VideoReading {
            codec,
            frame_s: seconds(self.nominal_duration, base),
            error_count: self.decoder.damage().0,
            lost_packets,
            without_frame: self.decoder.without_frame(lost_packets.unwrap_or(0)),
            misplaced: (misplaced, first.map(|at| seconds(at - self.start, base))),
            gaps: self.gaps,
        }
    }

    /// Returns the number of decode errors and the first of them.
    pub(crate) fn damage(&self) -> (u64, &[DecodeError]) {
        self.decoder.damage()
    }
}
