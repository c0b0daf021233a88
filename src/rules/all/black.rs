//! `black`.

use super::super::long_spans::long_spans;
use super::super::rule::rule;

rule!(
    Black,
    "black",
    what: "Finds black frames. Only with --deep.",
    why: "Ad policies refuse videos that start or stay black.",
    remedy: "None: the black frames may be intended.",
    source: "measurements on real files, and public reports of damaged uploads",
    |subject, limits, out| {
        let Some(deep) = subject.deep else { return };
        if let Some(violation) = long_spans(&deep.black, limits, "black span") {
            out.add_verbatim(violation);
        }
    }
);
