//! Questions: effects of unknown outcome that only a person can resolve.

use rusqlite::params;

use super::database::{Journal, append_event};
use super::error::{JournalError, database};

/// An effect of unknown outcome that only a person can resolve.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Question {
    /// The id for `greenlit resolve`.
    pub id: String,
    /// What is unknown.
    pub what: String,
    /// The observations of the platform.
    pub readings: Vec<String>,
}

/// Number of digits of the effect's key in an id: enough to be unique, few enough to type.
pub(super) const ID_DIGITS: usize = 12;

impl Journal {
    /// Marks an effect of unknown outcome as a question, with the observations.
    pub fn record_question(&self, key: &str, readings: &[String]) -> Result<(), JournalError> {
        let doing = database("recording a question");
        let readings = serde_json::Value::from(readings.to_vec()).to_string();
        let mut db = self.db();
        let change = db.transaction().map_err(&doing)?;
        change
            .execute(
                "UPDATE effects SET state = 'unknown', asked = 1, readings = ?2
                 WHERE effect_key = ?1 AND state IN ('sent', 'unknown')",
                params![key, readings],
            )
            .map_err(&doing)?;
        append_event(&change, key, "asked", Some(&readings)).map_err(&doing)?;
        change.commit().map_err(&doing)
    }

    /// Returns the open questions without an answer, oldest first.
    pub fn open_questions(&self) -> Result<Vec<Question>, JournalError> {
        let doing = database("reading the questions");
        let db = self.db();
        let mut query = db
            .prepare(
                "SELECT effect_key, kind, name, scope, account, reason, readings FROM effects
                 WHERE asked = 1 AND state = 'unknown' AND effect_key NOT IN (SELECT effect_key FROM answers)
                 ORDER BY intent_ms, effect_key",
            )
            .map_err(&doing)?;
        let questions = query.query_map([], |row| {
            let (key, kind, name): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (scope, account): (String, String) = (row.get(3)?, row.get(4)?);
            let (reason, readings): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
            let location = if scope.is_empty() {
                format!("in the account {account}")
            } else {
                format!("in the group {scope}")
            };
            let mut observations: Vec<String> =
                readings.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            observations.extend(reason);
            Ok(Question {
                id: key.chars().take(ID_DIGITS).collect(),
                what: format!("whether the {kind} {name:?} exists {location}"),
                readings: observations,
            })
        });
        questions.map_err(&doing)?.collect::<Result<_, _>>().map_err(&doing)
    }
}
