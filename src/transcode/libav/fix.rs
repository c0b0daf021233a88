//! Makes one output: writes it and has it verified.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::shared_decode::DecoderHandle;
use super::write::{SourceFile, write};
use crate::job::{FixReport, JobError, Progress};
use crate::libav::file::{io_error, share};
use crate::libav::verify_tap::{Verifier, WrittenOutput};
use crate::model::MediaFacts;
use crate::plan::{OutputSpec, VideoPlan};

/// A source, and what all outputs made from it have in common.
#[derive(Clone, Copy)]
pub(crate) struct FixSource<'a> {
    /// The file.
    pub(crate) input: &'a File,
    /// Its name, of which only the extension is used.
    pub(crate) name: &'a str,
    /// Verifies the outputs.
    pub(crate) verifier: &'a dyn Verifier,
    /// Set to cancel the work.
    pub(crate) cancel: &'a Arc<AtomicBool>,
}

/// The share of the progress bar for writing the output; the rest is for its verification.
const WRITE_SHARE: f64 = 0.95;

/// Writes the output and verifies it, with a handle to a decoder that it shares with other outputs. The report has no
/// facts, and the finished output is not decoded by itself: that is for a process that has not made it
/// ([`Job::Proof`](crate::job::Job::Proof)).
///
/// `output` must be empty; after an error its content is undefined. It is flushed to the device before
/// the function returns.
///
/// # Errors
///
/// [`JobError::Unreadable`] when nothing of the input can be decoded, [`JobError::Failed`] when the plan
/// cannot be carried out or the output exceeds the size limit, [`JobError::Io`], [`JobError::Cancelled`].
/// A failed verification is not an error: see `failures` in the report.
pub(super) fn fix_with_decoder(
    decoder: Option<DecoderHandle>,
    source: FixSource<'_>,
    output: File,
    spec: &OutputSpec,
    progress: &mut dyn FnMut(Progress),
) -> Result<FixReport, JobError> {
    let FixSource { input, name, verifier, cancel } = source;
    let mut scaled = |from: f64, share: f64, step: Progress| {
        let total_s = step.total_s.or(spec.expected_duration_s);
        let done_s = total_s.map_or(step.done_s, |total| total * from + step.done_s.min(total) * share);
        progress(Progress { done_s, total_s, ..step });
    };
    let report = thread::scope(|scope| {
        // A separate thread flushes to the device, so that encoding and verification do not wait for it.
        let (flush, flush_requests) = sync_channel(1);
        let flush_thread = scope.spawn(|| {
            for () in flush_requests {
                // The final `sync_all` reports errors.
                let _ = output.sync_data();
            }
            output.sync_all().map_err(io_error)
        });
        let mut write_progress = |step| scaled(0.0, WRITE_SHARE, step);
        let source = SourceFile { file: share(input)?, name, decoder };
        let result = write(source, &output, spec, verifier, &flush, Arc::clone(cancel), &mut write_progress);
        drop(flush);
        let mut verify_progress = |step| scaled(WRITE_SHARE, 1.0 - WRITE_SHARE, step);
        let verified = result.and_then(|written| {
            let (length, reading) = (written.length, written.reading);
            let complete = WrittenOutput { spec, input, name, output: &output, length, reading, cancel };
            written.tap.verify(complete, &mut verify_progress)
        });
        let flushed = flush_thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        verified.and_then(|report| flushed.map(|()| report))
    })?;
    let encoder = match &spec.video {
        Some(VideoPlan::Encode(plan)) => Some(plan.encoder),
        _ => None,
    };
    Ok(FixReport { facts: MediaFacts::default(), verify: report, encoder })
}
