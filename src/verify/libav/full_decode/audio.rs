//! Analyses decoded audio: silence and loudness.

use ffmpeg_next::ffi;

use super::loudness_curve::CurveCollector;
use super::spans::SpanCollector;
use crate::job::JobError;
use crate::libav::channel_layout::layout;
use crate::libav::filter::{Graph, Pulled};
use crate::libav::frame::Frame;
use crate::libav::time::{NOPTS, seconds};
use crate::model::{DeepReport, LoudnessCurve, LoudnessReport};

/// Analyses audio.
#[derive(Default)]
pub(super) struct AudioAnalysis {
    built_for: Option<(i32, i32, String)>,
    graph: Option<Graph>,
    silence: SpanCollector,
    integrated: Option<f64>,
    range: Option<f64>,
    peak: f64,
    samples: u64,
    curve: CurveCollector,
    pub(super) end_s: f64,
}

impl AudioAnalysis {
    pub(super) fn add_frame(&mut self, mut frame: Frame, base: ffi::AVRational) -> Result<(), JobError> {
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
            if let Some(momentary) = frame.number(c"lavfi.r128.M") {
                self.curve.add(momentary as f32);
            }
            self.range = frame.number(c"lavfi.r128.LRA").or(self.range);
            for key in [c"lavfi.r128.true_peaks_ch0", c"lavfi.r128.true_peaks_ch1"] {
                self.peak = frame.number(key).map_or(self.peak, |peak| peak.max(self.peak));
            }
        }
        Ok(())
    }

    /// Ends the analysis and writes its results.
    pub(super) fn write_to(mut self, report: &mut DeepReport) -> Result<(), JobError> {
        self.flush()?;
        report.decode.audio_samples = self.samples;
        report.decode.audio_end_s = (self.samples > 0).then_some(self.end_s);
        let momentary = std::mem::take(&mut self.curve).finish();
        report.loudness = self.loudness(momentary);
        report.silence = self.silence.finish(self.end_s);
        Ok(())
    }

    fn loudness(&self, momentary: LoudnessCurve) -> Option<LoudnessReport> {
        // The meter starts at its gate, -70 LUFS, which means that the audio is silent.
        let integrated_lufs = self.integrated.filter(|value| *value > -69.9)?;
        let true_peak_dbtp = 20.0 * self.peak.max(1e-6).log10();
        let range_lu = self.range.unwrap_or(0.0);
        Some(LoudnessReport { integrated_lufs, range_lu, true_peak_dbtp, momentary })
    }
}
