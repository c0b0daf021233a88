//! Audits a shipment: compares the effects in the sandbox's log with the records in the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::ship_setup::ShipSetup;

/// An effect as recorded in the journal.
#[derive(Clone, Debug)]
pub struct JournalEffect {
    pub kind: String,
    pub name: String,
    pub state: String,
    pub receipt: Option<String>,
    pub md5: Option<String>,
    pub abandoned: bool,
    pub sent_ms: Option<i64>,
}

/// An asset as recorded in the journal.
#[derive(Clone, Debug)]
pub struct JournalAsset {
    pub stem: String,
    pub recipe: u32,
    pub state: String,
    pub video: Option<String>,
    /// Why each earlier encode mode was given up.
    pub history: Vec<String>,
    pub updated_ms: i64,
}

/// An ad as recorded in the journal.
#[derive(Clone, Debug)]
pub struct JournalAd {
    pub name: String,
    pub state: String,
    pub id: Option<String>,
    pub updated_ms: i64,
}

/// The tables of the journal that the audit compares.
#[derive(Debug, Default)]
pub struct JournalSnapshot {
    pub effects: Vec<JournalEffect>,
    pub items: Vec<JournalAsset>,
    pub ads: Vec<JournalAd>,
}

impl JournalSnapshot {
    /// Reads a copy, so that the next run recovers from a kill by itself.
    pub fn read(setup: &ShipSetup) -> JournalSnapshot {
        let copy = tempfile::tempdir().unwrap();
        for name in ["journal.db", "journal.db-wal"] {
            let from = setup.dir.path(".greenlit").join(name);
            if from.is_file() {
                std::fs::copy(from, copy.path().join(name)).unwrap();
            }
        }
        let db = rusqlite::Connection::open(copy.path().join("journal.db")).unwrap();
        let table_count: i64 = db
            .query_row("SELECT count(*) FROM sqlite_master WHERE name = 'publications'", [], |row| row.get(0))
            .unwrap();
        if table_count == 0 {
            return JournalSnapshot::default();
        }
        let all =
            "SELECT kind, name, state, receipt, md5, abandoned, sent_ms FROM effects ORDER BY intent_ms";
        let effects = rows(&db, all, |row| {
            Ok(JournalEffect {
                kind: row.get(0)?,
                name: row.get(1)?,
                state: row.get(2)?,
                receipt: row.get(3)?,
                md5: row.get(4)?,
                abandoned: row.get(5)?,
                sent_ms: row.get(6)?,
            })
        });
        let all = "SELECT source_path, recipe, state, video_id, history, updated_ms FROM items";
        let items = rows(&db, all, |row| {
            let (path, history): (String, String) = (row.get(0)?, row.get(4)?);
            Ok(JournalAsset {
                stem: Path::new(&path).file_stem().unwrap().to_string_lossy().into_owned(),
                recipe: row.get(1)?,
                state: row.get(2)?,
                video: row.get(3)?,
                history: serde_json::from_str(&history).unwrap_or_default(),
                updated_ms: row.get(5)?,
            })
        });
        let ads = rows(&db, "SELECT name, state, id, updated_ms FROM publications", |row| {
            Ok(JournalAd { name: row.get(0)?, state: row.get(1)?, id: row.get(2)?, updated_ms: row.get(3)? })
        });
        JournalSnapshot { effects, items, ads }
    }
}

fn rows<T>(
    db: &rusqlite::Connection,
    query: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut query = db.prepare(query).unwrap();
    query.query_map([], read).unwrap().collect::<Result<_, _>>().unwrap()
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or_else(|| panic!("no {field} in {line}"))
}

/// Compares the result of a shipment with `expected`, which maps the file stem of each video to its ads.
/// Returns all violations, so that one failed test shows all of them.
pub fn audit(setup: &ShipSetup, expected: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut violations = audit_log(&setup.log(), &JournalSnapshot::read(setup), expected);
    let state = std::fs::read_to_string(setup.dir.path("platform/journal.jsonl")).unwrap_or_default();
    violations.extend(ads_created_too_early(
        &state.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>(),
    ));
    violations
}

/// Returns the ads that the sandbox created before their video was ready, by its state file.
pub fn ads_created_too_early(records: &[Value]) -> Vec<String> {
    let of = |kind: &'static str| records.iter().filter(move |record| record["kind"] == kind);
    let ready: BTreeMap<&str, u64> =
        of("video").map(|video| (text(video, "id"), video["ready"].as_u64().unwrap())).collect();
    let early = of("ad").filter(|ad| {
        let video = ready.get(text(&ad["creative"], "video_id"));
        video.is_none_or(|ready| ad["created"].as_u64().unwrap() < *ready)
    });
    early.map(|ad| format!("an ad was created before its video was ready: {ad}")).collect()
}

/// Like [`audit`], for a log and a journal that are already read.
pub fn audit_log(
    log: &[Value],
    journal: &JournalSnapshot,
    expected: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let effects_of = |kind: &str| log.iter().filter(|line| line["effect"] == kind).collect::<Vec<_>>();
    let (videos, ads) = (effects_of("video_created"), effects_of("ad_created"));
    let mut violations = audit_videos(&videos, journal, expected);
    violations.extend(audit_ads(&ads, &videos, journal, expected));
    violations.extend(audit_order(log));
    for sent in &journal.effects {
        let resolved = sent.state == "done" || sent.state == "not_done" || sent.abandoned;
        if !resolved {
            violations.push(format!("{} {} is left {}", sent.kind, sent.name, sent.state));
        }
    }
    violations
}

