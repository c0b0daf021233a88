//! Runs jobs in worker processes, so that a hostile file can crash only one worker, not the run.

mod barrier;
mod child;
mod descriptors;
mod exit_status;
#[cfg(target_os = "linux")]
mod forbidden_calls;
mod limit_setter;
mod limits;
mod lockdown;
mod process;
mod raw;
#[cfg(target_os = "linux")]
mod seccomp;
mod self_test;
#[cfg(target_os = "linux")]
mod syscalls;
mod wire;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use super::{JobError, JobOutput, JobRequest, Progress, Runner, WorkerInfo};
pub use barrier::{Barrier, Isolation};
pub use child::{DEVICES_ARG, Execute, OPEN_ARG, serve};
pub use limits::WorkerTimeouts;
use process::{Worker, spawn};
pub use self_test::{self_test, try_forbidden_operations};

/// How often a waiting parent checks its cancel flag.
const TICK: Duration = Duration::from_millis(50);

/// Jobs sent to a worker at once: few enough that their descriptors stay far below its limit, and that
/// their messages fit into the socket's buffer.
const MAX_BATCH: usize = 16;

/// Returns the version of the protocol, which must be the same on both sides.
fn version() -> String {
    format!("{}/7", env!("CARGO_PKG_VERSION"))
}

#[derive(Default)]
struct PoolState {
    idle: Vec<Worker>,
    busy: usize,
}

type SpawnResult = Result<Worker, JobError>;

/// A request for a worker, to the thread that starts them.
struct SpawnRequest {
    isolation: Isolation,
    reply: mpsc::Sender<SpawnResult>,
}

/// A pool of long-lived worker processes, started on demand and terminated with the pool.
pub struct WorkerPool {
    width: usize,
    timeouts: WorkerTimeouts,
    state: Mutex<PoolState>,
    freed: Condvar,
    info: OnceLock<WorkerInfo>,
    isolation: Isolation,
    /// Why no worker may be used: every later one would lack the same barrier.
    refused: OnceLock<String>,
    spawner: Mutex<mpsc::Sender<SpawnRequest>>,
}

/// A slot of the pool; returned when dropped.
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
    /// Creates a pool of at most `width` workers, at least one.
    ///
    /// The worker is `$GREENLIT_WORKER`, else `greenlit-worker` in the folder of this program.
    pub fn new(width: usize) -> WorkerPool {
        WorkerPool::with_program(width, default_program())
    }

    /// Like [`WorkerPool::new`], with a given worker program.
    pub fn with_program(width: usize, program: PathBuf) -> WorkerPool {
        WorkerPool::with_timeouts(width, program, WorkerTimeouts::default())
    }

    /// Like [`WorkerPool::with_program`], with workers that may open devices and their driver libraries, as
    /// hardware encoders need. The sandbox is less strict: workers can read files of the system.
    pub fn with_devices(width: usize, program: PathBuf) -> WorkerPool {
        WorkerPool::start(width, program, WorkerTimeouts::default(), true)
    }

    /// Like [`WorkerPool::with_program`], with given timeouts.
    pub fn with_timeouts(width: usize, program: PathBuf, timeouts: WorkerTimeouts) -> WorkerPool {
        WorkerPool::start(width, program, timeouts, false)
    }

    fn start(width: usize, program: PathBuf, timeouts: WorkerTimeouts, devices: bool) -> WorkerPool {
        let (sender, requests) = mpsc::channel::<SpawnRequest>();
        let spawn_timeouts = timeouts.clone();
        // The parent-death signal fires when the spawning thread exits, so this thread lives as long as the pool.
        std::thread::spawn(move || {
            while let Ok(SpawnRequest { isolation, reply }) = requests.recv() {
                let _ = reply.send(spawn(&program, &spawn_timeouts, devices, isolation));
            }
        });
        WorkerPool {
            width: width.max(1),
            timeouts,
            state: Mutex::default(),
            freed: Condvar::new(),
            info: OnceLock::new(),
            isolation: Isolation::default(),
            refused: OnceLock::new(),
            spawner: Mutex::new(sender),
        }
    }

    /// Sets how much isolation the workers must have; [`Isolation::Required`] unless this is called.
    #[must_use]
    pub fn with_isolation(self, isolation: Isolation) -> WorkerPool {
        WorkerPool { isolation, ..self }
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot with a worker, waiting until one is free or the job is cancelled.
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
        if let Some(reason) = self.refused.get() {
            return Err(JobError::NotIsolated(reason.clone()));
        }
        state.busy += 1;
        let mut idle = std::iter::from_fn(|| state.idle.pop());
        let worker = idle.find_map(|mut worker| worker.is_alive().then_some(worker));
        drop(state);
        let mut slot = WorkerSlot { pool: self, worker };
        if slot.worker.is_none() {
            let (reply, spawned) = mpsc::channel();
            let request = SpawnRequest { isolation: self.isolation, reply };
            let _ = self.spawner.lock().unwrap_or_else(PoisonError::into_inner).send(request);
            let worker = loop {
                match spawned.recv_timeout(TICK) {
                    Ok(Err(JobError::NotIsolated(reason))) => {
                        let _ = self.refused.set(reason.clone());
                        return Err(JobError::NotIsolated(reason));
                    }
                    Ok(result) => break result?,
                    Err(mpsc::RecvTimeoutError::Timeout) if cancelled() => return Err(JobError::Cancelled),
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => {
                        let message = "the thread that starts media workers has exited";
                        return Err(JobError::Unavailable(message.into()));
                    }
                }
            };
            let _ = self.info.set(worker.info.clone());
            slot.worker = Some(worker);
        }
        Ok(slot)
    }
}

