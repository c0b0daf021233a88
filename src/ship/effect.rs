//! What an effect is, how it is sent, and how it ended in this run.

use std::path::Path;

use super::journal::{Effect, EffectRecord};
use crate::platform::{EffectKind, Mutation, SentEffect};

/// The end of an effect in this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EffectOutcome {
    /// It happened.
    Done {
        /// The destination's id.
        id: String,
        /// Whether this run sent it.
        sent_now: bool,
    },
    /// The destination rejects the media; the next encode mode may succeed.
    BadMedia(String),
    /// It did not happen, and a retry does not help.
    Refused(String),
    /// It did not happen: the video that it refers to is not ready.
    NotReady(String),
    /// The outcome was not known in time.
    Unresolved(String),
}

impl EffectOutcome {
    /// Returns the outcome of an effect that an earlier run sent.
    pub(super) fn before(id: String) -> EffectOutcome {
        EffectOutcome::Done { id, sent_now: false }
    }
}

/// What an effect is, for questions about it.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) kind: EffectKind,
    pub(super) scope: &'a str,
    /// The video that a publication shows.
    pub(super) video_id: Option<&'a str>,
}

impl<'a> Subject<'a> {
    pub(super) fn of(effect: &'a Effect, mutation: &'a Mutation<'a>) -> Subject<'a> {
        let video_id = match mutation {
            Mutation::Creative(new) | Mutation::Publication(new) => Some(new.video_id),
            Mutation::Upload { .. } | Mutation::Cover(_) => None,
        };
        Subject { kind: effect.kind, scope: &effect.scope, video_id }
    }

    pub(super) fn sent(self, record: &EffectRecord) -> SentEffect {
        SentEffect {
            kind: self.kind,
            scope: self.scope.to_owned(),
            name: record.name.clone(),
            md5: record.md5.clone(),
            size_bytes: record.size_bytes,
            token: record.resume_token.clone(),
            video_id: self.video_id.map(str::to_owned),
            was_refused: record.was_refused(),
        }
    }
}

/// How an effect is sent.
#[derive(Clone, Copy)]
pub(super) struct Sending<'a> {
    /// The source, for the progress.
    pub(super) source: &'a Path,
    /// Whether an effect that is done, or was given up, is sent once more as a new one.
    pub(super) anew: bool,
}
