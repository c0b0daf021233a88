//! What the verification of an output found.

use serde::{Deserialize, Serialize};

use super::source_decode::SourceDecode;
use crate::model::{DecodeReport, SourceDamage};

/// How thoroughly an output is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
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
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SimilarityMetric {
    /// Structural similarity of luma, at most 1.
    Ssim,
    /// SSIMULACRA 2, at most 100.
    Ssimulacra2,
}

/// The visual similarity of output and source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
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
