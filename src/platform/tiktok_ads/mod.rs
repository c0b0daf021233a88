//! TikTok's Marketing API v1.3.
//!
//! [`TikTokAds`] is the client. Every call goes through `calls`, which waits for the rate limit (`call_limiter`,
//! `limiter`), sends the request, parses the reply (`wire`) and classifies failures ([`codes`]). `upload`
//! sends files, `read_endpoints` reads and creates ads. Reads are repeated within a budget, mutations never.

pub(crate) mod call_limiter;
mod calls;
mod client;
mod code_overrides;
mod code_table;
pub mod codes;
mod columns;
mod destination;
mod explain;
mod forecast;
mod limiter;
mod objects;
mod options;
mod platform;
mod read_endpoints;
mod retry_budget;
mod tier;
mod upload;
mod wire;
mod wordings;

pub use self::call_limiter::OnPause;
pub use self::client::TikTokAds;
pub use self::code_overrides::{CodeTable, CodeTableError};
pub use self::limiter::Pauses;
pub use self::objects::{MediaKind, NewAd, RemoteAd, RemoteVideo};
pub use self::options::{ClientOptions, ConfigurationError};
pub use self::platform::{ADS, Ads};
pub use self::tier::{Tier, UnknownTier};
pub use super::Timeouts;

#[cfg(test)]
mod tests;
