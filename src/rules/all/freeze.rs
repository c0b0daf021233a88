//! `freeze`.

use super::super::long_spans::long_spans;
use super::super::rule::rule;

rule!(
    Freeze,
    "freeze",
    what: "Finds spans without motion. Only with --deep.",
    why: "Some ad policies refuse a still image as a video, and a long freeze is often a fault.",
    remedy: "None: the freeze may be intended.",
    source: "measurements on real files, and public reports of damaged uploads",
    |subject, limits, out| {
        let Some(deep) = subject.deep else { return };
        if let Some(violation) = long_spans(&deep.freeze, limits, "span without motion") {
            out.add_verbatim(violation);
        }
    }
);
