//! Drives one video from packets to planned pictures, audio and copies.
//!
//! Making an output and proving it run the same video; only what they do with the results differs.

use std::ffi::CStr;

use ffmpeg_next::ffi;

use super::audio::{AudioChain, Blocks, gain_to};
use super::av::{Frame, Packet, failed};
use super::copy::{Copier, CopyPlan};
use super::input::Input;
use super::shared_decode::Place;
use super::video::VideoChain;
use crate::job::JobError;
use crate::plan::{AudioPlan, LengtheningKind, OutputSpec, VideoPlan};
use crate::transcode::frame_pacing::whole_frames;

/// Differences below this many seconds between picture and audio are only rounding.
const END_SLACK_S: f64 = 0.25;
/// A loop is not repeated more often than this.
const MAX_LOOPS: u32 = 10_000;

/// Picture or audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Video,
    Audio,
}

/// Who receives what the video yields.
pub(crate) trait Receiver {
    /// A picture, shown for a number of ticks: decoded ones from the video itself, planned ones
    /// behind a darkroom.
    fn picture(&mut self, frame: Frame, ticks: u64) -> Result<(), JobError>;
    /// Every how many ticks [`Receiver::sample`] is wanted, if at all.
    fn samples_every(&self) -> Option<u64> {
        None
    }
    /// The decoded picture that the next planned one was made of.
    fn sample(&mut self, _: Frame) -> Result<(), JobError> {
        Ok(())
    }
    /// There are no more pictures.
    fn pictures_end(&mut self) -> Result<(), JobError> {
        Ok(())
    }
    /// A piece of planned audio.
    fn audio(&mut self, frame: Frame) -> Result<(), JobError>;
    /// A copied packet, with times in `base`. It is whole, and empty or not afterwards.
    fn copied(&mut self, kind: Kind, packet: &mut Packet, base: ffi::AVRational) -> Result<(), JobError>;
    /// That many seconds of the video are done.
    fn done(&mut self, seconds: f64) -> Result<(), JobError>;
}

enum Side<C> {
    None,
    Copy(u32, Box<Copier>),
    Make(u32, Box<C>),
    Silence(Blocks),
}

/// An open video.
pub(crate) struct Transcoder {
    video: Side<VideoChain>,
    audio: Side<AudioChain>,
    rate: f64,
    extend: Option<(f64, LengtheningKind)>,
    limit_s: Option<f64>,
    expected_s: Option<f64>,
    max_hold_s: f64,
    /// How long the container says the picture lasts, in seconds.
    pub(crate) declared_s: Option<f64>,
    /// Packets of the picture that were to be shown.
    pub(crate) video_packets: u64,
    /// How many of them gave no picture, where the video was played to its end once.
    pub(crate) lost_packets: Option<u64>,
    // Last, so that everything that points into it goes first.
    pub(crate) input: Input,
}

/// What a video came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Length {
    /// Ticks of an encoded picture.
    pub(crate) frames: Option<u64>,
    /// End of the picture in seconds.
    pub(crate) video_s: Option<f64>,
    /// End of the audio in seconds.
    pub(crate) audio_s: Option<f64>,
}

impl Transcoder {
    pub(crate) fn open(input: Input, spec: &OutputSpec) -> Result<Transcoder, JobError> {
        Transcoder::open_at(None, input, spec)
    }

