//! Reads which files are attached (RFC 9559, 5.1.6), each of which is a stream to the library.

use super::super::reason::Reason;
use super::master::Master;
use crate::model::{OtherKind, OtherStream};

const FILE: u32 = 0x61a7;
const NAME: u32 = 0x466e;
const MEDIA_TYPE: u32 = 0x4660;
const DATA: u32 = 0x465c;
const UID: u32 = 0x46ae;
const DESCRIPTION: u32 = 0x467e;
/// The types of which every version of the library knows the codec.
const CODECS: [(&str, &str); 4] = [
    ("application/x-truetype-font", "ttf"),
    ("application/x-font", "ttf"),
    ("application/vnd.ms-opentype", "otf"),
    ("binary", "bin_data"),
];

/// Returns the streams of the files in the content of `Attachments`, from this index on. Images need a decoder.
pub(super) fn read(content: &[u8], first: u32) -> Result<Vec<OtherStream>, Reason> {
    let files = Master::read(content)?;
    let read = |(file, index): (&[u8], u32)| {
        let file = Master::read(file)?;
        let (name, media_type) = (file.text(NAME)?, file.text(MEDIA_TYPE)?);
        file.text(DESCRIPTION)?;
        file.number(UID, 0)?;
        let is_complete = name.is_some() && file.only(DATA)?.is_some_and(|data| !data.is_empty());
        let media_type = media_type.filter(|_| is_complete).ok_or(Reason::RareElement)?;
        let known = CODECS.iter().find(|(known, _)| media_type.starts_with(known));
        let codec = known.map(|(_, codec)| (*codec).to_owned()).ok_or(Reason::RareElement)?;
        let kind = OtherKind::Attachment;
        Ok(OtherStream { index, kind, codec: Some(codec), language: None, duration_s: None })
    };
    files.all(FILE).zip(first..).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fonts_are_streams_and_images_are_not_settled() {
        let file = |kind: &[u8]| {
            let parts =
                [&[0x46, 0x6e, 0x81, b'a', 0x46, 0x5c, 0x81, 7, 0x46, 0x60, 0x80 | kind.len() as u8], kind];
            let parts = parts.concat();
            [&[0x61, 0xa7, 0x80 | parts.len() as u8][..], &parts].concat()
        };
        let font = file(b"application/x-truetype-font");
        let streams = read(&[font.clone(), font].concat(), 2).unwrap_or_default();
        let found: Vec<_> = streams.iter().map(|stream| (stream.index, stream.codec.as_deref())).collect();
        assert_eq!(found, [(2, Some("ttf")), (3, Some("ttf"))]);
        assert!(read(&file(b"image/png"), 2).is_err());
        assert!(read(&file(b""), 2).is_err());
    }
}
