//! Tests of the schema against reports.

#![allow(clippy::unwrap_used)]

#[path = "../../../tests/common/closed_schema.rs"]
mod closed_schema;

use self::closed_schema::closed;
use super::super::{DoneCount, Format, OldLimit, Publication, Report, StaleEntry, samples};
use super::generator::generated;
use super::schema;
use crate::rules::RuleId;
use serde_json::Value;

#[test]
fn the_stored_schema_is_that_of_the_types() {
    let generated = generated();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/schema/report.schema.json");
        return std::fs::write(path, generated).unwrap();
    }
    let hint = "the types have changed: run the test with UPDATE_SCHEMA=1 and review the stored file";
    assert!(generated == schema(), "{hint}");
}

fn schema_value() -> Value {
    serde_json::from_str(schema()).unwrap()
}

fn closed_schema() -> Value {
    closed(schema_value())
}

/// Returns a report with every kind of entry, one old limit and one stale output.
fn everything() -> Report {
    let stale = StaleEntry { output: "out/a.mp4".into(), source: "/in/a.mov".into(), removed: true };
    samples::everything().with_stale(vec![stale]).with_old_limits(vec![OldLimit {
        profile: "tiktok-ads".into(),
        rule: RuleId::Duration,
        checked_on: "2025-03-01".into(),
        age_days: 400,
    }])
}

fn document(report: &Report) -> Value {
    serde_json::from_str(&samples::rendered(report, Format::Json)).unwrap()
}

fn validation_errors(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(schema).unwrap();
    let errors = validator.iter_errors(document);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn schema_is_valid() {
    assert!(jsonschema::meta::is_valid(&schema_value()));
}

#[test]
fn every_kind_of_report_is_valid() {
    let mut interrupted = samples::everything();
    interrupted.interrupted = true;
    interrupted.tool.ffmpeg = None;
    interrupted.tool.isolation = None;
    interrupted.tool.isolation_refused = None;
    interrupted.tool.landlock_abi = None;
    let counts = DoneCount::new(1, 1, 4);
    let stopped = Some("the token is revoked".to_owned());
    let ads = everything().with_delivery(counts, (Publication::Ad, counts), None);
    let posts = everything().with_delivery(counts, (Publication::Post, counts), stopped);
    for report in [everything(), interrupted, samples::report(Vec::new()), ads, posts] {
        assert_eq!(validation_errors(&closed_schema(), &document(&report)), Vec::<String>::new());
    }
}

#[test]
fn every_ndjson_line_is_valid() {
    let mut schema = closed_schema();
    let root = schema.as_object_mut().unwrap();
    root.retain(|key, _| key == "$schema" || key == "$defs");
    root.insert("$ref".into(), "#/$defs/file".into());
    for line in samples::rendered(&samples::everything(), Format::Ndjson).lines() {
        let line = serde_json::from_str(line).unwrap();
        assert_eq!(validation_errors(&schema, &line), Vec::<String>::new());
    }
}

/// Calls `visit` with the JSON pointer of every object in `value`.
fn objects(value: &Value, pointer: String, visit: &mut dyn FnMut(String)) {
    match value {
        Value::Object(map) => {
            visit(pointer.clone());
            map.iter().for_each(|(key, value)| objects(value, format!("{pointer}/{key}"), visit));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(n, item)| objects(item, format!("{pointer}/{n}"), visit));
        }
        _ => {}
    }
}

#[test]
fn every_object_may_get_fields_but_an_undescribed_one_is_noticed() {
    let document = document(&everything());
    let mut pointers = Vec::new();
    objects(&document, String::new(), &mut |pointer| pointers.push(pointer));
    assert!(pointers.len() > 50, "{pointers:?}");
    let (published, closed) = (schema_value(), closed_schema());
    let published = jsonschema::draft202012::new(&published).unwrap();
    let closed = jsonschema::draft202012::new(&closed).unwrap();
    for pointer in pointers {
        let mut later = document.clone();
        let object = later.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
        object.insert("surprise".into(), Value::Null);
        assert!(published.is_valid(&later), "{pointer} does not accept a field of a later version");
        assert!(!closed.is_valid(&later), "{pointer} accepts a field that is not described");
    }
}

#[test]
fn rejects_missing_fields_unless_optional() {
    let document = document(&everything());
    let schema = schema_value();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let optional = ["path_raw", "reason", "undecided", "not_decoded", "fix", "delivery", "outdated"];
    let mut pointers = Vec::new();
    objects(&document, String::new(), &mut |pointer| pointers.push(pointer));
    for pointer in pointers {
        let keys: Vec<String> =
            document.pointer(&pointer).unwrap().as_object().unwrap().keys().cloned().collect();
        let is_entry = pointer.matches('/').count() == 2 && pointer.starts_with("/files/");
        for key in keys {
            let mut invalid = document.clone();
            invalid.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().shift_remove(&key);
            let allowed = is_entry && optional.contains(&key.as_str());
            assert_eq!(validator.is_valid(&invalid), allowed, "{pointer}/{key}");
        }
    }
}

