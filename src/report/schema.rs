//! The JSON schema of the report, as it is shipped.

/// The JSON schema (draft 2020-12) of [`super::Format::Json`]. Each line of
/// [`super::Format::Ndjson`] follows its `#/$defs/file`.
pub fn schema() -> &'static str {
    include_str!("schema.json")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Format, OldLimit, Report, samples};
    use super::*;
    use serde_json::Value;

    fn schema_value() -> Value {
        serde_json::from_str(schema()).unwrap()
    }

    /// Every shape there is, with a note on an old limit.
    fn everything() -> Report {
        samples::everything().noting(vec![OldLimit {
            profile: "tiktok-ads".into(),
            rule: "duration".into(),
            checked_on: "2025-03-01".into(),
            age_days: 400,
        }])
    }

    fn document(report: &Report) -> Value {
        serde_json::from_str(&samples::rendered(report, Format::Json)).unwrap()
    }

    fn complaints(schema: &Value, document: &Value) -> Vec<String> {
        let validator = jsonschema::draft202012::new(schema).unwrap();
        let complaints = validator.iter_errors(document);
        complaints.map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    #[test]
    fn the_schema_is_itself_valid() {
        assert!(jsonschema::meta::is_valid(&schema_value()));
    }

    #[test]
    fn reports_of_every_shape_follow_the_schema() {
        let mut interrupted = samples::everything();
        interrupted.interrupted = true;
        interrupted.tool.ffmpeg = None;
        interrupted.tool.isolation = None;
        for report in [everything(), interrupted, samples::report(Vec::new())] {
            assert_eq!(complaints(&schema_value(), &document(&report)), Vec::<String>::new());
        }
    }

    #[test]
    fn every_line_of_ndjson_follows_the_definition_of_a_file() {
        let mut schema = schema_value();
        let root = schema.as_object_mut().unwrap();
        root.retain(|key, _| key == "$schema" || key == "$defs");
        root.insert("$ref".into(), "#/$defs/file".into());
        for line in samples::rendered(&samples::everything(), Format::Ndjson).lines() {
            let line = serde_json::from_str(line).unwrap();
            assert_eq!(complaints(&schema, &line), Vec::<String>::new());
        }
    }

    /// Calls `visit` with the place of every object inside `value`.
    fn objects(value: &Value, at: String, visit: &mut dyn FnMut(String)) {
        match value {
            Value::Object(map) => {
                visit(at.clone());
                map.iter().for_each(|(key, value)| objects(value, format!("{at}/{key}"), visit));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, item)| objects(item, format!("{at}/{n}"), visit));
            }
            _ => {}
        }
    }

    #[test]
    fn an_unknown_field_is_refused_in_every_object() {
        let document = document(&everything());
        let mut places = Vec::new();
        objects(&document, String::new(), &mut |at| places.push(at));
        assert!(places.len() > 50, "{places:?}");
        let schema = schema_value();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        for place in places {
            let mut spoilt = document.clone();
            let object = spoilt.pointer_mut(&place).unwrap().as_object_mut().unwrap();
            object.insert("surprise".into(), Value::Null);
            assert!(!validator.is_valid(&spoilt), "{place} takes any field");
        }
    }

    #[test]
    fn a_missing_field_is_refused_unless_it_may_be_left_out() {
        let document = document(&everything());
        let schema = schema_value();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let may_be_left_out = ["path_raw", "reason", "undecided", "fix", "delivery"];
        let mut places = Vec::new();
        objects(&document, String::new(), &mut |at| places.push(at));
        for place in places {
            let keys: Vec<String> =
                document.pointer(&place).unwrap().as_object().unwrap().keys().cloned().collect();
            let is_entry = place.matches('/').count() == 2 && place.starts_with("/files/");
            for key in keys {
                let mut spoilt = document.clone();
                spoilt.pointer_mut(&place).unwrap().as_object_mut().unwrap().shift_remove(&key);
                let allowed = is_entry && may_be_left_out.contains(&key.as_str());
                assert_eq!(validator.is_valid(&spoilt), allowed, "{place}/{key}");
            }
        }
    }
}
