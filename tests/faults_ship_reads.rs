//! Reads that fail while `ship` polls or reconciles: they prove nothing, and the next run looks again. The real binary
//! against a real sandbox.
#![allow(clippy::unwrap_used)]

mod common;

use common::one_ad::{crash, one_ad, post, run, state, uploads_sent};
use common::ship_setup::{ShipSetup, once_each};
use common::{CliRun, entry};

const KINDS: [&str; 8] =
    ["http-500", "html", "refused", "reset", "slow", "throttled", "malformed", "without-list"];

/// Runs a case for each kind of failing read, all at the same time.
fn for_each_kind(case: impl Fn(&'static str) + Sync) {
    std::thread::scope(|scope| {
        let case = &case;
        let runs: Vec<_> = KINDS.iter().map(|kind| (kind, scope.spawn(move || case(kind)))).collect();
        let failed: Vec<_> =
            runs.into_iter().filter_map(|(kind, run)| run.join().is_err().then_some(kind)).collect();
        assert!(failed.is_empty(), "failed with {failed:?}");
    });
}

/// Returns the fault that recovers: after enough reads that the client's own repetitions do not hide it.
fn recovering(kind: &str) -> String {
    let count = if matches!(kind, "throttled" | "slow" | "without-list") { 1 } else { 4 };
    format!("reads-{kind}=1:{count}")
}

/// Returns how fast the sandbox's clock runs, so that a slow reply of two minutes comes in a second.
fn speed(kind: &str) -> &'static str {
    if kind == "slow" { "120" } else { "1" }
}

#[track_caller]
fn assert_waits(setup: &ShipSetup, run: CliRun, kind: &str) {
    let run = run.expect(2);
    let delivery = entry(&run.json(), "face.mov")["delivery"].clone();
    assert_eq!(delivery["state"], "unconfirmed", "{kind}: {delivery:#}");
    assert_eq!(delivery["attempts"], 1, "{kind}: {delivery:#}");
    if matches!(kind, "http-500" | "html") {
        // The error itself is told, and not that the deadline cut the last read.
        assert!(delivery["reason"].as_str().unwrap().contains("HTTP "), "{kind}: {delivery:#}");
    }
    assert!(!run.stdout.contains("given_up"), "{kind}: {}", run.stdout);
    assert!(setup.ads().values().all(|count| *count == 1), "{kind}");
}

#[test]
fn failing_reads_while_polling_leave_one_upload_and_the_next_run_publishes_it() {
    for_each_kind(|kind| {
        let mut setup = one_ad(&["--fault", &format!("reads-{kind}=1")], "8s", "1s");
        assert_waits(&setup, setup.run(), kind);
        assert_eq!(setup.videos(), once_each(&["face"]), "{kind}");
        setup.stop();
        setup.start(&[]);
        set_deadline_back(&setup);
        setup.run().expect(0);
        assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])), "{kind}");
    });
}

fn set_deadline_back(setup: &ShipSetup) {
    let config = std::fs::read_to_string(setup.dir.path("greenlit.toml")).unwrap();
    setup.dir.write("greenlit.toml", config.replace("\"8s\"", "\"60s\""));
}

#[test]
fn reads_that_recover_while_polling_publish_the_one_upload() {
    for_each_kind(|kind| {
        let options = ["--fault", &recovering(kind), "--time-scale", speed(kind)];
        let setup = one_ad(&options, "60s", "1s");
        setup.run().expect(0);
        assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])), "{kind}");
    });
}

#[test]
fn failing_reads_while_reconciling_an_upload_prove_no_absence() {
    for_each_kind(|kind| {
        // The first upload is answered with a server error: its outcome is unknown.
        let fault = format!("reads-{kind}=1");
        let mut setup = one_ad(&["--fault", "answer-50000=1", "--fault", &fault], "8s", "1s");
        assert_waits(&setup, setup.run(), kind);
        assert_eq!((uploads_sent(&setup), setup.videos().len()), (1, 0), "{kind}: it was sent again");
        setup.stop();
        setup.start(&[]);
        set_deadline_back(&setup);
        setup.run().expect(0);
        assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])), "{kind}");
    });
}

#[test]
fn reads_that_recover_while_reconciling_an_upload_lead_to_one_video() {
    for_each_kind(|kind| {
        let options =
            ["--fault", "answer-50000=1", "--fault", &recovering(kind), "--time-scale", speed(kind)];
        let setup = one_ad(&options, "60s", "1s");
        setup.run().expect(0);
        assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])), "{kind}");
    });
}

#[test]
fn failing_reads_while_reconciling_an_ad_leave_one_ad() {
    for_each_kind(|kind| {
        let mut setup = one_ad(&["--visibility-lag", "0s"], "8s", "1s");
        crash(setup.ship(&[]), "ad.after_send_before_receipt:1");
        assert_eq!(setup.ads(), once_each(&["one"]), "{kind}");
        setup.stop();
        setup.start(&["--fault", &format!("reads-{kind}=1@ad/get/")]);
        assert_waits_for_ad(&setup, kind);
        setup.stop();
        setup.start(&[]);
        set_deadline_back(&setup);
        setup.run().expect(0);
        assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])), "{kind}");
    });
}

#[test]
fn reads_that_recover_while_reconciling_an_ad_lead_to_one_ad() {
    for_each_kind(|kind| {
        let mut setup = one_ad(&["--visibility-lag", "0s"], "60s", "1s");
        crash(setup.ship(&[]), "ad.after_send_before_receipt:1");
        setup.stop();
        let fault = format!("{}@ad/get/", recovering(kind));
        setup.start(&["--fault", &fault, "--time-scale", speed(kind)]);
        setup.run().expect(0);
        assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])), "{kind}");
    });
}

