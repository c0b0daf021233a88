//! Finds audio streams with equal parameters, of which one may repeat the other.

use crate::model::AudioStream;

/// Streams whose start or duration differs by more seconds than this are different.
const SAME_TIME_S: f64 = 0.05;

/// Returns the indices of streams with equal parameters, the earlier first.
pub(crate) fn pairs(streams: &[AudioStream]) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    for (position, second) in streams.iter().enumerate() {
        let earlier = streams[..position].iter().filter(|first| has_same_parameters(first, second));
        pairs.extend(earlier.map(|first| (first.index, second.index)));
    }
    pairs
}

fn has_same_parameters(first: &AudioStream, second: &AudioStream) -> bool {
    let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= SAME_TIME_S,
        _ => true,
    };
    let parameters = |stream: &AudioStream| {
        let AudioStream { codec, profile, sample_rate, channels, channel_layout, .. } = stream.clone();
        (codec, profile, sample_rate, channels, channel_layout)
    };
    first.codec.is_some()
        && parameters(first) == parameters(second)
        && near(first.duration_s, second.duration_s)
        && near(first.start_s, second.start_s)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::example::media;

    #[test]
    fn only_streams_with_equal_parameters_are_compared() {
        let first = media().audio[0].clone();
        let second = AudioStream { index: 2, ..first.clone() };
        assert_eq!(pairs(&[first.clone(), second.clone()]), [(1, 2)]);
        let mono = AudioStream { channels: Some(1), ..second.clone() };
        assert_eq!(pairs(&[first.clone(), mono]), []);
        let later = AudioStream { start_s: Some(1.0), ..second };
        assert_eq!(pairs(&[first, later]), []);
    }
}
