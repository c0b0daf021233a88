//! Tests of the record.
#![allow(clippy::unwrap_used)]

use super::super::fix_record_lines::real_path;
use super::*;

/// Records an output; returns its folder, the output, the record and the key.
fn recorded() -> (tempfile::TempDir, PathBuf, PathBuf, FixRecordKey) {
    let dir = tempfile::tempdir().unwrap();
    let (output, path) = (dir.path().join("out.mp4"), dir.path().join("fix.jsonl"));
    std::fs::write(&output, b"output").unwrap();
    let meta = std::fs::metadata(&output).unwrap();
    let key = FixRecordKey::new(&meta, "plan", &output);
    FixRecord::open(&path).unwrap().record(key.clone(), &meta, None).unwrap();
    (dir, output, path, key)
}

#[test]
fn an_output_of_another_version_may_be_replaced() {
    let (_dir, output, path, key) = recorded();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"report\":null", "\"report\":{\"of\":\"another kind\"}")).unwrap();
    let fix_record = FixRecord::open(&path).unwrap();
    let meta = std::fs::metadata(&output).unwrap();
    assert!(fix_record.is_ours(&output, &meta), "it may be replaced");
    assert!(fix_record.find(&key).is_none(), "but its report is not readable");
}

#[test]
fn records_paths_that_are_not_utf8_and_reads_old_lines() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.mp4"));
    std::fs::write(&output, b"output").unwrap();
    let meta = std::fs::metadata(&output).unwrap();
    let path = dir.path().join("fix.jsonl");
    let key = FixRecordKey::new(&meta, "plan", &output);
    let key = key.from_source(&output);
    FixRecord::open(&path).unwrap().record(key.clone(), &meta, None).unwrap();
    let fix_record = FixRecord::open(&path).unwrap();
    assert_eq!(fix_record.find(&key), Some(None));
    assert!(fix_record.is_ours(&output, &meta));
    assert_eq!(fix_record.source_of(&output), real_path(&output));

    let text = dir.path().join("out.mp4");
    std::fs::rename(dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.mp4")), &text).unwrap();
    let meta = std::fs::metadata(&text).unwrap();
    let id = serde_json::to_string(&FileIdentity::from(&meta)).unwrap();
    let old = format!(
        "{{\"key\":{{\"source\":{id},\"plan\":\"p\",\"output\":{:?}}},\"made\":{id},\"report\":null}}\n",
        text.to_str().unwrap()
    );
    std::fs::write(&path, old).unwrap();
    let fix_record = FixRecord::open(&path).unwrap();
    assert!(fix_record.is_ours(&text, &meta));
    assert_eq!(fix_record.source_of(&text), None);
}

#[test]
fn a_moved_source_owns_the_output_that_an_older_line_records() {
    let dir = tempfile::tempdir().unwrap();
    let (source, output) = (dir.path().join("in.mov"), dir.path().join("out.mp4"));
    std::fs::write(&source, b"source").unwrap();
    std::fs::write(&output, b"output").unwrap();
    let path = dir.path().join("fix.jsonl");
    let id = |path: &Path| FileIdentity::from(&std::fs::metadata(path).unwrap());
    let key = FixRecordKey::new(&std::fs::metadata(&source).unwrap(), "plan", &output).from_source(&source);
    // The path of the source is beside the key, and no line has hashes.
    let line = serde_json::json!({
        "key": {"source": id(&source), "plan": key.plan, "output": output},
        "made": id(&output), "report": null, "source_path": "/gone/in.mov",
    });
    std::fs::write(&path, format!("{line}\n")).unwrap();
    let fix_record = FixRecord::open(&path).unwrap();
    assert_eq!(fix_record.source_of(&output), Some("/gone/in.mov".into()));
    assert_eq!(fix_record.find(&key), Some(None));
    assert_eq!(fix_record.source_of(&output), real_path(&source));
    assert_eq!(FixRecord::open(&path).unwrap().source_of(&output), real_path(&source));
}

#[test]
fn a_record_of_a_later_version_is_refused_by_name() {
    let (_dir, _output, path, key) = recorded();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\"greenlit_fix_record\":1}\n"), "{text}");
    assert_eq!(FixRecord::open(&path).unwrap().find(&key), Some(None));
    std::fs::write(&path, text.replace("record\":1", "record\":2")).unwrap();
    let error = FixRecord::open(&path).unwrap_err().to_string();
    assert!(error.contains("fix.jsonl: written by a later version of greenlit (format 2"), "{error}");
}

#[test]
fn finds_an_output_until_source_plan_or_output_changes() {
    let dir = tempfile::tempdir().unwrap();
    let (source, output) = (dir.path().join("in.mov"), dir.path().join("out.mp4"));
    let path = dir.path().join(".greenlit/fix.jsonl");
    std::fs::write(&source, b"source").unwrap();
    std::fs::write(&output, b"output").unwrap();
    let meta = std::fs::metadata(&source).unwrap();
    let key = FixRecordKey::new(&meta, "plan", &output);
    let made = std::fs::metadata(&output).unwrap();
    FixRecord::open(&path).unwrap().record(key.clone(), &made, None).unwrap();

    let fix_record = FixRecord::open(&path).unwrap();
    assert_eq!(fix_record.find(&key), Some(None));
    assert_eq!(fix_record.find(&FixRecordKey::new(&meta, "another plan", &output)), None);
    assert!(fix_record.is_ours(&output, &std::fs::metadata(&output).unwrap()));
    std::fs::write(&output, b"another program's file").unwrap();
    assert_eq!(fix_record.find(&key), None);
    assert!(!fix_record.is_ours(&output, &std::fs::metadata(&output).unwrap()));
}

#[test]
fn ignores_a_line_truncated_by_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("out.mp4");
    let path = dir.path().join("fix.jsonl");
    std::fs::write(&output, b"output").unwrap();
    std::fs::write(&path, b"{\"key\":{\"sou").unwrap();
    let key = FixRecordKey::new(&std::fs::metadata(&output).unwrap(), "plan", &output);
    let made = std::fs::metadata(&output).unwrap();
    FixRecord::open(&path).unwrap().record(key.clone(), &made, None).unwrap();
    assert_eq!(FixRecord::open(&path).unwrap().find(&key), Some(None));
}

#[test]
fn a_line_without_a_renamed_output_does_not_hide_an_earlier_output() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new, output) = (dir.path().join("old"), dir.path().join("new"), dir.path().join("out.mp4"));
    std::fs::write(&old, b"old").unwrap();
    std::fs::write(&new, b"newer").unwrap();
    let source = std::fs::metadata(&old).unwrap();
    let fix_record = FixRecord::open(&dir.path().join("fix.jsonl")).unwrap();
    let (first, second) =
        (FixRecordKey::new(&source, "a", &output), FixRecordKey::new(&source, "b", &output));
    fix_record.record(first.clone(), &std::fs::metadata(&old).unwrap(), None).unwrap();
    std::fs::rename(&old, &output).unwrap();
    fix_record.record(second.clone(), &std::fs::metadata(&new).unwrap(), None).unwrap();
    assert_eq!(fix_record.find(&second), None);
    assert_eq!(fix_record.find(&first), Some(None));
    assert!(fix_record.is_ours(&output, &std::fs::metadata(&output).unwrap()), "may not be replaced");
    std::fs::rename(&new, &output).unwrap();
    assert_eq!(fix_record.find(&second), Some(None));
}
