//! The visibility window is measured by the platform's clock: the clock of this machine may be set between two runs.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::one_ad::{crash, one_ad, run, ship};
use common::ship_setup::{ShipSetup, once_each};
use serde_json::Value;

/// How long new ads are missing from lists, and how long absence from lists proves nothing.
const LAG: &str = "10s..10s";
const WINDOW: Duration = Duration::from_secs(13);

/// Ships one ad, is killed at `point`, and runs again after the clock of this machine was set forward by `seconds`.
fn ship_with_the_clock_set(options: &[&str], point: &str, seconds: i64) -> ShipSetup {
    let options = [&["--visibility-lag", LAG], options].concat();
    let setup = one_ad(&options, "45s", "13s");
    crash(ship(&setup, &[]), point);
    // The times of the first run then lie so much farther back.
    let db = rusqlite::Connection::open(setup.dir.path(".greenlit/journal.db")).unwrap();
    let change =
        "UPDATE effects SET intent_ms = intent_ms - ?1, sent_ms = sent_ms - ?1, settled_ms = settled_ms - ?1";
    assert!(db.execute(change, [seconds * 1000]).unwrap() > 0);
    drop(db);
    run(ship(&setup, &[])).expect(0);
    assert_eq!(setup.ads(), once_each(&["one"]), "{options:?}, {point}, {seconds} s");
    setup
}

/// Returns the times, by the clock of the sandbox, of the log lines that `is_wanted` selects.
fn times(setup: &ShipSetup, is_wanted: impl Fn(&Value) -> bool) -> Vec<jiff::Timestamp> {
    let log = setup.log();
    let lines = log.iter().filter(|line| is_wanted(line));
    lines.map(|line| line["time"].as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn an_ad_whose_reply_was_lost_is_created_once_whatever_this_machine_s_clock_says() {
    std::thread::scope(|scope| {
        for (options, hours) in [(&[][..], 2), (&[], -2), (&["--no-date"], 2)] {
            scope.spawn(move || {
                ship_with_the_clock_set(options, "ad.after_send_before_receipt:1", hours * 3600);
            });
        }
    });
}

#[test]
fn without_the_platform_s_time_the_window_is_waited_anew() {
    let setup = ship_with_the_clock_set(&["--no-date"], "ad.after_sent_mark:1", 7200);
    // The first run was killed before its ad, so the lists that follow its last change are those of the second.
    let created = times(&setup, |line| line["effect"] == "ad_created")[0];
    let changed = times(&setup, |line| line["method"] == "POST" && line["ad_id"].is_null());
    let last_change = changed.into_iter().filter(|at| *at < created).max().unwrap();
    let is_list = |line: &Value| line["path"].as_str().is_some_and(|path| path.ends_with("/ad/get/"));
    let asked = times(&setup, is_list).into_iter().find(|at| *at > last_change).unwrap();
    let waited = Duration::try_from(created.duration_since(asked)).unwrap();
    assert!(waited >= WINDOW, "waited {waited:?}");
}
