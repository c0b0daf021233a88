//! Records of assets.

use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row, params};

use super::database::{Journal, append_event, now_ms};
use super::error::{JournalError, database};
use super::publications::StatusPublication;
use super::state_name::{parse_state, state_name};
use crate::plan::EncodeMode;
use crate::ship::DeliveryState;
use crate::ship::give_up::GiveUpReason;

/// The identity of an asset at a destination: its content, not its path, so that renamed files and copies ship
/// once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ItemKey {
    /// BLAKE3 of the source.
    pub source_blake3: String,
    /// Hash of the profile's limits.
    pub profile_hash: String,
    /// See [`super::destination_key`].
    pub destination: String,
}

/// The file that is sent for an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its path when it was sent.
    pub path: PathBuf,
    /// BLAKE3, lower-case hex.
    pub blake3: String,
    /// MD5, lower-case hex.
    pub md5: String,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// The record of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemRecord {
    /// The source as given.
    pub source: PathBuf,
    /// The file sent, once there is one.
    pub artifact: Option<Artifact>,
    /// The encode mode of the file.
    pub encode_mode: EncodeMode,
    /// The key of the upload's effect.
    pub effect_key: Option<String>,
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub video_id: Option<String>,
    /// Number of upload attempts.
    pub attempts: u32,
    /// The reason for the state.
    pub reason: Option<String>,
    /// Why each earlier attempt failed.
    pub history: Vec<String>,
    /// Why it was given up; `None` for one that was not, or by a build that did not store it.
    pub given_up: Option<GiveUpReason>,
}

impl ItemRecord {
    /// Returns the record of an asset that is validated and not sent yet.
    pub(crate) fn new(source: PathBuf) -> ItemRecord {
        ItemRecord {
            source,
            artifact: None,
            encode_mode: EncodeMode::Planned,
            effect_key: None,
            state: DeliveryState::Validated,
            video_id: None,
            attempts: 0,
            reason: None,
            history: Vec::new(),
            given_up: None,
        }
    }
}

/// What the journal knows about an asset before any work on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAsset {
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub video_id: Option<String>,
    /// The file sent.
    pub artifact: Option<Artifact>,
}

/// One line of `greenlit status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusLine {
    /// The source as given.
    pub source: PathBuf,
    /// See [`super::destination_key`].
    pub destination: String,
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub video_id: Option<String>,
    /// Number of upload attempts.
    pub attempts: u32,
    /// Time of the last change, in milliseconds since 1970.
    pub since_ms: i64,
    /// The reason for the state.
    pub reason: Option<String>,
    /// Why it was given up; `None` for one that was not, or by a build that did not store it.
    pub given_up: Option<GiveUpReason>,
    /// The publications of that content, sorted by group and name.
    pub publications: Vec<StatusPublication>,
}

const COLUMNS: &str = "source_path, artifact_path, artifact_blake3, artifact_md5, artifact_size, recipe,
  effect_key, state, video_id, attempts, reason, history, destination, source_blake3, given_up";

/// Returns the encode mode of a stored number. Builds before the modes had an end counted on after the last, which
/// changed nothing about the file.
fn stored_mode(number: i64) -> EncodeMode {
    let known = u8::try_from(number).ok().and_then(|number| EncodeMode::try_from(number).ok());
    known.unwrap_or(if number < 1 { EncodeMode::Planned } else { EncodeMode::Conservative })
}

fn item_from_row(row: &Row<'_>) -> rusqlite::Result<ItemRecord> {
    let path: String = row.get(0)?;
    let size: Option<i64> = row.get(4)?;
    let artifact = match (row.get::<_, Option<String>>(1)?, row.get(2)?, row.get(3)?, size) {
        (Some(path), Some(blake3), Some(md5), Some(size)) => Some(Artifact {
            path: path.into(),
            blake3,
            md5,
            size_bytes: u64::try_from(size).unwrap_or_default(),
        }),
        _ => None,
    };
    let history: String = row.get(11)?;
    let given_up: Option<String> = row.get(14)?;
    Ok(ItemRecord {
        source: path.into(),
        artifact,
        encode_mode: stored_mode(row.get(5)?),
        effect_key: row.get(6)?,
        state: parse_state(row.get(7)?),
        video_id: row.get(8)?,
        attempts: row.get(9)?,
        reason: row.get(10)?,
        history: serde_json::from_str(&history).unwrap_or_default(),
        given_up: given_up.as_deref().and_then(GiveUpReason::parse),
    })
}

