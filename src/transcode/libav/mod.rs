//! Carries out an output specification with FFmpeg's libraries, in this process.
//!
//! Nothing is opened here: input and output are descriptors, read and written by offset.

// libav is a C library: its objects are only reached through raw pointers, owned in `av`.
#![allow(unsafe_code)]

pub(crate) mod audio;
pub(crate) mod av;
pub(crate) mod copy;
mod cover;
pub(crate) mod decode;
mod device;
pub(crate) mod encode;
mod encode_sink;
mod encoder_trial;
pub(crate) mod filter;
mod filter_stage;
pub(crate) mod input;
mod moov_size;
mod multi_output;
mod mux;
mod shared_decode;
pub(crate) mod stages;
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

use self::av::failed;
use self::encode_sink::{EncodeSink, VerifyMode};
use self::input::Input;
use self::mux::{Muxer, too_large};
use self::shared_decode::Place;
use self::transcoder::Transcoder;
use self::verify_tap::VerifyTap;
use self::writer::{Outline, ReservedSpace, Store};
use super::faststart::{FaststartError, fill_room, move_moov_first};
use crate::job::{FixReport, JobError, Progress, VerifyLevel};
use crate::model::MediaFacts;
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::verify::libav::{Seen, TapReport, verify_copies, verify_watched};

pub use self::cover::cover;
pub use self::encoder_trial::trial;
pub use self::multi_output::fix_together;

/// Establishes the facts of an output from its bytes.
pub type Probe<'a> = dyn Fn(File, &str) -> Result<MediaFacts, JobError> + Sync + 'a;

/// Makes the output and proves it.
///
/// `output` is empty; after an error its content is worthless. It is flushed to the device before
/// the report comes back.
///
/// # Errors
///
/// [`JobError::Unreadable`] when the input gives nothing, [`JobError::Failed`] when the plan cannot be
/// carried out or the size limit is broken, [`JobError::Io`], [`JobError::Cancelled`]. An output that
/// does not hold its proof is no error: see `failures` in the report.
#[allow(clippy::too_many_arguments)]
pub fn fix(
    input: File,
    output: File,
    name: &str,
    spec: &OutputSpec,
    verify: VerifyLevel,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
    probe: &Probe<'_>,
) -> Result<FixReport, JobError> {
    fix_at(None, input, output, name, spec, verify, cancel, progress, probe)
}

/// As [`fix`], with a place at a decoder that others use too.
#[allow(clippy::too_many_arguments)]
fn fix_at(
    place: Option<Place>,
    input: File,
    output: File,
    name: &str,
    spec: &OutputSpec,
    verify: VerifyLevel,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
    probe: &Probe<'_>,
) -> Result<FixReport, JobError> {
    let mut part = |from: f64, share: f64, step: Progress| {
        let total_s = step.total_s.or(spec.expected_duration_s);
        let done_s = total_s.map_or(step.done_s, |total| total * from + step.done_s.min(total) * share);
        progress(Progress { done_s, total_s, ..step });
    };
    let watched = (verify == VerifyLevel::Full).then_some(spec);
    let proven = share(&output)?;
    let report = thread::scope(|scope| {
        // The device is slow, and neither making nor proving has to wait for it.
        let (flush, wanted) = sync_channel(1);
        let flushing = scope.spawn(|| {
            for () in wanted {
                // The last flush tells of whatever goes wrong here.
                let _ = output.sync_data();
            }
            output.sync_all().map_err(io_error)
        });
        let mut make_part = |step| part(0.0, MAKING_SHARE, step);
        let source = Source { file: share(&input)?, name, place };
        let made = write(source, &output, spec, watched, &flush, cancel.clone(), &mut make_part);
        drop(flush);
        let mut verify_part = |step| part(MAKING_SHARE, 1.0 - MAKING_SHARE, step);
        let proof = made.and_then(|made| match made {
            Made::Copied(seen) => verify_copies(&seen, &proven, spec, verify, &cancel, &mut verify_part),
            Made::TapReport(watched) => {
                verify_watched(*watched, &input, &proven, name, spec, &cancel, &mut verify_part)
            }
            Made::Unseen => {
                crate::verify::libav::verify(input, proven, name, spec, verify, cancel, &mut verify_part)
            }
        });
        let flushed = flushing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        proof.and_then(|report| flushed.map(|()| report))
    })?;
    let facts = probe(output, &format!("output.{}", spec.container.extension()))?;
    let encoder = match &spec.video {
        Some(VideoPlan::Encode(plan)) => Some(plan.encoder),
        _ => None,
    };
    Ok(FixReport { facts, verify: report, encoder })
}

/// Which part of the time a fix takes goes into making the output; the rest is spent on its proof.
const MAKING_SHARE: f64 = 0.95;

/// How an output was made.
enum Made {
    /// From packets of the source alone, which were read before.
    Copied(Box<Seen>),
    /// Before the eyes of a witness.
    TapReport(Box<TapReport>),
    /// Without anybody looking.
    Unseen,
}

