//! Shipping, killed: whatever the moment, nothing is sent twice and nothing is lost.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::ledger::{Ad, Item, Ledger, Sent, complaints, complaints_of, too_early};
use common::line::slow_line;
use common::stage::{Guarded, Stage, files, make_webm, parts, signal};
use common::{Desk, Run, fixture};
use serde_json::{Value, json};

/// How many runs are killed in all; without it as many as the test asks for.
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

    /// How long after its beginning the kill comes at most: within it, and not always at its start.
    fn spread(self) -> u64 {
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
    // Three in a row, and a video is rightly given up: rare enough among thousands.
    "processing-failed=0.03",
];

/// The names of the videos: of twenty, ten need nothing, five the index moved, five a new encode.
fn stems() -> Vec<(String, &'static str)> {
    let name = |index: usize| match index {
        0..10 => (format!("whole{index:02}"), "mp4"),
        10..15 => (format!("index{index:02}"), "mp4"),
        _ => (format!("encode{index:02}"), "webm"),
    };
    (0..20).map(name).collect()
}

/// Twenty videos of different bytes, made once.
fn videos() -> &'static Path {
    static VIDEOS: OnceLock<Desk> = OnceLock::new();
    let make = || {
        let desk = Desk::new();
        make_webm(&desk, "long.webm", 5);
        let bunny = fixture("firefox-media-bunny_hd_5s.mp4");
        std::fs::create_dir_all(desk.path("clips")).unwrap();
        // No two of them show the same for the same time: of the same bytes, they would be one asset.
        for (index, (stem, end)) in stems().iter().enumerate() {
            let from = if *end == "mp4" { bunny.clone() } else { desk.path("long.webm") };
            let seconds = format!("{}", 2.0 + 0.12 * index as f64);
            let name = format!("clips/{stem}.{end}");
            let mut args = vec!["-i", from.to_str().unwrap(), "-t", &seconds, "-c", "copy"];
            if stem.starts_with("whole") {
                args.extend(["-movflags", "+faststart"]);
            }
            args.push(&name);
            desk.ffmpeg(&args);
        }
        desk
    };
    VIDEOS.get_or_init(make).root()
}

/// A shipment of the videos, some of them for two ads, to be killed again and again.
struct Campaign {
    stage: Stage,
    meant: BTreeMap<String, Vec<String>>,
    chance: fastrand::Rng,
}

impl Campaign {
    fn new(seed: u64, every: usize) -> Campaign {
        let seed_text = seed.to_string();
        let mut options = vec!["--seed", &seed_text, "--time-scale", "4"];
        options.extend(["--processing", "3s..6s", "--visibility-lag", "1s..8s"]);
        options.extend(FAULTS.iter().flat_map(|fault| ["--fault", fault]));
        let stage = Stage::new(&options);
        stage.configure(slow_line(stage.port, 1_000_000, Duration::from_millis(120)));
        let config = std::fs::read_to_string(stage.desk.path("greenlit.toml")).unwrap();
        // One attempt may take a fifth of this.
        stage.desk.write("greenlit.toml", config.replace("45s", if every == 1 { "50s" } else { "35s" }));
        let mut meant: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut rows = Vec::new();
        for (index, (stem, end)) in stems().into_iter().enumerate().step_by(every) {
            let clip = format!("clips/{stem}.{end}");
            std::fs::create_dir_all(stage.desk.path("clips")).unwrap();
            std::fs::copy(videos().join(&clip), stage.desk.path(&clip)).unwrap();
            let ads = if index % 6 == 0 { 2 } else { 1 };
            let names: Vec<String> = (0..ads).map(|turn| format!("{stem} {turn}")).collect();
            rows.extend(names.iter().map(|name| (clip.clone(), name.clone())));
            meant.insert(stem, names);
        }
        let rows: Vec<(&str, &str)> = rows.iter().map(|(clip, name)| (&**clip, &**name)).collect();
        stage.manifest(&rows);
        Campaign { stage, meant, chance: fastrand::Rng::with_seed(seed) }
    }

