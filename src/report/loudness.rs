//! The loudness of a file in the report.

use serde::Serialize;

use crate::model::{LoudnessCurve, LoudnessReport};

/// Loudness measured according to EBU R128.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct Loudness {
    /// Integrated loudness in LUFS.
    pub integrated_lufs: f64,
    /// Loudness range in LU.
    pub range_lu: f64,
    /// True peak in dBTP.
    pub true_peak_dbtp: f64,
    /// The time from one value of `momentary_lufs` to the next, in seconds.
    pub step_s: f64,
    /// The highest momentary loudness (of 400 ms) in LUFS in each step; -70 is silence.
    pub momentary_lufs: Vec<f64>,
}

impl From<LoudnessReport> for Loudness {
    fn from(report: LoudnessReport) -> Loudness {
        let LoudnessReport { integrated_lufs, range_lu, true_peak_dbtp, momentary } = report;
        let LoudnessCurve { step_s, lufs } = momentary;
        let values = lufs.into_iter().take(LoudnessCurve::MAX_VALUES);
        let momentary_lufs = values.map(|value| (f64::from(value) * 10.0).round() / 10.0).collect();
        Loudness { integrated_lufs, range_lu, true_peak_dbtp, step_s, momentary_lufs }
    }
}
