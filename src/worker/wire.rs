//! Messages between parent and worker: four bytes of length, then the body. Descriptors are sent with
//! the length. Bodies are JSON, except for the facts of a probe, which use a compact form.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recv, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use crate::job::{Job, JobError, JobOutput, MAX_OUTPUTS, Progress, WorkerInfo};
use crate::model::Compact;

/// The longest message; the facts of an ordinary file are a few kilobytes.
pub(super) const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// A message from the parent.
#[derive(Serialize, Deserialize)]
pub(super) enum Request {
    /// Run a job. Its descriptors are sent with this message.
    Run {
        /// The job.
        job: Box<Job>,
        /// The file's name for messages.
        name: String,
    },
    /// Cancel the job.
    Cancel,
}

/// A message from the worker.
#[derive(Serialize, Deserialize)]
pub(super) enum Reply {
    /// Sent once, at the start: the isolation in force.
    Hello(Box<WorkerInfo>),
    /// The progress of the job.
    Progress(Progress),
    /// The result of the job, after which the worker ends.
    Done(Box<Result<JobOutput, JobError>>),
}

/// A message from the parent to the template.
#[derive(Serialize, Deserialize)]
pub(super) enum TemplateRequest {
    /// Fork a worker. Its socket is sent with this message.
    Fork,
    /// Kill a worker and wait for its end.
    End {
        /// The worker's process id.
        pid: i32,
    },
    /// Look whether a worker has ended. Once it is answered that it has, its id may belong to another process.
    Status {
        /// The worker's process id.
        pid: i32,
    },
}

/// A message from the template.
#[derive(Serialize, Deserialize)]
pub(super) enum TemplateReply {
    /// Sent once, at the start: the version and what is known about the media library.
    Hello(String, Box<WorkerInfo>),
    /// A worker was forked.
    Forked {
        /// The worker's process id.
        pid: i32,
    },
    /// The worker runs.
    Running,
    /// The worker has ended.
    Ended {
        /// Its status as `wait` returns it.
        status: i32,
    },
    /// The request was not carried out, for this reason.
    Refused(String),
}

/// First byte of the compact form of probe facts; JSON never begins with it.
const FACTS: u8 = 0;

/// A message that can be sent over the socket.
pub(super) trait Message: Sized {
    /// Encodes the message.
    fn encode(&self) -> io::Result<Vec<u8>>;
    /// Decodes a message.
    fn decode(bytes: &[u8]) -> io::Result<Self>;
}

impl Message for Request {
    fn encode(&self) -> io::Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(io::Error::other)
    }

    fn decode(bytes: &[u8]) -> io::Result<Request> {
        serde_json::from_slice(bytes).map_err(io::Error::other)
    }
}

impl Message for TemplateRequest {
    fn encode(&self) -> io::Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(io::Error::other)
    }

    fn decode(bytes: &[u8]) -> io::Result<TemplateRequest> {
        serde_json::from_slice(bytes).map_err(io::Error::other)
    }
}

impl Message for TemplateReply {
    fn encode(&self) -> io::Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(io::Error::other)
    }

    fn decode(bytes: &[u8]) -> io::Result<TemplateReply> {
        serde_json::from_slice(bytes).map_err(io::Error::other)
    }
}

impl Message for Reply {
    fn encode(&self) -> io::Result<Vec<u8>> {
        if let Reply::Done(result) = self
            && let Ok(JobOutput::Probed(facts)) = &**result
        {
            let mut bytes = Vec::with_capacity(1024);
            bytes.push(FACTS);
            facts.put(&mut bytes);
            return Ok(bytes);
        }
        serde_json::to_vec(self).map_err(io::Error::other)
    }

    fn decode(bytes: &[u8]) -> io::Result<Reply> {
        let Some((&FACTS, mut rest)) = bytes.split_first() else {
            return bounded(serde_json::from_slice(bytes)?).map_err(io::Error::other);
        };
        match Compact::take(&mut rest) {
            Some(facts) if rest.is_empty() => {
                Ok(Reply::Done(Box::new(Ok(JobOutput::Probed(Box::new(facts))))))
            }
            _ => Err(io::Error::other("malformed facts")),
        }
    }
}

