//! Reads the sample entry of a track: its codec and the configuration record.

use super::super::names::{ColorCodes, RANGE_FULL, RANGE_LIMITED, are_known};
use super::super::reason::Reason;
use super::audio_entry::AudioEntry;
use super::boxes::{Node, allow, children, only, required};
use super::descriptors;
use super::encryption::Protection;
use super::stereo;
use crate::model::{Codec, DolbyVision, OtherKind, Rational};
use crate::probe::isobmff::FieldReader;

/// Bytes of a video sample entry before its boxes.
const VIDEO_FIELDS: usize = 78;
/// Object types in the descriptor of a stream.
const MPEG4_VIDEO: u8 = 0x20;
const JPEG: u8 = 0x6c;
/// Names of compressors for which the library corrects the entry.
const CORRECTED_NAMES: [&[u8]; 2] = [b"Planar Y'CbCr 8-bit 4:2:0", b"Sorenson H263"];

/// The sample entry of a track.
#[derive(Clone, Debug)]
pub(super) struct SampleEntry<'a> {
    /// The four-character code.
    pub(super) kind: [u8; 4],
    pub(super) content: EntryContent<'a>,
}

/// What a sample entry declares.
#[derive(Clone, Debug)]
pub(super) enum EntryContent<'a> {
    Video(VideoEntry<'a>),
    Audio(AudioEntry<'a>),
    Other(OtherKind, Option<&'static str>),
}

/// A video sample entry.
#[derive(Clone, Debug)]
pub(super) struct VideoEntry<'a> {
    pub(super) codec: Codec,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) config: &'a [u8],
    pub(super) sample_aspect_ratio: Option<Rational>,
    pub(super) color: ColorCodes,
    pub(super) field_order: Option<&'static str>,
    /// How the samples are encrypted.
    pub(super) protection: Option<Protection>,
    /// Whether there are mastering display colours or light levels.
    pub(super) has_hdr10_metadata: bool,
    /// The configuration of Dolby Vision.
    pub(super) dolby_vision: Option<DolbyVision>,
}

impl<'a> SampleEntry<'a> {
    /// Reads the content of `stsd`, which must have one entry.
    pub(super) fn read(stsd: &'a [u8], handler: &[u8; 4], isom: bool) -> Result<SampleEntry<'a>, Reason> {
        let mut fields = FieldReader(stsd);
        let (version, _) = fields.head().ok_or(Reason::Malformed)?;
        match fields.word().ok_or(Reason::Malformed)? {
            0 => return Err(Reason::Malformed),
            1 => {}
            _ => return Err(Reason::SeveralConfigurations),
        }
        let entries = children(fields.0)?;
        let [Node { kind, content }] = entries[..] else { return Err(Reason::Malformed) };
        // Reserved bytes and the number of the data reference, which some writers of metadata forget.
        let refers_to_file = content.get(6..8) == Some(&[0, 1]) || !matches!(handler, b"vide" | b"soun");
        let fields = content.get(8..).filter(|_| refers_to_file).ok_or(Reason::Malformed)?;
        let content = match handler {
            b"vide" => EntryContent::Video(VideoEntry::read(&kind, fields)?),
            b"soun" => EntryContent::Audio(AudioEntry::read(&kind, fields, version, isom)?),
            _ => {
                let (kind, codec) = other(handler, &kind)?;
                EntryContent::Other(kind, codec)
            }
        };
        let entry = SampleEntry { kind, content };
        let format = entry.protection().map(|protection| protection.format);
        Ok(SampleEntry { kind: format.unwrap_or(kind), ..entry })
    }
}

impl SampleEntry<'_> {
    /// Returns how the samples are encrypted.
    pub(super) fn protection(&self) -> Option<&Protection> {
        match &self.content {
            EntryContent::Video(entry) => entry.protection.as_ref(),
            EntryContent::Audio(entry) => entry.protection.as_ref(),
            EntryContent::Other(..) => None,
        }
    }

    /// Returns whether the track has audio.
    pub(super) fn is_audio(&self) -> bool {
        matches!(self.content, EntryContent::Audio(_))
    }
}

