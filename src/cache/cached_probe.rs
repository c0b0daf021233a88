//! What a look at a file came to, as it is remembered.

use crate::model::{Compact, DeepReport, MediaFacts};

const FACTS: u8 = 1;
const DEEP: u8 = 2;
const UNREADABLE: u8 = 3;
const CUT: u8 = 4;

/// What a worker found in the bytes of a file. Troubles of the machine, of the worker or with the time are no
/// answers and are never kept.
#[derive(Clone, Debug, PartialEq)]
pub enum CachedProbe {
    /// It was probed.
    Facts(Box<MediaFacts>),
    /// It was decoded.
    Deep(Box<DeepReport>),
    /// It is no readable media; why, for a person.
    Unreadable(String),
    /// It lacks so much that it cannot be opened; what is missing, for a person.
    Truncated(String),
}

impl CachedProbe {
    /// The answer in a compact form; empty where it has none, which cannot be read back.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        match self {
            CachedProbe::Facts(facts) => {
                out.push(FACTS);
                facts.put(&mut out);
            }
            // Rare and expensive to come by: here the convenient form is the right one.
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
                out.push(CUT);
                reason.put(&mut out);
            }
        }
        out
    }

    /// The answer from its compact form; `None` when it is damaged.
    pub(super) fn decode(bytes: &[u8]) -> Option<CachedProbe> {
        let (kind, mut rest) = bytes.split_first()?;
        let answer = match *kind {
            FACTS => CachedProbe::Facts(Box::new(Compact::take(&mut rest)?)),
            DEEP => return serde_json::from_slice(rest).ok().map(CachedProbe::Deep),
            UNREADABLE => CachedProbe::Unreadable(Compact::take(&mut rest)?),
            CUT => CachedProbe::Truncated(Compact::take(&mut rest)?),
            _ => return None,
        };
        rest.is_empty().then_some(answer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{
        AudioStream, ColorTags, Completeness, DolbyVision, EditList, EditListKind, Flip, Hdr, HdrKind,
        OtherKind, OtherStream, PrivacyTags, Rational, Rotation, Timing, VideoStream,
    };

    /// Every field set to something that is not its default.
    fn facts() -> MediaFacts {
        let edit_list = EditList { kind: EditListKind::Editing, entries: 2, reason: "trims 1 s".into() };
        let video = VideoStream {
            index: 1,
            codec: Some("hevc".into()),
            codec_tag: Some("hvc1".into()),
            profile: Some("Main 10".into()),
            level: Some(-99),
            pixel_format: Some("yuv420p10le".into()),
            bit_depth: Some(10),
            chroma: Some("4:2:0".into()),
            alpha: Some(false),
            width: Some(1080),
            height: Some(u32::MAX),
            sample_aspect_ratio: Rational::new(4, 3),
            bitstream_sample_aspect_ratio: Rational::new(1, 1),
            rotation: Rotation::ThreeQuarters,
            flip: Some(Flip::Vertical),
            frame_rate: Rational::new(30000, 1001),
            modal_frame_rate: Rational::new(30, 1),
            variable_frame_rate: Some(true),
            field_order: Some("tt".into()),
            color: ColorTags {
                range: Some("tv".into()),
                primaries: Some("bt2020".into()),
                transfer: Some("smpte2084".into()),
                matrix: Some("bt2020nc".into()),
            },
            hdr: Some(Hdr {
                kind: HdrKind::DolbyVision,
                dolby_vision: Some(DolbyVision { profile: 8, compatibility: 1 }),
            }),
            bit_rate: Some(u64::MAX),
            duration_s: Some(0.1 + 0.2),
            start_s: Some(-0.0),
            frames: Some(0),
            closed_gop: Some(true),
            max_gop_frames: Some(250),
            parameter_changes: Some(3),
            edit_list: Some(edit_list.clone()),
            timing: Some(Timing {
                min_interval_s: Some(0.01),
                max_interval_s: Some(0.09),
                modal_interval_s: Some(0.04),
                first_interval_s: Some(0.001),
                duplicates: 5,
                negative_dts_s: Some(-0.08),
            }),
            decodable: true,
        };
        let audio = AudioStream {
            index: 2,
            codec: Some("aac".into()),
            codec_tag: Some("mp4a".into()),
            profile: Some("LC".into()),
            sample_rate: Some(48_000),
            channels: Some(2),
            channel_layout: Some("stereo".into()),
            bit_rate: Some(128_000),
            duration_s: Some(2.5),
            start_s: Some(0.021),
            edit_list: Some(edit_list),
            decodable: true,
        };
        MediaFacts {
            container: Some("mov".into()),
            major_brand: Some("qt  ".into()),
            size_bytes: 1 << 40,
            duration_s: Some(1e-9),
            measured_duration_s: Some(2.25),
            bit_rate: Some(300),
            fast_start: Some(true),
            fragmented: Some(false),
            completeness: Completeness::Missing { first_missing_s: Some(1.5), reason: "zu kürz".into() },
            video: vec![video.clone(), VideoStream::default()],
            audio: vec![audio, AudioStream::default()],
            other: vec![OtherStream { index: 4, kind: OtherKind::CoverArt, codec: Some("png".into()) }],
            chapters: 7,
            privacy: PrivacyTags {
                location: vec!["location".into()],
                device: vec!["make".into(), String::new()],
            },
        }
    }

    #[test]
    fn every_answer_comes_back_as_it_went() {
        let deep = DeepReport { facts: facts(), active_picture: Some([1, 2, 3, 4]), ..DeepReport::default() };
        for answer in [
            CachedProbe::Facts(Box::new(facts())),
            CachedProbe::Facts(Box::default()),
            CachedProbe::Deep(Box::new(deep)),
            CachedProbe::Unreadable("cannot be read as media: nothing".into()),
        ] {
            assert_eq!(CachedProbe::decode(&answer.encode()), Some(answer));
        }
    }

    #[test]
    fn a_damaged_answer_is_none_and_never_a_panic() {
        let whole = CachedProbe::Facts(Box::new(facts())).encode();
        for length in 0..whole.len() {
            assert_eq!(CachedProbe::decode(&whole[..length]), None, "{length}");
        }
        assert_eq!(CachedProbe::decode(&[whole.as_slice(), &[0]].concat()), None, "longer than it should be");
        for at in 0..whole.len() {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 0xff;
            // May still be an answer; must not allocate without bound or fall over.
            let _ = CachedProbe::decode(&spoilt);
        }
    }
}
