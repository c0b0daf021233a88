//! The timeline of a video: when its findings occur.

use maud::{Markup, html};

use super::super::outcome::is_cleared;
use super::super::{FileEntry, units};
use super::tone;
use crate::model::TimeRange;

/// A row of the timeline.
struct Lane<'a> {
    label: &'a str,
    class: &'static str,
    ranges: Vec<TimeRange>,
}

/// Returns the timeline; nothing where the duration is unknown or no finding has a time.
pub(super) fn timeline(entry: &FileEntry, duration_s: Option<f64>) -> Markup {
    let Some(end_s) = duration_s.filter(|end_s| *end_s > 0.0) else { return html! {} };
    let lanes = lanes(entry, end_s);
    html! {
        @if !lanes.is_empty() {
            h3 { "Timeline" }
            div.timeline {
                @for lane in &lanes {
                    span.small { (lane.label) }
                    (marks(lane, end_s))
                }
                span {}
                p.axis.small.soft { span { "0 s" } span { (units::at(end_s)) } }
            }
        }
    }
}

fn lanes(entry: &FileEntry, end_s: f64) -> Vec<Lane<'_>> {
    let of_findings = entry.findings.iter().map(|finding| Lane {
        label: finding.rule.as_str(),
        class: tone::of_finding(finding.severity, is_cleared(entry, finding)),
        ranges: finding
            .ranges
            .iter()
            .copied()
            .chain(finding.first_missing_s.map(|from_s| TimeRange { from_s, to_s: end_s }))
            .collect(),
    });
    let similarity = entry
        .fix
        .as_ref()
        .and_then(|fix| fix.verified.as_ref())
        .and_then(|checks| checks.similarity.as_ref());
    let least_similar = similarity.and_then(|similarity| similarity.worst_at_s).map(|at_s| Lane {
        label: "least similar frame",
        class: "idle",
        ranges: vec![TimeRange { from_s: at_s, to_s: at_s }],
    });
    of_findings.chain(least_similar).filter(|lane| !lane.ranges.is_empty()).collect()
}

fn marks(lane: &Lane<'_>, end_s: f64) -> Markup {
    let at = |time_s: f64| (time_s / end_s * 1000.0).clamp(0.0, 1000.0);
    let spans =
        lane.ranges.iter().map(|range| format!("{} to {}", units::at(range.from_s), units::at(range.to_s)));
    let label = format!("{}: {}", lane.label, spans.collect::<Vec<_>>().join(", "));
    html! {
        svg.lane viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label=(label) {
            title { (label) }
            @for range in &lane.ranges {
                // A mark of a moment is wide enough to be seen.
                @let from = at(range.from_s).min(996.0);
                rect class=(lane.class) x=(format!("{from:.1}")) y="0" height="10"
                    width=(format!("{:.1}", (at(range.to_s) - from).max(4.0))) {}
            }
        }
    }
}
