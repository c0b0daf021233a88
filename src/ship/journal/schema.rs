//! The tables of the journal, and the changes that bring those of earlier versions up to date.

use std::path::Path;

use rusqlite::Connection;

use super::error::{JournalError, database};

/// The schema that this version writes.
pub(super) const SCHEMA: i64 = 4;

const TABLES: &str = "
CREATE TABLE effects (
  effect_key TEXT PRIMARY KEY, kind TEXT NOT NULL, origin TEXT NOT NULL, account TEXT NOT NULL,
  scope TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, md5 TEXT, size_bytes INTEGER,
  recipe INTEGER NOT NULL, state TEXT NOT NULL, sends INTEGER NOT NULL DEFAULT 0, receipt TEXT,
  request_id TEXT, reason TEXT, name_held INTEGER NOT NULL DEFAULT 0, abandoned INTEGER NOT NULL DEFAULT 0,
  asked INTEGER NOT NULL DEFAULT 0, readings TEXT, intent_ms INTEGER NOT NULL, sent_ms INTEGER,
  settled_ms INTEGER, handle TEXT, sent_platform_ms INTEGER) STRICT;
CREATE TABLE items (
  source_blake3 TEXT NOT NULL, profile_hash TEXT NOT NULL, destination TEXT NOT NULL,
  source_path TEXT NOT NULL, artifact_path TEXT, artifact_blake3 TEXT, artifact_md5 TEXT,
  artifact_size INTEGER, recipe INTEGER NOT NULL, effect_key TEXT, state TEXT NOT NULL, video_id TEXT,
  attempts INTEGER NOT NULL, reason TEXT, history TEXT NOT NULL, updated_ms INTEGER NOT NULL,
  given_up TEXT,
  PRIMARY KEY (source_blake3, profile_hash, destination)) STRICT;
CREATE TABLE publications (
  origin TEXT NOT NULL, account TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL,
  content TEXT NOT NULL, field_digest TEXT NOT NULL, state TEXT NOT NULL, id TEXT, cover_id TEXT,
  effect_key TEXT, reason TEXT, updated_ms INTEGER NOT NULL,
  PRIMARY KEY (origin, account, scope, name, content)) STRICT;
CREATE TABLE IF NOT EXISTS answers (
  effect_key TEXT PRIMARY KEY, choice TEXT NOT NULL, receipt TEXT, at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, subject TEXT NOT NULL,
  event TEXT NOT NULL, detail TEXT) STRICT;
CREATE TRIGGER events_keep BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
";

/// What later schemas changed, each with the first schema that has it.
const CHANGES: [(i64, &str); 3] = [
    (2, "ALTER TABLE effects ADD COLUMN handle TEXT;"),
    (3, "ALTER TABLE items ADD COLUMN given_up TEXT;"),
    (
        4,
        "ALTER TABLE effects ADD COLUMN sent_platform_ms INTEGER;
         ALTER TABLE effects RENAME COLUMN advertiser TO account;
         ALTER TABLE ads RENAME TO publications;
         ALTER TABLE publications RENAME COLUMN advertiser TO account;
         ALTER TABLE publications RENAME COLUMN adgroup TO scope;
         ALTER TABLE publications RENAME COLUMN ad_name TO name;
         ALTER TABLE publications RENAME COLUMN ad_id TO id;
         ALTER TABLE publications RENAME COLUMN image_id TO cover_id;
         UPDATE effects SET name = name || CASE WHEN sends > 1 THEN '-' || sends ELSE '' END || '.png'
           WHERE kind = 'image' AND name NOT LIKE '%.%';
         CREATE TABLE IF NOT EXISTS answers (
           effect_key TEXT PRIMARY KEY, choice TEXT NOT NULL, receipt TEXT, at_ms INTEGER NOT NULL) STRICT;",
    ),
];

/// Returns the schema of a database; 0 if it has none yet.
pub(super) fn schema(db: &Connection, path: &Path) -> Result<i64, JournalError> {
    let found = db.pragma_query_value(None, "user_version", |row| row.get(0));
    match found.map_err(database("preparing the journal"))? {
        known @ 0..=SCHEMA => Ok(known),
        found => Err(JournalError::TooNew { path: path.to_owned(), found, supported: SCHEMA }),
    }
}

/// Brings a database of the schema `found` to [`SCHEMA`].
pub(super) fn upgrade(db: &Connection, found: i64) -> rusqlite::Result<()> {
    let changes: String = match found {
        SCHEMA => return Ok(()),
        0 => TABLES.to_owned(),
        _ => CHANGES.iter().filter(|(since, _)| found < *since).map(|(_, change)| *change).collect(),
    };
    db.execute_batch(&format!("BEGIN IMMEDIATE; {changes} PRAGMA user_version = {SCHEMA}; COMMIT;"))
}
