//! Opens media from a descriptor, and no other file.
//!
//! References to other files (playlists, QuickTime tracks, image sequences) are not followed: only demuxers
//! of single files are allowed, and `io_open` refuses every further file.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ffmpeg_next::ffi;
use ffmpeg_next::format::context::{Input, StreamIo};

use super::demuxers::DEMUXERS;
use super::library::init;
use super::packet_reader::PacketReader;
use super::positioned_file::{PositionedFile, ReaderState};
use crate::job::JobError;
use crate::probe::headers::INVALID_DATA;
use crate::probe::{file_size, isobmff, sniff};

/// Bytes read at a time. Larger than FFmpeg's 32 KiB, so that most headers need one read.
const BUFFER_BYTES: usize = 64 * 1024;

/// Most streams in a file; more are an attack or an error. FFmpeg's own limit is 1000.
const MAX_STREAMS: u32 = 128;

/// Largest frame that is decoded, in pixels; also applies to users of [`MediaInput`]. Three times 8K; at
/// 16000x16000 the stream analysis alone takes 665 MB.
pub(crate) const MAX_PIXELS: i64 = 100_000_000;

/// An opened demuxer. Dropping it closes the file.
pub(crate) struct MediaInput {
    input: Input,
    state: Arc<ReaderState>,
    size_bytes: u64,
    packets: PacketReader,
}

impl MediaInput {
    /// Returns the demuxer, for safe calls.
    #[allow(dead_code)]
    pub(crate) fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    /// Returns the demuxer, for the C interface. Valid as long as `self`.
    pub(crate) fn as_ptr(&mut self) -> *mut ffi::AVFormatContext {
        // SAFETY: only returns the pointer; callers justify its use.
        unsafe { self.input.as_mut_ptr() }
    }

    /// Reads the next packet, on one clock where the container's own starts over. Returns libav's code.
    ///
    /// # Safety
    /// `packet` is an empty packet that is not used elsewhere.
    pub(crate) unsafe fn read_packet(&mut self, packet: *mut ffi::AVPacket) -> c_int {
        let context = self.as_ptr();
        // SAFETY: the context is open; the packet by the contract.
        unsafe { self.packets.read(context, packet) }
    }

    /// Returns whether the last packet read is the first of its stream after a jump of the clock.
    pub(crate) fn begins_part(&self) -> bool {
        self.packets.begins_part()
    }

    /// Returns where the parts after the first begin, in seconds, as far as the packets were read.
    pub(crate) fn joints_s(&self) -> Vec<f64> {
        self.packets.joints_s()
    }

    /// Forgets the packets that wait, after a seek.
    pub(crate) fn restart_packets(&mut self) {
        self.packets.restart();
    }

    /// Returns whether the clock of the container can start over within a file.
    pub(crate) fn clock_may_start_over(&mut self) -> bool {
        // SAFETY: the context is open; a plain field of a static object.
        unsafe { (*(*self.as_ptr()).iformat).flags & ffi::AVFMT_TS_DISCONT != 0 }
    }

    /// Returns the size of the file in bytes when it was opened.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Runs libav's stream analysis, which reads the first packets and decodes them where necessary.
    ///
    /// # Errors
    /// [`JobError::Cancelled`], [`JobError::Io`], or [`JobError::Unreadable`] when FFmpeg cannot read the
    /// bytes.
    pub(crate) fn read_stream_info(&mut self) -> Result<(), JobError> {
        let context = self.as_ptr();
        let _limit = self.state.limit_reads();
        // SAFETY: the context is open. `options` has one dictionary per stream, as the call requires; they
        // outlive it and are freed below. The call does not use it for streams found later.
        let code = unsafe {
            let count = (*context).nb_streams as usize;
            let mut options: Vec<*mut ffi::AVDictionary> = vec![ptr::null_mut(); count.max(1)];
            for dictionary in &mut options {
                set_option(dictionary, c"max_pixels", &MAX_PIXELS.to_string());
                set_option(dictionary, c"threads", "1");
            }
            let code = ffi::avformat_find_stream_info(context, options.as_mut_ptr());
            for dictionary in &mut options {
                ffi::av_dict_free(dictionary);
            }
            code
        };
        self.result(code)
    }

    /// Calls `read` with the limit on consecutive reads.
    pub(crate) fn with_read_limit<T>(&mut self, read: impl FnOnce(&mut MediaInput) -> T) -> T {
        let state = Arc::clone(&self.state);
        let _limit = state.limit_reads();
        read(self)
    }

    /// Converts a return code into a result: cancelled, an I/O error, or unreadable bytes.
    pub(crate) fn result(&self, code: c_int) -> Result<(), JobError> {
        self.state.check(code)
    }

