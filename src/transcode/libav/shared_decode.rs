//! Shares one decoder between several outputs of the same source: each packet is decoded once, by the first
//! output that reaches it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ffmpeg_next::ffi;

use crate::job::JobError;
use crate::libav::decoder::Decoder;
use crate::libav::error::failed;
use crate::libav::frame::Frame;
use crate::libav::input::{Input, MAX_DAMAGE};
use crate::libav::packet::Packet;
use crate::model::DecodeError;

/// Maximum packets by which one output may be ahead of another; decoded frames may be large.
const MAX_AHEAD: usize = 4;

/// The decoded frames of a stream, from an own or a shared decoder.
pub(crate) enum FrameSource {
    Own(Decoder),
    Shared(SharedReader),
}

impl FrameSource {
    /// Opens the stream, with an own decoder unless a handle to a shared one is given.
    pub(crate) fn open(
        input: &mut Input,
        stream: u32,
        threads: u32,
        strict: bool,
        handle: Option<DecoderHandle>,
    ) -> Result<FrameSource, JobError> {
        match handle {
            None => Decoder::open(input, stream, threads, strict).map(FrameSource::Own),
            Some(handle) => handle.open(input, stream, threads, strict).map(FrameSource::Shared),
        }
    }

    /// Returns the time base of the frames.
    pub(crate) fn base(&self) -> ffi::AVRational {
        match self {
            FrameSource::Own(decoder) => decoder.base(),
            FrameSource::Shared(reader) => reader.base,
        }
    }

    /// Decodes a packet, or ends the stream for `None`, and passes the frames to `sink`.
    pub(crate) fn feed(
        &mut self,
        packet: Option<&Packet>,
        sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        match self {
            FrameSource::Own(decoder) => decoder.feed(packet, sink),
            FrameSource::Shared(reader) => reader.feed(packet)?.into_iter().try_for_each(sink),
        }
    }

    /// Discards all buffered data, for a seek.
    ///
    /// # Errors
    ///
    /// [`JobError::Failed`] for a shared decoder, because the other outputs do not seek.
    pub(crate) fn flush(&mut self) -> Result<(), JobError> {
        match self {
            FrameSource::Own(decoder) => {
                decoder.flush();
                Ok(())
            }
            FrameSource::Shared(_) => Err(failed("internal error: a looped video cannot share its decoder")),
        }
    }

    /// Stops reading, so that the other outputs no longer wait for this one.
    pub(crate) fn leave(&mut self) {
        if let FrameSource::Shared(reader) = self {
            reader.handle.leave();
        }
    }

    /// Returns the number of decoded frames.
    pub(crate) fn frames(&self) -> u64 {
        match self {
            FrameSource::Own(decoder) => decoder.frames,
            FrameSource::Shared(reader) => reader.frames,
        }
    }

    /// Returns errors for the first `count` packets that gave no frame, with their times; nothing while another
    /// output is decoding.
    pub(crate) fn without_frame(&self, count: u64) -> Vec<DecodeError> {
        match self {
            FrameSource::Own(decoder) => decoder.without_frame(count),
            FrameSource::Shared(reader) => {
                let state = reader.handle.shared.state();
                state.decoder.as_ref().map_or_else(Vec::new, |decoder| decoder.without_frame(count))
            }
        }
    }

    /// Returns the number of decode errors and the first of them.
    pub(crate) fn damage(&self) -> (u64, &[DecodeError]) {
        match self {
            FrameSource::Own(decoder) => (decoder.damage_count, &decoder.damage),
            FrameSource::Shared(reader) => (reader.damage_count, &reader.damage),
        }
    }
}

/// The result of decoding one packet.
struct DecodedPacket {
    frames: Vec<Frame>,
    damage: Vec<DecodeError>,
    damage_count: u64,
}

/// The shared decoder and the decoded packets that an output still needs.
struct SharedState {
    /// `None` while an output decodes with it.
    decoder: Option<Decoder>,
    /// The output that is decoding.
    decoding: Option<usize>,
    /// Whether an output stopped while it was decoding.
    abandoned: bool,
    /// The number of the first packet in `packets`.
    first: u64,
    packets: VecDeque<Result<DecodedPacket, JobError>>,
    /// The next packet that each output needs; `None` for outputs that have finished.
    next_needed: Vec<Option<u64>>,
    #[cfg(test)]
    decoded_frames: u64,
}

