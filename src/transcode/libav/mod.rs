//! Carries out an output specification with FFmpeg's libraries, in this process.
//!
//! This module opens no files: input and output are descriptors, read and written by offset.

// libav is a C library; `av` owns the raw pointers to its objects.
#![allow(unsafe_code)]

pub(crate) mod audio;
pub(crate) mod audio_track;
pub(crate) mod copy;
mod cover;
mod device;
pub(crate) mod encode;
mod encode_sink;
mod encoder_trial;
pub(crate) mod filter_stage;
mod loop_frames;
mod loudness;
pub(crate) mod media_sink;
mod moov_size;
mod multi_output;
mod mux;
pub(crate) mod pipeline_stages;
mod shared_decode;
mod stream_pipeline;
#[cfg(test)]
mod tests;
pub(crate) mod transcoder;
mod verify_tap;
pub(crate) mod video;
mod writer;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use self::encode_sink::EncodeSink;
use self::mux::{Muxer, size_limit_error};
use self::shared_decode::DecoderHandle;
use self::transcoder::Transcoder;
use self::verify_tap::VerifyTap;
use self::writer::{DryRunStore, ReservedSpace, Store};
use super::faststart::{FaststartError, fill_reserved_moov, move_moov_first};
use crate::job::{FixReport, JobError, Progress, VerifyLevel};
use crate::libav::file::{io_error, share};
use crate::libav::input::Input;
use crate::model::MediaFacts;
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::probe::file_size;
use crate::verify::libav::{CopyReport, TapReport, verify_copies, verify_tapped};

pub use self::cover::{CoverRequest, cover};
pub use self::encoder_trial::trial;
pub use self::multi_output::fix_together;

/// A source, and what all outputs made from it have in common.
#[derive(Clone, Copy)]
pub struct FixSource<'a> {
    /// The file.
    pub input: &'a File,
    /// Its name, of which only the extension is used.
    pub name: &'a str,
    /// How thoroughly the outputs are verified.
    pub verify: VerifyLevel,
    /// Set to cancel the work.
    pub cancel: &'a Arc<AtomicBool>,
}

