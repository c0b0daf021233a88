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
        let one = cost(|| {
            let pool = WorkerPool::with_program(width, worker.clone());
            check_all(&found, &profiles, &pool);
        });
        let other = cost(|| check_all(&found, &profiles, &InProcessRunner::new(width)));
        if round > 0 {
            apart.push(one);
            inside.push(other);
        }
    }
    println!(
        "{} files on {width} threads, worker processes started and ended each time",
        found.sources.len()
    );
    for (name, which) in [("wall", 0), ("CPU", 1)] {
        let of = |rounds: &[[Duration; 2]]| median(rounds.iter().map(|round| round[which]).collect());
        let (apart, inside) = (of(&apart), of(&inside));
        let ratio = apart.as_secs_f64() / inside.as_secs_f64();
        println!("{name:4}: isolated {apart:.2?}, in one process {inside:.2?}, ratio {ratio:.2}");
    }
}

fn check_all(found: &Discovery, profiles: &[Profile], runner: &dyn Runner) {
    check(&found.sources, profiles, &CheckOptions::default(), runner, &Silent, &Arc::default());
}

/// Wall time and CPU time of `work`, with that of child processes that ended within it.
fn cost(work: impl FnOnce()) -> [Duration; 2] {
    let (begin, before) = (Instant::now(), cpu());
    work();
    [begin.elapsed(), cpu() - before]
}

/// CPU time so far of this process and of its children that have ended (proc(5): fields 14 to 17 of
/// `stat`, in hundredths of a second).
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(4);
    Duration::from_millis(10 * fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
