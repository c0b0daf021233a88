//! What it costs to probe in processes of their own: the same files by the same pipeline, isolated and
//! in one process, turn and turn about, each time as a program of its own from its start to its end.
//!
//!     GREENLIT_BENCH_FILES=FOLDER cargo bench --bench isolation
//!
//! Does nothing without the folder. The files should lie in the page cache; the first, uncounted
//! round sees to that.
//!
//! A tool that does everything in one process loads FFmpeg once; an isolated one loads it in every
//! worker, and not at all in its first process. This program loads it in any case, so what a start
//! with nothing to do costs is taken off the isolated side.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use greenlit::job::in_process::InProcessRunner;
use greenlit::job::worker::WorkerPool;
use greenlit::job::{Runner, execute};
use greenlit::pipeline::{CheckOptions, Silent, check_each, discover};
use greenlit::profile::Profile;

const ROUNDS: usize = 11;
const ROLE: &str = "GREENLIT_BENCH_ROLE";

fn main() {
    let Some(folder) = std::env::var_os("GREENLIT_BENCH_FILES").map(PathBuf::from) else { return };
    match std::env::var(ROLE).as_deref() {
        Ok("apart") => {
            let worker = PathBuf::from(env!("CARGO_BIN_EXE_greenlit-worker"));
            check_all(&folder, &WorkerPool::with_program(width(), worker));
        }
        Ok("inside") => {
            execute::prepare();
            check_all(&folder, &InProcessRunner::new(width()));
        }
        Ok(_) => {}
        Err(_) => compare(&folder),
    }
}

fn width() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn compare(folder: &Path) {
    let (mut apart, mut inside, mut nothing) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let costs = ["apart", "inside", "nothing"].map(cost);
        if round > 0 {
            apart.push(costs[0]);
            inside.push(costs[1]);
            nothing.push(costs[2]);
        }
    }
    let files = discover(&[folder.to_path_buf()], &[]).unwrap().sources.len();
    println!("{files} files on {} threads, whole programs, worker processes included", width());
    for (name, which) in [("wall", 0), ("CPU", 1)] {
        let of = |rounds: &[[Duration; 2]]| median(rounds.iter().map(|round| round[which]).collect());
        let (apart, inside, start) = (of(&apart), of(&inside), of(&nothing));
        let apart = apart.saturating_sub(start);
        let ratio = apart.as_secs_f64() / inside.as_secs_f64();
        println!("{name:4}: isolated {apart:.2?}, in one process {inside:.2?}, ratio {ratio:.2}");
    }
}

fn check_all(folder: &Path, runner: &dyn Runner) {
    let found = discover(&[folder.to_path_buf()], &[]).unwrap();
    let profiles = [Profile::builtin("tiktok-ads").unwrap()];
    let options = CheckOptions::default();
    check_each(&found.sources, &profiles, &options, runner, &Silent, &Arc::default(), &|_, _| {});
}

/// Wall time and CPU time of this program in a role, with that of its workers.
fn cost(role: &str) -> [Duration; 2] {
    let (begin, before) = (Instant::now(), cpu());
    let status = Command::new(std::env::current_exe().unwrap()).env(ROLE, role).status().unwrap();
    assert!(status.success(), "{role}: {status}");
    [begin.elapsed(), cpu() - before]
}

/// CPU time so far of child processes that have ended, and of theirs (proc(5): fields 16 and 17 of
/// `stat`, in hundredths of a second).
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(13).take(2);
    Duration::from_millis(10 * fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
