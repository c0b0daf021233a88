//! The HTML card of one entry.

use std::io;

use super::super::escape::markup;
use super::super::outcome::{Outcome, Problem, is_cleared, is_fixed, problems};
use super::super::{Delivery, FileEntry, Fix, text, units};
use super::outcome_class::{slug, tone};
use crate::model::Container;
use crate::rules::{Finding, Severity};

pub(super) fn render(entry: &FileEntry, several_profiles: bool, out: &mut dyn io::Write) -> io::Result<()> {
    let outcome = Outcome::of(entry);
    let (tone, slug) = (tone(outcome), slug(outcome));
    writeln!(
        out,
        "<article class=\"card {tone} o-{slug}\">\n<header><h2>{}</h2><span class=\"verdict\">{} {}</span></header>",
        markup(&entry.path),
        outcome.mark(),
        outcome.label()
    )?;
    if several_profiles {
        writeln!(out, "<p class=\"small soft\">Profile <code>{}</code></p>", markup(&entry.profile))?;
    }
    facts(entry, outcome, out)?;
    for Problem { message, .. } in problems(entry).iter().filter(|problem| !problem.is_delivery) {
        writeln!(out, "<p class=\"trouble\">{}</p>", markup(message))?;
    }
    findings(entry, out)?;
    if let Some(entry_fix) = &entry.fix {
        fix(entry_fix, outcome, out)?;
    }
    if let Some(entry_delivery) = &entry.delivery {
        delivery(entry, entry_delivery, out)?;
    }
    writeln!(out, "</article>")
}

fn facts(entry: &FileEntry, outcome: Outcome, out: &mut dyn io::Write) -> io::Result<()> {
    let Some(media) = &entry.media else {
        if outcome == Outcome::Skipped {
            let reason = entry.reason.as_deref().unwrap_or("Not a media file.");
            writeln!(out, "<p class=\"small soft\">{}</p>", markup(reason))?;
        }
        return Ok(());
    };
    let items: String = media
        .0
        .container
        .iter()
        .map(Container::to_string)
        .chain(text::facts(media))
        .map(|fact| format!("<li>{}</li>", markup(&fact)))
        .collect();
    writeln!(out, "<ul class=\"facts\">{items}</ul>")
}

fn findings(entry: &FileEntry, out: &mut dyn io::Write) -> io::Result<()> {
    if entry.findings.is_empty() {
        return Ok(());
    }
    let title = if is_fixed(entry) { "Found in the source" } else { "Findings" };
    writeln!(out, "<h3>{title}</h3>\n<ul class=\"findings\">")?;
    for one in &entry.findings {
        finding(one, is_cleared(entry, one), out)?;
    }
    writeln!(out, "</ul>")
}

fn finding(finding: &Finding, fixed: bool, out: &mut dyn io::Write) -> io::Result<()> {
    let Finding { rule, severity, actual, allowed, message, source, .. } = finding;
    let tone = match severity {
        _ if fixed => "good",
        Severity::Error => "bad",
        Severity::Warning => "warn",
        Severity::Advice => "idle",
    };
    let place = text::place(finding)
        .map_or(String::new(), |place| format!("<div><dt>Where</dt> <dd>{}</dd></div>", markup(&place)));
    writeln!(
        out,
        "<li class=\"{tone}\"><span class=\"tag\">{}</span><div>\n<p>{} <code class=\"soft\">{}</code></p>\n\
         <dl class=\"found\"><div><dt>Found</dt> <dd><b>{}</b></dd></div>\
         <div><dt>Allowed</dt> <dd><b>{}</b></dd></div>{place}</dl>\n\
         <p class=\"small soft\">Limit {}{}</p></div></li>",
        text::severity(*severity, fixed),
        markup(&sentence(message)),
        markup(rule.as_str()),
        markup(actual),
        markup(allowed),
        markup(&text::authority(finding)),
        source.as_deref().map_or(".".to_owned(), link),
    )
}

/// Capitalizes a message: it was written to follow a rule's id and stands alone here.
fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// Links `http` and `https` addresses only; anything else, such as `javascript:`, stays text.
fn link(source: &str) -> String {
    let escaped = markup(source);
    if source.starts_with("https://") || source.starts_with("http://") {
        return format!(": <a href=\"{escaped}\" rel=\"noreferrer\">{escaped}</a>");
    }
    format!(": {escaped}")
}

fn fix(fix: &Fix, outcome: Outcome, out: &mut dyn io::Write) -> io::Result<()> {
    let refused = matches!(outcome, Outcome::Refused | Outcome::Failed | Outcome::Cancelled);
    if !refused {
        let title = if outcome == Outcome::Planned { "Plan" } else { "Fix" };
        let output =
            fix.output.as_ref().map_or(String::new(), |output| format!(": <code>{}</code>", markup(output)));
        writeln!(out, "<h3>{title}</h3>\n<p>{}{output}</p>", sentence(text::action(fix)))?;
        if let Some(reason) = &fix.reason {
            writeln!(out, "<p class=\"soft\">{}</p>", markup(&sentence(reason)))?;
        }
    }
    if !fix.steps.is_empty() {
        let steps: String =
            fix.steps.iter().map(|step| format!("<li>{}</li>", markup(&sentence(step)))).collect();
        writeln!(out, "<ol>{steps}</ol>")?;
    }
    match text::verification(fix) {
        Some(checks) => writeln!(out, "<h3>Verified</h3>\n<p>{}</p>", markup(&sentence(&checks))),
        None => Ok(()),
    }
}

fn delivery(entry: &FileEntry, delivery: &Delivery, out: &mut dyn io::Write) -> io::Result<()> {
    let because = |reason: Option<&str>| reason.map_or(String::new(), |text| format!(": {}", markup(text)));
    let id =
        |id: &Option<String>| id.as_ref().map_or(String::new(), |id| format!(" <code>{}</code>", markup(id)));
    let line = |stuck: bool, before: &str, state: &str, after: &str, reason: Option<&str>| {
        let class = if stuck { "trouble bad" } else { "" };
        let state = markup(&sentence(state));
        format!("<p class=\"{class}\">{before}{state}{after}{}</p>", because(reason))
    };
    let uploads = units::count(u64::from(delivery.attempts), "upload", "uploads");
    let after = format!("{} <span class=\"soft\">({uploads})</span>", id(&delivery.video_id));
    let (state, reason) = (delivery.shown_state(), delivery.shown_reason(entry));
    writeln!(out, "<h3>Delivery</h3>\n{}", line(delivery.is_video_stuck(), "", state, &after, reason))?;
    for ad in &delivery.ads {
        let before = format!("{} in row {}: ", sentence(delivery.publication.name()), ad.row);
        let (state, stuck) = (ad.shown_state(delivery.publication), ad.is_stuck() || ad.is_unsent_change());
        writeln!(out, "{}", line(stuck, &before, state, &id(&ad.ad_id), ad.shown_reason()))?;
    }
    Ok(())
}
