//! One pass over everything, looking and listening.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use crate::job::{JobError, Progress};
use crate::model::{DecodeReport, DeepReport, LoudnessReport, MediaFacts, TimeRange};
use crate::transcode::libav::audio::layout;
use crate::transcode::libav::av::{Frame, NOPTS, Packet, frame_duration, seconds};
use crate::transcode::libav::decode::Decoder;
use crate::transcode::libav::filter::{Graph, Pulled};
use crate::transcode::libav::input::Input;

/// Pictures are looked at with at most this many lines on the short side: as good, and cheap.
const LOOK_LINES: u32 = 360;
/// So many frames from the first are looked at for combing, at full size, that a video of a second shows it.
const COMB_FIRST: u64 = 24;
/// Later, of every [`COMB_EVERY`] frames this many in a row.
const COMB_RUN: u64 = 8;
/// See [`COMB_RUN`].
const COMB_EVERY: u64 = 75;
/// The second view of what looks combed: how each line differs along itself. Two fields comb where an upright edge
/// moves sideways, and there every line has an edge of its own; lines of one pixel that move up or down lie in one
/// field or the other as well, and would be taken for fields, but along themselves they are flat.
const COMB_VIEW: &str = "format=gray,convolution=0m='-1 0 1':0mode=row:0bias=128";
/// One in so many of the frames compared must move enough to tell the order of its fields.
const COMB_DECIDED: u64 = 10;
/// Fewer frames than these prove nothing.
const COMB_FEWEST: u64 = 10;
/// Spans kept of each kind; a video has no use for more.
const MAX_SPANS: usize = 1000;

