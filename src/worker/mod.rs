//! Runs jobs in worker processes, so that a hostile file can crash only one worker, not the run.
//!
//! A pool starts one template process ([`template`]), which forks a worker for each job.

mod barrier;
mod child;
mod descriptors;
mod exit_status;
#[cfg(target_os = "linux")]
mod forbidden_calls;
mod limit_setter;
mod limits;
mod lockdown;
mod pool;
mod process;
mod raw;
#[cfg(target_os = "linux")]
mod seccomp;
mod self_test;
mod spawner;
#[cfg(target_os = "linux")]
mod syscalls;
mod template;
mod template_process;
mod threads;
#[cfg(target_os = "linux")]
mod unused_libraries;
mod wire;

pub use barrier::{Barrier, Isolation};
pub use child::Execute;
pub use limits::WorkerTimeouts;
pub use pool::{WorkerPool, default_program};
pub(crate) use raw::keep_freed_memory;
pub use self_test::{self_test, try_forbidden_operations};
pub use template::{DEVICES_ARG, OPEN_ARG, PROBES_ARG, WORKER_ARG, serve};
#[doc(hidden)]
pub use wire::count_messages_for_fuzzing;
