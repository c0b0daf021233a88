//! Reading and renaming videos, suggested covers and the check of names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::app::App;
use super::call::{Call, checked_name, id_list, object, paged};
use super::clock::{Millis, iso, plain};
use super::reply::{self, HandlerResult, Refusal};
use super::store::{ProcessingOutcome, Record, Video};

/// The lifetime of cover and preview URLs: six hours.
const LINK_LIFE: Millis = 21_600_000;

impl Video {
    pub(super) fn is_ready(&self, now: Millis) -> bool {
        self.outcome == ProcessingOutcome::Ready && now >= self.ready
    }

    /// Returns whether the video appears in lists. Videos that ads cannot use are omitted silently.
    fn is_listed(&self, now: Millis) -> bool {
        self.outcome != ProcessingOutcome::Failed && now >= self.visible
    }
}

/// Returns the list entry of a video. Before it is ready, only the facts known at the upload.
pub(super) fn to_json(app: &App, video: &Video, now: Millis) -> Value {
    let mut entry = json!({
        "video_id": video.id,
        "material_id": video.material_id,
        "file_name": video.file_name,
        "size": video.size,
        "signature": video.md5,
        "displayable": false,
        "create_time": iso(video.created),
        "modify_time": iso(video.modified),
    });
    if !video.is_ready(now) {
        return entry;
    }
    let facts = &video.facts;
    let expires = now + LINK_LIFE;
    let media = |kind: &str| format!("{}/media/{kind}/{}?x-expires={}", app.base, video.id, expires / 1000);
    let ready = json!({
        "displayable": true,
        "format": facts.container,
        "width": facts.width,
        "height": facts.height,
        "duration": facts.duration,
        "bit_rate": facts.bit_rate,
        "fps": facts.fps.map(|fps| fps.round() as u64),
        "definition": facts.height.map(|height| format!("{height}p")),
        "video_cover_url": media("cover"),
        "preview_url": media("preview"),
        "preview_url_expire_time": plain(expires),
        "allowed_placements": ["PLACEMENT_TIKTOK", "PLACEMENT_PANGLE"],
        "allow_download": true,
        "flaw_types": [],
    });
    if let (Some(entry), Value::Object(ready)) = (entry.as_object_mut(), ready) {
        entry.extend(ready);
    }
    entry
}

pub(super) fn info(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let ids = call.ids("video_ids", 60)?;
    if let [one] = ids.as_slice() {
        call.entry.video_id = Some(one.clone());
    }
    let (store, now) = (app.store(), app.clock.now());
    let list: Vec<Value> = ids
        .iter()
        .filter_map(|id| store.state.videos.get(id))
        .filter(|video| video.advertiser_id == advertiser && video.is_listed(now))
        .map(|video| to_json(app, video, now))
        .collect();
    Ok(json!({"list": list}))
}

pub(super) fn search(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let page = call.page(100, 20)?;
    let filtering = call.json("filtering")?.unwrap_or_else(|| json!({}));
    let filtering = object(&filtering, "filtering")?;
    let wanted = |name: &str, most| filtering.get(name).map(|ids| id_list(ids, name, most)).transpose();
    let (ids, materials) = (wanted("video_ids", 100)?, wanted("material_ids", 20)?);
    let name = filtering.get("video_name").and_then(Value::as_str).map(str::to_lowercase);
    let (store, now) = (app.store(), app.clock.now());
    let mut found: Vec<&Video> = store
        .state
        .videos
        .values()
        .filter(|video| video.advertiser_id == advertiser && video.is_listed(now))
        .filter(|video| ids.as_ref().is_none_or(|ids| ids.contains(&video.id)))
        .filter(|video| materials.as_ref().is_none_or(|ids| ids.contains(&video.material_id)))
        .filter(|video| name.as_ref().is_none_or(|name| video.file_name.to_lowercase().contains(name)))
        .collect();
    if ids.is_none() {
        // Without a filter by id, only the latest of several identical videos is listed.
        found = latest_by(found, |video| video.md5.clone(), |video| video.modified);
    }
    found.sort_by(|a, b| (b.modified, &b.id).cmp(&(a.modified, &a.id)));
    found.truncate(10_000);
    Ok(paged(found.into_iter().map(|video| to_json(app, video, now)).collect(), page))
}

