//! Converts the packets of a source to planned frames, audio and copied packets.
//!
//! What becomes of them is up to the [`MediaSink`].

use ffmpeg_next::ffi;

use super::audio::AudioChain;
use super::copy::Copier;
use super::loop_frames::LoopFrames;
use super::media_sink::MediaSink;
use super::shared_decode::DecoderHandle;
use super::stream_pipeline::StreamPipeline;
use super::video::VideoChain;
use crate::job::JobError;
use crate::libav::error::failed;
use crate::libav::input::Input;
use crate::libav::input::stream_codec;
use crate::libav::output_length::OutputLength;
use crate::libav::packet::Packet;
use crate::libav::source_reading::SourceReading;
use crate::libav::stream_kind::StreamKind;
use crate::model::SourceDamage;
use crate::plan::{LengtheningKind, OutputSpec, VideoPlan};
use crate::transcode::frame_pacing::whole_frames;

/// Differences below this many seconds between video and audio are treated as rounding.
const END_SLACK_S: f64 = 0.25;
/// Maximum number of passes of a loop.
const MAX_LOOPS: u32 = 10_000;

/// An open source with the plan for its streams.
pub(crate) struct Transcoder {
    video: StreamPipeline<VideoChain>,
    audio: StreamPipeline<AudioChain>,
    rate: f64,
    extend: Option<(f64, LengtheningKind)>,
    limit_s: Option<f64>,
    expected_s: Option<f64>,
    max_hold_s: f64,
    /// The duration of the video stream declared by the container, in seconds.
    declared_s: Option<f64>,
    /// Number of video packets read, without those marked to be discarded.
    pub(crate) video_packets: u64,
    /// How many of them gave no frame; known if the first pass reached the end.
    lost_packets: Option<u64>,
    // Declared last, so that everything that points into it is dropped first.
    pub(crate) input: Input,
}

impl Transcoder {
    pub(crate) fn open(input: Input, spec: &OutputSpec) -> Result<Transcoder, JobError> {
        Transcoder::open_with_decoder(None, input, spec)
    }

    /// Like [`Transcoder::open`], with a handle to a decoder shared with other outputs of the same source.
    pub(crate) fn open_with_decoder(
        decoder: Option<DecoderHandle>,
        mut input: Input,
        spec: &OutputSpec,
    ) -> Result<Transcoder, JobError> {
        let extend = spec.extend.map(|extension| (extension.to_s, extension.kind));
        let loop_to_s = extend.filter(|(_, kind)| *kind == LengtheningKind::Loop).map(|(to_s, _)| to_s);
        let limit_s = match (spec.trim_to_s, loop_to_s) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        // Encoded video ends with a whole frame, and the audio ends with it.
        let limit_s = match &spec.video {
            Some(VideoPlan::Encode(plan)) => limit_s.map(|limit| whole_frames(limit, plan.frame_rate)),
            _ => limit_s,
        };
        if extend.is_some() && matches!(spec.video, Some(VideoPlan::Copy { .. })) {
            return Err(failed("a copied video stream cannot be lengthened; it must be re-encoded"));
        }
        let rate = match &spec.video {
            Some(VideoPlan::Encode(plan)) => plan.frame_rate.as_f64(),
            _ => 0.0,
        };
        let video = StreamPipeline::video(&mut input, spec, limit_s, decoder)?;
        let audio = StreamPipeline::audio(&mut input, spec, limit_s)?;
        let expected_s = spec.expected_duration_s;
        let declared_s = match video.stream() {
            Some(stream) => input.declared_s(stream)?,
            None => None,
        };
        // The declared duration may include an offset that the plan has subtracted.
        let declared_s = declared_s.map(|declared| expected_s.map_or(declared, |s: f64| s.min(declared)));
        let mut transcoder = Transcoder {
            video,
            audio,
            rate,
            extend,
            limit_s,
            expected_s,
            max_hold_s: spec.max_hold_s,
            declared_s,
            video_packets: 0,
            lost_packets: None,
            input,
        };
        transcoder.discard_unused_streams();
        if let (false, StreamPipeline::Encode(_, chain)) =
            (matches!(transcoder.video, StreamPipeline::None), &mut transcoder.audio)
        {
            chain.allow_until(0.0, &mut |_| Ok(()))?;
        }
        Ok(transcoder)
    }

