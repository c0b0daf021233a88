//! Verifies streams by the hashes of their packets: copied ones, and encoded ones seen by the inline verifier.

use std::sync::Arc;

use ffmpeg_next::ffi;

use super::output_checks::{check_length, check_reading, check_tail, valid_scan};
use super::packets::{Framing, PacketScan, PayloadHash};
use crate::job::{JobError, Progress, VerifyLevel, VerifyReport};
use crate::libav::file::share;
use crate::libav::input::{Input, stream_codec};
use crate::libav::output_length::OutputLength;
use crate::libav::packet::Packet;
use crate::libav::stream_kind::StreamKind;
use crate::libav::verify_tap::{OutputStart, VerifyTap, WrittenOutput};
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};

/// Hashes of the packets that go into an output: video, audio.
pub(crate) struct StreamHashes {
    hashes: [Option<PayloadHash>; 2],
    /// Whether the packets come from an encoder, else from the source.
    encoded: [bool; 2],
}

impl StreamHashes {
    /// Creates empty hashes for the copied streams of a plan.
    pub(crate) fn of(spec: &OutputSpec, input: &mut Input) -> StreamHashes {
        let video = match &spec.video {
            Some(VideoPlan::Copy { stream, .. }) => Some(*stream),
            _ => None,
        };
        let audio = match &spec.audio {
            Some(AudioPlan::Copy { stream }) => Some(*stream),
            _ => None,
        };
        let mut hash = |stream| PayloadHash::new(Framing::of(stream_codec(input, stream).as_ref()));
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

/// Hashes the packets of copied streams; encoded ones are not verified.
pub(super) struct CopyTap {
    copies: StreamHashes,
    level: VerifyLevel,
}

impl CopyTap {
    /// Starts to follow an output that is verified at `level`.
    pub(super) fn new(start: OutputStart<'_>, level: VerifyLevel) -> CopyTap {
        CopyTap { copies: StreamHashes::of(start.spec, start.input), level }
    }
}

impl VerifyTap for CopyTap {
    fn copied(&mut self, kind: StreamKind, packet: &Packet) {
        self.copies.add_packet(kind, packet);
    }

    /// Verifies the structure of the output, and its copied streams by the packets of the source.
    fn verify(
        self: Box<Self>,
        output: WrittenOutput<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<VerifyReport, JobError> {
        let WrittenOutput { spec, length, reading, .. } = output;
        let mut report = VerifyReport { level: self.level, ..VerifyReport::default() };
        let scan = PacketScan::of(share(output.output)?, spec, Arc::clone(output.cancel), progress);
        let Some(scan) = valid_scan(scan, spec, &mut report)? else { return Ok(report) };
        self.copies.check(&scan, &mut report);
        // What concerns encoded streams is left out.
        let video = matches!(spec.video, Some(VideoPlan::Copy { .. }));
        let audio = matches!(spec.audio, Some(AudioPlan::Copy { .. }));
        let length = OutputLength {
            video_s: length.video_s.filter(|_| video),
            audio_s: length.audio_s.filter(|_| audio),
            ..OutputLength::default()
        };
        check_length(&scan, spec, length, &mut report);
        if video {
            check_tail(&reading, spec, &mut report);
        }
        if self.level == VerifyLevel::Full {
            check_reading(reading.read_errors, &mut report);
        }
        Ok(report)
    }
}