impl SharedState {
    /// Drops the packets that no output needs.
    fn drop_consumed(&mut self) {
        let first = self.next_needed.iter().flatten().min().copied().unwrap_or(u64::MAX);
        while self.first < first && self.packets.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// Returns a packet for one of the outputs, if it has been decoded.
    fn take(&mut self, number: u64, index: usize) -> Option<Result<DecodedPacket, JobError>> {
        let position = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let others = self.next_needed.iter().enumerate().filter(|(other, _)| *other != index);
        let is_last =
            others.filter_map(|(_, next_needed)| *next_needed).all(|next_needed| next_needed > number);
        if is_last && position == 0 {
            // No other output needs it: unshared frames can be filtered in place.
            let decoded = self.packets.pop_front()?;
            self.first += 1;
            return Some(decoded);
        }
        Some(self.packets.get(position)?.as_ref().map_err(JobError::clone).and_then(|decoded| {
            let frames = decoded.frames.iter().map(Frame::share).collect::<Result<_, _>>()?;
            Ok(DecodedPacket { frames, damage: decoded.damage.clone(), damage_count: decoded.damage_count })
        }))
    }
}

struct SharedDecoder {
    state: Mutex<SharedState>,
    changed: Condvar,
}

impl SharedDecoder {
    fn state(&self) -> MutexGuard<'_, SharedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An output's handle to a shared decoder. After it is dropped, the other outputs no longer wait for this one.
pub(crate) struct DecoderHandle {
    shared: Arc<SharedDecoder>,
    index: usize,
}

/// Creates handles for `count` outputs. Each output must feed the same packets in the same order.
pub(crate) fn decoder_handles(count: usize) -> Vec<DecoderHandle> {
    let state = SharedState {
        decoder: None,
        decoding: None,
        abandoned: false,
        first: 0,
        packets: VecDeque::new(),
        next_needed: vec![Some(0); count],
        #[cfg(test)]
        decoded_frames: 0,
    };
    let shared = Arc::new(SharedDecoder { state: Mutex::new(state), changed: Condvar::new() });
    (0..count).map(|index| DecoderHandle { shared: Arc::clone(&shared), index }).collect()
}

impl DecoderHandle {
    /// Opens the decoder, unless another output has.
    fn open(
        self,
        input: &mut Input,
        stream: u32,
        threads: u32,
        strict: bool,
    ) -> Result<SharedReader, JobError> {
        let raw = input.stream(stream)?;
        // SAFETY: the stream belongs to the open input; a plain field.
        let base = unsafe { (*raw).time_base };
        let mut state = self.shared.state();
        if state.decoder.is_none() && state.decoding.is_none() {
            state.decoder = Some(Decoder::open(input, stream, threads, strict)?);
        }
        drop(state);
        Ok(SharedReader { handle: self, base, next: 0, frames: 0, damage: Vec::new(), damage_count: 0 })
    }

    fn leave(&self) {
        let mut state = self.shared.state();
        state.abandoned |= state.decoding == Some(self.index);
        if let Some(next_needed) = state.next_needed.get_mut(self.index) {
            *next_needed = None;
        }
        state.drop_consumed();
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Returns the number of frames decoded for all outputs together.
    #[cfg(test)]
    pub(crate) fn decoded_frames(&self) -> impl Fn() -> u64 + use<> {
        let shared = Arc::clone(&self.shared);
        move || shared.state().decoded_frames
    }
}

impl Drop for DecoderHandle {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Reads from a shared decoder for one output.
pub(crate) struct SharedReader {
    handle: DecoderHandle,
    base: ffi::AVRational,
    next: u64,
    frames: u64,
    damage: Vec<DecodeError>,
    damage_count: u64,
}

impl SharedReader {
    fn feed(&mut self, packet: Option<&Packet>) -> Result<Vec<Frame>, JobError> {
        let mut decoded = self.next_packet(packet)?;
        self.frames += decoded.frames.len() as u64;
        self.damage_count += decoded.damage_count;
        decoded.damage.truncate(MAX_DAMAGE.saturating_sub(self.damage.len()));
        self.damage.append(&mut decoded.damage);
        Ok(decoded.frames)
    }

    /// Returns the next packet, decoded by another output or by this one.
    fn next_packet(&mut self, packet: Option<&Packet>) -> Result<DecodedPacket, JobError> {
        let DecoderHandle { shared, index } = &self.handle;
        let mut state = shared.state();
        loop {
            if let Some(decoded) = state.take(self.next, *index) {
                self.next += 1;
                if let Some(next_needed) = state.next_needed.get_mut(*index) {
                    *next_needed = Some(self.next);
                }
                state.drop_consumed();
                drop(state);
                shared.changed.notify_all();
                return decoded;
            }
            if state.abandoned {
                return Err(failed("the shared decoder stopped because another output of the source failed"));
            }
            let decoder = if state.packets.len() < MAX_AHEAD { state.decoder.take() } else { None };
            state = match decoder {
                Some(mut decoder) => {
                    state.decoding = Some(*index);
                    drop(state);
                    let decoded = decode_packet(&mut decoder, packet);
                    let mut state = shared.state();
                    #[cfg(test)]
                    {
                        state.decoded_frames +=
                            decoded.as_ref().map_or(0, |decoded| decoded.frames.len() as u64);
                    }
                    state.decoding = None;
                    state.decoder = Some(decoder);
                    state.packets.push_back(decoded);
                    shared.changed.notify_all();
                    state
                }
                None => shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

fn decode_packet(decoder: &mut Decoder, packet: Option<&Packet>) -> Result<DecodedPacket, JobError> {
    let before = decoder.damage_count;
    let mut frames = Vec::new();
    decoder.feed(packet, &mut |frame| {
        frames.push(frame);
        Ok(())
    })?;
    let damage = std::mem::take(&mut decoder.damage);
    Ok(DecodedPacket { frames, damage, damage_count: decoder.damage_count - before })
}
