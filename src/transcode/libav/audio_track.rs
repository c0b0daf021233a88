//! Decodes one audio stream of a source to planned samples, and joins the samples of several.

use std::collections::VecDeque;

use crate::job::JobError;
use crate::libav::channel_layout::layout;
use crate::libav::decoder::Decoder;
use crate::libav::filter::{Graph, Pulled};
use crate::libav::frame::Frame;
use crate::libav::input::Input;
use crate::libav::packet::Packet;
use crate::libav::time::{NOPTS, rational, seconds, units};
use crate::model::SourceDamage;
use crate::plan::JoinKind;

/// Gaps and overlaps of up to this many seconds are treated as timestamp rounding.
const CLOCK_JITTER_S: f64 = 0.05;
/// Samples that a joined frame has at most.
const JOINED_SAMPLES: usize = 4096;

/// Receives a frame of a track.
type TrackSink<'a> = dyn FnMut(Frame) -> Result<(), JobError> + 'a;

/// One audio stream, decoded and converted to the planned rate and channels, without gaps.
pub(super) struct AudioTrack {
    pub(super) stream: u32,
    decoder: Decoder,
    sample_rate: u32,
    channels: u32,
    gain: Option<f64>,
    start: i64,
    /// Whether audio before the start is left out.
    pub(super) cut_before_start: bool,
    offset: i64,
    next: Option<i64>,
    graph: Option<((i32, i32, String), Graph)>,
    /// Number of samples of the output up to the end of the last frame.
    produced: u64,
    /// The end of the stream, in seconds of the video.
    pub(super) end_s: f64,
}

impl AudioTrack {
    pub(super) fn open(
        input: &mut Input,
        stream: u32,
        sample_rate: u32,
        channels: u32,
        start_s: f64,
        gain: Option<f64>,
    ) -> Result<AudioTrack, JobError> {
        let decoder = Decoder::open(input, stream, 1, false)?;
        let start = units(start_s, decoder.base());
        Ok(AudioTrack {
            stream,
            decoder,
            sample_rate,
            channels,
            gain,
            start,
            cut_before_start: false,
            offset: 0,
            next: None,
            graph: None,
            produced: 0,
            end_s: 0.0,
        })
    }

    /// Feeds a packet, or the end of the stream.
    pub(super) fn push(&mut self, packet: Option<&Packet>, sink: &mut TrackSink<'_>) -> Result<(), JobError> {
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

    /// Restarts the stream `length_s` later, at the sample `begin` of the output.
    pub(super) fn restart(&mut self, length_s: f64, begin: u64) {
        self.decoder.flush();
        self.offset += units(length_s, self.decoder.base());
        self.next = None;
        self.produced = begin;
    }

    fn process_frame(&mut self, mut frame: Frame, sink: &mut TrackSink<'_>) -> Result<(), JobError> {
        let base = self.decoder.base();
        let raw = frame.get();
        let timestamp = raw.best_effort_timestamp;
        let time = match (timestamp, self.next) {
            (NOPTS, next) => next.unwrap_or(self.offset),
            (timestamp, _) => timestamp - self.start + self.offset,
        };
        let rate = raw.sample_rate.max(1);
        let length = units(f64::from(raw.nb_samples) / f64::from(rate), base).max(1);
        self.next = Some(time + length);
        if self.cut_before_start && time + length <= self.offset {
            return Ok(());
        }
        self.end_s = self.end_s.max(seconds(time + length, base));
        let key = (rate, raw.format, layout(&frame)?);
        if self.graph.as_ref().is_none_or(|(built_for, _)| *built_for != key) {
            self.drain_graph(sink)?;
            let text = self.graph_text(&key);
            self.graph = Some((key, Graph::new(&text)?));
        }
        frame.get_mut().pts = units(seconds(time, base), rational(1, rate));
        if let Some((_, graph)) = &mut self.graph {
            graph.push(0, Some(&mut frame))?;
        }
        self.pull(sink)
    }

    fn graph_text(&self, (rate, format, layout): &(i32, i32, String)) -> String {
        let mix = mix_filter(layout, self.channels);
        let gain = self.gain.map_or(String::new(), |gain| {
            format!(
                ",volume=volume={gain:.2}dB:precision=float,alimiter=limit=0.891:level=disabled:latency=1"
            )
        });
        let (sample_rate, first) = (self.sample_rate, self.produced);
        format!(
            "abuffer=sample_rate={rate}:sample_fmt={format}:channel_layout={layout}:time_base=1/{rate},{mix},\
             aresample={sample_rate}:async=1:first_pts={first}:min_hard_comp={CLOCK_JITTER_S},\
             aformat=sample_fmts=fltp{gain},aformat=sample_fmts=fltp,abuffersink"
        )
    }

    fn drain_graph(&mut self, sink: &mut TrackSink<'_>) -> Result<(), JobError> {
        if let Some((_, graph)) = &mut self.graph {
            graph.push(0, None)?;
            self.pull(sink)?;
        }
        self.graph = None;
        Ok(())
    }

    fn pull(&mut self, sink: &mut TrackSink<'_>) -> Result<(), JobError> {
        let Some((_, graph)) = &mut self.graph else { return Ok(()) };
        while let Pulled::Frame(frame) = graph.pull(0)? {
            self.produced += u64::try_from(frame.get().nb_samples).unwrap_or(0);
            sink(frame)?;
        }
        Ok(())
    }

    /// Returns the decode errors.
    pub(super) fn damage(&self) -> SourceDamage {
        let Decoder { damage, damage_count, frames, .. } = &self.decoder;
        let (packets, errors) = (frames + damage_count, damage.clone());
        SourceDamage { packets, error_count: *damage_count, errors, at_least: false, heavy: false }
    }
}

/// Joins the samples of several tracks to those of one.
pub(super) struct TrackJoiner {
    how: JoinKind,
    rate: u32,
    /// The channels of each track that wait for the other tracks.
    waiting: Vec<Vec<VecDeque<f32>>>,
}

impl TrackJoiner {
    pub(super) fn new(how: JoinKind, tracks: usize, channels: u32, rate: u32) -> TrackJoiner {
        TrackJoiner { how, rate, waiting: vec![vec![VecDeque::new(); channels as usize]; tracks] }
    }

