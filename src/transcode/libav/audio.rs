//! Converts the packets of an audio stream to planned audio: without gaps, starting at zero.

use std::collections::VecDeque;
use std::ffi::c_char;

use ffmpeg_next::ffi;

use super::decode::Decoder;
use super::ffi_wrappers::{Frame, NOPTS, Packet, check, failed, seconds};
use super::filter::{Graph, Pulled};
use super::input::Input;
use crate::job::JobError;
use crate::model::SourceDamage;
use crate::plan::AudioEncode;

/// Samples per AAC frame.
pub(crate) const FRAME_SAMPLES: usize = 1024;
/// Gaps and overlaps of up to this many seconds are treated as timestamp rounding.
const CLOCK_JITTER_S: f64 = 0.05;

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

/// Decodes, resamples and mixes an audio stream.
pub(crate) struct AudioChain {
    decoder: Decoder,
    plan: AudioEncode,
    gain: Option<f64>,
    start: i64,
    offset: i64,
    next: Option<i64>,
    graph: Option<((i32, i32, String), Graph)>,
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
        let decoder = Decoder::open(input.stream(plan.stream)?, 1, false)?;
        let start = super::ffi_wrappers::units(start_s, decoder.base());
        Ok(AudioChain {
            decoder,
            plan: plan.clone(),
            gain,
            start,
            offset: 0,
            next: None,
            graph: None,
            framer: AudioFramer::new(plan.sample_rate, plan.channels, limit_s),
            end_s: 0.0,
        })
    }

    /// Feeds a packet, or the end of the stream.
    pub(crate) fn push(&mut self, packet: Option<&Packet>, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        let mut frames = Vec::new();
        self.decoder.feed(packet, &mut |frame| {
            frames.push(frame);
            Ok(())
        })?;
        for frame in frames {
            self.process_frame(frame, sink)?;
        }
        if packet.is_none() {
            self.drain_graph(sink)?;
        }
        Ok(())
    }

    /// Restarts the stream: the next packets are from its start again and play at `at_s`.
    pub(crate) fn restart(
        &mut self,
        at_s: f64,
        length_s: f64,
        sink: &mut AudioSink<'_>,
    ) -> Result<(), JobError> {
        self.decoder.flush();
        self.offset += super::ffi_wrappers::units(length_s, self.decoder.base());
        self.next = None;
        let full_limit = self.framer.limit;
        let limit = samples(at_s, self.plan.sample_rate);
        self.framer.silence(at_s, sink)?;
        self.framer.limit = Some(full_limit.map_or(limit, |full_limit| full_limit.min(limit)));
        self.framer.emit(false, sink)?;
        self.framer.limit = full_limit;
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

    fn process_frame(&mut self, mut frame: Frame, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        let base = self.decoder.base();
        let raw = frame.get();
        let timestamp = raw.best_effort_timestamp;
        let time = match (timestamp, self.next) {
            (NOPTS, next) => next.unwrap_or(self.offset),
            (timestamp, _) => timestamp - self.start + self.offset,
        };
        let rate = raw.sample_rate.max(1);
        let length = super::ffi_wrappers::units(f64::from(raw.nb_samples) / f64::from(rate), base).max(1);
        self.next = Some(time + length);
        self.end_s = self.end_s.max(seconds(time + length, base));
        let key = (rate, raw.format, layout(&frame)?);
        if self.graph.as_ref().is_none_or(|(built_for, _)| *built_for != key) {
            self.drain_graph(sink)?;
            let text = self.graph_text(&key);
            self.graph = Some((key, Graph::new(&text)?));
        }
        frame.get_mut().pts =
            super::ffi_wrappers::units(seconds(time, base), super::ffi_wrappers::rational(1, rate));
        if let Some((_, graph)) = &mut self.graph {
            graph.push(0, Some(&mut frame))?;
        }
        self.pull(sink)
    }

    fn graph_text(&self, (rate, format, layout): &(i32, i32, String)) -> String {
        let AudioEncode { sample_rate, channels, .. } = self.plan;
        let mix = mix_filter(layout, channels);
        let gain = self.gain.map_or(String::new(), |gain| {
            format!(
                ",volume=volume={gain:.2}dB:precision=float,alimiter=limit=0.891:level=disabled:latency=1"
            )
        });
        let first = self.framer.total();
        format!(
            "abuffer=sample_rate={rate}:sample_fmt={format}:channel_layout={layout}:time_base=1/{rate},{mix},\
             aresample={sample_rate}:async=1:first_pts={first}:min_hard_comp={CLOCK_JITTER_S},\
             aformat=sample_fmts=fltp{gain},aformat=sample_fmts=fltp,abuffersink"
        )
    }

    fn drain_graph(&mut self, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        if let Some((_, graph)) = &mut self.graph {
            graph.push(0, None)?;
            self.pull(sink)?;
        }
        self.graph = None;
        Ok(())
    }

    fn pull(&mut self, sink: &mut AudioSink<'_>) -> Result<(), JobError> {
        let Some((_, graph)) = &mut self.graph else { return Ok(()) };
        while let Pulled::Frame(frame) = graph.pull(0)? {
            self.framer.add(&frame, sink)?;
        }
        Ok(())
    }

    /// Returns the decode errors.
    pub(crate) fn damage(&self) -> SourceDamage {
        let Decoder { damage, damage_count, frames, .. } = &self.decoder;
        SourceDamage { packets: frames + damage_count, error_count: *damage_count, errors: damage.clone() }
    }
}

