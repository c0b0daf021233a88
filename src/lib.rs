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
//!   an output with its source.
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

pub mod cache;
pub mod cli;
pub mod ending;
pub mod execute;
pub mod job;
pub mod model;
pub mod pipeline;
pub mod plan;
pub mod platform;
pub mod probe;
pub mod profile;
pub mod report;
pub mod rules;
pub mod sandbox;
pub mod ship;
mod state_folder;
pub mod transcode;
pub mod verify;
pub mod worker;