/// The largest amount of a number in a message: seconds, frames a second, decibels. Sums and quotients of such
/// numbers stay far from the limits of a [`std::time::Duration`].
const MAX_AMOUNT: f64 = 1e9;

/// Returns a reply with all fractional numbers within [`MAX_AMOUNT`], and progress not below zero: a worker that a
/// hostile file has taken over can send any number.
///
/// The typed message is converted once more, since only its type tells which numbers are fractional. Those that
/// are not finite are null there, which no such field accepts.
fn bounded(reply: Reply) -> serde_json::Result<Reply> {
    if let Reply::Progress(Progress { done_s, total_s, frames }) = reply {
        let bound = |seconds: f64| if seconds.is_finite() { seconds.clamp(0.0, MAX_AMOUNT) } else { 0.0 };
        return Ok(Reply::Progress(Progress { done_s: bound(done_s), total_s: total_s.map(bound), frames }));
    }
    let mut value = serde_json::to_value(reply)?;
    bound_numbers(&mut value);
    serde_json::from_value(value)
}

fn bound_numbers(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Number(number) if number.is_f64() => {
            let bounded = number.as_f64().map(|amount| amount.clamp(-MAX_AMOUNT, MAX_AMOUNT));
            *value = bounded.and_then(serde_json::Number::from_f64).map_or(Value::Null, Value::Number);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_numbers),
        Value::Object(fields) => fields.values_mut().for_each(bound_numbers),
        _ => {}
    }
}

pub(super) fn send<T: Message>(mut to: &UnixStream, message: &T, files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let body = message.encode()?;
    if body.len() > MAX_MESSAGE_BYTES {
        return Err(io::Error::other("message too long"));
    }
    let length = (body.len() as u32).to_be_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1 + MAX_OUTPUTS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::Error::other("too many descriptors"));
    }
    // One call, so that the receiver is woken only once.
    let parts = [IoSlice::new(&length), IoSlice::new(&body)];
    let sent = retry_on_intr(|| sendmsg(to, &parts, &mut control, SendFlags::NOSIGNAL))?;
    to.write_all(length.get(sent..).unwrap_or_default())?;
    to.write_all(body.get(sent.saturating_sub(length.len())..).unwrap_or_default())
}

/// Returns whether a message is waiting to be received, or the peer has hung up.
pub(super) fn has_pending(from: &UnixStream) -> io::Result<bool> {
    let mut byte = [0];
    match recv(from, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok(_) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Receives a message with its descriptors, blocking.
pub(super) fn receive<T: Message>(mut from: &UnixStream) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut length = [0; 4];
    let mut files = Vec::new();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1 + MAX_OUTPUTS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    // A call with a timeout is not started again after a signal handler.
    let count = retry_on_intr(|| {
        recvmsg(from, &mut [IoSliceMut::new(&mut length)], &mut control, RecvFlags::CMSG_CLOEXEC)
    })?
    .bytes;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            files.extend(received);
        }
    }
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    from.read_exact(&mut length[count..])?;
    let mut body = vec![0; message_length(length)?];
    from.read_exact(&mut body)?;
    Ok((T::decode(&body)?, files))
}

/// Returns the length of a message in bytes, or an error when it exceeds the maximum.
pub(super) fn message_length(length: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_MESSAGE_BYTES { Err(io::Error::other("message too long")) } else { Ok(length) }
}

/// Returns the version of the protocol, which must be the same on both sides.
pub(super) fn version() -> String {
    format!("{}/9", env!("CARGO_PKG_VERSION"))
}

