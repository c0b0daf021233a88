//! Collects momentary loudness over time in a bounded number of values.

use crate::model::LoudnessCurve;

/// The filter `ebur128` measures every 100 ms.
const MEASUREMENT_S: f64 = 0.1;

/// The loudness of silence in LUFS, where the gate of the meter is.
const SILENCE: f32 = -70.0;

/// Collects measurements; when there are too many values, the steps become twice as long.
pub(super) struct CurveCollector {
    values: Vec<f32>,
    /// Number of measurements in a step.
    step: u32,
    /// The highest measurement of the step in work, and their number.
    current: (f32, u32),
}

impl Default for CurveCollector {
    fn default() -> CurveCollector {
        CurveCollector { values: Vec::new(), step: 1, current: (SILENCE, 0) }
    }
}

impl CurveCollector {
    /// Adds a measurement in LUFS.
    pub(super) fn add(&mut self, lufs: f32) {
        let (highest, count) = self.current;
        // Of a number that is none, the maximum is the other one.
        self.current = (highest.max(lufs), count + 1);
        if count + 1 == self.step {
            self.end_step();
        }
    }

    fn end_step(&mut self) {
        self.values.push(self.current.0);
        self.current = (SILENCE, 0);
        if self.values.len() == LoudnessCurve::MAX_VALUES {
            self.values =
                self.values.chunks(2).map(|pair| pair.iter().copied().fold(SILENCE, f32::max)).collect();
            self.step *= 2;
        }
    }

    /// Returns the curve.
    pub(super) fn finish(mut self) -> LoudnessCurve {
        if self.current.1 > 0 {
            self.end_step();
        }
        LoudnessCurve { step_s: f64::from(self.step) * MEASUREMENT_S, lufs: self.values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_audio_has_longer_steps_with_their_highest_values() {
        let mut collector = CurveCollector::default();
        for number in 0..1999_u32 {
            collector.add(if number == 1000 { -5.0 } else { f32::NEG_INFINITY });
        }
        let curve = collector.finish();
        assert!((curve.step_s - 0.4).abs() < 1e-9, "{}", curve.step_s);
        assert_eq!(curve.lufs.len(), 500);
        let loud: Vec<usize> = (0..500).filter(|at| curve.lufs[*at] > SILENCE).collect();
        assert_eq!(loud, [250]);
    }

    #[test]
    fn a_short_audio_keeps_each_measurement() {
        let mut collector = CurveCollector::default();
        [-20.0, f32::NAN, -90.0].into_iter().for_each(|lufs| collector.add(lufs));
        let curve = collector.finish();
        assert_eq!(curve.lufs, [-20.0, SILENCE, SILENCE]);
        assert!((curve.step_s - 0.1).abs() < 1e-9);
    }
}
