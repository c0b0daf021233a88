//! Compares audio by its loudness over time, which lossy coding preserves.

use ffmpeg_next::ffi;

use crate::job::VerifyReport;
use crate::libav::frame::Frame;
use crate::verify::thresholds::{AUDIO_FACTOR, AUDIO_OUTLIERS, AUDIO_WINDOW_S, QUIET_RMS};

/// The RMS level of audio in windows of [`AUDIO_WINDOW_S`].
pub(crate) struct LoudnessEnvelope {
    window: usize,
    filled: usize,
    power_sum: f64,
    levels: Vec<f32>,
    pub(crate) samples: u64,
}

impl LoudnessEnvelope {
    pub(crate) fn new(rate: u32) -> LoudnessEnvelope {
        let window = (f64::from(rate) * AUDIO_WINDOW_S).round().max(1.0) as usize;
        LoudnessEnvelope { window, filled: 0, power_sum: 0.0, levels: Vec::new(), samples: 0 }
    }

    pub(crate) fn add(&mut self, frame: &Frame) {
        let raw = frame.get();
        if raw.format != ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP as i32 {
            return;
        }
        let channels = raw.ch_layout.nb_channels.max(0) as usize;
        self.samples += raw.nb_samples.max(0) as u64;
        for i in 0..raw.nb_samples.max(0) as usize {
            let power: f64 = (0..channels).map(|c| f64::from(frame.samples(c)[i]).powi(2)).sum();
            self.power_sum += power / channels.max(1) as f64;
            self.filled += 1;
            if self.filled == self.window {
                self.levels.push((self.power_sum / self.window as f64).sqrt() as f32);
                (self.filled, self.power_sum) = (0, 0.0);
            }
        }
    }

    /// Compares the envelope of the output with this envelope of the planned audio.
    pub(crate) fn check(&self, output: &LoudnessEnvelope, silent_by_plan: bool, report: &mut VerifyReport) {
        report.decode.audio_samples = output.samples;
        if output.samples == 0 {
            report.fail("the output's audio decodes to 0 samples, expected at least 1".to_owned());
        } else if !silent_by_plan {
            self.compare(output, report);
        }
    }

    fn compare(&self, actual: &LoudnessEnvelope, report: &mut VerifyReport) {
        let windows: Vec<(f64, f64)> = self
            .levels
            .iter()
            .zip(actual.levels.iter().chain(std::iter::repeat(&0.0)))
            .map(|(a, b)| (f64::from(*a), f64::from(*b)))
            .filter(|(planned, _)| *planned > QUIET_RMS)
            .collect();
        let outliers = windows
            .iter()
            .filter(|(planned, actual)| {
                *actual * AUDIO_FACTOR < *planned || *actual > *planned * AUDIO_FACTOR
            })
            .count();
        let allowed = (windows.len() as f64 * AUDIO_OUTLIERS).max(2.0);
        if !windows.is_empty() && windows.iter().all(|(_, actual)| *actual < QUIET_RMS / AUDIO_FACTOR) {
            let level = QUIET_RMS / AUDIO_FACTOR;
            report.fail(format!(
                "the output's audio is silent (RMS below {level}) in all {} windows where the source is not",
                windows.len()
            ));
        } else if outliers as f64 > allowed {
            report.fail(format!(
                "the loudness of the output differs from the source by more than a factor of {AUDIO_FACTOR} \
                 in {outliers} of {} windows of {AUDIO_WINDOW_S} s, at most {allowed:.0} allowed",
                windows.len()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Returns the failures of an output with audio of one level, where another level is planned.
    fn failures(planned: f32, actual: f32) -> Vec<String> {
        let envelope = |level: f32| {
            let mut frame = Frame::audio(1, 48_000, 48_000).unwrap();
            frame.samples_mut(0).fill(level);
            let mut envelope = LoudnessEnvelope::new(48_000);
            envelope.add(&frame);
            envelope
        };
        let mut report = VerifyReport::default();
        envelope(planned).check(&envelope(actual), false, &mut report);
        report.failures.into_iter().map(|failure| failure.message).collect()
    }

    #[test]
    fn silent_and_changed_audio_is_found() {
        assert_eq!(failures(0.5, 0.4), [""; 0]);
        assert!(failures(0.5, 0.0)[0].contains("the output's audio is silent"));
        assert!(failures(0.5, 0.1)[0].contains("the loudness of the output differs"));
        assert!(failures(0.1, 0.5)[0].contains("the loudness of the output differs"));
    }
}
