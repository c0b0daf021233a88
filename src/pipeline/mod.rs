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
mod ledger;
mod make;
mod memory;
mod names;
mod outcome;
mod side_by_side;
mod space;
mod staging;
mod tasks;

pub use check::{CheckOptions, Checked, check, check_each, check_one};
pub use discover::{DiscoverError, Discovery, Source, Trouble, discover};
pub use events::{Event, Observer, Silent};
pub use fix::{FixSettings, Layout, fix};
pub use ledger::{FixLedger, LedgerKey};
pub use names::{Collision, find_collisions, output_name};
pub use outcome::{Failure, FailureKind, FixOutcome, Outcome, Proof};
pub use staging::{Staging, remove_stale};
