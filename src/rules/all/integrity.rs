//! `integrity`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    Integrity,
    "integrity",
    judges: File,
    what: "Whether all the data the file declares is there, and decodes.",
    why: "A cut upload or copy plays to the cut and stops; processing fails or the ad shows half a video. Many readers do not notice.",
    remedy: "None: export or copy the original again.",
    source: "sizes, indices, durations and end marks that the container declares, against the bytes that are there",
    |subject, _limits, out| {
if let crate::model::Completeness::Missing { first_missing_s, reason } = &subject.facts.completeness {
    let from = first_missing_s.map_or(String::new(), |at| format!(", from {}", format::seconds(at)));
    let says = format!("data is missing{from}: {reason}");
    let mut breach = Violation::new(says, format!("data missing{from}"), "a whole file", Remedy::Refuse);
    breach.first_missing_s = *first_missing_s;
    breach.severity = Some(crate::profile::Severity::Error);
    out.say(breach);
}
let Some(deep) = subject.deep.filter(|deep| deep.decode.error_count > 0) else { return };
let ranges: Vec<_> = deep
    .decode
    .errors
    .iter()
    .filter_map(|damage| damage.at_s)
    .map(|at| crate::model::TimeRange { from_s: at, to_s: at })
    .collect();
let says = format!("decoding fails in {} places", deep.decode.error_count);
out.say(Violation::new(says, format!("{} errors", deep.decode.error_count), "no errors", Remedy::ReencodeVideo).over(&ranges));
    }
);
