//! The events of a run.

use std::path::PathBuf;
use std::sync::Arc;

use super::DeliveryState;

/// An event of a run, for progress displays.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShipEvent {
    /// An asset changed its state.
    State {
        /// The source as given.
        source: PathBuf,
        /// The new state.
        state: DeliveryState,
    },
    /// Bytes were sent.
    Sent {
        /// The source as given.
        source: PathBuf,
        /// Bytes sent so far.
        bytes: u64,
        /// Bytes in total.
        total: u64,
    },
    /// All calls pause because the platform throttles.
    Paused {
        /// Seconds.
        seconds: u64,
    },
}

/// Receives the events of a run.
pub type Listener = Arc<dyn Fn(ShipEvent) + Send + Sync>;
