//! The messages between the submitter of a job and its runner.

use serde::{Deserialize, Serialize};

use super::error::JobError;
use super::pictures::{MediaPictures, PictureChoice};
use super::source_decode::SourceDecode;
use super::verify_report::{VerifyLevel, VerifyReport};
use crate::model::{DeepReport, MediaFacts, Size};
use crate::plan::{AudioPlan, OutputSpec, VideoEncode, VideoEncoder, VideoPlan};

/// A unit of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "kebab-case")]
pub enum Job {
    /// Probe a file for its facts.
    Probe {
        /// How much to read.
        depth: ProbeDepth,
    },
    /// Decode the whole file and analyse the frames.
    Deep,
    /// Decode all video and audio of a file, only to find errors.
    Decode,
    /// Like [`Job::Decode`], for these streams only.
    DecodeStreams {
        /// Their indices.
        streams: Vec<u32>,
    },
    /// Read the facts of finished bytes, and decode them as far as `decode` says, to show that they can be published.
    /// Such a job has a worker that has seen neither the source nor the making of the output.
    Proof {
        /// What is decoded.
        decode: DecodeScope,
    },
    /// Make one or more outputs of one video, each in its own file, and verify them.
    Fix {
        /// The outputs to make.
        specs: Vec<OutputSpec>,
        /// How thoroughly to verify them.
        verify: VerifyLevel,
    },
    /// Write one suitable frame as a PNG image of the given size to the output.
    Cover {
        /// Width and height of the image in pixels.
        size: Size,
    },
    /// Make small pictures of the video for a report, and write nothing.
    Pictures(PictureChoice),
    /// Test an encoder: encode some generated frames as planned, and write nothing.
    Trial {
        /// The encode.
        plan: Box<VideoEncode>,
    },
    /// Try forbidden operations from inside the process that runs the jobs.
    SelfTest {
        /// The port of a listener on the loopback address.
        port: u16,
    },
}

/// How much a probe reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeDepth {
    /// Container and parameter sets only; other facts stay unknown.
    Header,
    /// Like `Auto`, for a file that neither its name nor a known signature identifies: the result is
    /// [`JobOutput::NotMedia`] unless FFmpeg recognizes its first bytes as a media format with certainty.
    Unidentified,
    /// Like `Header`, plus the first packets where a fact is still unknown.
    #[default]
    Auto,
    /// Also the timestamps of every packet.
    Packets,
}

/// What a [`Job::Proof`] decodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "kebab-case")]
pub enum DecodeScope {
    /// Nothing; it only reads the facts.
    #[default]
    Nothing,
    /// All video and audio streams.
    Everything,
    /// The first stream of each kind.
    Main {
        /// Of the video.
        video: DecodeExtent,
        /// Of the audio.
        audio: DecodeExtent,
    },
}

impl DecodeScope {
    /// Returns what of an output shows that it decodes, when it was made as `spec` says and fully verified.
    pub fn of(spec: &OutputSpec) -> DecodeScope {
        DecodeScope::Main {
            video: match &spec.video {
                None => DecodeExtent::Nothing,
                Some(VideoPlan::Copy { .. } | VideoPlan::Image(_)) => DecodeExtent::Whole,
                Some(VideoPlan::Encode(_)) => DecodeExtent::Start,
            },
            audio: match &spec.audio {
                None => DecodeExtent::Nothing,
                Some(AudioPlan::Copy { .. }) => DecodeExtent::Whole,
                Some(AudioPlan::Encode(_) | AudioPlan::Silence { .. }) => DecodeExtent::Start,
            },
        }
    }
}

/// How much of a stream is decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecodeExtent {
    /// Nothing: there is no such stream, or other evidence is enough.
    #[default]
    Nothing,
    /// The first frames, with the parameters in the container: the encoder's packets were decoded when they were made.
    Start,
    /// All of it.
    Whole,
}

/// The progress of a job, measured in packets and frames, never by a timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Seconds of media processed.
    pub done_s: f64,
    /// Total seconds of media, where known.
    pub total_s: Option<f64>,
    /// Video frames processed.
    pub frames: u64,
}

impl Progress {
    /// Returns the share that is done, from 0 to 1; `None` if the total is unknown.
    pub fn fraction(&self) -> Option<f64> {
        self.total_s.filter(|total| *total > 0.0).map(|total| (self.done_s / total).clamp(0.0, 1.0))
    }
}

