//! The HTML report in a real browser: `make test-browser` installs one and runs these tests.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::TestDir;
use common::ship_setup::KillOnDrop;
use serde_json::{Value, json};
use thirtyfour::{
    CapabilitiesHelper, ChromiumLikeCapabilities, DesiredCapabilities, Key, TypingData, WebDriver,
};

/// A file name that would run a script, if it became markup.
const HOSTILE_NAME: &str = "in/<img src=x onerror=document.title='run'> & \"b\".mkv";

/// A browser that shows a report.
struct Browser {
    driver: WebDriver,
    _chromedriver: KillOnDrop,
}

impl Browser {
    async fn open(page: &Path) -> Browser {
        let mut command = Command::new("chromedriver");
        let mut child = KillOnDrop(command.arg("--port=0").stdout(Stdio::piped()).spawn().unwrap());
        let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned())
        });
        // The client is built with TLS, which it does not use here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut wanted = DesiredCapabilities::chrome();
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"] {
            wanted.add_arg(argument).unwrap();
        }
        wanted.set("goog:loggingPrefs", json!({"browser": "ALL", "performance": "ALL"})).unwrap();
        let driver = WebDriver::new(format!("http://127.0.0.1:{}", port.unwrap()), wanted).await.unwrap();
        driver.set_window_rect(0, 0, 1280, 1600).await.unwrap();
        driver.goto(format!("file://{}", page.display())).await.unwrap();
        Browser { driver, _chromedriver: child }
    }

    /// Returns the value of a script's expression.
    async fn value(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Returns the paths of the shown files, in their order.
    async fn shown(&self) -> Vec<String> {
        let paths = "[...document.querySelectorAll('.card:not([hidden]) h2')].map((h) => h.textContent)";
        serde_json::from_value(self.value(paths).await).unwrap()
    }

    async fn click(&self, selector: &str) {
        self.driver.find(thirtyfour::By::Css(selector)).await.unwrap().click().await.unwrap();
    }

    /// Presses keys where the focus is.
    async fn press(&self, keys: impl Into<TypingData>) {
        self.driver.action_chain().send_keys(keys).perform().await.unwrap();
    }

    async fn choose(&self, select: &str, value: &str) {
        self.click(&format!("{select} option[value={value:?}]")).await;
    }

    /// Sets the color scheme, without transitions.
    async fn emulate(&self, scheme: &str) {
        let scheme = json!({"name": "prefers-color-scheme", "value": scheme});
        let media = json!({"features": [scheme, {"name": "prefers-reduced-motion", "value": "reduce"}]});
        self.driver.cdp().send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
    }

    /// Closes the browser, after it logged nothing and requested nothing but the page.
    async fn close(self, page: &Path) {
        let messages = self.driver.get_log("browser").await.unwrap();
        assert!(messages.is_empty(), "{messages:?}");
        let events = self.driver.get_log("performance").await.unwrap();
        let requested: Vec<String> = events
            .iter()
            .filter_map(|event| {
                let event: Value = serde_json::from_str(&event.message).ok()?;
                let message = &event["message"];
                let is_request = message["method"] == "Network.requestWillBeSent";
                Some(message["params"]["request"]["url"].as_str()?.to_owned()).filter(|_| is_request)
            })
            .filter(|url| !url.starts_with("data:"))
            .collect();
        let own = format!("file://{}", page.display());
        assert!(!requested.is_empty() && requested.iter().all(|url| *url == own), "{requested:?}");
        self.driver.quit().await.unwrap();
    }
}

