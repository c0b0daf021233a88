//! `silence`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    Silence,
    "silence",
    what: "Spans without audio. Seen only with --deep.",
    why: "Long silence is often a lost track.",
    remedy: "None: it may be meant.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, limits, out| {
let Some(deep) = subject.deep else { return };
let max = limits.number("max_s").unwrap_or(1.0);
let long: Vec<_> = deep.silence.iter().filter(|range| range.to_s - range.from_s > max).copied().collect();
if let Some(first) = long.first() {
    let longest = long.iter().map(|range| range.to_s - range.from_s).fold(0.0, f64::max);
    let says = format!("there is no audio for {}, first at {}", format::seconds(longest), format::seconds(first.from_s));
    out.say(Violation::new(says, format::seconds(longest), format!("at most {max} s"), Remedy::None).over(&long));
}
    }
);
