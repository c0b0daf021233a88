//! Runs a video in stages that work at the same time: demux and decode, then the filter graph, then
//! whoever receives the result.
//!
//! Between two stages lies a bounded channel that keeps the order, so that the receiver is told the
//! same, in the same order, as without threads: what comes out does not depend on who was faster. A
//! stage that is ahead waits for the next one.

use std::sync::mpsc::{Receiver as Inbox, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use ffmpeg_next::ffi;

use super::av::{Frame, Packet, failed};
use super::filter_stage::FilterStage;
use super::transcoder::{Kind, Length, Receiver, Transcoder};
use crate::job::JobError;

/// How many messages wait between two stages. About every third is a picture, and these may be large.
const WAITING: usize = 8;

/// What one stage tells the next.
enum Message {
    Sample(Frame),
    Picture(Frame, u64),
    PicturesEnd,
    Audio(Frame),
    Copied(Kind, Packet, ffi::AVRational),
    Done(f64),
}

impl Message {
    fn deliver(self, to: &mut dyn Receiver) -> Result<(), JobError> {
        match self {
            Message::Sample(frame) => to.sample(frame),
            Message::Picture(frame, ticks) => to.picture(frame, ticks),
            Message::PicturesEnd => to.pictures_end(),
            Message::Audio(frame) => to.audio(frame),
            Message::Copied(kind, mut packet, base) => to.copied(kind, &mut packet, base),
            Message::Done(seconds) => to.done(seconds),
        }
    }
}

/// The end of a stage: hands everything to the next one.
struct Relay(SyncSender<Message>);

impl Relay {
    fn send(&self, message: Message) -> Result<(), JobError> {
        // Nobody listens any more: the next stage has failed, and its reason is the one that counts.
        self.0.send(message).map_err(|_| failed("the next stage has stopped"))
    }
}

impl Receiver for Relay {
    fn sample(&mut self, frame: Frame) -> Result<(), JobError> {
        self.send(Message::Sample(frame))
    }

    fn picture(&mut self, frame: Frame, ticks: u64) -> Result<(), JobError> {
        self.send(Message::Picture(frame, ticks))
    }

    fn pictures_end(&mut self) -> Result<(), JobError> {
        self.send(Message::PicturesEnd)
    }

    fn audio(&mut self, frame: Frame) -> Result<(), JobError> {
        self.send(Message::Audio(frame))
    }

    fn copied(&mut self, kind: Kind, packet: &mut Packet, base: ffi::AVRational) -> Result<(), JobError> {
        let packet = std::mem::replace(packet, Packet::new()?);
        self.send(Message::Copied(kind, packet, base))
    }

    fn done(&mut self, seconds: f64) -> Result<(), JobError> {
        self.send(Message::Done(seconds))
    }
}

/// Develops pictures on their way; everything else passes through.
struct FilteringThread {
    darkroom: FilterStage,
    to: Relay,
}

impl Receiver for FilteringThread {
    fn picture(&mut self, frame: Frame, ticks: u64) -> Result<(), JobError> {
        let FilteringThread { darkroom, to } = self;
        darkroom.develop(frame, ticks, &mut |frame, ticks, sample| {
            sample.map_or(Ok(()), |sample| to.sample(sample))?;
            to.picture(frame, ticks)
        })
    }

    fn pictures_end(&mut self) -> Result<(), JobError> {
        let FilteringThread { darkroom, to } = self;
        darkroom.empty(&mut |frame, ticks, sample| {
            sample.map_or(Ok(()), |sample| to.sample(sample))?;
            to.picture(frame, ticks)
        })?;
        to.pictures_end()
    }

    fn audio(&mut self, frame: Frame) -> Result<(), JobError> {
        self.to.audio(frame)
    }

    fn copied(&mut self, kind: Kind, packet: &mut Packet, base: ffi::AVRational) -> Result<(), JobError> {
        self.to.copied(kind, packet, base)
    }

    fn done(&mut self, seconds: f64) -> Result<(), JobError> {
        self.to.done(seconds)
    }
}

/// Runs a video to its end with planned pictures for `to`, which is called in this thread.
///
/// # Errors
///
/// That of the last stage that failed by itself.
pub(crate) fn run(transcoder: &mut Transcoder, to: &mut dyn Receiver) -> Result<Length, JobError> {
    if !transcoder.decodes() {
        // Copies only: reading and writing share the disk, not the processor.
        return transcoder.run(to);
    }
    let mut darkroom = transcoder.chain().map(|chain| chain.darkroom());
    if let (Some(darkroom), Some(every)) = (&mut darkroom, to.samples_every()) {
        darkroom.take_samples(every);
    }
    thread::scope(|scope| {
        let (sender, mut inbox) = sync_channel(WAITING);
        let decoding = start(scope, "decode", move || transcoder.run(&mut Relay(sender)))?;
        let developing = match darkroom {
            Some(darkroom) => {
                let (sender, developed) = sync_channel(WAITING);
                let decoded = std::mem::replace(&mut inbox, developed);
                let mut stage = FilteringThread { darkroom, to: Relay(sender) };
                Some(start(scope, "filter", move || receive(decoded, &mut stage))?)
            }
            None => None,
        };
        // Whoever stops drops its inbox, so that the stages before it end too.
        let received = receive(inbox, to);
        let developed = developing.map_or(Ok(()), joined);
        let decoded = joined(decoding);
        received.and(developed).and(decoded)
    })
}

fn receive(inbox: Inbox<Message>, to: &mut dyn Receiver) -> Result<(), JobError> {
    inbox.into_iter().try_for_each(|message| message.deliver(to))
}

fn start<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> Result<T, JobError> + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Result<T, JobError>>, JobError> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn_scoped(scope, work).map_err(|error| failed(format!("cannot start a thread: {error}")))
}

/// The result of a stage; its panic goes on in this thread.
fn joined<T>(stage: ScopedJoinHandle<'_, Result<T, JobError>>) -> Result<T, JobError> {
    stage.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
