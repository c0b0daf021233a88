//! Shipping runs killed at any moment: nothing is sent twice and nothing is lost.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::delivery_audit::{
    JournalAd, JournalAsset, JournalEffect, JournalSnapshot, ads_created_too_early, audit, audit_log,
};
use common::ship_setup::{KillOnDrop, ShipSetup, files, make_webm, partial_outputs, signal};
use common::slow_proxy::slow_proxy;
use common::{CliRun, TestDir, fixture};
use serde_json::{Value, json};

/// The environment variable with the number of runs to kill; without it, the test uses its own number.
const KILLS: &str = "GREENLIT_KILLS";

/// What a kill can interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Phase {
    Encode,
    Body,
    Receipt,
    Polling,
    Publishing,
}

const PHASES: [Phase; 5] = [Phase::Encode, Phase::Body, Phase::Receipt, Phase::Polling, Phase::Publishing];

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::Encode => "encode",
            Phase::Body => "request body",
            Phase::Receipt => "between effect and receipt",
            Phase::Polling => "polling",
            Phase::Publishing => "publishing",
        }
    }

    /// Returns the longest delay of the kill after the phase began, in milliseconds: short enough to be within it.
    fn max_delay_ms(self) -> u64 {
        match self {
            Phase::Encode | Phase::Body => 300,
            Phase::Receipt => 20,
            Phase::Polling | Phase::Publishing => 150,
        }
    }
}

const FAULTS: [&str; 7] = [
    "drop-after-effect=0.05",
    "drop-before-request=0.03",
    "http-500=0.03",
    "throttle=0.003",
    "slow-reply=0.03",
    "html-body=0.03",
    // Several in a row give a video up, which must stay rare among thousands of uploads.
    "processing-failed=0.03",
];

/// Returns stem and extension of twenty videos: ten are compliant, five need a remux, five an encode.
fn stems() -> Vec<(String, &'static str)> {
    let name = |index: usize| match index {
        0..10 => (format!("whole{index:02}"), "mp4"),
        10..15 => (format!("index{index:02}"), "mp4"),
        _ => (format!("encode{index:02}"), "webm"),
    };
    (0..20).map(name).collect()
}

/// Returns the folder of twenty videos with different bytes, created once.
fn videos() -> &'static Path {
    static VIDEOS: OnceLock<TestDir> = OnceLock::new();
    let create = || {
        let dir = TestDir::new();
        make_webm(&dir, "long.webm", 5);
        let bunny = fixture("firefox-media-bunny_hd_5s.mp4");
        std::fs::create_dir_all(dir.path("clips")).unwrap();
        // Each has another duration: two videos with the same bytes would be one asset.
        for (index, (stem, extension)) in stems().iter().enumerate() {
            let source = if *extension == "mp4" { bunny.clone() } else { dir.path("long.webm") };
            let seconds = format!("{}", 2.0 + 0.12 * index as f64);
            let name = format!("clips/{stem}.{extension}");
            let mut args = vec!["-i", source.to_str().unwrap(), "-t", &seconds, "-c", "copy"];
            if stem.starts_with("whole") {
                args.extend(["-movflags", "+faststart"]);
            }
            args.push(&name);
            dir.ffmpeg(&args);
        }
        dir
    };
    VIDEOS.get_or_init(create).root()
}

/// A shipment of the videos, some with two ads, whose runs are killed repeatedly.
struct Campaign {
    setup: ShipSetup,
    expected: BTreeMap<String, Vec<String>>,
    rng: fastrand::Rng,
}

