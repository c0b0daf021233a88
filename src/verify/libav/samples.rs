//! A few pictures of an output, looked at a second time by another way.

use fast_ssim2::{PixelDescriptor, PixelSlice, compute_ssimulacra2};
use ffmpeg_next::ffi;

use super::planes;
use crate::job::{JobError, VerifyReport};
use crate::plan::VideoEncode;
use crate::transcode::libav::av::{Frame, failed, rational};
use crate::verify::reference_render::{Image, Part, common_size, draw, read};
use crate::verify::thresholds::{REFERENCE_MEAN, REFERENCE_SAMPLE_EVERY, REFERENCE_SAMPLES};

/// Smaller pictures say nothing to a model of sight.
const LEAST_SIDE: usize = 32;

/// In smaller pictures, colours that four pixels share blur what there is to see.
const LEAST_COLORED_SIDE: usize = 128;

/// Scores of pictures held against the source without the filter graph.
pub(super) struct Samples {
    plan: VideoEncode,
    aspect: ffi::AVRational,
    scores: Vec<(u64, f64)>,
}

impl Samples {
    pub(super) fn new(plan: &VideoEncode, aspect: ffi::AVRational) -> Samples {
        Samples { plan: plan.clone(), aspect, scores: Vec::new() }
    }

    /// How many ticks apart samples lie in a video of that many seconds.
    pub(super) fn every(plan: &VideoEncode, seconds: Option<f64>) -> u64 {
        let ticks = seconds.map_or(0, |seconds| (seconds * plan.frame_rate.as_f64()) as u64);
        let every = ticks.div_ceil(REFERENCE_SAMPLES as u64).max(REFERENCE_SAMPLE_EVERY);
        // One in the middle of a short video.
        if ticks > 0 { every.min(ticks) } else { every }
    }

    /// Looks at the picture of the output at a tick, made of the decoded picture of the source.
    pub(super) fn look(&mut self, tick: u64, source: &Frame, output: &Frame) -> Result<(), JobError> {
        // Films that turn out much longer than they said have been looked at enough.
        if self.scores.len() >= 2 * REFERENCE_SAMPLES {
            return Ok(());
        }
        let pictures = (planes::picture(source, self.aspect), planes::picture(output, rational(1, 1)));
        let (Some(source), Some(output)) = pictures else { return Ok(()) };
        let size = common_size(&source, &self.plan);
        if size.0.min(size.1) < LEAST_SIDE {
            return Ok(());
        }
        let mut planned = draw(&source, &self.plan, size);
        let canvas = self.plan.canvas.as_ref().map_or(self.plan.scale, |canvas| canvas.size);
        let (width, height) = (self.plan.scale.width as usize, self.plan.scale.height as usize);
        let margin = |canvas: u32, picture: usize| ((canvas as usize).saturating_sub(picture) / 2) & !1;
        let (left, top) = (margin(canvas.width, width), margin(canvas.height, height));
        let mut real = read(&output, Part { left, top, width, height }, size);
        if size.0.min(size.1) < LEAST_COLORED_SIDE {
            planned.discolor();
            real.discolor();
        }
        self.scores.push((tick, score(&planned, &real)?));
        Ok(())
    }

    /// The scores.
    pub(super) fn scores(&self) -> Vec<f64> {
        self.scores.iter().map(|(_, score)| *score).collect()
    }

    /// Judges the scores of an output that is like what went into its encoder: of another one they say
    /// no more than that.
    pub(super) fn judge(self, report: &mut VerifyReport) {
        let rate = self.plan.frame_rate.as_f64();
        let worst = self.scores.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        let scores = self.scores();
        let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
        if let Some((tick, score)) = worst.filter(|_| mean < REFERENCE_MEAN) {
            let at = tick as f64 / rate;
            report.failures.push(format!(
                "the picture is not what the plan makes of the source: SSIMULACRA2 {mean:.0} on average over \
                 {} samples, {score:.0} at {at:.2} s; at least {REFERENCE_MEAN} is needed",
                scores.len()
            ));
        }
    }
}

/// How alike two pictures look to people, by a model of sight; 100 is identical.
pub(super) fn score(one: &Image, other: &Image) -> Result<f64, JobError> {
    let score = compute_ssimulacra2(&view(one)?, &view(other)?)
        .map_err(|e| failed(format!("cannot compare pictures: {e}")))?;
    // What is no number passes every threshold.
    if score.is_finite() { Ok(score) } else { Err(failed("cannot compare pictures: no score")) }
}

fn view(image: &Image) -> Result<PixelSlice<'_>, JobError> {
    let (width, height) = (image.width as u32, image.height as u32);
    let bytes = image.pixels.as_flattened();
    PixelSlice::new(bytes, width, height, image.width * 3, PixelDescriptor::RGB8_SRGB)
        .map_err(|e| failed(format!("cannot compare pictures: {e}")))
}
