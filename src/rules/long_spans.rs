//! Spans of black, silence or stillness that last too long.

use crate::model::TimeRange;

use super::finding::Remedy;
use super::rule::Violation;
use super::value_text;

/// Seconds that a span may last if the profile does not say.
const DEFAULT_MAX_S: f64 = 1.0;

/// Returns the violation of the spans that last longer than the limit `max_s`, in seconds; `None` if there are none. `what` names
/// a span, such as "black span".
pub(super) fn long_spans(spans: &[TimeRange], max_s: Option<f64>, what: &str) -> Option<Violation> {
    let max = max_s.unwrap_or(DEFAULT_MAX_S);
    let long: Vec<_> = spans.iter().filter(|range| range.to_s - range.from_s > max).copied().collect();
    let first = long.first()?;
    let longest = long.iter().map(|range| range.to_s - range.from_s).fold(0.0, f64::max);
    let message = format!(
        "the longest {what} lasts {}; the first begins at {}",
        value_text::seconds(longest),
        value_text::seconds(first.from_s)
    );
    let allowed = format!("at most {max} s");
    Some(Violation::new(message, value_text::seconds(longest), allowed, Remedy::None).over(&long))
}
