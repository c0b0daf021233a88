//! Jobs in processes of their own: what a hostile file breaks is one worker, not the run.

mod child;
mod wire;

use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::{Isolation, JobError, JobOutput, JobRequest, Progress, Runner};
pub use child::{Execute, serve};
use wire::{Reply, Request, checked, send};

/// How often a waiting parent looks at its cancel flag.
const TICK: Duration = Duration::from_millis(50);
/// Silence after which a worker is taken to hang.
const STALL: Duration = Duration::from_secs(60);
/// Address space of a worker: 4 GiB holds an 8K encode, and stops a memory bomb.
const ADDRESS_SPACE: u64 = 4 << 30;

/// What both sides must agree on.
fn version() -> String {
    format!("{}/1", env!("CARGO_PKG_VERSION"))
}

struct Worker {
    child: Child,
    socket: UnixStream,
    isolation: Isolation,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Default)]
struct State {
    idle: Vec<Worker>,
    busy: usize,
}

type Spawned = Result<Worker, JobError>;

/// A pool of long-lived worker processes, started when first needed.
pub struct WorkerPool {
    width: usize,
    state: Mutex<State>,
    freed: Condvar,
    spawner: Mutex<mpsc::Sender<mpsc::Sender<Spawned>>>,
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
        let (sender, orders) = mpsc::channel::<mpsc::Sender<Spawned>>();
        // The signal at the parent's death fires when the spawning thread ends: so one that stays.
        std::thread::spawn(move || {
            while let Ok(answer) = orders.recv() {
                let _ = answer.send(spawn(&program));
            }
        });
        WorkerPool {
            width: width.max(1),
            state: Mutex::default(),
            freed: Condvar::new(),
            spawner: Mutex::new(sender),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Spawned {
        let mut state = self.state();
        while state.busy >= self.width {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.busy += 1;
        if let Some(worker) = state.idle.pop() {
            return Ok(worker);
        }
        drop(state);
        let (answer, spawned) = mpsc::channel();
        let _ = self.spawner.lock().unwrap_or_else(PoisonError::into_inner).send(answer);
        let gone = || JobError::Unavailable("the thread that starts workers has ended".into());
        spawned.recv().map_err(|_| gone()).flatten().inspect_err(|_| self.give_back(None))
    }

    fn give_back(&self, worker: Option<Worker>) {
        let mut state = self.state();
        state.busy -= 1;
        state.idle.extend(worker);
        self.freed.notify_one();
    }
}

impl Runner for WorkerPool {
    fn run(&self, request: JobRequest, progress: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError> {
        let mut worker = self.take()?;
        let result = converse(&mut worker, request, progress);
        let lost = matches!(result, Err(JobError::WorkerLost(_) | JobError::Cancelled));
        self.give_back((!lost).then_some(worker));
        result
    }

    fn width(&self) -> usize {
        self.width
    }

    fn describe(&self) -> Result<Isolation, JobError> {
        let worker = self.take()?;
        let isolation = worker.isolation.clone();
        self.give_back(Some(worker));
        Ok(isolation)
    }
}

fn program() -> PathBuf {
    std::env::var_os("GREENLIT_WORKER")
        .map(PathBuf::from)
        .unwrap_or_else(|| std::env::current_exe().unwrap_or_default().with_file_name("greenlit-worker"))
}

fn spawn(program: &Path) -> Spawned {
    let failed = |error: std::io::Error| {
        JobError::Unavailable(format!(
            "cannot start {}: {error}; set GREENLIT_WORKER to it",
            program.display()
        ))
    };
    let (socket, theirs) = UnixStream::pair().map_err(failed)?;
    let child = Command::new(program)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let mut worker = Worker { child, socket, isolation: Isolation::default() };
    worker.socket.set_read_timeout(Some(TICK)).map_err(failed)?;
    match next(&mut worker, &mut || false)? {
        Reply::Hello(theirs, isolation) if theirs == version() => worker.isolation = *isolation,
        _ => {
            return Err(JobError::Unavailable(
                "the worker is of another version: install both together".into(),
            ));
        }
    }
    if let Some(pid) = Pid::from_raw(worker.child.id() as i32) {
        let limit = Rlimit { current: Some(ADDRESS_SPACE), maximum: Some(ADDRESS_SPACE) };
        let list = &mut worker.isolation;
        match prlimit(Some(pid), Resource::As, limit) {
            Ok(_) => list.in_force.push("rlimit-as".into()),
            Err(error) => list.refused.push(format!("rlimit-as: {error}")),
        }
        list.in_force.push("empty-environment".into());
    }
    Ok(worker)
}

fn converse(
    worker: &mut Worker,
    request: JobRequest,
    progress: &mut dyn FnMut(Progress),
) -> Result<JobOutput, JobError> {
    let mut files = vec![request.files.input.as_fd()];
    files.extend(request.files.output.as_ref().map(AsFd::as_fd));
    let message = Request { job: request.job.clone(), name: request.name.clone() };
    if send(&worker.socket, &message, &files).is_err() {
        return Err(lost(worker, "ended before the job"));
    }
    let mut cancelled = || request.cancel.load(Ordering::Relaxed);
    loop {
        match next(worker, &mut cancelled)? {
            Reply::Progress(step) => progress(step),
            Reply::Done(result) => return *result,
            Reply::Hello(..) => return Err(lost(worker, "spoke out of turn")),
        }
    }
}

/// The next message, or why there is none.
fn next(worker: &mut Worker, cancelled: &mut dyn FnMut() -> bool) -> Result<Reply, JobError> {
    let mut length = [0; 4];
    fill(worker, &mut length, cancelled)?;
    let Ok(length) = checked(length) else { return Err(lost(worker, "sent too long a message")) };
    let mut body = vec![0; length];
    fill(worker, &mut body, cancelled)?;
    serde_json::from_slice(&body).map_err(|_| lost(worker, "sent what is not a message"))
}

fn fill(worker: &mut Worker, buffer: &mut [u8], cancelled: &mut dyn FnMut() -> bool) -> Result<(), JobError> {
    let (mut done, mut since) = (0, Instant::now());
    while done < buffer.len() {
        match worker.socket.read(&mut buffer[done..]) {
            Ok(0) => return Err(lost(worker, "ended")),
            Ok(count) => (done, since) = (done + count, Instant::now()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if cancelled() {
                    return Err(JobError::Cancelled);
                }
                if since.elapsed() > STALL {
                    return Err(lost(worker, "showed no sign of life for a minute"));
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Err(lost(worker, "cut the connection")),
        }
    }
    Ok(())
}

/// Ends a worker and says what became of it.
fn lost(worker: &mut Worker, what: &str) -> JobError {
    let _ = worker.child.kill();
    let how = match worker.child.wait() {
        Ok(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => format!(" (signal {signal})"),
            (None, Some(code)) => format!(" (exit code {code})"),
            _ => String::new(),
        },
        Err(_) => String::new(),
    };
    JobError::WorkerLost(format!("the process that read this file {what}{how}"))
}
