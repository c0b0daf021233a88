//! Tests that every destination keeps the contract of the port, against the sandbox over real HTTP.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::time::Duration;

use greenlit::platform::registry::PLATFORMS;
use greenlit::platform::{
    Awaited, CallError, Class, Connection, Destination, EffectKind, Mutation, MutationOutcome,
    NewPublication, OpenedUpload, Platform, Progress, PublicationTime, Row, SentEffect, Sighting,
};
use greenlit::rules::{ValidatedAsset, ValidatedCover};
use greenlit::sandbox::{ADGROUP, Fault, IDENTITY, SandboxOptions, TOKEN, Tier};
use secrecy::SecretString;

#[path = "common/accepting_prober.rs"]
mod accepting_prober;
#[path = "common/connection.rs"]
mod connection;
#[path = "common/in_process_sandbox.rs"]
mod in_process_sandbox;
use accepting_prober::AcceptingProber;
use connection::connection;
use in_process_sandbox::{InProcessSandbox, validated_cover};

/// The most calls until something is listed or ready.
const MAX_LOOKS: u32 = 20;

/// A destination in one of its modes, and the sandbox that stands in for it.
struct Bench {
    platform: &'static dyn Platform,
    mode: Option<&'static str>,
    sandbox: InProcessSandbox,
    connected: Arc<dyn Destination>,
}

/// Returns options of a clock that runs two hundred times faster.
fn fast(faults: Vec<Fault>) -> impl FnOnce(&mut SandboxOptions) {
    |options| {
        options.processing = (Duration::from_secs(1), Duration::from_secs(2));
        options.time_scale = 200.0;
        options.tier = Tier::Ultimate;
        options.faults = faults;
    }
}

/// Returns a bench for each destination in each of its modes.
async fn benches() -> Vec<Bench> {
    let mut benches = Vec::new();
    for platform in PLATFORMS.iter().copied() {
        let modes: Vec<Option<&str>> = platform.modes().iter().copied().map(Some).collect();
        for mode in if modes.is_empty() { vec![None] } else { modes } {
            let sandbox = InProcessSandbox::start(AcceptingProber, fast(Vec::new())).await;
            let connected = connect(platform, mode, &sandbox, TOKEN);
            benches.push(Bench { platform, mode, sandbox, connected });
        }
    }
    benches
}

fn connect(
    platform: &'static dyn Platform,
    mode: Option<&'static str>,
    sandbox: &InProcessSandbox,
    token: &str,
) -> Arc<dyn Destination> {
    let (base_url, account) = platform.trial(&sandbox.server.addr().to_string(), sandbox.dir.path());
    let token = platform.defaults().token_env.map(|_| SecretString::from(token));
    platform.connect(Connection { mode, token, ..connection(base_url, account, "ultimate") }).unwrap()
}

impl Bench {
    /// Returns whether the sandbox stands in for it, which can lose replies.
    fn has_network(&self) -> bool {
        self.platform.defaults().token_env.is_some()
    }

    fn name(&self) -> String {
        format!("{} {:?}", self.platform.id(), self.mode)
    }

    /// Restarts the sandbox with these faults, and connects anew.
    async fn restarted(self, faults: Vec<Fault>) -> Bench {
        let Bench { platform, mode, sandbox, connected } = self;
        drop(connected);
        let sandbox = sandbox.restart(AcceptingProber, fast(faults)).await;
        let connected = connect(platform, mode, &sandbox, TOKEN);
        Bench { platform, mode, sandbox, connected }
    }

    fn asset(&self) -> ValidatedAsset {
        self.sandbox.asset("video.mp4", &[7; 4000])
    }

    fn cover(&self) -> ValidatedCover {
        let path = self.sandbox.dir.path().join("cover.png");
        image::RgbImage::new(720, 1280).save(&path).unwrap();
        validated_cover(&path, std::fs::read(&path).unwrap())
    }

    /// Returns a row with every column of the destination.
    fn row(&self, asset: &ValidatedAsset) -> Row {
        let columns = self.platform.columns().iter().copied();
        columns.fold(Row::new(1, asset.path()), |row, column| row.with(column, sample(column)))
    }

    fn upload_kind(&self) -> EffectKind {
        match self.platform.publication_time() {
            PublicationTime::AfterReadiness => EffectKind::Upload,
            PublicationTime::WithUpload => EffectKind::Post,
        }
    }

    fn sent_upload(&self, asset: &ValidatedAsset, opened: Option<&OpenedUpload>) -> SentEffect {
        SentEffect {
            md5: Some(asset.content().md5.clone()),
            size_bytes: Some(asset.content().size_bytes),
            token: opened.map(|opened| opened.token.clone()),
            ..effect(self.upload_kind(), "video-0123.mp4")
        }
    }

