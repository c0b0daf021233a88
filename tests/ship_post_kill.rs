//! Posting runs killed at any moment: each post exists once, and nothing is posted again afterwards.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::ship_setup::{KillOnDrop, ShipSetup, TOKEN, partial_outputs};
use common::slow_proxy::slow_proxy;
use common::{CliRun, TestDir, fixture};

const STEMS: [&str; 3] = ["red", "green", "blue"];
const FAULTS: [&str; 4] =
    ["drop-after-effect=0.05", "drop-before-request=0.03", "http-500=0.03", "slow-reply=0.03"];
/// The most kills of one shipment; after them it is completed.
const MAX_KILLS: usize = 12;

/// Returns the folder of three compliant videos with different bytes, created once.
fn videos() -> &'static Path {
    static VIDEOS: OnceLock<TestDir> = OnceLock::new();
    let create = || {
        let dir = TestDir::new();
        let bunny = fixture("firefox-media-bunny_hd_5s.mp4");
        for (index, stem) in STEMS.iter().enumerate() {
            let (seconds, name) = (format!("{}", 3.5 + 0.3 * index as f64), format!("{stem}.mp4"));
            let source = bunny.to_str().unwrap();
            dir.ffmpeg(&["-i", source, "-t", &seconds, "-c", "copy", "-movflags", "+faststart", &name]);
        }
        dir
    };
    VIDEOS.get_or_init(create).root()
}

/// A shipment of three posts.
struct Campaign {
    setup: ShipSetup,
    rng: fastrand::Rng,
}

impl Campaign {
    fn new(seed: u64) -> Campaign {
        let seed_text = seed.to_string();
        let mut options = vec!["--seed", seed_text.as_str(), "--processing", "300ms..1500ms"];
        options.extend(FAULTS.iter().flat_map(|fault| ["--fault", fault]));
        let setup = ShipSetup::new(&options);
        setup.configure_posts(slow_proxy(setup.port, 2_000_000, Duration::from_millis(20)), "direct");
        std::fs::create_dir_all(setup.dir.path("clips")).unwrap();
        let mut rows = "video,title,privacy_level\n".to_owned();
        for stem in STEMS {
            let clip = format!("clips/{stem}.mp4");
            std::fs::copy(videos().join(format!("{stem}.mp4")), setup.dir.path(&clip)).unwrap();
            rows.push_str(&format!("{clip},{stem},SELF_ONLY\n"));
        }
        setup.dir.write("posts.csv", rows);
        Campaign { setup, rng: fastrand::Rng::with_seed(seed) }
    }

    fn command(&self) -> Command {
        let mut command = self.setup.dir.command(&["ship", "posts.csv", "--to", "posts", "--format", "json"]);
        command.env("TEST_TOKEN", TOKEN).env_remove("GREENLIT_CRASH_AT").stdin(Stdio::null());
        command
    }

    /// Runs once and kills the run at a random time; returns whether it ended before.
    fn run_and_kill(&mut self) -> bool {
        let mut command = self.command();
        let mut child = KillOnDrop(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let (began, limit) = (Instant::now(), Duration::from_millis(self.rng.u64(100..6000)));
        while began.elapsed() < limit {
            if let Some(status) = child.0.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(4));
        }
        false
    }

    /// Completes the shipment and checks that each post exists once, also after one more run.
    fn complete(&self, seed: u64) {
        let run = || CliRun::of(self.command().output().unwrap());
        let done = (0..12).any(|_| run().code == Some(0));
        assert!(done, "seed {seed}: never completed: {:?}", run().stderr);
        let check = || {
            let posts = self.setup.effects("post_created");
            for stem in STEMS {
                let made = posts.iter().filter(|post| post["title"] == stem && post["fail_reason"].is_null());
                assert_eq!(made.count(), 1, "seed {seed}, {stem}: {posts:#?}");
            }
            posts.len()
        };
        let before = check();
        let again = (0..3).any(|_| run().code == Some(0));
        assert!(again, "seed {seed}: a run after completion does not succeed");
        assert_eq!(check(), before, "seed {seed}: a run after completion posted something");
        assert!(partial_outputs(self.setup.dir.root()).is_empty(), "seed {seed}");
    }
}

/// Kills runs of shipments until there were `kills`.
fn kill_runs(kills: usize, parallel: usize) {
    let seed = 20_261_130;
    let state = Mutex::new((0_usize, 0_u64));
    std::thread::scope(|scope| {
        for _ in 0..parallel {
            scope.spawn(|| {
                loop {
                    let turn = {
                        let mut state = state.lock().unwrap();
                        if state.0 >= kills {
                            return;
                        }
                        state.1 += 1;
                        seed + state.1
                    };
                    let mut campaign = Campaign::new(turn);
                    for _ in 0..MAX_KILLS {
                        if campaign.run_and_kill() {
                            break;
                        }
                        let mut state = state.lock().unwrap();
                        state.0 += 1;
                        if state.0 >= kills {
                            break;
                        }
                    }
                    campaign.complete(turn);
                }
            });
        }
    });
    let (killed, shipments) = state.into_inner().unwrap();
    println!("{killed} runs killed in {shipments} shipments (seed {seed})");
}

fn kills_or(default: usize) -> usize {
    std::env::var("GREENLIT_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn randomly_killed_runs_post_everything_once() {
    kill_runs(kills_or(5).min(6), 1);
}

#[test]
#[ignore = "slow: kills five hundred runs"]
fn five_hundred_kills_post_everything_once() {
    kill_runs(kills_or(500), 3);
}
