//! Recognizes media by FFmpeg's own probing, for files that neither name nor known signature identifies.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use ffmpeg_next::ffi;

use crate::libav::demuxers::DEMUXERS;
use crate::libav::library::init;

/// First bytes that are examined; raw streams need several frames to be told from other data.
const HEAD_BYTES: usize = 128 * 1024;

/// The lowest score that counts: more than a matching file extension alone (`AVPROBE_SCORE_EXTENSION`), which raw
/// streams reach with several valid frames. Random bytes and archives stay below it.
const MIN_SCORE: i32 = 51;

/// The lowest score of a file that begins with an MPEG start code. Bare MPEG-4 reaches no more.
const MIN_SCORE_AT_START_CODE: i32 = 50;

/// Demuxers that do not count: text, still images, and formats whose probe accepts other data too easily.
const NOT_COUNTED: [&str; 10] =
    ["srt", "webvtt", "ass", "txd", "h261", "h263", "tiertexseq", "vivo", "psxstr", "cine"];

/// Returns whether FFmpeg recognizes the first bytes of a file as an allowed format.
pub(crate) fn is_recognized(file: &File) -> io::Result<bool> {
    init();
    let padding = ffi::AVPROBE_PADDING_SIZE as usize;
    let mut head = vec![0; HEAD_BYTES + padding];
    let mut count = 0;
    while count < HEAD_BYTES {
        match file.read_at(&mut head[count..HEAD_BYTES], count as u64)? {
            0 => break,
            read => count += read,
        }
    }
    let data = ffi::AVProbeData {
        filename: c"".as_ptr(),
        buf: head.as_mut_ptr(),
        buf_size: count as i32,
        mime_type: std::ptr::null(),
    };
    let mut score = 0;
    // SAFETY: the buffer has `buf_size` bytes and `AVPROBE_PADDING_SIZE` zeros after them, and outlives the call;
    // a format that is returned is static, and so is its name.
    let name = unsafe {
        let format = ffi::av_probe_input_format3(&data, 1, &mut score);
        if format.is_null() {
            return Ok(false);
        }
        CStr::from_ptr((*format).name).to_string_lossy()
    };
    let min_score = if head.starts_with(&[0, 0, 1]) { MIN_SCORE_AT_START_CODE } else { MIN_SCORE };
    Ok(score >= min_score && name.split(',').any(counts))
}

fn counts(name: &str) -> bool {
    DEMUXERS.split(',').any(|allowed| allowed == name)
        && !NOT_COUNTED.contains(&name)
        && !name.ends_with("_pipe")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    fn recognized(bytes: &[u8]) -> bool {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        is_recognized(&file).unwrap()
    }

    #[test]
    fn random_bytes_and_zeros_are_not_media() {
        let mut random = fastrand::Rng::with_seed(7);
        for length in [1, 100, 5000, 300_000] {
            for _ in 0..8 {
                let bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
                assert!(!recognized(&bytes), "{length} random bytes");
            }
            assert!(!recognized(&vec![0; length]), "{length} zeros");
        }
        assert!(!recognized(b""));
    }

    #[test]
    fn a_video_is_recognized() {
        assert!(recognized(&std::fs::read("fixtures/npm-vide-ocean.mp4").unwrap()));
    }
}
