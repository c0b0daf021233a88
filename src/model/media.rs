//! The facts about one file.

use serde::{Deserialize, Serialize};

use super::{AudioStream, Container, ImageHeader, OtherStream, VideoStream};

/// What reads the facts of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProbedBy {
    /// The header reader, from a few kilobytes of the file.
    Headers,
    /// FFmpeg's libraries, in an isolated worker.
    #[default]
    Ffmpeg,
}

/// The facts about one file, without any assessment.
///
/// The field names are those of the JSON report. `None` means absent or unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct MediaFacts {
    /// What read the facts.
    pub probed_by: ProbedBy,
    /// The container format, by greenlit's short name, such as `mp4`, `mov`, `webm` or `matroska`.
    pub container: Option<Container>,
    /// The major brand of an ISO base media file, as four characters.
    pub major_brand: Option<String>,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// The container's duration in seconds.
    pub duration_s: Option<f64>,
    /// The duration by the index or the packets, in seconds. Set only if the file declares no duration, as in
    /// live recordings, or one that the index contradicts.
    pub measured_duration_s: Option<f64>,
    /// A duration in seconds that a header declares although the index contradicts it.
    pub contradicted_duration_s: Option<f64>,
    /// The byte at which another recording begins that players do not show, in files that were joined as bytes.
    pub second_recording_byte: Option<u64>,
    /// Overall bit rate in bits per second.
    pub bit_rate: Option<u64>,
    /// ISO files: whether the index (`moov`) comes before the media data.
    pub fast_start: Option<bool>,
    /// ISO files: whether the samples are in movie fragments.
    pub fragmented: Option<bool>,
    /// Whether the file contains all the bytes that the container declares.
    pub completeness: Completeness,
    /// Video streams in stream order. Cover art is in `other`.
    pub video: Vec<VideoStream>,
    /// Audio streams in stream order.
    pub audio: Vec<AudioStream>,
    /// All other streams: data, subtitles, attachments, cover art.
    pub other: Vec<OtherStream>,
    /// Number of chapters.
    pub chapters: u32,
    /// Metadata about where, with which device and by whom the video was made.
    pub privacy: PrivacyTags,
    /// The times in seconds from the start at which the clock of the container jumps, as where recordings are joined.
    /// All times of this structure are on one clock that continues there.
    pub clock_jumps_s: Vec<f64>,
    /// What the header of a still image declares besides its size.
    pub image: Option<ImageHeader>,
}

impl MediaFacts {
    /// Returns whether the container is known and has a property.
    pub fn container_is(&self, property: fn(&Container) -> bool) -> bool {
        self.container.as_ref().is_some_and(property)
    }

    /// Returns the start of the main video or the main audio, the earlier of both, in seconds on the file's clock;
    /// zero if none is known, or if it is negative because of encoder delay.
    pub fn main_start_s(&self) -> f64 {
        let video = self.main_video().and_then(|video| video.start_s);
        let audio = self.main_audio().and_then(|audio| audio.start_s);
        let first = [video, audio].into_iter().flatten().reduce(f64::min).unwrap_or(0.0);
        // libav puts what precedes a wrap of the clock before zero; nothing of it is encoder delay.
        let wraps = self.container_is(Container::is_mpeg_stream);
        if wraps { first } else { first.max(0.0) }
    }

    /// Returns the end of a stream on the file's clock in seconds, from its start and its duration.
    pub fn stream_end_s(&self, start_s: Option<f64>, duration_s: Option<f64>) -> Option<f64> {
        let start_s = start_s.unwrap_or_else(|| self.main_start_s());
        let end_s = start_s + duration_s?;
        let from_zero = self.container_is(Container::declares_duration_from_zero);
        let file_end_s = match (self.measured_duration_s, self.duration_s) {
            (Some(measured_s), _) => Some(self.main_start_s() + measured_s),
            (None, declared_s) => declared_s,
        };
        Some(file_end_s.filter(|_| from_zero).map_or(end_s, |file_end_s| end_s.min(file_end_s).max(start_s)))
    }

