//! The media facts in the JSON contract, field by field.
//!
//! Each field that the JSON shows is listed here with its type and name, so that a change of the model cannot change
//! the JSON by accident. Unknown facts are `null`.

use serde::{Serialize, Serializer};

use crate::model::{
    AudioStream, Codec, ColorTags, Completeness, Container, EditList, Flip, FrameLoss, Hdr, MediaFacts,
    OtherKind, OtherStream, PrivacyTags, ProbedBy, Rational, Rotation, Size, Timing, VideoStream,
};

/// The media facts of a file, as the report shows them.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Media(#[serde(with = "MediaJson")] pub(super) MediaFacts);

impl From<MediaFacts> for Media {
    fn from(facts: MediaFacts) -> Media {
        Media(facts)
    }
}

#[derive(Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema), schemars(rename = "media", transform = super::schema::generator::describe_like::<MediaFacts>))]
#[serde(remote = "MediaFacts")]
struct MediaJson {
    container: Option<Container>,
    size_bytes: u64,
    duration_s: Option<f64>,
    measured_duration_s: Option<f64>,
    contradicted_duration_s: Option<f64>,
    second_recording_byte: Option<u64>,
    bit_rate: Option<u64>,
    fast_start: Option<bool>,
    fragmented: Option<bool>,
    #[cfg_attr(all(test, feature = "report"), schemars(with = "Vec<VideoJson>"))]
    #[serde(serialize_with = "video_streams")]
    video: Vec<VideoStream>,
    #[cfg_attr(all(test, feature = "report"), schemars(with = "Vec<AudioJson>"))]
    #[serde(serialize_with = "audio_streams")]
    audio: Vec<AudioStream>,
    #[cfg_attr(all(test, feature = "report"), schemars(with = "Vec<OtherJson>"))]
    #[serde(serialize_with = "other_streams")]
    other: Vec<OtherStream>,
    major_brand: Option<String>,
    completeness: Completeness,
    chapters: u32,
    privacy: PrivacyTags,
    clock_jumps_s: Vec<f64>,
    probed_by: ProbedBy,
    /// Whether the file is a still image. Such a file is checked by the image rules of the profile, if it has any.
    #[serde(getter = "is_still")]
    still: bool,
}

#[derive(Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema), schemars(rename = "video", transform = super::schema::generator::describe_like::<VideoStream>))]
#[serde(remote = "VideoStream")]
struct VideoJson {
    index: u32,
    codec: Option<Codec>,
    codec_tag: Option<String>,
    profile: Option<String>,
    level: Option<i32>,
    pixel_format: Option<String>,
    bit_depth: Option<u8>,
    width: Option<u32>,
    height: Option<u32>,
    #[cfg_attr(all(test, feature = "report"), schemars(with = "Option<String>", regex(pattern = super::schema::generator::RATIO)))]
    #[serde(serialize_with = "with_colon")]
    sample_aspect_ratio: Option<Rational>,
    #[serde(serialize_with = "degrees")]
    rotation: Rotation,
    flip: Option<Flip>,
    /// Width at which players show the video, in pixels.
    #[serde(getter = "display_width")]
    display_width: Option<u32>,
    /// Height at which players show the video, in pixels.
    #[serde(getter = "display_height")]
    display_height: Option<u32>,
    /// Exact display aspect ratio.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "Option<String>", regex(pattern = super::schema::generator::RATIO)))]
    #[serde(getter = "VideoStream::display_aspect_ratio", serialize_with = "with_colon")]
    display_aspect_ratio: Option<Rational>,
    frame_rate: Option<Rational>,
    variable_frame_rate: Option<bool>,
    field_order: Option<String>,
    color: ColorTags,
    hdr: Option<Hdr>,
    bit_rate: Option<u64>,
    duration_s: Option<f64>,
    start_s: Option<f64>,
    frames: Option<u64>,
    closed_gop: Option<bool>,
    max_gop_frames: Option<u64>,
    parameter_changes: Option<u32>,
    chroma: Option<String>,
    alpha: Option<bool>,
    modal_frame_rate: Option<Rational>,
    #[cfg_attr(all(test, feature = "report"), schemars(with = "Option<String>", regex(pattern = super::schema::generator::RATIO)))]
    #[serde(serialize_with = "with_colon")]
    bitstream_sample_aspect_ratio: Option<Rational>,
    edit_list: Option<EditList>,
    timing: Option<Timing>,
    decodable: bool,
    encryption: Option<String>,
    empty: bool,
    language: Option<String>,
    default: Option<bool>,
    enabled: Option<bool>,
    first_decodable_s: Option<f64>,
    undecodable_frames: Option<u64>,
    frame_sizes: Vec<Size>,
    lost_frames: Vec<FrameLoss>,
}

