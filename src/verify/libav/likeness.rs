//! Pictures of an output held against the planned ones, one by one.

use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use fast_ssim2::{PixelDescriptor, PixelSlice, compute_ssimulacra2};
use ffmpeg_next::ffi;

use crate::job::{JobError, Similarity, VerifyReport};
use crate::plan::VideoEncode;
use crate::transcode::libav::av::{Frame, failed, rational};
use crate::transcode::libav::filter::{Graph, Pulled};
use crate::verify::thresholds::{FRAME_SSIM, MEAN_SSIM, SLOW_SAMPLES};

/// How failures of similarity begin.
pub(super) const UNLIKE: &str = "the picture differs from the source";

/// How alike two films look, so far.
pub(super) struct Likeness {
    size: (u32, u32),
    wrong_size: u64,
    /// Planned pictures that the output does not have.
    pub(super) missing: u64,
    /// Pictures of the output that were not planned.
    pub(super) extra: u64,
    rate: f64,
    threads: u32,
    graph: Graph,
    compared: u64,
    sum: f64,
    worst: (f64, u64),
    /// Source and output of the worst frame so far.
    worst_pair: Option<(Frame, Frame)>,
    samples: Samples,
}

impl Likeness {
    /// `threads` are used for the slow metric at the end.
    pub(super) fn new(plan: &VideoEncode, threads: u32) -> Result<Likeness, JobError> {
        let size = plan.canvas.as_ref().map_or(plan.scale, |canvas| canvas.size);
        let size = (size.width, size.height);
        let source = format!(
            "buffer=video_size={}x{}:pix_fmt=yuv420p:time_base=1/1000:pixel_aspect=1/1",
            size.0, size.1
        );
        let graph = Graph::new(&format!("{source}[a];{source}[b];[a][b]ssim,buffersink"))?;
        Ok(Likeness {
            size,
            wrong_size: 0,
            missing: 0,
            extra: 0,
            rate: plan.frame_rate.as_f64(),
            threads,
            graph,
            compared: 0,
            sum: 0.0,
            worst: (f64::INFINITY, 0),
            worst_pair: None,
            samples: Samples::default(),
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
        self.samples.offer(self.compared - 1, reference, &real)
    }

    /// Takes the filter's verdicts; says whether one was the worst so far.
    fn collect(&mut self) -> Result<bool, JobError> {
        let mut fell = false;
        while let Pulled::Frame(frame) = self.graph.pull(0)? {
            let value = frame
                .number(c"lavfi.ssim.All")
                .ok_or_else(|| failed("the media library gave no similarity for a frame"))?;
            self.sum += value;
            if value < self.worst.0 {
                self.worst = (value, frame.get().pts.max(0) as u64);
                fell = true;
            }
        }
        Ok(fell)
    }

    /// The slow metric on the worst frame and a few others: its mean and its minimum.
    fn slow(&mut self) -> Result<Option<(f64, f64)>, JobError> {
        let pairs = self.worst_pair.take().into_iter().chain(self.samples.take()).collect();
        let scores = score_all(pairs, self.size, self.threads as usize)?;
        let min = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
        Ok((!scores.is_empty()).then_some((mean, min)))
    }

    /// Holds the similarity of all frames against the thresholds.
    fn judge(&self, worst_at_s: f64, report: &mut VerifyReport) {
        let (mean, min) = (self.sum / self.compared.max(1) as f64, self.worst.0);
        if mean < MEAN_SSIM {
            let text = format!("{UNLIKE}: SSIM {mean:.3} on average, at least {MEAN_SSIM} is needed");
            report.failures.push(text);
        }
        if min < FRAME_SSIM {
            let text =
                format!("{UNLIKE} at {worst_at_s:.2} s: SSIM {min:.3}, at least {FRAME_SSIM} is needed");
            report.failures.push(text);
        }
    }

    /// Adds what was found to the report.
    pub(super) fn finish(mut self, report: &mut VerifyReport) -> Result<(), JobError> {
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
            let (metric, (mean, min)) = match self.slow()? {
                Some(found) => ("ssimulacra2", found),
                None => ("ssim", (self.sum / self.compared as f64, self.worst.0)),
            };
            let metric = metric.to_owned();
            report.similarity = Some(Similarity { metric, mean, min, worst_at_s: Some(worst_at_s) });
        } else {
            report.failures.push("not one picture of the output could be compared".to_owned());
        }
        Ok(())
    }
}

/// A few pairs of frames at even distances, whatever the length turns out to be.
#[derive(Default)]
struct Samples {
    stride: u64,
    pairs: Vec<(u64, Frame, Frame)>,
}

impl Samples {
    fn offer(&mut self, at: u64, source: &Frame, output: &Frame) -> Result<(), JobError> {
        self.stride = self.stride.max(1);
        if !at.is_multiple_of(self.stride) {
            return Ok(());
        }
        self.pairs.push((at, source.share()?, output.share()?));
        while self.pairs.len() > SLOW_SAMPLES {
            self.stride *= 2;
            let stride = self.stride;
            // The very first frame says least.
            self.pairs.retain(|(at, ..)| *at > 0 && at.is_multiple_of(stride));
        }
        Ok(())
    }

    fn take(&mut self) -> impl Iterator<Item = (Frame, Frame)> + use<> {
        std::mem::take(&mut self.pairs).into_iter().map(|(_, source, output)| (source, output))
    }
}

/// Scores pairs of source and output side by side, in their order.
fn score_all(pairs: Vec<(Frame, Frame)>, size: (u32, u32), threads: usize) -> Result<Vec<f64>, JobError> {
    let count = pairs.len();
    let waiting = Mutex::new(pairs.into_iter().enumerate());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let scored = Mutex::new(vec![0.0; count]);
    let work = || -> Result<(), JobError> {
        while let Some((at, (source, output))) = next() {
            let score = ssimulacra2(source, output, size)?;
            scored.lock().unwrap_or_else(PoisonError::into_inner)[at] = score;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(count)).map(|_| scope.spawn(work)).collect();
        let mine = work();
        let joined = |thread: ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        others.into_iter().map(joined).fold(mine, Result::and)
    })?;
    Ok(scored.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// How alike two frames look to people, by a model of sight; 100 is identical.
fn ssimulacra2(source: Frame, output: Frame, size: (u32, u32)) -> Result<f64, JobError> {
    let (width, height) = size;
    let (source, output) = (rgb(source, size)?, rgb(output, size)?);
    let view = |pixels| {
        PixelSlice::new(pixels, width, height, width as usize * 3, PixelDescriptor::RGB8_SRGB)
            .map_err(|e| failed(format!("cannot compare pictures: {e}")))
    };
    compute_ssimulacra2(&view(&source)?, &view(&output)?)
        .map_err(|e| failed(format!("cannot compare pictures: {e}")))
}

fn rgb(mut frame: Frame, (width, height): (u32, u32)) -> Result<Vec<u8>, JobError> {
    let mut graph = Graph::new(&format!(
        "buffer=video_size={width}x{height}:pix_fmt=yuv420p:time_base=1/1000:pixel_aspect=1/1,\
         scale=in_color_matrix=bt709:in_range=tv,format=rgb24,buffersink"
    ))?;
    graph.push(0, Some(&mut frame))?;
    graph.push(0, None)?;
    let Pulled::Frame(done) = graph.pull(0)? else {
        return Err(failed("the filter graph gave no picture"));
    };
    let row = width as usize * 3;
    Ok((0..height as usize).flat_map(|y| done.row(0, y, row).to_vec()).collect())
}
