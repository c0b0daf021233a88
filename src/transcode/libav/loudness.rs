//! Measures the loudness of audio before it is encoded.

use super::audio::AudioChain;
use super::audio_track::mix_filter;
use crate::job::JobError;
use crate::libav::channel_layout::layout;
use crate::libav::decoder::Decoder;
use crate::libav::filter::{Graph, Pulled};
use crate::libav::frame::Frame;
use crate::libav::input::Input;
use crate::libav::packet::Packet;
use crate::libav::time::NOPTS;
use crate::plan::AudioEncode;

/// Measures the integrated loudness of frames of any format.
#[derive(Default)]
struct LoudnessMeter {
    graph: Option<Graph>,
    integrated: Option<f64>,
}

impl LoudnessMeter {
    fn add(&mut self, mut frame: Frame, channels: u32) -> Result<(), JobError> {
        if self.graph.is_none() {
            let (rate, format) = (frame.get().sample_rate, frame.get().format);
            let layout = layout(&frame)?;
            // Measured after mixing, which changes the loudness.
            let mix = mix_filter(&layout, channels);
            self.graph = Some(Graph::new(&format!(
                "abuffer=sample_rate={rate}:sample_fmt={format}:channel_layout={layout}:time_base=1/{rate},{mix},\
                 ebur128=metadata=1,abuffersink"
            ))?);
        }
        let Some(graph) = &mut self.graph else { return Ok(()) };
        frame.get_mut().pts = NOPTS;
        graph.push(0, Some(&mut frame))?;
        while let Pulled::Frame(measured) = graph.pull(0)? {
            self.integrated = measured.number(c"lavfi.r128.I").or(self.integrated);
        }
        Ok(())
    }
}

/// Measures the gain in decibels that brings the planned audio to the integrated loudness `target` in LUFS; `None`
/// for silence.
pub(crate) fn loudness_gain(
    input: &mut Input,
    plan: &AudioEncode,
    start_s: f64,
    target: f64,
) -> Result<Option<f64>, JobError> {
    let mut meter = LoudnessMeter::default();
    match &plan.joined {
        None => measure_stream(input, plan, &mut meter)?,
        Some(_) => measure_joined(input, plan, start_s, &mut meter)?,
    }
    // The meter starts at its gate, -70 LUFS, which means that the audio is silent.
    Ok(meter.integrated.filter(|i| *i > -69.0).map(|i| (target - i).clamp(-40.0, 40.0)))
}

fn measure_stream(input: &mut Input, plan: &AudioEncode, meter: &mut LoudnessMeter) -> Result<(), JobError> {
    let mut decoder = Decoder::open(input, plan.stream, 1, false)?;
    let mut packet = Packet::new()?;
    let mut more = true;
    while more {
        more = input.read(&mut packet)?;
        if more && packet.get().stream_index != plan.stream as i32 {
            continue;
        }
        decoder.feed(more.then_some(&packet), &mut |frame| meter.add(frame, plan.channels))?;
    }
    Ok(())
}

/// Measures joined streams as they are joined, without gain.
fn measure_joined(
    input: &mut Input,
    plan: &AudioEncode,
    start_s: f64,
    meter: &mut LoudnessMeter,
) -> Result<(), JobError> {
    let mut chain = AudioChain::open(input, plan, start_s, None, None)?;
    let mut packet = Packet::new()?;
    let mut sink = |frame| meter.add(frame, plan.channels);
    while input.read(&mut packet)? {
        if u32::try_from(packet.get().stream_index).is_ok_and(|stream| chain.takes(stream)) {
            chain.push(Some(&packet), &mut sink)?;
        }
    }
    chain.push(None, &mut sink)
}
