//! `html`: one self-contained page, for people who do not use a terminal.
//!
//! The page has no script and its policy forbids scripts. Radio buttons and style rules implement the
//! filter, so the page works as a mail attachment and under any policy. [`markup`] escapes all text
//! from files, and only `http` and `https` addresses become links.

mod card;
mod outcome_class;

use std::io;

use outcome_class::{slug, tone};

use super::advice::what_to_do;
use super::escape::markup;
use super::{Report, text, totals, units};

const STYLE: &str = include_str!("style.css");

pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    head(report, out)?;
    filters(report, out)?;
    to_do(report, out)?;
    writeln!(out, "<main>")?;
    let several = report.profiles.len() > 1;
    for entry in &report.files {
        card::render(entry, several, out)?;
    }
    writeln!(out, "</main>")?;
    foot(report, out)
}

fn head(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>greenlit report: {title}</title>\n<style>\n{STYLE}{rules}</style>\n</head>\n<body>\n<div class=\"wrap\">\n\
         <h1>{title}</h1>\n<p class=\"soft\">Checked against {profiles} in {time}.</p>",
        title = title(report),
        rules = filter_rules(report),
        profiles = profiles(report),
        time = units::seconds(report.summary.elapsed_s),
    )?;
    if let Some(totals) = totals::delivered(report) {
        writeln!(out, "<p>{}</p>", markup(&totals))?;
    }
    if let Some(reason) = totals::cut_off(report) {
        writeln!(out, "<p class=\"banner warn\">{}</p>", markup(&reason))?;
    }
    Ok(())
}

fn title(report: &Report) -> String {
    let attention = text::attention_count(report);
    let files = units::count(text::file_count(report), "file", "files");
    match attention {
        _ if totals::cut_off(report).is_some() => {
            format!("{files}: the run was cut off, {} attention", units::count(attention, "needs", "need"))
        }
        _ if report.files.is_empty() => "No files".to_owned(),
        0 => format!("{files}: nothing needs attention"),
        _ => format!("{files}, {} attention", units::count(attention, "needs", "need")),
    }
}

fn profiles(report: &Report) -> String {
    let names: Vec<String> =
        report.profiles.iter().map(|name| format!("<code>{}</code>", markup(name))).collect();
    if names.is_empty() { "no profile".to_owned() } else { names.join(", ") }
}

/// Returns a style rule for each filter, which hides the cards of other outcomes while it is selected.
fn filter_rules(report: &Report) -> String {
    let selected = |id: &str| {
        format!(
            "#f-{id}:checked ~ .filters label[for=f-{id}] {{ border-color: var(--ink); }}\n\
             #f-{id}:focus-visible ~ .filters label[for=f-{id}] {{ outline: 2px solid var(--link); }}\n"
        )
    };
    let mut rules = selected("all");
    for (outcome, _) in text::entry_tally(report) {
        let id = slug(outcome);
        rules.push_str(&selected(&id));
        rules.push_str(&format!("#f-{id}:checked ~ main .card:not(.o-{id}) {{ display: none; }}\n"));
    }
    rules
}

fn filters(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let tally = text::entry_tally(report);
    if report.files.is_empty() {
        return Ok(());
    }
    let button = |id: &str, label: &str, checked: &str| {
        format!(
            "<input class=\"filter\" type=\"radio\" name=\"show\" id=\"f-{id}\" aria-label=\"Show {label}\"{checked}>"
        )
    };
    writeln!(out, "{}", button("all", "all files", " checked"))?;
    for (outcome, _) in &tally {
        writeln!(out, "{}", button(&slug(*outcome), outcome.label(), ""))?;
    }
    writeln!(out, "<div class=\"filters\">")?;
    writeln!(out, "<label class=\"idle\" for=\"f-all\"><b>{}</b> all</label>", report.files.len())?;
    for (outcome, number) in tally {
        let (tone, id, label) = (tone(outcome), slug(outcome), outcome.label());
        writeln!(out, "<label class=\"{tone}\" for=\"f-{id}\"><b>{number}</b> {label}</label>")?;
    }
    writeln!(out, "</div>")
}

fn to_do(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let all = what_to_do(report);
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section class=\"todo\">\n<h2>What to do</h2>")?;
    for advice in all {
        writeln!(out, "<p>{}</p>", with_code(&advice.text))?;
        if !advice.files.is_empty() {
            writeln!(out, "<ul class=\"small soft\">")?;
            for file in &advice.files {
                writeln!(out, "<li>{}</li>", markup(file))?;
            }
            writeln!(out, "</ul>")?;
        }
    }
    writeln!(out, "</section>")
}

/// Escapes text and marks the parts between backticks as code.
fn with_code(text: &str) -> String {
    let mut html = String::new();
    for (number, part) in text.split('`').enumerate() {
        let part = markup(part);
        html.push_str(&if number % 2 == 1 { format!("<code>{part}</code>") } else { part });
    }
    html
}

