//! How the human-readable report looks.

/// The options of the human-readable report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HumanOptions {
    /// Use ANSI colours. Colour never carries information alone.
    pub color: bool,
    /// Show advice, sources and the confidence of each limit.
    pub verbose: bool,
    /// Show only files that need attention, and the summary.
    pub quiet: bool,
    /// Columns to wrap at; 0 never wraps.
    pub width: usize,
}

impl Default for HumanOptions {
    fn default() -> HumanOptions {
        HumanOptions { color: false, verbose: false, quiet: false, width: 100 }
    }
}
