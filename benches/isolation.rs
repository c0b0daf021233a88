//! What it costs to probe in processes of their own: the same files by the same pipeline, isolated and
//! in this process, turn and turn about.
//!
//!     GREENLIT_BENCH_FILES=FOLDER cargo bench --bench isolation
//!
//! Does nothing without the folder. The files should lie in the page cache; the first, uncounted
//! round sees to that.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use greenlit::job::in_process::InProcessRunner;
use greenlit::job::worker::WorkerPool;
use greenlit::job::{Runner, execute};
use greenlit::pipeline::{CheckOptions, Discovery, Silent, check, discover};
use greenlit::profile::Profile;

const ROUNDS: usize = 7;

fn main() {
    let Some(folder) = std::env::var_os("GREENLIT_BENCH_FILES").map(PathBuf::from) else { return };
    // With the same allocator settings on both sides.
    execute::prepare();
    let found = discover(&[folder], &[]).unwrap();
    let profiles = [Profile::builtin("tiktok-ads").unwrap()];
    let width = std::thread::available_parallelism().map_or(1, usize::from);
    let worker = PathBuf::from(env!("CARGO_BIN_EXE_greenlit-worker"));
    let (mut apart, mut inside) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let pool = WorkerPool::with_program(width, worker.clone());
        // Started once a run, however many files it has.
        pool.describe().unwrap();
        let one = timed(&found, &profiles, &pool);
        let other = timed(&found, &profiles, &InProcessRunner::new(width));
        if round > 0 {
            apart.push(one);
            inside.push(other);
        }
    }
    let (apart, inside) = (median(apart), median(inside));
    println!(
        "{} files on {width} threads: isolated {apart:.2?}, in one process {inside:.2?}, ratio {:.2}",
        found.sources.len(),
        apart.as_secs_f64() / inside.as_secs_f64()
    );
}

fn timed(found: &Discovery, profiles: &[Profile], runner: &dyn Runner) -> Duration {
    let begin = Instant::now();
    check(&found.sources, profiles, &CheckOptions::default(), runner, &Silent, &Arc::default());
    begin.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
