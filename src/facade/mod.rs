//! The simple interface: check, plan, fix and ship with a few lines. Everything it does, the modules below do.

mod checker;
mod error;
mod fixer;
#[cfg(feature = "ship")]
mod local_preparer;
mod noting_runner;
#[cfg(feature = "ship")]
mod shipper;
mod workers;

pub use checker::{Checker, CheckerBuilder};
pub use error::{Error, ErrorKind};
pub use fixer::{Fixer, FixerBuilder};
#[cfg(feature = "ship")]
pub(crate) use local_preparer::{LocalAssetPreparer, READY_QUEUE, check_covers, manifest_sources};
#[cfg(feature = "ship")]
pub use shipper::{Shipped, Shipper, ShipperBuilder};
pub use workers::Workers;
#[cfg(feature = "libav")]
pub use workers::serve_if_worker;
