//! The messages between the submitter of a job and its runner.

use serde::{Deserialize, Serialize};

use super::JobError;
use crate::model::{DecodeReport, DeepReport, MediaFacts, Size, SourceDamage};
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
        size: crate::model::Size,
    },
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
                Some(VideoPlan::Copy { .. }) => DecodeExtent::Whole,
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

/// How thoroughly an output is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum VerifyLevel {
    /// Only probe the output and check it against the rules.
    Off,
    /// Also check packets, timestamps and the hashes of copied streams.
    Structure,
    /// Also decode every frame and compare it with the source.
    #[default]
    Full,
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
            | (Job::Trial { .. }, JobOutput::Tried)
            | (Job::SelfTest { .. }, JobOutput::SelfTest { .. }) => true,
            (Job::Fix { specs, .. }, JobOutput::Fixed { results }) => specs.len() == results.len(),
            _ => false,
        }
    }
}

/// The result of decoding a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceDecode {
    /// The frames and samples.
    pub decode: DecodeReport,
    /// What does not decode.
    pub damage: SourceDamage,
    /// The frame sizes in the order of their first appearance, if a video stream has more than one.
    #[serde(default)]
    pub frame_sizes: Vec<Size>,
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

/// The result of verification. Empty `failures` mean that the output passed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// The level of verification.
    pub level: VerifyLevel,
    /// Result of decoding the output.
    pub decode: DecodeReport,
    /// Duration of the output minus the planned one, in seconds.
    pub duration_delta_s: Option<f64>,
    /// How long the last frame is held beyond its end in the source, in seconds.
    #[serde(default)]
    pub held_last_s: f64,
    /// Similarity of the video to the source, through the planned geometry.
    pub similarity: Option<Similarity>,
    /// Copied streams whose packet hashes equal those of the source.
    pub equal_streams: Vec<u32>,
    /// All failures; empty when the output passed.
    pub failures: Vec<VerifyFailure>,
    /// What of the source does not decode.
    #[serde(default)]
    pub source: SourceDamage,
}

/// Why an output failed verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyFailure {
    /// The cause, which decides what follows.
    pub cause: FailureCause,
    /// What was found and what was expected.
    pub message: String,
}

/// The cause of a [`VerifyFailure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCause {
    /// The output is not what was planned.
    Output,
    /// The output is less similar to the source than an encode has to be; a higher quality may help.
    NotSimilar,
    /// The frame size changes within the copied video.
    SeveralSizes,
    /// Data of the source is missing or cannot be read.
    Source,
    /// A part of the source does not decode.
    SourceDecode,
}

impl VerifyReport {
    /// Adds a failure of the output.
    pub fn fail(&mut self, message: impl Into<String>) {
        self.fail_because(FailureCause::Output, message);
    }

    /// Adds a failure.
    pub fn fail_because(&mut self, cause: FailureCause, message: impl Into<String>) {
        self.failures.push(VerifyFailure { cause, message: message.into() });
    }

    /// Returns whether a failure has this cause.
    pub fn has(&self, cause: FailureCause) -> bool {
        self.failures.iter().any(|failure| failure.cause == cause)
    }

    /// Returns whether a failure is caused by a damaged source.
    pub fn is_source_damaged(&self) -> bool {
        self.has(FailureCause::Source) || self.has(FailureCause::SourceDecode)
    }

    /// Returns whether every failure is a low similarity, which an encode at higher quality may fix.
    pub fn needs_quality(&self) -> bool {
        self.has_only(FailureCause::NotSimilar)
    }

    fn has_only(&self, cause: FailureCause) -> bool {
        !self.failures.is_empty() && self.failures.iter().all(|failure| failure.cause == cause)
    }

    /// Adds what of the source does not decode: a failure, unless it is little and may be concealed.
    pub fn add_source_damage(&mut self, damage: SourceDamage, conceal: bool) {
        if !(damage.is_none() || conceal && damage.is_small()) {
            self.fail_because(FailureCause::SourceDecode, damage.describe());
        }
        self.source.add(damage);
    }

    /// Adds what failed at the start of the encoded streams.
    pub fn add_failures_at_start(&mut self, failures: Vec<String>) {
        failures.into_iter().for_each(|failure| self.fail(failure));
    }

    /// Adds what decoding the copied streams of the output gave; `source` is what of the same streams in the source
    /// does not decode, asked for only if the output has damage. The same errors there are the source's fault.
    pub fn add_decoded_copies(&mut self, decoded: SourceDecode, source: Option<SourceDamage>) {
        self.decode.video_frames += decoded.decode.video_frames;
        self.decode.audio_samples += decoded.decode.audio_samples;
        if decoded.damage.is_none() {
            return;
        }
        match source.filter(|source| !source.is_none()) {
            // A copy keeps the damage; only a new encode can conceal it.
            Some(source) => self.add_source_damage(source, false),
            None => self.fail(format!("in the output, {}", decoded.damage.describe())),
        }
        self.decode.error_count += decoded.damage.error_count;
        self.decode.errors.extend(decoded.damage.errors);
    }

    /// Returns whether `--conceal` would clear all failures.
    pub fn needs_conceal(&self) -> bool {
        self.has_only(FailureCause::SourceDecode) && self.source.is_small()
    }
}

/// How the similarity of two frames is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SimilarityMetric {
    /// Structural similarity of luma, at most 1.
    Ssim,
    /// SSIMULACRA 2, at most 100.
    Ssimulacra2,
}

/// The visual similarity of output and source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// What was measured.
    pub metric: SimilarityMetric,
    /// Mean over the compared frames.
    pub mean: f64,
    /// Score of the worst frame.
    pub min: f64,
    /// Presentation time of the worst frame in seconds.
    pub worst_at_s: Option<f64>,
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
