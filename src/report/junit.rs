//! `junit`: the XML that build servers show as test results.
//!
//! Each profile is a suite and each file a test case. A file that breaks a rule is a failure; a failed
//! operation is an error; warnings and the fix are the output of the test case.

use std::io;

use super::outcome::{Outcome, Problem, is_cleared, is_fixed, problems};
use super::{DoneCount, FileEntry, Report, Tool, escape::markup, text, totals};
use crate::rules::{Finding, Severity};

#[derive(Clone, Copy, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn of<'a>(entries: impl Iterator<Item = &'a FileEntry>) -> Counts {
        let mut counts = Counts::default();
        for entry in entries {
            counts.tests += 1;
            match test_status(entry) {
                TestStatus::Pass => {}
                TestStatus::Failure => counts.failures += 1,
                TestStatus::Error => counts.errors += 1,
                TestStatus::Skipped => counts.skipped += 1,
            }
        }
        counts
    }

    fn attributes(self) -> String {
        let Counts { tests, failures, errors, skipped } = self;
        format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TestStatus {
    Pass,
    Failure,
    Error,
    Skipped,
}

fn test_status(entry: &FileEntry) -> TestStatus {
    match Outcome::of(entry) {
        Outcome::Skipped => TestStatus::Skipped,
        Outcome::Failed | Outcome::Cancelled | Outcome::Undelivered | Outcome::ChangeUnsent => {
            TestStatus::Error
        }
        // A plan has not fixed the file yet.
        Outcome::Planned => TestStatus::Failure,
        outcome if outcome.needs_attention() => TestStatus::Failure,
        _ => TestStatus::Pass,
    }
}

pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    let cut_off = totals::cut_off(report);
    let mut counts = Counts::of(report.files.iter());
    counts.tests += usize::from(cut_off.is_some());
    counts.errors += usize::from(cut_off.is_some());
    writeln!(
        out,
        "<testsuites name=\"greenlit\" {} time=\"{:.3}\">",
        counts.attributes(),
        report.summary.elapsed_s
    )?;
    run_suite(report, cut_off.as_deref(), out)?;
    for profile in profiles(report) {
        let entries = || report.files.iter().filter(|entry| entry.profile == profile);
        let counts = Counts::of(entries()).attributes();
        writeln!(out, "  <testsuite name=\"{}\" {counts}>", markup(profile))?;
        isolation(&report.tool, out)?;
        for entry in entries() {
            test_case(entry, out)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

/// Writes a suite about the run itself: the counts of a delivery, and an error if the run was cut off.
fn run_suite(report: &Report, cut_off: Option<&str>, out: &mut dyn io::Write) -> io::Result<()> {
    let summary = &report.summary;
    let counts = [
        ("uploads", summary.uploads),
        ("ads", summary.ads),
        ("posts", summary.posts),
        ("entries", summary.entries),
    ];
    if cut_off.is_none() && counts.iter().all(|(_, count)| count.is_none()) {
        return Ok(());
    }
    let errors = usize::from(cut_off.is_some());
    let attributes = Counts { tests: errors, errors, ..Counts::default() }.attributes();
    writeln!(out, "  <testsuite name=\"run\" {attributes}>")?;
    writeln!(out, "    <properties>")?;
    for (name, count) in counts {
        let Some(DoneCount { done, by_this_run, before, undone }) = count else { continue };
        let values = [("done", done), ("by-this-run", by_this_run), ("before", before), ("undone", undone)];
        for (what, value) in values {
            writeln!(out, "      <property name=\"{name}.{what}\" value=\"{value}\"/>")?;
        }
    }
    let changes = summary.unsent_changes;
    writeln!(out, "      <property name=\"changes.unsent\" value=\"{changes}\"/>")?;
    writeln!(out, "    </properties>")?;
    if let Some(reason) = cut_off {
        let reason = markup(reason);
        writeln!(out, "    <testcase name=\"run\" classname=\"greenlit\">")?;
        writeln!(out, "      <error type=\"run-stopped\" message=\"{reason}\">{reason}</error>")?;
        writeln!(out, "    </testcase>")?;
    }
    writeln!(out, "  </testsuite>")
}

/// Writes what isolates the media workers, and what of it is missing.
fn isolation(tool: &Tool, out: &mut dyn io::Write) -> io::Result<()> {
    let Some(in_force) = &tool.isolation else { return Ok(()) };
    let refused = tool.isolation_refused.iter().flatten().map(|refused| ("isolation.refused", refused));
    writeln!(out, "    <properties>")?;
    for (name, value) in in_force.iter().map(|name| ("isolation", name)).chain(refused) {
        writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", markup(value))?;
    }
    if let Some(abi) = tool.landlock_abi {
        writeln!(out, "      <property name=\"isolation.landlock-abi\" value=\"{abi}\"/>")?;
    }
    writeln!(out, "    </properties>")
}

/// Returns the requested profiles, then those that only entries name.
fn profiles(report: &Report) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    let requested = report.profiles.iter().map(String::as_str);
    for name in requested.chain(report.files.iter().map(|entry| entry.profile.as_str())) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn test_case(entry: &FileEntry, out: &mut dyn io::Write) -> io::Result<()> {
    let (name, class) = (markup(&entry.path), markup(&entry.profile));
    writeln!(out, "    <testcase name=\"{name}\" classname=\"{class}\">")?;
    let problems = problems(entry);
    match test_status(entry) {
        TestStatus::Pass => {}
        TestStatus::Skipped => {
            let reason = entry.reason.as_deref().unwrap_or("not a media file");
            writeln!(out, "      <skipped message=\"{}\"/>", markup(reason))?;
        }
        TestStatus::Failure => failed_case("failure", entry, &problems, out)?,
        TestStatus::Error => failed_case("error", entry, &problems, out)?,
    }
    let notes = notes(entry);
    if !notes.is_empty() {
        writeln!(out, "      <system-out>{}</system-out>", notes.join("\n"))?;
    }
    writeln!(out, "    </testcase>")
}

/// Writes the `failure` or `error` element with every problem and every error of `entry`.
fn failed_case(
    element: &str,
    entry: &FileEntry,
    problems: &[Problem],
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let errors: Vec<&Finding> =
        entry.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let kinds: Vec<&str> =
        problems.iter().map(|p| p.id).chain(errors.iter().map(|f| f.rule.as_str())).collect();
    let first =
        problems.iter().map(|p| p.message.as_str()).chain(errors.iter().map(|f| f.message.as_str())).next();
    let (kind, message) = (kinds.first().unwrap_or(&"verdict"), first.unwrap_or("not compliant"));
    let lines: Vec<String> = problems
        .iter()
        .map(|p| markup(&format!("{}: {}", p.id, p.message)))
        .chain(errors.iter().map(|f| line(f, false)))
        .collect();
    writeln!(
        out,
        "      <{element} type=\"{}\" message=\"{}\">{}</{element}>",
        markup(kind),
        markup(message),
        lines.join("\n")
    )
}

/// Returns the warnings, the advice and the fix; errors too if they are fixed.
fn notes(entry: &FileEntry) -> Vec<String> {
    let listed = |finding: &&Finding| {
        finding.severity != Severity::Error || is_fixed(entry) || is_cleared(entry, finding)
    };
    let findings = entry.findings.iter().filter(listed);
    let mut notes: Vec<String> = findings.map(|finding| line(finding, is_cleared(entry, finding))).collect();
    if let Some(fix) = &entry.fix {
        let output = fix.output.as_ref().map_or(String::new(), |output| format!(": {output}"));
        notes.push(markup(&format!("fix: {}{}{output}", text::action(fix), text::origin(fix))));
        notes.extend(fix.steps.iter().map(|step| markup(&format!("step: {step}"))));
        notes.extend(text::verification(fix).map(|checks| markup(&format!("verified: {checks}"))));
    }
    if let Some(delivery) = &entry.delivery {
        let id = delivery.video_id.as_ref().map_or(String::new(), |id| format!(", video {id}"));
        notes.push(markup(&format!("delivery: {}{id}", delivery.shown_state())));
    }
    notes
}

fn line(finding: &Finding, fixed: bool) -> String {
    let place = text::place(finding).map_or(String::new(), |place| format!(" ({place})"));
    let severity = text::severity(finding.severity, fixed);
    let Finding { rule, message, actual, allowed, .. } = finding;
    markup(&format!("{severity} {rule}: {message}: found {actual}, allowed {allowed}{place}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::samples::{self, xml};
    use super::super::{Format, Report};
    use crate::rules::{Remedy, RuleId, Severity, Verdict};
    use proptest::prelude::*;

    fn junit(report: &Report) -> String {
        samples::rendered(report, Format::Junit)
    }

    #[test]
    fn writes_a_failure_with_all_errors_of_the_file() {
        let mut report = samples::everything();
        report.files.retain(|entry| entry.path.starts_with("c.") || entry.path.starts_with("h2"));
        insta::assert_snapshot!(junit(&report), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="greenlit" tests="2" failures="1" errors="1" skipped="0" time="3.417">
          <testsuite name="tiktok-ads" tests="2" failures="1" errors="1" skipped="0">
            <properties>
              <property name="isolation" value="seccomp"/>
              <property name="isolation" value="landlock"/>
              <property name="isolation.landlock-abi" value="6"/>
            </properties>
            <testcase name="c.not-compliant.mov" classname="tiktok-ads">
              <failure type="video-codec" message="the video codec is mpeg4">error video-codec: the video codec is mpeg4: found mpeg4, allowed h264, hevc (stream 0)
        error integrity: the file ends before its video does: found 3.5 s missing, allowed all declared data (data missing from 8.5 s)</failure>
              <system-out>warning black: the video is black for a while: found 2 spans, allowed none longer than 1 s (stream 0, 0 s to 1.5 s, 1:02.5 to 1:05)
        advice fast-start: the index (moov) is at the end of the file: found moov last, allowed moov first</system-out>
            </testcase>
            <testcase name="h2.failed.�.mp4" classname="tiktok-ads">
              <error type="operation-failed" message="permission denied">operation-failed: permission denied</error>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn counts_match_the_elements() {
        let text = junit(&samples::everything());
        let elements = xml::elements(&text).unwrap();
        let count = |name: &str| elements.iter().filter(|element| element.name == name).count().to_string();
        let root = &elements[0];
        assert_eq!(root.name, "testsuites");
        for (attribute, element) in
            [("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")]
        {
            assert_eq!(root.attribute(attribute), Some(count(element).as_str()), "{attribute}");
        }
    }

    #[test]
    fn missing_isolation_is_a_property() {
        let text = junit(&samples::weak_isolation());
        let refused = "<property name=\"isolation.refused\" value=\"landlock: not &lt;supported&gt;\"/>";
        assert!(text.contains(refused), "{text}");
        assert!(!junit(&samples::everything()).contains("isolation.refused"));
    }

    proptest! {
        #[test]
        fn writes_well_formed_xml_for_any_text(name in any::<String>(), message in any::<String>()) {
            let mut entry = samples::entry(&name, Verdict::Noncompliant);
            let mut finding = samples::finding(RuleId::VideoCodec, Severity::Error, Remedy::Remux);
            finding.message = format!("]]><!--{message}");
            finding.actual.clone_from(&message);
            entry.findings = vec![finding];
            let text = junit(&samples::report(vec![entry]));
            let elements = xml::elements(&text).map_err(TestCaseError::fail)?;
            let case = elements.iter().find(|element| element.name == "testcase").unwrap();
            prop_assert_eq!(case.attribute("name").unwrap(), super::super::escape(&name));
            // The isolation has four: the list, its two barriers and the version of Landlock.
            prop_assert_eq!(elements.len(), 4 + 4);
        }
    }
}
