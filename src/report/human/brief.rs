//! The files in few lines: two for each that needs attention or has a plan, one for each that was fixed or cancelled,
//! none for the others.

use std::io;

use unicode_width::UnicodeWidthStr;

use super::super::outcome::{Outcome, is_reused};
use super::super::{FileEntry, Report, escape, text};
use super::cut;
use super::layout::{Page, TextRole};
use super::reasons::{Reason, fit, reasons};

/// Indentation of the second line of a file, in columns.
const INDENT: usize = 4;

/// Writes the files in at most two lines each. Returns whether there were any.
pub(super) fn two_lines(page: &mut Page<'_>, report: &Report) -> io::Result<bool> {
    each(page, report, |page, file| {
        if matches!(Outcome::of(file.lead), Outcome::Fixed | Outcome::Cancelled) {
            return one_line(page, file);
        }
        let facts = file.lead.media.as_ref().map(text::facts).unwrap_or_default();
        page.short_head(file.lead, &file.tag, &facts.iter().map(|fact| escape(fact)).collect::<Vec<_>>())?;
        let parts = fit(&file.reasons, page.width().saturating_sub(INDENT));
        page.below(&parts)
    })
}

/// Writes the files in one line each. Returns whether there were any.
pub(super) fn one_line_each(page: &mut Page<'_>, report: &Report) -> io::Result<bool> {
    each(page, report, one_line)
}

/// Writes mark, path, reasons and output in one line. Paths that are too long share what the reasons leave.
fn one_line(page: &mut Page<'_>, file: &FileText<'_>) -> io::Result<()> {
    let (path, output) = (escape(&file.lead.path), file.output.as_ref().map(|output| escape(output)));
    let reasons: usize = fit(&file.reasons, usize::MAX).iter().map(|(_, text)| text.width()).sum();
    let colons = ": ".len() * (1 + usize::from(output.is_some()));
    let space = page.width().saturating_sub(2 + file.tag.width() + colons);
    let for_paths = (space / 2).max(space.saturating_sub(reasons));
    let output_width = output.as_ref().map_or(0, |output| output.width());
    let name = cut::middle(&path, (for_paths / 2).max(for_paths.saturating_sub(output_width)));
    let left = space.saturating_sub(name.width());
    let mut parts = vec![(TextRole::Plain, format!("{}: ", file.tag))];
    match output {
        None => parts.extend(fit(&file.reasons, left)),
        Some(output) => {
            let output = cut::middle(&output, (for_paths / 2).max(left.saturating_sub(reasons)));
            parts.extend(fit(&file.reasons, left.saturating_sub(output.width())));
            parts.push((TextRole::Plain, format!(": {output}")));
        }
    }
    page.line(file.lead, &name, &parts)
}

/// What is written about a file.
struct FileText<'a> {
    /// The entry with the worst outcome.
    lead: &'a FileEntry,
    /// The profiles under which the file has this outcome, if there are others.
    tag: String,
    reasons: Vec<Reason>,
    /// The path of the output.
    output: Option<&'a str>,
}

fn each(
    page: &mut Page<'_>,
    report: &Report,
    write: fn(&mut Page<'_>, &FileText<'_>) -> io::Result<()>,
) -> io::Result<bool> {
    let mut any = false;
    for entries in text::by_file(report) {
        if let Some(file) = file_text(entries, page.options().verbose, page.options().quiet) {
            write(page, &file)?;
            any = true;
        }
    }
    Ok(any)
}

/// Returns what is written about a file, from its entries under each profile; `None` if it is only counted.
fn file_text(entries: &[FileEntry], verbose: bool, quiet: bool) -> Option<FileText<'_>> {
    let lead = entries.iter().max_by_key(|entry| Outcome::of(entry))?;
    let outcome = Outcome::of(lead);
    let needs_attention = |entry: &&FileEntry| Outcome::of(entry).needs_attention();
    let has_outcome = |entry: &&FileEntry| Outcome::of(entry) == outcome;
    let (about, reasons): (Vec<&FileEntry>, Vec<Reason>) = if outcome.needs_attention() {
        let about: Vec<&FileEntry> = entries.iter().filter(needs_attention).collect();
        let reasons = reasons(&about);
        (about, reasons)
    } else {
        let is_new = outcome == Outcome::Planned || (outcome == Outcome::Fixed && !is_reused(lead));
        if !verbose && (quiet || !is_new) {
            return None;
        }
        (entries.iter().filter(has_outcome).collect(), vec![result(lead, outcome)])
    };
    let tag = match about.as_slice() {
        all if all.len() == entries.len() => String::new(),
        [one] => format!(" [{}]", escape(&one.profile)),
        several => format!(" [{} profiles]", several.len()),
    };
    let output =
        lead.fix.as_ref().filter(|_| outcome == Outcome::Fixed).and_then(|fix| fix.output.as_deref());
    Some(FileText { lead, tag, reasons, output })
}

/// Returns what was or would be done with a file that needs no attention.
fn result(entry: &FileEntry, outcome: Outcome) -> Reason {
    let text = match (&entry.fix, outcome) {
        (Some(fix), Outcome::Planned) => {
            let why = fix.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            format!("{}{why}", text::action(fix))
        }
        (Some(fix), Outcome::Fixed) => {
            format!("{}{}", text::action(fix), text::origin(fix))
        }
        _ => {
            let why = entry.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            format!("{}{why}", outcome.label())
        }
    };
    Reason::new(String::new(), TextRole::of(outcome), escape(&text))
}
