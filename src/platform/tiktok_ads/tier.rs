//! The access levels of an app and what each allows.

use std::str::FromStr;

/// The access level of the app, which sets its limits. Source: portal page rate-limits/v1.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// 10 calls per second, 600 per minute, 864 000 per day.
    #[default]
    Basic,
    /// 20 / 1 200 / 1 728 000.
    Advanced,
    /// 30 / 1 800 / 2 592 000.
    Premium,
    /// 50 / 3 000 / 4 320 000.
    Ultimate,
    /// 1 / 30 / 1 000, counted separately for each endpoint.
    Sandbox,
}

/// The error for an unknown tier name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown tier `{0}`: use basic, advanced, premium, ultimate or sandbox")]
pub struct UnknownTier(String);

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Tier, UnknownTier> {
        match text {
            "basic" => Ok(Tier::Basic),
            "advanced" => Ok(Tier::Advanced),
            "premium" => Ok(Tier::Premium),
            "ultimate" => Ok(Tier::Ultimate),
            "sandbox" => Ok(Tier::Sandbox),
            _ => Err(UnknownTier(text.to_owned())),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub(super) second: usize,
    pub(super) minute: usize,
    pub(super) day: u64,
}

impl Tier {
    pub(super) fn all(self) -> Allowance {
        let (second, minute, day) = match self {
            Tier::Basic => (10, 600, 864_000),
            Tier::Advanced => (20, 1_200, 1_728_000),
            Tier::Premium => (30, 1_800, 2_592_000),
            Tier::Ultimate => (50, 3_000, 4_320_000),
            Tier::Sandbox => (1, 30, 1_000),
        };
        Allowance { second, minute, day }
    }

    pub(super) fn create(self) -> Allowance {
        let (second, minute, day) = match self {
            Tier::Basic => (5, 150, 86_400),
            Tier::Advanced => (10, 200, 86_400),
            Tier::Premium => (10, 300, 86_400),
            Tier::Ultimate => (15, 300, 86_400),
            Tier::Sandbox => (1, 30, 1_000),
        };
        Allowance { second, minute, day }
    }
}
