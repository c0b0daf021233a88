//! The timeline of a video: when its findings occur.

use maud::{Markup, html};

use super::super::outcome::is_cleared;
use super::super::{FileEntry, Loudness, text, units};
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
    let loudness = entry.loudness.as_ref().filter(|loudness| !loudness.momentary_lufs.is_empty());
    html! {
        @if !lanes.is_empty() || bit_rate.is_some() || loudness.is_some() {
            h3 { "Timeline" }
            div.timeline {
                @for lane in &lanes {
                    span.small { (lane.label) }
                    (marks(lane, end_s))
                }
                @if let Some(plot) = bit_rate {
                    (bit_rate_curve(plot, end_s))
                }
                @if let Some(loudness) = loudness {
                    (loudness_curve(loudness, end_s))
                }
                span {}
                p.axis.small.soft { span { "0 s" } span { (units::at(end_s)) } }
            }
        }
    }
}

fn bit_rate_curve(plot: &BitRatePlot, end_s: f64) -> Markup {
    let most = plot.rates.iter().copied().max().unwrap_or(0);
    let heights = plot.rates.iter().map(|rate| *rate as f64 / most.max(1) as f64);
    let step_s = plot.end_s / plot.rates.len().max(1) as f64;
    curve(heights, step_s / end_s, &format!("video bit rate, at most {}", units::bit_rate(most)))
}

/// Returns the momentary loudness from -60 to 0 LUFS.
fn loudness_curve(loudness: &Loudness, end_s: f64) -> Markup {
    let values = || loudness.momentary_lufs.iter().copied();
    let most = values().fold(f64::NEG_INFINITY, f64::max);
    let heights = values().map(|lufs| (lufs / 60.0 + 1.0).clamp(0.0, 1.0));
    let integrated = loudness.integrated_lufs;
    let label = format!("loudness {integrated:.1} LUFS, momentary at most {most:.1} LUFS");
    curve(heights, loudness.step_s / end_s, &label)
}

/// Returns heights between 0 and 1 as steps, each of a `part` of the timeline, with the label before them.
fn curve(heights: impl Iterator<Item = f64>, part: f64, label: &str) -> Markup {
    let mut path = "M0 100".to_owned();
    for (number, height) in heights.enumerate() {
        let end = (1000.0 * part * (number + 1) as f64).clamp(0.0, 1000.0);
        path.push_str(&format!("V{:.0}H{end:.1}", 100.0 - 100.0 * height));
    }
    path.push_str("V100Z");
    html! {
        span.small { (label) }
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
