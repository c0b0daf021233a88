//! TikTok ads as a destination describes itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::destination::Advertiser;
use super::forecast::{ad_calls, upload_calls, waiting_calls};
use super::options::{CHUNK_ABOVE, HOSTS, origin_of};
use super::upload::MAX_NAME_CHARS;
use super::{ClientOptions, CodeTable, Tier, TikTokAds, columns, explain};
use crate::platform::{
    CallCounts, Class, ConnectError, Connection, CoverLimits, Defaults, Destination, Platform, Problem,
    PublicationKind, PublicationName, PublicationTime, Quota, Row,
};
use crate::profile::Profile;

/// The destination for ads.
pub const ADS: Ads = Ads;

/// TikTok ads, without a connection.
pub struct Ads;

const ID: &str = "tiktok-ads";
/// The path of the configuration's table of codes.
const CODES_PATH: &str = "override.code";
/// The path of the API, below the address of the stand-in.
const API: &str = "open_api/v1.3";
/// The advertiser of the stand-in.
const TRIAL_ADVERTISER: &str = "7000000000000000001";
/// The longest side of a cover, in pixels. Source: page image-upload.
const MAX_COVER_SIDE: u32 = 1280;

/// Returns the table of codes with the user's overrides; without them if they cannot be used, which
/// [`Platform::check_codes`] reports.
fn code_table(codes: Option<&toml::Value>) -> CodeTable {
    codes.and_then(|codes| CodeTable::read(codes, CODES_PATH).ok()).unwrap_or_default()
}

/// The largest cover, in bytes. Source: page image-upload.
const MAX_COVER_BYTES: u64 = 50_000_000;

fn parse_tier(tier: &str) -> Result<Tier, ConnectError> {
    if tier.is_empty() {
        return Ok(Tier::default());
    }
    tier.parse().map_err(|error| ConnectError::new(format!("invalid tier `{tier}`: {error}")))
}