/// Writes the output and verifies it, with a handle to a decoder that it shares with other outputs. The report has no
/// facts, and the finished output is not decoded by itself: that is for a process that has not made it
/// ([`prove`](crate::verify::libav::prove)).
///
/// `output` must be empty; after an error its content is undefined. It is flushed to the device before
/// the function returns.
///
/// # Errors
///
/// [`JobError::Unreadable`] when nothing of the input can be decoded, [`JobError::Failed`] when the plan
/// cannot be carried out or the output exceeds the size limit, [`JobError::Io`], [`JobError::Cancelled`].
/// A failed verification is not an error: see `failures` in the report.
fn fix_with_decoder(
    decoder: Option<DecoderHandle>,
    source: FixSource<'_>,
    output: File,
    spec: &OutputSpec,
    progress: &mut dyn FnMut(Progress),
) -> Result<FixReport, JobError> {
    let FixSource { input, name, verify, cancel } = source;
    let mut scaled = |from: f64, share: f64, step: Progress| {
        let total_s = step.total_s.or(spec.expected_duration_s);
        let done_s = total_s.map_or(step.done_s, |total| total * from + step.done_s.min(total) * share);
        progress(Progress { done_s, total_s, ..step });
    };
    let verified_plan = (verify == VerifyLevel::Full).then_some(spec);
    let written = share(&output)?;
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
        let result =
            write(source, &output, spec, verified_plan, &flush, Arc::clone(cancel), &mut write_progress);
        drop(flush);
        let mut verify_progress = |step| scaled(WRITE_SHARE, 1.0 - WRITE_SHARE, step);
        let verified = result.and_then(|result| match result {
            WriteOutcome::Copied(report) => {
                verify_copies(&report, &written, spec, verify, cancel, &mut verify_progress)
            }
            WriteOutcome::Verified(tap_report) => {
                verify_tapped(*tap_report, input, &written, name, spec, cancel, &mut verify_progress)
            }
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

/// The share of the progress bar for writing the output; the rest is for its verification.
const WRITE_SHARE: f64 = 0.95;

/// How an output was written, and what remains to be verified.
enum WriteOutcome {
    /// The packets of its copied streams were hashed; encoded ones are not verified.
    Copied(Box<CopyReport>),
    /// The inline verifier checked the encoders.
    Verified(Box<TapReport>),
}

/// The source of an output.
struct SourceFile<'a> {
    file: File,
    name: &'a str,
    decoder: Option<DecoderHandle>,
}

/// Writes the output. Requests a flush through `flush` periodically. With a `plan`, the inline verifier checks the
/// encoders against it.
fn write(
    source: SourceFile<'_>,
    output: &File,
    spec: &OutputSpec,
    plan: Option<&OutputSpec>,
    flush: &SyncSender<()>,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<WriteOutcome, JobError> {
    let SourceFile { file: input, name, decoder } = source;
    let open = || Input::open(share(&input)?, name, cancel.clone());
    let mut transcoder = Transcoder::open_with_decoder(decoder, open()?, spec)?;
    let mut reserved = None;
    let copies_only = only_copies(spec);
    if copies_only {
        reserved = moov_size::reserved_bytes(&mut transcoder, file_size(&input).map_err(io_error)?, spec)?;
    }
    if copies_only && reserved.is_none() {
        // Reading the source twice is cheaper than writing the output twice.
        let mut heartbeat = |step| progress(Progress { done_s: 0.0, frames: 0, ..step });
        reserved = measured_moov(&mut transcoder, spec, &mut heartbeat)?;
        // Opened anew, because seeking to the start would skip the priming packets before it.
        transcoder = Transcoder::open(open()?, spec)?;
    }
    let store: Box<dyn Store> = match reserved {
        Some(reserved) => Box::new(ReservedSpace::new(share(output)?, reserved, flush.clone())),
        None => Box::new(share(output)?),
    };
    let muxer = Muxer::new(store, spec.container, spec.max_size_bytes)?;
    let plan = plan.filter(|_| !copies_only);
    let mut sink = EncodeSink::new(muxer, &mut transcoder, spec, plan, &mut *progress)?;
    let length = pipeline_stages::run(&mut transcoder, &mut sink)?;
    let (last_progress, tap) = sink.finish()?;
    // Progress reports keep the worker from being taken for hung.
    let mut heartbeat = || progress(last_progress);
    let moved = match reserved {
        Some(reserved) => fill_reserved_moov(output, reserved, &mut heartbeat),
        None => move_moov_first(output, &mut heartbeat).map(drop),
    };
    moved.map_err(|error| match error {
        FaststartError::Io(io) => {
            JobError::Io(format!("cannot move the index (moov) of the output to the front: {io}"))
        }
        layout @ FaststartError::Layout(_) => JobError::Failed(layout.to_string()),
    })?;
    let bytes = file_size(output).map_err(io_error)?;
    if let Some(limit) = spec.max_size_bytes.filter(|limit| bytes > *limit) {
        return Err(size_limit_error(limit));
    }
    Ok(match tap {
        VerifyTap::Packets(copies) => {
            WriteOutcome::Copied(Box::new(CopyReport::of(copies, length, &transcoder)))
        }
        VerifyTap::Full(verifier) => {
            WriteOutcome::Verified(Box::new(TapReport { transcoder, length, verified: verifier.finish()? }))
        }
    })
}

fn only_copies(spec: &OutputSpec) -> bool {
    matches!(spec.video, None | Some(VideoPlan::Copy { .. }))
        && matches!(spec.audio, None | Some(AudioPlan::Copy { .. }))
}

/// Muxes a source that is only copied, without writing, and returns the size of its `moov`.
fn measured_moov(
    transcoder: &mut Transcoder,
    spec: &OutputSpec,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<u64>, JobError> {
    let dry_run = DryRunStore::default();
    let muxer = Muxer::new(Box::new(dry_run.clone()), spec.container, spec.max_size_bytes)?;
    let mut sink = EncodeSink::new(muxer, transcoder, spec, None, progress)?;
    transcoder.run(&mut sink)?;
    sink.finish()?;
    Ok(dry_run.moov_size())
}
