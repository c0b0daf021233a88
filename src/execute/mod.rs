//! Executes jobs with the media library; both runners use it.

mod fix_images;
mod in_process;
mod run_job;
#[cfg(test)]
mod verification_tests;

pub use in_process::InProcessRunner;
pub use run_job::{describe, execute, execute_in_worker, prepare};
