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

macro_rules! rules {
    ([$($rule:ident),* $(,)?], rows: [$($row:ident),* $(,)?]) => {
        /// All rules, in the order in which findings of equal severity are shown.
        pub(super) static ALL: &[Rule] = &[
            $(Rule {
                info: $rule::INFO,
                check: |subject, rules, out| {
                    if let Some(limits) = &rules.$rule {
                        $rule::check(subject, &limits.values, out);
                    }
                },
            },)*
            $(Rule { info: $row::INFO, check: |_, _, _| {} },)*
        ];
    };
}

rules!(
    [
        container, extension, file_size, file_name, duration, video_stream, video_codec,
        video_profile, pixel_format, resolution, even_dimensions, parameter_change, open_gop,
        gop_length, letterbox, aspect_ratio, sample_aspect_ratio, rotation, frame_rate,
        variable_frame_rate, interlaced, video_bit_rate, color, hdr, audio_stream, audio_codec,
        audio_channels, audio_sample_rate, audio_bit_rate, loudness, fast_start, fragmented,
        edit_list, start_time, timestamps, extra_streams, stream_order, av_duration, integrity,
        black, freeze, silence, metadata_privacy, image_format, image_size, image_aspect_ratio
    ],
    rows: [cover, landing_page, ad_text, ad_fields]
);