    /// One run, killed while it does what is aimed at, or at any time.
    fn strike(&mut self, aim: Option<Phase>) -> Struck {
        let watch = Watch::new(&self.stage);
        let mut command = self.stage.ship(&["--attempts", "5"]);
        let mut child = Guarded(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let began = Instant::now();
        let limit = match aim {
            Some(_) => Duration::from_secs(12),
            None => Duration::from_millis(self.chance.u64(100..400 * self.meant.len() as u64)),
        };
        let mut due = None;
        loop {
            if let Some(status) = child.0.try_wait().unwrap() {
                return Struck::Ended(status.code());
            }
            let now = Instant::now();
            if now.duration_since(began) >= limit || due.is_some_and(|due| now >= due) {
                break;
            }
            if let Some(aim) = aim
                && due.is_none()
                && watch.sees_begin(aim)
            {
                due = Some(now + Duration::from_millis(self.chance.u64(0..aim.spread())));
            }
            std::thread::sleep(Duration::from_millis(4));
        }
        // Held still, so that what is seen is what the kill interrupts.
        signal(&child.0, "-STOP");
        let mut phases = watch.seen();
        signal(&child.0, "-KILL");
        let _ = child.0.wait();
        phases.extend(watch.left());
        Struck::Killed(phases)
    }

    /// Resumed until done. What still runs after two minutes is taken down once more.
    fn finish(&self) {
        let mut last = None;
        for _ in 0..12 {
            let mut command = self.stage.ship(&["--attempts", "5"]);
            let (out, err) = (self.stage.desk.path("out.json"), self.stage.desk.path("err.txt"));
            command.stdout(std::fs::File::create(out).unwrap()).stderr(std::fs::File::create(err).unwrap());
            let mut child = Guarded(command.spawn().unwrap());
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
        let read = |name: &str| std::fs::read_to_string(self.stage.desk.path(name)).unwrap_or_default();
        panic!("never done, {last:?}: {}{}{}", read("out.json"), read("err.txt"), self.stage.status());
    }

    /// All is there once, nothing is left over, and one more run sends nothing.
    fn judge(&self, seed: u64) {
        let wrong = complaints(&self.stage, &self.meant);
        assert!(wrong.is_empty(), "seed {seed}:\n{}\n{}", wrong.join("\n"), self.stage.status());
        assert_eq!(parts(self.stage.desk.root()), Vec::<PathBuf>::new(), "seed {seed}");
        let effects = |stage: &Stage| stage.log().iter().filter(|line| line["effect"].is_string()).count();
        let before = effects(&self.stage);
        // Faults strike this run, too.
        let done =
            (0..3).any(|_| Run::of(self.stage.ship(&["--attempts", "5"]).output().unwrap()).code == Some(0));
        assert!(done, "seed {seed}: a finished shipment is not seen as one");
        assert_eq!(effects(&self.stage), before, "seed {seed}: a finished shipment sent something");
    }
}

enum Struck {
    Killed(BTreeSet<Phase>),
    Ended(Option<i32>),
}

/// What one run does, by what it leaves on disk and in the sandbox's log.
struct Watch<'a> {
    stage: &'a Stage,
    began_ms: i64,
    log: u64,
    old_parts: BTreeSet<PathBuf>,
}

impl Watch<'_> {
    fn new(stage: &Stage) -> Watch<'_> {
        let log = std::fs::metadata(stage.desk.path("log.ndjson")).map_or(0, |meta| meta.len());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let old_parts = parts(&stage.desk.path(".greenlit")).into_iter().collect();
        Watch { stage, began_ms: i64::try_from(since.as_millis()).unwrap(), log, old_parts }
    }

    fn is_encoding(&self) -> bool {
        let now = parts(&self.stage.desk.path(".greenlit"));
        now.iter().any(|part| !self.old_parts.contains(part))
    }

    /// What the sandbox was asked, and what it made, since this run began.
    fn news(&self) -> Vec<Value> {
        let text = std::fs::read(self.stage.desk.path("log.ndjson")).unwrap_or_default();
        let new = text.get(usize::try_from(self.log).unwrap()..).unwrap_or_default();
        new.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    fn sees_begin(&self, aim: Phase) -> bool {
        match aim {
            Phase::Encode => self.is_encoding(),
            Phase::Body => is_receiving(self.stage),
            Phase::Receipt => self.news().iter().any(|line| made(line).is_some()),
            Phase::Polling => self.news().iter().any(|line| asks(line, &["file/video/ad/info/"])),
            Phase::Publishing => self.news().iter().any(|line| asks(line, PUBLISHES)),
        }
    }

    /// What a run that is held still was doing.
    fn seen(&self) -> BTreeSet<Phase> {
        let news = self.news();
        let mut phases = BTreeSet::new();
        if self.is_encoding() {
            phases.insert(Phase::Encode);
        }
        if is_receiving(self.stage) {
            phases.insert(Phase::Body);
        }
        let ledger = Ledger::read(self.stage);
        let unreceipted = ledger.effects.iter().any(|sent| {
            let now = sent.sent_ms.is_some_and(|at| at >= self.began_ms);
            now && sent.state == "sent" && news.iter().any(|line| made(line) == Some(&sent.name))
        });
        if unreceipted {
            phases.insert(Phase::Receipt);
        }
        phases
    }

    /// What a run that is dead had come to.
    fn left(&self) -> BTreeSet<Phase> {
        let (news, ledger) = (self.news(), Ledger::read(self.stage));
        let asked = |paths| news.iter().any(|line| asks(line, paths));
        let mut phases = BTreeSet::new();
        if asked(&["file/video/ad/info/"]) && ledger.items.iter().any(|item| item.state == "processing") {
            phases.insert(Phase::Polling);
        }
        let under_way =
            ledger.ads.iter().any(|ad| ad.state == "publishing" && ad.updated_ms >= self.began_ms)
                || ledger.items.iter().any(|item| matches!(&*item.state, "ready" | "publishing"));
        if asked(PUBLISHES) && under_way {
            phases.insert(Phase::Publishing);
        }
        phases
    }
}

