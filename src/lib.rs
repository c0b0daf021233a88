//! greenlit checks videos against the rules of an ad platform, fixes what can be fixed with the
//! least loss, proves the result, and ships it.
//!
//! # Code map
//!
//! The pure core, which uses no file, network, clock, thread or media library:
//!
//! - [`model`]: the facts of a media file.
//! - [`profile`]: the limits of a destination.
//! - [`rules`]: the rules, one per file; they compare facts with a profile and return findings.
//! - [`plan`]: turns findings into the fix with the least loss.
//! - [`ending`]: how a file ended, as one type.
//!
//! Ports, each with its adapters in the same folder:
//!
//! - [`job`]: a unit of work on one file, as data, and the port for its runners.
//! - [`probe`]: reads facts from bytes. [`transcode`]: makes a file from a plan. [`verify`]: compares
//!   an output with its source. `libav`: what the three share of the media library.
//! - [`cache`]: stores probe results of earlier runs for unchanged files.
//! - [`platform`]: a destination's API: wire types, error table, limits.
//!
//! Modules that combine them:
//!
//! - [`execute`]: executes jobs with the media library. [`worker`]: runs them in isolated processes.
//! - [`ship`]: upload, wait, publish; at most once, with a journal.
//! - [`pipeline`]: the stages, connected by bounded queues.
//! - [`report`]: one renderer per format.
//! - [`sandbox`]: a local server that simulates the platforms.
//! - [`cli`]: the command line.
//!
//! `state_folder` opens the files that greenlit keeps for itself.
//!
//! `tests/module_dependencies.rs` checks the allowed imports; ARCHITECTURE.md gives the reasons.
//!
//! # Features
//!
//! Without features the library is the core. `worker` adds jobs and isolated processes, `libav` the
//! media library, `report` the reports, `pipeline` checks and fixes of folders, `ship` the platforms, `sandbox`
//! the simulated platforms, and `cli` the command line.

// Small helpers of the core serve only the larger feature sets; the default build checks that they are used.
#![cfg_attr(not(all(feature = "cli", feature = "libav")), allow(dead_code, unused_imports))]

#[cfg(feature = "pipeline")]
pub mod cache;
#[cfg(feature = "cli")]
pub mod cli;
pub mod ending;
#[cfg(feature = "libav")]
pub mod execute;
#[cfg(feature = "pipeline")]
mod facade;
#[cfg(feature = "pipeline")]
mod host_memory;
#[cfg(feature = "worker")]
pub mod job;
#[cfg(feature = "libav")]
#[allow(unsafe_code)] // The media library has only a C interface.
mod libav;
pub mod model;
#[cfg(feature = "pipeline")]
pub mod pipeline;
pub mod plan;
#[cfg(feature = "ship")]
pub mod platform;
pub mod probe;
pub mod profile;
#[cfg(feature = "report")]
pub mod report;
pub mod rules;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "ship")]
pub mod ship;
#[cfg(any(feature = "pipeline", feature = "sandbox"))]
mod state_folder;
#[cfg(feature = "libav")]
pub mod transcode;
#[cfg(feature = "libav")]
pub mod verify;
#[cfg(feature = "worker")]
pub mod worker;

#[cfg(all(feature = "pipeline", feature = "libav"))]
pub use facade::serve_if_worker;
#[cfg(feature = "pipeline")]
pub use facade::{Checker, CheckerBuilder, Error, ErrorKind, Fixer, FixerBuilder, Workers};
#[cfg(feature = "worker")]
pub use job::VerifyLevel;
#[cfg(feature = "pipeline")]
pub use pipeline::{CheckedFile, Event, Outcome};
pub use plan::{FixOptions, FixPlan};
pub use profile::{Profile, Severity};
pub use rules::{Finding, Verdict};

/// Compiles and runs the examples of the README.
#[cfg(all(doctest, feature = "cli", feature = "libav"))]
#[doc = include_str!("../README.md")]
struct Readme;