/// Makes a report of files that do not comply, are unreadable or skipped, under two profiles.
fn report(dir: &TestDir) -> PathBuf {
    for name in ["npm-vide-ocean.mp4", "pypi-gradio-b.avi", "npm-js-ffmpeg-iphone_rotated.mov"] {
        dir.put(name, &format!("in/{name}"));
    }
    dir.write("in/broken.mp4", b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41");
    dir.write("in/notes.txt", "no media");
    let language = "language=<script>document.title='run'</script>";
    let audio = ["-f", "lavfi", "-i", "sine=d=2", "-f", "lavfi", "-i", "sine=f=300:d=2"];
    let picture = ["-f", "lavfi", "-i", "testsrc2=s=540x960:d=2", "-map", "0", "-map", "1", "-map", "2"];
    let metadata = ["-metadata:s:a:0", language, "-metadata:s:a:1", language, HOSTILE_NAME];
    dir.ffmpeg(&[&audio[..], &picture, &metadata].concat());
    let profiles = ["--profile", "tiktok-ads", "--profile", "youtube-shorts"];
    let plan = ["fix", "in", "--dry-run", "--audio-track", "first", "--format", "html", "--output", "r.html"];
    dir.greenlit(&[&plan[..], &profiles].concat()).expect(1);
    dir.path("r.html")
}

#[tokio::test]
#[ignore = "make test-browser"]
async fn searches_filters_and_orders_by_pointer_and_keyboard() {
    let dir = TestDir::new();
    let page = report(&dir);
    let browser = Browser::open(&page).await;
    let all = browser.shown().await;
    assert_eq!(all.len(), 12, "{all:?}");
    assert_eq!(browser.value("document.title.split(',')[0]").await, "greenlit report: 6 files");

    browser.press("/").await;
    browser.press("ocean AVC1").await;
    assert_eq!(browser.shown().await, Vec::<String>::new());
    assert_eq!(browser.value("document.getElementById('none').hidden").await, false);
    browser.press(Key::Escape).await;
    assert_eq!(browser.shown().await, all);
    browser.press("OCEAN h264").await;
    assert_eq!(browser.shown().await, ["in/npm-vide-ocean.mp4"; 2]);
    assert_eq!(browser.value("location.hash").await, "#q=OCEAN+h264");
    browser.driver.refresh().await.unwrap();
    assert_eq!(browser.shown().await.len(), 2, "a reload keeps the view");
    browser.click("button[type=reset]").await;

    browser.choose("#profile", "tiktok-ads").await;
    assert_eq!(browser.shown().await.len(), 6);
    browser.click(".chip[data-outcome=unreadable]").await;
    assert_eq!(browser.shown().await, ["in/broken.mp4"]);
    browser.click(".chip[data-outcome=skipped]").await;
    assert_eq!(browser.shown().await, ["in/broken.mp4", "in/notes.txt"]);
    browser.press(Key::Escape).await;
    browser.click("button[data-rule=container]").await;
    let with_rule = browser.shown().await;
    assert!((1..12).contains(&with_rule.len()), "{with_rule:?}");
    assert_eq!(browser.value("document.getElementById('rule').value").await, "container");
    browser.click("button[data-rule=container]").await;
    assert_eq!(browser.shown().await, all);

    browser.choose("#order", "path").await;
    let by_path = browser.shown().await;
    assert!(by_path != all && by_path[0] == HOSTILE_NAME && by_path[2] == "in/broken.mp4", "{by_path:?}");
    browser.choose("#order", "worst").await;
    assert_eq!(browser.shown().await, all);

    browser.value("document.activeElement.blur()").await;
    browser.press("jj").await;
    let focused =
        "[...document.querySelectorAll('.card')].findIndex((card) => card.contains(document.activeElement))";
    assert_eq!(browser.value(focused).await, 1);
    let is_open = "document.activeElement.parentElement.open";
    let before = browser.value(is_open).await;
    browser.press(Key::Enter).await;
    assert_ne!(browser.value(is_open).await, before);
    browser.press("k").await;
    assert_eq!(browser.value(focused).await, 0);
    browser.close(&page).await;
}

#[tokio::test]
#[ignore = "make test-browser"]
async fn names_and_metadata_stay_text() {
    let dir = TestDir::new();
    let page = report(&dir);
    let browser = Browser::open(&page).await;
    assert!(browser.shown().await.contains(&HOSTILE_NAME.to_owned()));
    let text = browser.value("document.getElementById('files').textContent").await;
    assert!(text.as_str().unwrap().contains("<script>document.title='run'</script>"), "{text}");
    assert_eq!(browser.value("document.querySelectorAll('script').length").await, 1);
    assert_eq!(
        browser
            .value("document.querySelectorAll('img:not([src^=\"data:image/jpeg;base64,\"])').length")
            .await,
        0
    );
    assert_eq!(browser.value("document.title.split(',')[0]").await, "greenlit report: 6 files");
    browser.close(&page).await;
}

/// Saves pictures of the page in each of its forms to target/browser, to be looked at.
#[tokio::test]
#[ignore = "make test-browser"]
async fn fits_a_desk_and_a_phone_in_light_and_dark() {
    let dir = TestDir::new();
    dir.put("pypi-gradio-b.avi", "in/b.avi");
    dir.put("firefox-media-bunny_hd_5s.mp4", "in/a/long/path/to/a/video/with/a/long/name/bunny.mp4");
    let fix = ["fix", "in", "--out", "out", "--format", "html", "--output", "r.html"];
    dir.greenlit(&fix).expect(1);
    let page = dir.path("r.html");
    let browser = Browser::open(&page).await;
    browser.click("#unfold").await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/browser");
    std::fs::create_dir_all(&folder).unwrap();
    let cdp = browser.driver.cdp();
    for (width, size) in [(1280, "desk"), (390, "phone")] {
        let metrics = json!({"width": width, "height": 1600, "deviceScaleFactor": 1, "mobile": width < 500});
        cdp.send_raw("Emulation.setDeviceMetricsOverride", metrics).await.unwrap();
        for scheme in ["light", "dark"] {
            browser.emulate(scheme).await;
            let wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(browser.value(wide).await, 0, "{size}: nothing is wider than the page");
            browser.driver.screenshot(&folder.join(format!("{size}-{scheme}.png"))).await.unwrap();
        }
    }
    browser.close(&page).await;
}

/// Needs axe-core, whose file GREENLIT_AXE names.
#[tokio::test]
#[ignore = "make test-browser, where npm is installed"]
async fn with_axe_the_page_has_no_serious_violation() {
    let axe = std::fs::read_to_string(std::env::var("GREENLIT_AXE").unwrap()).unwrap();
    let dir = TestDir::new();
    let page = report(&dir);
    let browser = Browser::open(&page).await;
    browser.click("#unfold").await;
    browser.driver.execute(axe, Vec::new()).await.unwrap();
    for scheme in ["light", "dark"] {
        browser.emulate(scheme).await;
        let run = "axe.run().then((result) => arguments[0](result), (error) => arguments[0](String(error)))";
        let result = browser.driver.execute_async(run, Vec::new()).await.unwrap().json().clone();
        assert!(result["passes"].as_array().unwrap_or_else(|| panic!("{result}")).len() > 10);
        let serious =
            |violation: &&Value| matches!(violation["impact"].as_str(), Some("serious" | "critical"));
        let found: Vec<_> = result["violations"].as_array().unwrap().iter().filter(serious).collect();
        assert!(found.is_empty(), "{scheme}: {found:#?}");
    }
    browser.close(&page).await;
}

#[tokio::test]
#[ignore = "make test-browser"]
async fn a_thousand_files_stay_usable() {
    let dir = TestDir::new();
    dir.put("pypi-gradio-b.avi", "in/0.avi");
    for number in 1..1000 {
        std::fs::hard_link(dir.path("in/0.avi"), dir.path(&format!("in/{number}.avi"))).unwrap();
    }
    dir.greenlit(&["check", "in", "--format", "html", "--output", "r.html"]).expect(1);
    let page = dir.path("r.html");
    let size = std::fs::metadata(&page).unwrap().len();
    assert!(size < 30_000_000, "{size} bytes");
    let browser = Browser::open(&page).await;
    assert_eq!(browser.shown().await.len(), 1000);
    browser.press("/").await;
    browser.press("in/99").await;
    assert_eq!(browser.shown().await.len(), 11);
    assert_eq!(browser.value("document.getElementById('shown').textContent").await, "11 of 1000 shown.");
    browser.close(&page).await;
}
