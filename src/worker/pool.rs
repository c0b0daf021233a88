//! A pool of worker processes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};

use super::barrier::Isolation;
use super::limits::{TICK, WorkerTimeouts};
use super::process::Worker;
use super::spawner::Spawner;
use super::template_process::Purpose;
use crate::job::{Job, JobError, JobOutput, JobRequest, Progress, Runner, WorkerDeath, WorkerInfo};

#[derive(Default)]
struct PoolState {
    /// A worker that was described, and has run nothing.
    idle: Option<(Purpose, Worker)>,
    busy: usize,
}

/// A pool of worker processes, forked on demand and terminated with the pool. Each runs one job, and has ended before
/// the result is used: a file cannot affect what is found in another one, nor write to its output later.
pub struct WorkerPool {
    width: usize,
    timeouts: WorkerTimeouts,
    state: Mutex<PoolState>,
    freed: Condvar,
    info: OnceLock<WorkerInfo>,
    isolation: Isolation,
    /// Why no worker may be used: every later one would lack the same barrier.
    refused: OnceLock<String>,
    /// Whether probes get workers with all libraries, as any other job.
    complete: AtomicBool,
    /// Starts its thread when the first worker is needed.
    spawner: LazyLock<Spawner, Box<dyn FnOnce() -> Spawner + Send>>,
}

impl std::fmt::Debug for WorkerPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let WorkerPool { width, isolation, .. } = self;
        f.debug_struct("WorkerPool")
            .field("width", width)
            .field("isolation", isolation)
            .finish_non_exhaustive()
    }
}

