//! How long an output became.

/// The length of an output.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OutputLength {
    /// Number of frames of an encoded video stream.
    pub(crate) frames: Option<u64>,
    /// End of the video in seconds.
    pub(crate) video_s: Option<f64>,
    /// End of the audio in seconds.
    pub(crate) audio_s: Option<f64>,
    /// How long the last frame of an encoded video is held beyond its end in the source, in seconds.
    pub(crate) held_last_s: f64,
}
