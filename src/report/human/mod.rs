//! `human`: the report for a terminal: the outcome of each file, the reasons, and what to do next.

mod brief;
mod cut;
mod detailed;
mod layout;
mod options;
mod reasons;
mod rule_totals;

use std::io;

use layout::{Page, TextRole};
pub use options::{FileLinks, HumanOptions};

use super::advice::{BriefAdvice, what_to_do};
use super::{Report, escape, text, totals, units};

/// Consents are listed for at most this many combinations of options, unless everything is asked for.
const MAX_CONSENTS: usize = 4;

pub(super) fn render(report: &Report, options: &HumanOptions, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::new(out, options);
    let any_file = match options.verbose {
        true => in_full(&mut page, report)?,
        false => brief::two_lines(&mut page, report)?,
    };
    if any_file {
        page.blank()?;
    }
    summary(&mut page, report)?;
    stale(&mut page, report)?;
    old_limits(&mut page, report)?;
    isolation(&mut page, report)?;
    if !options.quiet {
        rule_totals::write(&mut page, report)?;
    }
    if options.verbose {
        return advice(&mut page, report);
    }
    brief_advice(&mut page, report)?;
    if any_file && !options.quiet {
        page.blank()?;
        let more = "`--verbose` shows everything; `greenlit explain RULE` explains a rule.";
        page.paragraph(TextRole::Dim, &layout::keep_code_together(more))?;
    }
    Ok(())
}

/// Writes the format `concise`: one line for each file, and the counts.
pub(super) fn render_concise(
    report: &Report,
    options: &HumanOptions,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut page = Page::new(out, options);
    brief::one_line_each(&mut page, report)?;
    summary(&mut page, report)
}

/// Writes each file in full, under each profile. Returns whether there were any.
fn in_full(page: &mut Page<'_>, report: &Report) -> io::Result<bool> {
    for entry in &report.files {
        detailed::file(page, entry, report.profiles.len() > 1)?;
    }
    Ok(!report.files.is_empty())
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
    if let Some(rules) = totals::selection(report) {
        page.paragraph(TextRole::Warn, &rules)?;
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

/// Writes one line for each command or thing to do, with the number of files that it applies to.
fn brief_advice(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let all: Vec<BriefAdvice> = what_to_do(report).into_iter().filter_map(|advice| advice.brief).collect();
    let first_consent = all.iter().position(|brief| brief.is_consent).unwrap_or(0);
    let (mut consents, mut all): (Vec<_>, Vec<_>) = all.into_iter().partition(|brief| brief.is_consent);
    consents.sort_by_key(|brief| std::cmp::Reverse(brief.files));
    if consents.len() > MAX_CONSENTS + 1 {
        let files = consents.drain(MAX_CONSENTS..).map(|brief| brief.files).sum();
        let text = "other options, with your consent: `--verbose` lists the commands".to_owned();
        consents.push(BriefAdvice { files, text, is_consent: true });
    }
    all.splice(first_consent..first_consent, consents);
    if all.is_empty() {
        return Ok(());
    }
    page.blank()?;
    page.paragraph(TextRole::Strong, "What to do")?;
    let counts: Vec<String> = all.iter().map(|brief| units::count(brief.files, "file", "files")).collect();
    let width = counts.iter().map(String::len).max().unwrap_or(0);
    for (brief, count) in all.iter().zip(counts) {
        let text = layout::keep_code_together(&escape(&brief.text));
        page.bullet(2, &format!("{count:>width$} "), &text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
