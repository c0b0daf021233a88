//! A platform in memory with scripted faults, processing times and a call at which the run is cut.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::{ContentHash, Size};
use crate::plan::EncodeMode;
use crate::platform::{AdsPlatform, Call, CallError, Class, NewAd, RemoteAd, RemoteVideo, UploadObserver};
use crate::rules::{CoverImage, ValidatedAsset, ValidatedCover};
use crate::ship::landing::LandingError;
use crate::ship::{AssetPreparer, PageVisitor, PrepareError};

#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Refused with this class and code; nothing happened.
    Refuse(Class, i64),
    /// The reply is a page that is not from the API.
    Page,
    /// It happened, but the reply is lost.
    LoseReply,
    /// Nothing happened, and the client cannot tell.
    LoseRequest,
}

#[derive(Clone, Debug)]
struct Video {
    id: String,
    name: String,
    md5: String,
    size: u64,
    listed_from: Option<Instant>,
    usable: bool,
}

#[derive(Default)]
pub(super) struct FakeState {
    videos: Vec<Video>,
    /// The index of each video in `videos`.
    index_by_id: HashMap<String, usize>,
    /// The names that are taken.
    names: HashSet<String>,
    ads: Vec<(String, String, RemoteAd, Instant)>,
    /// The bytes of the uploaded images.
    pub(super) images: Vec<Vec<u8>>,
    /// One entry per call: method and subject.
    pub(super) log: Vec<String>,
    faults: HashMap<(&'static str, u32), Fault>,
    counts: HashMap<&'static str, u32>,
    /// Contents that are never listed once uploaded.
    pub(super) broken: HashSet<String>,
    /// Contents that are listed, but never displayable.
    pub(super) stuck: HashSet<String>,
    /// Whether the name check shows videos as late as the lists.
    pub(super) name_check_is_late: bool,
    /// Whether each ad is created twice.
    pub(super) duplicate_ads: bool,
    calls: u32,
    cut_at: Option<(u32, bool)>,
}

pub(super) struct FakePlatform {
    pub(super) state: Mutex<FakeState>,
    pub(super) processing: Duration,
    /// Processing takes up to this much longer, different for each video.
    pub(super) spread: Duration,
    pub(super) cut: Notify,
}

impl FakeState {
    fn add(&mut self, video: Video) {
        self.index_by_id.insert(video.id.clone(), self.videos.len());
        self.names.insert(video.name.clone());
        self.videos.push(video);
    }

    fn video(&self, id: &str) -> Option<&Video> {
        self.index_by_id.get(id).and_then(|index| self.videos.get(*index))
    }
}

impl FakePlatform {
    pub(super) fn new() -> FakePlatform {
        let (state, cut) = (Mutex::default(), Notify::new());
        FakePlatform { state, processing: Duration::from_secs(20), spread: Duration::ZERO, cut }
    }

    /// Injects a fault into the `nth` call of a method, from 1.
    pub(super) fn fault(&self, method: &'static str, nth: u32, fault: Fault) {
        self.state.lock().unwrap().faults.insert((method, nth), fault);
    }

    /// Lets the `nth` call of any method from now on never answer; `done`: whether it has its effect.
    pub(super) fn cut_at(&self, nth: u32, done: bool) {
        let mut state = self.state.lock().unwrap();
        state.cut_at = Some((state.calls + nth, done));
    }

    /// Adds a video of somebody else that has this name and other bytes.
    pub(super) fn add_foreign_video(&self, name: &str) {
        self.state.lock().unwrap().add(Video {
            id: "foreign".to_owned(),
            name: name.to_owned(),
            md5: "0".repeat(32),
            size: 1,
            listed_from: Some(Instant::now()),
            usable: true,
        });
    }

    pub(super) fn clear_cut(&self) {
        self.state.lock().unwrap().cut_at = None;
    }

