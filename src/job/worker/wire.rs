//! Frames between parent and worker: four bytes of length, then JSON. Descriptors travel with the
//! length.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recv, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use crate::job::{Isolation, Job, JobError, JobOutput, Progress};

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
    },
    /// To give up the job sent last, if it is still going on.
    Cancel,
}

/// What the worker says.
#[derive(Serialize, Deserialize)]
pub(super) enum Reply {
    /// Once, at the start: the version and what keeps it apart.
    Hello(String, Box<Isolation>),
    /// A sign of life.
    Progress(Progress),
    /// The end of a job.
    Done(Box<Result<JobOutput, JobError>>),
}

pub(super) fn send<T: Serialize>(
    mut to: &UnixStream,
    message: &T,
    files: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let body = serde_json::to_vec(message).map_err(io::Error::other)?;
    if body.len() > MAX_FRAME {
        return Err(io::Error::other("message too long"));
    }
    let length = (body.len() as u32).to_be_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
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
pub(super) fn receive<T: for<'a> Deserialize<'a>>(mut from: &UnixStream) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut length = [0; 4];
    let mut files = Vec::new();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
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
    Ok((serde_json::from_slice(&body).map_err(io::Error::other)?, files))
}

pub(super) fn checked(length: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_FRAME { Err(io::Error::other("message too long")) } else { Ok(length) }
}
