//! What earlier deliveries tell about the next: how fast bytes go and how long processing takes.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::params;

use super::{Journal, JournalError, database};

/// The latest deliveries looked at.
const LATEST: u32 = 2000;
/// Fewer deliveries tell nothing.
const ENOUGH: usize = 5;

/// How earlier deliveries to a destination went. What is not known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct History {
    /// Bytes a second of an upload, the time to its answer included.
    pub upload_bytes_per_s: Option<f64>,
    /// The time from an upload to readiness that a quarter of the videos needed at most.
    pub ready_quarter: Option<Duration>,
    /// The same for half of them.
    pub ready_half: Option<Duration>,
}

/// The longest wait before the first look, however long the latest took: the documented window.
const LOOK_MOST: Duration = Duration::from_secs(300);

impl History {
    /// When to look first for a video just uploaded. A little before the quick quarter was seen to be ready:
    /// it may have been ready earlier, and times that were only ever seen at a look must not creep upwards.
    pub fn first_look(&self) -> Option<Duration> {
        self.ready_quarter.map(|quarter| quarter.mul_f64(0.75).min(LOOK_MOST))
    }
}

impl Journal {
    /// How the latest deliveries to a destination went.
    pub fn history(&self, origin: &str, advertiser: &str) -> Result<History, JournalError> {
        let mut waits = self.waits(&super::destination_key(origin, advertiser))?;
        waits.sort_unstable();
        let part = |quarter: usize| {
            let at = (waits.len() >= ENOUGH).then(|| waits.get(waits.len() * quarter / 4).copied()).flatten();
            at.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis)
        };
        Ok(History {
            upload_bytes_per_s: self.upload_rate(origin, advertiser)?,
            ready_quarter: part(1),
            ready_half: part(2),
        })
    }

    fn upload_rate(&self, origin: &str, advertiser: &str) -> Result<Option<f64>, JournalError> {
        let doing = database("reading the history");
        // An upload sent twice or settled by asking says nothing about the line.
        let sql = "SELECT sum(size_bytes), sum(settled_ms - sent_ms) FROM (
                   SELECT size_bytes, settled_ms, sent_ms FROM effects WHERE kind = 'upload' AND state = 'done'
                   AND sends = 1 AND origin = ?1 AND advertiser = ?2 AND settled_ms > sent_ms
                   AND size_bytes IS NOT NULL ORDER BY settled_ms DESC LIMIT ?3)";
        let (bytes, ms): (Option<i64>, Option<i64>) = self
            .db()
            .query_row(sql, params![origin, advertiser, LATEST], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(doing)?;
        Ok(bytes.zip(ms).filter(|(_, ms)| *ms > 0).map(|(bytes, ms)| bytes as f64 * 1000.0 / ms as f64))
    }

    /// Milliseconds from each upload to readiness, in no order.
    fn waits(&self, destination: &str) -> Result<Vec<i64>, JournalError> {
        let doing = database("reading the history");
        let db = self.db();
        let mut query = db
            .prepare(
                "SELECT subject, event, at_ms FROM (
                 SELECT seq, subject, event, at_ms FROM events WHERE event IN ('uploaded', 'ready', 'published') AND subject IN
                 (SELECT source_blake3 FROM items WHERE destination = ?1) ORDER BY seq DESC LIMIT ?2)
                 ORDER BY seq",
            )
            .map_err(&doing)?;
        let rows = query.query_map(params![destination, LATEST], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        });
        let (mut since, mut waits) = (HashMap::new(), Vec::new());
        for row in rows.map_err(&doing)? {
            let (subject, event, at) = row.map_err(&doing)?;
            if event == "uploaded" {
                since.insert(subject, at);
            } else if let Some(uploaded) = since.remove(&subject) {
                waits.push((at - uploaded).max(0));
            }
        }
        Ok(waits)
    }
}
