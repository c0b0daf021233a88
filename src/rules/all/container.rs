//! `container`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

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
    Some(container) if allowed.contains(container) => {
        let better = limits.words("warn_allow");
        if !better.is_empty() && !better.contains(container) {
            let says = format!("the container is {container}, which not every page of {} names", out.platform());
            out.say(Violation::new(says, container.clone(), better.join(", "), Remedy::Remux).as_warning());
        }
    }
    Some(container) => out.breach(Violation::new(
        format!("the container is {container}"),
        container.clone(),
        allowed.join(", "),
        Remedy::Remux,
    )),
}
    }
);
