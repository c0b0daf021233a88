//! What a destination is asked to change, what an error says about it, and what it shows afterwards.

use std::fmt;

use secrecy::SecretString;

use super::Row;
use crate::rules::{ValidatedAsset, ValidatedCover};

/// A kind of effect at a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EffectKind {
    /// A video is uploaded; its publications follow once it is ready.
    Upload,
    /// A cover is uploaded.
    Cover,
    /// What a publication shows is put together, where that is an object of its own.
    Creative,
    /// A ready video is published.
    Publication,
    /// A video is uploaded, and the upload is its publication.
    Post,
}

/// A mutation to send.
#[non_exhaustive]
pub enum Mutation<'a> {
    /// Upload a video, under the name of its effect.
    Upload {
        /// The file.
        asset: &'a ValidatedAsset,
        /// The row that it is published by, where the upload is the publication.
        row: &'a Row,
    },
    /// Upload a cover, under the name of its effect.
    Cover(&'a ValidatedCover),
    /// Put together what a publication will show.
    Creative(NewPublication<'a>),
    /// Publish a ready video.
    Publication(NewPublication<'a>),
}

/// A publication of a ready video.
#[derive(Clone, Copy)]
pub struct NewPublication<'a> {
    /// The row that asks for it.
    pub row: &'a Row,
    /// The destination's id of the video.
    pub video_id: &'a str,
    /// The destination's id of the cover, where it takes one.
    pub cover_id: Option<&'a str>,
    /// The destination's id of the creative, where it has one.
    pub creative_id: Option<&'a str>,
    /// Whether it takes effect at once; otherwise it waits for a person.
    pub enable: bool,
}

/// An upload that the destination opened. Without its bytes it has no effect.
#[derive(Clone)]
pub struct OpenedUpload {
    /// What a later run asks with, stored before the first byte is sent.
    pub token: String,
    /// The address that the bytes are sent to. It grants write access, so it is never printed or stored.
    pub address: SecretString,
}

impl fmt::Debug for OpenedUpload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OpenedUpload").field("token", &self.token).finish_non_exhaustive()
    }
}

/// An effect that was sent, or may have been.
#[derive(Clone, Debug)]
pub struct SentEffect {
    /// Its kind.
    pub kind: EffectKind,
    /// The group that its name is unique in; empty for the whole account.
    pub scope: String,
    /// Its name at the destination.
    pub name: String,
    /// MD5 of the bytes, lower-case hex.
    pub md5: Option<String>,
    /// Size of the bytes.
    pub size_bytes: Option<u64>,
    /// The token of the opened upload.
    pub token: Option<String>,
    /// The video that a publication shows.
    pub video_id: Option<String>,
    /// Whether the destination refused the only send because something has the name: then it had no effect.
    pub was_refused: bool,
}

/// What a destination shows about an effect of unknown outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sighting {
    /// It happened; the destination's id.
    Done(String),
    /// It happened and failed afterwards.
    Failed(Failure),
    /// It did not happen and no longer can; the reason.
    NotDone(String),
    /// It is not listed.
    Absent {
        /// Whether the destination reports its name as taken.
        name_is_taken: bool,
    },
    /// Bytes are missing, which may still arrive.
    Incomplete {
        /// The bytes that arrived.
        received: Option<u64>,
    },
    /// It did not happen: something else has the name.
    NameOfOther,
    /// The destination refuses to answer; what it says.
    CannotAsk(String),
    /// A person must decide between these readings.
    Ambiguous(Vec<String>),
}

/// Why a destination failed something that it had accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The destination's reason.
    pub reason: String,
    /// What it means.
    pub meaning: FailureMeaning,
    /// What to do about it; empty if the reason says it.
    pub advice: &'static str,
}

/// What the failure of something that was accepted means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureMeaning {
    /// The media is refused; the next encode mode may succeed.
    BadMedia,
    /// The same may be sent again.
    MayRepeat,
    /// The account's access is gone: the run stops.
    NoAccess,
    /// Sending the same again does not help.
    Final,
}

/// What an error says about the effect of a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MutationOutcome {
    /// It had no effect and may be sent again later.
    NotDone,
    /// It had no effect: something that it refers to is not ready yet.
    NotReady,
    /// It had no effect: our knowledge of something that it refers to is out of date.
    Stale,
    /// It had no effect: the destination rejects the media.
    BadMedia,
    /// It had no effect, and a retry will not help.
    Refused,
    /// It had no effect; the run stops.
    Stop,
    /// This send had no effect, because something has the name: perhaps an earlier send.
    NameTaken,
    /// Whether it had an effect is unknown.
    Unknown,
}
