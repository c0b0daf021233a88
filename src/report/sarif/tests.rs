#![allow(clippy::unwrap_used)]

use super::super::samples;
use super::super::{Format, Report};
use crate::rules::Verdict;
use serde_json::Value;

fn sarif(report: &Report) -> Value {
    serde_json::from_str(&samples::rendered(report, Format::Sarif)).unwrap()
}

#[test]
fn the_run_states_the_isolation() {
    let properties = |report: &Report| {
        let log: serde_json::Value = serde_json::from_str(&samples::rendered(report, Format::Sarif)).unwrap();
        log["runs"][0]["invocations"][0]["properties"].clone()
    };
    let weak = properties(&samples::weak_isolation());
    assert_eq!(weak["isolation"], serde_json::json!(["seccomp", "landlock"]));
    assert_eq!(weak["isolationRefused"], serde_json::json!(["landlock: not <supported>"]));
    assert_eq!(weak["landlockAbi"], 6);
    assert_eq!(properties(&samples::everything())["isolationRefused"], serde_json::json!([]));
}

#[test]
fn has_all_fields_required_by_the_standard_and_code_scanning() {
    let log = sarif(&samples::everything());
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "greenlit");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 12, "{}", results.len());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert!(!uri.as_str().unwrap().is_empty());
    }
    for rule in rules {
        assert!(!rule["shortDescription"]["text"].as_str().unwrap().is_empty(), "{rule}");
    }
    let ids: Vec<_> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    let codec = rules.iter().find(|rule| rule["id"] == "video-codec").unwrap();
    assert_eq!(codec["helpUri"], "https://ads.tiktok.com/help/article/video-ads-specifications");
    // An operation failed, so the execution was not successful.
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn complies_with_the_official_schema() {
    let schema = include_str!("../../../tests/schemas/sarif-2.1.0.json");
    // A bracket in the patterns of languages is not escaped, which only old readers of patterns accept.
    let schema: Value = serde_json::from_str(&schema.replace("{2}]?$", "{2}\\\\]?$")).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    assert!(!validator.is_valid(&serde_json::json!({"version": "2.1.0"})), "the schema is not read");
    let mut interrupted = samples::everything();
    interrupted.interrupted = true;
    for report in [samples::everything(), samples::weak_isolation(), samples::report(Vec::new()), interrupted]
    {
        let log = sarif(&report);
        let errors: Vec<String> =
            validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}

#[test]
fn suppresses_the_errors_of_fixed_sources_only() {
    let log = sarif(&samples::everything());
    let results = log["runs"][0]["results"].as_array().unwrap();
    let of = |path: &str| {
        let uri = "/locations/0/physicalLocation/artifactLocation/uri";
        results.iter().find(|result| result.pointer(uri).unwrap() == path).unwrap()
    };
    assert_eq!(of("b.fixed.avi")["suppressions"][0]["kind"], "external");
    assert_eq!(of("c.not-compliant.mov").get("suppressions"), None);
}

#[test]
fn encodes_paths_as_uris() {
    let mut raw = samples::entry("h\u{fffd}.mp4", Verdict::Unreadable);
    raw.path_raw = Some("h%FF<.mp4".into());
    let report = samples::report(vec![
        samples::entry("/a b/c:d.mp4", Verdict::Unreadable),
        raw,
        samples::entry("i:#ü.mp4", Verdict::Unreadable),
    ]);
    let log = sarif(&report);
    let uris: Vec<_> = log["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap())
        .collect();
    assert_eq!(uris, ["file:///a%20b/c%3Ad.mp4", "h%FF%3C.mp4", "i%3A%23%C3%BC.mp4"]);
}

#[test]
fn reports_an_interrupted_run() {
    let mut report = samples::report(Vec::new());
    assert_eq!(sarif(&report)["runs"][0]["invocations"][0]["executionSuccessful"], true);
    report.interrupted = true;
    let invocation = &sarif(&report)["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["toolExecutionNotifications"][0]["level"], "error");
}
