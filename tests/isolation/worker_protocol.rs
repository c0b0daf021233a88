//! Programs that are no worker of this version.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use greenlit::job::{JobError, Runner};
use greenlit::worker::WorkerPool;

use crate::WORKER;
use crate::common::TestDir;

/// Starts a fake worker that sends one message, and returns the error of the pool.
fn error_from_fake_worker(dir: &TestDir, message: &str) -> JobError {
    let length = format!("\\000\\000\\{:03o}\\{:03o}", message.len() / 256, message.len() % 256);
    let path = dir.write("fake-worker", format!("#!/bin/sh\nprintf '{length}%s' '{message}' >&0\nread x\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    WorkerPool::with_program(1, path).describe().unwrap_err()
}

#[test]
fn a_worker_of_another_version_is_refused() {
    let dir = TestDir::new();
    let info = r#"{"library":"","encoders":[],"separate_process":true,"in_force":[],"refused":[]}"#;
    let error = error_from_fake_worker(&dir, &format!(r#"{{"Hello":["0.0.0/0",{info}]}}"#));
    assert!(matches!(&error, JobError::Unavailable(text) if text.contains("0.0.0/0")), "{error:?}");
    let error = error_from_fake_worker(&dir, r#"{"Progress":{"done_s":0,"total_s":null,"frames":0}}"#);
    assert!(matches!(error, JobError::Unavailable(_)), "{error:?}");
    for program in ["/bin/true", "/nowhere/at/all"] {
        let error = WorkerPool::with_program(1, program.into()).describe().unwrap_err();
        assert!(matches!(error, JobError::Unavailable(_)), "{error:?}");
    }
}

#[test]
fn a_worker_started_directly_explains_its_use() {
    let output = Command::new(WORKER).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
}