/// Returns the filter that mixes a channel layout to one or two channels.
fn mix_filter(layout: &str, channels: u32) -> &'static str {
    match (layout, channels) {
        (_, 1) => "aformat=channel_layouts=mono",
        // swresample mixes mono to stereo at -3 dB; duplicating the channel keeps the loudness.
        ("mono", _) => "pan=stereo|c0=c0|c1=c0",
        _ => "aformat=channel_layouts=stereo",
    }
}

/// Returns FFmpeg's description of the channel layout; the default layout if only the number is known.
pub(crate) fn layout(frame: &Frame) -> Result<String, JobError> {
    let mut text: [c_char; 128] = [0; 128];
    let raw = frame.get();
    // SAFETY: the layouts are valid; the buffer's length is given and libav ends it with a zero.
    unsafe {
        let mut known = std::mem::zeroed::<ffi::AVChannelLayout>();
        let unspecified = raw.ch_layout.order == ffi::AVChannelOrder::AV_CHANNEL_ORDER_UNSPEC;
        if unspecified {
            ffi::av_channel_layout_default(&mut known, raw.ch_layout.nb_channels);
        }
        let which = if unspecified { &known } else { &raw.ch_layout };
        let code = ffi::av_channel_layout_describe(which, text.as_mut_ptr(), text.len());
        check(code, "cannot describe the channel layout of the audio")?;
        Ok(std::ffi::CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned())
    }
}

/// Measures the gain in decibels that brings a stream to the integrated loudness `target` in LUFS; `None`
/// for silence.
pub(crate) fn loudness_gain(
    input: &mut Input,
    plan: &AudioEncode,
    target: f64,
) -> Result<Option<f64>, JobError> {
    let mut decoder = Decoder::open(input.stream(plan.stream)?, 1, false)?;
    let mut meter: Option<Graph> = None;
    let mut integrated = None;
    let mut packet = Packet::new()?;
    let mut more = true;
    while more {
        more = input.read(&mut packet)?;
        if more && packet.get().stream_index != plan.stream as i32 {
            continue;
        }
        decoder.feed(more.then_some(&packet), &mut |mut frame| {
            if meter.is_none() {
                let (rate, format) = (frame.get().sample_rate, frame.get().format);
                let layout = layout(&frame)?;
                // Measured after mixing, which changes the loudness.
                let mix = mix_filter(&layout, plan.channels);
                meter = Some(Graph::new(&format!(
                    "abuffer=sample_rate={rate}:sample_fmt={format}:channel_layout={layout}:time_base=1/{rate},{mix},\
                     ebur128=metadata=1,abuffersink"
                ))?);
            }
            let Some(graph) = &mut meter else { return Ok(()) };
            frame.get_mut().pts = NOPTS;
            graph.push(0, Some(&mut frame))?;
            while let Pulled::Frame(measured) = graph.pull(0)? {
                integrated = measured.number(c"lavfi.r128.I").or(integrated);
            }
            Ok(())
        })?;
    }
    // The meter starts at its gate, -70 LUFS, which means that the audio is silent.
    Ok(integrated.filter(|i| *i > -69.0).map(|i| (target - i).clamp(-40.0, 40.0)))
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