    async fn open(&self, mutation: &Mutation<'_>) -> Option<OpenedUpload> {
        self.connected.open(mutation).await.unwrap()
    }

    async fn send(
        &self,
        mutation: &Mutation<'_>,
        sent: &SentEffect,
        opened: Option<&OpenedUpload>,
    ) -> Result<String, CallError> {
        self.connected.send(mutation, &sent.name, opened, &|_| {}).await
    }

    /// Looks until the effect is listed.
    async fn found(&self, sent: &SentEffect) -> Sighting {
        for _ in 0..MAX_LOOKS {
            match self.connected.look(sent).await.unwrap() {
                Sighting::Absent { .. } => tokio::time::sleep(Duration::from_millis(50)).await,
                seen => return seen,
            }
        }
        panic!("{}: not listed: {sent:?}", self.name());
    }

    /// Waits until an upload is ready or published.
    async fn finished(&self, asset: &ValidatedAsset, id: &str) -> Progress {
        let awaited = [Awaited { id: id.to_owned(), md5: asset.content().md5.clone() }];
        for _ in 0..MAX_LOOKS {
            let seen = self.connected.progress(&awaited).await.unwrap().remove(0);
            if !matches!(seen, Progress::Unlisted | Progress::Processing(_)) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{}: still processing: {id}", self.name());
    }
}

fn effect(kind: EffectKind, name: &str) -> SentEffect {
    SentEffect {
        kind,
        scope: String::new(),
        name: name.to_owned(),
        md5: None,
        size_bytes: None,
        token: None,
        video_id: None,
        was_refused: false,
    }
}

fn sent_cover(cover: &ValidatedCover) -> SentEffect {
    let content = cover.image().content();
    SentEffect {
        md5: Some(content.md5.clone()),
        size_bytes: Some(content.size_bytes),
        ..effect(EffectKind::Cover, "cover-0123.png")
    }
}

/// Returns a text that the sandbox accepts in a column.
fn sample(column: &str) -> &'static str {
    match column {
        "adgroup_id" => ADGROUP,
        "identity_id" => IDENTITY,
        "identity_type" => "CUSTOMIZED_USER",
        "identity_authorized_bc_id" => "",
        "call_to_action" => "LEARN_MORE",
        "landing_page_url" => "https://example.com/",
        "privacy_level" => "SELF_ONLY",
        "cover_at_s" => "1",
        "ad_name" | "ad_text" | "display_name" | "title" => "Spring",
        _ => "false",
    }
}

#[tokio::test]
async fn grants_access_to_the_stand_in_and_stops_the_run_for_a_wrong_token() {
    for bench in benches().await {
        bench.connected.check_access().await.unwrap();
        let (_, account) = bench.platform.trial("", bench.sandbox.dir.path());
        assert_eq!(bench.connected.account(), bench.platform.account_in_keys(&account, bench.mode));
        if bench.has_network() {
            let origin = bench.connected.origin();
            assert!(origin.starts_with("http://127.0.0.1:"), "{origin}");
            let stranger = connect(bench.platform, bench.mode, &bench.sandbox, "another-token");
            let error = stranger.check_access().await.unwrap_err();
            assert_eq!(error.class.mutation_outcome(), MutationOutcome::Stop, "{}: {error}", bench.name());
            assert!(bench.connected.time().is_some(), "{}: the platform's clock", bench.name());
        }
    }
}

#[tokio::test]
async fn an_upload_becomes_ready_or_published_and_is_found() {
    for bench in benches().await {
        let asset = bench.asset();
        let row = bench.row(&asset);
        bench.connected.check_access().await.unwrap();
        bench.connected.allows(&asset, &row).unwrap();
        let mutation = Mutation::Upload { asset: &asset, row: &row };
        let opened = bench.open(&mutation).await;
        let sent = bench.sent_upload(&asset, opened.as_ref());
        let id = bench.send(&mutation, &sent, opened.as_ref()).await.unwrap();
        match (bench.finished(&asset, &id).await, bench.platform.publication_time()) {
            (Progress::Ready, PublicationTime::AfterReadiness)
            | (Progress::Published { .. }, PublicationTime::WithUpload) => {}
            (other, _) => panic!("{}: {other:?}", bench.name()),
        }
        assert_eq!(bench.found(&sent).await, Sighting::Done(id), "{}", bench.name());
    }
}

