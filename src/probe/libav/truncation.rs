//! Compares the end of the data with the declarations of the file.

use super::streams::seconds;
use crate::job::JobError;
use crate::libav::media_input::MediaInput;
use crate::model::{Completeness, Container, MediaFacts};
use crate::probe::bytes::BlockCache;
use crate::probe::headers::{self, Declared};

/// How much later than the end of the last packet the declared end may be, in seconds.
const DURATION_SLACK_S: f64 = 0.5;
/// The longest duration of the contents of a single block, in seconds.
pub(super) const MAX_BLOCK_S: f64 = 1.0;

/// Replaces the error of opening a file by a more precise one, from the declarations of the file.
pub(super) fn explain_unreadable(error: JobError, declared: &Declared) -> JobError {
    match (error, &declared.completeness, &declared.missing_index) {
        (JobError::Unreadable(_), Completeness::Missing { .. }, Some(reason)) => {
            JobError::Truncated(reason.clone())
        }
        (JobError::Unreadable(_), Completeness::Missing { reason, .. }, None) => {
            JobError::Truncated(format!("the file is truncated: {reason}"))
        }
        (JobError::Unreadable(_), _, Some(reason)) if declared.fragmented == Some(true) => {
            JobError::Unreadable(reason.clone())
        }
        (JobError::Unreadable(_), _, Some(reason)) => JobError::Truncated(reason.clone()),
        (error, ..) => error,
    }
}

/// Returns whether the last block of a file, whose packets were not all read, may show that data is missing.
pub(super) fn needs_last_block(facts: &MediaFacts) -> bool {
    use Completeness::{Missing, Unknown};
    facts.container_is(Container::is_matroska)
        && matches!(facts.completeness, Unknown | Missing { first_missing_s: None, .. })
}

/// Returns the start time of the last block of a Matroska file in seconds, from the bytes at its end.
pub(super) fn last_block_s(input: &mut MediaInput, bytes: &BlockCache<'_>) -> std::io::Result<Option<f64>> {
    let Some(time) = headers::last_block(bytes)? else { return Ok(None) };
    let context = input.as_ptr();
    // SAFETY: the context is open, `input` is not used during the call, and FFmpeg keeps `nb_streams` valid
    // pointers.
    let base = unsafe { ((*context).nb_streams > 0).then(|| (*(*(*context).streams)).time_base) };
    // All tracks count in units of the segment's time scale.
    Ok(base.zip(i64::try_from(time).ok()).and_then(|(base, time)| seconds(time, base)))
}

/// Compares the end of the packets with the declared duration, and sets where data is missing.
pub(super) fn compare_end(first_end_s: f64, last_end_s: f64, facts: &mut MediaFacts) {
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
