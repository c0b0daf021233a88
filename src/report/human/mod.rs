//! `human`: the report for a terminal: the outcome of each file, the reasons, and what to do next.

mod layout;
mod options;

use std::io;

use layout::{Page, TextRole};
pub use options::HumanOptions;

use super::advice::what_to_do;
use super::outcome::{Outcome, is_cleared, problems};
use super::{Delivery, FileEntry, Fix, FixAction, Report, escape, text, totals, units};
use crate::rules::{Finding, RuleId, Severity};

/// Width of the label column below a file, such as `warning`.
const LABEL: usize = 9;

pub(super) fn render(report: &Report, options: &HumanOptions, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::new(out, *options);
    let several = report.profiles.len() > 1;
    let mut any_file = false;
    for entry in &report.files {
        if !options.quiet || Outcome::of(entry).needs_attention() {
            file(&mut page, entry, several)?;
            any_file = true;
        }
    }
    if any_file {
        page.blank()?;
    }
    summary(&mut page, report)?;
    stale(&mut page, report)?;
    old_limits(&mut page, report)?;
    isolation(&mut page, report)?;
    advice(&mut page, report)
}

fn file(page: &mut Page<'_>, entry: &FileEntry, several_profiles: bool) -> io::Result<()> {
    let outcome = Outcome::of(entry);
    let profile = if several_profiles { format!(" [{}]", escape(&entry.profile)) } else { String::new() };
    let facts = match (&entry.media, outcome) {
        (Some(media), _) => escape(&text::facts(media).join(" ")),
        (None, Outcome::Skipped) => {
            format!("skipped: {}", escape(entry.reason.as_deref().unwrap_or("not a media file")))
        }
        (None, _) => String::new(),
    };
    page.head(outcome, &escape(&entry.path), &profile, &facts)?;
    for problem in problems(entry) {
        if !problem.is_delivery {
            page.item(LABEL, TextRole::Bad, outcome.label_short(), &escape(&problem.message))?;
        }
    }
    findings(page, entry, outcome)?;
    if let Some(fix) = entry.fix.as_ref() {
        self::fix(page, fix, outcome)?;
    }
    entry.delivery.as_ref().map_or(Ok(()), |delivery| self::delivery(page, entry, delivery))
}

fn findings(page: &mut Page<'_>, entry: &FileEntry, outcome: Outcome) -> io::Result<()> {
    let verbose = page.options().verbose;
    let (shown, hidden): (Vec<_>, Vec<_>) =
        entry.findings.iter().partition(|finding| verbose || finding.severity != Severity::Advice);
    let hidden: Vec<_> = hidden.into_iter().filter(|finding| !is_cleared(entry, finding)).collect();
    for finding in shown {
        let fixed = is_cleared(entry, finding);
        let role = match finding.severity {
            _ if fixed => TextRole::Dim,
            Severity::Error => TextRole::Bad,
            Severity::Warning => TextRole::Warn,
            Severity::Advice => TextRole::Dim,
        };
        self::finding(page, finding, role, text::severity(finding.severity, fixed))?;
    }
    if !hidden.is_empty() && !page.options().quiet {
        let pieces = units::count(hidden.len() as u64, "piece of advice", "pieces of advice");
        page.item(LABEL, TextRole::Dim, "advice", &format!("{pieces} (show with --verbose)"))?;
    }
    if let Some(reason) = &entry.not_decoded {
        page.item(LABEL, TextRole::Dim, "note", &format!("not decoded: {}", escape(reason)))?;
    }
    if verbose && !entry.undecided.is_empty() && outcome != Outcome::Undecided {
        page.item(
            LABEL,
            TextRole::Dim,
            "unknown",
            &format!("undecided: {}", RuleId::list(&entry.undecided)),
        )?;
    }
    Ok(())
}

fn finding(page: &mut Page<'_>, finding: &Finding, role: TextRole, label: &str) -> io::Result<()> {
    let Finding { rule, actual, allowed, message, source, .. } = finding;
    let text = format!("{rule}: {}", escape(message));
    page.item(LABEL, role, label, &text)?;
    let place = text::place(finding).map_or(String::new(), |place| format!(" ({place})"));
    if page.options().verbose || !finding.stated {
        let text = format!("found {}, allowed {}{place}", escape(actual), escape(allowed));
        page.more(LABEL, TextRole::Plain, &text)?;
    }
    if page.options().verbose {
        let source = source.as_deref().map_or(String::new(), |source| format!(": {}", escape(source)));
        page.more(LABEL, TextRole::Dim, &format!("{}{source}", text::authority(finding)))?;
    }
    Ok(())
}

