//! What happens while it happens.

use std::path::Path;

use crate::job::Progress;

/// One thing that happened. Borrowed: whoever wants to keep it copies it.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The batch is known: this many files will be looked at.
    Found {
        /// Number of files.
        files: usize,
    },
    /// A file was assessed under every profile.
    Checked {
        /// The file.
        path: &'a Path,
    },
    /// All plans are made; this much media will be written.
    Planned {
        /// Number of outputs to make.
        outputs: usize,
        /// Seconds of media in them, as far as known.
        media_s: f64,
        /// Seconds of processor time that they will take, about.
        core_s: f64,
    },
    /// Work on an output, or on several of one source, began.
    Started {
        /// The number of the piece of work, by which the events after this one name it.
        work: usize,
        /// The source.
        path: &'a Path,
        /// What is done, for a person: `re-encode`.
        what: &'a str,
        /// Seconds of media, where known.
        media_s: Option<f64>,
        /// Seconds of processor time that it will take, about.
        core_s: f64,
    },
    /// That work goes on.
    Advanced {
        /// Its number.
        work: usize,
        /// How far.
        progress: Progress,
    },
    /// That work ended.
    Finished {
        /// Its number.
        work: usize,
        /// How many outputs stand under their final names.
        made: usize,
    },
}

/// Is told what happens, from any thread, in an order that is right for each file.
pub trait Observer: Sync {
    /// Takes note of `event`. Must be quick: work waits for it.
    fn notice(&self, event: Event<'_>);
}

/// Takes no note.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn notice(&self, _event: Event<'_>) {}
}
