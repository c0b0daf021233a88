//! TikTok's Content Posting API: drafts into a creator's inbox, and direct posts.
//!
//! [`TikTokPost`] is the client. Calls go through `client`, within the rate limit of each endpoint (`call_limiter`),
//! and are classified by `codes`; `put` sends the bytes in `chunks`.

mod call_limiter;
mod chunks;
mod client;
mod codes;
mod columns;
mod destination;
mod endpoints;
mod fail_reasons;
mod objects;
mod options;
mod platform;
mod put;
mod wire;

pub use self::client::TikTokPost;
pub use self::objects::{Creator, NewPost, PostMode, PostStatus};
pub use self::options::{PostOptions, PostOptionsError};
pub use self::platform::{POSTS, Posts};