#[track_caller]
fn assert_waits_for_ad(setup: &ShipSetup, kind: &str) {
    let run = setup.run().expect(2);
    let ad = entry(&run.json(), "face.mov")["delivery"]["ads"][0].clone();
    assert_eq!(ad["state"], "unconfirmed", "{kind}: {ad:#}");
    assert_eq!(run.json()["summary"]["ads"]["unconfirmed"], 1, "{kind}");
    assert_eq!(setup.ads(), once_each(&["one"]), "{kind}");
}

/// Reads of the state of a post that never succeed: while polling, or while reconciling an upload whose reply the
/// run did not see.
fn failing_reads_leave_one_post(reconciling: bool) {
    for_each_kind(|kind| {
        let fault = format!("reads-{kind}=1");
        let mut setup = one_ad(&["--fault", &fault], "8s", "1s");
        let posts = |setup: &ShipSetup| setup.effects("post_created").len();
        if reconciling {
            crash(post(&setup, &[]), "post.after_send_before_receipt:1");
        }
        let first = run(post(&setup, &[])).expect(2);
        assert_eq!((state(&first).as_str(), posts(&setup)), ("unconfirmed", 1), "{kind}");
        assert!(!first.stdout.contains("The ad"), "{}", first.stdout);
        setup.stop();
        setup.start(&[]);
        set_deadline_back(&setup);
        run(post(&setup, &[])).expect(0);
        assert_eq!(posts(&setup), 1, "{kind}");
    });
}

#[test]
fn failing_reads_while_polling_a_post_leave_one_post() {
    failing_reads_leave_one_post(false);
}

#[test]
fn failing_reads_while_reconciling_a_post_leave_one_post() {
    failing_reads_leave_one_post(true);
}

#[test]
fn reads_that_recover_while_polling_publish_the_one_post() {
    recovering_reads_publish_one_post(false);
}

#[test]
fn reads_that_recover_while_reconciling_publish_the_one_post() {
    recovering_reads_publish_one_post(true);
}

fn recovering_reads_publish_one_post(reconciling: bool) {
    for_each_kind(|kind| {
        let options = ["--fault", &recovering(kind), "--time-scale", speed(kind)];
        let mut setup = one_ad(&options, if kind == "throttled" { "8s" } else { "12s" }, "1s");
        if reconciling {
            crash(post(&setup, &[]), "post.after_send_before_receipt:1");
        }
        if kind == "throttled" {
            // The client pauses for longer than the deadline; the next run looks again.
            run(post(&setup, &[])).expect(2);
            setup.stop();
            setup.start(&[]);
            set_deadline_back(&setup);
        }
        run(post(&setup, &[])).expect(0);
        assert_eq!(setup.effects("post_created").len(), 1, "{kind}");
    });
}

/// Replies that are not from the API.
const PAGES: [&str; 2] = ["http-404", "redirect"];

/// Runs a case for each page from elsewhere and each endpoint, all at the same time.
fn for_each_page(endpoints: &[&'static str], case: impl Fn(&'static str, &'static str) + Sync) {
    std::thread::scope(|scope| {
        let case = &case;
        let all = PAGES.iter().flat_map(|page| endpoints.iter().map(move |endpoint| (*page, *endpoint)));
        let runs: Vec<_> = all.map(|(page, at)| (page, at, scope.spawn(move || case(page, at)))).collect();
        let failed: Vec<_> = runs
            .into_iter()
            .filter_map(|(page, at, run)| run.join().is_err().then_some((page, at)))
            .collect();
        assert!(failed.is_empty(), "failed with {failed:?}");
    });
}

#[test]
fn a_page_from_elsewhere_on_some_reads_does_not_stop_the_run() {
    for_each_page(&["file/video/ad/info/", "ad/get/", "status/fetch/"], |page, endpoint| {
        let setup = one_ad(&["--fault", &format!("reads-{page}=1:2@{endpoint}")], "60s", "1s");
        if endpoint == "status/fetch/" {
            run(post(&setup, &[])).expect(0);
            assert_eq!(setup.effects("post_created").len(), 1, "{page}");
        } else {
            setup.run().expect(0);
            assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])));
        }
    });
}

#[test]
fn a_page_from_elsewhere_on_every_read_of_a_state_leaves_that_state_unknown() {
    for_each_page(&["file/video/ad/info/", "status/fetch/"], |page, endpoint| {
        let setup = one_ad(&["--fault", &format!("reads-{page}=1@{endpoint}")], "5s", "1s");
        let run = if endpoint == "status/fetch/" { run(post(&setup, &[])) } else { setup.run() };
        let run = run.expect(2);
        let delivery = entry(&run.json(), "face.mov")["delivery"].clone();
        assert_eq!(delivery["state"], "unconfirmed", "{page} {endpoint}: {delivery:#}");
        let reason = delivery["reason"].as_str().unwrap();
        assert!(reason.contains("could not be read for 5s") && reason.contains("HTTP "), "{reason}");
    });
}

#[test]
fn a_page_from_elsewhere_on_all_reads_is_a_wrong_address() {
    for_each_page(&["file/video/ad/info/"], |page, _| {
        let mut setup = one_ad(&["--fault", &format!("reads-{page}=1")], "60s", "1s");
        let run = setup.run().expect(2);
        assert!(run.stderr.contains("check the API's URL"), "{page}: {}", run.stderr);
        setup.stop();
        setup.start(&[]);
        setup.run().expect(0);
        assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])), "{page}");
    });
}
