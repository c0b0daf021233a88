//! `sarif`: the Static Analysis Results Interchange Format (OASIS, version 2.1.0).
//!
//! Section numbers refer to the standard. Errors of a fixed source are kept and marked as suppressed
//! (3.35), so that code scanning does not raise them again.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::escape::{escape, json_text};
use super::outcome::{Outcome, PROBLEMS, Problem, is_cleared, problems};
use super::{FileEntry, Report, Tool, text, totals};
use crate::model::TimeRange;
use crate::rules::{Confidence, Finding, Remedy, Severity};

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: SarifTool,
    invocations: [Invocation; 1],
    results: Vec<SarifResult<'a>>,
    column_kind: &'static str,
}

#[derive(Serialize)]
struct SarifTool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
    help: Text,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<IsolationProperties>,
}

/// The isolation of the media workers, in the property bag of the run (3.8).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IsolationProperties {
    isolation: Vec<String>,
    isolation_refused: Vec<String>,
    landlock_abi: Option<u32>,
}

impl IsolationProperties {
    fn of(tool: &Tool) -> Option<IsolationProperties> {
        let list = |list: &[String]| list.iter().map(|text| escape(text)).collect();
        Some(IsolationProperties {
            isolation: list(tool.isolation.as_ref()?),
            isolation_refused: list(tool.isolation_refused.as_deref().unwrap_or_default()),
            landlock_abi: tool.landlock_abi,
        })
    }
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Text,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    rule_id: &'a str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    partial_fingerprints: Fingerprints,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
    properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

/// The fingerprint that identifies a result across runs (3.27.17).
#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "greenlit/v1")]
    greenlit: String,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
}

#[derive(Serialize)]
struct Properties<'a> {
    profile: &'a str,
    #[serde(flatten)]
    finding: Option<FindingProperties<'a>>,
}

#[derive(Serialize)]
struct FindingProperties<'a> {
    stream: Option<u32>,
    actual: &'a str,
    allowed: &'a str,
    ranges: &'a [TimeRange],
    first_missing_s: Option<f64>,
    checked_on: Option<&'a str>,
    confidence: Confidence,
    remedy: Remedy,
    source: Option<&'a str>,
}

pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let rules = Rules::of(report);
    let results = report.files.iter().flat_map(|entry| results(entry, &rules)).collect();
    let mut notifications = Vec::new();
    let cut_off = totals::cut_off(report);
    if let Some(text) = &cut_off {
        notifications.push(Notification { level: "error", message: Text { text: escape(text) } });
    }
    if let Some(text) = totals::delivered(report) {
        notifications.push(Notification { level: "note", message: Text { text } });
    }
    let failed =
        |entry| matches!(Outcome::of(entry), Outcome::Failed | Outcome::Undelivered | Outcome::ChangeUnsent);
    let any_failed = report.files.iter().any(failed);
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: SarifTool {
                driver: Driver {
                    name: report.tool.name,
                    version: report.tool.version,
                    semantic_version: report.tool.version,
                    rules: rules.0.iter().map(|(id, rule)| rule.describe(id)).collect(),
                },
            },
            invocations: [Invocation {
                execution_successful: cut_off.is_none() && !any_failed,
                tool_execution_notifications: notifications,
                properties: IsolationProperties::of(&report.tool),
            }],
            results,
            column_kind: "unicodeCodePoints",
        }],
    };
    out.write_all(json_text(&serde_json::to_string_pretty(&log)?).as_bytes())?;
    out.write_all(b"\n")
}

/// The rules that occur in the report, by id.
struct Rules<'a>(BTreeMap<&'a str, RuleText<'a>>);

#[derive(Clone, Copy)]
enum RuleText<'a> {
    Finding { source: Option<&'a str> },
    Problem { meaning: &'static str },
}

impl RuleText<'_> {
    fn describe(self, id: &str) -> Rule {
        let (short, source, help) = match self {
            RuleText::Finding { source } => (
                format!("Rule {id} of the profile"),
                source.filter(|source| source.starts_with("https://") || source.starts_with("http://")),
                format!("Run `greenlit explain {id}` for the rule's meaning, its purpose and what to do."),
            ),
            RuleText::Problem { meaning } => (meaning.to_owned(), None, meaning.to_owned()),
        };
        Rule {
            id: id.to_owned(),
            short_description: Text { text: short },
            help_uri: source.map(uri_of_link),
            help: Text { text: help },
        }
    }
}

