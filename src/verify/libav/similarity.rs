//! Compares the frames of an output with the planned frames.

use ffmpeg_next::ffi;

use super::frame_planes;
use super::reference_samples::score;
use crate::job::{FailureCause, JobError, Similarity, SimilarityMetric, VerifyReport};
use crate::libav::error::failed;
use crate::libav::filter::{Graph, Pulled};
use crate::libav::frame::Frame;
use crate::libav::time::rational;
use crate::model::{UndeclaredColors, count};
use crate::plan::VideoEncode;
use crate::verify::reference_render::{Region, comparison_size, render_region};
use crate::verify::thresholds::{FRAME_SSIM, MEAN_SSIM};

/// Smaller frames are enlarged for the comparison.
const MIN_SIDE: u32 = 64;

/// The start of every similarity failure, by which other modules recognize them.
const NOT_SIMILAR: &str = "the video differs from the source";

/// Measures the similarity of two videos.
pub(super) struct FrameComparison {
    size: (u32, u32),
    wrong_size: u64,
    /// Number of planned frames missing from the output.
    pub(super) missing: u64,
    /// Number of output frames beyond the planned ones.
    pub(super) extra: u64,
    rate: f64,
    graph: Graph,
    compared: u64,
    sum: f64,
    worst: (f64, u64),
    /// Source and output of the worst frame so far.
    worst_pair: Option<(Frame, Frame)>,
}

impl FrameComparison {
    pub(super) fn new(plan: &VideoEncode) -> Result<FrameComparison, JobError> {
        let size = plan.canvas.as_ref().map_or(plan.scale, |canvas| canvas.size);
        let size = (size.width, size.height);
        let mut source = format!(
            "buffer=video_size={}x{}:pix_fmt=yuv420p:time_base=1/1000:pixel_aspect=1/1",
            size.0, size.1
        );
        // SSIM uses windows of eight pixels and gives no result for smaller frames.
        let factor = MIN_SIDE.div_ceil(size.0.min(size.1).max(1));
        if factor > 1 {
            source = format!("{source},scale=iw*{factor}:ih*{factor}:flags=neighbor");
        }
        let graph = Graph::new(&format!("{source}[a];{source}[b];[a][b]ssim,buffersink"))?;
        Ok(FrameComparison {
            size,
            wrong_size: 0,
            missing: 0,
            extra: 0,
            rate: plan.frame_rate.as_f64(),
            graph,
            compared: 0,
            sum: 0.0,
            worst: (f64::INFINITY, 0),
            worst_pair: None,
        })
    }

    /// Compares the next output frame with the planned frame.
    pub(super) fn compare(&mut self, reference: &mut Frame, mut actual: Frame) -> Result<(), JobError> {
        let raw = actual.get();
        if (raw.width as u32, raw.height as u32) != self.size
            || raw.format != ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as i32
        {
            self.wrong_size += 1;
            return Ok(());
        }
        let at = self.compared as i64;
        for (i, frame) in [&mut actual, &mut *reference].into_iter().enumerate() {
            frame.get_mut().pts = at;
            frame.get_mut().sample_aspect_ratio = rational(1, 1);
            self.graph.push(i, Some(frame))?;
        }
        self.compared += 1;
        // The filter returns the result of a pair immediately.
        if self.collect()? {
            self.worst_pair = Some((reference.share()?, actual.share()?));
        }
        Ok(())
    }

    /// Reads the results of the filter. Returns whether one was the lowest so far.
    fn collect(&mut self) -> Result<bool, JobError> {
        let mut new_worst = false;
        while let Pulled::Frame(frame) = self.graph.pull(0)? {
            let value = frame
                .number(c"lavfi.ssim.All")
                .filter(|value| value.is_finite())
                .ok_or_else(|| failed("FFmpeg's ssim filter returned no value for a frame"))?;
            self.sum += value;
            if value < self.worst.0 {
                self.worst = (value, frame.get().pts.max(0) as u64);
                new_worst = true;
            }
        }
        Ok(new_worst)
    }

    /// Returns the SSIMULACRA2 score of the worst frame.
    fn worst_ssimulacra2(&mut self) -> Result<Option<f64>, JobError> {
        let Some((reference, actual)) = self.worst_pair.take() else { return Ok(None) };
        let frames = [&reference, &actual]
            .map(|frame| frame_planes::planar_frame(frame, rational(1, 1), &UndeclaredColors::BT709));
        let [Some(reference), Some(actual)] = frames else { return Ok(None) };
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let full = Region { left: 0, top: 0, width, height };
        let [reference, actual] =
            [&reference, &actual].map(|frame| render_region(frame, full, comparison_size(width, height)));
        score(&reference, &actual).map(Some)
    }