    /// As [`Transcoder::open`], with a place at a decoder that other videos of the same source use too.
    pub(crate) fn open_at(
        place: Option<Place>,
        mut input: Input,
        spec: &OutputSpec,
    ) -> Result<Transcoder, JobError> {
        let extend = spec.extend.map(|extension| (extension.to_s, extension.kind));
        let looped = extend.filter(|(_, kind)| *kind == LengtheningKind::Loop).map(|(to_s, _)| to_s);
        let limit_s = match (spec.trim_to_s, looped) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        // An encoded picture ends with a whole frame, and the audio with it.
        let limit_s = match &spec.video {
            Some(VideoPlan::Encode(plan)) => limit_s.map(|limit| whole_frames(limit, plan.frame_rate)),
            _ => limit_s,
        };
        if extend.is_some() && matches!(spec.video, Some(VideoPlan::Copy { .. })) {
            return Err(failed("a copied picture cannot be made longer; it must be encoded"));
        }
        let copy = |stream, tags| CopyPlan {
            stream,
            tags,
            start_s: spec.start_s,
            limit_s,
            drop_priming: spec.drop_edit_list && tags.is_none(),
        };
        let mut rate = 0.0;
        let video = match &spec.video {
            None => Side::None,
            Some(VideoPlan::Copy { stream, tags }) => {
                Side::Copy(*stream, Box::new(Copier::open(&mut input, &copy(*stream, Some(tags)))?))
            }
            Some(VideoPlan::Encode(plan)) => {
                rate = plan.frame_rate.as_f64();
                let chain = VideoChain::open(&mut input, plan, spec.start_s, limit_s, spec.threads, place)?;
                Side::Make(plan.stream, Box::new(chain))
            }
        };
        let audio = match &spec.audio {
            None => Side::None,
            Some(AudioPlan::Copy { stream }) => {
                Side::Copy(*stream, Box::new(Copier::open(&mut input, &copy(*stream, None))?))
            }
            Some(AudioPlan::Encode(plan)) => {
                let gain = match plan.loudness_lufs {
                    // Not every container gives the same packets after going back.
                    Some(target) => gain_to(&mut input.again()?, plan, target)?,
                    None => None,
                };
                let chain = AudioChain::open(&mut input, plan, spec.start_s, limit_s, gain)?;
                Side::Make(plan.stream, Box::new(chain))
            }
            Some(AudioPlan::Silence { sample_rate, channels, .. }) => {
                Side::Silence(Blocks::new(*sample_rate, *channels, None))
            }
        };
        let expected_s = spec.expected_duration_s;
        let declared_s = match video.stream() {
            Some(stream) => input.declared_s(stream)?,
            None => None,
        };
        // The plan may know better what the declared end counts from.
        let declared_s = declared_s.map(|declared| expected_s.map_or(declared, |s: f64| s.min(declared)));
        let video_packets = 0;
        let max_hold_s = spec.max_hold_s;
        let mut transcoder = Transcoder {
            video,
            audio,
            rate,
            extend,
            limit_s,
            expected_s,
            max_hold_s,
            declared_s,
            video_packets,
            lost_packets: None,
            input,
        };
        transcoder.discard_the_rest()?;
        if let (false, Side::Make(_, chain)) = (matches!(transcoder.video, Side::None), &mut transcoder.audio)
        {
            chain.allow(0.0, &mut |_| Ok(()))?;
        }
        Ok(transcoder)
    }

    /// The input, back at its start, for another video of it.
    pub(crate) fn into_input(self) -> Result<Input, JobError> {
        let Transcoder { mut input, .. } = self;
        input.rewind()?;
        Ok(input)
    }

    /// Tells the demuxer which streams nobody wants.
    fn discard_the_rest(&mut self) -> Result<(), JobError> {
        let wanted = [self.video.stream(), self.audio.stream()];
        let context = self.input.as_mut_ptr();
        // SAFETY: the array has `nb_streams` valid pointers.
        unsafe {
            for i in 0..(*context).nb_streams {
                if !wanted.contains(&Some(i)) {
                    (**(*context).streams.add(i as usize)).discard = ffi::AVDiscard::AVDISCARD_ALL;
                }
            }
        }
        Ok(())
    }

    /// The copied stream of a kind.
    pub(crate) fn copier(&self, kind: Kind) -> Option<&Copier> {
        match kind {
            Kind::Video => self.video.copier(),
            Kind::Audio => self.audio.copier(),
        }
    }

    /// The chain of an encoded picture.
    pub(crate) fn chain(&self) -> Option<&VideoChain> {
        match &self.video {
            Side::Make(_, chain) => Some(chain),
            _ => None,
        }
    }

    /// Whether there is anything to decode.
    pub(crate) fn decodes(&self) -> bool {
        matches!(self.video, Side::Make(..)) || matches!(self.audio, Side::Make(..))
    }

    /// Where the picture of the source ended, in seconds of the video; repeats included.
    pub(crate) fn picture_end_s(&self) -> Option<f64> {
        match &self.video {
            Side::Make(_, chain) => Some(chain.end_s()),
            Side::Copy(_, copier) => Some(copier.reached_s),
            Side::None | Side::Silence(_) => None,
        }
    }

    /// Complaints of the decoder of encoded audio.
    pub(crate) fn audio_damage(&self) -> u64 {
        match &self.audio {
            Side::Make(_, chain) => chain.damage_count(),
            _ => 0,
        }
    }

