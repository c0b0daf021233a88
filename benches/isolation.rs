//! Measures the cost of probing in worker processes: checks the same files with the same pipeline, in
//! workers and in one process alternately, each time as a whole program from start to exit.
//!
//!     GREENLIT_BENCH_FILES=FOLDER cargo bench --bench isolation
//!
//! Does nothing without the folder. The first round, which is not counted, loads the files into the page
//! cache.
//!
//! With a single process FFmpeg is loaded once; with workers it is loaded in their template, but not in the
//! parent. This program always loads it, so the cost of an idle start is subtracted from the isolated side.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use greenlit::execute;
use greenlit::execute::InProcessRunner;
use greenlit::job::Runner;
use greenlit::pipeline::{CheckOptions, LocalFiles, Pipeline, Silent, discover};
use greenlit::profile::Profile;
use greenlit::worker::WorkerPool;

const ROUNDS: usize = 11;
const ROLE: &str = "GREENLIT_BENCH_ROLE";

fn main() {
    let Some(folder) = std::env::var_os("GREENLIT_BENCH_FILES").map(PathBuf::from) else { return };
    match std::env::var(ROLE).as_deref() {
        Ok("isolated") => {
            let worker = PathBuf::from(env!("CARGO_BIN_EXE_greenlit-worker"));
            check_all(&folder, &WorkerPool::with_program(width(), worker));
        }
        Ok("in-process") => {
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
    let (mut isolated, mut in_process, mut idle) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let costs = ["isolated", "in-process", "idle"].map(cost);
        if round > 0 {
            isolated.push(costs[0]);
            in_process.push(costs[1]);
            idle.push(costs[2]);
        }
    }
    let files = discover(&[folder.to_path_buf()], &[]).unwrap().sources.len();
    println!("{files} files on {} threads, whole programs, worker processes included", width());
    for (name, which) in [("wall", 0), ("CPU", 1)] {
        let of = |rounds: &[[Duration; 2]]| median(rounds.iter().map(|round| round[which]).collect());
        let (isolated, in_process, start) = (of(&isolated), of(&in_process), of(&idle));
        let isolated = isolated.saturating_sub(start);
        let ratio = isolated.as_secs_f64() / in_process.as_secs_f64();
        println!("{name:4}: isolated {isolated:.2?}, in one process {in_process:.2?}, ratio {ratio:.2}");
    }
}

fn check_all(folder: &Path, runner: &dyn Runner) {
    let found = discover(&[folder.to_path_buf()], &[]).unwrap();
    let profiles = [Profile::builtin("tiktok-ads").unwrap()];
    let pipeline = Pipeline {
        profiles: &profiles,
        options: &CheckOptions::default(),
        store: &LocalFiles,
        runner,
        observer: &Silent,
        cancel: &Arc::default(),
    };
    pipeline.check_each(&found.sources, &|_, _| {});
}

/// Returns wall time and CPU time of this program in a role, including its workers.
fn cost(role: &str) -> [Duration; 2] {
    let (begin, before) = (Instant::now(), cpu());
    let status = Command::new(std::env::current_exe().unwrap()).env(ROLE, role).status().unwrap();
    assert!(status.success(), "{role}: {status}");
    [begin.elapsed(), cpu() - before]
}

/// Returns the CPU time of exited child processes and their children (proc(5): fields 16 and 17 of
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
