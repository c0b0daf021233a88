//! TikTok's Marketing API v1.3.

pub mod codes;
