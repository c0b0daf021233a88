//! Frames between parent and worker: four bytes of length, then the message. Descriptors travel with
//! the length. Messages are JSON, but for the facts of a probe, of which thousands are sent.
//!
//! Beside the line there is a bell, from the worker to the parent: a parent that slept on the line
//! would be woken for every result of a row, and waking costs more than a result.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recv, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use crate::job::{Job, JobError, JobOutput, MOST_OUTPUTS, Progress, WorkerInfo};
use crate::model::Compact;

/// No message is longer; facts of a sane file are a few kilobytes.
pub(super) const MAX_FRAME: usize = 16 << 20;

/// What the parent asks.
#[derive(Serialize, Deserialize)]
pub(super) enum Request {
    /// To do a job. Descriptors come along.
    Run {
        /// What to do.
        job: Box<Job>,
        /// What to call the file.
        name: String,
        /// Whether the parent waits for the result, or goes on sending.
        wake: bool,
    },
    /// To give up the job sent last, if it is still going on.
    Cancel,
}

/// What the worker says.
#[derive(Serialize, Deserialize)]
pub(super) enum Reply {
    /// Once, at the start: the version and what keeps it apart.
    Hello(String, Box<WorkerInfo>),
    /// A sign of life.
    Progress(Progress),
    /// The end of a job.
    Done(Box<Result<JobOutput, JobError>>),
}

/// Begins the compact form of the facts of a probe; no JSON begins with it.
const FACTS: u8 = 0;

/// What can be sent over the line.
pub(super) trait Message: Sized {
    /// The message as bytes.
    fn encode(&self) -> io::Result<Vec<u8>>;
    /// The message that the bytes hold.
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
            return serde_json::from_slice(bytes).map_err(io::Error::other);
        };
        match Compact::take(&mut rest) {
            Some(facts) if rest.is_empty() => {
                Ok(Reply::Done(Box::new(Ok(JobOutput::Probed(Box::new(facts))))))
            }
            _ => Err(io::Error::other("these are no facts")),
        }
    }
}

pub(super) fn send<T: Message>(mut to: &UnixStream, message: &T, files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let body = message.encode()?;
    if body.len() > MAX_FRAME {
        return Err(io::Error::other("message too long"));
    }
    let length = (body.len() as u32).to_be_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1 + MOST_OUTPUTS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::Error::other("too many descriptors"));
    }
    // In one go: whoever waits is then woken once.
    let parts = [IoSlice::new(&length), IoSlice::new(&body)];
    let sent = sendmsg(to, &parts, &mut control, SendFlags::NOSIGNAL)?;
    to.write_all(length.get(sent..).unwrap_or_default())?;
    to.write_all(body.get(sent.saturating_sub(length.len())..).unwrap_or_default())
}

/// Wakes who waits for the other end of `bell`. One that rings already needs no more of it.
pub(super) fn ring(bell: impl AsFd) -> io::Result<()> {
    match rustix::net::send(bell, &[0], SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
        Ok(_) | Err(rustix::io::Errno::WOULDBLOCK) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether anything has come in that was not received yet, or the other side has hung up.
pub(super) fn waiting(from: &UnixStream) -> io::Result<bool> {
    let mut byte = [0];
    match recv(from, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok(_) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Receives a frame with its descriptors, blocking.
pub(super) fn receive<T: Message>(mut from: &UnixStream) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut length = [0; 4];
    let mut files = Vec::new();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1 + MOST_OUTPUTS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let count =
        recvmsg(from, &mut [IoSliceMut::new(&mut length)], &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            files.extend(received);
        }
    }
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    from.read_exact(&mut length[count..])?;
    let mut body = vec![0; checked(length)?];
    from.read_exact(&mut body)?;
    Ok((T::decode(&body)?, files))
}

pub(super) fn checked(length: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_FRAME { Err(io::Error::other("message too long")) } else { Ok(length) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::FixReport;
    use crate::model::sample::media;

    /// A reply that has travelled.
    fn travelled(result: Result<JobOutput, JobError>) -> Result<JobOutput, JobError> {
        let (here, there) = UnixStream::pair().unwrap();
        send(&there, &Reply::Done(Box::new(result)), &[]).unwrap();
        match receive(&here).unwrap() {
            (Reply::Done(result), _) => *result,
            _ => panic!("another message came"),
        }
    }

    #[test]
    fn facts_and_errors_arrive_as_they_were_sent() {
        let facts = Ok(JobOutput::Probed(Box::new(media())));
        assert_eq!(travelled(facts.clone()), facts);
        let lost = Err(JobError::WorkerLost("it \u{0} ended".into()));
        assert_eq!(travelled(lost.clone()), lost);
        let results = vec![Ok(FixReport::default()), Err(JobError::Failed("too large".into()))];
        let fixed = Ok(JobOutput::Fixed { results });
        assert_eq!(travelled(fixed.clone()), fixed);
    }

    #[test]
    fn what_follows_the_facts_or_cuts_them_is_no_message() {
        let mut bytes = Reply::Done(Box::new(Ok(JobOutput::Probed(Box::new(media()))))).encode().unwrap();
        assert!(Reply::decode(&bytes).is_ok());
        assert!(Reply::decode(&bytes[..bytes.len() - 1]).is_err());
        bytes.push(0);
        assert!(Reply::decode(&bytes).is_err());
    }
}
