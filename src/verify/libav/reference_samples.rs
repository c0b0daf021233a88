//! Compares some frames of an output with an independent render of the source.

use fast_ssim2::{PixelDescriptor, PixelSlice, compute_ssimulacra2};
use ffmpeg_next::ffi;

use super::frame_planes;
use crate::job::{JobError, VerifyReport};
use crate::libav::error::failed;
use crate::libav::frame::Frame;
use crate::libav::frame_format::{frame_format, part_plan};
use crate::libav::sample::Sample;
use crate::libav::time::rational;
use crate::model::{UndeclaredColors, count};
use crate::plan::VideoEncode;
use crate::verify::reference_render::{
    ColorEvidence, Image, Misreading, Region, color_evidence, common_size, low_frequencies, render,
    render_region,
};
use crate::verify::thresholds::{
    FINE_DETAIL_BELOW, MIN_COLOR_SHARE, REFERENCE_MEAN, REFERENCE_SAMPLE_EVERY, REFERENCE_SAMPLES,
};

/// Minimum shorter side in pixels for SSIMULACRA2.
pub(super) const MIN_SIDE: usize = 32;

/// Minimum shorter side in pixels for comparing colours; in smaller frames, 4:2:0 chroma distorts the score.
const MIN_COLOR_SIDE: usize = 128;

/// SSIMULACRA2 scores of output frames against the reference render of their source frames.
pub(super) struct ReferenceSamples {
    plan: VideoEncode,
    aspect: ffi::AVRational,
    scores: Vec<(u64, f64)>,
    /// How far the colours are from each misreading of the source.
    colors: [ColorEvidence; Misreading::ALL.len()],
}

impl ReferenceSamples {
    pub(super) fn new(plan: &VideoEncode, aspect: ffi::AVRational) -> ReferenceSamples {
        ReferenceSamples { plan: plan.clone(), aspect, scores: Vec::new(), colors: Default::default() }
    }

    /// Returns the number of ticks between samples in a video of `seconds`.
    pub(super) fn distance(plan: &VideoEncode, seconds: Option<f64>) -> u64 {
        let ticks = seconds.map_or(0, |seconds| (seconds * plan.frame_rate.as_f64()) as u64);
        let distance = ticks.div_ceil(REFERENCE_SAMPLES as u64).max(REFERENCE_SAMPLE_EVERY);
        // A short video gets one sample in its middle.
        if ticks > 0 { distance.min(ticks) } else { distance }
    }

    /// Compares the output frame at a tick with the decoded source frame it results from.
    pub(super) fn add(&mut self, tick: u64, source: &Sample, output: &Frame) -> Result<(), JobError> {
        // Bounds the number of samples of videos much longer than declared.
        if self.scores.len() >= 2 * REFERENCE_SAMPLES {
            return Ok(());
        }
        let plan = match source.is_part {
            true => &part_plan(&self.plan, &frame_format(&source.frame, self.aspect, &self.plan.undeclared)),
            false => &self.plan,
        };
        let frames = (
            frame_planes::planar_frame(&source.frame, self.aspect, &plan.undeclared),
            frame_planes::planar_frame(output, rational(1, 1), &UndeclaredColors::BT709),
        );
        let (Some(source), Some(output)) = frames else { return Ok(()) };
        let size = common_size(&source, plan);
        if size.0.min(size.1) < MIN_SIDE {
            return Ok(());
        }
        let region = output_region(plan);
        for (misreading, evidence) in color_evidence(&source, &output, plan, region) {
            self.colors[misreading as usize].add(evidence);
        }
        let mut planned = render(&source, plan, size);
        let mut actual = render_region(&output, region, size);
        if size.0.min(size.1) < MIN_COLOR_SIDE {
            planned.to_grey();
            actual.to_grey();
        }
        let mut found = score(&planned, &actual)?;
        if found < FINE_DETAIL_BELOW {
            // Fine regular detail has another phase after each way of scaling; the low frequencies do not.
            let [planned, actual] = low_frequencies(&source, &output, plan, region);
            found = found.max(score(&planned, &actual)?);
        }
        self.scores.push((tick, found));
        Ok(())
    }

    /// Returns the scores.
    pub(super) fn scores(&self) -> Vec<f64> {
        self.scores.iter().map(|(_, score)| *score).collect()
    }

    /// Checks the scores. Only useful if the output is similar to the input of its encoder: otherwise the scores
    /// are low for that reason.
    pub(super) fn check(self, report: &mut VerifyReport) {
        let rate = self.plan.frame_rate.as_f64();
        for (misreading, evidence) in Misreading::ALL.into_iter().zip(&self.colors) {
            if let Some(share) = evidence.share().filter(|share| *share < MIN_COLOR_SHARE) {
                report.fail(format!(
                    "the colours of the output are not those of the plan but closer to {}: they cover {:.0} % of the \
                     way from these to the plan, expected at least {:.0} %",
                    misread(misreading),
                    share * 100.0,
                    MIN_COLOR_SHARE * 100.0
                ));
            }
        }
        let worst = self.scores.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        let scores = self.scores();
        let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
        if let Some((tick, score)) = worst.filter(|_| mean < REFERENCE_MEAN) {
            let at_s = tick as f64 / rate;
            report.fail(format!(
                "the video does not match an independent render of the plan: mean SSIMULACRA2 {mean:.0} over \
                 {}, expected at least {REFERENCE_MEAN}; lowest {score:.0} at {at_s:.2} s",
                count(scores.len() as u64, "frame", "frames")
            ));
        }
    }
}

fn misread(misreading: Misreading) -> &'static str {
    match misreading {
        Misreading::Gamut => "colours whose primaries or transfer are not converted to BT.709",
        Misreading::Matrix => "colours read by another matrix",
    }
}

/// Returns the region of the output frame that shows the scaled video.
fn output_region(plan: &VideoEncode) -> Region {
    let frame = plan.frame();
    let (width, height) = (plan.scale.width as usize, plan.scale.height as usize);
    let margin = |frame: u32, scaled: usize| ((frame as usize).saturating_sub(scaled) / 2) & !1;
    Region { left: margin(frame.width, width), top: margin(frame.height, height), width, height }
}

/// Returns the SSIMULACRA2 score of two images; 100 is identical.
pub(super) fn score(one: &Image, other: &Image) -> Result<f64, JobError> {
    let score = compute_ssimulacra2(&pixel_slice(one)?, &pixel_slice(other)?)
        .map_err(|e| failed(format!("cannot compute SSIMULACRA2: {e}")))?;
    // NaN would pass every threshold.
    if score.is_finite() {
        Ok(score)
    } else {
        Err(failed("cannot compute SSIMULACRA2: the score is not finite"))
    }
}

fn pixel_slice(image: &Image) -> Result<PixelSlice<'_>, JobError> {
    let (width, height) = (image.width as u32, image.height as u32);
    let bytes = image.pixels.as_flattened();
    PixelSlice::new(bytes, width, height, image.width * 3, PixelDescriptor::RGB8_SRGB)
        .map_err(|e| failed(format!("cannot compute SSIMULACRA2: {e}")))
}
