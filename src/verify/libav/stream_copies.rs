//! Streams proven by the bytes of their packets: copied ones, and encoded ones that were watched.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use super::decode_all;
use super::packets::{Framing, Payload, Walk};
use crate::job::{JobError, Progress, VerifyReport};
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::transcode::libav::av::Packet;
use crate::transcode::libav::input::Input;
use crate::transcode::libav::share;
use crate::transcode::libav::transcoder::{Kind, Length, Transcoder, codec_name};
use crate::verify::thresholds::LOST_FRAMES;

/// The packets that go into an output: picture, audio.
pub(crate) struct Copies {
    payloads: [Option<Payload>; 2],
    /// Whether an encoder makes them; else they are the source's.
    made: [bool; 2],
}

impl Copies {
    /// Those of a plan, nothing read yet.
    pub(crate) fn of(spec: &OutputSpec, transcoder: &mut Transcoder) -> Copies {
        let picture = match &spec.video {
            Some(VideoPlan::Copy { stream, .. }) => Some(*stream),
            _ => None,
        };
        let audio = match &spec.audio {
            Some(AudioPlan::Copy { stream }) => Some(*stream),
            _ => None,
        };
        let mut payload =
            |stream| Payload::new(Framing::of(codec_name(&mut transcoder.input, stream).as_deref()));
        Copies { payloads: [picture.map(&mut payload), audio.map(&mut payload)], made: [false; 2] }
    }

    /// Packets of a kind will come from an encoder.
    pub(super) fn expect_made(&mut self, kind: Kind, framing: Framing) {
        let place = usize::from(kind == Kind::Audio);
        (self.payloads[place], self.made[place]) = (Some(Payload::new(framing)), true);
    }

    /// Takes note of a packet that went into the output, or will.
    pub(crate) fn take(&mut self, kind: Kind, packet: &Packet) {
        if let Some(payload) = &mut self.payloads[usize::from(kind == Kind::Audio)] {
            // What a video is cut out of before its first key frame leans on what is not there.
            let begins_within = payload.packets == 0 && packet.get().flags & ffi::AV_PKT_FLAG_KEY == 0;
            payload.strange += u64::from(kind == Kind::Video && begins_within);
            payload.take(packet);
        }
    }

    /// Holds the output against them.
    pub(super) fn check(&self, walk: &Walk, report: &mut VerifyReport) {
        let [picture, audio] = &self.payloads;
        for (what, given, made, output) in
            [("picture", picture, self.made[0], &walk.video), ("audio", audio, self.made[1], &walk.audio)]
        {
            let (Some(given), Some(output)) = (given, output) else { continue };
            let how = if made { "encoded" } else { "copied" };
            if given.packets == 0 {
                report.failures.push(format!("the {how} {what} is empty"));
            } else if given.packets != output.payload.packets {
                report.failures.push(format!(
                    "the {how} {what} has {} packets instead of {}",
                    output.payload.packets, given.packets
                ));
            } else if given.digest() != output.payload.digest() {
                let whose = if made { "what the encoder made" } else { "the same as the source's" };
                report.failures.push(format!("the {how} {what} is not {whose}"));
            } else if !made {
                report.equal_streams.push(output.index);
            }
        }
    }

    /// Decodes a copied stream where its packets look damaged. Audio ones are proven by their hash:
    /// what is equal bit for bit decodes as the source does.
    pub(super) fn decode(
        &self,
        kind: Kind,
        output: &File,
        cancel: &Arc<AtomicBool>,
        report: &mut VerifyReport,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), JobError> {
        let place = usize::from(kind == Kind::Audio);
        let Some(payload) = self.payloads[place].as_ref().filter(|payload| payload.strange > 0) else {
            return Ok(());
        };
        if self.made[place] {
            return Ok(());
        }
        let mut input = Input::open(share(output)?, "output.mp4", Arc::clone(cancel))?;
        decode_all(&mut input, kind, &mut report.decode, progress)?;
        // A decoder waits for the first key frame without a word.
        let Some(stream) = input.first(ffi::AVMediaType::AVMEDIA_TYPE_VIDEO) else { return Ok(()) };
        let lost = payload.packets.saturating_sub(report.decode.video_frames);
        if kind == Kind::Video && lost > LOST_FRAMES && gives_a_picture_each(&mut input, stream) {
            report.failures.push(format!("{lost} packets of the copied picture show nothing"));
        }
        Ok(())
    }
}

/// Whether each packet of a stream is a picture: some codecs hide pictures in packets of their own.
pub(super) fn gives_a_picture_each(input: &mut Input, stream: u32) -> bool {
    !matches!(codec_name(input, stream).as_deref(), Some("vp8" | "vp9" | "av1"))
}

/// What reading a source that is only copied has found.
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

impl Seen {
    /// After the end of a video of such length.
    pub(crate) fn of(copies: Copies, length: Length, transcoder: &Transcoder) -> Seen {
        Seen {
            copies,
            length,
            declared_s: transcoder.declared_s,
            picture_end_s: transcoder.picture_end_s(),
            read_errors: transcoder.input.read_errors,
        }
    }
}
