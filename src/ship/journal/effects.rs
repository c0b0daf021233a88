//! The ledger of effects: intent, sent, done, not done, unknown.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Journal, JournalError, database, note, now_ms};

/// An effect to be had once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// `upload`, `image`, `ad` or `post`.
    pub kind: &'static str,
    /// The API's origin.
    pub origin: String,
    /// The advertiser.
    pub advertiser: String,
    /// The ad group, for an ad; else empty.
    pub scope: String,
    /// The name it has on the platform. Not part of the key of an upload: the bytes decide.
    pub name: String,
    /// BLAKE3 of the bytes sent, or of what the ad is made of.
    pub content: String,
    /// MD5 of the bytes, for uploads.
    pub md5: Option<String>,
    /// Their number.
    pub size_bytes: Option<u64>,
    /// The recipe the bytes were made by: a re-encode is a new intent.
    pub recipe: u32,
}

impl Effect {
    /// The unique key. Fields are length-prefixed, so that no two lists of fields share one.
    pub fn key(&self) -> String {
        let name = if self.kind == "ad" { self.name.as_str() } else { "" };
        let recipe = self.recipe.to_string();
        let mut hasher = blake3::Hasher::new();
        for field in [self.kind, &self.origin, &self.advertiser, &self.scope, name, &self.content, &recipe] {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// How far an effect has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectState {
    /// Written down, nothing sent.
    Intent,
    /// Perhaps sent: the point of no return was passed and no answer is recorded.
    Sent,
    /// It happened; the receipt is kept.
    Done,
    /// It did not happen: it may be sent.
    NotDone,
    /// Whether it happened is not known: it must be found out before anything is sent.
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
            // Anything else is doubt.
            _ => EffectState::Unknown,
        }
    }
}

/// What became of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It happened.
    Done {
        /// The platform's id.
        receipt: String,
    },
    /// It did not happen.
    NotDone {
        /// Why.
        reason: String,
    },
    /// Not known.
    Unknown {
        /// Why.
        reason: String,
        /// Whether the platform said that the name is taken.
        name_held: bool,
    },
}

/// An effect as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectRecord {
    /// Its key.
    pub key: String,
    /// How far it has come.
    pub state: EffectState,
    /// The name it was first meant under: kept for every further send.
    pub name: String,
    /// MD5 of the bytes.
    pub md5: Option<String>,
    /// Their number.
    pub size_bytes: Option<u64>,
    /// How often it was sent.
    pub sends: u32,
    /// The platform's id, when done.
    pub receipt: Option<String>,
    /// Why it stands there.
    pub reason: Option<String>,
    /// Whether the platform said that the name is taken.
    pub name_held: bool,
    /// Whether somebody decided to give this effect up.
    pub abandoned: bool,
    /// What the platform calls the sending under way: the upload that was opened for it.
    pub handle: Option<String>,
    sent_ms: Option<i64>,
}

impl EffectRecord {
    /// How long ago it was sent, by the wall clock; zero when never or when the clock went back.
    pub fn since_sent(&self) -> Duration {
        let ago = self.sent_ms.map_or(0, |at| now_ms().saturating_sub(at));
        Duration::from_millis(u64::try_from(ago).unwrap_or(0))
    }
}

const COLUMNS: &str =
    "effect_key, state, name, md5, size_bytes, sends, receipt, reason, name_held, abandoned, sent_ms, handle";

fn record(row: &Row<'_>) -> rusqlite::Result<EffectRecord> {
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
        sent_ms: row.get(10)?,
        handle: row.get(11)?,
    })
}

fn find(db: &Connection, key: &str) -> rusqlite::Result<Option<EffectRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM effects WHERE effect_key = ?1");
    db.query_row(&sql, [key], record).optional()
}

