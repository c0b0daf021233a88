//! Records of publications: ads, posts and entries.

use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension, params};

use super::database::{Journal, append_event, destination_key, now_ms};
use super::error::{JournalError, database};
use super::state_name::{parse_state, state_name};
use crate::ship::DeliveryState;

/// The identity of a publication.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PublicationKey {
    /// The API's origin.
    pub origin: String,
    /// The account at the destination.
    pub account: String,
    /// The group that its name is unique in.
    pub scope: String,
    /// The name.
    pub name: String,
    /// BLAKE3 of the source of the video.
    pub content: String,
}

/// The record of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicationRecord {
    /// A digest of the row's fields, to detect a changed row.
    pub field_digest: String,
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub id: Option<String>,
    /// The platform's id of the cover.
    pub cover_id: Option<String>,
    /// The key of the effect that creates it.
    pub effect_key: Option<String>,
    /// The reason for the state.
    pub reason: Option<String>,
}

impl PublicationRecord {
    /// Returns the record of a publication that was not begun.
    pub(crate) fn new(field_digest: String) -> PublicationRecord {
        let state = DeliveryState::Validated;
        PublicationRecord { field_digest, state, id: None, cover_id: None, effect_key: None, reason: None }
    }
}

/// A publication in `greenlit status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusPublication {
    /// The group that its name is unique in.
    pub scope: String,
    /// The name.
    pub name: String,
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub id: Option<String>,
    /// The reason for the state.
    pub reason: Option<String>,
}

