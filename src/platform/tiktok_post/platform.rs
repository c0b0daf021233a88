//! TikTok posts as a destination describes itself.

use std::path::Path;
use std::sync::Arc;

use super::destination::CreatorAccount;
use super::endpoints::{CALLS_PER_MINUTE, CREATOR, POSTS_PER_MINUTE, calls};
use super::options::{HOSTS, origin_of};
use super::{PostMode, PostOptions, TikTokPost, columns, fail_reasons};
use crate::platform::{
    CallCounts, Class, ConnectError, Connection, Defaults, Destination, Platform, Problem, PublicationKind,
    PublicationName, PublicationTime, Quota, Row,
};
use crate::profile::{Profile, RuleId};

/// The destination for posts.
pub const POSTS: Posts = Posts;

/// TikTok posts, without a connection.
pub struct Posts;

const ID: &str = "tiktok-post";
/// The name of every post in the journal: a post has no name, and is known by its video.
const POST_NAME: &str = "post";
/// The creator's account in the stand-in.
const TRIAL_CREATOR: &str = "sandbox_creator";

/// Returns the mode with a name of [`Platform::modes`].
pub(super) fn post_mode(mode: Option<&str>) -> PostMode {
    [PostMode::Inbox, PostMode::Direct]
        .into_iter()
        .find(|known| mode == Some(known.name()))
        .unwrap_or_default()
}

impl Platform for Posts {
    fn id(&self) -> &'static str {
        ID
    }

    fn defaults(&self) -> Defaults {
        Defaults {
            profile: ID,
            base_url: "https://open.tiktokapis.com",
            token_env: Some("TIKTOK_CREATOR_TOKEN"),
            account_key: "account",
            account: None,
            tier: "",
        }
    }

    fn modes(&self) -> &'static [&'static str] {
        // Drafts are the default because they are not public.
        const { &[PostMode::Inbox.name(), PostMode::Direct.name()] }
    }

    fn hosts(&self) -> &'static [&'static str] {
        HOSTS
    }

    fn origin_of(&self, base_url: &str) -> Result<String, ConnectError> {
        origin_of(base_url).map_err(ConnectError::new)
    }

    /// A draft and a post of the same video are two publications.
    fn account_in_keys(&self, account: &str, mode: Option<&str>) -> String {
        format!("{account}:{}", post_mode(mode).name())
    }

    fn connect(&self, connection: Connection) -> Result<Arc<dyn Destination>, ConnectError> {
        let Connection { base_url, origin, account, mode, token, tier: _, codes: _, bandwidth, on_pause } =
            connection;
        let token = token.ok_or_else(|| ConnectError::new("no access token"))?;
        let options =
            PostOptions { origin, bandwidth, on_pause, ..PostOptions::new(&base_url, &account, token) };
        let client = TikTokPost::new(options).map_err(ConnectError::new)?;
        Ok(Arc::new(CreatorAccount::new(&POSTS, client, post_mode(mode))))
    }

    fn trial(&self, address: &str, _folder: &Path) -> (String, String) {
        (format!("http://{address}"), TRIAL_CREATOR.to_owned())
    }

    fn publication_kind(&self, mode: Option<&str>) -> PublicationKind {
        match post_mode(mode) {
            PostMode::Inbox => PublicationKind::Draft,
            PostMode::Direct => PublicationKind::Post,
        }
    }

    fn publication_time(&self) -> PublicationTime {
        PublicationTime::WithUpload
    }

    fn max_name_chars(&self) -> usize {
        // The name is not sent; it identifies the upload in the journal.
        100
    }

    fn upload_extension<'a>(&self, _of_file: &'a str) -> &'a str {
        "mp4"
    }

    fn columns(&self) -> &'static [&'static str] {
        columns::COLUMNS
    }

    fn example_row(&self) -> Row {
        columns::example()
    }

    fn publication(&self, _row: &Row) -> Option<PublicationName> {
        Some(PublicationName { scope: String::new(), name: POST_NAME.to_owned() })
    }

    fn name_column(&self) -> &'static str {
        crate::platform::VIDEO
    }

    fn digest(&self, row: &Row, _cover: &str) -> String {
        columns::digest_of(row)
    }

    fn check_rows(
        &self,
        rows: &[Row],
        mode: Option<&str>,
        _profile: &Profile,
        all: &[&dyn Platform],
    ) -> Vec<Problem> {
        columns::check_rows(self, all, rows, post_mode(mode))
    }

    fn calls_of_file(&self, mode: Option<&str>, upload_bytes: Option<u64>, _publications: u64) -> CallCounts {
        upload_bytes.map_or_else(Vec::new, |bytes| calls(post_mode(mode), bytes))
    }

    fn shared_calls(&self, _waits: u64, _rows: &[&Row]) -> CallCounts {
        // Access is checked twice: before files are prepared, and when uploads start.
        vec![(CREATOR, 2)]
    }

    fn quota(&self, _tier: &str) -> Result<Quota, ConnectError> {
        Ok(Quota {
            calls_per_minute: CALLS_PER_MINUTE,
            publications_per_minute: POSTS_PER_MINUTE,
            ..Quota::default()
        })
    }

    fn explain(&self, code: &str, _codes: Option<&toml::Value>) -> Option<String> {
        fail_reasons::explain(code)
    }

    fn class_of(&self, code: &str, _codes: Option<&toml::Value>) -> Option<Class> {
        fail_reasons::page(code.trim()).map(|page| page.class)
    }

    fn limits_of(&self, code: &str) -> &'static [RuleId] {
        fail_reasons::limits_of(code.trim())
    }
}
