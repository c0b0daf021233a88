//! `junit`: the XML that build servers show as test results.
//!
//! Each profile is a suite and each file a test case. A file that breaks a rule is a failure; a failed
//! operation is an error; warnings and the fix are the output of the test case.

use std::io;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::outcome::{Outcome, Problem, is_cleared, is_fixed, problems};
use super::{DoneCount, FileEntry, Report, Tool, escape, text, totals};
use crate::rules::Finding;

pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let mut document = quick_junit::Report::new("greenlit");
    document.set_time(Duration::try_from_secs_f64(report.summary.elapsed_s).unwrap_or_default());
    document.add_test_suites(run_suite(report));
    for profile in profiles(report) {
        let mut suite = TestSuite::new(safe(profile));
        suite.add_properties(isolation(&report.tool));
        let entries = report.files.iter().filter(|entry| entry.profile == profile);
        suite.add_test_cases(entries.map(test_case));
        document.add_test_suite(suite);
    }
    let text = document.to_string().map_err(io::Error::other)?;
    out.write_all(without_root_count(&text).as_bytes())
}

/// Removes the count of skipped tests from the root, which alone the schema of JUnit reports does not have there.
fn without_root_count(document: &str) -> String {
    let (before, rest) = document.split_once(" skipped=\"").unwrap_or((document, ""));
    let after = rest.split_once('"').map_or("", |(_, after)| after);
    format!("{before}{after}")
}

/// Returns text in which control and bidirectional characters are shown as escapes; the writer would drop some of them
/// silently.
fn safe(text: &str) -> XmlString {
    XmlString::new(escape(text))
}

/// Returns a suite about the run itself: the counts of a delivery, and an error if the run was cut off.
fn run_suite(report: &Report) -> Option<TestSuite> {
    let summary = &report.summary;
    let counts = [
        ("uploads", summary.uploads),
        ("ads", summary.ads),
        ("posts", summary.posts),
        ("entries", summary.entries),
    ];
    let cut_off = totals::cut_off(report);
    if cut_off.is_none() && counts.iter().all(|(_, count)| count.is_none()) {
        return None;
    }
    let mut suite = TestSuite::new("run");
    for (name, count) in counts {
        let Some(DoneCount { done, by_this_run, before, undone, unconfirmed }) = count else { continue };
        let values = [
            ("done", done),
            ("by-this-run", by_this_run),
            ("before", before),
            ("undone", undone),
            ("unconfirmed", unconfirmed),
        ];
        for (what, value) in values {
            suite.add_property(Property::new(format!("{name}.{what}"), value.to_string()));
        }
    }
    suite.add_property(Property::new("changes.unsent", summary.unsent_changes.to_string()));
    if let Some(reason) = cut_off {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("run-stopped").set_message(safe(&reason)).set_description(safe(&reason));
        let mut case = TestCase::new("run", status);
        case.set_classname("greenlit");
        suite.add_test_case(case);
    }
    Some(suite)
}