/// The right to run a job; returned when dropped.
struct Slot<'a>(&'a WorkerPool);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
        self.0.freed.notify_one();
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
        let of_workers = timeouts.clone();
        let start = move || Spawner::start(program, of_workers, devices);
        WorkerPool {
            width: width.max(1),
            timeouts,
            state: Mutex::default(),
            freed: Condvar::new(),
            info: OnceLock::new(),
            isolation: Isolation::default(),
            refused: OnceLock::new(),
            complete: AtomicBool::new(true),
            spawner: LazyLock::new(Box::new(start)),
        }
    }

    /// Sets how much isolation the workers must have; [`Isolation::Required`] unless this is called.
    #[must_use]
    pub fn with_isolation(self, isolation: Isolation) -> WorkerPool {
        WorkerPool { isolation, ..self }
    }

    /// Makes this a pool for probes: workers that run them have only the libraries of a probe, and start in less processor
    /// time. For the first job of another kind, a second template loads all libraries.
    #[must_use]
    pub fn for_probes(self) -> WorkerPool {
        WorkerPool { complete: AtomicBool::new(false), ..self }
    }

    /// Starts the template and the first worker in the background, so that the first job need not wait for them.
    pub fn warm_up(&self) {
        self.spawner.prepare(self.isolation, self.probe_purpose());
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until fewer jobs run than the pool is wide, or the job is cancelled.
    fn slot(&self, cancel: &AtomicBool) -> Result<Slot<'_>, JobError> {
        let mut state = self.state();
        while state.busy >= self.width && !cancel.load(Ordering::Relaxed) {
            state = self.freed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        if cancel.load(Ordering::Relaxed) {
            return Err(JobError::Cancelled);
        }
        state.busy += 1;
        Ok(Slot(self))
    }

    /// Returns what workers that probe are forked for.
    fn probe_purpose(&self) -> Purpose {
        if self.complete.load(Ordering::Relaxed) { Purpose::Any } else { Purpose::Probes }
    }

    /// Runs a job in a worker of its own.
    fn run_once(
        &self,
        purpose: Purpose,
        request: &JobRequest,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<JobOutput, JobError> {
        let (purpose, worker) = self.worker(purpose, &request.cancel)?;
        self.spawner.prepare(self.isolation, purpose);
        worker.run(request, &self.timeouts, progress)
    }

    /// Returns a worker that is locked down and has read nothing, and what it was forked for: any job, where those for
    /// probes do not start.
    fn worker(&self, purpose: Purpose, cancel: &AtomicBool) -> Result<(Purpose, Worker), JobError> {
        match self.worker_for(purpose, cancel) {
            Err(JobError::Unavailable(_)) if purpose == Purpose::Probes => {
                let worker = self.worker_for(Purpose::Any, cancel)?;
                self.complete.store(true, Ordering::Relaxed);
                Ok((Purpose::Any, worker))
            }
            worker => Ok((purpose, worker?)),
        }
    }

    fn worker_for(&self, purpose: Purpose, cancel: &AtomicBool) -> Result<Worker, JobError> {
        if let Some(reason) = self.refused.get() {
            return Err(JobError::NotIsolated(reason.clone()));
        }
        let idle = self.state().idle.take_if(|(of, _)| *of == purpose);
        if let Some((_, worker)) = idle.filter(|(_, worker)| worker.is_alive()) {
            return Ok(worker);
        }
        let mut worker = self.forked(purpose, cancel)?;
        let mut greeted = worker.greet(&self.timeouts, self.isolation, cancel);
        if greeted.is_err() && worker.template().is_broken() {
            // Its template died, which is no fault of the job.
            worker = self.forked(purpose, cancel)?;
            greeted = worker.greet(&self.timeouts, self.isolation, cancel);
        }
        if let Err(JobError::NotIsolated(reason)) = &greeted {
            let _ = self.refused.set(reason.clone());
        }
        let WorkerInfo { separate_process, in_force, landlock_abi, refused, .. } = greeted?;
        let library = || worker.template().info.clone();
        self.info.get_or_init(|| WorkerInfo {
            separate_process,
            in_force,
            landlock_abi,
            refused,
            ..library()
        });
        Ok(worker)
    }

    /// Waits until a worker is forked, or the job is cancelled.
    fn forked(&self, purpose: Purpose, cancel: &AtomicBool) -> Result<Worker, JobError> {
        let forked = self.spawner.request(self.isolation, purpose);
        loop {
            match forked.recv_timeout(TICK) {
                Ok(result) => return result,
                Err(mpsc::RecvTimeoutError::Timeout) if cancel.load(Ordering::Relaxed) => {
                    return Err(JobError::Cancelled);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let message = "the thread that starts media workers has exited";
                    return Err(JobError::Unavailable(message.into()));
                }
            }
        }
    }
}

impl Runner for WorkerPool {
    fn run(&self, request: JobRequest, progress: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError> {
        if let Some(error) = request.time.used_up() {
            return Err(error);
        }
        let _slot = self.slot(&request.cancel)?;
        let purpose = match &request.job {
            Job::Probe { .. } => self.probe_purpose(),
            _ => Purpose::Any,
        };
        let result = self.run_once(purpose, &request, progress);
        if purpose == Purpose::Any || !has_crashed(&result) {
            return result;
        }
        // It may have needed a library that it lacks.
        let result = self.run_once(Purpose::Any, &request, progress);
        self.complete.fetch_or(!has_crashed(&result), Ordering::Relaxed);
        result
    }

    fn width(&self) -> usize {
        self.width
    }

    fn describe(&self) -> Result<WorkerInfo, JobError> {
        if self.info.get().is_none() {
            let worker = self.worker(self.probe_purpose(), &AtomicBool::new(false))?;
            self.state().idle = Some(worker);
        }
        self.info.get().cloned().ok_or_else(|| JobError::Unavailable("no media worker is available".into()))
    }
}

fn has_crashed(result: &Result<JobOutput, JobError>) -> bool {
    matches!(result, Err(JobError::WorkerLost { death: WorkerDeath::Crashed, .. }))
}

/// Returns the default worker program: `$GREENLIT_WORKER`, else `greenlit-worker` in the folder of this
/// program.
pub fn default_program() -> PathBuf {
    std::env::var_os("GREENLIT_WORKER")
        .map(PathBuf::from)
        .unwrap_or_else(|| std::env::current_exe().unwrap_or_default().with_file_name("greenlit-worker"))
}
