//! The full decode (`--deep`): analyses all video and audio in one pass.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use super::strict_decode::{StreamDecode, hides_errors};
use crate::job::{JobError, Progress};
use crate::model::{DeepReport, LoudnessReport, MediaFacts, Size, SourceDamage, TimeRange};
use crate::transcode::libav::audio_track::layout;
use crate::transcode::libav::decode::Decoder;
use crate::transcode::libav::ffi_wrappers::{Frame, NOPTS, Packet, frame_duration, seconds};
use crate::transcode::libav::filter::{Graph, Pulled};
use crate::transcode::libav::input::Input;
use crate::transcode::libav::start_cut::StartCut;
use crate::transcode::libav::transcoder::stream_codec;

/// Maximum short side in pixels at which frames are analysed: sufficient, and fast.
const ANALYSIS_LINES: u32 = 360;
/// Number of first frames checked for combing at full size, enough for a video of one second.
const COMB_FIRST_FRAMES: u64 = 24;
/// Length of the later runs of frames, one every [`COMB_RUN_DISTANCE`] frames.
const COMB_RUN_FRAMES: u64 = 8;
/// Distance between the starts of two runs, see [`COMB_RUN_FRAMES`].
const COMB_RUN_DISTANCE: u64 = 75;
/// The filter before a second detector, which confirms combing by horizontal edges within each line. Interlaced
/// fields comb where a vertical edge moves sideways, so that each line has an edge. Horizontal lines of one pixel
/// that move vertically alternate between fields too, but have no horizontal edges.
const COMB_EDGE_FILTER: &str = "format=gray,convolution=0m='-1 0 1':0mode=row:0bias=128";
/// The largest frames checked for combing, in pixels (4096x2304): interlaced video has at most 1920x1080, and two
/// detectors at full size take most of the time of larger frames.
const COMB_MAX_PIXELS: u64 = 4096 * 2304;
/// One in this many of the checked frames must move enough to determine its field order.
const MIN_DETERMINED_SHARE: u64 = 10;
/// Minimum number of determined frames for a result.
const MIN_DETERMINED_FRAMES: u64 = 10;
/// Maximum number of spans kept of each kind.
const MAX_SPANS: usize = 1000;

