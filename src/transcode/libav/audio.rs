//! Converts the packets of an audio stream to planned audio: without gaps, starting at zero.

use std::collections::VecDeque;

use super::audio_track::{AudioTrack, TrackJoiner};
use crate::job::JobError;
use crate::libav::error::failed;
use crate::libav::frame::Frame;
use crate::libav::input::Input;
use crate::libav::packet::Packet;
use crate::model::SourceDamage;
use crate::plan::{AudioEncode, JoinKind};

/// Samples per AAC frame.
pub(crate) const FRAME_SAMPLES: usize = 1024;

/// Maximum seconds of audio held back while waiting for the video.
const MAX_HELD_S: u64 = 60;

/// Receives a frame of planned audio.
pub(crate) type AudioSink<'a> = dyn FnMut(Frame) -> Result<(), JobError> + 'a;

/// Splits a stream of samples into frames and ends it at an exact sample.
///
/// The end of the video is only known once it is reached, so audio is held back until then.
pub(crate) struct AudioFramer {
    rate: u32,
    channels: Vec<VecDeque<f32>>,
    emitted: u64,
    allowed: u64,
    limit: Option<u64>,
}

impl AudioFramer {
    pub(crate) fn new(rate: u32, channels: u32, limit_s: Option<f64>) -> AudioFramer {
        let limit = limit_s.map(|s| samples(s, rate));
        let channels = vec![VecDeque::new(); channels as usize];
        AudioFramer { rate, channels, emitted: 0, allowed: u64::MAX, limit }
    }

    /// Allows audio up to `until_s` to be emitted; the audio will not end before.
    pub(crate) fn allow_until(&mut self, until_s: f64, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        self.allowed = samples(until_s, self.rate);
        self.emit(false, sink)
    }

    /// Returns the number of samples accepted so far.
    fn total(&self) -> u64 {
        self.emitted + self.channels.first().map_or(0, VecDeque::len) as u64
    }

    fn add(&mut self, frame: &Frame, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        if frame.get().ch_layout.nb_channels as usize != self.channels.len() {
            return Err(failed(
                "the audio filter graph returned a different number of channels than planned",
            ));
        }
        for (i, channel) in self.channels.iter_mut().enumerate() {
            channel.extend(frame.samples(i));
        }
        self.emit(false, sink)
    }

    /// Appends silence up to `until_s` or the limit.
    pub(crate) fn silence(&mut self, until_s: f64, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        let until = samples(until_s, self.rate).min(self.limit.unwrap_or(u64::MAX));
        while self.total() < until {
            let missing = (until - self.total()).min(FRAME_SAMPLES as u64) as usize;
            for channel in &mut self.channels {
                channel.resize(channel.len() + missing, 0.0);
            }
            self.emit(false, sink)?;
        }
        Ok(())
    }

    /// Ends at exactly `end_s`.
    pub(crate) fn finish(&mut self, end_s: f64, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        // The video ends with a whole frame, which may end after the limit.
        self.limit = Some(samples(end_s, self.rate));
        self.silence(end_s, sink)?;
        self.emit(true, sink)
    }

    fn emit(&mut self, last: bool, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        if let Some(limit) = self.limit {
            let left = limit.saturating_sub(self.emitted) as usize;
            self.channels.iter_mut().for_each(|channel| channel.truncate(left));
        }
        loop {
            let have = self.channels.first().map_or(0, VecDeque::len);
            let held = self.emitted + FRAME_SAMPLES as u64 > self.allowed
                && (have as u64) < MAX_HELD_S * u64::from(self.rate);
            if have == 0 || ((have < FRAME_SAMPLES || held) && !last) {
                return Ok(());
            }
            let count = have.min(FRAME_SAMPLES);
            let mut frame = Frame::audio(self.channels.len() as u32, self.rate, count)?;
            for (i, channel) in self.channels.iter_mut().enumerate() {
                for (to, from) in frame.samples_mut(i).iter_mut().zip(channel.drain(..count)) {
                    *to = from;
                }
            }
            self.emitted += count as u64;
            sink(frame)?;
        }
    }
}

fn samples(seconds: f64, rate: u32) -> u64 {
    (seconds * f64::from(rate)).round().max(0.0) as u64
}

/// Decodes, resamples and mixes the audio streams of a plan to one track.
pub(crate) struct AudioChain {
    tracks: Vec<AudioTrack>,
    /// Joins the tracks, if there are several.
    joiner: Option<TrackJoiner>,
    sample_rate: u32,
    framer: AudioFramer,
    /// The end of the source's audio, in seconds of the video.
    pub(crate) end_s: f64,
}

