//! Thousands of assets at the limits of a tier: the real call limiter before a platform that counts every call.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;

use tokio::time::Instant;

use super::*;
use crate::platform::tiktok_ads::call_limiter::CallLimiter;
use crate::platform::tiktok_ads::{Pauses, Tier};
use crate::platform::{
    Awaited, Call, CallError, Destination, EffectKind, Mutation, OpenedUpload, Platform, Progress, Row,
    SentEffect, Sighting, UploadObserver,
};
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
    /// The ad groups that were read.
    groups: Mutex<HashSet<String>>,
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

impl Destination for MeteredPlatform {
    fn platform(&self) -> &'static dyn Platform {
        self.fake.platform()
    }

    fn origin(&self) -> &str {
        self.fake.origin()
    }

    fn account(&self) -> &str {
        self.fake.account()
    }

    fn check_access(&self) -> Call<'_, ()> {
        Box::pin(self.pass("advertiser/info/", self.fake.check_access()))
    }

    fn send<'a>(
        &'a self,
        mutation: &'a Mutation<'a>,
        name: &'a str,
        opened: Option<&'a OpenedUpload>,
        observer: &'a dyn UploadObserver,
    ) -> Call<'a, String> {
        let endpoint = match mutation {
            Mutation::Upload { .. } => UPLOAD,
            Mutation::Cover(_) => "file/image/ad/upload/",
            Mutation::Creative(_) | Mutation::Publication(_) => CREATE,
        };
        Box::pin(async move {
            let answer = self.pass(endpoint, self.fake.send(mutation, name, opened, observer)).await;
            let open = self.fake.videos_count() - self.fake.ads_count();
            let mut max = self.max_open.lock().unwrap();
            *max = open.max(*max);
            answer
        })
    }

    fn look<'a>(&'a self, sent: &'a SentEffect) -> Call<'a, Sighting> {
        Box::pin(self.pass("file/video/ad/search/", self.fake.look(sent)))
    }

    fn look_for_earlier<'a>(&'a self, unsent: &'a SentEffect) -> Call<'a, Sighting> {
        match unsent.kind {
            // The ads of a group are read once.
            EffectKind::Publication if !self.groups.lock().unwrap().insert(unsent.scope.clone()) => {
                Box::pin(async { Ok(Sighting::Absent { name_is_taken: false }) })
            }
            EffectKind::Publication => Box::pin(self.pass("ad/get/", self.fake.look_for_earlier(unsent))),
            _ => Box::pin(self.pass("file/name/check/", self.fake.look_for_earlier(unsent))),
        }
    }

    fn progress<'a>(&'a self, videos: &'a [Awaited]) -> Call<'a, Vec<Progress>> {
        Box::pin(self.pass(INFO, self.fake.progress(videos)))
    }

    fn videos_per_call(&self) -> usize {
        self.fake.videos_per_call()
    }
}

/// Returns the row of an asset.
fn row(number: usize) -> Row {
    Row::new(u32::try_from(number).unwrap() + 1, format!("{number}.mov"))
        .with("adgroup_id", (number / GROUP).to_string())
        .with("ad_name", format!("ad {number}"))
        .with("landing_page_url", format!("https://good/{}", number % 7))
}

/// Ships `assets` assets, with one ad and one cover each. Returns their deliveries, and how often the run paused.
async fn ship_assets(
    assets: usize,
    scenario: &Scenario,
    platform: Arc<MeteredPlatform>,
) -> (Vec<Delivery>, usize) {
    let (sender, receiver) = prepared_files(16);
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
            assert!(sender.send(prepared).await);
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
        groups: Mutex::default(),
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
    // A first run asks about the name of each upload, too: one call in five.
    assert!(took <= best.mul_f64(1.45), "{summary}");
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
