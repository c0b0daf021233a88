//! The timeline of a video: when its findings occur.

use maud::{Markup, html};

use super::super::outcome::is_cleared;
use super::super::{FileEntry, text, units};
use super::tone;
use crate::job::{BitRatePlot, MediaPictures};
use crate::model::TimeRange;

/// A row of the timeline.
struct Lane<'a> {
    label: &'a str,
    class: &'static str,
    ranges: Vec<TimeRange>,
}

/// Returns the timeline; nothing where the duration is unknown, or nothing has a time.
pub(super) fn timeline(
    entry: &FileEntry,
    duration_s: Option<f64>,
    pictures: Option<&MediaPictures>,
) -> Markup {
    let Some(end_s) = duration_s.filter(|end_s| *end_s > 0.0) else { return html! {} };
    let mut lanes = lanes(entry, end_s);
    let key_frames = pictures.map_or(&[][..], |pictures| &pictures.key_frames_s);
    if !key_frames.is_empty() {
        let ranges = key_frames.iter().map(|at_s| TimeRange { from_s: *at_s, to_s: *at_s }).collect();
        lanes.push(Lane { label: "key frames", class: "idle", ranges });
    }
    let bit_rate = pictures.and_then(|pictures| pictures.bit_rate.as_ref());
    html! {
        @if !lanes.is_empty() || bit_rate.is_some() {
            h3 { "Timeline" }
            div.timeline {
                @for lane in &lanes {
                    span.small { (lane.label) }
                    (marks(lane, end_s))
                }
                @if let Some(plot) = bit_rate {
                    @let most = plot.rates.iter().copied().max().unwrap_or(0);
                    span.small { "video bit rate, at most " (units::bit_rate(most)) }
                    (curve(plot, most, end_s))
                }
                span {}
                p.axis.small.soft { span { "0 s" } span { (units::at(end_s)) } }
            }
        }
    }
}

/// Returns a bit rate over time as steps.
fn curve(plot: &BitRatePlot, most: u64, end_s: f64) -> Markup {
    let part = 1000.0 * plot.end_s / end_s / plot.rates.len().max(1) as f64;
    let mut path = "M0 100".to_owned();
    for (number, rate) in plot.rates.iter().enumerate() {
        let height = 100.0 - 100.0 * *rate as f64 / most.max(1) as f64;
        path.push_str(&format!("V{height:.0}H{:.1}", part * (number + 1) as f64));
    }
    path.push_str("V100Z");
    let label = format!("video bit rate, at most {}", units::bit_rate(most));
    html! {
        svg.lane.curve.idle viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label=(label) {
            path d=(path) {}
        }
    }
}

fn lanes(entry: &FileEntry, end_s: f64) -> Vec<Lane<'_>> {
    let of_findings = entry.findings.iter().map(|finding| Lane {
        label: finding.rule.as_str(),
        class: tone::of_finding(finding, is_cleared(entry, finding)),
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
    let label = format!("{}: {}", lane.label, text::ranges(&lane.ranges).unwrap_or_default());
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
