//! Filter graphs.

use std::ffi::{CStr, c_int};
use std::ptr;

use ffmpeg_next::ffi;

use super::error::{check, failed, is_eagain, is_eof, no_memory};
use super::frame::Frame;
use super::options::c_string;
use crate::job::JobError;

/// Quality flags of swscale.
pub(crate) const SWS_FLAGS: &str = "lanczos+accurate_rnd+full_chroma_int";

/// The result of pulling from a sink.
pub(crate) enum Pulled {
    Frame(Frame),
    NeedsInput,
    End,
}

/// An owned filter graph with its sources and sinks, in the order of the text.
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
        let flags = c_string(&format!("flags={}", self::SWS_FLAGS))?;
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
            return Err(failed(format!("the filter graph `{text}` has no source or no sink")));
        }
        Ok(graph)
    }

    /// Feeds a frame, or the end of the stream for `None`, to a source. The caller keeps the frame.
    pub(crate) fn push(&mut self, source: usize, frame: Option<&mut Frame>) -> Result<(), JobError> {
        let raw = frame.map_or(ptr::null_mut(), Frame::as_mut_ptr);
        let keep = ffi::AV_BUFFERSRC_FLAG_KEEP_REF as c_int;
        // SAFETY: source belongs to the graph; with this flag the frame is referenced, not taken.
        let code = unsafe { ffi::av_buffersrc_add_frame_flags(self.sources[source], raw, keep) };
        check(code, "a filter failed")?;
        Ok(())
    }

    /// Reads a frame from a sink.
    pub(crate) fn pull(&mut self, sink: usize) -> Result<Pulled, JobError> {
        let mut frame = Frame::new()?;
        // SAFETY: sink belongs to the graph; frame is empty.
        let code = unsafe { ffi::av_buffersink_get_frame(self.sinks[sink], frame.as_mut_ptr()) };
        match code {
            code if is_eagain(code) => Ok(Pulled::NeedsInput),
            code if is_eof(code) => Ok(Pulled::End),
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

/// Returns whether FFmpeg has a filter.
pub(crate) fn has_filter(name: &CStr) -> bool {
    // SAFETY: a look-up by name.
    unsafe { !ffi::avfilter_get_by_name(name.as_ptr()).is_null() }
}
