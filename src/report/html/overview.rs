//! The batch at a glance: outcomes, findings by rule, and the progress of a shipment.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::outcome::is_cleared;
use super::super::{DoneCount, FileEntry, Report, text, totals, units};
use super::bars::bar;
use super::plain::Plain;
use super::tone;
use crate::rules::{RuleId, Severity};

/// At most this many rules are shown at once; the rest can be unfolded.
const SHOWN_RULES: usize = 8;

/// Returns the overview. Its buttons filter the entries, and are enabled by the script.
pub(super) fn overview(report: &Report) -> Markup {
    let rules = findings_by_rule(report);
    html! {
        @if !report.files.is_empty() {
            div.overview {
                section.panel aria-labelledby="outcomes" {
                    h2 #outcomes { "Results" }
                    (outcomes(report))
                    (shipment(report))
                }
                @if !rules.is_empty() {
                    section.panel aria-labelledby="rules" {
                        h2 #rules { "Files by rule" }
                        (rule_chart(&rules))
                    }
                }
            }
        }
    }
}

fn outcomes(report: &Report) -> Markup {
    let tally = text::entry_tally(report);
    let parts: Vec<_> = tally.iter().map(|(outcome, number)| (*number, tone::of_outcome(*outcome))).collect();
    html! {
        (bar(&parts, report.files.len() as u64))
        div.chips {
            @for (outcome, number) in &tally {
                button.chip.(tone::of_outcome(*outcome)) type="button" data-outcome=(tone::slug(*outcome))
                    aria-pressed="false" disabled {
                    span aria-hidden="true" { (outcome.mark()) } " " b { (number) } " " (outcome.counted_label(*number))
                }
            }
        }
    }
}

/// Returns how far the uploads and publications are; nothing for commands that deliver nothing.
fn shipment(report: &Report) -> Markup {
    let summary = &report.summary;
    let counts = [summary.uploads, summary.ads, summary.posts, summary.entries];
    let line = |DoneCount { done, undone, .. }: DoneCount| bar(&[(done, "good")], done + undone);
    html! {
        @if let Some(delivered) = totals::delivered(report) {
            h3 { "Shipment" }
            p { (Plain(&delivered)) }
            @for count in counts.into_iter().flatten() { (line(count)) }
        }
    }
}

/// The files that a rule has findings in, each counted under its worst finding: errors, warnings, advice, and only
/// fixed ones.
#[derive(Clone, Copy, Default)]
pub(super) struct RuleCount([u64; 4]);

impl RuleCount {
    fn total(self) -> u64 {
        self.0.iter().sum()
    }

    fn parts(self) -> [(u64, &'static str); 4] {
        let [errors, warnings, advice, fixed] = self.0;
        [(errors, "bad"), (warnings, "warn"), (advice, "idle"), (fixed, "good")]
    }

    /// Returns the counts as text, such as `10 errors, 2 fixed`.
    fn text(self) -> String {
        let [errors, warnings, advice, fixed] = self.0;
        let plain = |number, word| format!("{number} {word}");
        let all = [
            (errors, units::count(errors, "error", "errors")),
            (warnings, units::count(warnings, "warning", "warnings")),
            (advice, plain(advice, "advice")),
            (fixed, plain(fixed, "fixed")),
        ];
        let texts: Vec<String> =
            all.into_iter().filter(|(number, _)| *number > 0).map(|(_, text)| text).collect();
        texts.join(", ")
    }
}

/// Returns the rules with findings, the most frequent errors first.
pub(super) fn findings_by_rule(report: &Report) -> Vec<(RuleId, RuleCount)> {
    let mut counts: BTreeMap<RuleId, RuleCount> = BTreeMap::new();
    for entry in &report.files {
        for (rule, class) in worst_by_rule(entry) {
            counts.entry(rule).or_default().0[class] += 1;
        }
    }
    let mut rules: Vec<(RuleId, RuleCount)> = counts.into_iter().collect();
    rules.sort_by_key(|(rule, count)| (std::cmp::Reverse(count.0), rule.as_str()));
    rules
}

/// Returns the class of the worst finding of each rule, as an index of [`RuleCount`].
fn worst_by_rule(entry: &FileEntry) -> BTreeMap<RuleId, usize> {
    let mut worst: BTreeMap<RuleId, usize> = BTreeMap::new();
    for finding in entry.findings.iter().filter(|finding| finding.accepted.is_none()) {
        let class = match finding.severity {
            _ if is_cleared(entry, finding) => 3,
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Advice => 2,
        };
        worst.entry(finding.rule).and_modify(|known| *known = class.min(*known)).or_insert(class);
    }
    worst
}

fn rule_chart(rules: &[(RuleId, RuleCount)]) -> Markup {
    let most = rules.iter().map(|(_, count)| count.total()).max().unwrap_or(1);
    let (shown, more) = rules.split_at(rules.len().min(SHOWN_RULES));
    let rows = |rules: &[(RuleId, RuleCount)]| {
        html! {
            ul.rules {
                @for (rule, count) in rules {
                    li {
                        button type="button" data-rule=(rule.as_str()) aria-pressed="false" disabled {
                            span.rule { (rule.as_str()) }
                            (bar(&count.parts(), most))
                            span.small.soft { (count.text()) }
                        }
                    }
                }
            }
        }
    };
    html! {
        (rows(shown))
        @if !more.is_empty() {
            details.more {
                summary { (units::count(more.len() as u64, "more rule", "more rules")) }
                (rows(more))
            }
        }
    }
}
