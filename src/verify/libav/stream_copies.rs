//! Verifies streams by the hashes of their packets: copied ones, and encoded ones seen by the inline verifier.

use ffmpeg_next::ffi;

use super::packets::{Framing, PacketScan, PayloadHash};
use crate::job::VerifyReport;
use crate::libav::input::{Input, stream_codec};
use crate::libav::output_length::OutputLength;
use crate::libav::packet::Packet;
use crate::libav::stream_kind::StreamKind;
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::transcode::libav::transcoder::Transcoder;

/// Hashes of the packets that go into an output: video, audio.
pub(crate) struct StreamHashes {
    hashes: [Option<PayloadHash>; 2],
    /// Whether the packets come from an encoder, else from the source.
    encoded: [bool; 2],
}

impl StreamHashes {
    /// Creates empty hashes for the copied streams of a plan.
    pub(crate) fn of(spec: &OutputSpec, transcoder: &mut Transcoder) -> StreamHashes {
        let video = match &spec.video {
            Some(VideoPlan::Copy { stream, .. }) => Some(*stream),
            _ => None,
        };
        let audio = match &spec.audio {
            Some(AudioPlan::Copy { stream }) => Some(*stream),
            _ => None,
        };
        let mut hash =
            |stream| PayloadHash::new(Framing::of(stream_codec(&mut transcoder.input, stream).as_ref()));
        StreamHashes { hashes: [video.map(&mut hash), audio.map(&mut hash)], encoded: [false; 2] }
    }

    /// Expects the packets of a stream from an encoder.
    pub(super) fn expect_encoded(&mut self, kind: StreamKind, framing: Framing) {
        let index = usize::from(kind == StreamKind::Audio);
        (self.hashes[index], self.encoded[index]) = (Some(PayloadHash::new(framing)), true);
    }

    /// Adds a packet of the output.
    pub(crate) fn add_packet(&mut self, kind: StreamKind, packet: &Packet) {
        if let Some(hash) = &mut self.hashes[usize::from(kind == StreamKind::Audio)] {
            // Frames before the first key frame lack their references.
            let begins_within = hash.packets == 0 && packet.get().flags & ffi::AV_PKT_FLAG_KEY == 0;
            hash.suspect += u64::from(kind == StreamKind::Video && begins_within);
            hash.add_packet(packet);
        }
    }

    /// Compares the streams of the output with the hashes.
    pub(super) fn check(&self, scan: &PacketScan, report: &mut VerifyReport) {
        let [video, audio] = &self.hashes;
        for (kind, expected, encoded, output) in
            [("video", video, self.encoded[0], &scan.video), ("audio", audio, self.encoded[1], &scan.audio)]
        {
            let (Some(expected), Some(output)) = (expected, output) else { continue };
            let how = if encoded { "encoded" } else { "copied" };
            let (packets, found) = (expected.packets, &output.payload);
            if packets == 0 {
                report.fail(format!("the {how} {kind} stream has no packets, expected at least 1"));
            } else if packets != found.packets {
                report.fail(format!(
                    "the {how} {kind} stream of the output has {} packets, expected {packets}",
                    found.packets
                ));
            } else if expected.digest() != found.digest() {
                let origin = if encoded { "the encoder's packets" } else { "the source" };
                report.fail(format!(
                    "the {how} {kind} stream of the output is not identical to {origin}: \
                     packet hash {:032x}, expected {:032x}",
                    found.digest(),
                    expected.digest()
                ));
            } else if !encoded {
                report.equal_streams.push(output.index);
            }
        }
    }
}

/// Returns whether each packet of a stream gives a frame; some codecs have packets with hidden frames.
pub(super) fn has_frame_per_packet(input: &mut Input, stream: u32) -> bool {
    stream_codec(input, stream).is_none_or(|codec| codec.has_frame_per_packet())
}

/// What the copied streams of an output must have.
pub(crate) struct CopyReport {
    pub(crate) copies: StreamHashes,
    pub(crate) length: OutputLength,
    /// The duration of the video stream declared by the container, in seconds.
    pub(crate) declared_s: Option<f64>,
    /// The end of the video stream, in seconds.
    pub(crate) video_end_s: Option<f64>,
    /// Number of packets that could not be read.
    pub(crate) read_errors: u64,
}

impl CopyReport {
    /// Creates the report after `transcoder` has reached the end. What concerns encoded streams is left out.
    pub(crate) fn of(copies: StreamHashes, length: OutputLength, transcoder: &Transcoder) -> CopyReport {
        let [video, audio] = [StreamKind::Video, StreamKind::Audio].map(|kind| transcoder.copier(kind));
        CopyReport {
            copies,
            length: OutputLength {
                video_s: length.video_s.filter(|_| video.is_some()),
                audio_s: length.audio_s.filter(|_| audio.is_some()),
                ..OutputLength::default()
            },
            declared_s: transcoder.declared_s().filter(|_| video.is_some()),
            video_end_s: video.map(|video| video.source_end_s),
            read_errors: transcoder.input.read_errors,
        }
    }
}