impl WorkerPool {
    /// Runs jobs of the same kind on one worker, replacing it after its death. A worker death costs only the
    /// job that was running.
    fn run_same_jobs(
        &self,
        mut batch: &[JobRequest],
        progress: &mut dyn FnMut(Progress),
        on_result: &mut dyn FnMut(Result<JobOutput, JobError>),
    ) {
        while let Some(first) = batch.first() {
            if let Some(error) = first.time.used_up() {
                on_result(Err(error));
                batch = &batch[1..];
                continue;
            }
            let (finished, end) = match self.take(&first.cancel) {
                Err(error) => (0, Err(error)),
                Ok(mut slot) => match &mut slot.worker {
                    None => (0, Err(JobError::Unavailable("no media worker is available".into()))),
                    Some(worker) => {
                        let (finished, end) = worker.run_batch(batch, &self.timeouts, progress, on_result);
                        // This terminates: each retry uses up a worker that had finished a job before.
                        let retry = finished == 0
                            && matches!(end, Err(JobError::WorkerLost(_)))
                            && worker.may_have_died_idle();
                        if !first.files.outputs.is_empty() {
                            // It still has the outputs open: once they are hashed and published, it must not
                            // be able to write to them.
                            slot.worker = None;
                        }
                        (finished, if retry { Ok(()) } else { end })
                    }
                },
            };
            batch = &batch[finished..];
            if let Err(error) = end {
                on_result(Err(error));
                batch = &batch[1..];
            }
        }
    }
}

impl Runner for WorkerPool {
    fn run(&self, request: JobRequest, progress: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError> {
        let mut result = Err(JobError::Unavailable("the job did not run".into()));
        self.run_same_jobs(std::slice::from_ref(&request), progress, &mut |outcome| result = outcome);
        result
    }

    fn run_batch(&self, requests: Vec<JobRequest>, on_result: &mut dyn FnMut(Result<JobOutput, JobError>)) {
        let same_kind = |one: &JobRequest, other: &JobRequest| {
            one.job == other.job && Arc::ptr_eq(&one.cancel, &other.cancel)
        };
        for batch in requests.chunk_by(same_kind).flat_map(|same| same.chunks(MAX_BATCH)) {
            self.run_same_jobs(batch, &mut |_| {}, on_result);
        }
    }

    fn width(&self) -> usize {
        self.width
    }

    fn describe(&self) -> Result<WorkerInfo, JobError> {
        if self.info.get().is_none() {
            drop(self.take(&AtomicBool::new(false))?);
        }
        let missing = || JobError::Unavailable("no media worker is available".into());
        self.info.get().cloned().ok_or_else(missing)
    }
}

/// Parses `bytes` as received from either side and returns the number of messages.
///
/// Only for the fuzz target; the protocol itself is private.
#[doc(hidden)]
pub fn count_messages_for_fuzzing(bytes: &[u8]) -> std::io::Result<usize> {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    // Must fit into the socket's buffer, since nothing reads while this writes.
    let bytes = &bytes[..bytes.len().min(32 * 1024)];
    let filled_socket = || {
        let (mut there, here) = UnixStream::pair()?;
        there.write_all(bytes)?;
        std::io::Result::Ok(here)
    };
    let (parent, worker) = (filled_socket()?, filled_socket()?);
    let requests = std::iter::from_fn(|| wire::receive::<wire::Request>(&worker).ok()).count();
    let replies = std::iter::from_fn(|| wire::receive::<wire::Reply>(&parent).ok()).count();
    Ok(requests + replies)
}

/// Returns the default worker program: `$GREENLIT_WORKER`, else `greenlit-worker` in the folder of this
/// program.
pub fn default_program() -> PathBuf {
    std::env::var_os("GREENLIT_WORKER")
        .map(PathBuf::from)
        .unwrap_or_else(|| std::env::current_exe().unwrap_or_default().with_file_name("greenlit-worker"))
}
