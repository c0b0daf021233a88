//! A person's answers to questions, recorded directly or left for the run that uses the journal.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::database::{Journal, Wait, append_event, hardened, now_ms};
use super::error::{JournalError, database};
use super::items::ItemKey;
use super::open_questions::ID_DIGITS;
use super::schema::{SCHEMA, schema};

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It happened; the text is the platform's id.
    Happened(String),
    /// It did not happen and may be sent again.
    DidNotHappen,
    /// Continue without it, in the next encode mode if there is one.
    Abandon,
}

impl Choice {
    fn to_columns(&self) -> (&'static str, Option<&str>) {
        match self {
            Choice::Happened(receipt) => ("done", Some(receipt)),
            Choice::DidNotHappen => ("not-done", None),
            Choice::Abandon => ("abandon", None),
        }
    }

    /// Returns `None` for the answer of a later version: it counts as not given.
    fn from_columns(choice: &str, receipt: Option<String>) -> Option<Choice> {
        match (choice, receipt) {
            ("done", Some(receipt)) => Some(Choice::Happened(receipt)),
            ("not-done", _) => Some(Choice::DidNotHappen),
            ("abandon", _) => Some(Choice::Abandon),
            _ => None,
        }
    }

    /// Returns what the event log calls the decision; an abandoned effect has it as its reason.
    pub(crate) fn event(&self) -> &'static str {
        match self {
            Choice::Happened(_) => "decided: happened",
            Choice::DidNotHappen => "decided: did not happen",
            Choice::Abandon => "decided: abandon",
        }
    }
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It is recorded; the next run continues with it.
    Recorded,
    /// A run uses the journal and takes the answer at its next step.
    LeftForRun,
}

impl Journal {
    /// Answers a question in the journal at `path`, also while a run uses it.
    ///
    /// # Errors
    /// [`JournalError::NoQuestion`] if the id matches no open question, or more than one.
    pub fn answer(path: &Path, id: &str, choice: &Choice) -> Result<Answered, JournalError> {
        match Journal::open(path, Wait::Refuse) {
            Ok(journal) => journal.resolve(id, choice).map(|()| Answered::Recorded),
            Err(JournalError::Held { .. }) => leave(path, id, choice).map(|()| Answered::LeftForRun),
            Err(error) => Err(error),
        }
    }

    /// Resolves a question by a person's decision and logs it as an event.
    ///
    /// # Errors
    /// [`JournalError::NoQuestion`] if the id matches no open question, or more than one.
    pub fn resolve(&self, id: &str, choice: &Choice) -> Result<(), JournalError> {
        let doing = database("recording a decision");
        let mut db = self.db();
        let change = db.transaction().map_err(&doing)?;
        let key = question(&change, id)?;
        change.execute("DELETE FROM answers WHERE effect_key = ?1", [&key]).map_err(&doing)?;
        decide(&change, &key, choice).map_err(&doing)?;
        change.commit().map_err(&doing)
    }

    /// Takes the answer that a person left for an effect, and resolves the question by it. Returns `None` if there is
    /// no answer, or if the platform answered the question first.
    pub(crate) fn take_answer(&self, key: &str) -> Result<Option<Choice>, JournalError> {
        let doing = database("taking an answer");
        let mut db = self.db();
        let left: bool = db
            .query_row("SELECT EXISTS (SELECT 1 FROM answers WHERE effect_key = ?1)", [key], |row| row.get(0))
            .map_err(&doing)?;
        if !left {
            return Ok(None);
        }
        let change = db.transaction().map_err(&doing)?;
        let taken = change.query_row(
            "DELETE FROM answers WHERE effect_key = ?1 RETURNING choice, receipt",
            [key],
            |row| Ok(Choice::from_columns(&row.get::<_, String>(0)?, row.get(1)?)),
        );
        let mut choice = taken.optional().map_err(&doing)?.flatten();
        if let Some(given) = &choice
            && decide(&change, key, given).map_err(&doing)? == 0
        {
            choice = None;
        }
        change.commit().map_err(&doing)?;
        Ok(choice)
    }

    /// Returns whether a person left an answer to an open question about an asset or its publications. The effect of a
    /// cover names no asset, so an answer about a cover counts for every asset.
    pub(crate) fn has_answer(&self, key: &ItemKey) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM answers JOIN effects USING (effect_key)
                   WHERE asked = 1 AND state = 'unknown' AND (content = ?1 OR kind = 'image' OR effect_key IN
                     (SELECT effect_key FROM items WHERE source_blake3 = ?1 AND profile_hash = ?2
                      AND destination = ?3)))";
        self.db()
            .query_row(sql, params![key.source_blake3, key.profile_hash, key.destination], |row| row.get(0))
            .map_err(database("reading the answers"))
    }
}

/// Leaves an answer in a journal that another process uses.
fn leave(path: &Path, id: &str, choice: &Choice) -> Result<(), JournalError> {
    let doing = database("leaving an answer");
    let mut db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .and_then(hardened)
        .map_err(&doing)?;
    if schema(&db, path)? != SCHEMA {
        // An earlier version runs, which takes no answers.
        return Err(JournalError::Held { path: path.to_owned() });
    }
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&doing)?;
    let key = question(&change, id)?;
    let (choice, receipt) = choice.to_columns();
    change
        .execute(
            "INSERT OR REPLACE INTO answers (effect_key, choice, receipt, at_ms) VALUES (?1, ?2, ?3, ?4)",
            params![key, choice, receipt, now_ms()],
        )
        .map_err(&doing)?;
    change.commit().map_err(&doing)
}

