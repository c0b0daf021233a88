//! Telling still pictures from videos.

use super::{MediaFacts, VideoStream};

/// A file that is one still picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Still<'a> {
    /// The kind of file: `jpeg`, `png`, `webp`, `gif`, …
    pub format: &'a str,
    /// The picture, which the library reads as a video of one frame.
    pub picture: &'a VideoStream,
}

impl MediaFacts {
    /// The picture, where the file is one still picture: a cover, an image ad. Animations are videos.
    pub fn still(&self) -> Option<Still<'_>> {
        let [picture] = self.video.as_slice() else { return None };
        if !self.audio.is_empty() || picture.frames.is_some_and(|frames| frames != 1) {
            return None;
        }
        let container = self.container.as_deref()?;
        let format = match (container, self.major_brand.as_deref()) {
            // The library reads nothing of an animation of this kind, not even its size.
            ("webp_pipe", _) if picture.coded_size().is_none() => return None,
            // Those that may hold one frame or many, and say how many only when they were counted.
            ("gif" | "apng" | "webp" | "webp_anim", _) if picture.frames.is_none() => return None,
            ("apng", _) => "png",
            ("webp_anim", _) => "webp",
            ("gif" | "webp", _) => container,
            // Pictures in the box format of videos: their items have no duration.
            (_, Some("avif")) if self.duration_s.is_none() => "avif",
            (_, Some("heic" | "heix" | "mif1")) if self.duration_s.is_none() => "heif",
            // The library's name for a picture that is the whole file.
            _ => container.strip_suffix("_pipe")?,
        };
        Some(Still { format, picture })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::sample;

    fn format(container: &str, change: fn(&mut MediaFacts)) -> Option<String> {
        let mut facts = sample::image();
        facts.container = Some(container.into());
        change(&mut facts);
        facts.still().map(|still| still.format.to_owned())
    }

    #[test]
    fn one_frame_without_audio_in_a_picture_file_is_a_still() {
        assert_eq!(format("png_pipe", |_| {}).as_deref(), Some("png"));
        assert_eq!(format("jpeg_pipe", |facts| facts.video[0].frames = None).as_deref(), Some("jpeg"));
        assert_eq!(format("webp_pipe", |_| {}).as_deref(), Some("webp"));
        assert_eq!(format("gif", |_| {}).as_deref(), Some("gif"));
        assert_eq!(format("apng", |_| {}).as_deref(), Some("png"));
        assert_eq!(format("mp4", |facts| facts.major_brand = Some("heic".into())).as_deref(), Some("heif"));
    }

    #[test]
    fn animations_and_videos_are_none() {
        assert_eq!(format("gif", |facts| facts.video[0].frames = Some(5)), None);
        assert_eq!(format("gif", |facts| facts.video[0].frames = None), None);
        assert_eq!(format("webp_pipe", |facts| facts.video[0].width = None), None);
        assert_eq!(format("png_pipe", |facts| facts.audio = sample::media().audio), None);
        assert_eq!(format("mp4", |_| {}), None);
        assert_eq!(format("yuv4mpegpipe", |_| {}), None);
        assert_eq!(sample::media().still(), None);
    }
}
