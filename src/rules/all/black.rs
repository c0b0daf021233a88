//! `black`.

use super::super::finding::Remedy;
use super::super::rule::{Breach, rule};
use super::super::words;

rule!(
    Black,
    "black",
    what: "Spans of black picture. Seen only with --deep.",
    why: "Ad policies refuse films that start or stay black.",
    remedy: "None: it may be meant.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, limits, out| {
let Some(deep) = subject.deep else { return };
let max = limits.number("max_s").unwrap_or(1.0);
let long: Vec<_> = deep.black.iter().filter(|range| range.to_s - range.from_s > max).copied().collect();
if let Some(first) = long.first() {
    let longest = long.iter().map(|range| range.to_s - range.from_s).fold(0.0, f64::max);
    let says = format!("the picture is black for {}, first at {}", words::seconds(longest), words::seconds(first.from_s));
    out.say(Breach::new(says, words::seconds(longest), format!("at most {max} s"), Remedy::None).over(&long));
}
    }
);
