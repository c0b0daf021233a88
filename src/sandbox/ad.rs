//! Creating and reading ads. Creating the same ad twice creates two, as on the platform, which has no
//! idempotency key.

use serde_json::{Map, Value, json};

use super::app::App;
use super::call::{Call, id_list, object, paged};
use super::clock::{iso, plain};
use super::limits::ratio_close;
use super::options::{ADGROUP, IDENTITY};
use super::reply::{self, HandlerResult, Refusal};
use super::store::{Ad, Record, SandboxState};

type Creative = Map<String, Value>;

/// The relative tolerance between the aspect ratios of cover and video.
const COVER_TOLERANCE: f64 = 0.02;

pub(super) fn create(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let group = call.need("adgroup_id")?.to_owned();
    if group != ADGROUP {
        return Err(Refusal::new(reply::NOT_FOUND, format!("Ad group {group} does not exist.")));
    }
    let creatives = call.json("creatives")?.ok_or_else(|| Refusal::missing("creatives"))?;
    let creatives = creatives.as_array().ok_or_else(|| Refusal::parameter("creatives: Not a valid list."))?;
    if creatives.is_empty() || creatives.len() > 20 {
        return Err(Refusal::parameter("creatives: Length must be between 1 and 20."));
    }
    let (mut store, now) = (app.store(), app.clock.now());
    let mut ads = Vec::with_capacity(creatives.len());
    for (index, creative) in creatives.iter().enumerate() {
        let creative = object(creative, "creatives")?;
        call.entry.video_id = field(creative, "video_id").map(str::to_owned);
        check_fields(creative)?;
        check_media(&store.state, creative, &advertiser, now)?;
        if call.pretend_not_ready {
            return Err(transcoding());
        }
        let mut creative = creative.clone();
        if field(&creative, "ad_name").is_none() {
            let name = format!("Ad {}", plain(now));
            creative.insert("ad_name".to_owned(), Value::String(name));
        }
        ads.push(Ad {
            id: format!("179{:015}", store.state.records + 1 + index as u64),
            advertiser_id: advertiser.clone(),
            adgroup_id: group.clone(),
            created: now,
            visible: app.visible_at(now, call.ordinal),
            creative,
        });
    }
    let records = ads.iter().cloned().map(Record::Ad).collect();
    store.put(records).map_err(|error| Refusal::system(&error))?;
    for ad in &ads {
        log_effect(app, &store.state, ad);
    }
    let ids: Vec<&str> = ads.iter().map(|ad| ad.id.as_str()).collect();
    call.entry.ad_id = ids.first().map(|id| (*id).to_owned());
    Ok(json!({"ad_ids": ids, "creatives": ads.iter().map(to_json).collect::<Vec<_>>()}))
}

fn log_effect(app: &App, state: &SandboxState, ad: &Ad) {
    let video = ad.creative.get("video_id").and_then(Value::as_str);
    let video = video.and_then(|id| state.videos.get(id));
    let fields = json!({
        "ad_id": ad.id,
        "ad_name": ad.creative.get("ad_name"),
        "adgroup_id": ad.adgroup_id,
        "advertiser_id": ad.advertiser_id,
        "video_id": ad.creative.get("video_id"),
        "file_name": video.map(|video| &video.file_name),
        "md5": video.map(|video| &video.md5),
    });
    app.log.effect("ad_created", ad.created, fields);
}

fn field<'a>(creative: &'a Creative, name: &str) -> Option<&'a str> {
    creative.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn need<'a>(creative: &'a Creative, name: &str) -> Result<&'a str, Refusal> {
    field(creative, name).ok_or_else(|| Refusal::missing(&format!("creatives.{name}")))
}

fn transcoding() -> Refusal {
    Refusal::new(reply::TRANSCODING, "Video transcoding is in process, please try again later.")
}

/// Checks the fields of an ad that need no other objects.
fn check_fields(creative: &Creative) -> Result<(), Refusal> {
    let format = need(creative, "ad_format")?;
    if format != "SINGLE_VIDEO" {
        return Err(Refusal::parameter(format!("ad_format: {format} is not supported here.")));
    }
    let (kind, id) = (need(creative, "identity_type")?, need(creative, "identity_id")?);
    if kind != "CUSTOMIZED_USER" || id != IDENTITY {
        return Err(Refusal::new(reply::NOT_FOUND, format!("Identity {kind} {id} does not exist.")));
    }
    check_text("ad_text", need(creative, "ad_text")?, 100)?;
    check_text("ad_name", field(creative, "ad_name").unwrap_or(""), 512)?;
    if let Some(name) = field(creative, "display_name") {
        check_text("display_name", name, 40)?;
    }
    if field(creative, "call_to_action").is_none() && field(creative, "call_to_action_id").is_none() {
        return Err(Refusal::parameter("call_to_action or call_to_action_id is required."));
    }
    let action = field(creative, "call_to_action").unwrap_or("");
    if !action.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_') {
        return Err(Refusal::parameter(format!("call_to_action: {action} is not a valid value.")));
    }
    if let Some(page) = field(creative, "landing_page_url") {
        let is_web_url = url::Url::parse(page).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_web_url {
            return Err(Refusal::parameter("landing_page_url: Not a valid URL."));
        }
    }
    Ok(())
}