    /// Returns the later end of the main video and the main audio on the file's clock in seconds; `None` if the duration
    /// of one of them is unknown.
    pub fn main_end_s(&self) -> Option<f64> {
        let video = self.main_video().map(|video| self.stream_end_s(video.start_s, video.duration_s));
        let audio = self.main_audio().map(|audio| self.stream_end_s(audio.start_s, audio.duration_s));
        let ends = [video, audio].into_iter().flatten().collect::<Option<Vec<f64>>>()?;
        ends.into_iter().reduce(f64::max)
    }

    /// Returns the encryption scheme and the index of the first encrypted video or audio stream.
    pub fn encryption(&self) -> Option<EncryptedStream<'_>> {
        let video = self.video.iter().map(|stream| (true, stream.index, stream.encryption.as_deref()));
        let audio = self.audio.iter().map(|stream| (false, stream.index, stream.encryption.as_deref()));
        video
            .chain(audio)
            .find_map(|(is_video, index, scheme)| Some(EncryptedStream { is_video, index, scheme: scheme? }))
    }

    /// Returns whether the container has no timestamps, which makes its duration a guess.
    pub fn lacks_timestamps(&self) -> bool {
        self.container_is(Container::lacks_timestamps)
    }

    /// Returns the declared duration in seconds: the container's, else that of the longest stream; `None` if
    /// it had to be measured.
    pub fn declared_duration_s(&self) -> Option<f64> {
        if self.measured_duration_s.is_some() {
            return None;
        }
        let streams = self.video.iter().map(|s| s.duration_s).chain(self.audio.iter().map(|s| s.duration_s));
        self.duration_s.or_else(|| streams.flatten().reduce(f64::max))
    }

    /// Returns the duration in seconds: the declared one, else the measured one.
    pub fn effective_duration_s(&self) -> Option<f64> {
        self.declared_duration_s().or(self.measured_duration_s)
    }

    /// Returns the bits per second of the file: size over duration if the duration was measured, else the
    /// declared rate.
    pub fn effective_bit_rate(&self) -> Option<u64> {
        let measured =
            self.measured_duration_s.map(|seconds| (self.size_bytes as f64 * 8.0 / seconds) as u64);
        measured.or(self.bit_rate)
    }
}

/// An encrypted stream of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptedStream<'a> {
    /// Whether it is a video stream; otherwise it is an audio stream.
    pub is_video: bool,
    /// Index of the stream in the file.
    pub index: u32,
    /// The encryption scheme.
    pub scheme: &'a str,
}

impl std::fmt::Display for EncryptedStream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.is_video { "video" } else { "audio" };
        write!(f, "the {kind} stream is encrypted ({}): export it without protection", self.scheme)
    }
}

/// How far a declared duration may be from the measured one, in seconds, before the two contradict each other:
/// containers round, count in frames, or leave out the duration of the last frame.
const DURATION_TOLERANCE_S: f64 = 0.5;

/// The longest time in seconds that the last frame is held for a file that is complete by everything it declares, in
/// a container that does not store the duration of each frame: tools that write short animations hold it for a few
/// seconds.
pub const MAX_HELD_FRAME_S: f64 = 5.0;

/// Returns whether a declared duration contradicts the measured one, both in seconds.
pub fn contradicts(declared_s: f64, measured_s: f64) -> bool {
    (declared_s - measured_s).abs() > DURATION_TOLERANCE_S
}

/// Whether the file contains the bytes that its container declares, as determined without decoding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Completeness {
    /// The container declares nothing to check against, or the check was not made.
    #[default]
    Unknown,
    /// Every declared size, index entry and duration agrees with the bytes.
    Whole,
    /// Declared data is missing.
    Missing {
        /// The first presentation time in seconds whose data is missing, if known.
        first_missing_s: Option<f64>,
        /// The discrepancy as text: "box `mdat` declares 1000 bytes, the file contains 600".
        reason: String,
    },
}

/// Metadata that an advertiser may not want to publish.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PrivacyTags {
    /// Names of tags with a location.
    pub location: Vec<String>,
    /// Names of tags with a device or a person.
    pub device: Vec<String>,
}
