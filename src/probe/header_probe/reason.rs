//! Why the headers of a file do not settle its facts.

use std::fmt;
use std::io;

use crate::probe::headers::OpenError;

/// Why the headers of a file do not settle its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The file is in another container.
    Container,
    /// A header is malformed, or has a rare form.
    Malformed,
    /// A box or element has an effect that only the media library knows.
    RareElement,
    /// A table or a header is larger than what is read.
    TooLarge,
    /// The index is missing.
    MissingIndex,
    /// A track has no samples.
    EmptyTrack,
    /// A track has several configurations.
    SeveralConfigurations,
    /// Samples are encrypted.
    Encrypted,
    /// A codec, or a form of it, needs a decoder.
    Codec,
    /// The configuration of a video stream needs a decoder.
    VideoConfiguration,
    /// The configuration of an audio stream needs a decoder.
    AudioConfiguration,
    /// The first sample of a stream does not match its configuration.
    FirstSample,
    /// A sample is not understood, or contradicts its container.
    Sample,
    /// The edit list hides or repeats samples.
    EditList,
    /// The sample tables contradict each other.
    SampleTables,
    /// No duration is declared.
    Duration,
    /// The start of a stream depends on decoding.
    StartTime,
    /// Data is missing.
    MissingData,
    /// A kind of track, of which only the media library knows the codec.
    TrackKind,
    /// Metadata in a rare form.
    Metadata,
    /// The file has movie fragments in a rare form.
    Fragments,
    /// The packets of several audio streams must be compared.
    SeveralAudioStreams,
    /// The reader failed, which is an error in it.
    ReaderError,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Container => "the container has no header reader",
            Reason::Malformed => "a header is malformed or has a rare form",
            Reason::RareElement => "a header contains a rare element",
            Reason::TooLarge => "a header is too large",
            Reason::MissingIndex => "the index is missing",
            Reason::EmptyTrack => "a track has no samples",
            Reason::SeveralConfigurations => "a track has several codec configurations",
            Reason::Encrypted => "samples are encrypted",
            Reason::Codec => "the codec has no header reader",
            Reason::VideoConfiguration => "the video configuration needs a decoder",
            Reason::AudioConfiguration => "the audio configuration needs a decoder",
            Reason::FirstSample => "the first sample does not match its configuration",
            Reason::Sample => "a sample is not understood or contradicts its container",
            Reason::EditList => "the edit list hides or repeats samples",
            Reason::SampleTables => "the sample tables contradict each other",
            Reason::Duration => "no duration is declared",
            Reason::StartTime => "the start of a stream depends on decoding",
            Reason::MissingData => "data is missing",
            Reason::TrackKind => "the kind of a track has no header reader",
            Reason::Metadata => "the metadata has a rare form",
            Reason::Fragments => "the movie fragments have a rare form",
            Reason::SeveralAudioStreams => "the packets of several audio streams must be compared",
            Reason::ReaderError => "the header reader failed",
        })
    }
}

/// Why reading stops before the facts are settled.
#[derive(Debug)]
pub(super) enum Stop {
    /// The headers do not settle the facts.
    NeedsFullScan(Reason),
    /// No reader can open the file.
    CannotOpen(OpenError),
    /// The library does not open the file, for this reason unless its declarations say more.
    Refused(&'static str),
    /// The bytes cannot be read.
    Io(io::Error),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Stop {
        Stop::NeedsFullScan(reason)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}
