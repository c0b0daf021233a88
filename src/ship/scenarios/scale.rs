//! Thousands of assets at the limits of a tier: the real call limiter before a platform that counts every call.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

use super::*;
use crate::platform::tiktok_ads::call_limiter::CallLimiter;
use crate::platform::tiktok_ads::{Pauses, Tier};
use crate::platform::{AdsPlatform, Call, CallError, NewAd, RemoteAd, RemoteVideo, UploadObserver};
use crate::rules::{ValidatedAsset, ValidatedCover};
use crate::ship::run::MAX_IN_FLIGHT;

const CREATE: &str = "ad/create/";
const UPLOAD: &str = "file/video/ad/upload/";
const INFO: &str = "file/video/ad/info/";
/// Ads in one ad group, as the platform allows.
const GROUP: usize = 20;

/// The platform's own rate limit: calls per second and per minute, with the published numbers of the basic tier.
#[derive(Default)]
struct RateMeter {
    seen: HashMap<&'static str, VecDeque<Instant>>,
    totals: HashMap<&'static str, usize>,
    refused: usize,
}

impl RateMeter {
    fn admit(&mut self, endpoint: &'static str) -> bool {
        *self.totals.entry(endpoint).or_default() += 1;
        let now = Instant::now();
        let windows: &[(&str, usize, usize)] =
            if endpoint == CREATE { &[("", 10, 600), (CREATE, 5, 150)] } else { &[("", 10, 600)] };
        let fits = windows.iter().all(|(name, second, minute)| {
            let seen = self.seen.entry(name).or_default();
            while seen.front().is_some_and(|then| now - *then >= Duration::from_secs(60)) {
                seen.pop_front();
            }
            let recent = seen.iter().rev().take_while(|then| now - **then < Duration::from_secs(1)).count();
            recent < *second && seen.len() < *minute
        });
        if fits {
            windows.iter().for_each(|(name, ..)| self.seen.entry(name).or_default().push_back(now));
        } else {
            self.refused += 1;
        }
        fits
    }
}

/// The platform in memory behind a limiter of the basic tier, with a rate meter of its own.
struct MeteredPlatform {
    fake: Arc<FakePlatform>,
    gate: CallLimiter,
    meter: Mutex<RateMeter>,
    /// The most videos that were uploaded and had no ad yet.
    max_open: Mutex<usize>,
}

impl MeteredPlatform {
    async fn pass<T>(&self, endpoint: &'static str, call: Call<'_, T>) -> Result<T, CallError> {
        let turn = self.gate.enter(endpoint).await;
        // The latency varies; one call in fifty is very slow.
        let latency_ms = if fastrand::u8(..50) == 0 { 200..900 } else { 5..45 };
        tokio::time::sleep(Duration::from_millis(fastrand::u64(latency_ms))).await;
        if !self.meter.lock().unwrap().admit(endpoint) {
            self.gate.throttled(&turn);
            let message = "too many requests".to_owned();
            let (class, code) = (Class::Throttle, Some(40100));
            return Err(CallError { endpoint, class, code, message, request_id: None });
        }
        let answer = call.await;
        self.gate.passed(&turn);
        answer
    }

    fn total(&self, endpoint: &str) -> usize {
        self.meter.lock().unwrap().totals.get(endpoint).copied().unwrap_or_default()
    }
}

impl AdsPlatform for MeteredPlatform {
    fn origin(&self) -> &str {
        self.fake.origin()
    }

    fn advertiser_id(&self) -> &str {
        self.fake.advertiser_id()
    }

    fn check_access(&self) -> Call<'_, ()> {
        Box::pin(self.pass("advertiser/info/", self.fake.check_access()))
    }

    fn upload_video<'a>(
        &'a self,
        asset: &'a ValidatedAsset,
        name: &'a str,
        log: &'a dyn UploadObserver,
    ) -> Call<'a, String> {
        Box::pin(async move {
            let answer = self.pass(UPLOAD, self.fake.upload_video(asset, name, log)).await;
            let open = self.fake.videos_count() - self.fake.ads_count();
            let mut max = self.max_open.lock().unwrap();
            *max = open.max(*max);
            answer
        })
    }

    fn videos<'a>(&'a self, ids: &'a [String]) -> Call<'a, Vec<RemoteVideo>> {
        Box::pin(self.pass(INFO, self.fake.videos(ids)))
    }

    fn search_videos<'a>(&'a self, name: &'a str) -> Call<'a, Vec<RemoteVideo>> {
        Box::pin(self.pass("file/video/ad/search/", self.fake.search_videos(name)))
    }

    fn name_taken<'a>(&'a self, name: &'a str) -> Call<'a, bool> {
        Box::pin(self.pass("file/name/check/", self.fake.name_taken(name)))
    }

    fn upload_image<'a>(&'a self, cover: &'a ValidatedCover, name: &'a str) -> Call<'a, String> {
        Box::pin(self.pass("file/image/ad/upload/", self.fake.upload_image(cover, name)))
    }

    fn create_ad<'a>(&'a self, ad: &'a NewAd) -> Call<'a, String> {
        Box::pin(self.pass(CREATE, self.fake.create_ad(ad)))
    }

    fn ads_of<'a>(&'a self, adgroup_id: &'a str) -> Call<'a, Vec<RemoteAd>> {
        Box::pin(self.pass("ad/get/", self.fake.ads_of(adgroup_id)))
    }
}

