//! `github`: workflow commands, which GitHub Actions shows as annotations.
//!
//! Format: `::error file=…,title=…::message`, one per line; see "Workflow commands for GitHub
//! Actions" in GitHub's documentation. The runner decodes `%25`, `%0D` and `%0A` everywhere, and
//! `%3A` and `%2C` in properties.

use std::io;

use super::outcome::{is_cleared, is_fixed, problems};
use super::{FileEntry, Report, escape, text, totals, units};
use crate::rules::{Finding, Severity};

/// Writes one annotation for each finding and each other problem, then the counts.
pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    for entry in &report.files {
        annotate(entry, out)?;
    }
    let counts: Vec<String> =
        text::tally(report).into_iter().map(|(outcome, n)| text::counted(report, outcome, n)).collect();
    let files = units::count(text::file_count(report), "file", "files");
    let counts = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
    if let Some(reason) = totals::cut_off(report) {
        writeln!(out, "::error title=greenlit (run-stopped)::{}", data(&escape(&reason)))?;
    }
    if let Some(missing) = text::isolation_refused(&report.tool) {
        let text = format!("The isolation of media workers is weaker on this system: {missing}");
        writeln!(out, "::notice title=greenlit (isolation)::{}", data(&escape(&text)))?;
    }
    let suffix = if report.interrupted { " (interrupted)" } else { "" };
    let delivered = totals::delivered(report).map_or(String::new(), |totals| format!("; {totals}"));
    writeln!(out, "greenlit: {files}{counts}{delivered}{suffix}")
}

fn annotate(entry: &FileEntry, out: &mut dyn io::Write) -> io::Result<()> {
    let fixed = is_fixed(entry);
    for problem in problems(entry) {
        command(out, "error", entry, problem.id, &escape(&problem.message))?;
    }
    if let Some(fix) = entry.fix.as_ref().filter(|_| fixed) {
        let output = fix.output.as_deref().unwrap_or_default();
        let origin = text::origin(fix);
        let text = format!("Fixed{origin}: {}; output: {}", text::action(fix), escape(output));
        command(out, "notice", entry, "fixed", &text)?;
    }
    for finding in &entry.findings {
        let level = match finding.severity {
            // The output replaces the source.
            _ if is_cleared(entry, finding) || finding.accepted.is_some() => "notice",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "notice",
        };
        command(out, level, entry, finding.rule.as_str(), &sentence(finding))?;
    }
    Ok(())
}

fn sentence(finding: &Finding) -> String {
    let place = text::place(finding).map_or(String::new(), |place| format!(" ({place})"));
    let source =
        finding.source.as_deref().map_or(String::new(), |source| format!(" Source: {}", escape(source)));
    format!(
        "{}{}: found {}, allowed {}{place}.{source}",
        escape(&finding.message),
        escape(&text::acceptance(finding)),
        escape(&finding.actual),
        escape(&finding.allowed),
    )
}

fn command(
    out: &mut dyn io::Write,
    level: &str,
    entry: &FileEntry,
    id: &str,
    message: &str,
) -> io::Result<()> {
    let file = property(&entry.path);
    let title = property(&format!("greenlit ({id})"));
    let text = data(&format!("{message} [{}]", escape(&entry.profile)));
    writeln!(out, "::{level} file={file},title={title}::{text}")
}

/// Encodes a property. Line breaks are percent-encoded, so that the annotation finds the file; other
/// control characters are escaped.
fn property(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| line.split('\r').map(|part| data(&escape(part))).collect::<Vec<_>>().join("%0D"))
        .collect();
    lines.join("%0A").replace(':', "%3A").replace(',', "%2C")
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Format, samples};
    use crate::rules::Verdict;
    use proptest::prelude::*;

    #[test]
    fn writes_findings_as_annotations() {
        let mut report = samples::everything();
        report.files.retain(|entry| entry.path.starts_with("c."));
        insta::assert_snapshot!(samples::rendered(&report, Format::Github), @r#"
        ::error file=c.not-compliant.mov,title=greenlit (video-codec)::the video codec is mpeg4: found mpeg4, allowed h264, hevc (stream 0). Source: https://ads.tiktok.com/help/article/video-ads-specifications [tiktok-ads]
        ::error file=c.not-compliant.mov,title=greenlit (integrity)::the file ends before its video does: found 3.5 s missing, allowed all declared data (data missing from 8.5 s). [tiktok-ads]
        ::warning file=c.not-compliant.mov,title=greenlit (black)::the video is black for a while: found 2 spans, allowed none longer than 1 s (stream 0, 0 s to 1.5 s, 1:02.5 to 1:05). Source: https://ads.tiktok.com/help/article/video-ads-specifications [tiktok-ads]
        ::notice file=c.not-compliant.mov,title=greenlit (fast-start)::the index (moov) is at the end of the file: found moov last, allowed moov first. Source: https://ads.tiktok.com/help/article/video-ads-specifications [tiktok-ads]
        greenlit: 1 file: 1 not compliant
        "#);
    }

    #[test]
    fn reports_fixed_findings_as_notices() {
        let mut report = samples::everything();
        report.files.retain(|entry| entry.path == "b.fixed.avi");
        insta::assert_snapshot!(samples::rendered(&report, Format::Github), @r#"
        ::notice file=b.fixed.avi,title=greenlit (fixed)::Fixed: video re-encoded, audio stream copied; output: out/b.fixed.mp4 [tiktok-ads]
        ::notice file=b.fixed.avi,title=greenlit (video-codec)::the video codec is mpeg4: found mpeg4, allowed h264, hevc (stream 0). Source: https://ads.tiktok.com/help/article/video-ads-specifications [tiktok-ads]
        greenlit: 1 file: 1 fixed
        "#);
    }

    #[test]
    fn a_missing_barrier_is_a_notice() {
        let text = samples::rendered(&samples::weak_isolation(), Format::Github);
        let notices: Vec<_> = text.lines().filter(|line| line.starts_with("::notice title=")).collect();
        assert_eq!(notices.len(), 1, "{text}");
        assert!(
            notices[0].contains("(isolation)::") && notices[0].contains("landlock: not <supported>"),
            "{text}"
        );
        let whole = samples::rendered(&samples::everything(), Format::Github);
        assert!(!whole.contains("isolation"), "{whole}");
    }

    /// Decodes a property as the runner does.
    fn decoded(text: &str) -> String {
        let text = text.replace("%3A", ":").replace("%2C", ",");
        text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
    }

    #[test]
    fn preserves_special_characters_in_file_names() {
        let name = "a,b::c%0A\n50%.mp4";
        let report = samples::report(vec![samples::entry(name, Verdict::Unreadable)]);
        let text = samples::rendered(&report, Format::Github);
        let line = text.lines().next().unwrap();
        let file = line.strip_prefix("::error file=").unwrap().split_once(',').unwrap().0;
        assert_eq!(decoded(file), name);
    }

    proptest! {
        #[test]
        fn names_and_messages_cannot_add_a_command(name in ".*", message in ".*") {
            let mut entry = samples::entry(&name, Verdict::Unreadable);
            entry.reason = Some(format!("\n::error::{message}"));
            let text = samples::rendered(&samples::report(vec![entry]), Format::Github);
            prop_assert_eq!(text.split(['\n', '\r']).count(), 3, "{}", text);
            prop_assert_eq!(text.lines().filter(|line| line.starts_with("::")).count(), 1);
            let (properties, _) = text["::error ".len()..].split_once("::").unwrap();
            prop_assert_eq!(properties.split(',').count(), 2, "{}", properties);
        }
    }
}