impl Campaign {
    fn new(seed: u64, every: usize) -> Campaign {
        let seed_text = seed.to_string();
        let mut options = vec!["--seed", &seed_text, "--time-scale", "4"];
        options.extend(["--processing", "3s..6s", "--visibility-lag", "1s..8s"]);
        options.extend(FAULTS.iter().flat_map(|fault| ["--fault", fault]));
        let setup = ShipSetup::new(&options);
        setup.configure(slow_proxy(setup.port, 1_000_000, Duration::from_millis(120)));
        let config = std::fs::read_to_string(setup.dir.path("greenlit.toml")).unwrap();
        // One attempt may take a fifth of this.
        setup.dir.write("greenlit.toml", config.replace("45s", if every == 1 { "50s" } else { "35s" }));
        let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut rows = Vec::new();
        for (index, (stem, extension)) in stems().into_iter().enumerate().step_by(every) {
            let clip = format!("clips/{stem}.{extension}");
            std::fs::create_dir_all(setup.dir.path("clips")).unwrap();
            std::fs::copy(videos().join(&clip), setup.dir.path(&clip)).unwrap();
            let ads = if index % 6 == 0 { 2 } else { 1 };
            let names: Vec<String> = (0..ads).map(|turn| format!("{stem} {turn}")).collect();
            rows.extend(names.iter().map(|name| (clip.clone(), name.clone())));
            expected.insert(stem, names);
        }
        let rows: Vec<(&str, &str)> = rows.iter().map(|(clip, name)| (&**clip, &**name)).collect();
        setup.manifest(&rows);
        Campaign { setup, expected, rng: fastrand::Rng::with_seed(seed) }
    }

