//! Opens media from a descriptor, and nothing else from anywhere.
//!
//! A media file can name others: playlists, external references of QuickTime tracks, image
//! sequences. None of them is followed: the list of demuxers holds only those that keep to one file,
//! and whatever still asks for a second one gets a refusal from our own `io_open`.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once, OnceLock};

use ffmpeg_next::ffi;
use ffmpeg_next::format::context::{Input, StreamIo};

use crate::job::JobError;
use crate::probe::sniff;

/// Bytes read at a time. Larger than FFmpeg's 32 KiB: most headers then need one read.
const BUFFER_BYTES: usize = 64 * 1024;

/// Streams beyond this many are an attack or a mistake; FFmpeg itself stops at 1000.
const MAX_STREAMS: u32 = 128;

/// Pictures larger than this are not decoded, neither here nor by those who use [`MediaInput`].
/// Three times 8K; at 16000x16000 a mere look at the stream takes 665 MB.
pub(crate) const MAX_PIXELS: u64 = 100_000_000;

/// The largest single allocation FFmpeg may make.
const MAX_ALLOC_BYTES: usize = 1 << 30;

/// Bytes that may be read in one go to make sense of a file. The longest index of a video is a fraction
/// of this; a demuxer that has lost its way would search through a terabyte.
const MAX_LOOK_BYTES: u64 = 256 << 20;

/// Demuxers of media that is one file. Left out on purpose: playlists (`hls`, `concat`, `dash`,
/// `imf`), image sequences (`image2`), captures of devices, network formats, scripts.
const DEMUXERS: &str = "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,asf_o,gif,ogg,wav,w64,mp3,aac,\
     ac3,eac3,flac,aiff,caf,amr,amrnb,amrwb,au,dv,mxf,nut,rm,ivf,h264,hevc,vvc,av1,obu,m4v,mjpeg,mjpeg_2000,h263,\
     h261,vc1,vc1test,wtv,wv,ape,tta,tak,mpc,mpc8,dts,dtshd,truehd,mlp,avs,avs2,avs3,cavsvideo,dirac,dnxhd,\
     gxf,lxf,mv,nsv,nuv,pva,r3d,rl2,roq,smk,bink,swf,thp,tiertexseq,txd,vivo,voc,vqf,yuv4mpegpipe,xwma,ty,\
     apng,png_pipe,jpeg_pipe,jpegxl_pipe,jpegls_pipe,webp_pipe,webp_anim,webp,bmp_pipe,tiff_pipe,gif_pipe,\
     psd_pipe,qoi_pipe,j2k_pipe,ea,video_cpk,flic,idcin,4xm,dxa,ogv,oma,qcp,sox,spdif,loas,latm,iff,mtv,mm,\
     jv,pmp,psxstr,rpl,c93,cine,bethsoftvid,bfi,dsf,iss,xa,srt,webvtt,ass";

/// Makes FFmpeg fit to be used: silent, and with a bound on every allocation. Cheap to repeat.
pub(crate) fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: both only store a number; `Once` keeps two threads from doing it at a time.
        unsafe {
            ffi::av_log_set_level(ffi::AV_LOG_QUIET);
            ffi::av_max_alloc(MAX_ALLOC_BYTES);
        }
    });
}

/// The words FFmpeg has for one of its error numbers.
pub(crate) fn error_text(code: c_int) -> String {
    let mut buffer = [0 as c_char; 128];
    // SAFETY: the buffer has the length given and `av_strerror` always terminates what it writes.
    unsafe {
        ffi::av_strerror(code, buffer.as_mut_ptr(), buffer.len());
        CStr::from_ptr(buffer.as_ptr()).to_string_lossy().into_owned()
    }
}

/// What the reader and its owner share.
#[derive(Debug)]
struct Shared {
    cancel: Arc<AtomicBool>,
    /// The first failure of the file system, which FFmpeg would turn into "end of file".
    failure: OnceLock<String>,
    /// Whether this is but a look at the file.
    looking: AtomicBool,
    /// Whether more was wanted than that.
    overdrawn: AtomicBool,
}

impl Shared {
    /// Bounds what is read in one go until the result is dropped.
    fn look(&self) -> Look<'_> {
        self.looking.store(true, Ordering::Relaxed);
        Look(self)
    }
}

/// A look at a file, which must not become a reading through it.
struct Look<'a>(&'a Shared);

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.0.looking.store(false, Ordering::Relaxed);
    }
}

/// A file read by offset, so that neither its own position nor another holder's matters.
struct PositionedFile {
    file: File,
    position: u64,
    /// Where the last read ended.
    went_on_at: u64,
    /// Bytes read one after the other up to there.
    in_one_go: u64,
    shared: Arc<Shared>,
}

