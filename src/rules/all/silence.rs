//! `silence`.

use super::super::long_spans::long_spans;
use super::super::rule::rule;

rule!(
    Silence,
    "silence",
    what: "Finds silent spans. Only with --deep.",
    why: "Long silence often means that a track was lost.",
    remedy: "None: the silence may be intended.",
    source: "measurements on real files, and public reports of damaged uploads",
    |subject, limits, out| {
        let Some(deep) = subject.deep else { return };
        if let Some(violation) = long_spans(&deep.silence, limits, "silent span") {
            out.add_verbatim(violation);
        }
    }
);