    /// Runs once and kills the run in the phase `target`, or at a random time without one.
    fn run_and_kill(&mut self, target: Option<Phase>) -> RunEnd {
        let observer = RunObserver::new(&self.setup);
        let mut command = self.setup.ship(&["--attempts", "5", "--retry-slow", "--poll-deadline", "15s"]);
        let mut child = KillOnDrop(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let began = Instant::now();
        let limit = match target {
            Some(_) => Duration::from_secs(12),
            None => Duration::from_millis(self.rng.u64(100..400 * self.expected.len() as u64)),
        };
        let mut due = None;
        loop {
            if let Some(status) = child.0.try_wait().unwrap() {
                return RunEnd::Exited(status.code());
            }
            let now = Instant::now();
            if now.duration_since(began) >= limit || due.is_some_and(|due| now >= due) {
                break;
            }
            if let Some(target) = target
                && due.is_none()
                && observer.has_begun(target)
            {
                due = Some(now + Duration::from_millis(self.rng.u64(0..target.max_delay_ms())));
            }
            std::thread::sleep(Duration::from_millis(4));
        }
        // Stopped first, so that the observed phases are those that the kill interrupts.
        signal(&child.0, "-STOP");
        let mut phases = observer.phases_while_stopped();
        signal(&child.0, "-KILL");
        let _ = child.0.wait();
        phases.extend(observer.phases_after_kill());
        RunEnd::Killed(phases)
    }

    /// Resumes until the shipment is complete. A run that takes more than two minutes is killed.
    fn finish(&self) {
        let mut last = None;
        for _ in 0..12 {
            let mut command = self.setup.ship(&["--attempts", "5", "--retry-slow", "--poll-deadline", "15s"]);
            let (out, err) = (self.setup.dir.path("out.json"), self.setup.dir.path("err.txt"));
            command.stdout(std::fs::File::create(out).unwrap()).stderr(std::fs::File::create(err).unwrap());
            let mut child = KillOnDrop(command.spawn().unwrap());
            let began = Instant::now();
            last = None;
            while last.is_none() && began.elapsed() < Duration::from_secs(120) {
                last = child.0.try_wait().unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
            if last.is_some_and(|status| status.success()) {
                return;
            }
        }
        let read = |name: &str| std::fs::read_to_string(self.setup.dir.path(name)).unwrap_or_default();
        panic!("never completed, {last:?}: {}{}{}", read("out.json"), read("err.txt"), self.setup.status());
    }

    /// Checks that everything exists once, no temporary files remain, and one more run sends nothing.
    fn check_result(&self, seed: u64) {
        let violations = audit(&self.setup, &self.expected);
        assert!(violations.is_empty(), "seed {seed}:\n{}\n{}", violations.join("\n"), self.setup.status());
        assert_eq!(partial_outputs(self.setup.dir.root()), Vec::<PathBuf>::new(), "seed {seed}");
        let effects =
            |setup: &ShipSetup| setup.log().iter().filter(|line| line["effect"].is_string()).count();
        let before = effects(&self.setup);
        // These runs also meet faults.
        let done = (0..3).any(|_| {
            CliRun::of(
                self.setup
                    .ship(&["--attempts", "5", "--retry-slow", "--poll-deadline", "15s"])
                    .output()
                    .unwrap(),
            )
            .code
                == Some(0)
        });
        assert!(done, "seed {seed}: a run after completion does not succeed");
        assert_eq!(effects(&self.setup), before, "seed {seed}: a run after completion sent something");
    }
}

/// How a run ended.
enum RunEnd {
    Killed(BTreeSet<Phase>),
    Exited(Option<i32>),
}

/// Determines the phases of a run from its files and the sandbox's log.
struct RunObserver<'a> {
    setup: &'a ShipSetup,
    began_ms: i64,
    log: u64,
    old_parts: BTreeSet<PathBuf>,
}

impl RunObserver<'_> {
    fn new(setup: &ShipSetup) -> RunObserver<'_> {
        let log = std::fs::metadata(setup.dir.path("log.ndjson")).map_or(0, |meta| meta.len());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let old_parts = partial_outputs(&setup.dir.path(".greenlit")).into_iter().collect();
        RunObserver { setup, began_ms: i64::try_from(since.as_millis()).unwrap(), log, old_parts }
    }

    fn is_encoding(&self) -> bool {
        let now = partial_outputs(&self.setup.dir.path(".greenlit"));
        now.iter().any(|part| !self.old_parts.contains(part))
    }

    /// Returns the lines of the sandbox's log since this run began.
    fn new_log_lines(&self) -> Vec<Value> {
        let text = std::fs::read(self.setup.dir.path("log.ndjson")).unwrap_or_default();
        let new = text.get(usize::try_from(self.log).unwrap()..).unwrap_or_default();
        new.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    fn has_begun(&self, phase: Phase) -> bool {
        match phase {
            Phase::Encode => self.is_encoding(),
            Phase::Body => is_receiving(self.setup),
            Phase::Receipt => self.new_log_lines().iter().any(|line| created(line).is_some()),
            Phase::Polling => {
                self.new_log_lines().iter().any(|line| requests(line, &["file/video/ad/info/"]))
            }
            Phase::Publishing => self.new_log_lines().iter().any(|line| requests(line, PUBLISH_PATHS)),
        }
    }

    /// Returns the phases of a run that is stopped.
    fn phases_while_stopped(&self) -> BTreeSet<Phase> {
        let lines = self.new_log_lines();
        let mut phases = BTreeSet::new();
        if self.is_encoding() {
            phases.insert(Phase::Encode);
        }
        if is_receiving(self.setup) {
            phases.insert(Phase::Body);
        }
        let journal = JournalSnapshot::read(self.setup);
        let unreceipted = journal.effects.iter().any(|sent| {
            let now = sent.sent_ms.is_some_and(|at| at >= self.began_ms);
            now && sent.state == "sent" && lines.iter().any(|line| created(line) == Some(&sent.name))
        });
        if unreceipted {
            phases.insert(Phase::Receipt);
        }
        phases
    }

    /// Returns the phases that a killed run had reached, from the journal.
    fn phases_after_kill(&self) -> BTreeSet<Phase> {
        let (lines, journal) = (self.new_log_lines(), JournalSnapshot::read(self.setup));
        let requested = |paths| lines.iter().any(|line| requests(line, paths));
        let mut phases = BTreeSet::new();
        if requested(&["file/video/ad/info/"]) && journal.items.iter().any(|item| item.state == "processing")
        {
            phases.insert(Phase::Polling);
        }
        let is_publishing =
            journal.ads.iter().any(|ad| ad.state == "publishing" && ad.updated_ms >= self.began_ms)
                || journal.items.iter().any(|item| matches!(&*item.state, "ready" | "publishing"));
        if requested(PUBLISH_PATHS) && is_publishing {
            phases.insert(Phase::Publishing);
        }
        phases
    }
}

const PUBLISH_PATHS: &[&str] = &["file/image/ad/upload/", "ad/get/", "ad/create/"];

fn requests(line: &Value, paths: &[&str]) -> bool {
    line["path"].as_str().is_some_and(|path| paths.iter().any(|suffix| path.ends_with(suffix)))
}