fn check_text(name: &str, text: &str, most: usize) -> Result<(), Refusal> {
    if text.chars().any(is_emoji) {
        return Err(Refusal::parameter(format!("{name}: Emoji is not allowed.")));
    }
    let length: usize = text.chars().map(|letter| if is_wide(letter) { 2 } else { 1 }).sum();
    if length > most {
        return Err(Refusal::parameter(format!("{name}: Length must not exceed {most}.")));
    }
    Ok(())
}

fn is_emoji(letter: char) -> bool {
    matches!(u32::from(letter),
        0x1F000..=0x1FAFF | 0x2600..=0x27BF | 0x2B50 | 0x2B55 | 0x231A..=0x231B | 0x23E9..=0x23F3
        | 0xFE0F | 0x20E3 | 0xE0020..=0xE007F)
}

/// Returns whether a letter is Chinese, Japanese or Korean, which counts twice.
fn is_wide(letter: char) -> bool {
    matches!(u32::from(letter),
        0x1100..=0x11FF | 0x2E80..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0xFF00..=0xFFEF
        | 0x20000..=0x3FFFF)
}

/// Checks that the video is ready and that the single cover has its aspect ratio.
fn check_media(state: &SandboxState, creative: &Creative, advertiser: &str, now: u64) -> Result<(), Refusal> {
    let id = need(creative, "video_id")?;
    let invalid = || Refusal::new(reply::BAD_VIDEO_ID, format!("Video ID {id} is invalid."));
    let video = state.videos.get(id).filter(|video| video.advertiser_id == advertiser).ok_or_else(invalid)?;
    let image = creative.get("image_ids").ok_or_else(|| Refusal::missing("creatives.image_ids"))?;
    let ids = id_list(image, "image_ids", 100)?;
    let [image_id] = ids.as_slice() else {
        return Err(Refusal::parameter("image_ids: Exactly one image is required for SINGLE_VIDEO."));
    };
    let image = state
        .images
        .get(image_id)
        .filter(|image| image.advertiser_id == advertiser)
        .ok_or_else(|| Refusal::new(reply::NOT_FOUND, format!("Image {image_id} does not exist.")))?;
    if !video.is_ready(now) {
        let has_failed = video.outcome == super::store::ProcessingOutcome::Failed && now >= video.ready;
        return Err(if has_failed { invalid() } else { transcoding() });
    }
    let size = (video.facts.width.unwrap_or(0), video.facts.height.unwrap_or(0));
    if !ratio_close((image.width, image.height), size, COVER_TOLERANCE) {
        let text = "image_ids: The aspect ratio of the cover must be the same as that of the video.";
        return Err(Refusal::parameter(text));
    }
    Ok(())
}

fn to_json(ad: &Ad) -> Value {
    let mut entry = ad.creative.clone();
    let own = json!({
        "ad_id": ad.id,
        "advertiser_id": ad.advertiser_id,
        "adgroup_id": ad.adgroup_id,
        "create_time": iso(ad.created),
        "modify_time": iso(ad.created),
        "secondary_status": "AD_STATUS_AUDIT",
    });
    if let Value::Object(own) = own {
        entry.extend(own);
    }
    Value::Object(entry)
}

pub(super) fn get(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let page = call.page(1000, 10)?;
    let filtering = call.json("filtering")?.unwrap_or_else(|| json!({}));
    let filtering = object(&filtering, "filtering")?;
    let wanted = |name: &str| filtering.get(name).map(|ids| id_list(ids, name, 100)).transpose();
    let (ids, groups) = (wanted("ad_ids")?, wanted("adgroup_ids")?);
    let text = |name: &str| filtering.get(name).and_then(Value::as_str).map(str::to_lowercase);
    let name = text("ad_name");
    let (from, until) = (text("creation_filter_start_time"), text("creation_filter_end_time"));
    let (store, now) = (app.store(), app.clock.now());
    let mut found: Vec<&Ad> = store
        .state
        .ads
        .values()
        .filter(|ad| ad.advertiser_id == advertiser && now >= ad.visible)
        .filter(|ad| ids.as_ref().is_none_or(|ids| ids.contains(&ad.id)))
        .filter(|ad| groups.as_ref().is_none_or(|ids| ids.contains(&ad.adgroup_id)))
        .filter(|ad| {
            let own = field(&ad.creative, "ad_name").unwrap_or("").to_lowercase();
            name.as_ref().is_none_or(|name| own.contains(name))
        })
        .filter(|ad| from.as_ref().is_none_or(|from| plain(ad.created) >= *from))
        .filter(|ad| until.as_ref().is_none_or(|until| plain(ad.created) <= *until))
        .collect();
    found.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
    Ok(paged(found.into_iter().map(to_json).collect(), page))
}