const PUBLISHES: &[&str] = &["file/image/ad/upload/", "ad/get/", "ad/create/"];

fn asks(line: &Value, paths: &[&str]) -> bool {
    line["path"].as_str().is_some_and(|path| paths.iter().any(|tail| path.ends_with(tail)))
}

/// The name of what came into being, if that is what a line tells.
fn made(line: &Value) -> Option<&String> {
    let name = match line["effect"].as_str()? {
        "video_created" => &line["file_name"],
        "ad_created" => &line["ad_name"],
        _ => return None,
    };
    if let Value::String(name) = name { Some(name) } else { None }
}

fn is_receiving(stage: &Stage) -> bool {
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
    files(&stage.desk.path("platform/tmp")).iter().any(|path| size(path) > 0)
}

/// Where the kills of a ladder landed. One that interrupts several things counts for each of them.
#[derive(Default)]
struct Histogram {
    kills: usize,
    nowhere: usize,
    landed: BTreeMap<Phase, usize>,
    ended: usize,
    begun: u64,
}

impl Histogram {
    fn of(&self, phase: Phase) -> usize {
        self.landed.get(&phase).copied().unwrap_or_default()
    }

    fn is_full(&self, kills: usize, each: usize) -> bool {
        self.kills >= kills && PHASES.iter().all(|phase| self.of(*phase) >= each)
    }

    fn note(&mut self, struck: &Struck) {
        match struck {
            Struck::Ended(_) => self.ended += 1,
            Struck::Killed(phases) => {
                self.kills += 1;
                self.nowhere += usize::from(phases.is_empty());
                for phase in phases {
                    *self.landed.entry(*phase).or_default() += 1;
                }
            }
        }
    }

    /// What was hit least so far, so that no moment is left out; every other time no aim is taken.
    fn aim(&self) -> Option<Phase> {
        let least = PHASES.iter().copied().min_by_key(|phase| self.of(*phase));
        least.filter(|_| self.kills % 2 == 1)
    }

    fn print(&self, seed: u64) {
        println!(
            "{} runs killed over {} shipments, {} ended by themselves (seed {seed})",
            self.kills, self.begun, self.ended
        );
        println!("a kill counts for each thing that it interrupted:");
        let line =
            |name: &str, count: usize| println!("  {name:<28} {count:>4} {}", "#".repeat(count.min(80)));
        PHASES.iter().for_each(|phase| line(phase.name(), self.of(*phase)));
        line("none of these", self.nowhere);
    }
}

/// The most kills of one shipment: then it is let go to its end, and another begins.
const MOST: usize = 25;

/// Kills runs until there were `kills`, and `each` of them in every phase: shipments of every so many-th
/// video, some abreast.
fn ladder(kills: usize, each: usize, abreast: usize, every: usize) {
    let seed = 20_260_111;
    let histogram = Mutex::new(Histogram::default());
    std::thread::scope(|scope| {
        for _ in 0..abreast {
            scope.spawn(|| {
                loop {
                    let turn = {
                        let mut all = histogram.lock().unwrap();
                        if all.is_full(kills, each) || all.kills >= kills * 2 {
                            return;
                        }
                        all.begun += 1;
                        all.begun
                    };
                    climb(&mut Campaign::new(seed + turn, every), seed + turn, kills, each, &histogram);
                }
            });
        }
    });
    let histogram = histogram.into_inner().unwrap();
    histogram.print(seed);
    assert!(histogram.is_full(kills, each), "not every phase was hit {each} times");
}

