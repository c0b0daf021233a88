//! `file-size`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    FileSize,
    "file-size",
    what: "The number of bytes.",
    why: "Larger uploads are cut off or refused, empty ones refused.",
    remedy: "Encode again at a rate that fits; a remux drops what is not needed.",
    source: "the destinations' own pages, named with each limit",
    |subject, limits, out| {
let size = subject.facts.size_bytes;
let bytes = |key| limits.number(key).map(|limit| limit as u64);
if let Some(max) = bytes("max_bytes").filter(|max| size > *max) {
    let allowed = format!("at most {}", format::bytes(max));
    out.breach(Violation::new(format!("the file has {}", format::bytes(size)), format::bytes(size), allowed, Remedy::ReencodeVideo));
} else if let Some(max) = bytes("warn_max_bytes").filter(|max| size > *max) {
    let allowed = format!("safely at most {}", format::bytes(max));
    let says = format!("the file has {}", format::bytes(size));
    out.breach(Violation::new(says, format::bytes(size), allowed, Remedy::ReencodeVideo).as_warning());
}
if let Some(min) = bytes("min_bytes").filter(|min| size < *min) {
    let allowed = format!("at least {}", format::bytes(min));
    out.breach(Violation::new(format!("the file has {}", format::bytes(size)), format::bytes(size), allowed, Remedy::ReencodeVideo));
}
    }
);
