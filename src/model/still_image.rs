//! Distinguishes still images from videos.

use super::{MediaFacts, VideoStream};

/// A file that contains one still image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StillImage<'a> {
    /// The file format: `jpeg`, `png`, `webp`, `gif`, …
    pub format: &'a str,
    /// The image, which FFmpeg reads as a video stream of one frame.
    pub stream: &'a VideoStream,
}

impl MediaFacts {
    /// Returns the image if the file is one still image, such as a cover or an image ad. Animations are
    /// videos.
    pub fn still_image(&self) -> Option<StillImage<'_>> {
        let [stream] = self.video.as_slice() else { return None };
        if !self.audio.is_empty() || stream.frames.is_some_and(|frames| frames != 1) {
            return None;
        }
        let container = self.container.as_deref()?;
        let format = match (container, self.major_brand.as_deref()) {
            // FFmpeg reads nothing of an animated WebP, not even its size.
            ("webp_pipe", _) if stream.coded_size().is_none() => return None,
            // These formats may contain one frame or many, which is known only after counting.
            ("gif" | "apng" | "webp" | "webp_anim", _) if stream.frames.is_none() => return None,
            ("apng", _) => "png",
            ("webp_anim", _) => "webp",
            ("gif" | "webp", _) => container,
            // Images in ISO base media files are items without a duration.
            (_, Some("avif")) if self.duration_s.is_none() => "avif",
            (_, Some("heic" | "heix" | "mif1")) if self.duration_s.is_none() => "heif",
            // FFmpeg's demuxers for image files.
            _ => container.strip_suffix("_pipe")?,
        };
        Some(StillImage { format, stream })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::example;

    fn format(container: &str, change: fn(&mut MediaFacts)) -> Option<String> {
        let mut facts = example::image();
        facts.container = Some(container.into());
        change(&mut facts);
        facts.still_image().map(|image| image.format.to_owned())
    }

    #[test]
    fn image_file_with_one_frame_is_a_still_image() {
        assert_eq!(format("png_pipe", |_| {}).as_deref(), Some("png"));
        assert_eq!(format("jpeg_pipe", |facts| facts.video[0].frames = None).as_deref(), Some("jpeg"));
        assert_eq!(format("webp_pipe", |_| {}).as_deref(), Some("webp"));
        assert_eq!(format("gif", |_| {}).as_deref(), Some("gif"));
        assert_eq!(format("apng", |_| {}).as_deref(), Some("png"));
        assert_eq!(format("mp4", |facts| facts.major_brand = Some("heic".into())).as_deref(), Some("heif"));
    }

    #[test]
    fn animations_and_videos_are_no_still_images() {
        assert_eq!(format("gif", |facts| facts.video[0].frames = Some(5)), None);
        assert_eq!(format("gif", |facts| facts.video[0].frames = None), None);
        assert_eq!(format("webp_pipe", |facts| facts.video[0].width = None), None);
        assert_eq!(format("png_pipe", |facts| facts.audio = example::media().audio), None);
        assert_eq!(format("mp4", |_| {}), None);
        assert_eq!(format("yuv4mpegpipe", |_| {}), None);
        assert_eq!(example::media().still_image(), None);
    }
}
