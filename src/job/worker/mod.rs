//! Jobs in processes of their own: what a hostile file breaks is one worker, not the run.

mod child;
mod limits;
mod lockdown;
mod process;
#[cfg(target_os = "linux")]
mod seccomp;
mod self_test;
mod wire;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use super::{JobError, JobOutput, JobRequest, Progress, Runner, WorkerInfo};
pub use child::{DEVICES, Execute, serve};
pub use limits::Limits;
use process::{Worker, spawn};
pub use self_test::{attempts, self_test};

/// How often a waiting parent looks at its cancel flag.
const TICK: Duration = Duration::from_millis(50);

/// Jobs sent to a worker at once: few enough that their descriptors stay far below what it may hold,
/// and that their messages fit into the line while nobody reads.
const LONGEST_ROW: usize = 16;

/// What both sides must agree on.
fn version() -> String {
    format!("{}/6", env!("CARGO_PKG_VERSION"))
}

#[derive(Default)]
struct State {
    idle: Vec<Worker>,
    busy: usize,
}

type Spawned = Result<Worker, JobError>;

/// A pool of long-lived worker processes, started when first needed. They end with it.
pub struct WorkerPool {
    width: usize,
    limits: Limits,
    state: Mutex<State>,
    freed: Condvar,
    isolation: OnceLock<WorkerInfo>,
    spawner: Mutex<mpsc::Sender<mpsc::Sender<Spawned>>>,
}

/// A place in the pool; given back whatever happens.
struct WorkerSlot<'a> {
    pool: &'a WorkerPool,
    worker: Option<Worker>,
}

impl Drop for WorkerSlot<'_> {
    fn drop(&mut self) {
        let worker = self.worker.take().filter(Worker::is_usable);
        let mut state = self.pool.state();
        state.busy -= 1;
        state.idle.extend(worker);
        self.pool.freed.notify_one();
    }
}

impl WorkerPool {
    /// A pool of at most `width` workers, at least one.
    ///
    /// The worker is `$GREENLIT_WORKER`, else `greenlit-worker` beside this program.
    pub fn new(width: usize) -> WorkerPool {
        WorkerPool::with_program(width, program())
    }

    /// As [`WorkerPool::new`], with the worker's program given.
    pub fn with_program(width: usize, program: PathBuf) -> WorkerPool {
        WorkerPool::with_limits(width, program, Limits::default())
    }

    /// As [`WorkerPool::with_program`], with workers that may open devices and the libraries that drive them, as
    /// encoders in hardware need. Their doors are shut less tightly: files of the system can be read.
    pub fn with_devices(width: usize, program: PathBuf) -> WorkerPool {
        WorkerPool::start(width, program, Limits::default(), true)
    }

    /// As [`WorkerPool::with_program`], with its patience given.
    pub fn with_limits(width: usize, program: PathBuf, limits: Limits) -> WorkerPool {
        WorkerPool::start(width, program, limits, false)
    }

