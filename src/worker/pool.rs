//! A pool of worker processes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};

use super::barrier::Isolation;
use super::limits::{TICK, WorkerTimeouts};
use super::process::Worker;
use super::spawner::Spawner;
use crate::job::{Job, JobError, JobOutput, JobRequest, Progress, Runner, WorkerDeath, WorkerInfo};

/// Jobs sent to a worker at once: few enough that their descriptors stay far below its limit, and that
/// their messages fit into the socket's buffer.
const MAX_BATCH: usize = 16;

#[derive(Default)]
struct PoolState {
    idle: Vec<Worker>,
    busy: usize,
}

/// A pool of worker processes, forked on demand and terminated with the pool. Only workers that probe serve more than
/// one job.
pub struct WorkerPool {
    width: usize,
    timeouts: WorkerTimeouts,
    state: Mutex<PoolState>,
    freed: Condvar,
    info: OnceLock<WorkerInfo>,
    isolation: Isolation,
    /// Why no worker may be used: every later one would lack the same barrier.
    refused: OnceLock<String>,
    spawner: Spawner,
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
        let spawner = Spawner::start(program, timeouts.clone(), devices);
        WorkerPool {
            width: width.max(1),
            timeouts,
            state: Mutex::default(),
            freed: Condvar::new(),
            info: OnceLock::new(),
            isolation: Isolation::default(),
            refused: OnceLock::new(),
            spawner,
        }
    }

    /// Sets how much isolation the workers must have; [`Isolation::Required`] unless this is called.
    #[must_use]
    pub fn with_isolation(self, isolation: Isolation) -> WorkerPool {
        WorkerPool { isolation, ..self }
    }

    /// Starts the template and the first worker in the background, so that the first job need not wait for them.
    pub fn warm_up(&self) {
        self.spawner.prepare(self.isolation);
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot with a worker that may have probed other files, waiting until one is free or the job is cancelled.
    fn take(&self, cancel: &AtomicBool) -> Result<WorkerSlot<'_>, JobError> {
        self.take_slot(cancel, true)
    }

    /// Like [`take`](Self::take), with a worker that has read nothing. The next one is forked meanwhile.
    fn take_fresh(&self, cancel: &AtomicBool) -> Result<WorkerSlot<'_>, JobError> {
        let slot = self.take_slot(cancel, false);
        self.spawner.prepare(self.isolation);
        slot
    }

    fn take_slot(&self, cancel: &AtomicBool, may_share: bool) -> Result<WorkerSlot<'_>, JobError> {
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
        let worker = if may_share { idle.find(Worker::is_alive) } else { None };
        drop(state);
        let mut slot = WorkerSlot { pool: self, worker };
        if slot.worker.is_none() {
            let spawned = self.spawner.request(self.isolation);
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

/// Returns whether a worker may run several jobs of this kind. All others have a worker of their own, which has ended
/// before the result is used: a file cannot affect the verification of another one, nor write to its output later.
fn may_share(job: &Job) -> bool {
    matches!(job, Job::Probe { .. })
}

impl WorkerPool {
    /// Runs probes on one worker, replacing it after its death or a failure. A worker death costs only the job that
    /// was running.
    fn run_batch_of_probes(
        &self,
        mut batch: &[JobRequest],
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
                    None => (0, Err(no_worker())),
                    Some(worker) => {
                        let (finished, end) = worker.run_batch(batch, &self.timeouts, &mut |_| {}, on_result);
                        // This terminates: each retry uses up a worker that had finished a job before.
                        let retry = finished == 0
                            && matches!(end, Err(JobError::WorkerLost { .. }))
                            && worker.may_have_died_idle();
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

    /// Runs a job on a worker of its own, and ends the worker before it returns the result.
    fn run_alone(
        &self,
        request: &JobRequest,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<JobOutput, JobError> {
        if let Some(error) = request.time.used_up() {
            return Err(error);
        }
        let mut slot = self.take_fresh(&request.cancel)?;
        let mut worker = slot.worker.take().ok_or_else(no_worker)?;
        let mut result = Err(JobError::Unavailable("the job did not run".into()));
        let batch = std::slice::from_ref(request);
        let (_, end) = worker.run_batch(batch, &self.timeouts, progress, &mut |outcome| result = outcome);
        end?;
        if worker.kill() {
            return result;
        }
        // The template died at this moment. The worker dies too, but when is not known.
        let message = "media worker could not be ended after its job: the process that started it has died";
        Err(JobError::WorkerLost { death: WorkerDeath::TemplateDied, message: message.into() })
    }
}

fn no_worker() -> JobError {
    JobError::Unavailable("no media worker is available".into())
}

impl Runner for WorkerPool {
    fn run(&self, request: JobRequest, progress: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError> {
        self.run_alone(&request, progress)
    }

    fn run_batch(&self, requests: Vec<JobRequest>, on_result: &mut dyn FnMut(Result<JobOutput, JobError>)) {
        let same_kind = |one: &JobRequest, other: &JobRequest| {
            one.job == other.job && Arc::ptr_eq(&one.cancel, &other.cancel)
        };
        for batch in requests.chunk_by(same_kind).flat_map(|same| same.chunks(MAX_BATCH)) {
            if batch.first().is_some_and(|first| may_share(&first.job)) {
                self.run_batch_of_probes(batch, on_result);
            } else {
                batch.iter().for_each(|request| on_result(self.run_alone(request, &mut |_| {})));
            }
        }
    }

    fn width(&self) -> usize {
        self.width
    }

    fn describe(&self) -> Result<WorkerInfo, JobError> {
        if self.info.get().is_none() {
            drop(self.take(&AtomicBool::new(false))?);
        }
        self.info.get().cloned().ok_or_else(no_worker)
    }
}

/// Returns the default worker program: `$GREENLIT_WORKER`, else `greenlit-worker` in the folder of this
/// program.
pub fn default_program() -> PathBuf {
    std::env::var_os("GREENLIT_WORKER")
        .map(PathBuf::from)
        .unwrap_or_else(|| std::env::current_exe().unwrap_or_default().with_file_name("greenlit-worker"))
}
