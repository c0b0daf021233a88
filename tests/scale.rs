//! Hundreds of assets against the sandbox process's own limits, over real HTTP and in real time.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use greenlit::platform::tiktok_ads::{ClientOptions, Tier, TikTokAds};
use greenlit::rules::ValidatedAsset;
use greenlit::sandbox::{self, ADGROUP, ADVERTISER, IDENTITY, SandboxOptions, TOKEN, start};
use greenlit::ship::{
    AdRow, AssetPreparer, DeliveryState, Journal, LandingMode, PrepareError, Prepared, ShipEvent,
    ShipRequest, Wait, ship,
};
use secrecy::SecretString;
use tokio::sync::mpsc;

#[path = "common/agreeable.rs"]
mod agreeable;
#[path = "common/validated.rs"]
mod clip;
use agreeable::Agreeable;

/// One cover a video: the same picture, with the video's name behind its end.
struct Covers {
    folder: PathBuf,
    picture: Vec<u8>,
}

impl AssetPreparer for Covers {
    fn make(&self, _source: &Path, _recipe: u32) -> Result<ValidatedAsset, PrepareError> {
        Err(PrepareError::Refused("no recipe is left".into()))
    }

    fn cover(&self, asset: &ValidatedAsset) -> Result<PathBuf, PrepareError> {
        let stem = asset.path().file_stem().unwrap().to_str().unwrap();
        let path = self.folder.join(format!("{stem}.png"));
        std::fs::write(&path, [&self.picture, stem.as_bytes()].concat()).unwrap();
        Ok(path)
    }

    fn judge_cover(&self, _path: &Path, _asset: &ValidatedAsset) -> Result<(), PrepareError> {
        Ok(())
    }
}

/// Each line of the log is a request or an effect.
fn count(log: &str, word: &str, what: &str) -> usize {
    log.lines().filter(|line| line.contains(word) && line.contains(what)).count()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes four minutes: the platform's minutes are real ones"]
async fn five_hundred_assets_ship_at_the_pace_of_the_tier_without_a_throttle() {
    const ASSETS: usize = 500;
    let dir = tempfile::tempdir().unwrap();
    let mut options = SandboxOptions::new(dir.path().join("state"), Arc::new(Agreeable));
    options.tier = sandbox::Tier::Basic;
    options.processing = (Duration::from_secs(5), Duration::from_secs(30));
    options.log = Some(dir.path().join("log.ndjson"));
    let platform = start(options).await.unwrap();
    let base = format!("http://{}", platform.addr());
    let mut options = ClientOptions::new(&base, ADVERTISER, SecretString::from(TOKEN));
    options.tier = Tier::Basic;
    let client = Arc::new(TikTokAds::new(options).unwrap());

    let row = |number: usize| AdRow {
        row: u32::try_from(number).unwrap() + 1,
        video: format!("{number}.mov").into(),
        adgroup_id: ADGROUP.into(),
        ad_name: format!("ad {number}"),
        identity_type: "CUSTOMIZED_USER".into(),
        identity_id: IDENTITY.into(),
        ad_text: "Buy".into(),
        call_to_action: "LEARN_MORE".into(),
        landing_page_url: "https://example.com/".into(),
        display_name: "Shop".into(),
        ..AdRow::default()
    };
    let (sender, receiver) = mpsc::channel(16);
    let mut request = ShipRequest::new(receiver, (0..ASSETS).map(row).collect());
    request.landing = LandingMode::Off;
    let cover = dir.path().join("cover.png");
    image::RgbImage::new(720, 1280).save(&cover).unwrap();
    let maker = Arc::new(Covers { folder: dir.path().to_owned(), picture: std::fs::read(&cover).unwrap() });
    let journal = Arc::new(Journal::open(&dir.path().join("journal.db"), Wait::Refuse).unwrap());
    let quiet = Arc::new(|_: ShipEvent| {});
    let started = Instant::now();
    let shipping = ship(request, client, maker, journal, quiet, Arc::new(AtomicBool::new(false)));
    let folder = dir.path().to_owned();
    let feeding = async move {
        for number in 0..ASSETS {
            let bytes: Vec<u8> = (0..20_000_u32).map(|at| (at as usize * 31 + number) as u8).collect();
            let bytes = [bytes, number.to_string().into_bytes()].concat();
            let path = folder.join(format!("{number}.mp4"));
            std::fs::write(&path, &bytes).unwrap();
            let result = Ok(clip::validated(&path, &bytes));
            let prepared = Prepared {
                source: format!("{number}.mov").into(),
                source_blake3: format!("s{number}"),
                result,
            };
            sender.send(prepared).await.unwrap();
        }
    };
    let (outcome, ()) = tokio::join!(shipping, feeding);
    let took = started.elapsed();
    let deliveries = outcome.unwrap().deliveries;
    let open: Vec<_> = deliveries.iter().filter(|one| one.state != DeliveryState::Published).collect();
    assert!(open.is_empty() && deliveries.len() == ASSETS, "{open:?}");

    let log = std::fs::read_to_string(dir.path().join("log.ndjson")).unwrap();
    let made = |effect| count(&log, &format!("\"effect\":\"{effect}\""), "");
    assert_eq!((made("video_created"), made("ad_created")), (ASSETS, ASSETS));
    let asked = |path| count(&log, path, "\"method\"");
    let (uploads, info) = (asked("file/video/ad/upload/"), asked("file/video/ad/info/"));
    // Told and not judged: how long a run takes is judged where a clock is made for it.
    let best = Duration::from_secs_f64(ASSETS as f64 / 150.0 * 60.0);
    println!("{ASSETS} assets: {took:?} of {best:?} at best, {uploads} uploads, {info} infos");
    assert_eq!(count(&log, "\"code\":40100", ""), 0, "throttled");
    assert!(uploads * 100 <= ASSETS * 105, "{uploads} uploads");
    assert!(info * 5 <= ASSETS, "{info} calls for information");
    platform.shutdown().await;
}