    /// Runs the video from its start to its end. Pictures come out as they were decoded.
    pub(crate) fn run(&mut self, to: &mut dyn Receiver) -> Result<Length, JobError> {
        let mut packet = Packet::new()?;
        let mut length_s = None;
        let mut longest = 0.0_f64;
        let mut pictures = Pictures::default();
        for round in 0..MAX_LOOPS {
            while !self.is_full() && self.input.read(&mut packet)? {
                self.take(&mut packet, to)?;
            }
            let looping = self.extend.is_some_and(|(_, kind)| kind == LengtheningKind::Loop);
            if let Side::Make(_, chain) = &mut self.video {
                if !chain.is_full() {
                    chain.end_of_stream(&mut |frame, ticks| to.picture(frame, ticks))?;
                }
                longest = chain.end_s();
                if round == 0 && !chain.is_full() {
                    self.lost_packets = Some(self.video_packets.saturating_sub(chain.decoded()));
                }
                pictures.count(round, chain)?;
            }
            if let Side::Make(_, chain) = &mut self.audio {
                chain.push(None, &mut |frame| to.audio(frame))?;
            }
            if !looping || self.is_full() || longest <= 0.0 {
                break;
            }
            let once = *length_s.get_or_insert(longest);
            if once <= 0.0 || self.limit_s.is_none_or(|limit| longest >= limit) {
                break;
            }
            self.begin_again()?;
            if let Side::Make(_, chain) = &mut self.video {
                chain.again(once)?;
            }
            if let Side::Make(_, chain) = &mut self.audio {
                chain.again(once * f64::from(round + 1), once, &mut |frame| to.audio(frame))?;
            }
        }
        self.finish(to)
    }

    /// Goes back to the first packet.
    fn begin_again(&mut self) -> Result<(), JobError> {
        // A copier points into the input it was opened on.
        if self.input.is_repeatable() || self.audio.copier().is_some() {
            return self.input.rewind();
        }
        // Other containers cannot be sought in at all, or only to somewhere near the start: behind the only
        // key frame, perhaps, and not one picture would come.
        let again = self.input.again()?;
        let before = std::mem::replace(&mut self.input, again);
        self.input.read_errors = before.read_errors;
        self.discard_the_rest()
    }

    /// Whether a limit makes reading on pointless.
    fn is_full(&self) -> bool {
        let Some(limit) = self.limit_s else { return false };
        let video = match &self.video {
            Side::Make(_, chain) => chain.is_full(),
            Side::Copy(_, copier) => copier.is_full(),
            Side::None => true,
            Side::Silence(_) => false,
        };
        let audio = match &self.audio {
            Side::Make(_, chain) => chain.end_s >= limit,
            Side::None | Side::Silence(_) => true,
            Side::Copy(_, copier) => copier.is_full(),
        };
        video && audio
    }

    fn take(&mut self, packet: &mut Packet, to: &mut dyn Receiver) -> Result<(), JobError> {
        let index = u32::try_from(packet.get().stream_index).ok();
        if index == self.video.stream() {
            if packet.get().flags & ffi::AV_PKT_FLAG_DISCARD == 0 {
                self.video_packets += 1;
            }
            let at = match &mut self.video {
                Side::Copy(_, copier) => {
                    let base = copier.base();
                    copier.push(Some(packet), &mut |packet| to.copied(Kind::Video, packet, base))?;
                    copier.end_s
                }
                Side::Make(_, chain) => {
                    if !chain.is_full() {
                        chain.push(packet, &mut |frame, ticks| to.picture(frame, ticks))?;
                    }
                    chain.ticks() as f64 / self.rate
                }
                Side::None | Side::Silence(_) => 0.0,
            };
            match &mut self.audio {
                Side::Silence(blocks) => blocks.silence(at, &mut |frame| to.audio(frame))?,
                Side::Make(_, chain) => chain.allow(at, &mut |frame| to.audio(frame))?,
                Side::None | Side::Copy(..) => {}
            }
            to.done(at)
        } else if index == self.audio.stream() {
            match &mut self.audio {
                Side::Copy(_, copier) => {
                    let base = copier.base();
                    copier.push(Some(packet), &mut |packet| to.copied(Kind::Audio, packet, base))
                }
                Side::Make(_, chain) => chain.push(Some(packet), &mut |frame| to.audio(frame)),
                Side::None | Side::Silence(_) => Ok(()),
            }
        } else {
            Ok(())
        }
    }