/// Returns the name of the video or ad that was created, if the line reports one.
fn created(line: &Value) -> Option<&String> {
    let name = match line["effect"].as_str()? {
        "video_created" => &line["file_name"],
        "ad_created" => &line["ad_name"],
        _ => return None,
    };
    if let Value::String(name) = name { Some(name) } else { None }
}

fn is_receiving(setup: &ShipSetup) -> bool {
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
    files(&setup.dir.path("platform/tmp")).iter().any(|path| size(path) > 0)
}

/// Counts kills by the phases they interrupted; a kill in several phases counts for each.
#[derive(Default)]
struct KillStatistics {
    kills: usize,
    in_no_phase: usize,
    by_phase: BTreeMap<Phase, usize>,
    exited: usize,
    shipments: u64,
}

impl KillStatistics {
    fn count(&self, phase: Phase) -> usize {
        self.by_phase.get(&phase).copied().unwrap_or_default()
    }

    fn is_complete(&self, kills: usize, each: usize) -> bool {
        self.kills >= kills && PHASES.iter().all(|phase| self.count(*phase) >= each)
    }

    fn record(&mut self, end: &RunEnd) {
        match end {
            RunEnd::Exited(_) => self.exited += 1,
            RunEnd::Killed(phases) => {
                self.kills += 1;
                self.in_no_phase += usize::from(phases.is_empty());
                for phase in phases {
                    *self.by_phase.entry(*phase).or_default() += 1;
                }
            }
        }
    }

    /// Returns the phase with the fewest kills so far, for every other kill; the others have no target.
    fn next_target(&self) -> Option<Phase> {
        let least = PHASES.iter().copied().min_by_key(|phase| self.count(*phase));
        least.filter(|_| self.kills % 2 == 1)
    }

    fn print(&self, seed: u64) {
        println!(
            "{} runs killed in {} shipments, {} runs ended normally (seed {seed})",
            self.kills, self.shipments, self.exited
        );
        println!("a kill counts for each phase that it interrupted:");
        let line =
            |name: &str, count: usize| println!("  {name:<28} {count:>4} {}", "#".repeat(count.min(80)));
        PHASES.iter().for_each(|phase| line(phase.name(), self.count(*phase)));
        line("none of these", self.in_no_phase);
    }
}

/// The most kills of one shipment; after them it is completed and another begins.
const MAX_KILLS_PER_SHIPMENT: usize = 25;

/// Kills runs until there were `kills`, with at least `each` in every phase. `parallel` shipments run at the same
/// time, each of every `every`-th video.
fn kill_runs(kills: usize, each: usize, parallel: usize, every: usize) {
    let seed = 20_260_111;
    let statistics = Mutex::new(KillStatistics::default());
    std::thread::scope(|scope| {
        for _ in 0..parallel {
            scope.spawn(|| {
                loop {
                    let turn = {
                        let mut all = statistics.lock().unwrap();
                        if all.is_complete(kills, each) || all.kills >= kills * 2 {
                            return;
                        }
                        all.shipments += 1;
                        all.shipments
                    };
                    kill_and_complete(
                        &mut Campaign::new(seed + turn, every),
                        seed + turn,
                        kills,
                        each,
                        &statistics,
                    );
                }
            });
        }
    });
    let statistics = statistics.into_inner().unwrap();
    statistics.print(seed);
    assert!(statistics.is_complete(kills, each), "not every phase was hit {each} times");
}

/// Kills runs of one shipment, completes it and checks the result.
fn kill_and_complete(
    campaign: &mut Campaign,
    seed: u64,
    kills: usize,
    each: usize,
    statistics: &Mutex<KillStatistics>,
) {
    for _ in 0..MAX_KILLS_PER_SHIPMENT {
        let target = statistics.lock().unwrap().next_target();
        let end = campaign.run_and_kill(target);
        let mut all = statistics.lock().unwrap();
        all.record(&end);
        let done = matches!(end, RunEnd::Exited(Some(0)));
        if done || all.is_complete(kills, each) || all.kills >= kills * 2 {
            break;
        }
    }
    campaign.finish();
    campaign.check_result(seed);
}

