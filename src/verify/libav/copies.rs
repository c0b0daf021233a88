//! Copied streams, proven by the bytes of their packets.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::decode_all;
use super::packets::{Framing, Payload, Walk};
use crate::job::{JobError, Progress, VerifyReport};
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::transcode::libav::av::Packet;
use crate::transcode::libav::film::{Film, Kind, Length, codec_name};
use crate::transcode::libav::input::Input;
use crate::transcode::libav::share;

/// The copied streams of a source: picture, sound.
pub(crate) struct Copies([Option<Payload>; 2]);

impl Copies {
    /// Those of a plan, nothing read yet.
    pub(crate) fn of(spec: &OutputSpec, film: &mut Film) -> Copies {
        let picture = match &spec.video {
            Some(VideoPlan::Copy { stream, .. }) => Some(*stream),
            _ => None,
        };
        let sound = match &spec.audio {
            Some(AudioPlan::Copy { stream }) => Some(*stream),
            _ => None,
        };
        let mut payload = |stream| Payload::new(Framing::of(codec_name(&mut film.input, stream).as_deref()));
        Copies([picture.map(&mut payload), sound.map(&mut payload)])
    }

    /// Takes note of a packet that was copied, or will be.
    pub(crate) fn take(&mut self, kind: Kind, packet: &Packet) {
        if let Some(payload) = &mut self.0[usize::from(kind == Kind::Audio)] {
            payload.take(packet);
        }
    }

    /// Holds the output against them.
    pub(super) fn check(&self, walk: &Walk, report: &mut VerifyReport) {
        let [picture, sound] = &self.0;
        for (what, source, output) in [("picture", picture, &walk.video), ("sound", sound, &walk.audio)] {
            let (Some(source), Some(output)) = (source, output) else { continue };
            if source.packets == 0 {
                report.failures.push(format!("the copied {what} of the source is empty"));
            } else if source.packets != output.payload.packets {
                report.failures.push(format!(
                    "the copied {what} has {} packets instead of {}",
                    output.payload.packets, source.packets
                ));
            } else if source.digest() != output.payload.digest() {
                report.failures.push(format!("the copied {what} is not the same as the source's"));
            } else {
                report.equal_streams.push(output.index);
            }
        }
    }

    /// Decodes a copied stream where its packets look damaged. Sound ones are proven by their hash:
    /// what is equal bit for bit decodes as the source does.
    pub(super) fn decode(
        &self,
        kind: Kind,
        output: &File,
        cancel: &Arc<AtomicBool>,
        report: &mut VerifyReport,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), JobError> {
        let copy = &self.0[usize::from(kind == Kind::Audio)];
        if copy.as_ref().is_none_or(|payload| payload.strange == 0) {
            return Ok(());
        }
        let mut input = Input::open(share(output)?, "output.mp4", Arc::clone(cancel))?;
        decode_all(&mut input, kind, &mut report.decode, progress)
    }
}

/// What a first reading of a source that is only copied has found.
pub(crate) struct Seen {
    pub(crate) copies: Copies,
    pub(crate) length: Length,
    /// How long the container says the picture lasts, in seconds.
    pub(crate) declared_s: Option<f64>,
    /// Where the picture ended, in seconds.
    pub(crate) picture_end_s: Option<f64>,
    /// Packets that could not be read.
    pub(crate) read_errors: u64,
}