/// The result of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "output", rename_all = "kebab-case")]
pub enum JobOutput {
    /// Result of [`Job::Probe`].
    Probed(Box<MediaFacts>),
    /// Result of [`Job::Probe`] for a file that is not media ([`ProbeDepth::Unidentified`]).
    NotMedia,
    /// Result of [`Job::Deep`].
    Deep(Box<DeepReport>),
    /// Result of [`Job::Decode`] and [`Job::DecodeStreams`].
    Decoded(Box<SourceDecode>),
    /// Result of [`Job::Proof`].
    Proved(Box<OutputProof>),
    /// Result of [`Job::Fix`]: one result per output.
    Fixed {
        /// In the order of the specifications.
        results: Vec<Result<FixReport, JobError>>,
    },
    /// Result of [`Job::Cover`].
    Cover(CoverReport),
    /// Result of [`Job::Pictures`].
    Pictures(MediaPictures),
    /// Result of [`Job::Trial`]: the encoder works.
    Tried,
    /// Result of [`Job::SelfTest`].
    SelfTest {
        /// For each attempt `name allowed`, or `name denied: reason`.
        lines: Vec<String>,
    },
}

impl JobOutput {
    /// Returns whether this can be the result of `job`.
    pub fn answers(&self, job: &Job) -> bool {
        match (job, self) {
            (Job::Probe { .. }, JobOutput::Probed(_))
            | (Job::Probe { depth: ProbeDepth::Unidentified }, JobOutput::NotMedia)
            | (Job::Deep, JobOutput::Deep(_))
            | (Job::Decode | Job::DecodeStreams { .. }, JobOutput::Decoded(_))
            | (Job::Proof { .. }, JobOutput::Proved(_))
            | (Job::Cover { .. }, JobOutput::Cover(_))
            | (Job::Pictures(_), JobOutput::Pictures(_))
            | (Job::Trial { .. }, JobOutput::Tried)
            | (Job::SelfTest { .. }, JobOutput::SelfTest { .. }) => true,
            (Job::Fix { specs, .. }, JobOutput::Fixed { results }) => specs.len() == results.len(),
            _ => false,
        }
    }
}

/// What finished bytes show of themselves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutputProof {
    /// The facts, at the depth of a check.
    pub facts: MediaFacts,
    /// What was decoded as a whole.
    pub decoded: SourceDecode,
    /// What failed at the start of the streams of which only that was decoded, as messages.
    pub failures: Vec<String>,
}

/// The result of a fix. The staging file is complete and flushed when this arrives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FixReport {
    /// The facts of the output, probed from its bytes. Empty in the result of a job, because the worker that made
    /// the output does not prove it: see [`Job::Proof`].
    pub facts: MediaFacts,
    /// The result of verification.
    pub verify: VerifyReport,
    /// The video encoder; `None` when the video is a stream copy, or there is none.
    #[serde(default)]
    pub encoder: Option<VideoEncoder>,
}

/// The frame chosen for a cover.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverReport {
    /// Its presentation time in seconds.
    pub at_s: f64,
}

/// The worker (or this process) that runs the jobs, and its isolation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Version of the media libraries: `FFmpeg 5.1.9 (libavcodec 59.37.100, …)`.
    pub library: String,
    /// Names of the video encoders that the library lists.
    pub encoders: Vec<String>,
    /// Whether jobs run in a separate process.
    pub separate_process: bool,
    /// Restrictions in force: `landlock`, `seccomp`, `rlimit-as`, `empty-environment`, …
    pub in_force: Vec<String>,
    /// The version of the kernel's Landlock, if it is in force.
    #[serde(default)]
    pub landlock_abi: Option<u32>,
    /// Restrictions that the system refused, with the reason.
    pub refused: Vec<String>,
    /// The files that determine the results: the program and every loaded library. Empty where they
    /// are not known.
    #[serde(default, rename = "parts")]
    pub mapped_files: Vec<MappedFile>,
}

/// A program or library file of a worker, as it was when the worker started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedFile {
    /// Its absolute path.
    pub path: std::path::PathBuf,
    /// Its inode.
    pub inode: u64,
    /// Its size in bytes.
    pub size: u64,
    /// When it was modified, in seconds since 1970.
    pub modified_s: i64,
    /// The nanoseconds within that second.
    pub modified_ns: i64,
}
