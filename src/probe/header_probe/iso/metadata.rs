//! Reads the metadata of a movie: chapters, and the names of tags that reveal private data.

use super::super::reason::Reason;
use super::boxes::{allow, children, only};
use super::language::language;
use crate::model::{Codec, PrivacyTags};
use crate::probe::isobmff::FieldReader;
use crate::probe::tags::add_private;

/// Keys of metadata read.
const MAX_KEYS: u32 = 4096;
/// Samples that the library skips at most.
const MAX_PRIMING: std::ops::Range<u32> = 1..16_384;
/// Types of values that the library does not read as text: everything but text, numbers and none.
const NUMBER_TYPES: std::ops::RangeInclusive<u32> = 21..=23;

/// The metadata of a movie, as far as the library reads it before the same place.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) privacy: PrivacyTags,
    pub(super) chapters: u32,
    /// The codecs of the images of a cover.
    pub(super) covers: Vec<Codec>,
    /// How many samples the library skips at the start of the last track before this list, if that has AAC.
    pub(super) priming: Option<u32>,
    /// The names of values in a list with keys, from 1.
    keys: Vec<String>,
    /// Whether the movie has metadata with keys.
    has_keys: bool,
    /// Names of tags set so far.
    names: Vec<String>,
    /// Whether a tag is set again.
    repeats: bool,
}

