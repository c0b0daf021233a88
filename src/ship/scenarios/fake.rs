//! A platform in memory: scripted faults, time of processing, and a call at which the run is cut.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::{ContentHash, Size};
use crate::platform::{AdsPlatform, Call, CallError, Class, NewAd, RemoteAd, RemoteVideo, UploadLog};
use crate::rules::ValidatedAsset;
use crate::ship::landing::LandingError;
use crate::ship::{AssetPreparer, Pages, PrepareError};

#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Refused with this class and code; nothing happened.
    Refuse(Class, i64),
    /// It happened, but the reply is lost.
    LoseReply,
    /// Nothing happened, and nobody can tell.
    LoseRequest,
}

#[derive(Clone, Debug)]
struct Video {
    id: String,
    name: String,
    md5: String,
    size: u64,
    seen_from: Option<Instant>,
    usable: bool,
}

#[derive(Default)]
pub(super) struct World {
    videos: Vec<Video>,
    /// Where each video stands in the list, and the names taken.
    places: HashMap<String, usize>,
    names: HashSet<String>,
    ads: Vec<(String, String, RemoteAd, Instant)>,
    /// One entry a call: method and subject.
    pub(super) log: Vec<String>,
    faults: HashMap<(&'static str, u32), Fault>,
    counts: HashMap<&'static str, u32>,
    /// Contents that are never listed once uploaded.
    pub(super) broken: HashSet<String>,
    /// Contents that are listed, but never displayable.
    pub(super) stuck: HashSet<String>,
    /// Whether the check of names is as late as the lists.
    pub(super) names_lag: bool,
    /// Whether each ad comes into being twice.
    pub(super) twin_ads: bool,
    calls: u32,
    cut_at: Option<(u32, bool)>,
}

pub(super) struct Fake {
    pub(super) world: Mutex<World>,
    pub(super) processing: Duration,
    /// Videos take up to this much longer, each another time.
    pub(super) spread: Duration,
    pub(super) cut: Notify,
}

impl World {
    fn add(&mut self, video: Video) {
        self.places.insert(video.id.clone(), self.videos.len());
        self.names.insert(video.name.clone());
        self.videos.push(video);
    }

    fn video(&self, id: &str) -> Option<&Video> {
        self.places.get(id).and_then(|place| self.videos.get(*place))
    }
}

impl Fake {
    pub(super) fn new() -> Fake {
        let (world, cut) = (Mutex::default(), Notify::new());
        Fake { world, processing: Duration::from_secs(20), spread: Duration::ZERO, cut }
    }

    /// The `nth` call of a method, from 1, meets this fault.
    pub(super) fn fault(&self, method: &'static str, nth: u32, fault: Fault) {
        self.world.lock().unwrap().faults.insert((method, nth), fault);
    }

    /// The `nth` call of any method from now on never answers; `done` tells whether it has its effect.
    pub(super) fn cut_at(&self, nth: u32, done: bool) {
        let mut world = self.world.lock().unwrap();
        world.cut_at = Some((world.calls + nth, done));
    }

    pub(super) fn uncut(&self) {
        self.world.lock().unwrap().cut_at = None;
    }

    pub(super) fn count(&self, method: &str) -> usize {
        self.world.lock().unwrap().log.iter().filter(|line| line.starts_with(method)).count()
    }

    pub(super) fn mutations(&self) -> usize {
        self.count("upload_video") + self.count("upload_image") + self.count("create_ad")
    }

    /// Names of the videos that came into being, one entry each.
    pub(super) fn videos_made(&self) -> Vec<String> {
        self.world.lock().unwrap().videos.iter().map(|video| video.name.clone()).collect()
    }

    /// Names of the ads that came into being, one entry each.
    pub(super) fn ads_made(&self) -> Vec<String> {
        self.world.lock().unwrap().ads.iter().map(|(_, _, ad, _)| ad.ad_name.clone()).collect()
    }

    pub(super) fn videos_count(&self) -> usize {
        self.world.lock().unwrap().videos.len()
    }

    pub(super) fn ads_count(&self) -> usize {
        self.world.lock().unwrap().ads.len()
    }

    /// A second video of the same name and bytes, as no well-behaved client would leave it.
    pub(super) fn duplicate_first_video(&self) {
        let mut world = self.world.lock().unwrap();
        let mut copy = world.videos[0].clone();
        copy.id = "copy".into();
        world.add(copy);
    }

