//! The built-in profiles.

use super::definition::Profile;

macro_rules! builtin {
    ($($id:literal),* $(,)?) => {
        /// Ids of the built-in profiles.
        pub const BUILTIN_IDS: &[&str] = &[$($id),*];

        fn text(id: &str) -> Option<&'static str> {
            match id {
                $($id => Some(include_str!(concat!("../../profiles/", $id, ".toml"))),)*
                "common" => Some(include_str!("../../profiles/common.toml")),
                _ => None,
            }
        }
    };
}

builtin!(
    "tiktok-ads",
    "tiktok-ads-reservation",
    "tiktok-ad-network",
    "tiktok-post",
    "instagram-reels",
    "facebook-reels",
    "youtube",
    "youtube-shorts",
    "x",
    "snap-ads",
    "pinterest",
    "linkedin",
    "reddit-ads",
    "whatsapp",
);

impl Profile {
    /// Returns the built-in profile with that id.
    pub fn builtin(id: &str) -> Option<Profile> {
        find(id)
    }

    /// Returns the ids of the built-in profiles.
    pub fn builtin_ids() -> &'static [&'static str] {
        BUILTIN_IDS
    }
}

/// Parses the built-in profile `id`. A test parses every built-in profile, so parsing cannot fail for
/// users.
fn find(id: &str) -> Option<Profile> {
    Profile::parse(text(id)?, &find).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_builtin_profile_parses_and_has_the_id_of_its_file() {
        assert!(BUILTIN_IDS.len() >= 14);
        for id in BUILTIN_IDS {
            let profile =
                Profile::parse(text(id).unwrap(), &find).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(profile.id(), *id);
            assert!(profile.rules().video_codec.is_some(), "{id}");
        }
    }

    #[test]
    fn every_limit_has_a_date_and_every_published_one_a_source() {
        for id in BUILTIN_IDS {
            for (rule, limits) in find(id).unwrap().rules().all() {
                assert!(limits.terms().checked_on.is_some(), "{id} {rule} has no date");
                let published = limits.terms().confidence != super::super::limits::Confidence::Practice;
                assert!(!published || limits.terms().source.is_some(), "{id} {rule} has no source");
            }
        }
    }
}
