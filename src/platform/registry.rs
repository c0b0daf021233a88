//! All destinations, and what needs them all.

use crate::profile::RuleId;

use super::{COVER, Class, ConnectError, Platform, PublicationKind, VIDEO, folder, tiktok_ads, tiktok_post};

/// Every destination that a configuration can name.
pub const PLATFORMS: &[&dyn Platform] = &[&tiktok_ads::ADS, &tiktok_post::POSTS, &folder::FOLDER];

/// Returns the destination with an id.
pub fn platform(id: &str) -> Option<&'static dyn Platform> {
    PLATFORMS.iter().copied().find(|platform| platform.id() == id)
}

/// Returns the columns of all manifests, each once.
pub fn columns() -> Vec<&'static str> {
    let mut columns = vec![VIDEO, COVER];
    for column in PLATFORMS.iter().flat_map(|platform| platform.columns()) {
        if !columns.contains(column) {
            columns.push(column);
        }
    }
    columns
}

/// Checks the configuration's table of codes that it overrides.
///
/// # Errors
/// The first entry that cannot be used.
pub(crate) fn check_codes(codes: &toml::Value) -> Result<(), ConnectError> {
    PLATFORMS.iter().try_for_each(|platform| platform.check_codes(codes))
}

/// Returns what is published at a destination, by its key in a journal, which ends with the account.
pub(crate) fn kind_of_account(key: &str) -> PublicationKind {
    let of_mode = |platform: &&dyn Platform, mode: Option<&str>| {
        let suffix = platform.account_in_keys("", mode);
        (!suffix.is_empty() && key.ends_with(&suffix)).then(|| platform.publication_kind(mode))
    };
    let kinds = PLATFORMS.iter().flat_map(|platform| {
        let modes = platform.modes().iter().map(|mode| Some(*mode));
        modes.chain([None]).filter_map(move |mode| of_mode(platform, mode))
    });
    kinds.into_iter().next().unwrap_or(PublicationKind::Ad)
}

/// Explains a code or a reason of any destination; `None` for an unknown one.
pub(crate) fn explain(code: &str, codes: Option<&toml::Value>) -> Option<String> {
    PLATFORMS.iter().find_map(|platform| platform.explain(code, codes))
}

/// Returns what a code or a reason of any destination says about the file that was refused.
pub(crate) fn class_of(code: &str, codes: Option<&toml::Value>) -> Option<Class> {
    PLATFORMS.iter().find_map(|platform| platform.class_of(code, codes))
}

/// Returns the rules whose published limits a code or a reason of any destination names.
pub(crate) fn limits_of(code: &str) -> &'static [RuleId] {
    PLATFORMS
        .iter()
        .map(|platform| platform.limits_of(code))
        .find(|rules| !rules.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::columns::check_columns;
    use crate::platform::{Row, RowProblems};

    #[test]
    fn every_id_is_unique_and_every_mode_has_a_journal_key_of_its_own() {
        for platform in PLATFORMS {
            let same = PLATFORMS.iter().filter(|other| other.id() == platform.id());
            assert_eq!(same.count(), 1, "{}", platform.id());
            let mut keys: Vec<String> =
                platform.modes().iter().map(|mode| platform.account_in_keys("me", Some(mode))).collect();
            keys.dedup();
            assert_eq!(keys.len(), platform.modes().len(), "{keys:?}");
            if let Some(first) = platform.modes().first() {
                assert_eq!(platform.account_in_keys("me", None), platform.account_in_keys("me", Some(first)));
            }
        }
    }

    #[test]
    fn a_column_of_another_destination_is_an_error_that_names_both() {
        let row = Row::new(3, "a.mp4").with("title", "t").with("ad_name", "n");
        for (platform, column, owner) in
            [("tiktok-ads", "title", "tiktok-post"), ("tiktok-post", "ad_name", "tiktok-ads")]
        {
            let mut problems = Vec::new();
            let platform = super::platform(platform).unwrap();
            check_columns(platform, PLATFORMS, &mut RowProblems { row: &row, problems: &mut problems });
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!((problems[0].row, problems[0].field, problems[0].is_warning()), (3, column, false));
            assert!(problems[0].message.contains(&format!("belongs to {owner}, not to {}", platform.id())));
        }
        assert_eq!(kind_of_account("https://a|7"), PublicationKind::Ad);
        assert_eq!(kind_of_account("https://a|me:inbox"), PublicationKind::Draft);
        assert_eq!(kind_of_account("https://a|me:direct"), PublicationKind::Post);
        assert!(columns().starts_with(&["video", "cover"]) && columns().contains(&"privacy_level"));
    }

    #[test]
    fn explains_the_codes_of_all_destinations() {
        assert!(explain("40100", None).is_some_and(|page| page.contains("too many requests")));
        assert!(explain("frame_rate_check_failed", None).is_some_and(|page| page.contains("frame rate")));
        assert_eq!(explain("no_such_reason", None), None);
        assert_eq!(class_of("40915", None), Some(Class::ReEncode));
        assert_eq!(class_of("spam_risk", None), Some(Class::Permanent));
        assert_eq!(limits_of("duration_check_failed"), [RuleId::Duration]);
        assert!(limits_of("frame_rate_check_failed").is_empty());
        let codes = toml::Value::Table("[40915]\nclass = \"wait\"\n".parse().unwrap());
        assert_eq!(class_of("40915", Some(&codes)), Some(Class::Wait));
    }
}
