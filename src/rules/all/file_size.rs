//! `file-size`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    FileSize,
    "file-size",
    what: "Checks the size of the file.",
    why: "Platforms truncate or refuse larger uploads, and refuse empty ones.",
    remedy: "Re-encode at a bit rate that fits; a remux drops data that is not needed.",
    source: "the pages of the destinations, given with each limit",
    |subject, limits, out| {
        let size = subject.facts.size_bytes;
        let bytes = |key| limits.number(key).map(|limit| limit as u64);
        if let Some(max) = bytes("max_bytes").filter(|max| size > *max) {
            let allowed = format!("at most {}", format::bytes(max));
            out.add(Violation::new(
                format!("the file size is {}", format::bytes(size)),
                format::bytes(size),
                allowed,
                Remedy::ReencodeVideo,
            ));
        } else if let Some(max) = bytes("warn_max_bytes").filter(|max| size > *max) {
            let allowed = format!("at most {} (recommended)", format::bytes(max));
            let message = format!("the file size is {}", format::bytes(size));
            out.add(
                Violation::new(message, format::bytes(size), allowed, Remedy::ReencodeVideo).as_warning(),
            );
        }
        if let Some(min) = bytes("min_bytes").filter(|min| size < *min) {
            let allowed = format!("at least {}", format::bytes(min));
            out.add(Violation::new(
                format!("the file size is {}", format::bytes(size)),
                format::bytes(size),
                allowed,
                Remedy::ReencodeVideo,
            ));
        }
    }
);
