//! The pipeline: discover, probe, assess, plan, fix, verify.
//!
//! [`Pipeline`] has the use cases of one asset: check, plan, prepare. Batches of files schedule the same use cases, and
//! their values ([`StageValue`]) can cross a process or a machine.
//!
//! Depends on ports, not on adapters: the caller passes the runner of media jobs and the [`Store`] of files, and the
//! pipeline prints nothing. It reports progress to an [`Observer`] and returns an [`Outcome`] for each file and
//! profile. It has no global state, so it can run twice in one process.

mod another_try;
mod asset;
mod asset_check;
mod check;
mod check_options;
mod checked_file;
mod confirm_source;
mod cover;
mod discover;
mod events;
mod existing_target;
mod failed_copy;
mod failure;
mod finish_output;
mod fix;
mod fix_executor;
mod fix_record;
mod fix_record_lines;
mod fix_settings;
mod free_space;
mod inputs;
mod local_files;
mod name_folding;
mod not_decoded;
mod open_source;
mod opened_source;
mod outcome;
mod output_check;
mod output_names;
mod output_proof;
mod parallel;
mod pictures;
mod plan_text;
mod planned_output;
mod probe_cache;
mod produce_context;
mod produce_output;
mod ready_output;
mod recorded_path;
pub(crate) mod replace_file;
mod resource_budget;
mod shared_names;
mod source_decode;
mod stage;
mod staging;
mod stale_outputs;
mod store;
mod twins;
mod validate;
mod work_batches;
mod work_order;

pub use check_options::{CheckOptions, ProbeMode, ProfileScope};
pub use checked_file::CheckedFile;
pub use cover::CoverRemark;
pub use discover::{
    DiscoverError, Discovery, InputProblem, NotOpened, SourceFile, discover, discover_listed,
};
pub use events::{Event, Observer, Silent};
pub use failure::{Failure, NoFacts};
pub use fix_record::{FixRecord, FixRecordKey};
pub use fix_settings::{FixSettings, OutputLayout};
pub use inputs::{Fixing, Pipeline};
pub use local_files::LocalFiles;
pub use name_folding::fold;
pub(crate) use open_source::{display_name, is_media_or_image};
pub use outcome::{FixOutcome, FixResult, Outcome, Output, Proof};
pub use output_names::{Collision, find_collisions, output_name};
pub use stage::{StageError, StageValue, load_stage, store_stage};
pub use staging::{Staging, remove_stale};
pub use stale_outputs::StaleOutput;
pub use store::{Existing, Publication, Store};
