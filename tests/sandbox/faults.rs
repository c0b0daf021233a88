//! Tests of the injected faults.

use std::time::Duration;

use greenlit::sandbox::{Fault, SandboxOptions, TOKEN, parse_span};
use serde_json::json;

use super::bench::{ad_body, bench, creative, video_form};

fn with(faults: &[&str]) -> impl FnOnce(&mut SandboxOptions) {
    let faults = faults.iter().map(|text| Fault::parse(text).unwrap()).collect();
    |options| options.faults = faults
}

#[tokio::test]
async fn dropped_connections_have_no_status_line() {
    for (fault, made) in [("drop-before-request=1", 0), ("drop-after-effect=1", 1)] {
        let bench = bench(with(&[fault])).await;
        let error = bench.form("file/video/ad/upload/", video_form("a.mp4", b"1")).await.unwrap_err();
        assert!(error.is_request() && error.status().is_none(), "{fault}: {error:?}");
        assert_eq!(bench.effects("video_created").len(), made, "{fault}");
        let line = bench.log().pop().unwrap();
        assert_eq!((&line["fault"], &line["http"]), (&json!(fault.split('=').next()), &json!(null)));
        let bench = bench.restart(|_| {}).await;
        assert_eq!(bench.upload("a.mp4", b"1").await["code"], if made == 1 { 40911 } else { 0 });
    }
}

#[tokio::test]
async fn faults_before_the_handler_change_nothing() {
    let bench = bench(with(&["throttle=1"])).await;
    assert_eq!(bench.upload("a.mp4", b"1").await["code"], 40100);
    assert!(bench.effects("video_created").is_empty());
    let bench = bench.restart(with(&["http-500=1"])).await;
    let request = bench.client.get(bench.url("ad/get/")).header("Access-Token", TOKEN);
    assert_eq!(request.send().await.unwrap().status(), 500);
    let bench = bench.restart(with(&["html-body=1"])).await;
    let reply = bench.client.get(bench.url("ad/get/")).header("Access-Token", TOKEN).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(reply.text().await.unwrap().starts_with("<html>"));
    let bench = bench.restart(|o| (with(&["slow-reply=1"])(o), o.time_scale = 1000.0).1).await;
    assert_eq!(bench.get("ad/get/", &[]).await["code"], 0);
    assert_eq!(bench.log().pop().unwrap()["fault"], "slow-reply");
    let bench = bench.restart(with(&["token-revoked-after=2"])).await;
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(bench.get("ad/get/", &[]).await["code"].as_u64().unwrap());
    }
    assert_eq!(codes, [0, 0, 40102, 40105]);
}

#[tokio::test]
async fn a_fault_of_a_video_is_decided_once() {
    let bench = bench(with(&["never-ready=1"])).await;
    let never = bench.video("never.mp4", b"1").await;
    assert_eq!(bench.info(&never).await.unwrap()["displayable"], false);
    let bench = bench.restart(with(&["processing-failed=1"])).await;
    let failed = bench.video("failed.mp4", b"2").await;
    let bench = bench.restart(with(&["not-ready-on-create=1"])).await;
    assert_eq!(bench.info(&failed).await, None);
    assert_eq!(bench.info(&never).await.unwrap()["displayable"], false);
    let video = bench.video("good.mp4", b"3").await;
    let cover = bench.cover("c.png", 720, 1280).await["data"]["image_id"].as_str().unwrap().to_owned();
    assert_eq!(bench.post("ad/create/", ad_body(creative(&video, &cover))).await["code"], 40901);
    assert_eq!(bench.post("ad/create/", ad_body(creative(&failed, &cover))).await["code"], 40053);
    assert!(bench.effects("ad_created").is_empty());
}

#[tokio::test]
async fn a_rate_below_one_affects_some_calls_and_is_reproducible() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let bench = bench(with(&["http-500=0.5"])).await;
        let mut statuses = Vec::new();
        for _ in 0..20 {
            let request = bench.client.get(bench.url("ad/get/")).header("Access-Token", TOKEN);
            statuses.push(request.send().await.unwrap().status().as_u16());
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&200) && runs[0].contains(&500), "{:?}", runs[0]);
}

#[tokio::test]
async fn scripted_replies_apply_in_order_to_mutating_calls() {
    let bench =
        bench(|options| options.faults = vec![Fault::Answer(40907, 1), Fault::Answer(50002, 1)]).await;
    let codes = [
        bench.upload("a.mp4", b"one").await["code"].clone(),
        // A read is handled normally and does not count.
        bench.get("ad/get/", &[]).await["code"].clone(),
        bench.upload("a.mp4", b"one").await["code"].clone(),
        bench.upload("a.mp4", b"one").await["code"].clone(),
    ];
    assert_eq!(codes.map(|code| code.as_i64()), [Some(40907), Some(0), Some(50002), Some(0)]);
}

#[test]
fn parses_faults_and_time_ranges_or_explains_the_error() {
    assert_eq!(Fault::parse("throttle=0.1").unwrap(), Fault::Throttle(0.1));
    assert_eq!(Fault::parse("token-revoked-after=20").unwrap(), Fault::TokenRevokedAfter(20));
    assert_eq!(Fault::parse("answer-40907=2").unwrap(), Fault::Answer(40907, 2));
    assert_eq!(Fault::Answer(40907, 2).to_string(), "answer-40907=2");
    for wrong in [
        "throttle",
        "throttle=2",
        "throttle=-1",
        "throttle=NaN",
        "gremlins=1",
        "token-revoked-after=x",
        "answer-=1",
        "answer-0=1",
        "answer-40907=x",
    ] {
        let text = Fault::parse(wrong).unwrap_err().to_string();
        assert!(text.contains(wrong) && text.contains("drop-after-effect"), "{text}");
    }
    assert_eq!(parse_span("2s..20s").unwrap(), (Duration::from_secs(2), Duration::from_secs(20)));
    assert_eq!(parse_span("500ms").unwrap().1, Duration::from_millis(500));
    assert!(parse_span("5s..1s").is_err() && parse_span("soon").is_err());
}