impl Read for PositionedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.shared.cancel.load(Ordering::Relaxed) {
            return Err(io::Error::other("cancelled"));
        }
        // Going on elsewhere is a deliberate step, and there are only so many in a real file.
        if self.position != self.went_on_at {
            self.in_one_go = 0;
        }
        if self.shared.looking.load(Ordering::Relaxed) && self.in_one_go > MAX_LOOK_BYTES {
            self.shared.overdrawn.store(true, Ordering::Relaxed);
            return Err(io::Error::other("too far"));
        }
        match self.file.read_at(buffer, self.position) {
            Ok(count) => {
                self.position += count as u64;
                self.went_on_at = self.position;
                self.in_one_go += count as u64;
                Ok(count)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    let _ = self.shared.failure.set(error.to_string());
                }
                Err(error)
            }
        }
    }
}

impl Seek for PositionedFile {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        let position = match target {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
            SeekFrom::End(delta) => self.file.metadata()?.len().checked_add_signed(delta),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

/// An opened demuxer. Dropping it closes the file.
pub(crate) struct MediaInput {
    input: Input,
    shared: Arc<Shared>,
    size_bytes: u64,
}

impl MediaInput {
    /// The demuxer, for safe calls.
    #[allow(dead_code)] // For those who read packets.
    pub(crate) fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    /// The demuxer, for the C interface. Valid as long as `self`.
    pub(crate) fn as_ptr(&mut self) -> *mut ffi::AVFormatContext {
        // SAFETY: only hands out the pointer; whoever follows it says why that is audio.
        unsafe { self.input.as_mut_ptr() }
    }

    /// The size of the file in bytes when it was opened.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Reads, and where needed decodes, the first packets to complete what the header leaves open.
    ///
    /// # Errors
    /// [`JobError::Cancelled`], [`JobError::Io`], or [`JobError::Unreadable`] for what FFmpeg
    /// cannot make sense of.
    pub(crate) fn read_stream_info(&mut self) -> Result<(), JobError> {
        let context = self.as_ptr();
        let _look = self.shared.look();
        // SAFETY: the context is open. `options` holds one dictionary a stream, as the call wants,
        // which outlive it and are freed below; streams found later are not looked up in it.
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

    /// Does something that should need but a look at the file.
    pub(super) fn bounded<T>(&mut self, look: impl FnOnce(&mut MediaInput) -> T) -> T {
        let shared = Arc::clone(&self.shared);
        let _look = shared.look();
        look(self)
    }

    /// Turns a return code into a result, telling apart the file system, the submitter and the bytes.
    pub(crate) fn result(&self, code: c_int) -> Result<(), JobError> {
        check(code, &self.shared)
    }

    /// The first failure to read the file, which FFmpeg itself takes for its end.
    pub(crate) fn check_reads(&self) -> Result<(), JobError> {
        check(0, &self.shared)
    }
}

fn check(code: c_int, shared: &Shared) -> Result<(), JobError> {
    if shared.cancel.load(Ordering::Relaxed) {
        return Err(JobError::Cancelled);
    }
    if let Some(failure) = shared.failure.get() {
        return Err(JobError::Io(format!("reading failed: {failure}")));
    }
    if shared.overdrawn.load(Ordering::Relaxed) {
        let mebibytes = MAX_LOOK_BYTES >> 20;
        return Err(JobError::Unreadable(format!("{mebibytes} MiB on end make no sense")));
    }
    if code < 0 { Err(JobError::Unreadable(error_text(code))) } else { Ok(()) }
}

/// Opens media from a descriptor. `name` gives only its extension, a hint when bytes are ambiguous.
///
/// Only the header is read; see [`MediaInput::read_stream_info`] for more.
///
/// # Errors
/// [`JobError::Unreadable`] when no demuxer we allow takes the bytes, [`JobError::Io`] when they
/// cannot be read, [`JobError::Cancelled`] once `cancel` is raised.
pub(crate) fn open_input(file: File, name: &str, cancel: Arc<AtomicBool>) -> Result<MediaInput, JobError> {
    init();
    let size_bytes = file.metadata().map_err(|error| JobError::Io(error.to_string()))?.len();
    if let Some(demuxer) = evident_demuxer(&file) {
        let again = file.try_clone().map_err(|error| JobError::Io(error.to_string()))?;
        match open_with(again, size_bytes, name, Some(demuxer), &cancel) {
            Err(JobError::Unreadable(_)) => {}
            settled => return settled,
        }
    }
    open_with(file, size_bytes, name, None, &cancel)
}

/// The demuxer of a file whose first bytes leave no doubt. Asking all of them costs more than reading
/// the header does.
fn evident_demuxer(file: &File) -> Option<&'static CStr> {
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
    demuxer: Option<&CStr>,
    cancel: &Arc<AtomicBool>,
) -> Result<MediaInput, JobError> {
    let shared = Arc::new(Shared {
        cancel: Arc::clone(cancel),
        failure: OnceLock::new(),
        looking: AtomicBool::new(false),
        overdrawn: AtomicBool::new(false),
    });
    let reader = PositionedFile { file, position: 0, went_on_at: 0, in_one_go: 0, shared: shared.clone() };
    let mut stream = StreamIo::from_read_seek_with_capacity(reader, BUFFER_BYTES)
        .map_err(|error| JobError::Failed(format!("cannot set up reading: {error}")))?;
    let url = hint(name);
    let look = shared.look();
    // SAFETY: the context is fresh; `stream` outlives it, since the wrapper frees it after closing;
    // the flag behind `opaque` is held by the reader within `stream`; a failed open frees the
    // context itself and, by the custom I/O flag, leaves `stream` to us.
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
            opaque: Arc::as_ptr(&shared.cancel).cast_mut().cast(),
        };
        let mut options = ptr::null_mut();
        set_option(&mut options, c"format_whitelist", DEMUXERS);
        set_option(&mut options, c"protocol_whitelist", "none");
        set_option(&mut options, c"max_streams", &MAX_STREAMS.to_string());
        // As the command line tools do: without it a transport stream's rates are not measured to the end.
        set_option(&mut options, c"scan_all_pmts", "1");
        let format = demuxer.map_or(ptr::null(), |name| ffi::av_find_input_format(name.as_ptr()));
        let code = ffi::avformat_open_input(&mut context, url.as_ptr(), format, &mut options);
        ffi::av_dict_free(&mut options);
        check(code, &shared)
            .inspect_err(|_| {
                if code >= 0 {
                    ffi::avformat_close_input(&mut context);
                }
            })
            .map_err(|error| plainer(error, code))?;
        Input::wrap_with_custom_io(context, stream)
    };
    drop(look);
    Ok(MediaInput { input, shared, size_bytes })
}