#[test]
fn rejects_values_that_no_report_has() {
    let document = document(&everything().with_delivery(
        DoneCount::new(1, 1, 4),
        (Publication::Ad, DoneCount::new(1, 1, 4)),
        None,
    ));
    let schema = schema_value();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for (pointer, invalid) in INVALID {
        let invalid: Value = serde_json::from_str(invalid).unwrap();
        let entries = document["files"].as_array().unwrap().len();
        let places: Vec<String> = match pointer.strip_prefix("/files/*") {
            None => vec![(*pointer).to_owned()],
            Some(rest) => (0..entries).map(|entry| format!("/files/{entry}{rest}")).collect(),
        };
        let mut replaced = 0;
        for place in places {
            let mut broken = document.clone();
            let (object, key) = place.rsplit_once('/').unwrap();
            let Some(Value::Object(object)) = broken.pointer_mut(object) else { continue };
            object.insert(key.to_owned(), invalid.clone());
            replaced += 1;
            assert!(!validator.is_valid(&broken), "{place} accepts {invalid}");
        }
        assert!(replaced > 0, "no report has a place for {pointer}");
    }
}

/// Values that each break one promise: a type, a limit, a form, or a list of names.
const INVALID: &[(&str, &str)] = &[
    ("/schema", r#""greenlit.report/2""#),
    ("/tool/name", r#""other""#),
    ("/tool/ffmpeg", "6"),
    ("/tool/isolation", r#"[1]"#),
    ("/tool/landlock_abi", "0"),
    ("/profiles", "null"),
    ("/interrupted", r#""no""#),
    ("/stopped", "false"),
    ("/summary/files", "-1"),
    ("/summary/elapsed_s", "-0.5"),
    ("/summary/uploads", "null"),
    ("/summary/ads/done", "1.5"),
    ("/old_limits/0/checked_on", r#""yesterday""#),
    ("/old_limits/0/age_days", "-1"),
    ("/stale/0/removed", "null"),
    ("/files/*/path", "null"),
    ("/files/*/path_raw", "null"),
    ("/files/*/path_raw", r#""a b""#),
    ("/files/*/verdict", r#""good""#),
    ("/files/*/reason", "null"),
    ("/files/*/undecided", "[]"),
    ("/files/*/not_decoded", "null"),
    ("/files/*/media", "1"),
    ("/files/*/media/container", "1"),
    ("/files/*/media/size_bytes", "-1"),
    ("/files/*/media/completeness", r#"{"state": "broken"}"#),
    ("/files/*/media/completeness", r#"{"state": "missing"}"#),
    ("/files/*/media/clock_jumps_s", r#"["1"]"#),
    ("/files/*/media/video/0/codec", "1"),
    ("/files/*/media/video/0/sample_aspect_ratio", r#""1/1""#),
    ("/files/*/media/video/0/display_aspect_ratio", r#""9:0""#),
    ("/files/*/media/video/0/frame_rate", r#""30""#),
    ("/files/*/media/video/0/rotation", "45"),
    ("/files/*/media/video/0/flip", r#""diagonal""#),
    ("/files/*/media/video/0/hdr", r#"{"kind": "sdr", "dolby_vision": null}"#),
    ("/files/*/media/video/0/edit_list", r#"{}"#),
    ("/files/*/media/video/0/frame_sizes", r#"[{"width": 1}]"#),
    ("/files/*/media/video/0/lost_frames", r#"[{"kind": "empty", "count": 0, "of": 1, "at_s": []}]"#),
    ("/files/*/media/video/0/lost_frames", r#"[{"kind": "other", "count": 1, "of": 1, "at_s": []}]"#),
    ("/files/*/media/audio/0/channels", "-2"),
    ("/files/*/media/other/0/kind", r#""cover-art""#),
    ("/files/*/findings/0/rule", r#""Video Codec""#),
    ("/files/*/findings/0/severity", r#""fatal""#),
    ("/files/*/findings/0/confidence", r#""rumour""#),
    ("/files/*/findings/0/remedy", r#""pray""#),
    ("/files/*/findings/0/checked_on", r#""2026-1-1""#),
    ("/files/*/fix", "null"),
    ("/files/*/fix/action", r#""other""#),
    ("/files/*/fix/refusal", r#""other""#),
    ("/files/*/fix/encoder", r#""x265""#),
    ("/files/*/fix/dropped/0/kind", r#""cover-art""#),
    ("/files/*/fix/added/0/kind", r#""music""#),
    ("/files/*/fix/verified/verdict", r#""good""#),
    ("/files/*/fix/verified/concealed", r#"{"packets": 1}"#),
    ("/files/*/fix/verified/similarity/mean", "null"),
    ("/files/*/delivery", "null"),
    ("/files/*/delivery/attempts", "-1"),
    ("/files/*/delivery/publication", r#""story""#),
    ("/files/*/delivery/ads/0/row", "0"),
    ("/files/*/delivery/ads/0/problem", r#""other""#),
];