fn fix(page: &mut Page<'_>, fix: &Fix, outcome: Outcome) -> io::Result<()> {
    let verbose = page.options().verbose;
    let refused = matches!(outcome, Outcome::Refused | Outcome::Failed | Outcome::Cancelled);
    if fix.action == FixAction::None && !verbose {
        return Ok(());
    }
    if !refused {
        let label = match outcome {
            Outcome::Planned => "plan",
            _ if fix.reused && fix.output.is_some() => "kept",
            _ => "fix",
        };
        let output = fix.output.as_ref().map_or(String::new(), |output| format!(": {}", escape(output)));
        page.item(
            LABEL,
            TextRole::Good,
            label,
            &format!("{}{}{output}", text::action(fix), text::origin(fix)),
        )?;
        // For a compliant file the path of its copy is enough, unless something stays.
        if let Some(reason) = &fix.reason {
            page.more(LABEL, TextRole::Plain, &format!("why: {}", escape(reason)))?;
        }
    }
    if fix.action == FixAction::Copy && !verbose {
        return Ok(());
    }
    for (number, step) in fix.steps.iter().enumerate() {
        page.more(LABEL, TextRole::Plain, &format!("{}. {}", number + 1, escape(step)))?;
    }
    if let Some(checks) = text::verification(fix) {
        page.item(LABEL, TextRole::Good, "verified", &escape(&checks))?;
    }
    Ok(())
}

fn delivery(page: &mut Page<'_>, entry: &FileEntry, delivery: &Delivery) -> io::Result<()> {
    let role = |stuck: bool, changed: bool| match (stuck, changed) {
        (true, _) => TextRole::Bad,
        (false, true) => TextRole::Warn,
        (false, false) => TextRole::Good,
    };
    let id = delivery.video_id.as_ref().map_or(String::new(), |id| format!(", video {}", escape(id)));
    let uploads = units::count(u64::from(delivery.attempts), "upload", "uploads");
    let because = |reason: Option<&str>| reason.map_or(String::new(), |text| format!(": {}", escape(text)));
    let reason = because(delivery.shown_reason(entry));
    let text = format!("{}{id}, {uploads}{reason}", delivery.shown_state());
    page.item(LABEL, role(delivery.is_video_stuck(), false), "ship", &text)?;
    for ad in &delivery.ads {
        let id = ad.ad_id.as_ref().map_or(String::new(), |id| format!(" {}", escape(id)));
        let (state, reason) = (ad.shown_state(delivery.publication), because(ad.shown_reason()));
        let text = format!("row {}: {}{id}{reason}", ad.row, state);
        let role = role(ad.is_stuck(), ad.is_unsent_change());
        page.item(LABEL, role, delivery.publication.name(), &text)?;
    }
    Ok(())
}

fn summary(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let mut files = units::count(text::file_count(report), "file", "files");
    if report.profiles.len() > 1 {
        files.push_str(&format!(" under {} profiles", report.profiles.len()));
    }
    let mut parts: Vec<(TextRole, String)> = vec![(TextRole::Strong, files)];
    for (outcome, number) in text::tally(report) {
        parts.push((TextRole::of(outcome), text::counted(report, outcome, number)));
    }
    parts.push((TextRole::Dim, units::seconds(report.summary.elapsed_s)));
    page.summary(&parts)?;
    if let Some(totals) = totals::delivered(report) {
        page.paragraph(TextRole::Strong, &totals)?;
    }
    if let Some(reason) = totals::cut_off(report) {
        page.paragraph(TextRole::Warn, &escape(&reason))?;
    }
    Ok(())
}

/// Lists the outputs whose source is gone.
fn stale(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    for removed in [true, false] {
        let outputs: Vec<_> = report.stale.iter().filter(|stale| stale.removed == removed).collect();
        if outputs.is_empty() || (removed && page.options().quiet) {
            continue;
        }
        let count = units::count(outputs.len() as u64, "output", "outputs");
        let text = if removed {
            format!("{count} removed, because the source was deleted or renamed:")
        } else {
            format!(
                "{count} of earlier runs without a source, which was deleted or renamed; `--prune` removes:"
            )
        };
        page.blank()?;
        page.paragraph(TextRole::Warn, &layout::keep_code_together(&text))?;
        for stale in outputs {
            let text = format!("{} (from {})", escape(&stale.output), escape(&stale.source));
            page.bullet(2, "-", &text)?;
        }
    }
    Ok(())
}

/// Writes a note for each profile with limits that may be outdated.
fn old_limits(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    if page.options().quiet {
        return Ok(());
    }
    for note in text::old_limits(report) {
        page.paragraph(TextRole::Dim, &layout::keep_code_together(&escape(&note)))?;
    }
    Ok(())
}

/// Writes what isolates the media workers: a line only if something is missing, unless everything is asked for.
fn isolation(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let in_force = text::isolation(&report.tool).filter(|_| page.options().verbose);
    let missing = text::isolation_refused(&report.tool)
        .filter(|_| !page.options().quiet)
        .map(|missing| format!("isolation of media workers: {missing}"));
    for line in in_force.into_iter().chain(missing) {
        page.paragraph(TextRole::Dim, &escape(&line))?;
    }
    Ok(())
}

fn advice(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let all = what_to_do(report);
    if all.is_empty() {
        return Ok(());
    }
    page.blank()?;
    page.paragraph(TextRole::Strong, "What to do")?;
    for advice in all {
        page.bullet(2, "•", &layout::keep_code_together(&escape(&advice.text)))?;
        for file in &advice.files {
            page.bullet(4, "-", &escape(file))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
