//! `POST /file/video/ad/upload/` with its four upload types.

use serde_json::json;

use super::app::App;
use super::call::{Call, checked_name};
use super::clock::Millis;
use super::fault::Fault;
use super::limits::{self, MAX_VIDEO_BYTES, UploadFacts, rejection_reasons};
use super::options::Reupload;
use super::reply::{self, HandlerResult, Refusal};
use super::store::{ProcessingOutcome, Record, Store, Task, Video};
use super::upload_source::{UploadSource, upload_source};
use super::video_read::to_json;

pub(super) async fn upload(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    if call.text("upload_type") == Some("UPLOAD_BY_VIDEO_ID") {
        return bind(app, call, &advertiser);
    }
    let names = ("video_signature", "video_url");
    let source = upload_source(app, call, &advertiser, "UPLOAD_BY_", names, MAX_VIDEO_BYTES).await?;
    let name = checked_name(call, source.name())?;
    call.entry.file_name = Some(name.clone());
    refuse_duplicate(&app.store(), &advertiser, &name)?;
    let file = source.open(&app.store()).map_err(|error| Refusal::system(&error))?;
    let prober = app.options.prober.clone();
    let probed = {
        let name = name.clone();
        tokio::task::spawn_blocking(move || prober.probe(file, &name)).await
    };
    let facts = probed
        .ok()
        .flatten()
        .ok_or_else(|| Refusal::new(reply::FILE_TYPE, "The file is not a supported video."))?;
    let flaws = limits::flaws(facts.width, facts.height);
    let needs_fix = call.flag("flaw_detect") && !flaws.is_empty();
    if needs_fix && !call.flag("auto_fix_enabled") {
        let text = format!("The video has flaws: {}.", flaws.join(", "));
        return Err(Refusal::new(reply::FILE_SPECIFICATIONS, text));
    }
    let facts = if needs_fix { fixed(facts) } else { facts };
    let (video, existed) = register(app, call, &advertiser, &name, &source, facts)?;
    if needs_fix {
        let task = fix_task(&mut app.store(), &advertiser, &video)?;
        return Ok(json!([{"fix_task_id": task, "flaw_types": flaws}]));
    }
    call.entry.video_id = Some(video.id.clone());
    if existed {
        return Ok(json!([to_json(app, &video, app.clock.now())]));
    }
    // The platform often returns only the id; clients read the rest later.
    Ok(json!([{"video_id": video.id}]))
}

/// Creates a video: stores the bytes, syncs the journal and logs the effect. Returns whether it existed.
fn register(
    app: &App,
    call: &Call,
    advertiser: &str,
    name: &str,
    source: &UploadSource,
    facts: UploadFacts,
) -> Result<(Video, bool), Refusal> {
    let mut store = app.store();
    // Checked again under the lock that is held until the name is stored.
    refuse_duplicate(&store, advertiser, name)?;
    if app.options.reupload == Reupload::SameId {
        let same = |video: &&Video| video.advertiser_id == advertiser && video.md5 == source.md5();
        if let Some(video) = store.state.videos.values().find(same) {
            return Ok((video.clone(), true));
        }
    }
    let (now, number) = (app.clock.now(), store.state.records + 1);
    let reasons = rejection_reasons(&facts);
    let fault = app.random.video_fault(&app.options.faults, store.state.videos.len() as u64);
    let outcome = match fault {
        _ if !reasons.is_empty() => ProcessingOutcome::Failed,
        Some(Fault::ProcessingFailed(_)) => ProcessingOutcome::Failed,
        Some(Fault::NeverReady(_)) => ProcessingOutcome::NeverReady,
        _ => ProcessingOutcome::Ready,
    };
    let video = Video {
        id: format!("v10033g50000{:016x}{number:06x}", app.random.bits("video", number)),
        material_id: format!("74{number:017}"),
        advertiser_id: advertiser.to_owned(),
        file_name: name.to_owned(),
        md5: source.md5().to_owned(),
        size: source.size(),
        created: now,
        modified: now,
        visible: app.visible_at(now, call.ordinal),
        ready: app.random_time(now, app.options.processing, "ready", call.ordinal),
        outcome,
        facts,
    };
    source
        .move_in(&store, &video.id)
        .and_then(|()| store.put(vec![Record::Video(video.clone())]))
        .map_err(|error| Refusal::system(&error))?;
    log_effect(app, &video, now, fault, &reasons);
    Ok((video, false))
}

fn log_effect(app: &App, video: &Video, now: Millis, fault: Option<Fault>, reasons: &[String]) {
    let fields = json!({
        "video_id": video.id,
        "file_name": video.file_name,
        "md5": video.md5,
        "size": video.size,
        "advertiser_id": video.advertiser_id,
        "fate": video.outcome,
        "fault": fault.map(Fault::name),
        "reasons": reasons,
    });
    app.log.effect("video_created", now, fields);
}

/// Creates the Smart Fix task of a fixed video and returns its id.
pub(super) fn fix_task(store: &mut Store, advertiser: &str, video: &Video) -> Result<String, Refusal> {
    let id = format!("fix{:010}", store.state.records + 1);
    let task = Task {
        id: id.clone(),
        advertiser_id: advertiser.to_owned(),
        done: video.ready,
        video_ids: vec![video.id.clone()],
        rejected: video.outcome != ProcessingOutcome::Ready,
    };
    store.put(vec![Record::Task(task)]).map_err(|error| Refusal::system(&error))?;
    Ok(id)
}

/// Returns the facts after Smart Fix: 1280x720, or 720x1280 for a portrait video.
pub(super) fn fixed(facts: UploadFacts) -> UploadFacts {
    let is_portrait = facts.height > facts.width;
    let (width, height) = if is_portrait { (720, 1280) } else { (1280, 720) };
    UploadFacts { width: Some(width), height: Some(height), ..facts }
}

fn bind(app: &App, call: &mut Call, advertiser: &str) -> HandlerResult {
    let id = call.need("video_id")?;
    let store = app.store();
    let video = store.state.videos.get(id).filter(|video| video.advertiser_id == advertiser);
    let video =
        video.ok_or_else(|| Refusal::new(reply::BAD_VIDEO_ID, format!("Video ID {id} is invalid.")))?;
    Ok(json!([to_json(app, video, app.clock.now())]))
}

fn refuse_duplicate(store: &Store, advertiser: &str, name: &str) -> Result<(), Refusal> {
    let same = |video: &Video| video.advertiser_id == advertiser && video.file_name == name;
    if store.state.videos.values().any(same) {
        return Err(Refusal::new(reply::DUPLICATE_NAME, "Duplicated material name."));
    }
    Ok(())
}