/// Decodes the file and reports black, frozen and silent spans, borders, interlacing, loudness and errors.
/// `facts` are the results of the probe.
///
/// # Errors
///
/// [`JobError::Unreadable`] when no demuxer recognizes the file, [`JobError::Failed`], [`JobError::Io`],
/// [`JobError::Cancelled`]. Decode errors are in the report.
pub fn deep(
    input: File,
    name: &str,
    facts: MediaFacts,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<DeepReport, JobError> {
    let mut input = Input::open(input, name, cancel)?;
    let total_s = input.duration_s();
    // Without facts, as in a decode of its own, the first streams are decoded.
    let unknown = facts.video.is_empty() && facts.audio.is_empty();
    let main_video = facts.main_video().filter(|video| video.decodable).map(|video| video.index);
    let main_audio = facts.main_audio().filter(|audio| audio.decodable).map(|audio| audio.index);
    let mut first = |kind| if unknown { input.first(kind) } else { None };
    let main_video = main_video.or_else(|| first(ffi::AVMediaType::AVMEDIA_TYPE_VIDEO));
    let main_audio = main_audio.or_else(|| first(ffi::AVMediaType::AVMEDIA_TYPE_AUDIO));
    let mut undecodable = UndecodableStart::of(&facts, &mut input);
    let mut video = match main_video {
        Some(stream) => Some((stream, open_decoder(&mut input, stream)?, VideoAnalysis::default())),
        None => None,
    };
    let mut audio = match main_audio {
        Some(stream) => Some((stream, open_decoder(&mut input, stream)?, AudioAnalysis::default())),
        None => None,
    };
    let mut packet = Packet::new()?;
    let mut more = true;
    while more {
        more = input.read(&mut packet)?;
        let fed = more.then_some(&packet);
        let index = packet.get().stream_index;
        if let Some((_, decode, video)) = video.as_mut().filter(|(s, ..)| !more || *s as i32 == index) {
            if fed.is_some_and(|packet| undecodable.ends_at(packet)) {
                decode.forget_errors();
            }
            let base = decode.decoder.base();
            decode.feed(fed, &mut |frame| video.add_frame(frame, base))?;
            let done_s = video.end_s;
            progress(Progress { done_s, total_s, frames: decode.decoder.frames });
        }
        if let Some((_, decode, audio)) = audio.as_mut().filter(|(s, ..)| !more || *s as i32 == index) {
            let base = decode.decoder.base();
            decode.feed(fed, &mut |frame| audio.add_frame(frame, base))?;
            progress(Progress { done_s: audio.end_s, total_s, frames: 0 });
        }
    }
    let mut report = DeepReport { facts, ..DeepReport::default() };
    let mut damage = SourceDamage { error_count: input.read_errors, ..SourceDamage::default() };
    damage.errors.append(&mut input.unread);
    if let Some((_, decode, mut video)) = video {
        video.flush()?;
        let frames = decode.decoder.frames;
        damage.add(decode.damage());
        report.decode.video_frames = frames;
        if let (Some(known), [_, _, ..]) = (report.facts.video.first_mut(), &video.sizes[..]) {
            // The decoder also sees sizes that no header states.
            known.frame_sizes = std::mem::take(&mut video.sizes);
            known.parameter_changes = known.parameter_changes.max(Some(video.size_changes));
        }
        report.decode.video_end_s = (frames > 0).then_some(video.end_s);
        report.active_area = video.active_area();
        report.interlaced_frames = video.interlaced();
        report.black = video.black.finish(video.end_s);
        report.freeze = video.freeze.finish(video.end_s);
    }
    if let Some((_, decode, mut audio)) = audio {
        audio.flush()?;
        damage.add(decode.damage());
        report.decode.audio_samples = audio.samples;
        report.decode.audio_end_s = (audio.samples > 0).then_some(audio.end_s);
        report.loudness = audio.loudness();
        report.silence = audio.silence.finish(audio.end_s);
    }
    report.decode.packets = damage.packets;
    report.decode.error_count = damage.error_count;
    report.decode.heavy_damage = damage.heavy;
    report.decode.errors = damage.errors;
    Ok(report)
}

/// The frames at the start that lack their key frame. The facts tell of them, so their errors do not count again.
struct UndecodableStart(Option<StartCut>);

impl UndecodableStart {
    fn of(facts: &MediaFacts, input: &mut Input) -> UndecodableStart {
        let lost =
            facts.main_video().filter(|video| video.undecodable_frames.is_some_and(|frames| frames > 0));
        let start = lost.and_then(|video| Some((video.index, video.first_decodable_s?)));
        let untimed = input.lacks_timestamps();
        UndecodableStart(start.and_then(|(index, start_s)| {
            let stream = input.stream(index).ok()?;
            // SAFETY: the stream belongs to the open input; a plain field.
            let base = unsafe { (*stream).time_base };
            Some(StartCut::new(start_s, base, untimed))
        }))
    }

    /// Returns whether a packet is the first that can be decoded.
    fn ends_at(&mut self, packet: &Packet) -> bool {
        let ends = self.0.as_mut().is_some_and(|cut| !cut.cuts(packet));
        if ends {
            self.0 = None;
        }
        ends
    }
}

/// Opens a decoder that reports errors; it is strict only where others hide them.
fn open_decoder(input: &mut Input, stream: u32) -> Result<StreamDecode, JobError> {
    let strict = hides_errors(stream_codec(input, stream).as_ref());
    let decoder = Decoder::open(input, stream, 1, strict)?;
    StreamDecode::with(input, stream, decoder)
}

/// Collects spans whose start and end a filter reports separately.
#[derive(Default)]
struct SpanCollector {
    open: Option<f64>,
    closed: Vec<TimeRange>,
}

impl SpanCollector {
    fn update(&mut self, start: Option<f64>, end: Option<f64>) {
        if let Some(start) = start {
            self.open = Some(start);
        }
        if let (Some(to_s), Some(from_s)) = (end, self.open) {
            self.open = None;
            if self.closed.len() < MAX_SPANS {
                self.closed.push(TimeRange { from_s, to_s });
            }
        }
    }

    /// Returns the spans; an open one lasts to the end.
    fn finish(mut self, end_s: f64) -> Vec<TimeRange> {
        self.update(None, Some(end_s));
        self.closed
    }
}

/// Returns whether the frame with this number is checked for combing.
fn is_checked(number: u64) -> bool {
    number < COMB_FIRST_FRAMES || number % COMB_RUN_DISTANCE < COMB_RUN_FRAMES
}

/// Counts the field orders of single frames.
#[derive(Default)]
struct CombDetector {
    top_first: u64,
    bottom_first: u64,
    progressive: u64,
    undetermined: u64,
}

impl CombDetector {
    fn add(&mut self, verdict: Option<&str>) {
        match verdict {
            Some("tff") => self.top_first += 1,
            Some("bff") => self.bottom_first += 1,
            Some("progressive") => self.progressive += 1,
            _ => self.undetermined += 1,
        }
    }

    /// Returns the number of interlaced frames and of all determined frames; `None` if too few are determined.
    ///
    /// Interlaced video has one field order, while false detections have either, so each frame of the rarer order
    /// cancels one of the other.
    fn verdict(&self) -> Option<(u64, u64)> {
        let determined = self.top_first + self.bottom_first + self.progressive;
        let enough = determined > 0 && determined * MIN_DETERMINED_SHARE >= determined + self.undetermined;
        enough.then(|| (self.top_first.abs_diff(self.bottom_first), determined))
    }

    /// Returns whether most of the determined frames are interlaced.
    fn is_combed(&self) -> bool {
        self.verdict().is_some_and(|(combed, determined)| {
            determined >= MIN_DETERMINED_FRAMES && combed * 2 > determined
        })
    }
}

/// Analyses video frames.
#[derive(Default)]
struct VideoAnalysis {
    built_for: Option<(u32, u32, i32)>,
    /// The sizes of frames in the order of their first appearance.
    sizes: Vec<Size>,
    size_changes: u32,
    analysis: Option<Graph>,
    /// The `idet` graphs of the unfiltered frames and of [`COMB_EDGE_FILTER`].
    idets: [Option<Graph>; 2],
    factor: (f64, f64),
    crop: Option<[f64; 4]>,
    black: SpanCollector,
    freeze: SpanCollector,
    frame_count: u64,
    /// Number of `idet` graphs used for the current run.
    active_idets: usize,
    /// For each frame in a graph, whether both its neighbours are in it too.
    in_run: [VecDeque<bool>; 2],
    comb_detectors: [CombDetector; 2],
    end_s: f64,
    last_ms: i64,
}

impl VideoAnalysis {
    fn add_frame(&mut self, mut frame: Frame, base: ffi::AVRational) -> Result<(), JobError> {
        let raw = frame.get();
        let (width, height, format) = (raw.width.max(1) as u32, raw.height.max(1) as u32, raw.format);
        let (time, duration) = (raw.best_effort_timestamp, frame_duration(raw).max(0));
        if time != NOPTS {
            self.end_s = self.end_s.max(seconds(time + duration, base));
        }
        if self.built_for != Some((width, height, format)) {
            self.flush()?;
            self.build(width, height, format)?;
        }
        // Filters need increasing timestamps; milliseconds are precise enough for spans.
        let ms = if time == NOPTS { 0 } else { (seconds(time, base) * 1000.0).round() as i64 };
        self.last_ms = ms.max(self.last_ms + 1);
        frame.get_mut().pts = self.last_ms;
        if is_checked(self.frame_count) {
            let starts_run = self.frame_count == 0 || !is_checked(self.frame_count - 1);
            if starts_run {
                // The second graph confirms combing found by the first; the first run always uses both.
                self.active_idets =
                    if self.frame_count == 0 || self.comb_detectors[0].is_combed() { 2 } else { 1 };
            }
            // A frame at the end of a run lacks a neighbour.
            let has_neighbours = !starts_run && is_checked(self.frame_count + 1);
            for (idet, in_run) in self.idets.iter_mut().zip(&mut self.in_run).take(self.active_idets) {
                if let Some(idet) = idet {
                    in_run.push_back(has_neighbours);
                    idet.push(0, Some(&mut frame))?;
                }
            }
        }
        if let Some(analysis) = &mut self.analysis {
            analysis.push(0, Some(&mut frame))?;
        }
        self.frame_count += 1;
        self.collect()
    }

    fn build(&mut self, width: u32, height: u32, format: i32) -> Result<(), JobError> {
        let size = Size::new(width, height);
        if self.built_for.is_some_and(|(w, h, _)| (w, h) != (width, height)) {
            self.size_changes = self.size_changes.saturating_add(1);
        }
        if !self.sizes.contains(&size) && self.sizes.len() < MAX_SPANS {
            self.sizes.push(size);
        }
        self.built_for = Some((width, height, format));
        self.frame_count = 0;
        self.in_run.iter_mut().for_each(VecDeque::clear);
        let source =
            format!("buffer=video_size={width}x{height}:pix_fmt={format}:time_base=1/1000:pixel_aspect=1/1");
        let shrink = (f64::from(ANALYSIS_LINES) / f64::from(width.min(height))).min(1.0);
        let even = |side: u32| ((f64::from(side) * shrink / 2.0).round().max(1.0) as u32) * 2;
        let (w, h) = (even(width), even(height));
        self.factor = (f64::from(width) / f64::from(w), f64::from(height) / f64::from(h));
        self.analysis = Some(Graph::new(&format!(
            "{source},scale={w}:{h}:flags=bilinear,format=yuv420p,blackdetect=d=0.1:pix_th=0.10,\
             freezedetect=n=0.001:d=1,cropdetect=limit=24:round=2:reset=0,buffersink"
        ))?);
        if u64::from(width) * u64::from(height) > COMB_MAX_PIXELS {
            self.idets = [None, None];
            return Ok(());
        }
        self.idets = [
            Some(Graph::new(&format!("{source},idet,buffersink"))?),
            Some(Graph::new(&format!("{source},{COMB_EDGE_FILTER},idet,buffersink"))?),
        ];
        Ok(())
    }

    fn flush(&mut self) -> Result<(), JobError> {
        for graph in self.analysis.iter_mut().chain(self.idets.iter_mut().flatten()) {
            graph.push(0, None)?;
        }
        self.collect()?;
        (self.analysis, self.idets) = (None, [None, None]);
        Ok(())
    }

    fn collect(&mut self) -> Result<(), JobError> {
        if let Some(analysis) = &mut self.analysis {
            while let Pulled::Frame(frame) = analysis.pull(0)? {
                self.black.update(frame.number(c"lavfi.black_start"), frame.number(c"lavfi.black_end"));
                self.freeze.update(
                    frame.number(c"lavfi.freezedetect.freeze_start"),
                    frame.number(c"lavfi.freezedetect.freeze_end"),
                );
                let crop = [
                    c"lavfi.cropdetect.x",
                    c"lavfi.cropdetect.y",
                    c"lavfi.cropdetect.w",
                    c"lavfi.cropdetect.h",
                ]
                .map(|key| frame.number(key).filter(|value| *value >= 0.0));
                if let [Some(x), Some(y), Some(w @ 1.0..), Some(h @ 1.0..)] = crop {
                    let (fx, fy) = self.factor;
                    self.crop = Some([x * fx, y * fy, w * fx, h * fy]);
                }
            }
        }
        for (index, idet) in self.idets.iter_mut().enumerate() {
            let Some(idet) = idet else { continue };
            while let Pulled::Frame(frame) = idet.pull(0)? {
                if self.in_run[index].pop_front() == Some(true) {
                    // The single-frame result: the multi-frame one persists through undetermined frames.
                    let verdict = frame.metadata(c"lavfi.idet.single.current_frame");
                    self.comb_detectors[index].add(verdict.as_deref());
                }
            }
        }
        Ok(())
    }

    /// Returns the number of interlaced and of determined frames; 0 interlaced unless both graphs find them.
    fn interlaced(&self) -> Option<(u64, u64)> {
        let [unfiltered, edges] = &self.comb_detectors;
        let (combed, determined) = unfiltered.verdict()?;
        Some((if edges.is_combed() { combed } else { 0 }, determined))
    }

    fn active_area(&self) -> Option<[u32; 4]> {
        let (width, height, _) = self.built_for?;
        let [x, y, w, h] = self.crop?.map(|value| value.round() as u32);
        Some([x, y, w.min(width.saturating_sub(x)), h.min(height.saturating_sub(y))])
    }
}

/// Analyses audio.
#[derive(Default)]
struct AudioAnalysis {
    built_for: Option<(i32, i32, String)>,
    graph: Option<Graph>,
    silence: SpanCollector,
    integrated: Option<f64>,
    range: Option<f64>,
    peak: f64,
    samples: u64,
    end_s: f64,
}

impl AudioAnalysis {
    fn add_frame(&mut self, mut frame: Frame, base: ffi::AVRational) -> Result<(), JobError> {
        let raw = frame.get();
        let key = (raw.sample_rate, raw.format, layout(&frame)?);
        let length_s = f64::from(raw.nb_samples) / f64::from(raw.sample_rate.max(1));
        if raw.best_effort_timestamp != NOPTS {
            self.end_s = self.end_s.max(seconds(raw.best_effort_timestamp, base) + length_s);
        }
        if self.built_for.as_ref() != Some(&key) {
            self.flush()?;
            let (rate, format, layout) = &key;
            self.graph = Some(Graph::new(&format!(
                "abuffer=sample_rate={rate}:sample_fmt={format}:channel_layout={layout}:time_base=1/{rate},\
                 ebur128=metadata=1:peak=true,silencedetect=n=-50dB:d=0.5,abuffersink"
            ))?);
            self.built_for = Some(key);
        }
        let rate = f64::from(frame.get().sample_rate.max(1));
        frame.get_mut().pts = match frame.get().best_effort_timestamp {
            NOPTS => NOPTS,
            time => (seconds(time, base) * rate).round() as i64,
        };
        self.samples += frame.get().nb_samples.max(0) as u64;
        if let Some(graph) = &mut self.graph {
            graph.push(0, Some(&mut frame))?;
        }
        self.collect()
    }

    fn flush(&mut self) -> Result<(), JobError> {
        if let Some(graph) = &mut self.graph {
            graph.push(0, None)?;
        }
        self.collect()?;
        self.graph = None;
        Ok(())
    }

    fn collect(&mut self) -> Result<(), JobError> {
        let Some(graph) = &mut self.graph else { return Ok(()) };
        while let Pulled::Frame(frame) = graph.pull(0)? {
            self.silence.update(frame.number(c"lavfi.silence_start"), frame.number(c"lavfi.silence_end"));
            self.integrated = frame.number(c"lavfi.r128.I").or(self.integrated);
            self.range = frame.number(c"lavfi.r128.LRA").or(self.range);
            for key in [c"lavfi.r128.true_peaks_ch0", c"lavfi.r128.true_peaks_ch1"] {
                self.peak = frame.number(key).map_or(self.peak, |peak| peak.max(self.peak));
            }
        }
        Ok(())
    }

    fn loudness(&self) -> Option<LoudnessReport> {
        // The meter starts at its gate, -70 LUFS, which means that the audio is silent.
        let integrated_lufs = self.integrated.filter(|value| *value > -69.9)?;
        let true_peak_dbtp = 20.0 * self.peak.max(1e-6).log10();
        Some(LoudnessReport { integrated_lufs, range_lu: self.range.unwrap_or(0.0), true_peak_dbtp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(top_first: u64, bottom_first: u64, progressive: u64, undetermined: u64) -> Option<(u64, u64)> {
        CombDetector { top_first, bottom_first, progressive, undetermined }.verdict()
    }

    #[test]
    fn opposite_field_orders_cancel_out() {
        assert_eq!(verdict(0, 75, 0, 0), Some((75, 75)));
        assert_eq!(verdict(58, 50, 12, 0), Some((8, 120)));
        assert_eq!(verdict(2, 0, 98, 20), Some((2, 100)));
    }

    #[test]
    fn too_little_motion_gives_no_verdict() {
        assert_eq!(verdict(0, 1, 2, 98), None);
        assert_eq!(verdict(0, 0, 0, 30), None);
        assert_eq!(verdict(0, 0, 0, 0), None);
    }
}