#[derive(Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema), schemars(rename = "audio", transform = super::schema::generator::describe_like::<AudioStream>))]
#[serde(remote = "AudioStream")]
struct AudioJson {
    index: u32,
    codec: Option<Codec>,
    codec_tag: Option<String>,
    profile: Option<String>,
    sample_rate: Option<u32>,
    channels: Option<u32>,
    channel_layout: Option<String>,
    bit_rate: Option<u64>,
    duration_s: Option<f64>,
    start_s: Option<f64>,
    edit_list: Option<EditList>,
    decodable: bool,
    encryption: Option<String>,
    empty: bool,
    language: Option<String>,
    default: Option<bool>,
    enabled: Option<bool>,
    title: Option<String>,
    same_as: Option<u32>,
    lost_frames: Vec<FrameLoss>,
}

#[derive(Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema), schemars(rename = "other", transform = super::schema::generator::describe_like::<OtherStream>))]
#[serde(remote = "OtherStream")]
struct OtherJson {
    index: u32,
    #[cfg_attr(all(test, feature = "report"), schemars(with = "String", extend("enum" = ["data", "subtitle", "attachment"])))]
    #[serde(serialize_with = "kind")]
    kind: OtherKind,
    codec: Option<String>,
}

/// Returns the kind's name in the JSON, which has three kinds: cover art counts as an attachment.
pub(super) fn kind_name(kind: OtherKind) -> &'static str {
    match kind {
        OtherKind::Data => "data",
        OtherKind::Subtitle => "subtitle",
        OtherKind::Attachment | OtherKind::CoverArt => "attachment",
    }
}

fn is_still(facts: &MediaFacts) -> bool {
    facts.still_image().is_some()
}

fn display_width(video: &VideoStream) -> Option<u32> {
    video.display_size().map(|size| size.width)
}

fn display_height(video: &VideoStream) -> Option<u32> {
    video.display_size().map(|size| size.height)
}

fn with_colon<S: Serializer>(ratio: &Option<Rational>, serializer: S) -> Result<S::Ok, S::Error> {
    ratio.map(Rational::with_colon).serialize(serializer)
}

fn degrees<S: Serializer>(rotation: &Rotation, serializer: S) -> Result<S::Ok, S::Error> {
    rotation.degrees().serialize(serializer)
}

fn kind<S: Serializer>(kind: &OtherKind, serializer: S) -> Result<S::Ok, S::Error> {
    kind_name(*kind).serialize(serializer)
}

fn video_streams<S: Serializer>(streams: &[VideoStream], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Video<'a>(#[serde(with = "VideoJson")] &'a VideoStream);
    serializer.collect_seq(streams.iter().map(Video))
}

fn audio_streams<S: Serializer>(streams: &[AudioStream], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Audio<'a>(#[serde(with = "AudioJson")] &'a AudioStream);
    serializer.collect_seq(streams.iter().map(Audio))
}

fn other_streams<S: Serializer>(streams: &[OtherStream], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Other<'a>(#[serde(with = "OtherJson")] &'a OtherStream);
    serializer.collect_seq(streams.iter().map(Other))
}
