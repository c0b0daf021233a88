//! A platform in memory with scripted faults, processing times and a call at which the run is cut.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::{ContentHash, Size};
use crate::plan::EncodeMode;
use crate::platform::{
    Awaited, Call, CallError, Class, Destination, EffectKind, Mutation, NewPublication, OpenedUpload,
    Platform, Progress, SentEffect, Sighting, UploadObserver,
};
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
    listed_from: Option<Instant>,
    usable: bool,
}

#[derive(Debug)]
pub(super) struct Image {
    id: String,
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    listed_from: Instant,
}

#[derive(Clone, Debug)]
pub(super) struct Ad {
    id: String,
    group: String,
    name: String,
    video_id: String,
    listed_from: Instant,
}

#[derive(Default)]
pub(super) struct FakeState {
    videos: Vec<Video>,
    /// The index of each video in `videos`.
    index_by_id: HashMap<String, usize>,
    /// The names that are taken.
    names: HashSet<String>,
    pub(super) ads: Vec<Ad>,
    pub(super) images: Vec<Image>,
    /// The names of the creatives.
    pub(super) creatives: Vec<String>,
    /// The creative that each ad shows.
    pub(super) shown: Vec<Option<String>>,
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
    /// Whether each ad shows a creative that is created before it.
    pub(super) has_creative: bool,
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
        FakePlatform {
            state,
            processing: Duration::from_secs(20),
            has_creative: false,
            spread: Duration::ZERO,
            cut,
        }
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
        self.state.lock().unwrap().ads.iter().map(|ad| ad.name.clone()).collect()
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

fn is_listed(video: &Video) -> bool {
    video.listed_from.is_some_and(|from| from <= Instant::now())
}

/// Returns what entries of one name show: (id, whether it is ours).
fn sighting(mut entries: Vec<(String, bool)>, what: &str, sent: &SentEffect) -> Option<Sighting> {
    entries.sort();
    entries.dedup();
    match entries.as_slice() {
        [] => None,
        [(id, true)] => Some(Sighting::Done(id.clone())),
        others if sent.was_refused && others.iter().all(|(_, ours)| !ours) => Some(Sighting::NameOfOther),
        several => Some(Sighting::Ambiguous(
            several
                .iter()
                .map(|(id, ours)| {
                    format!(
                        "{what} {id} has that name and {}",
                        if *ours { "these bytes" } else { "other bytes" }
                    )
                })
                .collect(),
        )),
    }
}

impl FakePlatform {
    pub(super) async fn upload_video(
        &self,
        asset: &ValidatedAsset,
        name: &str,
        log: &dyn UploadObserver,
    ) -> Result<String, CallError> {
        log.sent(asset.content().size_bytes);
        self.answer("upload_video", name.to_owned(), move |state| {
            if state.names.contains(name) {
                return Err(error("upload_video", Class::NameTaken, Some(40911)));
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
                listed_from: (!broken).then(|| Instant::now() + takes),
                usable: !state.stuck.contains(&content.blake3),
            });
            Ok(id)
        })
        .await
    }

    async fn upload_image(&self, cover: &ValidatedCover, name: &str) -> Result<String, CallError> {
        self.answer("upload_image", name.to_owned(), move |state| {
            if state.images.iter().any(|image| image.name == name) {
                return Err(error("upload_image", Class::NameTaken, Some(40911)));
            }
            let id = format!("image-{name}");
            let bytes = cover.image().bytes().to_vec();
            let listed_from = Instant::now() + self.processing;
            state.images.push(Image { id: id.clone(), name: name.to_owned(), bytes, listed_from });
            Ok(id)
        })
        .await
    }

    async fn create_ad(&self, ad: &NewPublication<'_>) -> Result<String, CallError> {
        self.answer("create_ad", ad.row.text("ad_name").to_owned(), |state| {
            let video = state.video(ad.video_id);
            if !video.is_some_and(|video| is_listed(video) && video.usable) {
                return Err(error("create_ad", Class::ReRead, Some(40053)));
            }
            let id = format!("a{}", state.ads.len() + 1);
            state.shown.push(ad.creative_id.map(str::to_owned));
            let new = Ad {
                id: id.clone(),
                group: ad.row.text("adgroup_id").to_owned(),
                name: ad.row.text("ad_name").to_owned(),
                video_id: ad.video_id.to_owned(),
                listed_from: Instant::now() + self.processing,
            };
            if state.duplicate_ads {
                state.ads.push(Ad { id: format!("{id}-copy"), ..new.clone() });
            }
            state.ads.push(new);
            Ok(id)
        })
        .await
    }

    async fn create_creative(&self, new: &NewPublication<'_>) -> Result<String, CallError> {
        let name = new.row.text("ad_name").to_owned();
        self.answer("create_creative", name.clone(), |state| {
            state.creatives.push(name);
            Ok(format!("creative-{}", state.creatives.len()))
        })
        .await
    }

    async fn find_creative(&self, sent: &SentEffect) -> Result<Sighting, CallError> {
        self.answer("creatives", sent.name.clone(), |state| {
            let at = state.creatives.iter().position(|name| *name == sent.name);
            let absent = Sighting::Absent { name_is_taken: false };
            Ok(at.map_or(absent, |at| Sighting::Done(format!("creative-{}", at + 1))))
        })
        .await
    }

