//! Hundreds of assets against the sandbox process's own limits, over real HTTP and in real time.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use greenlit::plan::EncodeMode;
use greenlit::platform::tiktok_ads::ADS;
use greenlit::platform::{Platform, Row};
use greenlit::rules::{CoverImage, ValidatedAsset, ValidatedCover};
use greenlit::sandbox::{self, ADGROUP, ADVERTISER, IDENTITY, SandboxOptions, start};
use greenlit::ship::{
    AssetPreparer, DeliveryState, Journal, LandingMode, PrepareError, Prepared, ShipEvent, ShipRequest, Wait,
    prepared_files, ship,
};

#[path = "common/accepting_prober.rs"]
mod accepting_prober;
#[path = "common/connection.rs"]
mod connection;
#[path = "common/validated.rs"]
mod validated;
use accepting_prober::AcceptingProber;
use connection::connection;

/// Makes one cover per video: the same image, followed by the name of the video.
struct CoverPreparer {
    folder: PathBuf,
    image: Vec<u8>,
}

impl AssetPreparer for CoverPreparer {
    fn prepare(&self, _source: &Path, _encode_mode: EncodeMode) -> Result<ValidatedAsset, PrepareError> {
        Err(PrepareError::Refused("no encode mode is left".into()))
    }

    fn cover(&self, asset: &ValidatedAsset) -> Result<ValidatedCover, PrepareError> {
        let stem = asset.path().file_stem().unwrap().to_str().unwrap();
        let bytes = [&self.image, stem.as_bytes()].concat();
        Ok(validated::validated_cover(&self.folder.join(format!("{stem}.png")), bytes))
    }

    fn check_cover(
        &self,
        image: CoverImage,
        _asset: &ValidatedAsset,
    ) -> Result<ValidatedCover, PrepareError> {
        Ok(validated::validated_cover(image.path(), image.bytes().to_vec()))
    }
}

/// Returns the number of lines of the log (requests or effects) that contain both texts.
fn count(log: &str, first: &str, second: &str) -> usize {
    log.lines().filter(|line| line.contains(first) && line.contains(second)).count()
}

fn row(number: usize) -> Row {
    Row::new(u32::try_from(number).unwrap() + 1, format!("{number}.mov"))
        .with("adgroup_id", ADGROUP)
        .with("ad_name", format!("ad {number}"))
        .with("identity_type", "CUSTOMIZED_USER")
        .with("identity_id", IDENTITY)
        .with("ad_text", "Buy")
        .with("call_to_action", "LEARN_MORE")
        .with("landing_page_url", "https://example.com/")
        .with("display_name", "Shop")
}

/// Writes the video of an asset and returns it.
fn prepared(folder: &Path, number: usize) -> Prepared {
    let bytes: Vec<u8> = (0..20_000_u32).map(|at| (at as usize * 31 + number) as u8).collect();
    let bytes = [bytes, number.to_string().into_bytes()].concat();
    let path = folder.join(format!("{number}.mp4"));
    std::fs::write(&path, &bytes).unwrap();
    let asset = validated::validated(&path, &bytes);
    Prepared {
        source: format!("{number}.mov").into(),
        source_blake3: format!("s{number}"),
        profile_hash: asset.profile_hash().to_owned(),
        result: Ok(asset),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: takes four minutes of real time"]
async fn five_hundred_assets_ship_at_the_rate_of_the_tier_without_throttling() {
    const ASSETS: usize = 500;
    let dir = tempfile::tempdir().unwrap();
    let mut options = SandboxOptions::new(dir.path().join("state"), Arc::new(AcceptingProber));
    options.tier = sandbox::Tier::Basic;
    options.processing = (Duration::from_secs(5), Duration::from_secs(30));
    options.log = Some(dir.path().join("log.ndjson"));
    let platform = start(options).await.unwrap();
    let base = format!("http://{}", platform.addr());
    let connected = ADS.connect(connection(base, ADVERTISER, "basic")).unwrap();

    let (sender, receiver) = prepared_files(16);
    let mut request = ShipRequest::new(receiver, (0..ASSETS).map(row).collect());
    request.landing = LandingMode::Off;
    let cover = dir.path().join("cover.png");
    image::RgbImage::new(720, 1280).save(&cover).unwrap();
    let preparer =
        Arc::new(CoverPreparer { folder: dir.path().to_owned(), image: std::fs::read(&cover).unwrap() });
    let journal = Arc::new(Journal::open(&dir.path().join("journal.db"), Wait::Refuse).unwrap());
    let listener = Arc::new(|_: ShipEvent| {});
    let started = Instant::now();
    let shipping = ship(request, connected, preparer, journal, listener, Arc::new(AtomicBool::new(false)));
    let folder = dir.path().to_owned();
    let sending = async move {
        for number in 0..ASSETS {
            assert!(sender.send(prepared(&folder, number)).await);
        }
    };
    let (outcome, ()) = tokio::join!(shipping, sending);
    let took = started.elapsed();
    let deliveries = outcome.unwrap().deliveries;
    let open: Vec<_> =
        deliveries.iter().filter(|delivery| delivery.state != DeliveryState::Published).collect();
    assert!(open.is_empty() && deliveries.len() == ASSETS, "{open:?}");

    let log = std::fs::read_to_string(dir.path().join("log.ndjson")).unwrap();
    let effects = |effect| count(&log, &format!("\"effect\":\"{effect}\""), "");
    assert_eq!((effects("video_created"), effects("ad_created")), (ASSETS, ASSETS));
    let requests = |path| count(&log, path, "\"method\"");
    let (uploads, info) = (requests("file/video/ad/upload/"), requests("file/video/ad/info/"));
    // Only printed: the scenarios with a paused clock check the duration.
    let best = Duration::from_secs_f64(ASSETS as f64 / 150.0 * 60.0);
    println!("{ASSETS} assets: {took:?}, at best {best:?}, {uploads} uploads, {info} infos");
    assert_eq!(count(&log, "\"code\":40100", ""), 0, "throttled");
    assert!(uploads * 100 <= ASSETS * 105, "{uploads} uploads");
    assert!(info * 5 <= ASSETS, "{info} status calls");
    platform.shutdown().await;
}
