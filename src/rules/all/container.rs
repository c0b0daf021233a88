//! `container`.

use super::super::finding::Remedy;
use super::super::rule::{Breach, rule};

rule!(
    Container,
    "container",
    what: "The kind of file, by its bytes and not by its name.",
    why: "Uploads of other kinds are refused, or accepted and never processed.",
    remedy: "Remux into MP4: the packets are copied bit for bit.",
    source: "the destinations' own pages, named with each limit",
    |subject, limits, out| {
let allowed = limits.words("allow");
if allowed.is_empty() {
    return;
}
match &subject.facts.container {
    None => out.unknown(),
    Some(container) if allowed.contains(container) => {}
    Some(container) => out.breach(Breach::new(
        format!("the container is {container}"),
        container.clone(),
        allowed.join(", "),
        Remedy::Remux,
    )),
}
    }
);
