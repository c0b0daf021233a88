//! Chooses the streams that count: the video that players show and the audio that they play.
//!
//! Each criterion keeps the streams that meet it best; the next decides among those that are left. A criterion
//! that some stream does not state is skipped, because a guess must not outvote the order in the file.

use super::{AudioStream, Codec, MediaFacts, VideoStream};

/// Streams whose durations differ by less than this many seconds count as equally long.
const SAME_DURATION_S: f64 = 0.5;
/// Streams with at least this share of the most frames count as having equally many.
const SAME_FRAMES: f64 = 0.9;

impl MediaFacts {
    /// Returns the main video stream: among those with samples, the one that moves, is enabled, is played by
    /// default, is the longest, has the most frames, has the largest frame, and is the first in the file, in
    /// this order. Cover art never counts.
    pub fn main_video(&self) -> Option<&VideoStream> {
        let mut left: Vec<&VideoStream> = self.video.iter().filter(|stream| !stream.empty).collect();
        prefer(&mut left, |stream| !stream.is_single_image());
        prefer(&mut left, |stream| stream.enabled != Some(false));
        prefer(&mut left, |stream| stream.default == Some(true));
        keep_largest(&mut left, |stream| stream.duration_s, |value, most| value > most - SAME_DURATION_S);
        keep_largest(
            &mut left,
            |stream| stream.frames.map(|frames| frames as f64),
            |frames, most| frames >= most * SAME_FRAMES,
        );
        let area = |stream: &VideoStream| {
            stream.coded_size().map(|size| f64::from(size.width) * f64::from(size.height))
        };
        keep_largest(&mut left, area, |area, most| area >= most);
        left.first().copied()
    }

    /// Returns the main audio stream: among those with samples, the one that can be decoded, is enabled, is played
    /// by default, has the language of the default stream, is the longest, and is the first in the file, in this
    /// order.
    pub fn main_audio(&self) -> Option<&AudioStream> {
        let mut left: Vec<&AudioStream> = self.audio.iter().filter(|stream| !stream.empty).collect();
        let default = left.iter().find(|stream| stream.default == Some(true));
        let language = default.and_then(|stream| stream.language.clone());
        prefer(&mut left, |stream| stream.decodable);
        prefer(&mut left, |stream| stream.enabled != Some(false));
        prefer(&mut left, |stream| stream.default == Some(true));
        prefer(&mut left, |stream| language.is_some() && stream.language == language);
        keep_largest(&mut left, |stream| stream.duration_s, |value, most| value > most - SAME_DURATION_S);
        left.first().copied()
    }
}

impl VideoStream {
    /// Returns whether the stream shows one frame, such as an image that was muxed as a track, or must be assumed
    /// to because its codec is one of images and its frames were not counted.
    pub fn is_single_image(&self) -> bool {
        match self.frames {
            Some(frames) => frames == 1,
            None => self.codec.as_ref().is_some_and(Codec::is_image),
        }
    }
}

/// Keeps the streams that meet a criterion, if any does.
fn prefer<T>(left: &mut Vec<&T>, meets: impl Fn(&T) -> bool) {
    if left.iter().any(|stream| meets(stream)) {
        left.retain(|stream| meets(stream));
    }
}

/// Keeps the streams whose value counts as equal to the largest, if every stream states it.
fn keep_largest<T>(left: &mut Vec<&T>, value: impl Fn(&T) -> Option<f64>, equal: impl Fn(f64, f64) -> bool) {
    let Some(values) = left.iter().map(|stream| value(stream)).collect::<Option<Vec<f64>>>() else { return };
    let Some(most) = values.into_iter().reduce(f64::max) else { return };
    left.retain(|stream| value(stream).is_some_and(|value| equal(value, most)));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::example::media;
    use super::*;

    /// Returns the index of the main video stream of two, of which `change` changes the first.
    fn main_video(change: fn(&mut VideoStream)) -> u32 {
        let mut facts = media();
        let second = VideoStream { index: 9, ..facts.video[0].clone() };
        facts.video.push(second);
        change(&mut facts.video[0]);
        facts.main_video().unwrap().index
    }

    fn main_audio(change: fn(&mut Vec<AudioStream>)) -> u32 {
        let mut facts = media();
        let second = AudioStream { index: 9, ..facts.audio[0].clone() };
        facts.audio.push(second);
        change(&mut facts.audio);
        facts.main_audio().unwrap().index
    }

    #[test]
    fn the_main_video_moves_is_enabled_and_is_the_longest() {
        let first = media().video[0].index;
        assert_eq!(main_video(|_| {}), first);
        assert_eq!(main_video(|video| video.frames = Some(1)), 9);
        assert_eq!(main_video(|video| video.empty = true), 9);
        assert_eq!(main_video(|video| video.enabled = Some(false)), 9);
        assert_eq!(main_video(|video| video.duration_s = video.duration_s.map(|s| s / 2.0)), 9);
        assert_eq!(main_video(|video| video.frames = video.frames.map(|frames| frames / 2)), 9);
        assert_eq!(main_video(|video| video.width = Some(16)), 9);
    }

    #[test]
    fn a_small_difference_in_duration_does_not_outvote_the_size() {
        assert_eq!(
            main_video(|video| video.duration_s = video.duration_s.map(|s| s + 0.04)),
            media().video[0].index
        );
        let proxy = |video: &mut VideoStream| {
            video.duration_s = video.duration_s.map(|s| s + 0.04);
            video.width = Some(160);
        };
        assert_eq!(main_video(proxy), 9);
    }

    #[test]
    fn an_image_does_not_win_by_being_the_default() {
        let image = |video: &mut VideoStream| {
            (video.default, video.frames) = (Some(true), Some(1));
        };
        assert_eq!(main_video(image), 9);
    }

    #[test]
    fn the_main_audio_can_be_decoded_and_has_the_language_of_the_default() {
        assert_eq!(main_audio(|_| {}), media().audio[0].index);
        assert_eq!(main_audio(|audio| audio[0].decodable = false), 9);
        assert_eq!(main_audio(|audio| audio[0].empty = true), 9);
        assert_eq!(main_audio(|audio| audio[1].default = Some(true)), 9);
        let same_language = |audio: &mut Vec<AudioStream>| {
            let undecodable = AudioStream {
                index: 5,
                decodable: false,
                default: Some(true),
                language: Some("deu".into()),
                ..audio[0].clone()
            };
            audio[1].language = Some("deu".into());
            audio.insert(0, undecodable);
        };
        assert_eq!(main_audio(same_language), 9);
    }

    #[test]
    fn a_file_with_only_empty_streams_has_no_main_stream() {
        let mut facts = media();
        facts.video[0].empty = true;
        facts.audio[0].empty = true;
        assert!(facts.main_video().is_none() && facts.main_audio().is_none());
    }
}