/// One shipment: killed, resumed, and judged at its end.
fn climb(campaign: &mut Campaign, seed: u64, kills: usize, each: usize, histogram: &Mutex<Histogram>) {
    for _ in 0..MOST {
        let aim = histogram.lock().unwrap().aim();
        let struck = campaign.strike(aim);
        let mut all = histogram.lock().unwrap();
        all.note(&struck);
        let done = matches!(struck, Struck::Ended(Some(0)));
        if done || all.is_full(kills, each) || all.kills >= kills * 2 {
            break;
        }
    }
    campaign.finish();
    campaign.judge(seed);
}

fn kills_or(default: usize) -> usize {
    std::env::var(KILLS).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn runs_killed_at_random_send_everything_once() {
    ladder(kills_or(6).min(8), 0, 1, 3);
}

#[test]
#[ignore = "slow: five hundred runs are killed"]
fn five_hundred_kills_send_everything_once() {
    let kills = kills_or(500);
    ladder(kills, kills / 25, 2, 1);
}

/// A shipment of one video with one ad, as log and journal have it when all is well.
fn calm() -> (Vec<Value>, Ledger, BTreeMap<String, Vec<String>>) {
    let log = vec![
        json!({"effect": "video_created", "file_name": "a-1.mp4", "video_id": "v1", "md5": "m", "fate": "ready"}),
        json!({"path": "/ad/create/", "code": 0}),
        json!({"effect": "ad_created", "ad_name": "one", "ad_id": "7", "video_id": "v1"}),
    ];
    let sent = |kind: &str, name: &str, receipt: &str, md5: Option<&str>| Sent {
        kind: kind.to_owned(),
        name: name.to_owned(),
        state: "done".to_owned(),
        receipt: Some(receipt.to_owned()),
        md5: md5.map(str::to_owned),
        abandoned: false,
        sent_ms: Some(1),
    };
    let item = Item {
        stem: "a".to_owned(),
        recipe: 1,
        state: "published".to_owned(),
        video: Some("v1".to_owned()),
        history: Vec::new(),
        updated_ms: 1,
    };
    let (name, state, id) = ("one".to_owned(), "published".to_owned(), Some("7".to_owned()));
    let ledger = Ledger {
        effects: vec![sent("upload", "a-1.mp4", "v1", Some("m")), sent("ad", "one", "7", None)],
        items: vec![item],
        ads: vec![Ad { name, state, id, updated_ms: 1 }],
    };
    (log, ledger, BTreeMap::from([("a".to_owned(), vec!["one".to_owned()])]))
}

/// A judge that sees nothing would make every ladder pass.
#[test]
fn the_judge_sees_each_kind_of_wrong() {
    type Spoil = fn(&mut Vec<Value>, &mut Ledger);
    let (log, ledger, meant) = calm();
    assert_eq!(complaints_of(&log, &ledger, &meant), Vec::<String>::new());
    let spoils: [(&str, Spoil); 12] = [
        ("was uploaded 2 times", |log, _| log.push(log[0].clone())),
        ("created 2 times", |log, _| log.push(log[2].clone())),
        ("created 0 times", |log, _| drop(log.remove(2))),
        ("nothing of it arrived", |log, _| drop(log.remove(0))),
        ("the journal knows no upload", |_, ledger| drop(ledger.effects.remove(0))),
        ("the journal has it done as", |_, ledger| ledger.effects[0].receipt = Some("v2".to_owned())),
        ("is left sent", |_, ledger| ledger.effects[1].state = "sent".to_owned()),
        ("is processing at the end", |_, ledger| ledger.items[0].state = "processing".to_owned()),
        ("for recipe 2", |_, ledger| ledger.items[0].recipe = 2),
        ("the journal has Ad", |_, ledger| ledger.ads[0].id = Some("8".to_owned())),
        ("an ad of a failed video", |log, _| log[0]["fate"] = "failed".into()),
        ("before its video was ready", |log, _| log[1]["code"] = 40_901.into()),
    ];
    for (words, spoil) in spoils {
        let (mut log, mut ledger, meant) = calm();
        spoil(&mut log, &mut ledger);
        let wrong = complaints_of(&log, &ledger, &meant);
        assert!(wrong.iter().any(|wrong| wrong.contains(words)), "{words}: {wrong:?}");
    }
    let ad = json!({"kind": "ad", "created": 5, "creative": {"video_id": "v1"}});
    let of = |ready: u64| too_early(&[json!({"kind": "video", "id": "v1", "ready": ready}), ad.clone()]);
    assert_eq!((of(5).len(), of(6).len()), (0, 1));
}
