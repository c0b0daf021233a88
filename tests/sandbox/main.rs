//! Tests of the sandbox over real HTTP.
#![allow(clippy::unwrap_used, missing_docs)]

mod ads;
mod bench;
mod calls;
mod faults;
mod videos;
