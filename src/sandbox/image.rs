//! Cover images: upload and reading.

use std::io::BufReader;

use serde_json::{Value, json};

use super::app::App;
use super::call::{Call, checked_name, paged};
use super::clock::{Millis, iso};
use super::limits::{MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS};
use super::reply::{self, HandlerResult, Refusal};
use super::store::{Image, Record};
use super::upload_source::{UploadSource, upload_source};

pub(super) async fn upload(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let names = ("image_signature", "image_url");
    let source = upload_source(app, call, &advertiser, "UPLOAD_BY_", names, MAX_IMAGE_BYTES).await?;
    let name = checked_name(call, source.name())?;
    call.entry.file_name = Some(name.clone());
    let (width, height, format) = measure(app, &source)?;
    let (mut store, now) = (app.store(), app.clock.now());
    let same = |image: &&Image| image.advertiser_id == advertiser && image.file_name == name;
    if let Some(image) = store.state.images.values().find(same) {
        // The name exists, but the same image again is accepted: clients repeat a lost upload.
        if image.md5 == source.md5() {
            return Ok(to_json(app, image));
        }
        return Err(Refusal::new(reply::DUPLICATE_NAME, "Duplicated material name."));
    }
    let number = store.state.records + 1;
    let image = Image {
        id: format!("ad-site-i18n-sg/{:016x}{number:06x}", app.random.bits("image", number)),
        material_id: format!("73{number:017}"),
        advertiser_id: advertiser,
        file_name: name,
        md5: source.md5().to_owned(),
        size: source.size(),
        width,
        height,
        format: format.to_owned(),
        created: now,
        visible: app.visible_at(now, call.ordinal),
    };
    source
        .move_in(&store, &image.id)
        .and_then(|()| store.put(vec![Record::Image(image.clone())]))
        .map_err(|error| Refusal::system(&error))?;
    log_effect(app, &image, now);
    Ok(to_json(app, &image))
}

fn log_effect(app: &App, image: &Image, now: Millis) {
    let fields = json!({
        "image_id": image.id,
        "file_name": image.file_name,
        "md5": image.md5,
        "size": image.size,
        "advertiser_id": image.advertiser_id,
    });
    app.log.effect("image_created", now, fields);
}

/// Reads width, height and format from the header.
fn measure(app: &App, source: &UploadSource) -> Result<(u32, u32, &'static str), Refusal> {
    let illegal = |why: &str| Refusal::new(reply::BAD_IMAGE, format!("Illegal image: {why}."));
    let file = source.open(&app.store()).map_err(|error| Refusal::system(&error))?;
    let reader = ::image::ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(|_| illegal("it cannot be read"))?;
    let format = match reader.format() {
        Some(::image::ImageFormat::Jpeg) => "jpeg",
        Some(::image::ImageFormat::Png) => "png",
        _ => return Err(Refusal::new(reply::FILE_TYPE, "Image must be JPG, JPEG or PNG.")),
    };
    let (width, height) = reader.into_dimensions().map_err(|_| illegal("it cannot be read"))?;
    if u64::from(width) * u64::from(height) > MAX_IMAGE_PIXELS {
        return Err(illegal("it has more than 3686400 pixels"));
    }
    Ok((width, height, format))
}

fn to_json(app: &App, image: &Image) -> Value {
    json!({
        "image_id": image.id,
        "material_id": image.material_id,
        "is_carousel_usable": false,
        "displayable": true,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "image_url": format!("{}/media/image/{}", app.base, image.id.replace('/', "_")),
        "signature": image.md5,
        "size": image.size,
        "file_name": image.file_name,
        "create_time": iso(image.created),
        "modify_time": iso(image.created),
    })
}

fn listed(image: &Image, advertiser: &str, now: Millis) -> bool {
    image.advertiser_id == advertiser && now >= image.visible
}

pub(super) fn info(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let ids = call.ids("image_ids", 100)?;
    let (store, now) = (app.store(), app.clock.now());
    let images = ids.iter().filter_map(|id| store.state.images.get(id));
    let list: Vec<Value> =
        images.filter(|image| listed(image, &advertiser, now)).map(|image| to_json(app, image)).collect();
    Ok(json!({"list": list}))
}

pub(super) fn search(app: &App, call: &mut Call) -> HandlerResult {
    let advertiser = app.advertiser(call)?;
    let page = call.page(100, 20)?;
    let (store, now) = (app.store(), app.clock.now());
    let images = store.state.images.values().filter(|image| listed(image, &advertiser, now));
    Ok(paged(images.map(|image| to_json(app, image)).collect(), page))
}
