#![allow(clippy::unwrap_used)]

use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use rusqlite::Connection;

use super::database::append_event;
use super::*;
use crate::plan::EncodeMode;
use crate::platform::EffectKind;

pub(super) fn open() -> (tempfile::TempDir, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&dir.path().join("deep/journal.db"), Wait::Refuse).unwrap();
    (dir, journal)
}

pub(super) fn effect() -> Effect {
    Effect {
        kind: EffectKind::Upload,
        origin: "https://o".into(),
        account: "7".into(),
        scope: String::new(),
        name: "a-1.mp4".into(),
        content: "c".into(),
        md5: Some("m".into()),
        size_bytes: Some(9),
        encode_mode: EncodeMode::Planned,
    }
}

#[test]
fn a_second_process_cannot_open_the_journal_until_the_first_closes_it() {
    let (dir, journal) = open();
    let path = dir.path().join("deep/journal.db");
    assert!(matches!(Journal::open(&path, Wait::Refuse), Err(JournalError::Held { .. })));
    let waiting = {
        let path = path.clone();
        std::thread::spawn(move || Journal::open(&path, Wait::UntilFree).is_ok())
    };
    drop(journal);
    assert!(waiting.join().unwrap());
    Journal::open(&path, Wait::Refuse).unwrap();
}

#[test]
fn syncs_every_commit_and_rejects_a_later_schema() {
    let (dir, journal) = open();
    {
        let db = journal.db();
        let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        let sync: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!((mode.as_str(), sync), ("wal", 2));
        db.pragma_update(None, "user_version", 99).unwrap();
        assert_events_are_append_only(&db);
    }
    drop(journal);
    let again = Journal::open(&dir.path().join("deep/journal.db"), Wait::Refuse);
    assert!(matches!(again, Err(JournalError::TooNew { found: 99, .. })));
}

fn assert_events_are_append_only(db: &Connection) {
    append_event(db, "s", "e", None).unwrap();
    assert!(db.execute("DELETE FROM events", []).is_err());
    assert!(db.execute("UPDATE events SET event = 'x'", []).is_err());
}

#[test]
fn the_key_distinguishes_intents_and_ignores_upload_names() {
    let one = effect();
    assert_eq!(one.key(), Effect { name: "other".into(), ..one.clone() }.key());
    for other in [
        Effect { kind: EffectKind::Cover, ..one.clone() },
        Effect { origin: "http://127.0.0.1".into(), ..one.clone() },
        Effect { account: "8".into(), ..one.clone() },
        Effect { content: "d".into(), ..one.clone() },
        Effect { encode_mode: EncodeMode::CommonCore, ..one.clone() },
        Effect { scope: "7".into(), account: String::new(), ..one.clone() },
    ] {
        assert_ne!(one.key(), other.key(), "{other:?}");
    }
}

#[test]
fn an_effect_is_sent_again_only_after_it_is_known_not_to_have_happened() {
    let (_dir, journal) = open();
    let record = journal.record_intent(&effect()).unwrap();
    assert_eq!((record.state, record.sends), (EffectState::Intent, 0));
    journal.mark_sent(&record.key).unwrap();
    assert!(matches!(journal.mark_sent(&record.key), Err(JournalError::Forbidden { .. })));
    let unknown = Resolution::Unknown { reason: "cut".into(), name_held: true, ended: None };
    journal.record_resolution(&record.key, &unknown, Some("r")).unwrap();
    assert!(journal.mark_sent(&record.key).is_err());
    journal.record_resolution(&record.key, &Resolution::NotDone { reason: "asked".into() }, None).unwrap();
    journal.mark_sent(&record.key).unwrap();
    journal.record_resolution(&record.key, &Resolution::Done { receipt: "v1".into() }, None).unwrap();
    let refused =
        journal.record_resolution(&record.key, &Resolution::NotDone { reason: "late".into() }, None);
    assert!(refused.is_err());
    // The name of the first intent is kept.
    let again = journal.record_intent(&Effect { name: "renamed".into(), ..effect() }).unwrap();
    assert_eq!((again.state, again.sends, again.name.as_str()), (EffectState::Done, 2, "a-1.mp4"));
    assert_eq!(again.receipt.as_deref(), Some("v1"));
}

