//! The simple interface: check, plan, fix and ship with a few lines. Everything it does, the modules below do.

mod checker;
mod error;
mod fixer;
mod workers;

pub use checker::{Checker, CheckerBuilder};
pub use error::{Error, ErrorKind};
pub use fixer::{Fixer, FixerBuilder};
pub use workers::Workers;
#[cfg(feature = "libav")]
pub use workers::serve_if_worker;
