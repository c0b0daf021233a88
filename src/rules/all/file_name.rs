//! `file-name`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    FileName,
    "file-name",
    judges: File,
    what: "The length of the file name in characters.",
    why: "Names over the limit are refused or cut, and cut names collide.",
    remedy: "Shorten the name; the bytes stay.",
    source: "upload API of the destination",
    |subject, limits, out| {
let Some(max) = limits.number("max_chars") else { return };
let chars = subject.file_name.chars().count();
if chars as f64 > max {
    let allowed = format!("at most {max} characters");
    out.breach(Violation::new(format!("the file name has {chars} characters"), format!("{chars} characters"), allowed, Remedy::Remux));
}
    }
);