impl AudioChain {
    pub(crate) fn open(
        input: &mut Input,
        plan: &AudioEncode,
        start_s: f64,
        limit_s: Option<f64>,
        gain: Option<f64>,
    ) -> Result<AudioChain, JobError> {
        let how = plan.joined.as_ref().map(|joined| joined.how);
        let channels = if how == Some(JoinKind::LeftRight) { 1 } else { plan.channels };
        let others = plan.joined.iter().flat_map(|joined| joined.others.iter().copied());
        let tracks: Vec<AudioTrack> = std::iter::once(plan.stream)
            .chain(others)
            .map(|stream| AudioTrack::open(input, stream, plan.sample_rate, channels, start_s, gain))
            .collect::<Result<_, _>>()?;
        Ok(AudioChain {
            joiner: how.map(|how| TrackJoiner::new(how, tracks.len(), channels, plan.sample_rate)),
            tracks,
            sample_rate: plan.sample_rate,
            framer: AudioFramer::new(plan.sample_rate, plan.channels, limit_s),
            end_s: 0.0,
        })
    }

    /// Leaves out audio before the start.
    pub(crate) fn cut_before_start(&mut self, cut: bool) {
        self.tracks.iter_mut().for_each(|track| track.cut_before_start = cut);
    }

    /// Returns whether the packets of a stream belong to this track.
    pub(crate) fn takes(&self, stream: u32) -> bool {
        self.tracks.iter().any(|track| track.stream == stream)
    }

    /// Feeds a packet of one of the streams, or the end of all.
    pub(crate) fn push(&mut self, packet: Option<&Packet>, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        let stream = packet.and_then(|packet| u32::try_from(packet.get().stream_index).ok());
        let AudioChain { tracks, joiner, framer, end_s, .. } = self;
        for (position, track) in tracks.iter_mut().enumerate() {
            if stream.is_some_and(|stream| track.stream != stream) {
                continue;
            }
            track.push(packet, &mut |frame| match joiner {
                Some(joiner) => {
                    joiner.add(position, &frame);
                    Ok(())
                }
                None => framer.add(&frame, sink),
            })?;
            *end_s = end_s.max(track.end_s);
        }
        if let Some(joiner) = joiner {
            while let Some(frame) = joiner.take(packet.is_none())? {
                framer.add(&frame, sink)?;
            }
        }
        Ok(())
    }

    /// Restarts the streams: the next packets are from their start again and play at `at_s`.
    pub(crate) fn restart(
        &mut self,
        at_s: f64,
        length_s: f64,
        sink: &mut AudioSink<'_>,
    ) -> Result<(), JobError> {
        let full_limit = self.framer.limit;
        let limit = samples(at_s, self.sample_rate);
        self.framer.silence(at_s, sink)?;
        self.framer.limit = Some(full_limit.map_or(limit, |full_limit| full_limit.min(limit)));
        self.framer.emit(false, sink)?;
        self.framer.limit = full_limit;
        let begin = self.framer.total();
        self.tracks.iter_mut().for_each(|track| track.restart(length_s, begin));
        Ok(())
    }

    /// Allows audio up to `until_s` to be emitted.
    pub(crate) fn allow_until(&mut self, until_s: f64, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        self.framer.allow_until(until_s, sink)
    }

    /// Ends the audio at exactly `end_s` by trimming it or adding silence.
    pub(crate) fn finish(&mut self, end_s: f64, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        self.framer.finish(end_s, sink)
    }

    /// Returns the decode errors of all tracks.
    pub(crate) fn damage(&self) -> SourceDamage {
        self.tracks.iter().map(AudioTrack::damage).fold(SourceDamage::default(), |mut sum, damage| {
            sum.add(damage);
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Returns the samples emitted for audio of `audio_s` with a limit of `limit_s` and a video end of `end_s`.
    fn emitted(audio_s: f64, limit_s: f64, end_s: f64) -> u64 {
        let mut framer = AudioFramer::new(1000, 1, Some(limit_s));
        let mut count = 0;
        let mut sink = |frame: Frame| {
            count += frame.get().nb_samples as u64;
            Ok(())
        };
        framer.silence(audio_s, &mut sink).unwrap();
        framer.finish(end_s, &mut sink).unwrap();
        count
    }

    #[test]
    fn audio_ends_with_the_video_regardless_of_the_limit() {
        assert_eq!(emitted(10.0, 5.0, 5.0), 5_000);
        assert_eq!(emitted(10.0, 5.0, 5.02), 5_020, "the last frame ends after the limit");
        assert_eq!(emitted(10.0, 5.0, 4.98), 4_980);
        assert_eq!(emitted(3.0, 5.0, 5.02), 5_020);
    }
}
