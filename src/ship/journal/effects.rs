//! Records of effects: intent, sent, done, not done, unknown.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::plan::EncodeMode;
use crate::platform::EffectKind;

use super::database::{Journal, append_event, now_ms, to_ms};
use super::error::{JournalError, database};

/// Returns the name of a kind in the journal, which is part of the key.
pub(crate) fn kind_name(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::Upload => "upload",
        EffectKind::Cover => "image",
        EffectKind::Creative => "creative",
        EffectKind::Publication => "ad",
        EffectKind::Post => "post",
    }
}

/// An effect on the platform that must happen at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// What happens.
    pub kind: EffectKind,
    /// The API's origin.
    pub origin: String,
    /// The account at the destination.
    pub account: String,
    /// The group that the name of a publication is unique in; otherwise empty.
    pub scope: String,
    /// The name on the platform. It is not part of the key of an upload, which is identified by its bytes.
    pub name: String,
    /// BLAKE3 of the bytes sent; for a publication, of the source of its video.
    pub content: String,
    /// MD5 of the bytes of an upload.
    pub md5: Option<String>,
    /// Size of the upload in bytes.
    pub size_bytes: Option<u64>,
    /// The encode mode of the bytes: a re-encode is a new intent.
    pub encode_mode: EncodeMode,
}

impl Effect {
    /// Returns the unique key: a hash of the fields, each with its length, so that different fields never collide.
    pub fn key(&self) -> String {
        let has_name = matches!(self.kind, EffectKind::Creative | EffectKind::Publication);
        let name = if has_name { self.name.as_str() } else { "" };
        let encode_mode = self.encode_mode.number().to_string();
        let mut hasher = blake3::Hasher::new();
        let (account, scope, content) = (&self.account, &self.scope, &self.content);
        for field in [kind_name(self.kind), &self.origin, account, scope, name, content, &encode_mode] {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// The state of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectState {
    /// Recorded; nothing was sent.
    Intent,
    /// Possibly sent: recorded as sent, without an answer.
    Sent,
    /// It happened; the record has the receipt.
    Done,
    /// It did not happen and may be sent.
    NotDone,
    /// Whether it happened is unknown: it must be reconciled before anything is sent.
    Unknown,
}

impl EffectState {
    fn text(self) -> &'static str {
        match self {
            EffectState::Intent => "intent",
            EffectState::Sent => "sent",
            EffectState::Done => "done",
            EffectState::NotDone => "not_done",
            EffectState::Unknown => "unknown",
        }
    }

    fn parse(text: &str) -> EffectState {
        match text {
            "intent" => EffectState::Intent,
            "sent" => EffectState::Sent,
            "done" => EffectState::Done,
            "not_done" => EffectState::NotDone,
            // Any other text counts as unknown.
            _ => EffectState::Unknown,
        }
    }
}

/// The result of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It happened.
    Done {
        /// The platform's id.
        receipt: String,
    },
    /// It did not happen.
    NotDone {
        /// The reason.
        reason: String,
    },
    /// Whether it happened is unknown.
    Unknown {
        /// The reason.
        reason: String,
        /// Whether the platform reported the name as taken.
        name_held: bool,
        /// When the send ended, by the platform's clock: from then on absence from lists counts. `None` if that is
        /// unknown.
        ended: Option<SystemTime>,
    },
}

/// The platform states its time in whole seconds, so the time of a send may be this much too early.
const CLOCK_STEP: Duration = Duration::from_secs(1);

/// The record of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectRecord {
    /// The key.
    pub key: String,
    /// The state.
    pub state: EffectState,
    /// The name of the first intent; every further send uses it.
    pub name: String,
    /// MD5 of the bytes.
    pub md5: Option<String>,
    /// Size of the upload in bytes.
    pub size_bytes: Option<u64>,
    /// Number of sends.
    pub sends: u32,
    /// The platform's id, when done.
    pub receipt: Option<String>,
    /// The reason for the state.
    pub reason: Option<String>,
    /// Whether the platform reported the name as taken.
    pub name_held: bool,
    /// Whether the effect was abandoned: it is not sent again.
    pub abandoned: bool,
    /// The platform's id of the upload in progress, to resume or query it.
    pub resume_token: Option<String>,
    sent_platform_ms: Option<i64>,
}

