//! `file-name`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    FileName,
    "file-name",
    scope: File,
    what: "Checks the length of the file name in characters.",
    why: "Platforms refuse or shorten names over the limit, and shortened names collide.",
    remedy: "Shorten the name; the content stays unchanged.",
    source: "upload API of the destination",
    |subject, limits, out| {
        let Some(max) = limits.number("max_chars") else { return };
        let chars = subject.file_name.chars().count();
        if chars as f64 > max {
            let allowed = format!("at most {max} characters");
            out.add(Violation::new(
                format!("the file name has {chars} characters"),
                format!("{chars} characters"),
                allowed,
                Remedy::Remux,
            ));
        }
    }
);
