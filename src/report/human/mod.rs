//! `human`: for a person at a terminal. What happened to each file, why, and what to do next.

mod page;

use std::io;

use page::{Ink, Page};

use super::advice::what_to_do;
use super::outcome::{Outcome, is_stuck, troubles};
use super::{Delivery, FileEntry, Fix, Report, escape, units, words};
use crate::rules::{Finding, Severity};

/// How the report for a person is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HumanOptions {
    /// Whether to use ANSI colours. Nothing is told by colour alone.
    pub color: bool,
    /// Show advice, sources and how sure each limit is.
    pub verbose: bool,
    /// Show only files that need attention, and the summary.
    pub quiet: bool,
    /// Columns to wrap at; 0 never wraps.
    pub width: usize,
}

impl Default for HumanOptions {
    fn default() -> HumanOptions {
        HumanOptions { color: false, verbose: false, quiet: false, width: 100 }
    }
}

/// Columns of the words that open a line below a file: `warning`, `deliver`.
const LABEL: usize = 9;

pub(super) fn render(report: &Report, options: &HumanOptions, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::new(out, *options);
    let several = report.profiles.len() > 1;
    let mut shown = false;
    for entry in &report.files {
        if !options.quiet || Outcome::of(entry).needs_attention() {
            file(&mut page, entry, several)?;
            shown = true;
        }
    }
    if shown {
        page.blank()?;
    }
    summary(&mut page, report)?;
    advice(&mut page, report)
}

fn file(page: &mut Page<'_>, entry: &FileEntry, several_profiles: bool) -> io::Result<()> {
    let outcome = Outcome::of(entry);
    let profile = if several_profiles { format!(" [{}]", escape(&entry.profile)) } else { String::new() };
    let facts = match (&entry.media, outcome) {
        (Some(media), _) => escape(&words::facts(media).join(" ")),
        (None, Outcome::Skipped) => {
            format!("skipped: {}", escape(entry.reason.as_deref().unwrap_or("no media file")))
        }
        (None, _) => String::new(),
    };
    page.head(outcome, &escape(&entry.path), &profile, &facts)?;
    for trouble in troubles(entry) {
        // A stuck delivery is told where the delivery is.
        if trouble.id != "delivery" {
            page.item(LABEL, Ink::Bad, outcome.label_short(), &escape(&trouble.message))?;
        }
    }
    findings(page, entry, outcome)?;
    if let Some(fix) = entry.fix.as_ref() {
        self::fix(page, fix, outcome)?;
    }
    entry.delivery.as_ref().map_or(Ok(()), |delivery| self::delivery(page, delivery))
}

fn findings(page: &mut Page<'_>, entry: &FileEntry, outcome: Outcome) -> io::Result<()> {
    let verbose = page.options().verbose;
    let (shown, hidden): (Vec<_>, Vec<_>) =
        entry.findings.iter().partition(|finding| verbose || finding.severity != Severity::Advice);
    for finding in shown {
        let ink = match finding.severity {
            // Mended: worth telling, no longer alarming.
            _ if outcome.is_mended() => Ink::Dim,
            Severity::Error => Ink::Bad,
            Severity::Warning => Ink::Warn,
            Severity::Advice => Ink::Dim,
        };
        self::finding(page, finding, ink)?;
    }
    if !hidden.is_empty() {
        let pieces = units::count(hidden.len() as u64, "piece of advice", "pieces of advice");
        page.item(LABEL, Ink::Dim, "advice", &format!("{pieces}: --verbose shows it"))?;
    }
    if verbose && !entry.undecided.is_empty() && outcome != Outcome::Undecided {
        page.item(
            LABEL,
            Ink::Dim,
            "unknown",
            &format!("not decided: {}", escape(&entry.undecided.join(", "))),
        )?;
    }
    Ok(())
}

fn finding(page: &mut Page<'_>, finding: &Finding, ink: Ink) -> io::Result<()> {
    let Finding { rule, severity, actual, allowed, message, source, .. } = finding;
    let text = format!("{}: {}", escape(rule), escape(message));
    page.item(LABEL, ink, words::severity(*severity), &text)?;
    let place = words::place(finding).map_or(String::new(), |place| format!(" ({place})"));
    // Most messages name both values already; saying them twice only makes the page longer.
    if page.options().verbose || !(message.contains(actual.as_str()) && message.contains(allowed.as_str())) {
        let text = format!("found {}, allowed {}{place}", escape(actual), escape(allowed));
        page.more(LABEL, Ink::Plain, &text)?;
    }
    if page.options().verbose {
        let source = source.as_deref().map_or(String::new(), |source| format!(": {}", escape(source)));
        page.more(LABEL, Ink::Dim, &format!("{}{source}", words::authority(finding)))?;
    }
    Ok(())
}

fn fix(page: &mut Page<'_>, fix: &Fix, outcome: Outcome) -> io::Result<()> {
    let refused = matches!(outcome, Outcome::Refused | Outcome::Failed);
    if !refused {
        let label = if outcome == Outcome::Planned { "plan" } else { "fix" };
        let output = fix.output.as_ref().map_or(String::new(), |output| format!(": {}", escape(output)));
        page.item(LABEL, Ink::Good, label, &format!("{}{output}", words::action(fix)))?;
        if let Some(reason) = &fix.reason {
            page.more(LABEL, Ink::Plain, &format!("why: {}", escape(reason)))?;
        }
    }
    for (number, step) in fix.steps.iter().enumerate() {
        page.more(LABEL, Ink::Plain, &format!("{}. {}", number + 1, escape(step)))?;
    }
    if let Some(proof) = words::proof(fix) {
        page.item(LABEL, Ink::Good, "proof", &escape(&proof))?;
    }
    Ok(())
}