impl Journal {
    /// Writes an intent down, or reads what there is of it. On disk when this returns.
    pub fn intend(&self, effect: &Effect) -> Result<EffectRecord, JournalError> {
        let doing = database("recording an intent");
        let key = effect.key();
        let mut db = self.db();
        let change = db.transaction().map_err(&doing)?;
        let fresh = change
            .execute(
                "INSERT INTO effects (effect_key, kind, origin, advertiser, scope, name, content, md5, size_bytes,
                 recipe, state, intent_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'intent', ?11)
                 ON CONFLICT DO NOTHING",
                params![
                    key,
                    effect.kind,
                    effect.origin,
                    effect.advertiser,
                    effect.scope,
                    effect.name,
                    effect.content,
                    effect.md5,
                    effect.size_bytes.and_then(|size| i64::try_from(size).ok()),
                    effect.recipe,
                    now_ms()
                ],
            )
            .map_err(&doing)?;
        if fresh > 0 {
            note(&change, &key, "intent", Some(&effect.name)).map_err(&doing)?;
        }
        let found = find(&change, &key).map_err(&doing)?;
        change.commit().map_err(&doing)?;
        found.ok_or_else(|| doing(rusqlite::Error::QueryReturnedNoRows))
    }

    /// An effect by its key.
    pub fn effect(&self, key: &str) -> Result<Option<EffectRecord>, JournalError> {
        find(&self.db(), key).map_err(database("reading an effect"))
    }

    /// Passes the point of no return; only an effect that did not happen may.
    pub fn mark_sent(&self, key: &str) -> Result<(), JournalError> {
        let sql = "UPDATE effects SET state = 'sent', sends = sends + 1, sent_ms = ?2, reason = NULL,
                   asked = 0, readings = NULL WHERE effect_key = ?1 AND state IN ('intent', 'not_done') AND abandoned = 0";
        self.step(key, "sent", None, |db| db.execute(sql, params![key, now_ms()]))
    }

    /// Keeps what the platform calls the sending under way, or forgets it. Not for an effect that is done.
    pub fn hold(&self, key: &str, handle: Option<&str>) -> Result<(), JournalError> {
        let sql = "UPDATE effects SET handle = ?2 WHERE effect_key = ?1 AND state <> 'done'";
        self.step(key, "handle", handle, |db| db.execute(sql, params![key, handle]))
    }

    /// Records what became of an effect that was sent, or a decision about it.
    pub fn settle(
        &self,
        key: &str,
        settled: &Resolution,
        request_id: Option<&str>,
    ) -> Result<(), JournalError> {
        let (state, receipt, reason, held) = match settled {
            Resolution::Done { receipt } => (EffectState::Done, Some(receipt), None, false),
            Resolution::NotDone { reason } => (EffectState::NotDone, None, Some(reason), false),
            Resolution::Unknown { reason, name_held } => {
                (EffectState::Unknown, None, Some(reason), *name_held)
            }
        };
        // A name once known as held stays so while the effect is in doubt.
        let sql = "UPDATE effects SET state = ?2, receipt = ?3, reason = ?4, settled_ms = ?6,
                   request_id = COALESCE(?7, request_id), asked = 0,
                   name_held = CASE WHEN ?2 = 'unknown' THEN max(name_held, ?5) ELSE 0 END
                   WHERE effect_key = ?1 AND state <> 'done'";
        self.step(key, state.text(), reason.map(String::as_str), |db| {
            db.execute(sql, params![key, state.text(), receipt, reason, held, now_ms(), request_id])
        })
    }

    /// A post whose bytes had all arrived ended in nothing, by the platform's own word: it did not happen after
    /// all, and may be sent. Only for an effect of which the platform tells its end.
    pub fn undo_post(&self, key: &str, reason: &str) -> Result<(), JournalError> {
        let sql = "UPDATE effects SET state = 'not_done', receipt = NULL, handle = NULL, reason = ?2, settled_ms = ?3
                   WHERE effect_key = ?1 AND kind = 'post' AND state = 'done'";
        self.step(key, "not_done", Some(reason), |db| db.execute(sql, params![key, reason, now_ms()]))
    }

    /// Gives an effect in doubt up: it will not be sent again, and nothing waits for it.
    pub fn abandon(&self, key: &str, reason: &str) -> Result<(), JournalError> {
        let sql =
            "UPDATE effects SET state = 'not_done', abandoned = 1, reason = ?2, asked = 0, settled_ms = ?3
                   WHERE effect_key = ?1 AND state IN ('sent', 'unknown')";
        self.step(key, "abandoned", Some(reason), |db| db.execute(sql, params![key, reason, now_ms()]))
    }

    fn step(
        &self,
        key: &str,
        wanted: &'static str,
        detail: Option<&str>,
        change: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Result<(), JournalError> {
        let doing = database("recording a step");
        let mut db = self.db();
        let open = db.transaction().map_err(&doing)?;
        if change(&open).map_err(&doing)? == 0 {
            let found = find(&open, key).map_err(&doing)?;
            let state = found.map_or("unknown to the journal", |record| record.state.text()).to_owned();
            return Err(JournalError::Forbidden { key: key.to_owned(), state, wanted });
        }
        note(&open, key, wanted, detail).map_err(&doing)?;
        open.commit().map_err(&doing)
    }
}