    /// Checks the mean and the lowest SSIM.
    fn check_thresholds(&self, worst_at_s: f64, report: &mut VerifyReport) {
        let (mean, min) = (self.sum / self.compared.max(1) as f64, self.worst.0);
        if mean < MEAN_SSIM {
            let text = format!("{NOT_SIMILAR}: mean SSIM {mean:.3}, expected at least {MEAN_SSIM}");
            report.fail_because(FailureCause::NotSimilar, text);
        }
        if min < FRAME_SSIM {
            let text =
                format!("{NOT_SIMILAR} at {worst_at_s:.2} s: SSIM {min:.3}, expected at least {FRAME_SSIM}");
            report.fail_because(FailureCause::NotSimilar, text);
        }
    }

    /// Adds the result to the report. `scores` are the SSIMULACRA2 scores of other samples.
    pub(super) fn finish(mut self, mut scores: Vec<f64>, report: &mut VerifyReport) -> Result<(), JobError> {
        self.graph.push(0, None)?;
        self.graph.push(1, None)?;
        self.collect()?;
        if self.missing > 0 {
            let missing = count(self.missing, "video frame", "video frames");
            report.fail(format!("the output has {missing} fewer than planned"));
        }
        if self.extra > 0 {
            let extra = count(self.extra, "video frame", "video frames");
            report.fail(format!("the output has {extra} more than planned"));
        }
        if self.wrong_size > 0 {
            report.fail(format!(
                "{} the wrong size or pixel format, expected {}x{} yuv420p",
                count(self.wrong_size, "video frame of the output has", "video frames of the output have"),
                self.size.0,
                self.size.1
            ));
        }
        let worst_at_s = self.worst.1 as f64 / self.rate;
        if self.compared > 0 {
            self.check_thresholds(worst_at_s, report);
            scores.extend(self.worst_ssimulacra2()?);
            let min = scores.iter().copied().fold(f64::INFINITY, f64::min);
            let (metric, mean, min) = match scores.is_empty() {
                false => {
                    (SimilarityMetric::Ssimulacra2, scores.iter().sum::<f64>() / scores.len() as f64, min)
                }
                true => (SimilarityMetric::Ssim, self.sum / self.compared as f64, self.worst.0),
            };
            report.similarity = Some(Similarity { metric, mean, min, worst_at_s: Some(worst_at_s) });
        } else {
            let text = "the output could not be compared with the source: no video frame of both was found, expected at least 1";
            report.fail(text);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::example;

    const SIDE: usize = 64;

    /// Returns a frame with a bright quarter.
    fn frame(is_bright: fn(usize, usize) -> bool) -> Frame {
        let mut frame = Frame::new().unwrap();
        let raw = frame.get_mut();
        (raw.width, raw.height) = (SIDE as i32, SIDE as i32);
        raw.format = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as i32;
        // SAFETY: the buffer follows from the fields above; each row of a plane has `linesize` bytes.
        unsafe {
            assert!(ffi::av_frame_get_buffer(raw, 0) >= 0);
            for (plane, side) in [SIDE, SIDE / 2, SIDE / 2].into_iter().enumerate() {
                for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (x, y))) {
                    let value = if plane == 0 && is_bright(x, y) { 220 } else { 128 };
                    *raw.data[plane].add(y * raw.linesize[plane] as usize + x) = value;
                }
            }
        }
        frame
    }

    fn failures(actual: fn(usize, usize) -> bool, missing: u64, extra: u64) -> Vec<String> {
        let planned: fn(usize, usize) -> bool = |x, y| x < SIDE / 2 && y < SIDE / 2;
        let plan = example::video_encode(SIDE as u32, SIDE as u32, 25);
        let mut comparison = FrameComparison::new(&plan).unwrap();
        (comparison.missing, comparison.extra) = (missing, extra);
        for _ in 0..3 {
            comparison.compare(&mut frame(planned), frame(actual)).unwrap();
        }
        let mut report = VerifyReport::default();
        comparison.finish(Vec::new(), &mut report).unwrap();
        report.failures.into_iter().map(|failure| failure.message).collect()
    }

    #[test]
    fn other_frames_and_another_number_of_frames_are_found() {
        assert_eq!(failures(|x, y| x < SIDE / 2 && y < SIDE / 2, 0, 0), [""; 0]);
        let upside_down = failures(|x, y| x >= SIDE / 2 && y >= SIDE / 2, 0, 0);
        assert!(upside_down[0].starts_with(NOT_SIMILAR), "{upside_down:?}");
        let counted = failures(|x, y| x < SIDE / 2 && y < SIDE / 2, 2, 1);
        assert!(counted[0].contains("2 video frames fewer than planned"), "{counted:?}");
        assert_eq!(counted.len(), 2, "{counted:?}");
    }
}
