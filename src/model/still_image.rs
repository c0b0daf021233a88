//! Distinguishes still images from videos.

use super::named::named;
use super::{Container, MediaFacts, VideoStream};

named! {
    /// The format of an image file.
    ImageFormat {
        Avif = "avif",
        Gif = "gif",
        Heif = "heif",
        Jpeg = "jpeg",
        Png = "png",
        Webp = "webp",
    }
}

impl ImageFormat {
    /// Returns the usual file extensions; empty if any is fine.
    pub fn extensions(&self) -> &'static [&'static str] {
        match self {
            ImageFormat::Gif => &["gif"],
            ImageFormat::Jpeg => &["jpg", "jpeg"],
            ImageFormat::Png => &["png"],
            ImageFormat::Webp => &["webp"],
            ImageFormat::Avif | ImageFormat::Heif | ImageFormat::Other(_) => &[],
        }
    }

    /// Returns whether greenlit converts images of this format to JPEG and PNG.
    pub fn is_convertible(&self) -> bool {
        match self {
            ImageFormat::Avif
            | ImageFormat::Gif
            | ImageFormat::Jpeg
            | ImageFormat::Png
            | ImageFormat::Webp => true,
            ImageFormat::Heif | ImageFormat::Other(_) => false,
        }
    }
}

/// A file that contains one still image.
#[derive(Clone, Debug, PartialEq)]
pub struct StillImage<'a> {
    /// The file format.
    pub format: ImageFormat,
    /// The image, which FFmpeg reads as a video stream of one frame.
    pub stream: &'a VideoStream,
}

impl MediaFacts {
    /// Returns the image if the file is one still image, such as a cover or an image ad. Animations are
    /// videos.
    pub fn still_image(&self) -> Option<StillImage<'_>> {
        use Container::{Apng, Gif, Webp, WebpAnimation, WebpPipe};
        let [stream] = self.video.as_slice() else { return None };
        if !self.audio.is_empty() || stream.frames.is_some_and(|frames| frames != 1) {
            return None;
        }
        let format = match (self.container.as_ref()?, self.major_brand.as_deref()) {
            // FFmpeg reads nothing of an animated WebP, not even its size.
            (WebpPipe, _) if stream.coded_size().is_none() => return None,
            // These formats may contain one frame or many, which is known only after counting.
            (Gif | Apng | Webp | WebpAnimation, _) if stream.frames.is_none() => return None,
            (Gif, _) => ImageFormat::Gif,
            (Apng, _) => ImageFormat::Png,
            (Webp | WebpAnimation, _) => ImageFormat::Webp,
            // Images in ISO base media files are items without a duration.
            (_, Some("avif")) if self.duration_s.is_none() => ImageFormat::Avif,
            (_, Some("heic" | "heix" | "mif1")) if self.duration_s.is_none() => ImageFormat::Heif,
            // FFmpeg's demuxers for image files.
            (container, _) => ImageFormat::from(container.name().strip_suffix("_pipe")?),
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
        facts.still_image().map(|image| image.format.to_string())
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