impl Journal {
    /// Returns what the journal knows about a source at a destination.
    pub fn lookup(
        &self,
        source_blake3: &str,
        profile_hash: &str,
        destination: &str,
    ) -> Result<Option<KnownAsset>, JournalError> {
        let key = ItemKey {
            source_blake3: source_blake3.to_owned(),
            profile_hash: profile_hash.to_owned(),
            destination: destination.to_owned(),
        };
        Ok(self.item(&key)?.map(|item| KnownAsset {
            state: item.state,
            video_id: item.video_id,
            artifact: item.artifact,
        }))
    }

    /// Returns the record of an asset.
    pub fn item(&self, key: &ItemKey) -> Result<Option<ItemRecord>, JournalError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items WHERE source_blake3 = ?1 AND profile_hash = ?2 AND destination = ?3"
        );
        self.db()
            .query_row(&sql, params![key.source_blake3, key.profile_hash, key.destination], item_from_row)
            .optional()
            .map_err(database("reading an asset"))
    }

    /// Records an asset.
    pub fn put_item(&self, key: &ItemKey, item: &ItemRecord) -> Result<(), JournalError> {
        let doing = database("recording an asset");
        let ItemRecord {
            source,
            artifact,
            encode_mode,
            effect_key,
            state,
            video_id,
            attempts,
            reason,
            history,
            given_up,
        } = item;
        let state = state_name(state);
        let history = serde_json::Value::from(history.clone()).to_string();
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let file = artifact.as_ref();
        let mut db = self.db();
        let change = db.transaction().map_err(&doing)?;
        change
            .execute(
                "INSERT OR REPLACE INTO items (source_blake3, profile_hash, destination, source_path,
                 artifact_path, artifact_blake3, artifact_md5, artifact_size, recipe, effect_key, state,
                 video_id, attempts, reason, history, updated_ms, given_up)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
                params![
                    key.source_blake3,
                    key.profile_hash,
                    key.destination,
                    path(source),
                    file.map(|file| path(&file.path)),
                    file.map(|file| &file.blake3),
                    file.map(|file| &file.md5),
                    file.and_then(|file| i64::try_from(file.size_bytes).ok()),
                    encode_mode.number(),
                    effect_key,
                    state,
                    video_id,
                    attempts,
                    reason,
                    history,
                    now_ms(),
                    given_up.map(GiveUpReason::name)
                ],
            )
            .map_err(&doing)?;
        append_event(&change, &key.source_blake3, &state, reason.as_deref()).map_err(&doing)?;
        change.commit().map_err(&doing)
    }

    /// Records that the rules refuse a file, unless something was sent for its bytes before.
    pub fn record_refusal(&self, key: &ItemKey, source: &Path, reason: &str) -> Result<(), JournalError> {
        let known = self.item(key)?;
        let item = ItemRecord {
            state: DeliveryState::Refused,
            reason: Some(reason.to_owned()),
            ..ItemRecord::new(source.to_owned())
        };
        // Without a hash, the file could not be read.
        if key.source_blake3.is_empty()
            || known.is_some_and(|known| known.effect_key.is_some() || known.attempts > 0 || known == item)
        {
            return Ok(());
        }
        self.put_item(key, &item)
    }

    /// Returns every asset with its publications, sorted by source and destination. A refused file is left out if the file of
    /// that path has other bytes now.
    pub fn status(&self) -> Result<Vec<StatusLine>, JournalError> {
        let publications = self.all_publications()?;
        let doing = database("reading the status");
        let db = self.db();
        let sql = format!(
            "SELECT {COLUMNS}, updated_ms
             FROM items WHERE NOT (state = 'refused' AND EXISTS (SELECT 1 FROM items AS later
               WHERE later.source_path = items.source_path AND later.destination = items.destination
               AND later.updated_ms > items.updated_ms))
             ORDER BY source_path, destination, source_blake3, profile_hash"
        );
        let mut query = db.prepare(&sql).map_err(&doing)?;
        let lines = query.query_map([], |row| {
            let item = item_from_row(row)?;
            let (destination, content): (String, String) = (row.get(12)?, row.get(13)?);
            Ok(StatusLine {
                source: item.source,
                publications: publications.get(&(destination.clone(), content)).cloned().unwrap_or_default(),
                destination,
                state: item.state,
                video_id: item.video_id,
                attempts: item.attempts,
                reason: item.reason,
                given_up: item.given_up,
                since_ms: row.get(15)?,
            })
        });
        lines.map_err(&doing)?.collect::<Result<_, _>>().map_err(&doing)
    }
}