impl Journal {
    /// Records the ads that are asked for from one content, before anything is sent. Ads of that content that were not
    /// begun are removed unless this run asks for an ad of that group and name, perhaps from a copy of the file.
    pub fn plan_publications(
        &self,
        asked: &[(PublicationKey, String)],
        is_asked: &dyn Fn(&str, &str) -> bool,
    ) -> Result<(), JournalError> {
        let Some((PublicationKey { origin, account, content, .. }, _)) = asked.first() else { return Ok(()) };
        let doing = database("recording the publications");
        let mut db = self.db();
        let change = db.transaction().map_err(&doing)?;
        let planned: Vec<(String, String)> = {
            let mut query = change
                .prepare(
                    "SELECT scope, name FROM publications WHERE origin = ?1 AND account = ?2 AND content = ?3
                     AND state = 'validated' AND effect_key IS NULL",
                )
                .map_err(&doing)?;
            let names = query.query_map([origin, account, content], |row| Ok((row.get(0)?, row.get(1)?)));
            names.map_err(&doing)?.collect::<Result<_, _>>().map_err(&doing)?
        };
        for (group, name) in planned.iter().filter(|(group, name)| !is_asked(group, name)) {
            change
                .execute(
                    "DELETE FROM publications WHERE origin = ?1 AND account = ?2 AND content = ?3 AND scope = ?4
                     AND name = ?5",
                    [origin, account, content, group, name],
                )
                .map_err(&doing)?;
            append_event(&change, name, "no longer asked for", None).map_err(&doing)?;
        }
        for (key, digest) in asked {
            let added = change
                .execute(
                    "INSERT OR IGNORE INTO publications (origin, account, scope, name, content, field_digest, state,
                     updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'validated', ?7)",
                    params![origin, account, key.scope, key.name, content, digest, now_ms()],
                )
                .map_err(&doing)?;
            if added > 0 {
                append_event(&change, &key.name, "validated", None).map_err(&doing)?;
            }
        }
        change.commit().map_err(&doing)
    }

    /// Returns the ads by destination and content.
    pub(super) fn all_publications(
        &self,
    ) -> Result<HashMap<(String, String), Vec<StatusPublication>>, JournalError> {
        let doing = database("reading the publications");
        let db = self.db();
        let mut query = db
            .prepare(
                "SELECT origin, account, content, scope, name, state, id, reason FROM publications
                 ORDER BY scope, name",
            )
            .map_err(&doing)?;
        let rows = query.query_map([], |row| {
            let (origin, account): (String, String) = (row.get(0)?, row.get(1)?);
            let ad = StatusPublication {
                scope: row.get(3)?,
                name: row.get(4)?,
                state: parse_state(row.get(5)?),
                id: row.get(6)?,
                reason: row.get(7)?,
            };
            Ok(((destination_key(&origin, &account), row.get(2)?), ad))
        });
        let mut ads: HashMap<(String, String), Vec<StatusPublication>> = HashMap::new();
        for row in rows.map_err(&doing)? {
            let (key, ad) = row.map_err(&doing)?;
            ads.entry(key).or_default().push(ad);
        }
        Ok(ads)
    }

    /// Returns the record of an ad.
    pub fn publication(&self, key: &PublicationKey) -> Result<Option<PublicationRecord>, JournalError> {
        self.db()
            .query_row(
                "SELECT field_digest, state, id, cover_id, effect_key, reason FROM publications WHERE origin = ?1
                 AND account = ?2 AND scope = ?3 AND name = ?4 AND content = ?5",
                params![key.origin, key.account, key.scope, key.name, key.content],
                |row| {
                    Ok(PublicationRecord {
                        field_digest: row.get(0)?,
                        state: parse_state(row.get(1)?),
                        id: row.get(2)?,
                        cover_id: row.get(3)?,
                        effect_key: row.get(4)?,
                        reason: row.get(5)?,
                    })
                },
            )
            .optional()
            .map_err(database("reading a publication"))
    }

    /// Returns group and name of every published ad of an account; for a post both are those of its key.
    pub fn published_names(
        &self,
        origin: &str,
        account: &str,
    ) -> Result<HashSet<(String, String)>, JournalError> {
        let doing = database("reading the publications");
        let db = self.db();
        let mut query = db
            .prepare(
                "SELECT DISTINCT scope, name FROM publications WHERE origin = ?1 AND account = ?2
                 AND state = 'published'",
            )
            .map_err(&doing)?;
        let names = query.query_map([origin, account], |row| Ok((row.get(0)?, row.get(1)?)));
        names.map_err(&doing)?.collect::<Result<_, _>>().map_err(&doing)
    }

    /// Returns the id of an ad of the same name in the same group that was published with other content.
    pub fn published_with_other_content(&self, key: &PublicationKey) -> Result<Option<String>, JournalError> {
        let id: Option<Option<String>> = self
            .db()
            .query_row(
                "SELECT id FROM publications WHERE origin = ?1 AND account = ?2 AND scope = ?3 AND name = ?4
                 AND content <> ?5 AND state = 'published' ORDER BY content LIMIT 1",
                params![key.origin, key.account, key.scope, key.name, key.content],
                |row| row.get(0),
            )
            .optional()
            .map_err(database("reading a publication"))?;
        Ok(id.map(Option::unwrap_or_default))
    }

    /// Records an ad.
    pub fn put_publication(&self, key: &PublicationKey, ad: &PublicationRecord) -> Result<(), JournalError> {
        let doing = database("recording a publication");
        let state = state_name(&ad.state);
        let mut db = self.db();
        let change = db.transaction().map_err(&doing)?;
        change
            .execute(
                "INSERT OR REPLACE INTO publications (origin, account, scope, name, content, field_digest, state,
                 id, cover_id, effect_key, reason, updated_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                params![
                    key.origin,
                    key.account,
                    key.scope,
                    key.name,
                    key.content,
                    ad.field_digest,
                    state,
                    ad.id,
                    ad.cover_id,
                    ad.effect_key,
                    ad.reason,
                    now_ms()
                ],
            )
            .map_err(&doing)?;
        append_event(&change, &key.name, &state, ad.reason.as_deref()).map_err(&doing)?;
        change.commit().map_err(&doing)
    }
}
