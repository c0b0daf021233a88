//! Assets and where they stand.

use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row, params};

use super::{Journal, JournalError, database, note, now_ms};
use crate::ship::DeliveryState;

/// The identity of an asset at a destination: content, not path, so renames and copies ship once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ItemKey {
    /// BLAKE3 of the source.
    pub source_blake3: String,
    /// The profile's limits.
    pub profile_hash: String,
    /// See [`super::destination_key`].
    pub destination: String,
}

/// The bytes that are sent for an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Where they lay.
    pub path: PathBuf,
    /// BLAKE3, lower-case hex.
    pub blake3: String,
    /// MD5, lower-case hex.
    pub md5: String,
    /// Bytes.
    pub size_bytes: u64,
}

/// An asset as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemRecord {
    /// The source as given.
    pub source: PathBuf,
    /// The bytes sent, once there are some.
    pub artifact: Option<Artifact>,
    /// The recipe they were made by.
    pub recipe: u32,
    /// The upload.
    pub effect_key: Option<String>,
    /// Where it stands.
    pub state: DeliveryState,
    /// The platform's id.
    pub video_id: Option<String>,
    /// Uploads tried.
    pub attempts: u32,
    /// Why it stands there.
    pub reason: Option<String>,
    /// Why each earlier attempt failed.
    pub history: Vec<String>,
}

/// What is known of an asset before any work on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Where it stands.
    pub state: DeliveryState,
    /// The platform's id.
    pub video_id: Option<String>,
    /// The bytes sent.
    pub artifact: Option<Artifact>,
}

/// One line of `greenlit status`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct StatusLine {
    /// The source as given.
    pub source: PathBuf,
    /// See [`super::destination_key`].
    pub destination: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// The platform's id.
    pub video_id: Option<String>,
    /// Uploads tried.
    pub attempts: u32,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// Why it stands there.
    pub reason: Option<String>,
    /// Ads of that content that exist.
    pub ads_published: u32,
    /// Ads of that content that are not there yet.
    pub ads_open: u32,
}

const COLUMNS: &str = "source_path, artifact_path, artifact_blake3, artifact_md5, artifact_size, recipe,
  effect_key, state, video_id, attempts, reason, history, destination, source_blake3";

/// The name of a state in the journal: the same as in the report.
pub(super) fn state_text(state: &DeliveryState) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A state that cannot be read is the earliest: the effects decide what may be sent.
pub(super) fn state_of(text: String) -> DeliveryState {
    serde_json::from_value(text.into()).unwrap_or(DeliveryState::Validated)
}

fn record(row: &Row<'_>) -> rusqlite::Result<ItemRecord> {
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
    Ok(ItemRecord {
        source: path.into(),
        artifact,
        recipe: row.get(5)?,
        effect_key: row.get(6)?,
        state: state_of(row.get(7)?),
        video_id: row.get(8)?,
        attempts: row.get(9)?,
        reason: row.get(10)?,
        history: serde_json::from_str(&history).unwrap_or_default(),
    })
}

impl Journal {
    /// What is known of a source at a destination, before any work on it.
    pub fn lookup(
        &self,
        source_blake3: &str,
        profile_hash: &str,
        destination: &str,
    ) -> Result<Option<Known>, JournalError> {
        let key = ItemKey {
            source_blake3: source_blake3.to_owned(),
            profile_hash: profile_hash.to_owned(),
            destination: destination.to_owned(),
        };
        Ok(self.item(&key)?.map(|item| Known {
            state: item.state,
            video_id: item.video_id,
            artifact: item.artifact,
        }))
    }

    /// An asset by its key.
    pub fn item(&self, key: &ItemKey) -> Result<Option<ItemRecord>, JournalError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items WHERE source_blake3 = ?1 AND profile_hash = ?2 AND destination = ?3"
        );
        self.db()
            .query_row(&sql, params![key.source_blake3, key.profile_hash, key.destination], record)
            .optional()
            .map_err(database("reading an asset"))
    }

    /// Writes down where an asset stands.
    pub fn put_item(&self, key: &ItemKey, item: &ItemRecord) -> Result<(), JournalError> {
        let doing = database("recording an asset");
        let ItemRecord { source, artifact, recipe, effect_key, state, video_id, attempts, reason, history } =
            item;
        let text = state_text(state);
        let history = serde_json::Value::from(history.clone()).to_string();
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let bytes = artifact.as_ref();
        let mut db = self.db();
        let change = db.transaction().map_err(&doing)?;
        change
            .execute(
                "INSERT OR REPLACE INTO items (source_blake3, profile_hash, destination, source_path,
                 artifact_path, artifact_blake3, artifact_md5, artifact_size, recipe, effect_key, state,
                 video_id, attempts, reason, history, updated_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                params![
                    key.source_blake3,
                    key.profile_hash,
                    key.destination,
                    path(source),
                    bytes.map(|bytes| path(&bytes.path)),
                    bytes.map(|bytes| &bytes.blake3),
                    bytes.map(|bytes| &bytes.md5),
                    bytes.and_then(|bytes| i64::try_from(bytes.size_bytes).ok()),
                    recipe,
                    effect_key,
                    text,
                    video_id,
                    attempts,
                    reason,
                    history,
                    now_ms()
                ],
            )
            .map_err(&doing)?;
        note(&change, &key.source_blake3, &text, reason.as_deref()).map_err(&doing)?;
        change.commit().map_err(&doing)
    }

    /// Every asset, by source and destination.
    pub fn status(&self) -> Result<Vec<StatusLine>, JournalError> {
        let doing = database("reading the status");
        let db = self.db();
        let ads = "FROM ads WHERE ads.content = items.source_blake3
                   AND ads.origin || '|' || ads.advertiser = items.destination AND ads.state";
        let sql = format!(
            "SELECT {COLUMNS}, (SELECT count(*) {ads} = 'published'), (SELECT count(*) {ads} <> 'published'), updated_ms
             FROM items ORDER BY source_path, destination, source_blake3, profile_hash"
        );
        let mut query = db.prepare(&sql).map_err(&doing)?;
        let lines = query.query_map([], |row| {
            let item = record(row)?;
            Ok(StatusLine {
                source: item.source,
                destination: row.get(12)?,
                state: item.state,
                video_id: item.video_id,
                attempts: item.attempts,
                reason: item.reason,
                ads_published: row.get(14)?,
                ads_open: row.get(15)?,
                since_ms: row.get(16)?,
            })
        });
        lines.map_err(&doing)?.collect::<Result<_, _>>().map_err(&doing)
    }
}
