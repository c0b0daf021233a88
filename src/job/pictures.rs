//! Small pictures of a video, for reports.

use serde::{Deserialize, Serialize};

use crate::model::Size;

/// Which pictures a [`Job::Pictures`](super::Job::Pictures) makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureChoice {
    /// Number of pictures, at evenly spaced times; an image has one.
    pub count: u32,
    /// The largest width and height in pixels.
    pub max_side: u32,
    /// The most bytes of a picture.
    pub max_bytes: u32,
    /// Whether a picture shows the frame at its time, and not the key frame before it, which is faster.
    pub exact: bool,
}

/// Pictures of a video, and what its index tells about its bit rate and key frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MediaPictures {
    /// The pictures in the order of their times.
    pub pictures: Vec<Picture>,
    /// The bit rate of the video over time; `None` without an index of every packet.
    pub bit_rate: Option<BitRatePlot>,
    /// The times of the key frames in seconds; empty if they are unknown or too many.
    pub key_frames_s: Vec<f64>,
}

/// A frame as a small JPEG.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Its time in seconds.
    pub at_s: f64,
    /// Width and height in pixels.
    pub size: Size,
    /// The JPEG file in base64.
    pub jpeg: String,
}

/// A bit rate over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BitRatePlot {
    /// Where the plot ends, in seconds.
    pub end_s: f64,
    /// Bits per second in parts of equal length.
    pub rates: Vec<u64>,
}

impl MediaPictures {
    /// Returns the pictures that `choice` allows: a worker that a hostile file has taken over can send any.
    #[must_use]
    pub fn within(mut self, choice: &PictureChoice) -> MediaPictures {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        self.pictures.truncate(choice.count as usize);
        self.pictures.retain(|picture| {
            let Picture { size, jpeg, .. } = picture;
            let is_small = size.width.max(size.height) <= choice.max_side;
            // Base64 has 4 characters for 3 bytes.
            is_small && jpeg.len() <= choice.max_bytes as usize / 3 * 4 + 4 && jpeg.bytes().all(is_base64)
        });
        self.key_frames_s.truncate(MAX_POINTS);
        self.bit_rate = self.bit_rate.filter(|plot| plot.rates.len() <= MAX_POINTS && plot.end_s > 0.0);
        self
    }
}

/// The most points of a plot.
const MAX_POINTS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_what_was_not_asked_for() {
        let choice = PictureChoice { count: 2, max_side: 160, max_bytes: 30, exact: false };
        let picture =
            |width, jpeg: &str| Picture { at_s: 0.0, size: Size::new(width, 90), jpeg: jpeg.to_owned() };
        let within = |pictures: Vec<Picture>| {
            let sent = MediaPictures { pictures, ..MediaPictures::default() };
            sent.within(&choice).pictures
        };
        let good = picture(160, "/9j/4A==");
        assert_eq!(within(vec![good.clone(), good.clone(), good.clone()]), [good.clone(), good.clone()]);
        for bad in [picture(161, "/9j/"), picture(160, "\" onerror="), picture(160, &"A".repeat(45))] {
            assert_eq!(within(vec![bad, good.clone()]), std::slice::from_ref(&good));
        }
        let rates = vec![0; MAX_POINTS + 1];
        let sent =
            MediaPictures { bit_rate: Some(BitRatePlot { end_s: 1.0, rates }), ..MediaPictures::default() };
        assert_eq!(sent.within(&choice), MediaPictures::default());
    }
}
