//! A local server that imitates the platform's APIs for ads and posts, for trials and tests.
//!
//! It implements the wire format of TikTok's Business API v1.3 over plain HTTP, keeps its state in a folder
//! across restarts, takes time to process uploads, and injects faults on request ([`Fault`]).
//! It shares no code with the checks and the client: limits, code table and wire formats are its own, so that
//! an error in a profile is not repeated here.
//!
//! [`server`] handles each request: faults, access token, rate limit, parameters, then the handler of the
//! endpoint ([`video_upload`], [`video_read`], [`chunked`], [`image`], [`ad`],
//! [`account`], [`tasks`], [`post`], [`post_pull`] and [`post_put`]). New objects are on disk ([`store`]) before
//! they are acknowledged.

mod account;
mod ad;
mod app;
mod call;
mod chunked;
mod clock;
mod conn;
mod fault;
mod fetch;
mod host;
mod image;
mod limiter;
mod limits;
mod log;
mod options;
mod pages;
mod post;
mod post_pull;
mod post_put;
mod read_fault;
mod reply;
mod routes;
mod server;
mod store;
mod tasks;
mod video_read;
mod video_upload;

pub use fault::{Fault, FaultParseError};
pub use limits::{UploadFacts, UploadProber, rejection_reasons};
pub use options::{
    ADGROUP, ADVERTISER, IDENTITY, Reupload, SandboxError, SandboxOptions, TOKEN, Tier, parse_span,
};
pub use read_fault::{ReadFailure, ReadFault, ReadLimit};
pub use server::{Sandbox, start};