/// Says in words what FFmpeg's two commonest refusals mean.
fn plainer(error: JobError, code: c_int) -> JobError {
    match error {
        JobError::Unreadable(_) if code == ffi::AVERROR(ffi::EINVAL) => JobError::Unreadable(
            "a kind of file that is not read (playlist, script or image sequence)".into(),
        ),
        JobError::Unreadable(text) if code == ffi::AVERROR_INVALIDDATA => {
            JobError::Unreadable(format!("{text}: not media, cut short, or without its index"))
        }
        other => other,
    }
}

/// A harmless name with the extension of `name`. Those of pictures are left out: by them FFmpeg takes
/// a file for part of an image sequence, which is not read; its bytes tell the picture well enough.
fn hint(name: &str) -> CString {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let usable = !extension.is_empty()
        && !sniff::is_named_as_a_picture(name)
        && extension.len() <= 8
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let text = if usable { format!("input.{extension}") } else { "input".to_owned() };
    CString::new(text).unwrap_or_default()
}

/// Adds an entry to a dictionary.
///
/// # Safety
/// `dictionary` is null or made by this function.
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

/// Tells FFmpeg to give up once the submitter has.
unsafe extern "C" fn is_cancelled(opaque: *mut c_void) -> c_int {
    // SAFETY: `opaque` is the flag that the reader of this context keeps alive.
    let flag = unsafe { &*opaque.cast::<AtomicBool>() };
    c_int::from(flag.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    fn open(name: &str, bytes: &[u8]) -> Result<MediaInput, JobError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        open_input(file, name, Arc::default())
    }

    #[test]
    fn a_clip_opens_wherever_the_descriptor_stands() {
        let mut file = File::open("fixtures/npm-vide-ocean.mp4").unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        let mut input = open_input(file, "ocean.mp4", Arc::default()).unwrap();
        input.read_stream_info().unwrap();
        assert!(input.input().nb_streams() > 0);
    }

    #[test]
    fn a_playlist_named_as_a_video_is_refused() {
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
    fn a_terabyte_of_nothing_is_not_searched() {
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
    fn a_raised_flag_ends_the_work() {
        let file = File::open("fixtures/npm-vide-ocean.mp4").unwrap();
        let cancel = Arc::new(AtomicBool::new(true));
        assert_eq!(open_input(file, "x.mp4", cancel).err(), Some(JobError::Cancelled));
    }

    #[test]
    fn only_a_plain_extension_reaches_the_library() {
        assert_eq!(hint("clip.MP4").to_str(), Ok("input.MP4"));
        assert_eq!(hint("concat:a|b.mp4%00").to_str(), Ok("input"));
        assert_eq!(hint("noext").to_str(), Ok("input"));
        assert_eq!(hint("cover.JPG").to_str(), Ok("input"));
    }
}
