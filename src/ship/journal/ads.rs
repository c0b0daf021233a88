//! Records of ads and posts.

use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension, params};

use super::items::{parse_state, state_name};
use super::{Journal, JournalError, append_event, database, destination_key, now_ms};
use crate::ship::DeliveryState;

/// The identity of an ad.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdKey {
    /// The API's origin.
    pub origin: String,
    /// The advertiser.
    pub advertiser: String,
    /// The ad group.
    pub adgroup: String,
    /// The name, unique in its ad group.
    pub ad_name: String,
    /// BLAKE3 of the source of the video.
    pub content: String,
}

/// The record of an ad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdRecord {
    /// A digest of the row's fields, to detect a changed row.
    pub field_digest: String,
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub ad_id: Option<String>,
    /// The platform's id of the cover.
    pub image_id: Option<String>,
    /// The key of the effect that creates it.
    pub effect_key: Option<String>,
    /// The reason for the state.
    pub reason: Option<String>,
}

/// An ad or post in `greenlit status`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct StatusAd {
    /// The ad group; empty for a post.
    pub adgroup_id: String,
    /// The name; `post` for a post.
    pub ad_name: String,
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub ad_id: Option<String>,
    /// The reason for the state.
    pub reason: Option<String>,
}

impl Journal {
    /// Records the ads that are asked for from one content, before anything is sent. Ads of that content that were not
    /// begun are removed unless this run asks for an ad of that group and name, perhaps from a copy of the file.
    pub fn plan_ads(
        &self,
        asked: &[(AdKey, String)],
        is_asked: &dyn Fn(&str, &str) -> bool,
    ) -> Result<(), JournalError> {
        let Some((AdKey { origin, advertiser, content, .. }, _)) = asked.first() else { return Ok(()) };
        let doing = database("recording the ads");
        let mut db = self.db();
        let change = db.transaction().map_err(&doing)?;
        let planned: Vec<(String, String)> = {
            let mut query = change
                .prepare(
                    "SELECT adgroup, ad_name FROM ads WHERE origin = ?1 AND advertiser = ?2 AND content = ?3
                     AND state = 'validated' AND effect_key IS NULL",
                )
                .map_err(&doing)?;
            let names = query.query_map([origin, advertiser, content], |row| Ok((row.get(0)?, row.get(1)?)));
            names.map_err(&doing)?.collect::<Result<_, _>>().map_err(&doing)?
        };
        for (group, name) in planned.iter().filter(|(group, name)| !is_asked(group, name)) {
            change
                .execute(
                    "DELETE FROM ads WHERE origin = ?1 AND advertiser = ?2 AND content = ?3 AND adgroup = ?4
                     AND ad_name = ?5",
                    [origin, advertiser, content, group, name],
                )
                .map_err(&doing)?;
            append_event(&change, name, "no longer asked for", None).map_err(&doing)?;
        }
        for (key, digest) in asked {
            let added = change
                .execute(
                    "INSERT OR IGNORE INTO ads (origin, advertiser, adgroup, ad_name, content, field_digest, state,
                     updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'validated', ?7)",
                    params![origin, advertiser, key.adgroup, key.ad_name, content, digest, now_ms()],
                )
                .map_err(&doing)?;
            if added > 0 {
                append_event(&change, &key.ad_name, "validated", None).map_err(&doing)?;
            }
        }
        change.commit().map_err(&doing)
    }

    /// Returns the ads by destination and content.
    pub(super) fn all_ads(&self) -> Result<HashMap<(String, String), Vec<StatusAd>>, JournalError> {
        let doing = database("reading the ads");
        let db = self.db();
        let mut query = db
            .prepare(
                "SELECT origin, advertiser, content, adgroup, ad_name, state, ad_id, reason FROM ads
                 ORDER BY adgroup, ad_name",
            )
            .map_err(&doing)?;
        let rows = query.query_map([], |row| {
            let (origin, advertiser): (String, String) = (row.get(0)?, row.get(1)?);
            let ad = StatusAd {
                adgroup_id: row.get(3)?,
                ad_name: row.get(4)?,
                state: parse_state(row.get(5)?),
                ad_id: row.get(6)?,
                reason: row.get(7)?,
            };
            Ok(((destination_key(&origin, &advertiser), row.get(2)?), ad))
        });
        let mut ads: HashMap<(String, String), Vec<StatusAd>> = HashMap::new();
        for row in rows.map_err(&doing)? {
            let (key, ad) = row.map_err(&doing)?;
            ads.entry(key).or_default().push(ad);
        }
        Ok(ads)
    }

    /// Returns the record of an ad.
    pub fn ad(&self, key: &AdKey) -> Result<Option<AdRecord>, JournalError> {
        self.db()
            .query_row(
                "SELECT field_digest, state, ad_id, image_id, effect_key, reason FROM ads WHERE origin = ?1
                 AND advertiser = ?2 AND adgroup = ?3 AND ad_name = ?4 AND content = ?5",
                params![key.origin, key.advertiser, key.adgroup, key.ad_name, key.content],
                |row| {
                    Ok(AdRecord {
                        field_digest: row.get(0)?,
                        state: parse_state(row.get(1)?),
                        ad_id: row.get(2)?,
                        image_id: row.get(3)?,
                        effect_key: row.get(4)?,
                        reason: row.get(5)?,
                    })
                },
            )
            .optional()
            .map_err(database("reading an ad"))
    }

    /// Returns ad group and name of every published ad of an account; for a post both are those of its key.
    pub fn published_names(
        &self,
        origin: &str,
        advertiser: &str,
    ) -> Result<HashSet<(String, String)>, JournalError> {
        let doing = database("reading the ads");
        let db = self.db();
        let mut query = db
            .prepare(
                "SELECT DISTINCT adgroup, ad_name FROM ads WHERE origin = ?1 AND advertiser = ?2
                 AND state = 'published'",
            )
            .map_err(&doing)?;
        let names = query.query_map([origin, advertiser], |row| Ok((row.get(0)?, row.get(1)?)));
        names.map_err(&doing)?.collect::<Result<_, _>>().map_err(&doing)
    }

    /// Returns the id of an ad of the same name in the same ad group that was published with other content.
    pub fn published_with_other_content(&self, key: &AdKey) -> Result<Option<String>, JournalError> {
        let ad_id: Option<Option<String>> = self
            .db()
            .query_row(
                "SELECT ad_id FROM ads WHERE origin = ?1 AND advertiser = ?2 AND adgroup = ?3 AND ad_name = ?4
                 AND content <> ?5 AND state = 'published' ORDER BY content LIMIT 1",
                params![key.origin, key.advertiser, key.adgroup, key.ad_name, key.content],
                |row| row.get(0),
            )
            .optional()
            .map_err(database("reading an ad"))?;
        Ok(ad_id.map(Option::unwrap_or_default))
    }

    /// Records an ad.
    pub fn put_ad(&self, key: &AdKey, ad: &AdRecord) -> Result<(), JournalError> {
        let doing = database("recording an ad");
        let state = state_name(&ad.state);
        let mut db = self.db();
        let change = db.transaction().map_err(&doing)?;
        change
            .execute(
                "INSERT OR REPLACE INTO ads (origin, advertiser, adgroup, ad_name, content, field_digest, state,
                 ad_id, image_id, effect_key, reason, updated_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                params![
                    key.origin,
                    key.advertiser,
                    key.adgroup,
                    key.ad_name,
                    key.content,
                    ad.field_digest,
                    state,
                    ad.ad_id,
                    ad.image_id,
                    ad.effect_key,
                    ad.reason,
                    now_ms()
                ],
            )
            .map_err(&doing)?;
        append_event(&change, &key.ad_name, &state, ad.reason.as_deref()).map_err(&doing)?;
        change.commit().map_err(&doing)
    }
}
