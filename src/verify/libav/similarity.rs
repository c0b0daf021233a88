//! Pictures of an output held against the planned ones, one by one.

use ffmpeg_next::ffi;

use super::planes;
use super::samples::score;
use crate::job::{JobError, Similarity as SimilarityScore, VerifyReport};
use crate::plan::VideoEncode;
use crate::transcode::libav::av::{Frame, failed, rational};
use crate::transcode::libav::filter::{Graph, Pulled};
use crate::verify::reference_render::{Part, comparison_size, read};
use crate::verify::thresholds::{FRAME_SSIM, MEAN_SSIM};

/// Smaller pictures are compared enlarged.
const LEAST_SIDE: u32 = 64;

/// How failures of similarity begin.
pub(super) const NOT_SIMILAR: &str = "the picture differs from the source";

/// How alike two videos look, so far.
pub(super) struct Similarity {
    size: (u32, u32),
    wrong_size: u64,
    /// Planned pictures that the output does not have.
    pub(super) missing: u64,
    /// Pictures of the output that were not planned.
    pub(super) extra: u64,
    rate: f64,
    graph: Graph,
    compared: u64,
    sum: f64,
    worst: (f64, u64),
    /// Source and output of the worst frame so far.
    worst_pair: Option<(Frame, Frame)>,
}

impl Similarity {
    pub(super) fn new(plan: &VideoEncode) -> Result<Similarity, JobError> {
        let size = plan.canvas.as_ref().map_or(plan.scale, |canvas| canvas.size);
        let size = (size.width, size.height);
        let mut source = format!(
            "buffer=video_size={}x{}:pix_fmt=yuv420p:time_base=1/1000:pixel_aspect=1/1",
            size.0, size.1
        );
        // The metric looks at windows of eight pixels, and knows nothing of a picture that has none.
        let times = LEAST_SIDE.div_ceil(size.0.min(size.1).max(1));
        if times > 1 {
            source = format!("{source},scale=iw*{times}:ih*{times}:flags=neighbor");
        }
        let graph = Graph::new(&format!("{source}[a];{source}[b];[a][b]ssim,buffersink"))?;
        Ok(Similarity {
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

    /// Holds the next picture of the output against the planned one.
    pub(super) fn compare(&mut self, reference: &mut Frame, mut real: Frame) -> Result<(), JobError> {
        let raw = real.get();
        if (raw.width as u32, raw.height as u32) != self.size
            || raw.format != ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as i32
        {
            self.wrong_size += 1;
            return Ok(());
        }
        let at = self.compared as i64;
        for (i, frame) in [&mut real, &mut *reference].into_iter().enumerate() {
            frame.get_mut().pts = at;
            frame.get_mut().sample_aspect_ratio = rational(1, 1);
            self.graph.push(i, Some(frame))?;
        }
        self.compared += 1;
        // The filter gives its verdict on a pair at once.
        if self.collect()? {
            self.worst_pair = Some((reference.share()?, real.share()?));
        }
        Ok(())
    }

    /// Takes the filter's verdicts; says whether one was the worst so far.
    fn collect(&mut self) -> Result<bool, JobError> {
        let mut fell = false;
        while let Pulled::Frame(frame) = self.graph.pull(0)? {
            let value = frame
                .number(c"lavfi.ssim.All")
                .filter(|value| value.is_finite())
                .ok_or_else(|| failed("the media library gave no similarity for a frame"))?;
            self.sum += value;
            if value < self.worst.0 {
                self.worst = (value, frame.get().pts.max(0) as u64);
                fell = true;
            }
        }
        Ok(fell)
    }

    /// The slow metric on the worst frame.
    fn slow(&mut self) -> Result<Option<f64>, JobError> {
        let Some((reference, real)) = self.worst_pair.take() else { return Ok(None) };
        let pictures = [&reference, &real].map(|frame| planes::picture(frame, rational(1, 1)));
        let [Some(reference), Some(real)] = pictures else { return Ok(None) };
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let whole = Part { left: 0, top: 0, width, height };
        let [reference, real] =
            [&reference, &real].map(|picture| read(picture, whole, comparison_size(width, height)));
        score(&reference, &real).map(Some)
    }

    /// Holds the similarity of all frames against the thresholds.
    fn judge(&self, worst_at_s: f64, report: &mut VerifyReport) {
        let (mean, min) = (self.sum / self.compared.max(1) as f64, self.worst.0);
        if mean < MEAN_SSIM {
            let text = format!("{NOT_SIMILAR}: SSIM {mean:.3} on average, at least {MEAN_SSIM} is needed");
            report.failures.push(text);
        }
        if min < FRAME_SSIM {
            let text =
                format!("{NOT_SIMILAR} at {worst_at_s:.2} s: SSIM {min:.3}, at least {FRAME_SSIM} is needed");
            report.failures.push(text);
        }
    }

    /// Adds what was found to the report, and the scores of samples that were looked at by another way.
    pub(super) fn finish(mut self, mut scores: Vec<f64>, report: &mut VerifyReport) -> Result<(), JobError> {
        self.graph.push(0, None)?;
        self.graph.push(1, None)?;
        self.collect()?;
        if self.missing > 0 {
            report.failures.push(format!("{} frames of the plan are not in the output", self.missing));
        }
        if self.extra > 0 {
            let extra = self.extra;
            report.failures.push(format!("the output has {extra} frames more than the plan"));
        }
        if self.wrong_size > 0 {
            report
                .failures
                .push(format!("{} frames of the output have another size or format", self.wrong_size));
        }
        let worst_at_s = self.worst.1 as f64 / self.rate;
        if self.compared > 0 {
            self.judge(worst_at_s, report);
            scores.extend(self.slow()?);
            let min = scores.iter().copied().fold(f64::INFINITY, f64::min);
            let (metric, mean, min) = match scores.is_empty() {
                false => ("ssimulacra2", scores.iter().sum::<f64>() / scores.len() as f64, min),
                true => ("ssim", self.sum / self.compared as f64, self.worst.0),
            };
            let metric = metric.to_owned();
            report.similarity = Some(SimilarityScore { metric, mean, min, worst_at_s: Some(worst_at_s) });
        } else {
            report.failures.push("not one picture of the output could be compared".to_owned());
        }
        Ok(())
    }
}