    pub(super) fn make_stale(&self, name_part: &str) {
        for video in &mut self.world.lock().unwrap().videos {
            video.usable &= !video.name.contains(name_part);
        }
    }

    async fn answer<T>(
        &self,
        method: &'static str,
        subject: String,
        effect: impl FnOnce(&mut World) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (cut, answer) = {
            let mut world = self.world.lock().unwrap();
            world.calls += 1;
            world.log.push(format!("{method} {subject}"));
            let count = world.counts.entry(method).or_default();
            *count += 1;
            let nth = *count;
            let cut = world.cut_at.filter(|(at, _)| *at == world.calls);
            let answer = match (cut, world.faults.get(&(method, nth)).copied()) {
                (Some((_, false)), _) => Err(error(method, Class::Unknown, None)),
                (_, Some(Fault::Refuse(class, code))) => Err(error(method, class, Some(code))),
                (_, Some(Fault::LoseRequest)) => Err(error(method, Class::Unknown, None)),
                (_, Some(Fault::LoseReply)) => {
                    let _ = effect(&mut world);
                    Err(error(method, Class::Unknown, None))
                }
                _ => effect(&mut world),
            };
            (cut.is_some(), answer)
        };
        if cut {
            self.cut.notify_one();
            std::future::pending::<()>().await;
        }
        answer
    }
}

fn error(endpoint: &'static str, class: Class, code: Option<i64>) -> CallError {
    CallError { endpoint, class, code, message: format!("scripted {code:?}"), request_id: Some("r1".into()) }
}

fn remote(video: &Video) -> RemoteVideo {
    RemoteVideo {
        video_id: video.id.clone(),
        file_name: Some(video.name.clone()),
        md5: Some(video.md5.clone()),
        size_bytes: Some(video.size),
        width: Some(540),
        height: Some(960),
        displayable: Some(video.usable),
        cover_url: Some("https://cover".into()),
    }
}

fn is_seen(video: &Video) -> bool {
    video.seen_from.is_some_and(|from| from <= Instant::now())
}

impl AdsPlatform for Fake {
    fn origin(&self) -> &str {
        "https://fake"
    }

    fn advertiser_id(&self) -> &str {
        "7"
    }

    fn check_access(&self) -> Call<'_, ()> {
        Box::pin(self.answer("check_access", String::new(), |_| Ok(())))
    }

