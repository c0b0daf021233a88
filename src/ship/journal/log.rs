//! Reads the journal's event log, for audits: append-only, in the order of the commits.

use super::database::Journal;
use super::error::{JournalError, database};

/// Number of events read per query.
const PAGE_SIZE: u32 = 1000;

/// An event, committed in one transaction with the change that it describes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LoggedEvent {
    /// Sequence number, from 1.
    pub seq: i64,
    /// Milliseconds since 1970.
    #[serde(skip)]
    pub at_ms: i64,
    /// `asset`, `ad`, or the kind of an effect: `upload`, `image`, `post`.
    pub kind: String,
    /// The hash of the source, the name of the ad or the key of the effect.
    pub subject: String,
    /// The path of the source, or the name on the platform.
    pub name: Option<String>,
    /// The new state, or the action.
    pub event: String,
    /// Details, such as a reason or a name.
    pub detail: Option<String>,
}

impl Journal {
    /// Passes every event after `seq`, oldest first, to `each`. An error of `each` ends the reading; the inner
    /// result returns it.
    pub fn read_log<E>(
        &self,
        mut seq: i64,
        each: &mut dyn FnMut(LoggedEvent) -> Result<(), E>,
    ) -> Result<Result<(), E>, JournalError> {
        loop {
            let page = self.log_page(seq)?;
            let Some(last) = page.last() else { return Ok(Ok(())) };
            seq = last.seq;
            for event in page {
                if let Err(error) = each(event) {
                    return Ok(Err(error));
                }
            }
        }
    }

    fn log_page(&self, after: i64) -> Result<Vec<LoggedEvent>, JournalError> {
        let doing = database("reading events");
        let db = self.db();
        let mut query = db
            .prepare(
                "SELECT seq, at_ms, subject, event, detail,
                 COALESCE((SELECT kind FROM effects WHERE effect_key = subject OR
                   (length(subject) = 12 AND substr(effect_key, 1, 12) = subject) LIMIT 1),
                   (SELECT 'asset' FROM items WHERE source_blake3 = subject LIMIT 1), 'ad'),
                 COALESCE((SELECT name FROM effects WHERE effect_key = subject LIMIT 1),
                   (SELECT source_path FROM items WHERE source_blake3 = subject LIMIT 1))
                 FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )
            .map_err(&doing)?;
        let rows = query.query_map(rusqlite::params![after, PAGE_SIZE], |row| {
            Ok(LoggedEvent {
                seq: row.get(0)?,
                at_ms: row.get(1)?,
                subject: row.get(2)?,
                event: row.get(3)?,
                detail: row.get(4)?,
                kind: row.get(5)?,
                name: row.get(6)?,
            })
        });
        rows.map_err(&doing)?.collect::<Result<_, _>>().map_err(&doing)
    }
}
