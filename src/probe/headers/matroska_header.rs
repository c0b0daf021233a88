//! Matroska and WebM: the declared duration, and which tracks are enabled and encrypted (RFC 9559, 5.1.2 and 5.1.4).

use std::io;

use super::super::bytes::{Bytes, read_range};
use super::super::ebml::{child, element, elements, unsigned};
use super::stream_marks::{Encryption, StreamSelector};

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TIMESTAMP_SCALE: u32 = 0x2a_d7b1;
const DURATION: u32 = 0x4489;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const FLAG_ENABLED: u32 = 0xb9;
const ENCODINGS: u32 = 0x6d80;
const ENCODING: u32 = 0x6240;
const ENCODING_TYPE: u32 = 0x5033;
const ENCRYPTION: u32 = 0x5035;
const ALGORITHM: u32 = 0x47e1;
const AES_SETTINGS: u32 = 0x47e7;
const CIPHER_MODE: u32 = 0x47e8;

/// Types of tracks that FFmpeg makes streams of: video, audio, subtitles, metadata.
const STREAM_TYPES: [u64; 4] = [1, 2, 0x11, 0x21];

/// Elements read on the level of the segment.
const MAX_ELEMENTS: usize = 20_000;
/// Bytes of one element read into memory.
const MAX_CONTENT: u64 = 4 << 20;

/// The declarations of a segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MatroskaHeader {
    /// The declared duration in seconds.
    pub(super) duration_s: Option<f64>,
    /// Whether each track is enabled, in the order of FFmpeg's streams.
    pub(super) enabled: Vec<bool>,
    /// The encrypted tracks.
    pub(super) encrypted: Vec<Encryption>,
}

/// Reads the elements of the first segment until both information and tracks are known.
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B) -> io::Result<MatroskaHeader> {
    let mut header = MatroskaHeader::default();
    let size = bytes.len()?;
    let (mut at, mut known) = (0_u64, (false, false));
    for _ in 0..MAX_ELEMENTS {
        let head = read_range(bytes, at, 12)?;
        let Some((id, length, used)) = element(&head) else { break };
        let content = at + used as u64;
        match (id, length) {
            // The elements inside the segment follow.
            (SEGMENT, _) => {
                at = content;
                continue;
            }
            (INFO, Some(length)) => {
                let info = read_range(bytes, content, length.min(MAX_CONTENT) as usize)?;
                header.duration_s = duration_s(&info);
                known.0 = true;
            }
            (TRACKS, Some(length)) => {
                let tracks = read_range(bytes, content, length.min(MAX_CONTENT) as usize)?;
                header.enabled = streams(&tracks).map(is_enabled).collect();
                header.encrypted = encrypted(&tracks);
                known.1 = true;
            }
            _ => {}
        }
        let Some(end) = length.and_then(|length| content.checked_add(length)).filter(|&end| end < size)
        else {
            break;
        };
        if known == (true, true) {
            break;
        }
        at = end;
    }
    Ok(header)
}

/// Returns the declared duration in seconds, even if it is zero.
fn duration_s(info: &[u8]) -> Option<f64> {
    let scale = child(info, TIMESTAMP_SCALE).map_or(1_000_000, unsigned);
    let duration = child(info, DURATION)?;
    let ticks = match duration.len() {
        4 => f64::from(f32::from_be_bytes(duration.try_into().ok()?)),
        8 => f64::from_be_bytes(duration.try_into().ok()?),
        _ => return None,
    };
    Some(ticks * scale as f64 / 1e9).filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
}

/// Returns the entries of the tracks that FFmpeg turns into streams.
fn streams(tracks: &[u8]) -> impl Iterator<Item = &[u8]> {
    let entries = elements(tracks).filter(|(id, _)| *id == TRACK_ENTRY).map(|(_, entry)| entry);
    entries.filter(|entry| {
        let kind = child(entry, TRACK_TYPE).map_or(0, unsigned);
        STREAM_TYPES.contains(&kind) && child(entry, CODEC_ID).is_some()
    })
}

/// Returns whether a track is enabled; one without the flag is.
fn is_enabled(entry: &[u8]) -> bool {
    child(entry, FLAG_ENABLED).is_none_or(|flag| unsigned(flag) != 0)
}

