//! TikTok's Content Posting API: drafts into a creator's inbox, and direct posts.
//!
//! [`TikTokPost`] is the client. Calls go through `client`, within the rate limit of each endpoint (`call_limiter`),
//! and are classified by [`codes`]; `put` sends the bytes in [`chunks`].

mod call_limiter;
pub mod chunks;
mod client;
pub mod codes;
mod columns;
mod destination;
mod endpoints;
pub mod fail_reasons;
mod objects;
mod options;
mod platform;
mod put;
mod wire;

pub use self::client::TikTokPost;
pub use self::endpoints::{CALLS_PER_MINUTE, POSTS_PER_MINUTE, calls};
pub use self::objects::{Creator, NewPost, PostMode, PostStatus};
pub use self::options::{HOSTS, PostOptions, PostOptionsError, origin_of};
pub use self::platform::{POSTS, Posts};