/// Returns the video that a call names, even if it is not listed yet.
fn find_video(app: &App, call: &Call, advertiser: &str) -> Result<Video, Refusal> {
    let id = call.need("video_id")?;
    let store = app.store();
    let video = store.state.videos.get(id).filter(|video| video.advertiser_id == advertiser);
    video.cloned().ok_or_else(|| Refusal::new(reply::BAD_VIDEO_ID, format!("Video ID {id} is invalid.")))
}

pub(super) fn update(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let mut video = find_video(app, call, &advertiser)?;
    let name = checked_name(call, String::new())?;
    let (mut store, now) = (app.store(), app.clock.now());
    let is_taken =
        |name: &str| store.state.videos.values().any(|other| other.id != video.id && other.file_name == name);
    // A taken name is not an error here: the time is appended.
    let name = if is_taken(&name) { format!("{name}_{now}") } else { name };
    video.file_name.clone_from(&name);
    video.modified = now;
    store.put(vec![Record::Video(video)]).map_err(|error| Refusal::system(&error))?;
    Ok(json!({}))
}

pub(super) fn suggest_cover(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let count = call.number("poster_number")?.unwrap_or(10);
    if !(1..=10).contains(&count) {
        return Err(Refusal::parameter("poster_number: Must be between 1 and 10."));
    }
    let refused = || Refusal::new(reply::NO_PERMISSION, "Insufficient permissions for some videos");
    let video = find_video(app, call, &advertiser).map_err(|refusal| match refusal.code {
        reply::BAD_VIDEO_ID => refused(),
        _ => refusal,
    })?;
    if !video.is_ready(app.clock.now()) {
        return Err(refused());
    }
    let list: Vec<Value> = (0..count)
        .map(|number| {
            json!({
                "id": format!("{}-{number}", video.id),
                "url": format!("{}/media/cover/{}?poster={number}", app.base, video.id),
                "width": video.facts.width,
                "height": video.facts.height,
            })
        })
        .collect();
    Ok(json!({"list": list}))
}

pub(super) fn name_check(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let store = app.store();
    let material = |name: &str, kind: &str| -> Option<String> {
        let state = &store.state;
        if kind == "IMAGE" {
            let mut all = state.images.values();
            let same = all.find(|image| image.advertiser_id == advertiser && image.file_name == name);
            return same.map(|image| image.material_id.clone());
        }
        let mut all = state.videos.values();
        let same = all.find(|video| video.advertiser_id == advertiser && video.file_name == name);
        same.map(|video| video.material_id.clone())
    };
    let result = |name: &str, kind: &str| {
        let material = material(name, kind);
        json!({
            "file_name": name,
            "file_type": kind,
            "duplicate": material.is_some(),
            "duplicate_material_id": material,
        })
    };
    let Some(files) = call.json("files")? else {
        let name = call.need("file_name")?;
        return Ok(result(name, call.text("file_type").unwrap_or("VIDEO")));
    };
    let files = files.as_array().ok_or_else(|| Refusal::parameter("files: Not a valid list."))?;
    if files.len() > 20 {
        return Err(Refusal::parameter("files: Length must be between 1 and 20."));
    }
    let mut results = Vec::with_capacity(files.len());
    for file in files {
        let file = object(file, "files")?;
        let name = file.get("file_name").and_then(Value::as_str);
        let name = name.ok_or_else(|| Refusal::missing("files.file_name"))?;
        results.push(result(name, file.get("file_type").and_then(Value::as_str).unwrap_or("VIDEO")));
    }
    Ok(json!({"batch_results": results}))
}

/// Keeps the latest item of each key; of equal times, the first.
fn latest_by<T, K: Ord>(list: Vec<T>, key: impl Fn(&T) -> K, time: impl Fn(&T) -> Millis) -> Vec<T> {
    let mut latest: BTreeMap<K, T> = BTreeMap::new();
    for item in list {
        match latest.get(&key(&item)) {
            Some(other) if time(other) >= time(&item) => {}
            _ => {
                latest.insert(key(&item), item);
            }
        }
    }
    latest.into_values().collect()
}