#[test]
fn the_time_since_a_send_is_measured_by_the_clock_of_the_platform_alone() {
    let (_dir, journal) = open();
    let key = journal.record_intent(&effect()).unwrap().key;
    let at = |seconds| Some(UNIX_EPOCH + std::time::Duration::from_secs(seconds));
    let since = |now| journal.effect(&key).unwrap().unwrap().since_sent(now).as_secs();
    assert_eq!(since(at(5000)), 0, "not sent");
    journal.mark_sent(&key).unwrap();
    assert_eq!(since(at(5000)), 0, "the end of the send is unknown");
    let lost = Resolution::Unknown { reason: "lost".into(), name_held: false, ended: at(1000) };
    journal.record_resolution(&key, &lost, None).unwrap();
    // The journal's own times are those of a machine whose clock was set.
    journal.db().execute("UPDATE effects SET sent_ms = 0, intent_ms = 0", []).unwrap();
    assert_eq!([at(1060), at(1000), at(400), None].map(since), [59, 0, 0, 0]);
    journal.record_resolution(&key, &Resolution::NotDone { reason: "asked".into() }, None).unwrap();
    journal.mark_sent(&key).unwrap();
    assert_eq!(since(at(5000)), 0, "the time of the latest send is unknown");
}

#[test]
fn a_question_is_resolved_once_and_only_by_its_full_id() {
    let (_dir, journal) = open();
    let key = journal.record_intent(&effect()).unwrap().key;
    journal.mark_sent(&key).unwrap();
    assert_eq!(journal.open_questions().unwrap(), []);
    journal.record_question(&key, &["two".to_owned()]).unwrap();
    let id = journal.open_questions().unwrap()[0].id.clone();
    for wrong in ["", "%", "abc", &id[..6], "000000000000"] {
        assert!(matches!(
            journal.resolve(wrong, &Choice::DidNotHappen),
            Err(JournalError::NoQuestion { .. })
        ));
    }
    journal.resolve(&id, &Choice::Happened("v9".into())).unwrap();
    assert_eq!(journal.effect(&key).unwrap().unwrap().receipt.as_deref(), Some("v9"));
    assert!(journal.resolve(&id, &Choice::DidNotHappen).is_err());
}

