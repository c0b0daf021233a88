//! Where the bytes end, held against what the file declares.

use super::open::MediaInput;
use super::streams::seconds;
use crate::job::JobError;
use crate::model::{Completeness, MediaFacts};
use crate::probe::bytes::Blocks;
use crate::probe::declared::{self, Declared};

/// How much later than its last packet a video may be declared to end, in seconds.
const DURATION_SLACK_S: f64 = 0.5;
/// How long what a single block holds is shown at most, in seconds.
pub(super) const LONGEST_BLOCK_S: f64 = 1.0;

/// What the file's own words know of why it cannot be opened.
pub(super) fn why_unreadable(error: JobError, declared: &Declared) -> JobError {
    match (error, &declared.completeness, &declared.without_index) {
        (JobError::Unreadable(_), Completeness::Missing { .. }, Some(why)) => {
            JobError::Truncated(why.clone())
        }
        (JobError::Unreadable(_), Completeness::Missing { reason, .. }, None) => {
            JobError::Truncated(format!("the file is cut short: {reason}"))
        }
        (JobError::Unreadable(_), _, Some(why)) if declared.fragmented == Some(true) => {
            JobError::Unreadable(why.clone())
        }
        (JobError::Unreadable(_), _, Some(why)) => JobError::Truncated(why.clone()),
        (error, ..) => error,
    }
}

/// Whether the end of a video that is not walked over would tell more about what is missing.
pub(super) fn in_doubt(facts: &MediaFacts) -> bool {
    use Completeness::{Missing, Unknown};
    matches!(facts.container.as_deref(), Some("matroska" | "webm"))
        && matches!(facts.completeness, Unknown | Missing { first_missing_s: None, .. })
}

/// When the last block of a Matroska file begins, by a look at its end.
pub(super) fn last_block(input: &mut MediaInput, bytes: &Blocks<'_>) -> std::io::Result<Option<f64>> {
    let Some(time) = declared::last_block(bytes)? else { return Ok(None) };
    let context = input.as_ptr();
    // SAFETY: the context is open, `input` is not used meanwhile, and FFmpeg keeps `nb_streams` valid
    // pointers.
    let base = unsafe { ((*context).nb_streams > 0).then(|| (*(*(*context).streams)).time_base) };
    // All tracks count in units of the segment's time scale.
    Ok(base.zip(i64::try_from(time).ok()).and_then(|(base, time)| seconds(time, base)))
}

/// Holds the packets that are there against the duration that a header declares, and says where they
/// end wherever data is missing.
pub(super) fn compare(first_end_s: f64, last_end_s: f64, facts: &mut MediaFacts) {
    // Elsewhere the library's duration is its own reckoning from the bytes.
    let declares = matches!(facts.container.as_deref(), Some("matroska" | "webm" | "flv"));
    match (&mut facts.completeness, facts.duration_s) {
        // Packets say nothing of what a cut index would have listed.
        (Completeness::Missing { first_missing_s, .. }, _) if facts.fragmented != Some(false) => {
            first_missing_s.get_or_insert(first_end_s);
        }
        (Completeness::Unknown, Some(declared)) if declares => {
            facts.completeness = if last_end_s + DURATION_SLACK_S < declared {
                Completeness::Missing {
                    first_missing_s: Some(first_end_s),
                    reason: format!(
                        "the file declares {declared:.3} s, its packets end at {last_end_s:.3} s"
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
        compare(end_s, end_s, &mut facts);
        facts.completeness
    }

    #[test]
    fn packets_are_held_against_a_declared_duration() {
        let first = |completeness| match completeness {
            Completeness::Missing { first_missing_s, .. } => first_missing_s,
            _ => None,
        };
        assert_eq!(first(compared("webm", Completeness::Unknown, 9.4)), Some(9.4));
        assert_eq!(compared("webm", Completeness::Unknown, 9.9), Completeness::Whole);
        // Its duration is what the library makes of the bytes.
        assert_eq!(compared("mpegts", Completeness::Unknown, 9.4), Completeness::Unknown);
        assert_eq!(compared("webm", Completeness::Whole, 9.4), Completeness::Whole);
        let cut = Completeness::Missing { first_missing_s: None, reason: "cut".into() };
        assert_eq!(first(compared("avi", cut, 9.4)), Some(9.4));
    }
}
