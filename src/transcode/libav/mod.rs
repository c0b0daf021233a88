//! Carries out an output specification with FFmpeg's libraries, in this process.
//!
//! Nothing is opened here: input and output are descriptors, read and written by offset.

// libav is a C library: its objects are only reached through raw pointers, owned in `av`.
#![allow(unsafe_code)]

pub(crate) mod audio;
pub(crate) mod av;
pub(crate) mod copy;
mod cover;
mod darkroom;
pub(crate) mod decode;
mod device;
pub(crate) mod encode;
pub(crate) mod film;
pub(crate) mod filter;
mod index;
pub(crate) mod input;
mod mux;
mod onlooker;
pub(crate) mod stages;
mod store;
#[cfg(test)]
mod tests;
mod trial;
pub(crate) mod video;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use ffmpeg_next::ffi;

use self::av::{Frame, Packet, failed};
use self::encode::Encoder;
use self::film::{Film, Kind, Receiver};
use self::input::Input;
use self::mux::{Muxer, too_large};
use self::onlooker::Onlooker;
use self::store::{Outline, Roomy, Store};
use super::faststart::{FaststartError, fill_room, move_moov_first};
use crate::job::{FixReport, JobError, Progress, VerifyLevel};
use crate::model::MediaFacts;
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::verify::libav::{Copies, Seen, Watched, Witness, verify_copies, verify_watched};

pub use self::cover::cover;
pub use self::trial::trial;

/// After this share of the film its final size is foretold.
const FORETELL_AFTER: f64 = 0.5;
/// A foretold size has to be over the limit by this factor to stop the encode.
const FORETELL_SLACK: f64 = 1.3;

/// Establishes the facts of an output from its bytes.
pub type Probe<'a> = dyn Fn(File, &str) -> Result<MediaFacts, JobError> + 'a;

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
        let made =
            write(share(&input)?, &output, name, spec, watched, &flush, cancel.clone(), &mut make_part);
        drop(flush);
        let mut verify_part = |step| part(MAKING_SHARE, 1.0 - MAKING_SHARE, step);
        let proof = made.and_then(|made| match made {
            Made::Copied(seen) => verify_copies(&seen, &proven, spec, verify, &cancel, &mut verify_part),
            Made::Watched(watched) => {
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
    Watched(Box<Watched>),
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
    let _ = write(input, &output, name, spec, None, &flush, cancel, progress)?;
    output.sync_all().map_err(io_error)
}

/// As [`make`], but what was written may not be on the device yet. Tells `flush` now and then. Lets
/// encoders be watched by a witness that knows the plan, if wanted.
#[allow(clippy::too_many_arguments)]
fn write(
    input: File,
    output: &File,
    name: &str,
    spec: &OutputSpec,
    watched: Option<&OutputSpec>,
    flush: &SyncSender<()>,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Made, JobError> {
    let open = || Input::open(share(&input)?, name, cancel.clone());
    let mut film = Film::open(open()?, spec)?;
    let (mut room, mut seen) = (None, None);
    let copied = only_copies(spec);
    if copied {
        room = index::room_for(&mut film, share(&input)?.metadata().map_err(io_error)?.len(), spec)?;
    }
    if copied && room.is_none() {
        // Reading twice is cheaper than writing twice.
        let mut sign_of_life = |step| progress(Progress { done_s: 0.0, frames: 0, ..step });
        let (found, read) = read_first(&mut film, spec, &mut sign_of_life)?;
        (room, seen) = (found, Some(read));
        let again = if film.input.is_repeatable() { film.into_input()? } else { open()? };
        film = Film::open(again, spec)?;
    }
    let store: Box<dyn Store> = match room {
        Some(room) => Box::new(Roomy::new(share(output)?, room, flush.clone())),
        None => Box::new(share(output)?),
    };
    let muxer = Muxer::new(store, spec.container, spec.max_size_bytes)?;
    let watching = match (copied, &seen, watched) {
        (true, None, _) => Watching::Packets,
        (false, _, Some(plan)) => Watching::Everything(plan),
        _ => Watching::Nothing,
    };
    let mut maker = Maker::new(muxer, &mut film, spec, watching, &mut *progress)?;
    let length = stages::run(&mut film, &mut maker)?;
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
        (None, Onlooker::Copies(copies)) => Made::Copied(Box::new(Seen::of(copies, length, &film))),
        (None, Onlooker::Witness(witness)) => {
            Made::Watched(Box::new(Watched { film, length, testimony: witness.finish()? }))
        }
        (None, Onlooker::Nobody) => Made::Unseen,
    })
}

fn only_copies(spec: &OutputSpec) -> bool {
    matches!(spec.video, None | Some(VideoPlan::Copy { .. }))
        && matches!(spec.audio, None | Some(AudioPlan::Copy { .. }))
}

/// Reads a film that is only copied, for the proof, and muxes it to nowhere for the size of `moov`.
fn read_first(
    film: &mut Film,
    spec: &OutputSpec,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Option<u64>, Seen), JobError> {
    let outline = Outline::default();
    let muxer = Muxer::new(Box::new(outline.clone()), spec.container, spec.max_size_bytes)?;
    let mut maker = Maker::new(muxer, film, spec, Watching::Packets, progress)?;
    let length = film.run(&mut maker)?;
    let (_, onlooker) = maker.finish()?;
    let Onlooker::Copies(copies) = onlooker else { return Err(failed("nobody looked on")) };
    Ok((outline.room(), Seen::of(copies, length, film)))
}

/// Another descriptor of the same file.
pub(crate) fn share(file: &File) -> Result<File, JobError> {
    file.try_clone().map_err(io_error)
}

pub(crate) fn io_error(error: std::io::Error) -> JobError {
    JobError::Io(format!("cannot read or write the file: {error}"))
}

/// What is to be looked at while an output is made.
enum Watching<'a> {
    Nothing,
    /// The packets of a plan that only copies.
    Packets,
    /// Whatever becomes of this plan.
    Everything(&'a OutputSpec),
}

/// Encodes and writes what a film yields.
struct Maker<'a> {
    muxer: Muxer,
    video: Option<(usize, Option<Encoder>)>,
    audio: Option<(usize, Option<Encoder>)>,
    drop_priming: bool,
    frames: u64,
    done_s: f64,
    total_s: Option<f64>,
    max_size: Option<u64>,
    onlooker: Onlooker,
    progress: &'a mut dyn FnMut(Progress),
}