/// Returns the kind of a track that is neither video nor audio, and the name of its codec.
fn other(handler: &[u8; 4], kind: &[u8; 4]) -> Result<(OtherKind, Option<&'static str>), Reason> {
    Ok(match (handler, kind) {
        (b"tmcd", b"tmcd") | (b"hint", b"rtp ") | (b"meta", b"mebx" | b"mett" | b"rtmd") => {
            (OtherKind::Data, None)
        }
        (b"text", b"wvtt") => (OtherKind::Data, None),
        (b"subt", b"stpp") => (OtherKind::Subtitle, Some("ttml")),
        (b"clcp", b"c608") => (OtherKind::Subtitle, Some("eia_608")),
        (b"odsm" | b"sdsm", b"mp4s") => (OtherKind::Data, None),
        (b"sbtl" | b"text", b"tx3g" | b"text") => (OtherKind::Subtitle, Some("mov_text")),
        _ => return Err(Reason::TrackKind),
    })
}

impl<'a> VideoEntry<'a> {
    fn read(kind: &[u8; 4], fields: &'a [u8]) -> Result<VideoEntry<'a>, Reason> {
        let (head, rest) = fields.split_at_checked(VIDEO_FIELDS - 8).ok_or(Reason::Malformed)?;
        let nodes = children(rest)?;
        let protection = match kind {
            b"encv" => Some(Protection::read(required(&nodes, b"sinf")?)?),
            _ if only(&nodes, b"sinf")?.is_some() => return Err(Reason::Encrypted),
            _ => None,
        };
        let codec = match protection.as_ref().map_or(kind, |protection| &protection.format) {
            b"avc1" | b"avc3" => Codec::H264,
            b"hvc1" | b"hev1" => Codec::Hevc,
            b"av01" => Codec::Av1,
            b"vp08" => Codec::Vp8,
            b"vp09" => Codec::Vp9,
            b"s263" => Codec::H263,
            b"jpeg" => Codec::Mjpeg,
            b"mp4v" => Codec::Mpeg4,
            b"apco" | b"apcs" | b"apcn" | b"apch" | b"ap4h" | b"ap4x" => Codec::Prores,
            _ => return Err(Reason::Codec),
        };
        let name = head.get(34..66).and_then(|name| name.get(1..)).unwrap_or_default();
        if CORRECTED_NAMES.iter().any(|corrected| name.starts_with(corrected)) {
            return Err(Reason::RareElement);
        }
        let side = |at: usize| u32::from(head[at]) << 8 | u32::from(head[at + 1]);
        let mut entry = VideoEntry {
            codec,
            width: side(16),
            height: side(18),
            config: &[],
            sample_aspect_ratio: None,
            color: ColorCodes::default(),
            field_order: None,
            protection,
            has_hdr10_metadata: false,
            dolby_vision: None,
        };
        allow(
            &nodes,
            &[
                b"sinf", b"avcC", b"hvcC", b"av1C", b"vpcC", b"pasp", b"colr", b"fiel", b"mdcv", b"clli",
                b"SmDm", b"CoLL", b"esds", b"dvcC", b"dvvC", b"clap", b"uuid", b"lhvC", b"vexu", b"hfov",
                b"amve",
            ],
        )?;
        let record = match entry.codec {
            Codec::H264 => b"avcC",
            Codec::Hevc => b"hvcC",
            Codec::Av1 => b"av1C",
            Codec::H263 => b"d263",
            Codec::Mjpeg | Codec::Mpeg4 => b"esds",
            _ => b"vpcC",
        };
        for node in &nodes {
            only(&nodes, &node.kind)?;
            entry.read_box(node, record)?;
        }
        Ok(entry)
    }

    fn read_box(&mut self, node: &Node<'a>, record: &[u8; 4]) -> Result<(), Reason> {
        let mut fields = FieldReader(node.content);
        match &node.kind {
            b"vpcC" if record == b"vpcC" => self.read_vpcc(fields).ok_or(Reason::VideoConfiguration)?,
            b"esds" if self.codec == Codec::Mpeg4 => {
                let stream = descriptors::read(node.content).ok_or(Reason::VideoConfiguration)?;
                match stream.object_type {
                    MPEG4_VIDEO => self.config = stream.config,
                    JPEG if stream.config.is_empty() => self.codec = Codec::Mjpeg,
                    _ => return Err(Reason::Codec),
                }
            }
            b"esds" => return Err(Reason::RareElement),
            kind if kind == record => self.config = node.content,
            b"avcC" | b"hvcC" | b"av1C" | b"vpcC" => return Err(Reason::RareElement),
            b"pasp" => {
                let ratio = fields.word().zip(fields.word()).ok_or(Reason::Malformed)?;
                self.sample_aspect_ratio = pixel_aspect(ratio)?;
            }
            b"colr" => self.read_colr(fields)?,
            b"fiel" => self.field_order = field_order(node.content)?,
            b"mdcv" if node.content.len() >= 24 => self.has_hdr10_metadata = true,
            b"clli" if node.content.len() >= 4 => self.has_hdr10_metadata = true,
            b"SmDm" | b"CoLL" if node.content.len() >= 5 => {
                self.has_hdr10_metadata |= node.content[0] == 0;
            }
            b"mdcv" | b"clli" | b"SmDm" | b"CoLL" => return Err(Reason::Malformed),
            b"dvcC" | b"dvvC" if self.dolby_vision.is_none() => {
                self.dolby_vision = Some(dolby_vision(fields).ok_or(Reason::Malformed)?);
            }
            b"dvcC" | b"dvvC" => return Err(Reason::RareElement),
            // Newer versions of the library read what follows, and refuse a file where it is malformed.
            b"lhvC" => stereo::check_layers(node.content, self.config)?,
            b"vexu" => stereo::check_extension(node.content)?,
            b"hfov" if node.content.len() != 4 => return Err(Reason::Malformed),
            b"amve" if node.content.len() != 8 => return Err(Reason::Malformed),
            b"uuid" => super::uuid::check(node.content)?,
            _ => {}
        }
        Ok(())
    }

    fn read_vpcc(&mut self, mut fields: FieldReader<'_>) -> Option<()> {
        fields.head().filter(|(version, _)| *version == 1)?;
        fields.bytes(2)?;
        let range = if fields.take(1)? & 1 == 1 { RANGE_FULL } else { RANGE_LIMITED };
        let mut code = || fields.take(1).map(|code| code as u8);
        let (primaries, transfer, matrix) = (code()?, code()?, code()?);
        self.color = ColorCodes { range, primaries, transfer, matrix };
        (fields.take(2)? == 0 && are_known(self.color)).then_some(())
    }

    fn read_colr(&mut self, mut fields: FieldReader<'_>) -> Result<(), Reason> {
        let kind = fields.bytes(4).ok_or(Reason::Malformed)?;
        if !matches!(kind, b"nclx" | b"nclc") {
            return Ok(());
        }
        let mut code = || fields.take(2).and_then(|code| u8::try_from(code).ok()).ok_or(Reason::RareElement);
        let (primaries, transfer, matrix) = (code()?, code()?, code()?);
        let mut color = ColorCodes { range: self.color.range, primaries, transfer, matrix };
        if kind == b"nclx" {
            let full = fields.take(1).ok_or(Reason::Malformed)? >> 7 == 1;
            color.range = if full { RANGE_FULL } else { RANGE_LIMITED };
        }
        self.color = color;
        if are_known(color) { Ok(()) } else { Err(Reason::RareElement) }
    }
}

/// Parses the configuration of Dolby Vision (Dolby Vision streams for ISO files, 3.2).
fn dolby_vision(mut fields: FieldReader<'_>) -> Option<DolbyVision> {
    fields.bytes(2)?;
    let profile = (fields.take(2)? >> 9) as u8;
    Some(DolbyVision { profile, compatibility: (fields.take(1)? >> 4) as u8 })
}

/// Returns the ratio in `pasp`; `None` if it is undefined.
fn pixel_aspect((num, den): (u32, u32)) -> Result<Option<Rational>, Reason> {
    if num == 0 || den == 0 {
        return Ok(None);
    }
    // The library approximates larger numbers.
    let is_exact = |ratio: &Rational| ratio.num().max(ratio.den()) <= 32_767;
    Rational::new(num, den).filter(is_exact).map(Some).ok_or(Reason::RareElement)
}

fn field_order(content: &[u8]) -> Result<Option<&'static str>, Reason> {
    match content {
        [1, _, ..] => Ok(Some("progressive")),
        [2, detail, ..] => Ok(match detail {
            1 => Some("tt"),
            6 => Some("bb"),
            9 => Some("tb"),
            14 => Some("bt"),
            _ => None,
        }),
        [_, _, ..] => Ok(None),
        _ => Err(Reason::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_profile_and_compatibility_of_dolby_vision() {
        let found = dolby_vision(FieldReader(&[1, 0, 0x10, 0x15, 0x40]));
        assert_eq!(found, Some(DolbyVision { profile: 8, compatibility: 4 }));
        assert_eq!(dolby_vision(FieldReader(&[1, 0, 0x10, 0x15])), None);
    }
}