#[tokio::test]
async fn a_lost_reply_leaves_the_outcome_unknown_and_the_upload_is_found() {
    for bench in benches().await.into_iter().filter(Bench::has_network) {
        let asset = bench.asset();
        let row = bench.row(&asset);
        let mutation = Mutation::Upload { asset: &asset, row: &row };
        let opened = bench.open(&mutation).await;
        let sent = bench.sent_upload(&asset, opened.as_ref());
        let bench = bench.restarted(vec![Fault::DropAfterEffect(1.0)]).await;
        let error = bench.send(&mutation, &sent, opened.as_ref()).await.unwrap_err();
        assert_eq!(error.class.mutation_outcome(), MutationOutcome::Unknown, "{}: {error}", bench.name());
        let bench = bench.restarted(Vec::new()).await;
        assert!(matches!(bench.found(&sent).await, Sighting::Done(_)), "{}", bench.name());
    }
}

#[tokio::test]
async fn what_was_never_sent_is_absent_or_not_done() {
    for bench in benches().await {
        let kinds = match bench.platform.publication_time() {
            PublicationTime::AfterReadiness => {
                vec![EffectKind::Upload, EffectKind::Cover, EffectKind::Publication]
            }
            PublicationTime::WithUpload => vec![EffectKind::Post],
        };
        for kind in kinds {
            let absent = Sighting::Absent { name_is_taken: false };
            let never = SentEffect { scope: ADGROUP.into(), ..effect(kind, "never.mp4") };
            let seen = bench.connected.look(&never).await.unwrap();
            assert!(seen == absent || matches!(seen, Sighting::NotDone(_)), "{}: {seen:?}", bench.name());
            let earlier = bench.connected.look_for_earlier(&never).await.unwrap();
            assert_eq!(earlier, absent, "{} {kind:?}", bench.name());
        }
    }
}

#[tokio::test]
async fn a_publication_and_its_cover_are_found_and_their_names_are_taken() {
    for bench in benches().await {
        if bench.platform.publication_time() == PublicationTime::WithUpload {
            continue;
        }
        let (asset, cover) = (bench.asset(), bench.cover());
        let row = bench.row(&asset);
        let mutation = Mutation::Upload { asset: &asset, row: &row };
        let upload = bench.sent_upload(&asset, None);
        let video_id = bench.send(&mutation, &upload, None).await.unwrap();
        assert_eq!(bench.finished(&asset, &video_id).await, Progress::Ready);
        let other = bench.sandbox.asset("other.mp4", b"other bytes");
        let again = Mutation::Upload { asset: &other, row: &row };
        let error = bench.send(&again, &upload, None).await.unwrap_err();
        assert_eq!(error.class, Class::NameTaken, "{error}");
        let earlier = bench.connected.look_for_earlier(&upload).await.unwrap();
        assert_eq!(earlier, Sighting::Absent { name_is_taken: true });

        let mut cover_id = None;
        if bench.platform.cover().is_some() {
            let sent = sent_cover(&cover);
            let id = bench.send(&Mutation::Cover(&cover), &sent, None).await.unwrap();
            assert_eq!(bench.found(&sent).await, Sighting::Done(id.clone()));
            cover_id = Some(id);
        }
        let name = bench.platform.publication(&row).unwrap();
        let publication = Mutation::Publication(NewPublication {
            row: &row,
            video_id: &video_id,
            cover_id: cover_id.as_deref(),
            creative_id: None,
            enable: false,
        });
        let sent = SentEffect {
            scope: name.scope,
            video_id: Some(video_id.clone()),
            ..effect(EffectKind::Publication, &name.name)
        };
        let id = bench.send(&publication, &sent, None).await.unwrap();
        assert_eq!(bench.found(&sent).await, Sighting::Done(id.clone()));
        let later = connect(bench.platform, bench.mode, &bench.sandbox, TOKEN);
        assert_eq!(later.look_for_earlier(&sent).await.unwrap(), Sighting::Done(id));
        let other_video = SentEffect { video_id: Some("another".into()), ..sent };
        assert!(matches!(later.look(&other_video).await.unwrap(), Sighting::Ambiguous(_)));
    }
}

#[tokio::test]
async fn a_cover_whose_reply_is_lost_is_found_again() {
    for bench in benches().await {
        if bench.platform.cover().is_none() {
            continue;
        }
        let cover = bench.cover();
        let sent = sent_cover(&cover);
        let bench = bench.restarted(vec![Fault::DropAfterEffect(1.0)]).await;
        let error = bench.send(&Mutation::Cover(&cover), &sent, None).await.unwrap_err();
        assert_eq!(error.class.mutation_outcome(), MutationOutcome::Unknown, "{error}");
        let bench = bench.restarted(Vec::new()).await;
        assert!(matches!(bench.found(&sent).await, Sighting::Done(_)));
        assert_eq!(bench.sandbox.effects("image_created").len(), 1);
    }
}