impl EffectRecord {
    /// Returns whether the destination answered the only send with the refusal that the name is taken: then it had
    /// no effect, whatever has the name.
    pub fn was_refused(&self) -> bool {
        self.sends <= 1 && self.name_held
    }

    /// Returns why the effect was abandoned.
    pub fn abandon_reason(&self) -> String {
        self.reason.clone().unwrap_or_else(|| "abandoned".to_owned())
    }

    /// Returns the time since the end of the last send, by the platform's clock, which shows `now`; zero if either time
    /// is unknown: a run that was killed while it sent left none, and this machine's clock may have been set since then.
    pub fn since_sent(&self, now: Option<SystemTime>) -> Duration {
        let ago = now.zip(self.sent_platform_ms).map_or(0, |(now, sent)| to_ms(now).saturating_sub(sent));
        Duration::from_millis(u64::try_from(ago).unwrap_or(0)).saturating_sub(CLOCK_STEP)
    }
}

const COLUMNS: &str =
    "effect_key, state, name, md5, size_bytes, sends, receipt, reason, name_held, abandoned,
    sent_platform_ms, handle";

fn effect_from_row(row: &Row<'_>) -> rusqlite::Result<EffectRecord> {
    let state: String = row.get(1)?;
    let size: Option<i64> = row.get(4)?;
    Ok(EffectRecord {
        key: row.get(0)?,
        state: EffectState::parse(&state),
        name: row.get(2)?,
        md5: row.get(3)?,
        size_bytes: size.and_then(|size| u64::try_from(size).ok()),
        sends: row.get(5)?,
        receipt: row.get(6)?,
        reason: row.get(7)?,
        name_held: row.get(8)?,
        abandoned: row.get(9)?,
        sent_platform_ms: row.get(10)?,
        resume_token: row.get(11)?,
    })
}

fn find(db: &Connection, key: &str) -> rusqlite::Result<Option<EffectRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM effects WHERE effect_key = ?1");
    db.query_row(&sql, [key], effect_from_row).optional()
}