fn kills_or(default: usize) -> usize {
    std::env::var(KILLS).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn randomly_killed_runs_send_everything_once() {
    kill_runs(kills_or(6).min(8), 0, 1, 3);
}

#[test]
#[ignore = "slow: kills five hundred runs"]
fn five_hundred_kills_send_everything_once() {
    let kills = kills_or(500);
    kill_runs(kills, kills / 25, 2, 1);
}

/// Returns log, journal and expected ads of a correct shipment of one video with one ad.
fn correct_shipment() -> (Vec<Value>, JournalSnapshot, BTreeMap<String, Vec<String>>) {
    let log = vec![
        json!({"effect": "video_created", "file_name": "a-1.mp4", "video_id": "v1", "md5": "m", "fate": "ready"}),
        json!({"path": "/ad/create/", "code": 0}),
        json!({"effect": "ad_created", "ad_name": "one", "ad_id": "7", "video_id": "v1"}),
    ];
    let sent = |kind: &str, name: &str, receipt: &str, md5: Option<&str>| JournalEffect {
        kind: kind.to_owned(),
        name: name.to_owned(),
        state: "done".to_owned(),
        receipt: Some(receipt.to_owned()),
        md5: md5.map(str::to_owned),
        abandoned: false,
        sent_ms: Some(1),
    };
    let item = JournalAsset {
        stem: "a".to_owned(),
        recipe: 1,
        state: "published".to_owned(),
        video: Some("v1".to_owned()),
        history: Vec::new(),
        updated_ms: 1,
    };
    let (name, state, id) = ("one".to_owned(), "published".to_owned(), Some("7".to_owned()));
    let journal = JournalSnapshot {
        effects: vec![sent("upload", "a-1.mp4", "v1", Some("m")), sent("ad", "one", "7", None)],
        items: vec![item],
        ads: vec![JournalAd { name, state, id, updated_ms: 1 }],
    };
    (log, journal, BTreeMap::from([("a".to_owned(), vec!["one".to_owned()])]))
}

/// An audit that detects nothing would let every test pass.
#[test]
fn the_audit_detects_each_kind_of_violation() {
    type Corrupt = fn(&mut Vec<Value>, &mut JournalSnapshot);
    let (log, journal, expected) = correct_shipment();
    assert_eq!(audit_log(&log, &journal, &expected), Vec::<String>::new());
    let corruptions: [(&str, Corrupt); 12] = [
        ("was uploaded 2 times", |log, _| log.push(log[0].clone())),
        ("created 2 times", |log, _| log.push(log[2].clone())),
        ("created 0 times", |log, _| drop(log.remove(2))),
        ("but it was not uploaded", |log, _| drop(log.remove(0))),
        ("the journal has no upload", |_, journal| drop(journal.effects.remove(0))),
        ("the journal has it done as", |_, journal| journal.effects[0].receipt = Some("v2".to_owned())),
        ("is left sent", |_, journal| journal.effects[1].state = "sent".to_owned()),
        ("is processing at the end", |_, journal| journal.items[0].state = "processing".to_owned()),
        ("for recipe 2", |_, journal| journal.items[0].recipe = 2),
        ("the journal has JournalAd", |_, journal| journal.ads[0].id = Some("8".to_owned())),
        ("an ad of a failed video", |log, _| log[0]["fate"] = "failed".into()),
        ("before its video was ready", |log, _| log[1]["code"] = 40_901.into()),
    ];
    for (phrase, corrupt) in corruptions {
        let (mut log, mut journal, expected) = correct_shipment();
        corrupt(&mut log, &mut journal);
        let violations = audit_log(&log, &journal, &expected);
        assert!(violations.iter().any(|text| text.contains(phrase)), "{phrase}: {violations:?}");
    }
    let ad = json!({"kind": "ad", "created": 5, "creative": {"video_id": "v1"}});
    let of = |ready: u64| {
        ads_created_too_early(&[json!({"kind": "video", "id": "v1", "ready": ready}), ad.clone()])
    };
    assert_eq!((of(5).len(), of(6).len()), (0, 1));
}