/// Returns what isolates the media workers, and what of it is missing.
fn isolation(tool: &Tool) -> Vec<Property> {
    let Some(in_force) = &tool.isolation else { return Vec::new() };
    let in_force = in_force.iter().map(|name| ("isolation", name));
    let refused = tool.isolation_refused.iter().flatten().map(|refused| ("isolation.refused", refused));
    let mut all: Vec<Property> =
        in_force.chain(refused).map(|(name, value)| Property::new(name, safe(value))).collect();
    all.extend(tool.landlock_abi.map(|abi| Property::new("isolation.landlock-abi", abi.to_string())));
    all
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

fn test_case(entry: &FileEntry) -> TestCase {
    let status = match Outcome::of(entry) {
        Outcome::Skipped => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(safe(entry.reason.as_deref().unwrap_or("not a media file")));
            skipped
        }
        Outcome::Failed | Outcome::Cancelled | Outcome::Undelivered | Outcome::ChangeUnsent => {
            non_success(NonSuccessKind::Error, entry)
        }
        // A plan has not fixed the file yet.
        Outcome::Planned => non_success(NonSuccessKind::Failure, entry),
        outcome if outcome.needs_attention() => non_success(NonSuccessKind::Failure, entry),
        _ => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(safe(&entry.path), status);
    case.set_classname(safe(&entry.profile));
    let notes = notes(entry);
    if !notes.is_empty() {
        case.set_system_out(lines(notes));
    }
    case
}

/// Returns a failure or an error with every problem and every error of `entry`.
fn non_success(kind: NonSuccessKind, entry: &FileEntry) -> TestCaseStatus {
    let problems = problems(entry);
    let errors: Vec<&Finding> = entry.findings.iter().filter(|finding| finding.is_open_error()).collect();
    let of_problems = problems.iter().map(|problem| (problem.id, problem.message.as_str()));
    let of_errors = errors.iter().map(|finding| (finding.rule.as_str(), finding.message.as_str()));
    let (id, message) = of_problems.chain(of_errors).next().unwrap_or(("verdict", "not compliant"));
    let told = problems.iter().map(|Problem { id, message, .. }| format!("{id}: {message}"));
    let mut status = TestCaseStatus::non_success(kind);
    status
        .set_type(safe(id))
        .set_message(safe(message))
        .set_description(lines(told.chain(errors.iter().map(|finding| line(finding, false)))));
    status
}

/// Returns each text on a line of its own.
fn lines(texts: impl IntoIterator<Item = String>) -> XmlString {
    let escaped: Vec<String> = texts.into_iter().map(|text| escape(&text)).collect();
    XmlString::new(escaped.join("\n"))
}

/// Returns the warnings, the advice and the fix; errors too if they are fixed.
fn notes(entry: &FileEntry) -> Vec<String> {
    let listed =
        |finding: &&Finding| !finding.is_open_error() || is_fixed(entry) || is_cleared(entry, finding);
    let findings = entry.findings.iter().filter(listed);
    let mut notes: Vec<String> = findings.map(|finding| line(finding, is_cleared(entry, finding))).collect();
    if let Some(fix) = &entry.fix {
        let output = fix.output.as_ref().map_or(String::new(), |output| format!(": {output}"));
        notes.push(format!("fix: {}{}{output}", text::action(fix), text::origin(fix)));
        notes.extend(fix.steps.iter().map(|step| format!("step: {step}")));
        notes.extend(text::verification(fix).map(|checks| format!("verified: {checks}")));
    }
    if let Some(delivery) = &entry.delivery {
        let id = delivery.video_id.as_ref().map_or(String::new(), |id| format!(", video {id}"));
        notes.push(format!("delivery: {}{id}", delivery.shown_state()));
    }
    notes
}

fn line(finding: &Finding, fixed: bool) -> String {
    let place = text::place(finding).map_or(String::new(), |place| format!(" ({place})"));
    let severity = text::severity(finding, fixed);
    let accepted = text::acceptance(finding);
    let Finding { rule, message, actual, allowed, .. } = finding;
    format!("{severity} {rule}: {message}{accepted}: found {actual}, allowed {allowed}{place}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write as _;
    use std::process::{Command, Stdio};

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
        <testsuites name="greenlit" tests="2" failures="1" errors="1" time="3.417">
            <testsuite name="tiktok-ads" tests="2" skipped="0" errors="1" failures="1">
                <properties>
                    <property name="isolation" value="seccomp"/>
                    <property name="isolation" value="landlock"/>
                    <property name="isolation.landlock-abi" value="6"/>
                </properties>
                <testcase name="c.not-compliant.mov" classname="tiktok-ads">
                    <failure message="the video codec is mpeg4" type="video-codec">error video-codec: the video codec is mpeg4: found mpeg4, allowed h264, hevc (stream 0)
        error integrity: the file ends before its video does: found 3.5 s missing, allowed all declared data (data missing from 8.5 s)</failure>
                    <system-out>warning black: the video is black for a while: found 2 spans, allowed none longer than 1 s (stream 0, 0 s to 1.5 s, 1:02.5 to 1:05)
        advice fast-start: the index (moov) is at the end of the file: found moov last, allowed moov first</system-out>
                </testcase>
                <testcase name="h2.failed.�.mp4" classname="tiktok-ads">
                    <error message="permission denied" type="operation-failed">operation-failed: permission denied</error>
                </testcase>
            </testsuite>
        </testsuites>
        "#);
    }

    /// Returns what `xmllint` says of a report that does not comply with the schema that Jenkins and pytest follow.
    fn schema_errors(report: &str) -> String {
        let mut xmllint = Command::new("xmllint")
            .args(["--noout", "--schema", "tests/schemas/junit-10.xsd", "-"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("xmllint is installed by `make setup`");
        xmllint.stdin.take().unwrap().write_all(report.as_bytes()).unwrap();
        let output = xmllint.wait_with_output().unwrap();
        if output.status.success() { String::new() } else { String::from_utf8(output.stderr).unwrap() }
    }

    #[test]
    fn complies_with_the_common_schema() {
        let mut interrupted = samples::everything();
        interrupted.interrupted = true;
        for report in
            [samples::everything(), samples::weak_isolation(), samples::report(Vec::new()), interrupted]
        {
            let text = junit(&report);
            assert_eq!(schema_errors(&text), "");
            let broken = text.replacen("<testsuites ", "<testsuites unknown=\"\" ", 1);
            assert!(schema_errors(&broken).contains("unknown"), "the schema is not read");
        }
    }

    #[test]
    fn counts_match_the_elements() {
        let text = junit(&samples::everything());
        let elements = xml::elements(&text).unwrap();
        let count = |name: &str| elements.iter().filter(|element| element.name == name).count().to_string();
        let root = &elements[0];
        assert_eq!(root.name, "testsuites");
        for (attribute, element) in [("tests", "testcase"), ("failures", "failure"), ("errors", "error")] {
            assert_eq!(root.attribute(attribute), Some(count(element).as_str()), "{attribute}");
        }
        let of_suites = elements.iter().filter(|element| element.name == "testsuite");
        let skipped = of_suites.filter_map(|suite| suite.attribute("skipped")?.parse::<usize>().ok());
        assert_eq!(skipped.sum::<usize>().to_string(), count("skipped"));
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
