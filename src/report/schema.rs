//! The JSON schema of the report, embedded in the binary.

/// Returns the JSON schema (draft 2020-12) of [`super::Format::Json`]. Each line of
/// [`super::Format::Ndjson`] is an instance of its `#/$defs/file`.
pub fn schema() -> &'static str {
    include_str!("schema.json")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{DoneCount, Format, OldLimit, Publication, Report, StaleEntry, samples};
    use super::*;
    use crate::rules::RuleId;
    use serde_json::Value;

    fn schema_value() -> Value {
        serde_json::from_str(schema()).unwrap()
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
            assert_eq!(validation_errors(&schema_value(), &document(&report)), Vec::<String>::new());
        }
    }

    #[test]
    fn every_ndjson_line_is_valid() {
        let mut schema = schema_value();
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
    fn rejects_unknown_fields_in_every_object() {
        let document = document(&everything());
        let mut pointers = Vec::new();
        objects(&document, String::new(), &mut |pointer| pointers.push(pointer));
        assert!(pointers.len() > 50, "{pointers:?}");
        let schema = schema_value();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        for pointer in pointers {
            let mut invalid = document.clone();
            let object = invalid.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
            object.insert("surprise".into(), Value::Null);
            assert!(!validator.is_valid(&invalid), "{pointer} accepts unknown fields");
        }
    }

    #[test]
    fn rejects_missing_fields_unless_optional() {
        let document = document(&everything());
        let schema = schema_value();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let optional = ["path_raw", "reason", "undecided", "not_decoded", "fix", "delivery"];
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
}
