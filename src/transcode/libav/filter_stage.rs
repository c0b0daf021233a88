//! Decoded pictures in, planned pictures out.

use std::collections::VecDeque;

use ffmpeg_next::ffi;

use super::av::{Frame, failed, rational};
use super::filter::{Graph, Pulled, has_filter};
use super::video::describe;
use crate::job::JobError;
use crate::plan::VideoEncode;
use crate::transcode::graph::{Available, Source, video_graph};

/// Takes a planned picture, the number of ticks it is shown, and the decoded one where samples are taken.
pub(crate) type PlannedSink<'a> = dyn FnMut(Frame, u64, Option<Frame>) -> Result<(), JobError> + 'a;

/// The filter graph of the picture, built anew when the pictures change.
///
/// Encoding and verifying both use it, so that what is compared with is what was planned.
pub(crate) struct FilterStage {
    plan: VideoEncode,
    aspect: ffi::AVRational,
    graph: Option<(Source, Graph)>,
    inside: VecDeque<(u64, Option<Frame>)>,
    pushed: i64,
    /// Ticks so far, and of which of them samples are taken: every so many, the next at.
    ticks: u64,
    sampled: Option<(u64, u64)>,
}

impl FilterStage {
    /// `aspect` is the sample aspect ratio where the container has a say.
    pub(crate) fn new(plan: VideoEncode, aspect: ffi::AVRational) -> FilterStage {
        FilterStage { plan, aspect, graph: None, inside: VecDeque::new(), pushed: 0, ticks: 0, sampled: None }
    }

    /// From now on the decoded picture comes along with the planned one every so many ticks.
    pub(crate) fn take_samples(&mut self, every: u64) {
        // Not the very first: it is black as often as not.
        self.sampled = Some((every.max(1), every / 4));
    }

    /// The decoded picture, where a sample is due.
    fn sample(&mut self, frame: &Frame, ticks: u64) -> Result<Option<Frame>, JobError> {
        self.ticks += ticks;
        match &mut self.sampled {
            Some((every, next)) if self.ticks > *next => {
                *next += *every * ((self.ticks - *next).div_ceil(*every));
                frame.share().map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Develops a picture; what comes out may be an earlier one.
    pub(crate) fn develop(
        &mut self,
        mut frame: Frame,
        ticks: u64,
        sink: &mut PlannedSink<'_>,
    ) -> Result<(), JobError> {
        let source = describe(&frame, self.aspect);
        if self.graph.as_ref().is_none_or(|(built_for, _)| *built_for != source) {
            self.empty(sink)?;
            let text = complete_graph(&source, &self.plan)?;
            self.graph = Some((source, Graph::new(&text)?));
        }
        frame.get_mut().pts = self.pushed;
        frame.get_mut().sample_aspect_ratio = rational(1, 1);
        self.pushed += 1;
        let sample = self.sample(&frame, ticks)?;
        self.inside.push_back((ticks, sample));
        if let Some((_, graph)) = &mut self.graph {
            graph.push(0, Some(&mut frame))?;
        }
        // Filters that need no second look at a picture may now work in its memory.
        drop(frame);
        self.pull(sink)
    }

    /// Gets out what the graph still holds.
    pub(crate) fn empty(&mut self, sink: &mut PlannedSink<'_>) -> Result<(), JobError> {
        if let Some((_, graph)) = &mut self.graph {
            graph.push(0, None)?;
            self.pull(sink)?;
        }
        self.graph = None;
        if self.inside.iter().any(|(count, _)| *count > 0) {
            return Err(failed("the filter graph lost a frame"));
        }
        self.inside.clear();
        Ok(())
    }

    fn pull(&mut self, sink: &mut PlannedSink<'_>) -> Result<(), JobError> {
        let Some((_, graph)) = &mut self.graph else { return Ok(()) };
        while let Pulled::Frame(frame) = graph.pull(0)? {
            let inside = self.inside.pop_front();
            let (count, sample) = inside.ok_or_else(|| failed("the filter graph made up a frame"))?;
            if count > 0 {
                sink(frame, count, sample)?;
            }
        }
        Ok(())
    }
}

/// The graph with its source and its sink.
fn complete_graph(source: &Source, plan: &VideoEncode) -> Result<String, JobError> {
    let have = Available { zscale: has_filter(c"zscale") };
    let middle = video_graph(source, plan, have).map_err(|e| failed(e.to_string()))?;
    let (width, height) = source.size;
    let format = source.pixel_format;
    Ok(format!(
        "buffer=video_size={width}x{height}:pix_fmt={format}:time_base=1/1000:pixel_aspect=1/1,{middle},\
         format=yuv420p,buffersink"
    ))
}
