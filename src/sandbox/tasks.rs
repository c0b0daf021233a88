//! Smart Fix and pre-review tasks, simplified.

use serde_json::{Value, json};

use super::app::App;
use super::call::{Call, object};
use super::limits::{flaws, rejection_reasons};
use super::reply::{BAD_VIDEO_ID, HandlerResult, NOT_FOUND, Refusal};
use super::store::{ProcessingOutcome, Record, Store, Task, Video};
use super::video_upload::{fix_task, fixed};

pub(super) fn fix_create(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let tasks = call.json("tasks")?.ok_or_else(|| Refusal::missing("tasks"))?;
    let tasks = tasks.as_array().filter(|tasks| (1..=10).contains(&tasks.len()));
    let tasks = tasks.ok_or_else(|| Refusal::parameter("tasks: Length must be between 1 and 10."))?;
    let mut store = app.store();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        let id = object(task, "tasks")?.get("video_id").and_then(Value::as_str).unwrap_or("");
        let video = store.state.videos.get(id).filter(|video| video.advertiser_id == advertiser).cloned();
        let video = video.ok_or_else(|| Refusal::new(BAD_VIDEO_ID, format!("Video ID {id} is invalid.")))?;
        let flaws = flaws(video.facts.width, video.facts.height);
        if flaws.is_empty() {
            results.push(json!({"video_id": video.id}));
        } else {
            let video = replacement(app, &mut store, video, call.ordinal)?;
            let task = fix_task(&mut store, &advertiser, &video)?;
            results.push(json!({"fix_task_id": task, "flaw_types": flaws}));
        }
    }
    Ok(json!({"tasks": results}))
}

/// Creates a new video without the flaws; the original stays.
fn replacement(app: &App, store: &mut Store, flawed: Video, ordinal: u64) -> Result<Video, Refusal> {
    let (now, number) = (app.clock.now(), store.state.records + 1);
    let facts = fixed(flawed.facts);
    let video = Video {
        id: format!("v10033g50000{:016x}{number:06x}", app.random.bits("fixed", number)),
        material_id: format!("74{number:017}"),
        file_name: format!("fixed-{number}.mp4"),
        created: now,
        modified: now,
        visible: app.visible_at(now, ordinal),
        ready: app.random_time(now, app.options.processing, "fixed", ordinal),
        outcome: if rejection_reasons(&facts).is_empty() {
            ProcessingOutcome::Ready
        } else {
            ProcessingOutcome::Failed
        },
        facts,
        ..flawed
    };
    store
        .link(&flawed.id, &video.id)
        .and_then(|()| store.put(vec![Record::Video(video.clone())]))
        .map_err(|error| Refusal::system(&error))?;
    Ok(video)
}

fn find_task(app: &App, call: &mut Call) -> Result<Task, Refusal> {
    let advertiser = app.advertiser(call)?;
    let id = call.need("task_id")?;
    let store = app.store();
    let task = store.state.tasks.get(id).filter(|task| task.advertiser_id == advertiser);
    task.cloned().ok_or_else(|| Refusal::new(NOT_FOUND, format!("Task {id} does not exist.")))
}

pub(super) fn fix_get(app: &App, call: &mut Call) -> HandlerResult {
    let task = find_task(app, call)?;
    if app.clock.now() < task.done {
        return Ok(json!({"status": "PROCESSING", "error_msg": "", "videos": []}));
    }
    if task.rejected {
        return Ok(json!({"status": "FAILED", "error_msg": "The video cannot be fixed.", "videos": []}));
    }
    let link = |id: &String| json!({"video_id": id, "video_url": format!("{}/media/preview/{id}", app.base)});
    let videos: Vec<Value> = task.video_ids.iter().map(link).collect();
    Ok(json!({"status": "SUCCESS", "error_msg": "", "videos": videos}))
}

pub(super) fn review_create(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let ids = call.ids("video_ids", 5)?;
    if ids.is_empty() {
        return Err(Refusal::missing("video_ids"));
    }
    let locations = call.json("location_codes")?.ok_or_else(|| Refusal::missing("location_codes"))?;
    if locations.as_array().is_none_or(Vec::is_empty) {
        return Err(Refusal::parameter("location_codes: At least one is required."));
    }
    let mut store = app.store();
    let mut rejected = false;
    for id in &ids {
        let video = store.state.videos.get(id).filter(|video| video.advertiser_id == advertiser);
        let video = video.ok_or_else(|| Refusal::new(BAD_VIDEO_ID, format!("Video ID {id} is invalid.")))?;
        rejected |= video.outcome == ProcessingOutcome::Failed;
    }
    let now = app.clock.now();
    let task = Task {
        id: format!("review{:010}", store.state.records + 1),
        advertiser_id: advertiser,
        done: app.random_time(now, app.options.processing, "review", call.ordinal),
        video_ids: ids,
        rejected,
    };
    let id = task.id.clone();
    store.put(vec![Record::Task(task)]).map_err(|error| Refusal::system(&error))?;
    Ok(json!({"task_id": id}))
}

pub(super) fn review_get(app: &App, call: &mut Call) -> HandlerResult {
    let task = find_task(app, call)?;
    if app.clock.now() < task.done {
        return Ok(json!({"task_status": "PROCESSING", "video_results": []}));
    }
    let store = app.store();
    let results: Vec<Value> = task
        .video_ids
        .iter()
        .map(|id| {
            let usable =
                store.state.videos.get(id).is_some_and(|video| video.outcome == ProcessingOutcome::Ready);
            let result = if usable { "APPROVED" } else { "UNAVAILABLE" };
            json!({"video_id": id, "review_result": result, "reject_info_list": []})
        })
        .collect();
    Ok(json!({"task_status": "SUCCESS", "video_results": results}))
}
