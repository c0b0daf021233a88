//! Writes one output.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;

use super::encode_sink::EncodeSink;
use super::moov_size::reserved_bytes;
use super::mux::{Muxer, size_limit_error};
use super::pipeline_stages;
use super::shared_decode::DecoderHandle;
use super::transcoder::Transcoder;
use super::writer::{DryRunStore, ReservedSpace, Store};
use crate::job::{JobError, Progress};
use crate::libav::file::{io_error, share};
use crate::libav::input::Input;
use crate::libav::output_length::OutputLength;
use crate::libav::source_reading::SourceReading;
use crate::libav::verify_tap::{Unverified, Verifier, VerifyTap};
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::probe::file_size;
use crate::transcode::faststart::{FaststartError, fill_reserved_moov, move_moov_first};

/// The source of an output.
pub(super) struct SourceFile<'a> {
    pub(super) file: File,
    pub(super) name: &'a str,
    pub(super) decoder: Option<DecoderHandle>,
}

/// What writing an output left to be verified.
pub(super) struct Written {
    pub(super) length: OutputLength,
    pub(super) reading: SourceReading,
    pub(super) tap: Box<dyn VerifyTap>,
}

/// Writes the output, which `verifier` follows. Requests a flush through `flush` periodically.
pub(super) fn write(
    source: SourceFile<'_>,
    output: &File,
    spec: &OutputSpec,
    verifier: &dyn Verifier,
    flush: &SyncSender<()>,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Written, JobError> {
    let SourceFile { file: input, name, decoder } = source;
    let open = || Input::open(share(&input)?, name, cancel.clone());
    let mut transcoder = Transcoder::open_with_decoder(decoder, open()?, spec)?;
    let mut reserved = None;
    let copies_only = only_copies(spec);
    if copies_only {
        reserved = reserved_bytes(&mut transcoder, file_size(&input).map_err(io_error)?, spec)?;
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
    let mut sink = EncodeSink::new(muxer, &mut transcoder, spec, verifier, &mut *progress)?;
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
    Ok(Written { length, reading: transcoder.into_reading(), tap })
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
    let mut sink = EncodeSink::new(muxer, transcoder, spec, &Unverified, progress)?;
    transcoder.run(&mut sink)?;
    sink.finish()?;
    Ok(dry_run.moov_size())
}
