//! Reads the sample entry of audio.

use std::borrow::Cow;

use super::super::reason::Reason;
use super::boxes::{Node, allow, children, only};
use crate::model::Codec;
use crate::probe::bitstream::flac::INFO_BYTES;
use crate::probe::isobmff::FieldReader;

/// Bytes of `chan` before the descriptions of its channels.
const CHAN_FIELDS: usize = 4 + 12;
/// Layouts in `chan`, and bits of its bitmap.
const MONO: u32 = 100 << 16 | 1;
const STEREO: u32 = 101 << 16 | 2;
const BITMAP: u32 = 1 << 16;
const LEFT_RIGHT: u32 = 3;
const CENTER: u32 = 4;

/// An audio sample entry.
#[derive(Clone, Debug)]
pub(super) struct AudioEntry<'a> {
    pub(super) codec: Codec,
    pub(super) channels: u32,
    pub(super) sample_rate: u32,
    pub(super) config: Cow<'a, [u8]>,
    /// Bytes of a sample of all channels, for PCM.
    pub(super) frame_bytes: u32,
    /// The layout of PCM.
    pub(super) channel_layout: Option<&'static str>,
}

/// Returns the layout that `chan` states for one or two channels.
fn layout(chan: &[u8], channels: u32) -> Result<&'static str, Reason> {
    let mut fields = FieldReader(chan);
    fields.head();
    match (fields.word(), fields.word(), fields.word(), channels) {
        (Some(MONO), _, Some(0), 1) | (Some(BITMAP), Some(CENTER), Some(0), 1) => Ok("mono"),
        (Some(STEREO), _, Some(0), 2) | (Some(BITMAP), Some(LEFT_RIGHT), Some(0), 2) => Ok("stereo"),
        _ => Err(Reason::AudioConfiguration),
    }
}

