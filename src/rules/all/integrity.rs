//! `integrity`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use super::super::value_text;

rule!(
    Integrity,
    "integrity",
    scope: File,
    what: "Checks whether the file contains all the data it declares, and whether that data is not encrypted and \
        decodes.",
    why: "A truncated upload or copy plays to the cut and stops. Processing fails, or the ad shows half a \
        video. Many readers do not notice.",
    remedy: "None: export or copy the original again.",
    source: "sizes, indices, durations and end markers that the container declares, compared with the bytes \
        in the file",
    |subject, _limits, out| {
        // Encrypted packets are intact but decode to nothing; in the container they look like clear ones.
        if let Some(encrypted) = subject.facts.encryption() {
            let mut violation = Violation::new(
                encrypted.to_string(),
                format!("encrypted ({})", encrypted.scheme),
                "samples without encryption",
                Remedy::Refuse,
            )
            .at(encrypted.index);
            violation.severity = Some(crate::profile::Severity::Error);
            out.add_verbatim(violation);
        }
        if let crate::model::Completeness::Missing { first_missing_s, reason } = &subject.facts.completeness {
            let from = first_missing_s.map_or(String::new(), |at| format!(", from {}", value_text::seconds(at)));
            let message = format!("data is missing{from}: {reason}");
            let mut violation =
                Violation::new(message, format!("data missing{from}"), "a complete file", Remedy::Refuse);
            violation.first_missing_s = *first_missing_s;
            violation.severity = Some(crate::profile::Severity::Error);
            out.add_verbatim(violation);
        }
        let Some(deep) = subject.deep.filter(|deep| deep.decode.error_count > 0) else { return };
        let ranges: Vec<_> = deep
            .decode
            .errors
            .iter()
            .filter_map(|error| error.at_s)
            .map(|at| crate::model::TimeRange { from_s: at, to_s: at })
            .collect();
        let message = format!("the decoder reports {} errors", deep.decode.error_count);
        out.add_verbatim(
            Violation::new(
                message,
                format!("{} errors", deep.decode.error_count),
                "no errors",
                Remedy::ReencodeVideo,
            )
            .over(&ranges),
        );
    }
);
