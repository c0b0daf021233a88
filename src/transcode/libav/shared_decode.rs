//! One decoder for several videos of the same source: every picture is decoded once, by whichever video comes
//! to it first.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ffmpeg_next::ffi;

use super::av::{Frame, Packet, failed};
use super::decode::{Decoder, MAX_DAMAGE};
use crate::job::JobError;
use crate::model::Damage;

/// Packets by which one video may be ahead of another; their pictures may be large.
const AHEAD: usize = 4;

/// The pictures of a stream, from a decoder of one's own or from one that others use too.
pub(crate) enum Pictures {
    Own(Decoder),
    Shared(Reader),
}

impl Pictures {
    /// Opens the stream: with a decoder of its own unless a place at a shared one is given.
    pub(crate) fn open(
        stream: *mut ffi::AVStream,
        threads: u32,
        place: Option<Place>,
    ) -> Result<Pictures, JobError> {
        match place {
            None => Decoder::open(stream, threads, false).map(Pictures::Own),
            Some(place) => place.open(stream, threads).map(Pictures::Shared),
        }
    }

    /// The time base of the frames.
    pub(crate) fn base(&self) -> ffi::AVRational {
        match self {
            Pictures::Own(decoder) => decoder.base(),
            Pictures::Shared(reader) => reader.base,
        }
    }

    /// Feeds a packet, or the end, and hands out what comes.
    pub(crate) fn feed(
        &mut self,
        packet: Option<&Packet>,
        sink: &mut dyn FnMut(Frame) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        match self {
            Pictures::Own(decoder) => decoder.feed(packet, sink),
            Pictures::Shared(reader) => reader.feed(packet)?.into_iter().try_for_each(sink),
        }
    }

    /// Forgets everything, for a jump.
    ///
    /// # Errors
    ///
    /// [`JobError::Failed`] for a shared decoder: the others do not jump.
    pub(crate) fn flush(&mut self) -> Result<(), JobError> {
        match self {
            Pictures::Own(decoder) => {
                decoder.flush();
                Ok(())
            }
            Pictures::Shared(_) => Err(failed("a video that begins again cannot share its decoder")),
        }
    }

    /// Nothing more is wanted, so that nobody has to wait for this video.
    pub(crate) fn leave(&mut self) {
        if let Pictures::Shared(reader) = self {
            reader.place.leave();
        }
    }

    /// Frames that came out.
    pub(crate) fn frames(&self) -> u64 {
        match self {
            Pictures::Own(decoder) => decoder.frames,
            Pictures::Shared(reader) => reader.frames,
        }
    }

    /// How often the decoder complained, with the first complaints.
    pub(crate) fn damage(&self) -> (u64, &[Damage]) {
        match self {
            Pictures::Own(decoder) => (decoder.damage_count, &decoder.damage),
            Pictures::Shared(reader) => (reader.damage_count, &reader.damage),
        }
    }
}

/// What one packet came to.
struct Step {
    frames: Vec<Frame>,
    damage: Vec<Damage>,
    damage_count: u64,
}

/// The decoder, and what came out of it and is still wanted.
struct State {
    /// Away while somebody decodes.
    decoder: Option<Decoder>,
    /// Who decodes.
    busy: Option<usize>,
    /// Whoever decoded did not come back.
    broken: bool,
    /// The number of the first step that is kept.
    first: u64,
    steps: VecDeque<Result<Step, JobError>>,
    /// The step that each video wants next; `None` for those that want none.
    wanted: Vec<Option<u64>>,
    #[cfg(test)]
    decoded: u64,
}

impl State {
    /// Drops the steps that nobody will ask for.
    fn forget(&mut self) {
        let first = self.wanted.iter().flatten().min().copied().unwrap_or(u64::MAX);
        while self.first < first && self.steps.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// The step of a number for one of the videos, if it was made.
    fn take(&mut self, number: u64, who: usize) -> Option<Result<Step, JobError>> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let others = self.wanted.iter().enumerate().filter(|(other, _)| *other != who);
        let is_last = others.filter_map(|(_, wanted)| *wanted).all(|wanted| wanted > number);
        if is_last && place == 0 {
            // Nobody else will look: its pictures may be worked on where they lie.
            let step = self.steps.pop_front()?;
            self.first += 1;
            return Some(step);
        }
        Some(self.steps.get(place)?.as_ref().map_err(JobError::clone).and_then(|step| {
            let frames = step.frames.iter().map(Frame::share).collect::<Result<_, _>>()?;
            Ok(Step { frames, damage: step.damage.clone(), damage_count: step.damage_count })
        }))
    }
}

