//! Opening a post: its caption, its audience, and the chunks in which its bytes will come.

use serde_json::{Value, json};

use super::app::App;
use super::call::Call;
use super::clock::Millis;
use super::post_reply::{PostHandlerResult, PostRefusal, internal_error, invalid, refused};
use super::store::{Post, Record, Store};

const MB: u64 = 1_000_000;
const DAY: Millis = 86_400_000;
/// The most pending drafts in a day.
const MAX_PENDING_DRAFTS: usize = 5;
/// The audiences that a post of this creator may have.
pub(super) const PRIVACY: [&str; 3] = ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"];

/// Returns the validated caption and privacy level of a direct post; both are empty for a draft.
pub(super) fn caption_and_privacy(body: &Value, direct: bool) -> Result<(String, String), PostRefusal> {
    if !direct {
        return Ok((String::new(), String::new()));
    }
    let info = &body["post_info"];
    let privacy = info["privacy_level"].as_str().unwrap_or_default().to_owned();
    let title = info["title"].as_str().unwrap_or_default().to_owned();
    if privacy.is_empty() {
        return Err(invalid("privacy_level is required."));
    }
    if !PRIVACY.contains(&privacy.as_str()) {
        return Err(refused(403, "privacy_level_option_mismatch", "The privacy level is not offered."));
    }
    if title.encode_utf16().count() > 2200 {
        return Err(invalid("The title is too long."));
    }
    Ok((title, privacy))
}

/// Refuses a draft when too many are pending.
pub(super) fn check_pending_drafts(store: &Store, direct: bool, now: Millis) -> Result<(), PostRefusal> {
    let is_pending = |post: &&Post| !post.direct && !post.cancelled && post.created + DAY > now;
    if !direct && store.state.posts.values().filter(is_pending).count() >= MAX_PENDING_DRAFTS {
        let text = "Too many pending shares in 24 hours.";
        return Err(refused(403, "spam_risk_too_many_pending_share", text));
    }
    Ok(())
}

/// Opens a post whose bytes are uploaded.
pub(super) fn open(app: &App, call: &mut Call, body: &Value, direct: bool) -> PostHandlerResult {
    let (title, privacy) = caption_and_privacy(body, direct)?;
    let source = &body["source_info"];
    if source["source"] != "FILE_UPLOAD" {
        return Err(invalid("The source is FILE_UPLOAD or PULL_FROM_URL."));
    }
    let number = |name: &str| source[name].as_u64().ok_or_else(|| invalid(format!("{name} is required.")));
    let (size, chunk, count) = (number("video_size")?, number("chunk_size")?, number("total_chunk_count")?);
    check_chunks(size, chunk, count)?;
    let (mut store, now) = (app.store(), app.clock.now());
    check_pending_drafts(&store, direct, now)?;
    let number = store.state.records + 1;
    let kind = if direct { "v_pub_file~v2-1" } else { "v_inbox_file~v2" };
    let post = Post {
        id: format!("{kind}.75{number:017}"),
        key: format!("{:016x}", app.random.bits("post", number)),
        direct,
        title,
        privacy,
        size,
        chunk,
        count,
        received: 0,
        created: now,
        cancelled: false,
        pulled: false,
        result: None,
    };
    store.put(vec![Record::Post(post.clone())]).map_err(|error| internal_error(&error))?;
    call.entry.publish_id = Some(post.id.clone());
    let url = format!("{}/upload/{}?upload_id={number}", app.base, post.key);
    Ok(json!({"publish_id": post.id, "upload_url": url}))
}

/// Checks the guide's rules: decimal megabytes, the count rounded down, the last chunk up to 128 MB.
fn check_chunks(size: u64, chunk: u64, count: u64) -> Result<(), PostRefusal> {
    let invalid_field = |what: &str| Err(invalid(format!("The {what} is invalid.")));
    if size == 0 || size > 4000 * MB {
        return invalid_field("video size");
    }
    if chunk == 0 || chunk > size {
        return invalid_field("chunk size");
    }
    if count != size / chunk || count > 1000 {
        return invalid_field("total chunk count");
    }
    let is_valid = match count {
        // A single chunk is the whole file, and at most 64 MB.
        1 => chunk == size && size <= 64 * MB,
        _ => (5 * MB..=64 * MB).contains(&chunk),
    };
    if is_valid { Ok(()) } else { invalid_field("chunk size") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_chunks_that_obey_the_guide() {
        let is_accepted = |size, chunk, count| check_chunks(size, chunk, count).is_ok();
        assert!(is_accepted(50_000_123, 10_000_000, 5));
        assert!(is_accepted(4_000_000, 4_000_000, 1) && is_accepted(64 * MB, 64 * MB, 1));
        // The count rounded up, binary megabytes, a single chunk too large, a single chunk smaller than the file.
        assert!(!is_accepted(50_000_123, 10_000_000, 6));
        assert!(!is_accepted(200_000_000, 64 << 20, 2));
        assert!(!is_accepted(65 * MB, 65 * MB, 1));
        assert!(!is_accepted(15 * MB, 10 * MB, 1));
        assert!(!is_accepted(12 * MB, 4 * MB, 3));
    }
}
