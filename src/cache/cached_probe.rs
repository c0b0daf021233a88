//! The cached result of probing a file, and its encoding.

use crate::model::{Compact, DeepReport, MediaFacts};

const FACTS: u8 = 1;
const DEEP: u8 = 2;
const UNREADABLE: u8 = 3;
const TRUNCATED: u8 = 4;

/// What a worker found in the content of a file. Errors of the machine or the worker and timeouts are never
/// cached.
#[derive(Clone, Debug, PartialEq)]
pub enum CachedProbe {
    /// The result of a probe.
    Facts(Box<MediaFacts>),
    /// The result of a full decode.
    Deep(Box<DeepReport>),
    /// The file is not readable as media; the reason as text.
    Unreadable(String),
    /// The file lacks so much that it cannot be opened; what is missing, as text.
    Truncated(String),
}

impl CachedProbe {
    /// Encodes the probe; empty if that fails.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        match self {
            CachedProbe::Facts(facts) => {
                out.push(FACTS);
                facts.put(&mut out);
            }
            // Full decodes are rare and slow, so the speed of JSON does not matter here.
            CachedProbe::Deep(report) => match serde_json::to_vec(report) {
                Ok(text) => {
                    out.push(DEEP);
                    out.extend(text);
                }
                Err(_) => out.clear(),
            },
            CachedProbe::Unreadable(reason) => {
                out.push(UNREADABLE);
                reason.put(&mut out);
            }
            CachedProbe::Truncated(reason) => {
                out.push(TRUNCATED);
                reason.put(&mut out);
            }
        }
        out
    }

    /// Decodes a probe; `None` if the bytes are corrupt.
    pub(super) fn decode(bytes: &[u8]) -> Option<CachedProbe> {
        let (kind, mut rest) = bytes.split_first()?;
        let probe = match *kind {
            FACTS => CachedProbe::Facts(Box::new(Compact::take(&mut rest)?)),
            DEEP => return serde_json::from_slice(rest).ok().map(CachedProbe::Deep),
            UNREADABLE => CachedProbe::Unreadable(Compact::take(&mut rest)?),
            TRUNCATED => CachedProbe::Truncated(Compact::take(&mut rest)?),
            _ => return None,
        };
        rest.is_empty().then_some(probe)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{
        AudioStream, Completeness, DolbyVision, EditList, EditListKind, Flip, Hdr, HdrKind, OtherKind,
        OtherStream, PrivacyTags, ProbedBy, Rational, Rotation, Timing, VideoStream, example,
    };

    fn edit_list() -> EditList {
        EditList {
            kind: EditListKind::Editing,
            entries: 2,
            delay_only: true,
            changes_speed: true,
            reason: "trims 1 s".into(),
        }
    }

    /// Returns facts in which no field has its default value.
    fn facts() -> MediaFacts {
        let example = example::media();
        let video = VideoStream {
            level: Some(-99),
            height: Some(u32::MAX),
            bitstream_sample_aspect_ratio: Rational::new(64, 45),
            rotation: Rotation::ThreeQuarters,
            flip: Some(Flip::Vertical),
            frame_rate: Rational::new(30000, 1001),
            modal_frame_rate: Rational::new(30, 1),
            hdr: Some(Hdr {
                kind: HdrKind::DolbyVision,
                dolby_vision: Some(DolbyVision { profile: 8, compatibility: 1 }),
            }),
            bit_rate: Some(u64::MAX),
            duration_s: Some(0.1 + 0.2),
            start_s: Some(-0.0),
            frames: Some(0),
            parameter_changes: Some(3),
            edit_list: Some(edit_list()),
            timing: Some(Timing {
                min_interval_s: Some(0.01),
                max_interval_s: Some(0.09),
                modal_interval_s: Some(0.04),
                first_interval_s: Some(0.001),
                duplicates: 5,
                negative_dts_s: Some(-0.08),
            }),
            ..example.video[0].clone()
        };
        let audio = AudioStream { edit_list: Some(edit_list()), ..example.audio[0].clone() };
        MediaFacts {
            probed_by: ProbedBy::Headers,
            clock_jumps_s: vec![1.5, 3.0],
            size_bytes: 1 << 40,
            duration_s: Some(1e-9),
            measured_duration_s: Some(2.25),
            contradicted_duration_s: Some(2.5),
            second_recording_byte: Some(1 << 40),
            completeness: Completeness::Missing { first_missing_s: Some(1.5), reason: "zu kürz".into() },
            video: vec![video, VideoStream::default()],
            audio: vec![audio, AudioStream::default()],
            other: vec![OtherStream {
                index: 4,
                kind: OtherKind::CoverArt,
                codec: Some("png".into()),
                language: None,
                duration_s: None,
            }],
            chapters: 7,
            privacy: PrivacyTags {
                location: vec!["location".into()],
                device: vec!["make".into(), String::new()],
            },
            ..example
        }
    }

    #[test]
    fn encoded_probes_decode_to_the_same_value() {
        let deep = DeepReport { facts: facts(), active_area: Some([1, 2, 3, 4]), ..DeepReport::default() };
        for probe in [
            CachedProbe::Facts(Box::new(facts())),
            CachedProbe::Facts(Box::default()),
            CachedProbe::Deep(Box::new(deep)),
            CachedProbe::Unreadable("cannot be read as media: nothing".into()),
        ] {
            assert_eq!(CachedProbe::decode(&probe.encode()), Some(probe));
        }
    }

    #[test]
    fn decoding_corrupt_bytes_never_panics() {
        let encoded = CachedProbe::Facts(Box::new(facts())).encode();
        for length in 0..encoded.len() {
            assert_eq!(CachedProbe::decode(&encoded[..length]), None, "{length}");
        }
        assert_eq!(CachedProbe::decode(&[encoded.as_slice(), &[0]].concat()), None, "trailing byte");
        for at in 0..encoded.len() {
            let mut corrupt = encoded.clone();
            corrupt[at] ^= 0xff;
            // The result may be valid; decoding must not panic or allocate without bound.
            let _ = CachedProbe::decode(&corrupt);
        }
    }
}
