//! greenlit checks videos against the rules of an ad platform, fixes what can be fixed with the least loss, verifies
//! that the result is compliant and still the same video, and ships it.
//!
//! Begin with [`Checker`], which checks a file or a folder, [`Fixer`], which plans and makes compliant copies, and
//! [`Shipper`], which delivers them:
//!
//! ```
//! # #[cfg(all(feature = "pipeline", feature = "libav"))]
//! # fn main() -> Result<(), greenlit::Error> {
//! use greenlit::{Checker, Verdict, Workers};
//!
//! let checker = Checker::builder().builtin_profile("tiktok-ads").workers(Workers::InProcess).build()?;
//! for file in checker.check_folder("fixtures")? {
//!     if file.verdict() != Verdict::Compliant {
//!         println!("{}", file.path().display());
//!     }
//! }
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "pipeline", feature = "libav")))]
//! # fn main() {}
//! ```
//!
//! A program that has the facts of a file from elsewhere needs the core alone: [`model`] has the facts, [`profile`] the
//! limits of a destination, [`rules`] compares them, [`plan`] turns findings into a fix, and [`probe`] reads what file
//! headers declare. The core uses no network, clock, thread or media library, and only [`probe`] reads files:
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! use greenlit::plan::{Action, Machine, plan};
//! use greenlit::probe::header_probe::{HeaderProbe, probe};
//! use greenlit::rules::{Selection, Subject, assess};
//! use greenlit::{FixOptions, Profile, Verdict};
//!
//! let file_name = "pypi-gradio-a.mp4";
//! let file = std::fs::File::open(format!("fixtures/{file_name}"))?;
//! let HeaderProbe::Settled(facts) = probe(&file)? else { panic!("the media library has to scan the file") };
//! let profile = Profile::builtin("tiktok-ads").expect("one of Profile::builtin_ids()");
//! let subject = Subject { facts: &facts, file_name, deep: None };
//! let assessment = assess(&subject, &profile, &Selection::default());
//! assert_eq!(assessment.verdict(), Verdict::Noncompliant);
//! for finding in assessment.findings() {
//!     println!("{}: {}", finding.severity, finding.message);
//! }
//! let plan = plan(&facts, &assessment, &profile, &FixOptions::default(), &Machine { cores: 4 });
//! assert_eq!(plan.action, Action::ReencodeVideo);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! Without features the library is the core. `worker` adds jobs and isolated processes, `libav` the media library,
//! `report` the reports, `pipeline` checks and fixes of files and folders, `ship` the platforms, `sandbox` the simulated
//! platforms, and `cli` the command line.
//!
//! # Hidden modules
//!
//! The modules that are not listed here serve greenlit's own programs and tests. They may change in any release.

/*
Code map. The core: `model`, `profile`, `rules` (one per file), `plan`, `ending`, `probe` without `probe::libav`.

- `job`: a unit of work on one file, as data, and the port for its runners. `worker` runs jobs in isolated processes.
- `libav`: what `probe::libav`, `transcode` and `verify` share of the media library; `execute` connects them.
- `pipeline`: the stages, connected by bounded queues; `cache` stores probe results of unchanged files.
- `platform`: each destination's API; `ship`: upload, wait, publish, at most once, with a journal.
- `report`: one renderer per format. `sandbox`: simulates the platforms. `cli`: the command line.
- `facade`: the simple interface. `state_folder` opens the files that greenlit keeps for itself.

tests/module_dependencies.rs checks the allowed imports; ARCHITECTURE.md gives the reasons.
*/
// Small helpers of the core serve only the larger feature sets; the default build checks that they are used.
#![cfg_attr(not(all(feature = "cli", feature = "libav")), allow(dead_code, unused_imports))]

#[cfg(feature = "cli")]
mod build;
#[cfg(feature = "pipeline")]
#[doc(hidden)]
pub mod cache;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod ending;
#[cfg(feature = "libav")]
#[doc(hidden)]
pub mod execute;
#[cfg(feature = "pipeline")]
mod facade;
#[cfg(feature = "pipeline")]
mod host_memory;
#[cfg(feature = "worker")]
#[doc(hidden)]
pub mod job;
#[cfg(feature = "libav")]
#[allow(unsafe_code)] // The media library has only a C interface.
mod libav;
pub mod model;
#[cfg(feature = "pipeline")]
#[doc(hidden)]
pub mod pipeline;
pub mod plan;
#[cfg(feature = "ship")]
#[doc(hidden)]
pub mod platform;
pub mod probe;
pub mod profile;
#[cfg(feature = "report")]
#[doc(hidden)]
pub mod report;
pub mod rules;
#[cfg(feature = "sandbox")]
#[doc(hidden)]
pub mod sandbox;
#[cfg(feature = "ship")]
#[doc(hidden)]
pub mod ship;
#[cfg(any(feature = "pipeline", feature = "sandbox"))]
mod state_folder;
#[cfg(feature = "libav")]
#[doc(hidden)]
pub mod transcode;
#[cfg(feature = "libav")]
#[doc(hidden)]
pub mod verify;
#[cfg(feature = "cli")]
mod watch;
#[cfg(feature = "worker")]
#[doc(hidden)]
pub mod worker;

pub use ending::Ending;
#[cfg(all(feature = "pipeline", feature = "libav"))]
pub use facade::serve_if_worker;
#[cfg(feature = "pipeline")]
pub use facade::{Checker, CheckerBuilder, Error, ErrorKind, Fixer, FixerBuilder, Workers};
#[cfg(feature = "ship")]
pub use facade::{Shipped, Shipper, ShipperBuilder};
#[cfg(feature = "worker")]
pub use job::{Progress, Similarity, VerifyFailure, VerifyLevel, VerifyReport};
#[cfg(feature = "pipeline")]
pub use pipeline::{
    CheckedFile, Event, Failure, FixOutcome, FixResult, NoFacts, Outcome, Output, ProbeMode, Proof,
    SourceFile,
};
pub use plan::{FixOptions, FixPlan};
pub use profile::{Profile, Severity};
pub use rules::{Finding, Verdict};
#[cfg(feature = "ship")]
pub use ship::{Delivery, DeliveryState, RowDelivery, RowProblem, ShipEvent, Until};

/// Compiles and runs the examples of the README.
#[cfg(all(doctest, feature = "cli", feature = "libav"))]
#[doc = include_str!("../README.md")]
struct Readme;