    /// Looks for an upload: both the list and the name are read.
    async fn find_video(&self, sent: &SentEffect) -> Result<Sighting, CallError> {
        let listed = self.answer("search_videos", sent.name.clone(), |state| {
            let named = state.videos.iter().filter(|video| video.name == sent.name && is_listed(video));
            Ok(named.map(|video| (video.id.clone(), Some(&video.md5) == sent.md5.as_ref())).collect())
        });
        match sighting(listed.await?, "video", sent) {
            Some(sighting) => Ok(sighting),
            None => self.has_name(sent).await,
        }
    }

    /// Asks whether a name is taken.
    async fn has_name(&self, sent: &SentEffect) -> Result<Sighting, CallError> {
        self.answer("name_taken", sent.name.clone(), |state| {
            // By default the name check shows at once what the lists show late.
            let is_shown = |video: &&Video| !state.name_check_is_late || is_listed(video);
            let name_is_taken = match sent.kind {
                EffectKind::Cover => state.images.iter().any(|image| image.name == sent.name),
                _ => state.videos.iter().filter(is_shown).any(|video| video.name == sent.name),
            };
            Ok(Sighting::Absent { name_is_taken })
        })
        .await
    }

    async fn find_image(&self, sent: &SentEffect) -> Result<Sighting, CallError> {
        let listed = self.answer("search_images", sent.name.clone(), |state| {
            let now = Instant::now();
            let named =
                state.images.iter().filter(|image| image.name == sent.name && image.listed_from <= now);
            Ok(named.map(|image| (image.id.clone(), true)).collect())
        });
        match sighting(listed.await?, "image", sent) {
            Some(sighting) => Ok(sighting),
            None => self.has_name(sent).await,
        }
    }

    async fn find_ad(&self, sent: &SentEffect) -> Result<Sighting, CallError> {
        let listed = self.answer("ads_of", sent.scope.clone(), |state| {
            let now = Instant::now();
            let named = state
                .ads
                .iter()
                .filter(|ad| ad.group == sent.scope && ad.name == sent.name && ad.listed_from <= now);
            let is_ours = |ad: &Ad| Some(&ad.video_id) == sent.video_id.as_ref();
            Ok(named.map(|ad| (ad.id.clone(), is_ours(ad))).collect())
        });
        let nothing = Sighting::Absent { name_is_taken: false };
        Ok(sighting(listed.await?, "ad", sent).unwrap_or(nothing))
    }
}

impl Destination for FakePlatform {
    fn platform(&self) -> &'static dyn Platform {
        // Rows and words are those of ads.
        &crate::platform::tiktok_ads::ADS
    }

    fn origin(&self) -> &str {
        "https://fake"
    }

    fn account(&self) -> &str {
        "7"
    }

    fn check_access(&self) -> Call<'_, ()> {
        Box::pin(self.answer("check_access", String::new(), |_| Ok(())))
    }

    fn send<'a>(
        &'a self,
        mutation: &'a Mutation<'a>,
        name: &'a str,
        _opened: Option<&'a OpenedUpload>,
        observer: &'a dyn UploadObserver,
    ) -> Call<'a, String> {
        match mutation {
            Mutation::Upload { asset, .. } => Box::pin(self.upload_video(asset, name, observer)),
            Mutation::Cover(cover) => Box::pin(self.upload_image(cover, name)),
            Mutation::Creative(new) => Box::pin(self.create_creative(new)),
            Mutation::Publication(ad) => Box::pin(self.create_ad(ad)),
        }
    }

    fn look<'a>(&'a self, sent: &'a SentEffect) -> Call<'a, Sighting> {
        match sent.kind {
            EffectKind::Cover => Box::pin(self.find_image(sent)),
            EffectKind::Creative => Box::pin(self.find_creative(sent)),
            EffectKind::Publication => Box::pin(self.find_ad(sent)),
            EffectKind::Upload | EffectKind::Post => Box::pin(self.find_video(sent)),
        }
    }

    fn look_for_earlier<'a>(&'a self, unsent: &'a SentEffect) -> Call<'a, Sighting> {
        match unsent.kind {
            EffectKind::Publication => Box::pin(self.find_ad(unsent)),
            _ => Box::pin(self.has_name(unsent)),
        }
    }

    fn progress<'a>(&'a self, videos: &'a [Awaited]) -> Call<'a, Vec<Progress>> {
        assert!(videos.len() <= 60);
        let ids: Vec<&str> = videos.iter().map(|video| video.id.as_str()).collect();
        Box::pin(self.answer("videos", ids.join(","), move |state| {
            let progress = |awaited: &Awaited| match state.video(&awaited.id).filter(|video| is_listed(video))
            {
                None => Progress::Unlisted,
                Some(video) if video.usable && video.md5 == awaited.md5 => Progress::Ready,
                Some(_) => Progress::Processing("listed, not displayable"),
            };
            Ok(videos.iter().map(progress).collect())
        }))
    }

    fn videos_per_call(&self) -> usize {
        60
    }

    fn has_creative(&self) -> bool {
        self.has_creative
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