fn delivery(page: &mut Page<'_>, delivery: &Delivery) -> io::Result<()> {
    let Delivery { state, video_id, attempts, reason, ads } = delivery;
    let ink = |state: &str, reason: &Option<String>| {
        if is_stuck(state, reason.as_deref()) { Ink::Bad } else { Ink::Good }
    };
    let id = video_id.as_ref().map_or(String::new(), |id| format!(", video {}", escape(id)));
    let uploads = units::count(u64::from(*attempts), "upload", "uploads");
    let because =
        |reason: &Option<String>| reason.as_ref().map_or(String::new(), |text| format!(": {}", escape(text)));
    let text = format!("{}{id}, {uploads}{}", escape(&words::state(state)), because(reason));
    page.item(LABEL, ink(state, reason), "ship", &text)?;
    for ad in ads {
        let id = ad.ad_id.as_ref().map_or(String::new(), |id| format!(" {}", escape(id)));
        let text = format!("row {}: {}{id}{}", ad.row, escape(&words::state(&ad.state)), because(&ad.reason));
        page.item(LABEL, ink(&ad.state, &ad.reason), "ad", &text)?;
    }
    Ok(())
}

fn summary(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let files = units::count(report.files.len() as u64, "file", "files");
    let mut parts: Vec<(Ink, String)> = vec![(Ink::Strong, files)];
    for (outcome, number) in words::tally(report) {
        parts.push((Ink::of(outcome), format!("{number} {}", outcome.label())));
    }
    parts.push((Ink::Dim, units::seconds(report.summary.elapsed_s)));
    page.summary(&parts)?;
    if report.interrupted {
        page.paragraph(Ink::Warn, "Interrupted before the end: what is not listed was not looked at.")?;
    }
    Ok(())
}

fn advice(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let all = what_to_do(report);
    if all.is_empty() {
        return Ok(());
    }
    page.blank()?;
    page.paragraph(Ink::Strong, "What to do")?;
    for advice in all {
        page.bullet(2, "•", &escape(&advice.text))?;
        for file in &advice.files {
            page.bullet(4, "-", &escape(file))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, rendered_with};
    use super::super::{Format, Report};
    use super::*;
    use crate::rules::Verdict;
    use proptest::prelude::*;

    fn human(report: &Report, options: &HumanOptions) -> String {
        rendered_with(report, Format::Human, options)
    }

    #[test]
    fn a_whole_run_reads_well() {
        insta::assert_snapshot!(human(&samples::everything(), &HumanOptions::default()), @"");
    }

    #[test]
    fn verbose_adds_advice_and_where_a_limit_comes_from() {
        let mut report = samples::everything();
        report.files.retain(|entry| entry.path.starts_with("c."));
        let options = HumanOptions { verbose: true, ..HumanOptions::default() };
        insta::assert_snapshot!(human(&report, &options), @"");
    }

    #[test]
    fn quiet_names_only_what_needs_attention() {
        let report = samples::everything();
        let text = human(&report, &HumanOptions { quiet: true, ..HumanOptions::default() });
        for entry in &report.files {
            assert_eq!(text.contains(&entry.path), Outcome::of(entry).needs_attention(), "{}", entry.path);
        }
        assert!(text.contains("12 files"), "{text}");
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let plain = human(&samples::everything(), &HumanOptions::default());
        let colored = human(&samples::everything(), &HumanOptions { color: true, ..HumanOptions::default() });
        assert!(!plain.contains('\u{1b}'));
        assert!(colored.contains("\u{1b}[31m"));
        let mut stripped = String::new();
        for (n, part) in colored.split('\u{1b}').enumerate() {
            stripped.push_str(if n == 0 { part } else { part.split_once('m').unwrap().1 });
        }
        assert_eq!(stripped, plain);
    }

    #[test]
    fn several_profiles_are_told_apart() {
        let mut report = samples::everything();
        report.profiles.push("youtube-shorts".into());
        assert!(human(&report, &HumanOptions::default()).contains("a.compliant.mp4 [tiktok-ads]"));
    }

    #[test]
    fn lines_keep_to_the_width() {
        for width in [40, 72, 100] {
            let options = HumanOptions { width, verbose: true, ..HumanOptions::default() };
            for line in human(&samples::everything(), &options).lines() {
                // A word that is too long for any line, such as a link, is never cut.
                let fits = line.chars().count() <= width
                    || line.split_whitespace().any(|word| word.len() + 14 > width);
                assert!(fits, "{width}: {line}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_name_or_reason_reaches_the_terminal_raw(name in any::<String>(), reason in any::<String>()) {
            let mut entry = samples::entry(&format!("{name}\u{1b}]0;x\u{7}\u{202e}"), Verdict::Unreadable);
            entry.reason = Some(reason);
            let text = human(&samples::report(vec![entry]), &HumanOptions::default());
            let harmless = |c: char| c == '\n' || (!c.is_control() && c != '\u{202e}' && c != '\u{2028}');
            prop_assert!(text.chars().all(harmless), "{:?}", text);
        }
    }
}