/// Returns the encrypted tracks by their position among the tracks that FFmpeg turns into streams.
fn encrypted(tracks: &[u8]) -> Vec<Encryption> {
    let schemes = streams(tracks).map(track_scheme).enumerate();
    schemes
        .filter_map(|(position, scheme)| {
            Some(Encryption::new(StreamSelector::Position(position as u32), scheme?))
        })
        .collect()
}

/// Returns the encryption of a track.
fn track_scheme(entry: &[u8]) -> Option<&'static str> {
    let encodings = child(entry, ENCODINGS)?;
    let mut encrypted = elements(encodings).filter(|(id, _)| *id == ENCODING).filter_map(|(_, encoding)| {
        let is_encrypted = child(encoding, ENCODING_TYPE).is_some_and(|kind| unsigned(kind) == 1);
        let encryption = child(encoding, ENCRYPTION);
        (is_encrypted || encryption.is_some()).then_some(encryption.unwrap_or_default())
    });
    let encryption = encrypted.next()?;
    let mode = child(encryption, AES_SETTINGS).and_then(|settings| child(settings, CIPHER_MODE));
    match (child(encryption, ALGORITHM).map_or(0, unsigned), mode.map(unsigned)) {
        (5, Some(1)) => Some("aes-ctr"),
        (5, Some(2)) => Some("aes-cbc"),
        (5, _) => Some("aes"),
        (1, _) => Some("des"),
        (2, _) => Some("3des"),
        (3, _) => Some("twofish"),
        (4, _) => Some("blowfish"),
        // Algorithm 0 only signs the content, if the encoding has a signature.
        _ => Some("unknown"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn make(id: u32, content: &[u8]) -> Vec<u8> {
        let id = id.to_be_bytes();
        let skip = id.iter().take_while(|byte| **byte == 0).count();
        [
            &id[skip..],
            &[0x10 | (content.len() >> 24) as u8],
            &(content.len() as u32).to_be_bytes()[1..],
            content,
        ]
        .concat()
    }

    fn track(kind: u8, encodings: &[u8]) -> Vec<u8> {
        make(TRACK_ENTRY, &[make(TRACK_TYPE, &[kind]), make(CODEC_ID, b"V_VP9"), encodings.to_vec()].concat())
    }

    fn file(inside: &[Vec<u8>]) -> Vec<u8> {
        [make(0x1a45_dfa3, &[]), make(SEGMENT, &inside.concat())].concat()
    }

    #[test]
    fn reads_duration_and_encryption_behind_clusters() {
        let aes = make(AES_SETTINGS, &make(CIPHER_MODE, &[1]));
        let encryption = make(ENCRYPTION, &[make(ALGORITHM, &[5]), aes].concat());
        let encodings = make(ENCODINGS, &make(ENCODING, &[make(ENCODING_TYPE, &[1]), encryption].concat()));
        let compressed = make(ENCODINGS, &make(ENCODING, &make(ENCODING_TYPE, &[0])));
        let tracks = make(TRACKS, &[track(1, &compressed), track(3, &[]), track(2, &encodings)].concat());
        let info = make(INFO, &make(DURATION, &1500_f64.to_be_bytes()));
        let cluster = make(0x1f43_b675, &[0; 30]);
        let header = read(&file(&[cluster, info, tracks, make(0xec, &[0; 9])])[..]).unwrap();
        assert_eq!(header.duration_s, Some(1.5));
        assert_eq!(header.encrypted, [Encryption::new(StreamSelector::Position(1), "aes-ctr")]);
    }

    #[test]
    fn reads_the_enabled_flag_of_every_stream() {
        let (on, off) = (make(FLAG_ENABLED, &[1]), make(FLAG_ENABLED, &[0]));
        // A button track is no stream.
        let list = [track(1, &on), track(0x12, &off), track(2, &off), track(2, &[])].concat();
        let file = file(&[make(INFO, &[0; 20]), make(TRACKS, &list)]);
        assert_eq!(read(&file[..]).unwrap().enabled, [true, false, true]);
        assert!(read(&file[..20]).unwrap().enabled.is_empty());
    }

    #[test]
    fn a_duration_of_zero_is_declared_and_a_missing_one_is_not() {
        let info = |content: &[u8]| read(&file(&[make(INFO, content), make(TRACKS, &[])])[..]).unwrap();
        assert_eq!(info(&make(DURATION, &0_f32.to_be_bytes())).duration_s, Some(0.0));
        assert_eq!(info(&[]).duration_s, None);
    }
}
