//! Facts about plans that only the wording of reports depends on; they are not part of the JSON.

/// What becomes of the audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudioOutcome {
    /// The output has no audio.
    #[default]
    None,
    /// The packets are copied.
    Copied,
    /// The audio is re-encoded.
    Encoded,
    /// Silent audio is added.
    Added,
    /// The output is a still image.
    StillImage,
}

/// What `greenlit fix` would do with a file that was only checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FixForecast {
    /// The file can be fixed without consent.
    Fixable {
        /// The streams with content of their own that the output leaves out, as text.
        left_out: Vec<String>,
    },
    /// The file can be fixed with these options.
    NeedsConsent {
        /// The options in a fixed order.
        options: Vec<&'static str>,
        /// Why they are needed.
        reason: String,
    },
    /// The file is refused with any option.
    Refused {
        /// Why.
        reason: String,
    },
}
