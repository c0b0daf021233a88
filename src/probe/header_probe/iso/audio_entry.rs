//! Reads the sample entry of audio.

use std::borrow::Cow;

use super::super::reason::Reason;
use super::boxes::{Node, allow, children, only, required};
use super::encryption::Protection;
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
/// Flags of linear PCM.
const FLOAT: u32 = 1;
const BIG_ENDIAN: u32 = 2;
const SIGNED: u32 = 4;
/// The spatial audio of phones, whose codec no supported version of the library knows.
const SPATIAL_AUDIO: &[u8; 4] = b"apac";
/// The highest sample rate of PCM, in Hz.
const MAX_RATE: f64 = 384_000.0;

/// An audio sample entry.
#[derive(Clone, Debug)]
pub(super) struct AudioEntry<'a> {
    /// The codec; `None` for one that the library does not know.
    pub(super) codec: Option<Codec>,
    pub(super) channels: u32,
    pub(super) sample_rate: u32,
    pub(super) config: Cow<'a, [u8]>,
    /// The declared bit rate; zero if it is unknown.
    pub(super) bit_rate: u32,
    /// Bytes of a sample of all channels, for PCM.
    pub(super) frame_bytes: u32,
    /// The layout of PCM.
    pub(super) channel_layout: Option<&'static str>,
    /// How the samples are encrypted.
    pub(super) protection: Option<Protection>,
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
    /// Returns an entry of which the boxes are not read yet.
    fn bare(channels: u32, sample_rate: u32) -> AudioEntry<'a> {
        AudioEntry {
            codec: None,
            channels,
            sample_rate,
            config: Cow::Borrowed(&[]),
            bit_rate: 0,
            frame_bytes: 0,
            channel_layout: None,
            protection: None,
        }
    }

    /// Reads the fields of an entry of this kind.
    pub(super) fn read(
        kind: &[u8; 4],
        fields: &'a [u8],
        stsd_version: u8,
        isom: bool,
    ) -> Result<AudioEntry<'a>, Reason> {
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
        let mut frame_samples = 0;
        // Whether an ISO file has the fields of later versions depends on its brands.
        match (version, isom, stsd_version) {
            (0, ..) => {}
            (1, false, 0) => {
                frame_samples = fields.word().ok_or(Reason::Malformed)?;
                fields.bytes(12).ok_or(Reason::Malformed)?;
            }
            (2, false, _) if kind == b"lpcm" => return AudioEntry::read_linear(fields),
            _ => return Err(Reason::AudioConfiguration),
        }
        let mut entry = AudioEntry::bare(channels, sample_rate);
        if kind == b"enca" {
            entry.read_protected(fields.0)?;
        } else {
            entry.read_codec(kind, fields.0, bits)?;
        }
        // The library divides PCM in other frames differently.
        if entry.frame_bytes > 0 && frame_samples > 1 { Err(Reason::AudioConfiguration) } else { Ok(entry) }
    }

    /// Reads the fields of version 2 for PCM (QuickTime File Format, sound sample description).
    fn read_linear(mut fields: FieldReader<'a>) -> Result<AudioEntry<'a>, Reason> {
        let mut parse = || {
            fields.word()?;
            let sample_rate = f64::from_bits(fields.take(8)?);
            let channels = fields.word()?;
            fields.word()?;
            let (bits, flags) = (fields.word()?, fields.word()?);
            let (frame_bytes, frame_samples) = (fields.word()?, fields.word()?);
            let form = if flags & FLOAT != 0 { Form::Float } else { Form::Signed };
            let is_known = form == Form::Float || flags & SIGNED != 0;
            let pcm = pcm(form, bits, flags & BIG_ENDIAN == 0).filter(|_| is_known)?;
            let is_whole = (1.0..=MAX_RATE).contains(&sample_rate) && sample_rate.fract() == 0.0;
            let is_packed =
                frame_samples == 1 && bits.checked_mul(channels)? == frame_bytes.checked_mul(8)?;
            (is_whole && is_packed).then_some((pcm, sample_rate as u32, channels))
        };
        let (pcm, sample_rate, channels) = parse().ok_or(Reason::AudioConfiguration)?;
        let mut entry = AudioEntry::bare(channels, sample_rate);
        let boxes = entry.plain_boxes(fields.0, &[])?;
        entry.set_pcm(pcm, &boxes)?;
        Ok(entry)
    }

    /// Reads the boxes behind the fields of an entry with encrypted samples.
    fn read_protected(&mut self, content: &'a [u8]) -> Result<(), Reason> {
        let mut nodes = children(content)?;
        let protection = Protection::read(required(&nodes, b"sinf")?)?;
        if &protection.format != b"mp4a" {
            return Err(Reason::Encrypted);
        }
        self.protection = Some(protection);
        nodes.retain(|node| &node.kind != b"sinf");
        self.read_stream_descriptor(&nodes)
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
                self.codec = Some(Codec::Ac3);
            }
            b"ec-3" => {
                self.plain_boxes(content, &[b"dec3"])?;
                self.codec = Some(Codec::Eac3);
            }
            b".mp3" => {
                self.plain_boxes(content, &[])?;
                self.codec = Some(Codec::Mp3);
            }
            b"fLaC" => {
                let info = only(&self.plain_boxes(content, &[b"dfLa"])?, b"dfLa")?;
                // Version, flags and the head of the only block.
                let info =
                    info.and_then(|info| info.strip_prefix(&[0, 0, 0, 0, 0x80, 0, 0, INFO_BYTES as u8]));
                self.config = Cow::Borrowed(info.ok_or(Reason::AudioConfiguration)?);
                self.codec = Some(Codec::Flac);
            }
            b"alac" => {
                let config = only(&self.plain_boxes(content, &[b"alac"])?, b"alac")?;
                let config = config.and_then(|config| config.strip_prefix(&[0; 4]));
                self.config = Cow::Borrowed(config.ok_or(Reason::AudioConfiguration)?);
                self.codec = Some(Codec::Alac);
            }
            b"samr" | b"sawb" => {
                allow(&children(content)?, &[])?;
                self.codec = Some(if kind == b"samr" { Codec::AmrNb } else { Codec::AmrWb });
                // The library sets this whatever is declared.
                self.channels = 1;
            }
            b"sowt" | b"twos" | b"raw " | b"in24" | b"in32" | b"fl32" | b"fl64" => {
                let boxes = self.plain_boxes(content, &[b"enda"])?;
                let enda = only(&boxes, b"enda")?;
                let says_little = enda.is_some_and(|enda| enda.get(1) == Some(&1));
                if enda.is_some_and(|enda| enda.len() != 2) {
                    return Err(Reason::Malformed);
                }
                let little = says_little || kind == b"sowt";
                let form = match kind {
                    b"sowt" | b"twos" if matches!(bits, 16 | 24) => pcm(Form::Signed, bits, little),
                    b"in24" => pcm(Form::Signed, 24, little),
                    b"in32" => pcm(Form::Signed, 32, little),
                    b"fl32" => pcm(Form::Float, 32, little),
                    b"fl64" => pcm(Form::Float, 64, little),
                    b"raw " if bits == 8 => Some(("pcm_u8", 1)),
                    _ => None,
                };
                self.set_pcm(form.ok_or(Reason::AudioConfiguration)?, &boxes)?;
            }
            SPATIAL_AUDIO => self.check_unknown(content)?,
            _ => return Err(Reason::Codec),
        }
        Ok(())
    }

    /// Checks that the library reads nothing more of an entry whose codec it does not know: a layout would be one of the
    /// facts.
    fn check_unknown(&self, content: &'a [u8]) -> Result<(), Reason> {
        let has_layout = only(&self.plain_boxes(content, &[])?, b"chan")?.is_some();
        let is_plain = !has_layout && (1..=2).contains(&self.channels);
        is_plain.then_some(()).ok_or(Reason::AudioConfiguration)
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
        let stream = super::descriptors::read(esds).ok_or(Reason::AudioConfiguration)?;
        self.bit_rate = stream.bit_rate;
        self.codec = Some(match stream.object_type {
            0x40 | 0x66 | 0x67 | 0x68 => Codec::Aac,
            0x69 | 0x6b => Codec::Mp3,
            0xdd => Codec::Vorbis,
            _ => return Err(Reason::AudioConfiguration),
        });
        self.config = Cow::Borrowed(stream.config);
        Ok(())
    }

    /// Reads the parameters of Opus (Opus in ISO base media files, 4.3.2), as the identification header has them.
    fn read_opus(&mut self, nodes: &[Node<'a>]) -> Result<(), Reason> {
        allow(nodes, &[b"dOps"])?;
        let parameters = only(nodes, b"dOps")?.filter(|parameters| parameters.len() >= 11);
        let parameters = parameters.ok_or(Reason::AudioConfiguration)?;
        self.codec = Some(Codec::Opus);
        // Version, and numbers of which only their order of bytes differs.
        self.config = Cow::Owned([&b"OpusHead\x01"[..], &parameters[1..]].concat());
        if parameters[0] == 0 { Ok(()) } else { Err(Reason::AudioConfiguration) }
    }

    /// Sets the codec of PCM and its layout, which may be in one of these boxes.
    fn set_pcm(&mut self, (name, bytes): Pcm, boxes: &[Node<'a>]) -> Result<(), Reason> {
        if !(1..=8).contains(&self.channels) {
            return Err(Reason::AudioConfiguration);
        }
        self.codec = Some(Codec::from(name));
        self.frame_bytes = bytes * self.channels;
        self.channel_layout = only(boxes, b"chan")?.map(|chan| layout(chan, self.channels)).transpose()?;
        Ok(())
    }
}

/// The name of PCM in FFmpeg, and the bytes of a sample of one channel.
type Pcm = (&'static str, u32);

/// The form of the samples of PCM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Signed,
    Float,
}

/// Returns the name of PCM with samples of this number of bits, and their bytes.
fn pcm(form: Form, bits: u32, little: bool) -> Option<Pcm> {
    Some(match (form, bits, little) {
        (Form::Signed, 16, true) => ("pcm_s16le", 2),
        (Form::Signed, 16, false) => ("pcm_s16be", 2),
        (Form::Signed, 24, true) => ("pcm_s24le", 3),
        (Form::Signed, 24, false) => ("pcm_s24be", 3),
        (Form::Signed, 32, true) => ("pcm_s32le", 4),
        (Form::Signed, 32, false) => ("pcm_s32be", 4),
        (Form::Float, 32, true) => ("pcm_f32le", 4),
        (Form::Float, 32, false) => ("pcm_f32be", 4),
        (Form::Float, 64, true) => ("pcm_f64le", 8),
        (Form::Float, 64, false) => ("pcm_f64be", 8),
        _ => return None,
    })
}
