//! Analyses decoded video: black and frozen spans, borders, interlacing, frame sizes.

use std::collections::VecDeque;

use ffmpeg_next::ffi;

use super::combing::{CombDetector, is_checked};
use super::spans::{MAX_SPANS, SpanCollector};
use crate::job::JobError;
use crate::libav::filter::{Graph, Pulled};
use crate::libav::frame::{Frame, frame_duration};
use crate::libav::time::{NOPTS, seconds};
use crate::model::{DeepReport, Size};

/// Maximum short side in pixels at which frames are analysed: sufficient, and fast.
const ANALYSIS_LINES: u32 = 360;
/// The filter before a second detector, which confirms combing by horizontal edges within each line. Interlaced
/// fields comb where a vertical edge moves sideways, so that each line has an edge. Horizontal lines of one pixel
/// that move vertically alternate between fields too, but have no horizontal edges.
const COMB_EDGE_FILTER: &str = "format=gray,convolution=0m='-1 0 1':0mode=row:0bias=128";
/// The largest frames checked for combing, in pixels (4096x2304): interlaced video has at most 1920x1080, and two
/// detectors at full size take most of the time of larger frames.
const COMB_MAX_PIXELS: u64 = 4096 * 2304;
/// Analyses video frames.
#[derive(Default)]
pub(super) struct VideoAnalysis {
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
    pub(super) end_s: f64,
    last_ms: i64,
}

impl VideoAnalysis {
    pub(super) fn add_frame(&mut self, mut frame: Frame, base: ffi::AVRational) -> Result<(), JobError> {
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

    /// Ends the analysis and writes its results.
    pub(super) fn write_to(mut self, report: &mut DeepReport) -> Result<(), JobError> {
        self.flush()?;
        report.active_area = self.active_area();
        report.interlaced_frames = self.interlaced();
        if let (Some(known), [_, _, ..]) = (report.facts.video.first_mut(), &self.sizes[..]) {
            // The decoder also sees sizes that no header states.
            known.frame_sizes = self.sizes;
            known.parameter_changes = known.parameter_changes.max(Some(self.size_changes));
        }
        report.black = self.black.finish(self.end_s);
        report.freeze = self.freeze.finish(self.end_s);
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
