//! The stand-in, met over real HTTP as a client meets it.
#![allow(clippy::unwrap_used, missing_docs)]

mod ads;
mod bench;
mod calls;
mod faults;
mod videos;
