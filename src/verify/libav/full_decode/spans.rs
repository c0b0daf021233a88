//! Collects the spans that filters report.

use crate::model::TimeRange;

/// Maximum number of spans kept of each kind.
pub(super) const MAX_SPANS: usize = 1000;

/// Collects spans whose start and end a filter reports separately.
#[derive(Default)]
pub(super) struct SpanCollector {
    open: Option<f64>,
    closed: Vec<TimeRange>,
}

impl SpanCollector {
    pub(super) fn update(&mut self, start: Option<f64>, end: Option<f64>) {
        if let Some(start) = start {
            self.open = Some(start);
        }
        if let (Some(to_s), Some(from_s)) = (end, self.open) {
            self.open = None;
            if self.closed.len() < MAX_SPANS {
                self.closed.push(TimeRange { from_s, to_s });
            }
        }
    }

    /// Returns the spans; an open one lasts to the end.
    pub(super) fn finish(mut self, end_s: f64) -> Vec<TimeRange> {
        self.update(None, Some(end_s));
        self.closed
    }
}