    /// Makes the demuxer discard the streams that the plan does not use.
    fn discard_unused_streams(&mut self) {
        let streams = self.input.stream_count();
        let used = (0..streams).filter(|i| self.video.stream() == Some(*i) || self.takes_audio(*i));
        self.input.discard_all_but(&used.collect::<Vec<_>>());
    }

    /// Returns whether the packets of a stream become audio of the output.
    fn takes_audio(&self, stream: u32) -> bool {
        match &self.audio {
            StreamPipeline::Encode(_, chain) => chain.takes(stream),
            audio => audio.stream() == Some(stream),
        }
    }

    /// Returns the copier of a stream, if it is copied.
    pub(crate) fn copier(&self, kind: StreamKind) -> Option<&Copier> {
        match kind {
            StreamKind::Video => self.video.copier(),
            StreamKind::Audio => self.audio.copier(),
        }
    }

    /// Returns the decoder chain of the video stream, if it is encoded.
    pub(crate) fn video_chain(&self) -> Option<&VideoChain> {
        match &self.video {
            StreamPipeline::Encode(_, chain) => Some(chain),
            _ => None,
        }
    }

    /// Returns whether any stream is decoded.
    pub(crate) fn decodes(&self) -> bool {
        matches!(self.video, StreamPipeline::Encode(..)) || matches!(self.audio, StreamPipeline::Encode(..))
    }

    /// Returns the end of the source's video stream in seconds, repeats included.
    fn video_end_s(&self) -> Option<f64> {
        match &self.video {
            StreamPipeline::Encode(_, chain) => Some(chain.end_s()),
            StreamPipeline::Copy(_, copier) => Some(copier.source_end_s),
            StreamPipeline::None | StreamPipeline::Silence(_) => None,
        }
    }

    /// Returns the end of the source's audio in seconds, if it has any in the output.
    fn audio_end_s(&self) -> Option<f64> {
        match &self.audio {
            StreamPipeline::Encode(_, chain) => Some(chain.end_s),
            StreamPipeline::Copy(_, copier) => Some(copier.source_end_s),
            StreamPipeline::None | StreamPipeline::Silence(_) => None,
        }
    }

    /// Returns the decode errors of the streams that are encoded.
    fn damage(&self) -> SourceDamage {
        let mut damage = SourceDamage::default();
        if let StreamPipeline::Encode(_, chain) = &self.video {
            let (error_count, errors) = chain.damage();
            let (packets, errors) = (self.video_packets, errors.to_vec());
            damage.add(SourceDamage { packets, error_count, errors, at_least: false, heavy: false });
        }
        if let StreamPipeline::Encode(_, chain) = &self.audio {
            damage.add(chain.damage());
        }
        damage
    }

    /// Returns what the source showed, after it was read.
    pub(crate) fn into_reading(mut self) -> SourceReading {
        let damage = self.damage();
        let (video_end_s, audio_end_s) = (self.video_end_s(), self.audio_end_s());
        let video = match self.video {
            StreamPipeline::Encode(stream, chain) => {
                Some(chain.into_reading(stream_codec(&mut self.input, stream), self.lost_packets))
            }
            _ => None,
        };
        SourceReading {
            // Where the clock jumps, the library derives a duration from times of different recordings.
            declared_s: self.declared_s.filter(|_| !self.input.has_joints()),
            video_end_s,
            audio_end_s,
            file_end_s: self.input.declared_end_s(),
            read_errors: self.input.read_errors,
            unread: std::mem::take(&mut self.input.unread),
            damage,
            video,
        }
    }

