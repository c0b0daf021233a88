//! Statistics of earlier deliveries: upload rate and processing time.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::params;

use super::database::{Journal, destination_key};
use super::error::{JournalError, database};

/// The most recent records that are evaluated.
const MAX_RECORDS: u32 = 2000;
/// The least number of deliveries for a statistic.
const MIN_DELIVERIES: usize = 5;

/// Statistics of the latest deliveries to a destination; `None` where too few are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct History {
    /// Upload rate in bytes per second, including the time to the answer.
    pub upload_bytes_per_s: Option<f64>,
    /// First quartile of the time from upload to readiness.
    pub ready_p25: Option<Duration>,
    /// Median of that time.
    pub ready_median: Option<Duration>,
}

/// The longest wait before the first poll: the documented processing time.
const MAX_FIRST_WAIT: Duration = Duration::from_secs(300);

impl History {
    /// Returns how long to wait before the first poll of a new upload: less than the first quartile, because polls
    /// measure the times and would otherwise lengthen them from run to run.
    pub fn first_poll_after_upload(&self) -> Option<Duration> {
        self.ready_p25.map(|time| time.mul_f64(0.75).min(MAX_FIRST_WAIT))
    }
}

impl Journal {
    /// Returns the statistics of the latest deliveries to a destination.
    pub fn history(&self, origin: &str, account: &str) -> Result<History, JournalError> {
        let mut times = self.processing_times(&destination_key(origin, account))?;
        times.sort_unstable();
        let quantile = |quarter: usize| {
            let at = (times.len() >= MIN_DELIVERIES)
                .then(|| times.get(times.len() * quarter / 4).copied())
                .flatten();
            at.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis)
        };
        Ok(History {
            upload_bytes_per_s: self.upload_rate(origin, account)?,
            ready_p25: quantile(1),
            ready_median: quantile(2),
        })
    }

    fn upload_rate(&self, origin: &str, account: &str) -> Result<Option<f64>, JournalError> {
        let doing = database("reading the history");
        // An upload that was sent twice or reconciled says nothing about the rate.
        let sql = "SELECT sum(size_bytes), sum(settled_ms - sent_ms) FROM (
                   SELECT size_bytes, settled_ms, sent_ms FROM effects WHERE kind = 'upload' AND state = 'done'
                   AND sends = 1 AND origin = ?1 AND account = ?2 AND settled_ms > sent_ms
                   AND size_bytes IS NOT NULL ORDER BY settled_ms DESC LIMIT ?3)";
        let (bytes, ms): (Option<i64>, Option<i64>) = self
            .db()
            .query_row(sql, params![origin, account, MAX_RECORDS], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(doing)?;
        Ok(bytes.zip(ms).filter(|(_, ms)| *ms > 0).map(|(bytes, ms)| bytes as f64 * 1000.0 / ms as f64))
    }

    /// Returns the milliseconds from each upload to readiness, unordered.
    fn processing_times(&self, destination: &str) -> Result<Vec<i64>, JournalError> {
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
        let rows = query.query_map(params![destination, MAX_RECORDS], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        });
        let (mut uploaded_at, mut times) = (HashMap::new(), Vec::new());
        for row in rows.map_err(&doing)? {
            let (subject, event, at) = row.map_err(&doing)?;
            if event == "uploaded" {
                uploaded_at.insert(subject, at);
            } else if let Some(uploaded) = uploaded_at.remove(&subject) {
                times.push((at - uploaded).max(0));
            }
        }
        Ok(times)
    }
}