    fn start(width: usize, program: PathBuf, limits: Limits, devices: bool) -> WorkerPool {
        let (sender, orders) = mpsc::channel::<mpsc::Sender<Spawned>>();
        let patience = limits.clone();
        // The signal at the parent's death fires when the spawning thread ends: so one that stays.
        std::thread::spawn(move || {
            while let Ok(answer) = orders.recv() {
                let _ = answer.send(spawn(&program, &patience, devices));
            }
        });
        WorkerPool {
            width: width.max(1),
            limits,
            state: Mutex::default(),
            freed: Condvar::new(),
            isolation: OnceLock::new(),
            spawner: Mutex::new(sender),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place with a worker, waiting for one but not beyond a cancellation.
    fn take(&self, cancel: &AtomicBool) -> Result<WorkerSlot<'_>, JobError> {
        let cancelled = || cancel.load(Ordering::Relaxed);
        let mut state = self.state();
        while state.busy >= self.width {
            if cancelled() {
                return Err(JobError::Cancelled);
            }
            state = self.freed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        if cancelled() {
            return Err(JobError::Cancelled);
        }
        state.busy += 1;
        let mut idle = std::iter::from_fn(|| state.idle.pop());
        let worker = idle.find_map(|mut worker| worker.is_alive().then_some(worker));
        drop(state);
        let mut place = WorkerSlot { pool: self, worker };
        if place.worker.is_none() {
            let (answer, spawned) = mpsc::channel();
            let _ = self.spawner.lock().unwrap_or_else(PoisonError::into_inner).send(answer);
            let worker = loop {
                match spawned.recv_timeout(TICK) {
                    Ok(result) => break result?,
                    Err(mpsc::RecvTimeoutError::Timeout) if cancelled() => return Err(JobError::Cancelled),
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => {
                        let what = "the thread that starts workers has ended";
                        return Err(JobError::Unavailable(what.into()));
                    }
                }
            };
            let _ = self.isolation.set(worker.isolation.clone());
            place.worker = Some(worker);
        }
        Ok(place)
    }
}

impl WorkerPool {
    /// Runs like jobs, by one worker as long as it lives. A lost one costs the job it was at.
    fn run_batch(
        &self,
        mut row: &[JobRequest],
        progress: &mut dyn FnMut(Progress),
        give: &mut dyn FnMut(Result<JobOutput, JobError>),
    ) {
        while let Some(first) = row.first() {
            let (given, end) = match self.take(&first.cancel) {
                Err(error) => (0, Err(error)),
                Ok(mut place) => match &mut place.worker {
                    None => (0, Err(JobError::Unavailable("there is no worker".into()))),
                    Some(worker) => {
                        let (given, end) = worker.run_batch(row, &self.limits, progress, give);
                        // Ends: each round without a result uses up a worker that had worked before.
                        let again = given == 0
                            && matches!(end, Err(JobError::WorkerLost(_)))
                            && worker.may_have_died_idle();
                        (given, if again { Ok(()) } else { end })
                    }
                },
            };
            row = &row[given..];
            if let Err(error) = end {
                give(Err(error));
                row = &row[1..];
            }
        }
    }
}

impl Runner for WorkerPool {
    fn run(&self, request: JobRequest, progress: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError> {
        let mut result = Err(JobError::Unavailable("the job was not run".into()));
        self.run_batch(std::slice::from_ref(&request), progress, &mut |given| result = given);
        result
    }

    fn run_in_turn(&self, requests: Vec<JobRequest>, give: &mut dyn FnMut(Result<JobOutput, JobError>)) {
        let alike = |one: &JobRequest, other: &JobRequest| {
            one.job == other.job && Arc::ptr_eq(&one.cancel, &other.cancel)
        };
        for row in requests.chunk_by(alike).flat_map(|row| row.chunks(LONGEST_ROW)) {
            self.run_batch(row, &mut |_| {}, give);
        }
    }

    fn width(&self) -> usize {
        self.width
    }

    fn describe(&self) -> Result<WorkerInfo, JobError> {
        if self.isolation.get().is_none() {
            drop(self.take(&AtomicBool::new(false))?);
        }
        let missing = || JobError::Unavailable("there is no worker".into());
        self.isolation.get().cloned().ok_or_else(missing)
    }
}

/// Takes `bytes` for what came over the line, from either side, and says how many messages they held.
///
/// For the fuzz target alone: the line itself stays private, since no one else may speak on it.
#[doc(hidden)]
pub fn frames_for_fuzzing(bytes: &[u8]) -> std::io::Result<usize> {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    // What fits into the socket at once, since nobody reads meanwhile.
    let bytes = &bytes[..bytes.len().min(32 * 1024)];
    let line = || {
        let (mut there, here) = UnixStream::pair()?;
        there.write_all(bytes)?;
        std::io::Result::Ok(here)
    };
    let (parent, worker) = (line()?, line()?);
    let requests = std::iter::from_fn(|| wire::receive::<wire::Request>(&worker).ok()).count();
    let replies = std::iter::from_fn(|| wire::receive::<wire::Reply>(&parent).ok()).count();
    Ok(requests + replies)
}

/// The program of a pool for which none is named: `$GREENLIT_WORKER`, else `greenlit-worker` beside
/// this program.
pub fn program() -> PathBuf {
    std::env::var_os("GREENLIT_WORKER")
        .map(PathBuf::from)
        .unwrap_or_else(|| std::env::current_exe().unwrap_or_default().with_file_name("greenlit-worker"))
}