    /// Adds a frame of the track at this position.
    pub(super) fn add(&mut self, track: usize, frame: &Frame) {
        for (position, channel) in self.waiting.iter_mut().skip(track).take(1).flatten().enumerate() {
            channel.extend(frame.samples(position));
        }
    }

    /// Returns the next joined samples: as many as every track has, or at the end as many as the longest, the
    /// others followed by silence.
    pub(super) fn take(&mut self, at_end: bool) -> Result<Option<Frame>, JobError> {
        let lengths = self.waiting.iter().map(|channels| channels.first().map_or(0, VecDeque::len));
        let count = if at_end { lengths.max() } else { lengths.min() }.unwrap_or(0).min(JOINED_SAMPLES);
        if count == 0 {
            return Ok(None);
        }
        let samples: Vec<Vec<Vec<f32>>> = self
            .waiting
            .iter_mut()
            .map(|channels| channels.iter_mut().map(|channel| next_samples(channel, count)).collect())
            .collect();
        let joined = join(self.how, samples);
        let mut frame = Frame::audio(joined.len() as u32, self.rate, count)?;
        for (position, channel) in joined.iter().enumerate() {
            frame.samples_mut(position).iter_mut().zip(channel).for_each(|(to, from)| *to = *from);
        }
        Ok(Some(frame))
    }
}

/// Takes `count` samples, filled up with silence.
fn next_samples(channel: &mut VecDeque<f32>, count: usize) -> Vec<f32> {
    let mut samples: Vec<f32> = channel.drain(..count.min(channel.len())).collect();
    samples.resize(count, 0.0);
    samples
}

/// Joins the channels of all tracks, which have equally many samples.
fn join(how: JoinKind, tracks: Vec<Vec<Vec<f32>>>) -> Vec<Vec<f32>> {
    match how {
        JoinKind::LeftRight => tracks.into_iter().flatten().collect(),
        JoinKind::Mix => {
            let share = 1.0 / tracks.len().max(1) as f32;
            let mut tracks = tracks.into_iter();
            let mut sum = tracks.next().unwrap_or_default();
            for track in tracks {
                for (to, from) in sum.iter_mut().flatten().zip(track.iter().flatten()) {
                    *to += from;
                }
            }
            sum.iter_mut().flatten().for_each(|sample| *sample *= share);
            sum
        }
    }
}

/// Returns the filter that mixes a channel layout to one or two channels.
pub(super) fn mix_filter(layout: &str, channels: u32) -> &'static str {
    match (layout, channels) {
        // A single channel that is placed left or right would be mixed to mono at +3 dB.
        (layout, 1) if layout == "mono" || layout.starts_with("1 channels") => "pan=mono|c0=c0",
        (_, 1) => "aformat=channel_layouts=mono",
        // swresample mixes mono to stereo at -3 dB; duplicating the channel keeps the loudness.
        ("mono", _) => "pan=stereo|c0=c0|c1=c0",
        _ => "aformat=channel_layouts=stereo",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_gives_every_track_an_equal_share_and_cannot_clip() {
        let full = vec![vec![1.0; 4], vec![-1.0; 4]];
        let joined = join(JoinKind::Mix, vec![full.clone(), full.clone(), full.clone()]);
        assert!(joined[0].iter().all(|sample| (sample - 1.0).abs() < 1e-6));
        assert!(joined[1].iter().all(|sample| (sample + 1.0).abs() < 1e-6));
        let silent = vec![vec![0.0; 4], vec![0.0; 4]];
        assert_eq!(join(JoinKind::Mix, vec![full, silent])[0], [0.5; 4]);
    }

    #[test]
    fn mono_tracks_become_the_left_and_the_right_channel() {
        let joined = join(JoinKind::LeftRight, vec![vec![vec![0.25]], vec![vec![0.75]]]);
        assert_eq!(joined, [[0.25], [0.75]]);
    }

    #[test]
    fn a_shorter_track_is_followed_by_silence() {
        let mut channel = VecDeque::from(vec![0.5]);
        assert_eq!(next_samples(&mut channel, 3), [0.5, 0.0, 0.0]);
    }
}