    fn upload_video<'a>(
        &'a self,
        asset: &'a ValidatedAsset,
        name: &'a str,
        log: &'a dyn UploadLog,
    ) -> Call<'a, String> {
        Box::pin(async move {
            log.sent(asset.content().size_bytes);
            self.answer("upload_video", name.to_owned(), move |world| {
                if world.names.contains(name) {
                    return Err(error("upload_video", Class::ReRead, Some(40911)));
                }
                let content = asset.content();
                let id = format!("v{}", world.videos.len() + 1);
                let broken = world.broken.contains(&content.blake3);
                // Even steps in an order that looks like none.
                let share = world.videos.len() * 619 % 1000;
                let takes = self.processing + self.spread.mul_f64(share as f64 / 1000.0);
                world.add(Video {
                    id: id.clone(),
                    name: name.to_owned(),
                    md5: content.md5.clone(),
                    size: content.size_bytes,
                    seen_from: (!broken).then(|| Instant::now() + takes),
                    usable: !world.stuck.contains(&content.blake3),
                });
                Ok(id)
            })
            .await
        })
    }

    fn videos<'a>(&'a self, ids: &'a [String]) -> Call<'a, Vec<RemoteVideo>> {
        assert!(ids.len() <= 60);
        Box::pin(self.answer("videos", ids.join(","), |world| {
            let asked = ids.iter().filter_map(|id| world.video(id)).filter(|video| is_seen(video));
            Ok(asked.map(remote).collect())
        }))
    }

    fn search_videos<'a>(&'a self, name: &'a str) -> Call<'a, Vec<RemoteVideo>> {
        Box::pin(self.answer("search_videos", name.to_owned(), move |world| {
            // Fuzzy: every video is a hit.
            Ok(world.videos.iter().filter(|video| is_seen(video)).map(remote).collect())
        }))
    }

    fn name_taken<'a>(&'a self, name: &'a str) -> Call<'a, bool> {
        Box::pin(self.answer("name_taken", name.to_owned(), move |world| {
            // The check of names sees at once what lists show late, unless told otherwise.
            Ok(world.videos.iter().any(|video| video.name == name && (!world.names_lag || is_seen(video))))
        }))
    }

    fn upload_image<'a>(&'a self, path: &'a Path, name: &'a str) -> Call<'a, String> {
        assert!(path.is_file());
        Box::pin(self.answer("upload_image", name.to_owned(), move |_| Ok(format!("image-{name}"))))
    }

    fn create_ad<'a>(&'a self, ad: &'a NewAd) -> Call<'a, String> {
        Box::pin(self.answer("create_ad", ad.ad_name.clone(), |world| {
            let video = world.video(&ad.video_id);
            if !video.is_some_and(|video| is_seen(video) && video.usable) {
                return Err(error("create_ad", Class::ReRead, Some(40053)));
            }
            let id = format!("a{}", world.ads.len() + 1);
            let remote = RemoteAd {
                ad_id: id.clone(),
                ad_name: ad.ad_name.clone(),
                video_id: Some(ad.video_id.clone()),
            };
            let seen_from = Instant::now() + self.processing;
            if world.twin_ads {
                let twin = RemoteAd { ad_id: format!("{id}-twin"), ..remote.clone() };
                world.ads.push((ad.adgroup_id.clone(), ad.image_id.clone(), twin, seen_from));
            }
            world.ads.push((ad.adgroup_id.clone(), ad.image_id.clone(), remote, seen_from));
            Ok(id)
        }))
    }

    fn ads_of<'a>(&'a self, adgroup_id: &'a str) -> Call<'a, Vec<RemoteAd>> {
        Box::pin(self.answer("ads_of", adgroup_id.to_owned(), move |world| {
            let now = Instant::now();
            let ads = world.ads.iter().filter(|(group, _, _, seen)| group == adgroup_id && *seen <= now);
            Ok(ads.map(|(_, _, ad, _)| ad.clone()).collect())
        }))
    }
}

/// An asset whose content is told by `seed`.
pub(super) fn asset(seed: &str) -> ValidatedAsset {
    let content = ContentHash {
        blake3: blake3::hash(seed.as_bytes()).to_hex().to_string(),
        md5: blake3::hash(seed.as_bytes()).to_hex()[..32].to_owned(),
        size_bytes: 1000,
    };
    let size = Size { width: 540, height: 960 };
    ValidatedAsset::for_test(PathBuf::from(format!("{seed}.mp4")), content, size)
}

/// Makes `stem@2` of `stem.mov` by recipe 2, and so on to `last`.
pub(super) struct FakePreparer {
    pub(super) folder: PathBuf,
    pub(super) last: u32,
}

impl AssetPreparer for FakePreparer {
    fn make(&self, source: &Path, recipe: u32) -> Result<ValidatedAsset, PrepareError> {
        if recipe > self.last {
            return Err(PrepareError::Refused("no recipe is left".into()));
        }
        Ok(asset(&format!("{}@{recipe}", source.file_stem().unwrap().to_string_lossy())))
    }

    fn cover(&self, asset: &ValidatedAsset) -> Result<PathBuf, PrepareError> {
        let stem = asset.path().file_stem().unwrap().to_string_lossy();
        let path = self.folder.join(format!("cover-{stem}.png"));
        std::fs::write(&path, format!("PNG {stem}")).unwrap();
        Ok(path)
    }

    fn judge_cover(&self, path: &Path, _asset: &ValidatedAsset) -> Result<(), PrepareError> {
        let bad = path.to_string_lossy().contains("bad");
        if bad {
            Err(PrepareError::Refused("its aspect ratio is not that of the video".into()))
        } else {
            Ok(())
        }
    }
}

/// Every page answers but those that say `bad`.
pub(super) struct Web;

impl Pages for Web {
    fn visit<'a>(
        &'a self,
        url: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), LandingError>> + Send + 'a>> {
        Box::pin(async move {
            if url.contains("bad") {
                return Err(LandingError::Status { url: url.to_owned(), status: 404 });
            }
            Ok(())
        })
    }
}