    /// Processes the source from start to end. Frames are passed on as decoded, without filtering.
    pub(crate) fn run(&mut self, sink: &mut dyn MediaSink) -> Result<OutputLength, JobError> {
        let mut packet = Packet::new()?;
        let mut length_s = None;
        let mut end_s = 0.0_f64;
        let mut loop_frames = LoopFrames::default();
        for pass in 0..MAX_LOOPS {
            while !self.reached_limit() && self.input.read(&mut packet)? {
                self.process_packet(&mut packet, sink)?;
            }
            let looping = self.extend.is_some_and(|(_, kind)| kind == LengtheningKind::Loop);
            if let StreamPipeline::Encode(_, chain) = &mut self.video {
                if !chain.reached_limit() {
                    chain.end_of_stream(&mut |frame, ticks| sink.frame(frame, ticks))?;
                }
                end_s = chain.end_s();
                if pass == 0 && !chain.reached_limit() {
                    self.lost_packets = Some(self.video_packets.saturating_sub(chain.decoded()));
                }
                loop_frames.count(pass, chain)?;
            }
            if let StreamPipeline::Encode(_, chain) = &mut self.audio {
                chain.push(None, &mut |frame| sink.audio(frame))?;
            }
            if !looping || self.reached_limit() || end_s <= 0.0 {
                break;
            }
            let first_pass = *length_s.get_or_insert(end_s);
            if first_pass <= 0.0 || self.limit_s.is_none_or(|limit| end_s >= limit) {
                break;
            }
            self.restart_input()?;
            if let StreamPipeline::Encode(_, chain) = &mut self.video {
                chain.restart(first_pass)?;
            }
            if let StreamPipeline::Encode(_, chain) = &mut self.audio {
                chain
                    .restart(first_pass * f64::from(pass + 1), first_pass, &mut |frame| sink.audio(frame))?;
            }
        }
        self.finish(sink)
    }

    /// Goes back to the first packet of the input.
    fn restart_input(&mut self) -> Result<(), JobError> {
        // A copier points into the input it was opened on.
        if self.input.is_repeatable() || self.audio.copier().is_some() {
            return self.input.rewind();
        }
        // Other containers cannot seek exactly: a position after the only key frame would decode to no frames.
        let reopened = self.input.reopen()?;
        let before = std::mem::replace(&mut self.input, reopened);
        self.input.read_errors = before.read_errors;
        self.discard_unused_streams();
        Ok(())
    }

    /// Returns whether every stream has reached the limit.
    fn reached_limit(&self) -> bool {
        let Some(limit) = self.limit_s else { return false };
        let video = match &self.video {
            StreamPipeline::Encode(_, chain) => chain.reached_limit(),
            StreamPipeline::Copy(_, copier) => copier.reached_limit(),
            StreamPipeline::None => true,
            StreamPipeline::Silence(_) => false,
        };
        let audio = match &self.audio {
            StreamPipeline::Encode(_, chain) => chain.end_s >= limit,
            StreamPipeline::None | StreamPipeline::Silence(_) => true,
            StreamPipeline::Copy(_, copier) => copier.reached_limit(),
        };
        video && audio
    }

