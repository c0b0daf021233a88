//! Ads and where they stand.

use rusqlite::{OptionalExtension, params};

use super::items::{state_of, state_text};
use super::{Journal, JournalError, database, note, now_ms};
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

/// An ad as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdRecord {
    /// A digest of the row's fields, so that a changed row is noticed.
    pub field_digest: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// The platform's id.
    pub ad_id: Option<String>,
    /// The cover.
    pub image_id: Option<String>,
    /// Its creation.
    pub effect_key: Option<String>,
    /// Why it stands there.
    pub reason: Option<String>,
}

impl Journal {
    /// An ad by its key.
    pub fn ad(&self, key: &AdKey) -> Result<Option<AdRecord>, JournalError> {
        self.db()
            .query_row(
                "SELECT field_digest, state, ad_id, image_id, effect_key, reason FROM ads WHERE origin = ?1
                 AND advertiser = ?2 AND adgroup = ?3 AND ad_name = ?4 AND content = ?5",
                params![key.origin, key.advertiser, key.adgroup, key.ad_name, key.content],
                |row| {
                    Ok(AdRecord {
                        field_digest: row.get(0)?,
                        state: state_of(row.get(1)?),
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

    /// The id of an ad of the same name in the same ad group that was published with other content.
    pub fn published_with_other_content(&self, key: &AdKey) -> Result<Option<String>, JournalError> {
        let found: Option<Option<String>> = self
            .db()
            .query_row(
                "SELECT ad_id FROM ads WHERE origin = ?1 AND advertiser = ?2 AND adgroup = ?3 AND ad_name = ?4
                 AND content <> ?5 AND state = 'published' ORDER BY content LIMIT 1",
                params![key.origin, key.advertiser, key.adgroup, key.ad_name, key.content],
                |row| row.get(0),
            )
            .optional()
            .map_err(database("reading an ad"))?;
        Ok(found.map(Option::unwrap_or_default))
    }

    /// Writes down where an ad stands.
    pub fn put_ad(&self, key: &AdKey, ad: &AdRecord) -> Result<(), JournalError> {
        let doing = database("recording an ad");
        let text = state_text(&ad.state);
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
                    text,
                    ad.ad_id,
                    ad.image_id,
                    ad.effect_key,
                    ad.reason,
                    now_ms()
                ],
            )
            .map_err(&doing)?;
        note(&change, &key.ad_name, &text, ad.reason.as_deref()).map_err(&doing)?;
        change.commit().map_err(&doing)
    }
}
