//! `greenlit fix`, and the options for fixing that `ship` shares.

use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser;
use serde::{Deserialize, Serialize};

use super::input::InputArgs;
use super::notify::NotifyArgs;
use crate::job::VerifyLevel;
use crate::plan::{EncodeMode, Extend, Fit, Preset, VideoEncoder};

/// Options for fixing, shared by `fix` and `ship`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Args)]
#[serde(default)]
pub struct FixChoices {
    /// Set how a video is fitted into the allowed aspect ratio.
    #[arg(long, value_enum, value_name = "HOW")]
    pub fit: Option<Fit>,
    /// Allow trimming of videos that are too long.
    #[arg(long)]
    pub trim: bool,
    /// Allow lengthening of videos that are too short.
    #[arg(long, value_enum, value_name = "HOW")]
    pub extend: Option<Extend>,
    /// Allow upscaling of videos whose resolution is too small.
    #[arg(long)]
    pub upscale: bool,
    /// Allow adding a silent audio track where the profile requires audio.
    #[arg(long)]
    pub add_silence: bool,
    /// Set which audio is kept when there are several tracks: a number from 1, `first`, or `mix` of all. Tracks
    /// with content of their own are not dropped without it.
    #[arg(long, value_name = "N|first|mix")]
    pub audio_track: Option<String>,
    /// Allow starting the output at the first frame that can be decoded.
    #[arg(long)]
    pub from_key_frame: bool,
    /// Allow keeping the decoder's concealment of a few damaged frames; the report counts and times them.
    #[arg(long)]
    pub conceal: bool,
    /// Set the colour of borders and behind transparent video, RRGGBB.
    #[arg(long, value_name = "RRGGBB")]
    pub background: Option<String>,
    /// Set the video encoder; `auto` is x264, which gives the same result on every machine. A hardware
    /// encoder is tested first; if it does not work, x264 is used.
    #[arg(long, value_enum, value_name = "ENCODER")]
    pub encoder: Option<VideoEncoder>,
    /// Set the preset of the encoder: slower presets give smaller files.
    #[arg(long, value_enum, value_name = "PRESET")]
    pub preset: Option<Preset>,
    /// Set the constant rate factor, 0 to 51 (default 18); lower values give better quality and larger files.
    #[arg(long, value_name = "CRF")]
    pub quality: Option<f32>,
    /// Set how thoroughly outputs are verified.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub verify: Option<VerifyLevel>,
}

/// `greenlit fix`.
#[derive(Debug, Args)]
pub struct FixArgs {
    /// The files to process.
    #[command(flatten)]
    pub input: InputArgs,
    /// Write the outputs to this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Options for fixing.
    #[command(flatten)]
    pub choices: FixChoices,
    /// Print the plan with the reason for each step, and write no outputs.
    #[arg(long)]
    pub dry_run: bool,
    /// Remove outputs of earlier runs whose source in these folders was deleted or renamed. Only files that
    /// greenlit wrote and that are unchanged since are removed.
    #[arg(long, conflicts_with = "dry_run")]
    pub prune: bool,
    /// Choose the encode mode by the platform's error code (`40915`) or fail reason (`frame_rate_check_failed`).
    #[arg(long, value_name = "CODE|FAIL_REASON")]
    pub rejected: Option<String>,
    /// Set the encode mode: 1 as planned, 2 full re-encode to the common core, 3 conservative re-encode.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3).try_map(EncodeMode::try_from))]
    pub recipe: Option<EncodeMode>,
    /// Where the result is sent.
    #[command(flatten)]
    pub notify: NotifyArgs,
}