impl<'a> AudioEntry<'a> {
    /// Reads the fields of an entry of this kind.
    pub(super) fn read(
        kind: &[u8; 4],
        fields: &'a [u8],
        stsd_version: u8,
        isom: bool,
    ) -> Result<AudioEntry<'a>, Reason> {
        if kind == b"enca" {
            return Err(Reason::Encrypted);
        }
        let mut fields = FieldReader(fields);
        let parse = |fields: &mut FieldReader<'a>| {
            let version = fields.take(2)?;
            fields.bytes(2 + 4)?;
            let channels = fields.take(2)? as u32;
            let bits = fields.take(2)? as u32;
            fields.bytes(2 + 2)?;
            let sample_rate = fields.word()? >> 16;
            Some((version, channels, bits, sample_rate))
        };
        let (version, channels, bits, sample_rate) = parse(&mut fields).ok_or(Reason::Malformed)?;
        // Whether an ISO file has the fields of later versions depends on its brands.
        match (version, isom, stsd_version) {
            (0, ..) => {}
            (1, false, 0) => _ = fields.bytes(16).ok_or(Reason::Malformed)?,
            _ => return Err(Reason::AudioConfiguration),
        }
        let mut entry = AudioEntry {
            codec: Codec::Aac,
            channels,
            sample_rate,
            config: Cow::Borrowed(&[]),
            frame_bytes: 0,
            channel_layout: None,
        };
        entry.read_codec(kind, fields.0, bits)?;
        Ok(entry)
    }

    /// Reads the boxes behind the fields of an entry of this kind, whose samples have this number of bits.
    fn read_codec(&mut self, kind: &[u8; 4], content: &'a [u8], bits: u32) -> Result<(), Reason> {
        match kind {
            b"mp4a" => {
                let nodes = children(content)?;
                self.read_stream_descriptor(&nodes)?;
            }
            b"Opus" => self.read_opus(&children(content)?)?,
            b"ac-3" => {
                self.plain_boxes(content, &[b"dac3"])?;
                self.codec = Codec::Ac3;
            }
            b"ec-3" => {
                self.plain_boxes(content, &[b"dec3"])?;
                self.codec = Codec::Eac3;
            }
            b".mp3" => {
                self.plain_boxes(content, &[])?;
                self.codec = Codec::Mp3;
            }
            b"fLaC" => {
                let info = only(&self.plain_boxes(content, &[b"dfLa"])?, b"dfLa")?;
                // Version, flags and the head of the only block.
                let info =
                    info.and_then(|info| info.strip_prefix(&[0, 0, 0, 0, 0x80, 0, 0, INFO_BYTES as u8]));
                self.config = Cow::Borrowed(info.ok_or(Reason::AudioConfiguration)?);
                self.codec = Codec::Flac;
            }
            b"alac" => {
                let config = only(&self.plain_boxes(content, &[b"alac"])?, b"alac")?;
                let config = config.and_then(|config| config.strip_prefix(&[0; 4]));
                self.config = Cow::Borrowed(config.ok_or(Reason::AudioConfiguration)?);
                self.codec = Codec::Alac;
            }
            b"samr" | b"sawb" => {
                allow(&children(content)?, &[])?;
                self.codec = if kind == b"samr" { Codec::AmrNb } else { Codec::AmrWb };
                // The library sets this whatever is declared.
                self.channels = 1;
            }
            b"sowt" | b"twos" | b"raw " => {
                let boxes = self.plain_boxes(content, &[])?;
                self.set_pcm(bits, kind)?;
                let channels = self.channels;
                self.channel_layout =
                    only(&boxes, b"chan")?.map(|chan| layout(chan, channels)).transpose()?;
            }
            _ => return Err(Reason::Codec),
        }
        Ok(())
    }

    /// Returns the boxes of an entry, which QuickTime has inside `wave`. Besides these kinds, they may be a layout of
    /// channels and a bit rate.
    fn plain_boxes(&self, content: &'a [u8], kinds: &[&[u8; 4]]) -> Result<Vec<Node<'a>>, Reason> {
        let mut nodes = children(content)?;
        allow(&nodes, &[kinds, &[b"wave", b"chan", b"btrt"]].concat())?;
        if let Some(wave) = only(&nodes, b"wave")? {
            let inside = children(wave)?;
            allow(&inside, &[kinds, &[b"frma"]].concat())?;
            nodes.extend(inside);
        }
        if only(&nodes, b"chan")?.is_some_and(|chan| chan.len() < CHAN_FIELDS) {
            return Err(Reason::Malformed);
        }
        Ok(nodes)
    }

    /// Reads the descriptor of a stream, which QuickTime has inside `wave`.
    fn read_stream_descriptor(&mut self, nodes: &[Node<'a>]) -> Result<(), Reason> {
        allow(nodes, &[b"esds", b"wave", b"chan", b"btrt"])?;
        let inside;
        let esds = match (only(nodes, b"esds")?, only(nodes, b"wave")?) {
            (Some(esds), None) => esds,
            (None, Some(wave)) => {
                inside = children(wave)?;
                allow(&inside, &[b"frma", b"esds"])?;
                only(&inside, b"esds")?.ok_or(Reason::AudioConfiguration)?
            }
            _ => return Err(Reason::AudioConfiguration),
        };
        let (object_type, config) =
            super::descriptors::configuration(esds).ok_or(Reason::AudioConfiguration)?;
        self.codec = match object_type {
            0x40 | 0x66 | 0x67 | 0x68 => Codec::Aac,
            0x69 | 0x6b => Codec::Mp3,
            0xdd => Codec::Vorbis,
            _ => return Err(Reason::AudioConfiguration),
        };
        self.config = Cow::Borrowed(config);
        Ok(())
    }

    /// Reads the parameters of Opus (Opus in ISO base media files, 4.3.2), as the identification header has them.
    fn read_opus(&mut self, nodes: &[Node<'a>]) -> Result<(), Reason> {
        allow(nodes, &[b"dOps"])?;
        let parameters = only(nodes, b"dOps")?.filter(|parameters| parameters.len() >= 11);
        let parameters = parameters.ok_or(Reason::AudioConfiguration)?;
        self.codec = Codec::Opus;
        // Version, and numbers of which only their order of bytes differs.
        self.config = Cow::Owned([&b"OpusHead\x01"[..], &parameters[1..]].concat());
        if parameters[0] == 0 { Ok(()) } else { Err(Reason::AudioConfiguration) }
    }

    /// Sets the layout of PCM with samples of this number of bits.
    fn set_pcm(&mut self, bits: u32, kind: &[u8; 4]) -> Result<(), Reason> {
        let name = match (bits, kind) {
            (16, b"sowt") => "pcm_s16le",
            (16, b"twos") => "pcm_s16be",
            (24, b"sowt") => "pcm_s24le",
            (24, b"twos") => "pcm_s24be",
            (8, b"raw ") => "pcm_u8",
            _ => return Err(Reason::AudioConfiguration),
        };
        self.codec = Codec::from(name);
        self.frame_bytes = bits / 8 * self.channels;
        if (1..=8).contains(&self.channels) { Ok(()) } else { Err(Reason::AudioConfiguration) }
    }
}