/// Removes the characters that a URI cannot contain (RFC 3986, 2).
fn uri_of_link(link: &str) -> String {
    link.chars()
        .filter(|c| {
            c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
        })
        .collect()
}

impl<'a> Rules<'a> {
    fn of(report: &'a Report) -> Rules<'a> {
        let mut rules = BTreeMap::new();
        for entry in &report.files {
            for finding in &entry.findings {
                let source = finding.source.as_deref();
                let rule = rules.entry(finding.rule.as_str()).or_insert(RuleText::Finding { source });
                if let RuleText::Finding { source: known @ None } = rule {
                    *known = source;
                }
            }
            for problem in problems(entry) {
                let meaning =
                    PROBLEMS.iter().find(|(id, _)| *id == problem.id).map_or("", |(_, meaning)| meaning);
                rules.insert(problem.id, RuleText::Problem { meaning });
            }
        }
        Rules(rules)
    }

    fn index(&self, id: &str) -> usize {
        self.0.keys().take_while(|key| **key != id).count()
    }
}

fn results<'a>(entry: &'a FileEntry, rules: &Rules<'_>) -> Vec<SarifResult<'a>> {
    let from_problems = problems(entry).into_iter().map(|problem| from_problem(entry, problem, rules));
    let mut all: Vec<SarifResult<'a>> = from_problems.collect();
    all.extend(entry.findings.iter().map(|finding| from_finding(entry, finding, rules)));
    all
}

fn from_problem<'a>(entry: &'a FileEntry, problem: Problem, rules: &Rules<'_>) -> SarifResult<'a> {
    SarifResult {
        rule_id: problem.id,
        rule_index: rules.index(problem.id),
        level: "error",
        message: Text { text: escape(&problem.message) },
        locations: [location(entry)],
        partial_fingerprints: fingerprint(entry, problem.id, None),
        suppressions: Vec::new(),
        properties: Properties { profile: &entry.profile, finding: None },
    }
}

fn from_finding<'a>(entry: &'a FileEntry, finding: &'a Finding, rules: &Rules<'_>) -> SarifResult<'a> {
    let Finding { rule, severity, stream, actual, allowed, message, ranges, .. } = finding;
    let place = text::place(finding).map_or(String::new(), |place| format!(" ({place})"));
    let text = format!("{}: found {}, allowed {}{place}.", escape(message), escape(actual), escape(allowed));
    let output =
        entry.fix.as_ref().and_then(|fix| fix.output.as_deref()).filter(|_| is_cleared(entry, finding));
    let suppress =
        |justification: String| Suppression { kind: "external", status: "accepted", justification };
    let fixed = output.map(|output| format!("Fixed in {}", escape(output)));
    let accepted = finding.accepted.as_ref().map(|acceptance| escape(&acceptance.to_string()));
    SarifResult {
        rule_id: rule.as_str(),
        rule_index: rules.index(rule.as_str()),
        level: match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "note",
        },
        message: Text { text },
        locations: [location(entry)],
        partial_fingerprints: fingerprint(entry, rule.as_str(), *stream),
        suppressions: fixed.into_iter().chain(accepted).map(suppress).collect(),
        properties: Properties {
            profile: &entry.profile,
            finding: Some(FindingProperties {
                stream: *stream,
                actual,
                allowed,
                ranges,
                first_missing_s: finding.first_missing_s,
                checked_on: finding.checked_on.as_deref(),
                confidence: finding.confidence,
                remedy: finding.remedy,
                source: finding.source.as_deref(),
            }),
        },
    }
}

fn location(entry: &FileEntry) -> Location {
    Location {
        physical_location: PhysicalLocation { artifact_location: ArtifactLocation { uri: uri(entry) } },
    }
}

/// Returns the URI of the file. Relative paths stay relative to the working directory (3.4.3).
fn uri(entry: &FileEntry) -> String {
    let encoded = entry.uri_path();
    if encoded.starts_with('/') { format!("file://{encoded}") } else { encoded }
}

fn fingerprint(entry: &FileEntry, rule: &str, stream: Option<u32>) -> Fingerprints {
    let stream = stream.map_or(String::new(), |stream| format!("#{stream}"));
    Fingerprints { greenlit: format!("{}|{}|{rule}{stream}", uri(entry), escape(&entry.profile)) }
}

#[cfg(test)]
mod tests;