    /// Returns the first I/O error, which FFmpeg reports as the end of the file.
    pub(crate) fn check_reads(&self) -> Result<(), JobError> {
        self.state.check(0)
    }
}

/// Opens media from a descriptor. Of `name` only the extension is used, as a hint for ambiguous bytes.
///
/// Reads only the header; see [`MediaInput::read_stream_info`] for more.
///
/// # Errors
/// [`JobError::Unreadable`] when no allowed demuxer accepts the bytes, [`JobError::Io`] when they cannot
/// be read, [`JobError::Cancelled`] once `cancel` is set.
pub(crate) fn open_input(file: File, name: &str, cancel: Arc<AtomicBool>) -> Result<MediaInput, JobError> {
    open_as(file, name, cancel, EditLists::Applied)
}

/// Whether the demuxer applies edit lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EditLists {
    Applied,
    Ignored,
}

/// Like [`open_input`], with edit lists applied or ignored.
pub(crate) fn open_as(
    file: File,
    name: &str,
    cancel: Arc<AtomicBool>,
    edit_lists: EditLists,
) -> Result<MediaInput, JobError> {
    init();
    let size_bytes = file_size(&file).map_err(|error| JobError::Io(error.to_string()))?;
    if let Some(demuxer) = obvious_demuxer(&file) {
        let duplicate = file.try_clone().map_err(|error| JobError::Io(error.to_string()))?;
        match open_with(duplicate, size_bytes, name, (Some(demuxer), edit_lists), &cancel) {
            Err(JobError::Unreadable(_)) => {}
            result => return result,
        }
    }
    open_with(file, size_bytes, name, (None, edit_lists), &cancel)
}

/// Returns the demuxer of a file with an unambiguous signature. Probing all demuxers takes longer than
/// reading the header.
fn obvious_demuxer(file: &File) -> Option<&'static CStr> {
    let mut head = [0; 8];
    let count = file.read_at(&mut head, 0).ok()?;
    match (&head[..count.min(4)], &head[count.min(4)..count]) {
        (_, b"ftyp") => Some(c"mov"),
        ([0x1a, 0x45, 0xdf, 0xa3], _) => Some(c"matroska"),
        _ => None,
    }
}

