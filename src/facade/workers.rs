//! Where media is decoded.

use std::path::PathBuf;
use std::sync::Arc;

use crate::job::Runner;
use crate::worker::WorkerPool;

/// Where media is decoded: in processes of their own, which a hostile file cannot leave, or in this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Workers {
    /// The program `greenlit-worker`: `$GREENLIT_WORKER`, else the one in the folder of this program.
    #[default]
    Installed,
    /// The program at this path: `greenlit-worker`, or one whose `main` begins with
    /// [`serve_if_worker`](crate::serve_if_worker).
    Program(PathBuf),
    /// This program, whose `main` begins with [`serve_if_worker`](crate::serve_if_worker).
    #[cfg(feature = "libav")]
    ThisProgram,
    /// This process, without isolation: a decoder that crashes ends it. For files that you made yourself.
    #[cfg(feature = "libav")]
    InProcess,
}

/// Serves media jobs until there are no more and returns `true`, if this program was started for that
/// ([`Workers::ThisProgram`]): `main` must then end. Returns `false` at once otherwise.
///
/// Call it first in `main`, before any thread is started: a process that serves jobs gives up its access to files,
/// other processes and the network.
#[cfg(feature = "libav")]
#[must_use = "a process that served jobs must end"]
pub fn serve_if_worker() -> bool {
    use crate::{execute, worker};

    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_worker = args.first().is_some_and(|first| first == worker::WORKER_ARG);
    if is_worker {
        // A parent that is gone leaves nothing to do.
        let _ = worker::serve(&args, execute::prepare, execute::execute_in_worker);
    }
    is_worker
}

impl Workers {
    /// Returns a runner for `jobs` files at the same time.
    pub(super) fn runner(&self, jobs: usize) -> Arc<dyn Runner> {
        match self {
            Workers::Installed => Arc::new(WorkerPool::new(jobs)),
            Workers::Program(path) => Arc::new(WorkerPool::with_program(jobs, path.clone())),
            #[cfg(feature = "libav")]
            Workers::ThisProgram => {
                let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
                Arc::new(WorkerPool::with_program(jobs, program))
            }
            #[cfg(feature = "libav")]
            Workers::InProcess => Arc::new(crate::execute::InProcessRunner::new(jobs)),
        }
    }
}
