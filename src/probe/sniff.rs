//! Detects media and images by name and first bytes.

use std::path::Path;

/// Extensions of media; also those of playlists, so that they are reported and not skipped.
pub const MEDIA_EXTENSIONS: &[&str] = &[
    "mp4", "m4v", "mov", "qt", "3gp", "3g2", "mkv", "mk3d", "webm", "avi", "mpg", "mpeg", "mpv", "m1v",
    "m2v", "ts", "m2ts", "mts", "flv", "f4v", "wmv", "asf", "wtv", "gif", "ogv", "ogm", "ogg", "mxf", "gxf",
    "nut", "vob", "m4s", "divx", "rm", "rmvb", "dv", "ivf", "obu", "y4m", "h264", "hevc", "265", "264",
    "hvc", "h265", "avc", "h266", "266", "vvc", "av1", "mj2", "mjpeg", "mjpg", "vc1", "ra", "mlp", "thd",
    "swf", "webp", "apng", "m4a", "m4b", "mka", "weba", "mp1", "mp2", "mp3", "mpa", "aac", "adts", "ac3",
    "eac3", "dts", "opus", "oga", "spx", "wav", "w64", "wma", "flac", "aif", "aiff", "aifc", "caf", "au",
    "amr", "awb", "ape", "mpc", "dsf", "tta", "tak", "wv", "m3u8", "mpd", "ffconcat",
];

/// Extensions of still images. Folders contain many of them, so they count only for a file that the user
/// named.
const IMAGE_EXTENSIONS: &[&str] =
    &["png", "jpg", "jpeg", "jpe", "jfif", "bmp", "tif", "tiff", "heic", "heif", "avif", "jxl", "jp2"];

/// The signature box of the JPEG 2000 family, after its size (ISO/IEC 15444-1, I.5.1).
const JPEG_2000: &[u8] = b"jP  \r\n\x87\n";

/// Returns whether the name or the first bytes (a few hundred suffice) are those of media.
pub fn looks_like_media(name: &str, head: &[u8]) -> bool {
    has_extension(name, MEDIA_EXTENSIONS) || has_media_signature(head)
}

/// Returns whether the name or the first bytes are those of a still image.
pub fn looks_like_an_image(name: &str, head: &[u8]) -> bool {
    let starts: &[&[u8]] = &[b"\x89PNG\r\n\x1a\n", &[0xff, 0xd8, 0xff], b"II*\0", b"MM\0*"];
    let is_jpeg_2000 = head.get(4..).is_some_and(|rest| rest.starts_with(JPEG_2000));
    let is_motion = head.get(16..).is_some_and(|rest| rest.starts_with(b"ftypmjp2"));
    has_image_extension(name)
        || (is_jpeg_2000 && !is_motion)
        || starts.iter().any(|magic| head.starts_with(magic))
}

/// Returns whether a name has the extension of a still image.
pub fn has_image_extension(name: &str) -> bool {
    has_extension(name, IMAGE_EXTENSIONS)
}

/// Returns whether a file is one that macOS or Windows puts beside media: AppleDouble files (`._clip.mp4`,
/// `__MACOSX/`), which carry the name of a video but only its attributes, and indices of folders.
pub fn is_system_file(path: &Path, head: &[u8]) -> bool {
    /// The first bytes of AppleDouble and AppleSingle files (RFC 1740).
    const APPLE: [&[u8]; 2] = [&[0, 5, 0x16, 7], &[0, 5, 0x16, 0]];
    if has_media_signature(head) {
        return false;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    APPLE.iter().any(|magic| head.starts_with(magic))
        || name.starts_with("._")
        || [".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini"].contains(&name.as_str())
        || path.components().any(|part| part.as_os_str() == "__MACOSX")
}

/// Returns whether the first bytes are those of text, an archive, a document or a program, so that no worker needs
/// to examine the file. An archive may contain a video, which is not at its start.
pub fn is_known_not_to_be_media(head: &[u8]) -> bool {
    let starts: &[&[u8]] = &[
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"%PDF",
        b"Rar!",
        b"7z\xbc\xaf",
        &[0x1f, 0x8b],
        b"BZh",
        b"\xfd7zXZ",
        &[0x28, 0xb5, 0x2f, 0xfd],
        b"\x7fELF",
        b"MZ",
        b"SQLite format 3",
        &[0xd0, 0xcf, 0x11, 0xe0],
        b"8BPS",
        b"wOFF",
        b"wOF2",
    ];
    let is_tar = head.get(257..262) == Some(b"ustar");
    is_tar || is_text(head) || starts.iter().any(|magic| head.starts_with(magic))
}

/// Returns whether bytes are text in UTF-8 (which may be cut at the end) or UTF-16 with a byte order mark.
fn is_text(head: &[u8]) -> bool {
    let utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let is_control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    head.starts_with(&[0xff, 0xfe]) && head.get(3) == Some(&0)
        || head.starts_with(&[0xfe, 0xff, 0])
        || (utf8 && !head.iter().any(is_control))
}

fn has_extension(name: &str, list: &[&str]) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| list.contains(&extension.as_str()))
}

fn has_media_signature(head: &[u8]) -> bool {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let iso = [b"ftyp", b"moov", b"mdat", b"wide", b"styp", b"moof"].iter().any(|kind| at(4, *kind));
    // The signature box of the JPEG 2000 family; `mjp2` is the brand of Motion JPEG 2000.
    let iso = iso || (at(4, JPEG_2000) && at(16, b"ftypmjp2"));
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
        &[b'.', b'r', b'a', 0xfd],
        b"YUV4MPEG2 ",
    ];
    let transport_stream = [0, 188, 376].iter().all(|&offset| at(offset, b"G"));
    iso || riff || transport_stream || starts.iter().any(|magic| head.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::{is_system_file, looks_like_an_image, looks_like_media};
    use std::path::Path;

    #[test]
    fn system_files_are_recognized_but_media_with_such_a_name_are_not() {
        let is_system = |path: &str, head: &[u8]| is_system_file(Path::new(path), head);
        for path in ["._clip.mp4", "__MACOSX/a/clip.mp4", "a/.DS_Store", "Thumbs.db"] {
            assert!(is_system(path, b"\0\x05\x16\x07\0\x02"), "{path}");
        }
        assert!(is_system("attributes.mp4", b"\0\x05\x16\x07\0\x02"));
        assert!(!is_system("._clip.mp4", b"\0\0\0\x18ftypmp42"));
        assert!(!is_system("clip.mp4", b""));
    }

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