fn foot(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let tool = &report.tool;
    let mut parts = vec![format!("{} {}", tool.name, tool.version)];
    parts.extend(tool.ffmpeg.iter().map(|version| format!("FFmpeg libraries {version}")));
    parts.extend(text::isolation(tool));
    parts.extend(text::isolation_refused(tool));
    writeln!(out, "<footer>{}</footer>\n</div>\n</body>\n</html>", markup(&parts.join(" · ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::samples;
    use super::super::{Format, Report};
    use crate::rules::{Remedy, RuleId, Severity, Verdict};
    use proptest::prelude::*;

    #[test]
    fn the_foot_states_the_isolation() {
        let whole = html(&samples::everything());
        assert!(whole.contains("media workers isolated by seccomp, landlock (Landlock ABI 6)"), "{whole}");
        assert!(!whole.contains("not in force"), "{whole}");
        let weak = html(&samples::weak_isolation());
        assert!(weak.contains("not in force: landlock: not &lt;supported&gt;"), "{weak}");
    }

    fn html(report: &Report) -> String {
        samples::rendered(report, Format::Html)
    }

    /// Returns every tag outside the style sheet.
    fn tags(text: &str) -> Vec<String> {
        let (before, rest) = text.split_once("<style>").unwrap();
        let (_, after) = rest.split_once("</style>").unwrap();
        let pieces = [before, after].into_iter().flat_map(|part| part.split('<').skip(1));
        pieces.map(|piece| piece.split('>').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn writes_a_card_for_every_entry() {
        let report = samples::everything();
        let text = html(&report);
        assert_eq!(text.matches("<article ").count(), report.files.len());
        for entry in &report.files {
            assert!(text.contains(&entry.path), "{}", entry.path);
        }
        for needle in
            ["14 files, 10 need attention", "f-not-compliant", "SSIM 0.9961", "processing failed three times"]
        {
            assert!(text.contains(needle), "{needle}");
        }
    }

    #[test]
    fn balances_tags_and_loads_no_resources() {
        let text = html(&samples::everything());
        let mut open = Vec::new();
        for tag in tags(&text) {
            let name = tag.split(' ').next().unwrap().to_owned();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop().as_deref(), Some(name)),
                None if ["!DOCTYPE", "meta", "input", "/style"].contains(&name.as_str()) => {}
                None => open.push(name),
            }
            for source in [" src=", " srcset=", "<link", "@import", "url("] {
                assert!(!tag.contains(source), "{tag}");
            }
        }
        assert_eq!(open, Vec::<String>::new());
        assert!(!super::STYLE.contains("url(") && !super::STYLE.contains("@import"));
    }

    #[test]
    fn links_only_http_and_https() {
        let mut entry = samples::entry("a.mp4", Verdict::Noncompliant);
        let mut finding = samples::finding(RuleId::VideoCodec, Severity::Error, Remedy::Remux);
        finding.source = Some("javascript:alert(1)".into());
        entry.findings = vec![finding];
        let text = html(&samples::report(vec![entry]));
        assert!(!text.contains("href=\"javascript"), "{text}");
        assert!(text.contains("javascript:alert(1)"));
    }

    #[test]
    fn escapes_control_and_bidirectional_characters() {
        let entry = samples::entry("a\u{202e}4pm.jpg\u{7}", Verdict::Compliant);
        let text = html(&samples::report(vec![entry]));
        assert!(text.contains("a\\u{202e}4pm.jpg\\u{7}"));
        assert!(!text.contains('\u{202e}'));
    }

    proptest! {
        #[test]
        fn untrusted_text_never_becomes_a_tag(
            name in any::<String>(),
            text in "[<>\"'&a-z/` =\\PC]{0,40}",
        ) {
            let attack = format!("\"'><script>alert(1)</script><img src=x onerror=y {text}");
            let build = |hostile: &str, name: &str| {
                let mut entry = samples::entry(name, Verdict::Noncompliant);
                let mut finding = samples::finding(RuleId::VideoCodec, Severity::Error, Remedy::Refuse);
                finding.message = hostile.to_owned();
                finding.actual = hostile.to_owned();
                finding.allowed = hostile.to_owned();
                finding.source = Some(format!("https://example.com/{hostile}"));
                entry.findings = vec![finding];
                let mut fix = samples::reencoded();
                fix.output = Some(hostile.to_owned());
                fix.steps = vec![hostile.to_owned()];
                fix.reason = Some(hostile.to_owned());
                entry.fix = Some(fix);
                entry.profile = hostile.to_owned();
                html(&samples::report(vec![entry]))
            };
            let names = |text: &str| -> Vec<String> {
                tags(text).iter().map(|tag| tag.split(' ').next().unwrap().to_owned()).collect()
            };
            let page = build(&attack, &format!("{name}{attack}"));
            prop_assert!(!page.contains("<script"));
            prop_assert_eq!(names(&page), names(&build("plain", "plain")));
        }
    }
}