    pub(super) fn clear_faults(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    pub(super) fn count(&self, method: &str) -> usize {
        self.state.lock().unwrap().log.iter().filter(|line| line.starts_with(method)).count()
    }

    pub(super) fn mutations(&self) -> usize {
        self.count("upload_video") + self.count("upload_image") + self.count("create_ad")
    }

    /// Returns the names of the created videos.
    pub(super) fn video_names(&self) -> Vec<String> {
        self.state.lock().unwrap().videos.iter().map(|video| video.name.clone()).collect()
    }

    /// Returns the names of the created ads.
    pub(super) fn ad_names(&self) -> Vec<String> {
        self.state.lock().unwrap().ads.iter().map(|(_, _, ad, _)| ad.ad_name.clone()).collect()
    }

    pub(super) fn videos_count(&self) -> usize {
        self.state.lock().unwrap().videos.len()
    }

    pub(super) fn ads_count(&self) -> usize {
        self.state.lock().unwrap().ads.len()
    }

    /// Adds a second video with the same name and bytes, which a correct client never creates.
    pub(super) fn duplicate_first_video(&self) {
        let mut state = self.state.lock().unwrap();
        let mut copy = state.videos[0].clone();
        copy.id = "copy".into();
        state.add(copy);
    }

    pub(super) fn make_unusable(&self, name_part: &str) {
        for video in &mut self.state.lock().unwrap().videos {
            video.usable &= !video.name.contains(name_part);
        }
    }

    async fn answer<T>(
        &self,
        method: &'static str,
        subject: String,
        effect: impl FnOnce(&mut FakeState) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (cut, answer) = {
            let mut state = self.state.lock().unwrap();
            state.calls += 1;
            state.log.push(format!("{method} {subject}"));
            let count = state.counts.entry(method).or_default();
            *count += 1;
            let nth = *count;
            let cut = state.cut_at.filter(|(at, _)| *at == state.calls);
            let answer = match (cut, state.faults.get(&(method, nth)).copied()) {
                (Some((_, false)), _) => Err(error(method, Class::Unknown, None)),
                (_, Some(Fault::Refuse(class, code))) => Err(error(method, class, Some(code))),
                (_, Some(Fault::Page)) => Err(error(method, Class::Configuration, None)),
                (_, Some(Fault::LoseRequest)) => Err(error(method, Class::Unknown, None)),
                (_, Some(Fault::LoseReply)) => {
                    let _ = effect(&mut state);
                    Err(error(method, Class::Unknown, None))
                }
                _ => effect(&mut state),
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

fn is_listed(video: &Video) -> bool {
    video.listed_from.is_some_and(|from| from <= Instant::now())
}

impl AdsPlatform for FakePlatform {
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
        log: &'a dyn UploadObserver,
    ) -> Call<'a, String> {
        Box::pin(async move {
            log.sent(asset.content().size_bytes);
            self.answer("upload_video", name.to_owned(), move |state| {
                if state.names.contains(name) {
                    return Err(error("upload_video", Class::ReRead, Some(40911)));
                }
                let content = asset.content();
                let id = format!("v{}", state.videos.len() + 1);
                let broken = state.broken.contains(&content.blake3);
                // Evenly spaced processing times in a shuffled order.
                let permille = state.videos.len() * 619 % 1000;
                let takes = self.processing + self.spread.mul_f64(permille as f64 / 1000.0);
                state.add(Video {
                    id: id.clone(),
                    name: name.to_owned(),
                    md5: content.md5.clone(),
                    size: content.size_bytes,
                    listed_from: (!broken).then(|| Instant::now() + takes),
                    usable: !state.stuck.contains(&content.blake3),
                });
                Ok(id)
            })
            .await
        })
    }

    fn videos<'a>(&'a self, ids: &'a [String]) -> Call<'a, Vec<RemoteVideo>> {
        assert!(ids.len() <= 60);
        Box::pin(self.answer("videos", ids.join(","), |state| {
            let listed = ids.iter().filter_map(|id| state.video(id)).filter(|video| is_listed(video));
            Ok(listed.map(remote).collect())
        }))
    }

    fn search_videos<'a>(&'a self, name: &'a str) -> Call<'a, Vec<RemoteVideo>> {
        Box::pin(self.answer("search_videos", name.to_owned(), move |state| {
            // A fuzzy search: every video matches.
            Ok(state.videos.iter().filter(|video| is_listed(video)).map(remote).collect())
        }))
    }

    fn name_taken<'a>(&'a self, name: &'a str) -> Call<'a, bool> {
        Box::pin(self.answer("name_taken", name.to_owned(), move |state| {
            // By default the name check shows at once what the lists show late.
            Ok(state
                .videos
                .iter()
                .any(|video| video.name == name && (!state.name_check_is_late || is_listed(video))))
        }))
    }

    fn upload_image<'a>(&'a self, cover: &'a ValidatedCover, name: &'a str) -> Call<'a, String> {
        Box::pin(self.answer("upload_image", name.to_owned(), move |state| {
            state.images.push(cover.image().bytes().to_vec());
            Ok(format!("image-{name}"))
        }))
    }

    fn create_ad<'a>(&'a self, ad: &'a NewAd) -> Call<'a, String> {
        Box::pin(self.answer("create_ad", ad.ad_name.clone(), |state| {
            let video = state.video(&ad.video_id);
            if !video.is_some_and(|video| is_listed(video) && video.usable) {
                return Err(error("create_ad", Class::ReRead, Some(40053)));
            }
            let id = format!("a{}", state.ads.len() + 1);
            let remote = RemoteAd {
                ad_id: id.clone(),
                ad_name: ad.ad_name.clone(),
                video_id: Some(ad.video_id.clone()),
            };
            let listed_from = Instant::now() + self.processing;
            if state.duplicate_ads {
                let copy = RemoteAd { ad_id: format!("{id}-copy"), ..remote.clone() };
                state.ads.push((ad.adgroup_id.clone(), ad.image_id.clone(), copy, listed_from));
            }
            state.ads.push((ad.adgroup_id.clone(), ad.image_id.clone(), remote, listed_from));
            Ok(id)
        }))
    }

    fn ads_of<'a>(&'a self, adgroup_id: &'a str) -> Call<'a, Vec<RemoteAd>> {
        Box::pin(self.answer("ads_of", adgroup_id.to_owned(), move |state| {
            let now = Instant::now();
            let ads = state.ads.iter().filter(|(group, _, _, seen)| group == adgroup_id && *seen <= now);
            Ok(ads.map(|(_, _, ad, _)| ad.clone()).collect())
        }))
    }
}

/// Returns an asset whose content is derived from `seed`.
pub(super) fn asset(seed: &str) -> ValidatedAsset {
    let content = ContentHash {
        blake3: blake3::hash(seed.as_bytes()).to_hex().to_string(),
        md5: blake3::hash(seed.as_bytes()).to_hex()[..32].to_owned(),
        size_bytes: 1000,
    };
    let size = Size { width: 540, height: 960 };
    ValidatedAsset::for_test(PathBuf::from(format!("{seed}.mp4")), content, size)
}

/// Prepares `stem@2` from `stem.mov` in encode mode 2, and so on up to mode `last`.
pub(super) struct FakePreparer {
    pub(super) folder: PathBuf,
    pub(super) last: EncodeMode,
}

impl AssetPreparer for FakePreparer {
    fn prepare(&self, source: &Path, encode_mode: EncodeMode) -> Result<ValidatedAsset, PrepareError> {
        if encode_mode.number() > self.last.number() {
            return Err(PrepareError::Refused("no encode mode is left".into()));
        }
        Ok(asset(&format!("{}@{}", source.file_stem().unwrap().to_string_lossy(), encode_mode.number())))
    }

    fn cover(&self, asset: &ValidatedAsset) -> Result<ValidatedCover, PrepareError> {
        let stem = asset.path().file_stem().unwrap().to_string_lossy();
        let path = self.folder.join(format!("cover-{stem}.png"));
        Ok(ValidatedCover::for_test(&path, format!("PNG {stem}").into_bytes()))
    }

    fn check_cover(
        &self,
        image: CoverImage,
        _asset: &ValidatedAsset,
    ) -> Result<ValidatedCover, PrepareError> {
        let path = image.path().to_owned();
        if path.to_string_lossy().contains("bad") {
            return Err(PrepareError::Refused("its aspect ratio is not that of the video".into()));
        }
        if path.to_string_lossy().contains("replaced") {
            std::fs::write(&path, "an unchecked image").unwrap();
        }
        Ok(ValidatedCover::for_test(&path, image.bytes().to_vec()))
    }
}

/// Landing pages that all answer, except those with `bad` in their address.
pub(super) struct FakePages;

impl PageVisitor for FakePages {
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