/// Returns the key of the effect that an open question is about.
fn question(db: &Connection, id: &str) -> Result<String, JournalError> {
    let no_question = || JournalError::NoQuestion { id: id.to_owned() };
    if id.len() < ID_DIGITS || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(no_question());
    }
    let sql = "SELECT min(effect_key) FROM effects WHERE asked = 1 AND state = 'unknown'
               AND substr(effect_key, 1, length(?1)) = ?1 HAVING count(*) = 1";
    let key = db.query_row(sql, [id], |row| row.get(0)).optional();
    key.map_err(database("reading the questions"))?.ok_or_else(no_question)
}

/// Resolves an open question and logs the decision. Returns the number of questions resolved.
fn decide(db: &Connection, key: &str, choice: &Choice) -> rusqlite::Result<usize> {
    let (state, receipt, abandoned) = match choice {
        Choice::Happened(receipt) => ("done", Some(receipt.as_str()), false),
        Choice::DidNotHappen => ("not_done", None, false),
        Choice::Abandon => ("not_done", None, true),
    };
    let changed = db.execute(
        "UPDATE effects SET state = ?2, receipt = ?3, abandoned = ?4, reason = ?5, asked = 0, name_held = 0,
         settled_ms = ?6 WHERE effect_key = ?1 AND asked = 1 AND state = 'unknown'",
        params![key, state, receipt, abandoned, choice.event(), now_ms()],
    )?;
    if changed > 0 {
        append_event(db, key, choice.event(), receipt)?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{effect, open};
    use super::super::{EffectState, Resolution};
    use super::*;

    /// Returns a journal with one open question, its path, and the key and id of the question.
    fn asked() -> (tempfile::TempDir, Journal, std::path::PathBuf, [String; 2]) {
        let (dir, journal) = open();
        let key = journal.record_intent(&effect()).unwrap().key;
        journal.mark_sent(&key).unwrap();
        journal.record_question(&key, &["two".to_owned()]).unwrap();
        let id = journal.open_questions().unwrap()[0].id.clone();
        let path = dir.path().join("deep/journal.db");
        (dir, journal, path, [key, id])
    }

    fn item(source: &str) -> ItemKey {
        let [source_blake3, profile_hash, destination] = [source, "p", "https://o|7"].map(str::to_owned);
        ItemKey { source_blake3, profile_hash, destination }
    }

    #[test]
    fn an_answer_to_a_used_journal_is_left_for_the_run_and_taken_once() {
        let answers = [Choice::DidNotHappen, Choice::Abandon, Choice::Happened("v9".into())];
        for choice in answers {
            let (_dir, journal, path, [key, id]) = asked();
            let wrong = Journal::answer(&path, "000000000000", &choice);
            assert!(matches!(wrong, Err(JournalError::NoQuestion { .. })));
            assert_eq!(journal.take_answer(&key).unwrap(), None);
            // The last answer counts.
            for given in [&Choice::Abandon, &choice] {
                assert_eq!(Journal::answer(&path, &id, given).unwrap(), Answered::LeftForRun);
            }
            assert_eq!(journal.open_questions().unwrap(), []);
            assert_eq!(journal.effect(&key).unwrap().unwrap().state, EffectState::Unknown);
            assert!(journal.has_answer(&item("c")).unwrap());
            assert!(!journal.has_answer(&item("d")).unwrap());
            assert_eq!(journal.take_answer(&key).unwrap(), Some(choice.clone()));
            assert_eq!(journal.take_answer(&key).unwrap(), None);
            let record = journal.effect(&key).unwrap().unwrap();
            let is_done = matches!(choice, Choice::Happened(_));
            assert_eq!(record.state, if is_done { EffectState::Done } else { EffectState::NotDone });
            assert_eq!(record.receipt.as_deref(), is_done.then_some("v9"));
            assert_eq!(record.abandoned, choice == Choice::Abandon);
            let events = journal.events(10).unwrap();
            assert_eq!(events.last().unwrap(), &(key, choice.event().to_owned()));
        }
    }

    #[test]
    fn an_answer_that_no_run_took_stays_and_is_replaced_by_a_later_one() {
        let (_dir, journal, path, [key, id]) = asked();
        Journal::answer(&path, &id, &Choice::Abandon).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path, Wait::Refuse).unwrap().open_questions().unwrap(), []);
        assert_eq!(Journal::answer(&path, &id, &Choice::DidNotHappen).unwrap(), Answered::Recorded);
        let journal = Journal::open(&path, Wait::Refuse).unwrap();
        assert_eq!(journal.take_answer(&key).unwrap(), None);
        let record = journal.effect(&key).unwrap().unwrap();
        assert_eq!((record.state, record.abandoned), (EffectState::NotDone, false));
    }

    #[test]
    fn the_answer_of_the_platform_counts_more_than_one_that_was_left() {
        let (_dir, journal, path, [key, id]) = asked();
        Journal::answer(&path, &id, &Choice::DidNotHappen).unwrap();
        journal.record_resolution(&key, &Resolution::Done { receipt: "v1".into() }, None).unwrap();
        assert!(!journal.has_answer(&item("c")).unwrap());
        assert_eq!(journal.take_answer(&key).unwrap(), None);
        assert_eq!(journal.effect(&key).unwrap().unwrap().receipt.as_deref(), Some("v1"));
    }
}
