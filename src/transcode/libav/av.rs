//! Owners of libav objects: freed on every path, errors as sentences.

use std::ffi::{CStr, CString, c_int};
use std::ptr;

use ffmpeg_next::ffi;

use crate::job::JobError;
use crate::model::Damage;

/// "No timestamp".
pub(crate) const NOPTS: i64 = ffi::AV_NOPTS_VALUE;
/// Complaints kept in full; the others are only counted.
const MAX_DAMAGE: usize = 20;
/// Decoders refuse pictures above this: three times 8K.
const MAX_PIXELS: i64 = 100_000_000;

pub(crate) use crate::probe::libav::error_text as message;

/// Turns a negative return into [`JobError::Failed`].
pub(crate) fn check(code: c_int, what: &str) -> Result<c_int, JobError> {
    if code >= 0 { Ok(code) } else { Err(failed(format!("{what}: {}", message(code)))) }
}

pub(crate) fn failed(text: impl Into<String>) -> JobError {
    JobError::Failed(text.into())
}

pub(crate) fn again(code: c_int) -> bool {
    code == ffi::AVERROR(ffi::EAGAIN)
}

pub(crate) fn eof(code: c_int) -> bool {
    code == ffi::AVERROR_EOF
}

fn no_memory() -> JobError {
    failed("the media library is out of memory")
}

/// A C string from text without zero bytes.
pub(crate) fn c_string(text: &str) -> Result<CString, JobError> {
    CString::new(text).map_err(|_| failed("a setting contains a zero byte"))
}

/// A rational for libav.
pub(crate) fn rational(num: i32, den: i32) -> ffi::AVRational {
    ffi::AVRational { num, den }
}

pub(crate) fn seconds(time: i64, base: ffi::AVRational) -> f64 {
    time as f64 * f64::from(base.num) / f64::from(base.den.max(1))
}

/// Seconds in units of `base`, nearest.
pub(crate) fn units(seconds: f64, base: ffi::AVRational) -> i64 {
    (seconds * f64::from(base.den) / f64::from(base.num.max(1))).round() as i64
}

/// Options for libav.
pub(crate) struct Options(*mut ffi::AVDictionary);