impl Journal {
    /// Records an intent unless it exists, and returns its record. It is on disk when this returns.
    pub fn record_intent(&self, effect: &Effect) -> Result<EffectRecord, JournalError> {
        let doing = database("recording an intent");
        let key = effect.key();
        let mut db = self.db();
        let change = db.transaction().map_err(&doing)?;
        let inserted = change
            .execute(
                "INSERT INTO effects (effect_key, kind, origin, account, scope, name, content, md5, size_bytes,
                 recipe, state, intent_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'intent', ?11)
                 ON CONFLICT DO NOTHING",
                params![
                    key,
                    kind_name(effect.kind),
                    effect.origin,
                    effect.account,
                    effect.scope,
                    effect.name,
                    effect.content,
                    effect.md5,
                    effect.size_bytes.and_then(|size| i64::try_from(size).ok()),
                    effect.encode_mode.number(),
                    now_ms()
                ],
            )
            .map_err(&doing)?;
        if inserted > 0 {
            append_event(&change, &key, "intent", Some(&effect.name)).map_err(&doing)?;
        }
        let record = find(&change, &key).map_err(&doing)?;
        change.commit().map_err(&doing)?;
        record.ok_or_else(|| doing(rusqlite::Error::QueryReturnedNoRows))
    }

    /// Returns whether anything was recorded for an account.
    pub fn has_effects(&self, origin: &str, account: &str) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM effects WHERE origin = ?1 AND account = ?2)";
        self.db().query_row(sql, [origin, account], |row| row.get(0)).map_err(database("reading the effects"))
    }

    /// Returns the record of an effect.
    pub fn effect(&self, key: &str) -> Result<Option<EffectRecord>, JournalError> {
        find(&self.db(), key).map_err(database("reading an effect"))
    }

    /// Marks an effect as sent, before its first byte; allowed only for one that did not happen.
    pub fn mark_sent(&self, key: &str) -> Result<(), JournalError> {
        let sql = "UPDATE effects SET state = 'sent', sends = sends + 1, sent_ms = ?2, sent_platform_ms = NULL, reason = NULL,
                   asked = 0, readings = NULL WHERE effect_key = ?1 AND state IN ('intent', 'not_done') AND abandoned = 0";
        self.transition(key, "sent", None, |db| db.execute(sql, params![key, now_ms()]))
    }

    /// Saves or clears the resume token of an upload in progress; not allowed for an effect that is done.
    pub fn save_resume_token(&self, key: &str, token: Option<&str>) -> Result<(), JournalError> {
        let sql = "UPDATE effects SET handle = ?2 WHERE effect_key = ?1 AND state <> 'done'";
        self.transition(key, "handle", token, |db| db.execute(sql, params![key, token]))
    }

    /// Records the result of an effect that was sent.
    pub fn record_resolution(
        &self,
        key: &str,
        resolution: &Resolution,
        request_id: Option<&str>,
    ) -> Result<(), JournalError> {
        let (state, receipt, reason, held, ended) = match resolution {
            Resolution::Done { receipt } => (EffectState::Done, Some(receipt), None, false, None),
            Resolution::NotDone { reason } => (EffectState::NotDone, None, Some(reason), false, None),
            Resolution::Unknown { reason, name_held, ended } => {
                (EffectState::Unknown, None, Some(reason), *name_held, ended.map(to_ms))
            }
        };
        // Once the platform reported the name as taken, that is kept while the outcome is unknown.
        let sql = "UPDATE effects SET state = ?2, receipt = ?3, reason = ?4, settled_ms = ?6,
                   request_id = COALESCE(?7, request_id), asked = 0,
                   sent_platform_ms = COALESCE(?8, sent_platform_ms),
                   name_held = CASE WHEN ?2 = 'unknown' THEN max(name_held, ?5) ELSE 0 END
                   WHERE effect_key = ?1 AND state <> 'done'";
        self.transition(key, state.text(), reason.map(String::as_str), |db| {
            db.execute(sql, params![key, state.text(), receipt, reason, held, now_ms(), request_id, ended])
        })
    }

    /// Marks a post that was recorded as done as not done, because the platform reports that it failed. It may be
    /// sent again.
    pub fn undo_post(&self, key: &str, reason: &str) -> Result<(), JournalError> {
        let sql = "UPDATE effects SET state = 'not_done', receipt = NULL, handle = NULL, reason = ?2, settled_ms = ?3
                   WHERE effect_key = ?1 AND kind = 'post' AND state = 'done'";
        self.transition(key, "not_done", Some(reason), |db| db.execute(sql, params![key, reason, now_ms()]))
    }

    /// Lets an upload be sent again under another name: it was given up and is retried on request, or its name
    /// belongs to something else.
    pub fn send_again(&self, key: &str, name: &str, reason: &str) -> Result<(), JournalError> {
        let sql =
            "UPDATE effects SET state = 'not_done', receipt = NULL, handle = NULL, name = ?2, reason = ?3,
                   name_held = 0, abandoned = 0, asked = 0, sends = 0, settled_ms = ?4
                   WHERE effect_key = ?1 AND kind <> 'post'";
        self.transition(key, "send again", Some(name), |db| {
            db.execute(sql, params![key, name, reason, now_ms()])
        })
    }

    /// Abandons an effect of unknown outcome: it is not sent again.
    pub fn abandon(&self, key: &str, reason: &str) -> Result<(), JournalError> {
        let sql =
            "UPDATE effects SET state = 'not_done', abandoned = 1, reason = ?2, asked = 0, settled_ms = ?3
                   WHERE effect_key = ?1 AND state IN ('sent', 'unknown')";
        self.transition(key, "abandoned", Some(reason), |db| db.execute(sql, params![key, reason, now_ms()]))
    }

    /// Runs `change` and appends the event `wanted` in one transaction.
    fn transition(
        &self,
        key: &str,
        wanted: &'static str,
        detail: Option<&str>,
        change: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Result<(), JournalError> {
        let doing = database("recording a step");
        let mut db = self.db();
        let transaction = db.transaction().map_err(&doing)?;
        if change(&transaction).map_err(&doing)? == 0 {
            let record = find(&transaction, key).map_err(&doing)?;
            let state = record.map_or("unknown to the journal", |record| record.state.text()).to_owned();
            return Err(JournalError::Forbidden { key: key.to_owned(), state, wanted });
        }
        append_event(&transaction, key, wanted, detail).map_err(&doing)?;
        transaction.commit().map_err(&doing)
    }
}
