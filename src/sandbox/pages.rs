//! Pages outside the API: landing pages for trials, covers, previews and images.

use std::io::Cursor;
use std::path::Path;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::app::App;
use super::reply::not_found;

pub(super) async fn serve(app: &App, path: &str) -> Response {
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("landing"), Some("200"), None) => {
            Html("<!doctype html><title>Landing page</title><p>Welcome.").into_response()
        }
        (Some("landing"), Some("404"), None) => {
            (StatusCode::NOT_FOUND, Html("<!doctype html><title>Not found</title>")).into_response()
        }
        (Some("landing"), Some("loop"), None) => {
            (StatusCode::FOUND, [(header::LOCATION, "/landing/loop")]).into_response()
        }
        (Some("media"), Some("cover"), Some(id)) => cover(app, id),
        (Some("media"), Some("preview"), Some(id)) if app.store().state.videos.contains_key(id) => {
            let path = app.store().file_path(id);
            file(&path, "video/mp4").await
        }
        (Some("media"), Some("image"), Some(name)) => image(app, name).await,
        _ => not_found(),
    }
}

/// Returns a plain image of the video's size, which can be uploaded as a cover.
fn cover(app: &App, id: &str) -> Response {
    let now = app.clock.now();
    let size = match app.store().state.videos.get(id) {
        Some(video) if video.is_ready(now) => video.facts.width.zip(video.facts.height),
        _ => None,
    };
    let Some((width, height)) = size.filter(|(w, h)| *w <= 8192 && *h <= 8192) else { return not_found() };
    let image = ::image::RgbImage::from_pixel(width, height, ::image::Rgb([96, 128, 160]));
    let mut bytes = Cursor::new(Vec::new());
    match image.write_to(&mut bytes, ::image::ImageFormat::Jpeg) {
        Ok(()) => ([(header::CONTENT_TYPE, "image/jpeg")], bytes.into_inner()).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn image(app: &App, name: &str) -> Response {
    let found = {
        let store = app.store();
        let image = store.state.images.values().find(|image| image.id.replace('/', "_") == name);
        image.map(|image| (store.file_path(&image.id), image.format.clone()))
    };
    match found {
        Some((path, format)) => file(&path, &format!("image/{format}")).await,
        None => not_found(),
    }
}

async fn file(path: &Path, kind: &str) -> Response {
    match tokio::fs::File::open(path).await {
        Ok(file) => {
            let body = Body::from_stream(tokio_util::io::ReaderStream::new(file));
            ([(header::CONTENT_TYPE, kind.to_owned())], body).into_response()
        }
        Err(_) => not_found(),
    }
}