#[test]
fn assets_are_found_by_content_profile_and_destination() {
    let (_dir, journal) = open();
    let key = ItemKey {
        source_blake3: "s".into(),
        profile_hash: "p".into(),
        destination: destination_key("https://o", "7"),
    };
    let item = ItemRecord {
        source: "a.mov".into(),
        artifact: Some(Artifact {
            path: "a.mp4".into(),
            blake3: "b".into(),
            md5: "m".into(),
            size_bytes: u64::from(u32::MAX) + 1,
        }),
        encode_mode: EncodeMode::CommonCore,
        effect_key: Some("k".into()),
        state: crate::ship::DeliveryState::GivenUp,
        video_id: Some("v".into()),
        attempts: 2,
        reason: Some("r".into()),
        history: vec!["one".into(), "two".into()],
        given_up: Some(crate::ship::GiveUpReason::FileRefused),
    };
    journal.put_item(&key, &item).unwrap();
    assert_eq!(journal.item(&key).unwrap(), Some(item.clone()));
    let known = journal.lookup("s", "p", &key.destination).unwrap().unwrap();
    assert_eq!((known.state, known.artifact), (item.state, item.artifact));
    assert_eq!(journal.lookup("s", "p", &destination_key("http://127.0.0.1:1", "7")).unwrap(), None);
    assert_eq!(journal.lookup("s", "q", &key.destination).unwrap(), None);
    assert_eq!(journal.status().unwrap().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// In any order of calls, an effect is never sent while its outcome is unknown or it is done.
    #[test]
    fn no_order_of_calls_sends_an_effect_that_may_have_happened(steps in prop::collection::vec(0u8..5, 1..12)) {
        let (_dir, journal) = open();
        let key = journal.record_intent(&effect()).unwrap().key;
        let mut state = EffectState::Intent;
        for step in steps {
            let before = state;
            let result = match step {
                0 => journal.mark_sent(&key).map(|()| EffectState::Sent),
                1 => journal.record_resolution(&key, &Resolution::Done { receipt: "v".into() }, None).map(|()| EffectState::Done),
                2 => journal.record_resolution(&key, &Resolution::NotDone { reason: "n".into() }, None).map(|()| EffectState::NotDone),
                3 => journal
                    .record_resolution(&key, &Resolution::Unknown { reason: "u".into(), name_held: false, ended: None }, None)
                    .map(|()| EffectState::Unknown),
                _ => journal.record_intent(&effect()).map(|record| record.state),
            };
            if let Ok(next) = result {
                state = next;
            }
            if step == 0 && state == EffectState::Sent && before != EffectState::Sent {
                prop_assert!(matches!(before, EffectState::Intent | EffectState::NotDone));
            }
            if before == EffectState::Done {
                prop_assert_eq!(state, EffectState::Done);
            }
            prop_assert_eq!(journal.effect(&key).unwrap().unwrap().state, state);
        }
    }
}

#[test]
fn stored_numbers_of_encode_modes_are_read_and_written_as_before() {
    let (_dir, journal) = open();
    let key =
        ItemKey { source_blake3: "s".into(), profile_hash: "p".into(), destination: "https://o|7".into() };
    journal.put_item(&key, &ItemRecord::new("a.mov".into())).unwrap();
    for (stored, expected) in [
        (0, EncodeMode::Planned),
        (1, EncodeMode::Planned),
        (2, EncodeMode::CommonCore),
        (3, EncodeMode::Conservative),
        (4, EncodeMode::Conservative),
        (i64::from(u32::MAX), EncodeMode::Conservative),
    ] {
        journal.db().execute("UPDATE items SET recipe = ?1", [stored]).unwrap();
        let item = journal.item(&key).unwrap().unwrap();
        assert_eq!(item.encode_mode, expected, "{stored}");
        journal.put_item(&key, &item).unwrap();
        let written: i64 = journal.db().query_row("SELECT recipe FROM items", [], |row| row.get(0)).unwrap();
        assert_eq!(written, stored.clamp(1, 3));
    }
    // The key of an effect is a hash over the same number: another key would be another upload.
    let mut hasher = blake3::Hasher::new();
    for field in ["upload", "https://o", "7", "", "", "c", "2"] {
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field.as_bytes());
    }
    let second = Effect { encode_mode: EncodeMode::CommonCore, ..effect() };
    assert_eq!(second.key(), hasher.finalize().to_hex().to_string());
}

/// Undoes the changes of the fourth schema.
pub(super) const TO_3: &str = "DROP TABLE answers;
    ALTER TABLE effects DROP COLUMN sent_platform_ms;
    ALTER TABLE effects RENAME COLUMN account TO advertiser;
    ALTER TABLE publications RENAME COLUMN account TO advertiser;
    ALTER TABLE publications RENAME COLUMN scope TO adgroup;
    ALTER TABLE publications RENAME COLUMN name TO ad_name;
    ALTER TABLE publications RENAME COLUMN id TO ad_id;
    ALTER TABLE publications RENAME COLUMN cover_id TO image_id;
    ALTER TABLE publications RENAME TO ads;";

