//! Tests of ads, covers and the tasks for videos.

use greenlit::sandbox::{ADGROUP, ADVERTISER};
use serde_json::json;

use super::bench::{LONG, ad_body, bench, creative, md5};

#[tokio::test]
async fn an_ad_needs_every_field_and_creating_it_twice_creates_two() {
    let bench = bench(|_| {}).await;
    let video = bench.video("a.mp4", b"1").await;
    let cover = bench.cover("c.png", 720, 1280).await["data"]["image_id"].as_str().unwrap().to_owned();
    let wide = bench.cover("w.png", 1280, 720).await["data"]["image_id"].as_str().unwrap().to_owned();
    assert_eq!(bench.cover("c.png", 720, 1280).await["data"]["image_id"], json!(cover));
    assert_eq!(bench.cover("c.png", 640, 640).await["code"], 40911);
    let invalid = [
        ("ad_text", json!("x".repeat(101)), 40002),
        ("ad_text", json!("字".repeat(51)), 40002),
        ("ad_text", json!("Hi 😀"), 40002),
        ("ad_text", json!(""), 40002),
        ("call_to_action", json!(""), 40002),
        ("identity_id", json!("1"), 40007),
        ("image_ids", json!([]), 40002),
        ("image_ids", json!([wide]), 40002),
        ("image_ids", json!([cover, wide]), 40002),
        ("video_id", json!("v0"), 40053),
        ("landing_page_url", json!("nowhere"), 40002),
    ];
    for (name, value, code) in invalid {
        let mut wrong = creative(&video, &cover);
        wrong[name] = value.clone();
        let reply = bench.post("ad/create/", ad_body(wrong)).await;
        assert_eq!(reply["code"], code, "{name} = {value}: {reply}");
    }
    let mut body = ad_body(creative(&video, &cover));
    body["adgroup_id"] = json!("1");
    assert_eq!(bench.post("ad/create/", body).await["code"], 40007);
    assert!(bench.effects("ad_created").is_empty());
    for _ in 0..2 {
        assert_eq!(bench.post("ad/create/", ad_body(creative(&video, &cover))).await["code"], 0);
    }
    let filtering = json!({"adgroup_ids": [ADGROUP]}).to_string();
    let list = bench.get("ad/get/", &[("filtering", &filtering), ("page_size", "1")]).await;
    assert_eq!(list["data"]["page_info"]["total_number"], 2);
    assert_eq!(list["data"]["list"][0]["ad_name"], "one");
    let effects = bench.effects("ad_created");
    assert_eq!(effects.len(), 2);
    assert_ne!(effects[0]["ad_id"], effects[1]["ad_id"]);
    assert_eq!(effects[0]["md5"], md5(b"1"));
}

#[tokio::test]
async fn ads_and_images_are_listed_after_the_visibility_lag() {
    let bench = bench(|options| options.visibility_lag = Some((LONG, LONG))).await;
    let video = bench.video("a.mp4", b"1").await;
    let cover = bench.cover("c.png", 720, 1280).await["data"]["image_id"].as_str().unwrap().to_owned();
    assert_eq!(bench.post("ad/create/", ad_body(creative(&video, &cover))).await["code"], 0);
    assert_eq!(bench.get("ad/get/", &[]).await["data"]["list"], json!([]));
    let ids = json!([cover]).to_string();
    assert_eq!(bench.get("file/image/ad/info/", &[("image_ids", &ids)]).await["data"]["list"], json!([]));
    assert_eq!(bench.get("file/image/ad/search/", &[("page", "1")]).await["data"]["list"], json!([]));
    // The check of names knows what lists do not show yet.
    for (kind, duplicate) in [("IMAGE", true), ("VIDEO", false)] {
        let check = bench.get("file/name/check/", &[("file_name", "c.png"), ("file_type", kind)]).await;
        assert_eq!(check["data"]["duplicate"], duplicate, "{kind}");
    }
    let later = bench.restart(|options| options.time_scale = 1e9).await;
    let images = later.get("file/image/ad/search/", &[("page", "1")]).await;
    assert_eq!(images["data"]["list"][0]["image_id"], json!(cover));
}

#[tokio::test]
async fn smart_fix_and_review_return_results() {
    let bench = bench(|_| {}).await;
    let video = bench.video("a.mp4", b"1").await;
    let body = json!({"advertiser_id": ADVERTISER, "tasks": [{"video_id": video}]});
    assert_eq!(
        bench.post("video/fix/task/create/", body).await["data"]["tasks"][0]["video_id"],
        json!(video)
    );
    let body = json!({"advertiser_id": ADVERTISER, "video_ids": [video], "location_codes": ["US"]});
    let task = bench.post("creative/pre_review/task/create/", body).await["data"]["task_id"].clone();
    let review = bench.get("creative/pre_review/task/get/", &[("task_id", task.as_str().unwrap())]).await;
    assert_eq!(review["data"]["video_results"][0]["review_result"], "APPROVED");
}