/// Returns the row of an asset.
fn row(number: usize) -> AdRow {
    AdRow {
        row: u32::try_from(number).unwrap() + 1,
        video: format!("{number}.mov").into(),
        adgroup_id: (number / GROUP).to_string(),
        ad_name: format!("ad {number}"),
        landing_page_url: format!("https://good/{}", number % 7),
        ..AdRow::default()
    }
}

/// Ships `assets` assets, with one ad and one cover each. Returns their deliveries, and how often the run paused.
async fn ship_assets(
    assets: usize,
    scenario: &Scenario,
    platform: Arc<MeteredPlatform>,
) -> (Vec<Delivery>, usize) {
    let (sender, receiver) = mpsc::channel(16);
    let request = ShipRequest {
        pages: Arc::new(FakePages),
        crash: CrashPoints::default(),
        ..ShipRequest::new(receiver, (0..assets).map(row).collect())
    };
    let preparer =
        Arc::new(FakePreparer { folder: scenario.dir.path().to_owned(), last: EncodeMode::Planned });
    let paused: Arc<Mutex<usize>> = Arc::default();
    let pauses = paused.clone();
    let listener = Arc::new(move |event| {
        *pauses.lock().unwrap() += usize::from(matches!(event, ShipEvent::Paused { .. }));
    });
    let (journal, cancel) = (scenario.journal.clone(), scenario.cancel.clone());
    let shipping = ship(request, platform, preparer, journal, listener, cancel);
    let sending = async {
        for number in 0..assets {
            let (source, seed) = (format!("{number}.mov"), number.to_string());
            let source_blake3 = format!("source-{seed}");
            let asset = asset(&seed);
            let profile_hash = asset.profile_hash().to_owned();
            let prepared = Prepared { source: source.into(), source_blake3, profile_hash, result: Ok(asset) };
            sender.send(prepared).await.unwrap();
        }
        drop(sender);
    };
    let (outcome, ()) = tokio::join!(shipping, sending);
    let paused = *paused.lock().unwrap();
    (outcome.unwrap().deliveries, paused)
}

/// Ships `assets` assets, and compares time and calls with their bounds.
async fn ship_at_tier_limits(assets: usize, processing: Duration, spread: Duration) {
    let fake = Arc::new(FakePlatform { processing, spread, ..FakePlatform::new() });
    let platform = Arc::new(MeteredPlatform {
        fake: fake.clone(),
        gate: CallLimiter::new(Tier::Basic, Pauses::default(), None),
        meter: Mutex::default(),
        max_open: Mutex::default(),
    });
    // In memory where possible: the test does not measure disk syncs.
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let scenario = Scenario::in_folder(dir.unwrap(), &[]);
    let started = Instant::now();
    let (deliveries, paused) = ship_assets(assets, &scenario, platform.clone()).await;
    let took = started.elapsed();

    assert!(deliveries.iter().all(|delivery| delivery.state == Published));
    assert_eq!((deliveries.len(), fake.videos_count(), fake.ads_count()), (assets, assets, assets));
    let (uploads, info, open) =
        (platform.total(UPLOAD), platform.total(INFO), *platform.max_open.lock().unwrap());
    // The quota allows 150 ads a minute.
    let best = Duration::from_secs_f64(assets as f64 / 150.0 * 60.0);
    let summary = format!("{took:?}, at best {best:?}, {uploads} uploads, {info} infos, at most {open} open");
    assert_eq!((platform.meter.lock().unwrap().refused, paused), (0, 0), "throttled: {summary}");
    assert!(uploads * 100 <= assets * 105, "{summary}");
    assert!(info * 5 <= assets, "{summary}");
    assert!(took <= best.mul_f64(1.3), "{summary}");
    // The number of assets in progress is bounded, and the journal grows only with the number of assets.
    assert!(open <= MAX_IN_FLIGHT, "{summary}");
    let events = scenario.journal.events(u32::MAX).unwrap().len();
    assert!(events <= assets * 20, "{events} events");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_assets_ship_at_the_rate_of_the_tier_without_throttling() {
    ship_at_tier_limits(1_000, Duration::from_secs(20), Duration::from_secs(40)).await;
}

/// The platform processes each video for half a minute to five minutes.
#[tokio::test(start_paused = true)]
#[ignore = "takes half a minute"]
async fn ten_thousand_assets_ship_at_the_rate_of_the_tier_without_throttling() {
    ship_at_tier_limits(10_000, Duration::from_secs(30), Duration::from_secs(270)).await;
}