/// Parses `bytes` as received from either side and returns the number of messages.
///
/// Only for the fuzz target; the protocol itself is private.
#[doc(hidden)]
pub fn count_messages_for_fuzzing(bytes: &[u8]) -> std::io::Result<usize> {
    // Must fit into the socket's buffer, since nothing reads while this writes.
    let bytes = &bytes[..bytes.len().min(32 * 1024)];
    let filled_socket = || {
        let (mut there, here) = UnixStream::pair()?;
        there.write_all(bytes)?;
        std::io::Result::Ok(here)
    };
    fn count<T: Message>(socket: UnixStream) -> usize {
        std::iter::from_fn(|| receive::<T>(&socket).ok()).count()
    }
    Ok(count::<Request>(filled_socket()?)
        + count::<Reply>(filled_socket()?)
        + count::<TemplateRequest>(filled_socket()?)
        + count::<TemplateReply>(filled_socket()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::FixReport;
    use crate::model::example::media;

    /// Sends a result as a reply and returns it as received.
    fn sent_and_received(result: Result<JobOutput, JobError>) -> Result<JobOutput, JobError> {
        let (here, there) = UnixStream::pair().unwrap();
        send(&there, &Reply::Done(Box::new(result)), &[]).unwrap();
        match receive(&here).unwrap() {
            (Reply::Done(result), _) => *result,
            _ => panic!("unexpected message"),
        }
    }

    #[test]
    fn facts_and_errors_survive_the_socket() {
        let facts = Ok(JobOutput::Probed(Box::new(media())));
        assert_eq!(sent_and_received(facts.clone()), facts);
        let lost = Err(JobError::WorkerLost {
            death: crate::job::WorkerDeath::Crashed,
            message: "it \u{0} ended".into(),
        });
        assert_eq!(sent_and_received(lost.clone()), lost);
        let results = vec![Ok(FixReport::default()), Err(JobError::Failed("too large".into()))];
        let fixed = Ok(JobOutput::Fixed { results });
        assert_eq!(sent_and_received(fixed.clone()), fixed);
    }

    /// Sends the bytes of a message and returns the message as received.
    fn received(json: &str) -> io::Result<Reply> {
        Reply::decode(json.as_bytes())
    }

    #[test]
    fn absurd_numbers_are_bounded_or_malformed() {
        for (done, expected) in
            [("1e-300", 1e-300), ("-5", 0.0), ("1e300", 1e9), ("18446744073709551615", 1e9)]
        {
            let json = format!(r#"{{"Progress":{{"done_s":{done},"total_s":{done},"frames":0}}}}"#);
            match received(&json).unwrap() {
                Reply::Progress(progress) => {
                    assert_eq!((progress.done_s, progress.total_s), (expected, Some(expected)), "{done}");
                }
                _ => panic!("{done}"),
            }
        }
        assert!(received(r#"{"Progress":{"done_s":1e999,"total_s":null,"frames":0}}"#).is_err());
        for (at, expected) in [("1e300", 1e9), ("-1e300", -1e9), ("18446744073709551615", 1e9), ("2.5", 2.5)]
        {
            match received(&format!(r#"{{"Done":{{"Ok":{{"output":"cover","at_s":{at}}}}}}}"#)).unwrap() {
                Reply::Done(result) => match *result {
                    Ok(JobOutput::Cover(report)) => assert_eq!(report.at_s, expected),
                    other => panic!("{other:?}"),
                },
                _ => panic!("{at}"),
            }
        }
        let mut facts = media();
        for (duration, expected) in [(1e300, Some(1e9)), (f64::NAN, None), (f64::INFINITY, None)] {
            facts.duration_s = Some(duration);
            let bytes =
                Reply::Done(Box::new(Ok(JobOutput::Probed(Box::new(facts.clone()))))).encode().unwrap();
            match Reply::decode(&bytes) {
                Ok(Reply::Done(result)) => match *result {
                    Ok(JobOutput::Probed(facts)) => assert_eq!(facts.duration_s, expected),
                    other => panic!("{other:?}"),
                },
                _ => assert_eq!(expected, None),
            }
        }
    }

    #[test]
    fn rejects_truncated_facts_and_trailing_bytes() {
        let mut bytes = Reply::Done(Box::new(Ok(JobOutput::Probed(Box::new(media()))))).encode().unwrap();
        assert!(Reply::decode(&bytes).is_ok());
        assert!(Reply::decode(&bytes[..bytes.len() - 1]).is_err());
        bytes.push(0);
        assert!(Reply::decode(&bytes).is_err());
    }
}
