//! Compares the end of the data with the declarations of the file.

use super::headers::Declared;
use crate::model::{Completeness, Container, MediaFacts, contradicts};

/// How much later than the end of the last packet the declared end may be, in seconds.
const DURATION_SLACK_S: f64 = 0.5;
/// The longest duration of the contents of a single block, in seconds.
pub(crate) const MAX_BLOCK_S: f64 = 1.0;

/// Returns whether the last block of a file, whose packets were not all read, may show that data is missing.
pub(crate) fn needs_last_block(facts: &MediaFacts) -> bool {
    use Completeness::{Missing, Unknown};
    facts.container_is(Container::is_matroska)
        && matches!(facts.completeness, Unknown | Missing { first_missing_s: None, .. })
}

/// Returns whether reading all packets adds facts: always for video, for audio when it may be truncated or
/// does not declare its duration.
pub(crate) fn worth_walking(facts: &MediaFacts) -> bool {
    let truncated = matches!(facts.completeness, Completeness::Missing { first_missing_s: None, .. });
    !facts.video.is_empty() || truncated || needs_last_block(facts) || facts.declared_duration_s().is_none()
}

/// Compares the end of the packets with the declared duration, and sets where data is missing.
pub(crate) fn compare_end(first_end_s: f64, last_end_s: f64, facts: &mut MediaFacts) {
    // For other containers the library estimates the duration from the bytes.
    let declares = facts.container_is(Container::declares_duration_from_zero);
    match (&mut facts.completeness, facts.duration_s) {
        // The packets do not show what a truncated index would have listed.
        (Completeness::Missing { first_missing_s, .. }, _) if facts.fragmented != Some(false) => {
            first_missing_s.get_or_insert(first_end_s);
        }
        (Completeness::Unknown, Some(declared)) if declares => {
            facts.completeness = if last_end_s + DURATION_SLACK_S < declared {
                Completeness::Missing {
                    first_missing_s: Some(first_end_s),
                    reason: format!(
                        "the declared duration is {declared:.3} s, the packets end at {last_end_s:.3} s"
                    ),
                }
            } else {
                Completeness::Whole
            };
        }
        _ => {}
    }
}

/// Compares the declared duration of a large Matroska file with the start of its last block in seconds.
pub(crate) fn compare_last_block(begin_s: f64, declared: &Declared, facts: &mut MediaFacts) {
    let ends = [begin_s, begin_s - first_start_s(facts)];
    let is_wrong = |declared: f64| {
        ends.iter().all(|&end| contradicts(declared, end) && contradicts(declared, end + MAX_BLOCK_S))
            && !(begin_s..begin_s + MAX_BLOCK_S).contains(&declared)
    };
    let wrong = declared.durations_s.iter().copied().find(|&declared| is_wrong(declared));
    if let Some(declared_s) = wrong.filter(|_| !matches!(facts.completeness, Completeness::Missing { .. })) {
        facts.contradicted_duration_s = Some(declared_s);
        facts.measured_duration_s = Some(ends[1]);
    }
}

/// Returns the start time of the first stream in seconds.
pub(crate) fn first_start_s(facts: &MediaFacts) -> f64 {
    let starts = facts.video.iter().map(|v| v.start_s).chain(facts.audio.iter().map(|a| a.start_s));
    starts.flatten().reduce(f64::min).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(container: &str, completeness: Completeness, end_s: f64) -> Completeness {
        let mut facts = MediaFacts {
            container: Some(container.into()),
            duration_s: Some(10.0),
            completeness,
            ..MediaFacts::default()
        };
        compare_end(end_s, end_s, &mut facts);
        facts.completeness
    }

    #[test]
    fn compares_packets_with_a_declared_duration() {
        let first = |completeness| match completeness {
            Completeness::Missing { first_missing_s, .. } => first_missing_s,
            _ => None,
        };
        assert_eq!(first(compared("webm", Completeness::Unknown, 9.4)), Some(9.4));
        assert_eq!(compared("webm", Completeness::Unknown, 9.9), Completeness::Whole);
        // The library estimates its duration from the bytes.
        assert_eq!(compared("mpegts", Completeness::Unknown, 9.4), Completeness::Unknown);
        assert_eq!(compared("webm", Completeness::Whole, 9.4), Completeness::Whole);
        let truncated = Completeness::Missing { first_missing_s: None, reason: "truncated".into() };
        assert_eq!(first(compared("avi", truncated, 9.4)), Some(9.4));
    }
}