    fn process_packet(&mut self, packet: &mut Packet, sink: &mut dyn MediaSink) -> Result<(), JobError> {
        let index = u32::try_from(packet.get().stream_index).ok();
        if index == self.video.stream() {
            if packet.is_empty() {
                return Ok(());
            }
            if let StreamPipeline::Encode(_, chain) = &mut self.video
                && chain.cuts(packet)
            {
                return Ok(());
            }
            if packet.get().flags & ffi::AV_PKT_FLAG_DISCARD == 0 {
                self.video_packets += 1;
            }
            let at = match &mut self.video {
                StreamPipeline::Copy(_, copier) => {
                    let base = copier.base();
                    copier.push(Some(packet), &mut |packet| sink.copied(StreamKind::Video, packet, base))?;
                    copier.end_s
                }
                StreamPipeline::Encode(_, chain) => {
                    if !chain.reached_limit() {
                        chain.push(packet, &mut |frame, ticks| sink.frame(frame, ticks))?;
                    }
                    chain.ticks() as f64 / self.rate
                }
                StreamPipeline::None | StreamPipeline::Silence(_) => 0.0,
            };
            match &mut self.audio {
                StreamPipeline::Silence(framer) => framer.silence(at, &mut |frame| sink.audio(frame))?,
                StreamPipeline::Encode(_, chain) => chain.allow_until(at, &mut |frame| sink.audio(frame))?,
                StreamPipeline::None | StreamPipeline::Copy(..) => {}
            }
            sink.done(at)
        } else if index.is_some_and(|index| self.takes_audio(index)) {
            match &mut self.audio {
                StreamPipeline::Copy(_, copier) => {
                    let base = copier.base();
                    copier.push(Some(packet), &mut |packet| sink.copied(StreamKind::Audio, packet, base))
                }
                StreamPipeline::Encode(_, chain) => chain.push(Some(packet), &mut |frame| sink.audio(frame)),
                StreamPipeline::None | StreamPipeline::Silence(_) => Ok(()),
            }
        } else {
            Ok(())
        }
    }

    /// Returns the end of encoded video: its natural end, or later if the plan says so.
    fn planned_end(&self, natural_s: f64, audio: Option<f64>) -> f64 {
        let mut end = natural_s;
        if let Some((to_s, _)) = self.extend {
            end = end.max(to_s);
        } else if let Some(expected) = self.expected_s {
            // The plan may include audio that outlasts the video, or a last frame that is held.
            let with_audio = audio.map_or(natural_s, |audio| expected.min(audio));
            let held = if expected - natural_s <= self.max_hold_s { expected } else { with_audio };
            if held > natural_s + END_SLACK_S {
                end = held;
            }
        }
        self.limit_s.map_or(end, |limit| end.min(limit))
    }

    fn finish(&mut self, sink: &mut dyn MediaSink) -> Result<OutputLength, JobError> {
        let mut length = OutputLength::default();
        let audio_s = match &self.audio {
            StreamPipeline::Copy(_, copier) => Some(copier.end_s),
            _ => self.audio_end_s(),
        };
        let end_s = self.planned_end(self.video_end_s().unwrap_or_default(), audio_s);
        match &mut self.video {
            StreamPipeline::Encode(_, chain) => {
                length.held_last_s = (end_s - chain.end_s()).max(0.0);
                chain.finish(end_s, &mut |frame, ticks| sink.frame(frame, ticks))?;
                sink.frames_end()?;
                if chain.ticks() == 0 {
                    return Err(JobError::Unreadable("no video frame could be decoded".to_owned()));
                }
                length.frames = Some(chain.ticks());
                length.video_s = Some(chain.ticks() as f64 / self.rate);
            }
            StreamPipeline::Copy(_, copier) => {
                let base = copier.base();
                copier.push(None, &mut |packet| sink.copied(StreamKind::Video, packet, base))?;
                length.video_s = Some(copier.end_s);
            }
            StreamPipeline::None | StreamPipeline::Silence(_) => {}
        }
        match &mut self.audio {
            StreamPipeline::Encode(_, chain) => {
                let natural_s = self.limit_s.map_or(chain.end_s, |limit| limit.min(chain.end_s));
                let end_s = length.video_s.unwrap_or(natural_s);
                chain.finish(end_s, &mut |frame| sink.audio(frame))?;
                length.audio_s = Some(end_s);
            }
            StreamPipeline::Silence(framer) => {
                let end_s = length
                    .video_s
                    .ok_or_else(|| failed("silent audio needs a video stream, and the plan has none"))?;
                framer.finish(end_s, &mut |frame| sink.audio(frame))?;
                length.audio_s = Some(end_s);
            }
            StreamPipeline::Copy(_, copier) => {
                let base = copier.base();
                copier.push(None, &mut |packet| sink.copied(StreamKind::Audio, packet, base))?;
                length.audio_s = Some(copier.end_s);
            }
            StreamPipeline::None => {}
        }
        Ok(length)
    }
}