fn open_with(
    file: File,
    size_bytes: u64,
    name: &str,
    (demuxer, edit_lists): (Option<&CStr>, EditLists),
    cancel: &Arc<AtomicBool>,
) -> Result<MediaInput, JobError> {
    let is_fragmented = demuxer == Some(c"mov") && isobmff::declares_fragments(&file).unwrap_or(false);
    let state = Arc::new(ReaderState::new(Arc::clone(cancel)));
    let reader = PositionedFile::new(file, Arc::clone(&state));
    let mut stream = StreamIo::from_read_seek_with_capacity(reader, BUFFER_BYTES)
        .map_err(|error| JobError::Failed(format!("cannot set up reading: {error}")))?;
    let url = hint(name);
    let limit = state.limit_reads();
    // SAFETY: the context is new; `stream` outlives it, since the wrapper frees it after closing;
    // the reader within `stream` keeps the flag behind `opaque` alive; a failed open frees the
    // context itself and, because of the custom I/O flag, not `stream`.
    let input = unsafe {
        let mut context = ffi::avformat_alloc_context();
        if context.is_null() {
            return Err(JobError::Failed("out of memory".into()));
        }
        (*context).pb = stream.as_mut_ptr();
        (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
        (*context).io_open = Some(refuse_to_open);
        (*context).interrupt_callback = ffi::AVIOInterruptCB {
            callback: Some(is_cancelled),
            opaque: Arc::as_ptr(&state.cancel).cast_mut().cast(),
        };
        let mut options = ptr::null_mut();
        set_option(&mut options, c"format_whitelist", DEMUXERS);
        set_option(&mut options, c"protocol_whitelist", "none");
        set_option(&mut options, c"max_streams", &MAX_STREAMS.to_string());
        // As FFmpeg's command line tools set it; without it the rates of transport streams are incomplete.
        set_option(&mut options, c"scan_all_pmts", "1");
        if edit_lists == EditLists::Ignored {
            set_option(&mut options, c"ignore_editlist", "1");
        }
        // As FFmpeg 7 does by itself: then the start of AAC in fragments takes account of the edit list.
        if is_fragmented {
            set_option(&mut options, c"advanced_editlist", "0");
        }
        let format = demuxer.map_or(ptr::null(), |name| ffi::av_find_input_format(name.as_ptr()));
        let code = ffi::avformat_open_input(&mut context, url.as_ptr(), format, &mut options);
        ffi::av_dict_free(&mut options);
        state
            .check(code)
            .inspect_err(|_| {
                if code >= 0 {
                    ffi::avformat_close_input(&mut context);
                }
            })
            .map_err(|error| explain_open_error(error, code))?;
        Input::wrap_with_custom_io(context, stream)
    };
    drop(limit);
    Ok(MediaInput { input, state, size_bytes, packets: PacketReader::default() })
}

/// Explains the two most frequent errors of opening a file.
fn explain_open_error(error: JobError, code: c_int) -> JobError {
    match error {
        JobError::Unreadable(_) if code == ffi::AVERROR(ffi::EINVAL) => {
            JobError::Unreadable("unsupported kind of file (playlist, script or image sequence)".into())
        }
        JobError::Unreadable(_) if code == ffi::AVERROR_INVALIDDATA => {
            JobError::Unreadable(INVALID_DATA.to_owned())
        }
        other => other,
    }
}

/// Returns a neutral name with the extension of `name`. Extensions of images are dropped, because FFmpeg
/// would open the file as an image sequence; the bytes identify an image well enough.
fn hint(name: &str) -> CString {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let usable = !extension.is_empty()
        && !sniff::has_image_extension(name)
        && extension.len() <= 8
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let text = if usable { format!("input.{extension}") } else { "input".to_owned() };
    CString::new(text).unwrap_or_default()
}

/// Adds an entry to a dictionary.
///
/// # Safety
/// `dictionary` is null or created by this function.
unsafe fn set_option(dictionary: &mut *mut ffi::AVDictionary, key: &CStr, value: &str) {
    let Ok(value) = CString::new(value) else { return };
    // SAFETY: both strings are terminated and copied by the call.
    unsafe { ffi::av_dict_set(dictionary, key.as_ptr(), value.as_ptr(), 0) };
}

/// Refuses every file beyond the first.
unsafe extern "C" fn refuse_to_open(
    _context: *mut ffi::AVFormatContext,
    _io: *mut *mut ffi::AVIOContext,
    _url: *const c_char,
    _flags: c_int,
    _options: *mut *mut ffi::AVDictionary,
) -> c_int {
    ffi::AVERROR(ffi::EPERM)
}

/// Tells FFmpeg to stop once the job is cancelled.
unsafe extern "C" fn is_cancelled(opaque: *mut c_void) -> c_int {
    // SAFETY: `opaque` is the flag, which the reader of this context keeps alive.
    let flag = unsafe { &*opaque.cast::<AtomicBool>() };
    c_int::from(flag.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::{Seek, SeekFrom, Write};

    fn open(name: &str, bytes: &[u8]) -> Result<MediaInput, JobError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        open_input(file, name, Arc::default())
    }

    #[test]
    fn opens_a_video_at_any_file_position() {
        let mut file = File::open("fixtures/npm-vide-ocean.mp4").unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        let mut input = open_input(file, "ocean.mp4", Arc::default()).unwrap();
        input.read_stream_info().unwrap();
        assert!(input.input().nb_streams() > 0);
    }

    #[test]
    fn refuses_a_playlist_named_like_a_video() {
        let playlist = format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{}/fixtures/npm-vide-ocean.mp4\n#EXT-X-ENDLIST\n",
            env!("CARGO_MANIFEST_DIR")
        );
        for (name, text) in [
            ("a.mp4", playlist.as_str()),
            ("a.m3u8", &playlist),
            ("a.mp4", "ffconcat version 1.0\nfile a.mp4\n"),
        ] {
            assert!(matches!(open(name, text.as_bytes()), Err(JobError::Unreadable(_))), "{name}");
        }
    }

    #[test]
    fn stops_searching_a_terabyte_without_media_data() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(
            b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff",
        )
        .unwrap();
        file.set_len(1 << 40).unwrap();
        let error = open_input(file, "x.mkv", Arc::default()).err().unwrap();
        assert!(matches!(&error, JobError::Unreadable(text) if text.contains("256 MiB")), "{error:?}");
    }

    #[test]
    fn a_set_cancel_flag_cancels_opening() {
        let file = File::open("fixtures/npm-vide-ocean.mp4").unwrap();
        let cancel = Arc::new(AtomicBool::new(true));
        assert_eq!(open_input(file, "x.mp4", cancel).err(), Some(JobError::Cancelled));
    }

    #[test]
    fn only_a_plain_extension_is_passed_to_the_library() {
        assert_eq!(hint("clip.MP4").to_str(), Ok("input.MP4"));
        assert_eq!(hint("concat:a|b.mp4%00").to_str(), Ok("input"));
        assert_eq!(hint("noext").to_str(), Ok("input"));
        assert_eq!(hint("cover.JPG").to_str(), Ok("input"));
    }
}
