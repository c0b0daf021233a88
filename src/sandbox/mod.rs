//! A local server that imitates the platform's APIs for ads and posts, for trials and tests.
//!
//! It implements the wire format of TikTok's Business API v1.3 over plain HTTP, keeps its state in a folder
//! across restarts, takes time to process uploads, and injects faults on request ([`Fault`]).
//! It shares no code with the checks and the client: limits, code table and wire formats are its own, so that
//! an error in a profile is not repeated here.
//!
//! [`server`] hands each request to its API. [`ads_api`] applies faults, access token, rate limit and parameters, then
//! calls the handler of the endpoint ([`video_upload`], [`video_read`], [`chunked`], [`image`], [`ad`], [`account`],
//! [`tasks`]). [`post`] and [`post_put`] serve the posting API. New objects are on disk ([`store`]) before they are
//! acknowledged.

mod account;
mod ad;
mod ads_api;
mod app;
mod call;
mod chunked;
mod clock;
mod conn;
mod fault;
mod fetch;
mod file_hash;
mod host;
mod image;
mod limiter;
mod limits;
mod log;
mod options;
mod pages;
mod post;
mod post_open;
mod post_pull;
mod post_put;
mod post_reply;
mod post_result;
mod read_fault;
mod reply;
mod routes;
mod server;
mod store;
mod tasks;
mod time_span;
mod upload_source;
mod video_read;
mod video_upload;

pub use fault::{Fault, FaultParseError};
pub use limits::{UploadFacts, UploadProber, rejection_reasons};
pub use options::{ADGROUP, ADVERTISER, IDENTITY, Reupload, SandboxError, SandboxOptions, TOKEN, Tier};
pub use read_fault::{ReadFailure, ReadFault, ReadLimit};
pub use server::{Sandbox, start};
pub use time_span::parse_span;