#[test]
fn migrates_a_journal_of_each_earlier_schema() {
    for (schema, downgrade) in [
        (1, "ALTER TABLE effects DROP COLUMN handle; ALTER TABLE items DROP COLUMN given_up;"),
        (2, "ALTER TABLE items DROP COLUMN given_up;"),
        (3, ""),
    ] {
        let (dir, journal) = open();
        let path = dir.path().join("deep/journal.db");
        let key = journal.record_intent(&effect()).unwrap().key;
        let item_key = ItemKey {
            source_blake3: "s".into(),
            profile_hash: "p".into(),
            destination: "https://o|7".into(),
        };
        let item = ItemRecord {
            state: crate::ship::DeliveryState::GivenUp,
            reason: Some("attempt 3: failed".into()),
            ..ItemRecord::new("a.mov".into())
        };
        journal.put_item(&item_key, &item).unwrap();
        journal.db().execute_batch(&format!("{TO_3} {downgrade} PRAGMA user_version = {schema};")).unwrap();
        drop(journal);
        let journal = Journal::open(&path, Wait::Refuse).unwrap();
        let copy =
            rusqlite::Connection::open(path.with_extension(format!("db.schema-{schema}.bak"))).unwrap();
        let copied: i64 = copy.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        let effects: i64 = copy.query_row("SELECT count(*) FROM effects", [], |row| row.get(0)).unwrap();
        assert_eq!((copied, effects), (schema, 1));
        // The text of an old reason is not read: why it was given up stays unknown.
        assert_eq!(journal.item(&item_key).unwrap(), Some(item.clone()));
        let item = ItemRecord { given_up: Some(crate::ship::GiveUpReason::AttemptsUsedUp), ..item };
        journal.put_item(&item_key, &item).unwrap();
        assert_eq!(journal.item(&item_key).unwrap(), Some(item));
        journal.save_resume_token(&key, Some("up1")).unwrap();
        assert_eq!(journal.effect(&key).unwrap().unwrap().resume_token.as_deref(), Some("up1"));
        journal.mark_sent(&key).unwrap();
        journal.record_resolution(&key, &Resolution::Done { receipt: "v1".into() }, None).unwrap();
        assert!(journal.save_resume_token(&key, None).is_err(), "a finished effect has no resume token");
    }
}

#[test]
fn the_names_of_reasons_to_give_up_are_those_of_the_status_document() {
    use crate::ship::GiveUpReason::{AttemptsUsedUp, EncodeModesFailed, FileRefused};
    for reason in [AttemptsUsedUp, EncodeModesFailed, FileRefused] {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        assert_eq!(crate::ship::GiveUpReason::parse(reason.name()), Some(reason));
    }
    assert_eq!(crate::ship::GiveUpReason::parse("of a later build"), None);
}

#[test]
fn history_returns_the_quartile_and_the_median_of_recent_processing_times() {
    let (_dir, journal) = open();
    let none = journal.history("https://o", "7").unwrap();
    assert_eq!((none.first_poll_after_upload(), none.upload_bytes_per_s), (None, None));
    {
        let db = journal.db();
        for (index, seconds) in [40, 10, 20, 30, 50, 60, 70, 80].iter().enumerate() {
            let subject = format!("s{index}");
            db.execute(
                "INSERT INTO items (source_blake3, profile_hash, destination, source_path, recipe, state, attempts,
                 history, updated_ms) VALUES (?1, 'p', 'https://o|7', 'a', 1, 'ready', 1, '[]', 0)",
                [&subject],
            )
            .unwrap();
            for (event, at) in [("uploaded", 1000), ("processing", 1500), ("ready", 1000 + seconds * 1000)] {
                db.execute(
                    "INSERT INTO events (at_ms, subject, event) VALUES (?1, ?2, ?3)",
                    rusqlite::params![at, subject, event],
                )
                .unwrap();
            }
        }
    }
    let key = journal.record_intent(&effect()).unwrap().key;
    journal.mark_sent(&key).unwrap();
    journal.record_resolution(&key, &Resolution::Done { receipt: "v1".into() }, None).unwrap();
    journal
        .db()
        .execute("UPDATE effects SET size_bytes = 4000, sent_ms = 1000, settled_ms = 3000", [])
        .unwrap();
    let history = journal.history("https://o", "7").unwrap();
    assert_eq!(history.ready_p25, Some(std::time::Duration::from_secs(30)));
    assert_eq!(history.ready_median, Some(std::time::Duration::from_secs(50)));
    assert_eq!(history.first_poll_after_upload(), Some(std::time::Duration::from_millis(22_500)));
    assert_eq!(history.upload_bytes_per_s, Some(2000.0));
    assert_eq!(journal.history("https://o", "8").unwrap(), History::default());
}
