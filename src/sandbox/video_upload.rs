//! `POST /file/video/ad/upload/` with its four upload types.

use std::fs::File;

use serde_json::{Value, json};

use super::app::App;
use super::call::{Call, ReceivedFile};
use super::clock::Millis;
use super::fault::Fault;
use super::fetch::fetch;
use super::limits::{self, MAX_VIDEO_BYTES, UploadFacts, rejection_reasons};
use super::options::Reupload;
use super::reply::{self, HandlerResult, Refusal};
use super::store::{ProcessingOutcome, Record, Store, Task, Video};
use super::video_read::to_json;

/// The bytes of an upload.
pub(super) enum UploadSource {
    /// Received with this request or fetched for it.
    Received(ReceivedFile),
    /// A temporary file, which is kept.
    Temporary { id: String, md5: String, size: u64, name: String },
}

impl UploadSource {
    pub(super) fn md5(&self) -> &str {
        match self {
            Self::Received(received) => &received.md5,
            Self::Temporary { md5, .. } => md5,
        }
    }

    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Received(received) => received.size,
            Self::Temporary { size, .. } => *size,
        }
    }

    /// Returns the default name of the file.
    pub(super) fn name(&self) -> String {
        let name = match self {
            Self::Received(received) => received.name.as_deref().unwrap_or("upload"),
            Self::Temporary { name, .. } => name,
        };
        name.chars().take(100).collect()
    }

    pub(super) fn open(&self, store: &Store) -> std::io::Result<File> {
        match self {
            Self::Received(received) => File::open(&received.path),
            Self::Temporary { id, .. } => File::open(store.file_path(id)),
        }
    }

    /// Stores the bytes under an id.
    pub(super) fn move_in(&self, store: &Store, id: &str) -> std::io::Result<()> {
        match self {
            Self::Received(received) => store.move_in(&received.path, id),
            Self::Temporary { id: from, .. } => store.link(from, id),
        }
    }
}

/// Returns the bytes of an upload after the checks common to all files. `signature` and `url` are the names of
/// the parameters; `prefix` is the prefix of the upload types.
pub(super) async fn upload_source(
    app: &App,
    call: &mut Call,
    advertiser: &str,
    prefix: &str,
    (signature, url): (&str, &str),
    limit: u64,
) -> Result<UploadSource, Refusal> {
    let kind = call.text("upload_type").unwrap_or("").trim_start_matches(prefix).to_owned();
    let source = match kind.as_str() {
        "" | "FILE" => {
            let received =
                call.file.take().ok_or_else(|| Refusal::new(reply::FILE_MISSING, "File is missing."))?;
            if received.size == 0 {
                return Err(Refusal::new(reply::FILE_EMPTY, "File is empty."));
            }
            let expected = call.need(signature)?;
            if received.size <= limit && !expected.eq_ignore_ascii_case(&received.md5) {
                return Err(Refusal::new(reply::SIGNATURE, "MD5 signature does not match the file."));
            }
            UploadSource::Received(received)
        }
        "URL" => UploadSource::Received(fetch(app, call.need(url)?, limit, call.ordinal).await?),
        "FILE_ID" => {
            let id = call.need("file_id")?;
            let store = app.store();
            let file = store
                .state
                .temporary
                .get(id)
                .filter(|file| file.advertiser_id == advertiser)
                .ok_or_else(|| Refusal::new(reply::NOT_FOUND, format!("File {id} does not exist.")))?;
            if app.clock.now() > file.created + 86_400_000 {
                return Err(Refusal::new(reply::FILE_EXPIRED, format!("File {id} is expired.")));
            }
            UploadSource::Temporary {
                id: file.id.clone(),
                md5: file.md5.clone(),
                size: file.size,
                name: file.name.clone(),
            }
        }
        other => return Err(Refusal::parameter(format!("upload_type: {other} is not a valid value."))),
    };
    if source.size() == 0 {
        return Err(Refusal::new(reply::FILE_EMPTY, "File is empty."));
    }
    if source.size() > limit {
        return Err(Refusal::new(reply::FILE_TOO_LARGE, format!("File is larger than {limit} bytes.")));
    }
    call.entry.md5 = Some(source.md5().to_owned());
    Ok(source)
}

/// Returns the file name of a call or the default; it must have 1 to 100 characters.
pub(super) fn checked_name(call: &Call, default: String) -> Result<String, Refusal> {
    let name = match call.params.get("file_name").and_then(Value::as_str) {
        Some(name) => name.to_owned(),
        None => default,
    };
    if name.is_empty() || name.chars().count() > 100 {
        return Err(Refusal::parameter("file_name: Length must be between 1 and 100."));
    }
    Ok(name)
}

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