impl Platform for Ads {
    fn id(&self) -> &'static str {
        ID
    }

    fn defaults(&self) -> Defaults {
        Defaults {
            profile: ID,
            base_url: "https://business-api.tiktok.com/open_api/v1.3",
            token_env: Some("TIKTOK_ACCESS_TOKEN"),
            account_key: "advertiser_id",
            account: None,
            tier: "basic",
        }
    }

    fn hosts(&self) -> &'static [&'static str] {
        HOSTS
    }

    fn origin_of(&self, base_url: &str) -> Result<String, ConnectError> {
        origin_of(base_url).map_err(ConnectError::new)
    }

    fn connect(&self, connection: Connection) -> Result<Arc<dyn Destination>, ConnectError> {
        let Connection { base_url, origin, account, mode: _, token, tier, codes, bandwidth, on_pause } =
            connection;
        let token = token.ok_or_else(|| ConnectError::new("no access token"))?;
        let options = ClientOptions {
            origin,
            tier: parse_tier(&tier)?,
            codes: match &codes {
                Some(codes) => CodeTable::read(codes, CODES_PATH).map_err(ConnectError::new)?,
                None => CodeTable::default(),
            },
            bandwidth,
            on_pause,
            ..ClientOptions::new(&base_url, &account, token)
        };
        Ok(Arc::new(Advertiser::new(&ADS, TikTokAds::new(options).map_err(ConnectError::new)?)))
    }

    fn trial(&self, address: &str, _folder: &Path) -> (String, String) {
        (format!("http://{address}/{API}"), TRIAL_ADVERTISER.to_owned())
    }

    fn publication_kind(&self, _mode: Option<&str>) -> PublicationKind {
        PublicationKind::Ad
    }

    fn publication_time(&self) -> PublicationTime {
        PublicationTime::AfterReadiness
    }

    fn cover(&self) -> Option<CoverLimits> {
        Some(CoverLimits { side: MAX_COVER_SIDE, bytes: MAX_COVER_BYTES })
    }

    fn max_name_chars(&self) -> usize {
        MAX_NAME_CHARS
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

    fn publication(&self, row: &Row) -> Option<PublicationName> {
        columns::publication(row)
    }

    fn name_column(&self) -> &'static str {
        columns::AD_NAME
    }

    fn digest(&self, row: &Row, cover: &str) -> String {
        columns::digest_of(row, cover)
    }

    fn landing_page<'a>(&self, row: &'a Row) -> &'a str {
        row.text(columns::LANDING_PAGE_URL)
    }

    fn check_rows(
        &self,
        rows: &[Row],
        _mode: Option<&str>,
        profile: &Profile,
        all: &[&dyn Platform],
    ) -> Vec<Problem> {
        columns::check_rows(self, all, rows, &columns::Limits::of(profile.rules()))
    }

    fn calls_of_file(&self, _mode: Option<&str>, upload_bytes: Option<u64>, publications: u64) -> CallCounts {
        let upload = upload_bytes.map_or_else(Vec::new, |bytes| upload_calls(bytes, CHUNK_ABOVE));
        upload.into_iter().chain(ad_calls(publications, 0, 0)).collect()
    }

    fn shared_calls(&self, waits: u64, rows: &[&Row]) -> CallCounts {
        let groups: BTreeSet<&str> = rows.iter().map(|row| row.text(columns::ADGROUP_ID)).collect();
        let covers: BTreeSet<(Option<&PathBuf>, &Path)> =
            rows.iter().map(|row| (row.cover.as_ref(), row.cover.as_deref().unwrap_or(&row.video))).collect();
        waiting_calls(waits)
            .into_iter()
            .chain(ad_calls(0, groups.len() as u64, covers.len() as u64))
            // Access is checked twice: before files are prepared, and when uploads start.
            .chain([("file/video/ad/search/", 2)])
            .collect()
    }

    fn quota(&self, tier: &str) -> Result<Quota, ConnectError> {
        let tier = parse_tier(tier)?;
        Ok(Quota {
            has_tiers: true,
            calls_per_minute: tier.all().minute as u64,
            calls_per_day: Some(tier.all().day),
            publications_per_minute: tier.create().minute as u64,
        })
    }

    fn check_codes(&self, codes: &toml::Value) -> Result<(), ConnectError> {
        CodeTable::read(codes, CODES_PATH).map(drop).map_err(ConnectError::new)
    }

    fn explain(&self, code: &str, codes: Option<&toml::Value>) -> Option<String> {
        explain::explain(code, &code_table(codes))
    }

    fn class_of(&self, code: &str, codes: Option<&toml::Value>) -> Option<Class> {
        code_table(codes).page(code.trim().parse().ok()?).map(|page| page.class)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn counts_the_calls_of_rows_by_group_and_cover() {
        let row = |number: u32, group: &str| Row::new(number, "a.mp4").with(columns::ADGROUP_ID, group);
        let (one, two, mut three) = (row(1, "1"), row(2, "2"), row(3, "2"));
        three.cover = Some("c.png".into());
        let calls = ADS.shared_calls(61, &[&one, &two, &three]);
        let count = |endpoint: &str| calls.iter().find(|(name, _)| *name == endpoint).unwrap().1;
        assert_eq!((count("ad/get/"), count("file/image/ad/upload/")), (2, 2));
        assert_eq!((count("file/video/ad/info/"), count("file/video/ad/search/")), (10, 2));
        assert_eq!(ADS.calls_of_file(None, None, 0), []);
        assert_eq!(ADS.calls_of_file(None, Some(1), 2), [("file/video/ad/upload/", 1), ("ad/create/", 2)]);
    }

    #[test]
    fn an_unknown_tier_is_named_with_the_known_ones() {
        let error = ADS.quota("gold").unwrap_err().to_string();
        assert!(error.contains("invalid tier `gold`") && error.contains("ultimate"), "{error}");
        assert_eq!(ADS.quota("basic").unwrap().calls_per_day, Some(864_000));
    }
}
