//! The messages between those who submit jobs and those who run them.

use serde::{Deserialize, Serialize};

use super::JobError;
use crate::model::{DecodeReport, DeepReport, MediaFacts};
use crate::plan::{OutputSpec, VideoEncode, VideoEncoder};

/// A unit of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "kebab-case")]
pub enum Job {
    /// Establish facts.
    Probe {
        /// How far to go.
        depth: ProbeDepth,
    },
    /// Decode everything and look at it.
    Deep,
    /// Make outputs of one video, each to a file of its own, and verify them.
    Fix {
        /// What to make.
        specs: Vec<OutputSpec>,
        /// How far to prove it.
        verify: VerifyLevel,
    },
    /// Write one good frame as a picture (PNG) of the given size to the output.
    Cover {
        /// Width and height of the picture in pixels.
        size: crate::model::Size,
    },
    /// Encode some frames of a made picture just as planned, and write nothing: whether the encoder works.
    Trial {
        /// The encode.
        plan: Box<VideoEncode>,
    },
    /// Try from inside the process that does the jobs what no job may do.
    SelfTest {
        /// Where something listens on the loopback address.
        port: u16,
    },
}

/// How far a probe goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeDepth {
    /// Container and parameter sets only; whatever they do not say stays unknown.
    Header,
    /// As `Header`, and the first packets where a fact is still unknown.
    #[default]
    Auto,
    /// Also walks over the timestamps of every packet.
    Packets,
}

/// How far an output is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerifyLevel {
    /// Only probed and assessed again.
    Off,
    /// Also packet counts, timestamps, hashes of copied streams.
    Structure,
    /// Also every frame decoded and compared with the source.
    #[default]
    Full,
}

/// How far a job has come. Made from packets and frames done, never from a timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Seconds of media done.
    pub done_s: f64,
    /// Seconds of media in all, where known.
    pub total_s: Option<f64>,
    /// Video frames done.
    pub frames: u64,
}

/// What a job found or made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "output", rename_all = "kebab-case")]
pub enum JobOutput {
    /// Of [`Job::Probe`].
    Probed(Box<MediaFacts>),
    /// Of [`Job::Deep`].
    Deep(Box<DeepReport>),
    /// Of [`Job::Fix`]: what became of each output.
    Fixed {
        /// In the order of the specifications.
        results: Vec<Result<FixReport, JobError>>,
    },
    /// Of [`Job::Cover`].
    Cover(CoverReport),
    /// Of [`Job::Trial`]: it works.
    Tried,
    /// Of [`Job::SelfTest`].
    SelfTest {
        /// For each attempt `name allowed`, or `name denied: reason`.
        lines: Vec<String>,
    },
}

/// What a fix made and proved. The staging file is complete and flushed when this arrives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FixReport {
    /// The facts of the output, read anew from its bytes.
    pub facts: MediaFacts,
    /// What was proven.
    pub verify: VerifyReport,
    /// Who encoded the picture; `None` when it is a copy, or there is none.
    #[serde(default)]
    pub encoder: Option<VideoEncoder>,
}

/// What verification found. Nothing is `failures` means the proof holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// How far it went.
    pub level: VerifyLevel,
    /// Result of decoding the output.
    pub decode: DecodeReport,
    /// Duration of the output minus the planned one, in seconds.
    pub duration_delta_s: Option<f64>,
    /// Picture compared with the source through the planned geometry.
    pub similarity: Option<Similarity>,
    /// Copied streams whose packet hashes were compared and equal.
    pub equal_streams: Vec<u32>,
    /// Everything that does not hold, for a person. Empty is the proof.
    pub failures: Vec<String>,
    /// Whether one of the failures is the source's own: it has lost something.
    pub damaged_source: bool,
    /// Whether a second encode at higher quality could mend the failures.
    pub quality_only: bool,
}

impl VerifyReport {
    /// Notes a failure that is the source's own.
    pub fn source_failure(&mut self, text: String) {
        self.damaged_source = true;
        self.failures.push(text);
    }
}

/// How alike output and source look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// `ssim` or `ssimulacra2`.
    pub metric: String,
    /// Mean over the frames looked at.
    pub mean: f64,
    /// The worst frame.
    pub min: f64,
    /// Presentation time of the worst frame in seconds.
    pub worst_at_s: Option<f64>,
}

/// The frame that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverReport {
    /// Its presentation time in seconds.
    pub at_s: f64,
}

/// What runs the jobs, and how far it is kept apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Version of the media libraries: `FFmpeg 5.1.9 (libavcodec 59.37.100, …)`.
    pub library: String,
    /// Video encoders by name that the library lists.
    pub encoders: Vec<String>,
    /// Whether jobs run in a process of their own.
    pub separate_process: bool,
    /// What is in force: `landlock abi 4`, `seccomp`, `rlimit-as`, `empty-environment`, …
    pub in_force: Vec<String>,
    /// What was asked for and refused by the system, with the reason.
    pub refused: Vec<String>,
    /// The files that decide what the runner finds: its program and every library loaded. Empty
    /// where they are not known.
    #[serde(default)]
    pub parts: Vec<MappedFile>,
}

/// A file that a runner is made of, as it was when the runner began.
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
    /// And the nanoseconds beyond.
    pub modified_ns: i64,
}