/// Decodes the video and reports what is to be seen and heard. `facts` is what a probe found.
///
/// # Errors
///
/// [`JobError::Unreadable`] when no demuxer takes the bytes, [`JobError::Failed`], [`JobError::Io`],
/// [`JobError::Cancelled`]. Damage is no error: it is in the report.
pub fn deep(
    input: File,
    name: &str,
    facts: MediaFacts,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<DeepReport, JobError> {
    let mut input = Input::open(input, name, cancel)?;
    let total_s = input.duration_s();
    let mut eye = match input.first(ffi::AVMediaType::AVMEDIA_TYPE_VIDEO) {
        Some(stream) => Some((stream, Decoder::open(input.stream(stream)?, 1, false)?, Eye::default())),
        None => None,
    };
    let mut ear = match input.first(ffi::AVMediaType::AVMEDIA_TYPE_AUDIO) {
        Some(stream) => Some((stream, Decoder::open(input.stream(stream)?, 1, false)?, Ear::default())),
        None => None,
    };
    let mut packet = Packet::new()?;
    let mut more = true;
    while more {
        more = input.read(&mut packet)?;
        let fed = more.then_some(&packet);
        let index = packet.get().stream_index;
        if let Some((_, decoder, eye)) = eye.as_mut().filter(|(s, ..)| !more || *s as i32 == index) {
            let base = decoder.base();
            decoder.feed(fed, &mut |frame| eye.see(frame, base))?;
            let done_s = eye.end_s;
            progress(Progress { done_s, total_s, frames: decoder.frames });
        }
        if let Some((_, decoder, ear)) = ear.as_mut().filter(|(s, ..)| !more || *s as i32 == index) {
            let base = decoder.base();
            decoder.feed(fed, &mut |frame| ear.hear(frame, base))?;
            progress(Progress { done_s: ear.end_s, total_s, frames: 0 });
        }
    }
    let mut report = DeepReport { facts, ..DeepReport::default() };
    if let Some((_, mut decoder, mut eye)) = eye {
        eye.close()?;
        note(&mut report.decode, &mut decoder);
        report.decode.video_frames = decoder.frames;
        report.decode.video_end_s = (decoder.frames > 0).then_some(eye.end_s);
        report.active_picture = eye.active();
        report.interlaced_frames = eye.interlaced();
        report.black = eye.black.done(eye.end_s);
        report.freeze = eye.freeze.done(eye.end_s);
    }
    if let Some((_, mut decoder, mut ear)) = ear {
        ear.close()?;
        note(&mut report.decode, &mut decoder);
        report.decode.audio_samples = ear.samples;
        report.decode.audio_end_s = (ear.samples > 0).then_some(ear.end_s);
        report.loudness = ear.loudness();
        report.silence = ear.silence.done(ear.end_s);
    }
    report.decode.error_count += input.read_errors;
    Ok(report)
}

fn note(report: &mut DecodeReport, decoder: &mut Decoder) {
    report.error_count += decoder.damage_count;
    report.errors.append(&mut decoder.damage);
}

/// Spans that a filter announces by where they start and where they end.
#[derive(Default)]
struct Spans {
    open: Option<f64>,
    closed: Vec<TimeRange>,
}

impl Spans {
    fn hear(&mut self, start: Option<f64>, end: Option<f64>) {
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

    /// A span that is still open lasts to the end.
    fn done(mut self, end_s: f64) -> Vec<TimeRange> {
        self.hear(None, Some(end_s));
        self.closed
    }
}

/// Whether the frame of that number is looked at for combing.
fn is_compared(number: u64) -> bool {
    number < COMB_FIRST || number % COMB_EVERY < COMB_RUN
}

/// What single frames say of their fields.
#[derive(Default)]
struct Combs {
    top_first: u64,
    bottom_first: u64,
    whole: u64,
    unclear: u64,
}

impl Combs {
    fn add(&mut self, verdict: Option<&str>) {
        match verdict {
            Some("tff") => self.top_first += 1,
            Some("bff") => self.bottom_first += 1,
            Some("progressive") => self.whole += 1,
            _ => self.unclear += 1,
        }
    }

    /// The frames that are made of fields, of those that show whether they are; `None` when too few do.
    ///
    /// Fields come in one order, while what only looks like them does so in either: so each frame of the rarer
    /// order takes back one of the other.
    fn verdict(&self) -> Option<(u64, u64)> {
        let decided = self.top_first + self.bottom_first + self.whole;
        let enough = decided > 0 && decided * COMB_DECIDED >= decided + self.unclear;
        enough.then(|| (self.top_first.abs_diff(self.bottom_first), decided))
    }

    /// Whether most of the frames that show it are made of fields.
    fn is_combed(&self) -> bool {
        self.verdict().is_some_and(|(combed, decided)| decided >= COMB_FEWEST && combed * 2 > decided)
    }
}

/// What is seen.
#[derive(Default)]
struct Eye {
    built_for: Option<(u32, u32, i32)>,
    look: Option<Graph>,
    /// The comparison of neighbours for combing, of the picture as it is and of [`COMB_VIEW`].
    combs: [Option<Graph>; 2],
    factor: (f64, f64),
    bounds: Option<[f64; 4]>,
    black: Spans,
    freeze: Spans,
    seen: u64,
    /// How many of the comparisons the present run goes through.
    views: usize,
    /// Of the frames in the comparison, whether their neighbours are in it too.
    compared: [VecDeque<bool>; 2],
    comb_seen: [Combs; 2],
    end_s: f64,
    last_ms: i64,
}

impl Eye {
    fn see(&mut self, mut frame: Frame, base: ffi::AVRational) -> Result<(), JobError> {
        let raw = frame.get();
        let (width, height, format) = (raw.width.max(1) as u32, raw.height.max(1) as u32, raw.format);
        let (time, duration) = (raw.best_effort_timestamp, frame_duration(raw).max(0));
        if time != NOPTS {
            self.end_s = self.end_s.max(seconds(time + duration, base));
        }
        if self.built_for != Some((width, height, format)) {
            self.close()?;
            self.build(width, height, format)?;
        }
        // Filters want rising times; milliseconds are fine enough for spans.
        let ms = if time == NOPTS { 0 } else { (seconds(time, base) * 1000.0).round() as i64 };
        self.last_ms = ms.max(self.last_ms + 1);
        frame.get_mut().pts = self.last_ms;
        if is_compared(self.seen) {
            let begins = self.seen == 0 || !is_compared(self.seen - 1);
            if begins {
                // The second view is for what the first finds combed; nobody knows of the first frames.
                self.views = if self.seen == 0 || self.comb_seen[0].is_combed() { 2 } else { 1 };
            }
            // A frame at the end of a run has a stranger for a neighbour.
            let between = !begins && is_compared(self.seen + 1);
            for (comb, compared) in self.combs.iter_mut().zip(&mut self.compared).take(self.views) {
                if let Some(comb) = comb {
                    compared.push_back(between);
                    comb.push(0, Some(&mut frame))?;
                }
            }
        }
        if let Some(look) = &mut self.look {
            look.push(0, Some(&mut frame))?;
        }
        self.seen += 1;
        self.collect()
    }

    fn build(&mut self, width: u32, height: u32, format: i32) -> Result<(), JobError> {
        self.built_for = Some((width, height, format));
        self.seen = 0;
        self.compared.iter_mut().for_each(VecDeque::clear);
        let source =
            format!("buffer=video_size={width}x{height}:pix_fmt={format}:time_base=1/1000:pixel_aspect=1/1");
        let shrink = (f64::from(LOOK_LINES) / f64::from(width.min(height))).min(1.0);
        let even = |side: u32| ((f64::from(side) * shrink / 2.0).round().max(1.0) as u32) * 2;
        let (w, h) = (even(width), even(height));
        self.factor = (f64::from(width) / f64::from(w), f64::from(height) / f64::from(h));
        self.look = Some(Graph::new(&format!(
            "{source},scale={w}:{h}:flags=bilinear,format=yuv420p,blackdetect=d=0.1:pix_th=0.10,\
             freezedetect=n=0.001:d=1,cropdetect=limit=24:round=2:reset=0,buffersink"
        ))?);
        self.combs = [
            Some(Graph::new(&format!("{source},idet,buffersink"))?),
            Some(Graph::new(&format!("{source},{COMB_VIEW},idet,buffersink"))?),
        ];
        Ok(())
    }

    fn close(&mut self) -> Result<(), JobError> {
        for graph in self.look.iter_mut().chain(self.combs.iter_mut().flatten()) {
            graph.push(0, None)?;
        }
        self.collect()?;
        (self.look, self.combs) = (None, [None, None]);
        Ok(())
    }

    fn collect(&mut self) -> Result<(), JobError> {
        if let Some(look) = &mut self.look {
            while let Pulled::Frame(frame) = look.pull(0)? {
                self.black.hear(frame.number(c"lavfi.black_start"), frame.number(c"lavfi.black_end"));
                self.freeze.hear(
                    frame.number(c"lavfi.freezedetect.freeze_start"),
                    frame.number(c"lavfi.freezedetect.freeze_end"),
                );
                let bounds = [
                    c"lavfi.cropdetect.x",
                    c"lavfi.cropdetect.y",
                    c"lavfi.cropdetect.w",
                    c"lavfi.cropdetect.h",
                ]
                .map(|key| frame.number(key).filter(|value| *value >= 0.0));
                if let [Some(x), Some(y), Some(w @ 1.0..), Some(h @ 1.0..)] = bounds {
                    let (fx, fy) = self.factor;
                    self.bounds = Some([x * fx, y * fy, w * fx, h * fy]);
                }
            }
        }
        for (view, comb) in self.combs.iter_mut().enumerate() {
            let Some(comb) = comb else { continue };
            while let Pulled::Frame(frame) = comb.pull(0)? {
                if self.compared[view].pop_front() == Some(true) {
                    // Each frame by itself: the verdict over several is handed on through all that show nothing.
                    let verdict = frame.metadata(c"lavfi.idet.single.current_frame");
                    self.comb_seen[view].add(verdict.as_deref());
                }
            }
        }
        Ok(())
    }

    /// The frames made of fields, of those that show it; none unless both views find them.
    fn interlaced(&self) -> Option<(u64, u64)> {
        let [plain, view] = &self.comb_seen;
        let (combed, decided) = plain.verdict()?;
        Some((if view.is_combed() { combed } else { 0 }, decided))
    }

    fn active(&self) -> Option<[u32; 4]> {
        let (width, height, _) = self.built_for?;
        let [x, y, w, h] = self.bounds?.map(|value| value.round() as u32);
        Some([x, y, w.min(width.saturating_sub(x)), h.min(height.saturating_sub(y))])
    }
}

/// What is heard.
#[derive(Default)]
struct Ear {
    built_for: Option<(i32, i32, String)>,
    graph: Option<Graph>,
    silence: Spans,
    integrated: Option<f64>,
    range: Option<f64>,
    peak: f64,
    samples: u64,
    end_s: f64,
}

impl Ear {
    fn hear(&mut self, mut frame: Frame, base: ffi::AVRational) -> Result<(), JobError> {
        let raw = frame.get();
        let key = (raw.sample_rate, raw.format, layout(&frame)?);
        let length_s = f64::from(raw.nb_samples) / f64::from(raw.sample_rate.max(1));
        if raw.best_effort_timestamp != NOPTS {
            self.end_s = self.end_s.max(seconds(raw.best_effort_timestamp, base) + length_s);
        }
        if self.built_for.as_ref() != Some(&key) {
            self.close()?;
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

    fn close(&mut self) -> Result<(), JobError> {
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
            self.silence.hear(frame.number(c"lavfi.silence_start"), frame.number(c"lavfi.silence_end"));
            self.integrated = frame.number(c"lavfi.r128.I").or(self.integrated);
            self.range = frame.number(c"lavfi.r128.LRA").or(self.range);
            for key in [c"lavfi.r128.true_peaks_ch0", c"lavfi.r128.true_peaks_ch1"] {
                self.peak = frame.number(key).map_or(self.peak, |peak| peak.max(self.peak));
            }
        }
        Ok(())
    }

    fn loudness(&self) -> Option<LoudnessReport> {
        // The meter starts at -70, its gate: nothing was heard.
        let integrated_lufs = self.integrated.filter(|value| *value > -69.9)?;
        let true_peak_dbtp = 20.0 * self.peak.max(1e-6).log10();
        Some(LoudnessReport { integrated_lufs, range_lu: self.range.unwrap_or(0.0), true_peak_dbtp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(top_first: u64, bottom_first: u64, whole: u64, unclear: u64) -> Option<(u64, u64)> {
        Combs { top_first, bottom_first, whole, unclear }.verdict()
    }

    #[test]
    fn one_order_of_fields_counts_and_two_cancel_out() {
        assert_eq!(seen(0, 75, 0, 0), Some((75, 75)));
        assert_eq!(seen(58, 50, 12, 0), Some((8, 120)));
        assert_eq!(seen(2, 0, 98, 20), Some((2, 100)));
    }

    #[test]
    fn a_video_that_hardly_moves_shows_nothing() {
        assert_eq!(seen(0, 1, 2, 98), None);
        assert_eq!(seen(0, 0, 0, 30), None);
        assert_eq!(seen(0, 0, 0, 0), None);
    }
}
