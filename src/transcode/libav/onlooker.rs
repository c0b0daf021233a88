//! Who looks on while an output is made, so that it can be proven afterwards.

use super::av::{Frame, Packet};
use super::film::Kind;
use crate::job::JobError;
use crate::verify::libav::{Copies, Witness};

/// Takes note of what goes into an output.
pub(crate) enum Onlooker {
    /// It was looked at before, or will be later.
    Nobody,
    /// Of packets alone: there are no others than the source's.
    Copies(Copies),
    /// Of all that is decoded, planned and encoded.
    Witness(Witness),
}

impl Onlooker {
    /// Every how many ticks a sample is wanted.
    pub(crate) fn samples_every(&self) -> Option<u64> {
        match self {
            Onlooker::Witness(witness) => witness.samples_every(),
            Onlooker::Nobody | Onlooker::Copies(_) => None,
        }
    }

    /// The decoded picture that the next one was made of.
    pub(crate) fn sample(&self, frame: Frame) {
        if let Onlooker::Witness(witness) = self {
            witness.sample(frame);
        }
    }

    /// A picture goes into the encoder.
    pub(crate) fn picture(&self, frame: &Frame, ticks: u64) -> Result<(), JobError> {
        match self {
            Onlooker::Witness(witness) => witness.picture(frame, ticks),
            Onlooker::Nobody | Onlooker::Copies(_) => Ok(()),
        }
    }

    /// Sound goes into the encoder.
    pub(crate) fn sound(&self, frame: &Frame) -> Result<(), JobError> {
        match self {
            Onlooker::Witness(witness) => witness.sound(frame),
            Onlooker::Nobody | Onlooker::Copies(_) => Ok(()),
        }
    }

    /// A packet of an encoder goes into the output.
    pub(crate) fn made(&mut self, kind: Kind, packet: &Packet) -> Result<(), JobError> {
        match self {
            Onlooker::Witness(witness) => witness.made(kind, packet),
            Onlooker::Nobody | Onlooker::Copies(_) => Ok(()),
        }
    }

    /// A packet of the source goes into the output.
    pub(crate) fn copied(&mut self, kind: Kind, packet: &Packet) {
        match self {
            Onlooker::Nobody => {}
            Onlooker::Copies(copies) => copies.take(kind, packet),
            Onlooker::Witness(witness) => witness.copied(kind, packet),
        }
    }
}