impl<'a> Maker<'a> {
    fn new(
        mut muxer: Muxer,
        film: &mut Film,
        spec: &OutputSpec,
        watching: Watching<'_>,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<Maker<'a>, JobError> {
        let strip = spec.strip_metadata;
        if !strip {
            muxer.copy_metadata(film.input.as_mut_ptr());
        }
        // The picture comes first: ingests have stumbled over sound before it.
        let video = match (&spec.video, film.copier(Kind::Video)) {
            (Some(VideoPlan::Copy { tags, .. }), Some(copier)) => {
                let (tag, aspect) = (tags.codec_tag.as_deref(), tags.sample_aspect_ratio.is_some());
                Some((muxer.add_copied(copier.source(), copier.parameters(), tag, aspect, !strip)?, None))
            }
            (Some(VideoPlan::Encode(plan)), _) => {
                let encoder = Encoder::video(plan, spec.threads)?;
                Some((muxer.add_encoded(encoder.codec())?, Some(encoder)))
            }
            _ => None,
        };
        let encoder = match &spec.audio {
            Some(AudioPlan::Encode(plan)) => {
                Some(Encoder::audio(plan.sample_rate, plan.channels, plan.bit_rate)?)
            }
            Some(AudioPlan::Silence { sample_rate, channels, bit_rate }) => {
                Some(Encoder::audio(*sample_rate, *channels, *bit_rate)?)
            }
            _ => None,
        };
        let audio = match (film.copier(Kind::Audio), encoder) {
            (Some(copier), _) => {
                Some((muxer.add_copied(copier.source(), copier.parameters(), None, false, !strip)?, None))
            }
            (None, Some(encoder)) => Some((muxer.add_encoded(encoder.codec())?, Some(encoder))),
            (None, None) => None,
        };
        let onlooker = match watching {
            Watching::Nothing => Onlooker::Nobody,
            Watching::Packets => Onlooker::Copies(Copies::of(spec, film)),
            Watching::Everything(plan) => {
                let [video, audio] = [&video, &audio].map(|side| {
                    side.as_ref().and_then(|(_, encoder): &(_, Option<Encoder>)| encoder.as_ref())
                });
                let [video, audio] = [video, audio].map(|encoder| encoder.map(Encoder::codec));
                Onlooker::Witness(Witness::start(plan, film, video, audio)?)
            }
        };
        muxer.start(spec.drop_edit_list)?;
        Ok(Maker {
            muxer,
            video,
            audio,
            drop_priming: spec.drop_edit_list,
            frames: 0,
            done_s: 0.0,
            total_s: spec.expected_duration_s.or_else(|| film.input.duration_s()),
            max_size: spec.max_size_bytes,
            onlooker,
            progress,
        })
    }

    /// Flushes the encoders and ends the file. Returns the progress last made, and who looked on.
    fn finish(mut self) -> Result<(Progress, Onlooker), JobError> {
        let drop_priming = self.drop_priming;
        let last = Progress { done_s: self.done_s, total_s: self.total_s, frames: self.frames };
        for (kind, side) in [(Kind::Video, &mut self.video), (Kind::Audio, &mut self.audio)] {
            if let Some((index, Some(encoder))) = side {
                let to = Slot { kind, index: *index, base: encoder.base(), drop_priming };
                let (muxer, progress, onlooker) = (&mut self.muxer, &mut self.progress, &mut self.onlooker);
                encoder.finish(&mut |packet| {
                    progress(last);
                    put(muxer, onlooker, to, packet)
                })?;
            }
        }
        self.muxer.finish()?;
        Ok((last, self.onlooker))
    }
}

/// Where an encoder's packets go.
#[derive(Clone, Copy)]
struct Slot {
    kind: Kind,
    index: usize,
    base: ffi::AVRational,
    drop_priming: bool,
}

/// Writes an encoded packet, but for AAC priming where no edit list would hide it.
fn put(muxer: &mut Muxer, onlooker: &mut Onlooker, to: Slot, packet: &mut Packet) -> Result<(), JobError> {
    let raw = packet.get();
    // Encoded pictures never end before zero, so this can only be sound.
    if to.drop_priming && raw.pts + raw.duration <= 0 {
        packet.clear();
        return Ok(());
    }
    onlooker.made(to.kind, packet)?;
    muxer.write(to.index, packet, to.base)
}

impl Receiver for Maker<'_> {
    fn samples_every(&self) -> Option<u64> {
        self.onlooker.samples_every()
    }