struct Hub {
    state: Mutex<State>,
    moved: Condvar,
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A video's place at a decoder that it shares. Dropped, nobody waits for the video any more.
pub(crate) struct Place {
    hub: Arc<Hub>,
    who: usize,
}

/// Places for so many videos. Every one of them feeds the same packets in the same order.
pub(crate) fn places(count: usize) -> Vec<Place> {
    let state = State {
        decoder: None,
        busy: None,
        broken: false,
        first: 0,
        steps: VecDeque::new(),
        wanted: vec![Some(0); count],
        #[cfg(test)]
        decoded: 0,
    };
    let hub = Arc::new(Hub { state: Mutex::new(state), moved: Condvar::new() });
    (0..count).map(|who| Place { hub: Arc::clone(&hub), who }).collect()
}

impl Place {
    /// Opens the decoder, if nobody has.
    fn open(self, stream: *mut ffi::AVStream, threads: u32) -> Result<Reader, JobError> {
        // SAFETY: the stream belongs to an input that the caller holds open; a plain field.
        let base = unsafe { (*stream).time_base };
        let mut state = self.hub.state();
        if state.decoder.is_none() && state.busy.is_none() {
            state.decoder = Some(Decoder::open(stream, threads, false)?);
        }
        drop(state);
        Ok(Reader { place: self, base, next: 0, frames: 0, damage: Vec::new(), damage_count: 0 })
    }

    fn leave(&self) {
        let mut state = self.hub.state();
        state.broken |= state.busy == Some(self.who);
        if let Some(wanted) = state.wanted.get_mut(self.who) {
            *wanted = None;
        }
        state.forget();
        drop(state);
        self.hub.moved.notify_all();
    }

    /// Pictures that were decoded for all videos together.
    #[cfg(test)]
    pub(crate) fn decoded(&self) -> impl Fn() -> u64 + use<> {
        let hub = Arc::clone(&self.hub);
        move || hub.state().decoded
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A video that reads from a shared decoder.
pub(crate) struct Reader {
    place: Place,
    base: ffi::AVRational,
    next: u64,
    frames: u64,
    damage: Vec<Damage>,
    damage_count: u64,
}

impl Reader {
    fn feed(&mut self, packet: Option<&Packet>) -> Result<Vec<Frame>, JobError> {
        let mut step = self.step(packet)?;
        self.frames += step.frames.len() as u64;
        self.damage_count += step.damage_count;
        step.damage.truncate(MAX_DAMAGE.saturating_sub(self.damage.len()));
        self.damage.append(&mut step.damage);
        Ok(step.frames)
    }

    /// What the next packet comes to: from whoever decoded it, or by decoding it.
    fn step(&mut self, packet: Option<&Packet>) -> Result<Step, JobError> {
        let Place { hub, who } = &self.place;
        let mut state = hub.state();
        loop {
            if let Some(step) = state.take(self.next, *who) {
                self.next += 1;
                if let Some(wanted) = state.wanted.get_mut(*who) {
                    *wanted = Some(self.next);
                }
                state.forget();
                drop(state);
                hub.moved.notify_all();
                return step;
            }
            if state.broken {
                return Err(failed("the shared decoder has stopped"));
            }
            let decoder = if state.steps.len() < AHEAD { state.decoder.take() } else { None };
            state = match decoder {
                Some(mut decoder) => {
                    state.busy = Some(*who);
                    drop(state);
                    let step = decoded(&mut decoder, packet);
                    let mut state = hub.state();
                    #[cfg(test)]
                    {
                        state.decoded += step.as_ref().map_or(0, |step| step.frames.len() as u64);
                    }
                    state.busy = None;
                    state.decoder = Some(decoder);
                    state.steps.push_back(step);
                    hub.moved.notify_all();
                    state
                }
                None => hub.moved.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

fn decoded(decoder: &mut Decoder, packet: Option<&Packet>) -> Result<Step, JobError> {
    let before = decoder.damage_count;
    let mut frames = Vec::new();
    decoder.feed(packet, &mut |frame| {
        frames.push(frame);
        Ok(())
    })?;
    let damage = std::mem::take(&mut decoder.damage);
    Ok(Step { frames, damage, damage_count: decoder.damage_count - before })
}
