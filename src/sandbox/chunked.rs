//! Chunked and temporary uploads, which return a `file_id` that is valid for 24 hours.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::path::PathBuf;

use serde_json::json;

use super::app::App;
use super::call::Call;
use super::clock::iso;
use super::file_hash::md5_of;
use super::limits::{MAX_TEMPORARY_BYTES, MAX_VIDEO_BYTES};
use super::reply::{self, HandlerResult, Refusal};
use super::store::{ChunkedUpload, Record, TemporaryFile};
use super::upload_source::upload_source;

/// 20 MiB, as in the official example.
const CHUNK: u64 = 20 * 1024 * 1024;

pub(super) fn start(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser_id = app.advertiser(call)?;
    let size = call.number("size")?.ok_or_else(|| Refusal::missing("size"))?;
    let kind = call.need("content_type")?;
    if !["image", "video", "music"].contains(&kind) {
        return Err(Refusal::parameter(format!("content_type: {kind} is not a valid value.")));
    }
    if size == 0 {
        return Err(Refusal::new(reply::FILE_EMPTY, "File is empty."));
    }
    if size > MAX_VIDEO_BYTES {
        return Err(Refusal::new(reply::FILE_TOO_LARGE, "File is too large."));
    }
    let name = call.text("name").or(call.text("file_name")).unwrap_or("upload").to_owned();
    if name.chars().count() > 100 {
        return Err(Refusal::parameter("name: Length must be between 1 and 100."));
    }
    let mut store = app.store();
    let number = store.state.records + 1;
    let id = format!("up{:016x}{number:06x}", app.random.bits("upload", number));
    let upload =
        ChunkedUpload { id: id.clone(), advertiser_id, name: name.clone(), size, received: 0, file_id: None };
    File::create(store.chunk_path(&id))
        .and_then(|_| store.put(vec![Record::Chunked(upload)]))
        .map_err(|error| Refusal::system(&error))?;
    Ok(json!({
        "upload_id": id, "file_name": name, "start_offset": 0, "end_offset": size.min(CHUNK),
    }))
}

/// Returns the upload that a call names.
fn find_upload(app: &App, call: &Call, advertiser: &str) -> Result<ChunkedUpload, Refusal> {
    let id = call.need("upload_id")?;
    let store = app.store();
    let upload = store.state.chunked.get(id).filter(|upload| upload.advertiser_id == advertiser);
    upload.cloned().ok_or_else(|| Refusal::new(reply::NOT_FOUND, format!("Upload {id} does not exist.")))
}

/// Returns the offsets of the next chunk; equal when there is none.
fn next_range(upload: &ChunkedUpload) -> serde_json::Value {
    json!({
        "start_offset": upload.received,
        "end_offset": (upload.received + CHUNK).min(upload.size),
    })
}

pub(super) fn transfer(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let chunk = call.file.take().ok_or_else(|| Refusal::new(reply::FILE_MISSING, "File is missing."))?;
    if !call.need("signature")?.eq_ignore_ascii_case(&chunk.md5) {
        return Err(Refusal::new(reply::SIGNATURE, "MD5 signature does not match the chunk."));
    }
    let offset = call.number("start_offset")?.ok_or_else(|| Refusal::missing("start_offset"))?;
    let mut upload = find_upload(app, call, &advertiser)?;
    if offset < upload.received {
        // A repetition after a lost reply: return the next range.
        return Ok(next_range(&upload));
    }
    let expected = CHUNK.min(upload.size - upload.received);
    if offset > upload.received || chunk.size != expected {
        return Err(Refusal::parameter(format!(
            "start_offset: Expected the {expected} bytes from {}.",
            upload.received
        )));
    }
    let mut store = app.store();
    if store.state.chunked.get(&upload.id).is_none_or(|now| now.received != upload.received) {
        return Err(Refusal::new(40202, "Another request writes to this upload."));
    }
    append(store.chunk_path(&upload.id), &chunk.path, upload.received).map_err(|e| Refusal::system(&e))?;
    upload.received += chunk.size;
    store.put(vec![Record::Chunked(upload.clone())]).map_err(|error| Refusal::system(&error))?;
    Ok(next_range(&upload))
}

fn append(to: PathBuf, from: &PathBuf, at: u64) -> std::io::Result<()> {
    let mut out = OpenOptions::new().write(true).open(to)?;
    out.set_len(at)?;
    out.seek(SeekFrom::Start(at))?;
    std::io::copy(&mut File::open(from)?, &mut out)?;
    out.sync_all()
}

pub(super) async fn finish(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let mut upload = find_upload(app, call, &advertiser)?;
    if let Some(file) = upload.file_id.as_ref().and_then(|id| app.store().state.temporary.get(id).cloned()) {
        return Ok(to_json(&file));
    }
    if upload.received != upload.size {
        return Err(Refusal::parameter(format!(
            "The upload is not complete: {} of {} bytes.",
            upload.received, upload.size
        )));
    }
    let path = app.store().chunk_path(&upload.id);
    let hashed = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || md5_of(&path)).await
    };
    let md5 = hashed
        .map_err(std::io::Error::other)
        .and_then(|result| result)
        .map_err(|error| Refusal::system(&error))?;
    let mut store = app.store();
    let file = TemporaryFile {
        id: format!("file{:016x}{:06x}", app.random.bits("file", call.ordinal), store.state.records + 1),
        advertiser_id: advertiser,
        name: upload.name.clone(),
        md5,
        size: upload.size,
        created: app.clock.now(),
    };
    upload.file_id = Some(file.id.clone());
    store
        .move_in(&path, &file.id)
        .and_then(|()| store.put(vec![Record::Temporary(file.clone()), Record::Chunked(upload)]))
        .map_err(|error| Refusal::system(&error))?;
    Ok(to_json(&file))
}

fn to_json(file: &TemporaryFile) -> serde_json::Value {
    json!({
        "file_id": file.id,
        "file_name": file.name,
        "create_time": iso(file.created),
        "size": file.size,
        "file_size": file.size,
        "signature": file.md5,
    })
}

pub(super) async fn temporary(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    call.need("content_type")?;
    let names = ("signature", "url");
    let source = upload_source(app, call, &advertiser, "UPLOAD_BY_", names, MAX_TEMPORARY_BYTES).await?;
    let mut store = app.store();
    let file = TemporaryFile {
        id: format!("file{:016x}{:06x}", app.random.bits("file", call.ordinal), store.state.records + 1),
        advertiser_id: advertiser,
        name: call.text("name").map_or_else(|| source.name(), str::to_owned),
        md5: source.md5().to_owned(),
        size: source.size(),
        created: app.clock.now(),
    };
    source
        .move_in(&store, &file.id)
        .and_then(|()| store.put(vec![Record::Temporary(file.clone())]))
        .map_err(|error| Refusal::system(&error))?;
    Ok(to_json(&file))
}
