//! Audio compared by how loud it is over time: lossy coding changes samples, not that.

use ffmpeg_next::ffi;

use crate::job::VerifyReport;
use crate::transcode::libav::av::Frame;
use crate::verify::thresholds::{AUDIO_FACTOR, AUDIO_OUTLIERS, AUDIO_WINDOW_S, QUIET_RMS};

/// How loud a audio is over time.
pub(crate) struct Envelope {
    window: usize,
    filled: usize,
    square: f64,
    levels: Vec<f32>,
    pub(crate) samples: u64,
}

impl Envelope {
    pub(crate) fn new(rate: u32) -> Envelope {
        let window = (f64::from(rate) * AUDIO_WINDOW_S).round().max(1.0) as usize;
        Envelope { window, filled: 0, square: 0.0, levels: Vec::new(), samples: 0 }
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
            self.square += power / channels.max(1) as f64;
            self.filled += 1;
            if self.filled == self.window {
                self.levels.push((self.square / self.window as f64).sqrt() as f32);
                (self.filled, self.square) = (0, 0.0);
            }
        }
    }

    /// Judges what was `heard` of the output by this, the planned audio.
    pub(crate) fn judge(&self, heard: &Envelope, silent_by_plan: bool, report: &mut VerifyReport) {
        report.decode.audio_samples = heard.samples;
        if heard.samples == 0 {
            report.failures.push("not one sample of the audio of the output can be decoded".to_owned());
        } else if !silent_by_plan {
            self.hold_against(heard, report);
        }
    }

    fn hold_against(&self, real: &Envelope, report: &mut VerifyReport) {
        let loud: Vec<(f64, f64)> = self
            .levels
            .iter()
            .zip(real.levels.iter().chain(std::iter::repeat(&0.0)))
            .map(|(a, b)| (f64::from(*a), f64::from(*b)))
            .filter(|(planned, _)| *planned > QUIET_RMS)
            .collect();
        let off = loud
            .iter()
            .filter(|(planned, real)| *real * AUDIO_FACTOR < *planned || *real > *planned * AUDIO_FACTOR)
            .count();
        if !loud.is_empty() && loud.iter().all(|(_, real)| *real < QUIET_RMS / AUDIO_FACTOR) {
            report.failures.push("the audio of the output is silent, the source's is not".to_owned());
        } else if off as f64 > (loud.len() as f64 * AUDIO_OUTLIERS).max(2.0) {
            report.failures.push(format!(
                "the audio of the output differs from the source's in {off} of {} windows of {AUDIO_WINDOW_S} s",
                loud.len()
            ));
        }
    }
}