impl Options {
    pub(crate) fn new(pairs: &[(&str, &str)]) -> Result<Options, JobError> {
        let mut options = Options(ptr::null_mut());
        for (key, value) in pairs {
            let (key, value) = (c_string(key)?, c_string(value)?);
            // SAFETY: the dictionary pointer is ours; key and value are copied.
            check(unsafe { ffi::av_dict_set(&mut options.0, key.as_ptr(), value.as_ptr(), 0) }, "options")?;
        }
        Ok(options)
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut *mut ffi::AVDictionary {
        &mut self.0
    }

    /// The name of an option nobody took: a typing error of ours, or another library version.
    pub(crate) fn left_over(&self) -> Option<String> {
        let empty = c"";
        // SAFETY: an empty key with this flag iterates; the entry lives as long as the dictionary.
        unsafe {
            let entry = ffi::av_dict_get(self.0, empty.as_ptr(), ptr::null(), ffi::AV_DICT_IGNORE_SUFFIX);
            (!entry.is_null()).then(|| CStr::from_ptr((*entry).key).to_string_lossy().into_owned())
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: frees what is there and nulls it.
        unsafe { ffi::av_dict_free(&mut self.0) }
    }
}

/// One packet.
pub(crate) struct Packet(*mut ffi::AVPacket);

// SAFETY: a packet is a heap object with reference-counted, atomically counted data.
unsafe impl Send for Packet {}

impl Packet {
    pub(crate) fn new() -> Result<Packet, JobError> {
        // SAFETY: plain allocation.
        let raw = unsafe { ffi::av_packet_alloc() };
        if raw.is_null() { Err(no_memory()) } else { Ok(Packet(raw)) }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut ffi::AVPacket {
        self.0
    }

    pub(crate) fn as_ptr(&self) -> *const ffi::AVPacket {
        self.0
    }

    pub(crate) fn get(&self) -> &ffi::AVPacket {
        // SAFETY: never null, and borrowed as long as self.
        unsafe { &*self.0 }
    }

    pub(crate) fn get_mut(&mut self) -> &mut ffi::AVPacket {
        // SAFETY: as above, and uniquely borrowed.
        unsafe { &mut *self.0 }
    }

    pub(crate) fn data(&self) -> &[u8] {
        let packet = self.get();
        if packet.data.is_null() || packet.size <= 0 {
            return &[];
        }
        // SAFETY: libav keeps `size` readable bytes at `data` as long as the packet is referenced.
        unsafe { std::slice::from_raw_parts(packet.data, packet.size as usize) }
    }

    pub(crate) fn clear(&mut self) {
        // SAFETY: drops the reference and resets the fields.
        unsafe { ffi::av_packet_unref(self.0) }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { ffi::av_packet_free(&mut self.0) }
    }
}

/// One decoded frame.
pub(crate) struct Frame(*mut ffi::AVFrame);

// SAFETY: a frame is a heap object with reference-counted, atomically counted data.
unsafe impl Send for Frame {}

impl Frame {
    pub(crate) fn new() -> Result<Frame, JobError> {
        // SAFETY: plain allocation.
        let raw = unsafe { ffi::av_frame_alloc() };
        if raw.is_null() { Err(no_memory()) } else { Ok(Frame(raw)) }
    }

    /// Planar float sound without content yet.
    pub(crate) fn audio(channels: u32, rate: u32, samples: usize) -> Result<Frame, JobError> {
        let mut frame = Frame::new()?;
        let raw = frame.get_mut();
        raw.nb_samples = samples as c_int;
        raw.sample_rate = rate as c_int;
        raw.format = ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP as c_int;
        // SAFETY: the layout is a fresh, zeroed one; the buffer follows from the fields above.
        let code = unsafe {
            ffi::av_channel_layout_default(&mut raw.ch_layout, channels as c_int);
            ffi::av_frame_get_buffer(raw, 0)
        };
        check(code, "cannot allocate a sound frame")?;
        Ok(frame)
    }

    /// Another reference to the same picture.
    pub(crate) fn share(&self) -> Result<Frame, JobError> {
        // SAFETY: self is a valid frame; clone makes a new owner.
        let raw = unsafe { ffi::av_frame_clone(self.0) };
        if raw.is_null() { Err(no_memory()) } else { Ok(Frame(raw)) }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut ffi::AVFrame {
        self.0
    }

    pub(crate) fn as_ptr(&self) -> *const ffi::AVFrame {
        self.0
    }

    pub(crate) fn get(&self) -> &ffi::AVFrame {
        // SAFETY: never null, and borrowed as long as self.
        unsafe { &*self.0 }
    }

    pub(crate) fn get_mut(&mut self) -> &mut ffi::AVFrame {
        // SAFETY: as above, and uniquely borrowed.
        unsafe { &mut *self.0 }
    }

    /// One row of a plane.
    pub(crate) fn row(&self, plane: usize, y: usize, bytes: usize) -> &[u8] {
        let frame = self.get();
        let stride = frame.linesize[plane] as isize;
        assert!(stride.unsigned_abs() >= bytes && (y as i64) < i64::from(frame.height));
        // SAFETY: the row lies inside the plane: y is below the height and no row is longer than its
        // stride. Only called for packed and luma planes, which have `height` rows.
        unsafe { std::slice::from_raw_parts(frame.data[plane].offset(y as isize * stride), bytes) }
    }

    /// The samples of one channel of planar float sound.
    pub(crate) fn samples(&self, channel: usize) -> &[f32] {
        let frame = self.get();
        assert!(frame.format == ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP as c_int);
        assert!((channel as c_int) < frame.ch_layout.nb_channels && frame.nb_samples >= 0);
        // SAFETY: planar float has one plane of `nb_samples` floats a channel in `extended_data`.
        unsafe {
            let plane = *frame.extended_data.add(channel);
            std::slice::from_raw_parts(plane.cast::<f32>(), frame.nb_samples as usize)
        }
    }

    /// As [`Frame::samples`], for writing into a frame nobody shares.
    pub(crate) fn samples_mut(&mut self, channel: usize) -> &mut [f32] {
        let length = self.samples(channel).len();
        // SAFETY: checked by `samples`; the frame came from `Frame::audio` and is unshared.
        unsafe {
            let plane = *(*self.0).extended_data.add(channel);
            std::slice::from_raw_parts_mut(plane.cast::<f32>(), length)
        }
    }

    /// A value that a filter attached to the frame.
    pub(crate) fn metadata(&self, key: &CStr) -> Option<String> {
        // SAFETY: the dictionary belongs to the frame; the value is copied out.
        unsafe {
            let entry = ffi::av_dict_get(self.get().metadata, key.as_ptr(), ptr::null(), 0);
            (!entry.is_null()).then(|| CStr::from_ptr((*entry).value).to_string_lossy().into_owned())
        }
    }

    pub(crate) fn number(&self, key: &CStr) -> Option<f64> {
        self.metadata(key)?.trim().parse().ok()
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { ffi::av_frame_free(&mut self.0) }
    }
}

/// A codec context, opened or not.
pub(crate) struct Codec(*mut ffi::AVCodecContext);

// SAFETY: used by one thread at a time; its own threads are joined before it is freed.
unsafe impl Send for Codec {}

impl Codec {
    pub(crate) fn for_codec(codec: *const ffi::AVCodec) -> Result<Codec, JobError> {
        // SAFETY: a codec is a static object of the library, or null, which is allowed.
        let raw = unsafe { ffi::avcodec_alloc_context3(codec) };
        if raw.is_null() { Err(no_memory()) } else { Ok(Codec(raw)) }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut ffi::AVCodecContext {
        self.0
    }

    pub(crate) fn get(&self) -> &ffi::AVCodecContext {
        // SAFETY: never null, and borrowed as long as self.
        unsafe { &*self.0 }
    }

    pub(crate) fn get_mut(&mut self) -> &mut ffi::AVCodecContext {
        // SAFETY: as above, and uniquely borrowed.
        unsafe { &mut *self.0 }
    }
}

impl Drop for Codec {
    fn drop(&mut self) {
        // SAFETY: ours alone; closes the codec first.
        unsafe { ffi::avcodec_free_context(&mut self.0) }
    }
}

/// A decoder that counts what it complains about.
pub(crate) struct Decoder {
    codec: Codec,
    stream: u32,
    base: ffi::AVRational,
    /// The first complaints.
    pub(crate) damage: Vec<Damage>,
    /// All complaints.
    pub(crate) damage_count: u64,
    /// Frames that came out.
    pub(crate) frames: u64,
}

impl Decoder {
    /// Opens a decoder for a stream. A strict one treats every deviation as an error.
    pub(crate) fn open(stream: *mut ffi::AVStream, threads: u32, strict: bool) -> Result<Decoder, JobError> {
        // SAFETY: the stream belongs to a format context that the caller holds; fields are only read.
        let (parameters, base, index) =
            unsafe { ((*stream).codecpar, (*stream).time_base, (*stream).index as u32) };
        // SAFETY: codec ids come from the library the bindings were made for.
        let found = unsafe { ffi::avcodec_find_decoder((*parameters).codec_id) };
        if found.is_null() {
            return Err(failed(format!("there is no decoder for stream {index}")));
        }
        let mut codec = Codec::for_codec(found)?;
        // SAFETY: both are valid; parameters are copied.
        let code = unsafe { ffi::avcodec_parameters_to_context(codec.as_mut_ptr(), parameters) };
        check(code, "cannot set up a decoder")?;
        let context = codec.get_mut();
        context.pkt_timebase = base;
        context.thread_count = threads.max(1) as c_int;
        context.max_pixels = MAX_PIXELS;
        if strict {
            context.err_recognition =
                ffi::AV_EF_CRCCHECK | ffi::AV_EF_BITSTREAM | ffi::AV_EF_BUFFER | ffi::AV_EF_EXPLODE;
        }
        // SAFETY: context and codec match; no options.
        let code = unsafe { ffi::avcodec_open2(codec.as_mut_ptr(), found, ptr::null_mut()) };
        check(code, &format!("cannot open the decoder of stream {index}"))?;
        Ok(Decoder { codec, stream: index, base, damage: Vec::new(), damage_count: 0, frames: 0 })
    }

    /// The time base of the frames.
    pub(crate) fn base(&self) -> ffi::AVRational {
        self.base
    }

    /// Forgets everything, for a jump.
    pub(crate) fn flush(&mut self) {
        // SAFETY: an open decoder.
        unsafe { ffi::avcodec_flush_buffers(self.codec.as_mut_ptr()) }
    }

    /// Feeds a packet, or the end, and hands out what comes.
    pub(crate) fn feed(
        &mut self,
        packet: Option<&Packet>,
        sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let raw = packet.map_or(ptr::null(), Packet::as_ptr);
        let at = packet.map(|p| p.get().pts).filter(|pts| *pts != NOPTS).map(|pts| seconds(pts, self.base));
        let mut pending = true;
        // A decoder that is full takes the packet after one round of output.
        for _ in 0..2 {
            if !pending {
                break;
            }
            // SAFETY: the context is open; the packet is valid or null for the end.
            let code = unsafe { ffi::avcodec_send_packet(self.codec.as_mut_ptr(), raw) };
            pending = again(code);
            if code < 0 && !again(code) && !eof(code) {
                self.complain(code, at);
            }
            self.drain(at, sink)?;
        }
        Ok(())
    }

    fn drain(
        &mut self,
        at: Option<f64>,
        sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        // A decoder that fails without end at its end must not hold us.
        for _ in 0..100_000 {
            let mut frame = Frame::new()?;
            // SAFETY: context and frame are valid.
            let code = unsafe { ffi::avcodec_receive_frame(self.codec.as_mut_ptr(), frame.as_mut_ptr()) };
            if again(code) || eof(code) {
                return Ok(());
            }
            if code < 0 {
                self.complain(code, at);
                continue;
            }
            let raw = frame.get();
            if raw.decode_error_flags != 0 || raw.flags & ffi::AV_FRAME_FLAG_CORRUPT != 0 {
                self.complain(ffi::AVERROR_INVALIDDATA, at);
            }
            self.frames += 1;
            sink(frame)?;
        }
        Ok(())
    }

    fn complain(&mut self, code: c_int, at_s: Option<f64>) {
        self.damage_count += 1;
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(Damage { stream: self.stream, at_s, message: message(code) });
        }
    }
}

/// What a pull brought.
pub(crate) enum Pulled {
    Frame(Frame),
    Hungry,
    End,
}

/// A filter graph with its sources and sinks, in the order of the text.
pub(crate) struct Graph {
    graph: *mut ffi::AVFilterGraph,
    sources: Vec<*mut ffi::AVFilterContext>,
    sinks: Vec<*mut ffi::AVFilterContext>,
}

// SAFETY: used by one thread at a time; the contexts belong to the graph.
unsafe impl Send for Graph {}

impl Graph {
    /// Parses a complete graph, `buffer` sources and `buffersink` sinks included.
    pub(crate) fn new(text: &str) -> Result<Graph, JobError> {
        // SAFETY: plain allocation; everything below uses the graph we own, which is freed on drop.
        let raw = unsafe { ffi::avfilter_graph_alloc() };
        if raw.is_null() {
            return Err(no_memory());
        }
        let mut graph = Graph { graph: raw, sources: Vec::new(), sinks: Vec::new() };
        let c_text = c_string(text)?;
        let flags = c_string(&format!("flags={}", crate::transcode::graph::SWS_FLAGS))?;
        let (mut inputs, mut outputs) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the options string is copied with libav's allocator; in- and out-lists are freed.
        let code = unsafe {
            (*raw).nb_threads = 1;
            (*raw).scale_sws_opts = ffi::av_strdup(flags.as_ptr());
            let code = ffi::avfilter_graph_parse2(raw, c_text.as_ptr(), &mut inputs, &mut outputs);
            ffi::avfilter_inout_free(&mut inputs);
            ffi::avfilter_inout_free(&mut outputs);
            if code < 0 { code } else { ffi::avfilter_graph_config(raw, ptr::null_mut()) }
        };
        check(code, &format!("cannot build the filter graph `{text}`"))?;
        // SAFETY: the array has `nb_filters` valid contexts with static filter names.
        unsafe {
            for i in 0..(*raw).nb_filters as usize {
                let context = *(*raw).filters.add(i);
                match CStr::from_ptr((*(*context).filter).name).to_bytes() {
                    b"buffer" | b"abuffer" => graph.sources.push(context),
                    b"buffersink" | b"abuffersink" => graph.sinks.push(context),
                    _ => {}
                }
            }
        }
        if graph.sources.is_empty() || graph.sinks.is_empty() {
            return Err(failed("the filter graph has no source or no sink"));
        }
        Ok(graph)
    }

    /// Feeds a source a frame, or the end. The frame stays the caller's.
    pub(crate) fn push(&mut self, source: usize, frame: Option<&mut Frame>) -> Result<(), JobError> {
        let raw = frame.map_or(ptr::null_mut(), Frame::as_mut_ptr);
        let keep = ffi::AV_BUFFERSRC_FLAG_KEEP_REF as c_int;
        // SAFETY: source belongs to the graph; with this flag the frame is referenced, not taken.
        let code = unsafe { ffi::av_buffersrc_add_frame_flags(self.sources[source], raw, keep) };
        check(code, "a filter failed")?;
        Ok(())
    }

    /// Asks a sink for a frame.
    pub(crate) fn pull(&mut self, sink: usize) -> Result<Pulled, JobError> {
        let mut frame = Frame::new()?;
        // SAFETY: sink belongs to the graph; frame is empty.
        let code = unsafe { ffi::av_buffersink_get_frame(self.sinks[sink], frame.as_mut_ptr()) };
        match code {
            code if again(code) => Ok(Pulled::Hungry),
            code if eof(code) => Ok(Pulled::End),
            code => check(code, "a filter failed").map(|_| Pulled::Frame(frame)),
        }
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: ours alone; frees the contexts too.
        unsafe { ffi::avfilter_graph_free(&mut self.graph) }
    }
}

/// Whether the library has a filter.
pub(crate) fn has_filter(name: &CStr) -> bool {
    // SAFETY: a look-up by name.
    unsafe { !ffi::avfilter_get_by_name(name.as_ptr()).is_null() }
}