/// Checks that each encode mode of each video was uploaded once, under one name, as recorded in the journal,
/// and that each further encode mode has a reason.
fn audit_videos(
    videos: &[&Value],
    journal: &JournalSnapshot,
    expected: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let mut violations = Vec::new();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for video in videos {
        *names.entry(text(video, "file_name")).or_default() += 1;
    }
    violations.extend(
        names
            .iter()
            .filter(|(_, count)| **count > 1)
            .map(|(name, count)| format!("{name} was uploaded {count} times")),
    );
    let sent: BTreeMap<&str, &JournalEffect> =
        journal.effects.iter().filter(|sent| sent.kind == "upload").map(|sent| (&*sent.name, sent)).collect();
    for video in videos {
        let (name, id) = (text(video, "file_name"), text(video, "video_id"));
        match sent.get(name) {
            None => violations.push(format!("the journal has no upload {name}")),
            // Its processing failed before its id was read.
            Some(sent) if sent.abandoned && video["fate"] == "failed" => {}
            Some(sent) if sent.state != "done" || sent.receipt.as_deref() != Some(id) => {
                violations.push(format!(
                    "{name} was uploaded as {id}, the journal has it {} as {:?}",
                    sent.state, sent.receipt
                ));
            }
            Some(sent) if sent.md5.as_deref() != video["md5"].as_str() => {
                violations.push(format!("{name} was uploaded with an MD5 that differs from the journal's"));
            }
            Some(_) => {}
        }
    }
    let uploaded: BTreeSet<&str> = names.keys().copied().collect();
    for sent in journal.effects.iter().filter(|sent| sent.kind == "upload" && sent.state == "done") {
        if !uploaded.contains(&*sent.name) {
            violations.push(format!("the journal has {} done, but it was not uploaded", sent.name));
        }
    }
    for stem in expected.keys() {
        let of: Vec<_> = names.keys().filter(|name| is_of(name, stem)).collect();
        match journal.items.iter().filter(|item| item.stem == *stem).collect::<Vec<_>>().as_slice() {
            [item] => {
                if item.state != "published" {
                    violations.push(format!("{stem} is {} at the end", item.state));
                }
                let recipe = item.recipe as usize;
                if of.len() != recipe || item.history.len() + 1 != recipe {
                    let why = &item.history;
                    violations.push(format!("{stem}: uploads {of:?} for recipe {recipe}, history {why:?}"));
                }
            }
            items => violations.push(format!("the journal has {stem} {} times", items.len())),
        }
    }
    let unexpected = names.keys().filter(|name| !expected.keys().any(|stem| is_of(name, stem)));
    violations.extend(unexpected.map(|name| format!("{name} was uploaded unexpectedly")));
    violations
}

fn is_of(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-'))
}

/// Checks that each ad was created once, with its own video, as recorded in the journal.
fn audit_ads(
    ads: &[&Value],
    videos: &[&Value],
    journal: &JournalSnapshot,
    expected: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let mut violations = Vec::new();
    for (stem, names) in expected {
        let video =
            journal.items.iter().find(|item| item.stem == *stem).and_then(|item| item.video.as_deref());
        for name in names {
            let of: Vec<&&Value> = ads.iter().filter(|ad| ad["ad_name"] == name.as_str()).collect();
            let known: Vec<&JournalAd> = journal.ads.iter().filter(|ad| ad.name == *name).collect();
            if of.len() != 1 || known.len() != 1 {
                violations.push(format!(
                    "ad {name} was created {} times and is in the journal {} times",
                    of.len(),
                    known.len()
                ));
                continue;
            }
            if known[0].state != "published" || known[0].id.as_deref() != of[0]["ad_id"].as_str() {
                violations.push(format!("ad {name} is {}, the journal has {:?}", of[0]["ad_id"], known[0]));
            }
            if video.is_none() || of[0]["video_id"].as_str() != video {
                violations.push(format!("ad {name} shows {}, {stem} is {video:?}", of[0]["video_id"]));
            }
        }
    }
    let unexpected =
        ads.iter().filter(|ad| !expected.values().flatten().any(|name| ad["ad_name"] == name.as_str()));
    violations.extend(unexpected.map(|ad| format!("this ad was created unexpectedly: {ad}")));
    for ad in ads {
        match videos.iter().find(|video| video["video_id"] == ad["video_id"]) {
            None => violations.push(format!("an ad of a video that was never uploaded: {ad}")),
            Some(video) if video["fate"] != "ready" => {
                violations.push(format!("an ad of a failed video: {ad}"))
            }
            Some(_) => {}
        }
    }
    violations
}

/// Checks that no ad was requested before its video was ready (the sandbox answers 40901).
fn audit_order(log: &[Value]) -> Vec<String> {
    let requested = log.iter().filter(|line| {
        line["path"].as_str().is_some_and(|path| path.ends_with("ad/create/")) && line["code"] == 40_901
    });
    requested.map(|line| format!("an ad was requested before its video was ready: {line}")).collect()
}
