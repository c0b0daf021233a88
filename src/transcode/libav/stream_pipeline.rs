//! What becomes of one stream of the output: copied, encoded, or generated silence.

use super::audio::{AudioChain, AudioFramer};
use super::copy::{Copier, CopyPlan};
use super::loudness::loudness_gain;
use super::shared_decode::DecoderHandle;
use super::video::VideoChain;
use crate::job::JobError;
use crate::libav::decoder::hides_errors;
use crate::libav::error::failed;
use crate::libav::input::{Input, stream_codec};
use crate::plan::{AudioPlan, OutputSpec, VideoPlan, VideoTags};

pub(super) enum StreamPipeline<C> {
    None,
    Copy(u32, Box<Copier>),
    Encode(u32, Box<C>),
    Silence(AudioFramer),
}

impl StreamPipeline<VideoChain> {
    /// Opens the pipeline of the planned video; `decoder` is shared with other outputs.
    pub(super) fn video(
        input: &mut Input,
        spec: &OutputSpec,
        limit_s: Option<f64>,
        decoder: Option<DecoderHandle>,
    ) -> Result<StreamPipeline<VideoChain>, JobError> {
        Ok(match &spec.video {
            None => StreamPipeline::None,
            Some(VideoPlan::Copy { stream, tags }) => {
                let plan = copy_plan(spec, limit_s, *stream, Some(tags));
                StreamPipeline::Copy(*stream, Box::new(Copier::open(input, &plan)?))
            }
            Some(VideoPlan::Encode(plan)) => {
                // A decoder that hides errors may do so only with consent.
                let strict = !spec.conceal && hides_errors(stream_codec(input, plan.stream).as_ref());
                let source = (spec.threads, strict, decoder);
                let mut chain = VideoChain::open(input, plan, spec.start_s, limit_s, source)?;
                if spec.cut_before_start {
                    chain.cut_at(spec.start_s);
                }
                StreamPipeline::Encode(plan.stream, Box::new(chain))
            }
            // `transcode::image` writes images.
            Some(VideoPlan::Image(_)) => return Err(failed("internal error: an image is not a stream")),
        })
    }
}

impl StreamPipeline<AudioChain> {
    /// Opens the pipeline of the planned audio.
    pub(super) fn audio(
        input: &mut Input,
        spec: &OutputSpec,
        limit_s: Option<f64>,
    ) -> Result<StreamPipeline<AudioChain>, JobError> {
        Ok(match &spec.audio {
            None => StreamPipeline::None,
            Some(AudioPlan::Copy { stream }) => {
                let plan = copy_plan(spec, limit_s, *stream, None);
                StreamPipeline::Copy(*stream, Box::new(Copier::open(input, &plan)?))
            }
            Some(AudioPlan::Encode(plan)) => {
                let gain = match plan.loudness_lufs {
                    // Reopened, because not every container gives the same packets after rewinding.
                    Some(target) => loudness_gain(&mut input.reopen()?, plan, spec.start_s, target)?,
                    None => None,
                };
                let mut chain = AudioChain::open(input, plan, spec.start_s, limit_s, gain)?;
                chain.cut_before_start(spec.cut_before_start);
                StreamPipeline::Encode(plan.stream, Box::new(chain))
            }
            Some(AudioPlan::Silence { sample_rate, channels, .. }) => {
                StreamPipeline::Silence(AudioFramer::new(*sample_rate, *channels, None))
            }
        })
    }
}

impl<C> StreamPipeline<C> {
    pub(super) fn stream(&self) -> Option<u32> {
        match self {
            StreamPipeline::Copy(stream, _) | StreamPipeline::Encode(stream, _) => Some(*stream),
            StreamPipeline::None | StreamPipeline::Silence(_) => None,
        }
    }

    pub(super) fn copier(&self) -> Option<&Copier> {
        match self {
            StreamPipeline::Copy(_, copier) => Some(copier),
            _ => None,
        }
    }
}

/// Returns how a stream is copied; video has `tags`.
fn copy_plan<'a>(
    spec: &OutputSpec,
    limit_s: Option<f64>,
    stream: u32,
    tags: Option<&'a VideoTags>,
) -> CopyPlan<'a> {
    CopyPlan { stream, tags, start_s: spec.start_s, limit_s }
}
