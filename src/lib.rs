//! greenlit checks videos against the rules of an ad platform, fixes what can be fixed with the
//! least loss, proves the result, and ships it.
//!
//! # Code map
//!
//! The pure core, which knows no file, network, clock, thread or library of media:
//!
//! - [`model`]: what a media file is.
//! - [`profile`]: what a destination allows.
//! - [`rules`]: one rule a file; facts and profile in, findings out.
//! - [`plan`]: findings in, the least-loss remedy out.
//!
//! Ports, each with its adapters in the same folder:
//!
//! - [`job`]: a unit of work on one file, and who runs it: this process or worker processes.
//! - [`probe`]: bytes to facts. [`transcode`]: a plan to a file. [`verify`]: is it still the video?
//! - [`cache`]: what earlier runs found out about files that did not change.
//! - [`platform`]: a destination's API: wire types, error table, limits.
//!
//! And those who put them together:
//!
//! - [`ship`]: upload, wait, publish; at most once, with a journal.
//! - [`pipeline`]: the stages, wired with bounded queues.
//! - [`report`]: one renderer a format.
//! - [`sandbox`]: a stand-in for the platform.
//! - [`cli`]: the command line.
//!
//! What may import what is checked by `tests/layers.rs`; the reasons are in ARCHITECTURE.md.

pub mod cache;
pub mod cli;
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
pub mod transcode;
pub mod verify;
