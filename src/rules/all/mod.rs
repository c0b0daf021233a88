//! All rules, one per file.

pub(crate) mod ad_fields;
pub(crate) mod ad_text;
pub(crate) mod aspect_ratio;
pub(crate) mod audio_bit_rate;
pub(crate) mod audio_channels;
pub(crate) mod audio_codec;
pub(crate) mod audio_sample_rate;
pub(crate) mod audio_stream;
pub(crate) mod av_duration;
pub(crate) mod black;
pub(crate) mod color;
pub(crate) mod container;
pub(crate) mod cover;
pub(crate) mod duration;
pub(crate) mod edit_list;
pub(crate) mod even_dimensions;
pub(crate) mod extension;
pub(crate) mod extra_streams;
pub(crate) mod fast_start;
pub(crate) mod file_name;
pub(crate) mod file_size;
pub(crate) mod fragmented;
pub(crate) mod frame_rate;
pub(crate) mod freeze;
pub(crate) mod gop_length;
pub(crate) mod hdr;
pub(crate) mod image_aspect_ratio;
pub(crate) mod image_format;
pub(crate) mod image_size;
pub(crate) mod integrity;
pub(crate) mod interlaced;
pub(crate) mod landing_page;
pub(crate) mod letterbox;
pub(crate) mod loudness;
pub(crate) mod metadata_privacy;
pub(crate) mod open_gop;
pub(crate) mod parameter_change;
pub(crate) mod pixel_format;
pub(crate) mod resolution;
pub(crate) mod rotation;
pub(crate) mod sample_aspect_ratio;
pub(crate) mod silence;
pub(crate) mod start_time;
pub(crate) mod stream_order;
pub(crate) mod timestamps;
pub(crate) mod variable_frame_rate;
pub(crate) mod video_bit_rate;
pub(crate) mod video_codec;
pub(crate) mod video_profile;
pub(crate) mod video_stream;

use super::rule::Rule;

/// All rules, in the order in which findings of equal severity are shown.
pub(super) static ALL: &[&dyn Rule] = &[
    &container::Container,
    &extension::Extension,
    &file_size::FileSize,
    &file_name::FileName,
    &duration::Duration,
    &video_stream::VideoStreamRule,
    &video_codec::VideoCodec,
    &video_profile::VideoProfile,
    &pixel_format::PixelFormat,
    &resolution::Resolution,
    &even_dimensions::EvenDimensions,
    &parameter_change::ParameterChange,
    &open_gop::OpenGop,
    &gop_length::GopLength,
    &letterbox::Letterbox,
    &aspect_ratio::AspectRatio,
    &sample_aspect_ratio::SampleAspectRatio,
    &rotation::Rotation,
    &frame_rate::FrameRate,
    &variable_frame_rate::VariableFrameRate,
    &interlaced::Interlaced,
    &video_bit_rate::VideoBitRate,
    &color::Color,
    &hdr::HdrRule,
    &audio_stream::AudioStreamRule,
    &audio_codec::AudioCodec,
    &audio_channels::AudioChannels,
    &audio_sample_rate::AudioSampleRate,
    &audio_bit_rate::AudioBitRate,
    &loudness::Loudness,
    &fast_start::FastStart,
    &fragmented::Fragmented,
    &edit_list::EditListRule,
    &start_time::StartTime,
    &timestamps::Timestamps,
    &extra_streams::ExtraStreams,
    &stream_order::StreamOrder,
    &av_duration::AvDuration,
    &integrity::Integrity,
    &black::Black,
    &freeze::Freeze,
    &silence::Silence,
    &metadata_privacy::MetadataPrivacy,
    &image_format::ImageFormat,
    &image_size::ImageSize,
    &image_aspect_ratio::ImageAspectRatio,
    &cover::Cover,
    &landing_page::LandingPage,
    &ad_text::AdText,
    &ad_fields::AdFields,
];
