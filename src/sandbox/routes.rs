//! The endpoints of the ads API and their handlers.

use axum::http::Method;

use super::app::App;
use super::call::Call;
use super::reply::{HandlerResult, Refusal};
use super::{account, ad, chunked, image, tasks, video_read, video_upload};

/// Every endpoint with its method.
pub(super) const ROUTES: [(&str, Method); 23] = [
    ("oauth2/advertiser/get/", Method::GET),
    ("advertiser/info/", Method::GET),
    ("file/video/ad/upload/", Method::POST),
    ("file/video/ad/info/", Method::GET),
    ("file/video/ad/search/", Method::GET),
    ("file/video/ad/update/", Method::POST),
    ("file/video/suggestcover/", Method::GET),
    ("file/name/check/", Method::GET),
    ("file/image/ad/upload/", Method::POST),
    ("file/image/ad/info/", Method::GET),
    ("file/image/ad/search/", Method::GET),
    ("file/start/upload/", Method::POST),
    ("file/transfer/upload/", Method::POST),
    ("file/finish/upload/", Method::POST),
    ("file/temporarily/upload/", Method::POST),
    ("ad/create/", Method::POST),
    ("ad/get/", Method::GET),
    ("identity/get/", Method::GET),
    ("adgroup/get/", Method::GET),
    ("video/fix/task/create/", Method::POST),
    ("video/fix/task/get/", Method::GET),
    ("creative/pre_review/task/create/", Method::POST),
    ("creative/pre_review/task/get/", Method::GET),
];

pub(super) async fn dispatch(app: &App, endpoint: &str, call: &mut Call) -> HandlerResult {
    match endpoint {
        "oauth2/advertiser/get/" => account::advertisers(app),
        "advertiser/info/" => account::info(call),
        "identity/get/" => account::identities(app, call),
        "adgroup/get/" => account::adgroups(app, call),
        "file/video/ad/upload/" => video_upload::upload(app, call).await,
        "file/video/ad/info/" => video_read::info(app, call),
        "file/video/ad/search/" => video_read::search(app, call),
        "file/video/ad/update/" => video_read::update(app, call),
        "file/video/suggestcover/" => video_read::suggest_cover(app, call),
        "file/name/check/" => video_read::name_check(app, call),
        "file/image/ad/upload/" => image::upload(app, call).await,
        "file/image/ad/info/" => image::info(app, call),
        "file/image/ad/search/" => image::search(app, call),
        "file/start/upload/" => chunked::start(app, call),
        "file/transfer/upload/" => chunked::transfer(app, call),
        "file/finish/upload/" => chunked::finish(app, call).await,
        "file/temporarily/upload/" => chunked::temporary(app, call).await,
        "ad/create/" => ad::create(app, call),
        "ad/get/" => ad::get(app, call),
        "video/fix/task/create/" => tasks::fix_create(app, call),
        "video/fix/task/get/" => tasks::fix_get(app, call),
        "creative/pre_review/task/create/" => tasks::review_create(app, call),
        "creative/pre_review/task/get/" => tasks::review_get(app, call),
        _ => Err(Refusal::new(40008, "The endpoint is not implemented.")),
    }
}
