//! `silence`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use super::super::value_text;

rule!(
    Silence,
    "silence",
    what: "Finds silent spans. Only with --deep.",
    why: "Long silence often means that a track was lost.",
    remedy: "None: the silence may be intended.",
    source: "measurements on real files, and public reports of damaged uploads",
    |subject, limits, out| {
        let Some(deep) = subject.deep else { return };
        let max = limits.number("max_s").unwrap_or(1.0);
        let long: Vec<_> =
            deep.silence.iter().filter(|range| range.to_s - range.from_s > max).copied().collect();
        if let Some(first) = long.first() {
            let longest = long.iter().map(|range| range.to_s - range.from_s).fold(0.0, f64::max);
            let message = format!(
                "the longest silent span lasts {}; the first begins at {}",
                value_text::seconds(longest),
                value_text::seconds(first.from_s)
            );
            out.add_verbatim(
                Violation::new(message, value_text::seconds(longest), format!("at most {max} s"), Remedy::None)
                    .over(&long),
            );
        }
    }
);
