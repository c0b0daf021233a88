//! Tests of access, rate limits, list parameters and pages outside the API.

use greenlit::sandbox::{ADVERTISER, SandboxOptions, TOKEN, Tier};
use serde_json::{Value, json};

use super::bench::bench;

#[tokio::test]
async fn access_is_checked_like_on_the_platform() {
    let bench = bench(|_| {}).await;
    let reply = bench.client.get(bench.url("file/video/ad/info")).send().await.unwrap();
    assert_eq!(reply.status(), 404);
    assert_eq!(reply.text().await.unwrap(), "404 page not found");

    let url = bench.url("ad/get/");
    let none: Value = bench.client.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(none["code"], 40104);
    let text = "Access token is null, you should set it in http header with key Access-Token.";
    assert_eq!(none["message"], text);
    assert_eq!(none["data"], json!({}));
    let wrong = bench.client.get(&url).header("Access-Token", "other").send().await.unwrap();
    assert_eq!(wrong.status(), 200);
    assert_eq!(wrong.json::<Value>().await.unwrap()["code"], 40105);

    let other = bench.post("ad/create/", json!({"advertiser_id": "7000000000000000009"})).await;
    assert_eq!(other["code"], 40001);
    assert_eq!(bench.post("ad/create/", json!({"advertiser_id": "me"})).await["code"], 40300);
    assert_eq!(bench.post("ad/create/", json!({})).await["code"], 40002);
    let own = bench.get("oauth2/advertiser/get/", &[]).await;
    assert_eq!(own["data"]["list"][0]["advertiser_id"], ADVERTISER);
}

#[tokio::test]
async fn list_parameters_accept_every_known_spelling() {
    let bench = bench(|_| {}).await;
    let one = bench.video("holiday one.mp4", b"1").await;
    let two = bench.video("other.mp4", b"2").await;
    let copy = bench.video("copy.mp4", b"2").await;
    // Spaces as plus signs, as the Python client encodes them.
    let url = format!(
        "{}?advertiser_id={ADVERTISER}&video_ids=%5B%22{one}%22%2C+%22{two}%22%2C+%22gone%22%5D",
        bench.url("file/video/ad/info/")
    );
    let reply = bench.client.get(url).header("Access-Token", TOKEN).send().await.unwrap();
    assert_eq!(reply.json::<Value>().await.unwrap()["data"]["list"].as_array().unwrap().len(), 2);
    let many = json!(vec!["v"; 61]).to_string();
    assert_eq!(bench.get("file/video/ad/info/", &[("video_ids", &many)]).await["code"], 40011);

    let by_name = bench.get("file/video/ad/search/", &[("filtering", r#"{"video_name": "HOLIDAY"}"#)]).await;
    assert_eq!(by_name["data"]["list"][0]["video_id"], json!(one));
    let all = bench.get("file/video/ad/search/", &[("page_size", "1"), ("page", "2")]).await;
    assert_eq!(all["data"]["page_info"]["total_number"], 2, "duplicates collapse without an id filter");
    assert_eq!(all["data"]["list"].as_array().unwrap().len(), 1);
    let both = json!({"video_ids": [two, copy]}).to_string();
    let both = bench.get("file/video/ad/search/", &[("filtering", &both)]).await;
    assert_eq!(both["data"]["page_info"]["total_number"], 2);

    let rename = |id: &str| json!({"advertiser_id": ADVERTISER, "video_id": id, "file_name": "other.mp4"});
    assert_eq!(bench.post("file/video/ad/update/", rename(&one)).await["code"], 0);
    let name = bench.info(&one).await.unwrap()["file_name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("other.mp4_"), "{name}");
    let check = bench.get("file/name/check/", &[("file_name", "other.mp4")]).await;
    assert_eq!(check["data"]["duplicate"], true);
    let files = r#"[{"file_name": "other.mp4"}, {"file_name": "free.mp4"}]"#;
    let check = bench.get("file/name/check/", &[("files", files)]).await;
    assert_eq!(check["data"]["batch_results"][0]["duplicate"], true);
    assert_eq!(check["data"]["batch_results"][1]["duplicate"], false);
}

#[tokio::test]
async fn calls_beyond_the_tier_are_throttled() {
    // A second lasts nearly three hours, so that all calls fall into one second or, rarely, two.
    let slow = |options: &mut SandboxOptions| {
        options.time_scale = 0.0001;
        options.tier = Tier::Basic;
    };
    let bench = bench(slow).await;
    let mut codes = Vec::new();
    for _ in 0..25 {
        codes.push(bench.get("ad/get/", &[]).await["code"].as_u64().unwrap());
    }
    assert!(codes[..10].iter().all(|code| *code == 0), "{codes:?}");
    assert!(codes.contains(&40100), "{codes:?}");
    // On a fast clock the same calls are far apart.
    let bench = bench.restart(|options| (options.time_scale = 100_000.0, options.tier = Tier::Basic).1).await;
    for _ in 0..25 {
        assert_eq!(bench.get("ad/get/", &[]).await["code"], 0);
    }
}

#[tokio::test]
async fn landing_pages_return_the_named_status() {
    let bench = bench(|_| {}).await;
    let page = |name: &str| format!("http://{}/landing/{name}", bench.sandbox.addr());
    let good = bench.client.get(page("200")).send().await.unwrap();
    assert_eq!(good.status(), 200);
    assert!(good.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(bench.client.get(page("404")).send().await.unwrap().status(), 404);
    assert!(bench.client.get(page("loop")).send().await.unwrap_err().is_redirect());
}

#[tokio::test]
async fn a_request_under_a_foreign_name_is_not_answered() {
    let bench = bench(|_| {}).await;
    let url = bench.url("oauth2/advertiser/get/");
    let with_host = async |host: &str| {
        let request = bench.client.get(&url).header("Host", host).header("Access-Token", "sandbox-token");
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(with_host("rebound.example").await, 421);
    assert_ne!(with_host("localhost").await, 421);
}
