//! A local stand-in for the platform's APIs of ads and of posts, for trials and tests.
//!
//! It speaks the wire format of TikTok's Business API v1.3 over plain HTTP, keeps its state in a folder
//! across restarts, takes time to process what it gets, and misbehaves on request ([`Fault`]).
//! It shares no judgement with the product: limits, code table and wire shapes are its own, so that a
//! mistake in the product's profile is not repeated here.
//!
//! One request goes through [`server`]: faults, access token, rate limit, parameters, then one handler
//! of an endpoint family ([`video_upload`], [`video_read`], [`chunked`], [`image`], [`ad`],
//! [`account`], [`tasks`], [`post`], [`post_pull`] and [`post_put`]). What comes into being is on disk ([`store`])
//! before it is acknowledged.

mod account;
mod ad;
mod call;
mod chunked;
mod clock;
mod conn;
mod fault;
mod fetch;
mod image;
mod limiter;
mod limits;
mod log;
mod options;
mod pages;
mod post;
mod post_pull;
mod post_put;
mod reply;
mod routes;
mod server;
mod store;
mod tasks;
mod video_read;
mod video_upload;

pub use fault::{Fault, FaultParseError};
pub use limits::{UploadFacts, UploadProber, judge};
pub use options::{
    ADGROUP, ADVERTISER, IDENTITY, Reupload, SandboxError, SandboxOptions, TOKEN, Tier, parse_span,
};
pub use server::{Sandbox, start};
