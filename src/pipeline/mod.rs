//! The stages, wired together: discover, probe, assess, plan, fix, verify.
//!
//! Knows ports, never adapters: the runner of media jobs is handed in, and nothing here prints.
//! What happens is told through an [`Observer`]; what came of it is an [`Outcome`] for each file
//! and profile. Running a pipeline twice in one process works: there is no state outside it.

mod budget;
mod check;
mod discover;
mod events;
mod fix;
mod fix_record;
mod free_space;
mod names;
mod outcome;
mod parallel;
mod probe_cache;
mod produce;
mod staging;
mod tasks;

pub use check::{CheckOptions, Checked, check, check_each, check_one};
pub use discover::{DiscoverError, Discovery, InputProblem, Source, discover};
pub use events::{Event, Observer, Silent};
pub use fix::{FixSettings, Layout, fix};
pub use fix_record::{FixRecord, FixRecordKey};
pub use names::{Collision, find_collisions, output_name};
pub use outcome::{Failure, FailureKind, FixOutcome, Outcome, Proof};
pub use staging::{Staging, remove_stale};
