//! The judge of shipping: what the sandbox's log says came into being against what the journal says was done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::stage::Stage;

/// An effect as the journal has it.
#[derive(Clone, Debug)]
pub struct Sent {
    pub kind: String,
    pub name: String,
    pub state: String,
    pub receipt: Option<String>,
    pub md5: Option<String>,
    pub abandoned: bool,
    pub sent_ms: Option<i64>,
}

/// An asset as the journal has it.
#[derive(Clone, Debug)]
pub struct Item {
    pub stem: String,
    pub recipe: u32,
    pub state: String,
    pub video: Option<String>,
    /// Why each earlier recipe was left.
    pub history: Vec<String>,
    pub updated_ms: i64,
}

/// An ad as the journal has it.
#[derive(Clone, Debug)]
pub struct Ad {
    pub name: String,
    pub state: String,
    pub id: Option<String>,
    pub updated_ms: i64,
}

/// Everything of the journal that can be judged.
#[derive(Debug, Default)]
pub struct Ledger {
    pub effects: Vec<Sent>,
    pub items: Vec<Item>,
    pub ads: Vec<Ad>,
}

impl Ledger {
    /// Reads a copy: whatever a kill left in the journal is for the next run to mend.
    pub fn read(stage: &Stage) -> Ledger {
        let desk = tempfile::tempdir().unwrap();
        for name in ["journal.db", "journal.db-wal"] {
            let from = stage.desk.path(".greenlit").join(name);
            if from.is_file() {
                std::fs::copy(from, desk.path().join(name)).unwrap();
            }
        }
        let db = rusqlite::Connection::open(desk.path().join("journal.db")).unwrap();
        let begun: i64 = db
            .query_row("SELECT count(*) FROM sqlite_master WHERE name = 'ads'", [], |row| row.get(0))
            .unwrap();
        if begun == 0 {
            return Ledger::default();
        }
        let all =
            "SELECT kind, name, state, receipt, md5, abandoned, sent_ms FROM effects ORDER BY intent_ms";
        let effects = rows(&db, all, |row| {
            Ok(Sent {
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
            Ok(Item {
                stem: Path::new(&path).file_stem().unwrap().to_string_lossy().into_owned(),
                recipe: row.get(1)?,
                state: row.get(2)?,
                video: row.get(3)?,
                history: serde_json::from_str(&history).unwrap_or_default(),
                updated_ms: row.get(5)?,
            })
        });
        let ads = rows(&db, "SELECT ad_name, state, ad_id, updated_ms FROM ads", |row| {
            Ok(Ad { name: row.get(0)?, state: row.get(1)?, id: row.get(2)?, updated_ms: row.get(3)? })
        });
        Ledger { effects, items, ads }
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

/// Holds the end of a shipment against what was meant: `meant` names each video, by the stem of its file,
/// with its ads. Says everything that is wrong, so that one failure tells the whole story.
pub fn complaints(stage: &Stage, meant: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut wrong = complaints_of(&stage.log(), &Ledger::read(stage), meant);
    let state = std::fs::read_to_string(stage.desk.path("platform/journal.jsonl")).unwrap_or_default();
    wrong.extend(too_early(
        &state.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>(),
    ));
    wrong
}

/// The sandbox's own state says when each video was ready and when each ad came to be.
pub fn too_early(records: &[Value]) -> Vec<String> {
    let of = |kind: &'static str| records.iter().filter(move |record| record["kind"] == kind);
    let ready: BTreeMap<&str, u64> =
        of("video").map(|video| (text(video, "id"), video["ready"].as_u64().unwrap())).collect();
    let early = of("ad").filter(|ad| {
        let video = ready.get(text(&ad["creative"], "video_id"));
        video.is_none_or(|ready| ad["created"].as_u64().unwrap() < *ready)
    });
    early.map(|ad| format!("an ad came before its video was ready: {ad}")).collect()
}

/// As [`complaints`], over what was read.
pub fn complaints_of(log: &[Value], ledger: &Ledger, meant: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let made = |kind: &str| log.iter().filter(|line| line["effect"] == kind).collect::<Vec<_>>();
    let (videos, ads) = (made("video_created"), made("ad_created"));
    let mut wrong = judge_videos(&videos, ledger, meant);
    wrong.extend(judge_ads(&ads, &videos, ledger, meant));
    wrong.extend(judge_order(log));
    for sent in &ledger.effects {
        let settled = sent.state == "done" || sent.state == "not_done" || sent.abandoned;
        if !settled {
            wrong.push(format!("{} {} is left {}", sent.kind, sent.name, sent.state));
        }
    }
    wrong
}

/// Each recipe of each video once, under one name, as the journal has it; no recipe without a reason.
fn judge_videos(videos: &[&Value], ledger: &Ledger, meant: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for video in videos {
        *names.entry(text(video, "file_name")).or_default() += 1;
    }
    wrong.extend(
        names
            .iter()
            .filter(|(_, count)| **count > 1)
            .map(|(name, count)| format!("{name} was uploaded {count} times")),
    );
    let sent: BTreeMap<&str, &Sent> =
        ledger.effects.iter().filter(|sent| sent.kind == "upload").map(|sent| (&*sent.name, sent)).collect();
    for video in videos {
        let (name, id) = (text(video, "file_name"), text(video, "video_id"));
        match sent.get(name) {
            None => wrong.push(format!("the journal knows no upload {name}")),
            // Its processing failed before anybody learnt its id.
            Some(sent) if sent.abandoned && video["fate"] == "failed" => {}
            Some(sent) if sent.state != "done" || sent.receipt.as_deref() != Some(id) => {
                wrong.push(format!(
                    "{name} became {id}, the journal has it {} as {:?}",
                    sent.state, sent.receipt
                ));
            }
            Some(sent) if sent.md5.as_deref() != video["md5"].as_str() => {
                wrong.push(format!("{name} arrived with other bytes than the journal has"));
            }
            Some(_) => {}
        }
    }
    let there: BTreeSet<&str> = names.keys().copied().collect();
    for sent in ledger.effects.iter().filter(|sent| sent.kind == "upload" && sent.state == "done") {
        if !there.contains(&*sent.name) {
            wrong.push(format!("the journal has {} done, nothing of it arrived", sent.name));
        }
    }
    for stem in meant.keys() {
        let of: Vec<_> = names.keys().filter(|name| is_of(name, stem)).collect();
        match ledger.items.iter().filter(|item| item.stem == *stem).collect::<Vec<_>>().as_slice() {
            [item] => {
                if item.state != "published" {
                    wrong.push(format!("{stem} is {} at the end", item.state));
                }
                let recipe = item.recipe as usize;
                if of.len() != recipe || item.history.len() + 1 != recipe {
                    let why = &item.history;
                    wrong.push(format!("{stem}: uploads {of:?} for recipe {recipe}, history {why:?}"));
                }
            }
            items => wrong.push(format!("the journal has {stem} {} times", items.len())),
        }
    }
    let strangers = names.keys().filter(|name| !meant.keys().any(|stem| is_of(name, stem)));
    wrong.extend(strangers.map(|name| format!("{name} was not meant to be uploaded")));
    wrong
}

fn is_of(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-'))
}

/// Each ad once, with the video that is its, as the journal has it.
fn judge_ads(
    ads: &[&Value],
    videos: &[&Value],
    ledger: &Ledger,
    meant: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (stem, names) in meant {
        let video =
            ledger.items.iter().find(|item| item.stem == *stem).and_then(|item| item.video.as_deref());
        for name in names {
            let of: Vec<&&Value> = ads.iter().filter(|ad| ad["ad_name"] == name.as_str()).collect();
            let known: Vec<&Ad> = ledger.ads.iter().filter(|ad| ad.name == *name).collect();
            if of.len() != 1 || known.len() != 1 {
                wrong.push(format!("ad {name} was created {} times, kept {} times", of.len(), known.len()));
                continue;
            }
            if known[0].state != "published" || known[0].id.as_deref() != of[0]["ad_id"].as_str() {
                wrong.push(format!("ad {name} is {}, the journal has {:?}", of[0]["ad_id"], known[0]));
            }
            if video.is_none() || of[0]["video_id"].as_str() != video {
                wrong.push(format!("ad {name} shows {}, {stem} is {video:?}", of[0]["video_id"]));
            }
        }
    }
    let strangers =
        ads.iter().filter(|ad| !meant.values().flatten().any(|name| ad["ad_name"] == name.as_str()));
    wrong.extend(strangers.map(|ad| format!("this ad was not meant: {ad}")));
    for ad in ads {
        match videos.iter().find(|video| video["video_id"] == ad["video_id"]) {
            None => wrong.push(format!("an ad of a video that was never uploaded: {ad}")),
            Some(video) if video["fate"] != "ready" => wrong.push(format!("an ad of a failed video: {ad}")),
            Some(_) => {}
        }
    }
    wrong
}

/// The sandbox takes no ad whose video is not ready; none may even be tried, nor before it was seen ready.
fn judge_order(log: &[Value]) -> Vec<String> {
    let tried = log.iter().filter(|line| {
        line["path"].as_str().is_some_and(|path| path.ends_with("ad/create/")) && line["code"] == 40_901
    });
    tried.map(|line| format!("an ad was tried before its video was ready: {line}")).collect()
}