impl Metadata {
    /// Reads the content of `udta` of the movie.
    pub(super) fn read_user_data(&mut self, content: &[u8]) -> Result<(), Reason> {
        let nodes = children(content)?;
        allow(&nodes, &[b"meta", b"chpl"])?;
        for node in nodes {
            match &node.kind {
                b"meta" => self.read_meta(node.content)?,
                b"chpl" => self.read_chapters(node.content).ok_or(Reason::Metadata)?,
                b"HMMT" => return Err(Reason::Metadata),
                kind => {
                    if let Some(name) = private_name(kind) {
                        self.read_text(kind, name, node.content)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the content of `udta` of a track, which the library adds to that of the movie: texts, and tags without keys.
    pub(super) fn read_track_data(&mut self, content: &[u8]) -> Result<(), Reason> {
        let nodes = children(content)?;
        allow(&nodes, &[b"meta"])?;
        let covers = self.covers.len();
        let priming = self.priming;
        if let Some(meta) = only(&nodes, b"meta")? {
            let inside = children(meta_boxes(meta)?)?;
            if self.has_keys || only(&inside, b"hdlr")?.and_then(|hdlr| hdlr.get(8..12)) != Some(b"mdir") {
                return Err(Reason::Metadata);
            }
        }
        self.read_user_data(content)?;
        // The library adds the stream of a cover behind the track that it is still reading.
        let adds = self.covers.len() > covers || self.priming != priming;
        if adds { Err(Reason::Metadata) } else { Ok(()) }
    }

    /// Reads the content of `meta`, which has a header of four bytes except in QuickTime.
    pub(super) fn read_meta(&mut self, content: &[u8]) -> Result<(), Reason> {
        let nodes = children(meta_boxes(content)?)?;
        allow(&nodes, &[b"hdlr", b"ilst", b"uuid"])?;
        let handler = only(&nodes, b"hdlr")?.and_then(|hdlr| hdlr.get(8..12));
        self.has_keys |= handler == Some(b"mdta");
        for node in &nodes {
            match &node.kind {
                b"keys" if self.has_keys && self.keys.is_empty() => {
                    self.keys = keys(node.content).ok_or(Reason::Metadata)?;
                }
                b"ilst" => self.read_list(node.content)?,
                b"uuid" => super::uuid::check(node.content)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads the metadata of a track, whose keys the library does not know before those of the movie.
    pub(super) fn read_track_meta(&mut self, content: &[u8]) -> Result<(), Reason> {
        let nodes = children(meta_boxes(content)?)?;
        allow(&nodes, &[b"hdlr", b"ilst"])?;
        match only(&nodes, b"hdlr")?.and_then(|hdlr| hdlr.get(8..12)) {
            Some(b"mdta") if !self.has_keys => Ok(()),
            _ => Err(Reason::Metadata),
        }
    }

    fn read_list(&mut self, content: &[u8]) -> Result<(), Reason> {
        let nodes = children(content)?;
        allow(&nodes, &[b"----"])?;
        for node in nodes {
            let number = u32::from_be_bytes(node.kind) as usize;
            let named = number.checked_sub(1).and_then(|at| self.keys.get(at)).filter(|_| self.has_keys);
            match (&node.kind, private_name(&node.kind), named.cloned()) {
                (b"----", ..) => self.read_named(node.content)?,
                (b"covr", ..) => self.covers.extend(covers(node.content)?),
                (_, Some(name), _) => self.read_values(name, node.content)?,
                (_, None, Some(name)) if name == "com.apple.quicktime.artwork" => {
                    return Err(Reason::Metadata);
                }
                (_, None, Some(name)) => self.read_values(&name, node.content)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads an entry of a list that contains its own name.
    fn read_named(&mut self, content: &[u8]) -> Result<(), Reason> {
        let nodes = children(content)?;
        let [mean, name, data] = nodes[..] else { return Err(Reason::Metadata) };
        let is_usual = [mean.kind, name.kind, data.kind] == [*b"mean", *b"name", *b"data"];
        let name = name.content.get(4..).and_then(|name| std::str::from_utf8(name).ok());
        let name = name.filter(|_| is_usual && mean.content.len() > 4 && data.content.len() > 8);
        let name = name.ok_or(Reason::Metadata)?;
        // The library leaves out a tag of Nero.
        if name == "cdec" {
            return Ok(());
        }
        // A cover is the last track then.
        if name == "iTunSMPB" && self.covers.is_empty() {
            let samples = priming(&data.content[8..]).ok_or(Reason::Metadata)?;
            self.priming = Some(samples).filter(|samples| MAX_PRIMING.contains(samples)).or(self.priming);
        }
        self.add(name)
    }

    /// Reads an entry of a list: a single value in a box `data`.
    fn read_values(&mut self, name: &str, content: &[u8]) -> Result<(), Reason> {
        let mut fields = FieldReader(content);
        let size = fields.word().ok_or(Reason::Metadata)? as usize;
        let tag = fields.bytes(4);
        if tag != Some(b"data") || size != content.len() || size < 16 {
            return Err(Reason::Metadata);
        }
        let kind = fields.word().ok_or(Reason::Metadata)?;
        let is_text = kind <= 1 || kind == 4 || NUMBER_TYPES.contains(&kind);
        if is_text { self.add(name) } else { Err(Reason::Metadata) }
    }

    /// Reads a text of `udta`, which has a length and a language.
    fn read_text(&mut self, kind: &[u8; 4], name: &str, content: &[u8]) -> Result<(), Reason> {
        if kind == b"loci" {
            return self.read_place(content);
        }
        let mut fields = FieldReader(content);
        let length = fields.take(2).ok_or(Reason::Metadata)? as usize;
        let code = fields.take(2).ok_or(Reason::Metadata)? as u16;
        // Otherwise the library reads the text in another way.
        if content.len() <= 4 || length > content.len() - 4 {
            return Err(Reason::Metadata);
        }
        self.add(name)?;
        match language(code)? {
            Some(language) => self.add(&format!("{name}-{language}")),
            None => Ok(()),
        }
    }

    /// Reads a place with its coordinates (3GPP TS 26.244, 8.8).
    fn read_place(&mut self, content: &[u8]) -> Result<(), Reason> {
        let code = content.get(4..6).ok_or(Reason::Metadata)?;
        let language = language(u16::from_be_bytes([code[0], code[1]]))?;
        let name = content.get(6..).and_then(|rest| rest.iter().position(|byte| *byte == 0));
        let after = name.ok_or(Reason::Metadata)? + 6 + 1;
        if content.len() < after + 1 + 12 {
            return Err(Reason::Metadata);
        }
        if let Some(language) = language {
            self.add(&format!("location-{language}"))?;
        }
        self.add("location")
    }

    /// Adds the name of a tag.
    fn add(&mut self, name: &str) -> Result<(), Reason> {
        match self.names.iter().find(|known| known.eq_ignore_ascii_case(name)) {
            // The only one stays the first.
            Some(known) if known == name => self.repeats |= self.names.len() > 1,
            Some(_) => return Err(Reason::Metadata),
            None => {
                self.names.push(name.to_owned());
                add_private(name.to_owned(), &mut self.privacy);
            }
        }
        Ok(())
    }

    /// Checks that the order of the names is certain: the library sorts tags that repeat in a way of its own.
    pub(super) fn check_order(&self) -> Result<(), Reason> {
        let most = self.privacy.location.len().max(self.privacy.device.len());
        if self.repeats && most > 1 { Err(Reason::Metadata) } else { Ok(()) }
    }

    /// Reads a list of chapters.
    fn read_chapters(&mut self, content: &[u8]) -> Option<()> {
        let mut fields = FieldReader(content);
        let (version, _) = fields.head()?;
        if version != 0 {
            fields.word()?;
        }
        let mut starts = Vec::new();
        for _ in 0..fields.take(1)? {
            starts.push(fields.take(8)?);
            let length = fields.take(1)? as usize;
            fields.bytes(length)?;
        }
        // The library merges chapters with the same number, so two lists are not two numbers.
        let is_first = self.chapters == 0;
        self.chapters = starts.len() as u32;
        is_first.then_some(())
    }
}

/// Returns the samples to skip that iTunes states: the second of the hexadecimal numbers in a text.
fn priming(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text.split(|byte| *byte == 0).next()?).ok()?;
    let mut numbers = text.split_ascii_whitespace().take(4);
    let mut number = || {
        let digits = numbers.next().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    number()?;
    let priming = number()?;
    (number().is_some() && number().is_some()).then_some(priming)
}

/// Returns the codecs of the images of a cover.
fn covers(mut content: &[u8]) -> Result<Vec<Codec>, Reason> {
    let mut covers = Vec::new();
    while !content.is_empty() {
        let mut fields = FieldReader(content);
        let size = fields.word().ok_or(Reason::Metadata)? as usize;
        let (data, rest) = content.split_at_checked(size).ok_or(Reason::Metadata)?;
        covers.push(cover(data).ok_or(Reason::Metadata)?);
        content = rest;
    }
    if covers.is_empty() { Err(Reason::Metadata) } else { Ok(covers) }
}

/// Returns the codec of an image of a cover.
fn cover(data: &[u8]) -> Option<Codec> {
    let mut fields = FieldReader(data.get(4..)?);
    let is_data = fields.bytes(4)? == b"data";
    fields.word().filter(|kind| is_data && matches!(kind, 13 | 14))?;
    fields.word()?;
    // The library believes the image more than the type that is declared of it.
    match fields.0 {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Codec::Png),
        image if image.len() >= 8 => Some(Codec::Mjpeg),
        _ => None,
    }
}

/// Returns the boxes in the content of `meta`.
fn meta_boxes(content: &[u8]) -> Result<&[u8], Reason> {
    if content.get(4..8) == Some(b"hdlr") {
        return Ok(content);
    }
    let boxes = content.get(4..).ok_or(Reason::Metadata)?;
    if boxes.get(4..8) == Some(b"hdlr") { Ok(boxes) } else { Err(Reason::Metadata) }
}

/// Parses the names in `keys`.
fn keys(content: &[u8]) -> Option<Vec<String>> {
    let mut fields = FieldReader(content);
    fields.head()?;
    let count = fields.word().filter(|count| *count <= MAX_KEYS)?;
    let mut names = Vec::new();
    for _ in 0..count {
        let size = (fields.word()? as usize).checked_sub(8)?;
        if fields.bytes(4)? != b"mdta" {
            return None;
        }
        let name = std::str::from_utf8(fields.bytes(size)?).ok()?;
        names.push(Some(name).filter(|name| !name.contains('\0'))?.to_owned());
    }
    Some(names)
}

/// Returns the library's name of a tag that may be private; `None` for all others.
fn private_name(kind: &[u8; 4]) -> Option<&'static str> {
    Some(match kind {
        b"aART" => "album_artist",
        b"loci" => "location",
        b"manu" => "make",
        b"modl" => "model",
        b"soaa" => "sort_album_artist",
        b"soar" => "sort_artist",
        b"\xa9ART" | b"\xa9aut" => "artist",
        b"\xa9mak" => "make",
        b"\xa9mod" => "model",
        b"\xa9ope" => "original_artist",
        b"\xa9xyz" => "location",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    }

    /// Returns user data with a list of one entry.
    fn user_data(handler: &[u8; 4], entry: &[u8; 4], value_kind: u32, value: &[u8]) -> Vec<u8> {
        let data = boxed(b"data", &[&value_kind.to_be_bytes()[..], &[0; 4], value].concat());
        let hdlr = boxed(b"hdlr", &[&[0; 8][..], handler, &[0; 13]].concat());
        let ilst = boxed(b"ilst", &boxed(entry, &data));
        boxed(b"meta", &[&[0; 4][..], &hdlr, &ilst].concat())
    }

    #[test]
    fn the_tags_of_a_track_are_those_of_the_movie() {
        let mut metadata = Metadata::default();
        metadata.read_track_data(&user_data(b"mdir", b"\xa9mak", 1, b"Maker")).unwrap();
        assert_eq!(metadata.names, ["make"]);
        let refused = |handler, entry, kind| {
            let value = b"\x89PNG\r\n\x1a\n";
            Metadata::default().read_track_data(&user_data(handler, entry, kind, value)).is_err()
        };
        assert!(refused(b"mdta", b"\xa9mak", 1), "keys, which the library does not know yet");
        assert!(refused(b"mdir", b"covr", 14), "a cover");
        let mean = boxed(b"mean", &[&[0; 4][..], b"com.apple.iTunes"].concat());
        let name = boxed(b"name", &[&[0; 4][..], b"iTunSMPB"].concat());
        let data =
            boxed(b"data", &[&1_u32.to_be_bytes()[..], &[0; 4], b" 00000000 00000840 000001c2 0"].concat());
        metadata.read_named(&[mean, name, data].concat()).unwrap();
        assert_eq!(metadata.priming, Some(0x840));
        metadata.has_keys = true;
        assert!(metadata.read_track_data(&user_data(b"mdir", b"\xa9mod", 1, b"Model")).is_err());
    }
}
