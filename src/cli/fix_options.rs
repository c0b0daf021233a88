//! Combines the arguments and the configuration of a fix into the planner's options.

use super::args::FixChoices;
use super::choice::choice;
use super::config_tables::FixConfig;
use super::error::CliError;
use crate::job::VerifyLevel;
use crate::plan::{AudioTrackChoice, EncodeMode, FixOptions};

/// Returns the planner's options; arguments override the configuration.
pub fn fix_options(
    choices: &FixChoices,
    config: &FixConfig,
    encode_mode: EncodeMode,
) -> Result<FixOptions, CliError> {
    let defaults = FixOptions::default();
    let background = choices.background.clone().or_else(|| config.background.clone());
    if let Some(color) = background.as_deref().filter(|color| !is_rgb(color)) {
        return Err(CliError::BadValue {
            option: "--background".into(),
            given: color.to_owned(),
            expected: "six hexadecimal digits, such as 000000 or ffffff".into(),
        });
    }
    let quality = choices.quality.or(config.quality);
    if let Some(crf) = quality.filter(|crf| !(0.0..=51.0).contains(crf)) {
        return Err(CliError::BadValue {
            option: "--quality".into(),
            given: crf.to_string(),
            expected: "a number from 0 (best) to 51".into(),
        });
    }
    Ok(FixOptions {
        fit: choice(choices.fit, config.fit.as_deref(), "fix.fit")?.unwrap_or(defaults.fit),
        extend: choice(choices.extend, config.extend.as_deref(), "fix.extend")?,
        trim: choices.trim || config.trim,
        upscale: choices.upscale || config.upscale,
        add_silence: choices.add_silence || config.add_silence,
        audio_track: audio_track(choices.audio_track.as_deref().or(config.audio_track.as_deref()))?,
        from_key_frame: choices.from_key_frame || config.from_key_frame,
        conceal: choices.conceal || config.conceal,
        background: background.unwrap_or(defaults.background),
        encoder: choice(choices.encoder, config.encoder.as_deref(), "fix.encoder")?.unwrap_or_default(),
        encoder_fallback: None,
        preset: choice(choices.preset, config.preset.as_deref(), "fix.preset")?.unwrap_or(defaults.preset),
        crf: quality.unwrap_or(defaults.crf),
        encode_mode,
        copy_failed: None,
    })
}

/// Parses the choice of an audio track.
fn audio_track(given: Option<&str>) -> Result<AudioTrackChoice, CliError> {
    let number = |text: &str| text.parse().ok().filter(|&number| number > 0).map(AudioTrackChoice::Number);
    match given {
        None => Ok(AudioTrackChoice::Auto),
        Some("first") => Ok(AudioTrackChoice::First),
        Some("mix") => Ok(AudioTrackChoice::Mix),
        Some(other) => number(other).ok_or_else(|| CliError::BadValue {
            option: "--audio-track".into(),
            given: other.to_owned(),
            expected: "the number of an audio track from 1, `first` or `mix`".into(),
        }),
    }
}

fn is_rgb(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the verification level of the arguments, else of the configuration, else full.
pub fn verify_level(choices: &FixChoices, config: &FixConfig) -> Result<VerifyLevel, CliError> {
    Ok(choice(choices.verify, config.verify.as_deref(), "fix.verify")?.unwrap_or_default())
}
