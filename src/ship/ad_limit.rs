//! A limit on how many ads one run creates: a wrong manifest should not spend a budget.

use super::journal::{Journal, JournalError};
use crate::platform::{Platform, Row};

/// A run that creates more enabled ads than this needs a limit that the user sets.
const ENABLED_WITHOUT_LIMIT: usize = 50;

/// Why a run would create too many ads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdLimitError {
    /// There are more than the user allows.
    #[error(
        "this run would create {ads} ads, and --max-ads allows {max}: nothing was sent; ship fewer rows, or raise \
         --max-ads"
    )]
    TooMany {
        /// Ads that the run would create.
        ads: usize,
        /// Ads that it may create.
        max: usize,
    },
    /// There are many enabled ads, and the user set no limit.
    #[error(
        "this run would create {ads} enabled ads, which spend money at once: nothing was sent; more than \
         {ENABLED_WITHOUT_LIMIT} need --max-ads {ads} (or a higher number), or leave out --enable"
    )]
    NeedsLimit {
        /// Ads that the run would create.
        ads: usize,
    },
}

/// Returns how many ads the rows ask for that an earlier run did not create.
///
/// # Errors
///
/// If the journal cannot be read.
pub fn ads_to_create(
    journal: Option<&Journal>,
    platform: &dyn Platform,
    (origin, account): (&str, &str),
    rows: &[Row],
) -> Result<usize, JournalError> {
    let published = match journal {
        Some(journal) => journal.published_names(origin, account)?,
        None => Default::default(),
    };
    let asked = rows.iter().filter_map(|row| platform.publication(row));
    Ok(asked.filter(|asked| !published.contains(&(asked.scope.clone(), asked.name.clone()))).count())
}

/// Checks the number of ads that a run would create.
///
/// # Errors
///
/// [`AdLimitError`]
pub fn check_ad_limit(ads: usize, is_enabled: bool, max: Option<u32>) -> Result<(), AdLimitError> {
    match max.map(|max| max as usize) {
        Some(max) if ads > max => Err(AdLimitError::TooMany { ads, max }),
        None if is_enabled && ads > ENABLED_WITHOUT_LIMIT => Err(AdLimitError::NeedsLimit { ads }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_for_all_ads_and_many_enabled_ones_need_one() {
        assert_eq!(check_ad_limit(51, false, None), Ok(()));
        assert_eq!(check_ad_limit(50, true, None), Ok(()));
        assert_eq!(check_ad_limit(51, true, None), Err(AdLimitError::NeedsLimit { ads: 51 }));
        assert_eq!(check_ad_limit(51, true, Some(51)), Ok(()));
        for is_enabled in [true, false] {
            let refused = check_ad_limit(2, is_enabled, Some(1));
            assert_eq!(refused, Err(AdLimitError::TooMany { ads: 2, max: 1 }));
        }
        assert_eq!(check_ad_limit(0, true, Some(0)), Ok(()));
    }
}