/// Makes the output without proving it.
///
/// # Errors
///
/// As [`fix`].
pub fn make(
    input: File,
    output: File,
    name: &str,
    spec: &OutputSpec,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), JobError> {
    let (flush, _) = sync_channel(1);
    let source = Source { file: input, name, place: None };
    let _ = write(source, &output, spec, None, &flush, cancel, progress)?;
    output.sync_all().map_err(io_error)
}

/// What an output is made of.
struct Source<'a> {
    file: File,
    name: &'a str,
    place: Option<Place>,
}

/// As [`make`], but what was written may not be on the device yet. Tells `flush` now and then. Lets
/// encoders be watched by a witness that knows the plan, if wanted.
fn write(
    source: Source<'_>,
    output: &File,
    spec: &OutputSpec,
    watched: Option<&OutputSpec>,
    flush: &SyncSender<()>,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Made, JobError> {
    let Source { file: input, name, place } = source;
    let open = || Input::open(share(&input)?, name, cancel.clone());
    let mut transcoder = Transcoder::open_at(place, open()?, spec)?;
    let (mut room, mut seen) = (None, None);
    let copied = only_copies(spec);
    if copied {
        room = moov_size::reserved_bytes(
            &mut transcoder,
            share(&input)?.metadata().map_err(io_error)?.len(),
            spec,
        )?;
    }
    if copied && room.is_none() {
        // Reading twice is cheaper than writing twice.
        let mut sign_of_life = |step| progress(Progress { done_s: 0.0, frames: 0, ..step });
        let (found, read) = read_first(&mut transcoder, spec, &mut sign_of_life)?;
        (room, seen) = (found, Some(read));
        let again = if transcoder.input.is_repeatable() { transcoder.into_input()? } else { open()? };
        transcoder = Transcoder::open(again, spec)?;
    }
    let store: Box<dyn Store> = match room {
        Some(room) => Box::new(ReservedSpace::new(share(output)?, room, flush.clone())),
        None => Box::new(share(output)?),
    };
    let muxer = Muxer::new(store, spec.container, spec.max_size_bytes)?;
    let watching = match (copied, &seen, watched) {
        (true, None, _) => VerifyMode::Packets,
        (false, _, Some(plan)) => VerifyMode::Everything(plan),
        _ => VerifyMode::Nothing,
    };
    let mut maker = EncodeSink::new(muxer, &mut transcoder, spec, watching, &mut *progress)?;
    let length = stages::run(&mut transcoder, &mut maker)?;
    let (last, onlooker) = maker.finish()?;
    // Without a word a worker would pass for one that hangs.
    let mut sign_of_life = || progress(last);
    let front = match room {
        Some(room) => fill_room(output, room, &mut sign_of_life),
        None => move_moov_first(output, &mut sign_of_life).map(drop),
    };
    front.map_err(|error| match error {
        FaststartError::Io(io) => JobError::Io(format!("cannot finish the output: {io}")),
        layout @ FaststartError::Layout(_) => JobError::Failed(layout.to_string()),
    })?;
    let bytes = output.metadata().map_err(io_error)?.len();
    if let Some(limit) = spec.max_size_bytes.filter(|limit| bytes > *limit) {
        return Err(too_large(limit));
    }
    Ok(match (seen, onlooker) {
        (Some(seen), _) => Made::Copied(Box::new(seen)),
        (None, VerifyTap::Copies(copies)) => Made::Copied(Box::new(Seen::of(copies, length, &transcoder))),
        (None, VerifyTap::InlineVerifier(witness)) => {
            Made::TapReport(Box::new(TapReport { transcoder, length, testimony: witness.finish()? }))
        }
        (None, VerifyTap::Nobody) => Made::Unseen,
    })
}

fn only_copies(spec: &OutputSpec) -> bool {
    matches!(spec.video, None | Some(VideoPlan::Copy { .. }))
        && matches!(spec.audio, None | Some(AudioPlan::Copy { .. }))
}

/// Reads a video that is only copied, for the proof, and muxes it to nowhere for the size of `moov`.
fn read_first(
    transcoder: &mut Transcoder,
    spec: &OutputSpec,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Option<u64>, Seen), JobError> {
    let outline = Outline::default();
    let muxer = Muxer::new(Box::new(outline.clone()), spec.container, spec.max_size_bytes)?;
    let mut maker = EncodeSink::new(muxer, transcoder, spec, VerifyMode::Packets, progress)?;
    let length = transcoder.run(&mut maker)?;
    let (_, onlooker) = maker.finish()?;
    let VerifyTap::Copies(copies) = onlooker else { return Err(failed("nobody looked on")) };
    Ok((outline.room(), Seen::of(copies, length, transcoder)))
}

/// Another descriptor of the same file.
pub(crate) fn share(file: &File) -> Result<File, JobError> {
    file.try_clone().map_err(io_error)
}

pub(crate) fn io_error(error: std::io::Error) -> JobError {
    JobError::Io(format!("cannot read or write the file: {error}"))
}
