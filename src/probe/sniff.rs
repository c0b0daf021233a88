//! Detects media and images by name and first bytes.

/// Extensions of media; also those of playlists, so that they are reported and not skipped.
pub const MEDIA_EXTENSIONS: &[&str] = &[
    "mp4", "m4v", "mov", "qt", "3gp", "3g2", "mkv", "mk3d", "webm", "avi", "mpg", "mpeg", "mpv", "m1v",
    "m2v", "ts", "m2ts", "mts", "flv", "f4v", "wmv", "asf", "wtv", "gif", "ogv", "ogm", "ogg", "mxf", "gxf",
    "nut", "vob", "m4s", "divx", "rm", "rmvb", "dv", "ivf", "obu", "y4m", "h264", "hevc", "265", "264",
    "vc1", "swf", "webp", "apng", "m4a", "m4b", "mka", "weba", "mp1", "mp2", "mp3", "mpa", "aac", "adts",
    "ac3", "eac3", "dts", "opus", "oga", "spx", "wav", "w64", "wma", "flac", "aif", "aiff", "aifc", "caf",
    "au", "amr", "awb", "ape", "mpc", "dsf", "tta", "tak", "wv", "m3u8", "mpd", "ffconcat",
];

/// Extensions of still images. Folders contain many of them, so they count only for a file that the user
/// named.
const IMAGE_EXTENSIONS: &[&str] =
    &["png", "jpg", "jpeg", "jpe", "jfif", "bmp", "tif", "tiff", "heic", "heif", "avif", "jxl", "jp2"];

/// Returns whether the name or the first bytes (a few hundred suffice) are those of media.
pub fn looks_like_media(name: &str, head: &[u8]) -> bool {
    has_extension(name, MEDIA_EXTENSIONS) || has_media_signature(head)
}

/// Returns whether the name or the first bytes are those of a still image.
pub fn looks_like_an_image(name: &str, head: &[u8]) -> bool {
    let starts: &[&[u8]] = &[b"\x89PNG\r\n\x1a\n", &[0xff, 0xd8, 0xff], b"II*\0", b"MM\0*"];
    has_image_extension(name) || starts.iter().any(|magic| head.starts_with(magic))
}

/// Returns whether a name has the extension of a still image.
pub fn has_image_extension(name: &str) -> bool {
    has_extension(name, IMAGE_EXTENSIONS)
}

fn has_extension(name: &str, list: &[&str]) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| list.contains(&extension.as_str()))
}

fn has_media_signature(head: &[u8]) -> bool {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let iso = [b"ftyp", b"moov", b"mdat", b"wide", b"styp", b"moof"].iter().any(|kind| at(4, *kind));
    let riff = at(0, b"RIFF") && (at(8, b"AVI ") || at(8, b"WAVE") || at(8, b"WEBP"));
    let starts: &[&[u8]] = &[
        &[0x1a, 0x45, 0xdf, 0xa3],
        b"FLV\x01",
        b"DKIF",
        b"GIF8",
        b"OggS",
        b"fLaC",
        b"#!AMR",
        b"MAC ",
        b"MPCK",
        b"wvpk",
        b"caff",
        b"ID3",
        &[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11],
        &[0, 0, 1, 0xba],
        &[0, 0, 1, 0xb3],
        b".RMF",
    ];
    let transport_stream = [0, 188, 376].iter().all(|&offset| at(offset, b"G"));
    iso || riff || transport_stream || starts.iter().any(|magic| head.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::{looks_like_an_image, looks_like_media};

    #[test]
    fn bytes_or_name_identify_media() {
        assert!(looks_like_media("clip", b"\0\0\0\x18ftypmp42"));
        assert!(looks_like_media("empty.MP4", b""));
        assert!(looks_like_media("list.m3u8", b"#EXTM3U"));
        assert!(looks_like_media("voice", b"#!AMR\n"));
        assert!(looks_like_media("song.AIFF", b""));
        assert!(!looks_like_media("notes.txt", b"RIFF is a word"));
        assert!(!looks_like_media("Thumbs.db", b""));
    }

    #[test]
    fn images_are_recognized_and_are_not_media() {
        for (name, head) in
            [("cover.PNG", &b""[..]), ("cover", b"\xff\xd8\xff\xe0"), ("c.txt", b"\x89PNG\r\n\x1a\n")]
        {
            assert!(looks_like_an_image(name, head) && !looks_like_media(name, head), "{name}");
        }
        assert!(!looks_like_an_image("notes.txt", b"PNG"));
    }
}