    fn sample(&mut self, frame: Frame) -> Result<(), JobError> {
        self.onlooker.sample(frame);
        Ok(())
    }

    fn picture(&mut self, mut frame: Frame, ticks: u64) -> Result<(), JobError> {
        self.frames += ticks;
        let drop_priming = self.drop_priming;
        let Some((index, Some(encoder))) = &mut self.video else { return Ok(()) };
        let to = Slot { kind: Kind::Video, index: *index, base: encoder.base(), drop_priming };
        let (muxer, onlooker) = (&mut self.muxer, &mut self.onlooker);
        onlooker.picture(&frame, ticks)?;
        encoder.picture(&mut frame, ticks, &mut |packet| put(muxer, onlooker, to, packet))
    }

    fn sound(&mut self, mut frame: Frame) -> Result<(), JobError> {
        let drop_priming = self.drop_priming;
        let Some((index, Some(encoder))) = &mut self.audio else { return Ok(()) };
        let to = Slot { kind: Kind::Audio, index: *index, base: encoder.base(), drop_priming };
        let (muxer, onlooker) = (&mut self.muxer, &mut self.onlooker);
        onlooker.sound(&frame)?;
        encoder.sound(&mut frame, &mut |packet| put(muxer, onlooker, to, packet))
    }

    fn copied(&mut self, kind: Kind, packet: &mut Packet, base: ffi::AVRational) -> Result<(), JobError> {
        let side = match kind {
            Kind::Video => &self.video,
            Kind::Audio => &self.audio,
        };
        let Some((index, None)) = side else { return Ok(()) };
        self.onlooker.copied(kind, packet);
        self.muxer.write(*index, packet, base)
    }

    fn done(&mut self, seconds: f64) -> Result<(), JobError> {
        if let (Some(limit), Some(total)) = (self.max_size, self.total_s) {
            let share = seconds / total.max(0.001);
            if share > FORETELL_AFTER && self.muxer.length() as f64 / share > limit as f64 * FORETELL_SLACK {
                return Err(too_large(limit));
            }
        }
        self.done_s = seconds;
        (self.progress)(Progress { done_s: seconds, total_s: self.total_s, frames: self.frames });
        Ok(())
    }
}
