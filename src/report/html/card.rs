//! The card of one entry.

use maud::{Markup, html};

use super::super::outcome::{Outcome, Problem, is_cleared, is_fixed, problems};
use super::super::{AdDelivery, Delivery, FileEntry, Fix, Report, text, units};
use super::pictures::{of_source, strips};
use super::plain::{Plain, link, sentence};
use super::timeline::timeline;
use super::tone;
use crate::model::Container;
use crate::rules::Finding;

/// Returns the card of an entry. The script reads its `data-` attributes.
pub(super) fn card(report: &Report, entry: &FileEntry, is_open: bool) -> Markup {
    let outcome = Outcome::of(entry);
    let mut rules: Vec<&str> = entry.findings.iter().map(|finding| finding.rule.as_str()).collect();
    rules.dedup();
    let media = entry.media.as_ref().map(|media| &media.0);
    let duration_s = media.and_then(|media| media.measured_duration_s.or(media.duration_s));
    html! {
        article.card.(tone::of_outcome(outcome)) data-outcome=(tone::slug(outcome)) data-profile=(Plain(&entry.profile))
            data-rules=(rules.join(" ")) data-findings=(entry.findings.len())
            data-size=[media.map(|media| media.size_bytes)] data-duration=[duration_s] {
            details open[is_open] {
                summary {
                    div.head {
                        h2 { (Plain(&entry.path)) }
                        span.verdict { span aria-hidden="true" { (outcome.mark()) } " " (outcome.label()) }
                    }
                    (facts(entry))
                    (strips(report, entry))
                }
                div.body {
                    @if report.profiles.len() > 1 { p.small.soft { "Profile " code { (Plain(&entry.profile)) } } }
                    @for Problem { message, .. } in problems(entry).iter().filter(|problem| !problem.is_delivery) {
                        p.trouble { (Plain(message)) }
                    }
                    @if outcome == Outcome::Skipped {
                        p.small.soft { (Plain(entry.reason.as_deref().unwrap_or("Not a media file."))) }
                    }
                    (timeline(entry, duration_s, of_source(report, entry)))
                    (findings(entry))
                    @if let Some(entry_fix) = &entry.fix { (fix(entry_fix, outcome)) }
                    @if let Some(entry_delivery) = &entry.delivery { (delivery(entry, entry_delivery)) }
                }
            }
        }
    }
}

fn facts(entry: &FileEntry) -> Markup {
    html! {
        @if let Some(media) = &entry.media {
            @let container = media.0.container.iter().map(Container::to_string);
            ul.facts { @for fact in container.chain(text::facts(media)) { li { (Plain(&fact)) } } }
        }
    }
}

fn findings(entry: &FileEntry) -> Markup {
    html! {
        @if !entry.findings.is_empty() {
            h3 { @if is_fixed(entry) { "Found in the source" } @else { "Findings" } }
            ul.findings { @for one in &entry.findings { (finding(one, is_cleared(entry, one))) } }
        }
    }
}

fn finding(finding: &Finding, is_fixed: bool) -> Markup {
    let Finding { rule, actual, allowed, message, source, .. } = finding;
    html! {
        li.(tone::of_finding(finding, is_fixed)) {
            span.tag { (text::severity(finding, is_fixed)) }
            div {
                p { (Plain(&sentence(message))) (Plain(&text::acceptance(finding))) " " code.soft { (rule.as_str()) } }
                dl.found {
                    div { dt { "Found" } " " dd { b { (Plain(actual)) } } }
                    div { dt { "Allowed" } " " dd { b { (Plain(allowed)) } } }
                    @if let Some(place) = text::place(finding) { div { dt { "Where" } " " dd { (Plain(&place)) } } }
                }
                p.small.soft {
                    "Limit " (Plain(&text::authority(finding)))
                    @match source { Some(source) => { ": " (link(source)) } None => { "." } }
                }
            }
        }
    }
}

fn fix(fix: &Fix, outcome: Outcome) -> Markup {
    let has_output = !matches!(outcome, Outcome::Refused | Outcome::Failed | Outcome::Cancelled);
    html! {
        @if has_output {
            h3 { @if outcome == Outcome::Planned { "Plan" } @else { "Fix" } }
            p {
                (sentence(text::action(fix)))
                @if let Some(output) = &fix.output { ": " code { (Plain(output)) } }
            }
            @if let Some(reason) = &fix.reason { p.soft { (Plain(&sentence(reason))) } }
        }
        @if !fix.steps.is_empty() { ol { @for step in &fix.steps { li { (Plain(&sentence(step))) } } } }
        (changes(fix))
        @if let Some(checks) = text::verification(fix) {
            h3 { "Verified" }
            p { (Plain(&sentence(&checks))) }
        }
    }
}

/// Returns what the output leaves out, and what it has that the source does not have.
fn changes(fix: &Fix) -> Markup {
    html! {
        @if !fix.dropped.is_empty() || !fix.added.is_empty() {
            dl.changes {
                @for stream in &fix.dropped {
                    @let codec = stream.codec.iter().map(|codec| format!("({codec})"));
                    @let language = stream.language.iter().cloned();
                    @let what: Vec<String> = codec.chain(language).chain(stream.duration_s.map(units::seconds)).collect();
                    dt.bad { "Left out" }
                    dd { (stream.kind) " stream " (stream.stream) " " (Plain(&what.join(", "))) ": " (Plain(&stream.reason)) }
                }
                @for addition in &fix.added {
                    dt.good { "Added" }
                    dd {
                        (addition.kind.replace('-', " "))
                        @if let Some(duration_s) = addition.duration_s { ", " (units::seconds(duration_s)) }
                        ": " (Plain(&addition.reason))
                    }
                }
            }
        }
    }
}

fn delivery(entry: &FileEntry, delivery: &Delivery) -> Markup {
    let kind = sentence(delivery.publication.name());
    html! {
        h3 { "Delivery" }
        p.trouble[delivery.is_video_stuck()].bad[delivery.is_video_stuck()] {
            (sentence(delivery.shown_state())) (id(delivery.video_id.as_deref())) " "
            span.soft { "(" (units::count(u64::from(delivery.attempts), "upload", "uploads")) ")" }
            (because(delivery.shown_reason(entry)))
        }
        @if !delivery.ads.is_empty() {
            ul.ads { @for ad in &delivery.ads { (publication(&kind, delivery, ad)) } }
        }
    }
}

fn publication(kind: &str, delivery: &Delivery, ad: &AdDelivery) -> Markup {
    let is_stuck = ad.is_stuck() || ad.is_unsent_change();
    html! {
        li.trouble[is_stuck].bad[is_stuck] {
            (kind) " in " (ad.place()) ": " (sentence(ad.shown_state(delivery.publication)))
            (id(ad.ad_id.as_deref())) (because(ad.shown_reason()))
        }
    }
}

fn id(id: Option<&str>) -> Markup {
    html! { @if let Some(id) = id { " " code { (Plain(id)) } } }
}

fn because(reason: Option<&str>) -> Markup {
    html! { @if let Some(reason) = reason { ": " (Plain(reason)) } }
}