    /// Where an encoded picture ends: where it ends by itself, unless the plan says more.
    fn planned_end(&self, natural: f64, audio: Option<f64>) -> f64 {
        let mut end = natural;
        if let Some((to_s, _)) = self.extend {
            end = end.max(to_s);
        } else if let Some(expected) = self.expected_s {
            // The plan counts on audio that outlasts the picture, or on a last picture that stands.
            let with_audio = audio.map_or(natural, |audio| expected.min(audio));
            let held = if expected - natural <= self.max_hold_s { expected } else { with_audio };
            if held > natural + END_SLACK_S {
                end = held;
            }
        }
        self.limit_s.map_or(end, |limit| end.min(limit))
    }

    fn finish(&mut self, to: &mut dyn Receiver) -> Result<Length, JobError> {
        let mut length = Length::default();
        let audio_s = match &self.audio {
            Side::Make(_, chain) => Some(chain.end_s),
            Side::Copy(_, copier) => Some(copier.end_s),
            _ => None,
        };
        let end_s = self.planned_end(self.picture_end_s().unwrap_or_default(), audio_s);
        match &mut self.video {
            Side::Make(_, chain) => {
                chain.finish(end_s, &mut |frame, ticks| to.picture(frame, ticks))?;
                to.pictures_end()?;
                if chain.ticks() == 0 {
                    return Err(JobError::Unreadable("not one picture could be decoded".to_owned()));
                }
                length.frames = Some(chain.ticks());
                length.video_s = Some(chain.ticks() as f64 / self.rate);
            }
            Side::Copy(_, copier) => {
                let base = copier.base();
                copier.push(None, &mut |packet| to.copied(Kind::Video, packet, base))?;
                length.video_s = Some(copier.end_s);
            }
            Side::None | Side::Silence(_) => {}
        }
        match &mut self.audio {
            Side::Make(_, chain) => {
                let natural = self.limit_s.map_or(chain.end_s, |limit| limit.min(chain.end_s));
                let end_s = length.video_s.unwrap_or(natural);
                chain.finish(end_s, &mut |frame| to.audio(frame))?;
                length.audio_s = Some(end_s);
            }
            Side::Silence(blocks) => {
                let end_s = length
                    .video_s
                    .ok_or_else(|| failed("silence is as long as the picture, and there is none"))?;
                blocks.finish(end_s, &mut |frame| to.audio(frame))?;
                length.audio_s = Some(end_s);
            }
            Side::Copy(_, copier) => {
                let base = copier.base();
                copier.push(None, &mut |packet| to.copied(Kind::Audio, packet, base))?;
                length.audio_s = Some(copier.end_s);
            }
            Side::None => {}
        }
        Ok(length)
    }
}

/// The pictures that each playing of a looped video came to.
#[derive(Default)]
struct Pictures {
    once: u64,
    so_far: u64,
}

impl Pictures {
    /// A playing is over. Another that yields fewer pictures than the first would stand still where the video
    /// should move.
    fn count(&mut self, round: u32, chain: &VideoChain) -> Result<(), JobError> {
        let came = chain.decoded() - self.so_far;
        self.so_far = chain.decoded();
        if round == 0 {
            self.once = came;
        } else if came != self.once && !chain.is_full() {
            let once = self.once;
            return Err(failed(format!("played again it yields {came} pictures instead of {once}")));
        }
        Ok(())
    }
}

impl<C> Side<C> {
    fn stream(&self) -> Option<u32> {
        match self {
            Side::Copy(stream, _) | Side::Make(stream, _) => Some(*stream),
            Side::None | Side::Silence(_) => None,
        }
    }

    fn copier(&self) -> Option<&Copier> {
        match self {
            Side::Copy(_, copier) => Some(copier),
            _ => None,
        }
    }
}

/// The name of the codec of a stream, for messages and for what depends on it.
pub(crate) fn codec_name(input: &mut Input, stream: u32) -> Option<String> {
    let stream = input.stream(stream).ok()?;
    // SAFETY: the stream belongs to the open input; names are static strings.
    unsafe {
        let name = ffi::avcodec_get_name((*(*stream).codecpar).codec_id);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}
