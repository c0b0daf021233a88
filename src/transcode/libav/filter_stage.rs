//! Filters decoded frames into planned frames.

use std::collections::VecDeque;

use ffmpeg_next::ffi;

use crate::job::JobError;
use crate::libav::error::failed;
use crate::libav::filter::{Graph, Pulled, has_filter};
use crate::libav::frame::Frame;
use crate::libav::frame_format::{FrameFormat, frame_format, part_plan};
use crate::libav::sample::Sample;
use crate::libav::time::rational;
use crate::plan::VideoEncode;
use crate::transcode::available_filters::AvailableFilters;
use crate::transcode::filter_graph::video_graph;

/// Receives a planned frame, the number of ticks it is shown, and the decoded frame if it is a sample.
pub(crate) type PlannedSink<'a> = dyn FnMut(Frame, u64, Option<Sample>) -> Result<(), JobError> + 'a;

/// The size and the sample aspect ratio of a frame.
type Shape = ((u32, u32), (u32, u32));

/// The filter graph of the video, rebuilt when the frame format changes.
///
/// Encoding and verification both use it, so that the output is compared with the planned frames.
pub(crate) struct FilterStage {
    plan: VideoEncode,
    aspect: ffi::AVRational,
    graph: Option<(FrameFormat, Graph)>,
    /// The shape of the first frame, which the geometry of the plan is for.
    first: Option<Shape>,
    in_flight: VecDeque<(u64, Option<Sample>)>,
    pushed: i64,
    /// Ticks so far.
    ticks: u64,
    /// Ticks between two samples, and the tick of the next one.
    sampling: Option<(u64, u64)>,
}

impl FilterStage {
    /// Creates a stage. `aspect` is the sample aspect ratio of the container, if it declares one.
    pub(crate) fn new(plan: VideoEncode, aspect: ffi::AVRational) -> FilterStage {
        FilterStage {
            plan,
            aspect,
            graph: None,
            first: None,
            in_flight: VecDeque::new(),
            pushed: 0,
            ticks: 0,
            sampling: None,
        }
    }

    /// From now on passes the decoded frame with the planned one every `every` ticks.
    pub(crate) fn sample_every(&mut self, every: u64) {
        // Not the first frame, which is often black.
        self.sampling = Some((every.max(1), every / 4));
    }

    /// Returns the decoded frame if a sample is due.
    fn sample(&mut self, frame: &Frame, is_part: bool, ticks: u64) -> Result<Option<Sample>, JobError> {
        self.ticks += ticks;
        match &mut self.sampling {
            Some((every, next)) if self.ticks > *next => {
                *next += *every * ((self.ticks - *next).div_ceil(*every));
                Ok(Some(Sample { frame: frame.share()?, is_part }))
            }
            _ => Ok(None),
        }
    }

    /// Filters a frame. The frames passed to `sink` may be earlier ones.
    pub(crate) fn apply(
        &mut self,
        mut frame: Frame,
        ticks: u64,
        sink: &mut PlannedSink<'_>,
    ) -> Result<(), JobError> {
        let source = frame_format(&frame, self.aspect, &self.plan.undeclared);
        let shape = (source.size, source.sample_aspect_ratio);
        let is_part = *self.first.get_or_insert(shape) != shape;
        if self.graph.as_ref().is_none_or(|(built_for, _)| *built_for != source) {
            self.drain(sink)?;
            let text = match is_part {
                true => complete_graph(&source, &part_plan(&self.plan, &source))?,
                false => complete_graph(&source, &self.plan)?,
            };
            self.graph = Some((source, Graph::new(&text)?));
        }
        frame.get_mut().pts = self.pushed;
        frame.get_mut().sample_aspect_ratio = rational(1, 1);
        self.pushed += 1;
        let sample = self.sample(&frame, is_part, ticks)?;
        self.in_flight.push_back((ticks, sample));
        if let Some((_, graph)) = &mut self.graph {
            graph.push(0, Some(&mut frame))?;
        }
        // Without this reference, filters can work in place.
        drop(frame);
        self.pull(sink)
    }

    /// Flushes the graph.
    pub(crate) fn drain(&mut self, sink: &mut PlannedSink<'_>) -> Result<(), JobError> {
        if let Some((_, graph)) = &mut self.graph {
            graph.push(0, None)?;
            self.pull(sink)?;
        }
        self.graph = None;
        if self.in_flight.iter().any(|(count, _)| *count > 0) {
            return Err(failed("the filter graph returned fewer frames than it received"));
        }
        self.in_flight.clear();
        Ok(())
    }

    fn pull(&mut self, sink: &mut PlannedSink<'_>) -> Result<(), JobError> {
        let Some((_, graph)) = &mut self.graph else { return Ok(()) };
        while let Pulled::Frame(frame) = graph.pull(0)? {
            let in_flight = self.in_flight.pop_front();
            let (count, sample) =
                in_flight.ok_or_else(|| failed("the filter graph returned more frames than it received"))?;
            if count > 0 {
                sink(frame, count, sample)?;
            }
        }
        Ok(())
    }
}

/// Returns the text of the graph with its source and sink.
fn complete_graph(source: &FrameFormat, plan: &VideoEncode) -> Result<String, JobError> {
    let available = AvailableFilters { zscale: has_filter(c"zscale") };
    let filters = video_graph(source, plan, available).map_err(|e| failed(e.to_string()))?;
    let (width, height) = source.size;
    let format = source.pixel_format;
    Ok(format!(
        "buffer=video_size={width}x{height}:pix_fmt={format}:time_base=1/1000:pixel_aspect=1/1,{filters},\
         format=yuv420p,buffersink"
    ))
}
